from collections.abc import Sequence
from typing import Final

from domain.charges import LIVE_STATES, Charge
from persistence import models
from persistence.columns import optional
from persistence.fields import one_of
from persistence.mapping import charge_from_row, charge_to_row
from persistence.session import Session

_LIVE_WITH_PAYMENT_METHOD: Final = f"payment_method_id = $1 AND {one_of('state', sorted(LIVE_STATES))} LIMIT 1"


class Charges:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, charge_id: str) -> Charge | None:
        return optional(charge_from_row, await self._session.row(models.Charge, "id = $1", charge_id))

    async def get_for_update(self, charge_id: str) -> Charge | None:
        return optional(charge_from_row, await self._session.locked_row(models.Charge, "id = $1", charge_id))

    async def find_by_ref(self, account: str, charge_ref: str) -> Charge | None:
        row = await self._session.row(models.Charge, "account = $1 AND charge_ref = $2", account, charge_ref)
        return optional(charge_from_row, row)

    async def of_order(self, order_id: str) -> Sequence[Charge]:
        rows = await self._session.rows(models.Charge, "order_id = $1 ORDER BY id", order_id)
        return [charge_from_row(row) for row in rows]

    async def of_invoice(self, invoice_id: str) -> Sequence[Charge]:
        rows = await self._session.rows(models.Charge, "invoice_id = $1 ORDER BY id", invoice_id)
        return [charge_from_row(row) for row in rows]

    async def live_with_payment_method(self, payment_method_id: str) -> bool:
        return await self._session.row(models.Charge, _LIVE_WITH_PAYMENT_METHOD, payment_method_id) is not None

    async def insert(self, charge: Charge) -> None:
        await self._session.insert(models.Charge, charge_to_row(charge))

    async def save(self, charge: Charge) -> None:
        await self._session.update(models.Charge, charge_to_row(charge))
