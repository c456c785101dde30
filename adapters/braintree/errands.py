"""One thing that the domain asks for, and the requests to Braintree that it takes, within one deadline.

Nothing is raised: what came back is what a reader made of the answer, in the thread that heard it, or a `Verdict` on
why there is none. A request is sent again only when Braintree says that its key is in use by an earlier sending; then
under the same key and with the same content. What was lost on the way is not: whether it was done is the resolver's to
find out. Reading is free of that, and tries a broken connection once more.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import braintree

from adapters.braintree.reading import UNREADABLE as READING_FAILS
from adapters.braintree.reading import tree
from adapters.braintree.verdicts import KEY_IN_USE, NO_ANSWER, UNREADABLE, Verdict, of_errors, verdict_of
from adapters.braintree.wire import Call, Heard, NotBegun, Wire
from adapters.braintree.workers import Workers
from adapters.braintree.xmltext import Tree
from domain.clock import Clock
from domain.provider import Outcome

_Result = TypeVar("_Result")

Send = Callable[[braintree.BraintreeGateway], Any]
"""A call of the SDK, which asks one thing."""
Read = Callable[[Tree], _Result]
"""Of an answer: {"transaction": {…}}; also of a 422 that carries the object it is about."""

_PAUSES = (0.25, 0.75, 2.0)
"""Seconds before each repetition: keys in use are free again when the other request is answered."""
_LOST = frozenset({"answer_lost", "unreachable"})
_OBJECTS = ("transaction", "verification")
"""What a refusal may be about, and carries then: somebody else has refused it."""

_log = logging.getLogger("paydesk.braintree")


class Line:
    """How the account is reached: what all errands have in common."""

    def __init__(self, gateway: braintree.BraintreeGateway, wire: Wire, workers: Workers, *, clock: Clock) -> None:
        self._gateway = gateway
        self._wire = wire
        self._workers = workers
        self.clock = clock

    async def ask(self, send: Send, read: Read[_Result], *, seconds: float) -> _Result | Verdict:
        call = Call(time.monotonic() + seconds)
        try:
            return await self._workers.run(
                lambda: self._in_thread(call, send, read), until=asyncio.get_running_loop().time() + seconds
            )
        except TimeoutError as late:
            return verdict_of(late if call.give_up() else NotBegun(), has_left=True, now=self.clock.now())
        except asyncio.CancelledError:
            call.give_up()
            raise

    def _in_thread(self, call: Call, send: Send, read: Read[_Result]) -> _Result | Verdict:
        with self._wire.calling(call):
            try:
                send(self._gateway)
            except Heard as heard:
                return read_answer(read, heard.body)
            except Exception as error:
                # The port promises that nothing is raised for what a network can do, and httpx lists that nowhere in
                # full. What the SDK itself raises, it raises before it asks.
                return verdict_of(error, has_left=call.has_left, now=self.clock.now())
        raise LookupError("The SDK asked for nothing.")


class Errand:
    def __init__(self, line: Line, *, timeout_seconds: float) -> None:
        self._line = line
        self._until = time.monotonic() + timeout_seconds

    async def do(self, what: str, send: Send, read: Read[_Result], *, keyed: bool = False) -> _Result | Verdict:
        """Ask for something that changes things there. `keyed`: a key of Braintree's makes it happen once."""
        told = await self._once(what, send, read)
        for pause in _PAUSES if keyed else ():
            if not isinstance(told, Verdict) or told.code != KEY_IN_USE or not await self._pause(pause):
                break
            again = await self._once(what, send, read)
            if isinstance(again, Verdict) and again.outcome is Outcome.NOT_SENT:
                break  # that this one did not leave says nothing of the one that has the key
            told = again
        return told

    async def look(self, what: str, send: Send, read: Read[_Result]) -> _Result | Verdict:
        """Ask a question."""
        told = await self._once(what, send, read)
        if isinstance(told, Verdict) and told.code in _LOST:
            # A connection that was idle for too long, most of the time.
            return await self._once(what, send, read)
        return told

    async def _pause(self, seconds: float) -> bool:
        """Whether there is time left afterwards."""
        if time.monotonic() + seconds >= self._until:
            return False
        await asyncio.sleep(seconds)
        return True

    async def _once(self, what: str, send: Send, read: Read[_Result]) -> _Result | Verdict:
        told = await self._line.ask(send, read, seconds=self._until - time.monotonic())
        if isinstance(told, Verdict):
            self._tell(what, told)
        return told

    def _tell(self, what: str, verdict: Verdict) -> None:
        told = (what, verdict.code, verdict.status)
        if verdict.status in (401, 403):
            _log.error("Braintree does not let us in (%s): %s, status %s", *told)
        elif verdict.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT):
            _log.warning("Braintree gave no answer (%s): %s, status %s", *told)
        else:
            _log.info("Braintree says no (%s): %s, status %s", *told)


def read_answer(read: Read[_Result], body: Tree) -> _Result | Verdict:
    """Run a reader over an answer; UNREADABLE when something is missing there or of the wrong kind."""
    try:
        if "api_error_response" not in body:
            return read(body)
        envelope = tree(body["api_error_response"])
        about = {name: envelope[name] for name in _OBJECTS if isinstance(envelope.get(name), dict)}
        return read(about) if about else of_errors(envelope)
    except READING_FAILS:
        return UNREADABLE if body and "html" not in body else NO_ANSWER
