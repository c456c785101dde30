from collections.abc import Sequence
from typing import Final

from domain.balances import BalanceEntry
from domain.money import Money
from persistence import models
from persistence.billing import balance_entry_from_row, balance_entry_to_row
from persistence.session import Session

_BALANCE: Final = "customer_id = $1 AND currency = $2"
_MOVED: Final = "UPDATE customer_balances SET amount = amount + $3 WHERE customer_id = $1 AND currency = $2"


class Balances:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, customer_id: str, currency: str) -> Money:
        row = await self._session.row(models.CustomerBalance, _BALANCE, customer_id, currency)
        return Money(row["amount"] if row else 0, currency)

    async def get_for_update(self, customer_id: str, currency: str) -> Money:
        # There has to be a row to lock, or two that begin with none would both find nothing.
        await self._session.insert_if_new(
            models.CustomerBalance,
            {"customer_id": customer_id, "currency": currency, "amount": 0},
            unique=("customer_id", "currency"),
        )
        row = await self._session.locked_row(models.CustomerBalance, _BALANCE, customer_id, currency)
        if row is None:
            raise LookupError(f"the balance of {customer_id} in {currency} is gone")
        return Money(row["amount"], currency)

    async def insert(self, entry: BalanceEntry) -> None:
        await self._session.insert(models.CustomerBalanceEntry, balance_entry_to_row(entry))
        amount = entry.amount
        if await self._session.execute(_MOVED, entry.customer_id, amount.currency, amount.minor_units) != 1:
            raise LookupError(f"the balance of {entry.customer_id} in {amount.currency} is not locked")

    async def entries(self, customer_id: str) -> Sequence[BalanceEntry]:
        rows = await self._session.rows(models.CustomerBalanceEntry, "customer_id = $1 ORDER BY id", customer_id)
        return [balance_entry_from_row(row) for row in rows]
