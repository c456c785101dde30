"""The provider accounts of a deployment, made of its settings."""

from adapters.fake import Bank, FakeProvider
from adapters.settings import Settings
from domain.clock import SystemClock
from domain.deployment import Providers
from domain.provider import PaymentProvider


def open_accounts(settings: Settings) -> tuple[Bank | None, Providers]:
    """The accounts, and the fake provider's bank where it runs in this process. Both are to be closed."""
    name = settings.provider_name
    if name == "stripe":
        return None, Providers({name: _stripe(settings)}, default=name)
    if settings.fake_url and settings.fake_api_key:
        elsewhere = _fake_elsewhere(settings, settings.fake_url, settings.fake_api_key.get_secret_value())
        return None, Providers({name: elsewhere}, default=name)
    bank = open_bank(settings, public_url=settings.address)
    provider = FakeProvider.in_process(
        bank,
        clock=SystemClock(),
        webhook_secrets=fake_webhook_secrets(settings),
        timeout_seconds=settings.provider_timeout_seconds,
    )
    return bank, Providers({name: provider}, default=name)


def _stripe(settings: Settings) -> PaymentProvider:
    # Its SDK takes a while to be read, which those need not wait for who do without.
    from adapters.stripe import StripeProvider

    if settings.stripe_secret_key is None:
        raise LookupError("Settings with PAYDESK_PROVIDER=stripe have a STRIPE_SECRET_KEY.")
    return StripeProvider(
        settings.stripe_secret_key.get_secret_value(),
        clock=SystemClock(),
        webhook_secrets=[secret.get_secret_value() for secret in settings.stripe_webhook_secret],
        publishable_key=settings.stripe_publishable_key,
        api_base=settings.stripe_api_base,
        timeout_seconds=settings.provider_timeout_seconds,
    )


def _fake_elsewhere(settings: Settings, url: str, api_key: str) -> FakeProvider:
    return FakeProvider.over_http(
        url,
        api_key=api_key,
        clock=SystemClock(),
        webhook_secrets=fake_webhook_secrets(settings) or [],
        keeps_keys=settings.fake_keys,
        timeout_seconds=settings.provider_timeout_seconds,
    )


def open_bank(settings: Settings, *, public_url: str) -> Bank:
    return Bank(
        settings.fake_books,
        clock=SystemClock(),
        public_url=public_url,
        challenge_seconds=settings.fake_challenge_seconds,
        pending_seconds=settings.fake_pending_seconds,
        keeps_keys=settings.fake_keys,
        script=settings.fake_script,
        seed=settings.fake_seed,
    )


def fake_webhook_secrets(settings: Settings) -> list[str] | None:
    return [secret.get_secret_value() for secret in settings.fake_webhook_secret] or None
