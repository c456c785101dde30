"""Disputes: https://developer.paypal.com/braintree/docs/guides/disputes/overview and …/disputes/testing-go-live.

One is open until it is accepted, finalized with its evidence, or nobody has replied in time. The text
`compelling_evidence` wins, `losing_evidence` loses, once finalized; anything else is for the bank to decide.
"""

import re
from datetime import datetime, timedelta
from decimal import Decimal

from tests.emulators.braintree.account import Account
from tests.emulators.braintree.calls import Answer, Call
from tests.emulators.braintree.parameters import check_names, shown_amount
from tests.emulators.braintree.refusals import Refused, invalid, missing
from tests.emulators.braintree.things import Dispute, Document, Evidence, Transaction
from tests.emulators.braintree.xmltext import Many, Tree

_EVIDENCE = frozenset({"comments", "category", "sequence_number", "document_upload_id"})
_STORAGE_BYTES = 4 * 1024 * 1024
_DAY = timedelta(days=1)
_UPLOAD_KEPT = 14 * _DAY
_UPLOAD_TYPES = frozenset({"image/jpeg", "image/png", "application/pdf"})

_TEXTS = frozenset(
    {
        "CARRIER_NAME", "CREDIT_ISSUED", "DEVICE_ID", "DEVICE_NAME", "DOWNLOAD_DATE_TIME", "GEOGRAPHICAL_LOCATION",
        "LEGIT_PAYMENTS_FOR_SAME_MERCHANDISE", "PRIOR_DIGITAL_GOODS_TRANSACTION_ARN",
        "PRIOR_DIGITAL_GOODS_TRANSACTION_DATE_TIME", "PRIOR_DIGITAL_GOODS_TRANSACTION_ID",
        "PRIOR_NON_DISPUTED_TRANSACTION_ARN", "PRIOR_NON_DISPUTED_TRANSACTION_DATE_TIME",
        "PRIOR_NON_DISPUTED_TRANSACTION_EMAIL_ADDRESS", "PRIOR_NON_DISPUTED_TRANSACTION_ID",
        "PRIOR_NON_DISPUTED_TRANSACTION_IP_ADDRESS", "PRIOR_NON_DISPUTED_TRANSACTION_PHONE_NUMBER",
        "PRIOR_NON_DISPUTED_TRANSACTION_PHYSICAL_ADDRESS", "PURCHASER_EMAIL_ADDRESS", "PURCHASER_IP_ADDRESS",
        "PURCHASER_NAME", "RECURRING_TRANSACTION_ARN", "RECURRING_TRANSACTION_DATE_TIME", "RECURRING_TRANSACTION_ID",
        "TRACKING_NUMBER", "TRACKING_URL",
    }
)  # fmt: skip
_FILES = frozenset(
    {
        "MERCHANT_WEBSITE_OR_APP_ACCESS", "PROFILE_SETUP_OR_APP_ACCESS", "PROOF_OF_AUTHORIZED_SIGNER",
        "PROOF_OF_DELIVERY_EMP_ADDRESS", "PROOF_OF_DELIVERY", "PROOF_OF_POSSESSION_OR_USAGE",
        "SIGNED_DELIVERY_FORM", "SIGNED_ORDER_FORM", "TICKET_PROOF",
    }
)  # fmt: skip
_EITHER = frozenset({"GENERAL", "EVIDENCE_TYPE"})
"""https://developer.paypal.com/braintree/docs/guides/disputes/evidence-requirements."""
_TIME = re.compile(r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d([+-]\d\d:?\d\d|Z)?)?$")

_REASONS = {"83.00": "83", "10.40": "1040", "13.10": "1310", "70.30": "7030"}
"""By amount: disputes that ask for compelling evidence."""
_KINDS = {
    "open": "dispute_opened",
    "accepted": "dispute_accepted",
    "auto_accepted": "dispute_auto_accepted",
    "disputed": "dispute_disputed",
    "expired": "dispute_expired",
    "under_review": "dispute_under_review",
    "won": "dispute_won",
    "lost": "dispute_lost",
}
"""What a status is told as."""


def find(call: Call) -> Answer:
    return Answer("dispute", shown(call.account, call.account.dispute(call.id)))


def accept(call: Call) -> Answer:
    account, dispute = call.account, call.account.dispute(call.id)
    _check_open(dispute, "95704", "Only an open dispute can be accepted.")
    _reach(account, dispute, "accepted")
    return Answer(None)


def finalize(call: Call) -> Answer:
    account, dispute = call.account, call.account.dispute(call.id)
    _check_open(dispute, "95705", "Only an open dispute can be finalized.")
    _check_evidence(dispute)
    for evidence in dispute.evidence:
        evidence.sent_at = account.now
    _reach(account, dispute, "disputed")
    said = {evidence.comment for evidence in dispute.evidence}
    if "compelling_evidence" in said:
        decide(account, dispute, won=True)
    elif "losing_evidence" in said:
        decide(account, dispute, won=False)
    else:
        # Nobody has said how it ends; banks mostly believe their customers.
        account.later(account.pace.verdict_seconds, lambda: _decide_when_due(account, dispute))
    return Answer(None)


def add_evidence(call: Call) -> Answer:
    account, dispute = call.account, call.account.dispute(call.id)
    asked = call.asked("evidence")
    check_names("evidence", asked, known=_EVIDENCE, supported=_EVIDENCE)
    _check_open(dispute, "95701", "Evidence goes to open disputes only.")
    upload, comment, category = (asked.get(name) for name in ("document_upload_id", "comments", "category"))
    _check_category(category, comment, is_file=upload is not None)
    evidence = Evidence(
        id=account.new_id(16),
        created_at=account.now,
        comment=comment,
        category=category,
        sequence_number=asked.get("sequence_number"),
    )
    if upload is not None:
        if upload not in account.documents:
            raise invalid("dispute", "document_upload_id", code="95703", message="There is no such document.")
        evidence.url = f"https://s3.emulator.example/{upload}/{account.documents[upload].name}"
    dispute.evidence.append(evidence)
    dispute.updated_at = account.now
    return Answer("evidence", _shown_evidence(evidence), 201)


def remove_evidence(call: Call) -> Answer:
    dispute = call.account.dispute(call.id)
    found = next((evidence for evidence in dispute.evidence if evidence.id == call.ids["evidence"]), None)
    if found is None:
        raise missing()
    _check_open(dispute, "95702", "Evidence is taken from open disputes only.")
    dispute.evidence.remove(found)
    return Answer(None)


def upload_document(call: Call) -> Answer:
    """https://developer.paypal.com/braintree/docs/reference/request/document-upload/create."""
    account, upload = call.account, call.upload
    if upload is None or call.body.get("kind") != "evidence_document":
        raise invalid("document_upload", "kind", code="84901", message="There is no such kind.")
    if upload.content_type not in _UPLOAD_TYPES:
        raise invalid("document_upload", "file", code="84903", message="Neither JPEG nor PNG nor PDF.")
    if len(upload.content) > _STORAGE_BYTES:
        raise invalid("document_upload", "file", code="84902", message="The file is too large.")
    if not upload.content:
        raise invalid("document_upload", "file", code="84906", message="The file is empty.")
    if upload.content_type == "application/pdf" and not upload.content.startswith(b"%PDF-"):
        raise invalid("document_upload", "file", code="84904", message="The file is no PDF.")
    document = Document(
        account.new_id(20), upload.name, upload.content_type, len(upload.content), account.now + _UPLOAD_KEPT
    )
    account.documents[document.id] = document
    shown_document = {
        "id": document.id,
        "kind": "evidence_document",
        "name": document.name,
        "content_type": document.content_type,
        "size": document.size,
        "expires_at": document.expires_at,
    }
    return Answer("document_upload", shown_document, 201)


# --- what happens -----------------------------------------------------------------------------------------------------


def opened(
    account: Account,
    transaction: Transaction,
    *,
    reason: str = "fraud",
    amount: Decimal | None = None,
    kind: str = "chargeback",
) -> Dispute:
    dispute = Dispute(
        id=account.new_id(16),
        transaction_id=transaction.id,
        amount=transaction.amount if amount is None else amount,
        currency=transaction.currency,
        merchant_account_id=transaction.merchant_account_id,
        reason=reason,
        reason_code=_REASONS.get(shown_amount(transaction.amount), "81"),
        kind=kind,
        created_at=account.now,
        updated_at=account.now,
        reply_by=account.now + timedelta(seconds=account.pace.reply_seconds),
        case_number=f"CB{account.new_id(10)}",
        reference_number=account.new_id(10),
    )
    account.disputes[dispute.id] = dispute
    transaction.dispute_ids.append(dispute.id)
    _reach(account, dispute, "open")
    account.later(account.pace.reply_seconds, lambda: _expire(account, dispute))
    return dispute


def decide(account: Account, dispute: Dispute, *, won: bool) -> None:
    """ValueError when it has been decided."""
    if dispute.status not in ("open", "disputed", "under_review", "expired"):
        raise ValueError(f"The dispute is {dispute.status}.")
    dispute.won = dispute.amount if won else Decimal(0)
    _reach(account, dispute, "won" if won else "lost")


def _decide_when_due(account: Account, dispute: Dispute) -> None:
    if dispute.status == "disputed":
        decide(account, dispute, won=False)


def _expire(account: Account, dispute: Dispute) -> None:
    if dispute.status == "open":
        _reach(account, dispute, "expired")


def _reach(account: Account, dispute: Dispute, status: str) -> None:
    dispute.status, dispute.updated_at = status, account.now
    dispute.history.append((status, account.now))
    account.tell(_KINDS[status], {"dispute": shown(account, dispute)})


def _check_open(dispute: Dispute, code: str, message: str) -> None:
    if dispute.status != "open":
        raise invalid("dispute", "status", code=code, message=message)


def _check_category(category: str | None, comment: str | None, *, is_file: bool) -> None:
    if category is None:
        return
    if category not in _TEXTS | _FILES | _EITHER:
        raise invalid("dispute", "category", code="95706", message="There is no such category.")
    if is_file and category in _TEXTS:
        raise invalid("dispute", "category", code="95711", message="This category is for texts.")
    if not is_file and category in _FILES:
        raise invalid("dispute", "category", code="95712", message="This category is for documents.")
    if category.endswith("DATE_TIME") and not _TIME.match(comment or ""):
        raise invalid("dispute", "comments", code="95707", message="This is no date.")
    if category.endswith("EMAIL_ADDRESS") and "@" not in (comment or ""):
        raise invalid("dispute", "comments", code="95715", message="This is no email address.")


def _check_evidence(dispute: Dispute) -> None:
    """What belongs together has to come together."""
    given = {evidence.category for evidence in dispute.evidence}
    codes = []
    if given & {"DEVICE_ID", "DEVICE_NAME"} and "DOWNLOAD_DATE_TIME" not in given:
        codes += ["95720", "95721"]
    if "PRIOR_NON_DISPUTED_TRANSACTION_ARN" in given and "PRIOR_NON_DISPUTED_TRANSACTION_DATE_TIME" not in given:
        codes.append("95723")
    if codes:
        troubles = [invalid("dispute", "dispute", code=code, message="Evidence is missing.") for code in codes]
        raise Refused(422, *(trouble for each in troubles for trouble in each.troubles))


# --- how it is shown --------------------------------------------------------------------------------------------------


def shown(account: Account, dispute: Dispute) -> Tree:
    transaction = account.transactions[dispute.transaction_id]
    return {
        "id": dispute.id,
        "graphql_id": f"ZGlzcHV0ZV{dispute.id}",
        "global_id": f"ZGlzcHV0ZV{dispute.id}",
        "status": dispute.status,
        "kind": dispute.kind,
        "reason": dispute.reason,
        "reason_code": dispute.reason_code,
        "reason_description": None,
        "amount": shown_amount(dispute.amount),
        "amount_disputed": shown_amount(dispute.amount),
        "amount_won": shown_amount(dispute.won),
        "currency_iso_code": dispute.currency,
        "merchant_account_id": dispute.merchant_account_id,
        "case_number": dispute.case_number,
        "reference_number": dispute.reference_number,
        "original_dispute_id": None,
        "pre_dispute_program": "none",
        "processor_comments": None,
        "forwarded_comments": None,
        "created_at": dispute.created_at,
        "updated_at": dispute.updated_at,
        "received_date": dispute.created_at.date(),
        "reply_by_date": dispute.reply_by.date(),
        "date_opened": dispute.created_at.date(),
        "date_won": _reached(dispute, "won"),
        "remaining_file_evidence_storage": _STORAGE_BYTES - _stored(account, dispute),
        "evidence": Many("evidence", [_shown_evidence(each) for each in dispute.evidence]),
        "status_history": Many("status_history", [_shown_status(*each) for each in dispute.history]),
        "paypal_messages": Many("paypal_message", []),
        "transaction": {
            "id": transaction.id,
            "global_id": f"dHJhbnNhY3Rpb25f{transaction.id}",
            "amount": shown_amount(transaction.amount),
            "created_at": transaction.created_at,
            "order_id": transaction.order_id,
            "purchase_order_number": None,
            "payment_instrument_subtype": transaction.instrument.card_type,
            "installment_count": None,
        },
    }


def _reached(dispute: Dispute, status: str) -> object:
    return next((moment.date() for reached, moment in dispute.history if reached == status), None)


def _stored(account: Account, dispute: Dispute) -> int:
    urls = [evidence.url for evidence in dispute.evidence if evidence.url is not None]
    return sum(document.size for id, document in account.documents.items() if any(f"/{id}/" in url for url in urls))


def _shown_status(status: str, moment: datetime) -> Tree:
    return {"status": status, "timestamp": moment, "effective_date": moment.date(), "disbursement_date": None}


def _shown_evidence(evidence: Evidence) -> Tree:
    return {
        "id": evidence.id,
        "comment": evidence.comment,
        "url": evidence.url,
        "category": evidence.category,
        "sequence_number": evidence.sequence_number,
        "created_at": evidence.created_at,
        "sent_to_processor_at": evidence.sent_at,
    }
