"""Charges whose customers complain to their bank, and the disputes that come of it."""

import asyncio
from typing import Any

from domain.charges import Charge
from domain.disputes import Dispute
from tests.services.shop import ACCOUNT, Shop


async def complain(shop: Shop, charge: Charge, **how: Any) -> str:
    """What the customer does at their bank, which tells us later; the bank's name of the dispute."""
    assert charge.charge_ref is not None
    return await asyncio.to_thread(shop.bank.open_dispute, charge.charge_ref, **how)


async def decide(shop: Shop, dispute: Dispute, *, won: bool) -> None:
    await asyncio.to_thread(shop.bank.decide_dispute, dispute.dispute_ref, won=won)


async def disputed(shop: Shop, amount: int = 20_00, **how: Any) -> tuple[Charge, Dispute]:
    """A charge of a new order that is disputed, and that we have heard of."""
    charge = await shop.paid(await shop.order(amount))
    ref = await complain(shop, charge, **how)
    await shop.hear()
    return await shop.charge(charge.id), await known(shop, ref)


async def hear_of(shop: Shop, dispute_ref: str) -> Dispute:
    """Without a webhook: somebody looks."""
    assert await shop.dispute_settlement.look(ACCOUNT, dispute_ref, actor="system:test")
    return await known(shop, dispute_ref)


async def known(shop: Shop, dispute_ref: str) -> Dispute:
    (row,) = await shop.rows("SELECT id FROM disputes WHERE dispute_ref = $1", dispute_ref)
    return await shop.dispute(row["id"])
