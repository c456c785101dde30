"""What providers told."""

from tortoise.fields import BooleanField, DatetimeField, TextField
from tortoise.models import Model

from domain.webhooks import KEPT_STATES
from persistence.fields import (
    account,
    an_id,
    check,
    index,
    json,
    one_of,
    ref,
    unique,
    word,
)


class WebhookDelivery(Model):
    id = an_id()
    account = account()
    event_key = ref()
    kind = TextField()
    subject = word()
    subject_ref = TextField(null=True)
    operation_id = TextField(null=True)
    livemode = BooleanField()
    payload = json()
    state = word()
    occurred_at = DatetimeField()
    received_at = DatetimeField()
    ended_at = DatetimeField(null=True)
    replayed_at = DatetimeField(null=True)

    class Meta:
        table = "webhook_deliveries"
        indexes = (
            index("webhook_deliveries", "state", "id"),
            index("webhook_deliveries", "subject_ref", "id"),
            index("webhook_deliveries", "received_at", "id"),
        )
        constraints = (
            unique("webhook_deliveries_event", "account", "event_key"),
            check("webhook_deliveries_state_known", one_of("state", KEPT_STATES)),
        )
