"""How a request is taken: who asks, for what, whether it was asked before under its key; then the work, once.

A request that came is worked on to its end, whether or not its client still waits: that is what makes an answer that
never came so awkward.
"""

import asyncio
import gzip
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import to_jsonable_python

from tests.emulators.braintree.account import Account, Options, Pace
from tests.emulators.braintree.calls import Answer, Call, Upload
from tests.emulators.braintree.client_api import PREFIX, refusal
from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.faults import Fault
from tests.emulators.braintree.faulty import spoiled, turn_away
from tests.emulators.braintree.refusals import Refused
from tests.emulators.braintree.request_keys import RequestKeys
from tests.emulators.braintree.routes import Found, find_route
from tests.emulators.braintree.transactions import outcome
from tests.emulators.braintree.truth import truth_of
from tests.emulators.braintree.webhooks import Outbox
from tests.emulators.braintree.xmltext import Many, Tree, XmlUnreadable, read, write
from tests.emulators.common.clock import MovableClock
from tests.emulators.common.faults import Faults, Misdeed, WireFault
from tests.emulators.common.wire import Lost, Reply, Silence

_log = logging.getLogger(__name__)

_XML = "application/xml; charset=utf-8"
_JSON = "application/json"
_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
"""Pages ask from their own origins."""
_SMALLEST_GZIPPED = 200
_SECRETS = frozenset({"number", "cvv"})


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. Names of headers are in small letters; of a form, the fields and the file."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    fields: Mapping[str, str] = field(default_factory=dict)
    upload: Upload | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """A request as tests may look it up."""

    method: str
    path: str
    call: str | None
    api_request_key: str | None
    body: Any
    status: int
    """As it was worked out, whatever became of the answer; 0 when nothing was."""
    replayed: bool


class Emulator:
    """One merchant of the sandbox, and what stands between it and its clients."""

    def __init__(
        self,
        *,
        keys: Keys | None = None,
        seed: int | None = None,
        pace: Pace | None = None,
        options: Options | None = None,
    ) -> None:
        self.keys = keys or Keys()
        self.faults = Faults()
        self.outbox = Outbox(self.faults, self.keys)
        self.pace = pace or Pace()
        self.options = options or Options()
        self.reset(seed)

    def reset(self, seed: int | None = None, options: Options | None = None, pace: Pace | None = None) -> None:
        """As it was at the start, and at the machine's time; webhook endpoints stay. `seed` makes ids repeatable."""
        self.clock = MovableClock()
        self.account = Account(
            merchant_id=self.keys.merchant_id,
            clock=self.clock,
            told=self.outbox.put,
            seed=seed,
            pace=pace or self.pace,
            options=options or self.options,
        )
        self.requests: list[Logged] = []
        self.faults.set((), seed=0)
        self.outbox.clear()
        self._request_keys = RequestKeys(lambda: self.account.now)

    def truth(self) -> Tree:
        return truth_of(self.account)

    def logged(self) -> list[Tree]:
        return [to_jsonable_python(asdict(request)) for request in self.requests]

    async def take(self, received: Received) -> Reply | Silence:
        """Answer a request of the API, misbehaving where a test wants it."""
        self.account.catch_up()
        taken = _Taken(received)
        try:
            reply = _reply(await self._answer(taken), of_page=taken.is_of_page)
        except Refused as refused:
            reply = _refused_page(refused) if taken.is_of_page else _refusal(refused, taken.body)
        except Lost:
            self._log(taken, 0)
            return Silence.RESET
        self._log(taken, reply.status)
        arriving = spoiled(reply, taken.misdeed)
        return _gzipped(arriving, received.headers) if isinstance(arriving, Reply) else arriving

    async def _answer(self, taken: "_Taken") -> Answer:
        merchant, path = _split(taken.received.path)
        if not path.startswith(PREFIX):
            self.keys.check(taken.received.headers, merchant)
        elif merchant != self.keys.merchant_id:
            raise Refused(403)
        taken.body = _read(taken.received)
        found = find_route(taken.received.method, path, next(iter(taken.body), None))
        if found is None:
            raise Refused(404)
        taken.found = found
        taken.misdeed = self.faults.of_call(found.route.name)
        turn_away(taken.misdeed)
        taken.key = _key(found, taken.body)
        if taken.key is None:
            return await self._work(taken, found)
        seen = self._request_keys.seen(taken.key, taken.fingerprint, allowed=self.account.options.request_keys_allowed)
        if seen is not None:
            taken.replayed = True
            return outcome(self.account, self.account.transactions[seen], status=200)
        return await self._keyed(taken, found, taken.key)

    async def _keyed(self, taken: "_Taken", found: Found, key: str) -> Answer:
        """A reset meanwhile leaves it working on an account and with keys that nobody sees any more."""
        request_keys = self._request_keys
        request_keys.begin(key, taken.fingerprint)
        try:
            answer = await self._work(taken, found)
        except Refused as refused:
            if refused.status == 422:
                request_keys.finish(key, _id_of(refused.about.get("transaction")))
            else:
                request_keys.release(key)
            raise
        request_keys.finish(key, _id_of(answer.tree))
        return answer

    async def _work(self, taken: "_Taken", found: Found) -> Answer:
        account = self.account
        if taken.misdeed is not None and taken.misdeed.fault is WireFault.SLOW:
            await asyncio.sleep(taken.misdeed.seconds)
            account.catch_up()
        if taken.misdeed is not None and taken.misdeed.fault is Fault.DECLINE:
            account.forced_response = taken.misdeed.code
        query = dict(parse_qsl(taken.received.query))
        address = f"http://{taken.received.headers.get('host', 'localhost')}"
        call = Call(account, self.keys, taken.body, found.ids, query, address, taken.received.upload)
        try:
            return found.route.work(call)
        except Refused:
            raise
        except Exception:
            _log.exception("The emulator failed at %s.", found.route.name)
            raise Refused(500) from None
        finally:
            account.forced_response = None

    def _log(self, taken: "_Taken", status: int) -> None:
        self.requests.append(
            Logged(
                method=taken.received.method,
                path=taken.received.path,
                call=taken.found.route.name if taken.found else None,
                api_request_key=taken.key,
                body=taken.body,
                status=status,
                replayed=taken.replayed,
            )
        )


@dataclass(slots=True)
class _Taken:
    """A request, and what became clear of it so far."""

    received: Received
    found: Found | None = None
    body: Tree = field(default_factory=dict)
    key: str | None = None
    misdeed: Misdeed | None = None
    replayed: bool = False

    @property
    def is_of_page(self) -> bool:
        return self.found is not None and self.found.route.of_page

    @property
    def fingerprint(self) -> str:
        said = repr((self.received.method, self.received.path, sorted(_flat(self.body))))
        return hashlib.sha256(said.encode()).hexdigest()


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    """What a request says, in whatever order it says it."""
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in _flat(inner, f"{path}.{name}")]
    return [(path, str(value))]


def _split(path: str) -> tuple[str | None, str]:
    """The merchant's id, and what follows it."""
    _, _, rest = path.partition("/merchants/")
    if not path.startswith("/merchants/") or "/" not in rest:
        return None, path
    merchant, _, below = rest.partition("/")
    return merchant, f"/{below}"


def _read(received: Received) -> Tree:
    if received.upload is not None:
        return {"kind": received.fields.get("document_upload[kind]")}
    kind = received.headers.get("content-type", "").partition(";")[0].strip()
    if PREFIX in received.path:
        return _read_json(received.body)
    if received.body and kind != "application/xml":
        raise Refused(415)
    try:
        return read(received.body)
    except XmlUnreadable:
        raise Refused(400) from None


def _read_json(body: bytes) -> Tree:
    try:
        read: Any = json.loads(body or b"{}")
    except ValueError:
        raise Refused(400) from None
    if not isinstance(read, dict):
        raise Refused(400)
    return read


def _key(found: Found, body: Tree) -> str | None:
    asked = body.get("transaction")
    if not found.route.keyed or not isinstance(asked, dict):
        return None
    key = asked.get("api_request_key")
    return None if key is None else str(key)


def _id_of(shown: Tree | None) -> str | None:
    return None if shown is None else str(shown["id"])


def _reply(answer: Answer, *, of_page: bool) -> Reply:
    if of_page:
        return Reply(answer.status, json.dumps(answer.tree).encode(), _JSON, _ANY_ORIGIN)
    return Reply(answer.status, b"" if answer.name is None else write(answer.name, answer.tree), _XML)


def _refusal(refused: Refused, body: Tree) -> Reply:
    """With what was asked, without a card's secrets."""
    if not refused.has_body:
        return Reply(refused.status, b"", _XML)
    envelope = refused.envelope() | {"params": _repeated(body)}
    return Reply(refused.status, write("api_error_response", envelope), _XML)


def _refused_page(refused: Refused) -> Reply:
    body = json.dumps(refusal(refused)).encode() if refused.has_body else b""
    return Reply(refused.status, body, _JSON, _ANY_ORIGIN)


def _repeated(value: Any) -> Any:
    match value:
        case dict():
            return {name: _repeated(inner) for name, inner in value.items() if name not in _SECRETS}
        case list():
            return Many("item", [_repeated(inner) for inner in value])
    return value


def _gzipped(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """As Braintree answers who says that gzip is welcome."""
    if "gzip" not in headers.get("accept-encoding", "") or len(reply.body) < _SMALLEST_GZIPPED:
        return reply
    zipped = gzip.compress(reply.body, compresslevel=1)
    return replace(reply, body=zipped, headers={**reply.headers, "Content-Encoding": "gzip"})
