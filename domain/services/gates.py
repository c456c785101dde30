"""The gate before each provider account: how much of us it gets at once, and whether it is asked at all."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.breaker import Admission, Breaker, BreakerState
from domain.bulkhead import Bulkhead, NoPlace
from domain.clock import Clock
from domain.deployment import Deployment
from domain.errors import ProviderUnavailable

_log = logging.getLogger("paydesk.gates")

_FULL_SECONDS = 1
"""Whoever comes to a full house comes back soon: places are free again as fast as the provider answers."""


class CallKind(StrEnum):
    """Calls that get places of their own, so that none of them starves the others."""

    MONEY = "MONEY"
    CARDS = "CARDS"
    LOOK_UPS = "LOOK_UPS"


class TurnedAway(Exception):
    """Certain that the provider was not asked; the message says why, for the log and for staff."""


@dataclass(frozen=True, slots=True)
class Places:
    kind: CallKind
    most: int
    under_way: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """How an account does, as this process sees it."""

    account: str
    state: BreakerState
    since: datetime
    retry_after_seconds: int | None
    places: tuple[Places, ...]


class Gate:
    """Of one account, in one process."""

    def __init__(self, account: str, *, deployment: Deployment, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._account = account
        self._clock = clock
        self._since = clock.now()
        self._breaker = Breaker(
            failures=deployment.breaker_failures, pause_seconds=deployment.breaker_pause_seconds, now=monotonic
        )
        self._bulkheads: Mapping[CallKind, Bulkhead] = {
            CallKind.MONEY: Bulkhead(deployment.provider_calls),
            CallKind.CARDS: Bulkhead(deployment.provider_card_calls),
            CallKind.LOOK_UPS: Bulkhead(deployment.provider_look_ups),
        }

    def check_open(self, kind: CallKind) -> None:
        """Before anything is written down: ProviderUnavailable where the request would be turned away."""
        if self._bulkheads[kind].is_full:
            raise ProviderUnavailable(retry_after_seconds=_FULL_SECONDS)
        if (seconds := self._breaker.retry_after_seconds) is not None:
            raise ProviderUnavailable(retry_after_seconds=seconds)

    @asynccontextmanager
    async def passing(self, kind: CallKind) -> AsyncIterator[Admission]:
        """For the time of one call; TurnedAway when it may not be made."""
        try:
            async with self._bulkheads[kind].place():
                # Asked with the place in hand: the outage may have begun while this call waited.
                admission = self._breaker.admit(of_look_up=kind is CallKind.LOOK_UPS)
                if admission is None:
                    raise TurnedAway("the provider does not answer just now")
                try:
                    yield admission
                finally:
                    self._breaker.leave(admission)
        except NoPlace:
            raise TurnedAway("too many requests to the provider are under way") from None

    def heard(self, admission: Admission, *, outage: bool) -> None:
        before = self._breaker.state
        self._breaker.heard(admission, outage=outage)
        if self._breaker.state is before:
            return
        self._since = self._clock.now()
        level = logging.WARNING if self._breaker.state is BreakerState.OPEN else logging.INFO
        _log.log(level, "provider account %s: %s", self._account, _NEWS[self._breaker.state])

    @property
    def is_due(self) -> bool:
        return self._breaker.is_due

    @property
    def health(self) -> AccountHealth:
        return AccountHealth(
            account=self._account,
            state=self._breaker.state,
            since=self._since,
            retry_after_seconds=self._breaker.retry_after_seconds,
            places=tuple(
                Places(kind, bulkhead.most, bulkhead.under_way, bulkhead.waiting)
                for kind, bulkhead in self._bulkheads.items()
            ),
        )


_NEWS: dict[BreakerState, str] = {
    BreakerState.OPEN: "it does not answer; payments are refused until it does (breaker open)",
    BreakerState.HALF_OPEN: "it answers again; one request is let through (breaker half open)",
    BreakerState.CLOSED: "it works again (breaker closed)",
}
