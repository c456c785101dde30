"""Erasing a customer: nothing of the person is left anywhere, and nothing of the money is gone."""

import asyncio
import json
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from adapters.settings import PLAIN
from domain.clock import SystemClock
from domain.invoices import PendingLine
from domain.principals import Permission
from tests.schema.gateway import CHALLENGED, DECLINED, Json, Shop, money, new_key
from tests.schema.invoiced import a_line, an_invoice

MARK = "Xq7mark"
"""In whatever says who the customer is."""


async def rich_life(shop: Shop) -> tuple[str, list[str]]:
    """A customer who did all that can be done, and every text of it marked; with the ids of what is theirs."""
    address: Json = {"line1": f"{MARK} Street 1", "city": f"{MARK}ville", "country": "GB", "postalCode": MARK}
    fields: Json = {
        "externalId": f"{MARK}-id",
        "email": f"{MARK}@example.org",
        "name": f"{MARK} Lovelace",
        "billingAddress": address,
        "shippingAddress": address,
        "metadata": {f"{MARK}-key": f"{MARK}-value"},
        "idempotencyKey": new_key(),
    }
    customer_id = str((await shop.do("customerCreate", fields, as_=shop.person("adm", role="admin")))["id"])
    themselves = shop.person(f"{MARK}-id")
    back = f"https://shop.example/{MARK}"
    card = await shop.card(customer_id, returnUrl=back)
    declined = await shop.card(customer_id, DECLINED)
    challenged = await shop.card(customer_id, CHALLENGED)
    ids = [customer_id, card, declined, challenged]
    for method, metadata in ((card, {f"{MARK}": MARK}), (declined, None), (challenged, None)):
        order_id = await shop.order(customer_id, metadata=metadata)
        pay = {"orderId": order_id, "paymentMethodId": method, "returnUrl": back, "idempotencyKey": new_key()}
        charge = await shop.do("orderCharge", pay, "charge { id state }", as_=themselves)
        ids += [order_id, charge["id"]]
        if charge["state"] == "SUCCEEDED":
            refund = {
                "chargeId": charge["id"],
                "amount": money(5_00),
                "note": f"{MARK} was unhappy",
                "idempotencyKey": new_key(),
            }
            ids.append(str((await shop.do("chargeRefund", refund, as_=shop.person("sam", role="support")))["id"]))
        else:
            await shop.do("orderCancel", {"orderId": order_id})
    sent: Json = {"customerId": customer_id, "name": f"{MARK} King", "metadata": {"note": MARK}}
    await shop.do("customerUpdate", sent, as_=shop.person("sam", role="support"))
    return customer_id, ids


async def redact(shop: Shop, customer_id: str, **how: Any) -> Json:
    record: Json = await shop.do("customerRedact", {"customerId": customer_id}, "customer { id redactedAt }", **how)
    return record


async def run_jobs(shop: Shop) -> None:
    """Until nothing is due any more, as the worker would in the next hour."""
    stop = asyncio.Event()
    work = asyncio.create_task(shop.running.worker.work(stop))
    try:
        async with asyncio.timeout(60):
            while any(row["kind"].startswith("FORGET_C") for row in await jobs(shop)):
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await work


async def jobs(shop: Shop) -> list[dict[str, Any]]:
    async with shop.running.database.reader() as connection:
        return [dict(row) for row in await connection.fetch_all("SELECT kind, subject_id FROM jobs")]


def books(shop: Shop) -> str:
    """Everything that the bank has written down."""
    connection = sqlite3.connect(shop.running.settings.fake[PLAIN].books)
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return "".join(str(connection.execute(f'SELECT * FROM "{name}"').fetchall()) for (name,) in tables)
    finally:
        connection.close()


# --- what is gone, and what stays -------------------------------------------------------------------------------------


async def test_nothing_of_the_person_is_left_anywhere(
    shop_on_both: Shop, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    shop = shop_on_both
    caplog.set_level(logging.DEBUG)
    customer_id, _ = await rich_life(shop)
    assert MARK in json.dumps(await shop._tables(), default=str)
    assert MARK in books(shop)

    redacted = await redact(shop, customer_id, as_=shop.person("adm", role="admin"))
    await run_jobs(shop)

    assert redacted["redactedAt"]
    for table, rows in (await shop._tables()).items():
        assert MARK not in json.dumps(rows, default=str) or table == "invoices", table
    await check_printed(shop)
    assert MARK not in books(shop)
    ours = [record for record in caplog.records if record.name.startswith("paydesk")]
    assert ours
    assert not [record for record in ours if MARK in record.getMessage()]


async def check_printed(shop: Shop) -> None:
    """The name and the address on what was issued, and nothing else."""
    query = """{ invoices(first: 50) { nodes { metadata lines { name } issuedTo { email taxId name address {
      line1 line2 city region postalCode country } } } } }"""
    nodes = (await shop.execute(query))["invoices"]["nodes"]
    assert nodes
    for node in nodes:
        printed = node.pop("issuedTo")
        assert MARK not in json.dumps(node)
        assert (printed["email"], printed["taxId"]) == (None, None)
        assert printed["name"] == f"{MARK} Lovelace"
        assert printed["address"]["line1"] == f"{MARK} Street 1"


async def test_the_money_stays_and_can_still_be_given_back(shop: Shop) -> None:
    customer_id, _ = await rich_life(shop)
    query = (
        "{ charges(first: 50) { nodes { id state amount { minorUnits } captured { minorUnits }"
        " refunded { minorUnits } } } orders(first: 50) { nodes { id state total { minorUnits } } } }"
    )
    before = await shop.execute(query)
    ledger = (await shop._tables())["ledger_entries"]

    await redact(shop, customer_id)
    await run_jobs(shop)

    assert await shop.execute(query) == before
    assert (await shop._tables())["ledger_entries"] == ledger
    (paid,) = [charge["id"] for charge in before["charges"]["nodes"] if charge["state"] == "SUCCEEDED"]
    sent = {"chargeId": paid, "amount": money(1_00), "idempotencyKey": new_key()}
    refund = await shop.do("chargeRefund", sent, "refund { state }")
    assert refund["state"] == "SUCCEEDED"


async def test_the_records_can_still_be_read_and_tell_their_story(shop: Shop) -> None:
    customer_id, ids = await rich_life(shop)
    await redact(shop, customer_id)
    await run_jobs(shop)

    data = await shop.execute("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    assert [node["id"] for node in data["nodes"]] == ids
    query = """query($id: ID!) { customer(id: $id) { name email externalId metadata redactedAt
      billingAddress { city } defaultPaymentMethod { id }
      paymentMethods(first: 10) { nodes { state card { last4 } } } } }"""
    customer = (await shop.execute(query, {"id": customer_id}))["customer"]
    methods = customer.pop("paymentMethods")["nodes"]
    assert customer.pop("redactedAt")
    assert not any(customer.values())
    assert all(method["state"] in ("DETACHED", "FAILED") and method["card"] is None for method in methods)
    assert (await shop.kinds(customer_id))[-1] == "CUSTOMER_REDACTED"


async def test_the_provider_forgets_the_customer_and_their_cards(shop: Shop) -> None:
    customer_id, _ = await rich_life(shop)
    assert [len(known.payment_method_ids) for known in shop.bank.customers] == [3]

    await redact(shop, customer_id)
    await run_jobs(shop)

    assert [known.payment_method_ids for known in shop.bank.customers] == [()]
    assert "FORGET_CUSTOMER" not in {job["kind"] for job in await jobs(shop)}


async def test_a_provider_that_is_away_is_asked_again_until_it_forgets(shop: Shop) -> None:
    customer_id, _ = await rich_life(shop)
    shop.misbehave("forget_customer#1=refuse; forget_customer#2=lose_answer")

    await redact(shop, customer_id)
    await run_jobs(shop)

    assert MARK not in books(shop)


# --- who it is from then on -------------------------------------------------------------------------------------------


async def test_a_redacted_customer_is_nobody_any_more(shop: Shop) -> None:
    customer_id, _ = await rich_life(shop)
    themselves = shop.person(f"{MARK}-id")
    await redact(shop, customer_id)

    assert await shop.execute("{ me { id } }", as_=themselves) == {"me": None}
    for where in ({"email": f"{MARK}@example.org"}, {"externalId": f"{MARK}-id"}):
        found = await shop.execute(
            "query($f: CustomerFilterInput) { customers(filter: $f) { nodes { id } } }", {"f": where}
        )
        assert found["customers"]["nodes"] == []
    for mutation, sent in (
        ("customerUpdate", {"customerId": customer_id, "name": "Somebody else"}),
        ("paymentMethodAttach", {"customerId": customer_id, "token": "tok_visa"}),
        ("clientSessionCreate", {"customerId": customer_id}),
        ("orderCreate", {"customerId": customer_id, "currency": "USD"}),
    ):
        assert await shop.refused(mutation, sent) == ("CUSTOMER_REDACTED", "customerId"), mutation
    other = await shop.customer(externalId=f"{MARK}-id")
    assert (await shop.execute("{ me { id } }", as_=themselves))["me"] == {"id": other}, "a new start is a new record"


async def test_redacting_again_changes_nothing(shop: Shop) -> None:
    customer_id, _ = await rich_life(shop)
    first = await redact(shop, customer_id)
    await run_jobs(shop)
    before = await shop.contents()

    assert await redact(shop, customer_id) == first
    assert await shop.contents() == before


async def test_a_customer_without_anything_is_redacted_too(shop_on_both: Shop) -> None:
    customer_id = await shop_on_both.customer(name="Ada")

    assert (await redact(shop_on_both, customer_id))["redactedAt"]
    await run_jobs(shop_on_both)


async def test_it_is_audited_and_needs_a_scope_of_its_own(shop: Shop) -> None:
    customer_id = await shop.customer(name="Ada")
    for who in (shop.person("sam", role="support"), shop.person("fin", role="finance")):
        assert (await shop.refused("customerRedact", {"customerId": customer_id}, as_=who))[0] == "PERMISSION_DENIED"

    await redact(shop, customer_id, as_=await shop.server(Permission.CUSTOMERS_REDACT, Permission.RECORDS_READ))

    data = await shop.execute(
        '{ auditEntries(filter: { action: "customerRedact" }) { nodes { subjectIds changes { field isWithheld } } } }'
    )
    (entry,) = data["auditEntries"]["nodes"]
    assert entry["subjectIds"] == [customer_id]
    assert {change["field"] for change in entry["changes"]} == {"name", "redactedAt"}


# --- what stands against it -------------------------------------------------------------------------------------------


async def test_nothing_is_erased_while_something_is_open(shop: Shop) -> None:
    async def refused(customer_id: str) -> tuple[str, str]:
        return await shop.refused("customerRedact", {"customerId": customer_id})

    cart = await shop.customer(name="Ada")
    order_id = await shop.order(cart)
    assert await refused(cart) == ("CUSTOMER_HAS_OPEN_ORDERS", "customerId")
    await shop.do("orderPlace", {"orderId": order_id})
    assert await refused(cart) == ("CUSTOMER_HAS_OPEN_ORDERS", "customerId")
    await shop.do("orderCancel", {"orderId": order_id})
    assert (await redact(shop, cart))["redactedAt"]

    waiting = await shop.buyer(CHALLENGED)
    assert (await shop.charge(await shop.order(waiting)))["state"] == "REQUIRES_ACTION"
    assert await refused(waiting) == ("CUSTOMER_HAS_OPEN_PAYMENTS", "customerId")

    refunding = await shop.buyer()
    _, charge_id = await shop.paid(refunding)
    shop.misbehave("refund#*=lose_answer")
    sent = {"chargeId": charge_id, "amount": money(1_00), "idempotencyKey": new_key()}
    assert (await shop.do("chargeRefund", sent, "refund { state }"))["state"] != "SUCCEEDED"
    assert await refused(refunding) == ("CUSTOMER_HAS_OPEN_PAYMENTS", "customerId")
    assert await refused("cus_none") == ("NOT_FOUND", "customerId")


async def test_nobody_is_erased_who_owes_or_subscribes(shop: Shop) -> None:
    async def refused(customer_id: str) -> str:
        return (await shop.refused("customerRedact", {"customerId": customer_id}))[0]

    owing = await shop.customer(name="Ada")
    invoice = await an_invoice(shop, owing)
    assert await refused(owing) == "CUSTOMER_HAS_OPEN_INVOICES"
    await shop.do("creditNoteCreate", {"invoiceId": invoice.id, "idempotencyKey": new_key()})
    assert (await redact(shop, owing))["redactedAt"]
    # What is printed on an issued invoice stays: books have to tell for whom it was.
    read = await shop.execute(
        "query($id: ID!) { invoice(id: $id) { issuedTo { name } customer { name } } }", {"id": invoice.id}
    )
    assert read["invoice"] == {"issuedTo": {"name": "Ada"}, "customer": {"name": None}}

    waiting = await shop.customer()
    line = PendingLine(line=a_line(1_00), customer_id=waiting, cause=new_key(), created_at=SystemClock().now())
    async with shop.running.store.transaction() as tx:
        await tx.invoices.add_waiting_lines([line])
    assert await refused(waiting) == "CUSTOMER_HAS_OPEN_INVOICES"

    plan = {"productId": await shop.product(), "amount": money(20_00), "interval": {"unit": "MONTH", "count": 1}}
    price_id = (await shop.do("priceCreate", plan, "price { id }"))["id"]
    subscribed = await shop.buyer()
    sent = {"customerId": subscribed, "items": [{"priceId": price_id}], "idempotencyKey": new_key()}
    assert await shop.do("subscriptionCreate", sent)
    assert await refused(subscribed) == "CUSTOMER_HAS_SUBSCRIPTIONS"
