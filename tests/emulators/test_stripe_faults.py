"""What goes wrong goes wrong as it does in life, and the truth can be looked up afterwards."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
import stripe

from tests.emulators.stripe_shop import Shop

_FORM = {
    "amount": "1000",
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "return_url": "https://shop.example",
}
_CREATE = "payment_intents.create"


async def _captured(shop: Shop) -> int:
    totals = (await shop.control("truth"))["totals"]
    captured: int = totals.get("usd", {"captured": 0})["captured"]
    return captured


async def _once(shop: Shop, fault: str, **more: Any) -> None:
    await shop.misbehave({"on": _CREATE, "fault": fault, "last": 1, **more})


@pytest.mark.parametrize("fault", ["lose_answer", "reset", "html", "truncate", "empty", "error_after"])
async def test_the_answer_is_lost_and_the_money_is_taken(shop: Shop, fault: str) -> None:
    await _once(shop, fault)

    try:
        answered: Any = await shop.pay(key="k")
    except stripe.StripeError as error:
        answered = type(error)

    assert await _captured(shop) == 10_00
    expected = {"lose_answer": stripe.APIConnectionError, "reset": stripe.APIConnectionError}
    if fault == "empty":
        assert answered.to_dict() == {}
    else:
        assert answered is expected.get(fault, stripe.APIError)


@pytest.mark.parametrize("fault", ["lose_answer", "reset", "html", "truncate", "empty"])
async def test_a_lost_answer_is_given_to_who_asks_again_with_its_key(shop: Shop, fault: str) -> None:
    await _once(shop, fault)
    with suppress(stripe.StripeError):
        await shop.pay(key="k")

    again = await shop.pay(key="k")

    assert again.status == "succeeded"
    assert await _captured(shop) == 10_00


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("lose_request", None),
        ("error", 500),
        ("conflict", 409),
        ("rate_limit", 429),
        ("unavailable", 503),
        ("lock_timeout", 429),
    ],
)
async def test_nothing_is_done_where_nothing_arrived(shop: Shop, fault: str, status: int | None) -> None:
    await _once(shop, fault)

    with pytest.raises(stripe.StripeError) as failed:
        await shop.pay(key="k")

    assert failed.value.http_status == status
    assert await _captured(shop) == 0


@pytest.mark.parametrize("fault", ["lose_request", "conflict", "rate_limit", "unavailable", "lock_timeout"])
async def test_who_was_turned_away_may_come_again_with_the_key(shop: Shop, fault: str) -> None:
    await _once(shop, fault)
    with pytest.raises(stripe.StripeError):
        await shop.pay(key="k")

    assert (await shop.pay(key="k")).status == "succeeded"


async def test_too_many_requests_say_when_to_come_again(shop: Shop) -> None:
    await _once(shop, "rate_limit", seconds=3)

    turned_away = await shop.post("payment_intents", _FORM)

    assert turned_away.headers["Retry-After"] == "3"
    assert turned_away.json()["error"]["code"] == "rate_limit"


async def test_an_answer_that_never_comes_hangs_until_the_client_gives_up(shop: Shop) -> None:
    await _once(shop, "hang")

    with pytest.raises(httpx.ReadTimeout):
        await shop.http.post("/v1/payment_intents", data=_FORM, timeout=0.3)

    assert await _captured(shop) == 10_00


async def test_a_request_is_worked_on_though_its_client_has_hung_up(shop: Shop) -> None:
    await _once(shop, "slow", seconds=0.4)

    with pytest.raises(httpx.ReadTimeout):
        await shop.http.post("/v1/payment_intents", data=_FORM, timeout=0.1)
    at_first = await _captured(shop)
    async with asyncio.timeout(5):
        while not await _captured(shop):
            await asyncio.sleep(0.02)

    assert at_first == 0
    assert await _captured(shop) == 10_00


async def test_faults_are_counted_by_call_and_happen_in_their_range(shop: Shop) -> None:
    await shop.misbehave({"on": _CREATE, "fault": "rate_limit", "first": 2, "last": 3})

    statuses = [(await shop.post("payment_intents", _FORM)).status_code for _ in range(4)]
    other = await shop.http.get("/v1/payment_intents")

    assert [*statuses, other.status_code] == [200, 429, 429, 200, 200]


async def test_chance_follows_the_seed(shop: Shop) -> None:
    draws = []
    for seed in (1, 1, 2):
        await shop.misbehave({"on": "*", "fault": "rate_limit", "probability": 0.5}, seed=seed)
        draws.append([(await shop.http.get("/v1/customers")).status_code for _ in range(20)])

    assert draws[0] == draws[1] != draws[2]
    assert set(draws[0]) == {200, 429}


@pytest.mark.parametrize(
    "rule",
    [
        {"on": "payment_intents.steal", "fault": "hang"},
        {"on": _CREATE, "fault": "twice"},
        {"on": "webhook", "fault": "hang"},
        {"on": "refunds.create", "fault": "decline"},
        {"on": _CREATE, "fault": "decline", "code": "whim"},
        {"on": _CREATE, "fault": "hang", "first": 0},
        {"on": _CREATE, "fault": "hang", "often": True},
    ],
)
async def test_rules_that_mean_nothing_are_refused(shop: Shop, rule: dict[str, Any]) -> None:
    refused = await shop.http.post("/_control/faults", json={"rules": [rule]})

    assert refused.status_code == 422


async def test_the_truth_tells_what_became_of_each_payment(shop: Shop) -> None:
    held = await shop.authorize(metadata={"operation": "o1"})
    await shop.pay("pm_card_createDispute", metadata={"operation": "o2"})
    refunded = await shop.pay(amount=500, currency="jpy", metadata={"operation": "o3"})
    await shop.sdk.v1.refunds.create_async({"payment_intent": refunded.id, "amount": 200})
    with pytest.raises(stripe.CardError):
        await shop.pay("pm_card_visa_chargeDeclined", metadata={"operation": "o4"})

    truth = await shop.control("truth")

    told = {payment["metadata"]["operation"]: payment for payment in truth["payments"]}
    assert (told["o1"]["id"], told["o1"]["authorized"], told["o1"]["captured"]) == (held.id, 10_00, 0)
    assert (told["o2"]["captured"], told["o2"]["disputed"]) == (10_00, True)
    assert (told["o3"]["captured"], told["o3"]["refunded"]) == (500, 200)
    assert (told["o4"]["attempts"], told["o4"]["captured"], told["o4"]["status"]) == (1, 0, "requires_payment_method")
    assert truth["totals"] == {"jpy": {"captured": 500, "refunded": 200}, "usd": {"captured": 10_00, "refunded": 0}}
    assert [refund["amount"] for refund in truth["refunds"]] == [200]


async def test_a_reset_forgets_everything_and_begins_with_the_same_ids(shop: Shop) -> None:
    ids = []
    for _ in range(2):
        await shop.control("reset", {"seed": 7})
        ids.append((await shop.sdk.v1.customers.create_async({})).id)
        customers = await shop.sdk.v1.customers.list_async({})
        assert [customer.id for customer in customers.data] == ids[-1:]

    assert ids[0] == ids[1]


async def test_the_clock_goes_forward_only(shop: Shop) -> None:
    before = await shop.control("clock")
    await shop.advance(3600)
    after = await shop.control("clock")
    backwards = await shop.http.post("/_control/clock", json={"advance_seconds": -1})

    made = await shop.sdk.v1.customers.create_async({})

    assert 3600 <= after["now"] - before["now"] < 3660
    assert made.created >= int(after["now"])
    assert backwards.status_code == 422
