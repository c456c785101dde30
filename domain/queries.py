"""Reads for the API: lists with filters and sorting, and whole batches by id or by parent.

Every read names its viewer, so that authorization is part of the query and nobody can forget it. One call is one SQL
statement however many ids it is given: that is what keeps a list of fifty orders from asking fifty times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, Protocol, TypeVar

from domain.api_keys import ApiKey
from domain.audit import AuditEntry
from domain.balances import BalanceEntry, BalanceReason, CustomerBalance
from domain.books import BookReport, BookSpan
from domain.charges import Charge, ChargeState
from domain.customers import Customer, ProviderAccount
from domain.decisions import Decision, DecisionKind
from domain.discrepancies import Discrepancy, DiscrepancyKind, DiscrepancyState
from domain.disputes import Dispute
from domain.entitlements import Entitlement
from domain.events import Event, EventKind
from domain.invoices import CreditNote, CreditReduces, InvoiceLine, InvoiceReason, InvoiceState, PendingLine
from domain.issuers import Issuer, Party
from domain.jobs import JobKind, JobRecord, JobState
from domain.money import Money
from domain.orders import OrderLine, OrderState, PaymentState
from domain.pages import PageRequest, Slice
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.principals import Permission, Principal
from domain.products import Price, PriceType, Product
from domain.provider import DisputeState
from domain.refunds import Refund, RefundState
from domain.search import Search
from domain.subscriptions import Subscription, SubscriptionItem, SubscriptionState
from domain.test_clocks import ClockState, TestClock
from domain.webhooks import DeliveryState, DeliveryView


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose eyes: all records, or those of one customer (None: of nobody)."""

    sees_all: bool
    customer_id: str | None = None

    @staticmethod
    def of(principal: Principal) -> "Viewer":
        if not principal.may(Permission.RECORDS_READ):
            return Viewer(False)
        return Viewer(principal.sees_all, principal.customer_id)


class Relation(StrEnum):
    """The parent that a batch of lists hangs from."""

    CUSTOMER = "CUSTOMER"
    TEST_CLOCK = "TEST_CLOCK"
    PRODUCT = "PRODUCT"
    ORDER = "ORDER"
    SUBSCRIPTION = "SUBSCRIPTION"
    INVOICE = "INVOICE"
    CHARGE = "CHARGE"
    SUBJECT = "SUBJECT"
    """Any object that events concern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order as it is read: without its lines, with what its charges add up to."""

    id: str
    customer_id: str
    state: OrderState
    payment_state: PaymentState
    total: Money
    authorized: Money
    captured: Money
    refunded: Money
    version: int
    external_id: str | None
    external_version: int | None
    metadata: Mapping[str, str]
    expires_at: datetime | None
    placed_at: datetime | None
    completed_at: datetime | None
    canceled_at: datetime | None
    livemode: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceView:
    """An invoice as it is read: without its lines, with what was paid of it. Customers see no drafts."""

    id: str
    issuer_id: str
    customer_id: str
    subscription_id: str | None
    period_starts_at: datetime | None
    order_id: str | None
    reason: InvoiceReason
    state: InvoiceState
    number: str | None
    total: Money
    due: Money
    balance_applied: Money
    carried_over: Money
    """Of `balance_applied`, what a later invoice asks for; below zero, what earlier ones left to this one."""
    amount_paid: Money
    """By its charges; of an order's invoice, by the order's."""
    issued_by: Party | None
    issued_to: Party | None
    due_at: datetime | None
    next_try_at: datetime | None
    opened_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    uncollectible_at: datetime | None
    discarded_at: datetime | None
    metadata: Mapping[str, str]
    version: int
    livemode: bool
    created_at: datetime
    updated_at: datetime

    @property
    def amount_remaining(self) -> Money:
        nothing = Money.zero(self.total.currency)
        waits = self.state in (InvoiceState.OPEN, InvoiceState.UNCOLLECTIBLE)
        return max(self.due - self.amount_paid, nothing) if waits else nothing


# --- filters and sorting --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    email: str | None = None
    """Compared without regard to case."""
    external_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestClockFilter:
    __test__: ClassVar[bool] = False  # for pytest

    states: Sequence[ClockState] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFilter:
    product_id: str | None = None
    type: PriceType | None = None
    currency: str | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilter:
    search: Search | None = None
    price: PriceFilter | None = None
    """One price at least that fits."""
    available: bool | None = None
    """Sold now: neither is it archived, nor are all its prices."""
    archived: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    states: Sequence[OrderState] = ()
    payment_states: Sequence[PaymentState] = ()
    customer_id: str | None = None
    external_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFilter:
    states: Sequence[SubscriptionState] = ()
    price_id: str | None = None
    """One item at least, among those that are present."""
    ends: bool | None = None
    """Whether it is to be cancelled at some moment."""
    period_ends_from: datetime | None = None
    period_ends_before: datetime | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFilter:
    states: Sequence[InvoiceState] = ()
    reasons: Sequence[InvoiceReason] = ()
    number: str | None = None
    subscription_id: str | None = None
    order_id: str | None = None
    discarded: bool | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceItemFilter:
    waiting: bool | None = None
    """Those that the next invoice takes, or those that one has taken or that were removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodFilter:
    states: Sequence[PaymentMethodState] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFilter:
    states: Sequence[ChargeState] = ()
    customer_id: str | None = None
    order_id: str | None = None
    in_review: bool | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFilter:
    kinds: Sequence[DecisionKind] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFilter:
    states: Sequence[RefundState] = ()
    charge_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeFilter:
    states: Sequence[DisputeState] = ()
    account: str | None = None
    is_inquiry: bool | None = None
    respond_from: datetime | None = None
    respond_before: datetime | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    kinds: Sequence[EventKind] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyFilter:
    revoked: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeliveryFilter:
    accounts: Sequence[str] = ()
    states: Sequence[DeliveryState] = ()
    kinds: Sequence[str] = ()
    subject_id: str | None = None
    """Of ours: a charge, a refund or a payment method."""
    subject_ref: str | None = None
    """The provider's id."""
    received_from: datetime | None = None
    received_before: datetime | None = None


OVERDUE_SECONDS: Final = 60
"""A worker takes what is due within a second; what waits for a minute finds none, or all of them busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    kinds: Sequence[JobKind] = ()
    states: Sequence[JobState] = ()
    subject_id: str | None = None
    overdue: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    actor: str | None = None
    action: str | None = None
    subject_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyFilter:
    states: Sequence[DiscrepancyState] = ()
    kinds: Sequence[DiscrepancyKind] = ()
    account: str | None = None
    order_id: str | None = None
    invoice_id: str | None = None
    charge_id: str | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None


class Sort(StrEnum):
    """How records are sorted that have no order of their own but time."""

    NEWEST = "NEWEST"
    OLDEST = "OLDEST"


class OrderSort(StrEnum):
    NEWEST = "NEWEST"
    OLDEST = "OLDEST"
    TOTAL_HIGHEST = "TOTAL_HIGHEST"
    TOTAL_LOWEST = "TOTAL_LOWEST"


class InvoiceSort(StrEnum):
    NEWEST = "NEWEST"
    OLDEST = "OLDEST"
    TOTAL_HIGHEST = "TOTAL_HIGHEST"
    TOTAL_LOWEST = "TOTAL_LOWEST"


class ProductSort(StrEnum):
    RELEVANCE = "RELEVANCE"
    """What fits the search best, then the newest first. Without a search all fit equally."""
    NEWEST = "NEWEST"
    OLDEST = "OLDEST"
    NAME = "NAME"


class ChargeSort(StrEnum):
    NEWEST = "NEWEST"
    OLDEST = "OLDEST"
    AMOUNT_HIGHEST = "AMOUNT_HIGHEST"
    AMOUNT_LOWEST = "AMOUNT_LOWEST"


SortKey = tuple[str | int, ...]


def order_sort_key(order: OrderView, sort: str) -> SortKey:
    """The values that place a row in its list; the id comes last and makes them unique."""
    by_total = sort in (OrderSort.TOTAL_HIGHEST, OrderSort.TOTAL_LOWEST)
    return (order.total.minor_units, order.id) if by_total else (order.id,)


def invoice_sort_key(invoice: InvoiceView, sort: str) -> SortKey:
    by_total = sort in (InvoiceSort.TOTAL_HIGHEST, InvoiceSort.TOTAL_LOWEST)
    return (invoice.total.minor_units, invoice.id) if by_total else (invoice.id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProduct(Product):
    """A product as a search gives it, by relevance or by age."""

    rank: int
    """How well it fits: 0 is best. Always 0 in a list by age."""
    number: int
    """Rises with every product that is added."""


def product_sort_key(product: Product, sort: str) -> SortKey:
    if isinstance(product, FoundProduct):
        return (product.rank, product.number)
    return (product.name, product.id) if sort == ProductSort.NAME else (product.id,)


def charge_sort_key(charge: Charge, sort: str) -> SortKey:
    by_amount = sort in (ChargeSort.AMOUNT_HIGHEST, ChargeSort.AMOUNT_LOWEST)
    return (charge.amount.minor_units, charge.id) if by_amount else (charge.id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerFilter:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteFilter:
    reduces: Sequence[CreditReduces] = ()
    created_from: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceEntryFilter:
    currency: str | None = None
    reasons: Sequence[BalanceReason] = ()


class HasId(Protocol):
    @property
    def id(self) -> str: ...


def id_sort_key(record: HasId, _sort: str) -> SortKey:
    return (record.id,)


# --- the reads ------------------------------------------------------------------------------------------------------


Record = TypeVar("Record")
Filter_contra = TypeVar("Filter_contra", contravariant=True)


class Reads(Protocol[Record, Filter_contra]):
    async def by_ids(self, ids: Sequence[str], *, viewer: Viewer) -> Mapping[str, Record]:
        """Those that exist and that the viewer may see."""
        ...

    async def page(self, request: PageRequest, where: Filter_contra, *, viewer: Viewer) -> Slice[Record]: ...

    async def pages_of(
        self,
        relation: Relation,
        parent_ids: Sequence[str],
        request: PageRequest,
        where: Filter_contra,
        *,
        viewer: Viewer,
    ) -> Mapping[str, Slice[Record]]:
        """The same page of the list of each parent; a parent without records has an empty slice."""
        ...


class Queries(Protocol):
    @property
    def customers(self) -> Reads[Customer, CustomerFilter]: ...
    @property
    def test_clocks(self) -> Reads[TestClock, TestClockFilter]: ...
    @property
    def products(self) -> Reads[Product, ProductFilter]: ...
    @property
    def prices(self) -> Reads[Price, PriceFilter]: ...
    @property
    def orders(self) -> Reads[OrderView, OrderFilter]: ...
    @property
    def subscriptions(self) -> Reads[Subscription, SubscriptionFilter]:
        """Without their items."""
        ...

    @property
    def invoices(self) -> Reads[InvoiceView, InvoiceFilter]: ...
    @property
    def invoice_items(self) -> Reads[PendingLine, InvoiceItemFilter]: ...
    @property
    def payment_methods(self) -> Reads[PaymentMethod, PaymentMethodFilter]: ...
    @property
    def charges(self) -> Reads[Charge, ChargeFilter]: ...
    @property
    def refunds(self) -> Reads[Refund, RefundFilter]: ...
    @property
    def disputes(self) -> Reads[Dispute, DisputeFilter]: ...
    @property
    def decisions(self) -> Reads[Decision, DecisionFilter]: ...
    @property
    def events(self) -> Reads[Event, EventFilter]: ...
    @property
    def api_keys(self) -> Reads[ApiKey, ApiKeyFilter]: ...
    @property
    def audit(self) -> Reads[AuditEntry, AuditFilter]: ...
    @property
    def webhook_deliveries(self) -> Reads[DeliveryView, WebhookDeliveryFilter]: ...
    @property
    def jobs(self) -> Reads[JobRecord, JobFilter]: ...
    @property
    def discrepancies(self) -> Reads[Discrepancy, DiscrepancyFilter]: ...
    @property
    def issuers(self) -> Reads[Issuer, IssuerFilter]: ...
    @property
    def credit_notes(self) -> Reads[CreditNote, CreditNoteFilter]: ...
    @property
    def balance_entries(self) -> Reads[BalanceEntry, BalanceEntryFilter]: ...

    async def check_books(self, span: BookSpan) -> BookReport:
        """Compare the ledger with charges, refunds and disputes, all as they are at one moment. Raises BooksTooLong."""
        ...

    async def lines_of_orders(self, order_ids: Sequence[str]) -> Mapping[str, Sequence[OrderLine]]: ...
    async def items_of_subscriptions(self, subscription_ids: Sequence[str]) -> Mapping[str, Sequence[SubscriptionItem]]:
        """Those that are present."""
        ...

    async def entitlements_of_customers(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[Entitlement]]: ...
    async def lines_of_invoices(self, invoice_ids: Sequence[str]) -> Mapping[str, Sequence[InvoiceLine]]: ...
    async def accounts_of_customers(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[ProviderAccount]]: ...
    async def balances_of_customers(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[CustomerBalance]]:
        """One for each currency in which anything was ever put there."""
        ...
