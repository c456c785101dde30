"""What is known of the deployment."""

from tortoise.fields import CharField, TextField
from tortoise.models import Model


class Fact(Model):
    name = CharField(max_length=100, primary_key=True)
    value = TextField()

    class Meta:
        table = "facts"
