"""Everything that is wrong with a request, in one refusal, and values that are read while that is collected."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from tests.emulators.braintree.parameters import MOST, smallest
from tests.emulators.braintree.refusals import Refused, Trouble
from tests.emulators.braintree.xmltext import Tree

_AMOUNT = re.compile(r"^\d+(\.\d{1,3})?$")
_WHOLE = re.compile(r"^\d{1,9}$")


Given = TypeVar("Given")


class Troubles:
    """`where` is the way to the object that the errors are about; the list is shared by all that stand `inside` it."""

    def __init__(self, *where: str, found: list[Trouble] | None = None) -> None:
        self.where = where
        self.found: list[Trouble] = [] if found is None else found

    def of(self, work: Callable[[], Given]) -> Given | None:
        """What the work gives; None where there is a trouble with it. Any other refusal is told at once."""
        try:
            return work()
        except Refused as refused:
            if not refused.troubles:
                raise
            self.found.extend(refused.troubles)
            return None

    def note(self, *where_attribute: str, code: str, message: str) -> None:
        *where, attribute = where_attribute
        self.inside(*where).add(attribute, code, message)

    def add(self, attribute: str, code: str, message: str) -> None:
        self.found.append(Trouble(self.where, attribute, code, message))

    def inside(self, *names: str) -> "Troubles":
        return Troubles(*self.where, *names, found=self.found)

    def check(self) -> None:
        """Refused when there are any."""
        if self.found:
            raise Refused(422, *dict.fromkeys(self.found))


def read_amount(
    asked: Tree, name: str, currency: str, troubles: Troubles, *, blank: str, invalid: str, too_large: str
) -> Decimal | None:
    """In major units; None, and a trouble with the code that fits, when it is none."""
    text = asked.get(name)
    if text is None:
        troubles.add(name, blank, f"{name} cannot be blank.")
        return None
    if not isinstance(text, str | int) or not _AMOUNT.match(str(text)):
        troubles.add(name, invalid, f"{name} is in no valid format.")
        return None
    value = Decimal(str(text))
    if value > MOST:
        troubles.add(name, too_large, f"{name} is too large.")
        return None
    if value != value.quantize(smallest(currency)):
        troubles.add(name, invalid, f"{currency} has no such fraction.")
        return None
    return value


def read_count(asked: Tree, name: str, troubles: Troubles, *, invalid: str, zero: str) -> int | None:
    """A number of things, one at least; None, and a trouble with the code that fits, when it is none."""
    text = str(asked.get(name))
    if not _WHOLE.match(text):
        troubles.add(name, invalid, f"{name} is no number.")
        return None
    if int(text) == 0:
        troubles.add(name, zero, f"{name} has to be greater than zero.")
        return None
    return int(text)
