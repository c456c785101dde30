"""What an invoice would be, before anybody is asked for anything."""

from typing import cast

import strawberry

from domain.invoices import InvoiceReason
from domain.services.invoicing import Drafted
from schema.invoices import InvoiceLine
from schema.money import Money


@strawberry.type(
    description="An invoice as it would be issued now. Its lines are those that it will have, with other ids."
)
class InvoicePreview:
    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, Drafted)

    @strawberry.field(description="What it would be made for.")
    def reason(root: strawberry.Parent[Drafted]) -> InvoiceReason:
        return root.invoice.reason

    @strawberry.field(description="What it would ask for: also what waits for the next invoice.")
    def lines(root: strawberry.Parent[Drafted]) -> list[InvoiceLine]:
        return cast("list[InvoiceLine]", list(root.invoice.lines))

    @strawberry.field(description="The sum of the lines; below zero when credits are more than charges.")
    def total(root: strawberry.Parent[Drafted]) -> Money:
        return cast("Money", root.opening.total)

    @strawberry.field(
        description="What the customer's balance would pay of it; below zero, what would be put there instead, or what "
        "earlier invoices had carried over."
    )
    def balance_applied(root: strawberry.Parent[Drafted]) -> Money:
        return cast("Money", root.opening.balance_applied)

    @strawberry.field(description="What would be charged: `total` less `balanceApplied`.")
    def due(root: strawberry.Parent[Drafted]) -> Money:
        return cast("Money", root.opening.due)
