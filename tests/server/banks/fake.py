"""The fake provider's bank, in the gateway's process or in one of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from adapters.fake.truth import Truth
from tests.server.banks.bank import Bank, Json, PageBank
from tests.server.processes import Settings, fake_bank
from tests.server.truths import truth_of

_FAKE_KEY = "key-of-the-bank"
_FAKE_WEBHOOK_SECRET = "secret-of-the-webhooks"


class FakeBank(PageBank):
    """`paydesk fake-provider`, a process of its own, whose books no gateway can reach."""

    account = "fake"

    def settings(self, address: str) -> dict[str, str]:
        return _fake_settings() | {"PAYDESK_FAKE_URL": address}

    def token(self, card: str) -> str:
        return f"tok_{card}"

    async def typed(self, gateway: str, number: str) -> str:
        card = {"number": number, "expMonth": 12, "expYear": 2040, "cvc": "123"}
        async with httpx.AsyncClient(trust_env=False) as browser:
            minted = await browser.post(f"{self.address or gateway}/fake/tokens", json=card)
        return str(minted.json()["token"])

    def asks_on_its_page(self, amount: str) -> Sequence[str]:
        return (amount, 'name="answer" value="confirm"')

    def pressed(self, *, confirm: bool) -> dict[str, str]:
        return {"answer": "confirm" if confirm else "refuse"}

    def sends_back_with(self, charge: Json) -> dict[str, list[str]]:
        return {"charge": [charge["id"]]}

    def listen(self, gateway: str) -> None:
        """It was told when it was opened."""

    def misbehave(self, *, seed: int, share: float) -> None:
        """It has no faults that a wire could not have."""

    def calm_down(self) -> Mapping[str, int]:
        return {}

    def truth(self) -> Truth:
        return truth_of(self.folder)


class FakeBankInside(FakeBank):
    """In the gateway's own process."""

    def settings(self, address: str) -> dict[str, str]:
        return {"PAYDESK_PROVIDER": self.account}


@contextmanager
def fake(gateway: str | None, settings: Settings, folder: Path) -> Iterator[Bank]:
    told = dict(settings) | _fake_settings()
    if gateway is not None:
        told["PAYDESK_FAKE_WEBHOOK_URL"] = f"{gateway}/webhooks/{FakeBank.account}"
    with fake_bank(told, folder) as process:
        yield FakeBank(process.address, folder)


def _fake_settings() -> dict[str, str]:
    return {
        "PAYDESK_PROVIDER": FakeBank.account,
        "PAYDESK_FAKE_API_KEY": _FAKE_KEY,
        "PAYDESK_FAKE_WEBHOOK_SECRET": _FAKE_WEBHOOK_SECRET,
    }
