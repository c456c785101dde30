"""The reference of the GraphQL API: it is whole, and its examples do what they show."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLField, parse, validate

from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.docs import reference
from tests.docs.examples import Example, example_of
from tests.docs.pages import anchors, blocks
from tests.schema import permissions
from tests.schema.gateway import ADMIN, GRAPHQL_SCHEMA, Json, Shop, open_shop, settings_for
from tests.schema.permissions import World, new_world

ROOTS = {
    "query": GRAPHQL_SCHEMA.query_type,
    "mutation": GRAPHQL_SCHEMA.mutation_type,
    "subscription": GRAPHQL_SCHEMA.subscription_type,
}
FIELDS: dict[str, tuple[str, GraphQLField]] = {
    name: (kind, definition) for kind, root in ROOTS.items() if root for name, definition in root.fields.items()
}
ASKED = [name for name, (kind, _) in FIELDS.items() if kind != "subscription"]
# A payload's `invoice` is null where an order is paid: the records of the examples are orders.
REFUSED_ALWAYS = {"recordDelete": "DELETE_NOT_ALLOWED"}


@pytest.fixture
async def shop(tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[Shop]:
    async with open_shop(settings_for(tmp_path, new_database_url(Dialect.SQLITE))) as shop:
        yield shop


PAGES = {name: file.read_text(encoding="utf-8") for name, file in reference.files().items()}


def test_every_type_and_every_field_of_a_root_has_its_place() -> None:
    headings = re.findall(r"^### (\w+) \((\w+)\)$", "\n".join(PAGES.values()), re.MULTILINE)
    text = "\n".join(PAGES.values())

    assert len(headings) == len(set(headings))
    assert {name for name, kind in headings if kind in ROOTS} == set(FIELDS)
    for name in GRAPHQL_SCHEMA.type_map:
        if not name.startswith("__") and name not in ("ID", "String", "Int", "Float", "Boolean"):
            told = name.removesuffix("Edge").removesuffix("Connection")
            assert told in ("Query", "Mutation", "Subscription") or re.search(rf"\b{told}\b", text), name


@pytest.mark.parametrize("name", PAGES)
def test_the_headings_of_a_page_have_anchors_of_their_own(name: str) -> None:
    assert len(anchors(PAGES[name])) == len(re.findall(r"^#+ ", PAGES[name], re.MULTILINE))


@pytest.mark.parametrize("name", FIELDS)
def test_an_example_is_valid_and_is_on_a_page(name: str) -> None:
    example = example_for(name)

    assert validate(GRAPHQL_SCHEMA, parse(example.document)) == []
    assert any(example.document in block.text for page in PAGES.values() for block in blocks(page))


@pytest.mark.parametrize("name", ASKED)
async def test_an_example_does_what_it_shows(name: str, shop: Shop) -> None:
    """With ids of records like those that the table of permissions asks for."""
    world = await new_world(shop)
    example = example_for(name)
    variables = await with_ids(example.variables, name, world)

    data = await shop.execute(example.document, variables, as_=shop.person("ada") if name == "me" else ADMIN)

    answer = data[name]
    assert answer is not None, variables
    if "userErrors" in answer:
        codes = [error["code"] for error in answer["userErrors"]]
        assert codes == ([REFUSED_ALWAYS[name]] if name in REFUSED_ALWAYS else []), answer["userErrors"]
        assert name in REFUSED_ALWAYS or {field for field, value in answer.items() if value is None} <= {"invoice"}


def example_for(name: str) -> Example:
    kind, definition = FIELDS[name]
    return example_of(kind, name, definition)


async def with_ids(variables: Json, name: str, world: World) -> Json:
    """`ord_…` and its like replaced by the ids that this field's row of the table has, or else by the world's own."""
    row = {**permissions.QUERIES, **permissions.MUTATIONS}[name]
    latest = {"cus": world.ada, "prod": world.product, "price": world.price}
    for found in re.findall(r'"((?:[a-z]+)_[0-9a-z]{26})"', json.dumps(await row.arguments(world))):
        latest[found.partition("_")[0]] = found
    if "ord" not in latest:
        latest["ord"] = await world.order()
    text = re.sub(r"\b([a-z]+)_…", lambda found: latest[found[1]], json.dumps(variables, ensure_ascii=False))
    replaced: dict[str, Any] = json.loads(text)
    return replaced
