"""Decisions: what people say about money that the gateway could not find out by itself."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain.decisions import Decision as DomainDecision
from domain.decisions import DecisionKind, MoneyFound
from domain.errors import PaydeskError
from domain.queries import DecisionFilter
from domain.services.decisions import CloseReview, SettleCharge, SettleRefund
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_REQUIRED, required_request_of
from schema.listing import words
from schema.money import MoneyInput
from schema.node import Node
from schema.pagination import given
from schema.reviews import ReviewReason

if TYPE_CHECKING:
    from schema.charges import Charge
    from schema.refunds import Refund

LazyCharge = Annotated["Charge", strawberry.lazy("schema.charges")]
LazyRefund = Annotated["Refund", strawberry.lazy("schema.refunds")]

NOTE = "Why, for whoever asks later; up to 500 characters, kept with your name."

described_enum(
    DecisionKind,
    description="What a person decided. The list grows.",
    values={
        DecisionKind.REVIEW_CLOSED: "They have looked at the charge, and nothing is left to be done.",
        DecisionKind.SETTLED: "They have found out what became of money that the gateway could not trace.",
    },
)
described_enum(
    MoneyFound,
    description="What a person found out about money that the gateway could not trace.",
    values={
        MoneyFound.MOVED: "The money moved: the charge was taken, or the refund given back.",
        MoneyFound.NOT_MOVED: "No money moved, and none will.",
    },
)


@strawberry.type(description="What a member of the staff decided about a charge, and why.")
class Decision(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `dec_…`; sorts by time.")
    kind: DecisionKind = strawberry.field(description="What was decided.")
    note: str = strawberry.field(description="Why; empty once the customer's data was erased.")
    actor: str = strawberry.field(description="Who: `staff:…`, or `key:…`.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, DomainDecision)

    @strawberry.field(description="The review that was closed; null unless the kind is REVIEW_CLOSED.")
    def review_reason(root: strawberry.Parent[DomainDecision]) -> ReviewReason | None:
        return root.reason

    @strawberry.field(description="What was found out; null unless the kind is SETTLED.")
    def found(root: strawberry.Parent[DomainDecision]) -> MoneyFound | None:
        return root.found

    @strawberry.field(
        description="The charge that it is about, or whose refund it is about; null if you may not see it."
    )
    async def charge(root: strawberry.Parent[DomainDecision], info: Info) -> LazyCharge | None:
        return cast("Charge | None", await info.context.loaders.charges.load(root.charge_id))

    @strawberry.field(description="The refund that was settled; null when it is about the charge itself.")
    async def refund(root: strawberry.Parent[DomainDecision], info: Info) -> LazyRefund | None:
        if root.refund_id is None:
            return None
        return cast("Refund | None", await info.context.loaders.refunds.load(root.refund_id))

    @strawberry.field(description="When it was decided.")
    def decided_at(root: strawberry.Parent[DomainDecision]) -> datetime:
        return root.created_at


@strawberry.input(description="Which decisions to list; what is left out does not narrow.")
class DecisionFilterInput:
    kinds: list[DecisionKind] | None = strawberry.field(default=strawberry.UNSET, description="Only of these kinds.")

    def to_domain(self) -> DecisionFilter:
        return DecisionFilter(kinds=words(self.kinds))


DecisionsFilter = Annotated[
    DecisionFilterInput | None, strawberry.argument(description="Which decisions; all by default.")
]


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A review that somebody has looked into.")
class ChargeReviewCloseInput:
    charge_id: strawberry.ID = strawberry.field(description="Id of the charge, `chg_…`.")
    reason: ReviewReason = strawberry.field(description="Which of its `reviews`.")
    note: str = strawberry.field(description=NOTE)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="The charge, or why the review was not closed.")
class ChargeReviewClosePayload:
    charge: LazyCharge | None = strawberry.field(default=None, description="The charge as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.input(description="What became of a charge that the gateway could not trace.")
class ChargeSettleInput:
    charge_id: strawberry.ID = strawberry.field(
        description="Id of the charge, `chg_…`; it is UNKNOWN or PENDING, or a capture of it is."
    )
    found: MoneyFound = strawberry.field(description="Whether the money was taken.")
    captured: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="How much was taken; needed when money MOVED. No more than was asked for, unless the provider "
        "shows it.",
    )
    provider_ref: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The provider's id of the charge, which refunds go by; needed when money MOVED, unless known. What "
        "it stands for is looked at, and has to fit.",
    )
    note: str = strawberry.field(description=NOTE)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="The charge at its end, or why it was not settled.")
class ChargeSettlePayload:
    charge: LazyCharge | None = strawberry.field(default=None, description="The charge as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.input(description="What became of a refund that the gateway could not trace.")
class RefundSettleInput:
    refund_id: strawberry.ID = strawberry.field(description="Id of the refund, `ref_…`; it is UNKNOWN or PENDING.")
    found: MoneyFound = strawberry.field(description="Whether the money went back.")
    provider_ref: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The provider's id of the refund, where you know it. What it stands for is looked at, and has to "
        "fit.",
    )
    note: str = strawberry.field(description=NOTE)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="The refund at its end, or why it was not settled.")
class RefundSettlePayload:
    refund: LazyRefund | None = strawberry.field(default=None, description="The refund as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class DecisionMutation:
    @strawberry.mutation(
        description="Say that you have looked at a charge, for one of its `reviews`. For finance, admins, and servers "
        "with the scope `UPKEEP_WRITE`."
    )
    async def charge_review_close(self, info: Info, input: ChargeReviewCloseInput) -> ChargeReviewClosePayload | None:
        principal = info.context.principal
        try:
            charge_id = await info.context.services.decisions.close_review(
                principal,
                CloseReview(
                    charge_id=input.charge_id,
                    reason=input.reason,
                    note=input.note,
                    request=required_request_of(principal, "chargeReviewClose", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargeReviewClosePayload(user_errors=[user_error(error)])
        info.context.changed()
        return ChargeReviewClosePayload(
            charge=cast("Charge | None", await info.context.loaders.charges.load(charge_id))
        )

    @strawberry.mutation(
        description="Say what became of a charge that could not be traced. The provider is asked once more before: "
        "what it tells counts, and your word is refused then, as it is for 30 days while the provider says that it is "
        "still deciding. For finance, admins, and servers with the scope "
        "`UPKEEP_WRITE`."
    )
    async def charge_settle(self, info: Info, input: ChargeSettleInput) -> ChargeSettlePayload | None:
        principal = info.context.principal
        try:
            captured = given(input.captured)
            charge_id = await info.context.services.decisions.settle_charge(
                principal,
                SettleCharge(
                    charge_id=input.charge_id,
                    found=input.found,
                    captured=captured.to_domain("captured") if captured else None,
                    provider_ref=given(input.provider_ref),
                    note=input.note,
                    request=required_request_of(principal, "chargeSettle", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargeSettlePayload(user_errors=[user_error(error)])
        info.context.changed()
        return ChargeSettlePayload(charge=cast("Charge | None", await info.context.loaders.charges.load(charge_id)))

    @strawberry.mutation(
        description="Say what became of a refund that could not be traced, as `chargeSettle` does of a charge. For "
        "finance, admins, and servers with the scope `UPKEEP_WRITE`."
    )
    async def refund_settle(self, info: Info, input: RefundSettleInput) -> RefundSettlePayload | None:
        principal = info.context.principal
        try:
            refund_id = await info.context.services.decisions.settle_refund(
                principal,
                SettleRefund(
                    refund_id=input.refund_id,
                    found=input.found,
                    provider_ref=given(input.provider_ref),
                    note=input.note,
                    request=required_request_of(principal, "refundSettle", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return RefundSettlePayload(user_errors=[user_error(error)])
        info.context.changed()
        return RefundSettlePayload(refund=cast("Refund | None", await info.context.loaders.refunds.load(refund_id)))
