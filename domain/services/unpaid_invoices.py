"""What follows when a charge of an invoice has not paid it: the counterpart of `paid_invoices`.

What the customer does while they are there is theirs to repeat: it begins the dunning of a subscription that is not
paid, and changes nothing of one under way. An invoice of no subscription waits for whoever pays it.
"""

from datetime import datetime

from domain.charges import Charge, ChargeState, FailureCode
from domain.clock import whole_seconds
from domain.declines import DeclineCode
from domain.invoices import Invoice, InvoiceState
from domain.services import dunning
from domain.services.business_time import now_of
from domain.services.keeping import keep
from domain.services.locking import there
from domain.store import Transaction
from domain.subscriptions import Subscription

_NOBODY_ASKED = (FailureCode.PROVIDER_UNAVAILABLE, FailureCode.NOT_APPLIED)
_ENDED_UNPAID = (ChargeState.DECLINED, ChargeState.FAILED, ChargeState.EXPIRED, ChargeState.VOIDED)


async def settle(tx: Transaction, invoice: Invoice, charge: Charge, *, actor: str, now: datetime) -> None:
    """Apply what has become of a locked charge, whose state has just changed, to its locked invoice; the subscription
    of that is locked too. `now` is real time."""
    if invoice.subscription_id is None or invoice.state is not InvoiceState.OPEN:
        return
    off_session = not charge.initiator.on_session
    waits_for_customer = charge.state is ChargeState.REQUIRES_ACTION and off_session
    if charge.state not in _ENDED_UNPAID and not waits_for_customer:
        return
    subscription = there(await tx.subscriptions.get_for_update(invoice.subscription_id), invoice.subscription_id)
    if subscription.is_update(invoice.id):
        return
    told = whole_seconds(now)
    now = await now_of(tx, invoice.customer_id, now=told)
    goes_by_itself = off_session or (subscription.may_be_past_due and subscription.dunning is None)
    if charge.state is ChargeState.FAILED and charge.failure_code in _NOBODY_ASKED and goes_by_itself:
        await dunning.put_off(tx, invoice, now=now, told=told)
        after = subscription
    elif goes_by_itself:
        after = await dunning.go_on(
            tx, subscription, invoice, _code_of(charge), tried=True, actor=actor, now=now, told=told
        )
    else:
        after = await _as_before(tx, subscription, invoice, now=now)
    # Even where nothing has changed: its dunning, or its expiry, may have waited for this charge.
    await keep(tx, after, now=told)


def _code_of(charge: Charge) -> DeclineCode:
    if charge.state is ChargeState.DECLINED:
        return charge.decline_code or DeclineCode.GENERIC_DECLINE
    if charge.state is ChargeState.FAILED:
        # The provider did not take the request: as if the bank had not been able to process it.
        return DeclineCode.PROCESSING_ERROR
    # It waits for the customer, or they have not come: without them it goes no better.
    return DeclineCode.AUTHENTICATION_REQUIRED


async def _as_before(tx: Transaction, subscription: Subscription, invoice: Invoice, *, now: datetime) -> Subscription:
    """The schedule of its dunning holds, as if the customer had not tried."""
    if subscription.dunning is not None:
        tried_at = subscription.last_tried_at or subscription.dunning.since
        await dunning.try_at(tx, invoice, subscription.dunning.next_try(last_tried_at=tried_at), now=now)
    return subscription
