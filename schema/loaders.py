"""Batches: everything that one level of a query asks for is read in one statement.

Fifty orders ask for their fifty customers; the loader gathers the ids until the event loop turns, and asks once.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from strawberry.dataloader import DataLoader

from domain.balances import CustomerBalance
from domain.customers import ProviderAccount
from domain.entitlements import Entitlement
from domain.ids import IdPrefix, prefix_of
from domain.invoices import InvoiceLine
from domain.orders import OrderLine
from domain.pages import PageRequest, Slice
from domain.queries import (
    Queries,
    Reads,
    Relation,
    Viewer,
)
from domain.subscriptions import SubscriptionItem
from schema.masking import ExposedError

Record = TypeVar("Record")
Filter = TypeVar("Filter")
Item = TypeVar("Item")

# A statement with more parents than this is split, so that one request cannot make it grow without end.
LARGEST_BATCH = 1_000


MOST_ROWS = 2_000
"""Rows of nested lists in one request. What a document may cost is estimated before it runs, with the sizes that lists
usually have; here is counted what they really have. The page of 50 orders that every shop shows reads 300."""


class Budget:
    """What one request may still read."""

    def __init__(self) -> None:
        self._rows = 0

    def spend(self, rows: int) -> None:
        self._rows += rows
        if self._rows > MOST_ROWS:
            message = f"The lists inside the lists have more than {MOST_ROWS} items. Ask for fewer or smaller ones."
            raise ExposedError(message, code="QUERY_TOO_COSTLY", limit=MOST_ROWS)


class ById(Generic[Record]):
    """One record by its id, None when it does not exist or is not for these eyes."""

    def __init__(self, reads: Reads[Record, Filter], viewer: Viewer) -> None:
        async def load(ids: list[str]) -> list[Record | None]:
            found = await reads.by_ids(ids, viewer=viewer)
            return [found.get(record_id) for record_id in ids]

        self._loader: DataLoader[str, Record | None] = DataLoader(load_fn=load, max_batch_size=LARGEST_BATCH)

    async def load(self, record_id: str) -> Record | None:
        return await self._loader.load(record_id)

    async def load_if(self, record_id: str | None) -> Record | None:
        """For a reference that may be empty."""
        return None if record_id is None else await self._loader.load(record_id)

    async def load_many(self, record_ids: Sequence[str]) -> list[Record | None]:
        return await self._loader.load_many(record_ids)


class PagesOf(Generic[Record, Filter]):
    """The page of a parent's list; parents that ask for the same page share a statement."""

    def __init__(self, reads: Reads[Record, Filter], relation: Relation, viewer: Viewer, budget: Budget) -> None:
        self._budget = budget

        async def load(keys: list[tuple[str, PageRequest, Filter]]) -> list[Slice[Record]]:
            alike: dict[tuple[PageRequest, Filter], list[str]] = {}
            for parent_id, request, where in keys:
                alike.setdefault((request, where), []).append(parent_id)
            pages: dict[tuple[str, PageRequest, Filter], Slice[Record]] = {}
            for (request, where), parent_ids in alike.items():
                found = await reads.pages_of(relation, parent_ids, request, where, viewer=viewer)
                pages |= {(parent_id, request, where): found[parent_id] for parent_id in parent_ids}
            return [pages[key] for key in keys]

        self._loader: DataLoader[tuple[str, PageRequest, Filter], Slice[Record]] = DataLoader(
            load_fn=load, max_batch_size=LARGEST_BATCH
        )

    async def load(self, parent_id: str, request: PageRequest, where: Filter) -> Slice[Record]:
        page = await self._loader.load((parent_id, request, where))
        self._budget.spend(len(page.items))
        return page


class ListOf(Generic[Item]):
    """All items of a parent whose number is bounded, such as the lines of an order."""

    def __init__(
        self, read: Callable[[Sequence[str]], Awaitable[Mapping[str, Sequence[Item]]]], budget: Budget
    ) -> None:
        self._budget = budget

        async def load(parent_ids: list[str]) -> list[Sequence[Item]]:
            found = await read(parent_ids)
            return [found.get(parent_id, ()) for parent_id in parent_ids]

        self._loader: DataLoader[str, Sequence[Item]] = DataLoader(load_fn=load, max_batch_size=LARGEST_BATCH)

    async def load(self, parent_id: str) -> Sequence[Item]:
        items = await self._loader.load(parent_id)
        self._budget.spend(len(items))
        return items


class Loaders:
    def __init__(self, queries: Queries, viewer: Viewer) -> None:
        budget = Budget()
        self.customers = ById(queries.customers, viewer)
        self.test_clocks = ById(queries.test_clocks, viewer)
        self.products = ById(queries.products, viewer)
        self.prices = ById(queries.prices, viewer)
        self.orders = ById(queries.orders, viewer)
        self.subscriptions = ById(queries.subscriptions, viewer)
        self.invoices = ById(queries.invoices, viewer)
        self.invoice_items = ById(queries.invoice_items, viewer)
        self.payment_methods = ById(queries.payment_methods, viewer)
        self.charges = ById(queries.charges, viewer)
        self.refunds = ById(queries.refunds, viewer)
        self.disputes = ById(queries.disputes, viewer)
        self.decisions = ById(queries.decisions, viewer)
        self.events = ById(queries.events, viewer)
        # Nobody's own: whoever may see one may see all, and is asked for that before.
        self.api_keys = ById(queries.api_keys, Viewer(sees_all=True))
        self.audit = ById(queries.audit, Viewer(sees_all=True))
        self.webhook_deliveries = ById(queries.webhook_deliveries, Viewer(sees_all=True))
        self.jobs = ById(queries.jobs, Viewer(sees_all=True))
        self.discrepancies = ById(queries.discrepancies, Viewer(sees_all=True))

        self.customers_of_test_clock = PagesOf(queries.customers, Relation.TEST_CLOCK, viewer, budget)
        self.issuers = ById(queries.issuers, viewer)
        self.credit_notes = ById(queries.credit_notes, viewer)
        self.balance_entries = ById(queries.balance_entries, viewer)

        self.credit_notes_of_invoice = PagesOf(queries.credit_notes, Relation.INVOICE, viewer, budget)
        self.balance_entries_of_customer = PagesOf(queries.balance_entries, Relation.CUSTOMER, viewer, budget)
        self.orders_of_customer = PagesOf(queries.orders, Relation.CUSTOMER, viewer, budget)
        self.subscriptions_of_customer = PagesOf(queries.subscriptions, Relation.CUSTOMER, viewer, budget)
        self.invoices_of_customer = PagesOf(queries.invoices, Relation.CUSTOMER, viewer, budget)
        self.invoices_of_subscription = PagesOf(queries.invoices, Relation.SUBSCRIPTION, viewer, budget)
        self.invoices_of_order = PagesOf(queries.invoices, Relation.ORDER, viewer, budget)
        self.invoice_items_of_customer = PagesOf(queries.invoice_items, Relation.CUSTOMER, viewer, budget)
        self.charges_of_customer = PagesOf(queries.charges, Relation.CUSTOMER, viewer, budget)
        self.payment_methods_of_customer = PagesOf(queries.payment_methods, Relation.CUSTOMER, viewer, budget)
        self.prices_of_product = PagesOf(queries.prices, Relation.PRODUCT, viewer, budget)
        self.charges_of_order = PagesOf(queries.charges, Relation.ORDER, viewer, budget)
        self.charges_of_invoice = PagesOf(queries.charges, Relation.INVOICE, viewer, budget)
        self.refunds_of_charge = PagesOf(queries.refunds, Relation.CHARGE, viewer, budget)
        self.disputes_of_charge = PagesOf(queries.disputes, Relation.CHARGE, viewer, budget)
        self.decisions_of_charge = PagesOf(queries.decisions, Relation.CHARGE, viewer, budget)
        self.events_of = PagesOf(queries.events, Relation.SUBJECT, viewer, budget)

        self.lines_of_order: ListOf[OrderLine] = ListOf(queries.lines_of_orders, budget)
        self.items_of_subscription: ListOf[SubscriptionItem] = ListOf(queries.items_of_subscriptions, budget)
        self.entitlements_of_customer: ListOf[Entitlement] = ListOf(queries.entitlements_of_customers, budget)
        self.lines_of_invoice: ListOf[InvoiceLine] = ListOf(queries.lines_of_invoices, budget)
        self.balances_of_customer: ListOf[CustomerBalance] = ListOf(queries.balances_of_customers, budget)
        self.accounts_of_customer: ListOf[ProviderAccount] = ListOf(queries.accounts_of_customers, budget)

    def of(self, record_id: str) -> ById[Any] | None:
        """Who reads the record of this id; None for an id of nothing that can be read."""
        prefix = prefix_of(record_id)
        return self._by_prefix.get(prefix) if prefix else None

    @property
    def _by_prefix(self) -> dict[IdPrefix, ById[Any]]:
        return {
            IdPrefix.CUSTOMER: self.customers,
            IdPrefix.TEST_CLOCK: self.test_clocks,
            IdPrefix.PRODUCT: self.products,
            IdPrefix.PRICE: self.prices,
            IdPrefix.ORDER: self.orders,
            IdPrefix.SUBSCRIPTION: self.subscriptions,
            IdPrefix.INVOICE: self.invoices,
            IdPrefix.INVOICE_LINE: self.invoice_items,
            IdPrefix.PAYMENT_METHOD: self.payment_methods,
            IdPrefix.CHARGE: self.charges,
            IdPrefix.REFUND: self.refunds,
            IdPrefix.DISPUTE: self.disputes,
            IdPrefix.EVENT: self.events,
            IdPrefix.API_KEY: self.api_keys,
            IdPrefix.AUDIT_ENTRY: self.audit,
            IdPrefix.WEBHOOK_DELIVERY: self.webhook_deliveries,
            IdPrefix.DECISION: self.decisions,
            IdPrefix.JOB: self.jobs,
            IdPrefix.DISCREPANCY: self.discrepancies,
            IdPrefix.ISSUER: self.issuers,
            IdPrefix.CREDIT_NOTE: self.credit_notes,
            IdPrefix.BALANCE_ENTRY: self.balance_entries,
        }
