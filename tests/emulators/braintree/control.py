"""What only a test may do, under /_control: JSON in, JSON out, without a key: it listens on loopback alone.

POST reset          {"seed": 7, "request_keys_allowed": false, "duplicate_window_seconds": 0, "search_lag_seconds": 5,
                     "merchant_accounts": {"usd_account": "USD"}, "page_size": 50, "custom_fields": ["campaign"]}:
                    as at the start, set up like this
POST seed           {"customers": [{"id": …, "email": …, "payment_methods": [{"token": …, "nonce": …}]}]}
GET, POST clock     {"advance_seconds": 3600}: put it forward and do all that is due
POST faults         {"rules": [{"on": "transactions.create", "fault": "lose_answer", "last": 1}], "seed": 7}
GET faults          how often each has happened since
GET truth           what was really taken, given back and disputed, and which cards are kept
GET requests        every request since the start, with its key and what it was answered
GET, POST webhooks  {"endpoints": [{"url": …, "kinds": ["*"], "challenge": true}]}: where notifications go
POST deliveries     {"number": 1}: send this notification once more; "check" tells everybody a check
POST collected      {}: what was delivered to endpoints whose url is null, since the last time
POST nonces         {"source": nonce or token, "three_d_secure": "authenticate_successful", "amount": "10.00"}: what a
                    page's Drop-in gives, after its customer has authenticated if there is an outcome
POST disputes       {"transaction": …, "reason": "fraud", "amount": "5.00"}: open one;
                    {"dispute": …, "won": true}: how it ends
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulators.braintree import customers, disputes, nonces, payment_methods
from tests.emulators.braintree.faults import Rule
from tests.emulators.braintree.instruments import OUTCOMES
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.server import Emulator, logged
from tests.emulators.braintree.truth import truth_of
from tests.emulators.braintree.webhooks import Endpoint
from tests.emulators.braintree.xmltext import Tree

_AMOUNT = Field(pattern=r"^\d+(\.\d{1,3})?$")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reset(_Body):
    seed: int | None = None
    merchant_accounts: Annotated[dict[str, str] | None, Field(min_length=1)] = None
    duplicate_window_seconds: Annotated[float, Field(ge=0)] | None = None
    request_keys_allowed: bool | None = None
    search_lag_seconds: Annotated[float, Field(ge=0)] | None = None
    page_size: Annotated[int, Field(ge=1)] | None = None
    custom_fields: frozenset[str] | None = None


class NewPaymentMethod(_Body):
    token: str | None = None
    nonce: str = "fake-valid-visa-nonce"


class NewCustomer(_Body):
    id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    payment_methods: list[NewPaymentMethod] = []


class Seed(_Body):
    customers: list[NewCustomer]


class Advance(_Body):
    advance_seconds: Annotated[float, Field(ge=0)]


class Rules(_Body):
    rules: list[Rule]
    seed: int = 0


class NewEndpoint(_Body):
    url: Annotated[str, Field(pattern="^https?://")] | None = None
    kinds: list[str] = ["*"]
    challenge: bool = True


class Endpoints(_Body):
    endpoints: list[NewEndpoint]


class Delivery(_Body):
    number: int | Literal["check"]


class NewNonce(_Body):
    source: str = "fake-valid-visa-nonce"
    three_d_secure: str | None = None
    amount: Annotated[str, _AMOUNT] | None = None


class DisputeStep(_Body):
    """Opens one on a transaction, or ends the one that is named."""

    transaction: str | None = None
    reason: str = "fraud"
    amount: Annotated[str, _AMOUNT] | None = None
    kind: Literal["chargeback", "pre_arbitration", "retrieval"] = "chargeback"
    dispute: str | None = None
    won: bool = False


class Nothing(_Body):
    pass


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
        _post("collected", Nothing, control.collect),
        _post("nonces", NewNonce, control.nonce),
        _post("disputes", DisputeStep, control.dispute),
    ]


class _Control:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def reset(self, asked: Reset) -> Tree:
        changed = asked.model_dump(exclude={"seed"}, exclude_none=True)
        self._emulator.reset(asked.seed, replace(self._emulator.options, **changed))
        return {}

    async def seed(self, asked: Seed) -> Tree:
        """Customers with cards, as the API would have made them."""
        account = self._emulator.account
        made = []
        for new in asked.customers:
            customer = customers.new_customer(account, new.model_dump(exclude={"payment_methods"}))
            tokens = [
                payment_methods.stored(
                    account, customer, {"payment_method_nonce": card.nonce, "token": card.token}
                ).token
                for card in new.payment_methods
            ]
            made.append({"id": customer.id, "payment_methods": tokens})
        return {"customers": made}

    def clock(self) -> Tree:
        clock = self._emulator.clock
        return {"now": clock.now, "ahead_seconds": clock.ahead_seconds}

    async def advance(self, asked: Advance) -> Tree:
        self._emulator.clock.advance(asked.advance_seconds)
        self._emulator.account.catch_up()
        return self.clock()

    async def faults(self, asked: Rules) -> Tree:
        self._emulator.faults.set(asked.rules, seed=asked.seed)
        return asked.model_dump(mode="json")

    def misdeeds(self) -> Tree:
        return {"happened": dict(self._emulator.faults.happened)}

    def truth(self) -> Tree:
        self._emulator.account.catch_up()
        return truth_of(self._emulator.account)

    def requests(self) -> Tree:
        return {"requests": logged(self._emulator)}

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
            Endpoint(f"endpoint_{number}", new.url, tuple(new.kinds))
            for number, new in enumerate(asked.endpoints, start=1)
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
        try:
            made = nonces.tokenized(self._emulator.account, asked.source, outcome=asked.three_d_secure, amount=amount)
        except LookupError as unknown:
            raise Refused(404, message=str(unknown)) from None
        return {"nonce": made.nonce}

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


def _get(path: str, work: Callable[[], Tree]) -> Route:
    async def answer(_: Request) -> Response:
        return JSONResponse(work())

    return Route(f"/_control/{path}", answer, methods=["GET"])


def _post(path: str, kind: type[Asked], work: Callable[[Asked], Awaitable[Tree]]) -> Route:
    async def answer(request: Request) -> Response:
        try:
            asked = kind.model_validate(json.loads(await request.body() or b"{}"))
            return JSONResponse(await work(asked))
        except (ValidationError, json.JSONDecodeError) as unreadable:
            return _refused(422, str(unreadable))
        except Refused as refused:
            return _refused(refused.status, str(refused))

    return Route(f"/_control/{path}", answer, methods=["POST"])


def _refused(status: int, message: str) -> Response:
    error: dict[str, Any] = {"error": {"message": message}}
    return JSONResponse(error, status_code=status)
