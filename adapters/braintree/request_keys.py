"""Whether the account takes request keys (`api_request_key`), which make a request act once however often it comes.

https://developer.paypal.com/braintree/graphql/integration_guides/idempotency. They may be refused for an account; that
is learnt from the first refusal at the latest, and remembered for as long as the process lives.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TypeGuard

from adapters.braintree.verdicts import KEYS_REFUSED, Verdict, has_code

LIFETIME = timedelta(days=29)
"""A day less than Braintree keeps them."""

_log = logging.getLogger("paydesk.braintree")


class RequestKeys:
    def __init__(self, *, are_taken: bool) -> None:
        self._are_taken = are_taken

    @property
    def lifetime(self) -> timedelta | None:
        return LIFETIME if self._are_taken else None

    def are_refused_by(self, told: object) -> TypeGuard[Verdict]:
        if not has_code(told, KEYS_REFUSED):
            return False
        if self._are_taken:
            _log.warning("Braintree refuses request keys for this account: set BRAINTREE_REQUEST_KEYS=false")
        self._are_taken = False
        return True


def key_of(request_id: str, *, is_keyed: bool) -> Mapping[str, str]:
    return {"api_request_key": request_id} if is_keyed else {}
