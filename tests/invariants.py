"""The promises about money, checked from both sides: ours and the bank's (design: reliability).

`check_invariants` may be called at any moment, also in the middle of a crash; `settled=True` adds what has to hold once
all jobs have run and no customer is still to act.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from adapters.fake.truth import Truth
from domain.balances import credited_cause
from domain.charges import LIVE_STATES, ChargeState
from domain.events import EventKind
from domain.invoices import CreditReduces, InvoiceReason, InvoiceState
from domain.jobs import JobKind
from domain.ledger import LedgerAccount
from domain.orders import OrderState
from domain.payment_methods import PaymentMethodState, Storing
from domain.provider import DisputeState
from domain.refunds import WAITING_STATES, RefundState
from domain.webhooks import DeliveryState
from persistence.database import Database

Row = dict[str, Any]

_TABLES = (
    "orders",
    "charges",
    "operations",
    "refunds",
    "disputes",
    "ledger_entries",
    "events",
    "event_subjects",
    "idempotency_keys",
    "jobs",
    "payment_methods",
    "webhook_deliveries",
    "invoices",
    "credit_notes",
    "issuers",
    "subscriptions",
    "subscription_periods",
    "customer_balances",
    "customer_balance_entries",
)
_ONCE = {
    EventKind.ORDER_CREATED,
    EventKind.ORDER_PLACED,
    EventKind.ORDER_COMPLETED,
    EventKind.ORDER_CANCELED,
    EventKind.ORDER_EXPIRED,
    EventKind.INVOICE_CREATED,
    EventKind.INVOICE_OPENED,
    EventKind.INVOICE_PAID,
    EventKind.INVOICE_VOIDED,
    EventKind.CHARGE_CREATED,
    EventKind.CHARGE_SUCCEEDED,
    EventKind.CHARGE_DECLINED,
    EventKind.CHARGE_VOIDED,
    EventKind.CHARGE_EXPIRED,
    EventKind.REFUND_REQUESTED,
    EventKind.REFUND_SUCCEEDED,
    EventKind.PAYMENT_METHOD_ATTACHED,
    EventKind.PAYMENT_METHOD_DETACHED,
}
"""What happens once in the life of the object that the event names first."""


async def check_invariants(database: Database, truth: Truth, *, settled: bool = False) -> None:
    """Raises AssertionError with every promise that is broken."""
    books = await _read(database)
    problems = [*_money(books, truth), *_refunds(books, truth), *_ledger(books), *_orders(books), *_looked_after(books)]
    problems += [*_invoices(books, truth), *_numbers(books), *_balances(books), *_periods(books)]
    problems += [*_disputes(books), *_told_once(books), *_told_of_returns(books), *_keys(books)]
    if settled:
        problems += [*_settled(books, truth)]
    assert not problems, "\n".join(problems)


@dataclass(frozen=True, slots=True)
class _Books:
    tables: dict[str, Sequence[Row]]

    def __getitem__(self, table: str) -> Sequence[Row]:
        return self.tables[table]

    def jobs(self, kind: JobKind) -> set[str]:
        """The objects that a living job looks after."""
        return {job["subject_id"] for job in self["jobs"] if job["kind"] == kind and job["dead_at"] is None}


async def _read(database: Database) -> _Books:
    tables: dict[str, Sequence[Row]] = {}
    async with database.transaction() as connection:
        for table in _TABLES:
            tables[table] = await connection.fetch_all(f"SELECT * FROM {table}")
    return _Books(tables)


def _money(books: _Books, truth: Truth) -> Iterator[str]:
    """I1, I2b: one charge there for one here at most, and nothing here that is not there."""
    for charge in books["charges"]:
        there = truth.charges_of(charge["id"])
        if len(there) > 1:
            yield f"I1: {charge['id']} is {len(there)} charges at the bank"
        if charge["captured"] > truth.captured(charge["id"]):
            yield f"I2b: {charge['id']} has {charge['captured']} here, {truth.captured(charge['id'])} at the bank"
        if charge["state"] == ChargeState.SUCCEEDED and charge["captured"] == 0:
            yield f"I2b: {charge['id']} succeeded without money"
    for order in books["orders"]:
        charges = [charge for charge in books["charges"] if charge["order_id"] == order["id"]]
        live = [charge["id"] for charge in charges if charge["state"] in LIVE_STATES]
        if len(live) > 1:
            yield f"I1: {order['id']} has the live charges {live}"
        taken = sum(truth.captured(charge["id"]) for charge in charges)
        if taken > order["total"] and not any(charge["review_since"] for charge in charges):
            yield f"I1: {taken} of {order['total']} was taken for {order['id']}, and nobody is told"
        if len({(charge["customer_id"], charge["currency"]) for charge in charges}) > 1:
            yield f"{order['id']} has charges of several customers or currencies"


def _refunds(books: _Books, truth: Truth) -> Iterator[str]:
    """I4: what goes back was taken, the same here and there; what is reserved is on its way."""
    given = Counter({refund.refund_id: 0 for refund in truth.refunds})
    for refund in truth.refunds:
        given[refund.refund_id] += refund.amount if refund.state == "succeeded" else 0
    for refund_id, times in Counter(refund.refund_id for refund in truth.refunds).items():
        if times > 1:
            yield f"I4: {refund_id} is {times} refunds at the bank"
    failed_since = _failed_there(truth)
    for row in books["refunds"]:
        stands = row["state"] == RefundState.SUCCEEDED and row["id"] not in failed_since
        if stands and given[row["id"]] != row["amount"]:
            yield f"I4: {row['id']} gave back {row['amount']} here, {given[row['id']]} at the bank"
    for charge in books["charges"]:
        own = [refund for refund in books["refunds"] if refund["charge_id"] == charge["id"]]
        refunded = sum(refund["amount"] for refund in own if refund["state"] == RefundState.SUCCEEDED)
        reserved = sum(refund["amount"] for refund in own if refund["state"] in WAITING_STATES)
        if (charge["refunded"], charge["refund_reserved"]) != (refunded, reserved):
            yield (
                f"I4: {charge['id']} says {charge['refunded']} refunded and {charge['refund_reserved']} reserved,"
                f" its refunds say {refunded} and {reserved}"
            )
        if refunded + reserved > charge["captured"]:
            yield f"I4: more than {charge['captured']} of {charge['id']} goes back"
        if truth.refunded(charge["id"]) > truth.captured(charge["id"]):
            yield f"I4: the bank gave back more of {charge['id']} than it took"


def _failed_there(truth: Truth) -> set[str]:
    """Refunds that the bank calls failed. One that it called succeeded before is so here too, until we are told."""
    return {refund.refund_id for refund in truth.refunds if refund.state == "failed"}


def _ledger(books: _Books) -> Iterator[str]:
    """I3: every movement sums to zero, and the accounts say what the charges say."""
    by_cause: dict[str, list[Row]] = defaultdict(list)
    by_charge: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in books["ledger_entries"]:
        by_cause[entry["cause"]].append(entry)
        by_charge[entry["charge_id"]][entry["account"]] += entry["amount"]
    for cause, entries in by_cause.items():
        if len(entries) != 2 or sum(entry["amount"] for entry in entries) != 0:
            yield f"I3: {cause} does not sum to zero in two entries"
    for charge in books["charges"]:
        accounts = by_charge[charge["id"]]
        expected = {
            LedgerAccount.PAYMENTS: -charge["captured"],
            LedgerAccount.REFUNDS: charge["refunded"],
            LedgerAccount.DISPUTES: charge["disputed"],
            LedgerAccount.PROVIDER_CLEARING: charge["captured"] - charge["refunded"] - charge["disputed"],
        }
        if any(accounts[account] != amount for account, amount in expected.items()):
            yield f"I3: the ledger has {dict(accounts)} of {charge['id']}, which says {expected}"


def _disputes(books: _Books) -> Iterator[str]:
    """I3: a charge is short of what its disputes have taken, and each of them is booked as it is."""
    booked: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for entry in books["ledger_entries"]:
        booked[entry["dispute_id"]] += entry["amount"] if entry["account"] == LedgerAccount.DISPUTES else 0
    answered = {operation["dispute_id"] for operation in books["operations"] if operation["finished_at"] is None}
    for row in books["disputes"]:
        withdrawn = 0 if row["is_inquiry"] or row["state"] == DisputeState.WON else row["amount"]
        taken[row["charge_id"]] += withdrawn
        if booked[row["id"]] != withdrawn:
            yield f"I3: {row['id']} has taken {withdrawn}, the ledger says {booked[row['id']]}"
        waits = row["evidence_requested_at"] or row["acceptance_requested_at"]
        if (waits is not None) != (row["id"] in answered):
            yield f"I9: {row['id']} is being answered, or is not, and its requests say otherwise"
    for charge in books["charges"]:
        if charge["disputed"] != taken[charge["id"]]:
            yield f"I3: {charge['id']} says {charge['disputed']} disputed, its disputes say {taken[charge['id']]}"


def _orders(books: _Books) -> Iterator[str]:
    """An order is complete when, and only when, all of it was paid in time, and then it has an invoice."""
    issued: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in books["invoices"]:
        issued[row["order_id"]].append((row["state"], row["total"]))
    for order in books["orders"]:
        captured = sum(charge["captured"] for charge in books["charges"] if charge["order_id"] == order["id"])
        state = OrderState(order["state"])
        if state is OrderState.COMPLETED and captured < order["total"]:
            yield f"{order['id']} is complete with {captured} of {order['total']}"
        if state is OrderState.PLACED and captured >= order["total"]:
            yield f"{order['id']} is paid, but not complete"
        made = issued[order["id"]]
        if made != ([(InvoiceState.PAID, order["total"])] if state is OrderState.COMPLETED else []):
            yield f"I6: {order['id']} is {state}, and has the invoices {made}"
        if (state is OrderState.COMPLETED) != (order["completed_at"] is not None):
            yield f"{order['id']} is {state}, completed at {order['completed_at']}"


def _invoices(books: _Books, truth: Truth) -> Iterator[str]:
    """I1, I10: an invoice is paid when, and only when, all of it was taken, and nobody pays one of a period twice."""
    paid: dict[tuple[str, str], list[str]] = defaultdict(list)
    for invoice in books["invoices"]:
        charges = [charge for charge in books["charges"] if charge["invoice_id"] == invoice["id"]]
        live = [charge["id"] for charge in charges if charge["state"] in LIVE_STATES]
        if len(live) > 1:
            yield f"I1: {invoice['id']} has the live charges {live}"
        own = [note for note in books["credit_notes"] if note["invoice_id"] == invoice["id"]]
        asked = invoice["due"] + sum(note["amount"] for note in own if note["reduces"] == CreditReduces.DUE)
        if (credited := sum(note["amount"] for note in own)) > max(invoice["total"], 0):
            yield f"I6: {credited} of {invoice['total']} was credited of {invoice['id']}"
        taken = sum(truth.captured(charge["id"]) for charge in charges)
        if taken > asked and not any(charge["review_since"] for charge in charges):
            yield f"I1: {taken} of {asked} was taken for {invoice['id']}, and nobody is told"
        if (
            len({(invoice["customer_id"], invoice["currency"])} | {(c["customer_id"], c["currency"]) for c in charges})
            > 1
        ):
            yield f"{invoice['id']} has charges of another customer or currency"
        captured = sum(charge["captured"] for charge in charges)
        state = InvoiceState(invoice["state"])
        if state is InvoiceState.PAID and captured < invoice["due"]:
            yield f"{invoice['id']} is paid with {captured} of {invoice['due']}"
        if state in (InvoiceState.OPEN, InvoiceState.UNCOLLECTIBLE) and captured >= invoice["due"]:
            yield f"{invoice['id']} is {state}, and all of it was taken"
        if invoice["reason"] == InvoiceReason.PERIOD:
            period = (invoice["subscription_id"], str(invoice["period_start"]))
            paid[period] += [charge["id"] for charge in charges if charge["captured"]]
    for period, charges_of_it in paid.items():
        if len(charges_of_it) > 1:
            yield f"I10: {period} was paid by {charges_of_it}"


def _numbers(books: _Books) -> Iterator[str]:
    """I6: numbers of an issuer follow each other up to the last one that was given."""
    for issuer in books["issuers"]:
        for table, upcoming in (("invoices", "next_invoice_number"), ("credit_notes", "next_credit_note_number")):
            own = (row["sequence"] for row in books[table] if row["issuer_id"] == issuer["id"])
            given = sorted(sequence for sequence in own if sequence is not None)
            if given != list(range(issuer[upcoming] - len(given), issuer[upcoming])):
                yield f"I6: {issuer['id']} gave {given} to {table}, and comes to {issuer[upcoming]} next"


def _balances(books: _Books) -> Iterator[str]:
    """I8: a balance is what was put there, by each credit note that says so what it says."""
    put: Counter[tuple[str, str]] = Counter()
    for entry in books["customer_balance_entries"]:
        put[entry["customer_id"], entry["currency"]] += entry["amount"]
    stands = {(row["customer_id"], row["currency"]): row["amount"] for row in books["customer_balances"]}
    for whose in put.keys() | stands.keys():
        if put[whose] != stands.get(whose, 0):
            yield f"I8: the balance of {whose} is {stands.get(whose, 0)}, and {put[whose]} was put there"
    noted = {row["cause"]: row["amount"] for row in books["customer_balance_entries"]}
    for note in books["credit_notes"]:
        wanted = note["amount"] if note["reduces"] == CreditReduces.BALANCE else None
        if (there := noted.get(credited_cause(note["id"]))) != wanted:
            yield f"I8: {note['id']} puts {wanted} into the balance, and {there} is there"


def _periods(books: _Books) -> Iterator[str]:
    """I10: periods follow each other without a gap, and the subscription stands in the last one."""
    made: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(books["subscription_periods"], key=lambda row: row["starts_at"]):
        made[row["subscription_id"]].append(row)
    for subscription in books["subscriptions"]:
        periods = made[subscription["id"]]
        # A change of the interval ends a period before its time, and the next begins there.
        for before, after in pairwise(periods):
            if after["starts_at"] > before["ends_at"]:
                yield f"I10: {subscription['id']} has a gap from {before['ends_at']} to {after['starts_at']}"
        if periods and subscription["period_starts_at"] != periods[-1]["starts_at"]:
            yield f"I10: {subscription['id']} does not stand in the period that was made last"


def _looked_after(books: _Books) -> Iterator[str]:
    """I9: whatever is not at its end has somebody who goes on with it, even if this process dies now."""
    resolved = books.jobs(JobKind.RESOLVE_OPERATION)
    unfinished = [operation for operation in books["operations"] if operation["finished_at"] is None]
    for operation in unfinished:
        if operation["id"] not in resolved:
            yield f"I9: nobody looks after {operation['kind']} {operation['id']}"
    busy = {operation["charge_id"] for operation in unfinished if _is_of_the_charge(operation)}
    for charge in books["charges"]:
        state, expires = ChargeState(charge["state"]), charge["id"] in books.jobs(JobKind.EXPIRE_CHARGE)
        watched = charge["id"] in busy or charge["id"] in books.jobs(JobKind.WATCH_CHARGE)
        if state is ChargeState.PENDING and not watched:
            yield f"I9: {charge['id']} is {state}, and nobody watches it"
        if state is ChargeState.UNKNOWN and charge["id"] not in busy:
            yield f"I9: {charge['id']} is {state}, and nothing is under way"
        if state is ChargeState.REQUIRES_ACTION and not expires:
            yield f"I9: nobody ends {charge['id']} when its customer stays away"
        if state is ChargeState.AUTHORIZED and not expires:
            yield f"I9: nobody ends {charge['id']} when it is not captured"
        if state is ChargeState.AUTHORIZED and charge["capture_requested"] and charge["id"] not in busy:
            yield f"I9: {charge['id']} is to be captured, and nothing is under way"
        if charge["next_check_at"] is not None and charge["id"] not in busy:
            yield f"I9: {charge['id']} promises another look that nobody takes"
    for refund in books["refunds"]:
        own = {operation["refund_id"] for operation in unfinished}
        if refund["state"] in WAITING_STATES and refund["id"] not in own:
            yield f"I9: {refund['id']} is {refund['state']}, and nothing is under way"
    for method in books["payment_methods"]:
        if method["state"] not in (PaymentMethodState.PENDING, PaymentMethodState.REQUIRES_ACTION):
            continue
        looked_after = books.jobs(JobKind.RESOLVE_PAYMENT_METHOD)
        if method["storing"] != Storing.BY_ITSELF:
            looked_after = {each["payment_method_id"] for each in books["charges"] if each["state"] in LIVE_STATES}
        if method["id"] not in looked_after:
            yield f"I9: nobody looks after {method['id']}"
    for order in books["orders"]:
        waits = order["expires_at"] is not None and order["state"] in (OrderState.OPEN, OrderState.PLACED)
        if waits and order["id"] not in books.jobs(JobKind.EXPIRE_ORDER):
            yield f"I9: {order['id']} is never ended"
    for delivery in books["webhook_deliveries"]:
        stored = delivery["state"] == DeliveryState.STORED
        if stored and delivery["id"] not in {job["subject_id"] for job in books["jobs"]}:
            yield f"I9: {delivery['id']} is stored, and nobody applies it"


def _is_of_the_charge(operation: Row) -> bool:
    return operation["refund_id"] is None and operation["dispute_id"] is None


def _told_once(books: _Books) -> Iterator[str]:
    """I7: each fact is one event, in the commit of what it tells."""
    subjects: dict[str, set[str]] = defaultdict(set)
    for subject in books["event_subjects"]:
        subjects[subject["subject_id"]].add(subject["event_id"])
    kinds = {event["id"]: event["kind"] for event in books["events"]}
    told = {subject: Counter(kinds[event_id] for event_id in events) for subject, events in subjects.items()}
    for table in ("orders", "invoices", "charges", "refunds", "payment_methods"):
        for row in books[table]:
            for kind, times in told.get(row["id"], Counter()).items():
                if kind in _ONCE and times > 1 and _is_about(kind, table):
                    yield f"I7: {kind} was told {times} times of {row['id']}"
            wanted = _ENDS.get((table, row["state"]))
            if wanted is not None and told.get(row["id"], Counter())[wanted] != 1:
                yield f"I7: {row['id']} is {row['state']}, and {wanted} was not told"


def _told_of_returns(books: _Books) -> Iterator[str]:
    """Whoever was told that money went back is told when it came back, and so is the staff."""
    kinds = {event["id"]: event["kind"] for event in books["events"]}
    told: dict[str, set[str]] = defaultdict(set)
    for subject in books["event_subjects"]:
        told[subject["subject_id"]].add(kinds[subject["event_id"]])
    for row in books["refunds"]:
        if row["state"] != RefundState.FAILED:
            continue
        if EventKind.REFUND_FAILED not in told[row["id"]]:
            yield f"I7: {row['id']} has failed, and nobody was told"
        had_succeeded = EventKind.REFUND_SUCCEEDED in told[row["id"]]
        if had_succeeded and EventKind.CHARGE_REVIEW_OPENED not in told[row["charge_id"]]:
            yield f"I4: the money of {row['id']} came back, and nobody looks at {row['charge_id']}"


_NOUNS = {
    "orders": "order",
    "invoices": "invoice",
    "charges": "charge",
    "refunds": "refund",
    "payment_methods": "payment_method",
}

_ENDS: dict[tuple[str, str], EventKind] = {
    ("orders", OrderState.COMPLETED): EventKind.ORDER_COMPLETED,
    ("orders", OrderState.CANCELED): EventKind.ORDER_CANCELED,
    ("orders", OrderState.EXPIRED): EventKind.ORDER_EXPIRED,
    ("invoices", InvoiceState.PAID): EventKind.INVOICE_PAID,
    ("charges", ChargeState.SUCCEEDED): EventKind.CHARGE_SUCCEEDED,
    ("charges", ChargeState.DECLINED): EventKind.CHARGE_DECLINED,
    ("charges", ChargeState.VOIDED): EventKind.CHARGE_VOIDED,
    ("charges", ChargeState.EXPIRED): EventKind.CHARGE_EXPIRED,
    ("refunds", RefundState.SUCCEEDED): EventKind.REFUND_SUCCEEDED,
    ("payment_methods", PaymentMethodState.ACTIVE): EventKind.PAYMENT_METHOD_ATTACHED,
    ("payment_methods", PaymentMethodState.DETACHED): EventKind.PAYMENT_METHOD_DETACHED,
}


def _is_about(kind: str, table: str) -> bool:
    """Events of a refund or a charge name the order too, which may have several of them."""
    return kind.upper().startswith(_NOUNS[table].upper())


def _keys(books: _Books) -> Iterator[str]:
    """I5: a key points at what it made, and that is there."""
    made = {
        row["id"] for table in ("orders", "invoices", "charges", "refunds", "payment_methods") for row in books[table]
    }
    made |= {operation["id"] for operation in books["operations"]}
    for key in books["idempotency_keys"]:
        if key["object_id"].split("_")[0] in ("ord", "inv", "chg", "ref", "pm", "op") and key["object_id"] not in made:
            yield f"I5: the key {key['key']} points at {key['object_id']}, which is not there"


def _settled(books: _Books, truth: Truth) -> Iterator[str]:
    """I2a, I4, I9: nothing is open, and all money that moved there is booked here."""
    yield from _named("is unfinished", (o["id"] for o in books["operations"] if o["finished_at"] is None))
    yield from _named("is not at its end", (c["id"] for c in books["charges"] if c["state"] in LIVE_STATES))
    yield from _named("is not at its end", (r["id"] for r in books["refunds"] if r["state"] in WAITING_STATES))
    yield from _named("was given up", (f"{j['kind']} {j['subject_id']}" for j in books["jobs"] if j["dead_at"]))
    known = {charge["id"]: charge for charge in books["charges"]}
    for there in truth.charges:
        here = known.get(there.charge_id)
        if there.captured and (here is None or here["captured"] != truth.captured(there.charge_id)):
            yield f"I2a: {there.captured} of {there.charge_id} was taken, here is {here and here['captured']}"
        if there.state == "authorized":
            yield f"I9: the bank holds {there.amount} of {there.charge_id}, here it is {here and here['state']}"
    refunds = {refund["id"]: refund for refund in books["refunds"]}
    for back in truth.refunds:
        row = refunds.get(back.refund_id)
        if back.state == "succeeded" and (row is None or row["state"] != RefundState.SUCCEEDED):
            yield f"I4: {back.refund_id} gave back {back.amount}, here it is {row and row['state']}"
    for refund_id in _failed_there(truth):
        if refund_id in refunds and refunds[refund_id]["state"] == RefundState.SUCCEEDED:
            yield f"I4: {refund_id} has failed at the bank, here it is SUCCEEDED"


def _named(what: str, names: Iterable[str]) -> Iterator[str]:
    return (f"I9: {name} {what}" for name in names)
