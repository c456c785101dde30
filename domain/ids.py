"""Identifiers: prefixed, global, opaque, sortable by time.

`chg_01k9zq4m8e6w1v3c5x7b9d2f4g` is a ULID in lower case behind the prefix of its kind: at most 36 characters of
[a-z0-9_], which is also what Braintree takes as an id of its own, so ours can serve there. Ids made by one process
rise strictly, even within a millisecond and when the machine's clock is set back.
"""

import re
import time
from collections.abc import Callable
from enum import StrEnum

from ulid import ULIDGenerator

_SHAPE = re.compile(r"([a-z]{2,5})_([0-9a-hjkmnp-tv-z]{26})")


class IdPrefix(StrEnum):
    CUSTOMER = "cus"
    PRODUCT = "prod"
    PRICE = "price"
    ORDER = "ord"
    ORDER_LINE = "line"
    PAYMENT_METHOD = "pm"
    CHARGE = "chg"
    REFUND = "ref"
    OPERATION = "op"
    LEDGER_ENTRY = "led"
    EVENT = "evt"
    JOB = "job"
    WEBHOOK_DELIVERY = "whd"
    API_KEY = "key"
    AUDIT_ENTRY = "aud"
    DECISION = "dec"
    DISCREPANCY = "dsc"
    DISPUTE = "dsp"
    SUBSCRIPTION = "sub"
    SUBSCRIPTION_ITEM = "item"
    INVOICE = "inv"
    INVOICE_LINE = "inl"
    CREDIT_NOTE = "crn"
    BALANCE_ENTRY = "bal"
    ISSUER = "iss"
    TEST_CLOCK = "clk"


class RisingClock:
    """Milliseconds that stand still where the clock below goes back, as it does when it is corrected."""

    def __init__(self, milliseconds: Callable[[], int]) -> None:
        self._milliseconds = milliseconds
        self._latest = 0

    def __call__(self) -> int:
        self._latest = max(self._latest, self._milliseconds())
        return self._latest


_generator = ULIDGenerator(clock=RisingClock(lambda: time.time_ns() // 1_000_000))
_PREFIXES = {prefix.value: prefix for prefix in IdPrefix}


def new_id(prefix: IdPrefix) -> str:
    return f"{prefix}_{str(_generator.generate()).lower()}"


def prefix_of(value: str) -> IdPrefix | None:
    """The kind that an id names, or None when the text is not an id of ours."""
    match = _SHAPE.fullmatch(value)
    return _PREFIXES.get(match[1]) if match else None
