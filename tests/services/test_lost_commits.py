"""A commit whose answer is lost: it is read back by its ids, and the request goes on as if nothing had been."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from domain.charges import ChargeState
from domain.refunds import RefundState
from domain.store import CommitUnknown
from persistence.database import Database
from tests.services.conftest import OpenShop
from tests.services.shop import Shop, usd

THREE_D_SECURE = "tok_threeDSecureRequired"


class LossyEngine:
    """In the way of a database's commits: the n-th one is made or undone, and either way nobody hears of it."""

    def __init__(self, database: Database, *, lands: bool) -> None:
        self._engine = cast("Any", database.engine)
        self._commit = self._engine.commit
        self._lands = lands
        self._left = 0
        self._engine.commit = self.commit

    def lose(self, nth: int) -> None:
        self._left = nth

    async def commit(self, connection: Any) -> None:
        self._left -= 1
        if self._left != 0:
            await self._commit(connection)
            return
        if self._lands:
            await self._commit(connection)
        else:
            await self._engine.rollback(connection)
        raise CommitUnknown("the answer to COMMIT was lost")


PREPARED = Callable[[Shop], Awaitable[str]]


async def an_order(shop: Shop) -> str:
    return await shop.order()


async def a_confirmed_charge(shop: Shop) -> str:
    charge = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.answer_challenge(charge)
    return charge.id


async def a_held_charge(shop: Shop) -> str:
    return (await shop.authorized()).id


async def a_paid_charge(shop: Shop) -> str:
    return (await shop.paid(await shop.order())).id


async def pay(shop: Shop, order_id: str) -> None:
    charge = await shop.paid(order_id, key="once")
    assert (charge.state, charge.captured) == (ChargeState.SUCCEEDED, usd(20_00))


async def proceed(shop: Shop, charge_id: str) -> None:
    await shop.proceed(charge_id, key="once")
    assert (await shop.charge(charge_id)).state is ChargeState.SUCCEEDED


async def capture(shop: Shop, charge_id: str) -> None:
    assert (await shop.capture(charge_id, 15_00, key="once")).captured == usd(15_00)


async def void(shop: Shop, charge_id: str) -> None:
    assert (await shop.void(charge_id, key="once")).state is ChargeState.VOIDED


async def refund(shop: Shop, charge_id: str) -> None:
    assert (await shop.refunded(charge_id, 5_00, key="once")).state is RefundState.SUCCEEDED


@pytest.mark.fault("F5", "F38")
@pytest.mark.parametrize("lands", [True, False], ids=["it landed", "it did not"])
@pytest.mark.parametrize("nth", [1, 2], ids=["before the bank is asked", "after it answered"])
@pytest.mark.parametrize(
    ("prepare", "act"),
    [
        (an_order, pay),
        (a_confirmed_charge, proceed),
        (a_held_charge, capture),
        (a_held_charge, void),
        (a_paid_charge, refund),
    ],
    ids=["charge", "continue", "capture", "void", "refund"],
)
async def test_a_commit_that_nobody_confirmed_is_read_back(
    new_shop: OpenShop,
    prepare: PREPARED,
    act: Callable[[Shop, str], Awaitable[None]],
    nth: int,
    *,
    lands: bool,
) -> None:
    shop = new_shop()
    subject = await prepare(shop)
    before = len(await shop.rows("SELECT id FROM operations"))
    engine = LossyEngine(shop.database, lands=lands)

    engine.lose(nth)
    await act(shop, subject)

    assert len(await shop.rows("SELECT id FROM operations")) == before + 1
    await shop.check()
    await act(shop, subject)  # the client repeats its request
    assert len(await shop.rows("SELECT id FROM operations")) == before + 1
    await shop.run_jobs(rounds=2)
    await shop.check(settled=True)


async def test_work_without_an_identity_is_not_repeated(new_shop: OpenShop) -> None:
    shop = new_shop()
    LossyEngine(shop.database, lands=True).lose(1)

    with pytest.raises(CommitUnknown):
        await shop.customer()

    assert len(await shop.rows("SELECT id FROM customers")) == 1


async def test_a_database_that_confirms_nothing_is_not_asked_for_ever(new_shop: OpenShop) -> None:
    shop = new_shop()
    order_id = await shop.order()
    engine = LossyEngine(shop.database, lands=False)
    real = engine.commit

    async def always(connection: Any) -> None:
        engine.lose(1)
        await real(connection)

    shop.database.engine.commit = always  # type: ignore[method-assign]
    with pytest.raises(CommitUnknown):
        await shop.pay(order_id)
    assert shop.bank.truth().charges == ()
