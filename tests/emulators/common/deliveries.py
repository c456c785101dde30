"""What is told to others: to each at least once and in no promised order, and again while nobody takes it.

An endpoint without a URL keeps what is delivered to it until a test collects it. Times are the machine's own and not
the emulator's clock: who receives compares them with its own.
"""

import asyncio
import logging
import ssl
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any, Generic, Protocol, TypeVar

import httpx

from tests.emulators.common.faults import Faults, MailFault, Misdeed

_log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = (0.5, 1, 2, 5, 15, 60, 300, 900, 3600)
"""Quick at first, for tests; providers begin with minutes or an hour."""
_AT_ONCE = 8
_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.05
_OVERTAKEN_SECONDS = 10.0


class Receiver(Protocol):
    """Where something is delivered to."""

    @property
    def url(self) -> str | None: ...


Message = TypeVar("Message")
Endpoint = TypeVar("Endpoint", bound=Receiver)
Attempt = TypeVar("Attempt")
Kept = TypeVar("Kept")


@dataclass(slots=True, eq=False)
class Delivery(Generic[Message, Endpoint]):
    """One message on its way to one endpoint."""

    number: int
    message: Message
    endpoint: Endpoint
    due: float
    misdeed: Misdeed | None
    tries: int = 0
    under_way: bool = False

    @property
    def fault(self) -> StrEnum | None:
        """What goes wrong with this try; only the first one goes wrong."""
        return self.misdeed.fault if self.misdeed and self.tries == 1 else None

    @property
    def waits_to_be_overtaken(self) -> bool:
        return self.tries == 0 and self.misdeed is not None and self.misdeed.fault is MailFault.OVERTAKEN


@dataclass(slots=True)
class Deliveries(ABC, Generic[Message, Endpoint, Attempt, Kept]):
    """Everything that is to be delivered, and what became of it."""

    faults: Faults
    tries: int
    """After which nobody is bothered any more."""
    endpoints: list[Endpoint] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    """Each try, as tests may look it up."""
    kept: list[Kept] = field(default_factory=list)
    """Deliveries that are collected instead of sent, as they would arrive."""
    _waiting: list[Delivery[Message, Endpoint]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    @abstractmethod
    async def send(self, delivery: Delivery[Message, Endpoint], client: httpx.AsyncClient) -> bool:
        """One try, with what goes wrong in what is sent; whether it was taken."""

    def ended(self, delivery: Delivery[Message, Endpoint], *, taken: bool) -> None:
        """It is not tried again."""

    def deliver(self, message: Message, endpoint: Endpoint, misdeed: Misdeed | None = None) -> None:
        if misdeed is None or misdeed.fault is not MailFault.NEVER:
            due = time.monotonic() + _first_wait(misdeed)
            self._waiting.append(Delivery(next(self._numbers), message, endpoint, due, misdeed))

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
    def undelivered(self) -> list[Message]:
        """Once for each endpoint that has not got it yet."""
        return [delivery.message for delivery in self._waiting]

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with a_client() as client, asyncio.TaskGroup() as group:
            while True:
                due = self._next()
                if due is None:
                    await asyncio.sleep(_POLL_SECONDS)
                else:
                    due.under_way = True
                    group.create_task(self._try(due, client))

    def _next(self) -> Delivery[Message, Endpoint] | None:
        """Several are on their way at once: an endpoint that is slow with one holds up no other."""
        if sum(delivery.under_way for delivery in self._waiting) >= _AT_ONCE:
            return None
        now = time.monotonic()
        ready = (delivery for delivery in self._waiting if delivery.due <= now and not delivery.under_way)
        return next(ready, None)

    async def _try(self, delivery: Delivery[Message, Endpoint], client: httpx.AsyncClient) -> None:
        delivery.tries += 1
        try:
            taken = False if delivery.fault is MailFault.DROP else await self.send(delivery, client)
        finally:
            delivery.under_way = False
        self._let_overtaken_go(delivery)
        if delivery not in self._waiting:
            return
        if taken and delivery.fault is MailFault.AGAIN and delivery.misdeed is not None:
            delivery.due = time.monotonic() + delivery.misdeed.seconds
        elif taken or delivery.tries >= self.tries:
            self._waiting.remove(delivery)
            self.ended(delivery, taken=taken)
        else:
            wait = _RETRY_AFTER_SECONDS[min(delivery.tries, len(_RETRY_AFTER_SECONDS)) - 1]
            delivery.due = time.monotonic() + wait

    def _let_overtaken_go(self, other: Delivery[Message, Endpoint]) -> None:
        for delivery in self._waiting:
            if delivery.waits_to_be_overtaken and delivery.number < other.number:
                delivery.due = time.monotonic()


async def post(client: httpx.AsyncClient, url: str, **content: Any) -> int | None:
    """The status of the answer, None where none came."""
    try:
        return (await client.post(url, **content)).status_code
    except (httpx.HTTPError, OSError) as error:
        _log.debug("A webhook got no answer: %s", type(error).__name__)
        return None


def was_taken(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def a_client() -> httpx.AsyncClient:
    # Redirects are not followed and proxies not used: the signed body goes to the URL that was named.
    # Nobody's certificate is checked, and reading every authority's takes longer than most tests.
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(timeout=_REQUEST_SECONDS, trust_env=False, verify=unchecked)


def _first_wait(misdeed: Misdeed | None) -> float:
    if misdeed is None:
        return 0.0
    if misdeed.fault is MailFault.OVERTAKEN:
        return misdeed.seconds or _OVERTAKEN_SECONDS
    return misdeed.seconds if misdeed.fault is MailFault.DELAY else 0.0
