"""The XML that Braintree speaks: https://developer.paypal.com/braintree/docs/guides/overview and the SDK's util/.

The SDK writes names with underscores, the gateway answers with dashes; a value's type stands in its `type` attribute
(integer, boolean, datetime, date, array), nothing in `nil`. In here names have underscores and values Python's types.
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

Tree = dict[str, Any]

_DATETIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)")


class XmlUnreadable(Exception):
    """A body that is no XML, or says something that its type cannot hold."""


@dataclass(frozen=True, slots=True)
class Many:
    """A list, each of whose items has this name: `<disputes type="array"><dispute>…`."""

    name: str
    items: "list[Any]"


@dataclass(frozen=True, slots=True)
class Collection:
    """A page of a search: its members stand beside its sizes, without a list around them."""

    name: str
    items: "list[Any]"
    page_number: int
    page_size: int
    total_items: int


@dataclass(frozen=True, slots=True)
class Symbol:
    text: str


def read(body: bytes) -> Tree:
    """The document as one entry by its root's name; an empty body is an empty tree."""
    if not body.strip():
        return {}
    try:
        root = ET.fromstring(body)  # noqa: S314 (what a test sends to its own loopback)
    except ET.ParseError as unreadable:
        raise XmlUnreadable(str(unreadable)) from None
    return {_underscored(root.tag): _value(root)}


def write(name: str, tree: Any) -> bytes:
    return ('<?xml version="1.0" encoding="UTF-8"?>' + _element(name, tree)).encode()


def _value(node: ET.Element) -> Any:
    kind = node.get("type")
    if kind == "array":
        return [_value(child) for child in node]
    if len(node):
        return {_underscored(child.tag): _value(child) for child in node}
    text = node.text or ""
    if kind in (None, "string"):
        # What the SDK writes for None and for an empty text is the same, and is taken as nothing.
        return text or None
    try:
        match kind:
            case "integer":
                return int(text)
            case "boolean":
                return text in ("true", "1")
            case "datetime":
                return _moment(text)
            case "date":
                return date.fromisoformat(text)
    except ValueError as unreadable:
        raise XmlUnreadable(f"{node.tag}: {unreadable}") from None
    raise XmlUnreadable(f"{node.tag} has the unknown type {kind}")


def _moment(text: str) -> datetime:
    found = _DATETIME.match(text)
    if found is None:
        raise ValueError(f"{text} is no time")
    return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)


def _element(name: str, value: Any) -> str:
    tag = name.replace("_", "-")
    match value:
        case None:
            return f'<{tag} nil="true"/>'
        case bool():
            return f'<{tag} type="boolean">{str(value).lower()}</{tag}>'
        case int():
            return f'<{tag} type="integer">{value}</{tag}>'
        case datetime():
            return f'<{tag} type="datetime">{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}</{tag}>'
        case date():
            return f'<{tag} type="date">{value.isoformat()}</{tag}>'
        case Decimal():
            return f"<{tag}>{value:f}</{tag}>"
        case str():
            return f"<{tag}>{escape(value)}</{tag}>"
        case Symbol():
            return f'<{tag} type="symbol">{escape(value.text)}</{tag}>'
        case Many():
            return f'<{tag} type="array">{"".join(_element(value.name, item) for item in value.items)}</{tag}>'
        case Collection():
            sizes = {
                "current_page_number": value.page_number,
                "page_size": value.page_size,
                "total_items": value.total_items,
            }
            members = "".join(_element(value.name, item) for item in value.items)
            return f'<{tag} type="collection">{_children(sizes)}{members}</{tag}>'
        case dict():
            return f"<{tag}>{_children(value)}</{tag}>"
    raise TypeError(f"{name} is {value!r}, which has no place in XML")


def _children(tree: Tree) -> str:
    return "".join(_element(name, value) for name, value in tree.items())


def _underscored(tag: str) -> str:
    return tag.replace("-", "_")
