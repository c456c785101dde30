"""Customers, and the accounts that they have at providers."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.customers import Customer, ProviderAccount
from domain.queries import CustomerFilter, Relation
from persistence.database import Database
from persistence.mapping import customer_from_row, provider_account_from_row
from persistence.queries.listing import (
    BY_TIME,
    Link,
    Listing,
    before,
    columns_of,
    equals,
    equals_in_any_case,
    not_before,
)
from persistence.queries.reads import ListingReads, rows_by_parent

CUSTOMERS: Final[Listing[Customer]] = Listing(
    table="customers",
    columns=columns_of(
        "customers",
        "id external_id email name billing_address shipping_address metadata default_payment_method_id test_clock_id"
        " redacted_at livemode created_at updated_at",
    ),
    record=customer_from_row,
    sorts=BY_TIME,
    filters={
        "email": equals_in_any_case("customers.email"),
        "external_id": equals("customers.external_id"),
        "created_from": not_before("customers.created_at"),
        "created_before": before("customers.created_at"),
    },
    owner=equals("customers.id"),
    relations={Relation.TEST_CLOCK: Link("customers.test_clock_id")},
)

_ACCOUNTS: Final = columns_of("provider_accounts", "customer_id account customer_ref created_at")


def customers(database: Database) -> ListingReads[Customer, CustomerFilter]:
    return ListingReads(database, CUSTOMERS)


async def accounts_of_customers(
    database: Database, customer_ids: Sequence[str]
) -> Mapping[str, Sequence[ProviderAccount]]:
    rows_of = await rows_by_parent(
        database,
        table="provider_accounts",
        columns=_ACCOUNTS,
        parent="customer_id",
        order="provider_accounts.account",
        parent_ids=customer_ids,
    )
    return {parent: [provider_account_from_row(row) for row in rows] for parent, rows in rows_of.items()}
