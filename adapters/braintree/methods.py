"""Storing cards: https://developer.paypal.com/braintree/docs/reference/request/payment-method/create.

The app has made a nonce with Drop-in, Hosted Fields or one of the mobile SDKs; here it is verified with its bank, and
kept under our own id as its token. So a second try finds what the first has stored: a nonce that was used, or a token
that is taken, is looked at before it is refused. Only cards are stored, wallets' among them.
"""

from collections.abc import Mapping
from typing import Any

from adapters.braintree.cards import KINDS, card_in, card_of, fingerprint_of
from adapters.braintree.declines import decline_of
from adapters.braintree.errands import Errand
from adapters.braintree.nonces import digits_in, find_nonce, is_same_card
from adapters.braintree.reading import nothing, text, tree
from adapters.braintree.tokens import is_name
from adapters.braintree.verdicts import UNREADABLE, Verdict, failed, is_missing
from adapters.verdicts import as_looked
from domain.declines import DeclineCode
from domain.provider import AttachRequest, Outcome, PaymentMethodResult, Refusal


class Methods:
    async def attach(self, errand: Errand, request: AttachRequest) -> PaymentMethodResult | Verdict:
        if not is_name(request.token):
            return failed("token_unreadable", "This is no payment method nonce.")
        told = await errand.do("card", lambda gateway: gateway.payment_method.create(_parameters(request)), _made)
        if isinstance(told, Verdict):
            return await self._made_before(errand, request, told) if told.outcome is Outcome.FAILED else told
        if told.outcome is Outcome.DECLINED and told.payment_method_ref is not None:
            # Stored, and nothing that could be charged as a card.
            await self._delete(errand, told.payment_method_ref)
        is_ours = told.payment_method_ref in (None, request.payment_method_id)
        return told if is_ours else UNREADABLE

    async def _made_before(
        self, errand: Errand, request: AttachRequest, told: Verdict
    ) -> PaymentMethodResult | Verdict:
        """What is refused may be the repetition of what was done: the nonce is used, and the token taken."""
        ref = request.payment_method_id
        seen = await errand.look(
            f"payment method {ref}",
            lambda gateway: gateway.payment_method.find(ref),
            lambda body: (_customer_in(body), digits_in(body), _method(body)),
        )
        if is_missing(seen):
            return told
        if isinstance(seen, Verdict):
            return as_looked(seen)
        customer_ref, digits, method = seen
        if customer_ref != request.customer_ref:
            return told
        nonce = await find_nonce(errand, request.token)
        if isinstance(nonce, Verdict):
            # It is forgotten after some hours, and so is what else was asked for under our id meanwhile.
            return method if is_missing(nonce) else as_looked(nonce)
        return method if is_same_card(nonce.digits, digits) else _OTHER_CARD

    async def detach(self, errand: Errand, payment_method_ref: str) -> PaymentMethodResult | Verdict:
        told = await self._delete(errand, payment_method_ref)
        if isinstance(told, Verdict) and not is_missing(told):
            return told
        return PaymentMethodResult(outcome=Outcome.SUCCEEDED, payment_method_ref=payment_method_ref)

    async def fetch(self, errand: Errand, payment_method_ref: str) -> PaymentMethodResult | Verdict:
        told = await errand.look(
            f"payment method {payment_method_ref}",
            lambda gateway: gateway.payment_method.find(payment_method_ref),
            _method,
        )
        if is_missing(told):
            return _gone(payment_method_ref)
        if isinstance(told, Verdict):
            return as_looked(told)
        return told if told.payment_method_ref == payment_method_ref else UNREADABLE

    async def _delete(self, errand: Errand, payment_method_ref: str) -> Verdict | None:
        return await errand.do("detach", lambda gateway: gateway.payment_method.delete(payment_method_ref), nothing)


_OTHER_CARD = Verdict(
    outcome=Outcome.UNKNOWN,
    refusal=Refusal("Another card is stored under this id.", provider_code="other_card", is_key_spent=True),
)


def _parameters(request: AttachRequest) -> dict[str, Any]:
    return {
        "customer_id": request.customer_ref,
        "payment_method_nonce": request.token,
        "token": request.payment_method_id,
        # A card that its bank does not know is refused here, and not by the first charge.
        "options": {"verify_card": True},
    }


# --- reading ----------------------------------------------------------------------------------------------------------


def _made(body: Mapping[str, Any]) -> PaymentMethodResult:
    """The card; or the verification that it did not pass, and then it is not kept."""
    if "verification" not in body:
        return _method(body)
    verification = tree(body["verification"])
    card = verification.get("credit_card") or {}
    is_card = isinstance(card, dict) and bool(card.get("last_4"))
    return PaymentMethodResult(
        outcome=Outcome.DECLINED,
        card=card_of(card) if is_card else None,
        card_fingerprint=fingerprint_of(card) if is_card else None,
        refusal=decline_of(verification),
    )


def _method(body: Mapping[str, Any]) -> PaymentMethodResult:
    card = card_in(body, KINDS)
    if card is None:
        kind, found = next(iter(body.items()))
        refusal = Refusal(
            f"Only cards are stored, and this is {kind}.",
            decline_code=DeclineCode.CARD_NOT_SUPPORTED,
            provider_code="not_a_card",
        )
        return PaymentMethodResult(
            outcome=Outcome.DECLINED, payment_method_ref=text(tree(found)["token"]), refusal=refusal
        )
    return PaymentMethodResult(
        outcome=Outcome.SUCCEEDED,
        payment_method_ref=text(card["token"]),
        card=card_of(card),
        card_fingerprint=fingerprint_of(card),
    )


def _customer_in(body: Mapping[str, Any]) -> str:
    (found,) = body.values()
    return text(tree(found)["customer_id"])


def _gone(ref: str) -> PaymentMethodResult:
    refusal = Refusal("Braintree keeps this card no longer.", provider_code="payment_method_deleted")
    return PaymentMethodResult(outcome=Outcome.FAILED, payment_method_ref=ref, refusal=refusal, gone=True)
