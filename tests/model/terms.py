"""What the model says, in the words of the domain."""

from domain.money import Money
from domain.periods import AnchorDay
from domain.pricing import Pricing, PricingModel, Tier
from domain.products import Interval, IntervalUnit
from tests.model.calendar import Anchor, Rhythm
from tests.model.tariffs import Tariff


def interval_of(rhythm: Rhythm) -> Interval:
    return Interval(IntervalUnit(rhythm.unit), rhythm.every)


def anchor_day_of(anchor: Anchor | None) -> AnchorDay | None:
    return AnchorDay(anchor.day, anchor.month) if anchor else None


def pricing_of(tariff: Tariff) -> Pricing:
    tiers = [Tier(up_to=step.up_to, unit_amount=_usd(step.unit), flat_amount=_usd(step.flat)) for step in tariff.steps]
    match PricingModel(tariff.model):
        case PricingModel.PER_UNIT:
            return Pricing.per_unit(tiers[0].unit_amount)
        case PricingModel.FLAT:
            return Pricing.flat(tiers[0].flat_amount)
        case model:
            return Pricing.tiered(model, tiers)


def _usd(minor_units: int) -> Money:
    return Money(minor_units, "USD")
