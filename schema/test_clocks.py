"""Test clocks: a year of billing in a minute, for the customers who were attached to one when they were made."""

from datetime import datetime
from typing import Annotated, cast

import strawberry

from domain.errors import PaydeskError
from domain.principals import Permission
from domain.queries import CustomerFilter, Sort, TestClockFilter
from domain.services.test_clocks import AdvanceTestClock, CreateTestClock
from domain.test_clocks import ClockState
from domain.test_clocks import TestClock as DomainTestClock
from schema.context import Info
from schema.customers import Customer, CustomerFilterInput
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_OPTIONAL, request_of
from schema.listing import BY_ID, SortArgument, listed, paged, words
from schema.node import Node
from schema.pagination import Connection, given

described_enum(
    ClockState,
    name="TestClockState",
    description="What a test clock is doing.",
    values={
        ClockState.READY: "It stands. Its customers live at `now`, and can be changed.",
        ClockState.ADVANCING: "What is due by `target` is done, one thing after another. Its customers cannot be "
        "changed meanwhile.",
        ClockState.FAILED: "It stands where something did not end; see `failure`. It can be advanced again, and goes "
        "on from there.",
    },
)


@strawberry.type(
    description="A clock that is moved by hand, outside of production. Customers who were made with it live by it: "
    "periods, trials, dunning, deadlines of orders. Everybody else, and whatever concerns a provider, stays in real "
    "time."
)
class TestClock(Node):
    __test__ = False  # for pytest

    id: strawberry.ID = strawberry.field(description="Global id, `clk_…`.")
    name: str | None = strawberry.field(description="What it is for; null where nobody said.")
    now: datetime = strawberry.field(
        description="What its customers take for now. While it advances, the moment of what was done last."
    )
    state: ClockState = strawberry.field(description="What it is doing.")
    target: datetime | None = strawberry.field(
        description="Where it is going, or was when that failed; null while it is READY."
    )
    failure: str | None = strawberry.field(
        description="What kept it from arriving, in a sentence that names the charge or the subscription; null unless "
        "it is FAILED."
    )
    created_at: datetime = strawberry.field(description="When it was made, in real time.")
    updated_at: datetime = strawberry.field(description="When it last changed, in real time.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, DomainTestClock)

    @listed(BY_ID, description="Who lives by it.")
    def customers(
        root: strawberry.Parent[DomainTestClock],
        info: Info,
        filter: Annotated[
            CustomerFilterInput | None, strawberry.argument(description="Which customers; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Customer]:
        where = filter.to_domain() if filter else CustomerFilter()
        return paged(lambda request: info.context.loaders.customers_of_test_clock.load(root.id, request, where))


@strawberry.input(description="Which test clocks to list; what is left out does not narrow.")
class TestClockFilterInput:
    __test__ = False

    states: list[ClockState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")

    def to_domain(self) -> TestClockFilter:
        return TestClockFilter(states=words(self.states))


@strawberry.type
class TestClockQuery:
    __test__ = False

    @strawberry.field(
        description="A test clock by its id, to be asked again while it is ADVANCING; null when there is none, and for "
        "customers."
    )
    async def test_clock(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the test clock, `clk_…`.")],
    ) -> TestClock | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("TestClock | None", await info.context.loaders.test_clocks.load(id))

    @listed(BY_ID, description="Test clocks; for servers and staff, empty for customers.")
    def test_clocks(
        self,
        info: Info,
        filter: Annotated[
            TestClockFilterInput | None, strawberry.argument(description="Which test clocks; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[TestClock] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else TestClockFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.test_clocks.page(request, where, viewer=viewer))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A new test clock.")
class TestClockCreateInput:
    __test__ = False

    now: datetime = strawberry.field(description="When it begins, to the second; in the past or in the future.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="What it is for.")
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A test clock that is to be moved forward.")
class TestClockAdvanceInput:
    __test__ = False

    test_clock_id: strawberry.ID = strawberry.field(description="Id of the test clock, `clk_…`.")
    to: datetime = strawberry.field(description="When it arrives: later than its `now`, by five years at most.")
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.type(description="The test clock, or why it was refused.")
class TestClockPayload:
    __test__ = False

    test_clock: TestClock | None = strawberry.field(default=None, description="The test clock as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class TestClockMutation:
    __test__ = False

    @strawberry.mutation(
        description="Make a clock for customers to live by: name it when they are made (`testClockId`). Refused in "
        "production. For admins, and servers with the scope `TEST_CLOCKS_WRITE`."
    )
    async def test_clock_create(self, info: Info, input: TestClockCreateInput) -> TestClockPayload | None:
        principal = info.context.principal
        command = CreateTestClock(
            now=input.now,
            name=given(input.name),
            request=request_of(principal, "testClockCreate", input.idempotency_key, input),
        )
        try:
            clock_id = await info.context.services.test_clocks.create(principal, command)
        except PaydeskError as error:
            return TestClockPayload(user_errors=[user_error(error)])
        return await _payload(info, clock_id)

    @strawberry.mutation(
        description="Move a test clock forward. Everything that is due to its customers on the way happens, in order, "
        "and each charge is settled before what comes next. Answers when it has arrived, or after about 15 s: then it "
        "is still ADVANCING; ask for `testClock(id:)` until it is not. Refused in production. For admins, and servers "
        "with the scope `TEST_CLOCKS_WRITE`."
    )
    async def test_clock_advance(self, info: Info, input: TestClockAdvanceInput) -> TestClockPayload | None:
        principal = info.context.principal
        command = AdvanceTestClock(
            clock_id=input.test_clock_id,
            to=input.to,
            request=request_of(principal, "testClockAdvance", input.idempotency_key, input),
        )
        try:
            clock_id = await info.context.services.test_clocks.advance(principal, command)
        except PaydeskError as error:
            return TestClockPayload(user_errors=[user_error(error)])
        return await _payload(info, clock_id)


async def _payload(info: Info, clock_id: str) -> TestClockPayload:
    info.context.changed()
    found = await info.context.loaders.test_clocks.load(clock_id)
    return TestClockPayload(test_clock=cast("TestClock | None", found))
