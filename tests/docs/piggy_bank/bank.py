"""The Piggy Bank: its whole web service, in memory. It stores cards, takes money, and gives it back.

A call is a POST of a JSON object to its name, such as `/take`. 200 is an object; 400, 404 and 409 are refusals with a
code in `error`. Amounts are texts in major units, with the decimals that the bank gives to the currency. A call that
moves money carries a `key`: with the same key and the same words it is answered as it was at first, and with other
words it is `key_reused`.
"""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import count
from typing import Any

import httpx

from domain.clock import Clock

Json = dict[str, Any]

_NUMBERS = {"visa": "4242424242424242", "mastercard": "5555555555554444", "stubborn": "4000000000000002"}
"""By token: `coin_visa_1` and `coin_visa_2` stand for the same number. The stubborn card never pays."""
_DECIMALS = {"USD": 2, "EUR": 2, "KWD": 2, "JPY": 0, "ISK": 0, "KRW": 0, "UGX": 0, "MGA": 0}


class _No(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status = status
        self.code = code


class PiggyBank(httpx.AsyncBaseTransport):
    """It listens to no socket: httpx hands it the requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._customers: set[str] = set()
        self._cards: dict[str, Json] = {}
        self._used_coins: set[str] = set()
        self._answers: dict[str, tuple[Json, Json]] = {}
        self.payments: dict[str, Json] = {}
        self.refunds: dict[str, Json] = {}
        self.declines_next: str | None = None
        self._calls: dict[str, Callable[[Json], Json]] = {
            "hello": lambda _: {"bank": "Piggy"},
            "open": self._open,
            "close": self._close,
            "store": self._store,
            "drop": self._drop,
            "card": lambda said: self._known(self._cards, said["card"]),
            "take": lambda said: self._once(said, self._take),
            "give_back": lambda said: self._once(said, self._give_back),
            "payment": lambda said: self._known(self.payments, said["payment"]),
            "refund": lambda said: self._known(self.refunds, said["refund"]),
            "find": self._find,
            "book": lambda _: {"payments": list(self.payments.values()), "refunds": list(self.refunds.values())},
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        said = json.loads(await request.aread())
        try:
            answer = self.answer(request.url.path.removeprefix("/"), **said)
        except _No as no:
            return httpx.Response(no.status, json={"error": no.code})
        return httpx.Response(200, content=json.dumps(answer))

    def answer(self, call: str, **said: Any) -> Json:
        return self._calls[call](said)

    # --- customers and cards ----------------------------------------------------------------------------------------

    def _open(self, said: Json) -> Json:
        self._customers.add(said["customer"])
        return {"customer": said["customer"]}

    def _close(self, said: Json) -> Json:
        """Their cards stay."""
        self._customers.discard(said["customer"])
        return {"cards": [ref for ref, card in self._cards.items() if card["customer"] == said["customer"]]}

    def _store(self, said: Json) -> Json:
        if (stored := self._cards.get(said["card"])) is not None:
            if stored["coin"] != said["coin"]:
                raise _No(409, "card_is_another")
            return stored
        _, _, kind = said["coin"].partition("_")
        number = _NUMBERS.get(kind.partition("_")[0])
        if number is None or said["coin"] in self._used_coins or said["customer"] not in self._customers:
            raise _No(404, "no_such_coin")
        self._used_coins.add(said["coin"])
        brand = "mastercard" if number.startswith("5") else "visa"
        self._cards[said["card"]] = {
            **said,
            "brand": brand,
            "number": f"{'*' * 12}{number[-4:]}",
            "good_until": "2040-12",
            "same_number": f"number-{list(_NUMBERS.values()).index(number)}",
        }
        return self._cards[said["card"]]

    def _drop(self, said: Json) -> Json:
        self._cards.pop(said["card"], None)
        return {"dropped": said["card"]}

    # --- money ------------------------------------------------------------------------------------------------------

    def _take(self, said: Json) -> Json:
        card = self._known(self._cards, said["card"])
        if card["customer"] != said["customer"] or self._amount(said) <= 0:
            raise _No(400, "not_like_this")
        reason, self.declines_next = self.declines_next, None
        if card["number"].endswith(_NUMBERS["stubborn"][-4:]):
            reason = "stubborn"
        return self._written(self.payments, said, state="no" if reason else "paid", reason=reason, given_back="0")

    def _give_back(self, said: Json) -> Json:
        payment = self._known(self.payments, said["payment"])
        back = Decimal(payment["given_back"]) + self._amount(said)
        too_much = payment["state"] != "paid" or back > Decimal(payment["amount"])
        if too_much or said["currency"] != payment["currency"] or self._amount(said) <= 0:
            raise _No(400, "too_much")
        payment |= {"given_back": str(back), "changed": self._now()}
        return self._written(self.refunds, said, state="given_back")

    def _written(self, book: dict[str, Json], said: Json, **more: Any) -> Json:
        ref = f"piggy-{next(self._numbers):06}-oink"
        book[ref] = {**said, **more, "ref": ref, "made": self._now(), "changed": self._now()}
        return book[ref]

    def _amount(self, said: Json) -> Decimal:
        try:
            amount = Decimal(said["amount"])
        except InvalidOperation:
            raise _No(400, "no_amount") from None
        if amount.as_tuple().exponent != -_DECIMALS.get(said["currency"], 99):
            raise _No(400, "no_amount")
        return amount

    def _once(self, said: Json, work: Callable[[Json], Json]) -> Json:
        asked, answer = self._answers.get(said["key"], (said, None))
        if asked != said:
            raise _No(409, "key_reused")
        if answer is None:
            answer = dict(work(said))
            self._answers[said["key"]] = (said, answer)
        return answer

    # --- looking ----------------------------------------------------------------------------------------------------

    def _find(self, said: Json) -> Json:
        made = [*self.payments.values(), *self.refunds.values()]
        return {"found": next((each for each in made if each["key"] == said["key"]), None)}

    def _known(self, book: dict[str, Json], ref: str) -> Json:
        if ref not in book:
            raise _No(404, "not_here")
        return book[ref]

    def _now(self) -> str:
        now: datetime = self._clock.now()
        return now.isoformat()
