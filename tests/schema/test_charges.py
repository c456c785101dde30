"""Charges: money taken once, declines that are data, confirmations, lost answers."""

import asyncio
from typing import Any

import pytest

from adapters.fake.cards import CARDS
from domain.declines import DECLINES, DeclineCode
from tests.schema.gateway import ADMIN, CHALLENGED, DECLINED, Shop, by_hand, money, new_key

CHARGE = (
    "charge { id state amount { minorUnits currency } authorized { minorUnits } captured { minorUnits } "
    "refunded { minorUnits } refundable { minorUnits } initiator account declineCode failureCode message advice "
    "issuerCode providerCode providerRef nextCheckAt review { since reason } actionExpiresAt "
    "nextAction { __typename ... on RedirectAction { url expiresAt } ... on SdkAction { clientSecret } } "
    "order { id } customer { id } paymentMethod { id } } order { id state paymentState version "
    "captured { minorUnits } completedAt }"
)
BACK = "https://shop.example/back"


async def order_charge(shop: Shop, order_id: str, **input: Any) -> dict[str, Any]:
    payload = await shop.mutate("orderCharge", {"orderId": order_id, "idempotencyKey": new_key(), **input}, CHARGE)
    assert payload["userErrors"] == []
    return payload


async def test_an_open_order_is_placed_charged_and_complete(shop_on_both: Shop) -> None:
    shop = shop_on_both
    customer_id = await shop.customer()
    method_id = await shop.card(customer_id)
    order_id = await shop.order(customer_id, 20_00)

    payload = await order_charge(shop, order_id)

    charge, order = payload["charge"], payload["order"]
    assert (charge["state"], charge["amount"], charge["initiator"]) == ("SUCCEEDED", money(20_00), "CUSTOMER")
    assert [charge[name]["minorUnits"] for name in ("authorized", "captured", "refunded", "refundable")] == [
        20_00,
        20_00,
        0,
        20_00,
    ]
    assert (charge["order"], charge["customer"], charge["paymentMethod"]) == (
        {"id": order_id},
        {"id": customer_id},
        {"id": method_id},
    )
    assert (charge["account"], charge["nextAction"], charge["declineCode"]) == ("fake", None, None)
    assert (order["id"], order["state"], order["paymentState"]) == (order_id, "COMPLETED", "PAID")
    assert order["completedAt"]
    (taken,) = shop.bank.charges
    assert (taken.charge_id, taken.captured, taken.charge_ref) == (charge["id"], 20_00, charge["providerRef"])
    assert await shop.kinds(charge["id"]) == ["CHARGE_CREATED", "CHARGE_SUCCEEDED"]
    data = await shop.execute("query($id: ID!) { charge(id: $id) { state captured { minorUnits } } }", charge)
    assert data["charge"] == {"state": "SUCCEEDED", "captured": {"minorUnits": 20_00}}


@pytest.mark.fault("F58")
@pytest.mark.parametrize(("currency", "minor_units"), [("JPY", 500), ("KWD", 1_234), ("CLP", 7), ("EUR", 1)])
async def test_money_is_charged_in_its_own_smallest_unit(shop: Shop, currency: str, minor_units: int) -> None:
    _, charge_id = await shop.paid(await shop.buyer(), minor_units, currency)

    (taken,) = shop.bank.charges
    assert (taken.charge_id, taken.captured, taken.currency) == (charge_id, minor_units, currency)


@pytest.mark.fault("F58")
async def test_the_largest_amount_is_charged_exactly(shop: Shop) -> None:
    largest = 2**53 - 1
    order_id = await shop.order(await shop.buyer(), largest, "USD")

    payload = await order_charge(shop, order_id)

    assert payload["charge"]["amount"] == money(largest)
    assert payload["charge"]["state"] in ("SUCCEEDED", "DECLINED", "FAILED")


async def test_a_card_may_be_named(shop: Shop) -> None:
    customer_id = await shop.buyer(DECLINED)
    good = await shop.card(customer_id)

    payload = await order_charge(shop, await shop.order(customer_id), paymentMethodId=good)

    assert payload["charge"]["paymentMethod"] == {"id": good}
    assert payload["charge"]["state"] == "SUCCEEDED"


async def test_an_order_with_nothing_to_pay_completes_without_a_charge(shop: Shop) -> None:
    order_id = await shop.order(await shop.customer(), 0)
    sent = {"orderId": order_id, "idempotencyKey": new_key()}

    payload = await shop.mutate("orderCharge", sent, CHARGE)
    again = await shop.mutate("orderCharge", sent, CHARGE)

    assert (payload["charge"], payload["order"]["state"], payload["order"]["paymentState"]) == (
        None,
        "COMPLETED",
        "PAID",
    )
    assert again == payload
    assert shop.bank.charges == ()


@pytest.mark.parametrize("input", [{}, {"paymentMethodId": None}])
async def test_a_customer_without_a_card_cannot_be_charged(shop: Shop, input: dict[str, Any]) -> None:
    order_id = await shop.order(await shop.customer())
    sent = {"orderId": order_id, "idempotencyKey": new_key(), **input}
    assert await shop.refused("orderCharge", sent) == ("PAYMENT_METHOD_MISSING", "paymentMethodId")


async def test_an_order_is_paid_once(shop: Shop) -> None:
    customer_id = await shop.buyer()
    order_id, _ = await shop.paid(customer_id)

    again = {"orderId": order_id, "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", again) == ("ORDER_ALREADY_PAID", "orderId")
    empty = await shop.do("orderCreate", {"customerId": customer_id, "currency": "USD"})
    nothing = {"orderId": empty["id"], "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", nothing) == ("ORDER_EMPTY", "orderId")
    assert len(shop.bank.charges) == 1


async def test_money_that_went_back_is_not_due_again(shop: Shop) -> None:
    order_id, charge_id = await shop.paid(await shop.buyer())
    await shop.refund(charge_id, 20_00)

    again = {"orderId": order_id, "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", again) == ("ORDER_ALREADY_PAID", "orderId")


async def test_the_return_url_has_to_be_on_the_list(shop: Shop) -> None:
    order_id = await shop.order(await shop.buyer(CHALLENGED))
    for url in ("https://elsewhere.example/", "https://shop.example.evil.test/", "other://x", "http://shop.example/"):
        sent = {"orderId": order_id, "returnUrl": url, "idempotencyKey": new_key()}
        assert await shop.refused("orderCharge", sent) == ("RETURN_URL_NOT_ALLOWED", "returnUrl")
    assert (await order_charge(shop, order_id, returnUrl="myshop://paid"))["charge"]["state"] == "REQUIRES_ACTION"


class TestDeclines:
    @pytest.mark.parametrize(
        "card", [card for card in CARDS if card.decline and not (card.challenge or card.pending)], ids=lambda c: c.name
    )
    async def test_a_decline_is_data(self, shop: Shop, card: Any) -> None:
        customer_id = await shop.customer()
        await shop.card(customer_id, card.token)
        order_id = await shop.order(customer_id)

        payload = await order_charge(shop, order_id)

        charge = payload["charge"]
        decline = DECLINES[DeclineCode(charge["declineCode"])]
        assert (charge["state"], charge["captured"], charge["failureCode"]) == ("DECLINED", {"minorUnits": 0}, None)
        assert (charge["message"], charge["advice"]) == (decline.message, decline.advice)
        assert payload["order"]["state"] == "PLACED"
        assert payload["order"]["paymentState"] == "UNPAID"
        refund = {"chargeId": charge["id"], "idempotencyKey": new_key()}
        assert await shop.refused("chargeRefund", refund) == ("CHARGE_NOT_REFUNDABLE", "chargeId")

    async def test_a_declined_charge_stays_declined_under_its_key_and_a_new_key_is_a_new_try(self, shop: Shop) -> None:
        customer_id = await shop.buyer(DECLINED)
        good = await shop.card(customer_id)
        order_id = await shop.order(customer_id)
        sent = {"orderId": order_id, "idempotencyKey": new_key()}
        declined = (await shop.mutate("orderCharge", sent, CHARGE))["charge"]
        await shop.do("paymentMethodSetDefault", {"paymentMethodId": good})

        again = (await shop.mutate("orderCharge", sent, CHARGE))["charge"]
        fresh = (await order_charge(shop, order_id))["charge"]

        assert again == declined
        assert (again["state"], fresh["state"]) == ("DECLINED", "SUCCEEDED")
        assert fresh["id"] != declined["id"]
        assert await shop.kinds(order_id) == [
            "ORDER_CREATED",
            "ORDER_PLACED",
            "CHARGE_CREATED",
            "CHARGE_DECLINED",
            "CHARGE_CREATED",
            "CHARGE_SUCCEEDED",
            "ORDER_COMPLETED",
        ]

    async def test_what_the_bank_suspects_is_not_told_to_the_customer(self, shop: Shop) -> None:
        customer_id = await shop.buyer("tok_chargeDeclinedStolenCard", externalId="ada")
        charge = (await order_charge(shop, await shop.order(customer_id)))["charge"]
        query = (
            "query($id: ID!) { charge(id: $id) { message declineCode issuerCode providerCode providerRef "
            "timeline { nodes { summary data actor } } } }"
        )

        seen = await shop.execute(query, {"id": charge["id"]}, as_=shop.person("ada"))

        assert charge["providerCode"]
        assert charge["providerRef"]
        told = seen["charge"]
        assert [told[name] for name in ("issuerCode", "providerCode", "providerRef")] == [None, None, None]
        assert "stolen" not in str(told["message"]).lower()
        assert "stolen" not in str(told).lower()


class TestConfirmation:
    """3D Secure, through the page of the bank."""

    async def waiting(self, shop: Shop, token: str = CHALLENGED) -> tuple[str, dict[str, Any]]:
        order_id = await shop.order(await shop.buyer(token))
        payload = await order_charge(shop, order_id, returnUrl=BACK)
        assert payload["charge"]["state"] == "REQUIRES_ACTION"
        return order_id, payload["charge"]

    async def answer(self, shop: Shop, charge: dict[str, Any], answer: str) -> None:
        url = charge["nextAction"]["url"]
        assert (await shop.client.get(url)).status_code == 200
        response = await shop.client.post(url, content=f"answer={answer}")
        assert response.status_code == 303
        assert response.headers["location"].startswith(BACK)

    async def go_on(self, shop: Shop, charge: dict[str, Any], **input: Any) -> dict[str, Any]:
        sent = {"chargeId": charge["id"], "idempotencyKey": new_key(), **input}
        payload = await shop.mutate("chargeContinue", sent, CHARGE)
        assert payload["userErrors"] == []
        return payload

    async def test_a_confirmed_charge_succeeds(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        _, charge = await self.waiting(shop)
        assert charge["nextAction"]["__typename"] == "RedirectAction"
        assert charge["nextAction"]["expiresAt"]
        assert charge["actionExpiresAt"]
        assert charge["captured"] == {"minorUnits": 0}
        await self.answer(shop, charge, "confirm")

        payload = await self.go_on(shop, charge)

        assert (payload["charge"]["state"], payload["charge"]["nextAction"]) == ("SUCCEEDED", None)
        assert (payload["order"]["state"], payload["order"]["paymentState"]) == ("COMPLETED", "PAID")
        assert shop.bank.captured(charge["id"]) == 20_00

    async def test_a_refused_confirmation_is_a_decline(self, shop: Shop) -> None:
        _, charge = await self.waiting(shop)
        await self.answer(shop, charge, "refuse")

        payload = await self.go_on(shop, charge)

        assert (payload["charge"]["state"], payload["charge"]["declineCode"]) == ("DECLINED", "AUTHENTICATION_FAILED")
        assert payload["order"]["paymentState"] == "UNPAID"

    async def test_a_confirmed_card_may_still_be_declined(self, shop: Shop) -> None:
        _, charge = await self.waiting(shop, "tok_authenticationRequiredChargeDeclinedInsufficientFunds")
        await self.answer(shop, charge, "confirm")

        payload = await self.go_on(shop, charge)

        assert (payload["charge"]["state"], payload["charge"]["declineCode"]) == ("DECLINED", "INSUFFICIENT_FUNDS")

    async def test_an_unanswered_confirmation_goes_on_waiting(self, shop: Shop) -> None:
        order_id, charge = await self.waiting(shop)

        payload = await self.go_on(shop, charge)

        assert (payload["charge"]["state"], payload["order"]["state"]) == ("REQUIRES_ACTION", "PLACED")
        other = {"orderId": order_id, "idempotencyKey": new_key()}
        assert await shop.refused("orderCharge", other) == ("CHARGE_IN_PROGRESS", "orderId")

    async def test_continuing_again_tells_how_it_is_now(self, shop: Shop) -> None:
        _, charge = await self.waiting(shop)
        await self.answer(shop, charge, "confirm")
        sent = {"chargeId": charge["id"], "idempotencyKey": new_key()}
        first = await shop.mutate("chargeContinue", sent, CHARGE)

        assert await shop.mutate("chargeContinue", sent, CHARGE) == first
        assert (await self.go_on(shop, charge))["charge"]["state"] == "SUCCEEDED"
        conflict = await shop.refused("chargeContinue", {**sent, "token": "other"})
        assert conflict == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")
        assert shop.bank.captured(charge["id"]) == 20_00

    async def test_a_charge_that_no_longer_waits_is_returned_as_it_is(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.buyer(DECLINED))
        declined = (await order_charge(shop, order_id))["charge"]

        assert (await self.go_on(shop, declined))["charge"] == declined
        missing = {"chargeId": "chg_none", "idempotencyKey": new_key()}
        assert await shop.refused("chargeContinue", missing) == ("NOT_FOUND", "chargeId")

    async def test_a_continuation_that_was_never_sent_can_be_tried_again(self, shop: Shop) -> None:
        _, charge = await self.waiting(shop)
        await self.answer(shop, charge, "confirm")
        shop.misbehave("continue_charge#1=refuse")
        sent = {"chargeId": charge["id"], "idempotencyKey": new_key()}

        payload = await shop.mutate("chargeContinue", sent, CHARGE)
        assert [error["code"] for error in payload["userErrors"]] == ["PROVIDER_UNAVAILABLE"]

        again = await shop.mutate("chargeContinue", sent, CHARGE)
        assert again["charge"]["state"] == "SUCCEEDED"

    async def test_without_the_customer_there_is_no_confirmation(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.buyer(CHALLENGED))

        payload = await order_charge(shop, order_id, initiator="RECURRING")

        charge = payload["charge"]
        assert (charge["state"], charge["declineCode"], charge["initiator"]) == (
            "DECLINED",
            "AUTHENTICATION_REQUIRED",
            "RECURRING",
        )
        assert charge["advice"] == "AUTHENTICATE"


class TestTroubleOnTheWay:
    @pytest.mark.fault("F15")
    async def test_a_request_that_never_left_has_failed_and_frees_its_key(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        order_id = await shop.order(await shop.buyer())
        shop.misbehave("charge#1=refuse")
        sent = {"orderId": order_id, "idempotencyKey": new_key()}

        failed = (await shop.mutate("orderCharge", sent, CHARGE))["charge"]
        assert (failed["state"], failed["failureCode"]) == ("FAILED", "PROVIDER_UNAVAILABLE")
        assert "Nothing was charged" in failed["message"]

        again = (await shop.mutate("orderCharge", sent, CHARGE))["charge"]
        assert again["state"] == "SUCCEEDED"
        assert again["id"] != failed["id"]
        assert len(shop.bank.charges) == 1

    @pytest.mark.fault("F7")
    @pytest.mark.parametrize("fault", ["lose_answer", "reset", "error_after", "html", "truncate", "empty"])
    async def test_a_lost_answer_is_unknown_and_nothing_is_sent_twice(self, shop: Shop, fault: str) -> None:
        order_id = await shop.order(await shop.buyer())
        shop.misbehave(f"charge#*={fault}")
        sent = {"orderId": order_id, "idempotencyKey": new_key()}

        unknown = await shop.mutate("orderCharge", sent, CHARGE)
        again = await shop.mutate("orderCharge", sent, CHARGE)

        assert unknown["userErrors"] == []
        assert (unknown["charge"]["state"], unknown["charge"]["captured"]) == ("UNKNOWN", {"minorUnits": 0})
        assert unknown["charge"]["nextCheckAt"]
        assert unknown["order"]["paymentState"] == "UNPAID"
        assert again["charge"]["id"] == unknown["charge"]["id"]
        assert len(shop.bank.charges) == 1
        refund = {"chargeId": unknown["charge"]["id"], "idempotencyKey": new_key()}
        assert await shop.refused("chargeRefund", refund) == ("CHARGE_NOT_REFUNDABLE", "chargeId")


class TestIdempotency:
    @pytest.mark.fault("F23")
    async def test_the_same_request_ten_times_at_once_is_one_charge(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        order_id = await shop.order(await shop.buyer())
        sent = {"orderId": order_id, "idempotencyKey": new_key()}

        payloads = await asyncio.gather(*(shop.mutate("orderCharge", sent, "charge { id }") for _ in range(10)))

        assert {payload["charge"]["id"] for payload in payloads if payload["charge"]} == {payloads[0]["charge"]["id"]}
        assert [payload["userErrors"] for payload in payloads] == [[]] * 10
        assert len(shop.bank.charges) == 1

    @pytest.mark.fault("F24")
    async def test_ten_keys_at_once_are_one_charge_and_nine_refusals(self, shop_on_both: Shop) -> None:
        shop = shop_on_both
        order_id = await shop.order(await shop.buyer())

        payloads = await asyncio.gather(
            *(
                shop.mutate("orderCharge", {"orderId": order_id, "idempotencyKey": new_key()}, "charge { id }")
                for _ in range(10)
            )
        )

        codes = [error["code"] for payload in payloads for error in payload["userErrors"]]
        assert len(codes) == 9
        assert set(codes) <= {"CHARGE_IN_PROGRESS", "ORDER_ALREADY_PAID"}
        assert len(shop.bank.charges) == 1

    @pytest.mark.fault("F25")
    async def test_a_hundred_charges_in_one_document_are_refused_before_the_first(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.buyer())
        fields = " ".join(
            f'a{number}: orderCharge(input: {{orderId: "{order_id}", idempotencyKey: "{new_key()}"}}) {{ __typename }}'
            for number in range(100)
        )

        answer = (await shop.send(f"mutation {{ {fields} }}", as_=ADMIN)).json()

        assert [error["extensions"]["code"] for error in answer["errors"]] == ["TOO_MANY_ALIASES"]
        assert "data" not in answer
        assert shop.bank.charges == ()
        assert await shop.count("charges") == 0

    @pytest.mark.fault("F17")
    async def test_a_key_belongs_to_one_input(self, shop: Shop) -> None:
        customer_id = await shop.buyer()
        order_id, other_id = await shop.order(customer_id), await shop.order(customer_id)
        key = new_key()
        await shop.mutate("orderCharge", {"orderId": order_id, "idempotencyKey": key})

        conflict = ("IDEMPOTENCY_CONFLICT", "idempotencyKey")
        assert await shop.refused("orderCharge", {"orderId": other_id, "idempotencyKey": key}) == conflict
        stale = {"orderId": order_id, "version": 1, "idempotencyKey": key}
        assert await shop.refused("orderCharge", stale) == conflict

    async def test_a_refusal_burns_no_key(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        order_id = await shop.order(customer_id)
        key = new_key()
        await shop.refused("orderCharge", {"orderId": order_id, "idempotencyKey": key})
        await shop.card(customer_id)

        charge = await shop.charge(order_id, idempotencyKey=key)

        assert charge["state"] == "SUCCEEDED"

    async def test_the_answer_is_drawn_from_the_charge_as_it_is_now(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.buyer())
        sent = {"orderId": order_id, "idempotencyKey": new_key()}
        charge = (await shop.mutate("orderCharge", sent, "charge { id }"))["charge"]
        await shop.refund(charge["id"], 5_00)

        again = await shop.mutate("orderCharge", sent, "charge { refunded { minorUnits } } order { paymentState }")

        assert again["charge"] == {"refunded": {"minorUnits": 5_00}}
        assert again["order"] == {"paymentState": "PARTIALLY_REFUNDED"}


class TestReading:
    async def test_charges_are_filtered_and_sorted(self, shop: Shop) -> None:
        customer_id = await shop.customer()
        bad, good = await shop.card(customer_id, DECLINED), await shop.card(customer_id)
        declined = (await shop.charge(await shop.order(customer_id, 2), paymentMethodId=bad))["id"]
        dear = (await shop.charge(await shop.order(customer_id, 3), paymentMethodId=good))["id"]
        cheap = (await shop.charge(await shop.order(customer_id, 1), paymentMethodId=good))["id"]

        async def found(arguments: str) -> list[str]:
            data = await shop.execute(f"{{ charges{arguments} {{ nodes {{ id }} }} }}")
            return [node["id"] for node in data["charges"]["nodes"]]

        assert await found("") == [cheap, dear, declined]
        assert await found("(sort: OLDEST)") == [declined, dear, cheap]
        assert await found("(sort: AMOUNT_HIGHEST)") == [dear, declined, cheap]
        assert await found("(sort: AMOUNT_LOWEST)") == [cheap, declined, dear]
        assert await found("(filter: { states: [SUCCEEDED] })") == [cheap, dear]
        assert await found("(filter: { states: [UNKNOWN, DECLINED], inReview: false })") == [declined]
        assert await found("(filter: { inReview: true })") == []
        assert await found('(filter: { created: { since: "2999-01-01T00:00:00Z" } })') == []

    async def test_lines_that_are_free_beside_others_are_paid_together(self, shop: Shop) -> None:
        order_id = await shop.order(await shop.buyer(), lines=[by_hand(0), by_hand(5, quantity=3)])
        assert (await order_charge(shop, order_id))["charge"]["amount"] == money(15)
