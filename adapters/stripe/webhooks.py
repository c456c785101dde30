"""Stripe's webhooks: https://docs.stripe.com/webhooks and https://docs.stripe.com/webhooks/signature.

The SDK computes and compares the signature over the raw body (`WebhookSignature.verify_header`, once for each secret).
The rest is ours: `construct_event` takes an event of the next hour, knows one secret, and raises whatever it happens to
on a signed body that is no event.

An event may come in another API version than ours, for that is a setting of the endpoint in the Dashboard. It does no
harm: of what it says only names are used, which are the same in all versions, and the object is fetched in our own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import stripe

from adapters.stripe.reading import UNREADABLE, flag, moment, operation_of, ref_of
from domain.provider import WebhookEvent, WebhookRejected, WebhookSubject

SIGNATURE_HEADER = "Stripe-Signature"
TOLERANCE_SECONDS = 300
"""How old, or how far ahead of our clock, a signature may be: a recorded delivery is worth nothing afterwards."""

_LONGEST_HEADER = 4096
_LONGEST_ID = 255
_DEEPEST = 32
"""Levels of the payload; the deepest event has about ten. What goes further breaks whoever walks through it."""
_SUBJECTS: dict[str, WebhookSubject] = {
    "payment_intent": WebhookSubject.CHARGE,
    "charge": WebhookSubject.CHARGE,
    "refund": WebhookSubject.REFUND,
    "setup_intent": WebhookSubject.PAYMENT_METHOD,
    "payment_method": WebhookSubject.PAYMENT_METHOD,
    "dispute": WebhookSubject.DISPUTE,
}
"""By the object that an event carries, which says more than its type: `charge.refund.updated` carries a refund, and
`charge.dispute.created` a dispute."""


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: datetime) -> WebhookEvent:
    """WebhookRejected unless one of the secrets signed exactly these bytes a short while ago, and they are an event."""
    header = _header(headers)
    if not any(_is_signed(body, header, secret) for secret in secrets):
        raise WebhookRejected("The signature is wrong.")
    if abs(now.timestamp() - _signed_at(header)) > TOLERANCE_SECONDS:
        raise WebhookRejected("The signature is too old, or from the future.")
    try:
        return _event(_checked(orjson.loads(body)))
    except (*UNREADABLE, RecursionError) as error:
        raise WebhookRejected("The body is no event of Stripe.") from error


def _header(headers: Mapping[str, str]) -> str:
    values = [value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER.lower()]
    if len(values) != 1 or len(values[0]) > _LONGEST_HEADER or not values[0].isascii():
        raise WebhookRejected(f"There has to be one {SIGNATURE_HEADER} header.")
    return values[0]


def _signed_at(header: str) -> int:
    """The SDK takes the first time of several for the signed one, and numbers in other spellings: there is one here."""
    times = [value for name, _, value in (part.partition("=") for part in header.split(",")) if name.strip() == "t"]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12:
        raise WebhookRejected("The signature has no timestamp.")
    return int(times[0])


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret, tolerance=None))
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False


def _checked(event: Any) -> Any:
    """Also for whoever stores it: no deeper than anything is, and without what PostgreSQL has no character for."""
    level: list[Any] = [event]
    for _ in range(_DEEPEST):
        inside: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inside += [*each, *each.values()]
            elif isinstance(each, list):
                inside += each
            elif isinstance(each, str) and "\0" in each:
                raise ValueError("There is a NUL in it.")
        if not inside:
            return event
        level = inside
    raise ValueError("It is nested too deep.")


def _event(event: Any) -> WebhookEvent:
    if event["object"] != "event":
        raise ValueError("It is something else.")
    about = event["data"]["object"]
    subject, ref = _subject(event, about)
    return WebhookEvent(
        key=_name(event["id"]),
        kind=_name(event["type"]),
        subject=subject,
        subject_ref=ref,
        operation_id=operation_of(about),
        livemode=flag(event["livemode"]),
        occurred_at=moment(event["created"]),
        payload={**{name: event.get(name) for name in _TOLD}, "data": {"object": _told(about)}},
    )


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    """Ids, states, amounts and codes, for staff: no card, no person, no secret, nor what anybody else wrote."""
    metadata = {name: value for name, value in (about.get("metadata") or {}).items() if name.startswith(_OURS)}
    return {name: about[name] for name in _TOLD_OF_OBJECTS if name in about} | {"metadata": metadata}


_OURS = "paydesk_"
_TOLD = ("id", "object", "type", "api_version", "created", "livemode")
_TOLD_OF_OBJECTS = (
    *("id", "object", "created", "livemode", "status", "currency", "type", "reason"),
    *("amount", "amount_capturable", "amount_received", "amount_captured", "amount_refunded"),
    *("captured", "capture_method", "cancellation_reason", "disputed", "is_charge_refundable", "paid", "refunded"),
    *("failure_code", "failure_reason", "network_reason_code"),
)


def _subject(event: Mapping[str, Any], about: Mapping[str, Any]) -> tuple[WebhookSubject, str | None]:
    """What it is about, and how that is called. A charge is here what its intent is; one without has none of ours."""
    kind = _name(about["object"])
    subject = _SUBJECTS.get(kind, WebhookSubject.OTHER)
    ref = ref_of(about.get("payment_intent")) if kind == "charge" else about.get("id")
    # `account`: of an account that is connected to this one.
    if ref is None or event.get("account") is not None:
        return WebhookSubject.OTHER, None
    return subject, _name(ref)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        raise TypeError
    return value
