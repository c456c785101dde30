"""A charge with a card that the form has just read: kept with the payment, or charged this once and never again."""

import pytest

from domain.declines import DeclineCode
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import (
    AttachRequest,
    CaptureMode,
    CardBrand,
    ChargeRequest,
    ChargeResult,
    Initiator,
    Outcome,
    ProviderAction,
)
from tests.contracts.houses.house import WORK_IS_DONE, CardKind, Fault, Power, Trait
from tests.contracts.shop import TWENTY, Shop, action_of, open_shop, ref_of

CHARGES_NEW = pytest.mark.capability(ProviderAction.CHARGE_NEW_CARD)
CONFIRMS = pytest.mark.capability(ProviderAction.CHARGE_NEW_CARD, ProviderAction.CUSTOMER_ACTION)
STORED_OR_NOT = pytest.mark.parametrize("store_card", [True, False], ids=["stored", "not stored"])


async def charged_new(shop: Shop, kind: CardKind = CardKind.PLAIN, *, store_card: bool = False) -> ChargeResult:
    return await shop.provider.charge(await shop.new_card_request(kind, store_card=store_card))


def card_ref_of(charge: ChargeResult) -> str:
    assert charge.payment_method is not None, charge
    return ref_of(charge.payment_method)


@CHARGES_NEW
@STORED_OR_NOT
async def test_a_new_card_is_charged(shop: Shop, store_card: bool) -> None:
    request = await shop.new_card_request(store_card=store_card)

    charged = await shop.provider.charge(request)

    assert (charged.outcome, charged.captured) == (Outcome.SUCCEEDED, TWENTY)
    assert charged.operation_id == request.operation_id
    assert (await shop.truth(charged)).captured == 20


@CHARGES_NEW
@STORED_OR_NOT
async def test_the_card_of_a_charge_is_shown_with_it(shop: Shop, store_card: bool) -> None:
    charged = await charged_new(shop, store_card=store_card)

    method = charged.payment_method
    assert method is not None
    assert method.outcome is Outcome.SUCCEEDED
    assert method.card is not None
    assert (method.card.brand, method.card.last4) == (CardBrand.VISA, shop.house.last4)
    assert (await shop.fetched(charged)).captured == TWENTY


@CHARGES_NEW
async def test_a_stored_card_can_be_charged_again_without_the_customer(shop: Shop) -> None:
    first = await charged_new(shop, store_card=True)

    second = await shop.charge(payment_method_ref=card_ref_of(first), initiator=Initiator.UNSCHEDULED, return_url=None)

    assert second.outcome is Outcome.SUCCEEDED
    kept = await shop.provider.fetch_payment_method(payment_method_ref=card_ref_of(first))
    assert kept.outcome is Outcome.SUCCEEDED


@CHARGES_NEW
async def test_a_stored_card_has_the_fingerprint_of_its_number(shop: Shop) -> None:
    charged = await charged_new(shop, store_card=True)
    attached = await shop.stored()

    kept = await shop.provider.fetch_payment_method(payment_method_ref=card_ref_of(charged))

    assert kept.card_fingerprint == attached.card_fingerprint
    assert kept.card == attached.card


@pytest.mark.capability(ProviderAction.CHARGE_NEW_CARD, ProviderAction.DETACH_PAYMENT_METHOD)
async def test_a_card_that_was_stored_with_a_charge_can_be_detached(shop: Shop) -> None:
    charged = await charged_new(shop, store_card=True)

    detached = await shop.provider.detach_payment_method(payment_method_ref=card_ref_of(charged))

    assert detached.outcome is Outcome.SUCCEEDED
    assert (await shop.charge(payment_method_ref=card_ref_of(charged))).outcome is Outcome.FAILED


@CHARGES_NEW
@pytest.mark.needs(Power.FORM)
async def test_a_card_that_is_not_stored_is_charged_once(shop: Shop) -> None:
    request = await shop.new_card_request()
    first = await shop.provider.charge(request)
    assert first.outcome is Outcome.SUCCEEDED

    again = [await shop.provider.charge(_with_token_of(shop, request))]
    if first.payment_method is not None and first.payment_method.payment_method_ref is not None:
        again.append(await shop.charge(payment_method_ref=card_ref_of(first)))

    assert {charge.outcome for charge in again} == {Outcome.FAILED}
    assert len((await shop.house.truth()).taken) == 1


@CHARGES_NEW
@pytest.mark.needs(Power.FORM)
async def test_a_card_that_is_not_stored_cannot_be_stored_afterwards(shop: Shop) -> None:
    request = await shop.new_card_request()
    await shop.provider.charge(request)

    attached = await shop.provider.attach_payment_method(
        AttachRequest(
            payment_method_id=new_id(IdPrefix.PAYMENT_METHOD),
            customer_ref=shop.customer_ref,
            token=request.token or "",
            return_url=None,
        )
    )

    assert attached.outcome is Outcome.FAILED


@CHARGES_NEW
@STORED_OR_NOT
async def test_a_new_card_may_be_declined(shop: Shop, store_card: bool) -> None:
    declined = await charged_new(shop, CardKind.DECLINED, store_card=store_card)

    assert declined.outcome is Outcome.DECLINED
    assert declined.refusal is not None
    assert declined.refusal.decline_code is DeclineCode.GENERIC_DECLINE
    assert declined.payment_method is None or declined.payment_method.outcome is not Outcome.SUCCEEDED
    assert (await shop.house.truth()).taken == ()


@CHARGES_NEW
async def test_a_declined_card_is_not_kept(shop: Shop) -> None:
    declined = await charged_new(shop, CardKind.DECLINED_LATER, store_card=True)

    method = declined.payment_method
    assert declined.outcome is Outcome.DECLINED
    if method is not None and method.payment_method_ref is not None:
        kept = await shop.provider.fetch_payment_method(payment_method_ref=method.payment_method_ref)
        assert kept.outcome is not Outcome.SUCCEEDED


@CHARGES_NEW
async def test_a_token_that_nobody_made_charges_nothing(shop: Shop) -> None:
    request = await shop.new_card_request()

    refused = await shop.provider.charge(_with_token_of(shop, request, token="a-token-that-nobody-made"))

    assert refused.outcome is Outcome.FAILED
    assert (await shop.house.truth()).taken == ()


@pytest.mark.capability(ProviderAction.CHARGE_NEW_CARD, ProviderAction.ATTACH_PAYMENT_METHOD)
async def test_a_card_of_another_customer_is_no_new_one(shop: Shop) -> None:
    card, other = await shop.card(), await open_shop(shop.house)
    request = await other.new_card_request()

    refused = await other.provider.charge(_with_token_of(other, request, token=card))

    assert refused.outcome is Outcome.FAILED
    assert (await shop.house.truth()).taken == ()


@pytest.mark.capability(ProviderAction.CHARGE_NEW_CARD, ProviderAction.AUTHORIZE)
@STORED_OR_NOT
async def test_money_can_be_held_on_a_new_card(shop: Shop, store_card: bool) -> None:
    held = await shop.provider.charge(await shop.new_card_request(store_card=store_card, capture=CaptureMode.MANUAL))
    assert held.outcome is Outcome.AUTHORIZED

    captured = await shop.capture(held, Money(12_00, "USD"))

    assert captured.captured == Money(12_00, "USD")
    assert (await shop.truth(held)).captured == 12


@pytest.mark.capability(ProviderAction.CHARGE_NEW_CARD, ProviderAction.REFUND)
async def test_what_a_new_card_paid_can_be_given_back(shop: Shop) -> None:
    charged = await charged_new(shop)

    assert (await shop.refund(charged)).outcome is Outcome.SUCCEEDED
    assert (await shop.truth(charged)).refunded == 20


@CHARGES_NEW
@pytest.mark.where(Trait.KEEPS_KEYS)
@STORED_OR_NOT
async def test_a_new_card_is_charged_once_however_often_that_is_sent(shop: Shop, store_card: bool) -> None:
    request = await shop.new_card_request(store_card=store_card)

    first = await shop.provider.charge(request)
    again = await shop.provider.charge(request)

    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert first.charge_ref == again.charge_ref
    assert first.payment_method == again.payment_method
    assert len((await shop.house.truth()).taken) == 1


@pytest.mark.capability(ProviderAction.CHARGE_NEW_CARD, ProviderAction.LOOK_UP)
@pytest.mark.needs(Power.WIRE)
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_the_card_of_a_charge_whose_answer_was_lost_is_found_with_it(shop: Shop, fault: Fault) -> None:
    request = await shop.new_card_request(store_card=True)

    async with shop.house.broken(fault):
        await shop.provider.charge(request)
    found = await shop.provider.find_charge(shop.look_up(request.operation_id))

    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED
    assert (await shop.charge(payment_method_ref=card_ref_of(found))).outcome is Outcome.SUCCEEDED


@CONFIRMS
@pytest.mark.needs(Power.CUSTOMER)
@STORED_OR_NOT
async def test_a_customer_may_have_to_confirm_with_a_new_card(shop: Shop, store_card: bool) -> None:
    asked = await charged_new(shop, CardKind.CHALLENGED, store_card=store_card)
    assert asked.outcome is Outcome.REQUIRES_ACTION

    await shop.house.confirm(action_of(asked))
    confirmed = await shop.proceed(asked)

    assert (confirmed.outcome, confirmed.captured) == (Outcome.SUCCEEDED, TWENTY)
    assert (await shop.truth(confirmed)).captured == 20
    if store_card:
        kept = await shop.provider.fetch_payment_method(payment_method_ref=card_ref_of(confirmed))
        assert kept.outcome is Outcome.SUCCEEDED


@CONFIRMS
@pytest.mark.needs(Power.CUSTOMER)
async def test_a_new_card_that_its_holder_refused_to_confirm_takes_nothing(shop: Shop) -> None:
    asked = await charged_new(shop, CardKind.CHALLENGED, store_card=True)
    await shop.house.refuse(action_of(asked))

    refused = await shop.proceed(asked)

    assert refused.outcome in (Outcome.DECLINED, Outcome.FAILED)
    assert refused.payment_method is None or refused.payment_method.outcome is not Outcome.SUCCEEDED
    assert (await shop.house.truth()).taken == ()


def _with_token_of(shop: Shop, request: ChargeRequest, *, token: str | None = None) -> ChargeRequest:
    """Another charge with the same card."""
    return shop.request(TWENTY, payment_method_ref=None, token=token or request.token, store_card=request.store_card)
