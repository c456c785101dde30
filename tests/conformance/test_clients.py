"""Each client that people use tells its story: it reads, turns pages, pays, follows, and meets every kind of error.

The stories are written as a developer of that client would write them; the documentation shows parts of them.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.conformance.running import HERE, Gateway, run_client, run_node, run_python, started_gateway
from tests.databases import ROOT
from tests.server.api import Api

TEAS = ("Assam", "Ceylon", "Darjeeling", "Keemun", "Lapsang Souchong")

ARIADNE = ROOT / ".venv" / "ariadne" / "bin"
"""ariadne-codegen stands on an older graphql-core than the gateway."""


@pytest.mark.parametrize("client", ["apollo", "urql"])
def test_a_customer_shops_in_an_app_that_is_made_with(client: str, gateway: Gateway, catalogue: None) -> None:
    run_node(f"{client}/story.js", gateway=gateway, PAYDESK_CUSTOMER_TOKEN=_customer(gateway, client))


def test_a_customer_shops_in_an_app_that_relay_has_compiled(gateway: Gateway, catalogue: None) -> None:
    token = _customer(gateway, "relay")
    run_node("relay/build.js", gateway=gateway)

    # The hooks of Relay leave a timer of five minutes behind, which Node would wait for.
    run_client(
        "node",
        "--test-force-exit",
        "relay/__generated__/story.js",
        environment={**gateway.environment(), "PAYDESK_CUSTOMER_TOKEN": token},
    )


@pytest.mark.parametrize("client", ["graphql-ws", "graphql-sse"])
def test_a_server_is_told_what_happens_by(client: str, gateway: Gateway, catalogue: None) -> None:
    run_node(f"{client}/story.js", gateway=gateway)


def test_a_server_is_typed_by_graphql_codegen_and_asks_by_text_or_by_id(
    gateway: Gateway, catalogue: None, tmp_path: Path
) -> None:
    program = "codegen/__generated__/js/story.js"
    run_client("node_modules/.bin/graphql-codegen", "--config", "codegen/codegen.ts", environment={})
    run_client("node_modules/.bin/tsc", "--project", "codegen", environment={})
    run_node(program, gateway=gateway)

    documents = HERE / "codegen/__generated__/persisted-documents.json"
    with started_gateway(tmp_path, documents=str(documents), documents_only="customers") as strict:
        asyncio.run(_fill(strict))
        run_node(program, "--by-id", gateway=strict)


def test_a_script_asks_with_gql(gateway: Gateway, catalogue: None) -> None:
    run_python("gql/story.py", gateway=gateway)


def test_a_server_is_typed_by_ariadne_codegen(gateway: Gateway, catalogue: None) -> None:
    (HERE / "ariadne/__generated__").mkdir(exist_ok=True)
    generated = {"PYTHONPATH": "ariadne/__generated__", "MYPYPATH": "ariadne/__generated__"}
    run_client(f"{ARIADNE}/ariadne-codegen", "--config", "ariadne/codegen.toml", environment={"PYTHONPATH": "ariadne"})
    strictly = ("-m", "mypy", "--config-file=ariadne/mypy.ini", f"--python-executable={ARIADNE}/python")
    run_client(sys.executable, *strictly, "ariadne/story.py", environment=generated)

    run_client(f"{ARIADNE}/python", "ariadne/story.py", environment={**gateway.environment(), **generated})


@pytest.fixture(scope="session")
def catalogue(gateway: Gateway) -> None:
    asyncio.run(_fill(gateway))


async def _fill(gateway: Gateway) -> None:
    async with Api(gateway.process.address) as api:
        for tea in TEAS:
            await api.price(tea, 10_00)


def _customer(gateway: Gateway, subject: str) -> str:
    """The token of a new customer with a card, as the shop's server and its identity provider make them."""
    asyncio.run(_sign_up(gateway, subject))
    return gateway.customer_token(subject)


async def _sign_up(gateway: Gateway, subject: str) -> None:
    async with Api(gateway.process.address) as api:
        await api.do(
            "customerCreateWithPaymentMethod", "customer", "id", externalId=subject, name=subject, token="tok_visa"
        )
