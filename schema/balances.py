"""What a customer is owed, or owes, that no invoice has asked for."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import balances as domain
from domain.balances import BalanceReason
from domain.errors import PaydeskError
from domain.queries import BalanceEntryFilter
from domain.services.balances import GrantBalance
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_REQUIRED, required_request_of
from schema.listing import words
from schema.money import Money, MoneyInput
from schema.node import Node
from schema.pagination import given
from schema.scalars import Currency

if TYPE_CHECKING:
    from schema.customers import Customer
    from schema.invoices import Invoice

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.customers")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("schema.invoices")]

described_enum(
    BalanceReason,
    description="Why a balance has moved. The list grows.",
    values={
        BalanceReason.APPLIED: "It paid an invoice, or a part of one.",
        BalanceReason.CREDITED: "The credits of an invoice were more than its charges.",
        BalanceReason.CARRIED_OVER: "An invoice came to less than the provider charges, or asks for what did before.",
        BalanceReason.CREDIT_NOTE: "What was paid of an invoice was credited.",
        BalanceReason.GRANTED: "Somebody of the staff gave it, or took it back.",
    },
)


@strawberry.type(description="What a customer has with you in one currency. Their next invoice in it uses it up.")
class CustomerBalance:
    amount: Money = strawberry.field(
        description="Above zero you owe it to the customer. Below zero they owe it: it was too little to be charged."
    )

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.CustomerBalance)


@strawberry.type(description="A movement of a customer's balance. It never changes.")
class BalanceEntry(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `bal_…`.")
    reason: BalanceReason = strawberry.field(description="Why it moved.")
    amount: Money = strawberry.field(description="What the balance grew by; below zero, what it fell by.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.BalanceEntry)

    @strawberry.field(description="What whoever granted it said of it; null if nothing, and for customers.")
    def note(root: strawberry.Parent[domain.BalanceEntry], info: Info) -> str | None:
        return root.note if info.context.viewer.sees_all else None

    @strawberry.field(description="Whose balance it is; null if you may not see them.")
    async def customer(root: strawberry.Parent[domain.BalanceEntry], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))

    @strawberry.field(description="The invoice that it came of; null of what was granted.")
    async def invoice(root: strawberry.Parent[domain.BalanceEntry], info: Info) -> LazyInvoice | None:
        return cast("Invoice | None", await info.context.loaders.invoices.load_if(root.invoice_id))


@strawberry.input(description="Which movements to list; what is left out does not narrow.")
class BalanceEntryFilterInput:
    currency: Currency | None = strawberry.field(default=strawberry.UNSET, description="Of the balance in this one.")
    reasons: list[BalanceReason] | None = strawberry.field(
        default=strawberry.UNSET, description="Only for these reasons."
    )

    def to_domain(self) -> BalanceEntryFilter:
        return BalanceEntryFilter(currency=given(self.currency), reasons=words(self.reasons))


@strawberry.input(description="An amount that is given to a customer, or taken back.")
class CustomerBalanceGrantInput:
    customer_id: strawberry.ID = strawberry.field(description="Id of the customer, `cus_…`.")
    amount: MoneyInput = strawberry.field(
        description="What is given; below zero, what is taken back, which is no more than there is."
    )
    note: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Why; up to 500 characters. It stays for ever, also when the customer is forgotten: name nobody.",
    )
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="The movement, or why it was refused.")
class CustomerBalanceGrantPayload:
    balance_entry: BalanceEntry | None = strawberry.field(default=None, description="How the balance was moved.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class BalanceMutation:
    @strawberry.mutation(
        description="Put an amount into a customer's balance, or take one back. No money moves: their next invoice is "
        "the less. For finance, admins, and servers with the scope `BALANCES_WRITE`."
    )
    async def customer_balance_grant(
        self, info: Info, input: CustomerBalanceGrantInput
    ) -> CustomerBalanceGrantPayload | None:
        principal = info.context.principal
        try:
            entry_id = await info.context.services.balances.grant(
                principal,
                GrantBalance(
                    customer_id=input.customer_id,
                    amount=input.amount.to_domain("amount"),
                    note=given(input.note),
                    request=required_request_of(principal, "customerBalanceGrant", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return CustomerBalanceGrantPayload(user_errors=[user_error(error)])
        info.context.changed()
        found = await info.context.loaders.balance_entries.load(entry_id)
        return CustomerBalanceGrantPayload(balance_entry=cast("BalanceEntry | None", found))
