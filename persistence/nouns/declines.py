"""Declines, counted against whoever caused them. A small table: what is no decline goes, and what is gets old."""

from collections.abc import Sequence
from datetime import datetime

from domain.decline_limits import Decline, DeclineState
from persistence import models
from persistence.columns import Row
from persistence.session import Session
from persistence.sql import Dialect, instant


class Declines:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def recent(self, subjects: Sequence[str], *, since: datetime) -> Sequence[Decline]:
        await self._lock(subjects)
        wanted = ", ".join(f"${number}" for number in range(2, len(subjects) + 2))
        condition = f"counted_at > $1 AND subject IN ({wanted}) ORDER BY counted_at DESC, id DESC"
        return [_from_row(row) for row in await self._session.rows(models.Decline, condition, since, *subjects)]

    async def _lock(self, subjects: Sequence[str]) -> None:
        """Who counts against the same subject waits: there need not be a row yet that could be locked.

        SQLite has one writer anyway. In one order, so that two who share several subjects cannot wait for one another.
        """
        if self._session.dialect is Dialect.POSTGRES:
            locks = ", ".join(
                f"pg_advisory_xact_lock(hashtextextended(${number}, 0))" for number in range(1, len(subjects) + 1)
            )
            await self._session.any(f"SELECT {locks}", *sorted(subjects))

    async def add(self, declines: Sequence[Decline]) -> None:
        await self._session.insert_all(
            models.Decline,
            [
                {
                    "subject": decline.subject,
                    "cause": decline.cause,
                    "state": decline.state,
                    "counted_at": decline.counted_at,
                    "kept_until": decline.kept_until,
                }
                for decline in declines
            ],
        )

    async def tell(self, cause: str, state: DeclineState) -> None:
        await self._session.execute("UPDATE declines SET state = $1 WHERE cause = $2", state.value, cause)

    async def forget(self, cause: str) -> None:
        await self._session.execute("DELETE FROM declines WHERE cause = $1", cause)

    async def delete_kept_until(self, moment: datetime) -> int:
        return await self._session.execute("DELETE FROM declines WHERE kept_until < $1", moment)


def _from_row(row: Row) -> Decline:
    return Decline(
        subject=row["subject"],
        cause=row["cause"],
        state=DeclineState(row["state"]),
        counted_at=instant(row["counted_at"]),
        kept_until=instant(row["kept_until"]),
    )
