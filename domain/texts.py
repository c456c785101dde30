"""Free text that people send: names, descriptions, notes, metadata.

Whatever is stored passes through here once. A card number is refused before anything else sees it, so that it can
reach neither a row nor a log.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from domain.card_numbers import has_card_number as has_card_number  # noqa: PLC0414 - stays part of this module
from domain.errors import CardNumberRefused, InvalidInput

NAME_LENGTH = 200
TEXT_LENGTH = 5_000
EXTERNAL_ID_LENGTH = 255
URL_LENGTH = 2_048
LONGEST_TOKEN = 500
"""Of what a card form gives: Braintree's nonces and Stripe's ids have fewer than 100 characters."""
METADATA_ENTRIES = 50
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 500

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Enough to catch a slip; whether a mailbox exists is known only by writing to it.
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


def is_storable(text: str) -> bool:
    """Whether every database takes the text: no control characters, no half of a surrogate pair."""
    return _CONTROL.search(text) is None


def clean_text(value: str, *path: str, longest: int = NAME_LENGTH) -> str:
    """The text without white space around it; refused when empty, too long, unprintable or a card number."""
    text = value.strip()
    if not text:
        raise InvalidInput("This cannot be empty.", path=path)
    if len(text) > longest:
        raise InvalidInput(f"This can have {longest} characters at most.", path=path)
    if not is_storable(text):
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


def clean_web_address(value: str, *path: str) -> str:
    """An address of the encrypted web that says where it leads; refused when anything in it could hide that."""
    text = clean_text(value, *path, longest=URL_LENGTH)
    if not is_plain_address(text) or urlsplit(text).scheme != "https" or not urlsplit(text).hostname:
        raise InvalidInput("This is not a plain https address.", path=path)
    return text


def is_plain_address(url: str) -> bool:
    """Whether a browser reads it as we do: they drop control characters, white space and the turn of a slash, and
    credentials can look like the host."""
    if len(url) > URL_LENGTH or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what finds a wrong one
    except ValueError:  # half an IPv6 address, a port beyond all, or a host that turns into another one when normalised
        return False
    return "@" not in parts.netloc


def clean_metadata(value: Mapping[str, str] | None, *path: str) -> dict[str, str]:
    """At most 50 entries of text, keys of 40 and values of 500 characters."""
    entries = dict(value or {})
    if len(entries) > METADATA_ENTRIES:
        raise InvalidInput(f"Metadata can have {METADATA_ENTRIES} entries at most.", path=path)
    cleaned = {
        clean_text(key, *path, longest=METADATA_KEY_LENGTH): clean_optional(
            text, *path, key, longest=METADATA_VALUE_LENGTH
        )
        or ""
        for key, text in entries.items()
    }
    if len(cleaned) < len(entries):
        raise InvalidInput("Two keys of the metadata are the same but for the white space around them.", path=path)
    return cleaned
