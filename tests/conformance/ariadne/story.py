"""A shop's server, with the client that ariadne-codegen makes of our schema and `operations.graphql`."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from paydesk_client import (
    ChargeState,
    CustomerCreateWithPaymentMethodInput,
    DeclineCode,
    EventKind,
    GraphQLClientGraphQLMultiError,
    GraphQLClientHttpError,
    OrderChargeInput,
    OrderCreateInput,
    OrderLineInput,
    OrderState,
    Paydesk,
    PaymentMethodAttachInput,
    PaymentState,
    PayOrderCharge,
    PayOrderChargeCharge,
    PayOrderChargeChargeNextActionRedirectAction,
    UserErrorCode,
)

URL = os.environ["PAYDESK_URL"]
WS_URL = os.environ["PAYDESK_WS_URL"]
KEY = os.environ["PAYDESK_ADMIN_KEY"]


@asynccontextmanager
async def paydesk(key: str = KEY) -> AsyncIterator[Paydesk]:
    """`Accept` asks for the older answers: the generated client reads the errors of a 200 and drops those of a 422."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    # A payment may take 15 seconds, a client of httpx waits for 5. What is generated types it as something narrower.
    http: Any = httpx.AsyncClient(headers=headers, timeout=30)
    sign_in = {"Authorization": f"Bearer {key}"}
    async with Paydesk(URL, http_client=http, ws_url=WS_URL, ws_connection_init_payload=sign_in) as client:
        yield client


@dataclass
class Story:
    client: Paydesk
    price_id: str = ""
    customer_id: str = ""
    order_ids: list[str] = field(default_factory=list)

    async def the_catalogue_is_read_with_money_as_whole_cents(self) -> None:
        found = await self.client.products(first=2)

        assert found.products
        first, second = found.products.nodes
        assert (first.name, second.name) == ("Assam", "Ceylon")
        assert first.metadata == {}
        assert datetime.now(UTC) - first.created_at < timedelta(hours=1)
        (price,) = first.prices.nodes
        assert (price.amount.minor_units, price.amount.currency) == (1000, "USD")
        assert price.amount.formatted == "10,00\u00a0$"
        self.price_id = price.id

    async def a_customer_is_added_with_a_card(self) -> None:
        made = await self.client.create_customer(
            CustomerCreateWithPaymentMethodInput(name="Grace Hopper", token="tok_visa", metadata={"desk": "7"})
        )

        payload = made.customer_create_with_payment_method
        assert payload
        assert payload.user_errors == []
        assert payload.payment_method
        assert payload.payment_method.card
        assert payload.payment_method.card.last_4 == "4242"
        assert payload.customer
        self.customer_id = payload.customer.id

    async def five_orders_are_made(self) -> None:
        for quantity in range(1, 6):
            line = OrderLineInput(price_id=self.price_id, quantity=quantity)
            made = await self.client.create_order(OrderCreateInput(customer_id=self.customer_id, lines=[line]))
            assert made.order_create
            assert made.order_create.user_errors == []
            assert made.order_create.order
            assert made.order_create.order.total.minor_units == 1000 * quantity
            self.order_ids.insert(0, made.order_create.order.id)

    async def page_after_page_is_read_without_a_gap_or_a_repeat(self) -> None:
        pages: list[list[str]] = []
        after: str | None = None
        while True:
            found = await self.client.orders_of_customer(id=self.customer_id, first=2, after=after)
            assert found.customer
            orders = found.customer.orders
            pages.append([order.id for order in orders.nodes])
            if not orders.page_info.has_next_page:
                break
            after = orders.page_info.end_cursor

        assert [len(page) for page in pages] == [2, 2, 1]
        assert [order_id for page in pages for order_id in page] == self.order_ids

    async def an_order_is_paid(self) -> None:
        paid = await self._pay(self.order_ids[0])

        assert paid.user_errors == []
        assert _charge_of(paid).state is ChargeState.SUCCEEDED
        assert paid.order
        assert (paid.order.state, paid.order.payment_state) == (OrderState.COMPLETED, PaymentState.PAID)

    async def an_order_is_followed_until_it_is_paid(self) -> None:
        order_id = self.order_ids[2]
        kinds: list[EventKind] = []
        async for message in self.client.order_updated(id=order_id):
            update = message.order_updated
            assert update
            assert update.order
            if update.event is None:
                assert update.order.state is OrderState.OPEN
                await self._pay(order_id)
                continue
            kinds.append(update.event.kind)
            if update.event.kind is EventKind.ORDER_COMPLETED:
                assert update.order.payment_state is PaymentState.PAID
                break

        assert kinds == [
            EventKind.ORDER_PLACED,
            EventKind.CHARGE_CREATED,
            EventKind.CHARGE_SUCCEEDED,
            EventKind.ORDER_COMPLETED,
        ]

    async def what_a_user_can_mend_is_data(self) -> None:
        refused = await self._pay(self.order_ids[0])

        assert refused.charge is None
        (error,) = refused.user_errors
        assert (error.code, error.path) == (UserErrorCode.ORDER_ALREADY_PAID, ["orderId"])

    async def a_decline_is_data_too(self) -> None:
        declined = await self._pay(self.order_ids[1], await self._card("tok_chargeDeclinedInsufficientFunds"))

        charge = _charge_of(declined)
        assert (charge.state, charge.decline_code) == (ChargeState.DECLINED, DeclineCode.INSUFFICIENT_FUNDS)
        assert declined.user_errors == []

    async def a_union_tells_what_the_customer_has_to_do(self) -> None:
        charge = _charge_of(await self._pay(self.order_ids[1], await self._card("tok_threeDSecureRequired")))

        assert charge.state is ChargeState.REQUIRES_ACTION
        assert isinstance(charge.next_action, PayOrderChargeChargeNextActionRedirectAction)
        assert charge.next_action.url.startswith(URL.removesuffix("/graphql"))
        assert charge.next_action.expires_at > datetime.now(UTC)

    async def an_error_of_the_request_is_raised_with_what_could_be_read(self) -> None:
        try:
            await self.client.orders_of_customer(id=self.customer_id, first=2, after="not a cursor")
        except GraphQLClientGraphQLMultiError as error:
            assert error.data == {"customer": None}
            assert error.errors[0].path == ["customer", "orders"]
        else:
            raise AssertionError("the cursor was taken")

    async def a_document_that_the_schema_does_not_know_is_refused(self) -> None:
        try:
            self.client.get_data(await self.client.execute("{ nonsense }"))
        except GraphQLClientGraphQLMultiError as error:
            assert _code_of(error) == "GRAPHQL_VALIDATION_FAILED"
        else:
            raise AssertionError("nonsense was answered")

    async def a_key_that_is_not_good_is_told_from_other_errors(self) -> None:
        async with paydesk("not a key") as stranger:
            try:
                await stranger.products(first=1)
            except GraphQLClientHttpError as error:
                assert error.status_code == 401
            else:
                raise AssertionError("a stranger was answered")

    async def a_state_of_a_later_gateway_does_not_break_this_program(self) -> None:
        seen = PayOrderChargeCharge.model_validate(
            {"id": "chg_1", "state": "POSTPONED", "declineCode": None, "message": None, "nextAction": None}
        )

        assert seen.state == "POSTPONED"
        assert seen.state not in set(ChargeState)

    async def _pay(self, order_id: str, payment_method_id: str | None = None) -> PayOrderCharge:
        wish = OrderChargeInput(
            order_id=order_id, payment_method_id=payment_method_id, idempotency_key=str(uuid.uuid4())
        )
        paid = (await self.client.pay(wish)).order_charge
        assert paid
        return paid

    async def _card(self, token: str) -> str:
        card = await self.client.attach_card(PaymentMethodAttachInput(customer_id=self.customer_id, token=token))
        attached = card.payment_method_attach
        assert attached
        assert attached.payment_method, attached.user_errors
        return str(attached.payment_method.id)


def _charge_of(paid: PayOrderCharge) -> PayOrderChargeCharge:
    assert paid.charge, paid.user_errors
    return paid.charge


def _code_of(error: GraphQLClientGraphQLMultiError) -> object:
    extensions = error.errors[0].extensions
    assert extensions
    return extensions["code"]


async def main() -> None:
    async with paydesk() as client:
        story = Story(client)
        steps: list[Callable[[], Awaitable[None]]] = [
            getattr(story, name) for name in vars(Story) if not name.startswith("_") and callable(getattr(story, name))
        ]
        for step in steps:
            await step()
            print("ok", step.__name__.replace("_", " "))


if __name__ == "__main__":
    asyncio.run(main())
