"""The reference of the GraphQL API, made from the schema: a page a noun, as `schema/` has a module a noun.

What the schema does not know stands beside it: who may ask (`tests/schema/permissions.py`), what a mutation can be
refused with (`tests/schema/refusals.toml`), and the examples (`tests/docs/examples.py`). A module that is on no list
gets a page of its own.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLType,
    GraphQLUnionType,
    get_named_type,
    print_ast,
)
from graphql.utilities.get_default_value_ast import get_default_value_ast
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition

from schema.root import build_schema
from tests.docs.examples import example_of
from tests.docs.pages import DOCS, ROOT
from tests.schema import permissions
from tests.schema.refusals import recorded

FOLDER = DOCS / "reference" / "graphql"

_BUILT_IN = ("ID", "String", "Int", "Float", "Boolean")
_ROOTS = ("Query", "Mutation", "Subscription")


@dataclass(frozen=True, slots=True)
class Page:
    """`modules` are those of `schema/` whose words the page explains."""

    title: str
    about: str
    modules: tuple[str, ...]


_PAGES: Mapping[str, Page] = {
    "customers": Page("Customers", "Those who buy, and how they are reached.", ("customers",)),
    "payment-methods": Page("Payment methods", "Cards, and the session that a card form needs.", ("payment_methods",)),
    "products": Page("Products and prices", "The catalogue.", ("products",)),
    "orders": Page("Orders", "What a customer buys.", ("orders",)),
    "subscriptions": Page(
        "Subscriptions",
        "What a customer has, and pays again in each period.",
        ("subscriptions", "subscribing", "previews", "plan_changes"),
    ),
    "invoices": Page("Invoices", "What is asked of a customer, and how it was paid.", ("invoices", "invoicing")),
    "credit-notes": Page("Credit notes", "What was taken back of an invoice.", ("credit_notes",)),
    "balances": Page("Balances", "What customers have with you, or owe.", ("balances",)),
    "issuers": Page("Issuers", "Who issues invoices, and how they are numbered.", ("issuers",)),
    "charges": Page("Charges", "Taking the money of an order or an invoice.", ("charges", "actions")),
    "refunds": Page("Refunds", "Giving money back.", ("refunds",)),
    "disputes": Page("Disputes", "Money that banks take back, and the answers to it.", ("disputes",)),
    "discrepancies": Page("Discrepancies", "Where the provider's books differ from ours.", ("discrepancies",)),
    "provider": Page("The payment provider", "Who moves the money, and what it can do.", ("provider",)),
    "records": Page(
        "Records and their history", "Anything by its id, and what happened to it.", ("node", "nodes", "timeline")
    ),
    "live": Page("Live updates", "Being told when something happens.", ("live",)),
    "audit": Page("The audit trail", "Who of the staff changed what.", ("audit",)),
    "lists": Page("Lists", "How every list is paged, filtered and sorted.", ("listing", "pagination")),
    "values": Page("Values", "Money, times and the other scalars.", ("scalars", "money")),
    "user-errors": Page("User errors", "Why a mutation was refused.", ("errors",)),
}


def pages() -> dict[str, Page]:
    """By the name of the file."""
    known = {module for page in _PAGES.values() for module in page.modules}
    found = {module for words in (_fields().values(), _modules_of_types().values()) for module in words}
    more = {module: Page(module.replace("_", " ").capitalize(), "", (module,)) for module in sorted(found - known)}
    return {name: page for name, page in {**_PAGES, **more}.items() if found.intersection(page.modules)}


def new_page(name: str) -> str:
    title = pages()[name].title
    return f"# {title}\n\n<!-- generated: graphql-{name} -->\n<!-- until here -->\n"


def index() -> str:
    return "\n".join(_index()) + "\n"


def _index() -> Iterator[str]:
    for name, page in pages().items():
        yield f"- [{page.title}]({name}.md): {page.about or 'See there.'}"
    for root in _ROOTS:
        type_ = _schema().get_type(root)
        if not isinstance(type_, GraphQLObjectType):
            continue
        kind = root.lower()
        plural = {"query": "Queries", "mutation": "Mutations", "subscription": "Subscriptions"}[kind]
        yield f"\n## {plural}\n\n| {root} | What it does |\n| --- | --- |"
        for field_name, definition in type_.fields.items():
            page_name = _page_of_field(root, field_name)
            link = f"[`{field_name}`]({page_name}.md#{_anchor(field_name, kind)})"
            yield f"| {link} | {_cell(_text(definition.description))} |"


def page(name: str) -> str:
    return "\n\n".join(_Writer(name).parts()) + "\n"


# --- a page ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Writer:
    name: str
    types: list[GraphQLNamedType] = field(init=False)

    def __post_init__(self) -> None:
        self.types = [type_ for type_ in _own_types() if _page_of_type(type_.name) == self.name]

    def parts(self) -> Iterator[str]:
        for root, title in zip(_ROOTS, ("Queries", "Mutations", "Subscriptions"), strict=True):
            type_ = _schema().get_type(root)
            fields = type_.fields if isinstance(type_, GraphQLObjectType) else {}
            here = {field: fields[field] for field in fields if _page_of_field(root, field) == self.name}
            if here:
                yield f"## {title}"
            for field_name, definition in here.items():
                yield from self._root_field(root, field_name, definition)
        for title, kinds in _KINDS.items():
            here_types = [type_ for type_ in self.types if isinstance(type_, kinds) and not _is_told_elsewhere(type_)]
            if here_types:
                yield f"## {title}"
            for type_ in here_types:
                yield f"### {type_.name} ({_kind(type_)})"
                yield _text(type_.description)
                yield from self._members(type_)
        if self.name == "lists":
            yield _HOW_A_LIST_IS_READ

    # --- fields of the roots ----------------------------------------------------------------------------------------

    def _root_field(self, root: str, name: str, definition: GraphQLField) -> Iterator[str]:
        kind = root.lower()
        yield f"### {name} ({kind})"
        yield _text(definition.description) + _deprecated(definition)
        yield f"```text\n{_signature(name, definition)}\n```"
        if kind == "mutation":
            sent = get_named_type(definition.args["input"].type)
            assert isinstance(sent, GraphQLInputObjectType)
            yield f"`input` is a `{sent.name}`:"
            yield self._inputs(sent.fields)
            payload = get_named_type(definition.type)
            assert isinstance(payload, GraphQLObjectType)
            yield f"It answers with a `{payload.name}`, null only beside a GraphQL error:"
            yield self._outputs(payload.fields)
            codes = recorded().get(name, ())
            if codes:
                yield f"Refused with {', '.join(f'`{code}`' for code in codes)}; see {self._link('UserErrorCode')}."
        else:
            if definition.args:
                yield self._inputs(definition.args)
            yield self._answer(kind, definition)
        yield "\n".join(_who(root, name))
        example = example_of(kind, name, definition)
        done = "validates" if kind == "subscription" else "runs"
        yield f"<!-- not run: tests/docs/test_reference.py {done} it -->\n```graphql\n{example.document}\n```"
        if example.variables:
            variables = json.dumps(example.variables, indent=2, ensure_ascii=False)
            yield f"with these variables:\n\n```json\n{variables}\n```"

    def _answer(self, kind: str, definition: GraphQLField) -> str:
        type_ = self._type(definition.type)
        if kind == "subscription":
            return f"Each message is: {type_}; null beside a GraphQL error."
        missing = "" if _is_list(definition) else "when there is none that you may see, and "
        article = "a " if _is_list(definition) else ""
        return f"It answers with {article}{type_}, or with null: {missing}beside a GraphQL error."

    # --- types --------------------------------------------------------------------------------------------------------

    def _members(self, type_: GraphQLNamedType) -> Iterator[str]:
        match type_:
            case GraphQLObjectType() | GraphQLInterfaceType():
                if type_.interfaces:
                    yield f"It is a {' and a '.join(self._link(one.name) for one in reversed(type_.interfaces))}."
                yield self._outputs(type_.fields)
            case GraphQLInputObjectType():
                yield self._inputs(type_.fields)
            case GraphQLEnumType():
                rows = [
                    (f"`{name}`", _text(value.description) + _deprecated(value)) for name, value in type_.values.items()
                ]
                yield table(("Value", "What it means"), rows)
            case GraphQLUnionType():
                yield f"It is one of {', '.join(self._link(one.name) for one in type_.types)}."
            case GraphQLScalarType(specified_by_url=str(url)):
                yield f"As in <{url}>."

    def _outputs(self, fields: Mapping[str, GraphQLField]) -> str:
        rows = [
            (
                f"`{name}`",
                self._type(definition.type),
                "never" if isinstance(definition.type, GraphQLNonNull) else "may be",
                _text(definition.description) + self._arguments(definition) + _deprecated(definition),
            )
            for name, definition in fields.items()
        ]
        return table(("Field", "Type", "Null", "What it is"), rows)

    def _arguments(self, definition: GraphQLField) -> str:
        """Of a field that is not at the root; those that every list takes are told once."""
        told = [
            f" `{name}`: {self._type(argument.type)}{_default(argument)}."
            for name, argument in definition.args.items()
            if not (_is_list(definition) and name in ("first", "after", "last", "before"))
        ]
        return "".join(told)

    def _inputs(self, fields: Mapping[str, GraphQLInputField] | Mapping[str, GraphQLArgument]) -> str:
        rows = [
            (f"`{name}`", self._type(sent.type), _needed(sent), _text(sent.description) + _deprecated(sent))
            for name, sent in fields.items()
        ]
        return table(("Name", "Type", "Needed", "What it is"), rows)

    def _type(self, type_: GraphQLType) -> str:
        match type_:
            case GraphQLNonNull():
                return self._type(type_.of_type)
            case GraphQLList():
                holes = "" if isinstance(type_.of_type, GraphQLNonNull) else ", each of which may be null"
                return f"list of {self._type(type_.of_type)}{holes}"
            case GraphQLObjectType() if type_.name.endswith("Connection"):
                return f"[page]({self._file('lists')}#how-a-list-is-read) of {self._link(_noun_of(type_))}"
        return self._link(get_named_type(type_).name)

    def _link(self, name: str) -> str:
        if name in _BUILT_IN:
            return f"`{name}`"
        type_ = _schema().type_map[name]
        return f"[`{name}`]({self._file(_page_of_type(name))}#{_anchor(name, _kind(type_))})"

    def _file(self, page_name: str) -> str:
        return "" if page_name == self.name else f"{page_name}.md"


_KINDS: Mapping[str, tuple[type[GraphQLNamedType], ...]] = {
    "Types": (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType),
    "Inputs": (GraphQLInputObjectType,),
    "Enums": (GraphQLEnumType,),
    "Scalars": (GraphQLScalarType,),
}

_HOW_A_LIST_IS_READ = """\
## How a list is read

Every list of records is a connection, as Relay has it. It takes `first` and `after` to go forward, or `last` and
`before` to go backward; 20 items if neither is given, 100 at most. A larger number is refused, and so are `first` and
`last` together. `filter` chooses and `sort` orders; a cursor is good for the sorting that it came from.

| Field | Type | Null | What it is |
| --- | --- | --- | --- |
| `nodes` | list of the records | never | The items of this page. |
| `pageInfo` | [`PageInfo`](#pageinfo-type) | never | Where this page lies in the list. |
| `edges` | list of edges | never | The items again as `node`, each with its `cursor`. |

There is no total: it would be counted anew for every page. Go on while `pageInfo.hasNextPage` says so."""


# --- words ----------------------------------------------------------------------------------------------------------


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _text(description: str | None) -> str:
    return " ".join((description or "").split())


def _deprecated(member: Any) -> str:
    return f" **Deprecated.** {member.deprecation_reason}" if member.deprecation_reason else ""


def _needed(sent: GraphQLInputField | GraphQLArgument) -> str:
    if isinstance(sent.type, GraphQLNonNull) and not _default(sent):
        return "required"
    return f"optional{_default(sent)}"


def _default(sent: GraphQLInputField | GraphQLArgument) -> str:
    ast = get_default_value_ast(sent)
    return f", `{print_ast(ast)}` if not given" if ast else ""


def _default_in_sdl(sent: GraphQLArgument) -> str:
    ast = get_default_value_ast(sent)
    return f" = {print_ast(ast)}" if ast else ""


def _signature(name: str, definition: GraphQLField) -> str:
    arguments = [f"{arg}: {sent.type}{_default_in_sdl(sent)}" for arg, sent in definition.args.items()]
    inner = f"({', '.join(arguments)})" if arguments else ""
    line = f"{name}{inner}: {definition.type}"
    if len(line) <= 100:
        return line
    return f"{name}(\n" + "".join(f"  {argument}\n" for argument in arguments) + f"): {definition.type}"


def _anchor(name: str, kind: str) -> str:
    """What a git host, and the site, make of the heading `name (kind)`."""
    return f"{name.lower()}-{kind}"


def _kind(type_: GraphQLNamedType) -> str:
    kinds = {
        GraphQLInterfaceType: "interface",
        GraphQLUnionType: "union",
        GraphQLInputObjectType: "input",
        GraphQLEnumType: "enum",
        GraphQLScalarType: "scalar",
    }
    return next((word for kind, word in kinds.items() if isinstance(type_, kind)), "type")


def _who(root: str, name: str) -> Iterator[str]:
    table_of: Mapping[str, Mapping[str, permissions.Row]] = {
        "Query": permissions.QUERIES,
        "Mutation": permissions.MUTATIONS,
        "Subscription": getattr(permissions, "SUBSCRIPTIONS", {}),
    }
    for label, row in table_of[root].items():
        field_name, _, variant = label.partition(", ")
        if field_name != name:
            continue
        outcomes = dict(zip(permissions.WHO, row.outcomes, strict=True))
        scopes = " and ".join(f"`{permission}`" for permission in row.needs)
        servers = f"servers with {scopes}" if scopes else "servers"
        told = [words.replace("servers", servers) for words, allows in _ALLOWED.items() if allows(outcomes)]
        case = f"With “{variant}”" if variant else "Allowed"
        yield f"- {case}: {', '.join(told)} ([details](../permissions.md))."


def _may(person: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda outcomes: outcomes[person] == permissions.YES


_ALLOWED: Mapping[str, Callable[[Mapping[str, str]], bool]] = {
    "everybody, while the catalogue is public": _may("anonymous, public catalogue"),
    "customers": _may("another customer"),
    "customers for what is theirs": lambda outcomes: (
        outcomes["customer, own record"] in (permissions.YES, permissions.OWN)
        and outcomes["another customer"] != permissions.YES
    ),
    "support": _may("support"),
    "finance": _may("finance"),
    "admin": _may("admin"),
    "servers": _may("server, all scopes"),
}


# --- which page -----------------------------------------------------------------------------------------------------


def _is_told_elsewhere(type_: GraphQLNamedType) -> bool:
    """Connections and edges are alike; an input or a payload is told where its mutation is."""
    if type_.name in _ROOTS or type_.name.endswith(("Connection", "Edge")):
        return True
    return type_.name in _told_with_mutations()


@cache
def _told_with_mutations() -> frozenset[str]:
    mutation = _schema().mutation_type
    fields = mutation.fields.values() if mutation else ()
    return frozenset(
        {get_named_type(one.type).name for one in fields}
        | {get_named_type(one.args["input"].type).name for one in fields}
    )


def _is_list(definition: GraphQLField) -> bool:
    return get_named_type(definition.type).name.endswith("Connection")


def _noun_of(connection: GraphQLObjectType) -> str:
    return str(get_named_type(connection.fields["nodes"].type))


def _page_of_field(root: str, name: str) -> str:
    return _page_of_module(_fields()[root, name])


def _page_of_type(name: str) -> str:
    return _page_of_module(_modules_of_types()[name])


def _page_of_module(module: str) -> str:
    return next((name for name, page in _PAGES.items() if module in page.modules), module)


@cache
def _schema() -> Any:
    return build_schema()._schema


def _own_types() -> list[GraphQLNamedType]:
    return [
        type_
        for name, type_ in _schema().type_map.items()
        if not name.startswith("__") and name not in (*_BUILT_IN, *_ROOTS)
    ]


@cache
def _fields() -> Mapping[tuple[str, str], str]:
    """The module of `schema/` of each field of a root."""
    schema = build_schema()
    found = {}
    for root in _ROOTS:
        definition = schema.get_type_by_name(root)
        if not isinstance(definition, StrawberryObjectDefinition):
            continue
        for one in definition.fields:
            resolver: Any = one.base_resolver
            found[root, schema.config.name_converter.get_graphql_name(one)] = _module(resolver.wrapped_func.__module__)
    return found


@cache
def _modules_of_types() -> Mapping[str, str]:
    schema = build_schema()
    found = {}
    for type_ in _own_types():
        definition = schema.get_type_by_name(type_.name)
        match definition:
            case StrawberryEnumDefinition():
                # The class is the domain's; the noun is where it is described.
                found[type_.name] = _described_in(rf"described_enum\(\s*{definition.wrapped_cls.__name__}\b")
            case StrawberryObjectDefinition():
                origin = (definition.concrete_of or definition).origin
                found[type_.name] = _module(origin.__module__)
            case _:
                found[type_.name] = _described_in(rf'(?:name=|union\(\s*)"{type_.name}"')
    return found


def _described_in(pattern: str) -> str:
    for source in sorted((ROOT / "schema").glob("*.py")):
        if re.search(pattern, source.read_text(encoding="utf-8")):
            return source.stem
    raise LookupError(f"no module of schema/ matches {pattern}")


def _module(name: str) -> str:
    return name.removeprefix("schema.").partition(".")[0]


def part(name: str) -> str:
    """What stands in the region `graphql-<page>`, or `graphql` on the index page."""
    return index() if name == "graphql" else page(name.removeprefix("graphql-"))


def files() -> dict[str, Path]:
    return {name: FOLDER / f"{name}.md" for name in pages()}
