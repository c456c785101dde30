"""What a period of a subscription costs: the row that remembers it, and the lines with which an invoice asks for it.

Whatever begins a period comes here: a subscription that is made, renewed or resumed, a change of its interval, and the
previews of all of them. So the same items in the same period cost the same, whoever asks.

A whole period has the lines of its prices (`Pricing.lines`): so many units at so much. A part of one has one line an
item, with its share of what the whole one would cost; no price of a unit explains that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from domain.errors import CurrencyMismatch, InvalidInput, PriceIntervalMismatch, told_of
from domain.ids import IdPrefix, new_id
from domain.invoices import MOST_LINES, Invoice, InvoiceLine, InvoiceReason, LineKind
from domain.money import Money
from domain.periods import Period
from domain.products import Interval, Price
from domain.proration import ItemPeriod, ProrationLine
from domain.subscriptions import BilledPeriod, Subscription, SubscriptionItem, SubscriptionState


@dataclass(frozen=True, slots=True)
class Plan:
    """A recurring price, and what its product is called now: lines are named so."""

    price: Price
    name: str


Plans = Mapping[str, Plan]
"""By the id of the price."""

MOST_ITEMS = 20
"""Present ones of a subscription, as at Stripe; more kinds of things than that are not agreed upon one by one."""
MOST_PERIODS_AT_ONCE = 120
"""Of a subscription that began before it was made: ten years of months."""
MOST_TIERS_ALTOGETHER = MOST_LINES // 2
"""Of all items: each may be a line, and a renewal has to fit an invoice with all the lines that wait for it."""


def check_items(wanted: Sequence[tuple[str, int]], plans: Plans, *, currency: str, interval: Interval) -> None:
    """Prices and quantities that a subscription of this currency and interval can have together, by their places in the
    input. Whether a price is still offered is asked where somebody chooses it: what is archived goes on."""
    if not 1 <= len(wanted) <= MOST_ITEMS:
        raise InvalidInput(f"A subscription has from 1 to {MOST_ITEMS} items.", path=("items",))
    seen: set[str] = set()
    for place, (price_id, quantity) in enumerate(wanted):
        path, price = ("items", str(place)), plans[price_id].price
        if price_id in seen:
            # Two items of one price would be one line twice, and nobody could say which of them a change is for.
            raise InvalidInput("This price is there already: give it the quantity of both.", path=(*path, "priceId"))
        seen.add(price_id)
        if price.unit_amount.currency != currency:
            raise CurrencyMismatch(expected=currency, actual=price.unit_amount.currency, path=(*path, "priceId"))
        if price.interval is None or not price.interval.is_as_long_as(interval):
            raise PriceIntervalMismatch(path=(*path, "priceId"))
        with told_of(*path):
            price.pricing.amount(quantity)
    if sum(len(plans[price_id].price.pricing.tiers) for price_id, _ in wanted) > MOST_TIERS_ALTOGETHER:
        raise InvalidInput(
            f"The prices of a subscription have {MOST_TIERS_ALTOGETHER} tiers at most, altogether.", path=("items",)
        )


def next_period(subscription: Subscription) -> Period:
    """The one that was not made yet."""
    before = subscription.period
    # Another interval that begins where a period ends counts from there.
    if before is None or before.end <= subscription.periods_from:
        return subscription.schedule.first()
    return subscription.schedule.following(before)


def period_billed(
    subscription: Subscription, period: Period, plans: Plans
) -> tuple[BilledPeriod, tuple[InvoiceLine, ...]]:
    """The row and the lines of one period of all items that are present; `plans` has the prices of these at least.

    AmountNotRepresentable for an item that comes to more than an amount can be.
    """
    billed = period_unbilled(subscription, period)
    lines: list[InvoiceLine] = []
    for item in subscription.present_items:
        plan = plans[item.price_id]
        whole = plan.price.pricing.amount(item.quantity)
        begun = ItemPeriod.begun(period, whole)
        billed = billed.with_item(item.id, begun)
        if period.is_whole:
            lines += _whole_lines(item, plan, period)
        else:
            lines.append(_part(LineKind.PERIOD, item, plan, begun.billed, period.start, period.end))
    return billed, tuple(lines)


def period_unbilled(subscription: Subscription, period: Period) -> BilledPeriod:
    """As of one that is paused: there is no gap, and nothing to pay."""
    return BilledPeriod(subscription_id=subscription.id, period=period, rates={}, currency=subscription.currency)


def proration_lines(
    item: SubscriptionItem, plans: Plans, lines: Iterable[ProrationLine], *, before: SubscriptionItem | None = None
) -> Iterator[InvoiceLine]:
    """Lines of `prorated` as an invoice has them: the credit names what the item was `before`, the charge what it is
    now. Without `before` it was the same."""
    for line in lines:
        kind, of = (LineKind.CREDIT, before or item) if line.is_credit else (LineKind.CHARGE, item)
        yield _part(kind, of, plans[of.price_id], line.amount, line.start, line.end)


def draft_of(
    subscription: Subscription,
    reason: InvoiceReason,
    lines: tuple[InvoiceLine, ...],
    *,
    period_start: datetime | None,
    now: datetime,
) -> Invoice:
    """A draft of an invoice of this subscription; `period_start` as `Invoice` has it."""
    nothing = Money.zero(subscription.currency)
    draft = Invoice(
        id=new_id(IdPrefix.INVOICE),
        issuer_id=subscription.issuer_id,
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        period_start=period_start,
        reason=reason,
        currency=subscription.currency,
        due=nothing,
        balance_applied=nothing,
        livemode=subscription.livemode,
        created_at=now,
        updated_at=now,
    )
    return draft.with_lines(lines, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A subscription as it stands when it begins, or goes on from what was due, and what is written down with it."""

    subscription: Subscription
    """ACTIVE where it has an invoice: whether that has to be paid first is for whoever opens it to say."""
    periods: tuple[BilledPeriod, ...] = ()
    invoice: Invoice | None = None
    """A draft; None where nothing is to be paid yet."""


def begun(subscription: Subscription, plans: Plans, *, now: datetime) -> Begun:
    """One that has no period yet, at this moment of its customer: it waits for its start, or for the end of its trial,
    or all periods that have begun are billed with one invoice.

    InvalidInput for more of these than an invoice can ask for: it began too long ago.
    """
    if subscription.starts_at > now:
        return Begun(subscription=replace(subscription, state=SubscriptionState.SCHEDULED))
    if subscription.trial_ends_at is not None and subscription.trial_ends_at > now:
        return Begun(subscription=replace(subscription, state=SubscriptionState.TRIALING))
    rows: list[BilledPeriod] = []
    lines: list[InvoiceLine] = []
    for period in islice(subscription.schedule.begun_by(now), MOST_PERIODS_AT_ONCE + 1):
        row, of_it = period_billed(subscription, period, plans)
        rows.append(row)
        lines += of_it
    if len(rows) > MOST_PERIODS_AT_ONCE or len(lines) > MOST_LINES:
        raise InvalidInput("It begins too early: its periods until now do not fit one invoice.", path=("startsAt",))
    subscription = replace(subscription, state=SubscriptionState.ACTIVE, period=rows[-1].period)
    reason = InvoiceReason.CREATE if rows[0].period.covers(now) else InvoiceReason.CATCH_UP
    draft = draft_of(subscription, reason, tuple(lines), period_start=rows[0].period.start, now=now)
    return Begun(subscription=subscription, periods=tuple(rows), invoice=draft)


def _whole_lines(item: SubscriptionItem, plan: Plan, period: Period) -> Iterator[InvoiceLine]:
    for priced in plan.price.pricing.lines(item.quantity):
        yield InvoiceLine(
            id=new_id(IdPrefix.INVOICE_LINE),
            kind=LineKind.PERIOD,
            item_id=item.id,
            price_id=item.price_id,
            name=plan.name,
            quantity=priced.quantity,
            unit_amount=priced.unit_amount,
            flat_amount=priced.flat_amount,
            amount=priced.amount,
            period_start=period.start,
            period_end=period.end,
        )


def _part(
    kind: LineKind, item: SubscriptionItem, plan: Plan, amount: Money, start: datetime, end: datetime
) -> InvoiceLine:
    return InvoiceLine(
        id=new_id(IdPrefix.INVOICE_LINE),
        kind=kind,
        item_id=item.id,
        price_id=item.price_id,
        name=plan.name,
        quantity=item.quantity,
        amount=amount,
        period_start=start,
        period_end=end,
    )
