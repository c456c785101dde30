"""How a card comes into the vault and is changed there: everything is looked at before anything is kept.

https://developer.paypal.com/braintree/docs/reference/request/payment-method/create and …/update.
"""

from dataclasses import dataclass

from tests.emulators.braintree import addresses, passed_thru
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.cards import consume, from_numbers, usable_nonce
from tests.emulators.braintree.checks import Checks, checked
from tests.emulators.braintree.instruments import Instrument
from tests.emulators.braintree.parameters import flag, is_id
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import Address, Customer, Nonce, PaymentMethod, Verification
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.verifications import check_options, verified
from tests.emulators.braintree.xmltext import Tree

_OF_CARD = ("number", "cardholder_name", "expiration_date", "expiration_month", "expiration_year")
OPTIONS = (
    "fail_on_duplicate_payment_method",
    "fail_on_duplicate_payment_method_for_customer",
    "make_default",
    "skip_advanced_fraud_checking",
    "verification_amount",
    "verification_merchant_account_id",
    "verify_card",
)
CARD = frozenset(
    {
        "billing_address_id",
        "cvv",
        "device_data",
        "token",
        *_OF_CARD,
        *(f"options.{name}" for name in OPTIONS),
        *(f"billing_address.{name}" for name in addresses.NAMES),
        *(f"three_d_secure_pass_thru.{name}" for name in passed_thru.NAMES),
    }
)
"""What can be said of a card that is stored."""


@dataclass(slots=True)
class Wanted:
    """What was asked about a card, once nothing is wrong with it."""

    instrument: Instrument
    nonce: Nonce | None
    billing: Tree | None
    address: Address | None
    """One that the customer has already."""

    def checks(self, asked: Tree, method: PaymentMethod | None = None) -> Checks:
        known = self.address or (method.billing_address if method else None)
        address = self.billing or (known.details if known else None)
        return checked(asked.get("cvv") or (self.nonce.cvv if self.nonce else None), address)


def check(account: Account, customer: Customer | None, asked: Tree, *where: str) -> Wanted:
    """Refused, with everything that is wrong, when no such card can be kept; the customer is None while it is new."""
    troubles = Troubles()
    token, options = asked.get("token"), asked.get("options") or {}
    if token is not None:
        troubles.of(lambda: check_token(account, token, *where))
    wanted = troubles.of(lambda: _wanted(account, customer, asked, None, *where))
    if wanted is not None:
        troubles.of(lambda: _check_duplicates(account, customer, wanted.instrument, None, options, *where))
    troubles.check()
    if wanted is None:
        raise LookupError("It is there when nothing is wrong.")
    return wanted


def stored(account: Account, customer: Customer, asked: Tree, *where: str) -> PaymentMethod:
    """The card of a nonce or of numbers in the customer's vault, after what was asked about it was done.

    Refused, and nothing stored, when it does not pass.
    """
    wanted = check(account, customer, asked, *where)
    known = account.payment_methods.get((wanted.nonce.token if wanted.nonce else None) or "")
    if known is not None and known.customer_id == customer.id:
        return _again(account, known, wanted, asked)
    token = asked.get("token") or account.new_id(6)
    verifications = _verifications(account, wanted, asked, wanted.checks(asked), (token, customer.id))
    if wanted.nonce is not None:
        consume(wanted.nonce)
    address = wanted.address
    if address is None and wanted.billing:
        address = addresses.stored(account, customer, wanted.billing, *where, "billing_address")
    method = account.keep(wanted.instrument, customer, token, billing_address=address, verifications=verifications)
    if flag(asked.get("options") or {}, "make_default"):
        account.make_default(method)
    return method


def _again(account: Account, method: PaymentMethod, wanted: Wanted, asked: Tree) -> PaymentMethod:
    """Of a nonce of a card that is in the customer's vault already: it stays as it is."""
    method.verifications += _verifications(
        account, wanted, asked, wanted.checks(asked, method), (method.token, method.customer_id)
    )
    if wanted.nonce is not None:
        consume(wanted.nonce)
    if flag(asked.get("options") or {}, "make_default"):
        account.make_default(method)
    return method


def change(account: Account, method: PaymentMethod, asked: Tree, *where: str) -> None:
    """Refused, and nothing changed, when something is wrong."""
    customer, options = account.customers[method.customer_id], asked.get("options") or {}
    token = asked.get("token")
    troubles = Troubles()
    if token is not None and token != method.token:
        troubles.of(lambda: check_token(account, token, *where))
    wanted = troubles.of(lambda: _wanted(account, customer, asked, method, *where))
    if wanted is not None:
        troubles.of(lambda: _check_duplicates(account, customer, wanted.instrument, method, options, *where))
    troubles.check()
    if wanted is None:
        raise LookupError("It is there when nothing is wrong.")
    method.verifications += _verifications(
        account, wanted, asked, wanted.checks(asked, method), (method.token, method.customer_id)
    )
    if wanted.nonce is not None:
        consume(wanted.nonce)
    if token is not None and token != method.token:
        del account.payment_methods[method.token]
        method.token = token
        account.payment_methods[token] = method
    method.instrument = wanted.instrument
    if wanted.address is not None:
        method.billing_address = wanted.address
    elif wanted.billing:
        _change_address(account, customer, method, wanted.billing, asked["billing_address"])
    if flag(options, "make_default"):
        account.make_default(method)
    method.updated_at = account.now


def check_token(account: Account, token: str, *where: str) -> None:
    """Refused when nothing can be stored under it."""
    if not is_id(token):
        raise invalid(*where, "token", code="91718", message="The token is invalid.")
    if token in account.payment_methods:
        raise invalid(*where, "token", code="91719", message="The token is taken.")


def _wanted(
    account: Account, customer: Customer | None, asked: Tree, method: PaymentMethod | None, *where: str
) -> Wanted:
    """Of a new card, or of the method that is changed."""
    troubles = Troubles()
    named, id = asked.get("payment_method_nonce"), asked.get("billing_address_id")
    nonce = instrument = address = None
    if named:
        nonce = troubles.of(lambda: usable_nonce(account, named, *where, codes=("93108", "93107")))
        instrument = nonce.instrument if nonce else None
    else:
        instrument = troubles.of(lambda: _instrument(asked, method, *where))
    billing = troubles.of(lambda: addresses.checked(asked.get("billing_address") or {}, *where, "billing_address"))
    if id is not None:
        where_id = (*where, "billing_address_id")
        address = troubles.of(lambda: addresses.of_customer(customer, id, *where_id, code="91702"))
    passed = asked.get("three_d_secure_pass_thru")
    if passed:
        troubles.of(lambda: passed_thru.of_verification(passed, *where))
    troubles.of(lambda: check_options(account, asked.get("options") or {}, *where))
    troubles.check()
    if instrument is None:
        raise LookupError("It is there when nothing is wrong.")
    return Wanted(instrument, nonce, billing or (nonce.billing_address if nonce else None), address)


def _instrument(asked: Tree, method: PaymentMethod | None, *where: str) -> Instrument:
    if method is None:
        return from_numbers(asked, *where)
    said = {name: asked[name] for name in _OF_CARD if asked.get(name)}
    if not said:
        return method.instrument
    known = {"number": method.instrument.number, "cardholder_name": method.instrument.cardholder_name}
    if not any(name.startswith("expiration") for name in said):
        known["expiration_date"] = f"{method.instrument.expiration_month}/{method.instrument.expiration_year}"
    return from_numbers(known | said, *where)


def _check_duplicates(
    account: Account,
    customer: Customer | None,
    instrument: Instrument,
    changed: PaymentMethod | None,
    options: Tree,
    *where: str,
) -> None:
    """A card that is changed is no duplicate of itself for its customer, as the SDK's tests have it."""
    same = [method for method in account.payment_methods.values() if method.instrument.number == instrument.number]
    if flag(options, "fail_on_duplicate_payment_method") and same:
        raise invalid(*where, "number", code="81724", message="The card is in the vault already.")
    mine = [method for method in same if customer is not None and method.customer_id == customer.id]
    others = [method for method in mine if method is not changed]
    if flag(options, "fail_on_duplicate_payment_method_for_customer") and others:
        raise invalid(*where, "number", code="81763", message="The customer has this card already.")


def _verifications(
    account: Account, wanted: Wanted, asked: Tree, checks: Checks, owner: tuple[str, str]
) -> list[Verification]:
    options = asked.get("options") or {}
    if not flag(options, "verify_card"):
        return []
    three_d_secure = wanted.nonce.three_d_secure if wanted.nonce else None
    address = wanted.billing or (wanted.address.details if wanted.address else {})
    return [verified(account, wanted.instrument, options, checks, three_d_secure, address.get("postal_code"), owner)]


def _change_address(account: Account, customer: Customer, method: PaymentMethod, details: Tree, asked: Tree) -> None:
    """Another one takes its place, unless `options.update_existing` changes the old one."""
    if method.billing_address is not None and flag(asked.get("options") or {}, "update_existing"):
        addresses.changed(account, method.billing_address, details)
    else:
        method.billing_address = addresses.stored(account, customer, details, "billing_address")
