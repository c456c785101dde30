"""Changing a subscription that there is: its items, its end, its pauses, and what pays it."""

from datetime import datetime
from typing import Annotated, cast

import strawberry

from domain.changes import ChangePolicy, ChangeTime, ItemChange, Proration, Undoable
from domain.errors import PaydeskError
from domain.provider import Initiator
from domain.services.changing import ChangeSubscription, PreviewedChange, WantedChange
from domain.services.ending import CancelSubscription
from domain.services.pausing import PauseSubscription
from domain.subscriptions import PauseBehavior, WantedItem
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import (
    CLIENT_ADDRESS,
    KEY_OPTIONAL,
    KEY_REQUIRED,
    network_of_customer,
    request_of,
    required_request_of,
)
from schema.invoices import InvoiceLine, Period
from schema.money import Money
from schema.pagination import given
from schema.payment_methods import RETURN_URL
from schema.previews import InvoicePreview
from schema.scalars import URL
from schema.subscribing import SubscriptionPayload, subscription_payload
from schema.subscriptions import PlannedItem

described_enum(
    ChangeTime,
    name="SubscriptionChangeTime",
    description="When something is done to a subscription. The list grows.",
    values={
        ChangeTime.NOW: "At once, in the midst of a period.",
        ChangeTime.PERIOD_END: "When the period or trial ends that runs; of one that starts later, when it does.",
    },
)
described_enum(
    Proration,
    description="What becomes of the rest of a period that is paid in advance. The list grows.",
    values={
        Proration.CREATE: "It is credited, and charged as it costs now, with the next invoice.",
        Proration.NONE: "What was billed stays billed: the change costs something from the next period on.",
        Proration.INVOICE_NOW: "As CREATE, with an invoice at once.",
    },
)
described_enum(
    ChangePolicy,
    name="SubscriptionChangePolicy",
    description="Whether a change waits for its payment. The list grows.",
    values={
        ChangePolicy.APPLY_NOW: "It is made at once, and what it costs is charged as a renewal is.",
        ChangePolicy.APPLY_ON_PAYMENT: "It is made when its invoice is paid, for the moment at which it was asked for. "
        "Not paid within 23 hours, or before the period ends, it is dropped, and its invoice is VOID. A change that "
        "costs nothing now is made at once.",
    },
)
described_enum(
    Undoable,
    name="SubscriptionUndoable",
    description="What is scheduled for a subscription, and can be undone. The list grows.",
    values={
        Undoable.CHANGE: "A change that waits for the end of a period, or for its payment.",
        Undoable.CANCELLATION: "That it ends by itself, at `cancelAt`.",
        Undoable.PAUSE: "A pause that has not begun.",
    },
)

_SUBSCRIPTION = "Id of the subscription, `sub_…`."
_VERSION = "Refuse (STALE_VERSION) unless the subscription is at this version."


# --- what changes -----------------------------------------------------------------------------------------------------


@strawberry.input(description="What changes of one item; or a new one, without its id. All other items stay.")
class SubscriptionItemChangeInput:
    subscription_item_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Which item, `item_…`; left out, a new one comes."
    )
    price_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Its price from then on: a recurring one that is offered, in the currency of the subscription. "
        "Left out, it stays. Only the shop brings another product into a trial.",
    )
    quantity: int | None = strawberry.field(
        default=strawberry.UNSET, description="How many, 1 to 1,000,000. Left out, as before; of a new one, 1."
    )
    remove: bool = strawberry.field(default=False, description="The item goes.")

    def to_domain(self) -> ItemChange:
        return ItemChange(
            item_id=given(self.subscription_item_id),
            price_id=given(self.price_id),
            quantity=given(self.quantity),
            remove=self.remove,
        )


@strawberry.input(description="What somebody would change of a subscription.")
class SubscriptionChangePreviewInput:
    subscription_id: strawberry.ID = strawberry.field(description=_SUBSCRIPTION)
    items: list[SubscriptionItemChangeInput] = strawberry.field(
        description="What changes. All items have one interval afterwards: with another one than before, the running "
        "period is credited, and a new one begins and is invoiced at once."
    )
    when: ChangeTime = strawberry.field(default=ChangeTime.NOW, description="When it changes.")
    proration: Proration = strawberry.field(
        default=Proration.INVOICE_NOW,
        description="What becomes of the rest of the period, of a change now. Only the shop says anything else than "
        "INVOICE_NOW.",
    )
    policy: ChangePolicy = strawberry.field(
        default=ChangePolicy.APPLY_ON_PAYMENT,
        description="Whether a change now with an invoice waits for its payment. Only the shop says anything else than "
        "APPLY_ON_PAYMENT.",
    )
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="What pays the invoice of a change that waits for it; left out, what the subscription is charged "
        "with.",
    )

    def wanted(self, *, previewed_at: datetime | None = None) -> WantedChange:
        return WantedChange(
            subscription_id=self.subscription_id,
            items=[item.to_domain() for item in self.items],
            when=self.when,
            proration=self.proration,
            policy=self.policy,
            payment_method_id=given(self.payment_method_id),
            previewed_at=previewed_at,
        )


@strawberry.input(description="What is to change of a subscription, and how it is paid.")
class SubscriptionChangeInput(SubscriptionChangePreviewInput):
    previewed_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="Of a preview, `previewedAt`: the change is made for that moment, and costs what was shown. At "
        "most ten minutes ago, and refused when the subscription has changed since. Left out, now.",
    )
    initiator: Initiator = strawberry.field(
        default=Initiator.CUSTOMER,
        description="Who starts the payment of a change that waits for it. Anything but CUSTOMER is for servers.",
    )
    return_url: URL | None = strawberry.field(default=strawberry.UNSET, description=RETURN_URL)
    client_address: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_ADDRESS)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="What a change of a subscription would do at this moment.")
class SubscriptionChangePreview:
    previewed_at: datetime = strawberry.field(
        description="The moment that it was computed for. Sent with `subscriptionChange`, it costs what is shown here."
    )
    applies_at: datetime = strawberry.field(description="From when on the items would be other ones.")
    applies_on_payment: bool = strawberry.field(description="Whether nothing would change until `invoice` is paid.")
    reduces_owed: Money = strawberry.field(
        description="What would be credited of the invoice of the running period, which is not paid; 0 else."
    )

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, PreviewedChange)

    @strawberry.field(description="All items as they would be.")
    def items(root: strawberry.Parent[PreviewedChange]) -> list[PlannedItem]:
        present = root.subscription.present_items
        items = [WantedItem(item_id=item.id, price_id=item.price_id, quantity=item.quantity) for item in present]
        return cast("list[PlannedItem]", items)

    @strawberry.field(description="The period that would run then; null before the first one.")
    def period(root: strawberry.Parent[PreviewedChange]) -> Period | None:
        period = root.subscription.period
        return Period(starts_at=period.start, ends_at=period.end) if period else None

    @strawberry.field(description="The invoice that would be made at once; null when none would be.")
    def invoice(root: strawberry.Parent[PreviewedChange]) -> InvoicePreview | None:
        return cast("InvoicePreview | None", root.drafted)

    @strawberry.field(description="What the next invoice would take along because of it.")
    def waiting_lines(root: strawberry.Parent[PreviewedChange]) -> list[InvoiceLine]:
        return cast("list[InvoiceLine]", list(root.waiting))


@strawberry.type(description="What would change, or why it would be refused.")
class SubscriptionChangePreviewPayload:
    preview: SubscriptionChangePreview | None = strawberry.field(
        default=None, description="What would change; null when it would be refused."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it would be made.")


# --- its end, its pauses, what pays it --------------------------------------------------------------------------------


@strawberry.input(description="A subscription to end.")
class SubscriptionCancelInput:
    subscription_id: strawberry.ID = strawberry.field(description=_SUBSCRIPTION)
    when: ChangeTime = strawberry.field(
        default=ChangeTime.PERIOD_END, description="When it ends. Only the shop ends it before its period does."
    )
    credit: bool = strawberry.field(
        default=False,
        description="Of one that ends now: credit what is left of the period. What is still to be paid of it becomes "
        "less, and what was paid goes into the customer's balance; a refund is a step of its own.",
    )
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.input(description="A subscription to pause. For the shop.")
class SubscriptionPauseInput:
    subscription_id: strawberry.ID = strawberry.field(description=_SUBSCRIPTION)
    behavior: PauseBehavior = strawberry.field(description="What becomes of the period that is paid.")
    ends_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it goes on by itself, within five years; left out, when somebody resumes it.",
    )
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A paused subscription that goes on. For the shop.")
class SubscriptionResumeInput:
    subscription_id: strawberry.ID = strawberry.field(description=_SUBSCRIPTION)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.input(description="Something scheduled that is not to happen.")
class SubscriptionUndoInput:
    subscription_id: strawberry.ID = strawberry.field(description=_SUBSCRIPTION)
    what: Undoable = strawberry.field(description="What is undone. A pause only by the shop.")
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="What a subscription is charged with from now on.")
class SubscriptionSetPaymentMethodInput:
    subscription_id: strawberry.ID = strawberry.field(description=_SUBSCRIPTION)
    payment_method_id: strawberry.ID | None = strawberry.field(
        description="An ACTIVE one of its customer; null for their default, whichever that is when it is charged."
    )
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


# --- the fields -------------------------------------------------------------------------------------------------------


@strawberry.type
class PlanChangeQuery:
    @strawberry.field(
        description="What `subscriptionChange` would do with the same input at this moment, to the cent. Nothing of it "
        "is done; a renewal that is due is."
    )
    async def subscription_change_preview(
        self,
        info: Info,
        input: Annotated[
            SubscriptionChangePreviewInput, strawberry.argument(description="What somebody would change.")
        ],
    ) -> SubscriptionChangePreviewPayload | None:
        try:
            preview = await info.context.services.changes.preview(info.context.principal, input.wanted())
        except PaydeskError as error:
            return SubscriptionChangePreviewPayload(user_errors=[user_error(error)])
        return SubscriptionChangePreviewPayload(preview=cast("SubscriptionChangePreview", preview))


@strawberry.type
class PlanChangeMutation:
    @strawberry.mutation(
        description="Change the items of a subscription: another price, another quantity, more items or fewer. Where a "
        "payment comes first, `pendingUpdate` says which invoice waits for it: a decline is no refusal, and "
        "`invoicePay` tries again. While one change waits, there is no other."
    )
    async def subscription_change(self, info: Info, input: SubscriptionChangeInput) -> SubscriptionPayload | None:
        principal = info.context.principal
        try:
            subscription_id = await info.context.services.changes.change(
                principal,
                ChangeSubscription(
                    wanted=input.wanted(previewed_at=given(input.previewed_at)),
                    initiator=input.initiator,
                    return_url=given(input.return_url),
                    network=network_of_customer(info.context, input.client_address),
                    version=given(input.version),
                    request=required_request_of(principal, "subscriptionChange", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return SubscriptionPayload(user_errors=[user_error(error)])
        return await subscription_payload(info, subscription_id)

    @strawberry.mutation(
        description="End a subscription, now or when its period does. What it owes stays owed; what waits for its next "
        "invoice is asked for with a last one."
    )
    async def subscription_cancel(self, info: Info, input: SubscriptionCancelInput) -> SubscriptionPayload | None:
        principal = info.context.principal
        try:
            subscription_id = await info.context.services.endings.cancel(
                principal,
                CancelSubscription(
                    subscription_id=input.subscription_id,
                    when=input.when,
                    credit=input.credit,
                    version=given(input.version),
                    request=required_request_of(principal, "subscriptionCancel", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return SubscriptionPayload(user_errors=[user_error(error)])
        return await subscription_payload(info, subscription_id)

    @strawberry.mutation(
        description="Pause a subscription that is ACTIVE. Meanwhile its customer has no access and nothing is billed; "
        "its periods begin when they always did."
    )
    async def subscription_pause(self, info: Info, input: SubscriptionPauseInput) -> SubscriptionPayload | None:
        principal = info.context.principal
        try:
            subscription_id = await info.context.services.pauses.pause(
                principal,
                PauseSubscription(
                    subscription_id=input.subscription_id,
                    behavior=input.behavior,
                    until=given(input.ends_at),
                    version=given(input.version),
                    request=request_of(principal, "subscriptionPause", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return SubscriptionPayload(user_errors=[user_error(error)])
        return await subscription_payload(info, subscription_id)

    @strawberry.mutation(
        description="Have a paused subscription go on. The rest of the running period is charged at once."
    )
    async def subscription_resume(self, info: Info, input: SubscriptionResumeInput) -> SubscriptionPayload | None:
        principal = info.context.principal
        try:
            subscription_id = await info.context.services.pauses.resume(
                principal,
                input.subscription_id,
                version=given(input.version),
                request=required_request_of(principal, "subscriptionResume", input.idempotency_key, input),
            )
        except PaydeskError as error:
            return SubscriptionPayload(user_errors=[user_error(error)])
        return await subscription_payload(info, subscription_id)

    @strawberry.mutation(
        description="Undo a change, an end or a pause that is scheduled. Of a change that waits for its payment, the "
        "invoice is VOID then. What has happened is not undone."
    )
    async def subscription_undo(self, info: Info, input: SubscriptionUndoInput) -> SubscriptionPayload | None:
        try:
            subscription_id = await info.context.services.undoing.undo(
                info.context.principal, input.subscription_id, input.what, version=given(input.version)
            )
        except PaydeskError as error:
            return SubscriptionPayload(user_errors=[user_error(error)])
        return await subscription_payload(info, subscription_id)

    @strawberry.mutation(
        description="Charge a subscription with another payment method. What it owes is charged with it at once."
    )
    async def subscription_set_payment_method(
        self, info: Info, input: SubscriptionSetPaymentMethodInput
    ) -> SubscriptionPayload | None:
        principal = info.context.principal
        try:
            subscription_id = await info.context.services.subscription_cards.choose(
                principal,
                input.subscription_id,
                input.payment_method_id,
                version=given(input.version),
                request=request_of(principal, "subscriptionSetPaymentMethod", input.idempotency_key, input),
            )
        except PaydeskError as error:
            return SubscriptionPayload(user_errors=[user_error(error)])
        return await subscription_payload(info, subscription_id)
