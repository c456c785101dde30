"""A provider is never asked inside a transaction, whichever way somebody gets there: what no rule of syntax can see."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import pytest

from domain.inside import InsideTransaction
from domain.provider import ChargeResult
from domain.services.auditing import AuditedStore
from domain.store import Transaction
from tests.services.shop import ACCOUNT, Shop

Way = Callable[[Shop], Awaitable[object]]


async def ask(shop: Shop) -> ChargeResult:
    return await shop.teller.fetch_charge(ACCOUNT, "fch_1")


async def in_a_block(shop: Shop) -> None:
    async with shop.store.transaction():
        await ask(shop)


async def in_a_block_of_reads(shop: Shop) -> None:
    async with shop.store.reading():
        await ask(shop)


async def in_a_block_that_a_stack_ends(shop: Shop) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shop.store.transaction())
        await ask(shop)


async def in_an_audited_block(shop: Shop) -> None:
    async with AuditedStore(shop.store, clock=shop.clock).transaction():
        await ask(shop)


async def in_work(shop: Shop) -> None:
    async def work(_: Shop, tx: Transaction) -> object:
        return await ask(shop)

    await shop.store.run(partial(work, shop))


async def in_a_task_that_is_waited_for(shop: Shop) -> None:
    async with shop.store.transaction():
        await asyncio.gather(ask(shop))


@pytest.mark.parametrize(
    "way",
    [
        in_a_block,
        in_a_block_of_reads,
        in_a_block_that_a_stack_ends,
        in_an_audited_block,
        in_work,
        in_a_task_that_is_waited_for,
    ],
)
async def test_who_asks_inside_a_transaction_is_refused(shop: Shop, way: Way) -> None:
    with pytest.raises(InsideTransaction, match="about fch_1 inside a transaction"):
        await way(shop)

    assert shop.provider.names() == []
    assert shop.database.idle
    await ask(shop)
    assert shop.provider.names() == ["fetch_charge"]


async def test_a_task_of_its_own_is_outside(shop: Shop) -> None:
    async with shop.store.transaction():
        going = asyncio.create_task(ask(shop), context=contextvars.Context())
    await going

    assert shop.provider.names() == ["fetch_charge"]
