"""What only shows where several transactions are open at once, which is on PostgreSQL."""

import asyncio

import pytest

from domain.customers import ProviderAccount
from domain.store import UniqueTaken
from persistence.database import Database
from persistence.sql import Dialect
from persistence.store import TortoiseStore, TortoiseTransaction
from tests.contracts.records import LATER, a_line, a_stored_charge, a_stored_order, an_order, usd

pytestmark = pytest.mark.parametrize("dialect", [Dialect.POSTGRES])


async def test_a_locked_customer_may_be_referred_to(database: Database) -> None:
    """Else whoever holds an order and adds a charge would wait for the customer, against the order of locks."""
    store = TortoiseStore(database)
    order, _ = await a_stored_order(store)

    async def add_an_order() -> None:
        async with store.transaction() as tx:
            customer = await tx.customers.get(order.customer_id)
            assert customer is not None
            await tx.orders.insert(an_order(customer, a_line()))

    async with store.transaction() as tx:
        assert await tx.customers.get_for_update(order.customer_id) is not None
        await asyncio.wait_for(asyncio.create_task(add_an_order()), 5)


async def test_a_locked_row_is_waited_for(database: Database) -> None:
    store = TortoiseStore(database)
    order, _ = await a_stored_order(store)
    got_it = asyncio.Event()

    async def lock_too() -> None:
        async with store.transaction() as tx:
            await tx.orders.get_for_update(order.id)
            got_it.set()

    async with store.transaction() as tx:
        await tx.orders.get_for_update(order.id)
        waiting = asyncio.create_task(lock_too())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(got_it.wait(), 0.3)
    await asyncio.wait_for(waiting, 5)

    assert got_it.is_set()


@pytest.mark.fault("F40")
async def test_a_transaction_that_lost_a_deadlock_is_run_again(database: Database) -> None:
    store = TortoiseStore(database)
    first, second = await a_stored_charge(store), await a_stored_charge(store)
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def reserve(*charge_ids: str) -> None:
        meet_rival = True

        async def work(tx: TortoiseTransaction) -> None:
            nonlocal attempts, meet_rival
            attempts += 1
            for charge_id in charge_ids:
                charge = await tx.charges.get_for_update(charge_id)
                assert charge is not None
                await tx.charges.save(charge.refund_requested(usd(1_00), now=LATER))
                if meet_rival:
                    meet_rival = False
                    await both_hold_one.wait()

        await store.run(work)

    await asyncio.gather(reserve(first.id, second.id), reserve(second.id, first.id))

    assert attempts == 3
    async with store.reading() as tx:
        for charge_id in (first.id, second.id):
            charge = await tx.charges.get(charge_id)
            assert charge is not None
            assert charge.refund_reserved == usd(2_00)


async def test_a_provider_account_that_everybody_has_made_is_kept_once(database: Database) -> None:
    """A new customer's first cards come at the same moment, and the provider has named one account to all of them."""
    store = TortoiseStore(database)
    order, _ = await a_stored_order(store)

    async def keep(name: str) -> None:
        async with store.transaction() as tx:
            await tx.accounts.insert_if_new(
                ProviderAccount(
                    customer_id=order.customer_id, account=name, customer_ref=f"ref at {name}", created_at=LATER
                )
            )

    # One insert in twenty met its rival in the wrong index, while the statement named one of the two.
    for number in range(40):
        await asyncio.gather(*(keep(f"account {number}") for _ in range(6)))


async def test_a_provider_account_of_another_customer_is_refused(database: Database) -> None:
    store = TortoiseStore(database)
    first, _ = await a_stored_order(store)
    second, _ = await a_stored_order(store)

    async def keep(customer_id: str) -> None:
        async with store.transaction() as tx:
            await tx.accounts.insert_if_new(
                ProviderAccount(customer_id=customer_id, account="fake", customer_ref="one ref", created_at=LATER)
            )

    await keep(first.customer_id)
    with pytest.raises(UniqueTaken, match="provider_accounts_ref"):
        await keep(second.customer_id)
    await keep(first.customer_id)
