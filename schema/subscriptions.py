"""Subscriptions and what they let their customers use, as they are read."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import dunning, entitlements, periods
from domain import subscriptions as domain
from domain.declines import DECLINES, DeclineAdvice, DeclineCode, told_to_customer
from domain.pages import PageRequest
from domain.principals import Permission
from domain.queries import InvoiceFilter, InvoiceSort, Sort, SubscriptionFilter
from domain.subscriptions import Access, CancelReason, PauseBehavior, SubscriptionState
from schema.context import Info
from schema.described import described_enum
from schema.invoices import Invoice, InvoicesFilter, InvoicesSort, Period
from schema.listing import BY_ID, INVOICES, SortArgument, TimeSpan, listed, paged, span, words
from schema.pagination import Connection, given
from schema.payment_methods import PaymentMethod
from schema.products import Price, PriceInterval, Product
from schema.scalars import Currency, Metadata
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.customers import Customer

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.customers")]

described_enum(
    SubscriptionState,
    description="Where a subscription is on its way. The list grows; go by `access` for what it lets its customer do.",
    values={
        SubscriptionState.SCHEDULED: "It starts later.",
        SubscriptionState.TRIALING: "It is used for nothing at first.",
        SubscriptionState.INCOMPLETE: "Its first invoice waits to be paid, for 23 hours.",
        SubscriptionState.ACTIVE: "It is paid, and renewed by itself.",
        SubscriptionState.PAST_DUE: "An invoice of it was not paid, and is tried again.",
        SubscriptionState.UNPAID: "An invoice of it was not paid in the end. Paying it brings everything back.",
        SubscriptionState.PAUSED: "It rests; nothing is billed.",
        SubscriptionState.CANCELED: "It is over.",
        SubscriptionState.EXPIRED: "Its first invoice was not paid in time, so it has never begun.",
    },
)
described_enum(
    Access,
    description="Whether the customer may use what they subscribed to. The list grows.",
    values={
        Access.GRANTED: "They may use it.",
        Access.GRACE: "They may use it, though something is not paid; it ends when it is not tried any more.",
        Access.REVOKED: "They may not use it.",
    },
)
described_enum(
    CancelReason,
    name="SubscriptionCancelReason",
    description="Why a subscription ended, or will. The list grows.",
    values={
        CancelReason.REQUESTED: "Somebody asked for it.",
        CancelReason.NOT_PAID: "An invoice was not paid in the end.",
        CancelReason.NO_CARD: "Its trial was over, and there was no card.",
    },
)
described_enum(
    PauseBehavior,
    name="SubscriptionPauseBehavior",
    description="What becomes of the period that is paid when a subscription is paused.",
    values={
        PauseBehavior.CREDIT: "The pause begins at once, and what is left of the period is credited.",
        PauseBehavior.PERIOD_END: "The period is used up first.",
    },
)


# --- its parts --------------------------------------------------------------------------------------------------------


@strawberry.type(description="The day on which periods begin, at midnight.")
class AnchorDay:
    day: int = strawberry.field(
        description="Of weeks from 1, Monday, to 7; else from 1 to 31, which in a shorter month is its last day."
    )
    month: int | None = strawberry.field(
        description="From 1 to 12, of periods longer than a month: in which they begin; null if they begin in any."
    )

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, periods.AnchorDay)


@strawberry.type(description="A price, and how many of it, that a subscription has.")
class SubscriptionItem:
    id: strawberry.ID = strawberry.field(
        description="Id of the item in this subscription, `item_…`; not for `node(id:)`. It stays when price or "
        "quantity change."
    )
    quantity: int = strawberry.field(description="How many units, at least 1.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.SubscriptionItem)

    @strawberry.field(description="At which price; it stays when the price is archived. Null if you may not see it.")
    async def price(root: strawberry.Parent[domain.SubscriptionItem], info: Info) -> Price | None:
        return cast("Price | None", await info.context.loaders.prices.load(root.price_id))


@strawberry.type(description="An item as a change will leave it.")
class PlannedItem:
    quantity: int = strawberry.field(description="How many units, at least 1.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.WantedItem)

    @strawberry.field(description="Which item, `item_…`; one that the subscription does not have yet is new.")
    def subscription_item_id(root: strawberry.Parent[domain.WantedItem]) -> strawberry.ID:
        return strawberry.ID(root.item_id)

    @strawberry.field(description="At which price; null if you may not see it.")
    async def price(root: strawberry.Parent[domain.WantedItem], info: Info) -> Price | None:
        return cast("Price | None", await info.context.loaders.prices.load(root.price_id))


@strawberry.type(description="A change that is scheduled for the end of a period.")
class PendingChange:
    items: list[PlannedItem] = strawberry.field(description="All items as they will be then; what is not named goes.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.PendingChange)

    @strawberry.field(description="When it is made.")
    def applies_at(root: strawberry.Parent[domain.PendingChange]) -> datetime:
        return root.at


@strawberry.type(description="A change that is made when its invoice is paid.")
class PendingUpdate:
    expires_at: datetime = strawberry.field(description="When it is given up, and its invoice called off.")
    items: list[PlannedItem] = strawberry.field(description="All items as they will be then; what is not named goes.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.PendingUpdate)

    @strawberry.field(description="From when on it counts, once it is paid.")
    def applies_at(root: strawberry.Parent[domain.PendingUpdate]) -> datetime:
        return root.at

    @strawberry.field(description="What has to be paid for it; null if you may not see it.")
    async def invoice(root: strawberry.Parent[domain.PendingUpdate], info: Info) -> Invoice | None:
        return cast("Invoice | None", await info.context.loaders.invoices.load(root.invoice_id))


@strawberry.type(description="A pause, to come or under way.")
class SubscriptionPause:
    behavior: PauseBehavior = strawberry.field(description="What becomes of the period that is paid.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Pause)

    @strawberry.field(description="When it begins, or began.")
    def starts_at(root: strawberry.Parent[domain.Pause]) -> datetime:
        return root.since

    @strawberry.field(description="When it ends by itself; null when it goes on until somebody ends it.")
    def ends_at(root: strawberry.Parent[domain.Pause]) -> datetime | None:
        return root.until


@strawberry.type(description="What goes on while an invoice of a subscription is not paid.")
class Dunning:
    """Read off the subscription itself, which knows when it was last tried."""

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Subscription)

    @strawberry.field(description="When it was first not paid.")
    def started_at(root: strawberry.Parent[domain.Subscription]) -> datetime:
        return _dunning(root).since

    @strawberry.field(description="When the card is tried again by itself; null when it is not: bring another.")
    def next_try_at(root: strawberry.Parent[domain.Subscription]) -> datetime | None:
        return root.next_try_at

    @strawberry.field(description="When it is given up.")
    def ends_at(root: strawberry.Parent[domain.Subscription]) -> datetime:
        return _dunning(root).ends_at

    @strawberry.field(
        description="What the bank said last, for customers without its secrets; null when there is no card."
    )
    def decline_code(root: strawberry.Parent[domain.Subscription], info: Info) -> DeclineCode | None:
        code = _dunning(root).code
        return code if info.context.viewer.sees_all else told_to_customer(code)

    @strawberry.field(description="What the customer can do about it; null when there is no card: bring one.")
    def advice(root: strawberry.Parent[domain.Subscription]) -> DeclineAdvice | None:
        code = _dunning(root).code
        return DECLINES[code].advice if code else None


def _dunning(subscription: domain.Subscription) -> dunning.Dunning:
    if subscription.dunning is None:
        raise AssertionError(f"there is no dunning of {subscription.id}")
    return subscription.dunning


# --- the subscription -------------------------------------------------------------------------------------------------


@strawberry.type(
    description="What a customer has, and pays again in each period. Its type has another name than its fields, "
    "because `Subscription` is the type of live updates."
)
class PlanSubscription(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `sub_…`.")
    state: SubscriptionState = strawberry.field(description="Where it is on its way.")
    access: Access = strawberry.field(description="Whether the customer may use what they subscribed to.")
    access_ends_at: datetime | None = strawberry.field(
        description="When the access ends as things stand; null while it goes on, and when there is none."
    )
    currency: Currency = strawberry.field(description="Of all its prices and invoices; it never changes.")
    interval: PriceInterval = strawberry.field(description="How often it is renewed.")
    time_zone: str = strawberry.field(description="In which its periods begin, such as `Europe/Berlin`.")
    anchor_day: AnchorDay | None = strawberry.field(
        description="On which day its periods begin; null when that is the day on which the first one did."
    )
    starts_at: datetime = strawberry.field(description="When it starts, or did.")
    trial_ends_at: datetime | None = strawberry.field(description="When its trial ends, or did; null when it has none.")
    cancel_at: datetime | None = strawberry.field(
        description="When it ends by itself; null when it does not, and once it has ended."
    )
    cancel_reason: CancelReason | None = strawberry.field(
        description="Why it ended, or will; null while it goes on, and of one that expired."
    )
    ended_at: datetime | None = strawberry.field(description="When it ended; null before.")
    incomplete_expires_at: datetime | None = strawberry.field(
        description="Until when its first invoice has to be paid; null unless it is INCOMPLETE."
    )
    pause: SubscriptionPause | None = strawberry.field(description="A pause, to come or under way; else null.")
    pending_change: PendingChange | None = strawberry.field(
        description="What changes when its period ends; null when nothing is scheduled."
    )
    pending_update: PendingUpdate | None = strawberry.field(
        description="What changes when its invoice is paid; null when nothing waits for that."
    )
    version: int = strawberry.field(description="Goes up with every change; send it back to refuse a lost update.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Subscription)

    @strawberry.field(description="The period that was made last; null before the first. Paused, it is not paid.")
    def period(root: strawberry.Parent[domain.Subscription]) -> Period | None:
        return Period(starts_at=root.period.start, ends_at=root.period.end) if root.period else None

    @strawberry.field(description="What goes on because an invoice is not paid; null when nothing does.")
    def dunning(root: strawberry.Parent[domain.Subscription]) -> Dunning | None:
        return cast("Dunning", root) if root.dunning else None

    @strawberry.field(description="Its prices, in the order in which they were added; 20 at most.")
    async def items(root: strawberry.Parent[domain.Subscription], info: Info) -> list[SubscriptionItem]:
        return cast("list[SubscriptionItem]", await info.context.loaders.items_of_subscription.load(root.id))

    @strawberry.field(description="Whose it is; null if you may not see them.")
    async def customer(root: strawberry.Parent[domain.Subscription], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))

    @strawberry.field(description="What pays its renewals; null when that is the customer's default.")
    async def payment_method(root: strawberry.Parent[domain.Subscription], info: Info) -> PaymentMethod | None:
        found = await info.context.loaders.payment_methods.load_if(root.payment_method_id)
        return cast("PaymentMethod | None", found)

    @strawberry.field(
        description="The invoice that was made last; null before the first. Its `nextAction` says what the customer "
        "has to do so that it is paid."
    )
    async def latest_invoice(root: strawberry.Parent[domain.Subscription], info: Info) -> Invoice | None:
        page = await info.context.loaders.invoices_of_subscription.load(root.id, _NEWEST, InvoiceFilter())
        return cast("Invoice | None", page.items[0] if page.items else None)

    @listed(INVOICES, description="What was asked for it; a customer sees no drafts.")
    def invoices(
        root: strawberry.Parent[domain.Subscription],
        info: Info,
        filter: InvoicesFilter = strawberry.UNSET,
        sort: InvoicesSort = InvoiceSort.NEWEST,
    ) -> Connection[Invoice]:
        where = filter.to_domain() if filter else InvoiceFilter()
        return paged(lambda request: info.context.loaders.invoices_of_subscription.load(root.id, request, where))

    @strawberry.field(description="Your own keys and values; for servers and staff, empty for customers.")
    def metadata(root: strawberry.Parent[domain.Subscription], info: Info) -> Metadata:
        return Metadata(dict(root.metadata) if info.context.viewer.sees_all else {})


_NEWEST = PageRequest(limit=1, sort=InvoiceSort.NEWEST)


@strawberry.type(description="A product that a customer may use because they have subscribed to it.")
class Entitlement:
    access: Access = strawberry.field(description="GRANTED or GRACE: what they may not use is not listed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, entitlements.Entitlement)

    @strawberry.field(description="When that ends as things stand; null while it goes on.")
    def ends_at(root: strawberry.Parent[entitlements.Entitlement]) -> datetime | None:
        return root.until

    @strawberry.field(description="What they may use; null if you may not see it.")
    async def product(root: strawberry.Parent[entitlements.Entitlement], info: Info) -> Product | None:
        return cast("Product | None", await info.context.loaders.products.load(root.product_id))

    @strawberry.field(description="From which subscription they have it; null if you may not see it.")
    async def subscription(root: strawberry.Parent[entitlements.Entitlement], info: Info) -> PlanSubscription | None:
        found = await info.context.loaders.subscriptions.load(root.subscription_id)
        return cast("PlanSubscription | None", found)


# --- lists ------------------------------------------------------------------------------------------------------------


@strawberry.input(description="Which subscriptions to list; what is left out does not narrow.")
class SubscriptionFilterInput:
    states: list[SubscriptionState] | None = strawberry.field(
        default=strawberry.UNSET, description="Only in these states."
    )
    price_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="That have this price, `price_…`, now."
    )
    ends: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Those that will end by themselves (`cancelAt`), or the others."
    )
    period_ends: TimeSpan | None = strawberry.field(
        default=strawberry.UNSET, description="Whose period ends in this span."
    )
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Made in this span.")

    def to_domain(self) -> SubscriptionFilter:
        since, before = span(given(self.created))
        ends_since, ends_before = span(given(self.period_ends))
        return SubscriptionFilter(
            states=words(self.states),
            price_id=given(self.price_id),
            ends=given(self.ends),
            period_ends_from=ends_since,
            period_ends_before=ends_before,
            created_from=since,
            created_before=before,
        )


SubscriptionsFilter = Annotated[
    SubscriptionFilterInput | None, strawberry.argument(description="Which subscriptions; all by default.")
]


@strawberry.type
class SubscriptionQuery:
    @strawberry.field(description="A subscription by its id; null when there is none, or it is not yours.")
    async def subscription(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the subscription, `sub_…`.")],
    ) -> PlanSubscription | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("PlanSubscription | None", await info.context.loaders.subscriptions.load(id))

    @listed(BY_ID, description="Subscriptions; a customer sees their own.")
    def subscriptions(
        self,
        info: Info,
        filter: SubscriptionsFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[PlanSubscription] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else SubscriptionFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.subscriptions.page(request, where, viewer=viewer))
