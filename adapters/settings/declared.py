"""The accounts that an operator declares: what each is called, whose it is, and which variables configure it.

`stripe` is the account of that name at Stripe, configured by the plain names; `stripe_eu=stripe:EU_` is another one
there, configured by EU_STRIPE_SECRET_KEY and so on. What stands before and behind the provider can be left out apart.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from adapters.settings.braintree import BraintreeSettings
from adapters.settings.fake import FakeSettings
from adapters.settings.own import PLAIN, OwnSettings
from adapters.settings.stripe import StripeSettings

PROVIDERS: Mapping[str, type[OwnSettings]] = {
    "fake": FakeSettings,
    "stripe": StripeSettings,
    "braintree": BraintreeSettings,
}
"""By name. `Settings` has a field of this name for each, with the settings of every account by its prefix."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
"""It stands in addresses (`/webhooks/stripe_eu`) and, for ever, with all that was made with the account."""
_PREFIX = re.compile(r"[A-Z][A-Z0-9_]{0,49}_")


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    provider: str
    prefix: str = PLAIN

    def __str__(self) -> str:
        """As it is declared."""
        behind = f":{self.prefix}" if self.prefix else ""
        return self.provider + behind if self.name == self.provider else f"{self.name}={self.provider}{behind}"

    @property
    def variables(self) -> str:
        """What the names of its variables begin with."""
        return self.prefix + PROVIDERS[self.provider].variables

    @property
    def names(self) -> dict[str, str]:
        """The variable of each of its settings."""
        return PROVIDERS[self.provider].names(self.prefix)


FAKE = Account("fake", "fake")
"""What development has without being told."""


def declared_in(provider: object, others: object) -> list[Account]:
    """Of settings as they were found, what can be read: for whoever needs to know before all of them are checked."""
    found = []
    for declaration in [provider, *_listed(others)]:
        try:
            found.append(_read(declaration))
        except ValueError:
            continue
    return found


def wrong_with_names(default: Account | None, others: Sequence[Account]) -> list[str]:
    """A sentence for each account that could not be told from another."""
    wrong = []
    met = [] if default is None else [default]
    for account in others:
        if default is not None and account.name == default.name:
            wrong.append(f"PAYDESK_ACCOUNTS has {account.name} in it, which is the default account already.")
        elif account.name in [other.name for other in met]:
            wrong.append(f"PAYDESK_ACCOUNTS has {account.name} in it twice.")
        elif alike := [other.name for other in met if other.variables == account.variables]:
            wrong.append(
                f"{account.name} would be the account that {alike[0]} is: both are configured by {account.variables}…; "
                f"a prefix gives it variables of its own, as in {account.name}={account.provider}:EU_."
            )
        met.append(account)
    return wrong


def _read(declaration: object) -> Account:
    if isinstance(declaration, Account):
        return declaration
    text = str(declaration).strip()
    before, named, rest = text.rpartition("=")
    provider, prefixed, prefix = (part.strip() for part in rest.partition(":"))
    name = before.strip() if named else provider
    if provider not in PROVIDERS:
        raise ValueError(f"{provider[:100]!r} is no provider: there are {all_of_them('and')}")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:100]!r} cannot be an account's name: it is made of a to z, digits, _ and -, begins with a letter, "
            "and is not longer than 50"
        )
    if prefixed and not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix[:100]!r} cannot stand before variables: it has to be like EU_")
    return Account(name, provider, prefix)


def all_of_them(joined: str, *, mark: str = "") -> str:
    *most, last = (f"{mark}{provider}{mark}" for provider in sorted(PROVIDERS))
    return f"{', '.join(most)} {joined} {last}"


def _listed(declarations: object) -> list[object]:
    if isinstance(declarations, str):
        return [part for part in declarations.split(",") if part.strip()]
    return list(declarations) if isinstance(declarations, (tuple, list)) else []


Declaration = Annotated[Account, BeforeValidator(_read)]
Declarations = Annotated[
    tuple[Account, ...], NoDecode, BeforeValidator(lambda found: tuple(_read(each) for each in _listed(found)))
]
