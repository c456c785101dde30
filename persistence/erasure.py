# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""What is erased of a customer, column by column, and what stays; a test holds that no column is forgotten.

Rows of the money stay: whoever did business has to keep them for years (GDPR art. 17 (3) b). What goes is all that says
who it was: names, addresses, cards, free texts, and whatever a provider told us in its own words. What stays of the
person is our own id, which leads nowhere any more, and the ids that a provider needs to give money back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.charges import LIVE_STATES
from domain.idempotency import ERASED_FINGERPRINT
from domain.refunds import WAITING_STATES
from domain.subscriptions import ENDED_STATES
from persistence.fields import one_of
from persistence.sql import Dialect


@dataclass(frozen=True, slots=True)
class Erased:
    """The column is emptied."""

    to: str = "NULL"
    """SQL that both databases read alike."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The column stays, for this reason."""

    why: str


Decision = Erased | Kept

EMPTY_DOCUMENT: Final = Erased("'{}'")
_ID: Final = Kept("our own id")
_TIME: Final = Kept("when it happened")
_MONEY: Final = Kept("what was owed and paid")
_STATE: Final = Kept("what became of it")
_WORD: Final = Kept("a word of ours, the same for everybody")
_REF: Final = Kept("the provider's id: a refund needs it, and the provider forgets whom it meant")
_NUMBER: Final = Kept("a number of the table's own")
_CODE: Final = Kept("why a payment failed, in codes")
_NOT_OF_A_PERSON: Final = Kept("the deployment's own, of no customer")
_SOLD: Final = Kept("what was sold: books have to say it, so it must not name a person")
_TERMS: Final = Kept("what was agreed on, without which no price of the past is explained")

_LINE: Final[Mapping[str, Decision]] = {
    "kind": _WORD,
    "item_id": _ID,
    "price_id": _ID,
    "name": _SOLD,
    "quantity": _MONEY,
    "unit_amount": _MONEY,
    "flat_amount": _MONEY,
    "amount": _MONEY,
    "currency": _MONEY,
    "period_start": _TIME,
    "period_end": _TIME,
}

DECISIONS: Final[Mapping[str, Mapping[str, Decision]]] = {
    "customers": {
        "id": _ID,
        "external_id": Erased(),
        "email": Erased(),
        "name": Erased(),
        "billing_address": Erased(),
        "shipping_address": Erased(),
        "metadata": EMPTY_DOCUMENT,
        "default_payment_method_id": Erased(),
        "test_clock_id": _ID,
        "livemode": _WORD,
        "redacted_at": _TIME,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "provider_accounts": {
        "id": _NUMBER,
        "customer_id": _ID,
        "account": _WORD,
        "customer_ref": _REF,
        "created_at": _TIME,
    },
    "payment_methods": {
        "id": _ID,
        "customer_id": _ID,
        "account": _WORD,
        "state": _STATE,
        "token": Erased(),
        "payment_method_ref": _REF,
        "card_brand": Erased(),
        "card_last4": Erased(),
        "card_expiry_month": Erased(),
        "card_expiry_year": Erased(),
        "card_fingerprint": Erased(),
        "next_action": Erased(),
        "decline_code": _CODE,
        "failure_message": Erased(),
        "return_url": Erased(),
        "make_default": _WORD,
        "storing": _WORD,
        "livemode": _WORD,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "orders": {
        "id": _ID,
        "customer_id": _ID,
        "state": _STATE,
        "currency": _MONEY,
        "total": _MONEY,
        "version": _NUMBER,
        "external_id": Kept("the number of the order in your books"),
        "external_version": _NUMBER,
        "metadata": EMPTY_DOCUMENT,
        "expires_at": _TIME,
        "placed_at": _TIME,
        "completed_at": _TIME,
        "canceled_at": _TIME,
        "livemode": _WORD,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "order_lines": {
        "id": _ID,
        "order_id": _ID,
        "position": _NUMBER,
        "product_id": _ID,
        "price_id": _ID,
        "name": _SOLD,
        "unit_amount": _MONEY,
        "currency": _MONEY,
        "quantity": _MONEY,
    },
    "subscriptions": {
        "id": _ID,
        "customer_id": _ID,
        "issuer_id": _ID,
        "state": _STATE,
        "currency": _MONEY,
        "interval_unit": _MONEY,
        "interval_count": _MONEY,
        "time_zone": _TERMS,
        "anchor_day": _TERMS,
        "anchor_month": _TERMS,
        "starts_at": _TIME,
        "trial_ends_at": _TIME,
        "periods_from": _TIME,
        "period_number": _NUMBER,
        "period_starts_at": _TIME,
        "period_ends_at": _TIME,
        "period_whole_starts_at": _TIME,
        "payment_method_id": _ID,
        "cancel_at": _TIME,
        "cancel_reason": _WORD,
        "pause_behavior": _WORD,
        "paused_from": _TIME,
        "paused_until": _TIME,
        "pending_change": _TERMS,
        "pending_update": _TERMS,
        "dunning": _CODE,
        "last_tried_at": _TIME,
        "incomplete_expires_at": _TIME,
        "due_at": _TIME,
        "ended_at": _TIME,
        "metadata": EMPTY_DOCUMENT,
        "version": _NUMBER,
        "livemode": _WORD,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "subscription_items": {
        "id": _ID,
        "subscription_id": _ID,
        "position": _NUMBER,
        "price_id": _ID,
        "quantity": _MONEY,
        "removed_at": _TIME,
    },
    "subscription_periods": {
        "id": _NUMBER,
        "subscription_id": _ID,
        "number": _NUMBER,
        "starts_at": _TIME,
        "ends_at": _TIME,
        "whole_starts_at": _TIME,
        "currency": _MONEY,
        "rates": _MONEY,
        "invoice_id": _ID,
    },
    "invoices": {
        "id": _ID,
        "issuer_id": _ID,
        "customer_id": _ID,
        "subscription_id": _ID,
        "period_start": _TIME,
        "order_id": _ID,
        "reason": _WORD,
        "state": _STATE,
        "currency": _MONEY,
        "sequence": _NUMBER,
        "number": Kept("the number of the invoice in your books"),
        "total": _MONEY,
        "due": _MONEY,
        "balance_applied": _MONEY,
        "issued_by": _NOT_OF_A_PERSON,
        # Council Directive 2006/112/EC, art. 226 (5) and 244, as the laws of other places.
        "issued_to": Kept("an issued invoice names its recipient for as long as books are kept; the email goes"),
        "due_at": _TIME,
        "next_try_at": _TIME,
        "opened_at": _TIME,
        "paid_at": _TIME,
        "voided_at": _TIME,
        "uncollectible_at": _TIME,
        "discarded_at": _TIME,
        "metadata": EMPTY_DOCUMENT,
        "version": _NUMBER,
        "livemode": _WORD,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "invoice_lines": {"id": _ID, "invoice_id": _ID, "position": _NUMBER, **_LINE},
    "invoice_items": {
        "id": _ID,
        "customer_id": _ID,
        "subscription_id": _ID,
        "invoice_id": _ID,
        "cause": _ID,
        **_LINE,
        "removed_at": _TIME,
        "created_at": _TIME,
    },
    "credit_notes": {
        "id": _ID,
        "invoice_id": _ID,
        "issuer_id": _ID,
        "customer_id": _ID,
        "sequence": _NUMBER,
        "number": Kept("the number of the credit note in your books"),
        "cause": _ID,
        "lines": Kept("what was credited: books have to say it, so it must not name a person"),
        "amount": _MONEY,
        "currency": _MONEY,
        "reduces": _WORD,
        "livemode": _WORD,
        "created_at": _TIME,
    },
    "customer_balances": {"id": _NUMBER, "customer_id": _ID, "currency": _MONEY, "amount": _MONEY},
    "customer_balance_entries": {
        "id": _ID,
        "customer_id": _ID,
        "cause": _ID,
        "reason": _WORD,
        "amount": _MONEY,
        "currency": _MONEY,
        "invoice_id": _ID,
        "note": Kept("why somebody was given an amount: rows of a balance never change, so it must not name a person"),
        "created_at": _TIME,
    },
    "charges": {
        "id": _ID,
        "order_id": _ID,
        "invoice_id": _ID,
        "customer_id": _ID,
        "payment_method_id": _ID,
        "account": _WORD,
        "charge_ref": _REF,
        "state": _STATE,
        "initiator": _WORD,
        "capture_mode": _WORD,
        "capture_requested": _MONEY,
        "capture_before": _TIME,
        "void_requested_at": _TIME,
        "currency": _MONEY,
        "amount": _MONEY,
        "authorized": _MONEY,
        "captured": _MONEY,
        "refunded": _MONEY,
        "refund_reserved": _MONEY,
        "disputed": _MONEY,
        "return_url": Erased(),
        "next_action": Erased(),
        "action_expires_at": _TIME,
        "decline_code": _CODE,
        "failure_code": _CODE,
        "issuer_code": _CODE,
        "provider_code": _CODE,
        "provider_message": Erased(),
        "next_check_at": _TIME,
        "review_since": _TIME,
        "review_reason": _WORD,
        "reviews": Kept("what a person should look at, in words of ours"),
        "livemode": _WORD,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "refunds": {
        "id": _ID,
        "charge_id": _ID,
        "order_id": _ID,
        "invoice_id": _ID,
        "customer_id": _ID,
        "account": _WORD,
        "refund_ref": _REF,
        "state": _STATE,
        "executed_as": _WORD,
        "amount": _MONEY,
        "currency": _MONEY,
        "reason": _WORD,
        "note": Erased(),
        "failure_code": _CODE,
        "provider_code": _CODE,
        "provider_message": Erased(),
        "next_check_at": _TIME,
        "livemode": _WORD,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "disputes": {
        "id": _ID,
        "charge_id": _ID,
        "order_id": _ID,
        "invoice_id": _ID,
        "customer_id": _ID,
        "account": _WORD,
        "dispute_ref": _REF,
        "state": _STATE,
        "is_inquiry": _STATE,
        "reason": Kept("why a bank took money, in a word of ours"),
        "scheme_code": Kept("why a bank took money, in a code of the card scheme"),
        "amount": _MONEY,
        "currency": _MONEY,
        "respond_by": _TIME,
        "evidence": EMPTY_DOCUMENT,
        "evidence_requested_at": _TIME,
        "evidence_sent_at": _TIME,
        "acceptance_requested_at": _TIME,
        "accepted_at": _TIME,
        "movements": _NUMBER,
        "next_check_at": _TIME,
        "opened_at": _TIME,
        "seen_at": _TIME,
        "livemode": _WORD,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "operations": {
        "id": _ID,
        "kind": _WORD,
        "charge_id": _ID,
        "refund_id": _ID,
        "dispute_id": _ID,
        "account": _WORD,
        "request": EMPTY_DOCUMENT,
        "on_session": _WORD,
        "solved_by": _WORD,
        "void_purpose": _WORD,
        "first_sent_at": _TIME,
        "tries": _NUMBER,
        "sends": _NUMBER,
        "is_held_back": _WORD,
        "empty_looks": _NUMBER,
        "recovered_at": _TIME,
        "outcome": _STATE,
        "answer": EMPTY_DOCUMENT,
        "finished_at": _TIME,
        "created_at": _TIME,
    },
    "webhook_deliveries": {
        "id": _ID,
        "account": _WORD,
        "event_key": _REF,
        "kind": _WORD,
        "subject": _WORD,
        "subject_ref": _REF,
        "operation_id": _ID,
        "livemode": _WORD,
        "payload": EMPTY_DOCUMENT,
        "state": _STATE,
        "occurred_at": _TIME,
        "received_at": _TIME,
        "ended_at": _TIME,
        "replayed_at": _TIME,
    },
    "decisions": {
        "id": _ID,
        "kind": _WORD,
        "charge_id": _ID,
        "refund_id": _ID,
        "reason": _WORD,
        "found": _STATE,
        "note": Erased("''"),
        "actor": Kept("a member of the staff: who decided about the money"),
        "created_at": _TIME,
    },
    "discrepancies": {
        "id": _ID,
        "account": _WORD,
        "kind": _WORD,
        "subject": _REF,
        "provider_ref": _REF,
        "operation_id": _ID,
        "order_id": _ID,
        "invoice_id": _ID,
        "charge_id": _ID,
        "refund_id": _ID,
        "here_amount": _MONEY,
        "here_currency": _MONEY,
        "there_amount": _MONEY,
        "there_currency": _MONEY,
        "here_state": _STATE,
        "there_outcome": _STATE,
        "livemode": _WORD,
        "state": _STATE,
        "note": Erased(),
        "closed_by": Kept("a member of the staff, or the gateway"),
        "closed_at": _TIME,
        "lifted": _WORD,
        "opened_at": _TIME,
        "seen_at": _TIME,
    },
    "reconciliation_sightings": {"id": _NUMBER, "account": _WORD, "subject_id": _ID},
    "ledger_entries": {
        "id": _ID,
        "cause": _ID,
        "account": _WORD,
        "amount": _MONEY,
        "currency": _MONEY,
        "charge_id": _ID,
        "refund_id": _ID,
        "dispute_id": _ID,
        "livemode": _WORD,
        "created_at": _TIME,
    },
    "events": {
        "position": _NUMBER,
        "id": _ID,
        "kind": _WORD,
        "subject_ids": _ID,
        "actor": Kept("a customer is named by our id"),
        "data": Kept("events carry no personal data"),
        "livemode": _WORD,
        "created_at": _TIME,
    },
    "event_feed": {"position": _NUMBER, "sequence": _NUMBER},
    "event_subjects": {"id": _NUMBER, "event_id": _ID, "subject_id": _ID},
    "audit_entries": {
        "id": _ID,
        "actor": Kept("a member of the staff: who did it is what the entry is for"),
        "actor_kind": _WORD,
        "role": _WORD,
        "action": _WORD,
        "changes": Kept("entries carry no personal data of customers"),
        "request_id": Kept("leads to a line of the log, and to no person"),
        "created_at": _TIME,
    },
    "audit_subjects": {"id": _NUMBER, "entry_id": _ID, "subject_id": _ID},
    "idempotency_keys": {
        "id": _NUMBER,
        "principal": Kept("a server, or a member of the staff: the rows of requests of the customer's own are deleted"),
        "mutation": _WORD,
        "key": Kept("a digest of a number that a program made up; a retry without it would move money twice"),
        "fingerprint": Erased(f"'{ERASED_FINGERPRINT}'"),
        "object_id": _ID,
        "created_at": _TIME,
    },
    "declines": {
        "id": _NUMBER,
        "subject": Erased("''"),
        "cause": _ID,
        "state": _WORD,
        "counted_at": _TIME,
        "kept_until": _TIME,
    },
    "jobs": {
        "id": _ID,
        "kind": _WORD,
        "subject_id": _ID,
        "run_at": _TIME,
        "tries": _NUMBER,
        "claim": _NUMBER,
        "dead_at": _TIME,
        "last_error": Kept("errors carry no data of rows"),
        "retried_at": _TIME,
        "created_at": _TIME,
    },
}
"""Tables that hold something of customers."""

OF_NO_CUSTOMER: Final[Mapping[str, str]] = {
    "products": "the catalogue",
    "product_search": "the words of the catalogue",
    "product_spellings": "the words of the catalogue",
    # What SQLite's FTS5 keeps of them.
    **dict.fromkeys(
        ("product_words", "product_words_config", "product_words_data", "product_words_idx"),
        "the words of the catalogue",
    ),
    "prices": "the catalogue",
    "api_keys": "of programs",
    "facts": "of the deployment",
    "reconciliations": "of the accounts at providers",
    "issuers": "of the deployment",
    "test_clocks": "of tests",
    "tortoise_migrations": "of the database",
}
"""Tables without anything of a customer."""

_OF_THE_CUSTOMER: Final = "customer_id = $1"
_CHARGES: Final = "SELECT id FROM charges WHERE customer_id = $1"
_FINISHED: Final = "finished_at IS NOT NULL"
"""An operation that is under way needs its request: nobody could finish it without, nor tell a retry from it."""

_ROWS: Final[Mapping[str, str]] = {
    "customers": "id = $1",
    "subscriptions": _OF_THE_CUSTOMER,
    "orders": _OF_THE_CUSTOMER,
    "invoices": _OF_THE_CUSTOMER,
    "payment_methods": _OF_THE_CUSTOMER,
    "charges": _OF_THE_CUSTOMER,
    "operations": f"{_FINISHED} AND charge_id IN ({_CHARGES})",
    "refunds": _OF_THE_CUSTOMER,
    "disputes": _OF_THE_CUSTOMER,
    "decisions": f"charge_id IN ({_CHARGES})",
    # The address and the card, for the rest are ids: nobody who was erased pays any more.
    "declines": f"cause IN ({_CHARGES}) OR cause IN (SELECT id FROM payment_methods WHERE customer_id = $1)",
    "webhook_deliveries": " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} AS known WHERE known.customer_id = $1"
        f" AND known.account = webhook_deliveries.account AND known.{ref} = webhook_deliveries.subject_ref)"
        for table, ref in (
            ("charges", "charge_ref"),
            ("refunds", "refund_ref"),
            ("disputes", "dispute_ref"),
            ("payment_methods", "payment_method_ref"),
            ("provider_accounts", "customer_ref"),
        )
    ),
    "discrepancies": (
        "order_id IN (SELECT id FROM orders WHERE customer_id = $1)"
        f" OR invoice_id IN (SELECT id FROM invoices WHERE customer_id = $1) OR charge_id IN ({_CHARGES})"
    ),
}
"""Which rows of a table are of customer $1; in the order in which rows are locked."""

_ROWS_OF_CHARGE: Final[Mapping[str, str]] = {
    "charges": "id = $1",
    "operations": f"{_FINISHED} AND charge_id = $1",
    "refunds": "charge_id = $1",
    "disputes": "charge_id = $1",
    "decisions": "charge_id = $1",
    "declines": "cause = $1",
    "discrepancies": (
        "charge_id = $1 OR order_id IN (SELECT order_id FROM charges WHERE id = $1)"
        " OR invoice_id IN (SELECT invoice_id FROM charges WHERE id = $1)"
    ),
}


def statements() -> list[str]:
    """Everything that is erased, table by table; each takes the customer's id."""
    return _updates(_ROWS)


PRINTED_EMAILS: Final[Mapping[Dialect, str]] = {
    Dialect.SQLITE: "UPDATE invoices SET issued_to = json_set(issued_to, '$.email', NULL)"
    " WHERE customer_id = $1 AND issued_to IS NOT NULL",
    Dialect.POSTGRES: "UPDATE invoices SET issued_to = jsonb_set(issued_to, '{email}', 'null')"
    " WHERE customer_id = $1 AND issued_to IS NOT NULL",
}
"""No law wants them on an invoice: of what is printed there, they are what is emptied."""


def statements_of_charge() -> list[str]:
    """What a provider tells of a payment; each takes the charge's id."""
    return _updates(_ROWS_OF_CHARGE)


_OBJECTS: Final = " UNION ALL ".join(
    (
        "SELECT id FROM payment_methods WHERE customer_id = $1",
        "SELECT id FROM orders WHERE customer_id = $1",
        "SELECT id FROM subscriptions WHERE customer_id = $1",
        "SELECT id FROM invoices WHERE customer_id = $1",
        _CHARGES,
        "SELECT id FROM refunds WHERE customer_id = $1",
        f"SELECT id FROM operations WHERE charge_id IN ({_CHARGES})",
    )
)
_UNDER_WAY: Final = (
    "SELECT 1 FROM operations WHERE finished_at IS NULL"
    " AND idempotency_keys.object_id IN (operations.id, operations.charge_id, operations.refund_id)"
)

# Their externalId is in the name under which they asked, and may have been another one then. Nobody else's key goes: it
# is all that keeps a retry of a server or of the staff from moving the money again.
KEYS_DELETED: Final = (
    "DELETE FROM idempotency_keys WHERE"
    f" (principal = $2 OR (principal LIKE 'customer:%' AND (object_id = $1 OR object_id IN ({_OBJECTS}))))"
    f" AND NOT EXISTS ({_UNDER_WAY})"
)

# Of the requests whose input may have told of the person. A charge is asked for with ids and amounts, where a key that
# is used for another request has to stay a conflict: the answer would be taken for a payment.
KEYS_EMPTIED: Final = (
    f"UPDATE idempotency_keys SET fingerprint = '{ERASED_FINGERPRINT}' WHERE object_id = $1"
    " OR object_id IN (SELECT id FROM payment_methods WHERE customer_id = $1)"
    " OR object_id IN (SELECT id FROM orders WHERE customer_id = $1)"
    " OR object_id IN (SELECT id FROM subscriptions WHERE customer_id = $1)"
    " OR object_id IN (SELECT id FROM invoices WHERE customer_id = $1)"
    " OR object_id IN (SELECT id FROM invoice_items WHERE customer_id = $1)"
    " OR object_id IN (SELECT id FROM credit_notes WHERE customer_id = $1)"
    " OR object_id IN (SELECT id FROM customer_balance_entries WHERE customer_id = $1)"
    " OR object_id IN (SELECT id FROM refunds WHERE customer_id = $1 AND note IS NOT NULL)"
    f" OR object_id IN (SELECT id FROM operations WHERE dispute_id IS NOT NULL AND charge_id IN ({_CHARGES}))"
    f" OR object_id IN (SELECT id FROM decisions WHERE charge_id IN ({_CHARGES}))"
)

OPEN_PAYMENTS: Final = " UNION ALL ".join(
    (
        f"SELECT 1 AS found FROM charges WHERE customer_id = $1 AND {one_of('state', sorted(LIVE_STATES))}",
        f"SELECT 1 FROM operations WHERE finished_at IS NULL AND charge_id IN ({_CHARGES})",
        f"SELECT 1 FROM refunds WHERE customer_id = $1 AND {one_of('state', sorted(WAITING_STATES))}",
        # A card whose answer is missing: the provider may be storing it just now.
        (
            "SELECT 1 FROM payment_methods WHERE customer_id = $1"
            " AND (state = 'PENDING' OR (state = 'DETACHED' AND token IS NOT NULL))"
        ),
    )
)

OPEN_ORDERS: Final = "SELECT 1 AS found FROM orders WHERE customer_id = $1 AND state IN ('OPEN', 'PLACED')"
SUBSCRIPTIONS: Final = (
    f"SELECT 1 AS found FROM subscriptions WHERE customer_id = $1 AND NOT ({one_of('state', sorted(ENDED_STATES))})"
)
OPEN_INVOICES: Final = (
    "SELECT 1 AS found FROM invoices"
    " WHERE customer_id = $1 AND state IN ('DRAFT', 'OPEN') AND discarded_at IS NULL"
    " UNION ALL SELECT 1 FROM invoice_items WHERE customer_id = $1 AND invoice_id IS NULL AND removed_at IS NULL"
)
"""Or what waits for one, which would never be asked for: nobody issues an invoice to somebody unknown."""

CONCERNS_REDACTED: Final = (
    "SELECT 1 AS found FROM customers WHERE customers.redacted_at IS NOT NULL AND customers.id IN ("
    + " UNION ALL ".join(
        f"SELECT customer_id FROM {table} WHERE account = $1 AND {ref} = $2"
        for table, ref in (
            ("charges", "charge_ref"),
            ("refunds", "refund_ref"),
            ("disputes", "dispute_ref"),
            ("payment_methods", "payment_method_ref"),
            ("provider_accounts", "customer_ref"),
        )
    )
    + ")"
)


def _updates(rows: Mapping[str, str]) -> list[str]:
    return [f"UPDATE {table} SET {_assignments(table)} WHERE {which}" for table, which in rows.items()]


def _assignments(table: str) -> str:
    return ", ".join(
        f"{column} = {decision.to}" for column, decision in DECISIONS[table].items() if isinstance(decision, Erased)
    )
