"""Customers: https://docs.stripe.com/api/customers."""

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.calls import Call, address, given, shipping
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.lists import matching, page
from tests.emulators.stripe.parameters import merged
from tests.emulators.stripe.payment_methods import attach_to, detach_from
from tests.emulators.stripe.refusals import Json, invalid

_PLAIN = ("business_name", "description", "email", "individual_name", "name", "phone")


def create(call: Call) -> Json:
    account, asked = call.account, call.asked
    _check_email(asked)
    customer = account.add(
        {
            "id": account.new_id("customer"),
            "object": "customer",
            "address": address(asked["address"]) if asked.get("address") else None,
            "balance": 0,
            "business_name": None,
            "created": account.now,
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "email": None,
            "individual_name": None,
            "invoice_prefix": account.letters(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": merged({}, asked.get("metadata")),
            "name": None,
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": asked.get("preferred_locales", []),
            "shipping": shipping(asked.get("shipping")),
            "tax_exempt": "none",
            "test_clock": None,
            **given(asked, *_PLAIN),
        }
    )
    try:
        if "payment_method" in asked:
            attach_to(account, asked["payment_method"], customer)
        _set_default(account, customer, asked)
    except Exception:  # whatever was wrong with the card: it is told, and no customer stays
        account.remove(customer)
        raise
    account.tell("customer.created", customer)
    return customer


def update(call: Call) -> Json:
    account, asked = call.account, call.asked
    _check_email(asked)
    customer = account.customer(call.id, param="id", status=404)
    before = copied(customer)
    _set_default(account, customer, asked)
    customer |= given(asked, *_PLAIN, "preferred_locales")
    if "address" in asked:
        customer["address"] = address(asked["address"]) if asked["address"] else None
    if "shipping" in asked:
        customer["shipping"] = shipping(asked["shipping"] or None)
    customer["metadata"] = merged(customer["metadata"], asked.get("metadata"))
    account.tell("customer.updated", customer, before=before)
    return customer


def retrieve(call: Call) -> Json:
    """A deleted customer's object says no more than that."""
    return call.account.get("customer", call.id)


def delete(call: Call) -> Json:
    """For good, and its payment methods with it."""
    account = call.account
    customer = account.customer(call.id, param="id", status=404)
    for method in account.all("payment_method"):
        if method["customer"] == customer["id"]:
            detach_from(account, method)
    account.tell("customer.deleted", customer)
    return account.add({"id": customer["id"], "object": "customer", "deleted": True})


def list_all(call: Call) -> Json:
    customers = [customer for customer in call.account.all("customer") if "deleted" not in customer]
    return page(matching(customers, call.asked, "email"), call.asked, url="/v1/customers")


def _set_default(account: Account, customer: Json, asked: Json) -> None:
    settings = asked.get("invoice_settings", {})
    for name in settings:
        if name != "default_payment_method":
            raise invalid("The emulator has no invoices.", param=f"invoice_settings[{name}]")
    if "default_payment_method" not in settings:
        return
    id = settings["default_payment_method"]
    if id != "":
        param = "invoice_settings[default_payment_method]"
        method = account.named("payment_method", id, param=param)
        if method["customer"] != customer["id"]:
            raise invalid("A default payment method has to be attached to the customer.", param=param)
    customer["invoice_settings"]["default_payment_method"] = id or None


def _check_email(asked: Json) -> None:
    email = asked.get("email")
    if email and "@" not in email:
        raise invalid(f"Invalid email address: {email}", param="email", code="email_invalid")
