"""gzip for answers, where the client takes it.

A compressed answer can give away a secret beside text that an attacker chooses, by its length (BREACH). That
takes a browser that adds the victim's credentials by itself, and ours travel in a header that a program sets;
besides, our answers repeat little of what was asked. The page of GraphiQL holds a token, but nothing of the
request.
"""

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from schema.http.negotiation import LONGEST_HEADER, parse_media_type, quality_of

# What fits into one packet arrives no sooner for being smaller.
SMALLEST_BODY = 1_000
# zlib's own default: a page of 100 orders shrinks from 34 to 4 KB in 0.5 ms; level 9 takes five times as long for
# another 3 %.
LEVEL = 6


class Compression:
    """Starlette's middleware, which leaves event streams, what is compressed already and parts of files alone.

    It looks for `gzip` anywhere in the header, so it is told what the client's q values come to.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compress = GZipMiddleware(app, minimum_size=SMALLEST_BODY, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        others = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        wanted = [(b"accept-encoding", b"gzip")] if takes_gzip(Headers(scope=scope)) else []
        await self._compress({**scope, "headers": others + wanted}, receive, send)


def takes_gzip(headers: Headers) -> bool:
    header = ",".join(headers.getlist("accept-encoding"))[:LONGEST_HEADER]
    qualities = {coding.name: quality_of(coding) for coding in map(parse_media_type, header.split(","))}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0
