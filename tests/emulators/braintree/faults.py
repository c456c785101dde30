"""Misbehaviour on demand: which request or notification goes wrong, and how.

A test posts rules to /_control/faults. Requests are counted by their calls' names (routes.py), notifications by their
kinds, from 1 since the rules were set; the first rule that fits wins. What is left to chance is drawn from the seed,
the same for the same number of the same name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tests.emulators.braintree.routes import NAMES, ROUTES

WEBHOOK = "webhook"
"""In `on`: every notification; `webhook:dispute_opened` is every one of that kind."""
EVERY_CALL = "*"
_DECLINABLE = frozenset(route.name for route in ROUTES if route.asks_processor)
_DAY_SECONDS = 24 * 3600.0


class Fault(StrEnum):
    """Of a request."""

    DECLINE = "decline"
    """The processor declines with `code`, whatever amount it is."""
    LOSE_REQUEST = "lose_request"
    """The connection is reset before anything is done."""
    LOSE_ANSWER = "lose_answer"
    """The work is done; the connection closes without an answer."""
    RESET = "reset"
    """The work is done; the connection is reset."""
    HANG = "hang"
    """The work is done; no answer ever comes."""
    SLOW = "slow"
    """The work begins only after `seconds`; meanwhile its key is in flight."""
    IN_FLIGHT = "in_flight"
    """915233: another request with the key is said to be under way; nothing is done."""
    RATE_LIMIT = "rate_limit"
    """429, nothing is done."""
    UNAVAILABLE = "unavailable"
    """503, nothing is done."""
    FORBIDDEN = "forbidden"
    """403, nothing is done: the key's user lacks the permission."""
    ERROR = "error"
    """500, nothing is done."""
    ERROR_AFTER = "error_after"
    """500, though the work is done."""
    TIMEOUT_AFTER = "timeout_after"
    """504, though the work is done."""
    HTML = "html"
    """The work is done; a proxy's page comes with 200 instead of the answer."""
    BAD_GATEWAY = "bad_gateway"
    """The work is done; a proxy's 502 comes instead of the answer."""
    TRUNCATE = "truncate"
    """The work is done; half of the answer comes."""
    EMPTY = "empty"
    """The work is done; the answer is a 200 without a body."""


class DeliveryFault(StrEnum):
    """Of a notification."""

    TWICE = "twice"
    """Two deliveries at the same moment."""
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
    FORGED = "forged"
    """The first try is signed with a key that is nobody's."""
    ALTERED = "altered"
    """The first try has another payload than the one that was signed."""
    MALFORMED = "malformed"
    """The first try has a signature with a bar too many."""
    UNREADABLE = "unreadable"
    """The first try has a payload that is signed and no notification."""
    STRANGER = "stranger"
    """Before it comes one of a kind that nobody knows, properly signed."""


class Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    on: str
    """The name of a call, `*` for every call, `webhook`, or `webhook:` with a kind."""
    fault: Fault | DeliveryFault
    first: Annotated[int, Field(ge=1)] = 1
    last: int | None = None
    """The last one that goes wrong; without it, all do from the first."""
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    seconds: Annotated[float, Field(ge=0, le=7 * _DAY_SECONDS)] = 0.0
    most_seconds: float | None = None
    """With it, the time is drawn from `seconds` to this."""
    code: Annotated[str, Field(pattern="^(2[0-9]{3}|3000)$")] = "2000"

    @model_validator(mode="after")
    def _fits(self) -> "Rule":
        of_notification = self.on.partition(":")[0] == WEBHOOK
        if of_notification != isinstance(self.fault, DeliveryFault):
            raise ValueError(f"{self.fault} is no fault of {self.on}")
        if not of_notification and self.on != EVERY_CALL and self.on not in NAMES:
            raise ValueError(f"{self.on} is no call ({', '.join(sorted(NAMES))})")
        if self.fault is Fault.DECLINE and self.on not in _DECLINABLE:
            raise ValueError(f"{self.on} asks no processor, so none can decline")
        return self


@dataclass(frozen=True, slots=True)
class Misdeed:
    """What goes wrong this time."""

    fault: Fault | DeliveryFault
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

    def of_notification(self, kind: str) -> Misdeed | None:
        return self._draw(self._count(f"{WEBHOOK}:{kind}", WEBHOOK))

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
                return Misdeed(fault=rule.fault, seconds=seconds, code=rule.code)
        return None
