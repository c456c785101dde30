"""Some thousand requests that schemathesis makes up from the schema, each as every kind of principal.

Whatever is asked, the gateway neither fails nor gives an answer that the schema does not allow, and no error tells what
the gateway is made of. The requests are the same in each run; PAYDESK_TEST_SEED makes up others.
"""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
import schemathesis
from graphql import NameNode, ObjectFieldNode, ObjectValueNode, ValueNode
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes

from schema.http.negotiation import GRAPHQL_RESPONSE
from tests.conformance.answers import has_no_value_at, misfits, with_more, with_typenames
from tests.conformance.running import Gateway, started_gateway
from tests.databases import ROOT
from tests.schema.gateway import GRAPHQL_SCHEMA, assert_worded
from tests.server.api import Api

EXAMPLES = int(os.environ.get("PAYDESK_TEST_EXAMPLES", "15"))
"""Of each root field; each is sent as three principals, as it is and asking for more: some thousand requests."""
SEED = int(os.environ.get("PAYDESK_TEST_SEED", "1"))

_FOUND: list[Any] = list(schemathesis.graphql.from_path(ROOT / "schema" / "schema.graphql").get_all_operations())
OPERATIONS = {
    operation.label: operation
    for operation in (found.ok() for found in _FOUND)
    if not operation.label.startswith("Subscription.")
}

ADA = "ada"
"""The `externalId` of the customer who asks."""

STATUSES = {200, 294, 422}
CODES = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")))
INSIDES = re.compile(
    r"Traceback|File \"|line \d+, in|object at 0x|<class|[a-z]Error\b|Exception|NoneType"
    r"|sqlite|asyncpg|tortoise|strawberry|SELECT |INSERT INTO|UPDATE \"|None\b",
)
"""What Python, the libraries and the database would say."""


class Asker:
    """Sends a document as each principal, and remembers what came back."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.statuses: Counter[str] = Counter()
        self._client = httpx.Client(trust_env=False, timeout=30, headers={"Accept": GRAPHQL_RESPONSE})
        self._principals = {
            "server": f"Bearer {gateway.admin_key}",
            "customer": f"Bearer {gateway.customer_token(ADA)}",
            "anonymous": None,
        }

    def close(self) -> None:
        self._client.close()

    def ask(self, document: str) -> None:
        for principal, credential in self._principals.items():
            headers = {"Authorization": credential} if credential else {}
            response = self._client.post(self.gateway.url, json={"query": document}, headers=headers)
            self.statuses[f"{principal} {response.status_code}"] += 1
            check(document, response)


def check(document: str, response: httpx.Response) -> None:
    told = f"{response.status_code} {response.text[:2_000]}\n{document}"
    assert response.status_code in STATUSES, told
    assert response.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8", told
    body: dict[str, Any] = response.json()
    assert body.keys() <= {"data", "errors", "extensions"}, told
    assert ("data" in body) is (response.status_code != 422), told
    assert ("errors" in body) is (response.status_code != 200), told
    for error in body.get("errors", ()):
        assert error.keys() <= {"message", "locations", "path", "extensions"}, told
        assert error["extensions"]["code"] in CODES - {"INTERNAL"}, told
        assert not INSIDES.search(error["message"]), told
        if "path" in error:
            assert has_no_value_at(body["data"], tuple(error["path"])), told
    if body.get("data") is not None:
        assert misfits(GRAPHQL_SCHEMA, document, body["data"]) == [], told
    for message in messages_of_user_errors(body.get("data")):
        assert_worded(message)


def messages_of_user_errors(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from messages_of_user_errors(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "userErrors":
                yield from (error["message"] for error in inner if "message" in error)
            else:
                yield from messages_of_user_errors(inner)


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Of a gateway of its own, whose shop what is made up cannot spoil for others."""
    with started_gateway(tmp_path_factory.mktemp("made-up")) as gateway:
        asker = Asker(gateway)
        yield asker
        asker.close()


@pytest.fixture(scope="module", autouse=True)
def made_up(asker: Asker) -> None:
    """Values for the scalars that schemathesis does not know, and ids, of which many are those of real records."""
    ids = asyncio.run(records_of(asker.gateway))
    text = st.text(max_size=40)
    scalars = {
        "ID": st.sampled_from(ids) | text,
        "Currency": st.sampled_from(["USD", "EUR", "JPY", "KWD", "XXX", "usd", ""]) | text,
        "DateTime": st.sampled_from(["2026-01-02T03:04:05Z", "2030-12-31T23:59:59.999+14:00", "0001-01-01"]) | text,
        "URL": st.sampled_from(["https://shop.example/thanks", "http://shop.example", "javascript:alert(1)"]) | text,
    }
    for name, values in scalars.items():
        schemathesis.graphql.scalar(name, values.map(nodes.String))
    units = st.integers(-5, 100_00) | st.sampled_from([2**31, 2**53 - 1, 2**53, -(2**63), 10**40])
    schemathesis.graphql.scalar("MinorUnits", units.map(nodes.Int))
    pairs = st.dictionaries(st.sampled_from(["colour", "size", "a", "b", "c"]), text.map(nodes.String), max_size=4)
    schemathesis.graphql.scalar("Metadata", pairs.map(object_of))


def object_of(values: Mapping[str, ValueNode]) -> ObjectValueNode:
    fields = [ObjectFieldNode(name=NameNode(value=name), value=value) for name, value in values.items()]
    return ObjectValueNode(fields=tuple(fields))


async def records_of(gateway: Gateway) -> list[str]:
    """A shop with a record of each kind, of ada and of somebody else; their ids, and some of nothing."""
    async with Api(gateway.process.address) as api:
        price = await api.price("Tea", 12_00)
        for name in (ADA, "grace"):
            card = {"name": name, "externalId": name, "token": "tok_visa"}
            made = await api.do("customerCreateWithPaymentMethod", "customer", "id", **card)
            await api.order(made["id"], {price: 2})
            paid = await api.pay(await api.order(made["id"], {price: 1}))
            amount = {"minorUnits": 1_00, "currency": "USD"}
            refund = {"chargeId": paid["charge"]["id"], "amount": amount, "idempotencyKey": f"refund-{name}"}
            await api.do("chargeRefund", "refund", "id", **refund)
        seen = await api.post(
            "{ products { nodes { id prices { nodes { id } } } } "
            "customers { nodes { id paymentMethods { nodes { id } } timeline { nodes { id } } } } "
            "orders { nodes { id charges { nodes { id refunds { nodes { id } } } } } } }"
        )
    ids = sorted(set(re.findall(r'"id":"([^"]+)"', seen.text)))
    assert {id_.partition("_")[0] for id_ in ids} >= {"cus", "ord", "chg", "ref", "prod", "price", "pm", "evt"}
    return [*ids, "ord_00000000000000000000000000", "cus_", "_", ""]


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_asked_the_answer_is_one_that_the_schema_allows(label: str, asker: Asker) -> None:
    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(case=OPERATIONS[label].as_strategy())
    def run(case: Any) -> None:
        made_up = with_typenames(str(case.body), GRAPHQL_SCHEMA)
        asker.ask(made_up)
        asker.ask(with_more(made_up, GRAPHQL_SCHEMA))

    run()


def test_most_requests_are_answered_and_the_log_tells_of_no_surprise(asker: Asker) -> None:
    """Refusals alone would prove little. This one reads what the others have done."""
    answered = sum(number for status, number in asker.statuses.items() if not status.endswith("422"))
    logged = [json.loads(line) for line in asker.gateway.log.splitlines() if line.startswith("{")]

    assert answered > asker.statuses.total() / 2, asker.statuses
    assert asker.statuses["server 200"] > asker.statuses.total() / 10, asker.statuses
    assert [line for line in logged if line["level"] in ("error", "critical")] == []
