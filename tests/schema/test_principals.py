"""Every root field as everybody: the table of tests/schema/permissions.py is what the gateway does."""

import os
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, get_named_type

from domain.issuers import DEFAULT_ISSUER_ID
from domain.principals import ALL_PERMISSIONS, operator
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.keys import make_key
from tests.schema.decided import a_dispute
from tests.schema.gateway import (
    ADMIN,
    GRAPHQL_SCHEMA,
    Json,
    Shop,
    document_of,
    money,
    new_key,
    open_shop,
    settings_for,
)
from tests.schema.invoiced import an_invoice
from tests.schema.permissions import (
    DENIED,
    EMPTY,
    LATER,
    MISSING,
    MUTATIONS,
    OWN,
    QUERIES,
    SIGN_IN,
    START,
    SUBSCRIPTIONS,
    WHO,
    YES,
    Row,
    World,
    as_markdown,
    new_world,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "permissions.md"
REWRITE = "PAYDESK_TEST_REWRITE"
CODES = {"PERMISSION_DENIED": DENIED, "NOT_FOUND": MISSING, "UNAUTHENTICATED": SIGN_IN}


def root_fields(root: GraphQLObjectType | None) -> set[str]:
    assert root
    return set(root.fields)


def test_no_root_field_is_forgotten() -> None:
    assert {name.partition(",")[0] for name in QUERIES} == root_fields(GRAPHQL_SCHEMA.query_type)
    assert {name.partition(",")[0] for name in MUTATIONS} == root_fields(GRAPHQL_SCHEMA.mutation_type)
    assert set(SUBSCRIPTIONS) == root_fields(GRAPHQL_SCHEMA.subscription_type)
    rows = [*QUERIES.values(), *MUTATIONS.values(), *SUBSCRIPTIONS.values()]
    assert all(len(row.outcomes) == len(WHO) for row in rows)


def test_the_table_is_in_the_docs() -> None:
    """`PAYDESK_TEST_REWRITE=1 pytest tests/schema/test_principals.py` writes it anew."""
    if os.environ.get(REWRITE):
        DOCUMENT.write_text(as_markdown())
    assert DOCUMENT.read_text() == as_markdown()


def query_of(field: str) -> str:
    assert GRAPHQL_SCHEMA.query_type
    definition = GRAPHQL_SCHEMA.query_type.fields[field]
    kind = get_named_type(definition.type)
    declared = {name: argument.type for name, argument in definition.args.items() if name in ("id", "ids", "input")}
    variables = ", ".join(f"${name}: {type_}" for name, type_ in declared.items())
    arguments = ", ".join(f"{name}: ${name}" for name in declared)
    selects = {
        "paymentProvider": "name",
        "providerHealth": "account",
        "ledgerCheck": "ok",
        "reconciliation": "standing",
        "subscriptionPreview": "userErrors { code }",
        "subscriptionChangePreview": "userErrors { code }",
        "invoicePreview": "reason",
    }
    select = selects.get(field, "id")
    if kind.name.endswith("Connection"):
        select = "nodes { id }"
    return f"query Q({variables}) {{ {field}({arguments}) {{ {select} }} }}".replace("()", "")


LISTS = {
    name: name for name in ("customers", "orders", "subscriptions", "invoices", "charges", "refunds", "disputes")
} | {
    "auditEntries": "audit_entries",
    "apiKeys": "api_keys",
    "webhookDeliveries": "webhook_deliveries",
    "jobs": "jobs",
    "testClocks": "test_clocks",
    "discrepancies": "discrepancies",
}
"""And the tables that they are read from."""


async def outcome_of(shop: Shop, field: str, arguments: Json, *, as_: str | None) -> str:
    is_mutation = field in root_fields(GRAPHQL_SCHEMA.mutation_type)
    document = document_of(field, "") if is_mutation else query_of(field)
    variables = {"input": arguments} if is_mutation else arguments
    body = (await shop.send(document, variables, as_=as_)).json()
    if "errors" in body:
        return CODES[body["errors"][0]["extensions"]["code"]]
    value = body["data"][field]
    if isinstance(value, dict) and "userErrors" in value:
        codes = [error["code"] for error in value["userErrors"]]
        return YES if codes in ([], ["DELETE_NOT_ALLOWED"]) else CODES[codes[0]]
    if field in LISTS:
        return {0: EMPTY, await shop.count(LISTS[field]): YES}.get(len(value["nodes"]), OWN)
    return MISSING if value in (None, [None]) else YES


@pytest.mark.parametrize(("name", "row"), [*QUERIES.items(), *MUTATIONS.items()], ids=[*QUERIES, *MUTATIONS])
async def test_everybody_gets_what_the_table_says(
    tmp_path: Path, new_database_url: NewDatabaseUrl, name: str, row: Row
) -> None:
    field = name.partition(",")[0]
    url = new_database_url(Dialect.SQLITE)
    public = settings_for(tmp_path, url, public_catalogue=True)
    # A bank that is silent about one charge after the other, as some rows need it, is none that is away.
    async with open_shop(settings_for(tmp_path, url, breaker_failures=0)) as shop, open_shop(public) as open_catalogue:
        world = await new_world(shop)
        if field in LISTS:
            for owner in (world.ada, world.grace):
                _, charge_id = await shop.paid(owner)
                await shop.refund(charge_id, 1)
                await an_invoice(shop, owner)
                await world.subscription(owner)
            await shop.do("productCreate", {"name": "Tea"}, as_=shop.person("adm", role="admin"))
            await world.delivery()
        asking = (
            (shop, None),
            (open_catalogue, None),
            (shop, shop.person("ada")),
            (shop, shop.person("grace")),
            (shop, shop.person("nobody")),
            (shop, shop.person("sam", role="support")),
            (shop, shop.person("fin", role="finance")),
            (shop, shop.person("adm", role="admin")),
            (shop, await shop.server(*ALL_PERMISSIONS)),
        )
        found = []
        for asked, credentials in asking:
            arguments = await row.arguments(world)
            before = await shop.contents()
            outcome = await outcome_of(asked, field, arguments, as_=credentials)
            if outcome != YES:
                assert await shop.contents() == before
            found.append(outcome)

    assert dict(zip(WHO, found, strict=True)) == dict(zip(WHO, row.outcomes, strict=True))


@pytest.mark.parametrize(("name", "row"), [*QUERIES.items(), *MUTATIONS.items()], ids=[*QUERIES, *MUTATIONS])
async def test_a_servers_key_needs_exactly_the_scopes_of_the_table(shop: Shop, name: str, row: Row) -> None:
    field = name.partition(",")[0]
    world = await new_world(shop)
    for missing in row.needs:
        others = ALL_PERMISSIONS - {missing}
        arguments = await row.arguments(world)
        assert await outcome_of(shop, field, arguments, as_=await shop.server(*others)) == DENIED
    if field == "me":
        return
    enough = await outcome_of(shop, field, await row.arguments(world), as_=await shop.server(*row.needs))
    assert enough in (YES, EMPTY)


class TestSomebodyElses:
    """As Grace, who has everything of her own: what is Ada's answers as what was never made."""

    @pytest.mark.fault("F60")
    async def test_no_argument_tells_it_from_what_does_not_exist(self, shop: Shop) -> None:
        world = await new_world(shop)
        own, foreign = await records_of(shop, world.grace, world), await records_of(shop, world.ada, world)
        grace = shop.person("grace")
        tried = []
        for mutation, input_type in inputs().items():
            base = {name: value for name, value in {**own, **SCALARS}.items() if name in input_type.fields}
            if mutation == "orderAddLine":
                base = {"orderId": own["orderId"], "priceId": world.price}
            if mutation == "chargeReviewClose":
                base["reason"] = "LATE_MONEY"
            if mutation == "subscriptionCreate":
                base["items"] = [{"priceId": await world.plan()}]
            base |= OF_SUBSCRIPTIONS.get(mutation, {})
            if mutation == "subscriptionChange":
                base["items"] = [{"priceId": await world.plan()}]
            for name in id_fields(input_type):
                answers = []
                for value in (foreign[name], never_made(foreign[name])):
                    before = await shop.contents()
                    sent = base | {name: value}
                    if "idempotencyKey" in sent:
                        sent["idempotencyKey"] = new_key()
                    answers.append((await shop.send(document_of(mutation, ""), {"input": sent}, as_=grace)).json())
                    assert await shop.contents() == before, (mutation, name)
                assert answers[0] == answers[1], (mutation, name)
                assert answers[0]["data"][mutation]["userErrors"], (mutation, name)
                tried.append(f"{mutation}.{name}")

        assert len(tried) >= 18

    @pytest.mark.fault("F60")
    async def test_no_query_tells_it_from_what_does_not_exist(self, shop: Shop) -> None:
        world = await new_world(shop)
        foreign = await records_of(shop, world.ada, world)
        grace = shop.person("grace")
        kinds = {
            "customer": "customerId",
            "order": "orderId",
            "invoice": "invoiceId",
            "subscription": "subscriptionId",
            "charge": "chargeId",
            "refund": "refundId",
            "dispute": "disputeId",
        }
        for field, name in kinds.items():
            for root in (field, "node", "nodes"):
                values = [foreign[name], never_made(foreign[name])]
                sent = [{"ids": [value]} if root == "nodes" else {"id": value} for value in values]
                answers = [(await shop.send(query_of(root), variables, as_=grace)).json() for variables in sent]
                assert answers[0] == answers[1]
                assert answers[0]["data"][root] in (None, [None])

    @pytest.mark.fault("F60")
    async def test_no_filter_tells_it_from_what_does_not_exist(self, shop: Shop) -> None:
        world = await new_world(shop)
        await shop.do("customerUpdate", {"customerId": world.ada, "email": "ada@example.com"})
        await shop.order(world.ada, externalId="web-1")
        query = (
            "query($email: String, $id: String, $order: String) { "
            "customers(filter: { email: $email }) { nodes { id } pageInfo { hasNextPage endCursor } } "
            "same: customers(filter: { externalId: $id }) { nodes { id } } "
            "orders(filter: { externalId: $order }) { nodes { id } pageInfo { hasNextPage hasPreviousPage } } }"
        )
        grace = shop.person("grace")

        theirs = await shop.execute(query, {"email": "ada@example.com", "id": "ada", "order": "web-1"}, as_=grace)
        nobodys = await shop.execute(query, {"email": "no@example.com", "id": "no", "order": "web-2"}, as_=grace)

        assert theirs == nobodys
        assert theirs["customers"]["nodes"] == theirs["orders"]["nodes"] == []

    @pytest.mark.fault("F60")
    async def test_a_cursor_of_a_foreign_list_opens_nothing(self, shop: Shop) -> None:
        world = await new_world(shop)
        await shop.order(world.ada)
        await shop.order(world.ada)
        query = "query($after: String) { orders(first: 1, after: $after) { nodes { id } pageInfo { endCursor } } }"
        cursor = (await shop.execute(query))["orders"]["pageInfo"]["endCursor"]

        assert (await shop.execute(query, {"after": cursor}, as_=shop.person("grace")))["orders"]["nodes"] == []

    async def test_the_keys_of_one_are_nothing_to_another(self, shop: Shop) -> None:
        world = await new_world(shop)
        key = new_key()
        lines = [{"priceId": world.price}]
        made = await shop.do("orderCreate", {"lines": lines, "idempotencyKey": key}, as_=shop.person("ada"))
        other = await shop.do("orderCreate", {"lines": lines, "idempotencyKey": key}, as_=shop.person("grace"))
        assert made["id"] != other["id"]

    async def test_an_order_leads_to_no_card_of_somebody_else(self, shop: Shop) -> None:
        world = await new_world(shop)
        foreign = await shop.card(world.ada)
        order = await shop.do("orderCreate", {"lines": [{"priceId": world.price}]}, as_=shop.person("grace"))
        sent = {"orderId": order["id"], "paymentMethodId": foreign, "idempotencyKey": new_key()}
        assert await shop.refused("orderCharge", sent, as_=shop.person("grace")) == ("NOT_FOUND", "paymentMethodId")
        assert await shop.refused("orderCharge", sent, as_=ADMIN) == ("NOT_FOUND", "paymentMethodId")


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic YTpi",
        "Bearer pdk_unknown",
        "Bearer a.b.c",
        "pdk_x",
        "Bearer \x7f",
    ],
)
async def test_credentials_that_are_not_good_are_refused_for_everything(shop: Shop, credentials: str) -> None:
    response = await shop.send("{ paymentProvider { name } }", as_=credentials)

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert "data" not in response.json()


async def test_a_revoked_key_is_not_good(shop: Shop) -> None:
    key, secret = await make_key(shop.running.api_keys, "till", ALL_PERMISSIONS)
    assert await shop.execute("{ me { id } }", as_=f"Bearer {secret}") == {"me": None}

    await shop.running.api_keys.revoke(operator(), key.id)

    assert (await shop.send("{ me { id } }", as_=f"Bearer {secret}")).status_code == 401


# --- helpers ----------------------------------------------------------------------------------------------------------

SCALARS: dict[str, Any] = {
    "scopes": ["CATALOGUE_READ"],
    "quantity": 2,
    "token": "tok_visa",
    "amount": money(1),
    "idempotencyKey": "",
    "name": "Tea",
    "note": "Seen.",
    "now": START,
    "to": LATER,
    "found": "NOT_MOVED",
    "evidence": [{"kind": "OTHER", "text": "It was delivered."}],
}


OF_SUBSCRIPTIONS: dict[str, dict[str, Any]] = {
    "subscriptionPause": {"behavior": "CREDIT"},
    "subscriptionUndo": {"what": "CANCELLATION"},
}


def inputs() -> dict[str, GraphQLInputObjectType]:
    assert GRAPHQL_SCHEMA.mutation_type
    types = {
        name: get_named_type(field.args["input"].type) for name, field in GRAPHQL_SCHEMA.mutation_type.fields.items()
    }
    return {name: type_ for name, type_ in types.items() if isinstance(type_, GraphQLInputObjectType)}


def id_fields(input_type: GraphQLInputObjectType) -> list[str]:
    """Of records that belong to somebody; the catalogue belongs to everybody."""
    ids = [name for name, field in input_type.fields.items() if get_named_type(field.type).name == "ID"]
    return [name for name in ids if name not in ("productId", "priceId")]


async def records_of(shop: Shop, owner: str, world: World) -> dict[str, Any]:
    """One of everything, under the names by which inputs refer to it."""
    _, charge_id = await shop.paid(owner)
    order_id = await shop.order(owner)
    query = "query($id: ID!) { order(id: $id) { lines { id } } }"
    (line,) = (await shop.execute(query, {"id": order_id}))["order"]["lines"]
    waiting = {"customerId": owner, "priceId": world.price}
    return {
        "customerId": owner,
        "testClockId": await world.clock(),
        "orderId": order_id,
        "lineId": line["id"],
        "invoiceId": (await an_invoice(shop, owner)).id,
        "invoiceItemId": (await shop.do("invoiceItemCreate", waiting, "invoiceItem { id }"))["id"],
        "subscriptionId": await world.subscription(owner),
        "paymentMethodId": await shop.card(owner),
        "chargeId": charge_id,
        "refundId": await shop.refund(charge_id, 1),
        "disputeId": await a_dispute(shop, charge_id),
        "issuerId": DEFAULT_ISSUER_ID,
        "apiKeyId": await world.api_key(),
        "discrepancyId": await world.discrepancy(),
        "webhookDeliveryId": await world.delivery(),
        "jobId": await world.job(),
        "productId": world.product,
        "priceId": world.price,
        "id": order_id,
    }


def never_made(record_id: str) -> str:
    """As a real one to the last character but three."""
    return record_id[:-3] + ("aaa" if not record_id.endswith("aaa") else "bbb")
