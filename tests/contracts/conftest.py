"""Every store passes these tests, on two kinds of database; and every provider passes those that take a `house`."""

from collections.abc import AsyncIterator, Iterator

import pytest

from domain.declines import DeclineCode
from domain.provider import ProviderAction
from domain.store import JobQueue, Store
from persistence.database import Database
from persistence.jobs import TortoiseJobQueue
from persistence.store import TortoiseStore
from tests.contracts import live
from tests.contracts.houses import ALL, HOUSES, can_run, provider_of
from tests.contracts.houses.braintree import KEYS as BRAINTREE_KEYS
from tests.contracts.houses.house import House
from tests.contracts.houses.stripe import KEYS
from tests.contracts.results import SHOWS
from tests.contracts.shop import Shop, open_shop
from tests.emulators.braintree.serving import serving_aside as serving_braintree_aside
from tests.emulators.stripe.serving import serving_aside


@pytest.fixture
def store(database: Database) -> Store:
    return TortoiseStore(database)


@pytest.fixture
async def rival(database_url: str, database: Database) -> AsyncIterator[Store]:
    """The same store as another process sees it."""
    opened = await Database.open(database_url)
    yield TortoiseStore(opened)
    await opened.close()


@pytest.fixture
def queue(database: Database) -> JobQueue:
    return TortoiseJobQueue(database)


# --- the providers' suite -------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `house` runs in every house where what it uses exists."""
    if "house" not in metafunc.fixturenames:
        return
    marks = list(metafunc.definition.iter_markers())
    actions = {action for mark in marks if mark.name == "capability" for action in mark.args}
    powers = {power for mark in marks if mark.name == "needs" for power in mark.args}
    traits = {trait for mark in marks if mark.name == "where" for trait in mark.args}
    houses = ALL if any(mark.name == "variants" for mark in marks) else HOUSES
    names = [name for name in houses if can_run(name, actions, powers, traits)]
    if "decline" in metafunc.fixturenames:
        # Of each provider's own reasons: not every one of them can say all of them.
        reasons = [(name, code) for name in names for code in DeclineCode if code in ALL[name][0].declines]
        metafunc.parametrize(("house", "decline"), reasons, indirect=["house"])
    elif "action" in metafunc.fixturenames:
        metafunc.parametrize("house", names, indirect=True)
        metafunc.parametrize("action", ProviderAction)
    else:
        metafunc.parametrize("house", names, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each test's report says what it shows, so that results.py can count it, whichever process ran it."""
    live.leave_out(config, items)
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "house" not in parameters:
            continue
        used = {action for mark in item.iter_markers("capability") for action in mark.args}
        used |= {parameters[name] for name in ("action",) if name in parameters}
        item.user_properties += [
            (SHOWS, f"{provider_of(str(parameters['house']))} {action}") for action in sorted(used)
        ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    live.say_what_was_left_out(terminalreporter, config)


@pytest.fixture(scope="session")
def stripe_emulator() -> Iterator[str]:
    """Its address; one serves a whole run, and each test resets it."""
    with serving_aside(keys=KEYS) as (address, _):
        yield address


@pytest.fixture(scope="session")
def braintree_emulator() -> Iterator[str]:
    with serving_braintree_aside(keys=BRAINTREE_KEYS) as (address, _):
        yield address


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A new account at each of the providers."""
    _, opened = ALL[request.param]
    async with opened(request) as house:
        yield house


@pytest.fixture
async def shop(house: House) -> Shop:
    return await open_shop(house)
