"""GraphiQL's default tabs are requests of this very schema, and each can be filled in from those before it."""

import json
import re
from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
)
from graphql import build_schema as schema_from_text
from graphql.execution.values import get_variable_values

from schema.graphiql import first_steps
from schema.root import build_schema
from server import application
from tests.schema.gateway import Shop
from tests.schema.live import connected, serving

STEPS = first_steps()
NAMES = [re.findall(r"^(?:mutation|query|subscription) (\w+)", step["query"], re.MULTILINE)[0] for step in STEPS]
ANSWERED, FOLLOWED = STEPS[:-1], STEPS[-1]
"""What has one answer, and the subscription at the end."""
REFERENCE = re.compile(r"<([\w.]+)>")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return schema_from_text(build_schema().as_str())


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_a_step_is_a_valid_request(step: dict[str, str], schema: GraphQLSchema) -> None:
    assert validate(schema, parse(step["query"])) == []


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_the_variables_of_a_step_are_what_it_asks_for(step: dict[str, str], schema: GraphQLSchema) -> None:
    asked = _operation(step).variable_definitions or ()

    values = get_variable_values(schema, asked, json.loads(step["variables"]))

    assert not isinstance(values, list), values


@pytest.mark.parametrize("place", range(len(STEPS)))
def test_a_step_refers_only_to_what_an_earlier_one_is_answered(place: int) -> None:
    answered = {path for step in STEPS[:place] for path in _paths(_operation(step).selection_set)}

    assert set(REFERENCE.findall(STEPS[place]["variables"])) - answered == set()


def test_the_steps_pay_refund_tell_the_story_live_through_a_year_and_follow() -> None:
    fields = [path for step in STEPS for path in _paths(_operation(step).selection_set) if "." not in path]

    assert fields == [
        "customerCreateWithPaymentMethod",
        "productCreate",
        "priceCreate",
        "orderCreate",
        "orderAddLine",
        "orderCharge",
        "chargeRefund",
        "order",
        "testClockCreate",
        "customerCreateWithPaymentMethod",
        "priceCreate",
        "subscriptionCreate",
        "testClockAdvance",
        "orderUpdated",
    ]


def _operation(step: dict[str, str]) -> OperationDefinitionNode:
    (operation,) = parse(step["query"]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def _paths(selections: SelectionSetNode, *above: str) -> list[str]:
    paths = []
    for field in selections.selections:
        assert isinstance(field, FieldNode)
        path = (*above, field.name.value)
        paths.append(".".join(path))
        if field.selection_set:
            paths += _paths(field.selection_set, *path)
    return paths


async def test_the_steps_run_one_after_another_to_a_refunded_order_its_story_and_a_year(shop: Shop) -> None:
    """As GraphiQL runs them: with the token that it is given in development, and filled in from earlier answers."""
    admin = shop.person("developer", role="admin")
    answers: dict[str, Any] = {}
    for step in ANSWERED:
        variables = _filled_in(step["variables"], answers)
        data = await shop.execute(step["query"], json.loads(variables), as_=admin)
        assert all(payload.get("userErrors", []) == [] for payload in data.values())
        answers |= data

    assert answers["orderCharge"]["charge"]["state"] == "SUCCEEDED"
    assert answers["orderCharge"]["order"] == {"state": "COMPLETED", "paymentState": "PAID"}
    assert answers["chargeRefund"]["charge"] == {
        "refunded": {"formatted": "$5.00"},
        "refundable": {"formatted": "$15.00"},
    }
    assert answers["order"]["paymentState"] == "PARTIALLY_REFUNDED"
    story = [event["summary"] for event in answers["order"]["timeline"]["nodes"]]
    assert story[0] == "The refund succeeded ($5.00)."
    assert story[-1] == "The order was created."
    clock = answers["testClockAdvance"]["testClock"]
    assert (clock["now"], clock["state"]) == ("2028-01-31T10:00:00.000000Z", "READY")
    [member] = clock["customers"]["nodes"]
    invoices = [(invoice["state"], invoice["total"]["formatted"]) for invoice in member["invoices"]["nodes"]]
    assert invoices == [("PAID", "$20.00")] * 13
    of_order, *of_subscription = [(charge.captured, charge.refunded) for charge in shop.bank.charges]
    assert of_order == (20_00, 5_00)
    assert of_subscription == [(20_00, 0)] * 13


async def test_the_last_step_follows_the_order(shop: Shop) -> None:
    order_id, charge_id = await shop.paid(await shop.buyer())
    variables = json.loads(_filled_in(FOLLOWED["variables"], {"orderCreate": {"order": {"id": order_id}}}))
    async with serving(application(shop.running)) as address, connected(address) as client:
        await client.subscribe("1", FOLLOWED["query"], **variables)
        first = (await client.data("1"))["orderUpdated"]
        assert (first["order"]["paymentState"], first["event"]) == ("PAID", None)
        await shop.refund(charge_id, 5_00)
        told = [(await client.data("1"))["orderUpdated"] for _ in range(2)]
    assert [update["event"]["summary"] for update in told] == [
        "A refund was requested ($5.00).",
        "The refund succeeded ($5.00).",
    ]
    assert told[-1]["order"]["refunded"] == {"formatted": "$5.00"}


async def test_the_step_that_charges_may_be_run_again(shop: Shop) -> None:
    answers: dict[str, Any] = {}
    for name, step in zip(NAMES, ANSWERED, strict=False):
        times = 2 if name in ("ChargeOrder", "RefundCharge") else 1
        variables = json.loads(_filled_in(step["variables"], answers))
        again = [await shop.execute(step["query"], variables) for _ in range(times)]
        assert again[0] == again[-1]
        answers |= again[0]

    of_order, *of_subscription = shop.bank.charges
    assert of_order.refunded == 5_00
    assert len(of_subscription) == 1 + 12
    assert len(shop.bank.refunds) == 1


def _filled_in(variables: str, answers: dict[str, Any]) -> str:
    def told(match: re.Match[str]) -> str:
        value: Any = answers
        for name in match[1].split("."):
            value = value[name]
        return str(value)

    return REFERENCE.sub(told, variables)
