"""What a sale is paid with, and how its customer was authenticated.

https://developer.paypal.com/braintree/docs/reference/request/transaction/sale: a nonce, a token, numbers, or what the
customer has in the vault.
"""

from decimal import Decimal

from tests.emulators.braintree import passed_thru
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.cards import find_nonce, from_numbers, usable_nonce
from tests.emulators.braintree.instruments import Instrument, ThreeDSecure
from tests.emulators.braintree.refusals import invalid
from tests.emulators.braintree.things import Customer, Nonce, PaymentMethod
from tests.emulators.braintree.xmltext import Tree


class Paid:
    """What a sale is paid with, as its parameters name it."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.nonce: Nonce | None = None
        self.method: PaymentMethod | None = None

    @property
    def cvv(self) -> str | None:
        return self.nonce.cvv if self.nonce else None

    @property
    def billing_address(self) -> Tree | None:
        of_nonce = self.nonce.billing_address if self.nonce else None
        of_method = self.method.billing_address if self.method else None
        return of_nonce or (of_method.details if of_method else None)


def paid_with(account: Account, asked: Tree, customer: Customer | None) -> Paid:
    nonce, token = asked.get("payment_method_nonce"), asked.get("payment_method_token")
    card: Tree = asked.get("credit_card") or {}
    if sum((nonce is not None, token is not None, bool(card.get("number")))) > 1:
        raise invalid("transaction", "base", code="91515", message="There is more than one payment method.")
    if nonce is not None:
        found = usable_nonce(account, nonce, "transaction", codes=("91565", "91564"))
        if found.token is not None and found.token in account.payment_methods:
            paid = _of_vault(account, found.token, customer)
        else:
            paid = Paid(found.instrument)
        paid.nonce = found
        return paid
    if token is not None:
        return _of_vault(account, token, customer)
    if card.get("number"):
        return Paid(from_numbers(card, "transaction", "credit_card"))
    if customer is None:
        raise invalid("transaction", "base", code="91508", message="There is no payment method.")
    method = next((method for method in account.methods_of(customer) if method.is_default), None)
    if method is None:
        raise invalid("transaction", "customer_id", code="91511", message="The customer has no card.")
    return _of_vault(account, method.token, customer)


def _of_vault(account: Account, token: str, customer: Customer | None) -> Paid:
    method = account.payment_methods.get(token)
    if method is None:
        raise invalid("transaction", "payment_method_token", code="91518", message="There is no such token.")
    if customer is not None and method.customer_id != customer.id:
        raise invalid("transaction", "base", code="91516", message="The payment method is another customer's.")
    paid = Paid(method.instrument)
    paid.method = method
    return paid


def check_authentication(account: Account, asked: Tree) -> None:
    """That the id of an authentication, where one is told, is that of the nonce."""
    if "three_d_secure_authentication_id" not in asked:
        return
    id, where = asked["three_d_secure_authentication_id"], ("transaction", "three_d_secure_authentication_id")
    if id is None:
        raise invalid(*where, code="915196", message="There is no such authentication.")
    nonce = find_nonce(account, asked.get("payment_method_nonce") or "")
    if nonce is not None and nonce.three_d_secure and nonce.three_d_secure.authentication_id != id:
        raise invalid(*where, code="915198", message="The nonce is of another authentication.")


def authentication_of(account: Account, asked: Tree, paid: Paid, amount: Decimal) -> ThreeDSecure | None:
    """What the gateway knows of the customer's authentication: of the nonce, or under the id of an earlier one."""
    info, agreed = (paid.nonce.three_d_secure, paid.nonce.amount) if paid.nonce else (None, None)
    id = asked.get("three_d_secure_authentication_id")
    where = ("transaction", "three_d_secure_authentication_id")
    if id is not None and info is None:
        earlier = next(
            (
                each
                for each in account.nonces.values()
                if each.three_d_secure and each.three_d_secure.authentication_id == id
            ),
            None,
        )
        if earlier is None:
            raise invalid(*where, code="915196", message="There is no such authentication.")
        if not earlier.instrument.is_same_card(paid.instrument):
            raise invalid(*where, code="915197", message="The authentication is of another card.")
        info, agreed = earlier.three_d_secure, earlier.amount
    if agreed is not None and amount > agreed:
        raise invalid("transaction", "amount", code="91585", message="The customer authenticated another amount.")
    return info


def authenticated_elsewhere(asked: Tree) -> bool:
    passed = asked.get("three_d_secure_pass_thru")
    if not passed:
        return False
    if asked.get("three_d_secure_authentication_id") is not None:
        where = ("transaction", "three_d_secure_authentication_id")
        raise invalid(*where, code="915199", message="An authentication is Braintree's or somebody else's.")
    return passed_thru.of_sale(passed, "transaction")
