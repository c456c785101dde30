"""The wire between a gateway and its bank, in the hands of the test: it can stop a request or an answer on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

CHARGE = b"POST /v1/charge "
CAPTURE = b"POST /v1/capture "


class Wire:
    """Carries bytes both ways. What it has stopped is lost when the gateway goes away, as on a real wire."""

    def __init__(self, bank_address: str) -> None:
        bank = urlsplit(bank_address)
        self._bank = bank.hostname, bank.port
        self._lines: set[asyncio.Task[None]] = set()
        self.address = ""
        self.stops: bytes | None = None
        """Requests that begin so (`CHARGE`) do not reach the bank from now on."""
        self.stops_answers = False
        """The bank's answers from now on do not reach the gateway."""
        self.stopped_request = asyncio.Event()
        self.stopped_answer = asyncio.Event()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        from_bank, to_bank = await asyncio.open_connection(*self._bank)
        answers = asyncio.create_task(self._carry_answers(from_bank, writer))
        try:
            await self._carry_requests(reader, to_bank)
        except ConnectionError:
            pass  # the gateway was killed
        finally:
            answers.cancel()
            to_bank.close()
            writer.close()
            self._lines.discard(line)

    async def end(self) -> None:
        for line in tuple(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _carry_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65_536):
            if self.stops and sent.startswith(self.stops):
                self.stopped_request.set()
                await reader.read()  # until the gateway is gone
                return
            writer.write(sent)
            await writer.drain()

    async def _carry_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65_536):
            if self.stops_answers:
                self.stopped_answer.set()
                continue
            writer.write(sent)
            await writer.drain()


@asynccontextmanager
async def wire_to(bank_address: str) -> AsyncIterator[Wire]:
    wire = Wire(bank_address)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        await wire.end()
        await server.wait_closed()
