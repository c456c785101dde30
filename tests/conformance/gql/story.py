"""A shop's script, with gql: documents as text, and the DSL that is checked against the schema it has asked for."""

import asyncio
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

from gql import Client, gql
from gql.client import AsyncClientSession
from gql.dsl import DSLInlineFragment, DSLMutation, DSLQuery, DSLSchema, dsl_gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError

URL = os.environ["PAYDESK_URL"]
WS_URL = os.environ["PAYDESK_WS_URL"]
KEY = os.environ["PAYDESK_ADMIN_KEY"]


def paydesk(key: str = KEY, *, fetch_schema: bool = True) -> Client:
    """`fetch_schema` asks for the schema first: the DSL needs it, and documents are checked before they are sent."""
    transport = HTTPXAsyncTransport(url=URL, headers={"Authorization": f"Bearer {key}"}, timeout=30)
    return Client(transport=transport, fetch_schema_from_transport=fetch_schema)


def paydesk_live(key: str = KEY) -> Client:
    """Over a WebSocket, whose first message says who it is."""
    return Client(transport=WebsocketsTransport(url=WS_URL, init_payload={"Authorization": f"Bearer {key}"}))


ORDERS_OF_CUSTOMER = gql("""
    query OrdersOfCustomer($id: ID!, $first: Int!, $after: String) {
        customer(id: $id) {
            orders(first: $first, after: $after) {
                nodes { id paymentState }
                pageInfo { hasNextPage endCursor }
            }
        }
    }
""")

CREATE_CUSTOMER = gql("""
    mutation CreateCustomer($input: CustomerCreateWithPaymentMethodInput!) {
        customerCreateWithPaymentMethod(input: $input) {
            customer { id }
            paymentMethod { state card { last4 } }
            userErrors { code message path }
        }
    }
""")

CREATE_ORDER = gql("""
    mutation CreateOrder($input: OrderCreateInput!) {
        orderCreate(input: $input) {
            order { id total { minorUnits } }
            userErrors { code message path }
        }
    }
""")

ATTACH_CARD = gql("""
    mutation AttachCard($input: PaymentMethodAttachInput!) {
        paymentMethodAttach(input: $input) { paymentMethod { id } userErrors { code message } }
    }
""")


ORDER_UPDATED = gql("""
    subscription OrderUpdated($id: ID!, $after: String) {
        orderUpdated(id: $id, after: $after) {
            order { state paymentState }
            event { kind summary }
            cursor
        }
    }
""")


@dataclass
class Story:
    session: AsyncClientSession
    schema: DSLSchema
    price_id: str = ""
    customer_id: str = ""
    order_ids: list[str] = field(default_factory=list)

    async def the_catalogue_is_read_with_money_as_whole_cents(self) -> None:
        ds = self.schema
        query = DSLQuery(
            ds.Query.products(first=2, sort="NAME").select(
                ds.ProductConnection.nodes.select(
                    ds.Product.name,
                    ds.Product.metadata,
                    ds.Product.prices.select(
                        ds.PriceConnection.nodes.select(
                            ds.Price.id,
                            ds.Price.amount.select(
                                ds.Money.minorUnits, ds.Money.currency, ds.Money.formatted(locale="de")
                            ),
                        )
                    ),
                )
            )
        )

        found = await self.session.execute(dsl_gql(query))

        first, second = found["products"]["nodes"]
        assert (first["name"], second["name"], first["metadata"]) == ("Assam", "Ceylon", {})
        (price,) = first["prices"]["nodes"]
        assert price["amount"] == {"minorUnits": 1000, "currency": "USD", "formatted": "10,00\u00a0$"}
        self.price_id = price["id"]

    async def a_customer_is_added_with_a_card(self) -> None:
        made = await self._mutate(
            CREATE_CUSTOMER, name="Grace Hopper", token="tok_visa", metadata={"desk": "7"}, idempotencyKey=_new_key()
        )

        assert made["userErrors"] == []
        assert made["paymentMethod"] == {"state": "ACTIVE", "card": {"last4": "4242"}}
        self.customer_id = made["customer"]["id"]

    async def five_orders_are_made(self) -> None:
        for quantity in range(1, 6):
            line = {"priceId": self.price_id, "quantity": quantity}
            made = await self._mutate(CREATE_ORDER, customerId=self.customer_id, lines=[line])
            assert made["userErrors"] == []
            assert made["order"]["total"] == {"minorUnits": 1000 * quantity}
            self.order_ids.insert(0, made["order"]["id"])

    async def page_after_page_is_read_without_a_gap_or_a_repeat(self) -> None:
        pages: list[list[str]] = []
        after: str | None = None
        while True:
            orders = (await self._orders(after))["customer"]["orders"]
            pages.append([order["id"] for order in orders["nodes"]])
            if not orders["pageInfo"]["hasNextPage"]:
                break
            after = orders["pageInfo"]["endCursor"]

        assert [len(page) for page in pages] == [2, 2, 1]
        assert [order_id for page in pages for order_id in page] == self.order_ids

    async def an_order_is_paid(self) -> None:
        paid = await self._pay(self.order_ids[0])

        assert paid["userErrors"] == []
        assert paid["charge"]["state"] == "SUCCEEDED"
        assert paid["order"] == {"state": "COMPLETED", "paymentState": "PAID"}

    async def an_order_is_followed_until_it_is_paid(self) -> None:
        order_id = self.order_ids[2]
        kinds: list[str] = []
        ORDER_UPDATED.variable_values = {"id": order_id}
        async with paydesk_live() as live:
            async for message in live.subscribe(ORDER_UPDATED):
                update = message["orderUpdated"]
                if update["event"] is None:
                    assert update["order"] == {"state": "OPEN", "paymentState": "UNPAID"}
                    await self._pay(order_id)
                    continue
                kinds.append(update["event"]["kind"])
                if update["order"]["state"] == "COMPLETED" and kinds[-1] == "ORDER_COMPLETED":
                    break

        assert kinds == ["ORDER_PLACED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "ORDER_COMPLETED"]

    async def and_whoever_comes_back_with_a_cursor_misses_nothing(self) -> None:
        order_id = self.order_ids[3]
        ORDER_UPDATED.variable_values = {"id": order_id}
        async with paydesk_live() as live:
            first = await anext(live.subscribe(ORDER_UPDATED))

        await self._pay(order_id)

        kinds: list[str] = []
        ORDER_UPDATED.variable_values = {"id": order_id, "after": first["orderUpdated"]["cursor"]}
        async with paydesk_live() as live:
            async for message in live.subscribe(ORDER_UPDATED):
                kinds.append(message["orderUpdated"]["event"]["kind"])
                if kinds[-1] == "ORDER_COMPLETED":
                    break
        assert kinds == ["ORDER_PLACED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "ORDER_COMPLETED"]

    async def what_a_user_can_mend_is_data(self) -> None:
        refused = await self._pay(self.order_ids[0])

        assert refused["charge"] is None
        (error,) = refused["userErrors"]
        assert (error["code"], error["path"]) == ("ORDER_ALREADY_PAID", ["orderId"])

    async def a_decline_is_data_too(self) -> None:
        declined = await self._pay(self.order_ids[1], await self._card("tok_chargeDeclinedInsufficientFunds"))

        assert declined["charge"]["state"] == "DECLINED"
        assert declined["charge"]["declineCode"] == "INSUFFICIENT_FUNDS"
        assert declined["userErrors"] == []

    async def a_union_tells_what_the_customer_has_to_do(self) -> None:
        waiting = await self._pay(self.order_ids[1], await self._card("tok_threeDSecureRequired"))

        assert waiting["charge"]["state"] == "REQUIRES_ACTION"
        assert waiting["charge"]["nextAction"]["url"].startswith(URL.removesuffix("/graphql"))

    async def a_document_that_the_schema_does_not_know_never_goes_out(self) -> None:
        try:
            await self.session.execute(gql("{ nonsense }"))
        except GraphQLError as error:
            assert "nonsense" in str(error)
        else:
            raise AssertionError("nonsense was answered")

    async def and_is_refused_with_a_code_if_it_does(self) -> None:
        try:
            async with paydesk(fetch_schema=False) as session:
                await session.execute(gql("{ nonsense }"))
        except TransportQueryError as error:
            assert error.errors
            assert error.errors[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        else:
            raise AssertionError("nonsense was answered")

    async def an_error_of_the_request_is_raised_with_what_could_be_read(self) -> None:
        try:
            await self._orders("not a cursor")
        except TransportQueryError as error:
            assert error.data == {"customer": None}
            assert error.errors
            assert error.errors[0]["path"] == ["customer", "orders"]
        else:
            raise AssertionError("the cursor was taken")

    async def a_key_that_is_not_good_is_told_from_other_errors(self) -> None:
        try:
            async with paydesk("not a key", fetch_schema=False) as session:
                await session.execute(gql("{ products { nodes { id } } }"))
        except TransportQueryError as error:
            assert error.errors
            assert error.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"
        else:
            raise AssertionError("a stranger was answered")

    async def _orders(self, after: str | None) -> dict[str, Any]:
        document = ORDERS_OF_CUSTOMER
        document.variable_values = {"id": self.customer_id, "first": 2, "after": after}
        orders: dict[str, Any] = await self.session.execute(document)
        return orders

    async def _mutate(self, document: Any, **values: object) -> dict[str, Any]:
        document.variable_values = {"input": values}
        (payload,) = (await self.session.execute(document)).values()
        return dict(payload)

    async def _pay(self, order_id: str, payment_method_id: str | None = None) -> dict[str, Any]:
        ds = self.schema
        wish = {"orderId": order_id, "paymentMethodId": payment_method_id, "idempotencyKey": _new_key()}
        redirect = DSLInlineFragment().on(ds.RedirectAction).select(ds.RedirectAction.url)
        mutation = DSLMutation(
            ds.Mutation.orderCharge(input=wish).select(
                ds.ChargePayload.charge.select(
                    ds.Charge.state, ds.Charge.declineCode, ds.Charge.nextAction.select(redirect)
                ),
                ds.ChargePayload.order.select(ds.Order.state, ds.Order.paymentState),
                ds.ChargePayload.userErrors.select(ds.UserError.code, ds.UserError.path),
            )
        )
        return dict((await self.session.execute(dsl_gql(mutation)))["orderCharge"])

    async def _card(self, token: str) -> str:
        attached = await self._mutate(ATTACH_CARD, customerId=self.customer_id, token=token)
        assert attached["userErrors"] == []
        return str(attached["paymentMethod"]["id"])


def _new_key() -> str:
    return str(uuid.uuid4())


async def main() -> None:
    client = paydesk()
    async with client as session:
        assert client.schema
        story = Story(session, DSLSchema(client.schema))
        for name in vars(Story):
            if not name.startswith("_") and callable(step := getattr(story, name)):
                await step()
                print("ok", name.replace("_", " "))


if __name__ == "__main__":
    asyncio.run(main())
