"""Webhooks whose body is the event, in JSON, and whose signature stands in a header, with the time of the signing."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import orjson

from domain.provider import NextAction
from tests.contracts.houses.house import Delivery, Trait

TRAITS = frozenset(
    {
        Trait.KEEPS_KEYS,
        Trait.WAITS_FOR_THE_CUSTOMER,
        Trait.ASKS_WHEN_STORING,
        Trait.OPENS_FORMS_WITH_MORE,
        Trait.PAYS_REFUNDS_AT_ONCE,
        Trait.PONDERS_REFUNDS,
        Trait.TELLS_OF_MONEY,
        Trait.MARKS_THE_MODE,
        Trait.DATES_SIGNATURES,
    }
)


class SignsInAHeader:
    """What the houses have in common whose provider does; it asks nobody who receives them, and its charges wait for
    their customers there."""

    traits = TRAITS
    webhook_secrets: tuple[str, ...]
    _header: ClassVar[str]

    def now(self) -> datetime:
        raise NotImplementedError

    def signed(self, event: bytes, *, at: datetime | None = None, secrets: Sequence[str] | None = None) -> Delivery:
        timestamp = str(int((at or self.now()).timestamp()))
        marks = [
            "v1=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + event, hashlib.sha256).hexdigest()
            for secret in secrets or self.webhook_secrets[-1:]
        ]
        headers = {"Content-Type": "application/json", self._header: ",".join([f"t={timestamp}", *marks])}
        return Delivery(headers, event, event)

    def signature(self, delivery: Delivery) -> str:
        return delivery.headers[self._header]

    def with_signature(self, delivery: Delivery, signature: str | None) -> Delivery:
        others = {name: value for name, value in delivery.headers.items() if name != self._header}
        return replace(delivery, headers=others if signature is None else others | {self._header: signature})

    def written_anew(self, delivery: Delivery) -> Sequence[Delivery]:
        event = orjson.loads(delivery.event)
        bodies = [
            orjson.dumps(event, option=orjson.OPT_SORT_KEYS),
            delivery.event + b" ",
            b" " + delivery.event,
        ]
        assert all(orjson.loads(body) == event for body in bodies)
        return [Delivery(delivery.headers, body, body) for body in bodies]

    def challenge(self, text: str) -> tuple[Mapping[str, str], str]:
        raise LookupError("It asks nobody.")

    def given(self, _: NextAction) -> Any:
        return None

    async def settle(self, charge_ref: str) -> None:
        """Nothing has to pass."""
