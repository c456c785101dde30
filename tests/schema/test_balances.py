"""Balances: what a customer has, how it came about, and what is given to them or taken back."""

import asyncio
from typing import Any

import pytest

from tests.schema.gateway import Shop, money, new_key
from tests.schema.invoiced import an_invoice

ENTRY = "balanceEntry { id reason amount { minorUnits currency } note customer { id } invoice { id } }"
BALANCES = """query($id: ID!, $filter: BalanceEntryFilterInput) { customer(id: $id) {
  balances { amount { minorUnits currency } }
  balanceEntries(filter: $filter, sort: OLDEST) {
    nodes { reason amount { minorUnits currency } note invoice { id } }
  }
} }"""


def grant(customer_id: str, minor_units: int, **more: Any) -> dict[str, Any]:
    amount = more.pop("amount", money(minor_units))
    return {"customerId": customer_id, "amount": amount, "idempotencyKey": new_key(), **more}


async def given(shop: Shop, customer_id: str, minor_units: int, **more: Any) -> Any:
    return await shop.do("customerBalanceGrant", grant(customer_id, minor_units, **more), ENTRY)


async def read(shop: Shop, customer_id: str, **how: Any) -> Any:
    where = how.pop("filter", {})
    return (await shop.execute(BALANCES, {"id": customer_id, "filter": where}, **how))["customer"]


async def test_what_is_granted_pays_the_next_invoice(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.customer()

    entry = await given(shop, ada, 8_00, note=" For the delay ")
    invoice = await an_invoice(shop, ada)

    assert entry == {
        "id": entry["id"],
        "reason": "GRANTED",
        "amount": money(8_00),
        "note": "For the delay",
        "customer": {"id": ada},
        "invoice": None,
    }
    assert await read(shop, ada) == {
        "balances": [{"amount": money(0)}],
        "balanceEntries": {
            "nodes": [
                {"reason": "GRANTED", "amount": money(8_00), "note": "For the delay", "invoice": None},
                {"reason": "APPLIED", "amount": money(-8_00), "note": None, "invoice": {"id": invoice.id}},
            ]
        },
    }
    assert (await shop.kinds(ada)).count("BALANCE_GRANTED") == 1


async def test_each_currency_has_a_balance_of_its_own(shop: Shop) -> None:
    ada = await shop.customer()
    await given(shop, ada, 5_00)
    await given(shop, ada, 0, amount=money(700, "JPY"))

    found = await read(shop, ada, filter={"currency": "JPY", "reasons": ["GRANTED"]})

    assert found["balances"] == [{"amount": money(700, "JPY")}, {"amount": money(5_00)}]
    assert [node["amount"] for node in found["balanceEntries"]["nodes"]] == [money(700, "JPY")]


async def test_no_more_is_taken_back_than_there_is(shop: Shop) -> None:
    ada = await shop.customer()
    await given(shop, ada, 5_00)

    assert await shop.refused("customerBalanceGrant", grant(ada, -5_01)) == ("BALANCE_TOO_LOW", "amount")
    await given(shop, ada, -5_00)

    assert (await read(shop, ada))["balances"] == [{"amount": money(0)}]
    assert await shop.refused("customerBalanceGrant", grant(ada, -1)) == ("BALANCE_TOO_LOW", "amount")


async def test_of_those_who_take_back_at_once_nobody_takes_too_much(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.customer()
    await given(shop, ada, 5_00)

    payloads = await asyncio.gather(*(shop.mutate("customerBalanceGrant", grant(ada, -2_00)) for _ in range(4)))

    codes = [error["code"] for payload in payloads for error in payload["userErrors"]]
    assert codes == ["BALANCE_TOO_LOW"] * 2
    assert (await read(shop, ada))["balances"] == [{"amount": money(1_00)}]


async def test_the_same_request_gives_once(shop: Shop) -> None:
    ada = await shop.customer()
    sent = grant(ada, 5_00)

    first, second = [await shop.do("customerBalanceGrant", sent, ENTRY) for _ in range(2)]

    assert first == second
    assert (await read(shop, ada))["balances"] == [{"amount": money(5_00)}]
    again = {**sent, "amount": money(6_00)}
    assert await shop.refused("customerBalanceGrant", again) == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")


@pytest.mark.parametrize(
    ("fields", "code", "path"),
    [
        ({"amount": money(0)}, "INVALID_INPUT", "amount"),
        ({"amount": money(1, "XXX")}, "CURRENCY_UNKNOWN", "amount.currency"),
        ({"note": "x" * 501}, "INVALID_INPUT", "note"),
        ({"note": "4242 4242 4242 4242"}, "CARD_NUMBER_REFUSED", "note"),
        ({"customerId": "cus_1"}, "NOT_FOUND", "customerId"),
    ],
)
async def test_what_cannot_be_given_is_refused(shop: Shop, fields: dict[str, Any], code: str, path: str) -> None:
    sent = {**grant(await shop.customer(), 1), **fields}
    assert await shop.refused("customerBalanceGrant", sent) == (code, path)


async def test_nothing_is_given_to_somebody_who_was_erased(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.do("customerRedact", {"customerId": ada})
    assert (await shop.refused("customerBalanceGrant", grant(ada, 1)))[0] == "CUSTOMER_REDACTED"


async def test_a_balance_never_grows_past_what_clients_can_read(shop: Shop) -> None:
    ada = await shop.customer()
    await given(shop, ada, 2**53 - 1)
    assert (await shop.refused("customerBalanceGrant", grant(ada, 1)))[0] == "AMOUNT_NOT_REPRESENTABLE"


async def test_customers_see_their_own_without_what_the_staff_noted(shop: Shop) -> None:
    ada = await shop.customer(externalId="ada")
    entry = await given(shop, ada, 5_00, note="She called twice")

    found = await read(shop, ada, as_=shop.person("ada"))
    assert found["balances"] == [{"amount": money(5_00)}]
    assert [node["note"] for node in found["balanceEntries"]["nodes"]] == [None]
    await shop.customer(externalId="grace")
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await shop.execute(node, {"id": entry["id"]}, as_=shop.person("grace")))["node"] is None
    assert (await shop.execute(node, {"id": entry["id"]}, as_=shop.person("ada")))["node"] == {"id": entry["id"]}
