"""The schema: every noun's queries and mutations under one root."""

from functools import cache

import strawberry
from graphql import get_named_type
from strawberry.schema.config import StrawberryConfig

from schema.api_keys import ApiKeyMutation, ApiKeyQuery
from schema.audit import AuditQuery, audit_mutations
from schema.balances import BalanceMutation
from schema.charges import ChargeMutation, ChargeQuery
from schema.credit_notes import CreditNoteMutation, CreditNoteQuery
from schema.customers import CustomerMutation, CustomerQuery
from schema.decisions import DecisionMutation
from schema.discrepancies import DiscrepancyMutation, DiscrepancyQuery
from schema.disputes import DisputeMutation, DisputeQuery
from schema.invoices import InvoiceQuery
from schema.invoicing import InvoiceMutation, InvoicePreviewQuery
from schema.issuers import IssuerMutation, IssuerQuery
from schema.jobs import JobMutation, JobQuery
from schema.ledger import LedgerQuery
from schema.live import Subscription
from schema.nodes import NodeMutation, NodeQuery
from schema.orders import OrderMutation, OrderQuery
from schema.payment_methods import PaymentMethodMutation
from schema.plan_changes import PlanChangeMutation, PlanChangeQuery
from schema.products import ProductMutation, ProductQuery
from schema.provider import ProviderQuery
from schema.refunds import RefundMutation, RefundQuery
from schema.scalars import SCALARS
from schema.subscribing import SubscribingMutation, SubscribingQuery
from schema.subscriptions import SubscriptionQuery
from schema.test_clocks import TestClockMutation, TestClockQuery
from schema.timeline import Event
from schema.webhooks import WebhookDeliveryMutation, WebhookDeliveryQuery


@strawberry.type(
    description="Reading. Lists are connections, newest first. What is not yours reads as missing, and a field that "
    "fails is null beside an error."
)
class Query(
    NodeQuery,
    CustomerQuery,
    ProductQuery,
    OrderQuery,
    SubscriptionQuery,
    SubscribingQuery,
    PlanChangeQuery,
    InvoiceQuery,
    InvoicePreviewQuery,
    CreditNoteQuery,
    IssuerQuery,
    ChargeQuery,
    RefundQuery,
    DisputeQuery,
    ProviderQuery,
    ApiKeyQuery,
    AuditQuery,
    DiscrepancyQuery,
    WebhookDeliveryQuery,
    JobQuery,
    LedgerQuery,
    TestClockQuery,
):
    pass


@strawberry.type(
    description="Changing. Each takes one `input` and answers with the changed record and `userErrors`, "
    "which are empty when it was done. The record is null when it was refused, or when you may not read it."
)
class Mutation(
    CustomerMutation,
    PaymentMethodMutation,
    ProductMutation,
    OrderMutation,
    SubscribingMutation,
    PlanChangeMutation,
    CreditNoteMutation,
    BalanceMutation,
    IssuerMutation,
    InvoiceMutation,
    ChargeMutation,
    RefundMutation,
    DisputeMutation,
    DecisionMutation,
    ApiKeyMutation,
    DiscrepancyMutation,
    WebhookDeliveryMutation,
    JobMutation,
    TestClockMutation,
    NodeMutation,
):
    pass


DESCRIPTION = """\
Paydesk: customers, orders, charges, refunds and disputes that mean the same on every payment provider.

- Amounts are whole numbers of a currency's smallest unit; `Money.formatted` writes them out for people.
- A mutation takes one `input` and answers with `userErrors`, empty when it was done. A declined payment is no user \
error: it is a charge with the state DECLINED.
- What moves money takes an `idempotencyKey`. Repeat a request with the same key when its answer was lost.
- Lists are Relay connections with `nodes` as a shortcut. Every record is a `Node`.
- Nothing is removed without three months of deprecation. Enums that say so get more values.
"""
"""What an explorer shows first."""


@cache
def build_schema() -> strawberry.Schema:
    """The one schema of this process: it holds no state, and making it takes a tenth of a second."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Event],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    audit_mutations(schema._schema)
    schema._schema.description = DESCRIPTION
    _describe_inputs(schema)
    return schema


def _describe_inputs(schema: strawberry.Schema) -> None:
    """A mutation's `input` is what its type says; clients that show the argument alone get the same words."""
    mutation = schema._schema.mutation_type
    for field in mutation.fields.values() if mutation else ():
        sent = field.args["input"]
        sent.description = getattr(get_named_type(sent.type), "description", None)
