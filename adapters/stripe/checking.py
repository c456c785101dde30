"""Whether the account can be used with this key, in plain words for `paydesk check`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import stripe

from adapters.stripe.errands import Answer, Errand
from adapters.stripe.verdicts import Verdict
from adapters.stripe.wire import API_VERSION


class Checking:
    """Only reads, and only what the gateway itself reads: a restricted key needs no more for being checked."""

    def __init__(self, client: stripe.StripeClient) -> None:
        v1 = client.v1
        self._lists: dict[str, Callable[..., Awaitable[Any]]] = {
            "Customers": v1.customers.list_async,
            "PaymentIntents": v1.payment_intents.list_async,
            "SetupIntents": v1.setup_intents.list_async,
            "Refunds": v1.refunds.list_async,
            "Disputes": v1.disputes.list_async,
            "Events": v1.events.list_async,
        }

    async def problem(self, errand: Errand) -> str | None:
        told = dict(
            zip(self._lists, await asyncio.gather(*(self._ask(errand, name) for name in self._lists)), strict=True)
        )
        verdicts = {name: each for name, each in told.items() if isinstance(each, Verdict)}
        forbidden = [name for name, verdict in verdicts.items() if verdict.status == 403]
        for verdict in verdicts.values():
            if verdict.status != 403:
                return verdict.refusal.message
        if forbidden:
            return f"the key may not read {', '.join(forbidden)}: give it these permissions in Stripe's Dashboard."
        versions = {each.version for each in told.values() if isinstance(each, Answer)} - {None, API_VERSION}
        if versions:
            return f"Stripe answers in API version {', '.join(map(str, versions))}, and not in {API_VERSION}."
        return None

    async def _ask(self, errand: Errand, name: str) -> Answer | Verdict:
        return await errand.look(f"list of {name}", lambda options: self._lists[name]({"limit": 1}, options))
