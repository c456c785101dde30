"""One call of the API, as it reaches the module that does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.emulators.stripe.account import Account
from tests.emulators.stripe.refusals import Json


@dataclass(frozen=True, slots=True)
class Call:
    """`asked` are the parameters in their types, `ids` what the path names."""

    account: Account
    asked: Json
    ids: Mapping[str, str]
    path: str

    @property
    def id(self) -> str:
        return self.ids["id"]


Work = Callable[[Call], Json]
"""Does a call and gives the object that is answered; Refused when it is not done, or not as wished."""


def given(asked: Json, *names: str) -> Json:
    """What was given of these parameters; an empty value unsets and is None."""
    return {name: None if asked[name] == "" else asked[name] for name in names if name in asked}


ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def address(asked: Json | None) -> Json:
    """A whole address of what was given."""
    return {name: None if (asked or {}).get(name) == "" else (asked or {}).get(name) for name in ADDRESS}


def shipping(asked: Json | None) -> Json | None:
    """Name and address to ship to, as customers, intents and charges have it."""
    if not asked:
        return None
    return {
        "address": address(asked.get("address") or None),
        "carrier": asked.get("carrier"),
        "name": asked.get("name"),
        "phone": asked.get("phone"),
        "tracking_number": asked.get("tracking_number"),
    }
