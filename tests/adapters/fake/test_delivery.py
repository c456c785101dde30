import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.fake import Bank, FakeProvider, WebhookSender, fake_bank_app, fake_routes
from domain.money import Money
from domain.provider import RedirectAction, WebhookEvent
from tests.adapters.fake.helpers import API_KEY, SECRET, Shop, StandingClock, served


@dataclass
class Receiver:
    """The gateway's end: it checks what comes, and answers as it is told."""

    provider: FakeProvider
    answers: list[int | Exception] = field(default_factory=list)
    events: list[WebhookEvent] = field(default_factory=list)

    async def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        self.events.append(self.provider.verify_webhook(headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@pytest.fixture
def receiver(quick_shop: Shop) -> Receiver:
    return Receiver(quick_shop.provider)


@pytest.fixture
def sender(bank: Bank, clock: StandingClock) -> WebhookSender:
    return WebhookSender(bank, url="http://gateway.test/webhooks/fake", clock=clock, secrets=[SECRET])


async def answer_challenge(shop: Shop, url: str, what: str) -> None:
    transport = httpx.ASGITransport(app=Starlette(routes=fake_routes(shop.bank)))
    async with httpx.AsyncClient(transport=transport) as browser:
        assert (await browser.post(url, data={"answer": what})).status_code == 200


async def test_everything_that_happens_to_money_and_cards_is_told(
    quick_shop: Shop, sender: WebhookSender, receiver: Receiver
) -> None:
    charge = await quick_shop.charge()
    await quick_shop.refund(charge, Money(1_00, "USD"))
    await quick_shop.charge("tok_chargeDeclined")
    await quick_shop.void(await quick_shop.charge("tok_threeDSecureRequired"))
    await quick_shop.refund(await quick_shop.charge("tok_refundFailAtOnce"), Money(1_00, "USD"))

    while await sender.deliver_due(receiver.post):
        continue

    assert [kind for kind in receiver.kinds if not kind.startswith("payment_method.")] == [
        "charge.succeeded",
        "refund.succeeded",
        "charge.declined",
        "charge.requires_action",
        "charge.voided",
        "charge.succeeded",
        "refund.failed",
    ]
    assert receiver.kinds.count("payment_method.attached") == 4
    told = receiver.events[1]
    assert (told.subject_ref, told.operation_id, told.livemode) == (charge.charge_ref, charge.operation_id, False)
    assert len({event.key for event in receiver.events}) == len(receiver.events)


@pytest.mark.parametrize(("what", "kind"), [("confirm", "charge.succeeded"), ("refuse", "charge.declined")])
async def test_the_customers_answer_is_told_and_its_page_is_not(
    quick_shop: Shop, sender: WebhookSender, receiver: Receiver, what: str, kind: str
) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired")
    assert isinstance(charge.next_action, RedirectAction)
    await answer_challenge(quick_shop, charge.next_action.url, what)

    await sender.deliver_due(receiver.post)

    assert receiver.kinds == ["payment_method.attached", "charge.requires_action", kind]
    assert charge.next_action.url not in json.dumps([dict(event.payload) for event in receiver.events])


async def test_a_challenge_that_nobody_answered_is_told_without_being_asked_for(
    quick_shop: Shop, sender: WebhookSender, receiver: Receiver
) -> None:
    await quick_shop.charge("tok_threeDSecureRequired")
    await sender.deliver_due(receiver.post)
    quick_shop.clock.advance(hours=1)

    await sender.deliver_due(receiver.post)

    assert receiver.kinds[-1] == "charge.failed"
    assert quick_shop.bank.truth().charges[0].state == "failed"


async def test_a_replay_tells_nothing_twice(quick_shop: Shop, sender: WebhookSender, receiver: Receiver) -> None:
    request = await quick_shop.charge_request()
    for _ in range(3):
        await quick_shop.provider.charge(request)

    await sender.deliver_due(receiver.post)

    assert receiver.kinds == ["payment_method.attached", "charge.succeeded"]


async def test_what_was_not_taken_comes_again_with_the_same_id_and_a_fresh_signature(
    quick_shop: Shop, sender: WebhookSender, receiver: Receiver
) -> None:
    await quick_shop.card("tok_visa")
    receiver.answers = [500, httpx.ReadTimeout("too slow"), 302]

    tried = []
    for _ in range(5):
        tried.append(await sender.deliver_due(receiver.post))
        quick_shop.clock.advance(minutes=10)

    assert tried == [1, 1, 1, 1, 0]
    assert len({event.key for event in receiver.events}) == 1


async def test_one_event_that_is_not_taken_does_not_hold_up_the_others(
    quick_shop: Shop, sender: WebhookSender, receiver: Receiver
) -> None:
    await quick_shop.charge()
    receiver.answers = [500, 200]

    await sender.deliver_due(receiver.post)
    assert await sender.deliver_due(receiver.post) == 0

    quick_shop.clock.advance(seconds=1)
    assert await sender.deliver_due(receiver.post) == 1
    assert receiver.kinds == ["payment_method.attached", "charge.succeeded", "payment_method.attached"]


async def test_an_event_whose_sender_died_is_sent_by_the_next(
    quick_shop: Shop, sender: WebhookSender, receiver: Receiver
) -> None:
    await quick_shop.card("tok_visa")

    async def never(_: bytes, __: Mapping[str, str]) -> int:
        await asyncio.Event().wait()
        return 200

    dying = asyncio.create_task(sender.deliver_due(never))
    await asyncio.sleep(0.1)
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    assert await sender.deliver_due(receiver.post) == 0

    quick_shop.clock.advance(minutes=1)
    assert await sender.deliver_due(receiver.post) == 1


async def test_an_event_is_given_up_after_about_three_days(
    quick_shop: Shop, sender: WebhookSender, receiver: Receiver
) -> None:
    await quick_shop.card("tok_visa")
    tries = []
    receiver.answers = [500] * 200
    for _ in range(200):
        if await sender.deliver_due(receiver.post):
            tries.append(quick_shop.clock.now())
        quick_shop.clock.advance(hours=1)

    assert len(tries) == 80
    assert 2.5 < (tries[-1] - tries[0]).total_seconds() / 86_400 < 4


async def test_an_address_that_is_none_is_refused_before_anything_is_sent(bank: Bank, clock: StandingClock) -> None:
    for url in ("", "/webhooks/fake", "gateway.test/webhooks", "ftp://gateway.test/"):
        with pytest.raises(ValueError, match="webhook"):
            WebhookSender(bank, url=url, clock=clock)


@asynccontextmanager
async def running(sender: WebhookSender) -> AsyncIterator[None]:
    task = asyncio.create_task(sender.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def gateway(provider: FakeProvider, received: asyncio.Queue[WebhookEvent]) -> Starlette:
    loop = asyncio.get_running_loop()

    async def webhook(request: Request) -> Response:
        event = provider.verify_webhook(request.headers, await request.body())
        loop.call_soon_threadsafe(received.put_nowait, event)
        return Response()

    return Starlette(routes=[Route("/webhooks/fake", webhook, methods=["POST"])])


async def test_in_process_events_reach_the_gateways_own_url(quick_shop: Shop) -> None:
    received: asyncio.Queue[WebhookEvent] = asyncio.Queue()
    provider = FakeProvider.in_process(quick_shop.bank, clock=quick_shop.clock)
    with served(gateway(provider, received)) as url:
        sender = WebhookSender(quick_shop.bank, url=f"{url}/webhooks/fake", clock=quick_shop.clock)
        async with running(sender):
            await quick_shop.charge()
            kinds = [(await asyncio.wait_for(received.get(), 5)).kind for _ in range(2)]

    assert kinds == ["payment_method.attached", "charge.succeeded"]


async def test_the_served_bank_delivers_its_events_too(bank: Bank, clock: StandingClock) -> None:
    received: asyncio.Queue[WebhookEvent] = asyncio.Queue()
    inside = FakeProvider.in_process(bank, clock=clock, webhook_secrets=[SECRET])
    with served(gateway(inside, received)) as gateway_url:
        sender = WebhookSender(bank, url=f"{gateway_url}/webhooks/fake", clock=clock, secrets=[SECRET])
        with served(fake_bank_app(bank, api_key=API_KEY, webhooks=sender)) as url:
            provider = FakeProvider.over_http(url, api_key=API_KEY, clock=clock, webhook_secrets=[SECRET])
            shop = Shop(bank, provider, clock)
            await shop.open()
            charge = await shop.charge()
            await asyncio.wait_for(received.get(), 5)
            told = await asyncio.wait_for(received.get(), 5)
            await provider.close()

    assert (told.kind, told.subject_ref) == ("charge.succeeded", charge.charge_ref)
