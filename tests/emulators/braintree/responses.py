"""What processors say: …/docs/reference/general/processor-responses/authorization-responses on developer.paypal.com.

In the sandbox the amount decides (https://developer.paypal.com/braintree/docs/reference/general/testing). The texts
are those that codes are known by; a code that the table lacks reads Declined.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

_APPROVED, _SOFT, _HARD = "approved", "soft_declined", "hard_declined"

_TEXTS = {
    "2000": "Do Not Honor",
    "2001": "Insufficient Funds",
    "2002": "Limit Exceeded",
    "2003": "Cardholder's Activity Limit Exceeded",
    "2004": "Expired Card",
    "2005": "Invalid Credit Card Number",
    "2006": "Invalid Expiration Date",
    "2007": "No Account",
    "2008": "Card Account Length Error",
    "2009": "No Such Issuer",
    "2010": "Card Issuer Declined CVV",
    "2011": "Voice Authorization Required",
    "2012": "Processor Declined - Possible Lost Card",
    "2013": "Processor Declined - Possible Stolen Card",
    "2014": "Processor Declined - Fraud Suspected",
    "2015": "Transaction Not Allowed",
    "2016": "Duplicate Transaction",
    "2017": "Cardholder Stopped Billing",
    "2018": "Cardholder Stopped All Billing",
    "2019": "Invalid Transaction",
    "2020": "Violation",
    "2021": "Security Violation",
    "2022": "Declined - Updated Cardholder Available",
    "2023": "Processor Does Not Support This Feature",
    "2024": "Card Type Not Enabled",
    "2025": "Set Up Error - Merchant",
    "2026": "Invalid Merchant ID",
    "2027": "Set Up Error - Amount",
    "2028": "Set Up Error - Hierarchy",
    "2029": "Set Up Error - Card",
    "2030": "Set Up Error - Terminal",
    "2031": "Encryption Error",
    "2032": "Surcharge Not Permitted",
    "2033": "Inconsistent Data",
    "2034": "No Action Taken",
    "2035": "Partial Approval For Amount In Group III Version",
    "2036": "Authorization could not be found",
    "2037": "Already Reversed",
    "2038": "Processor Declined",
    "2039": "Invalid Authorization Code",
    "2040": "Invalid Store",
    "2041": "Declined - Call For Approval",
    "2042": "Invalid Client ID",
    "2043": "Error - Do Not Retry, Call Issuer",
    "2044": "Declined - Call Issuer",
    "2045": "Invalid Merchant Number",
    "2046": "Declined",
    "2047": "Call Issuer. Pick Up Card.",
    "2048": "Invalid Amount",
    "2049": "Invalid SKU Number",
    "2050": "Invalid Credit Plan",
    "2051": "Credit Card Number does not match method of payment",
    "2053": "Card reported as lost or stolen",
    "2054": "Reversal amount does not match authorization amount",
    "2055": "Invalid Transaction Division Number",
    "2056": "Transaction amount exceeds the transaction division limit",
    "2057": "Issuer or Cardholder has put a restriction on the card",
    "2058": "Merchant not Mastercard SecureCode enabled",
    "2059": "Address Verification Failed",
    "2060": "Address Verification and Card Security Code Failed",
    "2061": "Invalid Transaction Data",
    "2062": "Invalid Tax Amount",
    "2099": "Cardholder Authentication Required",
    "3000": "Processor Network Unavailable - Try Again",
    "4001": "Settlement Declined",
    "4002": "Settlement Pending",
}

_FOR_GOOD = frozenset(
    {
        "2004", "2005", "2006", "2007", "2008", "2009", "2011", "2012", "2013", "2014", "2015", "2017", "2018", "2019",
        "2020", "2022", "2023", "2024", "2026", "2027", "2028", "2029", "2030", "2031", "2032", "2036", "2037", "2039",
        "2041", "2042", "2043", "2044", "2045", "2047", "2049", "2051", "2053", "2054", "2055", "2056", "2058", "2061",
    }
)  # fmt: skip
"""Hard declines, which are not to be tried again."""
_ASKS = 2099
"""Authentication required, which is issuers.py's business."""


@dataclass(frozen=True, slots=True)
class Response:
    status: str
    code: str | None = None
    text: str | None = None
    type: str | None = None
    rejection_reason: str | None = None
    additional: str | None = None
    """What the processor said in its own words."""


def text_of(code: str) -> str:
    return _TEXTS.get(code, "Declined")


def authorization(amount: Decimal) -> Response:
    """What the processor says of a sale of this amount."""
    if Decimal(2000) <= amount < Decimal(3000) and int(amount) != _ASKS:
        return decline(str(int(amount)))
    if Decimal(3000) <= amount < Decimal(3001):
        return decline("3000")
    if amount == Decimal(5001):
        return rejection("application_incomplete")
    return Response("authorized", "1000", "Approved", _APPROVED)


def decline(code: str) -> Response:
    """A processor's no, or with 3000 that there was no processor."""
    if code == "3000":
        return Response("failed", code, text_of(code), _SOFT, additional=f"{code} : {text_of(code)}")
    kind = _HARD if code in _FOR_GOOD else _SOFT
    return Response("processor_declined", code, text_of(code), kind, additional=f"{code} : {text_of(code)}")


def rejection(reason: str) -> Response:
    """The gateway's own no: the processor was not asked."""
    return Response("gateway_rejected", rejection_reason=reason)


def rejected_after(response: Response, reason: str) -> Response:
    """The gateway's own no to what the processor has said yes to."""
    return replace(response, status="gateway_rejected", rejection_reason=reason)


def is_settlement_declined(amount: Decimal) -> bool:
    """The sandbox does so "on certain transaction types", without naming them; here on cards."""
    return Decimal(4001) <= amount < Decimal(4002)


def refund(amount: Decimal) -> Response:
    """As the SDK's tests have it: a hard decline ends a refund, a soft one does not, for it is tried again."""
    code = str(int(amount))
    if Decimal(2000) <= amount < Decimal(3000) and code in _FOR_GOOD:
        return decline(code)
    additional = f"{code} : {text_of(code)}" if Decimal(2000) <= amount < Decimal(3000) else None
    return Response("submitted_for_settlement", "1002", "Processed", _APPROVED, additional=additional)
