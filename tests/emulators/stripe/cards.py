"""The test cards of https://docs.stripe.com/testing: by number, by payment method (`pm_card_…`), by token (`tok_…`)."""

from dataclasses import dataclass
from enum import StrEnum


class Authentication(StrEnum):
    """When a card asks for 3D Secure."""

    NEVER = "never"
    """Not for one's asking either: the card is not enrolled."""
    IF_ASKED = "if_asked"
    """Only where the shop asks for it."""
    ALWAYS = "always"
    UNLESS_SET_UP = "unless_set_up"
    """On session always; off session unless the card was set up for that before."""
    ON_SESSION = "on_session"
    """On session always; off session never, as if the card had been set up for that."""


class AfterCharge(StrEnum):
    """What becomes of a charge that succeeded."""

    NOTHING = "nothing"
    DISPUTE = "dispute"
    DISPUTE_NOT_RECEIVED = "dispute_not_received"
    INQUIRY = "inquiry"
    REFUND_PENDS = "refund_pends"
    REFUND_FAILS = "refund_fails"
    AVAILABLE = "available"
    """Its money is not pending first."""


@dataclass(frozen=True, slots=True)
class KnownCard:
    number: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline_code: str | None = None
    """How the issuer declines charges; setting the card up, too, unless `attachable`."""
    attachable: bool = False
    blocked: bool = False
    """Declined before the issuer is asked: Radar takes the charge for a fraud."""
    authentication: Authentication = Authentication.NEVER
    after: AfterCharge = AfterCharge.NOTHING
    cvc_check: str = "pass"
    postal_code_check: str | None = None
    risk_level: str = "normal"

    @property
    def last4(self) -> str:
        return self.number[-4:]


@dataclass(slots=True)
class CardOnFile:
    """A payment method's card, and what was done with it."""

    card: KnownCard
    set_up: bool = False
    """Authenticated for use off session."""
    spent: bool = False
    """Used without being attached, or detached: it cannot be used any more."""


_A = Authentication

_CARDS: dict[str, KnownCard] = {
    # By brand.
    "visa": KnownCard("4242424242424242"),
    "visa_debit": KnownCard("4000056655665556", funding="debit"),
    "mastercard": KnownCard("5555555555554444", "mastercard"),
    "mastercard_debit": KnownCard("5200828282828210", "mastercard", funding="debit"),
    "mastercard_prepaid": KnownCard("5105105105105100", "mastercard", funding="prepaid"),
    "amex": KnownCard("378282246310005", "amex"),
    "amex_threeDSecureNotSupported": KnownCard("378282246310005", "amex"),
    "discover": KnownCard("6011111111111117", "discover"),
    "diners": KnownCard("3056930009020004", "diners"),
    "jcb": KnownCard("3566002020360505", "jcb", country="JP"),
    "unionpay": KnownCard("6200000000000005", "unionpay", country="CN"),
    # By country.
    "us": KnownCard("4242424242424242"),
    "br": KnownCard("4000000760000002", country="BR"),
    "ca": KnownCard("4000001240000000", country="CA"),
    "mx": KnownCard("4000004840008001", country="MX"),
    "at": KnownCard("4000000400000008", country="AT"),
    "ch": KnownCard("4000007560000009", country="CH"),
    "de": KnownCard("4000002760000016", country="DE"),
    "fr": KnownCard("4000002500000003", country="FR"),
    "gb": KnownCard("4000008260000000", country="GB"),
    "jp": KnownCard("4000003920000003", country="JP"),
    # Declined.
    "visa_chargeDeclined": KnownCard("4000000000000002", decline_code="generic_decline"),
    "visa_chargeDeclinedInsufficientFunds": KnownCard("4000000000009995", decline_code="insufficient_funds"),
    "visa_chargeDeclinedLostCard": KnownCard("4000000000009987", decline_code="lost_card"),
    "visa_chargeDeclinedStolenCard": KnownCard("4000000000009979", decline_code="stolen_card"),
    "visa_chargeDeclinedVelocityLimitExceeded": KnownCard("4000000000006975", decline_code="card_velocity_exceeded"),
    "chargeDeclinedExpiredCard": KnownCard("4000000000000069", decline_code="expired_card"),
    "chargeDeclinedIncorrectCvc": KnownCard("4000000000000127", decline_code="incorrect_cvc", cvc_check="fail"),
    "chargeDeclinedProcessingError": KnownCard("4000000000000119", decline_code="processing_error"),
    "chargeCustomerFail": KnownCard("4000000000000341", decline_code="generic_decline", attachable=True),
    # Taken for frauds, or almost.
    "radarBlock": KnownCard("4100000000000019", blocked=True, attachable=True, risk_level="highest"),
    "riskLevelHighest": KnownCard("4000000000004954", blocked=True, attachable=True, risk_level="highest"),
    "riskLevelElevated": KnownCard("4000000000009235", risk_level="elevated"),
    "cvcCheckFail": KnownCard("4000000000000101", cvc_check="fail"),
    "avsZipFail": KnownCard("4000000000000036", postal_code_check="fail"),
    # Disputed.
    "createDispute": KnownCard("4000000000000259", after=AfterCharge.DISPUTE),
    "createDisputeProductNotReceived": KnownCard("4000000000002685", after=AfterCharge.DISPUTE_NOT_RECEIVED),
    "createDisputeInquiry": KnownCard("4000000000001976", after=AfterCharge.INQUIRY),
    # Refunded with difficulty.
    "pendingRefund": KnownCard("4000000000007726", after=AfterCharge.REFUND_PENDS),
    "refundFail": KnownCard("4000000000005126", after=AfterCharge.REFUND_FAILS),
    # Paid into the balance at once.
    "bypassPending": KnownCard("4000000000000077", after=AfterCharge.AVAILABLE),
    # Strong customer authentication.
    "authenticationRequired": KnownCard("4000002760003184", country="DE", authentication=_A.ALWAYS),
    "authenticationRequiredOnSetup": KnownCard("4000002500003155", country="FR", authentication=_A.UNLESS_SET_UP),
    "authenticationRequiredSetupForOffSession": KnownCard(
        "4000003800000446", country="IT", authentication=_A.ON_SESSION
    ),
    "authenticationRequiredChargeDeclinedInsufficientFunds": KnownCard(
        "4000008260003178",
        country="GB",
        authentication=_A.ALWAYS,
        decline_code="insufficient_funds",
        attachable=True,
    ),
    # 3D Secure.
    "threeDSecure2Required": KnownCard("4000000000003220", authentication=_A.ALWAYS),
    "threeDSecureRequired": KnownCard("4000000000003063", authentication=_A.ALWAYS),
    "threeDSecureRequiredChargeDeclined": KnownCard(
        "4000008400001629", authentication=_A.ALWAYS, decline_code="generic_decline", attachable=True
    ),
    "threeDSecureRequiredProcessingError": KnownCard(
        "4000008400001280", authentication=_A.ALWAYS, decline_code="processing_error", attachable=True
    ),
    "threeDSecureOptional": KnownCard("4000000000003055", authentication=_A.IF_ASKED),
}

_SHORTER = "visa_chargeDeclined"
"""Declined cards are also known without their brand: `pm_card_chargeDeclined`, `tok_chargeDeclined`."""
_NAMES = _CARDS | {name.removeprefix("visa_"): card for name, card in _CARDS.items() if name.startswith(_SHORTER)}
_BY_NUMBER = {card.number: card for card in _CARDS.values()}


def card_of_payment_method(id: str) -> KnownCard | None:
    """The card of `pm_card_visa` and the like, which are payment methods in every test account."""
    return _NAMES.get(id.removeprefix("pm_card_")) if id.startswith("pm_card_") else None


def card_of_token(token: str) -> KnownCard | None:
    return _NAMES.get(token.removeprefix("tok_")) if token.startswith("tok_") else None


def card_of_number(number: str) -> KnownCard | None:
    return _BY_NUMBER.get(number)


def known_payment_methods() -> tuple[str, ...]:
    """Every `pm_card_…`."""
    return tuple(f"pm_card_{name}" for name in _NAMES)
