"""Why the fake bank says no: its own code, the issuer's two characters (ISO 8583 and the card schemes), and ours."""

from dataclasses import dataclass

from domain.declines import DeclineCode


@dataclass(frozen=True, slots=True)
class BankDecline:
    code: str
    meaning: DeclineCode
    issuer_code: str | None
    message: str


BANK_DECLINES: dict[str, BankDecline] = {
    decline.code: decline
    for decline in (
        BankDecline("generic_decline", DeclineCode.GENERIC_DECLINE, "05", "The issuer does not honour it."),
        BankDecline("insufficient_funds", DeclineCode.INSUFFICIENT_FUNDS, "51", "There is not enough money."),
        BankDecline("expired_card", DeclineCode.CARD_EXPIRED, "54", "The card has expired."),
        BankDecline("incorrect_cvc", DeclineCode.INCORRECT_CVC, "N7", "The security code does not match."),
        BankDecline("incorrect_number", DeclineCode.INCORRECT_NUMBER, "14", "There is no such card."),
        BankDecline("card_velocity_exceeded", DeclineCode.LIMIT_EXCEEDED, "61", "A limit of the card is reached."),
        BankDecline("fraudulent", DeclineCode.FRAUD_SUSPECTED, "59", "The risk check blocked it."),
        BankDecline("lost_card", DeclineCode.LOST_OR_STOLEN, "41", "The card was reported lost."),
        BankDecline("stolen_card", DeclineCode.LOST_OR_STOLEN, "43", "The card was reported stolen."),
        BankDecline(
            "authentication_required",
            DeclineCode.AUTHENTICATION_REQUIRED,
            "1A",
            "The issuer wants the customer to confirm, and nobody is there to do it.",
        ),
        BankDecline(
            "authentication_failed",
            DeclineCode.AUTHENTICATION_FAILED,
            None,
            "The customer did not confirm the payment.",
        ),
        BankDecline("processing_error", DeclineCode.PROCESSING_ERROR, "96", "The issuer's system has a fault."),
        BankDecline("card_not_supported", DeclineCode.CARD_NOT_SUPPORTED, "57", "The card cannot do this."),
        BankDecline(
            "currency_not_supported",
            DeclineCode.CURRENCY_NOT_SUPPORTED,
            None,
            "The card cannot pay in this currency.",
        ),
        BankDecline("do_not_try_again", DeclineCode.DO_NOT_RETRY, "R1", "The cardholder stopped such payments."),
    )
}


def meaning_of(code: str) -> DeclineCode:
    """Ours for the bank's; a code that a newer bank may send is still a decline."""
    known = BANK_DECLINES.get(code)
    return known.meaning if known else DeclineCode.GENERIC_DECLINE
