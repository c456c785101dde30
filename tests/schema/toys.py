"""Types that fail, count and echo on request."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum

import strawberry

from domain.pages import Slice
from schema.masking import ExposedError
from schema.pagination import After, Before, Connection, First, Last, connection_of, page_arguments
from schema.scalars import URL, Currency, Metadata, MinorUnits

BOATS = tuple(f"boat_{number:03}" for number in range(45))


@strawberry.enum
class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


@strawberry.type
class Sail:
    area: int = 12


@strawberry.type
class Boat:
    id: strawberry.ID
    name: str

    @strawberry.field
    def sails(self) -> list[Sail]:
        return [Sail(), Sail()]

    @strawberry.field
    def twin(self) -> "Boat":
        return self


@strawberry.input
class Paint:
    colour: Colour = Colour.RED
    layers: int = 1
    note: str = ""


@strawberry.input(one_of=True)
class Wish:
    name: str | None = strawberry.UNSET
    number: int | None = strawberry.UNSET


def boat(name: str) -> Boat:
    return Boat(id=strawberry.ID(name), name=name.upper())


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def large(self) -> str:
        return "x" * 30_000_000

    @strawberry.field
    def double(self, n: int = 1) -> int:
        return n * 2

    @strawberry.field
    def boat(self) -> Boat | None:
        return boat("boat_000")

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Boat | None]:
        return [boat(name) if name in BOATS else None for name in ids]

    @strawberry.field
    def boats(
        self,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Boat] | None:
        page = page_arguments(first=first, after=after, last=last, before=before, sort="NAME")
        start = BOATS.index(str(page.cursor[0])) if page.cursor else None
        if page.backward:
            end = len(BOATS) if start is None else start
            low, high = max(end - page.limit, 0), end
        else:
            low = 0 if start is None else start + 1
            high = min(low + page.limit, len(BOATS))
        rows = Slice(items=BOATS[low:high], has_next=high < len(BOATS), has_previous=low > 0)
        return connection_of(rows, sort="NAME", key=lambda row: (row,), node=boat)

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def broken_hard(self) -> str:
        raise RuntimeError("the password is hunter2")

    @strawberry.field
    def many_broken(self) -> list[str | None]:
        return [object() for _ in range(50)]  # type: ignore[misc]

    @strawberry.field
    def refused(self) -> str | None:
        raise ExposedError("The boat has sunk.", code="BOAT_SUNK", boat="boat_001")

    @strawberry.field
    def wish(self, wish: Wish) -> str:
        return wish.name or str(wish.number)

    @strawberry.field
    def paint(self, paint: Paint) -> str:
        return f"{paint.layers} x {paint.colour}"

    @strawberry.field
    def ids(self, ids: list[int]) -> int:
        return len(ids)

    @strawberry.field
    def amount(self, minor_units: MinorUnits) -> MinorUnits:
        return minor_units

    @strawberry.field
    def huge_amount(self) -> MinorUnits | None:
        return MinorUnits(2**60)

    @strawberry.field
    def moment(self, at: datetime) -> datetime:
        return at

    @strawberry.field
    def currency(self, code: Currency) -> Currency:
        return code

    @strawberry.field
    def url(self, url: URL) -> URL:
        return url

    @strawberry.field
    def metadata(self, metadata: Metadata) -> Metadata:
        return metadata

    @strawberry.field
    def lone_surrogate(self) -> str:
        return "\ud800"


launched: list[str] = []


class Slow:
    """What lasts: how many run, and how much they have made."""

    running = 0
    produced = 0

    @classmethod
    def reset(cls) -> None:
        cls.running = cls.produced = 0


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def launch_slowly(self, name: str) -> str:
        Slow.running += 1
        try:
            await asyncio.sleep(0.4)
            launched.append(name)
        finally:
            Slow.running -= 1
        return name

    @strawberry.mutation
    def launch(self, name: str) -> str:
        launched.append(name)
        return name


@strawberry.type
class Tossed:
    sinks: strawberry.Private[bool]

    @strawberry.field
    def afloat(self) -> bool | None:
        if self.sinks:
            raise ConnectionError("the password is hunter2")
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1

    @strawberry.subscription
    async def count(self, to: int, then_break: bool = False) -> AsyncIterator[int]:
        for number in range(1, to + 1):
            yield number
            await asyncio.sleep(0)
        if then_break:
            raise RuntimeError("the password is hunter2")

    @strawberry.subscription
    async def breaks_for_a_moment(self) -> AsyncIterator[int]:
        yield 1
        raise ConnectionError("the password is hunter2")

    @strawberry.subscription
    async def boats(self) -> AsyncIterator[Tossed]:
        yield Tossed(sinks=False)
        yield Tossed(sinks=True)

    @strawberry.subscription
    async def waits(self) -> AsyncIterator[int]:
        Slow.running += 1
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            Slow.running -= 1

    @strawberry.subscription
    async def floods(self) -> AsyncIterator[str]:
        Slow.running += 1
        try:
            while True:
                Slow.produced += 1
                yield "x" * 65_536
        finally:
            Slow.running -= 1

    @strawberry.subscription
    async def fails(self) -> AsyncIterator[int]:
        for number in range(1, 2):
            if number:
                raise ExposedError("The boat has sunk.", code="BOAT_SUNK")
            yield number

    @strawberry.subscription
    def refuses(self) -> AsyncIterator[int]:
        raise ExposedError("The boat has sunk.", code="BOAT_SUNK")

    @strawberry.subscription
    async def breaks(self) -> AsyncIterator[int]:
        for number in range(1, 2):
            if number:
                raise RuntimeError("the password is hunter2")
            yield number
