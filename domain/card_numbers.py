"""Card numbers in free text.

Found wherever they stand: after another number, before an expiry date or a security code, in a bank's groups or in one
piece, in any script's digits. A number begins and ends where a group of digits does, so a longer tracking or order
number in one piece is none. What looks alike and is known to be something else passes: phone numbers behind a plus
sign, IBANs, and the barcodes of a shop's products.
"""

import re
from collections.abc import Iterator

SHORTEST = 13
LONGEST = 19

# The brands' number ranges and lengths, from the issuers' published identification numbers (ISO/IEC 7812).
_BRAND = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12,15}"  # Discover
    r"|3(?:0[0-5]|09|[689]\d)\d{11,16}"  # Diners Club; 16 digits since it shares Discover's network
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|6304|6759|676[1-3])\d{9,15}"  # Maestro
)
_GROUP = re.compile(r"\d+")
# Spaces of any width, dots, underscores, and the dashes that text programs put in place of a hyphen.
_RUN = re.compile(r"\+?\d+(?:(?:[^\S\r\n]|[._\u2010-\u2015\u2212-]){1,3}\d+)*")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.ASCII)
_LONGEST_PHONE_NUMBER = 15
"""E.164, with the country code."""


def has_card_number(text: str) -> bool:
    """13 to 19 digits, also in groups, with a brand's prefix and length and a right check digit."""
    searched = _IBAN.sub(_without_iban, text)
    return any(
        _is_card_number(digits, parts) for run in _RUN.finditer(searched) for digits, parts in _candidates(run[0])
    )


def has_iban(text: str) -> bool:
    """The number of a bank account, with a right check number."""
    return any(_is_iban(match[0]) for match in _IBAN.finditer(text))


def _without_iban(match: re.Match[str]) -> str:
    """Four groups of an IBAN are as many digits as a card has; a right check number tells them apart (ISO 13616)."""
    return "" if _is_iban(match[0]) else match[0]


def _is_iban(text: str) -> bool:
    compact = text.replace(" ", "")
    number = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return int(number) % 97 == 1


def _candidates(run: str) -> Iterator[tuple[str, int]]:
    """The digits of every row of neighbouring groups that is as long as a card number, and how many groups it has."""
    groups = ["".join(str(int(digit)) for digit in group) for group in _GROUP.findall(run)]
    if run.startswith("+") and sum(map(len, groups)) <= _LONGEST_PHONE_NUMBER:
        return
    for first in range(len(groups)):
        digits = ""
        for last in range(first, len(groups)):
            digits += groups[last]
            if len(digits) > LONGEST:
                break
            if len(digits) >= SHORTEST:
                yield digits, last - first + 1


def _is_card_number(digits: str, parts: int) -> bool:
    return _BRAND.fullmatch(digits) is not None and _luhn(digits) and not (parts == 1 and _is_barcode(digits))


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _is_barcode(digits: str) -> bool:
    """A GTIN-13. German and Japanese ones begin with 4, as the 13 digits of Visa did that are no longer issued."""
    return len(digits) == 13 and sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10 == 0
