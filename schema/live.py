"""Live updates: an order, a subscription, an invoice, a charge, or everything, each event once, as they were committed.

What may be seen is asked again for each event, with the credentials that the subscription began with: a key that was
revoked, a scope that was taken away or a record that changed hands ends it at the next event. The reads decide, as they
do for queries; the feed only says whom to wake.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, Any, cast

import strawberry

from domain.errors import NotFound
from domain.events import Event as DomainEvent
from domain.feed import BEGINNING, FeedEntry, Interest, Place
from domain.principals import Permission
from schema.charges import Charge
from schema.context import Context, Info
from schema.invoices import Invoice
from schema.listing import words
from schema.orders import Order
from schema.pagination import decode_cursor, encode_cursor, given, refused
from schema.subscriptions import PlanSubscription
from schema.timeline import Event, TimelineFilter

_FEED = "FEED"
"""What cursors of the feed name where those of lists name a sorting."""
_NOBODY = "nobody"
"""Concerned by no event: followed by a customer who has no record."""

_CURSOR = "Give it as `after` to go on from here, also over another connection."
_NOW = "As it is now, which may be later than the event; null if you may no longer see it."
_FIRST = "Null in the first message, which tells how things are."

After = Annotated[
    str | None,
    strawberry.argument(
        description="The `cursor` of the last message: what happened since comes first. Without it, the subscription "
        "begins now, and its first message comes at once."
    ),
]


@strawberry.type(description="An order, and what happened to it.")
class OrderUpdate:
    order: Order | None = strawberry.field(description=_NOW)
    event: Event | None = strawberry.field(description=f"What happened. {_FIRST}")
    cursor: str = strawberry.field(description=_CURSOR)


@strawberry.type(description="A charge, and what happened to it.")
class ChargeUpdate:
    charge: Charge | None = strawberry.field(description=_NOW)
    event: Event | None = strawberry.field(description=f"What happened. {_FIRST}")
    cursor: str = strawberry.field(description=_CURSOR)


@strawberry.type(description="A subscription, and what happened to it.")
class SubscriptionUpdate:
    subscription: PlanSubscription | None = strawberry.field(description=_NOW)
    event: Event | None = strawberry.field(description=f"What happened. {_FIRST}")
    cursor: str = strawberry.field(description=_CURSOR)


@strawberry.type(description="An invoice, and what happened to it.")
class InvoiceUpdate:
    invoice: Invoice | None = strawberry.field(description=_NOW)
    event: Event | None = strawberry.field(description=f"What happened. {_FIRST}")
    cursor: str = strawberry.field(description=_CURSOR)


@strawberry.type(description="Something that happened.")
class EventUpdate:
    event: Event | None = strawberry.field(
        description="What happened. Null in the first message of a subscription without `after`, which says from where "
        "it follows."
    )
    cursor: str = strawberry.field(description=_CURSOR)


@strawberry.type(
    description="Following, over WebSockets (`graphql-transport-ws`) or as an event stream. Each message has a cursor; "
    "whoever comes back with it misses nothing and gets nothing twice."
)
class Subscription:
    @strawberry.subscription(
        description="The order now, and again each time something happens to it or to what hangs from it."
    )
    async def order_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the order, `ord_…`.")],
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[OrderUpdate | None, None]:
        async with aclosing(_updates(info, "order", id, after, lambda now: now.loaders.orders.load(id))) as updates:
            async for order, event, cursor in updates:
                yield OrderUpdate(order=order, event=event, cursor=cursor)

    @strawberry.subscription(
        description="The charge now, and again each time something happens to it or to what hangs from it."
    )
    async def charge_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the charge, `chg_…`.")],
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[ChargeUpdate | None, None]:
        async with aclosing(_updates(info, "charge", id, after, lambda now: now.loaders.charges.load(id))) as updates:
            async for charge, event, cursor in updates:
                yield ChargeUpdate(charge=charge, event=event, cursor=cursor)

    @strawberry.subscription(
        description="The subscription now, and again each time something happens to it or to what hangs from it."
    )
    async def subscription_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the subscription, `sub_…`.")],
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[SubscriptionUpdate | None, None]:
        updates = _updates(info, "subscription", id, after, lambda now: now.loaders.subscriptions.load(id))
        async with aclosing(updates):
            async for subscription, event, cursor in updates:
                yield SubscriptionUpdate(subscription=subscription, event=event, cursor=cursor)

    @strawberry.subscription(
        description="The invoice now, and again each time something happens to it or to what hangs from it."
    )
    async def invoice_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the invoice, `inv_…`.")],
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[InvoiceUpdate | None, None]:
        async with aclosing(_updates(info, "invoice", id, after, lambda now: now.loaders.invoices.load(id))) as updates:
            async for invoice, event, cursor in updates:
                yield InvoiceUpdate(invoice=invoice, event=event, cursor=cursor)

    @strawberry.subscription(description="Everything that happens, as far as the caller may see it.")
    async def events(
        self, info: Info, after: After = strawberry.UNSET, filter: TimelineFilter = strawberry.UNSET
    ) -> AsyncGenerator[EventUpdate | None, None]:
        context = info.context
        context.require(Permission.RECORDS_READ)
        kinds = frozenset(words(filter.kinds if filter else None))
        everything = context.viewer.sees_all
        interest = Interest(subject_id=None if everything else context.viewer.customer_id or _NOBODY, kinds=kinds)
        place = await _place(context, given(after))
        if given(after) is None:
            yield EventUpdate(event=None, cursor=_cursor(place))
        async with aclosing(context.services.feed.follow(interest, after=place)) as entries:
            async for entry in entries:
                await _renew(context)
                if (event := await _seen(context, entry)) is not None:
                    yield EventUpdate(event=cast("Event", event), cursor=_cursor(entry.place))


async def _updates(
    info: Info, noun: str, record_id: str, after: str | None, load: Callable[[Context], Awaitable[Any]]
) -> AsyncGenerator[tuple[Any, Any, str]]:
    """The record, the event and the cursor of each message. Raises `NotFound` when it is not to be seen (any more)."""
    context = info.context
    context.require(Permission.RECORDS_READ)
    # Before the record is read: what happens in between is told, and not lost.
    place = await _place(context, given(after))
    record = await load(context)
    if record is None:
        raise NotFound(noun, path=("id",))
    if given(after) is None:
        yield record, None, _cursor(place)
    async with aclosing(context.services.feed.follow(Interest(subject_id=record_id), after=place)) as entries:
        async for entry in entries:
            await _renew(context)
            event, record = await _seen(context, entry), await load(context)
            if record is None:
                raise NotFound(noun, path=("id",))
            if event is not None:
                yield record, event, _cursor(entry.place)


async def _renew(context: Context) -> None:
    await context.renew()
    context.require(Permission.RECORDS_READ)


async def _seen(context: Context, entry: FeedEntry) -> DomainEvent | None:
    """The event, if it is for these eyes; those who do not see everything have it read by the rule of the timeline."""
    return entry.event if context.viewer.sees_all else await context.loaders.events.load(entry.event.id)


async def _place(context: Context, after: str | None) -> Place:
    if after is None:
        return await context.services.feed.end()
    (event_id,) = decode_cursor(after, argument="after", sort=_FEED, key_types=(str,))
    if not event_id:
        return BEGINNING
    place = await context.services.feed.find(str(event_id))
    if place is None:
        raise refused("after", "“after” is not a cursor of this feed.")
    return place


def _cursor(place: Place) -> str:
    return encode_cursor(_FEED, (place.event_id or "",))
