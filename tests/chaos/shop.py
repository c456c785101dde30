"""The shop under fire: clients that order, pay, capture, call off and ask for their money back, each in its own way.

Every wish is sent with a key, and again with the same key until somebody answers: to another gateway, for the one that
was asked may be dead. What is wished is drawn from a seed; how it goes depends on the storm.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.chaos.memory import Memory
from tests.server.api import mutation
from tests.server.banks import Bank

Json = dict[str, Any]

CHARGE = (
    "id state captured { minorUnits } refundable { minorUnits } capturable { minorUnits } failureCode"
    " nextAction { ... on RedirectAction { url } ... on SdkAction { clientSecret token } }"
)
METHOD = "id state nextAction { ... on RedirectAction { url } }"
ORDER = "id state"

_RETURN_URL = "https://shop.example/thanks"

ANSWER_WITHIN_SECONDS = 180.0
"""A wish that has no answer by then is a broken promise: the service keeps answering. On SQLite every kill is an outage
for all, as long as a start takes, and the next kill may meet the same wish."""
_IMPATIENT_SECONDS = 0.4
"""Some clients hang up, and ask again."""
_READ_SECONDS = 20.0

_CARDS = {
    "visa": 11,
    "mastercard": 5,
    "chargeCustomerFail": 1,
    "threeDSecureRequired": 4,
    "threeDSecureRequiredChargeDeclined": 1,
    "refundFail": 1,
}
_CURRENCIES = ("USD", "USD", "EUR", "JPY", "KWD")
_WAITING = ("PENDING", "UNKNOWN")
_UNAVAILABLE = "PROVIDER_UNAVAILABLE"


_ORDERS_OF_A_CUSTOMER = 4


class NotAnswered(Exception):
    """No gateway has answered in time."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How often clients do what is hard on a gateway."""

    two_tabs: float = 0.2
    double_click: float = 0.2
    hold: float = 0.3
    place_first: float = 0.3
    try_again: float = 0.6


class Shop:
    def __init__(
        self, ports: Callable[[], Sequence[int]], bank: Bank, credential: str, *, orders: int, seed: str, habits: Habits
    ) -> None:
        self._ports = ports
        self.bank = bank
        self._credential = credential
        self._seed = seed
        self._numbers = iter(range(orders))
        self.habits = habits
        self.memory = Memory()
        self.done = 0
        """Orders whose client has finished with them."""

    async def trade(self, clients: int) -> None:
        """Until every order has been through somebody's hands."""
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        headers = {"Authorization": f"Bearer {self._credential}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, limits=limits, timeout=_READ_SECONDS) as http:
            await asyncio.gather(*(self._client(http) for _ in range(clients)))

    async def close_the_day(self, held: Sequence[str]) -> None:
        """What is held for clients who have left is released, as a shop's evening round does."""
        if not held:
            return
        headers = {"Authorization": f"Bearer {self._credential}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=_READ_SECONDS) as http:
            for charge_id in held:
                client = Client(self, http, random.Random(charge_id), name=f"evening/{charge_id}")
                await client.call_off(charge_id)

    def ports(self) -> Sequence[int]:
        return self._ports()

    async def _client(self, http: httpx.AsyncClient) -> None:
        customer_id = None
        for visit, number in enumerate(self._numbers):
            client = Client(self, http, random.Random(f"{self._seed}/order/{number}"), name=f"order/{number}")
            try:
                if customer_id is None or visit % _ORDERS_OF_A_CUSTOMER == 0:
                    customer_id = await client.sign_up()
                if customer_id is not None:
                    await client.live(customer_id)
            except NotAnswered as silence:
                self.memory.unanswered.append(str(silence))
            self.done += 1


class Client:
    """Whoever makes one order, from the first click to the last."""

    def __init__(self, shop: Shop, http: httpx.AsyncClient, chance: random.Random, *, name: str) -> None:
        self._shop = shop
        self._http = http
        self._chance = chance
        self._bank = shop.bank
        self._habits = shop.habits
        self._memory = shop.memory
        self._keys = self._new_keys(name)

    async def live(self, customer_id: str) -> None:
        order = await self._order(customer_id)
        if order is None:
            return
        if self._chance.random() < self._habits.place_first:
            await self._wish("orderPlace", "order", keyed=False, orderId=order["id"])
        if self._chance.random() < 0.05:
            await self._cancel(order["id"])
            return
        charge = await self._pay_somehow(order["id"])
        if charge and charge["state"] == "SUCCEEDED" and self._chance.random() < 0.35:
            await self._ask_back(charge)
        elif self._chance.random() < 0.2:
            await self._cancel(order["id"])

    # --- before the money -------------------------------------------------------------------------------------------

    async def sign_up(self) -> str | None:
        """A customer with a card that can be charged; None where the card was refused again and again."""
        cards = {**_CARDS, **self._bank.cards}
        token = self._bank.token(self._chance.choices(list(cards), list(cards.values()))[0])
        for _ in range(12):
            made = await self._wish(
                "customerCreateWithPaymentMethod",
                "customer",
                f"customer {{ id }} paymentMethod {{ {METHOD} }}",
                name="Ada Lovelace",
                token=token,
                returnUrl=_RETURN_URL,
            )
            customer, method = made.get("customer"), made.get("paymentMethod")
            method = method and await self._stored(method)
            if method and method["state"] == "REQUIRES_ACTION":
                method = await self._confirm_card(method)
            if customer and method and method["state"] == "ACTIVE":
                return str(customer["id"])
            await asyncio.sleep(self._chance.uniform(0.5, 4.0))
        return None

    async def _stored(self, method: Json, *waits: str) -> Json:
        """Once it is decided whether the card is kept, or the customer gives up looking."""
        for _ in range(20):
            if method["state"] not in ("PENDING", *waits):
                break
            await asyncio.sleep(0.5)
            method = await self._read("node", method["id"], f"... on PaymentMethod {{ {METHOD} }}") or method
        return method

    async def _confirm_card(self, method: Json) -> Json:
        """Its bank wants to see the customer before it is stored; some of them tell nobody that they are back."""
        if method["nextAction"] is None:
            return method
        await self._bank.decides(method["nextAction"], self._http, confirm=self._chance.random() < 0.9)
        if self._chance.random() < 0.8:
            await self._wish(
                "paymentMethodContinue",
                "paymentMethod",
                "paymentMethod { id }",
                keyed=False,
                paymentMethodId=method["id"],
            )
        return await self._stored(method, "REQUIRES_ACTION")

    async def _order(self, customer_id: str) -> Json | None:
        currency = self._chance.choice(_CURRENCIES)
        step = self._bank.steps.get(currency, 1)
        lines = [
            {
                "name": "Filter coffee",
                "unitAmount": {"minorUnits": self._chance.randrange(1_00, 90_00, step), "currency": currency},
                "quantity": self._chance.randrange(1, 4),
            }
            for _ in range(self._chance.randrange(1, 4))
        ]
        values: Json = {"customerId": customer_id, "lines": lines}
        if self._chance.random() < 0.1:
            values["expiresAt"] = (datetime.now(UTC) + timedelta(seconds=self._chance.uniform(4, 12))).isoformat()
        made = await self._wish("orderCreate", "order", **values)
        order: Json | None = made["order"]
        return order

    async def _cancel(self, order_id: str) -> None:
        await self._wish("orderCancel", "order", keyed=False, orderId=order_id)

    # --- paying -----------------------------------------------------------------------------------------------------

    async def _pay_somehow(self, order_id: str) -> Json | None:
        """Once more when it came to nothing: under the same key where nothing was sent, else as a new wish."""
        key, charge = next(self._keys), None
        for _ in range(6):
            charge, codes = await self._pay(order_id, key)
            charge = charge and await self._go_on(charge)
            if charge and charge["state"] in ("SUCCEEDED", *_WAITING):
                break
            nothing_sent = charge["failureCode"] == _UNAVAILABLE if charge else _UNAVAILABLE in codes
            if not nothing_sent and (charge is None or self._chance.random() >= self._habits.try_again):
                break
            if nothing_sent:
                await asyncio.sleep(self._chance.uniform(1.0, 5.0))
            else:
                key = next(self._keys)
        return charge

    async def _pay(self, order_id: str, key: str) -> tuple[Json | None, list[str]]:
        """With two tabs open, with a nervous finger, or properly; a charge, or the codes of why there is none."""
        keys = [key]
        if self._chance.random() < self._habits.double_click:
            keys.append(key)
        if self._chance.random() < self._habits.two_tabs:
            keys.append(next(self._keys))
        mode = "MANUAL" if self._chance.random() < self._habits.hold else "AUTOMATIC"
        payloads = await asyncio.gather(
            *(
                self._wish(
                    "orderCharge",
                    "charge",
                    f"charge {{ {CHARGE} }} order {{ {ORDER} }}",
                    key=each,
                    orderId=order_id,
                    capture=mode,
                    returnUrl=_RETURN_URL,
                )
                for each in keys
            )
        )
        charges: list[Json] = [payload["charge"] for payload in payloads if payload["charge"]]
        return charges[0] if charges else None, [error["code"] for each in payloads for error in each["userErrors"]]

    async def _go_on(self, charge: Json) -> Json:
        charge = await self._decided(charge)
        if charge["state"] == "REQUIRES_ACTION":
            charge = await self._confirm(charge)
        for _ in range(4):
            if charge["state"] != "AUTHORIZED":
                break
            charge = await self._after_holding(charge)
        return charge

    async def _decided(self, charge: Json) -> Json:
        """As long as this customer looks at the screen."""
        until = time.monotonic() + self._chance.uniform(2, 8)
        while charge["state"] in _WAITING and time.monotonic() < until:
            await asyncio.sleep(self._chance.uniform(0.5, 1.5))
            charge = await self._read("charge", charge["id"], CHARGE) or charge
        return charge

    async def _confirm(self, charge: Json) -> Json:
        action = charge["nextAction"]
        if action is None or self._chance.random() < 0.15:
            return charge  # the customer stays away
        token = await self._bank.decides(action, self._http, confirm=self._chance.random() < 0.85)
        if self._chance.random() < 0.8:
            continued = await self._wish(
                "chargeContinue", "charge", f"charge {{ {CHARGE} }}", chargeId=charge["id"], token=token
            )
            charge = continued["charge"] or charge
        return await self._decided(charge)

    # --- after holding ----------------------------------------------------------------------------------------------

    async def _after_holding(self, charge: Json) -> Json:
        what = self._chance.choices(("capture", "part", "void", "race"), (5, 3, 2, 1))[0]
        whole = charge["capturable"]["minorUnits"]
        if whole == 0:
            await asyncio.sleep(1.0)
        elif what == "void":
            await self.call_off(charge["id"])
        elif what == "race":
            await asyncio.gather(self.call_off(charge["id"]), self._capture(charge["id"], None))
        elif what == "part":
            currency = (await self._read("charge", charge["id"], "amount { currency }") or {})["amount"]["currency"]
            await self._capture(charge["id"], {"minorUnits": max(whole // 2, 1), "currency": currency})
        else:
            await self._capture(charge["id"], None)
        await asyncio.sleep(self._chance.uniform(0.2, 1.0))
        return await self._decided(await self._read("charge", charge["id"], CHARGE) or charge)

    async def _capture(self, charge_id: str, amount: Json | None) -> None:
        key = next(self._keys)
        times = 2 if self._chance.random() < self._habits.double_click else 1
        await asyncio.gather(
            *(
                self._wish(
                    "chargeCapture", "charge", f"charge {{ {CHARGE} }}", key=key, chargeId=charge_id, amount=amount
                )
                for _ in range(times)
            )
        )

    async def call_off(self, charge_id: str) -> None:
        await self._wish("chargeVoid", "charge", f"charge {{ {CHARGE} }}", chargeId=charge_id)

    # --- money back -------------------------------------------------------------------------------------------------

    async def _ask_back(self, charge: Json) -> None:
        """Several at once, which together may be more than was taken."""
        read = await self._read("charge", charge["id"], "captured { minorUnits currency }")
        if read is None:
            return
        taken, currency = read["captured"]["minorUnits"], read["captured"]["currency"]
        wanted = [max(self._chance.randrange(taken // 4, taken + 1), 1) for _ in range(self._chance.randrange(1, 4))]
        clicks = 2 if self._chance.random() < self._habits.double_click else 1
        await asyncio.gather(
            *(
                self._wish(
                    "chargeRefund",
                    "refund",
                    f"refund {{ id state }} charge {{ {CHARGE} }}",
                    key=key,
                    chargeId=charge["id"],
                    amount={"minorUnits": minor_units, "currency": currency},
                )
                for minor_units, key in [(minor_units, next(self._keys)) for minor_units in wanted]
                for _ in range(clicks)
            )
        )

    # --- one wish ---------------------------------------------------------------------------------------------------

    async def _wish(
        self,
        name: str,
        noun: str,
        selection: str | None = None,
        /,
        *,
        key: str | None = None,
        keyed: bool = True,
        **values: object,
    ) -> Json:
        """The payload, whatever it says; NotAnswered after three minutes."""
        key = (key or next(self._keys)) if keyed else None
        sent = {**values, "idempotencyKey": key} if keyed else values
        document = mutation(name, selection or f"{noun} {{ {ORDER} }}")
        payload: Json = (await self._ask(document, {"input": sent}, what=f"{name} {key}"))[name]
        self._memory.told(name, key, noun, payload)
        return payload

    async def _read(self, noun: str, record_id: str, selection: str) -> Json | None:
        document = f"query($id: ID!) {{ {noun}(id: $id) {{ {selection} }} }}"
        found: Json | None = (await self._ask(document, {"id": record_id}, what=f"{noun} {record_id}"))[noun]
        if found and "id" in found and noun != "node":
            self._memory.seen(found)
        return found

    async def _ask(self, document: str, variables: Json, *, what: str) -> Json:
        began = time.monotonic()
        pause = 0.3
        told = ""
        while time.monotonic() - began < ANSWER_WITHIN_SECONDS:
            answer, told = await self._ask_once(document, variables)
            if answer is not None:
                waited = time.monotonic() - began
                self._memory.longest_wait_seconds = max(self._memory.longest_wait_seconds, waited)
                return answer
            self._memory.repeats += 1
            await asyncio.sleep(self._chance.uniform(pause / 2, pause * 1.5))
            pause = min(pause * 1.5, 2.0)
        raise NotAnswered(f"{what}: {told}")

    async def _ask_once(self, document: str, variables: Json) -> tuple[Json | None, str]:
        self._memory.requests += 1
        url = f"http://127.0.0.1:{self._chance.choice(self._shop.ports())}/graphql"
        patience = _IMPATIENT_SECONDS if self._chance.random() < 0.02 else _READ_SECONDS
        try:
            response = await self._http.post(url, json={"query": document, "variables": variables}, timeout=patience)
            body: Json = response.json()
        except (httpx.HTTPError, ValueError) as error:
            return None, repr(error)
        if response.status_code != 200 or body.get("errors") or not body.get("data"):
            return None, response.text[:500]
        return body["data"], ""

    def _new_keys(self, name: str) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"{name}/{number}"
