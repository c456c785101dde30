"""Delivery of the bank's events: from an outbox in the books, at least once, signed again for each try.

What a script wants of an event (misdeliveries.py) was drawn when it happened and stands in its row.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import httpx
import orjson

from adapters.fake import webhooks
from adapters.fake.bank import Bank
from adapters.fake.books import OpenBooks, as_text
from adapters.fake.misdeliveries import DeliveryFault, Misdelivery
from adapters.fake.settling import settle_due
from domain.clock import Clock

_log = logging.getLogger(__name__)

Post = Callable[[bytes, Mapping[str, str]], Awaitable[int]]
"""Sends a body with its headers, and gives the HTTP status; it raises when no answer came."""

_RETRY_AFTER_SECONDS = (1, 2, 5, 15, 60, 300, 900, 3600)
"""Quick at first, since a gateway on a laptop restarts often; hourly at the end."""
_TRIES = 80
"""About three days, as long as real providers try."""
_LEASE_SECONDS = 30
"""How long an event belongs to the process that sends it: longer than a request may take."""
_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.2
_BATCH = 20


@dataclass(frozen=True, slots=True)
class _Due:
    event_id: str
    body: bytes
    tries: int
    misdelivery: Misdelivery | None

    @property
    def fault(self) -> DeliveryFault | None:
        """What goes wrong with this try; only the first one goes wrong."""
        return self.misdelivery.fault if self.misdelivery and self.tries == 1 else None


class WebhookSender:
    """Sends what the bank's outbox holds to one URL. Several may run on the same books; each event goes out by one."""

    def __init__(self, bank: Bank, *, url: str, clock: Clock, secrets: Sequence[str] | None = None) -> None:
        """Without `secrets`, events are signed with the bank's own; with several, with each of them."""
        if not url.startswith(("http://", "https://")):
            raise ValueError("The URL that gets the webhooks has to begin with http:// or https://.")
        self._bank = bank
        self._url = httpx.URL(url)
        self._clock = clock
        self._secrets = (bank.webhook_secret,) if secrets is None else tuple(secrets)
        if not self._secrets or not all(self._secrets):
            raise ValueError("Events cannot be signed without a secret.")

    async def run(self) -> None:
        """Deliver until cancelled. Nothing that a receiver or the books do ends it."""
        # Redirects are not followed and proxies not used: the signed body goes to the URL that was configured.
        async with httpx.AsyncClient(timeout=_REQUEST_SECONDS, trust_env=False) as client:

            async def post(body: bytes, headers: Mapping[str, str]) -> int:
                return (await client.post(self._url, content=body, headers=headers)).status_code

            while True:
                try:
                    sent = await self.deliver_due(post)
                except (sqlite3.Error, OSError):
                    _log.exception("The fake bank's events could not be read; trying again.")
                    sent = 0
                if sent == 0:
                    await asyncio.sleep(_POLL_SECONDS)

    async def deliver_due(self, post: Post) -> int:
        """Send every event whose time has come, once; how many were tried."""
        due = await self._bank.run(_claim)
        for event in due:
            delivered = await self._send(event, post)
            await self._bank.run(partial(_settle, event=event, delivered=delivered))
        return len(due)

    async def _send(self, event: _Due, post: Post) -> bool:
        now = self._clock.now()
        match event.fault:
            case DeliveryFault.DROP:
                return False
            case DeliveryFault.OLD_SIGNATURE:
                too_old = timedelta(seconds=2 * webhooks.TOLERANCE_SECONDS)
                return await self._post(event.body, post, signed_at=now - too_old)
            case DeliveryFault.UNREADABLE:
                return await self._post(b"[]", post, signed_at=now)
            case DeliveryFault.STRANGER:
                await self._post(_stranger(event.body), post, signed_at=now)
            case DeliveryFault.TWICE:
                both = [self._post(event.body, post, signed_at=now) for _ in range(2)]
                return all(await asyncio.gather(*both))
        return await self._post(event.body, post, signed_at=now)

    async def _post(self, body: bytes, post: Post, *, signed_at: datetime) -> bool:
        """Whether it was taken."""
        signature = webhooks.sign(body, secrets=self._secrets, moment=signed_at)
        headers = {"Content-Type": "application/json", webhooks.SIGNATURE_HEADER: signature}
        try:
            status = await post(body, headers)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            _log.debug("A webhook got no answer: %s", type(error).__name__)
            return False
        return 200 <= status < 300


def _stranger(body: bytes) -> bytes:
    """An event that is none of the kinds that a gateway follows."""
    event = orjson.loads(body)
    return orjson.dumps(
        event
        | {
            "id": f"{event['id']}_stranger",
            "kind": "mystery.solved",
            "data": {"object": "mystery", "ref": f"fmy_{event['id']}", "solution": ["The butler", None, 42]},
        }
    )


def _claim(books: OpenBooks) -> list[_Due]:
    """Take what is due; the lease gives it to others again should this process die while it sends."""
    settle_due(books)
    rows = books.all("SELECT * FROM events WHERE next_try_at <= ? ORDER BY sequence LIMIT ?", books.moment, _BATCH)
    rows += _overtaken(books, rows)
    leased_until = as_text(books.now + timedelta(seconds=_LEASE_SECONDS * max(len(rows), 1)))
    for row in rows:
        books.write("UPDATE events SET next_try_at = ?, tries = tries + 1 WHERE id = ?", leased_until, row["id"])
    return [
        _Due(row["id"], row["body"], row["tries"] + 1, row["fault"] and Misdelivery.read(row["fault"])) for row in rows
    ]


def _overtaken(books: OpenBooks, rows: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
    """What waits for one of these to go first; a run of them goes out backwards."""
    return books.all(
        "SELECT * FROM events WHERE fault = ? AND tries = 0 AND next_try_at > ? AND sequence < ?"
        " ORDER BY sequence DESC",
        DeliveryFault.OVERTAKEN,
        books.moment,
        max((row["sequence"] for row in rows), default=0),
    )


def _settle(books: OpenBooks, *, event: _Due, delivered: bool) -> None:
    if delivered:
        again = event.misdelivery if event.fault is DeliveryFault.AGAIN else None
        books.write(
            "UPDATE events SET delivered_at = ?, next_try_at = ? WHERE id = ?",
            books.moment,
            again and as_text(books.now + timedelta(seconds=again.seconds)),
            event.event_id,
        )
        return
    if event.tries >= _TRIES:
        _log.warning("Event %s was not taken in %d tries and is given up.", event.event_id, event.tries)
        books.write("UPDATE events SET next_try_at = NULL WHERE id = ?", event.event_id)
        return
    wait = _RETRY_AFTER_SECONDS[min(event.tries, len(_RETRY_AFTER_SECONDS)) - 1]
    books.write(
        "UPDATE events SET next_try_at = ? WHERE id = ? AND delivered_at IS NULL",
        as_text(books.now + timedelta(seconds=wait)),
        event.event_id,
    )
