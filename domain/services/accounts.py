"""The provider accounts of the deployment, over time."""

from domain.clock import Clock
from domain.deployment import Deployment, Providers
from domain.events import EventKind, new_event
from domain.store import Store

_FACT = "default_account"


async def note_default_account(store: Store, providers: Providers, *, clock: Clock, deployment: Deployment) -> bool:
    """Write down which account new payments go through; True, and an event, when it is another than at the last start.

    The configuration alone decides which it is. This is for whoever asks later when that changed.
    """
    async with store.transaction() as tx:
        before = await tx.facts.get(_FACT)
        if before == providers.default_account:
            return False
        await tx.facts.put(_FACT, providers.default_account)
        if before is None:
            return False
        await tx.events.add(
            new_event(
                EventKind.DEFAULT_ACCOUNT_CHANGED,
                actor="system:start",
                livemode=deployment.livemode,
                now=clock.now(),
                data={"before": before, "after": providers.default_account},
            )
        )
    return True
