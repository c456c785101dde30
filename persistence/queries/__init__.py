"""The reads of the API, by hand-written SQL: lists cost a fifth of what models cost, and one statement a call.

Each noun declares its list (`listing`); `statements` makes SQL of the declarations and `reads` runs it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.balances import CustomerBalance
from domain.books import BookReport, BookSpan
from domain.customers import ProviderAccount
from domain.entitlements import Entitlement
from domain.invoices import InvoiceLine
from domain.orders import OrderLine
from domain.subscriptions import SubscriptionItem
from persistence.database import Database
from persistence.queries.api_keys import api_keys
from persistence.queries.audit import audit_entries
from persistence.queries.books import check_books
from persistence.queries.charges import charges
from persistence.queries.customers import accounts_of_customers, customers
from persistence.queries.decisions import decisions
from persistence.queries.discrepancies import discrepancies
from persistence.queries.disputes import disputes
from persistence.queries.events import events
from persistence.queries.invoices import invoice_items, invoices, lines_of_invoices
from persistence.queries.issuers import balance_entries, balances_of_customers, credit_notes, issuers
from persistence.queries.jobs import jobs
from persistence.queries.orders import lines_of_orders, orders
from persistence.queries.payment_methods import payment_methods
from persistence.queries.products import prices, products
from persistence.queries.refunds import refunds
from persistence.queries.subscriptions import entitlements_of_customers, items_of_subscriptions, subscriptions
from persistence.queries.test_clocks import test_clocks
from persistence.queries.webhooks import webhook_deliveries

__all__ = ["TortoiseQueries"]


class TortoiseQueries:
    """Implements `domain.queries.Queries`. Each call borrows a reader, so none may be made inside a transaction."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self.customers: Final = customers(database)
        self.test_clocks: Final = test_clocks(database)
        self.products: Final = products(database)
        self.prices: Final = prices(database)
        self.orders: Final = orders(database)
        self.subscriptions: Final = subscriptions(database)
        self.invoices: Final = invoices(database)
        self.invoice_items: Final = invoice_items(database)
        self.payment_methods: Final = payment_methods(database)
        self.charges: Final = charges(database)
        self.refunds: Final = refunds(database)
        self.disputes: Final = disputes(database)
        self.decisions: Final = decisions(database)
        self.events: Final = events(database)
        self.api_keys: Final = api_keys(database)
        self.audit: Final = audit_entries(database)
        self.webhook_deliveries: Final = webhook_deliveries(database)
        self.jobs: Final = jobs(database)
        self.discrepancies: Final = discrepancies(database)
        self.issuers: Final = issuers(database)
        self.credit_notes: Final = credit_notes(database)
        self.balance_entries: Final = balance_entries(database)

    async def check_books(self, span: BookSpan) -> BookReport:
        return await check_books(self._database, span)

    async def lines_of_orders(self, order_ids: Sequence[str]) -> Mapping[str, Sequence[OrderLine]]:
        return await lines_of_orders(self._database, order_ids)

    async def items_of_subscriptions(self, subscription_ids: Sequence[str]) -> Mapping[str, Sequence[SubscriptionItem]]:
        return await items_of_subscriptions(self._database, subscription_ids)

    async def entitlements_of_customers(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[Entitlement]]:
        return await entitlements_of_customers(self._database, customer_ids)

    async def lines_of_invoices(self, invoice_ids: Sequence[str]) -> Mapping[str, Sequence[InvoiceLine]]:
        return await lines_of_invoices(self._database, invoice_ids)

    async def accounts_of_customers(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[ProviderAccount]]:
        return await accounts_of_customers(self._database, customer_ids)

    async def balances_of_customers(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[CustomerBalance]]:
        return await balances_of_customers(self._database, customer_ids)
