"""Charges, captures and voids, as Stripe's PaymentIntents."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import (
    CaptureMode,
    ContinueRequest,
    Initiator,
    Outcome,
    RedirectAction,
    SdkAction,
)
from tests.adapters.stripe.desk import RETURN_URL, SECRET_KEY, Desk

TEN, SIX = Money(10_00, "USD"), Money(6_00, "USD")
NOTHING = Money.zero("USD")


async def test_a_charge_takes_the_money_and_says_whose_it_is(desk: Desk) -> None:
    request = desk.charge_request(card=await desk.card())
    charge = await desk.provider.charge(request)

    assert (charge.outcome, charge.operation_id) == (Outcome.SUCCEEDED, request.operation_id)
    assert (charge.authorized, charge.captured, charge.refunded) == (TEN, TEN, NOTHING)
    assert charge.payment_method is not None
    assert charge.payment_method.card is not None
    assert charge.payment_method.card.last4 == "4242"
    intent = await desk.api(f"payment_intents/{charge.charge_ref}")
    assert intent["metadata"] == {**request.metadata, "paydesk_operation": request.operation_id}
    assert (intent["allowed_payment_method_types"], intent["capture_method"]) == (["card"], "automatic")


async def test_what_is_kept_of_an_answer_shows_no_card_person_or_secret(desk: Desk) -> None:
    charge = await desk.charge()
    told = str(charge.raw)
    assert charge.raw["id"] == charge.charge_ref
    assert not any(word in told for word in ("4242", "secret", "fingerprint", "ann@example.org", "pm_"))


async def test_a_declined_card_is_told_with_the_intent_that_stays_open(desk: Desk) -> None:
    charge = await desk.charge(token="pm_card_visa_chargeDeclinedInsufficientFunds")

    assert (charge.outcome, charge.is_open) == (Outcome.DECLINED, True)
    assert (charge.authorized, charge.captured) == (NOTHING, NOTHING)
    assert charge.refusal is not None
    assert charge.refusal.decline_code is DeclineCode.INSUFFICIENT_FUNDS
    assert (charge.refusal.provider_code, charge.refusal.issuer_code) == ("insufficient_funds", "51")
    assert charge.charge_ref is not None
    assert replace(charge, raw={}) == replace(await desk.provider.fetch_charge(charge_ref=charge.charge_ref), raw={})

    assert (await desk.void(charge.charge_ref)).outcome is Outcome.VOIDED


async def test_a_card_that_is_charged_once_is_not_kept(desk: Desk) -> None:
    charge = await desk.charge(token="pm_card_visa")
    assert charge.payment_method is not None
    assert charge.payment_method.card_fingerprint
    kept = await desk.api(f"customers/{desk.customer_ref}/payment_methods")
    assert kept["data"] == []


async def test_a_card_that_is_stored_with_its_charge_can_be_charged_again(desk: Desk) -> None:
    charge = await desk.charge(token="pm_card_visa", store_card=True)
    assert charge.payment_method is not None
    ref = charge.payment_method.payment_method_ref
    assert charge.payment_method.outcome is Outcome.SUCCEEDED

    again = await desk.charge(card=ref, initiator=Initiator.RECURRING)

    assert again.outcome is Outcome.SUCCEEDED
    assert again.payment_method is not None
    assert again.payment_method.payment_method_ref == ref


async def test_without_the_customer_a_bank_that_wants_to_see_them_declines(desk: Desk) -> None:
    charge = await desk.charge(token="pm_card_authenticationRequired", initiator=Initiator.UNSCHEDULED)
    assert (charge.outcome, charge.is_open) == (Outcome.DECLINED, True)
    assert charge.refusal is not None
    assert charge.refusal.decline_code is DeclineCode.AUTHENTICATION_REQUIRED


# --- 3D Secure --------------------------------------------------------------------------------------------------------


async def test_a_return_url_sends_the_browser_to_the_bank_and_the_charge_goes_on_afterwards(desk: Desk) -> None:
    waiting = await desk.charge(token="pm_card_authenticationRequired", return_url=RETURN_URL)
    assert waiting.outcome is Outcome.REQUIRES_ACTION
    assert isinstance(waiting.next_action, RedirectAction)
    assert waiting.next_action.url.startswith(desk.address)
    assert waiting.next_action.expires_at < datetime.now(UTC) + timedelta(days=1, minutes=1)
    assert waiting.charge_ref is not None

    ask = ContinueRequest(operation_id="op_continue", charge_ref=waiting.charge_ref, token=None)
    early = await desk.provider.continue_charge(ask)
    await desk.authenticate(waiting.charge_ref)
    paid = await desk.provider.continue_charge(ask)

    assert early.outcome is Outcome.REQUIRES_ACTION
    assert (paid.outcome, paid.captured, paid.authorized) == (Outcome.SUCCEEDED, TEN, TEN)
    assert await desk.requests("payment_intents.confirm") == []


@pytest.mark.parametrize(
    ("url", "back"),
    [
        ("https://shop.example/thanks", "https://shop.example/thanks?charge="),
        ("https://shop.example/thanks?cart=7&x=%2F", "https://shop.example/thanks?cart=7&x=%2F&charge="),
        ("myshop://paid", "myshop://paid?charge="),
    ],
)
async def test_a_customer_comes_back_with_the_charge_that_they_left_for(desk: Desk, url: str, back: str) -> None:
    request = desk.charge_request(token="pm_card_authenticationRequired", return_url=url)
    waiting = await desk.provider.charge(request)
    assert isinstance(waiting.next_action, RedirectAction)

    left = await desk.http.post(waiting.next_action.url, data={"outcome": "succeeded"})

    assert left.headers["Location"].startswith(f"{back}{request.charge_id}&payment_intent={waiting.charge_ref}&")
    assert left.headers["Location"].endswith("&redirect_status=succeeded")


async def test_without_a_return_url_stripes_own_sdk_takes_over_with_the_client_secret(desk: Desk) -> None:
    waiting = await desk.charge(token="pm_card_authenticationRequired")
    assert isinstance(waiting.next_action, SdkAction)
    assert waiting.charge_ref is not None
    assert waiting.next_action.client_secret.startswith(f"{waiting.charge_ref}_secret_")


async def test_a_customer_who_fails_at_the_bank_is_declined(desk: Desk) -> None:
    waiting = await desk.charge(token="pm_card_authenticationRequired", return_url=RETURN_URL)
    assert waiting.charge_ref is not None
    await desk.authenticate(waiting.charge_ref, succeeded=False)

    failed = await desk.provider.fetch_charge(charge_ref=waiting.charge_ref)

    assert (failed.outcome, failed.is_open) == (Outcome.DECLINED, True)
    assert failed.refusal is not None
    assert failed.refusal.decline_code is DeclineCode.AUTHENTICATION_FAILED


async def test_what_only_lacks_its_confirmation_is_confirmed_under_the_key_of_the_continuation(desk: Desk) -> None:
    """The app has chosen another card with the client secret, and left the confirmation to us."""
    waiting = await desk.charge(token="pm_card_authenticationRequired", return_url=RETURN_URL)
    assert waiting.charge_ref is not None
    await desk.http.post(
        f"/v1/payment_intents/{waiting.charge_ref}",
        data={"payment_method": "pm_card_visa"},
        headers={"Authorization": f"Bearer {SECRET_KEY}"},
    )
    chosen = await desk.provider.fetch_charge(charge_ref=waiting.charge_ref)
    ask = ContinueRequest(operation_id="op_continue", charge_ref=waiting.charge_ref, token=None)
    paid, again = await desk.provider.continue_charge(ask), await desk.provider.continue_charge(ask)

    assert chosen.outcome is Outcome.REQUIRES_ACTION
    assert (paid.outcome, paid.captured, again) == (Outcome.SUCCEEDED, TEN, paid)
    assert [each["idempotency_key"] for each in await desk.requests("payment_intents.confirm")] == ["op_continue"]


async def test_a_card_that_is_declined_as_it_is_confirmed_leaves_the_intent_open(desk: Desk) -> None:
    waiting = await desk.charge(token="pm_card_authenticationRequired", return_url=RETURN_URL)
    assert waiting.charge_ref is not None
    await desk.http.post(
        f"/v1/payment_intents/{waiting.charge_ref}",
        data={"payment_method": "pm_card_visa_chargeDeclined"},
        headers={"Authorization": f"Bearer {SECRET_KEY}"},
    )
    ask = ContinueRequest(operation_id="op_continue", charge_ref=waiting.charge_ref, token=None)

    declined, again = await desk.provider.continue_charge(ask), await desk.provider.continue_charge(ask)

    assert (declined.outcome, declined.is_open, declined.charge_ref) == (Outcome.DECLINED, True, waiting.charge_ref)
    assert declined.refusal is not None
    assert declined.refusal.decline_code is DeclineCode.GENERIC_DECLINE
    assert again == declined


async def test_an_abandoned_confirmation_can_be_called_off(desk: Desk) -> None:
    waiting = await desk.charge(token="pm_card_authenticationRequired", return_url=RETURN_URL)
    assert waiting.charge_ref is not None
    voided = await desk.void(waiting.charge_ref)
    assert (voided.outcome, voided.authorized, voided.captured) == (Outcome.VOIDED, NOTHING, NOTHING)


# --- captured by hand -------------------------------------------------------------------------------------------------


async def test_a_hold_says_until_when_it_can_be_captured(desk: Desk) -> None:
    charge = await desk.charge(capture=CaptureMode.MANUAL)
    assert (charge.outcome, charge.authorized, charge.captured) == (Outcome.AUTHORIZED, TEN, NOTHING)
    assert charge.capture_before is not None
    assert timedelta(days=6) < charge.capture_before - datetime.now(UTC) < timedelta(days=8)


async def test_what_a_partial_capture_releases_is_no_refund(desk: Desk) -> None:
    held = await desk.held()
    captured = await desk.capture(held, SIX)
    assert (captured.outcome, captured.authorized, captured.captured) == (Outcome.SUCCEEDED, TEN, SIX)
    assert captured.refunded == NOTHING

    await desk.refund(held, Money(1_00, "USD"))

    assert (await desk.provider.fetch_charge(charge_ref=held)).refunded == Money(1_00, "USD")


async def test_a_capture_of_what_was_captured_tells_what_was_taken(desk: Desk) -> None:
    held = await desk.held()
    await desk.capture(held, SIX)
    again = await desk.capture(held, Money(4_00, "USD"))
    assert (again.outcome, again.captured) == (Outcome.SUCCEEDED, SIX)


async def test_a_capture_that_is_refused_leaves_the_hold_as_it_was(desk: Desk) -> None:
    held = await desk.held()
    refused = await desk.capture(held, Money(10_01, "USD"))
    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "amount_too_large"
    assert (await desk.provider.fetch_charge(charge_ref=held)).outcome is Outcome.AUTHORIZED


async def test_a_void_releases_what_is_held_and_is_too_late_for_what_is_taken(desk: Desk) -> None:
    held = await desk.held()
    voided = await desk.void(held)
    assert (voided.outcome, voided.authorized, voided.captured) == (Outcome.VOIDED, TEN, NOTHING)
    assert (await desk.void(held)).outcome is Outcome.VOIDED
    assert (await desk.capture(held, TEN)).outcome is Outcome.VOIDED

    late = await desk.void(await desk.paid())

    assert (late.outcome, late.captured) == (Outcome.SUCCEEDED, TEN)


async def test_a_hold_that_ran_out_is_expired(desk: Desk) -> None:
    held = await desk.held()
    await desk.advance(days=32)
    assert (await desk.provider.fetch_charge(charge_ref=held)).outcome is Outcome.EXPIRED
    assert (await desk.capture(held, TEN)).outcome is Outcome.EXPIRED
    assert (await desk.void(held)).outcome is Outcome.EXPIRED


# --- amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "at_stripe"),
    [
        (Money(500, "JPY"), 500),
        (Money(500, "ISK"), 500_00),
        (Money(5000, "UGX"), 5000_00),
        (Money(500_00, "MGA"), 500),
        (Money(5_130, "KWD"), 5_130),
        (Money(5_00, "EUR"), 5_00),
    ],
    ids=str,
)
async def test_an_amount_is_written_in_stripes_units_and_read_back_in_ours(
    desk: Desk, amount: Money, at_stripe: int
) -> None:
    charge = await desk.charge(amount)
    assert (charge.captured, charge.authorized) == (amount, amount)
    assert (await desk.api(f"payment_intents/{charge.charge_ref}"))["amount_received"] == at_stripe


@pytest.mark.parametrize("amount", [Money(5_133, "KWD"), Money(500_50, "MGA"), Money(5_000, "IQD")], ids=str)
async def test_an_amount_that_stripe_has_no_unit_for_is_refused_before_it_is_sent(desk: Desk, amount: Money) -> None:
    refused = await desk.charge(amount)
    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert (refused.refusal.provider_code, refused.refusal.is_outage) == ("amount_not_representable", False)
    assert await desk.requests("payment_intents.create") == []
