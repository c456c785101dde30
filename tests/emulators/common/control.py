"""What only a test may do, under /_control: JSON in, JSON out, without a key: it listens on loopback alone.

What every emulator has there; each adds its own.

POST reset       as at the start
GET, POST clock  {"advance_seconds": 3600}: put it forward and do all that is due
POST faults      {"rules": [{"on": a call, "fault": "lose_answer", "last": 1}], "seed": 7}
GET faults       how often each has happened since
GET truth        what was really taken, given back and disputed, and which cards are kept
GET requests     every request since the start, with its key and what it was answered
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulators.common.clock import MovableClock
from tests.emulators.common.faults import Faults, Rule
from tests.emulators.common.refusals import Refusal

Json = dict[str, Any]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Advance(Body):
    advance_seconds: Annotated[float, Field(ge=0)]


class Account(Protocol):
    def catch_up(self) -> None: ...


class Emulator(Protocol):
    clock: MovableClock
    faults: Faults

    @property
    def account(self) -> Account: ...

    def truth(self) -> Json: ...

    def logged(self) -> list[Json]: ...


Asked = TypeVar("Asked", bound=Body)


def usual_routes(emulator: Emulator, rule: type[Rule]) -> list[Route]:
    """`rule` is what a rule of this emulator may say."""

    class Rules(Body):
        rules: list[rule]  # type: ignore[valid-type]
        seed: int = 0

    def clock() -> Json:
        return {"now": emulator.clock.now, "ahead_seconds": emulator.clock.ahead_seconds}

    async def advance(asked: Advance) -> Json:
        emulator.clock.advance(asked.advance_seconds)
        emulator.account.catch_up()
        return clock()

    def misdeeds() -> Json:
        return {"happened": dict(emulator.faults.happened)}

    async def misbehave(asked: Rules) -> Json:
        emulator.faults.set(asked.rules, seed=asked.seed)
        return asked.model_dump(mode="json")

    def truth() -> Json:
        emulator.account.catch_up()
        return emulator.truth()

    return [
        get("clock", clock),
        post("clock", Advance, advance),
        get("faults", misdeeds),
        post("faults", Rules, misbehave),
        get("truth", truth),
        get("requests", lambda: {"requests": emulator.logged()}),
    ]


def get(path: str, work: Callable[[], Json]) -> Route:
    async def answer(_: Request) -> Response:
        return JSONResponse(work())

    return Route(f"/_control/{path}", answer, methods=["GET"])


def post(path: str, kind: type[Asked], work: Callable[[Asked], Awaitable[Json]]) -> Route:
    async def answer(request: Request) -> Response:
        try:
            asked = kind.model_validate(json.loads(await request.body() or b"{}"))
            return JSONResponse(await work(asked))
        except (ValidationError, json.JSONDecodeError) as unreadable:
            return _refused(422, str(unreadable))
        except Refusal as refused:
            return _refused(refused.status, str(refused))

    return Route(f"/_control/{path}", answer, methods=["POST"])


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status_code=status)
