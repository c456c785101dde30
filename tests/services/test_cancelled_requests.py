"""A client that hangs up cancels its request, at whatever it awaits: the story is whole all the same.

Where the cancellation meets the commit, the operation is there and its request has not left: the resolver sends it.
"""

import pytest

from tests.persistence.interruptions import at_every_await
from tests.services.shop import Shop

pytestmark = pytest.mark.fault("F45")


async def test_a_payment_that_is_cancelled_at_any_await_is_made_once_or_not_at_all(shop: Shop) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id)
    orders = [await shop.order_of(customer_id)]

    async for _ in at_every_await(lambda: shop.pay(orders[-1], key=orders[-1])):
        await shop.idle()
        await shop.check()
        assert (await shop.pay(orders[-1], key=orders[-1])).order_id == orders[-1]
        await shop.run_jobs()
        await shop.check(settled=True)
        orders.append(await shop.order_of(customer_id))

    # To begin, to commit, the bank, and the statements of phase 1 between them.
    assert len(orders) > 10
    assert [charge.captured for charge in shop.bank.truth().charges] == [20_00] * len(orders)


async def test_a_refund_that_is_cancelled_at_any_await_is_made_once_or_not_at_all(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(1_000_00))
    keys = ["refund 1"]

    async for number in at_every_await(lambda: shop.refund(charge.id, 1_00, key=keys[-1])):
        await shop.idle()
        await shop.check()
        await shop.refund(charge.id, 1_00, key=keys[-1])
        await shop.run_jobs()
        await shop.check(settled=True)
        keys.append(f"refund {number + 1}")

    assert len(keys) > 10
    assert [refund.amount for refund in shop.bank.truth().refunds] == [1_00] * len(keys)
