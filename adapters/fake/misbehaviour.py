"""Scripted, seeded misbehaviour: which call or webhook goes wrong, and how.

A script is a list of rules, `what#which=fault`, separated by semicolons:

    charge#3=decline:insufficient_funds; charge#5=lose_answer; refund#*~0.1=hang
    webhook#*~0.3=delay:0-10; webhook.refund.failed#1=twice

`what` is a call of the bank (`charge`, `refund`, `find_charge`, …) or `*` for every call; `webhook` is every event, and
`webhook.` with a kind the events of this kind. `which` is a number (`3`, counted from 1 since the script was set), a
range (`3-5`) or `*`; `~0.1` makes it one in ten, drawn from the seed, so the same seed and the same order of calls
misbehave the same way. The first rule that matches wins. docs/reference/fake-provider.md lists the faults.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from adapters.fake.calls import CALLS
from adapters.fake.declines import BANK_DECLINES
from adapters.fake.misdeliveries import DeliveryFault, Misdelivery

WEBHOOK = "webhook"
"""The word for events in a script; with a dot and a kind behind it, for the events of that kind."""


class Fault(StrEnum):
    DECLINE = "decline"
    """The bank says no, with the code that is given: `decline:insufficient_funds`."""
    LOSE_ANSWER = "lose_answer"
    """The work is done; the connection closes without an answer."""
    RESET = "reset"
    """The work is done; the connection is reset."""
    HANG = "hang"
    """The work is done; no answer ever comes."""
    SLOW = "slow"
    """The work begins only after that many seconds: `slow:30`. Until then the same key is answered 409."""
    REFUSE = "refuse"
    """503: nothing is done, and the bank says so: the request counts as not sent. `refuse:30` adds `Retry-After`."""
    ERROR = "error"
    """500, nothing is done."""
    ERROR_AFTER = "error_after"
    """500, though the work is done."""
    RATE_LIMIT = "rate_limit"
    """429, nothing is done. `rate_limit:30` adds `Retry-After`."""
    HTML = "html"
    """The work is done; a proxy's page comes instead of the answer."""
    TRUNCATE = "truncate"
    """The work is done; half of the answer comes."""
    EMPTY = "empty"
    """The work is done; the answer is `200 {}`."""


class ScriptUnreadable(ValueError):
    """The script is no script; the message says which rule and why."""


@dataclass(frozen=True, slots=True)
class Misdeed:
    """What goes wrong with one call."""

    fault: Fault
    decline_code: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    what: str
    first: int
    last: int | None
    probability: float
    misdeed: Misdeed | None = None
    """With a call; with an event it is None."""
    delivery: DeliveryFault | None = None
    seconds: tuple[float, float] = (0.0, 0.0)
    """Of a delivery that takes a time: the shortest and the longest."""

    def matches(self, what: str, number: int, draw: float) -> bool:
        if self.what != what and (self.what != "*" or _is_event(what)):
            return False
        if number < self.first or (self.last is not None and number > self.last):
            return False
        return draw < self.probability


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    rules: tuple[Rule, ...] = ()
    seed: int = 0

    def of(self, call: str, number: int) -> Misdeed | None:
        """What goes wrong with the `number`-th call of this kind, if anything."""
        for index, rule in enumerate(self.rules):
            if rule.matches(call, number, self._draws(index, call, number).random()):
                return rule.misdeed
        return None

    def of_event(self, numbers: Mapping[str, int]) -> Misdelivery | None:
        """What goes wrong with an event, which is the so-and-so-many-th under each of these names."""
        for index, rule in enumerate(self.rules):
            for name, number in numbers.items():
                draws = self._draws(index, name, number)
                if rule.matches(name, number, draws.random()) and rule.delivery:
                    return Misdelivery(rule.delivery, draws.uniform(*rule.seconds))
        return None

    def _draws(self, index: int, what: str, number: int) -> random.Random:
        # A generator of its own for each rule and number: another order of calls of another kind changes nothing here.
        return random.Random(f"{self.seed}/{index}/{what}/{number}")  # noqa: S311 - repeatable on purpose


_RULE = re.compile(
    r"(?P<what>\*|[a-z_]+(?:\.[a-z_]+)*)"
    r"\#(?P<which>\*|[0-9]{1,9}(?:-[0-9]{1,9})?)"
    r"(?:~(?P<probability>[0-9]*\.?[0-9]+))?"
    r"=(?P<fault>[a-z_]+)(?::(?P<argument>[a-z0-9_.\-]+))?"
)
_FAULTS = frozenset(Fault)
_DELIVERY_FAULTS = frozenset(DeliveryFault)
_TAKE_SECONDS = (DeliveryFault.AGAIN, DeliveryFault.DELAY)
_LONGEST_SLOW_SECONDS = 3600.0
"""A test that wants longer wants `hang`."""
_LONGEST_DELAY_SECONDS = 7 * 24 * 3600.0
"""Longer than any provider goes on trying."""


@cache
def parse_script(script: str, seed: int = 0) -> Misbehaviour:
    """Read a script; ScriptUnreadable when it is none."""
    parts = [part.strip() for part in script.split(";")]
    return Misbehaviour(tuple(_parse_rule(part) for part in parts if part), seed)


def _parse_rule(text: str) -> Rule:
    match = _RULE.fullmatch(re.sub(r"\s+", "", text))
    if match is None:
        raise ScriptUnreadable(f"{text!r} is no rule: a rule reads like charge#3=decline:insufficient_funds.")
    probability = float(match["probability"] or 1)
    if probability > 1:
        raise ScriptUnreadable(f"{text!r}: a probability is at most 1.")
    what, (first, last) = match["what"], _parse_which(text, match["which"])
    if _is_event(what):
        fault, seconds = _parse_delivery_fault(text, match["fault"], match["argument"])
        return Rule(what, first, last, probability, delivery=fault, seconds=seconds)
    misdeed = _parse_fault(text, what, match["fault"], match["argument"])
    return Rule(what, first, last, probability, misdeed)


def _is_event(what: str) -> bool:
    return what.partition(".")[0] == WEBHOOK


def _parse_which(text: str, which: str) -> tuple[int, int | None]:
    if which == "*":
        return 1, None
    first, _, last = which.partition("-")
    if int(first) < 1 or int(last or first) < int(first):
        raise ScriptUnreadable(f"{text!r}: calls are counted from 1, and a range goes upwards.")
    return int(first), int(last or first)


def _parse_fault(text: str, call: str, fault: str, argument: str | None) -> Misdeed:
    if call != "*" and call not in CALLS:
        raise ScriptUnreadable(f"{text!r}: {call!r} is no call of the bank ({', '.join(sorted(CALLS))}).")
    if fault not in _FAULTS:
        raise ScriptUnreadable(f"{text!r}: {fault!r} is no fault of a call ({', '.join(Fault)}).")
    if fault == Fault.DECLINE:
        if call != "charge":
            raise ScriptUnreadable(f"{text!r}: only a charge can be declined.")
        code = argument or "generic_decline"
        if code not in BANK_DECLINES:
            raise ScriptUnreadable(f"{text!r}: {code!r} is no decline ({', '.join(BANK_DECLINES)}).")
        return Misdeed(Fault.DECLINE, decline_code=code)
    if fault == Fault.SLOW:
        return Misdeed(Fault.SLOW, seconds=_parse_seconds(text, argument, longest=_LONGEST_SLOW_SECONDS))
    if fault in (Fault.REFUSE, Fault.RATE_LIMIT) and argument is not None:
        return Misdeed(Fault(fault), seconds=_parse_seconds(text, argument, longest=_LONGEST_SLOW_SECONDS))
    _refuse_argument(text, fault, argument)
    return Misdeed(Fault(fault))


def _parse_delivery_fault(text: str, fault: str, argument: str | None) -> tuple[DeliveryFault, tuple[float, float]]:
    if fault not in _DELIVERY_FAULTS:
        raise ScriptUnreadable(f"{text!r}: {fault!r} is no fault of a webhook ({', '.join(DeliveryFault)}).")
    if fault not in _TAKE_SECONDS:
        _refuse_argument(text, fault, argument)
        return DeliveryFault(fault), (0.0, 0.0)
    shortest, _, longest = (argument or "").partition("-")
    least = 0.0 if longest and shortest == "0" else _parse_seconds(text, shortest, longest=_LONGEST_DELAY_SECONDS)
    most = _parse_seconds(text, longest, longest=_LONGEST_DELAY_SECONDS) if longest else least
    if most < least:
        raise ScriptUnreadable(f"{text!r}: a range goes upwards.")
    return DeliveryFault(fault), (least, most)


def _refuse_argument(text: str, fault: str, argument: str | None) -> None:
    if argument is not None:
        raise ScriptUnreadable(f"{text!r}: {fault!r} takes no argument.")


def _parse_seconds(text: str, argument: str | None, *, longest: float) -> float:
    try:
        seconds = float(argument or "")
    except ValueError:
        raise ScriptUnreadable(f"{text!r} lacks its seconds, as in slow:30.") from None
    if not 0 < seconds <= longest:
        raise ScriptUnreadable(f"{text!r}: between 0 and {longest:.0f} seconds.")
    return seconds
