from typing import Final

from persistence import erasure, models
from persistence.session import Session

_THEIRS: Final = "customer_id = $1 ORDER BY id"


class Erasure:
    """Implements the erasing of what is known of a customer; which column goes is in `persistence.erasure`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def lock_payables(self, customer_id: str) -> None:
        for model in (models.Subscription, models.Order, models.Invoice):
            await self._session.locked_rows(model, _THEIRS, customer_id)

    async def erase(self, customer_id: str, *, principal: str | None) -> None:
        # The keys first: which refund had a note is known as long as it is there.
        await self._session.execute(erasure.KEYS_DELETED, customer_id, principal or "")
        await self._session.execute(erasure.KEYS_EMPTIED, customer_id)
        for statement in erasure.statements():
            await self._session.execute(statement, customer_id)
        await self._session.execute(erasure.PRINTED_EMAILS[self._session.dialect], customer_id)

    async def erase_charge(self, charge_id: str) -> None:
        for statement in erasure.statements_of_charge():
            await self._session.execute(statement, charge_id)

    async def open_payments(self, customer_id: str) -> bool:
        return await self._session.any(erasure.OPEN_PAYMENTS, customer_id)

    async def open_orders(self, customer_id: str) -> bool:
        return await self._session.any(erasure.OPEN_ORDERS, customer_id)

    async def subscriptions(self, customer_id: str) -> bool:
        return await self._session.any(erasure.SUBSCRIPTIONS, customer_id)

    async def open_invoices(self, customer_id: str) -> bool:
        return await self._session.any(erasure.OPEN_INVOICES, customer_id)

    async def concerns_redacted(self, account: str, ref: str) -> bool:
        return await self._session.any(erasure.CONCERNS_REDACTED, account, ref)
