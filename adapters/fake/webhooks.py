"""The bank's signed webhooks: how they are signed, and how a receiver checks and reads them.

The header `Paydesk-Fake-Signature: t=<unix seconds>,v1=<hex>` carries an HMAC-SHA256 over `<t>.<body>`. It may carry
several `v1`, and the receiver may know several secrets, so that a secret can be changed without losing a delivery.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from domain.provider import WebhookEvent, WebhookRejected, WebhookSubject

SIGNATURE_HEADER = "Paydesk-Fake-Signature"
TOLERANCE_SECONDS = 300
"""How old, or how far ahead of our clock, a signature may be: a recorded delivery is worth nothing afterwards."""

_LONGEST_HEADER = 4096
_SUBJECTS = {
    "charge": WebhookSubject.CHARGE,
    "refund": WebhookSubject.REFUND,
    "payment_method": WebhookSubject.PAYMENT_METHOD,
    "dispute": WebhookSubject.DISPUTE,
}


def sign(body: bytes, *, secrets: Sequence[str], moment: datetime) -> str:
    """The header's value; during a change of secrets, one signature for each."""
    timestamp = str(int(moment.timestamp()))
    return ",".join([f"t={timestamp}", *(f"v1={_signature(secret, timestamp, body)}" for secret in secrets)])


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], moment: datetime) -> WebhookEvent:
    """WebhookRejected unless one of the secrets signed exactly these bytes a short while ago, and they are an event."""
    timestamp, signatures = _read_header(headers)
    expected = [_signature(secret, timestamp, body).encode() for secret in secrets]
    # Every pair is compared, whatever the first ones gave: the time taken tells nothing.
    matches = [hmac.compare_digest(one, given.encode()) for one in expected for given in signatures]
    if not any(matches):
        raise WebhookRejected("The signature is wrong.")
    if abs(moment.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise WebhookRejected("The signature is too old, or from the future.")
    return _read_event(body)


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _read_header(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    values = [value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER.lower()]
    if len(values) != 1 or len(values[0]) > _LONGEST_HEADER or not values[0].isascii():
        raise WebhookRejected(f"There has to be one {SIGNATURE_HEADER} header.")
    pairs = [part.strip().partition("=") for part in values[0].split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    if len(timestamps) != 1 or not timestamps[0].isdigit() or len(timestamps[0]) > 12:
        raise WebhookRejected("The signature has no timestamp.")
    return timestamps[0], [value for name, _, value in pairs if name == "v1"]


def _read_event(body: bytes) -> WebhookEvent:
    try:
        event = orjson.loads(body)
        data = event["data"]
        return WebhookEvent(
            key=_text(event["id"]),
            kind=_text(event["kind"]),
            subject=_SUBJECTS.get(_text(data["object"]), WebhookSubject.OTHER),
            subject_ref=_text(data["ref"]),
            operation_id=None if data.get("operation_id") is None else _text(data["operation_id"]),
            livemode=_flag(event["livemode"]),
            occurred_at=_moment(event["created_at"]),
            payload=event,
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WebhookRejected("The body is no event of the fake bank.") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("A moment has to say its offset.")
    return moment
