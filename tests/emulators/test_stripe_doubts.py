"""What the emulator only believes of Stripe (stripe/doubts.md), asked with the official SDK.

Every run asks the emulator; `make test-live` asks Stripe's sandbox the same, and what fails there is wrong here. Not
asked: what takes a week, or a page that nobody opens for a day.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import stripe

from tests.emulators.stripe.declines import DECLINES
from tests.emulators.stripe_shop import RETURN_URL, open_shop

_LIVE_KEY = os.environ.get("PAYDESK_TEST_STRIPE_KEY")
_LIVE_SECONDS = 90.0
_POLL_SECONDS = 3.0

Look = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class Asked:
    """Stripe's API, at the emulator or in the sandbox."""

    sdk: stripe.StripeClient
    advance: Callable[[float], Awaitable[None]] | None
    """Put time forward, where that can be done."""

    async def pay(self, card: str = "pm_card_visa", *, key: str | None = None, **more: Any) -> stripe.PaymentIntent:
        plain: dict[str, Any] = {
            "amount": 10_00,
            "currency": "usd",
            "payment_method": card,
            "confirm": True,
            "return_url": RETURN_URL,
            "capture_method": "automatic",
        }
        params: Any = plain | more
        return await self.sdk.v1.payment_intents.create_async(params, {"idempotency_key": key} if key else {})

    async def charge(self, intent: stripe.PaymentIntent) -> dict[str, Any]:
        """The intent's charge as it is now, with its refunds."""
        seen = await self.sdk.v1.payment_intents.retrieve_async(
            intent.id, {"expand": ["latest_charge", "latest_charge.refunds"]}
        )
        return _data(seen)["latest_charge"]  # type: ignore[no-any-return]  # JSON

    async def dispute_of(self, intent: stripe.PaymentIntent) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found = _data(await self.sdk.v1.disputes.list_async({"payment_intent": intent.id}))["data"]
            return found[0] if found else None

        dispute: dict[str, Any] = await self.until(look)
        return dispute

    async def dispute(self, id: str) -> dict[str, Any]:
        return _data(await self.sdk.v1.disputes.retrieve_async(id))

    async def answer(self, id: str, words: str) -> None:
        params: Any = {"evidence": {"uncategorized_text": words}}
        await self.sdk.v1.disputes.update_async(id, params)

    async def event_types(self, about: str, *, last: str) -> list[str]:
        """Of all that happened to the object or its parts, in order, once the last of them is there."""

        async def look() -> list[str] | None:
            events = _data(await self.sdk.v1.events.list_async({"limit": 100}))["data"]
            types = [event["type"] for event in reversed(events) if about in _names(event["data"]["object"])]
            return types if last in types else None

        types: list[str] = await self.until(look)
        return types

    async def until(self, look: Look) -> Any:
        """What it finds, when it finds something."""
        until = time.monotonic() + _LIVE_SECONDS
        while not (found := await look()):
            assert time.monotonic() < until, "it never came"
            await (self.advance(60) if self.advance else asyncio.sleep(_POLL_SECONDS))
        return found


@pytest.fixture
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[Asked]:
    if _LIVE_KEY is None:
        async with open_shop(*request.getfixturevalue("served")) as shop:
            yield Asked(shop.sdk, shop.advance)
        return
    transport = stripe.HTTPXClient(timeout=80)
    try:
        yield Asked(stripe.StripeClient(_LIVE_KEY, http_client=transport), None)
    finally:
        await transport.close_async()  # type: ignore[no-untyped-call]  # the SDK has no type hint of it


def _data(answer: Any) -> dict[str, Any]:
    data: dict[str, Any] = answer.last_response.data
    return data


def _names(about: dict[str, Any]) -> set[Any]:
    return {about.get("id"), about.get("payment_intent"), about.get("charge")}


# --- keys -----------------------------------------------------------------------------------------------------------


async def test_requests_with_one_key_at_once_are_one_or_are_told_to_wait(asked: Asked) -> None:
    key = str(uuid4())

    answers = await asyncio.gather(*(asked.pay(key=key) for _ in range(10)), return_exceptions=True)

    paid = [answer for answer in answers if isinstance(answer, stripe.PaymentIntent)]
    told = [answer for answer in answers if isinstance(answer, stripe.StripeError)]
    assert len({intent.id for intent in paid}) == 1
    assert {(error.http_status, error.error.code, error.error.type) for error in told if error.error} <= {
        (409, "idempotency_key_in_use", "invalid_request_error")
    }
    assert len(paid) + len(told) == 10


async def test_a_key_with_other_parameters_is_an_idempotency_error_without_a_code(asked: Asked) -> None:
    key = str(uuid4())
    await asked.pay(key=key)

    with pytest.raises(stripe.IdempotencyError) as raised:
        await asked.pay(key=key, amount=11_00)

    assert raised.value.http_status == 400
    assert raised.value.error is not None
    assert (raised.value.error.type, raised.value.error.code) == ("idempotency_error", None)


async def test_a_request_that_was_refused_for_its_parameters_leaves_its_key_free(asked: Asked) -> None:
    key = str(uuid4())
    with pytest.raises(stripe.InvalidRequestError):
        await asked.pay(key=key, amount="ten")

    assert (await asked.pay(key=key)).status == "succeeded"


async def test_a_card_alone_needs_no_address_to_come_back_to(asked: Asked) -> None:
    """How everything is charged without its customer."""
    made = await asked.sdk.v1.payment_intents.create_async(
        {
            "amount": 10_00,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "allowed_payment_method_types": ["card"],
        }
    )

    assert made.status == "succeeded"


# --- holds ----------------------------------------------------------------------------------------------------------


async def test_a_hold_that_is_called_off_tells_of_its_charge_first(asked: Asked) -> None:
    held = await asked.pay(capture_method="manual")

    await asked.sdk.v1.payment_intents.cancel_async(held.id)

    types = await asked.event_types(held.id, last="payment_intent.canceled")
    assert types[-2:] == ["charge.refunded", "payment_intent.canceled"]
    (released,) = (await asked.charge(held))["refunds"]["data"]
    assert released["balance_transaction"] is None


async def test_what_a_partial_capture_leaves_counts_as_refunded(asked: Asked) -> None:
    held = await asked.pay(capture_method="manual")

    await asked.sdk.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 4_00})

    charge = await asked.charge(held)
    assert (charge["amount_captured"], charge["amount_refunded"]) == (4_00, 6_00)
    (released,) = charge["refunds"]["data"]
    assert (released["amount"], released["balance_transaction"]) == (6_00, None)


# --- declines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ],
)
async def test_a_declined_card_has_the_codes_of_the_table(asked: Asked, card: str, decline_code: str) -> None:
    with pytest.raises(stripe.CardError) as raised:
        await asked.pay(card)

    error: dict[str, Any] = raised.value.json_body["error"]  # type: ignore[index]  # an answer was there
    believed = DECLINES[decline_code]
    told = (error["code"], error.get("network_decline_code"), error.get("advice_code"))
    assert told == (believed.code, believed.network_decline_code, believed.advice_code)


# --- disputes -------------------------------------------------------------------------------------------------------


async def test_a_dispute_is_told_of_before_its_payment_has_succeeded(asked: Asked) -> None:
    paid = await asked.pay("pm_card_createDispute")
    dispute = await asked.dispute_of(paid)

    types = await asked.event_types(paid.id, last="payment_intent.succeeded")

    told = [kind for kind in types if kind != "payment_intent.created" and kind != "charge.updated"]
    assert told == [
        "charge.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "payment_intent.succeeded",
    ]
    assert dispute["is_charge_refundable"] is False


@pytest.mark.parametrize("words", ["winning_evidence", "losing_evidence"])
async def test_an_inquiry_that_is_answered_is_closed(asked: Asked, words: str) -> None:
    inquiry = await asked.dispute_of(await asked.pay("pm_card_createDisputeInquiry"))

    await asked.answer(inquiry["id"], words)

    assert await asked.until(lambda: _closed(asked, inquiry["id"])) == "warning_closed"


async def test_an_inquiry_can_be_closed(asked: Asked) -> None:
    inquiry = await asked.dispute_of(await asked.pay("pm_card_createDisputeInquiry"))

    await asked.sdk.v1.disputes.close_async(inquiry["id"])

    assert (await asked.dispute(inquiry["id"]))["status"] == "warning_closed"


async def test_a_dispute_that_was_won_leaves_its_charge_refundable(asked: Asked) -> None:
    paid = await asked.pay("pm_card_createDispute")
    dispute = await asked.dispute_of(paid)
    await asked.answer(dispute["id"], "winning_evidence")

    assert await asked.until(lambda: _closed(asked, dispute["id"])) == "won"
    assert (await asked.dispute(dispute["id"]))["is_charge_refundable"] is True
    refunded = await asked.sdk.v1.refunds.create_async({"payment_intent": paid.id})
    assert refunded.status == "succeeded"


async def test_a_dispute_is_closed_once(asked: Asked) -> None:
    dispute = await asked.dispute_of(await asked.pay("pm_card_createDispute"))
    await asked.sdk.v1.disputes.close_async(dispute["id"])

    with pytest.raises(stripe.InvalidRequestError) as raised:
        await asked.sdk.v1.disputes.close_async(dispute["id"])

    assert raised.value.http_status == 400
    assert raised.value.error is not None
    assert raised.value.error.code is None


async def _closed(asked: Asked, id: str) -> str | None:
    status: str = (await asked.dispute(id))["status"]
    return status if status in ("won", "lost", "warning_closed") else None


# --- refunds and lists ----------------------------------------------------------------------------------------------


async def test_a_refund_of_a_charge_that_nobody_knows_is_not_found(asked: Asked) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await asked.sdk.v1.refunds.create_async({"charge": "ch_0"})

    assert (raised.value.http_status, raised.value.param) == (404, "id")


async def test_a_refund_that_fails_gives_the_charge_its_money_back(asked: Asked) -> None:
    paid = await asked.pay("pm_card_refundFail")
    refund = await asked.sdk.v1.refunds.create_async({"payment_intent": paid.id})

    async def failed() -> bool:
        return (await asked.sdk.v1.refunds.retrieve_async(refund.id)).status == "failed"

    await asked.until(failed)
    types = await asked.event_types(refund.id, last="charge.refund.updated")
    assert {"refund.failed", "refund.updated", "charge.refund.updated"} <= set(types)
    assert (await asked.charge(paid))["amount_refunded"] == 0


async def test_lists_begin_with_the_newest_also_within_a_second(asked: Asked) -> None:
    made = [(await asked.sdk.v1.customers.create_async({})).id for _ in range(4)]

    listed = [each["id"] for each in _data(await asked.sdk.v1.customers.list_async({"limit": 4}))["data"]]

    assert listed == made[::-1]
