"""Disputes: https://developer.paypal.com/braintree/docs/reference/response/dispute and …/guides/disputes/managing.

A response is several requests here: a text at a time, and then one that sends them all, for good. Braintree takes no
keys with them. So whoever sends a response looks first at what is there, adds what is missing, and last of all a
reference with the operation's id: a dispute that shows it has had the whole of this very response.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from adapters.braintree.amounts import money_of
from adapters.braintree.errands import Errand
from adapters.braintree.payments import RETRIEVAL
from adapters.braintree.reading import listed, optional_moment, optional_text, ref, text, tree
from adapters.braintree.verdicts import UNREADABLE, Verdict, failed, has_code
from adapters.braintree.xmltext import without_noise
from adapters.verdicts import as_looked
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

_CATEGORIES: dict[EvidenceKind, str] = {
    EvidenceKind.CUSTOMER_NAME: "PURCHASER_NAME",
    EvidenceKind.CUSTOMER_EMAIL: "PURCHASER_EMAIL_ADDRESS",
    EvidenceKind.CUSTOMER_IP: "PURCHASER_IP_ADDRESS",
    EvidenceKind.SHIPPING_CARRIER: "CARRIER_NAME",
    EvidenceKind.SHIPPING_TRACKING_NUMBER: "TRACKING_NUMBER",
}
"""Of https://developer.paypal.com/braintree/docs/reference/request/dispute/add-text-evidence, which has one for what
card schemes name: of the others the text says what it is."""
_GENERAL = "GENERAL"
_PARCEL = {"CARRIER_NAME", "TRACKING_NUMBER"}
"""What belongs together has the same sequence number."""
_NOT_OPEN = ("95701", "95704", "95705")
"""There is nothing that could be added, accepted or finalized: the SDK's `ErrorCodes.Dispute`."""


class Disputes:
    def __init__(self, *, livemode: bool) -> None:
        self._livemode = livemode

    async def fetch(self, errand: Errand, dispute_ref: str) -> DisputeResult | Verdict:
        seen = await self._see(errand, dispute_ref)
        return as_looked(seen) if isinstance(seen, Verdict) else seen.result

    async def submit(self, errand: Errand, request: EvidenceRequest) -> DisputeResult | Verdict:
        seen = await self._see(errand, request.dispute_ref)
        if isinstance(seen, Verdict):
            return seen
        if not seen.is_open:
            return seen.result if seen.has_had(request) else failed("dispute_not_open", "The dispute waits no longer.")
        told = await self._respond(errand, request, seen)
        if isinstance(told, Verdict) and told.outcome is Outcome.FAILED:
            await self._take_back(errand, request, seen)
        return told

    async def _respond(self, errand: Errand, request: EvidenceRequest, seen: "_Seen") -> DisputeResult | Verdict:
        for piece in _pieces(request):
            if not seen.has(piece):
                refused = await _add(errand, request.dispute_ref, piece)
                if refused is not None:
                    return refused
        told = await errand.do(
            f"evidence for {request.dispute_ref}",
            lambda gateway: gateway.dispute.finalize(request.dispute_ref),
            _nothing,
        )
        if isinstance(told, Verdict) and told.outcome is not Outcome.FAILED:
            return told
        after = await self._see(errand, request.dispute_ref)
        if not isinstance(after, Verdict) and not after.is_open and after.has_had(request):
            return after.result
        return told or _not_seen(after)

    async def _take_back(self, errand: Errand, request: EvidenceRequest, before: "_Seen") -> None:
        """What was added of a response that is refused: the bank would read it beside the next one."""
        seen = await self._see(errand, request.dispute_ref)
        if isinstance(seen, Verdict) or not seen.is_open:
            return
        ways = {way.as_compared for piece in _pieces(request) for way in piece}
        for said in ways & (seen.said.keys() - before.said.keys()):
            await self._remove(errand, request.dispute_ref, seen.said[said])

    async def _remove(self, errand: Errand, dispute_ref: str, evidence_ref: str) -> None:
        await errand.do(
            f"a text of {dispute_ref}",
            lambda gateway: gateway.dispute.remove_evidence(dispute_ref, evidence_ref),
            _nothing,
        )

    async def accept(self, errand: Errand, request: AcceptRequest) -> DisputeResult | Verdict:
        told = await errand.do(
            f"acceptance of {request.dispute_ref}",
            lambda gateway: gateway.dispute.accept(request.dispute_ref),
            _nothing,
        )
        if isinstance(told, Verdict) and told.outcome is not Outcome.FAILED:
            return told
        seen = await self._see(errand, request.dispute_ref)
        if not isinstance(seen, Verdict) and seen.result.state in (DisputeState.ACCEPTED, DisputeState.LOST):
            return seen.result
        return told or _not_seen(seen)

    async def _see(self, errand: Errand, dispute_ref: str) -> "_Seen | Verdict":
        seen = await errand.look(
            f"dispute {dispute_ref}",
            lambda gateway: gateway.dispute.find(dispute_ref),
            lambda body: _Seen.read(tree(body["dispute"]), livemode=self._livemode),
        )
        return UNREADABLE if isinstance(seen, _Seen) and seen.result.dispute_ref != dispute_ref else seen


def _nothing(_: Mapping[str, Any]) -> None:
    """These answers say nothing: what came of it, only looking tells."""


def _not_seen(seen: "_Seen | Verdict") -> Verdict:
    """It was taken, they say, and it does not show."""
    return as_looked(seen) if isinstance(seen, Verdict) else UNREADABLE


# --- what is said -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    category: str | None
    comment: str

    @property
    def as_compared(self) -> tuple[str | None, str]:
        """However its lines and blanks are kept there."""
        return self.category, " ".join(self.comment.split())


_Piece = tuple[_Text, ...]
"""One thing that is said, in the ways in which it may be, the best one first: of some disputes Braintree wants
categories, of others it refuses some, or twice the same, or what is none of its carriers or addresses."""


def _pieces(request: EvidenceRequest) -> list[_Piece]:
    said = [_piece(kind, without_noise(words)) for kind, words in request.evidence.items()]
    return [*said, _mark(request.operation_id)]


def _piece(kind: EvidenceKind, words: str) -> _Piece:
    about = words if kind is EvidenceKind.OTHER else f"{kind.replace('_', ' ').capitalize()}: {words}"
    ways = (_Text(_GENERAL, about), _Text(None, about))
    return (_Text(_CATEGORIES[kind], words), *ways) if kind in _CATEGORIES else ways


def _mark(operation_id: str) -> _Piece:
    """The last of a response. Whoever reads it at the bank sees a merchant's reference."""
    about = f"Reference of this response: {operation_id}"
    return _Text(_GENERAL, about), _Text(None, about)


async def _add(errand: Errand, dispute_ref: str, piece: _Piece) -> Verdict | None:
    """Why it was not."""
    told: Verdict | None = None
    for way in piece:
        told = await _add_so(errand, dispute_ref, way)
        if told is None or told.outcome is not Outcome.FAILED or has_code(told, *_NOT_OPEN):
            break
    return told


async def _add_so(errand: Errand, dispute_ref: str, way: _Text) -> Verdict | None:
    return await errand.do(
        f"a text for {dispute_ref}",
        lambda gateway: gateway.dispute.add_text_evidence(dispute_ref, _request(way)),
        lambda body: _check(tree(body["evidence"])),
    )


def _request(said: _Text) -> dict[str, Any]:
    """The SDK puts what it likes into the dictionary that it gets: each request has one of its own."""
    request: dict[str, Any] = {"content": said.comment}
    if said.category is not None:
        request["category"] = said.category
    if said.category in _PARCEL:
        request["sequence_number"] = 1
    return request


def _check(evidence: Mapping[str, Any]) -> None:
    text(evidence["id"])


# --- how it is --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    result: DisputeResult
    is_open: bool
    said: Mapping[tuple[str | None, str], str]
    """The texts, and how each is called."""

    @classmethod
    def read(cls, dispute: Mapping[str, Any], *, livemode: bool) -> "_Seen":
        texts = (each for each in map(tree, listed(dispute.get("evidence"))) if each.get("url") is None)
        return cls(
            result=picture(dispute, livemode=livemode),
            is_open=dispute["status"] == "open",
            said={
                _Text(optional_text(each.get("category")), str(each.get("comment") or "")).as_compared: text(each["id"])
                for each in texts
            },
        )

    def has(self, piece: _Piece) -> bool:
        return any(way.as_compared in self.said for way in piece)

    def has_had(self, request: EvidenceRequest) -> bool:
        return self.has(_mark(request.operation_id))


_STATES: dict[str, DisputeState] = {
    "open": DisputeState.NEEDS_RESPONSE,
    "disputed": DisputeState.UNDER_REVIEW,
    "under_review": DisputeState.UNDER_REVIEW,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "accepted": DisputeState.ACCEPTED,
    # By Braintree, for a merchant who has arranged that, or said nothing.
    "auto_accepted": DisputeState.LOST,
    "expired": DisputeState.LOST,
}
_REASONS: dict[str, DisputeReason] = {
    "cancelled_recurring_transaction": DisputeReason.SUBSCRIPTION_CANCELED,
    "credit_not_processed": DisputeReason.CREDIT_NOT_PROCESSED,
    "duplicate": DisputeReason.DUPLICATE,
    "fraud": DisputeReason.FRAUDULENT,
    "not_recognized": DisputeReason.NOT_RECOGNIZED,
    "product_not_received": DisputeReason.PRODUCT_NOT_RECEIVED,
    "product_unsatisfactory": DisputeReason.PRODUCT_UNACCEPTABLE,
    "transaction_amount_differs": DisputeReason.AMOUNT_DIFFERS,
}


def picture(dispute: Mapping[str, Any], *, livemode: bool) -> DisputeResult:
    """Which mode it is of is the environment's to say."""
    status, is_inquiry = text(dispute["status"]), dispute["kind"] == RETRIEVAL
    amount = money_of(dispute.get("amount_disputed") or dispute["amount"], dispute["currency_iso_code"])
    lost = amount - _won_of(dispute, amount)
    is_won_in_part = status == "won" and not is_inquiry and lost != amount and lost.is_positive
    return DisputeResult(
        outcome=Outcome.SUCCEEDED,
        dispute_ref=text(dispute["id"]),
        charge_ref=ref(tree(dispute["transaction"]).get("id")),
        # What the bank has awarded is ours again; of the rest the dispute is lost.
        state=DisputeState.LOST if is_won_in_part else _state(status, is_inquiry=is_inquiry),
        amount=lost if is_won_in_part else amount,
        is_inquiry=is_inquiry,
        reason=_REASONS.get(text(dispute["reason"]), DisputeReason.GENERAL),
        scheme_code=optional_text(dispute.get("reason_code")),
        respond_by=_end_of(dispute.get("reply_by_date")),
        opened_at=optional_moment(dispute.get("created_at")),
        livemode=livemode,
        raw={name: told if (told := dispute.get(name)) is None else str(told) for name in _TOLD},
    )


def _won_of(dispute: Mapping[str, Any], amount: Money) -> Money:
    """`amount_won`: https://developer.paypal.com/braintree/graphql/reference/types/dispute."""
    told = dispute.get("amount_won")
    return money_of(told, amount.currency) if told else Money.zero(amount.currency)


def _state(status: str, *, is_inquiry: bool) -> DisputeState:
    if is_inquiry and status == "expired":
        return DisputeState.WON  # closed, and no dispute came of it
    return _STATES[status]


def _end_of(day: Any) -> datetime | None:
    """A day ends in UTC before it does in America, where Braintree and most card schemes count."""
    return datetime.combine(day + timedelta(days=1), time(), UTC) if isinstance(day, date) else None


_TOLD = (
    *("id", "kind", "status", "reason", "reason_code", "amount_disputed", "amount_won", "currency_iso_code"),
    *("received_date", "reply_by_date", "created_at", "updated_at", "original_dispute_id", "pre_dispute_program"),
)
