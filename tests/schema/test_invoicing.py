"""Invoices through the API: drafted, issued, paid, called off and given up, and by whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.schema.gateway import CHALLENGED, DECLINED, VISA, Json, Shop, money, new_key

INVOICE = (
    "invoice { id number state version total { minorUnits currency } due { minorUnits } amountRemaining { minorUnits } "
    "dueAt metadata discardedAt nextAction { __typename ... on RedirectAction { url } } "
    "lines { id name quantity unitAmount { minorUnits } amount { minorUnits } price { id } } "
    "charges { nodes { id state initiator } } }"
)
PAID = (
    "charge { id state initiator amount { minorUnits } invoice { id state } order { id } paymentMethod { id state } } "
    "invoice { id state amountPaid { minorUnits } nextAction { __typename } } order { id }"
)
LINES = ("invoiceAddLine", "invoiceUpdateLine", "invoiceRemoveLine", "invoiceDiscard", "invoiceFinalize")


def hand(minor_units: int, name: str = "Tea") -> Json:
    return {"name": name, "unitAmount": money(minor_units)}


async def drafted(shop: Shop, customer_id: str, **input: Any) -> Json:
    made: Json = await shop.do("invoiceCreate", {"customerId": customer_id, "lines": [hand(20_00)], **input}, INVOICE)
    return made


async def issued(shop: Shop, customer_id: str, *, charge: bool = False) -> Json:
    draft = await drafted(shop, customer_id)
    sent = {"invoiceId": draft["id"], "charge": charge, "idempotencyKey": new_key()}
    made: Json = await shop.do("invoiceFinalize", sent, INVOICE)
    return made


async def pay(shop: Shop, invoice_id: str, *, as_: str, **input: Any) -> Json:
    sent = {"invoiceId": invoice_id, "idempotencyKey": new_key(), **input}
    return await shop.mutate("invoicePay", sent, f"{PAID} userErrors {{ code path }}", as_=as_)


async def test_an_invoice_is_drafted_issued_and_paid_by_its_customer(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.buyer(externalId="ada")
    price_id = await shop.price(7_50)
    due = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    draft = await drafted(
        shop,
        ada,
        lines=[{"priceId": price_id, "quantity": 2}, hand(5_00)],
        dueAt=due.isoformat(),
        metadata={"job": "7"},
    )
    assert (draft["state"], draft["number"], draft["total"], draft["metadata"]) == (
        "DRAFT",
        None,
        money(20_00),
        {"job": "7"},
    )
    tea, by_name = draft["lines"]
    assert (tea["price"], by_name["price"], tea["amount"]) == ({"id": price_id}, None, {"minorUnits": 15_00})

    added = await shop.do("invoiceAddLine", {"invoiceId": draft["id"], **hand(-1_00, "Off")}, INVOICE)
    sent = {"invoiceId": draft["id"], "lineId": tea["id"], "quantity": 3, "version": added["version"]}
    changed = await shop.do("invoiceUpdateLine", sent, INVOICE)
    removed = await shop.do("invoiceRemoveLine", {"invoiceId": draft["id"], "lineId": by_name["id"]}, INVOICE)
    assert [payload["total"] for payload in (added, changed, removed)] == [money(19_00), money(26_50), money(21_50)]

    opened = await shop.do("invoiceFinalize", {"invoiceId": draft["id"], "idempotencyKey": new_key()}, INVOICE)
    assert (opened["state"], opened["number"], opened["due"]) == ("OPEN", "INV-000001", {"minorUnits": 21_50})
    assert opened["dueAt"] == due.strftime("%Y-%m-%dT%H:%M:%S.000000Z")

    payload = await pay(shop, draft["id"], as_=shop.person("ada"))
    assert (payload["charge"]["state"], payload["charge"]["invoice"], payload["order"]) == (
        "SUCCEEDED",
        {"id": draft["id"], "state": "PAID"},
        None,
    )
    assert payload["invoice"]["amountPaid"] == {"minorUnits": 21_50}
    assert await shop.kinds(draft["id"]) == [
        "INVOICE_CREATED",
        *["INVOICE_CHANGED"] * 3,
        "INVOICE_OPENED",
        "CHARGE_CREATED",
        "CHARGE_SUCCEEDED",
        "INVOICE_PAID",
    ]
    as_ada = await shop.kinds(draft["id"], as_=shop.person("ada"))
    assert as_ada == ["INVOICE_OPENED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "INVOICE_PAID"]


async def test_an_admin_a_server_a_customer_and_another_one_meet_one_invoice(shop: Shop) -> None:
    """Each by hand: who may do what with it, and what the others make of it."""
    ada, _ = await shop.buyer(externalId="ada"), await shop.buyer(externalId="grace")
    finance, support = shop.person("fin", role="finance"), shop.person("sam", role="support")
    as_ada, as_grace = shop.person("ada"), shop.person("grace")
    draft = await drafted(shop, ada)
    finalize = {"invoiceId": draft["id"], "idempotencyKey": new_key()}
    for whoever in (as_ada, as_grace, support):
        assert (await shop.refused("invoiceFinalize", finalize, as_=whoever))[0] == "PERMISSION_DENIED"
    sent = {"invoiceId": draft["id"], "idempotencyKey": new_key()}
    for whoever in (as_ada, as_grace):
        assert await shop.refused("invoicePay", sent, as_=whoever) == ("NOT_FOUND", "invoiceId")
    assert await shop.refused("invoicePay", sent) == ("INVOICE_NOT_PAYABLE", "invoiceId")

    opened = await shop.do("invoiceFinalize", finalize, INVOICE, as_=finance)

    assert await shop.refused("invoicePay", sent, as_=as_grace) == ("NOT_FOUND", "invoiceId")
    assert await shop.refused("invoiceVoid", {"invoiceId": opened["id"]}, as_=as_ada) == ("PERMISSION_DENIED", "")
    payload = await pay(shop, opened["id"], as_=as_ada)
    assert (payload["invoice"]["state"], payload["userErrors"]) == ("PAID", [])
    for whoever in (as_ada, finance):
        assert await shop.refused("invoicePay", {**sent, "idempotencyKey": new_key()}, as_=whoever) == (
            "INVOICE_ALREADY_PAID",
            "invoiceId",
        )
    assert await shop.refused("invoiceVoid", {"invoiceId": opened["id"]}) == ("INVOICE_NOT_OPEN", "invoiceId")
    charged = await issued(shop, ada, charge=True)
    assert (charged["state"], [charge["initiator"] for charge in charged["charges"]["nodes"]]) == (
        "PAID",
        ["UNSCHEDULED"],
    )


async def test_an_invoice_tells_what_its_customer_has_to_do(shop: Shop) -> None:
    invoice = await issued(shop, await shop.buyer(CHALLENGED, externalId="ada"))
    assert invoice["nextAction"] is None
    payload = await pay(shop, invoice["id"], as_=shop.person("ada"), returnUrl="https://shop.example/thanks")

    assert (payload["charge"]["state"], payload["invoice"]["nextAction"]) == (
        "REQUIRES_ACTION",
        {"__typename": "RedirectAction"},
    )
    refused = {"invoiceId": invoice["id"], "idempotencyKey": new_key()}
    assert await shop.refused("invoicePay", refused) == ("CHARGE_IN_PROGRESS", "invoiceId")
    voided = await shop.do("invoiceVoid", {"invoiceId": invoice["id"]}, INVOICE)
    assert (voided["state"], voided["number"], voided["amountRemaining"]) == ("VOID", "INV-000001", {"minorUnits": 0})


async def test_a_declined_card_is_followed_by_a_new_one(shop: Shop) -> None:
    invoice = await issued(shop, await shop.buyer(DECLINED, externalId="ada"))
    as_ada = shop.person("ada")
    first = await pay(shop, invoice["id"], as_=as_ada)
    card = {"token": VISA, "store": True, "makeDefault": True}
    second = await pay(shop, invoice["id"], as_=as_ada, newCard=card)

    assert (first["charge"]["state"], first["invoice"]["state"]) == ("DECLINED", "OPEN")
    assert (second["charge"]["state"], second["invoice"]["state"]) == ("SUCCEEDED", "PAID")
    assert second["charge"]["paymentMethod"]["state"] == "ACTIVE"
    both = {"paymentMethodId": second["charge"]["paymentMethod"]["id"], "newCard": card}
    other = await issued(shop, await shop.customer())
    sent = {"invoiceId": other["id"], "idempotencyKey": new_key()}
    assert await shop.refused("invoicePay", sent) == ("PAYMENT_METHOD_MISSING", "paymentMethodId")
    assert await shop.refused("invoicePay", {**sent, **both}) == ("INVALID_INPUT", "newCard")
    elsewhere = {**sent, "returnUrl": "https://elsewhere.example/"}
    assert await shop.refused("invoicePay", elsewhere) == ("RETURN_URL_NOT_ALLOWED", "returnUrl")


async def test_whoever_tries_cards_on_an_invoice_is_stopped(shop: Shop) -> None:
    invoice = await issued(shop, await shop.customer(externalId="ada"))
    for _ in range(10):
        card = {"token": DECLINED, "store": False}
        assert (await pay(shop, invoice["id"], as_=shop.person("ada"), newCard=card))["charge"]["state"] == "DECLINED"

    sent = {"invoiceId": invoice["id"], "newCard": {"token": VISA, "store": False}, "idempotencyKey": new_key()}
    assert (await shop.refused("invoicePay", sent, as_=shop.person("ada")))[0] == "TOO_MANY_DECLINES"


async def test_a_draft_is_seen_as_it_would_be_issued(shop: Shop) -> None:
    ada = await shop.customer(externalId="ada")
    draft = await drafted(shop, ada)
    await shop.do("invoiceItemCreate", {"customerId": ada, **hand(3_00, "Help")})
    query = (
        "query($id: ID!) { invoicePreview(id: $id) { reason lines { name } total { minorUnits } "
        "balanceApplied { minorUnits } due { minorUnits } } }"
    )

    shown = (await shop.execute(query, {"id": draft["id"]}))["invoicePreview"]
    denied = await shop.denied(query, {"id": draft["id"]}, as_=shop.person("ada"))
    opened = await shop.do("invoiceFinalize", {"invoiceId": draft["id"], "idempotencyKey": new_key()}, INVOICE)

    assert shown == {
        "reason": "ONE_OFF",
        "lines": [{"name": line["name"]} for line in opened["lines"]],
        "total": {"minorUnits": opened["total"]["minorUnits"]},
        "balanceApplied": {"minorUnits": 0},
        "due": opened["due"],
    }
    assert denied["extensions"]["code"] == "PERMISSION_DENIED"
    assert (await shop.execute(query, {"id": draft["id"]}))["invoicePreview"] is None


async def test_what_is_not_to_be_paid_is_called_off_given_up_or_discarded(shop: Shop) -> None:
    ada = await shop.buyer()
    draft, opened = await drafted(shop, ada), await issued(shop, ada)
    stale = {"invoiceId": opened["id"], "version": 99}
    for mutation in ("invoiceVoid", "invoiceMarkUncollectible"):
        assert await shop.refused(mutation, stale) == ("STALE_VERSION", "version")
        assert await shop.refused(mutation, {"invoiceId": draft["id"]}) == ("INVOICE_NOT_OPEN", "invoiceId")
        assert await shop.refused(mutation, {"invoiceId": "inv_none"}) == ("NOT_FOUND", "invoiceId")
    gone = await shop.do("invoiceDiscard", {"invoiceId": draft["id"]}, INVOICE)
    assert (gone["state"], gone["discardedAt"] is not None) == ("DRAFT", True)
    assert (await shop.do("invoiceMarkUncollectible", {"invoiceId": opened["id"]}, INVOICE))["state"] == "UNCOLLECTIBLE"
    again = {"invoiceId": opened["id"]}
    assert await shop.refused("invoiceMarkUncollectible", again) == ("INVOICE_NOT_OPEN", "invoiceId")
    assert (await shop.do("invoiceVoid", again, INVOICE))["state"] == "VOID"
    deleted = await shop.refusal("recordDelete", {"id": opened["id"]})
    assert deleted["code"] == "DELETE_NOT_ALLOWED"


async def test_what_was_issued_is_not_changed(shop: Shop) -> None:
    invoice = await issued(shop, await shop.customer())
    line_id = invoice["lines"][0]["id"]
    inputs: dict[str, Json] = {
        "invoiceAddLine": hand(1),
        "invoiceUpdateLine": {"lineId": line_id, "quantity": 2},
        "invoiceRemoveLine": {"lineId": line_id},
        "invoiceDiscard": {},
        "invoiceFinalize": {"idempotencyKey": new_key()},
    }
    for mutation in LINES:
        sent = {"invoiceId": invoice["id"], **inputs[mutation]}
        assert await shop.refused(mutation, sent) == ("INVOICE_NOT_DRAFT", "invoiceId"), mutation
        assert await shop.refused(mutation, {**sent, "invoiceId": "inv_none"}) == ("NOT_FOUND", "invoiceId"), mutation
        assert await shop.refused(mutation, {**sent, "version": 99}) == ("STALE_VERSION", "version"), mutation


async def test_wrong_lines_and_drafts_are_refused_where_they_are_wrong(shop: Shop) -> None:
    ada = await shop.customer()
    draft = await drafted(shop, ada)
    recurring = await shop.do(
        "priceCreate",
        {"productId": await shop.product(), "amount": money(1), "interval": {"unit": "MONTH"}},
        "price { id }",
    )
    cases: list[tuple[Json, tuple[str, str]]] = [
        ({}, ("INVALID_INPUT", "currency")),
        ({"currency": "XXX"}, ("CURRENCY_UNKNOWN", "currency")),
        ({"currency": "EUR", "lines": [hand(1)]}, ("CURRENCY_MISMATCH", "lines.0.unitAmount.currency")),
        ({"lines": [{"name": "Tea"}]}, ("INVALID_INPUT", "lines.0")),
        ({"lines": [hand(1), {"priceId": "price_none"}]}, ("NOT_FOUND", "lines.1.priceId")),
        ({"lines": [{"priceId": recurring["id"]}]}, ("PRICE_NOT_ONE_TIME", "lines.0.priceId")),
        ({"lines": [{**hand(1), "quantity": 0}]}, ("INVALID_INPUT", "lines.0.quantity")),
        ({"lines": [hand(1, "4242 4242 4242 4242")]}, ("CARD_NUMBER_REFUSED", "lines.0.name")),
        ({"currency": "USD", "dueAt": "2020-01-01T00:00:00Z"}, ("INVALID_INPUT", "dueAt")),
        ({"currency": "USD", "customerId": "cus_none"}, ("NOT_FOUND", "customerId")),
    ]
    for sent, expected in cases:
        assert await shop.refused("invoiceCreate", {"customerId": ada, **sent}) == expected
    assert await shop.refused("invoiceRemoveLine", {"invoiceId": draft["id"], "lineId": "inl_none"}) == (
        "NOT_FOUND",
        "lineId",
    )
    empty = await shop.do("invoiceCreate", {"customerId": ada, "currency": "USD"}, "invoice { id }")
    sent = {"invoiceId": empty["id"], "idempotencyKey": new_key()}
    assert await shop.refused("invoiceFinalize", sent) == ("INVALID_INPUT", "invoiceId")
    charged = {"invoiceId": draft["id"], "charge": True, "idempotencyKey": new_key()}
    assert await shop.refused("invoiceFinalize", charged) == ("PAYMENT_METHOD_MISSING", "paymentMethodId")


async def test_a_repeated_request_does_it_once_and_another_one_is_a_conflict(shop: Shop) -> None:
    ada = await shop.buyer()
    sent = {"customerId": ada, "lines": [hand(20_00)], "idempotencyKey": new_key()}
    first, second = [await shop.do("invoiceCreate", sent, INVOICE) for _ in range(2)]
    finalize = {"invoiceId": first["id"], "charge": True, "idempotencyKey": new_key()}
    opened = [await shop.do("invoiceFinalize", finalize, INVOICE) for _ in range(2)]

    assert first == second
    assert opened[0] == opened[1]
    assert (len(opened[0]["charges"]["nodes"]), len(shop.bank.charges)) == (1, 1)
    conflict = ("IDEMPOTENCY_CONFLICT", "idempotencyKey")
    assert await shop.refused("invoiceCreate", {**sent, "lines": []}) == conflict
    assert await shop.refused("invoiceFinalize", {**finalize, "charge": False}) == conflict


async def test_lines_wait_for_the_next_invoice(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.customer()
    select = "invoiceItem { id line { name amount { minorUnits } } invoice { number } removedAt }"
    kept, gone = [
        await shop.do("invoiceItemCreate", {"customerId": ada, **hand(amount, "Help")}, select)
        for amount in (3_00, 4_00)
    ]
    removed = await shop.do("invoiceItemRemove", {"invoiceItemId": gone["id"]}, select)
    assert (kept["line"], kept["invoice"], removed["removedAt"] is not None) == (
        {"name": "Help", "amount": {"minorUnits": 3_00}},
        None,
        True,
    )

    invoice = await issued(shop, ada)

    assert [line["id"] for line in invoice["lines"]][1:] == [kept["id"]]
    assert await shop.refused("invoiceItemRemove", {"invoiceItemId": kept["id"]}) == (
        "INVOICE_NOT_DRAFT",
        "invoiceItemId",
    )
    assert await shop.refused("invoiceItemRemove", {"invoiceItemId": "inl_none"}) == ("NOT_FOUND", "invoiceItemId")
    assert await shop.refused("invoiceItemCreate", hand(1)) == ("INVALID_INPUT", "customerId")
    assert await shop.refused("invoiceItemCreate", {**hand(1), "subscriptionId": "sub_none"}) == (
        "NOT_FOUND",
        "subscriptionId",
    )


async def test_what_the_staff_does_is_in_the_audit_trail(shop: Shop) -> None:
    ada = await shop.customer()
    finance = shop.person("fin", role="finance")
    sent = {"customerId": ada, "lines": [hand(20_00)]}
    made = await shop.do("invoiceCreate", sent, "invoice { id }", as_=finance)
    finalize = {"invoiceId": made["id"], "idempotencyKey": new_key()}
    await shop.do("invoiceFinalize", finalize, as_=finance)
    item = await shop.do("invoiceItemCreate", {"customerId": ada, **hand(1)}, "invoiceItem { id }", as_=finance)
    await shop.do("invoiceItemRemove", {"invoiceItemId": item["id"]}, as_=finance)

    query = "{ auditEntries(sort: OLDEST) { nodes { action actor changes { field before after isWithheld } } } }"
    entries = (await shop.execute(query))["auditEntries"]["nodes"]
    by_finance = [entry for entry in entries if entry["actor"] == "staff:fin"]
    assert [entry["action"] for entry in by_finance] == [
        "invoiceCreate",
        "invoiceFinalize",
        "invoiceItemCreate",
        "invoiceItemRemove",
    ]
    fields = [{change["field"]: change for change in entry["changes"]} for entry in by_finance]
    assert fields[0]["lines"]["isWithheld"]
    assert (fields[1]["state"]["before"], fields[1]["state"]["after"]) == ("DRAFT", "OPEN")
    assert fields[3]["removedAt"]["before"] is None
    assert fields[3]["removedAt"]["after"] is not None


async def test_the_invoice_of_an_order_is_issued_and_paid_and_stays_so(shop: Shop) -> None:
    order_id, _ = await shop.paid(await shop.buyer())
    data = await shop.execute("query($id: ID!) { order(id: $id) { invoice { id state reason } } }", {"id": order_id})
    of_order = data["order"]["invoice"]

    assert (of_order["state"], of_order["reason"]) == ("PAID", "ORDER")
    assert await shop.refused("invoiceVoid", {"invoiceId": of_order["id"]}) == ("INVOICE_NOT_OPEN", "invoiceId")
    by_line = {"invoiceId": of_order["id"], **hand(1)}
    assert await shop.refused("invoiceAddLine", by_line) == ("INVOICE_NOT_DRAFT", "invoiceId")
    sent = {"invoiceId": of_order["id"], "idempotencyKey": new_key()}
    assert await shop.refused("invoicePay", sent) == ("INVOICE_ALREADY_PAID", "invoiceId")
