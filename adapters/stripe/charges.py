"""Charges, captures and voids: https://docs.stripe.com/api/payment_intents.

An answer that is a replay is the key's first one, so the intent is fetched after it. The parameters of an operation
must not change from one version of Paydesk to the next without need: Stripe refuses a key whose second request differs
from its first, and a request may be repeated a day later, by a process that was upgraded in between.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import stripe

from adapters.stripe.amounts import amount_of, currency_of
from adapters.stripe.errands import Answer, Errand, read, read_object
from adapters.stripe.payments import EXPAND, EXPAND_IN_LIST, is_ours, picture
from adapters.stripe.reading import OPERATION
from adapters.stripe.searching import search, seconds_before
from adapters.stripe.verdicts import UNREADABLE, Verdict, failed
from adapters.verdicts import as_looked
from domain.errors import AmountNotRepresentable
from domain.money import Money
from domain.provider import (
    CaptureMode,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
    ContinueRequest,
    LookUp,
    Outcome,
    VoidRequest,
)

_ENDED = frozenset({Outcome.SUCCEEDED, Outcome.VOIDED, Outcome.EXPIRED})
_CONFIRMABLE = "requires_confirmation"


class Charges:
    def __init__(self, client: stripe.StripeClient) -> None:
        self._intents = client.v1.payment_intents

    # --- asking -----------------------------------------------------------------------------------------------------

    async def charge(self, errand: Errand, request: ChargeRequest, *, now: datetime) -> ChargeResult | Verdict:
        amount = amount_or_refusal(request.amount)
        if isinstance(amount, Verdict):
            return amount
        params = _parameters(request, amount)
        told = await errand.do(
            "charge", lambda options: self._intents.create_async(params, options), key=request.operation_id
        )
        made = _intent_in(told)
        if made is None:
            return told if isinstance(told, Verdict) else UNREADABLE
        if not is_ours(made, request.operation_id):
            return UNREADABLE
        if told.replayed:
            return await self.fetch(errand, made["id"], now=now)
        seen = read_object(lambda body: picture(body, now=now), made)
        return _refused_open(seen, told) if isinstance(told, Verdict) and isinstance(seen, ChargeResult) else seen

    async def proceed(self, errand: Errand, request: ContinueRequest, *, now: datetime) -> ChargeResult | Verdict:
        """The intent as it is after its customer acted; confirmed here where only that is missing."""
        seen = await self._retrieve(errand, request.known_ref)
        if isinstance(seen, Verdict):
            # Reading is all that was tried, so whether it left or not nothing has happened.
            return seen
        if seen.body.get("status") != _CONFIRMABLE:
            return _read(seen, request.known_ref, now=now)
        told = await errand.do(
            "confirm",
            lambda options: self._intents.confirm_async(request.known_ref, {"expand": EXPAND}, options),
            key=request.operation_id,
        )
        if isinstance(told, Answer) and not told.replayed:
            return _read(told, request.known_ref, now=now)
        return await self._found_out(errand, told, request.known_ref, now=now)

    async def capture(self, errand: Errand, request: CaptureRequest, *, now: datetime) -> ChargeResult | Verdict:
        amount = amount_or_refusal(request.amount)
        if isinstance(amount, Verdict):
            return amount
        params: stripe.params.PaymentIntentCaptureParams = {"amount_to_capture": amount, "expand": EXPAND}
        told = await errand.do(
            "capture",
            lambda options: self._intents.capture_async(request.charge_ref, params, options),
            key=request.operation_id,
        )
        return await self._after_acting(errand, told, request.charge_ref, now=now)

    async def void(self, errand: Errand, request: VoidRequest, *, now: datetime) -> ChargeResult | Verdict:
        told = await errand.do(
            "void",
            lambda options: self._intents.cancel_async(request.charge_ref, {"expand": EXPAND}, options),
            key=request.operation_id,
        )
        return await self._after_acting(errand, told, request.charge_ref, now=now)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def fetch(self, errand: Errand, charge_ref: str, *, now: datetime) -> ChargeResult | Verdict:
        told = await self._retrieve(errand, charge_ref)
        if isinstance(told, Verdict):
            return as_looked(told)
        return _read(told, charge_ref, now=now)

    async def find(self, errand: Errand, look_up: LookUp, *, now: datetime) -> ChargeResult | Verdict | None:
        """Among the customer's intents since the request can have left; None when all were seen."""
        if look_up.charge_ref is not None:
            return await self.fetch(errand, look_up.charge_ref, now=now)
        params: stripe.params.PaymentIntentListParams = {
            "created": {"gte": seconds_before(look_up.not_before)},
            "expand": EXPAND_IN_LIST,
        }
        if look_up.customer_ref is not None:
            params["customer"] = look_up.customer_ref
        found = await search(
            errand,
            "payment intents",
            lambda page, options: self._intents.list_async({**params, **page}, options),
            lambda intent: is_ours(intent, look_up.operation_id),
        )
        if found is None or isinstance(found, Verdict):
            return found
        return read_object(lambda body: picture(body, now=now), found)

    # --- helpers ----------------------------------------------------------------------------------------------------

    async def _after_acting(
        self, errand: Errand, told: Answer | Verdict, charge_ref: str, *, now: datetime
    ) -> ChargeResult | Verdict:
        if isinstance(told, Answer) and not told.replayed:
            return _read(told, charge_ref, now=now)
        return await self._found_out(errand, told, charge_ref, now=now)

    async def _found_out(
        self, errand: Errand, told: Answer | Verdict, charge_ref: str, *, now: datetime
    ) -> ChargeResult | Verdict:
        """After a replay, or a refusal that carries the intent: what it is by now.

        A refusal that leaves the charge open is told as such: that this request was refused, not what became of it. A
        card that was declined is told with the intent, which another card may still pay.
        """
        if isinstance(told, Verdict) and _intent_in(told) is None:
            return told
        seen = await self.fetch(errand, charge_ref, now=now)
        if isinstance(told, Answer):
            return seen
        ended = {*_ENDED, Outcome.DECLINED} if told.outcome is Outcome.DECLINED else _ENDED
        return seen if isinstance(seen, ChargeResult) and seen.outcome in ended else told

    async def _retrieve(self, errand: Errand, charge_ref: str) -> Answer | Verdict:
        return await errand.look(
            f"payment intent {charge_ref}",
            lambda options: self._intents.retrieve_async(charge_ref, {"expand": EXPAND}, options),
        )


def _parameters(request: ChargeRequest, amount: int) -> stripe.params.PaymentIntentCreateParams:
    params: stripe.params.PaymentIntentCreateParams = {
        "amount": amount,
        "currency": currency_of(request.amount),
        "customer": request.customer_ref,
        "payment_method": request.token or request.payment_method_ref or "",
        "confirm": True,
        # `automatic_async` would answer before it is known what was taken.
        "capture_method": "manual" if request.capture is CaptureMode.MANUAL else "automatic",
        # Wallets are cards here too; what else the Dashboard has switched on is not offered. It excludes the parameters
        # that allow redirects: https://docs.stripe.com/changelog/dahlia/2026-07-29/allowed-payment-method-types-parameter.
        "allowed_payment_method_types": ["card"],
        "metadata": {**request.metadata, OPERATION: request.operation_id},
        "expand": EXPAND,
    }
    if not request.initiator.on_session:
        params["off_session"] = True
    elif request.return_url is not None:
        params["return_url"] = _naming(request.charge_id, request.return_url)
    else:
        # The next action is then one for Stripe's SDK in the app.
        params["use_stripe_sdk"] = True
    if request.token is not None and request.store_card:
        params["setup_future_usage"] = "off_session"
    return params


def _naming(charge_id: str, url: str) -> str:
    """The shop's address with the charge that its customer comes back from; Stripe adds its own ids and how it went."""
    parts = urlsplit(url)
    told = urlencode({"charge": charge_id})
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))


def amount_or_refusal(money: Money) -> int | Verdict:
    try:
        return amount_of(money)
    except AmountNotRepresentable:
        return failed("amount_not_representable", f"Stripe has no unit for {money}.")


def _refused_open(seen: ChargeResult, told: Verdict) -> ChargeResult:
    """An intent that was made, and waits for another try: of the one that was asked for, the refusal tells."""
    if seen.outcome is not Outcome.REQUIRES_ACTION:
        return seen
    return replace(seen, outcome=told.outcome, refusal=told.refusal, next_action=None, is_open=True)


def _intent_in(told: Answer | Verdict) -> Mapping[str, Any] | None:
    """The intent that came back; also of a declined card, in the error."""
    if isinstance(told, Verdict):
        found = told.error.get("payment_intent") if told.outcome in (Outcome.DECLINED, Outcome.FAILED) else None
    else:
        found = told.body
    is_one = isinstance(found, dict) and found.get("object") == "payment_intent" and isinstance(found.get("id"), str)
    return found if is_one else None


def _read(told: Answer, charge_ref: str, *, now: datetime) -> ChargeResult | Verdict:
    seen = read(lambda body: picture(body, now=now), told)
    if isinstance(seen, ChargeResult) and seen.charge_ref != charge_ref:
        return UNREADABLE
    return seen
