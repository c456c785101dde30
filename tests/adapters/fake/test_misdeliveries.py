"""Webhooks that come twice, late, out of order, or as something else: by script, and the same each time."""

from collections.abc import Mapping

import httpx
import pytest

from adapters.fake import Bank, FakeProvider, ScriptUnreadable, WebhookSender, fake_bank_app, parse_script
from adapters.fake.misdeliveries import DeliveryFault, Misdelivery
from domain.provider import WebhookSubject
from tests.adapters.fake.helpers import API_KEY, SECRET, Gateway, Shop, StandingClock, served

ATTACHED, SUCCEEDED, DECLINED = "payment_method.attached", "charge.succeeded", "charge.declined"


async def test_an_event_comes_twice_at_once(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook.charge.succeeded#1=twice")
    await quick_shop.charge()
    await quick_shop.charge()

    assert await gateway.hear() == [ATTACHED, SUCCEEDED, SUCCEEDED, ATTACHED, SUCCEEDED]
    assert gateway.taken[1] == gateway.taken[2]
    assert await gateway.hear() == []


async def test_an_event_that_was_taken_comes_again_once(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook#2=again:60")
    await quick_shop.charge()
    assert await gateway.hear() == [ATTACHED, SUCCEEDED]

    quick_shop.clock.advance(seconds=59)
    assert await gateway.hear() == []
    quick_shop.clock.advance(seconds=1)
    assert await gateway.hear() == [SUCCEEDED]
    quick_shop.clock.advance(days=1)
    assert await gateway.hear() == []


async def test_a_delayed_event_comes_late_and_the_others_in_time(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook#1=delay:259200")
    await quick_shop.charge()
    assert await gateway.hear() == [SUCCEEDED]

    quick_shop.clock.advance(days=3)
    assert await gateway.hear() == [ATTACHED]


async def test_a_later_event_overtakes_and_a_run_comes_backwards(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook#1-2=overtaken")
    await quick_shop.charge()
    assert await gateway.hear() == []
    await quick_shop.charge("tok_chargeDeclined")

    assert await gateway.hear() == [ATTACHED, DECLINED, SUCCEEDED, ATTACHED]
    assert len({event.key for event in gateway.taken}) == 4


async def test_an_event_that_nothing_overtakes_comes_all_the_same(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook#*=overtaken")
    await quick_shop.charge()
    assert await gateway.hear() == []

    quick_shop.clock.advance(seconds=10)
    assert await gateway.hear() == [ATTACHED, SUCCEEDED]


async def test_a_dropped_event_arrives_at_the_next_try(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook#*=drop")
    await quick_shop.charge()
    assert await gateway.hear() == []

    quick_shop.clock.advance(seconds=1)
    assert await gateway.hear() == [ATTACHED, SUCCEEDED]


async def test_an_event_may_never_come(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook.charge.succeeded#1=never")
    await quick_shop.charge()
    assert await gateway.hear() == [ATTACHED]

    quick_shop.clock.advance(days=4)
    assert await gateway.hear() == []


@pytest.mark.parametrize(("fault", "why"), [("old_signature", "too old"), ("unreadable", "no event")])
async def test_what_is_refused_at_first_is_taken_when_it_comes_as_it_should(
    quick_shop: Shop, gateway: Gateway, fault: str, why: str
) -> None:
    quick_shop.bank.misbehave(f"webhook#1={fault}")
    await quick_shop.charge()
    assert await gateway.hear() == [SUCCEEDED]
    assert len(gateway.refused) == 1
    assert why in gateway.refused[0]

    quick_shop.clock.advance(seconds=1)
    assert await gateway.hear() == [ATTACHED]
    assert len(gateway.refused) == 1


async def test_a_stranger_is_genuine_and_about_nothing_that_is_known(quick_shop: Shop, gateway: Gateway) -> None:
    quick_shop.bank.misbehave("webhook#2=stranger")
    await quick_shop.charge()

    assert await gateway.hear() == [ATTACHED, "mystery.solved", SUCCEEDED]
    stranger = gateway.taken[1]
    assert (stranger.subject, stranger.operation_id) == (WebhookSubject.OTHER, None)
    assert len({event.key for event in gateway.taken}) == 3


async def test_a_try_that_the_gateway_did_not_take_is_not_made_worse_again(quick_shop: Shop, gateway: Gateway) -> None:
    """Only the first try is scripted: what comes after it is the bank's usual way."""
    quick_shop.bank.misbehave("webhook#1=twice")
    await quick_shop.card("tok_visa")
    tries = []

    async def down(body: bytes, _: Mapping[str, str]) -> int:
        tries.append(body)
        raise httpx.ConnectError("the gateway is down")

    await gateway.sender.deliver_due(down)
    quick_shop.clock.advance(seconds=1)

    assert len(tries) == 2
    assert await gateway.hear() == [ATTACHED]


async def test_a_script_that_comes_later_leaves_what_has_happened(quick_shop: Shop, gateway: Gateway) -> None:
    await quick_shop.charge()
    quick_shop.bank.misbehave("webhook#*=never")

    assert await gateway.hear() == [ATTACHED, SUCCEEDED]


async def test_the_served_bank_misdelivers_as_its_script_says(bank: Bank, clock: StandingClock) -> None:
    with served(fake_bank_app(bank, api_key=API_KEY)) as url:
        provider = FakeProvider.over_http(url, api_key=API_KEY, clock=clock, webhook_secrets=[SECRET])
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {API_KEY}"}) as control:
            answer = await control.post("/control/script", json={"script": "webhook.charge.declined#1=twice"})
            assert answer.status_code == 200
            answer = await control.post("/control/script", json={"script": "webhook#1=eaten"})
            assert answer.status_code == 422
            assert "'eaten' is no fault of a webhook" in answer.json()["error"]["message"]
        shop = Shop(bank, provider, clock)
        await shop.open()
        await shop.charge("tok_chargeDeclined")
        await provider.close()
    gateway = Gateway(provider)
    gateway.sender = WebhookSender(bank, url="http://gateway.test", clock=clock, secrets=[SECRET])

    assert await gateway.hear() == [ATTACHED, DECLINED, DECLINED]


# --- the script -----------------------------------------------------------------------------------------------------


def test_events_are_counted_together_and_by_their_kind() -> None:
    behaviour = parse_script("webhook.refund.failed#2=twice; webhook#4-5=drop; charge#*=reset; *#*=hang")

    def of(number: int, number_of_kind: int) -> Misdelivery | None:
        return behaviour.of_event({"webhook": number, "webhook.refund.failed": number_of_kind})

    assert [of(3, 1), of(4, 2), of(5, 3), of(6, 4)] == [
        None,
        Misdelivery(DeliveryFault.TWICE),
        Misdelivery(DeliveryFault.DROP),
        None,
    ]


def test_the_seed_draws_which_and_how_late() -> None:
    def drawn(seed: int) -> list[float]:
        behaviour = parse_script("webhook#*~0.3=delay:0-10", seed)
        found = [behaviour.of_event({"webhook": number}) for number in range(1, 1001)]
        return [misdelivery.seconds for misdelivery in found if misdelivery]

    seconds = drawn(1)
    assert seconds == drawn(1) != drawn(2)
    assert 240 < len(seconds) < 360
    assert 0 <= min(seconds) < 1 < 9 < max(seconds) <= 10


@pytest.mark.parametrize("fault", [*DeliveryFault])
def test_a_fault_is_kept_as_text(fault: DeliveryFault) -> None:
    for seconds in (0.0, 0.1, 259_200.0):
        assert Misdelivery.read(str(Misdelivery(fault, seconds))) == Misdelivery(fault, seconds)


@pytest.mark.parametrize(
    "script",
    [
        "webhook#1",
        "webhook#1=hang",
        "webhook#0=twice",
        "webhook#1=delay",
        "webhook#1=delay:0",
        "webhook#1=delay:10-5",
        "webhook#1=delay:1e9",
        "webhook#1=again:soon",
        "webhook#1=twice:2",
        "webhooks#1=twice",
        "webhook.#1=twice",
    ],
)
def test_a_script_of_webhooks_that_cannot_be_followed_is_refused_with_its_rule(script: str) -> None:
    with pytest.raises(ScriptUnreadable, match=script.partition("#")[0]):
        parse_script(script)
