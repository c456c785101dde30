"""What the account lists for reconciliation."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import braintree
import pytest

from adapters.braintree.changes import Changes
from adapters.braintree.verdicts import Verdict
from domain.money import Money
from domain.provider import ChangesPage, DisputeState, ExecutedAs, ListedCharge, Outcome
from tests.adapters.braintree.books import Books
from tests.adapters.braintree.desk import provider_at
from tests.adapters.impostor import impostor

A_MOMENT = timedelta(seconds=1)
TEN = Money(10_00, "USD")


async def listed_in_spans_of(books: Books, most: int, since: datetime | None) -> tuple[ChangesPage, list[str]]:
    """Everything, and the cursors that led through it, for an account in which there may be so many at a time."""
    provider: Any = books.provider
    changes = Changes(livemode=False, most_at_a_time=most)
    whole: list[ListedCharge] = []
    cursors: list[str] = []
    cursor = None
    while True:
        page = await changes.since(provider._errand(), since, cursor, now=books.now)
        assert not isinstance(page, Verdict), page
        whole += page.charges
        if page.cursor is None:
            return ChangesPage(outcome=Outcome.SUCCEEDED, charges=tuple(whole)), cursors
        cursor = page.cursor
        cursors.append(cursor)


# --- charges and refunds ----------------------------------------------------------------------------------------------


async def test_a_sale_is_listed_with_the_operation_that_made_it(books: Books) -> None:
    since = books.now - A_MOMENT
    sold = books.shop.sold(order_id="op_1")
    (listed,) = {each.charge_ref: each for each in (await books.listed(since)).charges}.values()
    assert (listed.charge_ref, listed.picture.operation_id, listed.livemode) == (sold.id, "op_1", False)
    assert (listed.order_id, listed.charge_id) == (None, None), "nobody has written them"
    assert since <= listed.made_at <= books.now
    assert (listed.picture.outcome, listed.picture.captured) == (Outcome.SUCCEEDED, TEN)


@pytest.mark.parametrize("amount", ["2000.00", "2046.00", "3000.00", "5001.00"])
async def test_what_was_declined_is_listed_too(books: Books, amount: str) -> None:
    books.shop.sale(amount)
    (listed,) = (await books.listed()).charges
    assert listed.picture.outcome is Outcome.DECLINED


async def test_a_refund_is_listed_with_its_sale(books: Books) -> None:
    settled = books.shop.settled()
    refund = books.shop.sdk.transaction.refund(settled.id, {"amount": "4.00", "order_id": "op_2"}).transaction
    (listed,) = (await books.listed()).refunds
    assert (listed.refund_ref, listed.charge_ref, listed.livemode) == (refund.id, settled.id, False)
    assert (listed.picture.outcome, listed.picture.amount) == (Outcome.SUCCEEDED, Money(4_00, "USD"))
    assert (listed.picture.operation_id, listed.picture.executed_as) == ("op_2", ExecutedAs.REFUND)


async def test_what_it_is_for_is_listed_with_it_for_whoever_has_lost_its_rows(books: Books) -> None:
    sold = books.shop.settled(order_id="op_1.ord_1.chg_1")
    books.shop.sdk.transaction.refund(sold.id, {"amount": "4.00", "order_id": "op_2.ref_1"})
    page = await books.listed()
    (charge,) = {each.charge_ref: each for each in page.charges}.values()
    (refund,) = page.refunds
    assert (charge.picture.operation_id, charge.order_id, charge.charge_id) == ("op_1", "ord_1", "chg_1")
    assert (refund.picture.operation_id, refund.refund_id) == ("op_2", "ref_1")


async def test_a_refund_of_the_control_panel_is_no_operation_of_ours(books: Books) -> None:
    """It has the order id of its sale."""
    sold = books.shop.settled(order_id="op_1.ord_1.chg_1")
    refunded = books.shop.sdk.transaction.refund(sold.id, "4.00").transaction
    (refund,) = (await books.listed()).refunds
    assert refunded.order_id == "op_1.ord_1.chg_1"
    assert (refund.charge_ref, refund.refund_id, refund.picture.operation_id) == (sold.id, None, None)


@pytest.mark.parametrize("order_id", ["4711", "a.b.c.d", "..", ".", "op_1.", "x" * 255])
async def test_an_order_id_of_somebody_else_names_nothing_of_ours(books: Books, order_id: str) -> None:
    books.shop.sold(order_id=order_id)
    (listed, *_) = (await books.listed()).charges
    assert (listed.picture.operation_id, listed.order_id, listed.charge_id) == (order_id, None, None)


async def test_what_a_void_gave_back_is_listed_as_a_refund(books: Books) -> None:
    sold, held = books.shop.sold(), books.shop.sold(submit=False)
    for each in (sold, held):
        books.shop.sdk.transaction.void(each.id)
    page = await books.listed()
    (refund,) = page.refunds
    assert (refund.refund_ref, refund.charge_ref) == (f"{sold.id}:void", sold.id)
    assert (refund.picture.amount, refund.picture.executed_as) == (TEN, ExecutedAs.VOID)
    outcomes = {each.charge_ref: each.picture.outcome for each in page.charges}
    assert outcomes == {sold.id: Outcome.SUCCEEDED, held.id: Outcome.VOIDED}


async def test_what_was_made_before_is_listed_when_it_has_changed(books: Books) -> None:
    sdk = books.shop.sdk
    captured, voided, expiring, quiet = (books.shop.sold(submit=False) for _ in range(4))
    books.advance(days=1)
    since = books.now - A_MOMENT
    sdk.transaction.submit_for_settlement(captured.id)
    sdk.transaction.void(voided.id)
    outcomes = {each.charge_ref: each.picture.outcome for each in (await books.listed(since)).charges}
    assert outcomes == {captured.id: Outcome.SUCCEEDED, voided.id: Outcome.VOIDED}

    since = books.now + A_MOMENT
    books.advance(days=7)
    outcomes = {each.charge_ref: each.picture.outcome for each in (await books.listed(since)).charges}
    assert outcomes == {captured.id: Outcome.SUCCEEDED, expiring.id: Outcome.EXPIRED, quiet.id: Outcome.EXPIRED}


async def test_a_settlement_that_was_declined_is_listed_once_it_is(books: Books) -> None:
    settled, declined = books.shop.settled(), books.shop.sold()
    refund = books.shop.sdk.transaction.refund(settled.id, "4.00").transaction
    books.advance(hours=1)
    since = books.now
    assert (await books.listed(since)).charges == ()
    for each in (declined, refund):
        books.shop.sdk.testing.settlement_decline_transaction(each.id)
    page = await books.listed(since)
    assert {each.charge_ref for each in page.charges} == {declined.id}
    assert {each.refund_ref: each.picture.outcome for each in page.refunds} == {refund.id: Outcome.FAILED}

    books.advance(hours=1)
    later = await books.listed(books.now)
    assert (later.charges, later.refunds) == ((), ())


async def test_a_moment_is_the_same_in_every_zone(books: Books) -> None:
    books.advance(hours=20)
    old = books.shop.sold()
    books.advance(hours=1)
    since = books.now
    new = books.shop.sold()
    for hours in (-11, 0, 5.5):
        there = since.astimezone(timezone(timedelta(hours=hours)))
        refs = {each.charge_ref for each in (await books.listed(there)).charges}
        assert refs == {new.id}, hours
    assert old.id in {each.charge_ref for each in (await books.listed()).charges}


async def test_what_the_search_has_late_is_listed_by_whoever_asks_again(books: Books) -> None:
    books.shop.control("reset", {"search_lag_seconds": 600})
    since = books.now - A_MOMENT
    sold = books.shop.sold()
    assert (await books.listed(since)).charges == ()
    books.advance(minutes=11)
    assert {each.charge_ref for each in (await books.listed(since)).charges} == {sold.id}


# --- pages and spans --------------------------------------------------------------------------------------------------


async def test_a_long_list_comes_in_pages_that_another_process_can_go_on_with(books: Books) -> None:
    since = books.now - A_MOMENT
    made = {books.shop.sold().id for _ in range(55)}
    first = await books.provider.changes(since=since, cursor=None)
    second = await books.provider.changes(since=since, cursor=first.cursor)
    again = await books.provider.changes(since=since, cursor=first.cursor)
    assert [len(page.charges) for page in (first, second)] == [50, 5]
    assert [each.charge_ref for each in second.charges] == [each.charge_ref for each in again.charges]
    assert {each.charge_ref for each in (await books.listed(since)).charges} == made
    as_few_as_possible, _ = await listed_in_spans_of(books, 1, since)
    assert {each.charge_ref for each in as_few_as_possible.charges} == made


async def test_a_span_with_too_many_is_asked_for_in_shorter_ones(books: Books) -> None:
    made = set()
    for _ in range(8):
        made |= {books.shop.sold().id, books.shop.sold().id}
        books.advance(days=11)
    whole, cursors = await listed_in_spans_of(books, 5, None)
    assert {each.charge_ref for each in whole.charges} == made
    spans = {int(cursor.split("+")[1].split(":")[0]) for cursor in cursors}
    assert min(spans) < timedelta(days=60).total_seconds() < max(spans)
    assert len(books.requests("transactions.search_ids")) < 40, "and longer ones where it is quiet"


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "no cursor of this list",
        "created_at",
        "amount:1+1:",
        "created_at:0+0:",
        "created_at:1+1:../../x",
        "created_at:-1+1:",
        "created_at:999999999999+1:",
        "settled_at:1+1:",
    ],
)
async def test_a_cursor_of_another_list_is_answered_and_not_raised(books: Books, cursor: str) -> None:
    page = await books.provider.changes(since=None, cursor=cursor)
    assert (page.outcome, page.cursor) == (Outcome.UNKNOWN, None)
    assert page.refusal is not None


@pytest.mark.parametrize("cursor", ["created_at:99999999999+99999999999:", "received_date:0+1:x", "created_at:1+1:z"])
async def test_a_cursor_that_leads_nowhere_finds_nothing(books: Books, cursor: str) -> None:
    page = await books.provider.changes(since=None, cursor=cursor)
    assert (page.outcome, page.charges, page.disputes) == (Outcome.SUCCEEDED, (), ())


# --- disputes ---------------------------------------------------------------------------------------------------------


async def test_disputes_are_listed_when_they_are_opened_and_when_they_are_decided(books: Books) -> None:
    _, ended = books.disputed()
    _, quiet = books.disputed()
    assert {each.dispute_ref for each in (await books.listed()).disputes} == {ended, quiet}
    books.advance(days=2)
    since = books.now
    assert (await books.listed(since)).disputes == ()
    books.decide(ended, won=True)
    _, opened = books.disputed()
    states = {each.dispute_ref: each.state for each in (await books.listed(since)).disputes}
    assert states == {ended: DisputeState.WON, opened: DisputeState.NEEDS_RESPONSE}


async def test_a_dispute_is_listed_as_it_is_looked_at(books: Books) -> None:
    _, ref = books.disputed(amount="4.00", kind="retrieval")
    (listed,) = (await books.listed()).disputes
    assert listed == await books.dispute(ref)


async def test_disputes_come_in_pages(books: Books) -> None:
    books.shop.control("reset", {"page_size": 2, "duplicate_window_seconds": 0})
    since = books.now - A_MOMENT
    refs = {books.disputed()[1] for _ in range(5)}
    for moment in (None, since):
        assert {each.dispute_ref for each in (await books.listed(moment)).disputes} == refs


async def test_two_who_list_disputes_at_once_do_not_get_each_others(books: Books) -> None:
    """The SDK's own search keeps what is searched for on the gateway that both share: its pages mix."""
    books.shop.control("reset", {"page_size": 2, "duplicate_window_seconds": 0})
    lost = {books.disputed()[1] for _ in range(4)}
    for ref in lost:
        books.decide(ref, won=False)
    books.advance(days=30)
    since = books.now
    opened = {books.disputed()[1] for _ in range(4)}
    books.shop.misbehave({"on": "disputes.search", "fault": "slow", "seconds": 0.01})

    both = await asyncio.gather(*(books.listed(moment) for moment in [None, since] * 2))

    found = [{each.dispute_ref for each in page.disputes} for page in both]
    assert found == [lost | opened, opened] * 2
    assert _mixed(books) is True


def _mixed(books: Books) -> bool:
    """Whether the SDK mixes them, which is why it is not asked."""
    gateway = books.shop.sdk.dispute
    open_ones = gateway.search([braintree.DisputeSearch.status == "open"]).disputes.items
    gateway.search([braintree.DisputeSearch.status == "lost"])
    return {each.status for each in open_ones} == {"lost"}


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["error", "html", "truncate", "empty", "lose_answer"])
@pytest.mark.parametrize("search", ["", "open_disputes:1700000000+1:"])
async def test_a_list_that_cannot_be_read_is_no_empty_list(books: Books, search: str, fault: str) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    books.disputed()
    books.shop.misbehave({"on": "*", "fault": fault})
    page = await books.provider.changes(since=since, cursor=search or None)
    assert (page.outcome, page.charges, page.disputes, page.cursor) == (Outcome.UNKNOWN, (), (), None)
    assert page.refusal is not None
    assert page.refusal.is_outage


async def test_an_account_at_which_nothing_happened_lists_nothing(books: Books) -> None:
    for since in (None, books.now):
        page = await books.listed(since)
        assert (page.charges, page.refunds, page.disputes) == ((), (), ())


async def test_an_entry_that_cannot_be_read_does_not_hide_the_others(books: Books) -> None:
    """What the account answers, with some among it that make no sense."""
    sold = books.shop.settled()
    refund = books.shop.sdk.transaction.refund(sold.id, "4.00").transaction
    _, dispute = books.disputed()
    strange = "<{}><id>strange</id><type>{}</type><status>levitating</status><created-at>once</created-at></{}>"
    pages = {
        "transactions/advanced_search": (
            "</credit-card-transactions>",
            [("transaction", "sale"), ("transaction", "credit")],
        ),
        "disputes/advanced_search": ("</disputes>", [("dispute", "chargeback")]),
    }
    async with impostor() as made, provider_at(made.address) as provider:
        made.bodies["search_ids"] = books.shop.post("transactions/advanced_search_ids", "<search/>").content
        for path, (end, others) in pages.items():
            page = books.shop.post(path, "<search/>").content.decode()
            added = "".join(strange.format(name, kind, name) for name, kind in others)
            made.bodies[path.removesuffix("?page=1")] = page.replace(end, added + end).encode()
        made.bodies["?page=1"] = made.bodies.pop("disputes/advanced_search")
        listed = await provider.changes(since=None, cursor=None)
        disputes = (await provider.changes(since=None, cursor="received_date:1+1:")).disputes

    charges = {each.charge_ref: each.picture.outcome for each in listed.charges}
    assert charges[sold.id] is Outcome.SUCCEEDED
    assert charges["strange"] is Outcome.UNKNOWN
    assert {each.refund_ref: each.picture.outcome for each in listed.refunds} == {
        refund.id: Outcome.SUCCEEDED,
        "strange": Outcome.UNKNOWN,
    }
    assert {each.dispute_ref: each.outcome for each in disputes} == {
        dispute: Outcome.SUCCEEDED,
        "strange": Outcome.UNKNOWN,
    }


_SEARCHES = "created_at:1+1:", "settled_at:1+1:", "open_disputes:1+1:"


@pytest.mark.parametrize("body", [b"<a/>", b"<search-results/>", b"<disputes><dispute/></disputes>", b"<disputes/>"])
async def test_an_answer_of_another_kind_is_no_list(body: bytes) -> None:
    async with impostor() as made, provider_at(made.address) as provider:
        made.body = body
        told = [await provider.changes(since=datetime(2026, 1, 1, tzinfo=UTC), cursor=each) for each in _SEARCHES]
    assert [(page.outcome, page.cursor) for page in told] == [(Outcome.UNKNOWN, None)] * 3
