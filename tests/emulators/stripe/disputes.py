"""Disputes: https://docs.stripe.com/api/disputes and https://docs.stripe.com/disputes.

They come with a test card, or when a test opens one (/_control/disputes). Evidence whose `uncategorized_text` is
`winning_evidence` wins and `losing_evidence` loses; either closes an inquiry, which `escalate_inquiry_evidence` makes a
dispute of (https://docs.stripe.com/testing#disputes). With other evidence the bank thinks until a test decides.
"""

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.balance import DISPUTE_FEE, booked
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.jsontext import copied
from tests.emulators.stripe.lists import matching, page
from tests.emulators.stripe.parameters import merged
from tests.emulators.stripe.refusals import Json, invalid

_EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
_FILES = frozenset(
    {
        "cancellation_policy",
        "customer_communication",
        "customer_signature",
        "duplicate_charge_documentation",
        "receipt",
        "refund_policy",
        "service_documentation",
        "shipping_documentation",
        "uncategorized_file",
    }
)
_NETWORK_REASONS = {"fraudulent": "10.4", "product_not_received": "13.1", "duplicate": "12.6.1", "general": "10.4"}
_ASKED_ABOUT = "10"
"""The reason of an inquiry in the network's word."""
_OUTCOMES = {"winning_evidence": True, "losing_evidence": False}
_ESCALATES = "escalate_inquiry_evidence"
_ANSWERABLE = ("needs_response", "warning_needs_response")
_CLOSED = ("won", "lost", "warning_closed")


def retrieve(call: Call) -> Json:
    return call.account.get("dispute", call.id)


def list_all(call: Call) -> Json:
    found = matching(call.account.all("dispute"), call.asked, "charge", "payment_intent")
    return page(found, call.asked, url="/v1/disputes")


def update(call: Call) -> Json:
    """Keeps evidence, and sends it to the bank unless `submit` is false; once it is sent it cannot be changed."""
    account, asked = call.account, call.asked
    dispute = retrieve(call)
    before = copied(dispute)
    evidence = asked.get("evidence")
    if evidence is not None and dispute["status"] not in _ANSWERABLE:
        raise invalid("This dispute takes no evidence any more.", param="evidence")
    for name, value in (evidence or {}).items():
        if name not in _EVIDENCE:
            raise invalid("The emulator knows evidence in texts only.", param=f"evidence[{name}]")
        if name in _FILES:
            raise invalid("The emulator has no files.", param=f"evidence[{name}]")
        dispute["evidence"][name] = value or None
    dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"][name] for name in _EVIDENCE)
    dispute["metadata"] = merged(dispute["metadata"], asked.get("metadata"))
    if evidence is not None and asked.get("submit", True):
        _submit(account, dispute)
    account.tell("charge.dispute.updated", dispute, before=before)
    return dispute


def close(call: Call) -> Json:
    """Accept it: it is lost, for good."""
    account = call.account
    dispute = retrieve(call)
    if dispute["status"] not in _ANSWERABLE:
        raise invalid("This dispute cannot be closed any more.")
    decide(account, dispute, won=False)
    return dispute


# --- what the bank does -----------------------------------------------------------------------------------------------


def opened(account: Account, charge: Json, *, reason: str, amount: int | None = None, inquiry: bool = False) -> Json:
    """The customer's bank takes the money back; with an inquiry it only asks."""
    disputed = charge["amount_captured"] if amount is None else amount
    network_reason = _ASKED_ABOUT if inquiry else _NETWORK_REASONS.get(reason, "10.4")
    dispute = account.add(
        {
            "id": account.new_id("dispute"),
            "object": "dispute",
            "amount": disputed,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": account.now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
            "evidence_details": {
                "due_by": account.now + account.pace.evidence_seconds,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": inquiry,
            "livemode": False,
            "metadata": {},
            "network_reason_code": network_reason,
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": charge["payment_method_details"]["card"]["brand"],
                    "case_type": "inquiry" if inquiry else "chargeback",
                    "network": charge["payment_method_details"]["card"]["network"],
                    "network_reason_code": network_reason,
                },
                "type": "card",
            },
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        }
    )
    charge["disputed"] = True
    if not inquiry:
        _withdraw(account, dispute)
    account.tell("charge.dispute.created", dispute)
    if not inquiry:
        account.tell("charge.dispute.funds_withdrawn", dispute)
    account.later(account.pace.evidence_seconds, lambda: _overdue(account, dispute))
    return dispute


def decide(account: Account, dispute: Json, *, won: bool) -> None:
    """How it ends. Of an inquiry nothing comes, either way; whoever wins gets the fee back as well."""
    if dispute["status"] in _CLOSED:
        return
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else "won" if won else "lost"
    if won and not inquiry:
        dispute["is_charge_refundable"] = True
        back = booked(
            account, "adjustment", dispute["amount"], source=dispute, fee=-DISPUTE_FEE, category="dispute_reversal"
        )
        dispute["balance_transactions"].append(copied(back))
        account.tell("charge.dispute.funds_reinstated", dispute)
    account.tell("charge.dispute.closed", dispute)


def escalate(account: Account, dispute: Json) -> None:
    """The bank is not content with what it was told: the inquiry is a dispute now, which wants evidence of its own."""
    if not dispute["status"].startswith("warning_") or dispute["status"] in _CLOSED:
        raise invalid("Only an inquiry that is open can become a dispute.")
    before = copied(dispute)
    reason = _NETWORK_REASONS.get(dispute["reason"], "10.4")
    dispute |= {"is_charge_refundable": False, "network_reason_code": reason, "status": "needs_response"}
    dispute["payment_method_details"]["card"] |= {"case_type": "chargeback", "network_reason_code": reason}
    dispute["evidence_details"]["due_by"] = account.now + account.pace.evidence_seconds
    _withdraw(account, dispute)
    account.tell("charge.dispute.updated", dispute, before=before)
    account.tell("charge.dispute.funds_withdrawn", dispute)
    account.later(account.pace.evidence_seconds, lambda: _overdue(account, dispute))


def _submit(account: Account, dispute: Json) -> None:
    details = dispute["evidence_details"]
    details["submission_count"] += 1
    details["submission_method"] = "manual"
    dispute["status"] = "warning_under_review" if dispute["status"].startswith("warning") else "under_review"
    said = dispute["evidence"]["uncategorized_text"] or ""
    won = _OUTCOMES.get(said)
    if won is not None:
        account.later(account.pace.dispute_seconds, lambda: decide(account, dispute, won=won))
    elif said == _ESCALATES and dispute["status"] == "warning_under_review":
        account.later(account.pace.dispute_seconds, lambda: escalate(account, dispute))


def _overdue(account: Account, dispute: Json) -> None:
    """Nobody has answered."""
    if dispute["status"] not in _ANSWERABLE or dispute["evidence_details"]["due_by"] > account.now:
        return
    dispute["evidence_details"]["past_due"] = True
    # An inquiry that nobody answers may come to nothing as well as to a dispute; here it comes to nothing.
    decide(account, dispute, won=dispute["status"].startswith("warning"))


def _withdraw(account: Account, dispute: Json) -> None:
    taken = booked(account, "adjustment", -dispute["amount"], source=dispute, fee=DISPUTE_FEE, category="dispute")
    dispute["balance_transactions"].append(copied(taken))
