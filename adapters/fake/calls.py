"""What can be asked of the bank, how it reads the question, and what an answer is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from iso4217 import Currency

CALLS = frozenset(
    {
        "client_session",
        "ensure_customer",
        "forget_customer",
        "attach_payment_method",
        "detach_payment_method",
        "fetch_payment_method",
        "charge",
        "continue_charge",
        "capture",
        "void",
        "refund",
        "fetch_charge",
        "fetch_refund",
        "find_charge",
        "find_refund",
        "changes",
        "fetch_dispute",
        "submit_evidence",
        "accept_dispute",
    }
)
"""What can be asked of the bank: the names of the provider port."""

_LONGEST_TEXT = 500
_LONGEST_URL = 2000
_LARGEST_AMOUNT = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bank says: an HTTP status and a JSON object, whichever way it was asked."""

    status: int
    body: dict[str, Any]
    charge_ref: str | None = None
    """The charge that the call acted on, so that the call's operation leads to it later."""


class Refused(Exception):
    """The bank does not do it, and nothing was changed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = refusal(status, code, message)


def refusal(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}})


@dataclass(frozen=True, slots=True)
class Fields:
    """The body of a call. Values are never repeated in a message: one of them could be a card number."""

    body: Mapping[str, Any] = field(repr=False)

    def text(self, name: str, *, longest: int = _LONGEST_TEXT) -> str:
        value = self.body.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise Refused(400, "field_invalid", f"{name} has to be a text of 1 to {longest} characters.")
        return value

    def optional_text(self, name: str, *, longest: int = _LONGEST_TEXT) -> str | None:
        return None if self.body.get(name) is None else self.text(name, longest=longest)

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            raise Refused(400, "field_invalid", f"{name} has to be true or false.")
        return value

    def amount(self) -> int:
        value = self.body.get("amount")
        if type(value) is not int or not 0 < value <= _LARGEST_AMOUNT:
            raise Refused(400, "amount_invalid", "amount has to be a whole number of minor units, more than zero.")
        return value

    def optional_moment(self, name: str) -> datetime | None:
        value = self.optional_text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise Refused(400, "field_invalid", f"{name} has to be a moment with its offset, as ISO 8601 writes it.")
        return moment

    def currency(self) -> str:
        value = self.text("currency")
        if exponent_of(value) is None:
            raise Refused(400, "currency_unknown", "currency has to be a code of ISO 4217 that money can have.")
        return value

    def return_url(self) -> str | None:
        value = self.optional_text("return_url", longest=_LONGEST_URL)
        if value is not None and form_target(value) is None:
            raise Refused(400, "return_url_invalid", "return_url has to be an absolute http, https or app URL.")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Empty where nothing is said."""
        value = self.body.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise Refused(400, "field_invalid", f"{name} has to be an object of texts.")
        return value


def exponent_of(currency: str) -> int | None:
    """The decimals that this bank counts a currency in: those of ISO 4217; None for codes that are no money."""
    try:
        exponent = Currency(currency).exponent
    except ValueError:
        return None
    return None if exponent is None else int(exponent)


_WEB_TARGET = re.compile(r"[a-z0-9.\-]+(:[0-9]{1,5})?|\[[0-9a-f:.]+\](:[0-9]{1,5})?")
_APP_SCHEME = re.compile(r"[a-z][a-z0-9.+\-]*")
_NO_APP = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"})
_URL = re.compile(r"[!-~]+")


def form_target(url: str) -> str | None:
    """The source expression by which a page's policy lets a form end up at this URL; None when no page should."""
    if not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    scheme, netloc = parts.scheme.lower(), parts.netloc.lower()
    if scheme in ("http", "https"):
        return f"{scheme}://{netloc}" if _WEB_TARGET.fullmatch(netloc) else None
    if not _APP_SCHEME.fullmatch(scheme) or scheme in _NO_APP:
        return None
    return f"{scheme}:"
