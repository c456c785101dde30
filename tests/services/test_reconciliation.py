"""Reconciliation: the bank's books and ours are compared, and what differs is told once, until it is gone."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.fake import changes
from domain.charges import ChargeState, FailureCode
from domain.decisions import MoneyFound
from domain.discrepancies import Discrepancy, DiscrepancyKind, DiscrepancyState
from domain.errors import DiscrepancyClosed, DiscrepancyOpen, NotFound, PermissionDenied
from domain.events import EventKind
from domain.ids import IdPrefix, new_id
from domain.jobs import JobKind
from domain.money import Money
from domain.orders import OrderState
from domain.principals import customer
from domain.provider import (
    ChangesPage,
    ChargeRequest,
    ChargeResult,
    Initiator,
    Outcome,
    RefundRequest,
    RefundResult,
)
from domain.reconciliation import INTERVAL_SECONDS, OVERLAP, Phase, Reconciliation, Standing
from domain.refunds import RefundState
from domain.services import reconciliation
from domain.services.decisions import SettleCharge, SettleRefund
from persistence.database import Database
from persistence.store import TortoiseStore
from tests.services.conftest import OpenShop
from tests.services.dying import die_after, dropped_charge, dropped_refund
from tests.services.shop import ACCOUNT, SHOP, MovableClock, Shop, usd
from tests.services.watching import Ask

HOUR = timedelta(hours=1)


async def reconcile(shop: Shop) -> None:
    """A whole run."""
    assert await shop.reconciliation.run(ACCOUNT) == INTERVAL_SECONDS


async def found(shop: Shop, state: DiscrepancyState | None = DiscrepancyState.OPEN) -> list[Discrepancy]:
    rows = await shop.rows("SELECT id FROM discrepancies ORDER BY id")
    async with TortoiseStore(shop.database).reading() as tx:
        all_of_them = [await tx.discrepancies.get(row["id"]) for row in rows]
    return [each for each in all_of_them if each is not None and state in (None, each.state)]


async def the_one(shop: Shop) -> Discrepancy:
    (discrepancy,) = await found(shop)
    return discrepancy


async def run_row(shop: Shop) -> Reconciliation:
    async with TortoiseStore(shop.database).reading() as tx:
        run = await tx.reconciliations.get(ACCOUNT)
    assert run is not None
    return run


async def tamper(shop: Shop, statement: str, *parameters: object) -> None:
    """What nobody but a person with the database's password does."""
    async with shop.database.transaction() as connection:
        assert await connection.execute(statement, *parameters) == 1


async def at_the_bank(shop: Shop, statement: str, *parameters: object) -> None:
    assert await shop.bank.run(lambda books: books.write(statement, *parameters)) == 1


async def charge_by_somebody_else(shop: Shop, amount: int = 20_00, **named: Any) -> str:
    """Money that the bank took from a card of ours, without us; its ref."""
    customer_id = await shop.customer()
    method = await shop.method(await shop.card(customer_id))
    async with TortoiseStore(shop.database).reading() as tx:
        account = await tx.accounts.find(customer_id, ACCOUNT)
    assert account is not None
    assert method.payment_method_ref is not None
    request = ChargeRequest(
        operation_id="somebody's 1",
        charge_id="somebody's",
        amount=usd(amount),
        customer_ref=account.customer_ref,
        payment_method_ref=method.payment_method_ref,
        initiator=Initiator.CUSTOMER,
        return_url=None,
    )
    made = await shop.provider.charge(replace(request, **named))
    assert made.charge_ref is not None
    return made.charge_ref


def refund_request(stored: Mapping[str, Any]) -> RefundRequest:
    return RefundRequest(**{**stored, "amount": Money(**stored["amount"])})


# --- nothing differs --------------------------------------------------------------------------------------------------


async def test_books_that_agree_are_clean_and_nothing_is_asked_singly(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    await shop.refund(charge.id, 5_00)
    await shop.paid(await shop.order(token="tok_chargeDeclined"))
    await shop.authorized()
    waiting = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    shop.provider.calls.clear()

    await reconcile(shop)

    assert await found(shop, None) == []
    assert shop.provider.names() == ["changes"]
    assert await shop.charge(waiting.id) == waiting
    run = await run_row(shop)
    assert (run.phase, run.compared_until, run.finished_at) == (None, shop.clock.now(), shop.clock.now())
    assert await shop.rows("SELECT * FROM reconciliation_sightings") == []
    ((_, number, standing),) = (await shop.reconciliation.standings()).values()
    assert (number, standing) == (0, Standing.CLEAN)
    await shop.check()


async def test_the_first_run_begins_with_our_first_charge_and_later_ones_overlap(
    shop: Shop, clock: MovableClock
) -> None:
    first = await shop.paid(await shop.order())
    clock.advance(days=40)
    await reconcile(shop)
    clock.advance(hours=1)
    await reconcile(shop)

    since = [asked["since"] for asked in shop.provider.asked("changes")]
    assert since == [first.created_at - OVERLAP, clock.now() - OVERLAP - HOUR]


async def test_every_process_that_starts_has_all_accounts_compared_hourly(shop: Shop) -> None:
    await shop.background.begin()
    await shop.worker.run_due()

    (job,) = await shop.jobs(JobKind.RECONCILE)
    assert (job["subject_id"], job["tries"], job["last_error"]) == (ACCOUNT, 0, None)
    assert (await run_row(shop)).finished_at == shop.clock.now()
    assert JobKind.RECONCILE.is_about_money


# --- we have not heard yet --------------------------------------------------------------------------------------------


@pytest.mark.fault("F34")
async def test_a_charge_of_which_no_webhook_and_no_resolver_tells_is_found(shop: Shop, clock: MovableClock) -> None:
    charge, _ = await dropped_charge(shop, await shop.order())

    await reconcile(shop)
    assert (await shop.charge(charge.id)).state is ChargeState.PENDING  # still its maker's and the resolver's
    clock.advance(hours=1)
    await reconcile(shop)

    settled = await shop.charge(charge.id)
    assert (settled.state, settled.captured) == (ChargeState.SUCCEEDED, usd(20_00))
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    assert await found(shop, None) == []
    assert "charge" not in shop.provider.names()[shop.provider.names().index("changes") :]
    await shop.check(settled=True)


async def test_a_refund_of_which_nobody_told_is_found(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    refund, _ = await dropped_refund(shop, charge.id, 5_00)
    clock.advance(hours=1)

    await reconcile(shop)

    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    assert (await shop.charge(charge.id)).refunded == usd(5_00)
    assert await found(shop, None) == []
    await shop.check(settled=True)


async def test_a_late_confirmation_is_heard(shop: Shop, clock: MovableClock) -> None:
    """It is in the list although the charge was made long before the window."""
    charge = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    await reconcile(shop)
    await at_the_bank(
        shop,
        "UPDATE charges SET challenge_expires_at = '2099-01-01T00:00:00.000000+00:00' WHERE ref = ?",
        charge.charge_ref,
    )
    for _ in range(3):
        clock.advance(days=1)
        await reconcile(shop)
    await shop.answer_challenge(charge)

    clock.advance(hours=1)
    await reconcile(shop)

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_money_taken_after_a_charge_had_ended_is_booked_and_told(shop: Shop, clock: MovableClock) -> None:
    """F33: the answer was lost, no look found it, and it happened after all."""
    charge, _ = await dropped_charge(shop, await shop.order())
    operation = await shop.operation(charge.id)
    async with shop.store.transaction() as tx:
        await shop.settlement.charge_not_applied(tx, charge.id, operation_id=operation.id, actor="system:resolver")
    assert (await shop.charge(charge.id)).failure_code is FailureCode.NOT_APPLIED

    await reconcile(shop)
    clock.advance(hours=1)
    await reconcile(shop)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.here_state) == (DiscrepancyKind.CAPTURED_AFTER_END, ChargeState.FAILED)
    assert (discrepancy.here, discrepancy.there) == (usd(0), usd(20_00))
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


# --- there, and not here ----------------------------------------------------------------------------------------------


async def test_money_that_bears_no_id_of_ours_is_told_once(shop: Shop, clock: MovableClock) -> None:
    await shop.paid(await shop.order())
    ref = await charge_by_somebody_else(shop, 7_77)

    for _ in range(3):
        await reconcile(shop)
        clock.advance(hours=1)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.subject, discrepancy.provider_ref) == (
        DiscrepancyKind.FOREIGN_CHARGE,
        ref,
        ref,
    )
    assert (discrepancy.there, discrepancy.here, discrepancy.there_outcome) == (usd(7_77), None, Outcome.SUCCEEDED)
    assert (discrepancy.order_id, discrepancy.charge_id) == (None, None)
    assert await shop.events(discrepancy.id) == [EventKind.DISCREPANCY_OPENED]
    ((_, number, standing),) = (await shop.reconciliation.standings()).values()
    assert (number, standing) == (1, Standing.DIFFERENT)


@pytest.mark.fault("F33")
async def test_money_that_bears_ids_of_ours_that_are_not_here_names_them(shop: Shop) -> None:
    order_id = await shop.order()
    lost = new_id(IdPrefix.CHARGE)
    await charge_by_somebody_else(
        shop,
        operation_id=new_id(IdPrefix.OPERATION),
        metadata={"paydesk_order": order_id, "paydesk_charge": lost},
    )
    await charge_by_somebody_else(
        shop, operation_id="x", metadata={"paydesk_order": "x' OR 1=1", "paydesk_charge": "x"}
    )

    await reconcile(shop)

    kinds = {each.kind: each for each in await found(shop)}
    assert kinds.keys() == {DiscrepancyKind.LOST_CHARGE, DiscrepancyKind.FOREIGN_CHARGE}
    named = kinds[DiscrepancyKind.LOST_CHARGE]
    assert (named.order_id, named.charge_id) == (order_id, lost)
    assert kinds[DiscrepancyKind.FOREIGN_CHARGE].order_id is None
    assert EventKind.DISCREPANCY_OPENED in await shop.events(order_id)


async def test_what_took_no_money_there_is_nobody_s_concern(shop: Shop) -> None:
    ref = await charge_by_somebody_else(shop)
    await at_the_bank(shop, "UPDATE charges SET captured = 0, state = 'voided' WHERE ref = ?", ref)

    await reconcile(shop)

    assert await found(shop, None) == []


async def test_a_second_charge_for_one_of_ours_is_told(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    ref = await charge_by_somebody_else(shop, metadata={"paydesk_charge": charge.id})

    await reconcile(shop)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.subject) == (DiscrepancyKind.DUPLICATE_CHARGE, ref)
    assert (discrepancy.charge_id, discrepancy.order_id) == (charge.id, charge.order_id)
    assert (await shop.charge(charge.id)).captured == usd(20_00)


async def test_a_refund_made_at_the_bank_keeps_ours_back_until_it_was_seen_to(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 1_00)
    ours = (await shop.operations(charge.id))[-1].request
    await shop.provider.refund(
        replace(refund_request(ours), operation_id="by hand", refund_id="by hand", amount=usd(5_00))
    )

    await reconcile(shop)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.there) == (DiscrepancyKind.FOREIGN_REFUND, usd(5_00))
    assert (discrepancy.charge_id, refund.state) == (charge.id, RefundState.SUCCEEDED)
    with pytest.raises(DiscrepancyOpen):
        await shop.refund(charge.id, 2_00)
    await shop.discrepancies.close(SHOP, discrepancy.id, note="Given back in the dashboard.", lift=True)
    assert (await shop.refunded(charge.id, 2_00)).state is RefundState.SUCCEEDED


async def test_a_refund_that_bears_ids_of_ours_and_a_second_one_are_told(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 1_00)
    request = refund_request((await shop.operations(charge.id))[-1].request)
    lost = new_id(IdPrefix.REFUND)
    await shop.provider.refund(replace(request, operation_id="1", refund_id=lost))
    await shop.provider.refund(replace(request, operation_id="2"))

    await reconcile(shop)

    assert {(each.kind, each.refund_id) for each in await found(shop)} == {
        (DiscrepancyKind.LOST_REFUND, lost),
        (DiscrepancyKind.DUPLICATE_REFUND, refund.id),
    }


# --- here, and not there ----------------------------------------------------------------------------------------------


async def test_money_of_ours_that_the_bank_knows_nothing_of_is_told(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    held = await shop.authorized()
    refund = await shop.refunded(charge.id, 5_00)
    await at_the_bank(shop, "DELETE FROM refunds WHERE ref = ?", refund.refund_ref)
    for each in (charge, held):
        await at_the_bank(shop, "DELETE FROM charges WHERE ref = ?", each.charge_ref)
        await at_the_bank(shop, "DELETE FROM answers WHERE charge_ref = ?", each.charge_ref)
    await shop.bank.run(lambda books: books.write("DELETE FROM events"))
    clock.advance(minutes=20)

    await reconcile(shop)

    assert {(each.kind, each.subject, each.here) for each in await found(shop)} == {
        (DiscrepancyKind.MISSING_CHARGE, charge.id, usd(20_00)),
        (DiscrepancyKind.MISSING_CHARGE, held.id, usd(20_00)),
        (DiscrepancyKind.MISSING_REFUND, refund.id, usd(5_00)),
    }
    assert EventKind.DISCREPANCY_OPENED in await shop.events(charge.id)
    assert EventKind.DISCREPANCY_OPENED not in await shop.events(charge.customer_id)
    assert (await shop.charge(charge.id)).captured == usd(20_00)


async def test_what_the_list_left_out_is_looked_for_singly(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 5_00)
    await shop.bank.run(lambda books: books.write("DELETE FROM events"))
    shop.provider.calls.clear()
    clock.advance(minutes=20)

    await reconcile(shop)

    assert shop.provider.names() == ["changes", "find_charge", "find_refund"]
    assert [look_up.charge_ref for look_up in shop.provider.asked("find_charge")] == [charge.charge_ref]
    assert await found(shop, None) == []
    assert refund.state is RefundState.SUCCEEDED


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE charges SET captured = 1500, refunded = 0 WHERE ref = ?", DiscrepancyKind.CAPTURED_DIFFERS),
        ("UPDATE charges SET captured = 0, state = 'voided' WHERE ref = ?", DiscrepancyKind.CAPTURED_DIFFERS),
        ("UPDATE charges SET currency = 'EUR' WHERE ref = ?", DiscrepancyKind.CURRENCY_DIFFERS),
        ("UPDATE charges SET currency = 'XXX' WHERE ref = ?", DiscrepancyKind.UNREADABLE),
    ],
)
async def test_a_charge_that_differs_is_told_and_closes_when_it_differs_no_more(
    shop: Shop, clock: MovableClock, statement: str, kind: DiscrepancyKind
) -> None:
    charge = await shop.paid(await shop.order())
    await at_the_bank(shop, statement, charge.charge_ref)

    await reconcile(shop)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.charge_id, discrepancy.here) == (kind, charge.id, usd(20_00))
    assert await shop.charge(charge.id) == charge
    clock.advance(days=30)  # by now no list has it
    await reconcile(shop)
    assert (await the_one(shop)).seen_at == clock.now()
    await at_the_bank(
        shop,
        "UPDATE charges SET captured = 2000, state = 'succeeded', currency = 'USD' WHERE ref = ?",
        charge.charge_ref,
    )
    clock.advance(hours=1)
    await reconcile(shop)
    (gone,) = await found(shop, DiscrepancyState.GONE)
    assert (gone.closed_by, gone.closed_at) == ("system:reconciliation", clock.now())
    assert await shop.events(gone.id) == [EventKind.DISCREPANCY_OPENED, EventKind.DISCREPANCY_CLOSED]


async def test_a_charge_that_may_still_take_money_there_but_has_ended_here_is_told(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    await tamper(
        shop,
        "UPDATE charges SET state = 'FAILED', next_action = NULL, action_expires_at = NULL WHERE id = $1",
        charge.id,
    )

    await reconcile(shop)

    assert (await the_one(shop)).kind is DiscrepancyKind.CHARGE_STATE_DIFFERS
    with pytest.raises(DiscrepancyOpen):
        await shop.pay(charge.payable_id)


async def test_a_refund_that_differs_is_told_and_one_that_came_back_is_booked(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    less = await shop.refunded(charge.id, 5_00)
    back = await shop.refunded(charge.id, 3_00)
    await at_the_bank(shop, "UPDATE refunds SET amount = 400 WHERE ref = ?", less.refund_ref)
    await at_the_bank(shop, "UPDATE refunds SET state = 'failed' WHERE ref = ?", back.refund_ref)

    await reconcile(shop)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.refund_id) == (DiscrepancyKind.REFUND_AMOUNT_DIFFERS, less.id)
    assert (discrepancy.here, discrepancy.there) == (usd(5_00), usd(4_00))
    assert (await shop.refund_row(back.id)).state is RefundState.FAILED
    assert (await shop.charge(charge.id)).refunded == usd(5_00)


async def test_a_refund_that_succeeded_on_one_side_alone_is_told(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 5_00)

    async def refuse(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), outcome=Outcome.FAILED, refund_ref=None)

    await at_the_bank(shop, "UPDATE refunds SET state = 'failed' WHERE ref = ?", refund.refund_ref)
    shop.provider.between["fetch_refund"] = refuse  # without naming the refund: that a request was refused proves less
    await reconcile(shop)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.refund_id) == (DiscrepancyKind.REFUND_STATE_DIFFERS, refund.id)
    assert discrepancy.there_outcome is Outcome.FAILED


async def test_another_mode_is_told_until_a_person_closes_it(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    await tamper(shop, "UPDATE charges SET livemode = $2 WHERE id = $1", charge.id, True)

    await reconcile(shop)

    assert (await the_one(shop)).kind is DiscrepancyKind.MODE_DIFFERS
    clock.advance(days=3)  # no list has it any more, and a charge that is fetched does not tell its mode
    await reconcile(shop)
    assert (await the_one(shop)).kind is DiscrepancyKind.MODE_DIFFERS


async def test_a_charge_that_cannot_be_booked_does_not_keep_others_from_being_compared(
    shop: Shop, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, _ = await dropped_charge(shop, await shop.order())
    good, _ = await dropped_charge(shop, await shop.order())
    clock.advance(hours=1)
    settle = shop.settlement.settle_charge

    async def fail(tx: Any, charge_id: str, *args: Any, **how: Any) -> Any:
        if charge_id == odd.id:
            raise LookupError("a row that nobody thought of")
        return await settle(tx, charge_id, *args, **how)

    monkeypatch.setattr(shop.settlement, "settle_charge", fail)
    await reconcile(shop)

    assert (await shop.charge(good.id)).state is ChargeState.SUCCEEDED
    assert ((await the_one(shop)).kind, (await the_one(shop)).charge_id) == (DiscrepancyKind.UNREADABLE, odd.id)


# --- long after it was made -------------------------------------------------------------------------------------------


async def know_nothing(_asked: Any, _ask: Ask) -> ChargeResult:
    return ChargeResult(outcome=Outcome.UNKNOWN)


async def know_no_refund(_asked: Any, _ask: Ask) -> RefundResult:
    return RefundResult(outcome=Outcome.UNKNOWN)


async def days_go_by(shop: Shop, clock: MovableClock) -> None:
    for _ in range(4):
        clock.advance(days=1)
        await reconcile(shop)


async def test_money_that_a_person_has_booked_days_later_is_compared(shop: Shop, clock: MovableClock) -> None:
    """The bank never took or gave back anything, and could not be asked meanwhile."""
    refunded = await shop.paid(await shop.order())
    shop.misbehave("charge#1=error; refund#1=error")
    shop.provider.between = {
        "find_charge": know_nothing,
        "fetch_charge": know_nothing,
        "find_refund": know_no_refund,
    }
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(refunded.id, 5_00)
    await days_go_by(shop, clock)
    request = shop.request("chargeSettle", None, {"charge": charge.id})
    told: dict[str, Any] = {"found": MoneyFound.MOVED, "note": "In the dashboard."}
    await shop.decisions.settle_charge(
        SHOP,
        SettleCharge(charge_id=charge.id, captured=usd(20_00), provider_ref="fch_of_another", request=request, **told),
    )
    await shop.decisions.settle_refund(
        SHOP,
        SettleRefund(
            refund_id=refund.id,
            provider_ref=None,
            request=shop.request("refundSettle", None, {"refund": refund.id}),
            **told,
        ),
    )
    shop.provider.between.clear()
    clock.advance(hours=1)

    await reconcile(shop)

    assert {(each.kind, each.subject) for each in await found(shop)} == {
        (DiscrepancyKind.MISSING_CHARGE, charge.id),
        (DiscrepancyKind.MISSING_REFUND, refund.id),
    }


async def test_a_capture_that_never_happened_is_told_however_old_the_hold_is(shop: Shop, clock: MovableClock) -> None:
    held = await shop.authorized()
    await days_go_by(shop, clock)

    async def lie(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.SUCCEEDED, charge_ref=held.charge_ref, captured=usd(20_00))

    shop.provider.between["capture"] = lie
    await shop.capture(held.id)
    clock.advance(hours=1)

    await reconcile(shop)

    discrepancy = await the_one(shop)
    assert (discrepancy.kind, discrepancy.charge_id) == (DiscrepancyKind.CAPTURED_DIFFERS, held.id)
    assert (discrepancy.here, discrepancy.there) == (usd(20_00), usd(20_00))


# --- a person ---------------------------------------------------------------------------------------------------------


async def test_what_a_person_closed_stays_closed_until_it_grows(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    await at_the_bank(shop, "UPDATE charges SET captured = 1900 WHERE ref = ?", charge.charge_ref)
    await reconcile(shop)
    opened = await the_one(shop)
    await shop.discrepancies.close(SHOP, opened.id, note=" The bank's fee. ")

    clock.advance(hours=1)
    await reconcile(shop)

    (closed,) = await found(shop, DiscrepancyState.CLOSED)
    assert (closed.note, closed.closed_by, closed.there) == ("The bank's fee.", SHOP.actor, usd(19_00))
    assert closed.seen_at == clock.now()
    await at_the_bank(shop, "UPDATE charges SET captured = 500 WHERE ref = ?", charge.charge_ref)
    clock.advance(hours=1)
    await reconcile(shop)
    grown = await the_one(shop)
    assert (grown.id, grown.there, grown.note, grown.closed_at) == (opened.id, usd(5_00), None, None)
    assert await shop.events(opened.id) == [
        EventKind.DISCREPANCY_OPENED,
        EventKind.DISCREPANCY_CLOSED,
        EventKind.DISCREPANCY_OPENED,
    ]


async def test_that_a_person_has_looked_lets_no_money_move_until_they_say_so(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order())
    request = refund_request(
        {"operation_id": "1", "refund_id": new_id(IdPrefix.REFUND), "charge_ref": charge.charge_ref}
        | {"amount": {"minor_units": 5_00, "currency": "USD"}, "reason": None}
    )
    await shop.provider.refund(request)
    await reconcile(shop)
    discrepancy = await the_one(shop)

    await shop.discrepancies.close(SHOP, discrepancy.id, note="In our books.")
    (closed,) = await found(shop, DiscrepancyState.CLOSED)
    assert (closed.blocks, closed.lifted) == (True, False)
    with pytest.raises(DiscrepancyOpen):
        await shop.refund(charge.id, 2_00)
    clock.advance(hours=1)
    await reconcile(shop)
    with pytest.raises(DiscrepancyOpen):
        await shop.refund(charge.id, 2_00)
    with pytest.raises(DiscrepancyClosed):
        await shop.discrepancies.close(SHOP, discrepancy.id, note="Once more.")

    await shop.discrepancies.close(SHOP, discrepancy.id, note="The next one is meant.", lift=True)
    assert (await shop.refunded(charge.id, 2_00)).state is RefundState.SUCCEEDED
    (lifted,) = await found(shop, DiscrepancyState.CLOSED)
    assert (lifted.blocks, lifted.note) == (False, "The next one is meant.")
    assert await shop.events(discrepancy.id) == [
        EventKind.DISCREPANCY_OPENED,
        EventKind.DISCREPANCY_CLOSED,
        EventKind.DISCREPANCY_CLOSED,
    ]
    with pytest.raises(DiscrepancyClosed):
        await shop.discrepancies.close(SHOP, discrepancy.id, note="Once more.", lift=True)


async def test_only_who_may_closes_and_only_what_is_open(shop: Shop) -> None:
    await charge_by_somebody_else(shop)
    await shop.paid(await shop.order())
    await reconcile(shop)
    discrepancy = await the_one(shop)

    with pytest.raises(PermissionDenied):
        await shop.discrepancies.close(customer("ada", None), discrepancy.id, note="Mine.")
    with pytest.raises(NotFound):
        await shop.discrepancies.close(SHOP, new_id(IdPrefix.DISCREPANCY), note="Which?")
    await shop.discrepancies.close(SHOP, discrepancy.id, note="Another system's.")
    with pytest.raises(DiscrepancyClosed):
        await shop.discrepancies.close(SHOP, discrepancy.id, note="Again.")


# --- the run itself ---------------------------------------------------------------------------------------------------


async def test_a_list_that_does_not_come_is_asked_for_again_from_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PAGE", 1)
    for _ in range(3):
        await charge_by_somebody_else(shop, operation_id=new_id(IdPrefix.OPERATION))
    await shop.background.begin()
    shop.misbehave("changes#3=error")

    await shop.worker.run_due()
    failed = await run_row(shop)
    (job,) = await shop.jobs(JobKind.RECONCILE)
    await shop.run_jobs()

    assert (failed.phase, failed.cursor) == (Phase.LISTING, "2")
    assert "NothingHeard" in job["last_error"]
    cursors = [asked["cursor"] for asked in shop.provider.asked("changes")]
    assert cursors[:4] == [None, "1", "2", "2"]
    assert len(await found(shop)) == 3
    assert (await run_row(shop)).compared_until is not None


async def test_what_could_not_be_looked_at_is_in_the_next_run_again(shop: Shop, clock: MovableClock) -> None:
    await reconcile(shop)
    before = (await run_row(shop)).compared_until
    charge, _ = await dropped_charge(shop, await shop.order())
    clock.advance(days=5)
    shop.misbehave("fetch_charge#1=error")

    await reconcile(shop)

    assert (await run_row(shop)).compared_until == before
    assert (await run_row(shop)).finished_at == clock.now()
    assert (await shop.charge(charge.id)).state is ChargeState.PENDING
    await reconcile(shop)
    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert (await run_row(shop)).compared_until == clock.now()


async def test_a_run_that_dies_at_any_page_is_carried_on_without_harm(
    new_shop: OpenShop, other_database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PAGE", 2)
    dead, survivor = new_shop(), new_shop()
    charges = [(await dropped_charge(dead, await dead.order()))[0] for _ in range(3)]
    await charge_by_somebody_else(dead)
    clock.advance(hours=1)
    calls = 0

    async def die_at_last(_asked: Any, ask: Ask) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2:
            return await die_after(_asked, ask)
        return await ask()

    dead.provider.between["*"] = die_at_last
    for _ in range(4):
        with pytest.raises(asyncio.CancelledError):
            await dead.reconciliation.run(ACCOUNT)
    await reconcile(survivor)

    assert [(await survivor.charge(charge.id)).state for charge in charges] == [ChargeState.SUCCEEDED] * 3
    assert (await the_one(survivor)).kind is DiscrepancyKind.FOREIGN_CHARGE
    assert await survivor.events((await the_one(survivor)).id) == [EventKind.DISCREPANCY_OPENED]


async def test_two_workers_at_once_find_everything_once(
    new_shop: OpenShop, other_database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PAGE", 2)
    one, other = new_shop(), new_shop()
    late, _ = await dropped_charge(one, await one.order())
    for _ in range(5):
        await charge_by_somebody_else(one, operation_id=new_id(IdPrefix.OPERATION))
    clock.advance(hours=1)

    await asyncio.gather(one.reconciliation.run(ACCOUNT), other.reconciliation.run(ACCOUNT))

    opened = await found(one)
    assert len(opened) == 5
    for each in opened:
        assert await one.events(each.id) == [EventKind.DISCREPANCY_OPENED]
    assert (await one.charge(late.id)).state is ChargeState.SUCCEEDED
    assert (await run_row(one)).phase is None


async def test_a_long_run_gives_its_claim_back_and_goes_on_in_the_middle_of_a_page(
    shop: Shop, clock: MovableClock
) -> None:
    charges = [(await dropped_charge(shop, await shop.order()))[0] for _ in range(3)]
    clock.advance(hours=1)

    async def slowly(_asked: Any, ask: Ask) -> Any:
        clock.advance(seconds=reconciliation.AT_ONCE_SECONDS)
        return await ask()

    shop.provider.between["fetch_charge"] = slowly
    assert await shop.reconciliation.run(ACCOUNT) == 0
    run = await run_row(shop)
    states = [(await shop.charge(charge.id)).state for charge in charges]
    while await shop.reconciliation.run(ACCOUNT) == 0:
        pass

    assert (run.phase, run.cursor, run.done) == (Phase.LISTING, None, states.count(ChargeState.SUCCEEDED))
    assert 0 < run.done < 3
    assert [(await shop.charge(charge.id)).state for charge in charges] == [ChargeState.SUCCEEDED] * 3


async def test_a_move_meanwhile_is_not_taken_for_a_difference(shop: Shop) -> None:
    """The picture was fetched before a capture; by the time that it could be compared, the charge has moved on."""
    held = await shop.authorized()
    await tamper(shop, "UPDATE charges SET state = 'PENDING', capture_before = NULL WHERE id = $1", held.id)

    async def meanwhile(_asked: Any, ask: Ask) -> Any:
        picture = await ask()
        await tamper(
            shop,
            "UPDATE charges SET state = 'AUTHORIZED', capture_before = $2 WHERE id = $1",
            held.id,
            held.capture_before,
        )
        del shop.provider.between["fetch_charge"]
        await shop.capture(held.id)
        return picture

    shop.provider.between["fetch_charge"] = meanwhile
    await reconcile(shop)

    assert (await shop.charge(held.id)).state is ChargeState.SUCCEEDED
    assert await found(shop, None) == []


async def test_an_account_that_is_gone_is_not_compared(shop: Shop) -> None:
    assert await shop.reconciliation.run("another") is None


async def test_a_provider_that_hangs_or_raises_gives_no_list(shop: Shop) -> None:
    async def raise_(_asked: Any, _ask: Ask) -> ChangesPage:
        raise ZeroDivisionError

    shop.provider.between["changes"] = raise_
    with pytest.raises(Exception, match="changes at fake"):
        await shop.reconciliation.run(ACCOUNT)
    assert (await run_row(shop)).phase is Phase.LISTING


async def test_what_another_account_of_ours_made_at_the_same_place_is_not_lost(
    new_shop: OpenShop, clock: MovableClock
) -> None:
    """At Braintree two merchant accounts in one currency are two accounts here, and have one list there."""
    shop = new_shop(other_accounts=["other"])
    paid = await shop.paid(await shop.order())
    dropped, there = await dropped_charge(shop, await shop.order())

    assert await shop.reconciliation.run("other") == INTERVAL_SECONDS
    (lost,) = await found(shop)
    await shop.run_jobs()
    clock.advance(hours=1)
    assert await shop.reconciliation.run("other") == INTERVAL_SECONDS

    assert paid.charge_ref is not None
    assert (lost.kind, lost.provider_ref) == (DiscrepancyKind.LOST_CHARGE, there.charge_ref)
    assert (await shop.charge(dropped.id)).state is ChargeState.SUCCEEDED
    assert await found(shop) == [], "once it is known whose it is"
