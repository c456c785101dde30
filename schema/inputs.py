"""Inputs, on their way to the domain."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import strawberry

from domain.idempotency import KeyedRequest
from domain.principals import Principal
from domain.services.keyed import keyed
from schema.pagination import given

KEY_REQUIRED = (
    "Makes the request safe to repeat: the same key with the same input returns the same record, as it is now. Use a "
    "new random key for each new wish, and the same one for every retry of it. Kept for 72 hours."
)
KEY_OPTIONAL = "Makes the request safe to repeat, as with payments. Optional here. Kept for 72 hours."


def values_of(value: Any) -> Any:
    """What was sent, as plain values and without the key itself: this is what a key is bound to."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return {
            name: values_of(content)
            for name, content in named.items()
            if content is not strawberry.UNSET and name != "idempotency_key"
        }
    if isinstance(value, list):
        return [values_of(item) for item in value]
    return value


def request_of(principal: Principal, mutation: str, key: str | None, sent: object) -> KeyedRequest | None:
    return keyed(principal, mutation, given(key), values_of(sent))


def required_request_of(principal: Principal, mutation: str, key: str, sent: object) -> KeyedRequest:
    request = request_of(principal, mutation, key, sent)
    if request is None:
        raise AssertionError("the schema requires the key")
    return request


def sent_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the client left out; null was sent and stays."""
    return {name: value for name, value in values.items() if value is not strawberry.UNSET}
