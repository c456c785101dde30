"""The adapter on the emulator, as far as it reads the account's books; what is in them is made by the SDK."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.braintree import BraintreeProvider
from domain.provider import ChangesPage, DisputeResult, Outcome
from tests.adapters.braintree.desk import provider_at
from tests.emulators.braintree_shop import Shop, open_shop


@dataclass
class Books:
    shop: Shop
    provider: BraintreeProvider

    @property
    def now(self) -> datetime:
        """By the account's clock, which tests put forward."""
        return datetime.fromtimestamp(self.shop.control("clock")["now"], UTC)

    def advance(self, **by: float) -> None:
        self.shop.advance(timedelta(**by).total_seconds())

    # --- disputes -----------------------------------------------------------------------------------------------------

    def disputed(self, **dispute: Any) -> tuple[str, str]:
        """A sale that has settled, and the dispute of it."""
        sold = self.shop.settled("12.34")
        return sold.id, self.shop.control("disputes", {"transaction": sold.id, **dispute})["id"]

    def decide(self, dispute_ref: str, *, won: bool) -> None:
        self.shop.control("disputes", {"dispute": dispute_ref, "won": won})

    async def dispute(self, dispute_ref: str) -> DisputeResult:
        return await self.provider.fetch_dispute(dispute_ref=dispute_ref)

    def texts(self, dispute_ref: str) -> list[tuple[str | None, str]]:
        """What Braintree has been told: category and words."""
        return [(each.category, each.comment) for each in self.shop.sdk.dispute.find(dispute_ref).evidence]

    def requests(self, call: str) -> list[dict[str, Any]]:
        asked = self.shop.control("requests")["requests"]
        return [each for each in asked if each["call"] == call]

    # --- changes ------------------------------------------------------------------------------------------------------

    async def listed(self, since: datetime | None = None) -> ChangesPage:
        """Everything, page by page."""
        whole, cursor = ChangesPage(outcome=Outcome.SUCCEEDED), None
        while True:
            page = await self.provider.changes(since=since, cursor=cursor)
            assert page.outcome is Outcome.SUCCEEDED, page
            whole = replace(
                whole,
                charges=whole.charges + page.charges,
                refunds=whole.refunds + page.refunds,
                disputes=whole.disputes + page.disputes,
            )
            cursor = page.cursor
            if cursor is None:
                return whole


@asynccontextmanager
async def open_books(address: str) -> AsyncIterator[Books]:
    with open_shop(address, duplicate_window_seconds=0) as shop:
        async with provider_at(address) as provider:
            yield Books(shop, provider)
