"""Disputes: what banks take back, and the answers to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import disputes as domain
from domain.errors import PaydeskError
from domain.principals import Permission
from domain.provider import DisputeReason, DisputeState, EvidenceKind
from domain.queries import DisputeFilter, Sort
from domain.services.disputes import AcceptDispute, SubmitEvidence
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_REQUIRED, required_request_of
from schema.listing import BY_ID, SortArgument, TimeSpan, listed, paged, span, words
from schema.money import Money
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
    DisputeState,
    description="How a dispute is doing. The bank decides it, months later.",
    values={
        DisputeState.NEEDS_RESPONSE: "It waits for evidence, or for you to give in, until `respondBy`.",
        DisputeState.UNDER_REVIEW: "The bank weighs what was said.",
        DisputeState.WON: "The money is yours; of an inquiry, that it was closed and no dispute came of it.",
        DisputeState.LOST: "The customer keeps the money. An appeal may open it again.",
        DisputeState.ACCEPTED: "Lost, because you gave in.",
    },
)
described_enum(
    DisputeReason,
    description="What the customer says to their bank. The list grows.",
    values={
        DisputeReason.FRAUDULENT: "That they did not make the payment.",
        DisputeReason.NOT_RECOGNIZED: "That they do not know what it is.",
        DisputeReason.DUPLICATE: "That they paid twice.",
        DisputeReason.AMOUNT_DIFFERS: "That it was another amount.",
        DisputeReason.PRODUCT_NOT_RECEIVED: "That nothing came.",
        DisputeReason.PRODUCT_UNACCEPTABLE: "That it was broken, or not what was promised.",
        DisputeReason.SUBSCRIPTION_CANCELED: "That they had cancelled the subscription.",
        DisputeReason.CREDIT_NOT_PROCESSED: "That a refund was promised and did not come.",
        DisputeReason.GENERAL: "Something else, or nothing.",
    },
)
described_enum(
    EvidenceKind,
    description="What a bank can be told against a dispute. The list grows.",
    values={
        EvidenceKind.PRODUCT_DESCRIPTION: "What was sold, and how it was described.",
        EvidenceKind.CUSTOMER_NAME: "The customer's name.",
        EvidenceKind.CUSTOMER_EMAIL: "The customer's email address.",
        EvidenceKind.CUSTOMER_IP: "The network address from which it was bought.",
        EvidenceKind.BILLING_ADDRESS: "The address of the bill.",
        EvidenceKind.SHIPPING_ADDRESS: "Where it was sent.",
        EvidenceKind.SHIPPING_CARRIER: "Who took it there.",
        EvidenceKind.SHIPPING_DATE: "When it was sent.",
        EvidenceKind.SHIPPING_TRACKING_NUMBER: "Its number with the carrier.",
        EvidenceKind.SERVICE_DATE: "When a service was rendered.",
        EvidenceKind.ACCESS_LOG: "That the customer used it: times, addresses, downloads.",
        EvidenceKind.CANCELLATION_POLICY: "What was agreed about cancelling.",
        EvidenceKind.CANCELLATION_REBUTTAL: "Why the subscription was not cancelled.",
        EvidenceKind.REFUND_POLICY: "What was agreed about refunds.",
        EvidenceKind.REFUND_REFUSAL: "Why no refund is due.",
        EvidenceKind.DUPLICATE_EXPLANATION: "Why two payments are not the same one twice.",
        EvidenceKind.OTHER: "Whatever else there is to say.",
    },
)


@dataclass(frozen=True, slots=True)
class Said:
    """One piece of evidence that was sent."""

    kind: EvidenceKind
    text: str


@strawberry.type(description="Something that the bank was told.")
class DisputeEvidence:
    kind: EvidenceKind = strawberry.field(description="What it is about.")
    text: str = strawberry.field(description="What was said.")


@strawberry.type(
    description="A customer has asked their bank for the money of a charge. The bank takes it at once, and gives it "
    "back when the dispute is won; an inquiry takes none. Lists of them are for servers and staff, empty for customers."
)
class Dispute(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `dsp_…`.")
    state: DisputeState = strawberry.field(description="How it is doing.")
    is_inquiry: bool = strawberry.field(
        description="The bank only asks, and has taken nothing. A dispute may come of it."
    )
    reason: DisputeReason = strawberry.field(description="What the customer says.")
    scheme_code: str | None = strawberry.field(
        description="The card scheme's own code of the reason, such as Visa's 10.4; null where the provider does not "
        "tell it."
    )
    amount: Money = strawberry.field(description="What the customer wants back.")
    withdrawn: Money = strawberry.field(
        description="What the bank has taken of it: nothing for an inquiry, and nothing once it is won."
    )
    respond_by: datetime | None = strawberry.field(
        description="Until when it can be answered; null where the provider sets no time."
    )
    evidence_requested_at: datetime | None = strawberry.field(
        description="Since when evidence is being sent; null when none is."
    )
    evidence_sent_at: datetime | None = strawberry.field(
        description="When the provider took the evidence; null if none was sent."
    )
    acceptance_requested_at: datetime | None = strawberry.field(
        description="Since when it is being accepted; null when it is not."
    )
    accepted_at: datetime | None = strawberry.field(
        description="When the provider took it that you give in; null if you did not, or not here."
    )
    next_check_at: datetime | None = strawberry.field(
        description="When the gateway looks again into a response whose answer was lost; null when it knows."
    )
    opened_at: datetime = strawberry.field(description="When the bank opened it.")
    account: str = strawberry.field(description="The provider account of its charge.")
    created_at: datetime = strawberry.field(description="When the gateway learned of it.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Dispute)

    @strawberry.field(description="The provider's id of the dispute.")
    def provider_ref(root: strawberry.Parent[domain.Dispute]) -> str:
        return root.dispute_ref

    @strawberry.field(
        description="What was sent, for colleagues to read; empty if nothing was, and once its customer was erased."
    )
    def evidence(root: strawberry.Parent[domain.Dispute]) -> list[DisputeEvidence]:
        said = [Said(kind, text) for kind, text in root.evidence.items()]
        return cast("list[DisputeEvidence]", said)

    @strawberry.field(description="The charge that is disputed; null if you may not see it.")
    async def charge(root: strawberry.Parent[domain.Dispute], info: Info) -> LazyCharge | None:
        return cast("Charge | None", await info.context.loaders.charges.load(root.charge_id))


@strawberry.input(description="Which disputes to list; what is left out does not narrow.")
class DisputeFilterInput:
    states: list[DisputeState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")
    account: str | None = strawberry.field(default=strawberry.UNSET, description="Only at this provider account.")
    is_inquiry: bool | None = strawberry.field(default=strawberry.UNSET, description="Only inquiries, or all others.")
    respond_by: TimeSpan | None = strawberry.field(
        default=strawberry.UNSET, description="Only those whose time to answer ends in this span."
    )
    opened: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Opened in this span.")

    def to_domain(self) -> DisputeFilter:
        respond_from, respond_before = span(given(self.respond_by))
        opened_from, opened_before = span(given(self.opened))
        return DisputeFilter(
            states=words(self.states),
            account=given(self.account),
            is_inquiry=given(self.is_inquiry),
            respond_from=respond_from,
            respond_before=respond_before,
            opened_from=opened_from,
            opened_before=opened_before,
        )


DisputesFilter = Annotated[
    DisputeFilterInput | None, strawberry.argument(description="Which disputes; all by default.")
]


@strawberry.type
class DisputeQuery:
    @strawberry.field(
        description="A dispute by its id; null when there is none. For servers and staff, null for customers."
    )
    async def dispute(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the dispute, `dsp_…`.")]
    ) -> Dispute | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("Dispute | None", await info.context.loaders.disputes.load(id))

    @listed(BY_ID, description="Disputes. For servers and staff, empty for customers.")
    def disputes(
        self,
        info: Info,
        filter: DisputesFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Dispute] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else DisputeFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.disputes.page(request, where, viewer=viewer))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="Something that the bank should know.")
class DisputeEvidenceInput:
    kind: EvidenceKind = strawberry.field(description="What it is about; each kind once.")
    text: str = strawberry.field(description="What there is to say; 20,000 characters at most.")


@strawberry.input(description="Evidence against a dispute.")
class DisputeSubmitEvidenceInput:
    dispute_id: strawberry.ID = strawberry.field(description="Which dispute; it has to be NEEDS_RESPONSE.")
    evidence: list[DisputeEvidenceInput] = strawberry.field(
        description="All that there is to say, for most banks listen once; 150,000 characters at most in all."
    )
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)

    def said(self) -> Sequence[tuple[EvidenceKind, str]]:
        return [(each.kind, each.text) for each in self.evidence]


@strawberry.input(description="A dispute to be given up.")
class DisputeAcceptInput:
    dispute_id: strawberry.ID = strawberry.field(
        description="Which dispute; it has to be NEEDS_RESPONSE, and no inquiry."
    )
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="The dispute with its charge and order, or why it was refused.")
class DisputePayload:
    dispute: Dispute | None = strawberry.field(default=None, description="The dispute as it now is.")
    charge: LazyCharge | None = strawberry.field(default=None, description="The charge as it now is.")
    order: LazyOrder | None = strawberry.field(
        default=None, description="The order as it now is; null of a charge that paid an invoice."
    )
    invoice: LazyInvoice | None = strawberry.field(
        default=None, description="The invoice as it now is; null of a charge that paid an order."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class DisputeMutation:
    @strawberry.mutation(
        description="Tell the bank why the money is yours. It cannot be taken back or added to. While it takes longer "
        "than the deployment waits, `evidenceRequestedAt` is set. For servers and staff."
    )
    async def dispute_submit_evidence(self, info: Info, input: DisputeSubmitEvidenceInput) -> DisputePayload | None:
        principal = info.context.principal
        try:
            dispute_id = await info.context.services.disputes.submit_evidence(
                principal,
                SubmitEvidence(
                    dispute_id=input.dispute_id,
                    evidence=input.said(),
                    request=required_request_of(principal, "disputeSubmitEvidence", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return DisputePayload(user_errors=[user_error(error)])
        return await _payload(info, dispute_id)

    @strawberry.mutation(
        description="Give in: the customer keeps the money, for good. While it takes longer than the deployment waits, "
        "`acceptanceRequestedAt` is set. For servers and staff."
    )
    async def dispute_accept(self, info: Info, input: DisputeAcceptInput) -> DisputePayload | None:
        principal = info.context.principal
        try:
            dispute_id = await info.context.services.disputes.accept(
                principal,
                AcceptDispute(
                    dispute_id=input.dispute_id,
                    request=required_request_of(principal, "disputeAccept", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return DisputePayload(user_errors=[user_error(error)])
        return await _payload(info, dispute_id)


async def _payload(info: Info, dispute_id: str) -> DisputePayload:
    info.context.changed()
    loaders = info.context.loaders
    dispute = await loaders.disputes.load(dispute_id)
    charge = await loaders.charges.load(dispute.charge_id) if dispute else None
    return DisputePayload(
        dispute=cast("Dispute | None", dispute),
        charge=cast("Charge | None", charge),
        order=cast("Order | None", await loaders.orders.load(charge.order_id) if charge and charge.order_id else None),
        invoice=cast("Invoice | None", await loaders.invoices.load_if(charge.invoice_id) if charge else None),
    )
