"""No N+1: what fifty orders are made of is read in as many statements as what five are made of."""

import logging
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from domain.events import EventKind
from domain.orders import OrderState
from schema.http.cost import Costing
from schema.limits import Limits
from schema.loaders import MOST_ROWS
from tests.persistence.shop import (
    NOON,
    new_card,
    new_charge,
    new_customer,
    new_line,
    new_order,
    new_price,
    new_product,
    new_refund,
    new_story,
    write,
)
from tests.schema.gateway import ADMIN, GRAPHQL_SCHEMA, Shop

PAGE_OF_ORDERS = """
query($first: Int) {
  orders(first: $first) {
    nodes {
      id state paymentState total { formatted }
      customer { id name }
      lines { name quantity amount { formatted } product { id name } price { id } }
      charges {
        nodes {
          id state amount { formatted } paymentMethod { card { brand last4 } }
          refunds { nodes { id state amount { formatted } } }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
WITH_STORY = PAGE_OF_ORDERS.replace("lines {", "timeline { nodes { kind at summary } } lines {")
EVERYTHING_OF_CUSTOMERS = """
query($first: Int) {
  customers(first: $first) {
    nodes {
      id name defaultPaymentMethod { id isDefault } providerAccounts { account }
      timeline { nodes { kind } }
      paymentMethods { nodes { id isDefault customer { id } timeline { nodes { kind } } } }
      orders { nodes { id lines { product { id prices(first: 1) { nodes { id } } } } charges { nodes { id } } } }
      charges { nodes { id order { id } customer { id } paymentMethod { id } refunds { nodes { charge { id } } } } }
    }
  }
}
"""
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Order { customer { id } charges { nodes { id } } } } }"


async def fill(shop: Shop, orders: int) -> list[str]:
    """Each order with a customer, products, lines, charges and refunds of its own."""
    ids = []
    async with shop.running.database.transaction() as connection:
        for number in range(orders):
            customer = new_customer(name=f"Ada {number}")
            card = new_card(customer)
            products = [new_product(), new_product()]
            prices = [new_price(product) for product in products]
            lines = [new_line(5_00, product_id=price.product_id, price_id=price.id) for price in prices]
            order = new_order(customer, lines=tuple(lines), state=OrderState.COMPLETED, placed_at=NOON)
            charges = [new_charge(order, card), new_charge(order, card)]
            refunds = [new_refund(charge) for charge in charges * 2]
            story = new_story(EventKind.ORDER_CREATED, order.id, customer.id)
            await write(connection, customer, card, *products, *prices, order, *charges, *refunds, story)
            ids.append(order.id)
    return ids


@pytest.mark.parametrize("query", [PAGE_OF_ORDERS, WITH_STORY, EVERYTHING_OF_CUSTOMERS], ids=["page", "story", "all"])
async def test_fifty_are_read_with_as_many_statements_as_five(
    shop_on_both: Shop, caplog: pytest.LogCaptureFixture, query: str
) -> None:
    await fill(shop_on_both, 50)
    await shop_on_both.execute(query, {"first": 1})

    counts = {}
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        for first in (5, 50):
            caplog.clear()
            data = await shop_on_both.execute(query, {"first": first})
            counts[first] = len(caplog.records)
            (page,) = data.values()
            assert len(page["nodes"]) == first
            assert all(node["charges"]["nodes"] for node in page["nodes"])

    assert counts[5] == counts[50]
    # One for each list or reference that the query names, and none to spare.
    assert 0 < counts[50] <= 20


async def test_fifty_nodes_are_read_with_as_many_statements_as_five(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await fill(shop, 50)
    counts = []
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        for wanted in (ids[:5], ids):
            caplog.clear()
            assert len((await shop.execute(NODES, {"ids": wanted}))["nodes"]) == len(wanted)
            counts.append(len(caplog.records))

    assert counts == [3, 3]


class TestCost:
    @pytest.mark.parametrize("query", [PAGE_OF_ORDERS, WITH_STORY])
    async def test_the_page_that_every_shop_shows_is_allowed(self, shop: Shop, query: str) -> None:
        response = await shop.send(query, {"first": 50}, as_=ADMIN)

        cost = response.json()["extensions"]["cost"]
        assert cost["maximum"] == Limits().cost
        assert 1_000 < cost["requested"] < 9_000

    async def test_a_nested_list_that_is_given_a_size_counts_with_it(self, shop: Shop) -> None:
        async def cost(charges: str) -> int:
            query = f"{{ orders(first: 10) {{ nodes {{ charges{charges} {{ nodes {{ id }} }} }} }} }}"
            requested: int = (await shop.send(query, as_=ADMIN)).json()["extensions"]["cost"]["requested"]
            return requested

        assert await cost("(first: 1)") == 1 + 1 + 10 * (1 + 1 + 1)
        assert await cost("") == await cost("(first: 3)") == 1 + 1 + 10 * (1 + 1 + 3)
        assert await cost("(first: 100)") == 1 + 1 + 10 * (1 + 1 + 100)

    async def test_lists_in_lists_in_lists_are_refused_before_they_are_read(
        self, shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        all_ = "(first: 100) { nodes"
        query = f"{{ customers{all_} {{ orders{all_} {{ charges{all_} {{ id }} }} }} }} }} }} }}"
        with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
            response = await shop.send(query, as_=ADMIN)

        assert response.status_code == 422
        assert response.json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_COSTLY"
        assert caplog.records == []

    async def test_lists_that_turn_out_longer_than_they_usually_are_stop_being_read(self, shop: Shop) -> None:
        """A product with twenty prices, each of which leads back to the product, unfolds without end."""
        async with shop.running.database.transaction() as connection:
            for _ in range(20):
                product = new_product()
                await write(connection, product, *(new_price(product) for _ in range(20)))
        again = "prices { nodes { product { %s } } }"
        query = "{ products { nodes { " + again % (again % (again % "id")) + " } } }"

        response = await shop.send(query, as_=ADMIN)

        body: dict[str, Any] = response.json()
        assert body["errors"][0]["extensions"] == {"code": "QUERY_TOO_COSTLY", "limit": MOST_ROWS}
        assert 0 < len(body["errors"]) <= Limits().errors
        assert "Ask for fewer" in body["errors"][0]["message"]
        assert len(response.content) < 2_000_000

    def test_the_estimate_knows_a_nested_list_inside_fragments(self) -> None:
        plain = "{ orders { nodes { charges { nodes { id } } } } }"
        spread = (
            "query Q { orders { nodes { ...O } } } fragment O on Order { charges { ...C } } "
            "fragment C on ChargeConnection { nodes { id } }"
        )
        costs = []
        for text in (plain, spread, "{ orders { nodes { ... { charges { nodes { id } } } } } }"):
            document = parse(text)
            operation = document.definitions[0]
            assert isinstance(operation, OperationDefinitionNode)
            costs.append(Costing(GRAPHQL_SCHEMA, document, operation, {}).total())

        assert costs == [1 + 1 + 20 * (1 + 1 + 3)] * 3
