"""Where a request comes from, when proxies stand before the gateway.

uvicorn reads the `X-Forwarded-For` of proxies that it was told to trust; what it finds is the connection's peer then.
"""

import logging
from collections.abc import Sequence
from ipaddress import IPv4Network, ip_network

from starlette.requests import HTTPConnection

from domain.decline_limits import network_of

_log = logging.getLogger("paydesk.proxies")

_IPV4_IN_IPV6 = 96
"""The bits of `::ffff:10.0.0.7` before the address that it stands for (RFC 4291, 2.5.5.2)."""


def as_seen(proxies: Sequence[str]) -> list[str]:
    """Addresses and networks, each as every socket shows it: one that listens on `::` shows IPv4 as IPv6."""
    networks = [ip_network(proxy) for proxy in proxies]
    mapped = [
        f"::ffff:{network.network_address}/{_IPV4_IN_IPV6 + network.prefixlen}"
        for network in networks
        if isinstance(network, IPv4Network)
    ]
    return [*proxies, *mapped]


class Proxies:
    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = trusted
        self._warned = False

    def network_of(self, connection: HTTPConnection) -> str | None:
        """What declines are counted against; None where the connection does not come from the internet."""
        peer = connection.client
        forwarded = ", ".join(connection.headers.getlist("x-forwarded-for"))
        # Of a proxy that is believed, uvicorn has put what it says in the place of its address.
        if forwarded and not self._warned and not (peer and self._trusted and peer.host in forwarded):
            # Once: anybody can send this header, and fill the log with it.
            self._warned = True
            _log.warning(
                "X-Forwarded-For came from %s, which PAYDESK_TRUSTED_PROXIES does not name. If it is a proxy of yours, "
                "name it: declined payments are counted by address",
                peer.host if peer else "an unnamed peer",
            )
        return network_of(peer.host) if peer else None
