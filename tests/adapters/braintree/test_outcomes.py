"""What is known when the way to Braintree, or Braintree itself, is out of order."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.money import Money
from domain.provider import CaptureRequest, Outcome, RefundRequest, VoidRequest
from tests.adapters.braintree.desk import KEYS, VISA, Desk, provider_at

TEN = Money(10_00, "USD")
SALE = "transactions.create"

_LOST = ("lose_request", "lose_answer", "reset", "truncate", "html", "empty", "bad_gateway")
_BROKEN = ("error", "error_after", "timeout_after", "unavailable")


@pytest.mark.parametrize("fault", [*_LOST, *_BROKEN])
async def test_a_charge_whose_answer_is_none_is_unknown(desk: Desk, fault: str) -> None:
    await desk.misbehave({"on": SALE, "fault": fault})
    charge = await desk.charge()
    assert (charge.outcome, charge.charge_ref) == (Outcome.UNKNOWN, None)
    assert charge.refusal is not None
    assert charge.refusal.is_outage
    assert len(await desk.requests(SALE)) == 1


@pytest.mark.parametrize("fault", ["rate_limit", "forbidden"])
async def test_what_was_turned_away_at_the_door_was_certainly_not_done(desk: Desk, fault: str) -> None:
    await desk.misbehave({"on": SALE, "fault": fault})
    charge = await desk.charge()
    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert not charge.refusal.is_outage
    assert len(await desk.requests(SALE)) == 1


@pytest.mark.parametrize(
    ("call", "ask"),
    [
        (
            "transactions.submit",
            lambda desk, ref: desk.provider.capture(CaptureRequest(operation_id="op_x", charge_ref=ref, amount=TEN)),
        ),
        (
            "transactions.void",
            lambda desk, ref: desk.provider.void(VoidRequest(operation_id="op_x", charge_ref=ref)),
        ),
    ],
)
@pytest.mark.parametrize("fault", ["lose_answer", "html", "empty", "error_after"])
async def test_a_hold_that_was_ended_without_an_answer_is_told_by_the_same_request(
    desk: Desk, call: str, ask: Callable[[Desk, str], Awaitable[Any]], fault: str
) -> None:
    held = await desk.held()
    await desk.misbehave({"on": call, "fault": fault, "last": 1})
    lost, again = await ask(desk, held), await ask(desk, held)
    assert lost.outcome is Outcome.UNKNOWN
    assert again.outcome in (Outcome.SUCCEEDED, Outcome.VOIDED)
    assert again == await desk.provider.fetch_charge(charge_ref=held)


@pytest.mark.parametrize("call", ["transactions.refund", "transactions.reverse"])
@pytest.mark.parametrize("fault", ["lose_answer", "html", "empty", "error_after"])
async def test_a_refund_without_an_answer_is_found_and_told_once_more(desk: Desk, call: str, fault: str) -> None:
    paid = await (desk.settled() if call == "transactions.refund" else desk.paid())
    await desk.misbehave({"on": call, "fault": fault, "last": 1})
    request = RefundRequest(operation_id="op_x", refund_id="rf", charge_ref=paid, amount=TEN, reason=None)

    lost = await desk.provider.refund(request)
    found = await desk.provider.find_refund(desk.look_up("op_x", charge_ref=paid, amount=TEN))
    again = await desk.provider.refund(request)

    assert (lost.outcome, lost.refund_ref) == (Outcome.UNKNOWN, None)
    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED
    assert again == found


@pytest.mark.parametrize("fault", ["lose_answer", "html", "empty", "truncate"])
@pytest.mark.parametrize("is_keyed", [True, False])
async def test_what_was_done_and_not_answered_is_found(desk: Desk, fault: str, is_keyed: bool) -> None:
    await desk.misbehave({"on": SALE, "fault": fault, "last": 1})
    request = desk.charge_request(is_keyed=is_keyed)
    assert (await desk.provider.charge(request)).outcome is Outcome.UNKNOWN

    found = await desk.provider.find_charge(desk.look_up(request.operation_id))

    assert found is not None
    assert (found.outcome, found.captured, found.operation_id) == (Outcome.SUCCEEDED, TEN, request.operation_id)
    if is_keyed:
        assert await desk.provider.charge(request) == found
    assert len(await desk.sales()) == 1


async def test_no_answer_in_time_is_unknown(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "hang"})
    async with provider_at(desk.address, timeout_seconds=0.5) as impatient, asyncio.timeout(15):
        charge = await impatient.charge(desk.charge_request())
    assert charge.outcome is Outcome.UNKNOWN
    assert charge.refusal is not None
    assert (charge.refusal.provider_code, charge.refusal.is_outage) == ("answer_late", True)


async def test_a_braintree_that_cannot_be_reached_was_certainly_not_asked(desk: Desk) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        async with provider_at(f"http://127.0.0.1:{nobody_listens.getsockname()[1]}") as away:
            charge = await away.charge(desk.charge_request())
            voided, refund = [
                await away.void(VoidRequest(operation_id="op_x", charge_ref="x")),
                await away.refund(
                    RefundRequest(operation_id="op_x", refund_id="rf", charge_ref="x", amount=TEN, reason=None)
                ),
            ]
            looked = await away.fetch_charge(charge_ref="x")
            problem = await away.check()
    assert {charge.outcome, voided.outcome, refund.outcome} == {Outcome.NOT_SENT}
    assert charge.refusal is not None
    assert charge.refusal.is_outage
    assert looked.outcome is Outcome.UNKNOWN
    assert problem == "Braintree cannot be reached."


async def test_a_name_that_nobody_has_was_certainly_not_asked(desk: Desk) -> None:
    async with provider_at("https://braintree.invalid") as away:
        assert (await away.charge(desk.charge_request())).outcome is Outcome.NOT_SENT


async def test_a_broken_handshake_was_certainly_not_asked(desk: Desk) -> None:
    # There is no TLS at the emulator, so none can be agreed on.
    async with provider_at(desk.address.replace("http://", "https://")) as encrypted:
        assert (await encrypted.charge(desk.charge_request())).outcome is Outcome.NOT_SENT


async def test_wrong_keys_are_turned_away_at_the_door_and_never_in_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "0123456789wrong"
    with caplog.at_level(logging.DEBUG):
        async with provider_at(desk.address, private_key=wrong) as stranger:
            charge = await stranger.charge(desk.charge_request())
            problem = await stranger.check()
        await desk.charge(Money(2001_00, "USD"))
        await desk.charge(token="tokencc_nobodys")
    assert charge.outcome is Outcome.NOT_SENT
    assert problem == "Braintree does not take these keys: check BRAINTREE_PUBLIC_KEY and BRAINTREE_PRIVATE_KEY."
    assert any(each.levelno == logging.ERROR for each in caplog.records)
    for secret in (wrong, KEYS.private_key, VISA, "tokencc_nobodys"):
        assert secret not in caplog.text
        assert secret not in str(charge)


async def test_another_merchants_id_is_turned_away(desk: Desk) -> None:
    async with provider_at(desk.address, merchant_id="somebody_else") as stranger:
        charge = await stranger.charge(desk.charge_request())
    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert "BRAINTREE_MERCHANT_ID" in charge.refusal.message


# --- looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [*_LOST, "error", "unavailable", "rate_limit", "forbidden"])
async def test_a_look_without_a_usable_answer_is_unknown_and_never_empty(desk: Desk, fault: str) -> None:
    card, paid = await desk.card(), await desk.settled(operation_id="op_sought")
    refund = await desk.refund(paid, TEN, operation_id="op_back")
    await desk.misbehave({"on": "*", "fault": fault})

    told = [
        await desk.provider.fetch_charge(charge_ref=paid),
        await desk.provider.find_charge(desk.look_up("op_sought")),
        await desk.provider.fetch_refund(refund_ref=refund.refund_ref or ""),
        await desk.provider.find_refund(desk.look_up("op_back", charge_ref=paid)),
        await desk.provider.find_refund(desk.look_up("op_back")),
        await desk.provider.fetch_payment_method(payment_method_ref=card),
    ]

    assert [each.outcome if each else None for each in told] == [Outcome.UNKNOWN] * len(told)


@pytest.mark.parametrize("call", ["transactions.search_ids", "transactions.search"])
async def test_a_look_that_ran_into_a_closed_connection_is_tried_once_more(desk: Desk, call: str) -> None:
    await desk.paid(operation_id="op_sought")
    await desk.misbehave({"on": call, "fault": "lose_request", "last": 1})
    found = await desk.provider.find_charge(desk.look_up("op_sought"))
    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED


async def test_a_sale_that_cannot_be_looked_at_is_neither_voided_nor_given_back(desk: Desk) -> None:
    held, paid = await desk.held(), await desk.paid()
    await desk.misbehave({"on": "transactions.find", "fault": "unavailable"})
    voided, refund = await desk.void(held), await desk.refund(paid, TEN)
    assert (voided.outcome, refund.outcome) == (Outcome.NOT_SENT, Outcome.NOT_SENT)
    assert await desk.requests("transactions.void", "transactions.refund", "transactions.reverse") == []
