"""Rows and the entities that they stand for: subscriptions, invoices and what belongs to them. As `mapping` otherwise.

Moments inside JSON are written as SQLite's columns have them, and amounts there are in the currency of their row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from domain.balances import BalanceEntry, BalanceReason
from domain.declines import DeclineCode
from domain.dunning import AfterDunning, Dunning, DunningPolicy
from domain.invoices import (
    CreditNote,
    CreditReduces,
    Invoice,
    InvoiceLine,
    InvoiceReason,
    InvoiceState,
    LineKind,
    PendingLine,
)
from domain.issuers import Issuer, Number, Party, TrialEnd
from domain.money import Money
from domain.periods import AnchorDay, Period
from domain.products import Interval, IntervalUnit
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
from persistence.columns import Columns, Row, address_from, document, money, optional, optional_money, same_currency
from persistence.sql import boolean, format_instant, instant, optional_instant

# --- subscriptions ----------------------------------------------------------------------------------------------------


def subscription_from_row(row: Row, item_rows: Iterable[Row]) -> Subscription:
    """`item_rows` in the order of their `position`."""
    return Subscription(
        id=row["id"],
        customer_id=row["customer_id"],
        issuer_id=row["issuer_id"],
        state=SubscriptionState(row["state"]),
        currency=row["currency"],
        interval=Interval(IntervalUnit(row["interval_unit"]), row["interval_count"]),
        time_zone=row["time_zone"],
        anchor_day=optional(lambda day: AnchorDay(day, row["anchor_month"]), row["anchor_day"]),
        starts_at=instant(row["starts_at"]),
        trial_ends_at=optional_instant(row["trial_ends_at"]),
        periods_from=instant(row["periods_from"]),
        period=_present_period(row),
        items=tuple(subscription_item_from_row(item) for item in item_rows),
        payment_method_id=row["payment_method_id"],
        cancel_at=optional_instant(row["cancel_at"]),
        cancel_reason=optional(CancelReason, row["cancel_reason"]),
        pause=_pause(row),
        pending_change=optional(_pending_change_from, row["pending_change"]),
        pending_update=optional(_pending_update_from, row["pending_update"]),
        dunning=optional(_dunning_from, row["dunning"]),
        last_tried_at=optional_instant(row["last_tried_at"]),
        incomplete_expires_at=optional_instant(row["incomplete_expires_at"]),
        ended_at=optional_instant(row["ended_at"]),
        metadata=document(row["metadata"]),
        version=row["version"],
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def subscription_to_row(subscription: Subscription) -> Columns:
    period, pause, anchor = subscription.period, subscription.pause, subscription.anchor_day
    return {
        "id": subscription.id,
        "customer_id": subscription.customer_id,
        "issuer_id": subscription.issuer_id,
        "state": subscription.state,
        "currency": subscription.currency,
        "interval_unit": subscription.interval.unit,
        "interval_count": subscription.interval.count,
        "time_zone": subscription.time_zone,
        "anchor_day": anchor and anchor.day,
        "anchor_month": anchor and anchor.month,
        "starts_at": subscription.starts_at,
        "trial_ends_at": subscription.trial_ends_at,
        "periods_from": subscription.periods_from,
        "period_number": None if period is None else period.number,
        "period_starts_at": period and period.start,
        "period_ends_at": period and period.end,
        "period_whole_starts_at": period and period.whole_start,
        "payment_method_id": subscription.payment_method_id,
        "cancel_at": subscription.cancel_at,
        "cancel_reason": subscription.cancel_reason,
        "pause_behavior": pause and pause.behavior,
        "paused_from": pause and pause.since,
        "paused_until": pause and pause.until,
        "pending_change": optional(_pending_change_document, subscription.pending_change),
        "pending_update": optional(_pending_update_document, subscription.pending_update),
        "dunning": optional(_dunning_document, subscription.dunning),
        "last_tried_at": subscription.last_tried_at,
        "incomplete_expires_at": subscription.incomplete_expires_at,
        "due_at": subscription.due_at,
        "ended_at": subscription.ended_at,
        "metadata": dict(subscription.metadata),
        "version": subscription.version,
        "livemode": subscription.livemode,
        "created_at": subscription.created_at,
        "updated_at": subscription.updated_at,
    }


def subscription_item_from_row(row: Row) -> SubscriptionItem:
    return SubscriptionItem(
        id=row["id"],
        price_id=row["price_id"],
        quantity=row["quantity"],
        removed_at=optional_instant(row["removed_at"]),
    )


def item_to_row(item: SubscriptionItem, *, subscription_id: str, position: int) -> Columns:
    return {
        "id": item.id,
        "subscription_id": subscription_id,
        "position": position,
        "price_id": item.price_id,
        "quantity": item.quantity,
        "removed_at": item.removed_at,
    }


def _present_period(row: Row) -> Period | None:
    if row["period_number"] is None:
        return None
    return Period(
        number=row["period_number"],
        start=instant(row["period_starts_at"]),
        end=instant(row["period_ends_at"]),
        whole_start=instant(row["period_whole_starts_at"]),
    )


def _pause(row: Row) -> Pause | None:
    if row["pause_behavior"] is None:
        return None
    return Pause(
        behavior=PauseBehavior(row["pause_behavior"]),
        since=instant(row["paused_from"]),
        until=optional_instant(row["paused_until"]),
    )


def _pending_change_from(value: Any) -> PendingChange:
    fields = document(value)
    return PendingChange(items=_wanted_from(fields), at=instant(fields["at"]), by_hand=fields["by_hand"])


def _pending_change_document(change: PendingChange) -> Columns:
    return {
        "items": [asdict(item) for item in change.items],
        "at": format_instant(change.at),
        "by_hand": change.by_hand,
    }


def _pending_update_from(value: Any) -> PendingUpdate:
    fields = document(value)
    return PendingUpdate(
        items=_wanted_from(fields),
        at=instant(fields["at"]),
        invoice_id=fields["invoice_id"],
        expires_at=instant(fields["expires_at"]),
    )


def _pending_update_document(update: PendingUpdate) -> Columns:
    return {
        "items": [asdict(item) for item in update.items],
        "at": format_instant(update.at),
        "invoice_id": update.invoice_id,
        "expires_at": format_instant(update.expires_at),
    }


def _wanted_from(fields: Mapping[str, Any]) -> tuple[WantedItem, ...]:
    return tuple(WantedItem(**item) for item in fields["items"])


def _dunning_from(value: Any) -> Dunning:
    fields = document(value)
    return Dunning(
        policy=_policy_from(fields["policy"]),
        since=instant(fields["since"]),
        code=optional(DeclineCode, fields["code"]),
    )


def _dunning_document(dunning: Dunning) -> Columns:
    return {
        "policy": _policy_document(dunning.policy),
        "since": format_instant(dunning.since),
        "code": dunning.code,
    }


def _policy_from(value: Any) -> DunningPolicy:
    fields = document(value)
    return DunningPolicy(
        retries_after=tuple(timedelta(seconds=seconds) for seconds in fields["retries_after_seconds"]),
        ends_after=timedelta(seconds=fields["ends_after_seconds"]),
        then=AfterDunning(fields["then"]),
    )


def _policy_document(policy: DunningPolicy) -> Columns:
    second = timedelta(seconds=1)
    return {
        "retries_after_seconds": [after // second for after in policy.retries_after],
        "ends_after_seconds": policy.ends_after // second,
        "then": policy.then,
    }


# --- periods ----------------------------------------------------------------------------------------------------------


def billed_period_from_row(row: Row) -> BilledPeriod:
    return BilledPeriod(
        subscription_id=row["subscription_id"],
        period=Period(
            number=row["number"],
            start=instant(row["starts_at"]),
            end=instant(row["ends_at"]),
            whole_start=instant(row["whole_starts_at"]),
        ),
        rates={
            item_id: tuple(Rate(instant(rate["since"]), Money(rate["amount"], row["currency"])) for rate in rates)
            for item_id, rates in document(row["rates"]).items()
        },
        currency=row["currency"],
        invoice_id=row["invoice_id"],
    )


def billed_period_to_row(billed: BilledPeriod) -> Columns:
    return {
        "subscription_id": billed.subscription_id,
        "number": billed.period.number,
        "starts_at": billed.period.start,
        "ends_at": billed.period.end,
        "whole_starts_at": billed.period.whole_start,
        "currency": billed.currency,
        "rates": {
            item_id: [
                {"since": format_instant(rate.since), "amount": same_currency(rate.amount, billed.currency)}
                for rate in rates
            ]
            for item_id, rates in billed.rates.items()
        },
        "invoice_id": billed.invoice_id,
    }


# --- invoices ---------------------------------------------------------------------------------------------------------


def invoice_from_row(row: Row, line_rows: Iterable[Row]) -> Invoice:
    """`line_rows` in the order of their `position`."""
    return Invoice(
        id=row["id"],
        issuer_id=row["issuer_id"],
        customer_id=row["customer_id"],
        subscription_id=row["subscription_id"],
        period_start=optional_instant(row["period_start"]),
        order_id=row["order_id"],
        reason=InvoiceReason(row["reason"]),
        state=InvoiceState(row["state"]),
        currency=row["currency"],
        lines=tuple(invoice_line_from_row(line) for line in line_rows),
        number=optional(lambda sequence: Number(sequence, row["number"]), row["sequence"]),
        due=money(row, "due"),
        balance_applied=money(row, "balance_applied"),
        issued_by=optional(party_from, row["issued_by"]),
        issued_to=optional(party_from, row["issued_to"]),
        due_at=optional_instant(row["due_at"]),
        next_try_at=optional_instant(row["next_try_at"]),
        opened_at=optional_instant(row["opened_at"]),
        paid_at=optional_instant(row["paid_at"]),
        voided_at=optional_instant(row["voided_at"]),
        uncollectible_at=optional_instant(row["uncollectible_at"]),
        discarded_at=optional_instant(row["discarded_at"]),
        metadata=document(row["metadata"]),
        version=row["version"],
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def invoice_to_row(invoice: Invoice) -> Columns:
    return {
        "id": invoice.id,
        "issuer_id": invoice.issuer_id,
        "customer_id": invoice.customer_id,
        "subscription_id": invoice.subscription_id,
        "period_start": invoice.period_start,
        "order_id": invoice.order_id,
        "reason": invoice.reason,
        "state": invoice.state,
        "currency": invoice.currency,
        "sequence": invoice.number and invoice.number.sequence,
        "number": invoice.number and invoice.number.printed,
        "total": invoice.total.minor_units,
        "due": same_currency(invoice.due, invoice.currency),
        "balance_applied": same_currency(invoice.balance_applied, invoice.currency),
        "issued_by": optional(asdict, invoice.issued_by),
        "issued_to": optional(asdict, invoice.issued_to),
        "due_at": invoice.due_at,
        "next_try_at": invoice.next_try_at,
        "opened_at": invoice.opened_at,
        "paid_at": invoice.paid_at,
        "voided_at": invoice.voided_at,
        "uncollectible_at": invoice.uncollectible_at,
        "discarded_at": invoice.discarded_at,
        "metadata": dict(invoice.metadata),
        "version": invoice.version,
        "livemode": invoice.livemode,
        "created_at": invoice.created_at,
        "updated_at": invoice.updated_at,
    }


def invoice_line_from_row(row: Row) -> InvoiceLine:
    return InvoiceLine(
        id=row["id"],
        kind=LineKind(row["kind"]),
        item_id=row["item_id"],
        price_id=row["price_id"],
        name=row["name"],
        quantity=row["quantity"],
        unit_amount=optional_money(row, "unit_amount"),
        flat_amount=optional_money(row, "flat_amount"),
        amount=money(row, "amount"),
        period_start=optional_instant(row["period_start"]),
        period_end=optional_instant(row["period_end"]),
    )


def invoice_line_to_row(line: InvoiceLine, *, invoice_id: str, position: int) -> Columns:
    return {**_line_columns(line), "invoice_id": invoice_id, "position": position}


def pending_line_from_row(row: Row) -> PendingLine:
    return PendingLine(
        line=invoice_line_from_row(row),
        customer_id=row["customer_id"],
        subscription_id=row["subscription_id"],
        cause=row["cause"],
        invoice_id=row["invoice_id"],
        removed_at=optional_instant(row["removed_at"]),
        created_at=instant(row["created_at"]),
    )


def pending_line_to_row(pending: PendingLine) -> Columns:
    return {
        **_line_columns(pending.line),
        "customer_id": pending.customer_id,
        "subscription_id": pending.subscription_id,
        "invoice_id": pending.invoice_id,
        "cause": pending.cause,
        "removed_at": pending.removed_at,
        "created_at": pending.created_at,
    }


def _line_columns(line: InvoiceLine) -> Columns:
    currency = line.amount.currency
    return {
        "id": line.id,
        "kind": line.kind,
        "item_id": line.item_id,
        "price_id": line.price_id,
        "name": line.name,
        "quantity": line.quantity,
        "unit_amount": optional(lambda amount: same_currency(amount, currency), line.unit_amount),
        "flat_amount": optional(lambda amount: same_currency(amount, currency), line.flat_amount),
        "amount": line.amount.minor_units,
        "currency": currency,
        "period_start": line.period_start,
        "period_end": line.period_end,
    }


def party_from(value: Any) -> Party:
    fields = document(value)
    return Party(**{**fields, "address": optional(address_from, fields["address"])})


# --- credit notes -----------------------------------------------------------------------------------------------------


def credit_note_from_row(row: Row) -> CreditNote:
    return CreditNote(
        id=row["id"],
        invoice_id=row["invoice_id"],
        issuer_id=row["issuer_id"],
        customer_id=row["customer_id"],
        number=Number(row["sequence"], row["number"]),
        cause=row["cause"],
        lines=_credited_from(document(row["lines"]), row["currency"]),
        amount=money(row, "amount"),
        reduces=CreditReduces(row["reduces"]),
        livemode=boolean(row["livemode"]),
        created_at=instant(row["created_at"]),
    )


def credit_note_to_row(note: CreditNote) -> Columns:
    return {
        "id": note.id,
        "invoice_id": note.invoice_id,
        "issuer_id": note.issuer_id,
        "customer_id": note.customer_id,
        "sequence": note.number.sequence,
        "number": note.number.printed,
        "cause": note.cause,
        "lines": [_credited_document(line, note.amount.currency) for line in note.lines],
        "amount": note.amount.minor_units,
        "currency": note.amount.currency,
        "reduces": note.reduces,
        "livemode": note.livemode,
        "created_at": note.created_at,
    }


def _credited_from(lines: Sequence[Mapping[str, Any]], currency: str) -> tuple[InvoiceLine, ...]:
    return tuple(invoice_line_from_row({**line, "currency": currency}) for line in lines)


def _credited_document(line: InvoiceLine, currency: str) -> Columns:
    same_currency(line.amount, currency)
    columns = _line_columns(line)
    moments = {name: optional(format_instant, columns[name]) for name in ("period_start", "period_end")}
    return {name: value for name, value in columns.items() if name != "currency"} | moments


# --- issuers ----------------------------------------------------------------------------------------------------------


def issuer_from_row(row: Row) -> Issuer:
    return Issuer(
        id=row["id"],
        name=row["name"],
        address=optional(address_from, row["address"]),
        tax_id=row["tax_id"],
        footer=row["footer"],
        invoice_prefix=row["invoice_prefix"],
        credit_note_prefix=row["credit_note_prefix"],
        next_invoice_number=row["next_invoice_number"],
        next_credit_note_number=row["next_credit_note_number"],
        time_zone=row["time_zone"],
        dunning=_policy_from(row["dunning"]),
        on_trial_end_without_card=TrialEnd(row["on_trial_end_without_card"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def issuer_to_row(issuer: Issuer) -> Columns:
    return {
        "id": issuer.id,
        "name": issuer.name,
        "address": optional(asdict, issuer.address),
        "tax_id": issuer.tax_id,
        "footer": issuer.footer,
        "invoice_prefix": issuer.invoice_prefix,
        "credit_note_prefix": issuer.credit_note_prefix,
        "next_invoice_number": issuer.next_invoice_number,
        "next_credit_note_number": issuer.next_credit_note_number,
        "time_zone": issuer.time_zone,
        "dunning": _policy_document(issuer.dunning),
        "on_trial_end_without_card": issuer.on_trial_end_without_card,
        "created_at": issuer.created_at,
        "updated_at": issuer.updated_at,
    }


# --- balances and clocks ----------------------------------------------------------------------------------------------


def balance_entry_from_row(row: Row) -> BalanceEntry:
    return BalanceEntry(
        id=row["id"],
        customer_id=row["customer_id"],
        cause=row["cause"],
        reason=BalanceReason(row["reason"]),
        amount=money(row, "amount"),
        invoice_id=row["invoice_id"],
        note=row["note"],
        created_at=instant(row["created_at"]),
    )


def balance_entry_to_row(entry: BalanceEntry) -> Columns:
    return {
        "id": entry.id,
        "customer_id": entry.customer_id,
        "cause": entry.cause,
        "reason": entry.reason,
        "amount": entry.amount.minor_units,
        "currency": entry.amount.currency,
        "invoice_id": entry.invoice_id,
        "note": entry.note,
        "created_at": entry.created_at,
    }


def clock_from_row(row: Row) -> TestClock:
    return TestClock(
        id=row["id"],
        name=row["name"],
        now=instant(row["stands_at"]),
        state=ClockState(row["state"]),
        target=optional_instant(row["target"]),
        failure=row["failure"],
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def clock_to_row(clock: TestClock) -> Columns:
    return {
        "id": clock.id,
        "name": clock.name,
        "stands_at": clock.now,
        "state": clock.state,
        "target": clock.target,
        "failure": clock.failure,
        "created_at": clock.created_at,
        "updated_at": clock.updated_at,
    }
