"""Customers and their cards: stored, confirmed, shown, forgotten.

Which of the cards is the customer's default is a matter of the gateway alone, the same with every provider, and is told
to none of them: tests/services/test_payment_methods.py.
"""

from dataclasses import replace

import pytest

from domain.declines import DeclineCode
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import (
    AttachRequest,
    CardBrand,
    ClientSession,
    CustomerRequest,
    Initiator,
    Outcome,
    PaymentMethodResult,
    ProviderAction,
    WebhookSubject,
)
from tests.contracts.houses.house import CardKind, Power, Trait
from tests.contracts.shop import Shop, action_of, customer_ref_of, open_shop, ref_of

ATTACHES = pytest.mark.capability(ProviderAction.ATTACH_PAYMENT_METHOD)
DETACHES = pytest.mark.capability(ProviderAction.ATTACH_PAYMENT_METHOD, ProviderAction.DETACH_PAYMENT_METHOD)
CONFIRMS = pytest.mark.capability(ProviderAction.ATTACH_PAYMENT_METHOD, ProviderAction.CUSTOMER_ACTION)
ASKS = pytest.mark.where(Trait.ASKS_WHEN_STORING)
PLAYS_CUSTOMER = pytest.mark.needs(Power.CUSTOMER)
FORGETS = pytest.mark.capability(ProviderAction.FORGET_CUSTOMER)


async def test_asking_twice_for_a_customer_finds_one_account(shop: Shop) -> None:
    request = CustomerRequest(customer_id=new_id(IdPrefix.CUSTOMER), email="grace@example.org", name="Grace Hopper")

    first = await shop.provider.ensure_customer(request)
    again = await shop.provider.ensure_customer(request)

    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert first.customer_ref == again.customer_ref != shop.customer_ref


async def test_a_customer_without_a_name_has_an_account_too(shop: Shop) -> None:
    nobody = CustomerRequest(customer_id=new_id(IdPrefix.CUSTOMER), email=None, name=None)

    assert (await shop.provider.ensure_customer(nobody)).outcome is Outcome.SUCCEEDED


@pytest.mark.capability(ProviderAction.CLIENT_SESSION)
async def test_a_card_form_can_be_opened(shop: Shop) -> None:
    session = await shop.provider.client_session(customer_ref=shop.customer_ref)

    assert isinstance(session, ClientSession)
    assert session.secret
    assert session.expires_at is None or session.expires_at > shop.house.now()


@pytest.mark.capability(ProviderAction.CLIENT_SESSION)
@pytest.mark.where(Trait.OPENS_FORMS_WITH_MORE)
async def test_a_card_form_is_told_whose_it_is(shop: Shop) -> None:
    session = await shop.provider.client_session(customer_ref=shop.customer_ref)

    assert isinstance(session, ClientSession)
    assert session.publishable_key or session.tokenizer_url


@pytest.mark.capability(ProviderAction.CLIENT_SESSION)
async def test_a_card_form_is_opened_anew_each_time(shop: Shop) -> None:
    first = await shop.provider.client_session(customer_ref=shop.customer_ref)
    second = await shop.provider.client_session(customer_ref=shop.customer_ref)

    assert isinstance(first, ClientSession)
    assert isinstance(second, ClientSession)
    assert first.secret != second.secret


@ATTACHES
async def test_a_stored_card_shows_what_may_be_shown(shop: Shop) -> None:
    attached = await shop.stored(CardKind.PLAIN)

    assert attached.card is not None
    assert (attached.card.brand, attached.card.last4) == (CardBrand.VISA, shop.house.last4)
    assert 1 <= attached.card.expiry_month <= 12
    assert attached.card.expiry_year >= shop.house.now().year
    assert attached.next_action is None
    assert not attached.gone


@ATTACHES
async def test_a_stored_card_is_shown_again_as_it_was(shop: Shop) -> None:
    attached = await shop.stored()

    fetched = await shop.provider.fetch_payment_method(payment_method_ref=ref_of(attached))

    assert fetched.outcome is Outcome.SUCCEEDED
    assert (fetched.payment_method_ref, fetched.card) == (attached.payment_method_ref, attached.card)
    assert fetched.card_fingerprint == attached.card_fingerprint


@ATTACHES
async def test_one_number_has_one_fingerprint_and_another_has_another(shop: Shop) -> None:
    first, again = await shop.stored(), await shop.stored()
    other = await shop.stored(CardKind.OTHER)

    assert first.payment_method_ref != again.payment_method_ref
    assert first.card_fingerprint == again.card_fingerprint != other.card_fingerprint
    assert first.card_fingerprint is None or "4242424242424242" not in first.card_fingerprint


@ATTACHES
async def test_a_card_that_is_attached_twice_under_one_id_is_stored_once(shop: Shop) -> None:
    request = await shop.attach_request(CardKind.PLAIN)

    first = await shop.provider.attach_payment_method(request)
    again = await shop.provider.attach_payment_method(request)

    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert first.payment_method_ref == again.payment_method_ref


@ATTACHES
async def test_an_id_belongs_to_one_card(shop: Shop) -> None:
    request = await shop.attach_request(CardKind.PLAIN)
    first = await shop.provider.attach_payment_method(request)

    other = await shop.provider.attach_payment_method(replace(request, token=await shop.house.token(CardKind.OTHER)))

    assert other.outcome is Outcome.UNKNOWN
    assert other.refusal is not None
    kept = await shop.provider.fetch_payment_method(payment_method_ref=ref_of(first))
    assert kept.card == first.card


@ATTACHES
async def test_a_token_that_nobody_made_is_refused(shop: Shop) -> None:
    request = replace(await shop.attach_request(CardKind.PLAIN), token="a-token-that-nobody-made")

    refused = await shop.provider.attach_payment_method(request)

    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.decline_code is None


@ATTACHES
async def test_a_customer_whom_the_provider_does_not_know_has_no_cards(shop: Shop) -> None:
    request = replace(await shop.attach_request(CardKind.PLAIN), customer_ref="nobody")

    assert (await shop.provider.attach_payment_method(request)).outcome is Outcome.FAILED


@pytest.mark.capability(ProviderAction.ATTACH_PAYMENT_METHOD, ProviderAction.CHARGE)
async def test_a_card_that_its_bank_declines_is_not_stored_or_takes_no_charge(shop: Shop) -> None:
    """Some banks are asked when a card is stored, others only when money is."""
    attached = await shop.attach(CardKind.DECLINED)
    refused = attached if attached.outcome is not Outcome.SUCCEEDED else await shop.charge(CardKind.DECLINED)

    assert refused.outcome is Outcome.DECLINED
    assert refused.refusal is not None
    assert refused.refusal.decline_code is DeclineCode.GENERIC_DECLINE
    assert (await shop.house.truth()).taken == ()


# --- confirmed when it is stored ------------------------------------------------------------------------------------


async def waiting(shop: Shop) -> PaymentMethodResult:
    """A card that is stored once its owner has confirmed it."""
    attached = await shop.attach(CardKind.CONFIRMED_FIRST)
    assert attached.outcome is Outcome.REQUIRES_ACTION, attached
    return attached


async def seen(shop: Shop, method: PaymentMethodResult) -> PaymentMethodResult:
    return await shop.provider.fetch_payment_method(payment_method_ref=ref_of(method))


@CONFIRMS
@ASKS
@PLAYS_CUSTOMER
async def test_a_card_may_have_to_be_confirmed_when_it_is_stored(shop: Shop) -> None:
    attached = await waiting(shop)

    action = action_of(attached)
    assert action.expires_at > shop.house.now()
    await shop.house.confirm(action)

    stored = await seen(shop, attached)
    assert stored.outcome is Outcome.SUCCEEDED
    assert stored.card is not None
    assert stored.next_action is None


@CONFIRMS
@ASKS
@PLAYS_CUSTOMER
async def test_a_confirmed_card_is_charged_without_its_owner(shop: Shop) -> None:
    card = await shop.card(CardKind.CONFIRMED_FIRST)

    charged = await shop.charge(payment_method_ref=card, initiator=Initiator.UNSCHEDULED, return_url=None)

    assert charged.outcome is Outcome.SUCCEEDED


@CONFIRMS
@ASKS
@PLAYS_CUSTOMER
async def test_a_card_that_waits_for_its_owner_shows_what_they_have_to_do(shop: Shop) -> None:
    attached = await waiting(shop)

    again = await seen(shop, attached)
    assert again.outcome is Outcome.REQUIRES_ACTION
    await shop.house.confirm(action_of(again))

    assert (await seen(shop, attached)).outcome is Outcome.SUCCEEDED


@CONFIRMS
@ASKS
@PLAYS_CUSTOMER
async def test_a_card_that_waits_for_its_owner_cannot_be_charged(shop: Shop) -> None:
    attached = await waiting(shop)

    charged = await shop.charge(payment_method_ref=ref_of(attached))

    assert charged.outcome is Outcome.FAILED
    assert (await shop.house.truth()).taken == ()


@CONFIRMS
@ASKS
@PLAYS_CUSTOMER
async def test_a_card_that_its_owner_refuses_is_not_stored(shop: Shop) -> None:
    attached = await waiting(shop)

    await shop.house.refuse(action_of(attached))

    refused = await seen(shop, attached)
    assert refused.outcome is Outcome.DECLINED
    assert refused.refusal is not None
    assert refused.refusal.decline_code is DeclineCode.AUTHENTICATION_FAILED
    assert (await shop.charge(payment_method_ref=ref_of(attached))).outcome is Outcome.FAILED


@CONFIRMS
@ASKS
@PLAYS_CUSTOMER
async def test_a_card_that_is_attached_again_under_its_id_is_told_of_as_it_is_by_now(shop: Shop) -> None:
    request = await shop.attach_request(CardKind.CONFIRMED_FIRST)
    attached = await shop.provider.attach_payment_method(request)

    waits = await shop.provider.attach_payment_method(request)
    await shop.house.confirm(action_of(attached))
    stored = await shop.provider.attach_payment_method(request)

    assert (waits.outcome, waits.payment_method_ref) == (Outcome.REQUIRES_ACTION, attached.payment_method_ref)
    assert stored.outcome is Outcome.SUCCEEDED


@ASKS
@PLAYS_CUSTOMER
@pytest.mark.capability(
    ProviderAction.ATTACH_PAYMENT_METHOD, ProviderAction.CUSTOMER_ACTION, ProviderAction.DETACH_PAYMENT_METHOD
)
async def test_a_card_that_nobody_waits_for_any_more_is_not_stored(shop: Shop) -> None:
    attached = await waiting(shop)

    detached = await shop.provider.detach_payment_method(payment_method_ref=ref_of(attached))
    await shop.house.confirm(action_of(attached))

    assert detached.outcome is Outcome.SUCCEEDED
    assert (await seen(shop, attached)).outcome is not Outcome.SUCCEEDED


@CONFIRMS
@ASKS
@PLAYS_CUSTOMER
@pytest.mark.where(Trait.TELLS_OF_MONEY)
@pytest.mark.capability(ProviderAction.WEBHOOKS)
async def test_that_a_card_was_confirmed_is_told_of(shop: Shop) -> None:
    attached = await waiting(shop)
    await shop.heard()

    await shop.house.confirm(action_of(attached))

    told = [event for event in await shop.heard() if event.subject is WebhookSubject.PAYMENT_METHOD]
    assert ref_of(attached) in {event.subject_ref for event in told}


# --- detached -------------------------------------------------------------------------------------------------------


@DETACHES
async def test_a_detached_card_is_gone(shop: Shop) -> None:
    card = await shop.card()

    detached = await shop.provider.detach_payment_method(payment_method_ref=card)

    assert detached.outcome is Outcome.SUCCEEDED
    left = await shop.provider.fetch_payment_method(payment_method_ref=card)
    assert left.gone
    assert left.outcome is not Outcome.SUCCEEDED


@DETACHES
async def test_detaching_may_be_asked_as_often_as_needed(shop: Shop) -> None:
    card = await shop.card()

    outcomes = [(await shop.provider.detach_payment_method(payment_method_ref=card)).outcome for _ in range(3)]

    assert outcomes == [Outcome.SUCCEEDED] * 3


@DETACHES
async def test_detaching_what_nobody_knows_succeeds(shop: Shop) -> None:
    known = await shop.card()
    unknown = known[:-6] + "nobody"

    assert (await shop.provider.detach_payment_method(payment_method_ref=unknown)).outcome is Outcome.SUCCEEDED
    assert (await shop.provider.fetch_payment_method(payment_method_ref=known)).outcome is Outcome.SUCCEEDED


@DETACHES
async def test_detaching_one_card_leaves_the_others(shop: Shop) -> None:
    gone, kept = await shop.card(), await shop.card()

    await shop.provider.detach_payment_method(payment_method_ref=gone)

    assert (await shop.charge(payment_method_ref=kept)).outcome is Outcome.SUCCEEDED


@pytest.mark.capability(ProviderAction.DETACH_PAYMENT_METHOD, ProviderAction.CHARGE)
async def test_a_detached_card_cannot_be_charged(shop: Shop) -> None:
    card = await shop.card()
    await shop.provider.detach_payment_method(payment_method_ref=card)

    charged = await shop.charge(payment_method_ref=card)

    assert charged.outcome is Outcome.FAILED
    assert (await shop.house.truth()).taken == ()


@ATTACHES
async def test_a_card_belongs_to_one_customer(shop: Shop) -> None:
    card, other = await shop.card(), await open_shop(shop.house)

    charged = await other.charge(payment_method_ref=card)

    assert charged.outcome is Outcome.FAILED
    assert (await shop.house.truth()).taken == ()


@FORGETS
async def test_a_forgotten_customer_has_no_cards_any_more(shop: Shop) -> None:
    card = await shop.card()

    forgotten = await shop.provider.forget_customer(customer_ref=shop.customer_ref)

    assert forgotten.outcome is Outcome.SUCCEEDED
    assert (await shop.provider.fetch_payment_method(payment_method_ref=card)).gone
    assert (await shop.charge(payment_method_ref=card)).outcome is Outcome.FAILED


@FORGETS
async def test_a_customer_may_be_forgotten_as_often_as_needed(shop: Shop) -> None:
    outcomes = [(await shop.provider.forget_customer(customer_ref=shop.customer_ref)).outcome for _ in range(3)]

    assert outcomes == [Outcome.SUCCEEDED] * 3


@FORGETS
async def test_what_a_forgotten_customer_paid_can_be_given_back(shop: Shop) -> None:
    charged = await shop.settled()
    await shop.provider.forget_customer(customer_ref=shop.customer_ref)

    refunded = await shop.refund(charged, Money(5_00, "USD"))

    assert refunded.outcome is Outcome.SUCCEEDED
    assert (await shop.truth(charged)).refunded == 5


@FORGETS
async def test_a_forgotten_customer_may_come_back(shop: Shop) -> None:
    """Under another id: the old one is nobody's."""
    await shop.provider.forget_customer(customer_ref=shop.customer_ref)

    again = await shop.provider.ensure_customer(
        CustomerRequest(customer_id=new_id(IdPrefix.CUSTOMER), email="ada@example.org", name="Ada Lovelace")
    )
    attached = await shop.provider.attach_payment_method(
        AttachRequest(
            payment_method_id=new_id(IdPrefix.PAYMENT_METHOD),
            customer_ref=customer_ref_of(again),
            token=await shop.house.token(CardKind.PLAIN),
            return_url=None,
        )
    )

    assert again.customer_ref != shop.customer_ref
    assert attached.outcome is Outcome.SUCCEEDED
