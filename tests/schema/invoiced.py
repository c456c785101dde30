"""Invoices as services make them, for tests that only read them."""

from datetime import datetime
from typing import Any

from domain.clock import SystemClock
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice, InvoiceLine, InvoiceReason, LineKind
from domain.money import Money
from domain.services.invoicing import Invoicing
from tests.schema.gateway import Shop


def a_line(minor_units: int, **fields: Any) -> InvoiceLine:
    defaults: dict[str, Any] = {"kind": LineKind.ONE_OFF, "name": "Tea"}
    return InvoiceLine(id=new_id(IdPrefix.INVOICE_LINE), amount=Money(minor_units, "USD"), **(defaults | fields))


def a_draft(shop: Shop, customer_id: str, *lines: InvoiceLine, now: datetime | None = None) -> Invoice:
    now = now or SystemClock().now()
    draft = invoicing(shop).begun(customer_id, "USD", InvoiceReason.ONE_OFF, now=now)
    return draft.with_lines(lines or (a_line(20_00),), now=now)


async def an_invoice(shop: Shop, customer_id: str, *lines: InvoiceLine) -> Invoice:
    """One that was issued; with one line of 20.00 USD unless there are others."""
    now = SystemClock().now()
    async with shop.running.store.transaction() as tx:
        return await invoicing(shop).open(
            tx, a_draft(shop, customer_id, *lines), actor="system:test", now=now, told=now
        )


def invoicing(shop: Shop) -> Invoicing:
    return Invoicing(teller=shop.running.teller, deployment=shop.running.services.deployment)
