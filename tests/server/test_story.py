"""The whole story, told over real HTTP: customers, products, orders, charges, refunds, a confirmation.

It is the same story with each bank: what differs stands in banks.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.api import CHARGE, Api, Json, codes, new_key
from tests.server.banks import Bank, BraintreeBank, FakeBankInside, StripeBank, braintree_aside, stripe_aside
from tests.server.processes import RETURN_URL, serving, settings
from tests.server.truths import assert_agrees

ACTION_SECONDS = 4
"""How long a customer may take over 3D Secure here: long enough to do it, short enough to wait for its end."""


_ASIDE = {StripeBank.account: stripe_aside, BraintreeBank.account: braintree_aside}


@pytest.fixture(params=[FakeBankInside.account, *_ASIDE])
def bank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bank]:
    if request.param == FakeBankInside.account:
        yield FakeBankInside("", tmp_path)
        return
    with _ASIDE[request.param](tmp_path) as bank:
        yield bank


async def test_a_shop_sells_is_paid_and_gives_back(database_url: str, bank: Bank, tmp_path: Path) -> None:
    chosen = settings(database_url, tmp_path, action_lifetime_seconds=str(ACTION_SECONDS)) | bank.settings(bank.address)
    with serving(chosen, tmp_path) as gateway:
        bank.listen(gateway.address)
        async with Api(gateway.address) as api:
            coffee, coffee_in_yen, grinder, lesson = await make_catalogue(api)

            forgetful = await api.customer("Hedy", bank.token("threeDSecureRequired"))
            abandoned = await begin_confirmation(api, await api.order(forgetful, {grinder: 2}))

            customers = await make_customers(api, bank)
            carts = [{coffee: 2, grinder: 1}, {lesson: 4, grinder: 1}, {coffee: 4}, {grinder: 2}, {lesson: 8}]
            orders = [await api.order(customer, lines) for (customer, _), lines in zip(customers, carts, strict=True)]
            for order_id, (customer, _) in zip(orders, customers, strict=True):
                assert_worth_20_dollars(await api.order_of(order_id), customer)

            paid = [(await api.pay(order_id))["charge"] for order_id in orders]
            for charge, order_id, (customer, last4) in zip(paid, orders, customers, strict=True):
                assert_paid_with_own_card(charge, order_id, customer, last4)
                assert await charges_of(api, customer) == [charge["id"]]

            bank.let_a_day_pass()
            await refund_in_parts(api, paid[0]["id"])
            await finish_confirmation(api, bank, await api.order(customers[0][0], {coffee: 1}))
            await sell_in_yen(api, customers[1][0], coffee_in_yen)
            await pay_after_all(api, bank, abandoned, forgetful)

            truth = bank.truth()
            await assert_agrees(database_url, truth)
            accounts = {customer.customer_id: customer.customer_ref for customer in truth.customers}
            assert accounts == await provider_refs_of(api, bank)
            assert len(accounts) == len(customers) + 1


# --- the shop and its customers -------------------------------------------------------------------------------------


async def make_catalogue(api: Api) -> tuple[str, str, str, str]:
    coffee = await api.do("productCreate", "product", "id", name="Coffee")
    prices = [await api.add_price(coffee["id"], 5_00), await api.add_price(coffee["id"], 600, "JPY")]
    prices += [await api.price("Grinder", 10_00), await api.price("Lesson", 2_50)]
    listed = await api.query("{ products(sort: NAME) { nodes { name prices { nodes { id } } } } }")
    assert [product["name"] for product in listed["products"]["nodes"]] == ["Coffee", "Grinder", "Lesson"]
    assert [len(product["prices"]["nodes"]) for product in listed["products"]["nodes"]] == [2, 1, 1]
    return prices[0], prices[1], prices[2], prices[3]


async def make_customers(api: Api, bank: Bank) -> list[tuple[str, str]]:
    """Five, each with the last four digits of a card of their own; one of them typed it into the bank's own form."""
    cards = {
        "Ada": (bank.token("visa"), "4242"),
        "Grace": (await bank.typed(str(api.http.base_url), "5555555555554444"), "4444"),
        "Katherine": (bank.token("amex"), "0005"),
        "Annie": (bank.token("discover"), "1117"),
        "Mary": (bank.token("visa_debit"), "5556"),
    }
    return [(await api.customer(name, token), last4) for name, (token, last4) in cards.items()]


async def provider_refs_of(api: Api, bank: Bank) -> dict[str, str]:
    data = await api.query("{ customers { nodes { id providerAccounts { account providerRef } } } }")
    refs = {}
    for customer in data["customers"]["nodes"]:
        [account] = customer["providerAccounts"]
        assert account["account"] == bank.account
        refs[customer["id"]] = account["providerRef"]
    return refs


async def charges_of(api: Api, customer: str) -> list[str]:
    data = await api.query("query($id: ID!) { customer(id: $id) { charges { nodes { id } } } }", id=customer)
    return [charge["id"] for charge in data["customer"]["charges"]["nodes"]]


def assert_worth_20_dollars(order: Json, customer: str) -> None:
    assert order["total"] == {"minorUnits": 20_00, "currency": "USD", "decimal": "20.00"}
    assert order["customer"]["id"] == customer
    assert order["lines"]
    assert all(line["product"] for line in order["lines"])
    assert sum(line["unitAmount"]["minorUnits"] * line["quantity"] for line in order["lines"]) == 20_00
    assert (order["state"], order["paymentState"]) == ("OPEN", "UNPAID")


def assert_paid_with_own_card(charge: Json, order_id: str, customer: str, last4: str) -> None:
    assert charge["state"] == "SUCCEEDED"
    assert charge["captured"] == {"minorUnits": 20_00}
    assert charge["order"] == {"id": order_id, "state": "COMPLETED", "paymentState": "PAID"}
    assert charge["customer"] == {"id": customer}
    assert charge["paymentMethod"] == {"customer": {"id": customer}, "card": {"last4": last4}}


# --- refunds, confirmations, yen ------------------------------------------------------------------------------------


async def refund_in_parts(api: Api, charge_id: str) -> None:
    async def give_back(minor_units: int) -> Json:
        return await api.mutate(
            "chargeRefund",
            f"refund {{ state amount {{ minorUnits }} }} charge {{ {CHARGE} }}",
            chargeId=charge_id,
            amount={"minorUnits": minor_units, "currency": "USD"},
            idempotencyKey=new_key(),
        )

    first = await give_back(7_50)
    assert first["refund"] == {"state": "SUCCEEDED", "amount": {"minorUnits": 7_50}}
    assert first["charge"]["order"]["paymentState"] == "PARTIALLY_REFUNDED"
    assert first["charge"]["refundable"] == {"minorUnits": 12_50}
    too_much = await give_back(12_51)
    assert codes(too_much) == ["REFUND_AMOUNT_TOO_HIGH"]
    assert too_much["refund"] is None
    second = await give_back(12_50)
    assert second["refund"]["state"] == "SUCCEEDED"
    assert second["charge"]["refunded"] == {"minorUnits": 20_00}
    assert second["charge"]["order"]["paymentState"] == "REFUNDED"
    assert codes(await give_back(1)) == ["CHARGE_NOT_REFUNDABLE"]


async def begin_confirmation(api: Api, order_id: str, card_id: str | None = None) -> Json:
    charge: Json = (await api.pay(order_id, returnUrl=RETURN_URL, paymentMethodId=card_id))["charge"]
    assert charge["state"] == "REQUIRES_ACTION"
    assert charge["captured"] == {"minorUnits": 0}
    assert charge["order"] == {"id": order_id, "state": "PLACED", "paymentState": "UNPAID"}
    return charge


async def finish_confirmation(api: Api, bank: Bank, order_id: str) -> None:
    """As the bank wants it, with a second card of the customer."""
    customer = (await api.order_of(order_id))["customer"]["id"]
    token = bank.token("threeDSecureRequired")
    card = await api.do("paymentMethodAttach", "paymentMethod", "id state", customerId=customer, token=token)
    charge = await begin_confirmation(api, order_id, card["id"])
    confirmed = await bank.confirms(charge, "5.00")
    payload = await api.mutate(
        "chargeContinue", f"charge {{ {CHARGE} }}", chargeId=charge["id"], token=confirmed, idempotencyKey=new_key()
    )
    assert payload["userErrors"] == []
    assert payload["charge"]["state"] == "SUCCEEDED"
    assert payload["charge"]["order"] == {"id": order_id, "state": "COMPLETED", "paymentState": "PAID"}


async def sell_in_yen(api: Api, customer: str, coffee_in_yen: str) -> None:
    order_id = await api.order(customer, {coffee_in_yen: 3})
    assert (await api.order_of(order_id))["total"] == {"minorUnits": 1_800, "currency": "JPY", "decimal": "1800"}
    charge = (await api.pay(order_id))["charge"]
    assert charge["state"] == "SUCCEEDED"
    assert charge["amount"] == {"minorUnits": 1_800, "currency": "JPY"}


async def pay_after_all(api: Api, bank: Bank, abandoned: Json, customer: str) -> None:
    """Nobody came back from the confirmation: it ends by itself, and the order can be paid with another card."""
    order_id = abandoned["order"]["id"]
    expired = await api.charge_when(abandoned["id"], "EXPIRED")
    assert expired["captured"] == {"minorUnits": 0}
    assert expired["order"] == {"id": order_id, "state": "PLACED", "paymentState": "UNPAID"}
    await bank.comes_too_late(abandoned)

    card = await api.do("paymentMethodAttach", "paymentMethod", "id", customerId=customer, token=bank.token("visa"))
    charge = (await api.pay(order_id, paymentMethodId=card["id"]))["charge"]
    assert charge["state"] == "SUCCEEDED"
    states = {charge["state"] for charge in (await api.order_of(order_id))["charges"]["nodes"]}
    assert states == {"EXPIRED", "SUCCEEDED"}
    assert await charges_of(api, customer) == [charge["id"], abandoned["id"]]
