"""That `make test-live` goes nowhere it should not, and that its house is one, here at the emulator."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from domain.money import Money
from domain.provider import Outcome
from tests.contracts.houses import EMULATED
from tests.contracts.houses.house import CardKind, Power, Powerless
from tests.contracts.houses.live import IS_LIVE
from tests.contracts.houses.stripe import KEYS, stripe_house
from tests.contracts.houses.stripe_sandbox import SandboxHouse, sandbox_house
from tests.contracts.sandboxes.stripe import is_asked, problem, unusable
from tests.contracts.shop import TWENTY, Shop, open_shop

TEST = {"STRIPE_SECRET_KEY": "sk_test_51N"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"STRIPE_SECRET_KEY": "sk_live_51N"}, "no test key"),
        ({"STRIPE_SECRET_KEY": "rk_live_51N"}, "no test key"),
        ({"STRIPE_SECRET_KEY": "pk_test_51N"}, "no test key"),
        ({"STRIPE_SECRET_KEY": " sk_test_51N"}, "no test key"),
        (TEST | {"STRIPE_PUBLISHABLE_KEY": "pk_live_51N"}, "STRIPE_PUBLISHABLE_KEY is no test key"),
        (TEST | {"STRIPE_API_BASE": "http://127.0.0.1:12111"}, "STRIPE_API_BASE is not Stripe's"),
        (TEST | {"STRIPE_API_BASE": "https://api.stripe.com.example"}, "STRIPE_API_BASE is not Stripe's"),
        (TEST | {"STRIPE_API_BASE": "http://api.stripe.com"}, "STRIPE_API_BASE is not Stripe's"),
    ],
)
def test_it_runs_with_a_test_key_and_at_stripe_only(environment: dict[str, str], said: str) -> None:
    wrong = problem(environment)

    assert wrong is not None
    assert said in wrong
    assert "51N" not in wrong


@pytest.mark.parametrize(
    "more", [{}, {"STRIPE_API_BASE": "https://api.stripe.com/"}, {"STRIPE_PUBLISHABLE_KEY": "pk_test_51N"}]
)
@pytest.mark.parametrize("key", ["sk_test_51N", "rk_test_51N"])
def test_nothing_speaks_against_a_test_key(key: str, more: dict[str, str]) -> None:
    assert problem({"STRIPE_SECRET_KEY": key} | more) is None


def test_a_key_that_is_none_asks_for_nothing() -> None:
    assert not is_asked({})
    assert not is_asked({"STRIPE_SECRET_KEY": ""})
    assert is_asked(TEST)


def test_without_a_key_it_says_so_and_ends_with_2() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "BRAINTREE_"))}

    ran = subprocess.run(
        [sys.executable, "-m", "tests.contracts.live"], env=environment, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith("There is no STRIPE_SECRET_KEY and no BRAINTREE_MERCHANT_ID, so nothing was run.")


async def test_a_key_that_cannot_be_used_is_found_before_anything_runs(stripe_emulator: str) -> None:
    refused = await unusable(TEST, api_base=stripe_emulator)
    unreached = await unusable({"STRIPE_SECRET_KEY": KEYS.secret}, api_base="http://127.0.0.1:9")

    assert refused is not None
    assert "51N" not in refused
    assert unreached is not None
    assert await unusable({"STRIPE_SECRET_KEY": KEYS.secret}, api_base=stripe_emulator) is None


def test_no_house_opens_for_a_live_key() -> None:
    with pytest.raises(ValueError, match="test mode"):
        SandboxHouse("sk_live_51N", "pk_test_51N", api_base="http://127.0.0.1:9")


def test_an_ordinary_run_goes_to_no_sandbox() -> None:
    assert not IS_LIVE
    assert SandboxHouse not in [house for house, _ in EMULATED.values()]


# --- its house, at the emulator -------------------------------------------------------------------------------------


@pytest.fixture
async def sandbox(stripe_emulator: str) -> AsyncIterator[Shop]:
    async with (
        stripe_house(stripe_emulator),  # which makes the account new, and its time the machine's
        sandbox_house(KEYS.secret, KEYS.publishable, api_base=stripe_emulator) as house,
    ):
        house.patience_seconds = 0.5
        yield await open_shop(house)


async def test_its_house_tells_the_truth(sandbox: Shop) -> None:
    charged = await sandbox.paid(amount=Money(30_000_00, "MGA"))
    await sandbox.refund(charged, Money(10_000_00, "MGA"))
    held = await sandbox.held()
    await sandbox.capture(held, Money(12_00, "USD"))
    declined = await sandbox.charge(CardKind.DECLINED_LATER)
    theirs = await sandbox.house.stranger_charges(TWENTY)
    await sandbox.house.stranger_refunds(theirs, Money(5_00, "USD"))

    truth = await sandbox.house.truth()

    told = {each.charge_ref: (f"{each.captured:.0f}", f"{each.refunded:.0f}") for each in truth.charges}
    assert told == {
        charged.charge_ref: ("30000", "10000"),
        held.charge_ref: ("12", "0"),
        declined.charge_ref: ("0", "0"),
        theirs: ("20", "5"),
    }
    assert truth.of(declined.charge_ref).waits_for_the_customer
    assert {each.charge_ref for each in (await sandbox.listed()).charges} == set(told)


async def test_its_house_reads_events_once(sandbox: Shop) -> None:
    charged = await sandbox.paid()

    first = await sandbox.heard()
    again = await sandbox.house.deliveries()

    assert charged.charge_ref in {event.subject_ref for event in first}
    assert len({event.key for event in first}) == len(first)
    assert list(again) == []


async def test_its_house_says_what_it_cannot_do(sandbox: Shop) -> None:
    assert not sandbox.house.powers & {Power.TIME, Power.CUSTOMER, Power.BANK, Power.WIRE, Power.CROWD}
    with pytest.raises(Powerless, match=Power.WIRE):
        sandbox.house.stranded()


async def test_a_house_begins_when_all_before_is_over(sandbox: Shop, stripe_emulator: str) -> None:
    """The sandbox's account is never new: what an earlier test did is not this one's."""
    await sandbox.paid()

    async with sandbox_house(KEYS.secret, KEYS.publishable, api_base=stripe_emulator) as house:
        later = await open_shop(house)
        charged = await later.paid()

        assert [each.charge_ref for each in (await house.truth()).charges] == [charged.charge_ref]
    assert charged.outcome is Outcome.SUCCEEDED
