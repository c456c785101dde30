"""Free text that people send: names, descriptions, notes, metadata.

Whatever is stored passes through here once. A card number is refused before anything else sees it, so that it can
reach neither a row nor a log.
"""

import re
from collections.abc import Mapping

from domain.errors import CardNumberRefused, InvalidInput

NAME_LENGTH = 200
TEXT_LENGTH = 5_000
EXTERNAL_ID_LENGTH = 255
URL_LENGTH = 2_048
METADATA_ENTRIES = 50
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500

# The brands' number ranges and lengths, from the issuers' published identification numbers (ISO/IEC 7812).
_BRAND = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12,15}"  # Discover
    r"|3(?:0[0-5]|[68]\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|6304|6759|676[1-3])\d{9,15}"  # Maestro
)
_DIGIT_RUN = re.compile(r"(?<!\d)\d(?:[ .-]?\d){12,18}(?!\d)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Enough to catch a slip; whether a mailbox exists is known only by writing to it.
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


def has_card_number(text: str) -> bool:
    """13 to 19 digits, also with spaces, dots or dashes, with a brand's prefix and length and a right check digit."""
    return any(_is_card_number(re.sub(r"\D", "", run[0])) for run in _DIGIT_RUN.finditer(text))


def _is_card_number(digits: str) -> bool:
    return _BRAND.fullmatch(digits) is not None and _luhn(digits)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def clean_text(value: str, *path: str, longest: int = NAME_LENGTH) -> str:
    """The text without white space around it; refused when empty, too long, unprintable or a card number."""
    text = value.strip()
    if not text:
        raise InvalidInput("This cannot be empty.", path=path)
    if len(text) > longest:
        raise InvalidInput(f"This can have {longest} characters at most.", path=path)
    if _CONTROL.search(text):
        raise InvalidInput("This contains characters that cannot be stored.", path=path)
    if has_card_number(text):
        raise CardNumberRefused(path=path)
    return text


def clean_optional(value: str | None, *path: str, longest: int = NAME_LENGTH) -> str | None:
    """As `clean_text`; nothing, or nothing but white space, is None."""
    if value is None or not value.strip():
        return None
    return clean_text(value, *path, longest=longest)


def clean_email(value: str | None, *path: str) -> str | None:
    text = clean_optional(value, *path, longest=254)
    if text is not None and not _EMAIL.fullmatch(text):
        raise InvalidInput("This is not an email address.", path=path)
    return text


def clean_metadata(value: Mapping[str, str] | None, *path: str) -> dict[str, str]:
    """At most 50 entries of text, keys of 40 and values of 500 characters."""
    entries = dict(value or {})
    if len(entries) > METADATA_ENTRIES:
        raise InvalidInput(f"Metadata can have {METADATA_ENTRIES} entries at most.", path=path)
    return {
        clean_text(key, *path, longest=METADATA_KEY_LENGTH): clean_optional(
            text, *path, key, longest=METADATA_VALUE_LENGTH
        )
        or ""
        for key, text in entries.items()
    }
