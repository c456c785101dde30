"""What only a test may do, under /_control: JSON in, JSON out, without a key: it listens on loopback alone.

POST reset          {"seed": 7, "request_keys_allowed": false, "duplicate_window_seconds": 0, "search_lag_seconds": 5,
                     "merchant_accounts": {"usd_account": "USD"}, "page_size": 50, "custom_fields": ["campaign"],
                     "cvv_rules": ["N"], "avs_rules": ["N", "U"], "prorates_upgrades": true,
                     "prorates_downgrades": true, "retry_after_days": [3, 7], "cancels_after_retries": true,
                     "pace": {"settled_seconds": 2}}: as at the start, set up like this
POST seed           {"customers": [{"id": …, "email": …, "payment_methods": [{"token": …, "nonce": …}]}],
                     "modifications": [{"id": …, "kind": "add_on", "amount": "10.00"}], "plans": [{"id": …, …}]}
GET, POST clock     {"advance_seconds": 3600}: put it forward and do all that is due
POST faults         {"rules": [{"on": "transactions.create", "fault": "lose_answer", "last": 1}], "seed": 7}
GET faults          how often each has happened since
GET truth           what was really taken, given back and disputed, and which cards are kept
GET requests        every request since the start, with its key and what it was answered
GET, POST webhooks  {"endpoints": [{"url": …, "kinds": ["*"], "challenge": true}]}: where notifications go
POST deliveries     {"number": 1}: send this notification once more; "check" tells everybody a check
POST collected      {}: what was delivered to endpoints whose url is null, since the last time
POST nonces         {"source": nonce or token, "three_d_secure": "authenticate_successful", "amount": "10.00"}, or
                    {"number": "4111111111111111", "cvv": "200", "billing_address": {"postal_code": "20000"}}: what a
                    page's Drop-in gives, after its customer has authenticated if there is an outcome
POST issuers        {"card": number, token, nonce or unique_number_identifier, "asks": "always"}: for authentication;
                    "on_session" is always but for what the merchant says it does without its customer, or "never";
                    {"card": …, "declines": "2001"} every sale, {"disputes": "fraud", "kind": "retrieval"} it,
                    {"turns_refunds_away": true} when they are to be settled
POST disputes       {"transaction": …, "reason": "fraud", "amount": "5.00"}: open one;
                    {"dispute": …, "won": true}: how it ends
"""

from dataclasses import asdict, replace
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field
from starlette.routing import Route

from tests.emulators.braintree import customers, disputes, issuers, modifications, nonces, plans, vaulting
from tests.emulators.braintree.faults import Rule
from tests.emulators.braintree.instruments import OUTCOMES
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.server import Emulator
from tests.emulators.braintree.things import Asks, Issuer
from tests.emulators.braintree.webhooks import Endpoint
from tests.emulators.braintree.xmltext import Tree
from tests.emulators.common.control import Body, get, post, usual_routes

Reason = Literal[
    "cancelled_recurring_transaction",
    "credit_not_processed",
    "duplicate",
    "fraud",
    "general",
    "invalid_account",
    "not_recognized",
    "product_not_received",
    "product_unsatisfactory",
    "retrieval",
    "transaction_amount_differs",
]
Kind = Literal["chargeback", "pre_arbitration", "retrieval"]
"""braintree.Dispute's."""
_AMOUNT = Field(pattern=r"^\d+(\.\d{1,3})?$")


class NewPace(Body):
    """In seconds of the account's time: what is not instant."""

    settling_seconds: Annotated[float, Field(ge=0)] | None = None
    settled_seconds: Annotated[float, Field(ge=0)] | None = None
    expiry_seconds: Annotated[float, Field(ge=0)] | None = None
    reply_seconds: Annotated[float, Field(ge=0)] | None = None
    verdict_seconds: Annotated[float, Field(ge=0)] | None = None


class Reset(Body):
    seed: int | None = None
    merchant_accounts: Annotated[dict[str, str] | None, Field(min_length=1)] = None
    duplicate_window_seconds: Annotated[float, Field(ge=0)] | None = None
    request_keys_allowed: bool | None = None
    search_lag_seconds: Annotated[float, Field(ge=0)] | None = None
    page_size: Annotated[int, Field(ge=1)] | None = None
    custom_fields: frozenset[str] | None = None
    cvv_rules: frozenset[str] | None = None
    avs_rules: frozenset[str] | None = None
    prorates_upgrades: bool | None = None
    prorates_downgrades: bool | None = None
    retry_after_days: Annotated[tuple[Annotated[int, Field(ge=1)], ...] | None, Field(max_length=2)] = None
    cancels_after_retries: bool | None = None
    pace: NewPace = NewPace()


class NewPaymentMethod(Body):
    token: str | None = None
    nonce: str = "fake-valid-visa-nonce"


class NewCustomer(Body):
    id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    payment_methods: tuple[NewPaymentMethod, ...] = ()


class Seed(Body):
    customers: tuple[NewCustomer, ...] = ()
    modifications: tuple[Tree, ...] = ()
    """Add-ons and discounts, as the Control Panel makes them."""
    plans: tuple[Tree, ...] = ()
    """As a call makes them; after the modifications, which they may have."""


class NewEndpoint(Body):
    url: Annotated[str, Field(pattern="^https?://")] | None = None
    kinds: tuple[str, ...] = ("*",)
    challenge: bool = True


class Endpoints(Body):
    endpoints: list[NewEndpoint]


class Delivery(Body):
    number: int | Literal["check"]


class NewNonce(Body):
    source: str = "fake-valid-visa-nonce"
    number: Annotated[str, Field(pattern=r"^\d{12,19}$")] | None = None
    """Instead of a source: what a customer types."""
    cvv: str | None = None
    billing_address: dict[str, str] | None = None
    three_d_secure: str | None = None
    amount: Annotated[str, _AMOUNT] | None = None


class NewIssuer(Body):
    card: str
    asks: Asks = Asks.NEVER
    declines: Annotated[str, Field(pattern="^(2[0-9]{3}|3000)$")] | None = None
    disputes: Reason | None = None
    kind: Kind = "chargeback"
    """Of those disputes."""
    turns_refunds_away: bool = False


class DisputeStep(Body):
    """Opens one on a transaction, or ends the one that is named."""

    transaction: str | None = None
    reason: Reason = "fraud"
    amount: Annotated[str, _AMOUNT] | None = None
    kind: Kind = "chargeback"
    dispute: str | None = None
    won: bool = False


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
        post("nonces", NewNonce, control.nonce),
        post("issuers", NewIssuer, control.issuer),
        post("disputes", DisputeStep, control.dispute),
    ]


class _Control:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def reset(self, asked: Reset) -> Tree:
        changed = asked.model_dump(exclude={"seed", "pace"}, exclude_none=True)
        pace = asked.pace.model_dump(exclude_none=True)
        emulator = self._emulator
        emulator.reset(asked.seed, replace(emulator.options, **changed), replace(emulator.pace, **pace))
        return {}

    async def seed(self, asked: Seed) -> Tree:
        """Customers with cards, add-ons, discounts and plans, as the API would have made them."""
        account = self._emulator.account
        for modification in asked.modifications:
            modifications.new_template(account, modification)
        for plan in asked.plans:
            plans.new_plan(account, plan)
        made = []
        for new in asked.customers:
            customer = customers.new_customer(account, new.model_dump(exclude={"payment_methods"}))
            tokens = [
                vaulting.stored(account, customer, {"payment_method_nonce": card.nonce, "token": card.token}).token
                for card in new.payment_methods
            ]
            made.append({"id": customer.id, "payment_methods": tokens})
        return {"customers": made}

    def webhooks(self) -> Tree:
        outbox = self._emulator.outbox
        return {
            "endpoints": [asdict(endpoint) for endpoint in outbox.endpoints],
            "told": [
                {"number": each.number, "kind": each.kind, "timestamp": each.timestamp.isoformat()}
                for each in outbox.told
            ],
            "waiting": outbox.waiting,
            "attempts": [asdict(attempt) for attempt in outbox.attempts],
        }

    async def set_webhooks(self, asked: Endpoints) -> Tree:
        outbox = self._emulator.outbox
        for new in asked.endpoints:
            challenge = "".join(f"{ord(letter):x}" for letter in self._emulator.account.new_id(12))
            if new.url is not None and new.challenge and not await outbox.challenge(new.url, challenge):
                raise Refused(422, message=f"{new.url} did not answer its challenge.")
        outbox.endpoints = [
            Endpoint(f"endpoint_{number}", new.url, new.kinds) for number, new in enumerate(asked.endpoints, start=1)
        ]
        return self.webhooks()

    async def resend(self, asked: Delivery) -> Tree:
        emulator = self._emulator
        if asked.number == "check":
            emulator.outbox.put("check", {"check": True}, emulator.account.now)
            return self.webhooks()
        if not 1 <= asked.number <= len(emulator.outbox.told):
            raise Refused(404, message=f"There is no notification {asked.number}.")
        emulator.outbox.resend(emulator.outbox.told[asked.number - 1])
        return self.webhooks()

    async def collect(self, _: Nothing) -> Tree:
        return {"deliveries": [asdict(kept) for kept in await self._emulator.outbox.collect()]}

    async def nonce(self, asked: NewNonce) -> Tree:
        if asked.three_d_secure is not None and asked.three_d_secure not in OUTCOMES:
            raise Refused(422, message=f"An authentication ends as one of {', '.join(OUTCOMES)}.")
        amount = None if asked.amount is None else Decimal(asked.amount)
        account = self._emulator.account
        try:
            made = nonces.typed(asked.number) if asked.number else nonces.copied(account, asked.source)
        except LookupError as unknown:
            raise Refused(404, message=str(unknown)) from None
        made.cvv, made.billing_address = asked.cvv or made.cvv, asked.billing_address or made.billing_address
        nonces.given(account, made, outcome=asked.three_d_secure, amount=amount)
        return {"nonce": made.nonce}

    async def issuer(self, asked: NewIssuer) -> Tree:
        issuer = Issuer(
            asks=asked.asks,
            declines=asked.declines,
            disputes=(asked.disputes, asked.kind) if asked.disputes else None,
            turns_refunds_away=asked.turns_refunds_away,
        )
        return {"unique_number_identifier": issuers.set_issuer(self._emulator.account, asked.card, issuer)}

    async def dispute(self, asked: DisputeStep) -> Tree:
        account = self._emulator.account
        if asked.dispute is not None:
            dispute = account.dispute(asked.dispute)
            try:
                disputes.decide(account, dispute, won=asked.won)
            except ValueError as over:
                raise Refused(422, message=str(over)) from None
        else:
            amount = None if asked.amount is None else Decimal(asked.amount)
            transaction = account.transaction(asked.transaction or "")
            dispute = disputes.opened(account, transaction, reason=asked.reason, amount=amount, kind=asked.kind)
        return {"id": dispute.id, "status": dispute.status, "transaction": dispute.transaction_id}
