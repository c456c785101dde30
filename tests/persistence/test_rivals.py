"""Services that meet in the middle, on PostgreSQL: the rival holds its locks until the service waits for them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState
from domain.customers import CustomerChanges
from domain.errors import PaymentMethodNotUsable
from domain.events import EventKind
from persistence.database import Database
from persistence.sql import Dialect
from tests.services.shop import SHOP, MovableClock, Shop, open_shop

pytestmark = pytest.mark.parametrize("dialect", [Dialect.POSTGRES])


@pytest.fixture
async def shop(database: Database, tmp_path: Path) -> AsyncIterator[Shop]:
    clock = MovableClock()
    bank = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test")
    opened = open_shop(database, bank, clock)
    yield opened
    await opened.close()
    bank.close()


async def test_a_payment_goes_through_while_its_customer_and_card_change(shop: Shop) -> None:
    """A card that is settled or detached is locked after its customer, a payment's after the order."""
    customer_id = await shop.customer()
    card_id = await shop.card(customer_id)
    order_id = await shop.order_of(customer_id)

    async with shop.store.transaction() as rival:
        customer = await rival.customers.get_for_update(customer_id)
        card = await rival.payment_methods.get_for_update(card_id)
        assert customer is not None
        assert card is not None
        paying = asyncio.create_task(shop.paid(order_id))
        await somebody_waits(shop.database)
        # A new external id is the one change of a customer that locks out those who refer to it.
        renamed = customer.changed(CustomerChanges(external_id="crm-7"), now=shop.clock.now())
        await rival.customers.save(renamed)
        await rival.payment_methods.save(card)

    assert (await asyncio.wait_for(paying, 10)).state is ChargeState.SUCCEEDED


async def test_a_card_that_was_just_detached_does_not_become_the_default(shop: Shop) -> None:
    customer_id = await shop.customer()
    card_id = await shop.card(customer_id)

    async with shop.store.transaction() as rival:
        customer = await rival.customers.get_for_update(customer_id)
        card = await rival.payment_methods.get_for_update(card_id)
        assert customer is not None
        assert card is not None
        asking = asyncio.create_task(shop.payment_methods.set_default(SHOP, card_id))
        await somebody_waits(shop.database)
        now = shop.clock.now()
        await rival.payment_methods.save(card.detached(now=now))
        await rival.customers.save(customer.with_default(None, now=now))

    with pytest.raises(PaymentMethodNotUsable):
        await asyncio.wait_for(asking, 10)
    async with shop.store.reading() as tx:
        customer = await tx.customers.get(customer_id)
    assert customer is not None
    assert customer.default_payment_method_id is None


async def test_a_card_that_two_detach_is_detached_once(shop: Shop) -> None:
    customer_id = await shop.customer()
    card_id = await shop.card(customer_id)

    async with shop.store.transaction() as rival:
        await rival.customers.get_for_update(customer_id)
        asking = [asyncio.create_task(shop.payment_methods.detach(SHOP, card_id)) for _ in range(2)]
        await somebody_waits(shop.database, how_many=2)
    await asyncio.gather(*asking)

    async with shop.database.reader() as connection:
        rows = await connection.fetch_all(
            "SELECT events.id FROM events JOIN event_subjects ON event_subjects.event_id = events.id"
            " WHERE event_subjects.subject_id = $1 AND events.kind = $2",
            card_id,
            EventKind.PAYMENT_METHOD_DETACHED,
        )
    assert len(rows) == 1


async def somebody_waits(database: Database, *, how_many: int = 1) -> None:
    """Until that many sessions stand in line for a lock."""
    # A task of its own: the caller has a transaction open.
    await asyncio.wait_for(asyncio.create_task(_ask(database, how_many)), 10)


async def _ask(database: Database, how_many: int) -> None:
    waiting: dict[str, Any] | None = None
    while waiting is None or waiting["sessions"] < how_many:
        async with database.reader() as connection:
            waiting = await connection.fetch_one(
                "SELECT count(*) AS sessions FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
