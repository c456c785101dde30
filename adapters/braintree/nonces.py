"""Nonces: what a card form, or the customer's confirmation, gives to the client for a card.

https://developer.paypal.com/braintree/docs/guides/payment-method-nonces. Braintree tells what they stand for, of used
ones too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.braintree.cards import KINDS, card_in
from adapters.braintree.reading import optional_text, text, tree


@dataclass(frozen=True, slots=True)
class Nonce:
    text: str
    bin: str | None
    last4: str | None
    authentication: str | None
    """How the customer's confirmation ended, if there was one."""

    @property
    def digits(self) -> tuple[str | None, str | None]:
        """What a card is told from another by, as far as anybody is told of it."""
        return self.bin, self.last4


def nonce_in(body: Mapping[str, Any]) -> Nonce:
    nonce = tree(body["payment_method_nonce"])
    details, info = nonce.get("details") or {}, nonce.get("three_d_secure_info") or {}
    return Nonce(
        text=text(nonce["nonce"]),
        bin=optional_text(details.get("bin")),
        last4=optional_text(details.get("last_four")),
        authentication=optional_text(info.get("status")),
    )


def digits_in(body: Mapping[str, Any]) -> tuple[str, str]:
    """Of a stored card."""
    card = tree(card_in(body, KINDS))
    return text(card["bin"]), text(card["last_4"])
