"""What an answer means for the request that it is to: the request is over, or is looked after again."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from domain.events import Event, EventKind, new_event
from domain.jobs import JobKind
from domain.operations import Operation
from domain.provider import ChargeResult, DisputeResult, Outcome, RefundResult, Refusal
from domain.store import Transaction

Answer = TypeVar("Answer", ChargeResult, RefundResult, DisputeResult)

LOOK_AFTER_SECONDS = (5, 15, 60, 300, 900, 3600)
"""When an unknown outcome is looked into: most lost answers are known within seconds; after that, hourly for ever."""

REVIEW_AFTER_TRIES = 30
"""A day of looking. The charge stays UNKNOWN: only a person may decide what nobody could find out."""


def weighed(operation: Operation, result: Answer) -> Answer:
    """What an answer is worth by the time it comes.

    That a sending failed proves nothing once somebody else may have sent it too: a process that slept past its lease is
    as good as one that heard no answer.
    """
    if result.outcome is Outcome.NOT_SENT and (operation.sends > 1 or operation.is_finished):
        return replace(result, outcome=Outcome.UNKNOWN)
    if is_held_back(result) and operation.sends > 1 and result.refusal is not None and result.refusal.is_key_spent:
        # This sending was refused for its key; one before, under the same key, may have acted.
        return replace(result, outcome=Outcome.UNKNOWN)
    if operation.waits_to_be_sent and _is_silence(result) and not isinstance(result, DisputeResult):
        # A look that failed: nothing of the request has left, whatever can be seen.
        return replace(result, outcome=Outcome.PENDING, is_held_back=True)
    return result


def _is_silence(result: ChargeResult | RefundResult | DisputeResult) -> bool:
    ref = result.refund_ref if isinstance(result, RefundResult) else result.charge_ref
    return result.outcome is Outcome.UNKNOWN and ref is None


def is_held_back(result: ChargeResult | RefundResult | DisputeResult) -> bool:
    """Whether the provider has nothing of it, and will take it later."""
    return not isinstance(result, DisputeResult) and result.outcome is Outcome.PENDING and result.is_held_back


def counted(operation: Operation, look_was_empty: bool | None) -> Operation:
    return operation if look_was_empty is None else operation.looked_after(empty=look_was_empty)


def is_lost(operation: Operation) -> bool:
    return operation.outcome is Outcome.UNKNOWN and operation.tries >= REVIEW_AFTER_TRIES


async def finish(tx: Transaction, operation: Operation, *, now: datetime) -> None:
    await tx.operations.save(operation.finished(now=now))
    await tx.jobs.cancel(JobKind.RESOLVE_OPERATION, operation.id)


def learnt_from(
    operation: Operation, result: ChargeResult | RefundResult | DisputeResult, *, answer: Outcome | None = None
) -> Operation:
    """`answer` where the result is a picture, which tells something else of the request than of what it shows."""
    learnt = operation.learnt(answer or result.outcome, result.raw)
    if is_held_back(result) and operation.sends == 1:
        learnt = learnt.held_back()
    return learnt.without_key() if result.refusal is not None and result.refusal.is_key_spent else learnt


async def postpone(tx: Transaction, operation: Operation, refusal: Refusal | None) -> timedelta:
    """By our schedule; later where the provider asked to be left alone for longer."""
    scheduled = float(LOOK_AFTER_SECONDS[min(operation.tries, len(LOOK_AFTER_SECONDS) - 1)])
    asked_for = refusal.retry_after_seconds if refusal else None
    seconds = max(scheduled, asked_for or 0.0)
    if operation.is_held_back and refusal is not None and refusal.is_key_spent:
        seconds = 0.0  # without a key it is taken at once
    await tx.operations.save(operation)
    await tx.jobs.schedule(JobKind.RESOLVE_OPERATION, operation.id, after_seconds=seconds)
    return timedelta(seconds=seconds)


def told_event(
    kind: EventKind,
    subjects: tuple[str, ...],
    data: dict[str, object],
    actor: str,
    livemode: bool,
    now: datetime,
) -> Event:
    told = {name: value for name, value in data.items() if value is not None}
    return new_event(kind, *subjects, actor=actor, livemode=livemode, now=now, data=told)
