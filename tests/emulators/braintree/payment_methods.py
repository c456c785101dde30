"""Cards in the vault: https://developer.paypal.com/braintree/docs/reference/request/payment-method/create.

Under the token that was asked for, verified if that was asked for, and deleted for good. The older calls for credit
cards answer with the same object.
"""

from typing import Any

from braintree import CreditCard
from braintree import PaymentMethod as SdkPaymentMethod

from tests.emulators.braintree import subscription_shapes
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import consume, from_numbers, shown_card, usable_nonce
from tests.emulators.braintree.checks import checked
from tests.emulators.braintree.parameters import check_names, flag, flattened, is_id
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import Customer, PaymentMethod
from tests.emulators.braintree.verifications import shown_verification, verified
from tests.emulators.braintree.xmltext import Many, Tree

_OPTIONS = (
    "fail_on_duplicate_payment_method",
    "fail_on_duplicate_payment_method_for_customer",
    "make_default",
    "verify_card",
    "verification_merchant_account_id",
)
_ADDRESS = (
    "company", "country_code_alpha2", "country_code_alpha3", "country_code_numeric", "country_name",
    "extended_address", "first_name", "last_name", "locality", "postal_code", "region", "street_address",
)  # fmt: skip
CARD = frozenset(
    {
        "cardholder_name",
        "cvv",
        "device_data",
        "expiration_date",
        "expiration_month",
        "expiration_year",
        "number",
        "token",
        *(f"options.{name}" for name in _OPTIONS),
        *(f"billing_address.{name}" for name in _ADDRESS),
    }
)
"""What can be said of a card that is stored."""

_CREATE = flattened(SdkPaymentMethod.create_signature()) | flattened(CreditCard.create_signature())
_UPDATE = flattened(SdkPaymentMethod.update_signature()) | flattened(CreditCard.update_signature())
_OF_CARD = ("number", "cardholder_name", "expiration_date", "expiration_month", "expiration_year")
_UPDATABLE = frozenset(
    {"token", "cvv", *_OF_CARD}
    | {f"options.{name}" for name in ("make_default", "verify_card", "verification_merchant_account_id")}
    | {f"billing_address.{name}" for name in _ADDRESS}
)


def create(call: Call) -> Answer:
    return Answer("credit_card", _created(call, "payment_method", ("93104", "93105")), 201)


def create_card(call: Call) -> Answer:
    """The older call, which takes numbers."""
    return Answer("credit_card", _created(call, "credit_card", ("91704", "91705")), 201)


def _created(call: Call, root: str, codes: tuple[str, str]) -> Tree:
    account, asked = call.account, call.asked(root)
    check_names(root, asked, known=_CREATE, supported=CARD | {"customer_id", "payment_method_nonce"})
    id = asked.get("customer_id")
    if id is None:
        raise invalid(root, "customer_id", code=codes[0], message="A customer is required.")
    if id not in account.customers:
        raise invalid(root, "customer_id", code=codes[1], message="There is no such customer.")
    return shown(account, stored(account, account.customers[id], asked, root))


def find(call: Call) -> Answer:
    return Answer("credit_card", shown(call.account, call.account.payment_method(call.id)))


def update(call: Call) -> Answer:
    account, method = call.account, call.account.payment_method(call.id)
    root = "credit_card" if "credit_card" in call.body else "payment_method"
    asked = call.asked(root)
    check_names(root, asked, known=_UPDATE, supported=_UPDATABLE)
    token = asked.get("token")
    if token is not None and token != method.token:
        _check_free(account, token, root)
        del account.payment_methods[method.token]
        method.token = token
        account.payment_methods[token] = method
    instrument, options = method.instrument, asked.get("options") or {}
    if any(asked.get(name) for name in _OF_CARD):
        date = f"{instrument.expiration_month}/{instrument.expiration_year}"
        known = {"number": instrument.number, "cardholder_name": instrument.cardholder_name}
        if not any(asked.get(name) for name in _OF_CARD if name.startswith("expiration")):
            known["expiration_date"] = date
        changed = from_numbers(known | {name: asked[name] for name in _OF_CARD if asked.get(name)}, root)
        if flag(options, "verify_card"):
            checks = checked(asked.get("cvv"), asked.get("billing_address") or method.billing_address)
            merchant_account_id = options.get("verification_merchant_account_id")
            method.verifications.append(verified(account, changed, merchant_account_id, checks))
        method.instrument = changed
    if asked.get("billing_address"):
        method.billing_address = asked["billing_address"]
    if flag(options, "make_default"):
        account.make_default(method)
    method.updated_at = account.now
    return Answer("credit_card", shown(account, method))


def delete(call: Call) -> Answer:
    account, method = call.account, call.account.payment_method(call.id)
    forget(account, method)
    left = account.methods_of(account.customers[method.customer_id])
    if method.is_default and left:
        left[-1].is_default = True
    return Answer(None)


def forget(account: Account, method: PaymentMethod) -> None:
    """Out of the vault, and with it the subscriptions that it pays for."""
    subscription_shapes.cancel_those_of(account, method)
    del account.payment_methods[method.token]


def stored(account: Account, customer: Customer, asked: Tree, *where: str) -> PaymentMethod:
    """The card of a nonce or of numbers in the customer's vault, after what was asked about it was done.

    Refused, and nothing stored, when it does not pass.
    """
    options: Tree = asked.get("options") or {}
    token = asked.get("token")
    if token is not None:
        _check_free(account, token, *where)
    nonce = None
    if asked.get("payment_method_nonce"):
        nonce = usable_nonce(account, asked["payment_method_nonce"], *where, codes=("93108", "93107"))
        instrument = nonce.instrument
    else:
        instrument = from_numbers(asked, *where)
    _check_duplicates(account, customer, instrument, options, *where)
    verifications = []
    if flag(options, "verify_card"):
        address = asked.get("billing_address") or (nonce.billing_address if nonce else None)
        checks = checked(asked.get("cvv") or (nonce.cvv if nonce else None), address)
        verifications.append(verified(account, instrument, options.get("verification_merchant_account_id"), checks))
    if nonce is not None:
        consume(nonce)
    address = asked.get("billing_address") or (nonce.billing_address if nonce else None)
    method = account.keep(instrument, customer, token, billing_address=address, verifications=verifications)
    if flag(options, "make_default"):
        account.make_default(method)
    return method


def check_token(account: Account, token: str, *where: str) -> None:
    """Refused when nothing can be stored under it."""
    _check_free(account, token, *where)


def _check_free(account: Account, token: str, *where: str) -> None:
    if not is_id(token):
        raise invalid(*where, "token", code="91718", message="The token is invalid.")
    if token in account.payment_methods:
        raise invalid(*where, "token", code="91719", message="The token is taken.")


def _check_duplicates(account: Account, customer: Customer, instrument: Any, options: Tree, *where: str) -> None:
    same = [method for method in account.payment_methods.values() if method.instrument.number == instrument.number]
    if flag(options, "fail_on_duplicate_payment_method") and same:
        raise invalid(*where, "number", code="81724", message="The card is in the vault already.")
    mine = [method for method in same if method.customer_id == customer.id]
    if flag(options, "fail_on_duplicate_payment_method_for_customer") and mine:
        raise invalid(*where, "number", code="81763", message="The customer has this card already.")


def shown(account: Account, method: PaymentMethod) -> Tree:
    return {
        "token": method.token,
        "customer_id": method.customer_id,
        "global_id": f"cGF5bWVudG1ldGhvZF9jY18{method.token}",
        **shown_card(account, method.instrument),
        "default": method.is_default,
        "expired": method.instrument.has_expired(account.now),
        "created_at": method.created_at,
        "updated_at": method.updated_at,
        **({"billing_address": method.billing_address} if method.billing_address else {}),
        "subscriptions": Many(
            "subscription",
            [subscription_shapes.shown(account, each) for each in subscription_shapes.those_of(account, method)],
        ),
        "verifications": Many("verification", [shown_verification(account, each) for each in method.verifications]),
    }
