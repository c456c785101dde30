"""The wire to Stripe: the SDK's client, on an HTTP client of our own.

`stripe.HTTPXClient` has one time-out for everything, does not let itself be told how many connections to keep, and
reads answers without an end. `stripe.HTTPClient` is the class that Stripe's README gives for another transport.
"""

import logging
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import stripe

API_VERSION = "2026-10-28.endive"
"""What this adapter was written against. Another one may have other parameters, states and amounts: an SDK that speaks
it is refused before anything is sent."""

CONNECT_SECONDS = 5.0
_KEPT_CONNECTIONS = 100
"""As many as there are places at the gate of an account by default. What bounds those in use is the gate: a request
never waits for a connection."""
_KEEP_ALIVE_SECONDS = 10.0
"""A connection that was idle for longer may be closed at the other end while a request is on its way to it."""
_LONGEST_ANSWER = 8 << 20
"""A page of a hundred payment intents with their charges is about a megabyte."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

# At DEBUG the SDK logs bodies, client secrets among them; at INFO every address that it asks.
logging.getLogger("stripe").setLevel(logging.WARNING)


def stripe_client(secret_key: str, *, api_base: str, timeout_seconds: float) -> "tuple[stripe.StripeClient, Wire]":
    if stripe.api_version != API_VERSION:
        raise RuntimeError(f"The stripe package speaks API version {stripe.api_version}; this needs {API_VERSION}.")
    # Of the whole process: it would send how long requests took, and keep an id in a file of the home folder.
    stripe.enable_telemetry = False
    wire = Wire(api_base, timeout_seconds=timeout_seconds)
    client = stripe.StripeClient(
        secret_key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base.rstrip("/")},
        max_network_retries=0,
        http_client=wire,
    )
    return client, wire


class AnswerTooLong(httpx.TransportError):
    """It was cut off: nobody has this much to say."""


class Wire(stripe.HTTPClient):
    name = "httpx"

    def __init__(self, api_base: str, *, timeout_seconds: float) -> None:
        """HTTPS_PROXY and NO_PROXY count: deployments behind a proxy have no other way out. They do not count for an
        emulator on this machine, which is never behind one."""
        super().__init__()
        parts = urlsplit(api_base)
        # Short for the pool too: a request that found no connection never left, and that is worth knowing in time.
        connect_seconds = min(CONNECT_SECONDS, timeout_seconds / 2)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_seconds, connect=connect_seconds, pool=connect_seconds),
            limits=httpx.Limits(max_keepalive_connections=_KEPT_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_SECONDS),
            trust_env=parts.hostname not in _LOOPBACK,
            # Without TLS nobody has to be trusted, and reading every authority's certificate takes a while.
            verify=True if parts.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            async with self._client.stream(method, url, headers=dict(headers), content=post_data) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _LONGEST_ANSWER:
                        raise AnswerTooLong("The answer has no end.")
                return bytes(body), response.status_code, response.headers
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"The connection to Stripe broke: {type(error).__name__}."
            # The SDK has no type hints of its errors' arguments.
            raise stripe.APIConnectionError(message) from error  # type: ignore[no-untyped-call]

    async def close_async(self) -> None:
        await self._client.aclose()
