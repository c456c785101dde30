"""A provider that will take a request later: nothing of it was sent, so it may be sent again, with a key or without."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState, FailureCode
from domain.operations import SolvedBy
from domain.provider import ChargeResult, Initiator, Outcome, RefundResult, Refusal
from domain.refunds import RefundState
from domain.services.answers import REVIEW_AFTER_TRIES
from domain.services.resolver import SEND_AGAIN_WITHIN
from tests.services.dying import die_after
from tests.services.shop import PROVIDER_SECONDS, MovableClock, Shop, usd
from tests.services.watching import Ask

TRAVEL_SECONDS = 2 * PROVIDER_SECONDS + 1


class Unsettled:
    """The bank gives nothing back before it has settled the charge."""

    def __init__(self) -> None:
        self.has_settled = False

    async def __call__(self, _asked: Any, ask: Ask) -> Any:
        return await ask() if self.has_settled else RefundResult(outcome=Outcome.PENDING, is_held_back=True)


async def unreachable(_asked: Any, _ask: Ask) -> RefundResult:
    return RefundResult(outcome=Outcome.NOT_SENT, refusal=Refusal(message="refused", is_outage=True))


async def silent(_asked: Any, _ask: Ask) -> RefundResult:
    return RefundResult(outcome=Outcome.UNKNOWN)


async def lost(_asked: Any, ask: Ask) -> RefundResult:
    await ask()
    return RefundResult(outcome=Outcome.UNKNOWN)


class RefusesKeys:
    """An account that takes no keys, and says so: what it refuses for its key has not been worked on."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def __call__(self, asked: Any, ask: Ask) -> Any:
        if not asked.is_keyed:
            return await ask()
        self._shop.provider.key_lifetime_shown = None
        refused = Refusal(message="no keys here", is_key_spent=True)
        return ChargeResult(outcome=Outcome.PENDING, is_held_back=True, refusal=refused)


class TestRefunds:
    @pytest.fixture(params=[True, False], ids=["keys", "no keys"])
    def bank(self, request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Bank]:
        opened = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test", keeps_keys=request.param)
        yield opened
        opened.close()

    async def test_a_refund_waits_until_the_bank_takes_it(self, shop: Shop, clock: MovableClock) -> None:
        paid = await shop.paid(await shop.order())
        shop.provider.between["refund"] = bank = Unsettled()

        refund = await shop.refunded(paid.id, 5_00)
        assert refund.state is RefundState.PENDING
        assert refund.next_check_at is not None
        for _ in range(4):
            clock.advance(hours=6)
            await shop.run_jobs()
        assert (await shop.refund_row(refund.id)).state is RefundState.PENDING
        assert (await shop.charge(paid.id)).refund_reserved == usd(5_00)
        bank.has_settled = True
        await shop.run_jobs()

        assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
        assert len({request.operation_id for request in shop.provider.asked("refund")}) == 1
        assert not (await shop.charge(paid.id)).reviews
        await shop.check(settled=True)

    async def test_who_cannot_look_knows_all_the_same_that_nothing_was_sent(
        self, shop: Shop, clock: MovableClock
    ) -> None:
        """A sale may take some days to settle. Nobody has to be asked about a refund that only waits for that."""
        paid = await shop.paid(await shop.order())
        shop.provider.between["refund"] = Unsettled()
        refund = await shop.refunded(paid.id, 5_00)
        for _ in range(REVIEW_AFTER_TRIES):
            clock.advance(hours=1)
            await shop.run_jobs()

        shop.provider.between["find_refund"] = silent
        await shop.run_jobs()

        assert (await shop.refund_row(refund.id)).state is RefundState.PENDING
        assert not (await shop.charge(paid.id)).reviews
        shop.provider.between.clear()
        await shop.run_jobs()
        assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
        await shop.check(settled=True)

    async def test_an_outage_meanwhile_ends_no_refund(self, shop: Shop, clock: MovableClock) -> None:
        paid = await shop.paid(await shop.order())
        shop.provider.between["refund"] = Unsettled()
        refund = await shop.refunded(paid.id, 5_00)

        shop.provider.between["refund"] = unreachable
        clock.advance(hours=1)
        await shop.run_jobs()
        assert (await shop.refund_row(refund.id)).state is RefundState.PENDING
        del shop.provider.between["refund"]
        await shop.run_jobs()

        assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
        await shop.check(settled=True)

    async def test_once_it_has_left_it_is_a_request_as_any_other(self, shop: Shop, clock: MovableClock) -> None:
        """Its answer is lost after the bank has given the money back: it is found, and given once."""
        paid = await shop.paid(await shop.order())
        shop.provider.between["refund"] = Unsettled()
        refund = await shop.refunded(paid.id, 5_00)

        shop.provider.between["refund"] = lost
        clock.advance(hours=1)
        await shop.run_jobs()
        assert not (await shop.operation(paid.id)).is_held_back
        del shop.provider.between["refund"]
        clock.advance(seconds=TRAVEL_SECONDS)
        await shop.run_jobs(rounds=3)

        assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
        assert len(shop.bank.truth().refunds) == 1
        await shop.check(settled=True)

    async def test_out_of_a_backup_it_is_not_sent(self, shop: Shop, clock: MovableClock) -> None:
        """In the life that was lost it may have left."""
        paid = await shop.paid(await shop.order())
        shop.provider.between["refund"] = Unsettled()
        refund = await shop.refunded(paid.id, 5_00)
        async with shop.store.transaction() as tx:
            await tx.operations.only_look_from(clock.now())

        del shop.provider.between["refund"]
        clock.advance(seconds=TRAVEL_SECONDS)
        await shop.run_jobs(rounds=3)

        assert (await shop.refund_row(refund.id)).failure_code is FailureCode.NOT_APPLIED
        assert len(shop.provider.asked("refund")) == 1
        assert not shop.bank.truth().refunds


async def test_an_account_that_refuses_keys_is_asked_again_without_one(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = RefusesKeys(shop)

    charge = await shop.paid(order_id)
    assert charge.state is ChargeState.PENDING
    assert (await shop.operation(charge.id)).solved_by is SolvedBy.SEARCH
    assert await shop.worker.run_due() >= 1, "it is due at once"

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    assert [request.is_keyed for request in shop.provider.asked("charge")] == [True, False]
    second = await shop.paid(await shop.order())
    assert second.state is ChargeState.SUCCEEDED
    assert [request.is_keyed for request in shop.provider.asked("charge")] == [True, False, False]
    await shop.check(settled=True)


async def test_after_a_lost_answer_a_key_that_is_refused_is_no_reason_to_send_without(
    shop: Shop, clock: MovableClock
) -> None:
    """The account has stopped taking keys between the two."""

    async def find_nothing(_asked: Any, _ask: Ask) -> None:
        return None

    order_id = await shop.order()
    shop.provider.between["charge"] = die_after
    await shop.pay(order_id)
    (charge,) = await shop.charges_of(order_id)
    shop.provider.between["charge"] = RefusesKeys(shop)
    shop.provider.between["find_charge"] = find_nothing  # its list lags behind

    await shop.run_jobs(rounds=2)
    assert [request.is_keyed for request in shop.provider.asked("charge")] == [True, True]
    assert (await shop.operation(charge.id)).solved_by is SolvedBy.SEARCH
    del shop.provider.between["find_charge"]
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    assert len(shop.provider.asked("charge")) == 2
    await shop.check(settled=True)


@pytest.mark.parametrize("initiator", [Initiator.CUSTOMER, Initiator.RECURRING])
async def test_nobody_is_charged_who_stopped_waiting(shop: Shop, clock: MovableClock, initiator: Initiator) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = RefusesKeys(shop)
    charge = await shop.paid(order_id, initiator=initiator)

    clock.advance(seconds=SEND_AGAIN_WITHIN.total_seconds() + 1)
    await shop.run_jobs()

    ended = await shop.charge(charge.id)
    if initiator is Initiator.CUSTOMER:
        assert ended.failure_code is FailureCode.NOT_APPLIED
        assert len(shop.provider.asked("charge")) == 1
        assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED
    else:
        assert ended.state is ChargeState.SUCCEEDED
    await shop.check(settled=True)
