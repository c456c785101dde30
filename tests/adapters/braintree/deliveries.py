"""Webhooks as Braintree would send them: https://developer.paypal.com/braintree/docs/guides/webhooks/parse."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

PUBLIC_KEY, PRIVATE_KEY = "a_public_key", "a_private_key"
NOON = "2026-11-21T12:00:00Z"


def notification(kind: str, subject: str, *, timestamp: str = NOON) -> str:
    """`subject` is what stands in it."""
    return (
        f'<notification><timestamp type="datetime">{timestamp}</timestamp><kind>{kind}</kind>'
        f"<subject>{subject}</subject></notification>"
    )


def transaction(**fields: str) -> str:
    """Names with underscores, as they are read."""
    inside = "".join(f"<{name.replace('_', '-')}>{value}</{name.replace('_', '-')}>" for name, value in fields.items())
    return f"<transaction>{inside}</transaction>"


def payload_of(document: str | bytes) -> str:
    return base64.encodebytes(document.encode() if isinstance(document, str) else document).decode()


def mark_of(payload: str, *, private_key: str = PRIVATE_KEY) -> str:
    secret = hashlib.sha1(private_key.encode()).digest()  # noqa: S324 (Braintree's own scheme)
    return hmac.new(secret, payload.encode(), hashlib.sha1).hexdigest()


def form(payload: str, signature: str) -> bytes:
    return urlencode({"bt_signature": signature, "bt_payload": payload}).encode()


def delivery(document: str | bytes, *, public_key: str = PUBLIC_KEY, private_key: str = PRIVATE_KEY) -> bytes:
    """The body of a POST, signed."""
    payload = payload_of(document)
    return form(payload, f"{public_key}|{mark_of(payload, private_key=private_key)}")
