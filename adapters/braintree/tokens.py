"""Braintree's names of things, as far as their spelling goes: what is none is never sent.

Ids of ours serve as names of customers and cards there: at most 36 letters, digits, dashes and underscores
(https://developer.paypal.com/braintree/docs/reference/request/customer/create, …/payment-method/create).
"""

import re

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


def is_name(text: str) -> bool:
    """It comes from anybody, and becomes a part of an address: https://developer.paypal.com/braintree/docs/guides/payment-method-nonces."""
    return _NAME.fullmatch(text) is not None
