"""Webhooks: https://docs.stripe.com/webhooks and https://docs.stripe.com/webhooks/signature.

An event goes to every endpoint that wants its type, at least once and in no promised order. Its `Stripe-Signature`
has the time and, for each of the endpoint's secrets (two while one is rolled), the HMAC-SHA256 of time, dot and body;
the `v0` next to it is what Stripe adds in test mode and nobody should look at. The time is the machine's own and not
the emulator's clock: a receiver compares it with its own. Tries that fail are repeated.

An endpoint without a URL keeps what is delivered to it until a test collects it.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import httpx

from tests.emulators.stripe.account import Endpoint
from tests.emulators.stripe.events import is_of
from tests.emulators.stripe.faults import DeliveryFault, Faults, Misdeed
from tests.emulators.stripe.jsontext import written
from tests.emulators.stripe.refusals import Json

_log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = (0.5, 1, 2, 5, 15, 60, 300, 900, 3600)
"""Quick at first, for tests; Stripe begins with minutes, and gives up after three days (a few hours in test mode)."""
_TRIES = 40
_AT_ONCE = 8
_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.05
_OVERTAKEN_SECONDS = 10.0
_HOUR_SECONDS = 3600
_NOBODYS_SECRET = "whsec_nobodys"


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery that is collected instead of sent, as it would arrive."""

    event: str
    type: str
    headers: Mapping[str, str]
    body: str


@dataclass(slots=True)
class Attempt:
    """One try, as tests may look it up."""

    event: str
    type: str
    endpoint: str
    status: int | None
    """None where no answer came."""


@dataclass(slots=True, eq=False)
class _Delivery:
    number: int
    event: Json
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
    """Everything that is to be delivered, and what became of it. Times are the machine's."""

    faults: Faults
    endpoints: list[Endpoint] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    _waiting: list[_Delivery] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def put(self, event: Json) -> None:
        """An event has happened."""
        misdeed = self.faults.of_event(event["type"])
        for endpoint in self.endpoints:
            if not is_of(event["type"], endpoint.enabled_events):
                continue
            event["pending_webhooks"] += 1
            if misdeed is None or misdeed.fault is not DeliveryFault.NEVER:
                due = time.monotonic() + _first_wait(misdeed)
                self._waiting.append(_Delivery(next(self._numbers), event, endpoint, due, misdeed))

    def resend(self, event: Json) -> None:
        """Once more to everybody, as from the Dashboard."""
        for endpoint in self.endpoints:
            event["pending_webhooks"] += 1
            self._waiting.append(_Delivery(next(self._numbers), event, endpoint, time.monotonic(), None))

    def clear(self) -> None:
        self._waiting.clear()
        self.attempts.clear()
        self.kept.clear()

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
    def waiting(self) -> list[str]:
        """The ids of the events that are still to be delivered."""
        return [delivery.event["id"] for delivery in self._waiting]

    async def run(self) -> None:
        """Deliver until cancelled."""
        # Redirects are not followed and proxies not used: the signed body goes to the URL that was named.
        # Nobody's certificate is checked, and reading every authority's takes longer than most tests.
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with (
            httpx.AsyncClient(timeout=_REQUEST_SECONDS, trust_env=False, verify=unchecked) as client,
            asyncio.TaskGroup() as group,
        ):
            while True:
                due = self._next()
                if due is None:
                    await asyncio.sleep(_POLL_SECONDS)
                else:
                    due.under_way = True
                    group.create_task(self._deliver(due, client))

    def _next(self) -> _Delivery | None:
        """Several are on their way at once: an endpoint that is slow with one event holds up no other."""
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
        self._let_overtaken_go(delivery)
        if delivery not in self._waiting:
            return
        if taken and delivery.fault is DeliveryFault.AGAIN and delivery.misdeed is not None:
            delivery.due = time.monotonic() + delivery.misdeed.seconds
            return
        if taken or delivery.tries >= _TRIES:
            self._waiting.remove(delivery)
            delivery.event["pending_webhooks"] -= 1 if taken else 0
            return
        wait = _RETRY_AFTER_SECONDS[min(delivery.tries, len(_RETRY_AFTER_SECONDS)) - 1]
        delivery.due = time.monotonic() + wait

    def _let_overtaken_go(self, other: _Delivery) -> None:
        for delivery in self._waiting:
            if delivery.waits_to_be_overtaken and delivery.number < other.number:
                delivery.due = time.monotonic()

    async def _send(self, delivery: _Delivery, client: httpx.AsyncClient) -> bool:
        """Whether it was taken."""
        body, signed_at, secrets = written(delivery.event), int(time.time()), delivery.endpoint.secrets
        match delivery.fault:
            case DeliveryFault.DROP:
                return False
            case DeliveryFault.STALE:
                signed_at -= _HOUR_SECONDS
            case DeliveryFault.FUTURE:
                signed_at += _HOUR_SECONDS
            case DeliveryFault.FORGED:
                secrets = (_NOBODYS_SECRET,)
            case DeliveryFault.UNREADABLE:
                body = b"[]"
            case DeliveryFault.OTHER_MODE:
                await self._post(delivery, client, written(_live(delivery.event)), signed_at, secrets)
            case DeliveryFault.STRANGER:
                await self._post(delivery, client, written(_strange(delivery.event)), signed_at, secrets)
            case DeliveryFault.TWICE:
                both = [self._post(delivery, client, body, signed_at, secrets) for _ in range(2)]
                return all(await asyncio.gather(*both))
            case DeliveryFault.RESERIALISED:
                header = signature(body, secrets, signed_at)
                return await self._post(delivery, client, json.dumps(delivery.event).encode(), signed_at, (), header)
        return await self._post(delivery, client, body, signed_at, secrets)

    async def _post(
        self,
        delivery: _Delivery,
        client: httpx.AsyncClient,
        body: bytes,
        signed_at: int,
        secrets: Sequence[str],
        header: str | None = None,
    ) -> bool:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": header or signature(body, secrets, signed_at),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        if delivery.endpoint.url is None:
            self.kept.append(Kept(delivery.event["id"], delivery.event["type"], headers, body.decode()))
            return True
        status = None
        try:
            status = (await client.post(delivery.endpoint.url, content=body, headers=headers)).status_code
        except (httpx.HTTPError, OSError) as error:
            _log.debug("A webhook got no answer: %s", type(error).__name__)
        self.attempts.append(Attempt(delivery.event["id"], delivery.event["type"], delivery.endpoint.id, status))
        return status is not None and 200 <= status < 300


def signature(body: bytes, secrets: Sequence[str], signed_at: int) -> str:
    """The header `Stripe-Signature`, with one `v1` for each secret."""
    marks = [f"v1={_hmac(body, secret, signed_at)}" for secret in secrets]
    return ",".join((f"t={signed_at}", *marks, f"v0={_hmac(body, 'v0', signed_at)}"))


def _hmac(body: bytes, secret: str, signed_at: int) -> str:
    return hmac.new(secret.encode(), b"%d." % signed_at + body, hashlib.sha256).hexdigest()


def _live(event: Json) -> Json:
    about = event["data"]["object"] | {"livemode": True}
    return event | {"id": f"{event['id']}live", "livemode": True, "data": {"object": about}}


def _strange(event: Json) -> Json:
    mystery = {"id": "mys_1", "object": "mystery", "solution": ["The butler", None, 42]}
    return event | {"id": f"{event['id']}strange", "type": "mystery.solved", "data": {"object": mystery}}


def _first_wait(misdeed: Misdeed | None) -> float:
    if misdeed is None:
        return 0.0
    if misdeed.fault is DeliveryFault.OVERTAKEN:
        return misdeed.seconds or _OVERTAKEN_SECONDS
    return misdeed.seconds if misdeed.fault is DeliveryFault.DELAY else 0.0
