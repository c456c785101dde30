"""The store of the domain, on Tortoise's models and the transactions of `database`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from domain.inside import inside
from domain.store import CommitUnknown
from persistence.connections import Connection
from persistence.database import Database
from persistence.failures import is_transient
from persistence.jobs import Jobs
from persistence.nouns.api_keys import ApiKeys
from persistence.nouns.audit import AuditEntries
from persistence.nouns.balances import Balances
from persistence.nouns.charges import Charges
from persistence.nouns.customers import Customers, ProviderAccounts
from persistence.nouns.decisions import Decisions
from persistence.nouns.declines import Declines
from persistence.nouns.discrepancies import Discrepancies
from persistence.nouns.disputes import Disputes
from persistence.nouns.erasure import Erasure
from persistence.nouns.events import Events
from persistence.nouns.facts import Facts
from persistence.nouns.idempotency import Keys
from persistence.nouns.invoices import InvoiceItems, Invoices
from persistence.nouns.issuers import Issuers
from persistence.nouns.ledger import Ledger
from persistence.nouns.operations import Operations
from persistence.nouns.orders import Orders
from persistence.nouns.payment_methods import PaymentMethods
from persistence.nouns.products import Prices, Products
from persistence.nouns.reconciliations import Reconciliations
from persistence.nouns.refunds import Refunds
from persistence.nouns.subscriptions import Subscriptions
from persistence.nouns.test_clocks import TestClocks
from persistence.nouns.webhooks import Webhooks
from persistence.session import Session

T = TypeVar("T")

_UNKNOWN_COMMITS: Final = 3
"""Whose commit is lost three times in a row has another problem."""
_PATIENCE_SECONDS: Final = 8.0
"""A restarted PostgreSQL answers again after a second or two; a client waits for its charge no longer than 15."""
_PAUSE_SECONDS: Final = 0.1

_log = logging.getLogger("paydesk.store")


class TortoiseTransaction:
    """The nouns, all on one connection. Ends with the block that it was made for."""

    def __init__(self, session: Session) -> None:
        self.customers = Customers(session)
        self.accounts = ProviderAccounts(session)
        self.products = Products(session)
        self.prices = Prices(session)
        self.payment_methods = PaymentMethods(session)
        self.orders = Orders(session)
        self.subscriptions = Subscriptions(session)
        self.invoices = Invoices(session)
        self.invoice_items = InvoiceItems(session)
        self.charges = Charges(session)
        self.operations = Operations(session)
        self.refunds = Refunds(session)
        self.disputes = Disputes(session)
        self.decisions = Decisions(session)
        self.ledger = Ledger(session)
        self.balances = Balances(session)
        self.issuers = Issuers(session)
        self.test_clocks = TestClocks(session)
        self.events = Events(session)
        self.keys = Keys(session)
        self.declines = Declines(session)
        self.jobs = Jobs(session)
        self.webhooks = Webhooks(session)
        self.api_keys = ApiKeys(session)
        self.discrepancies = Discrepancies(session)
        self.reconciliations = Reconciliations(session)
        self.erasure = Erasure(session)
        self.audit = AuditEntries(session)
        self.facts = Facts(session)


class TortoiseStore:
    def __init__(self, database: Database, *, told: Callable[[], None] = lambda: None) -> None:
        """`told` is called after each commit that has added events; it may not wait for anything."""
        self._database = database
        self._told = told

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[TortoiseTransaction]:
        async with self._database.transaction() as connection:
            session = Session(connection, writing=True)
            with inside():
                yield TortoiseTransaction(session)
            session.check_whole()
        if session.tells_of_events:
            self._told()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[TortoiseTransaction]:
        async with self._database.reader() as connection:
            with inside():
                yield TortoiseTransaction(Session(connection, writing=False))

    async def run(
        self,
        work: Callable[[TortoiseTransaction], Awaitable[T]],
        *,
        landed: Callable[[TortoiseTransaction, T], Awaitable[bool]] | None = None,
    ) -> T:
        """The work in a transaction, and the whole of it again when a deadlock or a lost connection ended it.

        It may therefore touch nothing but the transaction. See `Database.run`, and `Store.run` for `landed`.
        """
        done: list[T] = []
        session: Session | None = None

        async def on(connection: Connection) -> T:
            nonlocal session
            session = Session(connection, writing=True)
            with inside():
                result = await work(TortoiseTransaction(session))
            session.check_whole()
            done[:] = [result]
            return result

        for _ in range(_UNKNOWN_COMMITS):
            try:
                result = await self._database.run(on)
                break
            except CommitUnknown as unknown:
                if landed is None:
                    raise
                result = done[0]
                if await self._is_there(result, landed, unknown):
                    break
        else:
            raise CommitUnknown("no commit of this work was confirmed, and none can be found")
        if session is not None and session.tells_of_events:
            self._told()
        return result

    async def _is_there(
        self, result: T, landed: Callable[[TortoiseTransaction, T], Awaitable[bool]], unknown: CommitUnknown
    ) -> bool:
        """Read back; the database may be away for a moment, which is why nobody knows."""

        async def look(connection: Connection) -> bool:
            return await landed(TortoiseTransaction(Session(connection, writing=False)), result)

        _log.warning("a commit was not confirmed: %s; its rows are looked for", unknown)
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            try:
                return await self._database.run(look)
            except Exception as error:
                if not is_transient(error) or asyncio.get_running_loop().time() > deadline:
                    raise unknown from error
            await asyncio.sleep(_PAUSE_SECONDS)
