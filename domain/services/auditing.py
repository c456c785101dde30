"""The store, for those who are watched: what they save is compared with what was there, and noted in the same commit.

It stands around the real store and passes everything through. While somebody acts whose acts are audited, each record's
first save reads the record once more as it was, and the end of the transaction writes one entry with all that differs.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar, cast

from domain.audit import Acting, acting, changes_between, new_entry
from domain.clock import Clock
from domain.store import Store, Transaction

T = TypeVar("T")

AUDITED_NOUNS: Final = frozenset(
    {
        "customers",
        "products",
        "prices",
        "payment_methods",
        "subscriptions",
        "orders",
        "invoices",
        "invoice_items",
        "issuers",
        "balances",
        "test_clocks",
        "charges",
        "refunds",
        "disputes",
        "operations",
        "discrepancies",
        "api_keys",
        "webhooks",
        "jobs",
        "decisions",
    }
)
"""The records that people change; all others are the gateway's own bookkeeping about these."""


class AuditedStore:
    """Implements `Store`."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._store.transaction() as tx:
            if (who := acting()) is None:
                yield tx
                return
            watched = _Watched(tx)
            yield cast("Transaction", watched)
            await self._note(tx, who, watched)

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        landed: Callable[[Transaction, T], Awaitable[bool]] | None = None,
    ) -> T:
        who = acting()
        if who is None:
            return await self._store.run(work, landed=landed)

        async def noted(tx: Transaction) -> T:
            watched = _Watched(tx)
            result = await work(cast("Transaction", watched))
            await self._note(tx, who, watched)
            return result

        return await self._store.run(noted, landed=landed)

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self._store.reading()

    async def _note(self, tx: Transaction, who: Acting, watched: "_Watched") -> None:
        changes = tuple(
            change
            for record_id, after in watched.after.items()
            for change in changes_between(watched.before[record_id], after)
        )
        if who.notes(changes):
            await tx.audit.add(new_entry(who, changes, now=self._clock.now()))


class _Watched:
    """A transaction that remembers what was saved in it."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}

    def __getattr__(self, noun: str) -> Any:
        records = getattr(self._tx, noun)
        return _WatchedRecords(records, self) if noun in AUDITED_NOUNS else records


class _WatchedRecords:
    def __init__(self, records: Any, watched: _Watched) -> None:
        self._records = records
        self._watched = watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def insert(self, record: Any) -> Any:
        result = await self._records.insert(record)
        self._watched.before.setdefault(record.id, None)
        self._watched.after[record.id] = record
        return result

    async def insert_credit_note(self, note: Any) -> Any:
        result = await self._records.insert_credit_note(note)
        self._watched.before.setdefault(note.id, None)
        self._watched.after[note.id] = note
        return result

    async def save(self, record: Any) -> Any:
        if record.id not in self._watched.before:
            self._watched.before[record.id] = await self._records.get(record.id)
        result = await self._records.save(record)
        self._watched.after[record.id] = record
        return result
