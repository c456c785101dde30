"""Who is at the other end, for what is shared out among clients."""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from domain.networks import home_of
from schema.http.live import owner_of


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
    try:
        return home_of(ip_address(host))
    except ValueError:
        return host
