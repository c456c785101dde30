"""Subscriptions and their items, which are read and written as one, and the periods that were made of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from domain.subscriptions import BilledPeriod, Subscription
from persistence import models
from persistence.billing import (
    billed_period_from_row,
    billed_period_to_row,
    item_to_row,
    subscription_from_row,
    subscription_item_from_row,
    subscription_to_row,
)
from persistence.columns import Row, optional
from persistence.session import Session

_ITEMS: Final = "subscription_id = $1 ORDER BY position"
_PERIODS: Final = "subscription_id = $1 ORDER BY starts_at"
_PERIOD: Final = "subscription_id = $1 AND starts_at = $2"


class Subscriptions:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, subscription_id: str) -> Subscription | None:
        return await self._with_items(await self._session.row(models.Subscription, "id = $1", subscription_id))

    async def get_for_update(self, subscription_id: str) -> Subscription | None:
        # The items come in a second statement, which sees what the rival that held the lock has committed.
        return await self._with_items(await self._session.locked_row(models.Subscription, "id = $1", subscription_id))

    async def of_customer(self, customer_id: str) -> Sequence[Subscription]:
        rows = await self._session.rows(models.Subscription, "customer_id = $1 ORDER BY id", customer_id)
        return [subscription_from_row(row, await self._items_of(row["id"])) for row in rows]

    async def insert(self, subscription: Subscription) -> None:
        await self._session.insert(models.Subscription, subscription_to_row(subscription))
        await self._save_items(subscription)

    async def save(self, subscription: Subscription) -> Subscription:
        saved = replace(subscription, version=subscription.version + 1)
        await self._session.update(models.Subscription, subscription_to_row(saved), version=subscription.version)
        await self._save_items(saved)
        return saved

    async def periods(self, subscription_id: str) -> Sequence[BilledPeriod]:
        rows = await self._session.rows(models.SubscriptionPeriod, _PERIODS, subscription_id)
        return [billed_period_from_row(row) for row in rows]

    async def period(self, subscription_id: str, start: datetime) -> BilledPeriod | None:
        row = await self._session.row(models.SubscriptionPeriod, _PERIOD, subscription_id, start)
        return optional(billed_period_from_row, row)

    async def insert_period(self, billed: BilledPeriod) -> None:
        await self._session.insert(models.SubscriptionPeriod, billed_period_to_row(billed))

    async def save_period(self, billed: BilledPeriod) -> None:
        row = await self._session.row(models.SubscriptionPeriod, _PERIOD, billed.subscription_id, billed.period.start)
        number = row["id"] if row else None  # of none, which `update` calls lost
        await self._session.update(models.SubscriptionPeriod, {**billed_period_to_row(billed), "id": number})

    async def _with_items(self, row: Row | None) -> Subscription | None:
        return None if row is None else subscription_from_row(row, await self._items_of(row["id"]))

    async def _items_of(self, subscription_id: str) -> Sequence[Row]:
        return await self._session.rows(models.SubscriptionItem, _ITEMS, subscription_id)

    async def _save_items(self, subscription: Subscription) -> None:
        """Items keep their place, and are never deleted: those that went have the moment when they did."""
        stored = {row["id"]: row for row in await self._items_of(subscription.id)}
        for position, item in enumerate(subscription.items, start=1):
            columns = item_to_row(item, subscription_id=subscription.id, position=position)
            if item.id not in stored:
                await self._session.insert(models.SubscriptionItem, columns)
            elif subscription_item_from_row(stored[item.id]) != item:
                await self._session.update(models.SubscriptionItem, columns)
