from typing import Final

from domain.disputes import Dispute
from domain.queries import DisputeFilter, Relation
from persistence.database import Database
from persistence.mapping import dispute_from_row
from persistence.queries.listing import BY_TIME, NOTHING, Link, Listing, before, columns_of, equals, not_before, one_of
from persistence.queries.reads import ListingReads

DISPUTES: Final[Listing[Dispute]] = Listing(
    table="disputes",
    columns=columns_of(
        "disputes",
        "id charge_id order_id invoice_id customer_id account dispute_ref state is_inquiry reason scheme_code amount"
        " currency respond_by evidence evidence_requested_at evidence_sent_at acceptance_requested_at accepted_at"
        " movements next_check_at opened_at seen_at livemode created_at updated_at",
    ),
    record=dispute_from_row,
    sorts=BY_TIME,
    filters={
        "states": one_of("disputes.state"),
        "account": equals("disputes.account"),
        "is_inquiry": equals("disputes.is_inquiry"),
        "respond_from": not_before("disputes.respond_by"),
        "respond_before": before("disputes.respond_by"),
        "opened_from": not_before("disputes.opened_at"),
        "opened_before": before("disputes.opened_at"),
    },
    # Between the merchant and the bank: what is said there is not for the customer who disputes.
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={Relation.CHARGE: Link("disputes.charge_id")},
)


def disputes(database: Database) -> ListingReads[Dispute, DisputeFilter]:
    return ListingReads(database, DISPUTES)
