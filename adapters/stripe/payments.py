"""A PaymentIntent as the port's charge: https://docs.stripe.com/payments/paymentintents/lifecycle.

Read the same way wherever it comes from: the answer to a request, a look, a list, the error of a declined card. What
was taken is the intent's `amount_received`; the charge inside tells what was held and what went back, where an answer
has it as an object.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from adapters.stripe.amounts import money_of
from adapters.stripe.cards import card_in, fingerprint_in
from adapters.stripe.declines import decline_of
from adapters.stripe.reading import (
    Unreadable,
    moment,
    object_of,
    operation_of,
    optional_moment,
    ref_of,
    text,
    whole,
)
from domain.money import Money
from domain.provider import (
    ChargeResult,
    NextAction,
    Outcome,
    PaymentMethodResult,
    RedirectAction,
    Refusal,
    SdkAction,
)

ORDER, INVOICE, CHARGE = "paydesk_order", "paydesk_invoice", "paydesk_charge"
"""In the metadata of an intent: what of ours it is for."""

EXPAND = ["latest_charge", "payment_method"]
"""What an intent is asked for with: its charge and its card as objects."""
EXPAND_IN_LIST = ["data.latest_charge", "data.payment_method"]

ACTION_LASTS = timedelta(days=1)
"""Stripe tells no end of a confirmation (a bank's page is open for minutes, an intent for ever); the gateway has one of
its own, which is earlier."""

_RAN_OUT = frozenset({"automatic", "expired"})
"""Why Stripe itself cancels an intent: the hold was not captured in time."""


def picture(found: Mapping[str, Any], *, now: datetime) -> ChargeResult:
    """The intent as it is; Unreadable when it is none."""
    intent = object_of(found, "payment_intent")
    currency = intent["currency"]
    outcome = _outcome(intent)
    charge = _charge_in(intent)
    error = intent.get("last_payment_error") if outcome is Outcome.DECLINED else None
    refusal = None if error is None else decline_of(error)
    return ChargeResult(
        outcome=outcome,
        charge_ref=text(intent["id"]),
        operation_id=operation_of(intent),
        authorized=_authorized(intent, charge, outcome),
        captured=money_of(intent["amount_received"], currency),
        refunded=_refunded(intent, charge),
        capture_before=_capture_before(charge) if outcome is Outcome.AUTHORIZED else None,
        next_action=action_of(intent, now=now) if outcome is Outcome.REQUIRES_ACTION else None,
        refusal=refusal,
        # Another card may be tried with the intent's client secret, which the customer's app may have.
        is_open=outcome is Outcome.DECLINED,
        payment_method=_card_of(intent, outcome, error, refusal),
        raw=_raw(intent, charge, error),
    )


_OUTCOMES: dict[str, Outcome] = {
    "succeeded": Outcome.SUCCEEDED,
    "requires_capture": Outcome.AUTHORIZED,
    "processing": Outcome.PENDING,
    "requires_action": Outcome.REQUIRES_ACTION,
    # Somebody with the client secret has chosen a card and not confirmed it: that can be done there, or here.
    "requires_confirmation": Outcome.REQUIRES_ACTION,
}


def _outcome(intent: Mapping[str, Any]) -> Outcome:
    status = text(intent["status"])
    if status == "canceled":
        return Outcome.EXPIRED if intent.get("cancellation_reason") in _RAN_OUT else Outcome.VOIDED
    if status == "requires_payment_method":
        # Without an error nobody has tried a card yet, and nobody has said no.
        return Outcome.DECLINED if intent.get("last_payment_error") else Outcome.REQUIRES_ACTION
    if status not in _OUTCOMES:
        raise Unreadable(status)
    return _OUTCOMES[status]


def action_of(intent: Mapping[str, Any], *, now: datetime) -> NextAction:
    """The bank's page where the request named a return url; else Stripe's own SDK goes on with the client secret."""
    action = intent.get("next_action") or {}
    expires_at = now + ACTION_LASTS
    if action.get("type") == "redirect_to_url":
        return RedirectAction(url=text(action["redirect_to_url"]["url"]), expires_at=expires_at)
    return SdkAction(client_secret=text(intent["client_secret"]), expires_at=expires_at)


# --- the charge inside ------------------------------------------------------------------------------------------------


def _charge_in(intent: Mapping[str, Any]) -> dict[str, Any] | None:
    """As an object, where the answer has it as one."""
    charge = intent.get("latest_charge")
    return object_of(charge, "charge") if isinstance(charge, dict) else None


def _authorized(intent: Mapping[str, Any], charge: Mapping[str, Any] | None, outcome: Outcome) -> Money | None:
    """The most that was held or taken. None where only the charge could tell, and the answer names it alone."""
    currency = intent["currency"]
    if outcome is Outcome.AUTHORIZED:
        return money_of(intent["amount_capturable"], currency)
    if outcome in (Outcome.DECLINED, Outcome.REQUIRES_ACTION):
        return money_of(0, currency)
    if charge is not None:
        return money_of(charge["amount"] if charge["status"] == "succeeded" else 0, currency)
    if ref_of(intent.get("latest_charge")) is None:
        return money_of(0, currency)
    return None


def _refunded(intent: Mapping[str, Any], charge: Mapping[str, Any] | None) -> Money | None:
    """What went back of what was taken. What was held and released counts in `amount_refunded` too."""
    if whole(intent["amount_received"]) == 0:
        return money_of(0, intent["currency"])
    if charge is None:
        return None
    released = whole(charge["amount"]) - whole(charge["amount_captured"])
    return money_of(max(whole(charge["amount_refunded"]) - released, 0), charge["currency"])


def _capture_before(charge: Mapping[str, Any] | None) -> datetime | None:
    card = ((charge or {}).get("payment_method_details") or {}).get("card") or {}
    return optional_moment(card.get("capture_before"))


def _card_of(
    intent: Mapping[str, Any], outcome: Outcome, error: Mapping[str, Any] | None, refusal: Refusal | None
) -> PaymentMethodResult | None:
    """Of a declined one the error has the card: the intent has let go of it."""
    if outcome in (Outcome.SUCCEEDED, Outcome.AUTHORIZED):
        method, told = intent.get("payment_method"), Outcome.SUCCEEDED
    else:
        method, told = (error or {}).get("payment_method"), Outcome.DECLINED
    if not isinstance(method, dict):
        return None
    return PaymentMethodResult(
        outcome=told,
        payment_method_ref=text(method["id"]),
        card=card_in(method),
        card_fingerprint=fingerprint_in(method),
        refusal=refusal,
    )


def _raw(
    intent: Mapping[str, Any], charge: Mapping[str, Any] | None, error: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Ids, states, amounts and codes: no card, no person, no secret."""
    raw = {name: intent.get(name) for name in _TOLD}
    if charge is not None:
        raw["charge"] = {name: charge.get(name) for name in _TOLD_OF_CHARGE}
        outcome = charge.get("outcome") or {}
        raw["outcome"] = {name: outcome.get(name) for name in _TOLD_OF_OUTCOME}
    if error is not None:
        raw["error"] = {name: error.get(name) for name in _TOLD_OF_ERROR}
    return raw


_TOLD = (
    *("object", "id", "status", "amount", "amount_capturable", "amount_received", "currency", "capture_method"),
    *("cancellation_reason", "created", "livemode"),
)
_TOLD_OF_CHARGE = (
    *("id", "status", "amount", "amount_captured", "amount_refunded", "captured", "disputed", "failure_code"),
)
_TOLD_OF_OUTCOME = ("type", "network_status", "reason", "risk_level", "advice_code", "network_decline_code")
_TOLD_OF_ERROR = ("type", "code", "decline_code", "advice_code", "network_decline_code", "charge")


def is_ours(found: Mapping[str, Any], operation_id: str) -> bool:
    """Whether this operation made it, by what it wrote to it."""
    return operation_of(found) == operation_id


def made_at(found: Mapping[str, Any]) -> datetime:
    return moment(found["created"])
