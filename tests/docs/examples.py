"""An example of each field of the API's roots: a document with its variables.

What is not written here is made from the schema: the arguments that are required, with values of their types, and the
fields that say most. `tests/docs/test_reference.py` runs every one of them; where the made one does not do, write one
here. `ord_…` stands for an id that the reader has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    parse,
    print_ast,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    document: str
    variables: Json


@dataclass(frozen=True, slots=True)
class Written:
    """What to ask for (without `userErrors`), and with what; a mutation's variables are those of its input."""

    select: str = ""
    variables: Json = field(default_factory=dict)


_MONEY: Json = {"minorUnits": 1000, "currency": "USD"}

_WRITTEN: Mapping[str, Written] = {
    # --- reading --------------------------------------------------------------------------------------------------
    "node": Written("__typename id ... on Order { state total { formatted } }", {"id": "ord_…"}),
    "nodes": Written("__typename id", {"ids": ["ord_…", "cus_…"]}),
    "me": Written("id name email defaultPaymentMethod { card { brand last4 } }"),
    "customer": Written("id name email orders(first: 5) { nodes { id state } }", {"id": "cus_…"}),
    "customers": Written(
        "nodes { id name email } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"email": "ada@example.com"}},
    ),
    "testClock": Written("now state target failure customers { nodes { id name } }", {"id": "clk_…"}),
    "testClocks": Written("nodes { id name now state }", {"first": 10}),
    "product": Written("id name description prices { nodes { id amount { formatted } } }", {"id": "prod_…"}),
    "products": Written(
        "nodes { id name prices { nodes { id type amount { formatted } } } } pageInfo { hasNextPage endCursor }",
        {"first": 10, "sort": "NAME"},
    ),
    "price": Written(
        "id type amount { minorUnits currency } interval { unit count } product { name }", {"id": "price_…"}
    ),
    "order": Written(
        'id state paymentState version total { formatted(locale: "de") } lines { name quantity amount { decimal } }',
        {"id": "ord_…"},
    ),
    "orders": Written(
        "nodes { id state paymentState total { formatted } } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["OPEN", "PLACED"]}, "sort": "TOTAL_HIGHEST"},
    ),
    "subscription": Written(
        "id state access period { startsAt endsAt } trialEndsAt cancelAt items { id quantity price { id } } "
        "latestInvoice { id state nextAction { ... on RedirectAction { url } } }",
        {"id": "sub_…"},
    ),
    "subscriptions": Written(
        "nodes { id state period { endsAt } customer { id } } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["PAST_DUE"], "created": {"since": "2026-01-01T00:00:00Z"}}},
    ),
    "subscriptionPreview": Written(
        "preview { state trialEndsAt invoice { lines { name quantity amount { formatted } } due { formatted } } "
        "nextBill { total { formatted } period { startsAt } } } userErrors { code message path }",
        {"input": {"customerId": "cus_…", "items": [{"priceId": "price_…", "quantity": 2}]}},
    ),
    "invoice": Written(
        "id number state lines { name quantity amount { formatted } period { startsAt endsAt } } total { formatted } "
        "balanceApplied { formatted } due { formatted } amountRemaining { formatted }",
        {"id": "inv_…"},
    ),
    "invoicePreview": Written(
        "lines { name amount { formatted } } total { formatted } balanceApplied { formatted } due { formatted }",
        {"id": "inv_…"},
    ),
    "invoices": Written(
        "nodes { id number state total { formatted } } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["OPEN"], "due": {"before": "2026-01-01T00:00:00Z"}}},
    ),
    "creditNote": Written(
        "id number reduces amount { formatted } lines { name amount { formatted } } invoice { number }",
        {"id": "crn_…"},
    ),
    "issuer": Written("id name taxId invoicePrefix nextInvoiceNumber timeZone dunning { retriesAfterHours then }"),
    "charge": Written(
        "id state captured { formatted } declineCode message advice nextAction { ... on RedirectAction { url } }",
        {"id": "chg_…"},
    ),
    "charges": Written(
        "nodes { id state amount { formatted } order { id } } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["DECLINED"], "created": {"since": "2026-01-01T00:00:00Z"}}},
    ),
    "refund": Written("id state amount { formatted } executedAs charge { id }", {"id": "ref_…"}),
    "refunds": Written(
        "nodes { id state amount { formatted } } pageInfo { hasNextPage endCursor }",
        {"last": 10, "filter": {"states": ["PENDING", "UNKNOWN"]}},
    ),
    "dispute": Written(
        "id state isInquiry reason amount { formatted } respondBy evidence { kind text } charge { id }",
        {"id": "dsp_…"},
    ),
    "disputes": Written(
        "nodes { id reason amount { formatted } respondBy charge { id } } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["NEEDS_RESPONSE"], "respondBy": {"before": "2026-12-01T00:00:00Z"}}},
    ),
    "paymentProvider": Written("name livemode capabilities { action support note }"),
    "providerHealth": Written("account state changedAt retryAfterSeconds calls { kind most underWay waiting }"),
    "discrepancies": Written(
        "nodes { id kind openedAt here { formatted } there { formatted } providerRef order { id } } "
        "pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["OPEN"]}},
    ),
    "reconciliation": Written(
        "standing isRecovering accounts { account standing comparedUntil startedAt openDiscrepancies }"
    ),
    "auditEntries": Written(
        "nodes { at actor role action changes { subjectId field before after } } pageInfo { hasNextPage endCursor }",
        {"first": 10},
    ),
    "webhookDeliveries": Written(
        "nodes { id kind state receivedAt tries lastError charge { id } } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["PARKED", "FAILED"]}},
    ),
    "jobs": Written(
        "nodes { id kind state subject { id } tries lastError runAt } pageInfo { hasNextPage endCursor }",
        {"first": 10, "filter": {"states": ["FAILING", "DEAD"]}},
    ),
    "ledgerCheck": Written(
        "ok chargeCount balances { account amount { formatted } } differences { fault expected { formatted } }",
        {"created": {"since": "2026-01-01T00:00:00Z"}},
    ),
    # --- following ------------------------------------------------------------------------------------------------
    "orderUpdated": Written("cursor event { kind summary } order { id state paymentState }", {"id": "ord_…"}),
    "subscriptionChangePreview": Written(
        "preview { previewedAt appliesAt appliesOnPayment invoice { lines { kind name amount { formatted } } "
        "due { formatted } } waitingLines { name amount { formatted } } } userErrors { code message path }",
        {
            "input": {
                "subscriptionId": "sub_…",
                "items": [{"subscriptionItemId": "item_…", "quantity": 3}],
            }
        },
    ),
    "subscriptionUpdated": Written(
        "cursor event { kind summary } subscription { id state access }",
        {"id": "sub_…"},
    ),
    "invoiceUpdated": Written(
        "cursor event { kind summary } invoice { id state nextAction { ... on RedirectAction { url } } }",
        {"id": "inv_…"},
    ),
    "chargeUpdated": Written(
        "cursor event { kind summary } charge { id state nextAction { ... on RedirectAction { url } } }",
        {"id": "chg_…"},
    ),
    "events": Written(
        "cursor event { kind at summary subjectIds }", {"filter": {"kinds": ["ORDER_COMPLETED", "REFUND_SUCCEEDED"]}}
    ),
    # --- changing -------------------------------------------------------------------------------------------------
    "testClockCreate": Written("testClock { id now state }", {"now": "2027-01-31T10:00:00Z", "name": "A year"}),
    "testClockAdvance": Written(
        "testClock { now state target failure }", {"testClockId": "clk_…", "to": "2028-01-31T10:00:00Z"}
    ),
    "creditNoteCreate": Written(
        "creditNote { id number reduces amount { formatted } invoice { state due { formatted } } }",
        {
            "invoiceId": "inv_…",
            "amount": {"minorUnits": 500, "currency": "USD"},
            "name": "A cup was broken",
            "idempotencyKey": "4f1d6a52-8a3e-4c0e-9b7e-2f4f8d1c9a60",
        },
    ),
    "customerBalanceGrant": Written(
        "balanceEntry { id amount { formatted } customer { balances { amount { formatted } } } }",
        {
            "customerId": "cus_…",
            "amount": {"minorUnits": 800, "currency": "USD"},
            "note": "For the delay in May",
            "idempotencyKey": "a8c2f0de-5d0b-4b58-8f6b-6d0a3c1b7e92",
        },
    ),
    "issuerUpdate": Written(
        "issuer { id name invoicePrefix dunning { retriesAfterHours endsAfterHours then } }",
        {
            "issuerId": "iss_…",
            "name": "Tea & Sons Ltd",
            "taxId": "IE1234567T",
            "invoicePrefix": "2027-INV-",
            "dunning": {"retriesAfterHours": [24, 72, 168], "endsAfterHours": 336, "then": "CANCELED"},
        },
    ),
    "customerCreate": Written(
        "customer { id externalId }",
        {
            "externalId": "user-4711",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "billingAddress": {"line1": "12 St James's Square", "city": "London", "country": "GB"},
        },
    ),
    "customerUpdate": Written("customer { id name updatedAt }", {"customerId": "cus_…", "name": "Ada King"}),
    "customerCreateWithPaymentMethod": Written(
        "customer { id } paymentMethod { id state card { brand last4 } }", {"name": "Ada Lovelace", "token": "tok_visa"}
    ),
    "clientSessionCreate": Written(
        "clientSession { secret publishableKey expiresAt } provider", {"customerId": "cus_…"}
    ),
    "paymentMethodAttach": Written(
        "paymentMethod { id state card { brand last4 } message }",
        {"customerId": "cus_…", "token": "tok_visa", "makeDefault": True},
    ),
    "productCreate": Written(
        "product { id name }", {"name": "Filter coffee", "description": "500 g, washed.", "metadata": {"sku": "FC-500"}}
    ),
    "productUpdate": Written("product { id description }", {"productId": "prod_…", "description": "500 g, natural."}),
    "priceCreate": Written(
        "price { id type amount { formatted } }",
        {"productId": "prod_…", "amount": _MONEY, "interval": {"unit": "MONTH"}},
    ),
    "chargeReviewClose": Written(
        "charge { id reviews { reason } decisions { nodes { kind note actor } } }",
        {"chargeId": "chg_…", "reason": "LATE_MONEY", "note": "Delivered after all.", "idempotencyKey": "review-17"},
    ),
    "chargeSettle": Written(
        "charge { id state captured { formatted } decisions { nodes { kind found note actor } } }",
        {
            "chargeId": "chg_…",
            "found": "MOVED",
            "captured": _MONEY,
            "providerRef": "ch_4711",
            "note": "The dashboard of the provider shows it.",
            "idempotencyKey": "found-17",
        },
    ),
    "disputeSubmitEvidence": Written(
        "dispute { id state evidenceSentAt }",
        {
            "disputeId": "dsp_…",
            "evidence": [
                {"kind": "PRODUCT_DESCRIPTION", "text": "500 g of filter coffee, washed."},
                {"kind": "SHIPPING_TRACKING_NUMBER", "text": "RB 123 456 785 GB"},
            ],
            "idempotencyKey": "a1f6c0ce-9a37-4f4e-8d5b-0b7d9f1c2e33",
        },
    ),
    "disputeAccept": Written(
        "dispute { id state acceptedAt }",
        {"disputeId": "dsp_…", "idempotencyKey": "4b8d2f17-2c55-4e0a-9f43-7a6e1d0c5b21"},
    ),
    "apiKeyCreate": Written(
        "apiKey { id name scopes expiresAt } secret", {"name": "till", "scopes": ["ORDERS_WRITE", "CHARGES_WRITE"]}
    ),
    "apiKeyRotate": Written("apiKey { id lastUsedAt } secret", {"apiKeyId": "key_…", "overlapHours": 24}),
    "apiKeyRevoke": Written("apiKey { id revokedAt }", {"apiKeyId": "key_…"}),
    "webhookDeliveryReplay": Written("webhookDelivery { id state replayedAt }", {"webhookDeliveryId": "whd_…"}),
    "jobRetry": Written("job { id state runAt }", {"jobId": "job_…"}),
    "orderCreate": Written(
        "order { id version total { formatted } }",
        {"customerId": "cus_…", "lines": [{"priceId": "price_…", "quantity": 2}]},
    ),
    "subscriptionCreate": Written(
        "subscription { id state access latestInvoice { id state nextAction { ... on RedirectAction { url } } } }",
        {
            "customerId": "cus_…",
            "items": [{"priceId": "price_…", "quantity": 2}],
            "returnUrl": "https://shop.example/thanks",
            "idempotencyKey": "0c8f1d52-6f0b-4c62-9d2b-9a3b6a7c4d10",
        },
    ),
    "subscriptionChange": Written(
        "subscription { id items { id quantity price { id } } pendingUpdate { expiresAt invoice { id } } "
        "latestInvoice { id state nextAction { ... on RedirectAction { url } } } }",
        {
            "subscriptionId": "sub_…",
            "items": [{"subscriptionItemId": "item_…", "quantity": 3}],
            "idempotencyKey": "0c8f1d52-6f0b-4c62-9d2b-9a3b6a7c4d10",
        },
    ),
    "subscriptionCancel": Written(
        "subscription { id state access cancelAt accessEndsAt }",
        {"subscriptionId": "sub_…", "idempotencyKey": "0c8f1d52-6f0b-4c62-9d2b-9a3b6a7c4d10"},
    ),
    "subscriptionPause": Written(
        "subscription { id state access pause { startsAt endsAt } }",
        {"subscriptionId": "sub_…", "behavior": "CREDIT", "endsAt": "2030-01-01T00:00:00Z"},
    ),
    "subscriptionResume": Written(
        "subscription { id state access latestInvoice { id state total { formatted } } }",
        {"subscriptionId": "sub_…", "idempotencyKey": "0c8f1d52-6f0b-4c62-9d2b-9a3b6a7c4d10"},
    ),
    "subscriptionUndo": Written(
        "subscription { id state cancelAt }", {"subscriptionId": "sub_…", "what": "CANCELLATION"}
    ),
    "subscriptionSetPaymentMethod": Written(
        "subscription { id state paymentMethod { id } }", {"subscriptionId": "sub_…", "paymentMethodId": "pm_…"}
    ),
    "orderAddLine": Written(
        "order { version total { formatted } lines { id name quantity } }", {"orderId": "ord_…", "priceId": "price_…"}
    ),
    "orderUpdateLine": Written(
        "order { version total { formatted } }", {"orderId": "ord_…", "lineId": "line_…", "quantity": 3}
    ),
    "orderRemoveLine": Written("order { version lines { id } }", {"orderId": "ord_…", "lineId": "line_…"}),
    "orderCharge": Written(
        "charge { id state declineCode message advice nextAction { ... on RedirectAction { url } } } "
        "order { state paymentState }",
        {
            "orderId": "ord_…",
            "returnUrl": "https://shop.example/thanks",
            "idempotencyKey": "8d3fcb1c-5c3f-4f9e-9b3e-2f1f4b6f4a52",
        },
    ),
    "invoiceCreate": Written(
        "invoice { id state total { formatted } lines { id name amount { formatted } } }",
        {
            "customerId": "cus_…",
            "lines": [
                {"priceId": "price_…", "quantity": 2},
                {"name": "Set-up", "unitAmount": {"minorUnits": 5000, "currency": "USD"}},
            ],
        },
    ),
    "invoiceAddLine": Written(
        "invoice { version total { formatted } lines { id name quantity } }",
        {"invoiceId": "inv_…", "priceId": "price_…"},
    ),
    "invoiceUpdateLine": Written(
        "invoice { version total { formatted } }", {"invoiceId": "inv_…", "lineId": "inl_…", "quantity": 3}
    ),
    "invoiceRemoveLine": Written("invoice { version lines { id } }", {"invoiceId": "inv_…", "lineId": "inl_…"}),
    "invoiceDiscard": Written("invoice { id discardedAt }", {"invoiceId": "inv_…"}),
    "invoiceFinalize": Written(
        "invoice { number state total { formatted } balanceApplied { formatted } due { formatted } }",
        {"invoiceId": "inv_…", "idempotencyKey": "2c1d7a55-91c4-4f77-8c0e-9d2f5a3b6e10"},
    ),
    "invoicePay": Written(
        "charge { id state declineCode message advice nextAction { ... on RedirectAction { url } } } "
        "invoice { number state amountRemaining { formatted } }",
        {
            "invoiceId": "inv_…",
            "returnUrl": "https://shop.example/thanks",
            "idempotencyKey": "6f7f3b20-4a0e-4d6c-8f0c-3f1f5b9f7a41",
        },
    ),
    "invoiceVoid": Written("invoice { number state voidedAt }", {"invoiceId": "inv_…"}),
    "invoiceMarkUncollectible": Written("invoice { number state uncollectibleAt }", {"invoiceId": "inv_…"}),
    "invoiceItemCreate": Written(
        "invoiceItem { id line { name amount { formatted } } }",
        {
            "customerId": "cus_…",
            "name": "An hour of help",
            "unitAmount": {"minorUnits": 9000, "currency": "USD"},
        },
    ),
    "invoiceItemRemove": Written("invoiceItem { id removedAt }", {"invoiceItemId": "inl_…"}),
    "chargeCapture": Written(
        "charge { id state captured { formatted } released { formatted } } order { paymentState }",
        {
            "chargeId": "chg_…",
            "amount": {"minorUnits": 500, "currency": "USD"},
            "idempotencyKey": "5e2f6f0a-6b8c-4a38-9f52-0d4a3f5d0c11",
        },
    ),
    "discrepancyClose": Written(
        "discrepancy { id state closedAt }",
        {"discrepancyId": "dsc_…", "note": "Refunded in the provider's dashboard."},
    ),
    "chargeRefund": Written(
        "refund { id state amount { formatted } } charge { refundable { formatted } }",
        {
            "chargeId": "chg_…",
            "amount": {"minorUnits": 500, "currency": "USD"},
            "reason": "REQUESTED_BY_CUSTOMER",
            "idempotencyKey": "1c9a1c0e-0d0a-4f57-8f3c-6a5c0f5f7b11",
        },
    ),
}

_TELLING = ("id", "state", "kind", "name", "summary", "message", "createdAt", "at")
"""Fields to show of a record that nothing was written about."""


def example_of(kind: str, name: str, definition: GraphQLField) -> Example:
    written = _WRITTEN.get(name) or Written()
    select = written.select or _selection(get_named_type(definition.type))
    if kind == "mutation":
        select = f"{select} userErrors {{ code message path }}"
        sent = get_named_type(definition.args["input"].type)
        assert isinstance(sent, GraphQLInputObjectType)
        variables: Json = {"input": written.variables or _required(sent.fields)}
    else:
        variables = written.variables or _required(definition.args)
    declared = ", ".join(f"${arg}: {definition.args[arg].type}" for arg in variables)
    passed = ", ".join(f"{arg}: ${arg}" for arg in variables)
    operation = f"{kind} {name[0].upper()}{name[1:]}"
    text = (
        f"{operation}{f'({declared})' if declared else ''} "
        f"{{ {name}{f'({passed})' if passed else ''} {f'{{ {select} }}' if select else ''} }}"
    )
    return Example(print_ast(parse(text)), variables)


def _selection(type_: GraphQLNamedType, depth: int = 0) -> str:
    if isinstance(type_, GraphQLUnionType):
        return "__typename"
    if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return ""
    if "nodes" in type_.fields:
        nodes = _selection(get_named_type(type_.fields["nodes"].type), 1)
        return f"nodes {{ {nodes} }} pageInfo {{ hasNextPage endCursor }}"
    parts = [
        name for name in _TELLING if name in type_.fields and is_leaf_type(get_named_type(type_.fields[name].type))
    ]
    if not depth:
        parts += [
            f"{name} {{ {_selection(get_named_type(one.type), 1)} }}"
            for name, one in type_.fields.items()
            if name != "userErrors" and "id" in getattr(get_named_type(one.type), "fields", {})
        ]
    return " ".join(parts) or "__typename"


def _required(fields: Mapping[str, GraphQLInputField] | Mapping[str, GraphQLArgument]) -> Json:
    return {
        name: _value(name, sent.type)
        for name, sent in fields.items()
        if (is_required_argument(sent) if isinstance(sent, GraphQLArgument) else is_required_input_field(sent))
    }


_PREFIXES = {
    "charge": "chg",
    "customer": "cus",
    "invoice": "inv",
    "creditNote": "crn",
    "issuer": "iss",
    "order": "ord",
    "paymentMethod": "pm",
    "price": "price",
    "product": "prod",
    "refund": "ref",
    "subscription": "sub",
    "line": "line",
}


def _value(name: str, type_: GraphQLType) -> Any:
    match type_:
        case GraphQLNonNull():
            return _value(name, type_.of_type)
        case GraphQLList():
            return [_value(name.removesuffix("s"), type_.of_type)]
        case GraphQLEnumType():
            return next(iter(type_.values))
        case GraphQLInputObjectType(name="MoneyInput"):
            return _MONEY
        case GraphQLInputObjectType():
            return _required(type_.fields)
    if get_named_type(type_).name == "ID":
        return f"{_PREFIXES.get(name.removesuffix('Id'), 'ord')}_…"
    if name == "idempotencyKey":
        return "0f4bb1d2-7d0b-4e3c-a1f7-6f8f2b0f9c3e"
    return {"Int": 1, "Boolean": True, "DateTime": "2026-01-01T00:00:00Z", "Metadata": {}}.get(
        get_named_type(type_).name, "tok_visa" if name == "token" else "…"
    )
