from typing import Final

from domain.discrepancies import Discrepancy, DiscrepancyKind
from domain.queries import DiscrepancyFilter
from persistence.database import Database
from persistence.fields import one_of as one_of_words
from persistence.queries.listing import BY_TIME, NOTHING, Listing, before, columns_of, equals, not_before, one_of
from persistence.queries.reads import ListingReads
from persistence.records import discrepancy_from_row

DISCREPANCIES: Final[Listing[Discrepancy]] = Listing(
    table="discrepancies",
    columns=columns_of(
        "discrepancies",
        "id account kind subject provider_ref operation_id order_id invoice_id charge_id refund_id here_amount"
        " here_currency there_amount there_currency here_state there_outcome livemode state note closed_by closed_at"
        " lifted opened_at seen_at",
    ),
    record=discrepancy_from_row,
    sorts=BY_TIME,
    filters={
        "states": one_of("discrepancies.state"),
        "kinds": one_of("discrepancies.kind"),
        "account": equals("discrepancies.account"),
        "order_id": equals("discrepancies.order_id"),
        "invoice_id": equals("discrepancies.invoice_id"),
        "charge_id": equals("discrepancies.charge_id"),
        "opened_from": not_before("discrepancies.opened_at"),
        "opened_before": before("discrepancies.opened_at"),
    },
    # No customer ever owns one.
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={},
    known=one_of_words("discrepancies.kind", sorted(DiscrepancyKind)),
)


def discrepancies(database: Database) -> ListingReads[Discrepancy, DiscrepancyFilter]:
    return ListingReads(database, DISCREPANCIES)
