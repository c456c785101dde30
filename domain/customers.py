"""Customers, and the account that each of them has at a provider."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypedDict

from domain.errors import CustomerRedacted, InvalidInput
from domain.texts import clean_optional, clean_text

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str
    """ISO 3166-1, two letters."""

    def cleaned(self, *path: str) -> "Address":
        if not _COUNTRY.fullmatch(self.country):
            raise InvalidInput("A country is two capital letters (ISO 3166-1).", path=(*path, "country"))
        return Address(
            line1=clean_text(self.line1, *path, "line1"),
            line2=clean_optional(self.line2, *path, "line2"),
            city=clean_text(self.city, *path, "city"),
            region=clean_optional(self.region, *path, "region"),
            postal_code=clean_optional(self.postal_code, *path, "postalCode", longest=20),
            country=self.country,
        )


class CustomerChanges(TypedDict, total=False):
    """What an update names; what it leaves out stays."""

    external_id: str | None
    email: str | None
    name: str | None
    billing_address: Address | None
    shipping_address: Address | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    id: str
    external_id: str | None
    """The `sub` that the deployment's identity provider knows this person by; unique."""
    email: str | None
    name: str | None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    default_payment_method_id: str | None = None
    test_clock_id: str | None = None
    """The clock that they live by, from their first day on; None: real time."""
    redacted_at: datetime | None = None
    """Since when nothing is known of the person. Their orders and payments stay."""
    livemode: bool
    created_at: datetime
    updated_at: datetime

    def check_not_redacted(self) -> None:
        if self.redacted_at is not None:
            raise CustomerRedacted

    def redacted(self, *, now: datetime) -> "Customer":
        return Customer(
            id=self.id,
            external_id=None,
            email=None,
            name=None,
            test_clock_id=self.test_clock_id,
            redacted_at=now,
            livemode=self.livemode,
            created_at=self.created_at,
            updated_at=now,
        )

    def changed(self, changes: CustomerChanges, *, now: datetime) -> "Customer":
        return replace(self, **changes, updated_at=now)

    def with_default(self, payment_method_id: str | None, *, now: datetime) -> "Customer":
        return replace(self, default_payment_method_id=payment_method_id, updated_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccount:
    """The customer as one provider account knows them; one for each (customer, account)."""

    customer_id: str
    account: str
    customer_ref: str
    created_at: datetime
