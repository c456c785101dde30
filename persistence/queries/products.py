"""The catalogue: products and prices. It has no owner; who may read it at all is decided by permission."""

from typing import Final

from domain.products import Price, PriceType, Product
from domain.queries import PriceFilter, ProductFilter, ProductSort, Relation
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

PRODUCTS: Final[Listing[Product]] = Listing(
    table="products",
    columns=columns_of("products", "id name description metadata archived_at created_at updated_at"),
    record=product_from_row,
    sorts={**BY_TIME, ProductSort.NAME: Sorting((Key("name", str), ID), descending=False)},
    filters={"archived": given("products.archived_at")},
    owner=None,
    relations={},
)


def _is_of_type(wanted: PriceType, _parameters: Parameters) -> str:
    """A price is recurring because it has an interval."""
    return "prices.interval_unit IS NOT NULL" if wanted is PriceType.RECURRING else "prices.interval_unit IS NULL"


PRICES: Final[Listing[Price]] = Listing(
    table="prices",
    columns=columns_of(
        "prices", "id product_id nickname unit_amount currency interval_unit interval_count archived_at created_at"
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


def products(database: Database) -> ListingReads[Product, ProductFilter]:
    return ListingReads(database, PRODUCTS)


def prices(database: Database) -> ListingReads[Price, PriceFilter]:
    return ListingReads(database, PRICES)
