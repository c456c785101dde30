import asyncio
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tortoise.exceptions import OperationalError

from persistence.address import PostgresAddress, SqliteAddress, parse_address
from persistence.connections import split_script
from persistence.database import Database, DatabaseUnavailable
from persistence.failures import TransactionMisused
from persistence.sql import Dialect
from tests.databases import ROOT, NewDatabaseUrl
from tests.persistence.sample import SAMPLE
from tests.persistence.sample.rows import add_boxes, names_of_boxes


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/paydesk.sqlite3", "/var/lib/paydesk.sqlite3"),
        ("sqlite://paydesk.sqlite3", "paydesk.sqlite3"),
        ("sqlite://var/paydesk.sqlite3", "var/paydesk.sqlite3"),
        ("sqlite:///a%20b/c.sqlite3", "/a b/c.sqlite3"),
    ],
)
def test_three_slashes_make_a_path_absolute(url: str, path: str) -> None:
    address = parse_address(url)

    assert isinstance(address, SqliteAddress)
    assert address.path == Path(path)


def test_a_postgresql_url_keeps_libpqs_options_and_gives_up_ours() -> None:
    address = parse_address("postgres://me:pa%40ss@db:5433/shop?sslmode=require&pool_size=3&command_timeout=7")

    assert isinstance(address, PostgresAddress)
    assert address.dsn == "postgres://me:pa%40ss@db:5433/shop?sslmode=require"
    assert (address.pool_size, address.command_timeout_seconds) == (3, 7)
    assert str(address) == "PostgreSQL db:5433/shop"
    assert "pa%40ss" not in repr(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "has no scheme"),
        ("mysql://root@localhost/shop", "starts with 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite://:memory:", "forgets every payment"),
        ("sqlite:///a.sqlite3?cache=shared", "does not know: cache"),
        ("sqlite:///a.sqlite3?readers=0", "option readers has to be"),
        ("postgres://me:secret@db/shop?pool_size=many", "option pool_size has to be"),
        ("postgres://me:sec/ret@db:port/shop", "percent-encode"),
    ],
)
async def test_a_wrong_url_gets_one_plain_line(url: str, words: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=words) as caught:
        await Database.open(url, app=SAMPLE)

    assert "\n" not in str(caught.value)
    assert "sec" not in str(caught.value)


async def test_a_server_that_is_not_there_gets_one_plain_line() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]

        with pytest.raises(DatabaseUnavailable, match=f"127.0.0.1:{port}/shop refused") as caught:
            await Database.open(f"postgres://me:secret@127.0.0.1:{port}/shop", app=SAMPLE)

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_server_that_keeps_silent_gets_one_plain_line() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]

        with pytest.raises(DatabaseUnavailable, match="did not answer within 1 s"):
            await Database.open(f"postgres://me@127.0.0.1:{port}/shop?connect_timeout=1", app=SAMPLE)


async def test_a_database_that_is_not_there_gets_one_plain_line(new_database_url: NewDatabaseUrl) -> None:
    server = new_database_url(Dialect.POSTGRES, app=SAMPLE, migrated=False).rpartition("/")[0]

    with pytest.raises(DatabaseUnavailable, match='database "nowhere" does not exist'):
        await Database.open(f"{server}/nowhere", app=SAMPLE)


async def test_a_file_that_is_no_database_gets_one_plain_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is not a database, and was never meant to be one\n" * 100)

    with pytest.raises(DatabaseUnavailable, match="file is not a database"):
        await Database.open(f"sqlite://{path}", app=SAMPLE)
    with pytest.raises(DatabaseUnavailable, match="is a folder"):
        await Database.open(f"sqlite://{tmp_path}", app=SAMPLE)


async def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "paydesk.sqlite3"

    database = await Database.open(f"sqlite://{path}", app=SAMPLE)
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE t (a)")

    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["paydesk.sqlite3", "paydesk.sqlite3-shm", "paydesk.sqlite3-wal"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await database.close()


@pytest.mark.fault("F43")
async def test_sqlite_keeps_what_it_confirmed(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite://{tmp_path / 'paydesk.sqlite3'}", app=SAMPLE)

    async with database.transaction() as connection:
        rows = [
            await connection.fetch_one(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    await database.close()

    # 2 is FULL.
    assert rows == [{"journal_mode": "wal"}, {"synchronous": 2}, {"foreign_keys": 1}]


async def test_a_reader_of_sqlite_does_not_write(new_database_url: NewDatabaseUrl) -> None:
    database = await Database.open(new_database_url(Dialect.SQLITE, app=SAMPLE), app=SAMPLE)

    async with database.reader() as connection:
        with pytest.raises(OperationalError, match="readonly"):
            await connection.execute("DELETE FROM sample_boxes")
    await database.close()


async def test_a_closed_database_says_so(sample: Database) -> None:
    await sample.close()
    await sample.close()

    with pytest.raises(DatabaseUnavailable, match="closed"):
        await names_of_boxes(sample)
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await add_boxes(sample, "box")


async def test_several_databases_of_one_dialect_live_in_one_process(
    dialect: Dialect, new_database_url: NewDatabaseUrl
) -> None:
    first, second = [await Database.open(new_database_url(dialect, app=SAMPLE), app=SAMPLE) for _ in range(2)]

    await add_boxes(first, "one")
    await add_boxes(second, "two")

    assert (await names_of_boxes(first), await names_of_boxes(second)) == (["one"], ["two"])
    await first.close()
    await second.close()


async def test_two_dialects_at_once_are_refused(new_database_url: NewDatabaseUrl) -> None:
    first = await Database.open(new_database_url(Dialect.SQLITE, app=SAMPLE), app=SAMPLE)

    with pytest.raises(TransactionMisused, match="one dialect at a time"):
        await Database.open(new_database_url(Dialect.POSTGRES, app=SAMPLE), app=SAMPLE)
    await first.close()


async def test_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'paydesk.sqlite3'}"

    opened = await asyncio.gather(*(Database.open(url, app=SAMPLE) for _ in range(8)))

    assert {database.dialect for database in opened} == {Dialect.SQLITE}
    await asyncio.gather(*(database.close() for database in opened))


def test_a_process_that_forgets_to_close_still_ends(new_database_url: NewDatabaseUrl) -> None:
    program = (
        "import asyncio, sys\n"
        "from persistence.database import Database\n"
        "from tests.persistence.sample import SAMPLE\n"
        "from tests.persistence.sample.rows import add_boxes\n"
        "async def main():\n"
        "    global database\n"
        "    database = await Database.open(sys.argv[1], app=SAMPLE)\n"
        "    await add_boxes(database, 'box')\n"
        "asyncio.run(main())\n"
    )
    url = new_database_url(Dialect.SQLITE, app=SAMPLE)

    ended = subprocess.run([sys.executable, "-c", program, url], cwd=ROOT, check=False, timeout=20)

    assert ended.returncode == 0


def test_a_script_is_split_between_its_statements() -> None:
    script = (
        "CREATE TABLE t (a TEXT DEFAULT 'x;y');\nCREATE TRIGGER g BEFORE UPDATE ON t BEGIN SELECT 1; SELECT 2; END;\n;"
    )

    assert list(split_script(script)) == [
        "CREATE TABLE t (a TEXT DEFAULT 'x;y');",
        "CREATE TRIGGER g BEFORE UPDATE ON t BEGIN SELECT 1; SELECT 2; END;",
    ]
    with pytest.raises(ValueError, match="ends inside"):
        list(split_script("SELECT 'no end"))
