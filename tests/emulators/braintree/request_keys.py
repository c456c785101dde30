"""`api_request_key`: https://developer.paypal.com/braintree/graphql/integration_guides/idempotency.

At most once: a request that came before under its key is not worked on again for 30 days; what is answered is the
transaction as it is *now*. While the first is under way 915233 is answered, to another request under the key 915232,
and 915234 where the first was refused without a transaction. An account may not be allowed any keys (915231).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.emulators.braintree.refusals import Refused, invalid

_KEPT = timedelta(days=30)
_LONGEST_KEY = 255


@dataclass(slots=True)
class _Key:
    fingerprint: str
    since: datetime
    under_way: bool = True
    transaction_id: str | None = None


class RequestKeys:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._keys: dict[str, _Key] = {}

    def seen(self, key: str, fingerprint: str, *, allowed: bool) -> str | None:
        """The id of the transaction that the key has led to; None when nobody has used it. Refused otherwise."""
        if not allowed:
            raise _refused("915231", "This account may not send request keys.")
        if len(key) > _LONGEST_KEY:
            raise _refused("915230", f"A request key has at most {_LONGEST_KEY} characters.")
        known = self._keys.get(key)
        if known is None or known.since + _KEPT <= self._now():
            return None
        if known.fingerprint != fingerprint:
            raise _refused("915232", "The key belongs to another request.")
        if known.under_way:
            raise in_flight()
        if known.transaction_id is None:
            raise _refused("915234", "The request under this key has failed.")
        return known.transaction_id

    def begin(self, key: str, fingerprint: str) -> None:
        self._keys[key] = _Key(fingerprint, self._now())

    def finish(self, key: str, transaction_id: str | None) -> None:
        """With the transaction that the request has led to, if it has led to one."""
        self._keys[key].under_way = False
        self._keys[key].transaction_id = transaction_id

    def release(self, key: str) -> None:
        """Nothing was done, and the key is nobody's."""
        self._keys.pop(key, None)


def in_flight() -> Refused:
    return _refused("915233", "The request under this key is under way.")


def server_error() -> Refused:
    return _refused("915235", "The server failed over this key.")


def _refused(code: str, message: str) -> Refused:
    return invalid("transaction", "api_request_key", code=code, message=message)
