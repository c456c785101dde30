"""Who is at the other end, for what is shared out among clients."""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

from schema.http.live import owner_of

# What one customer of a network gets, and changes the rest of at will (RFC 6177).
_IPV6_OF_ONE = 64


class Rank(IntEnum):
    """Who is served first."""

    SHOP = 0
    """Servers and staff."""
    CUSTOMER = 1
    STRANGER = 2
    """Not signed in: anybody on the internet, from as many addresses as can be rented."""


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    """Of the principal, or the address of a stranger."""
    rank: Rank


def client_of(connection: HTTPConnection, context: object) -> Client:
    owner = owner_of(context)
    if not owner.signed_in:
        return Client(_home(connection.client.host if connection.client else ""), Rank.STRANGER)
    return Client(owner.name, Rank.CUSTOMER if owner.is_customer else Rank.SHOP)


def _home(host: str) -> str:
    """The address, or the /64 of IPv6; an IPv4 address that a socket for both shows as IPv6 is itself."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((int(address), _IPV6_OF_ONE), strict=False))
