"""What happens at the bank by itself, when its time has come: whoever looks next finds it done, and told of."""

from adapters.fake import charges, customers, disputes, refunds
from adapters.fake.books import OpenBooks


def settle_due(books: OpenBooks) -> None:
    customers.expire_confirmations(books)
    charges.settle_pending(books)
    charges.expire_waiting(books)
    refunds.settle_due(books)
    disputes.settle_due(books)
