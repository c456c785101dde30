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

from domain.pages import PageRequest, Slice
from domain.queries import (
    ChargeSort,
    OrderSort,
    ProductSort,
    Sort,
    SortKey,
    charge_sort_key,
    id_sort_key,
    order_sort_key,
    product_sort_key,
)
from schema.described import described_enum
from schema.pagination import After, Before, Connection, First, Last, connection_of, given, page_arguments

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
    ProductSort,
    description="How a list of products is sorted.",
    values={
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
class Shape(Generic[Row]):
    """How the rows of a list are placed: the key of a row, and what a cursor of each sorting holds."""

    key: Callable[[Row, str], SortKey]
    two_keys: Mapping[str, type[str] | type[int]]
    """Sortings by a value first, and that value's type; all others sort by id alone."""

    def key_types(self, sort: str) -> tuple[type[str] | type[int], ...]:
        return (self.two_keys[sort], str) if sort in self.two_keys else (str,)


BY_ID: Shape[Any] = Shape(id_sort_key, {})
ORDERS = Shape(order_sort_key, {OrderSort.TOTAL_HIGHEST: int, OrderSort.TOTAL_LOWEST: int})
PRODUCTS = Shape(product_sort_key, {ProductSort.NAME: str})
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
        sort: str = Sort.NEWEST,
        **others: Any,
    ) -> Connection[Any]:
        """Rows of the domain are handed out as they are: the types of the schema read their fields."""
        load = cast("Callable[[PageRequest], Awaitable[Slice[Any]]]", await next_(source, info, sort=sort, **others))
        shape = self._shape
        request = page_arguments(
            first=first, after=after, last=last, before=before, sort=sort, key_types=shape.key_types(sort)
        )
        page = await load(request)
        return connection_of(page, sort=sort, key=lambda row: shape.key(row, sort), node=lambda row: cast("Any", row))


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
