"""Customers who ask their bank for the money back, in process and over HTTP."""

from datetime import timedelta

import pytest

from adapters.fake.calls import Refused
from adapters.fake.truth import DisputeTruth
from domain.money import Money
from domain.provider import (
    AcceptRequest,
    ChargeResult,
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
    Outcome,
    RefundResult,
    WebhookSubject,
)
from tests.adapters.fake.helpers import Gateway, Shop

DISPUTED = "tok_createDispute"
NOT_RECEIVED = "tok_createDisputeProductNotReceived"
INQUIRY = "tok_createDisputeInquiry"


def usd(amount: int) -> Money:
    return Money(amount, "USD")


def truth_of(shop: Shop) -> DisputeTruth:
    (dispute,) = shop.bank.truth().disputes
    return dispute


async def disputed(shop: Shop, token: str = DISPUTED) -> tuple[ChargeResult, DisputeResult]:
    charge = await shop.charge(token, usd(20_00))
    assert charge.outcome is Outcome.SUCCEEDED
    return charge, await now(shop, truth_of(shop).dispute_ref)


async def now(shop: Shop, dispute_ref: str | None) -> DisputeResult:
    assert dispute_ref is not None
    dispute = await shop.provider.fetch_dispute(dispute_ref=dispute_ref)
    assert dispute.outcome is Outcome.SUCCEEDED
    return dispute


def evidence(
    dispute: DisputeResult, text: str = "They wore it.", *, operation_id: str = "op_evidence"
) -> EvidenceRequest:
    assert dispute.dispute_ref is not None
    said = {EvidenceKind.PRODUCT_DESCRIPTION: "A hat", EvidenceKind.OTHER: text}
    return EvidenceRequest(operation_id=operation_id, dispute_ref=dispute.dispute_ref, evidence=said)


def acceptance(dispute: DisputeResult, *, operation_id: str = "op_accept") -> AcceptRequest:
    assert dispute.dispute_ref is not None
    return AcceptRequest(operation_id=operation_id, dispute_ref=dispute.dispute_ref)


def code_of(result: DisputeResult | RefundResult) -> str | None:
    assert result.refusal is not None
    return result.refusal.provider_code


# --- opened ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "reason", "scheme_code", "is_inquiry"),
    [
        (DISPUTED, DisputeReason.FRAUDULENT, "10.4", False),
        (NOT_RECEIVED, DisputeReason.PRODUCT_NOT_RECEIVED, "13.1", False),
        (INQUIRY, DisputeReason.FRAUDULENT, "10.4", True),
    ],
)
async def test_a_charge_with_one_of_these_cards_is_disputed_at_once(
    shop: Shop, token: str, reason: DisputeReason, scheme_code: str, is_inquiry: bool
) -> None:
    charge, dispute = await disputed(shop, token)

    assert (dispute.charge_ref, dispute.amount) == (charge.charge_ref, usd(20_00))
    assert (dispute.state, dispute.is_inquiry) == (DisputeState.NEEDS_RESPONSE, is_inquiry)
    assert (dispute.reason, dispute.scheme_code, dispute.livemode) == (reason, scheme_code, False)
    assert dispute.opened_at == shop.clock.now()
    assert dispute.respond_by == shop.clock.now() + timedelta(days=7)
    truth = truth_of(shop)
    assert (truth.state, truth.amount, truth.withdrawn) == ("needs_response", 20_00, 0 if is_inquiry else 20_00)
    assert shop.bank.truth().withdrawn(truth.charge_id) == truth.withdrawn


async def test_a_hold_is_disputed_when_it_is_captured_for_what_was_captured(quick_shop: Shop) -> None:
    held = await quick_shop.hold(DISPUTED)
    assert quick_shop.bank.truth().disputes == ()

    await quick_shop.capture(held, usd(7_00))

    assert truth_of(quick_shop).withdrawn == 7_00


@pytest.mark.parametrize("token", ["tok_visa", "tok_chargeDeclined"])
async def test_nobody_disputes_a_charge_with_another_card(quick_shop: Shop, token: str) -> None:
    await quick_shop.charge(token)

    assert quick_shop.bank.truth().disputes == ()


async def test_any_charge_can_be_disputed_in_part_and_for_any_reason(shop: Shop) -> None:
    charge = await shop.charge("tok_amex", usd(20_00))
    await shop.refund(charge, usd(5_00))
    assert charge.charge_ref is not None

    ref = shop.bank.open_dispute(charge.charge_ref, reason=DisputeReason.DUPLICATE, amount=9_00)

    dispute = await now(shop, ref)
    assert (dispute.reason, dispute.amount, dispute.scheme_code) == (DisputeReason.DUPLICATE, usd(9_00), None)
    assert truth_of(shop).withdrawn == 9_00


async def test_what_is_left_is_all_that_can_be_disputed_and_only_once(quick_shop: Shop) -> None:
    charge = await quick_shop.charge("tok_visa", usd(20_00))
    gone = await quick_shop.charge("tok_visa", usd(20_00))
    on_its_way = await quick_shop.charge("tok_pendingRefund", usd(20_00))
    waiting = await quick_shop.charge("tok_threeDSecureRequired")
    await quick_shop.refund(charge, usd(5_00))
    await quick_shop.refund(gone, usd(20_00))
    await quick_shop.refund(on_its_way, usd(20_00))

    def refused(of: ChargeResult, amount: int | None = None, reason: str = "FRAUDULENT") -> str:
        with pytest.raises(Refused) as raised:
            quick_shop.bank.open_dispute(of.charge_ref or "", amount=amount, reason=reason)
        code = raised.value.answer.body["error"]["code"]
        assert isinstance(code, str)
        return code

    assert refused(charge, 15_01) == "amount_too_high"
    assert refused(charge, reason="BORED") == "field_invalid"
    assert [refused(each) for each in (gone, on_its_way, waiting)] == ["charge_not_captured"] * 3
    quick_shop.bank.open_dispute(charge.charge_ref or "", is_inquiry=True)
    assert truth_of(quick_shop).amount == 15_00
    assert refused(charge) == "charge_disputed"


# --- answered -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "state", "withdrawn"),
    [
        ("This is winning_evidence, is it not?", DisputeState.WON, 0),
        ("losing_evidence", DisputeState.LOST, 20_00),
        ("escalate_inquiry_evidence", DisputeState.UNDER_REVIEW, 20_00),
        ("They wore it.", DisputeState.UNDER_REVIEW, 20_00),
    ],
)
async def test_the_bank_decides_by_what_it_is_told(shop: Shop, text: str, state: DisputeState, withdrawn: int) -> None:
    _, dispute = await disputed(shop)

    submitted = await shop.provider.submit_evidence(evidence(dispute, text))

    assert (submitted.outcome, submitted.state) == (Outcome.SUCCEEDED, DisputeState.UNDER_REVIEW)
    shop.clock.advance(seconds=9)
    assert (await now(shop, dispute.dispute_ref)).state is DisputeState.UNDER_REVIEW
    shop.clock.advance(seconds=1)
    assert (await now(shop, dispute.dispute_ref)).state is state
    assert truth_of(shop).withdrawn == withdrawn
    shop.clock.advance(days=30)
    assert (await now(shop, dispute.dispute_ref)).state is state


async def test_what_nobody_answers_in_time_is_lost(shop: Shop) -> None:
    _, dispute = await disputed(shop)
    shop.clock.advance(days=7, seconds=-1)
    assert (await now(shop, dispute.dispute_ref)).state is DisputeState.NEEDS_RESPONSE

    shop.clock.advance(seconds=1)

    assert (await now(shop, dispute.dispute_ref)).state is DisputeState.LOST
    too_late = await shop.provider.submit_evidence(evidence(dispute, "winning_evidence"))
    assert (too_late.outcome, code_of(too_late)) == (Outcome.FAILED, "dispute_not_answerable")
    assert truth_of(shop).withdrawn == 20_00


async def test_giving_in_is_for_good_and_may_be_said_twice(shop: Shop) -> None:
    _, dispute = await disputed(shop)

    accepted = await shop.provider.accept_dispute(acceptance(dispute))
    again = await shop.provider.accept_dispute(acceptance(dispute, operation_id="op_other"))

    assert (accepted.outcome, accepted.state) == (Outcome.SUCCEEDED, DisputeState.ACCEPTED)
    assert again == accepted
    refused = await shop.provider.submit_evidence(evidence(dispute))
    assert code_of(refused) == "dispute_not_answerable"
    assert (truth_of(shop).state, truth_of(shop).withdrawn) == ("accepted", 20_00)


async def test_the_bank_hears_the_merchant_once(shop: Shop) -> None:
    _, dispute = await disputed(shop)
    request = evidence(dispute)
    submitted = await shop.provider.submit_evidence(request)

    assert await shop.provider.submit_evidence(request) == submitted
    other_key = await shop.provider.submit_evidence(evidence(dispute, operation_id="op_other"))
    other_text = await shop.provider.submit_evidence(evidence(dispute, "Or not."))
    accepted = await shop.provider.accept_dispute(acceptance(dispute))

    assert [code_of(each) for each in (other_key, other_text, accepted)] == [
        "dispute_not_answerable",
        "idempotency_key_reused",
        "dispute_not_answerable",
    ]
    assert [each.outcome for each in (other_key, other_text, accepted)] == [
        Outcome.FAILED,
        Outcome.UNKNOWN,
        Outcome.FAILED,
    ]


async def test_somebody_can_decide_for_the_bank_once(quick_shop: Shop) -> None:
    _, dispute = await disputed(quick_shop)
    await quick_shop.provider.submit_evidence(evidence(dispute))
    assert dispute.dispute_ref is not None

    quick_shop.bank.decide_dispute(dispute.dispute_ref, won=True)

    assert (await now(quick_shop, dispute.dispute_ref)).state is DisputeState.WON
    with pytest.raises(Refused):
        quick_shop.bank.decide_dispute(dispute.dispute_ref, won=False)
    assert truth_of(quick_shop).withdrawn == 0


# --- inquiries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["escalate_inquiry_evidence", "losing_evidence"])
async def test_an_inquiry_whose_answer_does_not_convince_becomes_a_dispute(shop: Shop, text: str) -> None:
    charge, inquiry = await disputed(shop, INQUIRY)
    assert (await shop.refund(charge, usd(5_00))).outcome is Outcome.SUCCEEDED
    await shop.provider.submit_evidence(evidence(inquiry, text))
    shop.clock.advance(seconds=10)

    dispute = await now(shop, inquiry.dispute_ref)

    assert (dispute.state, dispute.is_inquiry) == (DisputeState.NEEDS_RESPONSE, False)
    assert (dispute.amount, dispute.respond_by) == (usd(15_00), shop.clock.now() + timedelta(days=7))
    assert truth_of(shop).withdrawn == 15_00
    won = await shop.provider.submit_evidence(evidence(dispute, "winning_evidence", operation_id="op_second"))
    assert won.outcome is Outcome.SUCCEEDED
    shop.clock.advance(seconds=10)
    assert truth_of(shop).state == "won"


async def test_an_inquiry_that_nobody_answers_comes_to_nothing(quick_shop: Shop) -> None:
    _, inquiry = await disputed(quick_shop, INQUIRY)
    quick_shop.clock.advance(days=7)

    assert (await now(quick_shop, inquiry.dispute_ref)).state is DisputeState.WON
    assert truth_of(quick_shop).withdrawn == 0


async def test_an_inquiry_ends_when_the_money_is_given_back(quick_shop: Shop) -> None:
    charge, inquiry = await disputed(quick_shop, INQUIRY)
    refused = await quick_shop.provider.accept_dispute(acceptance(inquiry))
    assert (refused.outcome, code_of(refused)) == (Outcome.FAILED, "inquiry_not_acceptable")

    for amount in (15_00, 5_00):
        assert (await now(quick_shop, inquiry.dispute_ref)).state is DisputeState.NEEDS_RESPONSE
        assert (await quick_shop.refund(charge, usd(amount))).outcome is Outcome.SUCCEEDED

    assert (await now(quick_shop, inquiry.dispute_ref)).state is DisputeState.WON


async def test_an_inquiry_finds_nothing_to_take_of_what_is_on_its_way_back(quick_shop: Shop) -> None:
    charge = await quick_shop.charge("tok_pendingRefund", usd(20_00))
    ref = quick_shop.bank.open_dispute(charge.charge_ref or "", is_inquiry=True)
    assert (await quick_shop.refund(charge, usd(20_00))).outcome is Outcome.PENDING

    quick_shop.bank.decide_dispute(ref, won=False)

    assert (truth_of(quick_shop).state, truth_of(quick_shop).withdrawn) == ("won", 0)


# --- refunds --------------------------------------------------------------------------------------------------------


async def test_what_the_bank_has_taken_cannot_be_refunded_until_it_is_won(shop: Shop) -> None:
    charge, dispute = await disputed(shop)
    open_ = await shop.refund(charge, usd(1))
    assert (open_.outcome, code_of(open_)) == (Outcome.FAILED, "charge_disputed")

    await shop.provider.submit_evidence(evidence(dispute, "winning_evidence"))
    shop.clock.advance(seconds=10)

    assert (await shop.refund(charge, usd(20_00))).outcome is Outcome.SUCCEEDED


async def test_what_was_lost_cannot_be_refunded_either(quick_shop: Shop) -> None:
    charge = await quick_shop.charge("tok_visa", usd(20_00))
    ref = quick_shop.bank.open_dispute(charge.charge_ref or "", amount=5_00)
    quick_shop.bank.decide_dispute(ref, won=False)

    assert code_of(await quick_shop.refund(charge, usd(1))) == "charge_disputed"
    with pytest.raises(Refused):
        quick_shop.bank.open_dispute(charge.charge_ref or "")


# --- told -----------------------------------------------------------------------------------------------------------


async def test_each_step_is_told_of_and_none_with_what_was_said(quick_shop: Shop, gateway: Gateway) -> None:
    charge, inquiry = await disputed(quick_shop, INQUIRY)
    assert await gateway.hear() == ["payment_method.attached", "charge.succeeded", "dispute.opened"]
    told = gateway.taken[-1]
    assert (told.subject, told.subject_ref, told.operation_id) == (
        WebhookSubject.DISPUTE,
        inquiry.dispute_ref,
        None,
    )
    await quick_shop.provider.submit_evidence(evidence(inquiry, "escalate_inquiry_evidence"))
    assert await gateway.hear() == ["dispute.updated"]
    quick_shop.clock.advance(seconds=10)
    assert await gateway.hear() == ["dispute.updated"]
    quick_shop.clock.advance(days=7)
    assert await gateway.hear() == ["dispute.closed"]

    (listed,) = (await quick_shop.provider.changes(since=None, cursor=None)).disputes
    assert (listed, listed.charge_ref) == (await now(quick_shop, inquiry.dispute_ref), charge.charge_ref)
    assert "escalate_inquiry" not in repr((gateway.taken, listed))


async def test_one_dispute_that_cannot_be_read_does_not_hide_the_others(quick_shop: Shop) -> None:
    for _ in range(2):
        await quick_shop.charge(DISPUTED)
    odd, good = [dispute.dispute_ref for dispute in quick_shop.bank.truth().disputes]
    await quick_shop.bank.run(
        lambda books: books.write(
            "UPDATE charges SET currency = 'XXX' WHERE ref = (SELECT charge_ref FROM disputes WHERE ref = ?)", odd
        )
    )

    listed = (await quick_shop.provider.changes(since=None, cursor=None)).disputes

    assert [(each.dispute_ref, each.outcome) for each in listed] == [
        (odd, Outcome.UNKNOWN),
        (good, Outcome.SUCCEEDED),
    ]


async def test_a_reason_that_only_a_newer_bank_knows_is_a_general_one(quick_shop: Shop) -> None:
    _, dispute = await disputed(quick_shop)
    await quick_shop.bank.run(lambda books: books.write("UPDATE disputes SET reason = 'MELTED'"))

    assert (await now(quick_shop, dispute.dispute_ref)).reason is DisputeReason.GENERAL


async def test_a_dispute_of_somebody_else_is_unknown_and_cannot_be_answered(shop: Shop) -> None:
    elsewhere = DisputeResult(outcome=Outcome.SUCCEEDED, dispute_ref="fdp_of_another_bank")

    looked = await shop.provider.fetch_dispute(dispute_ref="fdp_of_another_bank")
    answered = await shop.provider.submit_evidence(evidence(elsewhere))
    accepted = await shop.provider.accept_dispute(acceptance(elsewhere))

    assert [each.outcome for each in (looked, answered, accepted)] == [Outcome.UNKNOWN, Outcome.FAILED, Outcome.FAILED]
    assert {code_of(each) for each in (looked, answered, accepted)} == {"dispute_missing"}


@pytest.mark.parametrize("said", [{}, {"GOSSIP": "They wear hats."}, {"OTHER": "x" * 150_001}, {"OTHER": None}])
async def test_evidence_that_says_nothing_or_too_much_is_refused(
    quick_shop: Shop, said: dict[EvidenceKind, str]
) -> None:
    _, dispute = await disputed(quick_shop)
    assert dispute.dispute_ref is not None
    request = EvidenceRequest(operation_id="op_evidence", dispute_ref=dispute.dispute_ref, evidence=said)

    refused = await quick_shop.provider.submit_evidence(request)

    assert (refused.outcome, code_of(refused)) == (Outcome.FAILED, "field_invalid")
    assert truth_of(quick_shop).state == "needs_response"


@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "truncate", "empty"])
async def test_an_answer_that_is_lost_is_unknown_and_the_same_request_finds_it(quick_shop: Shop, fault: str) -> None:
    _, given_up = await disputed(quick_shop)
    charge = await quick_shop.charge("tok_visa")
    fought = await now(quick_shop, quick_shop.bank.open_dispute(charge.charge_ref or ""))
    quick_shop.bank.misbehave(f"accept_dispute#1={fault}; submit_evidence#1={fault}; fetch_dispute#1={fault}")

    assert (await quick_shop.provider.accept_dispute(acceptance(given_up))).outcome is Outcome.UNKNOWN
    assert (await quick_shop.provider.submit_evidence(evidence(fought))).outcome is Outcome.UNKNOWN
    looked = await quick_shop.provider.fetch_dispute(dispute_ref=fought.dispute_ref or "")
    assert (looked.outcome, looked.state) == (Outcome.UNKNOWN, None)

    assert (await quick_shop.provider.accept_dispute(acceptance(given_up))).state is DisputeState.ACCEPTED
    assert (await quick_shop.provider.submit_evidence(evidence(fought))).state is DisputeState.UNDER_REVIEW


async def test_what_was_said_of_somebody_is_forgotten_with_them(quick_shop: Shop) -> None:
    _, dispute = await disputed(quick_shop)
    await quick_shop.provider.submit_evidence(evidence(dispute, "winning_evidence, says Ann"))

    await quick_shop.provider.forget_customer(customer_ref=quick_shop.customer_ref)

    with quick_shop.bank.open() as books:
        assert [row["evidence"] for row in books.all("SELECT evidence FROM disputes")] == [None]
    quick_shop.clock.advance(seconds=10)
    assert (await now(quick_shop, dispute.dispute_ref)).state is DisputeState.WON
