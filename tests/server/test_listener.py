"""The socket that the gateway listens on."""

import asyncio
import socket
from pathlib import Path

from persistence.sql import Dialect
from server import _listener
from tests.databases import NewDatabaseUrl
from tests.schema.gateway import settings_for
from tests.server.processes import free_port


async def test_an_answer_does_not_wait_for_an_acknowledgement(tmp_path: Path, new_database_url: NewDatabaseUrl) -> None:
    """Headers and body are two writes: without TCP_NODELAY the second waits up to 40 ms for the client's system."""
    accepted: asyncio.Queue[int] = asyncio.Queue()

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accepted.put(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = _listener(settings_for(tmp_path, new_database_url(Dialect.SQLITE), port=free_port()))
    async with await asyncio.start_server(look, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await accepted.get() == 1
        writer.close()
        await writer.wait_closed()
