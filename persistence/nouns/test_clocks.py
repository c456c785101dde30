from domain.test_clocks import TestClock
from persistence import models
from persistence.billing import clock_from_row, clock_to_row
from persistence.columns import optional
from persistence.session import Session


class TestClocks:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, clock_id: str) -> TestClock | None:
        return optional(clock_from_row, await self._session.row(models.TestClock, "id = $1", clock_id))

    async def get_for_update(self, clock_id: str) -> TestClock | None:
        return optional(clock_from_row, await self._session.locked_row(models.TestClock, "id = $1", clock_id))

    async def of_customer(self, customer_id: str) -> TestClock | None:
        condition = "id = (SELECT test_clock_id FROM customers WHERE customers.id = $1)"
        return optional(clock_from_row, await self._session.row(models.TestClock, condition, customer_id))

    async def insert(self, clock: TestClock) -> None:
        await self._session.insert(models.TestClock, clock_to_row(clock))

    async def save(self, clock: TestClock) -> None:
        await self._session.update(models.TestClock, clock_to_row(clock))
