"""Who waits for what is done beside the event loop, in which order, and for how long."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.requests import HTTPConnection

from schema.http.aside import Aside
from schema.http.clients import Client, Rank, client_of
from schema.http.live import Owner
from schema.http.refusals import Refusal

SHOP, ADA = Client("key:1", Rank.SHOP), Client("customer:ada", Rank.CUSTOMER)


def stranger(name: str) -> Client:
    return Client(name, Rank.STRANGER)


class Busy:
    """An `Aside` whose thread is held, and what was done there since, by whom."""

    def __init__(self, aside: Aside) -> None:
        self.aside = aside
        self.done: list[str] = []
        self.let_go = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def ask(self, *clients: Client) -> list[asyncio.Task[None]]:
        """Each begins to wait, in this order."""
        tasks = [asyncio.create_task(self._ask(client)) for client in clients]
        self._tasks += tasks
        await asyncio.sleep(0)
        return tasks

    async def _ask(self, client: Client) -> None:
        await self.aside.do(lambda: self.done.append(client.name), client=client)

    async def end(self) -> None:
        self.let_go.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def busy(*, most_waiting: int = 100, wait_seconds: float = 60) -> AsyncIterator[Busy]:
    held = Busy(Aside(most_waiting=most_waiting, wait_seconds=wait_seconds))
    holding = asyncio.create_task(held.aside.do(held.let_go.wait, client=stranger("first")))
    await asyncio.sleep(0)
    try:
        yield held
    finally:
        await held.end()
        await holding


def refusal_of(task: asyncio.Task[None]) -> tuple[int, str]:
    error = task.exception()
    assert isinstance(error, Refusal)
    return error.status, error.headers["Retry-After"]


async def test_the_shop_comes_before_its_customers_and_these_before_strangers() -> None:
    async with busy() as held:
        await held.ask(stranger("a"), stranger("b"), ADA, SHOP)
    assert held.done == [SHOP.name, ADA.name, "a", "b"]


async def test_clients_of_a_rank_take_turns() -> None:
    async with busy() as held:
        await held.ask(*[stranger("a")] * 3, stranger("b"), *[stranger("c")] * 2)
    assert held.done == ["a", "b", "c", "a", "c", "a"]


@pytest.mark.fault("F59")
async def test_who_waits_for_too_long_is_told_to_come_again() -> None:
    async with busy(wait_seconds=0.02) as held:
        (late,) = await held.ask(stranger("a"))
        await asyncio.wait([late])
        assert refusal_of(late) == (503, "1")
    assert held.done == []
    await held.ask(stranger("a"))
    await held.end()
    assert held.done == ["a"], "the line goes on"


@pytest.mark.fault("F59")
async def test_one_client_alone_crowds_nobody_out_of_a_full_line() -> None:
    async with busy(most_waiting=3) as held:
        *_, last = await held.ask(*[stranger("a")] * 3)
        (b,) = await held.ask(stranger("b"))
        await asyncio.wait([last])
        assert refusal_of(last)[0] == 503
        (one_more,) = await held.ask(stranger("a"))
        await asyncio.wait([one_more])
        assert refusal_of(one_more)[0] == 503
        await held.ask(SHOP)
        assert not b.done()
    assert held.done == [SHOP.name, "a", "b", "a"]


async def test_who_goes_away_leaves_the_line_and_the_thread_in_order() -> None:
    async with busy() as held:
        leaving, _ = await held.ask(stranger("a"), stranger("b"))
        leaving.cancel()
    assert held.done == ["b"]


async def test_work_of_somebody_who_has_gone_away_is_waited_for() -> None:
    aside, let_go, running = Aside(), threading.Event(), threading.Event()

    def work() -> None:
        running.set()
        let_go.wait()

    gone = asyncio.create_task(aside.do(work, client=SHOP))
    await asyncio.to_thread(running.wait)
    gone.cancel()
    next_ = asyncio.create_task(aside.do(let_go.is_set, client=SHOP))
    await asyncio.wait([gone])
    let_go.set()
    assert await next_


async def test_a_failure_is_the_clients_own_and_the_next_has_its_turn() -> None:
    aside = Aside()

    def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await aside.do(fail, client=SHOP)
    assert await aside.do(lambda: 1, client=SHOP) == 1


class Somebody:
    def __init__(self, owner: Owner) -> None:
        self.owner = owner


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2001:4860:1:2::1", "2001:4860:1:2::/64"),
        ("2001:4860:1:2:3:4:5:6", "2001:4860:1:2::/64"),
        ("10.0.0.7", "10.0.0.7"),
        ("testclient", "testclient"),
    ],
)
def test_a_stranger_is_their_address_and_of_ipv6_the_half_that_they_cannot_change(host: str, name: str) -> None:
    connection = HTTPConnection({"type": "http", "headers": [], "client": (host, 1)})
    assert client_of(connection, {}) == stranger(name)
    assert client_of(connection, Somebody(Owner("anonymous"))) == stranger(name)


@pytest.mark.parametrize("client", [SHOP, ADA])
def test_who_is_signed_in_is_the_same_from_everywhere(client: Client) -> None:
    connection = HTTPConnection({"type": "http", "headers": [], "client": None})
    owner = Owner(client.name, is_customer=client is ADA, signed_in=True)
    assert client_of(connection, Somebody(owner)) == client
