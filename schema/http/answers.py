"""From a result to bytes, with the status that the client's media type calls for."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from schema.http.negotiation import GRAPHQL_RESPONSE
from schema.http.refusals import Refusal

# "Partial success" of the text prepared for GraphQL over HTTP: data came, and errors with it. Only next to
# GRAPHQL_RESPONSE, whose clients read the body and not the status; monitoring reads the status.
PARTIAL_SUCCESS = 294


def answer_refusal(refusal: Refusal, media_type: str) -> Response:
    status = refusal.status if media_type == GRAPHQL_RESPONSE else refusal.legacy_status
    return answer({"errors": refusal.errors}, status, media_type, refusal.headers)


def answer_result(payload: dict[str, Any], media_type: str) -> Response:
    partial = "errors" in payload and media_type == GRAPHQL_RESPONSE
    return answer(payload, PARTIAL_SUCCESS if partial else 200, media_type)


def answer(
    payload: Mapping[str, Any], status: int, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        encode(payload),
        status_code=status,
        media_type=f"{media_type}; charset=utf-8",
        headers={"Vary": "Accept", "Cache-Control": "no-store", **(headers or {})},
    )


def encode(payload: Mapping[str, Any]) -> bytes:
    """orjson takes no integer over 64 bits and no half surrogate pair; the slow encoder takes both."""
    try:
        return orjson.dumps(payload)
    except TypeError:
        return json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
