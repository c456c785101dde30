"""The double-entry ledger, which only grows."""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField
from tortoise.models import Model

from domain.ledger import LedgerAccount
from persistence.fields import (
    an_id,
    belongs_to,
    check,
    currency,
    index,
    one_of,
    unique,
    word,
)


class LedgerEntry(Model):
    id = an_id()
    cause = CharField(max_length=100)
    account = word()
    amount = BigIntField()
    currency = currency()
    charge = belongs_to("Charge")
    refund = belongs_to("Refund", null=True)
    dispute = belongs_to("Dispute", null=True)
    livemode = BooleanField()
    created_at = DatetimeField()

    class Meta:
        table = "ledger_entries"
        indexes = (
            index("ledger_entries", "charge_id", "id"),
            index("ledger_entries", "refund_id", "id"),
            index("ledger_entries", "dispute_id", "id"),
        )
        constraints = (
            unique("ledger_entries_cause", "cause", "account"),
            check("ledger_entries_account_known", one_of("account", LedgerAccount)),
            check("ledger_entries_currency_has_three_letters", "length(currency) = 3"),
            check("ledger_entries_amount_not_zero", "amount <> 0"),
        )
