"""Billing records are never deleted. Whoever asks is told so, and what to do instead."""

from domain.errors import DeleteNotAllowed, NotFound
from domain.ids import IdPrefix, prefix_of
from domain.principals import Permission, Principal
from domain.queries import Queries, Viewer

_INSTEAD: dict[IdPrefix, tuple[str, str]] = {
    IdPrefix.CUSTOMER: ("A customer", "their orders and payments have to stay readable."),
    IdPrefix.PRODUCT: ("A product", "archive it with productArchive."),
    IdPrefix.PRICE: ("A price", "archive it with priceArchive."),
    IdPrefix.ORDER: ("An order", "cancel it with orderCancel."),
    IdPrefix.SUBSCRIPTION: ("A subscription", "end it with subscriptionCancel."),
    IdPrefix.INVOICE: (
        "An invoice",
        "call it off with invoiceVoid, credit it, or discard a draft with invoiceDiscard.",
    ),
    IdPrefix.INVOICE_LINE: ("A line of an invoice", "one that waits is removed with invoiceItemRemove."),
    IdPrefix.PAYMENT_METHOD: ("A payment method", "detach it with paymentMethodDetach."),
    IdPrefix.CHARGE: ("A charge", "give its money back with chargeRefund."),
    IdPrefix.REFUND: ("A refund", "it is part of the books."),
    IdPrefix.DISPUTE: ("A dispute", "it is part of the books."),
    IdPrefix.DECISION: ("A decision", "it is part of the books."),
    IdPrefix.EVENT: ("An event", "it is part of the books."),
}


async def refuse_delete(queries: Queries, principal: Principal, object_id: str) -> None:
    """Always raises: NotFound for what the principal cannot see, DeleteNotAllowed for everything else."""
    principal.require(Permission.RECORDS_READ)
    prefix = prefix_of(object_id)
    if prefix not in _INSTEAD:
        raise NotFound("record", path=("id",))
    if not await _is_visible(queries, prefix, object_id, Viewer.of(principal)):
        raise NotFound("record", path=("id",))
    what, instead = _INSTEAD[prefix]
    raise DeleteNotAllowed(f"{what} is never deleted: {instead}", path=("id",))


async def _is_visible(queries: Queries, prefix: IdPrefix, object_id: str, viewer: Viewer) -> bool:
    ids = [object_id]
    match prefix:
        case IdPrefix.CUSTOMER:
            return object_id in await queries.customers.by_ids(ids, viewer=viewer)
        case IdPrefix.PRODUCT:
            return object_id in await queries.products.by_ids(ids, viewer=viewer)
        case IdPrefix.PRICE:
            return object_id in await queries.prices.by_ids(ids, viewer=viewer)
        case IdPrefix.ORDER:
            return object_id in await queries.orders.by_ids(ids, viewer=viewer)
        case IdPrefix.SUBSCRIPTION:
            return object_id in await queries.subscriptions.by_ids(ids, viewer=viewer)
        case IdPrefix.INVOICE:
            return object_id in await queries.invoices.by_ids(ids, viewer=viewer)
        case IdPrefix.INVOICE_LINE:
            return object_id in await queries.invoice_items.by_ids(ids, viewer=viewer)
        case IdPrefix.PAYMENT_METHOD:
            return object_id in await queries.payment_methods.by_ids(ids, viewer=viewer)
        case IdPrefix.CHARGE:
            return object_id in await queries.charges.by_ids(ids, viewer=viewer)
        case IdPrefix.REFUND:
            return object_id in await queries.refunds.by_ids(ids, viewer=viewer)
        case IdPrefix.DISPUTE:
            return object_id in await queries.disputes.by_ids(ids, viewer=viewer)
        case IdPrefix.DECISION:
            return object_id in await queries.decisions.by_ids(ids, viewer=viewer)
        case IdPrefix.EVENT:
            return object_id in await queries.events.by_ids(ids, viewer=viewer)
        case _:
            return False
