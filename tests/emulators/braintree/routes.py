"""Which calls there are: the paths of the SDK's gateways, below /merchants/{merchant id}."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.emulators.braintree import (
    addresses,
    client_api,
    client_tokens,
    customers,
    disputes,
    merchant_accounts,
    modifications,
    nonces,
    payment_methods,
    plans,
    refunds,
    retries,
    searches,
    settling,
    subscriptions,
    transactions,
    verifications,
)
from tests.emulators.braintree.calls import Work


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    method: str
    path: str
    work: Work
    keyed: bool = False
    """Whether an `api_request_key` makes it happen at most once."""
    asks_processor: bool = False
    of_page: bool = False
    """Whether it is for pages: they have a client token instead of keys, and speak JSON."""

    @property
    def pattern(self) -> re.Pattern[str]:
        ending = r"(\.json)?$" if self.of_page else "$"
        return re.compile("^" + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path) + ending)


_TRANSACTION = "/transactions/{id}"
_SUBSCRIPTION = "/subscriptions/{id}"
_PLAN = "/plans/{id}"
ROUTES = (
    Route("client_token.generate", "POST", "/client_token", client_tokens.generate),
    Route("merchant_accounts.find", "GET", "/merchant_accounts/{id}", merchant_accounts.find),
    Route("customers.create", "POST", "/customers", customers.create),
    Route("customers.search_ids", "POST", "/customers/advanced_search_ids", searches.customer_ids),
    Route("customers.search", "POST", "/customers/advanced_search", searches.customers_of),
    Route("customers.find", "GET", "/customers/{id}", customers.find),
    Route("customers.update", "PUT", "/customers/{id}", customers.update),
    Route("customers.delete", "DELETE", "/customers/{id}", customers.delete),
    Route("payment_methods.create", "POST", "/payment_methods", payment_methods.create),
    Route("payment_methods.find", "GET", "/payment_methods/any/{id}", payment_methods.find),
    Route("payment_methods.update", "PUT", "/payment_methods/any/{id}", payment_methods.update),
    Route("payment_methods.delete", "DELETE", "/payment_methods/any/{id}", payment_methods.delete),
    Route("credit_cards.create", "POST", "/payment_methods", payment_methods.create_card),
    Route("credit_cards.from_nonce", "GET", "/payment_methods/from_nonce/{id}", payment_methods.from_nonce),
    Route("credit_cards.find", "GET", "/payment_methods/credit_card/{id}", payment_methods.find),
    Route("credit_cards.update", "PUT", "/payment_methods/credit_card/{id}", payment_methods.update),
    Route("credit_cards.delete", "DELETE", "/payment_methods/credit_card/{id}", payment_methods.delete),
    Route("nonces.create", "POST", "/payment_methods/{id}/nonces", nonces.create),
    Route("nonces.find", "GET", "/payment_method_nonces/{id}", nonces.find),
    Route("addresses.create", "POST", "/customers/{id}/addresses", addresses.create),
    Route("addresses.find", "GET", "/customers/{id}/addresses/{address}", addresses.find),
    Route("addresses.update", "PUT", "/customers/{id}/addresses/{address}", addresses.update),
    Route("addresses.delete", "DELETE", "/customers/{id}/addresses/{address}", addresses.delete),
    Route("page.configuration", "GET", "/client_api/v1/configuration", client_api.configuration, of_page=True),
    Route("page.cards", "GET", "/client_api/v1/payment_methods", client_api.cards, of_page=True),
    Route("page.add_card", "POST", "/client_api/v1/payment_methods/credit_cards", client_api.add_card, of_page=True),
    Route("verifications.create", "POST", "/verifications", verifications.create),
    Route("verifications.search_ids", "POST", "/verifications/advanced_search_ids", searches.verification_ids),
    Route("verifications.search", "POST", "/verifications/advanced_search", searches.verifications_of),
    Route("verifications.find", "GET", "/verifications/{id}", verifications.find),
    Route("transactions.create", "POST", "/transactions", retries.sell_or_retry, keyed=True, asks_processor=True),
    Route("transactions.search_ids", "POST", "/transactions/advanced_search_ids", searches.transaction_ids),
    Route("transactions.search", "POST", "/transactions/advanced_search", searches.transactions_of),
    Route("transactions.find", "GET", _TRANSACTION, transactions.find),
    Route("transactions.line_items", "GET", f"{_TRANSACTION}/line_items", transactions.line_items),
    Route("transactions.submit", "PUT", f"{_TRANSACTION}/submit_for_settlement", settling.submit_for_settlement, True),
    Route(
        "transactions.submit_partial",
        "POST",
        f"{_TRANSACTION}/submit_for_partial_settlement",
        settling.submit_for_partial_settlement,
        keyed=True,
    ),
    Route("transactions.update", "PUT", f"{_TRANSACTION}/update_details", settling.update_details),
    Route("transactions.void", "PUT", f"{_TRANSACTION}/void", settling.void, keyed=True),
    Route("transactions.refund", "POST", f"{_TRANSACTION}/refund", refunds.refund, keyed=True),
    Route("transactions.reverse", "POST", f"{_TRANSACTION}/reverse", refunds.reverse, keyed=True),
    *(
        Route(f"testing.{action}", "PUT", f"{_TRANSACTION}/{{action}}", settling.settle_for_test)
        for action in ("settle", "settlement_confirm", "settlement_decline", "settlement_pending")
    ),
    Route("testing.nonce", "POST", "/three_d_secure/create_nonce/{id}", nonces.authenticated_for_test),
    Route("testing.authenticate", "POST", "/three_d_secure/create_verification/{id}", nonces.verify_for_test),
    Route("disputes.search", "POST", "/disputes/advanced_search", searches.disputes_of),
    Route("disputes.find", "GET", "/disputes/{id}", disputes.find),
    Route("disputes.accept", "PUT", "/disputes/{id}/accept", disputes.accept),
    Route("disputes.finalize", "PUT", "/disputes/{id}/finalize", disputes.finalize),
    Route("disputes.add_evidence", "POST", "/disputes/{id}/evidence", disputes.add_evidence),
    Route("disputes.remove_evidence", "DELETE", "/disputes/{id}/evidence/{evidence}", disputes.remove_evidence),
    Route("document_uploads.create", "POST", "/document_uploads", disputes.upload_document),
    Route("plans.all", "GET", "/plans/", plans.all_plans),
    Route("plans.create", "POST", "/plans", plans.create),
    Route("plans.find", "GET", _PLAN, plans.find),
    Route("plans.update", "PUT", _PLAN, plans.update),
    Route("add_ons.all", "GET", "/add_ons/", modifications.add_ons),
    Route("discounts.all", "GET", "/discounts/", modifications.discounts),
    Route("subscriptions.create", "POST", "/subscriptions", subscriptions.create, asks_processor=True),
    Route("subscriptions.search_ids", "POST", "/subscriptions/advanced_search_ids", searches.subscription_ids),
    Route("subscriptions.search", "POST", "/subscriptions/advanced_search", searches.subscriptions_of),
    Route("subscriptions.find", "GET", _SUBSCRIPTION, subscriptions.find),
    Route("subscriptions.update", "PUT", _SUBSCRIPTION, subscriptions.update, asks_processor=True),
    Route("subscriptions.cancel", "PUT", f"{_SUBSCRIPTION}/cancel", subscriptions.cancel),
    Route("testing.make_past_due", "PUT", f"{_SUBSCRIPTION}/make_past_due", subscriptions.make_past_due),
    Route("testing.plan", "POST", "/plans/create_plan_for_tests", plans.create),
    Route(
        "testing.modification", "POST", "/modifications/create_modification_for_tests", modifications.create_for_test
    ),
)
NAMES = frozenset(route.name for route in ROUTES)
_PATTERNS = [(route, route.pattern) for route in ROUTES]


@dataclass(frozen=True, slots=True)
class Found:
    route: Route
    ids: Mapping[str, str]


def find_route(method: str, path: str, root: str | None) -> Found | None:
    """The call of this path; `root` is the body's element, which tells two calls apart that share a path."""
    for route, pattern in _PATTERNS:
        match = pattern.match(path)
        if match is None or route.method != method:
            continue
        ids = match.groupdict()
        if route.name == "payment_methods.create" and root == "credit_card":
            continue
        if route.work is settling.settle_for_test and ids["action"] != route.name.partition(".")[2]:
            continue
        return Found(route, ids)
    return None
