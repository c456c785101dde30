"""What an operation may cost at most, in fields that have to be answered.

- A field costs 1, a field of Mutation 10: it writes, and often calls a provider.
- What is inside a list counts once per item: the page size of a connection (`first` or `last`, else 20),
  the number of things given to a field such as `nodes(ids:)`, and 5 for lists without a size, such as the
  lines of an order.
- A connection inside another list that is given no size counts as 3: twenty orders have no twenty charges each.
  What is really read there is counted while it is read (`schema.loaders.Budget`).
- Of several types that an abstract type may turn out to be, the dearest counts.
- Introspection is free; its size is bound by `Limits.introspection_fields`.
"""

from collections.abc import Mapping
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

FIELD_COST = 1
MUTATION_COST = 10
# Of words that nobody wrote: finding what was meant takes some 10 to 100 times as long as reading a row.
SEARCH_COST = 200
DEFAULT_PAGE_SIZE = 20
# Charges of an order, refunds of a charge: measured shops have 1 or 2. With 20, the page of orders that every shop
# shows (lines, charges, their refunds) would cost 88,000 for what is a few hundred rows.
NESTED_PAGE_SIZE = 3
# A page size over this is refused by the connection itself, in better words than a cost.
LARGEST_PAGE_SIZE = 100
# Lines of an order, prices of a product: measured shops have 1 to 8.
PLAIN_LIST_SIZE = 5


class Costing:
    """Adds up one operation of a valid document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._operation = operation
        self._variables = variables
        self._fragment_costs: dict[tuple[str, int | None, bool], int] = {}

    def total(self) -> int:
        root = self._schema.get_root_type(self._operation.operation)
        return self._selections(self._operation.selection_set, root, None, nested=False)

    def _selections(
        self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None, page_size: int | None, *, nested: bool
    ) -> int:
        """`nested`: whether these fields are asked for on every item of a list."""
        common = 0
        by_type: dict[str, int] = {}
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                common += self._field(node, parent, page_size, nested=nested)
                continue
            if isinstance(node, FragmentSpreadNode):
                condition, cost = self._spread(node, page_size, nested=nested)
            else:
                condition, cost = self._inline(cast(InlineFragmentNode, node), parent, page_size, nested=nested)
            if condition is None or parent is None or condition == parent.name:
                common += cost
            else:
                by_type[condition] = by_type.get(condition, 0) + cost
        return common + max(by_type.values(), default=0)

    def _inline(
        self, node: InlineFragmentNode, parent: GraphQLNamedType | None, page_size: int | None, *, nested: bool
    ) -> tuple[str | None, int]:
        condition = node.type_condition.name.value if node.type_condition else None
        type_ = self._schema.get_type(condition) if condition else parent
        return condition, self._selections(node.selection_set, type_, page_size, nested=nested)

    def _spread(self, node: FragmentSpreadNode, page_size: int | None, *, nested: bool) -> tuple[str | None, int]:
        """Each fragment is added up once: what it contains does not depend on where it is spread."""
        fragment = self._fragments[node.name.value]
        condition = fragment.type_condition.name.value
        key = (node.name.value, page_size, nested)
        if key not in self._fragment_costs:
            type_ = self._schema.get_type(condition)
            self._fragment_costs[key] = self._selections(fragment.selection_set, type_, page_size, nested=nested)
        return condition, self._fragment_costs[key]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, page_size: int | None, *, nested: bool) -> int:
        if node.name.value.startswith("__"):
            return 0
        own = MUTATION_COST if parent is self._schema.mutation_type else FIELD_COST
        definition = getattr(parent, "fields", {}).get(node.name.value)
        if any(argument.name.value == "search" for argument in node.arguments or ()):
            own += SEARCH_COST
        if not node.selection_set or definition is None:
            return own
        inner = get_named_type(definition.type)
        inside = self._page_size(node, definition, nested=nested)
        children = self._selections(node.selection_set, inner, inside, nested=nested or is_list(definition.type))
        return own + self._items(node, definition, page_size) * children

    def _page_size(self, node: FieldNode, definition: GraphQLField, *, nested: bool) -> int | None:
        """The size that the lists inside this field have, if it is a connection."""
        if "first" not in definition.args and "last" not in definition.args:
            return None
        given = [self._given(node, name) for name in ("first", "last")]
        sizes = [size for size in given if isinstance(size, int)]
        if sizes:
            return min(max(sizes[0], 1), LARGEST_PAGE_SIZE)
        return NESTED_PAGE_SIZE if nested else DEFAULT_PAGE_SIZE

    def _items(self, node: FieldNode, definition: GraphQLField, page_size: int | None) -> int:
        if not is_list(definition.type):
            return 1
        if page_size is not None:
            return page_size
        given = [self._given(node, name) for name in definition.args]
        lengths = [len(value) for value in given if isinstance(value, (list, tuple))]
        return max(lengths, default=PLAIN_LIST_SIZE)

    def _given(self, node: FieldNode, name: str) -> object:
        """An argument as far as it matters here: an integer, or a list of whatever."""
        for argument in node.arguments or ():
            if argument.name.value == name:
                return self._value(argument.value)
        return None

    def _value(self, value: object) -> object:
        if isinstance(value, IntValueNode):
            return int(value.value)
        if isinstance(value, ListValueNode):
            return value.values
        if not isinstance(value, VariableNode):
            return None
        if (name := value.name.value) in self._variables:
            return self._variables[name]
        for definition in self._operation.variable_definitions or ():
            if definition.variable.name.value == name and definition.default_value:
                return self._value(definition.default_value)
        return None


def is_list(type_: GraphQLOutputType) -> bool:
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


def root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> set[str]:
    """The names of an operation's own fields, of a valid document; what fragments bring is among them."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    names: set[str] = set()
    spread: set[str] = set()
    left = list(operation.selection_set.selections)
    while left:
        node = left.pop()
        if isinstance(node, FieldNode):
            names.add(node.name.value)
        elif isinstance(node, InlineFragmentNode):
            left += node.selection_set.selections
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
            spread.add(node.name.value)
            left += fragments[node.name.value].selection_set.selections
    return names
