"""A shop's backend: what it sends to the gateway, over real HTTP."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from tests.server.processes import ADMIN_KEY

Json = dict[str, Any]
T = TypeVar("T")

PATIENCE_SECONDS = 30.0

CHARGE = """
    id state amount { minorUnits currency } captured { minorUnits } refunded { minorUnits } refundable { minorUnits }
    declineCode failureCode providerRef actionExpiresAt
    nextAction { ... on RedirectAction { url } ... on SdkAction { clientSecret token cardBin } }
    order { id state paymentState }
    customer { id }
    paymentMethod { customer { id } card { last4 } }
    refunds { nodes { id state amount { minorUnits } } }
"""
ORDER = """
    id state paymentState total { minorUnits currency decimal } captured { minorUnits } refunded { minorUnits }
    customer { id name }
    lines { name quantity unitAmount { minorUnits } amount { minorUnits } product { id } }
    charges { nodes { id state } }
"""


class Api:
    """Asks as a server with every right, or with whatever credential it is given."""

    def __init__(self, address: str, credential: str | None = ADMIN_KEY) -> None:
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        self._client = httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def http(self) -> httpx.AsyncClient:
        return self._client

    # --- GraphQL ----------------------------------------------------------------------------------------------------

    async def post(self, document: str, **variables: object) -> httpx.Response:
        return await self._client.post("/graphql", json={"query": document, "variables": variables})

    async def query(self, document: str, **variables: object) -> Json:
        response = await self.post(document, **variables)
        answer: Json = response.json()
        assert response.status_code == 200, answer
        assert "errors" not in answer, answer
        data: Json = answer["data"]
        return data

    async def mutate(self, name: str, selection: str, /, **values: object) -> Json:
        """The payload, with its `userErrors`."""
        document = mutation(name, selection)
        data = await self.query(document, input=values)
        payload: Json = data[name]
        return payload

    async def do(self, name: str, noun: str, selection: str, /, **values: object) -> Json:
        """A mutation that has to succeed; gives the record."""
        payload = await self.mutate(name, f"{noun} {{ {selection} }}", **values)
        assert payload["userErrors"] == [], payload
        record: Json = payload[noun]
        return record

    # --- the shop ---------------------------------------------------------------------------------------------------

    async def price(self, product: str, minor_units: int, currency: str = "USD") -> str:
        """A new product with one price; the price's id."""
        made = await self.do("productCreate", "product", "id", name=product)
        return await self.add_price(made["id"], minor_units, currency)

    async def add_price(self, product_id: str, minor_units: int, currency: str = "USD") -> str:
        amount = {"minorUnits": minor_units, "currency": currency}
        price = await self.do("priceCreate", "price", "id", productId=product_id, amount=amount)
        return str(price["id"])

    async def customer(self, name: str, token: str = "tok_visa") -> str:
        """A customer with a card of their own; the customer's id."""
        made = await self.do("customerCreateWithPaymentMethod", "customer", "id", name=name, token=token)
        return str(made["id"])

    async def order(self, customer_id: str, lines: dict[str, int], **values: object) -> str:
        """`lines`: how many of each price. The order's id."""
        wanted = [{"priceId": price_id, "quantity": quantity} for price_id, quantity in lines.items()]
        made = await self.do("orderCreate", "order", "id", customerId=customer_id, lines=wanted, **values)
        return str(made["id"])

    async def pay(self, order_id: str, key: str | None = None, **values: object) -> Json:
        """`orderCharge`; its payload with the whole charge."""
        return await self.mutate(
            "orderCharge", f"charge {{ {CHARGE} }}", orderId=order_id, idempotencyKey=key or new_key(), **values
        )

    async def charge(self, charge_id: str) -> Json:
        data = await self.query(f"query($id: ID!) {{ charge(id: $id) {{ {CHARGE} }} }}", id=charge_id)
        charge: Json = data["charge"]
        return charge

    async def order_of(self, order_id: str) -> Json:
        data = await self.query(f"query($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}", id=order_id)
        order: Json = data["order"]
        return order

    async def order_when(self, order_id: str, is_so: Callable[[Json], bool]) -> Json:
        return await eventually(lambda: self.order_of(order_id), is_so)

    async def charge_when(self, charge_id: str, *states: str) -> Json:
        return await eventually(lambda: self.charge(charge_id), lambda charge: charge["state"] in states)


def mutation(name: str, selection: str) -> str:
    kind = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {selection} userErrors {{ code message path }} }} }}"


def new_key() -> str:
    return f"key-{uuid.uuid4()}"


def codes(payload: Json) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


async def eventually(look: Callable[[], Awaitable[T]], is_so: Callable[[T], bool]) -> T:
    """What is seen once it is so; the last sight when it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = await look()
        if is_so(seen):
            return seen
        assert time.monotonic() < deadline, f"not so after {PATIENCE_SECONDS:.0f} s: {seen}"
        await asyncio.sleep(0.1)
