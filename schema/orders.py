"""Orders and their lines."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import orders as domain
from domain.errors import PaydeskError
from domain.orders import OrderState, PaymentState
from domain.principals import Permission
from domain.queries import ChargeFilter, ChargeSort, OrderFilter, OrderSort, OrderView
from domain.services.orders import CreateOrder, NewLine
from schema.charges import Charge, ChargesFilter, ChargesSort
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_OPTIONAL, request_of
from schema.invoices import Invoice, invoice_of_order
from schema.listing import CHARGES, ORDERS, TimeSpan, listed, paged, span, words
from schema.money import Money, MoneyInput
from schema.pagination import Connection, given
from schema.products import Price, Product
from schema.scalars import Currency, Metadata
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.customers import Customer

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.customers")]

described_enum(
    OrderState,
    description="Where an order is on its way.",
    values={
        OrderState.OPEN: "Lines may change.",
        OrderState.PLACED: "Lines are fixed; it waits to be paid.",
        OrderState.COMPLETED: "Fully paid, or there was nothing to pay.",
        OrderState.CANCELED: "Called off; it cannot be paid.",
        OrderState.EXPIRED: "Not paid in time; it cannot be paid.",
    },
)
described_enum(
    PaymentState,
    description="What an order's charges, refunds and disputes add up to. Nothing sets it: it follows.",
    values={
        PaymentState.UNPAID: "Nothing was taken.",
        PaymentState.AUTHORIZED: "An amount is held, nothing was taken.",
        PaymentState.PARTIALLY_PAID: "Less than the total was taken.",
        PaymentState.PAID: "The total was taken, or there was nothing to pay.",
        PaymentState.OVERPAID: "More than the total was taken.",
        PaymentState.PARTIALLY_REFUNDED: "A part of what was taken went back.",
        PaymentState.REFUNDED: "All that was taken went back.",
        PaymentState.DISPUTED: "A bank has taken money back, for a dispute that is open or lost.",
    },
)


@strawberry.type(description="Something ordered, copied from the catalogue when it was added.")
class OrderLine:
    id: strawberry.ID = strawberry.field(description="Id of the line in this order, `line_…`; not for `node(id:)`.")
    name: str = strawberry.field(description="Of the product when the line was added.")
    unit_amount: Money = strawberry.field(description="What one unit costs.")
    quantity: int = strawberry.field(description="How many units, at least 1.")
    amount: Money = strawberry.field(description="What they cost together: `unitAmount` × `quantity`.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.OrderLine)

    @strawberry.field(description="What was ordered; null on a line that a server wrote by hand.")
    async def product(root: strawberry.Parent[domain.OrderLine], info: Info) -> Product | None:
        found = await info.context.loaders.products.load(root.product_id) if root.product_id else None
        return cast("Product | None", found)

    @strawberry.field(description="At which price; null on a line that a server wrote by hand.")
    async def price(root: strawberry.Parent[domain.OrderLine], info: Info) -> Price | None:
        found = await info.context.loaders.prices.load(root.price_id) if root.price_id else None
        return cast("Price | None", found)


@strawberry.type(
    description="What a customer buys: lines while it is open, then placed, then complete when it is paid."
)
class Order(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `ord_…`.")
    state: OrderState = strawberry.field(description="Where it is on its way.")
    payment_state: PaymentState = strawberry.field(description="What its charges, refunds and disputes add up to.")
    total: Money = strawberry.field(description="The sum of the lines; computed, never sent.")
    authorized: Money = strawberry.field(description="What is held on cards and not taken.")
    captured: Money = strawberry.field(description="What its charges have taken.")
    refunded: Money = strawberry.field(description="What went back of that.")
    version: int = strawberry.field(description="Goes up with every change; send it back to refuse a lost update.")
    external_id: str | None = strawberry.field(
        description="Its id in another system, where it comes from one; unique. Else null."
    )
    external_version: int | None = strawberry.field(description="That system's version of it; null if it has none.")
    expires_at: datetime | None = strawberry.field(description="When it expires unpaid; null if never.")
    placed_at: datetime | None = strawberry.field(description="When it was placed; null before.")
    completed_at: datetime | None = strawberry.field(description="When it was fully paid; null before.")
    canceled_at: datetime | None = strawberry.field(description="When it was cancelled; null unless it was.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, OrderView)

    @strawberry.field(description="Your own keys and values; for servers and staff, empty for customers.")
    def metadata(root: strawberry.Parent[OrderView], info: Info) -> Metadata:
        return Metadata(dict(root.metadata) if info.context.viewer.sees_all else {})

    @strawberry.field(description="Whose it is; null if you may not see them.")
    async def customer(root: strawberry.Parent[OrderView], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))

    @strawberry.field(description="What was ordered, in the order in which it was added; 500 lines at most.")
    async def lines(root: strawberry.Parent[OrderView], info: Info) -> list[OrderLine]:
        return cast("list[OrderLine]", await info.context.loaders.lines_of_order.load(root.id))

    @strawberry.field(description="The invoice that confirms its payment; null before it is paid, and without one.")
    async def invoice(root: strawberry.Parent[OrderView], info: Info) -> Invoice | None:
        return await invoice_of_order(info, root.id)

    @listed(CHARGES, description="The tries to pay it.")
    def charges(
        root: strawberry.Parent[OrderView],
        info: Info,
        filter: ChargesFilter = strawberry.UNSET,
        sort: ChargesSort = ChargeSort.NEWEST,
    ) -> Connection[Charge]:
        where = filter.to_domain() if filter else ChargeFilter()
        return paged(lambda request: info.context.loaders.charges_of_order.load(root.id, request, where))


@strawberry.input(description="Which orders to list; what is left out does not narrow.")
class OrderFilterInput:
    states: list[OrderState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")
    payment_states: list[PaymentState] | None = strawberry.field(
        default=strawberry.UNSET, description="Only in these payment states."
    )
    external_id: str | None = strawberry.field(default=strawberry.UNSET, description="With this external id.")
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Made in this span.")

    def to_domain(self) -> OrderFilter:
        since, before = span(given(self.created))
        return OrderFilter(
            states=words(self.states),
            payment_states=words(self.payment_states),
            external_id=given(self.external_id),
            created_from=since,
            created_before=before,
        )


OrdersFilter = Annotated[OrderFilterInput | None, strawberry.argument(description="Which orders; all by default.")]
OrdersSort = Annotated[OrderSort, strawberry.argument(description="How the list is sorted.")]


@strawberry.type
class OrderQuery:
    @strawberry.field(description="An order by its id; null when there is none, or it is not yours.")
    async def order(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the order, `ord_…`.")]
    ) -> Order | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("Order | None", await info.context.loaders.orders.load(id))

    @listed(ORDERS, description="Orders; a customer sees their own.")
    def orders(
        self,
        info: Info,
        filter: OrdersFilter = strawberry.UNSET,
        sort: OrdersSort = OrderSort.NEWEST,
    ) -> Connection[Order] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else OrderFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.orders.page(request, where, viewer=viewer))


# --- mutations ------------------------------------------------------------------------------------------------------

_VERSION = "Refuse (STALE_VERSION) unless the order is at this version."
_QUANTITY = "How many, 1 to 1,000,000."


@strawberry.input(description="A line: of a price, or by hand with a name and an amount (for servers).")
class OrderLineInput:
    price_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="A one-time price.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="For a line by hand: what it says. Only with `unitAmount`."
    )
    unit_amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="For a line by hand: what one costs. Only with `name`."
    )
    quantity: int = strawberry.field(default=1, description=_QUANTITY)

    def to_domain(self, *path: str) -> NewLine:
        amount = given(self.unit_amount)
        return NewLine(
            price_id=given(self.price_id),
            name=given(self.name),
            unit_amount=amount.to_domain(*path, "unitAmount") if amount else None,
            quantity=self.quantity,
        )


@strawberry.input(description="A new order.")
class OrderCreateInput:
    customer_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Whose; left out by a customer, who means themselves."
    )
    currency: Currency | None = strawberry.field(
        default=strawberry.UNSET, description="Of all its lines; left out, that of the first line."
    )
    lines: list[OrderLineInput] = strawberry.field(
        default_factory=list, description="Lines to begin with; more can be added."
    )
    external_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Of an order that comes from another system; unique. For servers."
    )
    external_version: int | None = strawberry.field(
        default=strawberry.UNSET, description="That system's version. For servers."
    )
    metadata: Metadata | None = strawberry.field(
        default=strawberry.UNSET, description="Your own keys and values. For servers."
    )
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it expires if it is neither paid by then nor its amount held."
    )
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A line to add to an open order.")
class OrderAddLineInput(OrderLineInput):
    order_id: strawberry.ID = strawberry.field(description="Id of the order, `ord_…`.")
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="Another quantity for a line of an open order.")
class OrderUpdateLineInput:
    order_id: strawberry.ID = strawberry.field(description="Id of the order, `ord_…`.")
    line_id: strawberry.ID = strawberry.field(description="Id of the line, `line_…`.")
    quantity: int = strawberry.field(description=_QUANTITY)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="A line to take out of an open order.")
class OrderRemoveLineInput:
    order_id: strawberry.ID = strawberry.field(description="Id of the order, `ord_…`.")
    line_id: strawberry.ID = strawberry.field(description="Id of the line, `line_…`.")
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="An order whose lines are right.")
class OrderPlaceInput:
    order_id: strawberry.ID = strawberry.field(description="Id of the order, `ord_…`.")
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="An order to call off.")
class OrderCancelInput:
    order_id: strawberry.ID = strawberry.field(description="Id of the order, `ord_…`.")
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.type(description="The order, or why it was refused.")
class OrderPayload:
    order: Order | None = strawberry.field(default=None, description="The order as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class OrderMutation:
    @strawberry.mutation(description="Make an order. Its lines may change until it is placed.")
    async def order_create(self, info: Info, input: OrderCreateInput) -> OrderPayload | None:
        principal = info.context.principal
        try:
            order_id = await info.context.services.orders.create(
                principal,
                CreateOrder(
                    customer_id=given(input.customer_id),
                    currency=given(input.currency),
                    lines=[line.to_domain("lines", str(place)) for place, line in enumerate(input.lines)],
                    external_id=given(input.external_id),
                    external_version=given(input.external_version),
                    metadata=given(input.metadata),
                    expires_at=given(input.expires_at),
                    request=request_of(principal, "orderCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return OrderPayload(user_errors=[user_error(error)])
        return await _payload(info, order_id)

    @strawberry.mutation(description="Add a line to an open order.")
    async def order_add_line(self, info: Info, input: OrderAddLineInput) -> OrderPayload | None:
        principal = info.context.principal
        try:
            order_id = await info.context.services.orders.add_line(
                principal,
                input.order_id,
                input.to_domain(),
                version=given(input.version),
                request=request_of(principal, "orderAddLine", input.idempotency_key, input),
            )
        except PaydeskError as error:
            return OrderPayload(user_errors=[user_error(error)])
        return await _payload(info, order_id)

    @strawberry.mutation(description="Change the quantity of a line of an open order.")
    async def order_update_line(self, info: Info, input: OrderUpdateLineInput) -> OrderPayload | None:
        try:
            order_id = await info.context.services.orders.update_line(
                info.context.principal,
                input.order_id,
                input.line_id,
                quantity=input.quantity,
                version=given(input.version),
            )
        except PaydeskError as error:
            return OrderPayload(user_errors=[user_error(error)])
        return await _payload(info, order_id)

    @strawberry.mutation(description="Take a line out of an open order.")
    async def order_remove_line(self, info: Info, input: OrderRemoveLineInput) -> OrderPayload | None:
        try:
            order_id = await info.context.services.orders.remove_line(
                info.context.principal, input.order_id, input.line_id, version=given(input.version)
            )
        except PaydeskError as error:
            return OrderPayload(user_errors=[user_error(error)])
        return await _payload(info, order_id)

    @strawberry.mutation(description="Fix the lines. An order with nothing to pay is complete at once.")
    async def order_place(self, info: Info, input: OrderPlaceInput) -> OrderPayload | None:
        try:
            order_id = await info.context.services.orders.place(
                info.context.principal, input.order_id, version=given(input.version)
            )
        except PaydeskError as error:
            return OrderPayload(user_errors=[user_error(error)])
        return await _payload(info, order_id)

    @strawberry.mutation(
        description="Call an order off that has taken no money. A payment that waits for the customer is ended "
        "first. An amount that is held is released, where the caller may capture; else the order cannot be cancelled."
    )
    async def order_cancel(self, info: Info, input: OrderCancelInput) -> OrderPayload | None:
        try:
            order_id = await info.context.services.orders.cancel(
                info.context.principal, input.order_id, version=given(input.version)
            )
        except PaydeskError as error:
            return OrderPayload(user_errors=[user_error(error)])
        return await _payload(info, order_id)


async def _payload(info: Info, order_id: str) -> OrderPayload:
    info.context.changed()
    return OrderPayload(order=cast("Order | None", await info.context.loaders.orders.load(order_id)))
