from typing import Final

from domain.payment_methods import PaymentMethod
from domain.queries import PaymentMethodFilter, Relation
from persistence.database import Database
from persistence.mapping import payment_method_from_row
from persistence.queries.listing import BY_TIME, Link, Listing, columns_of, equals, one_of
from persistence.queries.reads import ListingReads

PAYMENT_METHODS: Final[Listing[PaymentMethod]] = Listing(
    table="payment_methods",
    columns=columns_of(
        "payment_methods",
        "id customer_id account state token payment_method_ref card_brand card_last4 card_expiry_month"
        " card_expiry_year card_fingerprint next_action decline_code failure_message return_url make_default storing"
        " livemode created_at updated_at",
    ),
    record=payment_method_from_row,
    sorts=BY_TIME,
    filters={"states": one_of("payment_methods.state")},
    owner=equals("payment_methods.customer_id"),
    relations={Relation.CUSTOMER: Link("payment_methods.customer_id")},
)


def payment_methods(database: Database) -> ListingReads[PaymentMethod, PaymentMethodFilter]:
    return ListingReads(database, PAYMENT_METHODS)
