"""A ledger that was damaged behind the gateway's back is found out, whatever was done to it."""

from datetime import timedelta

import pytest

from domain.books import MOST_DIFFERENCES, BookFault, BookReport, BookSpan, BooksTooLong
from domain.charges import Charge
from domain.ledger import LedgerAccount
from persistence.database import Database
from persistence.queries import TortoiseQueries, books
from persistence.sql import Dialect
from tests.persistence.shop import new_card, new_charge, new_customer, new_order, write
from tests.services.conftest import OpenShop
from tests.services.disputed import disputed
from tests.services.shop import MovableClock, Shop, usd

UNBALANCED, MISPLACED, CHARGE, REFUND = BookFault.UNBALANCED, BookFault.MISPLACED, BookFault.CHARGE, BookFault.REFUND

_PAYMENT = "UPDATE ledger_entries SET {} WHERE charge_id = $1 AND refund_id IS NULL"
_OTHER_ID = "'led_00000000000000000000000000'"
_THIRD_ENTRY = (
    "INSERT INTO ledger_entries (id, cause, account, amount, currency, charge_id, livemode, created_at)"
    f" SELECT {_OTHER_ID}, cause, 'REFUNDS', 1, currency, charge_id, livemode, created_at FROM ledger_entries"
    " WHERE charge_id = $1 AND refund_id IS NULL AND account = 'PAYMENTS'"
)

DAMAGES: dict[str, tuple[str, set[BookFault]]] = {
    "an amount": (_PAYMENT.format("amount = amount + 1") + " AND account = 'PAYMENTS'", {UNBALANCED, CHARGE}),
    "an entry that is gone": (
        "DELETE FROM ledger_entries WHERE charge_id = $1 AND refund_id IS NULL AND account = 'PROVIDER_CLEARING'",
        {UNBALANCED, CHARGE},
    ),
    "an entry too many": (
        _THIRD_ENTRY,
        {UNBALANCED, CHARGE},
    ),
    "a movement that is gone": ("DELETE FROM ledger_entries WHERE charge_id = $1 AND refund_id IS NULL", {CHARGE}),
    "a refund's movement that is gone": (
        "DELETE FROM ledger_entries WHERE charge_id = $1 AND refund_id IS NOT NULL",
        {CHARGE, REFUND},
    ),
    "a movement twice as large": (_PAYMENT.format("amount = amount * 2"), {CHARGE}),
    "another account": (_PAYMENT.format("account = 'REFUNDS'") + " AND account = 'PAYMENTS'", {CHARGE}),
    "another currency": (_PAYMENT.format("currency = 'EUR'"), {MISPLACED, CHARGE}),
    "the other mode": (_PAYMENT.format("livemode = TRUE"), {MISPLACED, CHARGE}),
    "a charge that took less": ("UPDATE charges SET captured = captured - 1 WHERE id = $1", {CHARGE}),
    "a charge that gave back less": ("UPDATE charges SET refunded = refunded - 1 WHERE id = $1", {CHARGE}),
    "a refund of another amount": ("UPDATE refunds SET amount = amount + 1 WHERE charge_id = $1", {REFUND}),
    "a charge of which less is disputed": ("UPDATE charges SET disputed = 1 WHERE id = $1", {CHARGE}),
    "a refund that did not succeed": ("UPDATE refunds SET state = 'FAILED' WHERE charge_id = $1", {REFUND}),
}


async def check(database: Database, span: BookSpan = BookSpan()) -> BookReport:  # noqa: B008 - frozen
    return await TortoiseQueries(database).check_books(span)


async def refunded_charge(shop: Shop, customer_id: str) -> Charge:
    """20.00 were paid, and 5.00 went back."""
    charge = await shop.paid(await shop.order_of(customer_id))
    await shop.refunded(charge.id, 5_00)
    return charge


async def damage(database: Database, statement: str, *parameters: object) -> None:
    """As a hand in the database would, which the triggers do not stop."""
    async with database.transaction() as connection:
        if database.dialect is Dialect.POSTGRES:
            await connection.execute("SET LOCAL session_replication_role = 'replica'")
        else:
            for row in await connection.fetch_all("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                await connection.execute(f"DROP TRIGGER {row['name']}")
        assert await connection.execute(statement, *parameters) > 0


async def test_books_that_are_right_are_found_so(shop: Shop) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id)
    await refunded_charge(shop, customer_id)
    await shop.paid(await shop.order_of(customer_id, 1_000, currency="JPY"))
    await shop.authorized()

    report = await check(shop.database)

    assert report.is_whole
    assert report.charges == 3
    balances = {(each.amount.currency, each.account): each.amount.minor_units for each in report.balances}
    assert balances == {
        ("USD", LedgerAccount.PROVIDER_CLEARING): 15_00,
        ("USD", LedgerAccount.PAYMENTS): -20_00,
        ("USD", LedgerAccount.REFUNDS): 5_00,
        ("JPY", LedgerAccount.PROVIDER_CLEARING): 1_000,
        ("JPY", LedgerAccount.PAYMENTS): -1_000,
    }
    assert {each.livemode for each in report.balances} == {False}


async def test_a_dispute_that_the_ledger_tells_otherwise_is_found(shop: Shop) -> None:
    charge, dispute = await disputed(shop)
    whole = await check(shop.database)
    assert whole.is_whole
    balances = {each.account: each.amount for each in whole.balances}
    assert balances == {
        LedgerAccount.PROVIDER_CLEARING: usd(0),
        LedgerAccount.PAYMENTS: usd(-20_00),
        LedgerAccount.DISPUTES: usd(20_00),
    }

    await damage(shop.database, "UPDATE disputes SET state = 'WON' WHERE id = $1", dispute.id)

    (difference,) = (await check(shop.database)).differences
    assert (difference.fault, difference.dispute_id, difference.charge_id) == (
        BookFault.DISPUTE,
        dispute.id,
        charge.id,
    )
    assert (difference.expected, difference.found) == (usd(0), usd(20_00))


async def test_every_kind_of_damage_is_found(shop: Shop) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id)
    whole = await refunded_charge(shop, customer_id)
    damaged = {}
    for name, (statement, _) in DAMAGES.items():
        charge = await refunded_charge(shop, customer_id)
        damaged[charge.id] = name
        await damage(shop.database, statement, charge.id)

    report = await check(shop.database)

    found: dict[str, set[BookFault]] = {}
    for difference in report.differences:
        found.setdefault(damaged[difference.charge_id], set()).add(difference.fault)
    assert found == {name: faults for name, (_, faults) in DAMAGES.items()}
    assert whole.id not in {difference.charge_id for difference in report.differences}
    assert not report.has_more
    told = {
        (damaged[each.charge_id], each.fault, each.account): (each.expected, each.found) for each in report.differences
    }
    assert told["an amount", UNBALANCED, None] == (usd(0), usd(1))
    assert told["an amount", CHARGE, LedgerAccount.PAYMENTS] == (usd(-20_00), usd(-19_99))
    assert told["a refund of another amount", REFUND, LedgerAccount.REFUNDS] == (usd(5_01), usd(5_00))
    assert told["another currency", MISPLACED, LedgerAccount.PAYMENTS] == (None, None)


async def test_a_movement_of_another_charge_is_found_at_both(shop: Shop) -> None:
    customer_id = await shop.customer()
    await shop.card(customer_id)
    one, other = [await refunded_charge(shop, customer_id) for _ in range(2)]
    await damage(shop.database, _PAYMENT.format("charge_id = $2"), one.id, other.id)

    report = await check(shop.database)

    assert {(each.charge_id, each.fault) for each in report.differences} == {(one.id, CHARGE), (other.id, CHARGE)}


async def test_a_span_looks_at_the_charges_made_in_it(new_shop: OpenShop, clock: MovableClock) -> None:
    shop = new_shop()
    customer_id = await shop.customer()
    await shop.card(customer_id)
    early = await refunded_charge(shop, customer_id)
    clock.advance(hours=1)
    between = clock.now()
    late = await refunded_charge(shop, customer_id)
    for charge in (early, late):
        await damage(shop.database, "DELETE FROM ledger_entries WHERE charge_id = $1", charge.id)

    before, since = await check(shop.database, BookSpan(before=between)), await check(shop.database, BookSpan(between))

    assert {each.charge_id for each in before.differences} == {early.id}
    assert {each.charge_id for each in since.differences} == {late.id}
    assert (before.charges, since.charges) == (1, 1)
    nothing = await check(shop.database, BookSpan(between + timedelta(hours=1)))
    assert (nothing.charges, nothing.balances, nothing.is_whole) == (0, (), True)


async def test_what_is_wrong_everywhere_is_listed_in_part(database: Database) -> None:
    """Charges without a ledger: each differs in two accounts."""
    customer = new_customer()
    card = new_card(customer)
    orders = [new_order(customer) for _ in range(MOST_DIFFERENCES // 2 + 1)]
    async with database.transaction() as connection:
        await write(connection, customer, card, *orders, *(new_charge(order, card) for order in orders))

    report = await check(database)

    assert (len(report.differences), report.has_more, report.charges) == (MOST_DIFFERENCES, True, len(orders))


async def test_a_check_that_takes_too_long_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "LONGEST_SECONDS", 0.0)
    with pytest.raises(BooksTooLong):
        await check(database)
    monkeypatch.undo()
    assert (await check(database)).is_whole, "and the connection is good for the next"
