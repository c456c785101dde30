"""Two who meet over one charge: the second does all of its work exactly before a step of the first, each in turn.

A step is the beginning of a transaction, or a request that leaves for the bank: nothing else of a process can be seen
by another. Between transactions both kinds of database are alike, so this is for the quicker one; processes that meet
inside of them are in test_processes_at_once.py, and in tests/persistence.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, cast

import pytest

from domain.errors import PaydeskError
from domain.provider import CaptureMode
from persistence.database import Database
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.shop import SHOP, MovableClock, Shop, open_shop
from tests.services.watching import Ask

THREE_D_SECURE = "tok_threeDSecureRequired"

Deed = Callable[[Shop, str], Awaitable[object]]
"""Done by somebody to an order."""


class Steps:
    """Of one process: before the n-th, somebody else does something."""

    def __init__(self, shop: Shop) -> None:
        self._engine = cast("Any", shop.database.engine)
        self._begin = self._engine.begin
        self._left = 0
        self._rival: Callable[[], Awaitable[object]] | None = None
        self._engine.begin = self._before_transaction
        shop.provider.between["*"] = self._before_request

    def let_in(self, rival: Callable[[], Awaitable[object]], *, before: int) -> None:
        self._left, self._rival = before, rival

    @property
    def came_too_late(self) -> bool:
        return self._left > 0

    async def _before_transaction(self) -> Any:
        await self._step()
        return await self._begin()

    async def _before_request(self, _asked: Any, ask: Ask) -> Any:
        await self._step()
        return await ask()

    async def _step(self) -> None:
        self._left -= 1
        if self._left == 0 and self._rival is not None:
            with suppress(PaydeskError):
                await self._rival()


# --- what they do to an order -----------------------------------------------------------------------------------------


async def pay(shop: Shop, order_id: str) -> None:
    await shop.pay(order_id, key=f"pay {order_id}")


async def pay_in_another_tab(shop: Shop, order_id: str) -> None:
    await shop.pay(order_id, key=f"pay {order_id} elsewhere")


async def hold(shop: Shop, order_id: str) -> None:
    await shop.pay(order_id, capture=CaptureMode.MANUAL)


async def ask_for_confirmation(shop: Shop, order_id: str) -> None:
    customer_id = (await shop.order_row(order_id)).customer_id
    charge = await shop.paid(order_id, payment_method_id=await shop.card(customer_id, THREE_D_SECURE))
    await shop.answer_challenge(charge)


async def come_back(shop: Shop, order_id: str) -> None:
    await shop.proceed(await charge_of(shop, order_id), key=f"continue {order_id}")


async def capture(shop: Shop, order_id: str) -> None:
    await shop.capture(await charge_of(shop, order_id), 5_00, key=f"capture {order_id}")


async def capture_more(shop: Shop, order_id: str) -> None:
    await shop.capture(await charge_of(shop, order_id), 20_00)


async def void(shop: Shop, order_id: str) -> None:
    await shop.void(await charge_of(shop, order_id), key=f"void {order_id}")


async def refund(shop: Shop, order_id: str) -> None:
    await shop.refund(await charge_of(shop, order_id), 15_00, key=f"refund {order_id}")


async def refund_the_rest(shop: Shop, order_id: str) -> None:
    await shop.refund(await charge_of(shop, order_id))


async def cancel(shop: Shop, order_id: str) -> None:
    await shop.orders.cancel(SHOP, order_id, version=None)


async def webhooks(shop: Shop, _: str) -> None:
    await shop.deliver_webhooks()
    await shop.worker.run_due()


async def jobs(shop: Shop, _: str) -> None:
    """As if the first had slept past every lease."""
    await shop.run_jobs()


async def expire(shop: Shop, _: str) -> None:
    cast("MovableClock", shop.clock).advance(days=6, hours=19)
    await shop.run_jobs()


async def charge_of(shop: Shop, order_id: str) -> str:
    return (await shop.charges_of(order_id))[-1].id


# --- their meetings ---------------------------------------------------------------------------------------------------


@pytest.mark.fault("F23", "F24", "F26", "F27", "F28", "F32")
@pytest.mark.parametrize(
    ("before", "act", "rivals"),
    [
        ((), pay, (pay, pay_in_another_tab, cancel, webhooks, jobs)),
        ((ask_for_confirmation,), come_back, (come_back, void, cancel, webhooks, jobs, expire)),
        ((hold,), capture, (capture, capture_more, void, cancel, webhooks, jobs, expire)),
        ((hold,), void, (capture, pay, webhooks, jobs, expire)),
        ((hold,), cancel, (capture, void, cancel, webhooks, jobs)),
        ((pay,), refund, (refund, refund_the_rest, cancel, webhooks, jobs)),
    ],
    ids=["pay", "continue", "capture", "void", "cancel", "refund"],
)
@pytest.mark.parametrize("dialect", [Dialect.SQLITE])
async def test_whoever_comes_between_money_is_taken_and_given_back_once(
    new_shop: OpenShop,
    other_database: Database,
    before: Sequence[Deed],
    act: Deed,
    rivals: Sequence[Deed],
) -> None:
    first = new_shop()
    steps = Steps(first)
    second = open_shop(other_database, first.bank, first.clock)
    customer_id = await second.customer()
    await second.card(customer_id)
    met = 0
    for rival in rivals:
        for nth in count(1):
            order_id = await second.order_of(customer_id)
            for prepare in before:
                await prepare(second, order_id)

            steps.let_in(partial(rival, second, order_id), before=nth)
            with suppress(PaydeskError):
                await act(first, order_id)
            await first.idle()
            await second.idle()

            await second.check()
            await second.run_jobs(rounds=2)
            await second.check(settled=True)
            if steps.came_too_late:
                break
            met += 1
    await second.close()
    # Both phases of the act and the request between them, for each rival.
    assert met >= 3 * len(rivals)
