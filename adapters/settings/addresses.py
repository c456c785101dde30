"""Addresses that an operator names: of what is asked, of who may ask, and of who stands between."""

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator

from adapters.settings.words import Words

LOOPBACK = ("127.0.0.1", "::1", "localhost")
THIS_MACHINE = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"

_ADDRESS = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]*", re.IGNORECASE)
_WEB_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@*]+", re.IGNORECASE)
"""Also a web view's, such as `capacitor://localhost`."""


def _of_the_web(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("has to be an address such as https://shop.example")
    return value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        # What has a path, or no scheme, would be compared with every return url and fit none.
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"has {origin[:100]!r} in it, which is neither like https://shop.example nor myshop://")
    return value


def _web_origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        # `*` would let every web page use whatever token it gets hold of; `null` is what sandboxed pages are.
        if not _WEB_ORIGIN.fullmatch(origin):
            raise ValueError(f"has {origin[:100]!r} in it, which is not like https://shop.example")
    return tuple(_as_browsers_write(origin) for origin in value)


def _as_browsers_write(origin: str) -> str:
    """In lower case and without the scheme's own port, for it is compared with what a browser sends."""
    scheme, _, host = origin.lower().partition("://")
    own_port = {"http": ":80", "https": ":443"}.get(scheme)
    return f"{scheme}://{host.removesuffix(own_port) if own_port else host}"


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for proxy in value:
        # A name, or a `*`, would be taken for a proxy that never asks, or for everybody.
        try:
            ip_network(proxy)
        except ValueError:
            raise ValueError(f"has {proxy[:100]!r} in it, which is not like 10.0.0.7 or 10.0.0.0/8") from None
    return value


WebAddress = Annotated[str, AfterValidator(_of_the_web)]
Origins = Annotated[Words, AfterValidator(_origins)]
WebOrigins = Annotated[Words, AfterValidator(_web_origins)]
Networks = Annotated[Words, AfterValidator(_networks)]
