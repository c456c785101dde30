"""Books that an older Paydesk wrote are read on: `old_books/` has what each version left of the same few calls."""

import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from adapters.fake import Bank, FakeProvider, WebhookSender
from domain.money import Money
from domain.provider import Outcome
from tests.adapters.fake.helpers import Shop, StandingClock, look_up

OLD_BOOKS = Path(__file__).with_name("old_books")


@pytest.fixture(params=[1, 2, 3])
def version(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def clock() -> StandingClock:
    """As when the old books were written."""
    return StandingClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def old_books(tmp_path: Path, version: int) -> Path:
    path = tmp_path / "bank.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript((OLD_BOOKS / f"version_{version}.sql").read_text())
    connection.close()
    return path


@pytest.fixture
def old_bank(old_books: Path, clock: StandingClock) -> Iterator[Bank]:
    bank = Bank(old_books, clock=clock, public_url="http://bank.test")
    yield bank
    bank.close()


def rows(path: Path, table: str) -> list[dict[str, object]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid")]
    connection.close()
    return found


TABLES = ("customers", "payment_methods", "charges", "refunds", "answers", "events", "facts")


def test_nothing_that_was_in_them_is_lost(old_books: Path, clock: StandingClock) -> None:
    before = {table: rows(old_books, table) for table in TABLES}

    for _ in range(2):
        Bank(old_books, clock=clock, public_url="http://bank.test").close()

    for table, were in before.items():
        assert were, table
        kept = [{name: row[name] for name in were[0]} for row in rows(old_books, table)]
        assert kept == were, table


def test_they_hang_together_as_new_ones_do(old_bank: Bank) -> None:
    with old_bank.open() as books:
        assert books.all("PRAGMA foreign_key_check") == []
        assert books.connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            books.write("DELETE FROM customers")


def test_they_have_the_columns_of_new_ones(old_bank: Bank, bank: Bank) -> None:
    def columns(of: Bank) -> set[tuple[str, str]]:
        with of.open() as books:
            tables = [row["name"] for row in books.all("SELECT name FROM sqlite_master WHERE type = 'table'")]
            found = {table: books.all("SELECT name FROM pragma_table_info(?)", table) for table in tables}
        return {(table, row["name"]) for table, rows_of in found.items() for row in rows_of}

    assert columns(old_bank) == columns(bank)


def test_what_was_captured_and_refunded_stays_so(old_bank: Bank, version: int) -> None:
    truth = old_bank.truth()

    assert [astuple(charge)[4:] for charge in truth.charges] == [
        ("succeeded", "USD", 20_00, 20_00, 5_00),
        ("succeeded", "USD", 20_00, 20_00, 0),
        ("declined", "USD", 20_00, 0, 0),
        ("requires_action", "USD", 20_00, 0, 0),
        *([("authorized", "USD", 20_00, 0, 0), ("succeeded", "USD", 20_00, 7_00, 0)] if version > 1 else []),
    ]
    assert [(refund.state, refund.amount) for refund in truth.refunds] == [("succeeded", 5_00), ("failed", 1_00)]


async def test_business_goes_on_with_them(old_bank: Bank, clock: StandingClock) -> None:
    shop = Shop(old_bank, FakeProvider.in_process(old_bank, clock=clock), clock)
    await shop.open()
    first = await shop.provider.find_charge(look_up("op_1"))
    assert first is not None

    assert (await shop.refund(first, Money(15_01, "USD"), operation_id="op_new_1")).outcome is Outcome.FAILED
    assert (await shop.refund(first, Money(15_00, "USD"), operation_id="op_new_2")).outcome is Outcome.SUCCEEDED


async def test_what_was_not_delivered_still_is(old_bank: Bank, clock: StandingClock) -> None:
    sender = WebhookSender(old_bank, url="http://gateway.test", clock=clock)
    kinds = []

    async def post(body: bytes, _: object) -> int:
        kinds.append(body)
        return 200

    with old_bank.open() as books:
        waiting = len(books.all("SELECT 1 FROM events WHERE delivered_at IS NULL"))
    assert waiting > 2
    clock.advance(seconds=1)
    await sender.deliver_due(post)

    assert len(kinds) >= waiting


async def test_old_cards_are_charged_and_new_ones_too(old_bank: Bank, clock: StandingClock) -> None:
    shop = Shop(old_bank, FakeProvider.in_process(old_bank, clock=clock), clock, numbers=count(100))
    await shop.open()
    (old_card, *_) = old_stored = shop.cards()

    by_old = await shop.provider.charge(replace(await shop.charge_request(), payment_method_ref=old_card))
    by_new = await shop.provider.charge(shop.new_card_request("tok_createDispute", store_card=True))

    assert [by_old.outcome, by_new.outcome] == [Outcome.SUCCEEDED] * 2
    assert by_new.payment_method is not None
    assert set(shop.cards()) > {*old_stored, by_new.payment_method.payment_method_ref}
    assert [dispute.withdrawn for dispute in old_bank.truth().disputes] == [20_00]
