"""What the operator has decided, as far as the business has to know it."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from domain.decline_limits import DeclineLimits
from domain.errors import AccountNotConfigured, RecoveryInProgress, ReturnUrlNotAllowed, UnsupportedByProvider
from domain.provider import CaptureMode, PaymentProvider, ProviderAction, Support
from domain.texts import is_plain_address

_log = logging.getLogger("paydesk.deployment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    livemode: bool
    return_urls: tuple[str, ...]
    """Where a customer may be sent after a confirmation: origins (`https://shop.example`), or the scheme of an app
    (`myshop://`)."""
    return_to_this_machine: bool = False
    """Any port of the own machine too: a developer's web app has a new one every day."""
    provider_timeout_seconds: float = 25.0
    """A bank's own answer takes up to 20 s at the slow end; Stripe's and Braintree's gateways give up at about 30."""
    answer_within_seconds: float = 15.0
    """How long a mutation waits before it answers PENDING; proxies and mobile networks cut off at 20 to 30 s."""
    action_lifetime: timedelta = timedelta(hours=1)
    """How long a customer may take over 3D Secure. Meanwhile nobody else can pay the order."""

    capture: CaptureMode = CaptureMode.AUTOMATIC
    """When money is taken where the request does not say."""
    authorization_lifetime: timedelta = timedelta(days=6, hours=18)
    """How long a hold is relied on where the provider does not say: card schemes drop one after seven days at the
    earliest, and a capture that comes in the last hours may find it gone."""

    provider_calls: int = 50
    """Charges, captures, voids and refunds under way at one account. Stripe takes 100 requests a second (its page on
    rate limits), and one that takes half a second has 50 of them under way."""
    provider_card_calls: int = 20
    provider_look_ups: int = 20
    breaker_failures: int = 5
    """Of the last ten answers of an account; one lost answer is bad luck, and five in a row are 75 s of hanging."""
    breaker_pause_seconds: float = 10.0
    """How long a dead account is left alone before it is looked at again; a restart there takes about as long."""
    declines: DeclineLimits = field(default_factory=DeclineLimits)
    recovery: bool = False
    """After a backup was restored: look-ups only. Nothing is sent to a provider that would change something there."""
    recovery_reach: timedelta | None = None
    """How far back reconciliation goes in recovery; None for all that the account ever had."""

    def check_not_recovering(self) -> None:
        if self.recovery:
            raise RecoveryInProgress

    @property
    def lease_seconds(self) -> float:
        """When others may assume that the owner of an operation is gone: twice the time-out, and time to commit."""
        return 2 * self.provider_timeout_seconds + 5

    @property
    def longest_job_seconds(self) -> float:
        """A resolver asks the provider twice: it looks, and may send again. Each is cut off a little after its time."""
        return 2 * (self.provider_timeout_seconds + 10) + 20

    def check_return_url(self, url: str | None, *path: str) -> None:
        if url is not None and not self._may_return_to(url):
            raise ReturnUrlNotAllowed(path=path)

    def _may_return_to(self, url: str) -> bool:
        if not is_plain_address(url):
            return False
        parts = urlsplit(url)
        if self.return_to_this_machine and parts.scheme in ("http", "https") and parts.hostname in _THIS_MACHINE:
            return True
        return f"{parts.scheme}://{parts.netloc}" in self.return_urls or f"{parts.scheme}://" in self.return_urls


_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class Providers:
    """The accounts that this deployment can reach: one by default, others for what was made with them."""

    def __init__(self, accounts: dict[str, PaymentProvider], *, default: str) -> None:
        if default not in accounts:
            raise ValueError(f"the default account {default!r} is not among {sorted(accounts)}")
        self._accounts = accounts
        self.default_account = default

    @property
    def default(self) -> PaymentProvider:
        return self._accounts[self.default_account]

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self._accounts)

    def get(self, account: str) -> PaymentProvider | None:
        return self._accounts.get(account)

    def require(self, account: str) -> PaymentProvider:
        """The account of an existing charge or card; that it is gone from the configuration is the operator's error."""
        provider = self._accounts.get(account)
        if provider is None:
            raise AccountNotConfigured(account)
        return provider

    def require_support(self, account: str, action: ProviderAction) -> None:
        """Before anything is written down: UnsupportedByProvider for what the account has declared it cannot do."""
        if not self.supports(account, action):
            raise UnsupportedByProvider(action.lower().replace("_", " "), self.require(account).name)

    def require_currency(self, account: str, currency: str) -> None:
        """As `require_support`, for what the account is set up to charge in."""
        currencies = self.require(account).currencies
        if currencies is not None and currency not in currencies:
            raise UnsupportedByProvider(f"payments in {currency}, with this account", self.require(account).name)

    def supports(self, account: str, action: ProviderAction) -> bool:
        supports = {capability.action: capability.support for capability in self.require(account).capabilities}
        return supports.get(action, Support.UNSUPPORTED) is not Support.UNSUPPORTED

    async def close(self) -> None:
        results = await asyncio.gather(
            *(provider.close() for provider in self._accounts.values()), return_exceptions=True
        )
        for error in results:
            if isinstance(error, BaseException):
                _log.error("a provider could not be closed", exc_info=error)
