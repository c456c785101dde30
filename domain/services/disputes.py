"""Answering disputes: evidence that is sent, or giving in. Either is sent once, in three phases, and never undone."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from domain.clock import Clock
from domain.deployment import Deployment
from domain.detached import Detached
from domain.disputes import Dispute
from domain.errors import InvalidInput, NotFound, ProviderRefused, ProviderUnavailable
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.operations import DisputeRequests, Operation
from domain.principals import Permission, Principal
from domain.provider import AcceptRequest, EvidenceKind, EvidenceRequest, Outcome, ProviderAction
from domain.services.dispute_settlement import DisputeSettlement
from domain.services.gates import CallKind
from domain.services.keyed import claim, made_before
from domain.services.locking import lock_charge, there
from domain.services.operations import is_written_down, write_down
from domain.services.teller import NothingHeard, Teller
from domain.store import Store, Transaction, to_be_repeated
from domain.texts import clean_text

LONGEST_TEXT = 20_000
"""What Stripe takes of one text (the SDK's `Dispute.Evidence`)."""
LONGEST_EVIDENCE = 150_000
"""And of all texts together (`DisputeModifyParams.evidence`); the largest body that is read holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitEvidence:
    dispute_id: str
    evidence: Sequence[tuple[EvidenceKind, str]]
    """All that there is to say; each kind once."""
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptDispute:
    dispute_id: str
    request: KeyedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    """What the two ways to answer differ in."""

    action: ProviderAction
    event: EventKind
    requested: Callable[[Dispute, datetime], Dispute]
    """DisputeNotOpen, or DisputeInProgress, where it may not be."""
    request: Callable[[str, Dispute], DisputeRequests]
    """Of the operation's id."""


class DisputeService:
    def __init__(
        self,
        *,
        store: Store,
        teller: Teller,
        settlement: DisputeSettlement,
        detached: Detached,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._teller = teller
        self._settlement = settlement
        self._detached = detached
        self._clock = clock
        self._deployment = deployment

    async def submit_evidence(self, principal: Principal, command: SubmitEvidence) -> str:
        """Tell the bank why the money is ours; the dispute's id. What takes longer than we answer goes on by itself.

        ProviderUnavailable when nothing was sent, ProviderRefused when the provider did not take it, as it does when
        the time is over: then the dispute is as it was.
        """
        principal.require(Permission.DISPUTES_WRITE)
        evidence = _clean(command.evidence)
        response = _Response(
            action=ProviderAction.SUBMIT_EVIDENCE,
            event=EventKind.DISPUTE_EVIDENCE_REQUESTED,
            requested=lambda dispute, now: dispute.evidence_requested(now=now),
            request=lambda operation_id, dispute: EvidenceRequest(
                operation_id=operation_id, dispute_ref=dispute.dispute_ref, evidence=evidence
            ),
        )
        return await self._respond(principal, command.dispute_id, response, command.request)

    async def accept(self, principal: Principal, command: AcceptDispute) -> str:
        """Give in: the customer keeps the money. As `submit_evidence` otherwise."""
        principal.require(Permission.DISPUTES_WRITE)
        response = _Response(
            action=ProviderAction.ACCEPT_DISPUTE,
            event=EventKind.DISPUTE_ACCEPTANCE_REQUESTED,
            requested=lambda dispute, now: dispute.acceptance_requested(now=now),
            request=lambda operation_id, dispute: AcceptRequest(
                operation_id=operation_id, dispute_ref=dispute.dispute_ref
            ),
        )
        return await self._respond(principal, command.dispute_id, response, command.request)

    async def _respond(self, principal: Principal, dispute_id: str, response: _Response, request: KeyedRequest) -> str:
        begun = await self._store.run(
            lambda tx: self._begin(tx, principal, dispute_id, response, request), landed=is_written_down
        )
        if isinstance(begun, Operation):
            task = self._detached.spawn(self._send_and_settle(begun), name=begun.id)
            # An error in there is logged, and the job of the operation goes on with it.
            await self._detached.wait(task, at_most_seconds=self._deployment.answer_within_seconds)
        return await self._answer(begun.id if isinstance(begun, Operation) else begun)

    async def _begin(
        self, tx: Transaction, principal: Principal, dispute_id: str, response: _Response, request: KeyedRequest
    ) -> Operation | str:
        """Phase 1: the operation, or the id of the one that this very request has made before."""
        known = await tx.disputes.get(dispute_id)
        if known is None or not principal.sees(known.customer_id):
            raise NotFound("dispute", path=("disputeId",))
        _, charge = await lock_charge(tx, principal, known.charge_id)
        if made := await made_before(tx, request):
            return made
        self._deployment.check_not_recovering()
        now = self._clock.now()
        dispute = response.requested(there(await tx.disputes.get_for_update(dispute_id), dispute_id), now)
        self._teller.require_support(dispute.account, response.action)
        self._teller.require_reachable(dispute.account, CallKind.MONEY)
        asked = response.request(new_id(IdPrefix.OPERATION), dispute)
        await claim(tx, request, asked.operation_id, now=now)
        await tx.disputes.save(dispute)
        operation = await write_down(
            tx,
            charge,
            asked,
            dispute_id=dispute.id,
            solved_by=self._teller.solves(charge.account),
            lease_seconds=self._deployment.lease_seconds,
            now=now,
        )
        await tx.events.add(
            new_event(
                response.event,
                dispute.id,
                charge.id,
                charge.payable_id,
                actor=principal.actor,
                livemode=dispute.livemode,
                now=now,
            )
        )
        return operation

    async def _send_and_settle(self, operation: Operation) -> None:
        asleep = (self._clock.now() - operation.first_sent_at).total_seconds()
        if asleep > self._deployment.provider_timeout_seconds:
            return  # whoever holds the lease now sends it
        asked_at = self._clock.now()
        result = await self._teller.send_response(operation)
        actor = f"provider:{operation.account}"
        dispute_id = there(operation.dispute_id, f"the dispute of {operation.id}")

        async def settle(tx: Transaction) -> Dispute:
            return await self._settlement.settle_response(
                tx, dispute_id, result, operation_id=operation.id, asked_at=asked_at, actor=actor
            )

        dispute = await self._store.run(settle, landed=to_be_repeated)
        if result.outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
            # What came of it, or why it was refused, only a look tells; without one a webhook does, or reconciliation.
            with suppress(NothingHeard):
                await self._settlement.look(dispute.account, dispute.dispute_ref, actor=actor)

    async def _answer(self, operation_id: str) -> str:
        async with self._store.reading() as tx:
            operation = there(await tx.operations.get(operation_id), operation_id)
        if operation.is_finished and operation.outcome is Outcome.NOT_SENT:
            raise ProviderUnavailable
        if operation.is_finished and operation.outcome is not Outcome.SUCCEEDED:
            raise ProviderRefused("The provider did not take the response.", path=("disputeId",))
        return there(operation.dispute_id, f"the dispute of {operation.id}")


def _clean(evidence: Sequence[tuple[EvidenceKind, str]]) -> dict[EvidenceKind, str]:
    if not evidence:
        raise InvalidInput("There has to be some evidence.", path=("evidence",))
    cleaned: dict[EvidenceKind, str] = {}
    for number, (kind, text) in enumerate(evidence):
        if kind in cleaned:
            raise InvalidInput("Each kind of evidence is given once.", path=("evidence", str(number), "kind"))
        cleaned[kind] = clean_text(text, "evidence", str(number), "text", longest=LONGEST_TEXT)
    if sum(map(len, cleaned.values())) > LONGEST_EVIDENCE:
        raise InvalidInput(f"All texts together have {LONGEST_EVIDENCE} characters at most.", path=("evidence",))
    return cleaned
