"""What the emulator answers has the shape that the SDK's classes have for it."""

from contextlib import suppress
from typing import Any

import pytest
import stripe
from stripe._error_object import ErrorObject

from tests.emulators.stripe.cards import known_payment_methods
from tests.emulators.stripe_shapes import class_of, misfits
from tests.emulators.stripe_shop import RETURN_URL, Shop

_LISTS = (
    "balance_transactions",
    "charges",
    "customers",
    "disputes",
    "events",
    "payment_intents",
    "refunds",
    "setup_intents",
)
_EXPANDED = {
    "charges": ["data.balance_transaction", "data.customer", "data.payment_intent", "data.refunds"],
    "disputes": ["data.charge", "data.payment_intent"],
    "payment_intents": ["data.latest_charge", "data.customer", "data.payment_method"],
    "refunds": ["data.charge", "data.balance_transaction", "data.failure_balance_transaction"],
    "setup_intents": ["data.latest_attempt", "data.payment_method"],
}


async def _live_through_everything(shop: Shop) -> None:
    """Objects of every kind, in every state that they come to."""
    v1 = shop.sdk.v1
    customer, card = await shop.customer_with()
    await v1.customers.update_async(
        customer,
        {
            "invoice_settings": {"default_payment_method": card},
            "address": {"city": "Paris", "country": "FR"},
            "shipping": {"name": "Ada", "address": {"line1": "1 Rue"}},
        },
    )
    for method in known_payment_methods():
        with suppress(stripe.CardError):
            await shop.pay(method, metadata={"order": "7"}, description="Shoes", statement_descriptor_suffix="SHOES")
    await v1.payment_intents.create_async({"amount": 10_00, "currency": "eur", "customer": customer})
    for succeeded in (True, False):
        waiting = await shop.pay("pm_card_authenticationRequired", customer=customer, setup_future_usage="off_session")
        await shop.authenticate(waiting, succeeded=succeeded)
        kept = await v1.setup_intents.create_async(
            {
                "customer": customer,
                "payment_method": "pm_card_authenticationRequired",
                "confirm": True,
                "return_url": RETURN_URL,
            }
        )
        await shop.authenticate(kept, succeeded=succeeded)
    held = [await shop.authorize() for _ in range(3)]
    await v1.payment_intents.capture_async(held[0].id, {"amount_to_capture": 4_00})
    await v1.payment_intents.cancel_async(held[1].id, {"cancellation_reason": "duplicate"})
    for method in ("pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail"):
        paid = await shop.pay(method, customer=customer)
        await v1.refunds.create_async({"payment_intent": paid.id, "amount": 4_00, "reason": "duplicate"})
    opened = (await v1.disputes.list_async({})).data
    await v1.disputes.update_async(opened[0].id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    await v1.disputes.close_async(opened[1].id)
    await shop.advance(8 * 24 * 3600)
    spare = await v1.payment_methods.attach_async("pm_card_mastercard", {"customer": customer})
    await v1.payment_methods.detach_async(spare.id)


async def test_every_answer_has_the_shape_of_its_class(shop: Shop) -> None:
    """So has every object in an event, which shows the states that are over by now."""
    await _live_through_everything(shop)

    found: list[str] = []
    for name in _LISTS:
        query: dict[str, Any] = {"limit": "100"} | {
            f"expand[{number}]": path for number, path in enumerate(_EXPANDED.get(name, []))
        }
        answer = await shop.http.get(f"/v1/{name}", params=query)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert data, f"there are no {name} to look at"
        found += misfits(answer.json(), stripe.ListObject[class_of(data[0]["object"])], name)  # type: ignore[misc]
    events = shop.emulator.account.all("event")
    found += [
        misfit
        for event in events
        for misfit in misfits(event["data"]["object"], class_of(event["data"]["object"]["object"]), event["type"])
    ]

    assert found == []
    assert len({event["type"] for event in events}) > 25


@pytest.mark.parametrize("card", ["pm_card_visa_chargeDeclined", "pm_card_chargeDeclinedIncorrectCvc"])
async def test_errors_have_the_shape_of_theirs(shop: Shop, card: str) -> None:
    declined = await shop.post(
        "payment_intents",
        {"amount": 1000, "currency": "usd", "payment_method": card, "confirm": "true", "return_url": RETURN_URL},
    )
    unknown = await shop.post("payment_intents", {"colour": "red"})
    customer = await shop.sdk.v1.customers.create_async({})
    unattached = await shop.post(f"payment_methods/{card}/attach", {"customer": customer.id})

    for answer, status in ((declined, 402), (unknown, 400), (unattached, 402)):
        assert answer.status_code == status
        assert misfits(answer.json()["error"], ErrorObject, "error") == []


def test_a_shape_that_does_not_fit_is_noticed() -> None:
    """The test's own measure measures."""
    refund = {"id": "re_1", "object": "refund", "amount": "1", "currency": "usd", "colour": "red", "reason": "whim"}

    found = misfits(refund, stripe.Refund, "refund")

    assert len(found) == 4
    assert {misfit.partition(":")[0] for misfit in found} == {
        "refund.amount",
        "refund.colour",
        "refund.created",
        "refund.reason",
    }
