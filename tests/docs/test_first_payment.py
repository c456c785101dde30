"""The operations of the how-tos for the web, iOS and Android, asked in the order in which the apps do.

The web page itself runs in tests/browser. There is no Xcode and no Android SDK here; what can be held of that code is
that it names operations, variables and fields which are there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLEnumType, OperationDefinitionNode, parse, validate

from schema.root import build_schema
from tests.docs.pages import EXAMPLES
from tests.docs.running import Machine, copy_of, make_demo_shop, token_of

CUSTOMER = "demo-grace"
BACK_IN_THE_APP = "myshop://paid"

OPERATIONS = (EXAMPLES / "first-payment.graphql").read_text(encoding="utf-8")
DEFINED = {
    node.name.value: node
    for node in parse(OPERATIONS).definitions
    if isinstance(node, OperationDefinitionNode) and node.name
}
APPS = [EXAMPLES / "ios/Checkout.swift", EXAMPLES / "android/Checkout.kt"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "paydesk"
    make_demo_shop(folder)
    return folder


@pytest.fixture
def app(shop: Path, tmp_path: Path) -> Iterator["App"]:
    copy_of(shop, tmp_path / "paydesk")
    with Machine(tmp_path / "paydesk", words={}, tokens=lambda subject: token_of(shop, subject)) as machine:
        machine.start_gateway(PAYDESK_RETURN_URLS="myshop://")
        yield App(machine)


class App:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def ask(self, operation: str, **variables: str) -> Any:
        """What the operation's only field answers."""
        answer: Any = self.machine.ask(OPERATIONS, subject=CUSTOMER, operation=operation, variables=variables)
        assert "errors" not in answer, answer
        ((_, payload),) = answer["data"].items()
        assert payload.get("userErrors", []) == []
        return payload

    def pay(self, card_token: str) -> Any:
        (coffee,) = (
            product for product in self.ask("Catalogue")["nodes"] if product["name"].startswith("Filter coffee")
        )
        (price,) = coffee["prices"]["nodes"]
        assert self.ask("AddCard", token=card_token)["paymentMethod"]["state"] == "ACTIVE"
        order = self.ask("MakeOrder", priceId=price["id"], key="order 1")["order"]
        assert order["total"] == price["amount"]
        return self.ask("Pay", orderId=order["id"], returnUrl=BACK_IN_THE_APP, key="pay 1")["charge"]


def test_an_app_pays_with_a_card_of_the_card_form(app: App) -> None:
    form = app.ask("OpenCardForm")
    card = {"number": "4242 4242 4242 4242", "expMonth": 12, "expYear": 2040, "cvc": "123"}
    address = app.machine.here(form["clientSession"]["tokenizerUrl"])
    token = httpx.post(address, json=card, trust_env=False).json()["token"]

    charge = app.pay(token)

    assert form["provider"] == "fake"
    assert (charge["state"], charge["captured"]) == ("SUCCEEDED", {"formatted": "$14.50"})


def test_an_app_shows_why_a_bank_said_no(app: App) -> None:
    charge = app.pay("tok_chargeDeclinedInsufficientFunds")

    assert charge["state"] == "DECLINED"
    assert "insufficient funds" in charge["message"]
    assert charge["advice"] == "RETRY_LATER"


def test_a_bank_leads_back_into_the_app_which_goes_on(app: App) -> None:
    waiting = app.pay("tok_threeDSecureRequired")
    assert waiting["nextAction"]["__typename"] == "RedirectAction"

    back = app.machine.answer_challenge("confirm")
    settled = app.ask("GoOn", chargeId=waiting["id"], key=f"back-{waiting['id']}")["charge"]

    assert back.startswith(f"{BACK_IN_THE_APP}?charge={waiting['id']}")
    assert settled["state"] == "SUCCEEDED"


def test_the_operations_fit_the_schema() -> None:
    assert validate(build_schema()._schema, parse(OPERATIONS)) == []


@pytest.mark.parametrize("file", APPS, ids=lambda file: file.name)
def test_an_app_names_operations_and_their_variables(file: Path) -> None:
    calls = re.findall(r"(\w+?)(?:Mutation|Query)\(([^()]*(?:\([^()]*\)[^()]*)*)\)", file.read_text(encoding="utf-8"))

    named = {name: set(re.findall(r"(\w+)(?:: | = )", arguments)) for name, arguments in calls}

    assert {"AddCard", "MakeOrder", "Pay", "GoOn"} == set(named)
    for name, arguments in named.items():
        variables = {node.variable.name.value for node in DEFINED[name].variable_definitions or ()}
        assert arguments == variables, name


@pytest.mark.parametrize("file", APPS, ids=lambda file: file.name)
def test_an_app_knows_the_states_by_their_names(file: Path) -> None:
    described = build_schema()._schema.get_type("ChargeState")
    assert isinstance(described, GraphQLEnumType)

    named = set(re.findall(r"(?:ChargeState\.|[ ,]\.)([A-Za-z]+)(?=[,: ])", file.read_text(encoding="utf-8")))

    assert {"SUCCEEDED", "DECLINED", "FAILED", "VOIDED", "EXPIRED"} <= {name.upper() for name in named}
    assert {name.upper() for name in named} <= set(described.values)


def test_the_settings_of_apollo_ios_say_where_the_operations_are() -> None:
    settings = json.loads((EXAMPLES / "ios/apollo-codegen-config.json").read_text(encoding="utf-8"))

    assert settings["schemaDownload"]["outputPath"] in settings["input"]["schemaSearchPaths"]
    assert settings["input"]["operationSearchPaths"] == ["./graphql/*.graphql"]
