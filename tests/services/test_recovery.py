"""A database is put back to an earlier copy, while the bank remembers what happened since: no money moves twice."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from adapters.fake import Bank
from domain.charges import ChargeState, FailureCode
from domain.discrepancies import Discrepancy, DiscrepancyKind, DiscrepancyState
from domain.errors import DiscrepancyOpen, RecoveryInProgress
from domain.events import EventKind
from domain.jobs import JobKind
from domain.orders import OrderState
from domain.provider import ChangesPage, ChargeResult, Initiator, Outcome, ProviderAction
from domain.reconciliation import Standing, worst_of
from domain.refunds import RefundState
from persistence.database import Database
from tests.services.dying import die_before
from tests.services.shop import ACCOUNT, SHOP, MovableClock, Shop, open_shop, usd
from tests.services.test_reconciliation import found, refund_request
from tests.services.watching import Ask, WatchedProvider

LOOKS = {"changes", "fetch_charge", "fetch_refund", "find_charge", "find_refund", "fetch_payment_method"}

HOUR = timedelta(hours=1)

Open = Callable[..., Any]


@pytest.fixture
async def open_at(bank: Bank, clock: MovableClock) -> AsyncIterator[Open]:
    """A shop on the database of that URL; `close` of the stack closes the one before."""
    async with AsyncExitStack() as opened:

        async def open_(url: str, **decided: Any) -> Shop:
            await opened.aclose()
            database = await Database.open(url)
            opened.push_async_callback(database.close)
            shop = open_shop(database, bank, clock, **decided)
            opened.push_async_callback(shop.close)
            return shop

        open_.close = opened.aclose  # type: ignore[attr-defined]  # what a backup needs: nobody has it open
        yield open_


async def standing(shop: Shop) -> Standing:
    (told,) = (await shop.reconciliation.standings()).values()
    return told[2]


async def of_kind(shop: Shop, kind: DiscrepancyKind) -> Discrepancy:
    (one,) = [each for each in await found(shop) if each.kind is kind]
    return one


@pytest.mark.fault("F39")
async def test_what_was_lost_in_a_restore_is_told_and_no_money_moves_twice(
    open_at: Open, backup_of: Callable[[str], str], database_url: str, clock: MovableClock
) -> None:
    shop = await open_at(database_url)
    unpaid, paid, held = await shop.order(), await shop.paid(await shop.order()), await shop.authorized()
    await open_at.close()  # type: ignore[attr-defined]
    backup = backup_of(database_url)

    # What happens after the backup, and is lost with the database.
    shop = await open_at(database_url)
    clock.advance(minutes=30)
    lost = await shop.paid(unpaid, key="the client's")
    lost_refund = await shop.refunded(paid.id, 5_00)
    await shop.capture(held.id)
    truth = shop.bank.truth()
    clock.advance(hours=2)

    shop = await open_at(backup, recovery=True)
    await shop.background.begin()
    assert await standing(shop) is Standing.PENDING
    await shop.run_jobs(rounds=3)

    assert set(shop.provider.names()) <= LOOKS
    assert shop.bank.truth() == truth
    with pytest.raises(RecoveryInProgress):
        await shop.pay(unpaid, key="the client's")
    charge = await of_kind(shop, DiscrepancyKind.LOST_CHARGE)
    assert (charge.order_id, charge.charge_id, charge.provider_ref) == (unpaid, lost.id, lost.charge_ref)
    assert charge.there == usd(20_00)
    back = await of_kind(shop, DiscrepancyKind.LOST_REFUND)
    assert (back.charge_id, back.refund_id, back.there) == (paid.id, lost_refund.id, usd(5_00))
    assert (await shop.charge(held.id)).state is ChargeState.SUCCEEDED  # only not heard, and told by the bank
    assert await shop.charges_of(unpaid) == []  # nothing is made by guess
    assert await standing(shop) is Standing.DIFFERENT
    assert EventKind.DISCREPANCY_OPENED in await shop.events(unpaid)

    shop = await open_at(backup)
    await shop.background.begin()
    await shop.run_jobs()
    # The key of the request is lost with the charge, so it is new to us: without the discrepancy it would charge again.
    with pytest.raises(DiscrepancyOpen):
        await shop.pay(unpaid, key="the client's")
    with pytest.raises(DiscrepancyOpen):
        await shop.refund(paid.id, 5_00)
    assert shop.bank.truth() == truth

    # A person gives the money back in the bank's own dashboard; the run finds that, and the order can be paid.
    await shop.provider.refund(_refund_of(lost.charge_ref))
    clock.advance(hours=1)
    await shop.run_jobs()
    (gone,) = [each for each in await found(shop, DiscrepancyState.GONE) if each.id == charge.id]
    assert gone.closed_by == "system:reconciliation"
    await shop.discrepancies.close(SHOP, back.id, note="The refund was meant.", lift=True)
    assert (await shop.paid(unpaid, key="the client's")).state is ChargeState.SUCCEEDED
    assert await standing(shop) is Standing.CLEAN


def _refund_of(charge_ref: str | None) -> Any:
    stored = {
        "operation_id": "by hand",
        "refund_id": "by hand",
        "charge_ref": charge_ref,
        "amount": {"minor_units": 20_00, "currency": "USD"},
        "reason": None,
    }
    return refund_request(stored)


@pytest.mark.fault("F39")
async def test_a_request_that_was_given_up_since_is_not_sent_out_of_a_backup(
    open_at: Open, backup_of: Callable[[str], str], database_url: str, clock: MovableClock
) -> None:
    """In the backup a charge is about to be sent. Since then it was given up, and the order was charged by another."""
    shop = await open_at(database_url)
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id, initiator=Initiator.RECURRING)
    (given_up,) = await shop.charges_of(order_id)
    await open_at.close()  # type: ignore[attr-defined]
    backup = backup_of(database_url)

    shop = await open_at(database_url)
    operation = await shop.operation(given_up.id)
    async with shop.store.transaction() as tx:
        await shop.settlement.charge_not_applied(tx, given_up.id, operation_id=operation.id, actor="system:resolver")
    assert (await shop.paid(order_id, key="another wish")).state is ChargeState.SUCCEEDED
    clock.advance(hours=1)

    recovering = await open_at(backup, recovery=True)
    await recovering.background.begin()
    await recovering.run_jobs(rounds=4)
    assert set(recovering.provider.names()) <= LOOKS
    assert (await of_kind(recovering, DiscrepancyKind.LOST_CHARGE)).order_id == order_id

    shop = await open_at(backup)
    await shop.background.begin()
    await shop.run_jobs(rounds=4)

    assert set(shop.provider.names()) <= LOOKS
    assert len(shop.bank.truth().charges) == 1
    assert (await shop.charge(given_up.id)).state is ChargeState.UNKNOWN


async def empty_looks(shop: Shop, clock: MovableClock) -> None:
    """The resolver looks three times, the last of them after everything that was on its way has arrived."""
    await shop.run_jobs(rounds=2)
    clock.advance(minutes=5)
    await shop.run_jobs()


@pytest.mark.fault("F39")
async def test_closing_a_lost_charge_lets_nothing_out_of_the_backup(
    open_at: Open, backup_of: Callable[[str], str], database_url: str, clock: MovableClock
) -> None:
    """As before; and the staff keeps the money, delivers, and closes what was lost with a note."""
    shop = await open_at(database_url)
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id, initiator=Initiator.RECURRING)
    (given_up,) = await shop.charges_of(order_id)
    await open_at.close()  # type: ignore[attr-defined]
    backup = backup_of(database_url)

    shop = await open_at(database_url)
    operation = await shop.operation(given_up.id)
    async with shop.store.transaction() as tx:
        await shop.settlement.charge_not_applied(tx, given_up.id, operation_id=operation.id, actor="system:resolver")
    await shop.paid(order_id, key="another wish")
    clock.advance(hours=1)

    recovering = await open_at(backup, recovery=True)
    await recovering.background.begin()
    await recovering.run_jobs(rounds=3)
    lost = await of_kind(recovering, DiscrepancyKind.LOST_CHARGE)
    assert (await recovering.charge(given_up.id)).state is ChargeState.UNKNOWN  # it may still be on its way

    shop = await open_at(backup)
    await shop.background.begin()
    await shop.discrepancies.close(SHOP, lost.id, note="Kept, and delivered.")
    await empty_looks(shop, clock)

    assert set(shop.provider.names()) <= LOOKS
    after = await shop.charge(given_up.id)
    assert (after.state, after.failure_code) == (ChargeState.FAILED, FailureCode.NOT_APPLIED)
    with pytest.raises(DiscrepancyOpen):
        await shop.pay(order_id, key="once more")
    assert len(shop.bank.truth().charges) == 1
    await shop.discrepancies.close(SHOP, lost.id, note="Given back by transfer.", lift=True)
    assert (await shop.paid(order_id, key="once more")).state is ChargeState.SUCCEEDED


@pytest.mark.fault("F39")
async def test_closing_a_lost_refund_lets_nothing_out_of_the_backup(
    open_at: Open, backup_of: Callable[[str], str], database_url: str, clock: MovableClock
) -> None:
    shop = await open_at(database_url)
    charge = await shop.paid(await shop.order())
    shop.provider.between["refund"] = die_before
    first = await shop.refund(charge.id, 5_00)
    await open_at.close()  # type: ignore[attr-defined]
    backup = backup_of(database_url)

    shop = await open_at(database_url)
    operation = await shop.operation(charge.id)
    async with shop.store.transaction() as tx:
        await shop.settlement.refund_not_applied(
            tx, first.refund_id, operation_id=operation.id, actor="system:resolver"
        )
    await shop.refunded(charge.id, 5_00)
    clock.advance(hours=1)

    recovering = await open_at(backup, recovery=True)
    await recovering.background.begin()
    await recovering.run_jobs(rounds=3)
    lost = await of_kind(recovering, DiscrepancyKind.LOST_REFUND)

    shop = await open_at(backup)
    await shop.background.begin()
    await shop.discrepancies.close(SHOP, lost.id, note="In our books.", lift=True)
    await empty_looks(shop, clock)

    assert set(shop.provider.names()) <= LOOKS
    assert [refund.amount for refund in shop.bank.truth().refunds] == [5_00]
    given_up = await shop.refund_row(first.refund_id)
    assert (given_up.state, given_up.failure_code) == (RefundState.FAILED, FailureCode.NOT_APPLIED)
    assert (await shop.charge(charge.id)).refund_reserved == usd(0)


@pytest.mark.fault("F39")
async def test_what_was_under_way_in_the_backup_is_found_if_it_happened(
    open_at: Open, backup_of: Callable[[str], str], database_url: str, clock: MovableClock
) -> None:
    """Looked for in vain often enough before the backup; and sent at the very end of the life that was lost."""
    shop = await open_at(database_url)
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id, initiator=Initiator.RECURRING)
    shop.provider.between["charge"] = lose
    await shop.run_jobs(rounds=3)
    (charge,) = await shop.charges_of(order_id)
    assert (await shop.operation(charge.id)).empty_looks == 3
    await open_at.close()  # type: ignore[attr-defined]
    backup = backup_of(database_url)
    clock.advance(hours=3)
    shop = await open_at(database_url)
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED

    shop = await open_at(backup, recovery=True)
    await shop.background.begin()
    shop.provider.between["find_charge"] = find_nothing  # the bank's search lags
    shop.provider.between["changes"] = no_list
    await shop.run_jobs()
    operation = await shop.operation(charge.id)
    assert (operation.recovered_at, operation.empty_looks, operation.is_finished) == (clock.now(), 1, False)
    shop.provider.between.clear()
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert len(shop.bank.truth().charges) == 1


async def lose(_asked: Any, _ask: Ask) -> ChargeResult:
    return ChargeResult(outcome=Outcome.UNKNOWN)


async def find_nothing(_asked: Any, _ask: Ask) -> None:
    return None


async def no_list(_asked: Any, _ask: Ask) -> ChangesPage:
    return ChangesPage(outcome=Outcome.UNKNOWN)


async def test_a_capture_out_of_a_backup_is_not_sent_and_can_be_asked_for_again(
    open_at: Open, database_url: str, clock: MovableClock
) -> None:
    shop = await open_at(database_url)
    held = await shop.authorized()
    shop.provider.between["capture"] = die_before
    await shop.capture(held.id)

    shop = await open_at(database_url, recovery=True)
    await shop.background.begin()
    shop = await open_at(database_url)
    await shop.background.begin()
    await empty_looks(shop, clock)

    assert set(shop.provider.names()) <= LOOKS
    assert (await shop.charge(held.id)).state is ChargeState.AUTHORIZED
    assert (await shop.capture(held.id)).state is ChargeState.SUCCEEDED


async def test_a_known_key_gets_its_answer_in_recovery_too(open_at: Open, database_url: str) -> None:
    shop = await open_at(database_url)
    order_id = await shop.order()
    charge = await shop.paid(order_id, key="pay")
    refund = await shop.refunded(charge.id, 5_00, key="refund")
    held = await shop.authorized()
    await shop.capture(held.id, key="capture")
    called_off = await shop.authorized()
    await shop.void(called_off.id, key="void")

    shop = await open_at(database_url, recovery=True)

    assert (await shop.pay(order_id, key="pay")).charge_id == charge.id
    assert await shop.refunded(charge.id, 5_00, key="refund") == refund
    assert (await shop.capture(held.id, key="capture")).state is ChargeState.SUCCEEDED
    assert (await shop.void(called_off.id, key="void")).state is ChargeState.VOIDED
    assert shop.provider.names() == []
    with pytest.raises(RecoveryInProgress):
        await shop.refund(charge.id, 5_00, key="another")


async def test_what_was_to_expire_or_to_be_forgotten_waits(
    open_at: Open, database_url: str, clock: MovableClock
) -> None:
    shop = await open_at(database_url)
    held = await shop.authorized()
    customer_id = await shop.customer()
    card = await shop.card(customer_id)
    order_id = await shop.order_of(customer_id, expires_at=clock.now() + HOUR)
    clock.advance(days=8)

    shop = await open_at(database_url, recovery=True)
    await shop.payment_methods.detach(SHOP, card)
    shop.provider.calls.clear()
    await shop.run_jobs(rounds=2)

    assert shop.provider.names() == []
    assert (await shop.charge(held.id)).state is ChargeState.AUTHORIZED
    assert (await shop.order_row(order_id)).state is OrderState.OPEN
    waiting = {job["kind"] for job in await shop.jobs()}
    assert waiting == {JobKind.EXPIRE_CHARGE, JobKind.EXPIRE_ORDER, JobKind.FORGET_PAYMENT_METHOD}
    assert all(job["last_error"] is None and job["tries"] == 0 for job in await shop.jobs())

    shop = await open_at(database_url)
    await shop.run_jobs(rounds=2)
    assert (await shop.charge(held.id)).state is ChargeState.EXPIRED
    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED


async def test_the_teller_sends_nothing_whoever_asks(open_at: Open, database_url: str) -> None:
    shop = await open_at(database_url)
    charge = await shop.paid(await shop.order())
    operation = await shop.operation(charge.id)

    shop = await open_at(database_url, recovery=True)
    teller = shop.resolver._teller
    told = [
        await teller.send_charge(operation),
        await teller.detach(ACCOUNT, "fpm_1"),
        await teller.forget_customer(ACCOUNT, "fcu_1"),
    ]

    assert [each.outcome for each in told] == ["UNKNOWN"] * 3
    assert shop.provider.names() == []


async def test_recovery_goes_back_to_the_beginning_or_as_far_as_it_is_told(
    open_at: Open, database_url: str, clock: MovableClock
) -> None:
    shop = await open_at(database_url)
    await shop.paid(await shop.order())
    clock.advance(days=90)
    await shop.reconciliation.run(ACCOUNT)

    shop = await open_at(database_url, recovery=True)
    await shop.reconciliation.begin()
    await shop.reconciliation.run(ACCOUNT)
    await shop.reconciliation.begin()  # another process starts while the first has finished
    assert await standing(shop) is Standing.CLEAN
    assert [asked["since"] for asked in shop.provider.asked("changes")] == [None]

    shop = await open_at(database_url)
    await shop.reconciliation.begin()  # recovery is over, and begins anew later
    shop = await open_at(database_url, recovery=True, recovery_reach=30 * 24 * HOUR)
    await shop.reconciliation.begin()
    assert await standing(shop) is Standing.PENDING
    await shop.reconciliation.run(ACCOUNT)
    assert [asked["since"] for asked in shop.provider.asked("changes")] == [clock.now() - 30 * 24 * HOUR]


async def test_a_run_that_came_with_the_backup_is_begun_anew(
    open_at: Open, database_url: str, clock: MovableClock
) -> None:
    """The backup was made in the middle of a recovery, whose run was past the beginning."""
    shop = await open_at(database_url, recovery=True)
    await shop.reconciliation.begin()
    await shop.reconciliation.run(ACCOUNT)
    clock.advance(hours=3)

    await shop.reconciliation.begin()

    assert await standing(shop) is Standing.PENDING


@pytest.mark.fault("F39")
async def test_an_account_that_cannot_be_compared_is_not_clean(
    open_at: Open, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await open_at(database_url, other_accounts=("second",), default_account="second")
    await shop.paid(await shop.order())

    shop = await open_at(database_url, recovery=True)  # without the second account
    await shop.reconciliation.begin()
    await shop.reconciliation.run(ACCOUNT)
    told = {account: how for account, (_, _, how) in (await shop.reconciliation.standings()).items()}
    # The bank is the same one, which knows nothing of accounts: what it lists here is the other account's.
    assert told == {ACCOUNT: Standing.CLEAN, "second": Standing.NOT_COMPARABLE}
    assert worst_of(told.values()) is Standing.NOT_COMPARABLE

    capabilities = [each for each in shop.provider.capabilities if each.action is not ProviderAction.LIST_CHANGES]
    monkeypatch.setattr(WatchedProvider, "capabilities", tuple(capabilities))
    assert (await shop.reconciliation.standings())[ACCOUNT][2] is Standing.NOT_COMPARABLE
    assert worst_of([]) is Standing.PENDING
