"""What people changed, the staff above all: who, what, before and after, written in the commit of the change itself.

An entry carries neither personal data nor secrets, so it can be insert-only and outlive a redaction: of a field that
may hold such, it tells that the field changed, and not from what to what. Which fields are told is listed; one that
nobody has listed is withheld.

Who acts is known to the task that acts (`acting_as`), and to nobody else: services say nothing of it, so none of them
can forget it (`services.auditing` does the rest). Work that goes on by itself, such as waiting for a provider, runs
outside that task. What comes of it is nobody's act, and the timeline tells it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from domain.api_keys import ApiKey
from domain.balances import BalanceEntry
from domain.charges import Charge, Review
from domain.customers import Address, Customer
from domain.decisions import Decision
from domain.discrepancies import Discrepancy
from domain.disputes import Dispute
from domain.dunning import DunningPolicy
from domain.ids import IdPrefix, new_id
from domain.invoices import CreditNote, Invoice, PendingLine
from domain.issuers import Issuer
from domain.jobs import JobRecord
from domain.money import Money
from domain.operations import Operation
from domain.orders import Order, OrderLine
from domain.payment_methods import PaymentMethod
from domain.pricing import Tier
from domain.principals import Principal, PrincipalKind, StaffRole
from domain.products import Interval, Price, Product, ProductImage
from domain.refunds import Refund
from domain.subscriptions import (
    Pause,
    PendingChange,
    PendingUpdate,
    Subscription,
    SubscriptionItem,
    WantedItem,
)
from domain.test_clocks import TestClock
from domain.webhooks import WebhookDelivery

_AUDITED_OF_ALL: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("apiKeyCreate", "apiKeyRotate", "apiKeyRevoke", "customerRedact"), frozenset[str]()),
    **dict.fromkeys(("customerCreate", "customerUpdate", "customerCreateWithPaymentMethod"), frozenset({"externalId"})),
}
"""Of servers too: who may act, and what can never be undone. Where fields are named, only an act that changes one of
them: whoever says whose tokens open an account can become anybody. All else that a server does is its daily work."""

_NOT_TOLD: Final = frozenset(
    {
        *("id", "livemode", "version", "updated_at", "secret_used_at", "run_at"),
        *("next_invoice_number", "next_credit_note_number"),
    }
)
"""They change with everything else, or never."""

_TOLD: Final[Mapping[type, frozenset[str] | None]] = {
    Customer: frozenset({"default_payment_method_id", "test_clock_id", "redacted_at"}),
    Product: None,
    Price: None,
    PaymentMethod: frozenset({"customer_id", "account", "state", "make_default", "storing", "decline_code"}),
    Order: frozenset(
        {
            "customer_id",
            "state",
            "currency",
            "lines",
            "external_version",
            "expires_at",
            "placed_at",
            "completed_at",
            "canceled_at",
        }
    ),
    Subscription: frozenset(
        {
            "customer_id",
            "issuer_id",
            "state",
            "currency",
            "interval",
            "time_zone",
            "starts_at",
            "trial_ends_at",
            "items",
            "pending_change",
            "pending_update",
            "pause",
            "payment_method_id",
            "cancel_at",
            "cancel_reason",
            "ended_at",
        }
    ),
    Invoice: frozenset(
        {
            "customer_id",
            "issuer_id",
            "subscription_id",
            "order_id",
            "reason",
            "state",
            "currency",
            "due",
            "balance_applied",
            "due_at",
            "opened_at",
            "paid_at",
            "voided_at",
            "uncollectible_at",
            "discarded_at",
        }
    ),
    PendingLine: frozenset({"customer_id", "subscription_id", "invoice_id", "removed_at"}),
    Issuer: None,
    CreditNote: frozenset({"invoice_id", "issuer_id", "customer_id", "amount", "reduces"}),
    BalanceEntry: frozenset({"customer_id", "reason", "amount", "invoice_id"}),
    TestClock: frozenset({"now", "state", "target"}),
    Charge: frozenset(
        {
            "order_id",
            "invoice_id",
            "customer_id",
            "payment_method_id",
            "account",
            "state",
            "initiator",
            "amount",
            "authorized",
            "captured",
            "refunded",
            "refund_reserved",
            "disputed",
            "capture_mode",
            "capture_requested",
            "void_requested_at",
            "capture_before",
            "action_expires_at",
            "decline_code",
            "failure_code",
            "reviews",
        }
    ),
    Refund: frozenset(
        {
            "charge_id",
            "order_id",
            "invoice_id",
            "customer_id",
            "account",
            "state",
            "executed_as",
            "amount",
            "reason",
            "failure_code",
        }
    ),
    Dispute: frozenset(
        {
            "charge_id",
            "order_id",
            "invoice_id",
            "customer_id",
            "account",
            "state",
            "is_inquiry",
            "amount",
            "evidence_requested_at",
            "evidence_sent_at",
            "acceptance_requested_at",
            "accepted_at",
        }
    ),
    WebhookDelivery: frozenset({"state", "ended_at", "replayed_at"}),
    JobRecord: frozenset({"state", "tries", "dead_at", "retried_at"}),
    Decision: frozenset({"kind", "charge_id", "refund_id", "reason", "found"}),
    Discrepancy: frozenset(
        {"account", "kind", "order_id", "invoice_id", "charge_id", "refund_id", "here", "there", "state"}
    ),
    ApiKey: frozenset({"name", "last4", "permissions", "expires_at", "previous_ends_at", "last_used_at", "revoked_at"}),
}
"""The fields whose values are told; None for all, of what is no person's."""


_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """On whose behalf a task changes records."""

    actor: str
    """As events name it: `staff:ada`, `key:key_…`, `cli`; `key:admin-previous` for the admin key before the present."""
    kind: PrincipalKind
    role: StaffRole | None = None
    action: str
    """The mutation, or the command such as `keys create`."""
    request_id: str | None = None
    only_with: frozenset[str] = frozenset()
    """Noted only when one of these fields changed; whatever changed, if there are none."""

    def notes(self, changes: "Sequence[AuditChange]") -> bool:
        return any(not self.only_with or change.field in self.only_with for change in changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChange:
    """One field of one record."""

    subject_id: str
    field: str
    """As the API calls it: `unitAmount`."""
    before: str | None
    """None for what was empty or not there, and for what is withheld."""
    after: str | None
    withheld: bool = False
    """It may hold personal data or a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: str
    actor: str
    actor_kind: PrincipalKind
    role: StaffRole | None
    action: str
    changes: tuple[AuditChange, ...]
    request_id: str | None
    created_at: datetime

    @property
    def subject_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(change.subject_id for change in self.changes))


_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


def acting() -> Acting | None:
    """Who acts in this task, where that is audited."""
    return _acting.get()


@contextmanager
def acting_as(principal: Principal, action: str, *, request_id: str | None = None) -> Iterator[None]:
    token = _acting.set(_of(principal, action, request_id) if is_audited(principal, action) else None)
    try:
        yield
    finally:
        _acting.reset(token)


def is_audited(principal: Principal, action: str) -> bool:
    if principal.kind is PrincipalKind.SERVER:
        return principal.is_admin_key or action in _AUDITED_OF_ALL
    return principal.kind in (PrincipalKind.STAFF, PrincipalKind.OPERATOR)


def new_entry(acting: Acting, changes: tuple[AuditChange, ...], *, now: datetime) -> AuditEntry:
    return AuditEntry(
        id=new_id(IdPrefix.AUDIT_ENTRY),
        actor=acting.actor,
        actor_kind=acting.kind,
        role=acting.role,
        action=acting.action,
        changes=changes,
        request_id=acting.request_id,
        created_at=now,
    )


def changes_between(before: Any, after: Any) -> tuple[AuditChange, ...]:
    """The fields in which two states of a record differ; `before` is None for a record that is new."""
    if isinstance(after, Operation):
        return () if before else (_requested(after),)
    told = _TOLD[type(after)]
    found = []
    for field in fields(after):
        name = field.name
        if name in _NOT_TOLD:
            continue
        withheld = told is not None and name not in told and name != "created_at"
        old, new = _empty_is_none(getattr(before, name, None)), _empty_is_none(getattr(after, name))
        if old == new:
            continue
        found.append(
            AuditChange(
                subject_id=after.id,
                field=_in_the_api(name),
                before=None if withheld else _text(old),
                after=None if withheld else _text(new),
                withheld=withheld,
            )
        )
    return tuple(found)


def _requested(operation: Operation) -> AuditChange:
    """What was asked of the provider; a charge that goes on changes in nothing else."""
    about = operation.refund_id or operation.dispute_id or operation.charge_id
    return AuditChange(subject_id=about, field="operation", before=None, after=operation.kind)


def _of(principal: Principal, action: str, request_id: str | None) -> Acting:
    is_daily = principal.kind is PrincipalKind.SERVER and not principal.is_admin_key
    return Acting(
        actor=f"{principal.actor}-previous" if principal.is_admin_key and principal.retiring else principal.actor,
        kind=principal.kind,
        role=principal.role,
        action=action,
        request_id=request_id or None,
        only_with=_AUDITED_OF_ALL[action] if is_daily else frozenset(),
    )


def _in_the_api(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _empty_is_none(value: Any) -> Any:
    return None if isinstance(value, str | Mapping | tuple | frozenset) and not value else value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Amounts in minor units, as everywhere."""
    match value:
        case StrEnum():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Money():
            return f"{value.minor_units} {value.currency}"
        case Review():
            return {"reason": str(value.reason), "since": _plain(value.since)}
        case Address():
            return asdict(value)
        case DunningPolicy():
            return {
                "retriesAfterHours": [after // _HOUR for after in value.retries_after],
                "endsAfterHours": value.ends_after // _HOUR,
                "then": str(value.then),
            }
        case Interval():
            return f"{value.count} {value.unit}"
        case Tier():
            return {
                "upTo": value.up_to,
                "unitAmount": _plain(value.unit_amount),
                "flatAmount": _plain(value.flat_amount),
            }
        case ProductImage():
            return {"url": value.url, "alternativeText": value.alternative_text}
        case OrderLine():
            # Not the name: a line by hand may name a person.
            told = {"productId": value.product_id, "priceId": value.price_id}
            return {
                "id": value.id,
                **{name: each for name, each in told.items() if each},
                "unitAmount": _plain(value.unit_amount),
                "quantity": value.quantity,
            }
        case SubscriptionItem():
            gone = {"removedAt": _plain(value.removed_at)} if value.removed_at else {}
            return {"id": value.id, "priceId": value.price_id, "quantity": value.quantity, **gone}
        case WantedItem():
            return {"id": value.item_id, "priceId": value.price_id, "quantity": value.quantity}
        case PendingChange():
            return {"items": _plain(value.items), "at": _plain(value.at)}
        case PendingUpdate():
            told = {"items": _plain(value.items), "at": _plain(value.at)}
            return {**told, "invoiceId": value.invoice_id, "expiresAt": _plain(value.expires_at)}
        case Pause():
            until = {"until": _plain(value.until)} if value.until else {}
            return {"behavior": str(value.behavior), "since": _plain(value.since), **until}
        case frozenset():
            return sorted(_plain(each) for each in value)
        case tuple():
            return [_plain(each) for each in value]
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case _:
            return value
