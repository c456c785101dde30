"""Capturing by hand: held first, taken once, released when it is not; and every way in which that can go wrong."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.fake.charges import expire_waiting
from domain.charges import ChargeState, ReviewReason
from domain.errors import (
    CaptureAmountTooHigh,
    ChargeInProgress,
    ChargeNotCapturable,
    ChargeNotVoidable,
    CurrencyMismatch,
    IdempotencyConflict,
    NotFound,
    OrderAlreadyPaid,
    OrderHeld,
    OrderNotCancelable,
    PermissionDenied,
    ProviderRefused,
    ProviderUnavailable,
    UnsupportedByProvider,
)
from domain.jobs import JobKind
from domain.ledger import LedgerAccount
from domain.money import Money
from domain.orders import OrderState
from domain.principals import Permission, Principal, StaffRole, customer, server, staff
from domain.provider import Capability, CaptureMode, ChargeResult, Outcome, ProviderAction, Support
from domain.services.captures import CaptureCharge
from domain.services.voids import VoidCharge
from tests.services.conftest import OpenShop
from tests.services.dying import die_after, die_before
from tests.services.shop import SHOP, MovableClock, Shop, at_once, usd
from tests.services.watching import Ask

THREE_D_SECURE = "tok_threeDSecureRequired"


async def ledger_of(shop: Shop, charge_id: str) -> dict[str, int]:
    rows = await shop.rows(
        f"SELECT account, CAST(SUM(amount) AS BIGINT) AS amount FROM ledger_entries WHERE charge_id = '{charge_id}'"
        " GROUP BY account"
    )
    return {row["account"]: row["amount"] for row in rows}


# --- the plain story --------------------------------------------------------------------------------------------------


async def test_an_order_is_held_then_captured(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    assert (charge.state, charge.authorized, charge.captured) == (ChargeState.AUTHORIZED, usd(20_00), usd(0))
    assert (await shop.order_row(charge.payable_id)).state is OrderState.PLACED
    assert await ledger_of(shop, charge.id) == {}, "what is held is nobody's money yet"
    await shop.check()

    captured = await shop.capture(charge.id)

    assert (captured.state, captured.captured, captured.released) == (ChargeState.SUCCEEDED, usd(20_00), usd(0))
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    assert await ledger_of(shop, charge.id) == {
        LedgerAccount.PROVIDER_CLEARING: 20_00,
        LedgerAccount.PAYMENTS: -20_00,
    }
    assert await shop.events(charge.id) == [
        "CHARGE_CREATED",
        "CHARGE_AUTHORIZED",
        "CHARGE_CAPTURE_REQUESTED",
        "CHARGE_SUCCEEDED",
    ]
    assert await shop.jobs(JobKind.EXPIRE_CHARGE) == []
    await shop.check(settled=True)


async def test_a_part_is_captured_and_what_is_missing_is_charged_anew(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    captured = await shop.capture(charge.id, 12_50)

    assert (captured.captured, captured.released, captured.review) == (usd(12_50), usd(7_50), None)
    assert (await shop.order_row(charge.payable_id)).state is OrderState.PLACED
    assert (await ledger_of(shop, charge.id))[LedgerAccount.PAYMENTS] == -12_50
    assert shop.bank.truth().captured(charge.id) == 12_50
    rest = await shop.paid(charge.payable_id)
    assert (rest.amount, rest.captured) == (usd(7_50), usd(7_50))
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


async def test_what_a_capture_took_can_be_refunded(shop: Shop) -> None:
    charge = await shop.authorized(20_00)
    await shop.capture(charge.id, 12_50)

    await shop.refund(charge.id, 12_50)

    assert (await shop.charge(charge.id)).refundable == usd(0)
    await shop.check(settled=True)


async def test_a_hold_is_released_by_a_void_and_the_order_can_be_paid_again(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    voided = await shop.void(charge.id)

    assert (voided.state, voided.released, voided.captured) == (ChargeState.VOIDED, usd(20_00), usd(0))
    assert await ledger_of(shop, charge.id) == {}
    assert await shop.events(charge.id) == [
        "CHARGE_CREATED",
        "CHARGE_AUTHORIZED",
        "CHARGE_VOID_REQUESTED",
        "CHARGE_VOIDED",
    ]
    assert (await shop.paid(charge.payable_id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_charge_that_waits_for_its_customer_can_be_called_off(shop: Shop) -> None:
    waiting = await shop.authorized(20_00, token=THREE_D_SECURE)
    assert waiting.state is ChargeState.REQUIRES_ACTION

    assert (await shop.void(waiting.id)).state is ChargeState.VOIDED
    await shop.check(settled=True)


async def test_a_confirmed_charge_is_held_until_it_is_captured(shop: Shop) -> None:
    waiting = await shop.authorized(20_00, token=THREE_D_SECURE)
    await shop.answer_challenge(waiting)

    await shop.proceed(waiting.id)

    assert (await shop.charge(waiting.id)).state is ChargeState.AUTHORIZED
    await shop.check()
    assert (await shop.capture(waiting.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_card_that_is_declined_holds_nothing(shop: Shop) -> None:
    declined = await shop.authorized(20_00, token="tok_chargeDeclined")

    assert (declined.state, declined.authorized) == (ChargeState.DECLINED, usd(0))
    await shop.check(settled=True)


# --- keys, refusals, permissions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["capture", "void"])
async def test_the_same_request_again_acts_once(shop: Shop, act: str) -> None:
    charge = await shop.authorized()

    first = [await getattr(shop, act)(charge.id, key="k") for _ in range(2)]
    together = await at_once(*(getattr(shop, act)(charge.id, key="k") for _ in range(5)))

    assert {each.state for each in (*first, *together)} == {first[0].state}
    assert shop.provider.names().count(act) == 1
    await shop.check(settled=True)


async def test_a_key_belongs_to_one_capture(shop: Shop) -> None:
    charge = await shop.authorized()
    await shop.capture(charge.id, 5_00, key="k")

    with pytest.raises(IdempotencyConflict):
        await shop.capture(charge.id, 6_00, key="k")
    assert shop.bank.truth().captured(charge.id) == 5_00


async def test_what_is_not_held_is_not_captured(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    with pytest.raises(CaptureAmountTooHigh, match=r"20\.00"):
        await shop.capture(charge.id, 20_01)
    request = shop.request("chargeCapture", None, {})
    with pytest.raises(CurrencyMismatch):
        await shop.captures.capture(
            SHOP, CaptureCharge(charge_id=charge.id, amount=Money(1_00, "EUR"), request=request)
        )
    assert "capture" not in shop.provider.names()
    await shop.capture(charge.id)
    for again in (shop.capture(charge.id), shop.capture(charge.id, 1)):
        with pytest.raises(ChargeNotCapturable):
            await again
    with pytest.raises(ChargeNotVoidable, match="chargeRefund"):
        await shop.void(charge.id)
    await shop.check(settled=True)


CUSTOMER = customer("somebody", None)


@pytest.mark.parametrize(
    ("who", "error"),
    [
        (staff("sue", StaffRole.SUPPORT), PermissionDenied),
        (server("key_1", frozenset(Permission) - {Permission.CAPTURES_WRITE}), PermissionDenied),
        (CUSTOMER, PermissionDenied),
    ],
)
async def test_only_who_is_trusted_with_it_takes_or_releases(
    shop: Shop, who: Principal, error: type[Exception]
) -> None:
    charge = await shop.authorized()
    request = shop.request("x", None, {}, principal=who)

    with pytest.raises(error):
        await shop.captures.capture(who, CaptureCharge(charge_id=charge.id, amount=None, request=request))
    with pytest.raises(error):
        await shop.voids.void(who, VoidCharge(charge_id=charge.id, request=request))
    assert (await shop.charge(charge.id)).state is ChargeState.AUTHORIZED


async def test_a_charge_that_is_not_there_is_missing(shop: Shop) -> None:
    with pytest.raises(NotFound):
        await shop.capture("chg_none")
    with pytest.raises(NotFound):
        await shop.void("chg_none")


@pytest.mark.parametrize(
    ("missing", "amount"),
    [(ProviderAction.CAPTURE, None), (ProviderAction.PARTIAL_CAPTURE, 1_00), (ProviderAction.VOID, None)],
)
async def test_what_the_provider_cannot_do_is_said_before_anything_happens(
    shop: Shop, missing: ProviderAction, amount: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = await shop.authorized()
    supported = tuple(Capability(action, Support.NATIVE) for action in ProviderAction if action is not missing)
    monkeypatch.setattr(type(shop.provider), "capabilities", property(lambda _: supported))

    with pytest.raises(UnsupportedByProvider):
        await (shop.void(charge.id) if missing is ProviderAction.VOID else shop.capture(charge.id, amount))
    assert (await shop.charge(charge.id)).capture_requested is None


async def test_a_provider_that_holds_nothing_is_not_asked_to(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    supported = (Capability(ProviderAction.CHARGE, Support.NATIVE),)
    order_id = await shop.order()
    monkeypatch.setattr(type(shop.provider), "capabilities", property(lambda _: supported))

    with pytest.raises(UnsupportedByProvider):
        await shop.pay(order_id, capture=CaptureMode.MANUAL)
    assert await shop.charges_of(order_id) == []


# --- rivals -----------------------------------------------------------------------------------------------------------


async def test_of_two_captures_at_once_one_takes_the_money(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    told = await at_once(*(shop.capture(charge.id, 15_00) for _ in range(4)))

    refused = [each for each in told if isinstance(each, Exception)]
    assert len(refused) == 3
    assert {type(each) for each in refused} <= {ChargeInProgress, ChargeNotCapturable}
    assert shop.bank.truth().captured(charge.id) == 15_00
    await shop.check(settled=True)


@pytest.mark.fault("F28")
async def test_a_capture_and_a_void_at_once_leave_one_truth(shop: Shop) -> None:
    for _ in range(5):
        charge = await shop.authorized(20_00)

        await at_once(shop.capture(charge.id), shop.void(charge.id))

        state, taken = (await shop.charge(charge.id)).state, shop.bank.truth().captured(charge.id)
        assert (state, taken) in ((ChargeState.SUCCEEDED, 20_00), (ChargeState.VOIDED, 0))
    await shop.check(settled=True)


async def test_while_a_capture_is_under_way_nothing_else_is_begun(shop: Shop) -> None:
    charge = await shop.authorized()
    during: list[Any] = []

    async def meanwhile(_asked: Any, ask: Ask) -> Any:
        during.extend(await at_once(shop.void(charge.id), shop.capture(charge.id)))
        during.extend(await at_once(shop.orders.cancel(SHOP, charge.payable_id, version=None)))
        during.append((await shop.charge(charge.id)).capture_requested)
        return await ask()

    shop.provider.between["capture"] = meanwhile
    await shop.capture(charge.id, 5_00)

    assert [type(each) for each in during[:3]] == [ChargeInProgress] * 3
    assert during[3] == usd(5_00)
    assert (await shop.charge(charge.id)).captured == usd(5_00)
    await shop.check(settled=True)


async def test_a_cancelled_order_releases_what_is_held(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    await shop.orders.cancel(SHOP, charge.payable_id, version=None)

    assert (await shop.charge(charge.id)).state is ChargeState.VOIDED
    assert (await shop.order_row(charge.payable_id)).state is OrderState.CANCELED
    assert [each.state for each in shop.bank.truth().charges] == ["voided"]
    assert await shop.jobs() == []
    with pytest.raises(ChargeNotCapturable):
        await shop.capture(charge.id)
    await shop.check(settled=True)


@pytest.mark.fault("F28")
async def test_an_order_whose_money_was_captured_meanwhile_is_not_cancelled(shop: Shop) -> None:
    """F28: somebody captured it at the provider itself; the money is booked."""
    charge = await shop.authorized(20_00)

    async def capture_first(_asked: Any, ask: Ask) -> Any:
        with shop.bank.open() as books:
            books.write("UPDATE charges SET state = 'succeeded', captured = amount")
        return await ask()

    shop.provider.between["void"] = capture_first
    with pytest.raises(OrderNotCancelable):
        await shop.orders.cancel(SHOP, charge.payable_id, version=None)

    taken = await shop.charge(charge.id)
    assert taken.captured == usd(20_00)
    assert taken.review is not None
    assert taken.review.reason is ReviewReason.UNREQUESTED_CAPTURE
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


async def test_an_order_that_is_held_does_not_expire_before_the_hold(shop: Shop, clock: MovableClock) -> None:
    """Its customer was in time; when the hold is over too, the order is."""
    order_id = await shop.order(expires_at=clock.now() + timedelta(days=1))
    charge = await shop.paid(order_id, capture=CaptureMode.MANUAL)

    clock.advance(days=2)
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.AUTHORIZED
    assert (await shop.order_row(order_id)).state is OrderState.PLACED
    await shop.check()

    clock.advance(days=6)
    await shop.run_jobs(rounds=2)
    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED
    await shop.check(settled=True)


SUPPORT = staff("sue", StaffRole.SUPPORT)


@pytest.mark.parametrize("who", ["its customer", "support"])
async def test_who_may_not_capture_cannot_release_by_cancelling(shop: Shop, who: str) -> None:
    """The goods may be on their way."""
    charge = await shop.authorized(20_00)
    principal = SUPPORT if who == "support" else customer("ada", charge.customer_id)

    with pytest.raises(OrderHeld):
        await shop.orders.cancel(principal, charge.payable_id, version=None)

    assert (await shop.capture(charge.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.parametrize(("fault", "error"), [("refuse", ProviderUnavailable), ("lose_answer", ChargeInProgress)])
async def test_a_cancelled_order_says_why_it_could_not_be(shop: Shop, fault: str, error: type[Exception]) -> None:
    charge = await shop.authorized(20_00)
    shop.misbehave(f"void#1={fault}")

    with pytest.raises(error):
        await shop.orders.cancel(SHOP, charge.payable_id, version=None)

    await shop.run_jobs()
    if error is ProviderUnavailable:
        await shop.void(charge.id)
    assert (await shop.charge(charge.id)).state is ChargeState.VOIDED
    await shop.check(settled=True)


async def test_an_order_that_was_paid_otherwise_takes_nothing_more(shop: Shop, clock: MovableClock) -> None:
    """I1: a charge that was given up has paid after all, while another held the same amount."""
    order_id = await shop.order(20_00)
    shop.provider.between["charge"] = _hear_nothing
    shop.provider.between["find_charge"] = _find_nothing
    first = await shop.paid(order_id)
    clock.advance(hours=1)
    await shop.run_jobs(rounds=4)
    assert (await shop.charge(first.id)).state is ChargeState.FAILED
    shop.provider.between.clear()
    second = await shop.paid(order_id, capture=CaptureMode.MANUAL)
    assert second.state is ChargeState.AUTHORIZED

    late = await shop.provider.charge(shop.provider.asked("charge")[0])
    assert late.outcome is Outcome.SUCCEEDED
    await shop.deliver_webhooks()
    for job in await shop.jobs(JobKind.APPLY_WEBHOOK):
        await shop.webhooks.apply(job["subject_id"], tries=1)
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    with pytest.raises((ChargeNotCapturable, OrderAlreadyPaid)):
        await shop.capture(second.id)
    await shop.run_jobs()

    assert (await shop.charge(second.id)).state is ChargeState.EXPIRED
    assert shop.bank.truth().captured(second.id) == 0
    assert [each.state for each in shop.bank.truth().charges_of(second.id)] == ["voided"]
    await shop.check(settled=True)


async def _hear_nothing(_asked: Any, _ask: Ask) -> ChargeResult:
    return ChargeResult(outcome=Outcome.UNKNOWN)


async def _find_nothing(_asked: Any, _ask: Ask) -> None:
    return None


async def test_a_release_that_was_overtaken_by_the_money_calls_nothing_off(shop: Shop) -> None:
    """Between its look and its lock the charge is told to be paid: some providers would void the sale."""
    charge = await shop.authorized()
    (held,) = shop.bank.truth().charges
    await shop.orders.cancel(SHOP, charge.payable_id, version=None)
    with shop.bank.open() as books:
        books.write("UPDATE charges SET state = 'authorized' WHERE ref = ?", held.charge_ref)
    shop.provider.calls.clear()

    async def paid_meanwhile(_asked: Any, ask: Ask) -> Any:
        told = await ask()
        picture = replace(told, outcome=Outcome.SUCCEEDED, captured=usd(20_00))
        async with shop.store.transaction() as tx:
            await shop.settlement.settle_charge(tx, charge.id, picture, actor="webhook:test")
        return told

    shop.provider.between["fetch_charge"] = paid_meanwhile
    assert await shop.voids.release(charge.id) is None
    assert shop.provider.asked("void") == []
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED


@pytest.mark.parametrize("fault", ["", "void#1=lose_answer", "void#1=refuse", "fetch_charge#1=error"])
async def test_a_hold_that_appears_after_it_was_given_up_is_released(
    shop: Shop, clock: MovableClock, fault: str
) -> None:
    """Its customer was told that nothing was charged; nothing shall be held either."""
    order_id = await shop.order(20_00)
    shop.provider.between["find_charge"] = _find_nothing
    shop.provider.between["charge"] = die_before
    given_up = await shop.paid(order_id, capture=CaptureMode.MANUAL)
    shop.provider.between["charge"] = _hear_nothing
    clock.advance(hours=1)
    await shop.run_jobs(rounds=4)
    assert (await shop.charge(given_up.id)).state is ChargeState.FAILED
    shop.provider.between.clear()
    held = await shop.provider.charge(shop.provider.asked("charge")[0])
    assert held.outcome is Outcome.AUTHORIZED
    shop.misbehave(fault)

    await shop.deliver_webhooks()
    for _ in range(4):
        clock.advance(minutes=2)
        await shop.run_jobs()

    assert [each.state for each in shop.bank.truth().charges] == ["voided"]
    assert await shop.jobs(JobKind.RELEASE_HOLD) == []
    assert (await shop.charge(given_up.id)).state is ChargeState.VOIDED
    await shop.check(settled=True)


async def test_never_more_is_captured_than_was_asked_for(shop: Shop) -> None:
    """A provider may hold more: for a tip, or by an estimate."""

    async def hold_more(_asked: Any, ask: Ask) -> ChargeResult:
        told: ChargeResult = await ask()
        return replace(told, authorized=usd(25_00))

    shop.provider.between["charge"] = hold_more
    charge = await shop.authorized(20_00)

    assert (charge.authorized, charge.capturable) == (usd(25_00), usd(20_00))
    with pytest.raises(CaptureAmountTooHigh):
        await shop.capture(charge.id, 20_01)
    assert (await shop.capture(charge.id)).captured == usd(20_00)
    await shop.check(settled=True)


async def test_a_hold_that_cannot_be_released_is_looked_at_by_somebody(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.authorized(20_00)

    async def refuse(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.DECLINED)

    async def still_held(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.AUTHORIZED, charge_ref=charge.charge_ref, authorized=usd(20_00))

    shop.provider.between |= {"void": refuse, "fetch_charge": still_held}
    clock.advance(days=7, seconds=1)
    waits: list[float] = []
    for _ in range(14):
        await shop.run_jobs()
        waits.append(await shop.voids.expire(charge.id) or 0)
        clock.advance(seconds=waits[-1])
    assert waits[0] == 60
    assert waits == sorted(waits)
    assert max(waits) <= 3_600

    clock.advance(days=1)
    await shop.run_jobs()
    stuck = await shop.charge(charge.id)
    assert (stuck.state, stuck.review and stuck.review.reason) == (ChargeState.AUTHORIZED, ReviewReason.UNRESOLVED)
    assert "CHARGE_VOID_REQUESTED" not in await shop.events(charge.id), "the story is not filled with tries"
    shop.provider.between.clear()
    clock.advance(hours=1)
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    await shop.check(settled=True)


async def test_a_void_that_is_declined_leaves_the_charge_as_it_is(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    async def decline(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.DECLINED)

    shop.provider.between["void"] = decline
    with pytest.raises(ProviderRefused):
        await shop.void(charge.id)

    held = await shop.charge(charge.id)
    assert (held.state, held.void_requested_at, held.capturable) == (ChargeState.AUTHORIZED, None, usd(20_00))


async def test_a_deployment_may_hold_by_default_and_who_captures_decides_otherwise(new_shop: OpenShop) -> None:
    shop = new_shop(capture=CaptureMode.MANUAL)
    order_id = await shop.order()
    buyer = customer("ada", (await shop.order_row(order_id)).customer_id)

    with pytest.raises(PermissionDenied):
        await shop.pay(order_id, principal=buyer, capture=CaptureMode.AUTOMATIC)
    charge = await shop.paid(order_id, principal=buyer)

    assert (charge.state, charge.capture_mode) == (ChargeState.AUTHORIZED, CaptureMode.MANUAL)
    await shop.void(charge.id)
    assert (await shop.paid(order_id, capture=CaptureMode.AUTOMATIC)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


# --- time -------------------------------------------------------------------------------------------------------------


async def test_a_hold_that_nobody_captures_expires(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.authorized(20_00)
    assert charge.capture_before == charge.created_at + timedelta(days=7), "the bank said so"
    clock.advance(days=6)
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.AUTHORIZED

    clock.advance(days=1, seconds=1)
    with pytest.raises(ChargeNotCapturable, match="expired"):
        await shop.capture(charge.id)
    await shop.run_jobs()

    expired = await shop.charge(charge.id)
    assert (expired.state, expired.released) == (ChargeState.EXPIRED, usd(20_00))
    assert await ledger_of(shop, charge.id) == {}
    assert await shop.jobs() == []
    assert (await shop.paid(charge.payable_id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_where_the_provider_names_no_deadline_we_release_at_ours(new_shop: OpenShop, clock: MovableClock) -> None:
    shop = new_shop(authorization_lifetime=timedelta(days=3))

    async def without_deadline(_asked: Any, ask: Ask) -> Any:
        told: ChargeResult = await ask()
        return ChargeResult(outcome=told.outcome, charge_ref=told.charge_ref, authorized=told.authorized)

    shop.provider.between["charge"] = without_deadline
    charge = await shop.authorized(20_00)
    assert charge.capture_before == charge.created_at + timedelta(days=3)

    clock.advance(days=3)
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert [each.state for each in shop.bank.truth().charges] == ["voided"], "released at the bank too"
    await shop.check(settled=True)


async def test_the_banks_word_that_the_hold_is_over_is_heard(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.authorized(20_00)
    clock.advance(days=7)

    await shop.bank.run(expire_waiting)
    await shop.deliver_webhooks()
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_a_capture_that_reaches_the_bank_too_late_has_taken_nothing(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.authorized(20_00)
    shop.provider.between["capture"] = die_before
    await shop.capture(charge.id)
    del shop.provider.between["capture"]
    clock.advance(days=7, seconds=1)

    await shop.run_jobs(rounds=3)

    ended = await shop.charge(charge.id)
    assert (ended.state, ended.captured, ended.capture_requested) == (ChargeState.EXPIRED, usd(0), None)
    assert (await shop.events(charge.id))[-2:] == ["CHARGE_EXPIRED", "CHARGE_CAPTURE_FAILED"]
    await shop.check(settled=True)


@pytest.mark.fault("F28")
async def test_a_capture_just_before_the_end_wins_over_the_expiry(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.authorized(20_00)
    clock.advance(days=6, hours=23)
    shop.provider.between["capture"] = die_after
    await shop.capture(charge.id)
    clock.advance(hours=2)

    await shop.run_jobs(rounds=3)

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


# --- lost answers -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F7", "F8", "F9", "F12", "F14")
@pytest.mark.parametrize("fault", ["lose_answer", "reset", "hang", "error_after", "html", "truncate", "empty"])
async def test_a_capture_whose_answer_is_lost_is_found(shop: Shop, fault: str) -> None:
    """F7, F8, F9, F12, F14: taken once; until it is known the client sees what is being done."""
    charge = await shop.authorized(20_00)
    shop.misbehave(f"capture#1={fault}")

    waiting = await shop.capture(charge.id, 15_00, key="k")

    assert (waiting.state, waiting.capture_requested) == (ChargeState.AUTHORIZED, usd(15_00))
    assert waiting.next_check_at is not None
    await shop.check()
    await shop.run_jobs()
    captured = await shop.capture(charge.id, 15_00, key="k")
    assert (captured.state, captured.captured, captured.next_check_at) == (ChargeState.SUCCEEDED, usd(15_00), None)
    assert shop.provider.names().count("capture") == 1
    await shop.check(settled=True)


@pytest.mark.fault("F12", "F13")
@pytest.mark.parametrize("fault", ["error", "rate_limit"])
async def test_a_capture_that_was_not_taken_up_is_sent_again(shop: Shop, fault: str) -> None:
    charge = await shop.authorized(20_00)
    shop.misbehave(f"capture#1={fault}")

    assert (await shop.capture(charge.id)).state is ChargeState.AUTHORIZED
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    first, second = shop.provider.asked("capture")
    assert first == second, "the same request under the same key"
    await shop.check(settled=True)


@pytest.mark.fault("F2", "F4")
@pytest.mark.parametrize("die", [die_before, die_after])
async def test_a_process_that_dies_while_it_captures_leaves_it_to_the_resolver(shop: Shop, die: Any) -> None:
    charge = await shop.authorized(20_00)
    shop.provider.between["capture"] = die
    await shop.capture(charge.id, 5_00)
    del shop.provider.between["capture"]

    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(5_00)
    assert shop.bank.truth().captured(charge.id) == 5_00
    await shop.check(settled=True)


async def test_a_provider_that_is_down_leaves_the_charge_held_and_the_key_free(shop: Shop) -> None:
    """F15."""
    charge = await shop.authorized(20_00)
    shop.misbehave("capture#1=refuse")

    with pytest.raises(ProviderUnavailable):
        await shop.capture(charge.id, key="k")

    held = await shop.charge(charge.id)
    assert (held.state, held.capture_requested, held.capturable) == (ChargeState.AUTHORIZED, None, usd(20_00))
    assert (await shop.events(charge.id))[-2:] == ["CHARGE_CAPTURE_REQUESTED", "CHARGE_CAPTURE_FAILED"]
    await shop.check()
    assert (await shop.capture(charge.id, key="k")).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_provider_that_refuses_a_capture_still_holds(shop: Shop) -> None:
    charge = await shop.authorized(20_00)

    async def refuse(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.DECLINED)

    shop.provider.between["capture"] = refuse
    for _ in range(2):
        with pytest.raises(ProviderRefused):
            await shop.capture(charge.id, key="k")
    assert shop.provider.names().count("capture") == 1, "the key keeps its answer"
    del shop.provider.between["capture"]
    await shop.check()

    assert (await shop.capture(charge.id, key="other")).state is ChargeState.SUCCEEDED
    with pytest.raises(ProviderRefused):
        await shop.capture(charge.id, key="k")  # what that request came to, whatever another has done since
    await shop.check(settled=True)


async def test_a_refused_capture_is_looked_into_even_if_whoever_asked_dies(shop: Shop) -> None:
    """The refusal is booked, and the process dies before it can ask what became of the hold."""
    charge = await shop.authorized(20_00)
    with shop.bank.open() as books:
        books.write("UPDATE charges SET state = 'voided' WHERE ref = ?", charge.charge_ref)
    shop.provider.between["fetch_charge"] = die_before
    with pytest.raises(ProviderRefused):
        await shop.capture(charge.id)
    del shop.provider.between["fetch_charge"]
    assert (await shop.charge(charge.id)).state is ChargeState.AUTHORIZED

    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.VOIDED
    await shop.check(settled=True)


async def test_voiding_what_has_ended_already_is_no_failure(shop: Shop) -> None:
    """A provider may refuse to void what it has voided; the charge is what was wished for."""
    charge = await shop.authorized(20_00)
    with shop.bank.open() as books:
        books.write("UPDATE charges SET state = 'voided' WHERE ref = ?", charge.charge_ref)

    async def refuse(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.FAILED)

    shop.provider.between["void"] = refuse

    assert (await shop.void(charge.id)).state is ChargeState.VOIDED
    await shop.check(settled=True)


async def test_a_capture_of_what_the_bank_released_shows_what_became_of_it(shop: Shop) -> None:
    charge = await shop.authorized(20_00)
    with shop.bank.open() as books:
        books.write("UPDATE charges SET state = 'voided'")

    for _ in range(2):
        with pytest.raises(ChargeNotCapturable, match="voided"):
            await shop.capture(charge.id, key="k")

    ended = await shop.charge(charge.id)
    assert (ended.state, ended.captured, ended.released) == (ChargeState.VOIDED, usd(0), usd(20_00))
    await shop.check(settled=True)


@pytest.mark.fault("F21")
async def test_another_amount_than_was_asked_for_is_booked_and_looked_at(shop: Shop) -> None:
    """F21."""
    charge = await shop.authorized(20_00)

    async def take_more(_asked: Any, _ask: Ask) -> ChargeResult:
        with shop.bank.open() as books:
            books.write("UPDATE charges SET state = 'succeeded', captured = 1800")
        assert charge.charge_ref is not None
        return await shop.provider.fetch_charge(charge_ref=charge.charge_ref)

    shop.provider.between["capture"] = take_more
    captured = await shop.capture(charge.id, 15_00)

    assert captured.captured == usd(18_00)
    assert captured.review is not None
    assert captured.review.reason is ReviewReason.AMOUNT_MISMATCH
    await shop.check(settled=True)


@pytest.mark.parametrize("fault", ["lose_answer", "error", "hang"])
async def test_a_void_whose_answer_is_lost_is_finished_later(shop: Shop, fault: str) -> None:
    charge = await shop.authorized(20_00)
    shop.misbehave(f"void#1={fault}")

    waiting = await shop.void(charge.id, key="k")
    assert (waiting.state, waiting.next_check_at is not None) == (ChargeState.AUTHORIZED, True)
    assert (waiting.void_requested_at is not None, waiting.capturable) == (True, usd(0))
    with pytest.raises(ChargeInProgress):
        await shop.capture(charge.id)
    await shop.run_jobs()

    assert (await shop.void(charge.id, key="k")).state is ChargeState.VOIDED
    await shop.check(settled=True)


async def test_a_void_that_was_not_sent_frees_its_key(shop: Shop) -> None:
    charge = await shop.authorized(20_00)
    shop.misbehave("void#1=refuse")

    with pytest.raises(ProviderUnavailable):
        await shop.void(charge.id, key="k")

    assert (await shop.void(charge.id, key="k")).state is ChargeState.VOIDED
    await shop.check(settled=True)


async def test_a_capture_never_shown_to_have_acted_is_given_up_and_can_be_repeated(
    shop: Shop, clock: MovableClock
) -> None:
    charge = await shop.authorized(20_00)
    shop.provider.look_up_lag_shown = 0.0

    async def swallow(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.UNKNOWN)

    shop.provider.between["capture"] = swallow
    await shop.capture(charge.id)
    clock.advance(hours=24)
    await shop.run_jobs(rounds=4)

    held = await shop.charge(charge.id)
    assert (held.state, held.capture_requested, held.next_check_at) == (ChargeState.AUTHORIZED, None, None)
    del shop.provider.between["capture"]
    await shop.check()
    assert (await shop.capture(charge.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)
