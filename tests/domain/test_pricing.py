"""A price makes of a quantity an amount, and the lines that explain it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AmountNotRepresentable, CurrencyMismatch, InvalidInput
from domain.money import MAXIMUM_MINOR_UNITS, Money
from domain.orders import MAXIMUM_QUANTITY
from domain.pricing import MOST_TIERS, Pricing, PricingModel, Tier
from tests.domain.examples import many, usd

TIERED = [PricingModel.VOLUME, PricingModel.GRADUATED]


def tier(up_to: int | None, unit_amount: int, flat_amount: int = 0, currency: str = "USD") -> Tier:
    return Tier(up_to=up_to, unit_amount=Money(unit_amount, currency), flat_amount=Money(flat_amount, currency))


SEATS = [tier(5, 10_00), tier(20, 8_00, 15_00), tier(None, 6_00)]


class TestAmounts:
    @pytest.mark.parametrize(("quantity", "amount"), [(1, 10_00), (7, 70_00)])
    def test_each_unit_may_cost_the_same(self, quantity: int, amount: int) -> None:
        assert Pricing.per_unit(usd(10_00)).amount(quantity) == usd(amount)

    @pytest.mark.parametrize("quantity", [1, 7, MAXIMUM_QUANTITY])
    def test_a_flat_price_asks_for_no_number(self, quantity: int) -> None:
        assert Pricing.flat(usd(49_00)).amount(quantity) == usd(49_00)

    @pytest.mark.parametrize(
        ("quantity", "amount"),
        [(1, 10_00), (5, 50_00), (6, 6 * 8_00 + 15_00), (20, 20 * 8_00 + 15_00), (21, 21 * 6_00), (1000, 1000 * 6_00)],
    )
    def test_by_volume_one_tier_prices_all(self, quantity: int, amount: int) -> None:
        assert Pricing.tiered(PricingModel.VOLUME, SEATS).amount(quantity) == usd(amount)

    @pytest.mark.parametrize(
        ("quantity", "amount"),
        [
            (1, 10_00),
            (5, 50_00),
            (6, 50_00 + 8_00 + 15_00),
            (20, 50_00 + 15 * 8_00 + 15_00),
            (21, 50_00 + 15 * 8_00 + 15_00 + 6_00),
        ],
    )
    def test_graduated_each_tier_prices_its_own_units(self, quantity: int, amount: int) -> None:
        assert Pricing.tiered(PricingModel.GRADUATED, SEATS).amount(quantity) == usd(amount)

    @pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
    def test_amounts_are_of_the_smallest_unit_of_any_currency(self, currency: str) -> None:
        pricing = Pricing.tiered(PricingModel.GRADUATED, [tier(2, 3, 0, currency), tier(None, 1, 0, currency)])
        assert pricing.currency == currency
        assert pricing.amount(4) == Money(8, currency)


class TestLines:
    def test_a_graduated_price_makes_a_line_of_each_tier_that_is_reached(self) -> None:
        lines = Pricing.tiered(PricingModel.GRADUATED, SEATS).lines(22)
        assert [(line.first_unit, line.quantity, str(line.unit_amount), str(line.amount)) for line in lines] == [
            (1, 5, "10.00 USD", "50.00 USD"),
            (6, 15, "8.00 USD", "135.00 USD"),
            (21, 2, "6.00 USD", "12.00 USD"),
        ]

    @pytest.mark.parametrize(
        ("pricing", "quantity"),
        [
            (Pricing.per_unit(usd(10_00)), 22),
            (Pricing.tiered(PricingModel.VOLUME, SEATS), 22),
            (Pricing.flat(usd(10_00)), 1),
        ],
    )
    def test_any_other_makes_one(self, pricing: Pricing, quantity: int) -> None:
        (line,) = pricing.lines(22)
        assert (line.first_unit, line.quantity) == (1, quantity)


class TestWhatIsNoPrice:
    @pytest.mark.parametrize(
        ("tiers", "path"),
        [
            ([], ("tiers",)),
            ([tier(number, 1) for number in range(1, MOST_TIERS + 1)] + [tier(None, 1)], ("tiers",)),
            ([tier(5, 1)], ("tiers", "0", "upTo")),
            ([tier(None, 1), tier(None, 1)], ("tiers", "0", "upTo")),
            ([tier(0, 1), tier(None, 1)], ("tiers", "0", "upTo")),
            ([tier(5, 1), tier(5, 1), tier(None, 1)], ("tiers", "1", "upTo")),
            ([tier(5, 1), tier(4, 1), tier(None, 1)], ("tiers", "1", "upTo")),
            ([tier(5, 1), tier(None, -1)], ("tiers", "1", "unitAmount")),
            ([tier(5, 1, -1), tier(None, 1)], ("tiers", "0", "flatAmount")),
        ],
    )
    @pytest.mark.parametrize("model", TIERED)
    def test_tiers_follow_one_another_and_the_last_has_no_end(
        self, model: PricingModel, tiers: list[Tier], path: tuple[str, ...]
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            Pricing.tiered(model, tiers)
        assert refused.value.path == path

    @pytest.mark.parametrize(
        ("tiers", "path"),
        [
            ([tier(5, 1), tier(None, 1, 0, "EUR")], ("tiers", "1", "unitAmount")),
            (
                [Tier(up_to=None, unit_amount=usd(1), flat_amount=Money(1, "EUR"))],
                ("tiers", "0", "flatAmount"),
            ),
        ],
    )
    def test_a_price_has_one_currency(self, tiers: list[Tier], path: tuple[str, ...]) -> None:
        with pytest.raises(CurrencyMismatch) as refused:
            Pricing.tiered(PricingModel.VOLUME, tiers)
        assert refused.value.path == path

    def test_nobody_is_paid_for_subscribing(self) -> None:
        for make in (Pricing.per_unit, Pricing.flat):
            with pytest.raises(InvalidInput):
                make(usd(-1))

    @pytest.mark.parametrize("model", [PricingModel.PER_UNIT, PricingModel.FLAT])
    def test_what_has_no_tiers_takes_none(self, model: PricingModel) -> None:
        with pytest.raises(InvalidInput) as refused:
            Pricing.tiered(model, SEATS)
        assert refused.value.path == ("tiers",)

    @pytest.mark.parametrize("quantity", [0, -1, MAXIMUM_QUANTITY + 1])
    def test_a_quantity_is_one_that_somebody_can_have(self, quantity: int) -> None:
        with pytest.raises(InvalidInput) as refused:
            Pricing.flat(usd(1)).amount(quantity)
        assert refused.value.path == ("quantity",)

    @pytest.mark.fault("F58")
    @pytest.mark.parametrize(
        "pricing",
        [
            Pricing.per_unit(usd(MAXIMUM_MINOR_UNITS)),
            Pricing.tiered(PricingModel.GRADUATED, [tier(1, MAXIMUM_MINOR_UNITS), tier(None, 1)]),
        ],
    )
    def test_more_than_an_amount_can_be_is_refused_for_its_quantity(self, pricing: Pricing) -> None:
        assert pricing.amount(1) == usd(MAXIMUM_MINOR_UNITS)
        for ask in (pricing.amount, pricing.lines):
            with pytest.raises(AmountNotRepresentable) as refused:
                ask(2)
            assert refused.value.path == ("quantity",)


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def tier_lists(draw: st.DrawFn) -> list[Tier]:
    ends = sorted(draw(st.sets(st.integers(1, 60), max_size=5)))
    amounts: Any = st.integers(0, 10**6)
    return [tier(end, draw(amounts), draw(amounts)) for end in (*ends, None)]


@many
@given(st.sampled_from(TIERED), tier_lists(), st.integers(1, 80))
def test_tiers_price_what_counting_unit_by_unit_prices(model: PricingModel, tiers: list[Tier], quantity: int) -> None:
    def tier_of(unit: int) -> Tier:
        return next(each for each in tiers if each.up_to is None or unit <= each.up_to)

    units = [tier_of(unit if model is PricingModel.GRADUATED else quantity) for unit in range(1, quantity + 1)]
    flat = {id(each): each.flat_amount.minor_units for each in units}
    expected = sum(each.unit_amount.minor_units for each in units) + sum(flat.values())
    pricing = Pricing.tiered(model, tiers)
    assert pricing.amount(quantity) == usd(expected)

    lines = pricing.lines(quantity)
    assert Money.total((line.amount for line in lines), currency="USD") == usd(expected)
    covered = [unit for line in lines for unit in range(line.first_unit, line.first_unit + line.quantity)]
    assert covered == list(range(1, quantity + 1))
