"""What is put into a customer's balance by hand, or taken back."""

from dataclasses import dataclass, replace

from domain.balances import BalanceReason, entry, granted_cause
from domain.clock import Clock
from domain.errors import BalanceTooLow, InvalidInput, NotFound
from domain.events import EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.principals import Permission, Principal
from domain.services.business_time import clock_of
from domain.services.keyed import claim
from domain.store import Store
from domain.texts import clean_optional

NOTE_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantBalance:
    customer_id: str
    amount: Money
    """Above zero it is given; below, it is taken back."""
    note: str | None
    request: KeyedRequest


class BalanceService:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def grant(self, principal: Principal, command: GrantBalance) -> str:
        """The id of the entry. No more is taken back than the customer has."""
        principal.require(Permission.BALANCES_WRITE)
        amount, note = command.amount, clean_optional(command.note, "note", longest=NOTE_LENGTH)
        if amount.is_zero:
            raise InvalidInput("An amount that is given or taken back is not zero.", path=("amount",))
        entry_id = new_id(IdPrefix.BALANCE_ENTRY)
        told = self._clock.now()
        async with self._store.transaction() as tx:
            if made := await claim(tx, command.request, entry_id, now=told):
                return made
            # Locked, so that nothing is given to somebody who is just being erased.
            customer = await tx.customers.get_for_update(command.customer_id)
            if customer is None or not principal.sees(customer.id):
                raise NotFound("customer", path=("customerId",))
            customer.check_not_redacted()
            await clock_of(tx, customer.id)  # refused while it is advanced
            balance = await tx.balances.get_for_update(customer.id, amount.currency)
            if not amount.is_positive and balance + amount < Money.zero(amount.currency):
                raise BalanceTooLow(str(balance))
            # A balance past 2^53 - 1 is refused here, by adding up, and not when somebody reads it.
            _ = balance + amount
            given = entry(customer.id, amount, BalanceReason.GRANTED, cause=granted_cause(entry_id), now=told)
            await tx.balances.insert(replace(given, id=entry_id, note=note))
            await tx.events.add(
                new_event(
                    EventKind.BALANCE_GRANTED,
                    customer.id,
                    entry_id,
                    actor=principal.actor,
                    livemode=customer.livemode,
                    now=told,
                    data={"amount": amount.minor_units, "currency": amount.currency},
                )
            )
        return entry_id
