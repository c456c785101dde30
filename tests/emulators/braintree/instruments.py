"""Cards, test numbers and test nonces: https://developer.paypal.com/braintree/docs/reference/general/testing.

Which card a nonce stands for is said by the SDK's constants and integration tests (braintree.test.nonces,
braintree.test.credit_card_numbers), 3D Secure's outcomes by
https://developer.paypal.com/braintree/docs/guides/3d-secure/testing-go-live.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ThreeDSecure:
    """What the gateway itself knows of an authentication, as a transaction and a nonce show it."""

    status: str
    enrolled: str
    liability_shifted: bool
    liability_shift_possible: bool
    eci_flag: str | None = None
    cavv: str | None = None
    xid: str | None = None
    ds_transaction_id: str | None = None
    version: str = "1.0.2"
    authentication_id: str | None = None

    @property
    def has_succeeded(self) -> bool:
        """Whether a sale that requires it goes on: https://developer.paypal.com/braintree/docs/guides/3d-secure/server-side."""
        return self.status in _SUCCEEDED


@dataclass(frozen=True, slots=True)
class Instrument:
    """A card as the gateway knows it. The number is made up, and never shown."""

    number: str = field(repr=False)
    card_type: str
    expiration_month: str = "12"
    expiration_year: str = "2030"
    cardholder_name: str | None = None
    rejected_for: str | None = None
    """The reason for which the gateway rejects whatever is asked of it."""

    @property
    def bin(self) -> str:
        return self.number[:6]

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def expiration_date(self) -> str:
        return f"{self.expiration_month}/{self.expiration_year}"

    @property
    def masked(self) -> str:
        return f"{self.bin}{'*' * (len(self.number) - 10)}{self.last4}"

    @property
    def unique_number_identifier(self) -> str:
        """The same for the same number, whoever holds it."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:32]

    @property
    def indicator(self) -> str | None:
        """Which of what is known of a card of its kind reads Yes: debit, prepaid, …"""
        return _MARKED.get(self.number)

    @property
    def country(self) -> str | None:
        """Of the issuer; as the SDK's tests have it, only one number is known to have none."""
        return None if self.number == _OF_NOBODY else "USA"

    @property
    def bank(self) -> str | None:
        return "NETWORK ONLY" if self.number == _OF_A_BANK else None

    @property
    def product(self) -> str | None:
        return _PRODUCTS.get(self.indicator or "")

    def is_same_card(self, other: "Instrument") -> bool:
        """As the check for duplicate transactions sees it: number and expiration date."""
        return self._identity == other._identity

    @property
    def _identity(self) -> tuple[str, str, str]:
        return self.number, self.expiration_month, self.expiration_year

    def has_expired(self, now: datetime) -> bool:
        return (int(self.expiration_year), int(self.expiration_month)) < (now.year, now.month)


_OF_NOBODY, _OF_A_BANK = "4111111111112101", "4111111141010101"
_PRODUCTS = {"healthcare": "J3", "payroll": "MSA", "no_indicators": "MSB"}

DISPUTED_NUMBER = "4023898493988028"
"""https://developer.paypal.com/braintree/docs/guides/disputes/testing-go-live."""

DECLINED_NUMBERS = frozenset({"4000111111111115", "5105105105105100", "378734493671000", "6011000990139424"})
"""Verification is declined with 2000; sales go by their amount."""
FAILED_NUMBERS = frozenset({"3566002020360505"})
"""Verification fails with 3000."""

INDICATORS = (
    "commercial",
    "debit",
    "durbin_regulated",
    "healthcare",
    "payroll",
    "prepaid",
    "prepaid_reloadable",
    "business",
    "consumer",
    "corporate",
    "purchase",
)

_VISA, _MASTERCARD, _AMEX, _DISCOVER = "4012888888881881", "5555555555554444", "378282246310005", "6011111111111117"

_PLAIN = {
    "": _VISA,
    "visa-": _VISA,
    "mastercard-": _MASTERCARD,
    "amex-": _AMEX,
    "discover-": _DISCOVER,
    "dinersclub-": "36259600000004",
    "jcb-": "3530111333300000",
    "maestro-": "6304000000000000",
    "business-": "4229989800000003",
    "commercial-": "4111111111131010",
    "consumer-": "4229989700000004",
    "corporate-": "4229989100000000",
    "debit-": "4117101010101010",
    "durbin-regulated-": "4111161010101010",
    "healthcare-": "4111111510101010",
    "payroll-": "4111111114101010",
    "prepaid-": "4111111111111210",
    "prepaid-reloadable-": "4229989900000002",
    "purchase-": "4229989500000006",
    "no-indicators-": "4111111111310101",
    "unknown-indicators-": "4111111111112101",
    "country-of-issuance-usa-": "4111111111121102",
    "issuing-bank-network-only-": _OF_A_BANK,
}
_DECLINED = {
    "fake-processor-declined-visa-nonce": "4000111111111115",
    "fake-processor-declined-mastercard-nonce": "5105105105105100",
    "fake-processor-declined-amex-nonce": "378734493671000",
    "fake-processor-declined-discover-nonce": "6011000990139424",
    "fake-processor-failure-jcb-nonce": "3566002020360505",
}
_REJECTED = {
    "fake-gateway-rejected-fraud-nonce": "fraud",
    "fake-gateway-rejected-risk-thresholds-nonce": "risk_threshold",
}

_CAVV, _XID, _DS_ID = (
    "c29tZWJhc2U2NHZhbHVlMDAwMA==",
    "eGlkdmFsdWUwMDAwMDAwMDAwMA==",
    "d0a1b2c3-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
)
_SUCCEEDED = frozenset(
    {
        "authenticate_successful",
        "authenticate_attempt_successful",
        "authenticate_successful_issuer_not_participating",
    }
)


def _outcome(
    status: str, *, shifted: bool, possible: bool, enrolled: str = "Y", eci: str | None = None
) -> ThreeDSecure:
    proof = (_CAVV, _XID, _DS_ID) if status in _SUCCEEDED else (None, None, None)
    return ThreeDSecure(status, enrolled, shifted, possible, eci, *proof)


def _second(outcome: ThreeDSecure) -> ThreeDSecure:
    return ThreeDSecure(
        outcome.status,
        outcome.enrolled,
        outcome.liability_shifted,
        outcome.liability_shift_possible,
        outcome.eci_flag,
        outcome.cavv,
        None,
        outcome.ds_transaction_id,
        "2.2.0",
    )


_SUCCESSFUL = _outcome("authenticate_successful", shifted=True, possible=True, eci="05")
_ATTEMPTED = _outcome("authenticate_attempt_successful", shifted=True, possible=True, eci="06")
_FAILED = _outcome("authenticate_failed", shifted=False, possible=True, eci="07")
_LOOKUP_ERROR = _outcome("lookup_error", shifted=False, possible=False, enrolled="U", eci="07")

OUTCOMES = {
    "authenticate_successful": _second(_SUCCESSFUL),
    "authenticate_attempt_successful": _second(_ATTEMPTED),
    "authenticate_failed": _second(_FAILED),
    "authenticate_rejected": _second(_outcome("authenticate_rejected", shifted=False, possible=True, eci="07")),
    "lookup_error": _second(_LOOKUP_ERROR),
}
"""How an authentication that a test plays for the customer can end (/_control/nonces)."""

_AUTHENTICATED = {
    "visa-full-authentication": _SUCCESSFUL,
    "visa-failed-authentication": _FAILED,
    "visa-failed-signature": _outcome("authenticate_signature_verification_failed", shifted=False, possible=True),
    "visa-attempts-non-participating": _ATTEMPTED,
    "visa-not-enrolled": _outcome("lookup_not_enrolled", shifted=False, possible=False, enrolled="N", eci="06"),
    "visa-unavailable": _outcome("authentication_unavailable", shifted=False, possible=False, enrolled="U"),
    "visa-authentication-unavailable": _outcome("authenticate_unable_to_authenticate", shifted=False, possible=True),
    "visa-mpi-lookup-error": _LOOKUP_ERROR,
    "visa-mpi-authenticate-error": _outcome("authenticate_error", shifted=False, possible=True),
    "visa-bypassed-authentication": _outcome("lookup_bypassed", shifted=False, possible=False, enrolled="B"),
    "visa-lookup-timeout": _LOOKUP_ERROR,
    "two-visa-successful-frictionless-authentication": _second(_SUCCESSFUL),
    "two-visa-successful-step-up-authentication": _second(_SUCCESSFUL),
    "two-visa-error-on-lookup": _second(_LOOKUP_ERROR),
    "two-visa-timeout-on-lookup": _second(_LOOKUP_ERROR),
}

CONSUMED_NONCE = "fake-consumed-nonce"
INVALID_NUMBER_NONCE = "fake-luhn-invalid-nonce"


_MARKED = {
    number: kind.strip("-").replace("-", "_")
    for kind, number in _PLAIN.items()
    if kind.strip("-").replace("-", "_") in (*INDICATORS, "no_indicators")
}
"""Numbers of which more is known than their brand; with `no_indicators` everything reads No."""


def known_nonces() -> dict[str, tuple[Instrument, ThreeDSecure | None]]:
    """The card behind each test nonce, and how its customer was authenticated."""
    found: dict[str, tuple[Instrument, ThreeDSecure | None]] = {}
    for kind, number in _PLAIN.items():
        found[f"fake-valid-{kind}nonce"] = (card(number), None)
    for name, number in _DECLINED.items():
        found[name] = (card(number), None)
    for name, reason in _REJECTED.items():
        found[name] = (card(_VISA, rejected_for=reason), None)
    for name, outcome in _AUTHENTICATED.items():
        found[f"fake-three-d-secure-{name}-nonce"] = (card("4000000000001091"), outcome)
    found[CONSUMED_NONCE] = found[INVALID_NUMBER_NONCE] = (card(_VISA), None)
    return found


def card(
    number: str,
    month: str = "12",
    year: str = "2030",
    name: str | None = None,
    *,
    rejected_for: str | None = None,
) -> Instrument:
    return Instrument(number, card_type(number), month.zfill(2), year, name, rejected_for)


def card_type(number: str) -> str:
    """By the first digits: ISO/IEC 7812."""
    for kind, beginnings in _BEGINNINGS:
        if number.startswith(beginnings):
            return kind
    return "Unknown"


_BEGINNINGS = (
    ("American Express", ("34", "37")),
    ("Diners Club", ("36", "38", "300")),
    ("JCB", ("35",)),
    ("Discover", ("6011", "65")),
    ("Maestro", ("6304", "50", "6759")),
    ("Visa", ("4",)),
    ("MasterCard", ("51", "52", "53", "54", "55", "22", "23", "24", "25", "26", "27")),
)


def passes_luhn(number: str) -> bool:
    """https://en.wikipedia.org/wiki/Luhn_algorithm."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
