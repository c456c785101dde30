"""Charges of stored cards: taken, declined, confirmed by the customer, called off."""

from dataclasses import replace

import pytest

from domain.declines import DECLINES, DeclineAdvice, DeclineCode
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import (
    CaptureMode,
    ChargeResult,
    Initiator,
    Outcome,
    ProviderAction,
    RedirectAction,
    SdkAction,
)
from tests.contracts.houses.house import CardKind, Power, Trait
from tests.contracts.shop import LONG, TWENTY, Shop, action_of, charge_ref_of

CHARGES = pytest.mark.capability(ProviderAction.CHARGE)
CONFIRMS = pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.CUSTOMER_ACTION)
PLAYS_CUSTOMER = pytest.mark.needs(Power.CUSTOMER)
VARIANTS = pytest.mark.variants
WAITS = pytest.mark.where(Trait.WAITS_FOR_THE_CUSTOMER)
ANEW = pytest.mark.where(Trait.CHARGES_THE_CONFIRMED)

ADVICE = {
    DeclineCode.GENERIC_DECLINE: DeclineAdvice.USE_OTHER_METHOD,
    DeclineCode.INSUFFICIENT_FUNDS: DeclineAdvice.RETRY_LATER,
    DeclineCode.CARD_EXPIRED: DeclineAdvice.USE_OTHER_METHOD,
    DeclineCode.INCORRECT_CVC: DeclineAdvice.USE_OTHER_METHOD,
    DeclineCode.INCORRECT_NUMBER: DeclineAdvice.USE_OTHER_METHOD,
    DeclineCode.LIMIT_EXCEEDED: DeclineAdvice.RETRY_LATER,
    DeclineCode.FRAUD_SUSPECTED: DeclineAdvice.DO_NOT_RETRY,
    DeclineCode.LOST_OR_STOLEN: DeclineAdvice.DO_NOT_RETRY,
    DeclineCode.AUTHENTICATION_REQUIRED: DeclineAdvice.AUTHENTICATE,
    DeclineCode.AUTHENTICATION_FAILED: DeclineAdvice.AUTHENTICATE,
    DeclineCode.PROCESSING_ERROR: DeclineAdvice.RETRY_LATER,
    DeclineCode.CARD_NOT_SUPPORTED: DeclineAdvice.USE_OTHER_METHOD,
    DeclineCode.CURRENCY_NOT_SUPPORTED: DeclineAdvice.USE_OTHER_METHOD,
    DeclineCode.DO_NOT_RETRY: DeclineAdvice.DO_NOT_RETRY,
}
"""What a client is advised to do, written down a second time: the same decline means the same with every provider."""


# --- taken ----------------------------------------------------------------------------------------------------------


@VARIANTS
@CHARGES
async def test_a_charge_takes_what_was_asked(shop: Shop) -> None:
    request = await shop.charge_request(amount=Money(12_34, "USD"))

    charged = await shop.provider.charge(request)

    assert charged.outcome is Outcome.SUCCEEDED
    assert charged.operation_id == request.operation_id
    assert (charged.authorized, charged.captured) == (request.amount, request.amount)
    assert charged.refunded in (None, Money.zero("USD"))
    assert charged.refusal is None
    assert charged.next_action is None
    assert not charged.is_open
    (truth,) = (await shop.house.truth()).charges
    assert (truth.charge_ref, truth.currency, f"{truth.captured:.2f}") == (charged.charge_ref, "USD", "12.34")


@CHARGES
async def test_a_charge_is_shown_again_as_it_was(shop: Shop) -> None:
    charged = await shop.paid()

    fetched = await shop.fetched(charged)

    assert fetched.outcome is Outcome.SUCCEEDED
    assert (fetched.charge_ref, fetched.operation_id) == (charged.charge_ref, charged.operation_id)
    assert (fetched.authorized, fetched.captured) == (TWENTY, TWENTY)


@VARIANTS
@CHARGES
@pytest.mark.parametrize("initiator", Initiator)
async def test_a_stored_card_is_charged_with_and_without_the_customer(shop: Shop, initiator: Initiator) -> None:
    charged = await shop.charge(initiator=initiator, return_url=None)

    assert charged.outcome is Outcome.SUCCEEDED
    assert (await shop.truth(charged)).captured == 20


@CHARGES
async def test_two_charges_of_one_card_are_two(shop: Shop) -> None:
    card = await shop.card()

    first = await shop.charge(payment_method_ref=card)
    second = await shop.charge(payment_method_ref=card)

    assert first.charge_ref != second.charge_ref
    assert len((await shop.house.truth()).taken) == 2


@CHARGES
async def test_nothing_secret_is_kept_of_an_answer(shop: Shop) -> None:
    charged = await shop.paid()

    assert "4242424242424242" not in repr(charged.raw)
    assert "_secret_" not in repr(charged.raw)


@CHARGES
async def test_a_charge_without_a_card_that_is_there_is_refused(shop: Shop) -> None:
    card = await shop.card()

    charged = await shop.charge(payment_method_ref=card[:-6] + "nobody")

    assert charged.outcome is Outcome.FAILED
    assert charged.refusal is not None
    assert charged.refusal.decline_code is None
    assert not charged.refusal.is_outage
    assert (await shop.house.truth()).taken == ()


@CHARGES
async def test_a_charge_of_a_customer_who_is_not_there_is_refused(shop: Shop) -> None:
    request = replace(await shop.charge_request(), customer_ref="nobody")

    assert (await shop.provider.charge(request)).outcome is Outcome.FAILED
    assert (await shop.house.truth()).taken == ()


@CHARGES
async def test_what_became_of_a_charge_that_nobody_knows_is_unknown(shop: Shop) -> None:
    """A question that was refused says nothing about the money that it was about."""
    charged = await shop.paid()

    nobody = replace(charged, charge_ref=charge_ref_of(charged)[:-6] + "nobody")

    assert (await shop.fetched(nobody)).outcome is Outcome.UNKNOWN


# --- declined -------------------------------------------------------------------------------------------------------


@CHARGES
@pytest.mark.needs(Power.BANK)
async def test_a_decline_says_why_and_what_to_do(shop: Shop, decline: DeclineCode) -> None:
    request = await shop.charge_request()
    await shop.house.decline_next(decline)

    declined = await shop.provider.charge(request)

    assert declined.outcome is Outcome.DECLINED
    refusal = declined.refusal
    assert refusal is not None
    assert refusal.decline_code is decline
    assert DECLINES[refusal.decline_code].advice is ADVICE[decline]
    assert refusal.provider_code
    assert refusal.message
    assert not refusal.is_outage
    assert declined.captured in (None, Money.zero("USD"))
    assert (await shop.house.truth()).taken == ()


@VARIANTS
@CHARGES
async def test_a_card_that_was_good_once_can_be_declined_later(shop: Shop) -> None:
    declined = await shop.charge(CardKind.DECLINED_LATER)

    assert declined.outcome is Outcome.DECLINED
    assert declined.refusal is not None
    assert declined.refusal.decline_code is DeclineCode.GENERIC_DECLINE
    assert (await shop.house.truth()).taken == ()


@CHARGES
async def test_after_a_decline_another_card_pays(shop: Shop) -> None:
    request = await shop.charge_request(CardKind.DECLINED_LATER)
    await shop.provider.charge(request)

    other = replace(request, operation_id=new_id(IdPrefix.OPERATION), payment_method_ref=await shop.card())
    charged = await shop.provider.charge(other)

    assert charged.outcome is Outcome.SUCCEEDED
    (truth,) = (await shop.house.truth()).taken
    assert truth.charge_ref == charged.charge_ref


@CHARGES
async def test_a_declined_charge_is_shown_again_as_it_was(shop: Shop) -> None:
    declined = await shop.charge(CardKind.DECLINED_LATER)

    fetched = await shop.fetched(declined)

    assert fetched.outcome is Outcome.DECLINED
    assert fetched.refusal is not None
    assert declined.refusal is not None
    assert fetched.refusal.decline_code is declined.refusal.decline_code


@pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.VOID)
async def test_a_declined_charge_can_be_called_off_for_good(shop: Shop) -> None:
    """At some providers a declined charge waits for another card, which somebody could still bring."""
    declined = await shop.charge(CardKind.DECLINED_LATER)

    await shop.void(declined)

    assert not (await shop.fetched(declined)).is_open
    assert not (await shop.truth(declined)).waits_for_the_customer


@CHARGES
async def test_a_declined_charge_says_whether_it_could_still_be_paid(shop: Shop) -> None:
    declined = await shop.charge(CardKind.DECLINED_LATER)

    assert declined.is_open == (await shop.truth(declined)).waits_for_the_customer


@CHARGES
@pytest.mark.parametrize("initiator", [each for each in Initiator if not each.on_session])
@PLAYS_CUSTOMER
async def test_a_bank_that_wants_the_customer_declines_without_them(shop: Shop, initiator: Initiator) -> None:
    card = await shop.card(CardKind.CHALLENGED)

    declined = await shop.charge(payment_method_ref=card, initiator=initiator, return_url=None)

    assert declined.outcome is Outcome.DECLINED
    assert declined.refusal is not None
    assert declined.refusal.decline_code is DeclineCode.AUTHENTICATION_REQUIRED
    assert declined.next_action is None
    assert (await shop.house.truth()).taken == ()


# --- confirmed by the customer --------------------------------------------------------------------------------------


@CONFIRMS
@PLAYS_CUSTOMER
async def test_a_challenge_says_what_the_customer_has_to_do(shop: Shop) -> None:
    asked = await shop.challenged()

    action = action_of(asked)
    assert isinstance(action, RedirectAction | SdkAction)
    assert action.url if isinstance(action, RedirectAction) else action.client_secret
    assert action.expires_at > shop.house.now()
    assert asked.captured in (None, Money.zero("USD"))
    assert (await shop.house.truth()).taken == ()


@CONFIRMS
@PLAYS_CUSTOMER
async def test_a_challenge_is_shown_again_to_a_customer_who_lost_it(shop: Shop) -> None:
    asked = await shop.challenged()

    again = await shop.seen(asked)
    assert again.outcome is Outcome.REQUIRES_ACTION
    await shop.house.confirm(action_of(again))

    assert (await shop.proceed(again)).outcome is Outcome.SUCCEEDED


@CONFIRMS
@PLAYS_CUSTOMER
async def test_a_challenge_is_no_secret_that_is_kept(shop: Shop) -> None:
    asked = await shop.challenged()

    action = action_of(asked)
    secret = action.url if isinstance(action, RedirectAction) else action.client_secret
    assert secret not in repr(asked.raw)


@CONFIRMS
@PLAYS_CUSTOMER
async def test_a_charge_that_the_customer_confirms_is_paid(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.confirm(action_of(asked))

    confirmed = await shop.proceed(asked)

    assert confirmed.outcome is Outcome.SUCCEEDED
    assert confirmed.captured == TWENTY
    assert confirmed.next_action is None
    assert (await shop.truth(confirmed)).captured == 20


@CONFIRMS
@WAITS
@PLAYS_CUSTOMER
async def test_what_the_customer_confirms_is_the_charge_that_waited(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.confirm(action_of(asked))

    confirmed = await shop.proceed(asked)

    assert (confirmed.charge_ref, confirmed.operation_id) == (asked.charge_ref, asked.operation_id)


@CONFIRMS
@PLAYS_CUSTOMER
async def test_a_charge_goes_on_only_when_the_customer_has_acted(shop: Shop) -> None:
    """Whatever a client says: a browser that comes back proves nothing."""
    asked = await shop.challenged()

    waiting = await shop.proceed(asked)

    assert waiting.outcome in (Outcome.REQUIRES_ACTION, Outcome.FAILED)
    assert (await shop.seen(asked)).outcome is Outcome.REQUIRES_ACTION
    assert (await shop.house.truth()).taken == ()


@VARIANTS
@CONFIRMS
@PLAYS_CUSTOMER
async def test_going_on_twice_pays_once(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.confirm(action_of(asked))
    operation_id = new_id(IdPrefix.OPERATION)

    first = await shop.proceed(asked, operation_id=operation_id)
    again = await shop.proceed(asked, operation_id=operation_id)
    more = await shop.proceed(asked)

    assert first.outcome is Outcome.SUCCEEDED
    assert again.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
    assert more.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
    assert await taken(shop) == ["20.00"]


@CONFIRMS
@PLAYS_CUSTOMER
@pytest.mark.where(Trait.KEEPS_KEYS)
async def test_going_on_twice_under_one_key_is_answered_twice(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.confirm(action_of(asked))
    request = shop.continue_request(asked)

    results = [await shop.provider.continue_charge(request) for _ in range(2)]

    assert [result.outcome for result in results] == [Outcome.SUCCEEDED] * 2
    assert results[0].charge_ref == results[1].charge_ref


@CONFIRMS
@WAITS
@PLAYS_CUSTOMER
async def test_a_charge_that_the_customer_refuses_is_declined(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.refuse(action_of(asked))

    refused = await shop.proceed(asked)

    assert refused.outcome is Outcome.DECLINED
    assert refused.refusal is not None
    assert refused.refusal.decline_code is DeclineCode.AUTHENTICATION_FAILED
    assert refused.next_action is None
    assert (await shop.house.truth()).taken == ()


@CONFIRMS
@PLAYS_CUSTOMER
async def test_a_charge_that_the_customer_refuses_takes_nothing(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.refuse(action_of(asked))

    refused = await shop.proceed(asked)

    assert refused.outcome in (Outcome.DECLINED, Outcome.FAILED)
    assert refused.refusal is not None
    assert refused.next_action is None
    assert (await shop.house.truth()).taken == ()


@CONFIRMS
@ANEW
@PLAYS_CUSTOMER
async def test_a_customer_who_was_not_confirmed_may_try_again(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.refuse(action_of(asked))
    await shop.proceed(asked)

    again = await shop.seen(asked)
    await shop.house.confirm(action_of(again))

    assert (await shop.proceed(again)).outcome is Outcome.SUCCEEDED
    assert await taken(shop) == ["20.00"]


@VARIANTS
@CONFIRMS
@ANEW
@PLAYS_CUSTOMER
async def test_there_is_no_charge_before_the_customer_is_confirmed(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.confirm(action_of(asked))
    request = shop.continue_request(asked)

    confirmed = await shop.provider.continue_charge(request)

    assert asked.charge_ref is None
    assert confirmed.operation_id == request.operation_id
    found = await shop.provider.find_charge(shop.look_up(request.operation_id))
    assert found is not None
    assert (found.charge_ref, found.outcome, found.captured) == (confirmed.charge_ref, Outcome.SUCCEEDED, TWENTY)


@CONFIRMS
@ANEW
@PLAYS_CUSTOMER
async def test_a_confirmation_pays_for_the_card_that_was_confirmed(shop: Shop) -> None:
    """The customer's page says which card that was, and pages can be told anything."""
    asked, other = await shop.challenged(), await shop.challenged(CardKind.CHALLENGED_THEN_DECLINED)
    await shop.house.confirm(action_of(other))
    request = replace(shop.continue_request(asked), token=shop.house.given(action_of(other)))

    refused = await shop.provider.continue_charge(request)

    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert (await shop.house.truth()).taken == ()


@CONFIRMS
@ANEW
@PLAYS_CUSTOMER
async def test_what_confirms_nobody_pays_nothing(shop: Shop) -> None:
    asked = await shop.challenged()
    tokens = [None, "", "a-token-that-nobody-made", await shop.house.token(CardKind.CHALLENGED)]

    outcomes = [
        (await shop.provider.continue_charge(replace(shop.continue_request(asked), token=token))).outcome
        for token in tokens
    ]

    assert outcomes == [Outcome.FAILED] * len(tokens)
    assert (await shop.seen(asked)).outcome is Outcome.REQUIRES_ACTION
    assert (await shop.house.truth()).taken == ()


@VARIANTS
@CONFIRMS
@PLAYS_CUSTOMER
async def test_a_bank_may_decline_what_the_customer_confirmed(shop: Shop) -> None:
    asked = await shop.challenged(CardKind.CHALLENGED_THEN_DECLINED)
    await shop.house.confirm(action_of(asked))

    declined = await shop.proceed(asked)

    assert declined.outcome is Outcome.DECLINED
    assert declined.refusal is not None
    assert declined.refusal.decline_code is DeclineCode.INSUFFICIENT_FUNDS
    assert (await shop.house.truth()).taken == ()


@CONFIRMS
@WAITS
@PLAYS_CUSTOMER
@pytest.mark.needs(Power.TIME)
async def test_a_customer_who_never_comes_pays_nothing(shop: Shop) -> None:
    asked = await shop.challenged()

    await shop.house.advance(LONG)

    assert (await shop.fetched(asked)).outcome in (Outcome.REQUIRES_ACTION, Outcome.EXPIRED, Outcome.VOIDED)
    ended = await _called_off(shop, asked)
    assert ended.outcome in (Outcome.VOIDED, Outcome.EXPIRED)
    assert not ended.is_open
    assert (await shop.house.truth()).taken == ()


@pytest.mark.capability(ProviderAction.CUSTOMER_ACTION, ProviderAction.VOID)
@WAITS
@PLAYS_CUSTOMER
async def test_a_charge_that_was_called_off_cannot_be_confirmed(shop: Shop) -> None:
    asked = await shop.challenged()

    voided = await shop.void(asked)
    await shop.house.confirm(action_of(asked))

    assert voided.outcome is Outcome.VOIDED
    assert (await shop.proceed(asked)).outcome is Outcome.VOIDED
    assert (await shop.house.truth()).taken == ()


@pytest.mark.capability(ProviderAction.CUSTOMER_ACTION, ProviderAction.VOID)
@WAITS
@PLAYS_CUSTOMER
async def test_it_is_too_late_to_call_off_what_the_customer_confirmed(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.confirm(action_of(asked))

    too_late = await shop.void(asked)

    assert too_late.outcome is Outcome.SUCCEEDED
    assert too_late.captured == TWENTY
    assert (await shop.truth(asked)).captured == 20


@pytest.mark.capability(ProviderAction.CUSTOMER_ACTION, ProviderAction.AUTHORIZE)
@PLAYS_CUSTOMER
async def test_a_confirmed_charge_may_hold_its_money_only(shop: Shop) -> None:
    asked = await shop.challenged(capture=CaptureMode.MANUAL)
    await shop.house.confirm(action_of(asked))

    held = await shop.proceed(asked)

    assert held.outcome is Outcome.AUTHORIZED
    assert (held.authorized, held.captured) == (TWENTY, Money.zero("USD"))
    truth = await shop.truth(held)
    assert truth.held == 20
    assert truth.captured == 0


async def taken(shop: Shop) -> list[str]:
    return [f"{charge.captured:.2f}" for charge in (await shop.house.truth()).taken]


async def _called_off(shop: Shop, charge: ChargeResult) -> ChargeResult:
    """The charge after a void, whatever the void itself was answered."""
    await shop.void(charge)
    return await shop.fetched(charge)
