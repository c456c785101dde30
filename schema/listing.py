"""Lists of the business: a page of arguments in, a connection out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, cast

import strawberry
from strawberry import UNSET
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import FieldExtension
from strawberry.extensions.field_extension import AsyncExtensionResolver
from strawberry.types import Info as StrawberryInfo
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from domain.errors import InvalidInput
from domain.pages import PageRequest, Slice
from domain.queries import (
    ChargeSort,
    InvoiceSort,
    OrderSort,
    ProductSort,
    Sort,
    SortKey,
    charge_sort_key,
    id_sort_key,
    invoice_sort_key,
    order_sort_key,
    product_sort_key,
)
from domain.search import Search
from schema.described import described_enum
from schema.pagination import After, Before, Connection, First, Last, connection_of, given, page_arguments, refused

Row = TypeVar("Row")

described_enum(
    Sort,
    name="Sort",
    description="How a list is sorted.",
    values={Sort.NEWEST: "The latest made first.", Sort.OLDEST: "The earliest made first."},
)
described_enum(
    OrderSort,
    description="How a list of orders is sorted.",
    values={
        OrderSort.NEWEST: "The latest made first.",
        OrderSort.OLDEST: "The earliest made first.",
        OrderSort.TOTAL_HIGHEST: "By total in minor units, whatever the currency, from the highest.",
        OrderSort.TOTAL_LOWEST: "By total in minor units, whatever the currency, from the lowest.",
    },
)
described_enum(
    InvoiceSort,
    description="How a list of invoices is sorted.",
    values={
        InvoiceSort.NEWEST: "The latest made first.",
        InvoiceSort.OLDEST: "The earliest made first.",
        InvoiceSort.TOTAL_HIGHEST: "By total in minor units, whatever the currency, from the highest.",
        InvoiceSort.TOTAL_LOWEST: "By total in minor units, whatever the currency, from the lowest.",
    },
)
described_enum(
    ProductSort,
    description="How a list of products is sorted.",
    values={
        ProductSort.RELEVANCE: (
            "What fits the search best first, and of what fits equally well the latest made. Without a search, the "
            "latest made first."
        ),
        ProductSort.NEWEST: "The latest made first.",
        ProductSort.OLDEST: "The earliest made first.",
        ProductSort.NAME: "By name, in the order of Unicode.",
    },
)
described_enum(
    ChargeSort,
    description="How a list of charges is sorted.",
    values={
        ChargeSort.NEWEST: "The latest made first.",
        ChargeSort.OLDEST: "The earliest made first.",
        ChargeSort.AMOUNT_HIGHEST: "By amount in minor units, whatever the currency, from the highest.",
        ChargeSort.AMOUNT_LOWEST: "By amount in minor units, whatever the currency, from the lowest.",
    },
)


@dataclass(frozen=True, slots=True)
class Ordering:
    """In what order one request reads a list."""

    sort: str
    mark: str
    """What cursors of this order bear, so that no other order takes them."""
    key_types: tuple[type[str] | type[int], ...]


@dataclass(frozen=True, slots=True)
class Shape(Generic[Row]):
    """How the rows of a list are placed: the key of a row, and what a cursor of each sorting holds."""

    key: Callable[[Row, str], SortKey]
    two_keys: Mapping[str, type[str] | type[int]]
    """Sortings by a value first, and that value's type; all others sort by id alone."""

    def order(self, *, sort: str = Sort.NEWEST, **_others: Any) -> Ordering:
        """Of a request with these arguments."""
        return Ordering(sort, sort, (self.two_keys[sort], str) if sort in self.two_keys else (str,))


class SearchableShape(Shape[Row]):
    """A list with an argument `search`. By relevance and by age, what was found has places of its own."""

    def order(self, *, sort: str = ProductSort.RELEVANCE, search: str | None = None, **_others: Any) -> Ordering:
        found = searched(search)
        if found is None:
            return Shape.order(self, sort=ProductSort.NEWEST if sort == ProductSort.RELEVANCE else sort)
        key_types = (str, str) if sort == ProductSort.NAME else (int, int)
        return Ordering(sort, f"{sort}:{found.fingerprint}", key_types)


def searched(text: str | None) -> Search | None:
    """None when nothing was typed."""
    try:
        return Search.of(given(text) or "")
    except InvalidInput as error:
        raise refused("search", error.message) from error


BY_ID: Shape[Any] = Shape(id_sort_key, {})
ORDERS = Shape(order_sort_key, {OrderSort.TOTAL_HIGHEST: int, OrderSort.TOTAL_LOWEST: int})
INVOICES = Shape(invoice_sort_key, {InvoiceSort.TOTAL_HIGHEST: int, InvoiceSort.TOTAL_LOWEST: int})
PRODUCTS = SearchableShape(product_sort_key, {ProductSort.NAME: str})
CHARGES = Shape(charge_sort_key, {ChargeSort.AMOUNT_HIGHEST: int, ChargeSort.AMOUNT_LOWEST: int})


def listed(shape: Shape[Any], *, description: str) -> Any:
    """A field that is a connection: `first`, `after`, `last` and `before` are added to its arguments.

    Its resolver answers with `paged(load)`: it says how a page is loaded, and this does the rest.
    """
    return strawberry.field(description=description, extensions=[Paging(shape)])


def paged(load: Callable[[PageRequest], Awaitable[Slice[Any]]]) -> Connection[Any]:
    """What a `listed` resolver returns; `Paging` turns it into the connection that the type promises."""
    return cast("Connection[Any]", load)


class Paging(FieldExtension):
    def __init__(self, shape: Shape[Any]) -> None:
        self._shape = shape

    def apply(self, field: StrawberryField) -> None:
        paging = [
            StrawberryArgument(
                python_name=name, graphql_name=None, type_annotation=StrawberryAnnotation(type_), default=UNSET
            )
            for name, type_ in (("first", First), ("after", After), ("last", Last), ("before", Before))
        ]
        field.arguments = [*paging, *field.arguments]

    async def resolve_async(
        self,
        next_: AsyncExtensionResolver,
        source: Any,
        info: StrawberryInfo,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        **others: Any,
    ) -> Connection[Any]:
        """Rows of the domain are handed out as they are: the types of the schema read their fields."""
        load = cast("Callable[[PageRequest], Awaitable[Slice[Any]]]", await next_(source, info, **others))
        order = self._shape.order(**others)
        request = page_arguments(
            first=first,
            after=after,
            last=last,
            before=before,
            sort=order.sort,
            mark=order.mark,
            key_types=order.key_types,
        )
        page = await load(request)
        return connection_of(
            page,
            sort=order.mark,
            key=lambda row: self._shape.key(row, order.sort),
            node=lambda row: cast("Any", row),
        )


@strawberry.input(description="A span of time: from the one moment on, before the other.")
class TimeSpan:
    since: datetime | None = strawberry.field(default=strawberry.UNSET, description="At this moment or later.")
    before: datetime | None = strawberry.field(default=strawberry.UNSET, description="Before this moment.")


def span(value: TimeSpan | None) -> tuple[datetime | None, datetime | None]:
    if not value:
        return None, None
    return given(value.since), given(value.before)


def words(values: Sequence[Row] | None) -> tuple[Row, ...]:
    """The values of a filter; none given is no filter."""
    return tuple(given(values) or ())


SortArgument = Annotated[Sort, strawberry.argument(description="How the list is sorted.")]
