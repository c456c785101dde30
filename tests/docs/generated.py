"""The parts of the documentation that the code knows better than a writer.

A page holds such a part between two comments:

    <!-- generated: settings -->
    ...
    <!-- until here -->

`generated: file PATH` is a file of docs/ as a block of code, `generated: code PATH PART PART` are definitions in a
module, such as `Class.method`, and `generated: worked NAME` is a table of figures. `make docs` writes them anew; a test
compares.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from textwrap import dedent
from typing import Any, get_args

import typer.main
from graphql import GraphQLEnumType
from pydantic.fields import FieldInfo
from typer.core import TyperArgument, TyperOption

import server
from adapters.settings import PROVIDERS, Settings, variable_of
from domain.charges import Charge, ChargeState
from domain.declines import DECLINES
from domain.errors import ErrorCode
from domain.money import Money
from domain.operations import Operation, OperationKind
from domain.products import Interval, IntervalUnit
from domain.provider import ChargeResult, Initiator, Outcome, RefundResult
from domain.refunds import Refund, RefundState
from domain.subscriptions import Access, Subscription, SubscriptionState
from domain.wishes import WISHES, Wish
from persistence.erasure import DECISIONS, OF_NO_CUSTOMER, Decision, Erased, Kept
from schema.http.live import LiveLimits
from schema.limits import Limits
from schema.root import build_schema
from tests.docs import faults, reference, worked
from tests.docs.pages import DOCS, ROOT, name_of, names_of, pages
from tests.docs.remedies import REMEDIES

_REGION = re.compile(r"(<!-- generated: ([\w./ -]+) -->\n).*?(<!-- until here -->)", re.DOTALL)


def written(text: str) -> str:
    """The page with its generated parts as they have to be now."""
    return _REGION.sub(lambda found: f"{found[1]}{_part(found[2])}{found[3]}", text)


def names(text: str) -> list[str]:
    return [found[2] for found in _REGION.finditer(text)]


def main() -> None:
    for name, file in reference.files().items():
        if not file.exists():
            file.write_text(reference.new_page(name), encoding="utf-8")
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = written(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{name_of(page)} is written anew.\n")


def _part(name: str) -> str:
    if name.startswith("graphql"):
        return reference.part(name)
    kind, *words = name.split()
    match kind:
        case "file":
            return _file(*words)
        case "code":
            return _code(*words)
        case "worked":
            return _table(*worked.table(*words))
    return _PARTS[name]()


def _file(path: str) -> str:
    """A file of the examples, as it is: `generated: file examples/web/src/main.ts`."""
    file = DOCS / path
    remark = "<!-- not run: another test does, with values for its variables -->\n" if file.suffix == ".graphql" else ""
    return f"{remark}```{_LANGUAGES[file.suffix]}\n{file.read_text(encoding='utf-8')}```\n"


def _code(path: str, *parts: str) -> str:
    source = (ROOT / path).read_text(encoding="utf-8")
    return "```python\n" + "\n\n".join(_piece(source, part) for part in parts) + "```\n"


def _piece(source: str, part: str) -> str:
    """One definition, as far to the left as it goes; of a constant, with the text below that tells of it."""
    scope = ast.parse(source).body
    first = last = 0
    for name in part.split("."):
        place, found = next((place, node) for place, node in enumerate(scope) if name in names_of(node))
        first, last = found.lineno, found.end_lineno or found.lineno
        below = scope[place + 1 : place + 2]
        if isinstance(found, ast.Assign) and below and isinstance(below[0], ast.Expr):
            last = below[0].end_lineno or last
        scope = getattr(found, "body", [])
    return dedent("".join(source.splitlines(keepends=True)[first - 1 : last]))


_LANGUAGES = {
    ".graphql": "graphql",
    ".ts": "ts",
    ".html": "html",
    ".json": "json",
    ".kts": "kotlin",
    ".kt": "kotlin",
    ".swift": "swift",
}


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


# --- settings -------------------------------------------------------------------------------------------------------


def _settings() -> str:
    return "\n".join(
        f"## {title[0].upper()}{title[1:]}\n\n"
        + _table(
            ("Setting", "Default", "What it decides"),
            [row for name in fields for row in _rows(name)],
        )
        for title, fields in _sections().items()
    )


def _sections() -> dict[str, list[str]]:
    """The class has its headings in comments; they are the headings of the page too."""
    sections: dict[str, list[str]] = {}
    title = ""
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.match(r" {4}# --- (.+?) -+$", line):
            title = heading[1]
        elif (field := re.match(r" {4}(\w+):", line)) and field[1] in Settings.model_fields:
            sections.setdefault(title, []).append(field[1])
    return sections


def _rows(name: str) -> list[tuple[str, str, str]]:
    """A provider's own settings are one field of the class, and a row for each of their variables."""
    if name not in PROVIDERS:
        return [_setting(variable_of(name), Settings.model_fields[name])]
    kind = PROVIDERS[name]
    return [_setting(variable, kind.model_fields[field]) for field, variable in kind.names().items()]


def _setting(variable: str, field: FieldInfo) -> tuple[str, str, str]:
    default = field.default
    shown = "" if default in (None, "", ()) else f"`{str(default).lower() if default in (True, False) else default}`"
    return f"`{variable}`", shown, f"{field.description}{_choices(field)}{_range(field)}"


def _choices(field: FieldInfo) -> str:
    choices = _literals(field.annotation)
    return f" One of {', '.join(f'`{value}`' for value in choices)}." if len(choices) > 1 else ""


def _literals(annotation: Any) -> list[object]:
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return [word.value for word in annotation]
    parts = [part for part in get_args(annotation) if part not in (type(None), ...)]
    return [
        value for part in parts for value in (_literals(part) if isinstance(part, type) or get_args(part) else [part])
    ]


def _range(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most"}
    bounds = [
        f"{word} {getattr(rule, sign):,}"
        for rule in field.metadata
        for sign, word in words.items()
        if hasattr(rule, sign)
    ]
    return f" {', '.join(bounds).capitalize()}." if bounds else ""


# --- the schema's words ---------------------------------------------------------------------------------------------


def _enum(name: str) -> Callable[[], str]:
    return lambda: _table(
        ("Code" if name.endswith("Code") else "Word", "What it means"),
        [(f"`{word}`", meaning) for word, meaning in _values(name)],
    )


def _user_errors() -> str:
    return _table(
        ("Code", "What it means", "What to do"),
        [(f"`{word}`", meaning, REMEDIES[ErrorCode(word)]) for word, meaning in _values("UserErrorCode")],
    )


def _values(name: str) -> Iterator[tuple[str, str]]:
    described = build_schema()._schema.get_type(name)
    if not isinstance(described, GraphQLEnumType):
        raise TypeError(f"the schema has no enum {name}")
    for word, value in described.values.items():
        yield word, " ".join((value.description or "").split())


def _declines() -> str:
    return _table(
        ("`declineCode`", "What it means", "`advice`", "What the customer reads"),
        [
            (f"`{word}`", meaning, f"`{DECLINES[code].advice}`", DECLINES[code].message)
            for (word, meaning), code in zip(_values("DeclineCode"), DECLINES, strict=True)
            if word == code
        ],
    )


# --- outcomes -------------------------------------------------------------------------------------------------------

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_TEN = Money(10_00, "USD")
_NOTHING = Money.zero("USD")

_BEFORE: dict[OperationKind, tuple[ChargeState, ...]] = {
    OperationKind.CHARGE: (ChargeState.PENDING, ChargeState.UNKNOWN),
    OperationKind.CONTINUE: (ChargeState.REQUIRES_ACTION, ChargeState.UNKNOWN),
    OperationKind.CAPTURE: (ChargeState.AUTHORIZED,),
    OperationKind.VOID: (ChargeState.REQUIRES_ACTION, ChargeState.AUTHORIZED),
}
"""In which states the charge is when such a request is answered, or looked into."""

_SETTLED = [state for state in ChargeState if state not in (ChargeState.PENDING, ChargeState.UNKNOWN)]


def _outcomes() -> str:
    charges = [
        f"### After {kind}\n\n"
        + _table(
            ("Outcome", *(f"a charge that is `{state}` becomes" for state in states)),
            [(f"`{outcome}`", *(_after(_operation(kind), state, outcome) for state in states)) for outcome in Outcome],
        )
        for kind, states in _BEFORE.items()
    ]
    return "\n".join([*charges, _refund_outcomes()])


def _after(operation: Operation, before: ChargeState, outcome: Outcome) -> str:
    goes_on = "" if operation.is_answered_by(outcome) else " ↻"
    if not operation.tells_of_the_charge(outcome):
        return f"as it was{goes_on}"
    return f"`{_charge(before).after(ChargeResult(outcome=outcome), now=_NOW).state}`{goes_on}"


def _refund_outcomes() -> str:
    operation, states = _operation(OperationKind.REFUND), (RefundState.PENDING, RefundState.UNKNOWN)
    rows = [
        (
            f"`{outcome}`",
            *(
                f"`{_refund(state).after(RefundResult(outcome=outcome), now=_NOW).state}`"
                + ("" if operation.is_answered_by(outcome) else " ↻")
                for state in states
            ),
        )
        for outcome in Outcome
        if outcome is not Outcome.AUTHORIZED  # money on its way back is never only held
    ]
    return "### After REFUND\n\n" + _table(
        ("Outcome", *(f"a refund that is `{state}` becomes" for state in states)), rows
    )


def _later_evidence() -> str:
    return _table(
        ("The charge is", *(f"`{outcome}`" for outcome in Outcome)),
        [(f"`{state}`", *(_later(state, outcome) for outcome in Outcome)) for state in _SETTLED],
    )


def _later(before: ChargeState, outcome: Outcome) -> str:
    after = _charge(before).after(ChargeResult(outcome=outcome), now=_NOW).state
    return "–" if after is before else f"`{after}`"


def _operation(kind: OperationKind) -> Operation:
    return Operation(
        id="op_1",
        kind=kind,
        charge_id="chg_1",
        account="fake",
        request={},
        on_session=True,
        first_sent_at=_NOW,
        created_at=_NOW,
    )


def _charge(state: ChargeState) -> Charge:
    return Charge(
        id="chg_1",
        order_id="ord_1",
        customer_id="cus_1",
        payment_method_id="pm_1",
        account="fake",
        state=state,
        initiator=Initiator.CUSTOMER,
        amount=_TEN,
        authorized=_NOTHING,
        captured=_NOTHING,
        refunded=_NOTHING,
        refund_reserved=_NOTHING,
        disputed=_NOTHING,
        livemode=False,
        created_at=_NOW,
        updated_at=_NOW,
    )


def _refund(state: RefundState) -> Refund:
    return Refund(
        id="ref_1",
        state=state,
        charge_id="chg_1",
        order_id="ord_1",
        customer_id="cus_1",
        account="fake",
        amount=_TEN,
        livemode=False,
        created_at=_NOW,
        updated_at=_NOW,
    )


# --- subscriptions --------------------------------------------------------------------------------------------------


def _access() -> str:
    """What a customer may do, and in which states: the ends of a subscription and those in between."""
    meanings = dict(_values("Access"))
    states = {
        access: [state for state in SubscriptionState if _subscription(state).access is access] for access in Access
    }
    return _table(
        ("`access`", "What it means", "The subscription is"),
        [(f"`{access}`", meanings[access], ", ".join(f"`{state}`" for state in of)) for access, of in states.items()],
    )


def _wishes() -> str:
    """States in which the same comes of a wish are one row of it."""
    rows = []
    for wish, of in WISHES.items():
        for what in dict.fromkeys(of.values()):
            states = ", ".join(f"`{state}`" for state in of if of[state] == what)
            rows.append((_WISHES[wish] if what is next(iter(of.values())) else "", states, what))
    return _table(("Wish", "The subscription is", "What happens"), rows)


_WISHES: Mapping[Wish, str] = {
    Wish.CHANGE_NOW: "change it now",
    Wish.CHANGE_AT_PERIOD_END: "change it at the end of the period",
    Wish.CANCEL_NOW: "cancel it now",
    Wish.CANCEL_AT_PERIOD_END: "cancel it at the end of the period",
    Wish.PAUSE_NOW: "pause it now",
    Wish.PAUSE_AT_PERIOD_END: "pause it at the end of the period",
    Wish.RESUME: "resume it",
    Wish.UNDO: "undo what is scheduled",
    Wish.SET_PAYMENT_METHOD: "set its payment method",
}


def _subscription(state: SubscriptionState) -> Subscription:
    return Subscription(
        id="sub_1",
        customer_id="cus_1",
        issuer_id="iss_1",
        state=state,
        currency="USD",
        interval=Interval(IntervalUnit.MONTH, 1),
        starts_at=_NOW,
        periods_from=_NOW,
        items=(),
        livemode=False,
        created_at=_NOW,
        updated_at=_NOW,
    )


# --- limits ---------------------------------------------------------------------------------------------------------


def _limits(of: type) -> str:
    """Names, figures and reasons from the class itself; the reason is the text under each field."""
    tree = ast.parse(inspect.getsource(of)).body[0]
    if not isinstance(tree, ast.ClassDef):
        raise TypeError(f"{of} is not a class")
    rows = []
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        reason = text.value.value if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) else ""
        figure = getattr(of(), field.target.id)
        rows.append((field.target.id.replace("_", " "), f"{figure:,}", _without_modules(" ".join(str(reason).split()))))
    return _table(("What", "At most", "Why so much"), rows)


def _without_modules(reason: str) -> str:
    return re.sub(r"^See `schema\.http\.cost`: (\w)", lambda found: found[1].upper(), reason)


# --- commands -------------------------------------------------------------------------------------------------------


def _commands() -> str:
    return "\n".join(_chapters("paydesk", typer.main.get_command(server.cli)))


def _chapters(path: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is not None:
        for name, below in inner.items():
            yield from _chapters(f"{path} {name}", below)
        return
    parameters = [parameter for parameter in command.params if parameter.name != "help"]
    usage = " ".join([path, *(_usage(parameter) for parameter in parameters)])
    lines = [f"- `{_placeholder(parameter)}`: {parameter.help}{_default(parameter)}" for parameter in parameters]
    yield f"## {path}\n\n{' '.join(command.help.split())}\n\n    {usage}\n"
    if lines:
        yield "\n".join(lines) + "\n"


def _usage(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        return _placeholder(parameter)
    return f"[{parameter.opts[0]} …]"


def _placeholder(parameter: Any) -> str:
    return parameter.name.upper() if isinstance(parameter, TyperArgument) else str(parameter.opts[0])


def _default(parameter: Any) -> str:
    choices = _literals(parameter.type_descriptor.annotation)
    told = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    default = parameter.default
    if isinstance(parameter, TyperOption) and isinstance(default, int | float) and default is not None:
        told += f" {default:g} if not given."
    return told


# --- erasure ----------------------------------------------------------------------------------------------------------


def _erasure() -> str:
    decided = [(table, _emptied(columns), _kept(columns)) for table, columns in DECISIONS.items()]
    rest = [(f"`{table}`", "", why) for table, why in OF_NO_CUSTOMER.items()]
    rows = [(f"`{table}`", emptied, kept) for table, emptied, kept in decided]
    return _table(("Table", "Emptied", "Kept, and why"), [*rows, *rest])


def _emptied(columns: Mapping[str, Decision]) -> str:
    return ", ".join(f"`{column}`" for column, decision in columns.items() if isinstance(decision, Erased))


def _kept(columns: Mapping[str, Decision]) -> str:
    whys: dict[str, list[str]] = {}
    for column, decision in columns.items():
        if isinstance(decision, Kept):
            whys.setdefault(decision.why, []).append(f"`{column}`")
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in whys.items())


_PARTS: dict[str, Callable[[], str]] = {
    "settings": _settings,
    "user-error-codes": _user_errors,
    "failure-codes": _enum("FailureCode"),
    "review-reasons": _enum("ReviewReason"),
    "declines": _declines,
    "outcomes": _outcomes,
    "later-evidence": _later_evidence,
    "order-states": _enum("OrderState"),
    "payment-states": _enum("PaymentState"),
    "charge-states": _enum("ChargeState"),
    "refund-states": _enum("RefundState"),
    "dispute-states": _enum("DisputeState"),
    "subscription-states": _enum("SubscriptionState"),
    "invoice-states": _enum("InvoiceState"),
    "access": _access,
    "wishes": _wishes,
    "payment-method-states": _enum("PaymentMethodState"),
    "limits": lambda: _limits(Limits),
    "live limits": lambda: _limits(LiveLimits),
    "commands": _commands,
    "erasure": _erasure,
    "faults": faults.chapters,
}


if __name__ == "__main__":
    main()
