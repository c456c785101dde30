"""Refunds: all or a part, as often as something is left, never more."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.fake import WebhookSender
from domain.clock import SystemClock
from tests.schema.gateway import Shop, money, new_key, open_shop, settings_for

REFUND = (
    "refund { id state amount { minorUnits currency } reason executedAs failureCode nextCheckAt note charge { id } } "
    "charge { id refunded { minorUnits } refundable { minorUnits } } order { id state paymentState "
    "refunded { minorUnits } }"
)


RETURNED = """query ($refund: ID!, $charge: ID!, $order: ID!) {
    refund(id: $refund) { state failureCode }
    charge(id: $charge) { refundable { minorUnits } review { reason } }
    order(id: $order) { state paymentState }
}"""


async def charge_refund(shop: Shop, charge_id: str, **input: Any) -> dict[str, Any]:
    payload = await shop.mutate("chargeRefund", {"chargeId": charge_id, "idempotencyKey": new_key(), **input}, REFUND)
    assert payload["userErrors"] == []
    return payload


async def test_a_part_and_another_and_the_rest_go_back(shop_on_both: Shop) -> None:
    shop = shop_on_both
    order_id, charge_id = await shop.paid(await shop.buyer(), 20_00)

    first = await charge_refund(shop, charge_id, amount=money(5_00), reason="REQUESTED_BY_CUSTOMER", note=" chipped ")
    assert (first["refund"]["state"], first["refund"]["amount"]) == ("SUCCEEDED", money(5_00))
    assert (first["refund"]["reason"], first["refund"]["executedAs"]) == ("REQUESTED_BY_CUSTOMER", "REFUND")
    assert first["refund"]["note"] == "chipped"
    assert first["refund"]["charge"] == {"id": charge_id}
    assert (first["charge"]["refunded"], first["charge"]["refundable"]) == (
        {"minorUnits": 5_00},
        {"minorUnits": 15_00},
    )
    assert (first["order"]["id"], first["order"]["paymentState"]) == (order_id, "PARTIALLY_REFUNDED")

    await charge_refund(shop, charge_id, amount=money(1))
    rest = await charge_refund(shop, charge_id)

    assert rest["refund"]["amount"] == money(14_99)
    assert (rest["order"]["state"], rest["order"]["paymentState"]) == ("COMPLETED", "REFUNDED")
    assert rest["order"]["refunded"] == {"minorUnits": 20_00}
    assert shop.bank.refunded(charge_id) == 20_00
    assert (
        await shop.kinds(charge_id)
        == ["CHARGE_CREATED", "CHARGE_SUCCEEDED"]
        + [
            "REFUND_REQUESTED",
            "REFUND_SUCCEEDED",
        ]
        * 3
    )


@pytest.mark.parametrize(
    ("input", "refusal"),
    [
        ({"amount": money(20_01)}, ("REFUND_AMOUNT_TOO_HIGH", "amount")),
        ({"amount": money(2**53 - 1)}, ("REFUND_AMOUNT_TOO_HIGH", "amount")),
        ({"amount": money(0)}, ("AMOUNT_NOT_POSITIVE", "amount")),
        ({"amount": money(-5)}, ("AMOUNT_NOT_POSITIVE", "amount")),
        ({"amount": money(5, "EUR")}, ("CURRENCY_MISMATCH", "amount.currency")),
        ({"amount": money(5, "ZZZ")}, ("CURRENCY_UNKNOWN", "amount.currency")),
        ({"note": "x" * 501}, ("INVALID_INPUT", "note")),
        ({"note": "4242 4242 4242 4242"}, ("CARD_NUMBER_REFUSED", "note")),
        ({"chargeId": "chg_none"}, ("NOT_FOUND", "chargeId")),
        ({"idempotencyKey": " "}, ("INVALID_INPUT", "idempotencyKey")),
    ],
)
async def test_what_cannot_go_back_is_refused(shop: Shop, input: dict[str, Any], refusal: tuple[str, str]) -> None:
    _, charge_id = await shop.paid(await shop.buyer(), 20_00)
    sent = {"chargeId": charge_id, "amount": money(1), "idempotencyKey": new_key(), **input}

    assert await shop.refused("chargeRefund", sent) == refusal
    assert shop.bank.refunds == ()


@pytest.mark.fault("F26")
async def test_never_more_goes_back_than_was_taken(shop: Shop) -> None:
    _, charge_id = await shop.paid(await shop.buyer(), 20_00)
    await shop.refund(charge_id, 15_00)

    too_much = {"chargeId": charge_id, "amount": money(5_01), "idempotencyKey": new_key()}
    refusal = await shop.refusal("chargeRefund", too_much)
    assert refusal["code"] == "REFUND_AMOUNT_TOO_HIGH"
    assert "5.00 USD" in refusal["message"]
    await shop.refund(charge_id, 5_00)
    for amount in (money(1), None):
        sent = {"chargeId": charge_id, "amount": amount, "idempotencyKey": new_key()}
        assert await shop.refused("chargeRefund", sent) == ("CHARGE_NOT_REFUNDABLE", "chargeId")


@pytest.mark.fault("F26")
async def test_refunds_at_once_share_what_is_left(shop_on_both: Shop) -> None:
    shop = shop_on_both
    _, charge_id = await shop.paid(await shop.buyer(), 20_00)

    payloads = await asyncio.gather(
        *(
            shop.mutate(
                "chargeRefund", {"chargeId": charge_id, "amount": money(6_00), "idempotencyKey": new_key()}, REFUND
            )
            for _ in range(8)
        )
    )

    assert [error["code"] for payload in payloads for error in payload["userErrors"]] == ["REFUND_AMOUNT_TOO_HIGH"] * 5
    assert shop.bank.refunded(charge_id) == 18_00


class TestIdempotency:
    async def test_the_same_request_ten_times_at_once_is_one_refund(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        _, charge_id = await shop.paid(await shop.buyer())
        sent = {"chargeId": charge_id, "amount": money(1_00), "idempotencyKey": new_key()}

        payloads = await asyncio.gather(*(shop.mutate("chargeRefund", sent) for _ in range(10)))

        assert len({payload["refund"]["id"] for payload in payloads}) == 1
        assert shop.bank.refunded(charge_id) == 1_00
        again = await shop.mutate("chargeRefund", sent, REFUND)
        assert again["refund"]["state"] == "SUCCEEDED"
        other = {**sent, "amount": money(2_00)}
        assert await shop.refused("chargeRefund", other) == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")

    async def test_a_refusal_burns_no_key(self, shop: Shop) -> None:
        _, charge_id = await shop.paid(await shop.buyer(), 20_00)
        key = new_key()
        too_much = {"chargeId": charge_id, "amount": money(20_01), "idempotencyKey": key}
        await shop.refused("chargeRefund", too_much)

        refund = await shop.do("chargeRefund", {**too_much, "amount": money(20_00)}, REFUND)

        assert refund["state"] == "SUCCEEDED"


class TestTroubleOnTheWay:
    async def test_a_request_that_never_left_has_failed_and_frees_key_and_amount(self, shop: Shop) -> None:
        _, charge_id = await shop.paid(await shop.buyer(), 20_00)
        shop.misbehave("refund#1=refuse")
        sent = {"chargeId": charge_id, "amount": money(20_00), "idempotencyKey": new_key()}

        failed = await shop.mutate("chargeRefund", sent, REFUND)
        assert (failed["refund"]["state"], failed["refund"]["failureCode"]) == ("FAILED", "PROVIDER_UNAVAILABLE")
        assert failed["charge"]["refundable"] == {"minorUnits": 20_00}

        again = await shop.mutate("chargeRefund", sent, REFUND)
        assert again["refund"]["state"] == "SUCCEEDED"
        assert shop.bank.refunded(charge_id) == 20_00

    async def test_an_unknown_refund_keeps_its_amount_reserved(self, shop: Shop) -> None:
        _, charge_id = await shop.paid(await shop.buyer(), 20_00)
        shop.misbehave("refund#*=lose_answer")

        unknown = await charge_refund(shop, charge_id, amount=money(15_00))

        assert unknown["refund"]["state"] == "UNKNOWN"
        assert unknown["refund"]["nextCheckAt"]
        assert (unknown["charge"]["refunded"], unknown["charge"]["refundable"]) == (
            {"minorUnits": 0},
            {"minorUnits": 5_00},
        )
        too_much = {"chargeId": charge_id, "amount": money(6_00), "idempotencyKey": new_key()}
        assert await shop.refused("chargeRefund", too_much) == ("REFUND_AMOUNT_TOO_HIGH", "amount")

    async def test_a_refund_that_the_bank_refuses_can_be_asked_for_again(self, shop: Shop) -> None:
        _, charge_id = await shop.paid(await shop.buyer("tok_refundFailAtOnce"), 20_00)

        failed = await charge_refund(shop, charge_id)

        assert failed["refund"]["state"] == "FAILED"
        assert failed["charge"]["refundable"] == {"minorUnits": 20_00}
        assert failed["order"]["paymentState"] == "PAID"


async def test_a_refund_whose_money_came_back_is_failed_and_shown_to_staff(tmp_path: Path, database_url: str) -> None:
    async with open_shop(settings_for(tmp_path, database_url, pending_seconds=0)) as shop:
        order_id, charge_id = await shop.paid(await shop.buyer("tok_refundFail"), 20_00)
        refunded = await charge_refund(shop, charge_id, amount=money(5_00))
        assert (refunded["refund"]["state"], refunded["order"]["paymentState"]) == ("SUCCEEDED", "PARTIALLY_REFUNDED")

        await hear(shop)

        ids = {"refund": refunded["refund"]["id"], "charge": charge_id, "order": order_id}
        assert await shop.execute(RETURNED, ids) == {
            "refund": {"state": "FAILED", "failureCode": "RETURNED"},
            "charge": {"refundable": {"minorUnits": 20_00}, "review": {"reason": "REFUND_RETURNED"}},
            "order": {"state": "COMPLETED", "paymentState": "PAID"},
        }
        again = await charge_refund(shop, charge_id)
        assert (again["refund"]["state"], again["refund"]["amount"]) == ("SUCCEEDED", money(20_00))


async def hear(shop: Shop) -> None:
    """What the bank tells, and what follows from it."""
    running = shop.running
    assert running.bank is not None

    async def post(body: bytes, headers: Mapping[str, str]) -> int:
        await running.webhooks.receive("fake", headers, body)
        return 200

    while await WebhookSender(running.bank, url="http://gateway.test", clock=SystemClock()).deliver_due(post):
        await running.worker.run_due()


class TestReading:
    async def test_refunds_are_listed_filtered_and_read(self, shop: Shop) -> None:
        _, charge_id = await shop.paid(await shop.buyer(), 20_00)
        first, second = await shop.refund(charge_id, 1), await shop.refund(charge_id, 2)
        shop.misbehave("refund#1=lose_answer")
        unknown = await shop.refund(charge_id, 3)

        async def found(arguments: str) -> list[str]:
            data = await shop.execute(f"{{ refunds{arguments} {{ nodes {{ id }} }} }}")
            return [node["id"] for node in data["refunds"]["nodes"]]

        assert await found("") == [unknown, second, first]
        assert await found("(sort: OLDEST, first: 1)") == [first]
        assert await found("(filter: { states: [SUCCEEDED] })") == [second, first]
        assert await found('(filter: { created: { before: "2000-01-01T00:00:00Z" } })') == []
        data = await shop.execute(
            "query($id: ID!, $charge: ID!) { refund(id: $id) { amount { minorUnits } charge { id } } "
            "charge(id: $charge) { refunds(filter: { states: [UNKNOWN] }) { nodes { id } } } }",
            {"id": first, "charge": charge_id},
        )
        assert data["refund"] == {"amount": {"minorUnits": 1}, "charge": {"id": charge_id}}
        assert data["charge"]["refunds"]["nodes"] == [{"id": unknown}]

    async def test_the_note_is_for_servers_and_staff(self, shop: Shop) -> None:
        _, charge_id = await shop.paid(await shop.buyer(externalId="ada"))
        refund = (await charge_refund(shop, charge_id, note="a liar"))["refund"]

        query = "query($id: ID!) { refund(id: $id) { note state timeline { nodes { data } } } }"
        seen = await shop.execute(query, {"id": refund["id"]}, as_=shop.person("ada"))

        assert seen["refund"]["note"] is None
        assert "a liar" not in str(seen)
