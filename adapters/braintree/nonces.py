"""What card forms are opened with, and what they give: client tokens and nonces.

https://developer.paypal.com/braintree/docs/guides/authorization/client-token and …/guides/payment-method-nonces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.braintree.cards import KINDS, card_in, card_of
from adapters.braintree.errands import Errand
from adapters.braintree.reading import optional_text, text, tree
from adapters.braintree.verdicts import Verdict

Digits = tuple[str | None, str | None]
"""The first and the last ones of a card's number, as far as anybody may know them."""


@dataclass(frozen=True, slots=True)
class Nonce:
    text: str
    digits: Digits
    authentication: str | None
    """How the customer's confirmation ended, if there was one."""
    is_used: bool
    """Something was asked for with it, and no other request can be."""


async def client_token(errand: Errand, *, merchant_account_id: str | None = None) -> str | Verdict:
    """What a card form, or the customer's confirmation, is opened with. It names no customer: what a form reads is
    stored by the gateway alone, under its own names, and nobody's other cards are shown."""
    named = {"merchant_account_id": merchant_account_id} if merchant_account_id else {}
    return await errand.do(
        "client token",
        lambda gateway: gateway.client_token.generate({**named}),
        lambda body: text(tree(body["client_token"])["value"]),
    )


async def new_nonce(errand: Errand, card_token: str, *, merchant_account_id: str) -> Nonce | Verdict:
    """Of a stored card, for its customer to be confirmed with."""
    return await errand.do(
        "nonce",
        lambda gateway: gateway.payment_method_nonce.create(
            card_token, {"payment_method_nonce": {"merchant_account_id": merchant_account_id}}
        ),
        _nonce,
    )


async def find_nonce(errand: Errand, token: str) -> Nonce | Verdict:
    """Also of one that was used; for some hours."""
    return await errand.look("nonce", lambda gateway: gateway.payment_method_nonce.find(token), _nonce)


def _nonce(body: Mapping[str, Any]) -> Nonce:
    nonce = tree(body["payment_method_nonce"])
    details, info = nonce.get("details") or {}, nonce.get("three_d_secure_info") or {}
    return Nonce(
        text=text(nonce["nonce"]),
        digits=(optional_text(details.get("bin")), optional_text(details.get("last_four"))),
        authentication=optional_text(info.get("status")),
        is_used=nonce.get("consumed") is True,
    )


def digits_in(body: Mapping[str, Any]) -> Digits:
    """Of a stored card."""
    card = tree(card_in(body, KINDS))
    return optional_text(card.get("bin")), card_of(card).last4


def is_same_card(one: Digits, other: Digits) -> bool:
    """As far as can be seen: of a wallet's card the first digits may be nobody's business."""
    bins = {one[0], other[0]} - {None}
    return one[1] == other[1] and len(bins) < 2
