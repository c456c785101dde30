"""Undoing what was scheduled and has not happened yet: it is data, and undoing it takes the data away."""

from collections.abc import Sequence
from dataclasses import replace

from domain.changes import Undoable
from domain.errors import NothingToUndo
from domain.events import EventKind
from domain.operations import Operation
from domain.principals import Permission, Principal
from domain.services.calling_off import drop_update
from domain.services.keeping import keep
from domain.services.managing import Asked, Managing
from domain.services.subscription_events import tell
from domain.store import Transaction
from domain.subscriptions import Subscription, SubscriptionState
from domain.wishes import Wish, check_may


class UndoingService:
    def __init__(self, *, managing: Managing) -> None:
        self._managing = managing

    async def undo(self, principal: Principal, subscription_id: str, what: Undoable, *, version: int | None) -> str:
        """A change that waits for its payment is undone with its invoice, which is void then.

        A customer takes back what they want no more, a cancellation of the shop too; but not a price that the shop has
        announced.
        """
        if what is Undoable.PAUSE:
            principal.require(Permission.SUBSCRIPTIONS_BY_HAND)

        async def act(tx: Transaction, subscription: Subscription, asked: Asked) -> Sequence[Operation]:
            check_may(subscription, Wish.UNDO)
            change = subscription.pending_change
            if what is Undoable.CHANGE and change is not None and change.by_hand:
                principal.require(Permission.SUBSCRIPTIONS_BY_HAND)
            if what is Undoable.CHANGE and subscription.pending_update is not None:
                dropped = await drop_update(
                    tx, subscription, patient=True, actor=asked.actor, now=asked.now, told=asked.told
                )
                await keep(tx, dropped, now=asked.told)
                return ()
            undone = await keep(tx, replace(_without(subscription, what), updated_at=asked.now), now=asked.told)
            kind = EventKind.SUBSCRIPTION_UNDONE
            await tell(tx, kind, undone, actor=asked.actor, now=asked.now, told=asked.told, what=what)
            return ()

        return await self._managing.manage(principal, subscription_id, act, version=version)


def _without(subscription: Subscription, what: Undoable) -> Subscription:
    match what:
        case Undoable.CHANGE if subscription.pending_change is not None:
            return replace(subscription, pending_change=None)
        case Undoable.CANCELLATION if subscription.cancel_at is not None:
            return replace(subscription, cancel_at=None)
        case Undoable.PAUSE if subscription.pause is not None and subscription.state is not SubscriptionState.PAUSED:
            return replace(subscription, pause=None)
    raise NothingToUndo(what)
