from collections.abc import Sequence

from domain.customers import Customer, ProviderAccount
from persistence import models
from persistence.columns import optional
from persistence.mapping import (
    customer_from_row,
    customer_to_row,
    provider_account_from_row,
    provider_account_to_row,
)
from persistence.session import Session


class Customers:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, customer_id: str) -> Customer | None:
        return optional(customer_from_row, await self._session.row(models.Customer, "id = $1", customer_id))

    async def get_for_update(self, customer_id: str) -> Customer | None:
        return optional(customer_from_row, await self._session.locked_row(models.Customer, "id = $1", customer_id))

    async def find_by_external_id(self, external_id: str) -> Customer | None:
        return optional(customer_from_row, await self._session.row(models.Customer, "external_id = $1", external_id))

    async def insert(self, customer: Customer) -> None:
        await self._session.insert(models.Customer, customer_to_row(customer))

    async def save(self, customer: Customer) -> None:
        await self._session.update(models.Customer, customer_to_row(customer))


class ProviderAccounts:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, customer_id: str, account: str) -> ProviderAccount | None:
        row = await self._session.row(models.ProviderAccount, "customer_id = $1 AND account = $2", customer_id, account)
        return optional(provider_account_from_row, row)

    async def of_customer(self, customer_id: str) -> Sequence[ProviderAccount]:
        rows = await self._session.rows(models.ProviderAccount, "customer_id = $1 ORDER BY account", customer_id)
        return [provider_account_from_row(row) for row in rows]

    async def insert_if_new(self, account: ProviderAccount) -> None:
        """Two requests of a new customer may both have asked the provider, who knows one account for both."""
        columns = provider_account_to_row(account)
        if await self._session.insert_unless_taken(models.ProviderAccount, columns):
            return
        if await self.find(account.customer_id, account.account) is None:
            # The reference is another customer's, which is an error; it says so itself.
            await self._session.insert(models.ProviderAccount, columns)
