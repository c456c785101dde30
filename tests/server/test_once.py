"""A customer pays once: whatever the client repeats, whatever comes at the same time, and whatever dies in between."""

import asyncio
from pathlib import Path

import httpx
import pytest

from adapters.fake.truth import Truth
from tests.server.api import PATIENCE_SECONDS, Api, Json, codes, new_key
from tests.server.processes import Process, fake_bank, serving, settings
from tests.server.truths import assert_both_sides_agree, charge_states, truth_of
from tests.server.wire import CHARGE, Wire, wire_to

TOO_LATE = {"ORDER_ALREADY_PAID", "CHARGE_IN_PROGRESS"}

TIMEOUT_SECONDS = 2.0
"""Of the provider; a dead gateway's operation is looked into after twice that and 5 s."""


# --- in one life of the gateway -------------------------------------------------------------------------------------


@pytest.mark.fault("F5", "F17", "F23", "F24")
async def test_the_same_request_again_is_answered_with_the_same_charge(database_url: str, tmp_path: Path) -> None:
    with serving(settings(database_url, tmp_path), tmp_path) as gateway:
        async with Api(gateway.address) as api:
            order_id = await new_order(api)
            key = new_key()
            first, second = await api.pay(order_id, key), await api.pay(order_id, key)
            assert first == second
            assert_paid_once(first["charge"], truth_of(tmp_path))

            other = await new_order(api)
            assert codes(await api.pay(other, key)) == ["IDEMPOTENCY_CONFLICT"]
            assert codes(await api.pay(order_id)) == ["ORDER_ALREADY_PAID"]
            assert (await api.order_of(other))["paymentState"] == "UNPAID"

            await ten_at_once_with_one_key(api)
            await ten_at_once_with_ten_keys(api)
    truth = await assert_both_sides_agree(database_url, tmp_path)
    assert len(truth.charges) == 3


async def ten_at_once_with_one_key(api: Api) -> None:
    order_id, key = await new_order(api), new_key()
    answers = await asyncio.gather(*(api.pay(order_id, key) for _ in range(10)))
    assert [codes(answer) for answer in answers] == [[]] * 10
    [charge_id] = {answer["charge"]["id"] for answer in answers}
    assert (await api.charge_when(charge_id, "SUCCEEDED"))["order"]["paymentState"] == "PAID"


async def ten_at_once_with_ten_keys(api: Api) -> None:
    order_id = await new_order(api)
    answers = await asyncio.gather(*(api.pay(order_id) for _ in range(10)))
    [paid] = [answer["charge"] for answer in answers if not answer["userErrors"]]
    refused = [codes(answer) for answer in answers if answer["userErrors"]]
    assert len(refused) == 9
    assert all(len(found) == 1 and found[0] in TOO_LATE for found in refused)
    order = await api.order_of(order_id)
    assert order["paymentState"] == "PAID"
    assert order["charges"]["nodes"] == [{"id": paid["id"], "state": "SUCCEEDED"}]


# --- in two lives ---------------------------------------------------------------------------------------------------


@pytest.mark.fault("F3", "F4", "F5")
async def test_a_killed_gateway_takes_the_money_once(database_url: str, tmp_path: Path) -> None:
    """Killed with -9 between the bank's work and our commit, and before the request has reached the bank."""
    bank_settings = settings(
        database_url, tmp_path, fake_api_key="key-of-the-bank", fake_webhook_secret="secret-of-the-webhooks"
    )
    with fake_bank(bank_settings, tmp_path) as bank:
        async with wire_to(bank.address) as wire:
            chosen = bank_settings | {
                "PAYDESK_FAKE_URL": wire.address,
                "PAYDESK_PROVIDER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
            }
            with serving(chosen, tmp_path) as gateway:
                lives = await live_until_killed(gateway, wire)
            assert [charge.captured for charge in truth_of(tmp_path).charges] == [20_00]
            assert await charge_states(database_url) == ["PENDING", "PENDING"]

            wire.stops_answers = False
            with serving(chosen, tmp_path) as gateway:
                await live_again(gateway, lives)
    truth = await assert_both_sides_agree(database_url, tmp_path)
    assert [charge.captured for charge in truth.charges] == [20_00, 20_00]


async def live_until_killed(gateway: Process, wire: Wire) -> list[tuple[str, str]]:
    """Two orders with the keys under which they were charged: the bank has heard of the second one only."""
    async with Api(gateway.address) as api:
        unheard, heard = [(await new_order(api), new_key()) for _ in range(2)]
        wire.stops = CHARGE
        asked = [asyncio.create_task(api.pay(*unheard))]
        await asyncio.wait_for(wire.stopped_request.wait(), PATIENCE_SECONDS)
        wire.stops, wire.stops_answers = None, True
        asked.append(asyncio.create_task(api.pay(*heard)))
        await asyncio.wait_for(wire.stopped_answer.wait(), PATIENCE_SECONDS)
        gateway.kill()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, httpx.TransportError) for answer in answers)
    return [unheard, heard]


async def live_again(gateway: Process, lives: list[tuple[str, str]]) -> None:
    async with Api(gateway.address) as api:
        for order_id, key in lives:
            again = await api.pay(order_id, key)
            assert again["userErrors"] == []
            assert again["charge"]["order"]["id"] == order_id
            [found] = codes(await api.pay(order_id))
            assert found in TOO_LATE
            # Nobody asks any more; the resolver finishes the story by itself.
            settled = await api.charge_when(again["charge"]["id"], "SUCCEEDED")
            assert settled["order"] == {"id": order_id, "state": "COMPLETED", "paymentState": "PAID"}
            assert [charge["id"] for charge in (await api.order_of(order_id))["charges"]["nodes"]] == [settled["id"]]


# --- both -----------------------------------------------------------------------------------------------------------


async def new_order(api: Api) -> str:
    """20 USD, of a new customer with a card."""
    return await api.order(await api.customer("Ada"), {await api.price("Ticket", 20_00): 1})


def assert_paid_once(charge: Json, truth: Truth) -> None:
    assert charge["state"] == "SUCCEEDED"
    assert charge["order"]["paymentState"] == "PAID"
    assert [(taken.charge_id, taken.captured) for taken in truth.charges] == [(charge["id"], 20_00)]
