"""Whose web pages may open a socket.

Our credentials are sent by programs and never by a browser on its own, so a page of somebody else could do no more than
any other client. But browsers apply no CORS to WebSockets, and what may ask over HTTP is what may ask over a socket.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket


@dataclass(frozen=True, slots=True)
class Origins:
    """The gateway's own pages and those of these origins, as CORS has them."""

    listed: Collection[str] = ()
    pattern: str | None = None

    def allow(self, websocket: WebSocket) -> bool:
        """Programs other than browsers send no Origin."""
        origin = websocket.headers.get("origin")
        if origin is None:
            return True
        own = origin.partition("://")[2] == websocket.headers.get("host")
        by_pattern = self.pattern is not None and re.fullmatch(self.pattern, origin) is not None
        return own or origin in self.listed or by_pattern


SAME_ORIGIN: Final = Origins()


async def refuse_foreign_page(websocket: WebSocket) -> None:
    await websocket.send_denial_response(PlainTextResponse("Pages of this origin may not ask.", status_code=403))
