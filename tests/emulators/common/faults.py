"""Misbehaviour on demand: which request or delivery goes wrong, and how.

A test posts rules to /_control/faults. Requests are counted by the names of their calls, deliveries by their kinds,
from 1 since the rules were set; the first rule that fits wins. What is left to chance is drawn from the seed, the same
for the same number of the same name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

WEBHOOK = "webhook"
"""In `on`: every delivery; with a colon and a kind behind it, every one of that kind."""
EVERY_CALL = "*"
_DAY_SECONDS = 24 * 3600.0


class WireFault(StrEnum):
    """Of a request: what any wire does to it."""

    LOSE_REQUEST = "lose_request"
    """The connection is reset before anything is done."""
    LOSE_ANSWER = "lose_answer"
    """The work is done; the connection closes without an answer."""
    RESET = "reset"
    """The work is done; the connection is reset."""
    HANG = "hang"
    """The work is done; no answer ever comes."""
    SLOW = "slow"
    """The work begins only after `seconds`; meanwhile its key is in use."""
    TRUNCATE = "truncate"
    """The work is done; half of the answer comes."""


class MailFault(StrEnum):
    """Of a delivery: what happens to any on its way."""

    TWICE = "twice"
    """Two at the same moment."""
    AGAIN = "again"
    """Once more, `seconds` after it was taken."""
    DELAY = "delay"
    """The first try comes after `seconds`."""
    OVERTAKEN = "overtaken"
    """It goes out after one that happened later; after `seconds` at the latest."""
    DROP = "drop"
    """The first try does not reach its receiver."""
    NEVER = "never"
    """It is not sent."""


class Rule(BaseModel):
    """An emulator's own names its calls and adds its own faults to the ones above."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    calls: ClassVar[frozenset[str]]
    """The names that `on` can have."""
    mail_faults: ClassVar[tuple[type[StrEnum], ...]] = (MailFault,)

    on: str
    """The name of a call, `*` for every call, `webhook`, or `webhook:` with a kind."""
    fault: StrEnum
    first: Annotated[int, Field(ge=1)] = 1
    last: int | None = None
    """The last one that goes wrong; without it, all do from the first."""
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    seconds: Annotated[float, Field(ge=0, le=7 * _DAY_SECONDS)] = 0.0
    most_seconds: float | None = None
    """With it, the time is drawn from `seconds` to this."""
    code: str
    """Of a decline, for the fault that declines."""

    @model_validator(mode="after")
    def _fits(self) -> "Rule":
        of_delivery = self.on.partition(":")[0] == WEBHOOK
        if of_delivery != isinstance(self.fault, self.mail_faults):
            raise ValueError(f"{self.fault} is no fault of {self.on}")
        if not of_delivery and self.on != EVERY_CALL and self.on not in self.calls:
            raise ValueError(f"{self.on} is no call ({', '.join(sorted(self.calls))})")
        return self


@dataclass(frozen=True, slots=True)
class Misdeed:
    """What goes wrong this time."""

    fault: StrEnum
    seconds: float
    code: str


class Faults:
    def __init__(self) -> None:
        self.set((), seed=0)

    def set(self, rules: Iterable[Rule], *, seed: int) -> None:
        """Misbehave like this from now on, and count from 1."""
        self._rules = tuple(rules)
        self._seed = seed
        self._counts: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        """How often what went wrong since the rules were set."""

    def of_call(self, name: str) -> Misdeed | None:
        """What goes wrong with the call that is counted herewith."""
        return self._draw(self._count(name, EVERY_CALL))

    def of_delivery(self, kind: str) -> Misdeed | None:
        return self._draw(self._count(f"{WEBHOOK}:{kind}", WEBHOOK))

    def counted(self, name: str) -> int:
        """How many calls of that name there were since the rules were set."""
        return self._counts[name]

    def _count(self, *names: str) -> Mapping[str, int]:
        self._counts.update(names)
        return {name: self._counts[name] for name in names}

    def _draw(self, numbers: Mapping[str, int]) -> Misdeed | None:
        for position, rule in enumerate(self._rules):
            number = numbers.get(rule.on)
            if number is None or number < rule.first or (rule.last is not None and number > rule.last):
                continue
            random = Random(f"{self._seed}/{position}/{rule.on}/{number}")
            if random.random() < rule.probability:
                seconds = random.uniform(rule.seconds, rule.most_seconds or rule.seconds)
                self.happened[rule.fault] += 1
                return Misdeed(rule.fault, seconds, rule.code)
        return None
