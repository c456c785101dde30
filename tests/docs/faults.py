"""The faults that the gateway has to live through, and the tests that show how it does.

A test says which it shows: `@pytest.mark.fault("F7", "F8")`, on a function, a class, or as a module's `pytestmark`.
"""

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.docs.pages import ROOT

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    what: str
    then: str
    """What has to happen."""
    waits_for: str | None = None
    """The feature without which it cannot arise; None when it can."""


CHAPTERS: Mapping[str, Sequence[Fault]] = {
    "A process dies": (
        Fault(
            "F1",
            "The gateway is killed before it has committed that it will charge.",
            "Nothing has happened. The client sends the same again, with the same key.",
        ),
        Fault(
            "F2",
            "It is killed once the operation is written down, and before the request has left.",
            "The operation's job finds it, asks the provider, which knows nothing, and sends what is written, once.",
        ),
        Fault(
            "F3",
            "It is killed while the request is under way.",
            "A look under the operation's id tells whether it acted; where it is repeated, its key makes it one.",
        ),
        Fault(
            "F4",
            "It is killed when the provider has acted, and before that is booked.",
            "The look finds it. Ledger, order and events are written once.",
        ),
        Fault(
            "F5",
            "It is killed while the outcome is committed, or after that, before the answer.",
            "The same request gets the charge as it is; what was committed stays.",
        ),
        Fault(
            "F6",
            "Two gateways are killed at once.",
            "Nothing of a payment lives in a process. When the leases end, one of those that are left finishes it.",
        ),
    ),
    "The way to the provider": (
        Fault(
            "F7",
            "The provider acts, and the connection ends without an answer.",
            "The charge is `UNKNOWN`, which the client sees; never failed. A look finds the money.",
        ),
        Fault("F8", "The provider acts, and the connection is reset.", "As for F7."),
        Fault(
            "F9",
            "The provider hangs.",
            "The request is given up after its time-out and is `UNKNOWN`; whoever waits is answered before. The lease "
            "is longer than twice the time-out.",
        ),
        Fault(
            "F10",
            "The request arrives after the gateway gave it up.",
            "An empty look proves nothing while it may still travel. A repeat under its key acts once.",
        ),
        Fault("F11", "The network delivers the request twice.", "The operation's id is its key: it acts once."),
        Fault(
            "F12",
            "The provider answers 500, and has acted, or has not.",
            "Both are `UNKNOWN`. It is looked up first, and sent again only if the provider has no trace of it.",
        ),
        Fault(
            "F13",
            "The provider answers 429 or 503.",
            "The same operation is repeated later, not before the moment that the provider names; no new one is made.",
        ),
        Fault(
            "F14",
            "The answer is a page of HTML, cut off, or garbage with a 200.",
            "What cannot be read is `UNKNOWN`; never a decline.",
        ),
        Fault(
            "F15",
            "The provider cannot be reached: refused, no such name, no TLS.",
            "Nothing was sent, for certain: `FAILED` with `PROVIDER_UNAVAILABLE`. Nobody is charged later, and the "
            "client's key is free. After several such answers requests are refused at once for a while.",
        ),
        Fault(
            "F16",
            "The provider answers that the key is in use.",
            "Somebody's request is under way there. It is waited for, and looked up.",
        ),
    ),
    "What the provider says": (
        Fault(
            "F17",
            "A key comes again with another request.",
            "`IDEMPOTENCY_CONFLICT`, and the provider is not asked.",
        ),
        Fault(
            "F18",
            "A key is so old that the provider may have forgotten it.",
            "Nothing is sent under it any more; it is only looked up.",
        ),
        Fault(
            "F19",
            "A repeat is refused because the one-time token of the card is used up.",
            "That is a trace of the first request: it is looked up, and not taken for a decline.",
            waits_for="the adapter for Braintree",
        ),
        Fault(
            "F20",
            "The provider refuses a charge as a duplicate of another.",
            "It is looked up, and adopted only if it bears the operation's id.",
        ),
        Fault(
            "F21",
            "Another amount was captured or given back than was asked for.",
            "The provider's amount is booked, and a `review` asks for a person. Too little does not pay an order.",
        ),
        Fault(
            "F22",
            "A confirmation is begun, and the customer never comes back.",
            "The charge is `EXPIRED`, and the order can be paid with another.",
        ),
    ),
    "Several clients at once": (
        Fault("F23", "A double click: one key, in parallel.", "One charge; everybody gets it, as it is then."),
        Fault(
            "F24",
            "Two tabs: other keys, in parallel.",
            "One charge. The others get `CHARGE_IN_PROGRESS` or `ORDER_ALREADY_PAID`, and their keys stay free.",
        ),
        Fault("F25", "A hundred charges in one document.", "Refused by a limit before the first field is executed."),
        Fault(
            "F26",
            "Refunds in parallel that are more than was captured.",
            "Each amount is reserved under the charge's lock; what is too much gets `REFUND_AMOUNT_TOO_HIGH`.",
        ),
        Fault(
            "F27",
            "A refund is asked for while nobody knows whether money was taken.",
            "Refused. A refund is never used to undo what is unknown.",
        ),
        Fault(
            "F28",
            "A void meets a capture, or a confirmation.",
            "The provider decides. The charge is fetched again, and what happened is booked.",
        ),
        Fault(
            "F29",
            "Credits are spent in parallel.",
            "The balance never falls below zero, and no credit is spent twice.",
            waits_for="credits",
        ),
    ),
    "Webhooks": (
        Fault("F30", "A webhook is delivered twice.", "It is stored once, and answered with 200 each time."),
        Fault(
            "F31",
            "Webhooks come in the wrong order.",
            "What they say is not believed: the object is fetched. Amounts only grow, and states only move forward.",
        ),
        Fault(
            "F32",
            "The webhook comes before the answer to the request itself.",
            "The webhook settles the charge; the answer finds that done, and changes nothing.",
        ),
        Fault(
            "F33",
            "A webhook is about something that is not ours: unknown, of another account, or of the other mode.",
            "It is stored, tried for half an hour where that may help, and parked. Nothing of ours changes.",
        ),
        Fault("F34", "A webhook comes days late, or never.", "Looks find it without; what comes late is booked."),
        Fault(
            "F35",
            "A webhook is forged, recorded, changed, too old, or signed with another secret.",
            "400, and nothing is stored. While a secret is changed both are taken.",
        ),
        Fault(
            "F36",
            "A webhook cannot be stored.",
            "It is never answered with 200 before its commit, so the provider delivers it again.",
        ),
        Fault(
            "F37",
            "A webhook breaks whoever applies it, each time.",
            "It comes back ever later, and then rests for a person; all others proceed.",
        ),
    ),
    "The database": (
        Fault(
            "F38",
            "PostgreSQL is restarted at once, under load.",
            "Errors, then recovery without a restart of the gateway. An unconfirmed commit is read back by id.",
        ),
        Fault(
            "F39",
            "PostgreSQL fails over to a replica, or is restored from a backup, that lacks the last commits.",
            "The gateway starts in recovery: it only looks, and sends nothing, until both sides have been compared.",
        ),
        Fault(
            "F40",
            "A deadlock, or a failed serialization.",
            "Locks are taken in one order. If it happens all the same the whole phase is run again, and never the call "
            "to the provider.",
        ),
        Fault(
            "F41",
            "Another process holds the SQLite file.",
            "Whoever writes waits in line, from the beginning of the transaction; whoever reads does not wait.",
        ),
        Fault(
            "F42",
            "The disk is full, or read-only, when the outcome has to be booked.",
            "The operation stays as it is, and is settled by a look once there is room. Nobody is charged again.",
        ),
        Fault(
            "F43",
            "The power fails, with SQLite.",
            "What was confirmed is on the disk: a write-ahead log, synchronized at each commit.",
        ),
        Fault(
            "F44",
            "A value turns out to be taken inside a transaction.",
            "`ON CONFLICT`, a savepoint, or the end of the transaction, on both databases alike.",
        ),
    ),
    "Ends, clocks and releases": (
        Fault(
            "F45",
            "A request is cancelled at any point: time-out, hang-up, shutdown.",
            "The payment goes on by itself. No connection and no lock is left behind.",
        ),
        Fault(
            "F46",
            "The gateway is told to stop while it charges.",
            "It takes nothing new, finishes what it has within its time, and leaves the rest to the leases.",
        ),
        Fault(
            "F47",
            "Clocks jump, or differ between nodes; a node sleeps and wakes up.",
            "Leases are times of the database. What a sleeper brings home is weighed by what others did meanwhile.",
        ),
        Fault(
            "F48",
            "Two versions run side by side during a release.",
            "Migrations keep what is there, and add: the older version stays ready, and leaves jobs, events and "
            "discrepancies alone that it does not know. Beside one that it cannot live with it is not ready.",
        ),
    ),
    "Events out": (
        Fault(
            "F49",
            "NATS is down, is killed, or loses its disk.",
            "The outbox grows, and drains later; what was lost is published again from it.",
            waits_for="events out",
        ),
        Fault(
            "F50",
            "NATS hands an event out twice, beyond its window for duplicates.",
            "Consumers tell events apart by their id; the window is longer than any stall.",
            waits_for="events out",
        ),
        Fault(
            "F51",
            "The relay is killed after it has published, and before it has noted that.",
            "The event is published again under the same id.",
            waits_for="events out",
        ),
        Fault(
            "F52",
            "An endpoint answers 500, slowly, with a redirect or 410, or hangs up.",
            "It is tried again on a schedule; 410 ends it, and a slow one does not starve the others.",
            waits_for="events out",
        ),
        Fault(
            "F53",
            "An endpoint's name leads to an address inside.",
            "Refused when connecting, by the address that the name has then.",
            waits_for="events out",
        ),
    ),
    "Subscriptions and disputes": (
        Fault(
            "F54",
            "The renewal is killed in the middle, or runs on two nodes.",
            "A period of a subscription is charged once.",
        ),
        Fault(
            "F55",
            "Several periods pass while the gateway is down.",
            "Each is charged once, as the documented policy says.",
        ),
        Fault(
            "F56",
            "A period begins on the 31st, on a leap day, or when clocks change.",
            "Periods neither overlap nor leave a gap.",
        ),
        Fault(
            "F57",
            "A dispute comes after the charge was given back in full.",
            "It is counted apart, and what can be refunded never falls below zero.",
        ),
    ),
    "Requests": (
        Fault(
            "F58",
            "Currencies with no decimals or three; amounts beyond 2⁵³, below zero, or no whole numbers.",
            "Amounts are whole numbers of the smallest unit; anything else is refused before anything happens.",
        ),
        Fault(
            "F59",
            "Nesting without end, circles of fragments, bodies of many megabytes, text that is none.",
            "A 4xx at once, and nobody else waits for it.",
        ),
        Fault(
            "F60",
            "Somebody else's id, in any argument, cursor or subscription.",
            "The same answer as for an id that does not exist.",
        ),
        Fault(
            "F61",
            "Sockets that say nothing, ask for thousands of things, or are cut off.",
            "Closed, limited, and nothing of them is left.",
        ),
        Fault(
            "F62",
            "Old rows are deleted while a late retry still needs them.",
            "Keys outlive any client's retry, those of unfinished requests all others, and rows of money everything.",
        ),
    ),
}

FAULTS: Mapping[str, Fault] = {fault.name: fault for chapter in CHAPTERS.values() for fault in chapter}


@cache
def shown(folder: Path = ROOT / "tests") -> Mapping[str, Sequence[str]]:
    """The tests by the faults that they show: `tests/services/test_charges.py:test_a_name`."""
    found: dict[str, list[str]] = {}
    for file in _files(folder):
        text = file.read_text(encoding="utf-8")
        if "mark.fault" not in text:
            continue
        for test, names in _tests(ast.parse(text).body, ()):
            for name in names:
                found.setdefault(name, []).append(f"{file.relative_to(folder.parent)}:{test}")
    return found


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("node_modules", "__pycache__")]
        found += [Path(root, name) for name in names if name.startswith("test_") and name.endswith(".py")]
    return sorted(found)


def _tests(
    body: Sequence[ast.stmt], around: tuple[str, ...], prefix: str = ""
) -> Iterator[tuple[str, tuple[str, ...]]]:
    around += tuple(
        name
        for node in body
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets)
        for name in _named([node.value])
    )
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, around + _named(node.decorator_list), f"{prefix}{node.name}.")
        elif isinstance(node, Function) and node.name.startswith("test_"):
            yield f"{prefix}{node.name}", tuple(dict.fromkeys(around + _named(node.decorator_list)))


def _named(marks: Sequence[ast.expr]) -> tuple[str, ...]:
    return tuple(
        argument.value
        for mark in marks
        for node in ast.walk(mark)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


def chapters() -> str:
    """For the page: each fault, what has to happen, and where it is shown."""
    by_fault = shown()
    return "\n".join(
        f"## {title}\n\n" + "\n".join(_section(fault, by_fault.get(fault.name, [])) for fault in faults)
        for title, faults in CHAPTERS.items()
    )


def _section(fault: Fault, tests: Sequence[str]) -> str:
    where = [f"- `{test}`" for test in tests] or [f"Waits for {fault.waits_for}."]
    return "\n".join([f"### {fault.name}\n", f"{fault.what} *{fault.then}*\n", *where, ""])
