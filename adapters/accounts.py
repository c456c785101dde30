"""The provider accounts of a deployment, made of its settings."""

from adapters.fake import Bank, FakeProvider
from adapters.settings import PLAIN, FakeSettings, Settings, StripeSettings, plain
from domain.clock import SystemClock
from domain.deployment import Providers
from domain.provider import PaymentProvider


def open_accounts(settings: Settings) -> tuple[Bank | None, Providers]:
    """The accounts, and the fake provider's bank where it runs in this process. Both are to be closed."""
    name = settings.provider_name
    timeout_seconds = settings.provider_timeout_seconds
    if name == "stripe":
        return None, Providers({name: _stripe(settings.stripe[PLAIN], timeout_seconds)}, default=name)
    own = settings.fake[PLAIN]
    if own.url and own.api_key:
        elsewhere = _fake_elsewhere(own, own.url, own.api_key.get_secret_value(), timeout_seconds)
        return None, Providers({name: elsewhere}, default=name)
    bank = open_bank(own, public_url=settings.address)
    provider = FakeProvider.in_process(
        bank,
        clock=SystemClock(),
        webhook_secrets=fake_webhook_secrets(own),
        timeout_seconds=timeout_seconds,
    )
    return bank, Providers({name: provider}, default=name)


def _stripe(own: StripeSettings, timeout_seconds: float) -> PaymentProvider:
    # Its SDK takes a while to be read, which those need not wait for who do without.
    from adapters.stripe import StripeProvider

    if own.secret_key is None:
        raise LookupError("Settings of a Stripe account have a secret key.")
    return StripeProvider(
        own.secret_key.get_secret_value(),
        clock=SystemClock(),
        webhook_secrets=plain(own.webhook_secret),
        publishable_key=own.publishable_key,
        api_base=own.api_base,
        timeout_seconds=timeout_seconds,
    )


def _fake_elsewhere(own: FakeSettings, url: str, api_key: str, timeout_seconds: float) -> FakeProvider:
    return FakeProvider.over_http(
        url,
        api_key=api_key,
        clock=SystemClock(),
        webhook_secrets=plain(own.webhook_secret),
        keeps_keys=own.keys,
        timeout_seconds=timeout_seconds,
    )


def open_bank(own: FakeSettings, *, public_url: str) -> Bank:
    return Bank(
        own.books,
        clock=SystemClock(),
        public_url=public_url,
        challenge_seconds=own.challenge_seconds,
        pending_seconds=own.pending_seconds,
        keeps_keys=own.keys,
        script=own.script,
        seed=own.seed,
    )


def fake_webhook_secrets(own: FakeSettings) -> list[str] | None:
    return plain(own.webhook_secret) or None
