"""Disputes: seen, answered, given up, decided; and what a disputed charge does not allow any more.

How a test bank decides is in the evidence that it gets: `winning_words`, `losing_words`, and all else leaves it
thinking.
"""

from datetime import timedelta

import pytest

from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import (
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
    Outcome,
    ProviderAction,
    WebhookSubject,
)
from tests.contracts.houses.house import CardKind, Fault, Power
from tests.contracts.shop import LONG, TWENTY, Shop, dispute_ref_of

DISPUTES = pytest.mark.capability(ProviderAction.DISPUTES)
ANSWERS = pytest.mark.capability(ProviderAction.DISPUTES, ProviderAction.SUBMIT_EVIDENCE)
ACCEPTS = pytest.mark.capability(ProviderAction.DISPUTES, ProviderAction.ACCEPT_DISPUTE)
TAKES_TIME = pytest.mark.needs(Power.TIME)

MONTHS = timedelta(days=90)


async def fetched(shop: Shop, dispute: DisputeResult) -> DisputeResult:
    return await shop.provider.fetch_dispute(dispute_ref=dispute_ref_of(dispute))


# --- seen -----------------------------------------------------------------------------------------------------------


@DISPUTES
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (CardKind.DISPUTED, DisputeReason.FRAUDULENT),
        (CardKind.DISPUTED_NOT_RECEIVED, DisputeReason.PRODUCT_NOT_RECEIVED),
    ],
)
async def test_a_dispute_can_be_looked_at(shop: Shop, kind: CardKind, reason: DisputeReason) -> None:
    charged = await shop.paid(kind, Money(12_34, "USD"))
    listed = await shop.dispute_of(charged)

    dispute = await fetched(shop, listed)

    assert dispute.outcome is Outcome.SUCCEEDED
    assert (dispute.dispute_ref, dispute.charge_ref) == (listed.dispute_ref, charged.charge_ref)
    assert dispute.state is DisputeState.NEEDS_RESPONSE
    assert dispute.amount == Money(12_34, "USD")
    assert dispute.reason is reason
    assert not dispute.is_inquiry
    assert dispute.livemode is shop.provider.livemode
    assert dispute.respond_by is None or dispute.respond_by > shop.house.now()
    assert dispute.opened_at is None or dispute.opened_at <= shop.house.now() + timedelta(seconds=2)


@DISPUTES
async def test_a_list_shows_a_dispute_as_a_look_does(shop: Shop) -> None:
    listed = await shop.dispute()

    seen = await fetched(shop, listed)

    assert (listed.outcome, listed.state, listed.amount) == (seen.outcome, seen.state, seen.amount)
    assert (listed.reason, listed.is_inquiry, listed.respond_by) == (seen.reason, seen.is_inquiry, seen.respond_by)


@DISPUTES
async def test_an_inquiry_is_told_from_a_dispute(shop: Shop) -> None:
    inquiry = await fetched(shop, await shop.dispute(CardKind.INQUIRED))

    assert inquiry.is_inquiry
    assert inquiry.state is DisputeState.NEEDS_RESPONSE
    assert inquiry.amount == TWENTY


@DISPUTES
async def test_an_undisputed_charge_has_no_dispute(shop: Shop) -> None:
    await shop.paid()

    assert (await shop.listed()).disputes == ()


@DISPUTES
async def test_what_became_of_a_dispute_that_nobody_knows_is_unknown(shop: Shop) -> None:
    nobody = dispute_ref_of(await shop.dispute())[:-6] + "nobody"

    told = await shop.provider.fetch_dispute(dispute_ref=nobody)

    assert told.outcome in (Outcome.UNKNOWN, Outcome.FAILED)
    assert told.state is None
    assert told.refusal is not None


@pytest.mark.capability(ProviderAction.DISPUTES, ProviderAction.WEBHOOKS)
async def test_a_dispute_is_told_of(shop: Shop) -> None:
    dispute = await shop.dispute()

    told = [event for event in await shop.heard() if event.subject is WebhookSubject.DISPUTE]

    assert {event.subject_ref for event in told} == {dispute.dispute_ref}


@pytest.mark.capability(ProviderAction.DISPUTES, ProviderAction.WEBHOOKS, ProviderAction.SUBMIT_EVIDENCE)
@TAKES_TIME
async def test_how_a_dispute_ended_is_told_of(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.heard()

    await shop.answer(dispute, shop.house.winning_words)
    await shop.house.advance(LONG)

    told = [event for event in await shop.heard() if event.subject is WebhookSubject.DISPUTE]
    assert {event.subject_ref for event in told} == {dispute.dispute_ref}
    assert len(told) > 1, "that the bank has it, and how it decided"


@pytest.mark.capability(ProviderAction.DISPUTES, ProviderAction.LIST_CHANGES, ProviderAction.SUBMIT_EVIDENCE)
@TAKES_TIME
async def test_a_dispute_that_ended_since_is_listed(shop: Shop) -> None:
    dispute, quiet = await shop.dispute(), await shop.dispute()
    await shop.house.advance(timedelta(days=1))
    since = shop.house.now()
    await shop.answer(dispute, shop.house.winning_words)
    await shop.house.advance(LONG)

    states = {each.dispute_ref: each.state for each in (await shop.listed(since=since)).disputes}

    assert states == {dispute.dispute_ref: DisputeState.WON}
    assert quiet.dispute_ref not in states


# --- answered -------------------------------------------------------------------------------------------------------


@ANSWERS
async def test_evidence_is_sent_and_the_bank_looks_at_it(shop: Shop) -> None:
    dispute = await shop.dispute()

    answered = await shop.answer(dispute)

    assert answered.outcome is Outcome.SUCCEEDED
    assert (answered.dispute_ref, answered.state) == (dispute.dispute_ref, DisputeState.UNDER_REVIEW)
    assert (await fetched(shop, dispute)).state is DisputeState.UNDER_REVIEW


@ANSWERS
async def test_every_kind_of_evidence_can_be_sent(shop: Shop) -> None:
    dispute = await shop.dispute()
    told = {kind: f"About the {kind.lower().replace('_', ' ')}" for kind in EvidenceKind}

    answered = await shop.provider.submit_evidence(
        EvidenceRequest(operation_id=new_id(IdPrefix.OPERATION), dispute_ref=dispute_ref_of(dispute), evidence=told)
    )

    assert (answered.outcome, answered.state) == (Outcome.SUCCEEDED, DisputeState.UNDER_REVIEW)


@ANSWERS
async def test_a_bank_hears_a_merchant_once(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.answer(dispute)

    again = await shop.answer(dispute)

    assert again.outcome is Outcome.FAILED
    assert again.refusal is not None
    assert (await fetched(shop, dispute)).state is DisputeState.UNDER_REVIEW


@ANSWERS
async def test_evidence_that_is_sent_twice_under_one_key_was_sent_once(shop: Shop) -> None:
    dispute, operation_id = await shop.dispute(), new_id(IdPrefix.OPERATION)

    first = await shop.answer(dispute, operation_id=operation_id)
    again = await shop.answer(dispute, operation_id=operation_id)

    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert again.state is DisputeState.UNDER_REVIEW


@ANSWERS
@TAKES_TIME
async def test_a_dispute_may_be_won(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.answer(dispute, shop.house.winning_words)

    await shop.house.advance(LONG)

    assert (await fetched(shop, dispute)).state is DisputeState.WON


@ANSWERS
@TAKES_TIME
async def test_a_dispute_may_be_lost(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.answer(dispute, shop.house.losing_words)

    await shop.house.advance(LONG)

    assert (await fetched(shop, dispute)).state is DisputeState.LOST


@DISPUTES
@TAKES_TIME
async def test_a_dispute_that_nobody_answers_is_lost(shop: Shop) -> None:
    dispute = await shop.dispute()

    await shop.house.advance(MONTHS)

    assert (await fetched(shop, dispute)).state is DisputeState.LOST


@ANSWERS
@TAKES_TIME
async def test_it_may_be_too_late_for_evidence(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.house.advance(MONTHS)

    late = await shop.answer(dispute)

    assert late.outcome is Outcome.FAILED
    assert (await fetched(shop, dispute)).state is DisputeState.LOST


@ANSWERS
@TAKES_TIME
async def test_an_inquiry_that_was_answered_may_come_to_nothing(shop: Shop) -> None:
    inquiry = await shop.dispute(CardKind.INQUIRED)
    await shop.answer(inquiry, shop.house.winning_words)

    await shop.house.advance(LONG)

    closed = await fetched(shop, inquiry)
    assert (closed.state, closed.is_inquiry) == (DisputeState.WON, True)


# --- given up -------------------------------------------------------------------------------------------------------


@ACCEPTS
async def test_a_dispute_can_be_accepted(shop: Shop) -> None:
    dispute = await shop.dispute()

    accepted = await shop.accept(dispute)

    assert accepted.outcome is Outcome.SUCCEEDED
    assert accepted.dispute_ref == dispute.dispute_ref
    assert accepted.state in (DisputeState.ACCEPTED, DisputeState.LOST)
    assert (await fetched(shop, dispute)).state in (DisputeState.ACCEPTED, DisputeState.LOST)


@ACCEPTS
async def test_a_dispute_may_be_accepted_as_often_as_needed(shop: Shop) -> None:
    dispute = await shop.dispute()

    outcomes = [(await shop.accept(dispute)).outcome for _ in range(3)]

    assert outcomes == [Outcome.SUCCEEDED] * 3


@pytest.mark.capability(ProviderAction.SUBMIT_EVIDENCE, ProviderAction.ACCEPT_DISPUTE)
async def test_there_is_no_evidence_for_what_was_accepted(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.accept(dispute)

    assert (await shop.answer(dispute)).outcome is Outcome.FAILED


@pytest.mark.capability(ProviderAction.SUBMIT_EVIDENCE, ProviderAction.ACCEPT_DISPUTE)
@TAKES_TIME
async def test_what_was_won_cannot_be_accepted(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.answer(dispute, shop.house.winning_words)
    await shop.house.advance(LONG)

    accepted = await shop.accept(dispute)

    assert accepted.outcome is Outcome.FAILED
    assert (await fetched(shop, dispute)).state is DisputeState.WON


# --- what a dispute does to its charge ------------------------------------------------------------------------------


@pytest.mark.capability(ProviderAction.DISPUTES, ProviderAction.REFUND)
async def test_a_disputed_charge_is_not_given_back_as_well(shop: Shop) -> None:
    charged = await shop.paid(CardKind.DISPUTED)

    refunded = await shop.refund(charged)

    assert (refunded.outcome, refunded.refund_ref) == (Outcome.FAILED, None)
    assert (await shop.truth(charged)).refunded == 0


@pytest.mark.capability(ProviderAction.DISPUTES, ProviderAction.REFUND)
async def test_a_charge_that_a_bank_asks_about_can_be_given_back(shop: Shop) -> None:
    """Which is how most inquiries are answered."""
    charged = await shop.paid(CardKind.INQUIRED)

    assert (await shop.refund(charged)).outcome is Outcome.SUCCEEDED
    assert (await shop.truth(charged)).refunded == 20


@DISPUTES
async def test_a_disputed_charge_has_still_succeeded(shop: Shop) -> None:
    charged = await shop.paid(CardKind.DISPUTED)

    seen = await shop.fetched(charged)

    assert (seen.outcome, seen.captured) == (Outcome.SUCCEEDED, TWENTY)
    assert seen.refunded in (None, Money.zero("USD"))


# --- nobody answers -------------------------------------------------------------------------------------------------


@ANSWERS
@pytest.mark.needs(Power.WIRE)
@pytest.mark.parametrize("fault", [Fault.CLOSED, Fault.HTML, Fault.EMPTY, Fault.TRUNCATED])
async def test_evidence_whose_answer_was_lost_shows_in_the_dispute(shop: Shop, fault: Fault) -> None:
    dispute, operation_id = await shop.dispute(), new_id(IdPrefix.OPERATION)

    async with shop.house.broken(fault):
        lost = await shop.answer(dispute, operation_id=operation_id)
    again = await shop.answer(dispute, operation_id=operation_id)

    assert lost.outcome in (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert again.outcome is Outcome.SUCCEEDED
    assert (await fetched(shop, dispute)).state is DisputeState.UNDER_REVIEW


@ACCEPTS
@pytest.mark.needs(Power.WIRE)
@pytest.mark.parametrize("fault", [Fault.CLOSED, Fault.HTML, Fault.EMPTY, Fault.TRUNCATED])
async def test_an_acceptance_whose_answer_was_lost_may_be_sent_again(shop: Shop, fault: Fault) -> None:
    dispute, operation_id = await shop.dispute(), new_id(IdPrefix.OPERATION)

    async with shop.house.broken(fault):
        lost = await shop.accept(dispute, operation_id=operation_id)
    again = await shop.accept(dispute, operation_id=operation_id)

    assert lost.outcome in (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert again.outcome is Outcome.SUCCEEDED


@ANSWERS
@pytest.mark.needs(Power.WIRE)
async def test_evidence_that_never_left_was_not_sent(shop: Shop) -> None:
    dispute = await shop.dispute()

    async with shop.cut_off() as stranded:
        answered = await stranded.answer(dispute)
        accepted = await stranded.accept(dispute)

    assert {answered.outcome, accepted.outcome} <= {Outcome.NOT_SENT, Outcome.UNKNOWN}
    assert (await fetched(shop, dispute)).state is DisputeState.NEEDS_RESPONSE
