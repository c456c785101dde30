"""Nothing waits for the world while a transaction is open (docs/architecture.md).

A provider that is called inside a transaction holds the locks for as long as it likes. A task that is started inside
one may inherit its connection, and its write is reported as done and disappears with somebody else's rollback.

Inside is: the block of `async with ….transaction()`, `.reading()` or `.reader()`, a function that is given a `tx`, and
what is handed to `….run(…)`. Calls are followed through the tree by name, as far as annotations tell; what syntax
cannot see is refused when it happens (`domain/inside.py`).
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.house.rules.source import Finding, Function, Source, last_name, within

_OPENS = frozenset({"transaction", "reading", "reader"})
_GIVEN = frozenset({"Transaction", "TortoiseTransaction"})

_TASKS = frozenset(
    {
        "create_task",
        "ensure_future",
        "gather",
        "TaskGroup",
        "start_soon",
        "spawn",
        "to_thread",
        "run_in_executor",
        "run_coroutine_threadsafe",
    }
)
_PAUSES = frozenset({"sleep", "wait", "wait_for", "as_completed", "acquire"})
_OF_QUEUES = frozenset({"get", "put", "join"})
_ASKED = frozenset({"teller", "sending", "provider"})
"""Who asks a provider, by the names that they have everywhere."""
_HARMLESS = frozenset({"check", "close"})
"""Of a provider's methods: words that others use for what asks nobody."""


@dataclass(frozen=True, slots=True)
class _Body:
    """A function, and where it stands: what names mean in it."""

    source: Source
    owner: ast.ClassDef | None
    node: Function
    calls: list[ast.Call]


_Key = tuple[str, str]
"""Of a method: its class and its name. Of a function: its module and its name."""


@dataclass(slots=True)
class _Tree:
    bodies: list[_Body] = field(default_factory=list)
    by_key: dict[_Key, list[_Body]] = field(default_factory=dict)
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Class → attribute → its class, as `__init__` assigns an annotated argument to it."""
    imports: dict[str, dict[str, _Key]] = field(default_factory=dict)
    """Module → name → what was imported under it."""
    protocols: dict[str, frozenset[str]] = field(default_factory=dict)
    """Protocol → the methods that it asks for."""
    run: dict[str, frozenset[str]] = field(default_factory=dict)
    """Module → the functions that are handed to `….run(…)` there, by name."""


def nothing_waits_inside_a_transaction(sources: Sequence[Source]) -> list[Finding]:
    tree = _read(sources)
    asking = _asking(sources)
    waiting = _waiting(tree, asking)
    found = []
    for body in tree.bodies:
        for call in _calls_inside(tree, body):
            why = _directly(call, asking) or _at_last(tree, body, call, waiting)
            if why:
                found.append(Finding(body.source.name, call.lineno, f"inside a transaction: {why}"))
        found += [
            Finding(body.source.name, node.lineno, "inside a transaction: what others have begun is waited for")
            for node in _nodes_inside(tree, body)
            if isinstance(node, ast.Await) and not isinstance(node.value, ast.Call)
        ]
    hidden = [Finding(source.name, line, why) for source in sources for line, why in _hidden(source, asking)]
    return sorted({*found, *hidden})


# --- what is inside ---------------------------------------------------------------------------------------------------


def _calls_inside(tree: _Tree, body: _Body) -> Iterator[ast.Call]:
    return (node for node in _nodes_inside(tree, body) if isinstance(node, ast.Call))


def _nodes_inside(tree: _Tree, body: _Body) -> Iterator[ast.AST]:
    if _is_inside(tree, body):
        yield from within(body.node.body)
        return
    for node in within(body.node.body):
        if isinstance(node, ast.AsyncWith) and any(_opens(item.context_expr) for item in node.items):
            yield from within(node.body)
        elif isinstance(node, ast.Call) and last_name(node.func) == "run":
            yield from within([given.body for given in _given(node) if isinstance(given, ast.Lambda)])


def _given(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _hidden(source: Source, asking: frozenset[str]) -> Iterator[tuple[int, str]]:
    """What cannot be followed: a block without an end that one sees, and who asks under another name."""
    called = {id(node.func) for node in source.nodes if isinstance(node, ast.Call)}
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="enter_async_context"), args=[opened]) if _opens(opened):
                yield node.lineno, "a transaction is opened by `enter_async_context`, and where it ends cannot be seen"
            case ast.Attribute(attr=name) if name in asking and id(node) not in called and _asks(node.value):
                yield node.lineno, f"`{name}` asks a provider, and is handed on under another name"


def _asks(node: ast.expr) -> bool:
    """Whether it is the teller, `Sending` or a provider, by its name."""
    name = last_name(node.func) if isinstance(node, ast.Call) else last_name(node)
    return (name or "").lstrip("_") in _ASKED


def _calls(nodes: Sequence[ast.AST]) -> list[ast.Call]:
    return [node for node in within(nodes) if isinstance(node, ast.Call)]


def _is_inside(tree: _Tree, body: _Body) -> bool:
    """All of it: it is given a transaction, or handed to `run`."""
    function = body.node
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    is_given_one = any(each.arg == "tx" or last_name(each.annotation) in _GIVEN for each in arguments)
    return is_given_one or function.name in tree.run[body.source.module]


def _opens(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in _OPENS


# --- what waits -------------------------------------------------------------------------------------------------------


def _asking(sources: Sequence[Source]) -> frozenset[str]:
    """The methods that hand something to a provider, as the port, the teller and `Sending` have them."""
    names = {"send"}
    for source in sources:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and node.name in ("PaymentProvider", "Teller"):
                names |= {each.name for each in node.body if isinstance(each, ast.AsyncFunctionDef)}
    return frozenset(name for name in names if not name.startswith("_")) - _HARMLESS


def _directly(call: ast.Call, asking: frozenset[str]) -> str | None:
    name = last_name(call.func) or ""
    if name in asking and isinstance(call.func, ast.Attribute):
        return f"`{name}` asks a provider"
    if name == "check" and isinstance(call.func, ast.Attribute) and _asks(call.func.value):
        return "`check` asks a provider"
    if name in _OF_QUEUES and isinstance(call.func, ast.Attribute) and "queue" in (last_name(call.func.value) or ""):
        return f"`{name}` waits for a queue"
    if name in _TASKS:
        return f"`{name}` starts a task or a thread"
    if name in _PAUSES:
        return f"`{name}` waits"
    if name == "transaction" and isinstance(call.func, ast.Attribute):
        return "`transaction` opens a second one, which waits for the first"
    if any(isinstance(node, ast.Name) and node.id == "httpx" for node in ast.walk(call.func)):
        return "`httpx` talks to somebody"
    return None


def _waiting(tree: _Tree, asking: frozenset[str]) -> dict[_Key, str]:
    """The functions that wait, each with the way to what waits in the end.

    Without those that are inside a transaction themselves: what waits in them is found there, and once.
    """
    waiting: dict[_Key, str] = {}
    grows = True
    while grows:
        grows = False
        for key, bodies in tree.by_key.items():
            if key in waiting or any(_is_inside(tree, body) for body in bodies):
                continue
            why = next(filter(None, (_waits(tree, body, asking, waiting) for body in bodies)), None)
            if why:
                waiting[key], grows = why, True
    return waiting


def _waits(tree: _Tree, body: _Body, asking: frozenset[str], waiting: dict[_Key, str]) -> str | None:
    ways = (_directly(call, asking) or _at_last(tree, body, call, waiting) for call in body.calls)
    return next(filter(None, ways), None)


def _at_last(tree: _Tree, body: _Body, call: ast.Call, waiting: dict[_Key, str]) -> str | None:
    key = _called(tree, body, call.func)
    return f"`{key[1]}` → {waiting[key]}" if key and key in waiting else None


# --- what a call means ------------------------------------------------------------------------------------------------


def _called(tree: _Tree, body: _Body, function: ast.expr) -> _Key | None:
    match function:
        case ast.Name(id=name):
            return tree.imports[body.source.module].get(name) or (body.source.module, name)
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if body.owner:
            return body.owner.name, name
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=attribute), attr=name) if body.owner:
            owner = tree.attributes.get(body.owner.name, {}).get(attribute)
            return (owner, name) if owner else None
        case ast.Attribute(value=ast.Name(id=variable), attr=name):
            owner = _annotations(body.node).get(variable)
            return (owner, name) if owner else None
    return None


def _read(sources: Sequence[Source]) -> _Tree:
    tree = _Tree()
    for source in sources:
        tree.imports[source.module] = _imports(source)
        tree.run[source.module] = _handed_to_run(source)
        _add(tree, source, None, source.tree.body)
    for protocol, methods in tree.protocols.items():
        for owner in tree.attributes:
            if owner not in tree.protocols and all((owner, method) in tree.by_key for method in methods):
                # Whoever is asked through a protocol may be any of those who keep it.
                for method in methods:
                    tree.by_key[protocol, method] += tree.by_key[owner, method]
    return tree


def _add(tree: _Tree, source: Source, owner: ast.ClassDef | None, nodes: Iterable[ast.AST]) -> None:
    """Functions inside functions too: they are called, or handed on, where they stand."""
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            tree.attributes[node.name] = _attributes(node)
            if any(last_name(base) == "Protocol" for base in node.bases):
                tree.protocols[node.name] = frozenset(each.name for each in node.body if isinstance(each, Function))
            _add(tree, source, node, node.body)
        elif isinstance(node, Function):
            body = _Body(source, owner, node, _calls(node.body))
            tree.bodies.append(body)
            is_method = owner is not None and node in owner.body
            key = (owner.name if is_method and owner else source.module, node.name)
            tree.by_key.setdefault(key, []).append(body)
            _add(tree, source, owner, node.body)
        else:
            _add(tree, source, owner, ast.iter_child_nodes(node))


def _attributes(owner: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for function in owner.body:
        if not (isinstance(function, ast.FunctionDef) and function.name == "__init__"):
            continue
        annotations = _annotations(function)
        for node in within(function.body):
            match node:
                case ast.Assign(targets=[ast.Attribute(attr=attribute)], value=ast.Name(id=argument)):
                    if argument in annotations:
                        found[attribute] = annotations[argument]
    return found


def _annotations(function: Function) -> dict[str, str]:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {each.arg: name for each in arguments if (name := last_name(each.annotation))}


def _imports(source: Source) -> dict[str, _Key]:
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in source.nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _handed_to_run(source: Source) -> frozenset[str]:
    return frozenset(
        name
        for node in source.nodes
        if isinstance(node, ast.Call) and last_name(node.func) == "run" and isinstance(node.func, ast.Attribute)
        for given in _given(node)
        for argument in (
            given.args[:1] if isinstance(given, ast.Call) and last_name(given.func) == "partial" else [given]
        )
        if (name := last_name(argument))
    )
