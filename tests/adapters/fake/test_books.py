"""The books survive whoever writes in them, and several may write at once."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.fake import Bank, BooksUnreadable, FakeProvider
from domain.provider import Outcome
from tests.adapters.fake.helpers import Shop, StandingClock

ROOT = Path(__file__).parents[3]

CLIENT = """
import asyncio, os, signal, sys
from dataclasses import replace
from pathlib import Path
from adapters.fake import Bank, FakeProvider
from tests.adapters.fake.helpers import Shop, StandingClock

async def main(path, what):
    clock = StandingClock()
    bank = Bank(Path(path), clock=clock, public_url="http://bank.test")
    shop = Shop(bank, FakeProvider.in_process(bank, clock=clock), clock)
    await shop.open()
    if what == "die":
        bank.misbehave("charge#1=hang")
        request = await shop.charge_request("tok_visa", operation_id="op_1", charge_id="chg_1")
        asyncio.create_task(shop.provider.charge(request))
        while not bank.truth().charges:
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    attached = await shop.attach("tok_visa", payment_method_id="pm_shared")
    for number in range(40):
        request = await shop.charge_request(operation_id=f"op_{number}", charge_id=f"chg_{number}")
        request = replace(request, payment_method_ref=attached.payment_method_ref)
        print((await shop.provider.charge(request)).charge_ref)

asyncio.run(main(*sys.argv[1:]))
"""


def start_client(path: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(path), what],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.fault("F11")
def test_two_processes_that_ask_the_same_get_the_same_and_charge_once(tmp_path: Path, clock: StandingClock) -> None:
    path = tmp_path / "bank.sqlite3"
    clients = [start_client(path, "race") for _ in range(2)]
    outputs = [client.communicate(timeout=60) for client in clients]

    assert [errors for _, errors in outputs] == ["", ""]
    (one, _), (other, _) = outputs
    assert one == other
    assert len(set(one.split())) == 40
    bank = Bank(path, clock=clock, public_url="http://bank.test")
    truth = bank.truth()
    bank.close()
    assert len(truth.charges) == 40
    assert {charge.captured for charge in truth.charges} == {20_00}
    assert len(truth.customers) == 1


async def test_what_was_answered_survives_the_death_of_who_asked(tmp_path: Path, clock: StandingClock) -> None:
    path = tmp_path / "bank.sqlite3"
    client = start_client(path, "die")
    _, errors = client.communicate(timeout=60)
    assert (client.returncode, errors) == (-signal.SIGKILL, "")

    bank = Bank(path, clock=clock, public_url="http://bank.test")
    shop = Shop(bank, FakeProvider.in_process(bank, clock=clock), clock)
    await shop.open()
    before = bank.truth()
    method = await shop.attach("tok_visa", payment_method_id=before.customers[0].payment_method_ids[0])
    assert method.payment_method_ref is not None
    request = await shop.charge_request(operation_id="op_1", charge_id="chg_1")
    replayed = await shop.provider.charge(replace(request, payment_method_ref=method.payment_method_ref))
    after = bank.truth()
    bank.close()

    assert replayed.outcome is Outcome.SUCCEEDED
    assert replayed.charge_ref == before.charges[0].charge_ref
    assert after.captured("chg_1") == 20_00


def test_the_books_are_for_their_owner_alone(bank: Bank, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "bank.sqlite3").stat().st_mode) == 0o600


def test_whoever_opens_the_books_signs_with_the_same_secret(bank: Bank, tmp_path: Path, clock: StandingClock) -> None:
    other = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test")

    assert other.webhook_secret == bank.webhook_secret
    assert len(bank.webhook_secret) > 40
    other.close()


def test_opening_the_books_leaves_their_script_unless_another_is_given(
    bank: Bank, tmp_path: Path, clock: StandingClock
) -> None:
    def script_of(script: str | None) -> str | None:
        other = Bank(tmp_path / "bank.sqlite3", clock=clock, public_url="http://bank.test", script=script)
        with other.open() as books:
            found = books.fact("script")
        other.close()
        return found

    assert script_of("charge#1=hang") == "charge#1=hang"
    assert script_of(None) == "charge#1=hang"
    assert script_of("") == ""


def test_a_file_that_is_no_book_is_said_to_be_none(tmp_path: Path, clock: StandingClock) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are notes. " * 1000)
    newer = tmp_path / "newer.sqlite3"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    for path in (text, newer):
        with pytest.raises(BooksUnreadable):
            Bank(path, clock=clock, public_url="http://bank.test")
    assert text.read_text().startswith("These are notes.")
