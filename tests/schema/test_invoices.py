"""Invoices as they are read: what they ask for, why, and who sees them."""

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.balances import BalanceReason, entry
from domain.clock import SystemClock
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, LineKind, PendingLine
from domain.money import Money
from domain.services.locking import there
from tests.schema.gateway import Shop, money
from tests.schema.invoiced import a_draft, a_line, an_invoice

INVOICE = (
    "invoice(id: $id) { id number state reason total { minorUnits currency } balanceApplied { minorUnits } "
    "carriedOver { minorUnits } due { minorUnits } amountPaid { minorUnits } amountRemaining { minorUnits } "
    "issuedBy { name } issuedTo { name email address { city } } periodStartsAt dueAt nextTryAt openedAt paidAt "
    "voidedAt uncollectibleAt discardedAt version metadata customer { id } order { id } nextAction { __typename } "
    "lines { id kind name quantity unitAmount { minorUnits } amount { minorUnits } period { startsAt endsAt } "
    "price { id } subscriptionItemId } charges { nodes { id } } }"
)
PAGE = """
query($first: Int) {
  invoices(first: $first) {
    nodes {
      id number total { formatted } due { formatted } carriedOver { minorUnits } amountPaid { minorUnits }
      customer { id invoiceItems { nodes { id line { name } invoice { id } } } }
      order { id } lines { name price { id } } charges { nodes { id invoice { id } } } nextAction { __typename }
      timeline { nodes { kind } }
    }
  }
}
"""


async def read(shop: Shop, invoice_id: str, **how: Any) -> Any:
    return (await shop.execute("query($id: ID!) { " + INVOICE + " }", {"id": invoice_id}, **how))["invoice"]


async def listed(shop: Shop, arguments: str = "", **how: Any) -> list[str]:
    data = await shop.execute("{ invoices" + arguments + " { nodes { id } } }", **how)
    return [node["id"] for node in data["invoices"]["nodes"]]


async def drafted(shop: Shop, customer_id: str) -> Invoice:
    draft = a_draft(shop, customer_id)
    async with shop.running.store.transaction() as tx:
        await tx.invoices.insert(draft)
    return draft


async def put(shop: Shop, customer_id: str, minor_units: int) -> None:
    async with shop.running.store.transaction() as tx:
        await tx.balances.get_for_update(customer_id, "USD")
        given = entry(
            customer_id,
            Money(minor_units, "USD"),
            BalanceReason.GRANTED,
            cause=new_id(IdPrefix.EVENT),
            now=SystemClock().now(),
        )
        await tx.balances.insert(given)


async def test_an_invoice_tells_what_it_asks_for_and_why(shop_on_both: Shop) -> None:
    shop = shop_on_both
    address = {"line1": "1 Rd", "city": "Ely", "country": "GB"}
    customer_id = await shop.customer(name="Ada", email="ada@example.org", billingAddress=address)
    price_id = await shop.price(7_50)
    start, end = datetime(2027, 1, 31, 10, tzinfo=UTC), datetime(2027, 2, 28, 10, tzinfo=UTC)
    lines = (
        a_line(
            15_00, quantity=2, unit_amount=Money(7_50, "USD"), price_id=price_id, kind=LineKind.PERIOD,
            period_start=start, period_end=end,
        ),
        a_line(-2_00, name="Unused time", kind=LineKind.CREDIT),
    )  # fmt: skip
    await put(shop, customer_id, 3_00)

    invoice = await read(shop, (await an_invoice(shop, customer_id, *lines)).id)

    assert (invoice["number"], invoice["state"], invoice["reason"]) == ("INV-000001", "OPEN", "ONE_OFF")
    assert (invoice["total"], invoice["balanceApplied"], invoice["due"]) == (
        money(13_00),
        {"minorUnits": 3_00},
        {"minorUnits": 10_00},
    )
    assert (invoice["amountPaid"], invoice["amountRemaining"], invoice["carriedOver"]) == (
        {"minorUnits": 0},
        {"minorUnits": 10_00},
        {"minorUnits": 0},
    )
    assert invoice["issuedTo"] == {"name": "Ada", "email": "ada@example.org", "address": {"city": "Ely"}}
    assert invoice["openedAt"] == invoice["dueAt"]
    first, second = invoice["lines"]
    assert (first["kind"], first["quantity"], first["unitAmount"], first["amount"], first["price"]) == (
        "PERIOD",
        2,
        {"minorUnits": 7_50},
        {"minorUnits": 15_00},
        {"id": price_id},
    )
    assert first["period"] == {
        "startsAt": "2027-01-31T10:00:00.000000Z",
        "endsAt": "2027-02-28T10:00:00.000000Z",
    }
    assert (second["name"], second["amount"], second["unitAmount"], second["period"], second["price"]) == (
        "Unused time",
        {"minorUnits": -2_00},
        None,
        None,
        None,
    )
    assert await shop.kinds(invoice["id"]) == ["INVOICE_CREATED", "INVOICE_OPENED"]


async def test_what_was_carried_over_is_told_by_the_invoice_that_did_and_the_one_that_asks_for_it(shop: Shop) -> None:
    customer_id = await shop.customer()
    await put(shop, customer_id, -30)
    later = await read(shop, (await an_invoice(shop, customer_id)).id)
    credited = await read(shop, (await an_invoice(shop, customer_id, a_line(-5_00))).id)

    assert (later["total"], later["balanceApplied"], later["carriedOver"], later["due"]) == (
        money(20_00),
        {"minorUnits": -30},
        {"minorUnits": -30},
        {"minorUnits": 20_30},
    )
    assert (credited["state"], credited["balanceApplied"], credited["carriedOver"], credited["due"]) == (
        "PAID",
        {"minorUnits": -5_00},
        {"minorUnits": 0},
        {"minorUnits": 0},
    )


async def test_an_invoice_of_an_order_was_paid_by_the_charges_of_the_order(shop: Shop) -> None:
    ada = await shop.buyer()
    order_id, _ = await shop.paid(ada)
    async with shop.running.store.reading() as tx:
        made = there(await tx.invoices.of_order(order_id), order_id)

    invoice = await read(shop, made.id)
    assert (invoice["reason"], invoice["balanceApplied"]) == ("ORDER", {"minorUnits": 0})
    assert (invoice["state"], invoice["due"], invoice["amountPaid"], invoice["amountRemaining"]) == (
        "PAID",
        {"minorUnits": 20_00},
        {"minorUnits": 20_00},
        {"minorUnits": 0},
    )
    assert (invoice["order"], invoice["charges"]) == ({"id": order_id}, {"nodes": []})
    data = await shop.execute("query($id: ID!) { order(id: $id) { invoice { id } } }", {"id": order_id})
    assert data["order"] == {"invoice": {"id": made.id}}


# --- who sees what --------------------------------------------------------------------------------------------------


async def test_customers_see_what_they_were_asked_for_and_no_drafts(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada, grace = await shop.customer(externalId="ada"), await shop.customer(externalId="grace")
    opened, draft = await an_invoice(shop, ada), await drafted(shop, ada)
    others = await an_invoice(shop, grace)
    as_ada, as_grace = shop.person("ada"), shop.person("grace")

    assert await listed(shop) == [others.id, draft.id, opened.id]
    assert await listed(shop, as_=as_ada) == [opened.id]
    assert await listed(shop, as_=as_grace) == [others.id]
    assert (await read(shop, opened.id, as_=as_ada))["id"] == opened.id
    assert await read(shop, draft.id, as_=as_ada) is None
    assert await read(shop, opened.id, as_=as_grace) is None
    mine = "{ me { invoices { nodes { id } } } }"
    assert (await shop.execute(mine, as_=as_ada))["me"]["invoices"]["nodes"] == [{"id": opened.id}]
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await shop.execute(node, {"id": draft.id}))["node"] == {"id": draft.id}
    assert (await shop.execute(node, {"id": draft.id}, as_=as_ada))["node"] is None


async def test_invoices_are_filtered_and_sorted(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.customer()
    small = await an_invoice(shop, ada, a_line(1_00))
    large = await an_invoice(shop, ada, a_line(90_00))
    draft = await drafted(shop, ada)
    gone = (await drafted(shop, ada)).discarded(now=SystemClock().now())
    async with shop.running.store.transaction() as tx:
        await tx.invoices.save(gone)

    assert await listed(shop, "(filter: {states: [DRAFT]})") == [gone.id, draft.id]
    assert await listed(shop, "(filter: {states: [DRAFT], discarded: false})") == [draft.id]
    assert await listed(shop, "(filter: {discarded: true})") == [gone.id]
    assert await listed(shop, '(filter: {number: "INV-000002"})') == [large.id]
    assert await listed(shop, "(filter: {reasons: [ORDER]})") == []
    assert await listed(shop, '(filter: {due: {before: "2020-01-01T00:00:00Z"}})') == []
    assert await listed(shop, "(filter: {states: [OPEN]}, sort: TOTAL_LOWEST)") == [small.id, large.id]
    assert await listed(shop, "(filter: {states: [OPEN]}, sort: TOTAL_HIGHEST, first: 1)") == [large.id]


async def test_what_waits_is_told_with_the_invoice_that_takes_it(shop: Shop) -> None:
    ada = await shop.customer(externalId="ada")
    waiting = [
        PendingLine(
            line=a_line(3_00, name=name), customer_id=ada, cause=new_id(IdPrefix.EVENT), created_at=SystemClock().now()
        )
        for name in ("Postage", "Wrapping")
    ]
    query = (
        "query($id: ID!, $waiting: Boolean) { customer(id: $id) { invoiceItems(filter: {waiting: $waiting}) "
        "{ nodes { id line { name amount { minorUnits } } invoice { id } removedAt customer { id } } } } }"
    )

    async def items(*, waiting: bool | None) -> list[tuple[str, Any]]:
        data = await shop.execute(query, {"id": ada, "waiting": waiting}, as_=shop.person("ada"))
        return [(node["line"]["name"], node["invoice"]) for node in data["customer"]["invoiceItems"]["nodes"]]

    async with shop.running.store.transaction() as tx:
        await tx.invoices.add_waiting_lines(waiting[:1])
    invoice = await an_invoice(shop, ada)
    async with shop.running.store.transaction() as tx:
        await tx.invoices.add_waiting_lines(waiting[1:])

    assert await items(waiting=True) == [("Wrapping", None)]
    assert await items(waiting=False) == [("Postage", {"id": invoice.id})]
    assert await items(waiting=None) == [("Wrapping", None), ("Postage", {"id": invoice.id})]


async def test_fifty_invoices_are_read_with_as_many_statements_as_five(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(50):
        await an_invoice(shop, await shop.customer(name=f"Ada {number}"), a_line(5_00), a_line(6_00))
    await shop.execute(PAGE, {"first": 1})

    counts = {}
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        for first in (5, 50):
            caplog.clear()
            data = await shop.execute(PAGE, {"first": first})
            counts[first] = len(caplog.records)
            assert len(data["invoices"]["nodes"]) == first
            assert all(len(node["lines"]) == 2 for node in data["invoices"]["nodes"])

    assert counts[5] == counts[50]
    assert 0 < counts[50] <= 10
