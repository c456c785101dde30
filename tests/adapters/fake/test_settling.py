"""What the bank decides later: charges that are pending, refunds that are, and refunds that fail after all."""

import pytest

from adapters.fake import Bank, FakeProvider
from adapters.fake.charges import finish_challenge
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import CaptureMode, ChargeResult, Outcome, RefundResult
from tests.adapters.fake.helpers import Gateway, Shop, StandingClock, look_up


def usd(amount: int) -> Money:
    return Money(amount, "USD")


async def now_of(shop: Shop, charge: ChargeResult) -> ChargeResult:
    assert charge.charge_ref is not None
    return await shop.provider.fetch_charge(charge_ref=charge.charge_ref)


async def refund_now(shop: Shop, refund: RefundResult) -> RefundResult:
    assert refund.refund_ref is not None
    return await shop.provider.fetch_refund(refund_ref=refund.refund_ref)


# --- charges --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "outcome", "captured"),
    [
        ("tok_chargePending", Outcome.SUCCEEDED, 20_00),
        ("tok_chargePendingThenDeclined", Outcome.DECLINED, 0),
        ("tok_chargePendingThenFailed", Outcome.FAILED, 0),
    ],
)
async def test_a_pending_charge_settles_when_its_time_has_come(
    shop: Shop, token: str, outcome: Outcome, captured: int
) -> None:
    request = await shop.charge_request(token)
    pending = await shop.provider.charge(request)
    assert (pending.outcome, pending.captured, pending.refusal) == (Outcome.PENDING, usd(0), None)
    shop.clock.advance(seconds=9)
    assert (await now_of(shop, pending)).outcome is Outcome.PENDING

    shop.clock.advance(seconds=1)

    settled = await now_of(shop, pending)
    assert (settled.outcome, settled.captured) == (outcome, usd(captured))
    assert await shop.provider.find_charge(look_up(request.operation_id)) == settled
    assert shop.bank.truth().captured(request.charge_id) == captured
    if outcome is Outcome.DECLINED:
        assert settled.refusal is not None
        assert settled.refusal.decline_code is DeclineCode.INSUFFICIENT_FUNDS
    if outcome is Outcome.FAILED:
        assert settled.refusal is not None
        assert (settled.refusal.decline_code, settled.refusal.provider_code) == (None, "settlement_failed")


async def test_a_replay_tells_what_was_answered_first_and_a_look_what_came_of_it(quick_shop: Shop) -> None:
    request = await quick_shop.charge_request("tok_chargePending")
    pending = await quick_shop.provider.charge(request)
    quick_shop.clock.advance(seconds=10)

    assert await quick_shop.provider.charge(request) == pending
    assert (await now_of(quick_shop, pending)).outcome is Outcome.SUCCEEDED
    assert len(quick_shop.bank.truth().charges) == 1


async def test_a_charge_that_is_to_be_captured_by_hand_settles_into_a_hold(shop: Shop) -> None:
    pending = await shop.hold("tok_chargePending")
    assert pending.outcome is Outcome.PENDING
    assert (await shop.capture(pending, usd(20_00))).outcome is Outcome.FAILED

    shop.clock.advance(seconds=10)

    held = await now_of(shop, pending)
    assert (held.outcome, held.authorized, held.captured) == (Outcome.AUTHORIZED, usd(20_00), usd(0))
    assert held.capture_before is not None
    assert (await shop.capture(held, usd(20_00))).outcome is Outcome.SUCCEEDED


async def test_nobody_can_call_a_pending_charge_off(shop: Shop) -> None:
    pending = await shop.charge("tok_chargePending")

    refused = await shop.void(pending)

    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "charge_not_voidable"
    assert (await now_of(shop, pending)).outcome is Outcome.PENDING
    assert (await shop.refund(pending, usd(1))).outcome is Outcome.FAILED


async def test_a_pending_charge_is_told_of_twice(quick_shop: Shop, gateway: Gateway) -> None:
    await quick_shop.charge("tok_chargePending")
    assert await gateway.hear() == ["payment_method.attached", "charge.pending"]

    quick_shop.clock.advance(seconds=10)

    assert await gateway.hear() == ["charge.succeeded"]
    assert await gateway.hear() == []


async def test_whoever_looks_first_settles_it_and_it_is_told_once(quick_shop: Shop, gateway: Gateway) -> None:
    charges = [await quick_shop.charge(token) for token in ("tok_chargePending", "tok_chargePendingThenDeclined")]
    quick_shop.clock.advance(seconds=10)
    for charge in charges:
        await now_of(quick_shop, charge)
    quick_shop.bank.truth()

    kinds = await gateway.hear()
    assert [kinds.count(f"charge.{state}") for state in ("pending", "succeeded", "declined")] == [2, 1, 1]


async def test_the_banks_time_for_settling_is_a_setting(bank: Bank, clock: StandingClock) -> None:
    with bank.open() as books:
        assert books.terms.pending_seconds == 10
    quick = Bank(":memory:", clock=clock, public_url="http://bank.test", pending_seconds=0)
    shop = Shop(quick, FakeProvider.in_process(quick, clock=clock), clock)
    await shop.open()

    pending = await shop.charge("tok_chargePending")

    assert (await now_of(shop, pending)).outcome is Outcome.SUCCEEDED
    quick.close()


async def test_a_hold_that_waited_for_its_customer_settles_as_before(quick_shop: Shop) -> None:
    request = await quick_shop.charge_request("tok_threeDSecureRequired", capture=CaptureMode.MANUAL)
    waiting = await quick_shop.provider.charge(request)
    with quick_shop.bank.open() as books:
        row = books.one("SELECT challenge, settles_at FROM charges")
        assert row is not None
        assert row["settles_at"] is None
        finish_challenge(books, row["challenge"], confirmed=True)

    assert (await now_of(quick_shop, waiting)).outcome is Outcome.AUTHORIZED


# --- refunds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "course", "given_back"),
    [
        ("tok_pendingRefund", [Outcome.PENDING, Outcome.SUCCEEDED, Outcome.SUCCEEDED], [0, 5_00, 5_00]),
        ("tok_refundFail", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.FAILED], [5_00, 0, 0]),
        ("tok_pendingRefundFail", [Outcome.PENDING, Outcome.FAILED, Outcome.FAILED], [0, 0, 0]),
        ("tok_refundFailAtOnce", [Outcome.FAILED, Outcome.FAILED, Outcome.FAILED], [0, 0, 0]),
    ],
)
async def test_a_refund_runs_the_course_of_its_card(
    shop: Shop, token: str, course: list[Outcome], given_back: list[int]
) -> None:
    charge = await shop.charge(token)
    refund = await shop.refund(charge, usd(5_00), operation_id="op_refund")
    seen = []
    for _ in course:
        found = await shop.provider.find_refund(look_up("op_refund"))
        assert found is not None
        assert found == await refund_now(shop, refund)
        assert (found.outcome is Outcome.FAILED) == (found.refusal is not None)
        seen.append((found.outcome, shop.bank.truth().charges[0].refunded))
        shop.clock.advance(seconds=10)

    assert refund.outcome is course[0]
    assert seen == list(zip(course, given_back, strict=True))


async def test_what_is_on_its_way_cannot_be_refunded_again_and_what_came_back_can(shop: Shop) -> None:
    pending = await shop.charge("tok_pendingRefundFail")
    await shop.refund(pending, usd(15_00))
    returned = await shop.charge("tok_refundFail")
    await shop.refund(returned, usd(15_00))
    for charge in (pending, returned):
        assert (await shop.refund(charge, usd(5_01))).outcome is Outcome.FAILED

    shop.clock.advance(seconds=10)

    for charge in (pending, returned):
        assert (await shop.refund(charge, usd(20_00))).outcome in (Outcome.PENDING, Outcome.SUCCEEDED)


async def test_a_refund_that_fails_late_is_told_of_twice(quick_shop: Shop, gateway: Gateway) -> None:
    charge = await quick_shop.charge("tok_refundFail")
    refund = await quick_shop.refund(charge, usd(5_00))
    assert (await gateway.hear())[-1] == "refund.succeeded"

    quick_shop.clock.advance(seconds=10)

    assert await gateway.hear() == ["refund.failed"]
    told = gateway.taken[-1]
    assert (told.subject_ref, told.operation_id) == (refund.refund_ref, refund.operation_id)
    assert [refund.state for refund in quick_shop.bank.truth().refunds] == ["failed"]
