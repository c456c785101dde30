from persistence import erasure
from persistence.session import Session


class Erasure:
    """Implements the erasing of what is known of a customer; which column goes is in `persistence.erasure`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def erase(self, customer_id: str, *, principal: str | None) -> None:
        for statement in erasure.statements():
            await self._session.execute(statement, customer_id)
        await self._session.execute(erasure.KEYS_DELETED, customer_id, principal or "")

    async def open_payments(self, customer_id: str) -> bool:
        return await self._session.any(erasure.OPEN_PAYMENTS, customer_id)

    async def open_orders(self, customer_id: str) -> bool:
        return await self._session.any(erasure.OPEN_ORDERS, customer_id)

    async def concerns_redacted(self, account: str, ref: str) -> bool:
        return await self._session.any(erasure.CONCERNS_REDACTED, account, ref)
