"""What the staff changed."""

from tortoise.fields import CharField, DatetimeField
from tortoise.models import Model

from domain.principals import PrincipalKind
from persistence.fields import (
    ID_LENGTH,
    a_number_of_its_own,
    an_id,
    belongs_to,
    check,
    index,
    json,
    one_of,
    unique,
    word,
)


class AuditEntry(Model):
    id = an_id()
    actor = CharField(max_length=300)
    actor_kind = word()
    role = word(null=True)
    action = CharField(max_length=100)
    changes = json()
    request_id = CharField(max_length=64, null=True)
    created_at = DatetimeField()

    class Meta:
        table = "audit_entries"
        indexes = (
            index("audit_entries", "actor", "id"),
            index("audit_entries", "action", "id"),
            index("audit_entries", "created_at", "id"),
        )
        constraints = (check("audit_entries_actor_kind_known", one_of("actor_kind", PrincipalKind)),)


class AuditSubject(Model):
    id = a_number_of_its_own()
    entry = belongs_to("AuditEntry")
    subject_id = CharField(max_length=ID_LENGTH)

    class Meta:
        table = "audit_subjects"
        constraints = (unique("audit_subjects_once", "subject_id", "entry_id"),)
