"""What a declined card leads to: https://docs.stripe.com/declines/codes.

`code` is the error's, `decline_code` the issuer's reason in Stripe's word, `network_decline_code` the card scheme's own
two characters (ISO 8583, field 39), `advice_code` what to do about it (https://docs.stripe.com/declines/card). Which
advice goes with which code is the issuer's choice each time; the table has one that fits.
"""

from dataclasses import dataclass

from tests.emulators.stripe.refusals import Json, Refused

CONFIRM, LATER, NEVER = "confirm_card_data", "try_again_later", "do_not_try_again"


@dataclass(frozen=True, slots=True)
class Decline:
    decline_code: str
    code: str = "card_declined"
    advice_code: str | None = None
    network_decline_code: str | None = None
    param: str | None = None
    message: str = "The card was declined."


_TABLE = (
    Decline("approve_with_id", advice_code=LATER, network_decline_code="08"),
    Decline("authentication_required", "authentication_required", network_decline_code="1A"),
    Decline("call_issuer", network_decline_code="02"),
    Decline("card_not_supported", network_decline_code="57"),
    Decline("card_velocity_exceeded", advice_code=LATER, network_decline_code="65"),
    Decline("currency_not_supported"),
    Decline("do_not_honor", advice_code=LATER, network_decline_code="05"),
    Decline("do_not_try_again", advice_code=NEVER, network_decline_code="R0"),
    Decline("duplicate_transaction", network_decline_code="94"),
    Decline("expired_card", "expired_card", CONFIRM, "54", "exp_month", "The card has expired."),
    Decline("fraudulent", network_decline_code="59"),
    Decline("generic_decline", advice_code=LATER, network_decline_code="01"),
    Decline("incorrect_cvc", "incorrect_cvc", CONFIRM, "N7", "cvc", "The card's security code is wrong."),
    Decline("incorrect_number", "incorrect_number", CONFIRM, "14", "number", "The card's number is wrong."),
    Decline("incorrect_zip", "incorrect_zip", CONFIRM, "05", "address_zip", "The card's postal code is wrong."),
    Decline("insufficient_funds", advice_code=LATER, network_decline_code="51"),
    Decline("invalid_account", advice_code=NEVER, network_decline_code="14"),
    Decline("invalid_amount", network_decline_code="13"),
    Decline("issuer_not_available", advice_code=LATER, network_decline_code="91"),
    Decline("lost_card", advice_code=NEVER, network_decline_code="41"),
    Decline("merchant_blacklist", advice_code=NEVER),
    Decline("new_account_information_available", advice_code=CONFIRM, network_decline_code="05"),
    Decline("no_action_taken", network_decline_code="21"),
    Decline("not_permitted", network_decline_code="57"),
    Decline("pickup_card", advice_code=NEVER, network_decline_code="04"),
    Decline("processing_error", "processing_error", LATER, "96", None, "The card could not be processed."),
    Decline("reenter_transaction", advice_code=LATER, network_decline_code="19"),
    Decline("restricted_card", advice_code=NEVER, network_decline_code="62"),
    Decline("revocation_of_all_authorizations", advice_code=NEVER, network_decline_code="R1"),
    Decline("revocation_of_authorization", advice_code=NEVER, network_decline_code="R1"),
    Decline("security_violation", network_decline_code="63"),
    Decline("service_not_allowed", network_decline_code="57"),
    Decline("stolen_card", advice_code=NEVER, network_decline_code="43"),
    Decline("stop_payment_order", advice_code=NEVER, network_decline_code="R0"),
    Decline("transaction_not_allowed", network_decline_code="57"),
    Decline("try_again_later", advice_code=LATER, network_decline_code="91"),
    Decline("withdrawal_count_limit_exceeded", advice_code=LATER, network_decline_code="61"),
)

DECLINES = {decline.decline_code: decline for decline in _TABLE}

BLOCKED = Decline("fraudulent", message="The card was declined.")
"""Radar's, which asks no issuer: it has neither the network's code nor its advice."""


def card_error(decline: Decline, *, payment_method: Json | None = None, charge: str | None = None) -> Refused:
    """402, as it is answered and as it stands in the intent's last error. `charge` is the one that failed."""
    return Refused(
        402,
        decline.message,
        type="card_error",
        code=decline.code,
        param=decline.param,
        advice_code=decline.advice_code,
        decline_code=decline.decline_code,
        network_decline_code=decline.network_decline_code,
        payment_method=payment_method,
        charge=charge,
    )
