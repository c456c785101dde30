"""Refunds."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import refunds as domain
from domain.charges import FailureCode
from domain.errors import PaydeskError
from domain.principals import Permission
from domain.provider import ExecutedAs
from domain.queries import RefundFilter, Sort
from domain.refunds import RefundReason, RefundState
from domain.services.refunds import RefundCharge
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_REQUIRED, required_request_of
from schema.listing import BY_ID, SortArgument, TimeSpan, listed, paged, span, words
from schema.money import Money, MoneyInput
from schema.pagination import Connection, given
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.charges import Charge
    from schema.invoices import Invoice
    from schema.orders import Order

LazyCharge = Annotated["Charge", strawberry.lazy("schema.charges")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("schema.invoices")]
LazyOrder = Annotated["Order", strawberry.lazy("schema.orders")]

described_enum(
    RefundState,
    description="What became of a refund.",
    values={
        RefundState.PENDING: "Requested; the provider has not said yet what became of it.",
        RefundState.REQUIRES_ACTION: "The customer has to do something to receive it.",
        RefundState.SUCCEEDED: "The money went back. The customer's bank may still turn it away, even days later.",
        RefundState.FAILED: "It did not, or it came back; the amount can be refunded again.",
        RefundState.CANCELED: "It was called off before the money moved.",
        RefundState.UNKNOWN: "The provider's answer was lost; the gateway is finding out. See `nextCheckAt`.",
    },
)
described_enum(
    RefundReason,
    description="Why money is given back.",
    values={
        RefundReason.REQUESTED_BY_CUSTOMER: "The customer asked for it.",
        RefundReason.DUPLICATE: "It was paid twice.",
        RefundReason.FRAUDULENT: "The payment was not the cardholder's.",
        RefundReason.OTHER: "Another reason; see the note.",
    },
)
described_enum(
    ExecutedAs,
    description="What the provider did.",
    values={
        ExecutedAs.REFUND: "It sent the money back.",
        ExecutedAs.VOID: "It dropped a payment that was not settled yet: nothing appears on the statement.",
    },
)
described_enum(
    FailureCode,
    description="Why a charge or refund failed that no bank declined. The list grows.",
    values={
        FailureCode.PROVIDER_UNAVAILABLE: "The provider could not be reached; nothing happened there. Try again.",
        FailureCode.PROVIDER_REFUSED: "The provider refused; the same request would be refused again.",
        FailureCode.NOT_APPLIED: "The answer was lost, and the provider has since shown that nothing happened.",
        FailureCode.RETURNED: "Of a refund: the customer's bank turned the money away. Refund it again.",
    },
)


@strawberry.type(description="Money on its way back, always through the provider that took it.")
class Refund(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `ref_…`.")
    state: RefundState = strawberry.field(description="What became of it.")
    amount: Money = strawberry.field(description="How much goes back.")
    executed_as: ExecutedAs = strawberry.field(description="What the provider did, or is doing.")
    failure_code: FailureCode | None = strawberry.field(description="Why it failed; null unless the state is FAILED.")
    next_check_at: datetime | None = strawberry.field(
        description="When the gateway looks again into what is unknown or pending; null when it knows."
    )
    created_at: datetime = strawberry.field(description="When it was requested.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Refund)

    @strawberry.field(
        description="Why it was given back, if somebody said so; else null. For servers and staff, null for customers."
    )
    def reason(root: strawberry.Parent[domain.Refund], info: Info) -> RefundReason | None:
        return root.reason if info.context.viewer.sees_all else None

    @strawberry.field(
        description="The provider's raw code of a failure; null without one. For servers and staff, null for customers."
    )
    def provider_code(root: strawberry.Parent[domain.Refund], info: Info) -> str | None:
        return root.provider_code if info.context.viewer.sees_all else None

    @strawberry.field(
        description="What the provider said of a failure; null if nothing. For servers and staff, null for customers."
    )
    def provider_message(root: strawberry.Parent[domain.Refund], info: Info) -> str | None:
        return root.provider_message if info.context.viewer.sees_all else None

    @strawberry.field(
        description="The provider's id of the refund; null until it gives one. For servers and staff, null for "
        "customers."
    )
    def provider_ref(root: strawberry.Parent[domain.Refund], info: Info) -> str | None:
        return root.refund_ref if info.context.viewer.sees_all else None

    @strawberry.field(description="A note of whoever requested it; for servers and staff, null for customers.")
    def note(root: strawberry.Parent[domain.Refund], info: Info) -> str | None:
        return root.note if info.context.viewer.sees_all else None

    @strawberry.field(description="The invoice that was paid; null where it was an order, and if you may not see it.")
    async def invoice(root: strawberry.Parent[domain.Refund], info: Info) -> LazyInvoice | None:
        return cast("Invoice | None", await info.context.loaders.invoices.load_if(root.invoice_id))

    @strawberry.field(description="What is being refunded; null if you may not see it.")
    async def charge(root: strawberry.Parent[domain.Refund], info: Info) -> LazyCharge | None:
        return cast("Charge | None", await info.context.loaders.charges.load(root.charge_id))


@strawberry.input(description="Which refunds to list; what is left out does not narrow.")
class RefundFilterInput:
    states: list[RefundState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Requested in this span.")

    def to_domain(self) -> RefundFilter:
        since, before = span(given(self.created))
        return RefundFilter(states=words(self.states), created_from=since, created_before=before)


RefundsFilter = Annotated[RefundFilterInput | None, strawberry.argument(description="Which refunds; all by default.")]


@strawberry.type
class RefundQuery:
    @strawberry.field(description="A refund by its id; null when there is none, or it is not yours.")
    async def refund(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the refund, `ref_…`.")]
    ) -> Refund | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("Refund | None", await info.context.loaders.refunds.load(id))

    @listed(BY_ID, description="Refunds; a customer sees their own.")
    def refunds(
        self,
        info: Info,
        filter: RefundsFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Refund] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else RefundFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.refunds.page(request, where, viewer=viewer))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="Money to give back.")
class ChargeRefundInput:
    charge_id: strawberry.ID = strawberry.field(description="Id of the charge, `chg_…`.")
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="How much; left out, all that is left."
    )
    reason: RefundReason | None = strawberry.field(default=strawberry.UNSET, description="Why it is given back.")
    note: str | None = strawberry.field(default=strawberry.UNSET, description="For staff, up to 500 characters.")
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="The refund, or why it was refused.")
class ChargeRefundPayload:
    refund: Refund | None = strawberry.field(default=None, description="The refund as it now is.")
    charge: LazyCharge | None = strawberry.field(default=None, description="The charge as it now is.")
    order: LazyOrder | None = strawberry.field(
        default=None, description="The order as it now is; null of a charge that paid an invoice."
    )
    invoice: LazyInvoice | None = strawberry.field(
        default=None, description="The invoice as it now is; null of a charge that paid an order."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class RefundMutation:
    @strawberry.mutation(
        description="Give money back: all of it or a part, as often as there is something left. For servers and staff."
    )
    async def charge_refund(self, info: Info, input: ChargeRefundInput) -> ChargeRefundPayload | None:
        principal = info.context.principal
        amount = given(input.amount)
        try:
            refunded = await info.context.services.refunds.refund_charge(
                principal,
                RefundCharge(
                    charge_id=input.charge_id,
                    amount=amount.to_domain("amount") if amount else None,
                    reason=given(input.reason),
                    note=given(input.note),
                    request=required_request_of(principal, "chargeRefund", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargeRefundPayload(user_errors=[user_error(error)])
        info.context.changed()
        loaders = info.context.loaders
        charge = await loaders.charges.load(refunded.charge_id)
        return ChargeRefundPayload(
            refund=cast("Refund | None", await loaders.refunds.load(refunded.refund_id)),
            charge=cast("Charge | None", charge),
            order=cast(
                "Order | None", await loaders.orders.load(charge.order_id) if charge and charge.order_id else None
            ),
            invoice=cast("Invoice | None", await loaders.invoices.load_if(charge.invoice_id) if charge else None),
        )
