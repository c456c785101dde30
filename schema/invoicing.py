"""Invoices that are made, issued, paid or called off through the API, and lines that wait for the next one."""

from datetime import datetime
from typing import Annotated, cast

import strawberry

from domain.errors import PaydeskError
from domain.provider import Initiator
from domain.services.charges import ChargeInvoice
from domain.services.invoice_lines import NewInvoiceLine
from domain.services.invoices import CreateInvoice, CreateInvoiceItem, FinalizeInvoice
from schema.charges import ChargePayload, NewCardInput, payload_of
from schema.context import Info
from schema.errors import UserError, user_error
from schema.inputs import (
    CLIENT_ADDRESS,
    KEY_OPTIONAL,
    KEY_REQUIRED,
    network_of_customer,
    request_of,
    required_request_of,
)
from schema.invoices import Invoice, InvoiceItem
from schema.money import MoneyInput
from schema.pagination import given
from schema.payment_methods import RETURN_URL
from schema.previews import InvoicePreview
from schema.scalars import URL, Currency, Metadata

_INVOICE = "Id of the invoice, `inv_…`."
_VERSION = "Refuse (STALE_VERSION) unless the invoice is at this version."
_QUANTITY = "How many, 1 to 1,000,000."


@strawberry.input(description="A line: of a price, or by hand with a name and an amount.")
class InvoiceLineInput:
    price_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="A one-time price.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="For a line by hand: what it says. Only with `unitAmount`."
    )
    unit_amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="For a line by hand: what one costs; below zero to give something back. Only with `name`.",
    )
    quantity: int = strawberry.field(default=1, description=_QUANTITY)

    def to_domain(self, *path: str) -> NewInvoiceLine:
        amount = given(self.unit_amount)
        return NewInvoiceLine(
            price_id=given(self.price_id),
            name=given(self.name),
            unit_amount=amount.to_domain(*path, "unitAmount") if amount else None,
            quantity=self.quantity,
        )


@strawberry.input(description="A draft of something that is billed once.")
class InvoiceCreateInput:
    customer_id: strawberry.ID = strawberry.field(description="Who is to pay it.")
    currency: Currency | None = strawberry.field(
        default=strawberry.UNSET, description="Of all its lines; left out, that of the first line."
    )
    lines: list[InvoiceLineInput] = strawberry.field(
        default_factory=list, description="Lines to begin with; more can be added."
    )
    due_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Until when it is to be paid; left out, as soon as it is issued."
    )
    metadata: Metadata | None = strawberry.field(default=strawberry.UNSET, description="Your own keys and values.")
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A line to add to a draft.")
class InvoiceAddLineInput(InvoiceLineInput):
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="Another quantity for a line of a draft.")
class InvoiceUpdateLineInput:
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    line_id: strawberry.ID = strawberry.field(description="Id of the line, `inl_…`.")
    quantity: int = strawberry.field(description=_QUANTITY)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="A line to take out of a draft.")
class InvoiceRemoveLineInput:
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    line_id: strawberry.ID = strawberry.field(description="Id of the line, `inl_…`.")
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="A draft that nobody needs.")
class InvoiceDiscardInput:
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="A draft whose lines are right.")
class InvoiceFinalizeInput:
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    charge: bool = strawberry.field(
        default=False,
        description="Whether what is due is charged at once, without the customer: to the card of its subscription, "
        "else to their default. For those who may do that.",
    )
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.input(description="An invoice to be paid.")
class InvoicePayInput:
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="With what; left out, `newCard`, or else the card of its subscription, or the customer's default.",
    )
    new_card: NewCardInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="Instead of a payment method: a card that is not stored yet. Only while its owner is there.",
    )
    initiator: Initiator = strawberry.field(
        default=Initiator.CUSTOMER, description="Who starts it. Anything but CUSTOMER is for servers."
    )
    return_url: URL | None = strawberry.field(default=strawberry.UNSET, description=RETURN_URL)
    client_address: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_ADDRESS)
    idempotency_key: str = strawberry.field(description=KEY_REQUIRED)


@strawberry.input(description="An invoice to call off.")
class InvoiceVoidInput:
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="An invoice that nobody expects to be paid.")
class InvoiceMarkUncollectibleInput:
    invoice_id: strawberry.ID = strawberry.field(description=_INVOICE)
    version: int | None = strawberry.field(default=strawberry.UNSET, description=_VERSION)


@strawberry.input(description="A line that waits for the next invoice.")
class InvoiceItemCreateInput(InvoiceLineInput):
    customer_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Whose next invoice takes it; left out with a `subscriptionId`."
    )
    subscription_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Whose next invoice takes it, `sub_…`; left out, any of the customer's."
    )
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A line that no invoice is to take any more.")
class InvoiceItemRemoveInput:
    invoice_item_id: strawberry.ID = strawberry.field(description="Id of the line, `inl_…`.")


@strawberry.type(description="The invoice, or why it was refused.")
class InvoicePayload:
    invoice: Invoice | None = strawberry.field(default=None, description="The invoice as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type(description="The line, or why it was refused.")
class InvoiceItemPayload:
    invoice_item: InvoiceItem | None = strawberry.field(default=None, description="The line as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class InvoicePreviewQuery:
    @strawberry.field(
        description="What a draft would be, were it issued now: with what waits for it, and what the balance would "
        "pay. Null when there is none, or it is no draft any more. For finance, admins, and servers with the scope "
        "`INVOICES_WRITE`."
    )
    async def invoice_preview(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description=_INVOICE)]
    ) -> InvoicePreview | None:
        principal = info.context.principal
        return cast("InvoicePreview | None", await info.context.services.invoices.preview(principal, id))


@strawberry.type
class InvoiceMutation:
    @strawberry.mutation(
        description="Make a draft, whose lines may change until it is issued. For finance, admins, and servers with "
        "the scope `INVOICES_WRITE`, as all that changes an invoice but paying it."
    )
    async def invoice_create(self, info: Info, input: InvoiceCreateInput) -> InvoicePayload | None:
        principal = info.context.principal
        try:
            invoice_id = await info.context.services.invoices.create(
                principal,
                CreateInvoice(
                    customer_id=input.customer_id,
                    currency=given(input.currency),
                    lines=[line.to_domain("lines", str(place)) for place, line in enumerate(input.lines)],
                    due_at=given(input.due_at),
                    metadata=given(input.metadata),
                    request=request_of(principal, "invoiceCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(description="Add a line to a draft.")
    async def invoice_add_line(self, info: Info, input: InvoiceAddLineInput) -> InvoicePayload | None:
        principal = info.context.principal
        try:
            invoice_id = await info.context.services.invoices.add_line(
                principal,
                input.invoice_id,
                input.to_domain(),
                version=given(input.version),
                request=request_of(principal, "invoiceAddLine", input.idempotency_key, input),
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(description="Change the quantity of a line of a draft.")
    async def invoice_update_line(self, info: Info, input: InvoiceUpdateLineInput) -> InvoicePayload | None:
        try:
            invoice_id = await info.context.services.invoices.update_line(
                info.context.principal,
                input.invoice_id,
                input.line_id,
                quantity=input.quantity,
                version=given(input.version),
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(description="Take a line out of a draft.")
    async def invoice_remove_line(self, info: Info, input: InvoiceRemoveLineInput) -> InvoicePayload | None:
        try:
            invoice_id = await info.context.services.invoices.remove_line(
                info.context.principal, input.invoice_id, input.line_id, version=given(input.version)
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(
        description="Give a draft up. It stays, as all records do, and nothing happens to it any more; it never had a "
        "number, so none is missing."
    )
    async def invoice_discard(self, info: Info, input: InvoiceDiscardInput) -> InvoicePayload | None:
        try:
            invoice_id = await info.context.services.invoices.discard(
                info.context.principal, input.invoice_id, version=given(input.version)
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(
        description="Issue a draft: it takes along the lines that wait for it, uses the customer's balance, gets its "
        "number, and never changes again. It is PAID at once where nothing is to be charged. With `charge`, go by "
        "its state and its charges: a decline is no user error."
    )
    async def invoice_finalize(self, info: Info, input: InvoiceFinalizeInput) -> InvoicePayload | None:
        principal = info.context.principal
        try:
            invoice_id = await info.context.services.invoices.finalize(
                principal,
                FinalizeInvoice(
                    invoice_id=input.invoice_id,
                    charge=input.charge,
                    version=given(input.version),
                    request=required_request_of(principal, "invoiceFinalize", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(
        description="Take what is due of an invoice. Go by the `state` of the charge, as with `orderCharge`; where it "
        "is REQUIRES_ACTION, `chargeContinue` goes on. An invoice that is UNCOLLECTIBLE may be paid after all."
    )
    async def invoice_pay(self, info: Info, input: InvoicePayInput) -> ChargePayload | None:
        principal = info.context.principal
        card = given(input.new_card)
        try:
            charged = await info.context.services.charges.charge_invoice(
                principal,
                ChargeInvoice(
                    invoice_id=input.invoice_id,
                    payment_method_id=given(input.payment_method_id),
                    new_card=card.to_domain() if card else None,
                    initiator=input.initiator,
                    return_url=given(input.return_url),
                    network=network_of_customer(info.context, input.client_address),
                    request=required_request_of(principal, "invoicePay", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ChargePayload(user_errors=[user_error(error)])
        return await payload_of(info, charged)

    @strawberry.mutation(
        description="Call off an invoice of which nothing was paid. It keeps its number. What the balance had paid of "
        "it is there again, and lines that had waited for it wait for the next one. A payment that waits for the "
        "customer is given up; while another is under way it is refused (CHARGE_IN_PROGRESS)."
    )
    async def invoice_void(self, info: Info, input: InvoiceVoidInput) -> InvoicePayload | None:
        try:
            invoice_id = await info.context.services.invoices.void(
                info.context.principal, input.invoice_id, version=given(input.version)
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(
        description="Expect an invoice to be paid no more. It may be, all the same; and it may be called off. Refused "
        "where something begins, or changes, when it is paid: nobody owes that, so void it."
    )
    async def invoice_mark_uncollectible(
        self, info: Info, input: InvoiceMarkUncollectibleInput
    ) -> InvoicePayload | None:
        try:
            invoice_id = await info.context.services.invoices.mark_uncollectible(
                info.context.principal, input.invoice_id, version=given(input.version)
            )
        except PaydeskError as error:
            return InvoicePayload(user_errors=[user_error(error)])
        return await _payload(info, invoice_id)

    @strawberry.mutation(
        description="Make a line that waits: the next invoice of a subscription takes it, or whichever the customer "
        "gets next in its currency."
    )
    async def invoice_item_create(self, info: Info, input: InvoiceItemCreateInput) -> InvoiceItemPayload | None:
        principal = info.context.principal
        try:
            item_id = await info.context.services.invoices.create_item(
                principal,
                CreateInvoiceItem(
                    customer_id=given(input.customer_id),
                    subscription_id=given(input.subscription_id),
                    line=input.to_domain(),
                    request=request_of(principal, "invoiceItemCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return InvoiceItemPayload(user_errors=[user_error(error)])
        return await _item_payload(info, item_id)

    @strawberry.mutation(
        description="Have no invoice take a line that waits. One that is on an invoice is credited there instead."
    )
    async def invoice_item_remove(self, info: Info, input: InvoiceItemRemoveInput) -> InvoiceItemPayload | None:
        try:
            item_id = await info.context.services.invoices.remove_item(info.context.principal, input.invoice_item_id)
        except PaydeskError as error:
            return InvoiceItemPayload(user_errors=[user_error(error)])
        return await _item_payload(info, item_id)


async def _payload(info: Info, invoice_id: str) -> InvoicePayload:
    info.context.changed()
    return InvoicePayload(invoice=cast("Invoice | None", await info.context.loaders.invoices.load(invoice_id)))


async def _item_payload(info: Info, item_id: str) -> InvoiceItemPayload:
    info.context.changed()
    found = await info.context.loaders.invoice_items.load(item_id)
    return InvoiceItemPayload(invoice_item=cast("InvoiceItem | None", found))
