"""Issuers, credit notes, and what balances are made of, as they are read."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.balances import BalanceEntry, CustomerBalance
from domain.invoices import CreditNote
from domain.issuers import Issuer
from domain.queries import BalanceEntryFilter, CreditNoteFilter, IssuerFilter, Relation
from persistence.billing import balance_entry_from_row, credit_note_from_row, issuer_from_row
from persistence.columns import money
from persistence.database import Database
from persistence.queries.listing import BY_TIME, NOTHING, Link, Listing, before, columns_of, equals, not_before, one_of
from persistence.queries.reads import ListingReads, rows_by_parent

ISSUERS: Final[Listing[Issuer]] = Listing(
    table="issuers",
    columns=columns_of(
        "issuers",
        "id name address tax_id footer invoice_prefix credit_note_prefix next_invoice_number next_credit_note_number"
        " time_zone dunning on_trial_end_without_card created_at updated_at",
    ),
    record=issuer_from_row,
    sorts=BY_TIME,
    filters={},
    # What customers see of one is printed on their invoices.
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={},
)

CREDIT_NOTES: Final[Listing[CreditNote]] = Listing(
    table="credit_notes",
    columns=columns_of(
        "credit_notes",
        "id invoice_id issuer_id customer_id sequence number cause lines amount currency reduces livemode created_at",
    ),
    record=credit_note_from_row,
    sorts=BY_TIME,
    filters={
        "reduces": one_of("credit_notes.reduces"),
        "created_from": not_before("credit_notes.created_at"),
        "created_before": before("credit_notes.created_at"),
    },
    owner=equals("credit_notes.customer_id"),
    relations={Relation.INVOICE: Link("credit_notes.invoice_id")},
)

BALANCE_ENTRIES: Final[Listing[BalanceEntry]] = Listing(
    table="customer_balance_entries",
    columns=columns_of(
        "customer_balance_entries", "id customer_id cause reason amount currency invoice_id note created_at"
    ),
    record=balance_entry_from_row,
    sorts=BY_TIME,
    filters={
        "currency": equals("customer_balance_entries.currency"),
        "reasons": one_of("customer_balance_entries.reason"),
    },
    owner=equals("customer_balance_entries.customer_id"),
    relations={Relation.CUSTOMER: Link("customer_balance_entries.customer_id")},
)

_BALANCES: Final = columns_of("customer_balances", "customer_id currency amount")


def issuers(database: Database) -> ListingReads[Issuer, IssuerFilter]:
    return ListingReads(database, ISSUERS)


def credit_notes(database: Database) -> ListingReads[CreditNote, CreditNoteFilter]:
    return ListingReads(database, CREDIT_NOTES)


def balance_entries(database: Database) -> ListingReads[BalanceEntry, BalanceEntryFilter]:
    return ListingReads(database, BALANCE_ENTRIES)


async def balances_of_customers(
    database: Database, customer_ids: Sequence[str]
) -> Mapping[str, Sequence[CustomerBalance]]:
    rows_of = await rows_by_parent(
        database,
        table="customer_balances",
        columns=_BALANCES,
        parent="customer_id",
        order="customer_balances.currency",
        parent_ids=customer_ids,
    )
    return {
        parent: [CustomerBalance(customer_id=parent, amount=money(row, "amount")) for row in rows]
        for parent, rows in rows_of.items()
    }
