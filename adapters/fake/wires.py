"""The two ways to the bank: in this process, or over HTTP. Both carry the same bytes and fail in the same words."""

import asyncio
import contextvars
import logging
from typing import Protocol

import httpx

from adapters.fake.bank import Bank, Reply, Silence

_log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 20.0
"""A charge that takes longer is better looked up than waited for; leases of operations are more than twice this."""
_CONNECT_SECONDS = 5.0
_TRAVEL_SECONDS = 5.0
"""After the client gave up a request may still be on its way; once this is over too, an empty look-up is proof."""
_KEEP_ALIVE_SECONDS = 2.0
"""Shorter than the 5 s after which uvicorn closes an idle connection, so that no request runs into the closing."""
_LONGEST_ANSWER = 1 << 20


class NotSent(Exception):
    """Certain that the bank never saw the request."""


class AnswerLost(Exception):
    """The request may have been worked on; what came back is nothing."""


class Wire(Protocol):
    @property
    def look_up_lag_seconds(self) -> float: ...

    async def ask(self, call: str, raw: bytes) -> Reply:
        """Carry one call; NotSent or AnswerLost when no answer comes in time."""
        ...

    async def close(self) -> None: ...


class InProcessWire:
    """To a bank in this process. The bank finishes what it was asked even when whoever asked is cancelled."""

    look_up_lag_seconds = 0.0

    def __init__(self, bank: Bank, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        self._bank = bank
        self._timeout_seconds = timeout_seconds
        self._under_way: set[asyncio.Task[Reply | Silence]] = set()

    async def ask(self, call: str, raw: bytes) -> Reply:
        # A context of its own: a task must not inherit whatever transaction the caller has open.
        task = asyncio.create_task(self._bank.serve(call, raw), context=contextvars.Context())
        self._under_way.add(task)
        task.add_done_callback(self._landed)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reply = await asyncio.shield(task)
                if reply is Silence.HANG:
                    await asyncio.Event().wait()
        except TimeoutError:
            raise AnswerLost(f"The bank did not answer within {self._timeout_seconds:g} s.") from None
        if isinstance(reply, Silence):
            raise AnswerLost("The bank closed the connection without an answer.")
        return reply

    def _landed(self, task: asyncio.Task[Reply | Silence]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("The fake bank failed.", exc_info=error)

    async def close(self) -> None:
        """Let go of slow calls. The bank itself belongs to whoever opened it."""
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


class HttpWire:
    """To a bank elsewhere (`paydesk fake-provider`). It never sends twice: repeating is the gateway's part."""

    def __init__(self, url: str, *, api_key: str, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        # Short for the pool too: a request that found no connection never left, and that is worth knowing in time.
        connect_seconds = min(_CONNECT_SECONDS, timeout_seconds / 2)
        self._client = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/v1/",
            headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
            timeout=httpx.Timeout(timeout_seconds, connect=connect_seconds, pool=connect_seconds),
            limits=httpx.Limits(max_connections=100, keepalive_expiry=_KEEP_ALIVE_SECONDS),
            # A proxy of the environment is for the world outside, not for a bank on this machine.
            trust_env=False,
        )

    @property
    def look_up_lag_seconds(self) -> float:
        return self._timeout_seconds + _TRAVEL_SECONDS

    async def ask(self, call: str, raw: bytes) -> Reply:
        try:
            # httpx times each read; an answer that drips would hold us for ever without a limit on the whole.
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(call, raw)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotSent("The bank cannot be reached.") from error
        except httpx.HTTPError as error:
            raise AnswerLost(f"The connection to the bank broke: {type(error).__name__}.") from error
        except TimeoutError:
            raise AnswerLost(f"The bank did not answer within {self._timeout_seconds:g} s.") from None

    async def _post(self, call: str, raw: bytes) -> Reply:
        async with self._client.stream("POST", call, content=raw) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    raise AnswerLost("The bank's answer has no end.")
            headers = response.headers
            return Reply(response.status_code, bytes(body), headers.get("content-type", ""), headers.get("retry-after"))

    async def close(self) -> None:
        await self._client.aclose()
