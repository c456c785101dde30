"""Payment methods: the row first, then the provider, then what it answered."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from domain.clock import Clock
from domain.customers import Customer, CustomerChanges
from domain.decline_limits import DeclineState, of_card
from domain.deployment import Deployment, Providers
from domain.detached import Detached
from domain.errors import (
    ExternalIdTaken,
    NotFound,
    PaymentMethodInUse,
)
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.jobs import Again, JobKind
from domain.payment_methods import NOT_IN_USE, PaymentMethod, PaymentMethodState, Storing
from domain.principals import Permission, Principal, system
from domain.provider import (
    AttachRequest,
    CustomerResult,
    Outcome,
    PaymentMethodResult,
    ProviderAction,
    Refusal,
)
from domain.services import card_changes, card_events, declines
from domain.services.accounts import ProviderAccountService
from domain.services.business_time import clock_of
from domain.services.customers import CustomerService, insert
from domain.services.gates import CallKind
from domain.services.keyed import claim
from domain.services.locking import there
from domain.services.teller import NothingHeard, Teller
from domain.store import Store, Transaction, UniqueTaken
from domain.texts import LONGEST_TOKEN, clean_text

_LOOK_AGAIN_SECONDS = 60.0
"""At a card that its owner has to confirm, and then after half of its age: a webhook tells sooner, where it comes."""

_LONGEST_WAIT_SECONDS = 3_600.0

_TRY_AGAIN_SECONDS = (5, 15, 60, 300, 900)
"""A lost answer to an attachment is asked for again with the same key; after about twenty minutes the customer is
gone, and a card that nobody uses does no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachPaymentMethod:
    customer_id: str | None
    """None: the customer who asks."""
    token: str
    make_default: bool
    return_url: str | None
    network: str | None = None
    """Where the customer is, as `decline_limits` has it; None where nobody knows."""
    request: KeyedRequest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCustomerWithPaymentMethod:
    fields: CustomerChanges
    test_clock_id: str | None = None
    token: str
    return_url: str | None
    network: str | None = None
    request: KeyedRequest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    customer_id: str
    payment_method_id: str


class PaymentMethodService:
    def __init__(
        self,
        *,
        store: Store,
        providers: Providers,
        teller: Teller,
        accounts: ProviderAccountService,
        customers: CustomerService,
        detached: Detached,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._providers = providers
        self._teller = teller
        self._accounts = accounts
        self._customers = customers
        self._detached = detached
        self._clock = clock
        self._deployment = deployment

    # --- attach -----------------------------------------------------------------------------------------------------

    async def attach(self, principal: Principal, command: AttachPaymentMethod) -> Attached:
        principal.require(Permission.PAYMENT_METHODS_WRITE)
        self._deployment.check_return_url(command.return_url, "returnUrl")
        token = clean_text(command.token, "token", longest=LONGEST_TOKEN)
        self._teller.require_support(self._providers.default_account, ProviderAction.ATTACH_PAYMENT_METHOD)
        customer_id = command.customer_id or principal.customer_id
        now = self._clock.now()
        async with self._store.transaction() as tx:
            # Locked, so that nothing is stored for somebody who is just being erased.
            customer = await tx.customers.get_for_update(customer_id) if customer_id else None
            if customer is None or not principal.sees(customer.id):
                raise NotFound("customer", path=("customerId",))
            customer.check_not_redacted()
            method = self._new(customer, token, command.return_url, make_default=command.make_default, now=now)
            if made := await claim(tx, command.request, method.id, now=now):
                return Attached(customer_id=customer.id, payment_method_id=made)
            self._deployment.check_not_recovering()
            self._teller.require_reachable(method.account, CallKind.CARDS)
            await self._request(tx, method, network=command.network, actor=principal.actor, now=now)
        await self._ask_and_wait(customer, method)
        return Attached(customer_id=customer.id, payment_method_id=method.id)

    async def create_customer_with(self, principal: Principal, command: CreateCustomerWithPaymentMethod) -> Attached:
        """Customer and card in one step. The customer stays when the card is refused: another card may follow."""
        principal.require(Permission.CUSTOMERS_WRITE)
        principal.require(Permission.PAYMENT_METHODS_WRITE)
        self._deployment.check_return_url(command.return_url, "returnUrl")
        token = clean_text(command.token, "token", longest=LONGEST_TOKEN)
        self._teller.require_support(self._providers.default_account, ProviderAction.ATTACH_PAYMENT_METHOD)
        now = self._clock.now()
        customer = self._customers.new(principal, command.fields, test_clock_id=command.test_clock_id, now=now)
        method = self._new(customer, token, command.return_url, make_default=True, now=now)
        try:
            async with self._store.transaction() as tx:
                # The key belongs to the customer, who stays whatever becomes of the card.
                if made := await claim(tx, command.request, customer.id, now=now):
                    first = there(await tx.payment_methods.first_of_customer(made), f"the first card of {made}")
                    return Attached(customer_id=made, payment_method_id=first.id)
                self._deployment.check_not_recovering()
                self._teller.require_reachable(method.account, CallKind.CARDS)
                await insert(tx, customer, actor=principal.actor, now=now)
                await self._request(tx, method, network=command.network, actor=principal.actor, now=now)
        except UniqueTaken as taken:
            if taken.constraint != "customers_external_id":
                raise
            raise ExternalIdTaken("customer", path=("externalId",)) from taken
        await self._ask_and_wait(customer, method)
        return Attached(customer_id=customer.id, payment_method_id=method.id)

    async def resolve(self, payment_method_id: str, *, tries: int) -> Again | None:
        """Ask again for an attachment whose answer was lost; the provider knows our id and makes no second one.

        One that its owner has to confirm is looked at until their time is over, for a webhook may get lost; of one that
        a charge stored it is settled whether it is the customer's default.
        """
        async with self._store.reading() as tx:
            method = await tx.payment_methods.get(payment_method_id)
            customer = await tx.customers.get(method.customer_id) if method else None
        if method is None or customer is None:
            return None
        if method.state is PaymentMethodState.REQUIRES_ACTION:
            return await self._watch(method)
        if method.state is PaymentMethodState.ACTIVE and method.storing is Storing.WITH_CHARGE:
            await self._consider_as_default(method.id)
        if not method.is_unanswered:
            return None
        settled = await self._ask(customer, method, again=True)
        if not settled.is_unanswered:
            return None
        if tries < len(_TRY_AGAIN_SECONDS):
            return Again(_TRY_AGAIN_SECONDS[tries])
        given_up = PaymentMethodResult(outcome=Outcome.FAILED, refusal=Refusal(message="the provider never answered"))
        await self._settle(method.id, given_up, actor="system:resolver", is_of_card=False)
        return None

    async def proceed(self, principal: Principal, payment_method_id: str) -> Attached:
        """After its owner has confirmed it, or refused to: learn what became of it."""
        principal.require(Permission.PAYMENT_METHODS_WRITE)
        async with self._store.reading() as tx:
            method = await tx.payment_methods.get(payment_method_id)
        if method is None or not principal.sees(method.customer_id):
            raise NotFound("payment method", path=("paymentMethodId",))
        if method.state is PaymentMethodState.REQUIRES_ACTION:
            self._teller.require_reachable(method.account, CallKind.LOOK_UPS)
            task = self._detached.spawn(self._look_at(method), name=f"look at {method.id}")
            await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)
        return Attached(customer_id=method.customer_id, payment_method_id=method.id)

    async def _watch(self, method: PaymentMethod) -> Again | None:
        age = self._clock.now() - method.created_at
        later = Again(min(max(_LOOK_AGAIN_SECONDS, age.total_seconds() / 2), _LONGEST_WAIT_SECONDS))
        try:
            looked_at = await self._look_at(method)
        except NothingHeard:
            return later  # however long it is away: its owner may have confirmed it
        if looked_at.state is not PaymentMethodState.REQUIRES_ACTION:
            return None
        if age < self._deployment.action_lifetime:
            return later
        late = PaymentMethodResult(outcome=Outcome.EXPIRED, refusal=Refusal(message="nobody confirmed it in time"))
        await self._settle(method.id, late, actor="system:expiry", is_of_card=False)
        return None

    async def _look_at(self, method: PaymentMethod) -> PaymentMethod:
        ref = method.payment_method_ref
        if ref is None:
            raise LookupError(f"{method.id} waits for its owner and has no reference at {method.account}")
        result = await self._teller.fetch_payment_method(method.account, ref)
        if result.outcome is Outcome.UNKNOWN and not result.gone:
            raise NothingHeard(ref)
        return await self._settle(method.id, result, actor=f"provider:{method.account}")

    async def _consider_as_default(self, payment_method_id: str) -> None:
        async with self._store.transaction() as tx:
            customer, method = await _lock(tx, system("payment methods"), payment_method_id)
            wanted = method.make_default or customer.default_payment_method_id is None
            if method.state is not PaymentMethodState.ACTIVE or not wanted:
                return
            if customer.default_payment_method_id != method.id:
                await self._make_default(tx, customer, method.id, actor="system:payment methods")
            await tx.payment_methods.save(replace(method, make_default=False))

    # --- detach, default --------------------------------------------------------------------------------------------

    async def detach(self, principal: Principal, payment_method_id: str) -> Attached:
        """From the commit on it can never be charged; that the provider forgets it too is seen to afterwards."""
        principal.require(Permission.PAYMENT_METHODS_WRITE)
        async with self._store.transaction() as tx:
            customer, method = await _lock(tx, principal, payment_method_id)
            if method.state is not PaymentMethodState.DETACHED:
                self._teller.require_support(method.account, ProviderAction.DETACH_PAYMENT_METHOD)
                if await tx.charges.live_with_payment_method(method.id):
                    raise PaymentMethodInUse
                await self.detach_in(tx, customer, method, actor=principal.actor)
        if method.state is not PaymentMethodState.DETACHED and method.payment_method_ref is not None:
            task = self._detached.spawn(self._forget_now(method.id), name=f"forget {method.id}")
            await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)
        return Attached(customer_id=method.customer_id, payment_method_id=method.id)

    async def detach_in(self, tx: Transaction, customer: Customer, method: PaymentMethod, *, actor: str) -> None:
        now = self._clock.now()
        await tx.payment_methods.save(method.detached(now=now))
        if method.payment_method_ref is not None:
            await tx.jobs.schedule(
                JobKind.FORGET_PAYMENT_METHOD, method.id, after_seconds=self._deployment.lease_seconds
            )
        if customer.default_payment_method_id == method.id:
            await self._make_default(tx, customer, None, actor=actor)
        await card_events.tell(tx, EventKind.PAYMENT_METHOD_DETACHED, method, actor=actor, now=now)

    async def _forget_now(self, payment_method_id: str) -> None:
        with suppress(NothingHeard):  # then the job does it later
            await self.forget(payment_method_id)

    async def forget(self, payment_method_id: str) -> None:
        """Have the provider forget a detached card; NothingHeard when it did not say that it has."""
        async with self._store.reading() as tx:
            method = await tx.payment_methods.get(payment_method_id)
        if method is None or method.state not in NOT_IN_USE or method.payment_method_ref is None:
            return
        if await self._came_back(method, method.payment_method_ref):
            return
        result = await self._teller.detach(method.account, method.payment_method_ref)
        if result.outcome not in (Outcome.SUCCEEDED, Outcome.FAILED):
            raise NothingHeard(method.id)
        async with self._store.transaction() as tx:
            await tx.jobs.cancel(JobKind.FORGET_PAYMENT_METHOD, method.id)

    async def _came_back(self, method: PaymentMethod, payment_method_ref: str) -> bool:
        """A provider may know a card by one reference however often it is stored: the one in use keeps it alive."""
        async with self._store.transaction() as tx:
            now_there = await tx.payment_methods.find_by_ref(method.account, payment_method_ref)
            if now_there is None or now_there.id == method.id or now_there.state is not PaymentMethodState.ACTIVE:
                return False
            await tx.jobs.cancel(JobKind.FORGET_PAYMENT_METHOD, method.id)
        return True

    async def set_default(self, principal: Principal, payment_method_id: str) -> Attached:
        principal.require(Permission.PAYMENT_METHODS_WRITE)
        async with self._store.transaction() as tx:
            customer, method = await _lock(tx, principal, payment_method_id)
            method.check_usable()
            if customer.default_payment_method_id != method.id:
                await self._make_default(tx, customer, method.id, actor=principal.actor)
        return Attached(customer_id=method.customer_id, payment_method_id=method.id)

    async def _make_default(
        self, tx: Transaction, customer: Customer, payment_method_id: str | None, *, actor: str
    ) -> None:
        now = self._clock.now()
        await tx.customers.save(customer.with_default(payment_method_id, now=now))
        subjects = (customer.id, payment_method_id) if payment_method_id else (customer.id,)
        await tx.events.add(
            new_event(
                EventKind.CUSTOMER_UPDATED,
                *subjects,
                actor=actor,
                livemode=customer.livemode,
                now=now,
                data={"fields": ["default_payment_method"]},
            )
        )
        if payment_method_id is not None:
            await card_changes.retry_with_default(tx, customer.id)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _new(
        self, customer: Customer, token: str, return_url: str | None, *, make_default: bool, now: datetime
    ) -> PaymentMethod:
        return PaymentMethod(
            id=new_id(IdPrefix.PAYMENT_METHOD),
            customer_id=customer.id,
            account=self._providers.default_account,
            token=token,
            return_url=return_url,
            make_default=make_default,
            livemode=customer.livemode,
            created_at=now,
            updated_at=now,
        )

    async def _request(
        self, tx: Transaction, method: PaymentMethod, *, network: str | None, actor: str, now: datetime
    ) -> None:
        await tx.payment_methods.insert(method)
        await tx.jobs.schedule(JobKind.RESOLVE_PAYMENT_METHOD, method.id, after_seconds=self._deployment.lease_seconds)
        await card_events.tell(tx, EventKind.PAYMENT_METHOD_REQUESTED, method, actor=actor, now=now)
        against = of_card(self._deployment.declines, customer_id=method.customer_id, network=network)
        await declines.count(tx, method.id, against, customer_id=method.customer_id, now=now)

    async def _ask_and_wait(self, customer: Customer, method: PaymentMethod) -> None:
        task = self._detached.spawn(self._ask(customer, method), name=method.id)
        # An error in there is logged, and the job of the payment method goes on with it.
        await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)

    async def _ask(self, customer: Customer, method: PaymentMethod, *, again: bool = False) -> PaymentMethod:
        known = await self._accounts.ensure(customer, method.account)
        if known.customer_ref is None:
            result = _without_account(known)
        else:
            request = AttachRequest(
                payment_method_id=method.id,
                customer_ref=known.customer_ref,
                token=method.token or "",
                return_url=method.return_url,
            )
            result = await self._teller.attach(method.account, request)
        if again and result.outcome is Outcome.NOT_SENT:
            # A repeat that never left says nothing of the first request, which may have arrived.
            result = replace(result, outcome=Outcome.UNKNOWN)
        is_of_card = known.customer_ref is not None
        return await self._settle(method.id, result, actor=f"provider:{method.account}", is_of_card=is_of_card)

    async def _settle(
        self, payment_method_id: str, result: PaymentMethodResult, *, actor: str, is_of_card: bool = True
    ) -> PaymentMethod:
        """`is_of_card`: whether the provider has judged the card; only then is a refusal a decline."""
        try:
            return await self._book(payment_method_id, result, actor=actor, is_of_card=is_of_card)
        except UniqueTaken as taken:
            if taken.constraint != "payment_methods_ref":
                raise
            # Providers answer a token that they know already with the card that they made of it. Under its name, so
            # that whoever forgets this one finds the one in use, and leaves it alone.
            twice = Refusal(message="the card is stored already", provider_code="already_attached")
            failed = PaymentMethodResult(
                outcome=Outcome.FAILED, payment_method_ref=result.payment_method_ref, refusal=twice
            )
            return await self._book(payment_method_id, failed, actor=actor, is_of_card=False)

    async def _book(
        self, payment_method_id: str, result: PaymentMethodResult, *, actor: str, is_of_card: bool
    ) -> PaymentMethod:
        async with self._store.transaction() as tx:
            customer, before = await _lock(tx, system("payment methods"), payment_method_id)
            if before.state is PaymentMethodState.DETACHED:
                return await self._book_too_late(tx, before, result, is_of_card=is_of_card)
            if result.gone and before.payment_method_ref is not None:
                await self.detach_in(tx, customer, before, actor=actor)
                return before
            now = self._clock.now()
            after = before.attached(result, now=now)
            if after == before:
                return before
            await tx.payment_methods.save(after)
            if after.state is PaymentMethodState.REQUIRES_ACTION:
                await tx.jobs.schedule(JobKind.RESOLVE_PAYMENT_METHOD, after.id, after_seconds=_LOOK_AGAIN_SECONDS)
            elif after.state is not PaymentMethodState.PENDING:
                await tx.jobs.cancel(JobKind.RESOLVE_PAYMENT_METHOD, after.id)
            if before.payment_method_ref is not None and after.state is PaymentMethodState.FAILED:
                # What its owner may still confirm there, or the provider still decide, is called off.
                await tx.jobs.schedule(JobKind.FORGET_PAYMENT_METHOD, after.id, after_seconds=0)
            if result.outcome is Outcome.NOT_SENT:
                await tx.keys.release(after.id)
            await _tell_declines(tx, after, result, is_of_card=is_of_card)
            if after.state is not before.state:
                await card_events.tell(tx, card_events.STATE_EVENTS[after.state], after, actor=actor, now=now)
            becomes_default = before.make_default or customer.default_payment_method_id is None
            if after.state is PaymentMethodState.ACTIVE and becomes_default:
                await self._make_default(tx, customer, after.id, actor=actor)
            return after

    async def _book_too_late(
        self, tx: Transaction, method: PaymentMethod, result: PaymentMethodResult, *, is_of_card: bool
    ) -> PaymentMethod:
        """It was detached while the provider was still storing it: now there may be something to forget."""
        if not method.is_unanswered or result.outcome is Outcome.UNKNOWN:
            return method
        method = replace(method, token=None, payment_method_ref=result.payment_method_ref)
        await tx.payment_methods.save(method)
        await tx.jobs.cancel(JobKind.RESOLVE_PAYMENT_METHOD, method.id)
        await _tell_declines(tx, method, result, is_of_card=is_of_card)
        if method.payment_method_ref is not None:
            await tx.jobs.schedule(JobKind.FORGET_PAYMENT_METHOD, method.id, after_seconds=0)
        return method

    async def settle_from_webhook(self, account: str, payment_method_ref: str, *, actor: str) -> bool:
        """Fetch the method anew and apply it; False when it is none of ours, NothingHeard when there was no answer."""
        async with self._store.reading() as tx:
            method = await tx.payment_methods.find_by_ref(account, payment_method_ref)
        if method is None:
            return False
        result = await self._teller.fetch_payment_method(account, payment_method_ref)
        if result.outcome is Outcome.UNKNOWN and not result.gone:
            raise NothingHeard(payment_method_ref)
        await self._settle(method.id, result, actor=actor)
        return True


def _without_account(known: CustomerResult) -> PaymentMethodResult:
    """Of a card that was not sent, for the provider does not know its customer, or did not say so."""
    outcome = known.outcome if known.outcome in (Outcome.FAILED, Outcome.NOT_SENT) else Outcome.UNKNOWN
    return PaymentMethodResult(outcome=outcome, refusal=known.refusal)


async def _tell_declines(
    tx: Transaction, method: PaymentMethod, result: PaymentMethodResult, *, is_of_card: bool
) -> None:
    """Whoever could not store a card because the provider was away, or did not come back in time, tried none."""
    if is_of_card and result.outcome in (Outcome.DECLINED, Outcome.FAILED):
        await tx.declines.tell(method.id, DeclineState.DECLINED)
    elif method.state is PaymentMethodState.REQUIRES_ACTION:
        await tx.declines.tell(method.id, DeclineState.TAKEN_ON)
    elif not method.is_unanswered:
        await tx.declines.forget(method.id)


async def _lock(tx: Transaction, principal: Principal, payment_method_id: str) -> tuple[Customer, PaymentMethod]:
    """Customer and method, locked in this order; so the method is read once to learn whose it is."""
    known = await tx.payment_methods.get(payment_method_id)
    if known is None or not principal.sees(known.customer_id):
        raise NotFound("payment method", path=("paymentMethodId",))
    customer = there(await tx.customers.get_for_update(known.customer_id), known.customer_id)
    await clock_of(tx, customer.id)  # who asks is refused while it is advanced
    return customer, there(await tx.payment_methods.get_for_update(known.id), known.id)
