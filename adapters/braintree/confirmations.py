"""3D Secure: https://developer.paypal.com/braintree/docs/guides/3d-secure/overview.

Customers are confirmed before a sale, by the client SDK, which is given a nonce and gives another one back. Only what
Braintree itself knows of that nonce counts: anybody may send one.
"""

from datetime import datetime, timedelta

from adapters.braintree.errands import Errand
from adapters.braintree.nonces import Nonce, client_token, digits_in, find_nonce, is_same_card, new_nonce
from adapters.braintree.payments import AUTHENTICATED, Sale
from adapters.braintree.verdicts import Verdict, as_not_acted, failed, is_missing
from domain.provider import ChargeRequest, SdkAction

ACTION_LASTS = timedelta(hours=3)
"""A nonce lasts three hours (https://developer.paypal.com/braintree/docs/guides/payment-method-nonces), a client token
a day."""


async def action_for(errand: Errand, sale: Sale, *, now: datetime) -> SdkAction | Verdict:
    """What the client SDK's `verifyCard` needs: a client token, and of a stored card a nonce and its first digits.

    https://developer.paypal.com/braintree/docs/guides/3d-secure/client-side
    """
    secret = await client_token(errand, merchant_account_id=sale.merchant_account_id)
    if isinstance(secret, Verdict):
        return secret
    nonce: Nonce | Verdict | None = None
    if sale.card_token is not None:
        nonce = await new_nonce(errand, sale.card_token, merchant_account_id=sale.merchant_account_id)
    if isinstance(nonce, Verdict):
        return nonce
    return SdkAction(
        client_secret=secret,
        expires_at=now + ACTION_LASTS,
        token=nonce.text if nonce else None,
        card_bin=(nonce.digits[0] if nonce else None) or sale.card_bin,
    )


async def wrong_with(errand: Errand, token: str, charge: ChargeRequest) -> Verdict | None:
    """Why this nonce does not confirm the customer of this charge. One that nobody knows is refused by the sale.

    So is one that was used before, unless that was by an earlier sending of this request: then nothing is wrong with
    it, whatever became of the card since.
    """
    nonce = await find_nonce(errand, token)
    if isinstance(nonce, Verdict):
        return None if is_missing(nonce) else as_not_acted(nonce)
    if nonce.is_used:
        return None
    if nonce.authentication not in AUTHENTICATED:
        return failed("not_authenticated", f"The customer was not confirmed: {nonce.authentication or 'nobody asked'}.")
    card_ref = charge.payment_method_ref
    if card_ref is None:
        return None
    digits = await errand.look(
        f"payment method {card_ref}", lambda gateway: gateway.payment_method.find(card_ref), digits_in
    )
    if isinstance(digits, Verdict):
        return as_not_acted(digits)
    if not is_same_card(nonce.digits, digits):
        return failed("other_card", "The nonce is of another card than the one that is to be charged.")
    return None
