"""Credit notes: what was taken back of an issued invoice."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import invoices as domain
from domain.errors import PaydeskError
from domain.invoices import CreditReduces
from domain.principals import Permission
from domain.queries import CreditNoteFilter
from domain.services.credit_notes import CreateCreditNote, CreditedLine
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_REQUIRED, required_request_of
from schema.listing import TimeSpan, span, words
from schema.money import Money, MoneyInput
from schema.node import Node
from schema.pagination import given

if TYPE_CHECKING:
    from schema.customers import Customer
    from schema.invoices import Invoice, InvoiceLine

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.customers")]
LazyInvoice = Annotated["Invoice", strawberry.lazy("schema.invoices")]
LazyInvoiceLine = Annotated["InvoiceLine", strawberry.lazy("schema.invoices")]

described_enum(
    CreditReduces,
    description="What a credit note reduces.",
    values={
        CreditReduces.DUE: "What was still to be paid of the invoice.",
        CreditReduces.BALANCE: "Nothing of it: what was paid goes into the customer's balance.",
    },
)


@strawberry.type(
    description="Takes back a part of an invoice that was issued, which itself never changes. Nor does a credit note. "
    "All those of an invoice never come to more than its total."
)
class CreditNote(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `crn_…`.")
    amount: Money = strawberry.field(description="What is credited, above zero.")
    reduces: CreditReduces = strawberry.field(
        description="Of what it takes something back: of what is due, or of what was paid."
    )
    created_at: datetime = strawberry.field(description="When it was issued.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.CreditNote)

    @strawberry.field(description="As it is printed; of a series of its own, which has no gap.")
    def number(root: strawberry.Parent[domain.CreditNote]) -> str:
        return root.number.printed

    @strawberry.field(
        description="What is credited, each above zero. A line that has the id of one of the invoice's takes that back."
    )
    def lines(root: strawberry.Parent[domain.CreditNote]) -> list[LazyInvoiceLine]:
        return cast("list[InvoiceLine]", list(root.lines))

    @strawberry.field(description="What it takes back of; null if you may not see it.")
    async def invoice(root: strawberry.Parent[domain.CreditNote], info: Info) -> LazyInvoice | None:
        return cast("Invoice | None", await info.context.loaders.invoices.load(root.invoice_id))

    @strawberry.field(description="For whom; null if you may not see them.")
    async def customer(root: strawberry.Parent[domain.CreditNote], info: Info) -> LazyCustomer | None:
        return cast("Customer | None", await info.context.loaders.customers.load(root.customer_id))


@strawberry.input(description="Which credit notes to list; what is left out does not narrow.")
class CreditNoteFilterInput:
    reduces: list[CreditReduces] | None = strawberry.field(
        default=strawberry.UNSET, description="Only those that reduce this."
    )
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Issued in this span.")

    def to_domain(self) -> CreditNoteFilter:
        since, before = span(given(self.created))
        return CreditNoteFilter(reduces=words(self.reduces), created_from=since, created_before=before)


@strawberry.type
class CreditNoteQuery:
    @strawberry.field(description="A credit note by its id; null when there is none, or it is not yours.")
    async def credit_note(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Id of the credit note, `crn_…`.")],
    ) -> CreditNote | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("CreditNote | None", await info.context.loaders.credit_notes.load(id))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A line of an invoice, of which something is credited.")
class CreditNoteLineInput:
    invoice_line_id: strawberry.ID = strawberry.field(description="Id of the line of the invoice, `inl_…`.")
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="How much of it; left out, all that was not credited."
    )

    def to_domain(self, *path: str) -> CreditedLine:
        amount = given(self.amount)
        return CreditedLine(
            invoice_line_id=self.invoice_line_id, amount=amount.to_domain(*path, "amount") if amount else None
        )


@strawberry.input(description="What is taken back of an invoice: lines, or an amount; neither, all that can be.")
class CreditNoteCreateInput:
    invoice_id: strawberry.ID = strawberry.field(description="Id of the invoice, `inv_…`.")
    lines: list[CreditNoteLineInput] = strawberry.field(
        default_factory=list, description="Lines that are credited, each once."
    )
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="What is credited. Not beside `lines`."
    )
    name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="What stands beside the amount. It stays for ever, also when the customer is forgotten, so name "
        "nobody.",
    )
    reduces: CreditReduces | None = strawberry.field(
        default=strawberry.UNSET,
        description="Of what it takes something back; left out, of what is due as long as something is, and else of "
        "what was paid.",
    )
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.type(description="The credit note, or why it was refused.")
class CreditNoteCreatePayload:
    credit_note: CreditNote | None = strawberry.field(default=None, description="What was issued, under its number.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class CreditNoteMutation:
    @strawberry.mutation(
        description="Take back a part of an issued invoice: of what is due, or of what was paid, which goes into the "
        "customer's balance. An invoice of which nothing is due any more is PAID. Money goes back to a card by "
        "`chargeRefund` alone. For finance, admins, and servers with the scope `INVOICES_WRITE`."
    )
    async def credit_note_create(self, info: Info, input: CreditNoteCreateInput) -> CreditNoteCreatePayload | None:
        principal = info.context.principal
        amount = given(input.amount)
        try:
            note_id = await info.context.services.credit_notes.create(
                principal,
                CreateCreditNote(
                    invoice_id=input.invoice_id,
                    lines=[line.to_domain("lines", str(place)) for place, line in enumerate(input.lines)],
                    amount=amount.to_domain("amount") if amount else None,
                    name=given(input.name),
                    reduces=given(input.reduces),
                    request=required_request_of(principal, "creditNoteCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return CreditNoteCreatePayload(user_errors=[user_error(error)])
        info.context.changed()
        found = await info.context.loaders.credit_notes.load(note_id)
        return CreditNoteCreatePayload(credit_note=cast("CreditNote | None", found))
