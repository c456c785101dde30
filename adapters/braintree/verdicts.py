"""What is known when Braintree gave no object: from errors to outcomes, in one table.

https://developer.paypal.com/braintree/docs/reference/general/exceptions and …/general/validation-errors/overview. What
Braintree itself says is believed: a 422 was looked at, 401, 403, 426 and 429 were turned away at the door, a 5xx leaves
open what happened. Whatever is not Braintree's answer (a proxy's page, half a body, a 200 with nothing in it) says
nothing. A decline is no such thing: its 422 carries the transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeGuard

import httpx
from braintree.exceptions.not_found_error import NotFoundError

from adapters import retry_after
from adapters.braintree.reading import Unreadable, listed, ref, tree
from adapters.braintree.wire import NotBegun, Refused
from adapters.verdicts import AnyVerdict
from domain.provider import Outcome, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(AnyVerdict):
    codes: frozenset[str] = frozenset()
    """Of the validation errors, of which Braintree tells all that it finds."""

    @property
    def raw(self) -> dict[str, Any]:
        told = {"status": self.status, "codes": sorted(self.codes) or None}
        return {name: value for name, value in told.items() if value is not None}


NEVER_LEFT = (
    NotBegun,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
"""There was no connection, or no encrypted one, or no time: no byte of the request is out."""

MISSING = "not_found"
KEYS_REFUSED = "915231"
"""The account may send no request keys; nothing was done."""
KEY_REUSED = "915232"
KEY_IN_USE = "915233"
KEY_OF_FAILED = "915234"
KEY_BROKEN = "915235"
"""These four are of the request that came first under the key: another one, under way, refused, broken by an error."""

UNREADABLE = Verdict(
    outcome=Outcome.UNKNOWN,
    refusal=Refusal("Braintree's answer cannot be read.", provider_code="answer_unreadable", is_outage=True),
)
"""Braintree has answered, and what it says lacks something or does not fit."""
NO_ANSWER = replace(UNREADABLE, refusal=replace(UNREADABLE.refusal, message="That is no answer of Braintree's."))
"""Somebody's page, half an answer, or nothing at all."""


def failed(code: str, message: str, *, is_key_spent: bool = False) -> Verdict:
    """Refused by us, before anything was sent. `is_key_spent` where that says nothing of an earlier sending."""
    return Verdict(outcome=Outcome.FAILED, refusal=Refusal(message, provider_code=code, is_key_spent=is_key_spent))


def as_not_acted(told: Verdict) -> Verdict:
    """A question before something was to be done, which was not."""
    return replace(told, outcome=Outcome.NOT_SENT) if told.outcome is Outcome.UNKNOWN else told


def is_missing(told: object) -> TypeGuard[Verdict]:
    """Whether Braintree says that there is no such object."""
    return isinstance(told, Verdict) and told.code == MISSING


def has_code(told: object, *codes: str) -> TypeGuard[Verdict]:
    """Whether it was refused with one of these."""
    return isinstance(told, Verdict) and not told.codes.isdisjoint(codes)


# --- when nothing was heard -------------------------------------------------------------------------------------------


def verdict_of(error: Exception, *, has_left: bool, now: datetime) -> Verdict:
    """`has_left`: whether it came as far as the connection."""
    if isinstance(error, Refused):
        return _of_the_status(error, now=now)
    if isinstance(error, NotFoundError):
        # The SDK's own: what is asked for has no name that Braintree gives.
        return failed(MISSING, _SENTENCES[404])
    if isinstance(error, Unreadable):
        return NO_ANSWER
    if isinstance(error, NEVER_LEFT):
        refusal = Refusal("Braintree cannot be reached.", provider_code="unreachable", is_outage=True)
        return Verdict(outcome=Outcome.NOT_SENT, refusal=refusal)
    if not has_left:
        # While it was written. Nothing that any repetition could cure.
        return failed("request_unreadable", f"The request cannot be written: {type(error).__name__}.")
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return _lost("answer_late", "Braintree did not answer in time.")
    if isinstance(error, httpx.HTTPError):
        return _lost("answer_lost", f"The connection to Braintree broke: {type(error).__name__}.")
    return _lost("wire_broken", f"The request to Braintree broke: {type(error).__name__}.")


def _lost(code: str, message: str) -> Verdict:
    return Verdict(outcome=Outcome.UNKNOWN, refusal=Refusal(message, provider_code=code, is_outage=True))


def _of_the_status(error: Refused, *, now: datetime) -> Verdict:
    status = error.status
    outcome = _OUTCOMES.get(status)
    if error.is_page and outcome is not None and status != 429:
        # Braintree says these without a body.
        return _lost("answer_unreadable", f"A page came with {status}, and no answer of Braintree's.")
    refusal = Refusal(
        _SENTENCES.get(status, f"Braintree answered {status}."),
        provider_code=MISSING if status == 404 else f"http_{status}",
        is_outage=outcome is None,
        retry_after_seconds=retry_after.seconds_of(error.retry_after, now=now),
    )
    return Verdict(outcome=outcome or Outcome.UNKNOWN, refusal=refusal, status=status)


_OUTCOMES = {
    # Turned away at the door, for the keys, the rights, the age of the SDK or the number of requests: that says nothing
    # of an earlier sending, and may be cured.
    401: Outcome.NOT_SENT,
    403: Outcome.NOT_SENT,
    404: Outcome.FAILED,
    426: Outcome.NOT_SENT,
    429: Outcome.NOT_SENT,
}
"""408 is none of them, though nothing may have been done: it is said by who waited, not by who would have done it."""

_SENTENCES = {
    401: "Braintree does not take these keys: check BRAINTREE_PUBLIC_KEY and BRAINTREE_PRIVATE_KEY.",
    403: "These keys may not do this at Braintree: check BRAINTREE_MERCHANT_ID, and the permissions of the keys' user.",
    404: "Braintree knows no such thing.",
    426: "Braintree does not serve an SDK as old as this one any more.",
    429: "Braintree has been asked too often.",
}


# --- when it was said what is wrong -----------------------------------------------------------------------------------


def of_errors(envelope: Mapping[str, Any]) -> Verdict:
    """A 422 without an object: what is wrong with the request, or with what it is about."""
    errors = _errors_in(envelope.get("errors"))
    codes = frozenset(code for code, _ in errors)
    key = next((code for code in codes if code in _OF_KEYS), None)
    code, message = next(
        ((code, said) for code, said in errors if key in (None, code)), (None, envelope.get("message"))
    )
    refusal = Refusal(
        message[:_LONGEST] if isinstance(message, str) and message else "Braintree refuses the request.",
        provider_code=code or "http_422",
        is_key_spent=key in _SPENT,
    )
    return Verdict(outcome=_OF_KEYS.get(key or "", Outcome.FAILED), refusal=refusal, status=422, codes=codes)


_OF_KEYS = {
    # What was not worked on may be sent again, without a key: charges.py and refunds.py hold it back for that.
    KEYS_REFUSED: Outcome.NOT_SENT,
    # The key is the operation's own. So an earlier sending of it is there, and what became of that is to be looked for.
    KEY_REUSED: Outcome.UNKNOWN,
    KEY_IN_USE: Outcome.UNKNOWN,
    KEY_BROKEN: Outcome.UNKNOWN,
    # It made no transaction, and none will be made under the key: what was wrong with it, its own answer said.
    KEY_OF_FAILED: Outcome.FAILED,
}
_SPENT = frozenset({KEYS_REFUSED, KEY_REUSED, KEY_BROKEN})
_LONGEST = 500


def _errors_in(errors: Any) -> list[tuple[str, str]]:
    """Code and message of each, however deep: they are nested as the parameters are."""
    found: list[tuple[str, str]] = []
    for name, inside in tree(errors).items() if errors else ():
        if name == "errors":
            each = (error for error in listed(inside) if isinstance(error, dict))
            found += [(code, str(error.get("message") or "")) for error in each if (code := ref(error.get("code")))]
        elif isinstance(inside, dict):
            found += _errors_in(inside)
    return found
