"""The store for those who are watched: an entry is in the commit of the change, or neither is."""

from dataclasses import fields
from typing import get_type_hints

import pytest

from domain import audit
from domain.audit import AuditChange, acting, acting_as, changes_between
from domain.principals import ALL_PERMISSIONS, StaffRole, admin_key, operator, server, staff
from domain.services.auditing import AUDITED_NOUNS, AuditedStore
from domain.store import Transaction
from persistence.database import Database
from persistence.store import TortoiseStore
from tests.contracts.records import NOW, a_customer, a_product, an_api_key
from tests.services.shop import MovableClock

ADA = staff("ada", StaffRole.ADMIN)

NOT_AUDITED = {
    "webhooks": "what a provider tells us",
    "reconciliations": "how far the gateway itself has come",
}
"""Nouns that are saved and yet not audited, and why."""


@pytest.fixture
def store(database: Database) -> AuditedStore:
    return AuditedStore(TortoiseStore(database), clock=MovableClock())


async def actions(database: Database) -> list[str]:
    async with database.reader() as connection:
        return [row["action"] for row in await connection.fetch_all("SELECT action FROM audit_entries ORDER BY id")]


def test_every_record_that_can_be_saved_is_audited() -> None:
    nouns = {
        name: get_type_hints(noun.fget)["return"]
        for name, noun in vars(Transaction).items()
        if isinstance(noun, property)
    }
    written = {name for name, noun in nouns.items() if hasattr(noun, "save") or hasattr(noun, "insert")}
    assert written == AUDITED_NOUNS | NOT_AUDITED.keys()


def test_every_field_that_is_told_is_one() -> None:
    for record, told in audit._TOLD.items():
        assert (told or set()) <= {field.name for field in fields(record)}, record.__name__


async def test_the_entry_is_in_the_commit_of_the_change(store: AuditedStore, database: Database) -> None:
    customer, product = a_customer(), a_product()
    with acting_as(ADA, "several"):
        async with store.transaction() as tx:
            await tx.customers.insert(customer)
            await tx.products.insert(product)
    with pytest.raises(ZeroDivisionError):
        await failing(store)

    assert await actions(database) == ["several"]


async def failing(store: AuditedStore) -> None:
    with acting_as(ADA, "failing"):
        async with store.transaction() as tx:
            await tx.customers.insert(a_customer())
            _ = 1 / 0


async def test_work_that_is_run_again_leaves_one_entry(store: AuditedStore, database: Database) -> None:
    async def work(tx: Transaction) -> str:
        await tx.customers.insert(customer)
        return customer.id

    customer = a_customer()
    with acting_as(ADA, "customerCreate"):
        assert await store.run(work) == customer.id

    assert await actions(database) == ["customerCreate"]


async def test_what_is_saved_twice_is_compared_with_what_was_there(store: AuditedStore, database: Database) -> None:
    product = a_product()
    async with store.transaction() as tx:
        await tx.products.insert(product)

    with acting_as(ADA, "productUpdate"):
        async with store.transaction() as tx:
            await tx.products.save(product.changed({"name": "Coffee"}, now=NOW))
            await tx.products.save(product.changed({"name": "Green tea"}, now=NOW))
        async with store.transaction() as tx:
            await tx.products.save(product.changed({"name": "Green tea"}, now=NOW))

    async with database.reader() as connection:
        rows = await connection.fetch_all("SELECT changes FROM audit_entries")
    assert len(rows) == 1, "the second time nothing differed"
    assert "Tea" in str(rows[0]["changes"]) and "Coffee" not in str(rows[0]["changes"])  # noqa: PT018 - one story


def test_a_secret_is_withheld() -> None:
    changes = {change.field: change for change in changes_between(None, an_api_key())}

    assert changes["secretHash"] == AuditChange(
        subject_id=changes["name"].subject_id, field="secretHash", before=None, after=None, withheld=True
    )


def test_a_server_is_audited_for_keys_redactions_and_identities_alone() -> None:
    for principal, action, audited in (
        (server("key_1", ALL_PERMISSIONS), "apiKeyCreate", True),
        (server("key_1", ALL_PERMISSIONS), "customerRedact", True),
        (server("key_1", ALL_PERMISSIONS), "customerUpdate", True),
        (server("key_1", ALL_PERMISSIONS), "orderCharge", False),
        (admin_key(), "orderCharge", True),
        (operator(), "keys create", True),
        (ADA, "orderCharge", True),
    ):
        with acting_as(principal, action):
            assert (acting() is not None) == audited, (principal.name, action)
    assert acting() is None


def test_the_admin_key_before_the_present_one_is_told_apart() -> None:
    present, previous = admin_key(), admin_key(retiring=True)
    assert present.name == previous.name, "idempotency keys outlive the change"

    for principal, actor in ((present, "key:admin"), (previous, "key:admin-previous")):
        with acting_as(principal, "productCreate"):
            who = acting()
        assert who is not None
        assert who.actor == actor
