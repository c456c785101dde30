"""The gateway keeps the rules of `rules/`, and each rule finds what breaks it: a rule that never fires is none."""

from collections.abc import Callable, Sequence
from functools import cache
from textwrap import indent

import pytest

from tests.house.rules import source
from tests.house.rules.clocks import LIVE_BY_THE_CUSTOMERS_TIME, real_time_is_not_a_customers
from tests.house.rules.evidence import (
    a_failed_statement_ends_its_transaction,
    a_task_has_a_context_of_its_own,
    a_vague_failure_is_no_outcome,
    tortoise_s_own_transactions_and_locks_are_not_used,
)
from tests.house.rules.money import ALL_ABOUT_MONEY, no_float_near_money
from tests.house.rules.source import Finding, Source, read
from tests.house.rules.transactions import nothing_waits_inside_a_transaction

Rule = Callable[[Sequence[Source]], list[Finding]]

gateway = cache(source.gateway)

RULES: tuple[Rule, ...] = (
    nothing_waits_inside_a_transaction,
    no_float_near_money,
    real_time_is_not_a_customers,
    a_vague_failure_is_no_outcome,
    a_failed_statement_ends_its_transaction,
    a_task_has_a_context_of_its_own,
    tortoise_s_own_transactions_and_locks_are_not_used,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_gateway_keeps_the_rule(rule: Rule) -> None:
    assert [str(finding) for finding in rule(gateway())] == []


def test_what_the_rules_name_is_there() -> None:
    names = {each.name for each in gateway()}

    assert names >= ALL_ABOUT_MONEY | LIVE_BY_THE_CUSTOMERS_TIME
    assert {"domain/provider/port.py", "domain/services/teller.py", "domain/services/sending.py"} <= names


# --- nothing waits inside a transaction -------------------------------------------------------------------------------

SERVICE = """
import asyncio
import httpx
from domain.services.teller import Teller
from domain.services.sending import Sending
from domain.services.payment_methods import PaymentMethodService

class Service:
    def __init__(self, store: Store, teller: Teller, sending: Sending, methods: PaymentMethodService, detached) -> None:
        self._store = store
        self._teller = teller
        self._sending = sending
        self._methods = methods
        self._detached = detached

    async def _asks(self, charge):
        return await self._teller.fetch_charge(charge.account, charge.charge_ref)

    async def _pauses(self):
        await asyncio.sleep(1)
"""

BLOCKS = ("async with self._store.transaction() as tx:", "async with self._store.reading() as tx:")

WAITS = (
    "await self._teller.fetch_charge(charge.account, charge.charge_ref)",
    "await self._sending.send(operation, actor='x')",
    "await provider.refund(operation)",
    "await provider.find_charge(operation)",
    "self._detached.spawn(self._pauses(), name='x')",
    "asyncio.create_task(self._pauses(), context=contextvars.Context())",
    "await asyncio.gather(self._pauses(), self._pauses())",
    "async with asyncio.TaskGroup() as group: group.create_task(self._pauses())",
    "await asyncio.to_thread(print)",
    "await asyncio.get_running_loop().run_in_executor(None, print)",
    "await asyncio.sleep(0.1)",
    "await asyncio.wait_for(event.wait(), 1)",
    "httpx.get('https://example.com')",
    "async with httpx.AsyncClient() as client: await client.get('https://example.com')",
    "async with self._store.transaction() as second: pass",
    "await self._teller.provider('fake').check()",
    "await self._queue.get()",
    "await self._lock.acquire()",
    "await self._task",
    # One call further, and two: through a method of its own, and through another service of the tree.
    "await self._asks(charge)",
    "await self._pauses()",
    "charges = [await self._asks(each) for each in await tx.charges.of_order('ord_1')]",
    "await self._methods.forget('pm_1')",
    "if charge.is_live:\n    for _ in range(3):\n        await self._asks(charge)",
)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_waits_in_a_block_is_found(block: str) -> None:
    assert (
        unfound(
            [f"async def does(self, charge, operation, provider):\n    {block}\n{in_a_block(waits)}" for waits in WAITS]
        )
        == []
    )


def test_what_waits_before_or_after_a_block_is_not() -> None:
    methods = [
        f"async def does(self, charge, operation, provider):\n{indent(waits, '    ')}\n    {BLOCKS[0]}\n"
        f"        await tx.charges.save(charge)\n{indent(waits, '    ')}"
        for waits in WAITS
    ]
    assert unfound(methods) == methods


@pytest.mark.parametrize("given", ["tx: Transaction, charge", "charge, *, within: 'Transaction'", "tx"])
def test_what_waits_in_a_function_that_is_given_a_transaction_is_found(given: str) -> None:
    assert unfound([f"async def does(self, {given}):\n{indent(waits, '    ')}" for waits in WAITS]) == []


def test_what_is_handed_to_run_is_inside() -> None:
    handed = [
        "await self._store.run(lambda tx: self._asks(charge))",
        "async def work(some):\n    await self._asks(charge)\nawait self._store.run(work)",
        "async def settle(tx):\n    await self._asks(charge)\nawait self._store.run(settle)",
        "await self._store.run(work=lambda other: self._asks(charge))",
        "async def work(which, some):\n    await self._asks(charge)\nawait self._store.run(partial(work, charge))",
    ]
    assert unfound([f"async def does(self, charge):\n{indent(each, '    ')}" for each in handed]) == []


def test_what_cannot_be_followed_is_found_wherever_it_stands() -> None:
    hidden = [
        "async with AsyncExitStack() as stack:\n    tx = await stack.enter_async_context(self._store.transaction())",
        "ask = self._teller.send_charge",
        "await self._store.run(partial(self._teller.fetch_charge, 'fake'))",
        "return later(provider.refund)",
    ]
    assert unfound([f"async def does(self, charge, provider):\n{indent(each, '    ')}" for each in hidden]) == []


@pytest.mark.parametrize(
    ("name", "line", "planted"),
    [
        ("domain/services/charges.py", "await tx.charges.insert(charge)", "await self._sending.send(charge, actor='')"),
        ("domain/services/orders.py", "await tx.jobs.cancel(", "await self._voids.end_waiting(order.id)"),  # a protocol
        ("domain/services/settlement.py", "await tx.charges.save(other)", "await asyncio.sleep(0.05)"),
        ("domain/services/webhooks.py", "await tx.webhooks.save(ended)", "await self._teller.fetch_charge('', '')"),
        ("domain/services/keyed.py", "key = await tx.keys.find(request)", "asyncio.ensure_future(request)"),
    ],
)
def test_one_line_that_is_planted_in_the_gateway_is_found(name: str, line: str, planted: str) -> None:
    text = (source.ROOT / name).read_text(encoding="utf-8")
    before = next(each for each in text.splitlines() if line in each)
    margin = " " * (len(before) - len(before.lstrip()))
    broken = read(name, text.replace(before, f"{margin}{planted}\n{before}", 1))

    found = nothing_waits_inside_a_transaction([broken if each.name == name else each for each in domain()])

    assert [finding.name for finding in found] == [name], found


def unfound(methods: Sequence[str]) -> list[str]:
    """The methods of `SERVICE` in which nothing is found."""
    text, lines = SERVICE, []
    for method in methods:
        begins = text.count("\n") + 1
        text += f"{indent(method, '    ')}\n"
        lines.append(range(begins, text.count("\n") + 1))
    planted = read("domain/services/planted.py", text)
    found = [
        finding.line
        for finding in nothing_waits_inside_a_transaction([*domain(), planted])
        if finding.name == planted.name
    ]
    return [method for method, where in zip(methods, lines, strict=True) if not set(where) & set(found)]


def in_a_block(text: str) -> str:
    return indent(text, " " * 8)


@cache
def domain() -> list[Source]:
    return [each for each in gateway() if each.name.startswith("domain/")]


# --- no float near money ----------------------------------------------------------------------------------------------

FLOATS = (
    "half = charge.amount.minor_units / 2",
    "half = order.total / 2",
    "with_tax = amount * 1.19",
    "amount *= 1.19",
    "amount /= 2",
    "share: float = amount.minor_units",
    "amount: float = 0",
    "amount = float(text)",
    "minor_units = round(text * 100)",
    "minor_units = int(text * 100.0)",
    "money = Money(10.5, 'USD')",
    "money = Money(int(text * 1e2), 'USD')",
    "money = Money(minor_units=round(text, 2), currency='USD')",
    "data = {'amount': cents / 100}",
    "enough = captured >= 0.5",
    "due = total - captured if captured > 0.0 else total",
    "shares = [unit_amount / 3 for unit_amount in amounts]",
    "def fee_amount(charge) -> float: return charge",
    "def pay(amount: float): pass",
    "def pay(amount: float | None = None): pass",
    "class Row:\n    unit_amount: float",
    "book(amount=cents / 100)",
    "low = min(refundable.minor_units, math.floor(text))",
)


@pytest.mark.parametrize("line", FLOATS)
def test_a_float_near_money_is_found_anywhere(line: str) -> None:
    assert no_float_near_money([read("adapters/planted.py", line)])


@pytest.mark.parametrize(
    "line", ["half = something / 2", "tenth = 0.1", "x = round(y)", "x = float(y)", "def f(x: float): pass"]
)
def test_in_what_is_all_about_money_every_float_is_found(line: str) -> None:
    for name in ALL_ABOUT_MONEY:
        assert no_float_near_money([read(name, line)])
    assert not no_float_near_money([read("domain/jobs.py", line)])


@pytest.mark.parametrize(
    "line",
    [
        "folder = root / 'amounts'",
        "seconds = age.total_seconds() / 2",
        "half = amount.minor_units // 2",
        "await charge(amount, timeout_seconds=2.5)",
        "longest_seconds: float = 20.0",
        "decimal = Decimal(amount.minor_units).scaleb(-2)",
    ],
)
def test_other_floats_are_let_be(line: str) -> None:
    assert not no_float_near_money([read("adapters/planted.py", line)])


# --- the time of customers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "now = self._clock.now()",
        "now = whole_seconds(self._clock.now())",
        "paid = invoice.paid(now=self._clock.now())",
        "late = subscription.due_at <= clock.now()",
        "now = datetime.now(UTC)",
        "told, now = self._clock.now(), None",
        "told = await now_of(tx, customer_id, now=now) if known else self._clock.now()\nnow = self._clock.now()",
        "await now_of(tx, customer_id, now=now, also=self._clock.now())",
    ],
)
def test_the_real_time_is_found_where_a_customer_s_is_meant(line: str) -> None:
    for name in LIVE_BY_THE_CUSTOMERS_TIME:
        assert real_time_is_not_a_customers([read(name, line)])
    assert not real_time_is_not_a_customers([read("domain/services/sending.py", line)])


@pytest.mark.parametrize(
    "line",
    [
        "now = await now_of(tx, customer_id, now=self._clock.now())",
        "now = await now_of(tx, customer_id, now=whole_seconds(self._clock.now()))",
        "told = self._clock.now()",
        "told = whole_seconds(self._clock.now())",
        "await keep(tx, subscription, told=self._clock.now())",
        "now = subscription.now()",
    ],
)
def test_the_real_time_may_be_told(line: str) -> None:
    assert not real_time_is_not_a_customers([read(name, line) for name in LIVE_BY_THE_CUSTOMERS_TIME])


# --- evidence, failures, tasks, stock parts ---------------------------------------------------------------------------

BROKEN: dict[Rule, tuple[str, ...]] = {
    a_vague_failure_is_no_outcome: (
        "try: ask()\nexcept TimeoutError: result = ChargeResult(outcome=Outcome.FAILED)",
        "try: ask()\nexcept Exception as error:\n    log(error)\n    return ChargeResult(outcome=Outcome.DECLINED)",
        "try: ask()\nexcept (ValueError, KeyError): outcome = Outcome.NOT_SENT",
        "try: ask()\nexcept: outcome = Outcome.SUCCEEDED",
        "try: ask()\nexcept httpx.ReadTimeout:\n    if late:\n        outcome = Outcome.EXPIRED",
    ),
    a_failed_statement_ends_its_transaction: (
        "async def f(s):\n async with s.transaction() as tx:\n  try: await tx.x.insert(1)\n  except UniqueTaken: pass",
        "async def f(tx):\n try:\n  await tx.x.insert(1)\n except IntegrityError as error:\n  return error",
        "async def f(tx):\n try: await tx.x.insert(1)\n except Exception: log()",
        "async def f(tx):\n try: await tx.x.insert(1)\n except: log()",
    ),
    a_task_has_a_context_of_its_own: (
        "task = asyncio.create_task(work())",
        "task = asyncio.get_running_loop().create_task(work(), name='x')",
        "task = asyncio.ensure_future(work())",
        "async def f():\n async with asyncio.TaskGroup() as group: pass",
    ),
    tortoise_s_own_transactions_and_locks_are_not_used: (
        "async def f():\n async with in_transaction() as connection: pass",
        "async def f():\n return await Order.filter(id=1).select_for_update().get()",
        "async def f():\n await Tortoise.generate_schemas()",
        "@atomic()\nasync def f(): pass",
    ),
}

SOUND: dict[Rule, tuple[str, ...]] = {
    a_vague_failure_is_no_outcome: (
        "try: ask()\nexcept Exception: result = ChargeResult(outcome=Outcome.UNKNOWN)",
        "try: ask()\nexcept httpx.ConnectError: outcome = Outcome.NOT_SENT",
        "try: ask()\nexcept NotSent: outcome = Outcome.NOT_SENT",
    ),
    a_failed_statement_ends_its_transaction: (
        "async def f(s):\n try:\n  async with s.transaction() as tx: await tx.x.insert(1)\n except UniqueTaken: pass",
        "async def f(tx):\n try: await tx.x.insert(1)\n except UniqueTaken as taken: raise Taken from taken",
        "async def f(tx):\n try: number = int(text)\n except Exception: number = 0\n await tx.x.insert(number)",
    ),
    a_task_has_a_context_of_its_own: ("asyncio.create_task(work(), context=contextvars.Context())",),
    tortoise_s_own_transactions_and_locks_are_not_used: ("async def f(tx):\n await tx.orders.get_for_update('ord_1')",),
}


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in BROKEN.items() for text in texts])
def test_what_breaks_a_rule_is_found(rule: Rule, text: str) -> None:
    assert rule([read("domain/planted.py", text)])


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in SOUND.items() for text in texts])
def test_what_keeps_a_rule_is_let_be(rule: Rule, text: str) -> None:
    assert not rule([read("domain/planted.py", text)])
