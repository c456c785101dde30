"""Rows and the entities that they stand for: what only the gateway itself reads. As `mapping` otherwise."""

from dataclasses import asdict
from datetime import datetime

from domain.api_keys import ApiKey
from domain.audit import AuditChange, AuditEntry
from domain.discrepancies import Discrepancy, DiscrepancyKind, DiscrepancyState
from domain.idempotency import IdempotencyKey, KeyedRequest
from domain.jobs import Job, JobKind
from domain.ledger import LedgerEntry
from domain.money import Money
from domain.operations import Operation, OperationKind, SolvedBy, VoidPurpose
from domain.principals import Permission, PrincipalKind, StaffRole
from domain.provider import Outcome, WebhookSubject
from domain.reconciliation import Phase, Reconciliation
from domain.webhooks import DeliveryState, WebhookDelivery
from persistence.columns import Columns, Row, document, foreign_document, optional
from persistence.sql import boolean, instant, optional_instant


def operation_from_row(row: Row) -> Operation:
    return Operation(
        id=row["id"],
        kind=OperationKind(row["kind"]),
        charge_id=row["charge_id"],
        refund_id=row["refund_id"],
        dispute_id=row["dispute_id"],
        account=row["account"],
        request=document(row["request"]),
        on_session=boolean(row["on_session"]),
        solved_by=SolvedBy(row["solved_by"]),
        void_purpose=optional(VoidPurpose, row["void_purpose"]),
        first_sent_at=instant(row["first_sent_at"]),
        tries=row["tries"],
        sends=row["sends"],
        is_held_back=boolean(row["is_held_back"]),
        empty_looks=row["empty_looks"],
        recovered_at=optional_instant(row["recovered_at"]),
        outcome=optional(Outcome, row["outcome"]),
        raw=document(row["answer"]),
        finished_at=optional_instant(row["finished_at"]),
        created_at=instant(row["created_at"]),
    )


def operation_to_row(operation: Operation) -> Columns:
    return {
        "id": operation.id,
        "kind": operation.kind,
        "charge_id": operation.charge_id,
        "refund_id": operation.refund_id,
        "dispute_id": operation.dispute_id,
        "account": operation.account,
        "request": dict(operation.request),
        "on_session": operation.on_session,
        "solved_by": operation.solved_by,
        "void_purpose": operation.void_purpose,
        "first_sent_at": operation.first_sent_at,
        "tries": operation.tries,
        "sends": operation.sends,
        "is_held_back": operation.is_held_back,
        "empty_looks": operation.empty_looks,
        "recovered_at": operation.recovered_at,
        "outcome": operation.outcome,
        "answer": foreign_document(operation.raw),
        "finished_at": operation.finished_at,
        "created_at": operation.created_at,
    }


def ledger_entry_to_row(entry: LedgerEntry) -> Columns:
    return {
        "id": entry.id,
        "cause": entry.cause,
        "account": entry.account,
        "amount": entry.amount.minor_units,
        "currency": entry.amount.currency,
        "charge_id": entry.charge_id,
        "refund_id": entry.refund_id,
        "dispute_id": entry.dispute_id,
        "livemode": entry.livemode,
        "created_at": entry.created_at,
    }


def idempotency_key_from_row(row: Row) -> IdempotencyKey:
    return IdempotencyKey(
        principal=row["principal"],
        mutation=row["mutation"],
        key=row["key"],
        fingerprint=row["fingerprint"],
        object_id=row["object_id"],
        created_at=instant(row["created_at"]),
    )


def idempotency_key_to_row(request: KeyedRequest, object_id: str, created_at: datetime) -> Columns:
    return {
        "principal": request.principal,
        "mutation": request.mutation,
        "key": request.digest,
        "fingerprint": request.fingerprint,
        "object_id": object_id,
        "created_at": created_at,
    }


def job_from_row(row: Row) -> Job:
    """Of a job that was just claimed."""
    return Job(
        id=row["id"],
        kind=JobKind(row["kind"]),
        subject_id=row["subject_id"],
        tries=row["tries"],
        claim=row["claim"],
    )


def webhook_delivery_from_row(row: Row) -> WebhookDelivery:
    return WebhookDelivery(
        id=row["id"],
        account=row["account"],
        event_key=row["event_key"],
        kind=row["kind"],
        subject=WebhookSubject(row["subject"]),
        subject_ref=row["subject_ref"],
        operation_id=row["operation_id"],
        livemode=boolean(row["livemode"]),
        payload=document(row["payload"]),
        state=DeliveryState(row["state"]),
        occurred_at=instant(row["occurred_at"]),
        received_at=instant(row["received_at"]),
        ended_at=optional_instant(row["ended_at"]),
        replayed_at=optional_instant(row["replayed_at"]),
    )


def webhook_delivery_to_row(delivery: WebhookDelivery) -> Columns:
    return {
        "id": delivery.id,
        "account": delivery.account,
        "event_key": delivery.event_key,
        "kind": delivery.kind,
        "subject": delivery.subject,
        "subject_ref": delivery.subject_ref,
        "operation_id": delivery.operation_id,
        "livemode": delivery.livemode,
        "payload": foreign_document(delivery.payload),
        "state": delivery.state,
        "occurred_at": delivery.occurred_at,
        "received_at": delivery.received_at,
        "ended_at": delivery.ended_at,
        "replayed_at": delivery.replayed_at,
    }


def api_key_from_row(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        secret_hash=row["secret_hash"],
        last4=row["last4"],
        permissions=frozenset(Permission(word) for word in document(row["permissions"])),
        expires_at=optional_instant(row["expires_at"]),
        previous_secret_hash=row["previous_secret_hash"],
        previous_ends_at=optional_instant(row["previous_ends_at"]),
        last_used_at=optional_instant(row["last_used_at"]),
        secret_used_at=optional_instant(row["secret_used_at"]),
        revoked_at=optional_instant(row["revoked_at"]),
        created_at=instant(row["created_at"]),
    )


def api_key_to_row(key: ApiKey) -> Columns:
    return {
        "id": key.id,
        "name": key.name,
        "secret_hash": key.secret_hash,
        "last4": key.last4,
        "permissions": sorted(key.permissions),
        "expires_at": key.expires_at,
        "previous_secret_hash": key.previous_secret_hash,
        "previous_ends_at": key.previous_ends_at,
        "last_used_at": key.last_used_at,
        "secret_used_at": key.secret_used_at,
        "revoked_at": key.revoked_at,
        "created_at": key.created_at,
    }


def audit_entry_from_row(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        actor=row["actor"],
        actor_kind=PrincipalKind(row["actor_kind"]),
        role=optional(StaffRole, row["role"]),
        action=row["action"],
        changes=tuple(
            AuditChange(
                subject_id=each["subject_id"],
                field=each["field"],
                before=each["before"],
                after=each["after"],
                withheld=each["withheld"],
            )
            for each in document(row["changes"])
        ),
        request_id=row["request_id"],
        created_at=instant(row["created_at"]),
    )


def audit_entry_to_row(entry: AuditEntry) -> Columns:
    return {
        "id": entry.id,
        "actor": entry.actor,
        "actor_kind": entry.actor_kind,
        "role": entry.role,
        "action": entry.action,
        "changes": [asdict(change) for change in entry.changes],
        "request_id": entry.request_id,
        "created_at": entry.created_at,
    }


def discrepancy_from_row(row: Row) -> Discrepancy:
    return Discrepancy(
        id=row["id"],
        account=row["account"],
        kind=DiscrepancyKind(row["kind"]),
        subject=row["subject"],
        provider_ref=row["provider_ref"],
        operation_id=row["operation_id"],
        order_id=row["order_id"],
        invoice_id=row["invoice_id"],
        charge_id=row["charge_id"],
        refund_id=row["refund_id"],
        here=_side(row, "here"),
        there=_side(row, "there"),
        here_state=row["here_state"],
        there_outcome=optional(Outcome, row["there_outcome"]),
        livemode=boolean(row["livemode"]),
        state=DiscrepancyState(row["state"]),
        note=row["note"],
        closed_by=row["closed_by"],
        closed_at=optional_instant(row["closed_at"]),
        lifted=boolean(row["lifted"]),
        opened_at=instant(row["opened_at"]),
        seen_at=instant(row["seen_at"]),
    )


def _side(row: Row, side: str) -> Money | None:
    """Each side has a currency of its own, for that may be what differs."""
    amount = row[f"{side}_amount"]
    return None if amount is None else Money(amount, row[f"{side}_currency"])


def discrepancy_to_row(discrepancy: Discrepancy) -> Columns:
    here, there = discrepancy.here, discrepancy.there
    return {
        "id": discrepancy.id,
        "account": discrepancy.account,
        "kind": discrepancy.kind,
        "subject": discrepancy.subject,
        "provider_ref": discrepancy.provider_ref,
        "operation_id": discrepancy.operation_id,
        "order_id": discrepancy.order_id,
        "invoice_id": discrepancy.invoice_id,
        "charge_id": discrepancy.charge_id,
        "refund_id": discrepancy.refund_id,
        "here_amount": here and here.minor_units,
        "here_currency": here and here.currency,
        "there_amount": there and there.minor_units,
        "there_currency": there and there.currency,
        "here_state": discrepancy.here_state,
        "there_outcome": discrepancy.there_outcome,
        "livemode": discrepancy.livemode,
        "state": discrepancy.state,
        "note": discrepancy.note,
        "closed_by": discrepancy.closed_by,
        "closed_at": discrepancy.closed_at,
        "lifted": discrepancy.lifted,
        "opened_at": discrepancy.opened_at,
        "seen_at": discrepancy.seen_at,
    }


def reconciliation_from_row(row: Row) -> Reconciliation:
    return Reconciliation(
        account=row["account"],
        phase=optional(Phase, row["phase"]),
        since=optional_instant(row["since"]),
        cursor=row["cursor"],
        done=row["done"],
        missed=row["missed"],
        incomplete=row["incomplete"],
        started_at=optional_instant(row["started_at"]),
        moved_at=optional_instant(row["moved_at"]),
        compared_until=optional_instant(row["compared_until"]),
        finished_at=optional_instant(row["finished_at"]),
        recovering_since=optional_instant(row["recovering_since"]),
    )


def reconciliation_to_row(reconciliation: Reconciliation) -> Columns:
    return {
        "account": reconciliation.account,
        "phase": reconciliation.phase,
        "since": reconciliation.since,
        "cursor": reconciliation.cursor,
        "done": reconciliation.done,
        "missed": reconciliation.missed,
        "incomplete": reconciliation.incomplete,
        "started_at": reconciliation.started_at,
        "moved_at": reconciliation.moved_at,
        "compared_until": reconciliation.compared_until,
        "finished_at": reconciliation.finished_at,
        "recovering_since": reconciliation.recovering_since,
    }
