"""The services as `server.py` joins them, on a real store and a real bank, and somebody who asks them in few words."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import methodcaller
from typing import Any, TypeVar

from adapters.fake import Bank, FakeProvider, WebhookSender
from adapters.fake.bank import DEFAULT_PENDING_SECONDS
from adapters.fake.books import as_text
from adapters.fake.charges import finish_challenge
from adapters.worker import Worker
from domain.charges import Charge
from domain.clock import Clock
from domain.customers import Customer, CustomerChanges
from domain.deployment import Deployment, Providers
from domain.detached import Detached
from domain.disputes import Dispute
from domain.idempotency import KeyedRequest
from domain.jobs import JobKind
from domain.money import Money
from domain.operations import Operation
from domain.orders import Order
from domain.payment_methods import PaymentMethod
from domain.principals import ALL_PERMISSIONS, Principal, server
from domain.provider import CaptureMode, EvidenceKind, Initiator, RedirectAction, WebhookRejected
from domain.refunds import Refund
from domain.services.accounts import ProviderAccountService
from domain.services.api_keys import ApiKeyService
from domain.services.applying import Applying
from domain.services.background import Background
from domain.services.billing import Billing
from domain.services.captures import CaptureCharge, CaptureService
from domain.services.changing import ChangeService
from domain.services.charges import Charged, ChargeOrder, ChargeService, ContinueCharge, NewCard
from domain.services.collecting import Collecting
from domain.services.credit_notes import CreditNoteService
from domain.services.customers import CreateCustomer, CustomerService
from domain.services.decisions import DecisionService
from domain.services.discrepancies import DiscrepancyService
from domain.services.dispute_settlement import DisputeSettlement
from domain.services.disputes import AcceptDispute, DisputeService, SubmitEvidence
from domain.services.ending import Ending, EndingService
from domain.services.invoices import InvoiceService
from domain.services.invoicing import Invoicing
from domain.services.keyed import keyed
from domain.services.managing import Managing
from domain.services.orders import CreateOrder, NewLine, OrderService
from domain.services.pausing import Pausing, PausingService
from domain.services.payment_methods import AttachPaymentMethod, PaymentMethodService
from domain.services.products import ProductService
from domain.services.reconciliation import ReconciliationService
from domain.services.redactions import RedactionService
from domain.services.refunds import RefundCharge, Refunded, RefundService
from domain.services.renewing import Renewing
from domain.services.resolver import Resolver
from domain.services.scheduled import handlers
from domain.services.sending import Sending
from domain.services.settlement import Settlement
from domain.services.subscription_cards import SubscriptionCardService
from domain.services.subscriptions import SubscriptionService
from domain.services.teller import Teller
from domain.services.test_clocks import AdvanceTestClock, CreateTestClock, TestClockService
from domain.services.undoing import UndoingService
from domain.services.voids import VoidCharge, VoidService
from domain.services.webhooks import WebhookService
from domain.store import Store
from domain.test_clocks import TestClock
from persistence.database import Database
from persistence.jobs import TortoiseJobQueue
from persistence.sql import Dialect
from persistence.store import TortoiseStore
from tests.invariants import check_invariants
from tests.services.watching import WatchedProvider

Row = TypeVar("Row")

ACCOUNT = "fake"
PROVIDER_SECONDS = 2.0
"""How long the gateway waits for the bank; what hangs costs a test this much. A busy machine takes a part of it."""
DECIDED_SECONDS = DEFAULT_PENDING_SECONDS + 1
"""After which what was pending at the bank is settled."""

SHOP = server("key_test", ALL_PERMISSIONS)

_LONG_AGO = {
    Dialect.POSTGRES: "now() - interval '1 day'",
    Dialect.SQLITE: "'2000-01-01T00:00:00.000000Z'",
}


def usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")


class MovableClock:
    """Business time. The leases of jobs live on the database's clock; `Shop.make_jobs_due` moves those."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass
class Shop:
    """One process of the gateway. Several may share a database and a bank, as after a crash."""

    database: Database
    bank: Bank
    clock: Clock
    store: Store
    provider: WatchedProvider
    deployment: Deployment
    detached: Detached
    teller: Teller
    settlement: Settlement
    accounts: ProviderAccountService
    customers: CustomerService
    products: ProductService
    payment_methods: PaymentMethodService
    orders: OrderService
    test_clocks: TestClockService
    charges: ChargeService
    subscriptions: SubscriptionService
    captures: CaptureService
    credit_notes: CreditNoteService
    voids: VoidService
    refunds: RefundService
    disputes: DisputeService
    dispute_settlement: DisputeSettlement
    webhooks: WebhookService
    api_keys: ApiKeyService
    redactions: RedactionService
    reconciliation: ReconciliationService
    discrepancies: DiscrepancyService
    resolver: Resolver
    decisions: DecisionService
    invoicing: Invoicing
    invoices: InvoiceService
    billing: Billing
    changes: ChangeService
    endings: EndingService
    pauses: PausingService
    undoing: UndoingService
    subscription_cards: SubscriptionCardService
    background: Background
    worker: Worker
    numbers: "count[int]" = field(default_factory=count)

    # --- in few words -----------------------------------------------------------------------------------------------

    async def customer(
        self, fields: CustomerChanges | None = None, *, test_clock_id: str | None = None, key: str | None = None
    ) -> str:
        request = None if key is None else self.request("customerCreate", key, dict(fields or {}))
        fields = fields or CustomerChanges()
        return await self.customers.create(
            SHOP, CreateCustomer(fields=fields, test_clock_id=test_clock_id, request=request)
        )

    async def test_clock(self, now: datetime) -> str:
        return await self.test_clocks.create(SHOP, CreateTestClock(now=now, name=None, request=None))

    async def advance(self, clock_id: str, to: datetime) -> TestClock:
        """Until it has arrived, or failed."""
        await self.test_clocks.advance(SHOP, AdvanceTestClock(clock_id=clock_id, to=to, request=None))
        await self.idle()
        return await self.clock_row(clock_id)

    async def clock_row(self, clock_id: str) -> TestClock:
        async with self.store.reading() as tx:
            return _there(await tx.test_clocks.get(clock_id))

    async def card(self, customer_id: str, token: str = "tok_visa", *, make_default: bool = False) -> str:
        attached = await self.payment_methods.attach(
            SHOP,
            AttachPaymentMethod(
                customer_id=customer_id, token=token, make_default=make_default, return_url=None, request=None
            ),
        )
        return attached.payment_method_id

    async def order(self, amount: int = 20_00, *, token: str = "tok_visa", currency: str = "USD", **fields: Any) -> str:
        """An open order of a new customer who has this card."""
        customer_id = await self.customer()
        await self.card(customer_id, token)
        return await self.order_of(customer_id, amount, currency=currency, **fields)

    async def order_of(self, customer_id: str, amount: int = 20_00, *, currency: str = "USD", **fields: Any) -> str:
        defaults: dict[str, Any] = {
            "customer_id": customer_id,
            "currency": currency,
            "lines": [NewLine(name="Tea", unit_amount=Money(amount, currency), quantity=1)],
            "external_id": None,
            "external_version": None,
            "metadata": None,
            "expires_at": None,
            "request": None,
        }
        return await self.orders.create(SHOP, CreateOrder(**(defaults | fields)))

    async def pay(
        self,
        order_id: str,
        key: str | None = None,
        *,
        principal: Principal = SHOP,
        initiator: Initiator = Initiator.CUSTOMER,
        capture: CaptureMode | None = None,
        payment_method_id: str | None = None,
        new_card: NewCard | None = None,
        version: int | None = None,
    ) -> Charged:
        return await self.charges.charge_order(
            principal,
            ChargeOrder(
                order_id=order_id,
                payment_method_id=payment_method_id,
                new_card=new_card,
                initiator=initiator,
                capture=capture,
                return_url=None,
                version=version,
                request=self.request("orderCharge", key, {"order": order_id}, principal=principal),
            ),
        )

    async def paid(self, order_id: str, **how: Any) -> Charge:
        """Pay, and read what became of the charge."""
        charged = await self.pay(order_id, **how)
        assert charged.charge_id is not None
        return await self.charge(charged.charge_id)

    async def authorized(self, amount: int = 20_00, *, token: str = "tok_visa") -> Charge:
        """A charge of a new order that holds its amount."""
        return await self.paid(await self.order(amount, token=token), capture=CaptureMode.MANUAL)

    async def capture(self, charge_id: str, amount: int | None = None, key: str | None = None) -> Charge:
        money = None if amount is None else usd(amount)
        request = self.request("chargeCapture", key, {"charge": charge_id, "amount": amount})
        await self.captures.capture(SHOP, CaptureCharge(charge_id=charge_id, amount=money, request=request))
        return await self.charge(charge_id)

    async def void(self, charge_id: str, key: str | None = None) -> Charge:
        request = self.request("chargeVoid", key, {"charge": charge_id})
        await self.voids.void(SHOP, VoidCharge(charge_id=charge_id, request=request))
        return await self.charge(charge_id)

    async def proceed(self, charge_id: str, key: str | None = None, *, token: str | None = None) -> Charged:
        request = self.request("chargeContinue", key, {"charge": charge_id, "token": token})
        return await self.charges.continue_charge(
            SHOP, ContinueCharge(charge_id=charge_id, token=token, request=request)
        )

    async def refund(self, charge_id: str, amount: int | None = None, key: str | None = None) -> Refunded:
        money = None if amount is None else usd(amount)
        request = self.request("chargeRefund", key, {"charge": charge_id, "amount": amount})
        return await self.refunds.refund_charge(
            SHOP, RefundCharge(charge_id=charge_id, amount=money, reason=None, note=None, request=request)
        )

    async def refunded(self, charge_id: str, amount: int | None = None, key: str | None = None) -> Refund:
        return await self.refund_row((await self.refund(charge_id, amount, key)).refund_id)

    async def send_evidence(self, dispute_id: str, text: str = "It was delivered.", key: str | None = None) -> Dispute:
        evidence = [(EvidenceKind.OTHER, text)]
        request = self.request("disputeSubmitEvidence", key, {"dispute": dispute_id, "text": text})
        await self.disputes.submit_evidence(
            SHOP, SubmitEvidence(dispute_id=dispute_id, evidence=evidence, request=request)
        )
        return await self.dispute(dispute_id)

    async def give_in(self, dispute_id: str, key: str | None = None) -> Dispute:
        request = self.request("disputeAccept", key, {"dispute": dispute_id})
        await self.disputes.accept(SHOP, AcceptDispute(dispute_id=dispute_id, request=request))
        return await self.dispute(dispute_id)

    def request(
        self, mutation: str, key: str | None, values: Mapping[str, Any], *, principal: Principal = SHOP
    ) -> KeyedRequest:
        made = keyed(principal, mutation, key or f"key {next(self.numbers)}", values)
        assert made is not None
        return made

    # --- what there is ----------------------------------------------------------------------------------------------

    async def charge(self, charge_id: str) -> Charge:
        async with TortoiseStore(self.database).reading() as tx:
            return _there(await tx.charges.get(charge_id))

    async def charges_of(self, order_id: str) -> list[Charge]:
        async with TortoiseStore(self.database).reading() as tx:
            return list(await tx.charges.of_order(order_id))

    async def order_row(self, order_id: str) -> Order:
        async with TortoiseStore(self.database).reading() as tx:
            return _there(await tx.orders.get(order_id))

    async def refund_row(self, refund_id: str) -> Refund:
        async with TortoiseStore(self.database).reading() as tx:
            return _there(await tx.refunds.get(refund_id))

    async def dispute(self, dispute_id: str) -> Dispute:
        async with TortoiseStore(self.database).reading() as tx:
            return _there(await tx.disputes.get(dispute_id))

    async def method(self, payment_method_id: str) -> PaymentMethod:
        async with TortoiseStore(self.database).reading() as tx:
            return _there(await tx.payment_methods.get(payment_method_id))

    async def customer_row(self, customer_id: str) -> Customer:
        async with TortoiseStore(self.database).reading() as tx:
            return _there(await tx.customers.get(customer_id))

    async def operations(self, charge_id: str) -> list[Operation]:
        """All of the charge and its refunds, oldest first."""
        rows = await self.rows("SELECT id FROM operations WHERE charge_id = $1 ORDER BY id", charge_id)
        async with TortoiseStore(self.database).reading() as tx:
            return [_there(await tx.operations.get(row["id"])) for row in rows]

    async def operation(self, charge_id: str) -> Operation:
        """The latest one."""
        return (await self.operations(charge_id))[-1]

    async def events(self, subject_id: str) -> list[str]:
        """The story of an object, by the kinds of its events."""
        rows = await self.rows(
            "SELECT kind FROM events JOIN event_subjects ON event_id = events.id"
            " WHERE subject_id = $1 ORDER BY events.id",
            subject_id,
        )
        return [row["kind"] for row in rows]

    async def ledger(self, charge_id: str) -> dict[str, int]:
        rows = await self.rows("SELECT account, amount FROM ledger_entries WHERE charge_id = $1", charge_id)
        sums: dict[str, int] = {}
        for row in rows:
            sums[row["account"]] = sums.get(row["account"], 0) + row["amount"]
        return sums

    async def jobs(self, kind: JobKind | None = None) -> list[dict[str, Any]]:
        rows = await self.rows("SELECT * FROM jobs ORDER BY id")
        return [row for row in rows if kind in (None, row["kind"])]

    async def rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        async with self.database.reader() as connection:
            return await connection.fetch_all(statement, *parameters)

    async def check(self, *, settled: bool = False) -> None:
        await check_invariants(self.database, self.bank.truth(), settled=settled)

    # --- time, and what others do -----------------------------------------------------------------------------------

    async def make_jobs_due(self) -> None:
        """As if every lease and every wait had passed."""
        async with self.database.transaction() as connection:
            long_ago = _LONG_AGO[self.database.dialect]
            await connection.execute(f"UPDATE jobs SET run_at = {long_ago} WHERE dead_at IS NULL")

    async def run_jobs(self, *, rounds: int = 1) -> int:
        """Make everything due and do it; how many jobs that was."""
        done = 0
        for _ in range(rounds):
            await self.make_jobs_due()
            done += await self.worker.run_due()
        return done

    async def idle(self) -> None:
        """Wait for what goes on without its client."""
        assert await self.detached.drain(grace_seconds=5) == 0

    async def answer_challenge(self, charge: Charge, *, confirmed: bool = True) -> None:
        """What the customer does on the bank's page."""
        assert isinstance(charge.next_action, RedirectAction)
        challenge = charge.next_action.url.rpartition("/")[2]
        await self.bank.run(lambda books: finish_challenge(books, challenge, confirmed=confirmed))

    async def deliver_webhooks(self) -> int:
        """Everything in the bank's outbox, received and stored; the jobs still have to run."""
        sender = WebhookSender(self.bank, url="http://gateway.test", clock=self.clock)

        async def post(body: bytes, headers: Mapping[str, str]) -> int:
            try:
                await self.webhooks.receive(ACCOUNT, headers, body)
            except WebhookRejected:
                return 400
            return 200

        sent = 0
        while batch := await sender.deliver_due(post):
            sent += batch
        return sent

    async def hear(self) -> None:
        """What the bank tells, and everything that is due."""
        await self.deliver_webhooks()
        await self.run_jobs()

    async def decide_after(self, **time: float) -> None:
        """What is pending at the bank now takes this long from now, as it does at a real one."""
        settles_at = as_text(self.clock.now() + timedelta(**time))
        for table in ("charges", "refunds"):
            change = f"UPDATE {table} SET settles_at = ? WHERE settles_at IS NOT NULL"
            await self.bank.run(methodcaller("write", change, settles_at))

    def misbehave(self, script: str) -> None:
        self.bank.misbehave(script)

    async def close(self) -> None:
        await self.detached.drain(grace_seconds=5)
        await self.provider.close()


def open_shop(
    database: Database,
    bank: Bank,
    clock: Clock,
    *,
    store: Store | None = None,
    other_accounts: Sequence[str] = (),
    default_account: str = ACCOUNT,
    **decided: Any,
) -> Shop:
    """A process, joined as `server.gateway` does it. `decided` changes the deployment.

    `other_accounts` are at the same bank, which knows nothing of accounts.
    """
    deployment = replace(
        Deployment(
            livemode=False,
            return_urls=("https://shop.example",),
            provider_timeout_seconds=PROVIDER_SECONDS,
            answer_within_seconds=5,
            # What a test has the bank do to one request is not to turn away the next.
            breaker_failures=0,
        ),
        **decided,
    )
    store = store or TortoiseStore(database)
    provider = WatchedProvider(FakeProvider.in_process(bank, clock=clock, timeout_seconds=PROVIDER_SECONDS))
    providers = Providers(dict.fromkeys((ACCOUNT, *other_accounts), provider), default=default_account)
    detached = Detached()
    teller = Teller(providers=providers, clock=clock, deployment=deployment, monotonic=lambda: clock.now().timestamp())
    settlement = Settlement(clock=clock, deployment=deployment)
    customers = CustomerService(store=store, clock=clock, deployment=deployment)
    accounts = ProviderAccountService(store=store, providers=providers, teller=teller, clock=clock)
    payment_methods = PaymentMethodService(
        store=store,
        providers=providers,
        teller=teller,
        accounts=accounts,
        customers=customers,
        detached=detached,
        clock=clock,
        deployment=deployment,
    )
    sending = Sending(
        store=store, teller=teller, settlement=settlement, detached=detached, clock=clock, deployment=deployment
    )
    charges = ChargeService(
        store=store,
        teller=teller,
        accounts=accounts,
        settlement=settlement,
        sending=sending,
        clock=clock,
        deployment=deployment,
    )
    captures = CaptureService(store=store, teller=teller, sending=sending, clock=clock, deployment=deployment)
    voids = VoidService(
        store=store, teller=teller, settlement=settlement, sending=sending, clock=clock, deployment=deployment
    )
    orders = OrderService(store=store, voids=voids, clock=clock, deployment=deployment)
    refunds = RefundService(
        store=store, teller=teller, settlement=settlement, detached=detached, clock=clock, deployment=deployment
    )
    dispute_settlement = DisputeSettlement(store=store, teller=teller, settlement=settlement, clock=clock)
    webhooks = WebhookService(
        store=store,
        providers=providers,
        teller=teller,
        settlement=settlement,
        disputes=dispute_settlement,
        payment_methods=payment_methods,
        clock=clock,
    )
    resolver = Resolver(
        store=store,
        teller=teller,
        settlement=settlement,
        disputes=dispute_settlement,
        clock=clock,
        deployment=deployment,
    )
    redactions = RedactionService(
        store=store, providers=providers, teller=teller, accounts=accounts, payment_methods=payment_methods, clock=clock
    )
    reconciliation = ReconciliationService(
        store=store,
        providers=providers,
        teller=teller,
        settlement=settlement,
        disputes=dispute_settlement,
        clock=clock,
        deployment=deployment,
    )
    invoicing = Invoicing(teller=teller, deployment=deployment)
    collecting = Collecting(charges=charges)
    applying = Applying(invoicing=invoicing, collecting=collecting)
    ending, pausing = Ending(applying=applying), Pausing(applying=applying)
    billing = Billing(
        store=store,
        renewing=Renewing(invoicing=invoicing, collecting=collecting),
        collecting=collecting,
        voids=voids,
        sending=sending,
        changes=handlers(ending=ending, pausing=pausing),
        clock=clock,
        deployment=deployment,
    )
    managing = Managing(store=store, billing=billing, sending=sending, clock=clock, deployment=deployment)
    changes = ChangeService(
        store=store,
        managing=managing,
        billing=billing,
        applying=applying,
        charges=charges,
        invoicing=invoicing,
        clock=clock,
        deployment=deployment,
    )
    test_clocks = TestClockService(
        store=store, billing=billing, orders=orders, detached=detached, clock=clock, deployment=deployment
    )
    background = Background(
        store=store,
        billing=billing,
        charges=charges,
        orders=orders,
        payment_methods=payment_methods,
        reconciliation=reconciliation,
        redactions=redactions,
        resolver=resolver,
        test_clocks=test_clocks,
        voids=voids,
        webhooks=webhooks,
        clock=clock,
        deployment=deployment,
    )
    return Shop(
        database=database,
        bank=bank,
        clock=clock,
        store=store,
        provider=provider,
        deployment=deployment,
        detached=detached,
        teller=teller,
        settlement=settlement,
        accounts=accounts,
        customers=customers,
        products=ProductService(store=store, clock=clock, deployment=deployment),
        payment_methods=payment_methods,
        orders=orders,
        test_clocks=test_clocks,
        charges=charges,
        subscriptions=SubscriptionService(
            store=store,
            accounts=accounts,
            charges=charges,
            invoicing=invoicing,
            sending=sending,
            clock=clock,
            deployment=deployment,
        ),
        captures=captures,
        credit_notes=CreditNoteService(store=store, clock=clock),
        voids=voids,
        refunds=refunds,
        dispute_settlement=dispute_settlement,
        disputes=DisputeService(
            store=store,
            teller=teller,
            settlement=dispute_settlement,
            detached=detached,
            clock=clock,
            deployment=deployment,
        ),
        webhooks=webhooks,
        api_keys=ApiKeyService(store=store, clock=clock),
        redactions=redactions,
        reconciliation=reconciliation,
        discrepancies=DiscrepancyService(store=store, clock=clock),
        resolver=resolver,
        decisions=DecisionService(store=store, teller=teller, settlement=settlement, resolver=resolver, clock=clock),
        invoicing=invoicing,
        invoices=InvoiceService(
            store=store,
            invoicing=invoicing,
            charges=charges,
            sending=sending,
            clock=clock,
            deployment=deployment,
        ),
        billing=billing,
        changes=changes,
        endings=EndingService(managing=managing, ending=ending),
        pauses=PausingService(managing=managing, pausing=pausing),
        undoing=UndoingService(managing=managing),
        subscription_cards=SubscriptionCardService(managing=managing, collecting=collecting),
        background=background,
        worker=Worker(TortoiseJobQueue(database), background.run, longest_job_seconds=deployment.longest_job_seconds),
    )


async def at_once(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """All of them together; what each gave or raised, in order."""
    return await asyncio.gather(*works, return_exceptions=True)


def _there(row: Row | None) -> Row:
    assert row is not None
    return row
