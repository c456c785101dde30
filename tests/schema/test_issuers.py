"""The issuer is set up by admins, and what was issued stays as it was printed."""

from typing import Any

import pytest

from domain.issuers import DEFAULT_ISSUER_ID
from tests.schema.gateway import Shop, money, new_key
from tests.schema.invoiced import an_invoice

ISSUER = (
    "issuer { id name address { line1 city country } taxId footer invoicePrefix creditNotePrefix nextInvoiceNumber "
    "nextCreditNoteNumber timeZone dunning { retriesAfterHours endsAfterHours then } onTrialEndWithoutCard }"
)
ADDRESS = {"line1": " 1 Main Street ", "city": "Dublin", "country": "IE"}
PRINTED = "query($id: ID!) { invoice(id: $id) { number issuedBy { name taxId address { city } } } }"


async def update(shop: Shop, **fields: Any) -> Any:
    return await shop.do("issuerUpdate", {"issuerId": DEFAULT_ISSUER_ID, **fields}, ISSUER)


async def refused(shop: Shop, **fields: Any) -> tuple[str, str]:
    return await shop.refused("issuerUpdate", {"issuerId": DEFAULT_ISSUER_ID, **fields})


async def numbered(shop: Shop, customer_id: str) -> str:
    invoice = await an_invoice(shop, customer_id)
    assert invoice.number is not None
    return invoice.number.printed


async def credited(shop: Shop, invoice_id: str) -> str:
    note = {"invoiceId": invoice_id, "amount": money(1), "idempotencyKey": new_key()}
    return str((await shop.do("creditNoteCreate", note, "creditNote { number }"))["number"])


async def test_every_deployment_has_an_issuer_from_its_first_day_on(shop: Shop) -> None:
    data = await shop.execute("{ " + ISSUER + " }")
    by_id = await shop.execute("query($id: ID!) { issuer(id: $id) { id } }", {"id": DEFAULT_ISSUER_ID})
    assert by_id["issuer"] == {"id": DEFAULT_ISSUER_ID}
    assert data["issuer"] == {
        "id": DEFAULT_ISSUER_ID,
        "name": None,
        "address": None,
        "taxId": None,
        "footer": None,
        "invoicePrefix": "INV-",
        "creditNotePrefix": "CRN-",
        "nextInvoiceNumber": 1,
        "nextCreditNoteNumber": 1,
        "timeZone": "UTC",
        "dunning": {"retriesAfterHours": [24, 72, 168, 336], "endsAfterHours": 504, "then": "CANCELED"},
        "onTrialEndWithoutCard": "CANCEL",
    }


async def test_all_of_it_is_set_and_what_was_issued_stays(shop_on_both: Shop) -> None:
    shop = shop_on_both
    before = await an_invoice(shop, await shop.customer())

    changed = await update(
        shop,
        name="  Tea & Sons Ltd ",
        address=ADDRESS,
        taxId="IE1234567T",
        footer="Thank you.",
        invoicePrefix="2027/",
        creditNotePrefix="C2027/",
        timeZone="Europe/Dublin",
        dunning={"retriesAfterHours": [6, 48], "endsAfterHours": 240, "then": "UNPAID"},
        onTrialEndWithoutCard="PAST_DUE",
    )
    after = await an_invoice(shop, await shop.customer())

    assert changed == {
        "id": DEFAULT_ISSUER_ID,
        "name": "Tea & Sons Ltd",
        "address": {"line1": "1 Main Street", "city": "Dublin", "country": "IE"},
        "taxId": "IE1234567T",
        "footer": "Thank you.",
        "invoicePrefix": "2027/",
        "creditNotePrefix": "C2027/",
        "nextInvoiceNumber": 2,
        "nextCreditNoteNumber": 1,
        "timeZone": "Europe/Dublin",
        "dunning": {"retriesAfterHours": [6, 48], "endsAfterHours": 240, "then": "UNPAID"},
        "onTrialEndWithoutCard": "PAST_DUE",
    }
    printed = [(await shop.execute(PRINTED, {"id": each.id}))["invoice"] for each in (before, after)]
    assert printed == [
        {"number": "INV-000001", "issuedBy": {"name": None, "taxId": None, "address": None}},
        {
            "number": "2027/000002",
            "issuedBy": {"name": "Tea & Sons Ltd", "taxId": "IE1234567T", "address": {"city": "Dublin"}},
        },
    ]
    assert await shop.kinds(DEFAULT_ISSUER_ID) == ["ISSUER_UPDATED"]


async def test_what_is_left_out_stays_and_null_removes(shop: Shop) -> None:
    await update(shop, name="Tea", taxId="1", footer="Bye", address=ADDRESS)

    changed = await update(shop, footer=None, address=None)

    assert (changed["name"], changed["taxId"], changed["footer"], changed["address"]) == ("Tea", "1", None, None)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"address": {**ADDRESS, "country": "Ireland"}}, "address.country"),
        ({"timeZone": "EST"}, "timeZone"),
        ({"timeZone": None}, "timeZone"),
        ({"invoicePrefix": "INV1"}, "invoicePrefix"),
        ({"invoicePrefix": None}, "invoicePrefix"),
        ({"creditNotePrefix": "INV-"}, "creditNotePrefix"),
        ({"dunning": {"retriesAfterHours": [0], "endsAfterHours": 24, "then": "UNPAID"}}, "dunning.retriesAfterHours"),
        ({"dunning": {"retriesAfterHours": [24], "endsAfterHours": 24, "then": "UNPAID"}}, "dunning.endsAfterHours"),
        ({"footer": "x" * 5_001}, "footer"),
    ],
)
async def test_what_cannot_be_is_refused_where_it_stands(shop: Shop, fields: dict[str, Any], path: str) -> None:
    assert await refused(shop, **fields) == ("INVALID_INPUT", path)


async def test_an_issuer_that_is_not_there_is_not_changed(shop: Shop) -> None:
    refusal = await shop.refused("issuerUpdate", {"issuerId": "iss_1", "name": "Tea"})
    assert refusal == ("NOT_FOUND", "issuerId")


async def test_a_prefix_makes_no_two_equal_numbers(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.customer()
    first = await an_invoice(shop, ada)
    await update(shop, invoicePrefix="A_", creditNotePrefix="B-")

    assert await numbered(shop, ada) == "A_000002"
    # What an invoice has had, no credit note gets, and the other way round.
    assert await refused(shop, creditNotePrefix="INV-") == ("PREFIX_IN_USE", "creditNotePrefix")
    assert await refused(shop, creditNotePrefix="A_", invoicePrefix="Z-") == ("PREFIX_IN_USE", "creditNotePrefix")
    assert await credited(shop, first.id) == "B-000001"
    assert await refused(shop, invoicePrefix="B-", creditNotePrefix="Y-") == ("PREFIX_IN_USE", "invoicePrefix")
    # A prefix of its own may come back, for its numbers go on; and no underscore stands for another character.
    await update(shop, invoicePrefix="INV-", creditNotePrefix="AX")
    assert await numbered(shop, ada) == "INV-000003"
    assert await credited(shop, first.id) == "AX000002"


async def test_only_those_who_may_see_the_shop_see_its_issuer(shop: Shop) -> None:
    await shop.customer(externalId="ada")
    assert await shop.execute("{ issuer { id } }", as_=shop.person("ada")) == {"issuer": None}
