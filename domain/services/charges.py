"""Charging an order or an invoice: what is written down before the provider hears of it, and the customer's part."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.charges import Charge, ChargeState
from domain.clock import Clock
from domain.customers import ProviderAccount
from domain.decline_limits import Against, of_charge, of_new_card
from domain.deployment import Deployment
from domain.errors import (
    ChargeInProgress,
    InvalidInput,
    NotFound,
    PaymentMethodMissing,
    PermissionDenied,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.invoices import Invoice
from domain.money import Money
from domain.operations import Operation, restored
from domain.orders import Order, OrderState
from domain.payables import Payable
from domain.payment_methods import PaymentMethod, Storing
from domain.principals import Permission, Principal
from domain.provider import (
    CaptureMode,
    ChargeRequest,
    ChargeResult,
    ContinueRequest,
    Initiator,
    Outcome,
    ProviderAction,
)
from domain.services import card_events, declines
from domain.services.accounts import ProviderAccountService
from domain.services.business_time import now_of
from domain.services.discrepancies import check_may_charge
from domain.services.gates import CallKind
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_charge, lock_order, lock_own_invoice, there
from domain.services.operations import is_written_down, write_down
from domain.services.orders import place
from domain.services.sending import Sending
from domain.services.settlement import Settlement, captured_of, charges_of
from domain.services.teller import Teller
from domain.store import Store, Transaction, UniqueTaken
from domain.texts import LONGEST_TOKEN, clean_optional, clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCard:
    """A card that the provider's form has just read, and that is charged before it is stored."""

    token: str
    store: bool
    """Whether it is kept, for further payments also without the customer: only who was asked may say so."""
    make_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    order_id: str
    payment_method_id: str | None
    """None: the customer's default, or `new_card`."""
    new_card: NewCard | None = None
    initiator: Initiator
    capture: CaptureMode | None = None
    """None: as the deployment is set."""
    return_url: str | None
    version: int | None
    network: str | None = None
    """Where the customer is, as `decline_limits` has it; None where nobody knows."""
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeInvoice:
    invoice_id: str
    payment_method_id: str | None
    """None: that of its subscription, else the customer's default, or `new_card`."""
    new_card: NewCard | None = None
    initiator: Initiator
    return_url: str | None
    network: str | None = None
    """As in `ChargeOrder`."""
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How something is charged, whatever it is."""

    initiator: Initiator
    capture: CaptureMode
    new_card: NewCard | None = None
    return_url: str | None = None
    network: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueCharge:
    charge_id: str
    token: str | None
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    order_id: str | None = None
    invoice_id: str | None = None
    charge_id: str | None
    """None when there was nothing to pay."""


def charged(charge: Charge) -> Charged:
    return Charged(order_id=charge.order_id, invoice_id=charge.invoice_id, charge_id=charge.id)


class ChargeService:
    def __init__(
        self,
        *,
        store: Store,
        teller: Teller,
        accounts: ProviderAccountService,
        settlement: Settlement,
        sending: Sending,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._teller = teller
        self._accounts = accounts
        self._settlement = settlement
        self._sending = sending
        self._clock = clock
        self._deployment = deployment

    # --- charge -----------------------------------------------------------------------------------------------------

    async def charge_order(self, principal: Principal, command: ChargeOrder) -> Charged:
        """Take what is due of the order, or hold it to be captured later; placing it first, where it is still open.

        Answers within `answer_within_seconds`; a charge that takes longer goes on by itself.
        """
        principal.require(Permission.CHARGES_WRITE)
        if not command.initiator.on_session:
            principal.require(Permission.CHARGES_OFF_SESSION)
        if command.capture is not None and not principal.may(Permission.CAPTURES_WRITE):
            raise PermissionDenied("Only who may capture says when the money is taken.", path=("capture",))
        self._deployment.check_return_url(command.return_url, "returnUrl")
        if command.new_card is not None:
            principal.require(Permission.PAYMENT_METHODS_WRITE)
            check_new_card(command.payment_method_id, command.initiator)
            if not self._deployment.recovery:
                await self._accounts.introduce_payer(principal, command.order_id)
        try:
            begun = await self._store.run(lambda tx: self._begin_charge(tx, principal, command), landed=is_written_down)
        except UniqueTaken as taken:
            # The order's lock makes this unreachable on one order; the index is there for what the code forgets.
            raise ChargeInProgress(path=("orderId",)) from taken
        if isinstance(begun, Charged):
            return begun
        charge, operation = begun
        await self._sending.send(operation, actor=f"provider:{charge.account}")
        return charged(charge)

    async def _begin_charge(
        self, tx: Transaction, principal: Principal, command: ChargeOrder
    ) -> Charged | tuple[Charge, Operation]:
        """Phase 1."""
        order = await lock_order(tx, principal, command.order_id)
        if made := await made_before(tx, command.request):
            return Charged(order_id=order.id, charge_id=None if made == order.id else made)
        self._deployment.check_not_recovering()
        order.check_version(command.version)
        captured = await captured_of(tx, order)
        order.check_payable(captured=captured, now=await now_of(tx, order.customer_id, now=self._clock.now()))
        await _check_nothing_under_way(tx, order, "orderId")
        await check_may_charge(tx, order.id)
        now = self._clock.now()
        if order.total.is_zero:
            await claim(tx, command.request, order.id, now=now)
            await place(tx, order, actor=principal.actor, now=now)
            return Charged(order_id=order.id, charge_id=None)
        method = await self._method(tx, order, command, now=now)
        terms = Terms(
            initiator=command.initiator,
            capture=command.capture or self._deployment.capture,
            new_card=command.new_card,
            return_url=command.return_url,
            network=command.network,
        )
        account = await self._payer(tx, order, method, terms)
        if order.state is OrderState.OPEN:
            order = await place(tx, order, actor=principal.actor, now=now)
        due = order.total - captured
        return await self._write_down(
            tx, order, method, account, terms, due=due, request=command.request, actor=principal.actor, now=now
        )

    # --- invoices ---------------------------------------------------------------------------------------------------

    async def charge_invoice(self, principal: Principal, command: ChargeInvoice) -> Charged:
        """As `charge_order`, of an invoice, whose money is taken at once: there is nothing to be shipped first."""
        principal.require(Permission.CHARGES_WRITE)
        if not command.initiator.on_session:
            principal.require(Permission.CHARGES_OFF_SESSION)
        self._deployment.check_return_url(command.return_url, "returnUrl")
        if command.new_card is not None:
            principal.require(Permission.PAYMENT_METHODS_WRITE)
            check_new_card(command.payment_method_id, command.initiator)
            if not self._deployment.recovery:
                await self._accounts.introduce_payer(principal, command.invoice_id)
        try:
            begun = await self._store.run(
                lambda tx: self._begin_invoice(tx, principal, command), landed=is_written_down
            )
        except UniqueTaken as taken:
            raise ChargeInProgress(path=("invoiceId",)) from taken
        if isinstance(begun, Charged):
            return begun
        charge, operation = begun
        await self._sending.send(operation, actor=f"provider:{charge.account}")
        return charged(charge)

    async def _begin_invoice(
        self, tx: Transaction, principal: Principal, command: ChargeInvoice
    ) -> Charged | tuple[Charge, Operation]:
        """Phase 1."""
        invoice = await lock_own_invoice(tx, principal, command.invoice_id)
        if made := await made_before(tx, command.request):
            return Charged(invoice_id=invoice.id, charge_id=made)
        self._deployment.check_not_recovering()
        invoice.check_payable(captured=await captured_of(tx, invoice))
        await _check_nothing_under_way(tx, invoice, "invoiceId")
        await check_may_charge(tx, invoice.id, "invoiceId")
        now = self._clock.now()
        if command.new_card is not None:
            method = self.new_method(invoice, command.new_card, now=now)
        else:
            chosen = command.payment_method_id or await _method_of_subscription(tx, invoice)
            method = await _usable_method(tx, invoice, chosen)
        terms = Terms(
            initiator=command.initiator,
            capture=CaptureMode.AUTOMATIC,
            new_card=command.new_card,
            return_url=command.return_url,
            network=command.network,
        )
        return await self.begin_invoice(
            tx, invoice, method, terms, request=command.request, actor=principal.actor, now=now
        )

    async def begin_invoice(
        self,
        tx: Transaction,
        invoice: Invoice,
        method: PaymentMethod,
        terms: Terms,
        *,
        request: KeyedRequest | None = None,
        is_new: bool = False,
        actor: str,
        now: datetime,
    ) -> tuple[Charge, Operation]:
        """Phase 1 for a locked invoice that waits for money and a locked card, in the transaction of whoever calls: the
        operation is to be sent after its commit, and is looked after if it is not.

        `is_new`: it was opened in this transaction, so nothing of it is taken. `now` is real time. Without a request,
        whatever it raises it raises before anything is written: what keeps the account from being charged, or the card
        from being tried.
        """
        account = await self._payer(tx, invoice, method, terms)
        if request is None:
            await declines.check(tx, self._against(method, terms), customer_id=invoice.customer_id, now=now)
        due = invoice.to_pay if is_new else invoice.to_pay - await captured_of(tx, invoice)
        return await self._write_down(
            tx, invoice, method, account, terms, due=due, request=request, actor=actor, now=now
        )

    # --- both -------------------------------------------------------------------------------------------------------

    async def _payer(self, tx: Transaction, payable: Payable, method: PaymentMethod, terms: Terms) -> ProviderAccount:
        """The customer at the account of the method, which has to be one that can be charged just now."""
        self._teller.require_support(method.account, _ACTIONS[terms.capture])
        self._teller.require_currency(method.account, payable.currency)
        self._teller.require_reachable(method.account, CallKind.MONEY)
        account = await tx.accounts.find(payable.customer_id, method.account)
        if account is None or (method.payment_method_ref is None and terms.new_card is None):
            raise LookupError(f"{method.id} is active but has no reference at {method.account}")
        return account

    async def _write_down(
        self,
        tx: Transaction,
        payable: Payable,
        method: PaymentMethod,
        account: ProviderAccount,
        terms: Terms,
        *,
        due: Money,
        request: KeyedRequest | None,
        actor: str,
        now: datetime,
    ) -> tuple[Charge, Operation]:
        charge = _new_charge(payable, method, terms, due=due, now=now)
        card = terms.new_card
        asked = ChargeRequest(
            operation_id=new_id(IdPrefix.OPERATION),
            charge_id=charge.id,
            amount=charge.amount,
            customer_ref=account.customer_ref,
            payment_method_ref=method.payment_method_ref,
            token=clean_text(card.token, *_TOKEN, longest=LONGEST_TOKEN) if card else None,
            store_card=card is not None and card.store,
            initiator=charge.initiator,
            return_url=charge.return_url,
            capture=charge.capture_mode,
            metadata={_NAMES[type(payable)]: payable.id, "paydesk_charge": charge.id},
        )
        if request is not None:
            await claim(tx, request, charge.id, now=now)
        if card is not None:
            await tx.payment_methods.insert(method)
            await card_events.tell(tx, EventKind.PAYMENT_METHOD_REQUESTED, method, actor=actor, now=now)
        await tx.charges.insert(charge)
        operation = await write_down(
            tx,
            charge,
            asked,
            solved_by=self._teller.solves(charge.account),
            lease_seconds=self._deployment.lease_seconds,
            now=now,
        )
        await tx.events.add(
            new_event(
                EventKind.CHARGE_CREATED,
                charge.id,
                payable.id,
                charge.customer_id,
                actor=actor,
                livemode=charge.livemode,
                now=now,
                data={
                    "amount": charge.amount.minor_units,
                    "currency": charge.amount.currency,
                    "capture": charge.capture_mode,
                },
            )
        )
        against, is_checked = self._against(method, terms), request is None
        await declines.count(tx, charge.id, against, customer_id=charge.customer_id, is_checked=is_checked, now=now)
        return charge, operation

    async def _method(self, tx: Transaction, order: Order, command: ChargeOrder, *, now: datetime) -> PaymentMethod:
        if command.new_card is None:
            return await _usable_method(tx, order, command.payment_method_id)
        return self.new_method(order, command.new_card, now=now)

    def new_method(self, payable: Payable, card: NewCard, *, now: datetime) -> PaymentMethod:
        """A payment method for a card that is charged before it is stored; written down with its charge."""
        account = self._accounts.default_account
        self._teller.require_support(account, ProviderAction.CHARGE_NEW_CARD)
        return _new_method(payable, card, account=account, now=now)

    def _against(self, method: PaymentMethod, terms: Terms) -> Sequence[Against]:
        limits = self._deployment.declines
        if terms.new_card is not None:
            return of_new_card(limits, customer_id=method.customer_id, network=terms.network)
        return of_charge(limits, method, network=terms.network, on_session=terms.initiator.on_session)

    # --- continue ---------------------------------------------------------------------------------------------------

    async def continue_charge(self, principal: Principal, command: ContinueCharge) -> Charged:
        """After the customer came back: learn what became of it."""
        principal.require(Permission.CHARGES_WRITE)
        token = clean_optional(command.token, "token", longest=LONGEST_TOKEN)
        charge, made, operation = await self._store.run(
            lambda tx: self._begin_continue(tx, principal, command, token=token), landed=is_written_down
        )
        if operation is not None:
            await self._sending.send(operation, actor=f"provider:{charge.account}")
        if made is not None:
            await self._check_taken(made)
        return charged(charge)

    async def _check_taken(self, operation_id: str) -> None:
        """Raise what kept a continuation from being taken, where the charge waits as before."""
        async with self._store.reading() as tx:
            ended = there(await tx.operations.get(operation_id), operation_id)
            charge = there(await tx.charges.get(ended.charge_id), ended.charge_id)
        if ended.outcome is Outcome.NOT_SENT:
            raise ProviderUnavailable
        if ended.outcome is Outcome.FAILED and charge.state is ChargeState.REQUIRES_ACTION:
            raise ProviderRefused(
                "The provider did not take the confirmation; the customer may act again.", path=("token",)
            )

    async def _begin_continue(
        self, tx: Transaction, principal: Principal, command: ContinueCharge, *, token: str | None
    ) -> tuple[Charge, str | None, Operation | None]:
        """Phase 1: the charge, the id of the operation that this request has made, and that if it is to be sent."""
        _, charge = await lock_charge(tx, principal, command.charge_id)
        made = await made_before(tx, command.request)
        if made is not None or charge.state is not ChargeState.REQUIRES_ACTION:
            return charge, made, None
        self._deployment.check_not_recovering()
        if await tx.operations.unfinished_of_charge(charge.id):
            # A webhook, or another tab, was faster than the customer's way back: the charge tells what happened.
            return charge, None, None
        now = self._clock.now()
        if charge.is_only_asked_for:
            # What is confirmed now would be charged now, by us: not for a wish that is over, nor one that may be paid.
            if charge.is_overdue(now=now):
                ended = ChargeResult(outcome=Outcome.EXPIRED)
                return await self._settlement.settle_charge(tx, charge.id, ended, actor="system:expiry"), None, None
            await check_may_charge(tx, charge.payable_id, "chargeId")
        self._teller.require_support(charge.account, ProviderAction.CUSTOMER_ACTION)
        self._teller.require_reachable(charge.account, CallKind.MONEY)
        request = await _continuation(tx, charge, token)
        await claim(tx, command.request, request.operation_id, now=now)
        operation = await write_down(
            tx,
            charge,
            request,
            solved_by=self._teller.solves(charge.account),
            lease_seconds=self._deployment.lease_seconds,
            now=now,
        )
        return charge, operation.id, operation

    # --- watch ------------------------------------------------------------------------------------------------------

    async def watch(self, charge_id: str) -> float | None:
        """Look at a charge that the provider is still deciding on, or of which it refused something.

        Returns after how many seconds to look again, None when it is decided.
        """
        async with self._store.reading() as tx:
            charge = await tx.charges.get(charge_id)
            operation = await tx.operations.unfinished_of_charge(charge_id)
        if charge is None or not charge.is_live or charge.charge_ref is None:
            return None
        if operation is not None:
            # The operation is looked after by its own job; but it may end without deciding the charge.
            return self._settlement.watch_seconds(charge) if charge.is_undecided else None
        picture = await self._teller.fetch_charge(charge.account, charge.charge_ref)
        if picture.outcome is not Outcome.UNKNOWN:
            async with self._store.transaction() as tx:
                charge = await self._settlement.settle_charge(tx, charge_id, picture, actor="system:watch")
        heard_nothing = picture.outcome is Outcome.UNKNOWN
        return self._settlement.watch_seconds(charge) if charge.is_undecided or heard_nothing else None


_ACTIONS = {CaptureMode.AUTOMATIC: ProviderAction.CHARGE, CaptureMode.MANUAL: ProviderAction.AUTHORIZE}


_NAMES: dict[type, str] = {Order: "paydesk_order", Invoice: "paydesk_invoice"}
"""Under which name a provider's object tells what it pays, for whoever looks at it there, and for reconciliation."""


async def _check_nothing_under_way(tx: Transaction, payable: Payable, path: str) -> None:
    if any(charge.is_live for charge in await charges_of(tx, payable)):
        raise ChargeInProgress(path=(path,))


async def _method_of_subscription(tx: Transaction, invoice: Invoice) -> str | None:
    if invoice.subscription_id is None:
        return None
    return there(await tx.subscriptions.get(invoice.subscription_id), invoice.subscription_id).payment_method_id


async def _usable_method(tx: Transaction, payable: Payable, payment_method_id: str | None) -> PaymentMethod:
    method = await usable_method(tx, payable.customer_id, payment_method_id)
    if method is None:
        raise PaymentMethodMissing
    return method


async def usable_method(tx: Transaction, customer_id: str, payment_method_id: str | None) -> PaymentMethod | None:
    """The one that is named, else the customer's default; locked. None where there is none to be named."""
    if payment_method_id is None:
        customer = await tx.customers.get(customer_id)
        payment_method_id = customer.default_payment_method_id if customer else None
    if payment_method_id is None:
        return None
    method = await tx.payment_methods.get_for_update(payment_method_id)
    if method is None or method.customer_id != customer_id:
        raise NotFound("payment method", path=("paymentMethodId",))
    method.check_usable()
    return method


async def _continuation(tx: Transaction, charge: Charge, token: str | None) -> ContinueRequest:
    operation_id = new_id(IdPrefix.OPERATION)
    if not charge.is_only_asked_for:
        return ContinueRequest(operation_id=operation_id, charge_ref=ref_of(charge), token=token)
    if token is None:
        raise InvalidInput("The token that the confirmation gave is missing.", path=("token",))
    maker = there(await tx.operations.maker_of_charge(charge.id), f"the request of {charge.id}")
    request = restored(maker)
    asked = request.charge if isinstance(request, ContinueRequest) else request
    if not isinstance(asked, ChargeRequest):
        raise TypeError(f"{maker.id} did not ask for {charge.id}")
    again = replace(asked, operation_id=operation_id, token=None)
    return ContinueRequest(operation_id=operation_id, charge_ref=None, token=token, charge=again)


_TOKEN = ("newCard", "token")


def check_new_card(payment_method_id: str | None, initiator: Initiator) -> None:
    if payment_method_id is not None:
        raise InvalidInput("A payment is made with a stored card or with a new one.", path=("newCard",))
    if not initiator.on_session:
        raise InvalidInput("A new card is charged while its owner is there.", path=("newCard",))


def _new_method(payable: Payable, card: NewCard, *, account: str, now: datetime) -> PaymentMethod:
    """Its token is kept in the operation's request alone, which drops it when it is over."""
    return PaymentMethod(
        id=new_id(IdPrefix.PAYMENT_METHOD),
        customer_id=payable.customer_id,
        account=account,
        token=None,
        storing=Storing.WITH_CHARGE if card.store else Storing.NEVER,
        make_default=card.store and card.make_default,
        livemode=payable.livemode,
        created_at=now,
        updated_at=now,
    )


def _new_charge(payable: Payable, method: PaymentMethod, terms: Terms, *, due: Money, now: datetime) -> Charge:
    nothing = Money.zero(payable.currency)
    return Charge(
        id=new_id(IdPrefix.CHARGE),
        order_id=payable.id if isinstance(payable, Order) else None,
        invoice_id=payable.id if isinstance(payable, Invoice) else None,
        customer_id=payable.customer_id,
        payment_method_id=method.id,
        account=method.account,
        initiator=terms.initiator,
        capture_mode=terms.capture,
        amount=due,
        authorized=nothing,
        captured=nothing,
        refunded=nothing,
        refund_reserved=nothing,
        disputed=nothing,
        return_url=terms.return_url,
        livemode=payable.livemode,
        created_at=now,
        updated_at=now,
    )


def ref_of(charge: Charge) -> str:
    """What the provider calls it; a charge that it has not answered for has no such name."""
    if charge.charge_ref is None:
        raise InvalidInput("The provider has not answered for this charge yet.", path=("chargeId",))
    return charge.charge_ref
