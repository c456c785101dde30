"""What every resolver is given: who asks, the services, the reads and this request's batches."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from strawberry.types import Info as StrawberryInfo

from domain.deployment import Deployment, Providers
from domain.principals import Permission, Principal, PrincipalKind
from domain.queries import Queries, Viewer
from domain.services.accounts import ProviderAccountService
from domain.services.api_keys import ApiKeyService
from domain.services.balances import BalanceService
from domain.services.captures import CaptureService
from domain.services.changing import ChangeService
from domain.services.charges import ChargeService
from domain.services.credit_notes import CreditNoteService
from domain.services.customers import CustomerService
from domain.services.decisions import DecisionService
from domain.services.discrepancies import DiscrepancyService
from domain.services.disputes import DisputeService
from domain.services.ending import EndingService
from domain.services.feed import Feed
from domain.services.invoices import InvoiceService
from domain.services.issuers import IssuerService
from domain.services.jobs import JobService
from domain.services.orders import OrderService
from domain.services.pausing import PausingService
from domain.services.payment_methods import PaymentMethodService
from domain.services.products import ProductService
from domain.services.reconciliation import ReconciliationService
from domain.services.redactions import RedactionService
from domain.services.refunds import RefundService
from domain.services.subscription_cards import SubscriptionCardService
from domain.services.subscriptions import SubscriptionService
from domain.services.test_clocks import TestClockService
from domain.services.undoing import UndoingService
from domain.services.voids import VoidService
from domain.services.webhooks import WebhookService
from schema.http.live import Owner
from schema.loaders import Loaders


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases that the schema offers; `server.py` builds them."""

    accounts: ProviderAccountService
    api_keys: ApiKeyService
    customers: CustomerService
    products: ProductService
    payment_methods: PaymentMethodService
    orders: OrderService
    changes: ChangeService
    endings: EndingService
    pauses: PausingService
    undoing: UndoingService
    subscription_cards: SubscriptionCardService
    subscriptions: SubscriptionService
    invoices: InvoiceService
    charges: ChargeService
    captures: CaptureService
    test_clocks: TestClockService
    voids: VoidService
    refunds: RefundService
    credit_notes: CreditNoteService
    balances: BalanceService
    issuers: IssuerService
    disputes: DisputeService
    redactions: RedactionService
    webhooks: WebhookService
    jobs: JobService
    decisions: DecisionService
    reconciliation: ReconciliationService
    discrepancies: DiscrepancyService
    queries: Queries
    feed: Feed
    providers: Providers
    deployment: Deployment


class Context:
    """One for each operation; batches start empty, so nothing that one principal read is seen by another."""

    def __init__(
        self,
        services: Services,
        principal: Principal,
        *,
        network: str | None = None,
        again: Callable[[], Awaitable[Principal]] | None = None,
    ) -> None:
        """`network` is where the connection comes from (`domain.decline_limits`), None where nobody can say.

        `again` asks anew who it is, for operations that last; it raises what the first time raises.
        """
        self.services = services
        self.network = network
        self._again = again
        self._see(principal)

    @property
    def owner(self) -> Owner:
        """Whose connection an operation that lasts is."""
        return Owner(
            self.principal.name,
            is_customer=self.principal.is_customer,
            signed_in=self.principal.kind is not PrincipalKind.ANONYMOUS,
        )

    @property
    def expires_at(self) -> datetime | None:
        return self.principal.expires_at

    async def renew(self) -> None:
        """Before each event of a subscription: who is it now, and nothing that was read before."""
        self._see(await self._again() if self._again else self.principal)

    def _see(self, principal: Principal) -> None:
        self.principal = principal
        self.viewer = Viewer.of(principal)
        self.loaders = Loaders(self.services.queries, self.viewer)

    def require(self, permission: Permission) -> None:
        """For reads: who may not read at all is told so; what belongs to somebody else is missing."""
        self.principal.require(permission)

    def changed(self) -> None:
        """After a mutation: forget what was read before it."""
        self.loaders = Loaders(self.services.queries, self.viewer)


Info = StrawberryInfo[Context, None]
