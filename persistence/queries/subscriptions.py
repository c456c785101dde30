# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Subscriptions as they are read, their items, and what customers may use because of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.entitlements import Entitlement, entitled
from domain.queries import Relation, SubscriptionFilter
from domain.subscriptions import STATES_WITH_ACCESS, Subscription, SubscriptionItem
from persistence.billing import subscription_from_row, subscription_item_from_row
from persistence.columns import Row
from persistence.database import Database
from persistence.queries.listing import (
    BY_TIME,
    Condition,
    Link,
    Listing,
    Parameters,
    before,
    columns_of,
    equals,
    given,
    not_before,
    one_of,
    select_list,
)
from persistence.queries.reads import ListingReads, fetch, rows_by_parent
from persistence.queries.statements import Statement
from persistence.sql import Dialect, any_of


def _record(row: Row) -> Subscription:
    return subscription_from_row(row, ())


def _has_price() -> Condition:
    return lambda price_id, parameters: (
        "subscriptions.id IN (SELECT items.subscription_id FROM subscription_items AS items"
        f" WHERE items.price_id = {parameters.add(price_id)} AND items.removed_at IS NULL)"
    )


SUBSCRIPTIONS: Final[Listing[Subscription]] = Listing(
    table="subscriptions",
    columns=columns_of(
        "subscriptions",
        "id customer_id issuer_id state currency interval_unit interval_count time_zone anchor_day anchor_month"
        " starts_at trial_ends_at periods_from period_number period_starts_at period_ends_at period_whole_starts_at"
        " payment_method_id cancel_at cancel_reason pause_behavior paused_from paused_until pending_change"
        " pending_update dunning last_tried_at incomplete_expires_at ended_at metadata version livemode"
        " created_at updated_at",
    ),
    record=_record,
    sorts=BY_TIME,
    filters={
        "states": one_of("subscriptions.state"),
        "price_id": _has_price(),
        "ends": given("subscriptions.cancel_at"),
        "period_ends_from": not_before("subscriptions.period_ends_at"),
        "period_ends_before": before("subscriptions.period_ends_at"),
        "created_from": not_before("subscriptions.created_at"),
        "created_before": before("subscriptions.created_at"),
    },
    owner=equals("subscriptions.customer_id"),
    relations={Relation.CUSTOMER: Link("subscriptions.customer_id")},
)

_ITEMS: Final = columns_of("subscription_items", "subscription_id position id price_id quantity removed_at")


def subscriptions(database: Database) -> ListingReads[Subscription, SubscriptionFilter]:
    return ListingReads(database, SUBSCRIPTIONS)


async def items_of_subscriptions(
    database: Database, subscription_ids: Sequence[str]
) -> Mapping[str, Sequence[SubscriptionItem]]:
    rows_of = await rows_by_parent(
        database,
        table="subscription_items",
        columns=_ITEMS,
        parent="subscription_id",
        order="subscription_items.position",
        parent_ids=subscription_ids,
    )
    return {
        subscription_id: [subscription_item_from_row(row) for row in rows if row["removed_at"] is None]
        for subscription_id, rows in rows_of.items()
    }


async def entitlements_of_customers(
    database: Database, customer_ids: Sequence[str]
) -> Mapping[str, Sequence[Entitlement]]:
    rows = await fetch(database, having_access(customer_ids, database.dialect))
    having: dict[str, list[tuple[Subscription, str]]] = {customer_id: [] for customer_id in customer_ids}
    for row in rows:
        having[row["customer_id"]].append((_record(row), row["product_id"]))
    return {customer_id: entitled(pairs) for customer_id, pairs in having.items()}


def having_access(customer_ids: Sequence[str], dialect: Dialect) -> Statement:
    """Subscriptions of these customers that give any access, once for each product; what counts the domain says."""
    parameters = Parameters(dialect)
    of_customers = any_of("subscriptions.customer_id", parameters.add(list(customer_ids)), dialect)
    with_access = one_of("subscriptions.state")(STATES_WITH_ACCESS, parameters)
    text = (
        f"SELECT {select_list(SUBSCRIPTIONS.columns)}, prices.product_id AS product_id FROM subscriptions"
        " JOIN subscription_items AS items ON items.subscription_id = subscriptions.id AND items.removed_at IS NULL"
        f" JOIN prices ON prices.id = items.price_id WHERE {of_customers} AND {with_access}"
    )
    return Statement(text, parameters.values)
