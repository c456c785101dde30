"""Charges."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import charges as domain
from domain.charges import ChargeState, FailureCode
from domain.declines import DeclineAdvice, DeclineCode, told_to_customer
from domain.errors import PaydeskError
from domain.principals import Permission
from domain.provider import CaptureMode, Initiator
from domain.queries import ChargeFilter, ChargeSort, DecisionFilter, DisputeFilter, RefundFilter, Sort
from domain.services.captures import CaptureCharge
from domain.services.charges import Charged, ChargeOrder, ContinueCharge, NewCard
from domain.services.voids import VoidCharge
from schema.actions import NextAction
from schema.context import Info
from schema.decisions import Decision, DecisionsFilter
from schema.described import described_enum
from schema.disputes import Dispute, DisputesFilter
from schema.errors import UserError, user_error
from schema.inputs import CLIENT_ADDRESS, KEY_REQUIRED, network_of_customer, required_request_of
from schema.listing import BY_ID, CHARGES, SortArgument, TimeSpan, listed, paged, span, words
from schema.money import Money, MoneyInput
from schema.pagination import Connection, given
from schema.payment_methods import FROM_CARD_FORM, RETURN_URL, PaymentMethod
from schema.refunds import Refund, RefundsFilter
from schema.reviews import Review
from schema.scalars import URL
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.customers import Customer
    from schema.invoices import Invoice
    from schema.orders import Order

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.customers")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("schema.invoices")]
LazyOrder = Annotated["Order", strawberry.lazy("schema.orders")]

described_enum(
    ChargeState,
    description="What became of a charge. PENDING, REQUIRES_ACTION, AUTHORIZED and UNKNOWN may still change.",
    values={
        ChargeState.PENDING: "The provider has been asked, and may take days to decide.",
        ChargeState.REQUIRES_ACTION: "The customer has to confirm it; see `nextAction`.",
        ChargeState.AUTHORIZED: "The amount is held on the card, not taken yet.",
        ChargeState.SUCCEEDED: "The money is taken.",
        ChargeState.DECLINED: "The bank said no; see `declineCode`, `message` and `advice`.",
        ChargeState.FAILED: "It did not happen, for a reason that is not the bank's; see `failureCode`.",
        ChargeState.VOIDED: "It was called off before the money was taken.",
        ChargeState.EXPIRED: "The customer did not confirm it in time, or the hold lapsed.",
        ChargeState.UNKNOWN: "The provider's answer was lost; the gateway is finding out. See `nextCheckAt`.",
    },
)
described_enum(
    Initiator,
    description="Who started the charge.",
    values={
        Initiator.CUSTOMER: "The customer, who is present and can confirm.",
        Initiator.RECURRING: "You, for something that the customer pays regularly.",
        Initiator.UNSCHEDULED: "You, for something agreed on, at no fixed time.",
        Initiator.INSTALMENT: "You, for a part of a larger sum.",
    },
)
described_enum(
    CaptureMode,
    description="When the money of a charge is taken.",
    values={
        CaptureMode.AUTOMATIC: "As soon as the bank agrees.",
        CaptureMode.MANUAL: "By `chargeCapture`, until when it is held on the card.",
    },
)


@strawberry.type(description="One wish to take the money of an order or an invoice, and what became of it.")
class Charge(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `chg_…`.")
    state: ChargeState = strawberry.field(description="What became of it.")
    amount: Money = strawberry.field(description="What was asked for: what was due of the order or invoice.")
    capture_mode: CaptureMode = strawberry.field(description="Whether the money is taken at once, or by a capture.")
    authorized: Money = strawberry.field(description="The most that was held on the card, or taken, at some time.")
    capturable: Money = strawberry.field(description="What `chargeCapture` can take now.")
    capture_requested: Money | None = strawberry.field(
        description="What a capture is to take; null before, and again when the capture came to nothing."
    )
    void_requested_at: datetime | None = strawberry.field(
        description="Since when the charge is being called off; null when it is not, and when that is over."
    )
    capture_before: datetime | None = strawberry.field(
        description="Until when an AUTHORIZED charge can be captured; then it is EXPIRED, and the hold released. Null "
        "unless it is AUTHORIZED."
    )
    captured: Money = strawberry.field(description="What was taken so far; zero before.")
    released: Money = strawberry.field(description="What was held and will not be taken.")
    refunded: Money = strawberry.field(description="What went back so far; refunds under way do not count.")
    refundable: Money = strawberry.field(
        description="What can still be refunded; refunds under way, and what a dispute has taken, count as gone."
    )
    initiator: Initiator = strawberry.field(description="Who started it.")
    account: str = strawberry.field(description="The provider account it was made at; refunds go back there.")
    next_action: NextAction | None = strawberry.field(
        description="What the customer has to do; null unless the state is REQUIRES_ACTION."
    )
    action_expires_at: datetime | None = strawberry.field(
        description="Until when the customer can do it; null unless there is a `nextAction`."
    )
    failure_code: FailureCode | None = strawberry.field(description="Why it failed; null unless the state is FAILED.")
    next_check_at: datetime | None = strawberry.field(
        description="When the gateway looks into an unknown outcome again; null when it knows."
    )
    created_at: datetime = strawberry.field(description="When it was requested.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Charge)

    @strawberry.field(
        description="Why the bank said no; null unless the state is DECLINED. A customer never reads that fraud or "
        "theft is suspected."
    )
    def decline_code(root: strawberry.Parent[domain.Charge], info: Info) -> DeclineCode | None:
        return root.decline_code if info.context.viewer.sees_all else told_to_customer(root.decline_code)

    @strawberry.field(description="Why it was declined or failed, in words for the customer, in English; else null.")
    def message(root: strawberry.Parent[domain.Charge]) -> str | None:
        if root.decline:
            return root.decline.message
        return _FAILURE_MESSAGES[root.failure_code] if root.failure_code else None

    @strawberry.field(description="What to do about a decline; null unless the state is DECLINED.")
    def advice(root: strawberry.Parent[domain.Charge]) -> DeclineAdvice | None:
        return root.decline.advice if root.decline else None

    @strawberry.field(
        description="Why a person should look at it; null when nobody has to. For servers and staff, null for "
        "customers."
    )
    def review(root: strawberry.Parent[domain.Charge], info: Info) -> Review | None:
        return cast("Review | None", root.review) if info.context.viewer.sees_all else None

    @strawberry.field(
        description="All reasons for which a person should look at it, the oldest first; `chargeReviewClose` closes "
        "one. For servers and staff, empty for customers."
    )
    def reviews(root: strawberry.Parent[domain.Charge], info: Info) -> list[Review]:
        return list(root.reviews) if info.context.viewer.sees_all else []  # type: ignore[arg-type]  # rows of the domain

    @listed(
        BY_ID, description="What people decided about it and its refunds. For servers and staff, empty for customers."
    )
    def decisions(
        root: strawberry.Parent[domain.Charge],
        info: Info,
        filter: DecisionsFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Decision]:
        where = filter.to_domain() if filter else DecisionFilter()
        return paged(lambda request: info.context.loaders.decisions_of_charge.load(root.id, request, where))

    @strawberry.field(
        description="What banks have taken of it, for disputes that are open or lost. For servers and staff, null for "
        "customers."
    )
    def disputed(root: strawberry.Parent[domain.Charge], info: Info) -> Money | None:
        return cast("Money | None", root.disputed) if info.context.viewer.sees_all else None

    @listed(BY_ID, description="What banks say against it. For servers and staff, empty for customers.")
    def disputes(
        root: strawberry.Parent[domain.Charge],
        info: Info,
        filter: DisputesFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Dispute]:
        where = filter.to_domain() if filter else DisputeFilter()
        return paged(lambda request: info.context.loaders.disputes_of_charge.load(root.id, request, where))

    @strawberry.field(
        description="The issuer's own code; null where the provider does not tell it. For servers and staff, null "
        "for customers."
    )
    def issuer_code(root: strawberry.Parent[domain.Charge], info: Info) -> str | None:
        return root.issuer_code if info.context.viewer.sees_all else None

    @strawberry.field(
        description="The provider's raw code of a failure; null without one. For servers and staff, null for customers."
    )
    def provider_code(root: strawberry.Parent[domain.Charge], info: Info) -> str | None:
        return root.provider_code if info.context.viewer.sees_all else None

    @strawberry.field(
        description="What the provider said of a failure; null if nothing. For servers and staff, null for customers."
    )
    def provider_message(root: strawberry.Parent[domain.Charge], info: Info) -> str | None:
        return root.provider_message if info.context.viewer.sees_all else None

    @strawberry.field(
        description="The provider's id of the charge; null until it gives one. For servers and staff, null for "
        "customers."
    )
    def provider_ref(root: strawberry.Parent[domain.Charge], info: Info) -> str | None:
        return root.charge_ref if info.context.viewer.sees_all else None

    @strawberry.field(description="The invoice that is paid; null where it is an order, and if you may not see it.")
    async def invoice(root: strawberry.Parent[domain.Charge], info: Info) -> LazyInvoice | None:
        return cast("Invoice | None", await info.context.loaders.invoices.load_if(root.invoice_id))

    @strawberry.field(description="The order that is paid; null where it is an invoice, and if you may not see it.")
    async def order(root: strawberry.Parent[domain.Charge], info: Info) -> LazyOrder | None:
        return cast("Order | None", await info.context.loaders.orders.load(root.order_id) if root.order_id else None)

    @strawberry.field(description="The customer who pays; null if you may not see them.")
    async def customer(root: strawberry.Parent[domain.Charge], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))

    @strawberry.field(description="What is charged; null if you may not see it.")
    async def payment_method(root: strawberry.Parent[domain.Charge], info: Info) -> PaymentMethod | None:
        return cast("PaymentMethod | None", await info.context.loaders.payment_methods.load(root.payment_method_id))

    @listed(BY_ID, description="What was given back of it.")
    def refunds(
        root: strawberry.Parent[domain.Charge],
        info: Info,
        filter: RefundsFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Refund]:
        where = filter.to_domain() if filter else RefundFilter()
        return paged(lambda request: info.context.loaders.refunds_of_charge.load(root.id, request, where))


_FAILURE_MESSAGES: dict[FailureCode, str] = {
    FailureCode.PROVIDER_UNAVAILABLE: "The payment could not be sent just now. Nothing was charged; please try again.",
    FailureCode.PROVIDER_REFUSED: "The payment could not be made. Nothing was charged.",
    FailureCode.NOT_APPLIED: "The payment did not go through. Nothing was charged; please try again.",
}


@strawberry.input(description="Which charges to list; what is left out does not narrow.")
class ChargeFilterInput:
    states: list[ChargeState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")
    in_review: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Those that a person should look at, or the others."
    )
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Requested in this span.")

    def to_domain(self) -> ChargeFilter:
        since, before = span(given(self.created))
        return ChargeFilter(
            states=words(self.states), in_review=given(self.in_review), created_from=since, created_before=before
        )


ChargesFilter = Annotated[ChargeFilterInput | None, strawberry.argument(description="Which charges; all by default.")]
ChargesSort = Annotated[ChargeSort, strawberry.argument(description="How the list is sorted.")]


@strawberry.type
class ChargeQuery:
    @strawberry.field(description="A charge by its id; null when there is none, or it is not yours.")
    async def charge(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the charge, `chg_…`.")]
    ) -> Charge | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("Charge | None", await info.context.loaders.charges.load(id))

    @listed(CHARGES, description="Charges; a customer sees their own.")
    def charges(
        self,
        info: Info,
        filter: ChargesFilter = strawberry.UNSET,
        sort: ChargesSort = ChargeSort.NEWEST,
    ) -> Connection[Charge] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else ChargeFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.charges.page(request, where, viewer=viewer))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A card that the provider's form has just read, charged without having been stored.")
class NewCardInput:
    token: str = strawberry.field(description=FROM_CARD_FORM)
    store: bool = strawberry.field(
        description="Whether it is stored once the money is taken or held, for further payments also without the "
        "customer. Ask them first. Else it is charged this once, and its payment method is DETACHED then."
    )
    make_default: bool = strawberry.field(
        default=False,
        description="With `store`: charge it when a payment names none. A customer's first card becomes that anyway.",
    )

    def to_domain(self) -> NewCard:
        return NewCard(token=self.token, store=self.store, make_default=self.make_default)


@strawberry.input(description="An order to be paid.")
class OrderChargeInput:
    order_id: strawberry.ID = strawberry.field(description="Which order. An open one is placed by this.")
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="With what; left out, `newCard`, or else the customer's default."
    )
    new_card: NewCardInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="Instead of a payment method: a card that is not stored yet. Only while its owner is there.",
    )
    initiator: Initiator = strawberry.field(
        default=Initiator.CUSTOMER, description="Who starts it. Anything but CUSTOMER is for servers."
    )
    capture: CaptureMode | None = strawberry.field(
        default=strawberry.UNSET,
        description="MANUAL holds the amount; `chargeCapture` takes it, `chargeVoid` releases it. Left out, as the "
        "deployment is set (`PAYDESK_CAPTURE`). Only for those who may capture.",
    )
    return_url: URL | None = strawberry.field(default=strawberry.UNSET, description=RETURN_URL)
    version: int | None = strawberry.field(
        default=strawberry.UNSET, description="Refuse (STALE_VERSION) unless the order is at this version."
    )
    client_address: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_ADDRESS)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.input(description="A charge whose customer has come back.")
class ChargeContinueInput:
    charge_id: strawberry.ID = strawberry.field(description="Id of the charge, `chg_…`.")
    token: str | None = strawberry.field(
        default=strawberry.UNSET, description="What the provider's SDK gave after the confirmation, where it gives any."
    )
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.input(description="A charge whose money is to be taken now.")
class ChargeCaptureInput:
    charge_id: strawberry.ID = strawberry.field(description="Which charge; it has to be AUTHORIZED.")
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="How much; left out, all that is held. The rest is released: there is one capture a charge.",
    )
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.input(description="A charge to be called off.")
class ChargeVoidInput:
    charge_id: strawberry.ID = strawberry.field(description="Which charge; it has to be AUTHORIZED or REQUIRES_ACTION.")
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(
    description="The charge with its order or invoice, or why it was refused. A decline is no refusal: the charge is "
    "DECLINED."
)
class ChargePayload:
    charge: Charge | None = strawberry.field(
        default=None, description="The charge as it now is; null also when there was nothing to pay."
    )
    order: LazyOrder | None = strawberry.field(
        default=None, description="The order as it now is; null of a charge that pays an invoice."
    )
    invoice: LazyInvoice | None = strawberry.field(
        default=None, description="The invoice as it now is; null of a charge that pays an order."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class ChargeMutation:
    @strawberry.mutation(
        description="Take what is due of an order. Go by the `state` of the charge: a decline is no user error but a "
        "charge that is DECLINED, with `advice`; REQUIRES_ACTION has a `nextAction` for the customer. A charge that "
        "takes longer than the deployment waits is PENDING and goes on by itself."
    )
    async def order_charge(self, info: Info, input: OrderChargeInput) -> ChargePayload | None:
        principal = info.context.principal
        card = given(input.new_card)
        try:
            charged = await info.context.services.charges.charge_order(
                principal,
                ChargeOrder(
                    order_id=input.order_id,
                    payment_method_id=given(input.payment_method_id),
                    new_card=card.to_domain() if card else None,
                    initiator=input.initiator,
                    capture=given(input.capture),
                    return_url=given(input.return_url),
                    version=given(input.version),
                    network=network_of_customer(info.context, input.client_address),
                    request=required_request_of(principal, "orderCharge", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargePayload(user_errors=[user_error(error)])
        return await payload_of(info, charged)

    @strawberry.mutation(description="After the customer confirmed or refused: learn what became of the charge.")
    async def charge_continue(self, info: Info, input: ChargeContinueInput) -> ChargePayload | None:
        principal = info.context.principal
        try:
            charged = await info.context.services.charges.continue_charge(
                principal,
                ContinueCharge(
                    charge_id=input.charge_id,
                    token=given(input.token),
                    request=required_request_of(principal, "chargeContinue", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargePayload(user_errors=[user_error(error)])
        return await payload_of(info, charged)

    @strawberry.mutation(
        description="Take the money that an AUTHORIZED charge holds. While it takes longer than the deployment waits, "
        "the charge stays AUTHORIZED with `captureRequested` set."
    )
    async def charge_capture(self, info: Info, input: ChargeCaptureInput) -> ChargePayload | None:
        principal = info.context.principal
        try:
            amount = given(input.amount)
            captured = await info.context.services.captures.capture(
                principal,
                CaptureCharge(
                    charge_id=input.charge_id,
                    amount=amount.to_domain("amount") if amount else None,
                    request=required_request_of(principal, "chargeCapture", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargePayload(user_errors=[user_error(error)])
        return await payload_of(info, captured)

    @strawberry.mutation(
        description="Call off a charge that has taken no money, and release what it holds. Where it was too late, that "
        "is CHARGE_NOT_VOIDABLE: refund it. While it takes longer than the deployment waits, `voidRequestedAt` is set."
    )
    async def charge_void(self, info: Info, input: ChargeVoidInput) -> ChargePayload | None:
        principal = info.context.principal
        try:
            voided = await info.context.services.voids.void(
                principal,
                VoidCharge(
                    charge_id=input.charge_id,
                    request=required_request_of(principal, "chargeVoid", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargePayload(user_errors=[user_error(error)])
        return await payload_of(info, voided)


async def payload_of(info: Info, charged: Charged) -> ChargePayload:
    info.context.changed()
    loaders = info.context.loaders
    charge = await loaders.charges.load(charged.charge_id) if charged.charge_id else None
    return ChargePayload(
        charge=cast("Charge | None", charge),
        order=cast("Order | None", await loaders.orders.load(charged.order_id) if charged.order_id else None),
        invoice=cast("Invoice | None", await loaders.invoices.load_if(charged.invoice_id)),
    )
