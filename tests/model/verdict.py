"""What the gateway has written down, held against the diary of what was used."""

from collections import Counter
from datetime import datetime

from adapters.fake import Bank
from domain.balances import BalanceReason
from domain.invoices import InvoiceLine, InvoiceState
from domain.subscriptions import CancelReason, Subscription, SubscriptionState
from tests.model.calendar import Span
from tests.model.diary import Diary
from tests.services.shop import Shop

_ISSUED = (InvoiceState.OPEN, InvoiceState.PAID, InvoiceState.UNCOLLECTIBLE)


async def check_billed(
    shop: Shop, subscription_id: str, diary: Diary, now: datetime, *, without: str | None = None
) -> None:
    """All that was due until now is done. `without` is the invoice of a change that waits to be paid, which is for
    nothing yet."""
    async with shop.store.reading() as tx:
        subscription = await tx.subscriptions.get(subscription_id)
        assert subscription is not None
        made = [
            Span(billed.period.start, billed.period.end, billed.period.whole_start)
            for billed in await tx.subscriptions.periods(subscription_id)
        ]
    _hear_of_money(subscription, diary, made)
    if subscription.state is SubscriptionState.INCOMPLETE:
        # Nothing follows what its first invoice is for before that is paid.
        now = first_asked_at(subscription, diary)
    else:
        now = max(now, diary.latest)
    begun = diary.usage.periods(now)
    assert made == begun, f"the periods of {subscription_id} are {_times(made)}, and not {_times(begun)}"
    asked = await _asked(shop, subscription, without)
    used: Counter[str] = Counter()
    for (_, item), cost in diary.usage.billed_by_item(now).items():
        used[item] += cost
    differs = {item: (asked[item], used[item]) for item in asked.keys() | used.keys() if asked[item] != used[item]}
    assert not differs, (
        f"{subscription_id}, which is {subscription.state}, asked for what was used otherwise: {differs}"
    )


def first_asked_at(subscription: Subscription, diary: Diary) -> datetime:
    """When its first invoice was made: of one that began before it was made, for all that it had until then."""
    return max(diary.begins, subscription.created_at)


def _times(spans: list[Span]) -> list[str]:
    return [f"{span.start.isoformat()} to {span.end.isoformat()}" for span in spans]


def _hear_of_money(subscription: Subscription, diary: Diary, made: list[Span]) -> None:
    """A diary does not know who has paid. It is told of what ended because somebody has not."""
    if subscription.state is SubscriptionState.EXPIRED and diary.usage.ends is None:
        diary.never_began(first_asked_at(subscription, diary))
    is_unpaid = subscription.state is SubscriptionState.CANCELED and subscription.cancel_reason in (
        CancelReason.NOT_PAID,
        CancelReason.NO_CARD,
    )
    if is_unpaid and diary.usage.ends is None:
        diary.over(made[-1].end if made else diary.begins, with_credit=True)
        diary.usage.is_late = False


async def _asked(shop: Shop, subscription: Subscription, without: str | None) -> Counter[str]:
    """Item → all lines of its invoices and those that wait for one, less what was credited of them, in minor units.
    Invoices that were called off ask for nothing."""
    rows = await shop.rows("SELECT id, state FROM invoices WHERE subscription_id = $1", subscription.id)
    lines: list[InvoiceLine] = []
    credited: list[InvoiceLine] = []
    async with shop.store.reading() as tx:
        for row in rows:
            if row["state"] != InvoiceState.VOID and row["id"] != without:
                invoice = await tx.invoices.get(row["id"])
                assert invoice is not None
                lines += invoice.lines
                credited += [line for note in await tx.invoices.credit_notes(invoice.id) for line in note.lines]
        waiting = await tx.invoices.waiting_lines(
            subscription.customer_id, subscription.currency, subscription_id=subscription.id
        )
    assert not (waiting and subscription.is_ended), f"nobody will ever ask for {waiting}"
    asked: Counter[str] = Counter()
    for line in [*lines, *(each.line for each in waiting)]:
        if line.item_id is not None:  # what somebody has added by hand is no usage
            asked[line.item_id] += line.amount.minor_units
    for line in credited:
        if line.item_id is not None:
            asked[line.item_id] -= line.amount.minor_units
    return asked


async def check_money(shop: Shop, bank: Bank) -> None:
    """All that invoices say was paid, is still asked for, or stands in the balance; and the bank has what was paid."""
    invoices = await shop.rows("SELECT id, state, total, due FROM invoices")
    issued = {row["id"]: row for row in invoices if row["state"] in _ISSUED}
    notes = [note for note in await shop.rows("SELECT * FROM credit_notes") if note["invoice_id"] in issued]
    balance = sum(row["amount"] for row in await shop.rows("SELECT amount FROM customer_balances"))
    moved = await shop.rows("SELECT reason, amount FROM customer_balance_entries")
    granted = sum(row["amount"] for row in moved if row["reason"] == BalanceReason.GRANTED)
    asked = sum(row["total"] for row in issued.values()) - sum(note["amount"] for note in notes)
    due = sum(row["due"] for row in issued.values())
    stands = f"{asked} was asked for, {due} is due, {balance} in the balance, and {granted} was given to it"
    assert asked == due - balance + granted, stands
    paid = sum(row["due"] for row in issued.values() if row["state"] == InvoiceState.PAID)
    taken = sum(charge.captured for charge in bank.truth().charges)
    assert paid == taken, f"{paid} was due of what is paid, and the bank has taken {taken}"


async def check_numbers(shop: Shop) -> None:
    for table in ("invoices", "credit_notes"):
        rows = await shop.rows(f"SELECT sequence FROM {table} WHERE sequence IS NOT NULL ORDER BY sequence")
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1)), table
