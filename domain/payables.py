"""What a charge pays: an order, which somebody has put together, or an invoice, which asks for what is owed."""

from domain.invoices import Invoice
from domain.orders import Order

Payable = Order | Invoice
