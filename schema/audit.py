"""Who of the staff changed what: every mutation is run under the name of whoever asked for it."""

import logging
from collections.abc import Callable
from datetime import datetime
from inspect import isawaitable
from typing import Annotated, Any

import strawberry
from graphql import GraphQLField, GraphQLResolveInfo, GraphQLSchema

from domain.audit import AuditChange as DomainChange
from domain.audit import AuditEntry as DomainEntry
from domain.audit import acting_as
from domain.errors import ErrorCode
from domain.principals import Permission, PrincipalKind, StaffRole
from domain.queries import AuditFilter, Sort, Viewer
from domain.services.business_time import asking
from schema.context import Context, Info
from schema.described import described_enum
from schema.http.request_id import request_id
from schema.listing import BY_ID, SortArgument, TimeSpan, listed, paged, span
from schema.node import Node
from schema.pagination import Connection, given

_log = logging.getLogger("paydesk.access")

described_enum(
    PrincipalKind,
    description="What somebody is who asks.",
    values={
        PrincipalKind.SERVER: "A program with an API key.",
        PrincipalKind.STAFF: "A person with a role.",
        PrincipalKind.CUSTOMER: "A customer, for their own records.",
        PrincipalKind.ANONYMOUS: "Nobody is signed in.",
        PrincipalKind.OPERATOR: "Whoever runs `paydesk` on the command line.",
    },
)
described_enum(
    StaffRole,
    description="What a member of the staff may do; the claim `paydesk_role` of their token.",
    values={
        StaffRole.ADMIN: "May do everything.",
        StaffRole.FINANCE: "The catalogue, orders, charges, refunds and disputes, and the upkeep of the books.",
        StaffRole.SUPPORT: "Customers, their orders and cards, refunds and disputes.",
    },
)


@strawberry.type(description="A field of a record that was changed.")
class AuditChange:
    @strawberry.field(description="Global id of the record.")
    def subject_id(root: strawberry.Parent[DomainChange]) -> strawberry.ID:
        return strawberry.ID(root.subject_id)

    @strawberry.field(description="The field, as this API calls it.")
    def field(root: strawberry.Parent[DomainChange]) -> str:
        return root.field

    @strawberry.field(
        description="What it was, as text: amounts in minor units with their currency, lists and objects as JSON. Null "
        "when it was empty, when the record is new, and when it is withheld."
    )
    def before(root: strawberry.Parent[DomainChange]) -> str | None:
        return root.before

    @strawberry.field(description="What it is since, as text. Null when it was emptied, and when it is withheld.")
    def after(root: strawberry.Parent[DomainChange]) -> str | None:
        return root.after

    @strawberry.field(
        description="The field may hold personal data or a secret: that it changed is told, and not from what to what."
    )
    def is_withheld(root: strawberry.Parent[DomainChange]) -> bool:
        return root.withheld


@strawberry.type(
    description="What a member of the staff changed, or whoever has the admin key; or a server that made a key, erased "
    "a customer, or said whose tokens open an account. Written with the change itself; never changed, never removed, "
    "and without personal data."
)
class AuditEntry(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `aud_…`; sorts by time.")
    actor: str = strawberry.field(
        description="Who: `staff:…`, `key:…`, or `cli` for the command line. The admin key is `key:admin`, and the one "
        "before it `key:admin-previous`."
    )
    actor_kind: PrincipalKind = strawberry.field(description="Whether it was a person, a server or the command line.")
    role: StaffRole | None = strawberry.field(
        description="Role of a member of the staff at that moment; null for all others."
    )
    action: str = strawberry.field(description="The mutation, such as `chargeRefund`, or the command.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, DomainEntry)

    @strawberry.field(description="When it was done.")
    def at(root: strawberry.Parent[DomainEntry]) -> datetime:
        return root.created_at

    @strawberry.field(description="What differs, field by field. Later effects are in the timelines of the records.")
    def changes(root: strawberry.Parent[DomainEntry]) -> list[AuditChange]:
        return list(root.changes)  # type: ignore[arg-type]  # rows of the domain, which the type reads

    @strawberry.field(description="The records that were changed.")
    def subject_ids(root: strawberry.Parent[DomainEntry]) -> list[strawberry.ID]:
        return [strawberry.ID(subject_id) for subject_id in root.subject_ids]

    @strawberry.field(description="The id of the request (`X-Request-ID`), as the log has it; null if there was none.")
    def request_id(root: strawberry.Parent[DomainEntry]) -> str | None:
        return root.request_id


@strawberry.input(description="Which audit entries to list; what is left out does not narrow.")
class AuditEntryFilterInput:
    actor: str | None = strawberry.field(default=strawberry.UNSET, description="Only of this actor: `staff:ada`.")
    action: str | None = strawberry.field(default=strawberry.UNSET, description="Only this mutation or command.")
    subject_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only what changed this record."
    )
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Done in this span.")

    def to_domain(self) -> AuditFilter:
        since, before = span(given(self.created))
        return AuditFilter(
            actor=given(self.actor),
            action=given(self.action),
            subject_id=given(self.subject_id),
            created_from=since,
            created_before=before,
        )


@strawberry.type
class AuditQuery:
    @listed(BY_ID, description="What the staff changed. For admins, and servers with the scope `AUDIT_READ`.")
    def audit_entries(
        self,
        info: Info,
        filter: Annotated[
            AuditEntryFilterInput | None, strawberry.argument(description="Which entries; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[AuditEntry] | None:
        info.context.require(Permission.AUDIT_READ)
        where = filter.to_domain() if filter else AuditFilter()
        queries = info.context.services.queries
        return paged(lambda request: queries.audit.page(request, where, viewer=Viewer(sees_all=True)))


# --- every mutation -------------------------------------------------------------------------------------------------


def audit_mutations(schema: GraphQLSchema) -> None:
    """Here, and not in each resolver: one that is added later cannot forget it."""
    if schema.mutation_type is None:
        raise TypeError("the schema has no mutations")
    for name, field in schema.mutation_type.fields.items():
        field.resolve = _acting(name, field)


def _acting(name: str, field: GraphQLField) -> Callable[..., Any]:
    resolve = field.resolve
    if resolve is None:
        raise TypeError(f"{name} has no resolver")

    async def run(root: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        context = info.context
        with asking(), acting_as(context.principal, name, request_id=request_id.get()):
            result = resolve(root, info, **arguments)
            payload = await result if isawaitable(result) else result
        if context.principal.kind in (PrincipalKind.STAFF, PrincipalKind.SERVER) and _is_denied(payload):
            # Nothing was changed, so there is nothing to audit; but somebody may want to know who tries.
            _log.warning("%s was denied %s", context.principal.name, name)
        return payload

    return run


def _is_denied(payload: Any) -> bool:
    return any(error.code is ErrorCode.PERMISSION_DENIED for error in getattr(payload, "user_errors", ()))
