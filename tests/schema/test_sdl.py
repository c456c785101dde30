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
from tests.schema.evolution import end_of, members
from tests.schema.gateway import GRAPHQL_SCHEMA

PRINTED = Path(__file__).parents[2] / "schema" / "schema.graphql"

OWN_TYPES = {
    name: type_
    for name, type_ in GRAPHQL_SCHEMA.type_map.items()
    if not name.startswith("__") and name not in ("ID", "String", "Int", "Float", "Boolean")
}
ROOTS = ("Query", "Mutation", "Subscription")
INTERFACES = [name for name, type_ in OWN_TYPES.items() if isinstance(type_, GraphQLInterfaceType)]

IDS_WITHOUT_OBJECT = {
    ("Customer", "externalId"): "names a record of the caller's own systems",
    ("Order", "externalId"): "names a record of the caller's own systems",
    ("Event", "subjectIds"): "of any kind, and of records that the reader may not see",
    ("AuditEntry", "subjectIds"): "of any kind",
    ("AuditEntry", "requestId"): "names a line of the log",
    ("AuditChange", "subjectId"): "of any kind",
    ("LedgerDifference", "chargeId"): "also for those who may not read the charge",
    ("Job", "subjectId"): "also of a request to the provider, which is no record",
    ("Discrepancy", "orderId"): "as the provider's object names it, whose row may be lost",
    ("Discrepancy", "invoiceId"): "as the provider's object names it, whose row may be lost",
    ("Discrepancy", "chargeId"): "as the provider's object names it, whose row may be lost",
    ("Discrepancy", "refundId"): "as the provider's object names it, whose row may be lost",
    ("InvoiceLine", "subscriptionItemId"): "has no life outside of its subscription",
    ("PlannedItem", "subscriptionItemId"): "has no life outside of its subscription, and may not be there yet",
    ("Party", "taxId"): "names a business to its tax office",
    ("Issuer", "taxId"): "names a business to its tax office",
}
"""Fields that end in Id, and why there is no object to refer to."""


NO_STORY = (
    "Event",
    "AuditEntry",
    "ApiKey",
    "WebhookDelivery",
    "Job",
    "Decision",
    "InvoiceItem",
    "CreditNote",
    "BalanceEntry",
    "TestClock",
)
"""Parts of a story themselves, what the audit tells of, and what hangs from a record that has the story."""

LINES = ("OrderLine", "InvoiceLine", "SubscriptionItem")
"""Parts of a record, known to nobody outside of it."""

NO_LIST_IS_ALL = {("PaymentProvider", "currencies")}
"""Null says that nobody has named any, and whatever the provider takes is right; empty would say that nothing is."""


OTHER_TIMES = {
    "Event.at": "what happened then is its kind",
    "AuditEntry.at": "what was done then is its action",
    "AccountReconciliation.comparedUntil": "up to which moment",
    "Charge.captureBefore": "a deadline",
    "Dispute.respondBy": "a deadline",
    "Review.since": "a span that has not ended",
    "TimeSpan.since": "a span",
    "TimeSpan.before": "a span",
    "TestClock.now": "what its customers take for now",
    "TestClock.target": "a place, on its way",
    "TestClockCreateInput.now": "as TestClock.now",
    "TestClockAdvanceInput.to": "a place, on its way",
}
"""Times whose names do not end in At, and why."""

MOVES_NO_MONEY: dict[str, str] = {}
"""Mutations that answer with a charge or a refund and take no key, and why."""


def test_the_printed_schema_is_up_to_date() -> None:
    """`paydesk schema > schema/schema.graphql` prints it anew."""
    assert PRINTED.read_text().strip() == build_schema().as_str().strip()


def test_the_changelog_names_every_field_of_the_roots() -> None:
    """Of the first version; later ones name what they change (`make schema-changes` says what that is)."""
    changes = (PRINTED.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    first = changes.partition("0.1.0")[2].partition("### Schema\n")[2].partition("\n## ")[0]

    fields = {name for root in ROOTS if root in OWN_TYPES for name in getattr(OWN_TYPES[root], "fields", {})}

    assert fields
    assert fields - set(re.findall(r"`(\w+)`", first)) == set()


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


def test_an_explorer_begins_with_what_this_is() -> None:
    """Strawberry does not print a description of the whole; introspection has it."""
    answer = build_schema().execute_sync("{ __schema { description } }")

    assert answer.data
    assert answer.data["__schema"]["description"].startswith("Paydesk: customers, orders, charges, refunds")


def test_descriptions_are_sentences() -> None:
    odd = [
        name
        for name, text in described()
        if text and not re.fullmatch(r"(?s)[`A-Z0-9.].*([.…`]|\.\))", text.strip().replace("...", ""))
    ]
    assert odd == []


BRIEF = {
    **dict.fromkeys(("CardBrand", "IntervalUnit"), "a name says it all"),
    **dict.fromkeys(("DeclineAdvice",), "an instruction is short"),
}
"""Enums whose values are told in a word or two, and why."""


def test_descriptions_say_more_than_the_name() -> None:
    """“Which order.” of an `orderId` and “The brand.” of a `brand` tell a client developer nothing."""
    empty = [
        (name, text)
        for name, text in described()
        if name.partition(".")[0] not in BRIEF and (len((text or "").split()) < 3 or _adds_nothing(name, text or ""))
    ]
    assert empty == []


def _adds_nothing(name: str, text: str) -> bool:
    return "`" not in text and _words(text) - _FILLING <= _words(name.replace(".", " "))


_FILLING = {"a", "an", "the", "of", "is", "it", "its", "this", "which", "what"}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", re.sub(r"([A-Z])", r" \1", text).lower()))


def test_what_may_be_null_says_when() -> None:
    """A payload's records are null when it was refused, as `Mutation` says; fields of the roots, as `Query` does."""
    silent = [
        (name, field_name, field.description)
        for name, type_ in OWN_TYPES.items()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        and name not in ROOTS
        and not name.endswith("Payload")
        for field_name, field in type_.fields.items()
        if not isinstance(field.type, GraphQLNonNull) and not re.search(r"\b[Nn]ull\b", field.description or "")
    ]
    assert silent == []


def test_what_servers_and_staff_alone_see_says_what_customers_get() -> None:
    silent = [
        name
        for name, text in described()
        if "or servers and staff" in (text or "")
        and not name.startswith("Mutation")
        and not re.search(r"(null|empty) for customers", text or "")
    ]
    assert silent == []


def test_a_deprecated_member_names_its_last_day() -> None:
    """`make schema-check` holds that it is three months ahead when it is announced."""
    undated = [
        name
        for name, member in members(GRAPHQL_SCHEMA).items()
        if member.deprecation_reason is not None and end_of(member.deprecation_reason) is None
    ]
    assert undated == []


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
            named_so = field_name.endswith("Id") and field_name not in ("externalId", "taxId")
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
        nouns = (
            "customer|order|invoice|invoiceItem|subscription|charge|refund|dispute|product|price|paymentMethod"
            "customer|order|invoice|invoiceItem|subscription|charge|refund|dispute|product|price|paymentMethod"
            "|clientSession|apiKey|webhookDelivery|job|discrepancy|record|creditNote|issuer|testClock"
        )
        assert re.fullmatch(rf"({nouns})[A-Z][A-Za-z]+", name)

    @pytest.mark.parametrize("name", FIELDS)
    def test_what_moves_money_takes_a_key(self, name: str) -> None:
        """It answers with the charge or the refund that it made or changed."""
        payload = get_named_type(self.FIELDS[name].type)
        assert isinstance(payload, GraphQLObjectType)
        if name not in MOVES_NO_MONEY and {"charge", "refund"} & set(payload.fields):
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
            "invoiceCreate",
            "invoiceAddLine",
            "invoiceFinalize",
            "invoicePay",
            "invoiceItemCreate",
            "subscriptionCreate",
            "subscriptionChange",
            "subscriptionCancel",
            "subscriptionPause",
            "subscriptionResume",
            "subscriptionSetPaymentMethod",
            "chargeContinue",
            "chargeCapture",
            "chargeVoid",
            "chargeRefund",
            "chargeReviewClose",
            "chargeSettle",
            "refundSettle",
            "disputeSubmitEvidence",
            "disputeAccept",
            "testClockCreate",
            "testClockAdvance",
            "apiKeyCreate",
            "apiKeyRotate",
            "webhookDeliveryReplay",
            "jobRetry",
            "creditNoteCreate",
            "customerBalanceGrant",
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
                    search = ["search"] if (type_.name, name) == ("Query", "products") else []
                    assert list(field.args) == ["first", "after", "last", "before", *search, "filter", "sort"], name

    def test_every_type_with_an_id_is_a_node_with_a_story(self) -> None:
        for type_ in OWN_TYPES.values():
            if isinstance(type_, GraphQLObjectType) and "id" in type_.fields and type_.name not in LINES:
                implemented = {interface.name for interface in type_.interfaces}
                assert implemented == ({"Node"} if type_.name in NO_STORY else {"Node", "HasTimeline"})

    def test_lists_have_no_holes(self) -> None:
        """`nodes(ids:)` alone says by its holes which ids were not found."""
        holes = [
            (name, field_name)
            for name, type_ in OWN_TYPES.items()
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType)
            for field_name, field in type_.fields.items()
            if "[" in str(field.type) and not re.search(r"!\]!?$", str(field.type))
        ]
        assert holes == [("Query", "nodes")]

    def test_a_list_in_an_answer_is_empty_instead_of_null(self) -> None:
        for name, type_ in OWN_TYPES.items():
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and name not in ROOTS:
                listed = [field for field, it in type_.fields.items() if "[" in str(it.type)]
                listed = [field for field in listed if (name, field) not in NO_LIST_IS_ALL]
                assert all(str(type_.fields[field].type).endswith("!") for field in listed), (name, listed)

    def test_times_are_named_so(self) -> None:
        named_otherwise = {
            f"{name}.{field_name}"
            for name, type_ in OWN_TYPES.items()
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType)
            for field_name, field in type_.fields.items()
            if get_named_type(field.type).name == "DateTime" and not field_name.endswith("At")
        }
        assert named_otherwise == set(OTHER_TIMES)

    def test_an_id_is_global(self) -> None:
        for name, type_ in OWN_TYPES.items():
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and "id" in type_.fields:
                assert str(type_.fields["id"].type) == "ID!", name
                assert re.search(r"`[a-z]+_…`|Global", type_.fields["id"].description or ""), name

    def test_lists_are_filtered_and_sorted_by_types_of_their_noun(self) -> None:
        for name, type_ in OWN_TYPES.items():
            if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
                continue
            for field_name, field in type_.fields.items():
                connection = get_named_type(field.type).name
                if not connection.endswith("Connection"):
                    continue
                # `Subscription` is the type of live updates: that of the record alone bears another name.
                noun = connection.removesuffix("Connection").removeprefix("Plan")
                assert str(field.args["filter"].type) == f"{noun}FilterInput", (name, field_name)
                assert str(field.args["sort"].type) in ("Sort!", f"{noun}Sort!"), (name, field_name)

    def test_enum_values_are_upper_case(self) -> None:
        values = [value for type_ in OWN_TYPES.values() if isinstance(type_, GraphQLEnumType) for value in type_.values]
        assert [value for value in values if not re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", value)] == []

    def test_a_type_without_an_id_is_argued_for(self) -> None:
        """Where the rules for the schema are; `make conformance` runs those."""
        rules = (PRINTED.parents[1] / "tests/conformance/sdl/rules.mjs").read_text(encoding="utf-8")
        without = {
            name
            for name, type_ in OWN_TYPES.items()
            if isinstance(type_, GraphQLObjectType) and name not in ROOTS and "id" not in type_.fields
        }
        alike = {name for name in without if name.endswith(("Connection", "Edge", "Payload", "Update"))}

        assert without - alike == set(re.findall(r'withoutId\("(\w+)"\)', rules))

    def test_root_fields_are_nullable(self) -> None:
        for root in (GRAPHQL_SCHEMA.query_type, GRAPHQL_SCHEMA.mutation_type):
            assert root
            assert [name for name, field in root.fields.items() if isinstance(field.type, GraphQLNonNull)] == []

    def test_the_next_action_is_a_redirect_or_a_providers_sdk(self) -> None:
        union = GRAPHQL_SCHEMA.type_map["NextAction"]
        assert isinstance(union, GraphQLUnionType)
        assert [type_.name for type_ in union.types] == ["RedirectAction", "SdkAction"]
