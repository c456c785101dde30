"""Products and prices change little: what was sold stays readable."""

import pytest

from domain.errors import PriceArchived, PriceNotOneTime, PriceNotRecurring
from domain.products import MAXIMUM_INTERVAL_COUNT, Interval, IntervalUnit, PriceType
from tests.domain.examples import LATER, MUCH_LATER, NOW, new_price, new_product

MONTHLY = Interval(IntervalUnit.MONTH, 1)


def test_a_price_is_recurring_by_its_interval() -> None:
    assert new_price().type is PriceType.ONE_TIME
    assert new_price(interval=MONTHLY).type is PriceType.RECURRING


def test_a_one_time_price_can_be_ordered() -> None:
    new_price().check_orderable()


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"archived_at": NOW}, PriceArchived),
        ({"interval": MONTHLY}, PriceNotOneTime),
        ({"archived_at": NOW, "interval": MONTHLY}, PriceArchived),
    ],
)
def test_other_prices_cannot(fields: dict[str, object], refusal: type[PriceArchived | PriceNotOneTime]) -> None:
    with pytest.raises(refusal) as refused:
        new_price(**fields).check_orderable()
    assert refused.value.path == ("priceId",)


def test_a_recurring_price_can_be_subscribed_to() -> None:
    new_price(interval=MONTHLY).check_subscribable()
    for fields, refusal in (
        ({"interval": MONTHLY, "archived_at": NOW}, PriceArchived),
        ({"archived_at": NOW}, PriceArchived),
        ({}, PriceNotRecurring),
    ):
        with pytest.raises(refusal) as refused:
            new_price(**fields).check_subscribable()
        assert refused.value.path == ("priceId",)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ((IntervalUnit.MONTH, 12), (IntervalUnit.YEAR, 1), True),
        ((IntervalUnit.MONTH, 36), (IntervalUnit.YEAR, 3), True),
        ((IntervalUnit.DAY, 14), (IntervalUnit.WEEK, 2), True),
        ((IntervalUnit.MONTH, 1), (IntervalUnit.MONTH, 1), True),
        ((IntervalUnit.MONTH, 1), (IntervalUnit.MONTH, 2), False),
        ((IntervalUnit.DAY, 12), (IntervalUnit.YEAR, 1), False),
        ((IntervalUnit.DAY, 365), (IntervalUnit.YEAR, 1), False),
        ((IntervalUnit.DAY, 7), (IntervalUnit.MONTH, 7), False),
    ],
)
def test_twelve_months_are_a_year_and_seven_days_a_week(
    one: tuple[IntervalUnit, int], other: tuple[IntervalUnit, int], alike: bool
) -> None:
    assert Interval(*one).is_as_long_as(Interval(*other)) is alike
    assert Interval(*other).is_as_long_as(Interval(*one)) is alike


def test_archiving_again_keeps_the_first_moment() -> None:
    product = new_product().archived(now=LATER)
    price = new_price().archived(now=LATER)
    assert (product.archived_at, product.updated_at, price.archived_at) == (LATER, LATER, LATER)
    assert product.archived(now=MUCH_LATER) is product
    assert price.archived(now=MUCH_LATER) is price


def test_a_change_touches_what_it_names() -> None:
    product = new_product(description="Green", metadata={"origin": "Uji"})
    changed = product.changed({"name": "Sencha"}, now=LATER)
    assert (changed.name, changed.description, changed.metadata) == ("Sencha", "Green", {"origin": "Uji"})
    assert changed.updated_at == LATER
    assert product.changed({"description": None}, now=LATER).description is None


def test_no_interval_is_longer_than_three_years() -> None:
    days = {IntervalUnit.DAY: 1, IntervalUnit.WEEK: 7, IntervalUnit.MONTH: 365 / 12, IntervalUnit.YEAR: 365}
    assert set(MAXIMUM_INTERVAL_COUNT) == set(IntervalUnit)
    for unit, count in MAXIMUM_INTERVAL_COUNT.items():
        assert 3 * 364 <= days[unit] * count <= 3 * 365
