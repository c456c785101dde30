"""Evidence in any order and any number: the direct answer, the webhook, the resolver's look, each early, late or twice.

The evidence is the real bank's; what a test decides is when it is applied.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any, TypeVar

import pytest

from domain.charges import Charge, ChargeState, ReviewReason
from domain.errors import OrderNotCancelable
from domain.jobs import JobKind
from domain.orders import OrderState
from domain.provider import ChargeResult, Outcome, RefundResult
from domain.refunds import Refund, RefundState
from persistence.database import Database
from persistence.sql import Dialect
from tests.services.conftest import OpenShop
from tests.services.dying import die_before, dropped_charge, dropped_refund
from tests.services.shop import SHOP, MovableClock, Shop, usd
from tests.services.watching import Ask

Item = TypeVar("Item")

DIRECT, WEBHOOK, LOOK = "direct", "webhook", "look"
LOST = ChargeResult(outcome=Outcome.UNKNOWN)
REFUND_LOST = RefundResult(outcome=Outcome.UNKNOWN)


def orders_of(evidence: Sequence[Item], dialect: Dialect) -> Iterator[tuple[Item, ...]]:
    """Every order; and on SQLite, which is faster, every order with the oldest piece once more at the end."""
    for order in permutations(evidence):
        yield order
        if dialect is Dialect.SQLITE:
            yield (*order, order[0])


async def tell(shop: Shop, charge: Charge, way: str, result: ChargeResult) -> None:
    """Apply evidence as whoever brings it would."""
    operation_id = (await shop.operation(charge.id)).id
    async with shop.store.transaction() as tx:
        if way == WEBHOOK:
            await shop.settlement.settle_charge(tx, charge.id, result, actor="webhook:test")
        elif way == LOOK:
            await shop.settlement.settle_charge(
                tx,
                charge.id,
                result,
                operation_id=operation_id,
                is_picture=True,
                look_was_empty=False,
                actor="system:resolver",
            )
        else:
            await shop.settlement.settle_charge(tx, charge.id, result, operation_id=operation_id, actor="provider:fake")


async def tell_refund(shop: Shop, refund: Refund, way: str, result: RefundResult) -> None:
    operation_id = (await shop.operation(refund.charge_id)).id
    async with shop.store.transaction() as tx:
        await shop.settlement.settle_refund(
            tx,
            refund.id,
            result,
            operation_id=operation_id,
            look_was_empty=False if way == LOOK else None,
            actor=f"{way}:test",
        )


async def story(shop: Shop, charge_id: str) -> dict[str, Any]:
    """All that has to be the same in the end, whatever came first."""
    charge = await shop.charge(charge_id)
    order = await shop.order_row(charge.payable_id)
    events = await shop.events(charge.payable_id)
    return {
        "charge": (charge.state, charge.captured, charge.decline_code, charge.review, charge.next_check_at),
        "order": (order.state, order.version),
        "ledger": await shop.ledger(charge_id),
        "ends": sorted(kind for kind in events if kind not in ("CHARGE_UNKNOWN", "CHARGE_REQUIRES_ACTION")),
        "unfinished": [operation.id for operation in await shop.operations(charge_id) if not operation.is_finished],
        "jobs": [job["kind"] for job in await shop.jobs() if job["subject_id"] == charge_id],
    }


# --- charges --------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F31", "F32")
@pytest.mark.parametrize(
    ("token", "state"), [("tok_visa", ChargeState.SUCCEEDED), ("tok_chargeDeclined", ChargeState.DECLINED)]
)
@pytest.mark.fault("F30", "F31", "F32")
async def test_a_charge_ends_the_same_in_every_order_of_evidence(
    shop: Shop, dialect: Dialect, token: str, state: ChargeState
) -> None:
    """The answer, a lost answer, the webhook and the look-up, each first, last and twice."""
    stories = []
    ways = [(DIRECT, None), (DIRECT, LOST), (WEBHOOK, None), (LOOK, None)]
    for order in orders_of(ways, dialect):
        charge, answer = await dropped_charge(shop, await shop.order(token=token))
        picture = await shop.provider.fetch_charge(charge_ref=answer.charge_ref)
        for way, told in order:
            await tell(shop, charge, way, told or (answer if way == DIRECT else picture))
        stories.append(await story(shop, charge.id))

    assert stories[0]["charge"][0] is state
    assert stories[0]["unfinished"] == []
    assert all(one == stories[0] for one in stories)
    await shop.check(settled=True)


@pytest.mark.fault("F31")
async def test_a_confirmed_charge_ends_the_same_in_every_order_of_evidence(shop: Shop, dialect: Dialect) -> None:
    """Pictures of before and of after the customer's confirmation, mixed."""
    customer_id = await shop.customer()
    await shop.card(customer_id, "tok_threeDSecureRequired")
    stories = []
    for order in orders_of(["early answer", "lost answer", "early webhook", "late webhook"], dialect):
        charge, early = await dropped_charge(shop, await shop.order_of(customer_id))
        await shop.answer_challenge(replace(charge, next_action=early.next_action))
        late = await shop.provider.fetch_charge(charge_ref=early.charge_ref)
        evidence = {
            "early answer": (DIRECT, early),
            "lost answer": (DIRECT, LOST),
            "early webhook": (WEBHOOK, early),
            "late webhook": (WEBHOOK, late),
        }
        for name in order:
            await tell(shop, charge, *evidence[name])
        stories.append(await story(shop, charge.id))

    assert stories[0]["charge"][:2] == (ChargeState.SUCCEEDED, usd(20_00))
    assert all(one == stories[0] for one in stories)
    await shop.check(settled=True)


async def test_a_waiting_charge_goes_on_waiting_when_a_lost_answer_comes_last(shop: Shop, dialect: Dialect) -> None:
    """The webhook was faster, and the answer was lost: the charge still waits for its customer, and ends if none comes.

    An UNKNOWN that nobody looks into would block the order for ever.
    """
    for order in orders_of([(DIRECT, LOST), (WEBHOOK, None), (LOOK, None)], dialect):
        charge, answer = await dropped_charge(shop, await shop.order(token="tok_threeDSecureRequired"))
        for way, told in order:
            await tell(shop, charge, way, told or answer)
        await shop.check()
        waiting = await shop.charge(charge.id)
        assert waiting.state is ChargeState.REQUIRES_ACTION, order
        assert waiting.next_action == answer.next_action


@pytest.mark.fault("F28", "F31")
async def test_a_voided_charge_ends_the_same_in_every_order_of_evidence(new_shop: OpenShop, dialect: Dialect) -> None:
    """Cancelled by us: the void's answer, a lost one, the webhook, and a picture from before."""
    shop = new_shop()
    customer_id = await shop.customer()
    await shop.card(customer_id, "tok_threeDSecureRequired")
    stories = []
    evidence = ["answer", "lost answer", "webhook", "picture from before"]
    for order in orders_of(evidence, dialect):
        waiting = await shop.paid(await shop.order_of(customer_id))
        before = await shop.provider.fetch_charge(charge_ref=waiting.charge_ref or "")
        answers: list[ChargeResult] = []

        async def drop(_asked: Any, ask: Ask, answers: list[ChargeResult] = answers) -> Any:
            answers.append(await ask())
            return await die_before(_asked, ask)

        shop.provider.between["void"] = drop
        with pytest.raises(Exception, match="still under way"):
            await shop.orders.cancel(SHOP, waiting.payable_id, version=None)
        told = {
            "answer": (DIRECT, answers[0]),
            "lost answer": (DIRECT, LOST),
            "webhook": (WEBHOOK, answers[0]),
            "picture from before": (WEBHOOK, before),
        }
        for name in order:
            await tell(shop, waiting, *told[name])
        stories.append(await story(shop, waiting.id))

    assert stories[0]["charge"][0] is ChargeState.VOIDED
    assert all(one == stories[0] for one in stories)
    await shop.check(settled=True)


@pytest.mark.fault("F31")
async def test_amounts_only_grow(shop: Shop, dialect: Dialect) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id)
    for order in permutations([5_00, 15_00, 20_00]):
        charge, answer = await dropped_charge(shop, await shop.order_of(customer_id))
        for amount in order:
            await tell(shop, charge, WEBHOOK, replace(answer, captured=usd(amount)))
        assert (await shop.charge(charge.id)).captured == usd(20_00)
        assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
        assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 20_00, "PAYMENTS": -20_00}
        assert (await shop.events(charge.payable_id)).count("ORDER_COMPLETED") == 1


@pytest.mark.fault("F47")
async def test_a_first_sending_that_failed_proves_nothing_once_somebody_else_has_sent(shop: Shop) -> None:
    """F47: a process that slept past its lease finds the bank away; meanwhile the resolver has sent the request."""
    order_id = await shop.order(token="tok_threeDSecureRequired")
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id)
    del shop.provider.between["charge"]
    await shop.run_jobs()
    (charge,) = await shop.charges_of(order_id)
    assert charge.state is ChargeState.REQUIRES_ACTION

    await tell(shop, charge, DIRECT, ChargeResult(outcome=Outcome.NOT_SENT))

    assert (await shop.charge(charge.id)).state is ChargeState.REQUIRES_ACTION
    await shop.check()


@pytest.mark.fault("F47")
async def test_a_first_sending_that_failed_proves_nothing_while_the_resolver_knows_nothing_either(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = die_before
    await shop.pay(order_id, key="k")
    del shop.provider.between["charge"]
    # The resolver's sending is worked on, and its answer lost.
    shop.misbehave("charge#1=lose_answer")
    await shop.run_jobs()
    (charge,) = await shop.charges_of(order_id)
    assert charge.state is ChargeState.UNKNOWN

    await tell(shop, charge, DIRECT, ChargeResult(outcome=Outcome.NOT_SENT))

    assert (await shop.charge(charge.id)).state is ChargeState.UNKNOWN
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).captured == usd(20_00)
    assert len(shop.bank.truth().charges) == 1
    await shop.check(settled=True)


# --- late money -----------------------------------------------------------------------------------------------------


async def lie(_asked: Any, ask: Ask) -> ChargeResult:
    """The bank takes the money, and the answer says that nothing was sent."""
    await ask()
    return ChargeResult(outcome=Outcome.NOT_SENT)


async def test_late_money_for_a_cancelled_order_is_booked_and_shown_to_staff(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = lie
    charge = await shop.paid(order_id)
    await shop.orders.cancel(SHOP, order_id, version=None)

    await shop.deliver_webhooks()
    await shop.run_jobs()

    late = await shop.charge(charge.id)
    assert (late.state, late.captured) == (ChargeState.SUCCEEDED, usd(20_00))
    assert late.review is not None
    assert late.review.reason is ReviewReason.LATE_MONEY
    assert (await shop.order_row(order_id)).state is OrderState.CANCELED
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 20_00, "PAYMENTS": -20_00}
    assert "CHARGE_REVIEW_OPENED" in await shop.events(charge.id)
    await shop.check(settled=True)
    # It can go back by the usual way, and only by it.
    assert (await shop.refunded(charge.id)).state is RefundState.SUCCEEDED
    await shop.check(settled=True)


async def test_late_money_for_an_expired_order_is_booked_and_shown_to_staff(shop: Shop, clock: MovableClock) -> None:
    order_id = await shop.order(expires_at=clock.now().replace(year=clock.now().year + 1))
    shop.provider.between["charge"] = lie
    charge = await shop.paid(order_id)
    clock.advance(days=366)
    await shop.run_jobs()
    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED

    result = await shop.provider.fetch_charge(charge_ref=shop.bank.truth().charges[0].charge_ref)
    await tell(shop, charge, WEBHOOK, result)

    late = await shop.charge(charge.id)
    assert (late.captured, late.review and late.review.reason) == (usd(20_00), ReviewReason.LATE_MONEY)
    assert (await shop.order_row(order_id)).state is OrderState.EXPIRED
    await shop.check(settled=True)


async def test_late_money_for_a_paid_order_is_booked_and_shown_to_staff(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = lie
    first = await shop.paid(order_id)
    del shop.provider.between["charge"]
    second = await shop.paid(order_id)
    version = (await shop.order_row(order_id)).version

    await shop.deliver_webhooks()
    await shop.run_jobs()

    late = await shop.charge(first.id)
    assert (late.captured, late.review and late.review.reason) == (usd(20_00), ReviewReason.LATE_MONEY)
    assert (await shop.charge(second.id)).review is None
    order = await shop.order_row(order_id)
    assert (order.state, order.version) == (OrderState.COMPLETED, version)
    assert (await shop.events(order_id)).count("ORDER_COMPLETED") == 1
    await shop.check(settled=True)


async def test_an_order_whose_money_came_late_cannot_be_cancelled(shop: Shop) -> None:
    order_id = await shop.order()
    shop.provider.between["charge"] = lie
    await shop.paid(order_id)
    await shop.deliver_webhooks()
    await shop.run_jobs()

    assert (await shop.order_row(order_id)).state is OrderState.COMPLETED
    with pytest.raises(OrderNotCancelable):
        await shop.orders.cancel(SHOP, order_id, version=None)
    await shop.check(settled=True)


# --- refunds --------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("token", "state", "refunded"),
    [("tok_visa", RefundState.SUCCEEDED, 5_00), ("tok_refundFailAtOnce", RefundState.FAILED, 0)],
)
async def test_a_refund_ends_the_same_in_every_order_of_evidence(
    shop: Shop, dialect: Dialect, token: str, state: RefundState, refunded: int
) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id, token)
    ways = [(DIRECT, None), (DIRECT, REFUND_LOST), (WEBHOOK, None), (LOOK, None)]
    charge = await shop.paid(await shop.order_of(customer_id, 500_00))
    for times, order in enumerate(orders_of(ways, dialect), start=1):
        refund, answer = await dropped_refund(shop, charge.id, 5_00)
        picture = await shop.provider.fetch_refund(refund_ref=answer.refund_ref)
        for way, told in order:
            await tell_refund(shop, refund, way, told or (answer if way == DIRECT else picture))
        after, ended = await shop.charge(charge.id), await shop.refund_row(refund.id)
        assert (ended.state, ended.next_check_at) == (state, None), order
        assert (after.refunded, after.refund_reserved) == (usd(times * refunded), usd(0)), order
        assert (await shop.ledger(charge.id)).get("REFUNDS", 0) == times * refunded
        kind = "REFUND_SUCCEEDED" if state is RefundState.SUCCEEDED else "REFUND_FAILED"
        assert (await shop.events(refund.id)).count(kind) == 1
    assert await shop.jobs(JobKind.RESOLVE_OPERATION) == []
    await shop.check(settled=True)


@pytest.mark.parametrize("why", ["not applied", "not sent"])
async def test_a_refund_that_was_given_up_and_happened_all_the_same_is_booked(shop: Shop, why: str) -> None:
    """The money is gone at the bank: what we believed before does not bring it back."""
    charge = await shop.paid(await shop.order())
    refund, answer = await dropped_refund(shop, charge.id, 5_00)
    operation_id = (await shop.operation(charge.id)).id
    if why == "not sent":
        await tell_refund(shop, refund, DIRECT, RefundResult(outcome=Outcome.NOT_SENT))
    else:
        async with shop.store.transaction() as tx:
            await shop.settlement.refund_not_applied(tx, refund.id, operation_id=operation_id, actor="system:resolver")
    assert (await shop.refund_row(refund.id)).state is RefundState.FAILED

    await shop.deliver_webhooks()
    await shop.run_jobs()

    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    after = await shop.charge(charge.id)
    assert (after.refunded, after.refund_reserved) == (answer.amount, usd(0))
    await shop.check(settled=True)


async def test_a_refund_that_happened_after_all_waits_for_the_one_that_took_its_place(shop: Shop) -> None:
    """The same money was promised again meanwhile: the bank refuses the second one, and then the first is booked."""
    charge = await shop.paid(await shop.order())
    first, _ = await dropped_refund(shop, charge.id, 15_00)
    await tell_refund(shop, first, DIRECT, RefundResult(outcome=Outcome.NOT_SENT))
    shop.misbehave("refund#1=lose_answer; find_refund#1=error")
    second = await shop.refunded(charge.id, 15_00)
    assert second.state is RefundState.UNKNOWN

    await shop.deliver_webhooks()
    await shop.run_jobs()
    await shop.check()
    await shop.run_jobs(rounds=2)

    assert (await shop.refund_row(first.id)).state is RefundState.SUCCEEDED
    assert (await shop.refund_row(second.id)).state is RefundState.FAILED
    after = await shop.charge(charge.id)
    assert (after.refunded, after.refund_reserved) == (usd(15_00), usd(0))
    await shop.check(settled=True)


@pytest.mark.fault("F31")
async def test_webhooks_of_a_charge_and_its_refunds_may_come_backwards(shop: Shop, other_database: Database) -> None:
    shop.misbehave("charge#1=lose_answer; refund#1=lose_answer; refund#2=lose_answer")
    charge = await shop.paid(await shop.order())
    await shop.run_jobs()
    for _ in range(2):
        await shop.refund(charge.id, 5_00)
    events = await shop.rows("SELECT id FROM events")

    await shop.deliver_webhooks()
    stored = await shop.rows("SELECT id FROM webhook_deliveries ORDER BY id")
    for delivery in reversed(stored):
        assert await shop.webhooks.apply(delivery["id"], tries=1) is None

    assert {row["state"] for row in await shop.rows("SELECT state FROM webhook_deliveries")} == {"APPLIED"}
    after = await shop.charge(charge.id)
    assert (after.state, after.refunded) == (ChargeState.SUCCEEDED, usd(10_00))
    assert len(await shop.rows("SELECT id FROM events")) == len(events) + 2
    await shop.check(settled=True)


async def test_two_answers_at_once_are_booked_once(new_shop: OpenShop) -> None:
    """The webhook and the resolver in two processes, at the same moment."""
    one, other = new_shop(), new_shop()
    charge, _ = await dropped_charge(one, await one.order())
    await one.deliver_webhooks()
    await one.make_jobs_due()

    await asyncio.gather(*(shop.worker.run_due() for shop in (one, other, one, other)))

    assert (await one.charge(charge.id)).state is ChargeState.SUCCEEDED
    assert (await one.events(charge.id)).count("CHARGE_SUCCEEDED") == 1
    await one.check(settled=True)
