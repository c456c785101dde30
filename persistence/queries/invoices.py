# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Invoices as they are read, with what was paid of them, their lines, and what waits for one."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.balances import BalanceReason
from domain.invoices import InvoiceLine, InvoiceReason, InvoiceState, PendingLine
from domain.queries import InvoiceFilter, InvoiceItemFilter, InvoiceSort, InvoiceView, Relation
from persistence.billing import invoice_line_from_row, party_from, pending_line_from_row
from persistence.columns import Row, document, money, optional
from persistence.database import Database
from persistence.queries.listing import (
    BY_TIME,
    ID,
    Condition,
    Key,
    Link,
    Listing,
    Parameters,
    Sorting,
    before,
    columns_of,
    equals,
    given,
    not_before,
    one_of,
)
from persistence.queries.reads import ListingReads, rows_by_parent
from persistence.sql import boolean, instant, optional_instant

# An order's invoice says what was paid before it was made, by charges that are the order's.
_PAID: Final = (
    f"CASE WHEN invoices.reason = '{InvoiceReason.ORDER}' THEN invoices.total ELSE"
    " (SELECT CAST(COALESCE(SUM(charges.captured), 0) AS BIGINT) FROM charges"
    " WHERE charges.invoice_id = invoices.id) END"
)
_DUE: Final = f"CASE WHEN invoices.reason = '{InvoiceReason.ORDER}' THEN invoices.total ELSE invoices.due END"
_CARRIED_OVER: Final = (
    "(SELECT CAST(COALESCE(-SUM(moved.amount), 0) AS BIGINT) FROM customer_balance_entries AS moved"
    f" WHERE moved.invoice_id = invoices.id AND moved.reason = '{BalanceReason.CARRIED_OVER}')"
)


def invoice_view_from_row(row: Row) -> InvoiceView:
    return InvoiceView(
        id=row["id"],
        issuer_id=row["issuer_id"],
        customer_id=row["customer_id"],
        subscription_id=row["subscription_id"],
        period_starts_at=optional_instant(row["period_start"]),
        order_id=row["order_id"],
        reason=InvoiceReason(row["reason"]),
        state=InvoiceState(row["state"]),
        number=row["number"],
        total=money(row, "total"),
        due=money(row, "due"),
        balance_applied=money(row, "balance_applied"),
        carried_over=money(row, "carried_over"),
        amount_paid=money(row, "amount_paid"),
        issued_by=optional(party_from, row["issued_by"]),
        issued_to=optional(party_from, row["issued_to"]),
        due_at=optional_instant(row["due_at"]),
        next_try_at=optional_instant(row["next_try_at"]),
        opened_at=optional_instant(row["opened_at"]),
        paid_at=optional_instant(row["paid_at"]),
        voided_at=optional_instant(row["voided_at"]),
        uncollectible_at=optional_instant(row["uncollectible_at"]),
        discarded_at=optional_instant(row["discarded_at"]),
        metadata=document(row["metadata"]),
        version=row["version"],
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def _issued_to(customer_id: str, parameters: Parameters) -> str:
    """A draft is the issuer's own: it may change as long as nobody has been asked for anything."""
    return f"invoices.customer_id = {parameters.add(customer_id)} AND invoices.state <> '{InvoiceState.DRAFT}'"


_BY_TOTAL: Final = (Key("total", int), ID)

INVOICES: Final[Listing[InvoiceView]] = Listing(
    table="invoices",
    columns={
        **columns_of(
            "invoices",
            "id issuer_id customer_id subscription_id period_start order_id reason state currency number total"
            " balance_applied issued_by issued_to due_at next_try_at opened_at paid_at voided_at uncollectible_at"
            " discarded_at metadata version livemode created_at updated_at",
        ),
        "due": _DUE,
        "amount_paid": _PAID,
        "carried_over": _CARRIED_OVER,
    },
    record=invoice_view_from_row,
    sorts={
        **BY_TIME,
        InvoiceSort.TOTAL_HIGHEST: Sorting(_BY_TOTAL, descending=True),
        InvoiceSort.TOTAL_LOWEST: Sorting(_BY_TOTAL, descending=False),
    },
    filters={
        "states": one_of("invoices.state"),
        "reasons": one_of("invoices.reason"),
        "number": equals("invoices.number"),
        "subscription_id": equals("invoices.subscription_id"),
        "order_id": equals("invoices.order_id"),
        "discarded": given("invoices.discarded_at"),
        "due_from": not_before("invoices.due_at"),
        "due_before": before("invoices.due_at"),
        "created_from": not_before("invoices.created_at"),
        "created_before": before("invoices.created_at"),
    },
    owner=_issued_to,
    relations={
        Relation.CUSTOMER: Link("invoices.customer_id"),
        Relation.SUBSCRIPTION: Link("invoices.subscription_id"),
        Relation.ORDER: Link("invoices.order_id"),
    },
)

_LINE: Final = "id kind item_id price_id name quantity unit_amount flat_amount amount currency period_start period_end"
_LINES: Final = columns_of("invoice_lines", f"invoice_id position {_LINE}")


def _waits() -> Condition:
    waiting = "invoice_items.invoice_id IS NULL AND invoice_items.removed_at IS NULL"
    return lambda wanted, _parameters: f"({waiting})" if wanted else f"NOT ({waiting})"


INVOICE_ITEMS: Final[Listing[PendingLine]] = Listing(
    table="invoice_items",
    columns=columns_of("invoice_items", f"{_LINE} customer_id subscription_id cause invoice_id removed_at created_at"),
    record=pending_line_from_row,
    sorts=BY_TIME,
    filters={"waiting": _waits()},
    owner=equals("invoice_items.customer_id"),
    relations={Relation.CUSTOMER: Link("invoice_items.customer_id")},
)


def invoices(database: Database) -> ListingReads[InvoiceView, InvoiceFilter]:
    return ListingReads(database, INVOICES)


def invoice_items(database: Database) -> ListingReads[PendingLine, InvoiceItemFilter]:
    return ListingReads(database, INVOICE_ITEMS)


async def lines_of_invoices(database: Database, invoice_ids: Sequence[str]) -> Mapping[str, Sequence[InvoiceLine]]:
    rows_of = await rows_by_parent(
        database,
        table="invoice_lines",
        columns=_LINES,
        parent="invoice_id",
        order="invoice_lines.position",
        parent_ids=invoice_ids,
    )
    return {invoice_id: [invoice_line_from_row(row) for row in rows] for invoice_id, rows in rows_of.items()}
