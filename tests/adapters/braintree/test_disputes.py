"""Disputes: seen, answered and given up."""

from datetime import UTC, datetime, time, timedelta

import pytest

from domain.money import Money
from domain.provider import (
    AcceptRequest,
    DisputeReason,
    DisputeResult,
    DisputeState,
    EvidenceKind,
    EvidenceRequest,
    Outcome,
)
from tests.adapters.braintree.books import Books
from tests.adapters.braintree.desk import provider_at
from tests.adapters.impostor import impostor

_EVIDENCE = {
    EvidenceKind.CUSTOMER_NAME: "Ann Lee",
    EvidenceKind.CUSTOMER_EMAIL: "ann@example.org",
    EvidenceKind.SHIPPING_CARRIER: "UPS",
    EvidenceKind.SHIPPING_TRACKING_NUMBER: "1Z999AA10123456784",
    EvidenceKind.REFUND_POLICY: "Within\n  14 days.",
    EvidenceKind.OTHER: "It was sent.",
}


async def submit(
    books: Books, ref: str, *, operation_id: str = "op_evidence", said: str = "It was sent."
) -> DisputeResult:
    evidence = _EVIDENCE | {EvidenceKind.OTHER: said}
    return await books.provider.submit_evidence(
        EvidenceRequest(operation_id=operation_id, dispute_ref=ref, evidence=evidence)
    )


async def accept(books: Books, ref: str, *, operation_id: str = "op_accept") -> DisputeResult:
    return await books.provider.accept_dispute(AcceptRequest(operation_id=operation_id, dispute_ref=ref))


# --- seen -----------------------------------------------------------------------------------------------------------


async def test_a_dispute_says_what_is_wanted_and_until_when(books: Books) -> None:
    paid, ref = books.disputed(amount="5.00", reason="product_not_received")
    dispute = await books.dispute(ref)
    assert (dispute.outcome, dispute.dispute_ref, dispute.charge_ref) == (Outcome.SUCCEEDED, ref, paid)
    assert (dispute.state, dispute.amount) == (DisputeState.NEEDS_RESPONSE, Money(5_00, "USD"))
    assert (dispute.reason, dispute.scheme_code) == (DisputeReason.PRODUCT_NOT_RECEIVED, "81")
    assert dispute.opened_at is not None
    assert abs(dispute.opened_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (dispute.is_inquiry, dispute.livemode) == (False, False)


async def test_the_day_of_the_reply_is_over_when_it_is_over_in_utc(books: Books) -> None:
    _, ref = books.disputed()
    until = books.shop.sdk.dispute.find(ref).reply_by_date
    assert (await books.dispute(ref)).respond_by == datetime.combine(until + timedelta(days=1), time(), UTC)


async def test_an_amount_is_in_the_currency_of_the_dispute(books: Books) -> None:
    sold = books.shop.settled("300", merchant_account_id="jpy_account")
    ref = books.shop.control("disputes", {"transaction": sold.id, "amount": "200"})["id"]
    assert (await books.dispute(ref)).amount == Money(200, "JPY")


@pytest.mark.parametrize(
    ("kind", "is_inquiry"), [("chargeback", False), ("pre_arbitration", False), ("retrieval", True)]
)
async def test_only_a_retrieval_is_an_inquiry(books: Books, kind: str, is_inquiry: bool) -> None:
    _, ref = books.disputed(kind=kind)
    assert (await books.dispute(ref)).is_inquiry is is_inquiry


@pytest.mark.parametrize(("kind", "state"), [("chargeback", DisputeState.LOST), ("retrieval", DisputeState.WON)])
async def test_what_nobody_answers_is_lost_and_an_inquiry_comes_to_nothing(
    books: Books, kind: str, state: DisputeState
) -> None:
    _, ref = books.disputed(kind=kind)
    books.advance(days=30)
    assert (await books.dispute(ref)).state is state


# --- answered -------------------------------------------------------------------------------------------------------


async def test_evidence_is_sent_in_categories_and_with_a_reference(books: Books) -> None:
    _, ref = books.disputed()
    sent = await submit(books, ref)
    assert (sent.outcome, sent.state) == (Outcome.SUCCEEDED, DisputeState.UNDER_REVIEW)
    assert books.texts(ref) == [
        ("PURCHASER_NAME", "Ann Lee"),
        ("PURCHASER_EMAIL_ADDRESS", "ann@example.org"),
        ("CARRIER_NAME", "UPS"),
        ("TRACKING_NUMBER", "1Z999AA10123456784"),
        ("GENERAL", "Refund policy: Within\n  14 days."),
        ("GENERAL", "It was sent."),
        ("GENERAL", "Reference of this response: op_evidence"),
    ]
    parcel = [each for each in books.shop.sdk.dispute.find(ref).evidence if each.sequence_number]
    assert [each.comment for each in parcel] == ["UPS", "1Z999AA10123456784"]


@pytest.mark.parametrize(
    ("said", "state"), [("compelling_evidence", DisputeState.WON), ("losing_evidence", DisputeState.LOST)]
)
async def test_the_bank_decides_by_what_it_is_told(books: Books, said: str, state: DisputeState) -> None:
    _, ref = books.disputed()
    assert (await submit(books, ref, said=said)).outcome is Outcome.SUCCEEDED
    assert (await books.dispute(ref)).state is state


async def test_every_kind_of_evidence_is_told(books: Books) -> None:
    _, ref = books.disputed()
    evidence = {kind: f"about {kind.lower()}" for kind in EvidenceKind}
    sent = await books.provider.submit_evidence(
        EvidenceRequest(operation_id="op_all", dispute_ref=ref, evidence=evidence)
    )
    assert sent.outcome is Outcome.SUCCEEDED
    told = [words for _, words in books.texts(ref)]
    assert len(told) == len(evidence) + 1
    assert not [words for words in evidence.values() if not any(words in each for each in told)]


async def test_what_xml_cannot_say_is_left_out_of_evidence(books: Books) -> None:
    """Braintree would refuse the request for it, each time that it is sent, until the time to answer is over."""
    _, ref = books.disputed()
    assert (await submit(books, ref, said="It was\ufffe sent\uffff.")).outcome is Outcome.SUCCEEDED
    assert ("GENERAL", "It was sent.") in books.texts(ref)


async def test_what_braintree_refuses_in_a_category_is_told_without_it(books: Books) -> None:
    _, ref = books.disputed()
    evidence = {EvidenceKind.CUSTOMER_EMAIL: "she has none"}
    sent = await books.provider.submit_evidence(
        EvidenceRequest(operation_id="op_1", dispute_ref=ref, evidence=evidence)
    )
    assert sent.outcome is Outcome.SUCCEEDED
    assert books.texts(ref)[0] == ("GENERAL", "Customer email: she has none")


async def test_the_same_response_is_given_once_however_often_it_is_sent(books: Books) -> None:
    _, ref = books.disputed()
    first, again = await submit(books, ref), await submit(books, ref)
    assert [each.outcome for each in (first, again)] == [Outcome.SUCCEEDED] * 2
    assert len(books.texts(ref)) == len(_EVIDENCE) + 1
    assert len(books.requests("disputes.finalize")) == 1


async def test_another_response_is_too_late(books: Books) -> None:
    _, ref = books.disputed()
    await submit(books, ref)
    late = await submit(books, ref, operation_id="op_other")
    assert late.outcome is Outcome.FAILED
    assert late.refusal is not None
    assert late.refusal.provider_code == "dispute_not_open"
    assert (await books.dispute(ref)).state is DisputeState.UNDER_REVIEW
    assert len(books.texts(ref)) == len(_EVIDENCE) + 1


async def test_nothing_is_sent_once_the_time_is_over(books: Books) -> None:
    _, ref = books.disputed()
    books.advance(days=30)
    assert (await submit(books, ref)).outcome is Outcome.FAILED
    assert books.texts(ref) == []


@pytest.mark.parametrize("fault", ["lose_answer", "html", "empty", "reset", "error"])
@pytest.mark.parametrize("call", ["disputes.find", "disputes.add_evidence", "disputes.finalize"])
async def test_half_a_response_is_completed_and_nothing_is_said_twice(books: Books, call: str, fault: str) -> None:
    _, ref = books.disputed()
    rule = {"on": call, "fault": fault, "first": 3 if call == "disputes.add_evidence" else 1}
    books.shop.misbehave(rule | {"last": rule["first"]})

    first = await submit(books, ref)
    books.shop.misbehave()
    again = await submit(books, ref)

    assert first.outcome in (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert (again.outcome, again.state) == (Outcome.SUCCEEDED, DisputeState.UNDER_REVIEW)
    assert len(books.texts(ref)) == len(_EVIDENCE) + 1


async def test_nothing_stays_of_a_response_that_is_refused(books: Books) -> None:
    """The bank would read it beside the next one. Here for what people began, and did not complete."""
    _, ref = books.disputed()
    books.shop.sdk.dispute.add_text_evidence(ref, {"content": "device 1", "category": "DEVICE_ID"})

    refused = await submit(books, ref)

    assert refused.refusal is not None
    assert (refused.outcome, refused.refusal.provider_code) == (Outcome.FAILED, "95720")
    assert books.texts(ref) == [("DEVICE_ID", "device 1")]
    date = {"content": "2026-11-20T10:00:00Z", "category": "DOWNLOAD_DATE_TIME"}
    books.shop.sdk.dispute.add_text_evidence(ref, date)
    books.shop.sdk.dispute.add_text_evidence(ref, {"content": "phone", "category": "DEVICE_NAME"})
    assert (await submit(books, ref, operation_id="op_other")).state is DisputeState.UNDER_REVIEW
    assert len(books.texts(ref)) == 3 + len(_EVIDENCE) + 1


async def test_what_people_have_added_stays(books: Books) -> None:
    _, ref = books.disputed()
    books.shop.sdk.dispute.add_text_evidence(ref, {"content": "Ann Lee", "category": "PURCHASER_NAME"})
    books.shop.sdk.dispute.add_text_evidence(ref, "The customer called us.")
    assert (await submit(books, ref)).outcome is Outcome.SUCCEEDED
    told = books.texts(ref)
    assert told[:2] == [("PURCHASER_NAME", "Ann Lee"), (None, "The customer called us.")]
    assert len(told) == 1 + len(_EVIDENCE) + 1, "what was said already is not said again"


# --- given up -------------------------------------------------------------------------------------------------------


async def test_a_dispute_that_is_given_up_is_accepted_and_may_be_given_up_again(books: Books) -> None:
    _, ref = books.disputed()
    for operation_id in ("op_accept", "op_accept", "op_again"):
        given_up = await accept(books, ref, operation_id=operation_id)
        assert (given_up.outcome, given_up.state) == (Outcome.SUCCEEDED, DisputeState.ACCEPTED)


async def test_what_was_won_cannot_be_given_up(books: Books) -> None:
    _, ref = books.disputed()
    books.decide(ref, won=True)
    refused = await accept(books, ref)
    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "95704"
    assert (await books.dispute(ref)).state is DisputeState.WON


@pytest.mark.parametrize("fault", ["lose_answer", "html", "empty", "reset", "error"])
async def test_an_acceptance_whose_answer_was_lost_may_be_sent_again(books: Books, fault: str) -> None:
    _, ref = books.disputed()
    books.shop.misbehave({"on": "disputes.accept", "fault": fault, "last": 1})
    first, again = await accept(books, ref), await accept(books, ref)
    assert first.outcome in (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert (again.outcome, again.state) == (Outcome.SUCCEEDED, DisputeState.ACCEPTED)


# --- nobody answers -------------------------------------------------------------------------------------------------


async def test_without_an_answer_nothing_is_known_of_a_dispute(books: Books) -> None:
    _, ref = books.disputed()
    books.shop.misbehave({"on": "*", "fault": "html"})
    told = [await accept(books, ref), await submit(books, ref), await books.dispute(ref)]
    assert [each.outcome for each in told] == [Outcome.UNKNOWN] * 3


async def test_a_dispute_that_nobody_knows_cannot_be_answered(books: Books) -> None:
    assert (await books.dispute("never")).outcome is Outcome.UNKNOWN
    assert (await submit(books, "never")).outcome is Outcome.FAILED
    assert (await accept(books, "never")).outcome is Outcome.FAILED


_OPEN = (
    "<dispute><id>dp_1</id><status>open</status><kind>chargeback</kind><reason>fraud</reason><amount>5.00</amount>"
    "<currency-iso-code>USD</currency-iso-code><transaction><id>4dyrjrgn</id></transaction></dispute>"
)


async def test_a_dispute_with_the_least_that_one_has_is_one() -> None:
    async with impostor() as made, provider_at(made.address) as provider:
        made.body = _OPEN.encode()
        dispute = await provider.fetch_dispute(dispute_ref="dp_1")
    assert (dispute.state, dispute.amount) == (DisputeState.NEEDS_RESPONSE, Money(5_00, "USD"))
    assert (dispute.charge_ref, dispute.respond_by, dispute.opened_at) == ("4dyrjrgn", None, None)


@pytest.mark.parametrize(
    ("won", "state", "amount"),
    [
        ("<amount-won>5.00</amount-won>", DisputeState.WON, 5_00),
        ("<amount-won>2.00</amount-won>", DisputeState.LOST, 3_00),
        ("<amount-won>0.00</amount-won>", DisputeState.WON, 5_00),
        ('<amount-won nil="true"/>', DisputeState.WON, 5_00),
        ("", DisputeState.WON, 5_00),
    ],
)
async def test_what_was_won_in_part_is_lost_for_the_rest(won: str, state: DisputeState, amount: int) -> None:
    """Braintree tells how much came back; until it does, a dispute that is won is won."""
    async with impostor() as made, provider_at(made.address) as provider:
        made.body = _OPEN.replace("open", "won").replace("</dispute>", f"{won}</dispute>").encode()
        dispute = await provider.fetch_dispute(dispute_ref="dp_1")
    assert (dispute.state, dispute.amount) == (state, Money(amount, "USD"))


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("<status>open</status>", ""),
        ("open", "levitating"),
        ("<id>dp_1</id>", ""),
        ("dp_1", "dp_2"),
        ("5.00", "five"),
        ("5.00", "5.001"),
        ("<amount>5.00</amount>", ""),
        ("USD", "GALLEON"),
        ("<kind>chargeback</kind>", ""),
        ("<reason>fraud</reason>", ""),
        ("<transaction><id>4dyrjrgn</id></transaction>", ""),
        ("</dispute>", '<evidence type="array"><evidence>a text</evidence></evidence></dispute>'),
    ],
)
async def test_a_dispute_that_lacks_what_it_has_to_have_proves_nothing(part: str, other: str) -> None:
    async with impostor() as made, provider_at(made.address) as provider:
        made.body = _OPEN.replace(part, other, 1).encode()
        asked = EvidenceRequest(operation_id="op_1", dispute_ref="dp_1", evidence=_EVIDENCE)
        told = [await provider.fetch_dispute(dispute_ref="dp_1"), await provider.submit_evidence(asked)]
    assert [(each.outcome, each.state) for each in told] == [(Outcome.UNKNOWN, None)] * 2


async def test_what_is_said_to_be_done_and_does_not_show_is_unknown() -> None:
    """A 200 without a body says little, and anybody on the way can say it."""
    async with impostor() as made, provider_at(made.address) as provider:
        made.body = _OPEN.encode()
        made.bodies = {"/accept": b"", "/finalize": b"", "/evidence": b"<evidence><id>1</id></evidence>"}
        accepted = await provider.accept_dispute(AcceptRequest(operation_id="op_1", dispute_ref="dp_1"))
        asked = EvidenceRequest(operation_id="op_1", dispute_ref="dp_1", evidence=_EVIDENCE)
        answered = await provider.submit_evidence(asked)
    assert [each.outcome for each in (accepted, answered)] == [Outcome.UNKNOWN] * 2
