"""Phases 2 and 3 of a request about a charge: it is sent, and what came of it is written down."""

from domain.clock import Clock
from domain.deployment import Deployment
from domain.detached import Detached
from domain.operations import Operation
from domain.provider import Outcome
from domain.services.settlement import Settlement
from domain.services.teller import Teller
from domain.store import Store, Transaction, UniqueTaken, to_be_repeated


class Sending:
    def __init__(
        self,
        *,
        store: Store,
        teller: Teller,
        settlement: Settlement,
        detached: Detached,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._teller = teller
        self._settlement = settlement
        self._detached = detached
        self._clock = clock
        self._deployment = deployment

    async def send(self, operation: Operation, *, actor: str) -> Outcome | None:
        """Send it detached from the caller; the outcome, or None when it is not known within `answer_within_seconds`.

        No transaction is open. Whatever goes wrong in there is logged; the money may have moved, and the operation's
        job goes on with it.
        """
        task = self._detached.spawn(self._send_and_settle(operation, actor=actor), name=operation.id)
        ended = await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)
        return task.result() if ended and not task.cancelled() and task.exception() is None else None

    async def _send_and_settle(self, operation: Operation, *, actor: str) -> Outcome:
        if self._is_stale(operation):
            return Outcome.UNKNOWN
        result = await self._teller.send_charge(operation)

        async def settle(tx: Transaction) -> None:
            await self._settlement.settle_charge(
                tx, operation.charge_id, result, operation_id=operation.id, actor=actor
            )

        try:
            await self._store.run(settle, landed=to_be_repeated)
        except UniqueTaken:
            # A rival has just stored the same card with another charge: by now that is seen.
            await self._store.run(settle, landed=to_be_repeated)
        if operation.is_refused_by(result.outcome):
            await self._see_why(operation, actor=actor)
        return result.outcome

    def _is_stale(self, operation: Operation) -> bool:
        """A process that slept between commit and request leaves the operation to whoever holds the lease now."""
        return (self._clock.now() - operation.first_sent_at).total_seconds() > self._deployment.provider_timeout_seconds

    async def _see_why(self, operation: Operation, *, actor: str) -> None:
        charge_ref = operation.request["charge_ref"]
        if charge_ref is None:
            return  # there is nothing to look at: the customer may act again
        picture = await self._teller.fetch_charge(operation.account, charge_ref)
        if picture.outcome is not Outcome.UNKNOWN:
            async with self._store.transaction() as tx:
                await self._settlement.settle_charge(tx, operation.charge_id, picture, actor=actor)
