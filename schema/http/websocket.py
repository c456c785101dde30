"""GraphQL over a WebSocket: the server's side of `graphql-transport-ws`.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md

Not Strawberry's handler: that one runs documents past our limits, costs and masking, authenticates once for as long as
the socket lasts, waits for a client that does not read without an end, and answers some malformed messages with an
exception. Messages are handled one after the other, and the next is read when the last was handled, so a client that
sends more than it is served is slowed down by its own socket.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from typing import Any, Protocol

from graphql import OperationType
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from schema.http.answers import encode
from schema.http.body import GraphQLRequest, parse_json, request_from_json
from schema.http.execution import Engine, Interrupted, Prepared
from schema.http.live import (
    EXPIRED,
    NOT_READING,
    TOO_MANY,
    TOO_TALKATIVE,
    TRY_AGAIN,
    Close,
    Ending,
    Live,
    Owner,
    TooManyConnections,
    TooManyOperations,
    expiry_of,
    owner_of,
)
from schema.http.refusals import Refusal
from schema.http.request_id import HEADER, request_id
from schema.masking import ExposedError, FormattedError, NotCheckedNow, format_error, mask

SUBPROTOCOL = "graphql-transport-ws"

LONGEST_OPERATION_ID = 200
"""Clients count, or make a UUID."""
COUNTED_BYTES = 16 * 1024
"""A message counts once more for each of these; reading JSON takes its time."""
CLOSE_SECONDS = 2.0
"""For the closing frame, if the client reads at all."""

_log = logging.getLogger("paydesk.graphql")

Message = dict[str, Any]


class Closing(Exception):
    """The client has broken the protocol, or is not let in: the socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.close = Close(code, reason)

    @classmethod
    def with_(cls, close: Close) -> "Closing":
        return cls(close.code, close.reason)


class _Left(Exception):
    """Nobody is there any more to send something to."""


class Preparing(Protocol):
    """What the view does with a request before it is executed; raises `Refusal`."""

    async def __call__(self, wanted: GraphQLRequest, context: object, connection: HTTPConnection) -> Prepared: ...


class Operation:
    def __init__(self, operation_id: str) -> None:
        self.id = operation_id
        self.changes = False
        """Whether it is a mutation, which runs to its end although nobody listens any more."""
        self.task: asyncio.Task[None] | None = None
        self.held = ExitStack()
        """What it counts for, until it ends."""


class Allowance:
    """How many operations or messages a socket may still begin: so many at once, and then so many a second."""

    def __init__(self, *, at_first: int, per_second: int) -> None:
        self._most = at_first
        self._per_second = per_second
        self._left = float(at_first)
        self._counted_at = time.monotonic()

    def take(self, count: int = 1) -> bool:
        now = time.monotonic()
        self._left = min(self._left + (now - self._counted_at) * self._per_second, self._most)
        self._counted_at = now
        if self._left < count:
            return False
        self._left -= count
        return True


class Socket:
    def __init__(
        self,
        websocket: WebSocket,
        *,
        live: Live,
        engine: Engine,
        prepare: Preparing,
        context: Callable[[HTTPConnection], Awaitable[object]],
    ) -> None:
        """`context` makes what resolvers see, from headers; an `authorization` of `connection_init` is one of them."""
        self._websocket = websocket
        self._live = live
        self._limits = live.limits
        self._engine = engine
        self._prepare = prepare
        self._context_of = context
        self._connection: HTTPConnection = websocket
        self._request_id: str = websocket.state.request_id
        self._initialised = self._acknowledged = self._closed = False
        self._begun = 0
        self._operations: dict[str, Operation] = {}
        self._tasks: dict[asyncio.Task[None], Operation] = {}
        self._allowance = Allowance(
            at_first=self._limits.operations_at_first, per_second=self._limits.operations_per_second
        )
        self._messages = Allowance(at_first=self._limits.messages_at_first, per_second=self._limits.messages_per_second)
        self._received = 0
        self._sending = asyncio.Lock()
        self._ending = Ending()
        self._owner = Owner()
        self._arrival = ExitStack()
        """What the connection counts for until it is acknowledged."""
        self._held = ExitStack()
        """What it counts for from then on, until it ends."""
        self._handlers: Mapping[object, Callable[[Message], Awaitable[None]]] = {
            "connection_init": self._initialise,
            "ping": self._answer_ping,
            "pong": self._ignore,
            "subscribe": self._subscribe,
            "complete": self._complete,
        }

    async def serve(self) -> None:
        if SUBPROTOCOL not in self._websocket.scope["subprotocols"]:
            await self._websocket.accept()
            await self._close(Close(4406, f"The subprotocol has to be {SUBPROTOCOL}."))
            return
        await self._websocket.accept(SUBPROTOCOL, headers=[(HEADER.lower().encode(), self._request_id.encode())])
        began = time.monotonic()
        close: Close | None = None
        with self._held, self._arrival:
            try:
                self._arrival.enter_context(self._live.arrival(self._ending))
                async with self._ending:
                    self._ending.after(self._limits.init_seconds, Close(4408, "Connection initialisation timeout"))
                    await self._converse()
                close = self._ending.reason
            except TooManyConnections:
                close = TOO_MANY
            except Closing as closing:
                close = closing.close
            except (_Left, WebSocketDisconnect):
                pass
            finally:
                self._abandon()
                if close is not None:
                    await self._close(close)
                await self._until_abandoned()
        milliseconds = round((time.monotonic() - began) * 1000, 1)
        told = {"code": close and close.code, "operations": self._begun, "milliseconds": milliseconds}
        _log.info("socket", extra=told)

    async def _converse(self) -> None:
        while (message := await self._receive()) is not None:
            handle = self._handlers.get(message.get("type") if isinstance(message.get("type"), str) else None)
            if handle is None:
                raise Closing(4400, "The message has no type that is known.")
            await handle(message)

    async def _receive(self) -> Message | None:
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            return None
        text = received.get("text")
        if text is None:
            raise Closing(4400, "Messages have to be text.")
        data = text.encode("utf-8", "surrogatepass")
        self._meter(len(data))
        try:
            message = parse_json(data)
        except Refusal as refusal:
            raise Closing(4400, refusal.errors[0]["message"]) from None
        if not isinstance(message, dict):
            raise Closing(4400, "A message has to be a JSON object.")
        return message

    def _meter(self, size: int) -> None:
        if not self._acknowledged:
            self._received += 1
            if size > self._limits.message_bytes_of_an_arrival:
                raise Closing(1009, "The message is too large.")
            if self._received > self._limits.messages_of_an_arrival:
                raise Closing.with_(TOO_TALKATIVE)
        if not self._messages.take(1 + size // COUNTED_BYTES):
            raise Closing.with_(TOO_TALKATIVE)

    # --- the connection ---------------------------------------------------------------------------------------------

    async def _initialise(self, message: Message) -> None:
        if self._initialised:
            raise Closing(4429, "Too many initialisation requests")
        self._initialised = True
        self._connection = with_credentials(self._websocket, payload_of(message))
        try:
            context = await self._context_of(self._connection)
        except NotCheckedNow:
            raise Closing.with_(TRY_AGAIN) from None
        except ExposedError:
            raise Closing(4403, "Forbidden") from None
        except Exception as error:  # nobody expected it: logged, and the client may try again
            mask(error)
            raise Closing.with_(TRY_AGAIN) from error
        self._owner = owner_of(context)
        self._held.enter_context(self._live.connection(self._ending, self._owner))
        self._arrival.close()
        self._ending.at(expiry_of(context), EXPIRED)
        await self._send({"type": "connection_ack"})
        self._acknowledged = True

    async def _answer_ping(self, message: Message) -> None:
        payload = payload_of(message)
        if payload is None or len(encode(payload)) > self._limits.echoed_bytes:
            await self._send({"type": "pong"})
        else:
            await self._send({"type": "pong", "payload": payload})

    async def _ignore(self, message: Message) -> None:
        payload_of(message)

    # --- operations -------------------------------------------------------------------------------------------------

    async def _subscribe(self, message: Message) -> None:
        if not self._acknowledged:
            raise Closing(4401, "Unauthorized")
        operation_id = id_of(message)
        if operation_id in self._operations:
            raise Closing(4409, f"Subscriber for {operation_id} already exists")
        operation = Operation(operation_id)
        wanted: GraphQLRequest | None = None
        try:
            wanted = request_from_json(message.get("payload"))
        except Refusal as refusal:
            if refusal.legacy_status == 400:
                raise Closing(4400, refusal.errors[0]["message"]) from None
            errors = list(refusal.errors)
        else:
            errors = self._refuse_one_more(operation)
        if wanted is None or errors:
            await self._send({"id": operation_id, "type": "error", "payload": errors})
            return
        self._operations[operation_id] = operation
        self._begun += 1
        # An empty context: nothing of this task is for the operation, which may outlive it.
        operation.task = asyncio.get_running_loop().create_task(
            self._operate(operation, wanted, f"{self._request_id}.{self._begun}"), context=contextvars.Context()
        )
        self._tasks[operation.task] = operation
        operation.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # Of one that was cancelled before it began, nothing but this has run.
        self._tasks.pop(task).held.close()

    def _refuse_one_more(self, operation: Operation) -> list[FormattedError]:
        most = self._limits.operations
        waited_for = self._operations.values()
        changing = [each for each in self._tasks.values() if each.changes and each not in waited_for]
        if len(waited_for) + len(changing) >= most:
            return too_many_operations(most, "at once")
        if not self._allowance.take():
            return too_many_operations(self._limits.operations_per_second, "a second")
        try:
            operation.held.enter_context(self._live.operation(self._owner))
        except TooManyOperations as error:
            return too_many_operations(error.limit, "at once")
        return []

    async def _complete(self, message: Message) -> None:
        operation = self._operations.pop(id_of(message), None)
        if operation and operation.task and not operation.changes:
            operation.task.cancel()
            operation.held.close()

    async def _operate(self, operation: Operation, wanted: GraphQLRequest, own_id: str) -> None:
        request_id.set(own_id)
        try:
            with suppress(_Left):
                async with self._finishing(operation):
                    context = await self._context_of(self._connection)
                    prepared = await self._prepare(wanted, context, self._websocket)
                    del wanted  # up to 256 KiB of text, which nobody needs for as long as this may last
                    operation.changes = prepared.kind is OperationType.MUTATION
                    async with aclosing(self._engine.answers(prepared, context)) as answers:
                        async for payload in answers:
                            await self._send_for(operation, {"type": "next", "payload": payload})
        finally:
            operation.held.close()
            self._forget(operation)

    @asynccontextmanager
    async def _finishing(self, operation: Operation) -> AsyncIterator[None]:
        """The last message: `complete`, or the error that ended it."""
        last: Message = {"type": "complete"}
        try:
            yield
        except (_Left, WebSocketDisconnect):
            raise
        except Interrupted:
            # An error would end it for good; after this, clients come back, and take it up by its cursor.
            self._ending.now(TRY_AGAIN)
            raise _Left from None
        except Refusal as refusal:
            last = {"type": "error", "payload": list(refusal.errors)}
        except ExposedError as error:
            last = {"type": "error", "payload": [format_error(None, error)]}
        except Exception as error:  # one operation's bug is logged, and ends no other on this socket
            last = {"type": "error", "payload": [mask(error)]}
        # The id is free before the client hears of it, for it may use it again at once.
        if self._forget(operation):
            await self._send({"id": operation.id, **last})

    def _forget(self, operation: Operation) -> bool:
        """Whether the client still waited for it."""
        if self._operations.get(operation.id) is not operation:
            return False
        del self._operations[operation.id]
        return True

    # --- sending and ending -----------------------------------------------------------------------------------------

    async def _send_for(self, operation: Operation, message: Message) -> None:
        if self._operations.get(operation.id) is operation:
            await self._send({"id": operation.id, **message})

    async def _send(self, message: Message) -> None:
        text = encode(message).decode()
        async with self._sending:
            if self._closed:
                raise _Left
            try:
                async with asyncio.timeout(self._limits.send_seconds):
                    await self._websocket.send_text(text)
            except TimeoutError:
                self._ending.now(NOT_READING)
                self._closed = True
                raise _Left from None
            except (WebSocketDisconnect, RuntimeError) as error:
                raise _Left from error

    def _abandon(self) -> None:
        self._operations.clear()
        for task, operation in self._tasks.items():
            if not operation.changes:
                task.cancel()

    async def _until_abandoned(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _close(self, close: Close) -> None:
        self._closed = True
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._websocket.close(close.code, shortened(close.reason))


def with_credentials(websocket: WebSocket, payload: Mapping[str, Any] | None) -> HTTPConnection:
    """The connection as if the `Authorization` of `connection_init` had been sent as a header.

    Browsers send no header of ours with a WebSocket. What is in the message replaces what was in the header.
    """
    given = [value for name, value in (payload or {}).items() if name.lower() == "authorization"]
    if not given or given[0] is None:
        return websocket
    if len(given) > 1 or not isinstance(given[0], str):
        raise Closing(4400, "“Authorization” has to be one text.")
    headers = [pair for pair in websocket.scope["headers"] if pair[0].lower() != b"authorization"]
    value = given[0].encode("utf-8", "surrogatepass")
    return HTTPConnection({**websocket.scope, "headers": [*headers, (b"authorization", value)]})


def payload_of(message: Message) -> Mapping[str, Any] | None:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise Closing(4400, "“payload” has to be an object.")
    return payload


def id_of(message: Message) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= LONGEST_OPERATION_ID:
        raise Closing(4400, f"“id” has to be a text of 1 to {LONGEST_OPERATION_ID} characters.")
    return operation_id


def too_many_operations(most: int, when: str) -> list[FormattedError]:
    what = "new operations" if when == "a second" else "operations"
    shown = ExposedError(f"At most {most} {what} {when}.", code="TOO_MANY_OPERATIONS", limit=most)
    return [format_error(None, shown)]


def shortened(reason: str) -> str:
    """A closing frame has room for 123 bytes."""
    return reason.encode()[:120].decode(errors="ignore")
