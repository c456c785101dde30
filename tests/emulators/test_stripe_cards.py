"""The documented test cards do what the page says of them."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe.declines import DECLINES
from tests.emulators.stripe_shop import Shop

_DECLINED = [
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", "try_again_later", "01"),
    ("pm_card_chargeDeclined", "card_declined", "generic_decline", "try_again_later", "01"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later", "51"),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again", "41"),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again", "43"),
    (
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "card_declined",
        "card_velocity_exceeded",
        "try_again_later",
        "65",
    ),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "confirm_card_data", "54"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "confirm_card_data", "N7"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", "try_again_later", "96"),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", "try_again_later", "01"),
    ("pm_card_radarBlock", "card_declined", "fraudulent", None, None),
]


def _said(error: Any) -> tuple[Any, ...]:
    """What an error says of a decline; what it does not say is None."""
    return tuple(error.get(name) for name in ("code", "decline_code", "advice_code", "network_decline_code"))


@pytest.mark.parametrize(
    "card", ["visa", "visa_debit", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "de"]
)
async def test_good_cards_pay(shop: Shop, card: str) -> None:
    paid = await shop.pay(f"pm_card_{card}")

    assert (paid.status, paid.amount_received, paid.next_action) == ("succeeded", 10_00, None)


@pytest.mark.parametrize(("card", "code", "decline_code", "advice", "network_code"), _DECLINED)
async def test_declined_cards_are_declined_with_their_codes(
    shop: Shop, card: str, code: str, decline_code: str, advice: str | None, network_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await shop.pay(card)

    body: Any = declined.value.json_body
    error = body["error"]
    intent = await shop.intent(error["payment_intent"]["id"])
    charge: Any = intent.latest_charge
    assert declined.value.http_status == 402
    assert error["type"] == "card_error"
    assert _said(error) == (code, decline_code, advice, network_code)
    assert error["charge"] == charge.id
    assert error["payment_method"]["card"]["last4"] == charge.payment_method_details.card.last4
    assert (intent.status, intent.payment_method, intent.amount_received) == ("requires_payment_method", None, 0)
    assert _said(intent.last_payment_error.to_dict()) == (code, decline_code, advice, network_code)  # type: ignore[union-attr]
    assert (charge.status, charge.paid, charge.failure_code, charge.amount_captured) == ("failed", False, code, 0)
    assert charge.outcome.type == ("blocked" if card == "pm_card_radarBlock" else "issuer_declined")
    assert await shop.event_types() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


async def test_any_decline_can_be_asked_for(shop: Shop) -> None:
    for code in DECLINES:
        await shop.misbehave({"on": "payment_intents.create", "fault": "decline", "code": code, "last": 1})
        with pytest.raises(stripe.CardError) as declined:
            await shop.pay()
        error: Any = declined.value.error
        assert error.decline_code == code

    assert (await shop.pay()).status == "succeeded"


async def test_a_declined_intent_is_paid_with_another_card(shop: Shop) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await shop.pay("pm_card_visa_chargeDeclined")
    error: Any = declined.value.error

    paid = await shop.sdk.v1.payment_intents.confirm_async(
        error.payment_intent.id, {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    )

    assert (paid.status, paid.last_payment_error) == ("succeeded", None)
    assert len(shop.emulator.account.all("charge")) == 2


@pytest.mark.parametrize(
    "card", [card for card, *_ in _DECLINED if card not in ("pm_card_chargeCustomerFail", "pm_card_radarBlock")]
)
async def test_declined_cards_cannot_be_attached(shop: Shop, card: str) -> None:
    customer = await shop.sdk.v1.customers.create_async({})

    with pytest.raises(stripe.CardError):
        await shop.sdk.v1.payment_methods.attach_async(card, {"customer": customer.id})
    with pytest.raises(stripe.CardError) as declined:
        await shop.sdk.v1.setup_intents.create_async(
            {"customer": customer.id, "payment_method": card, "confirm": True, "return_url": "https://shop.example"}
        )

    error: Any = declined.value.error
    assert error.setup_intent.status == "requires_payment_method"
    assert (await shop.sdk.v1.customers.payment_methods.list_async(customer.id)).data == []


async def test_one_card_attaches_and_is_declined_afterwards(shop: Shop) -> None:
    customer, method = await shop.customer_with("pm_card_chargeCustomerFail")

    with pytest.raises(stripe.CardError):
        await shop.pay(method, customer=customer)


@pytest.mark.parametrize("token", ["tok_visa", "tok_mastercard", "tok_chargeDeclinedInsufficientFunds"])
async def test_tokens_make_payment_methods(shop: Shop, token: str) -> None:
    method = await shop.sdk.v1.payment_methods.create_async({"type": "card", "card": {"token": token}})

    assert method.id.startswith("pm_1")
    assert method.card is not None
    assert method.card.last4 == {"tok_visa": "4242", "tok_mastercard": "4444"}.get(token, "9995")


async def test_cards_that_nobody_knows_are_missing(shop: Shop) -> None:
    by_name = await shop.post("payment_intents", {"amount": 1000, "currency": "usd", "payment_method": "pm_card_gold"})
    by_token = await shop.post("payment_methods", {"type": "card", "card[token]": "tok_gold"})

    assert [answer.json()["error"]["code"] for answer in (by_name, by_token)] == ["resource_missing"] * 2


async def test_the_same_card_has_the_same_fingerprint(shop: Shop) -> None:
    fingerprints = []
    for card in ("pm_card_visa", "pm_card_visa", "pm_card_mastercard"):
        _, method = await shop.customer_with(card)
        shown = (await shop.sdk.v1.payment_methods.retrieve_async(method)).card
        assert shown is not None
        fingerprints.append(shown.fingerprint)

    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
