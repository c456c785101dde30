"""Credit notes through the API."""

from typing import Any

from domain.invoices import InvoiceState
from tests.schema.gateway import Shop, money, new_key
from tests.schema.invoiced import a_line, an_invoice

NOTE = (
    "creditNote { id number reduces amount { minorUnits currency } lines { id name amount { minorUnits } } "
    "invoice { id state due { minorUnits } } customer { id } }"
)


def credit(invoice_id: str, **how: Any) -> dict[str, Any]:
    return {"invoiceId": invoice_id, "idempotencyKey": new_key(), **how}


async def test_a_line_of_an_open_invoice_is_credited(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.customer()
    tea, sugar = a_line(20_00), a_line(5_00, name="Sugar")
    invoice = await an_invoice(shop, ada, tea, sugar)
    lines = [{"invoiceLineId": sugar.id}, {"invoiceLineId": tea.id, "amount": money(2_00)}]

    note = await shop.do("creditNoteCreate", credit(invoice.id, lines=lines), NOTE)

    assert note == {
        "id": note["id"],
        "number": "CRN-000001",
        "reduces": "DUE",
        "amount": money(7_00),
        "lines": [
            {"id": sugar.id, "name": "Sugar", "amount": {"minorUnits": 5_00}},
            {"id": tea.id, "name": "Tea", "amount": {"minorUnits": 2_00}},
        ],
        "invoice": {"id": invoice.id, "state": InvoiceState.OPEN, "due": {"minorUnits": 18_00}},
        "customer": {"id": ada},
    }
    assert (await shop.kinds(invoice.id))[-1] == "INVOICE_CREDITED"


async def test_what_was_paid_goes_into_the_balance_and_the_invoice_lists_it(shop: Shop) -> None:
    ada = await shop.buyer()
    order_id, _ = await shop.paid(ada, 20_00)
    data = await shop.execute("query($id: ID!) { order(id: $id) { invoice { id } } }", {"id": order_id})
    invoice_id = data["order"]["invoice"]["id"]

    first = await shop.do("creditNoteCreate", credit(invoice_id, amount=money(8_00), name="Broken cup"), NOTE)
    rest = await shop.do("creditNoteCreate", credit(invoice_id), NOTE)

    assert [(note["reduces"], note["amount"]) for note in (first, rest)] == [
        ("BALANCE", money(8_00)),
        ("BALANCE", money(12_00)),
    ]
    assert [line["name"] for line in (*first["lines"], *rest["lines"])] == ["Broken cup", "Credit"]
    query = """query($id: ID!) { invoice(id: $id) { state amountPaid { minorUnits }
      creditNotes(sort: OLDEST, filter: { reduces: [BALANCE] }) { nodes { id number } }
      none: creditNotes(filter: { reduces: [DUE] }) { nodes { id } }
      customer { balances { amount { minorUnits } } balanceEntries { nodes { reason invoice { id } } } } } }"""
    found = (await shop.execute(query, {"id": invoice_id}))["invoice"]
    assert found == {
        "state": "PAID",
        "amountPaid": {"minorUnits": 20_00},
        "creditNotes": {
            "nodes": [{"id": first["id"], "number": "CRN-000001"}, {"id": rest["id"], "number": "CRN-000002"}]
        },
        "none": {"nodes": []},
        "customer": {
            "balances": [{"amount": {"minorUnits": 20_00}}],
            "balanceEntries": {"nodes": [{"reason": "CREDIT_NOTE", "invoice": {"id": invoice_id}}] * 2},
        },
    }


async def test_what_cannot_be_credited_is_refused(shop: Shop) -> None:
    ada = await shop.customer()
    line = a_line(20_00)
    invoice = await an_invoice(shop, ada, line)
    given_back = await an_invoice(shop, ada, a_line(-5_00))
    lines = [{"invoiceLineId": line.id}]

    async def code(**how: Any) -> tuple[str, str]:
        return await shop.refused("creditNoteCreate", credit(how.pop("invoice_id", invoice.id), **how))

    assert await code(amount=money(20_01)) == ("CREDIT_TOO_HIGH", "amount")
    assert await code(amount=money(1), reduces="BALANCE") == ("CREDIT_TOO_HIGH", "amount")
    assert await code(invoice_id=given_back.id) == ("CREDIT_TOO_HIGH", "amount")
    assert await code(amount=money(0)) == ("AMOUNT_NOT_POSITIVE", "amount")
    assert await code(amount=money(1, "EUR")) == ("CURRENCY_MISMATCH", "amount.currency")
    assert await code(amount=money(1), lines=lines) == ("INVALID_INPUT", "amount")
    assert await code(lines=lines * 2) == ("INVALID_INPUT", "lines.1.invoiceLineId")
    assert await code(lines=[{"invoiceLineId": "inl_1"}]) == ("NOT_FOUND", "lines.0.invoiceLineId")
    assert await code(lines=[{"invoiceLineId": line.id, "amount": money(-1)}]) == (
        "AMOUNT_NOT_POSITIVE",
        "lines.0.amount",
    )
    assert await code(amount=money(1), name="4242 4242 4242 4242") == ("CARD_NUMBER_REFUSED", "name")
    assert await code(invoice_id="inv_1", amount=money(1)) == ("NOT_FOUND", "invoiceId")


async def test_a_draft_is_not_credited(shop: Shop) -> None:
    ada = await shop.customer()
    invoice = await an_invoice(shop, ada)
    async with shop.running.store.transaction() as tx:
        locked = await tx.invoices.get_for_update(invoice.id)
        assert locked is not None
        await tx.invoices.save(locked.voided(now=locked.created_at))

    refusal = await shop.refused("creditNoteCreate", credit(invoice.id, amount=money(1)))

    assert refusal == ("INVOICE_NOT_CREDITABLE", "invoiceId")


async def test_the_same_request_credits_once(shop: Shop) -> None:
    invoice = await an_invoice(shop, await shop.customer())
    sent = credit(invoice.id, amount=money(1_00))

    first, second = [await shop.do("creditNoteCreate", sent, NOTE) for _ in range(2)]

    assert first["id"] == second["id"]
    other = {**sent, "amount": money(2_00)}
    assert (await shop.refused("creditNoteCreate", other))[0] == "IDEMPOTENCY_CONFLICT"


async def test_customers_see_their_own_credit_notes(shop: Shop) -> None:
    ada = await shop.customer(externalId="ada")
    await shop.customer(externalId="grace")
    invoice = await an_invoice(shop, ada)
    note = await shop.do("creditNoteCreate", credit(invoice.id, amount=money(1_00)), NOTE)

    query = "query($id: ID!) { creditNote(id: $id) { number } }"
    seen = [
        (await shop.execute(query, {"id": note["id"]}, as_=shop.person(who)))["creditNote"] for who in ("ada", "grace")
    ]
    assert seen == [{"number": "CRN-000001"}, None]
