from collections.abc import Sequence
from typing import Final

from domain.payment_methods import PaymentMethod
from persistence import models
from persistence.columns import optional
from persistence.mapping import payment_method_from_row, payment_method_to_row
from persistence.session import Session

# One reference has many rows when a card was refused or detached and came again: the one in use, else the latest.
_BY_REF: Final = (
    "account = $1 AND payment_method_ref = $2"
    " ORDER BY CASE WHEN state IN ('DETACHED', 'FAILED') THEN 1 ELSE 0 END, id DESC LIMIT 1"
)


class PaymentMethods:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, payment_method_id: str) -> PaymentMethod | None:
        row = await self._session.row(models.PaymentMethod, "id = $1", payment_method_id)
        return optional(payment_method_from_row, row)

    async def get_for_update(self, payment_method_id: str) -> PaymentMethod | None:
        row = await self._session.locked_row(models.PaymentMethod, "id = $1", payment_method_id)
        return optional(payment_method_from_row, row)

    async def of_customer(self, customer_id: str) -> Sequence[PaymentMethod]:
        rows = await self._session.rows(models.PaymentMethod, "customer_id = $1 ORDER BY id", customer_id)
        return [payment_method_from_row(row) for row in rows]

    async def first_of_customer(self, customer_id: str) -> PaymentMethod | None:
        row = await self._session.row(models.PaymentMethod, "customer_id = $1 ORDER BY id LIMIT 1", customer_id)
        return optional(payment_method_from_row, row)

    async def find_by_ref(self, account: str, payment_method_ref: str) -> PaymentMethod | None:
        row = await self._session.row(models.PaymentMethod, _BY_REF, account, payment_method_ref)
        return optional(payment_method_from_row, row)

    async def insert(self, payment_method: PaymentMethod) -> None:
        await self._session.insert(models.PaymentMethod, payment_method_to_row(payment_method))

    async def save(self, payment_method: PaymentMethod) -> None:
        await self._session.update(models.PaymentMethod, payment_method_to_row(payment_method))
