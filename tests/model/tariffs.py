"""What a quantity costs for a whole period, counted unit by unit."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Step:
    """Up to the unit `up_to`, or without an end: what each unit costs, and what the step costs once."""

    up_to: int | None
    unit: int
    flat: int = 0


@dataclass(frozen=True, slots=True)
class Tariff:
    """`model` as the schema calls it: PER_UNIT, FLAT, VOLUME or GRADUATED; amounts in minor units."""

    model: str
    steps: tuple[Step, ...]

    def price(self, quantity: int) -> Fraction:
        if self.model == "FLAT":
            return Fraction(self.steps[0].flat)
        steps = [self._step_of(unit) for unit in range(1, quantity + 1)]
        if self.model == "VOLUME":
            steps = [steps[-1]] * quantity
        return Fraction(sum(step.unit for step in steps) + sum(step.flat for step in set(steps)))

    def _step_of(self, unit: int) -> Step:
        return next(step for step in self.steps if step.up_to is None or unit <= step.up_to)


def per_unit(amount: int) -> Tariff:
    return Tariff("PER_UNIT", (Step(None, amount),))


def flat(amount: int) -> Tariff:
    return Tariff("FLAT", (Step(None, 0, amount),))
