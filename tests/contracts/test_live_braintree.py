"""That `make test-live` goes to no other gateway of Braintree than the sandbox, and that its house is one, here at the
emulator."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from domain.money import Money
from domain.provider import Outcome
from tests.contracts.houses.braintree import KEYS, MERCHANT_ACCOUNTS, braintree_house
from tests.contracts.houses.braintree_sandbox import (
    SANDBOX_BASE,
    BraintreeSandboxHouse,
    Place,
    braintree_sandbox_house,
)
from tests.contracts.houses.house import CardKind, Power, Powerless
from tests.contracts.houses.live import BRAINTREE_PLACE, place_of
from tests.contracts.sandboxes.braintree import is_asked, problem, told, unusable
from tests.contracts.shop import TWENTY, Shop, charge_ref_of, open_shop

TEST = {
    "BRAINTREE_ENVIRONMENT": "sandbox",
    "BRAINTREE_MERCHANT_ID": "merchant_51N",
    "BRAINTREE_PUBLIC_KEY": "public_51N",
    "BRAINTREE_PRIVATE_KEY": "private_51N",
    "BRAINTREE_MERCHANT_ACCOUNTS": "USD:acme_usd, EUR:acme_eur",
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"BRAINTREE_ENVIRONMENT": "production"}, "BRAINTREE_ENVIRONMENT is not sandbox"),
        ({"BRAINTREE_ENVIRONMENT": ""}, "BRAINTREE_ENVIRONMENT is not sandbox"),
        ({"BRAINTREE_ENVIRONMENT": "Sandbox"}, "BRAINTREE_ENVIRONMENT is not sandbox"),
        ({"BRAINTREE_BASE_URL": "https://api.braintreegateway.com"}, "BRAINTREE_BASE_URL is set"),
        ({"BRAINTREE_BASE_URL": "http://127.0.0.1:12112"}, "BRAINTREE_BASE_URL is set"),
        ({"BRAINTREE_PRIVATE_KEY": ""}, "no BRAINTREE_PRIVATE_KEY"),
        ({"BRAINTREE_MERCHANT_ID": ""}, "no BRAINTREE_MERCHANT_ID"),
        ({"BRAINTREE_MERCHANT_ACCOUNTS": "EUR:acme_eur"}, "no merchant account in dollars"),
        ({"BRAINTREE_MERCHANT_ACCOUNTS": ""}, "no merchant account in dollars"),
    ],
)
def test_it_runs_in_the_sandbox_only(changed: dict[str, str], said: str) -> None:
    wrong = problem(TEST | changed)

    assert wrong is not None
    assert said in wrong
    assert "51N" not in wrong


def test_nothing_speaks_against_the_sandbox() -> None:
    assert problem(TEST) is None
    assert is_asked(TEST)
    assert not is_asked({"STRIPE_SECRET_KEY": "sk_test_51N"})


def test_the_run_is_told_of_the_account_and_goes_to_the_sandbox() -> None:
    place = place_of(told(TEST)[BRAINTREE_PLACE])

    assert (place.keys.merchant_id, place.keys.private_key) == ("merchant_51N", "private_51N")
    assert place.merchant_accounts == {"USD": "acme_usd", "EUR": "acme_eur"}
    assert place.api_base == SANDBOX_BASE


def test_of_production_it_says_so_and_ends_with_2() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "BRAINTREE_"))}

    ran = subprocess.run(
        [sys.executable, "-m", "tests.contracts.live"],
        env=environment | TEST | {"BRAINTREE_ENVIRONMENT": "production"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("BRAINTREE_ENVIRONMENT is not sandbox")


async def test_keys_that_cannot_be_used_are_found_before_anything_runs(braintree_emulator: str) -> None:
    refused = await unusable(TEST, api_base=braintree_emulator)
    unreached = await unusable(TEST, api_base="http://127.0.0.1:9")

    assert refused is not None
    assert "51N" not in refused
    assert unreached is not None


# --- its house, at the emulator -------------------------------------------------------------------------------------


@pytest.fixture
async def sandbox(braintree_emulator: str) -> AsyncIterator[Shop]:
    async with (
        braintree_house(braintree_emulator),  # which makes the account new, and its time the machine's
        braintree_sandbox_house(Place(KEYS, MERCHANT_ACCOUNTS, braintree_emulator)) as house,
    ):
        yield await open_shop(house)


async def test_its_house_tells_the_truth(sandbox: Shop) -> None:
    charged = await sandbox.paid(amount=Money(30_00, "USD"))
    await sandbox.refund(charged, Money(10_00, "USD"))
    held = await sandbox.held()
    await sandbox.capture(held, Money(12_00, "USD"))
    called_off = await sandbox.paid()
    await sandbox.refund(called_off)
    theirs = await sandbox.house.stranger_charges(TWENTY)
    await sandbox.house.stranger_refunds(theirs, Money(5_00, "USD"))

    truth = await sandbox.house.truth()

    told = {each.charge_ref: (f"{each.captured:.0f}", f"{each.refunded:.0f}") for each in truth.charges}
    assert told == {
        charged.charge_ref: ("30", "10"),
        held.charge_ref: ("12", "0"),
        called_off.charge_ref: ("20", "20"),
        theirs: ("20", "5"),
    }
    assert {each.charge_ref for each in (await sandbox.listed()).charges} == set(told)


async def test_its_house_says_what_it_cannot_do(sandbox: Shop) -> None:
    assert sandbox.house.powers == frozenset()
    with pytest.raises(Powerless, match=Power.WIRE):
        sandbox.house.stranded()
    with pytest.raises(pytest.skip.Exception, match=CardKind.DISPUTED):
        await sandbox.house.token(CardKind.DISPUTED)


async def test_a_house_begins_when_all_before_is_over(sandbox: Shop, braintree_emulator: str) -> None:
    """The sandbox's account is never new: what an earlier test did is not this one's."""
    await sandbox.paid()

    async with braintree_sandbox_house(Place(KEYS, MERCHANT_ACCOUNTS, braintree_emulator)) as house:
        charged = await (await open_shop(house)).paid()

        assert [each.charge_ref for each in (await house.truth()).charges] == [charge_ref_of(charged)]
    assert charged.outcome is Outcome.SUCCEEDED


def test_no_house_goes_where_the_sdk_would_not() -> None:
    with pytest.raises(AssertionError, match="braintreegateway"):
        BraintreeSandboxHouse(Place(KEYS, MERCHANT_ACCOUNTS, "https://api.braintreegateway.com"))
