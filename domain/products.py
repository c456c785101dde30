"""Products, and the prices at which they are sold.

A price never changes its amount, currency or interval: what was sold stays readable. It is archived and another one is
made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from domain.errors import PriceArchived, PriceNotOneTime, PriceNotRecurring
from domain.money import Money
from domain.pricing import Pricing, PricingModel, Tier


class PriceType(StrEnum):
    ONE_TIME = "ONE_TIME"
    RECURRING = "RECURRING"


class IntervalUnit(StrEnum):
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


MAXIMUM_INTERVAL_COUNT = {
    IntervalUnit.DAY: 1095,
    IntervalUnit.WEEK: 156,
    IntervalUnit.MONTH: 36,
    IntervalUnit.YEAR: 3,
}
"""Three years: longer than any card stays valid on average, so a longer renewal would mostly fail."""


@dataclass(frozen=True, slots=True)
class Interval:
    """How often a recurring price is due: Interval(IntervalUnit.MONTH, 3) is once a quarter."""

    unit: IntervalUnit
    count: int

    def is_as_long_as(self, other: "Interval") -> bool:
        """Twelve months are a year, and seven days a week: a price of the one is due whenever one of the other is."""
        return _in_smallest_units(self) == _in_smallest_units(other)


def _in_smallest_units(interval: Interval) -> tuple[bool, int]:
    is_of_days = interval.unit in (IntervalUnit.DAY, IntervalUnit.WEEK)
    return is_of_days, interval.count * {IntervalUnit.WEEK: 7, IntervalUnit.YEAR: 12}.get(interval.unit, 1)


MOST_IMAGES = 8
"""Of a product: as many as Stripe's products have, so that a catalogue can be told there as it is here."""


@dataclass(frozen=True, slots=True)
class ProductImage:
    """A picture that lies elsewhere; the gateway never fetches it."""

    url: str
    alternative_text: str | None = None
    """What it shows, for those who do not see it."""


class ProductChanges(TypedDict, total=False):
    name: str
    description: str | None
    images: tuple[ProductImage, ...]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    id: str
    name: str
    description: str | None = None
    images: tuple[ProductImage, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    archived_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    def changed(self, changes: ProductChanges, *, now: datetime) -> "Product":
        return replace(self, **changes, updated_at=now)

    def archived(self, *, now: datetime) -> "Product":
        return self if self.archived_at else replace(self, archived_at=now, updated_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    id: str
    product_id: str
    nickname: str | None
    unit_amount: Money
    """What one unit costs; of a FLAT price, what it costs altogether, and of one with tiers, what a quantity of one
    would."""
    interval: Interval | None
    """None for a one-time price."""
    pricing_model: PricingModel = PricingModel.PER_UNIT
    tiers: tuple[Tier, ...] = ()
    """Of VOLUME and GRADUATED prices."""
    trial_days: int | None = None
    """How long a subscription to it is free at first, unless it says otherwise."""
    archived_at: datetime | None = None
    created_at: datetime

    @property
    def type(self) -> PriceType:
        return PriceType.RECURRING if self.interval else PriceType.ONE_TIME

    @property
    def pricing(self) -> Pricing:
        match self.pricing_model:
            case PricingModel.PER_UNIT:
                return Pricing.per_unit(self.unit_amount)
            case PricingModel.FLAT:
                return Pricing.flat(self.unit_amount)
            case PricingModel.VOLUME | PricingModel.GRADUATED:
                return Pricing.tiered(self.pricing_model, self.tiers)

    def archived(self, *, now: datetime) -> "Price":
        return self if self.archived_at else replace(self, archived_at=now)

    def check_orderable(self) -> None:
        if self.archived_at:
            raise PriceArchived(path=("priceId",))
        if self.interval:
            raise PriceNotOneTime(path=("priceId",))

    def check_subscribable(self) -> None:
        """By somebody who chooses it now; who had it before it was archived keeps it."""
        if self.archived_at:
            raise PriceArchived(path=("priceId",))
        if self.interval is None:
            raise PriceNotRecurring(path=("priceId",))
