"""What a provider lists and nobody can read may be money: it is told, it blocks, and it keeps nothing else waiting."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from domain.charges import ChargeState
from domain.discrepancies import DiscrepancyKind, DiscrepancyState
from domain.errors import DiscrepancyOpen
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import ChangesPage, ChargeResult, ListedCharge, ListedRefund, Outcome, RefundResult
from domain.reconciliation import PATIENT_FOR_RUNS, Standing
from tests.services.conftest import OpenShop
from tests.services.dying import dropped_charge
from tests.services.shop import MovableClock, Shop, usd
from tests.services.test_reconciliation import found, reconcile, run_row, the_one
from tests.services.test_recovery import standing
from tests.services.watching import Ask, Between

UNREADABLE = ChargeResult(outcome=Outcome.UNKNOWN)


def listing(*charges: ListedCharge, refunds: tuple[ListedRefund, ...] = ()) -> Between:
    """The bank's list, as it is told here."""

    async def tell(_asked: Any, _ask: Ask) -> ChangesPage:
        return ChangesPage(outcome=Outcome.SUCCEEDED, charges=charges, refunds=refunds)

    return tell


def a_charge(shop: Shop, picture: ChargeResult, **named: Any) -> ListedCharge:
    told = {"charge_ref": "fch_lost", "made_at": shop.clock.now(), "livemode": False, "order_id": None}
    return ListedCharge(**{**told, "charge_id": None, "picture": picture, **named})


def a_refund(shop: Shop, **named: Any) -> ListedRefund:
    told = {"refund_ref": "frf_lost", "made_at": shop.clock.now(), "livemode": False, "refund_id": None}
    picture = RefundResult(outcome=Outcome.UNKNOWN)
    return ListedRefund(**{**told, "charge_ref": None, "picture": picture, **named})


async def never_tell(_asked: Any, _ask: Ask) -> ChargeResult:
    return UNREADABLE


# --- what has no row here ---------------------------------------------------------------------------------------------


@pytest.mark.fault("F39")
@pytest.mark.parametrize(
    "picture",
    [UNREADABLE, ChargeResult(outcome=Outcome.SUCCEEDED, charge_ref="fch_lost")],
    ids=["unreadable", "success without an amount"],
)
async def test_a_lost_charge_that_cannot_be_read_keeps_its_order_from_being_charged(
    new_shop: OpenShop, shop: Shop, picture: ChargeResult
) -> None:
    order_id = await shop.order()
    recovering = new_shop(recovery=True)
    await recovering.reconciliation.begin()
    lost = a_charge(shop, picture, order_id=order_id, charge_id=new_id(IdPrefix.CHARGE))
    recovering.provider.between["changes"] = listing(lost)

    await reconcile(recovering)

    discrepancy = await the_one(recovering)
    assert (discrepancy.kind, discrepancy.there, discrepancy.there_outcome) == (
        DiscrepancyKind.LOST_CHARGE,
        None,
        picture.outcome,
    )
    assert discrepancy.blocks
    assert await standing(recovering) is Standing.DIFFERENT
    with pytest.raises(DiscrepancyOpen):
        await shop.pay(order_id)


async def test_what_names_nothing_of_ours_and_cannot_be_read_is_told(shop: Shop) -> None:
    shop.provider.between["changes"] = listing(a_charge(shop, UNREADABLE))

    await reconcile(shop)

    assert ((await the_one(shop)).kind, (await the_one(shop)).blocks) == (DiscrepancyKind.UNREADABLE, False)


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.FAILED, Outcome.VOIDED, Outcome.EXPIRED])
async def test_what_surely_took_nothing_is_still_nobody_s_concern(shop: Shop, outcome: Outcome) -> None:
    shop.provider.between["changes"] = listing(a_charge(shop, ChargeResult(outcome=outcome)))

    await reconcile(shop)

    assert await found(shop, None) == []


async def test_a_lost_refund_that_cannot_be_read_keeps_its_charge_from_being_refunded(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    lost = a_refund(shop, refund_id=new_id(IdPrefix.REFUND), charge_ref=charge.charge_ref)
    shop.provider.between["changes"] = listing(refunds=(lost,))

    await reconcile(shop)

    assert ((await the_one(shop)).kind, (await the_one(shop)).charge_id) == (DiscrepancyKind.LOST_REFUND, charge.id)
    with pytest.raises(DiscrepancyOpen):
        await shop.refund(charge.id, 1_00)


async def test_a_refund_of_an_unnamed_charge_is_told_and_one_of_a_foreign_charge_is_not(shop: Shop) -> None:
    refunds = (a_refund(shop), a_refund(shop, refund_ref="frf_theirs", charge_ref="fch_theirs"))
    shop.provider.between["changes"] = listing(refunds=refunds)

    await reconcile(shop)

    assert ((await the_one(shop)).kind, (await the_one(shop)).subject) == (DiscrepancyKind.FOREIGN_REFUND, "frf_lost")


# --- what is ours -----------------------------------------------------------------------------------------------------


async def test_a_charge_that_failed_here_and_cannot_be_read_there_keeps_its_order_from_being_charged(
    shop: Shop, clock: MovableClock
) -> None:
    charge, _ = await dropped_charge(shop, await shop.order())
    operation = await shop.operation(charge.id)
    async with shop.store.transaction() as tx:
        await shop.settlement.charge_not_applied(tx, charge.id, operation_id=operation.id, actor="system:resolver")
    (there,) = shop.bank.truth().charges
    picture = replace(UNREADABLE, operation_id=operation.id)
    shop.provider.between["changes"] = listing(a_charge(shop, picture, charge_ref=there.charge_ref))

    await reconcile(shop)

    assert ((await the_one(shop)).kind, (await the_one(shop)).order_id) == (
        DiscrepancyKind.UNREADABLE,
        charge.order_id,
    )
    with pytest.raises(DiscrepancyOpen):
        await shop.pay(charge.payable_id)


async def test_a_refund_of_ours_that_cannot_be_read_keeps_its_charge_from_being_refunded(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 5_00)
    shop.provider.between["changes"] = listing(refunds=(a_refund(shop, refund_ref=refund.refund_ref),))

    await reconcile(shop)

    assert ((await the_one(shop)).kind, (await the_one(shop)).refund_id) == (DiscrepancyKind.UNREADABLE, refund.id)
    with pytest.raises(DiscrepancyOpen):
        await shop.refund(charge.id, 1_00)


async def test_a_hold_in_another_currency_is_told_and_the_run_goes_on(shop: Shop, clock: MovableClock) -> None:
    held = await shop.authorized()
    late, _ = await dropped_charge(shop, await shop.order())
    clock.advance(hours=1)
    euros = ChargeResult(outcome=Outcome.AUTHORIZED, charge_ref=held.charge_ref, authorized=Money(20_00, "EUR"))

    async def say(asked: Any, ask: Ask) -> ChargeResult:
        return euros if asked == held.charge_ref else await ask()

    async def tell(_asked: Any, ask: Ask) -> ChangesPage:
        page: ChangesPage = await ask()
        return replace(page, charges=(a_charge(shop, euros, charge_ref=held.charge_ref), *page.charges))

    shop.provider.between = {"changes": tell, "fetch_charge": say}
    await reconcile(shop)

    kinds = {(each.kind, each.charge_id, each.there) for each in await found(shop)}
    assert (DiscrepancyKind.CURRENCY_DIFFERS, held.id, Money(20_00, "EUR")) in kinds
    assert (await shop.charge(held.id)).authorized == usd(20_00)
    assert (await shop.charge(late.id)).state is ChargeState.SUCCEEDED
    assert (await run_row(shop)).compared_until == clock.now()


async def test_what_nobody_thought_of_does_not_keep_others_from_being_compared(shop: Shop, clock: MovableClock) -> None:
    """An adapter that is broken: its amounts are no money."""
    odd, late = await shop.paid(await shop.order()), (await dropped_charge(shop, await shop.order()))[0]
    clock.advance(hours=1)

    def broken(picture: ChargeResult) -> ChargeResult:
        return replace(picture, captured=cast("Money", 20.0))

    async def tell(_asked: Any, ask: Ask) -> ChangesPage:
        page: ChangesPage = await ask()
        charges = [replace(each, picture=broken(each.picture)) for each in page.charges if each.charge_id == odd.id]
        return replace(page, charges=(*charges, *(each for each in page.charges if each.charge_id == late.id)))

    async def say(asked: Any, ask: Ask) -> ChargeResult:
        return broken(await ask()) if odd.charge_ref in (asked, getattr(asked, "charge_ref", None)) else await ask()

    shop.provider.between = {"changes": tell, "fetch_charge": say, "find_charge": say}
    for _ in range(2):
        clock.advance(hours=1)
        await reconcile(shop)

    assert {(each.kind, each.charge_id) for each in await found(shop)} == {(DiscrepancyKind.UNREADABLE, odd.id)}
    assert (await shop.charge(late.id)).state is ChargeState.SUCCEEDED
    assert (await run_row(shop)).compared_until == clock.now()
    shop.provider.between.clear()
    clock.advance(hours=1)
    await reconcile(shop)
    assert await found(shop) == []


# --- what gives no answer ---------------------------------------------------------------------------------------------


async def test_one_object_without_an_answer_does_not_keep_recovery_waiting_for_ever(
    new_shop: OpenShop, shop: Shop, clock: MovableClock
) -> None:
    silent, _ = await dropped_charge(shop, await shop.order())
    clock.advance(hours=1)
    recovering = new_shop(recovery=True)
    await recovering.reconciliation.begin()
    recovering.provider.between["fetch_charge"] = never_tell

    told = []
    for _ in range(PATIENT_FOR_RUNS + 2):
        await reconcile(recovering)
        told.append(await standing(recovering))
        clock.advance(hours=1)

    assert told == [Standing.PENDING] * PATIENT_FOR_RUNS + [Standing.DIFFERENT] * 2
    discrepancy = await the_one(recovering)
    assert (discrepancy.kind, discrepancy.charge_id) == (DiscrepancyKind.UNREADABLE, silent.id)
    assert (await run_row(recovering)).compared_until == clock.now() - timedelta(hours=1)

    recovering.provider.between.clear()
    await reconcile(recovering)
    assert await standing(recovering) is Standing.CLEAN
    assert (await recovering.charge(silent.id)).state is ChargeState.SUCCEEDED


async def test_a_discrepancy_without_an_answer_stays_open_and_keeps_no_run_waiting(
    shop: Shop, clock: MovableClock
) -> None:
    shop.provider.between = {"changes": listing(a_charge(shop, UNREADABLE)), "fetch_charge": never_tell}
    await reconcile(shop)
    shop.provider.between["changes"] = listing()
    clock.advance(hours=1)

    await reconcile(shop)

    assert (await the_one(shop)).state is DiscrepancyState.OPEN
    assert (await run_row(shop)).compared_until == clock.now()
