# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from domain.charges import UNDECIDED_STATES
from domain.jobs import JobKind
from domain.orders import WAITING_STATES
from domain.test_clocks import DueOnClock, TestClock
from persistence import models
from persistence.billing import clock_from_row, clock_to_row
from persistence.columns import optional
from persistence.fields import one_of
from persistence.moments import NOW
from persistence.session import Session
from persistence.sql import boolean, instant

_OF_CUSTOMER: Final = "id = (SELECT test_clock_id FROM customers WHERE customers.id = $1)"
_OF_ITS_CUSTOMERS: Final = "customer_id IN (SELECT customers.id FROM customers WHERE customers.test_clock_id = $1)"
_DUE: Final = (
    "SELECT due.at, due.id FROM ("
    f"SELECT due_at AS at, id FROM subscriptions WHERE {_OF_ITS_CUSTOMERS} AND due_at <= $2"
    f" UNION ALL SELECT expires_at AS at, id FROM orders WHERE {_OF_ITS_CUSTOMERS} AND expires_at <= $2"
    f" AND {one_of('state', sorted(WAITING_STATES))}"
    ") AS due WHERE TRUE"
)
_UNDECIDED: Final = (
    f"SELECT id FROM charges WHERE {one_of('state', sorted(UNDECIDED_STATES))} AND {_OF_ITS_CUSTOMERS} ORDER BY id"
)
_TO_COLLECT: Final = (
    f"SELECT subject_id, run_at <= {{now}} AS is_due FROM jobs WHERE kind = '{JobKind.COLLECT_SUBSCRIPTION}'"
    f" AND subject_id IN (SELECT subscriptions.id FROM subscriptions WHERE {_OF_ITS_CUSTOMERS}) ORDER BY subject_id"
)


class TestClocks:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._of: dict[str, TestClock | None] = {}
        """Customer → the clock that stands still for them until the transaction ends."""

    async def get(self, clock_id: str) -> TestClock | None:
        return optional(clock_from_row, await self._session.row(models.TestClock, "id = $1", clock_id))

    async def get_for_update(self, clock_id: str) -> TestClock | None:
        return optional(clock_from_row, await self._session.locked_row(models.TestClock, "id = $1", clock_id))

    async def of_customer(self, customer_id: str) -> TestClock | None:
        if customer_id not in self._of:
            row = await self._session.held_row(models.TestClock, _OF_CUSTOMER, customer_id)
            self._of[customer_id] = optional(clock_from_row, row)
        return self._of[customer_id]

    async def next_due(self, clock_id: str, *, until: datetime, but: Collection[str] = ()) -> DueOnClock | None:
        left_out = "".join(f", ${number}" for number in range(3, len(but) + 3)).removeprefix(", ")
        others = f" AND due.id NOT IN ({left_out})" if but else ""
        rows = await self._session.found(f"{_DUE}{others} ORDER BY due.at, due.id LIMIT 1", clock_id, until, *but)
        return DueOnClock(instant(rows[0]["at"]), rows[0]["id"]) if rows else None

    async def undecided_charges(self, clock_id: str) -> Sequence[str]:
        return [row["id"] for row in await self._session.found(_UNDECIDED, clock_id)]

    async def subscriptions_to_collect(self, clock_id: str) -> Mapping[str, bool]:
        rows = await self._session.found(_TO_COLLECT.format(now=NOW[self._session.dialect]), clock_id)
        return {row["subject_id"]: boolean(row["is_due"]) for row in rows}

    async def insert(self, clock: TestClock) -> None:
        await self._session.insert(models.TestClock, clock_to_row(clock))

    async def save(self, clock: TestClock) -> None:
        await self._session.update(models.TestClock, clock_to_row(clock))
