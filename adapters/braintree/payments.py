"""A transaction as the port's charge: https://developer.paypal.com/braintree/articles/get-started/transaction-lifecycle.

Read the same way wherever it comes from: the answer to a request, a look, a search, the 422 of a declined card. What is
submitted for settlement is taken, as far as the customer can tell, and nobody but the merchant can stop it; what is
voided after that was taken and given back. `amount` is what is held, or what is submitted once it is; what went back
later stands with the refunds, of which a sale knows the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.braintree.amounts import money_of
from adapters.braintree.cards import KINDS_OF_TRANSACTION, card_in, card_of, fingerprint_of
from adapters.braintree.declines import AUTHENTICATION, DUPLICATE, THREE_D_SECURE, decline_of, settlement_decline_of
from adapters.braintree.order_ids import named_in
from adapters.braintree.reading import Unreadable, listed, moment, number, optional_moment, ref, text, tree
from domain.money import Money
from domain.provider import ChargeResult, Outcome, PaymentMethodResult, Refusal

SALE, CREDIT = "sale", "credit"
SUBMITTED = "submitted_for_settlement"
UNSETTLED = frozenset({SUBMITTED, "settlement_pending"})
"""Nothing can be given back of it yet but all of it, by a void."""
_TAKEN = UNSETTLED | {"settling", "settled", "settlement_confirmed"}
_VOIDED = "voided"

RETRIEVAL = "retrieval"
"""The kind of a dispute by which the bank asks, and takes nothing. What comes of it is a dispute of its own, as is a
second round (pre_arbitration): https://developer.paypal.com/braintree/articles/risk-and-security/chargebacks-retrievals/overview."""

_OUTCOMES: dict[str, Outcome] = {
    "authorizing": Outcome.PENDING,
    "authorized": Outcome.AUTHORIZED,
    "authorization_expired": Outcome.EXPIRED,
    **dict.fromkeys(_TAKEN, Outcome.SUCCEEDED),
    "processor_declined": Outcome.DECLINED,
    "gateway_rejected": Outcome.DECLINED,
    # The processor could not be reached, or gave no answer: nothing is held.
    "failed": Outcome.DECLINED,
    "settlement_declined": Outcome.DECLINED,
    "settlement_failed": Outcome.DECLINED,
}
_DECLINED_LATER = frozenset({"settlement_declined", "settlement_failed"})

AUTHENTICATED = frozenset(
    {
        "authenticate_successful",
        "authenticate_attempt_successful",
        "authenticate_successful_issuer_not_participating",
    }
)
"""`three_d_secure_info.status` of a customer who was confirmed, or whose bank does not ask
(https://developer.paypal.com/braintree/docs/guides/3d-secure/server-side)."""


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as it was read, and what the port has no words for."""

    result: ChargeResult
    ref: str
    status: str
    amount: Money
    merchant_account_id: str
    refund_refs: tuple[str, ...]
    is_disputed: bool
    """The customer's bank has taken the money back, or has it while it decides: it cannot be given back as well."""
    is_duplicate: bool
    """The gateway holds it for the repetition of an earlier one."""
    wants_authentication: bool
    """The issuer, or the gateway, refuses it because nobody has confirmed the customer."""
    card_token: str | None
    card_bin: str | None
    made_at: datetime

    @property
    def was_given_back(self) -> bool:
        """Voided after it had been taken."""
        return self.status == _VOIDED and self.result.outcome is Outcome.SUCCEEDED


def sale_in(body: Mapping[str, Any]) -> Sale:
    """Of an answer about one transaction; Unreadable when it is none, or a credit."""
    return sale_of(tree(body["transaction"]))


def sale_of(found: Mapping[str, Any]) -> Sale:
    if text(found["type"]) != SALE:
        raise Unreadable("credit")
    result = _picture(found)
    card = card_in(found, KINDS_OF_TRANSACTION) or {}
    return Sale(
        result=result,
        ref=text(found["id"]),
        status=text(found["status"]),
        amount=money_of(found["amount"], found["currency_iso_code"]),
        merchant_account_id=text(found["merchant_account_id"]),
        refund_refs=tuple(text(each) for each in listed(found.get("refund_ids"))),
        is_disputed=any(_takes_money(tree(each)) for each in listed(found.get("disputes"))),
        is_duplicate=_rejected_for(found) == DUPLICATE,
        wants_authentication=_wants_authentication(found),
        card_token=ref(card.get("token")),
        card_bin=ref(card.get("bin")),
        made_at=moment(found["created_at"]),
    )


def charge_in(body: Mapping[str, Any]) -> ChargeResult:
    return sale_in(body).result


def _picture(found: Mapping[str, Any]) -> ChargeResult:
    status, currency = text(found["status"]), found["currency_iso_code"]
    amount, nothing = money_of(found["amount"], currency), money_of("0", currency)
    outcome = _outcome(found, status)
    is_taken = outcome is Outcome.SUCCEEDED
    refusal = _refusal(found, status) if outcome is Outcome.DECLINED else None
    refunded = amount if is_taken and status == _VOIDED else nothing
    return ChargeResult(
        outcome=outcome,
        charge_ref=text(found["id"]),
        operation_id=named_in(found).operation_id,
        authorized=_authorized(found, nothing),
        captured=amount if is_taken else nothing,
        # How much, only the refunds tell.
        refunded=None if listed(found.get("refund_ids")) else refunded,
        capture_before=optional_moment(found.get("authorization_expires_at")) if status == "authorized" else None,
        refusal=refusal,
        payment_method=_card_of(found, outcome, refusal),
        raw=raw_of(found),
    )


def _outcome(found: Mapping[str, Any], status: str) -> Outcome:
    if status == _VOIDED:
        return Outcome.SUCCEEDED if SUBMITTED in statuses_of(found) else Outcome.VOIDED
    if status not in _OUTCOMES:
        raise Unreadable(status)
    return _OUTCOMES[status]


def statuses_of(found: Mapping[str, Any]) -> frozenset[str]:
    """All that it has had."""
    return frozenset(text(event["status"]) for event in listed(found["status_history"]))


def _refusal(found: Mapping[str, Any], status: str) -> Refusal:
    return settlement_decline_of(found) if status in _DECLINED_LATER else decline_of(found)


def _authorized(found: Mapping[str, Any], nothing: Money) -> Money:
    """What was held at first. `amount` is less once less was submitted."""
    amounts = [
        number(event["amount"])
        for event in listed(found["status_history"])
        if event["status"] in ("authorized", SUBMITTED)
    ]
    return money_of(f"{max(amounts, default=Decimal(0)):f}", nothing.currency)


def _card_of(found: Mapping[str, Any], outcome: Outcome, refusal: Refusal | None) -> PaymentMethodResult | None:
    card = card_in(found, KINDS_OF_TRANSACTION)
    if card is None:
        return None
    return PaymentMethodResult(
        outcome=Outcome.DECLINED if outcome is Outcome.DECLINED else Outcome.SUCCEEDED,
        # None of one that is not kept.
        payment_method_ref=ref(card.get("token")),
        card=card_of(card),
        card_fingerprint=fingerprint_of(card),
        refusal=refusal,
    )


def _takes_money(dispute: Mapping[str, Any]) -> bool:
    """A retrieval only asks, and what was won is back."""
    return text(dispute["kind"]) != RETRIEVAL and text(dispute["status"]) != "won"


def _rejected_for(found: Mapping[str, Any]) -> str | None:
    return ref(found.get("gateway_rejection_reason"))


def _wants_authentication(found: Mapping[str, Any]) -> bool:
    """Not if somebody was confirmed, and the issuer declines all the same."""
    info = found.get("three_d_secure_info")
    if isinstance(info, dict) and info.get("status") in AUTHENTICATED:
        return False
    if found["status"] == "gateway_rejected":
        return _rejected_for(found) == THREE_D_SECURE
    return found["status"] == "processor_declined" and found.get("processor_response_code") == AUTHENTICATION


def raw_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Ids, states, amounts and codes: no card, no person."""
    return {name: found.get(name) for name in _TOLD}


_TOLD = (
    *(
        "id",
        "type",
        "status",
        "amount",
        "currency_iso_code",
        "merchant_account_id",
        "order_id",
        "refunded_transaction_id",
    ),
    *("processor_response_code", "processor_response_text", "processor_response_type", "additional_processor_response"),
    *("network_response_code", "network_response_text", "merchant_advice_code", "gateway_rejection_reason"),
    *("avs_error_response_code", "avs_postal_code_response_code", "avs_street_address_response_code"),
    *("cvv_response_code", "processor_settlement_response_code", "processor_settlement_response_text"),
)
