"""Charges, captures and voids: https://developer.paypal.com/braintree/docs/reference/request/transaction/sale.

The operation's id begins the `order_id` of the sale that it makes, by which that is found (order_ids.py), and is its
`api_request_key` where the operation is solved by its key. The parameters of an operation must not change from one
version of Paydesk to the next without need: Braintree refuses a key whose second request differs from its first, and a
request may be repeated weeks later, by a process that was upgraded in between.

Without a key the gateway's own check for duplicates stays on (with one, Braintree leaves it out): what it rejects is
taken for ours only where the search shows a sale with our `order_id`.

A customer is confirmed before the sale here (confirmations.py): the first sale that is refused for want of that is
answered with what the client SDK needs, and the sale that charges is another one, with the nonce that it gives back.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from adapters.braintree import order_ids
from adapters.braintree.amounts import written
from adapters.braintree.confirmations import action_for, wrong_with
from adapters.braintree.errands import Errand
from adapters.braintree.payments import SALE, Sale, charge_in, sale_in, sale_of
from adapters.braintree.request_keys import RequestKeys, key_of
from adapters.braintree.searching import made_by
from adapters.braintree.tokens import is_name
from adapters.braintree.verdicts import UNREADABLE, Verdict, as_not_acted, failed, has_code
from adapters.verdicts import as_looked
from domain.errors import AmountNotRepresentable
from domain.money import Money
from domain.provider import (
    CaptureMode,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
    ContinueRequest,
    Initiator,
    LookUp,
    Outcome,
    Refusal,
    VoidRequest,
)

_NONCE_USED = "91564"
"""A nonce is good for one request: https://developer.paypal.com/braintree/docs/reference/general/validation-errors/all."""
_ENDED = frozenset({Outcome.SUCCEEDED, Outcome.VOIDED, Outcome.EXPIRED})
_MADE = frozenset({Outcome.SUCCEEDED, Outcome.AUTHORIZED, Outcome.PENDING, Outcome.VOIDED, Outcome.EXPIRED})

_SOURCES: dict[Initiator, str] = {
    Initiator.RECURRING: "recurring",
    Initiator.UNSCHEDULED: "unscheduled",
    Initiator.INSTALMENT: "installment",
}
"""https://developer.paypal.com/braintree/graphql/reference/types/payment-initiator. `recurring_first` and
`installment_first` are of the customer's own first payment, of which nobody knows here what will follow it."""


class Charges:
    def __init__(
        self,
        merchant_accounts: Mapping[str, str],
        keys: RequestKeys,
        *,
        always_authenticates: bool,
        look_up_lag: timedelta,
    ) -> None:
        """`merchant_accounts`: the id of each currency's."""
        self._merchant_accounts = merchant_accounts
        self._keys = keys
        self._always_authenticates = always_authenticates
        self._look_up_lag = look_up_lag

    # --- asking -----------------------------------------------------------------------------------------------------

    async def charge(self, errand: Errand, request: ChargeRequest, *, now: datetime) -> ChargeResult | Verdict:
        required = self._always_authenticates and request.initiator.on_session
        return await self._sell(errand, request, authenticated=required, now=now)

    async def proceed(self, errand: Errand, request: ContinueRequest, *, now: datetime) -> ChargeResult | Verdict:
        """The sale that was asked for, with a nonce that stands for a customer who was confirmed."""
        if request.charge is None:
            raise LookupError(f"{request.operation_id} continues a charge that is not told")
        if request.token is None or not is_name(request.token):
            return failed("token_missing", "A nonce of the customer's confirmation is needed.")
        wrong = await wrong_with(errand, request.token, request.charge)
        if wrong is not None:
            return wrong
        charge = replace(
            request.charge, operation_id=request.operation_id, token=request.token, is_keyed=request.is_keyed
        )
        return await self._sell(errand, charge, authenticated=True, now=now)

    async def _sell(
        self, errand: Errand, request: ChargeRequest, *, authenticated: bool, now: datetime
    ) -> ChargeResult | Verdict:
        merchant_account_id = self._merchant_accounts.get(request.amount.currency)
        if merchant_account_id is None:
            return failed(
                "currency_without_account",
                f"No merchant account at Braintree takes {request.amount.currency}: see BRAINTREE_MERCHANT_ACCOUNTS.",
                # Settings change: it may have been sent before, when there was one.
                is_key_spent=True,
            )
        amount = amount_or_refusal(request.amount)
        if isinstance(amount, Verdict):
            return amount
        if not is_name((request.payment_method_ref if request.token is None else request.token) or ""):
            return failed("card_unreadable", "This is neither a nonce nor a stored card.")
        if not is_name(request.customer_ref):
            # Without one, and without a card, Braintree would charge whatever it finds.
            return failed("customer_unreadable", "This is no customer of Braintree's.")
        told = await errand.do(
            "charge",
            lambda gateway: gateway.transaction.sale(
                _parameters(request, amount, merchant_account_id, authenticated=authenticated)
            ),
            sale_in,
            keyed=request.is_keyed,
        )
        if self._keys.are_refused_by(told):
            return held_back(told)
        if has_code(told, _NONCE_USED) and not request.is_keyed:
            told = await self._used_by_ourselves(errand, request.operation_id, told)
        if isinstance(told, Verdict):
            return told
        if told.result.operation_id != request.operation_id:
            return UNREADABLE
        if told.is_duplicate:
            return await self._of_the_same(errand, request.operation_id)
        return await self._answer(errand, told, request.initiator, now=now)

    async def _used_by_ourselves(self, errand: Errand, operation_id: str, told: Verdict) -> Sale | Verdict:
        """Without a key a request that was doubled on its way is worked on twice: the first has used the nonce."""
        sales = await made_by(errand, operation_id, SALE, sale_of)
        return told if isinstance(sales, Verdict) or not sales else _best_of(sales)

    async def capture(self, errand: Errand, request: CaptureRequest) -> ChargeResult | Verdict:
        """Less than what is held releases the rest. The sale keeps its own `order_id`."""
        amount = amount_or_refusal(request.amount)
        if isinstance(amount, Verdict):
            return amount
        told = await errand.do(
            "capture",
            lambda gateway: gateway.transaction.submit_for_settlement(
                request.charge_ref, amount, {**key_of(request.operation_id, is_keyed=request.is_keyed)}
            ),
            charge_in,
            keyed=request.is_keyed,
        )
        return await self._after_acting(errand, told, request.charge_ref)

    async def void(self, errand: Errand, request: VoidRequest) -> ChargeResult | Verdict:
        """Looks first: Braintree would also void what was submitted for settlement, and that is a refund."""
        seen = await self._find(errand, request.charge_ref)
        if isinstance(seen, Verdict):
            return as_not_acted(seen)
        if seen.outcome in _ENDED:
            return seen
        told = await errand.do(
            "void",
            lambda gateway: gateway.transaction.void(
                request.charge_ref, {**key_of(request.operation_id, is_keyed=request.is_keyed)}
            ),
            charge_in,
            keyed=request.is_keyed,
        )
        return await self._after_acting(errand, told, request.charge_ref)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def fetch(self, errand: Errand, charge_ref: str) -> ChargeResult | Verdict:
        seen = await self._find(errand, charge_ref)
        return as_looked(seen) if isinstance(seen, Verdict) else seen

    async def find(self, errand: Errand, look_up: LookUp, *, now: datetime) -> ChargeResult | Verdict | None:
        """By the order id; None when the search shows none."""
        if look_up.charge_ref is not None:
            return await self.fetch(errand, look_up.charge_ref)
        sales = await made_by(errand, look_up.operation_id, SALE, sale_of)
        if isinstance(sales, Verdict) or not sales:
            return sales if isinstance(sales, Verdict) else None
        found = _best_of(sales)
        if found.is_duplicate and now - look_up.not_before <= self._look_up_lag:
            return _DUPLICATE
        return await self._answer(errand, found, look_up.initiator, now=now)

    # --- helpers ----------------------------------------------------------------------------------------------------

    async def _find(self, errand: Errand, charge_ref: str) -> ChargeResult | Verdict:
        told = await errand.look(
            f"transaction {charge_ref}", lambda gateway: gateway.transaction.find(charge_ref), charge_in
        )
        return _same(told, charge_ref)

    async def _after_acting(
        self, errand: Errand, told: ChargeResult | Verdict, charge_ref: str
    ) -> ChargeResult | Verdict:
        """A refusal that leaves the charge open is told as such: that this request was refused, not what became of the
        charge."""
        if self._keys.are_refused_by(told):
            return held_back(told)
        if not isinstance(told, Verdict) or told.outcome is not Outcome.FAILED:
            return _same(told, charge_ref)
        seen = await self._find(errand, charge_ref)
        return seen if isinstance(seen, ChargeResult) and seen.outcome in _ENDED else told

    async def _of_the_same(self, errand: Errand, operation_id: str) -> ChargeResult | Verdict:
        """Rejected as the repetition of another sale: ours, where it is found; else that one may not be found yet."""
        sales = await made_by(errand, operation_id, SALE, sale_of)
        if isinstance(sales, Verdict):
            return sales
        found = _best_of(sales).result if sales else None
        return found if found is not None and found.outcome in _MADE else _DUPLICATE

    async def _answer(
        self, errand: Errand, sale: Sale, initiator: Initiator, *, now: datetime
    ) -> ChargeResult | Verdict:
        if not sale.wants_authentication or not initiator.on_session:
            return sale.result
        action = await action_for(errand, sale, now=now)
        if isinstance(action, Verdict):
            # Without a card or a token nobody can be asked, and it is declined; what was not heard is asked again.
            return sale.result if action.outcome is Outcome.FAILED else as_looked(action)
        return replace(
            sale.result,
            outcome=Outcome.REQUIRES_ACTION,
            # Nothing there could be paid: what charges is another sale.
            charge_ref=None,
            next_action=action,
            refusal=None,
            payment_method=None,
        )


_DUPLICATE = Verdict(
    outcome=Outcome.UNKNOWN,
    refusal=Refusal("Braintree has seen this sale before, and does not show it yet.", provider_code="duplicate"),
)


def _parameters(
    request: ChargeRequest, amount: str, merchant_account_id: str, *, authenticated: bool
) -> dict[str, Any]:
    """Anew each time: the SDK writes into what it is given."""
    options: dict[str, Any] = {"submit_for_settlement": request.capture is CaptureMode.AUTOMATIC}
    params: dict[str, Any] = {
        "amount": amount,
        "merchant_account_id": merchant_account_id,
        "order_id": order_ids.of_charge(request),
        "customer_id": request.customer_ref,
        "options": options,
        **key_of(request.operation_id, is_keyed=request.is_keyed),
    }
    if request.token is not None:
        params["payment_method_nonce"] = request.token
        options["store_in_vault_on_success"] = request.store_card
    else:
        params["payment_method_token"] = request.payment_method_ref
    if authenticated:
        options["three_d_secure"] = {"required": True}
    if not request.initiator.on_session:
        params["transaction_source"] = _SOURCES[request.initiator]
    return params


def _best_of(sales: list[Sale]) -> Sale:
    """Of several with one order id: the one that charged, before those that were rejected as its repetition."""
    return min(sales, key=lambda sale: (sale.result.outcome not in _MADE, sale.is_duplicate, sale.made_at))


def _same(told: ChargeResult | Verdict, charge_ref: str) -> ChargeResult | Verdict:
    if isinstance(told, ChargeResult) and told.charge_ref != charge_ref:
        return UNREADABLE
    return told


def held_back(told: Verdict) -> ChargeResult:
    """Refused for its key alone: it may be sent without."""
    return ChargeResult(outcome=Outcome.PENDING, is_held_back=True, refusal=told.refusal, raw=told.raw)


def amount_or_refusal(money: Money) -> str | Verdict:
    try:
        return written(money)
    except AmountNotRepresentable:
        return failed("amount_not_representable", f"Braintree has no unit for {money}.")
