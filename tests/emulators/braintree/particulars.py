"""What a sale tells besides who pays how much: addresses, and what is bought (level 2 and 3 data, line items).

https://developer.paypal.com/braintree/docs/reference/request/transaction/sale and
https://developer.paypal.com/braintree/docs/reference/general/level-2-and-3-processing/overview. Braintree keeps it, and
answers with it; the limits and codes are those of the SDK's error_codes.py and of its integration tests.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.emulators.braintree import addresses
from tests.emulators.braintree.parameters import flag
from tests.emulators.braintree.things import Customer, Transaction
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Many, Tree

_NUMBER = re.compile(r"^-?\d+(\.\d{1,2})?$")
_FINE_NUMBER = re.compile(r"^-?\d+(\.\d{1,4})?$")
_PLAIN = re.compile(r"^[\x20-\x7e]*$")
_POSTAL_CODE = re.compile(r"^[A-Za-z0-9 -]*$")
_PHONE = re.compile(r"^[0-9() .+-]{1,16}$")
_LARGE = Decimal("999999.99")
_MOST_LINE_ITEMS = 249
_SHIPPING_METHODS = frozenset(
    {"electronic", "ground", "next_day", "other", "pickup_in_store", "priority", "same_day", "ship_to_store"}
)


@dataclass(frozen=True, slots=True)
class _Number:
    """Codes for what is no number, what is too large, and what is negative, or zero where it has to be positive."""

    unreadable: str
    too_large: str
    too_small: str
    positive: bool = False
    most: Decimal = _LARGE
    required: str | None = None
    keeps_digits: bool = False
    """It has up to four decimals, and is shown as it came."""

    def check(self, troubles: Troubles, value: str | None, *where_attribute: str) -> None:
        if value is None:
            if self.required is not None:
                troubles.note(*where_attribute, code=self.required, message=f"{where_attribute[-1]} is required.")
            return
        if not (_FINE_NUMBER if self.keeps_digits else _NUMBER).match(value):
            troubles.note(*where_attribute, code=self.unreadable, message=f"{where_attribute[-1]} is no number.")
        elif Decimal(value) > self.most:
            troubles.note(*where_attribute, code=self.too_large, message=f"{where_attribute[-1]} is too large.")
        elif Decimal(value) < 0 or (self.positive and Decimal(value) == 0):
            troubles.note(*where_attribute, code=self.too_small, message=f"{where_attribute[-1]} is too small.")

    def shown(self, value: str | None) -> str | None:
        return value if value is None or self.keeps_digits else f"{Decimal(value):.2f}"


@dataclass(frozen=True, slots=True)
class _Text:
    longest: int | None = None
    too_long: str = ""
    required: str | None = None
    pattern: re.Pattern[str] = _PLAIN
    invalid: str | None = None
    """Of what the pattern does not match; without a code anything goes."""

    def check(self, troubles: Troubles, value: str | None, *where_attribute: str) -> None:
        if value is None:
            if self.required is not None:
                troubles.note(*where_attribute, code=self.required, message=f"{where_attribute[-1]} is required.")
            return
        if self.longest is not None and len(value) > self.longest:
            troubles.note(*where_attribute, code=self.too_long, message=f"{where_attribute[-1]} is too long.")
        elif self.invalid is not None and not self.pattern.match(value):
            troubles.note(*where_attribute, code=self.invalid, message=f"{where_attribute[-1]} is invalid.")

    def shown(self, value: str | None) -> str | None:
        return value


_OF_SALE: dict[str, _Number | _Text] = {
    "channel": _Text(255, "91550"),
    "discount_amount": _Number("915159", "915161", "915160"),
    "purchase_order_number": _Text(17, "91537", invalid="91548"),
    "shipping_amount": _Number("915162", "915164", "915163"),
    "shipping_tax_amount": _Number("915162", "915164", "915163"),
    "ships_from_postal_code": _Text(9, "915165", pattern=_POSTAL_CODE, invalid="915167"),
    "tax_amount": _Number("81535", "81536", "81534"),
}
_OF_ITEM: dict[str, _Number | _Text] = {
    "commodity_code": _Text(12, "95801"),
    "description": _Text(127, "95803"),
    "discount_amount": _Number("95804", "95805", "95806"),
    "kind": _Text(6, "95807", required="95808", pattern=re.compile("^(credit|debit)$"), invalid="95807"),
    "name": _Text(35, "95823", required="95822"),
    "product_code": _Text(12, "95809"),
    "quantity": _Number("95810", "95812", "95812", required="95811", keeps_digits=True),
    "tax_amount": _Number("95827", "95828", "95829"),
    "total_amount": _Number("95813", "95815", "95816", positive=True, required="95814"),
    "unit_amount": _Number("95817", "95819", "95820", positive=True, required="95818", keeps_digits=True),
    "unit_of_measure": _Text(12, "95821"),
    "unit_tax_amount": _Number("95824", "95825", "95826"),
    "upc_code": _Text(17, "95831"),
    "upc_type": _Text(5, "95833", pattern=re.compile("^UPC-[ABCDE25]$"), invalid="95833"),
    "url": _Text(),
    "image_url": _Text(),
}
_PARTNER_OF_UPC = (("upc_code", "upc_type", "95832"), ("upc_type", "upc_code", "95830"))
ON_SETTLEMENT = frozenset({*_OF_SALE, "tax_exempt", *(f"line_items.{name}" for name in _OF_ITEM)}) - {"channel"}
"""What can still be told with the submission for settlement."""
NAMES = frozenset(
    {
        *ON_SETTLEMENT,
        "billing_address_id",
        "channel",
        "shipping.shipping_method",
        "shipping_address_id",
        *(f"{kind}.{name}" for kind in ("billing", "shipping") for name in addresses.NAMES),
    }
)


@dataclass(frozen=True, slots=True)
class Particulars:
    billing: Tree
    shipping: Tree
    goods: Tree


def checked(customer: Customer | None, asked: Tree) -> Particulars:
    """As a transaction keeps it; Refused with everything that is wrong."""
    troubles = Troubles()
    billing = troubles.of(lambda: _address(customer, asked, "billing", code="91702", phone="915206"))
    shipping = troubles.of(lambda: _address(customer, asked, "shipping", code="91703", phone="915204"))
    bought = troubles.of(lambda: goods(asked))
    troubles.check()
    return Particulars(billing or {}, shipping or {}, bought or {})


def goods(asked: Tree) -> Tree:
    """What is bought, as far as it is told."""
    troubles = Troubles()
    kept: Tree = {}
    for name, rule in _OF_SALE.items():
        rule.check(troubles, asked.get(name), "transaction", name)
    items = asked.get("line_items") or []
    if len(items) > _MOST_LINE_ITEMS:
        troubles.note("transaction", "line_items", code="915157", message="There are too many line items.")
    for number, item in enumerate(items):
        _check_item(troubles, item, "transaction", "line_items", f"index_{number}")
    troubles.check()
    kept |= {name: rule.shown(asked[name]) for name, rule in _OF_SALE.items() if asked.get(name) is not None}
    if asked.get("tax_exempt") is not None:
        kept["tax_exempt"] = flag(asked, "tax_exempt")
    if items:
        kept["line_items"] = [_kept_item(item) for item in items]
    return kept


def _check_item(troubles: Troubles, item: Tree, *where: str) -> None:
    for name, rule in _OF_ITEM.items():
        rule.check(troubles, item.get(name), *where, name)
    for told, lacking, code in _PARTNER_OF_UPC:
        if item.get(told) is not None and item.get(lacking) is None:
            troubles.note(*where, lacking, code=code, message=f"{lacking} is missing.")


def _kept_item(item: Tree) -> Tree:
    return {name: rule.shown(item.get(name)) for name, rule in _OF_ITEM.items()}


def _address(customer: Customer | None, asked: Tree, kind: str, *, code: str, phone: str) -> Tree:
    """The one that is told, or the one that the customer has under this id."""
    id, told = asked.get(f"{kind}_address_id"), asked.get(kind) or {}
    if id is not None:
        known = addresses.of_customer(customer, id, "transaction", f"{kind}_address_id", code=code)
        return {"id": known.id, **known.details}
    troubles = Troubles()
    kept = troubles.of(lambda: addresses.checked(told, "transaction", kind))
    if told.get("phone_number") is not None and not _PHONE.match(told["phone_number"]):
        troubles.note("transaction", kind, "phone_number", code=phone, message="The phone number is invalid.")
    method = told.get("shipping_method")
    if method is not None and method not in _SHIPPING_METHODS:
        troubles.note("transaction", kind, "shipping_method", code="915203", message="There is no such method.")
    troubles.check()
    return (kept or {}) | ({"shipping_method": method} if method else {})


def shown(transaction: Transaction) -> Tree:
    """Without the line items, which a call of their own answers with."""
    empty: Tree = dict.fromkeys(_OF_SALE) | {"tax_exempt": False}
    told = {name: value for name, value in transaction.goods.items() if name != "line_items"}
    return empty | told


def shown_items(transaction: Transaction) -> Many:
    items: list[Any] = transaction.goods.get("line_items", [])
    return Many("line_item", items)
