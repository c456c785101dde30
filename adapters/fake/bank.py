"""A bank of its own: it keeps cards, moves made-up money, and remembers what it answered.

`Bank` is what the rest of the package stands on. It is asked by name and JSON body, in process (wires.py) as well as
over HTTP (app.py), and answers with a status and a JSON body; one set of rules and one wire format for both. Calls that
move money are keyed by their operation's id: the first answer is stored in the same transaction as the effect, and
given again to whoever repeats the request.
"""

import asyncio
import hashlib
import logging
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import TypeVar

import orjson

from adapters.fake import changes, charges, customers, disputes, refunds
from adapters.fake.books import Books, OpenBooks, Terms, as_text
from adapters.fake.calls import Answer, Fields, Refused, refusal
from adapters.fake.misbehaviour import Fault, Misdeed, parse_script
from adapters.fake.settling import settle_due
from adapters.fake.truth import Truth, read_truth
from domain.clock import Clock
from domain.provider import DisputeReason

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

HOLD_SECONDS = 7 * 24 * 3600.0
"""How long an authorized amount is held: as long as the card schemes hold it for a shop on the web."""
DEFAULT_CHALLENGE_SECONDS = 3600.0
"""How long a customer has for 3D Secure: long enough to find the phone, short enough that an order is not stuck."""
DEFAULT_PENDING_SECONDS = 10.0
"""How long what is pending takes: days at a real bank, and here as long as somebody likes to watch."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it travels; a misbehaving bank may send a body that is none."""

    status: int
    body: bytes
    content_type: str = "application/json"
    retry_after: str | None = None
    """The header of that name: when to ask again."""


class Silence(StrEnum):
    """No answer comes: how the connection ends."""

    CLOSE = "CLOSE"
    RESET = "RESET"
    HANG = "HANG"


@dataclass(frozen=True, slots=True)
class _Slow:
    seconds: float


RULES: dict[str, Callable[[OpenBooks, Fields], Answer]] = {
    "client_session": customers.client_session,
    "ensure_customer": customers.ensure_customer,
    "forget_customer": customers.forget_customer,
    "attach_payment_method": customers.attach_payment_method,
    "detach_payment_method": customers.detach_payment_method,
    "fetch_payment_method": customers.fetch_payment_method,
    "charge": charges.charge,
    "continue_charge": charges.continue_charge,
    "capture": charges.capture,
    "void": charges.void,
    "refund": refunds.refund,
    "fetch_charge": charges.fetch_charge,
    "fetch_refund": refunds.fetch_refund,
    "find_charge": charges.find_charge,
    "find_refund": refunds.find_refund,
    "changes": changes.changes,
    "fetch_dispute": disputes.fetch_dispute,
    "submit_evidence": disputes.submit_evidence,
    "accept_dispute": disputes.accept_dispute,
}

_KEYED = frozenset({"charge", "continue_charge", "capture", "void", "refund", "submit_evidence", "accept_dispute"})
"""Calls that move money, or decide about it: the operation's id is their key."""
_SEES_FLIGHT = _KEYED | {"find_charge", "find_refund"}
"""Calls about an operation: while a slow one is still under way, nobody can say what became of it."""

_NOT_ACCEPTED = refusal(503, "not_accepted", "The bank did not take the request; nothing was done.")
_SERVER_ERROR = refusal(500, "server_error", "Something went wrong at the bank.")
_RATE_LIMITED = refusal(429, "rate_limited", "Too many requests; try the same one again in a moment.")
_IN_FLIGHT = refusal(409, "key_in_flight", "The same request is still being worked on; ask again in a moment.")
_KEY_REUSED = refusal(400, "idempotency_key_reused", "This key was used for another request.")


class Bank:
    """The bank. Several processes may open the same books; close it when done.

    `script` is the misbehaviour (misbehaviour.py) that is on from now; None leaves what the books say. `public_url` is
    where browsers reach the pages of `fake_routes`.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Clock,
        public_url: str,
        merchant_name: str = "Paydesk test shop",
        challenge_seconds: float = DEFAULT_CHALLENGE_SECONDS,
        pending_seconds: float = DEFAULT_PENDING_SECONDS,
        keeps_keys: bool = True,
        least_amounts: Mapping[str, int] | None = None,
        script: str | None = None,
        seed: int = 0,
    ) -> None:
        if script is not None:
            parse_script(script, seed)
        self._clock = clock
        self._terms = Terms(
            public_url=public_url.rstrip("/"),
            merchant_name=merchant_name,
            challenge_seconds=challenge_seconds,
            hold_seconds=HOLD_SECONDS,
            pending_seconds=pending_seconds,
            keeps_keys=keeps_keys,
            least_amounts=dict(least_amounts or {}),
        )
        self._books = Books(path)
        # One thread: the books take one call at a time anyway, and a wait for another process must not stop the loop.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fake-bank")
        if script is not None:
            self.misbehave(script, seed=seed)
        with self.open() as books:
            if books.fact("webhook_secret") is None:
                books.remember("webhook_secret", f"fwhsec_{token_urlsafe(32)}")

    @property
    def keeps_keys(self) -> bool:
        """Whether a repeated request is answered as the first one was; without keys it is worked on again."""
        return self._terms.keeps_keys

    @property
    def least_amounts(self) -> Mapping[str, int]:
        """By currency, in minor units; of others, everything above zero is charged."""
        return self._terms.least_amounts

    @property
    def merchant_name(self) -> str:
        return self._terms.merchant_name

    @contextmanager
    def open(self) -> Iterator[OpenBooks]:
        """The books in one transaction. It blocks: on an event loop, go through `run`."""
        with self._books.transaction() as connection:
            yield OpenBooks(connection, self._clock.now(), self._terms)

    async def run(self, work: Callable[[OpenBooks], _Result]) -> _Result:
        """Do the work in one transaction on the bank's thread. It may happen even when the caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_books, work)

    def _in_books(self, work: Callable[[OpenBooks], _Result]) -> _Result:
        with self.open() as books:
            return work(books)

    async def serve(self, call: str, raw: bytes) -> Reply | Silence:
        """Do what is asked, misbehaving if the script says so. It never raises for what is asked."""
        try:
            first = await self.run(partial(self._arrive, call, raw))
            if not isinstance(first, _Slow):
                return first
            await asyncio.sleep(first.seconds)
            return await self.run(lambda books: _sent(_late(books, call, raw)))
        except sqlite3.Error:
            _log.exception("The fake bank could not use its books.")
            return _sent(_SERVER_ERROR)

    def misbehave(self, script: str, *, seed: int = 0) -> None:
        """Follow this script from now, counting calls from 1; ScriptUnreadable when it is none.

        The same script again goes on counting, so that a process that is restarted with it does not begin anew.
        """
        parse_script(script, seed)
        with self.open() as books:
            if (books.fact("script") or "", books.fact("seed") or "0") == (script, str(seed)):
                return
            books.remember("script", script)
            books.remember("seed", str(seed))
            books.write("DELETE FROM calls")

    def open_dispute(
        self,
        charge_ref: str,
        *,
        reason: str = DisputeReason.FRAUDULENT,
        amount: int | None = None,
        is_inquiry: bool = False,
    ) -> str:
        """The customer complains, about all that is left of the charge or a part of it; the dispute's ref.

        `reason` is one of DisputeReason, `amount` in the bank's units. Refused where nothing can be taken back.
        """
        with self.open() as books:
            settle_due(books)
            charge = charges.charge_row(books, charge_ref)
            return disputes.open_dispute(books, charge, reason=reason, amount=amount, is_inquiry=is_inquiry)

    def decide_dispute(self, dispute_ref: str, *, won: bool) -> None:
        """For the merchant or for the customer, whatever was said. Refused when it is decided already."""
        with self.open() as books:
            settle_due(books)
            disputes.decide(books, dispute_ref, won=won)

    def truth(self) -> Truth:
        """What was really captured, refunded and taken back, and who has an account: what a gateway's story is checked
        with."""
        with self.open() as books:
            settle_due(books)
            return read_truth(books)

    @property
    def webhook_secret(self) -> str:
        """Made with the books, so that gateway and worker of one machine agree on it without a setting."""
        with self.open() as books:
            secret = books.fact("webhook_secret")
        if secret is None:
            raise RuntimeError("The books have no webhook secret, though opening them makes one.")
        return secret

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._books.close()

    # --- one call ---------------------------------------------------------------------------------------------------

    def _arrive(self, call: str, raw: bytes, books: OpenBooks) -> Reply | Silence | _Slow:
        misdeed = books.misdeed(call)
        if misdeed is None:
            return _sent(_handle(books, call, _parsed(raw)))
        if misdeed.fault in _BEFORE:
            return _turned_away(misdeed)
        if misdeed.fault is Fault.SLOW:
            return _take_off(books, call, raw, misdeed.seconds)
        answer = _handle(books, call, _parsed(raw), forced_decline=misdeed.decline_code)
        return _AFTER[misdeed.fault](answer)


def _handle(books: OpenBooks, call: str, body: object, *, forced_decline: str | None = None) -> Answer:
    settle_due(books)
    rule = RULES.get(call)
    if rule is None:
        return refusal(404, "call_unknown", "The bank has no such call.")
    if not isinstance(body, dict):
        return refusal(400, "body_invalid", "The body has to be a JSON object.")
    asked = Fields(body)
    if forced_decline is not None:
        rule = partial(charges.charge, forced_decline=forced_decline)
    try:
        if not books.terms.keeps_keys:
            return rule(books, _numbered(books, call, asked))
        if call in _SEES_FLIGHT and _is_in_flight(books, asked.text("operation_id")):
            return _IN_FLIGHT
        return _once(books, call, rule, asked) if call in _KEYED else rule(books, asked)
    except Refused as refused:
        return refused.answer


def _is_in_flight(books: OpenBooks, key: str) -> bool:
    return books.one("SELECT 1 FROM in_flight WHERE key = ? AND until > ?", key, books.moment) is not None


def _numbered(books: OpenBooks, call: str, asked: Fields) -> Fields:
    """Without keys the operation's id is a mere note of the shop's, which several charges or refunds may bear."""
    if call not in _MAKES:
        return asked
    made = sum(
        row["operation_id"].partition("/")[0] == asked.text("operation_id")
        for row in books.all(f"SELECT operation_id FROM {_MAKES[call]}")  # noqa: S608 - names of ours
    )
    again = {"operation_id": f"{asked.text('operation_id')}/{made + 1}"} if made else {}
    return Fields({**asked.body, **again})


_MAKES = {"charge": "charges", "refund": "refunds"}


def _once(books: OpenBooks, call: str, rule: Callable[[OpenBooks, Fields], Answer], asked: Fields) -> Answer:
    """The first answer for a key is the answer; refusals and declines are answers too."""
    key = asked.text("operation_id")
    fingerprint = hashlib.sha256(orjson.dumps([call, asked.body], option=orjson.OPT_SORT_KEYS)).hexdigest()
    stored = books.one("SELECT * FROM answers WHERE key = ?", key)
    if stored is not None and stored["fingerprint"] != fingerprint:
        return _KEY_REUSED
    if stored is not None:
        return Answer(stored["status"], orjson.loads(stored["body"]), stored["charge_ref"])
    try:
        answer = rule(books, asked)
    except Refused as refused:
        answer = refused.answer
    books.write(
        "INSERT INTO answers (key, fingerprint, status, body, charge_ref, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        key,
        fingerprint,
        answer.status,
        orjson.dumps(answer.body),
        answer.charge_ref,
        books.moment,
    )
    return answer


# --- misbehaviour ---------------------------------------------------------------------------------------------------


def _take_off(books: OpenBooks, call: str, raw: bytes, seconds: float) -> Reply | _Slow:
    """Note that the work will begin later; in the books, so that another process can say so too."""
    key = _key(call, raw)
    if key is None:
        return _Slow(seconds)
    if _is_in_flight(books, key):
        return _sent(_IN_FLIGHT)
    # Not for ever: should this process be killed before, the key comes free.
    until = as_text(books.now + timedelta(seconds=seconds + 1))
    books.write("INSERT OR REPLACE INTO in_flight (key, until) VALUES (?, ?)", key, until)
    return _Slow(seconds)


def _late(books: OpenBooks, call: str, raw: bytes) -> Answer:
    books.write("DELETE FROM in_flight WHERE key = ?", _key(call, raw))
    return _handle(books, call, _parsed(raw))


def _key(call: str, raw: bytes) -> str | None:
    body = _parsed(raw)
    key = body.get("operation_id") if isinstance(body, dict) and call in _KEYED else None
    return key if isinstance(key, str) else None


def _parsed(raw: bytes) -> object:
    """The body, or None when it is no JSON; the rules refuse both alike."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _sent(answer: Answer) -> Reply:
    return Reply(answer.status, orjson.dumps(answer.body))


def _turned_away(misdeed: Misdeed) -> Reply:
    retry_after = f"{math.ceil(misdeed.seconds)}" if misdeed.seconds else None
    return replace(_sent(_BEFORE[misdeed.fault]), retry_after=retry_after)


def _truncated(answer: Answer) -> Reply:
    whole = _sent(answer)
    return Reply(whole.status, whole.body[: len(whole.body) // 2])


_BEFORE: dict[Fault, Answer] = {
    Fault.REFUSE: _NOT_ACCEPTED,
    Fault.ERROR: _SERVER_ERROR,
    Fault.RATE_LIMIT: _RATE_LIMITED,
}

_AFTER: dict[Fault, Callable[[Answer], Reply | Silence]] = {
    Fault.DECLINE: _sent,
    Fault.LOSE_ANSWER: lambda _: Silence.CLOSE,
    Fault.RESET: lambda _: Silence.RESET,
    Fault.HANG: lambda _: Silence.HANG,
    Fault.ERROR_AFTER: lambda _: _sent(_SERVER_ERROR),
    Fault.HTML: lambda _: Reply(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"),
    Fault.TRUNCATE: _truncated,
    Fault.EMPTY: lambda _: Reply(200, b"{}"),
}
