"""Which calls there are: their paths, the SDK's TypedDict that has their parameters, and who does them.

`works_on` are the parameters that mean something here. Others that the TypedDict has are valid at Stripe; they are
refused with words of the emulator's own, so that nobody relies on what it would only ignore.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stripe import params

from tests.emulators.stripe import (
    balance,
    charges,
    customers,
    dashboard,
    disputes,
    events,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
)
from tests.emulators.stripe.calls import Work
from tests.emulators.stripe.parameters import Fields, parameters_of
from tests.emulators.stripe.refusals import Json, invalid


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is what faults and the list of requests call it."""

    name: str
    method: str
    pattern: re.Pattern[str]
    parameters: Fields
    works_on: frozenset[str]
    work: Work
    intent: str | None = None
    """A browser may call it with the publishable key and the secret of this kind of intent."""
    browser: bool = False
    """A browser may call it with the publishable key."""

    def read(self, raw: Json) -> Json:
        """The parameters in their types; Refused when they are not what the call takes."""
        asked = self.parameters.read(raw, "")
        for name in asked:
            if name not in self.works_on:
                raise invalid(f"The emulator does not work on {name}.", param=name, code="emulator_unsupported")
        return asked


def _route(name: str, line: str, typed_dict: Any, work: Work, works_on: str = "", **more: Any) -> Route:
    method, path = line.split()
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9_]+)", path))
    every = {*works_on.split(), "expand"}
    if method == "GET" and "list" in name:
        every |= {"limit", "starting_after", "ending_before", "created"}
    parameters = parameters_of(typed_dict)
    unknown = every - set(parameters.members) - {"expand", "created"}
    if unknown:
        raise LookupError(f"{name}: the SDK has no {', '.join(sorted(unknown))}")
    return Route(name, method, pattern, parameters, frozenset(every), work, **more)


_CUSTOMER = """
    address business_name description email individual_name invoice_settings metadata name phone preferred_locales
    shipping
"""
_INTENT = """
    allowed_payment_method_types automatic_payment_methods customer description metadata payment_method
    payment_method_options
"""
_MONEY = """
    amount capture_method currency receipt_email setup_future_usage shipping statement_descriptor
    statement_descriptor_suffix
"""

ROUTES = (
    _route(
        "customers.create",
        "POST /v1/customers",
        params.CustomerCreateParams,
        customers.create,
        _CUSTOMER + "payment_method",
    ),
    _route("customers.list", "GET /v1/customers", params.CustomerListParams, customers.list_all, "email"),
    _route("customers.retrieve", "GET /v1/customers/{id}", params.CustomerRetrieveParams, customers.retrieve),
    _route("customers.update", "POST /v1/customers/{id}", params.CustomerUpdateParams, customers.update, _CUSTOMER),
    _route("customers.delete", "DELETE /v1/customers/{id}", params.CustomerDeleteParams, customers.delete),
    _route(
        "customers.payment_methods.list",
        "GET /v1/customers/{id}/payment_methods",
        params.CustomerPaymentMethodListParams,
        payment_methods.list_of_customer,
        "allow_redisplay type",
    ),
    _route(
        "customers.payment_methods.retrieve",
        "GET /v1/customers/{id}/payment_methods/{method}",
        params.CustomerPaymentMethodRetrieveParams,
        payment_methods.retrieve_of_customer,
    ),
    _route(
        "payment_methods.create",
        "POST /v1/payment_methods",
        params.PaymentMethodCreateParams,
        payment_methods.create,
        "allow_redisplay billing_details card metadata type",
        browser=True,
    ),
    _route(
        "payment_methods.list",
        "GET /v1/payment_methods",
        params.PaymentMethodListParams,
        payment_methods.list_all,
        "allow_redisplay customer type",
    ),
    _route(
        "payment_methods.retrieve",
        "GET /v1/payment_methods/{id}",
        params.PaymentMethodRetrieveParams,
        payment_methods.retrieve,
    ),
    _route(
        "payment_methods.update",
        "POST /v1/payment_methods/{id}",
        params.PaymentMethodUpdateParams,
        payment_methods.update,
        "allow_redisplay billing_details card metadata",
    ),
    _route(
        "payment_methods.attach",
        "POST /v1/payment_methods/{id}/attach",
        params.PaymentMethodAttachParams,
        payment_methods.attach,
        "customer",
    ),
    _route(
        "payment_methods.detach",
        "POST /v1/payment_methods/{id}/detach",
        params.PaymentMethodDetachParams,
        payment_methods.detach,
    ),
    _route(
        "setup_intents.create",
        "POST /v1/setup_intents",
        params.SetupIntentCreateParams,
        setup_intents.create,
        _INTENT + "confirm return_url usage use_stripe_sdk",
    ),
    _route(
        "setup_intents.list",
        "GET /v1/setup_intents",
        params.SetupIntentListParams,
        setup_intents.list_all,
        "customer payment_method",
    ),
    _route(
        "setup_intents.retrieve",
        "GET /v1/setup_intents/{id}",
        params.SetupIntentRetrieveParams,
        setup_intents.retrieve,
        "client_secret",
        intent="setup_intent",
    ),
    _route(
        "setup_intents.update",
        "POST /v1/setup_intents/{id}",
        params.SetupIntentUpdateParams,
        setup_intents.update,
        "customer description metadata payment_method",
    ),
    _route(
        "setup_intents.confirm",
        "POST /v1/setup_intents/{id}/confirm",
        params.SetupIntentConfirmParams,
        setup_intents.confirm,
        "payment_method payment_method_options return_url use_stripe_sdk",
        intent="setup_intent",
    ),
    _route(
        "setup_intents.cancel",
        "POST /v1/setup_intents/{id}/cancel",
        params.SetupIntentCancelParams,
        setup_intents.cancel,
        "cancellation_reason",
    ),
    _route(
        "setup_attempts.list",
        "GET /v1/setup_attempts",
        params.SetupAttemptListParams,
        setup_intents.list_attempts,
        "setup_intent",
    ),
    _route(
        "payment_intents.create",
        "POST /v1/payment_intents",
        params.PaymentIntentCreateParams,
        payment_intents.create,
        _INTENT
        + _MONEY
        + " confirm confirmation_method error_on_requires_action off_session return_url use_stripe_sdk",
    ),
    _route(
        "payment_intents.list",
        "GET /v1/payment_intents",
        params.PaymentIntentListParams,
        payment_intents.list_all,
        "customer",
    ),
    _route(
        "payment_intents.retrieve",
        "GET /v1/payment_intents/{id}",
        params.PaymentIntentRetrieveParams,
        payment_intents.retrieve,
        "client_secret",
        intent="payment_intent",
    ),
    _route(
        "payment_intents.update",
        "POST /v1/payment_intents/{id}",
        params.PaymentIntentUpdateParams,
        payment_intents.update,
        _MONEY + "customer description metadata payment_method payment_method_options",
    ),
    _route(
        "payment_intents.confirm",
        "POST /v1/payment_intents/{id}/confirm",
        params.PaymentIntentConfirmParams,
        payment_intents.confirm,
        "capture_method error_on_requires_action off_session payment_method payment_method_options"
        " receipt_email return_url setup_future_usage use_stripe_sdk",
        intent="payment_intent",
    ),
    _route(
        "payment_intents.capture",
        "POST /v1/payment_intents/{id}/capture",
        params.PaymentIntentCaptureParams,
        payment_intents.capture,
        "amount_to_capture final_capture metadata statement_descriptor statement_descriptor_suffix",
    ),
    _route(
        "payment_intents.cancel",
        "POST /v1/payment_intents/{id}/cancel",
        params.PaymentIntentCancelParams,
        payment_intents.cancel,
        "cancellation_reason",
    ),
    _route("charges.list", "GET /v1/charges", params.ChargeListParams, charges.list_all, "customer payment_intent"),
    _route("charges.retrieve", "GET /v1/charges/{id}", params.ChargeRetrieveParams, charges.retrieve),
    _route(
        "charges.update",
        "POST /v1/charges/{id}",
        params.ChargeUpdateParams,
        charges.update,
        "description metadata receipt_email shipping transfer_group",
    ),
    _route(
        "refunds.create",
        "POST /v1/refunds",
        params.RefundCreateParams,
        refunds.create,
        "amount charge metadata payment_intent reason",
    ),
    _route("refunds.list", "GET /v1/refunds", params.RefundListParams, refunds.list_all, "charge payment_intent"),
    _route("refunds.retrieve", "GET /v1/refunds/{id}", params.RefundRetrieveParams, refunds.retrieve),
    _route("refunds.update", "POST /v1/refunds/{id}", params.RefundUpdateParams, refunds.update, "metadata"),
    _route("refunds.cancel", "POST /v1/refunds/{id}/cancel", params.RefundCancelParams, refunds.cancel),
    _route("disputes.list", "GET /v1/disputes", params.DisputeListParams, disputes.list_all, "charge payment_intent"),
    _route("disputes.retrieve", "GET /v1/disputes/{id}", params.DisputeRetrieveParams, disputes.retrieve),
    _route(
        "disputes.update",
        "POST /v1/disputes/{id}",
        params.DisputeUpdateParams,
        disputes.update,
        "evidence metadata submit",
    ),
    _route("disputes.close", "POST /v1/disputes/{id}/close", params.DisputeCloseParams, disputes.close),
    _route("events.list", "GET /v1/events", params.EventListParams, events.list_all, "delivery_success type types"),
    _route("events.retrieve", "GET /v1/events/{id}", params.EventRetrieveParams, events.retrieve),
    _route("balance.retrieve", "GET /v1/balance", params.BalanceRetrieveParams, balance.balance),
    _route(
        "accounts.retrieve_current",
        "GET /v1/account",
        params.AccountRetrieveCurrentParams,
        dashboard.retrieve_account,
    ),
    _route(
        "webhook_endpoints.list",
        "GET /v1/webhook_endpoints",
        params.WebhookEndpointListParams,
        dashboard.list_webhook_endpoints,
    ),
    _route(
        "balance_transactions.list",
        "GET /v1/balance_transactions",
        params.BalanceTransactionListParams,
        balance.list_all,
        "currency source type",
    ),
    _route(
        "balance_transactions.retrieve",
        "GET /v1/balance_transactions/{id}",
        params.BalanceTransactionRetrieveParams,
        balance.retrieve,
    ),
)

NAMES = frozenset(route.name for route in ROUTES)


@dataclass(frozen=True, slots=True)
class Found:
    route: Route
    ids: Mapping[str, str] = field(default_factory=dict)


def find_route(method: str, path: str) -> Found | None:
    """What a request asks for; None for paths that the API does not have."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match is not None and route.method == method:
            return Found(route, match.groupdict())
    return None
