"""Orders and their lines, which are read and written as one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from domain.orders import Order, OrderLine, OrderState
from persistence import models
from persistence.columns import Columns, Row
from persistence.mapping import order_from_row, order_line_from_row, order_line_to_row, order_to_row
from persistence.session import Session

_LINES_OF_ORDER: Final = "order_id = $1 ORDER BY position, id"


class Orders:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._read_under_lock: dict[str, Sequence[Row]] = {}
        """Order → its lines, which nobody else changes until the transaction ends."""

    async def get(self, order_id: str) -> Order | None:
        return await self._with_lines(await self._session.row(models.Order, "id = $1", order_id))

    async def get_for_update(self, order_id: str) -> Order | None:
        # The lines come in a second statement, which sees what the rival that held the lock has committed.
        row = await self._session.locked_row(models.Order, "id = $1", order_id)
        if row is None:
            return None
        self._read_under_lock[order_id] = await self._lines_of(order_id)
        return order_from_row(row, self._read_under_lock[order_id])

    async def insert(self, order: Order) -> None:
        columns = order_to_row(order)
        # The database takes lines of open orders only; one that is placed as it is made was open for a moment.
        await self._session.insert(models.Order, {**columns, "state": OrderState.OPEN})
        await self._session.insert_all(
            models.OrderLine,
            [
                order_line_to_row(line, order_id=order.id, position=position)
                for position, line in enumerate(order.lines, start=1)
            ],
        )
        if order.state is not OrderState.OPEN:
            await self._session.update(models.Order, columns)

    async def save(self, order: Order) -> Order:
        # The lines first: they are frozen once the row says that the order is placed.
        await self._save_lines(order)
        saved = replace(order, version=order.version + 1)
        await self._session.update(models.Order, order_to_row(saved), version=order.version)
        return saved

    async def _with_lines(self, row: Row | None) -> Order | None:
        if row is None:
            return None
        return order_from_row(row, await self._lines_of(row["id"]))

    async def _lines_of(self, order_id: str) -> Sequence[Row]:
        return await self._session.rows(models.OrderLine, _LINES_OF_ORDER, order_id)

    async def _save_lines(self, order: Order) -> None:
        rows = self._read_under_lock.pop(order.id, None)
        stored = {row["id"]: row for row in (await self._lines_of(order.id) if rows is None else rows)}
        wanted = _positioned(order, stored)
        for line_id in stored.keys() - wanted.keys():
            await self._session.execute("DELETE FROM order_lines WHERE id = $1 AND order_id = $2", line_id, order.id)
        for line, position in wanted.values():
            if line.id in stored and not _is_stored(line, position, stored[line.id]):
                await self._session.update(models.OrderLine, _columns(order, line, position))
        await self._session.insert_all(
            models.OrderLine,
            [_columns(order, line, position) for line, position in wanted.values() if line.id not in stored],
        )


def _positioned(order: Order, stored: dict[str, Row]) -> dict[str, tuple[OrderLine, int]]:
    """Each line with its position: lines keep theirs as long as it rises, so that a removed one moves no other."""
    positions: dict[str, tuple[OrderLine, int]] = {}
    last = 0
    for line in order.lines:
        known = stored[line.id]["position"] if line.id in stored else 0
        last = known if known > last else last + 1
        positions[line.id] = (line, last)
    return positions


def _is_stored(line: OrderLine, position: int, row: Row) -> bool:
    return row["position"] == position and order_line_from_row(row) == line


def _columns(order: Order, line: OrderLine, position: int) -> Columns:
    return order_line_to_row(line, order_id=order.id, position=position)
