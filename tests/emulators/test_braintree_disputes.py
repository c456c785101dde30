"""Disputes and their evidence at the Braintree emulator."""

import io
from typing import Any

import pytest
from braintree import Dispute, DisputeSearch, DocumentUpload
from braintree.exceptions.not_found_error import NotFoundError

from tests.emulators.braintree_shop import Shop, codes

_CARD = {"number": "4023898493988028", "expiration_date": "12/2030"}
_DAY_SECONDS = 24 * 3600


def _disputed(bt: Shop, amount: str = "100.00") -> Any:
    return bt.sold(amount, nonce=None, credit_card=_CARD).disputes[0]


def _upload(bt: Shop, content: bytes, name: str) -> Any:
    file = io.BytesIO(content)
    file.name = name
    return bt.sdk.document_upload.create({"kind": DocumentUpload.Kind.EvidenceDocument, "file": file})


def _document(bt: Shop) -> str:
    id: str = _upload(bt, b"\x89PNG and so on", "receipt.png").document_upload.id
    return id


def test_the_test_card_is_settled_and_disputed_at_once(bt: Shop) -> None:
    sold = bt.sold("100.00", nonce=None, credit_card=_CARD, order_id="op_1")

    dispute = bt.sdk.dispute.find(sold.disputes[0].id)

    assert sold.status == "settled"
    assert (dispute.status, dispute.kind, dispute.reason) == ("open", "chargeback", "fraud")
    assert (dispute.amount_disputed, dispute.amount_won, dispute.currency_iso_code) == (100, 0, "USD")
    assert (dispute.transaction.id, dispute.transaction.order_id) == (sold.id, "op_1")
    assert (dispute.reply_by_date - dispute.received_date).days == 7
    assert [event.status for event in dispute.status_history] == ["open"]


def test_an_amount_asks_for_compelling_evidence(bt: Shop) -> None:
    assert _disputed(bt, "13.10").reason_code == "1310"


@pytest.mark.parametrize(
    ("text", "status", "won"),
    [("compelling_evidence", "won", 100), ("losing_evidence", "lost", 0), ("a receipt", "disputed", 0)],
)
def test_evidence_decides(bt: Shop, text: str, status: str, won: int) -> None:
    dispute = _disputed(bt)

    added = bt.sdk.dispute.add_text_evidence(dispute.id, text).evidence
    before = bt.sdk.dispute.find(dispute.id)
    bt.sdk.dispute.finalize(dispute.id)
    after = bt.sdk.dispute.find(dispute.id)

    assert (before.status, before.evidence[0].id, before.evidence[0].sent_to_processor_at) == ("open", added.id, None)
    assert (after.status, after.amount_won) == (status, won)
    assert after.evidence[0].sent_to_processor_at is not None
    assert [event.status for event in after.status_history][:2] == ["open", "disputed"]


def test_a_dispute_that_is_accepted_is_over(bt: Shop) -> None:
    dispute = _disputed(bt)

    accepted = bt.sdk.dispute.accept(dispute.id)

    assert accepted.is_success
    assert bt.sdk.transaction.find(dispute.transaction.id).disputes[0].status == "accepted"
    assert codes(bt.sdk.dispute.accept(dispute.id)) == ["95704"]
    assert codes(bt.sdk.dispute.finalize(dispute.id)) == ["95705"]
    assert codes(bt.sdk.dispute.add_text_evidence(dispute.id, "late")) == ["95701"]


def test_a_document_is_evidence(bt: Shop) -> None:
    dispute = _disputed(bt)

    added = bt.sdk.dispute.add_file_evidence(dispute.id, {"document_id": _document(bt), "category": "GENERAL"})
    again = bt.sdk.dispute.find(dispute.id)

    assert added.evidence.url.endswith("/receipt.png")
    assert again.evidence[0].id == added.evidence.id
    assert again.remaining_file_evidence_storage < dispute.remaining_file_evidence_storage
    assert codes(bt.sdk.dispute.add_file_evidence(dispute.id, "nobodys")) == ["95703"]


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "receipt.png", "84906"),
        (b"text", "receipt.txt", "84903"),
        (b"no PDF", "receipt.pdf", "84904"),
        (b"%" * (4 * 1024 * 1024 + 1), "receipt.png", "84902"),
    ],
)
def test_a_document_is_an_image_or_a_pdf_of_some_size(bt: Shop, content: bytes, name: str, code: str) -> None:
    assert codes(_upload(bt, content, name)) == [code]


@pytest.mark.parametrize(
    ("content", "category", "code"),
    [
        ("x", "WHIM", "95706"),
        ("x", "MERCHANT_WEBSITE_OR_APP_ACCESS", "95712"),
        ("not a date", "DOWNLOAD_DATE_TIME", "95707"),
    ],
)
def test_evidence_belongs_to_its_category(bt: Shop, content: str, category: str, code: str) -> None:
    dispute = _disputed(bt)

    assert codes(bt.sdk.dispute.add_text_evidence(dispute.id, {"content": content, "category": category})) == [code]


def test_what_belongs_together_has_to_come_together(bt: Shop) -> None:
    dispute = _disputed(bt)
    bt.sdk.dispute.add_text_evidence(dispute.id, {"content": "phone", "category": "DEVICE_ID"})

    assert codes(bt.sdk.dispute.finalize(dispute.id)) == ["95720", "95721"]


def test_evidence_is_taken_back(bt: Shop) -> None:
    dispute = _disputed(bt)
    added = bt.sdk.dispute.add_text_evidence(dispute.id, "mistaken").evidence

    bt.sdk.dispute.remove_evidence(dispute.id, added.id)

    assert bt.sdk.dispute.find(dispute.id).evidence == []
    with pytest.raises(NotFoundError):
        bt.sdk.dispute.remove_evidence(dispute.id, added.id)


def test_a_dispute_that_nobody_answers_expires(bt: Shop) -> None:
    dispute = _disputed(bt)
    bt.advance(8 * _DAY_SECONDS)

    assert bt.sdk.dispute.find(dispute.id).status == "expired"


def test_the_bank_decides_when_nobody_else_does(bt: Shop) -> None:
    dispute = _disputed(bt)
    bt.sdk.dispute.finalize(dispute.id)
    bt.advance(31 * _DAY_SECONDS)

    assert bt.sdk.dispute.find(dispute.id).status == "lost"


def test_a_test_opens_and_ends_disputes(bt: Shop) -> None:
    settled = bt.settled("10.00")

    opened = bt.control("disputes", {"transaction": settled.id, "reason": "product_not_received", "amount": "4.00"})
    ended = bt.control("disputes", {"dispute": opened["id"], "won": True})
    dispute = bt.sdk.dispute.find(opened["id"])

    assert ended["status"] == "won"
    assert (dispute.reason, dispute.amount_disputed, dispute.amount_won) == ("product_not_received", 4, 4)
    assert bt.control("truth")["disputes"][0]["won"] == "4.00"


def test_disputes_are_found_page_by_page(bt: Shop) -> None:
    bt.control("reset", {"page_size": 2})
    opened = [_disputed(bt, f"{amount}.00").id for amount in (11, 12, 13)]
    bt.sdk.dispute.accept(opened[0])

    def found(*criteria: Any) -> list[str]:
        return [dispute.id for dispute in bt.sdk.dispute.search(list(criteria)).disputes.items]

    assert found(DisputeSearch.kind == Dispute.Kind.Chargeback) == opened[::-1]
    assert found(DisputeSearch.status == "accepted") == opened[:1]
    assert found(DisputeSearch.amount_disputed.between("11.50", "12.50")) == opened[1:2]
    today = bt.sdk.dispute.find(opened[0]).received_date
    assert found(DisputeSearch.received_date == today, DisputeSearch.id == opened[2]) == opened[2:]
    assert found(DisputeSearch.transaction_id == "nobodys") == []
