"""An operation keeps the exact request, and knows which answers end it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import MAXIMUM_MINOR_UNITS, Money
from domain.operations import MoneyRequest, OperationKind, restored, stored
from domain.provider import (
    AcceptRequest,
    CaptureMode,
    CaptureRequest,
    ChargeRequest,
    ContinueRequest,
    EvidenceKind,
    EvidenceRequest,
    Initiator,
    Outcome,
    RefundRequest,
    VoidRequest,
)
from tests.domain.examples import LATER, MUCH_LATER, currencies, many, new_operation

# Without half surrogate pairs, which no text of a request has: `domain.texts` refuses them.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
perhaps = st.none() | words
amounts = st.builds(Money, st.integers(1, MAXIMUM_MINOR_UNITS), currencies)
requests: dict[OperationKind, st.SearchStrategy[MoneyRequest]] = {
    OperationKind.CHARGE: st.builds(
        ChargeRequest,
        operation_id=words,
        charge_id=words,
        amount=amounts,
        customer_ref=words,
        payment_method_ref=words,
        initiator=st.sampled_from(Initiator),
        return_url=perhaps,
        capture=st.sampled_from(CaptureMode),
        metadata=st.dictionaries(words, words, max_size=3),
    ),
    OperationKind.CONTINUE: st.builds(ContinueRequest, operation_id=words, charge_ref=words, token=perhaps),
    OperationKind.CAPTURE: st.builds(CaptureRequest, operation_id=words, charge_ref=words, amount=amounts),
    OperationKind.VOID: st.builds(VoidRequest, operation_id=words, charge_ref=words),
    OperationKind.REFUND: st.builds(
        RefundRequest, operation_id=words, refund_id=words, charge_ref=words, amount=amounts, reason=perhaps
    ),
    OperationKind.SUBMIT_EVIDENCE: st.builds(
        EvidenceRequest,
        operation_id=words,
        dispute_ref=words,
        evidence=st.dictionaries(st.sampled_from(EvidenceKind), words, max_size=3),
    ),
    OperationKind.ACCEPT_DISPUTE: st.builds(AcceptRequest, operation_id=words, dispute_ref=words),
}


class TestTheRequest:
    @pytest.mark.parametrize("kind", OperationKind)
    @many
    @given(data=st.data())
    def test_what_is_sent_again_is_what_was_sent(self, kind: OperationKind, data: st.DataObject) -> None:
        request = data.draw(requests[kind])
        from_database = json.loads(json.dumps(stored(request)))
        again = restored(new_operation(kind, request, request=from_database))
        assert again == request
        assert type(again) is type(request)
        assert stored(again) == stored(request)

    def test_the_types_come_back_too(self) -> None:
        request = ChargeRequest(
            operation_id="op_1",
            charge_id="chg_1",
            amount=Money(10_00, "USD"),
            customer_ref="cus_1",
            payment_method_ref="pm_1",
            initiator=Initiator.RECURRING,
            return_url=None,
        )
        from_database = json.loads(json.dumps(stored(request)))
        again = restored(new_operation(OperationKind.CHARGE, request=from_database))
        assert isinstance(again, ChargeRequest)
        assert isinstance(again.amount, Money)
        assert again.initiator is Initiator.RECURRING

    def test_a_request_from_before_captures_by_hand_is_captured_at_once(self) -> None:
        stored_then = stored(_charge_request())
        del stored_then["capture"]
        again = restored(new_operation(OperationKind.CHARGE, request=stored_then))
        assert again == _charge_request()

    def test_storing_takes_a_copy(self) -> None:
        metadata = {"order": "ord_1"}
        request = ChargeRequest(
            operation_id="op_1",
            charge_id="chg_1",
            amount=Money(1, "USD"),
            customer_ref="cus_1",
            payment_method_ref="pm_1",
            initiator=Initiator.CUSTOMER,
            return_url=None,
            metadata=metadata,
        )
        written = stored(request)
        metadata["order"] = "ord_2"
        assert written["metadata"] == {"order": "ord_1"}


def _charge_request() -> ChargeRequest:
    return ChargeRequest(
        operation_id="op_1",
        charge_id="chg_1",
        amount=Money(1, "USD"),
        customer_ref="cus_1",
        payment_method_ref="pm_1",
        initiator=Initiator.CUSTOMER,
        return_url=None,
    )


ANSWERED = {
    OperationKind.CHARGE: "SUCCEEDED AUTHORIZED REQUIRES_ACTION DECLINED FAILED VOIDED EXPIRED NOT_SENT",
    OperationKind.CONTINUE: "SUCCEEDED AUTHORIZED REQUIRES_ACTION DECLINED FAILED VOIDED EXPIRED NOT_SENT",
    OperationKind.CAPTURE: "SUCCEEDED DECLINED FAILED VOIDED EXPIRED NOT_SENT",
    OperationKind.VOID: "SUCCEEDED DECLINED FAILED VOIDED EXPIRED NOT_SENT",
    OperationKind.REFUND: "SUCCEEDED DECLINED FAILED VOIDED EXPIRED NOT_SENT",
    OperationKind.SUBMIT_EVIDENCE: "SUCCEEDED DECLINED FAILED VOIDED EXPIRED NOT_SENT",
    OperationKind.ACCEPT_DISPUTE: "SUCCEEDED DECLINED FAILED VOIDED EXPIRED NOT_SENT",
}
SILENT_ABOUT_THE_CHARGE = {
    OperationKind.CHARGE: "",
    OperationKind.CONTINUE: "NOT_SENT FAILED",
    OperationKind.CAPTURE: "NOT_SENT FAILED DECLINED UNKNOWN PENDING",
    OperationKind.VOID: "NOT_SENT FAILED DECLINED UNKNOWN PENDING",
    OperationKind.REFUND: "",
    OperationKind.SUBMIT_EVIDENCE: " ".join(Outcome),
    OperationKind.ACCEPT_DISPUTE: " ".join(Outcome),
}


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("kind", OperationKind)
class TestAnswers:
    def test_which_outcomes_end_a_request(self, kind: OperationKind, outcome: Outcome) -> None:
        assert new_operation(kind).is_answered_by(outcome) == (outcome in ANSWERED[kind].split())

    def test_which_outcomes_tell_of_the_charge(self, kind: OperationKind, outcome: Outcome) -> None:
        silent = SILENT_ABOUT_THE_CHARGE[kind].split()
        assert new_operation(kind).tells_of_the_charge(outcome) == (outcome not in silent)


def test_a_refused_continuation_leaves_the_charge_as_it_is() -> None:
    """A token that the provider does not take says nothing of a charge that it has; a decline does."""
    operation = new_operation(
        OperationKind.CONTINUE, ContinueRequest(operation_id="op_1", charge_ref="ch_1", token="t")
    )
    assert operation.is_answered_by(Outcome.FAILED)
    assert not operation.tells_of_the_charge(Outcome.FAILED)
    assert operation.tells_of_the_charge(Outcome.DECLINED)


@pytest.mark.parametrize("kind", OperationKind)
def test_not_knowing_never_ends_a_request(kind: OperationKind) -> None:
    assert not new_operation(kind).is_answered_by(Outcome.UNKNOWN)
    assert not new_operation(kind).is_answered_by(Outcome.PENDING)


class TestItsLife:
    def test_the_first_end_is_kept(self) -> None:
        operation = new_operation()
        assert not operation.is_finished
        finished = operation.finished(now=LATER)
        assert finished.is_finished
        assert finished.finished(now=MUCH_LATER) is finished

    def test_looks_are_counted_and_empty_ones_apart(self) -> None:
        operation = new_operation().looked_after(empty=True).looked_after(empty=False).looked_after(empty=True)
        assert (operation.tries, operation.empty_looks) == (3, 2)

    def test_the_last_answer_is_kept_and_silence_does_not_erase_it(self) -> None:
        operation = new_operation().learnt(Outcome.PENDING, {"status": "processing"})
        silent = operation.learnt(Outcome.UNKNOWN, {}).learnt(Outcome.UNKNOWN, None)
        assert (silent.outcome, silent.raw) == (Outcome.UNKNOWN, {"status": "processing"})

    def test_everyone_who_may_have_sent_it_is_counted(self) -> None:
        operation = new_operation()
        assert operation.sends == 1
        assert operation.taken_over(now=LATER).taken_over(now=LATER).sends == 3
        assert operation.looked_after(empty=True).sends == 1, "looking sends nothing"
        assert operation.taken_over(now=LATER).tries == 0

    def test_a_token_of_the_card_form_is_kept_until_the_end_and_not_longer(self) -> None:
        request = ContinueRequest(operation_id="op_1", charge_ref="ch_1", token="tok_confirmed")
        operation = new_operation(OperationKind.CONTINUE, request).taken_over(now=LATER).looked_after(empty=True)
        assert restored(operation) == request
        finished = operation.learnt(Outcome.SUCCEEDED, {"status": "ok"}).finished(now=LATER)
        assert restored(finished) == ContinueRequest(operation_id="op_1", charge_ref="ch_1", token=None)
        assert "tok_confirmed" not in repr(finished)
        assert operation.request["token"] == "tok_confirmed", "an operation is a value: the one before stays"

    @pytest.mark.parametrize("kind", OperationKind)
    @many
    @given(data=st.data())
    def test_its_end_takes_nothing_else_from_the_request(self, kind: OperationKind, data: st.DataObject) -> None:
        operation = new_operation(kind, data.draw(requests[kind]))
        before, after = dict(operation.request), dict(operation.finished(now=LATER).request)
        for forgotten in ("token", "evidence"):
            assert not after.pop(forgotten, None)
            before.pop(forgotten, None)
        assert after == before
