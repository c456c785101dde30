"""Whose an address is, for what is counted against addresses or shared out among them."""

from ipaddress import IPv4Address, IPv6Address, ip_network

_IPV6_OF_ONE = 64
"""The prefix that one customer of a network gets, and changes the rest of at will (RFC 6177)."""


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that a socket for both kinds shows as IPv6 is itself."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def home_of(address: IPv4Address | IPv6Address) -> str:
    """The address, or the /64 of IPv6."""
    one = unmapped(address)
    return str(one) if isinstance(one, IPv4Address) else str(ip_network((int(one), _IPV6_OF_ONE), strict=False))
