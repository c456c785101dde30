"""The schema as it is written down: up to date, described, and one in its conventions."""

import re
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
)

from schema.root import build_schema
from tests.schema.gateway import GRAPHQL_SCHEMA

PRINTED = Path(__file__).parents[2] / "schema" / "schema.graphql"

OWN_TYPES = {
    name: type_
    for name, type_ in GRAPHQL_SCHEMA.type_map.items()
    if not name.startswith("__") and name not in ("ID", "String", "Int", "Float", "Boolean")
}
INTERFACES = [name for name, type_ in OWN_TYPES.items() if isinstance(type_, GraphQLInterfaceType)]

IDS_WITHOUT_OBJECT = {
    ("Customer", "externalId"): "names a record of the caller's own systems",
    ("Order", "externalId"): "names a record of the caller's own systems",
    ("Event", "subjectIds"): "of any kind, and of records that the reader may not see",
    ("AuditEntry", "subjectIds"): "of any kind",
    ("AuditEntry", "requestId"): "names a line of the log",
    ("AuditChange", "subjectId"): "of any kind",
}
"""Fields that end in Id, and why there is no object to refer to."""


NO_STORY = ("Event", "AuditEntry")
"""Types whose records are parts of a story themselves."""


def test_the_printed_schema_is_up_to_date() -> None:
    """`paydesk schema > schema/schema.graphql` prints it anew."""
    assert PRINTED.read_text().strip() == build_schema().as_str().strip()


def described() -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for name, type_ in OWN_TYPES.items():
        found.append((name, type_.description))
        if isinstance(type_, GraphQLEnumType):
            found += [(f"{name}.{value}", definition.description) for value, definition in type_.values.items()]
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)):
            for field_name, field in type_.fields.items():
                found.append((f"{name}.{field_name}", field.description))
                if isinstance(field, GraphQLField):
                    found += [(f"{name}.{field_name}({arg})", a.description) for arg, a in field.args.items()]
    return found


def test_everything_has_a_description_for_the_client_developer() -> None:
    assert [name for name, text in described() if not text or not text.strip()] == []


def test_descriptions_are_sentences() -> None:
    odd = [
        name
        for name, text in described()
        if text and not re.fullmatch(r"(?s)[`A-Z0-9.].*([.…`]|\.\))", text.strip().replace("...", ""))
    ]
    assert odd == []


def test_brands_are_written_as_they_write_themselves() -> None:
    brands = GRAPHQL_SCHEMA.type_map["CardBrand"]
    assert isinstance(brands, GraphQLEnumType)
    said = {value: definition.description for value, definition in brands.values.items()}
    assert (said["JCB"], said["UNIONPAY"]) == ("JCB.", "UnionPay.")


def test_records_are_referred_to_as_objects() -> None:
    ids = {
        (name, field)
        for name, type_ in OWN_TYPES.items()
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
        for field in type_.fields
        if re.search(r"(?<!^)Ids?$", field)
    }
    assert ids == set(IDS_WITHOUT_OBJECT)


def test_inputs_refer_to_records_by_an_id_that_says_of_what() -> None:
    for name, type_ in OWN_TYPES.items():
        if not isinstance(type_, GraphQLInputObjectType):
            continue
        for field_name, field in type_.fields.items():
            is_id = get_named_type(field.type).name == "ID"
            named_so = field_name.endswith("Id") and field_name != "externalId"
            assert is_id == (named_so or (name, field_name) == ("RecordDeleteInput", "id")), (name, field_name)


class TestMutations:
    FIELDS = GRAPHQL_SCHEMA.mutation_type.fields if GRAPHQL_SCHEMA.mutation_type else {}

    @pytest.mark.parametrize("name", FIELDS)
    def test_each_takes_one_input_and_answers_with_a_record_and_user_errors(self, name: str) -> None:
        field = self.FIELDS[name]
        assert list(field.args) == ["input"]
        assert str(field.args["input"].type) == f"{name[0].upper()}{name[1:]}Input!"
        payload = field.type
        assert isinstance(payload, GraphQLObjectType), "nullable, so that one failure leaves its neighbours alone"
        assert payload.name.endswith("Payload")
        assert list(payload.fields)[-1] == "userErrors"
        assert str(payload.fields["userErrors"].type) == "[UserError!]!"
        assert not any(
            isinstance(other.type, GraphQLNonNull) for key, other in payload.fields.items() if key != "userErrors"
        )

    @pytest.mark.parametrize("name", FIELDS)
    def test_each_is_named_noun_first(self, name: str) -> None:
        nouns = "customer|order|charge|product|price|paymentMethod|clientSession|record"
        assert re.fullmatch(rf"({nouns})[A-Z][A-Za-z]+", name)

    @pytest.mark.parametrize("name", ["orderCharge", "chargeContinue", "chargeRefund"])
    def test_what_moves_money_takes_a_key(self, name: str) -> None:
        assert str(self.input(name).fields["idempotencyKey"].type) == "String!"

    def test_a_key_that_is_taken_is_kept(self) -> None:
        """What only changes a record says the same twice by itself."""
        taking = {name for name in self.FIELDS if "idempotencyKey" in self.input(name).fields}
        assert {name for name in self.FIELDS if name.endswith("Create")} - taking == {"clientSessionCreate"}
        assert taking == {
            "customerCreate",
            "customerCreateWithPaymentMethod",
            "paymentMethodAttach",
            "productCreate",
            "priceCreate",
            "orderCreate",
            "orderAddLine",
            "orderCharge",
            "chargeContinue",
            "chargeCapture",
            "chargeVoid",
            "chargeRefund",
        }

    def input(self, name: str) -> GraphQLInputObjectType:
        input_type = get_named_type(self.FIELDS[name].args["input"].type)
        assert isinstance(input_type, GraphQLInputObjectType)
        return input_type


class TestTypes:
    @pytest.mark.parametrize("name", [name for name in OWN_TYPES if name.endswith("Connection")])
    def test_connections_are_alike(self, name: str) -> None:
        type_ = OWN_TYPES[name]
        assert isinstance(type_, GraphQLObjectType)
        noun = name.removesuffix("Connection")
        assert {key: str(field.type) for key, field in type_.fields.items()} == {
            "nodes": f"[{noun}!]!",
            "pageInfo": "PageInfo!",
            "edges": f"[{noun}Edge!]!",
        }

    def test_every_list_of_records_is_a_connection_with_the_same_arguments(self) -> None:
        for type_ in OWN_TYPES.values():
            if not isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
                continue
            for name, field in type_.fields.items():
                if get_named_type(field.type).name.endswith("Connection"):
                    assert list(field.args) == ["first", "after", "last", "before", "filter", "sort"], (type_, name)

    def test_every_type_with_an_id_is_a_node_with_a_story(self) -> None:
        for type_ in OWN_TYPES.values():
            if isinstance(type_, GraphQLObjectType) and "id" in type_.fields and type_.name != "OrderLine":
                implemented = {interface.name for interface in type_.interfaces}
                assert implemented == ({"Node"} if type_.name in NO_STORY else {"Node", "HasTimeline"})

    def test_root_fields_are_nullable(self) -> None:
        for root in (GRAPHQL_SCHEMA.query_type, GRAPHQL_SCHEMA.mutation_type):
            assert root
            assert [name for name, field in root.fields.items() if isinstance(field.type, GraphQLNonNull)] == []

    def test_the_next_action_is_a_redirect_or_a_providers_sdk(self) -> None:
        union = GRAPHQL_SCHEMA.type_map["NextAction"]
        assert isinstance(union, GraphQLUnionType)
        assert [type_.name for type_ in union.types] == ["RedirectAction", "SdkAction"]
