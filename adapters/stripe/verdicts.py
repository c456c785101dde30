"""What is known when Stripe gave no object: from errors to outcomes, in one table.

https://docs.stripe.com/error-low-level and /error-handling. What Stripe itself says of a status is believed: a 4xx was
looked at and is final, a 429 was not worked on, a 5xx leaves open what happened. Whatever is not Stripe's answer
(a proxy's page, half a body, `200 {}`) says nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeGuard

import httpx
import stripe

from adapters import retry_after
from adapters.stripe.declines import decline_of
from adapters.verdicts import AnyVerdict
from domain.provider import Outcome, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(AnyVerdict):
    error: Mapping[str, Any] = field(default_factory=dict)
    """Stripe's own, as it came; with it may come the intent that it is about."""
    request_id: str | None = None
    replayed: bool = False
    """It is what the key's first request was answered."""

    @property
    def raw(self) -> dict[str, Any]:
        told = {"status": self.status, "request": self.request_id, **{name: self.error.get(name) for name in _TOLD}}
        return {name: value for name, value in told.items() if value is not None}


_TOLD = ("type", "code", "decline_code", "advice_code", "network_decline_code", "param", "charge")

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""There was no connection, or no encrypted one, or a proxy refused to make one: no byte of the request is out."""

KEY_IN_USE = "idempotency_key_in_use"
LOCKED = "lock_timeout"
MISSING = "resource_missing"
KEY_REUSED = "idempotency_error"

UNREADABLE = Verdict(
    outcome=Outcome.UNKNOWN,
    refusal=Refusal("Stripe's answer cannot be read.", provider_code="answer_unreadable", is_outage=True),
)


NO_ANSWER = replace(UNREADABLE, refusal=replace(UNREADABLE.refusal, message="That is no answer of Stripe's."))
"""Nothing, or no object."""


def failed(code: str, message: str) -> Verdict:
    """Refused by us, before anything was sent."""
    return Verdict(outcome=Outcome.FAILED, refusal=Refusal(message, provider_code=code))


def is_missing(told: object) -> TypeGuard[Verdict]:
    """Whether Stripe says that there is no such object."""
    return isinstance(told, Verdict) and told.status in (400, 404) and told.code == MISSING


def verdict_of(error: Exception, *, now: datetime) -> Verdict:
    if isinstance(error, UnicodeEncodeError):
        # While the request was written: a lone surrogate, for one. Nothing that any repetition could cure.
        return failed("request_unreadable", "The request holds text that is no text.")
    if isinstance(error, TimeoutError):
        return _lost("answer_late", "Stripe did not answer in time.")
    if isinstance(error, stripe.APIConnectionError):
        return _of_the_connection(error)
    if not isinstance(error, stripe.StripeError) or error.http_status is None:
        return _lost("wire_broken", f"The request to Stripe broke: {type(error).__name__}.")
    return _of_the_status(error, error.http_status, now=now)


def _of_the_connection(error: stripe.APIConnectionError) -> Verdict:
    cause = error.__cause__
    if isinstance(cause, NEVER_LEFT):
        refusal = Refusal("Stripe cannot be reached.", provider_code="unreachable", is_outage=True)
        return Verdict(outcome=Outcome.NOT_SENT, refusal=refusal)
    return _lost("answer_lost", f"The connection to Stripe broke: {type(cause or error).__name__}.")


def _lost(code: str, message: str) -> Verdict:
    return Verdict(outcome=Outcome.UNKNOWN, refusal=Refusal(message, provider_code=code, is_outage=True))


def _of_the_status(error: stripe.StripeError, status: int, *, now: datetime) -> Verdict:
    found = _error_in(error)
    headers = error.headers or {}
    replayed = is_replay(headers)
    if found is None:
        outcome = Outcome.NOT_SENT if status == 429 else Outcome.UNKNOWN
        message, code, is_outage = "Stripe's answer cannot be read.", f"http_{status}", status != 429
        refusal = Refusal(message, provider_code=code, is_outage=is_outage)
    elif status == 402:
        outcome, refusal = Outcome.DECLINED, decline_of(found)
    else:
        code = _code(found, status)
        outcome = _OUTCOMES_BY_CODE.get(code) or _OUTCOMES.get(status, Outcome.UNKNOWN)
        refusal = Refusal(
            _message(found, status),
            provider_code=code,
            is_outage=status >= 500 and not replayed,
            retry_after_seconds=retry_after.seconds_of(headers.get("retry-after"), now=now),
            # https://docs.stripe.com/api/idempotent_requests: a 500 is kept for the key like any other answer, and a
            # key whose first request was another one (or written otherwise, by another version) does no work for this.
            is_key_spent=(status >= 500 and replayed) or code == KEY_REUSED,
        )
    return Verdict(
        outcome=outcome,
        refusal=refusal,
        error=found or {},
        status=status,
        request_id=error.request_id,
        replayed=replayed,
    )


_OUTCOMES_BY_CODE = {
    # With 429, or with 409 by older pages of Stripe's. Either way it kept the request out.
    LOCKED: Outcome.NOT_SENT,
    # The key is the operation's own. So an earlier sending of it is there, which somehow read otherwise: what became of
    # that is to be looked for.
    KEY_REUSED: Outcome.UNKNOWN,
}
_OUTCOMES = {
    400: Outcome.FAILED,
    # Turned away at the door too, for the key: it says nothing of an earlier sending, and may be cured.
    401: Outcome.NOT_SENT,
    403: Outcome.NOT_SENT,
    404: Outcome.FAILED,
    # Rate limits and locks: turned away at the door, without an answer for the key.
    429: Outcome.NOT_SENT,
}
"""409 is not among them: what has the key in use is an earlier sending of the same request."""


def is_replay(headers: Mapping[str, str]) -> bool:
    return headers.get("idempotent-replayed") == "true"


def _error_in(error: stripe.StripeError) -> Mapping[str, Any] | None:
    body = error.json_body
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def _code(error: Mapping[str, Any], status: int) -> str:
    if error.get("type") == KEY_REUSED:
        return KEY_REUSED
    code = error.get("code") or error.get("type")
    return code if isinstance(code, str) else f"http_{status}"


def _message(error: Mapping[str, Any], status: int) -> str:
    if status in (401, 403):
        # Stripe's own sentence repeats a part of the key.
        return _NOT_ALLOWED[status]
    message = error.get("message")
    if not isinstance(message, str):
        return f"Stripe answered {status}."
    # It repeats what it does not know, which may be a client secret in the place of a card.
    return _SECRET.sub(r"\1…", message)[:500]


_SECRET = re.compile(r"(_secret_)\w+")
_NOT_ALLOWED = {
    401: "Stripe does not take the secret key: is it the one in the Dashboard?",
    403: "The secret key may not do this at Stripe: see which permissions the key has.",
}
