"""Webhooks in: store and answer now, fetch and apply later; and once more, when a person says so."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from domain.clock import Clock
from domain.deployment import Providers
from domain.errors import NotFound, WebhookNotReplayable
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.jobs import Again, JobKind
from domain.principals import Permission, Principal
from domain.provider import Outcome, WebhookSubject
from domain.services.dispute_settlement import DisputeSettlement
from domain.services.keyed import claim
from domain.services.locking import there
from domain.services.payment_methods import PaymentMethodService
from domain.services.settlement import Settlement
from domain.services.teller import NothingHeard, Teller
from domain.store import Store, Transaction
from domain.webhooks import DeliveryState, WebhookDelivery, redacted

_log = logging.getLogger("paydesk.webhooks")

_UNKNOWN_OBJECT_SECONDS = (2, 5, 15, 60, 300, 1800)
"""A webhook may overtake the commit of the answer that it tells of, which takes seconds; half an hour covers a worker
that was down. What is still unknown then was made by somebody else on the same account."""


class UnknownAccount(Exception):
    """No such account in this deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDelivery:
    delivery_id: str
    request: KeyedRequest | None = None


class WebhookService:
    def __init__(
        self,
        *,
        store: Store,
        providers: Providers,
        teller: Teller,
        settlement: Settlement,
        disputes: DisputeSettlement,
        payment_methods: PaymentMethodService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._providers = providers
        self._teller = teller
        self._settlement = settlement
        self._disputes = disputes
        self._payment_methods = payment_methods
        self._clock = clock

    async def receive(self, account: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Verify and store a delivery, whose job is then due; False when this event was stored before.

        Raises UnknownAccount, and WebhookRejected for what did not come from the provider. When the row could not be
        committed the store's error goes through: the provider must not be told that all is well.
        """
        provider = self._providers.get(account)
        if provider is None:
            raise UnknownAccount(account)
        event = provider.verify_webhook(headers, body)
        delivery = WebhookDelivery(
            id=new_id(IdPrefix.WEBHOOK_DELIVERY),
            account=account,
            event_key=event.key,
            kind=event.kind,
            subject=event.subject,
            subject_ref=event.subject_ref,
            operation_id=event.operation_id,
            livemode=event.livemode,
            payload=redacted(event.payload),
            occurred_at=event.occurred_at,
            received_at=self._clock.now(),
        )
        async with self._store.transaction() as tx:
            if await _concerns_redacted(tx, delivery):
                delivery = delivery.emptied()
            if not await tx.webhooks.insert_if_new(delivery):
                return False
            await tx.jobs.schedule(JobKind.APPLY_WEBHOOK, delivery.id, after_seconds=0)
        return True

    def challenge(self, account: str, query: Mapping[str, str]) -> str | None:
        """What the provider wants to read before it sends webhooks here; None where it asks nothing.

        Raises UnknownAccount, and WebhookRejected for what no provider asks.
        """
        provider = self._providers.get(account)
        if provider is None:
            raise UnknownAccount(account)
        return provider.webhook_challenge(query)

    async def apply(self, delivery_id: str, *, tries: int) -> Again | None:
        async with self._store.reading() as tx:
            delivery = await tx.webhooks.get(delivery_id)
        if delivery is None or delivery.state is not DeliveryState.STORED:
            return None
        state = await self._state_after(delivery, tries=tries)
        if isinstance(state, Again):
            return state
        async with self._store.transaction() as tx:
            current = await tx.webhooks.get_for_update(delivery.id)
            if current is not None and current.state is DeliveryState.STORED:
                ended = current.ended(state, now=self._clock.now())
                if await _concerns_redacted(tx, ended):
                    ended = ended.emptied()
                await tx.webhooks.save(ended)
        if state is DeliveryState.PARKED:
            _log.warning(
                "webhook %s of %s is parked: %s %s is %s",
                delivery.id,
                delivery.account,
                delivery.kind,
                delivery.subject_ref,
                "none of ours" if self._is_of_our_mode(delivery) else "of the other mode",
            )
        return None

    async def replay(self, principal: Principal, command: ReplayDelivery) -> str:
        """Have it applied again by its job, at once; its id. Safe at any time: the object is fetched anew.

        Raises WebhookNotReplayable where there is nothing to apply, and AccountNotConfigured.
        """
        principal.require(Permission.UPKEEP_WRITE)
        now = self._clock.now()
        async with self._store.transaction() as tx:
            if await claim(tx, command.request, command.delivery_id, now=now):
                return command.delivery_id
            delivery = await tx.webhooks.get_for_update(command.delivery_id)
            if delivery is None:
                raise NotFound("webhook delivery", path=("webhookDeliveryId",))
            if not delivery.is_followed:
                raise WebhookNotReplayable("It is about something that the gateway does not follow.")
            self._providers.require(delivery.account)
            if await _concerns_redacted(tx, delivery):
                raise WebhookNotReplayable("It is about a customer whose data was erased.")
            await tx.webhooks.save(delivery.replayed(now=now))
            await tx.jobs.schedule(JobKind.APPLY_WEBHOOK, delivery.id, after_seconds=0)
        return delivery.id

    async def _state_after(self, delivery: WebhookDelivery, *, tries: int) -> DeliveryState | Again:
        if delivery.subject is WebhookSubject.OTHER or delivery.subject_ref is None:
            return DeliveryState.IGNORED
        if not self._is_of_our_mode(delivery):
            return DeliveryState.PARKED
        applied = await self._apply(delivery, delivery.subject_ref)
        if applied:
            return DeliveryState.APPLIED
        if tries <= len(_UNKNOWN_OBJECT_SECONDS):
            return Again(_UNKNOWN_OBJECT_SECONDS[tries - 1])
        # Every card that is stored comes with confirmations and names by which nobody here knows it, and no money hangs
        # on them: they are no reason to call somebody.
        is_card = delivery.subject is WebhookSubject.PAYMENT_METHOD
        return DeliveryState.IGNORED if is_card else DeliveryState.PARKED

    def _is_of_our_mode(self, delivery: WebhookDelivery) -> bool:
        return delivery.livemode is self._teller.provider(delivery.account).livemode

    async def _apply(self, delivery: WebhookDelivery, ref: str) -> bool:
        """True when it was applied, False when the object is none of ours (yet)."""
        actor = f"webhook:{delivery.id}"
        match delivery.subject:
            case WebhookSubject.CHARGE:
                return await self._apply_charge(delivery, ref, actor=actor)
            case WebhookSubject.REFUND:
                return await self._apply_refund(delivery, ref, actor=actor)
            case WebhookSubject.PAYMENT_METHOD:
                return await self._payment_methods.settle_from_webhook(delivery.account, ref, actor=actor)
            case WebhookSubject.DISPUTE:
                return await self._disputes.look(delivery.account, ref, actor=actor)
            case WebhookSubject.OTHER:
                raise AssertionError("was ignored before")

    async def _apply_charge(self, delivery: WebhookDelivery, ref: str, *, actor: str) -> bool:
        async with self._store.reading() as tx:
            charge = await tx.charges.find_by_ref(delivery.account, ref)
            charge_id = charge.id if charge else None
            if charge_id is None and delivery.operation_id:
                operation = await tx.operations.get(delivery.operation_id)
                # Only of the same account: an id in somebody else's payload must not reach ours.
                is_ours = operation is not None and operation.account == delivery.account
                if operation and is_ours and operation.is_of_the_charge and not operation.asked_for_the_customer:
                    made = there(await tx.charges.get(operation.charge_id), operation.charge_id)
                    # Nor the id that somebody copied from ours to another charge: reconciliation tells of that one.
                    charge_id = made.id if made.charge_ref is None else None
        if charge_id is None:
            return False
        result = await self._teller.fetch_charge(delivery.account, ref)
        if result.outcome is Outcome.UNKNOWN:
            raise NothingHeard(ref)
        async with self._store.transaction() as tx:
            await self._settlement.settle_charge(tx, charge_id, result, actor=actor)
        return True

    async def _apply_refund(self, delivery: WebhookDelivery, ref: str, *, actor: str) -> bool:
        result = await self._teller.fetch_refund(delivery.account, ref)
        if result.outcome is Outcome.UNKNOWN:
            raise NothingHeard(ref)
        operation_id = result.operation_id or delivery.operation_id
        async with self._store.transaction() as tx:
            known = await tx.refunds.find_by_ref(delivery.account, ref)
            # Not every refund that we know shows an operation of ours.
            operation = await tx.operations.maker_of_refund(known.id) if known else None
            if operation is None and operation_id:
                operation = await tx.operations.get(operation_id)
            if operation is None or operation.refund_id is None or operation.account != delivery.account:
                return False
            await self._settlement.settle_refund(
                tx, operation.refund_id, result, operation_id=operation.id, is_picture=True, actor=actor
            )
        return True


async def _concerns_redacted(tx: Transaction, delivery: WebhookDelivery) -> bool:
    ref = delivery.subject_ref
    return ref is not None and await tx.erasure.concerns_redacted(delivery.account, ref)
