"""Webhooks: https://developer.paypal.com/braintree/docs/guides/webhooks/overview and …/webhooks/parse.

A notification goes to every endpoint that wants its kind as a form of two fields: `bt_payload`, the XML in base64, and
`bt_signature`, for each key pair the public key, a bar and the HMAC-SHA1 of the payload under the SHA1 of the private
key (the SDK's webhook_notification_gateway.py and util/crypto.py). It has no id, arrives at least once and in no
promised order. An endpoint is taken on when it answers a challenge. Tries that fail are repeated.

An endpoint without a URL keeps what is delivered to it until a test collects it.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

import httpx

from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.faults import DeliveryFault, Faults, Misdeed
from tests.emulators.braintree.xmltext import Tree, write

_log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = (0.5, 1, 2, 5, 15, 60, 300, 900, 3600)
"""Quick at first, for tests; Braintree comes again every hour, for a day (three hours in the sandbox)."""
_TRIES = 24
_AT_ONCE = 8
_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.05
_OVERTAKEN_SECONDS = 10.0
_LINE = 60
"""Letters in a line of the payload, as Ruby's Base64 writes them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: str
    url: str | None
    kinds: Sequence[str] = ("*",)

    def wants(self, kind: str) -> bool:
        return "*" in self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Notification:
    number: int
    kind: str
    subject: Tree
    timestamp: datetime

    def payload(self, kind: str | None = None) -> str:
        body = {"timestamp": self.timestamp, "kind": kind or self.kind, "subject": self.subject}
        return in_lines(write("notification", body))


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery that is collected instead of sent, as it would arrive."""

    kind: str
    bt_signature: str
    bt_payload: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, as tests may look it up."""

    number: int
    kind: str
    endpoint: str
    status: int | None
    """None where no answer came."""


@dataclass(slots=True, eq=False)
class _Delivery:
    number: int
    notification: Notification
    endpoint: Endpoint
    due: float
    misdeed: Misdeed | None
    tries: int = 0
    under_way: bool = False

    @property
    def fault(self) -> DeliveryFault | None:
        """What goes wrong with this try; only the first one goes wrong."""
        fault = self.misdeed.fault if self.misdeed and self.tries == 1 else None
        return fault if isinstance(fault, DeliveryFault) else None

    @property
    def waits_to_be_overtaken(self) -> bool:
        return self.tries == 0 and self.misdeed is not None and self.misdeed.fault is DeliveryFault.OVERTAKEN


@dataclass(slots=True)
class Outbox:
    """Everything that is to be delivered, and what became of it. Times of deliveries are the machine's."""

    faults: Faults
    keys: Keys
    endpoints: list[Endpoint] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    told: list[Notification] = field(default_factory=list)
    """Everything that happened, in order."""
    _waiting: list[_Delivery] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def put(self, kind: str, subject: Tree, timestamp: datetime) -> None:
        """Something has happened."""
        notification = Notification(len(self.told) + 1, kind, subject, timestamp)
        self.told.append(notification)
        misdeed = self.faults.of_notification(kind)
        if misdeed is not None and misdeed.fault is DeliveryFault.NEVER:
            return
        for endpoint in self.endpoints:
            if endpoint.wants(kind):
                due = time.monotonic() + _first_wait(misdeed)
                self._waiting.append(_Delivery(next(self._numbers), notification, endpoint, due, misdeed))

    def resend(self, notification: Notification) -> None:
        """Once more to everybody."""
        for endpoint in self.endpoints:
            self._waiting.append(_Delivery(next(self._numbers), notification, endpoint, time.monotonic(), None))

    def clear(self) -> None:
        self._waiting.clear()
        self.attempts.clear()
        self.kept.clear()
        self.told.clear()

    async def collect(self) -> list[Kept]:
        """Everything that was delivered to endpoints without a URL, once nothing of it is due any more."""
        while self._has_due():
            await asyncio.sleep(_POLL_SECONDS)
        collected, self.kept = self.kept, []
        return collected

    def _has_due(self) -> bool:
        now = time.monotonic()
        mine = [delivery for delivery in self._waiting if delivery.endpoint.url is None]
        return any(delivery.due <= now or delivery.under_way for delivery in mine)

    @property
    def waiting(self) -> list[int]:
        """The numbers of the notifications that are still to be delivered."""
        return [delivery.notification.number for delivery in self._waiting]

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with _client() as client, asyncio.TaskGroup() as group:
            while True:
                due = self._next()
                if due is None:
                    await asyncio.sleep(_POLL_SECONDS)
                else:
                    due.under_way = True
                    group.create_task(self._deliver(due, client))

    def _next(self) -> _Delivery | None:
        """Several are on their way at once: an endpoint that is slow with one holds up no other."""
        if sum(delivery.under_way for delivery in self._waiting) >= _AT_ONCE:
            return None
        now = time.monotonic()
        ready = (delivery for delivery in self._waiting if delivery.due <= now and not delivery.under_way)
        return next(ready, None)

    async def _deliver(self, delivery: _Delivery, client: httpx.AsyncClient) -> None:
        delivery.tries += 1
        try:
            taken = await self._send(delivery, client)
        finally:
            delivery.under_way = False
        for other in self._waiting:
            if other.waits_to_be_overtaken and other.number < delivery.number:
                other.due = time.monotonic()
        if delivery not in self._waiting:
            return
        if taken and delivery.fault is DeliveryFault.AGAIN and delivery.misdeed is not None:
            delivery.due = time.monotonic() + delivery.misdeed.seconds
        elif taken or delivery.tries >= _TRIES:
            self._waiting.remove(delivery)
        else:
            wait = _RETRY_AFTER_SECONDS[min(delivery.tries, len(_RETRY_AFTER_SECONDS)) - 1]
            delivery.due = time.monotonic() + wait

    async def _send(self, delivery: _Delivery, client: httpx.AsyncClient) -> bool:
        """Whether it was taken."""
        payload = delivery.notification.payload()
        mark = signature(self.keys, payload)
        match delivery.fault:
            case DeliveryFault.DROP:
                return False
            case DeliveryFault.FORGED:
                mark = signature(Keys(public_key=self.keys.public_key, private_key="nobodys"), payload)
            case DeliveryFault.ALTERED:
                payload = delivery.notification.payload("check")
            case DeliveryFault.MALFORMED:
                mark = f"{self.keys.public_key}|a|b"
            case DeliveryFault.UNREADABLE:
                payload = in_lines(b"neither XML nor anything else")
                mark = signature(self.keys, payload)
            case DeliveryFault.STRANGER:
                strange = delivery.notification.payload("mystery_solved")
                await self._post(delivery, client, strange, signature(self.keys, strange))
            case DeliveryFault.TWICE:
                return all(await asyncio.gather(*(self._post(delivery, client, payload, mark) for _ in range(2))))
        return await self._post(delivery, client, payload, mark)

    async def _post(self, delivery: _Delivery, client: httpx.AsyncClient, payload: str, mark: str) -> bool:
        notification, endpoint = delivery.notification, delivery.endpoint
        if endpoint.url is None:
            self.kept.append(Kept(notification.kind, mark, payload))
            return True
        status = None
        try:
            form = {"bt_signature": mark, "bt_payload": payload}
            status = (await client.post(endpoint.url, data=form)).status_code
        except (httpx.HTTPError, OSError) as error:
            _log.debug("A webhook got no answer: %s", type(error).__name__)
        self.attempts.append(Attempt(notification.number, notification.kind, endpoint.id, status))
        return status is not None and 200 <= status < 300

    async def challenge(self, url: str, text: str) -> bool:
        """Whether who answers there knows the private key: `GET …?bt_challenge=` wants what `verify` gives."""
        async with _client() as client:
            try:
                answer = await client.get(url, params={"bt_challenge": text})
            except (httpx.HTTPError, OSError):
                return False
        return answer.status_code == 200 and answer.text.strip() == signature(self.keys, text)


def signature(keys: Keys, payload: str) -> str:
    """`bt_signature` with one key pair, and the answer to a challenge."""
    secret = hashlib.sha1(keys.private_key.encode()).digest()  # noqa: S324 (Braintree's own scheme)
    return f"{keys.public_key}|{hmac.new(secret, payload.encode(), hashlib.sha1).hexdigest()}"


def in_lines(body: bytes) -> str:
    text = base64.b64encode(body).decode()
    return "".join(f"{text[start : start + _LINE]}\n" for start in range(0, len(text), _LINE))


def _client() -> httpx.AsyncClient:
    # Redirects are not followed and proxies not used: the signed body goes to the URL that was named.
    # Nobody's certificate is checked, and reading every authority's takes longer than most tests.
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(timeout=_REQUEST_SECONDS, trust_env=False, verify=unchecked)


def _first_wait(misdeed: Misdeed | None) -> float:
    if misdeed is None:
        return 0.0
    if misdeed.fault is DeliveryFault.OVERTAKEN:
        return misdeed.seconds or _OVERTAKEN_SECONDS
    return misdeed.seconds if misdeed.fault is DeliveryFault.DELAY else 0.0
