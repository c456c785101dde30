"""Webhooks as they came in, for those who look after them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import orjson
import strawberry

from domain.errors import PaydeskError
from domain.principals import Permission
from domain.queries import Sort, Viewer, WebhookDeliveryFilter
from domain.services.webhooks import ReplayDelivery
from domain.webhooks import DeliveryState, DeliveryView
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_OPTIONAL, request_of
from schema.listing import BY_ID, SortArgument, TimeSpan, listed, paged, span, words
from schema.node import Node
from schema.pagination import Connection, given

if TYPE_CHECKING:
    from schema.charges import Charge
    from schema.disputes import Dispute
    from schema.payment_methods import PaymentMethod
    from schema.refunds import Refund

LazyCharge = Annotated["Charge", strawberry.lazy("schema.charges")]
LazyDispute = Annotated["Dispute", strawberry.lazy("schema.disputes")]
LazyRefund = Annotated["Refund", strawberry.lazy("schema.refunds")]
LazyPaymentMethod = Annotated["PaymentMethod", strawberry.lazy("schema.payment_methods")]

described_enum(
    DeliveryState,
    name="WebhookDeliveryState",
    description="What became of a webhook that came in.",
    values={
        DeliveryState.STORED: "Kept; it is applied next.",
        DeliveryState.APPLIED: "Its object was read again at the provider, and what it is now was booked.",
        DeliveryState.IGNORED: "Genuine, about what the gateway does not follow, or about an unknown card.",
        DeliveryState.PARKED: "About money that is none of ours, or of the other mode: nothing was changed.",
        DeliveryState.FAILED: "Given up after many tries; see `lastError`. `webhookDeliveryReplay` tries again.",
    },
)


@strawberry.type(description="A webhook that a provider sent: genuine, stored once, applied later.")
class WebhookDelivery(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `whd_…`.")
    account: str = strawberry.field(description="The provider account that it came from.")
    kind: str = strawberry.field(description="What happened, in the provider's word: `charge.succeeded`.")
    state: DeliveryState = strawberry.field(description="What became of it.")
    livemode: bool = strawberry.field(description="Whether it is about real money.")
    received_at: datetime = strawberry.field(description="When it came in.")
    occurred_at: datetime = strawberry.field(description="When it happened, says the provider.")
    ended_at: datetime | None = strawberry.field(
        description="When it was applied, ignored or parked; null while it is not."
    )
    replayed_at: datetime | None = strawberry.field(
        description="When somebody last had it applied again; null if never."
    )
    tries: int | None = strawberry.field(description="How often it was tried to apply it; null when that is over.")
    last_error: str | None = strawberry.field(description="Why the last try failed; null if it did not, or is over.")
    next_try_at: datetime | None = strawberry.field(
        description="When it is tried next; null when that is over, or was given up."
    )

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, DeliveryView)

    @strawberry.field(description="The provider's id of the object that it is about; null where it names none.")
    def provider_ref(root: strawberry.Parent[DeliveryView]) -> str | None:
        return root.subject_ref

    @strawberry.field(
        description="What it said, as JSON: without cards, secrets and names of people, and empty once its customer "
        "was erased. Nothing of it is believed: the object is read again."
    )
    def payload(root: strawberry.Parent[DeliveryView]) -> str:
        return orjson.dumps(root.payload).decode()

    @strawberry.field(
        description="The charge that it is about; null if it is about another object, none of ours, or you may not "
        "read records."
    )
    async def charge(root: strawberry.Parent[DeliveryView], info: Info) -> LazyCharge | None:
        charges = info.context.loaders.charges
        return cast("LazyCharge | None", await charges.load(root.charge_id) if root.charge_id else None)

    @strawberry.field(
        description="The refund that it is about; null if it is about another object, none of ours, or you may not "
        "read records."
    )
    async def refund(root: strawberry.Parent[DeliveryView], info: Info) -> LazyRefund | None:
        refunds = info.context.loaders.refunds
        return cast("LazyRefund | None", await refunds.load(root.refund_id) if root.refund_id else None)

    @strawberry.field(
        description="The dispute that it is about; null if it is about another object, none of ours, or you may not "
        "read records."
    )
    async def dispute(root: strawberry.Parent[DeliveryView], info: Info) -> LazyDispute | None:
        disputes = info.context.loaders.disputes
        return cast("LazyDispute | None", await disputes.load(root.dispute_id) if root.dispute_id else None)

    @strawberry.field(
        description="The payment method that it is about; null if it is about another object, none of ours, or you may "
        "not read records."
    )
    async def payment_method(root: strawberry.Parent[DeliveryView], info: Info) -> LazyPaymentMethod | None:
        methods = info.context.loaders.payment_methods
        found = await methods.load(root.payment_method_id) if root.payment_method_id else None
        return cast("LazyPaymentMethod | None", found)


@strawberry.input(description="Which webhooks to list; what is left out does not narrow.")
class WebhookDeliveryFilterInput:
    accounts: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only from these provider accounts."
    )
    states: list[DeliveryState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")
    kinds: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Only of these kinds, in the provider's words."
    )
    subject_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only about this charge, refund, dispute or payment method."
    )
    provider_ref: str | None = strawberry.field(
        default=strawberry.UNSET, description="Only about the object that the provider calls so."
    )
    received: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Received in this span.")

    def to_domain(self) -> WebhookDeliveryFilter:
        since, before = span(given(self.received))
        return WebhookDeliveryFilter(
            accounts=words(self.accounts),
            states=words(self.states),
            kinds=words(self.kinds),
            subject_id=given(self.subject_id),
            subject_ref=given(self.provider_ref),
            received_from=since,
            received_before=before,
        )


@strawberry.type
class WebhookDeliveryQuery:
    @listed(
        BY_ID,
        description="Webhooks that providers sent. For admins, finance, and servers with the scope `UPKEEP_READ`.",
    )
    def webhook_deliveries(
        self,
        info: Info,
        filter: Annotated[
            WebhookDeliveryFilterInput | None, strawberry.argument(description="Which webhooks; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[WebhookDelivery] | None:
        info.context.require(Permission.UPKEEP_READ)
        where = filter.to_domain() if filter else WebhookDeliveryFilter()
        queries = info.context.services.queries
        return paged(lambda request: queries.webhook_deliveries.page(request, where, viewer=Viewer(sees_all=True)))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A webhook that is to be applied again.")
class WebhookDeliveryReplayInput:
    webhook_delivery_id: strawberry.ID = strawberry.field(description="The one to apply again, `whd_…`.")
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.type(description="The webhook, or why it was refused.")
class WebhookDeliveryPayload:
    webhook_delivery: WebhookDelivery | None = strawberry.field(default=None, description="The webhook as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class WebhookDeliveryMutation:
    @strawberry.mutation(
        description="Have a webhook applied again, by a job and at once. It changes nothing that is right already: the "
        "object is read again at the provider, amounts only grow, and states only go forward. Needs `UPKEEP_WRITE`."
    )
    async def webhook_delivery_replay(
        self, info: Info, input: WebhookDeliveryReplayInput
    ) -> WebhookDeliveryPayload | None:
        context = info.context
        request = request_of(context.principal, "webhookDeliveryReplay", input.idempotency_key, input)
        try:
            delivery_id = await context.services.webhooks.replay(
                context.principal, ReplayDelivery(delivery_id=input.webhook_delivery_id, request=request)
            )
        except PaydeskError as error:
            return WebhookDeliveryPayload(user_errors=[user_error(error)])
        context.changed()
        if not context.principal.may(Permission.UPKEEP_READ):
            return WebhookDeliveryPayload()
        found = await context.loaders.webhook_deliveries.load(delivery_id)
        return WebhookDeliveryPayload(webhook_delivery=cast("WebhookDelivery | None", found))
