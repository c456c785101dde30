# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Webhook deliveries, with how their jobs are doing and the records of ours that they are about."""

from collections.abc import Sequence
from typing import Final

from domain.jobs import JobKind
from domain.operations import OperationKind
from domain.provider import WebhookSubject
from domain.queries import WebhookDeliveryFilter
from domain.webhooks import DeliveryState, DeliveryView
from persistence.columns import Row, document
from persistence.database import Database
from persistence.queries.listing import (
    BY_TIME,
    NOTHING,
    Listing,
    Parameters,
    before,
    columns_of,
    equals,
    not_before,
    one_of,
)
from persistence.queries.reads import ListingReads
from persistence.sql import boolean, instant, optional_instant

_JOB: Final = f"jobs.kind = '{JobKind.APPLY_WEBHOOK}' AND jobs.subject_id = webhook_deliveries.id"
_GIVEN_UP: Final = (
    "webhook_deliveries.id IN (SELECT jobs.subject_id FROM jobs"
    f" WHERE jobs.kind = '{JobKind.APPLY_WEBHOOK}' AND jobs.dead_at IS NOT NULL)"
)
_IS_FAILED: Final = f"(webhook_deliveries.state = '{DeliveryState.STORED}' AND {_GIVEN_UP})"


def _of_job(column: str, condition: str = "TRUE") -> str:
    return f"(SELECT jobs.{column} FROM jobs WHERE {_JOB} AND {condition})"


def _about(subject: WebhookSubject, table: str, ref: str, of_operation: str | None) -> str:
    """The id of our record; known by the provider's id, or by the request that made it while it has none."""
    by_ref = (
        f"(SELECT {table}.id FROM {table} WHERE {table}.account = webhook_deliveries.account"
        f" AND {table}.{ref} = webhook_deliveries.subject_ref)"
    )
    by_operation = (
        "(SELECT operations.{} FROM operations WHERE operations.id = webhook_deliveries.operation_id"
        " AND operations.account = webhook_deliveries.account AND (operations.kind = '{}') = {})"
    ).format(of_operation, OperationKind.REFUND, "TRUE" if subject is WebhookSubject.REFUND else "FALSE")
    found = f"COALESCE({by_ref}, {by_operation})" if of_operation else by_ref
    return f"CASE WHEN webhook_deliveries.subject = '{subject}' THEN {found} END"


_CHARGE: Final = _about(WebhookSubject.CHARGE, "charges", "charge_ref", "charge_id")
_REFUND: Final = _about(WebhookSubject.REFUND, "refunds", "refund_ref", "refund_id")
_DISPUTE: Final = _about(WebhookSubject.DISPUTE, "disputes", "dispute_ref", None)
_PAYMENT_METHOD: Final = _about(WebhookSubject.PAYMENT_METHOD, "payment_methods", "payment_method_ref", None)


def _in_states(states: Sequence[DeliveryState], parameters: Parameters) -> str:
    kept = [state for state in states if state is not DeliveryState.FAILED]
    wanted = f"({one_of('webhook_deliveries.state')(kept, parameters)} AND NOT {_IS_FAILED})"
    return f"({wanted} OR {_IS_FAILED})" if DeliveryState.FAILED in states else wanted


def _about_id(subject_id: str, parameters: Parameters) -> str:
    wanted = parameters.add(subject_id)
    by_ref = " UNION ALL ".join(
        f"SELECT {table}.{ref} FROM {table} WHERE {table}.id = {wanted}"
        for table, ref in (
            ("charges", "charge_ref"),
            ("refunds", "refund_ref"),
            ("disputes", "dispute_ref"),
            ("payment_methods", "payment_method_ref"),
        )
    )
    # The references narrow by an index; whose they are is said by the same expressions that are shown.
    by_operation = (
        f"SELECT operations.id FROM operations WHERE operations.charge_id = {wanted}"
        f" UNION ALL SELECT operations.id FROM operations WHERE operations.refund_id = {wanted}"
    )
    return (
        f"((webhook_deliveries.subject_ref IN ({by_ref}) OR webhook_deliveries.operation_id IN ({by_operation}))"
        f" AND {wanted} IN ({_CHARGE}, {_REFUND}, {_DISPUTE}, {_PAYMENT_METHOD}))"
    )


def delivery_view_from_row(row: Row) -> DeliveryView:
    return DeliveryView(
        id=row["id"],
        account=row["account"],
        kind=row["kind"],
        state=DeliveryState(row["state"]),
        subject_ref=row["subject_ref"],
        charge_id=row["charge_id"],
        refund_id=row["refund_id"],
        dispute_id=row["dispute_id"],
        payment_method_id=row["payment_method_id"],
        livemode=boolean(row["livemode"]),
        payload=document(row["payload"]),
        occurred_at=instant(row["occurred_at"]),
        received_at=instant(row["received_at"]),
        ended_at=optional_instant(row["ended_at"]),
        replayed_at=optional_instant(row["replayed_at"]),
        tries=row["tries"],
        last_error=row["last_error"],
        next_try_at=optional_instant(row["next_try_at"]),
    )


WEBHOOK_DELIVERIES: Final[Listing[DeliveryView]] = Listing(
    table="webhook_deliveries",
    columns={
        **columns_of(
            "webhook_deliveries",
            "id account kind subject_ref livemode payload occurred_at received_at ended_at replayed_at",
        ),
        "state": f"CASE WHEN {_IS_FAILED} THEN '{DeliveryState.FAILED}' ELSE webhook_deliveries.state END",
        "charge_id": _CHARGE,
        "refund_id": _REFUND,
        "dispute_id": _DISPUTE,
        "payment_method_id": _PAYMENT_METHOD,
        "tries": _of_job("tries"),
        "last_error": _of_job("last_error"),
        "next_try_at": _of_job("run_at", "jobs.dead_at IS NULL"),
    },
    record=delivery_view_from_row,
    sorts=BY_TIME,
    filters={
        "accounts": one_of("webhook_deliveries.account"),
        "states": _in_states,
        "kinds": one_of("webhook_deliveries.kind"),
        "subject_id": _about_id,
        "subject_ref": equals("webhook_deliveries.subject_ref"),
        "received_from": not_before("webhook_deliveries.received_at"),
        "received_before": before("webhook_deliveries.received_at"),
    },
    # No customer ever owns one.
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={},
)


def webhook_deliveries(database: Database) -> ListingReads[DeliveryView, WebhookDeliveryFilter]:
    return ListingReads(database, WEBHOOK_DELIVERIES)
