"""JSON as Stripe writes it, and copies of objects, which are JSON and nothing else: both fast, for tests ask often."""

from typing import Any, TypeVar

import orjson

Plain = TypeVar("Plain")


def written(body: Any) -> bytes:
    """Over many lines, so that who parses it and writes it again has other bytes."""
    return orjson.dumps(body, option=orjson.OPT_INDENT_2)


def copied(thing: Plain) -> Plain:
    """All the way down."""
    same: Plain = orjson.loads(orjson.dumps(thing))
    return same
