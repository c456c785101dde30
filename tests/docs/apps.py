"""The app of a customer, as the how-tos for the web, iOS and Android have it: it asks what docs/examples asks."""

from dataclasses import dataclass
from typing import Any

from tests.docs.pages import EXAMPLES
from tests.schema.gateway import Shop

OPERATIONS = "\n".join(file.read_text("utf-8") for file in sorted(EXAMPLES.glob("*.graphql")))

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class App:
    shop: Shop
    price_id: str
    customer: str = "ada"

    async def ask(self, document: str, operation: str | None = None, **variables: Any) -> Json:
        body = {"query": document, "operationName": operation, "variables": variables}
        headers = {"Authorization": self.shop.person(self.customer)}
        answer: Json = (await self.shop.client.post("/graphql", json=body, headers=headers)).json()
        assert "errors" not in answer, answer
        return answer

    async def do(self, operation: str, **variables: Any) -> Any:
        """What the operation's only field answers."""
        ((_, payload),) = (await self.ask(OPERATIONS, operation, **variables))["data"].items()
        assert payload["userErrors"] == []
        return payload

    async def secret(self) -> str:
        return str((await self.do("OpenCardForm"))["clientSession"]["secret"])

    async def order(self, price_id: str | None = None) -> str:
        made = await self.do("MakeOrder", priceId=price_id or self.price_id, key=f"order of {price_id}")
        return str(made["order"]["id"])

    async def pay(self, **how: Any) -> Json:
        order_id = how.pop("order_id", None) or await self.order()
        return dict((await self.do("Pay", orderId=order_id, key=f"pay {order_id}", **how))["charge"])
