"""Cards as they are given and shown: numbers, nonces, and what the gateway says of a card.

https://developer.paypal.com/braintree/docs/reference/response/credit-card. A number has to be one of the sandbox's test
numbers at Braintree; here any that passes the Luhn check will do.
"""

from dataclasses import replace

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.instruments import (
    CONSUMED_NONCE,
    INDICATORS,
    INVALID_NUMBER_NONCE,
    Instrument,
    ThreeDSecure,
    card,
    known_nonces,
    passes_luhn,
)
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import Nonce
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Tree

_KNOWN = known_nonces()
_OTHER_METHODS = (
    "paypal", "venmo", "apple-pay", "android-pay", "google-pay", "local-payment", "sepa", "us-bank", "europe-bank",
    "masterpass", "visa-checkout", "meta-checkout", "amex-express",
)  # fmt: skip


def from_numbers(asked: Tree, *where: str) -> Instrument:
    """The card of these parameters: number, expiration_date or expiration_month and expiration_year."""
    troubles = Troubles()
    number = troubles.of(lambda: _number(asked, *where))
    expiration = troubles.of(lambda: _expiration(asked, *where))
    troubles.check()
    if number is None or expiration is None:
        raise LookupError("Neither is missing where nothing is wrong.")
    return card(number, *expiration, asked.get("cardholder_name"))


def _number(asked: Tree, *where: str) -> str:
    number = str(asked.get("number") or "").replace(" ", "").replace("-", "")
    if not number:
        raise invalid(*where, "number", code="81714", message="A card number is required.")
    if not number.isdigit() or not 12 <= len(number) <= 19:
        raise invalid(*where, "number", code="81716", message="A card number has 12 to 19 digits.")
    if not passes_luhn(number):
        raise invalid(*where, "number", code="81715", message="The card number is invalid.")
    return number


def _expiration(asked: Tree, *where: str) -> tuple[str, str]:
    together, month, year = (asked.get(name) for name in ("expiration_date", "expiration_month", "expiration_year"))
    if together and (month or year):
        raise invalid(*where, "expiration_date", code="91708", message="The expiration date is given twice.")
    if together:
        month, _, year = str(together).partition("/")
    if not month and not year:
        raise invalid(*where, "expiration_date", code="81709", message="An expiration date is required.")
    month, year = str(month or ""), str(year or "")
    if together and not (month.isdigit() and year.isdigit()):
        raise invalid(*where, "expiration_date", code="81710", message="The expiration date is invalid.")
    if len(year) == 2:
        year = f"20{year}"
    if not month.isdigit() or not 1 <= int(month) <= 12:
        raise invalid(*where, "expiration_month", code="81712", message="The expiration month is invalid.")
    if not year.isdigit() or not 1976 <= int(year) <= 2200:
        raise invalid(*where, "expiration_year", code="81713", message="The expiration year is invalid.")
    return month, year


def find_nonce(account: Account, text: str) -> Nonce | None:
    if text in account.nonces:
        return account.nonces[text]
    if text not in _KNOWN:
        return None
    instrument, three_d_secure = _KNOWN[text]
    if three_d_secure is not None:
        three_d_secure = replace(three_d_secure, authentication_id=account.new_id(26))
    return Nonce(text, instrument, three_d_secure, consumed=text == CONSUMED_NONCE, is_test_value=True)


def usable_nonce(account: Account, text: str, *where: str, codes: tuple[str, str]) -> Nonce:
    """The nonce; Refused with the first code when nobody knows it, with the second when it was used before."""
    unknown, consumed = codes
    found = find_nonce(account, text)
    if found is None and any(f"fake-{method}" in text for method in _OTHER_METHODS):
        raise invalid(
            *where, "payment_method_nonce", code="emulator_unsupported", message="The emulator knows cards only."
        )
    if found is None:
        raise invalid(*where, "payment_method_nonce", code=unknown, message="The nonce is unknown or has expired.")
    if found.consumed:
        raise invalid(*where, "payment_method_nonce", code=consumed, message="The nonce was used before.")
    if text == INVALID_NUMBER_NONCE:
        raise invalid(*where, "credit_card", "number", code="81715", message="The card number is invalid.")
    return found


def consume(nonce: Nonce) -> None:
    nonce.consumed = not nonce.is_test_value


def shown_bin_data(instrument: Instrument) -> Tree:
    """What is known of cards of this kind."""
    known = instrument.indicator is not None
    indicators = {name: "Yes" if name == instrument.indicator else "No" if known else "Unknown" for name in INDICATORS}
    return {
        "country_of_issuance": instrument.country or "Unknown",
        "issuing_bank": instrument.bank or "Unknown",
        "product_id": instrument.product or "Unknown",
        **indicators,
    }


def shown_card(account: Account, instrument: Instrument) -> Tree:
    """What is common to a card in the vault and the card of a transaction."""
    return {
        "bin": instrument.bin,
        "last_4": instrument.last4,
        "card_type": instrument.card_type,
        "expiration_month": instrument.expiration_month,
        "expiration_year": instrument.expiration_year,
        "customer_location": "US",
        "cardholder_name": instrument.cardholder_name,
        "image_url": f"https://assets.braintreegateway.com/payment_method_logo/{instrument.card_type.lower()}.png",
        "unique_number_identifier": instrument.unique_number_identifier,
        **shown_bin_data(instrument),
    }


def shown_three_d_secure(info: ThreeDSecure | None) -> Tree | None:
    if info is None:
        return None
    return {
        "enrolled": info.enrolled,
        "status": info.status,
        "liability_shifted": info.liability_shifted,
        "liability_shift_possible": info.liability_shift_possible,
        "cavv": info.cavv,
        "xid": info.xid,
        "ds_transaction_id": info.ds_transaction_id,
        "eci_flag": info.eci_flag,
        "three_d_secure_version": info.version,
        "three_d_secure_authentication_id": info.authentication_id,
    }
