"""Lines that a person asks for: at a price of the catalogue, or by hand."""

from dataclasses import dataclass, replace

from domain.errors import CurrencyMismatch, InvalidInput, NotFound, ProductArchived
from domain.ids import IdPrefix, new_id
from domain.invoices import InvoiceLine, LineKind
from domain.money import Money
from domain.orders import MAXIMUM_QUANTITY
from domain.services.locking import there
from domain.store import Transaction
from domain.texts import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvoiceLine:
    """Either of a price, or by hand with a name and an amount, which is below zero when it gives something back."""

    price_id: str | None = None
    name: str | None = None
    unit_amount: Money | None = None
    quantity: int = 1


async def made(tx: Transaction, wanted: NewInvoiceLine, *, currency: str | None) -> InvoiceLine:
    """CurrencyMismatch for one that is not in this currency; None: any will do."""
    line_id = new_id(IdPrefix.INVOICE_LINE)
    if wanted.price_id is None:
        if wanted.name is None or wanted.unit_amount is None:
            raise InvalidInput(_EITHER)
        _check_currency(wanted.unit_amount, currency, "unitAmount", "currency")
        line = InvoiceLine(
            id=line_id,
            kind=LineKind.ONE_OFF,
            name=clean_text(wanted.name, "name"),
            unit_amount=wanted.unit_amount,
            amount=wanted.unit_amount,
        )
        return with_quantity(line, wanted.quantity)
    if wanted.name is not None or wanted.unit_amount is not None:
        raise InvalidInput(_EITHER)
    price = await tx.prices.get(wanted.price_id)
    if price is None:
        raise NotFound("price", path=("priceId",))
    product = there(await tx.products.get(price.product_id), price.product_id)
    price.check_orderable()
    if product.archived_at:
        raise ProductArchived(path=("priceId",))
    _check_currency(price.unit_amount, currency, "priceId")
    line = InvoiceLine(
        id=line_id,
        kind=LineKind.ONE_OFF,
        price_id=price.id,
        name=product.name,
        unit_amount=price.unit_amount,
        amount=price.unit_amount,
    )
    return with_quantity(line, wanted.quantity)


def with_quantity(line: InvoiceLine, quantity: int) -> InvoiceLine:
    """Of a line whose units have an amount."""
    if not 1 <= quantity <= MAXIMUM_QUANTITY:
        raise InvalidInput(f"A quantity is from 1 to {MAXIMUM_QUANTITY}.", path=("quantity",))
    if line.unit_amount is None:
        raise InvalidInput("This line has no amount of one unit.", path=("lineId",))
    return replace(line, quantity=quantity, amount=line.unit_amount * quantity)


def _check_currency(amount: Money, currency: str | None, *path: str) -> None:
    if currency is not None and amount.currency != currency:
        raise CurrencyMismatch(expected=currency, actual=amount.currency, path=path)


_EITHER = "A line has either a priceId, or a name and a unitAmount."
