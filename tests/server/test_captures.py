"""What is held is taken once, or released once, whatever dies in between: over real HTTP, with a bank of its own."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.server.api import PATIENCE_SECONDS, Api, Json, codes, new_key
from tests.server.processes import Process, fake_bank, serving, settings
from tests.server.truths import assert_both_sides_agree, truth_of
from tests.server.wire import CAPTURE, Wire, wire_to

TIMEOUT_SECONDS = 2.0
"""Of the provider; a dead gateway's operation is looked into after twice that and 5 s."""

CAPTURED = "charge { id state captured { minorUnits } captureRequested { minorUnits } released { minorUnits } }"
PART = {"minorUnits": 12_50, "currency": "USD"}


@pytest.mark.fault("F3", "F4")
async def test_a_killed_gateway_captures_once(database_url: str, tmp_path: Path) -> None:
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
            assert sorted(charge.captured for charge in truth_of(tmp_path).charges) == [0, 12_50]

            wire.stops_answers = False
            with serving(chosen, tmp_path) as gateway:
                await live_again(gateway, lives)
    truth = await assert_both_sides_agree(database_url, tmp_path)
    # The rest of each order was charged anew once it was known what the capture had taken.
    assert sorted(charge.captured for charge in truth.charges) == [7_50, 7_50, 12_50, 12_50]


async def live_until_killed(gateway: Process, wire: Wire) -> list[tuple[str, str]]:
    """Two held charges with the keys under which they were captured: the bank has heard of the second one only."""
    async with Api(gateway.address) as api:
        unheard, heard = [(await new_hold(api), new_key()) for _ in range(2)]
        wire.stops = CAPTURE
        asked = [asyncio.create_task(capture(api, *unheard))]
        await asyncio.wait_for(wire.stopped_request.wait(), PATIENCE_SECONDS)
        wire.stops, wire.stops_answers = None, True
        asked.append(asyncio.create_task(capture(api, *heard)))
        await asyncio.wait_for(wire.stopped_answer.wait(), PATIENCE_SECONDS)
        gateway.kill()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, httpx.TransportError) for answer in answers)
    return [unheard, heard]


async def live_again(gateway: Process, lives: list[tuple[str, str]]) -> None:
    async with Api(gateway.address) as api:
        for charge_id, key in lives:
            again = await capture(api, charge_id, key)
            assert again["userErrors"] == []
            assert again["charge"]["captureRequested"] == {"minorUnits": 12_50}
            [found] = codes(await capture(api, charge_id))
            assert found in {"CHARGE_IN_PROGRESS", "CHARGE_NOT_CAPTURABLE"}
            # Nobody asks any more; the resolver finishes the story by itself.
            settled = await api.charge_when(charge_id, "SUCCEEDED")
            assert settled["captured"] == {"minorUnits": 12_50}
            assert settled["order"]["paymentState"] == "PARTIALLY_PAID"
            rest = await api.pay(settled["order"]["id"])
            assert rest["charge"]["order"]["paymentState"] == "PAID"


async def new_hold(api: Api) -> str:
    """20 USD on the card of a new customer; the charge's id."""
    order_id = await api.order(await api.customer("Ada"), {await api.price("Ticket", 20_00): 1})
    held = await api.pay(order_id, capture="MANUAL")
    assert held["charge"]["state"] == "AUTHORIZED", held
    return str(held["charge"]["id"])


async def capture(api: Api, charge_id: str, key: str | None = None) -> Json:
    return await api.mutate("chargeCapture", CAPTURED, chargeId=charge_id, amount=PART, idempotencyKey=key or new_key())
