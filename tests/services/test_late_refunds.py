"""Refunds that are decided later: pending for days, and failing after they had succeeded."""

import asyncio
from itertools import permutations

import pytest

from domain.charges import FailureCode
from domain.errors import NothingLeftToRefund, RefundAmountTooHigh
from domain.jobs import JobKind
from domain.ledger import returned_entries
from domain.orders import OrderState
from domain.provider import Outcome, RefundResult
from domain.refunds import RefundState
from domain.store import UniqueTaken
from tests.services.conftest import OpenShop
from tests.services.dying import dropped_refund
from tests.services.shop import ACCOUNT, DECIDED_SECONDS, MovableClock, Shop, usd

# --- pending --------------------------------------------------------------------------------------------------------


async def test_a_pending_refund_is_reserved_until_a_webhook_tells_how_it_ended(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(token="tok_pendingRefund"))

    refund = await shop.refunded(charge.id, 5_00)

    assert (refund.state, refund.refund_ref is not None) == (RefundState.PENDING, True)
    after = await shop.charge(charge.id)
    assert (after.refunded, after.refund_reserved) == (usd(0), usd(5_00))
    with pytest.raises(RefundAmountTooHigh):
        await shop.refund(charge.id, 15_01)
    await shop.hear()
    assert (await shop.refund_row(refund.id)).state is RefundState.PENDING
    await shop.check()

    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()

    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    assert (await shop.charge(charge.id)).refunded == usd(5_00)
    assert await shop.jobs(JobKind.RESOLVE_OPERATION) == []
    assert await shop.events(refund.id) == ["REFUND_REQUESTED", "REFUND_SUCCEEDED"]
    await shop.check(settled=True)


@pytest.mark.fault("F34")
@pytest.mark.parametrize(
    ("token", "state"),
    [("tok_pendingRefund", RefundState.SUCCEEDED), ("tok_pendingRefundFail", RefundState.FAILED)],
)
async def test_a_pending_refund_is_looked_at_for_days_and_asked_for_once(
    new_shop: OpenShop, clock: MovableClock, token: str, state: RefundState
) -> None:
    """No webhook comes. A look that fails in between neither makes it UNKNOWN nor opens a review."""
    shop = new_shop()
    shop.misbehave("webhook#*=never; fetch_refund#2=error; fetch_refund#33=lose_answer")
    charge = await shop.paid(await shop.order(token=token))
    refund = await shop.refunded(charge.id, 5_00)
    await shop.decide_after(days=30)
    for _ in range(40):
        await shop.run_jobs()
    pending = await shop.refund_row(refund.id)
    assert pending.state is RefundState.PENDING
    assert pending.next_check_at is not None
    assert (pending.next_check_at - clock.now()).total_seconds() == 3_600
    assert len(shop.provider.asked("refund")) == 1
    assert shop.provider.asked("fetch_refund") == [refund.refund_ref] * 40
    await shop.check()

    clock.advance(days=31)
    await shop.run_jobs()

    ended = await shop.refund_row(refund.id)
    assert (ended.state, ended.next_check_at) == (state, None)
    assert (await shop.charge(charge.id)).refund_reserved == usd(0)
    events = await shop.events(charge.id)
    assert not {"REFUND_UNKNOWN", "CHARGE_REVIEW_OPENED"} & set(events)
    await shop.check(settled=True)


async def test_a_webhook_of_a_pending_refund_leaves_its_lease_alone(shop: Shop) -> None:
    """Whoever sent it is still waiting for the answer: nobody else is to begin to look five seconds later."""
    charge = await shop.paid(await shop.order(token="tok_pendingRefund"))
    refund, _ = await dropped_refund(shop, charge.id, 5_00)
    (before,) = await shop.jobs(JobKind.RESOLVE_OPERATION)

    await shop.deliver_webhooks()
    for row in await shop.rows("SELECT id FROM webhook_deliveries"):
        await shop.webhooks.apply(row["id"], tries=1)

    assert (await shop.refund_row(refund.id)).state is RefundState.PENDING
    (after,) = await shop.jobs(JobKind.RESOLVE_OPERATION)
    assert after["run_at"] == before["run_at"]
    await shop.check()


# --- failing late ---------------------------------------------------------------------------------------------------


async def test_a_refund_that_fails_after_it_had_succeeded_is_undone_by_new_entries_and_shown_to_staff(
    shop: Shop, clock: MovableClock
) -> None:
    charge = await shop.paid(await shop.order(token="tok_refundFail"))
    refund = await shop.refunded(charge.id, 5_00)
    assert refund.state is RefundState.SUCCEEDED
    await shop.hear()
    booked = await shop.rows("SELECT id, cause, account, amount FROM ledger_entries ORDER BY id")

    clock.advance(seconds=DECIDED_SECONDS)
    await shop.check()
    await shop.hear()

    returned = await shop.refund_row(refund.id)
    assert (returned.state, returned.failure_code) == (RefundState.FAILED, FailureCode.RETURNED)
    assert (returned.amount, returned.provider_code) == (usd(5_00), "refund_failed")
    after = await shop.charge(charge.id)
    assert (after.refunded, after.refund_reserved, after.refundable) == (usd(0), usd(0), usd(20_00))
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 20_00, "PAYMENTS": -20_00, "REFUNDS": 0}
    entries = await shop.rows("SELECT id, cause, account, amount FROM ledger_entries ORDER BY id")
    assert entries[: len(booked)] == booked
    assert [(entry["cause"], entry["account"], entry["amount"]) for entry in entries[len(booked) :]] == [
        (f"{refund.id}/returned", "PROVIDER_CLEARING", 5_00),
        (f"{refund.id}/returned", "REFUNDS", -5_00),
    ]
    assert await shop.events(refund.id) == ["REFUND_REQUESTED", "REFUND_SUCCEEDED", "REFUND_FAILED"]
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    (review,) = await shop.rows("SELECT actor, data FROM events WHERE kind = 'CHARGE_REVIEW_OPENED'")
    assert review["actor"].startswith("webhook:")
    assert "REFUND_RETURNED" in str(review["data"])
    await shop.check(settled=True)


async def test_what_came_back_can_be_refunded_again_under_another_key(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(token="tok_refundFail"))
    first = await shop.refunded(charge.id, 20_00, key="first")
    with pytest.raises(NothingLeftToRefund):
        await shop.refund(charge.id, 1)
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()

    assert (await shop.refund(charge.id, 20_00, key="first")).refund_id == first.id
    second = await shop.refunded(charge.id, 20_00, key="second")

    assert (second.state, second.id != first.id) == (RefundState.SUCCEEDED, True)
    await shop.check()
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()
    assert (await shop.charge(charge.id)).refundable == usd(20_00)
    assert sorted(await shop.events(charge.id)).count("REFUND_FAILED") == 2
    await shop.check(settled=True)


async def test_one_of_two_refunds_may_fail_late(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(token="tok_refundFail"))
    await shop.refunded(charge.id, 5_00)
    clock.advance(seconds=DECIDED_SECONDS - 1)
    other = await shop.refunded(charge.id, 3_00)
    await shop.hear()

    after = await shop.charge(charge.id)
    assert (after.refunded, after.refundable) == (usd(3_00), usd(17_00))
    assert (await shop.refund_row(other.id)).state is RefundState.SUCCEEDED
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 17_00, "PAYMENTS": -20_00, "REFUNDS": 3_00}
    await shop.check(settled=True)


@pytest.mark.fault("F30", "F31")
async def test_a_late_failure_is_booked_once_whatever_is_told_in_whichever_order(
    shop: Shop, clock: MovableClock
) -> None:
    """Pictures from before and after the failure, a late first answer, and a request that was refused."""
    charge = await shop.paid(await shop.order(2_000_00, token="tok_refundFail"))
    for order in permutations(["answer", "picture before", "picture after", "refused"]):
        refund, answer = await dropped_refund(shop, charge.id, 5_00)
        clock.advance(seconds=DECIDED_SECONDS)
        told = {
            "answer": answer,
            "picture before": answer,
            "picture after": await shop.provider.fetch_refund(refund_ref=answer.refund_ref),
            "refused": RefundResult(outcome=Outcome.FAILED),
        }
        operation_id = (await shop.operation(charge.id)).id
        for name in (*order, order[0], "picture before"):
            async with shop.store.transaction() as tx:
                await shop.settlement.settle_refund(
                    tx,
                    refund.id,
                    told[name],
                    operation_id=operation_id,
                    is_picture=name.startswith("picture"),
                    actor="test",
                )
            await shop.check()
        ended = await shop.refund_row(refund.id)
        assert (ended.state, ended.failure_code) == (RefundState.FAILED, FailureCode.RETURNED), order
        after = await shop.charge(charge.id)
        assert (after.refunded, after.refund_reserved) == (usd(0), usd(0)), order
        assert (await shop.ledger(charge.id)).get("REFUNDS", 0) == 0
        events = await shop.events(refund.id)
        assert events[-1] == "REFUND_FAILED"
        assert events.count("REFUND_SUCCEEDED") <= 1
    assert await shop.jobs(JobKind.RESOLVE_OPERATION) == []


@pytest.mark.fault("F34")
async def test_a_late_failure_of_which_no_webhook_tells_is_found_by_reconciliation(
    shop: Shop, clock: MovableClock
) -> None:
    shop.misbehave("webhook#*=never")
    charge = await shop.paid(await shop.order(token="tok_refundFail"))
    refund = await shop.refunded(charge.id, 5_00)
    pending = await shop.paid(await shop.order(token="tok_pendingRefund"))
    waiting = await shop.refunded(pending.id, 5_00)
    await shop.reconciliation.run(ACCOUNT)
    assert (await shop.refund_row(waiting.id)).state is RefundState.PENDING

    clock.advance(hours=1)
    await shop.reconciliation.run(ACCOUNT)

    returned = await shop.refund_row(refund.id)
    assert (returned.state, returned.failure_code) == (RefundState.FAILED, FailureCode.RETURNED)
    assert (await shop.charge(charge.id)).refundable == usd(20_00)
    assert (await shop.refund_row(waiting.id)).state is RefundState.SUCCEEDED
    assert await shop.rows("SELECT id FROM discrepancies") == []
    await shop.check(settled=True)


async def test_the_database_books_a_return_once(shop: Shop, clock: MovableClock) -> None:
    """What the code would forget, the unique cause of the entries does not."""
    charge = await shop.paid(await shop.order(token="tok_refundFail"))
    refund = await shop.refunded(charge.id, 5_00)
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()

    with pytest.raises(UniqueTaken):
        async with shop.store.transaction() as tx:
            await tx.ledger.add(
                returned_entries(refund.id, charge_id=charge.id, amount=usd(5_00), livemode=False, now=clock.now())
            )


async def test_the_second_refund_of_a_request_is_booked_after_the_first_came_back(
    shop: Shop, clock: MovableClock
) -> None:
    """Where an account keeps no keys a request may reach it twice; what it gave back in the end is what counts."""
    charge = await shop.paid(await shop.order(token="tok_refundFail"))
    refund = await shop.refunded(charge.id, 5_00)
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()
    operation_id = (await shop.operation(charge.id)).id

    async def tell(outcome: Outcome) -> RefundState:
        told = RefundResult(outcome=outcome, refund_ref="frf_second", amount=usd(5_00))
        async with shop.store.transaction() as tx:
            await shop.settlement.settle_refund(
                tx, refund.id, told, operation_id=operation_id, is_picture=True, actor="webhook:test"
            )
        return (await shop.refund_row(refund.id)).state

    assert [await tell(Outcome.SUCCEEDED) for _ in range(2)] == [RefundState.SUCCEEDED] * 2
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 15_00, "PAYMENTS": -20_00, "REFUNDS": 5_00}
    assert (await shop.charge(charge.id)).refunded == usd(5_00)
    assert [await tell(Outcome.FAILED) for _ in range(2)] == [RefundState.FAILED] * 2
    assert (await shop.ledger(charge.id))["REFUNDS"] == 0
    assert (await shop.charge(charge.id)).refundable == usd(20_00)


@pytest.mark.fault("F30")
async def test_two_processes_that_hear_of_a_late_failure_at_once_book_it_once(
    new_shop: OpenShop, clock: MovableClock
) -> None:
    """Each has a webhook of its own, of the success and of the failure, and both find it failed."""
    one, other = new_shop(), new_shop()
    charge = await one.paid(await one.order(token="tok_refundFail"))
    refund = await one.refunded(charge.id, 5_00)
    clock.advance(seconds=DECIDED_SECONDS)
    await one.deliver_webhooks()
    told = await one.rows("SELECT id FROM webhook_deliveries WHERE subject = 'REFUND'")
    assert len(told) == 2

    await asyncio.gather(
        *(shop.webhooks.apply(row["id"], tries=1) for shop, row in zip((one, other), told, strict=True))
    )

    await one.run_jobs()
    assert (await one.events(refund.id)).count("REFUND_FAILED") == 1
    assert (await one.charge(charge.id)).refunded == usd(0)
    await one.check(settled=True)
