from typing import Final

from domain.charges import Charge
from domain.queries import ChargeFilter, ChargeSort, Relation
from persistence.database import Database
from persistence.mapping import charge_from_row
from persistence.queries.listing import (
    BY_TIME,
    ID,
    Key,
    Link,
    Listing,
    Sorting,
    before,
    columns_of,
    equals,
    given,
    not_before,
    one_of,
)
from persistence.queries.reads import ListingReads

_BY_AMOUNT: Final = (Key("amount", int), ID)

CHARGES: Final[Listing[Charge]] = Listing(
    table="charges",
    columns=columns_of(
        "charges",
        "id order_id invoice_id customer_id payment_method_id account charge_ref state initiator capture_mode currency"
        " amount authorized capture_requested captured refunded refund_reserved disputed return_url next_action"
        " action_expires_at capture_before void_requested_at decline_code failure_code"
        " issuer_code provider_code provider_message next_check_at review_since review_reason reviews livemode"
        " created_at updated_at",
    ),
    record=charge_from_row,
    sorts={
        **BY_TIME,
        ChargeSort.AMOUNT_HIGHEST: Sorting(_BY_AMOUNT, descending=True),
        ChargeSort.AMOUNT_LOWEST: Sorting(_BY_AMOUNT, descending=False),
    },
    filters={
        "states": one_of("charges.state"),
        "customer_id": equals("charges.customer_id"),
        "order_id": equals("charges.order_id"),
        "in_review": given("charges.review_since"),
        "created_from": not_before("charges.created_at"),
        "created_before": before("charges.created_at"),
    },
    owner=equals("charges.customer_id"),
    relations={
        Relation.CUSTOMER: Link("charges.customer_id"),
        Relation.ORDER: Link("charges.order_id"),
        Relation.INVOICE: Link("charges.invoice_id"),
    },
)


def charges(database: Database) -> ListingReads[Charge, ChargeFilter]:
    return ListingReads(database, CHARGES)
