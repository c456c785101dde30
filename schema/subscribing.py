"""Subscribing: a preview, and the mutation that makes what it shows."""

from datetime import datetime
from typing import Annotated, cast

import strawberry

from domain import periods
from domain.errors import PaydeskError
from domain.provider import Initiator
from domain.services.charges import NewCard
from domain.services.subscriptions import (
    CreateSubscription,
    NextBill,
    PreviewedSubscription,
    WantedPrice,
    WantedSubscription,
)
from domain.subscriptions import SubscriptionState
from schema.context import Info
from schema.errors import UserError, user_error
from schema.inputs import CLIENT_ADDRESS, KEY_REQUIRED, network_of_customer, required_request_of
from schema.invoices import InvoiceLine, Period
from schema.money import Money
from schema.pagination import given
from schema.payment_methods import FROM_CARD_FORM, RETURN_URL
from schema.previews import InvoicePreview
from schema.scalars import URL, Metadata
from schema.subscriptions import PlanSubscription


@strawberry.input(description="A price to subscribe to.")
class SubscriptionItemInput:
    price_id: strawberry.ID = strawberry.field(description="A recurring price that is offered.")
    quantity: int = strawberry.field(default=1, description="How many, 1 to 1,000,000.")


@strawberry.input(description="The day on which periods begin, at midnight, whenever the subscription did.")
class AnchorDayInput:
    day: int = strawberry.field(
        description="Of weeks from 1, Monday, to 7; else from 1 to 31, which in a shorter month is its last day."
    )
    month: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="From 1 to 12: of periods longer than a month, in which they begin. For years it has to be told.",
    )


@strawberry.input(
    description="A card that the provider's form has just read. It pays the first invoice, and is stored."
)
class SubscriptionCardInput:
    token: str = strawberry.field(description=FROM_CARD_FORM)
    make_default: bool = strawberry.field(
        default=False,
        description="Charge it too when another payment names none. A customer's first card becomes that anyway.",
    )


@strawberry.input(description="What somebody would subscribe to.")
class SubscriptionPreviewInput:
    customer_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Who; left out by a customer, who means themselves."
    )
    items: list[SubscriptionItemInput] = strawberry.field(
        description="From 1 to 20, of one interval and currency, each price once."
    )
    trial_days: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="For how many days it is used for nothing at first, 730 at most, or 0. Left out, the shortest "
        "trial that its prices have, once a customer and product. Only the shop says so.",
    )
    trial_ends_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="Until when it is used for nothing at first, instead of `trialDays`. Only the shop says so.",
    )
    starts_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it starts; left out, now. Later, nothing is billed before. Earlier, all periods since then "
        "are billed at once with one invoice, 120 at most; only the shop says so.",
    )
    anchor_day: AnchorDayInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="On which day periods begin; the first part up to it costs its share. Left out, the day on which "
        "the first one does.",
    )
    time_zone: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="In which periods begin, such as `Europe/Berlin`; left out, that of the issuer.",
    )
    cancel_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it ends by itself; left out, it goes on until somebody ends it."
    )
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="What pays it; left out, the customer's default, whichever that is."
    )
    metadata: Metadata | None = strawberry.field(
        default=strawberry.UNSET, description="Your own keys and values. Only the shop says so."
    )

    def wanted(self) -> WantedSubscription:
        anchor_day = given(self.anchor_day)
        return WantedSubscription(
            customer_id=given(self.customer_id),
            items=[WantedPrice(price_id=item.price_id, quantity=item.quantity) for item in self.items],
            trial_days=given(self.trial_days),
            trial_ends_at=given(self.trial_ends_at),
            starts_at=given(self.starts_at),
            anchor_day=periods.AnchorDay(anchor_day.day, given(anchor_day.month)) if anchor_day else None,
            time_zone=given(self.time_zone),
            cancel_at=given(self.cancel_at),
            payment_method_id=given(self.payment_method_id),
            metadata=given(self.metadata),
        )


@strawberry.input(description="A new subscription.")
class SubscriptionCreateInput(SubscriptionPreviewInput):
    new_card: SubscriptionCardInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="Instead of a payment method: a card that is not stored yet. It pays the first invoice, so only "
        "where there is one, while its owner is there; it becomes the subscription's.",
    )
    initiator: Initiator = strawberry.field(
        default=Initiator.CUSTOMER,
        description="Who starts the first payment. Anything but CUSTOMER is for servers: RECURRING, where a customer "
        "who is not there has agreed to it.",
    )
    return_url: URL | None = strawberry.field(default=strawberry.UNSET, description=RETURN_URL)
    client_address: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_ADDRESS)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


# --- what it would be -------------------------------------------------------------------------------------------------


@strawberry.type(description="What a period will ask for that was not billed yet, as things stand.")
class NextBillPreview:
    total: Money = strawberry.field(description="The sum of the lines; balances and what waits are not counted.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, NextBill)

    @strawberry.field(description="The span that it is for; it is billed when it begins.")
    def period(root: strawberry.Parent[NextBill]) -> Period:
        return Period(starts_at=root.period.start, ends_at=root.period.end)

    @strawberry.field(description="What it will ask for.")
    def lines(root: strawberry.Parent[NextBill]) -> list[InvoiceLine]:
        return cast("list[InvoiceLine]", list(root.lines))


@strawberry.type(description="What would be made of a subscription at this moment.")
class SubscriptionPreview:
    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, PreviewedSubscription)

    @strawberry.field(description="How it would begin: INCOMPLETE where something has to be paid first.")
    def state(root: strawberry.Parent[PreviewedSubscription]) -> SubscriptionState:
        return root.subscription.state

    @strawberry.field(description="When it would start.")
    def starts_at(root: strawberry.Parent[PreviewedSubscription]) -> datetime:
        return root.subscription.starts_at

    @strawberry.field(description="When its trial would end; null when it would have none.")
    def trial_ends_at(root: strawberry.Parent[PreviewedSubscription]) -> datetime | None:
        return root.subscription.trial_ends_at

    @strawberry.field(description="The invoice that would be made; null when nothing is to be billed yet.")
    def invoice(root: strawberry.Parent[PreviewedSubscription]) -> InvoicePreview | None:
        return cast("InvoicePreview | None", root.drafted)

    @strawberry.field(description="What it would ask for after that; null when it would end before.")
    def next_bill(root: strawberry.Parent[PreviewedSubscription]) -> NextBillPreview | None:
        return cast("NextBillPreview | None", root.next_bill)


@strawberry.type(description="What would be made, or why it would be refused.")
class SubscriptionPreviewPayload:
    preview: SubscriptionPreview | None = strawberry.field(
        default=None, description="What would be made; null when it would be refused."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it would be made.")


@strawberry.type(description="The subscription, or why it was refused. A decline is no refusal: it is INCOMPLETE then.")
class SubscriptionPayload:
    subscription: PlanSubscription | None = strawberry.field(default=None, description="The subscription as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class SubscribingQuery:
    @strawberry.field(
        description="What `subscriptionCreate` would make of the same input at this moment. Nothing is written, and "
        "nobody is charged."
    )
    async def subscription_preview(
        self,
        info: Info,
        input: Annotated[
            SubscriptionPreviewInput, strawberry.argument(description="What somebody would subscribe to.")
        ],
    ) -> SubscriptionPreviewPayload | None:
        try:
            preview = await info.context.services.subscriptions.preview(info.context.principal, input.wanted())
        except PaydeskError as error:
            return SubscriptionPreviewPayload(user_errors=[user_error(error)])
        return SubscriptionPreviewPayload(preview=cast("SubscriptionPreview", preview))


@strawberry.type
class SubscribingMutation:
    @strawberry.mutation(
        description="Subscribe a customer, and charge what is due at once. Go by the `state`: ACTIVE is paid; "
        "INCOMPLETE was declined, or waits for the customer as the `nextAction` of its `latestInvoice` says, and "
        "`invoicePay` tries again. Unpaid for 23 hours, it expires."
    )
    async def subscription_create(self, info: Info, input: SubscriptionCreateInput) -> SubscriptionPayload | None:
        principal = info.context.principal
        card = given(input.new_card)
        try:
            subscription_id = await info.context.services.subscriptions.create(
                principal,
                CreateSubscription(
                    wanted=input.wanted(),
                    new_card=NewCard(token=card.token, store=True, make_default=card.make_default) if card else None,
                    initiator=input.initiator,
                    return_url=given(input.return_url),
                    network=network_of_customer(info.context, input.client_address),
                    request=required_request_of(principal, "subscriptionCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return SubscriptionPayload(user_errors=[user_error(error)])
        return await subscription_payload(info, subscription_id)


async def subscription_payload(info: Info, subscription_id: str) -> SubscriptionPayload:
    info.context.changed()
    found = await info.context.loaders.subscriptions.load(subscription_id)
    return SubscriptionPayload(subscription=cast("PlanSubscription | None", found))
