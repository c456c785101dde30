"""Reconciliation: our books are compared with the provider's, whoever forgot to tell us what.

A run lists what the provider has, and looks singly for what of ours was not in the list. Where our side has only not
heard yet, it is told: through settlement, by a picture that was fetched for it, as a webhook would have done. What
still differs is written down as a discrepancy. Nothing is sent, nothing is refunded, no row is made by guess.

A run is written down after each page, under the lock of its record: two workers at once, or one that died, repeat a
page at most, and finding something twice is finding it once.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from domain.charges import Charge
from domain.clock import Clock
from domain.deployment import Deployment, Providers
from domain.discrepancies import (
    STAYS_UNTIL_CLOSED,
    Discrepancy,
    DiscrepancyKind,
    DiscrepancyState,
    Finding,
    charge_difference,
    ended_without_money,
    is_behind,
    may_have_given_back,
    of_charge,
    of_dispute,
    of_refund,
    refund_difference,
    unknown_charge,
    unknown_refund,
    unreadable,
)
from domain.disputes import is_picture
from domain.errors import PaydeskError
from domain.jobs import JobKind
from domain.operations import Operation
from domain.principals import system
from domain.provider import (
    ChargeResult,
    DisputeResult,
    ListedCharge,
    ListedRefund,
    LookUp,
    Outcome,
    ProviderAction,
    RefundResult,
)
from domain.reconciliation import INTERVAL_SECONDS, OVERLAP, Phase, Reconciliation, Standing
from domain.refunds import Refund
from domain.services.discrepancies import close_if_gone, write_down
from domain.services.dispute_settlement import DisputeSettlement
from domain.services.locking import lock_charge, there
from domain.services.resolver import look_up_of
from domain.services.settlement import Settlement
from domain.services.teller import NothingHeard, Teller
from domain.store import CommitUnknown, Store, StoreUnavailable, Transaction, UniqueTaken

IN_FLIGHT_FOR = timedelta(minutes=15)
"""How long a request under way is its maker's and the resolver's, whose first five looks are over by then."""
AT_ONCE_SECONDS = 20.0
"""How long one claim of the job goes on: two requests that time out still fit into the job's time behind it."""
OURS_AT_ONCE = 50
"""Charges of ours that are read at once."""

_OF_THE_ENTRY = (PaydeskError, UniqueTaken, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What the two sides of one entry can be at fault for; that the database is away is no reason to block an order."""
_OF_THE_DATABASE = (StoreUnavailable, CommitUnknown)

_ACTOR = "system:reconciliation"

_log = logging.getLogger("paydesk.reconciliation")

Record = TypeVar("Record", Charge, Refund, Discrepancy)


class NoAnswer(Exception):
    """The provider did not say what became of one object: the next run asks again."""

    def __init__(self, finding: Finding) -> None:
        """`finding` is what is told when it never says."""
        super().__init__(finding.subject)
        self.finding = finding


class ReconciliationService:
    def __init__(
        self,
        *,
        store: Store,
        providers: Providers,
        teller: Teller,
        settlement: Settlement,
        disputes: DisputeSettlement,
        clock: Clock,
        deployment: Deployment,
    ) -> None:
        self._store = store
        self._providers = providers
        self._teller = teller
        self._settlement = settlement
        self._disputes = disputes
        self._clock = clock
        self._deployment = deployment

    # --- begin, and how it stands -----------------------------------------------------------------------------------

    async def begin(self) -> None:
        """At each start of a process: every account is compared now, and then once an hour.

        In recovery, what was under way in the backup is marked: it is only looked for, also when recovery is over.
        """
        async with self._store.transaction() as tx:
            for account in self._accounts():
                run = await tx.reconciliations.get_for_update(account) or Reconciliation(account=account)
                now = self._clock.now()
                await tx.reconciliations.save(run.recovering(now=now) if self._deployment.recovery else run.recovered())
                await tx.jobs.schedule(JobKind.RECONCILE, account, after_seconds=0)
            if self._deployment.recovery:
                await tx.operations.only_look_from(self._clock.now())

    async def standings(self) -> dict[str, tuple[Reconciliation, int, Standing]]:
        """Of each account: how far it is, how many discrepancies are open, and what that means.

        Those that cannot be compared are among them, whether they are configured or not: nobody else would tell.
        """
        found = {}
        async with self._store.reading() as tx:
            known = (*self._providers.accounts, *await tx.reconciliations.accounts_with_charges())
            for account in dict.fromkeys(known):
                run = await tx.reconciliations.get(account) or Reconciliation(account=account)
                number = await tx.discrepancies.count_open(account)
                standing = run.standing(open_discrepancies=number)
                found[account] = (run, number, standing if self._lists(account) else Standing.NOT_COMPARABLE)
        return found

    def _accounts(self) -> list[str]:
        return [account for account in self._providers.accounts if self._lists(account)]

    def _lists(self, account: str) -> bool:
        return self._providers.get(account) is not None and self._providers.supports(
            account, ProviderAction.LIST_CHANGES
        )

    # --- a run ------------------------------------------------------------------------------------------------------

    async def run(self, account: str) -> float | None:
        """Begin a run, or carry on the one that is under way.

        Returns after how many seconds to come back, None for an account that is gone. NothingHeard when the provider
        gives no list.
        """
        if not self._lists(account):
            return None
        until = self._clock.now() + timedelta(seconds=AT_ONCE_SECONDS)
        run = await self._under_way(account)
        while run.is_running:
            if self._clock.now() > until:
                return 0.0
            run = await self._steps[there(run.phase, "the phase")](run, until)
        return INTERVAL_SECONDS

    async def _under_way(self, account: str) -> Reconciliation:
        async with self._store.transaction() as tx:
            run = await tx.reconciliations.get_for_update(account) or Reconciliation(account=account)
            if run.is_running:
                return run
            now = self._clock.now()
            begun = run.begun(since=await self._since(tx, run, now=now), now=now)
            await tx.reconciliations.forget_seen(account)
            await tx.reconciliations.save(begun)
        return begun

    async def _since(self, tx: Transaction, run: Reconciliation, *, now: datetime) -> datetime | None:
        if run.compared_until is not None:
            return run.compared_until - OVERLAP
        if run.recovering_since is not None:
            reach = self._deployment.recovery_reach
            return None if reach is None else now - reach
        # What was there before the gateway's first charge is somebody else's story.
        return (await tx.reconciliations.first_charge_at(run.account) or now) - OVERLAP

    @property
    def _steps(self) -> dict[Phase, Callable[[Reconciliation, datetime], Awaitable[Reconciliation]]]:
        return {
            Phase.LISTING: self._list,
            Phase.CHARGES: self._look_for_charges,
            Phase.REFUNDS: self._look_for_refunds,
            Phase.OPEN: self._look_again,
        }

    async def _save(
        self, before: Reconciliation, after: Reconciliation, *, seen: list[str] | None = None
    ) -> Reconciliation:
        """Unless another has moved the run meanwhile: then it goes on from where that one is."""
        async with self._store.transaction() as tx:
            current = there(await tx.reconciliations.get_for_update(before.account), before.account)
            if current != before:
                return current
            await tx.reconciliations.saw(before.account, seen or [])
            if not after.is_running:
                await tx.reconciliations.forget_seen(before.account)
            await tx.reconciliations.save(after)
        return after

    # --- what the provider has --------------------------------------------------------------------------------------

    async def _list(self, run: Reconciliation, until: datetime) -> Reconciliation:
        page = await self._teller.changes(run.account, since=run.since, cursor=run.cursor)
        if page.outcome is not Outcome.SUCCEEDED:
            raise NothingHeard(f"the changes at {run.account}")
        seen: list[str] = []
        missed = 0
        entries: list[ListedCharge | ListedRefund | DisputeResult] = [*page.charges, *page.refunds, *page.disputes]
        for number, entry in enumerate(entries[run.done :], run.done):
            if self._clock.now() > until:
                return await self._save(
                    run, run.moved(cursor=run.cursor, done=number, missed=missed, now=self._clock.now()), seen=seen
                )
            try:
                ours = await self._compare(run.account, entry)
            except NoAnswer as nothing:
                missed += await self._missed(run, nothing)
            else:
                seen += [ours] if ours else []
        now = self._clock.now()
        if page.cursor is None:
            return await self._save(run, run.next_phase(missed=missed, now=now), seen=seen)
        return await self._save(run, run.moved(cursor=page.cursor, missed=missed, now=now), seen=seen)

    async def _compare(self, account: str, entry: ListedCharge | ListedRefund | DisputeResult) -> str | None:
        """The id of our record, where there is one."""
        try:
            if isinstance(entry, ListedCharge):
                return await self._compare_charge(account, entry)
            if isinstance(entry, ListedRefund):
                return await self._compare_refund(account, entry)
            await self._compare_dispute(account, entry)
            return None
        except _OF_THE_ENTRY:
            finding = of_dispute(account, entry) if isinstance(entry, DisputeResult) else unreadable(account, entry)
            # One entry that nobody thought of must not keep all others from being compared.
            _log.exception("%s at %s cannot be compared", finding.subject if finding else "a dispute", account)
            await self._found(finding)
            return None

    # --- charges ----------------------------------------------------------------------------------------------------

    async def _compare_charge(self, account: str, listed: ListedCharge) -> str | None:
        async with self._store.reading() as tx:
            charge, is_the_one = await _our_charge(tx, account, listed)
            operation = await tx.operations.unfinished_of_charge(charge.id) if charge else None
            is_of_another = charge is None and await _is_of_another_account(tx, account, listed)
        if is_of_another:
            return None
        if charge is None:
            await self._found(unknown_charge(account, listed))
            return None
        if not is_the_one:
            await self._found(_another_charge(charge, listed))
            return None
        if self._is_in_flight(operation):
            return charge.id
        if wrong := self._cannot_be_compared(charge, listed):
            await self._found(of_charge(charge, wrong, ref=listed.charge_ref, picture=listed.picture))
            return charge.id
        now = self._clock.now()
        alike = charge_difference(charge, listed.picture, now=now) is None
        if alike and operation is None and not is_behind(charge, listed.picture, now=now):
            return charge.id
        # As it is at this moment: a list may be old, and leaves things out.
        picture = await self._teller.fetch_charge(account, listed.charge_ref)
        if picture.outcome is Outcome.UNKNOWN:
            raise NoAnswer(of_charge(charge, DiscrepancyKind.UNREADABLE, ref=listed.charge_ref, picture=picture))
        await self._tell_charge(charge, picture)
        return charge.id

    async def _tell_charge(self, charge: Charge, picture: ChargeResult) -> None:
        """Settle what the provider says; what differs even then is a discrepancy."""
        now = self._clock.now()
        ref = picture.charge_ref or charge.charge_ref
        if charge_difference(charge, picture, now=now) is DiscrepancyKind.CURRENCY_DIFFERS:
            await self._found(of_charge(charge, DiscrepancyKind.CURRENCY_DIFFERS, ref=ref, picture=picture))
            return

        async def settle(tx: Transaction) -> None:
            _, current = await lock_charge(tx, system("reconciliation"), charge.id)
            if current != charge:
                return  # somebody was faster, and may know more than this picture; the next run compares
            settled = await self._settlement.settle_charge(tx, charge.id, picture, actor=_ACTOR)
            kind = charge_difference(settled, picture, now=now)
            finding = of_charge(settled, kind, ref=ref, picture=picture) if kind else None
            if finding is None and ended_without_money(charge) and settled.captured.is_positive:
                finding = of_charge(charge, DiscrepancyKind.CAPTURED_AFTER_END, ref=ref, picture=picture)
            if finding is not None:
                await write_down(tx, finding, actor=_ACTOR, now=now)

        try:
            await self._store.run(settle)
        except _OF_THE_DATABASE:
            raise
        except Exception:
            # One charge that cannot be booked must not keep all others from being compared. Whatever it was, a CHECK or
            # a trigger too, nothing is concluded about the money: a person is told.
            _log.exception("%s could not be settled with what the provider shows", charge.id)
            await self._found(of_charge(charge, DiscrepancyKind.UNREADABLE, ref=ref, picture=picture))

    def _cannot_be_compared(self, charge: Charge, listed: ListedCharge) -> DiscrepancyKind | None:
        if listed.picture.outcome is Outcome.UNKNOWN:
            return DiscrepancyKind.UNREADABLE
        return DiscrepancyKind.MODE_DIFFERS if listed.livemode is not charge.livemode else None

    def _is_in_flight(self, operation: Operation | None) -> bool:
        return operation is not None and self._clock.now() - operation.first_sent_at < IN_FLIGHT_FOR

    # --- refunds ----------------------------------------------------------------------------------------------------

    async def _compare_refund(self, account: str, listed: ListedRefund) -> str | None:
        async with self._store.reading() as tx:
            refund, is_the_one = await _our_refund(tx, account, listed)
            charge = await tx.charges.find_by_ref(account, listed.charge_ref) if listed.charge_ref else None
            operation = await tx.operations.maker_of_refund(refund.id) if refund else None
        if refund is None or operation is None:
            await self._found(unknown_refund(account, listed, charge))
            return None
        if not is_the_one:
            await self._found(_another_refund(refund, listed))
            return None
        if not operation.is_finished and self._is_in_flight(operation):
            return refund.id
        if wrong := _refund_cannot_be_compared(refund, listed):
            await self._found(of_refund(refund, wrong, ref=listed.refund_ref, picture=listed.picture))
            return refund.id
        after = refund.after(listed.picture, now=self._clock.now())
        told = (after.state, after.refund_ref) == (refund.state, refund.refund_ref) and operation.is_finished
        if told and refund_difference(refund, listed.picture) is None:
            return refund.id
        picture = await self._teller.fetch_refund(account, listed.refund_ref)
        if picture.outcome is Outcome.UNKNOWN:
            raise NoAnswer(of_refund(refund, DiscrepancyKind.UNREADABLE, ref=listed.refund_ref, picture=picture))
        await self._tell_refund(refund, operation, picture)
        return refund.id

    async def _tell_refund(self, refund: Refund, operation: Operation, picture: RefundResult) -> None:
        ref = picture.refund_ref or refund.refund_ref
        if refund_difference(refund, picture) is DiscrepancyKind.CURRENCY_DIFFERS:
            await self._found(of_refund(refund, DiscrepancyKind.CURRENCY_DIFFERS, ref=ref, picture=picture))
            return

        async def settle(tx: Transaction) -> None:
            await lock_charge(tx, system("reconciliation"), refund.charge_id)
            if await tx.refunds.get_for_update(refund.id) != refund:
                return
            settled = await self._settlement.settle_refund(
                tx, refund.id, picture, operation_id=operation.id, actor=_ACTOR
            )
            if kind := refund_difference(settled, picture):
                await write_down(
                    tx, of_refund(settled, kind, ref=ref, picture=picture), actor=_ACTOR, now=self._clock.now()
                )

        try:
            await self._store.run(settle)
        except _OF_THE_DATABASE:
            raise
        except Exception:
            # As of a charge. A refund that was given up and happened after all may exceed what is left of its charge.
            _log.exception("%s could not be settled with what the provider shows", refund.id)
            await self._found(of_refund(refund, DiscrepancyKind.REFUND_STATE_DIFFERS, ref=ref, picture=picture))

    # --- disputes ---------------------------------------------------------------------------------------------------

    async def _compare_dispute(self, account: str, listed: DisputeResult) -> None:
        """Of a dispute about a charge that is none of ours, that charge's own discrepancy tells."""
        ref = listed.dispute_ref
        async with self._store.reading() as tx:
            charge = await tx.charges.find_by_ref(account, listed.charge_ref) if listed.charge_ref else None
            dispute = await tx.disputes.find_by_ref(account, ref) if ref else None
            operation = await tx.operations.unfinished_of_dispute(dispute.id) if dispute else None
        if charge is None or ref is None or self._is_in_flight(operation):
            return
        if dispute is not None and operation is None and is_picture(listed) and dispute.shows(listed):
            return
        finding = of_dispute(account, listed, charge, dispute)
        try:
            await self._disputes.look(account, ref, actor=_ACTOR)
        except NothingHeard as nothing:
            raise NoAnswer(there(finding, ref)) from nothing
        except _OF_THE_DATABASE:
            raise
        except Exception:
            # As of a charge: one dispute that cannot be booked keeps no other from being looked at.
            _log.exception("%s could not be settled with what the provider shows", ref)
            await self._found(finding)
            return
        async with self._store.reading() as tx:
            booked = await tx.disputes.find_by_ref(account, ref)
        if booked is None:
            await self._found(finding)  # of the other mode, or in a currency that cannot be booked

    # --- what we have, and the list had not -------------------------------------------------------------------------

    async def _look_for_charges(self, run: Reconciliation, until: datetime) -> Reconciliation:
        started_at = there(run.started_at, "the start of the run")
        async with self._store.reading() as tx:
            charges = await tx.reconciliations.unseen_charges(
                run.account, since=run.since, before=started_at, after_id=run.cursor or "", limit=OURS_AT_ONCE
            )
        return await self._each(run, until, charges, self._look_for_charge)

    async def _look_for_charge(self, charge: Charge) -> None:
        async with self._store.reading() as tx:
            operation = await tx.operations.maker_of_charge(charge.id)
            under_way = await tx.operations.unfinished_of_charge(charge.id)
            look_up = await _look_up(tx, charge, operation)
        if operation is None or look_up is None or self._is_in_flight(under_way):
            return
        if charge.charge_ref is None and operation.asked_for_the_customer:
            return  # there is nothing at the provider that could be compared
        found = await self._teller.find_charge(charge.account, look_up)
        if found is None and self._is_proof(charge.account, look_up):
            await self._found(of_charge(charge, DiscrepancyKind.MISSING_CHARGE, ref=None, picture=None))
        elif found is None or found.outcome is Outcome.UNKNOWN:
            raise NoAnswer(of_charge(charge, DiscrepancyKind.UNREADABLE, ref=charge.charge_ref, picture=found))
        elif charge_difference(charge, found, now=self._clock.now()) or is_behind(charge, found, now=self._clock.now()):
            await self._tell_charge(charge, found)

    async def _look_for_refunds(self, run: Reconciliation, until: datetime) -> Reconciliation:
        started_at = there(run.started_at, "the start of the run")
        async with self._store.reading() as tx:
            refunds = await tx.reconciliations.unseen_refunds(
                run.account, since=run.since, before=started_at, after_id=run.cursor or "", limit=OURS_AT_ONCE
            )
        return await self._each(run, until, refunds, self._look_for_refund)

    async def _look_for_refund(self, refund: Refund) -> None:
        async with self._store.reading() as tx:
            operation = await tx.operations.maker_of_refund(refund.id)
            charge = there(await tx.charges.get(refund.charge_id), refund.charge_id)
            look_up = await _look_up(tx, charge, operation)
        if operation is None or look_up is None:
            return
        found = await self._teller.find_refund(refund.account, look_up)
        if found is None and self._is_proof(refund.account, look_up):
            await self._found(of_refund(refund, DiscrepancyKind.MISSING_REFUND, ref=None, picture=None))
        elif found is None or found.outcome is Outcome.UNKNOWN:
            raise NoAnswer(of_refund(refund, DiscrepancyKind.UNREADABLE, ref=refund.refund_ref, picture=found))
        elif refund_difference(refund, found):
            await self._tell_refund(refund, operation, found)

    def _is_proof(self, account: str, look_up: LookUp) -> bool:
        """Whether an empty look-up shows that there is nothing."""
        lag = self._teller.provider(account).look_up_lag_seconds
        return lag is not None and self._clock.now() - look_up.not_before > timedelta(seconds=lag)

    # --- what is open -----------------------------------------------------------------------------------------------

    async def _look_again(self, run: Reconciliation, until: datetime) -> Reconciliation:
        """Discrepancies that this run has not met: older than what it reads, or gone."""
        started_at = there(run.started_at, "the start of the run")
        async with self._store.reading() as tx:
            left = await tx.discrepancies.open_not_seen_since(
                run.account, started_at, after_id=run.cursor or "", limit=OURS_AT_ONCE
            )
        return await self._each(run, until, left, partial(self._look_again_at, started_at))

    async def _look_again_at(self, started_at: datetime, found: Discrepancy) -> None:
        if found.kind in STAYS_UNTIL_CLOSED:
            return
        try:
            await self._compare_again(found)
        except NoAnswer:
            return  # it is told already, and stays open: no run has to wait for it
        async with self._store.transaction() as tx:
            await close_if_gone(tx, found.id, not_seen_since=started_at, actor=_ACTOR, now=self._clock.now())

    async def _compare_again(self, found: Discrepancy) -> None:
        if found.kind is DiscrepancyKind.MISSING_CHARGE and found.charge_id:
            async with self._store.reading() as tx:
                charge = there(await tx.charges.get(found.charge_id), found.charge_id)
            await self._look_for_charge(charge)
        elif found.kind is DiscrepancyKind.MISSING_REFUND and found.refund_id:
            async with self._store.reading() as tx:
                refund = there(await tx.refunds.get(found.refund_id), found.refund_id)
            await self._look_for_refund(refund)
        elif found.kind is DiscrepancyKind.DISPUTE_DIFFERS and found.provider_ref and found.charge_id:
            async with self._store.reading() as tx:
                charge = there(await tx.charges.get(found.charge_id), found.charge_id)
            # Without a state it differs from whatever is known here, and is looked at.
            listed = DisputeResult(
                outcome=Outcome.SUCCEEDED, dispute_ref=found.provider_ref, charge_ref=charge.charge_ref
            )
            await self._compare_dispute(found.account, listed)
        elif found.provider_ref and found.is_about_refund:
            back = await self._teller.fetch_refund(found.account, found.provider_ref)
            if back.outcome is Outcome.UNKNOWN:
                raise NoAnswer(found)
            await self._compare_refund(found.account, await self._refund_as_listed(found, found.provider_ref, back))
        elif found.provider_ref:
            picture = await self._teller.fetch_charge(found.account, found.provider_ref)
            if picture.outcome is Outcome.UNKNOWN:
                raise NoAnswer(found)
            await self._compare_charge(found.account, self._charge_as_listed(found, found.provider_ref, picture))

    def _charge_as_listed(self, found: Discrepancy, ref: str, picture: ChargeResult) -> ListedCharge:
        return ListedCharge(
            charge_ref=ref,
            made_at=found.opened_at,
            livemode=found.livemode,
            order_id=found.order_id,
            invoice_id=found.invoice_id,
            charge_id=found.charge_id,
            picture=picture,
        )

    async def _refund_as_listed(self, found: Discrepancy, ref: str, picture: RefundResult) -> ListedRefund:
        async with self._store.reading() as tx:
            charge = await tx.charges.get(found.charge_id) if found.charge_id else None
        return ListedRefund(
            refund_ref=ref,
            made_at=found.opened_at,
            livemode=found.livemode,
            refund_id=found.refund_id,
            charge_ref=charge.charge_ref if charge else None,
            picture=picture,
        )

    # --- both -------------------------------------------------------------------------------------------------------

    async def _each(
        self,
        run: Reconciliation,
        until: datetime,
        records: Sequence[Record],
        work: Callable[[Record], Awaitable[None]],
    ) -> Reconciliation:
        """One after the other, as long as there is time; the run goes on behind the last that was done."""
        missed, last = 0, run.cursor
        for number, record in enumerate(records):
            if number and self._clock.now() > until:
                return await self._save(run, run.moved(cursor=last, missed=missed, now=self._clock.now()))
            try:
                await work(record)
            except NoAnswer as nothing:
                missed += await self._missed(run, nothing)
            except _OF_THE_ENTRY:
                _log.exception("%s cannot be compared", record.id)
                await self._found(_not_comparable(record))
            last = record.id
        now = self._clock.now()
        if len(records) == OURS_AT_ONCE:
            return await self._save(run, run.moved(cursor=last, missed=missed, now=now))
        return await self._save(run, run.next_phase(missed=missed, now=now))

    async def _missed(self, run: Reconciliation, nothing: NoAnswer) -> int:
        """1 where the next run has to ask again; 0 where a discrepancy tells it by now."""
        finding = nothing.finding
        async with self._store.transaction() as tx:
            told = await tx.discrepancies.find_for_update(finding.account, finding.kind, finding.subject)
            if run.is_patient and (told is None or told.state is DiscrepancyState.GONE):
                return 1
            await write_down(tx, finding, actor=_ACTOR, now=self._clock.now())
        return 0

    async def _found(self, finding: Finding | None) -> None:
        if finding is None:
            return
        async with self._store.transaction() as tx:
            await write_down(tx, finding, actor=_ACTOR, now=self._clock.now())


# --- whose it is ------------------------------------------------------------------------------------------------------


async def _our_charge(tx: Transaction, account: str, listed: ListedCharge) -> tuple[Charge | None, bool]:
    """Our charge, and whether the listed one is it, or another one that names it."""
    if known := await tx.charges.find_by_ref(account, listed.charge_ref):
        return known, True
    made_by = listed.picture.operation_id
    operation = await tx.operations.get(made_by) if made_by else None
    # Only of the same account: an id in somebody else's object must not reach ours.
    if operation is not None and operation.account == account and operation.is_of_the_charge:
        charge = there(await tx.charges.get(operation.charge_id), operation.charge_id)
        if charge.charge_ref is None:
            # What the customer was to confirm is not what is charged when they have.
            return charge, not operation.asked_for_the_customer
        return charge, charge.charge_ref == listed.charge_ref
    named = await tx.charges.get(listed.charge_id) if listed.charge_id else None
    if named is not None and named.account == account and named.charge_ref is not None:
        return named, False
    return None, False


async def _is_of_another_account(tx: Transaction, account: str, listed: ListedCharge) -> bool:
    """Whether this very charge was made by another account of ours at the same place, which compares it."""
    made_by = listed.picture.operation_id
    operation = await tx.operations.get(made_by) if made_by else None
    if operation is None or operation.account == account:
        return False
    return await tx.charges.find_by_ref(operation.account, listed.charge_ref) is not None


async def _our_refund(tx: Transaction, account: str, listed: ListedRefund) -> tuple[Refund | None, bool]:
    if known := await tx.refunds.find_by_ref(account, listed.refund_ref):
        return known, True
    made_by = listed.picture.operation_id
    operation = await tx.operations.get(made_by) if made_by else None
    if operation is not None and operation.account == account and operation.refund_id is not None:
        refund = there(await tx.refunds.get(operation.refund_id), operation.refund_id)
        return refund, refund.refund_ref in (None, listed.refund_ref)
    named = await tx.refunds.get(listed.refund_id) if listed.refund_id else None
    if named is not None and named.account == account and named.refund_ref is not None:
        return named, False
    return None, False


def _not_comparable(record: Charge | Refund | Discrepancy) -> Finding | None:
    """None of a discrepancy, which is told already and stays open."""
    match record:
        case Charge():
            return of_charge(record, DiscrepancyKind.UNREADABLE, ref=record.charge_ref, picture=None)
        case Refund():
            return of_refund(record, DiscrepancyKind.UNREADABLE, ref=record.refund_ref, picture=None)
        case Discrepancy():
            return None


def _another_charge(charge: Charge, listed: ListedCharge) -> Finding | None:
    found = unknown_charge(charge.account, listed)
    if found is None:
        return None
    return replace(
        found,
        kind=DiscrepancyKind.DUPLICATE_CHARGE,
        order_id=charge.order_id,
        invoice_id=charge.invoice_id,
        charge_id=charge.id,
        here=charge.captured,
        here_state=charge.state,
    )


def _another_refund(refund: Refund, listed: ListedRefund) -> Finding | None:
    if not may_have_given_back(listed.picture):
        return None
    return of_refund(refund, DiscrepancyKind.DUPLICATE_REFUND, ref=listed.refund_ref, picture=listed.picture)


def _refund_cannot_be_compared(refund: Refund, listed: ListedRefund) -> DiscrepancyKind | None:
    if listed.picture.outcome is Outcome.UNKNOWN:
        return DiscrepancyKind.UNREADABLE
    return DiscrepancyKind.MODE_DIFFERS if listed.livemode is not refund.livemode else None


async def _look_up(tx: Transaction, charge: Charge, operation: Operation | None) -> LookUp | None:
    if operation is None:
        return None
    return look_up_of(operation, charge, await tx.accounts.find(charge.customer_id, charge.account))
