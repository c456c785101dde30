"""A card that a charge brought: what becomes of the charge says whether it is stored."""

from datetime import datetime

from domain.charges import Charge, ChargeState
from domain.decline_limits import DeclineLimits, of_payment_method
from domain.jobs import JobKind
from domain.payment_methods import NOT_IN_USE, PaymentMethod, PaymentMethodState, Storing
from domain.provider import PaymentMethodResult
from domain.services import card_events, declines
from domain.services.locking import there
from domain.store import Transaction

_TAKEN = (ChargeState.SUCCEEDED, ChargeState.AUTHORIZED)


async def settle(
    tx: Transaction,
    charge: Charge,
    told: PaymentMethodResult | None,
    *,
    limits: DeclineLimits,
    actor: str,
    now: datetime,
) -> None:
    """Apply to the card what became of a locked charge, whose state has just changed.

    Nobody but the charge knows the card yet, so it is locked after it, against the usual order.
    """
    known = await tx.payment_methods.get(charge.payment_method_id)
    if known is None or known.storing is Storing.BY_ITSELF:
        return
    before = there(await tx.payment_methods.get_for_update(known.id), known.id)
    after = await _after(tx, charge, before, told, now=now)
    if after == before:
        return
    await tx.payment_methods.save(after)
    if charge.state is ChargeState.DECLINED and after.card_fingerprint is not None:
        # Before it was declined nobody knew which card it was to count against.
        against = of_payment_method(limits, after)
        await declines.count_in_hindsight(tx, charge.id, against, customer_id=charge.customer_id, now=now)
    if after.state is PaymentMethodState.ACTIVE:
        # Whether it becomes the default is up to the customer's row, which nobody locks after an order's.
        await tx.jobs.schedule(JobKind.RESOLVE_PAYMENT_METHOD, after.id, after_seconds=0)
    elif after.payment_method_ref != before.payment_method_ref:
        await tx.jobs.schedule(JobKind.FORGET_PAYMENT_METHOD, after.id, after_seconds=0)
    if after.state is not before.state:
        await card_events.tell(tx, card_events.STATE_EVENTS[after.state], after, actor=actor, now=now)


async def _after(
    tx: Transaction, charge: Charge, method: PaymentMethod, told: PaymentMethodResult | None, *, now: datetime
) -> PaymentMethod:
    if charge.state in _TAKEN:
        if method.state is PaymentMethodState.DETACHED or await _is_erased(tx, method):
            return method.charged_too_late(told, now=now)
        charged = method.charged(told, now=now)
        if charged.payment_method_ref is not None and charged.state is PaymentMethodState.ACTIVE:
            other = await tx.payment_methods.find_by_ref(charged.account, charged.payment_method_ref)
            if other is not None and other.id != method.id and other.state not in NOT_IN_USE:
                # It was stored before; a provider knows one card by one reference, and the row in use keeps it.
                return method.not_charged(None, "the card is stored already", told=told, now=now)
        return charged
    if charge.has_ended_unpaid:
        return method.not_charged(charge.decline_code, charge.provider_message, told=told, now=now)
    return method


async def _is_erased(tx: Transaction, method: PaymentMethod) -> bool:
    """Under the order's lock, which an erasure takes too."""
    return there(await tx.customers.get(method.customer_id), method.customer_id).redacted_at is not None
