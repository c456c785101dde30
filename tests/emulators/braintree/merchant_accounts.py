"""Merchant accounts: …/docs/reference/response/merchant-account on developer.paypal.com. Each is in one currency."""

from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.refusals import missing


def find(call: Call) -> Answer:
    options = call.account.options
    if call.id not in options.merchant_accounts:
        raise missing()
    shown = {
        "id": call.id,
        "status": "active",
        "currency_iso_code": options.merchant_accounts[call.id],
        "default": call.id == options.default_merchant_account,
    }
    return Answer("merchant_account", shown)
