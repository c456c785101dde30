"""Customers: https://developer.paypal.com/braintree/docs/reference/request/customer/create."""

import re

from braintree import Customer as SdkCustomer

from tests.emulators.braintree import addresses, payment_methods, vaulting
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import check_names, flattened, is_id
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import DETAILS, Customer, PaymentMethod
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Many, Tree

_LONGEST = 255
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")
_PHONE_PATTERNS = (
    ("country_code", re.compile(r"^\d{1,3}$"), "91625"),
    ("national_number", re.compile(r"^\d{4,12}$"), "91626"),
)
_TOO_LONG = {"first_name": "81608", "last_name": "81613", "company": "81601", "email": "81605", "phone": "81614"}

_CREATE = flattened(SdkCustomer.create_signature())
_UPDATE = flattened(SdkCustomer.update_signature())
_PHONE = frozenset(f"international_phone.{name}" for name in ("country_code", "national_number"))
_OWN = (
    _PHONE
    | (frozenset(DETAILS) - {"international_phone"})
    | {"id", "custom_fields.__any_key__", "payment_method_nonce", "device_data"}
)
_CHANGED_CARD = frozenset(
    f"credit_card.{name}"
    for name in (*vaulting.CARD, "options.update_existing_token", "billing_address.options.update_existing")
)
_CARD = frozenset(f"credit_card.{name}" for name in (*vaulting.CARD, "payment_method_nonce"))


def create(call: Call) -> Answer:
    asked = call.asked("customer")
    check_names("customer", asked, known=_CREATE, supported=_OWN | _CARD)
    account, card = call.account, asked.get("credit_card") or {}
    wanted = card | {"payment_method_nonce": asked.get("payment_method_nonce") or card.get("payment_method_nonce")}
    has_card = any(value is not None for value in wanted.values())
    troubles = Troubles()
    troubles.of(lambda: check_new(account, asked))
    if has_card:
        troubles.of(lambda: vaulting.check(account, None, wanted, "customer", "credit_card"))
    troubles.check()
    customer = new_customer(account, asked)
    if has_card:
        try:
            vaulting.stored(account, customer, wanted, "customer", "credit_card")
        except BaseException:
            del account.customers[customer.id]
            raise
    return Answer("customer", shown(call.account, customer), 201)


def find(call: Call) -> Answer:
    return Answer("customer", shown(call.account, call.account.customer(call.id)))


def update(call: Call) -> Answer:
    account, customer = call.account, call.account.customer(call.id)
    asked = call.asked("customer")
    check_names("customer", asked, known=_UPDATE, supported=_OWN | _CHANGED_CARD | {"default_payment_method_token"})
    new_id, token = asked.get("id"), asked.get("default_payment_method_token")
    troubles = Troubles()
    troubles.of(lambda: _check(account, asked))
    if new_id is not None and new_id != customer.id:
        troubles.of(lambda: _check_free(account, new_id))
    if token is not None:
        troubles.of(lambda: _own_method(account, customer, token, "customer", "default_payment_method_token"))
    troubles.check()
    _update_card(account, customer, asked)
    if token is not None:
        account.make_default(account.payment_methods[token])
    if new_id is not None and new_id != customer.id:
        _rename(account, customer, new_id)
    customer.details |= {name: asked[name] for name in DETAILS if name in asked}
    customer.custom_fields |= asked.get("custom_fields") or {}
    customer.updated_at = account.now
    return Answer("customer", shown(account, customer))


def _update_card(account: Account, customer: Customer, asked: Tree) -> None:
    """Another card, or another state of the one that `options.update_existing_token` names."""
    card: Tree = asked.get("credit_card") or {}
    wanted = card | {"payment_method_nonce": asked.get("payment_method_nonce") or card.get("payment_method_nonce")}
    if not any(value is not None for value in wanted.values()):
        return
    existing = (card.get("options") or {}).get("update_existing_token")
    if existing is None:
        vaulting.stored(account, customer, wanted, "customer", "credit_card")
        return
    where = ("customer", "credit_card", "options", "update_existing_token")
    method = _own_method(account, customer, existing, *where, code="91723")
    vaulting.change(account, method, wanted, "customer", "credit_card")


def _own_method(
    account: Account, customer: Customer, token: str, *where_attribute: str, code: str = "91718"
) -> PaymentMethod:
    method = account.payment_methods.get(token)
    if method is None or method.customer_id != customer.id:
        raise invalid(*where_attribute, code=code, message="The customer has no such method.")
    return method


def _rename(account: Account, customer: Customer, id: str) -> None:
    del account.customers[customer.id]
    for method in account.methods_of(customer):
        method.customer_id = id
    for address in customer.addresses.values():
        address.customer_id = id
    customer.id = id
    account.customers[id] = customer


def delete(call: Call) -> Answer:
    """With everything in the customer's vault; the transactions stay."""
    customer = call.account.customer(call.id)
    for method in call.account.methods_of(customer):
        payment_methods.forget(call.account, method)
    del call.account.customers[customer.id]
    return Answer(None)


def new_customer(account: Account, asked: Tree, *where: str) -> Customer:
    """Under its own id, if it has one."""
    check_new(account, asked, *where)
    id = asked.get("id") or account.new_number()
    customer = Customer(
        id=id,
        created_at=account.now,
        updated_at=account.now,
        details={name: asked.get(name) for name in DETAILS},
        custom_fields=dict(asked.get("custom_fields") or {}),
    )
    account.customers[id] = customer
    return customer


def check_new(account: Account, asked: Tree, *where: str) -> None:
    """Refused when there can be no such customer."""
    troubles = Troubles()
    troubles.of(lambda: _check(account, asked, *where))
    if asked.get("id") is not None:
        troubles.of(lambda: _check_free(account, asked["id"], *where))
    troubles.check()


def _check(account: Account, asked: Tree, *where: str) -> None:
    troubles = Troubles()
    for name in asked.get("custom_fields") or {}:
        if name not in account.options.custom_fields:
            troubles.note(*where, "customer", "custom_fields", code="91602", message=f"{name} is no custom field.")
    email = asked.get("email")
    if email is not None and not _EMAIL.match(email.strip()):
        troubles.note(*where, "customer", "email", code="81604", message="The email is in no valid format.")
    phone: Tree = asked.get("international_phone") or {}
    for name, pattern, code in _PHONE_PATTERNS:
        if phone and not pattern.match(str(phone.get(name) or "")):
            at = (*where, "customer", "international_phone", name)
            troubles.note(*at, code=code, message=f"The {name} is invalid.")
    for name, code in _TOO_LONG.items():
        if len(asked.get(name) or "") > _LONGEST:
            troubles.note(*where, "customer", name, code=code, message=f"{name} is too long.")
    troubles.check()


def _check_free(account: Account, id: str, *where: str) -> None:
    if not is_id(id):
        raise invalid(*where, "customer", "id", code="91610", message="The id is invalid.")
    if id in account.customers:
        raise invalid(*where, "customer", "id", code="91609", message="The id is taken.")


def shown(account: Account, customer: Customer) -> Tree:
    methods = account.methods_of(customer)
    return {
        "id": customer.id,
        "merchant_id": account.merchant_id,
        "graphql_id": f"Y3VzdG9tZXJf{customer.id}",
        **customer.details,
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
        "custom_fields": customer.custom_fields or None,
        "credit_cards": Many("credit_card", [payment_methods.shown(account, method) for method in methods]),
        "addresses": Many("address", [addresses.shown(each) for each in customer.addresses.values()]),
    }
