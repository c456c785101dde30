"""The webhooks of a rich life, as the bank really sent them, applied in every order and number.

Each order is rehearsed on the same rows and rolled back. Every delivery is received, and applied, and what comes once
more is applied once more, as after a worker's death. What a webhook finds is either the object as it is by then, or, as
a slow worker has it, the object as it was when the webhook came.
"""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import pytest

from adapters.fake import WebhookSender
from domain.provider import CaptureMode, WebhookEvent, WebhookSubject
from persistence.connections import Connection
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.dying import Dropped
from tests.services.rehearsing import Rehearsal, rows_of
from tests.services.shop import ACCOUNT, DECIDED_SECONDS, MovableClock, Shop
from tests.services.watching import Ask

SAMPLE = {Dialect.SQLITE: 3, Dialect.POSTGRES: 2}
"""Orders of the whole life, each webhook twice: of 32 there are more than anybody can try."""


@dataclass(frozen=True)
class Heard:
    """A delivery, and what was found behind it when it came."""

    event: WebhookEvent
    body: bytes
    headers: Mapping[str, str]
    picture: Any


@dataclass
class Recorder:
    """Takes the bank's webhooks and tells nobody."""

    shop: Shop
    heard: list[Heard] = field(default_factory=list)

    async def record(self) -> None:
        sender = WebhookSender(self.shop.bank, url="http://gateway.test", clock=self.shop.clock)
        while await sender.deliver_due(self._post):
            continue

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        event = self.shop.provider.verify_webhook(headers, body)
        ref = event.subject_ref or ""
        picture: Any = None
        if event.subject is WebhookSubject.CHARGE:
            picture = await self.shop.provider.fetch_charge(charge_ref=ref)
        if event.subject is WebhookSubject.REFUND:
            picture = await self.shop.provider.fetch_refund(refund_ref=ref)
        if picture is not None:
            self.heard.append(Heard(event, body, headers, picture))
        return 200


@asynccontextmanager
async def lost(shop: Shop, call: str, *, is_on: bool) -> AsyncIterator[None]:
    """The bank does it, and the process dies before the answer comes."""
    if not is_on:
        yield
        return
    shop.provider.between[call] = Dropped()
    try:
        yield
        await shop.idle()
    finally:
        del shop.provider.between[call]


async def live(shop: Shop, clock: MovableClock, *, answers_are_lost: bool) -> list[list[Heard]]:
    """One list of webhooks for each order. The last answer about each is heard or lost; no webhook is applied."""
    lists = []
    for part in (_captured_and_refunded, _refund_that_fails_late, _called_off, _pending, _capture, _declined):
        recorder = Recorder(shop)
        await part(shop, recorder, lost_at_last=answers_are_lost)
        await recorder.record()
        clock.advance(seconds=DECIDED_SECONDS)
        await recorder.record()
        lists.append(recorder.heard)
    return lists


async def _captured_and_refunded(shop: Shop, recorder: Recorder, *, lost_at_last: bool) -> None:
    charge = await _confirmed(shop, recorder)
    await shop.capture(charge, 15_00)
    await recorder.record()
    async with lost(shop, "refund", is_on=lost_at_last):
        await shop.refund(charge, 5_00)


async def _refund_that_fails_late(shop: Shop, recorder: Recorder, *, lost_at_last: bool) -> None:
    charge = await shop.paid(await shop.order(token="tok_refundFail"))
    async with lost(shop, "refund", is_on=lost_at_last):
        await shop.refund(charge.id, 4_00)


async def _called_off(shop: Shop, recorder: Recorder, *, lost_at_last: bool) -> None:
    charge = await _confirmed(shop, recorder)
    async with lost(shop, "void", is_on=lost_at_last):
        await shop.void(charge)


async def _pending(shop: Shop, recorder: Recorder, *, lost_at_last: bool) -> None:
    order_id = await shop.order(token="tok_chargePending")
    async with lost(shop, "charge", is_on=lost_at_last):
        await shop.pay(order_id)


async def _capture(shop: Shop, recorder: Recorder, *, lost_at_last: bool) -> None:
    charge = await shop.authorized()
    await recorder.record()
    async with lost(shop, "capture", is_on=lost_at_last):
        await shop.capture(charge.id, 7_00)


async def _declined(shop: Shop, recorder: Recorder, *, lost_at_last: bool) -> None:
    order_id = await shop.order(token="tok_chargePendingThenDeclined")
    async with lost(shop, "charge", is_on=lost_at_last):
        await shop.pay(order_id)


async def _confirmed(shop: Shop, recorder: Recorder) -> str:
    """A charge that the customer has confirmed, and that holds its amount."""
    waiting = await shop.paid(await shop.order(token="tok_threeDSecureRequired"), capture=CaptureMode.MANUAL)
    await recorder.record()
    await shop.answer_challenge(waiting)
    await recorder.record()
    await shop.proceed(waiting.id)
    return waiting.id


# --- the rehearsals -------------------------------------------------------------------------------------------------


@dataclass
class Theatre:
    shop: Shop
    rehearsal: Rehearsal
    as_it_was: bool
    """Whether a webhook finds its object as it was when it came."""

    async def perform(self, order: Sequence[Heard]) -> dict[str, Any]:
        """The end of the story, when the webhooks come in this order."""
        async with self.rehearsal.on(self.shop.database) as connection:
            for heard in order:
                await self._hear(heard, connection)
            return await _end_of_story(connection)

    async def _hear(self, heard: Heard, connection: Connection) -> None:
        if not await self.shop.webhooks.receive(ACCOUNT, heard.headers, heard.body):
            again = "UPDATE webhook_deliveries SET state = 'STORED' WHERE event_key = $1"
            await connection.execute(again, heard.event.key)
        stored = "SELECT id FROM webhook_deliveries WHERE event_key = $1"
        (row,) = await connection.fetch_all(stored, heard.event.key)

        async def as_it_was(_asked: Any, _ask: Ask) -> Any:
            return heard.picture

        self.shop.provider.between.clear()
        if self.as_it_was:
            self.shop.provider.between |= {"fetch_charge": as_it_was, "fetch_refund": as_it_was}
        assert await self.shop.webhooks.apply(row["id"], tries=1) is None


async def _end_of_story(connection: Connection) -> dict[str, Any]:
    async def rows(table: str, *columns: str) -> list[tuple[Any, ...]]:
        return rows_of(await connection.fetch_all(f"SELECT * FROM {table}"), *columns)

    sums = "SELECT charge_id, account, sum(amount) AS amount FROM ledger_entries GROUP BY charge_id, account"
    told = "SELECT kind, subject_id FROM events JOIN event_subjects ON event_id = events.id"
    told += " WHERE subject_id NOT LIKE 'inv_%'"  # whose ids are made when an order is paid
    return {
        "orders": await rows("orders", "id", "state", "version"),
        "invoices": await rows("invoices", "order_id", "state", "total"),
        "charges": await rows(
            "charges",
            "id",
            "state",
            "charge_ref",
            "captured",
            "refunded",
            "refund_reserved",
            "decline_code",
            "next_action",
            "action_expires_at",
            "capture_before",
            "next_check_at",
            "capture_requested",
            "void_requested_at",
        ),
        "refunds": await rows("refunds", "id", "state", "refund_ref", "amount", "failure_code", "next_check_at"),
        "operations": [row[0] for row in await rows("operations", "id", "finished_at") if row[1] == "None"],
        "ledger": [
            row for row in rows_of(await connection.fetch_all(sums), "charge_id", "account", "amount") if row[2] != "0"
        ],
        "events": rows_of(await connection.fetch_all(told), "kind", "subject_id"),
        "deliveries": await rows("webhook_deliveries", "event_key", "state"),
    }


PASSING = {"CHARGE_REQUIRES_ACTION", "CHARGE_AUTHORIZED"}
RETURNED = {"REFUND_SUCCEEDED", "CHARGE_REVIEW_OPENED"}
"""Whoever heard first that a refund had failed has nothing to tell of its success."""


def lasting(end: dict[str, Any]) -> dict[str, Any]:
    """Without the events of states that a story may pass through or not."""
    failed = {row[0] for row in end["refunds"] if row[1] == "FAILED"}
    charges = {row[1] for row in end["events"] if row[0] == "REFUND_FAILED"} - failed
    events = [
        (kind, subject)
        for kind, subject in end["events"]
        if kind not in PASSING and not (kind in RETURNED and subject in failed | charges)
    ]
    return end | {"events": events}


@pytest.mark.fault("F30", "F31", "F32", "F34")
@pytest.mark.parametrize("answers_are_lost", [False, True], ids=["answers heard", "answers lost"])
async def test_every_order_and_number_of_the_webhooks_of_a_life_ends_the_same(
    new_shop: OpenShop, clock: MovableClock, dialect: Dialect, answers_are_lost: bool
) -> None:
    lists = await live(new_shop(), clock, answers_are_lost=answers_are_lost)
    assert [len(heard) for heard in lists] == [4, 3, 3, 2, 2, 2]
    rehearsal = Rehearsal()
    shop = new_shop(store=rehearsal)
    later, at_once = Theatre(shop, rehearsal, as_it_was=False), Theatre(shop, rehearsal, as_it_was=True)
    draws = random.Random(4)
    everything = [heard for one in lists for heard in one]
    expected = await later.perform(everything)
    assert expected["operations"] == []
    assert sorted(row[1] for row in expected["refunds"]) == ["FAILED", "SUCCEEDED"]
    states = sorted(row[1] for row in expected["charges"])
    assert states == ["DECLINED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "VOIDED"]

    if dialect is Dialect.SQLITE:
        for heard in lists:
            alone = lasting(await later.perform(heard))
            for order in permutations(heard):
                end = await at_once.perform([*order, order[0]])
                assert lasting(end) == alone, [each.event.kind for each in order]
    for _ in range(SAMPLE[dialect]):
        mixed = draws.sample(everything * 2, k=len(everything) * 2)
        assert lasting(await at_once.perform(mixed)) == lasting(expected)
        assert await later.perform(mixed) == expected
