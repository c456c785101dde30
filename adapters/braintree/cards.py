"""Cards as Braintree shows them: https://developer.paypal.com/braintree/docs/reference/response/credit-card.

Those of wallets are cards, too: of Apple Pay and of Google Pay, which is called by its older name. Each stands under
the name of its kind; what has another name is no card (an account at PayPal or Venmo, a bank account).
"""

from collections.abc import Mapping
from typing import Any

from adapters.braintree.reading import optional_text, text, tree
from domain.provider import Card, CardBrand

KINDS = ("credit_card", "apple_pay_card", "android_pay_card")
"""In the answer to a payment method: which field says what it is."""
KINDS_OF_TRANSACTION = ("credit_card", "apple_pay", "android_pay_card")
"""In a transaction: the SDK's Transaction reads them under these names."""

_BRANDS: dict[str, CardBrand] = {
    "american express": CardBrand.AMERICAN_EXPRESS,
    "china unionpay": CardBrand.UNIONPAY,
    "diners club": CardBrand.DINERS_CLUB,
    "discover": CardBrand.DISCOVER,
    "electron": CardBrand.VISA,
    "jcb": CardBrand.JCB,
    "mastercard": CardBrand.MASTERCARD,
    "unionpay": CardBrand.UNIONPAY,
    "visa": CardBrand.VISA,
}


def card_of(found: Mapping[str, Any]) -> Card:
    brand = text(found.get("card_type") or found.get("source_card_type") or found.get("virtual_card_type"))
    return Card(
        # Apple Pay says itself before the brand.
        brand=_BRANDS.get(brand.rpartition(" - ")[2].lower(), CardBrand.OTHER),
        last4=text(found.get("last_4") or found.get("source_card_last_4") or found.get("virtual_card_last_4")),
        expiry_month=int(text(found["expiration_month"])),
        expiry_year=int(text(found["expiration_year"])),
    )


def fingerprint_of(found: Mapping[str, Any]) -> str | None:
    return optional_text(found.get("unique_number_identifier"))


def card_in(found: Mapping[str, Any], kinds: tuple[str, ...]) -> dict[str, Any] | None:
    """The card of an answer or of a transaction; None of what is paid with something else."""
    kind = next(
        (kind for kind in kinds if isinstance(found.get(kind), dict) and found[kind].get("expiration_year")), None
    )
    return None if kind is None else tree(found[kind])
