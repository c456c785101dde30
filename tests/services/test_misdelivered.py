"""A bank whose webhooks come twice, late, out of order, or not at all: the story is the same each time."""

import pytest

from domain.charges import ChargeState
from domain.refunds import RefundState
from tests.services.shop import MovableClock, Shop, usd


@pytest.mark.fault("F30", "F31", "F32", "F34", "F35")
@pytest.mark.parametrize(
    "script",
    [
        "webhook#*=twice",
        "webhook#*=again:5",
        "webhook#*=delay:259200",
        "webhook#1-3=overtaken",
        "webhook#*=drop",
        "webhook#*=never",
        "webhook#*=old_signature",
        "webhook#*=unreadable",
        "webhook#*=stranger",
        "webhook#*~0.5=delay:0-8; webhook#*~0.5=again:3; webhook#*=overtaken",
    ],
)
async def test_the_story_is_the_same_however_its_webhooks_come(shop: Shop, clock: MovableClock, script: str) -> None:
    """Every answer is lost too, so all that the gateway knows it has from webhooks and looks."""
    order_id = await shop.order()
    shop.misbehave(f"{script}; charge#1=lose_answer; refund#1=lose_answer")
    charge = await shop.paid(order_id)
    await shop.deliver_webhooks()
    await shop.run_jobs()
    refund = await shop.refunded(charge.id, 5_00)

    for _ in range(4):
        await shop.deliver_webhooks()
        await shop.run_jobs()
        clock.advance(seconds=11)
    clock.advance(days=3)
    await shop.deliver_webhooks()
    await shop.run_jobs()

    after = await shop.charge(charge.id)
    assert (after.state, after.captured, after.refunded) == (ChargeState.SUCCEEDED, usd(20_00), usd(5_00))
    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    events = await shop.events(order_id)
    assert "CHARGE_REVIEW_OPENED" not in events
    assert [events.count(kind) for kind in ("CHARGE_SUCCEEDED", "ORDER_COMPLETED", "REFUND_SUCCEEDED")] == [1, 1, 1]
    stored = await shop.rows("SELECT event_key FROM webhook_deliveries")
    assert len({row["event_key"] for row in stored}) == len(stored)
    await shop.check(settled=True)
