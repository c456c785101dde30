"""The verdict, from the bank's books: was money lost, taken twice, or kept quiet?

Each promise has the list of what breaks it, a sentence each; a promise that is kept has none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from adapters.fake.truth import Truth
from persistence.database import Database
from tests.chaos.books import Books, read_books
from tests.chaos.memory import Memory
from tests.invariants import check_invariants

DOUBLE = "captured twice, or more than was due"
LOST = "taken by the bank and not booked here"
INVENTED = "booked here and not taken by the bank"
REFUNDS = "refunds that differ, or came twice"
HELD = "amounts that the bank still holds"
EVENTS = "events lost: without a number, or facts of which none tells"
FOLLOWED = "events that the follower missed"
REPEATED = "events that the follower saw twice"
FORGOTTEN = "acknowledged to a client and not so in the end"
INVARIANTS = "further invariants broken"
SETTLED = "unsettled when the time was over"
SILENCE = "requests that nobody answered for three minutes"
ENDED = "processes that did not end as they should"

PROMISES = (
    DOUBLE, LOST, INVENTED, REFUNDS, HELD, EVENTS, FOLLOWED, REPEATED, FORGOTTEN, INVARIANTS, SETTLED, SILENCE, ENDED
)  # fmt: skip


@dataclass
class Verdict:
    broken: dict[str, list[str]] = field(default_factory=lambda: {promise: [] for promise in PROMISES})

    def add(self, promise: str, sentences: Iterator[str] | Sequence[str]) -> None:
        self.broken[promise] += sentences

    @property
    def is_clean(self) -> bool:
        return not any(self.broken.values())

    def sentences(self, *, most: int = 10) -> Iterator[str]:
        for promise, found in self.broken.items():
            if found:
                yield f"{promise}: {len(found)}"
                yield from (f"  {sentence}" for sentence in islice(found, most))


async def judge(database: Database, truth: Truth, memory: Memory, followed: Sequence[str]) -> Verdict:
    """Once everything is settled and nobody writes any more."""
    books = await read_books(database)
    verdict = Verdict()
    verdict.add(DOUBLE, doubles(books, truth))
    verdict.add(LOST, _lost(books, truth))
    verdict.add(INVENTED, _invented(books, truth))
    verdict.add(REFUNDS, _refunds(books, truth))
    verdict.add(HELD, (f"{charge.amount} of {charge.charge_id}" for charge in truth.charges if _waits(charge.state)))
    verdict.add(EVENTS, silent(books))
    verdict.add(FOLLOWED, _missed(books, followed))
    verdict.add(REPEATED, (event for event, times in Counter(followed).items() if times > 1))
    verdict.add(FORGOTTEN, _forgotten(books, truth, memory))
    verdict.add(SILENCE, memory.unanswered)
    try:
        await check_invariants(database, truth, settled=True)
    except AssertionError as broken:
        verdict.add(INVARIANTS, str(broken).splitlines())
    return verdict


def doubles(books: Books, truth: Truth) -> Iterator[str]:
    """A charge of ours that the bank has captured twice, or an order for which more than its total was taken."""
    taken: dict[str, int] = defaultdict(int)
    times: Counter[str] = Counter()
    for there in truth.charges:
        taken[there.charge_id] += there.captured
        times[there.charge_id] += there.captured > 0
    yield from (f"{charge_id} was captured {count} times" for charge_id, count in times.items() if count > 1)
    due = {order["id"]: order["total"] for order in books.orders}
    by_order: dict[str, int] = defaultdict(int)
    for charge in books.charges:
        by_order[charge["order_id"]] += taken[charge["id"]]
    for order_id, amount in by_order.items():
        if amount > due[order_id]:
            yield f"{amount} was taken for {order_id}, which is {due[order_id]}"


def silent(books: Books) -> Iterator[str]:
    """The outbox: every fact has its event, every event its number, and the numbers have no gap."""
    yield from books.untold
    yield from (
        f"{event} has no number" for event, place in zip(books.events, books.sequences, strict=True) if place is None
    )
    numbers = [number for number in books.sequences if number is not None]
    if numbers != list(range(1, len(numbers) + 1)):
        yield "the numbers of the feed have gaps, or come twice"


def _waits(state: str) -> bool:
    return state in ("authorized", "requires_action")


def _lost(books: Books, truth: Truth) -> Iterator[str]:
    here = {charge["id"]: charge["captured"] for charge in books.charges}
    for charge_id in dict.fromkeys(charge.charge_id for charge in truth.charges):
        if truth.captured(charge_id) > here.get(charge_id, 0):
            yield f"{truth.captured(charge_id)} of {charge_id}, booked is {here.get(charge_id)}"


def _invented(books: Books, truth: Truth) -> Iterator[str]:
    for charge in books.charges:
        if charge["captured"] > truth.captured(charge["id"]):
            yield f"{charge['captured']} of {charge['id']}, taken is {truth.captured(charge['id'])}"


def _refunds(books: Books, truth: Truth) -> Iterator[str]:
    there: dict[str, list[int]] = defaultdict(list)
    for refund in truth.refunds:
        if refund.state == "succeeded":
            there[refund.refund_id].append(refund.amount)
    here = {row["id"]: row["amount"] for row in books.refunds if row["state"] == "SUCCEEDED"}
    for refund_id in sorted(there.keys() | here.keys()):
        if there[refund_id] != [here.get(refund_id)]:
            yield f"{refund_id} gave back {there[refund_id]}, booked is {here.get(refund_id)}"
    for charge in truth.charges:
        if charge.refunded > charge.captured:
            yield f"{charge.refunded} went back of {charge.charge_id}, which took {charge.captured}"


def _missed(books: Books, followed: Sequence[str]) -> Iterator[str]:
    """The follower came before the first order; whatever was told before that is not theirs."""
    if not followed:
        yield "the follower saw nothing"
        return
    began = books.events.index(followed[0]) if followed[0] in books.events else 0
    seen = set(followed)
    yield from (event for event in books.events[began:] if event not in seen)
    yield from (f"{event} was seen, and is not there" for event in seen - set(books.events))


def _forgotten(books: Books, truth: Truth, memory: Memory) -> Iterator[str]:
    # Money that was given back and turned away by the card's bank is the one success that ends.
    returned = {refund.refund_id for refund in truth.refunds if refund.state != "succeeded"}
    rows = {row["id"]: row for table in (books.orders, books.charges, books.refunds) for row in table}
    for record_id in sorted(memory.known - rows.keys()):
        if record_id.split("_")[0] in ("ord", "chg", "ref"):
            yield f"{record_id} was shown to a client and is not there"
    for record_id, state in memory.ended.items():
        if record_id in rows and rows[record_id]["state"] != state and record_id not in returned:
            yield f"{record_id} was {state}, and is {rows[record_id]['state']}"
    for record_id, amount in memory.captured.items():
        if record_id in rows and rows[record_id].get("captured", amount) < amount:
            yield f"{record_id} had taken {amount}, and now {rows[record_id]['captured']}"
    for (mutation, key), made in memory.made.items():
        for record_id in made[:-1]:
            # A key is free again only where nothing was sent.
            if rows.get(record_id, {}).get("failure_code") != "PROVIDER_UNAVAILABLE":
                yield f"{mutation} with {key} made {made}"
