"""The schema: every noun's queries and mutations under one root."""

from functools import cache

import strawberry
from graphql import get_named_type
from strawberry.schema.config import StrawberryConfig

from schema.audit import AuditQuery, audit_mutations
from schema.charges import ChargeMutation, ChargeQuery
from schema.customers import CustomerMutation, CustomerQuery
from schema.nodes import NodeMutation, NodeQuery
from schema.orders import OrderMutation, OrderQuery
from schema.payment_methods import PaymentMethodMutation
from schema.products import ProductMutation, ProductQuery
from schema.provider import ProviderQuery
from schema.refunds import RefundMutation, RefundQuery
from schema.scalars import SCALARS
from schema.subscriptions import Subscription
from schema.timeline import Event


@strawberry.type(
    description="Reading. Lists are connections, newest first. What is not yours reads as missing, and a field that "
    "fails is null beside an error."
)
class Query(NodeQuery, CustomerQuery, ProductQuery, OrderQuery, ChargeQuery, RefundQuery, ProviderQuery, AuditQuery):
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
    ChargeMutation,
    RefundMutation,
    NodeMutation,
):
    pass


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
    _describe_inputs(schema)
    return schema


def _describe_inputs(schema: strawberry.Schema) -> None:
    """A mutation's `input` is what its type says; clients that show the argument alone get the same words."""
    mutation = schema._schema.mutation_type
    for field in mutation.fields.values() if mutation else ():
        sent = field.args["input"]
        sent.description = getattr(get_named_type(sent.type), "description", None)
