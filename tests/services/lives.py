"""The process that forks the others, and what they do. Run by `tests.forks`, which says what it is for.

Reads lines of deeds in JSON, and answers each with the exit codes.
"""

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, cast

from adapters.fake import Bank
from domain.errors import PaydeskError
from domain.provider import CaptureMode
from persistence.database import Database
from persistence.transactions import Engine
from tests.forks import Deed
from tests.services.mortality import MortalEngine, Mortality
from tests.services.shop import SHOP, MovableClock, Shop, open_shop


async def _pay(shop: Shop, deed: Deed, **how: Any) -> str | None:
    return (await shop.pay(deed.subject, deed.key, **how)).charge_id


async def _refund(shop: Shop, deed: Deed) -> str:
    return (await shop.refund(deed.subject, deed.amount, deed.key)).refund_id


async def _id_of_charge(charged: Any) -> str:
    return str((await charged).charge_id)


async def _id_of(charge: Any) -> str:
    return str((await charge).id)


DEEDS: dict[str, Callable[[Shop, Deed], Awaitable[object]]] = {
    "pay": _pay,
    "hold": lambda shop, deed: _pay(shop, deed, capture=CaptureMode.MANUAL),
    "continue": lambda shop, deed: _id_of_charge(shop.proceed(deed.subject, deed.key)),
    "capture": lambda shop, deed: _id_of(shop.capture(deed.subject, deed.amount, deed.key)),
    "void": lambda shop, deed: _id_of(shop.void(deed.subject, deed.key)),
    "refund": _refund,
    "fight": lambda shop, deed: _id_of(shop.send_evidence(deed.subject, key=deed.key)),
    "give in": lambda shop, deed: _id_of(shop.give_in(deed.subject, key=deed.key)),
    "cancel": lambda shop, deed: shop.orders.cancel(SHOP, deed.subject, version=None),
    "renew": lambda shop, deed: shop.billing.bill(deed.subject),
    "work": lambda shop, _: shop.worker.run_due(),
    "take webhooks": lambda shop, _: shop.deliver_webhooks(),
}


async def do(shop: Shop, deed: Deed) -> object:
    """What its client hears: what the deed gives, or the name of the refusal."""
    try:
        return await DEEDS[deed.what](shop, deed)
    except PaydeskError as refused:
        return type(refused).__name__


# --- a child ----------------------------------------------------------------------------------------------------------


async def _live(deed: Deed, mortality: Mortality, begin: Callable[[], None]) -> None:
    clock = MovableClock()
    clock.moment = deed.moment
    opened = await Database.open(deed.url)
    engine = cast("Engine", MortalEngine(opened.engine, mortality))
    bank = Bank(deed.books, clock=clock, public_url="http://bank.test")
    shop = open_shop(Database(engine, app=opened.app, address=opened.address), bank, clock)
    shop.provider.between["*"] = mortality.between
    begin()
    mortality.write(told=await do(shop, deed))
    await shop.idle()


def _child(asked: dict[str, Any], ready: int, gate: tuple[int, int]) -> NoReturn:
    """Never returns to the loop of its parent, and leaves nothing tidy behind."""
    try:
        os.close(gate[1])

        def begin() -> None:
            os.write(ready, b".")
            os.close(ready)
            os.read(gate[0], 1)  # ends when the parent opens the gate, by closing its end

        mortality = Mortality(Path(asked.pop("diary")), asked["last"])
        deed = Deed(**asked | {"moment": datetime.fromisoformat(asked["moment"])})
        asyncio.run(_live(deed, mortality, begin))
    except BaseException:
        # Told in the log of the parent, which the test shows.
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


# --- the parent -------------------------------------------------------------------------------------------------------


def _live_at_once(deeds: list[dict[str, Any]]) -> list[int]:
    """Every child waits until all of them are ready."""
    heard, ready = os.pipe()
    gate = os.pipe()
    children = []
    for deed in deeds:
        child = os.fork()
        if child == 0:
            os.close(heard)
            _child(deed, ready, gate)
        children.append(child)
    os.close(ready)
    os.close(gate[0])
    waiting = len(children)
    while waiting and (told := os.read(heard, waiting)):
        waiting -= len(told)
    os.close(gate[1])
    os.close(heard)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_live_at_once(json.loads(line))), flush=True)  # noqa: T201 - the answer
