"""Charges, refunds and disputes that need a person, made in a running gateway."""

import asyncio

from domain.charges import ReviewReason
from domain.clock import SystemClock
from domain.services.dispute_settlement import DisputeSettlement
from domain.services.settlement import Settlement
from domain.services.teller import Teller
from persistence.sql import Dialect
from tests.schema.gateway import Json, Shop, money, new_key

_LONG_AGO = {Dialect.POSTGRES: "now() - interval '3 days'", Dialect.SQLITE: "'2000-01-01T00:00:00.000000Z'"}


async def open_review(shop: Shop, charge_id: str, reason: ReviewReason = ReviewReason.LATE_MONEY) -> None:
    settlement = Settlement(clock=SystemClock(), deployment=shop.running.services.deployment)
    async with shop.running.store.transaction() as tx:
        charge = await tx.charges.get_for_update(charge_id)
        assert charge is not None
        await settlement.open_review(tx, charge, reason, actor="system:test")


async def untraced_charge(shop: Shop, order_id: str) -> str:
    """Asked for days ago, and lost: the bank, which has never heard of it, answers no question either."""
    _misbehave(shop, "charge#1=error; find_charge#*=error; fetch_charge#*=error")
    charge: Json = await shop.charge(order_id)
    assert charge["state"] == "UNKNOWN"
    await _age(shop)
    return str(charge["id"])


async def untraced_refund(shop: Shop, charge_id: str) -> str:
    _misbehave(shop, "refund#1=error; find_refund#*=error")
    asked = {"chargeId": charge_id, "amount": money(5_00), "idempotencyKey": new_key()}
    refund = await shop.do("chargeRefund", asked, "refund { id state }")
    assert refund["state"] == "UNKNOWN"
    await _age(shop)
    return str(refund["id"])


async def a_dispute(shop: Shop, charge_id: str, *, is_inquiry: bool = False, amount: int | None = None) -> str:
    """Opened at the bank, and heard of."""
    running, clock = shop.running, SystemClock()
    assert running.bank
    services = running.services
    settlement = DisputeSettlement(
        store=running.store,
        teller=Teller(providers=services.providers, clock=clock, deployment=services.deployment),
        settlement=Settlement(clock=clock, deployment=services.deployment),
        clock=clock,
    )
    query = "query($id: ID!) { charge(id: $id) { providerRef disputes { nodes { id } } } }"
    charge = (await shop.execute(query, {"id": charge_id}))["charge"]
    ref = await asyncio.to_thread(
        running.bank.open_dispute, charge["providerRef"], is_inquiry=is_inquiry, amount=amount
    )
    assert await settlement.look("fake", ref, actor="system:test")
    charge = (await shop.execute(query, {"id": charge_id}))["charge"]
    return str(charge["disputes"]["nodes"][0]["id"])


def _misbehave(shop: Shop, script: str) -> None:
    shop.misbehave("")
    shop.misbehave(script)  # which counts from 1 again


async def _age(shop: Shop) -> None:
    database = shop.running.database
    async with database.transaction() as connection:
        long_ago = _LONG_AGO[database.dialect]
        await connection.execute(f"UPDATE operations SET first_sent_at = {long_ago} WHERE finished_at IS NULL")
