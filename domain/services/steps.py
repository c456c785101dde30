"""What one step of time comes to: the subscription as it is after it, and what is to be sent when it is committed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.operations import Operation
from domain.store import Transaction
from domain.subscriptions import DueKind, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    subscription: Subscription
    """To be kept by whoever asked for the step: it is the same where nothing came of it."""
    operations: tuple[Operation, ...] = ()
    """Written down, and to be sent after the commit."""
    waits_for: str | None = None
    """The charge without whose end it cannot be done. Nothing was changed then."""


class Handler(Protocol):
    """Does what is due to a locked subscription, in the transaction of whoever asks.

    `at` is when it was due, and may be long ago, and `now` is the present, both in the customer's time; `told` is the
    real time.
    """

    async def __call__(
        self, tx: Transaction, subscription: Subscription, *, at: datetime, now: datetime, told: datetime, actor: str
    ) -> Stepped: ...


Handlers = Mapping[DueKind, Handler]
