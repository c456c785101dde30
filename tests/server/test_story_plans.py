"""Those who have a plan: five customers and fourteen months, told over real HTTP in some ten advances of a test clock.

It is the same story with each bank, and the same numbers. They were worked out by hand: `INVOICES` is every invoice
that was ever made, in the order of its number, and what follows from it is added up here, not asked of the gateway.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.server.api import Api, Json, eventually, new_key
from tests.server.banks import Bank, BraintreeBank, FakeBankInside, StripeBank, braintree_aside, stripe_aside
from tests.server.processes import serving, settings
from tests.server.truths import assert_agrees

MONTHLY, YEARLY = 20_00, 200_00

# --- the worked table -------------------------------------------------------------------------------------------------


def at(month: int, day: int, hour: int = 10, *, year: int = 2027) -> str:
    return datetime(year, month, day, hour, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


START, END = at(1, 31), at(3, 31, 9, year=2028)


@dataclass(frozen=True, slots=True)
class Row:
    """An invoice: whose, when it was opened, its lines, and what of the customer's balance paid it."""

    who: str
    opened_at: str
    lines: tuple[int, ...] = (MONTHLY,)
    from_balance: int = 0

    @property
    def due(self) -> int:
        return sum(self.lines) - self.from_balance


INVOICES: Final = (
    # Periods begin on the 31st, or the last day of the month, at ten o'clock: also on the leap day.
    Row("Ada", at(1, 31)),
    Row("Ben", at(1, 31), (YEARLY,)),
    Row("Cleo", at(1, 31)),
    Row("Dan", at(1, 31)),
    Row("Ada", at(2, 28)),
    Row("Cleo", at(2, 28)),
    Row("Dan", at(2, 28)),
    Row("Ada", at(3, 31)),
    Row("Cleo", at(3, 31)),
    Row("Dan", at(3, 31)),
    # Ada changes to a year. Half of her thirty days is left: 10.00 of 20.00.
    Row("Ada", at(4, 15), (-10_00, YEARLY)),
    Row("Cleo", at(4, 30)),
    Row("Dan", at(4, 30)),
    Row("Cleo", at(5, 31)),
    Row("Dan", at(5, 31)),
    # Cleo pauses on 10 June at 16:00: of thirty days she had 10 and a quarter, 20.00 × 41/120 = 6.83; 13.17 come back.
    Row("Dan", at(6, 30)),
    # She resumes on 20 July at 4:00: of thirty-one days 11 and a quarter are left, 20.00 × 45/124 = 7.26.
    Row("Cleo", at(7, 20, 4), (7_26,), from_balance=7_26),
    # 13.17 − 7.26 = 5.91 are left.
    Row("Cleo", at(7, 31), from_balance=5_91),
    Row("Dan", at(7, 31)),
    Row("Cleo", at(8, 31)),
    Row("Dan", at(8, 31)),
    Row("Cleo", at(9, 30)),
    # His new card is declined now, and on 1 and 3 October; another one pays on the 4th.
    Row("Dan", at(9, 30)),
    Row("Cleo", at(10, 31)),
    Row("Dan", at(10, 31)),
    Row("Cleo", at(11, 30)),
    Row("Dan", at(11, 30)),
    Row("Cleo", at(12, 31)),
    Row("Dan", at(12, 31)),
    # Ben's year is over, and he goes on by the month.
    Row("Ben", at(1, 31, year=2028)),
    Row("Cleo", at(1, 31, year=2028)),
    Row("Dan", at(1, 31, year=2028)),
    Row("Ben", at(2, 29, year=2028)),
    Row("Cleo", at(2, 29, year=2028)),
    Row("Dan", at(2, 29, year=2028)),
    # Dan leaves on 10 March at midnight: of thirty-one days he had 9 and 14 hours, 20.00 × 115/372 = 6.18; 13.82 come
    # back.
)
CREDITED: Final = {"Cleo": 13_17, "Dan": 13_82}
CHARGED: Final = {"Ada": 250_00, "Ben": 240_00, "Cleo": 254_09, "Dan": 280_00, "Eve": 0}
BALANCES: Final = {"Ada": 0, "Ben": 0, "Cleo": 0, "Dan": 13_82, "Eve": 0}
DECLINES_OF_DAN: Final = 3


def test_the_table_adds_up() -> None:
    """Whatever was charged is what was used, and what we still owe."""
    assert len(INVOICES) == 35
    assert [row.opened_at for row in INVOICES] == sorted(row.opened_at for row in INVOICES)
    by_customer = {name: [row for row in INVOICES if row.who == name] for name in CHARGED}
    assert {name: sum(row.due for row in rows) for name, rows in by_customer.items()} == CHARGED
    assert sum(CHARGED.values()) == 1_024_09
    used = {
        "Ada": 2 * MONTHLY + MONTHLY // 2 + YEARLY,
        "Ben": YEARLY + 2 * MONTHLY,
        "Cleo": 4 * MONTHLY + rounded(MONTHLY, 41, 120) + rounded(MONTHLY, 45, 124) + 8 * MONTHLY,
        "Dan": 13 * MONTHLY + rounded(MONTHLY, 115, 372),
        "Eve": 0,
    }
    assert {name: used[name] + BALANCES[name] for name in CHARGED} == CHARGED


def rounded(amount: int, part: int, whole: int) -> int:
    return (2 * amount * part + whole) // (2 * whole)


# --- the story --------------------------------------------------------------------------------------------------------

_ASIDE = {StripeBank.account: stripe_aside, BraintreeBank.account: braintree_aside}
CUSTOMERS: Final = tuple(CHARGED)

SUBSCRIPTION = "id state access accessEndsAt cancelAt period { startsAt endsAt } items { id price { id } }"
CLOCK = "now state failure"
INVOICE = """
    number state openedAt lines { amount { minorUnits } } balanceApplied { minorUnits } due { minorUnits }
    amountPaid { minorUnits } amountRemaining { minorUnits } customer { name }
    creditNotes { nodes { number amount { minorUnits } } }
"""


@pytest.fixture(
    params=[
        (FakeBankInside.account, Dialect.SQLITE),
        (FakeBankInside.account, Dialect.POSTGRES),
        (StripeBank.account, Dialect.POSTGRES),
        (BraintreeBank.account, Dialect.SQLITE),
    ],
    ids="-".join,
)
def told_with(
    request: pytest.FixtureRequest, tmp_path: Path, new_database_url: NewDatabaseUrl
) -> Iterator[tuple[Bank, str]]:
    """Each bank with a database, the fake one with both kinds."""
    account, dialect = request.param
    database_url = new_database_url(dialect)
    if account == FakeBankInside.account:
        yield FakeBankInside("", tmp_path), database_url
        return
    with _ASIDE[account](tmp_path) as bank:
        yield bank, database_url


async def test_fourteen_months_of_those_who_have_a_plan(told_with: tuple[Bank, str], tmp_path: Path) -> None:
    bank, database_url = told_with
    chosen = settings(database_url, tmp_path) | bank.settings(bank.address)
    with serving(chosen, tmp_path) as gateway:
        bank.listen(gateway.address)
        async with Api(gateway.address) as api:
            shop = await Shop.opened(api, bank)
            for who, plan in {"Ada": "monthly", "Ben": "yearly", "Cleo": "monthly", "Dan": "monthly"}.items():
                await shop.subscribe(who, plan)
            await shop.check(Ada="monthly", Ben="yearly", Cleo="monthly", Dan="monthly")

            await shop.advance(at(4, 15))
            changed = await shop.change("Ada", "yearly", when="NOW", proration="INVOICE_NOW", policy="APPLY_ON_PAYMENT")
            assert changed["period"] == {"startsAt": at(4, 15), "endsAt": at(4, 15, year=2028)}
            await shop.check(Ada="yearly", Ben="yearly", Cleo="monthly", Dan="monthly")

            await shop.advance(at(6, 10, 16))
            paused = await shop.do("Pause", "Cleo", behavior="CREDIT")
            assert (paused["state"], paused["access"]) == ("PAUSED", "REVOKED")
            assert await shop.balances() == BALANCES | {"Cleo": 13_17, "Dan": 0}
            await shop.check(Ada="yearly", Ben="yearly", Dan="monthly")

            await shop.advance(at(7, 20, 4))
            assert (await shop.do("Resume", "Cleo", idempotencyKey=new_key()))["state"] == "ACTIVE"
            assert await shop.balances() == BALANCES | {"Cleo": 5_91, "Dan": 0}

            await shop.advance(at(9, 15))
            await shop.new_card("Dan", "chargeCustomerFail")
            await shop.advance(at(10, 1, 12))
            dan = await shop.subscription("Dan")
            assert (dan["state"], dan["access"], dan["accessEndsAt"]) == ("PAST_DUE", "GRACE", at(10, 21))
            await shop.check("GRACE", Ada="yearly", Ben="yearly", Cleo="monthly", Dan="monthly")
            later = await shop.change("Ben", "monthly", when="PERIOD_END", proration="NONE", policy="APPLY_NOW")
            assert later["items"][0]["price"]["id"] == shop.plans["yearly"], "until his year is over"

            await shop.advance(at(10, 4))
            await shop.new_card("Dan", "mastercard")
            assert (await shop.subscription_when("Dan", "ACTIVE"))["access"] == "GRANTED"

            await shop.advance(at(1, 5, year=2028))
            leaving = await shop.do("Cancel", "Cleo", when="PERIOD_END", idempotencyKey=new_key())
            assert (leaving["state"], leaving["cancelAt"]) == ("ACTIVE", at(1, 31, year=2028))
            assert leaving["accessEndsAt"] == at(1, 31, year=2028)
            await shop.advance(at(1, 20, year=2028))
            assert (await shop.do("Undo", "Cleo", what="CANCELLATION"))["cancelAt"] is None
            await shop.check(Ada="yearly", Ben="yearly", Cleo="monthly", Dan="monthly")

            await shop.advance(at(3, 10, 0, year=2028))
            left = await shop.do("Cancel", "Dan", when="NOW", credit=True, idempotencyKey=new_key())
            assert (left["state"], left["access"]) == ("CANCELED", "REVOKED")
            await shop.advance(END)

            await shop.check(Ada="yearly", Ben="monthly", Cleo="monthly")
            assert await shop.invoices() == expected_invoices()
            assert await shop.credited() == CREDITED
            assert await shop.balances() == BALANCES
            assert await shop.charged() == {
                name: {"captured": amount, "declined": DECLINES_OF_DAN if name == "Dan" else 0}
                for name, amount in CHARGED.items()
            }
            books = await api.query("{ ledgerCheck { ok differences { chargeId } } }")
            assert books["ledgerCheck"] == {"ok": True, "differences": []}
            await assert_agrees(database_url, bank.truth())


def expected_invoices() -> list[Json]:
    return [
        {
            "number": number,
            "who": row.who,
            "state": "PAID",
            "openedAt": row.opened_at,
            "lines": list(row.lines),
            "balanceApplied": row.from_balance,
            "due": row.due,
            "amountPaid": row.due,
            "amountRemaining": 0,
        }
        for number, row in enumerate(INVOICES, start=1)
    ]


@dataclass(frozen=True, slots=True)
class Shop:
    api: Api
    bank: Bank
    clock: str
    plans: Mapping[str, str]
    customers: Mapping[str, str]
    subscriptions: dict[str, str]

    @classmethod
    async def opened(cls, api: Api, bank: Bank) -> "Shop":
        clock = await api.do("testClockCreate", "testClock", "id", now=START, name="fourteen months")
        product = await api.do("productCreate", "product", "id", name="Tea every day")
        plans = {}
        for name, unit, amount in (("monthly", "MONTH", MONTHLY), ("yearly", "YEAR", YEARLY)):
            price = await api.do(
                "priceCreate",
                "price",
                "id",
                productId=product["id"],
                amount={"minorUnits": amount, "currency": "USD"},
                interval={"unit": unit},
            )
            plans[name] = price["id"]
        customers = {}
        for name in CUSTOMERS:
            token = bank.token("visa")
            made = await api.do(
                "customerCreateWithPaymentMethod", "customer", "id", name=name, token=token, testClockId=clock["id"]
            )
            customers[name] = made["id"]
        return cls(api, bank, clock["id"], plans, customers, {})

    # --- what is done -------------------------------------------------------------------------------------------------

    async def advance(self, to: str) -> None:
        await self.api.do("testClockAdvance", "testClock", CLOCK, testClockId=self.clock, to=to)
        read = f"query($id: ID!) {{ testClock(id: $id) {{ {CLOCK} }} }}"

        async def look() -> Json:
            seen: Json = (await self.api.query(read, id=self.clock))["testClock"]
            return seen

        clock = await eventually(look, lambda seen: seen["state"] != "ADVANCING")
        assert clock == {"now": to, "state": "READY", "failure": None}

    async def subscribe(self, who: str, plan: str) -> None:
        made = await self.api.do(
            "subscriptionCreate",
            "subscription",
            SUBSCRIPTION,
            customerId=self.customers[who],
            items=[{"priceId": self.plans[plan]}],
            idempotencyKey=new_key(),
        )
        assert (made["state"], made["access"]) == ("ACTIVE", "GRANTED")
        self.subscriptions[who] = made["id"]

    async def do(self, what: str, who: str, /, **values: object) -> Json:
        subscription_id = self.subscriptions[who]
        return await self.api.do(
            f"subscription{what}", "subscription", SUBSCRIPTION, subscriptionId=subscription_id, **values
        )

    async def change(self, who: str, plan: str, **how: str) -> Json:
        [item] = (await self.subscription(who))["items"]
        items = [{"subscriptionItemId": item["id"], "priceId": self.plans[plan]}]
        return await self.do("Change", who, items=items, idempotencyKey=new_key(), **how)

    async def new_card(self, who: str, card: str) -> None:
        await self.api.do(
            "paymentMethodAttach",
            "paymentMethod",
            "id",
            customerId=self.customers[who],
            token=self.bank.token(card),
            makeDefault=True,
        )

    # --- what is seen -------------------------------------------------------------------------------------------------

    async def check(self, access_of_dan: str = "GRANTED", **plans: str) -> None:
        """Who may use what, and by which plan."""
        read = "nodes { name entitlements { access product { name } subscription { items { price { id } } } } }"
        customers = (await self.api.query(f"{{ customers {{ {read} }} }}"))["customers"]["nodes"]
        seen = {
            customer["name"]: [
                (each["access"], each["product"]["name"], each["subscription"]["items"])
                for each in customer["entitlements"]
            ]
            for customer in customers
        }
        access = dict.fromkeys(CUSTOMERS, "GRANTED") | {"Dan": access_of_dan}
        assert seen == {name: [] for name in CUSTOMERS} | {
            name: [(access[name], "Tea every day", [{"price": {"id": self.plans[plan]}}])]
            for name, plan in plans.items()
        }

    async def subscription(self, who: str) -> Json:
        read = f"query($id: ID!) {{ subscription(id: $id) {{ {SUBSCRIPTION} }} }}"
        seen: Json = (await self.api.query(read, id=self.subscriptions[who]))["subscription"]
        return seen

    async def subscription_when(self, who: str, state: str) -> Json:
        return await eventually(lambda: self.subscription(who), lambda seen: bool(seen["state"] == state))

    async def balances(self) -> dict[str, int]:
        read = "{ customers { nodes { name balances { amount { minorUnits currency } } } } }"
        nodes = (await self.api.query(read))["customers"]["nodes"]
        return {each["name"]: sum(one["amount"]["minorUnits"] for one in each["balances"]) for each in nodes}

    async def invoices(self) -> list[Json]:
        """All, by number, which is not when they were made."""
        found = [
            {
                "number": int(invoice["number"].rpartition("-")[2]),
                "who": invoice["customer"]["name"],
                "state": invoice["state"],
                "openedAt": invoice["openedAt"],
                "lines": [line["amount"]["minorUnits"] for line in invoice["lines"]],
                **{
                    name: invoice[name]["minorUnits"]
                    for name in ("balanceApplied", "due", "amountPaid", "amountRemaining")
                },
            }
            for invoice in await self._invoices()
        ]
        return sorted(found, key=lambda invoice: int(invoice["number"]))

    async def credited(self) -> dict[str, int]:
        return {
            invoice["customer"]["name"]: note["amount"]["minorUnits"]
            for invoice in await self._invoices()
            for note in invoice["creditNotes"]["nodes"]
        }

    async def _invoices(self) -> list[Json]:
        read = f"{{ invoices(first: 100) {{ nodes {{ {INVOICE} }} }} }}"
        nodes: list[Json] = (await self.api.query(read))["invoices"]["nodes"]
        return nodes

    async def charged(self) -> dict[str, Json]:
        read = "{ customers { nodes { name charges(first: 100) { nodes { state captured { minorUnits } } } } } }"
        return {
            each["name"]: {
                "captured": sum(charge["captured"]["minorUnits"] for charge in each["charges"]["nodes"]),
                "declined": sum(charge["state"] == "DECLINED" for charge in each["charges"]["nodes"]),
            }
            for each in (await self.api.query(read))["customers"]["nodes"]
        }
