"""Limits on declined payments: nobody tries out cards here, and none is tried more often than its scheme allows.

A charge is counted from its beginning, against its customer, its card and, where that is known, the address of whoever
asked; storing a card is counted against customer and address. What the provider has taken on is no decline
yet, and what it has answered otherwise is none. While it has not answered, it counts against whoever is there as if it
were declined: else a hundred cards could be tried at once before the first answer came. They come again in a moment. A
success takes nothing back of what was declined: whoever tries cards finds one that works now and then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address

from domain.errors import InvalidInput, PaymentMethodForbidden, TooManyAtOnce, TooManyDeclines
from domain.networks import home_of, unmapped
from domain.payment_methods import PaymentMethod

_MONTH = timedelta(days=30)
LONGEST_WINDOW = _MONTH
_ANSWERED_SECONDS = 5
"""After which most of what is under way has an answer."""


@dataclass(frozen=True, slots=True)
class DeclineLimit:
    most: int
    """0: there is no limit."""
    within: timedelta


_TEN_A_DAY = DeclineLimit(10, timedelta(days=1))
_FIFTEEN_A_MONTH = DeclineLimit(15, _MONTH)
_THIRTY_AN_HOUR = DeclineLimit(30, timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineLimits:
    of_customer: DeclineLimit = _TEN_A_DAY
    """Nobody mistypes ten cards a day."""
    of_payment_method: DeclineLimit = _TEN_A_DAY
    """Of its card, whoever stores it and however often."""
    """Mastercard charges for the eleventh decline of a card within 24 hours."""
    of_payment_method_in_a_month: DeclineLimit = _FIFTEEN_A_MONTH
    """Visa charges for what is tried more than 15 times after a decline within 30 days (20 since 2025, which not all
    acquirers have adopted), Mastercard from 35 on."""
    of_address: DeclineLimit = _THIRTY_AN_HOUR
    """A family, an office or a hotel may share an address; a program that tries cards does so every second."""
    of_cards: DeclineLimit = _TEN_A_DAY
    """Cards that one customer could not store."""


class DeclineState(StrEnum):
    """What is known of a request that may be declined."""

    ASKED = "ASKED"
    """Nothing: no answer has come yet, or none will."""
    TAKEN_ON = "TAKEN_ON"
    """The provider waits for the customer, or for their bank, who may decline it still."""
    DECLINED = "DECLINED"
    FINAL = "FINAL"
    """Declined, and the card must not be tried again. Whoever tried it may use another."""


_DECLINED = (DeclineState.DECLINED, DeclineState.FINAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """One count against one subject: a request that was declined, or is not known yet not to be."""

    subject: str
    cause: str
    """The charge, or the payment method that was to be stored."""
    state: DeclineState = DeclineState.ASKED
    counted_at: datetime
    kept_until: datetime


@dataclass(frozen=True, slots=True)
class Against:
    """Whom something counts against, and how much is too much."""

    subject: str
    limits: tuple[DeclineLimit, ...]
    is_payment_method: bool = False
    at_once: bool = True
    """Whether what is not answered yet counts too: not of a shop that collects what a customer owes it."""

    def check(self, declines: Sequence[Decline], *, now: datetime) -> None:
        """`declines`: of this subject, the newest first."""
        if self.is_payment_method and any(decline.state is DeclineState.FINAL for decline in declines):
            raise PaymentMethodForbidden
        if ends := self._ends([decline for decline in declines if decline.state in _DECLINED], now=now):
            raise TooManyDeclines(
                retry_after_seconds=max(int((max(ends) - now).total_seconds()), 1),
                of_payment_method=self.is_payment_method,
            )
        if self.at_once and self._ends(
            [decline for decline in declines if decline.state is not DeclineState.TAKEN_ON], now=now
        ):
            raise TooManyAtOnce(retry_after_seconds=_ANSWERED_SECONDS)

    def _ends(self, counted: Sequence[Decline], *, now: datetime) -> list[datetime]:
        """When each limit that these have reached is over."""
        return [end for limit in self.limits if (end := _ends_at(limit, counted, now=now))]

    def on_clock(self, clock_id: str) -> "Against":
        """Apart from everybody else: on a test clock it is another day."""
        there = f"{clock_id}\n{self.subject}"
        return replace(self, subject=f"clock:{sha256(there.encode()).hexdigest()}")

    def count(self, cause: str, *, now: datetime, told: datetime | None = None) -> Decline:
        """`told` is the real time where `now` is that of a test clock."""
        # A final decline has to be remembered, whatever the limits are.
        windows = [limit.within for limit in self.limits if limit.most] + [_MONTH] * self.is_payment_method
        kept = max(windows, default=timedelta(0))
        return Decline(subject=self.subject, cause=cause, counted_at=now, kept_until=(told or now) + kept)


def _ends_at(limit: DeclineLimit, declines: Sequence[Decline], *, now: datetime) -> datetime | None:
    """When one more may be tried; None when it may be now."""
    within = [decline.counted_at for decline in declines if decline.counted_at > now - limit.within]
    return within[limit.most - 1] + limit.within if limit.most and len(within) >= limit.most else None


def of_charge(
    limits: DeclineLimits, method: PaymentMethod, *, network: str | None, on_session: bool
) -> tuple[Against, ...]:
    """`network`: of the customer; it counts while they are there (`on_session`)."""
    return (
        replace(of_payment_method(limits, method), at_once=on_session),
        Against(method.customer_id, (limits.of_customer,), at_once=on_session),
        *(_of_network(limits, network) if on_session else ()),
    )


def of_new_card(limits: DeclineLimits, *, customer_id: str, network: str | None) -> tuple[Against, ...]:
    """A charge that brings its card, which nobody knows before the provider has seen it; the customer is there."""
    return (Against(customer_id, (limits.of_customer,)), *of_card(limits, customer_id=customer_id, network=network))


def of_payment_method(limits: DeclineLimits, method: PaymentMethod) -> Against:
    of_card = (limits.of_payment_method, limits.of_payment_method_in_a_month)
    return Against(_card_of(method), of_card, is_payment_method=True)


def _card_of(method: PaymentMethod) -> str:
    """The card, for who detaches it and stores it again has no other; where the provider tells no card from another,
    the payment method."""
    if method.card_fingerprint is None:
        return method.id
    at_its_account = f"{method.account}\n{method.card_fingerprint}"
    return f"card:{sha256(at_its_account.encode()).hexdigest()}"


def of_card(limits: DeclineLimits, *, customer_id: str, network: str | None) -> tuple[Against, ...]:
    return (Against(f"cards:{customer_id}", (limits.of_cards,)), *_of_network(limits, network))


def _of_network(limits: DeclineLimits, network: str | None) -> tuple[Against, ...]:
    return (Against(network, (limits.of_address,)),) if network else ()


# --- addresses --------------------------------------------------------------------------------------------------------


def network_of(address: str) -> str | None:
    """What declines of this address count against: the address, or the /64 of IPv6.

    None for what is no address, or none of the internet: behind it are proxies of the deployment's own, and everybody.
    """
    try:
        return _network(ip_address(address))
    except ValueError:
        return None


def network_told(address: str, *path: str) -> str | None:
    """As `network_of`, of what somebody sent: InvalidInput when it is no address."""
    try:
        return _network(ip_address(address))
    except ValueError:
        raise InvalidInput("This has to be an address such as 192.0.2.1 or 2001:db8::1.", path=path) from None


def _network(address: IPv4Address | IPv6Address) -> str | None:
    one = unmapped(address)
    return home_of(one) if one.is_global and not one.is_multicast else None
