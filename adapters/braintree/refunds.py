"""Refunds: https://developer.paypal.com/braintree/docs/reference/request/transaction/refund.

A refund is a credit, and there is none before the sale begins to settle: until then the whole sale is voided, and a
part of it waits. So the sale is looked at first. What goes back by a void has no name of its own, and is called after
the sale. `transaction.reverse` does whichever of both is possible by the time it is asked, so that no sale settles
between the look and the deed; only the credit that it may make carries no `order_id` of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from adapters.braintree import order_ids
from adapters.braintree.amounts import money_of
from adapters.braintree.charges import amount_or_refusal
from adapters.braintree.declines import decline_of, settlement_decline_of
from adapters.braintree.errands import Errand
from adapters.braintree.payments import CREDIT, SALE, UNSETTLED, Sale, raw_of, sale_in
from adapters.braintree.reading import Unreadable, moment, ref, text, tree
from adapters.braintree.request_keys import RequestKeys, key_of
from adapters.braintree.searching import made_by
from adapters.braintree.verdicts import UNREADABLE, Verdict, as_not_acted, failed, has_code
from adapters.verdicts import as_looked
from domain.provider import ExecutedAs, LookUp, Outcome, RefundRequest, RefundResult, Refusal

_VOID = ":void"
"""Behind the sale's id: the refund that its void is."""
_NOT_YET = ("91506", "915282")
"""That only what is settling can be refunded, and that this can be neither voided nor refunded just now."""
_SKEW = timedelta(days=1)
"""How far our clock may be ahead of Braintree's."""

_OUTCOMES: dict[str, Outcome] = {
    "authorizing": Outcome.PENDING,
    "authorized": Outcome.PENDING,
    "submitted_for_settlement": Outcome.SUCCEEDED,
    "settlement_pending": Outcome.SUCCEEDED,
    "settlement_confirmed": Outcome.SUCCEEDED,
    "settling": Outcome.SUCCEEDED,
    "settled": Outcome.SUCCEEDED,
    "authorization_expired": Outcome.FAILED,
    "processor_declined": Outcome.FAILED,
    "gateway_rejected": Outcome.FAILED,
    "failed": Outcome.FAILED,
    "voided": Outcome.FAILED,
    "settlement_declined": Outcome.FAILED,
    "settlement_failed": Outcome.FAILED,
}
"""It is on its way once it is submitted, and may still be declined days later, or be voided until it settles."""


@dataclass(frozen=True, slots=True)
class Credit:
    result: RefundResult
    charge_ref: str | None
    made_at: datetime


class Refunds:
    def __init__(self, keys: RequestKeys) -> None:
        self._keys = keys

    async def refund(self, errand: Errand, request: RefundRequest) -> RefundResult | Verdict:
        amount = amount_or_refusal(request.amount)
        if isinstance(amount, Verdict):
            return amount
        sale = await self._sale(errand, request.charge_ref)
        if isinstance(sale, Verdict):
            return as_not_acted(sale)
        is_whole = request.amount == sale.amount
        if sale.was_given_back and is_whole:
            return void_of(sale, request.operation_id)
        if sale.was_given_back or sale.result.outcome is not Outcome.SUCCEEDED:
            return failed("not_taken", f"There is nothing to give back of a sale that is {sale.status}.")
        if sale.is_disputed:
            return await self._of_the_disputed(errand, sale, request)
        if sale.status not in UNSETTLED:
            return await self._give_back(errand, request, amount)
        if not is_whole:
            return _held_back(_UNSETTLED)
        return await self._reverse(errand, request)

    async def _of_the_disputed(self, errand: Errand, sale: Sale, request: RefundRequest) -> RefundResult | Verdict:
        """Braintree would give it back all the same, to a customer whose bank has done so already.

        What was given back by this operation, before the bank did, is told.
        """
        for refund_ref in sale.refund_refs:
            credit = await self._credit(errand, refund_ref)
            if isinstance(credit, Verdict):
                return as_looked(credit)
            if credit.result.operation_id == request.operation_id:
                return credit.result
        return failed("disputed", "The customer's bank has taken the money back: a dispute decides who has it.")

    async def _give_back(self, errand: Errand, request: RefundRequest, amount: str) -> RefundResult | Verdict:
        told = await errand.do(
            "refund",
            lambda gateway: gateway.transaction.refund(
                request.charge_ref,
                {
                    "amount": amount,
                    "order_id": order_ids.of_refund(request),
                    **key_of(request.operation_id, is_keyed=request.is_keyed),
                },
            ),
            credit_in,
            keyed=request.is_keyed,
        )
        if isinstance(told, Verdict):
            return self._refused(told, request)
        is_ours = told.result.operation_id == request.operation_id and told.charge_ref == request.charge_ref
        return told.result if is_ours else UNREADABLE

    async def _reverse(self, errand: Errand, request: RefundRequest) -> RefundResult | Verdict:
        told = await errand.do(
            "reverse",
            lambda gateway: gateway.transaction.reverse(
                request.charge_ref, {**key_of(request.operation_id, is_keyed=request.is_keyed)}
            ),
            _reversed,
            keyed=request.is_keyed,
        )
        if isinstance(told, Verdict):
            return self._refused(told, request)
        if isinstance(told, Sale):
            is_done = told.ref == request.charge_ref and told.was_given_back
            return void_of(told, request.operation_id) if is_done else UNREADABLE
        is_of_it = told.charge_ref == request.charge_ref
        return replace(told.result, operation_id=request.operation_id) if is_of_it else UNREADABLE

    def _refused(self, told: Verdict, request: RefundRequest) -> RefundResult | Verdict:
        if self._keys.are_refused_by(told):
            return _held_back(told.refusal)
        if has_code(told, *_NOT_YET):
            # Between two batches, or a moment too early. A key that was refused once stays so.
            return _held_back(replace(told.refusal, is_key_spent=request.is_keyed))
        return told

    # --- looking ------------------------------------------------------------------------------------------------------

    async def fetch(self, errand: Errand, refund_ref: str) -> RefundResult | Verdict:
        if refund_ref.endswith(_VOID):
            sale = await self._sale(errand, refund_ref.removesuffix(_VOID))
            if isinstance(sale, Verdict):
                return as_looked(sale)
            return void_of(sale, None) if sale.was_given_back else UNREADABLE
        credit = await self._credit(errand, refund_ref)
        return as_looked(credit) if isinstance(credit, Verdict) else credit.result

    async def find(self, errand: Errand, look_up: LookUp) -> RefundResult | Verdict | None:
        """By its order id among the refunds of the sale, which knows them at once; else as the whole of the sale.

        What gives a whole sale back leaves nothing for another refund. So the void, or the credit without a name of its
        own, that did so is what became of an operation that asked for it.
        """
        if look_up.charge_ref is None:
            return await self._search(errand, look_up.operation_id)
        sale = await self._sale(errand, look_up.charge_ref)
        if isinstance(sale, Verdict):
            return as_looked(sale)
        if sale.was_given_back and look_up.amount == sale.amount:
            return void_of(sale, look_up.operation_id)
        # Each by its name: a search may not have the newest yet.
        for refund_ref in sale.refund_refs:
            credit = await self._credit(errand, refund_ref)
            if isinstance(credit, Verdict):
                return as_looked(credit)
            if _is_made_by(credit, sale, look_up):
                return replace(credit.result, operation_id=look_up.operation_id)
        return None

    async def _search(self, errand: Errand, operation_id: str) -> RefundResult | Verdict | None:
        found = await made_by(errand, operation_id, CREDIT, credit_of)
        if isinstance(found, Verdict):
            return found
        return found[0].result if found else None

    async def _sale(self, errand: Errand, charge_ref: str) -> Sale | Verdict:
        told = await errand.look(
            f"transaction {charge_ref}", lambda gateway: gateway.transaction.find(charge_ref), sale_in
        )
        return told if isinstance(told, Verdict) or told.ref == charge_ref else UNREADABLE

    async def _credit(self, errand: Errand, refund_ref: str) -> Credit | Verdict:
        told = await errand.look(
            f"refund {refund_ref}", lambda gateway: gateway.transaction.find(refund_ref), credit_in
        )
        return told if isinstance(told, Verdict) or told.result.refund_ref == refund_ref else UNREADABLE


def credit_in(body: Mapping[str, Any]) -> Credit:
    return credit_of(tree(body["transaction"]))


def credit_of(found: Mapping[str, Any]) -> Credit:
    """Unreadable for a sale."""
    if text(found["type"]) != CREDIT:
        raise Unreadable("sale")
    status = text(found["status"])
    if status not in _OUTCOMES:
        raise Unreadable(status)
    outcome = _OUTCOMES[status]
    result = RefundResult(
        outcome=outcome,
        refund_ref=text(found["id"]),
        operation_id=order_ids.named_in(found).operation_id,
        amount=money_of(found["amount"], found["currency_iso_code"]),
        refusal=_refusal(found, status) if outcome is Outcome.FAILED else None,
        raw=raw_of(found),
    )
    return Credit(result, ref(found.get("refunded_transaction_id")), moment(found["created_at"]))


def _refusal(found: Mapping[str, Any], status: str) -> Refusal:
    if status in ("voided", "authorization_expired"):
        return Refusal("The refund was called off before it was on its way.", provider_code=status)
    if status in ("settlement_declined", "settlement_failed"):
        return replace(settlement_decline_of(found), decline_code=None)
    # A refund has no declines that would be of interest to a customer.
    return replace(decline_of(found), decline_code=None)


def _reversed(body: Mapping[str, Any]) -> Sale | Credit:
    """The sale, voided, or the credit that gives it back."""
    return sale_in(body) if tree(body["transaction"]).get("type") == SALE else credit_in(body)


def void_of(sale: Sale, operation_id: str | None) -> RefundResult:
    return RefundResult(
        outcome=Outcome.SUCCEEDED,
        refund_ref=f"{sale.ref}{_VOID}",
        operation_id=operation_id,
        amount=sale.amount,
        executed_as=ExecutedAs.VOID,
        raw=sale.result.raw,
    )


def _is_made_by(credit: Credit, sale: Sale, look_up: LookUp) -> bool:
    """Also the credit that `reverse` made, which bears the sale's own order id."""
    order_id = credit.result.operation_id
    if order_id == look_up.operation_id:
        return True
    is_whole = look_up.amount == credit.result.amount == sale.amount
    is_in_time = credit.made_at >= look_up.not_before - _SKEW
    return order_id == sale.result.operation_id and is_whole and is_in_time and not _has_failed(credit)


def _has_failed(credit: Credit) -> bool:
    return credit.result.outcome is Outcome.FAILED


_UNSETTLED = Refusal("A part can be given back once the sale has settled.", provider_code="not_settled")


def _held_back(refusal: Refusal) -> RefundResult:
    return RefundResult(outcome=Outcome.PENDING, is_held_back=True, refusal=refusal)
