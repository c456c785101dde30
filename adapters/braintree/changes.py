"""What was made or changed at the account since a moment, by Braintree's searches.

https://developer.paypal.com/braintree/docs/reference/request/transaction/search and …/request/dispute/search. There is
no search by time of change. So what was made since then is listed; after it what was made before, by the time of each
status that it may have reached since; and what has no such time, a settlement that was declined. Then disputes: those
that are open, and those that have dates since then. What did not change after all is left out where its `updated_at`
says so.

A search has a limit of results, beyond which it says nothing of what is left out. So it is asked about a span of time,
a shorter one when too much comes, and the cursor is the name of the search, its span, and the last that was told of it.

A new transaction may be missing from a search for a while; whoever lists again goes back behind that.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any

import braintree
from braintree import DisputeSearch, Transaction, TransactionSearch

from adapters.braintree import disputes
from adapters.braintree.errands import Errand, read_answer
from adapters.braintree.order_ids import named_in
from adapters.braintree.payments import CREDIT, Sale, sale_of
from adapters.braintree.reading import listed, moment, ref, text, tree, whole
from adapters.braintree.refunds import Credit, credit_of, void_of
from adapters.braintree.searching import PAGE, ids_of, page_of
from adapters.braintree.verdicts import UNREADABLE, Verdict
from adapters.verdicts import as_looked
from domain.provider import (
    ChangesPage,
    ChargeResult,
    DisputeResult,
    ListedCharge,
    ListedRefund,
    Outcome,
    RefundResult,
)

MOST_AT_A_TIME = 1000
"""How many ids a span may have: they are asked for with each page of it, newest first, and change while it is read."""
_LIMIT = 10_000
"""Of results: https://developer.paypal.com/braintree/docs/reference/general/searching/search-results, which names this,
and 20,000 for transactions. Whoever gets as many does not know what is missing."""
_SHORTEST_SECONDS = 60
"""Braintree adds a minute to the end of every span (…/general/searching/search-fields): there is no shorter one."""
_BEGINNING = datetime(2007, 1, 1, tzinfo=UTC)
"""Before the first transaction that Braintree had."""
_AHEAD = timedelta(days=1)
"""How far Braintree's clock may be ahead of ours: the last span has no end before."""
_DECLINED_WITHIN = timedelta(days=60)
"""Of the sale. A batch is settled, or declined, within some days."""
_BACKDATED = timedelta(days=10)
"""How long before Braintree hears of something it may have happened, by the bank's own dates of disputes."""

_CREATED = "created_at"
_REACHED = (
    "authorized_at",
    "authorization_expired_at",
    "failed_at",
    "gateway_rejected_at",
    "processor_declined_at",
    "submitted_for_settlement_at",
    "settled_at",
    "voided_at",
)
_DECLINED = "settlement_declined"
_OPEN, _RECEIVED, _DATED = "open_disputes", "received_date", "effective_date"
_DISPUTES = (_OPEN, _RECEIVED, _DATED)

_OPEN_STATUSES = ["open", "disputed", "under_review"]
_DECLINED_STATUSES = [Transaction.Status.SettlementDeclined, Transaction.Status.SettlementFailed]


def _searches(since: datetime | None) -> tuple[str, ...]:
    """In this order; whoever sees everything needs the first of each kind only."""
    return (_CREATED, _RECEIVED) if since is None else (_CREATED, *_REACHED, _DECLINED, *_DISPUTES)


_CURSOR = re.compile(r"([a-z_]+):(\d{1,11})\+([1-9]\d{0,10}):([A-Za-z0-9_-]{0,64})")


@dataclass(frozen=True, slots=True)
class _Place:
    search: str
    begin: int
    """Of the span, in seconds since 1970."""
    seconds: int
    after: str = ""
    """The last id that was told; of disputes, the number of the last page."""

    @classmethod
    def first(cls, search: str, since: datetime | None, *, now: datetime) -> "_Place":
        begin = since or _BEGINNING
        if search == _DECLINED:
            begin -= _DECLINED_WITHIN
        elif search in _DISPUTES and since is not None:
            begin -= _BACKDATED
        return cls(search, int(begin.timestamp()), max(int((now + _AHEAD - begin).total_seconds()), _SHORTEST_SECONDS))

    @classmethod
    def read(cls, cursor: str, since: datetime | None) -> "_Place | None":
        """None for a cursor of another list than this one."""
        found = _CURSOR.fullmatch(cursor)
        if found is None or found[1] not in _searches(since):
            return None
        return cls(found[1], int(found[2]), int(found[3]), found[4])

    def written(self) -> str:
        return f"{self.search}:{self.begin}+{self.seconds}:{self.after}"

    def shorter(self) -> "_Place":
        return replace(self, seconds=max(self.seconds // 2, _SHORTEST_SECONDS), after="")

    def then(self, since: datetime | None, *, now: datetime) -> "_Place | None":
        """The span behind this one, or the next search; None behind the last one."""
        if not self._is_last(since, now=now):
            # Both have the moment between them. And twice as long: there may be quieter times.
            return replace(self, begin=self.begin + self.seconds, seconds=self.seconds * 2, after="")
        searches = _searches(since)
        following = searches[searches.index(self.search) + 1 :]
        return _Place.first(following[0], since, now=now) if following else None

    def within(self, field: Any, since: datetime | None, *, now: datetime) -> Any:
        """The criterion of this field; without an end for the last span, whatever their clock says."""
        begin = datetime.fromtimestamp(self.begin, UTC)
        if self._is_last(since, now=now):
            return field >= begin
        return field.between(begin, begin + timedelta(seconds=self.seconds))

    def _is_last(self, since: datetime | None, *, now: datetime) -> bool:
        # Open ones are not asked for by any time, and declined ones are those that were made before.
        until = since if self.search == _DECLINED and since is not None else now
        return self.search == _OPEN or self.begin + self.seconds >= until.timestamp()


class Changes:
    def __init__(self, *, livemode: bool, most_at_a_time: int = MOST_AT_A_TIME) -> None:
        self._livemode = livemode
        self._most_at_a_time = most_at_a_time

    async def since(
        self, errand: Errand, moment: datetime | None, cursor: str | None, *, now: datetime
    ) -> ChangesPage | Verdict:
        place = _Place.first(_CREATED, moment, now=now) if cursor is None else _Place.read(cursor, moment)
        if place is None:
            return UNREADABLE
        if place.search in _DISPUTES:
            return await self._disputes(errand, place, moment, now=now)
        return await self._transactions(errand, place, moment, now=now)

    # --- transactions -------------------------------------------------------------------------------------------------

    async def _transactions(
        self, errand: Errand, place: _Place, since: datetime | None, *, now: datetime
    ) -> ChangesPage | Verdict:
        what = f"transactions by {place.search}"
        ids = await ids_of(errand, what, *_criteria(place, since, now=now))
        if isinstance(ids, Verdict):
            return ids
        if len(ids) > self._most_at_a_time and place.seconds > _SHORTEST_SECONDS:
            return _nothing_yet(place.shorter())
        if len(ids) >= _LIMIT:
            return UNREADABLE
        # In an order that does not change when there are more of them, or fewer.
        left = sorted(each for each in ids if each > place.after)
        following = replace(place, after=left[PAGE - 1]) if len(left) > PAGE else place.then(since, now=now)
        # They are read where they are heard, in another thread.
        read = partial(self._entry, since=since if place.search == _DECLINED else None, now=now)
        entries = await page_of(errand, what, left[:PAGE], read) if left else []
        if isinstance(entries, Verdict):
            return entries
        return ChangesPage(
            outcome=Outcome.SUCCEEDED,
            # Whoever reads the page a second time goes on in the middle of it.
            charges=tuple(sorted((each.charge for each in entries if each.charge), key=attrgetter("charge_ref"))),
            refunds=tuple(
                sorted((refund for each in entries for refund in each.refunds), key=attrgetter("refund_ref"))
            ),
            cursor=None if following is None else following.written(),
        )

    def _entry(self, found: Mapping[str, Any], *, since: datetime | None, now: datetime) -> "_Entry":
        """One that cannot be read does not hide the others, if only it has a name."""
        if not _changed_since(found, since):
            return _Entry()
        if found.get("type") == CREDIT:
            return _Entry(refunds=(self._refund(found, now=now),))
        sale = read_answer(sale_of, dict(found))
        voids = (self._void(sale),) if isinstance(sale, Sale) and sale.was_given_back else ()
        return _Entry(self._charge(found, sale, now=now), voids)

    def _charge(self, found: Mapping[str, Any], sale: Sale | Verdict, *, now: datetime) -> ListedCharge:
        charge_ref, named = text(found["id"]), named_in(found)
        if isinstance(sale, Verdict):
            picture = ChargeResult(outcome=sale.outcome, charge_ref=charge_ref, refusal=sale.refusal)
        else:
            picture = sale.result
        return ListedCharge(
            charge_ref=charge_ref,
            made_at=_made_at(found, now),
            livemode=self._livemode,
            order_id=named.order_id,
            invoice_id=named.invoice_id,
            charge_id=named.charge_id,
            picture=picture,
        )

    def _refund(self, found: Mapping[str, Any], *, now: datetime) -> ListedRefund:
        refund_ref, named, credit = text(found["id"]), named_in(found), read_answer(credit_of, dict(found))
        if isinstance(credit, Credit):
            # That of its sale where somebody else made it, or `reverse` did: no operation of ours made this one.
            picture = replace(credit.result, operation_id=None) if named.is_of_a_sale else credit.result
        else:
            picture = RefundResult(outcome=credit.outcome, refund_ref=refund_ref, refusal=credit.refusal)
        return ListedRefund(
            refund_ref=refund_ref,
            made_at=_made_at(found, now),
            livemode=self._livemode,
            refund_id=named.refund_id,
            charge_ref=ref(found.get("refunded_transaction_id")),
            picture=picture,
        )

    def _void(self, sale: Sale) -> ListedRefund:
        """What a void gave back."""
        picture = void_of(sale, None)
        return ListedRefund(
            refund_ref=text(picture.refund_ref),
            made_at=sale.made_at,
            livemode=self._livemode,
            refund_id=None,
            charge_ref=sale.ref,
            picture=picture,
        )

    # --- disputes -----------------------------------------------------------------------------------------------------

    async def _disputes(
        self, errand: Errand, place: _Place, since: datetime | None, *, now: datetime
    ) -> ChangesPage | Verdict:
        number = int(place.after) + 1 if place.after.isdigit() else 1
        criteria = _dispute_criteria(place, since, now=now)
        told = await errand.look(
            f"disputes by {place.search}",
            lambda gateway: _ask_for_disputes(gateway, criteria, number),
            lambda body: _Page.read(tree(body["disputes"])),
        )
        if isinstance(told, Verdict):
            return as_looked(told)
        if told.total >= _LIMIT and place.search != _OPEN and place.seconds > _SHORTEST_SECONDS:
            return _nothing_yet(place.shorter())
        if told.total >= _LIMIT:
            return UNREADABLE
        following = replace(place, after=str(number)) if number * told.size < told.total else place.then(since, now=now)
        return ChangesPage(
            outcome=Outcome.SUCCEEDED,
            disputes=tuple(self._dispute(each) for each in told.disputes if _changed_since(each, since)),
            cursor=None if following is None else following.written(),
        )

    def _dispute(self, found: Mapping[str, Any]) -> DisputeResult:
        picture = read_answer(lambda body: disputes.picture(body, livemode=self._livemode), dict(found))
        if isinstance(picture, Verdict):
            return DisputeResult(outcome=picture.outcome, dispute_ref=text(found["id"]), refusal=picture.refusal)
        return picture


def _nothing_yet(place: _Place) -> ChangesPage:
    """Too much at a time: what comes next is asked for anew, so that none of it counts against this one's time."""
    return ChangesPage(outcome=Outcome.SUCCEEDED, cursor=place.written())


# --- what is asked ----------------------------------------------------------------------------------------------------


def _criteria(place: _Place, since: datetime | None, *, now: datetime) -> Sequence[Any]:
    if place.search == _CREATED or since is None:
        return [place.within(TransactionSearch.created_at, since, now=now)]
    # The SDK puts two criteria of a field into one, and the later has the last word.
    before = TransactionSearch.created_at <= since.astimezone(UTC)
    if place.search == _DECLINED:
        declined = TransactionSearch.status.in_list(_DECLINED_STATUSES)
        return [declined, before, place.within(TransactionSearch.created_at, since, now=now)]
    return [before, place.within(getattr(TransactionSearch, place.search), since, now=now)]


def _dispute_criteria(place: _Place, since: datetime | None, *, now: datetime) -> dict[str, Any]:
    if place.search == _OPEN:
        wanted = DisputeSearch.status.in_list(_OPEN_STATUSES)
    else:
        wanted = place.within(getattr(DisputeSearch, place.search), since, now=now)
    return {wanted.name: wanted.to_param()}


def _ask_for_disputes(gateway: braintree.BraintreeGateway, criteria: dict[str, Any], number: int) -> None:
    """A page of them. The SDK's own `search` keeps the criteria on the gateway, and asks with those of whoever searched
    last for every page of everybody; and it begins with the first page."""
    gateway.config.http().post(
        f"{gateway.config.base_merchant_path()}/disputes/advanced_search?page={number}", {"search": criteria}
    )


# --- what was found ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a transaction tells: a charge, a refund, or with a void both."""

    charge: ListedCharge | None = None
    refunds: tuple[ListedRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class _Page:
    disputes: tuple[dict[str, Any], ...]
    size: int
    total: int

    @classmethod
    def read(cls, page: Mapping[str, Any]) -> "_Page":
        return cls(
            disputes=tuple(tree(each) for each in listed(page.get("dispute"))),
            size=max(whole(page["page_size"]), 1),
            total=whole(page["total_items"]),
        )


def _made_at(found: Mapping[str, Any], now: datetime) -> datetime:
    return _moment_in(found, "created_at") or now


def _changed_since(found: Mapping[str, Any], since: datetime | None) -> bool:
    """False only where it says so itself, to the second."""
    updated_at = _moment_in(found, "updated_at")
    return updated_at is None or since is None or updated_at >= since.replace(microsecond=0)


def _moment_in(found: Mapping[str, Any], name: str) -> datetime | None:
    """None also where it is no time."""
    told = found.get(name)
    return moment(told) if isinstance(told, datetime) else None
