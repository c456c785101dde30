"""The provider of docs/how-to/add-a-provider.md: it passes the suite as ours do, and a gateway takes money with it."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from domain.clock import SystemClock
from domain.deployment import Providers
from domain.provider import Support
from persistence.sql import Dialect
from tests.contracts.results import FILES
from tests.databases import NewDatabaseUrl
from tests.docs.pages import ROOT
from tests.docs.piggy_bank.bank import PiggyBank
from tests.docs.piggy_bank.provider import PiggyBankProvider
from tests.schema.gateway import Shop, open_shop, settings_for

HOUSE = "tests.docs.piggy_bank.house"
MANY = 150
"""Of the suite's tests, less than there are for a provider that has this little."""


def test_it_passes_the_suite() -> None:
    # Of the run that this test belongs to, the other one is no part.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PAYDESK_TEST_"))}
    options = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider"]

    suite = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *map(str, FILES)],
        cwd=ROOT,
        env=kept | {"PAYDESK_TEST_HOUSE": HOUSE},
        capture_output=True,
        text=True,
        check=False,
    )

    assert suite.returncode == 0, suite.stdout
    said = re.search(r"^(\d+) passed, \d+ deselected in", suite.stdout, re.MULTILINE)
    assert said, suite.stdout
    assert int(said[1]) > MANY


@pytest.fixture
def bank() -> PiggyBank:
    return PiggyBank(SystemClock())


@pytest.fixture
async def shop(bank: PiggyBank, tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[Shop]:
    provider = PiggyBankProvider(httpx.AsyncClient(base_url="http://piggy-bank.test", transport=bank))
    providers = Providers({"piggy_bank": provider}, default="piggy_bank")
    async with open_shop(settings_for(tmp_path, new_database_url(Dialect.SQLITE)), providers=providers) as shop:
        yield shop


async def test_a_gateway_takes_money_with_it_and_gives_it_back(shop: Shop, bank: PiggyBank) -> None:
    customer_id = await shop.buyer("coin_visa_1", name="Ada Lovelace")

    _, charge_id = await shop.paid(customer_id, 20_00)
    await shop.refund(charge_id, 5_00)

    (payment,) = bank.payments.values()
    assert (payment["amount"], payment["currency"], payment["given_back"]) == ("20.00", "USD", "5.00")
    assert payment["note"]["paydesk_charge"] == charge_id
    told = await shop.execute(
        "query($id: ID!) { charge(id: $id) { state captured { formatted } refunded { formatted } } }", {"id": charge_id}
    )
    assert told["charge"] == {
        "state": "SUCCEEDED",
        "captured": {"formatted": "$20.00"},
        "refunded": {"formatted": "$5.00"},
    }


async def test_a_decline_is_told_in_our_words(shop: Shop) -> None:
    customer_id = await shop.buyer("coin_stubborn_1")

    declined = await shop.do(
        "orderCharge",
        {"orderId": await shop.order(customer_id), "idempotencyKey": "once"},
        "charge { state declineCode advice }",
    )

    assert declined == {"state": "DECLINED", "declineCode": "GENERIC_DECLINE", "advice": "USE_OTHER_METHOD"}


async def test_what_it_does_not_have_is_refused_before_it_is_asked(shop: Shop, bank: PiggyBank) -> None:
    customer_id = await shop.buyer("coin_visa_1")
    held = {"orderId": await shop.order(customer_id), "capture": "MANUAL", "idempotencyKey": "later"}

    assert (await shop.refused("orderCharge", held))[0] == "UNSUPPORTED_BY_PROVIDER"
    assert bank.payments == {}


async def test_clients_see_what_it_declares(shop: Shop) -> None:
    told = (await shop.execute("{ paymentProvider { name capabilities { action support note } } }"))["paymentProvider"]

    assert told["name"] == "piggy_bank"
    assert {each["support"] for each in told["capabilities"]} == set(Support)
    assert [each["action"] for each in told["capabilities"] if each["support"] != "NATIVE" and not each["note"]] == []
