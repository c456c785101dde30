"""Storing cards: https://docs.stripe.com/api/setup_intents and https://docs.stripe.com/payments/save-and-reuse.

A card comes in one of two ways. Either the app has made a payment method (`pm_…`) with the Payment Element or one of
the mobile SDKs, and it is set up here. Or the app has confirmed the SetupIntent of its client session itself, and names
that (`seti_…`, or its client secret); then it is only looked at, and taken when it is this very customer's.

While its customer has to confirm a card, it goes by the SetupIntent's id, and by the payment method's afterwards. Only
cards are stored, wallets' among them. Link's own accounts are none: what is charged with one is no card that the
gateway could show, or that a later charge which asks for cards could take.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import stripe

from adapters.stripe.cards import card_in, fingerprint_in
from adapters.stripe.declines import decline_of
from adapters.stripe.errands import Answer, Errand, read, read_object
from adapters.stripe.payments import action_of
from adapters.stripe.reading import Unreadable, object_of, ref_of, text
from adapters.stripe.verdicts import UNREADABLE, Verdict, failed, is_missing
from adapters.verdicts import as_looked
from domain.declines import DeclineCode
from domain.provider import AttachRequest, Outcome, PaymentMethodResult, Refusal

METHOD = "paydesk_payment_method"
_SETUP = "seti_"
_SECRET = "_secret_"  # noqa: S105 - what stands between an intent's id and the rest of its client secret
_NAME = re.compile(r"seti_\w+", re.ASCII)
"""It comes from anybody, and becomes a part of an address."""
_EXPAND = ["payment_method"]
_ENDED = frozenset({"canceled", "succeeded"})


class Methods:
    def __init__(self, client: stripe.StripeClient) -> None:
        self._setups = client.v1.setup_intents
        self._methods = client.v1.payment_methods

    async def session(self, errand: Errand, customer_ref: str) -> str | Verdict:
        """The client secret that a card form is opened with."""
        params: stripe.params.SetupIntentCreateParams = {
            "customer": customer_ref,
            "usage": "off_session",
            "allowed_payment_method_types": ["card"],
        }
        told = await errand.do("client session", lambda options: self._setups.create_async(params, options))
        return read(lambda body: text(object_of(body, "setup_intent")["client_secret"]), told)

    async def attach(self, errand: Errand, request: AttachRequest, *, now: datetime) -> PaymentMethodResult | Verdict:
        if request.token.startswith(_SETUP):
            return await self._adopt(errand, request, now=now)
        told = await errand.do(
            "card",
            lambda options: self._setups.create_async(_parameters(request), options),
            key=request.payment_method_id,
        )
        made = _setup_in(told)
        if made is None:
            return told if isinstance(told, Verdict) else UNREADABLE
        if made.get("customer") != request.customer_ref:
            return UNREADABLE
        if told.replayed:
            return await self._fetch_setup(errand, made["id"], now=now)
        return read_object(lambda body: _setup(body, now=now), made)

    async def _adopt(self, errand: Errand, request: AttachRequest, *, now: datetime) -> PaymentMethodResult | Verdict:
        """A SetupIntent that the app has confirmed; its name alone proves nothing of whose it is."""
        setup_ref = request.token.partition(_SECRET)[0]
        if not _NAME.fullmatch(setup_ref):
            return failed("setup_intent_unreadable", "This is no name of a SetupIntent.")
        told = await self._retrieve_setup(errand, setup_ref)
        if is_missing(told):
            return told
        if isinstance(told, Verdict):
            # Nothing was asked for but a look: what was not heard may be asked again.
            return as_looked(told)
        if told.body.get("id") != setup_ref:
            return UNREADABLE
        if told.body.get("customer") != request.customer_ref:
            return failed("customer_mismatch", "The SetupIntent belongs to another customer.")
        if told.body.get("status") == "requires_payment_method" and not told.body.get("last_setup_error"):
            return failed("setup_intent_unconfirmed", "The SetupIntent has not been confirmed in the app.")
        return read(lambda body: _setup(body, now=now), told)

    async def detach(self, errand: Errand, payment_method_ref: str) -> PaymentMethodResult | Verdict:
        if payment_method_ref.startswith(_SETUP):
            return await self._call_off(errand, payment_method_ref)
        told = await errand.do("detach", lambda options: self._methods.detach_async(payment_method_ref, {}, options))
        gone = PaymentMethodResult(outcome=Outcome.SUCCEEDED, payment_method_ref=payment_method_ref)
        if is_missing(told):
            return gone
        if isinstance(told, Verdict) and told.outcome is Outcome.FAILED:
            # Stripe refuses to detach what is detached, without a code for it.
            seen = await self._retrieve(errand, payment_method_ref)
            return gone if isinstance(seen, Answer) and _is_loose(seen.body) else told
        ref = read(lambda body: text(object_of(body, "payment_method")["id"]), told)
        if isinstance(ref, Verdict):
            return ref
        return gone if ref == payment_method_ref else UNREADABLE

    async def _call_off(self, errand: Errand, setup_ref: str) -> PaymentMethodResult | Verdict:
        """A confirmation that nobody needs any more. One that has come to an end has a card by now, or none."""
        told = await errand.do("detach", lambda options: self._setups.cancel_async(setup_ref, {}, options))
        gone = PaymentMethodResult(outcome=Outcome.SUCCEEDED, payment_method_ref=setup_ref)
        if is_missing(told) or (isinstance(told, Answer) and told.body.get("status") == "canceled"):
            return gone
        if not isinstance(told, Verdict) or told.outcome is not Outcome.FAILED:
            return told if isinstance(told, Verdict) else UNREADABLE
        seen = await self._retrieve_setup(errand, setup_ref)
        if isinstance(seen, Verdict) or seen.body.get("status") not in _ENDED:
            return told
        method = seen.body.get("payment_method")
        if seen.body["status"] == "canceled" or not isinstance(method, dict) or _is_loose(method):
            return gone
        return await self.detach(errand, text(method["id"]))

    async def fetch(self, errand: Errand, payment_method_ref: str, *, now: datetime) -> PaymentMethodResult | Verdict:
        if payment_method_ref.startswith(_SETUP):
            return await self._fetch_setup(errand, payment_method_ref, now=now)
        told = await self._retrieve(errand, payment_method_ref)
        if is_missing(told):
            return _gone(payment_method_ref)
        if isinstance(told, Verdict):
            return as_looked(told)
        if told.body.get("id") != payment_method_ref:
            return UNREADABLE
        return _gone(payment_method_ref) if _is_loose(told.body) else read(_method, told)

    async def _fetch_setup(self, errand: Errand, setup_ref: str, *, now: datetime) -> PaymentMethodResult | Verdict:
        told = await self._retrieve_setup(errand, setup_ref)
        if is_missing(told):
            return _gone(setup_ref)
        if isinstance(told, Verdict):
            return as_looked(told)
        return read(lambda body: _setup(body, now=now), told) if told.body.get("id") == setup_ref else UNREADABLE

    async def _retrieve(self, errand: Errand, payment_method_ref: str) -> Answer | Verdict:
        return await errand.look(
            f"payment method {payment_method_ref}",
            lambda options: self._methods.retrieve_async(payment_method_ref, {}, options),
        )

    async def _retrieve_setup(self, errand: Errand, setup_ref: str) -> Answer | Verdict:
        return await errand.look(
            f"setup intent {setup_ref}",
            lambda options: self._setups.retrieve_async(setup_ref, {"expand": _EXPAND}, options),
        )


def _parameters(request: AttachRequest) -> stripe.params.SetupIntentCreateParams:
    params: stripe.params.SetupIntentCreateParams = {
        "customer": request.customer_ref,
        "payment_method": request.token,
        "confirm": True,
        "usage": "off_session",
        "allowed_payment_method_types": ["card"],
        "metadata": {METHOD: request.payment_method_id},
        "expand": _EXPAND,
    }
    if request.return_url is not None:
        params["return_url"] = request.return_url
    else:
        params["use_stripe_sdk"] = True
    return params


def _setup_in(told: Answer | Verdict) -> Mapping[str, Any] | None:
    """The SetupIntent that came back; also of a declined card, in the error."""
    if isinstance(told, Verdict):
        found = told.error.get("setup_intent") if told.outcome is Outcome.DECLINED else None
    else:
        found = told.body
    is_one = isinstance(found, dict) and found.get("object") == "setup_intent" and isinstance(found.get("id"), str)
    return found if is_one else None


# --- reading ----------------------------------------------------------------------------------------------------------


def _setup(body: Mapping[str, Any], *, now: datetime) -> PaymentMethodResult:
    """https://docs.stripe.com/payments/paymentintents/lifecycle, which SetupIntents share."""
    setup = object_of(body, "setup_intent")
    status, ref = text(setup["status"]), text(setup["id"])
    method, error = setup.get("payment_method"), setup.get("last_setup_error")
    if status == "succeeded":
        return _method(object_of(method, "payment_method"))
    card = card_in(method) if isinstance(method, dict) else None
    if status == "processing":
        return PaymentMethodResult(outcome=Outcome.PENDING, payment_method_ref=ref, card=card)
    if status == "canceled":
        refusal = Refusal("The confirmation was called off.", provider_code="canceled")
        return PaymentMethodResult(outcome=Outcome.FAILED, payment_method_ref=ref, refusal=refusal)
    if status == "requires_payment_method" and isinstance(error, dict):
        return _declined(ref, error)
    if status not in ("requires_action", "requires_confirmation", "requires_payment_method"):
        raise Unreadable(status)
    return PaymentMethodResult(
        outcome=Outcome.REQUIRES_ACTION, payment_method_ref=ref, card=card, next_action=action_of(setup, now=now)
    )


def _declined(ref: str, error: Mapping[str, Any]) -> PaymentMethodResult:
    method = error.get("payment_method")
    card, fingerprint = (card_in(method), fingerprint_in(method)) if isinstance(method, dict) else (None, None)
    return PaymentMethodResult(
        outcome=Outcome.DECLINED,
        payment_method_ref=ref,
        card=card,
        card_fingerprint=fingerprint,
        refusal=decline_of(error),
    )


def _method(method: Mapping[str, Any]) -> PaymentMethodResult:
    ref, card = text(object_of(method, "payment_method")["id"]), card_in(method)
    if card is None:
        refusal = Refusal(
            f"Only cards are stored, and this is {method['type']}.",
            decline_code=DeclineCode.CARD_NOT_SUPPORTED,
            provider_code="not_a_card",
        )
        return PaymentMethodResult(outcome=Outcome.DECLINED, payment_method_ref=ref, refusal=refusal)
    return PaymentMethodResult(
        outcome=Outcome.SUCCEEDED, payment_method_ref=ref, card=card, card_fingerprint=fingerprint_in(method)
    )


def _is_loose(method: Mapping[str, Any]) -> bool:
    """Attached to nobody: it can never be charged again."""
    return ref_of(method.get("customer")) is None and ref_of(method.get("customer_account")) is None


def _gone(ref: str) -> PaymentMethodResult:
    refusal = Refusal("Stripe keeps this card no longer.", provider_code="payment_method_detached")
    return PaymentMethodResult(outcome=Outcome.FAILED, payment_method_ref=ref, refusal=refusal, gone=True)
