"""A card that is charged before it is stored: with the payment, or never."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.charges import Charge, ChargeState
from domain.errors import (
    InvalidInput,
    PaymentMethodForbidden,
    PaymentMethodInUse,
    PaymentMethodNotUsable,
    PermissionDenied,
    ProviderUnavailable,
    TooManyDeclines,
    UnsupportedByProvider,
)
from domain.jobs import JobKind
from domain.payment_methods import PaymentMethod, PaymentMethodState, Storing
from domain.principals import ALL_PERMISSIONS, Permission, server
from domain.provider import Capability, CaptureMode, ChargeResult, Initiator, Outcome, ProviderAction, Support
from domain.services.charges import NewCard
from tests.services.conftest import OpenShop
from tests.services.shop import SHOP, MovableClock, Shop, usd
from tests.services.test_confirmed_cards import waiting
from tests.services.watching import Ask

STORED = NewCard(token="tok_visa", store=True)
ONCE = replace(STORED, store=False)


async def new_order(shop: Shop, customer_id: str | None = None) -> str:
    return await shop.order_of(customer_id or await shop.customer())


async def paid_with(shop: Shop, card: NewCard, order_id: str | None = None, **how: Any) -> Charge:
    return await shop.paid(order_id or await new_order(shop), new_card=card, **how)


async def card_of(shop: Shop, charge: Charge) -> PaymentMethod:
    return await shop.method((await shop.charge(charge.id)).payment_method_id)


async def default_of(shop: Shop, charge: Charge) -> str | None:
    return (await shop.customer_row(charge.customer_id)).default_payment_method_id


def kept_at_the_bank(shop: Shop) -> int:
    return sum(len(customer.payment_method_refs) for customer in shop.bank.truth().customers)


async def check_that_no_token_is_left(shop: Shop, token: str) -> None:
    for table, column in (("operations", "request"), ("operations", "answer"), ("payment_methods", "token")):
        rows = await shop.rows(f"SELECT {column} AS told FROM {table}")
        assert not [row for row in rows if token in str(row["told"])]


async def test_a_card_is_stored_with_the_payment_and_charged_again_without_its_owner(shop: Shop) -> None:
    charge = await paid_with(shop, STORED)
    method = await card_of(shop, charge)

    assert charge.state is ChargeState.SUCCEEDED
    assert (method.state, method.storing) == (PaymentMethodState.ACTIVE, Storing.WITH_CHARGE)
    assert method.card is not None
    assert method.card.last4 == "4242"
    assert method.card_fingerprint is not None
    await shop.run_jobs()
    assert await default_of(shop, charge) == method.id
    assert kept_at_the_bank(shop) == 1
    again = await shop.paid(await new_order(shop, charge.customer_id), initiator=Initiator.UNSCHEDULED)
    assert (again.state, again.payment_method_id) == (ChargeState.SUCCEEDED, method.id)
    assert await shop.events(method.id) == ["PAYMENT_METHOD_REQUESTED", "PAYMENT_METHOD_ATTACHED", "CUSTOMER_UPDATED"]
    await check_that_no_token_is_left(shop, "tok_visa")
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_a_card_is_charged_once_and_never_stored(shop: Shop) -> None:
    charge = await paid_with(shop, ONCE)
    method = await card_of(shop, charge)

    assert charge.state is ChargeState.SUCCEEDED
    assert (method.state, method.payment_method_ref) == (PaymentMethodState.DETACHED, None)
    assert method.card is not None
    assert method.card.last4 == "4242"
    await shop.run_jobs()
    assert await default_of(shop, charge) is None
    assert kept_at_the_bank(shop) == 0
    with pytest.raises(PaymentMethodNotUsable):
        await shop.pay(await new_order(shop, charge.customer_id), payment_method_id=method.id)
    await shop.refund(charge.id)
    assert (await shop.charge(charge.id)).refunded == usd(20_00)
    await shop.check(settled=True)


async def test_another_default_stays_unless_the_new_card_is_to_be_it(shop: Shop) -> None:
    customer_id = await shop.customer()
    first = await shop.card(customer_id)

    beside = await paid_with(shop, replace(STORED, token="tok_mastercard"), await new_order(shop, customer_id))
    await shop.run_jobs()
    assert await default_of(shop, beside) == first
    instead = await paid_with(
        shop, replace(STORED, token="tok_amex", make_default=True), await new_order(shop, customer_id)
    )
    await shop.run_jobs()
    assert await default_of(shop, instead) == instead.payment_method_id


@pytest.mark.parametrize("card", [STORED, ONCE])
async def test_a_declined_card_is_not_stored(shop: Shop, card: NewCard) -> None:
    charge = await paid_with(shop, replace(card, token="tok_chargeDeclined"))
    method = await card_of(shop, charge)

    assert charge.state is ChargeState.DECLINED
    assert (method.state, method.decline_code) == (PaymentMethodState.FAILED, charge.decline_code)
    await shop.run_jobs()
    assert kept_at_the_bank(shop) == 0
    again = await paid_with(shop, STORED, charge.order_id)
    assert again.state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.parametrize("confirmed", [True, False])
async def test_a_card_that_its_owner_confirms_is_stored_then(shop: Shop, confirmed: bool) -> None:
    charge = await paid_with(shop, replace(STORED, token="tok_threeDSecureRequired"))
    waiting = await card_of(shop, charge)
    assert (charge.state, waiting.state) == (ChargeState.REQUIRES_ACTION, PaymentMethodState.PENDING)
    with pytest.raises(PaymentMethodInUse):
        await shop.payment_methods.detach(SHOP, waiting.id)
    await check_that_no_token_is_left(shop, "tok_threeDSecureRequired")

    await shop.answer_challenge(charge, confirmed=confirmed)
    await shop.proceed(charge.id)

    after = await card_of(shop, charge)
    assert after.state is (PaymentMethodState.ACTIVE if confirmed else PaymentMethodState.FAILED)
    await shop.run_jobs()
    assert kept_at_the_bank(shop) == confirmed
    await shop.check(settled=True)


async def test_a_card_whose_owner_never_comes_back_is_not_stored(shop: Shop, clock: MovableClock) -> None:
    charge = await paid_with(shop, replace(STORED, token="tok_threeDSecureRequired"))

    clock.advance(hours=2)
    await shop.run_jobs(rounds=3)

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert (await card_of(shop, charge)).state is PaymentMethodState.FAILED
    assert kept_at_the_bank(shop) == 0


@pytest.mark.parametrize("card", [STORED, ONCE])
async def test_a_lost_answer_is_found_and_the_card_with_it(shop: Shop, card: NewCard) -> None:
    shop.misbehave("charge#1=lose_answer")
    charge = await paid_with(shop, card)
    assert charge.state is ChargeState.UNKNOWN
    assert (await card_of(shop, charge)).state is PaymentMethodState.PENDING

    await shop.run_jobs(rounds=2)

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    found = await card_of(shop, charge)
    assert found.state is (PaymentMethodState.ACTIVE if card.store else PaymentMethodState.DETACHED)
    assert kept_at_the_bank(shop) == card.store
    await check_that_no_token_is_left(shop, card.token)
    await shop.check(settled=True)


async def test_a_request_that_never_arrived_is_sent_again_with_its_token(shop: Shop) -> None:
    shop.misbehave("charge#1=error")
    charge = await paid_with(shop, STORED)

    await shop.run_jobs(rounds=2)

    first, second = shop.provider.asked("charge")
    assert first == second
    assert first.token == "tok_visa"
    assert (await card_of(shop, charge)).state is PaymentMethodState.ACTIVE
    assert len(shop.bank.truth().charges) == 1
    await shop.check(settled=True)


async def test_a_webhook_may_tell_first(shop: Shop) -> None:
    """What the bank tells of the charge tells of the card too, before the answer has come, and after it once more."""

    async def hear_first(_asked: Any, ask: Ask) -> Any:
        answer = await ask()
        await shop.hear()
        return answer

    shop.provider.between["charge"] = hear_first
    charge = await paid_with(shop, STORED)
    await shop.hear()

    assert (await card_of(shop, charge)).state is PaymentMethodState.ACTIVE
    assert (await shop.events(charge.payment_method_id)).count("PAYMENT_METHOD_ATTACHED") == 1
    await shop.check(settled=True)


async def test_what_is_held_stores_the_card_whatever_becomes_of_it(shop: Shop) -> None:
    charge = await paid_with(shop, STORED, capture=CaptureMode.MANUAL)
    assert (await card_of(shop, charge)).state is PaymentMethodState.ACTIVE

    await shop.void(charge.id)

    assert (await shop.charge(charge.id)).state is ChargeState.VOIDED
    assert (await card_of(shop, charge)).state is PaymentMethodState.ACTIVE


async def test_a_card_that_is_there_already_is_not_stored_twice(shop: Shop) -> None:
    """Where a provider knows one card by one reference, the row in use keeps it."""
    customer_id = await shop.customer()
    stored = await shop.method(await shop.card(customer_id))

    async def as_known(_asked: Any, ask: Ask) -> Any:
        answer = await ask()
        known = replace(answer.payment_method, payment_method_ref=stored.payment_method_ref)
        return replace(answer, payment_method=known)

    shop.provider.between["charge"] = as_known
    charge = await paid_with(shop, STORED, await new_order(shop, customer_id))

    assert charge.state is ChargeState.SUCCEEDED
    assert (await card_of(shop, charge)).state is PaymentMethodState.FAILED
    assert (await shop.method(stored.id)).state is PaymentMethodState.ACTIVE


async def test_a_card_that_waits_under_the_same_reference_keeps_no_money_from_being_booked(shop: Shop) -> None:
    waits = await waiting(shop)

    async def as_known(_asked: Any, ask: Ask) -> Any:
        answer = await ask()
        return replace(
            answer, payment_method=replace(answer.payment_method, payment_method_ref=waits.payment_method_ref)
        )

    shop.provider.between["charge"] = as_known
    charge = await paid_with(shop, STORED, await new_order(shop, waits.customer_id))

    assert charge.state is ChargeState.SUCCEEDED
    assert (await card_of(shop, charge)).state is PaymentMethodState.FAILED
    assert (await shop.method(waits.id)).state is PaymentMethodState.REQUIRES_ACTION


async def test_two_payments_that_bring_one_card_at_once_are_both_booked(new_shop: OpenShop) -> None:
    shop = new_shop()
    customer_id = await shop.customer()
    orders = [await new_order(shop, customer_id) for _ in range(2)]
    refs: list[str] = []
    both = asyncio.Event()

    async def as_one(_asked: Any, ask: Ask) -> Any:
        answer = await ask()
        refs.append(answer.payment_method.payment_method_ref)
        if len(refs) == len(orders):
            both.set()
        await both.wait()
        return replace(answer, payment_method=replace(answer.payment_method, payment_method_ref=refs[0]))

    shop.provider.between["charge"] = as_one
    charges = await asyncio.gather(*(paid_with(shop, STORED, order_id) for order_id in orders))

    assert [charge.state for charge in charges] == [ChargeState.SUCCEEDED] * 2
    states = sorted([(await card_of(shop, charge)).state for charge in charges])
    assert states == [PaymentMethodState.ACTIVE, PaymentMethodState.FAILED]


async def made_and_told_otherwise(_asked: Any, ask: Ask) -> ChargeResult:
    await ask()
    return ChargeResult(outcome=Outcome.FAILED)


async def test_what_was_stored_after_it_was_removed_is_forgotten(shop: Shop) -> None:
    shop.provider.between["charge"] = made_and_told_otherwise
    charge = await paid_with(shop, STORED)
    await shop.payment_methods.detach(SHOP, charge.payment_method_id)

    await shop.hear()
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert (await card_of(shop, charge)).state is PaymentMethodState.DETACHED
    assert kept_at_the_bank(shop) == 0
    assert await shop.jobs() == []


async def test_nothing_is_kept_of_a_card_whose_owner_was_erased_before_it_paid(shop: Shop) -> None:
    shop.provider.between["charge"] = made_and_told_otherwise
    charge = await paid_with(shop, STORED)
    await shop.orders.cancel(SHOP, charge.payable_id, version=None)
    await shop.redactions.redact(SHOP, charge.customer_id)

    await shop.hear()
    await shop.run_jobs(rounds=2)

    method = await card_of(shop, charge)
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert (method.state, method.card, method.card_fingerprint) == (PaymentMethodState.DETACHED, None, None)
    assert await default_of(shop, charge) is None
    assert kept_at_the_bank(shop) == 0


async def test_a_success_that_does_not_name_the_card_stores_none(shop: Shop) -> None:
    async def nameless(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), payment_method=None)

    shop.provider.between["charge"] = nameless
    stored, once = await paid_with(shop, STORED), await paid_with(shop, ONCE)

    assert (stored.state, once.state) == (ChargeState.SUCCEEDED, ChargeState.SUCCEEDED)
    assert (await card_of(shop, stored)).state is PaymentMethodState.FAILED
    assert (await card_of(shop, once)).state is PaymentMethodState.DETACHED


async def test_the_same_key_is_the_same_payment_and_the_same_card(shop: Shop) -> None:
    order_id = await new_order(shop)
    first, again = [await shop.pay(order_id, "k", new_card=STORED) for _ in range(2)]

    assert first == again
    assert len(await shop.rows("SELECT id FROM payment_methods")) == 1
    assert len(shop.bank.truth().charges) == 1


# --- what is refused ------------------------------------------------------------------------------------------------


async def test_a_payment_has_one_card_and_its_owner_is_there(shop: Shop) -> None:
    order_id = await shop.order()
    default = (await shop.customer_row((await shop.order_row(order_id)).customer_id)).default_payment_method_id

    for how in ({"payment_method_id": default}, {"initiator": Initiator.RECURRING}):
        with pytest.raises(InvalidInput):
            await shop.pay(order_id, new_card=STORED, **how)
    with pytest.raises(PermissionDenied):
        await shop.pay(
            order_id,
            new_card=STORED,
            principal=server("key_test", ALL_PERMISSIONS - {Permission.PAYMENT_METHODS_WRITE}),
        )
    assert await shop.charges_of(order_id) == []


async def test_a_provider_that_cannot_do_it_is_not_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    able = tuple(
        Capability(action, Support.NATIVE) for action in ProviderAction if action is not ProviderAction.CHARGE_NEW_CARD
    )
    monkeypatch.setattr(type(shop.provider), "capabilities", able)
    order_id = await new_order(shop)

    with pytest.raises(UnsupportedByProvider):
        await shop.pay(order_id, new_card=STORED)

    assert "charge" not in shop.provider.names()
    assert await shop.charges_of(order_id) == []


async def test_a_provider_that_does_not_know_the_customer_yet_and_is_away_leaves_nothing(shop: Shop) -> None:
    shop.misbehave("ensure_customer#1=refuse")
    order_id = await new_order(shop)

    with pytest.raises(ProviderUnavailable):
        await shop.pay(order_id, "k", new_card=STORED)

    assert await shop.charges_of(order_id) == []
    assert (await shop.paid(order_id, key="k", new_card=STORED)).state is ChargeState.SUCCEEDED


async def test_declined_new_cards_count_against_their_customer_and_once_known_against_the_card(
    new_shop: OpenShop,
) -> None:
    shop = new_shop()
    customer_id = await shop.customer()
    for _ in range(10):
        await paid_with(shop, replace(STORED, token="tok_chargeDeclined"), await new_order(shop, customer_id))
    with pytest.raises(TooManyDeclines):
        await paid_with(shop, STORED, await new_order(shop, customer_id))

    robbed = await shop.customer()
    stolen = await paid_with(shop, replace(STORED, token="tok_chargeDeclinedStolenCard"), await new_order(shop, robbed))
    assert stolen.state is ChargeState.DECLINED
    await shop.card(robbed, "tok_chargeDeclinedStolenCard")
    with pytest.raises(PaymentMethodForbidden):
        await shop.pay(await new_order(shop, robbed))


# --- what ended, and is still open there ----------------------------------------------------------------------------


async def test_a_declined_charge_that_could_still_be_paid_is_called_off(shop: Shop) -> None:
    """Whoever has the secret of a confirmation could go on with another card, and pay twice."""
    called_off: list[str] = []

    async def still_open(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), is_open=not called_off)

    async def call_off(asked: Any, ask: Ask) -> Any:
        called_off.append(asked.charge_ref)
        await ask()
        return replace(await shop.provider.fetch_charge(charge_ref=asked.charge_ref), outcome=Outcome.VOIDED)

    shop.provider.between |= {"charge": still_open, "fetch_charge": still_open, "void": call_off}
    charge = await shop.paid(await shop.order(token="tok_chargeDeclined"))
    assert charge.state is ChargeState.DECLINED
    assert [job["subject_id"] for job in await shop.jobs(JobKind.RELEASE_HOLD)] == [charge.id]

    await shop.run_jobs(rounds=3)

    assert called_off == [charge.charge_ref]
    after = await shop.charge(charge.id)
    assert (after.state, after.decline_code) == (ChargeState.DECLINED, charge.decline_code)
    assert after.void_requested_at is None
    assert "CHARGE_VOID_REQUESTED" not in await shop.events(charge.id)
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_a_refused_charge_that_waits_for_its_customer_there_is_called_off(shop: Shop) -> None:
    async def refused_open(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), outcome=Outcome.FAILED, next_action=None, is_open=True)

    shop.provider.between["charge"] = refused_open
    charge = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    assert charge.state is ChargeState.FAILED

    await shop.run_jobs(rounds=3)

    assert [there.state for there in shop.bank.truth().charges] == ["voided"]
    assert "CHARGE_VOID_REQUESTED" not in await shop.events(charge.id)
    assert await shop.jobs() == []
