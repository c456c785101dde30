"""Invoices, their lines, and what waits for the next one, as they are read."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import invoices as domain
from domain import issuers
from domain.charges import ChargeState
from domain.invoices import InvoiceReason, InvoiceState, LineKind
from domain.pages import PageRequest
from domain.principals import Permission
from domain.queries import (
    ChargeFilter,
    ChargeSort,
    CreditNoteFilter,
    InvoiceFilter,
    InvoiceItemFilter,
    InvoiceSort,
    InvoiceView,
    Sort,
)
from schema.actions import NextAction
from schema.charges import Charge, ChargesFilter, ChargesSort
from schema.context import Info
from schema.credit_notes import CreditNote, CreditNoteFilterInput
from schema.described import described_enum
from schema.listing import BY_ID, CHARGES, INVOICES, SortArgument, TimeSpan, listed, paged, span, words
from schema.money import Money
from schema.node import Node
from schema.pagination import Connection, given
from schema.products import Price
from schema.scalars import Metadata
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.customers import Address, Customer
    from schema.orders import Order
    from schema.subscriptions import PlanSubscription

LazyAddress = Annotated["Address", strawberry.lazy("schema.customers")]
LazyCustomer = Annotated["Customer", strawberry.lazy("schema.customers")]
LazyOrder = Annotated["Order", strawberry.lazy("schema.orders")]
LazySubscription = Annotated["PlanSubscription", strawberry.lazy("schema.subscriptions")]

described_enum(
    InvoiceState,
    description="Where an invoice is on its way.",
    values={
        InvoiceState.DRAFT: "It may change, and has no number yet. Customers do not see it.",
        InvoiceState.OPEN: "It was issued, never changes again, and waits to be paid.",
        InvoiceState.PAID: "It was paid, or there was nothing to charge.",
        InvoiceState.VOID: "It was called off after it was issued. It keeps its number.",
        InvoiceState.UNCOLLECTIBLE: "Nobody expects it to be paid any more; it still may be.",
    },
)
described_enum(
    InvoiceReason,
    description="What an invoice was made for. The list grows.",
    values={
        InvoiceReason.CREATE: "A subscription that begins.",
        InvoiceReason.PERIOD: "The next period of a subscription; there is one at most for each.",
        InvoiceReason.CHANGE: "A change of a subscription that is charged at once.",
        InvoiceReason.CATCH_UP: "All periods of a subscription that had begun before it was made.",
        InvoiceReason.CANCEL: "The end of a subscription.",
        InvoiceReason.ONE_OFF: "Something that is billed once.",
        InvoiceReason.ORDER: "An order that was paid.",
    },
)
described_enum(
    LineKind,
    name="InvoiceLineKind",
    description="What a line of an invoice is for. The list grows.",
    values={
        LineKind.PERIOD: "A period of a subscription, or the first part of one.",
        LineKind.CREDIT: "Time that was billed and is not used; below zero.",
        LineKind.CHARGE: "The rest of a period, since a change in its midst.",
        LineKind.ONE_OFF: "Something that is billed once.",
    },
)


@strawberry.type(description="A span that is billed.")
class Period:
    starts_at: datetime = strawberry.field(description="When it begins.")
    ends_at: datetime = strawberry.field(description="When it is over; that moment does not belong to it.")


@strawberry.type(description="Who issued a document, or for whom, as it is printed on it for ever.")
class Party:
    name: str | None = strawberry.field(description="What they are called; null if that was not known.")
    email: str | None = strawberry.field(description="Email address; null if it was not known, and of issuers.")
    tax_id: str | None = strawberry.field(description="Tax id; null without one.")
    address: LazyAddress | None = strawberry.field(description="Postal address; null if it was not known.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, issuers.Party)


@strawberry.type(description="What is asked for, in one line of an invoice.")
class InvoiceLine:
    id: strawberry.ID = strawberry.field(description="Id of the line, `inl_…`; not for `node(id:)`.")
    kind: LineKind = strawberry.field(description="What it is for.")
    name: str = strawberry.field(description="What it says; of a price, the product's name when the line was made.")
    quantity: int = strawberry.field(description="How many units, at least 1.")
    unit_amount: Money | None = strawberry.field(
        description="What one unit costs; null where no such price explains the line, as for a part of a period."
    )
    flat_amount: Money | None = strawberry.field(
        description="What is asked for whatever the quantity, beside `unitAmount`; null where nothing is."
    )
    amount: Money = strawberry.field(description="What the line comes to; below zero when it gives something back.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.InvoiceLine)

    @strawberry.field(description="The span that is billed; null where none is.")
    def period(root: strawberry.Parent[domain.InvoiceLine]) -> Period | None:
        if root.period_start is None or root.period_end is None:
            return None
        return Period(starts_at=root.period_start, ends_at=root.period_end)

    @strawberry.field(description="Which item of its subscription it is for, `item_…`; null when it is for none.")
    def subscription_item_id(root: strawberry.Parent[domain.InvoiceLine]) -> strawberry.ID | None:
        return strawberry.ID(root.item_id) if root.item_id else None

    @strawberry.field(description="At which price; null on a line that was written by hand.")
    async def price(root: strawberry.Parent[domain.InvoiceLine], info: Info) -> Price | None:
        return cast("Price | None", await info.context.loaders.prices.load_if(root.price_id))


@strawberry.type(
    description="What is asked of a customer. Once it was issued nothing that is printed on it changes: a mistake is "
    "credited. `due` is always `total` less `balanceApplied`, and less what was credited since."
)
class Invoice(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `inv_…`.")
    number: str | None = strawberry.field(
        description="As it is printed; the numbers of an issuer have no gap. Null of a draft."
    )
    state: InvoiceState = strawberry.field(description="Where it is on its way.")
    reason: InvoiceReason = strawberry.field(description="What it was made for.")
    total: Money = strawberry.field(
        description="The sum of the lines; computed, never sent. Below zero when credits are more than charges."
    )
    balance_applied: Money = strawberry.field(
        description="What the customer's balance paid of it when it was issued. Below zero, what was put there instead "
        "because credits were more than charges, or what earlier invoices had carried over and this one asks for. Zero "
        "of a draft."
    )
    carried_over: Money = strawberry.field(
        description="Of `balanceApplied`, what a later invoice asks for, because it is less than the provider charges. "
        "Below zero, what earlier invoices had carried over."
    )
    due: Money = strawberry.field(
        description="What is to be charged for it altogether, less what was credited since it was issued. Zero of a "
        "draft."
    )
    amount_paid: Money = strawberry.field(
        description="What its charges have taken; of an order's invoice, what the order's did."
    )
    amount_remaining: Money = strawberry.field(
        description="What is still to be paid: `due` less `amountPaid`. Zero unless it is OPEN or UNCOLLECTIBLE."
    )
    issued_by: Party | None = strawberry.field(description="Who issued it, as it is printed; null of a draft.")
    issued_to: Party | None = strawberry.field(description="For whom, as it is printed; null of a draft.")
    period_starts_at: datetime | None = strawberry.field(
        description="When the period begins that it is for, of several the first; null when it is for none."
    )
    due_at: datetime | None = strawberry.field(
        description="Until when it is to be paid; that it was issued, where nobody said otherwise. Null of a draft of "
        "which nobody has said."
    )
    next_try_at: datetime | None = strawberry.field(
        description="When a card is charged for it by itself; null when none will be."
    )
    opened_at: datetime | None = strawberry.field(description="When it was issued; null of a draft.")
    paid_at: datetime | None = strawberry.field(description="When all of it was paid; null before.")
    voided_at: datetime | None = strawberry.field(description="When it was called off; null unless it was.")
    uncollectible_at: datetime | None = strawberry.field(
        description="When it was given up; null unless it was. It stays when it is paid after all."
    )
    discarded_at: datetime | None = strawberry.field(
        description="When the draft was discarded; nothing happens to it any more. Null unless it was."
    )
    version: int = strawberry.field(description="Goes up with every change; send it back to refuse a lost update.")
    created_at: datetime = strawberry.field(description="When it was drafted.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, InvoiceView)

    @strawberry.field(description="Your own keys and values; for servers and staff, empty for customers.")
    def metadata(root: strawberry.Parent[InvoiceView], info: Info) -> Metadata:
        return Metadata(dict(root.metadata) if info.context.viewer.sees_all else {})

    @strawberry.field(description="Who is to pay it; null if you may not see them.")
    async def customer(root: strawberry.Parent[InvoiceView], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))

    @strawberry.field(description="The subscription that it is of; null when it is of none, or you may not see it.")
    async def subscription(root: strawberry.Parent[InvoiceView], info: Info) -> LazySubscription | None:
        return cast("PlanSubscription | None", await info.context.loaders.subscriptions.load_if(root.subscription_id))

    @strawberry.field(description="The order whose payment it confirms; null when it confirms none.")
    async def order(root: strawberry.Parent[InvoiceView], info: Info) -> LazyOrder | None:
        return cast("Order | None", await info.context.loaders.orders.load_if(root.order_id))

    @strawberry.field(description="What it asks for, in the order in which it is printed; 500 lines at most.")
    async def lines(root: strawberry.Parent[InvoiceView], info: Info) -> list[InvoiceLine]:
        return cast("list[InvoiceLine]", await info.context.loaders.lines_of_invoice.load(root.id))

    @strawberry.field(
        description="What the customer has to do so that the charge under way goes on; null when none waits for them."
    )
    async def next_action(root: strawberry.Parent[InvoiceView], info: Info) -> NextAction | None:
        # One at most of an invoice is live.
        page = await info.context.loaders.charges_of_invoice.load(root.id, _FIRST, _WAITING)
        return cast("NextAction | None", page.items[0].next_action if page.items else None)

    @listed(CHARGES, description="The tries to pay it; none of an order's invoice, which the order's charges paid.")
    def charges(
        root: strawberry.Parent[InvoiceView],
        info: Info,
        filter: ChargesFilter = strawberry.UNSET,
        sort: ChargesSort = ChargeSort.NEWEST,
    ) -> Connection[Charge]:
        where = filter.to_domain() if filter else ChargeFilter()
        return paged(lambda request: info.context.loaders.charges_of_invoice.load(root.id, request, where))

    @listed(BY_ID, description="What was taken back of it since it was issued.")
    def credit_notes(
        root: strawberry.Parent[InvoiceView],
        info: Info,
        filter: Annotated[
            CreditNoteFilterInput | None, strawberry.argument(description="Which ones; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[CreditNote]:
        where = filter.to_domain() if filter else CreditNoteFilter()
        return paged(lambda request: info.context.loaders.credit_notes_of_invoice.load(root.id, request, where))


_FIRST = PageRequest(limit=1, sort=ChargeSort.NEWEST)
_WAITING = ChargeFilter(states=(ChargeState.REQUIRES_ACTION,))


async def invoice_of_order(info: Info, order_id: str) -> Invoice | None:
    """There is one at most."""
    page = await info.context.loaders.invoices_of_order.load(order_id, _NEWEST, InvoiceFilter())
    return cast("Invoice | None", page.items[0] if page.items else None)


_NEWEST = PageRequest(limit=1, sort=InvoiceSort.NEWEST)


@strawberry.type(description="A line that waits for the next invoice of its subscription, or else of its customer.")
class InvoiceItem(Node):
    id: strawberry.ID = strawberry.field(
        description="Global id, `inl_…`; also that of the line of the invoice that takes it."
    )
    removed_at: datetime | None = strawberry.field(
        description="When it was removed, so that no invoice takes it; null unless it was."
    )
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.PendingLine)

    @strawberry.field(description="What it asks for.")
    def line(root: strawberry.Parent[domain.PendingLine]) -> InvoiceLine:
        return cast("InvoiceLine", root.line)

    @strawberry.field(description="Who is to pay it; null if you may not see them.")
    async def customer(root: strawberry.Parent[domain.PendingLine], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))

    @strawberry.field(description="The subscription whose next invoice takes it; null when any of the customer does.")
    async def subscription(root: strawberry.Parent[domain.PendingLine], info: Info) -> LazySubscription | None:
        return cast("PlanSubscription | None", await info.context.loaders.subscriptions.load_if(root.subscription_id))

    @strawberry.field(description="The invoice that has taken it; null while it waits, and if you may not see it.")
    async def invoice(root: strawberry.Parent[domain.PendingLine], info: Info) -> Invoice | None:
        return cast("Invoice | None", await info.context.loaders.invoices.load_if(root.invoice_id))


# --- lists ----------------------------------------------------------------------------------------------------------


@strawberry.input(description="Which invoices to list; what is left out does not narrow.")
class InvoiceFilterInput:
    states: list[InvoiceState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")
    reasons: list[InvoiceReason] | None = strawberry.field(
        default=strawberry.UNSET, description="Only made for one of these."
    )
    number: str | None = strawberry.field(default=strawberry.UNSET, description="With this number, as it is printed.")
    subscription_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Of this subscription, `sub_…`."
    )
    order_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Of this order, `ord_…`.")
    discarded: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Drafts that were discarded, or all the others."
    )
    due: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="To be paid until a time in it.")
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Drafted in this span.")

    def to_domain(self) -> InvoiceFilter:
        since, before = span(given(self.created))
        due_since, due_before = span(given(self.due))
        return InvoiceFilter(
            states=words(self.states),
            reasons=words(self.reasons),
            number=given(self.number),
            subscription_id=given(self.subscription_id),
            order_id=given(self.order_id),
            discarded=given(self.discarded),
            due_from=due_since,
            due_before=due_before,
            created_from=since,
            created_before=before,
        )


@strawberry.input(description="Which of the lines that waited to list; what is left out does not narrow.")
class InvoiceItemFilterInput:
    waiting: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Those that wait, or those that an invoice has taken or that were removed.",
    )

    def to_domain(self) -> InvoiceItemFilter:
        return InvoiceItemFilter(waiting=given(self.waiting))


InvoicesFilter = Annotated[
    InvoiceFilterInput | None, strawberry.argument(description="Which invoices; all by default.")
]
InvoicesSort = Annotated[InvoiceSort, strawberry.argument(description="How the list is sorted.")]
InvoiceItemsFilter = Annotated[
    InvoiceItemFilterInput | None, strawberry.argument(description="Which ones; all by default.")
]


@strawberry.type
class InvoiceQuery:
    @strawberry.field(description="An invoice by its id; null when there is none, or it is not yours.")
    async def invoice(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the invoice, `inv_…`.")]
    ) -> Invoice | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("Invoice | None", await info.context.loaders.invoices.load(id))

    @listed(INVOICES, description="Invoices; a customer sees their own, and no drafts.")
    def invoices(
        self,
        info: Info,
        filter: InvoicesFilter = strawberry.UNSET,
        sort: InvoicesSort = InvoiceSort.NEWEST,
    ) -> Connection[Invoice] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else InvoiceFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.invoices.page(request, where, viewer=viewer))
