"""Plans, add-ons and discounts at the Braintree emulator."""

from decimal import Decimal
from typing import Any

import pytest
from braintree.exceptions.not_found_error import NotFoundError

from tests.emulators.braintree_shop import Shop, codes

_MONTHLY = {"name": "Monthly", "price": "10.00", "billing_frequency": 1, "currency_iso_code": "USD"}
_REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "81903"),
    ({"price": None}, "81903"),
    ({"price": "ten"}, "81904"),
    ({"price": "10000000000.00"}, "81923"),
    ({"price": "1.001"}, "81904"),
    ({"currency_iso_code": "CHF"}, "91923"),
    ({"billing_frequency": "0"}, "91907"),
    ({"number_of_billing_cycles": "many"}, "91906"),
    ({"billing_day_of_month": 30}, "91914"),
    ({"trial_period": True, "trial_duration_unit": "day"}, "81908"),
    ({"trial_period": True, "trial_duration": 1, "trial_duration_unit": "week"}, "81909"),
    ({"id": "monthly"}, "81902"),
    ({"id": "two words"}, "81906"),
    ({"add_ons": {"add": [{"inherited_from_id": "nobody's"}]}}, "92013"),
]


def _offer(bt: Shop) -> None:
    """What the Control Panel offers."""
    bt.control(
        "seed",
        {
            "modifications": [
                {"id": "seat", "kind": "add_on", "amount": "5.00", "name": "A seat"},
                {"id": "start", "kind": "discount", "amount": "2.50", "number_of_billing_cycles": 3},
            ]
        },
    )


def test_a_plan_is_kept_under_its_own_id(bt: Shop) -> None:
    made = bt.sdk.plan.create({"id": "monthly", "description": "For one.", "number_of_billing_cycles": 12, **_MONTHLY})

    found = bt.sdk.plan.find("monthly")

    assert made.is_success
    assert (found.id, found.name, found.price, found.currency_iso_code) == ("monthly", "Monthly", "10.00", "USD")
    assert (found.billing_frequency, found.number_of_billing_cycles, found.trial_period) == (1, 12, False)
    assert (found.merchant_id, found.add_ons, found.discounts) == ("emulated_merchant", [], [])
    assert [plan.id for plan in bt.sdk.plan.all()] == ["monthly"]
    with pytest.raises(NotFoundError):
        bt.sdk.plan.find("yearly")


def test_a_plan_without_an_id_is_given_one(bt: Shop) -> None:
    ids = {bt.sdk.plan.create(_MONTHLY).plan.id for _ in range(2)}

    assert len(ids) == 2
    assert {plan.id for plan in bt.sdk.plan.all()} == ids


def test_a_plan_that_cannot_be_is_refused(bt: Shop) -> None:
    bt.sdk.plan.create({"id": "monthly", **_MONTHLY})

    for said, code in _REFUSED:
        assert (said, codes(bt.sdk.plan.create(_MONTHLY | said))) == (said, [code])
    assert [plan.id for plan in bt.sdk.plan.all()] == ["monthly"]


def test_a_plan_has_add_ons_and_discounts_of_those_that_are_offered(bt: Shop) -> None:
    _offer(bt)
    asked = {
        "add_ons": {"add": [{"inherited_from_id": "seat", "quantity": 2}]},
        "discounts": {"add": [{"inherited_from_id": "start", "amount": "1.00"}]},
    }

    plan = bt.sdk.plan.create({"id": "monthly", **_MONTHLY, **asked}).plan
    bt.sdk.plan.update("monthly", {"add_ons": {"update": [{"existing_id": "seat", "amount": Decimal("6.00")}]}})

    (seat,), (start,) = plan.add_ons, plan.discounts
    assert (seat.id, seat.name, seat.amount, seat.quantity, seat.never_expires) == ("seat", "A seat", 5, 2, True)
    assert (start.kind, start.amount, start.never_expires, start.number_of_billing_cycles) == ("discount", 1, False, 3)
    assert bt.sdk.plan.find("monthly").add_ons[0].amount == 6
    assert [(each.id, each.amount) for each in bt.sdk.add_on.all()] == [("seat", 5)]
    assert [(each.id, each.amount) for each in bt.sdk.discount.all()] == [("start", Decimal("2.50"))]


def test_a_plan_is_updated_and_renamed(bt: Shop) -> None:
    bt.sdk.plan.create({"id": "monthly", **_MONTHLY})

    updated = bt.sdk.plan.update("monthly", {"id": "yearly", "price": Decimal("99.88"), "billing_frequency": 12}).plan

    assert (updated.id, updated.name, updated.price, updated.billing_frequency) == ("yearly", "Monthly", "99.88", 12)
    assert codes(bt.sdk.plan.update("yearly", {"number_of_billing_cycles": "many", "price": "x"})) == ["81904", "91906"]
    assert bt.sdk.plan.find("yearly").number_of_billing_cycles is None
    with pytest.raises(NotFoundError):
        bt.sdk.plan.update("monthly", {"price": "1.00"})


def test_nothing_is_offered_at_first(bt: Shop) -> None:
    assert (bt.sdk.plan.all(), bt.sdk.add_on.all(), bt.sdk.discount.all()) == ([], [], [])
