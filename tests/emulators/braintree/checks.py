"""AVS and CVV: what the issuer says of an address and of a security code, and which rules of the gateway reject for it.

https://developer.paypal.com/braintree/docs/reference/general/testing#avs-and-cvv-cid-responses for the values that get
each answer in the sandbox, https://developer.paypal.com/braintree/articles/guides/fraud-tools/basic/avs-cvv-rules for
the rules. M matches, N does not, U is not verified, I was not given, S is not supported by the issuer, B was skipped.
"""

from dataclasses import dataclass

from tests.emulators.braintree.xmltext import Tree

_CVV = {"200": "N", "2000": "N", "201": "U", "2011": "U", "301": "S", "3011": "S"}
"""Those of American Express have four digits."""
_STREET = {"200": "N", "201": "U"}
"""By the house number, which comes first."""
_POSTAL_CODE = {"20000": "N", "20001": "U"}
_ERROR = {"30000": "E", "30001": "S"}
"""Postal codes with which there is no answer at all: a system error, an issuer that takes no part."""


@dataclass(frozen=True, slots=True)
class Checks:
    cvv: str = "I"
    postal_code: str = "I"
    street_address: str = "I"
    error: str | None = None

    def rejected_for(self, *, cvv: frozenset[str], avs: frozenset[str]) -> str | None:
        """The reason, when the rules reject these answers."""
        by_avs = bool({self.postal_code, self.street_address, self.error} & avs)
        match self.cvv in cvv, by_avs:
            case True, True:
                return "avs_and_cvv"
            case True, False:
                return "cvv"
            case False, True:
                return "avs"
        return None

    def shown(self) -> Tree:
        return {
            "cvv_response_code": self.cvv,
            "avs_error_response_code": self.error,
            "avs_postal_code_response_code": self.postal_code,
            "avs_street_address_response_code": self.street_address,
        }


def checked(cvv: str | None, address: Tree | None, *, skip_cvv: bool = False, skip_avs: bool = False) -> Checks:
    """What the issuer answers. A vault keeps no security code: who pays with a token gives it anew, or not."""
    code = "B" if skip_cvv else _answer(_CVV, cvv)
    if skip_avs:
        return Checks(code, "B", "B")
    postal_code = (address or {}).get("postal_code")
    street = str((address or {}).get("street_address") or "").partition(" ")[0]
    if postal_code in _ERROR:
        return Checks(code, "A", "A", _ERROR[postal_code])
    return Checks(code, _answer(_POSTAL_CODE, postal_code), _answer(_STREET, street))


def _answer(known: dict[str, str], given: str | None) -> str:
    return known.get(given, "M") if given else "I"
