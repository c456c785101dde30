"""Keys of servers."""

from tortoise.fields import CharField, DatetimeField, TextField
from tortoise.models import Model

from persistence.fields import (
    an_id,
    json,
    unique,
)


class ApiKey(Model):
    id = an_id()
    name = TextField()
    secret_hash = CharField(max_length=64)
    last4 = CharField(max_length=4, null=True)
    permissions = json()
    expires_at = DatetimeField(null=True)
    previous_secret_hash = CharField(max_length=64, null=True)
    previous_ends_at = DatetimeField(null=True)
    last_used_at = DatetimeField(null=True)
    secret_used_at = DatetimeField(null=True)
    revoked_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "api_keys"
        constraints = (
            unique("api_keys_secret_hash", "secret_hash"),
            unique("api_keys_previous_secret_hash", "previous_secret_hash", where="previous_secret_hash IS NOT NULL"),
        )
