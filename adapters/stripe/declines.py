"""Why a payment was declined, from Stripe's codes to ours: https://docs.stripe.com/declines/codes and /error-codes.

The issuer's reason is in `decline_code`, or for a few of them in `code` alone. What Stripe does not know to be a
certain reason stays a plain no. `advice_code` is the card scheme's word on trying again
(https://docs.stripe.com/declines/card#retrying-issuer-declines): that a card must not be tried again counts for more
than any reason that leaves it open.
"""

from collections.abc import Mapping
from typing import Any

from domain.declines import FORBIDS_TRIES, DeclineCode
from domain.provider import Refusal

_MEANINGS: dict[str, DeclineCode] = {
    "approve_with_id": DeclineCode.GENERIC_DECLINE,
    "authentication_not_handled": DeclineCode.AUTHENTICATION_REQUIRED,
    "authentication_required": DeclineCode.AUTHENTICATION_REQUIRED,
    "call_issuer": DeclineCode.GENERIC_DECLINE,
    "card_not_supported": DeclineCode.CARD_NOT_SUPPORTED,
    "card_velocity_exceeded": DeclineCode.LIMIT_EXCEEDED,
    "currency_not_supported": DeclineCode.CURRENCY_NOT_SUPPORTED,
    "do_not_honor": DeclineCode.GENERIC_DECLINE,
    "do_not_try_again": DeclineCode.DO_NOT_RETRY,
    # The customer has paid this already, or so the bank believes: in a while it will say yes or no.
    "duplicate_transaction": DeclineCode.GENERIC_DECLINE,
    "expired_card": DeclineCode.CARD_EXPIRED,
    "fraudulent": DeclineCode.FRAUD_SUSPECTED,
    "generic_decline": DeclineCode.GENERIC_DECLINE,
    "highest_risk_level": DeclineCode.FRAUD_SUSPECTED,
    "incorrect_address": DeclineCode.GENERIC_DECLINE,
    "incorrect_cvc": DeclineCode.INCORRECT_CVC,
    "incorrect_number": DeclineCode.INCORRECT_NUMBER,
    "incorrect_pin": DeclineCode.AUTHENTICATION_FAILED,
    "incorrect_zip": DeclineCode.GENERIC_DECLINE,
    "insufficient_funds": DeclineCode.INSUFFICIENT_FUNDS,
    "invalid_account": DeclineCode.INCORRECT_NUMBER,
    "invalid_amount": DeclineCode.LIMIT_EXCEEDED,
    "invalid_cvc": DeclineCode.INCORRECT_CVC,
    "invalid_expiry_month": DeclineCode.CARD_EXPIRED,
    "invalid_expiry_year": DeclineCode.CARD_EXPIRED,
    "invalid_number": DeclineCode.INCORRECT_NUMBER,
    "invalid_pin": DeclineCode.AUTHENTICATION_FAILED,
    "issuer_not_available": DeclineCode.PROCESSING_ERROR,
    "lost_card": DeclineCode.LOST_OR_STOLEN,
    "merchant_blacklist": DeclineCode.FRAUD_SUSPECTED,
    "mobile_device_authentication_required": DeclineCode.AUTHENTICATION_REQUIRED,
    "new_account_information_available": DeclineCode.INCORRECT_NUMBER,
    "no_action_taken": DeclineCode.GENERIC_DECLINE,
    "not_permitted": DeclineCode.GENERIC_DECLINE,
    "offline_pin_required": DeclineCode.AUTHENTICATION_REQUIRED,
    "online_or_offline_pin_required": DeclineCode.AUTHENTICATION_REQUIRED,
    "pickup_card": DeclineCode.LOST_OR_STOLEN,
    "pin_try_exceeded": DeclineCode.AUTHENTICATION_FAILED,
    "previously_declined_do_not_retry": DeclineCode.DO_NOT_RETRY,
    "processing_error": DeclineCode.PROCESSING_ERROR,
    "reenter_transaction": DeclineCode.PROCESSING_ERROR,
    # May have been reported lost or stolen, or is not for this country or shop: Stripe does not know either.
    "restricted_card": DeclineCode.GENERIC_DECLINE,
    "revocation_of_all_authorizations": DeclineCode.DO_NOT_RETRY,
    "revocation_of_authorization": DeclineCode.DO_NOT_RETRY,
    "security_violation": DeclineCode.GENERIC_DECLINE,
    "service_not_allowed": DeclineCode.CARD_NOT_SUPPORTED,
    "stolen_card": DeclineCode.LOST_OR_STOLEN,
    "stop_payment_order": DeclineCode.DO_NOT_RETRY,
    "testmode_decline": DeclineCode.CARD_NOT_SUPPORTED,
    "transaction_not_allowed": DeclineCode.CARD_NOT_SUPPORTED,
    "try_again_later": DeclineCode.PROCESSING_ERROR,
    "withdrawal_count_limit_exceeded": DeclineCode.LIMIT_EXCEEDED,
    # The same as `error.code`, where Stripe found it out without the bank, or the customer did not confirm.
    "amount_too_large": DeclineCode.LIMIT_EXCEEDED,
    "card_decline_rate_limit_exceeded": DeclineCode.LIMIT_EXCEEDED,
    "card_declined": DeclineCode.GENERIC_DECLINE,
    "payment_intent_authentication_failure": DeclineCode.AUTHENTICATION_FAILED,
    "payment_intent_payment_attempt_expired": DeclineCode.AUTHENTICATION_FAILED,
    "payment_method_provider_timeout": DeclineCode.PROCESSING_ERROR,
    "payment_method_provider_decline": DeclineCode.GENERIC_DECLINE,
    "setup_intent_authentication_failure": DeclineCode.AUTHENTICATION_FAILED,
    "setup_intent_setup_attempt_expired": DeclineCode.AUTHENTICATION_FAILED,
}
_NEVER_AGAIN = "do_not_try_again"
_LONGEST = 500


def decline_of(error: Mapping[str, Any]) -> Refusal:
    """From a card's error, or from an intent's last one. A code that Stripe has added since is still a decline."""
    code, decline_code = _text(error, "code"), _text(error, "decline_code")
    meaning = _MEANINGS.get(decline_code or "") or _MEANINGS.get(code or "") or DeclineCode.GENERIC_DECLINE
    if _text(error, "advice_code") == _NEVER_AGAIN and meaning not in FORBIDS_TRIES:
        meaning = DeclineCode.DO_NOT_RETRY
    return Refusal(
        message=_text(error, "message") or "The payment was declined.",
        decline_code=meaning,
        issuer_code=_text(error, "network_decline_code"),
        provider_code=decline_code or code,
    )


def _text(error: Mapping[str, Any], name: str) -> str | None:
    value = error.get(name)
    return value[:_LONGEST] if isinstance(value, str) and value else None
