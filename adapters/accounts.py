"""The provider accounts of a deployment, made of its settings."""

from collections.abc import Callable, Mapping

from adapters.fake import Bank, FakeProvider
from adapters.settings import FakeSettings, Settings, plain
from domain.clock import SystemClock
from domain.deployment import Providers
from domain.provider import PaymentProvider


def open_accounts(settings: Settings) -> tuple[Bank | None, Providers]:
    """The accounts, and the fake provider's bank where it runs in this process. All are to be closed."""
    inside = settings.fake_inside
    bank = open_bank(settings.fake[inside.prefix], public_url=settings.address) if inside else None
    accounts = {account.name: _OPEN[account.provider](settings, account.prefix, bank) for account in settings.declared}
    return bank, Providers(accounts, default=settings.default_account.name)


def _fake(settings: Settings, prefix: str, bank: Bank | None) -> PaymentProvider:
    own = settings.fake[prefix]
    if own.url and own.api_key:
        return FakeProvider.over_http(
            own.url,
            api_key=own.api_key.get_secret_value(),
            clock=SystemClock(),
            webhook_secrets=plain(own.webhook_secret),
            keeps_keys=own.keys,
            least_amounts=own.least_amounts,
            timeout_seconds=settings.provider_timeout_seconds,
        )
    if bank is None:
        raise LookupError("The bank of a fake account is elsewhere, or open.")
    return FakeProvider.in_process(
        bank,
        clock=SystemClock(),
        webhook_secrets=fake_webhook_secrets(own),
        timeout_seconds=settings.provider_timeout_seconds,
    )


def _stripe(settings: Settings, prefix: str, _bank: Bank | None) -> PaymentProvider:
    # Its SDK takes a while to be read, which those need not wait for who do without.
    from adapters.stripe import StripeProvider

    own = settings.stripe[prefix]
    if own.secret_key is None:
        raise LookupError("Settings of a Stripe account have a secret key.")
    return StripeProvider(
        own.secret_key.get_secret_value(),
        clock=SystemClock(),
        webhook_secrets=plain(own.webhook_secret),
        publishable_key=own.publishable_key,
        least_amounts=own.least_amounts,
        api_base=own.api_base,
        timeout_seconds=settings.provider_timeout_seconds,
    )


def _braintree(settings: Settings, prefix: str, _bank: Bank | None) -> PaymentProvider:
    from adapters.braintree import BraintreeProvider

    own = settings.braintree[prefix]
    if own.merchant_id is None or own.public_key is None or own.private_key is None:
        raise LookupError("Settings of a Braintree account have its keys.")
    return BraintreeProvider(
        merchant_id=own.merchant_id,
        public_key=own.public_key,
        private_key=own.private_key.get_secret_value(),
        api_base=own.address,
        livemode=settings.is_production,
        merchant_accounts=own.merchant_accounts,
        clock=SystemClock(),
        request_keys=own.request_keys,
        always_authenticates=own.three_d_secure == "always",
        look_up_lag_seconds=own.search_lag_seconds,
        timeout_seconds=settings.provider_timeout_seconds,
    )


_OPEN: Mapping[str, Callable[[Settings, str, Bank | None], PaymentProvider]] = {
    "fake": _fake,
    "stripe": _stripe,
    "braintree": _braintree,
}
"""By provider, from the settings with a prefix."""


def open_bank(own: FakeSettings, *, public_url: str) -> Bank:
    return Bank(
        own.books,
        clock=SystemClock(),
        public_url=public_url,
        challenge_seconds=own.challenge_seconds,
        pending_seconds=own.pending_seconds,
        keeps_keys=own.keys,
        least_amounts=own.least_amounts,
        script=own.script,
        seed=own.seed,
    )


def fake_webhook_secrets(own: FakeSettings) -> list[str] | None:
    return plain(own.webhook_secret) or None
