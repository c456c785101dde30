"""The database refuses by itself what the code must never do, asked in raw SQL."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from domain.charges import ChargeState
from domain.events import EventKind, new_event
from persistence.database import Database
from persistence.mapping import charge_to_row
from persistence.migrate import drift
from persistence.orm import PAYDESK
from persistence.records import ledger_entry_to_row, operation_to_row
from persistence.sql import Dialect, Json
from persistence.store import TortoiseStore
from tests.contracts.records import (
    LATER,
    NOW,
    a_delivery,
    a_dispute,
    a_ledger_entry,
    a_price,
    a_product,
    a_refund,
    a_request,
    a_stored_charge,
    an_api_key,
    an_audit_entry,
    an_operation,
)


class Shop:
    """One record of each kind, in the database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = TortoiseStore(database)

    async def fill(self) -> None:
        self.charge = await a_stored_charge(self.store, state=ChargeState.PENDING)
        self.refund = a_refund(self.charge)
        self.dispute = a_dispute(self.charge)
        product = a_product()
        async with self.store.transaction() as tx:
            await tx.products.insert(product)
            await tx.prices.insert(a_price(product))
            await tx.refunds.insert(self.refund)
            await tx.disputes.insert(self.dispute)
            await tx.operations.insert(an_operation(self.charge))
            await tx.operations.insert(an_operation(self.charge, refund=self.refund))
            await tx.ledger.add([a_ledger_entry(self.charge, cause="cause")])
            await tx.events.add(
                new_event(EventKind.CHARGE_CREATED, self.charge.id, actor="staff:ada", livemode=True, now=NOW)
            )
            await tx.audit.add(an_audit_entry(self.charge.id))
            await tx.webhooks.insert_if_new(a_delivery())
            await tx.api_keys.insert(an_api_key())
            await tx.keys.claim(a_request(), self.charge.id, now=NOW)

    async def change(self, statement: str, *parameters: object) -> int:
        async with self.database.transaction() as connection:
            return await connection.execute(statement, *parameters)

    async def taken(self, *statements: str, words: str = "") -> list[str]:
        """Those that the database did not refuse, in these words."""
        taken = []
        for statement in statements:
            try:
                await self.change(statement)
            except IntegrityError as error:
                if words in str(error):
                    continue
            taken.append(statement)
        return taken

    async def insert_twin(self, table: str, **columns: Any) -> int:
        """A row as one of those that are there, but for these columns and its names."""
        async with self.database.reader() as connection:
            row = await connection.fetch_one(f"SELECT * FROM {table} LIMIT 1")
        assert row is not None
        names: dict[str, Any] = {NAMES[table]: "another"} if table in NAMES else {}
        if table == "charges":
            names["state"] = "DECLINED"
        if table == "operations":
            names["finished_at"] = NOW
        return await self.insert(table, row | {"id": "twin"} | names | columns)

    async def insert(self, table: str, columns: Mapping[str, Any]) -> int:
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        values = (Json(value) if isinstance(value, dict | list) else value for value in columns.values())
        return await self.change(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *values)


@pytest.fixture
async def shop(database: Database) -> Shop:
    shop = Shop(database)
    await shop.fill()
    return shop


async def test_the_models_and_the_migrations_say_the_same(database: Database) -> None:
    assert await drift(PAYDESK, database.dialect) == []


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_texts_that_lists_are_sorted_by_go_by_code_point(database: Database) -> None:
    """The order that SQLite has. Under most locales of PostgreSQL "apple" would be before "Zebra"."""
    async with database.reader() as connection:
        rows = await connection.fetch_all(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND collation_name = 'C' ORDER BY table_name, column_name"
        )

    assert [(row["table_name"], row["column_name"]) for row in rows] == [
        ("product_spellings", "trigram"),
        ("product_spellings", "word"),
        ("products", "name"),
        ("provider_accounts", "account"),
    ]


# --- what stays -------------------------------------------------------------------------------------------------------

INSERT_ONLY_TABLES = ("ledger_entries", "events", "event_subjects", "audit_entries", "audit_subjects")
OTHER_BILLING_TABLES = (
    *("customers", "products", "prices", "payment_methods", "orders", "charges", "operations", "refunds", "disputes"),
)


@pytest.mark.fault("F62")
async def test_a_billing_record_is_never_deleted(shop: Shop) -> None:
    deletes = (f"DELETE FROM {table}" for table in OTHER_BILLING_TABLES)
    assert await shop.taken(*deletes, words="are never deleted") == []


async def test_the_ledger_the_events_and_the_audit_are_only_added_to(shop: Shop) -> None:
    changes = (f"UPDATE {table} SET id = id" for table in INSERT_ONLY_TABLES)
    deletes = (f"DELETE FROM {table}" for table in INSERT_ONLY_TABLES)
    assert await shop.taken(*changes, *deletes, words="is insert-only") == []


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES])
async def test_truncate_is_no_way_around(shop: Shop) -> None:
    truncates = (f"TRUNCATE {table} CASCADE" for table in (*INSERT_ONLY_TABLES, *OTHER_BILLING_TABLES))
    assert await shop.taken(*truncates) == []


# --- one at most ------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F24")
async def test_an_order_has_one_live_charge(shop: Shop) -> None:
    rival = replace(shop.charge, id="chg_2", charge_ref=None)
    for state in (ChargeState.PENDING, ChargeState.REQUIRES_ACTION, ChargeState.AUTHORIZED, ChargeState.UNKNOWN):
        with pytest.raises(IntegrityError):
            await shop.insert("charges", charge_to_row(replace(rival, state=state)))

    await shop.change("UPDATE charges SET state = 'DECLINED'")
    assert await shop.insert("charges", charge_to_row(rival)) == 1


@pytest.mark.fault("F28")
async def test_a_charge_has_one_unfinished_operation(shop: Shop) -> None:
    rival = operation_to_row(an_operation(shop.charge))
    with pytest.raises(IntegrityError):
        await shop.insert("operations", rival)

    await shop.change("UPDATE operations SET finished_at = $1 WHERE refund_id IS NULL", NOW)
    assert await shop.insert("operations", rival) == 1


async def test_a_refund_has_one_unfinished_operation(shop: Shop) -> None:
    rival = operation_to_row(an_operation(shop.charge, refund=shop.refund))
    with pytest.raises(IntegrityError):
        await shop.insert("operations", rival)

    await shop.change("UPDATE operations SET finished_at = $1 WHERE refund_id IS NOT NULL", NOW)
    assert await shop.insert("operations", rival) == 1


async def test_a_cause_books_once_on_each_account(shop: Shop) -> None:
    entry = ledger_entry_to_row(a_ledger_entry(shop.charge, cause="cause"))
    with pytest.raises(IntegrityError):
        await shop.insert("ledger_entries", entry)

    assert await shop.insert("ledger_entries", entry | {"account": "REFUNDS"}) == 1


NAMES = {
    "charges": "charge_ref",
    "refunds": "refund_ref",
    "disputes": "dispute_ref",
    "payment_methods": "payment_method_ref",
    "webhook_deliveries": "event_key",
    "customers": "external_id",
    "orders": "external_id",
    "api_keys": "secret_hash",
    "idempotency_keys": "key",
}
"""Each table, and the column by which the outside knows its rows."""


async def test_what_names_one_record_names_no_other(shop: Shop) -> None:
    await shop.change("UPDATE charges SET state = 'DECLINED'")
    for table, column in NAMES.items():
        async with shop.database.reader() as connection:
            row = await connection.fetch_one(f"SELECT * FROM {table}")
        assert row is not None
        twin: dict[str, Any] = (
            row
            | ({"previous_secret_hash": None} if table == "api_keys" else {})
            | {"id": row["id"] + 1_000 if isinstance(row["id"], int) else "twin"}
        )
        with pytest.raises(IntegrityError):
            await shop.insert(table, twin)

        assert await shop.insert(table, twin | {column: "another"}) == 1


# --- amounts and words ------------------------------------------------------------------------------------------------


IMPOSSIBLE_UPDATES = {
    "UPDATE charges SET refund_reserved = -1": "charges_amounts_not_negative",
    "UPDATE charges SET captured = authorized + 1": "charges_captured_within_authorized",
    "UPDATE charges SET refunded = captured, refund_reserved = 1": "charges_refunds_within_captured",
    "UPDATE charges SET state = 'PAID'": "charges_state_known",
    "UPDATE charges SET review_reason = NULL": "charges_review_is_whole",
    "UPDATE charges SET disputed = -1": "charges_disputed_not_negative",
    "UPDATE disputes SET amount = -1": "disputes_amount_not_negative",
    "UPDATE disputes SET state = 'OVER'": "disputes_state_known",
    "UPDATE disputes SET evidence_requested_at = acceptance_requested_at": "disputes_one_response",
    "UPDATE refunds SET amount = 0": "refunds_amount_positive",
    "UPDATE refunds SET state = 'DONE'": "refunds_state_known",
    "UPDATE refunds SET executed_as = 'GIFT'": "refunds_executed_as_known",
    "UPDATE operations SET refund_id = NULL WHERE refund_id IS NOT NULL": "operations_refunds_name_theirs",
    "UPDATE orders SET total = -1": "orders_total_not_negative",
    "UPDATE orders SET state = 'PAID'": "orders_state_known",
    "UPDATE orders SET version = 0": "orders_version_positive",
    "UPDATE order_lines SET quantity = 0": "order_lines_quantity_positive",
    "UPDATE order_lines SET unit_amount = -1": "order_lines_unit_amount_not_negative",
    "UPDATE payment_methods SET state = 'GONE'": "payment_methods_state_known",
    "UPDATE payment_methods SET card_last4 = NULL": "payment_methods_card_is_whole",
    "UPDATE webhook_deliveries SET state = 'LOST'": "webhook_deliveries_state_known",
}
"""Each statement, and the constraint that refuses it."""

IMPOSSIBLE_ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("charges", {"amount": -1}, "charges_amounts_not_negative"),
    ("charges", {"captured": -1}, "charges_amounts_not_negative"),
    ("charges", {"refunded": -1}, "charges_amounts_not_negative"),
    ("charges", {"currency": "US"}, "charges_currency_has_three_letters"),
    ("refunds", {"currency": "US"}, "refunds_currency_has_three_letters"),
    ("prices", {"unit_amount": -1}, "prices_unit_amount_not_negative"),
    ("prices", {"currency": "US"}, "prices_currency_has_three_letters"),
    ("prices", {"interval_unit": None}, "prices_interval_is_whole"),
    ("prices", {"interval_unit": "FORTNIGHT"}, "prices_interval_unit_known"),
    ("prices", {"interval_count": 0}, "prices_interval_count_positive"),
    ("operations", {"kind": "CAPTURE_IT"}, "operations_kind_known"),
    ("operations", {"kind": "REFUND", "refund_id": None}, "operations_refunds_name_theirs"),
    ("operations", {"kind": "ACCEPT_DISPUTE"}, "operations_responses_name_their_dispute"),
    ("disputes", {"currency": "US"}, "disputes_currency_has_three_letters"),
]
"""What no update can reach, because it never changes: a table, what is impossible in a new row, and who refuses it."""


async def test_a_row_that_cannot_be_true_is_refused(shop: Shop) -> None:
    for statement, constraint in IMPOSSIBLE_UPDATES.items():
        assert await shop.taken(statement, words=constraint) == []
    for table, columns, constraint in IMPOSSIBLE_ROWS:
        with pytest.raises(IntegrityError, match=constraint):
            await shop.insert_twin(table, **columns)


async def test_more_may_be_captured_than_was_asked_for(shop: Shop) -> None:
    amount = shop.charge.amount.minor_units
    assert await shop.change("UPDATE charges SET authorized = $1, captured = $1", 2 * amount) == 1


async def test_a_record_belongs_to_one_that_exists(shop: Shop) -> None:
    statements = (
        "UPDATE charges SET payment_method_id = 'pm_0'",
        "UPDATE orders SET customer_id = 'cus_0'",
        "UPDATE order_lines SET order_id = 'ord_0'",
        "UPDATE order_lines SET price_id = 'price_0'",
        "UPDATE customers SET default_payment_method_id = 'pm_0'",
    )
    assert await shop.taken(*statements) == []
    for table, parent in (
        ("charges", "order_id"),
        ("charges", "customer_id"),
        ("refunds", "charge_id"),
        ("disputes", "charge_id"),
        ("operations", "charge_id"),
        ("prices", "product_id"),
        ("payment_methods", "customer_id"),
    ):
        with pytest.raises(IntegrityError, match=r"(?i)foreign key constraint"):
            await shop.insert_twin(table, **{parent: "nobody"})


# --- what never changes -----------------------------------------------------------------------------------------------

UNCHANGEABLE: dict[str, dict[str, object]] = {
    "prices": {
        "product_id": "prod_2",
        "unit_amount": 1,
        "currency": "EUR",
        "interval_unit": "YEAR",
        "interval_count": 2,
    },
    "payment_methods": {"customer_id": "cus_2", "account": "other"},
    "charges": {"order_id": "ord_2", "customer_id": "cus_2", "amount": 1, "currency": "EUR", "account": "other"},
    "refunds": {"charge_id": "chg_2", "currency": "EUR", "account": "other"},
    "disputes": {
        "charge_id": "chg_2",
        "order_id": "ord_2",
        "customer_id": "cus_2",
        "dispute_ref": "dp_2",
        "currency": "EUR",
        "account": "other",
    },
    "operations": {"kind": "VOID", "charge_id": "chg_2", "account": "other", "created_at": LATER},
}
"""Each table, and other values for what its rows keep for ever."""


@pytest.mark.parametrize("table", UNCHANGEABLE)
async def test_what_a_record_is_about_never_changes(shop: Shop, table: str) -> None:
    for column, value in UNCHANGEABLE[table].items():
        with pytest.raises(IntegrityError, match=f"{column}.* of {table} never change"):
            await shop.change(f"UPDATE {table} SET {column} = $1", value)


async def test_nor_does_it_come_to_be_or_go(shop: Shop) -> None:
    """NULL is a value, too: a price neither becomes nor ceases to be recurring."""
    with pytest.raises(IntegrityError, match="of prices never change"):
        await shop.change("UPDATE prices SET interval_unit = NULL, interval_count = NULL")
    await shop.insert_twin("prices", interval_unit=None, interval_count=None)
    with pytest.raises(IntegrityError, match="of prices never change"):
        await shop.change("UPDATE prices SET interval_unit = 'DAY', interval_count = 1 WHERE interval_unit IS NULL")


@pytest.mark.parametrize("table", UNCHANGEABLE)
async def test_writing_the_same_again_is_no_change(shop: Shop, table: str) -> None:
    same = ", ".join(f"{column} = {column}" for column in UNCHANGEABLE[table])
    assert await shop.change(f"UPDATE {table} SET {same}") >= 1


async def test_money_that_was_taken_or_given_back_stays_counted(shop: Shop) -> None:
    taken = shop.charge.captured.minor_units
    await shop.change("UPDATE charges SET refunded = 500")

    with pytest.raises(IntegrityError, match="captured of charges never decreases"):
        await shop.change("UPDATE charges SET captured = $1", taken - 1)
    with pytest.raises(IntegrityError, match="refunded of charges decreases to what its refunds say"):
        await shop.change("UPDATE charges SET refunded = 499")
    more = "UPDATE charges SET authorized = $1, captured = $1, refunded = 501"
    assert await shop.change(more, taken + 1) == 1


async def test_what_was_given_back_decreases_to_what_the_refunds_that_stand_add_up_to(shop: Shop) -> None:
    await shop.change("UPDATE refunds SET state = 'SUCCEEDED', amount = 300")
    await shop.change("UPDATE charges SET refunded = 500")
    for wrong in (299, 301, 0):
        with pytest.raises(IntegrityError, match="refunded of charges decreases to what its refunds say"):
            await shop.change("UPDATE charges SET refunded = $1", wrong)
    assert await shop.change("UPDATE charges SET refunded = 300") == 1

    await shop.change("UPDATE refunds SET state = 'FAILED'")
    assert await shop.change("UPDATE charges SET refunded = 0") == 1


async def test_what_may_change_does(shop: Shop) -> None:
    for statement in (
        "UPDATE charges SET state = 'UNKNOWN', charge_ref = 'ch_2', refund_reserved = 1, updated_at = $1",
        "UPDATE refunds SET amount = 1, state = 'SUCCEEDED', refund_ref = 're_2', updated_at = $1",
        "UPDATE operations SET sends = sends + 1, tries = tries + 1, finished_at = $1",
        "UPDATE payment_methods SET state = 'DETACHED', updated_at = $1",
        "UPDATE prices SET nickname = 'new', archived_at = $1",
    ):
        assert await shop.change(statement, LATER) >= 1


# --- placed orders ----------------------------------------------------------------------------------------------------


async def test_what_is_owed_stays_once_an_order_is_placed(shop: Shop) -> None:
    statements = (
        "UPDATE order_lines SET unit_amount = 1",
        (
            "INSERT INTO order_lines (id, order_id, position, name, unit_amount, currency, quantity)"
            " SELECT 'line_2', id, 2, 'More', 1, 'USD', 1 FROM orders"
        ),
        "UPDATE orders SET total = 1",
        "UPDATE orders SET currency = 'EUR'",
        "DELETE FROM order_lines",
    )
    for state in ("PLACED", "COMPLETED", "CANCELED", "EXPIRED"):
        await shop.change("UPDATE orders SET state = $1", state)
        assert await shop.taken(*statements, words="of an order that is not open") == []

    await shop.change("UPDATE orders SET state = 'OPEN'")
    assert await shop.taken(*statements) == list(statements)
