"""Invoices and their lines, which are read and written as one, and what waits for them or takes back of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from domain.invoices import CreditNote, Invoice, InvoiceState, PendingLine
from persistence import models
from persistence.billing import (
    credit_note_from_row,
    credit_note_to_row,
    invoice_from_row,
    invoice_line_to_row,
    invoice_to_row,
    pending_line_from_row,
    pending_line_to_row,
)
from persistence.columns import Row
from persistence.session import Session

_LINES: Final = "invoice_id = $1 ORDER BY position, id"
_OF_PERIOD: Final = "subscription_id = $1 AND period_start = $2 ORDER BY id"
_OPEN: Final = "subscription_id = $1 AND state = 'OPEN' ORDER BY opened_at, id"
_WAITING: Final = "customer_id = $1 AND currency = $2 AND invoice_id IS NULL AND removed_at IS NULL"


class Invoices:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, invoice_id: str) -> Invoice | None:
        return await self._with_lines(await self._session.row(models.Invoice, "id = $1", invoice_id))

    async def get_for_update(self, invoice_id: str) -> Invoice | None:
        # The lines come in a second statement, which sees what the rival that held the lock has committed.
        return await self._with_lines(await self._session.locked_row(models.Invoice, "id = $1", invoice_id))

    async def of_order(self, order_id: str) -> Invoice | None:
        return await self._with_lines(await self._session.row(models.Invoice, "order_id = $1", order_id))

    async def of_period(self, subscription_id: str, period_start: datetime) -> Sequence[Invoice]:
        rows = await self._session.rows(models.Invoice, _OF_PERIOD, subscription_id, period_start)
        return [invoice_from_row(row, await self._lines_of(row["id"])) for row in rows]

    async def open_of_subscription(self, subscription_id: str) -> Sequence[Invoice]:
        rows = await self._session.rows(models.Invoice, _OPEN, subscription_id)
        return [invoice_from_row(row, await self._lines_of(row["id"])) for row in rows]

    async def insert(self, invoice: Invoice) -> None:
        columns = invoice_to_row(invoice)
        if invoice.state is InvoiceState.DRAFT:
            await self._session.insert(models.Invoice, columns)
            await self._insert_lines(invoice)
            return
        # The database takes lines of drafts only; one that is opened as it is made was a draft for a moment.
        await self._session.insert(models.Invoice, {**columns, **_AS_A_DRAFT})
        await self._insert_lines(invoice)
        await self._session.update(models.Invoice, columns)

    async def save(self, invoice: Invoice) -> Invoice:
        # The lines first: they are frozen once the row says that the invoice is open.
        stored = await self._with_lines(await self._session.row(models.Invoice, "id = $1", invoice.id))
        if stored is not None and stored.lines != invoice.lines:
            await self._session.execute("DELETE FROM invoice_lines WHERE invoice_id = $1", invoice.id)
            await self._insert_lines(invoice)
        saved = replace(invoice, version=invoice.version + 1)
        await self._session.update(models.Invoice, invoice_to_row(saved), version=invoice.version)
        return saved

    async def _insert_lines(self, invoice: Invoice) -> None:
        await self._session.insert_all(
            models.InvoiceLine,
            [
                invoice_line_to_row(line, invoice_id=invoice.id, position=position)
                for position, line in enumerate(invoice.lines, start=1)
            ],
        )

    async def _with_lines(self, row: Row | None) -> Invoice | None:
        return None if row is None else invoice_from_row(row, await self._lines_of(row["id"]))

    async def _lines_of(self, invoice_id: str) -> Sequence[Row]:
        return await self._session.rows(models.InvoiceLine, _LINES, invoice_id)

    # --- lines that wait --------------------------------------------------------------------------------------------

    async def waiting_lines(
        self, customer_id: str, currency: str, *, subscription_id: str | None
    ) -> Sequence[PendingLine]:
        of_it = () if subscription_id is None else (subscription_id,)
        whose = "subscription_id = $3" if of_it else "subscription_id IS NULL"
        condition = f"{_WAITING} AND {whose} ORDER BY id"
        rows = await self._session.rows(models.InvoiceItem, condition, customer_id, currency, *of_it)
        return [pending_line_from_row(row) for row in rows]

    async def taken_lines(self, invoice_id: str) -> Sequence[PendingLine]:
        rows = await self._session.rows(models.InvoiceItem, "invoice_id = $1 ORDER BY id", invoice_id)
        return [pending_line_from_row(row) for row in rows]

    async def add_waiting_lines(self, lines: Sequence[PendingLine]) -> None:
        await self._session.insert_all(models.InvoiceItem, [pending_line_to_row(line) for line in lines])

    async def take_waiting_line(self, line: PendingLine, *, invoice_id: str) -> None:
        await self._session.update(models.InvoiceItem, pending_line_to_row(replace(line, invoice_id=invoice_id)))

    # --- credit notes -----------------------------------------------------------------------------------------------

    async def credit_notes(self, invoice_id: str) -> Sequence[CreditNote]:
        rows = await self._session.rows(models.CreditNote, "invoice_id = $1 ORDER BY id", invoice_id)
        return [credit_note_from_row(row) for row in rows]

    async def insert_credit_note(self, note: CreditNote) -> None:
        await self._session.insert(models.CreditNote, credit_note_to_row(note))


class InvoiceItems:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, item_id: str) -> PendingLine | None:
        row = await self._session.row(models.InvoiceItem, "id = $1", item_id)
        return None if row is None else pending_line_from_row(row)

    async def insert(self, item: PendingLine) -> None:
        await self._session.insert(models.InvoiceItem, pending_line_to_row(item))

    async def save(self, item: PendingLine) -> None:
        await self._session.update(models.InvoiceItem, pending_line_to_row(item))


_AS_A_DRAFT: Final = {
    "state": InvoiceState.DRAFT,
    "sequence": None,
    "number": None,
    "opened_at": None,
    "paid_at": None,
    "voided_at": None,
}
