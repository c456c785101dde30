"""So many at once and no more; whoever waits in vain has done nothing."""

import asyncio
import random
import time

import pytest

from domain.bulkhead import LONGEST_WAIT_SECONDS, Bulkhead, NoPlace


async def test_no_more_than_that_are_ever_inside() -> None:
    bulkhead, most = Bulkhead(3), 0

    async def come() -> None:
        nonlocal most
        async with bulkhead.place():
            most = max(most, bulkhead.under_way)
            await asyncio.sleep(0)

    await asyncio.gather(*(come() for _ in range(6)))
    assert (most, bulkhead.under_way, bulkhead.waiting) == (3, 0, 0)


async def test_who_waits_gets_the_next_place_in_the_order_of_arrival() -> None:
    bulkhead, served = Bulkhead(1), list[int]()

    async def come(number: int) -> None:
        async with bulkhead.place():
            served.append(number)

    async with bulkhead.place():
        first = asyncio.create_task(come(1))
        await asyncio.sleep(0)
        assert bulkhead.waiting == 1
    second = asyncio.create_task(come(2))
    await asyncio.gather(first, second)
    assert served == [1, 2]


async def test_who_would_wait_behind_too_many_is_turned_away_at_once() -> None:
    bulkhead = Bulkhead(2)
    inside = asyncio.Event()

    async def stay() -> None:
        async with bulkhead.place():
            await inside.wait()

    guests = [asyncio.create_task(stay()) for _ in range(4)]
    await asyncio.sleep(0)
    assert (bulkhead.under_way, bulkhead.waiting, bulkhead.is_full) == (2, 2, True)
    with pytest.raises(NoPlace):
        async with bulkhead.place():
            raise AssertionError("there is no place")
    inside.set()
    await asyncio.gather(*guests)
    assert not bulkhead.is_full


async def test_the_wait_ends() -> None:
    bulkhead = Bulkhead(1, longest_wait_seconds=0.05)
    async with bulkhead.place():
        began = time.monotonic()
        with pytest.raises(NoPlace):
            async with bulkhead.place():
                raise AssertionError("there is no place")
        assert time.monotonic() - began < LONGEST_WAIT_SECONDS
        assert bulkhead.waiting == 0
    assert bulkhead.under_way == 0


async def test_no_place_is_lost_to_cancellation() -> None:
    """Wherever the guests are cut off: waiting, just called in, or inside."""
    bulkhead, chance = Bulkhead(2), random.Random(7)

    async def come() -> None:
        async with bulkhead.place():
            await asyncio.sleep(chance.random() / 500)

    for _ in range(200):
        guests = [asyncio.create_task(come()) for _ in range(4)]
        await asyncio.sleep(chance.random() / 500)
        for guest in guests[: chance.randrange(5)]:
            guest.cancel()
        await asyncio.gather(*guests, return_exceptions=True)
    assert (bulkhead.under_way, bulkhead.waiting) == (0, 0)
    async with bulkhead.place(), bulkhead.place():
        assert bulkhead.under_way == 2
