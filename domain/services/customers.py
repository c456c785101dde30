"""Customers: made and changed by servers and staff."""

from dataclasses import dataclass
from datetime import datetime

from domain.clock import Clock
from domain.customers import Address, Customer, CustomerChanges
from domain.deployment import Deployment
from domain.errors import ExternalIdTaken, NotFound, PermissionDenied
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.principals import Permission, Principal
from domain.services.business_time import clock_of
from domain.services.keyed import claim
from domain.store import Store, Transaction, UniqueTaken
from domain.texts import EXTERNAL_ID_LENGTH, clean_email, clean_metadata, clean_optional


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCustomer:
    fields: CustomerChanges
    test_clock_id: str | None = None
    """The clock that they live by, for ever; None: real time."""
    request: KeyedRequest | None


class CustomerService:
    def __init__(self, *, store: Store, clock: Clock, deployment: Deployment) -> None:
        self._store = store
        self._clock = clock
        self._deployment = deployment

    async def create(self, principal: Principal, command: CreateCustomer) -> str:
        principal.require(Permission.CUSTOMERS_WRITE)
        now = self._clock.now()
        customer = self.new(principal, command.fields, test_clock_id=command.test_clock_id, now=now)
        try:
            async with self._store.transaction() as tx:
                if made := await claim(tx, command.request, customer.id, now=now):
                    return made
                await insert(tx, customer, actor=principal.actor, now=now)
        except UniqueTaken as taken:
            if taken.constraint != "customers_external_id":
                raise
            raise ExternalIdTaken("customer", path=("externalId",)) from taken
        return customer.id

    def new(
        self, principal: Principal, fields: CustomerChanges, *, test_clock_id: str | None = None, now: datetime
    ) -> Customer:
        _check_identity(principal, fields)
        if test_clock_id is not None:
            principal.require(Permission.TEST_CLOCKS_WRITE)
        blank = Customer(
            id=new_id(IdPrefix.CUSTOMER),
            external_id=None,
            email=None,
            name=None,
            test_clock_id=test_clock_id,
            livemode=self._deployment.livemode,
            created_at=now,
            updated_at=now,
        )
        return blank.changed(_cleaned(fields), now=now)

    async def update(self, principal: Principal, customer_id: str, changes: CustomerChanges) -> str:
        principal.require(Permission.CUSTOMERS_WRITE)
        _check_identity(principal, changes)
        changes = _cleaned(changes)
        now = self._clock.now()
        try:
            async with self._store.transaction() as tx:
                customer = await tx.customers.get_for_update(customer_id)
                if customer is None or not principal.sees(customer.id):
                    raise NotFound("customer", path=("customerId",))
                customer.check_not_redacted()
                await clock_of(tx, customer.id)  # refused while it is advanced
                changed = customer.changed(changes, now=now)
                await tx.customers.save(changed)
                await tx.events.add(
                    new_event(
                        EventKind.CUSTOMER_UPDATED,
                        customer.id,
                        actor=principal.actor,
                        livemode=customer.livemode,
                        now=now,
                        data={"fields": sorted(changes)},
                    )
                )
        except UniqueTaken as taken:
            if taken.constraint != "customers_external_id":
                raise
            raise ExternalIdTaken("customer", path=("externalId",)) from taken
        return customer_id


async def insert(tx: Transaction, customer: Customer, *, actor: str, now: datetime) -> None:
    if customer.test_clock_id is not None:
        clock = await tx.test_clocks.get_for_update(customer.test_clock_id)
        if clock is None:
            raise NotFound("test clock", path=("testClockId",))
        clock.check_ready()
    await tx.customers.insert(customer)
    await tx.events.add(
        new_event(EventKind.CUSTOMER_CREATED, customer.id, actor=actor, livemode=customer.livemode, now=now)
    )


def _check_identity(principal: Principal, changes: CustomerChanges) -> None:
    if "external_id" in changes and not principal.may(Permission.IDENTITIES_WRITE):
        raise PermissionDenied("Only a server or an admin says whose tokens open an account.", path=("externalId",))


def _cleaned(changes: CustomerChanges) -> CustomerChanges:
    cleaned = CustomerChanges()
    if "external_id" in changes:
        cleaned["external_id"] = clean_optional(changes["external_id"], "externalId", longest=EXTERNAL_ID_LENGTH)
    if "email" in changes:
        cleaned["email"] = clean_email(changes["email"], "email")
    if "name" in changes:
        cleaned["name"] = clean_optional(changes["name"], "name")
    if "billing_address" in changes:
        cleaned["billing_address"] = _address(changes["billing_address"], "billingAddress")
    if "shipping_address" in changes:
        cleaned["shipping_address"] = _address(changes["shipping_address"], "shippingAddress")
    if "metadata" in changes:
        cleaned["metadata"] = clean_metadata(changes["metadata"], "metadata")
    return cleaned


def _address(address: Address | None, *path: str) -> Address | None:
    return address.cleaned(*path) if address else None
