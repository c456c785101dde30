"""Authentications that somebody else than Braintree has done: `three_d_secure_pass_thru`.

https://developer.paypal.com/braintree/docs/guides/3d-secure/third-party-3ds-server-side: what the other one's server
was told goes with the sale or the verification, and the issuer takes it for what its ECI says.
"""

import re

from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Tree

_OF_SALES = {
    "eci_flag": ("EciFlag", "915113", "915114"),
    "cavv": ("Cavv", "915116", None),
    "three_d_secure_version": ("ThreeDSecureVersion", "915117", "915119"),
}
_OF_VERIFICATIONS = {
    "eci_flag": ("EciFlag", "942113", "942114"),
    "cavv": ("Cavv", "942116", None),
    "three_d_secure_version": ("ThreeDSecureVersion", "942117", "942119"),
}
_PATTERNS = {"eci_flag": re.compile(r"^0[0-7]$"), "three_d_secure_version": re.compile(r"^\d+\.\d+\.\d+$")}
_AUTHENTICATED = frozenset({"01", "02", "05", "06"})
"""Done or attempted: Mastercard's two, then everybody else's."""
NAMES = ("cavv", "ds_transaction_id", "eci_flag", "three_d_secure_version", "xid")


def of_sale(passed: Tree, *where: str) -> bool:
    """Whether it counts as an authentication; Refused when something about it is wrong."""
    return _checked(passed, _OF_SALES, ("eci_flag", "cavv"), *where)


def of_verification(passed: Tree, *where: str) -> bool:
    return _checked(passed, _OF_VERIFICATIONS, tuple(_OF_VERIFICATIONS), *where)


def _checked(
    passed: Tree, codes: dict[str, tuple[str, str, str | None]], required: tuple[str, ...], *where: str
) -> bool:
    troubles = Troubles()
    for name, (word, absent, wrong) in codes.items():
        value = passed.get(name)
        if value is None and name in required:
            troubles.note(*where, "three_d_secure_pass_thru", name, code=absent, message=f"{word} is required.")
        elif value is not None and wrong is not None and not _PATTERNS[name].match(value):
            troubles.note(*where, "three_d_secure_pass_thru", name, code=wrong, message=f"{word} is invalid.")
    troubles.check()
    return passed.get("eci_flag") in _AUTHENTICATED
