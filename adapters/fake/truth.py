"""What really happened at the bank, so that a test can compare the gateway's story with it."""

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from adapters.fake.books import OpenBooks, operation_of
from adapters.fake.customers import is_attached


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTruth:
    customer_id: str
    customer_ref: str
    payment_method_ids: tuple[str, ...]
    """Attached and not detached since, oldest first; without those that a charge stored, which have no id of ours."""
    payment_method_refs: tuple[str, ...]
    """The bank's names of all that is attached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeTruth:
    charge_id: str
    operation_id: str
    charge_ref: str
    customer_id: str
    state: str
    currency: str
    amount: int
    captured: int
    refunded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundTruth:
    refund_id: str
    operation_id: str
    refund_ref: str
    charge_id: str
    state: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeTruth:
    dispute_ref: str
    charge_id: str
    state: str
    is_inquiry: bool
    currency: str
    amount: int
    withdrawn: int
    """What the merchant is without because of it."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything in the order in which it was made."""

    customers: tuple[CustomerTruth, ...]
    charges: tuple[ChargeTruth, ...]
    refunds: tuple[RefundTruth, ...]
    disputes: tuple[DisputeTruth, ...]

    def charges_of(self, charge_id: str) -> tuple[ChargeTruth, ...]:
        """More than one that captured money for one of our charges is the accident that Paydesk exists to prevent."""
        return tuple(charge for charge in self.charges if charge.charge_id == charge_id)

    def captured(self, charge_id: str) -> int:
        return sum(charge.captured for charge in self.charges_of(charge_id))

    def refunded(self, charge_id: str) -> int:
        return sum(charge.refunded for charge in self.charges_of(charge_id))

    def withdrawn(self, charge_id: str) -> int:
        return sum(dispute.withdrawn for dispute in self.disputes if dispute.charge_id == charge_id)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_truth(books: OpenBooks) -> Truth:
    methods: dict[str, list[sqlite3.Row]] = {}
    for row in books.all("SELECT * FROM payment_methods ORDER BY rowid"):
        if is_attached(row):
            methods.setdefault(row["customer_ref"], []).append(row)
    return Truth(
        customers=tuple(
            CustomerTruth(
                customer_id=row["customer_id"],
                customer_ref=row["ref"],
                payment_method_ids=tuple(
                    method["payment_method_id"]
                    for method in methods.get(row["ref"], ())
                    if method["payment_method_id"] is not None
                ),
                payment_method_refs=tuple(method["ref"] for method in methods.get(row["ref"], ())),
            )
            for row in books.all("SELECT * FROM customers ORDER BY rowid")
        ),
        charges=tuple(
            ChargeTruth(
                charge_id=row["charge_id"],
                operation_id=operation_of(row),
                charge_ref=row["ref"],
                customer_id=row["customer_id"],
                state=row["state"],
                currency=row["currency"],
                amount=row["amount"],
                captured=row["captured"],
                refunded=row["refunded"],
            )
            for row in books.all(
                "SELECT charges.*, customers.customer_id FROM charges"
                " JOIN customers ON customers.ref = charges.customer_ref ORDER BY charges.rowid"
            )
        ),
        refunds=tuple(
            RefundTruth(
                refund_id=row["refund_id"],
                operation_id=operation_of(row),
                refund_ref=row["ref"],
                charge_id=row["charge_id"],
                state=row["state"],
                currency=row["currency"],
                amount=row["amount"],
            )
            for row in books.all(
                "SELECT refunds.*, charges.charge_id, charges.currency FROM refunds"
                " JOIN charges ON charges.ref = refunds.charge_ref ORDER BY refunds.rowid"
            )
        ),
        disputes=tuple(
            DisputeTruth(
                dispute_ref=row["ref"],
                charge_id=row["charge_id"],
                state=row["state"],
                is_inquiry=bool(row["is_inquiry"]),
                currency=row["currency"],
                amount=row["amount"],
                withdrawn=row["withdrawn"],
            )
            for row in books.all(
                "SELECT disputes.*, charges.charge_id, charges.currency FROM disputes"
                " JOIN charges ON charges.ref = disputes.charge_ref ORDER BY disputes.rowid"
            )
        ),
    )
