"""The provider accounts of the deployment over time, and those of its customers at them."""

from collections.abc import Sequence

from domain.clock import Clock
from domain.customers import Customer, ProviderAccount
from domain.deployment import Deployment, Providers
from domain.errors import NotFound, ProviderRefused, ProviderUnavailable
from domain.events import EventKind, new_event
from domain.jobs import JobKind
from domain.principals import Permission, Principal
from domain.provider import ClientSession, CustomerRequest, CustomerResult, Outcome, ProviderAction, Refusal
from domain.services.gates import AccountHealth
from domain.services.teller import Teller
from domain.store import Store

_FACT = "default_account"
_MODE = "mode"
_MODES = {True: "live", False: "test"}


async def note_default_account(store: Store, providers: Providers, *, clock: Clock, deployment: Deployment) -> bool:
    """Write down which account new payments go through; True, and an event, when it is another than at the last start.

    The configuration alone decides which it is. This is for whoever asks later when that changed.
    """
    async with store.transaction() as tx:
        before = await tx.facts.get(_FACT)
        if before == providers.default_account:
            return False
        await tx.facts.put(_FACT, providers.default_account)
        if before is None:
            return False
        await tx.events.add(
            new_event(
                EventKind.DEFAULT_ACCOUNT_CHANGED,
                actor="system:start",
                livemode=deployment.livemode,
                now=clock.now(),
                data={"before": before, "after": providers.default_account},
            )
        )
    return True


async def out_of_reach(store: Store, providers: Providers) -> Sequence[str]:
    """Accounts that charges were made at, and that this deployment does not have: those can only be read here."""
    async with store.reading() as tx:
        return [each for each in await tx.reconciliations.accounts_with_charges() if providers.get(each) is None]


async def are_books_of_mode(store: Store, *, livemode: bool, claim: bool = False) -> bool:
    """Whether what is written down is of this mode. The first start that claims the books decides it for good.

    A charge of test money is no charge of real money, and neither mode knows the customers and cards of the other.
    """
    mode = _MODES[livemode]
    async with store.transaction() as tx:
        known = await tx.facts.get(_MODE)
        if known is None and claim:
            await tx.facts.put(_MODE, mode)
    return known in (None, mode)


class ProviderAccountService:
    """A customer's account at a provider is made when it is first needed."""

    def __init__(self, *, store: Store, providers: Providers, teller: Teller, clock: Clock) -> None:
        self._store = store
        self._providers = providers
        self._teller = teller
        self._clock = clock

    @property
    def default_account(self) -> str:
        """Where new cards and new payments go."""
        return self._providers.default_account

    async def ensure(self, customer: Customer, account: str) -> CustomerResult:
        """The customer at the account, asked for where they are not known there yet."""
        async with self._store.reading() as tx:
            known = await tx.accounts.find(customer.id, account)
        if known is not None:
            return CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=known.customer_ref)
        request = CustomerRequest(customer_id=customer.id, email=customer.email, name=customer.name)
        result = await self._teller.ensure_customer(account, request)
        if result.outcome in (Outcome.FAILED, Outcome.NOT_SENT):
            return result
        async with self._store.transaction() as tx:
            if result.customer_ref is not None:
                made = ProviderAccount(
                    customer_id=customer.id,
                    account=account,
                    customer_ref=result.customer_ref,
                    created_at=self._clock.now(),
                )
                await tx.accounts.insert_if_new(made)
            current = await tx.customers.get(customer.id)
            if customer.redacted_at is None and current is not None and current.redacted_at is not None:
                # Erased while the provider was being asked: now there may be something to forget there, even where no
                # answer came.
                await tx.jobs.schedule(JobKind.FORGET_CUSTOMER, customer.id, after_seconds=0)
        return result

    async def introduce_payer(self, principal: Principal, payable_id: str) -> None:
        """As `introduce`, of the customer of an order or an invoice. Whether that may be paid is not asked here."""
        async with self._store.reading() as tx:
            payable = await tx.orders.get(payable_id) or await tx.invoices.get(payable_id)
        if payable is not None:
            await self.introduce(principal, payable.customer_id)

    async def introduce(self, principal: Principal, customer_id: str) -> None:
        """Have the default account know a customer, before a card of theirs is charged that nobody has stored.

        Raises ProviderRefused and ProviderUnavailable.
        """
        async with self._store.reading() as tx:
            customer = await tx.customers.get(customer_id)
        if customer is not None and principal.sees(customer.id) and customer.redacted_at is None:
            await self._introduce(customer, self._providers.default_account)

    async def _introduce(self, customer: Customer, account: str) -> str:
        known = await self.ensure(customer, account)
        if known.outcome is Outcome.FAILED:
            raise ProviderRefused(known.refusal.message if known.refusal else "the provider refused the customer")
        if known.customer_ref is None:
            raise ProviderUnavailable
        return known.customer_ref

    def health(self, principal: Principal) -> Sequence[AccountHealth]:
        """How each account does, as this process sees it."""
        principal.require(Permission.UPKEEP_READ)
        return self._teller.health

    async def client_session(self, principal: Principal, customer_id: str | None) -> ClientSession:
        """What the provider's own card form is opened with, for new cards."""
        principal.require(Permission.PAYMENT_METHODS_WRITE)
        self._teller.check_not_recovering()
        wanted = customer_id or principal.customer_id
        async with self._store.reading() as tx:
            customer = await tx.customers.get(wanted) if wanted else None
        if customer is None or not principal.sees(customer.id):
            raise NotFound("customer", path=("customerId",))
        customer.check_not_redacted()
        account = self._providers.default_account
        self._teller.require_support(account, ProviderAction.CLIENT_SESSION)
        customer_ref = await self._introduce(customer, account)
        session = await self._teller.client_session(account, customer_ref)
        if isinstance(session, Refusal):
            raise ProviderUnavailable
        return session
