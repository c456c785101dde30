"""What the emulated Stripe account holds: its objects as they are answered, its time, and what is still to happen.

An object names others by their ids, as it does on the wire; expanding.py fills them in. Everything runs on one event
loop and no change of the account waits for anything, so a request is worked on as a whole or not at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from string import ascii_letters, digits
from typing import Any

from tests.emulators.common.agenda import Agenda
from tests.emulators.common.clock import MovableClock
from tests.emulators.stripe.cards import CardOnFile
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.refusals import Json, missing

API_VERSION = "2026-10-28.endive"
"""The version that the SDK 16.1 is made for; the account's own default as well."""

_PREFIXES = {
    "balance_transaction": "txn_3",
    "charge": "ch_3",
    "customer": "cus_",
    "dispute": "du_1",
    "event": "evt_1",
    "payment_intent": "pi_3",
    "payment_method": "pm_1",
    "refund": "re_3",
    "setup_attempt": "setatt_1",
    "setup_intent": "seti_1",
}
_LETTERS = ascii_letters + digits


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds of the account's time."""

    hold_seconds: int = 7 * 24 * 3600
    """For how long an authorized amount can be captured: what most card schemes give to a shop on the web
    (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method)."""
    booking_seconds: int = 1
    """After which a charge with asynchronous capture gets its balance transaction; up to an hour at Stripe
    (https://docs.stripe.com/payments/payment-intents/asynchronous-capture)."""
    available_seconds: int = 2 * 24 * 3600
    """After which a balance transaction's money is available."""
    refund_seconds: int = 10
    """After which a refund that is pending, or that is going to fail, is decided; days at Stripe."""
    dispute_seconds: int = 10
    """After which a bank decides on evidence; months in life, at once with test evidence."""
    evidence_seconds: int = 9 * 24 * 3600
    """How long one has to answer a dispute: days that the card scheme sets, from 7 to 21."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that an event comes from."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where webhooks go."""

    id: str
    url: str | None
    """None: what is delivered is kept to be collected."""
    secrets: tuple[str, ...]
    """Several while one is rolled."""
    enabled_events: tuple[str, ...] = ("*",)


@dataclass(slots=True)
class Progress:
    """What an intent's object does not say of how far it has come."""

    return_url: str | None = None
    page_key: str = ""
    """Opens the page on which the customer authenticates."""
    authenticated: bool = False
    uses_sdk: bool = False


class Account:
    """All of it. `seed` makes the ids repeatable; `told` gets every event, `endpoints` are who is told outside."""

    def __init__(
        self,
        *,
        clock: MovableClock,
        public_url: str,
        told: Callable[[Json], None],
        endpoints: Callable[[], Sequence[Endpoint]] = tuple,
        seed: int | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.public_url = public_url.rstrip("/")
        self.pace = pace or Pace()
        self.cards: dict[str, CardOnFile] = {}
        """What is known of a payment method's card beside what its object says."""
        self.progress: dict[str, Progress] = {}
        """How far an intent has come, by its id."""
        self.origin = Origin()
        self.forced_decline: str | None = None
        """The code that the next attempt to charge is declined with; set for one request by faults.py."""
        self._objects: dict[str, dict[str, Json]] = {name: {} for name in _PREFIXES}
        self._agenda = Agenda(clock)
        self._random = Random(seed)
        self._told = told
        self.endpoints = endpoints
        self.id = f"acct_1{self.letters(16)}"
        self.since = self.now

    @property
    def now(self) -> int:
        """Whole seconds since 1970; while something that was due is done, the time at which it was due."""
        return int(self._agenda.now)

    # --- objects ------------------------------------------------------------------------------------------------------

    def new_id(self, name: str) -> str:
        return f"{_PREFIXES[name]}{self.letters(24)}"

    def letters(self, length: int) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))

    def add(self, thing: Json) -> Json:
        self._objects[thing["object"]][thing["id"]] = thing
        return thing

    def remove(self, thing: Json) -> None:
        del self._objects[thing["object"]][thing["id"]]

    def find(self, name: str, id: str | None) -> Json | None:
        return self._objects[name].get(id) if id else None

    def known(self, id: str) -> Json | None:
        """The object of any kind with this id."""
        return next((things[id] for things in self._objects.values() if id in things), None)

    def get(self, name: str, id: str, *, param: str = "id", status: int = 404) -> Json:
        """The object; Refused (404 for the id in a URL, else 400) when there is none."""
        thing = self.find(name, id)
        if thing is None:
            raise missing(name, id, param=param, status=status)
        return thing

    def named(self, name: str, id: str, *, param: str) -> Json:
        """The object that a parameter names."""
        return self.get(name, id, param=param, status=400)

    def customer(self, id: str, *, param: str = "customer", status: int = 400) -> Json:
        """The customer; Refused when there is none, or no more."""
        customer = self.get("customer", id, param=param, status=status)
        if "deleted" in customer:
            raise missing("customer", id, param=param, status=status)
        return customer

    def all(self, name: str) -> list[Json]:
        """Newest first."""
        return list(reversed(self._objects[name].values()))

    # --- what happens -------------------------------------------------------------------------------------------------

    def tell(self, kind: str, thing: Json, *, before: Json | None = None) -> None:
        """An event (https://docs.stripe.com/api/events), with the object as it is now.

        `before` is the object as it was, for events that name the attributes which changed.
        """
        data: dict[str, Any] = {"object": copied(thing)}
        if before is not None:
            data["previous_attributes"] = {
                name: copied(value) for name, value in before.items() if thing.get(name) != value
            }
        event: Json = {
            "id": self.new_id("event"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.origin.request_id, "idempotency_key": self.origin.idempotency_key},
            "type": kind,
        }
        self.add(event)
        self._told(event)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it when that much of the account's time has passed."""
        self._agenda.at(self.now + seconds, act)

    def catch_up(self) -> None:
        """Do all that is due, each at its own time, so that a clock put forward by weeks tells them in order."""
        self._agenda.catch_up()
