"""What a run has shown, as the tables of docs/reliability.md."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.planted import Mistake
from tests.chaos.postman import Delivery
from tests.chaos.storm import KILLED, KILLED_TOGETHER, RESTARTED
from tests.chaos.town import TIMEOUT_SECONDS
from tests.chaos.trial import Caught, Trial
from tests.chaos.verdict import PROMISES
from tests.chaos.wire import Fault
from tests.databases import ROOT
from tests.server.banks import FAULTS_OF_BANKS, FakeBank

PAGE = ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- measured by make chaos -->", "<!-- end of what was measured -->"
_NAMES = {
    "postgres": "PostgreSQL",
    "sqlite": "SQLite",
    "postgres-stripe": "Stripe, PostgreSQL",
    "postgres-braintree": "Braintree, PostgreSQL",
    "postgres-braintree-without-keys": "Braintree without keys, PostgreSQL",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Of which code a run speaks, and when it began."""

    commit: str
    """Its short hash; "-dirty" follows where files differ from it."""
    began: datetime

    @classmethod
    def now(cls) -> "Origin":
        git = ("git", "-C", ROOT, "describe", "--always", "--exclude=*", "--dirty")
        described = subprocess.run(git, check=True, capture_output=True, text=True)
        return cls(described.stdout.strip(), datetime.now(UTC))


def report(trials: Sequence[Trial], caught: Sequence[Caught]) -> str:
    tables = (("What was done", _done), ("What became of it", _came), ("The verdict", _verdict))
    parts = ["\n".join(_table(trials, title, rows)) for title, rows in tables] if trials else []
    if caught:
        parts.append("\n".join(_caught(caught)))
    return "\n\n".join(parts)


def write_page(origin: Origin, trials: Sequence[Trial], caught: Sequence[Caught], *, page: Path = PAGE) -> None:
    """ValueError for a part of a run: the page speaks of both databases, every emulator, and every mistake."""
    if {trial.plan.name for trial in trials} != {*_NAMES} or {each.plan.mistake for each in caught} != {*Mistake}:
        raise ValueError("the page is written by a whole run, and only by one")
    between = re.compile(rf"(?<={re.escape(_BEGIN)}\n).*?(?={re.escape(_END)})", re.DOTALL)
    measured = f"\n{_headline(origin, trials)}\n\n{report(trials, caught)}\n\n"
    page.write_text(between.sub(lambda _: measured, page.read_text(encoding="utf-8")), encoding="utf-8")


def _headline(origin: Origin, trials: Sequence[Trial]) -> str:
    plan = trials[0].plan
    orders = sum(trial.plan.orders for trial in trials if trial.plan.bank == FakeBank.account)
    return (
        f"Measured at commit `{origin.commit}` on {origin.began:%Y-%m-%d, from %H:%M} UTC, on {os.cpu_count()} cores:"
        f" `python -m tests.chaos.run --orders {orders} --seed {plan.seed}`."
        f" The gateways give the bank {TIMEOUT_SECONDS:.0f} s to answer."
    )


def _table(trials: Sequence[Trial], title: str, rows: Callable[[Trial], Iterator[tuple[str, str]]]) -> Iterator[str]:
    columns = [dict(rows(trial)) for trial in trials]
    yield f"| {title} | {' | '.join(_NAMES[trial.plan.name] for trial in trials)} |"
    yield "|---|" + "---|" * len(trials)
    for name in dict.fromkeys(name for column in columns for name in column):
        yield f"| {name} | {' | '.join(column.get(name, '') for column in columns)} |"


def _done(trial: Trial) -> Iterator[tuple[str, str]]:
    memory = trial.memory
    yield "seed", str(trial.plan.seed)
    yield "orders", _count(len(trial.books.orders))
    yield "clients at once", str(trial.plan.clients)
    yield "faults in a hundred requests about money", f"{trial.plan.money_faults * 100:.0f}"
    yield "faults in a hundred others", f"{trial.plan.other_faults * 100:.0f}"
    yield "faults in a hundred webhooks", f"{trial.plan.webhook_faults * 100:.0f}"
    yield "seconds between two kills, on average", f"{trial.plan.weather.kill_every:.0f}"
    yield "seconds of storm", f"{trial.storm_seconds:.0f}"
    yield "requests of the clients", _count(memory.requests)
    yield "of these repeated, since no answer came", _count(memory.repeats)
    yield "requests on the wire to the bank", _count(trial.wire_requests)
    banks = FAULTS_OF_BANKS if trial.plan.bank != FakeBank.account else ()
    for happened in (KILLED, KILLED_TOGETHER, RESTARTED, *Fault, *banks, *Delivery):
        yield happened, _count(trial.events[happened])


def _came(trial: Trial) -> Iterator[tuple[str, str]]:
    books = trial.books
    for noun, rows in (("orders", books.orders), ("charges", books.charges), ("refunds", books.refunds)):
        states = Counter(row["state"] for row in rows)
        yield noun, ", ".join(f"{_count(times)} {state}" for state, times in states.most_common())
    yield "events", _count(len(trial.books.events))
    yield "connections of the follower", _count(trial.connections)
    yield "webhooks taken", _count(trial.webhooks)
    yield "charges in review", _count(sum(row["review_since"] is not None for row in trial.books.charges))


def _verdict(trial: Trial) -> Iterator[tuple[str, str]]:
    for promise in PROMISES:
        yield promise, f"**{len(trial.verdict.broken[promise])}**"
    yield "settled unaided, seconds after the storm", f"{trial.settled_seconds:.0f}"
    yield "time for that, seconds", f"{trial.settle_within_seconds:.0f}"
    yield "longest wait for an answer, seconds", f"{trial.memory.longest_wait_seconds:.1f}"
    yield "slowest start of a gateway, seconds", f"{trial.slowest_start_seconds:.1f}"
    if trial.recovery_seconds:
        yield "ready again after PostgreSQL was, slowest, seconds", f"{max(trial.recovery_seconds):.1f}"


def _caught(caught: Sequence[Caught]) -> Iterator[str]:
    yield "| Planted mistake | Found by | Orders | Of these paid | Seconds |"
    yield "|---|---|---|---|---|"
    for each in caught:
        shown = Counter(sentence.partition(": ")[0] for sentence in each.evidence)
        found = "; ".join(f"{what} ({times})" for what, times in shown.items()) or "**nothing**"
        yield f"| `{each.plan.mistake}` | {found} | {each.plan.orders} | {each.paid} | {each.seconds:.0f} |"


def _count(number: int) -> str:
    return f"{number:,}"
