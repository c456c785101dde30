"""A database and a bank, and the processes that come and go between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from adapters.fake import Bank
from persistence.database import Database
from persistence.sql import Dialect
from tests.forks import Deed, Forks
from tests.services.shop import MovableClock, Shop, open_shop


@dataclass
class World:
    forks: Forks
    url: str
    books: Path
    bank: Bank
    clock: MovableClock
    dialect: Dialect
    numbers: "count[int]" = field(default_factory=count)
    customers: dict[str, str] = field(default_factory=dict)
    """By the token of their card."""

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[Shop]:
        """A process that finds what others have left."""
        database = await Database.open(self.url)
        shop = open_shop(database, self.bank, self.clock)
        shop.numbers = self.numbers
        try:
            yield shop
        finally:
            await shop.close()
            await database.close()

    def deed(self, what: str, subject: str = "", *, key: str = "", amount: int | None = None) -> Deed:
        return Deed(
            what=what,
            url=self.url,
            books=str(self.books),
            moment=self.clock.now(),
            subject=subject,
            key=key,
            amount=amount,
        )

    async def customer(self, shop: Shop, token: str = "tok_visa") -> str:
        if token not in self.customers:
            self.customers[token] = await shop.customer()
            await shop.card(self.customers[token], token)
        return self.customers[token]

    async def order(self, shop: Shop, token: str = "tok_visa") -> str:
        return await shop.order_of(await self.customer(shop, token))
