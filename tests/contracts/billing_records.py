"""Subscriptions and invoices with every field filled in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.customers import Address, Customer
from domain.declines import DeclineCode
from domain.dunning import AfterDunning, Dunning, DunningPolicy
from domain.ids import IdPrefix, new_id
from domain.invoices import CreditNote, CreditReduces, Invoice, InvoiceLine, InvoiceReason, InvoiceState, LineKind
from domain.issuers import DEFAULT_ISSUER_ID, Issuer, Number, Party, TrialEnd
from domain.periods import AnchorDay, Period
from domain.products import Interval, IntervalUnit, Price
from domain.proration import Rate
from domain.subscriptions import (
    BilledPeriod,
    CancelReason,
    Pause,
    PauseBehavior,
    PendingChange,
    PendingUpdate,
    Subscription,
    SubscriptionItem,
    SubscriptionState,
    WantedItem,
)
from domain.test_clocks import ClockState, TestClock
from tests.contracts.records import LATER, NOW, usd

POLICY = DunningPolicy(
    retries_after=(timedelta(hours=1), timedelta(days=2)), ends_after=timedelta(days=5), then=AfterDunning.UNPAID
)
PERIOD = Period(
    number=0,
    start=datetime(2026, 3, 10, 9, tzinfo=UTC),
    end=datetime(2026, 3, 31, 22, tzinfo=UTC),
    whole_start=datetime(2026, 2, 28, 23, tzinfo=UTC),
)


def a_test_clock() -> TestClock:
    return TestClock(
        id=new_id(IdPrefix.TEST_CLOCK),
        name="A year of Ada's",
        now=LATER,
        state=ClockState.FAILED,
        target=LATER + timedelta(days=300),
        failure="chg_1 has no end",
        created_at=NOW,
        updated_at=LATER,
    )


def an_issuer() -> Issuer:
    return Issuer(
        id=new_id(IdPrefix.ISSUER),
        name="Tea & Sons",
        address=Address(line1="1 Quay", city="Hull", country="GB"),
        tax_id="GB123",
        footer="Thank you.",
        invoice_prefix="2026/",
        credit_note_prefix="C",
        next_invoice_number=2**40,
        next_credit_note_number=7,
        time_zone="Europe/London",
        dunning=POLICY,
        on_trial_end_without_card=TrialEnd.PAST_DUE,
        created_at=NOW,
        updated_at=LATER,
    )


def a_subscription(
    customer: Customer, price: Price, *, state: SubscriptionState = SubscriptionState.PAST_DUE
) -> Subscription:
    kept, gone = (
        SubscriptionItem(id=new_id(IdPrefix.SUBSCRIPTION_ITEM), price_id=price.id, quantity=n) for n in (3, 1)
    )
    wanted = (WantedItem(item_id=kept.id, price_id=price.id, quantity=9),)
    return Subscription(
        id=new_id(IdPrefix.SUBSCRIPTION),
        customer_id=customer.id,
        issuer_id=DEFAULT_ISSUER_ID,
        state=state,
        currency="USD",
        interval=Interval(IntervalUnit.MONTH, 3),
        time_zone="Europe/Berlin",
        anchor_day=AnchorDay(1, month=1),
        starts_at=NOW,
        trial_ends_at=LATER,
        periods_from=LATER,
        period=PERIOD,
        items=(kept, SubscriptionItem(id=gone.id, price_id=price.id, quantity=1, removed_at=LATER)),
        cancel_at=PERIOD.end,
        cancel_reason=CancelReason.REQUESTED,
        pause=Pause(behavior=PauseBehavior.PERIOD_END, since=PERIOD.end, until=PERIOD.end + timedelta(days=9)),
        pending_change=PendingChange(items=wanted, at=PERIOD.end, by_hand=True),
        pending_update=PendingUpdate(items=wanted, at=NOW, invoice_id="inv_1", expires_at=PERIOD.end),
        dunning=Dunning(policy=POLICY, since=LATER, code=DeclineCode.INSUFFICIENT_FUNDS),
        last_tried_at=LATER,
        incomplete_expires_at=LATER,
        metadata={"team": "blue"},
        livemode=True,
        created_at=NOW,
        updated_at=LATER,
    )


def a_billed_period(subscription: Subscription, *, invoice_id: str | None = None) -> BilledPeriod:
    rates = (Rate(PERIOD.start, usd(60_00)), Rate(PERIOD.start + timedelta(days=2, microseconds=1), usd(180_00)))
    return BilledPeriod(
        subscription_id=subscription.id,
        period=PERIOD,
        rates={subscription.items[0].id: rates, subscription.items[1].id: rates[:1]},
        currency="USD",
        invoice_id=invoice_id,
    )


def an_invoice_line(amount: int = 20_00, *, kind: LineKind = LineKind.ONE_OFF) -> InvoiceLine:
    return InvoiceLine(
        id=new_id(IdPrefix.INVOICE_LINE),
        kind=kind,
        name="Set-up 𝔸",
        quantity=2,
        unit_amount=usd(amount // 2),
        flat_amount=usd(0),
        amount=usd(amount),
        period_start=PERIOD.start,
        period_end=PERIOD.end,
    )


def a_draft(customer: Customer, *lines: InvoiceLine, subscription: Subscription | None = None) -> Invoice:
    return Invoice(
        id=new_id(IdPrefix.INVOICE),
        issuer_id=DEFAULT_ISSUER_ID,
        customer_id=customer.id,
        subscription_id=subscription.id if subscription else None,
        period_start=PERIOD.start if subscription else None,
        reason=InvoiceReason.PERIOD if subscription else InvoiceReason.ONE_OFF,
        currency="USD",
        lines=lines,
        due=usd(0),
        balance_applied=usd(0),
        livemode=True,
        created_at=NOW,
        updated_at=NOW,
    )


def an_open_invoice(
    customer: Customer, *lines: InvoiceLine, sequence: int = 1, subscription: Subscription | None = None
) -> Invoice:
    """Of its total nothing was paid by the balance."""
    draft = a_draft(customer, *lines, subscription=subscription)
    return replace(
        draft,
        state=InvoiceState.OPEN,
        number=Number(sequence, f"INV-{sequence:06}"),
        due=draft.total,
        issued_by=Party(name="Tea & Sons", tax_id="GB123"),
        issued_to=Party(
            name="Ada Lovelace", email="ada@example.org", address=Address(line1="1 Rd", city="Ely", country="GB")
        ),
        due_at=LATER,
        next_try_at=LATER,
        opened_at=NOW,
        metadata={"cart": "7"},
    )


def a_credit_note(invoice: Invoice, *, sequence: int = 1) -> CreditNote:
    return CreditNote(
        id=new_id(IdPrefix.CREDIT_NOTE),
        invoice_id=invoice.id,
        issuer_id=invoice.issuer_id,
        customer_id=invoice.customer_id,
        number=Number(sequence, f"CRN-{sequence:06}"),
        cause=f"credit-{sequence}",
        lines=(an_invoice_line(5_00, kind=LineKind.CREDIT),),
        amount=usd(5_00),
        reduces=CreditReduces.DUE,
        livemode=True,
        created_at=NOW,
    )
