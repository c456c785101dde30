"""Addresses in a customer's vault: https://developer.paypal.com/braintree/docs/reference/request/address/create.

A country can be told by its name and by three codes, which have to be known and to agree; what is not told is filled in
(countries.txt has ISO 3166-1 with English names; Braintree's own list may name a country otherwise).
"""

import re
from functools import cache
from pathlib import Path

from braintree import Address as SdkAddress

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import check_names, flattened
from tests.emulators.braintree.refusals import invalid, missing
from tests.emulators.braintree.things import Address, Customer
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Tree

_COUNTRY = ("country_code_alpha2", "country_code_alpha3", "country_code_numeric", "country_name")
_UNKNOWN = dict(zip(_COUNTRY, ("91814", "91816", "91817", "91803"), strict=True))
NAMES = (
    "company", *_COUNTRY, "extended_address", "first_name", "last_name", "locality", "phone_number", "postal_code",
    "region", "street_address", "international_phone.country_code", "international_phone.national_number",
)  # fmt: skip
"""What can be said of one."""
_TOO_LONG = {
    "company": "81802",
    "extended_address": "81804",
    "first_name": "81805",
    "last_name": "81806",
    "locality": "81807",
    "region": "81810",
    "street_address": "81812",
}
_LONGEST = 255
_LONGEST_POSTAL_CODE = 9
_MOST = 50
_POSTAL_CODE = re.compile(r"^[A-Za-z0-9 -]*$")
_KNOWN = flattened(SdkAddress.create_signature())
_SUPPORTED = frozenset(NAMES)


def create(call: Call) -> Answer:
    customer, asked = call.account.customer(call.id), call.asked("address")
    check_names("address", asked, known=_KNOWN, supported=_SUPPORTED)
    return Answer("address", shown(stored(call.account, customer, checked(asked, "address"))), 201)


def find(call: Call) -> Answer:
    return Answer("address", shown(_named(call)))


def update(call: Call) -> Answer:
    address, asked = _named(call), call.asked("address")
    check_names("address", asked, known=_KNOWN, supported=_SUPPORTED)
    changed(call.account, address, checked(asked, "address"))
    return Answer("address", shown(address))


def delete(call: Call) -> Answer:
    address = _named(call)
    del call.account.customers[address.customer_id].addresses[address.id]
    for method in call.account.payment_methods.values():
        if method.billing_address is address:
            method.billing_address = None
    return Answer(None)


def _named(call: Call) -> Address:
    address = call.account.customer(call.id).addresses.get(call.ids["address"])
    if address is None:
        raise missing()
    return address


def stored(account: Account, customer: Customer, details: Tree, *where: str) -> Address:
    """A new one; its id is short and the customer's own."""
    if len(customer.addresses) >= _MOST:
        raise invalid(*where, "base", code="91818", message=f"A customer has at most {_MOST} addresses.")
    address = Address(account.new_id(2), customer.id, account.now, account.now, details)
    while address.id in customer.addresses:
        address.id = account.new_id(3)
    customer.addresses[address.id] = address
    return address


def changed(account: Account, address: Address, details: Tree) -> None:
    """With what is told, and the rest as it was; a country is told as a whole."""
    kept = address.details
    if details.keys() & set(_COUNTRY):
        kept = {name: value for name, value in kept.items() if name not in _COUNTRY}
    address.details, address.updated_at = kept | details, account.now


def of_customer(customer: Customer | None, id: str, *where_attribute: str, code: str) -> Address:
    """The one that a parameter names."""
    if customer is None or id not in customer.addresses:
        raise invalid(*where_attribute, code=code, message="The customer has no such address.")
    return customer.addresses[id]


def checked(asked: Tree, *where: str) -> Tree:
    """The address as it is kept; Refused with everything that is wrong with it."""
    troubles = Troubles()
    for name, code in _TOO_LONG.items():
        if len(asked.get(name) or "") > _LONGEST:
            troubles.note(*where, name, code=code, message=f"{name} is too long.")
    postal_code = asked.get("postal_code") or ""
    if not _POSTAL_CODE.match(postal_code):
        troubles.note(*where, "postal_code", code="81813", message="A postal code has letters, digits and dashes.")
    elif len(postal_code) > _LONGEST_POSTAL_CODE:
        troubles.note(*where, "postal_code", code="81809", message="The postal code is too long.")
    country = troubles.of(lambda: _country(asked, *where))
    troubles.check()
    plain = {name: asked[name] for name in NAMES if asked.get(name) is not None}
    phone = asked.get("international_phone")
    return plain | (country or {}) | ({"international_phone": phone} if phone else {})


def _country(asked: Tree, *where: str) -> Tree:
    named = {name: asked[name] for name in _COUNTRY if asked.get(name)}
    found = {name: _countries().get((name, str(value).casefold())) for name, value in named.items()}
    troubles = Troubles()
    for name, country in found.items():
        if country is None:
            troubles.note(*where, name, code=_UNKNOWN[name], message="There is no such country.")
    troubles.check()
    if len(set(found.values())) > 1:
        raise invalid(*where, "base", code="91815", message="Those are several countries.")
    country = next(iter(found.values()), None)
    return {} if country is None else dict(zip(_COUNTRY, country, strict=True))


@cache
def _countries() -> dict[tuple[str, str], tuple[str, ...]]:
    """Each country by each of its four names."""
    lines = (Path(__file__).parent / "countries.txt").read_text(encoding="utf-8").splitlines()
    countries = [tuple(line.split(" ", 3)) for line in lines]
    return {(kind, word.casefold()): each for each in countries for kind, word in zip(_COUNTRY, each, strict=True)}


def shown(address: Address) -> Tree:
    return {
        "id": address.id,
        "customer_id": address.customer_id,
        "created_at": address.created_at,
        "updated_at": address.updated_at,
        **in_full(address.details),
    }


def in_full(details: Tree) -> Tree:
    """With nothing where nothing was told."""
    empty: Tree = {name: None for name in NAMES if "." not in name}
    return empty | {"international_phone": None} | details
