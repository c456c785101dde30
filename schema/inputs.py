"""Inputs, on their way to the domain."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import strawberry

from domain.decline_limits import network_told
from domain.errors import PermissionDenied
from domain.idempotency import KeyedRequest
from domain.principals import Principal
from domain.services.keyed import keyed
from schema.context import Context
from schema.pagination import given

KEY_REQUIRED = (
    "Makes the request safe to repeat: the same key with the same input returns the same record, as it is now. Use a "
    "new random key for each new wish, and the same one for every retry of it. Kept for 72 hours."
)
CLIENT_ADDRESS = (
    "Where the customer is who asks you: an IP address, against which declined payments and refused cards are counted. "
    "Not taken from customers, whose connection tells it."
)
_NOT_PART_OF_THE_WISH = ("idempotency_key", "client_address")
"""A retry may come from another network; it is the same request."""
KEY_OPTIONAL = "Makes the request safe to repeat, as with payments. Optional here. Kept for 72 hours."


def values_of(value: Any) -> Any:
    """What was sent, as plain values and without the key itself: this is what a key is bound to."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return {
            name: values_of(content)
            for name, content in named.items()
            if content is not strawberry.UNSET and name not in _NOT_PART_OF_THE_WISH
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


def network_of_customer(context: Context, client_address: str | None) -> str | None:
    """Where the customer is: as their connection shows, or as whoever asks for them says."""
    told = given(client_address)
    if not context.principal.is_customer:
        return None if told is None else network_told(told, "clientAddress")
    if told is not None:
        raise PermissionDenied("Only a server or the staff says where a customer is.", path=("clientAddress",))
    return context.network


def sent_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the client left out; null was sent and stays."""
    return {name: value for name, value in values.items() if value is not strawberry.UNSET}
