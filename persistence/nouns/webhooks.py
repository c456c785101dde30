from domain.webhooks import WebhookDelivery
from persistence import models
from persistence.columns import optional
from persistence.records import webhook_delivery_from_row, webhook_delivery_to_row
from persistence.session import Session


class Webhooks:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, delivery_id: str) -> WebhookDelivery | None:
        row = await self._session.row(models.WebhookDelivery, "id = $1", delivery_id)
        return optional(webhook_delivery_from_row, row)

    async def insert_if_new(self, delivery: WebhookDelivery) -> bool:
        return await self._session.insert_if_new(
            models.WebhookDelivery, webhook_delivery_to_row(delivery), unique=("account", "event_key")
        )

    async def get_for_update(self, delivery_id: str) -> WebhookDelivery | None:
        row = await self._session.locked_row(models.WebhookDelivery, "id = $1", delivery_id)
        return optional(webhook_delivery_from_row, row)

    async def save(self, delivery: WebhookDelivery) -> None:
        await self._session.update(models.WebhookDelivery, webhook_delivery_to_row(delivery))
