"""A clock that stands still, a server in a thread, and somebody who asks the fake bank in few words."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from socket import create_server

import uvicorn
from starlette.applications import Starlette

from adapters.fake import Bank, FakeProvider, WebhookSender
from adapters.fake.cards import CARDS_BY_NAME
from adapters.fake.charges import finish_challenge
from adapters.fake.customers import mint_token
from domain.money import Money
from domain.provider import (
    AttachRequest,
    CaptureMode,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
    ContinueRequest,
    CustomerRequest,
    Initiator,
    LookUp,
    Outcome,
    PaymentMethodResult,
    RedirectAction,
    RefundRequest,
    RefundResult,
    VoidRequest,
    WebhookEvent,
    WebhookRejected,
)

API_KEY = "a key for tests"
SECRET = "a webhook secret for tests"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class StandingClock:
    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def advance(self, **by: float) -> None:
        self.moment += timedelta(**by)


@contextmanager
def served(app: Starlette, *, loop: str = "asyncio") -> Iterator[str]:
    """The app on a free port of this machine, in a thread with a loop of its own; gives its URL."""
    listener = create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", ws="none", loop=loop, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started:
            assert thread.is_alive(), "the server died while it started"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
    assert not thread.is_alive(), "the server did not stop"


@dataclass
class Shop:
    """A gateway in miniature: one customer, who pays with whatever card is named."""

    bank: Bank
    provider: FakeProvider
    clock: StandingClock
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    customer_ref: str = ""

    async def open(self) -> None:
        request = CustomerRequest(customer_id="cus_1", email="a@example.org", name="Ann")
        customer = await self.provider.ensure_customer(request)
        for _ in range(9):
            if customer.outcome is not Outcome.UNKNOWN:
                break
            # Its first request waits for a server that has just been started, on a machine that may be busy.
            customer = await self.provider.ensure_customer(request)
        assert customer.outcome is Outcome.SUCCEEDED
        assert customer.customer_ref is not None
        self.customer_ref = customer.customer_ref

    async def attach(self, token: str, *, payment_method_id: str | None = None) -> PaymentMethodResult:
        return await self.provider.attach_payment_method(
            AttachRequest(
                payment_method_id=payment_method_id or f"pm_{next(self.numbers)}",
                customer_ref=self.customer_ref,
                token=token,
                return_url=None,
            )
        )

    async def card(self, token: str) -> str:
        attached = await self.attach(token)
        assert attached.outcome is Outcome.SUCCEEDED
        assert attached.payment_method_ref is not None
        return attached.payment_method_ref

    async def charge_request(
        self,
        token: str = "tok_visa",
        amount: Money | None = None,
        *,
        operation_id: str | None = None,
        charge_id: str | None = None,
        initiator: Initiator = Initiator.CUSTOMER,
        return_url: str | None = None,
        capture: CaptureMode = CaptureMode.AUTOMATIC,
    ) -> ChargeRequest:
        number = next(self.numbers)
        return ChargeRequest(
            operation_id=operation_id or f"op_{number}",
            charge_id=charge_id or f"chg_{number}",
            amount=amount or Money(20_00, "USD"),
            customer_ref=self.customer_ref,
            payment_method_ref=await self.card(token),
            initiator=initiator,
            return_url=return_url,
            capture=capture,
            metadata={"order": "ord_1"},
        )

    async def mint(self, name: str = "visa") -> str:
        """What a card form makes of this card's number: a token that is good once."""
        card = CARDS_BY_NAME[name]
        return await self.bank.run(lambda books: mint_token(books, card=card, expiry_month=11, expiry_year=2027))

    def new_card_request(
        self,
        token: str,
        *,
        store_card: bool,
        operation_id: str | None = None,
        initiator: Initiator = Initiator.CUSTOMER,
        capture: CaptureMode = CaptureMode.AUTOMATIC,
    ) -> ChargeRequest:
        number = next(self.numbers)
        return ChargeRequest(
            operation_id=operation_id or f"op_{number}",
            charge_id=f"chg_{number}",
            amount=Money(20_00, "USD"),
            customer_ref=self.customer_ref,
            payment_method_ref=None,
            token=token,
            store_card=store_card,
            initiator=initiator,
            return_url=None,
            capture=capture,
        )

    def cards(self) -> tuple[str, ...]:
        """The bank's names of what is stored for the customer."""
        (customer,) = self.bank.truth().customers
        return customer.payment_method_refs

    async def charge(
        self,
        token: str = "tok_visa",
        amount: Money | None = None,
        *,
        initiator: Initiator = Initiator.CUSTOMER,
        return_url: str | None = None,
    ) -> ChargeResult:
        request = await self.charge_request(token, amount, initiator=initiator, return_url=return_url)
        return await self.provider.charge(request)

    async def now(self, charge: ChargeResult) -> ChargeResult:
        assert charge.charge_ref is not None
        return await self.provider.fetch_charge(charge_ref=charge.charge_ref)

    async def refund(self, charge: ChargeResult, amount: Money, *, operation_id: str | None = None) -> RefundResult:
        return await self.provider.refund(refund_request(charge, amount, operation_id or f"op_{next(self.numbers)}"))

    async def hold(self, token: str = "tok_visa", amount: Money | None = None) -> ChargeResult:
        """A charge that is to be captured by hand."""
        return await self.provider.charge(await self.charge_request(token, amount, capture=CaptureMode.MANUAL))

    async def capture(self, charge: ChargeResult, amount: Money, *, operation_id: str | None = None) -> ChargeResult:
        assert charge.charge_ref is not None
        return await self.provider.capture(
            CaptureRequest(
                operation_id=operation_id or f"op_{next(self.numbers)}", charge_ref=charge.charge_ref, amount=amount
            )
        )

    async def void(self, charge: ChargeResult) -> ChargeResult:
        assert charge.charge_ref is not None
        return await self.provider.void(
            VoidRequest(operation_id=f"op_{next(self.numbers)}", charge_ref=charge.charge_ref)
        )

    async def resume(self, charge: ChargeResult) -> ChargeResult:
        assert charge.charge_ref is not None
        return await self.provider.continue_charge(
            ContinueRequest(operation_id=f"op_{next(self.numbers)}", charge_ref=charge.charge_ref, token=None)
        )


@dataclass
class Gateway:
    """Takes what is genuine, and says 400 to the rest."""

    provider: FakeProvider
    taken: list[WebhookEvent] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    sender: WebhookSender = field(init=False)

    async def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            self.taken.append(self.provider.verify_webhook(headers, body))
        except WebhookRejected as rejected:
            self.refused.append(str(rejected))
            return 400
        return 200

    async def hear(self) -> list[str]:
        """The kinds of what comes now."""
        before = len(self.taken)
        while await self.sender.deliver_due(self.post):
            continue
        return [event.kind for event in self.taken[before:]]


def refund_request(charge: ChargeResult, amount: Money, operation_id: str) -> RefundRequest:
    assert charge.charge_ref is not None
    return RefundRequest(
        operation_id=operation_id,
        refund_id=f"ref_of_{operation_id}",
        charge_ref=charge.charge_ref,
        amount=amount,
        reason=None,
    )


def answer_challenge(shop: Shop, charge: ChargeResult, *, confirmed: bool) -> None:
    """What the customer does on the bank's page."""
    assert isinstance(charge.next_action, RedirectAction)
    with shop.bank.open() as books:
        finish_challenge(books, charge.next_action.url.rpartition("/")[2], confirmed=confirmed)


def look_up(operation_id: str) -> LookUp:
    return LookUp(
        operation_id=operation_id,
        customer_ref=None,
        charge_ref=None,
        not_before=NOON,
        initiator=Initiator.CUSTOMER,
        amount=None,
    )
