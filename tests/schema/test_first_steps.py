"""GraphiQL's default tabs are requests of this very schema, and each can be filled in from those before it."""

import json
import re

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

STEPS = first_steps()
NAMES = [re.findall(r"^(?:mutation|query) (\w+)", step["query"], re.MULTILINE)[0] for step in STEPS]
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


def test_the_steps_pay_refund_and_tell_the_story() -> None:
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
