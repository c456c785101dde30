"""Bodies and query strings as Stripe writes them: application/x-www-form-urlencoded with brackets for what is nested.

`metadata[order]=7`, `expand[]=customer` and `expand[0]=customer` are understood; docs.stripe.com/api describes the
encoding, and the SDK writes lists with their positions.
"""

import re
from urllib.parse import parse_qsl

Raw = str | list["Raw"] | dict[str, "Raw"]
"""A value as it came: nothing is known of its type but how it is nested. A list is what was written with `[]`."""

_KEY = re.compile(r"(?P<name>[^\[\]]+)(?P<rest>(?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_LONGEST_KEY_PARTS = 10
"""Deeper than any parameter of the API."""
_MOST = 2_000


class FormUnreadable(ValueError):
    """The text is no form; the message says why."""


def read_form(text: str) -> dict[str, Raw]:
    """The fields, nested as their brackets say; of a field that is given twice the last counts."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise FormUnreadable("The body is not application/x-www-form-urlencoded.") from None
    fields: dict[str, Raw] = {}
    for key, value in pairs:
        _put(fields, _parts(key), value)
    return fields


def _parts(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise FormUnreadable(f"The brackets of {key!r} do not match.")
    parts = [match["name"], *_PART.findall(match["rest"])]
    if len(parts) > _LONGEST_KEY_PARTS:
        raise FormUnreadable(f"{parts[0]!r} is nested too deeply.")
    return parts


def _put(fields: dict[str, Raw], parts: list[str], value: str) -> None:
    """`a[b][]` puts a list under `b` of the fields under `a`."""
    name, *rest = parts
    if not rest:
        fields[name] = value
        return
    if rest == [""]:
        items = fields.setdefault(name, [])
        if not isinstance(items, list):
            raise _mixed(name)
        items.append(value)
        return
    if rest[0] == "":
        raise FormUnreadable(f"Items of {name!r} that have fields need their positions.")
    inner = fields.setdefault(name, {})
    if not isinstance(inner, dict):
        raise _mixed(name)
    _put(inner, rest, value)


def _mixed(name: str) -> FormUnreadable:
    return FormUnreadable(f"{name!r} is given as several kinds of value.")
