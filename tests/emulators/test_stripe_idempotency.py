"""The first answer to a key is the answer."""

import asyncio

import pytest
import stripe

from tests.emulators.stripe_shop import Shop

_FORM = {"amount": "1000", "currency": "usd"}
_DAY_SECONDS = 24 * 3600


async def test_a_repetition_gets_the_first_answer_word_for_word(shop: Shop) -> None:
    first = await shop.post("payment_intents", _FORM, idempotency_key="k")
    await shop.post(f"payment_intents/{first.json()['id']}/cancel")

    again = await shop.post("payment_intents", _FORM, idempotency_key="k")

    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert len(shop.emulator.account.all("payment_intent")) == 1


async def test_money_is_taken_once_for_a_key(shop: Shop) -> None:
    first, again = [await shop.pay(key="k") for _ in range(2)]

    assert first.id == again.id
    assert (await shop.control("truth"))["totals"] == {"usd": {"captured": 10_00, "refunded": 0}}


async def test_a_decline_is_an_answer_too(shop: Shop) -> None:
    declines = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            await shop.pay("pm_card_visa_chargeDeclined", key="k")
        declines.append(declined.value.json_body)

    assert declines[0] == declines[1]
    assert len(shop.emulator.account.all("charge")) == 1


@pytest.mark.parametrize("fault", ["error", "error_after"])
async def test_a_500_is_an_answer_too(shop: Shop, fault: str) -> None:
    await shop.misbehave({"on": "payment_intents.create", "fault": fault, "last": 1})
    answers = [await shop.post("payment_intents", _FORM, idempotency_key="k") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert len(shop.emulator.account.all("payment_intent")) == (fault == "error_after")


async def test_what_was_never_worked_on_leaves_the_key_free(shop: Shop) -> None:
    invalid = await shop.post("payment_intents", {"amount": "x", "currency": "usd"}, idempotency_key="k")
    valid = await shop.post("payment_intents", _FORM, idempotency_key="k")

    assert [invalid.status_code, valid.status_code] == [400, 200]


@pytest.mark.parametrize(
    ("path", "form"), [("payment_intents", _FORM | {"amount": "2000"}), ("customers", {"email": "a@example.com"})]
)
async def test_a_key_belongs_to_one_request(shop: Shop, path: str, form: dict[str, str]) -> None:
    await shop.post("payment_intents", _FORM, idempotency_key="k")

    other = await shop.post(path, form, idempotency_key="k")

    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")


async def test_the_sdk_has_a_name_for_a_key_that_is_used_twice(shop: Shop) -> None:
    await shop.pay(key="k")

    with pytest.raises(stripe.IdempotencyError):
        await shop.pay(amount=20_00, key="k")


async def test_a_key_whose_request_is_under_way_is_in_use(shop: Shop) -> None:
    await shop.misbehave({"on": "payment_intents.create", "fault": "slow", "seconds": 0.5, "last": 1})
    slow = asyncio.create_task(shop.post("payment_intents", _FORM, idempotency_key="k"))
    while not shop.emulator.faults.counted("payment_intents.create"):
        await asyncio.sleep(0.01)

    meanwhile = await shop.post("payment_intents", _FORM, idempotency_key="k")
    first = await slow
    afterwards = await shop.post("payment_intents", _FORM, idempotency_key="k")

    assert (meanwhile.status_code, meanwhile.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert first.status_code == 200
    assert afterwards.content == first.content


async def test_while_one_works_on_an_object_no_other_can(shop: Shop) -> None:
    held = await shop.authorize()
    await shop.misbehave({"on": "payment_intents.capture", "fault": "slow", "seconds": 0.5})
    capture = asyncio.create_task(shop.post(f"payment_intents/{held.id}/capture"))
    while not shop.emulator.faults.counted("payment_intents.capture"):
        await asyncio.sleep(0.01)

    cancel = await shop.post(f"payment_intents/{held.id}/cancel", idempotency_key="k")
    look = await shop.http.get(f"/v1/payment_intents/{held.id}")
    captured = await capture
    afterwards = await shop.post(f"payment_intents/{held.id}/cancel", idempotency_key="k")

    assert (cancel.status_code, cancel.json()["error"]["code"]) == (429, "lock_timeout")
    assert look.json()["status"] == "requires_capture"
    assert captured.json()["status"] == "succeeded"
    assert afterwards.json()["error"]["code"] == "payment_intent_unexpected_state"


async def test_keys_are_forgotten_after_a_day(shop: Shop) -> None:
    first = await shop.post("payment_intents", _FORM, idempotency_key="k")
    await shop.advance(_DAY_SECONDS - 60)
    within = await shop.post("payment_intents", _FORM, idempotency_key="k")
    await shop.advance(120)
    later = await shop.post("payment_intents", _FORM, idempotency_key="k")

    assert within.json()["id"] == first.json()["id"]
    assert later.json()["id"] != first.json()["id"]


async def test_a_get_has_no_key(shop: Shop) -> None:
    await shop.pay(key="k")

    assert (await shop.http.get("/v1/customers", headers={"Idempotency-Key": "k"})).status_code == 200


async def test_every_request_is_noted_with_its_key(shop: Shop) -> None:
    await shop.pay(key="operation_1")

    requests = (await shop.control("requests"))["requests"]

    assert [(request["call"], request["idempotency_key"], request["status"]) for request in requests] == [
        ("payment_intents.create", "operation_1", 200)
    ]
    assert requests[0]["parameters"]["amount"] == "1000"
    assert requests[0]["version"] == "2026-10-28.endive"
