"""Customers: https://developer.paypal.com/braintree/docs/reference/request/customer/create."""

from braintree import Customer as SdkCustomer

from tests.emulators.braintree import payment_methods
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import check_names, flattened, is_id
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import DETAILS, Customer
from tests.emulators.braintree.xmltext import Many, Tree

_LONGEST = 255

_CREATE = flattened(SdkCustomer.create_signature())
_UPDATE = flattened(SdkCustomer.update_signature())
_OWN = frozenset({"id", *DETAILS, "custom_fields.__any_key__", "payment_method_nonce", "device_data"})
_CARD = frozenset(f"credit_card.{name}" for name in payment_methods.CARD)


def create(call: Call) -> Answer:
    asked = call.asked("customer")
    check_names("customer", asked, known=_CREATE, supported=_OWN | _CARD)
    customer = new_customer(call.account, asked)
    card = asked.get("credit_card")
    if asked.get("payment_method_nonce") or card:
        wanted = {"payment_method_nonce": asked.get("payment_method_nonce"), **(card or {})}
        try:
            payment_methods.stored(call.account, customer, wanted, "customer", "credit_card")
        except BaseException:
            del call.account.customers[customer.id]
            raise
    return Answer("customer", shown(call.account, customer), 201)


def find(call: Call) -> Answer:
    return Answer("customer", shown(call.account, call.account.customer(call.id)))


def update(call: Call) -> Answer:
    customer = call.account.customer(call.id)
    asked = call.asked("customer")
    supported = (_OWN - {"payment_method_nonce"}) | {"default_payment_method_token"}
    check_names("customer", asked, known=_UPDATE, supported=supported)
    _check(call.account, asked)
    token = asked.get("default_payment_method_token")
    if token is not None:
        method = call.account.payment_methods.get(token)
        if method is None or method.customer_id != customer.id:
            raise invalid(
                "customer", "default_payment_method_token", code="91718", message="The customer has no such method."
            )
        call.account.make_default(method)
    new_id = asked.get("id")
    if new_id is not None and new_id != customer.id:
        _check_free(call.account, new_id)
        del call.account.customers[customer.id]
        for method in call.account.methods_of(customer):
            method.customer_id = new_id
        customer.id = new_id
        call.account.customers[new_id] = customer
    customer.details |= {name: asked[name] for name in DETAILS if name in asked}
    customer.custom_fields |= asked.get("custom_fields") or {}
    customer.updated_at = call.account.now
    return Answer("customer", shown(call.account, customer))


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
    _check(account, asked, *where)
    if asked.get("id") is not None:
        _check_free(account, asked["id"], *where)


def _check(account: Account, asked: Tree, *where: str) -> None:
    for name in asked.get("custom_fields") or {}:
        if name not in account.options.custom_fields:
            raise invalid(*where, "customer", "custom_fields", code="91602", message=f"{name} is no custom field.")
    email = asked.get("email")
    if email is not None and ("@" not in email or " " in email.strip()):
        raise invalid(*where, "customer", "email", code="81604", message="The email is in no valid format.")
    codes = {"first_name": "81608", "last_name": "81613", "company": "81601", "email": "81605", "phone": "81614"}
    for name, code in codes.items():
        if len(asked.get(name) or "") > _LONGEST:
            raise invalid(*where, "customer", name, code=code, message=f"{name} is too long.")


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
        "addresses": Many("address", []),
    }
