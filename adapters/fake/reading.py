"""From the bank's answers to the outcomes of the port.

Only positive evidence makes an outcome: an answer that cannot be read, is somebody else's, or lacks what it has to
have, is UNKNOWN. The same code reads answers that came in process and over HTTP, and the objects inside webhooks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import orjson

from adapters import retry_after
from adapters.fake.bank import Reply
from adapters.fake.calls import exponent_of
from adapters.fake.charges import EXPIRIES
from adapters.fake.declines import meaning_of
from domain.errors import AmountNotRepresentable, PaydeskError
from domain.money import Money
from domain.provider import (
    Card,
    CardBrand,
    ChangesPage,
    ChargeResult,
    ClientSession,
    CustomerResult,
    DisputeReason,
    DisputeResult,
    DisputeState,
    ListedCharge,
    ListedRefund,
    Outcome,
    PaymentMethodResult,
    RedirectAction,
    RefundResult,
    Refusal,
)

_Result = TypeVar("_Result")


class Unreadable(Exception):
    """The answer is not what it has to be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known when no object came back."""

    outcome: Outcome
    refusal: Refusal


UNREADABLE = Verdict(
    Outcome.UNKNOWN,
    Refusal("The bank's answer cannot be read.", provider_code="answer_unreadable", is_outage=True),
)
_CONFIGURATION = Verdict(
    Outcome.NOT_SENT,
    Refusal("The fake bank does not take this key: check PAYDESK_FAKE_API_KEY.", provider_code="configuration"),
)
_OUTCOMES_BY_STATUS = {400: Outcome.FAILED, 404: Outcome.FAILED}
"""The bank looked at the request and refuses it. All else with an error leaves open what happened."""
_OUTCOMES_BY_CODE = {
    "not_accepted": Outcome.NOT_SENT,
    # The key is the operation's own: an earlier sending of it is there, and what became of that is to be looked for.
    "idempotency_key_reused": Outcome.UNKNOWN,
}


def understand(reply: Reply, *, now: datetime) -> dict[str, Any] | Verdict:
    """The object that came back, or what the lack of one means."""
    if reply.status in (401, 403):
        return _CONFIGURATION
    body = _json_object(reply.body)
    if body is None:
        return UNREADABLE
    if reply.status in (200, 402):
        return body
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(error, dict) or not isinstance(code, str):
        return UNREADABLE
    by_status = _OUTCOMES_BY_STATUS.get(reply.status, Outcome.UNKNOWN)
    outcome = _OUTCOMES_BY_CODE.get(code, by_status)
    refusal = Refusal(
        str(error.get("message", "")),
        provider_code=code,
        is_outage=reply.status >= 500,
        retry_after_seconds=retry_after.seconds_of(reply.retry_after, now=now),
        is_key_spent=code == "idempotency_key_reused",
    )
    return Verdict(outcome, refusal)


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def read(reader: Callable[[dict[str, Any]], _Result], body: dict[str, Any]) -> _Result | Verdict:
    """Run a reader below over a body; UNREADABLE when something is missing or of the wrong kind."""
    try:
        return reader(body)
    except (Unreadable, KeyError, TypeError, ValueError, PaydeskError):
        return UNREADABLE


def client_session(body: dict[str, Any]) -> ClientSession:
    session = body["session"]
    return ClientSession(
        secret=_text(session["secret"]),
        publishable_key=None,
        tokenizer_url=_text(session["tokenizer_url"]),
        expires_at=_moment(session["expires_at"]),
    )


def customer(body: dict[str, Any]) -> CustomerResult:
    return CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=_text(body["customer"]["ref"]))


_BRANDS = frozenset(CardBrand)


def payment_method(body: dict[str, Any]) -> PaymentMethodResult:
    method = body["payment_method"]
    card = _card(method)
    if "next_action" in body:
        return PaymentMethodResult(
            outcome=Outcome.REQUIRES_ACTION,
            payment_method_ref=_text(method["ref"]),
            card=card,
            next_action=_redirect(body["next_action"]),
        )
    if (refusal := _refusal(body.get("refusal"), declined=True)) is not None:
        is_late = refusal.provider_code in EXPIRIES
        return PaymentMethodResult(
            outcome=Outcome.EXPIRED if is_late else Outcome.DECLINED,
            payment_method_ref=_text(method["ref"]),
            card=card,
            refusal=replace(refusal, decline_code=None) if is_late else refusal,
        )
    if method["attached"] is not True:
        gone = Refusal("This payment method was detached.", provider_code="payment_method_detached")
        return PaymentMethodResult(
            outcome=Outcome.FAILED, payment_method_ref=_text(method["ref"]), card=card, refusal=gone
        )
    fingerprint = method.get("fingerprint")
    return PaymentMethodResult(
        outcome=Outcome.SUCCEEDED,
        payment_method_ref=_text(method["ref"]),
        card=card,
        card_fingerprint=None if fingerprint is None else _text(fingerprint),
    )


def _card(method: Mapping[str, Any]) -> Card:
    return Card(
        brand=CardBrand(method["brand"]) if method["brand"] in _BRANDS else CardBrand.OTHER,
        last4=_text(method["last4"]),
        expiry_month=_whole(method["expiry_month"]),
        expiry_year=_whole(method["expiry_year"]),
    )


_CHARGE_OUTCOMES = {
    "pending": Outcome.PENDING,
    "succeeded": Outcome.SUCCEEDED,
    "authorized": Outcome.AUTHORIZED,
    "requires_action": Outcome.REQUIRES_ACTION,
    "declined": Outcome.DECLINED,
    "failed": Outcome.FAILED,
    "voided": Outcome.VOIDED,
}


def charge(body: dict[str, Any]) -> ChargeResult:
    picture = _charge_picture(body["charge"])
    if picture.outcome is not Outcome.REQUIRES_ACTION:
        return picture
    return replace(picture, next_action=_redirect(body["next_action"]))


def _charge_picture(found: dict[str, Any]) -> ChargeResult:
    """Without the way to the customer's challenge, which is told to those alone who ask for this very charge."""
    refusal = _refusal(found["refusal"], declined=found["state"] == "declined")
    outcome = _CHARGE_OUTCOMES[found["state"]]
    if refusal is not None and refusal.provider_code in EXPIRIES:
        outcome = Outcome.EXPIRED
    currency = _text(found["currency"])
    authorized = money_of(found["authorized"], currency)
    brought = found.get("new_payment_method")
    return ChargeResult(
        outcome=outcome,
        charge_ref=_text(found["ref"]),
        operation_id=_text(found["operation_id"]),
        authorized=authorized,
        captured=money_of(found["captured"], currency),
        refunded=money_of(found["refunded"], currency) if "refunded" in found else None,
        capture_before=_moment(found["capture_before"]) if outcome is Outcome.AUTHORIZED else None,
        refusal=refusal,
        payment_method=brought and _brought(brought, outcome, refusal, was_charged=authorized.minor_units > 0),
        raw={name: value for name, value in found.items() if name != "new_payment_method"},
    )


def _brought(
    method: Mapping[str, Any], outcome: Outcome, refusal: Refusal | None, *, was_charged: bool
) -> PaymentMethodResult:
    """The card that came with the charge; it stays charged when what was held is released."""
    return PaymentMethodResult(
        outcome=Outcome.SUCCEEDED if was_charged else _UNCHARGED.get(outcome, Outcome.FAILED),
        payment_method_ref=_text(method["ref"]),
        card=_card(method),
        card_fingerprint=_text(method["fingerprint"]),
        refusal=None if was_charged else refusal,
    )


_UNCHARGED = {each: each for each in (Outcome.PENDING, Outcome.REQUIRES_ACTION, Outcome.DECLINED)}

_REFUND_OUTCOMES = {"pending": Outcome.PENDING, "succeeded": Outcome.SUCCEEDED, "failed": Outcome.FAILED}


def refund(body: dict[str, Any]) -> RefundResult:
    found = body["refund"]
    return RefundResult(
        outcome=_REFUND_OUTCOMES[found["state"]],
        refund_ref=_text(found["ref"]),
        operation_id=_text(found["operation_id"]),
        amount=money_of(found["amount"], _text(found["currency"])),
        refusal=_refusal(found["refusal"], declined=False),
        raw=found,
    )


_DISPUTE_STATES = {state.lower(): state for state in DisputeState}
_DISPUTE_REASONS = frozenset(DisputeReason)


def dispute(body: dict[str, Any]) -> DisputeResult:
    found = body["dispute"]
    scheme_code = found["scheme_code"]
    return DisputeResult(
        outcome=Outcome.SUCCEEDED,
        dispute_ref=_text(found["ref"]),
        charge_ref=_text(found["charge_ref"]),
        state=_DISPUTE_STATES[found["state"]],
        amount=money_of(found["amount"], _text(found["currency"])),
        is_inquiry=_flag(found["is_inquiry"]),
        reason=DisputeReason(found["reason"]) if found["reason"] in _DISPUTE_REASONS else DisputeReason.GENERAL,
        scheme_code=None if scheme_code is None else _text(scheme_code),
        respond_by=_moment(found["respond_by"]),
        opened_at=_moment(found["created_at"]),
        raw=found,
    )


def changes(body: dict[str, Any]) -> ChangesPage:
    found = body["changes"]
    return ChangesPage(
        outcome=Outcome.SUCCEEDED,
        charges=tuple(_listed_charge(each) for each in found if each["object"] == "charge"),
        refunds=tuple(_listed_refund(each) for each in found if each["object"] == "refund"),
        disputes=tuple(_listed_dispute(each) for each in found if each["object"] == "dispute"),
        cursor=None if body["cursor"] is None else _text(body["cursor"]),
    )


def _listed_charge(found: dict[str, Any]) -> ListedCharge:
    metadata = found.get("metadata") or {}
    picture = read(_charge_picture, found)
    if isinstance(picture, Verdict):
        # One that cannot be read does not hide the others.
        picture = ChargeResult(outcome=picture.outcome, charge_ref=_text(found["ref"]), refusal=picture.refusal)
    return ListedCharge(
        charge_ref=_text(found["ref"]),
        made_at=_moment(found["created_at"]),
        livemode=False,
        order_id=metadata.get("paydesk_order"),
        invoice_id=metadata.get("paydesk_invoice"),
        charge_id=metadata.get("paydesk_charge"),
        picture=picture,
    )


def _listed_refund(found: dict[str, Any]) -> ListedRefund:
    picture = read(refund, {"refund": found})
    if isinstance(picture, Verdict):
        picture = RefundResult(outcome=picture.outcome, refund_ref=_text(found["ref"]), refusal=picture.refusal)
    return ListedRefund(
        refund_ref=_text(found["ref"]),
        made_at=_moment(found["created_at"]),
        livemode=False,
        refund_id=_text(found["refund_id"]),
        charge_ref=_text(found["charge_ref"]),
        picture=picture,
    )


def _listed_dispute(found: dict[str, Any]) -> DisputeResult:
    picture = read(dispute, {"dispute": found})
    if isinstance(picture, Verdict):
        picture = DisputeResult(outcome=picture.outcome, dispute_ref=_text(found["ref"]), refusal=picture.refusal)
    return picture


def _redirect(action: Mapping[str, Any]) -> RedirectAction:
    return RedirectAction(url=_text(action["redirect_url"]), expires_at=_moment(action["expires_at"]))


def _refusal(refusal: Mapping[str, Any] | None, *, declined: bool) -> Refusal | None:
    if refusal is None:
        return None
    code, issuer_code = _text(refusal["code"]), refusal["issuer_code"]
    return Refusal(
        message=_text(refusal["message"]),
        decline_code=meaning_of(code) if declined else None,
        issuer_code=None if issuer_code is None else _text(issuer_code),
        provider_code=code,
    )


# --- money ----------------------------------------------------------------------------------------------------------
# The bank counts in units of its own table (calls.py). Today that is ISO's, as ours is; nothing passes a number through
# on the strength of that.


def amount_of(money: Money) -> int:
    """In the bank's units; AmountNotRepresentable when it has none for this currency, or too coarse ones."""
    exponent = exponent_of(money.currency)
    if exponent is None:
        raise AmountNotRepresentable(money.minor_units)
    amount = money.decimal.scaleb(exponent)
    if amount != int(amount):
        raise AmountNotRepresentable(money.minor_units)
    return int(amount)


def money_of(amount: object, currency: str) -> Money:
    exponent = exponent_of(currency)
    if exponent is None:
        raise Unreadable(currency)
    ours = Money.zero(currency).exponent
    scaled = _whole(amount) * 10 ** max(ours - exponent, 0)
    units, rest = divmod(scaled, 10 ** max(exponent - ours, 0))
    if rest:
        raise Unreadable(currency)
    return Money(units, currency)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Unreadable
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise Unreadable
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unreadable
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise Unreadable
    return moment
