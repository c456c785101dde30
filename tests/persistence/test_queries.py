"""What the reads of the API answer: whom, what, and by which filters. Pages are in `test_pages`."""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import pytest

from domain.charges import Charge, ChargeState, Review, ReviewReason
from domain.customers import Address, Customer, ProviderAccount
from domain.events import Event, EventKind
from domain.orders import Order, OrderState, PaymentState
from domain.pages import PageRequest
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.products import Interval, IntervalUnit, Price, PriceType, Product
from domain.provider import RedirectAction, SdkAction
from domain.queries import (
    ChargeFilter,
    CustomerFilter,
    EventFilter,
    OrderFilter,
    PaymentMethodFilter,
    PriceFilter,
    ProductFilter,
    Queries,
    Reads,
    RefundFilter,
    Relation,
    Viewer,
)
from domain.refunds import Refund, RefundState
from domain.search import Search
from persistence.database import Database
from persistence.queries import TortoiseQueries
from tests.persistence.shop import (
    EVERYBODY,
    NOBODY,
    NOON,
    eyes_of,
    new_card,
    new_charge,
    new_customer,
    new_line,
    new_order,
    new_price,
    new_product,
    new_refund,
    new_story,
    usd,
    write,
)

HOUR = timedelta(hours=1)
NEWEST = PageRequest(limit=50, sort="NEWEST")
OLDEST = PageRequest(limit=50, sort="OLDEST")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Two customers with a record of everything, and a catalogue."""

    ada: Customer
    bob: Customer
    tea: Product
    pot: Product
    once: Price
    monthly: Price
    old: Price
    account: ProviderAccount
    card: PaymentMethod
    card_of_bob: PaymentMethod
    lost_card: PaymentMethod
    order: Order
    draft: Order
    order_of_bob: Order
    charge: Charge
    declined: Charge
    charge_of_bob: Charge
    refund: Refund
    failed: Refund
    refund_of_bob: Refund
    created: Event
    placed: Event
    placed_by_bob: Event


@pytest.fixture
async def shop(database: Database) -> Shop:
    ada = new_customer(
        external_id="ada-1",
        email="Ada@Example.com",
        name="Ada",
        billing_address=Address(line1="1 Main St", city="Paris", country="FR"),
        metadata={"tier": "gold"},
    )
    bob = new_customer(created_at=NOON + HOUR)
    tea = new_product(name="Tea", description="Green", metadata={"shelf": "3"})
    pot = new_product(name="Pot", archived_at=NOON)
    once = new_price(tea)
    monthly = new_price(tea, interval=Interval(IntervalUnit.MONTH, 3), nickname="Quarterly")
    old = new_price(pot, unit_amount=usd(0), archived_at=NOON)
    account = ProviderAccount(customer_id=ada.id, account="fake", customer_ref="fcus_1", created_at=NOON)
    card = new_card(ada)
    card_of_bob = new_card(bob)
    lost_card = new_card(
        ada,
        state=PaymentMethodState.REQUIRES_ACTION,
        payment_method_ref=None,
        card=None,
        token="tok_visa",
        next_action=SdkAction("secret", NOON),
    )
    lines = (new_line(7_00, name="Tea", product_id=tea.id, price_id=once.id), new_line(1_50, 2, name="Stamp"))
    order = new_order(
        ada,
        lines=lines,
        state=OrderState.COMPLETED,
        placed_at=NOON,
        completed_at=NOON,
        external_id="web-1",
        external_version=3,
        metadata={"channel": "web"},
        version=4,
    )
    draft = new_order(ada, total=0, expires_at=NOON + HOUR, created_at=NOON + HOUR)
    order_of_bob = new_order(bob, state=OrderState.PLACED, placed_at=NOON)
    charge = new_charge(order, card, charge_ref="fch_1", refunded=usd(3_00), refund_reserved=usd(50))
    declined = new_charge(
        order,
        card,
        state=ChargeState.DECLINED,
        authorized=usd(0),
        captured=usd(0),
        reviews=(Review(NOON, ReviewReason.UNRESOLVED),),
        created_at=NOON - HOUR,
    )
    charge_of_bob = new_charge(
        order_of_bob,
        card_of_bob,
        state=ChargeState.REQUIRES_ACTION,
        authorized=usd(0),
        captured=usd(0),
        next_action=RedirectAction("https://bank.example/3ds", NOON),
        action_expires_at=NOON + HOUR,
    )
    refund = new_refund(charge, state=RefundState.SUCCEEDED, amount=usd(3_00), note="Broken cup")
    failed = new_refund(charge, state=RefundState.FAILED, created_at=NOON + HOUR)
    refund_of_bob = new_refund(charge_of_bob)
    created = new_story(EventKind.PRODUCT_CREATED, tea.id)
    placed = new_story(EventKind.ORDER_PLACED, order.id, ada.id)
    placed_by_bob = new_story(EventKind.ORDER_PLACED, order_of_bob.id, bob.id)
    shop = Shop(
        ada=ada,
        bob=bob,
        tea=tea,
        pot=pot,
        once=once,
        monthly=monthly,
        old=old,
        account=account,
        card=card,
        card_of_bob=card_of_bob,
        lost_card=lost_card,
        order=order,
        draft=draft,
        order_of_bob=order_of_bob,
        charge=charge,
        declined=declined,
        charge_of_bob=charge_of_bob,
        refund=refund,
        failed=failed,
        refund_of_bob=refund_of_bob,
        created=created,
        placed=placed,
        placed_by_bob=placed_by_bob,
    )
    async with database.transaction() as connection:
        await write(connection, *(getattr(shop, field.name) for field in fields(Shop)))
    return shop


@pytest.fixture
def queries(database: Database) -> Queries:
    return TortoiseQueries(database)


@dataclass(frozen=True, slots=True)
class Noun:
    """The reads of a noun, its filter without a wish, and whose records are which (oldest first)."""

    name: str
    no_filter: Any
    of_ada: tuple[str, ...] = ()
    of_bob: tuple[str, ...] = ()
    of_all: tuple[str, ...] = ()

    def reads(self, queries: Queries) -> Reads[Any, Any]:
        reads: Reads[Any, Any] = getattr(queries, self.name)
        return reads


NOUNS = [
    Noun("customers", CustomerFilter(), ("ada",), ("bob",)),
    Noun("products", ProductFilter(), of_all=("tea", "pot")),
    Noun("prices", PriceFilter(), of_all=("once", "monthly", "old")),
    Noun("orders", OrderFilter(), ("order", "draft"), ("order_of_bob",)),
    Noun("payment_methods", PaymentMethodFilter(), ("card", "lost_card"), ("card_of_bob",)),
    Noun("charges", ChargeFilter(), ("charge", "declined"), ("charge_of_bob",)),
    Noun("refunds", RefundFilter(), ("refund", "failed"), ("refund_of_bob",)),
    Noun("events", EventFilter(), ("placed",), ("placed_by_bob",), ("created",)),
]
IN_THE_CATALOGUE = ("products", "prices")


def names(shop: Shop, records: Any) -> list[str]:
    """What the test calls them, in the order in which they came."""
    known = {getattr(shop, field.name).id: field.name for field in fields(Shop) if field.name != "account"}
    return [known[record.id] for record in records]


def in_order(shop: Shop, *wanted: str) -> list[str]:
    return sorted(wanted, key=lambda name: str(getattr(shop, name).id))


# --- by id ------------------------------------------------------------------------------------------------------------


async def test_a_record_is_read_as_it_was_written(shop: Shop, queries: Queries) -> None:
    for noun in NOUNS:
        if noun.name == "orders":
            continue
        written = {record.id: record for record in (getattr(shop, name) for name in noun.of_ada + noun.of_all)}

        assert await noun.reads(queries).by_ids(list(written), viewer=EVERYBODY) == written


async def test_an_order_is_read_with_what_its_charges_add_up_to(shop: Shop, queries: Queries) -> None:
    view = (await queries.orders.by_ids([shop.order.id], viewer=EVERYBODY))[shop.order.id]

    same = {field.name for field in fields(Order)} - {"currency", "lines"}
    assert {name: getattr(view, name) for name in same} == {name: getattr(shop.order, name) for name in same}
    assert view.total == usd(10_00)
    assert (view.authorized, view.captured, view.refunded) == (usd(0), usd(10_00), usd(3_00))
    assert view.payment_state is PaymentState.PARTIALLY_REFUNDED


async def test_what_does_not_exist_is_left_out(shop: Shop, queries: Queries) -> None:
    for noun in NOUNS:
        known = getattr(shop, (noun.of_ada + noun.of_all)[0]).id
        strange = ["", "cus_00000000000000000000000000", "\0", f"{known}\0", "\ud800", "x" * 10_000, "'; DROP TABLE x"]

        found = await noun.reads(queries).by_ids([*strange, known, known], viewer=EVERYBODY)

        assert list(found) == [known]
        assert await noun.reads(queries).by_ids(strange, viewer=EVERYBODY) == {}
        assert await noun.reads(queries).by_ids([], viewer=EVERYBODY) == {}


# --- viewers ----------------------------------------------------------------------------------------------------------


async def test_a_viewer_sees_their_own_and_the_catalogue(shop: Shop, queries: Queries) -> None:
    stranger = Viewer(sees_all=False, customer_id="cus_00000000000000000000000000")
    for noun in NOUNS:
        all_names = noun.of_ada + noun.of_bob + noun.of_all
        all_ids = [getattr(shop, name).id for name in all_names]
        everybodys = noun.of_all if noun.name in IN_THE_CATALOGUE else ()
        for viewer, seen in [
            (EVERYBODY, all_names),
            (eyes_of(shop.ada), noun.of_ada + everybodys),
            (eyes_of(shop.bob), noun.of_bob + everybodys),
            (stranger, everybodys),
            (NOBODY, everybodys),
        ]:
            by_ids = await noun.reads(queries).by_ids(all_ids, viewer=viewer)
            page = await noun.reads(queries).page(OLDEST, noun.no_filter, viewer=viewer)

            assert in_order(shop, *names(shop, by_ids.values())) == in_order(shop, *seen)
            assert names(shop, page.items) == in_order(shop, *seen)


async def test_a_list_of_somebody_else_is_empty(shop: Shop, queries: Queries) -> None:
    bob = eyes_of(shop.bob)
    lists: list[tuple[Reads[Any, Any], Relation, Any]] = [
        (queries.orders, Relation.CUSTOMER, shop.ada),
        (queries.payment_methods, Relation.CUSTOMER, shop.ada),
        (queries.charges, Relation.CUSTOMER, shop.ada),
        (queries.charges, Relation.ORDER, shop.order),
        (queries.refunds, Relation.CHARGE, shop.charge),
        (queries.refunds, Relation.ORDER, shop.order),
        (queries.refunds, Relation.CUSTOMER, shop.ada),
        (queries.events, Relation.SUBJECT, shop.order),
    ]
    for reads, relation, parent in lists:
        no_filter = next(each.no_filter for each in NOUNS if each.reads(queries) is reads)

        own = await reads.pages_of(relation, [parent.id], NEWEST, no_filter, viewer=eyes_of(shop.ada))
        foreign = await reads.pages_of(relation, [parent.id], NEWEST, no_filter, viewer=bob)
        nobodys = await reads.pages_of(relation, [parent.id], NEWEST, no_filter, viewer=NOBODY)

        assert own[parent.id].items
        assert foreign[parent.id].items == nobodys[parent.id].items == ()
        assert not foreign[parent.id].has_next


# --- lists of many parents --------------------------------------------------------------------------------------------


PARENTS: list[tuple[str, Relation, dict[str, list[str]]]] = [
    ("prices", Relation.PRODUCT, {"tea": ["monthly", "once"], "pot": ["old"], "ada": []}),
    ("orders", Relation.CUSTOMER, {"ada": ["draft", "order"], "bob": ["order_of_bob"], "tea": []}),
    ("payment_methods", Relation.CUSTOMER, {"ada": ["lost_card", "card"], "bob": ["card_of_bob"]}),
    ("charges", Relation.CUSTOMER, {"ada": ["declined", "charge"], "bob": ["charge_of_bob"]}),
    ("charges", Relation.ORDER, {"order": ["declined", "charge"], "draft": [], "order_of_bob": ["charge_of_bob"]}),
    ("refunds", Relation.CHARGE, {"charge": ["failed", "refund"], "declined": []}),
    ("refunds", Relation.ORDER, {"order": ["failed", "refund"], "draft": []}),
    ("refunds", Relation.CUSTOMER, {"ada": ["failed", "refund"], "bob": ["refund_of_bob"]}),
    ("events", Relation.SUBJECT, {"ada": ["placed"], "order": ["placed"], "tea": ["created"], "pot": []}),
]


async def test_each_parent_has_its_own_list(shop: Shop, queries: Queries) -> None:
    strange = ["", "nothing", "\0", "\ud800"]
    for noun in NOUNS:
        for relation, expected in [(relation, lists) for name, relation, lists in PARENTS if name == noun.name]:
            parents = {getattr(shop, name).id: name for name in expected}

            slices = await noun.reads(queries).pages_of(
                relation, [*parents, *strange, *parents], NEWEST, noun.no_filter, viewer=EVERYBODY
            )

            assert list(slices) == [*parents, *strange]
            assert {parents[id_]: names(shop, slices[id_].items) for id_ in parents} == expected
            assert not any(slices[id_].items or slices[id_].has_next or slices[id_].has_previous for id_ in strange)


async def test_no_parents_have_no_lists(queries: Queries) -> None:
    assert await queries.orders.pages_of(Relation.CUSTOMER, [], NEWEST, OrderFilter(), viewer=EVERYBODY) == {}


async def test_lines_come_in_the_order_in_which_they_were_added(
    shop: Shop, queries: Queries, database: Database
) -> None:
    later = new_line(2_00, name="Later")
    earlier = new_line(3_00, name="Earlier")
    order = new_order(shop.bob, lines=(earlier, later))
    async with database.transaction() as connection:
        await write(connection, order)
        await connection.execute("UPDATE order_lines SET position = 7 WHERE id = $1", earlier.id)

    lines = await queries.lines_of_orders([shop.order.id, shop.draft.id, order.id, "ord_none", "\0"])

    assert lines[shop.order.id] == list(shop.order.lines)
    assert lines[order.id] == [later, earlier]
    assert lines[shop.draft.id] == lines["ord_none"] == lines["\0"] == []
    assert await queries.lines_of_orders([]) == {}


async def test_a_customer_has_one_account_at_each_provider(shop: Shop, queries: Queries, database: Database) -> None:
    other = ProviderAccount(customer_id=shop.ada.id, account="another", customer_ref="x", created_at=NOON)
    async with database.transaction() as connection:
        await write(connection, other)

    accounts = await queries.accounts_of_customers([shop.ada.id, shop.bob.id])

    assert accounts == {shop.ada.id: [other, shop.account], shop.bob.id: []}


# --- filters ----------------------------------------------------------------------------------------------------------


FILTERED: list[tuple[str, Any, list[str]]] = [
    ("customers", CustomerFilter(email="aDA@eXAMPLE.COM"), ["ada"]),
    ("customers", CustomerFilter(email="ada@example"), []),
    ("customers", CustomerFilter(external_id="ada-1"), ["ada"]),
    ("customers", CustomerFilter(external_id="ADA-1"), []),
    ("customers", CustomerFilter(created_from=NOON + HOUR), ["bob"]),
    ("customers", CustomerFilter(created_before=NOON + HOUR), ["ada"]),
    ("customers", CustomerFilter(created_from=NOON, created_before=NOON), []),
    ("products", ProductFilter(archived=True), ["pot"]),
    ("products", ProductFilter(archived=False), ["tea"]),
    ("products", ProductFilter(available=True), ["tea"]),
    ("products", ProductFilter(available=False), ["pot"]),
    ("products", ProductFilter(price=PriceFilter(type=PriceType.RECURRING, currency="USD")), ["tea"]),
    ("products", ProductFilter(price=PriceFilter(type=PriceType.RECURRING, currency="EUR")), []),
    ("products", ProductFilter(price=PriceFilter(archived=True)), ["pot"]),
    ("products", ProductFilter(search=Search.of("green")), ["tea"]),
    ("prices", PriceFilter(product_id="tea"), ["once", "monthly"]),
    ("prices", PriceFilter(type=PriceType.RECURRING), ["monthly"]),
    ("prices", PriceFilter(type=PriceType.ONE_TIME), ["once", "old"]),
    ("prices", PriceFilter(type=PriceType.ONE_TIME, archived=False), ["once"]),
    ("prices", PriceFilter(currency="USD"), ["once", "monthly", "old"]),
    ("prices", PriceFilter(currency="EUR"), []),
    ("prices", PriceFilter(archived=True), ["old"]),
    ("orders", OrderFilter(states=[OrderState.OPEN, OrderState.PLACED]), ["draft", "order_of_bob"]),
    ("orders", OrderFilter(payment_states=(PaymentState.PARTIALLY_REFUNDED,)), ["order"]),
    ("orders", OrderFilter(payment_states=[PaymentState.UNPAID, PaymentState.PAID]), ["draft", "order_of_bob"]),
    ("orders", OrderFilter(payment_states=[PaymentState.DISPUTED]), []),
    ("orders", OrderFilter(customer_id="ada"), ["order", "draft"]),
    ("orders", OrderFilter(customer_id="ada", states=[OrderState.OPEN]), ["draft"]),
    ("orders", OrderFilter(external_id="web-1"), ["order"]),
    ("orders", OrderFilter(created_from=NOON + HOUR), ["draft"]),
    ("orders", OrderFilter(created_before=NOON + HOUR), ["order", "order_of_bob"]),
    ("payment_methods", PaymentMethodFilter(states=[PaymentMethodState.ACTIVE]), ["card", "card_of_bob"]),
    ("charges", ChargeFilter(states=[ChargeState.DECLINED, ChargeState.FAILED]), ["declined"]),
    ("charges", ChargeFilter(customer_id="bob"), ["charge_of_bob"]),
    ("charges", ChargeFilter(order_id="order"), ["charge", "declined"]),
    ("charges", ChargeFilter(in_review=True), ["declined"]),
    ("charges", ChargeFilter(in_review=False), ["charge", "charge_of_bob"]),
    ("charges", ChargeFilter(created_from=NOON), ["charge", "charge_of_bob"]),
    ("charges", ChargeFilter(created_before=NOON), ["declined"]),
    ("refunds", RefundFilter(states=[RefundState.SUCCEEDED]), ["refund"]),
    ("refunds", RefundFilter(charge_id="charge"), ["refund", "failed"]),
    ("refunds", RefundFilter(created_from=NOON + HOUR), ["failed"]),
    ("refunds", RefundFilter(created_before=NOON + HOUR), ["refund", "refund_of_bob"]),
    ("events", EventFilter(kinds=[EventKind.PRODUCT_CREATED]), ["created"]),
    ("events", EventFilter(kinds=[EventKind.CHARGE_VOIDED]), []),
]


async def test_a_filter_leaves_out_what_does_not_match(shop: Shop, queries: Queries) -> None:
    for noun, wanted, expected in FILTERED:
        reads: Reads[Any, Any] = getattr(queries, noun)

        page = await reads.page(OLDEST, with_ids(shop, wanted), viewer=EVERYBODY)

        assert names(shop, page.items) == in_order(shop, *expected), wanted


def with_ids(shop: Shop, wanted: Any) -> Any:
    """The same filter, with ids where the table above has the test's names."""
    values = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    for name in ("customer_id", "product_id", "order_id", "charge_id"):
        if values.get(name):
            values[name] = getattr(shop, values[name]).id
    return type(wanted)(**values)


def test_every_filter_is_tried_above() -> None:
    tried = {
        (type(wanted), field.name)
        for _, wanted, _ in FILTERED
        for field in fields(wanted)
        if getattr(wanted, field.name) not in (None, ())
    }

    assert tried == {(type(noun.no_filter), field.name) for noun in NOUNS for field in fields(noun.no_filter)}


async def test_filters_hold_in_the_lists_of_parents_too(shop: Shop, queries: Queries) -> None:
    slices = await queries.charges.pages_of(
        Relation.CUSTOMER,
        [shop.ada.id, shop.bob.id],
        NEWEST,
        ChargeFilter(in_review=True, states=[ChargeState.DECLINED]),
        viewer=EVERYBODY,
    )

    assert {parent: names(shop, page.items) for parent, page in slices.items()} == {
        shop.ada.id: ["declined"],
        shop.bob.id: [],
    }


async def test_a_text_that_cannot_be_stored_matches_nothing(shop: Shop, queries: Queries) -> None:
    for text in ("\0", "ada-1\0", "\ud83d"):
        for wanted in (CustomerFilter(email=text), CustomerFilter(external_id=text)):
            assert (await queries.customers.page(NEWEST, wanted, viewer=EVERYBODY)).items == ()
        by_parent = await queries.orders.pages_of(
            Relation.CUSTOMER, [shop.ada.id], NEWEST, OrderFilter(external_id=text), viewer=EVERYBODY
        )
        assert by_parent[shop.ada.id].items == ()


async def test_a_filter_does_not_reach_around_the_viewer(shop: Shop, queries: Queries) -> None:
    wanted = OrderFilter(customer_id=shop.ada.id)

    assert (await queries.orders.page(NEWEST, wanted, viewer=eyes_of(shop.bob))).items == ()
    assert (await queries.orders.page(NEWEST, wanted, viewer=NOBODY)).items == ()
