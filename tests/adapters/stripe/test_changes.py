"""What was made or changed at the account since a moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.money import Money
from domain.provider import ChangesPage, DisputeState, Outcome
from tests.adapters.stripe.desk import Desk

SIX = Money(6_00, "USD")


async def _all(desk: Desk, since: datetime | None) -> ChangesPage:
    """Every page as one."""
    whole, cursor = ChangesPage(outcome=Outcome.SUCCEEDED), None
    for _ in range(50):
        page = await desk.provider.changes(since=since, cursor=cursor)
        assert page.outcome is Outcome.SUCCEEDED, page.refusal
        whole = ChangesPage(
            outcome=Outcome.SUCCEEDED,
            charges=whole.charges + page.charges,
            refunds=whole.refunds + page.refunds,
            disputes=whole.disputes + page.disputes,
        )
        cursor = page.cursor
        if cursor is None:
            return whole
    raise AssertionError("the list has no end")


async def test_all_that_was_made_is_listed_with_whose_it_is(desk: Desk) -> None:
    held, paid = await desk.held(), await desk.paid(token="pm_card_createDispute")
    await desk.capture(held, SIX)
    refund = await desk.refund(held, Money(1_00, "USD"))
    declined = await desk.charge(token="pm_card_chargeDeclined")

    for since in (None, datetime.now(UTC) - timedelta(hours=1)):
        listed = await _all(desk, since)
        charges = {each.charge_ref: each for each in listed.charges}
        assert set(charges) == {held, paid, declined.charge_ref}
        assert charges[held].picture.captured == SIX
        assert charges[held].order_id == "ord_1"
        assert charges[held].picture.operation_id is not None
        assert (charges[held].livemode, charges[held].made_at.tzinfo) == (False, UTC)
        # What the partial capture released is listed at Stripe, and is no refund.
        assert [each.refund_ref for each in listed.refunds] == [refund.refund_ref]
        assert (listed.refunds[0].charge_ref, listed.refunds[0].picture) == (held, refund)
        assert listed.refunds[0].refund_id is not None
        assert [each.charge_ref for each in listed.disputes] == [paid]


async def test_what_is_older_and_changed_since_is_listed_as_it_is_now(desk: Desk) -> None:
    held, refunded, untouched = await desk.held(), await desk.paid(), await desk.paid()
    waiting = (await desk.charge(token="pm_card_authenticationRequired")).charge_ref
    disputed = await desk.paid(token="pm_card_createDispute")
    returned = await desk.refund(await desk.paid(), SIX)
    await desk.advance(hours=30)
    since = datetime.now(UTC) + timedelta(hours=29)

    assert waiting is not None
    await desk.capture(held, SIX)
    await desk.refund(refunded, SIX)
    await desk.control("refunds", {"refund": returned.refund_ref, "succeeded": False})
    await desk.authenticate(waiting)
    (dispute,) = (await desk.api(f"disputes?payment_intent={disputed}"))["data"]
    await desk.control("disputes", {"dispute": dispute["id"], "won": True})
    listed = await _all(desk, since)

    told = {each.charge_ref: each.picture for each in listed.charges}
    assert {held, refunded, waiting} <= set(told)
    assert untouched not in told
    assert (told[held].captured, told[refunded].refunded) == (SIX, SIX)
    assert told[waiting].outcome is Outcome.SUCCEEDED
    back = {each.refund_ref: each.picture.outcome for each in listed.refunds}
    assert back.pop(returned.refund_ref or "") is Outcome.FAILED
    assert list(back.values()) == [Outcome.SUCCEEDED]
    assert [(each.charge_ref, each.state) for each in listed.disputes] == [(disputed, DisputeState.WON)]


async def test_a_moment_that_events_do_not_reach_back_to_lists_everything(desk: Desk) -> None:
    paid = await desk.paid()
    listed = await _all(desk, datetime.now(UTC) - timedelta(days=60))
    assert [each.charge_ref for each in listed.charges] == [paid]
    assert await desk.requests("events.list") == []


async def test_pages_hold_a_hundred_and_lead_to_one_another_also_in_another_process(desk: Desk) -> None:
    paid = await desk.paid()
    for _ in range(100):
        await desk.http.post(
            "/v1/payment_intents",
            data={"amount": "100", "currency": "usd"},
            headers={"Authorization": "Bearer sk_test_emulator"},
        )
    first = await desk.provider.changes(since=None, cursor=None)
    second = await desk.provider.changes(since=None, cursor=first.cursor)
    assert (len(first.charges), len(second.charges)) == (100, 1)
    assert second.charges[0].charge_ref == paid
    assert second.cursor == "all-refunds"


async def test_a_list_of_everything_stays_one_until_its_end(desk: Desk) -> None:
    """Also where the moment comes near enough for events while it is read."""
    first = await desk.provider.changes(since=datetime.now(UTC) - timedelta(days=60), cursor=None)
    cursors = [first.cursor]
    while cursors[-1] is not None:
        page = await desk.provider.changes(since=datetime.now(UTC) - timedelta(days=1), cursor=cursors[-1])
        cursors.append(page.cursor)
    assert cursors == ["all-refunds", "all-disputes", None]


async def test_what_was_made_in_the_dashboard_is_listed_too_and_nobodys(desk: Desk) -> None:
    await desk.http.post(
        "/v1/payment_intents",
        data={"amount": "100", "currency": "usd"},
        headers={"Authorization": "Bearer sk_test_emulator"},
    )
    (charge,) = (await _all(desk, None)).charges
    assert (charge.order_id, charge.charge_id, charge.picture.operation_id) == (None, None, None)
    assert charge.picture.outcome is Outcome.REQUIRES_ACTION


@pytest.mark.parametrize("cursor", ["nothing", "nothing:pi_1", "all-events", "intents:pi_missing"])
async def test_a_cursor_that_is_none_gets_no_list(desk: Desk, cursor: str) -> None:
    assert (await desk.provider.changes(since=None, cursor=cursor)).outcome is Outcome.UNKNOWN


async def test_an_event_whose_object_cannot_be_seen_now_gives_no_page(desk: Desk) -> None:
    held = await desk.held()
    await desk.advance(hours=30)
    await desk.capture(held, SIX)
    await desk.misbehave({"on": "payment_intents.retrieve", "fault": "error"})
    since: Any = datetime.now(UTC) + timedelta(hours=29)
    page = await desk.provider.changes(since=since, cursor="events")
    assert page.outcome is Outcome.UNKNOWN
