"""The banks that one story is told with: the fake one, and Stripe and Braintree, which their emulators stand in for.

What a gateway has to be told, what names a test card, what a customer does to confirm, and what really happened there:
this is all that differs, and a story that speaks of a `Bank` runs unchanged with each.
"""

from collections.abc import Mapping

from tests.server.banks import braintree as _braintree
from tests.server.banks import stripe as _stripe
from tests.server.banks.bank import Bank, Opening
from tests.server.banks.braintree import BraintreeBank, KeylessBank, braintree, braintree_aside
from tests.server.banks.fake import FakeBank, FakeBankInside, fake
from tests.server.banks.stripe import StripeBank, stripe, stripe_aside

FAULTS_OF_BANKS = (*_stripe.FAULTS.values(), *_braintree.FAULTS.values())
BANKS: Mapping[str, Opening] = {
    FakeBank.account: fake,
    StripeBank.account: stripe,
    BraintreeBank.name: braintree(BraintreeBank),
    KeylessBank.name: braintree(KeylessBank),
}
"""By what a plan calls them."""

__all__ = [
    "BANKS",
    "FAULTS_OF_BANKS",
    "Bank",
    "BraintreeBank",
    "FakeBank",
    "FakeBankInside",
    "KeylessBank",
    "Opening",
    "StripeBank",
    "braintree_aside",
    "stripe_aside",
]
