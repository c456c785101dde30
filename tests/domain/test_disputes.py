from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.disputes import Dispute, answer_in
from domain.errors import ChargeDisputed, DisputeInProgress, DisputeNotOpen, InquiryNotAcceptable, RefundAmountTooHigh
from domain.ledger import LedgerAccount, dispute_entries
from domain.money import Money
from domain.operations import Operation, OperationKind, restored, stored
from domain.orders import PaymentState, payment_state
from domain.provider import (
    AcceptRequest,
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
    Outcome,
)
from tests.domain.examples import LATER, MUCH_LATER, NOW, many, new_charge, usd

S = DisputeState
EVIDENCE = {EvidenceKind.PRODUCT_DESCRIPTION: "Tea", EvidenceKind.CUSTOMER_NAME: "Ada Lovelace"}


def a_picture(state: DisputeState = S.NEEDS_RESPONSE, **fields: object) -> DisputeResult:
    known = {"dispute_ref": "fdp_1", "charge_ref": "fch_1", "amount": usd(100), "reason": DisputeReason.FRAUDULENT}
    return DisputeResult(outcome=Outcome.SUCCEEDED, state=state, **(known | fields))  # type: ignore[arg-type]


def a_dispute(picture: DisputeResult | None = None) -> Dispute:
    return Dispute.opened(new_charge(captured=usd(100)), picture or a_picture(), asked_at=NOW, now=NOW)


pictures = st.builds(
    a_picture,
    st.sampled_from(S),
    amount=st.sampled_from([usd(100), usd(40)]),
    is_inquiry=st.booleans(),
    respond_by=st.sampled_from([None, LATER]),
)
told_nothing = st.builds(DisputeResult, outcome=st.sampled_from([Outcome.FAILED, Outcome.NOT_SENT, Outcome.UNKNOWN]))


class TestEvidenceInAnyOrder:
    @many
    @given(st.lists(st.one_of(pictures, told_nothing), min_size=1, max_size=4), st.data())
    def test_every_order_of_pictures_ends_alike(self, shown: list[DisputeResult], data: st.DataObject) -> None:
        asked = [(picture, NOW + timedelta(seconds=number + 1)) for number, picture in enumerate(shown)]
        opened = a_dispute()

        def end(story: list[tuple[DisputeResult, object]]) -> Dispute:
            dispute = opened
            for picture, asked_at in story:
                dispute = dispute.after(picture, asked_at=asked_at, now=MUCH_LATER)  # type: ignore[arg-type]
            return replace(dispute, updated_at=NOW)

        expected = end(list(asked))
        again = data.draw(st.lists(st.sampled_from(asked), max_size=4))
        for order in permutations(asked):
            assert end([*order, *again]) == expected
            assert end([*again, *order, *order]) == expected

    def test_what_was_asked_for_earlier_undoes_nothing(self) -> None:
        lost = a_dispute().after(a_picture(S.LOST), asked_at=LATER, now=LATER)

        assert lost.after(a_picture(S.NEEDS_RESPONSE), asked_at=NOW, now=MUCH_LATER) == lost

    def test_an_appeal_opens_again_what_was_lost(self) -> None:
        lost = a_dispute().after(a_picture(S.LOST), asked_at=LATER, now=LATER)

        assert lost.after(a_picture(S.NEEDS_RESPONSE), asked_at=MUCH_LATER, now=MUCH_LATER).state is S.NEEDS_RESPONSE

    def test_seeing_the_same_again_is_no_change(self) -> None:
        again = a_dispute().after(a_picture(), asked_at=LATER, now=LATER)

        assert (again.updated_at, again.seen_at) == (NOW, LATER)

    def test_what_tells_nothing_of_the_dispute_changes_nothing(self) -> None:
        dispute = a_dispute()

        for outcome in (Outcome.FAILED, Outcome.NOT_SENT, Outcome.UNKNOWN):
            assert dispute.after(DisputeResult(outcome=outcome), asked_at=LATER, now=LATER) == dispute
        with pytest.raises(ValueError, match="no picture"):
            a_dispute(DisputeResult(outcome=Outcome.FAILED))


class TestMoney:
    @pytest.mark.parametrize("state", S)
    def test_a_bank_takes_the_money_at_once_and_gives_it_back_when_it_is_won(self, state: DisputeState) -> None:
        assert a_dispute(a_picture(state)).withdrawn == usd(0 if state is S.WON else 100)

    @pytest.mark.parametrize("state", S)
    def test_an_inquiry_takes_none(self, state: DisputeState) -> None:
        assert a_dispute(a_picture(state, is_inquiry=True)).withdrawn == usd(0)

    def test_disputed_money_is_not_refundable(self) -> None:
        charge = new_charge(captured=usd(100), refunded=usd(10), refund_reserved=usd(20), disputed=usd(40))

        assert (charge.refundable, charge.unrefunded) == (usd(30), usd(70))
        with pytest.raises(RefundAmountTooHigh):
            charge.check_refundable(usd(31))

    @pytest.mark.fault("F57")
    def test_a_bank_may_take_what_went_back_already(self) -> None:
        charge = new_charge(captured=usd(100), refunded=usd(30)).dispute_moved(usd(100), now=LATER)

        assert (charge.disputed, charge.refundable) == (usd(100), usd(0))
        with pytest.raises(ChargeDisputed):
            charge.check_refundable(usd(1))
        assert charge.dispute_moved(usd(-100), now=LATER).refundable == usd(70)

    def test_each_movement_has_a_cause_of_its_own_and_sums_to_zero(self) -> None:
        def entries(number: int, by: int) -> dict[LedgerAccount, Money]:
            made = dispute_entries("dsp_1", number=number, by=usd(by), charge_id="chg_1", livemode=False, now=NOW)
            assert {entry.cause for entry in made} == {f"dsp_1/moved/{number}"}
            return {entry.account: entry.amount for entry in made}

        taken, given_back = entries(1, 100), entries(2, -100)

        assert taken == {LedgerAccount.DISPUTES: usd(100), LedgerAccount.PROVIDER_CLEARING: usd(-100)}
        assert given_back == {LedgerAccount.DISPUTES: usd(-100), LedgerAccount.PROVIDER_CLEARING: usd(100)}

    def test_an_order_whose_money_a_bank_has_is_disputed_whatever_else_was_paid(self) -> None:
        paid = {"total": 100, "authorized": 0, "captured": 100, "placed": True}

        assert payment_state(**paid, refunded=0, disputed=1) is PaymentState.DISPUTED  # type: ignore[arg-type]
        assert payment_state(**paid, refunded=100, disputed=100) is PaymentState.DISPUTED  # type: ignore[arg-type]
        assert payment_state(**paid, refunded=0, disputed=0) is PaymentState.PAID  # type: ignore[arg-type]


class TestAnswers:
    def test_evidence_is_kept_once_it_was_sent(self) -> None:
        asked = a_dispute().evidence_requested(now=LATER)

        assert (asked.is_being_answered, asked.evidence) == (True, {})
        sent = asked.evidence_sent(EVIDENCE, now=LATER)
        assert (sent.is_being_answered, sent.evidence, sent.evidence_sent_at) == (False, EVIDENCE, LATER)

    def test_one_response_at_a_time(self) -> None:
        for asked in (a_dispute().evidence_requested(now=LATER), a_dispute().acceptance_requested(now=LATER)):
            with pytest.raises(DisputeInProgress):
                asked.check_answerable()
            with pytest.raises(DisputeInProgress):
                asked.check_acceptable()
            asked.response_ended(now=LATER).check_answerable()

    @pytest.mark.parametrize("state", [S.UNDER_REVIEW, S.WON, S.LOST, S.ACCEPTED])
    def test_only_one_that_waits_for_it_takes_a_response(self, state: DisputeState) -> None:
        with pytest.raises(DisputeNotOpen):
            a_dispute(a_picture(state)).check_answerable()

    def test_an_inquiry_takes_evidence_and_there_is_nothing_to_give_in_to(self) -> None:
        inquiry = a_dispute(a_picture(is_inquiry=True))

        inquiry.check_answerable()
        with pytest.raises(InquiryNotAcceptable):
            inquiry.check_acceptable()

    def test_what_we_gave_up_is_accepted_in_whichever_order_that_is_heard(self) -> None:
        asked = a_dispute().acceptance_requested(now=LATER)
        seen_first = asked.after(a_picture(S.LOST), asked_at=LATER, now=LATER)
        heard_first = asked.accepted(now=LATER).after(a_picture(S.LOST), asked_at=LATER, now=LATER)

        assert seen_first.state is heard_first.state is S.ACCEPTED
        assert seen_first.accepted(now=LATER) == heard_first
        lost = a_dispute(a_picture(S.LOST))
        assert lost.accepted(now=LATER).state is S.ACCEPTED

    def test_a_picture_answers_a_request_whose_answer_was_lost(self) -> None:
        told = {
            kind: {state: answer_in(a_picture(state), kind) for state in S}
            for kind in (OperationKind.SUBMIT_EVIDENCE, OperationKind.ACCEPT_DISPUTE)
        }

        assert told[OperationKind.SUBMIT_EVIDENCE] == {
            S.NEEDS_RESPONSE: Outcome.UNKNOWN,
            S.UNDER_REVIEW: Outcome.SUCCEEDED,
            S.WON: Outcome.SUCCEEDED,
            S.LOST: Outcome.SUCCEEDED,
            S.ACCEPTED: Outcome.FAILED,
        }
        assert told[OperationKind.ACCEPT_DISPUTE] == {
            S.NEEDS_RESPONSE: Outcome.UNKNOWN,
            S.UNDER_REVIEW: Outcome.UNKNOWN,
            S.WON: Outcome.FAILED,
            S.LOST: Outcome.SUCCEEDED,
            S.ACCEPTED: Outcome.SUCCEEDED,
        }
        assert answer_in(DisputeResult(outcome=Outcome.FAILED), OperationKind.ACCEPT_DISPUTE) is Outcome.UNKNOWN

    def test_a_stored_response_is_restored_as_it_was_and_forgets_what_it_said_when_it_is_over(self) -> None:
        evidence = EvidenceRequest(operation_id="op_1", dispute_ref="fdp_1", evidence=EVIDENCE)
        accept = AcceptRequest(operation_id="op_1", dispute_ref="fdp_1")
        for request, kind in ((evidence, OperationKind.SUBMIT_EVIDENCE), (accept, OperationKind.ACCEPT_DISPUTE)):
            operation = Operation(
                id="op_1",
                kind=kind,
                charge_id="chg_1",
                dispute_id="dsp_1",
                account="fake",
                request=stored(request),
                on_session=False,
                first_sent_at=NOW,
                created_at=NOW,
            )
            assert restored(operation) == request
            assert not operation.is_of_the_charge
            assert "Ada" not in str(operation.finished(now=LATER).request)
