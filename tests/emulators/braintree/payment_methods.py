"""Cards in the vault: https://developer.paypal.com/braintree/docs/reference/request/payment-method/create.

Under the token that was asked for, verified if that was asked for, and deleted for good. The older calls for credit
cards answer with the same object.
"""

from braintree import CreditCard
from braintree import PaymentMethod as SdkPaymentMethod

from tests.emulators.braintree import addresses, subscription_shapes
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import consume, find_nonce, shown_card
from tests.emulators.braintree.parameters import check_names, flattened
from tests.emulators.braintree.refusals import invalid, missing
from tests.emulators.braintree.things import PaymentMethod
from tests.emulators.braintree.vaulting import CARD, change, stored
from tests.emulators.braintree.verifications import shown_verification
from tests.emulators.braintree.xmltext import Many, Tree

_CREATE = flattened(SdkPaymentMethod.create_signature()) | flattened(CreditCard.create_signature())
_UPDATE = flattened(SdkPaymentMethod.update_signature()) | flattened(CreditCard.update_signature())
_UPDATABLE = CARD | {"billing_address.options.update_existing", "payment_method_nonce"}


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


def from_nonce(call: Call) -> Answer:
    """The card in the vault that an unused nonce stands for; it is used up herewith."""
    nonce = find_nonce(call.account, call.id)
    if nonce is None or nonce.consumed or nonce.token not in call.account.payment_methods:
        raise missing()
    consume(nonce)
    return Answer("credit_card", shown(call.account, call.account.payment_methods[nonce.token]))


def update(call: Call) -> Answer:
    account, method = call.account, call.account.payment_method(call.id)
    root = "credit_card" if "credit_card" in call.body else "payment_method"
    asked = call.asked(root)
    check_names(root, asked, known=_UPDATE, supported=_UPDATABLE)
    change(account, method, asked, "credit_card")
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


def shown(account: Account, method: PaymentMethod) -> Tree:
    address = method.billing_address
    return {
        "token": method.token,
        "customer_id": method.customer_id,
        "global_id": f"cGF5bWVudG1ldGhvZF9jY18{method.token}",
        **shown_card(account, method.instrument),
        "default": method.is_default,
        "expired": method.instrument.has_expired(account.now),
        "is_network_tokenized": False,
        "created_at": method.created_at,
        "updated_at": method.updated_at,
        **({"billing_address": addresses.shown(address)} if address else {}),
        "subscriptions": Many(
            "subscription",
            [subscription_shapes.shown(account, each) for each in subscription_shapes.those_of(account, method)],
        ),
        "verifications": Many("verification", [shown_verification(account, each) for each in method.verifications]),
    }
