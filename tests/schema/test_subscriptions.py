"""Following orders, charges and everything: what comes, in which order, for whose eyes, and until when."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.tokens import SecretVerifier
from domain.principals import ALL_PERMISSIONS, Permission, operator
from persistence.failures import DatabaseUnavailable
from persistence.sql import Dialect
from schema.http.live import LiveLimits
from server import application
from tests.databases import NewDatabaseUrl
from tests.keys import make_key
from tests.schema.gateway import Json, Shop, money, new_key, open_shop, settings_for
from tests.schema.live import PATIENCE_SECONDS, SILENCE_SECONDS, SocketClient, connected, serving, streaming
from tests.schema.permissions import DENIED, EMPTY, OWN, SUBSCRIPTIONS, WHO, YES, Row, new_world
from tests.schema.test_principals import CODES

ORDER = (
    "subscription($id: ID!, $after: String) { orderUpdated(id: $id, after: $after) "
    "{ order { id state paymentState } event { id kind actor } cursor } }"
)
CHARGE = (
    "subscription($id: ID!, $after: String) { chargeUpdated(id: $id, after: $after) "
    "{ charge { id state } event { kind } cursor } }"
)
INVOICE = (
    "subscription($id: ID!, $after: String) { invoiceUpdated(id: $id, after: $after) "
    "{ invoice { id state } event { kind } cursor } }"
)
EVENTS = (
    "subscription($after: String, $filter: EventFilterInput) { events(after: $after, filter: $filter) "
    "{ event { id kind actor subjectIds } cursor } }"
)


@dataclass(frozen=True, slots=True)
class Followed:
    """A gateway on both databases, and its address."""

    shop: Shop
    address: str

    async def nothing_left(self) -> None:
        live = self.shop.running.live
        await until(lambda: not live.connections and not live.operations and not self.shop.running.feed.followers)


@pytest.fixture
async def followed(shop_on_both: Shop) -> AsyncIterator[Followed]:
    async with serving(application(shop_on_both.running)) as address:
        followed = Followed(shop_on_both, address)
        yield followed
        await followed.nothing_left()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def order_update(client: SocketClient, operation_id: str = "1") -> Json:
    update: Json = (await client.data(operation_id))["orderUpdated"]
    return update


# --- what comes -----------------------------------------------------------------------------------------------------


async def test_an_order_is_shown_at_once_and_with_each_event(followed: Followed) -> None:
    shop = followed.shop
    order_id = await shop.order(await shop.buyer())
    async with connected(followed.address) as client:
        await client.subscribe("1", ORDER, id=order_id)
        first = await order_update(client)
        assert first["order"] == {"id": order_id, "state": "OPEN", "paymentState": "UNPAID"}
        assert (first["event"], bool(first["cursor"])) == (None, True)

        await shop.charge(order_id)

        updates = [await order_update(client) for _ in range(4)]
        kinds = [update["event"]["kind"] for update in updates]
        assert kinds == ["ORDER_PLACED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "ORDER_COMPLETED"]
        assert updates[-1]["order"] == {"id": order_id, "state": "COMPLETED", "paymentState": "PAID"}
        assert len({update["cursor"] for update in [first, *updates]}) == 5
        assert await client.silent()


async def test_a_charge_is_followed_with_its_refunds(followed: Followed) -> None:
    shop = followed.shop
    _, charge_id = await shop.paid(await shop.buyer())
    async with connected(followed.address) as client:
        await client.subscribe("1", CHARGE, id=charge_id)
        assert (await client.data("1"))["chargeUpdated"]["charge"] == {"id": charge_id, "state": "SUCCEEDED"}
        await shop.refund(charge_id, 5_00)
        updates = [(await client.data("1"))["chargeUpdated"] for _ in range(2)]
        assert [update["event"]["kind"] for update in updates] == ["REFUND_REQUESTED", "REFUND_SUCCEEDED"]


async def test_an_invoice_is_followed_with_its_charges_and_a_draft_by_no_customer(followed: Followed) -> None:
    shop = followed.shop
    ada = await shop.buyer(externalId="ada")
    lines = [{"name": "Tea", "unitAmount": money(20_00)}]
    draft = await shop.do("invoiceCreate", {"customerId": ada, "lines": lines}, "invoice { id }")
    async with connected(followed.address) as client, connected(followed.address, shop.person("ada")) as of_ada:
        await of_ada.subscribe("draft", INVOICE, id=draft["id"])
        assert await of_ada.error_code("draft") == "NOT_FOUND"
        await client.subscribe("1", INVOICE, id=draft["id"])
        assert (await client.data("1"))["invoiceUpdated"]["invoice"] == {"id": draft["id"], "state": "DRAFT"}

        await shop.do("invoiceFinalize", {"invoiceId": draft["id"], "idempotencyKey": new_key()})
        await of_ada.subscribe("1", INVOICE, id=draft["id"])
        assert (await of_ada.data("1"))["invoiceUpdated"]["invoice"]["state"] == "OPEN"
        sent = {"invoiceId": draft["id"], "idempotencyKey": new_key()}
        await shop.do("invoicePay", sent, as_=shop.person("ada"))

        for follower, kinds in ((client, 4), (of_ada, 3)):
            updates = [(await follower.data("1"))["invoiceUpdated"] for _ in range(kinds)]
            told = [update["event"]["kind"] for update in updates]
            expected = ["INVOICE_OPENED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "INVOICE_PAID"]
            assert told == expected[-kinds:]
            assert updates[-1]["invoice"]["state"] == "PAID"


async def test_everything_is_followed_from_now_and_by_kind(followed: Followed) -> None:
    shop = followed.shop
    await shop.order(await shop.customer())
    async with connected(followed.address) as client:
        await client.subscribe("all", EVENTS)
        begun = (await client.data("all"))["events"]
        assert (begun["event"], bool(begun["cursor"])) == (None, True)
        await client.subscribe("placed", EVENTS, filter={"kinds": ["ORDER_PLACED"]})
        await client.data("placed")

        order_id = await shop.order(await shop.buyer())
        await shop.charge(order_id)

        seen: dict[str, list[str]] = {"all": [], "placed": []}
        while "ORDER_COMPLETED" not in seen["all"] or not seen["placed"]:
            message = await client.receive()
            seen[message["id"]].append(message["payload"]["data"]["events"]["event"]["kind"])
        assert seen["placed"] == ["ORDER_PLACED"]
        assert seen["all"][0] == "CUSTOMER_CREATED"
        assert {"PAYMENT_METHOD_ATTACHED", "ORDER_CREATED", "ORDER_PLACED"} < set(seen["all"])


async def test_who_comes_back_gets_what_happened_meanwhile_once_and_in_order(followed: Followed) -> None:
    """From every place where the client may have been cut off."""
    shop = followed.shop
    order_id = await shop.order(await shop.buyer())
    async with connected(followed.address) as client:
        await client.subscribe("1", ORDER, id=order_id)
        updates = [await order_update(client)]
        _ = await shop.charge(order_id)
        updates += [await order_update(client) for _ in range(4)]

    for seen, update in enumerate(updates):
        async with connected(followed.address) as client:
            await client.subscribe("1", ORDER, id=order_id, after=update["cursor"])
            missed = [await order_update(client) for _ in updates[seen + 1 :]]
            assert [each["event"] for each in missed] == [each["event"] for each in updates[seen + 1 :]]
            assert [each["cursor"] for each in missed] == [each["cursor"] for each in updates[seen + 1 :]]


async def test_a_follower_of_an_empty_gateway_can_come_back_too(followed: Followed) -> None:
    async with connected(followed.address) as client:
        await client.subscribe("1", EVENTS)
        cursor = (await client.data("1"))["events"]["cursor"]
    customer_id = await followed.shop.customer()
    async with connected(followed.address) as client:
        await client.subscribe("1", EVENTS, after=cursor)
        event = (await client.data("1"))["events"]["event"]
        assert (event["kind"], event["subjectIds"]) == ("CUSTOMER_CREATED", [customer_id])


def cursor_of(*key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "%%%",
        cursor_of(1, "FEED", "evt_01jz0000000000000000000000"),
        cursor_of(1, "FEED", "\0"),
        cursor_of(1, "FEED", 7),
        cursor_of(1, "FEED"),
        cursor_of(1, "NEWEST", "ord_1"),
        cursor_of(2, "FEED", ""),
        "A" * 10_000,
    ],
)
async def test_a_cursor_that_is_none_is_refused(shop: Shop, cursor: str) -> None:
    order_id = await shop.order(await shop.customer())
    async with serving(application(shop.running)) as address, connected(address) as client:
        for query in (ORDER, EVENTS):
            await client.subscribe("1", query, id=order_id, after=cursor)
            message = await client.receive()
            (error,) = message["payload"]
            assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", "after")


async def test_queries_and_mutations_work_over_the_socket_too(followed: Followed) -> None:
    async with connected(followed.address) as client:
        await client.subscribe(
            "1", 'mutation { customerCreate(input: {name: "Ada"}) { customer { id } userErrors { code } } }'
        )
        made = (await client.data("1"))["customerCreate"]["customer"]["id"]
        assert (await client.receive())["type"] == "complete"
        await client.subscribe("2", "query($id: ID!) { node(id: $id) { id } }", id=made)
        message = await client.receive()
        assert message["payload"]["data"] == {"node": {"id": made}}
        assert message["payload"]["extensions"]["cost"]["requested"] > 0


async def test_a_follower_who_falls_far_behind_misses_nothing(followed: Followed) -> None:
    """Its socket is full while more happens than waits for it in memory."""
    shop = followed.shop
    price = await shop.price()
    order_id = await shop.order(await shop.customer())
    async with connected(followed.address, compression=None) as client:
        await client.subscribe("1", ORDER, id=order_id)
        await order_update(client)
        client.raw.transport.pause_reading()
        for _ in range(130):
            await shop.do("orderAddLine", {"orderId": order_id, "priceId": price}, "order { id }")
        client.raw.transport.resume_reading()
        updates = [await order_update(client) for _ in range(130)]
    assert {update["event"]["kind"] for update in updates} == {"ORDER_LINE_ADDED"}
    assert len({update["event"]["id"] for update in updates}) == 130


# --- for whose eyes -------------------------------------------------------------------------------------------------


@pytest.mark.fault("F60")
async def test_what_is_not_yours_is_missing(followed: Followed) -> None:
    shop = followed.shop
    order_id, charge_id = await shop.paid(await shop.buyer(externalId="ada"))
    await shop.customer(externalId="grace")
    errors = []
    async with connected(followed.address, shop.person("grace")) as client:
        for query, record_id in ((ORDER, order_id), (CHARGE, charge_id), (ORDER, "ord_none"), (CHARGE, order_id)):
            await client.subscribe("1", query, id=record_id)
            message = await client.receive()
            assert message["type"] == "error"
            errors.append(json.dumps(message["payload"]).replace("charge", "order"))
    assert len(set(errors)) == 1, "the same words, whether it exists or not"
    assert '"NOT_FOUND"' in errors[0]
    assert '"argument": "id"' in errors[0]


@pytest.mark.parametrize("query", [ORDER, CHARGE, EVENTS], ids=["order", "charge", "events"])
async def test_nobody_follows_without_signing_in_or_without_the_scope(followed: Followed, query: str) -> None:
    shop = followed.shop
    order_id = await shop.order(await shop.customer())
    for authorization, code in (
        (None, "UNAUTHENTICATED"),
        (await shop.server(*(ALL_PERMISSIONS - {Permission.RECORDS_READ})), "PERMISSION_DENIED"),
    ):
        async with connected(followed.address, authorization) as client:
            await client.subscribe("1", query, id=order_id)
            assert await client.error_code("1") == code


@pytest.mark.fault("F60")
async def test_a_customer_follows_their_own_alone_and_reads_no_names(followed: Followed) -> None:
    shop = followed.shop
    ada, grace = await shop.buyer(externalId="ada"), await shop.buyer(externalId="grace")
    async with connected(followed.address, shop.person("ada")) as client:
        await client.subscribe("1", EVENTS)
        assert (await client.data("1"))["events"]["event"] is None
        await shop.paid(grace)
        order_id = await shop.order(ada)
        staff = shop.person("sam", role="admin")
        await shop.do("orderCancel", {"orderId": order_id}, as_=staff)
        created, canceled = [(await client.data("1"))["events"]["event"] for _ in range(2)]
        assert (created["kind"], created["subjectIds"]) == ("ORDER_CREATED", [order_id, ada])
        assert (canceled["kind"], canceled["actor"]) == ("ORDER_CANCELED", "staff")
        assert await client.silent()


async def test_a_person_without_a_record_follows_nothing(followed: Followed) -> None:
    shop = followed.shop
    async with connected(followed.address, shop.person("nobody")) as client:
        await client.subscribe("1", EVENTS)
        await client.data("1")
        await shop.paid(await shop.buyer(externalId="ada"))
        assert await client.silent()


async def test_a_key_that_is_revoked_follows_no_further(followed: Followed) -> None:
    shop = followed.shop
    order_id = await shop.order(await shop.buyer())
    key, secret = await make_key(shop.running.api_keys, "test", ALL_PERMISSIONS)
    async with connected(followed.address, f"Bearer {secret}") as client:
        await client.subscribe("1", ORDER, id=order_id)
        await client.subscribe("2", EVENTS)
        assert {(await client.receive())["type"] for _ in range(2)} == {"next"}
        await shop.running.api_keys.revoke(operator(), key.id)
        await shop.charge(order_id)
        ended = [await client.receive() for _ in range(2)]
        assert {message["id"] for message in ended} == {"1", "2"}
        for message in ended:
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")
        await client.subscribe("3", "{ orders { nodes { id } } }")
        assert await client.error_code("3") == "UNAUTHENTICATED"


async def test_a_customer_whose_record_changed_hands_sees_nothing_more(followed: Followed) -> None:
    shop = followed.shop
    customer_id = await shop.buyer(externalId="ada")
    order_id = await shop.order(customer_id)
    async with connected(followed.address, shop.person("ada")) as client:
        await client.subscribe("order", ORDER, id=order_id)
        await client.data("order")
        await client.subscribe("all", EVENTS)
        await client.data("all")
        await shop.do("customerUpdate", {"customerId": customer_id, "externalId": "grace"})
        await shop.charge(order_id)
        assert await client.error_code("order") == "NOT_FOUND"
        assert await client.silent()


EVENT = "subscription($after: String) { events(after: $after, filter: {kinds: ORDER_CREATED}) { event { id } } }"
UPDATE = "subscription($id: ID!) { NAME(id: $id) { event { id } } }"


async def outcome_of(address: str, name: str, arguments: Json, authorization: str | None) -> str:
    """In the words of the table of permissions; for everything that happened, of two orders of two customers."""
    async with connected(address, authorization) as client:
        query = EVENT if name == "events" else UPDATE.replace("NAME", name)
        await client.subscribe("1", query, **arguments, after=cursor_of(1, "FEED", ""))
        if name == "events":
            # What has happened comes at once; then this marks the end.
            await asyncio.sleep(SILENCE_SECONDS)
            await client.subscribe("2", "subscription { events { cursor } }")
        seen = 0
        while (message := await client.receive())["id"] == "1":
            if message["type"] == "error":
                return CODES[message["payload"][0]["extensions"]["code"]]
            seen += 1
            if name != "events":
                return YES
        return {0: EMPTY, 1: OWN, 2: YES}[seen]


@pytest.mark.parametrize(("name", "row"), SUBSCRIPTIONS.items(), ids=SUBSCRIPTIONS)
async def test_everybody_follows_what_the_table_says(
    tmp_path: Path, new_database_url: NewDatabaseUrl, name: str, row: Row
) -> None:
    url = new_database_url(Dialect.SQLITE)
    public = settings_for(tmp_path, url, public_catalogue=True)
    async with (
        open_shop(settings_for(tmp_path, url)) as shop,
        open_shop(public) as open_catalogue,
        serving(application(shop.running)) as address,
        serving(application(open_catalogue.running)) as open_address,
    ):
        world = await new_world(shop)
        arguments = await row.arguments(world)
        if name == "events":
            await shop.order(world.ada)
            await shop.order(world.grace)
        asking = (
            (address, None),
            (open_address, None),
            (address, shop.person("ada")),
            (address, shop.person("grace")),
            (address, shop.person("nobody")),
            (address, shop.person("sam", role="support")),
            (address, shop.person("fin", role="finance")),
            (address, shop.person("adm", role="admin")),
            (address, await shop.server(*ALL_PERMISSIONS)),
        )
        found = [await outcome_of(asked, name, arguments, as_) for asked, as_ in asking]
        unable = await shop.server(*(ALL_PERMISSIONS - set(row.needs)))
        assert await outcome_of(address, name, arguments, unable) == DENIED

    assert dict(zip(WHO, found, strict=True)) == dict(zip(WHO, row.outcomes, strict=True))


# --- until when -----------------------------------------------------------------------------------------------------


def short_token(shop: Shop, subject: str, seconds: int, **options: Any) -> str:
    assert isinstance(shop.running.verifier, SecretVerifier)
    return "Bearer " + shop.running.verifier.sign(subject, role=options.get("role"), lifetime_seconds=seconds)


async def test_a_socket_closes_when_the_token_expires_although_nothing_happens(followed: Followed) -> None:
    shop = followed.shop
    await shop.customer(externalId="ada")
    async with connected(followed.address, short_token(shop, "ada", 2)) as client:
        await client.subscribe("1", EVENTS)
        began = asyncio.get_running_loop().time()
        await client.data("1")
        assert await client.closed() == (4403, "The token has expired.")
        assert 0.3 < asyncio.get_running_loop().time() - began < 2.5


async def test_a_token_that_has_expired_opens_no_socket(followed: Followed) -> None:
    """Within the leeway between two clocks a request would pass; what lasts is not begun any more."""
    async with SocketClient(followed.address) as client:
        await client.send(
            type="connection_init", payload={"Authorization": short_token(followed.shop, "sam", -5, role="admin")}
        )
        assert (await client.closed())[0] == 4403


async def test_an_event_stream_ends_when_the_token_expires(followed: Followed) -> None:
    await followed.shop.customer(externalId="ada")
    token = short_token(followed.shop, "ada", 2)
    async with streaming(followed.address, EVENTS, authorization=token) as stream:
        await stream.data()
        event = await stream.event()
        assert event
        assert event[0] == "next"
        assert event[1]
        assert event[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await stream.event() == ("complete", None)
        assert await stream.event() is None


async def test_an_outage_of_the_database_ends_no_subscription_for_good(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is sent away to come back, and gets with its cursor what it has missed."""
    shop = followed.shop
    order_id = await shop.order(await shop.buyer())

    orders = shop.running.services.queries.orders
    read = type(orders).by_ids

    async def refuse(reads: Any, ids: Any, **more: Any) -> Any:
        if reads is orders:
            raise DatabaseUnavailable("the database is away")
        return await read(reads, ids, **more)

    async with (
        connected(followed.address) as client,
        streaming(followed.address, ORDER, id=order_id) as stream,
    ):
        await client.subscribe("1", ORDER, id=order_id)
        first = await order_update(client)
        await stream.data()
        with monkeypatch.context() as broken:
            broken.setattr(type(orders), "by_ids", refuse)
            await shop.running.services.orders.cancel(operator(), order_id, version=None)
            assert await client.closed() == (1013, "Try again later.")
            assert await stream.event() is None
    async with connected(followed.address) as client:
        await client.subscribe("1", ORDER, id=order_id, after=first["cursor"])
        assert (await order_update(client))["event"]["kind"] == "ORDER_CANCELED"


# --- as an event stream ---------------------------------------------------------------------------------------------


async def test_an_event_stream_tells_the_same(followed: Followed) -> None:
    shop = followed.shop
    order_id = await shop.order(await shop.buyer())
    async with streaming(followed.address, ORDER, id=order_id) as stream:
        first = (await stream.data())["orderUpdated"]
        assert first["event"] is None
        await shop.charge(order_id)
        kinds = [(await stream.data())["orderUpdated"]["event"]["kind"] for _ in range(4)]
        assert kinds == ["ORDER_PLACED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "ORDER_COMPLETED"]
    async with streaming(followed.address, ORDER, id=order_id, after=first["cursor"]) as stream:
        assert [(await stream.data())["orderUpdated"]["event"]["kind"] for _ in range(4)] == kinds


async def test_a_stream_of_what_is_not_there_says_so_and_completes(followed: Followed) -> None:
    async with streaming(followed.address, ORDER, id="ord_none") as stream:
        event = await stream.event()
        assert event
        assert event[1]
        assert event[1]["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        assert await stream.event() == ("complete", None)


# --- what it costs --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def many(followed: Followed, order_ids: list[str]) -> AsyncIterator[list[SocketClient]]:
    async with AsyncExitStack() as stack:
        clients = []
        for start in range(0, len(order_ids), 25):
            client = await stack.enter_async_context(connected(followed.address))
            for order_id in order_ids[start : start + 25]:
                await client.subscribe(order_id, ORDER, id=order_id)
                await client.data(order_id)
            clients.append(client)
        yield clients


async def test_an_event_asks_nothing_for_those_whom_it_does_not_concern(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Statements of one event for its one follower: with fifty others who follow other orders, and alone."""
    customer_id = await shop.customer()
    price = await shop.price()
    ours = await shop.order(customer_id)
    others = [await shop.order(customer_id) for _ in range(50)]
    counts = []
    async with serving(application(shop.running)) as address, connected(address) as client:
        followed = Followed(shop, address)
        await client.subscribe("1", ORDER, id=ours)
        await order_update(client)
        for crowd in ([], others):
            async with many(followed, crowd):
                with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
                    caplog.clear()
                    await shop.do("orderAddLine", {"orderId": ours, "priceId": price}, "order { id }")
                    await order_update(client)
                    counts.append(len([each for each in caplog.messages if not is_a_look(each)]))
    assert counts[0] == counts[1] > 0


def is_a_look(statement: str) -> bool:
    """The one reader's, which looks from time to time; a follower who searches the feed says until where."""
    return "event_feed" in statement and "feed.sequence <=" not in statement


async def test_a_principal_has_so_many_connections(tmp_path: Path, new_database_url: NewDatabaseUrl) -> None:
    most = LiveLimits().connections_of_one_customer
    async with open_shop(settings_for(tmp_path, new_database_url(Dialect.SQLITE))) as shop:
        await shop.customer(externalId="ada")
        async with serving(application(shop.running)) as address, AsyncExitStack() as stack:
            for _ in range(most):
                await stack.enter_async_context(connected(address, shop.person("ada")))
            async with SocketClient(address) as one_more:
                await one_more.send(type="connection_init", payload={"Authorization": shop.person("ada")})
                assert await one_more.closed() == (1013, "Too many connections.")
            async with streaming(address, EVENTS, authorization=shop.person("ada")) as stream:
                assert stream.response.status_code == 429
            async with connected(address, shop.person("grace")):
                pass
