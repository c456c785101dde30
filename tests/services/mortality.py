"""A process that dies at its n-th step: from then on nothing that it does reaches the database or the bank.

A step is the beginning of a transaction, each call inside it, its commit, the moment after the commit, and each call of
the provider before it left and after it was worked on. What was committed stays; what was not is rolled back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, cast

from domain.store import Store, Transaction
from tests.services.watching import Ask

Result = TypeVar("Result")


class Life:
    """Counts steps; `last` is the one at which the process dies, None lets it live."""

    def __init__(self, last: int | None = None) -> None:
        self._last = last
        self.steps: list[str] = []

    @property
    def is_over(self) -> bool:
        return self._last is not None and len(self.steps) >= self._last

    def step(self, what: str) -> None:
        self.steps.append(what)
        if self.is_over:
            raise asyncio.CancelledError(f"died at step {len(self.steps)}: {what}")

    async def between(self, _asked: Any, ask: Ask) -> Any:
        """In the way of a watched provider."""
        self.step("the request leaves")
        told = await ask()
        self.step("the answer arrives")
        return told


class MortalStore:
    """The store as the process sees it that may die. With `coarse`, calls inside a transaction are no steps."""

    def __init__(self, store: Store, life: Life, *, coarse: bool = False) -> None:
        self._store = store
        self._life = life
        self._coarse = coarse

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self._life.step("begin")
        async with self._store.transaction() as tx:
            yield tx if self._coarse else cast("Transaction", _Mortal(tx, self._life.step))
            self._life.step("commit")
        self._life.step("committed")

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[Result]],
        *,
        landed: Callable[[Transaction, Result], Awaitable[bool]] | None = None,
    ) -> Result:
        """Without the repetitions of the real one: the dead repeat nothing."""
        async with self.transaction() as tx:
            return await work(tx)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Transaction]:
        self._life.step("read")
        async with self._store.reading() as tx:
            yield tx

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self._reading()


class _Mortal:
    """A transaction, or one of its nouns: awaiting any call of it is a step."""

    def __init__(self, inner: Any, step: Callable[[str], None], name: str = "") -> None:
        self._inner = inner
        self._step = step
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not self._name:
            return _Mortal(found, self._step, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._step(f"{self._name}.{name}")
            return await found(*args, **kwargs)

        return call
