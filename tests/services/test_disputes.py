"""Disputes: what a bank takes is booked once, is not refundable, and is answered once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from adapters.fake.disputes import ESCALATING, LOSING, RESPONSE_DAYS, WINNING
from domain.charges import ReviewReason
from domain.errors import (
    CardNumberRefused,
    ChargeDisputed,
    DisputeInProgress,
    DisputeNotOpen,
    IdempotencyConflict,
    InquiryNotAcceptable,
    InvalidInput,
    NotFound,
    PermissionDenied,
    ProviderRefused,
    ProviderUnavailable,
    RecoveryInProgress,
    RefundAmountTooHigh,
)
from domain.jobs import JobKind
from domain.money import Money
from domain.orders import PaymentState
from domain.principals import customer
from domain.provider import (
    ChangesPage,
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    Outcome,
    Refusal,
    WebhookSubject,
)
from domain.queries import Viewer
from domain.services.answers import REVIEW_AFTER_TRIES
from domain.services.disputes import LONGEST_TEXT, SubmitEvidence
from domain.services.webhooks import ReplayDelivery
from domain.webhooks import DeliveryState
from persistence.queries import TortoiseQueries
from tests.services.conftest import OpenShop
from tests.services.disputed import complain, decide, disputed, known
from tests.services.dying import die_after, die_before
from tests.services.shop import ACCOUNT, DECIDED_SECONDS, PROVIDER_SECONDS, SHOP, MovableClock, Shop, at_once, usd
from tests.services.watching import Ask

S = DisputeState
RESPONSES = ("submit_evidence", "accept_dispute")


async def payment_state(shop: Shop, order_id: str) -> PaymentState:
    views = await TortoiseQueries(shop.database).orders.by_ids([order_id], viewer=Viewer(sees_all=True))
    return views[order_id].payment_state


async def decided(shop: Shop, clock: MovableClock) -> None:
    """The bank has thought about what it was told, and we have heard."""
    clock.advance(seconds=DECIDED_SECONDS)
    await shop.hear()


# --- what is heard --------------------------------------------------------------------------------------------------


async def test_a_dispute_takes_its_money_at_once(shop: Shop) -> None:
    charge, dispute = await disputed(shop, reason=DisputeReason.PRODUCT_NOT_RECEIVED)

    assert (dispute.state, dispute.reason, dispute.amount) == (S.NEEDS_RESPONSE, "PRODUCT_NOT_RECEIVED", usd(20_00))
    assert (dispute.scheme_code, dispute.livemode, dispute.account) == ("13.1", False, ACCOUNT)
    assert dispute.respond_by is not None
    assert (charge.disputed, charge.refundable, charge.captured) == (usd(20_00), usd(0), usd(20_00))
    assert await shop.ledger(charge.id) == {"PROVIDER_CLEARING": 0, "PAYMENTS": -20_00, "DISPUTES": 20_00}
    assert await payment_state(shop, charge.payable_id) is PaymentState.DISPUTED
    with pytest.raises(ChargeDisputed):
        await shop.refund(charge.id, 1)
    assert shop.provider.asked("refund") == []
    await shop.check(settled=True)


async def test_it_is_told_where_the_staff_look_and_not_to_the_customer(shop: Shop) -> None:
    charge, dispute = await disputed(shop)

    assert await shop.events(dispute.id) == ["DISPUTE_OPENED"]
    assert (await shop.events(charge.id))[-1] == "DISPUTE_OPENED"
    assert (await shop.events(charge.payable_id))[-1] == "DISPUTE_OPENED"
    assert "DISPUTE_OPENED" not in await shop.events(charge.customer_id)


async def test_a_dispute_of_a_part_leaves_the_rest_refundable(shop: Shop) -> None:
    charge, _ = await disputed(shop, amount=20_00, reason=DisputeReason.GENERAL)
    other = await shop.paid(await shop.order(20_00))
    await shop.refund(other.id, 5_00)
    await complain(shop, other, amount=8_00)
    await shop.hear()

    other = await shop.charge(other.id)
    assert (other.disputed, other.refundable) == (usd(8_00), usd(7_00))
    with pytest.raises(RefundAmountTooHigh):
        await shop.refund(other.id, 7_01)
    assert charge.refundable == usd(0)
    await shop.check(settled=True)


@pytest.mark.parametrize("won", [True, False])
async def test_the_bank_decides_and_the_books_follow(shop: Shop, won: bool) -> None:
    charge, dispute = await disputed(shop)

    await decide(shop, dispute, won=won)
    await shop.hear()

    dispute, charge = await shop.dispute(dispute.id), await shop.charge(charge.id)
    assert dispute.state is (S.WON if won else S.LOST)
    assert charge.disputed == charge.captured - charge.refundable == usd(0 if won else 20_00)
    assert (await shop.ledger(charge.id))["DISPUTES"] == (0 if won else 20_00)
    assert await shop.events(dispute.id) == ["DISPUTE_OPENED", "DISPUTE_WON" if won else "DISPUTE_LOST"]
    assert await payment_state(shop, charge.payable_id) is (PaymentState.PAID if won else PaymentState.DISPUTED)
    await shop.check(settled=True)


async def test_an_inquiry_takes_no_money_until_it_becomes_a_dispute(shop: Shop, clock: MovableClock) -> None:
    charge, inquiry = await disputed(shop, is_inquiry=True)

    assert (inquiry.is_inquiry, charge.disputed, charge.refundable) == (True, usd(0), usd(20_00))
    assert await payment_state(shop, charge.payable_id) is PaymentState.PAID
    with pytest.raises(InquiryNotAcceptable):
        await shop.give_in(inquiry.id)
    await shop.send_evidence(inquiry.id, ESCALATING)
    await decided(shop, clock)

    dispute = await shop.dispute(inquiry.id)
    assert (dispute.is_inquiry, dispute.state) == (False, S.NEEDS_RESPONSE)
    assert (await shop.charge(charge.id)).disputed == usd(20_00)
    assert (await shop.events(inquiry.id))[-2:] == ["DISPUTE_UNDER_REVIEW", "DISPUTE_ESCALATED"]
    assert (await shop.give_in(dispute.id)).state is S.ACCEPTED
    await shop.check(settled=True)


async def test_an_inquiry_is_answered_by_a_refund_too(shop: Shop) -> None:
    charge, inquiry = await disputed(shop, is_inquiry=True)

    await shop.refund(charge.id)
    await shop.hear()

    assert (await shop.dispute(inquiry.id)).state is S.WON
    assert await payment_state(shop, charge.payable_id) is PaymentState.REFUNDED
    await shop.check(settled=True)


async def test_what_is_lost_on_appeal_after_it_was_won_is_booked_again(shop: Shop, clock: MovableClock) -> None:
    """A dispute goes to and fro at some providers; each movement is booked, and none of them twice."""
    charge, dispute = await disputed(shop)
    assert charge.charge_ref is not None

    def shown(state: DisputeState) -> Any:
        async def show(_asked: Any, ask: Ask) -> Any:
            return replace(await ask(), state=state)

        return show

    for number, state in enumerate((S.LOST, S.WON, S.UNDER_REVIEW, S.WON, S.LOST), 1):
        clock.advance(seconds=1)
        shop.provider.between["fetch_dispute"] = shown(state)
        for _ in range(2):
            assert await shop.dispute_settlement.look(ACCOUNT, dispute.dispute_ref, actor="system:test")
        assert (await shop.dispute(dispute.id)).state is state, number
        await shop.check()
    causes = await shop.rows("SELECT DISTINCT cause FROM ledger_entries WHERE dispute_id = $1", dispute.id)
    assert len(causes) == (await shop.dispute(dispute.id)).movements == 5


async def test_a_process_whose_clock_is_ahead_keeps_nobody_from_hearing(shop: Shop, clock: MovableClock) -> None:
    charge, dispute = await disputed(shop)
    clock.advance(seconds=30)
    await shop.dispute_settlement.look(ACCOUNT, dispute.dispute_ref, actor="another process")
    clock.advance(seconds=-30)
    await decide(shop, dispute, won=True)
    await shop.hear()
    assert [job["tries"] for job in await shop.jobs(JobKind.APPLY_WEBHOOK)] == [1]

    clock.advance(seconds=31)
    await shop.run_jobs()

    assert (await shop.dispute(dispute.id)).state is S.WON
    assert (await shop.charge(charge.id)).disputed == usd(0)
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_webhooks_twice_and_of_somebody_elses_charge(shop: Shop) -> None:
    charge, dispute = await disputed(shop)
    for row in await shop.rows("SELECT id FROM webhook_deliveries WHERE subject = 'DISPUTE'"):
        await shop.webhooks.replay(SHOP, ReplayDelivery(delivery_id=row["id"]))
    await shop.run_jobs()
    assert (await shop.charge(charge.id)).disputed == usd(20_00)
    assert len(await shop.rows("SELECT id FROM disputes")) == 1

    async def of_another_charge(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), charge_ref="fch_of_somebody_else", dispute_ref="fdp_other")

    shop.provider.between["fetch_dispute"] = of_another_charge
    await decide(shop, dispute, won=True)
    await shop.deliver_webhooks()
    await shop.run_jobs(rounds=8)
    (parked,) = await shop.rows("SELECT state FROM webhook_deliveries WHERE state = 'PARKED'")
    assert parked["state"] == DeliveryState.PARKED
    assert (await shop.dispute(dispute.id)).state is S.NEEDS_RESPONSE


async def test_money_in_another_currency_is_not_booked_and_somebody_is_asked(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(20_00))

    async def in_yen(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), amount=Money(2_000, "JPY"))

    shop.provider.between["fetch_dispute"] = in_yen
    await complain(shop, charge)
    await shop.hear()

    charge = await shop.charge(charge.id)
    assert charge.disputed == usd(0)
    assert charge.is_reviewed_for(ReviewReason.AMOUNT_MISMATCH)
    assert await shop.rows("SELECT id FROM disputes") == []
    await shop.reconciliation.run(ACCOUNT)
    (found,) = await shop.rows("SELECT kind, charge_id, state FROM discrepancies")
    assert (found["kind"], found["charge_id"], found["state"]) == ("DISPUTE_DIFFERS", charge.id, "OPEN")

    del shop.provider.between["fetch_dispute"]
    clock.advance(hours=1)
    await shop.reconciliation.run(ACCOUNT)
    (found,) = await shop.rows("SELECT state FROM discrepancies")
    assert found["state"] == "GONE"
    assert (await shop.charge(charge.id)).disputed == usd(20_00)


# --- what no webhook told -------------------------------------------------------------------------------------------


async def test_reconciliation_hears_what_no_webhook_told(shop: Shop, clock: MovableClock) -> None:
    charge = await shop.paid(await shop.order(20_00))
    ref = await complain(shop, charge)

    await shop.reconciliation.run(ACCOUNT)
    dispute = await known(shop, ref)
    assert (dispute.state, (await shop.charge(charge.id)).disputed) == (S.NEEDS_RESPONSE, usd(20_00))
    looks = len(shop.provider.asked("fetch_dispute"))
    clock.advance(hours=1)
    await shop.reconciliation.run(ACCOUNT)
    assert len(shop.provider.asked("fetch_dispute")) == looks, "what is known already is not asked for"

    await decide(shop, dispute, won=True)
    clock.advance(hours=1)
    await shop.reconciliation.run(ACCOUNT)
    assert (await shop.dispute(dispute.id)).state is S.WON
    assert await shop.rows("SELECT id FROM discrepancies") == []
    await shop.check(settled=True)


async def test_a_dispute_that_cannot_be_looked_at_becomes_a_discrepancy_in_the_end(
    shop: Shop, clock: MovableClock
) -> None:
    charge = await shop.paid(await shop.order(20_00))
    ref = await complain(shop, charge)
    shop.misbehave("fetch_dispute#*=error")

    for _ in range(5):
        await shop.reconciliation.run(ACCOUNT)
        clock.advance(hours=1)

    (found,) = await shop.rows("SELECT kind, subject FROM discrepancies")
    assert (found["kind"], found["subject"]) == ("DISPUTE_DIFFERS", ref)


async def test_disputes_of_other_peoples_charges_are_left_alone(shop: Shop) -> None:
    theirs = DisputeResult(
        outcome=Outcome.SUCCEEDED, dispute_ref="fdp_theirs", charge_ref="fch_theirs", state=S.LOST, amount=usd(1)
    )

    async def listing(_asked: Any, _ask: Ask) -> Any:
        return ChangesPage(outcome=Outcome.SUCCEEDED, disputes=(theirs, replace(theirs, dispute_ref=None)))

    shop.provider.between["changes"] = listing
    await shop.reconciliation.run(ACCOUNT)

    assert shop.provider.asked("fetch_dispute") == []
    assert await shop.rows("SELECT id FROM discrepancies") == []


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "ends"), [(WINNING, S.WON), (LOSING, S.LOST)])
async def test_evidence_is_sent_once_and_kept_for_the_staff(
    shop: Shop, clock: MovableClock, text: str, ends: DisputeState
) -> None:
    charge, dispute = await disputed(shop)

    sent = await shop.send_evidence(dispute.id, text, key="k")

    assert (sent.state, sent.evidence, sent.is_being_answered) == (S.UNDER_REVIEW, {EvidenceKind.OTHER: text}, False)
    assert sent.evidence_sent_at is not None
    operation = await shop.operation(charge.id)
    assert (operation.outcome, operation.request["evidence"]) == (Outcome.SUCCEEDED, {})
    (asked,) = shop.provider.asked("submit_evidence")
    assert (asked.operation_id, asked.evidence) == (operation.id, {EvidenceKind.OTHER: text})
    assert await shop.send_evidence(dispute.id, text, key="k") == sent
    with pytest.raises(IdempotencyConflict):
        await shop.send_evidence(dispute.id, "Another story.", key="k")
    with pytest.raises(DisputeNotOpen):
        await shop.send_evidence(dispute.id, text)
    await decided(shop, clock)
    assert (await shop.dispute(dispute.id)).state is ends
    told = ["DISPUTE_EVIDENCE_REQUESTED", "DISPUTE_EVIDENCE_SENT", "DISPUTE_UNDER_REVIEW", f"DISPUTE_{ends}"]
    assert await shop.events(dispute.id) == ["DISPUTE_OPENED", *told]
    assert await shop.jobs(JobKind.RESOLVE_OPERATION) == []
    await shop.check(settled=True)


async def test_giving_in_leaves_the_money_with_the_customer(shop: Shop) -> None:
    charge, dispute = await disputed(shop)

    accepted = await shop.give_in(dispute.id, key="k")

    assert (accepted.state, accepted.is_being_answered) == (S.ACCEPTED, False)
    assert accepted.accepted_at is not None
    assert await shop.give_in(dispute.id, key="k") == accepted
    assert await shop.events(dispute.id) == ["DISPUTE_OPENED", "DISPUTE_ACCEPTANCE_REQUESTED", "DISPUTE_ACCEPTED"]
    assert (await shop.charge(charge.id)).disputed == usd(20_00)
    with pytest.raises(ChargeDisputed):
        await shop.refund(charge.id)
    await shop.hear()
    await shop.check(settled=True)


async def test_a_provider_that_calls_it_lost_is_told_from_one_that_we_have_lost(shop: Shop) -> None:
    """Stripe: a dispute that was closed is `lost`."""
    _, dispute = await disputed(shop)

    async def as_lost(_asked: Any, ask: Ask) -> Any:
        told = await ask()
        return replace(told, state=S.LOST) if told.state is S.ACCEPTED else told

    shop.provider.between |= {"accept_dispute": as_lost, "fetch_dispute": as_lost}
    assert (await shop.give_in(dispute.id)).state is S.ACCEPTED
    await shop.hear()
    assert (await shop.dispute(dispute.id)).state is S.ACCEPTED
    assert "DISPUTE_LOST" not in await shop.events(dispute.id)


@pytest.mark.parametrize("fault", ["lose_answer", "hang", "error", "error_after"])
async def test_a_lost_answer_is_found_out_by_looking_and_by_the_same_key(
    shop: Shop, fault: str, clock: MovableClock
) -> None:
    _, dispute = await disputed(shop)
    shop.misbehave(f"submit_evidence#1={fault}")

    asked = await shop.send_evidence(dispute.id, "It was delivered.", key="k")
    assert (asked.is_being_answered, asked.evidence) == (True, {})
    assert asked.next_check_at is not None
    with pytest.raises(DisputeInProgress):
        await shop.give_in(dispute.id)
    await shop.check()
    clock.advance(seconds=5)
    await shop.run_jobs()

    sent = await shop.dispute(dispute.id)
    assert (sent.state, sent.is_being_answered, len(sent.evidence)) == (S.UNDER_REVIEW, False, 1)
    assert sent.next_check_at is None
    assert len({request.operation_id for request in shop.provider.asked("submit_evidence")}) == 1
    assert len(shop.provider.asked("submit_evidence")) == (2 if fault == "error" else 1)
    assert await shop.send_evidence(dispute.id, "It was delivered.", key="k") == sent
    await shop.check(settled=True)


@pytest.mark.parametrize("death", [die_before, die_after])
async def test_whoever_dies_while_giving_in_is_followed_by_another(
    new_shop: OpenShop, death: Any, clock: MovableClock
) -> None:
    dead, alive = new_shop(), new_shop()
    _, dispute = await disputed(dead)
    dead.provider.between["accept_dispute"] = death

    await dead.give_in(dispute.id, key="k")
    clock.advance(seconds=1)
    await alive.run_jobs()

    assert (await alive.give_in(dispute.id, key="k")).state is S.ACCEPTED
    await alive.check(settled=True)


async def test_a_webhook_may_answer_what_the_provider_did_not(shop: Shop, clock: MovableClock) -> None:
    _, dispute = await disputed(shop)
    shop.misbehave("accept_dispute#1=lose_answer")
    await shop.give_in(dispute.id, key="k")
    clock.advance(seconds=1)

    await shop.deliver_webhooks()
    assert await shop.worker.run_due() == 1, "the resolver's time has not come"

    dispute = await shop.dispute(dispute.id)
    assert (dispute.state, dispute.is_being_answered, dispute.accepted_at is not None) == (S.ACCEPTED, False, True)
    await shop.check(settled=True)


async def test_an_answer_counts_where_nobody_can_look_afterwards(shop: Shop) -> None:
    _, dispute = await disputed(shop)
    shop.misbehave("fetch_dispute#*=error")

    sent = await shop.send_evidence(dispute.id)

    assert (sent.state, sent.is_being_answered, len(sent.evidence)) == (S.UNDER_REVIEW, False, 1)
    shop.misbehave("")
    await shop.check(settled=True)


async def test_what_was_not_sent_can_be_sent_again_under_its_key(shop: Shop) -> None:
    _, dispute = await disputed(shop)
    shop.misbehave("submit_evidence#1=refuse")

    with pytest.raises(ProviderUnavailable):
        await shop.send_evidence(dispute.id, "It was delivered.", key="k")
    assert not (await shop.dispute(dispute.id)).is_being_answered
    assert (await shop.events(dispute.id))[-1] == "DISPUTE_RESPONSE_FAILED"
    assert (await shop.send_evidence(dispute.id, "It was delivered.", key="k")).state is S.UNDER_REVIEW
    await shop.check(settled=True)


async def test_what_comes_too_late_is_refused_and_looked_at(shop: Shop, clock: MovableClock) -> None:
    """No webhook has told that the bank has decided meanwhile."""
    charge, dispute = await disputed(shop)
    clock.advance(days=RESPONSE_DAYS, seconds=1)

    with pytest.raises(ProviderRefused):
        await shop.send_evidence(dispute.id, "It was delivered.", key="k")

    after = await shop.dispute(dispute.id)
    assert (after.state, after.evidence, after.is_being_answered) == (S.LOST, {}, False)
    assert (await shop.operation(charge.id)).request["evidence"] == {}
    with pytest.raises(ProviderRefused):
        await shop.send_evidence(dispute.id, "It was delivered.", key="k")
    assert len(shop.provider.asked("submit_evidence")) == 1
    await shop.check(settled=True)


async def test_what_cannot_be_found_out_asks_for_a_person_and_ends_by_itself(shop: Shop, clock: MovableClock) -> None:
    charge, dispute = await disputed(shop)
    shop.misbehave("submit_evidence#1=lose_answer; fetch_dispute#*=error")
    await shop.send_evidence(dispute.id)

    for _ in range(REVIEW_AFTER_TRIES + 1):
        assert not (await shop.charge(charge.id)).reviews
        await shop.run_jobs()
        async with shop.database.transaction() as connection:
            await connection.execute("UPDATE operations SET tries = tries + 1 WHERE finished_at IS NULL")
        if (await shop.charge(charge.id)).reviews:
            break
    assert (await shop.charge(charge.id)).is_reviewed_for(ReviewReason.DISPUTE_UNRESOLVED)
    assert (await shop.dispute(dispute.id)).is_being_answered

    shop.misbehave("")
    clock.advance(seconds=1)
    await shop.run_jobs()
    assert not (await shop.dispute(dispute.id)).is_being_answered
    assert (await shop.charge(charge.id)).reviews == ()
    await shop.check(settled=True)


@pytest.mark.parametrize("heard", [True, False])
async def test_what_was_said_to_an_inquiry_is_not_said_to_the_dispute_that_comes_of_it(
    shop: Shop, clock: MovableClock, heard: bool
) -> None:
    _, dispute = await disputed(shop, is_inquiry=True)

    async def lost(_asked: Any, _ask: Ask) -> Any:
        return DisputeResult(outcome=Outcome.UNKNOWN)

    shop.provider.between["submit_evidence"] = lost
    await shop.send_evidence(dispute.id, "You ask, we answer.")
    await decide(shop, dispute, won=False)
    shop.provider.between.clear()
    if heard:
        await shop.deliver_webhooks()
    for _ in range(4):
        clock.advance(hours=1)
        await shop.run_jobs()

    escalated = await shop.dispute(dispute.id)
    assert (escalated.state, escalated.is_inquiry, escalated.evidence) == (S.NEEDS_RESPONSE, False, {})
    assert len(shop.provider.asked("submit_evidence")) == 1
    assert "DISPUTE_RESPONSE_FAILED" in await shop.events(dispute.id)
    assert (await shop.send_evidence(dispute.id, "It was delivered.")).state is S.UNDER_REVIEW
    await shop.check(settled=True)


async def test_an_account_without_keys_is_only_looked_at(shop: Shop, clock: MovableClock) -> None:
    """What the bank shows untouched, long after, was not applied; and nothing was sent again."""
    shop.provider.key_lifetime_shown = None
    _, dispute = await disputed(shop)
    shop.misbehave("submit_evidence#1=error")
    await shop.send_evidence(dispute.id)
    clock.advance(seconds=3 * PROVIDER_SECONDS + 60)
    await shop.run_jobs(rounds=4)

    after = await shop.dispute(dispute.id)
    assert (after.state, after.is_being_answered, after.evidence) == (S.NEEDS_RESPONSE, False, {})
    assert len(shop.provider.asked("submit_evidence")) == 1
    assert (await shop.events(dispute.id))[-1] == "DISPUTE_RESPONSE_FAILED"
    assert (await shop.send_evidence(dispute.id)).state is S.UNDER_REVIEW
    await shop.check(settled=True)


# --- who was first --------------------------------------------------------------------------------------------------


async def test_one_key_ten_times_at_once_is_one_response(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]
    _, dispute = await disputed(shops[0])

    answers = await at_once(*(shop.send_evidence(dispute.id, key="k") for shop in shops for _ in range(5)))

    assert {answer.id for answer in answers} == {dispute.id}
    assert len([1 for shop in shops for _ in shop.provider.asked("submit_evidence")]) == 1
    await shops[0].check(settled=True)


async def test_of_rivals_who_fight_and_give_in_one_is_heard(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]
    _, dispute = await disputed(shops[0])

    answers = await at_once(shops[0].send_evidence(dispute.id), shops[1].give_in(dispute.id))

    (refused,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert isinstance(refused, DisputeInProgress | DisputeNotOpen)
    requests = [
        call for shop in shops for call in shop.provider.names() if call in ("submit_evidence", "accept_dispute")
    ]
    assert len(requests) == 1
    await shops[0].check(settled=True)


@pytest.mark.fault("F57")
async def test_a_refund_that_left_before_the_dispute_was_heard_of(shop: Shop) -> None:
    """The bank has both: the merchant is short of more than was taken, and the books say so."""
    charge = await shop.paid(await shop.order(20_00))
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_asked: Any, ask: Ask) -> Any:
        told = await ask()
        asked.set()
        await may_answer.wait()
        return told

    shop.provider.between["refund"] = wait
    refunding = asyncio.create_task(shop.refunded(charge.id, 15_00))
    await asked.wait()

    async def all_of_it(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), amount=usd(20_00))

    shop.provider.between["fetch_dispute"] = all_of_it
    assert await shop.dispute_settlement.look(ACCOUNT, await complain(shop, charge), actor="system:test")
    charge = await shop.charge(charge.id)
    assert (charge.disputed, charge.refund_reserved, charge.refundable) == (usd(20_00), usd(15_00), usd(0))

    may_answer.set()
    assert (await refunding).amount == usd(15_00), "what the bank gave back is booked whole"
    charge = await shop.charge(charge.id)
    assert (charge.refunded, charge.refundable) == (usd(15_00), usd(0))
    ledger = {"PROVIDER_CLEARING": -15_00, "PAYMENTS": -20_00, "REFUNDS": 15_00, "DISPUTES": 20_00}
    assert await shop.ledger(charge.id) == ledger
    await shop.check()


# --- what may not be ------------------------------------------------------------------------------------------------


async def test_evidence_is_checked_before_anything_is_written(shop: Shop) -> None:
    charge, dispute = await disputed(shop)

    async def send(*evidence: tuple[EvidenceKind, str], dispute_id: str = dispute.id) -> None:
        request = shop.request("disputeSubmitEvidence", None, {})
        command = SubmitEvidence(dispute_id=dispute_id, evidence=evidence, request=request)
        await shop.disputes.submit_evidence(SHOP, command)

    twice = [(EvidenceKind.OTHER, "One."), (EvidenceKind.OTHER, "Two.")]
    much = [(kind, "x" * LONGEST_TEXT) for kind in EvidenceKind]
    for evidence in ((), ((EvidenceKind.OTHER, " "),), tuple(twice), tuple(much), ((EvidenceKind.OTHER, "\0"),)):
        with pytest.raises(InvalidInput):
            await send(*evidence)
    with pytest.raises(CardNumberRefused):
        await send((EvidenceKind.ACCESS_LOG, "paid with 4242 4242 4242 4242"))
    with pytest.raises(NotFound):
        await send((EvidenceKind.OTHER, "Tea"), dispute_id="dsp_0")
    assert await shop.operations(charge.id) == [await shop.operation(charge.id)], "the charge's own alone"


async def test_customers_answer_no_disputes(shop: Shop) -> None:
    charge, dispute = await disputed(shop)
    her = customer("ada", charge.customer_id)
    request = shop.request("disputeSubmitEvidence", None, {})
    with pytest.raises(PermissionDenied):
        await shop.disputes.submit_evidence(
            her, SubmitEvidence(dispute_id=dispute.id, evidence=[(EvidenceKind.OTHER, "Tea")], request=request)
        )
    viewer = Viewer(sees_all=False, customer_id=charge.customer_id)
    assert await TortoiseQueries(shop.database).disputes.by_ids([dispute.id], viewer=viewer) == {}


async def test_nothing_is_answered_in_recovery(shop: Shop, new_shop: OpenShop) -> None:
    _, dispute = await disputed(shop)
    recovering = new_shop(recovery=True)

    with pytest.raises(RecoveryInProgress):
        await recovering.send_evidence(dispute.id)
    with pytest.raises(RecoveryInProgress):
        await recovering.give_in(dispute.id)
    assert set(RESPONSES).isdisjoint(recovering.provider.names())


async def test_what_was_said_of_somebody_goes_with_them(shop: Shop, clock: MovableClock) -> None:
    charge, dispute = await disputed(shop)
    await shop.send_evidence(dispute.id, "Ada Lovelace, 12 St James's Square", key="k")
    await shop.redactions.redact(SHOP, charge.customer_id)

    assert (await shop.dispute(dispute.id)).evidence == {}
    await decided(shop, clock)
    assert (await shop.dispute(dispute.id)).state is S.UNDER_REVIEW
    for table in ("disputes", "operations", "webhook_deliveries", "events", "idempotency_keys"):
        assert "Lovelace" not in str(await shop.rows(f"SELECT * FROM {table}"))
    fingerprints = await shop.rows("SELECT fingerprint FROM idempotency_keys WHERE mutation = 'disputeSubmitEvidence'")
    assert [row["fingerprint"] for row in fingerprints] == [""]


async def test_evidence_about_somebody_who_was_erased_is_sent_and_not_kept(shop: Shop) -> None:
    charge, dispute = await disputed(shop)
    await shop.redactions.redact(SHOP, charge.customer_id)

    sent = await shop.send_evidence(dispute.id, "Ada Lovelace")

    assert (sent.state, sent.evidence) == (S.UNDER_REVIEW, {})
    assert "Lovelace" not in str(await shop.rows("SELECT * FROM operations"))


async def test_a_webhook_that_says_nothing_is_tried_again(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(20_00))
    ref = await complain(shop, charge)
    silent = DisputeResult(outcome=Outcome.UNKNOWN, refusal=Refusal("no answer"))

    async def says_nothing(_asked: Any, _ask: Ask) -> Any:
        return silent

    shop.provider.between["fetch_dispute"] = says_nothing
    await shop.hear()
    assert await shop.rows("SELECT id FROM disputes") == []
    del shop.provider.between["fetch_dispute"]
    await shop.run_jobs()
    assert (await known(shop, ref)).state is S.NEEDS_RESPONSE
    rows = await shop.rows(f"SELECT state FROM webhook_deliveries WHERE subject = '{WebhookSubject.DISPUTE}'")
    assert [row["state"] for row in rows] == [DeliveryState.APPLIED]
