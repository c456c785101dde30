"""At the wire: what Stripe is really sent, and under which keys.

The emulator refuses whatever the pinned API version does not know, by the SDK's own types. These tests call everything
that the port has, and look at the requests as they came.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import stripe

from adapters.stripe import StripeProvider, wire
from domain.clock import SystemClock
from domain.money import Money
from domain.provider import (
    AcceptRequest,
    CaptureMode,
    CaptureRequest,
    ClientSession,
    ContinueRequest,
    EvidenceKind,
    EvidenceRequest,
    Initiator,
    Outcome,
    RefundRequest,
    VoidRequest,
)
from tests.adapters.replays import send_again
from tests.adapters.stripe.desk import RETURN_URL, SECRET_KEY, Desk, provider_at

TEN, SIX = Money(10_00, "USD"), Money(6_00, "USD")
_MOVES_MONEY = {
    "payment_intents.create",
    "payment_intents.confirm",
    "payment_intents.capture",
    "payment_intents.cancel",
    "refunds.create",
    "disputes.update",
    "disputes.close",
}


async def _everything(desk: Desk) -> set[str]:
    """Each method of the port, in most of its ways; the ids of the operations."""
    provider = desk.provider
    card = await desk.card()
    await desk.attach("pm_card_authenticationRequired", return_url=RETURN_URL)
    session = await provider.client_session(customer_ref=desk.customer_ref)
    assert isinstance(session, ClientSession)
    await desk.attach(session.secret)
    held = await desk.held(card=card, operation_id="charge_held")
    await desk.capture(held, SIX, operation_id="capture")
    await desk.capture(held, SIX, operation_id="capture_again")
    await desk.refund(held, Money(1_00, "USD"), operation_id="refund", reason="duplicate")
    await desk.void(await desk.held(token="pm_card_visa", operation_id="charge_void"), operation_id="void")
    await desk.charge(card=card, initiator=Initiator.RECURRING, operation_id="charge_recurring")
    await desk.charge(token="pm_card_visa", store_card=True, operation_id="charge_storing")
    await desk.charge(token="pm_card_chargeDeclined", operation_id="charge_declined")
    waiting = await desk.charge(
        token="pm_card_authenticationRequired", return_url=RETURN_URL, operation_id="charge_waiting"
    )
    assert waiting.charge_ref is not None
    await provider.continue_charge(ContinueRequest(operation_id="continue", charge_ref=waiting.charge_ref, token=None))
    for token, operation_id in (("pm_card_createDispute", "1"), ("pm_card_createDisputeInquiry", "2")):
        paid = await desk.paid(token=token, operation_id=f"charge_disputed_{operation_id}")
        (dispute,) = (await desk.api(f"disputes?payment_intent={paid}"))["data"]
        await provider.fetch_dispute(dispute_ref=dispute["id"])
        evidence = {EvidenceKind.OTHER: "It was she."}
        await provider.submit_evidence(
            EvidenceRequest(operation_id=f"evidence_{operation_id}", dispute_ref=dispute["id"], evidence=evidence)
        )
        await provider.accept_dispute(AcceptRequest(operation_id=f"accept_{operation_id}", dispute_ref=dispute["id"]))
    cursor: str | None = "intents"
    while cursor is not None:
        cursor = (await provider.changes(since=datetime.now(UTC) - timedelta(days=1), cursor=cursor)).cursor
    await provider.find_charge(desk.look_up("refund"))
    await provider.find_refund(desk.look_up("refund", charge_ref=held))
    await provider.check()
    await provider.detach_payment_method(payment_method_ref=card)
    await provider.fetch_payment_method(payment_method_ref=card)
    await provider.forget_customer(customer_ref=desk.customer_ref)
    made = {"charge_held", "charge_void", "charge_recurring", "charge_storing", "charge_declined", "charge_waiting"}
    disputed = {f"{name}_{number}" for name in ("charge_disputed", "evidence", "accept") for number in (1, 2)}
    return made | disputed | {"capture", "capture_again", "refund", "void"}


async def test_every_request_is_valid_at_the_pinned_version(desk: Desk) -> None:
    await _everything(desk)
    asked = [each for each in await desk.requests() if each["call"] is not None]
    ours = [each for each in asked if each["version"] is not None]
    assert {each["version"] for each in ours} == {wire.API_VERSION}
    # Refused are what is meant to be: a second capture, a card, a setup that nobody confirmed, a dispute that is over.
    assert {each["call"] for each in ours if each["status"] >= 400} <= {
        "payment_intents.create",
        "payment_intents.capture",
        "disputes.close",
    }
    assert {each["call"] for each in ours if each["status"] in (401, 403, 404)} == set()


async def test_every_post_that_moves_money_carries_the_key_of_its_operation_and_no_get_has_any(desk: Desk) -> None:
    operations = await _everything(desk)
    asked = await desk.requests()
    money = [each for each in asked if each["method"] == "POST" and each["call"] in _MOVES_MONEY]
    assert {each["idempotency_key"] for each in money} == operations
    assert len(money) == len(operations), "one request each"
    assert {each["idempotency_key"] for each in asked if each["method"] in ("GET", "DELETE")} == {None}
    assert not [each for each in asked if "idempotency_key" in str(each["parameters"])]


@pytest.mark.parametrize("fault", ["conflict", "lock_timeout", "lose_answer", "lose_request", "error_after"])
async def test_the_key_and_the_content_are_the_same_across_repetitions_and_restarts(desk: Desk, fault: str) -> None:
    """What the resolver does after a crash: the request as it was stored, sent again by a process that is new."""
    held = await desk.held(operation_id="charge_first")
    paid = await desk.paid(operation_id="charge_second")
    waiting = await desk.held(operation_id="charge_third")
    requests: dict[str, Any] = {
        "payment_intents.create": desk.charge_request(operation_id="op_charge"),
        "payment_intents.capture": CaptureRequest(operation_id="op_capture", charge_ref=held, amount=SIX),
        "payment_intents.cancel": VoidRequest(operation_id="op_void", charge_ref=waiting),
        "refunds.create": RefundRequest(
            operation_id="op_refund", refund_id="rf", charge_ref=paid, amount=SIX, reason=None
        ),
    }
    before = len(await desk.requests())
    await desk.misbehave(*({"on": call, "fault": fault, "last": 1} for call in requests))

    for _ in range(3):
        async with provider_at(desk.address) as provider:
            for request in requests.values():
                await send_again(provider, request)

    sent = (await desk.requests())[before:]
    for call, request in requests.items():
        mine = [each for each in sent if each["call"] == call]
        assert len(mine) >= 3
        assert {each["idempotency_key"] for each in mine} == {request.operation_id}
        assert len({orjson.dumps(each["parameters"], option=orjson.OPT_SORT_KEYS) for each in mine}) == 1
    truth = (await desk.control("truth"))["payments"]
    assert [each["captured"] for each in truth] == [6_00, 10_00, 0, 10_00]
    assert [each["refunded"] for each in truth] == [0, 6_00, 0, 0]


async def test_a_process_that_is_cancelled_in_the_middle_leaves_a_request_that_can_be_sent_again(desk: Desk) -> None:
    await desk.misbehave({"on": "payment_intents.create", "fault": "hang", "last": 1})
    request = desk.charge_request()
    async with provider_at(desk.address) as dying:
        task = asyncio.create_task(dying.charge(request))
        while not await desk.requests("payment_intents.create"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with provider_at(desk.address) as next_life:
        charge = await next_life.charge(request)
    assert (charge.outcome, charge.captured) == (Outcome.SUCCEEDED, TEN)
    assert len((await desk.control("truth"))["payments"]) == 1


async def test_what_an_operation_sends_stays_the_same_from_one_version_to_the_next(desk: Desk) -> None:
    """Changing any of this makes Stripe refuse the replays of what was under way while the gateway was upgraded."""
    request = replace(
        desk.charge_request(operation_id="op_1", card=await desk.card()),
        charge_id="ch_1",
        metadata={"paydesk_order": "ord_1"},
    )
    held = await desk.provider.charge(replace(request, capture=CaptureMode.MANUAL))
    assert held.charge_ref is not None
    await desk.capture(held.charge_ref, SIX, operation_id="op_2")
    refund = RefundRequest(
        operation_id="op_3", refund_id="rf_1", charge_ref=held.charge_ref, amount=SIX, reason="duplicate"
    )
    await desk.provider.refund(refund)
    await desk.void(await desk.held(operation_id="op_4"), operation_id="op_5")

    sent = {each["idempotency_key"]: each["parameters"] for each in await desk.requests() if each["idempotency_key"]}

    expand = {"0": "latest_charge", "1": "payment_method"}
    assert sent["op_1"] == {
        "amount": "1000",
        "currency": "usd",
        "customer": desk.customer_ref,
        "payment_method": request.payment_method_ref,
        "confirm": "true",
        "capture_method": "manual",
        "allowed_payment_method_types": {"0": "card"},
        "metadata": {"paydesk_order": "ord_1", "paydesk_operation": "op_1"},
        "expand": expand,
        "use_stripe_sdk": "true",
    }
    assert sent["op_2"] == {"amount_to_capture": "600", "expand": expand}
    assert sent["op_3"] == {
        "payment_intent": held.charge_ref,
        "amount": "600",
        "reason": "duplicate",
        "metadata": {"paydesk_operation": "op_3", "paydesk_refund": "rf_1"},
    }
    assert sent["op_5"] == {"expand": expand}


def test_an_sdk_of_another_api_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "api_version", "2031-01-01.tulip")
    with pytest.raises(RuntimeError, match=r"2031-01-01\.tulip; this needs 2026-10-28\.endive"):
        StripeProvider(SECRET_KEY, clock=SystemClock(), webhook_secrets=(), publishable_key=None)


async def test_nothing_is_told_of_this_machine(desk: Desk) -> None:
    """The SDK's telemetry would keep an id in the home folder, and send figures with each request."""
    await desk.paid()
    assert stripe.enable_telemetry is False


@pytest.mark.parametrize(("key", "livemode"), [("sk_test_1", False), ("rk_test_1", False), ("rk_live_1", True)])
async def test_the_key_says_whether_real_money_moves(key: str, livemode: bool) -> None:
    async with provider_at("http://127.0.0.1:9", secret_key=key) as provider:
        assert provider.livemode is livemode
