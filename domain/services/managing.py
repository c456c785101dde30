"""How somebody changes a subscription that there is: under its lock, after all that time has to do to it.

A change belongs into the period in which it falls. So whatever is due is done first, in the same transaction, and what
is asked for meets the subscription as it would stand if every worker had been on time.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.clock import Clock, whole_seconds
from domain.deployment import Deployment
from domain.idempotency import KeyedRequest
from domain.operations import Operation
from domain.principals import Permission, Principal
from domain.services.business_time import now_of
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_subscription
from domain.services.sending import Sending
from domain.store import Store, Transaction, to_be_repeated
from domain.subscriptions import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks, and when."""

    principal: Principal
    now: datetime
    """The time of the customer."""
    told: datetime
    """The real time."""

    @property
    def actor(self) -> str:
        return self.principal.actor


Act = Callable[[Transaction, Subscription, Asked], Awaitable[Sequence[Operation]]]
"""Does what was asked to a locked subscription, keeps it, and gives what is to be sent after the commit."""


class CatchingUp(Protocol):
    """`Billing` has it."""

    async def caught_up(
        self, tx: Transaction, subscription: Subscription, *, now: datetime, told: datetime, actor: str
    ) -> tuple[Subscription, tuple[Operation, ...]]: ...


class Managing:
    def __init__(
        self, *, store: Store, billing: CatchingUp, sending: Sending, clock: Clock, deployment: Deployment
    ) -> None:
        self._store = store
        self._billing = billing
        self._sending = sending
        self._clock = clock
        self._deployment = deployment

    async def manage(
        self,
        principal: Principal,
        subscription_id: str,
        act: Act,
        *,
        version: int | None,
        request: KeyedRequest | None = None,
    ) -> str:
        """The id of the subscription. What is to be sent is sent, and settled where an answer comes in time."""
        principal.require(Permission.SUBSCRIPTIONS_WRITE)
        operations = await self._store.run(
            lambda tx: self._do(tx, principal, subscription_id, act, version=version, request=request),
            landed=to_be_repeated if request else None,
        )
        for operation in operations:
            await self._sending.send(operation, actor=f"provider:{operation.account}")
        return subscription_id

    async def _do(
        self,
        tx: Transaction,
        principal: Principal,
        subscription_id: str,
        act: Act,
        *,
        version: int | None,
        request: KeyedRequest | None,
    ) -> Sequence[Operation]:
        subscription = await lock_subscription(tx, principal, subscription_id)
        if await made_before(tx, request):
            return ()
        # What it owes may have been paid after the backup was made.
        self._deployment.check_not_recovering()
        subscription.check_version(version)
        told = whole_seconds(self._clock.now())
        now = whole_seconds(await now_of(tx, subscription.customer_id, now=told))
        asked = Asked(principal=principal, now=now, told=told)
        await claim(tx, request, subscription.id, now=told)
        subscription, due = await self._billing.caught_up(tx, subscription, now=now, told=told, actor=asked.actor)
        return (*due, *await act(tx, subscription, asked))
