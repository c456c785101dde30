"""Client tokens: https://developer.paypal.com/braintree/docs/reference/request/client-token/generate.

What a page needs to ask for nonces. Version 2, the default, is the JSON in base64, 1 and 3 are the JSON itself.
"""

import base64
import json

from braintree import ClientToken as SdkClientToken

from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import check_names, flag, flattened
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import ClientToken
from tests.emulators.braintree.troubles import Troubles

_KNOWN = (flattened(SdkClientToken.generate_signature()) - {"preferred_payment_method_token"}) | {"payment_method_id"}
"""The SDK sends `preferred_payment_method_token` by another name."""
_MOST_DOMAINS = 5
_OF_CUSTOMERS = {
    "make_default": "92801",
    "verify_card": "92802",
    "fail_on_duplicate_payment_method": "92803",
    "fail_on_duplicate_payment_method_for_customer": "92805",
}
_SUPPORTED = frozenset(
    {
        "customer_id",
        "merchant_account_id",
        "version",
        "payment_method_id",
        "domains.__any_key__",
        *(f"options.{name}" for name in _OF_CUSTOMERS),
    }
)


def generate(call: Call) -> Answer:
    account, asked = call.account, call.asked("client_token")
    check_names("client_token", asked, known=_KNOWN, supported=_SUPPORTED)
    version, customer_id = asked.get("version", 2), asked.get("customer_id")
    merchant_account = asked.get("merchant_account_id") or account.options.default_merchant_account
    troubles = Troubles("client_token")
    if version not in (1, 2, 3, "1", "2", "3"):
        troubles.add("version", "92806", "There is no such version.")
    if customer_id is not None and customer_id not in account.customers:
        troubles.add("customer_id", "92804", "There is no such customer.")
    for name, code in _OF_CUSTOMERS.items():
        if customer_id is None and flag(asked.get("options") or {}, name):
            troubles.inside("options").add(name, code, f"{name} needs a customer.")
    troubles.of(lambda: _check_domains(asked.get("domains") or []))
    if merchant_account not in account.options.merchant_accounts:
        troubles.add("merchant_account_id", "92807", "There is no such merchant account.")
    troubles.check()
    base = f"{call.address}/merchants/{call.keys.merchant_id}/client_api"
    fingerprint = f"{account.new_id(64)}|created_at={account.now.isoformat()}&customer_id={customer_id or ''}"
    account.client_tokens[fingerprint] = ClientToken(
        account.now, merchant_account, customer_id, asked.get("options") or {}
    )
    text = json.dumps(
        {
            "version": int(version),
            "authorizationFingerprint": fingerprint,
            "clientApiUrl": base,
            "configUrl": f"{base}/v1/configuration",
            "environment": "sandbox",
            "merchantId": call.keys.merchant_id,
            "merchantAccountId": merchant_account,
            "challenges": [],
            "threeDSecureEnabled": True,
        }
    )
    value = base64.b64encode(text.encode()).decode() if int(version) == 2 else text
    return Answer("client_token", {"value": value}, 201)


def _check_domains(domains: list[str]) -> None:
    """Those whose pages may use the token: as the SDK's tests have it, at most five, each with a dot."""
    if len(domains) > _MOST_DOMAINS:
        raise invalid("client_token", "domains.__any_key__", code="92810", message="There are too many domains.")
    if any("." not in domain for domain in domains):
        raise invalid("client_token", "domains.__any_key__", code="92011", message="A domain is in no valid format.")
