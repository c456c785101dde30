"""The issuer: what is printed on its documents, how they are numbered, and what is done when they are not paid."""

from domain.clock import Clock
from domain.deployment import Deployment
from domain.errors import InvalidInput, NotFound, PrefixInUse
from domain.events import EventKind, new_event
from domain.issuers import Issuer, IssuerChanges, Series
from domain.principals import Permission, Principal
from domain.store import Store, Transaction
from domain.texts import TEXT_LENGTH, clean_optional

_SERIES = (
    ("invoice_prefix", "invoicePrefix", Series.CREDIT_NOTES),
    ("credit_note_prefix", "creditNotePrefix", Series.INVOICES),
)
"""The prefix, and the series that must never have had it: its numbers could come out as those that it had then."""
_NEVER_NULL = ("invoice_prefix", "credit_note_prefix", "time_zone", "dunning", "on_trial_end_without_card")


class IssuerService:
    def __init__(self, *, store: Store, clock: Clock, deployment: Deployment) -> None:
        self._store = store
        self._clock = clock
        self._deployment = deployment

    async def update(self, principal: Principal, issuer_id: str, changes: IssuerChanges) -> str:
        """From now on: what was printed stays, and so does dunning that has begun."""
        principal.require(Permission.ISSUERS_WRITE)
        changes = _cleaned(changes)
        async with self._store.transaction() as tx:
            # It is the only lock here, so nothing is locked after it.
            issuer = await tx.issuers.get_for_update(issuer_id)
            if issuer is None or not principal.sees_all:
                raise NotFound("issuer", path=("issuerId",))
            now = self._clock.now()
            changed = issuer.changed(changes, now=now)
            await _check_prefixes(tx, issuer, changed)
            await tx.issuers.save(changed)
            await tx.events.add(
                new_event(
                    EventKind.ISSUER_UPDATED,
                    issuer.id,
                    actor=principal.actor,
                    livemode=self._deployment.livemode,
                    now=now,
                    data={"fields": sorted(changes)},
                )
            )
        return issuer_id


async def _check_prefixes(tx: Transaction, before: Issuer, after: Issuer) -> None:
    for field, path, other in _SERIES:
        prefix = getattr(after, field)
        if prefix != getattr(before, field) and await tx.issuers.has_numbered(after.id, prefix, other):
            raise PrefixInUse(prefix, other.lower().replace("_", " "), path=(path,))


def _cleaned(changes: IssuerChanges) -> IssuerChanges:
    cleaned = IssuerChanges(**changes)
    for field in _NEVER_NULL:
        if field in changes and changes.get(field) is None:
            raise InvalidInput("This can be changed, and not taken away.", path=(_in_the_api(field),))
    if "name" in changes:
        cleaned["name"] = clean_optional(changes["name"], "name")
    if "address" in changes:
        address = changes["address"]
        cleaned["address"] = address.cleaned("address") if address else None
    if "tax_id" in changes:
        cleaned["tax_id"] = clean_optional(changes["tax_id"], "taxId", longest=50)
    if "footer" in changes:
        cleaned["footer"] = clean_optional(changes["footer"], "footer", longest=TEXT_LENGTH)
    return cleaned


def _in_the_api(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)
