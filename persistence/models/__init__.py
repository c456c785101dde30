"""The tables, as Tortoise knows them, and the rules that the database itself holds.

A change here wants a migration (see `migrate`; a test compares the two). Triggers are in the migrations alone, because
a model cannot say them: no row of a billing table is ever deleted, and the ledger and the events only ever grow.

Texts have a length where an index wants one. The lists of words in the CHECKs come from the domain's enums; words that
grow often (kinds of events, reasons of declines) are left free.

A file for each subject: Tortoise reads the source of a model's file for each model in it, at every start.
"""

from persistence.models.api_keys import ApiKey
from persistence.models.audit import AuditEntry, AuditSubject
from persistence.models.catalogue import Price, Product, ProductSearch
from persistence.models.charges import Charge, Decision, Decline
from persistence.models.customers import Customer, PaymentMethod, ProviderAccount
from persistence.models.disputes import Dispute
from persistence.models.events import Event, EventSubject, FeedEntry
from persistence.models.facts import Fact
from persistence.models.invoices import CreditNote, Invoice, InvoiceItem, InvoiceLine, Issuer
from persistence.models.ledger import LedgerEntry
from persistence.models.operations import IdempotencyKey, Job, Operation
from persistence.models.orders import Order, OrderLine
from persistence.models.reconciliation import Discrepancy, Reconciliation, ReconciliationSighting
from persistence.models.refunds import Refund
from persistence.models.subscriptions import (
    CustomerBalance,
    CustomerBalanceEntry,
    Subscription,
    SubscriptionItem,
    SubscriptionPeriod,
    TestClock,
)
from persistence.models.webhooks import WebhookDelivery

__all__ = [
    "ApiKey",
    "AuditEntry",
    "AuditSubject",
    "Charge",
    "CreditNote",
    "Customer",
    "CustomerBalance",
    "CustomerBalanceEntry",
    "Decision",
    "Decline",
    "Discrepancy",
    "Dispute",
    "Event",
    "EventSubject",
    "Fact",
    "FeedEntry",
    "IdempotencyKey",
    "Invoice",
    "InvoiceItem",
    "InvoiceLine",
    "Issuer",
    "Job",
    "LedgerEntry",
    "Operation",
    "Order",
    "OrderLine",
    "PaymentMethod",
    "Price",
    "Product",
    "ProductSearch",
    "ProviderAccount",
    "Reconciliation",
    "ReconciliationSighting",
    "Refund",
    "Subscription",
    "SubscriptionItem",
    "SubscriptionPeriod",
    "TestClock",
    "WebhookDelivery",
]
