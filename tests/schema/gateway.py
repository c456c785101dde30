"""A whole gateway in this process: real store, real fake bank, real HTTP application, no socket.

`Shop` speaks GraphQL as one principal or another. Whatever it asks that is refused (`refused`, `denied`) has changed
nothing: the contents of every table are compared before and after.
"""

import re
import secrets
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import httpx
from graphql import GraphQLObjectType, get_named_type
from pydantic import SecretStr

from adapters.accounts import open_accounts
from adapters.fake.truth import Truth
from adapters.settings import PLAIN, Environment, FakeSettings, Settings
from adapters.tokens import SecretVerifier
from domain.clock import SystemClock
from domain.deployment import Providers
from domain.discrepancies import DiscrepancyKind, Finding
from domain.money import Money
from domain.principals import Permission
from domain.provider import Outcome
from domain.services.discrepancies import write_down
from schema.http.negotiation import GRAPHQL_RESPONSE
from schema.root import build_schema
from server import Gateway, application, gateway
from tests.keys import make_key
from tests.schema.refusals import saw

ADMIN = "Bearer " + "a" * 40
"""The deployment's admin key: a server with all scopes."""

GRAPHQL_SCHEMA = build_schema()._schema

VISA, DECLINED, CHALLENGED = "tok_visa", "tok_chargeDeclined", "tok_threeDSecureRequired"

Json = dict[str, Any]

# Written by every request that a key signs, refused or not; and after the commit, when events get their numbers.
_NOT_COMPARED = {"api_keys", "event_feed"}


def settings_for(folder: Path, database_url: str, *, pending_seconds: float = 10, **changed: Any) -> Settings:
    return Settings(
        _env_file=None,
        environment=Environment.SANDBOX,
        database_url=database_url,
        provider="fake",
        fake={PLAIN: FakeSettings(books=str(folder / "bank.sqlite3"), pending_seconds=pending_seconds)},
        admin_key=SecretStr(ADMIN.removeprefix("Bearer ")),
        jwt_secret=SecretStr("s" * 40),
        jwt_issuer="https://login.test",
        return_urls=("https://shop.example", "myshop://"),
        **changed,
    )


@asynccontextmanager
async def open_shop(settings: Settings, *, providers: Providers | None = None) -> AsyncIterator["Shop"]:
    """With other accounts than those of the settings, where they are given."""
    accounts_of = open_accounts if providers is None else lambda _: (None, providers)
    async with gateway(settings, accounts_of=accounts_of) as running:
        transport = httpx.ASGITransport(application(running), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
            yield Shop(running, client)


@dataclass(frozen=True, slots=True)
class Shop:
    running: Gateway
    client: httpx.AsyncClient

    # --- who asks ---------------------------------------------------------------------------------------------------

    def person(self, subject: str, *, role: str | None = None) -> str:
        """A customer whose `sub` is the subject; with a role, staff."""
        assert isinstance(self.running.verifier, SecretVerifier)
        return "Bearer " + self.running.verifier.sign(subject, role=role, lifetime_seconds=600)

    async def server(self, *permissions: Permission) -> str:
        _, secret = await make_key(self.running.api_keys, "test", frozenset(permissions))
        return f"Bearer {secret}"

    # --- asking -----------------------------------------------------------------------------------------------------

    async def send(self, query: str, variables: Mapping[str, Any] | None = None, *, as_: str | None) -> httpx.Response:
        headers = {"accept": GRAPHQL_RESPONSE} | ({"authorization": as_} if as_ else {})
        response = await self.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        for field, payload in (response.json().get("data") or {}).items():
            if field in _mutations().fields and payload:
                saw(field, (error["code"] for error in payload.get("userErrors", []) if "code" in error))
        return response

    async def execute(self, query: str, variables: Mapping[str, Any] | None = None, *, as_: str | None = ADMIN) -> Json:
        """The data of an answer without errors."""
        response = await self.send(query, variables, as_=as_)
        body: Json = response.json()
        assert "errors" not in body, body["errors"]
        assert response.status_code == 200
        data: Json = body["data"]
        return data

    async def denied(self, query: str, variables: Mapping[str, Any] | None = None, *, as_: str | None = ADMIN) -> Json:
        """The only GraphQL error of an answer that changed nothing."""
        before = await self.contents()
        response = await self.send(query, variables, as_=as_)
        assert await self.contents() == before
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] != "INTERNAL"
        return dict(error)

    async def mutate(self, mutation: str, input: Json, select: str = "", *, as_: str | None = ADMIN) -> Json:
        """The payload, whatever it says."""
        data = await self.execute(document_of(mutation, select), {"input": input}, as_=as_)
        payload: Json = data[mutation]
        return payload

    async def do(self, mutation: str, input: Json, select: str = "", *, as_: str | None = ADMIN) -> Any:
        """What the mutation made or changed: the first field of its payload."""
        payload = await self.mutate(mutation, input, select, as_=as_)
        assert payload["userErrors"] == []
        return payload[record_of(mutation)]

    async def refused(self, mutation: str, input: Json, *, as_: str | None = ADMIN) -> tuple[str, str]:
        """Code and path of the only user error; nothing was changed, and a person can read the message."""
        error = await self.refusal(mutation, input, as_=as_)
        return error["code"], ".".join(error["path"])

    async def refusal(self, mutation: str, input: Json, *, as_: str | None = ADMIN) -> Json:
        before = await self.contents()
        payload = await self.mutate(mutation, input, as_=as_)
        assert await self.contents() == before
        assert payload.keys() <= {"__typename", "userErrors"} or payload[record_of(mutation)] is None
        (error,) = payload["userErrors"]
        assert_worded(error["message"])
        return dict(error)

    # --- what is really there -----------------------------------------------------------------------------------------

    async def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, read past the gateway."""
        tables = await self._tables()
        return {table: rows for table, rows in tables.items() if table not in _NOT_COMPARED}

    async def _tables(self) -> dict[str, list[tuple[Any, ...]]]:
        address = self.running.settings.database_url
        return await _postgres(address) if address.startswith("postgres") else _sqlite(address)

    async def count(self, table: str) -> int:
        return len((await self._tables())[table])

    @property
    def bank(self) -> Truth:
        assert self.running.bank is not None
        return self.running.bank.truth()

    def misbehave(self, script: str) -> None:
        assert self.running.bank is not None
        self.running.bank.misbehave(script)

    # --- what most tests begin with -----------------------------------------------------------------------------------

    async def customer(self, **input: Any) -> str:
        return str((await self.do("customerCreate", input, "customer { id }"))["id"])

    async def test_clock(self, now: str) -> str:
        return str((await self.do("testClockCreate", {"now": now}, "testClock { id }"))["id"])

    async def card(self, customer_id: str, token: str = VISA, **input: Any) -> str:
        sent = {"customerId": customer_id, "token": token, **input}
        return str((await self.do("paymentMethodAttach", sent, "paymentMethod { id }"))["id"])

    async def buyer(self, token: str = VISA, **input: Any) -> str:
        """A customer with a card."""
        customer_id = await self.customer(**input)
        await self.card(customer_id, token)
        return customer_id

    async def product(self, name: str = "Tea") -> str:
        return str((await self.do("productCreate", {"name": name}, "product { id }"))["id"])

    async def price(self, minor_units: int = 10_00, currency: str = "USD", *, product_id: str | None = None) -> str:
        sent = {"productId": product_id or await self.product(), "amount": money(minor_units, currency)}
        return str((await self.do("priceCreate", sent, "price { id }"))["id"])

    async def order(self, customer_id: str, minor_units: int = 20_00, currency: str = "USD", **input: Any) -> str:
        """An open order with one line, written by hand unless `lines` are given."""
        sent = {"customerId": customer_id, "lines": [by_hand(minor_units, currency)], **input}
        return str((await self.do("orderCreate", sent, "order { id }"))["id"])

    async def charge(self, order_id: str, **input: Any) -> Json:
        sent = {"orderId": order_id, "idempotencyKey": new_key(), **input}
        charge: Json = await self.do("orderCharge", sent, "charge { id state }")
        return charge

    async def paid(self, customer_id: str, minor_units: int = 20_00, currency: str = "USD") -> tuple[str, str]:
        """Order and charge."""
        order_id = await self.order(customer_id, minor_units, currency)
        charge = await self.charge(order_id)
        assert charge["state"] == "SUCCEEDED"
        return order_id, str(charge["id"])

    async def refund(self, charge_id: str, minor_units: int, currency: str = "USD") -> str:
        sent = {"chargeId": charge_id, "amount": money(minor_units, currency), "idempotencyKey": new_key()}
        return str((await self.do("chargeRefund", sent, "refund { id }"))["id"])

    async def discrepancy(self, **about: Any) -> str:
        """A discrepancy as a run of the reconciliation writes it down."""
        defaults: dict[str, Any] = {
            "account": "fake",
            "kind": DiscrepancyKind.FOREIGN_CHARGE,
            "subject": "fch_1",
            "provider_ref": "fch_1",
            "there": Money(7_77, "USD"),
            "there_outcome": Outcome.SUCCEEDED,
            "livemode": False,
        }
        finding = Finding(**(defaults | about))
        now = SystemClock().now()
        async with self.running.store.transaction() as tx:
            await write_down(tx, finding, actor="system:reconciliation", now=now)
            found = await tx.discrepancies.find_for_update(finding.account, finding.kind, finding.subject)
        assert found is not None
        return found.id

    async def kinds(self, record_id: str, *, as_: str | None = ADMIN) -> list[str]:
        """The story of a record, from its beginning."""
        data = await self.execute(
            "query($id: ID!) { node(id: $id) { ... on HasTimeline { "
            "timeline(first: 100, sort: OLDEST) { nodes { kind } } } } }",
            {"id": record_id},
            as_=as_,
        )
        return [event["kind"] for event in data["node"]["timeline"]["nodes"]]


def money(minor_units: int, currency: str = "USD") -> Json:
    return {"minorUnits": minor_units, "currency": currency}


def by_hand(minor_units: int, currency: str = "USD", *, name: str = "Tea", quantity: int = 1) -> Json:
    return {"name": name, "unitAmount": money(minor_units, currency), "quantity": quantity}


def new_key() -> str:
    return secrets.token_hex(8)


def assert_worded(message: str) -> None:
    """A sentence for people: no code, no class name, no None."""
    assert re.fullmatch(r"['A-Z0-9].{8,250}[.)]", message, re.DOTALL), message
    assert not re.search(r"\bNone\b|Error\b|Exception|\b(?!PAYDESK)[A-Z]{3,}_[A-Z]|<|Traceback", message), message


@cache
def document_of(mutation: str, select: str) -> str:
    fields = _mutations().fields[mutation]
    input_type = fields.args["input"].type
    return (
        f"mutation($input: {input_type}) {{ {mutation}(input: $input) {{ {select or _ids_of(mutation)} "
        "userErrors { code message path } } }"
    )


@cache
def record_of(mutation: str) -> str:
    payload = get_named_type(_mutations().fields[mutation].type)
    assert isinstance(payload, GraphQLObjectType)
    return str(next(iter(payload.fields)))


def _ids_of(mutation: str) -> str:
    record = record_of(mutation)
    payload = get_named_type(_mutations().fields[mutation].type)
    assert isinstance(payload, GraphQLObjectType)
    inner = get_named_type(payload.fields[record].type)
    has_id = isinstance(inner, GraphQLObjectType) and "id" in inner.fields
    return f"{record} {{ id }}" if has_id else "__typename"


def _mutations() -> GraphQLObjectType:
    assert GRAPHQL_SCHEMA.mutation_type
    return GRAPHQL_SCHEMA.mutation_type


def _sqlite(address: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(address.removeprefix("sqlite://"))
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for (name,) in tables}
    finally:
        connection.close()


async def _postgres(address: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = await asyncpg.connect(address)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            name: [tuple(row) for row in await connection.fetch(f'SELECT * FROM "{name}" ORDER BY 1')]
            for (name,) in tables
        }
    finally:
        await connection.close()
