"""How a request is taken: who asks, in which version, for what, whether it was asked before; then the work, once.

https://docs.stripe.com/api/request_ids. A request that came is worked on to its end, whether or not its client still
waits: that is what makes an answer that never came so awkward.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from tests.emulators.common.clock import MovableClock
from tests.emulators.common.faults import Faults, Misdeed, WireFault
from tests.emulators.common.wire import Lost, Reply, Silence
from tests.emulators.stripe.account import API_VERSION, Account, Origin, Pace
from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.charges import refunds_of
from tests.emulators.stripe.credentials import Keys, check_version
from tests.emulators.stripe.expanding import check_expandable, expanded
from tests.emulators.stripe.faults import Fault
from tests.emulators.stripe.faulty import locked, server_error, spoiled, turn_away
from tests.emulators.stripe.forms import FormUnreadable, Raw, read_form
from tests.emulators.stripe.idempotency import FirstAnswer, IdempotencyKeys
from tests.emulators.stripe.jsontext import written
from tests.emulators.stripe.refusals import Json, Refused, invalid
from tests.emulators.stripe.routes import Found, find_route
from tests.emulators.stripe.truth import truth_of
from tests.emulators.stripe.webhooks import Outbox

_log = logging.getLogger(__name__)

_JSON = "application/json"
_LEFT_OUT = {("charge", "refunds"): refunds_of}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. Names of headers are in small letters."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Logged:
    """A request as tests may look it up."""

    request_id: str
    method: str
    path: str
    call: str | None
    idempotency_key: str | None
    version: str | None
    parameters: Mapping[str, Raw]
    status: int
    """As it was worked out, whatever became of the answer; 0 when nothing was."""
    replayed: bool


class Emulator:
    """One Stripe account in test mode, and what stands between it and its clients."""

    def __init__(
        self, *, public_url: str, keys: Keys | None = None, seed: int | None = None, pace: Pace | None = None
    ) -> None:
        self.keys = keys or Keys()
        self.faults = Faults()
        self.outbox = Outbox(self.faults)
        self._public_url, self._pace = public_url, pace
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """As it was at the start, and at the machine's time; webhook endpoints stay. `seed` makes ids repeatable."""
        self.clock = MovableClock()
        self.account = Account(
            clock=self.clock,
            public_url=self._public_url,
            told=self.outbox.put,
            endpoints=lambda: self.outbox.endpoints,
            seed=seed,
            pace=self._pace,
        )
        self.requests: list[Logged] = []
        self.faults.set((), seed=0)
        self.outbox.clear()
        self._first_answers = IdempotencyKeys(self.clock)
        self._busy: set[str] = set()

    def truth(self) -> Json:
        return truth_of(self.account)

    def logged(self) -> list[Json]:
        return [asdict(request) for request in self.requests]

    async def take(self, received: Received) -> Reply | Silence:
        """Answer a request of the API, misbehaving where a test wants it."""
        self.account.catch_up()
        request_id = f"req_{self.account.letters(14)}"
        taken = _Taken(received, request_id)
        try:
            reply = await self._answer(taken)
        except Refused as refused:
            reply = _refusal(refused)
        except Lost:
            self._log(taken, 0)
            return Silence.RESET
        self._log(taken, reply.status)
        whole = replace(reply, headers={**_headers(taken), **reply.headers})
        return spoiled(whole, taken.misdeed)

    async def _answer(self, taken: "_Taken") -> Reply:
        received = taken.received
        found = find_route(received.method, received.path)
        key = self.keys.named_in(received.headers)
        if found is None:
            raise Refused(404, f"Unrecognized request URL ({received.method}: {received.path}).")
        taken.found = found
        check_version(received.headers)
        taken.raw = _read(received)
        self.keys.check(key, self.account, found, taken.raw)
        taken.misdeed = self.faults.of_call(found.route.name)
        turn_away(taken.misdeed, key=taken.key)
        if taken.key is None:
            return await self._work(taken)
        first = self._first_answers.first_answer(taken.key, taken.fingerprint)
        if first is not None:
            taken.replays = first
            return Reply(first.status, first.body, _JSON)
        return await self._work(taken)

    async def _work(self, taken: "_Taken") -> Reply:
        """Read the parameters, do what is asked, and keep the answer for the key.

        A reset while it dawdles leaves it working on an account that nobody sees any more.
        """
        if taken.found is None:
            raise LookupError("The request has not been routed yet.")
        route, ids = taken.found.route, taken.found.ids
        asked = route.read(taken.raw)
        paths = asked.pop("expand", [])
        check_expandable(route.name, paths)
        account, answers = self.account, self._first_answers
        worked_on = ids.get("id") if taken.received.method == "POST" else None
        if worked_on in self._busy:
            raise locked()
        if taken.key is not None:
            answers.begin(taken.key, taken.fingerprint)
        if taken.fault is WireFault.SLOW and taken.misdeed is not None:
            await self._dawdle(taken.misdeed.seconds, worked_on)
            account.catch_up()
        account.origin = Origin(taken.request_id, taken.key)
        account.forced_decline = taken.misdeed.code if taken.misdeed and taken.fault is Fault.DECLINE else None
        try:
            if taken.fault is Fault.ERROR:
                raise server_error()
            done = route.work(Call(account, asked, ids, taken.received.path))
            if taken.fault is Fault.ERROR_AFTER:
                raise server_error()
            reply = Reply(200, written(expanded(account, done, paths, left_out=_LEFT_OUT)), _JSON)
        except Refused as refused:
            reply = _refusal(refused, taken.request_id)
        except Exception:
            # As Stripe does with its own mistakes: a 500, and the next request is served.
            _log.exception("The emulator failed at %s.", route.name)
            reply = _refusal(server_error(), taken.request_id)
        finally:
            account.origin, account.forced_decline = Origin(), None
        if taken.key is not None:
            answers.finish(taken.key, FirstAnswer(taken.request_id, reply.status, reply.body))
        return reply

    async def _dawdle(self, seconds: float, worked_on: str | None) -> None:
        """Nobody else can change the object meanwhile: https://docs.stripe.com/rate-limits#object-lock-timeouts."""
        busy = {worked_on} if worked_on is not None else set()
        self._busy |= busy
        await asyncio.sleep(seconds)
        self._busy -= busy

    def _log(self, taken: "_Taken", status: int) -> None:
        received = taken.received
        self.requests.append(
            Logged(
                request_id=taken.request_id,
                method=received.method,
                path=received.path,
                call=taken.found.route.name if taken.found else None,
                idempotency_key=taken.key,
                version=received.headers.get("stripe-version"),
                parameters=taken.raw,
                status=status,
                replayed=taken.replays is not None,
            )
        )


@dataclass(slots=True)
class _Taken:
    """A request, and what became clear of it so far."""

    received: Received
    request_id: str
    found: Found | None = None
    raw: dict[str, Raw] = field(default_factory=dict)
    misdeed: Misdeed | None = None
    replays: FirstAnswer | None = None

    @property
    def fault(self) -> StrEnum | None:
        return self.misdeed.fault if self.misdeed else None

    @property
    def key(self) -> str | None:
        """GET and DELETE are idempotent by themselves: a key means nothing there."""
        return self.received.headers.get("idempotency-key") if self.received.method == "POST" else None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps([self.received.path, self.raw], sort_keys=True).encode()).hexdigest()


def _read(received: Received) -> dict[str, Raw]:
    """The fields of the query, and with POST those of the body."""
    try:
        if received.method != "POST":
            return read_form(received.query)
        kind = received.headers.get("content-type", "").partition(";")[0].strip()
        if received.body and kind != "application/x-www-form-urlencoded":
            raise FormUnreadable("The body has to be application/x-www-form-urlencoded.")
        return read_form(received.query) | read_form(received.body.decode())
    except (FormUnreadable, UnicodeDecodeError) as unreadable:
        raise invalid(f"Invalid request: {unreadable}") from None


def _headers(taken: _Taken) -> dict[str, str]:
    headers = {"Request-Id": taken.request_id, "Stripe-Version": API_VERSION}
    if taken.key is not None:
        headers["Idempotency-Key"] = taken.key
        headers["Original-Request"] = taken.replays.request_id if taken.replays else taken.request_id
    if taken.replays is not None:
        headers["Idempotent-Replayed"] = "true"
    return headers


def _refusal(refused: Refused, request_id: str | None = None) -> Reply:
    error = refused.error()
    if request_id is not None:
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
    return Reply(refused.status, written({"error": error}), _JSON, refused.headers)
