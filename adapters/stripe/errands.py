"""One thing that the domain asks for, and the requests to Stripe that it takes, within one deadline.

Nothing is raised: what came back is an `Answer`, or a `Verdict` on why there is none. A request is sent again only when
Stripe says that it was not worked on, or that its key is in use by an earlier sending; then under the same key and with
the same content. What was lost on the way is not: whether it was done is the resolver's to find out. Reading is free of
that, and tries a broken connection once more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import stripe

from adapters.stripe.reading import UNREADABLE as READING_FAILS
from adapters.stripe.verdicts import KEY_IN_USE, LOCKED, NO_ANSWER, UNREADABLE, Verdict, is_replay, verdict_of
from domain.clock import Clock
from domain.provider import Outcome

_Result = TypeVar("_Result")

Send = Callable[[stripe.RequestOptions], Awaitable[Any]]
"""A call of the SDK, which the options are still to be given to."""

_PAUSES = (0.25, 0.75, 2.0)
"""Seconds before each repetition. Locks and keys in use are free again when the other request is answered, most in less
than a second."""
_LET_ANOTHER_TRY = frozenset({KEY_IN_USE, LOCKED})
_LOST = frozenset({"answer_lost", "unreachable"})

_log = logging.getLogger("paydesk.stripe")


@dataclass(frozen=True, slots=True)
class Answer:
    body: dict[str, Any]
    replayed: bool
    """It is what the key's first request was answered: how things are by now, only looking tells."""


class Errand:
    def __init__(self, *, timeout_seconds: float, clock: Clock) -> None:
        self._until = asyncio.get_running_loop().time() + timeout_seconds
        self._clock = clock

    async def do(self, what: str, send: Send, *, key: str | None = None) -> Answer | Verdict:
        """Ask for something that changes things there. `key` makes it happen once."""
        options: stripe.RequestOptions = {} if key is None else {"idempotency_key": key}
        told = await self._once(what, send, options)
        for pause in _PAUSES if key is not None else ():
            if not isinstance(told, Verdict) or told.code not in _LET_ANOTHER_TRY or not await self._pause(pause):
                break
            again = await self._once(what, send, options)
            if isinstance(again, Verdict) and again.outcome is Outcome.NOT_SENT and told.outcome is Outcome.UNKNOWN:
                break  # that this one did not leave says nothing of the one that has the key
            told = again
        return told

    async def look(self, what: str, send: Send) -> Answer | Verdict:
        """Ask a question."""
        told = await self._once(what, send, {})
        if isinstance(told, Verdict) and told.code in _LOST:
            # A connection that was idle for too long, most of the time.
            return await self._once(what, send, {})
        return told

    async def _pause(self, seconds: float) -> bool:
        """Whether there is time left afterwards."""
        if asyncio.get_running_loop().time() + seconds >= self._until:
            return False
        await asyncio.sleep(seconds)
        return True

    async def _once(self, what: str, send: Send, options: stripe.RequestOptions) -> Answer | Verdict:
        try:
            async with asyncio.timeout_at(self._until):
                told = await send(options)
        except Exception as error:
            # The port promises that nothing is raised for what a network can do, and the SDK lists that nowhere in
            # full. Its errors carry headers and bodies: they are told of in our words, and never logged themselves.
            verdict = verdict_of(error, now=self._clock.now())
            self._tell(what, verdict)
            return verdict
        response = getattr(told, "last_response", None)
        body = getattr(response, "data", None)
        if response is None or not isinstance(body, dict) or not body:
            return NO_ANSWER
        return Answer(body, is_replay(response.headers))

    def _tell(self, what: str, verdict: Verdict) -> None:
        told = (what, verdict.code, verdict.status, verdict.request_id)
        if verdict.status in (401, 403):
            _log.error("Stripe does not let us in (%s): %s, status %s, request %s", *told)
        elif verdict.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT):
            _log.warning("Stripe gave no answer (%s): %s, status %s, request %s", *told)
        else:
            _log.info("Stripe says no (%s): %s, status %s, request %s", *told)


def read(reader: Callable[[dict[str, Any]], _Result], told: Answer | Verdict) -> _Result | Verdict:
    """Run a reader over an answer; UNREADABLE when something is missing there or of the wrong kind."""
    return told if isinstance(told, Verdict) else read_object(reader, told.body)


def read_object(reader: Callable[[dict[str, Any]], _Result], body: Any) -> _Result | Verdict:
    try:
        return reader(body)
    except READING_FAILS:
        return UNREADABLE
