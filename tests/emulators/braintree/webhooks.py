"""Webhooks: https://developer.paypal.com/braintree/docs/guides/webhooks/overview and …/webhooks/parse.

A notification goes to every endpoint that wants its kind as a form of two fields: `bt_payload`, the XML in base64, and
`bt_signature`, for each key pair the public key, a bar and the HMAC-SHA1 of the payload under the SHA1 of the private
key (the SDK's webhook_notification_gateway.py and util/crypto.py). It has no id, arrives at least once and in no
promised order. An endpoint is taken on when it answers a challenge. Tries that fail are repeated.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.faults import DeliveryFault
from tests.emulators.braintree.xmltext import Tree, write
from tests.emulators.common.deliveries import Deliveries, Delivery, a_client, post, was_taken
from tests.emulators.common.faults import Faults, MailFault

_TRIES = 24
"""Braintree comes again every hour, for a day (three hours in the sandbox)."""
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


_Delivery = Delivery[Notification, Endpoint]


class Outbox(Deliveries[Notification, Endpoint, Attempt, Kept]):
    def __init__(self, faults: Faults, keys: Keys) -> None:
        super().__init__(faults, tries=_TRIES)
        self.told: list[Notification] = []
        """Everything that happened, in order."""
        self._keys = keys

    def put(self, kind: str, subject: Tree, timestamp: datetime) -> None:
        """Something has happened."""
        notification = Notification(len(self.told) + 1, kind, subject, timestamp)
        self.told.append(notification)
        misdeed = self.faults.of_delivery(kind)
        for endpoint in self.endpoints:
            if endpoint.wants(kind):
                self.deliver(notification, endpoint, misdeed)

    def resend(self, notification: Notification) -> None:
        """Once more to everybody."""
        for endpoint in self.endpoints:
            self.deliver(notification, endpoint)

    def clear(self) -> None:
        super().clear()
        self.told.clear()

    @property
    def waiting(self) -> list[int]:
        """The numbers of the notifications that are still to be delivered."""
        return [notification.number for notification in self.undelivered]

    async def send(self, delivery: _Delivery, client: httpx.AsyncClient) -> bool:
        payload = delivery.message.payload()
        mark = signature(self._keys, payload)
        match delivery.fault:
            case DeliveryFault.FORGED:
                mark = signature(Keys(public_key=self._keys.public_key, private_key="nobodys"), payload)
            case DeliveryFault.ALTERED:
                payload = delivery.message.payload("check")
            case DeliveryFault.MALFORMED:
                mark = f"{self._keys.public_key}|a|b"
            case DeliveryFault.UNREADABLE:
                payload = in_lines(b"neither XML nor anything else")
                mark = signature(self._keys, payload)
            case DeliveryFault.STRANGER:
                strange = delivery.message.payload("mystery_solved")
                await self._post(delivery, client, strange, signature(self._keys, strange))
            case MailFault.TWICE:
                return all(await asyncio.gather(*(self._post(delivery, client, payload, mark) for _ in range(2))))
        return await self._post(delivery, client, payload, mark)

    async def _post(self, delivery: _Delivery, client: httpx.AsyncClient, payload: str, mark: str) -> bool:
        notification, endpoint = delivery.message, delivery.endpoint
        if endpoint.url is None:
            self.kept.append(Kept(notification.kind, mark, payload))
            return True
        status = await post(client, endpoint.url, data={"bt_signature": mark, "bt_payload": payload})
        self.attempts.append(Attempt(notification.number, notification.kind, endpoint.id, status))
        return was_taken(status)

    async def challenge(self, url: str, text: str) -> bool:
        """Whether who answers there knows the private key: `GET …?bt_challenge=` wants what `verify` gives."""
        async with a_client() as client:
            try:
                answer = await client.get(url, params={"bt_challenge": text})
            except (httpx.HTTPError, OSError):
                return False
        return answer.status_code == 200 and answer.text.strip() == signature(self._keys, text)


def signature(keys: Keys, payload: str) -> str:
    """`bt_signature` with one key pair, and the answer to a challenge."""
    secret = hashlib.sha1(keys.private_key.encode()).digest()  # noqa: S324 (Braintree's own scheme)
    return f"{keys.public_key}|{hmac.new(secret, payload.encode(), hashlib.sha1).hexdigest()}"


def in_lines(body: bytes) -> str:
    text = base64.b64encode(body).decode()
    return "".join(f"{text[start : start + _LINE]}\n" for start in range(0, len(text), _LINE))
