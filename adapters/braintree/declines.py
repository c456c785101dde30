"""Why a payment was declined, from Braintree's codes to ours.

https://developer.paypal.com/braintree/docs/reference/general/processor-responses/authorization-responses for what the
processors say (2000 to 3000), https://developer.paypal.com/braintree/docs/articles/control-panel/transactions/gateway-rejections
for what the gateway itself rejects, …/settlement-responses for what is declined later (4000).

A code that the table lacks is a plain no, for good where Braintree says that the decline is hard. The issuer's own code
is `network_response_code`; what a card scheme advises is `merchant_advice_code`, and that a card must not be tried
again counts for more than any reason that leaves it open.
"""

from collections.abc import Mapping
from typing import Any

from domain.declines import FORBIDS_TRIES, DeclineCode
from domain.provider import Refusal

AUTHENTICATION = "2099"
THREE_D_SECURE = "three_d_secure"
DUPLICATE = "duplicate"

_PROCESSOR: dict[str, DeclineCode] = {
    "2000": DeclineCode.GENERIC_DECLINE,
    "2001": DeclineCode.INSUFFICIENT_FUNDS,
    "2002": DeclineCode.LIMIT_EXCEEDED,
    "2003": DeclineCode.LIMIT_EXCEEDED,
    "2004": DeclineCode.CARD_EXPIRED,
    "2005": DeclineCode.INCORRECT_NUMBER,
    "2006": DeclineCode.CARD_EXPIRED,
    "2007": DeclineCode.INCORRECT_NUMBER,
    "2008": DeclineCode.INCORRECT_NUMBER,
    "2009": DeclineCode.INCORRECT_NUMBER,
    "2010": DeclineCode.INCORRECT_CVC,
    "2011": DeclineCode.GENERIC_DECLINE,
    "2012": DeclineCode.LOST_OR_STOLEN,
    "2013": DeclineCode.LOST_OR_STOLEN,
    "2014": DeclineCode.FRAUD_SUSPECTED,
    "2015": DeclineCode.CARD_NOT_SUPPORTED,
    # The customer has paid this already, or so the bank believes: in a while it will say yes or no.
    "2016": DeclineCode.GENERIC_DECLINE,
    "2017": DeclineCode.DO_NOT_RETRY,
    "2018": DeclineCode.DO_NOT_RETRY,
    "2019": DeclineCode.CARD_NOT_SUPPORTED,
    "2020": DeclineCode.GENERIC_DECLINE,
    "2021": DeclineCode.GENERIC_DECLINE,
    "2022": DeclineCode.INCORRECT_NUMBER,
    "2023": DeclineCode.CARD_NOT_SUPPORTED,
    "2024": DeclineCode.CARD_NOT_SUPPORTED,
    # The merchant's account, not the customer's card; another card may be of a kind that is set up.
    "2025": DeclineCode.PROCESSING_ERROR,
    "2026": DeclineCode.PROCESSING_ERROR,
    "2027": DeclineCode.PROCESSING_ERROR,
    "2028": DeclineCode.PROCESSING_ERROR,
    "2029": DeclineCode.PROCESSING_ERROR,
    "2030": DeclineCode.PROCESSING_ERROR,
    "2031": DeclineCode.CARD_NOT_SUPPORTED,
    "2032": DeclineCode.CARD_NOT_SUPPORTED,
    "2033": DeclineCode.PROCESSING_ERROR,
    "2034": DeclineCode.GENERIC_DECLINE,
    "2035": DeclineCode.LIMIT_EXCEEDED,
    "2036": DeclineCode.PROCESSING_ERROR,
    "2037": DeclineCode.PROCESSING_ERROR,
    "2038": DeclineCode.GENERIC_DECLINE,
    "2039": DeclineCode.PROCESSING_ERROR,
    "2040": DeclineCode.PROCESSING_ERROR,
    "2041": DeclineCode.GENERIC_DECLINE,
    "2042": DeclineCode.PROCESSING_ERROR,
    "2043": DeclineCode.DO_NOT_RETRY,
    "2044": DeclineCode.GENERIC_DECLINE,
    "2045": DeclineCode.PROCESSING_ERROR,
    "2046": DeclineCode.GENERIC_DECLINE,
    "2047": DeclineCode.LOST_OR_STOLEN,
    "2048": DeclineCode.LIMIT_EXCEEDED,
    "2049": DeclineCode.PROCESSING_ERROR,
    "2050": DeclineCode.PROCESSING_ERROR,
    "2051": DeclineCode.INCORRECT_NUMBER,
    "2053": DeclineCode.LOST_OR_STOLEN,
    "2054": DeclineCode.PROCESSING_ERROR,
    "2055": DeclineCode.PROCESSING_ERROR,
    "2056": DeclineCode.LIMIT_EXCEEDED,
    # May have been put on by the holder, or stands for a country or a kind of shop.
    "2057": DeclineCode.GENERIC_DECLINE,
    "2058": DeclineCode.PROCESSING_ERROR,
    "2059": DeclineCode.GENERIC_DECLINE,
    "2060": DeclineCode.INCORRECT_CVC,
    "2061": DeclineCode.PROCESSING_ERROR,
    "2062": DeclineCode.PROCESSING_ERROR,
    # From here to 2098 of accounts at PayPal and banks for the most part, which are not offered.
    "2063": DeclineCode.CARD_NOT_SUPPORTED,
    "2064": DeclineCode.CURRENCY_NOT_SUPPORTED,
    "2065": DeclineCode.PROCESSING_ERROR,
    "2066": DeclineCode.PROCESSING_ERROR,
    "2067": DeclineCode.PROCESSING_ERROR,
    "2068": DeclineCode.PROCESSING_ERROR,
    "2069": DeclineCode.PROCESSING_ERROR,
    "2070": DeclineCode.DO_NOT_RETRY,
    "2071": DeclineCode.PROCESSING_ERROR,
    "2072": DeclineCode.PROCESSING_ERROR,
    "2073": DeclineCode.PROCESSING_ERROR,
    "2074": DeclineCode.GENERIC_DECLINE,
    "2075": DeclineCode.GENERIC_DECLINE,
    "2076": DeclineCode.GENERIC_DECLINE,
    "2077": DeclineCode.FRAUD_SUSPECTED,
    "2078": DeclineCode.PROCESSING_ERROR,
    "2079": DeclineCode.PROCESSING_ERROR,
    "2080": DeclineCode.GENERIC_DECLINE,
    "2081": DeclineCode.PROCESSING_ERROR,
    "2082": DeclineCode.CARD_NOT_SUPPORTED,
    "2083": DeclineCode.PROCESSING_ERROR,
    "2084": DeclineCode.PROCESSING_ERROR,
    "2085": DeclineCode.GENERIC_DECLINE,
    "2086": DeclineCode.LIMIT_EXCEEDED,
    "2087": DeclineCode.PROCESSING_ERROR,
    "2088": DeclineCode.CURRENCY_NOT_SUPPORTED,
    "2089": DeclineCode.PROCESSING_ERROR,
    "2090": DeclineCode.PROCESSING_ERROR,
    "2091": DeclineCode.CURRENCY_NOT_SUPPORTED,
    "2092": DeclineCode.PROCESSING_ERROR,
    "2093": DeclineCode.CARD_NOT_SUPPORTED,
    "2094": DeclineCode.PROCESSING_ERROR,
    "2095": DeclineCode.PROCESSING_ERROR,
    "2096": DeclineCode.GENERIC_DECLINE,
    "2097": DeclineCode.LIMIT_EXCEEDED,
    "2098": DeclineCode.LIMIT_EXCEEDED,
    AUTHENTICATION: DeclineCode.AUTHENTICATION_REQUIRED,
    "2100": DeclineCode.PROCESSING_ERROR,
    "2101": DeclineCode.AUTHENTICATION_REQUIRED,
    "2102": DeclineCode.AUTHENTICATION_FAILED,
    "2103": DeclineCode.AUTHENTICATION_FAILED,
    "2104": DeclineCode.GENERIC_DECLINE,
    "2105": DeclineCode.GENERIC_DECLINE,
    "2106": DeclineCode.GENERIC_DECLINE,
    "2107": DeclineCode.GENERIC_DECLINE,
    "2108": DeclineCode.DO_NOT_RETRY,
    "3000": DeclineCode.PROCESSING_ERROR,
}

_GATEWAY: dict[str, DeclineCode] = {
    # The merchant's own application with Braintree; no card can be charged.
    "application_incomplete": DeclineCode.PROCESSING_ERROR,
    "avs": DeclineCode.GENERIC_DECLINE,
    "avs_and_cvv": DeclineCode.INCORRECT_CVC,
    "cvv": DeclineCode.INCORRECT_CVC,
    DUPLICATE: DeclineCode.GENERIC_DECLINE,
    "excessive_retry": DeclineCode.DO_NOT_RETRY,
    "fraud": DeclineCode.FRAUD_SUSPECTED,
    "manual_transactions_disabled": DeclineCode.PROCESSING_ERROR,
    "payment_method_blocked": DeclineCode.DO_NOT_RETRY,
    "risk_threshold": DeclineCode.FRAUD_SUSPECTED,
    THREE_D_SECURE: DeclineCode.AUTHENTICATION_REQUIRED,
    "token_issuance": DeclineCode.CARD_NOT_SUPPORTED,
    "too_many_confirmation_attempts": DeclineCode.AUTHENTICATION_FAILED,
    "union_pay_enrollment_required": DeclineCode.CARD_NOT_SUPPORTED,
}

_NEVER_AGAIN = frozenset({"03", "21"})
"""Mastercard's merchant advice codes: do not try again, and: the customer has cancelled the payments."""
_HARD = "hard_declined"
_LONGEST = 500


def decline_of(found: Mapping[str, Any]) -> Refusal:
    """From a transaction, or a verification, that was declined or rejected."""
    rejected, code = _text(found, "gateway_rejection_reason"), _text(found, "processor_response_code")
    if rejected is not None:
        meaning, message = _GATEWAY.get(rejected, DeclineCode.GENERIC_DECLINE), f"Rejected by the gateway: {rejected}."
    else:
        plain = DeclineCode.DO_NOT_RETRY if _is_hard(found) else DeclineCode.GENERIC_DECLINE
        meaning = _PROCESSOR.get(code or "", plain)
        message = _text(found, "processor_response_text") or "The payment was declined."
    if _text(found, "merchant_advice_code") in _NEVER_AGAIN and meaning not in FORBIDS_TRIES:
        meaning = DeclineCode.DO_NOT_RETRY
    return Refusal(
        message=message,
        decline_code=meaning,
        issuer_code=_text(found, "network_response_code"),
        provider_code=rejected or code,
    )


def settlement_decline_of(found: Mapping[str, Any]) -> Refusal:
    """Of what was taken at first, and declined when it was to be settled."""
    return Refusal(
        message=_text(found, "processor_settlement_response_text") or "The settlement was declined.",
        decline_code=DeclineCode.PROCESSING_ERROR,
        issuer_code=_text(found, "network_response_code"),
        provider_code=_text(found, "processor_settlement_response_code") or "settlement_declined",
    )


def _is_hard(found: Mapping[str, Any]) -> bool:
    return _text(found, "processor_response_type") == _HARD


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value[:_LONGEST] if isinstance(value, str) and value else None
