"""Events reach the shop signed, again and again until they are taken, and as badly as a test wants it."""

import json
import time
from typing import Any

import pytest
import stripe

from tests.emulators.stripe.account import API_VERSION
from tests.emulators.stripe.webhooks import signature
from tests.emulators.stripe_receiver import SECRET, receiving
from tests.emulators.stripe_shop import Shop

_PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


async def test_events_arrive_signed_and_in_the_pinned_version(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        paid = await shop.pay(key="operation_1")
        await receiver.until_count(3)

    (delivered,) = receiver.of("payment_intent.succeeded")
    event = delivered.opened()
    about: Any = event.data.object
    assert sorted(receiver.types) == sorted(_PAID)
    assert (event.api_version, event.livemode, about.id) == ("2026-10-28.endive", False, paid.id)
    assert event.request is not None
    assert event.request.idempotency_key == "operation_1"
    assert json.loads(delivered.body)["object"] == "event"


async def test_another_secret_opens_nothing(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        await shop.pay()
        await receiver.until_count(1)

    with pytest.raises(stripe.SignatureVerificationError):
        receiver.delivered[0].opened("whsec_other")


async def test_while_a_secret_is_rolled_both_open(shop: Shop) -> None:
    async with receiving(shop, "whsec_old", "whsec_new") as receiver:
        await shop.pay()
        await receiver.until_count(1)

    opened = [receiver.delivered[0].opened(secret).id for secret in ("whsec_old", "whsec_new")]
    assert opened[0] == opened[1]


def test_the_signature_is_the_one_that_the_sdk_makes() -> None:
    header = signature(b'{"a": 1}', [SECRET], 1_700_000_000)

    theirs = stripe.WebhookSignature.generate_signature_header('{"a": 1}', SECRET, 1_700_000_000)
    assert header.startswith(theirs)


async def test_an_endpoint_gets_the_types_that_it_wants(shop: Shop) -> None:
    async with receiving(shop, events=("charge.*", "payment_intent.succeeded")) as receiver:
        await shop.pay()
        await receiver.until(lambda each: "payment_intent.succeeded" in each.types)

    assert "payment_intent.created" not in receiver.types


async def test_what_is_not_taken_comes_again(shop: Shop) -> None:
    async with receiving(shop, events=("payment_intent.succeeded",)) as receiver:
        receiver.status = 500
        await shop.pay()
        await receiver.until_count(1)
        waiting = await shop.sdk.v1.events.list_async({"delivery_success": False})
        receiver.status = 200
        await receiver.until_count(2)

    assert receiver.delivered[0].body == receiver.delivered[1].body
    assert [event.type for event in waiting.data] == ["payment_intent.succeeded"]


async def test_an_event_can_be_sent_once_more(shop: Shop) -> None:
    paid = await shop.pay()
    event = (await shop.sdk.v1.events.list_async({"type": "payment_intent.succeeded"})).data[0]
    async with receiving(shop) as receiver:
        await shop.control("deliveries", {"event": event.id})
        await receiver.until_count(1)

    about: Any = receiver.delivered[0].opened().data.object
    assert about.id == paid.id


async def _misdelivered(shop: Shop, **rule: Any) -> None:
    await shop.misbehave({"on": "webhook:payment_intent.succeeded", **rule})
    await shop.pay()


async def test_a_delivery_may_come_twice(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        await _misdelivered(shop, fault="twice")
        await receiver.until_count(4)

    first, second = receiver.of("payment_intent.succeeded")
    assert first.body == second.body


async def test_a_delivery_may_come_again_later(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        await _misdelivered(shop, fault="again", seconds=0.2)
        await receiver.until_count(4)

    assert receiver.types.count("payment_intent.succeeded") == 2


async def test_a_delivery_may_be_late(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        started = time.monotonic()
        await _misdelivered(shop, fault="delay", seconds=0.4)
        await receiver.until_count(3)

    assert time.monotonic() - started >= 0.4


async def test_an_event_may_be_overtaken_by_a_later_one(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        await shop.misbehave({"on": "webhook:payment_intent.created", "fault": "overtaken"})
        await shop.pay()
        await receiver.until_count(3)

    assert receiver.types[0] != "payment_intent.created"
    assert sorted(receiver.types) == sorted(_PAID)


async def test_an_event_may_never_come_and_is_listed_all_the_same(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        await _misdelivered(shop, fault="never")
        await receiver.until_count(2)
        await shop.until_delivered()
        undelivered = await shop.sdk.v1.events.list_async({"delivery_success": False})

    assert sorted(receiver.types) == sorted(_PAID[:2])
    assert [event.type for event in undelivered.data] == ["payment_intent.succeeded"]


@pytest.mark.parametrize("fault", ["stale", "forged", "reserialised"])
async def test_a_first_try_may_have_a_bad_signature(shop: Shop, fault: str) -> None:
    async with receiving(shop, events=("payment_intent.succeeded",)) as receiver:
        await _misdelivered(shop, fault=fault)
        receiver.status = 400
        await receiver.until_count(1)
        receiver.status = 200
        await receiver.until_count(2)

    with pytest.raises(stripe.SignatureVerificationError):
        receiver.delivered[0].opened()
    assert receiver.delivered[-1].opened().type == "payment_intent.succeeded"


async def test_a_first_try_may_come_from_the_future(shop: Shop) -> None:
    """The SDK opens it: receivers have to look at the time themselves."""
    async with receiving(shop) as receiver:
        await _misdelivered(shop, fault="future")
        await receiver.until_count(3)

    (delivered,) = receiver.of("payment_intent.succeeded")
    signed_at = int(delivered.signature.split(",")[0].removeprefix("t="))
    assert signed_at > time.time() + 1800


async def test_a_first_try_may_be_no_event(shop: Shop) -> None:
    async with receiving(shop, events=("payment_intent.succeeded",)) as receiver:
        await _misdelivered(shop, fault="unreadable")
        await receiver.until_count(1)

    assert receiver.delivered[0].body == b"[]"


async def test_genuine_events_of_live_mode_or_of_strange_types_may_come_first(shop: Shop) -> None:
    async with receiving(shop, events=("payment_intent.succeeded",)) as receiver:
        await _misdelivered(shop, fault="other_mode")
        await receiver.until_count(2)
        await _misdelivered(shop, fault="stranger")
        await receiver.until_count(4)

    events = [each.opened() for each in receiver.delivered]
    assert [(event.type, event.livemode) for event in events] == [
        ("payment_intent.succeeded", True),
        ("payment_intent.succeeded", False),
        ("mystery.solved", False),
        ("payment_intent.succeeded", False),
    ]


async def test_a_receiver_that_is_away_gets_its_events_when_it_is_back(shop: Shop) -> None:
    async with receiving(shop) as receiver:
        await shop.misbehave({"on": "webhook", "fault": "drop"})
        await shop.pay()
        await receiver.until_count(3)

    attempts = (await shop.control("webhooks"))["attempts"]
    assert sorted(receiver.types) == sorted(_PAID)
    assert {attempt["status"] for attempt in attempts} == {200}


async def test_deliveries_tell_what_an_endpoint_said(shop: Shop) -> None:
    async with receiving(shop, events=("payment_intent.created",)) as receiver:
        receiver.status = 503
        await shop.pay()
        await receiver.until_count(1)
        receiver.status = 204
        await receiver.until_count(2)
        attempts = (await shop.control("webhooks"))["attempts"]

    assert attempts[0]["status"] == 503
    assert attempts[0]["type"] == "payment_intent.created"


async def test_events_are_listed_by_type(shop: Shop) -> None:
    await shop.pay()
    events = shop.sdk.v1.events

    listed = await events.list_async({"types": ["charge.succeeded", "payment_intent.created"]})
    one = await events.retrieve_async(listed.data[0].id)

    assert [event.type for event in listed.data] == ["charge.succeeded", "payment_intent.created"]
    assert one.id == listed.data[0].id


async def test_an_event_has_the_object_as_it_was_and_what_changed(shop: Shop) -> None:
    customer, _ = await shop.customer_with()
    await shop.sdk.v1.customers.update_async(customer, {"name": "Ada"})
    await shop.sdk.v1.customers.update_async(customer, {"name": "Eve"})

    changes = (await shop.sdk.v1.events.list_async({"type": "customer.updated"})).data

    about: Any = changes[1].data.object
    before: Any = changes[1].data.previous_attributes
    assert (about.name, before.to_dict()) == ("Ada", {"name": None})


async def test_deliveries_can_be_collected_instead_of_sent(shop: Shop) -> None:
    await shop.control("webhooks", {"endpoints": [{"secrets": [SECRET], "enabled_events": ["charge.succeeded"]}]})
    await shop.misbehave({"on": "webhook:charge.succeeded", "fault": "twice"})
    await shop.pay()

    collected = (await shop.control("collected", {}))["deliveries"]
    again = (await shop.control("collected", {}))["deliveries"]
    await shop.control("webhooks", {"endpoints": []})

    events = [
        stripe.Webhook.construct_event(each["body"].encode(), each["headers"]["Stripe-Signature"], SECRET)
        for each in collected
    ]
    assert [event.type for event in events] == ["charge.succeeded", "charge.succeeded"]
    assert again == []


async def test_a_slow_receiver_of_one_event_holds_up_no_other(shop: Shop) -> None:
    async with receiving(shop) as slow, receiving(shop) as quick:
        slow.answers.clear()
        urls = [{"url": each.url, "secrets": [SECRET]} for each in (slow, quick)]
        await shop.control("webhooks", {"endpoints": urls})
        await shop.pay()
        await quick.until_count(3)
        slow.answers.set()

    assert sorted(quick.types) == sorted(_PAID)


async def test_the_endpoints_are_listed_with_what_they_want(shop: Shop) -> None:
    async with receiving(shop, events=("charge.*",)) as receiver:
        (endpoint,) = (await shop.sdk.v1.webhook_endpoints.list_async({})).data

    assert (endpoint.url, endpoint.enabled_events, endpoint.status) == (receiver.url, ["charge.*"], "enabled")
    assert endpoint.api_version == API_VERSION


async def test_what_went_wrong_is_counted(shop: Shop) -> None:
    await shop.misbehave({"on": "customers.create", "fault": "error_after", "last": 2})
    for _ in range(3):
        await shop.post("customers")

    assert await shop.control("faults") == {"happened": {"error_after": 2}}
