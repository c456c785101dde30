"""How large a document may be, checked in one pass over its tree before it is validated.

Before, because validation compares fields with one another: its time grows with the square of what is
repeated. Fragments are measured once each and added up where they are spread, so a document that would
unfold without end is measured in the time that it takes to read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
)

from schema.masking import ExposedError

INTROSPECTION_FIELDS = ("__schema", "__type")
# As in JSON (schema.http.body): far over 2**53, far under what is slow to read.
MOST_DIGITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one request. The defaults leave room for the largest documents of known clients."""

    tokens: int = 2_000
    """Reading and validating takes some 50 µs a token and blocks the event loop; GraphiQL's introspection has 250."""
    depth: int = 15
    """Fields within fields. The deepest sensible path (customer, orders, lines, product, prices) has 12."""
    aliases: int = 15
    """Of one operation, spread fragments included: each may repeat the whole work of its field."""
    root_fields: int = 15
    """Of one operation; for mutations this is the number of changes in one request."""
    repeats: int = 15
    """Fields asked for twice in one selection; validation compares each with each."""
    fragments: int = 60
    """Spreads and inline fragments of a document; a timeline with each of its events takes about 30."""
    directives: int = 20
    """Of a document."""
    directives_on_one_field: int = 5
    introspection_fields: int = 2
    """`__schema` and `__type`: free of cost, but each may read the whole schema, which takes some 0.1 s."""
    cost: int = 10_000
    """See `schema.http.cost`: what one core answers in some 0.1 to 0.3 s."""
    cost_of_an_event: int = 2_000
    """Of a subscription, which costs that much again with each event, for as long as it lasts."""
    errors: int = 20
    """A client that reads more than this in one answer has not been found."""


class LimitExceeded(ExposedError):
    """The document is refused for its size, before anything runs."""

    def __init__(self, message: str, *, code: str, limit: int) -> None:
        super().__init__(message, code=code, limit=limit)


@dataclass(slots=True)
class Measure:
    """What one definition holds, without the fragments that it spreads."""

    depth: int = 0
    aliases: int = 0
    root_fields: int = 0
    spreads: list[tuple[str, int | None]] = field(default_factory=list)
    """Names of fragments, and under how many fields they are spread; None within introspection."""


@dataclass(slots=True)
class _Totals:
    """Counted over the whole document."""

    repeats: int = 0
    fragments: int = 0
    directives: int = 0
    introspection_fields: int = 0


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Raises `LimitExceeded`, or `ExposedError` for a literal that no type of ours can take."""
    totals = _Totals()
    operations: list[Measure] = []
    fragments: dict[str, Measure] = {}
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            introspects = definition.type_condition.name.value.startswith("__")
            fragments[definition.name.value] = measure(definition.selection_set, totals, limits, introspects)
            check_directives(definition.directives, totals, limits)
        elif isinstance(definition, OperationDefinitionNode):
            operations.append(measure(definition.selection_set, totals, limits))
            check_directives(definition.directives, totals, limits)
            for variable in definition.variable_definitions or ():
                check_directives(variable.directives, totals, limits)
                if variable.default_value:
                    check_literal(variable.default_value)
    whole: dict[str, Measure] = {}
    for operation in operations:
        refuse_if_over(unfold(operation, fragments, whole, frozenset()), limits)


def measure(selections: SelectionSetNode, totals: _Totals, limits: Limits, introspects: bool = False) -> Measure:
    """Walk one definition with a stack of our own; stop at the first limit that is passed."""
    found = Measure()
    stack: list[tuple[SelectionSetNode, int, bool, dict[object, set[str]], str]] = [
        (selections, 0, introspects, {}, "")
    ]
    while stack:
        selection_set, depth, introspects, names_by_type, on_type = stack.pop()
        for node in selection_set.selections:
            check_directives(node.directives, totals, limits)
            if isinstance(node, FieldNode):
                count_field(node, depth, names_by_type.setdefault(on_type, set()), found, totals, limits)
                inside = introspects or node.name.value in INTROSPECTION_FIELDS
                if not inside and depth + 1 > found.depth:
                    found.depth = depth + 1
                    refuse_if_over(found, limits)
                if node.selection_set:
                    stack.append((node.selection_set, depth + 1, inside, {}, ""))
                continue
            totals.fragments += 1
            refuse_over(totals.fragments, limits.fragments, "TOO_MANY_FRAGMENTS", "fragments")
            if isinstance(node, InlineFragmentNode):
                # Fields under one type condition are one selection, however often it is opened.
                name = node.type_condition.name.value if node.type_condition else on_type
                stack.append((node.selection_set, depth, introspects, names_by_type, name))
            elif isinstance(node, FragmentSpreadNode):
                found.spreads.append((node.name.value, None if introspects else depth))
    return found


def count_field(node: FieldNode, depth: int, names: set[str], found: Measure, totals: _Totals, limits: Limits) -> None:
    response_name = node.alias.value if node.alias else node.name.value
    if node.alias:
        found.aliases += 1
    if depth == 0:
        found.root_fields += 1
    if response_name in names:
        totals.repeats += 1
        refuse_over(totals.repeats, limits.repeats, "TOO_MANY_REPEATS", "fields that are asked for twice")
    names.add(response_name)
    if node.name.value in INTROSPECTION_FIELDS:
        totals.introspection_fields += 1
        most = limits.introspection_fields
        refuse_over(totals.introspection_fields, most, "TOO_MANY_ROOT_FIELDS", "introspection fields")
    for argument in node.arguments or ():
        check_literal(argument.value)


def unfold(
    measured: Measure, fragments: Mapping[str, Measure], whole: dict[str, Measure], above: frozenset[str]
) -> Measure:
    """Add the fragments. A fragment inside itself adds nothing here: validation has the words for it."""
    total = Measure(measured.depth, measured.aliases, measured.root_fields)
    for name, depth in measured.spreads:
        if name not in fragments or name in above:
            continue
        if name not in whole:
            whole[name] = unfold(fragments[name], fragments, whole, above | {name})
        total.aliases += whole[name].aliases
        if depth is None:
            continue
        total.depth = max(total.depth, depth + whole[name].depth)
        if depth == 0:
            total.root_fields += whole[name].root_fields
    return total


def refuse_if_over(measured: Measure, limits: Limits) -> None:
    refuse_over(measured.aliases, limits.aliases, "TOO_MANY_ALIASES", "aliases")
    refuse_over(measured.root_fields, limits.root_fields, "TOO_MANY_ROOT_FIELDS", "root fields")
    if measured.depth > limits.depth:
        raise LimitExceeded(
            f"The document nests more than {limits.depth} fields.", code="QUERY_TOO_DEEP", limit=limits.depth
        )


def refuse_over(count: int, limit: int, code: str, what: str) -> None:
    if count > limit:
        raise LimitExceeded(f"The document has more than {limit} {what}.", code=code, limit=limit)


def check_directives(directives: tuple[DirectiveNode, ...] | None, totals: _Totals, limits: Limits) -> None:
    if not directives:
        return
    most = limits.directives_on_one_field
    refuse_over(len(directives), most, "TOO_MANY_DIRECTIVES", "directives in one place")
    totals.directives += len(directives)
    refuse_over(totals.directives, limits.directives, "TOO_MANY_DIRECTIVES", "directives")
    for directive in directives:
        for argument in directive.arguments or ():
            check_literal(argument.value)


def check_literal(value: ValueNode) -> None:
    """Values that would pass the grammar and then fail in a place that has no words for them."""
    for node in literals_in(value):
        if isinstance(node, StringValueNode) and "\0" in node.value:
            raise ExposedError("The document contains a NUL character.", code="BAD_USER_INPUT")
        if isinstance(node, (IntValueNode, FloatValueNode)) and len(node.value) > MOST_DIGITS:
            message = f"The document contains a number of {len(node.value)} digits."
            raise ExposedError(message, code="BAD_USER_INPUT")


def literals_in(value: ValueNode) -> Iterator[ValueNode]:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, ListValueNode):
            stack.extend(node.values)
        elif isinstance(node, ObjectValueNode):
            stack.extend(pair.value for pair in node.fields)
        else:
            yield node
