"""`paydesk` with one mistake in it, for the harness to find: python -m tests.chaos.planted MISTAKE COMMAND …

Each is a mistake that gateways are known for. The product knows nothing of them: its classes are changed here, in a
process of their own, before its command line runs.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Any

import server
from adapters.braintree import charges, refunds
from adapters.stripe.errands import Errand
from domain.events import Event
from domain.ids import IdPrefix, new_id
from domain.operations import Operation
from domain.provider import Outcome
from domain.services.resolver import Resolver
from domain.services.teller import Teller
from persistence.nouns.events import Events
from persistence.nouns.orders import Orders
from persistence.session import Session
from persistence.store import TortoiseStore
from tests.server.banks import BraintreeBank, FakeBank, KeylessBank, StripeBank


class Mistake(StrEnum):
    NEW_KEY_ON_RETRY = "new_key_on_retry"
    """What has no trace at the bank is sent again as a new request, which the late first one does not know of."""
    FAILED_ON_TIMEOUT = "failed_on_timeout"
    """An answer that did not come is taken for a no; the customer pays once more."""
    CHECK_THEN_ACT = "check_then_act"
    """Whether the order is being paid is read without its lock; the index that would notice is dropped as well."""
    EVENT_AFTER_COMMIT = "event_after_commit"
    """Events are written by a transaction of their own, after the one that they tell of."""
    NEW_KEY_FOR_STRIPE = "new_key_for_stripe"
    """The adapter gives each sending to Stripe a key of its own, as its SDK does when it is told none."""
    NEW_KEY_FOR_BRAINTREE = "new_key_for_braintree"
    """The adapter gives each sending to Braintree a key of its own."""
    FAILED_WITHOUT_KEYS = "failed_without_keys"
    """As FAILED_ON_TIMEOUT, where the bank keeps no keys."""

    @property
    def bank(self) -> str:
        """At which it is looked for."""
        return _BANKS.get(self, FakeBank.account)


_BANKS = {
    Mistake.NEW_KEY_FOR_STRIPE: StripeBank.account,
    Mistake.NEW_KEY_FOR_BRAINTREE: BraintreeBank.name,
    Mistake.FAILED_WITHOUT_KEYS: KeylessBank.name,
}


STATEMENTS = {Mistake.CHECK_THEN_ACT: ("DROP INDEX charges_one_live_an_order",)}
"""What is done to the database as well."""


Change = Callable[[Any, str, Callable[[Any], Any]], None]
"""Of a class or a module, a function, and what is made of it."""


@contextmanager
def planted(mistake: Mistake) -> Iterator[None]:
    """The product with the mistake in it, and as it was afterwards."""
    with ExitStack() as undo:

        def change(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
            original = getattr(owner, name)
            undo.callback(setattr, owner, name, original)
            setattr(owner, name, make(original))

        _PLANTS[mistake](change)
        yield


def _new_key_on_retry(change: Change) -> None:
    def made(take_over: Any) -> Any:
        async def with_a_new_key(self: Resolver, operation: Operation) -> Operation | None:
            taken: Operation | None = await take_over(self, operation)
            return taken and replace(taken, request={**taken.request, "operation_id": new_id(IdPrefix.OPERATION)})

        return with_a_new_key

    change(Resolver, "_take_over", made)


def _failed_on_timeout(change: Change) -> None:
    def made(send: Any) -> Any:
        async def send_once(self: Teller, operation: Operation) -> Any:
            result = await send(self, operation)
            return replace(result, outcome=Outcome.FAILED) if result.outcome is Outcome.UNKNOWN else result

        return send_once

    change(Teller, "send_charge", made)
    change(Teller, "send_refund", made)


def _check_then_act(change: Change) -> None:
    change(Orders, "get_for_update", lambda _: Orders.get)


_A_MOMENT_SECONDS = 0.2


def _event_after_commit(change: Change) -> None:
    async def write(store: Any, events: Sequence[Event]) -> None:
        if events:
            # As who hands them to a queue: they are told a moment later.
            await asyncio.sleep(_A_MOMENT_SECONDS)
            async with store._database.transaction() as connection:
                await Events(Session(connection, writing=True)).add(*events)
            store._told()

    def transaction(original: Any) -> Any:
        @asynccontextmanager
        async def transaction(self: TortoiseStore) -> AsyncIterator[Any]:
            later = _Later()
            async with original(self) as tx:
                tx.events = later
                yield tx
            await write(self, later.events)

        return transaction

    def run(original: Any) -> Any:
        async def run(self: TortoiseStore, work: Callable[[Any], Any], **how: Any) -> Any:
            later = _Later()

            async def collecting(tx: Any) -> Any:
                later.events.clear()
                tx.events = later
                return await work(tx)

            result = await original(self, collecting, **how)
            await write(self, later.events)
            return result

        return run

    change(TortoiseStore, "transaction", transaction)
    change(TortoiseStore, "run", run)


def _new_key_for_stripe(change: Change) -> None:
    def made(do: Any) -> Any:
        async def do_with_a_new_key(self: Errand, what: str, send: Any, *, key: str | None = None) -> Any:
            return await do(self, what, send, key=key and str(uuid.uuid4()))

        return do_with_a_new_key

    change(Errand, "do", made)


def _new_key_for_braintree(change: Change) -> None:
    def made(key_of: Any) -> Any:
        def key_of_its_own(request_id: str, *, is_keyed: bool) -> Any:
            return key_of(str(uuid.uuid4()), is_keyed=is_keyed)

        return key_of_its_own

    for module in (charges, refunds):
        change(module, "key_of", made)


class _Later:
    def __init__(self) -> None:
        self.events: list[Event] = []

    async def add(self, *events: Event) -> None:
        self.events += events


_PLANTS: dict[Mistake, Callable[[Change], None]] = {
    Mistake.NEW_KEY_ON_RETRY: _new_key_on_retry,
    Mistake.FAILED_ON_TIMEOUT: _failed_on_timeout,
    Mistake.CHECK_THEN_ACT: _check_then_act,
    Mistake.EVENT_AFTER_COMMIT: _event_after_commit,
    Mistake.NEW_KEY_FOR_STRIPE: _new_key_for_stripe,
    Mistake.NEW_KEY_FOR_BRAINTREE: _new_key_for_braintree,
    Mistake.FAILED_WITHOUT_KEYS: _failed_on_timeout,
}


def main() -> None:
    with planted(Mistake(sys.argv[1])):
        sys.argv = ["paydesk", *sys.argv[2:]]
        server.main()


if __name__ == "__main__":
    main()
