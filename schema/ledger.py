"""Whether the ledger is whole, for those who look after the books."""

from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain.books import MOST_DIFFERENCES, BookDifference, BookFault, BookReport, BookSpan, BooksTooLong
from domain.ledger import LedgerAccount
from domain.principals import Permission
from schema.context import Info
from schema.described import described_enum
from schema.listing import TimeSpan, span
from schema.masking import ExposedError
from schema.money import Money
from schema.pagination import given

if TYPE_CHECKING:
    from schema.charges import Charge
    from schema.disputes import Dispute
    from schema.refunds import Refund

LazyCharge = Annotated["Charge", strawberry.lazy("schema.charges")]
LazyDispute = Annotated["Dispute", strawberry.lazy("schema.disputes")]
LazyRefund = Annotated["Refund", strawberry.lazy("schema.refunds")]

described_enum(
    LedgerAccount,
    description="An account of the double-entry ledger. The list grows.",
    values={
        LedgerAccount.PROVIDER_CLEARING: "What the provider owes you.",
        LedgerAccount.PAYMENTS: "What customers paid; below zero, as income is.",
        LedgerAccount.REFUNDS: "What went back to customers.",
        LedgerAccount.DISPUTES: "What banks have taken for disputes that are open or lost.",
    },
)
described_enum(
    BookFault,
    name="LedgerFault",
    description="In what the ledger is not what it should be. The list grows.",
    values={
        BookFault.UNBALANCED: "The entries of one movement are not two that sum to zero.",
        BookFault.MISPLACED: "An entry is in another currency or mode than its charge.",
        BookFault.CHARGE: "An account says of a charge what the charge does not.",
        BookFault.REFUND: "The ledger says of a refund what the refund does not.",
        BookFault.DISPUTE: "The ledger says of a dispute what the dispute does not.",
    },
)


@strawberry.type(description="What all entries of one account add up to, in one currency and mode.")
class LedgerBalance:
    account: LedgerAccount = strawberry.field(description="Whose entries these are.")
    livemode: bool = strawberry.field(description="Whether it is real money.")
    amount: Money = strawberry.field(description="Debit above zero, credit below.")


@strawberry.type(description="Something that the ledger says otherwise than the charges, refunds and disputes.")
class LedgerDifference:
    fault: BookFault = strawberry.field(description="What is wrong.")
    account: LedgerAccount | None = strawberry.field(description="In which account; null for a whole movement.")
    cause: str | None = strawberry.field(description="What the entries are booked under; null where it is not theirs.")
    expected: Money | None = strawberry.field(
        description="What it should be, by the charge, refund or dispute; null for what is misplaced."
    )
    found: Money | None = strawberry.field(description="What the ledger has; null for what is misplaced.")

    @strawberry.field(description="Global id of the charge, `chg_…`, also for those who may not read it.")
    def charge_id(root: strawberry.Parent[BookDifference]) -> strawberry.ID:
        return strawberry.ID(root.charge_id)

    @strawberry.field(description="The charge; null if you may not read records.")
    async def charge(root: strawberry.Parent[BookDifference], info: Info) -> LazyCharge | None:
        return cast("LazyCharge | None", await info.context.loaders.charges.load(root.charge_id))

    @strawberry.field(description="The refund; null if it is about none, or you may not read records.")
    async def refund(root: strawberry.Parent[BookDifference], info: Info) -> LazyRefund | None:
        refunds = info.context.loaders.refunds
        return cast("LazyRefund | None", await refunds.load(root.refund_id) if root.refund_id else None)

    @strawberry.field(description="The dispute; null if it is about none, or you may not read records.")
    async def dispute(root: strawberry.Parent[BookDifference], info: Info) -> LazyDispute | None:
        disputes = info.context.loaders.disputes
        return cast("LazyDispute | None", await disputes.load(root.dispute_id) if root.dispute_id else None)


@strawberry.type(
    description="What was found when the ledger was checked, all of it at one moment: each movement sums to zero, and "
    "the accounts say of each charge and refund what these say."
)
class LedgerCheck:
    @strawberry.field(description="Whether all is as it should be.")
    def ok(root: strawberry.Parent[BookReport]) -> bool:
        return root.is_whole

    @strawberry.field(description="How many charges were looked at.")
    def charge_count(root: strawberry.Parent[BookReport]) -> int:
        return root.charges

    @strawberry.field(description="What the accounts add up to. Those of one currency and mode sum to zero.")
    def balances(root: strawberry.Parent[BookReport]) -> list[LedgerBalance]:
        return list(root.balances)  # type: ignore[arg-type]  # rows of the domain, which the type reads

    @strawberry.field(description=f"What is wrong, by charge; {MOST_DIFFERENCES} at most.")
    def differences(root: strawberry.Parent[BookReport]) -> list[LedgerDifference]:
        return list(root.differences)  # type: ignore[arg-type]  # as above

    @strawberry.field(description="Whether more is wrong than is listed.")
    def has_more_differences(root: strawberry.Parent[BookReport]) -> bool:
        return root.has_more


@strawberry.type
class LedgerQuery:
    @strawberry.field(
        description="Check the ledger against the charges, refunds and disputes. Reads all of them, or those of the "
        "charges made in a span. For admins, finance, and servers with the scope `UPKEEP_READ`."
    )
    async def ledger_check(
        self,
        info: Info,
        created: Annotated[
            TimeSpan | None, strawberry.argument(description="Of charges made in this span; of all by default.")
        ] = strawberry.UNSET,
    ) -> LedgerCheck | None:
        info.context.require(Permission.UPKEEP_READ)
        since, before = span(given(created))
        try:
            report = await info.context.services.queries.check_books(BookSpan(since, before))
        except BooksTooLong:
            message = "There are too many charges to check at once: ask for those of a shorter span."
            raise ExposedError(message, code="QUERY_TOO_COSTLY", argument="created") from None
        return cast("LedgerCheck", report)
