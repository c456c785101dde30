"""Pages of lists: nothing repeats, nothing is missed, and both ends are told truly."""

import random
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import product as combinations
from typing import Any

import pytest

from domain.charges import Charge, ChargeState
from domain.customers import Customer
from domain.events import EventKind
from domain.orders import Order, OrderState
from domain.pages import CursorInvalid, PageRequest, Slice
from domain.products import Product
from domain.queries import (
    ChargeFilter,
    ChargeSort,
    CustomerFilter,
    EventFilter,
    OrderFilter,
    OrderSort,
    ProductFilter,
    ProductSort,
    Queries,
    Relation,
    Sort,
    SortKey,
    charge_sort_key,
    id_sort_key,
    order_sort_key,
    product_sort_key,
)
from persistence.database import Database
from persistence.queries import TortoiseQueries
from tests.persistence.shop import (
    EVERYBODY,
    eyes_of,
    new_card,
    new_charge,
    new_customer,
    new_order,
    new_product,
    new_story,
    usd,
    write,
)

ORDER_SORTS: dict[str, Callable[[Order], Any]] = {
    OrderSort.NEWEST: lambda order: order.id,
    OrderSort.OLDEST: lambda order: order.id,
    OrderSort.TOTAL_HIGHEST: lambda order: (order.total.minor_units, order.id),
    OrderSort.TOTAL_LOWEST: lambda order: (order.total.minor_units, order.id),
}
DESCENDING = {OrderSort.NEWEST, OrderSort.TOTAL_HIGHEST}


@pytest.fixture
def queries(database: Database) -> Queries:
    return TortoiseQueries(database)


async def save(database: Database, *records: object) -> None:
    async with database.transaction() as connection:
        await write(connection, *records)


# --- both ends --------------------------------------------------------------------------------------------------------


async def test_a_page_is_the_part_of_the_list_beside_the_cursor(database: Database, queries: Queries) -> None:
    """Each request against the list itself, cut by Python: every sort, direction, limit and cursor."""
    ada, bob = new_customer(), new_customer()
    orders = [new_order(customer, total=total) for total in (3, 1, 3, 2, 3) for customer in (ada, bob)]
    gone = new_order(ada, total=3)
    await save(database, ada, bob, *orders)

    for sort, backward, limit in combinations(ORDER_SORTS, (False, True), (0, 1, 2, 5, 11)):
        of_all = in_order(orders, sort)
        of_ada = [order for order in of_all if order.customer_id == ada.id]
        for beside in (None, *of_all[:4], of_all[-1], gone):
            cursor = None if beside is None else key_of(beside, sort)
            request = PageRequest(limit=limit, sort=sort, backward=backward, cursor=cursor)

            page = await queries.orders.page(request, OrderFilter(), viewer=EVERYBODY)
            own = await queries.orders.page(request, OrderFilter(), viewer=eyes_of(ada))
            slices = await queries.orders.pages_of(
                Relation.CUSTOMER, [ada.id, gone.id], request, OrderFilter(), viewer=EVERYBODY
            )

            assert shown(page) == cut(of_all, beside, request)
            assert shown(own) == shown(slices[ada.id]) == cut(of_ada, beside, request)
            assert shown(slices[gone.id]) == ([], False, False)


def in_order(orders: Sequence[Order], sort: str) -> list[Order]:
    return sorted(orders, key=ORDER_SORTS[sort], reverse=sort in DESCENDING)


def key_of(order: Order, sort: str) -> SortKey:
    key: SortKey | str = ORDER_SORTS[sort](order)
    return (key,) if isinstance(key, str) else key


def shown(page: Slice[Any]) -> tuple[list[str], bool, bool]:
    return [record.id for record in page.items], page.has_next, page.has_previous


def cut(orders: Sequence[Order], beside: Order | None, request: PageRequest) -> tuple[list[str], bool, bool]:
    before = in_order([*orders, beside], request.sort).index(beside) if beside and beside not in orders else None
    if beside is None:
        ahead, behind = list(orders), []
    elif request.backward:
        place = before if before is not None else orders.index(beside)
        ahead, behind = list(orders[:place]), list(orders[place:])
    else:
        place = before if before is not None else orders.index(beside) + 1
        ahead, behind = list(orders[place:]), list(orders[:place])
    items = ahead[len(ahead) - min(request.limit, len(ahead)) :] if request.backward else ahead[: request.limit]
    more = len(ahead) > request.limit
    ids = [order.id for order in items]
    return (ids, bool(behind), more) if request.backward else (ids, more, bool(behind))


async def test_what_is_behind_the_cursor_counts_only_if_it_is_in_the_list(database: Database, queries: Queries) -> None:
    ada = new_customer()
    older, newer = new_order(ada), new_order(ada, state=OrderState.CANCELED)
    await save(database, ada, older, newer)
    after_newer = PageRequest(limit=5, sort=Sort.NEWEST, cursor=(newer.id,))

    among_all = await queries.orders.page(after_newer, OrderFilter(), viewer=EVERYBODY)
    among_open = await queries.orders.page(after_newer, OrderFilter(states=[OrderState.OPEN]), viewer=EVERYBODY)

    assert shown(among_all) == ([older.id], False, True)
    assert shown(among_open) == ([older.id], False, False)


async def test_an_empty_page_at_the_end_still_knows_what_is_behind(database: Database, queries: Queries) -> None:
    ada = new_customer()
    await save(database, ada)
    at_the_end = PageRequest(limit=5, sort=Sort.NEWEST, cursor=(ada.id,))

    page = await queries.customers.page(at_the_end, CustomerFilter(), viewer=EVERYBODY)

    assert shown(page) == ([], False, True)


# --- walking while rows arrive ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("sort", list(OrderSort))
async def test_a_walk_meets_each_order_once_while_others_arrive(
    sort: str, backward: bool, database: Database, queries: Queries
) -> None:
    ada = new_customer()
    orders = [new_order(ada, total=total) for total in (5, 5, 5, 1, 9, 5, 5, 1, 1, 5, 9)]
    await save(database, ada, *orders)
    chance = random.Random(sort)

    async def arrive() -> None:
        await save(database, new_order(ada, total=chance.choice([1, 4, 5, 9])))

    async def turn(request: PageRequest) -> Slice[Any]:
        return await queries.orders.page(request, OrderFilter(), viewer=EVERYBODY)

    met = await walk(turn, sort, order_sort_key, backward=backward, meanwhile=arrive)

    assert len(met) == len({order.id for order in met})
    known = {order.id for order in orders}
    assert [order.id for order in met if order.id in known] == [order.id for order in in_order(orders, sort)]


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
async def test_a_walk_along_the_list_of_a_parent_meets_each_once(
    backward: bool, database: Database, queries: Queries
) -> None:
    ada, bob = new_customer(), new_customer()
    cards = {ada.id: new_card(ada), bob.id: new_card(bob)}
    orders = {ada.id: new_order(ada), bob.id: new_order(bob)}
    amounts = (5_00, 5_00, 1_00, 5_00, 9_00, 5_00, 1_00)

    def declined(customer: Customer, amount: int) -> Charge:
        return new_charge(
            orders[customer.id],
            cards[customer.id],
            state=ChargeState.DECLINED,
            amount=usd(amount),
            authorized=usd(0),
            captured=usd(0),
        )

    charges = [declined(customer, amount) for amount in amounts for customer in (ada, bob)]
    await save(database, ada, bob, *cards.values(), *orders.values(), *charges)

    async def arrive() -> None:
        await save(database, declined(bob, 5_00))

    async def turn(request: PageRequest) -> Slice[Charge]:
        slices = await queries.charges.pages_of(
            Relation.ORDER, [orders[ada.id].id, orders[bob.id].id], request, ChargeFilter(), viewer=EVERYBODY
        )
        return slices[orders[ada.id].id]

    met = await walk(turn, ChargeSort.AMOUNT_HIGHEST, charge_sort_key, backward=backward, meanwhile=arrive)

    expected = [charge for charge in charges if charge.customer_id == ada.id]
    expected.sort(key=lambda charge: (charge.amount.minor_units, charge.id), reverse=True)
    assert met == expected


async def test_products_go_by_name_and_the_same_name_by_age(database: Database, queries: Queries) -> None:
    products = [new_product(name=name) for name in ("b", "a", "C", "a", "\u00e4", "b", "Z\u00fcrich", "a")]
    await save(database, *products)

    async def turn(request: PageRequest) -> Slice[Product]:
        return await queries.products.page(request, ProductFilter(), viewer=EVERYBODY)

    for backward in (False, True):
        met = await walk(turn, ProductSort.NAME, product_sort_key, backward=backward)
        assert met == sorted(products, key=lambda product: (product.name, product.id))


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("sort", list(Sort))
async def test_a_timeline_is_walked_like_any_list(
    sort: str, backward: bool, database: Database, queries: Queries
) -> None:
    ada, bob = new_customer(), new_customer()
    stories = [
        new_story(kind, customer.id, "ord_00000000000000000000000000")
        for kind in (EventKind.ORDER_CREATED, EventKind.ORDER_PLACED, EventKind.ORDER_EXPIRED)
        for customer in (ada, bob, ada)
    ]
    await save(database, ada, bob, *stories)

    async def own_page(request: PageRequest) -> Slice[Any]:
        return await queries.events.page(request, EventFilter(), viewer=eyes_of(ada))

    async def own_timeline(request: PageRequest) -> Slice[Any]:
        order_id = "ord_00000000000000000000000000"
        slices = await queries.events.pages_of(
            Relation.SUBJECT, [order_id], request, EventFilter(), viewer=eyes_of(ada)
        )
        return slices[order_id]

    expected = [story for story in stories if ada.id in story.subject_ids]
    expected = expected[::-1] if sort == Sort.NEWEST else expected
    for turn in (own_page, own_timeline):
        assert await walk(turn, sort, id_sort_key, backward=backward) == expected


async def walk(
    turn: Any, sort: str, sort_key: Any, *, backward: bool = False, meanwhile: Callable[[], Any] | None = None
) -> list[Any]:
    """All records, page by page, in the order of the list. Inside the walk both ends are told truly."""
    met: list[Any] = []
    cursor = None
    while True:
        page = await turn(PageRequest(limit=2, sort=sort, backward=backward, cursor=cursor))
        met = [*page.items, *met] if backward else [*met, *page.items]
        assert len(met) < 200
        assert (page.has_next if backward else page.has_previous) is (cursor is not None)
        if not (page.has_previous if backward else page.has_next):
            return met
        assert len(page.items) == 2
        cursor = sort_key(page.items[0 if backward else -1], sort)
        # As many rows arrive as a page takes away: the walk would never end if it met them all.
        if meanwhile and len(met) < 20:
            await meanwhile()


# --- cursors from clients ---------------------------------------------------------------------------------------------

ID = "ord_00000000000000000000000000"


WRONG_CURSORS: list[tuple[str, Any]] = [
    (OrderSort.NEWEST, ()),
    (OrderSort.NEWEST, (5, ID)),
    (OrderSort.NEWEST, (ID, ID)),
    (OrderSort.NEWEST, (5,)),
    (OrderSort.NEWEST, (True,)),
    (OrderSort.NEWEST, (None,)),
    (OrderSort.NEWEST, (1.5,)),
    (OrderSort.NEWEST, ("ord\0",)),
    (OrderSort.NEWEST, ("\ud800",)),
    (OrderSort.OLDEST, ("\udfff",)),
    (OrderSort.TOTAL_HIGHEST, (ID,)),
    (OrderSort.TOTAL_HIGHEST, (ID, 5)),
    (OrderSort.TOTAL_HIGHEST, ("5", ID)),
    (OrderSort.TOTAL_HIGHEST, (True, ID)),
    (OrderSort.TOTAL_LOWEST, (2**63, ID)),
    (OrderSort.TOTAL_LOWEST, (-(2**63) - 1, ID)),
    (OrderSort.TOTAL_LOWEST, (10**5000, ID)),
]


async def test_a_cursor_of_another_list_is_refused(queries: Queries) -> None:
    for (sort, cursor), backward in combinations(WRONG_CURSORS, (False, True)):
        request = PageRequest(limit=5, sort=sort, backward=backward, cursor=cursor)
        with pytest.raises(CursorInvalid):
            await queries.orders.page(request, OrderFilter(), viewer=EVERYBODY)
        for parents in (["cus_1", "cus_2"], [], ["\0"]):
            with pytest.raises(CursorInvalid):
                await queries.orders.pages_of(Relation.CUSTOMER, parents, request, OrderFilter(), viewer=EVERYBODY)


async def test_a_strange_cursor_of_the_right_shape_is_a_place_like_any_other(
    database: Database, queries: Queries
) -> None:
    cursors: list[SortKey] = [(2**63 - 1, ID), (-(2**63), ID), (0, ""), (0, "'; --"), (0, "\U0010ffff")]
    ada = new_customer()
    await save(database, ada, new_order(ada))
    for cursor, backward in combinations(cursors, (False, True)):
        request = PageRequest(limit=5, sort=OrderSort.TOTAL_LOWEST, backward=backward, cursor=cursor)

        page = await queries.orders.page(request, OrderFilter(), viewer=EVERYBODY)

        assert len(page.items) + page.has_next + page.has_previous == 1


def test_every_sort_of_the_api_is_in_its_listing() -> None:
    from persistence.queries.charges import CHARGES
    from persistence.queries.customers import CUSTOMERS
    from persistence.queries.events import EVENTS
    from persistence.queries.orders import ORDERS
    from persistence.queries.payment_methods import PAYMENT_METHODS
    from persistence.queries.products import PRICES, PRODUCTS
    from persistence.queries.refunds import REFUNDS

    sorts: list[tuple[Any, type[StrEnum]]] = [
        (ORDERS, OrderSort),
        (PRODUCTS, ProductSort),
        (CHARGES, ChargeSort),
        *((listing, Sort) for listing in (CUSTOMERS, PRICES, PAYMENT_METHODS, REFUNDS, EVENTS)),
    ]
    for listing, sort in sorts:
        assert set(listing.sorts) == set(sort)
        assert all(sorting.keys[-1].column == "id" for sorting in listing.sorts.values())
