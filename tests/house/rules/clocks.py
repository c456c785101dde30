"""In what lives by the time of a customer nobody takes the real time for it: it goes to `now_of`, which knows the test
clocks, or is called `told`: when something was written down.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence

from tests.house.rules.source import Finding, Source, last_name

LIVE_BY_THE_CUSTOMERS_TIME = frozenset(
    f"domain/services/{name}.py"
    for name in (
        "applying",
        "balances",
        "billing",
        "calling_off",
        "changing",
        "collecting",
        "credit_notes",
        "dunning",
        "ending",
        "first_payments",
        "giving_back",
        "invoice_lines",
        "invoices",
        "invoicing",
        "managing",
        "order_invoices",
        "paid_invoices",
        "pausing",
        "renewing",
        "running",
        "scheduled",
        "subscription_cards",
        "subscriptions",
        "undoing",
        "unpaid_invoices",
        "updates",
    )
)
_KNOWS_THE_CLOCKS = "now_of"
_CLOCKS = frozenset({"_clock", "clock", "datetime"})


def real_time_is_not_a_customers(sources: Sequence[Source]) -> list[Finding]:
    return [finding for source in sources if source.name in LIVE_BY_THE_CUSTOMERS_TIME for finding in _in(source)]


def _in(source: Source) -> Iterator[Finding]:
    parents = {child: node for node in source.nodes for child in ast.iter_child_nodes(node)}
    for node in source.nodes:
        if _asks_the_machine(node) and not _is_told(node, parents):
            why = f"the real time, which is not the customer's: give it to `{_KNOWS_THE_CLOCKS}`, or call it `told`"
            yield Finding(source.name, getattr(node, "lineno", 0), why)


def _asks_the_machine(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=clock, attr="now" | "utcnow")):
            return last_name(clock) in _CLOCKS
        case _:
            return False


def _is_told(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> bool:
    while (above := parents.get(node)) is not None and not isinstance(node, ast.stmt):
        match above:
            case ast.keyword(arg="told") | ast.Assign(targets=[ast.Name(id="told")]):
                return True
            case ast.keyword(arg="now"):
                return isinstance(call := parents[above], ast.Call) and last_name(call.func) == _KNOWS_THE_CLOCKS
        node = above
    return False
