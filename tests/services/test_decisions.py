"""What a person says of money that nobody could trace: it counts where the provider has nothing to say."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.charges import Charge, ChargeState, FailureCode, ReviewReason
from domain.decisions import MoneyFound
from domain.errors import InvalidInput, NotToBeSettled, PermissionDenied, ReviewNotOpen
from domain.money import Money
from domain.orders import OrderState
from domain.principals import Permission, server
from domain.provider import ChargeResult, Outcome, RefundResult
from domain.refunds import RefundState
from domain.services.answers import REVIEW_AFTER_TRIES
from domain.services.decisions import CloseReview, SettleCharge, SettleRefund
from domain.services.resolver import SEND_AGAIN_WITHIN
from tests.services.shop import PROVIDER_SECONDS, SHOP, MovableClock, Shop, usd
from tests.services.watching import Ask

THREE_D_SECURE = "tok_threeDSecureRequired"


async def know_nothing(_asked: Any, _ask: Ask) -> ChargeResult:
    return ChargeResult(outcome=Outcome.UNKNOWN)


async def know_no_refund(_asked: Any, _ask: Ask) -> RefundResult:
    return RefundResult(outcome=Outcome.UNKNOWN)


async def close(shop: Shop, charge_id: str, reason: ReviewReason, key: str | None = None) -> Charge:
    request = key and shop.request("chargeReviewClose", key, {"charge": charge_id, "reason": reason})
    await shop.decisions.close_review(
        SHOP, CloseReview(charge_id=charge_id, reason=reason, note="Rang the bank.", request=request or None)
    )
    return await shop.charge(charge_id)


async def settle(
    shop: Shop,
    charge_id: str,
    found: MoneyFound,
    *,
    captured: int | None = None,
    provider_ref: str | None = None,
    key: str | None = None,
) -> Charge:
    await shop.decisions.settle_charge(
        SHOP,
        SettleCharge(
            charge_id=charge_id,
            found=found,
            captured=None if captured is None else usd(captured),
            provider_ref=provider_ref,
            note="Looked into the provider's dashboard.",
            request=shop.request("chargeSettle", key, {"charge": charge_id, "found": found}),
        ),
    )
    return await shop.charge(charge_id)


async def settle_refund(
    shop: Shop, refund_id: str, found: MoneyFound, key: str | None = None, *, provider_ref: str | None = None
) -> RefundState:
    await shop.decisions.settle_refund(
        SHOP,
        SettleRefund(
            refund_id=refund_id,
            found=found,
            provider_ref=provider_ref,
            note="The bank says so.",
            request=shop.request("refundSettle", key, {"refund": refund_id, "found": found}),
        ),
    )
    return (await shop.refund_row(refund_id)).state


async def untraced(shop: Shop, clock: MovableClock, fault: str = "lose_answer") -> Charge:
    """A charge that was asked for yesterday, and of which the provider tells nothing."""
    order_id = await shop.order()
    shop.misbehave(f"charge#1={fault}")
    shop.provider.between["find_charge"] = know_nothing
    charge = await shop.paid(order_id)
    clock.advance(days=1)
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN
    return charge


# --- reviews --------------------------------------------------------------------------------------------------------


async def reviewed(shop: Shop, clock: MovableClock) -> Charge:
    """Called off here, and taken by the provider all the same."""
    charge = await shop.authorized()
    (held,) = [there for there in shop.bank.truth().charges if there.charge_id == charge.id]
    await shop.orders.cancel(SHOP, charge.payable_id, version=None)
    with shop.bank.open() as books:
        books.write("UPDATE charges SET state = 'succeeded', captured = 1500 WHERE operation_id = ?", held.operation_id)
    picture = await shop.provider.fetch_charge(charge_ref=held.charge_ref)
    async with shop.store.transaction() as tx:
        await shop.settlement.settle_charge(tx, charge.id, picture, actor="system:watch")
    return await shop.charge(charge.id)


async def test_each_reason_is_told_and_closed_on_its_own(shop: Shop, clock: MovableClock) -> None:
    charge = await reviewed(shop, clock)
    assert [review.reason for review in charge.reviews] == [
        ReviewReason.UNREQUESTED_CAPTURE,
        ReviewReason.LATE_MONEY,
    ]

    after = await close(shop, charge.id, ReviewReason.UNREQUESTED_CAPTURE, key="once")
    again = await close(shop, charge.id, ReviewReason.UNREQUESTED_CAPTURE, key="once")

    assert [review.reason for review in after.reviews] == [ReviewReason.LATE_MONEY]
    assert again == after
    told = await shop.events(charge.id)
    assert (told.count("CHARGE_REVIEW_OPENED"), told.count("CHARGE_REVIEW_CLOSED")) == (2, 1)
    (decision,) = await shop.rows("SELECT kind, reason, note, actor FROM decisions")
    assert decision == {
        "kind": "REVIEW_CLOSED",
        "reason": "UNREQUESTED_CAPTURE",
        "note": "Rang the bank.",
        "actor": "key:key_test",
    }
    with pytest.raises(ReviewNotOpen):
        await close(shop, charge.id, ReviewReason.UNREQUESTED_CAPTURE)
    await shop.check()


async def test_who_has_no_say_decides_nothing(shop: Shop, clock: MovableClock) -> None:
    charge = await reviewed(shop, clock)
    clerk = server("key_clerk", frozenset(Permission) - {Permission.UPKEEP_WRITE})

    with pytest.raises(PermissionDenied):
        await shop.decisions.close_review(
            clerk, CloseReview(charge_id=charge.id, reason=ReviewReason.LATE_MONEY, note="ok", request=None)
        )

    assert (await shop.charge(charge.id)).reviews == charge.reviews


async def test_a_note_about_somebody_who_was_erased_is_not_kept(shop: Shop, clock: MovableClock) -> None:
    charge = await reviewed(shop, clock)
    await shop.refund(charge.id)
    await shop.redactions.redact(SHOP, charge.customer_id)

    await close(shop, charge.id, ReviewReason.LATE_MONEY)

    assert await shop.rows("SELECT note FROM decisions") == [{"note": ""}]


# --- charges --------------------------------------------------------------------------------------------------------


async def test_money_that_moved_is_booked_as_the_person_says(shop: Shop, clock: MovableClock) -> None:
    charge = await untraced(shop, clock)
    (there,) = shop.bank.truth().charges

    settled = await settle(shop, charge.id, MoneyFound.MOVED, captured=20_00, provider_ref=there.charge_ref, key="once")
    again = await settle(shop, charge.id, MoneyFound.MOVED, captured=20_00, provider_ref=there.charge_ref, key="once")

    assert again == settled
    assert (settled.state, settled.captured, settled.next_check_at) == (ChargeState.SUCCEEDED, usd(20_00), None)
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)
    # What the provider says in the end is the same, and books nothing twice; and the money can go back.
    shop.provider.between.clear()
    await shop.deliver_webhooks()
    await shop.run_jobs()
    await shop.refund(charge.id)
    await shop.run_jobs()
    await shop.check(settled=True)


async def test_what_never_happened_frees_the_order(shop: Shop, clock: MovableClock) -> None:
    charge = await untraced(shop, clock, fault="error")

    settled = await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    assert (settled.state, settled.failure_code) == (ChargeState.FAILED, FailureCode.NOT_APPLIED)
    shop.provider.between.clear()
    assert (await shop.paid(charge.payable_id)).state is ChargeState.SUCCEEDED
    await shop.run_jobs()
    await shop.check(settled=True)


async def test_a_person_who_was_wrong_is_put_right_by_the_provider(shop: Shop, clock: MovableClock) -> None:
    """Nothing is lost by a wrong word: the webhook tells of the money, and a person is asked to look again."""
    charge = await untraced(shop, clock)
    await settle(shop, charge.id, MoneyFound.NOT_MOVED)
    shop.provider.between.clear()

    await shop.deliver_webhooks()
    await shop.run_jobs()

    after = await shop.charge(charge.id)
    assert (after.state, after.captured) == (ChargeState.SUCCEEDED, usd(20_00))
    await shop.check(settled=True)


async def test_what_the_provider_can_tell_is_not_settled_by_hand(shop: Shop, clock: MovableClock) -> None:
    charge = await untraced(shop, clock)
    del shop.provider.between["find_charge"]

    with pytest.raises(NotToBeSettled, match="SUCCEEDED"):
        await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    assert await shop.rows("SELECT id FROM decisions") == []
    await shop.check(settled=True)


async def test_nothing_is_settled_while_the_request_may_still_act(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order()
    shop.misbehave("charge#1=error")
    shop.provider.between["find_charge"] = know_nothing
    charge = await shop.paid(order_id)
    clock.advance(minutes=9)

    with pytest.raises(NotToBeSettled):
        await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN
    await shop.check()


async def test_what_is_known_is_not_settled(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    with pytest.raises(NotToBeSettled, match="SUCCEEDED"):
        await settle(shop, charge.id, MoneyFound.NOT_MOVED)
    await shop.check(settled=True)


@pytest.mark.parametrize(
    ("found", "path"),
    [({"provider_ref": "fch_1"}, ("captured",)), ({"captured": 20_00}, ("providerRef",))],
    ids=["without the amount", "without the provider's id"],
)
async def test_money_that_moved_has_an_amount_and_an_id(
    shop: Shop, clock: MovableClock, found: dict[str, Any], path: tuple[str, ...]
) -> None:
    charge = await untraced(shop, clock)
    with pytest.raises(InvalidInput) as refused:
        await settle(shop, charge.id, MoneyFound.MOVED, **found)
    assert refused.value.path == path


async def test_the_id_of_another_charge_is_refused(shop: Shop, clock: MovableClock) -> None:
    other = await shop.paid(await shop.order())
    charge = await untraced(shop, clock)
    with pytest.raises(InvalidInput) as refused:
        await settle(shop, charge.id, MoneyFound.MOVED, captured=20_00, provider_ref=other.charge_ref)
    assert refused.value.path == ("providerRef",)
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN


@pytest.mark.parametrize(("found", "taken"), [(MoneyFound.MOVED, 15_00), (MoneyFound.NOT_MOVED, 0)])
async def test_a_capture_is_settled_too(shop: Shop, clock: MovableClock, found: MoneyFound, taken: int) -> None:
    charge = await shop.authorized()
    shop.misbehave("capture#1=lose_answer" if taken else "capture#1=error")
    shop.provider.between["fetch_charge"] = know_nothing
    await shop.capture(charge.id, 15_00)
    clock.advance(days=2)

    settled = await settle(shop, charge.id, found, captured=taken or None)

    assert settled.captured == usd(taken)
    assert settled.state is (ChargeState.SUCCEEDED if taken else ChargeState.AUTHORIZED)
    shop.provider.between.clear()
    await shop.run_jobs()
    await shop.check()
    if not taken:
        await shop.capture(charge.id)
    await shop.check(settled=True)


async def test_a_confirmation_that_nobody_hears_of_is_settled(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.answer_challenge(charge, confirmed=False)
    shop.misbehave("continue_charge#1=lose_answer")
    shop.provider.between["fetch_charge"] = know_nothing
    await shop.proceed(charge.id)
    clock.advance(days=2)

    settled = await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    assert settled.state is ChargeState.EXPIRED
    shop.provider.between.clear()
    await shop.run_jobs()
    await shop.check(settled=True)


async def test_what_the_provider_is_still_deciding_is_not_settled(shop: Shop, clock: MovableClock) -> None:
    """A debit that takes days: who says that it came to nothing would have the customer pay twice."""
    charge = await shop.paid(await shop.order(token="tok_chargePending"))
    await shop.decide_after(days=14)
    clock.advance(days=13)
    for found in (MoneyFound.NOT_MOVED, MoneyFound.MOVED):
        with pytest.raises(NotToBeSettled, match="still deciding"):
            await settle(shop, charge.id, found, captured=20_00)
    shop.misbehave("fetch_charge#*=error")
    with pytest.raises(NotToBeSettled, match="still deciding"):
        await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    shop.misbehave("")
    clock.advance(days=2)
    await shop.hear()
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_provider_that_decides_for_ever_is_not_believed_for_ever(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(token="tok_chargePending"))
    await shop.decide_after(days=1000)
    clock.advance(days=31)
    assert (await settle(shop, charge.id, MoneyFound.NOT_MOVED)).state is ChargeState.FAILED


async def test_a_lost_charge_that_turns_out_to_be_pending_is_not_settled(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(token="tok_chargePending")
    shop.misbehave("charge#1=lose_answer")
    shop.provider.between["find_charge"] = know_nothing
    charge = await shop.paid(order_id)
    await shop.decide_after(days=14)
    clock.advance(days=2)
    await shop.run_jobs()
    del shop.provider.between["find_charge"]

    with pytest.raises(NotToBeSettled, match="still deciding"):
        await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    assert (await shop.charge(charge.id)).state is ChargeState.PENDING
    await shop.check()


async def test_nobody_has_looked_before_a_look_can_show_it(shop: Shop, clock: MovableClock) -> None:
    """Where look-ups lag behind, the provider's dashboard may do so too."""
    charge = await untraced(shop, clock, fault="error")
    clock.moment = charge.created_at + SEND_AGAIN_WITHIN + timedelta(seconds=2 * PROVIDER_SECONDS + 1)
    for lag in (300.0, None):
        shop.provider.look_up_lag_shown = lag
        with pytest.raises(NotToBeSettled, match="may still act"):
            await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    shop.provider.look_up_lag_shown = 300.0
    clock.advance(seconds=301)
    assert (await settle(shop, charge.id, MoneyFound.NOT_MOVED)).state is ChargeState.FAILED


@pytest.mark.parametrize(
    ("captured", "named", "path"),
    [
        (15_00, "this", ("captured",)),
        (20_00, "nothing", ("providerRef",)),
        (20_00, "another", ("providerRef",)),
        (20_00, "declined", ("providerRef",)),
    ],
)
async def test_what_a_person_names_is_looked_at(
    shop: Shop, clock: MovableClock, captured: int, named: str, path: tuple[str, ...]
) -> None:
    """A slip of the hand would book money that is not there, for ever: amounts only grow."""
    charge = await untraced(shop, clock)
    (there,) = shop.bank.truth().charges
    another = await shop.paid(await shop.order())
    declined = await shop.paid(await shop.order(token="tok_chargeDeclined"))
    refs = {"this": there.charge_ref, "nothing": "fch_typo", "another": another.charge_ref}
    refs["declined"] = declined.charge_ref or "fch_declined"

    with pytest.raises(InvalidInput) as refused:
        await settle(shop, charge.id, MoneyFound.MOVED, captured=captured, provider_ref=refs[named])

    assert refused.value.path == path
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN
    assert await shop.rows("SELECT id FROM decisions") == []


async def test_nobody_says_that_more_was_taken_than_was_asked_for(shop: Shop, clock: MovableClock) -> None:
    charge = await untraced(shop, clock)
    (there,) = shop.bank.truth().charges
    shop.provider.between["fetch_charge"] = know_nothing
    with pytest.raises(InvalidInput) as refused:
        await settle(shop, charge.id, MoneyFound.MOVED, captured=2_000_00, provider_ref=there.charge_ref)
    assert refused.value.path == ("captured",)
    booked = await settle(shop, charge.id, MoneyFound.MOVED, captured=20_00, provider_ref=there.charge_ref)
    assert booked.captured == usd(20_00)


@pytest.mark.parametrize("found", [MoneyFound.MOVED, MoneyFound.NOT_MOVED])
async def test_money_in_another_currency_ends_by_what_a_person_says(
    shop: Shop, clock: MovableClock, found: MoneyFound
) -> None:
    """Nothing of it can be booked here, so the provider's word is none; but its name of the charge is kept."""

    async def in_euros(_asked: Any, ask: Ask) -> ChargeResult:
        told: ChargeResult = await ask()
        return replace(told, captured=Money(20_00, "EUR"), authorized=Money(20_00, "EUR"))

    shop.provider.between = dict.fromkeys(("charge", "find_charge", "fetch_charge"), in_euros)
    charge = await shop.paid(await shop.order())
    (there,) = shop.bank.truth().charges
    assert (charge.state, charge.charge_ref) == (ChargeState.UNKNOWN, there.charge_ref)
    clock.advance(days=1)
    await shop.run_jobs()

    settled = await settle(shop, charge.id, found, captured=18_00)

    moved = found is MoneyFound.MOVED
    assert (settled.state, settled.captured) == (
        (ChargeState.SUCCEEDED, usd(18_00)) if moved else (ChargeState.FAILED, usd(0))
    )
    assert settled.is_reviewed_for(ReviewReason.AMOUNT_MISMATCH)
    await shop.run_jobs(rounds=3)
    assert (await shop.charge(charge.id)).state is settled.state


async def test_a_void_that_did_nothing_leaves_the_hold(shop: Shop, clock: MovableClock) -> None:
    """It was held when the provider was asked last: it can be called off again, and is when its time is over."""
    charge = await shop.authorized()
    shop.provider.look_up_lag_shown = shop.provider.key_lifetime_shown = None
    shop.misbehave("void#1=error")
    await shop.void(charge.id)
    clock.advance(days=2)

    settled = await settle(shop, charge.id, MoneyFound.NOT_MOVED)

    assert (settled.state, settled.void_requested_at) == (ChargeState.AUTHORIZED, None)
    assert (await shop.void(charge.id)).state is ChargeState.VOIDED
    assert [there.state for there in shop.bank.truth().charges] == ["voided"]
    await shop.check(settled=True)


# --- refunds --------------------------------------------------------------------------------------------------------


async def test_a_refund_that_cannot_be_traced_asks_for_a_person(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    shop.misbehave("refund#1=lose_answer")
    shop.provider.between["find_refund"] = know_no_refund
    refund = await shop.refunded(charge.id, 5_00)
    for _ in range(REVIEW_AFTER_TRIES):
        await shop.run_jobs()

    (review,) = (await shop.charge(charge.id)).reviews
    assert review.reason is ReviewReason.REFUND_UNRESOLVED
    await shop.check()

    shop.provider.between.clear()
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).reviews == ()
    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.parametrize(
    ("fault", "found", "state", "left"),
    [
        ("lose_answer", MoneyFound.MOVED, RefundState.SUCCEEDED, 15_00),
        ("error", MoneyFound.NOT_MOVED, RefundState.FAILED, 20_00),
    ],
)
async def test_a_refund_is_settled_as_the_person_says(
    shop: Shop, clock: MovableClock, fault: str, found: MoneyFound, state: RefundState, left: int
) -> None:
    charge = await shop.paid(await shop.order())
    shop.misbehave(f"refund#1={fault}")
    shop.provider.between["find_refund"] = know_no_refund
    refund = await shop.refunded(charge.id, 5_00)
    with pytest.raises(NotToBeSettled):
        await settle_refund(shop, refund.id, found)
    clock.advance(days=2)

    assert await settle_refund(shop, refund.id, found, key="once") is state
    assert await settle_refund(shop, refund.id, found, key="once") is state

    assert (await shop.charge(charge.id)).refundable == usd(left)
    with pytest.raises(NotToBeSettled):
        await settle_refund(shop, refund.id, found)
    shop.provider.between.clear()
    await shop.run_jobs()
    await shop.check(settled=True)


async def test_a_refund_that_the_provider_can_tell_of_is_not_settled_by_hand(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    shop.misbehave("refund#1=lose_answer")
    refund = await shop.refunded(charge.id, 5_00)
    clock.advance(days=2)

    with pytest.raises(NotToBeSettled, match="SUCCEEDED"):
        await settle_refund(shop, refund.id, MoneyFound.NOT_MOVED)

    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_refund_that_the_provider_is_still_deciding_is_not_settled(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(token="tok_pendingRefund"))
    refund = await shop.refunded(charge.id, 5_00)
    await shop.decide_after(days=10)
    clock.advance(days=9)
    for found in (MoneyFound.NOT_MOVED, MoneyFound.MOVED):
        with pytest.raises(NotToBeSettled, match="still deciding"):
            await settle_refund(shop, refund.id, found)
    assert (await shop.charge(charge.id)).refund_reserved == usd(5_00)


@pytest.mark.parametrize("named", ["nothing", "another"])
async def test_a_refund_that_a_person_names_is_looked_at(shop: Shop, clock: MovableClock, named: str) -> None:
    charge = await shop.paid(await shop.order())
    another = await shop.refunded((await shop.paid(await shop.order())).id, 5_00)
    shop.misbehave("refund#1=lose_answer")
    shop.provider.between["find_refund"] = know_no_refund
    refund = await shop.refunded(charge.id, 5_00)
    clock.advance(days=2)

    with pytest.raises(InvalidInput) as refused:
        await settle_refund(
            shop,
            refund.id,
            MoneyFound.MOVED,
            provider_ref="frf_typo" if named == "nothing" else another.refund_ref,
        )

    assert refused.value.path == ("providerRef",)
    there = shop.bank.truth().refunds[-1].refund_ref
    assert await settle_refund(shop, refund.id, MoneyFound.MOVED, provider_ref=there) is RefundState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_refund_keeps_the_name_that_the_provider_gave_it(shop: Shop, clock: MovableClock) -> None:
    """Under another one it could be learnt by nobody that the money came back."""
    charge = await shop.paid(await shop.order(token="tok_pendingRefund"))
    refund = await shop.refunded(charge.id, 5_00)
    await shop.decide_after(days=1000)
    clock.advance(days=31)
    with pytest.raises(InvalidInput) as refused:
        await settle_refund(shop, refund.id, MoneyFound.MOVED, provider_ref="frf_typo")
    assert refused.value.path == ("providerRef",)
    assert (await shop.refund_row(refund.id)).refund_ref == refund.refund_ref
    assert await settle_refund(shop, refund.id, MoneyFound.MOVED) is RefundState.SUCCEEDED


async def test_a_refund_in_another_currency_is_not_booked_as_ours(shop: Shop, clock: MovableClock) -> None:
    async def in_euros(_asked: Any, ask: Ask) -> RefundResult:
        told: RefundResult = await ask()
        return replace(told, amount=Money(9_00, "EUR"))

    shop.provider.between = dict.fromkeys(("refund", "find_refund", "fetch_refund"), in_euros)
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 5_00)

    assert (refund.state, refund.refund_ref is not None) == (RefundState.UNKNOWN, True)
    after = await shop.charge(charge.id)
    assert (after.refunded, after.refund_reserved) == (usd(0), usd(5_00))
    assert after.is_reviewed_for(ReviewReason.AMOUNT_MISMATCH)
    assert "REFUNDS" not in await shop.ledger(charge.id)
    clock.advance(days=2)
    assert await settle_refund(shop, refund.id, MoneyFound.MOVED) is RefundState.SUCCEEDED
    assert (await shop.charge(charge.id)).refunded == usd(5_00)
