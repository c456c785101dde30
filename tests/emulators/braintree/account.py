"""What the merchant holds: the vault, nonces, transactions, disputes; and what will happen to them as time passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeVar

from tests.emulators.braintree.instruments import Instrument
from tests.emulators.braintree.recurring import Modification, Plan, Subscription
from tests.emulators.braintree.refusals import invalid, missing
from tests.emulators.braintree.things import (
    ClientToken,
    Customer,
    Dispute,
    Document,
    Issuer,
    Nonce,
    PaymentMethod,
    Transaction,
    Verification,
)
from tests.emulators.braintree.xmltext import Tree
from tests.emulators.common.agenda import Agenda
from tests.emulators.common.clock import MovableClock

_LETTERS = "bcdfghjkmnpqrstvwxyz23456789"
"""Those of Braintree's tokens: nothing that reads like a word or like another letter."""
_HOUR_SECONDS = 3600.0
_DAY_SECONDS = 24 * _HOUR_SECONDS

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long what is not instant takes, in the account's time."""

    settling_seconds: float = 6 * _HOUR_SECONDS
    """From submission to the batch that takes it along; batches go once a day."""
    settled_seconds: float = _DAY_SECONDS
    """From submission to settlement."""
    expiry_seconds: float = 7 * _DAY_SECONDS
    """How long a hold of a card lasts: https://developer.paypal.com/braintree/articles/get-started/transaction-lifecycle."""
    reply_seconds: float = 7 * _DAY_SECONDS
    """How long a dispute waits for its reply."""
    verdict_seconds: float = 30 * _DAY_SECONDS
    """How long the bank thinks about evidence that is neither the winning nor the losing one of tests."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is set up in the Control Panel, or by Braintree's support."""

    merchant_accounts: Mapping[str, str] = field(
        default_factory=lambda: {
            "usd_account": "USD",
            "eur_account": "EUR",
            "gbp_account": "GBP",
            "jpy_account": "JPY",
            "kwd_account": "KWD",
        }
    )
    """The currency of each; the first is the default one."""
    duplicate_window_seconds: float = 30.0
    """0 switches the check off: https://developer.paypal.com/braintree/articles/control-panel/transactions/duplicate-checking."""
    request_keys_allowed: bool = True
    search_lag_seconds: float = 0.0
    """How long a new transaction is not found by a search, in the account's time."""
    page_size: int = 50
    cvv_rules: frozenset[str] = frozenset()
    """With which of the issuer's answers to a security code (checks.py) the gateway rejects."""
    avs_rules: frozenset[str] = frozenset()
    """With which of those to an address."""
    custom_fields: frozenset[str] = frozenset()
    """Only those that are registered can be sent: …/braintree/articles/control-panel/custom-fields."""
    prorates_upgrades: bool = False
    """Whether a subscription that costs more pays the rest of its period at once, unless its update says otherwise."""
    prorates_downgrades: bool = False
    retry_after_days: tuple[int, ...] = ()
    """When a failed charge of a subscription is tried again by itself, each after the one before: two at most there."""
    cancels_after_retries: bool = False
    """Whether a subscription ends when the last of them fails; else it waits for its next period."""

    @property
    def default_merchant_account(self) -> str:
        return next(iter(self.merchant_accounts))


class Account:
    """Everything in the order in which it was made."""

    def __init__(
        self,
        *,
        merchant_id: str,
        clock: MovableClock,
        told: Callable[[str, Tree, datetime], None],
        seed: int | None = None,
        pace: Pace | None = None,
        options: Options | None = None,
    ) -> None:
        self.merchant_id = merchant_id
        self.pace = pace or Pace()
        self.options = options or Options()
        self.customers: dict[str, Customer] = {}
        self.payment_methods: dict[str, PaymentMethod] = {}
        self.nonces: dict[str, Nonce] = {}
        self.client_tokens: dict[str, ClientToken] = {}
        """By their authorization fingerprints."""
        self.transactions: dict[str, Transaction] = {}
        self.disputes: dict[str, Dispute] = {}
        self.documents: dict[str, Document] = {}
        self.verifications: dict[str, Verification] = {}
        self.issuers: dict[str, Issuer] = {}
        """By the unique_number_identifier of the card (issuers.py)."""
        self.plans: dict[str, Plan] = {}
        self.modifications: dict[str, Modification] = {}
        """The add-ons and discounts that there are to choose from."""
        self.subscriptions: dict[str, Subscription] = {}
        self.forced_response: str | None = None
        """The processor's answer to the next authorization; set for one request by faults.py."""
        self._agenda = Agenda(clock)
        self._told = told
        self._random = Random(seed)

    @property
    def now(self) -> datetime:
        """Whole seconds; while something that was due is done, the time at which it was due."""
        return datetime.fromtimestamp(int(self._agenda.now), UTC)

    # --- objects ------------------------------------------------------------------------------------------------------

    def new_id(self, length: int = 8) -> str:
        return "".join(self._random.choices(_LETTERS, k=length))

    def new_number(self) -> str:
        """What Braintree gives customers that bring no id."""
        return self.new_digits(11)

    def new_digits(self, length: int) -> str:
        return "".join(self._random.choices("123456789", k=length))

    def customer(self, id: str) -> Customer:
        """Of a URL: 404 when there is none."""
        return _of_url(self.customers, id)

    def payment_method(self, token: str) -> PaymentMethod:
        return _of_url(self.payment_methods, token)

    def transaction(self, id: str) -> Transaction:
        return _of_url(self.transactions, id)

    def dispute(self, id: str) -> Dispute:
        return _of_url(self.disputes, id)

    def plan(self, id: str) -> Plan:
        return _of_url(self.plans, id)

    def subscription(self, id: str) -> Subscription:
        return _of_url(self.subscriptions, id)

    def methods_of(self, customer: Customer) -> list[PaymentMethod]:
        return [method for method in self.payment_methods.values() if method.customer_id == customer.id]

    def merchant_account(self, asked: str | None, *where: str) -> tuple[str, str]:
        """Its id and its currency; the default one when none is named."""
        id = asked or self.options.default_merchant_account
        if id not in self.options.merchant_accounts:
            raise invalid(*where, code="91513", message="There is no such merchant account.")
        return id, self.options.merchant_accounts[id]

    def keep(self, instrument: Instrument, customer: Customer, token: str | None = None, **more: Any) -> PaymentMethod:
        """Put it into the customer's vault; the first one there is the default."""
        method = PaymentMethod(
            token=token or self.new_id(6),
            customer_id=customer.id,
            instrument=instrument,
            created_at=self.now,
            updated_at=self.now,
            is_default=not self.methods_of(customer),
            **more,
        )
        self.payment_methods[method.token] = method
        return method

    def make_default(self, method: PaymentMethod) -> None:
        for other in self.payment_methods.values():
            if other.customer_id == method.customer_id:
                other.is_default = other is method

    # --- what happens -------------------------------------------------------------------------------------------------

    def tell(self, kind: str, subject: Tree) -> None:
        """A webhook notification: https://developer.paypal.com/braintree/docs/reference/general/webhooks/overview."""
        self._told(kind, subject, self.now)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it when that much of the account's time has passed."""
        self._agenda.at(self._agenda.now + seconds, act)

    def catch_up(self) -> None:
        """Do all that is due, each at its own time, so that a clock put forward by weeks tells them in order."""
        self._agenda.catch_up()


def _of_url(things: Mapping[str, Thing], id: str) -> Thing:
    if id not in things:
        raise missing()
    return things[id]
