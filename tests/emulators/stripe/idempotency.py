"""Idempotency keys: https://docs.stripe.com/api/idempotent_requests.

The first answer to a key is kept from the moment that its request is worked on, a 500 as well as a 200, and given to
every repetition; a request that is refused before that (its parameters are invalid, or another with the key is under
way) leaves no trace. The same key with another request is refused. Keys last 24 hours. Only POST has any.
"""

from dataclasses import dataclass

from tests.emulators.common.clock import MovableClock
from tests.emulators.stripe.refusals import Refused, invalid

_KEPT_SECONDS = 24 * 3600
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    request_id: str
    status: int
    body: bytes


@dataclass(slots=True)
class _Key:
    fingerprint: str
    since: float
    answer: FirstAnswer | None = None
    """None while the request is under way."""


class IdempotencyKeys:
    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self._keys: dict[str, _Key] = {}

    def first_answer(self, key: str, fingerprint: str) -> FirstAnswer | None:
        """What the key's first request was answered; None when there was none.

        Refused when that request was another one (400), or is still worked on (409).
        """
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise invalid(f"An idempotency key has from 1 to {_LONGEST_KEY} characters.")
        known = self._keys.get(key)
        if known is not None and known.since + _KEPT_SECONDS <= self._clock.now and known.answer is not None:
            del self._keys[key]
            return None
        if known is None:
            return None
        if known.fingerprint != fingerprint:
            raise Refused(
                400,
                f"The key '{key}' was first used with another path or other parameters.",
                type="idempotency_error",
            )
        if known.answer is None:
            raise in_use(key)
        return known.answer

    def begin(self, key: str, fingerprint: str) -> None:
        """From now on the key is in use."""
        self._keys[key] = _Key(fingerprint, self._clock.now)

    def finish(self, key: str, answer: FirstAnswer) -> None:
        self._keys[key].answer = answer


def in_use(key: str) -> Refused:
    return Refused(
        409,
        f"Another request with the key '{key}' is under way.",
        code="idempotency_key_in_use",
        headers={"Stripe-Should-Retry": "true"},
    )
