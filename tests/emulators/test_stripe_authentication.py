"""3D Secure and strong customer authentication."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

from tests.emulators.stripe_shop import RETURN_URL, Shop

_EVERY_TIME = "pm_card_authenticationRequired"
_UNLESS_SET_UP = "pm_card_authenticationRequiredOnSetup"


async def _at_the_bank(shop: Shop, intent: Any, outcome: str) -> dict[str, list[str]]:
    """What the return url says after the customer was at the bank's page."""
    url = intent.next_action.redirect_to_url.url
    shown = await shop.http.get(url)
    assert shown.status_code == 200
    left = await shop.http.post(url, data={"outcome": outcome})
    assert left.status_code == 303
    location = left.headers["Location"]
    assert location.startswith("https://shop.example/thanks?order=1&")
    return parse_qs(urlsplit(location).query)


async def test_who_completes_the_banks_page_has_paid(shop: Shop) -> None:
    waiting = await shop.pay(_EVERY_TIME)
    assert (waiting.status, waiting.amount_received, waiting.latest_charge) == ("requires_action", 0, None)

    said = await _at_the_bank(shop, waiting, "succeeded")

    paid = await shop.intent(waiting.id)
    charge: Any = paid.latest_charge
    assert said["payment_intent"] == [waiting.id]
    assert said["payment_intent_client_secret"] == [waiting.client_secret]
    assert said["redirect_status"] == ["succeeded"]
    assert (paid.status, paid.next_action) == ("succeeded", None)
    assert charge.payment_method_details.card.three_d_secure.result == "authenticated"
    assert await shop.event_types() == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


async def test_who_fails_at_the_banks_page_has_not_paid(shop: Shop) -> None:
    waiting = await shop.pay(_EVERY_TIME)

    said = await _at_the_bank(shop, waiting, "failed")

    failed = await shop.intent(waiting.id)
    error: Any = failed.last_payment_error
    assert said["redirect_status"] == ["failed"]
    assert (failed.status, failed.payment_method) == ("requires_payment_method", None)
    assert (error.code, error.type) == ("payment_intent_authentication_failure", "invalid_request_error")
    assert (await shop.event_types())[-1] == "payment_intent.payment_failed"


async def test_the_banks_page_opens_with_its_link_once(shop: Shop) -> None:
    waiting: Any = await shop.pay(_EVERY_TIME)
    url = waiting.next_action.redirect_to_url.url

    without_key = await shop.http.get(url.partition("?")[0])
    await shop.http.post(url, data={"outcome": "succeeded"})
    again = await shop.http.post(url, data={"outcome": "failed"})

    assert [without_key.status_code, again.status_code] == [404, 400]
    assert (await shop.intent(waiting.id)).status == "succeeded"


async def test_who_never_comes_back_leaves_the_intent_waiting(shop: Shop) -> None:
    waiting = await shop.pay(_EVERY_TIME)
    await shop.advance(30 * 24 * 3600)

    abandoned = await shop.intent(waiting.id)
    canceled = await shop.sdk.v1.payment_intents.cancel_async(waiting.id, {"cancellation_reason": "abandoned"})

    assert abandoned.status == "requires_action"
    assert (canceled.status, canceled.next_action) == ("canceled", None)


async def test_a_card_may_be_declined_after_authentication(shop: Shop) -> None:
    waiting = await shop.pay("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")

    await shop.authenticate(waiting)

    declined = await shop.intent(waiting.id)
    error: Any = declined.last_payment_error
    assert (declined.status, error.decline_code) == ("requires_payment_method", "insufficient_funds")


@pytest.mark.parametrize("card", [_EVERY_TIME, _UNLESS_SET_UP])
async def test_off_session_nobody_can_authenticate(shop: Shop, card: str) -> None:
    customer, method = await shop.customer_with(card)

    with pytest.raises(stripe.CardError) as declined:
        await shop.pay(method, customer=customer, off_session=True)

    error: Any = declined.value.error
    assert (error.code, error.decline_code) == ("authentication_required", "authentication_required")
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.last_payment_error.payment_method.id == method


@pytest.mark.parametrize(("card", "pays"), [(_UNLESS_SET_UP, True), (_EVERY_TIME, False)])
async def test_a_card_that_was_set_up_pays_off_session(shop: Shop, card: str, pays: bool) -> None:
    customer, _ = await shop.customer_with()
    intent = await shop.sdk.v1.setup_intents.create_async(
        {"customer": customer, "payment_method": card, "confirm": True, "return_url": RETURN_URL}
    )
    said = await _at_the_bank(shop, intent, "succeeded")
    kept = await shop.sdk.v1.setup_intents.retrieve_async(intent.id)
    assert said["setup_intent"] == [intent.id]
    assert (intent.status, kept.status) == ("requires_action", "succeeded")

    try:
        paid = (await shop.pay(str(kept.payment_method), customer=customer, off_session=True)).status == "succeeded"
    except stripe.CardError:
        paid = False

    assert paid is pays


async def test_a_card_kept_with_an_authenticated_payment_pays_off_session(shop: Shop) -> None:
    customer, _ = await shop.customer_with()
    first = await shop.pay(_UNLESS_SET_UP, customer=customer, setup_future_usage="off_session")
    await shop.authenticate(first)

    method = str((await shop.intent(first.id)).payment_method)
    again = await shop.pay(method, customer=customer, off_session="recurring")

    assert (first.status, again.status) == ("requires_action", "succeeded")


async def test_a_card_that_is_set_up_already_asks_on_session_only(shop: Shop) -> None:
    customer, method = await shop.customer_with("pm_card_authenticationRequiredSetupForOffSession")

    off_session = await shop.pay(method, customer=customer, off_session=True)
    on_session = await shop.pay(method, customer=customer)

    assert (off_session.status, on_session.status) == ("succeeded", "requires_action")


async def test_a_setup_whose_customer_fails_keeps_no_card(shop: Shop) -> None:
    customer = await shop.sdk.v1.customers.create_async({})
    intent = await shop.sdk.v1.setup_intents.create_async(
        {"customer": customer.id, "payment_method": _EVERY_TIME, "confirm": True, "return_url": RETURN_URL}
    )

    await shop.authenticate(intent, succeeded=False)

    failed = await shop.sdk.v1.setup_intents.retrieve_async(intent.id)
    error: Any = failed.last_setup_error
    assert (failed.status, error.code) == ("requires_payment_method", "setup_intent_authentication_failure")
    assert (await shop.sdk.v1.customers.payment_methods.list_async(customer.id)).data == []


async def test_the_shop_may_ask_for_authentication(shop: Shop) -> None:
    asked = {"card": {"request_three_d_secure": "any"}}

    enrolled = await shop.pay("pm_card_threeDSecureOptional", payment_method_options=asked)
    not_enrolled = await shop.pay("pm_card_visa", payment_method_options=asked)
    not_asked = await shop.pay("pm_card_threeDSecureOptional")

    assert (enrolled.status, not_enrolled.status, not_asked.status) == ("requires_action", "succeeded", "succeeded")


async def test_an_intent_may_fail_where_it_would_wait(shop: Shop) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await shop.pay(_EVERY_TIME, error_on_requires_action=True)

    assert declined.value.code == "authentication_required"


async def test_with_stripes_own_code_in_the_browser_there_is_no_redirect(shop: Shop) -> None:
    waiting: Any = await shop.pay(_EVERY_TIME, use_stripe_sdk=True)

    assert waiting.next_action.type == "use_stripe_sdk"


async def test_an_intent_that_is_confirmed_by_hand_waits_for_its_shop(shop: Shop) -> None:
    waiting = await shop.pay(_EVERY_TIME, confirmation_method="manual")
    await shop.authenticate(waiting)
    back = await shop.intent(waiting.id)
    paid = await shop.sdk.v1.payment_intents.confirm_async(waiting.id, {})

    assert (back.status, paid.status) == ("requires_confirmation", "succeeded")


async def test_where_to_come_back_to_has_to_be_said(shop: Shop) -> None:
    form: dict[str, Any] = {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}

    without = await shop.post("payment_intents", form)
    never = await shop.post(
        "payment_intents",
        form | {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"},
    )

    assert (without.status_code, without.json()["error"]["param"]) == (400, "return_url")
    assert never.json()["status"] == "succeeded"
