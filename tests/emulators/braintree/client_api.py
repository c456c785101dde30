"""What a page asks with its client token: https://developer.paypal.com/braintree/docs/guides/client-sdk/setup.

The older of the two ways in which Braintree's own scripts make nonces (JSON below /client_api/v1; the newer one is
GraphQL, which is not here), as the SDK's integration tests use it. A page says who it is with the token's
`authorizationFingerprint` and has no other key. A card that a page adds for a customer goes into the vault, unless the
page says `validate: false`; without a customer there is but the nonce.
"""

import re
from datetime import timedelta
from typing import Any

from tests.emulators.braintree import nonces, vaulting
from tests.emulators.braintree.addresses import checked
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import from_numbers
from tests.emulators.braintree.refusals import Refused, Trouble
from tests.emulators.braintree.things import ClientToken, Nonce
from tests.emulators.braintree.xmltext import Tree

PREFIX = "/client_api/"
_LIFE = timedelta(hours=24)
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_CARDS = ("American Express", "Discover", "JCB", "Maestro", "MasterCard", "Visa")


def configuration(call: Call) -> Answer:
    token = _token(call)
    return Answer(
        None,
        {
            "assetsUrl": call.address,
            "challenges": [],
            "clientApiUrl": f"{call.address}/merchants/{call.keys.merchant_id}/client_api",
            "creditCards": {"supportedCardTypes": _CARDS},
            "environment": "sandbox",
            "merchantAccountId": token.merchant_account_id,
            "merchantId": call.keys.merchant_id,
            "threeDSecureEnabled": True,
        },
    )


def cards(call: Call) -> Answer:
    """What the token's customer has in the vault, each under a nonce of its own."""
    account, token = call.account, _token(call)
    customer = account.customers.get(token.customer_id or "")
    methods = account.methods_of(customer) if customer else []
    shown = []
    for method in methods:
        nonce = nonces.copied(account, method.token)
        nonces.given(account, nonce, outcome=None, amount=None)
        shown.append(_shown(nonce, is_default=method.is_default))
    return Answer(None, {"paymentMethods": shown})


def add_card(call: Call) -> Answer:
    account, token = call.account, _token(call)
    said: Any = snaked(call.body).get("credit_card")
    if not isinstance(said, dict):
        raise Refused(422, Trouble(("credit_card",), "number", "81714", "A card number is required."))
    card = {name: value for name, value in said.items() if name in vaulting.CARD or name == "billing_address"}
    customer = account.customers.get(token.customer_id or "")
    is_validated = (said.get("options") or {}).get("validate") not in (False, "false")
    if customer is None or not is_validated:
        nonce = Nonce("", from_numbers(card, "credit_card"), cvv=card.get("cvv"))
        nonce.billing_address = checked(card.get("billing_address") or {}, "credit_card", "billing_address") or None
    else:
        method = vaulting.stored(account, customer, card | {"options": token.options}, "credit_card")
        nonce = nonces.copied(account, method.token)
    nonces.given(account, nonce, outcome=None, amount=None)
    return Answer(None, {"creditCards": [_shown(nonce)]}, 201 if is_validated else 202)


def snaked(value: Any) -> Any:
    """JSON whose names are those of our parameters: `expirationMonth` becomes `expiration_month`."""
    if isinstance(value, dict):
        return {_CAPITAL.sub(r"_\1", name).lower(): snaked(inner) for name, inner in value.items()}
    return value


def refusal(refused: Refused) -> Tree:
    """What a page is told of what it did wrong."""
    return {"error": {"message": str(refused)}, "fieldErrors": _fields(list(refused.troubles), 0)}


def _fields(troubles: list[Trouble], depth: int) -> list[Tree]:
    here: list[Tree] = [
        {"field": each.attribute, "code": each.code, "message": each.message}
        for each in troubles
        if len(each.where) == depth
    ]
    deeper = [each for each in troubles if len(each.where) > depth]
    for name in dict.fromkeys(each.where[depth] for each in deeper):
        inside = [each for each in deeper if each.where[depth] == name]
        here.append({"field": name, "fieldErrors": _fields(inside, depth + 1)})
    return here


def _token(call: Call) -> ClientToken:
    fingerprint = snaked(call.body).get("authorization_fingerprint") or call.query.get("authorizationFingerprint")
    token = call.account.client_tokens.get(str(fingerprint))
    if token is None or token.created_at + _LIFE <= call.account.now:
        raise Refused(401)
    return token


def _shown(nonce: Nonce, *, is_default: bool = False) -> Tree:
    instrument = nonce.instrument
    return {
        "type": "CreditCard",
        "nonce": nonce.nonce,
        "description": f"ending in {instrument.last4[-2:]}",
        "consumed": nonce.consumed,
        "default": is_default,
        "threeDSecureInfo": None,
        "details": {
            "bin": instrument.bin,
            "lastTwo": instrument.last4[-2:],
            "lastFour": instrument.last4,
            "cardType": instrument.card_type,
            "expirationMonth": instrument.expiration_month,
            "expirationYear": instrument.expiration_year,
            "cardholderName": instrument.cardholder_name,
        },
    }
