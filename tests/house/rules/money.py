"""No float near money: amounts are integers of the smallest unit, and decimals where they are shown.

In modules that are all about money a float, a true division or a rounding is refused wherever it stands; elsewhere, in
whatever is computed from, compared with or named after an amount.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence

from tests.house.rules.source import Finding, Source, last_name

ALL_ABOUT_MONEY = frozenset(
    {
        "domain/invoices.py",
        "domain/ledger.py",
        "domain/money.py",
        "domain/pricing.py",
        "domain/proration.py",
        "schema/money.py",
    }
)

_MONEY = frozenset(
    {
        "Money",
        "MoneyInput",
        "amount",
        "authorized",
        "balance",
        "capturable",
        "captured",
        "disputed",
        "due",
        "minor_units",
        "minorUnits",
        "price",
        "refund_reserved",
        "refundable",
        "refunded",
        "subtotal",
        "total",
        "unit_amount",
    }
)
_ENDINGS = ("_amount", "_amounts", "_minor_units", "_price", "_total")
_ROUNDS = frozenset({"round", "float", "floor", "ceil", "fsum", "true_divide", "truediv"})
# A call of another function is a border: `charge(amount, timeout_seconds=2.5)` has nothing near its amount.
_COMPUTES = frozenset({"Money", "MoneyInput", "Decimal", "abs", "divmod", "int", "max", "min", "pow", "sum"}) | _ROUNDS


def no_float_near_money(sources: Sequence[Source]) -> list[Finding]:
    return [finding for source in sources for finding in _in(source)]


def _in(source: Source) -> Iterator[Finding]:
    parents = {child: node for node in source.nodes for child in ast.iter_child_nodes(node)}
    for node in source.nodes:
        what = _inexact(node)
        if what and (source.name in ALL_ABOUT_MONEY or _is_near(node, parents)):
            yield Finding(source.name, getattr(node, "lineno", 0), f"{what} near money: amounts are integers")


def _inexact(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=float()):
            return "a float"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return "a true division"
        case ast.Call(func=function) if last_name(function) in _ROUNDS:
            return f"`{last_name(function)}`"
        case ast.arg(annotation=kind) | ast.AnnAssign(annotation=kind) if _has_float(kind):
            return "a float"
        case ast.FunctionDef(returns=kind) | ast.AsyncFunctionDef(returns=kind) if _has_float(kind):
            return "a float"
        case _:
            return None


def _has_float(annotation: ast.AST | None) -> bool:
    nodes = ast.walk(annotation) if annotation else ()
    return any(isinstance(node, ast.Name) and node.id == "float" for node in nodes)


def _is_near(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Up from what is inexact to the whole that is computed with it, and to the name that it is given."""
    match node:
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return _is_money(name)
        case ast.AnnAssign(target=target, value=value):
            return _is_money(last_name(target)) or (value is not None and _mentions(value))
    whole = node
    while True:
        above = parents[whole]
        match above:
            case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.IfExp() | ast.BoolOp():
                whole = above
            case ast.Call(func=function) if last_name(function) in _COMPUTES:
                whole = above
            case ast.keyword():
                if _is_money(above.arg) or not _computes(parents[above]):
                    return _is_money(above.arg) or _mentions(whole)
                whole = parents[above]
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.NamedExpr():
                return _mentions(above)
            case ast.Dict(keys=keys, values=values):
                key = keys[values.index(whole)] if isinstance(whole, ast.expr) and whole in values else None
                return _is_money(last_name(key)) or _mentions(whole)
            case ast.GeneratorExp() | ast.ListComp() | ast.Tuple() | ast.List():
                whole = above
            case _:
                return _mentions(whole)


def _computes(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in _COMPUTES


def _mentions(node: ast.AST) -> bool:
    return any(_is_money(last_name(each)) for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute))


def _is_money(name: str | None) -> bool:
    return name is not None and (name in _MONEY or name.endswith(_ENDINGS))
