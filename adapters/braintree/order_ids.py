"""What stands in a transaction's `order_id`: the operation that made it, and what of ours it is for.

It is all of ours that Braintree keeps, and shows in its lists, without having been set up for it (`custom_fields` have
to be); it takes 255 characters. A sale names its order or invoice, and its charge, too, by which reconciliation tells
whose it is when our own rows were lost. A refund that is given no `order_id` has its sale's
(https://developer.paypal.com/braintree/docs/reference/request/transaction/refund).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.braintree.reading import ref
from domain.ids import IdPrefix, prefix_of
from domain.provider import ChargeRequest, RefundRequest

_ORDER, _INVOICE, _CHARGE = "paydesk_order", "paydesk_invoice", "paydesk_charge"


def of_charge(request: ChargeRequest) -> str:
    paid = request.metadata.get(_ORDER) or request.metadata.get(_INVOICE)
    return _joined(request.operation_id, paid, request.metadata.get(_CHARGE))


def of_refund(request: RefundRequest) -> str:
    return _joined(request.operation_id, request.refund_id)


@dataclass(frozen=True, slots=True)
class Named:
    """As untrusted as any input: anybody with the account's keys may have written it."""

    operation_id: str | None = None
    order_id: str | None = None
    invoice_id: str | None = None
    charge_id: str | None = None
    refund_id: str | None = None

    @property
    def is_of_a_sale(self) -> bool:
        return self.charge_id is not None


def named_in(found: Mapping[str, Any]) -> Named:
    """Of a transaction; without more than an operation where it names none of ours."""
    match (ref(found.get("order_id")) or "").split("."):
        case [operation_id, paid, charge_id] if all((operation_id, paid, charge_id)):
            if prefix_of(paid) is IdPrefix.INVOICE:
                return Named(operation_id, invoice_id=paid, charge_id=charge_id)
            return Named(operation_id, order_id=paid, charge_id=charge_id)
        case [operation_id, refund_id] if all((operation_id, refund_id)):
            return Named(operation_id, refund_id=refund_id)
        case _:
            return Named(ref(found.get("order_id")))


def _joined(operation_id: str, *ids: str | None) -> str:
    return ".".join([operation_id, *(each for each in ids if each and "." not in each)])
