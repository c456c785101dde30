"""A club at the Braintree emulator: its plans, a member with a card, and the days that pass."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tests.emulators.braintree_shop import Shop

_PLANS: list[dict[str, Any]] = [
    {"id": "monthly", "name": "Monthly", "price": "30.00"},
    {"id": "trial", "name": "A week for nothing", "price": "30.00", "trial_period": True, "trial_duration": 7},
    {"id": "on_the_5th", "name": "On the 5th", "price": "30.00", "billing_day_of_month": 5},
    {"id": "yearly", "name": "Yearly", "price": "300.00", "billing_frequency": 12},
    {"id": "euro", "name": "In Europe", "price": "25.00", "currency_iso_code": "EUR"},
    {
        "id": "with_seats",
        "name": "With seats",
        "price": "30.00",
        "add_ons": {"add": [{"inherited_from_id": "seat"}]},
        "discounts": {"add": [{"inherited_from_id": "start"}]},
    },
]
_MODIFICATIONS = [
    {"id": "seat", "kind": "add_on", "amount": "5.00"},
    {"id": "desk", "kind": "add_on", "amount": "8.00"},
    {"id": "start", "kind": "discount", "amount": "10.00", "number_of_billing_cycles": 2},
    {"id": "friend", "kind": "discount", "amount": "3.00"},
]


@dataclass(slots=True)
class Club:
    bt: Shop
    token: str

    def subscribe(self, plan: str = "monthly", **more: Any) -> Any:
        """The SDK's result."""
        return self.bt.sdk.subscription.create({"plan_id": plan, "payment_method_token": self.token} | more)

    def subscribed(self, plan: str = "monthly", **more: Any) -> Any:
        """The subscription of one that succeeds."""
        result = self.subscribe(plan, **more)
        assert result.is_success, result.message
        return result.subscription

    def find(self, subscription: Any) -> Any:
        return self.bt.sdk.subscription.find(subscription.id)

    def update(self, subscription: Any, **asked: Any) -> Any:
        """The SDK's result."""
        return self.bt.sdk.subscription.update(subscription.id, asked)

    @property
    def today(self) -> date:
        return self._now.date()

    @property
    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.bt.control("clock")["now"], UTC)

    def until(self, day: date) -> None:
        """Put the clock forward to that day, and a little so that what is due then has happened."""
        self.bt.advance((datetime.combine(day, time(), UTC) - self._now + timedelta(seconds=5)).total_seconds())

    def decline(self, code: str | None = "2001") -> None:
        """The member's bank does so from now on; no more with None."""
        self.bt.control("issuers", {"card": self.token, "declines": code})

    def told(self) -> list[str]:
        """What was told of subscriptions, in order."""
        kinds = [each["kind"] for each in self.bt.control("webhooks")["told"]]
        return [kind.removeprefix("subscription_") for kind in kinds if kind.startswith("subscription_")]


def open_club(bt: Shop) -> Club:
    usual = {"billing_frequency": 1, "currency_iso_code": "USD", "trial_duration_unit": "day"}
    bt.control("seed", {"modifications": _MODIFICATIONS, "plans": [usual | plan for plan in _PLANS]})
    club = Club(bt, bt.customer_with()[1])
    # At noon: no test begins on one day and goes on on the next.
    club.until(club.today + timedelta(days=1))
    bt.advance(12 * 3600)
    return club
