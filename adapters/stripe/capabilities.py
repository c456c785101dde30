"""What Stripe can do."""

from datetime import timedelta

from domain.provider import Capability, ProviderAction, Support

_NOTES: dict[ProviderAction, str] = {
    ProviderAction.CLIENT_SESSION: "A SetupIntent's client secret, for the Payment Element and the mobile SDKs.",
    ProviderAction.ATTACH_PAYMENT_METHOD: "Cards, those of wallets among them; no accounts of Link, no debits.",
    ProviderAction.CHARGE: "With cards, those of wallets among them.",
    ProviderAction.CUSTOMER_ACTION: "A redirect where the request names a return url, else Stripe's own SDK.",
    ProviderAction.LIST_CHANGES: "Changes of what is older are known for 30 days; further back, all is listed.",
    ProviderAction.SUBMIT_EVIDENCE: "Texts, of 150,000 characters together; files are for the Dashboard.",
}

CAPABILITIES = tuple(Capability(action, Support.NATIVE, _NOTES.get(action, "")) for action in ProviderAction)

KEY_LIFETIME = timedelta(hours=23)
"""Stripe may drop a key once it is 24 hours old (https://docs.stripe.com/api/idempotent_requests)."""

LOOK_UP_LAG_SECONDS = 120.0
"""A request that we gave up may be worked on for as long as Stripe's own SDK would wait (80 s); its lists have what was
made at once, and the rest is for clocks and replicas of which nothing is written."""
