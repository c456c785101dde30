"""Webhooks: https://docs.stripe.com/webhooks and https://docs.stripe.com/webhooks/signature.

An event goes to every endpoint that wants its type, at least once and in no promised order. Its `Stripe-Signature`
has the time and, for each of the endpoint's secrets (two while one is rolled), the HMAC-SHA256 of time, dot and body;
the `v0` next to it is what Stripe adds in test mode and nobody should look at. The time is the machine's own and not
the emulator's clock: a receiver compares it with its own. Tries that fail are repeated.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from tests.emulators.common.deliveries import Deliveries, Delivery, post, was_taken
from tests.emulators.common.faults import Faults, MailFault
from tests.emulators.stripe.account import Endpoint
from tests.emulators.stripe.events import is_of
from tests.emulators.stripe.faults import DeliveryFault
from tests.emulators.stripe.jsontext import written
from tests.emulators.stripe.refusals import Json

_TRIES = 40
"""Stripe gives up after three days (a few hours in test mode)."""
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


_Delivery = Delivery[Json, Endpoint]


class Outbox(Deliveries[Json, Endpoint, Attempt, Kept]):
    def __init__(self, faults: Faults) -> None:
        super().__init__(faults, tries=_TRIES)

    def put(self, event: Json) -> None:
        """An event has happened."""
        misdeed = self.faults.of_delivery(event["type"])
        for endpoint in self.endpoints:
            if is_of(event["type"], endpoint.enabled_events):
                event["pending_webhooks"] += 1
                self.deliver(event, endpoint, misdeed)

    def resend(self, event: Json) -> None:
        """Once more to everybody, as from the Dashboard."""
        for endpoint in self.endpoints:
            event["pending_webhooks"] += 1
            self.deliver(event, endpoint)

    @property
    def waiting(self) -> list[str]:
        """The ids of the events that are still to be delivered."""
        return [event["id"] for event in self.undelivered]

    def ended(self, delivery: _Delivery, *, taken: bool) -> None:
        delivery.message["pending_webhooks"] -= 1 if taken else 0

    async def send(self, delivery: _Delivery, client: httpx.AsyncClient) -> bool:
        body, signed_at, secrets = written(delivery.message), int(time.time()), delivery.endpoint.secrets
        match delivery.fault:
            case DeliveryFault.STALE:
                signed_at -= _HOUR_SECONDS
            case DeliveryFault.FUTURE:
                signed_at += _HOUR_SECONDS
            case DeliveryFault.FORGED:
                secrets = (_NOBODYS_SECRET,)
            case DeliveryFault.UNREADABLE:
                body = b"[]"
            case DeliveryFault.OTHER_MODE:
                await self._post(delivery, client, written(_live(delivery.message)), signed_at, secrets)
            case DeliveryFault.STRANGER:
                await self._post(delivery, client, written(_strange(delivery.message)), signed_at, secrets)
            case MailFault.TWICE:
                both = [self._post(delivery, client, body, signed_at, secrets) for _ in range(2)]
                return all(await asyncio.gather(*both))
            case DeliveryFault.RESERIALISED:
                header = signature(body, secrets, signed_at)
                return await self._post(delivery, client, json.dumps(delivery.message).encode(), signed_at, (), header)
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
        event, endpoint = delivery.message, delivery.endpoint
        if endpoint.url is None:
            self.kept.append(Kept(event["id"], event["type"], headers, body.decode()))
            return True
        status = await post(client, endpoint.url, content=body, headers=headers)
        self.attempts.append(Attempt(event["id"], event["type"], endpoint.id, status))
        return was_taken(status)


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
