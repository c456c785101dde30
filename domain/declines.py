"""Why a bank said no: one table of codes for all providers, each with a sentence for the customer and an advice.

Adapters map their provider's reasons onto `DeclineCode`; the issuer's own code and the provider's raw one travel
beside it, so nothing is lost. The sentences are shown to customers: a suspected fraud or a stolen card is never named
to the person who holds it.
"""

from dataclasses import dataclass
from enum import StrEnum


class DeclineCode(StrEnum):
    GENERIC_DECLINE = "GENERIC_DECLINE"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    CARD_EXPIRED = "CARD_EXPIRED"
    INCORRECT_CVC = "INCORRECT_CVC"
    INCORRECT_NUMBER = "INCORRECT_NUMBER"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    FRAUD_SUSPECTED = "FRAUD_SUSPECTED"
    LOST_OR_STOLEN = "LOST_OR_STOLEN"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    PROCESSING_ERROR = "PROCESSING_ERROR"
    CARD_NOT_SUPPORTED = "CARD_NOT_SUPPORTED"
    CURRENCY_NOT_SUPPORTED = "CURRENCY_NOT_SUPPORTED"
    DO_NOT_RETRY = "DO_NOT_RETRY"


class DeclineAdvice(StrEnum):
    RETRY_LATER = "RETRY_LATER"
    USE_OTHER_METHOD = "USE_OTHER_METHOD"
    AUTHENTICATE = "AUTHENTICATE"
    DO_NOT_RETRY = "DO_NOT_RETRY"


_NOT_FOR_THE_HOLDER = frozenset({DeclineCode.FRAUD_SUSPECTED, DeclineCode.LOST_OR_STOLEN})


FORBIDS_TRIES = frozenset({DeclineCode.LOST_OR_STOLEN, DeclineCode.DO_NOT_RETRY})
"""The card must not be tried again: what Visa has in its category of declines that no issuer ever takes back (04, 07,
41, 43, R1 among them), and what Mastercard's advice 03 says in so many words.

FRAUD_SUSPECTED is none: 59 is in Visa's category of "not at this time", for the bank asks the customer, who confirms by
text message and pays with the same card.
"""


def told_to_customer(code: DeclineCode | None) -> DeclineCode | None:
    """What the person who holds the card may read: never that fraud or theft is suspected."""
    return DeclineCode.DO_NOT_RETRY if code in _NOT_FOR_THE_HOLDER else code


@dataclass(frozen=True, slots=True)
class Decline:
    """What a decline means to the client: `message` for the customer, `advice` for the code."""

    message: str
    advice: DeclineAdvice


_PLAIN_REFUSAL = "Your bank declined the payment. Please use another card or contact your bank."

DECLINES: dict[DeclineCode, Decline] = {
    DeclineCode.GENERIC_DECLINE: Decline(_PLAIN_REFUSAL, DeclineAdvice.USE_OTHER_METHOD),
    DeclineCode.INSUFFICIENT_FUNDS: Decline(
        "The card has insufficient funds. Please use another card or try again later.",
        DeclineAdvice.RETRY_LATER,
    ),
    DeclineCode.CARD_EXPIRED: Decline("The card has expired. Please use another card.", DeclineAdvice.USE_OTHER_METHOD),
    DeclineCode.INCORRECT_CVC: Decline(
        "The card's security code is wrong. Please check it and try again.", DeclineAdvice.USE_OTHER_METHOD
    ),
    DeclineCode.INCORRECT_NUMBER: Decline(
        "The card number is wrong. Please check it and try again.", DeclineAdvice.USE_OTHER_METHOD
    ),
    DeclineCode.LIMIT_EXCEEDED: Decline(
        "The payment exceeds a limit of the card. Please use another card or try again later.",
        DeclineAdvice.RETRY_LATER,
    ),
    DeclineCode.FRAUD_SUSPECTED: Decline(_PLAIN_REFUSAL, DeclineAdvice.DO_NOT_RETRY),
    DeclineCode.LOST_OR_STOLEN: Decline(_PLAIN_REFUSAL, DeclineAdvice.DO_NOT_RETRY),
    DeclineCode.AUTHENTICATION_REQUIRED: Decline(
        "Your bank asks you to confirm the payment.", DeclineAdvice.AUTHENTICATE
    ),
    DeclineCode.AUTHENTICATION_FAILED: Decline(
        "The payment could not be confirmed with your bank. Please try again or use another card.",
        DeclineAdvice.AUTHENTICATE,
    ),
    DeclineCode.PROCESSING_ERROR: Decline(
        "The payment could not be processed just now. Please try again in a moment.",
        DeclineAdvice.RETRY_LATER,
    ),
    DeclineCode.CARD_NOT_SUPPORTED: Decline(
        "This kind of card is not accepted. Please use another card.", DeclineAdvice.USE_OTHER_METHOD
    ),
    DeclineCode.CURRENCY_NOT_SUPPORTED: Decline(
        "The card does not support this currency. Please use another card.", DeclineAdvice.USE_OTHER_METHOD
    ),
    DeclineCode.DO_NOT_RETRY: Decline(_PLAIN_REFUSAL, DeclineAdvice.DO_NOT_RETRY),
}
