"""The faulty wire between the gateways and their bank: it knows enough of HTTP to fail in every way that wires fail in.

What goes wrong with a request is drawn from a seed. What was asked of the bank is counted by what became of it, so that
the table says which faults really happened, not which were wished for.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from tests.chaos.messages import Listener, Request, answer, ask, body_of, error, listening, reset, send


class Fault(StrEnum):
    """In the words of the table in docs/reliability.md."""

    DROPPED = "answer dropped after the work"
    RESET = "connection reset after the work"
    RESET_BEFORE = "connection reset before the work"
    HUNG = "work done, no answer ever"
    SWALLOWED = "request swallowed, no answer ever"
    LATE = "request arrives after the gateway gave up"
    DOUBLED = "request arrives twice"
    ERROR_BEFORE = "500 before the work"
    ERROR_AFTER = "500 after the work"
    RATE_LIMITED = "429 with Retry-After"
    HTML = "502 with a page of HTML after the work"
    TRUNCATED = "answer cut in half"
    GARBAGE = "200 with garbage"
    REFUSED = "connection refused"


_MONEY = frozenset({"charge", "continue_charge", "capture", "void", "refund"})
_MONEY_OF_STRIPE = ("/v1/payment_intents", "/v1/refunds")
_MONEY_OF_BRAINTREE = re.compile(r"/merchants/[^/]+/transactions(/[^/]+/(submit_for_settlement|void|refund|reverse))?")


def moves_money(request: Request) -> bool:
    """At the fake bank, at Stripe, or at Braintree."""
    if _MONEY_OF_BRAINTREE.fullmatch(request.target):
        return request.method in ("POST", "PUT")
    return request.method == "POST" and (request.call in _MONEY or request.target.startswith(_MONEY_OF_STRIPE))


_LIKELY_FAULTS: dict[Fault, float] = {fault: 1.0 for fault in Fault if fault is not Fault.REFUSED}
LATE_SECONDS = (4.0, 15.0)
"""Around the moment at which a gateway looks for the outcome: before, and after."""
_GARBAGE = (
    b"",
    b"{}",
    b"[]",
    b'{"charge": 7}',
    b'{"object": "payment_intent"}',
    b"<transaction/>",
    b"\xff\x00\x7f" * 9,
)
_PATIENCE_SECONDS = 60.0
"""Longer than any gateway waits for an answer."""


class Wire:
    def __init__(
        self,
        bank_port: int,
        *,
        seed: str,
        money: float,
        others: float,
        late: float = 1.0,
        late_seconds: tuple[float, float] = LATE_SECONDS,
        doubled: float = 1.0,
    ) -> None:
        """`money` and `others` are the shares of requests that go wrong; `late` and `doubled` weigh these two against
        the rest."""
        self._bank_port = bank_port
        self._chance = random.Random(seed)
        self._shares = money, others
        self._weights = {**_LIKELY_FAULTS, Fault.LATE: late, Fault.DOUBLED: doubled}
        self._late_seconds = late_seconds
        self._latecomers: set[asyncio.Task[None]] = set()
        self.listener: Listener | None = None
        self.calm = False
        """From now on nothing goes wrong."""
        self.requests = 0
        self.faults: Counter[Fault] = Counter()

    @property
    def address(self) -> str:
        assert self.listener is not None
        return self.listener.address

    async def cut(self, seconds: float) -> None:
        """The bank cannot be reached for this long: connecting is refused."""
        assert self.listener is not None
        self.listener.refuse()
        self.faults[Fault.REFUSED] += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            await self.listener.open()

    async def settle(self) -> None:
        """What is still late arrives now at the latest."""
        await asyncio.gather(*self._latecomers, return_exceptions=True)

    async def carry(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests += 1
        fault = self._draw(request)
        if fault is None:
            await send(writer, await ask(self._bank_port, request))
            return
        self.faults[fault] += 1
        await _ACTS[fault](self, request, writer)

    def _draw(self, request: Request) -> Fault | None:
        money, others = self._shares
        if self.calm or self._chance.random() >= (money if moves_money(request) else others):
            return None
        return self._chance.choices(list(self._weights), list(self._weights.values()))[0]

    # --- what goes wrong --------------------------------------------------------------------------------------------

    async def _drop(self, request: Request, _: asyncio.StreamWriter) -> None:
        await ask(self._bank_port, request)

    async def _reset(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await ask(self._bank_port, request)
        reset(writer)

    async def _reset_before(self, _: Request, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async def _hang(self, request: Request, _: asyncio.StreamWriter) -> None:
        await ask(self._bank_port, request)
        await asyncio.sleep(_PATIENCE_SECONDS)

    async def _swallow(self, _: Request, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(_PATIENCE_SECONDS)

    async def _come_late(self, request: Request, _: asyncio.StreamWriter) -> None:
        latecomer = asyncio.create_task(self._arrive(request, self._chance.uniform(*self._late_seconds)))
        self._latecomers.add(latecomer)
        latecomer.add_done_callback(self._latecomers.discard)
        await asyncio.sleep(_PATIENCE_SECONDS)

    async def _arrive(self, request: Request, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await ask(self._bank_port, request)

    async def _double(self, request: Request, writer: asyncio.StreamWriter) -> None:
        answers = await asyncio.gather(ask(self._bank_port, request), ask(self._bank_port, request))
        await send(writer, self._chance.choice(answers))

    async def _fail_before(self, _: Request, writer: asyncio.StreamWriter) -> None:
        await send(writer, error(500, "server_error"))

    async def _fail_after(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await ask(self._bank_port, request)
        await send(writer, error(500, "server_error"))

    async def _limit(self, _: Request, writer: asyncio.StreamWriter) -> None:
        await send(writer, error(429, "rate_limited", "Retry-After: 1"))

    async def _answer_html(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await ask(self._bank_port, request)
        await send(writer, answer(502, b"<html><h1>502 Bad Gateway</h1></html>", kind="text/html"))

    async def _truncate(self, request: Request, writer: asyncio.StreamWriter) -> None:
        status, body = body_of(await ask(self._bank_port, request))
        await send(writer, answer(status, body[: len(body) // 2]))

    async def _answer_garbage(self, request: Request, writer: asyncio.StreamWriter) -> None:
        await ask(self._bank_port, request)
        await send(writer, answer(200, self._chance.choice(_GARBAGE)))


_ACTS: dict[Fault, Callable[[Wire, Request, asyncio.StreamWriter], Awaitable[None]]] = {
    Fault.DROPPED: Wire._drop,
    Fault.RESET: Wire._reset,
    Fault.RESET_BEFORE: Wire._reset_before,
    Fault.HUNG: Wire._hang,
    Fault.SWALLOWED: Wire._swallow,
    Fault.LATE: Wire._come_late,
    Fault.DOUBLED: Wire._double,
    Fault.ERROR_BEFORE: Wire._fail_before,
    Fault.ERROR_AFTER: Wire._fail_after,
    Fault.RATE_LIMITED: Wire._limit,
    Fault.HTML: Wire._answer_html,
    Fault.TRUNCATED: Wire._truncate,
    Fault.GARBAGE: Wire._answer_garbage,
}


@asynccontextmanager
async def faulty_wire(wire: Wire) -> AsyncIterator[Wire]:
    async with listening(wire.carry) as listener:
        wire.listener = listener
        yield wire
