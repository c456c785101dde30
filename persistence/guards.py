"""Operations for migrations: triggers that refuse what the code must never ask for, on both databases.

A released migration names these classes, so what they emit stays as it is; another rule is another class.
"""

from typing import Final

from persistence.editors import PerDialect
from persistence.sql import Dialect


class NeverDeleted(PerDialect):
    """Tables of billing records: a DELETE is refused, whoever asks. What is over is archived, canceled or detached."""

    def __init__(self, *tables: str) -> None:
        super().__init__(
            sqlite="".join(
                f"CREATE TRIGGER {table}_never_deleted BEFORE DELETE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} are never deleted'); END;\n"
                for table in tables
            ),
            # TRUNCATE passes by row triggers, and needs one for the statement.
            postgres="CREATE OR REPLACE FUNCTION never_deleted() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% are never deleted', TG_TABLE_NAME "
            "USING ERRCODE = 'restrict_violation'; END $$;\n"
            + "".join(
                f"CREATE TRIGGER {table}_never_deleted BEFORE DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION never_deleted();\n"
                f"CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION never_deleted();\n"
                for table in tables
            ),
        )


class NeverChanged(PerDialect):
    """Columns of a table that keep what they were inserted with: what a record is about, and whose it is."""

    def __init__(self, table: str, *columns: str) -> None:
        name, words = f"{table}_never_changed", f"{', '.join(columns)} of {table} never change"
        changed = {
            dialect: " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)
            for dialect, differs in ((Dialect.SQLITE, "IS NOT"), (Dialect.POSTGRES, "IS DISTINCT FROM"))
        }
        super().__init__(
            sqlite=_refused_update(name, table, changed[Dialect.SQLITE], words, Dialect.SQLITE),
            postgres=_refused_update(name, table, changed[Dialect.POSTGRES], words, Dialect.POSTGRES),
        )


class NeverDecreased(PerDialect):
    """Amounts that only grow: money that was taken stays taken, and what goes back is counted apart."""

    def __init__(self, table: str, *columns: str) -> None:
        condition = " OR ".join(f"NEW.{column} < OLD.{column}" for column in columns)
        name, words = f"{table}_never_decreased", f"{', '.join(columns)} of {table} never decrease"
        super().__init__(
            sqlite=_refused_update(name, table, condition, words, Dialect.SQLITE),
            postgres=_refused_update(name, table, condition, words, Dialect.POSTGRES),
        )


class RefundedMayComeBack(PerDialect):
    """What was captured still never decreases. What went back does when a refund's money comes back, and then to what
    the refunds that stand add up to: the row of the refund is written first."""

    def __init__(self) -> None:
        super().__init__(
            sqlite=(
                "DROP TRIGGER charges_never_decreased;\n"
                f"{_refused_update(*_CAPTURED_STAYS, Dialect.SQLITE)}{_REFUNDED_STANDS_ON_SQLITE}"
            ),
            postgres=(
                "DROP TRIGGER charges_never_decreased ON charges;\n"
                f"{_refused_update(*_CAPTURED_STAYS, Dialect.POSTGRES)}{_REFUNDED_STANDS_ON_POSTGRES}"
            ),
        )


_CAPTURED_STAYS: Final = (
    "charges_never_decreased",
    "charges",
    "NEW.captured < OLD.captured",
    "captured of charges never decreases",
)
_REFUNDED_STANDS_ON_SQLITE: Final = """
CREATE TRIGGER charges_refunded_stands BEFORE UPDATE ON charges
    WHEN NEW.refunded < OLD.refunded AND NEW.refunded <> (
        SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge_id = NEW.id AND state = 'SUCCEEDED'
    )
    BEGIN SELECT RAISE(ABORT, 'refunded of charges decreases to what its refunds say'); END;
"""
_REFUNDED_STANDS_ON_POSTGRES: Final = """
CREATE FUNCTION charges_refunded_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.refunded <> (
        SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge_id = NEW.id AND state = 'SUCCEEDED'
    ) THEN
        RAISE EXCEPTION 'refunded of charges decreases to what its refunds say' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER charges_refunded_stands BEFORE UPDATE ON charges FOR EACH ROW
    WHEN (NEW.refunded < OLD.refunded) EXECUTE FUNCTION charges_refunded_stands();
"""


def _refused_update(name: str, table: str, condition: str, words: str, dialect: Dialect) -> str:
    if dialect is Dialect.SQLITE:
        return (
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END;\n"
        )
    return (
        "CREATE OR REPLACE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$;\n"
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition}) "
        f"EXECUTE FUNCTION refuse_update('{words}');\n"
    )


class EventsAreNumbered(PerDialect):
    """Every event gets its row in `event_feed`, whoever writes it, and keeps the number that it is given there.

    SQLite has one writer, so the number is that of the commit. PostgreSQL commits in another order than it writes, so
    there the row waits for its number. The events that are there already are numbered as they stand.
    """

    def __init__(self) -> None:
        super().__init__(sqlite=_NUMBERED_ON_SQLITE, postgres=_NUMBERED_ON_POSTGRES)


_NUMBERED_ON_SQLITE: Final = """
CREATE TRIGGER events_numbered AFTER INSERT ON events BEGIN
    INSERT INTO event_feed (position, sequence)
    VALUES (NEW.position, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM event_feed));
END;
CREATE TRIGGER event_feed_kept BEFORE UPDATE ON event_feed
    BEGIN SELECT RAISE(ABORT, 'the number of an event stays as it is'); END;
INSERT INTO event_feed (position, sequence) SELECT position, ROW_NUMBER() OVER (ORDER BY position) FROM events;
"""

# The trigger first: it waits for those who are writing events, and keeps out the next until the migration is committed,
# so that none comes between what is numbered here and what the trigger sees.
_NUMBERED_ON_POSTGRES: Final = """
CREATE FUNCTION events_await_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event_feed (position) SELECT position FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER events_await_number AFTER INSERT ON events REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION events_await_number();
CREATE OR REPLACE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER event_feed_kept BEFORE UPDATE ON event_feed FOR EACH ROW
    WHEN (OLD.sequence IS NOT NULL OR NEW.position <> OLD.position)
    EXECUTE FUNCTION refuse_update('the number of an event stays as it is');
INSERT INTO event_feed (position, sequence) SELECT position, ROW_NUMBER() OVER (ORDER BY position) FROM events;
"""


class FrozenWhenPlaced(PerDialect):
    """What a customer owes is settled when the order leaves OPEN: its lines and its total stay as they are."""

    def __init__(self) -> None:
        super().__init__(sqlite=_frozen_on_sqlite(), postgres=_FROZEN_ON_POSTGRES)


def _frozen_on_sqlite() -> str:
    lines = "".join(
        f"CREATE TRIGGER order_lines_frozen_{write.lower()} BEFORE {write} ON order_lines "  # noqa: S608 - words of ours
        f"WHEN (SELECT state FROM orders WHERE id = {row}.order_id) <> 'OPEN' "
        f"BEGIN SELECT RAISE(ABORT, 'the lines of an order that is not open stay as they are'); END;\n"
        for write, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD"))
    )
    total = (
        "CREATE TRIGGER orders_total_frozen BEFORE UPDATE ON orders "
        "WHEN OLD.state <> 'OPEN' AND (NEW.total <> OLD.total OR NEW.currency <> OLD.currency) "
        "BEGIN SELECT RAISE(ABORT, 'the total of an order that is not open stays as it is'); END;\n"
    )
    return lines + total


_FROZEN_ON_POSTGRES: Final = """
CREATE FUNCTION order_lines_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent text := CASE TG_OP WHEN 'INSERT' THEN NEW.order_id ELSE OLD.order_id END;
BEGIN
    IF (SELECT state FROM orders WHERE id = parent) <> 'OPEN' THEN
        RAISE EXCEPTION 'the lines of an order that is not open stay as they are'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER order_lines_frozen BEFORE INSERT OR UPDATE OR DELETE ON order_lines
    FOR EACH ROW EXECUTE FUNCTION order_lines_frozen();

CREATE FUNCTION orders_total_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the total of an order that is not open stays as it is'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER orders_total_frozen BEFORE UPDATE ON orders
    FOR EACH ROW WHEN (OLD.state <> 'OPEN' AND (NEW.total <> OLD.total OR NEW.currency <> OLD.currency))
    EXECUTE FUNCTION orders_total_frozen();
"""


class FrozenWhenIssued(PerDialect):
    """What is printed on an invoice that has left DRAFT stays as it is. What is still to be paid of it only gets less,
    by what is credited."""

    def __init__(self) -> None:
        super().__init__(sqlite=_issued_on_sqlite(), postgres=_ISSUED_ON_POSTGRES)


_PRINTED: Final = ("issuer_id", "sequence", "number", "total", "balance_applied", "opened_at")


def _issued_on_sqlite() -> str:
    lines = "".join(
        f"CREATE TRIGGER invoice_lines_frozen_{write.lower()} BEFORE {write} ON invoice_lines "  # noqa: S608 - as above
        f"WHEN (SELECT state FROM invoices WHERE id = {row}.invoice_id) <> 'DRAFT' "
        f"BEGIN SELECT RAISE(ABORT, 'the lines of an invoice that was issued stay as they are'); END;\n"
        for write, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD"))
    )
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in _PRINTED)
    issued = (
        "CREATE TRIGGER invoices_frozen BEFORE UPDATE ON invoices "
        f"WHEN OLD.state <> 'DRAFT' AND (NEW.state = 'DRAFT' OR NEW.due > OLD.due OR {changed}) "
        "BEGIN SELECT RAISE(ABORT, 'an invoice that was issued stays as it is'); END;\n"
    )
    return lines + issued


_CHANGED_ON_POSTGRES: Final = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in _PRINTED)
_ISSUED_LINES_ON_POSTGRES: Final = """
CREATE FUNCTION invoice_lines_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent text := CASE TG_OP WHEN 'INSERT' THEN NEW.invoice_id ELSE OLD.invoice_id END;
BEGIN
    IF (SELECT state FROM invoices WHERE id = parent) <> 'DRAFT' THEN
        RAISE EXCEPTION 'the lines of an invoice that was issued stay as they are'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER invoice_lines_frozen BEFORE INSERT OR UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION invoice_lines_frozen();
"""
_ISSUED_ON_POSTGRES: Final = (
    f"{_ISSUED_LINES_ON_POSTGRES}CREATE TRIGGER invoices_frozen BEFORE UPDATE ON invoices FOR EACH ROW"
    f" WHEN (OLD.state <> 'DRAFT' AND (NEW.state = 'DRAFT' OR NEW.due > OLD.due OR {_CHANGED_ON_POSTGRES}))"
    " EXECUTE FUNCTION refuse_update('an invoice that was issued stays as it is');\n"
)
