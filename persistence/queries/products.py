# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""The catalogue: products and prices. It has no owner; who may read it at all is decided by permission."""

from typing import Final

from domain.products import Price, PriceType, Product
from domain.queries import PriceFilter, ProductSort, Relation
from persistence.database import Database
from persistence.mapping import price_from_row, product_from_row
from persistence.queries.listing import (
    BY_TIME,
    ID,
    Key,
    Link,
    Listing,
    Parameters,
    Sorting,
    columns_of,
    equals,
    given,
)
from persistence.queries.reads import ListingReads
from persistence.queries.searching import ProductReads, is_found
from persistence.queries.statements import filter_conditions


def _is_of_type(wanted: PriceType, _parameters: Parameters) -> str:
    """A price is recurring because it has an interval."""
    return "prices.interval_unit IS NOT NULL" if wanted is PriceType.RECURRING else "prices.interval_unit IS NULL"


PRICES: Final[Listing[Price]] = Listing(
    table="prices",
    columns=columns_of(
        "prices",
        "id product_id nickname unit_amount currency interval_unit interval_count pricing_model tiers trial_days"
        " archived_at created_at",
    ),
    record=price_from_row,
    sorts=BY_TIME,
    filters={
        "product_id": equals("prices.product_id"),
        "type": _is_of_type,
        "currency": equals("prices.currency"),
        "archived": given("prices.archived_at"),
    },
    owner=None,
    relations={Relation.PRODUCT: Link("prices.product_id")},
)


def _has_price(wanted: PriceFilter, parameters: Parameters) -> str:
    """Not EXISTS: PostgreSQL would read all prices to find those of the few products on a page."""
    fits = filter_conditions(PRICES, wanted, parameters)
    conditions = " AND ".join(["prices.product_id = products.id", *fits])
    return f"(SELECT 1 FROM prices WHERE {conditions} LIMIT 1) IS NOT NULL"


def _is_available(wanted: bool, parameters: Parameters) -> str:
    available = f"(products.archived_at IS NULL AND {_has_price(PriceFilter(archived=False), parameters)})"
    return available if wanted else f"NOT {available}"


PRODUCTS: Final[Listing[Product]] = Listing(
    table="products",
    columns=columns_of("products", "id name description images metadata archived_at created_at updated_at"),
    record=product_from_row,
    sorts={
        **BY_TIME,
        ProductSort.RELEVANCE: BY_TIME["NEWEST"],
        ProductSort.NAME: Sorting((Key("name", str), ID), descending=False),
    },
    filters={
        "meant": is_found,
        "price": _has_price,
        "available": _is_available,
        "archived": given("products.archived_at"),
    },
    owner=None,
    relations={},
)


def products(database: Database) -> ProductReads:
    return ProductReads(database, PRODUCTS)


def prices(database: Database) -> ListingReads[Price, PriceFilter]:
    return ListingReads(database, PRICES)
