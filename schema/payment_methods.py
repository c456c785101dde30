"""Payment methods, and the session that a provider's card form is opened with."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import payment_methods as domain
from domain.declines import DECLINES, DeclineCode, told_to_customer
from domain.errors import PaydeskError
from domain.payment_methods import PaymentMethodState
from domain.provider import CardBrand
from domain.queries import PaymentMethodFilter
from domain.services.payment_methods import AttachPaymentMethod
from schema.actions import NextAction
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import CLIENT_ADDRESS, KEY_OPTIONAL, network_of_customer, request_of
from schema.listing import words
from schema.pagination import given
from schema.scalars import URL
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.customers import Customer

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.customers")]

described_enum(
    PaymentMethodState,
    description="What may be done with a payment method.",
    values={
        PaymentMethodState.PENDING: "Handed to the provider, whose answer is not known yet.",
        PaymentMethodState.REQUIRES_ACTION: "Its owner has to confirm it; see `nextAction`.",
        PaymentMethodState.ACTIVE: "Can be charged.",
        PaymentMethodState.FAILED: "Refused; see `message`.",
        PaymentMethodState.DETACHED: "Removed, or charged once without being stored; it can never be charged again.",
    },
)
described_enum(
    CardBrand,
    description="The brand on the card. The list grows.",
    values={
        CardBrand.VISA: "Visa.",
        CardBrand.MASTERCARD: "Mastercard.",
        CardBrand.AMERICAN_EXPRESS: "American Express.",
        CardBrand.DISCOVER: "Discover.",
        CardBrand.DINERS_CLUB: "Diners Club.",
        CardBrand.JCB: "JCB.",
        CardBrand.UNIONPAY: "UnionPay.",
        CardBrand.OTHER: "Another brand, or one that the provider does not tell.",
    },
)


@strawberry.type(description="What may be shown of a card.")
class Card:
    brand: CardBrand = strawberry.field(description="Brand of the card, such as VISA.")
    last4: str = strawberry.field(description="The last four digits, as text.")
    expiry_month: int = strawberry.field(description="Month in which it expires, 1 to 12.")
    expiry_year: int = strawberry.field(description="Year in which it expires, four digits.")


@strawberry.type(description="A card that a customer has stored with the provider.")
class PaymentMethod(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `pm_…`.")
    state: PaymentMethodState = strawberry.field(description="What may be done with it.")
    card: Card | None = strawberry.field(description="What may be shown of the card; null until the provider tells it.")
    next_action: NextAction | None = strawberry.field(
        description="What its owner has to do; null unless the state is REQUIRES_ACTION."
    )
    account: str = strawberry.field(description="The provider account that keeps it.")
    created_at: datetime = strawberry.field(description="When it was handed over.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.PaymentMethod)

    @strawberry.field(
        description="Why the bank refused it; null unless it did. A customer never reads that fraud or theft is "
        "suspected."
    )
    def decline_code(root: strawberry.Parent[domain.PaymentMethod], info: Info) -> DeclineCode | None:
        return root.decline_code if info.context.viewer.sees_all else told_to_customer(root.decline_code)

    @strawberry.field(
        description="Why it failed, in words for the customer, in English; null unless the state is FAILED."
    )
    def message(root: strawberry.Parent[domain.PaymentMethod]) -> str | None:
        if root.state is not PaymentMethodState.FAILED:
            return None
        if root.decline_code:
            return DECLINES[root.decline_code].message
        return "The card could not be stored. Please enter it again or use another card."

    @strawberry.field(
        description="Why the provider refused it, in its words; null unless it did. For servers and staff, null for "
        "customers."
    )
    def provider_message(root: strawberry.Parent[domain.PaymentMethod], info: Info) -> str | None:
        return root.failure_message if info.context.viewer.sees_all else None

    @strawberry.field(description="Whether it is charged when a payment names none.")
    async def is_default(root: strawberry.Parent[domain.PaymentMethod], info: Info) -> bool:
        customer = await info.context.loaders.customers.load(root.customer_id)
        return customer is not None and customer.default_payment_method_id == root.id

    @strawberry.field(description="Whose it is; null if you may not see them.")
    async def customer(root: strawberry.Parent[domain.PaymentMethod], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))


@strawberry.input(description="Which payment methods to list; what is left out does not narrow.")
class PaymentMethodFilterInput:
    states: list[PaymentMethodState] | None = strawberry.field(
        default=strawberry.UNSET, description="Only in these states."
    )

    def to_domain(self) -> PaymentMethodFilter:
        return PaymentMethodFilter(states=words(self.states))


# --- mutations ------------------------------------------------------------------------------------------------------

_CUSTOMER_ID = "Whose; left out by a customer, who means themselves."
FROM_CARD_FORM = (
    "What the provider's card form gave to your client: never a card number. With the fake provider, "
    "`tok_visa` and its like, or a token of its tokenizer."
)
RETURN_URL = "Where the customer comes back to after a confirmation; its origin has to be on the deployment's list."


@strawberry.input(description="The customer whose card form is to be opened.")
class ClientSessionCreateInput:
    customer_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=_CUSTOMER_ID)


@strawberry.type(description="What the provider's own card form on web, iOS or Android is opened with.")
class ClientSession:
    secret: str = strawberry.field(description="Hand it to the provider's SDK; do not store or log it.")
    publishable_key: str | None = strawberry.field(
        description="The provider's public key; null where its SDK wants none."
    )
    tokenizer_url: URL | None = strawberry.field(
        description="Where test cards become tokens; null but with the fake provider."
    )
    expires_at: datetime | None = strawberry.field(
        description="Until when the session can be used; null if it has no end."
    )


@strawberry.type(description="The session, or why it was refused.")
class ClientSessionPayload:
    client_session: ClientSession | None = strawberry.field(
        default=None, description="What the card form is opened with."
    )
    provider: str | None = strawberry.field(default=None, description="Whose card form to open: `fake`, `stripe`, …")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.input(description="A card to store for a customer.")
class PaymentMethodAttachInput:
    customer_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=_CUSTOMER_ID)
    token: str = strawberry.field(description=FROM_CARD_FORM)
    make_default: bool = strawberry.field(
        default=False, description="Charge it when a payment names none. A customer's first card becomes that anyway."
    )
    return_url: URL | None = strawberry.field(default=strawberry.UNSET, description=RETURN_URL)
    client_address: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_ADDRESS)
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A payment method whose owner has come back.")
class PaymentMethodContinueInput:
    payment_method_id: strawberry.ID = strawberry.field(description="Id of the payment method, `pm_…`.")


@strawberry.input(description="A payment method to remove.")
class PaymentMethodDetachInput:
    payment_method_id: strawberry.ID = strawberry.field(description="Id of the payment method, `pm_…`.")


@strawberry.input(description="The payment method to charge when a payment names none.")
class PaymentMethodSetDefaultInput:
    payment_method_id: strawberry.ID = strawberry.field(
        description="Id of the payment method, `pm_…`; it has to be ACTIVE."
    )


@strawberry.type(description="The payment method, or why it was refused. A card that the bank refuses is FAILED.")
class PaymentMethodPayload:
    payment_method: PaymentMethod | None = strawberry.field(default=None, description="As it now is.")
    customer: LazyCustomer | None = strawberry.field(
        default=None, description="Whose it is; null if you may not see them."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class PaymentMethodMutation:
    @strawberry.mutation(description="Open the provider's card form for a customer.")
    async def client_session_create(self, info: Info, input: ClientSessionCreateInput) -> ClientSessionPayload | None:
        services = info.context.services
        try:
            session = await services.accounts.client_session(info.context.principal, given(input.customer_id))
        except PaydeskError as error:
            return ClientSessionPayload(user_errors=[user_error(error)])
        return ClientSessionPayload(
            client_session=cast("ClientSession", session), provider=services.providers.default.name
        )

    @strawberry.mutation(description="Store a card for a customer.")
    async def payment_method_attach(self, info: Info, input: PaymentMethodAttachInput) -> PaymentMethodPayload | None:
        try:
            attached = await info.context.services.payment_methods.attach(
                info.context.principal,
                AttachPaymentMethod(
                    customer_id=given(input.customer_id),
                    token=input.token,
                    make_default=input.make_default,
                    return_url=given(input.return_url),
                    network=network_of_customer(info.context, input.client_address),
                    request=request_of(info.context.principal, "paymentMethodAttach", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return PaymentMethodPayload(user_errors=[user_error(error)])
        return await _payload(info, attached.payment_method_id, attached.customer_id)

    @strawberry.mutation(description="After its owner confirmed a card, or refused to: learn what became of it.")
    async def payment_method_continue(
        self, info: Info, input: PaymentMethodContinueInput
    ) -> PaymentMethodPayload | None:
        try:
            proceeded = await info.context.services.payment_methods.proceed(
                info.context.principal, input.payment_method_id
            )
        except PaydeskError as error:
            return PaymentMethodPayload(user_errors=[user_error(error)])
        return await _payload(info, proceeded.payment_method_id, proceeded.customer_id)

    @strawberry.mutation(description="Remove a card. Old charges keep it and stay refundable.")
    async def payment_method_detach(self, info: Info, input: PaymentMethodDetachInput) -> PaymentMethodPayload | None:
        try:
            detached = await info.context.services.payment_methods.detach(
                info.context.principal, input.payment_method_id
            )
        except PaydeskError as error:
            return PaymentMethodPayload(user_errors=[user_error(error)])
        return await _payload(info, detached.payment_method_id, detached.customer_id)

    @strawberry.mutation(description="Choose the card that is charged when a payment names none.")
    async def payment_method_set_default(
        self, info: Info, input: PaymentMethodSetDefaultInput
    ) -> PaymentMethodPayload | None:
        try:
            chosen = await info.context.services.payment_methods.set_default(
                info.context.principal, input.payment_method_id
            )
        except PaydeskError as error:
            return PaymentMethodPayload(user_errors=[user_error(error)])
        return await _payload(info, chosen.payment_method_id, chosen.customer_id)


async def _payload(info: Info, payment_method_id: str, customer_id: str) -> PaymentMethodPayload:
    info.context.changed()
    loaders = info.context.loaders
    return PaymentMethodPayload(
        payment_method=cast("PaymentMethod | None", await loaders.payment_methods.load(payment_method_id)),
        customer=cast("Customer | None", await loaders.customers.load(customer_id)),
    )
