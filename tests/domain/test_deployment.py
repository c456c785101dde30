"""Where customers may be sent, and which accounts there are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.fake import Bank, FakeProvider
from domain.clock import SystemClock
from domain.deployment import Deployment, Providers
from domain.errors import AccountNotConfigured, ErrorCode, PaydeskError, ReturnUrlNotAllowed, UnsupportedByProvider
from domain.provider import Capability, ProviderAction, Support
from domain.texts import URL_LENGTH


def deployment(*return_urls: str, return_to_this_machine: bool = False) -> Deployment:
    return Deployment(livemode=False, return_urls=return_urls, return_to_this_machine=return_to_this_machine)


SHOP = deployment("https://shop.example", "http://shop.example:8080", "myshop://")


class TestReturnUrls:
    @pytest.mark.parametrize(
        "url",
        [
            None,
            "https://shop.example",
            "https://shop.example/",
            "https://shop.example/paid?order=ord_1&x=%40evil.example#done",
            "https://shop.example?x=1",
            "https://shop.example#@evil.example",
            "https://shop.example/@evil.example",
            "https://shop.example//evil.example",
            "HTTPS://shop.example/paid",
            "http://shop.example:8080/paid",
            "myshop://paid",
            "myshop://paid/ord_1?x=1",
            "myshop:paid",
            "https://shop.example/bezahlt/ü",
        ],
    )
    def test_an_address_on_the_list_is_taken(self, url: str | None) -> None:
        SHOP.check_return_url(url, "returnUrl")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "/paid",
            "paid",
            "https://",
            "https:",
            "https:shop.example",
            "https:/shop.example",
            "https:///shop.example",
            "//shop.example",
            "//evil.example",
            "///evil.example",
            "https://evil.example",
            "https://evil.example/https://shop.example",
            "https://evil.example?https://shop.example",
            "https://evil.example#https://shop.example",
            "https://shop.example.evil.example",
            "https://shop.exampleevil.example",
            "https://evil-shop.example",
            "https://www.shop.example",
            "https://shop.example.",
            "https://shop.example:443",
            "https://shop.example:8080",
            "https://shop.example:80@evil.example",
            "https://shop.example@evil.example",
            "https://shop.example%40evil.example",
            "https://user@shop.example",
            "https://user:password@shop.example/",
            "https://@shop.example",
            "https://shop.example\\@evil.example",
            "https://shop.example\\.evil.example",
            "https:\\\\shop.example",
            "https:\\\\evil.example",
            "https://evil.example\\https://shop.example",
            "http://shop.example",
            "ftp://shop.example",
            "javascript:alert(1)",
            "javascript://shop.example/%0aalert(1)",
            "data:text/html,hello",
            "yourshop://paid",
            "myshop2://paid",
            "xmyshop://paid",
            "https://shop.example /paid",
            " https://shop.example",
            "https://shop.example\n",
            "https://shop.example/\tpaid",
            "https://shop.example/\u00a0",
            "https://shop.example/\u2028",
            "https://shop.example/\u202e",
            "\x00https://shop.example",
            "https://shop.example/\x00",
            "https://shop.example/\ud800",
            "https://ѕhop.example",  # a Cyrillic letter
            "https://shop.example\u2100evil",  # becomes "a/c" when it is normalised
            "https://shop\uff0eexample",
            "https://[",
            "https://[::1",
            "https://[shop.example]",
            "https://localhost:3000/paid",
        ],
    )
    def test_everything_else_is_refused_however_it_is_disguised(self, url: str) -> None:
        with pytest.raises(ReturnUrlNotAllowed) as refused:
            SHOP.check_return_url(url, "input", "returnUrl")
        assert refused.value.path == ("input", "returnUrl")

    def test_an_address_has_a_length(self) -> None:
        start = "https://shop.example/"
        SHOP.check_return_url(start + "x" * (URL_LENGTH - len(start)))
        with pytest.raises(ReturnUrlNotAllowed):
            SHOP.check_return_url(start + "x" * (URL_LENGTH - len(start) + 1))

    def test_without_a_list_nothing_is_allowed(self) -> None:
        deployment().check_return_url(None)
        for url in ("https://shop.example", "://", "", "http://localhost:3000"):
            with pytest.raises(ReturnUrlNotAllowed):
                deployment().check_return_url(url)

    @pytest.mark.parametrize(
        "url", ["http://localhost:3000/paid", "http://127.0.0.1:5173", "https://localhost", "http://[::1]:8000/x"]
    )
    def test_a_developer_may_return_to_any_port_of_the_own_machine(self, url: str) -> None:
        deployment(return_to_this_machine=True).check_return_url(url)

    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://evil.example@localhost",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.2",
            "ftp://localhost",
            "localhost:3000",
            "http://evil.example/localhost",
        ],
    )
    def test_and_nowhere_else(self, url: str) -> None:
        with pytest.raises(ReturnUrlNotAllowed):
            deployment(return_to_this_machine=True).check_return_url(url)


class TestTimes:
    @pytest.mark.parametrize("seconds", [1.0, 25.0, 60.0])
    def test_a_lease_outlasts_the_request_twice(self, seconds: float) -> None:
        patient = Deployment(livemode=False, return_urls=(), provider_timeout_seconds=seconds)
        assert patient.lease_seconds > 2 * seconds

    @pytest.mark.parametrize("seconds", [1.0, 25.0, 60.0])
    def test_a_job_has_time_to_look_and_to_send_again(self, seconds: float) -> None:
        patient = Deployment(livemode=False, return_urls=(), provider_timeout_seconds=seconds)
        assert patient.longest_job_seconds > 2 * (seconds + 5)

    def test_a_client_has_its_answer_before_the_provider_gives_up(self) -> None:
        assert SHOP.answer_within_seconds < SHOP.provider_timeout_seconds


class Account(FakeProvider):
    """The fake, telling whether it was closed."""

    closed = False
    trouble: Exception | None = None

    async def close(self) -> None:
        await super().close()
        if self.trouble:
            raise self.trouble
        self.closed = True


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[tuple[Account, Account]]:
    bank = Bank(tmp_path / "bank.sqlite3", clock=SystemClock(), public_url="http://bank.test")
    one, other = (Account.in_process(bank, clock=SystemClock(), webhook_secrets=["whsec"]) for _ in range(2))
    assert isinstance(one, Account)
    assert isinstance(other, Account)
    yield one, other
    bank.close()


class TestProviders:
    def test_the_default_is_one_of_the_accounts(self, accounts: tuple[Account, Account]) -> None:
        fake, other = accounts
        providers = Providers({"fake": fake, "stripe-eu": other}, default="stripe-eu")
        assert providers.default is other
        assert (providers.default_account, providers.accounts) == ("stripe-eu", ("fake", "stripe-eu"))
        with pytest.raises(ValueError, match="braintree"):
            Providers({"fake": fake}, default="braintree")

    def test_an_account_that_made_something_has_to_stay(self, accounts: tuple[Account, Account]) -> None:
        fake, _ = accounts
        providers = Providers({"fake": fake}, default="fake")
        assert providers.get("fake") is providers.require("fake") is fake
        assert providers.get("gone") is None
        with pytest.raises(AccountNotConfigured, match="gone") as missing:
            providers.require("gone")
        assert missing.value.account == "gone"
        # Told to the client as a refusal with a code, not masked as an internal error.
        assert isinstance(missing.value, PaydeskError)
        assert missing.value.code is ErrorCode.ACCOUNT_NOT_CONFIGURED

    def test_what_an_account_does_not_declare_it_cannot_do(self, accounts: tuple[Account, Account]) -> None:
        able, _ = accounts
        able.capabilities = (
            Capability(ProviderAction.REFUND, Support.NATIVE),
            Capability(ProviderAction.VOID, Support.EMULATED),
            Capability(ProviderAction.PARTIAL_REFUND, Support.UNSUPPORTED),
        )
        providers = Providers({"main": able}, default="main")
        providers.require_support("main", ProviderAction.REFUND)
        providers.require_support("main", ProviderAction.VOID)
        for action in (ProviderAction.PARTIAL_REFUND, ProviderAction.WEBHOOKS):
            with pytest.raises(UnsupportedByProvider, match="fake does not support"):
                providers.require_support("main", action)
        with pytest.raises(AccountNotConfigured, match="gone"):
            providers.require_support("gone", ProviderAction.REFUND)

    async def test_all_are_closed(self, accounts: tuple[Account, Account]) -> None:
        fake, other = accounts
        await Providers({"a": fake, "b": other}, default="a").close()
        assert fake.closed
        assert other.closed

    async def test_one_that_cannot_be_closed_does_not_keep_the_others_open(
        self, accounts: tuple[Account, Account], caplog: pytest.LogCaptureFixture
    ) -> None:
        stuck, other = accounts
        stuck.trouble = RuntimeError("the connection is in use")
        await Providers({"a": stuck, "b": other}, default="a").close()
        assert other.closed
        assert [record.exc_info and record.exc_info[1] for record in caplog.records] == [stuck.trouble]
