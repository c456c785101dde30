"""Braintree's webhooks: https://developer.paypal.com/braintree/docs/guides/webhooks/overview and …/webhooks/parse.

A notification is a form of two fields: its XML in base64, and for each of the merchant's keys a signature of that. It
has no id, so it is known by what it says; and as it is sent again for a day, an old one is as good as a new one. The
signature is the SDK's scheme, written with its own words; its `parse` is left alone, for it raises whatever it happens
to on a body that is none, and expands a document's entities.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from braintree.util.crypto import Crypto

from adapters.braintree import xmltext
from adapters.braintree.order_ids import named_in
from adapters.braintree.reading import UNREADABLE, moment, optional_text, ref, text, tree
from domain.provider import WebhookEvent, WebhookRejected, WebhookSubject

_FIELDS = ("bt_signature", "bt_payload")
_MOST_FIELDS = 8
_LONGEST_SIGNATURE = 4096
_CHALLENGE = re.compile("[a-f0-9]{20,32}")
"""What the SDK's `WebhookNotificationGateway.verify` takes for one."""


def verify(body: bytes, *, public_key: str, private_key: str, livemode: bool) -> WebhookEvent:
    """WebhookRejected unless it was signed with the private key, and is a notification.

    `livemode` is the environment's: a notification does not tell which it is of, and each has keys of its own.
    """
    signature, payload = _form(body)
    if not _is_signed(payload, signature, public_key=public_key, private_key=private_key):
        raise WebhookRejected("The signature is wrong.")
    try:
        document = base64.b64decode(payload.replace("\n", ""), validate=True)
        return _event(tree(xmltext.read(document)["notification"]), document, livemode=livemode)
    except UNREADABLE as error:
        raise WebhookRejected("The payload is no notification of Braintree.") from error


def challenge(query: Mapping[str, str], *, public_key: str, private_key: str) -> str | None:
    """What Braintree asks a new endpoint for; None where it asks for nothing. WebhookRejected for no challenge of its.

    Nothing else can be signed so: a challenge is a few digits, and a payload is longer.
    """
    asked = query.get("bt_challenge")
    if asked is None:
        return None
    if not _CHALLENGE.fullmatch(asked):
        raise WebhookRejected("That is no challenge of Braintree.")
    return f"{public_key}|{_mark(asked, private_key)}"


# --- the signature ----------------------------------------------------------------------------------------------------


def _form(body: bytes) -> tuple[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise WebhookRejected("The body is no form.") from error
    signature, payload = ([value for name, value in pairs if name == field] for field in _FIELDS)
    if len(signature) != 1 or len(payload) != 1 or len(signature[0]) > _LONGEST_SIGNATURE or not payload[0].isascii():
        raise WebhookRejected(f"There have to be one {' and one '.join(_FIELDS)}.")
    return signature[0], payload[0]


def _is_signed(payload: str, signature: str, *, public_key: str, private_key: str) -> bool:
    """Whether ours is among the signatures: there is one for each key of the merchant, `key|signature&key|signature`.

    The payload's last line feed is lost on the way now and then, which the SDK has thought of too.
    """
    given = [mark for key, _, mark in (pair.partition("|") for pair in signature.split("&")) if key == public_key]
    wanted = [_mark(each, private_key) for each in (payload, f"{payload}\n")]
    # As bytes: a text that is not ASCII cannot be compared so.
    return any(hmac.compare_digest(mark.encode(), each.encode()) for mark in given for each in wanted)


def _mark(signed: str, private_key: str) -> str:
    return str(Crypto.sha1_hmac_hash(private_key, signed))


# --- what it says -----------------------------------------------------------------------------------------------------


def _event(notification: Mapping[str, Any], document: bytes, *, livemode: bool) -> WebhookEvent:
    kind = text(ref(notification["kind"]))
    about = tree(notification["subject"])
    subject, subject_ref, operation_id = _subject(kind, about)
    return WebhookEvent(
        key=f"sha256:{hashlib.sha256(document).hexdigest()}",
        kind=kind,
        subject=subject,
        subject_ref=subject_ref,
        operation_id=operation_id,
        livemode=livemode,
        occurred_at=moment(notification["timestamp"]),
        payload={"kind": kind, "timestamp": str(notification["timestamp"]), **_told(about)},
    )


_About = tuple[WebhookSubject, str | None, str | None]
"""What it is about, how that is called, and the operation that made it."""
_NOTHING: _About = (WebhookSubject.OTHER, None, None)


def _subject(kind: str, about: Mapping[str, Any]) -> _About:
    """By the object that a notification carries: of some kinds there is more to come than the SDK knows.

    Subscriptions and local payments carry a transaction too, further inside: it is theirs.
    """
    if "dispute" in about:
        return WebhookSubject.DISPUTE, text(ref(about["dispute"]["id"])), None
    if "transaction" in about:
        return _transaction(kind, tree(about["transaction"]))
    if "transaction_review" in about:
        return WebhookSubject.CHARGE, text(ref(about["transaction_review"]["transaction_id"])), None
    if kind == "payment_method_revoked_by_customer" and len(about) == 1:
        (method,) = about.values()
        return WebhookSubject.PAYMENT_METHOD, text(ref(tree(method)["token"])), None
    return _NOTHING


def _transaction(kind: str, transaction: Mapping[str, Any]) -> _About:
    """A refund is one too, of type credit; not every kind tells the type."""
    is_refund = (
        kind == "refund_failed"
        or transaction.get("type") == "credit"
        or bool(transaction.get("refunded_transaction_id"))
    )
    subject = WebhookSubject.REFUND if is_refund else WebhookSubject.CHARGE
    return subject, text(ref(transaction["id"])), named_in(transaction).operation_id


# --- what is kept of it, for staff ------------------------------------------------------------------------------------
# Ids, states, amounts and codes: no card, no person, no key, nor what anybody wrote.


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _shown(about[name], fields) for name, fields in _TOLD.items() if isinstance(about.get(name), dict)}


def _shown(found: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name in fields:
        value = found.get(name)
        if name == "transaction" and isinstance(value, dict):
            shown[name] = {"id": optional_text(value.get("id")), "order_id": optional_text(value.get("order_id"))}
        elif value is not None:
            shown[name] = value if isinstance(value, bool | int) else str(value)
    return shown


_TOLD = {
    "transaction": (
        *("id", "type", "status", "amount", "currency_iso_code", "merchant_account_id", "order_id"),
        *("refunded_transaction_id", "retried_transaction_id", "processor_response_code", "gateway_rejection_reason"),
        *("processor_settlement_response_code", "created_at", "updated_at"),
    ),
    "transaction_review": ("transaction_id", "decision", "reviewed_time"),
    "dispute": (
        *("id", "kind", "status", "reason", "reason_code", "amount", "amount_disputed", "amount_won"),
        *("currency_iso_code", "received_date", "reply_by_date", "created_at", "updated_at", "original_dispute_id"),
        *("merchant_account_id", "transaction"),
    ),
    "subscription": ("id", "plan_id", "status", "next_billing_date"),
    "disbursement": ("id", "amount", "success", "exception_message", "disbursement_date"),
}
