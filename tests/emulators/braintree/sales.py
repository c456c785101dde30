"""Sales: https://developer.paypal.com/braintree/docs/reference/request/transaction/sale.

What the customer's card is charged or held for. The amount decides what the processor says (responses.py), the gateway
itself refuses a second sale of the same card, amount and order within 30 seconds
(https://developer.paypal.com/braintree/articles/control-panel/transactions/duplicate-checking).
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Any

from braintree import Transaction as SdkTransaction

from tests.emulators.braintree import (
    addresses,
    descriptors,
    disputes,
    particulars,
    passed_thru,
    responses,
    settling,
    vaulting,
)
from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.cards import consume, find_nonce, from_numbers, usable_nonce
from tests.emulators.braintree.checks import checked
from tests.emulators.braintree.customers import check_new, new_customer
from tests.emulators.braintree.instruments import DISPUTED_NUMBER, Instrument, ThreeDSecure
from tests.emulators.braintree.issuers import asks_authentication, issuer_of
from tests.emulators.braintree.parameters import amount as read_amount
from tests.emulators.braintree.parameters import check_names, flag, flattened
from tests.emulators.braintree.particulars import Particulars
from tests.emulators.braintree.refusals import UNSUPPORTED, invalid
from tests.emulators.braintree.things import Address, Customer, Nonce, PaymentMethod, Transaction
from tests.emulators.braintree.transactions import GOOD, outcome
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


class _Paid:
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked of a sale, once nothing is wrong with it."""

    merchant_account_id: str
    currency: str
    amount: Decimal
    customer: Customer | None
    paid: _Paid
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
    response = _response(account, transaction, asked)
    account.transactions[transaction.id] = transaction
    authorize(account, transaction, response)
    succeeded = transaction.status == "authorized"
    if paid.method is None and (flag(options, "store_in_vault") or (succeeded and stores)):
        customer = customer or new_customer(account, new, "transaction")
        _store(account, transaction, customer, token, options)
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
        paid = troubles.of(lambda: _paid_with(account, asked, customer))
    told = troubles.of(lambda: particulars.checked(customer, asked))
    elsewhere = troubles.of(lambda: _authenticated_elsewhere(asked))
    troubles.of(lambda: _check_authentication(account, asked))
    three_d_secure = troubles.of(lambda: _three_d_secure(account, asked, paid, amount) if paid and amount else None)
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


def _store(account: Account, sale: Transaction, customer: Customer, token: str | None, options: Tree) -> None:
    """The card and, where that is asked for, the addresses."""
    method = account.keep(sale.instrument, customer, token)
    sale.token, sale.customer_id = method.token, customer.id
    sale.customer = dict(customer.details)
    if flag(options, "add_billing_address_to_payment_method") and sale.billing:
        method.billing_address = _stored_address(account, customer, sale.billing)
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


def _paid_with(account: Account, asked: Tree, customer: Customer | None) -> _Paid:
    nonce, token = asked.get("payment_method_nonce"), asked.get("payment_method_token")
    card: Tree = asked.get("credit_card") or {}
    if sum((nonce is not None, token is not None, bool(card.get("number")))) > 1:
        raise invalid("transaction", "base", code="91515", message="There is more than one payment method.")
    if nonce is not None:
        found = usable_nonce(account, nonce, "transaction", codes=("91565", "91564"))
        if found.token is not None and found.token in account.payment_methods:
            paid = _of_vault(account, found.token, customer)
        else:
            paid = _Paid(found.instrument)
        paid.nonce = found
        return paid
    if token is not None:
        return _of_vault(account, token, customer)
    if card.get("number"):
        return _Paid(from_numbers(card, "transaction", "credit_card"))
    if customer is None:
        raise invalid("transaction", "base", code="91508", message="There is no payment method.")
    method = next((method for method in account.methods_of(customer) if method.is_default), None)
    if method is None:
        raise invalid("transaction", "customer_id", code="91511", message="The customer has no card.")
    return _of_vault(account, method.token, customer)


def _of_vault(account: Account, token: str, customer: Customer | None) -> _Paid:
    method = account.payment_methods.get(token)
    if method is None:
        raise invalid("transaction", "payment_method_token", code="91518", message="There is no such token.")
    if customer is not None and method.customer_id != customer.id:
        raise invalid("transaction", "base", code="91516", message="The payment method is another customer's.")
    paid = _Paid(method.instrument)
    paid.method = method
    return paid


def _check_authentication(account: Account, asked: Tree) -> None:
    """That the id of an authentication, where one is told, is that of the nonce."""
    if "three_d_secure_authentication_id" not in asked:
        return
    id, where = asked["three_d_secure_authentication_id"], ("transaction", "three_d_secure_authentication_id")
    if id is None:
        raise invalid(*where, code="915196", message="There is no such authentication.")
    nonce = find_nonce(account, asked.get("payment_method_nonce") or "")
    if nonce is not None and nonce.three_d_secure and nonce.three_d_secure.authentication_id != id:
        raise invalid(*where, code="915198", message="The nonce is of another authentication.")


def _three_d_secure(account: Account, asked: Tree, paid: _Paid, amount: Decimal) -> ThreeDSecure | None:
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


def _authenticated_elsewhere(asked: Tree) -> bool:
    passed = asked.get("three_d_secure_pass_thru")
    if not passed:
        return False
    if asked.get("three_d_secure_authentication_id") is not None:
        where = ("transaction", "three_d_secure_authentication_id")
        raise invalid(*where, code="915199", message="An authentication is Braintree's or somebody else's.")
    return passed_thru.of_sale(passed, "transaction")


def _response(account: Account, transaction: Transaction, asked: Tree) -> responses.Response:
    required = flag((asked.get("options") or {}).get("three_d_secure") or {}, "required")
    if required and (transaction.three_d_secure is None or not transaction.three_d_secure.has_succeeded):
        return responses.rejection("three_d_secure")
    if transaction.instrument.rejected_for is not None:
        return responses.rejection(transaction.instrument.rejected_for)
    # A request key and this check exclude each other: whoever sends a key knows what is the same.
    if asked.get("api_request_key") is None and _is_duplicate(account, transaction):
        return responses.rejection("duplicate")
    return asked_processor(account, transaction)


def asked_processor(account: Account, transaction: Transaction) -> responses.Response:
    """What the processor says, and the bank behind it."""
    if account.forced_response is not None:
        return responses.decline(account.forced_response)
    if asks_authentication(account, transaction):
        return responses.decline("2099")
    code = issuer_of(account, transaction).declines
    if code is not None:
        return responses.decline(code)
    response = responses.authorization(transaction.amount)
    rules = account.options
    rejected_for = transaction.checks.rejected_for(cvv=rules.cvv_rules, avs=rules.avs_rules)
    if response.status == "authorized" and rejected_for is not None:
        return responses.rejected_after(response, rejected_for)
    return response


def _is_duplicate(account: Account, new: Transaction) -> bool:
    window = timedelta(seconds=account.options.duplicate_window_seconds)
    recent = takewhile(lambda old: new.created_at - old.created_at < window, reversed(account.transactions.values()))
    return any(
        (old.amount, old.order_id, old.merchant_account_id) == (new.amount, new.order_id, new.merchant_account_id)
        and old.instrument.is_same_card(new.instrument)
        and old.type == "sale"
        and old.status in GOOD
        for old in recent
    )


def authorize(account: Account, transaction: Transaction, response: responses.Response) -> None:
    """The transaction is as this answer has it."""
    transaction.response_code, transaction.response_text = response.code, response.text
    transaction.response_type, transaction.rejection_reason = response.type, response.rejection_reason
    transaction.additional_response = response.additional
    if response.status == "authorized":
        transaction.authorized = transaction.amount
        transaction.network_id = account.new_digits(15)
        transaction.expires_at = account.now + timedelta(seconds=account.pace.expiry_seconds)
        account.later(account.pace.expiry_seconds, lambda: settling.expire(account, transaction))
    transaction.reach(response.status, account.now)


def follow_up(account: Account, transaction: Transaction, *, submits: bool) -> None:
    """What becomes of an authorized one at once: a dispute, too, where the test card is, or the issuer is one that does
    so; the sale is settled then."""
    if submits:
        settling.submit(account, transaction)
    told = issuer_of(account, transaction).disputes
    if told is None and transaction.instrument.number == DISPUTED_NUMBER:
        told = ("fraud", "chargeback")
    if told is not None:
        reason, kind = told
        settling.settle(account, transaction)
        disputes.opened(account, transaction, reason=reason, kind=kind)
