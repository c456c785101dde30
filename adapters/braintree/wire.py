"""The wire to Braintree: the SDK's gateway, on an HTTP client of our own.

The SDK builds and checks the requests: their paths, parameters and XML. What carries them is `Configuration.http()`,
which every part of the gateway asks for, to call `get`, `post`, `put` and `delete` of it. That seam is chosen over the
narrower `http_strategy` because of what lies between the two: the address (an https host with another port than 443
would be called over http), the headers of an answer, and the parser, which takes milliseconds for each transaction and
keeps the interpreter to itself meanwhile (xmltext.py).

An answer ends the call of the SDK, by raising `Heard`: the objects that it would make of it change the dictionaries
that they are made of, and of an answer without a body it would make None, as if there were nothing to say. What is
heard is read in the same thread (errands.py).

The SDK is synchronous, so each call has a thread of its own for as long as it takes (workers.py). All of them share one
`httpx.Client`, which may be used from many threads at once, as a `requests.Session` may not.
"""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

import braintree
import httpx
from braintree.util.xml_util import XmlUtil
from braintree.version import Version

from adapters.braintree import xmltext
from adapters.braintree_keys import is_braintrees

API_VERSION = "6"
"""What this adapter was written against: an SDK that speaks another one is refused before anything is sent."""

CONNECT_SECONDS = 5.0
_KEPT_CONNECTIONS = 100
"""As many as there are threads (workers.py). They bound those in use: a request never waits for a connection."""
_KEEP_ALIVE_SECONDS = 10.0
"""A connection that was idle for longer may be closed at the other end while a request is on its way to it."""
_BEGINNING = 1024
_LONGEST_ANSWER = 16 << 20
"""A page of 50 transactions is about half a megabyte."""


class Heard(Exception):
    """The answer to what was asked, as the dictionary that the SDK would read it into."""

    def __init__(self, body: xmltext.Tree) -> None:
        super().__init__("heard")
        self.body = body


class Refused(Exception):
    """A status that says nothing of what was asked, but why it was not answered."""

    def __init__(self, status: int, *, retry_after: str | None, is_page: bool) -> None:
        super().__init__(str(status))
        self.status = status
        self.retry_after = retry_after
        self.is_page = is_page
        """It is for people: of a proxy, a firewall, or whoever else stands between."""


class TimeIsUp(httpx.TransportError):
    """The answer came in drops."""


class AnswerTooLong(httpx.TransportError):
    """It was cut off: nobody has this much to say."""


class NotBegun(Exception):
    """The time was over before the request was written: no byte of it is out."""


class Call:
    """One call of the SDK, as the thread that makes it and whoever waits for it have it in common."""

    def __init__(self, end: float) -> None:
        """`end` is by `time.monotonic`."""
        self.end = end
        self.has_left = False
        """Whether it has come as far as the connection; what is raised before that is about how it is written."""
        self._is_given_up = False
        self._lock = threading.Lock()

    def leave(self) -> float:
        """The seconds that are left for it; NotBegun where nobody waits for it any more."""
        with self._lock:
            left = self.end - time.monotonic()
            if self._is_given_up or left <= 0:
                raise NotBegun
            self.has_left = True
            return left

    def give_up(self) -> bool:
        """Whether it is too late, and a request may be out. If not, none will be."""
        with self._lock:
            self._is_given_up = True
            return self.has_left


class Merchant(braintree.Configuration):  # type: ignore[misc]  # the SDK has no types
    """One account, at one address."""

    def __init__(
        self, *, api_base: str, merchant_id: str, public_key: str, private_key: str, timeout_seconds: float
    ) -> None:
        self._api_base = api_base.rstrip("/")
        self.wire = Wire(
            self._api_base, public_key=public_key, private_key=private_key, timeout_seconds=timeout_seconds
        )
        super().__init__(
            environment=_environment(self._api_base),
            merchant_id=merchant_id,
            public_key=public_key,
            private_key=private_key,
        )

    def http(self) -> "Wire":
        return self.wire

    def base_url(self) -> str:
        return self._api_base


def gateway_of(merchant: Merchant) -> braintree.BraintreeGateway:
    """For as long as the account is used: each has some thirty parts. Nothing that is asked stays in them."""
    if merchant.api_version() != API_VERSION:
        raise RuntimeError(
            f"The braintree package speaks API version {merchant.api_version()}; this needs {API_VERSION}."
        )
    return braintree.BraintreeGateway(merchant)


class Wire:
    """What carries the requests of all threads, and where each waits for its answer."""

    def __init__(self, api_base: str, *, public_key: str, private_key: str, timeout_seconds: float) -> None:
        """The environment's proxies do not count, nor do its certificates or .netrc: keys go to the address that the
        settings name, and nowhere else."""
        self._api_base = api_base
        self._thread = threading.local()
        # Short for the pool too: a request that found no connection never left, and that is worth knowing in time.
        self._connect_seconds = min(CONNECT_SECONDS, timeout_seconds / 2)
        self._client = httpx.Client(
            auth=(public_key, private_key),
            limits=httpx.Limits(max_keepalive_connections=_KEPT_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_SECONDS),
            trust_env=False,
            verify=_trusted(api_base),
        )

    @contextmanager
    def calling(self, call: "Call") -> Iterator[None]:
        """What is asked in this thread meanwhile belongs to this call."""
        self._thread.call = call
        try:
            yield
        finally:
            del self._thread.call

    # --- what the SDK calls -------------------------------------------------------------------------------------------

    def get(self, path: str) -> NoReturn:
        raise self._heard("GET", path)

    def post(self, path: str, params: dict[str, Any] | None = None) -> NoReturn:
        raise self._heard("POST", path, params)

    def put(self, path: str, params: dict[str, Any] | None = None) -> NoReturn:
        raise self._heard("PUT", path, params)

    def delete(self, path: str) -> NoReturn:
        raise self._heard("DELETE", path)

    def close(self) -> None:
        self._client.close()

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def _heard(self, method: str, path: str, params: dict[str, Any] | None = None) -> Heard:
        content = XmlUtil.xml_from_dict(params).encode() if params else b""
        status, headers, body = self._exchange(method, f"{self._api_base}{path}", content)
        if status not in _SPEAKS:
            is_page = b"<html" in body[:_BEGINNING].lower()
            raise Refused(status, retry_after=headers.get("retry-after"), is_page=is_page)
        if not body.strip() and status != 422 and method in _MAY_SAY_NOTHING:
            return Heard({})
        return Heard(xmltext.read(body))

    def _exchange(self, method: str, url: str, content: bytes) -> tuple[int, httpx.Headers, bytes]:
        call: Call = self._thread.call
        left = call.leave()
        connect = min(self._connect_seconds, left)
        timeout = httpx.Timeout(left, connect=connect, pool=connect)
        with self._client.stream(method, url, headers=_HEADERS, content=content, timeout=timeout) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    raise AnswerTooLong("The answer has no end.")
                if time.monotonic() > call.end:
                    raise TimeIsUp("The answer comes in drops.")
            return response.status_code, response.headers, bytes(body)


_SPEAKS = frozenset({200, 201, 204, 422})
"""The SDK's `Http.is_error_status`: whatever else comes is no answer to what was asked."""
_MAY_SAY_NOTHING = frozenset({"DELETE", "PUT"})
"""What is deleted, and a dispute that is accepted or finalized, is answered without a body. Whoever expects one finds
none in what was heard."""
_HEADERS = {
    "Accept": "application/xml",
    "Accept-Encoding": "gzip",
    "Content-Type": "application/xml",
    "User-Agent": f"Braintree Python {Version}",
    "X-ApiVersion": API_VERSION,
}


def _trusted(api_base: str) -> ssl.SSLContext | bool:
    parts = urlsplit(api_base)
    if parts.scheme != "https":
        # Without TLS nobody has to be trusted, and reading every authority's certificate takes a while.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if is_braintrees(api_base):
        # Those authorities alone that Braintree names in its SDK.
        return ssl.create_default_context(cafile=braintree.Environment.Production.ssl_certificate)
    return True


def _environment(api_base: str) -> braintree.Environment:
    """For what the SDK reads of it: nothing here, for the address is `base_url`'s. It refuses what has none."""
    parts = urlsplit(api_base)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return braintree.Environment(
        "paydesk", parts.hostname, str(port), "", is_ssl=parts.scheme == "https", ssl_certificate=None
    )
