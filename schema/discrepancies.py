"""What reconciliation found, and how far it has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import discrepancies as domain
from domain.discrepancies import DiscrepancyKind, DiscrepancyState
from domain.errors import PaydeskError
from domain.principals import Permission
from domain.provider import Outcome
from domain.queries import DiscrepancyFilter, Sort, Viewer
from domain.reconciliation import Reconciliation as Run
from domain.reconciliation import Standing, worst_of
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.listing import BY_ID, SortArgument, TimeSpan, listed, paged, span, words
from schema.money import Money
from schema.pagination import Connection, given
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.charges import Charge
    from schema.invoices import Invoice
    from schema.orders import Order
    from schema.refunds import Refund

LazyCharge = Annotated["Charge", strawberry.lazy("schema.charges")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("schema.invoices")]
LazyOrder = Annotated["Order", strawberry.lazy("schema.orders")]
LazyRefund = Annotated["Refund", strawberry.lazy("schema.refunds")]

described_enum(
    DiscrepancyKind,
    description="In what the provider's books differ from ours. The list grows.",
    values={
        DiscrepancyKind.FOREIGN_CHARGE: "A charge there took or holds money, and bears no id of ours.",
        DiscrepancyKind.LOST_CHARGE: "A charge there took, holds or may take money, and bears an id of ours that is "
        "not here.",
        DiscrepancyKind.DUPLICATE_CHARGE: "A second charge there for one charge of ours.",
        DiscrepancyKind.MISSING_CHARGE: "The provider knows nothing of a charge that took or holds money here.",
        DiscrepancyKind.CAPTURED_DIFFERS: "Another amount was taken there than here.",
        DiscrepancyKind.CHARGE_STATE_DIFFERS: "A charge has ended on one side alone.",
        DiscrepancyKind.CAPTURED_AFTER_END: "A charge had ended here without money, and took it all the same; it is "
        "booked.",
        DiscrepancyKind.FOREIGN_REFUND: "Money of a charge of ours went back there by a refund without an id of ours.",
        DiscrepancyKind.LOST_REFUND: "A refund there bears an id of ours that is not here.",
        DiscrepancyKind.DUPLICATE_REFUND: "A second refund there for one refund of ours.",
        DiscrepancyKind.MISSING_REFUND: "The provider knows nothing of a refund that succeeded here.",
        DiscrepancyKind.REFUND_AMOUNT_DIFFERS: "Another amount went back there than here.",
        DiscrepancyKind.REFUND_STATE_DIFFERS: "Money went back on one side alone.",
        DiscrepancyKind.DISPUTE_DIFFERS: "A dispute about a charge of ours can be neither read nor booked.",
        DiscrepancyKind.CURRENCY_DIFFERS: "The provider has it in another currency.",
        DiscrepancyKind.MODE_DIFFERS: "One side is live, the other a test.",
        DiscrepancyKind.UNREADABLE: "What the provider has of it can be neither read nor booked.",
    },
)
described_enum(
    DiscrepancyState,
    description="Whether somebody has to look.",
    values={
        DiscrepancyState.OPEN: "Somebody has to look.",
        DiscrepancyState.GONE: "A later run found both sides alike.",
        DiscrepancyState.CLOSED: "A person has seen to it. It opens again if it grows.",
    },
)
described_enum(
    Outcome,
    name="ProviderOutcome",
    description="What a provider makes of a request, the same on every provider.",
    values={
        Outcome.SUCCEEDED: "It was done as asked.",
        Outcome.AUTHORIZED: "The amount is held.",
        Outcome.PENDING: "It will decide later.",
        Outcome.REQUIRES_ACTION: "The customer has to confirm.",
        Outcome.DECLINED: "The bank said no.",
        Outcome.FAILED: "Refused, for a reason that trying again does not change.",
        Outcome.VOIDED: "It was called off before money was taken.",
        Outcome.EXPIRED: "Its time ran out.",
        Outcome.NOT_SENT: "It never arrived.",
        Outcome.UNKNOWN: "Nobody can tell.",
    },
)
described_enum(
    Standing,
    name="ReconciliationStanding",
    description="Whether our books and the provider's agree.",
    values={
        Standing.PENDING: "Not all was compared yet; in recovery, not since recovery began.",
        Standing.NOT_COMPARABLE: "The account is not configured, or its provider lists no changes: compare it by hand.",
        Standing.DIFFERENT: "All was compared, and discrepancies are open.",
        Standing.CLEAN: "All was compared, and nothing is open.",
    },
)


@strawberry.type(
    description="Where the provider's books differ from ours, after all that could be settled was. Found by "
    "reconciliation, once however often; it closes by itself when a later run finds both sides alike."
)
class Discrepancy(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `dsc_…`.")
    kind: DiscrepancyKind = strawberry.field(description="In what they differ.")
    state: DiscrepancyState = strawberry.field(description="Whether somebody has to look.")
    account: str = strawberry.field(description="The provider account whose books it is about.")
    provider_ref: str | None = strawberry.field(
        description="The provider's id of its charge or refund; null where it has none."
    )
    order_id: strawberry.ID | None = strawberry.field(
        description="The order, as we or the provider's object name it; null if neither does. It may not be here."
    )
    invoice_id: strawberry.ID | None = strawberry.field(
        description="The invoice, as we or the provider's object name it; null if neither does. It may not be here."
    )
    charge_id: strawberry.ID | None = strawberry.field(
        description="The charge, as we or the provider's object name it; null if neither does. It may not be here."
    )
    refund_id: strawberry.ID | None = strawberry.field(
        description="The refund, as we or the provider's object name it; null if neither does. It may not be here."
    )
    here: Money | None = strawberry.field(description="What was taken, held or given back here; null if unknown here.")
    there: Money | None = strawberry.field(
        description="What was taken, held or given back there; null where the provider does not say."
    )
    here_state: str | None = strawberry.field(
        description="State of our charge or refund when it was found; null if there is none."
    )
    there_outcome: Outcome | None = strawberry.field(
        description="What the provider said of its own; null where it has none."
    )
    livemode: bool = strawberry.field(description="Whether real money is concerned.")
    opened_at: datetime = strawberry.field(description="Since when it is open, or was open the last time.")
    seen_at: datetime = strawberry.field(description="When a run last found it.")
    closed_at: datetime | None = strawberry.field(description="When it was closed; null while it is open.")
    closed_by: str | None = strawberry.field(
        description="Who closed it: `staff:…`, `key:…`, or `system:reconciliation`; null while it is open."
    )
    blocks: bool = strawberry.field(
        description="Whether it keeps its order or invoice from being charged, or its charge from being refunded "
        "(`DISCREPANCY_OPEN`). It does so while it is open, and after it was closed until that is lifted."
    )
    note: str | None = strawberry.field(description="What was said when it was closed; null if nothing.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Discrepancy)

    @strawberry.field(description="The order; null if it is not here, or you may not see it.")
    async def order(root: strawberry.Parent[domain.Discrepancy], info: Info) -> LazyOrder | None:
        return cast("Order | None", await info.context.loaders.orders.load(root.order_id) if root.order_id else None)

    @strawberry.field(description="The invoice; null if it is not here, or you may not see it.")
    async def invoice(root: strawberry.Parent[domain.Discrepancy], info: Info) -> LazyInvoice | None:
        return cast("Invoice | None", await info.context.loaders.invoices.load_if(root.invoice_id))

    @strawberry.field(description="The charge; null if it is not here, or you may not see it.")
    async def charge(root: strawberry.Parent[domain.Discrepancy], info: Info) -> LazyCharge | None:
        found = await info.context.loaders.charges.load(root.charge_id) if root.charge_id else None
        return cast("Charge | None", found)

    @strawberry.field(description="The refund; null if it is not here, or you may not see it.")
    async def refund(root: strawberry.Parent[domain.Discrepancy], info: Info) -> LazyRefund | None:
        found = await info.context.loaders.refunds.load(root.refund_id) if root.refund_id else None
        return cast("Refund | None", found)


@dataclass(frozen=True, slots=True)
class Compared:
    """One account, as it stands."""

    run: Run
    open_discrepancies: int
    standing: Standing


@strawberry.type(description="How far one provider account was compared with our books.")
class AccountReconciliation:
    standing: Standing = strawberry.field(description="Whether the books agree.")
    open_discrepancies: int = strawberry.field(description="How many discrepancies somebody has to look at.")

    @strawberry.field(description="The provider account.")
    def account(root: strawberry.Parent[Compared]) -> str:
        return root.run.account

    @strawberry.field(
        description="Everything before this moment was compared; null before the first run has ended, and in recovery "
        "before the first one since it began."
    )
    def compared_until(root: strawberry.Parent[Compared]) -> datetime | None:
        return root.run.compared_until

    @strawberry.field(description="When a run last came to its end; null before the first one has.")
    def finished_at(root: strawberry.Parent[Compared]) -> datetime | None:
        return root.run.finished_at

    @strawberry.field(description="When the run that is under way began; null when none is.")
    def started_at(root: strawberry.Parent[Compared]) -> datetime | None:
        return root.run.started_at


@dataclass(frozen=True, slots=True)
class Overview:
    is_recovering: bool
    accounts: list[Compared]


@strawberry.type(description="The comparison of our books with the provider's, which goes on by itself every hour.")
class Reconciliation:
    is_recovering: bool = strawberry.field(
        description="`PAYDESK_RECOVERY` is set: providers are asked, and nothing is changed there."
    )
    accounts: list[AccountReconciliation] = strawberry.field(
        description="Each account that is configured or has charges; some cannot be compared."
    )

    @strawberry.field(description="Of all accounts together: the worst of them.")
    def standing(root: strawberry.Parent[Overview]) -> Standing:
        return worst_of(account.standing for account in root.accounts)


@strawberry.input(description="Which discrepancies to list; what is left out does not narrow.")
class DiscrepancyFilterInput:
    states: list[DiscrepancyState] | None = strawberry.field(
        default=strawberry.UNSET, description="Only in these states."
    )
    kinds: list[DiscrepancyKind] | None = strawberry.field(default=strawberry.UNSET, description="Only of these kinds.")
    account: str | None = strawberry.field(default=strawberry.UNSET, description="Only at this provider account.")
    invoice_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="About this invoice, `inv_…`."
    )
    order_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only those that name this order."
    )
    charge_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only those that name this charge."
    )
    opened: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Opened in this span.")

    def to_domain(self) -> DiscrepancyFilter:
        since, before = span(given(self.opened))
        return DiscrepancyFilter(
            states=words(self.states),
            kinds=words(self.kinds),
            account=given(self.account),
            order_id=given(self.order_id),
            invoice_id=given(self.invoice_id),
            charge_id=given(self.charge_id),
            opened_from=since,
            opened_before=before,
        )


@strawberry.type
class DiscrepancyQuery:
    @listed(
        BY_ID,
        description="Where the provider's books differ from ours. For staff, and servers with the scope `UPKEEP_READ`.",
    )
    def discrepancies(
        self,
        info: Info,
        filter: Annotated[
            DiscrepancyFilterInput | None, strawberry.argument(description="Which discrepancies; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Discrepancy] | None:
        info.context.require(Permission.UPKEEP_READ)
        where = filter.to_domain() if filter else DiscrepancyFilter()
        queries = info.context.services.queries
        return paged(lambda request: queries.discrepancies.page(request, where, viewer=Viewer(sees_all=True)))

    @strawberry.field(
        description="How far our books were compared with the provider's. For staff, and servers with the scope "
        "`UPKEEP_READ`."
    )
    async def reconciliation(self, info: Info) -> Reconciliation | None:
        info.context.require(Permission.UPKEEP_READ)
        services = info.context.services
        standings = await services.reconciliation.standings()
        accounts = [Compared(run, number, standing) for run, number, standing in standings.values()]
        return cast("Reconciliation", Overview(services.deployment.recovery, accounts))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A discrepancy that a person has seen to.")
class DiscrepancyCloseInput:
    discrepancy_id: strawberry.ID = strawberry.field(
        description="Which discrepancy; it has to be open, or closed and still to be lifted."
    )
    note: str = strawberry.field(description="What was done about it, for colleagues; 500 characters at most.")
    lift: bool = strawberry.field(
        default=False,
        description="Let its order be charged, or its charge be refunded, all the same. Only when that moves no money "
        "twice: closing alone leaves it refused. One that was closed without can be closed again with it.",
    )


@strawberry.type(description="The discrepancy, or why it was refused.")
class DiscrepancyPayload:
    discrepancy: Discrepancy | None = strawberry.field(default=None, description="The discrepancy as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class DiscrepancyMutation:
    @strawberry.mutation(
        description="Close a discrepancy, once somebody has seen to it. No money moves by this, and what it kept "
        "from moving stays refused unless it is lifted. It opens again if it grows."
    )
    async def discrepancy_close(self, info: Info, input: DiscrepancyCloseInput) -> DiscrepancyPayload | None:
        context = info.context
        try:
            closed = await context.services.discrepancies.close(
                context.principal, input.discrepancy_id, note=input.note, lift=input.lift
            )
        except PaydeskError as error:
            return DiscrepancyPayload(user_errors=[user_error(error)])
        context.changed()
        found = await context.loaders.discrepancies.load(closed) if context.principal.may(_READ) else None
        return DiscrepancyPayload(discrepancy=cast("Discrepancy | None", found))


_READ = Permission.UPKEEP_READ
