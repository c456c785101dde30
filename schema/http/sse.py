"""Answers as an event stream, as graphql-sse has it in its "distinct connections mode".

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md

Lines end with LF alone: urql splits at two of them, and finds none in a stream with CRLF. The data of `complete` is
empty rather than left out, or a browser's EventSource would not tell of it; and without a space, which urql would try
to read as JSON.
"""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from schema.http.answers import answer_refusal, encode
from schema.http.execution import Interrupted, Payload
from schema.http.live import (
    EXPIRED,
    GOING_AWAY,
    NOT_READING,
    TOO_MANY,
    TRY_AGAIN,
    Close,
    Ending,
    Live,
    Owner,
    TooMany,
    TooManyOperations,
)
from schema.http.negotiation import EVENT_STREAM, GRAPHQL_RESPONSE
from schema.http.refusals import Refusal, refuse
from schema.http.request_id import request_id
from schema.masking import FormattedError, Unauthenticated, format_error, mask

KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
_GONE = Close(1006, "The client has left.")


class EventStream(Response):
    """Each answer as an event `next`, then `complete`. A stream that ends without `complete` is to be taken up again.

    `expires_at` is when the client's token does. What `changes` something runs to its end, whoever leaves or expires.
    """

    def __init__(
        self,
        answers: AsyncGenerator[Payload],
        *,
        live: Live,
        owner: Owner,
        expires_at: datetime | None = None,
        changes: bool = False,
    ) -> None:
        super().__init__(
            media_type=f"{EVENT_STREAM}; charset=utf-8",
            headers={
                "Vary": "Accept",
                "Cache-Control": "no-store",
                # nginx would collect events until it has some KiB of them.
                "X-Accel-Buffering": "no",
            },
        )
        del self.headers["content-length"]
        self._answers = answers
        self._live = live
        self._owner = owner
        self._expires_at = expires_at
        self._changes = changes
        self._started = False
        self._writing = asyncio.Lock()
        self._ending = Ending()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        try:
            with self._live.connection(self._ending, self._owner), self._live.operation(self._owner):
                await self._serve(scope, receive)
        except TooMany as error:
            await answer_refusal(refuse_one_more(error), GRAPHQL_RESPONSE)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive) -> None:
        own_id = scope.get("state", {}).get("request_id", "")
        token = request_id.set(own_id)
        beside = [_spawn(self._until_it_leaves(receive)), _spawn(self._keep_alive())]
        try:
            with suppress(OSError):
                await (self._change(own_id) if self._changes else self._follow())
                await self._end()
        finally:
            request_id.reset(token)
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    async def _follow(self) -> None:
        async with self._ending:
            self._ending.at(self._expires_at, EXPIRED)
            await self._start()
            async with aclosing(self._payloads()) as payloads:
                async for payload in payloads:
                    await self._write(next_event(payload))

    async def _change(self, own_id: str) -> None:
        """A mutation that is cut off between two fields has done the one, and nobody would know of it."""
        under_way = asyncio.get_running_loop().create_task(self._changed(own_id), context=contextvars.Context())
        try:
            await self._start()
        finally:
            await asyncio.wait([under_way])
        for payload in under_way.result():
            await self._write(next_event(payload))

    async def _changed(self, own_id: str) -> list[Payload]:
        request_id.set(own_id)
        return [payload async for payload in self._payloads()]

    async def _start(self) -> None:
        """Something at once: clients and proxies then know that the stream is open."""
        await self._write(KEEP_ALIVE)

    async def _payloads(self) -> AsyncGenerator[Payload]:
        """The answers, and what went wrong as the last of them."""
        last: Payload
        async with aclosing(self._answers) as answers:
            try:
                async for payload in answers:
                    yield payload
                return
            except Interrupted:
                self._ending.reason = self._ending.reason or TRY_AGAIN
                return
            except Refusal as refusal:
                last = {"errors": list(refusal.errors)}
            except Exception as error:  # the stream has begun: what nobody expected is logged, and told masked
                last = {"errors": [mask(error)]}
        yield last

    async def _end(self) -> None:
        """What is still to be said, by why it ends; within the time that a client has for reading."""
        last = COMPLETE
        if self._ending.reason in (_GONE, NOT_READING):
            return
        if self._ending.reason is EXPIRED:
            last = next_event({"errors": [expired()]}) + COMPLETE
        elif self._ending.reason in (GOING_AWAY, TRY_AGAIN) and not self._changes:
            last = b""
        await self._write(last, more=False)

    async def _write(self, event: bytes, *, more: bool = True) -> None:
        async with self._writing:
            try:
                async with asyncio.timeout(self._live.limits.send_seconds):
                    if not self._started:
                        await self._send(
                            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                        )
                        self._started = True
                    await self._send({"type": "http.response.body", "body": event, "more_body": more})
            except TimeoutError:
                self._ending.now(NOT_READING)

    async def _until_it_leaves(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._ending.now(_GONE)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._live.limits.keep_alive_seconds)
            with suppress(OSError):
                await self._write(KEEP_ALIVE)


def refused_stream(refusal: Refusal, *, live: Live) -> EventStream:
    """For clients that read event streams alone: the errors are its only event."""

    async def answers() -> AsyncGenerator[Payload]:
        yield {"errors": list(refusal.errors)}

    return EventStream(answers(), live=live, owner=Owner())


def refuse_one_more(error: TooMany) -> Refusal:
    """503 when it is nothing that the client could do about: another process may have room."""
    status = 503 if error.of_all else 429
    if isinstance(error, TooManyOperations):
        message = f"At most {error.limit} operations at once."
        return refuse(status, "TOO_MANY_OPERATIONS", message, {"Retry-After": "10"})
    return refuse(status, "TOO_MANY_CONNECTIONS", TOO_MANY.reason, {"Retry-After": "10"})


def next_event(payload: Mapping[str, Any]) -> bytes:
    return b"event: next\ndata: " + encode(payload) + b"\n\n"


def expired() -> FormattedError:
    return format_error(None, Unauthenticated("The token has expired."))


def _spawn(work: Any) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())
