"""Server keys: made, rotated and revoked by admins."""

from datetime import datetime, timedelta
from typing import Annotated

import strawberry

from domain.api_keys import DEFAULT_OVERLAP
from domain.api_keys import ApiKey as DomainApiKey
from domain.errors import InvalidInput, PaydeskError
from domain.principals import Permission
from domain.queries import ApiKeyFilter, Sort, Viewer
from domain.services.api_keys import CreateApiKey, RotateApiKey
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_OPTIONAL, request_of
from schema.listing import BY_ID, SortArgument, listed, paged
from schema.node import Node
from schema.pagination import Connection, given

described_enum(
    Permission,
    description="One thing that a key, a role or a customer may be trusted with; the scopes of a key. The list grows.",
    values={
        Permission.CATALOGUE_READ: "Reading products and prices.",
        Permission.CATALOGUE_WRITE: "Adding, changing and archiving products and prices.",
        Permission.RECORDS_READ: "Reading customers, orders, charges, refunds, disputes, cards and timelines.",
        Permission.CUSTOMERS_WRITE: "Adding and changing customers.",
        Permission.TEST_CLOCKS_WRITE: "Making and advancing test clocks; not where money is real.",
        Permission.IDENTITIES_WRITE: "Saying whose tokens open an account: whoever may can become anybody.",
        Permission.ORDERS_WRITE: "Making and changing orders, placing and cancelling them; all but paying.",
        Permission.ORDERS_BY_HAND: "Lines with a name and an amount of one's own, and orders from elsewhere.",
        Permission.PAYMENT_METHODS_WRITE: "Attaching and detaching cards.",
        Permission.CHARGES_WRITE: "Charging orders, and going on after 3D Secure.",
        Permission.CHARGES_OFF_SESSION: "Charging a stored card while the customer is away.",
        Permission.CAPTURES_WRITE: "Taking what a charge holds, or releasing it.",
        Permission.REFUNDS_WRITE: "Giving money back.",
        Permission.SUBSCRIPTIONS_WRITE: "Subscribing customers to what is offered, and changing or ending that.",
        Permission.SUBSCRIPTIONS_BY_HAND: (
            "What only the shop decides of a subscription: another trial than its price has, an earlier start, "
            "credits, pauses, metadata, and who starts its first payment."
        ),
        Permission.DISPUTES_WRITE: "Answering disputes: sending evidence, or giving in.",
        Permission.INVOICES_WRITE: "Making, issuing and calling off invoices by hand, and crediting them.",
        Permission.BALANCES_WRITE: "Putting into a customer's balance what nobody has paid, or taking it back.",
        Permission.ISSUERS_WRITE: "What is printed on invoices, how they are numbered, and when they are tried again.",
        Permission.CUSTOMERS_REDACT: "Erasing the personal data of customers, for ever.",
        Permission.KEYS_READ: "Listing server keys, never their secrets.",
        Permission.KEYS_WRITE: "Making, rotating and revoking server keys.",
        Permission.AUDIT_READ: "Reading what the staff changed.",
        Permission.UPKEEP_READ: "Reading what goes on behind the scenes: jobs, webhooks of providers, the books.",
        Permission.UPKEEP_WRITE: "Mending it by hand, and saying what became of money that could not be found out.",
    },
)

_SEEN_ONCE = (
    "The secret, which can be seen this once. Null when the request was a repeat under an `idempotencyKey`: a secret "
    "that was lost on the way is replaced with `apiKeyRotate`."
)


@strawberry.type(description="A server key. Its secret is kept nowhere.")
class ApiKey(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `key_…`.")
    name: str = strawberry.field(description="What it is for.")
    created_at: datetime = strawberry.field(description="When it was made.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute; null if never.")
    expires_at: datetime | None = strawberry.field(description="When it ends by itself; null for never.")
    revoked_at: datetime | None = strawberry.field(
        description="Since when it is good for nothing; null if it was not revoked."
    )

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, DomainApiKey)

    @strawberry.field(description="What it may do.")
    def scopes(root: strawberry.Parent[DomainApiKey]) -> list[Permission]:
        return sorted(root.permissions)

    @strawberry.field(description="The last four characters of its secret; null for keys of earlier versions.")
    def last4(root: strawberry.Parent[DomainApiKey]) -> str | None:
        return root.last4

    @strawberry.field(description="Until when the secret before the last rotation is good, too; null if there is none.")
    def previous_secret_ends_at(root: strawberry.Parent[DomainApiKey]) -> datetime | None:
        return root.previous_ends_at


@strawberry.input(description="Which server keys.")
class ApiKeyFilterInput:
    revoked: bool | None = strawberry.field(default=strawberry.UNSET, description="Only those that are, or are not.")


@strawberry.type
class ApiKeyQuery:
    @listed(BY_ID, description="Server keys. For admins, and servers with the scope `KEYS_READ`.")
    def api_keys(
        self,
        info: Info,
        filter: Annotated[
            ApiKeyFilterInput | None, strawberry.argument(description="Which keys; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[ApiKey] | None:
        info.context.require(Permission.KEYS_READ)
        where = ApiKeyFilter(revoked=given(filter.revoked) if filter else None)
        queries = info.context.services.queries
        return paged(lambda request: queries.api_keys.page(request, where, viewer=Viewer(sees_all=True)))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A new server key.")
class ApiKeyCreateInput:
    name: str = strawberry.field(description="What it is for, such as `shop backend`.")
    scopes: list[Permission] = strawberry.field(description="What it may do; nothing that you may not do yourself.")
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it ends by itself; never by default. A key that ends makes none that ends later.",
    )
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A new secret for a server key.")
class ApiKeyRotateInput:
    api_key_id: strawberry.ID = strawberry.field(description="Which key; you need every scope that it has.")
    overlap_hours: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="How long the old secret stays good: 0 for one that leaked, 168 at most, 24 by default. A secret "
        "that was replaced before ends at once; but while the present one was never used, that one does instead, and "
        "the one before it stays good.",
    )
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A server key that is good for nothing any more.")
class ApiKeyRevokeInput:
    api_key_id: strawberry.ID = strawberry.field(description="Which key; not the one that asks.")


@strawberry.type(description="The key with its secret, or why it was refused.")
class ApiKeySecretPayload:
    api_key: ApiKey | None = strawberry.field(default=None, description="The key as it now is.")
    secret: str | None = strawberry.field(default=None, description=_SEEN_ONCE)
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type(description="The key, or why it was refused.")
class ApiKeyPayload:
    api_key: ApiKey | None = strawberry.field(default=None, description="The key as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class ApiKeyMutation:
    @strawberry.mutation(description="Make a server key. Its secret is in this answer and nowhere else.")
    async def api_key_create(self, info: Info, input: ApiKeyCreateInput) -> ApiKeySecretPayload | None:
        principal = info.context.principal
        try:
            issued = await info.context.services.api_keys.create(
                principal,
                CreateApiKey(
                    name=input.name,
                    permissions=frozenset(input.scopes),
                    expires_at=given(input.expires_at),
                    request=request_of(principal, "apiKeyCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ApiKeySecretPayload(user_errors=[user_error(error)])
        return ApiKeySecretPayload(api_key=_shown(issued.key), secret=issued.secret)

    @strawberry.mutation(
        description="Give a server key a new secret. The old one stays good for a while, until programs have changed."
    )
    async def api_key_rotate(self, info: Info, input: ApiKeyRotateInput) -> ApiKeySecretPayload | None:
        principal = info.context.principal
        try:
            issued = await info.context.services.api_keys.rotate(
                principal,
                RotateApiKey(
                    key_id=input.api_key_id,
                    overlap=_overlap(given(input.overlap_hours)),
                    request=request_of(principal, "apiKeyRotate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ApiKeySecretPayload(user_errors=[user_error(error)])
        return ApiKeySecretPayload(api_key=_shown(issued.key), secret=issued.secret)

    @strawberry.mutation(description="Make a server key useless at once. It cannot be undone.")
    async def api_key_revoke(self, info: Info, input: ApiKeyRevokeInput) -> ApiKeyPayload | None:
        try:
            key = await info.context.services.api_keys.revoke(info.context.principal, input.api_key_id)
        except PaydeskError as error:
            return ApiKeyPayload(user_errors=[user_error(error)])
        return ApiKeyPayload(api_key=_shown(key))


def _overlap(hours: int | None) -> timedelta:
    if hours is None:
        return DEFAULT_OVERLAP
    if hours < 0:
        raise InvalidInput("A time cannot be negative.", path=("overlapHours",))
    return timedelta(hours=hours)


def _shown(key: DomainApiKey) -> ApiKey:
    return key  # type: ignore[return-value]  # a row of the domain, which the type reads
