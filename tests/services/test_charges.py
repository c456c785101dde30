"""Charging an order in three phases: what each answer of the bank makes of charge, order, ledger, events and jobs."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.charges import ChargeState, FailureCode, ReviewReason
from domain.declines import DeclineCode
from domain.errors import (
    ChargeInProgress,
    IdempotencyConflict,
    OrderAlreadyPaid,
    OrderNotPayable,
    PaymentMethodMissing,
    ProviderUnavailable,
    StaleVersion,
    UnsupportedByProvider,
)
from domain.jobs import JobKind
from domain.money import Money
from domain.orders import OrderState, PaymentState
from domain.provider import ChargeRequest, ChargeResult, Initiator, Outcome
from domain.queries import Viewer
from domain.services.refunds import RefundCharge
from persistence.database import Database
from persistence.queries import TortoiseQueries
from persistence.store import TortoiseStore
from tests.services.conftest import OpenShop
from tests.services.shop import SHOP, MovableClock, Shop, at_once, usd
from tests.services.watching import Ask

THREE_D_SECURE = "tok_threeDSecureRequired"


async def test_an_order_is_paid_with_everything_that_follows(shop: Shop) -> None:
    order_id = await shop.order(20_00)

    charge = await shop.paid(order_id)

    order = await shop.order_row(order_id)
    assert (charge.state, charge.captured, charge.review) == (ChargeState.SUCCEEDED, usd(20_00), None)
    assert (order.state, order.completed_at is not None) == (OrderState.COMPLETED, True)
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 20_00, "PAYMENTS": -20_00}
    assert await shop.events(order_id) == [
        "ORDER_CREATED",
        "ORDER_PLACED",
        "CHARGE_CREATED",
        "CHARGE_SUCCEEDED",
        "ORDER_COMPLETED",
    ]
    assert await shop.jobs(JobKind.RESOLVE_OPERATION) == []
    await shop.check(settled=True)


@pytest.mark.fault("F2")
async def test_the_bank_is_asked_after_the_commit_and_outside_of_any_transaction(
    shop: Shop, other_database: Database
) -> None:
    """Every call, of every flow: another process sees what is about to be sent, and no transaction is open."""
    seen: list[str] = []

    async def look(asked: Any, ask: Ask) -> Any:
        assert shop.database.idle, "a transaction was open while the bank was asked"
        operation_id = getattr(asked, "operation_id", None)
        if operation_id is not None:
            async with TortoiseStore(other_database).reading() as tx:
                operation = await tx.operations.get(operation_id)
            assert operation is not None, "the bank would hear of it before the database"
            assert not operation.is_finished
            seen.append(operation.kind)
        return await ask()

    shop.provider.between["*"] = look

    first = await shop.paid(await shop.order())
    await shop.refund(first.id, 5_00)
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.proceed(waiting.id)
    await shop.orders.cancel(SHOP, waiting.payable_id, version=None)
    await shop.deliver_webhooks()
    await shop.run_jobs()

    assert seen == ["CHARGE", "REFUND", "CHARGE", "CONTINUE", "VOID"]
    assert {"attach_payment_method", "ensure_customer", "fetch_charge"} <= set(shop.provider.names())
    assert await shop.jobs() == []
    await shop.check()


async def test_phase_one_leaves_everything_that_is_needed_to_finish(shop: Shop) -> None:
    """What is committed when the request leaves: order placed, charge pending, operation with its job, key."""
    order_id = await shop.order(20_00)
    found: dict[str, Any] = {}

    async def look(asked: ChargeRequest, ask: Ask) -> Any:
        found["charge"] = (await shop.charges_of(order_id))[0]
        found["order"] = await shop.order_row(order_id)
        found["operation"] = await shop.operation(asked.charge_id)
        found["jobs"] = [job["subject_id"] for job in await shop.jobs(JobKind.RESOLVE_OPERATION)]
        found["keys"] = await shop.rows("SELECT object_id FROM idempotency_keys")
        await shop.check()
        return await ask()

    shop.provider.between["charge"] = look
    charge = await shop.paid(order_id)

    assert found["charge"].state is ChargeState.PENDING
    assert found["order"].state is OrderState.PLACED
    assert found["jobs"] == [found["operation"].id]
    assert found["keys"] == [{"object_id": charge.id}]


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclined", DeclineCode.GENERIC_DECLINE),
        ("tok_chargeDeclinedInsufficientFunds", DeclineCode.INSUFFICIENT_FUNDS),
        ("tok_chargeDeclinedExpiredCard", DeclineCode.CARD_EXPIRED),
    ],
)
async def test_a_declined_order_can_be_paid_again(shop: Shop, token: str, code: DeclineCode) -> None:
    order_id = await shop.order(token=token)

    declined = await shop.paid(order_id)

    assert (declined.state, declined.decline_code, declined.is_live) == (ChargeState.DECLINED, code, False)
    assert (await shop.order_row(order_id)).state is OrderState.PLACED
    assert await shop.ledger(declined.id) == {}
    assert await shop.jobs() == []

    other_card = await shop.card(declined.customer_id)
    paid = await shop.paid(order_id, payment_method_id=other_card)
    assert paid.state is ChargeState.SUCCEEDED
    assert paid.id != declined.id
    await shop.check(settled=True)


@pytest.mark.fault("F15")
async def test_nothing_is_charged_later_when_the_bank_cannot_be_reached(shop: Shop) -> None:
    order_id = await shop.order()
    shop.misbehave("charge#1=refuse")

    failed = await shop.paid(order_id, key="k")

    assert (failed.state, failed.failure_code) == (ChargeState.FAILED, FailureCode.PROVIDER_UNAVAILABLE)
    assert await shop.run_jobs() == 0
    assert shop.bank.truth().charges == ()
    # The same key is free, and makes another charge.
    again = await shop.paid(order_id, key="k")
    assert (again.state, again.id != failed.id) == (ChargeState.SUCCEEDED, True)
    await shop.check(settled=True)


async def test_a_refused_charge_has_failed_and_keeps_its_key(shop: Shop) -> None:
    order_id = await shop.order()

    async def refuse(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.FAILED)

    shop.provider.between["charge"] = refuse
    failed = await shop.paid(order_id, key="k")

    assert (failed.state, failed.failure_code) == (ChargeState.FAILED, FailureCode.PROVIDER_REFUSED)
    assert (await shop.pay(order_id, key="k")).charge_id == failed.id
    assert (await shop.order_row(order_id)).state is OrderState.PLACED
    await shop.check(settled=True)


@pytest.mark.fault("F7", "F8", "F9", "F12", "F14")
@pytest.mark.parametrize("fault", ["lose_answer", "reset", "error_after", "html", "truncate", "empty", "hang"])
async def test_a_lost_answer_is_unknown_until_it_is_looked_up(shop: Shop, fault: str) -> None:
    """F7, F8, F9, F12, F14."""
    order_id = await shop.order(20_00)
    shop.misbehave(f"charge#1={fault}")

    lost = await shop.paid(order_id, key="k")

    assert (lost.state, lost.captured) == (ChargeState.UNKNOWN, usd(0))
    assert lost.next_check_at is not None
    assert (await shop.pay(order_id, key="k")).charge_id == lost.id
    with pytest.raises(ChargeInProgress):
        await shop.pay(order_id, key="another")

    await shop.run_jobs()
    assert (await shop.charge(lost.id)).state is ChargeState.SUCCEEDED
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    assert shop.provider.names().count("charge") == 1
    await shop.check(settled=True)


@pytest.mark.fault("F12", "F13")
@pytest.mark.parametrize("fault", ["error", "rate_limit"])
async def test_an_error_without_effect_is_unknown_and_the_same_request_is_sent_again(shop: Shop, fault: str) -> None:
    """F12, F13."""
    order_id = await shop.order(20_00)
    shop.misbehave(f"charge#1={fault}")
    assert (await shop.paid(order_id)).state is ChargeState.UNKNOWN

    await shop.run_jobs()

    first, second = shop.provider.asked("charge")
    assert first == second
    assert (await shop.charges_of(order_id))[0].state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_an_adapter_that_raises_leaves_the_outcome_unknown(shop: Shop) -> None:
    order_id = await shop.order(20_00)

    async def break_afterwards(_asked: Any, ask: Ask) -> Any:
        await ask()
        raise ValueError("a bug of the adapter")

    shop.provider.between["charge"] = break_afterwards

    assert (await shop.paid(order_id)).state is ChargeState.UNKNOWN
    await shop.run_jobs()
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


@pytest.mark.fault("F9")
async def test_a_late_answer_is_pending_and_settles_without_its_client(new_shop: OpenShop) -> None:
    shop = new_shop(answer_within_seconds=0.02)
    order_id = await shop.order()
    await shop.idle()  # its card may take longer to be stored than that
    may_answer = asyncio.Event()

    async def wait(_asked: Any, ask: Ask) -> Any:
        told = await ask()
        await may_answer.wait()
        return told

    shop.provider.between["charge"] = wait
    pending = await shop.paid(order_id)
    assert pending.state is ChargeState.PENDING

    may_answer.set()
    await shop.idle()
    assert (await shop.charge(pending.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.fault("F45")
async def test_money_settles_when_the_client_hangs_up(shop: Shop) -> None:
    """F45: the request is cancelled while the bank works."""
    order_id = await shop.order()
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_asked: Any, ask: Ask) -> Any:
        asked.set()
        await may_answer.wait()
        return await ask()

    shop.provider.between["charge"] = wait
    client = asyncio.create_task(shop.pay(order_id))
    await asked.wait()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client
    may_answer.set()
    await shop.idle()

    assert [charge.state for charge in await shop.charges_of(order_id)] == [ChargeState.SUCCEEDED]
    await shop.check(settled=True)


# --- several at once ------------------------------------------------------------------------------------------------


@pytest.mark.fault("F23")
async def test_one_key_ten_times_at_once_is_one_charge(shop: Shop) -> None:
    """F23: each repeat gets the same charge."""
    order_id = await shop.order()

    charged = await at_once(*(shop.pay(order_id, key="k") for _ in range(10)))

    assert len({one.charge_id for one in charged}) == 1
    assert len(shop.bank.truth().charges) == 1
    await shop.check(settled=True)


@pytest.mark.fault("F24")
async def test_ten_keys_at_once_are_one_charge_and_burn_no_key(shop: Shop) -> None:
    """F24: the others are told, and their keys are free."""
    order_id = await shop.order(token="tok_chargeDeclined")

    answers = await at_once(*(shop.pay(order_id, key=f"k{number}") for number in range(10)))

    refused = [answer for answer in answers if isinstance(answer, ChargeInProgress | OrderAlreadyPaid)]
    made = [answer for answer in answers if not isinstance(answer, Exception)]
    assert len(refused) + len(made) == 10, answers
    # A declined charge lets the next one in, so there may be several, but each was a request of its own.
    keys = await shop.rows("SELECT object_id FROM idempotency_keys WHERE mutation = 'orderCharge'")
    assert sorted(key["object_id"] for key in keys) == sorted(charge.id for charge in await shop.charges_of(order_id))
    await shop.check(settled=True)


@pytest.mark.fault("F24")
async def test_two_keys_while_a_charge_is_under_way(shop: Shop) -> None:
    order_id = await shop.order()
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_asked: Any, ask: Ask) -> Any:
        asked.set()
        await may_answer.wait()
        return await ask()

    shop.provider.between["charge"] = wait
    first = asyncio.create_task(shop.pay(order_id, key="first"))
    await asked.wait()
    with pytest.raises(ChargeInProgress):
        await shop.pay(order_id, key="second")
    may_answer.set()
    await first

    with pytest.raises(OrderAlreadyPaid):
        await shop.pay(order_id, key="second")
    assert len(shop.bank.truth().charges) == 1
    await shop.check(settled=True)


@pytest.mark.fault("F24")
async def test_two_processes_at_once_are_one_charge(new_shop: OpenShop) -> None:
    """F6: nothing of what keeps two charges apart lives in a process."""
    one, other = new_shop(), new_shop()
    order_id = await one.order()

    answers = await at_once(*(shop.pay(order_id, key=f"k{number}") for number in range(3) for shop in (one, other)))

    assert len({answer.charge_id for answer in answers if not isinstance(answer, Exception)}) == 1
    assert all(
        isinstance(answer, ChargeInProgress | OrderAlreadyPaid) for answer in answers if isinstance(answer, Exception)
    )
    assert len(one.bank.truth().charges) == 1
    await one.check(settled=True)


@pytest.mark.fault("F17")
async def test_a_key_belongs_to_one_request(shop: Shop) -> None:
    """F17: the bank is not asked."""
    order_id, other_id = await shop.order(), await shop.order()
    await shop.pay(order_id, key="k")
    asked = len(shop.provider.calls)

    with pytest.raises(IdempotencyConflict):
        await shop.pay(other_id, key="k")

    assert len(shop.provider.calls) == asked


async def test_a_refused_request_burns_no_key(shop: Shop) -> None:
    customer_id = await shop.customer()
    order_id = await shop.order_of(customer_id)
    with pytest.raises(PaymentMethodMissing):
        await shop.pay(order_id, key="k")
    with pytest.raises(StaleVersion):
        await shop.pay(order_id, key="k", version=7)

    await shop.card(customer_id)
    assert (await shop.paid(order_id, key="k")).state is ChargeState.SUCCEEDED


# --- amounts --------------------------------------------------------------------------------------------------------


async def test_an_order_of_nothing_completes_without_the_bank(shop: Shop) -> None:
    order_id = await shop.order(0)
    asked = len(shop.provider.calls)

    charged = await shop.pay(order_id, key="k")

    assert charged.charge_id is None
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    assert len(shop.provider.calls) == asked
    assert (await shop.pay(order_id, key="k")).charge_id is None
    with pytest.raises(OrderAlreadyPaid):
        await shop.pay(order_id, key="another")
    await shop.check(settled=True)


@pytest.mark.fault("F21")
async def test_another_amount_than_asked_is_booked_and_shown_to_staff(shop: Shop) -> None:
    """F21: less was taken; the order is paid in part, and the rest can be charged."""
    order_id = await shop.order(20_00)

    async def take_less(asked: ChargeRequest, _ask: Ask) -> ChargeResult:
        less = replace(asked, amount=usd(15_00))
        return await shop.provider._inner.charge(less)

    shop.provider.between["charge"] = take_less
    charge = await shop.paid(order_id)

    assert (charge.state, charge.captured) == (ChargeState.SUCCEEDED, usd(15_00))
    assert charge.review is not None
    assert charge.review.reason is ReviewReason.AMOUNT_MISMATCH
    assert "CHARGE_REVIEW_OPENED" in await shop.events(order_id)
    assert (await shop.order_row(order_id)).state is OrderState.PLACED
    views = await TortoiseQueries(shop.database).orders.by_ids([order_id], viewer=Viewer(sees_all=True))
    assert views[order_id].payment_state is PaymentState.PARTIALLY_PAID

    del shop.provider.between["charge"]
    rest = await shop.paid(order_id)
    assert rest.amount == usd(5_00)
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


@pytest.mark.fault("F21")
async def test_another_currency_than_asked_is_shown_to_staff_and_concludes_nothing(shop: Shop) -> None:
    """It cannot be booked as what it is not, and whether the right amount will come nobody knows."""

    async def take_euros(_asked: Any, ask: Ask) -> ChargeResult:
        told: ChargeResult = await ask()
        return replace(told, captured=Money(20_00, "EUR"), authorized=Money(20_00, "EUR"))

    shop.provider.between = {"charge": take_euros, "find_charge": take_euros, "fetch_charge": take_euros}
    charge = await shop.paid(await shop.order(20_00))
    await shop.deliver_webhooks()
    await shop.run_jobs(rounds=2)

    lost = await shop.charge(charge.id)
    assert (lost.state, lost.captured) == (ChargeState.UNKNOWN, usd(0))
    assert [review.reason for review in lost.reviews] == [ReviewReason.AMOUNT_MISMATCH]
    await shop.check()

    shop.provider.between.clear()
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).captured == usd(20_00)
    await shop.check(settled=True)


@pytest.mark.fault("F21")
async def test_more_than_asked_is_booked_and_shown_to_staff(shop: Shop) -> None:
    order_id = await shop.order(20_00)

    async def take_more(asked: ChargeRequest, _ask: Ask) -> ChargeResult:
        return await shop.provider._inner.charge(replace(asked, amount=usd(25_00)))

    shop.provider.between["charge"] = take_more
    charge = await shop.paid(order_id)

    assert (charge.captured, charge.refundable) == (usd(25_00), usd(25_00))
    assert charge.review is not None
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 25_00, "PAYMENTS": -25_00}
    await shop.check(settled=True)


# --- 3D Secure ------------------------------------------------------------------------------------------------------


async def test_a_customer_confirms_and_comes_back(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(token=THREE_D_SECURE)
    waiting = await shop.paid(order_id)
    assert (waiting.state, waiting.next_action is not None) == (ChargeState.REQUIRES_ACTION, True)
    assert [job["kind"] for job in await shop.jobs()] == ["EXPIRE_CHARGE"]

    still = await shop.proceed(waiting.id)
    assert (await shop.charge(waiting.id)).state is ChargeState.REQUIRES_ACTION
    assert still.charge_id == waiting.id

    await shop.answer_challenge(waiting)
    await shop.proceed(waiting.id)

    paid = await shop.charge(waiting.id)
    assert (paid.state, paid.next_action, paid.action_expires_at) == (ChargeState.SUCCEEDED, None, None)
    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_coming_back_twice_changes_nothing(shop: Shop) -> None:
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.answer_challenge(waiting)

    answers = await at_once(*(shop.proceed(waiting.id, key="k") for _ in range(5)), shop.proceed(waiting.id, key="l"))

    assert {answer.charge_id for answer in answers} == {waiting.id}
    assert (await shop.proceed(waiting.id, key="k")).charge_id == waiting.id
    assert (await shop.charge(waiting.id)).captured == usd(20_00)
    assert (await shop.events(waiting.id)).count("CHARGE_SUCCEEDED") == 1
    await shop.check(settled=True)


async def test_a_refused_confirmation_is_a_decline(shop: Shop) -> None:
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.answer_challenge(waiting, confirmed=False)
    await shop.proceed(waiting.id)

    assert (await shop.charge(waiting.id)).state is ChargeState.DECLINED
    assert (await shop.order_row(waiting.payable_id)).state is OrderState.PLACED
    asked = len(shop.provider.calls)
    assert (await shop.proceed(waiting.id)).charge_id == waiting.id, "it is told what became of it"
    assert len(shop.provider.calls) == asked
    await shop.check(settled=True)


async def test_the_bank_cannot_be_reached_on_the_way_back(shop: Shop) -> None:
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    await shop.answer_challenge(waiting)
    shop.misbehave("continue_charge#1=refuse")

    with pytest.raises(ProviderUnavailable):
        await shop.proceed(waiting.id, key="k")
    assert (await shop.charge(waiting.id)).state is ChargeState.REQUIRES_ACTION
    await shop.check()

    await shop.proceed(waiting.id, key="k")
    assert (await shop.charge(waiting.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.fault("F22")
async def test_an_abandoned_confirmation_expires_and_the_order_can_be_paid_again(
    shop: Shop, clock: MovableClock
) -> None:
    """F22."""
    order_id = await shop.order(token=THREE_D_SECURE)
    waiting = await shop.paid(order_id)

    await shop.run_jobs()
    assert (await shop.charge(waiting.id)).state is ChargeState.REQUIRES_ACTION, "its time is not over"

    clock.advance(minutes=61)
    await shop.run_jobs()

    assert (await shop.charge(waiting.id)).state is ChargeState.EXPIRED
    assert shop.bank.truth().captured(waiting.id) == 0
    paid = await shop.paid(order_id, payment_method_id=await shop.card(waiting.customer_id))
    assert paid.state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.fault("F22")
async def test_we_end_a_confirmation_before_the_bank_does(new_shop: OpenShop, clock: MovableClock) -> None:
    shop = new_shop(action_lifetime=timedelta(minutes=10))
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))

    clock.advance(minutes=11)
    await shop.run_jobs()

    assert (await shop.charge(waiting.id)).state is ChargeState.EXPIRED
    assert shop.provider.names()[-1] == "void"
    assert [charge.state for charge in shop.bank.truth().charges] == ["voided"]
    assert await shop.jobs() == []
    await shop.check(settled=True)


@pytest.mark.fault("F22", "F28")
async def test_a_customer_who_confirms_while_we_give_up_has_paid(new_shop: OpenShop, clock: MovableClock) -> None:
    """F28: the bank decides, and what happened is booked."""
    shop = new_shop(action_lifetime=timedelta(minutes=10))
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    clock.advance(minutes=11)

    async def confirm_first(_asked: Any, ask: Ask) -> Any:
        await shop.answer_challenge(waiting)
        return await ask()

    shop.provider.between["void"] = confirm_first
    await shop.run_jobs()

    paid = await shop.charge(waiting.id)
    assert (paid.state, paid.captured, paid.review) == (ChargeState.SUCCEEDED, usd(20_00), None)
    assert (await shop.order_row(waiting.payable_id)).state is OrderState.COMPLETED
    await shop.check(settled=True)


@pytest.mark.fault("F7", "F22")
@pytest.mark.parametrize("fault", ["lose_answer", "error", "hang", "refuse"])
async def test_an_expiry_whose_answer_is_lost_is_finished_later(
    new_shop: OpenShop, clock: MovableClock, fault: str
) -> None:
    shop = new_shop(action_lifetime=timedelta(minutes=10))
    waiting = await shop.paid(await shop.order(token=THREE_D_SECURE))
    clock.advance(minutes=11)
    shop.misbehave(f"void#1={fault}")

    await shop.run_jobs(rounds=3)

    assert (await shop.charge(waiting.id)).state is ChargeState.EXPIRED
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_without_the_customer_a_card_that_wants_one_is_declined(shop: Shop) -> None:
    order_id = await shop.order(token=THREE_D_SECURE)

    charge = await shop.paid(order_id, initiator=Initiator.RECURRING)

    assert charge.state is ChargeState.DECLINED
    assert charge.decline_code is DeclineCode.AUTHENTICATION_REQUIRED
    await shop.check(settled=True)


async def test_an_ended_order_is_not_charged(shop: Shop) -> None:
    order_id = await shop.order()
    await shop.orders.cancel(SHOP, order_id, version=None)

    with pytest.raises(OrderNotPayable):
        await shop.pay(order_id)

    assert shop.bank.truth().charges == ()


async def test_a_charge_that_stays_undecided_is_always_looked_after(shop: Shop, clock: MovableClock) -> None:
    """Its void is lost, a webhook calls it undecided, and the void is refused in the end: still somebody looks."""

    async def say_nothing(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.UNKNOWN)

    async def say_pending(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.PENDING, charge_ref=waiting.charge_ref)

    async def refuse(_asked: Any, _ask: Ask) -> ChargeResult:
        return ChargeResult(outcome=Outcome.FAILED)

    waiting = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    shop.provider.between |= {"void": say_nothing, "fetch_charge": say_nothing}
    clock.advance(hours=2)
    await shop.run_jobs()
    assert (await shop.charge(waiting.id)).state is ChargeState.REQUIRES_ACTION, "a look that failed tells nothing"
    async with shop.store.transaction() as tx:
        pending = ChargeResult(outcome=Outcome.PENDING, charge_ref=waiting.charge_ref)
        await shop.settlement.settle_charge(tx, waiting.id, pending, actor="webhook:test")
    await shop.run_jobs()

    shop.provider.between |= {"void": refuse, "fetch_charge": say_pending}
    for _ in range(3):
        clock.advance(minutes=10)
        await shop.run_jobs()
    assert (await shop.charge(waiting.id)).is_undecided
    assert {job["kind"] for job in await shop.jobs()} & {"RESOLVE_OPERATION", "WATCH_CHARGE"}

    shop.provider.between.clear()
    await shop.run_jobs(rounds=2)
    assert (await shop.charge(waiting.id)).state is ChargeState.EXPIRED
    await shop.check()


async def test_a_currency_that_the_account_is_not_set_up_for_is_refused_before_anything_happens(shop: Shop) -> None:
    order_id, in_euro = await shop.order(), await shop.order(currency="EUR")
    paid = await shop.paid(in_euro)
    shop.provider.currencies_shown = frozenset({"USD", "JPY"})

    with pytest.raises(UnsupportedByProvider, match="EUR"):
        await shop.pay(await shop.order(currency="EUR"))
    assert len(shop.provider.asked("charge")) == 1
    assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED
    # What was taken before can be given back.
    request = shop.request("chargeRefund", None, {"charge": paid.id})
    command = RefundCharge(charge_id=paid.id, amount=None, reason=None, note=None, request=request)
    await shop.refunds.refund_charge(SHOP, command)
    assert (await shop.charge(paid.id)).refunded == Money(20_00, "EUR")
    await shop.check(settled=True)
