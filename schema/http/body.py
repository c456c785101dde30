"""From bytes to a GraphQL request: read with a limit, parse strictly, check the shape.

The rules are narrower than JSON's where two readers could understand one body differently (a name given
twice) or where the value could not travel on (half a surrogate pair, a number out of range).
"""

import json
import re
from asyncio import timeout
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

from starlette.requests import ClientDisconnect, Request

from schema.http.negotiation import JSON, parse_media_type
from schema.http.refusals import Refusal, refuse, refuse_document, refuse_shape
from schema.http.trusted import SHA256
from schema.masking import ExposedError, format_error

# Deeper than any input type of ours, far below what makes a recursive reader fall over.
DEEPEST_JSON = 64
# Variables are coerced one by one in Python, some 25 µs each with all that is made of them, and nothing else runs
# meanwhile. The largest order, 500 lines written by hand, has 3,010.
MOST_VALUES = 3_200
# 2**53 has 16 digits. Longer numbers may pass as far as the scalar that words the refusal, but not without
# end: the time to read them grows with the square.
MOST_DIGITS = 100
# HTTP servers and proxies stop at 8 to 64 KiB of header, each in its own words; we stop before most do.
LONGEST_QUERY_STRING = 16 * 1024
# A client that has begun to send cannot hear us before it is done, so a body over the limit is read on and
# thrown away; not without end either.
MOST_DISCARDED_BYTES = 32 * 1024 * 1024
DISCARD_SECONDS = 10
# 256 KiB at the 70 kbit/s of a poor mobile connection; whoever sends half a body would otherwise keep it here for ever.
BODY_SECONDS = 30.0

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    query: str | None
    """The document's text; None where it is asked for by its id."""
    document_id: str | None
    operation_name: str | None
    variables: dict[str, Any]
    extensions: dict[str, Any]


async def request_from_post(request: Request, *, max_bytes: int, seconds: float) -> GraphQLRequest:
    refuse_other_content(request)
    try:
        async with timeout(seconds):
            body = await read_body(request, max_bytes)
    except TimeoutError:
        message = f"The body was not whole after {seconds:g} seconds."
        raise refuse(408, "REQUEST_TIMEOUT", message, {"Connection": "close"}) from None
    return request_from_json(parse_json(body))


def request_from_get(request: Request) -> GraphQLRequest:
    """Parameters from the query string; an empty one counts as not given."""
    if len(request.url.query) > LONGEST_QUERY_STRING:
        raise refuse(414, "URI_TOO_LONG", "The address is too long; send the request with POST.")
    given: dict[str, Any] = {}
    for name in ("query", "documentId", "operationName", "variables", "extensions"):
        values = request.query_params.getlist(name)
        if len(values) > 1:
            raise refuse_shape(f"The parameter “{name}” is given {len(values)} times.")
        if values and values[0]:
            given[name] = values[0]
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = parse_json(given[name].encode())
    return request_from_json(given)


def refuse_other_content(request: Request) -> None:
    """Only JSON: a form or plain text could be sent by any web page without asking (CSRF)."""
    header = request.headers.get("content-type")
    if header is None:
        raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", f"Say “Content-Type: {JSON}”.")
    content = parse_media_type(header)
    if content.name != JSON:
        raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", f"The body has to be {JSON}.")
    if not content.is_utf8:
        raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", "The body has to be encoded in UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", "The body must not be compressed.")


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body, if it is small enough; its announced length is believed only when that is too much."""
    announced = request.headers.get("content-length", "")
    too_large = announced.isdecimal() and (len(announced) > 18 or int(announced) > max_bytes)
    chunks: list[bytes] = []
    size = 0
    if not too_large:
        async for chunk in request.stream():
            size += len(chunk)
            if too_large := size > max_bytes:
                break
            chunks.append(chunk)
    if too_large:
        await discard(request)
        message = f"The body is larger than {max_bytes // 1024} KiB."
        raise refuse(413, "PAYLOAD_TOO_LARGE", message, {"Connection": "close"})
    return b"".join(chunks)


async def discard(request: Request) -> None:
    if request.headers.get("expect"):
        return  # it waits for our word before it sends
    size = 0
    try:
        async with timeout(DISCARD_SECONDS):
            while size < MOST_DISCARDED_BYTES:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def parse_json(raw: bytes) -> object:
    """Strict JSON in strict UTF-8, or a refusal with 400."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise unreadable(f"it is not UTF-8 at byte {error.start}") from None
    if not text.strip():
        raise unreadable("it is empty")
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise unreadable("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise unreadable(f"it is no JSON at line {error.lineno}, column {error.colno}") from None
    for string in strings_in(value):
        if not string.isascii() and _LONE_SURROGATE.search(string):
            raise unreadable("it contains half of a surrogate pair")
    return value


def request_from_json(body: object) -> GraphQLRequest:
    if isinstance(body, list):
        raise refuse_shape("The body has to be one JSON object. Batches are not served.")
    if not isinstance(body, dict):
        raise refuse_shape("The body has to be a JSON object with a “query”.")
    query, document_id = string_in(body, "query"), string_in(body, "documentId")
    operation_name = string_in(body, "operationName")
    variables, extensions = object_in(body, "variables"), object_in(body, "extensions")
    if query is not None and document_id is not None:
        raise refuse_shape("The request has a “query” and a “documentId”; send one of them.")
    if query is None and document_id is None and (document_id := persisted_query_id(extensions)) is None:
        raise refuse_shape("The request has neither a “query” nor a “documentId”.")
    if any("\0" in string for string in strings_in(variables)):
        # PostgreSQL cannot store it, and no text, id or code needs it.
        raise refuse_input("The variables contain a NUL character.")
    return GraphQLRequest(query, document_id, operation_name or None, variables, extensions)


def persisted_query_id(extensions: dict[str, Any]) -> str | None:
    """How Apollo's and urql's clients name a document that they do not send."""
    persisted = extensions.get("persistedQuery")
    hash_ = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return SHA256 + hash_ if isinstance(hash_, str) else None


def string_in(body: dict[str, object], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise refuse_shape(f"“{name}” has to be a string.")
    return value


def object_in(body: dict[str, object], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse_shape(f"“{name}” has to be an object.")
    return cast(dict[str, Any], value)


def strings_in(value: object) -> Iterator[str]:
    """Every string and key inside, without recursion; refuses what is too deep or too much on the way."""
    stack: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while stack:
        item, depth = stack.pop()
        if depth > DEEPEST_JSON:
            raise unreadable("it is nested too deeply")
        if isinstance(item, str):
            yield item
        elif isinstance(item, (dict, list)):
            seen += len(item)
            if seen > MOST_VALUES:
                raise refuse_input(f"The request holds more than {MOST_VALUES} values.", "TOO_MANY_VALUES")
            if isinstance(item, dict):
                yield from item
            stack.extend((inner, depth + 1) for inner in (item.values() if isinstance(item, dict) else item))


def refuse_input(message: str, code: str = "BAD_USER_INPUT") -> Refusal:
    return refuse_document([format_error(None, ExposedError(message, code=code))])


def unreadable(why: str) -> Refusal:
    return refuse(400, "BAD_REQUEST", f"The request cannot be read: {why}.")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise unreadable("a name is given twice in one object")
    return read


def _short_integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise unreadable(f"it contains a number of {len(digits)} digits")
    return int(digits)


def _finite_number(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise unreadable("it contains a number that is too large")
    return number


def _no_constant(name: str) -> object:
    raise unreadable(f"{name} is no JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_short_integer,
    parse_float=_finite_number,
    parse_constant=_no_constant,
)
