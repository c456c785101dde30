"""Charges and refunds that need a person, made in a running gateway."""

from domain.charges import ReviewReason
from domain.clock import SystemClock
from domain.services.settlement import Settlement
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


def _misbehave(shop: Shop, script: str) -> None:
    shop.misbehave("")
    shop.misbehave(script)  # which counts from 1 again


async def _age(shop: Shop) -> None:
    database = shop.running.database
    async with database.transaction() as connection:
        long_ago = _LONG_AGO[database.dialect]
        await connection.execute(f"UPDATE operations SET first_sent_at = {long_ago} WHERE finished_at IS NULL")
