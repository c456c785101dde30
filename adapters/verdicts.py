"""What is known of a request that no object came back from: an outcome, and why. What else there is, adapters add.

The port has a result of its own for every kind of object; all of them can hold a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from domain.provider import (
    ChargeResult,
    CustomerResult,
    DisputeResult,
    Outcome,
    PaymentMethodResult,
    RefundResult,
    Refusal,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyVerdict:
    outcome: Outcome
    refusal: Refusal
    status: int | None = None
    """Of HTTP, where there was an answer."""

    @property
    def code(self) -> str | None:
        return self.refusal.provider_code

    @property
    def raw(self) -> Mapping[str, Any]:
        """What to ask the provider's support with."""
        raise NotImplementedError


_Told = TypeVar("_Told")
_Verdict = TypeVar("_Verdict", bound=AnyVerdict)


def as_looked(told: _Verdict) -> _Verdict:
    """A question only: that it was not sent, or was refused, says nothing of what it is about."""
    return replace(told, outcome=Outcome.UNKNOWN)


def as_of_one(told: _Told, unreadable: _Verdict) -> _Told | _Verdict:
    """That one object makes no sense is no reason to ask for no others: five such would keep everybody from paying."""
    is_odd = told == unreadable
    return replace(unreadable, refusal=replace(unreadable.refusal, is_outage=False)) if is_odd else told


def as_customer(told: CustomerResult | AnyVerdict) -> CustomerResult:
    return CustomerResult(outcome=told.outcome, refusal=told.refusal) if isinstance(told, AnyVerdict) else told


def as_method(told: PaymentMethodResult | AnyVerdict) -> PaymentMethodResult:
    return PaymentMethodResult(outcome=told.outcome, refusal=told.refusal) if isinstance(told, AnyVerdict) else told


def as_charge(told: ChargeResult | AnyVerdict) -> ChargeResult:
    if not isinstance(told, AnyVerdict):
        return told
    return ChargeResult(outcome=told.outcome, refusal=told.refusal, raw=told.raw)


def as_refund(told: RefundResult | AnyVerdict) -> RefundResult:
    if not isinstance(told, AnyVerdict):
        return told
    return RefundResult(outcome=told.outcome, refusal=told.refusal, raw=told.raw)


def as_dispute(told: DisputeResult | AnyVerdict) -> DisputeResult:
    if not isinstance(told, AnyVerdict):
        return told
    return DisputeResult(outcome=told.outcome, refusal=told.refusal, raw=told.raw)
