"""What a period costs, in its row and on its invoice: the two never differ."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing import (
    MOST_ITEMS,
    MOST_TIERS_ALTOGETHER,
    Plan,
    check_items,
    draft_of,
    next_period,
    period_billed,
    period_unbilled,
    proration_lines,
)
from domain.errors import AmountNotRepresentable, CurrencyMismatch, InvalidInput, PaydeskError, PriceIntervalMismatch
from domain.invoices import InvoiceReason, InvoiceState, LineKind
from domain.money import MAXIMUM_MINOR_UNITS, Money
from domain.orders import MAXIMUM_QUANTITY
from domain.periods import AnchorDay
from domain.pricing import MOST_TIERS, PricingModel, Tier
from domain.products import Interval, IntervalUnit, Price
from domain.proration import prorated
from domain.subscriptions import Subscription, SubscriptionItem, SubscriptionState
from tests.domain.examples import NOW, many, new_price, usd

START = datetime(2026, 4, 21, tzinfo=UTC)
"""Ten of April's thirty days are left."""
MONTHLY = Interval(IntervalUnit.MONTH, 1)
TIERS = (
    Tier(up_to=5, unit_amount=usd(10_00), flat_amount=usd(0)),
    Tier(up_to=None, unit_amount=usd(8_00), flat_amount=usd(5_00)),
)


def monthly(**fields: Any) -> Price:
    return new_price(**({"interval": MONTHLY} | fields))


def plans_of(*prices: Price) -> dict[str, Plan]:
    return {price.id: Plan(price, f"Plan {number}") for number, price in enumerate(prices)}


def subscribed(*items: tuple[Price, int], **fields: Any) -> Subscription:
    defaults: dict[str, Any] = {
        "id": "sub_1",
        "customer_id": "cus_1",
        "issuer_id": "iss_1",
        "state": SubscriptionState.ACTIVE,
        "currency": "USD",
        "interval": MONTHLY,
        "starts_at": START,
        "periods_from": START,
        "items": tuple(
            SubscriptionItem(id=f"item_{number}", price_id=price.id, quantity=quantity)
            for number, (price, quantity) in enumerate(items)
        ),
        "livemode": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Subscription(**(defaults | fields))


class TestAPeriod:
    def test_a_whole_one_has_the_lines_of_its_prices(self) -> None:
        seat = monthly(unit_amount=usd(20_00))
        flat = monthly(unit_amount=usd(49_00), pricing_model=PricingModel.FLAT)
        tiered = monthly(pricing_model=PricingModel.GRADUATED, tiers=TIERS)
        subscription = subscribed((seat, 3), (flat, 7), (tiered, 7))
        period = next_period(subscription)

        billed, lines = period_billed(subscription, period, plans_of(seat, flat, tiered))

        assert [(line.name, line.quantity, str(line.unit_amount), str(line.amount)) for line in lines] == [
            ("Plan 0", 3, "20.00 USD", "60.00 USD"),
            ("Plan 1", 1, "0.00 USD", "49.00 USD"),
            ("Plan 2", 5, "10.00 USD", "50.00 USD"),
            ("Plan 2", 2, "8.00 USD", "21.00 USD"),
        ]
        assert {line.kind for line in lines} == {LineKind.PERIOD}
        assert {(line.period_start, line.period_end) for line in lines} == {(START, datetime(2026, 5, 21, tzinfo=UTC))}
        assert [line.item_id for line in lines] == ["item_0", "item_1", "item_2", "item_2"]
        assert {item_id: rates[0].amount for item_id, rates in billed.rates.items()} == {
            "item_0": usd(60_00),
            "item_1": usd(49_00),
            "item_2": usd(71_00),
        }
        assert (billed.subscription_id, billed.period, billed.invoice_id) == ("sub_1", period, None)

    def test_the_first_part_of_one_has_a_line_an_item_with_its_share(self) -> None:
        tiered = monthly(pricing_model=PricingModel.GRADUATED, tiers=TIERS)
        subscription = subscribed((tiered, 7), anchor_day=AnchorDay(1))

        billed, (line,) = period_billed(subscription, next_period(subscription), plans_of(tiered))

        assert (line.amount, line.quantity, line.unit_amount, line.flat_amount) == (usd(23_67), 7, None, None)
        item = billed.of_item("item_0")
        assert item is not None
        assert (item.billed, item.rates[0].amount) == (usd(23_67), usd(71_00))

    def test_what_went_is_not_billed(self) -> None:
        kept, gone = monthly(), monthly()
        subscription = subscribed((kept, 1), (gone, 1))
        first, second = subscription.items
        subscription = replace(subscription, items=(first, replace(second, removed_at=START)))

        billed, lines = period_billed(subscription, next_period(subscription), plans_of(kept))

        assert [line.item_id for line in lines] == list(billed.rates) == ["item_0"]

    def test_what_is_free_is_a_line_of_nothing(self) -> None:
        free = monthly(unit_amount=usd(0))
        subscription = subscribed((free, 4))
        billed, (line,) = period_billed(subscription, next_period(subscription), plans_of(free))
        assert (line.amount, line.quantity) == (usd(0), 4)
        assert list(billed.rates) == ["item_0"]

    def test_a_paused_one_costs_nothing_and_leaves_no_gap(self) -> None:
        price = monthly()
        subscription = subscribed((price, 1))
        first = next_period(subscription)
        paused = period_unbilled(subscription, first)
        following = next_period(replace(subscription, period=first))
        assert (paused.rates, paused.period.end) == ({}, following.start)

    @many
    @given(
        amount=st.integers(0, 10**9),
        quantity=st.integers(1, MAXIMUM_QUANTITY),
        model=st.sampled_from(PricingModel),
        begins=st.integers(0, 6 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
        day=st.none() | st.integers(1, 31),
    )
    def test_the_lines_add_up_to_what_the_row_says(
        self, amount: int, quantity: int, model: PricingModel, begins: datetime, day: int | None
    ) -> None:
        tiers = TIERS if model in (PricingModel.VOLUME, PricingModel.GRADUATED) else ()
        price = monthly(unit_amount=usd(amount), pricing_model=model, tiers=tiers)
        subscription = subscribed((price, quantity), periods_from=begins, anchor_day=AnchorDay(day) if day else None)
        for _ in range(2):
            period = next_period(subscription)
            billed, lines = period_billed(subscription, period, plans_of(price))
            item = billed.of_item("item_0")
            assert item is not None
            assert Money.total((line.amount for line in lines), currency="USD") == item.billed
            assert item.rates[0].amount == price.pricing.amount(quantity)
            assert all((line.period_start, line.period_end) == (period.start, period.end) for line in lines)
            subscription = replace(subscription, period=period)


class TestLinesOfAChange:
    def test_a_credit_names_what_was_and_a_charge_what_is(self) -> None:
        small, large = monthly(unit_amount=usd(30_00)), monthly(unit_amount=usd(60_00))
        plans = plans_of(small, large)
        subscription = subscribed((small, 2))
        billed, _ = period_billed(subscription, next_period(subscription), plans)
        (before,) = subscription.items
        after = replace(before, price_id=large.id, quantity=1)
        at = START + timedelta(days=15)
        item = billed.of_item(before.id)
        assert item is not None
        _, lines = prorated(item, large.pricing.amount(1), at=at)

        credit, charge = proration_lines(after, plans, lines, before=before)

        assert (credit.kind, credit.name, credit.quantity, credit.amount) == (LineKind.CREDIT, "Plan 0", 2, usd(-30_00))
        assert (charge.kind, charge.name, charge.quantity, charge.amount) == (LineKind.CHARGE, "Plan 1", 1, usd(30_00))
        assert (credit.price_id, charge.price_id) == (small.id, large.id)
        assert (charge.period_start, charge.period_end, charge.unit_amount) == (at, item.period.end, None)


class TestADraft:
    def test_it_is_of_its_subscription_and_has_all_lines(self) -> None:
        price = monthly(unit_amount=usd(20_00))
        subscription = subscribed((price, 3), livemode=True)
        period = next_period(subscription)
        _, lines = period_billed(subscription, period, plans_of(price))

        draft = draft_of(subscription, InvoiceReason.PERIOD, lines, period_start=period.start, now=NOW)

        assert (draft.state, draft.total, draft.lines) == (InvoiceState.DRAFT, usd(60_00), lines)
        assert (draft.subscription_id, draft.customer_id, draft.issuer_id) == ("sub_1", "cus_1", "iss_1")
        assert (draft.period_start, draft.livemode, draft.created_at) == (START, True, NOW)


class TestWhatASubscriptionCanHave:
    SEAT = monthly()
    YEARLY = monthly(interval=Interval(IntervalUnit.YEAR, 1))
    TWELVE_MONTHS = monthly(interval=Interval(IntervalUnit.MONTH, 12))
    EURO = monthly(unit_amount=Money(10_00, "EUR"))
    DEAR = monthly(unit_amount=usd(MAXIMUM_MINOR_UNITS))
    ONCE = new_price()

    @pytest.mark.parametrize(
        ("wanted", "refusal", "path"),
        [
            ([], InvalidInput, ("items",)),
            ([(SEAT, 1), (SEAT, 2)], InvalidInput, ("items", "1", "priceId")),
            ([(SEAT, 1), (EURO, 1)], CurrencyMismatch, ("items", "1", "priceId")),
            ([(SEAT, 1), (YEARLY, 1)], PriceIntervalMismatch, ("items", "1", "priceId")),
            ([(ONCE, 1)], PriceIntervalMismatch, ("items", "0", "priceId")),
            ([(SEAT, 0)], InvalidInput, ("items", "0", "quantity")),
            ([(SEAT, MAXIMUM_QUANTITY + 1)], InvalidInput, ("items", "0", "quantity")),
            ([(DEAR, 2)], AmountNotRepresentable, ("items", "0", "quantity")),
        ],
    )
    def test_what_it_cannot_is_named(
        self, wanted: list[tuple[Price, int]], refusal: type[PaydeskError], path: tuple[str, ...]
    ) -> None:
        with pytest.raises(refusal) as refused:
            self.check(wanted)
        assert refused.value.path == path

    def test_prices_of_a_year_and_of_twelve_months_go_together(self) -> None:
        self.check([(self.YEARLY, 1), (self.TWELVE_MONTHS, 1)], Interval(IntervalUnit.YEAR, 1))

    def test_it_has_so_many_items_at_most(self) -> None:
        prices = [(monthly(), 1) for _ in range(MOST_ITEMS + 1)]
        self.check(prices[:-1])
        with pytest.raises(InvalidInput):
            self.check(prices)

    def test_its_prices_have_so_many_tiers_at_most_that_a_renewal_fits_an_invoice(self) -> None:
        steps = tuple(replace(TIERS[0], up_to=number) for number in range(1, MOST_TIERS))
        long = [(monthly(pricing_model=PricingModel.GRADUATED, tiers=(*steps, TIERS[-1])), 99) for _ in range(5)]
        assert MOST_TIERS * len(long) == MOST_TIERS_ALTOGETHER
        self.check(long)
        with pytest.raises(InvalidInput) as refused:
            self.check([*long, (self.SEAT, 1)])
        assert refused.value.path == ("items",)

    def check(self, wanted: list[tuple[Price, int]], interval: Interval = MONTHLY) -> None:
        plans = plans_of(*dict.fromkeys(price for price, _ in wanted))
        check_items([(price.id, quantity) for price, quantity in wanted], plans, currency="USD", interval=interval)
