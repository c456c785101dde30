"""Payment method nonces: https://developer.paypal.com/braintree/docs/reference/request/payment-method-nonce/create.

A page gets its nonces from the client SDK, which has no place here: a test makes them with /_control/nonces, and plays
the customer's authentication there, too.
"""

from dataclasses import replace
from decimal import Decimal

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import find_nonce, from_numbers, shown_bin_data, shown_three_d_secure
from tests.emulators.braintree.instruments import OUTCOMES, card
from tests.emulators.braintree.parameters import check_names
from tests.emulators.braintree.refusals import missing
from tests.emulators.braintree.things import Nonce
from tests.emulators.braintree.xmltext import Tree

_CREATE = frozenset(
    {
        "merchant_account_id",
        "authentication_insight",
        "authentication_insight_options.amount",
        "authentication_insight_options.recurring_customer_consent",
        "authentication_insight_options.recurring_max_amount",
    }
)


def create(call: Call) -> Answer:
    method = call.account.payment_method(call.id)
    asked = call.asked("payment_method_nonce")
    check_names("payment_method_nonce", asked, known=_CREATE, supported=frozenset({"merchant_account_id"}))
    call.account.merchant_account(asked.get("merchant_account_id"), "payment_method_nonce", "merchant_account_id")
    nonce = Nonce(_new_text(call.account), method.instrument, token=method.token)
    call.account.nonces[nonce.nonce] = nonce
    return Answer("payment_method_nonce", _shown(nonce), 201)


def find(call: Call) -> Answer:
    nonce = find_nonce(call.account, call.id)
    if nonce is None:
        raise missing()
    return Answer("payment_method_nonce", _shown(nonce))


def verify_for_test(call: Call) -> Answer:
    """Of the sandbox only: an authentication of these numbers that has succeeded, by whose id a sale can name it."""
    account, asked = call.account, call.asked("three_d_secure_verification")
    account.merchant_account(call.id, "three_d_secure_verification", "merchant_account_id")
    instrument = from_numbers(asked, "three_d_secure_verification")
    info = replace(OUTCOMES["authenticate_successful"], authentication_id=account.new_id(26))
    nonce = Nonce(_new_text(account), instrument, info)
    account.nonces[nonce.nonce] = nonce
    return Answer("three_d_secure_verification", {"three_d_secure_authentication_id": info.authentication_id}, 201)


def authenticated_for_test(call: Call) -> Answer:
    """Of the sandbox only: a nonce of these numbers whose customer has authenticated."""
    account, asked = call.account, call.asked("credit_card")
    account.merchant_account(call.id, "credit_card", "merchant_account_id")
    nonce = Nonce("", from_numbers(asked, "credit_card"))
    given(account, nonce, outcome="authenticate_successful", amount=None)
    return Answer("payment_method_nonce", _shown(nonce), 201)


def typed(number: str) -> Nonce:
    """Of a card that a customer types into a page; not in the account yet."""
    return Nonce("", card(number))


def copied(account: Account, source: str) -> Nonce:
    """For the card of a payment method's token or of another nonce; LookupError when there is no such card."""
    if source in account.payment_methods:
        method = account.payment_methods[source]
        address = method.billing_address
        return Nonce(
            "",
            method.instrument,
            token=source,
            billing_address=address.details if address else None,
        )
    known = find_nonce(account, source)
    if known is None:
        raise LookupError(f"{source} is neither a token nor a nonce")
    return Nonce("", known.instrument, token=known.token, cvv=known.cvv, billing_address=known.billing_address)


def given(account: Account, nonce: Nonce, *, outcome: str | None, amount: Decimal | None) -> None:
    """Into the account, authenticated for this amount if there is an outcome."""
    if outcome is not None:
        nonce.three_d_secure = replace(OUTCOMES[outcome], authentication_id=account.new_id(26))
        nonce.amount = amount
    nonce.nonce = _new_text(account)
    account.nonces[nonce.nonce] = nonce


def _new_text(account: Account) -> str:
    return f"tokencc_{'_'.join(account.new_id(6) for _ in range(5))}"


def _shown(nonce: Nonce) -> Tree:
    instrument = nonce.instrument
    return {
        "nonce": nonce.nonce,
        "type": "CreditCard",
        "consumed": nonce.consumed,
        "default": False,
        "details": {
            "bin": instrument.bin,
            "last_four": instrument.last4,
            "last_two": instrument.last4[-2:],
            "card_type": instrument.card_type,
            "expiration_month": instrument.expiration_month,
            "expiration_year": instrument.expiration_year,
            "cardholder_name": instrument.cardholder_name,
        },
        "bin_data": shown_bin_data(instrument),
        "three_d_secure_info": shown_three_d_secure(nonce.three_d_secure),
    }
