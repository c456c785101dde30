"""Cards as Stripe shows them: https://docs.stripe.com/api/payment_methods."""

from collections.abc import Mapping
from typing import Any

from adapters.stripe.reading import object_of, optional_text, text, whole
from domain.provider import Card, CardBrand

_BRANDS = {
    "amex": CardBrand.AMERICAN_EXPRESS,
    "diners": CardBrand.DINERS_CLUB,
    "discover": CardBrand.DISCOVER,
    "jcb": CardBrand.JCB,
    "mastercard": CardBrand.MASTERCARD,
    "unionpay": CardBrand.UNIONPAY,
    "visa": CardBrand.VISA,
}


def card_in(method: Mapping[str, Any]) -> Card | None:
    """The card of a payment method; None of one that is none (a wallet or an account of its own, such as Link's)."""
    card = object_of(method, "payment_method").get("card")
    if method["type"] != "card" or not isinstance(card, dict):
        return None
    return Card(
        brand=_BRANDS.get(text(card["brand"]), CardBrand.OTHER),
        last4=text(card["last4"]),
        expiry_month=whole(card["exp_month"]),
        expiry_year=whole(card["exp_year"]),
    )


def fingerprint_in(method: Mapping[str, Any]) -> str | None:
    card = method.get("card")
    return optional_text(card.get("fingerprint")) if isinstance(card, dict) else None
