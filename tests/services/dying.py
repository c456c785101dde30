"""Processes that die at the bank: before a request left, or before its answer came back."""

import asyncio
from typing import Any, NoReturn

from domain.charges import Charge
from domain.refunds import Refund
from tests.services.shop import Shop
from tests.services.watching import Ask


async def die_before(_asked: Any, _ask: Ask) -> NoReturn:
    """F2: the operation is committed, and no request leaves."""
    raise asyncio.CancelledError("the process died before the request left")


async def die_after(_asked: Any, ask: Ask) -> NoReturn:
    """F3, F4: the bank has done it, and nobody hears the answer."""
    await ask()
    raise asyncio.CancelledError("the process died before the answer came")


class Dropped:
    """In the way of one call: does it at the bank, keeps the answer, and dies."""

    def __init__(self) -> None:
        self.answer: Any = None

    async def __call__(self, _asked: Any, ask: Ask) -> NoReturn:
        self.answer = await ask()
        raise asyncio.CancelledError("the process died before the answer came")


async def dropped_charge(shop: Shop, order_id: str, **how: Any) -> tuple[Charge, Any]:
    """A charge that the bank has made, after which the process died; and the answer that was lost."""
    dropped = Dropped()
    shop.provider.between["charge"] = dropped
    try:
        await shop.pay(order_id, **how)
    finally:
        del shop.provider.between["charge"]
    return (await shop.charges_of(order_id))[-1], dropped.answer


async def dropped_refund(shop: Shop, charge_id: str, amount: int | None = None) -> tuple[Refund, Any]:
    dropped = Dropped()
    shop.provider.between["refund"] = dropped
    try:
        refunded = await shop.refund(charge_id, amount)
    finally:
        del shop.provider.between["refund"]
    return await shop.refund_row(refunded.refund_id), dropped.answer
