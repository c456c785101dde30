"""Comparing with the providers' books."""

from tortoise.fields import BigIntField, BooleanField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.discrepancies import DiscrepancyState
from domain.reconciliation import Phase
from persistence.fields import (
    ID_LENGTH,
    a_number_of_its_own,
    account,
    an_id,
    check,
    index,
    one_of,
    ref,
    unique,
    word,
)


class Discrepancy(Model):
    id = an_id()
    account = account()
    kind = word()
    subject = ref()
    provider_ref = ref(null=True)
    operation_id = CharField(max_length=ID_LENGTH, null=True)
    # Ours, but not always there: no foreign keys.
    order_id = CharField(max_length=ID_LENGTH, null=True)
    invoice_id = CharField(max_length=ID_LENGTH, null=True)
    charge_id = CharField(max_length=ID_LENGTH, null=True)
    refund_id = CharField(max_length=ID_LENGTH, null=True)
    here_amount = BigIntField(null=True)
    here_currency = CharField(max_length=3, null=True)
    there_amount = BigIntField(null=True)
    there_currency = CharField(max_length=3, null=True)
    here_state = word(null=True)
    there_outcome = word(null=True)
    livemode = BooleanField()
    state = word()
    note = TextField(null=True)
    closed_by = TextField(null=True)
    closed_at = DatetimeField(null=True)
    lifted = BooleanField()
    opened_at = DatetimeField()
    seen_at = DatetimeField()

    class Meta:
        table = "discrepancies"
        indexes = (
            index("discrepancies", "state", "id"),
            index("discrepancies", "order_id", "id"),
            index("discrepancies", "invoice_id", "id"),
            index("discrepancies", "charge_id", "id"),
        )
        constraints = (
            unique("discrepancies_subject", "account", "kind", "subject"),
            check("discrepancies_state_known", one_of("state", DiscrepancyState)),
            check("discrepancies_closed_at_their_end", "(state = 'OPEN') = (closed_at IS NULL)"),
            check("discrepancies_lifted_when_closed", "NOT lifted OR state = 'CLOSED'"),
        )


class Reconciliation(Model):
    account = CharField(max_length=100, primary_key=True)
    phase = word(null=True)
    since = DatetimeField(null=True)
    cursor = TextField(null=True)
    done = IntField()
    missed = IntField()
    incomplete = IntField()
    started_at = DatetimeField(null=True)
    moved_at = DatetimeField(null=True)
    compared_until = DatetimeField(null=True)
    finished_at = DatetimeField(null=True)
    recovering_since = DatetimeField(null=True)

    class Meta:
        table = "reconciliations"
        constraints = (check("reconciliations_phase_known", one_of("phase", Phase)),)


class ReconciliationSighting(Model):
    # What of ours the run under way has seen in the provider's list.
    id = a_number_of_its_own()
    account = account()
    subject_id = CharField(max_length=ID_LENGTH)

    class Meta:
        table = "reconciliation_sightings"
        constraints = (unique("reconciliation_sightings_once", "account", "subject_id"),)
