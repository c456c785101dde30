"""A provider that answers an error for a key as long as it keeps it, as Stripe does with a 500: only looking helps."""

from typing import Any

from domain.charges import ChargeState, FailureCode
from domain.operations import SolvedBy
from domain.provider import ChargeResult, Initiator, Outcome, RefundResult, Refusal
from domain.refunds import RefundState
from domain.services.answers import LOOK_AFTER_SECONDS
from tests.services.shop import PROVIDER_SECONDS, MovableClock, Shop, usd
from tests.services.watching import Ask

TRAVEL_SECONDS = 2 * PROVIDER_SECONDS + 1
_FIRST = Refusal(message="500", is_outage=True)
_REPLAYED = Refusal(message="500", is_key_spent=True)


class Spoiled:
    """The first key is answered with an error, before the work or after it; others are nobody's concern."""

    def __init__(self, kind: type[ChargeResult] | type[RefundResult] = ChargeResult, *, works: bool = False) -> None:
        self._kind, self._works = kind, works
        self._key: str | None = None

    async def __call__(self, asked: Any, ask: Ask) -> Any:
        if self._key is None:
            self._key = asked.operation_id
            if self._works:
                await ask()
            return self._kind(outcome=Outcome.UNKNOWN, refusal=_FIRST)
        if asked.operation_id == self._key:
            return self._kind(outcome=Outcome.UNKNOWN, refusal=_REPLAYED)
        return await ask()


async def test_a_charge_whose_key_is_spent_is_looked_for_and_not_sent_for_ever(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = Spoiled()
    charge = await shop.paid(order_id, initiator=Initiator.RECURRING)

    await shop.run_jobs()
    assert (await shop.operation(charge.id)).solved_by is SolvedBy.SEARCH
    clock.advance(seconds=TRAVEL_SECONDS)
    await shop.run_jobs(rounds=3)

    assert (await shop.charge(charge.id)).failure_code is FailureCode.NOT_APPLIED
    assert len(shop.provider.asked("charge")) == 2
    assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_what_is_only_looked_for_from_now_on_is_looked_for_soon(shop: Shop, clock: MovableClock) -> None:
    """By the time that its key was found to be spent, looks may have been far between."""

    async def unheard(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.UNKNOWN)

    shop.provider.between |= {"charge": Spoiled(), "find_charge": unheard}
    charge = await shop.paid(await shop.order(), initiator=Initiator.RECURRING)
    await shop.run_jobs(rounds=4)
    assert (await shop.operation(charge.id)).tries == 4
    del shop.provider.between["find_charge"]

    await shop.run_jobs()

    assert (await shop.operation(charge.id)).solved_by is SolvedBy.SEARCH
    looked_at = (await shop.charge(charge.id)).next_check_at
    assert looked_at is not None
    assert (looked_at - clock.now()).total_seconds() == LOOK_AFTER_SECONDS[0]


async def test_a_charge_that_was_made_all_the_same_is_found(shop: Shop) -> None:
    shop.provider.between["charge"] = Spoiled(works=True)
    charge = await shop.paid(await shop.order())

    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    await shop.check(settled=True)


async def test_a_void_whose_key_is_spent_can_be_asked_for_again(shop: Shop, clock: MovableClock) -> None:
    """It would be tried for a day otherwise, while the money is held."""
    charge = await shop.authorized()
    shop.provider.between["void"] = Spoiled()
    await shop.void(charge.id)

    await shop.run_jobs()
    clock.advance(seconds=TRAVEL_SECONDS)
    await shop.run_jobs(rounds=3)
    assert (await shop.charge(charge.id)).state is ChargeState.AUTHORIZED

    assert (await shop.void(charge.id)).state is ChargeState.VOIDED
    assert len(shop.provider.asked("void")) == 3
    await shop.check(settled=True)


async def test_a_refund_whose_key_is_spent_has_failed_once_nobody_finds_it(shop: Shop, clock: MovableClock) -> None:
    paid = await shop.paid(await shop.order())
    shop.provider.between["refund"] = Spoiled(RefundResult)
    lost = await shop.refunded(paid.id, 5_00)

    await shop.run_jobs()
    clock.advance(seconds=TRAVEL_SECONDS)
    await shop.run_jobs(rounds=3)

    assert (await shop.refund_row(lost.id)).failure_code is FailureCode.NOT_APPLIED
    assert (await shop.refunded(paid.id, 5_00)).state is RefundState.SUCCEEDED
    assert len(shop.bank.truth().refunds) == 1
    await shop.check(settled=True)


class WrittenOtherwise:
    """The first request is still on its way when its repetition comes, in the words of another version."""

    def __init__(self) -> None:
        self._first: Ask | None = None

    async def __call__(self, _asked: Any, ask: Ask) -> Any:
        if self._first is None:
            self._first = ask
            return ChargeResult(outcome=Outcome.UNKNOWN, refusal=_FIRST)
        await self._first()
        refused = Refusal(message="the key is of another request", is_key_spent=True)
        return ChargeResult(outcome=Outcome.FAILED, refusal=refused)


async def test_a_repetition_that_is_refused_for_its_key_says_nothing_of_the_first(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = WrittenOtherwise()
    charge = await shop.paid(order_id)

    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN
    assert (await shop.operation(charge.id)).solved_by is SolvedBy.SEARCH
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    await shop.check(settled=True)
