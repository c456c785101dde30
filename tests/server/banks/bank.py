"""A bank that a story is told with: what a gateway has to be told, what a customer does, and what really happened."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx

from adapters.fake.truth import Truth
from tests.server.processes import Settings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bank(ABC):
    address: str
    folder: Path

    account: ClassVar[str]
    """What `PAYDESK_PROVIDER` and its account are called."""
    cards: ClassVar[Mapping[str, int]] = {}
    """Test cards that only this one has, and how often a town's people have them (tests/chaos/shop.py)."""
    lag_seconds: ClassVar[float] = 0.0
    """How far its lists may lag behind, where something is found by them alone: at Stripe, once a key is spent."""
    takes_keys: ClassVar[bool] = True
    """Whether a request may be sent again under its key."""
    settles_within_seconds: ClassVar[float] = 0.0
    """How long a refund may be held back until what was paid has settled."""
    steps: ClassVar[Mapping[str, int]] = {}
    """What amounts have to be a multiple of, in our minor units; 1 where nothing is said."""

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @abstractmethod
    def settings(self, address: str) -> dict[str, str]:
        """What a gateway is told that reaches this bank there: at its own address, or at a wire in between."""

    @abstractmethod
    def listen(self, gateway: str) -> None:
        """From now on its webhooks go to the gateway at this address."""

    @abstractmethod
    def token(self, card: str) -> str:
        """What the card form gives for a test card, which is called the same at all of them: `threeDSecureRequired`."""

    @abstractmethod
    async def typed(self, gateway: str, number: str) -> str:
        """What it gives for a number that a customer types into it."""

    @abstractmethod
    async def confirms(self, charge: Json, amount: str) -> str | None:
        """The customer does what `nextAction` says, for an amount in whole dollars and cents.

        What the client then gives to `chargeContinue`, where it gets something.
        """

    @abstractmethod
    async def comes_too_late(self, charge: Json) -> None:
        """The customer of a charge that has ended is told so, or AssertionError."""

    @abstractmethod
    async def decides(self, action: Json, browser: httpx.AsyncClient, *, confirm: bool) -> str | None:
        """As a customer under fire: on the bank's page if it can be reached, or with the provider's SDK."""

    def let_a_day_pass(self) -> None:  # noqa: B027 (it makes no difference to most of them)
        """Until what was paid has settled."""

    @abstractmethod
    def truth(self) -> Truth:
        """Its own books. Where it keeps no ids of ours but those of operations, `named` (truths.py) has the others."""

    @abstractmethod
    def misbehave(self, *, seed: int, share: float) -> None:
        """Fail with this share of the requests about money, in the ways that a bank alone can fail in."""

    @abstractmethod
    def calm_down(self) -> Mapping[str, int]:
        """From now on nothing goes wrong; what did, in words, and how often."""


class PageBank(Bank):
    """One that shows its customers a page of its own."""

    @abstractmethod
    def asks_on_its_page(self, amount: str) -> Sequence[str]:
        """What stands on its 3D Secure page, for an amount in whole dollars and cents."""

    @abstractmethod
    def pressed(self, *, confirm: bool) -> dict[str, str]:
        """The form that the page sends."""

    @abstractmethod
    def sends_back_with(self, charge: Json) -> dict[str, list[str]]:
        """What its page adds to the return url to say which charge it was."""

    async def confirms(self, charge: Json, amount: str) -> None:
        """On the page, as a browser does."""
        async with httpx.AsyncClient(trust_env=False) as browser:
            page = await browser.get(charge["nextAction"]["url"])
            assert page.status_code == 200
            assert all(asked in page.text for asked in self.asks_on_its_page(amount))
            back = await browser.post(charge["nextAction"]["url"], data=self.pressed(confirm=True))
        assert back.status_code == 303
        place = urlsplit(back.headers["location"])
        assert f"{place.scheme}://{place.netloc}{place.path}" == "https://shop.example/thanks"
        said = {"order": ["1"], "redirect_status": ["succeeded"], **self.sends_back_with(charge)}
        assert said.items() <= parse_qs(place.query).items()

    async def comes_too_late(self, charge: Json) -> None:
        async with httpx.AsyncClient(trust_env=False) as browser:
            too_late = await browser.post(charge["nextAction"]["url"], data=self.pressed(confirm=True))
        assert parse_qs(urlsplit(too_late.headers["location"]).query)["redirect_status"] == ["failed"]

    async def decides(self, action: Json, browser: httpx.AsyncClient, *, confirm: bool) -> None:
        for _ in range(5):
            try:
                await browser.post(action["url"], data=self.pressed(confirm=confirm))
                return
            except httpx.TransportError:
                await asyncio.sleep(0.5)


def control(address: str, path: str, body: Json | None = None) -> Json:
    """What only a test may do at an emulator; without a body, what only a test may see."""
    url = f"{address}/_control/{path}"
    answer = httpx.request("GET" if body is None else "POST", url, json=body, trust_env=False, timeout=30)
    assert answer.is_success, answer.text
    told: Json = answer.json()
    return told


Opening = Callable[[str | None, Settings, Path], AbstractContextManager[Bank]]
"""Opens a bank whose webhooks go to the gateway at that address, for gateways with these settings; its books are in the
folder."""
