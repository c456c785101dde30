"""One answer for many: while it is found out, and for a moment after it."""

import asyncio

import pytest

from adapters.shared import Shared


class Asked:
    """Counts, and answers with the count; nobody is answered before they are let."""

    def __init__(self) -> None:
        self.moment = 0.0
        self.times = 0
        self.let = asyncio.Event()
        self.let.set()

    def now(self) -> float:
        return self.moment

    async def __call__(self) -> int:
        self.times += 1
        await self.let.wait()
        if self.times == 13:
            raise LookupError
        return self.times


@pytest.fixture
def asked() -> Asked:
    return Asked()


async def test_who_asks_at_the_same_time_gets_the_same(asked: Asked) -> None:
    shared = Shared(asked, seconds=1, now=asked.now)
    asked.let.clear()
    asking = [asyncio.create_task(shared()) for _ in range(10)]
    await asyncio.sleep(0)
    asked.let.set()
    assert await asyncio.gather(*asking) == [1] * 10


async def test_it_is_found_out_anew_when_it_is_old(asked: Asked) -> None:
    shared = Shared(asked, seconds=1, now=asked.now)
    seen = []
    for _ in range(4):
        seen.append(await shared())
        asked.moment += 0.6
    assert seen == [1, 1, 2, 2]


async def test_who_goes_away_or_fails_leaves_it_to_the_next(asked: Asked) -> None:
    shared = Shared(asked, seconds=1, now=asked.now)
    asked.let.clear()
    leaving, staying = asyncio.create_task(shared()), asyncio.create_task(shared())
    await asyncio.sleep(0)
    leaving.cancel()
    asked.let.set()
    assert await staying == 2

    asked.times, asked.moment = 12, 5.0
    with pytest.raises(LookupError):
        await shared()
    assert await shared() == 14
