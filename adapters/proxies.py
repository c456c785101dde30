"""Where a request comes from, when proxies stand before the gateway.

uvicorn reads the `X-Forwarded-For` of proxies that it was told to trust; what it finds is the connection's peer then.
"""

import logging
from collections.abc import Sequence

from starlette.requests import HTTPConnection

from domain.decline_limits import network_of

_log = logging.getLogger("paydesk.proxies")


class Proxies:
    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = trusted
        self._warned = False

    def network_of(self, connection: HTTPConnection) -> str | None:
        """What declines are counted against; None where the connection does not come from the internet."""
        peer = connection.client
        if not self._trusted and "x-forwarded-for" in connection.headers and not self._warned:
            # Once: anybody can send this header, and fill the log with it.
            self._warned = True
            _log.warning(
                "X-Forwarded-For came from %s, and PAYDESK_TRUSTED_PROXIES names no proxy. If it is a proxy of yours, "
                "name it: declined payments are counted by address",
                peer.host if peer else "an unnamed peer",
            )
        return network_of(peer.host) if peer else None
