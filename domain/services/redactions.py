"""Redaction: what is known of a customer as a person is erased, here and at the provider; the money's rows stay."""

import logging
from dataclasses import replace

from domain.clock import Clock
from domain.customers import Customer
from domain.deployment import Providers
from domain.errors import (
    CustomerHasOpenInvoices,
    CustomerHasOpenOrders,
    CustomerHasOpenPayments,
    CustomerHasSubscriptions,
    NotFound,
)
from domain.events import EventKind, new_event
from domain.jobs import JobKind
from domain.principals import Permission, Principal
from domain.principals import customer as as_customer
from domain.provider import Outcome, ProviderAction
from domain.services.accounts import ProviderAccountService
from domain.services.payment_methods import PaymentMethodService
from domain.services.teller import NothingHeard, Teller
from domain.store import Store, Transaction

_log = logging.getLogger("paydesk.redactions")


class RedactionService:
    def __init__(
        self,
        *,
        store: Store,
        providers: Providers,
        teller: Teller,
        accounts: ProviderAccountService,
        payment_methods: PaymentMethodService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._providers = providers
        self._teller = teller
        self._accounts = accounts
        self._payment_methods = payment_methods
        self._clock = clock

    async def redact(self, principal: Principal, customer_id: str) -> str:
        """Erase, in one commit; that the provider forgets them too is seen to afterwards. Again, it changes nothing.

        Refused while anything of theirs is open: money under way could neither be matched nor given back.
        """
        principal.require(Permission.CUSTOMERS_REDACT)
        async with self._store.transaction() as tx:
            customer = await tx.customers.get_for_update(customer_id)
            if customer is None or not principal.sees(customer.id):
                raise NotFound("customer", path=("customerId",))
            if customer.redacted_at is None:
                await self._redact(tx, customer, actor=principal.actor)
        return customer_id

    async def _redact(self, tx: Transaction, customer: Customer, *, actor: str) -> None:
        # A refund begins under the lock of what was paid alone: it is there by now, or waits and finds the customer
        # redacted.
        await tx.erasure.lock_payables(customer.id)
        if await tx.erasure.open_payments(customer.id):
            raise CustomerHasOpenPayments
        if await tx.erasure.open_orders(customer.id):
            raise CustomerHasOpenOrders
        if await tx.erasure.subscriptions(customer.id):
            raise CustomerHasSubscriptions
        if await tx.erasure.open_invoices(customer.id):
            raise CustomerHasOpenInvoices
        now = self._clock.now()
        for method in await tx.payment_methods.of_customer(customer.id):
            if method.is_detachable:
                await self._payment_methods.detach_in(tx, customer, method, actor=actor)
                customer = replace(customer, default_payment_method_id=None)
        await tx.customers.save(customer.redacted(now=now))
        await self._erase(tx, customer)
        await tx.jobs.schedule(JobKind.FORGET_CUSTOMER, customer.id, after_seconds=0)
        await tx.events.add(
            new_event(EventKind.CUSTOMER_REDACTED, customer.id, actor=actor, livemode=customer.livemode, now=now)
        )

    async def _erase(self, tx: Transaction, customer: Customer) -> None:
        principal = as_customer(customer.external_id, customer.id).name if customer.external_id else None
        await tx.erasure.erase(customer.id, principal=principal)

    async def forget(self, customer_id: str) -> None:
        """Have every provider forget a redacted customer; NothingHeard when one did not say that it has.

        One that is away keeps neither the others nor us from erasing.
        """
        async with self._store.reading() as tx:
            customer = await tx.customers.get(customer_id)
            known = await tx.accounts.of_customer(customer_id)
        if customer is None or customer.redacted_at is None:
            return
        # Everywhere, known there or not: where the answer to the first request was lost they are known without our
        # knowing it, and a form for cards that was opened leaves no other trace here.
        accounts = sorted({*self._providers.accounts, *(each.account for each in known)})
        silent = [account for account in accounts if not await self._forget_at(account, customer)]
        # What a provider told us between the commit and now, in its own words.
        async with self._store.transaction() as tx:
            await tx.customers.get_for_update(customer_id)
            await tx.erasure.lock_payables(customer_id)
            await self._erase(tx, customer)
        if silent:
            raise NothingHeard(customer_id)

    async def _forget_at(self, account: str, customer: Customer) -> bool:
        """False when the account has to be asked again."""
        if self._providers.get(account) is None:
            _log.warning(
                "%s cannot be erased at %s, which is not configured: erase there by hand", customer.id, account
            )
            return True
        if not self._providers.supports(account, ProviderAction.FORGET_CUSTOMER):
            _log.warning("%s cannot be erased at %s, which has no such call: erase there by hand", customer.id, account)
            return True
        # Without a name or an email, for they are gone here: asked by our id, it answers with whom it has.
        customer_ref = (await self._accounts.ensure(customer, account)).customer_ref
        if customer_ref is None:
            return False
        return (await self._teller.forget_customer(account, customer_ref)).outcome is Outcome.SUCCEEDED
