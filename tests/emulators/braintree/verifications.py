"""Card verification: https://developer.paypal.com/braintree/docs/reference/response/credit-card-verification.

Of a card that goes into the vault, when it is asked for, or of any by a call of its own. The test numbers say how it
ends (https://developer.paypal.com/braintree/docs/reference/general/testing#credit-card-numbers); a card that does not
pass is not stored, and the verification is in the answer.
"""

import re
from decimal import Decimal

from braintree import CreditCardVerification

from tests.emulators.braintree import addresses, passed_thru, responses
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import consume, from_numbers, shown_card, shown_three_d_secure, usable_nonce
from tests.emulators.braintree.checks import Checks, checked
from tests.emulators.braintree.instruments import DECLINED_NUMBERS, FAILED_NUMBERS, Instrument, ThreeDSecure
from tests.emulators.braintree.parameters import check_names, flattened, shown_amount
from tests.emulators.braintree.refusals import declined, invalid, missing
from tests.emulators.braintree.things import Nonce, Verification
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Tree

_CREATE = flattened(CreditCardVerification.create_signature())
_SUPPORTED = frozenset(
    {
        "external_vault.status",
        "intended_transaction_source",
        "options.amount",
        "options.merchant_account_id",
        "payment_method_nonce",
        "three_d_secure_authentication_id",
        *(name for name in _CREATE if name.partition(".")[0] in ("credit_card", "three_d_secure_pass_thru")),
    }
)
_AMOUNT = re.compile(r"^-?\d+(\.\d{1,3})?$")
_MOST = Decimal("9999999999.99")


def _check_authentication(nonce: Nonce | None, id: str | None) -> None:
    info = nonce.three_d_secure if nonce else None
    if id is not None and (info is None or info.authentication_id != id):
        where = ("verification", "three_d_secure_authentication_id")
        raise invalid(*where, code="942198", message="The nonce is of another authentication.")


def check_options(account: Account, options: Tree, *where: str) -> None:
    """Refused when no verification can be made like that, of a card that goes into the vault."""
    _check_options(account, options, prefix="verification_", where=(*where, "options"))


def _check_options(account: Account, options: Tree, *, prefix: str, where: tuple[str, ...]) -> None:
    troubles = Troubles(*where)
    id, amount = options.get("verification_merchant_account_id"), options.get("verification_amount")
    if id is not None and id not in account.options.merchant_accounts:
        troubles.add(f"{prefix}merchant_account_id", "94204", "There is no such merchant account.")
    if amount is not None:
        troubles.of(lambda: _check_amount(amount, *where, f"{prefix}amount"))
    troubles.check()


def _check_amount(text: str, *where_attribute: str) -> None:
    if not _AMOUNT.match(text):
        raise invalid(*where_attribute, code="94202", message="The amount is in no valid format.")
    if Decimal(text) < 0:
        raise invalid(*where_attribute, code="94201", message="An amount is not negative.")
    if Decimal(text) > _MOST:
        raise invalid(*where_attribute, code="94207", message="The amount is too large.")


def create(call: Call) -> Answer:
    """Of a card that is not stored."""
    account, asked = call.account, call.asked("verification")
    check_names("verification", asked, known=_CREATE, supported=_SUPPORTED)
    card: Tree = asked.get("credit_card") or {}
    options = {f"verification_{name}": value for name, value in (asked.get("options") or {}).items()}
    named, passed, billing = asked.get("payment_method_nonce"), asked.get("three_d_secure_pass_thru"), None
    troubles = Troubles()
    nonce = instrument = None
    if named:
        nonce = troubles.of(lambda: usable_nonce(account, named, "verification", codes=("93108", "93107")))
        instrument = nonce.instrument if nonce else None
    else:
        instrument = troubles.of(lambda: from_numbers(card, "verification", "credit_card"))
    where = ("verification", "credit_card", "billing_address")
    billing = troubles.of(lambda: addresses.checked(card.get("billing_address") or {}, *where))
    troubles.of(lambda: _check_options(account, options, prefix="", where=("verification", "options")))
    if passed:
        troubles.of(lambda: passed_thru.of_verification(passed, "verification"))
    troubles.of(lambda: _check_authentication(nonce, asked.get("three_d_secure_authentication_id")))
    troubles.check()
    if instrument is None:
        raise LookupError("It is there when nothing is wrong.")
    if nonce is not None:
        consume(nonce)
    checks = checked(card.get("cvv") or (nonce.cvv if nonce else None), billing)
    made = verified(
        account,
        instrument,
        options,
        checks,
        nonce.three_d_secure if nonce else None,
        (billing or {}).get("postal_code"),
    )
    return Answer("verification", shown_verification(account, made), 201)


def verified(
    account: Account,
    instrument: Instrument,
    options: Tree,
    checks: Checks,
    three_d_secure: ThreeDSecure | None = None,
    postal_code: str | None = None,
    owner: tuple[str, str] | None = None,
) -> Verification:
    """The passed verification, as checked options want it; Refused with the failed one in the answer.

    The owner is the token of the card in the vault, and the customer's id.
    """
    id, currency = account.merchant_account(options.get("verification_merchant_account_id"))
    response = _response(account, instrument, checks)
    verification = Verification(
        id=account.new_id(),
        status="verified" if response.status == "authorized" else response.status,
        instrument=instrument,
        merchant_account_id=id,
        currency=currency,
        created_at=account.now,
        response_code=response.code,
        response_text=response.text,
        response_type=response.type,
        amount=Decimal(options.get("verification_amount") or 0),
        rejection_reason=response.rejection_reason,
        checks=checks,
        postal_code=postal_code,
        token=owner[0] if owner else None,
        customer_id=owner[1] if owner else None,
        three_d_secure=three_d_secure,
        network_id=account.new_digits(15),
    )
    account.verifications[verification.id] = verification
    if verification.status != "verified":
        raise declined(_message(verification), verification=shown_verification(account, verification))
    return verification


def find(call: Call) -> Answer:
    verification = call.account.verifications.get(call.id)
    if verification is None:
        raise missing()
    return Answer("verification", shown_verification(call.account, verification))


def _response(account: Account, instrument: Instrument, checks: Checks) -> responses.Response:
    if instrument.rejected_for is not None:
        return responses.rejection(instrument.rejected_for)
    if instrument.number in DECLINED_NUMBERS:
        return responses.decline("2000")
    if instrument.number in FAILED_NUMBERS:
        return responses.decline("3000")
    response = responses.authorization(Decimal(1))
    rejected_for = checks.rejected_for(cvv=account.options.cvv_rules, avs=account.options.avs_rules)
    return response if rejected_for is None else responses.rejected_after(response, rejected_for)


def _message(verification: Verification) -> str:
    if verification.rejection_reason is not None:
        return f"Gateway Rejected: {verification.rejection_reason}"
    return verification.response_text or "Declined"


def shown_verification(account: Account, verification: Verification) -> Tree:
    return {
        "id": verification.id,
        "status": verification.status,
        "amount": shown_amount(verification.amount),
        "currency_iso_code": verification.currency,
        "merchant_account_id": verification.merchant_account_id,
        "created_at": verification.created_at,
        "updated_at": verification.created_at,
        "processor_response_code": verification.response_code,
        "processor_response_text": verification.response_text,
        "processor_response_type": verification.response_type,
        "gateway_rejection_reason": verification.rejection_reason,
        **verification.checks.shown(),
        "graphql_id": f"dmVyaWZpY2F0aW9uX{verification.id}",
        "global_id": f"dmVyaWZpY2F0aW9uX{verification.id}",
        "network_response_code": "XX" if verification.response_code else None,
        "network_response_text": "sample network response text" if verification.response_code else None,
        "network_transaction_id": verification.network_id,
        "three_d_secure_info": shown_three_d_secure(verification.three_d_secure),
        "ani_first_name_response_code": "I",
        "ani_last_name_response_code": "I",
        "credit_card": {"token": verification.token, **shown_card(account, verification.instrument)},
    }
