"""A provider that authenticates before it charges: until the customer has confirmed, a charge is nothing there."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.fake import FakeProvider
from domain.charges import Charge, ChargeState
from domain.decline_limits import DeclineState
from domain.errors import DiscrepancyOpen, InvalidInput, ProviderRefused
from domain.ids import IdPrefix, new_id
from domain.jobs import JobKind
from domain.operations import OperationKind
from domain.orders import OrderState
from domain.provider import (
    ChangesPage,
    ChargeResult,
    ContinueRequest,
    Initiator,
    ListedCharge,
    Outcome,
    Refusal,
    SdkAction,
)
from domain.services.resolver import SEND_AGAIN_WITHIN
from tests.services.dying import die_before
from tests.services.shop import PROVIDER_SECONDS, SHOP, MovableClock, Shop, usd
from tests.services.test_reconciliation import charge_by_somebody_else, found, reconcile
from tests.services.watching import Ask

TRAVEL_SECONDS = 2 * PROVIDER_SECONDS + 1
CONFIRMED = "nonce_confirmed"


class Issuer:
    """Wants every charge to be confirmed first. What was confirmed is charged at the bank inside."""

    def __init__(self, shop: Shop, clock: MovableClock) -> None:
        self._clock = clock
        self._inner = FakeProvider.in_process(shop.bank, clock=clock, timeout_seconds=PROVIDER_SECONDS)
        shop.provider.between |= {"charge": self.ask, "continue_charge": self.charge}

    async def ask(self, _asked: Any, _ask: Ask) -> ChargeResult:
        until = self._clock.now() + timedelta(hours=24)
        action = SdkAction("client token", until, token="nonce_of_the_card", card_bin="411111")
        return ChargeResult(outcome=Outcome.REQUIRES_ACTION, next_action=action)

    async def charge(self, asked: ContinueRequest, _ask: Ask) -> ChargeResult:
        if asked.token != CONFIRMED:
            return ChargeResult(outcome=Outcome.FAILED, refusal=Refusal(message="it confirms nothing"))
        assert asked.charge is not None
        return await self._inner.charge(asked.charge)

    async def charge_and_lose(self, asked: ContinueRequest, ask: Ask) -> ChargeResult:
        await self.charge(asked, ask)
        return ChargeResult(outcome=Outcome.UNKNOWN)


async def silent(_asked: Any, _ask: Ask) -> ChargeResult:
    return ChargeResult(outcome=Outcome.UNKNOWN)


@pytest.fixture
def issuer(shop: Shop, clock: MovableClock) -> Issuer:
    return Issuer(shop, clock)


async def waiting(shop: Shop, **how: Any) -> Charge:
    charge = await shop.paid(await shop.order(), **how)
    assert (charge.state, charge.charge_ref) == (ChargeState.REQUIRES_ACTION, None)
    return charge


async def test_what_the_customer_confirmed_is_charged(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)
    assert isinstance(charge.next_action, SdkAction)
    assert (charge.next_action.token, charge.next_action.card_bin) == ("nonce_of_the_card", "411111")

    await shop.proceed(charge.id, token=CONFIRMED)

    paid = await shop.charge(charge.id)
    assert (paid.state, paid.captured) == (ChargeState.SUCCEEDED, usd(20_00))
    assert shop.bank.truth().captured(charge.id) == 20_00
    (asked,) = shop.provider.asked("charge")
    (continued,) = shop.provider.asked("continue_charge")
    assert continued.charge == replace(asked, operation_id=continued.operation_id, token=None)
    await reconcile(shop)
    assert not await found(shop)
    await shop.check(settled=True)


async def test_a_confirmation_without_its_token_is_the_client_s_mistake(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)
    with pytest.raises(InvalidInput) as refused:
        await shop.proceed(charge.id)
    assert refused.value.path == ("token",)
    assert shop.provider.asked("continue_charge") == []


async def test_a_token_that_confirms_nothing_leaves_the_charge_waiting(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)

    for _ in range(2):  # the repetition of a request is told the same
        with pytest.raises(ProviderRefused):
            await shop.proceed(charge.id, "once", token="nonce_plain")
    assert len(shop.provider.asked("continue_charge")) == 1
    assert (await shop.charge(charge.id)).next_action == charge.next_action
    await shop.run_jobs()
    assert "fetch_charge" not in shop.provider.names(), "there is nothing to look at"
    await shop.proceed(charge.id, token=CONFIRMED)

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_lost_answer_is_found_by_the_continuation_s_own_id(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)
    shop.provider.between["continue_charge"] = issuer.charge_and_lose
    await shop.proceed(charge.id, token=CONFIRMED)
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN

    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    (continued,) = shop.provider.asked("continue_charge")
    assert shop.provider.asked("find_charge")[-1].operation_id == continued.operation_id
    await shop.check(settled=True)


async def test_what_never_left_is_sent_again_while_the_customer_waits(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)
    shop.provider.between["continue_charge"] = die_before
    await shop.proceed(charge.id, token=CONFIRMED)

    shop.provider.between["continue_charge"] = issuer.charge
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).captured == usd(20_00)
    first, again = shop.provider.asked("continue_charge")
    assert first == again
    await shop.check(settled=True)


async def test_what_never_left_has_expired_once_that_is_proven(shop: Shop, issuer: Issuer, clock: MovableClock) -> None:
    charge = await waiting(shop)
    shop.provider.between["continue_charge"] = die_before
    await shop.proceed(charge.id, token=CONFIRMED)

    clock.advance(seconds=SEND_AGAIN_WITHIN.total_seconds() + TRAVEL_SECONDS)
    await shop.run_jobs(rounds=3)

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert not shop.bank.truth().charges
    assert len(shop.provider.asked("continue_charge")) == 1
    await shop.check(settled=True)


async def test_a_token_that_is_refused_when_it_is_sent_again_ends_the_charge(shop: Shop, issuer: Issuer) -> None:
    """Whoever confirmed has long heard that it is unknown, and nobody waits for another confirmation."""
    charge = await waiting(shop)
    shop.provider.between["continue_charge"] = silent
    await shop.proceed(charge.id, token="nonce_plain")
    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN

    shop.provider.between["continue_charge"] = issuer.charge
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    await shop.check(settled=True)


async def test_it_is_called_off_without_the_provider(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)

    assert (await shop.void(charge.id, "once")).state is ChargeState.VOIDED
    assert (await shop.void(charge.id, "once")).state is ChargeState.VOIDED

    assert shop.provider.asked("void") == []
    assert [operation.kind for operation in await shop.operations(charge.id)] == [OperationKind.CHARGE]
    await shop.check(settled=True)


async def test_its_order_can_be_cancelled(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)
    await shop.orders.cancel(SHOP, charge.payable_id, version=None)

    assert (await shop.order_row(charge.payable_id)).state is OrderState.CANCELED
    assert (await shop.charge(charge.id)).state is ChargeState.VOIDED


async def test_it_expires_by_itself_and_the_order_can_be_paid(shop: Shop, issuer: Issuer, clock: MovableClock) -> None:
    charge = await waiting(shop)
    clock.advance(hours=2)
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert await shop.jobs(JobKind.EXPIRE_CHARGE) == []
    await reconcile(shop)
    assert not await found(shop), "there is nothing at the provider to compare it with"
    shop.provider.between.clear()
    assert (await shop.paid(charge.payable_id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.parametrize("confirmed", [False, True])
async def test_the_attempt_that_was_refused_says_nothing_of_the_charge(
    shop: Shop, issuer: Issuer, clock: MovableClock, confirmed: bool
) -> None:
    """The provider lists it as declined, with the id of the operation that made it."""
    charge = await waiting(shop)
    (asked,) = shop.provider.asked("charge")
    if confirmed:
        await shop.proceed(charge.id, token=CONFIRMED)

    async def list_the_attempt(_asked: Any, ask: Ask) -> ChangesPage:
        page: ChangesPage = await ask()
        attempt = ListedCharge(
            charge_ref="attempt",
            made_at=clock.now(),
            livemode=False,
            order_id=None,
            charge_id=None,
            picture=ChargeResult(outcome=Outcome.DECLINED, charge_ref="attempt", operation_id=asked.operation_id),
        )
        return replace(page, charges=(attempt, *page.charges))

    shop.provider.between["changes"] = list_the_attempt
    clock.advance(minutes=20)
    before = await shop.charge(charge.id)
    await reconcile(shop)

    assert await shop.charge(charge.id) == before
    assert not await found(shop)


async def test_an_order_is_not_paid_by_a_charge_while_another_is_being_confirmed(shop: Shop, issuer: Issuer) -> None:
    """It counts as answered for the limits on what is under way."""
    charge = await waiting(shop)
    rows = await shop.rows("SELECT DISTINCT state FROM declines WHERE cause = $1", charge.id)
    assert [row["state"] for row in rows] == [DeclineState.TAKEN_ON]
    assert charge.initiator is Initiator.CUSTOMER


async def lost_in_a_restore(shop: Shop, order_id: str) -> None:
    """The bank shows money for this order, of a charge that is not known here."""
    metadata = {"paydesk_order": order_id, "paydesk_charge": new_id(IdPrefix.CHARGE)}
    asks = shop.provider.between.pop("charge")
    await charge_by_somebody_else(shop, operation_id=new_id(IdPrefix.OPERATION), metadata=metadata)
    shop.provider.between["charge"] = asks
    await reconcile(shop)
    assert [each.order_id for each in await found(shop)] == [order_id]


async def test_nobody_is_charged_whose_money_may_be_there_already(shop: Shop, issuer: Issuer) -> None:
    """It was confirmed once in the life that a restored backup does not know."""
    charge = await waiting(shop)
    await lost_in_a_restore(shop, charge.payable_id)

    with pytest.raises(DiscrepancyOpen):
        await shop.proceed(charge.id, token=CONFIRMED)

    assert shop.provider.asked("continue_charge") == []
    assert (await shop.charge(charge.id)).state is ChargeState.REQUIRES_ACTION


async def test_nor_is_a_confirmation_sent_again_then(shop: Shop, issuer: Issuer) -> None:
    charge = await waiting(shop)
    shop.provider.between["continue_charge"] = die_before
    await shop.proceed(charge.id, token=CONFIRMED)
    await lost_in_a_restore(shop, charge.payable_id)

    shop.provider.between["continue_charge"] = issuer.charge
    await shop.run_jobs()

    assert len(shop.provider.asked("continue_charge")) == 1
    assert shop.bank.truth().captured(charge.id) == 0


async def test_nobody_is_charged_after_the_time_to_confirm(shop: Shop, issuer: Issuer, clock: MovableClock) -> None:
    """Whoever writes that down is late: so late that the order may have been paid another way."""
    charge = await waiting(shop)
    clock.advance(hours=2)

    await shop.proceed(charge.id, token=CONFIRMED)

    assert (await shop.charge(charge.id)).state is ChargeState.EXPIRED
    assert shop.provider.asked("continue_charge") == []
    assert await shop.jobs(JobKind.EXPIRE_CHARGE) == []
    await shop.check(settled=True)
