"""One bank, reached both ways: every test that takes `shop` runs in process and over real HTTP."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.fake import Bank, FakeProvider, WebhookSender, fake_bank_app
from tests.adapters.fake.helpers import API_KEY, SECRET, Gateway, Shop, StandingClock, served


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def bank(tmp_path: Path, clock: StandingClock) -> Iterator[Bank]:
    bank = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test")
    yield bank
    bank.close()


@pytest.fixture(params=["in process", "over HTTP"])
async def provider(request: pytest.FixtureRequest, bank: Bank, clock: StandingClock) -> AsyncIterator[FakeProvider]:
    if request.param == "in process":
        inside = FakeProvider.in_process(bank, clock=clock, webhook_secrets=[SECRET], timeout_seconds=1)
        yield inside
        await inside.close()
        return
    with served(fake_bank_app(bank, api_key=API_KEY)) as url:
        outside = FakeProvider.over_http(url, api_key=API_KEY, clock=clock, webhook_secrets=[SECRET], timeout_seconds=1)
        yield outside
        await outside.close()


@pytest.fixture
async def shop(bank: Bank, provider: FakeProvider, clock: StandingClock) -> Shop:
    shop = Shop(bank, provider, clock)
    await shop.open()
    return shop


@pytest.fixture
async def quick_shop(bank: Bank, clock: StandingClock) -> AsyncIterator[Shop]:
    """In process only: for what the way to the bank cannot change."""
    provider = FakeProvider.in_process(bank, clock=clock, webhook_secrets=[SECRET], timeout_seconds=1)
    shop = Shop(bank, provider, clock)
    await shop.open()
    yield shop
    await provider.close()


@pytest.fixture
async def gateway(quick_shop: Shop, clock: StandingClock) -> Gateway:
    gateway = Gateway(quick_shop.provider)
    gateway.sender = WebhookSender(quick_shop.bank, url="http://gateway.test", clock=clock, secrets=[SECRET])
    return gateway
