from typing import Final

from domain.queries import RefundFilter, Relation
from domain.refunds import Refund
from persistence.database import Database
from persistence.mapping import refund_from_row
from persistence.queries.listing import BY_TIME, Link, Listing, before, columns_of, equals, not_before, one_of
from persistence.queries.reads import ListingReads

REFUNDS: Final[Listing[Refund]] = Listing(
    table="refunds",
    columns=columns_of(
        "refunds",
        "id charge_id order_id invoice_id customer_id account refund_ref state executed_as amount currency reason"
        " note failure_code provider_code provider_message next_check_at livemode created_at updated_at",
    ),
    record=refund_from_row,
    sorts=BY_TIME,
    filters={
        "states": one_of("refunds.state"),
        "charge_id": equals("refunds.charge_id"),
        "created_from": not_before("refunds.created_at"),
        "created_before": before("refunds.created_at"),
    },
    owner=equals("refunds.customer_id"),
    relations={
        Relation.CHARGE: Link("refunds.charge_id"),
        Relation.ORDER: Link("refunds.order_id"),
        Relation.CUSTOMER: Link("refunds.customer_id"),
    },
)


def refunds(database: Database) -> ListingReads[Refund, RefundFilter]:
    return ListingReads(database, REFUNDS)
