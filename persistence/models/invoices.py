"""What is asked for, by whom, and what of it was taken back."""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.invoices import CreditReduces, InvoiceReason, InvoiceState
from domain.issuers import TrialEnd
from domain.texts import NAME_LENGTH
from persistence.fields import an_id, belongs_to, check, currency, index, json, one_of, unique, word

_NUMBER_LENGTH = 40
# One word more than is ever written: what is carried over is an entry of the balance, and no line.
_KIND_KNOWN = "kind IN ('PERIOD', 'CREDIT', 'CHARGE', 'ONE_OFF', 'CARRIED_OVER')"


class Issuer(Model):
    id = an_id()
    name = CharField(max_length=NAME_LENGTH, null=True)
    address = json(null=True)
    tax_id = TextField(null=True)
    footer = TextField(null=True)
    invoice_prefix = CharField(max_length=20)
    credit_note_prefix = CharField(max_length=20)
    next_invoice_number = BigIntField()
    next_credit_note_number = BigIntField()
    time_zone = CharField(max_length=64)
    dunning = json()
    on_trial_end_without_card = word()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "issuers"
        constraints = (
            check("issuers_numbers_positive", "next_invoice_number >= 1 AND next_credit_note_number >= 1"),
            check("issuers_on_trial_end_known", one_of("on_trial_end_without_card", TrialEnd)),
        )


class Invoice(Model):
    id = an_id()
    issuer = belongs_to("Issuer")
    customer = belongs_to("Customer")
    subscription = belongs_to("Subscription", null=True)
    period_start = DatetimeField(null=True)
    order = belongs_to("Order", null=True)
    reason = word()
    state = word()
    currency = currency()
    sequence = BigIntField(null=True)
    number = CharField(max_length=_NUMBER_LENGTH, null=True)
    total = BigIntField()
    due = BigIntField()
    balance_applied = BigIntField()
    issued_by = json(null=True)
    issued_to = json(null=True)
    due_at = DatetimeField(null=True)
    next_try_at = DatetimeField(null=True)
    opened_at = DatetimeField(null=True)
    paid_at = DatetimeField(null=True)
    voided_at = DatetimeField(null=True)
    uncollectible_at = DatetimeField(null=True)
    discarded_at = DatetimeField(null=True)
    metadata = json()
    version = IntField()
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "invoices"
        indexes = (
            index("invoices", "customer_id", "id"),
            index("invoices", "subscription_id", "id"),
            index("invoices", "state", "id"),
            index("invoices", "total", "id"),
            index("invoices", "created_at", "id"),
        )
        constraints = (
            unique("invoices_sequence", "issuer_id", "sequence", where="sequence IS NOT NULL"),
            unique("invoices_number", "issuer_id", "number", where="number IS NOT NULL"),
            unique("invoices_one_an_order", "order_id", where="order_id IS NOT NULL"),
            unique("invoices_one_a_period", "subscription_id", "period_start", where="reason = 'PERIOD'"),
            check("invoices_state_known", one_of("state", InvoiceState)),
            check("invoices_reason_known", one_of("reason", InvoiceReason)),
            check("invoices_currency_has_three_letters", "length(currency) = 3"),
            check("invoices_due_not_negative", "due >= 0"),
            check("invoices_number_is_whole", "(sequence IS NULL) = (number IS NULL)"),
            check("invoices_numbered_when_opened", "(state = 'DRAFT') = (number IS NULL)"),
            check("invoices_opened_at_their_opening", "(state = 'DRAFT') = (opened_at IS NULL)"),
            check("invoices_paid_at_their_end", "(state = 'PAID') = (paid_at IS NOT NULL)"),
            check("invoices_voided_at_their_end", "(state = 'VOID') = (voided_at IS NOT NULL)"),
            check("invoices_period_has_a_subscription", "reason <> 'PERIOD' OR period_start IS NOT NULL"),
            check("invoices_version_positive", "version >= 1"),
        )


class InvoiceLine(Model):
    id = an_id()
    invoice = belongs_to("Invoice")
    position = IntField()
    kind = word()
    item = belongs_to("SubscriptionItem", null=True)
    price = belongs_to("Price", null=True)
    name = TextField()
    quantity = IntField()
    unit_amount = BigIntField(null=True)
    flat_amount = BigIntField(null=True)
    amount = BigIntField()
    currency = currency()
    period_start = DatetimeField(null=True)
    period_end = DatetimeField(null=True)

    class Meta:
        table = "invoice_lines"
        indexes = (
            index("invoice_lines", "invoice_id", "position"),
            index("invoice_lines", "price_id", "id"),
        )
        constraints = (
            check("invoice_lines_kind_known", _KIND_KNOWN),
            check("invoice_lines_quantity_positive", "quantity >= 1"),
            check("invoice_lines_period_is_whole", "(period_start IS NULL) = (period_end IS NULL)"),
            check("invoice_lines_currency_has_three_letters", "length(currency) = 3"),
        )


class InvoiceItem(Model):
    # A line that waits for its invoice. It keeps its id there.
    id = an_id()
    customer = belongs_to("Customer")
    subscription = belongs_to("Subscription", null=True)
    invoice = belongs_to("Invoice", null=True)
    cause = CharField(max_length=100)
    kind = word()
    item = belongs_to("SubscriptionItem", null=True)
    price = belongs_to("Price", null=True)
    name = TextField()
    quantity = IntField()
    unit_amount = BigIntField(null=True)
    flat_amount = BigIntField(null=True)
    amount = BigIntField()
    currency = currency()
    period_start = DatetimeField(null=True)
    period_end = DatetimeField(null=True)
    removed_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "invoice_items"
        indexes = (
            index("invoice_items", "customer_id", "id"),
            index("invoice_items", "subscription_id", "id"),
            index("invoice_items", "invoice_id", "id"),
        )
        constraints = (
            unique("invoice_items_cause", "cause"),
            check("invoice_items_kind_known", _KIND_KNOWN),
            check("invoice_items_quantity_positive", "quantity >= 1"),
            check("invoice_items_period_is_whole", "(period_start IS NULL) = (period_end IS NULL)"),
            check("invoice_items_currency_has_three_letters", "length(currency) = 3"),
        )


class CreditNote(Model):
    id = an_id()
    invoice = belongs_to("Invoice")
    issuer = belongs_to("Issuer")
    customer = belongs_to("Customer")
    sequence = BigIntField()
    number = CharField(max_length=_NUMBER_LENGTH)
    cause = CharField(max_length=100)
    lines = json()
    amount = BigIntField()
    currency = currency()
    reduces = word()
    livemode = BooleanField()
    created_at = DatetimeField()

    class Meta:
        table = "credit_notes"
        indexes = (
            index("credit_notes", "invoice_id", "id"),
            index("credit_notes", "customer_id", "id"),
        )
        constraints = (
            unique("credit_notes_sequence", "issuer_id", "sequence"),
            unique("credit_notes_number", "issuer_id", "number"),
            unique("credit_notes_cause", "cause"),
            check("credit_notes_reduces_known", one_of("reduces", CreditReduces)),
            check("credit_notes_amount_positive", "amount > 0"),
            check("credit_notes_currency_has_three_letters", "length(currency) = 3"),
        )
