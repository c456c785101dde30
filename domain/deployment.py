"""What the operator has decided, as far as the business has to know it."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from domain.errors import ReturnUrlNotAllowed
from domain.provider import PaymentProvider
from domain.texts import URL_LENGTH


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

    @property
    def lease_seconds(self) -> float:
        """When others may assume that the owner of an operation is gone: twice the time-out, and time to commit."""
        return 2 * self.provider_timeout_seconds + 5

    def check_return_url(self, url: str | None, *path: str) -> None:
        if url is None:
            return
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        allowed = origin in self.return_urls or f"{parts.scheme}://" in self.return_urls
        if self.return_to_this_machine and parts.scheme in ("http", "https"):
            allowed = allowed or parts.hostname in ("localhost", "127.0.0.1", "::1")
        # A name with credentials or white space can look like another host than the one it leads to.
        disguised = "@" in parts.netloc or any(character.isspace() or character == "\\" for character in url)
        if not allowed or disguised or len(url) > URL_LENGTH:
            raise ReturnUrlNotAllowed(path=path)


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

    async def close(self) -> None:
        for provider in self._accounts.values():
            await provider.close()


class AccountNotConfigured(Exception):
    def __init__(self, account: str) -> None:
        super().__init__(f"the provider account {account!r} is needed for what was made with it, but is not configured")
        self.account = account
