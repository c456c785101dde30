"""Sales: https://developer.paypal.com/braintree/docs/reference/request/transaction/sale.

What the customer's card is charged or held for. The amount decides what the processor says (responses.py), the gateway
itself refuses a second sale of the same card, amount and order within 30 seconds
(https://developer.paypal.com/braintree/articles/control-panel/transactions/duplicate-checking).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from braintree import Transaction as SdkTransaction

from tests.emulators.braintree import (
    addresses,
    descriptors,
    particulars,
    passed_thru,
    settling,
    vaulting,
)
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.authorizing import authorize, follow_up, gateways_answer
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import consume
from tests.emulators.braintree.checks import checked
from tests.emulators.braintree.customers import check_new, new_customer
from tests.emulators.braintree.instruments import ThreeDSecure
from tests.emulators.braintree.parameters import amount as read_amount
from tests.emulators.braintree.parameters import check_names, flag, flattened
from tests.emulators.braintree.particulars import Particulars
from tests.emulators.braintree.paying import (
    Paid,
    authenticated_elsewhere,
    authentication_of,
    check_authentication,
    paid_with,
)
from tests.emulators.braintree.refusals import UNSUPPORTED, invalid
from tests.emulators.braintree.things import Address, Customer, Nonce, Transaction
from tests.emulators.braintree.transactions import outcome
from tests.emulators.braintree.troubles import Troubles
from tests.emulators.braintree.xmltext import Tree

_KNOWN = flattened(SdkTransaction.create_signature())
SUPPORTED = frozenset(
    {
        "amount",
        "api_request_key",
        "customer_id",
        "custom_fields.__any_key__",
        "device_data",
        "merchant_account_id",
        "order_id",
        "payment_method_nonce",
        "payment_method_token",
        "recurring",
        "three_d_secure_authentication_id",
        "transaction_source",
        "type",
        "options.store_in_vault",
        "options.store_in_vault_on_success",
        "options.submit_for_settlement",
        "options.three_d_secure.required",
        "options.skip_advanced_fraud_checking",
        "options.skip_avs",
        "options.skip_cvv",
        *(f"descriptor.{name}" for name in ("name", "phone", "url")),
        *(
            f"customer.{name}"
            for name in ("id", "first_name", "last_name", "company", "email", "phone", "website", "fax")
        ),
        *(f"customer.international_phone.{name}" for name in ("country_code", "national_number")),
        *(f"options.{name}" for name in ("add_billing_address_to_payment_method", "store_shipping_address_in_vault")),
        *(
            f"credit_card.{name}"
            for name in (
                "cardholder_name",
                "cvv",
                "expiration_date",
                "expiration_month",
                "expiration_year",
                "number",
                "token",
            )
        ),
        *particulars.NAMES,
        *(f"external_vault.{name}" for name in ("status", "previous_network_transaction_id")),
        *(f"three_d_secure_pass_thru.{name}" for name in passed_thru.NAMES),
    }
)
_SOURCES = frozenset(
    {
        "recurring_first", "recurring", "merchant", "moto", "unscheduled", "estimated", "installment_first",
        "installment",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked of a sale, once nothing is wrong with it."""

    merchant_account_id: str
    currency: str
    amount: Decimal
    customer: Customer | None
    paid: Paid
    told: Particulars
    three_d_secure: ThreeDSecure | None
    authenticated_elsewhere: bool

    @property
    def owner(self) -> dict[str, Any]:
        """Of whom it is, and with what."""
        token = self.paid.method.token if self.paid.method else None
        return {
            "token": token,
            "created_using": "full_information" if token is None else "token",
            "customer_id": self.customer.id if self.customer else None,
        }


def create(call: Call) -> Answer:
    account, asked = call.account, call.asked("transaction")
    check_names("transaction", asked, known=_KNOWN, supported=SUPPORTED)
    options: Tree = asked.get("options") or {}
    new: Tree = asked.get("customer") or {}
    token = (asked.get("credit_card") or {}).get("token")
    stores = flag(options, "store_in_vault") or flag(options, "store_in_vault_on_success")
    wanted = _wanted(account, asked, token=token if stores else None)
    paid, customer = wanted.paid, wanted.customer
    # From here on there is a transaction, whatever becomes of it.
    if paid.nonce is not None:
        consume(paid.nonce)
    transaction = Transaction(
        id=account.new_id(),
        type="sale",
        amount=wanted.amount,
        currency=wanted.currency,
        merchant_account_id=wanted.merchant_account_id,
        instrument=paid.instrument,
        created_at=account.now,
        updated_at=account.now,
        order_id=asked.get("order_id"),
        **wanted.owner,
        customer=dict(customer.details) if customer else {name: new[name] for name in new if name != "id"},
        billing=wanted.told.billing,
        shipping=wanted.told.shipping,
        goods=wanted.told.goods,
        custom_fields=asked.get("custom_fields") or {},
        descriptor=asked.get("descriptor") or {},
        source="recurring" if flag(asked, "recurring") else asked.get("transaction_source"),
        three_d_secure=wanted.three_d_secure,
        authenticated_elsewhere=wanted.authenticated_elsewhere,
        checks=checked(
            paid.cvv or (asked.get("credit_card") or {}).get("cvv"),
            wanted.told.billing or paid.billing_address,
            skip_cvv=flag(options, "skip_cvv"),
            skip_avs=flag(options, "skip_avs"),
        ),
        api_request_key=asked.get("api_request_key"),
    )
    response = gateways_answer(account, transaction, asked)
    account.transactions[transaction.id] = transaction
    authorize(account, transaction, response)
    succeeded = transaction.status == "authorized"
    if paid.method is None and (flag(options, "store_in_vault") or (succeeded and stores)):
        customer = customer or new_customer(account, new, "transaction")
        _store(account, transaction, customer, token, options, paid.nonce)
    if succeeded:
        follow_up(account, transaction, submits=flag(options, "submit_for_settlement"))
    return outcome(account, transaction)


def _wanted(account: Account, asked: Tree, *, token: str | None) -> _Wanted:
    """Refused with everything that is wrong; the token is that of a card which is to be stored."""
    troubles = Troubles()
    troubles.of(lambda: _check_type(asked))
    where = ("transaction", "merchant_account_id")
    merchant_account = troubles.of(lambda: account.merchant_account(asked.get("merchant_account_id"), *where))
    amount = troubles.of(lambda: read_amount(asked, merchant_account[1] if merchant_account else "USD", "transaction"))
    troubles.of(lambda: _check_rest(account, asked))
    customer, paid = troubles.of(lambda: _customer(account, asked)), None
    if customer is not None or asked.get("customer_id") is None:
        paid = troubles.of(lambda: paid_with(account, asked, customer))
    told = troubles.of(lambda: particulars.checked(customer, asked))
    elsewhere = troubles.of(lambda: authenticated_elsewhere(asked))
    troubles.of(lambda: check_authentication(account, asked))
    three_d_secure = troubles.of(lambda: authentication_of(account, asked, paid, amount) if paid and amount else None)
    if token is not None:
        troubles.of(lambda: vaulting.check_token(account, token, "transaction", "credit_card"))
    if customer is None and (paid is None or paid.method is None):
        troubles.of(lambda: check_new(account, asked.get("customer") or {}, "transaction"))
    troubles.check()
    if merchant_account is None or amount is None or paid is None or told is None:
        raise LookupError("None of them is missing where nothing is wrong.")
    if paid.method is not None:
        customer = account.customers[paid.method.customer_id]
    return _Wanted(*merchant_account, amount, customer, paid, told, three_d_secure, bool(elsewhere))


def _store(
    account: Account, sale: Transaction, customer: Customer, token: str | None, options: Tree, nonce: Nonce | None
) -> None:
    """The card, with the address that its page knew, and where that is asked for, those of the sale."""
    method = account.keep(sale.instrument, customer, token)
    sale.token, sale.customer_id = method.token, customer.id
    sale.customer = dict(customer.details)
    if flag(options, "add_billing_address_to_payment_method") and sale.billing:
        method.billing_address = _stored_address(account, customer, sale.billing)
    elif nonce is not None and nonce.billing_address:
        method.billing_address = addresses.stored(account, customer, nonce.billing_address, "transaction")
    if flag(options, "store_shipping_address_in_vault") and sale.shipping:
        _stored_address(account, customer, sale.shipping)


def _stored_address(account: Account, customer: Customer, told: Tree) -> Address:
    if "id" in told:
        return customer.addresses[told["id"]]
    address = addresses.stored(account, customer, dict(told), "transaction")
    told["id"] = address.id
    return address


def _check_type(asked: Tree) -> None:
    kind = asked.get("type")
    if kind is None:
        raise invalid("transaction", "type", code="91524", message="A type is required.")
    if kind == "credit":
        raise invalid("transaction", "type", code=UNSUPPORTED, message="The emulator gives back what was paid only.")
    if kind != "sale":
        raise invalid("transaction", "type", code="91523", message="There is no such type.")


def _check_rest(account: Account, asked: Tree) -> None:
    troubles = Troubles()
    for name in asked.get("custom_fields") or {}:
        if name not in account.options.custom_fields:
            troubles.note("transaction", "custom_fields", code="91526", message=f"{name} is no custom field.")
    descriptors.check(asked, troubles.inside("transaction"))
    if len(asked.get("order_id") or "") > settling.LONGEST_ORDER_ID:
        troubles.note("transaction", "order_id", code="91501", message="The order id is too long.")
    vault: Tree = asked.get("external_vault") or {}
    status, previous = vault.get("status"), vault.get("previous_network_transaction_id")
    if vault and status not in ("vaulted", "will_vault"):
        troubles.note("transaction", "external_vault", "status", code="915175", message="There is no such status.")
    elif previous is not None and status != "vaulted":
        troubles.note("transaction", "external_vault", "status", code="915177", message="Nothing came before it.")
    source = asked.get("transaction_source")
    if source is not None and source not in _SOURCES:
        troubles.note("transaction", "transaction_source", code="915133", message="There is no such source.")
    troubles.check()


def _customer(account: Account, asked: Tree) -> Customer | None:
    """The one that is named, or the one of `customer.id` if that is known already."""
    id = asked.get("customer_id")
    if id is not None and id not in account.customers:
        raise invalid("transaction", "customer_id", code="91510", message="There is no such customer.")
    new = (asked.get("customer") or {}).get("id")
    if id is None and new in account.customers:
        raise invalid("transaction", "customer", "id", code="91609", message="The id is taken.")
    return account.customers[id] if id is not None else None
