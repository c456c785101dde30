"""Issuers that want their customers to authenticate, and those that are hard to get on with in other ways.

2099 of https://developer.paypal.com/braintree/docs/reference/general/processor-responses/authorization-responses: the
issuer declines a sale without 3D Secure. Which does is up to a test (/_control/issuers), or to the amount of 2099. The
sandbox goes by amounts in all else, too, and by one number for disputes; here a test may say it of any card.
"""

from decimal import Decimal

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.cards import find_nonce
from tests.emulators.braintree.instruments import card
from tests.emulators.braintree.things import Asks, Issuer, Transaction

_EASY = Issuer()
_WITHOUT_CUSTOMER = frozenset({"installment", "merchant", "moto", "recurring", "unscheduled"})
"""`transaction_source` of https://developer.paypal.com/braintree/docs/reference/request/transaction/sale."""


def set_issuer(account: Account, named: str, issuer: Issuer) -> str:
    """Of the card that a number, a token, a nonce or a unique_number_identifier names; gives the latter."""
    identifier = _identifier(account, named)
    account.issuers[identifier] = issuer
    return identifier


def issuer_of(account: Account, transaction: Transaction) -> Issuer:
    return account.issuers.get(transaction.instrument.unique_number_identifier, _EASY)


def _identifier(account: Account, named: str) -> str:
    if named in account.payment_methods:
        return account.payment_methods[named].instrument.unique_number_identifier
    nonce = find_nonce(account, named)
    if nonce is not None:
        return nonce.instrument.unique_number_identifier
    return card(named).unique_number_identifier if named.isdigit() else named


def asks_authentication(account: Account, sale: Transaction) -> bool:
    """Whether it is declined without one."""
    if sale.authenticated_elsewhere or (sale.three_d_secure is not None and sale.three_d_secure.has_succeeded):
        return False
    asks = issuer_of(account, sale).asks
    if asks is Asks.ON_SESSION:
        return sale.source not in _WITHOUT_CUSTOMER
    return asks is Asks.ALWAYS or Decimal(2099) <= sale.amount < Decimal(2100)
