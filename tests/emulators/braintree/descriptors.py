"""Descriptors, what a bank statement says: https://developer.paypal.com/braintree/docs/reference/request/transaction/sale#descriptor."""

import re

from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Tree

_NAME = re.compile(r"^(?=.{1,22}$)(.{3}|.{7}|.{12})\*[^*]+$")
"""A company in 3, 7 or 12 characters, an asterisk and a product."""
_PHONE = re.compile(r"^[-().+ ]*(\d[-().+ ]*){10,14}$")
_LONGEST_URL = 13


def check(asked: Tree, troubles: Troubles) -> None:
    descriptor: Tree = asked.get("descriptor") or {}
    here = troubles.inside("descriptor")
    name, phone, url = (descriptor.get(each) for each in ("name", "phone", "url"))
    if name is not None and not _NAME.match(name):
        here.add("name", "92201", "The descriptor's name is in no valid format.")
    if phone is not None and not _PHONE.match(phone):
        here.add("phone", "92202", "The descriptor's phone is in no valid format.")
    if url is not None and len(url) > _LONGEST_URL:
        here.add("url", "92206", "The descriptor's URL is too long.")
