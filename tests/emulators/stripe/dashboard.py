"""What is set up in the Dashboard and read by the API: the account itself, and its webhook endpoints.

https://docs.stripe.com/api/accounts/object and https://docs.stripe.com/api/webhook_endpoints.
"""

from tests.emulators.stripe.account import API_VERSION
from tests.emulators.stripe.balance import HOME_CURRENCY
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.lists import page
from tests.emulators.stripe.refusals import Json


def retrieve_account(call: Call) -> Json:
    return {
        "id": call.account.id,
        "object": "account",
        "business_type": "company",
        "charges_enabled": True,
        "country": "US",
        "created": call.account.since,
        "default_currency": HOME_CURRENCY,
        "details_submitted": True,
        "email": "shop@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": None,
        "type": "standard",
    }


def list_webhook_endpoints(call: Call) -> Json:
    """Those that have a URL, newest first; their secrets are shown to nobody."""
    account = call.account
    endpoints: list[Json] = [
        {
            "id": endpoint.id,
            "object": "webhook_endpoint",
            "api_version": API_VERSION,
            "application": None,
            "created": account.since,
            "description": None,
            "enabled_events": list(endpoint.enabled_events),
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": endpoint.url,
        }
        for endpoint in account.endpoints()
        if endpoint.url is not None
    ]
    return page(endpoints[::-1], call.asked, url="/v1/webhook_endpoints")
