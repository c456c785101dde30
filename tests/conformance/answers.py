"""Whether an answer is one that the schema allows: every field that was asked for, of its type, and nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    parse,
    print_ast,
    visit,
)

TYPENAME = parse("{ __typename }").definitions[0].selection_set.selections[0]  # type: ignore[attr-defined]

Path = tuple[str | int, ...]


def with_typenames(text: str, schema: GraphQLSchema) -> str:
    """The document with `__typename` wherever a value may be of several types: an answer alone does not tell."""
    info = TypeInfo(schema)
    return print_ast(visit(parse(text), TypeInfoVisitor(info, _AddTypenames(info))))


def with_more(text: str, schema: GraphQLSchema) -> str:
    """The document with every plain field of each object that it asks for, and without pages and filters of lists.

    What is made up at random asks for little, and seldom for a page that there is.
    """
    info = TypeInfo(schema)
    return print_ast(visit(parse(text), TypeInfoVisitor(info, _AddMore(info))))


class _AddMore(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode | None:
        field = self._info.get_field_def()
        if field is None or "first" not in field.args:
            return None
        return FieldNode(alias=node.alias, name=node.name, directives=node.directives, selection_set=node.selection_set)

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode | None:
        type_ = self._info.get_parent_type()
        if not isinstance(type_, GraphQLObjectType) or type_.name in ("Query", "Mutation"):
            return None
        asked = {field.name.value for field in node.selections if isinstance(field, FieldNode)}
        more = [
            FieldNode(name=NameNode(value=name))
            for name, field in type_.fields.items()
            if name not in asked
            and is_leaf_type(get_named_type(field.type))
            and not any(map(is_required_argument, field.args.values()))
        ]
        return SelectionSetNode(selections=(*node.selections, *more))


class _AddTypenames(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode | None:
        if not is_abstract_type(self._info.get_parent_type()):
            return None
        if any(isinstance(field, FieldNode) and field.name.value == "__typename" for field in node.selections):
            return None
        return SelectionSetNode(selections=(TYPENAME, *node.selections))


def misfits(schema: GraphQLSchema, document: str, data: Mapping[str, Any]) -> list[str]:
    """What the schema does not allow in the answer to a document with one operation, a sentence each."""
    (operation,) = (node for node in parse(document).definitions if isinstance(node, OperationDefinitionNode))
    root = schema.get_root_type(operation.operation)
    assert root is not None
    return list(_Fitting(schema).of_object(root, [operation.selection_set], data, ()))


class _Fitting:
    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    def of(self, type_: GraphQLOutputType, nodes: list[FieldNode], value: Any, path: Path) -> Iterator[str]:
        if is_non_null_type(type_):
            if value is None:
                yield f"{_at(path)} is null"
                return
            type_ = type_.of_type
        if value is None:
            return
        if is_list_type(type_):
            if not isinstance(value, list):
                yield f"{_at(path)} is no list"
                return
            for number, item in enumerate(value):
                yield from self.of(type_.of_type, nodes, item, (*path, number))
        elif is_leaf_type(type_):
            yield from _of_leaf(type_, value, path)
        elif not isinstance(value, dict):
            yield f"{_at(path)} is no object"
        else:
            concrete = self._schema.get_type(value.get("__typename", "")) if is_abstract_type(type_) else type_
            if not isinstance(concrete, GraphQLObjectType) or not (
                concrete is type_ or self._schema.is_sub_type(type_, concrete)  # type: ignore[arg-type]
            ):
                yield f"{_at(path)} is a {value.get('__typename')}, which {type_} does not have"
                return
            yield from self.of_object(
                concrete, [node.selection_set for node in nodes if node.selection_set], value, path
            )

    def of_object(
        self, type_: GraphQLObjectType, selections: Iterable[SelectionSetNode], value: Mapping[str, Any], path: Path
    ) -> Iterator[str]:
        asked: dict[str, list[FieldNode]] = {}
        for selection_set in selections:
            for node in self._fields(type_, selection_set):
                asked.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        if list(asked) != list(value):
            yield f"{_at(path)} has {sorted(value)}, not {sorted(asked)}"
            return
        for key, nodes in asked.items():
            name = nodes[0].name.value
            if name == "__typename":
                if value[key] != type_.name:
                    yield f"{_at((*path, key))} is not {type_.name}"
            elif field := type_.fields.get(name):
                yield from self.of(field.type, nodes, value[key], (*path, key))

    def _fields(self, type_: GraphQLObjectType, selection_set: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode) and self._applies(node, type_):
                yield from self._fields(type_, node.selection_set)

    def _applies(self, node: InlineFragmentNode, type_: GraphQLObjectType) -> bool:
        if node.type_condition is None:
            return True
        condition = self._schema.get_type(node.type_condition.name.value)
        return condition is type_ or (is_abstract_type(condition) and self._schema.is_sub_type(condition, type_))


def _of_leaf(type_: GraphQLLeafType, value: Any, path: Path) -> Iterator[str]:
    """A value that its own type would take back as input."""
    try:
        type_.parse_value(value)
    except (GraphQLError, ValueError, TypeError) as error:
        yield f"{_at(path)} is no {type_}: {error}"


def has_no_value_at(data: Any, path: Path) -> bool:
    """Whether the answer is null where an error says so, or further out."""
    for step in path:
        if data is None:
            return True
        data = data[step]
    return data is None


def _at(path: Path) -> str:
    return ".".join(map(str, path)) or "the answer"
