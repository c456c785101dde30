"""What was made or changed at the account since a moment: https://docs.stripe.com/api/events and the lists beside it.

Stripe has no list by time of change. So payment intents, refunds and disputes that were made since then are listed, and
after them the events since then, for what was made before: its object is fetched anew. Events go back 30 days; for a
moment further back everything is listed.

The cursor is the name of the list, and the last object of its that was told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import stripe

from adapters.stripe import disputes, payments, refunds
from adapters.stripe.errands import Answer, Errand, read, read_object
from adapters.stripe.payments import CHARGE, EXPAND, INVOICE, ORDER, made_at
from adapters.stripe.reading import metadata_of, ref_of, text
from adapters.stripe.refunds import REFUND, is_release
from adapters.stripe.searching import PAGE, Page, entries, has_more
from adapters.stripe.verdicts import UNREADABLE, Verdict, is_missing
from domain.provider import (
    ChangesPage,
    ChargeResult,
    DisputeResult,
    ListedCharge,
    ListedRefund,
    Outcome,
    RefundResult,
)

_EVENTS_LAST = timedelta(days=29)
"""A day less than Stripe keeps them, for a run that takes long."""
_EVENTS_A_PAGE = 20
"""Each may stand for an object that is fetched, a handful at once: some seconds, far below the time-out."""
_AT_ONCE = 5
_KINDS = [
    "charge.captured",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.expired",
    "charge.refund.updated",
    "charge.refunded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.failed",
    "refund.updated",
]
"""Of changes; what tells that something was made is in the other lists. Stripe takes 20 of them at most."""


_LISTS = ("intents", "refunds", "disputes", "events")
_EVERYTHING = "all-"


@dataclass(frozen=True, slots=True)
class _Place:
    list: str
    everything: bool
    """Since the beginning. Settled with the first page: a run may outlast the events that it would need."""
    after: str | None = None

    @classmethod
    def read(cls, cursor: str) -> "_Place | None":
        """None for a cursor of another list than these."""
        name, _, after = cursor.partition(":")
        name, everything = name.removeprefix(_EVERYTHING), name.startswith(_EVERYTHING)
        return cls(name, everything, after or None) if name in _lists(everything=everything) else None

    def written(self) -> str:
        name = f"{_EVERYTHING}{self.list}" if self.everything else self.list
        return f"{name}:{self.after}" if self.after else name

    def then(self) -> "_Place | None":
        lists = _lists(everything=self.everything)
        following = lists[lists.index(self.list) + 1 :]
        return _Place(following[0], self.everything) if following else None


def _lists(*, everything: bool) -> tuple[str, ...]:
    """Whoever sees everything needs no events."""
    return _LISTS[:-1] if everything else _LISTS


class Changes:
    def __init__(self, client: stripe.StripeClient, *, livemode: bool) -> None:
        self._v1 = client.v1
        self._livemode = livemode

    async def since(
        self, errand: Errand, moment: datetime | None, cursor: str | None, *, now: datetime
    ) -> ChangesPage | Verdict:
        if cursor is None:
            place: _Place | None = _Place(_LISTS[0], everything=moment is None or moment < now - _EVENTS_LAST)
        else:
            place = _Place.read(cursor)
        if place is None:
            return UNREADABLE
        since = None if place.everything else moment
        told = await self._ask(errand, place, since)
        listed = read(entries, told)
        if isinstance(listed, Verdict):
            return listed
        following = replace(place, after=text(listed[-1]["id"])) if listed and has_more(told) else place.then()
        if place.list == "events" and since is not None:
            found = await self._of_events(errand, listed, since)
            if isinstance(found, Verdict):
                return found
            listed = found
        return _page(listed, following, livemode=self._livemode, now=now)

    async def _ask(self, errand: Errand, place: _Place, moment: datetime | None) -> Answer | Verdict:
        limit = _EVENTS_A_PAGE if place.list == "events" else PAGE
        params: dict[str, Any] = {**Page(limit=limit)}
        if place.after is not None:
            params["starting_after"] = place.after
        if moment is not None:
            params["created"] = {"gte": int(moment.timestamp())}
        if place.list == "intents":
            params["expand"] = ["data.latest_charge"]
        if place.list == "events":
            params["types"] = _KINDS
        ask: dict[str, Callable[..., Awaitable[Any]]] = {
            "intents": self._v1.payment_intents.list_async,
            "refunds": self._v1.refunds.list_async,
            "disputes": self._v1.disputes.list_async,
            "events": self._v1.events.list_async,
        }
        return await errand.look(f"list of {place.list}", lambda options: ask[place.list](params, options))

    # --- what events are about --------------------------------------------------------------------------------------

    async def _of_events(
        self, errand: Errand, events: Iterable[Mapping[str, Any]], moment: datetime
    ) -> list[dict[str, Any]] | Verdict:
        """The objects, as they are now, that these tell of and that were made before the moment."""
        refs = read_object(lambda body: _subjects(body["events"], moment), {"events": events})
        if isinstance(refs, Verdict):
            return refs
        places = asyncio.Semaphore(_AT_ONCE)

        async def fetch(ref: str) -> Answer | Verdict:
            async with places:
                return await self._fetch(errand, ref)

        found: list[dict[str, Any]] = []
        for told in await asyncio.gather(*(fetch(ref) for ref in refs)):
            if isinstance(told, Answer):
                found.append(told.body)
            elif not is_missing(told):
                return told
        return found

    async def _fetch(self, errand: Errand, ref: str) -> Answer | Verdict:
        if ref.startswith("pi_"):
            return await errand.look(
                f"payment intent {ref}",
                lambda options: self._v1.payment_intents.retrieve_async(ref, {"expand": EXPAND}, options),
            )
        if ref.startswith(("re_", "pyr_")):
            return await errand.look(f"refund {ref}", lambda options: self._v1.refunds.retrieve_async(ref, {}, options))
        return await errand.look(f"dispute {ref}", lambda options: self._v1.disputes.retrieve_async(ref, {}, options))


def _subjects(events: Iterable[Mapping[str, Any]], moment: datetime) -> list[str]:
    """What these are about, once each. A charge's are about its intent, for that is what a charge is here."""
    refs: dict[str, None] = {}
    for event in events:
        about = event["data"]["object"]
        if made_at(about) < moment:
            # A charge that is older has an intent that is.
            ref = ref_of(about.get("payment_intent")) if about["object"] == "charge" else text(about["id"])
            refs |= {} if ref is None else {ref: None}
    return list(refs)


# --- what was found ---------------------------------------------------------------------------------------------------
# One that cannot be read does not hide the others.


def _page(listed: Sequence[dict[str, Any]], following: _Place | None, *, livemode: bool, now: datetime) -> ChangesPage:
    return ChangesPage(
        outcome=Outcome.SUCCEEDED,
        charges=tuple(
            _charge(each, livemode=livemode, now=now) for each in listed if each["object"] == "payment_intent"
        ),
        refunds=tuple(
            _refund(each, livemode=livemode, now=now)
            for each in listed
            if each["object"] == "refund" and not is_release(each)
        ),
        disputes=tuple(_dispute(each) for each in listed if each["object"] == "dispute"),
        cursor=None if following is None else following.written(),
    )


def _charge(intent: dict[str, Any], *, livemode: bool, now: datetime) -> ListedCharge:
    ref: str = intent["id"]
    picture = read_object(lambda body: payments.picture(body, now=now), intent)
    if isinstance(picture, Verdict):
        picture = ChargeResult(outcome=picture.outcome, charge_ref=ref, refusal=picture.refusal)
    # The way to a customer's confirmation is told to those alone who ask for this very charge.
    picture = replace(picture, next_action=None)
    told_mode = intent.get("livemode")
    return ListedCharge(
        charge_ref=ref,
        made_at=_made_at(intent, now),
        livemode=told_mode if isinstance(told_mode, bool) else livemode,
        order_id=metadata_of(intent, ORDER),
        invoice_id=metadata_of(intent, INVOICE),
        charge_id=metadata_of(intent, CHARGE),
        picture=picture,
    )


def _refund(refund: dict[str, Any], *, livemode: bool, now: datetime) -> ListedRefund:
    """Of the key's own mode: a refund does not tell which it is of."""
    ref: str = refund["id"]
    picture, charge_ref = read_object(refunds.picture, refund), refund.get("payment_intent")
    if isinstance(picture, Verdict):
        picture = RefundResult(outcome=picture.outcome, refund_ref=ref, refusal=picture.refusal)
    return ListedRefund(
        refund_ref=ref,
        made_at=_made_at(refund, now),
        livemode=livemode,
        refund_id=metadata_of(refund, REFUND),
        charge_ref=charge_ref if isinstance(charge_ref, str) else None,
        picture=picture,
    )


def _dispute(dispute: dict[str, Any]) -> DisputeResult:
    picture = read_object(disputes.picture, dispute)
    if isinstance(picture, Verdict):
        return DisputeResult(outcome=picture.outcome, dispute_ref=dispute["id"], refusal=picture.refusal)
    return picture


def _made_at(found: Mapping[str, Any], now: datetime) -> datetime:
    moment = read_object(made_at, dict(found))
    return now if isinstance(moment, Verdict) else moment
