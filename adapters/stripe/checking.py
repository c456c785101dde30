"""Whether the account can be used with this key, in plain words for `paydesk check`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import stripe

from adapters.stripe.errands import Errand, read
from adapters.stripe.searching import entries
from adapters.stripe.verdicts import Verdict


class Checking:
    """Only reads, and only what the gateway itself reads: a restricted key needs no more for being checked."""

    def __init__(self, client: stripe.StripeClient) -> None:
        v1 = client.v1
        self._lists: dict[str, Callable[..., Awaitable[Any]]] = {
            "Customers": v1.customers.list_async,
            "PaymentIntents": v1.payment_intents.list_async,
            "SetupIntents": v1.setup_intents.list_async,
            # What answers are expanded with needs permissions of its own:
            # https://docs.stripe.com/stripe-apps/reference/permissions#object-permissions.
            "PaymentMethods": v1.payment_methods.list_async,
            "Charges": v1.charges.list_async,
            "Refunds": v1.refunds.list_async,
            "Disputes": v1.disputes.list_async,
            "Events": v1.events.list_async,
        }

    async def problem(self, errand: Errand) -> str | None:
        told = await asyncio.gather(*(self._ask(errand, name) for name in self._lists))
        verdicts = {name: each for name, each in zip(self._lists, told, strict=True) if isinstance(each, Verdict)}
        forbidden = [name for name, verdict in verdicts.items() if verdict.status == 403]
        for name, verdict in verdicts.items():
            if name not in forbidden:
                return verdict.refusal.message
        if forbidden:
            return f"The secret key may not read {', '.join(forbidden)}: give it that permission in the Dashboard."
        return None

    async def _ask(self, errand: Errand, name: str) -> list[dict[str, Any]] | Verdict:
        told = await errand.look(f"list of {name}", lambda options: self._lists[name]({"limit": 1}, options))
        return read(entries, told)
