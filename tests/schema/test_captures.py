"""Holding, capturing and voiding, as a client asks for them."""

from typing import Any

import pytest

from adapters.fake import FakeProvider
from domain.provider import ProviderAction
from tests.schema.gateway import CHALLENGED, Json, Shop, money, new_key

HELD = (
    "charge { id state captureMode captureBefore amount { minorUnits } authorized { minorUnits } "
    "capturable { minorUnits } captureRequested { minorUnits } captured { minorUnits } released { minorUnits } "
    "refundable { minorUnits } } order { id state paymentState authorized { minorUnits } captured { minorUnits } }"
)


async def hold(shop: Shop, minor_units: int = 20_00, **input: Any) -> Json:
    order_id = await shop.order(await shop.buyer(), minor_units)
    asked = {"orderId": order_id, "capture": "MANUAL", "idempotencyKey": new_key(), **input}
    payload = await shop.mutate("orderCharge", asked, HELD)
    assert payload["userErrors"] == []
    return payload


async def act(shop: Shop, mutation: str, charge_id: str, **input: Any) -> Json:
    payload = await shop.mutate(mutation, {"chargeId": charge_id, "idempotencyKey": new_key(), **input}, HELD)
    assert payload["userErrors"] == []
    return payload


def amounts(charge: Json) -> Json:
    return {name: value["minorUnits"] for name, value in charge.items() if isinstance(value, dict)}


async def test_an_order_is_held_and_then_captured(shop_on_both: Shop) -> None:
    shop = shop_on_both
    held = await hold(shop)

    charge = held["charge"]
    assert (charge["state"], charge["captureMode"], charge["captureRequested"]) == ("AUTHORIZED", "MANUAL", None)
    assert charge["captureBefore"] > "2026"
    assert amounts(charge) == {
        "amount": 20_00,
        "authorized": 20_00,
        "capturable": 20_00,
        "captured": 0,
        "released": 0,
        "refundable": 0,
    }
    assert (held["order"]["state"], held["order"]["paymentState"]) == ("PLACED", "AUTHORIZED")
    assert held["order"]["authorized"]["minorUnits"] == 20_00

    captured = await act(shop, "chargeCapture", charge["id"])

    assert (captured["charge"]["state"], captured["charge"]["captureBefore"]) == ("SUCCEEDED", None)
    assert amounts(captured["charge"]) == {
        "amount": 20_00,
        "authorized": 20_00,
        "capturable": 0,
        "captureRequested": 20_00,
        "captured": 20_00,
        "released": 0,
        "refundable": 20_00,
    }
    assert (captured["order"]["state"], captured["order"]["paymentState"]) == ("COMPLETED", "PAID")
    assert shop.bank.captured(charge["id"]) == 20_00


async def test_a_part_is_captured_and_the_rest_is_due_again(shop: Shop) -> None:
    held = await hold(shop)

    captured = await act(shop, "chargeCapture", held["charge"]["id"], amount=money(15_00))

    assert (captured["charge"]["captured"], captured["charge"]["released"]) == (
        {"minorUnits": 15_00},
        {"minorUnits": 5_00},
    )
    assert (captured["order"]["state"], captured["order"]["paymentState"]) == ("PLACED", "PARTIALLY_PAID")
    rest = await shop.charge(held["order"]["id"])
    assert rest["state"] == "SUCCEEDED"
    assert shop.bank.captured(rest["id"]) == 5_00


async def test_a_void_releases_everything(shop: Shop) -> None:
    held = await hold(shop)

    voided = await act(shop, "chargeVoid", held["charge"]["id"])

    assert (voided["charge"]["state"], voided["charge"]["released"]) == ("VOIDED", {"minorUnits": 20_00})
    assert (voided["order"]["state"], voided["order"]["paymentState"]) == ("PLACED", "UNPAID")


async def test_a_confirmation_that_nobody_needs_any_more_is_called_off(shop: Shop) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id, CHALLENGED)
    waiting = await shop.charge(await shop.order(customer_id), capture="MANUAL")
    assert waiting["state"] == "REQUIRES_ACTION"

    assert (await act(shop, "chargeVoid", waiting["id"]))["charge"]["state"] == "VOIDED"


@pytest.mark.parametrize("mutation", ["chargeCapture", "chargeVoid"])
async def test_the_same_request_again_gives_the_same_charge(shop: Shop, mutation: str) -> None:
    held = await hold(shop)
    key = new_key()

    first = await act(shop, mutation, held["charge"]["id"], idempotencyKey=key)

    assert await act(shop, mutation, held["charge"]["id"], idempotencyKey=key) == first
    asked = {"chargeId": held["charge"]["id"], "idempotencyKey": key}
    other = asked | ({"amount": money(1)} if mutation == "chargeCapture" else {"chargeId": "chg_other"})
    code, _ = await shop.refused(mutation, other)
    assert code == ("IDEMPOTENCY_CONFLICT" if mutation == "chargeCapture" else "NOT_FOUND")


async def test_refusals_say_what_is_wrong_and_change_nothing(shop: Shop) -> None:
    held = await hold(shop)
    charge_id = held["charge"]["id"]

    async def refused(mutation: str, **input: Any) -> tuple[str, str]:
        return await shop.refused(mutation, {"chargeId": charge_id, "idempotencyKey": new_key(), **input})

    assert await refused("chargeCapture", amount=money(20_01)) == ("CAPTURE_AMOUNT_TOO_HIGH", "amount")
    assert await refused("chargeCapture", amount=money(0)) == ("AMOUNT_NOT_POSITIVE", "amount")
    assert await refused("chargeCapture", amount=money(1, "EUR")) == ("CURRENCY_MISMATCH", "amount.currency")
    assert await refused("chargeCapture", chargeId="chg_none") == ("NOT_FOUND", "chargeId")
    await act(shop, "chargeCapture", charge_id, amount=money(5_00))
    assert await refused("chargeCapture") == ("CHARGE_NOT_CAPTURABLE", "chargeId")
    assert await refused("chargeVoid") == ("CHARGE_NOT_VOIDABLE", "chargeId")


async def test_the_timeline_says_who_captured(shop: Shop) -> None:
    held = await hold(shop)
    asked = {"chargeId": held["charge"]["id"], "idempotencyKey": new_key()}
    await shop.mutate("chargeCapture", asked, as_=shop.person("finn", role="finance"))

    query = "query($id: ID!) { charge(id: $id) { timeline { nodes { kind actor summary } } } }"
    data = await shop.execute(query, {"id": held["charge"]["id"]})

    story = {event["kind"]: event for event in data["charge"]["timeline"]["nodes"]}
    assert story["CHARGE_CAPTURE_REQUESTED"]["actor"] == "staff:finn"
    assert "$20.00" in story["CHARGE_CAPTURE_REQUESTED"]["summary"]
    assert story["CHARGE_SUCCEEDED"]["actor"] == "provider:fake"


async def test_clients_can_ask_whether_the_provider_can_do_it(shop: Shop) -> None:
    data = await shop.execute("{ paymentProvider { capabilities { action support } } }")

    supported = {each["action"]: each["support"] for each in data["paymentProvider"]["capabilities"]}
    wanted = (ProviderAction.AUTHORIZE, ProviderAction.CAPTURE, ProviderAction.PARTIAL_CAPTURE)
    assert [supported[action] for action in wanted] == ["NATIVE"] * 3


@pytest.mark.parametrize(("set_up", "shown"), [(None, None), (frozenset({"USD", "EUR", "JPY"}), ["EUR", "JPY", "USD"])])
async def test_clients_can_ask_which_currencies_they_can_pay_in(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, set_up: frozenset[str] | None, shown: list[str] | None
) -> None:
    monkeypatch.setattr(FakeProvider, "currencies", set_up)

    assert await shop.execute("{ paymentProvider { currencies } }") == {"paymentProvider": {"currencies": shown}}
