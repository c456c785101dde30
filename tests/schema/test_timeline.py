"""The story of a record."""

import re

import pytest

from domain.events import EventKind
from tests.schema.gateway import CHALLENGED, Shop, assert_worded

STORY = (
    "query($id: ID!, $first: Int, $after: String, $filter: EventFilterInput, $sort: Sort! = NEWEST) { "
    "node(id: $id) { ... on HasTimeline { timeline(first: $first, after: $after, filter: $filter, sort: $sort) { "
    "nodes { id kind actor at summary data subjectIds } pageInfo { hasNextPage endCursor } } } } }"
)


async def test_the_story_says_what_when_why_and_who(shop_on_both: Shop) -> None:
    shop = shop_on_both
    customer_id = await shop.buyer(externalId="ada")
    staff = shop.person("sam", role="admin")
    order_id = await shop.order(customer_id)
    charge = await shop.charge(order_id)
    await shop.do(
        "chargeRefund",
        {"chargeId": charge["id"], "amount": {"minorUnits": 5_00, "currency": "USD"}, "idempotencyKey": "r"},
        as_=staff,
    )

    data = await shop.execute(STORY, {"id": order_id, "sort": "OLDEST"})

    events = data["node"]["timeline"]["nodes"]
    assert [(event["kind"], event["actor"], event["summary"]) for event in events] == [
        ("ORDER_CREATED", "key:admin", "The order was created."),
        ("ORDER_PLACED", "key:admin", "The order was placed."),
        ("CHARGE_CREATED", "key:admin", "A charge was requested ($20.00)."),
        ("CHARGE_SUCCEEDED", "provider:fake", "The charge succeeded ($20.00)."),
        ("ORDER_COMPLETED", "provider:fake", "The order is complete."),
        ("REFUND_REQUESTED", "staff:sam", "A refund was requested ($5.00)."),
        ("REFUND_SUCCEEDED", "provider:fake", "The refund succeeded ($5.00)."),
    ]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    created = events[2]
    assert created["subjectIds"] == [charge["id"], order_id, customer_id]
    assert created["data"] == {"amount": "2000", "currency": "USD", "capture": "AUTOMATIC"}


async def test_a_story_is_read_page_by_page_and_by_kind(shop: Shop) -> None:
    order_id, charge_id = await shop.paid(await shop.buyer())

    first = (await shop.execute(STORY, {"id": order_id, "first": 2}))["node"]["timeline"]
    assert [event["kind"] for event in first["nodes"]] == ["ORDER_COMPLETED", "CHARGE_SUCCEEDED"]
    after = {"id": order_id, "first": 2, "after": first["pageInfo"]["endCursor"]}
    assert [event["kind"] for event in (await shop.execute(STORY, after))["node"]["timeline"]["nodes"]] == [
        "CHARGE_CREATED",
        "ORDER_PLACED",
    ]
    filtered = {"id": order_id, "filter": {"kinds": ["ORDER_PLACED", "CHARGE_DECLINED"]}}
    only = (await shop.execute(STORY, filtered))["node"]["timeline"]["nodes"]
    assert [event["kind"] for event in only] == ["ORDER_PLACED"]
    assert await shop.kinds(charge_id) == ["CHARGE_CREATED", "CHARGE_SUCCEEDED"]


async def test_a_customer_reads_their_own_story(shop: Shop) -> None:
    customer_id = await shop.buyer(CHALLENGED, externalId="ada")
    order_id = await shop.order(customer_id)
    await shop.do("orderCancel", {"orderId": order_id}, as_=shop.person("ada"))

    data = await shop.execute(STORY, {"id": order_id}, as_=shop.person("ada"))

    canceled, created = data["node"]["timeline"]["nodes"]
    assert (canceled["kind"], canceled["actor"]) == ("ORDER_CANCELED", "customer")
    assert created["subjectIds"] == [order_id, customer_id]


async def test_every_kind_of_event_is_told_in_a_sentence(shop: Shop) -> None:
    query = '{ __type(name: "EventKind") { enumValues { name description } } }'
    kinds = (await shop.execute(query))["__type"]["enumValues"]

    assert {kind["name"] for kind in kinds} == {kind.value for kind in EventKind}
    for kind in kinds:
        assert_worded(kind["description"])
        assert re.search(r"\b(was|is|waits|expired|succeeded|failed|needs|go|goes)\b", kind["description"])


@pytest.mark.parametrize("as_", ["anonymous", "customer"])
async def test_an_event_of_somebody_else_is_missing(shop: Shop, as_: str) -> None:
    order_id = await shop.order(await shop.customer())
    event_id = (await shop.execute(STORY, {"id": order_id}))["node"]["timeline"]["nodes"][0]["id"]
    query = "query($id: ID!) { node(id: $id) { id } }"

    if as_ == "customer":
        assert (await shop.execute(query, {"id": event_id}, as_=shop.person("ada")))["node"] is None
    else:
        assert (await shop.denied(query, {"id": event_id}, as_=None))["extensions"]["code"] == "UNAUTHENTICATED"
