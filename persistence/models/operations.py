"""What a provider is asked for, under which key, and what has to be done later."""

from tortoise.fields import BooleanField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.operations import OperationKind, SolvedBy
from persistence.fields import (
    ID_LENGTH,
    ExactJSONField,
    a_number_of_its_own,
    account,
    an_id,
    belongs_to,
    check,
    index,
    json,
    one_of,
    unique,
    word,
)


class Operation(Model):
    id = an_id()
    kind = word()
    charge = belongs_to("Charge")
    refund = belongs_to("Refund", null=True)
    dispute = belongs_to("Dispute", null=True)
    account = account()
    request = ExactJSONField()
    on_session = BooleanField()
    # Requests from before were all sent to accounts that keep keys.
    solved_by = word(db_default=SolvedBy.KEY.value)
    void_purpose = word(null=True)
    first_sent_at = DatetimeField()
    tries = IntField()
    sends = IntField()
    is_held_back = BooleanField(db_default=False)
    empty_looks = IntField()
    recovered_at = DatetimeField(null=True)
    outcome = word(null=True)
    # `raw` in the domain, which is a method of every Tortoise model.
    answer = json(null=True)
    finished_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "operations"
        indexes = (
            index("operations", "charge_id", "id"),
            index("operations", "refund_id", "id"),
            index("operations", "dispute_id", "id"),
        )
        constraints = (
            unique(
                "operations_one_unfinished_a_charge",
                "charge_id",
                where="finished_at IS NULL AND refund_id IS NULL AND dispute_id IS NULL",
            ),
            unique(
                "operations_one_unfinished_a_refund", "refund_id", where="finished_at IS NULL AND refund_id IS NOT NULL"
            ),
            unique(
                "operations_one_unfinished_a_dispute",
                "dispute_id",
                where="finished_at IS NULL AND dispute_id IS NOT NULL",
            ),
            check("operations_kind_known", one_of("kind", OperationKind)),
            check("operations_solved_by_known", one_of("solved_by", SolvedBy)),
            check("operations_refunds_name_theirs", "(kind = 'REFUND') = (refund_id IS NOT NULL)"),
            check(
                "operations_responses_name_their_dispute",
                "(kind IN ('SUBMIT_EVIDENCE', 'ACCEPT_DISPUTE')) = (dispute_id IS NOT NULL)",
            ),
        )


class IdempotencyKey(Model):
    id = a_number_of_its_own()
    principal = CharField(max_length=300)
    mutation = CharField(max_length=100)
    key = CharField(max_length=255)
    fingerprint = CharField(max_length=64)
    object_id = CharField(max_length=ID_LENGTH)
    created_at = DatetimeField()

    class Meta:
        table = "idempotency_keys"
        indexes = (index("idempotency_keys", "object_id"), index("idempotency_keys", "created_at"))
        constraints = (unique("idempotency_keys_key", "principal", "mutation", "key"),)


class Job(Model):
    id = an_id()
    kind = word()
    subject_id = CharField(max_length=ID_LENGTH)
    run_at = DatetimeField()
    """On the database's clock, like all times here. While a job is claimed: when its lease ends."""
    tries = IntField()
    claim = CharField(max_length=64, null=True)
    dead_at = DatetimeField(null=True)
    last_error = TextField(null=True)
    retried_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "jobs"
        indexes = (index("jobs", "dead_at", "run_at"), index("jobs", "kind", "dead_at", "run_at"))
        constraints = (unique("jobs_subject", "kind", "subject_id"),)
