"""What only a test may do, under /_control: JSON in, JSON out, without a key: it listens on loopback alone.

POST reset            {"seed": 7}: as at the start; the seed makes ids repeatable
POST seed             {"customers": [{"email": …, "payment_methods": ["pm_card_visa"]}]}: what is there already
GET, POST clock       {"advance_seconds": 3600}: put it forward and do all that is due
POST faults           {"rules": [{"on": "payment_intents.create", "fault": "lose_answer", "last": 1}], "seed": 7}
GET faults            how often each has happened since
GET truth             what was really taken, given back and disputed, and which cards are kept
GET requests          every request since the start, with its key and what it was answered
GET, POST webhooks    {"endpoints": [{"url": …, "secrets": ["whsec_…"], "enabled_events": ["*"]}]}: where events go
POST deliveries       {"event": "evt_…"}: send it once more
POST collected        {}: what was delivered, with its headers, to endpoints whose url is null, since the last time
POST authentications  {"intent": "pi_…", "succeeded": true}: what the customer does at the bank's page
POST disputes         {"charge": "ch_…", "reason": "fraudulent", "inquiry": false}: open one;
                      {"dispute": "du_…", "won": true} or {"dispute": "du_…", "escalated": true}: how it goes on
POST refunds          {"refund": "re_…", "succeeded": false, "reason": "declined"}: how a refund ends after all
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulators.stripe import authentication, customers, disputes, payment_methods, refunds
from tests.emulators.stripe.account import Endpoint
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.faults import Rule
from tests.emulators.stripe.refusals import Json, Refused
from tests.emulators.stripe.server import Emulator, logged
from tests.emulators.stripe.truth import truth_of


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reset(_Body):
    seed: int | None = None


class NewCustomer(_Body):
    email: str | None = None
    name: str | None = None
    metadata: dict[str, str] = {}
    payment_methods: list[str] = []


class Seed(_Body):
    customers: list[NewCustomer]


class Advance(_Body):
    advance_seconds: Annotated[float, Field(ge=0)]


class Rules(_Body):
    rules: list[Rule]
    seed: int = 0


class NewEndpoint(_Body):
    url: Annotated[str, Field(pattern="^https?://")] | None = None
    secrets: Annotated[list[str], Field(min_length=1)]
    enabled_events: list[str] = ["*"]


class Endpoints(_Body):
    endpoints: list[NewEndpoint]


class Delivery(_Body):
    event: str


class Authentication(_Body):
    intent: str
    succeeded: bool


class DisputeStep(_Body):
    """Opens one on a charge, or goes on with the one that is named."""

    charge: str | None = None
    reason: str = "fraudulent"
    amount: Annotated[int, Field(ge=1)] | None = None
    inquiry: bool = False
    dispute: str | None = None
    won: bool = False
    escalated: bool = False


class RefundEnd(_Body):
    refund: str
    succeeded: bool
    reason: Literal[
        "charge_for_pending_refund_disputed",
        "declined",
        "expired_or_canceled_card",
        "insufficient_funds",
        "lost_or_stolen_card",
        "merchant_request",
        "unknown",
    ] = "unknown"


Asked = TypeVar("Asked", bound=_Body)


def control_routes(emulator: Emulator) -> list[Route]:
    control = _Control(emulator)
    return [
        _post("reset", Reset, control.reset),
        _post("seed", Seed, control.seed),
        _get("clock", control.clock),
        _post("clock", Advance, control.advance),
        _get("faults", control.misdeeds),
        _post("faults", Rules, control.faults),
        _get("truth", control.truth),
        _get("requests", control.requests),
        _get("webhooks", control.webhooks),
        _post("webhooks", Endpoints, control.set_webhooks),
        _post("deliveries", Delivery, control.resend),
        Route("/_control/collected", control.collect, methods=["POST"]),
        _post("authentications", Authentication, control.authenticate),
        _post("disputes", DisputeStep, control.dispute),
        _post("refunds", RefundEnd, control.refund),
    ]


class _Control:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def reset(self, asked: Reset) -> Json:
        self._emulator.reset(asked.seed)
        return {}

    def seed(self, asked: Seed) -> Json:
        """Customers with cards, as the API would have made them."""
        account = self._emulator.account
        made = []
        for new in asked.customers:
            wanted = new.model_dump(exclude={"payment_methods"}, exclude_none=True)
            customer = customers.create(Call(account, wanted, {}, "/v1/customers"))
            cards = [payment_methods.attach_to(account, id, customer)["id"] for id in new.payment_methods]
            made.append({"id": customer["id"], "payment_methods": cards})
        return {"customers": made}

    def clock(self) -> Json:
        clock = self._emulator.clock
        return {"now": clock.now, "ahead_seconds": clock.ahead_seconds}

    def advance(self, asked: Advance) -> Json:
        self._emulator.clock.advance(asked.advance_seconds)
        self._emulator.account.catch_up()
        return self.clock()

    def faults(self, asked: Rules) -> Json:
        self._emulator.faults.set(asked.rules, seed=asked.seed)
        return asked.model_dump(mode="json")

    def misdeeds(self) -> Json:
        return {"happened": dict(self._emulator.faults.happened)}

    def truth(self) -> Json:
        self._emulator.account.catch_up()
        return truth_of(self._emulator.account)

    def requests(self) -> Json:
        return {"requests": logged(self._emulator)}

    def webhooks(self) -> Json:
        outbox = self._emulator.outbox
        return {
            "endpoints": [asdict(endpoint) for endpoint in outbox.endpoints],
            "waiting": outbox.waiting,
            "attempts": [asdict(attempt) for attempt in outbox.attempts],
        }

    def set_webhooks(self, asked: Endpoints) -> Json:
        self._emulator.outbox.endpoints = [
            Endpoint(f"we_{number}", new.url, tuple(new.secrets), tuple(new.enabled_events))
            for number, new in enumerate(asked.endpoints, start=1)
        ]
        return self.webhooks()

    def resend(self, asked: Delivery) -> Json:
        event = self._emulator.account.get("event", asked.event)
        self._emulator.outbox.resend(event)
        return event

    async def collect(self, _: Request) -> Response:
        kept = await self._emulator.outbox.collect()
        return JSONResponse({"deliveries": [asdict(delivery) for delivery in kept]})

    def authenticate(self, asked: Authentication) -> Json:
        account = self._emulator.account
        intent = authentication.intent_of(account, asked.intent)
        authentication.finish(account, intent, succeeded=asked.succeeded)
        return intent

    def dispute(self, asked: DisputeStep) -> Json:
        account = self._emulator.account
        if asked.dispute is not None:
            dispute = account.get("dispute", asked.dispute)
            if asked.escalated:
                disputes.escalate(account, dispute)
            else:
                disputes.decide(account, dispute, won=asked.won)
            return dispute
        charge = account.get("charge", asked.charge or "")
        return disputes.opened(account, charge, reason=asked.reason, amount=asked.amount, inquiry=asked.inquiry)

    def refund(self, asked: RefundEnd) -> Json:
        account = self._emulator.account
        refund = account.get("refund", asked.refund)
        if asked.succeeded:
            refunds.settle(account, refund)
        else:
            refunds.fail(account, refund, asked.reason)
        return refund


def _get(path: str, work: Callable[[], Json]) -> Route:
    async def answer(_: Request) -> Response:
        return JSONResponse(work())

    return Route(f"/_control/{path}", answer, methods=["GET"])


def _post(path: str, kind: type[Asked], work: Callable[[Asked], Json]) -> Route:
    async def answer(request: Request) -> Response:
        try:
            asked = kind.model_validate(json.loads(await request.body() or b"{}"))
            return JSONResponse(work(asked))
        except (ValidationError, json.JSONDecodeError) as unreadable:
            return _refused(422, str(unreadable))
        except Refused as refused:
            return _refused(refused.status, str(refused))

    return Route(f"/_control/{path}", answer, methods=["POST"])


def _refused(status: int, message: str) -> Response:
    error: dict[str, Any] = {"error": {"message": message}}
    return JSONResponse(error, status_code=status)
