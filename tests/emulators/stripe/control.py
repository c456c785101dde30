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

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field
from starlette.routing import Route

from tests.emulators.common.control import Body, get, post, usual_routes
from tests.emulators.stripe import authentication, customers, disputes, payment_methods, refunds
from tests.emulators.stripe.account import Endpoint
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.faults import Rule
from tests.emulators.stripe.refusals import Json
from tests.emulators.stripe.server import Emulator


class Reset(Body):
    seed: int | None = None


class NewCustomer(Body):
    email: str | None = None
    name: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    payment_methods: tuple[str, ...] = ()


class Seed(Body):
    customers: list[NewCustomer]


class NewEndpoint(Body):
    url: Annotated[str, Field(pattern="^https?://")] | None = None
    secrets: Annotated[list[str], Field(min_length=1)]
    enabled_events: tuple[str, ...] = ("*",)


class Endpoints(Body):
    endpoints: list[NewEndpoint]


class Delivery(Body):
    event: str


class Authentication(Body):
    intent: str
    succeeded: bool


class DisputeStep(Body):
    """Opens one on a charge, or goes on with the one that is named."""

    charge: str | None = None
    reason: str = "fraudulent"
    amount: Annotated[int, Field(ge=1)] | None = None
    inquiry: bool = False
    dispute: str | None = None
    won: bool = False
    escalated: bool = False


class RefundEnd(Body):
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


class Nothing(Body):
    pass


def control_routes(emulator: Emulator) -> list[Route]:
    control = _Control(emulator)
    return [
        *usual_routes(emulator, Rule),
        post("reset", Reset, control.reset),
        post("seed", Seed, control.seed),
        get("webhooks", control.webhooks),
        post("webhooks", Endpoints, control.set_webhooks),
        post("deliveries", Delivery, control.resend),
        post("collected", Nothing, control.collect),
        post("authentications", Authentication, control.authenticate),
        post("disputes", DisputeStep, control.dispute),
        post("refunds", RefundEnd, control.refund),
    ]


class _Control:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def reset(self, asked: Reset) -> Json:
        self._emulator.reset(asked.seed)
        return {}

    async def seed(self, asked: Seed) -> Json:
        """Customers with cards, as the API would have made them."""
        account = self._emulator.account
        made = []
        for new in asked.customers:
            wanted = new.model_dump(exclude={"payment_methods"}, exclude_none=True)
            customer = customers.create(Call(account, wanted, {}, "/v1/customers"))
            cards = [payment_methods.attach_to(account, id, customer)["id"] for id in new.payment_methods]
            made.append({"id": customer["id"], "payment_methods": cards})
        return {"customers": made}

    def webhooks(self) -> Json:
        outbox = self._emulator.outbox
        return {
            "endpoints": [asdict(endpoint) for endpoint in outbox.endpoints],
            "waiting": outbox.waiting,
            "attempts": [asdict(attempt) for attempt in outbox.attempts],
        }

    async def set_webhooks(self, asked: Endpoints) -> Json:
        self._emulator.outbox.endpoints = [
            Endpoint(f"we_{number}", new.url, tuple(new.secrets), new.enabled_events)
            for number, new in enumerate(asked.endpoints, start=1)
        ]
        return self.webhooks()

    async def resend(self, asked: Delivery) -> Json:
        event = self._emulator.account.get("event", asked.event)
        self._emulator.outbox.resend(event)
        return event

    async def collect(self, _: Nothing) -> Json:
        return {"deliveries": [asdict(kept) for kept in await self._emulator.outbox.collect()]}

    async def authenticate(self, asked: Authentication) -> Json:
        account = self._emulator.account
        intent = authentication.intent_of(account, asked.intent)
        authentication.finish(account, intent, succeeded=asked.succeeded)
        return intent

    async def dispute(self, asked: DisputeStep) -> Json:
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

    async def refund(self, asked: RefundEnd) -> Json:
        account = self._emulator.account
        refund = account.get("refund", asked.refund)
        if asked.succeeded:
            refunds.settle(account, refund)
        else:
            refunds.fail(account, refund, asked.reason)
        return refund
