"""What the domain asks of a database: transactions, and in them one small protocol a noun.

Rules that every store keeps (`tests/contracts/test_store.py` holds both databases to them):

- `get_for_update` locks the row until the transaction ends. Lock order, always: customer → order → payment method →
  charge → operation → refund → ledger. It returns None when there is no such row.
- `insert` writes a new row; `save` writes all of an entity back and raises `LostUpdate` when the row is gone or, for
  orders, when its version moved on.
- A transaction commits when its block ends well, and rolls back on any exception, cancellation included.
- Nothing that waits for the world may be awaited inside a transaction.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from domain.api_keys import ApiKey
from domain.audit import AuditEntry
from domain.charges import Charge
from domain.customers import Customer, ProviderAccount
from domain.events import Event
from domain.idempotency import IdempotencyKey, KeyedRequest
from domain.jobs import Job, JobKind, JobRecord
from domain.ledger import LedgerEntry
from domain.operations import Operation
from domain.orders import Order
from domain.payment_methods import PaymentMethod
from domain.products import Price, Product
from domain.refunds import Refund
from domain.webhooks import WebhookDelivery

T = TypeVar("T")


class LostUpdate(Exception):
    """A save found another row than the one that was read. With locks taken in order it is a bug, not a race."""


class UniqueTaken(Exception):
    """An insert or save met a value that has to be unique. `constraint` names it, e.g. `customers_external_id`.

    The transaction is over on PostgreSQL and has to be left, so both stores make it so.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class CommitUnknown(Exception):
    """The commit was asked for and its answer is missing. The store's own error is the `__cause__`."""


class Customers(Protocol):
    async def get(self, customer_id: str) -> Customer | None: ...
    async def get_for_update(self, customer_id: str) -> Customer | None: ...
    async def find_by_external_id(self, external_id: str) -> Customer | None: ...
    async def insert(self, customer: Customer) -> None: ...
    async def save(self, customer: Customer) -> None: ...


class ProviderAccounts(Protocol):
    async def find(self, customer_id: str, account: str) -> ProviderAccount | None: ...
    async def of_customer(self, customer_id: str) -> Sequence[ProviderAccount]: ...
    async def insert_if_new(self, account: ProviderAccount) -> None: ...


class Products(Protocol):
    async def get(self, product_id: str) -> Product | None: ...
    async def get_for_update(self, product_id: str) -> Product | None: ...
    async def insert(self, product: Product) -> None: ...
    async def save(self, product: Product) -> None: ...


class Prices(Protocol):
    async def get(self, price_id: str) -> Price | None: ...
    async def get_for_update(self, price_id: str) -> Price | None: ...
    async def insert(self, price: Price) -> None: ...
    async def save(self, price: Price) -> None: ...


class PaymentMethods(Protocol):
    async def get(self, payment_method_id: str) -> PaymentMethod | None: ...
    async def get_for_update(self, payment_method_id: str) -> PaymentMethod | None: ...
    async def of_customer(self, customer_id: str) -> Sequence[PaymentMethod]:
        """All of them, oldest first."""
        ...

    async def first_of_customer(self, customer_id: str) -> PaymentMethod | None: ...
    async def find_by_ref(self, account: str, payment_method_ref: str) -> PaymentMethod | None: ...
    async def insert(self, payment_method: PaymentMethod) -> None: ...
    async def save(self, payment_method: PaymentMethod) -> None: ...


class Orders(Protocol):
    async def get(self, order_id: str) -> Order | None:
        """With its lines, in the order in which they were added."""
        ...

    async def get_for_update(self, order_id: str) -> Order | None: ...
    async def insert(self, order: Order) -> None: ...

    async def save(self, order: Order) -> Order:
        """Write the order and its lines, and return it under its next version."""
        ...


class Charges(Protocol):
    async def get(self, charge_id: str) -> Charge | None: ...
    async def get_for_update(self, charge_id: str) -> Charge | None: ...
    async def find_by_ref(self, account: str, charge_ref: str) -> Charge | None: ...
    async def of_order(self, order_id: str) -> Sequence[Charge]:
        """All of them, oldest first."""
        ...

    async def live_with_payment_method(self, payment_method_id: str) -> bool: ...
    async def insert(self, charge: Charge) -> None: ...
    async def save(self, charge: Charge) -> None: ...


class Operations(Protocol):
    async def get(self, operation_id: str) -> Operation | None: ...
    async def get_for_update(self, operation_id: str) -> Operation | None: ...
    async def unfinished_of_charge(self, charge_id: str) -> Operation | None:
        """Of the charge itself; those of its refunds are their own."""
        ...

    async def insert(self, operation: Operation) -> None: ...
    async def save(self, operation: Operation) -> None: ...


class Refunds(Protocol):
    async def get(self, refund_id: str) -> Refund | None: ...
    async def get_for_update(self, refund_id: str) -> Refund | None: ...
    async def insert(self, refund: Refund) -> None: ...
    async def save(self, refund: Refund) -> None: ...


class Ledger(Protocol):
    async def add(self, entries: Sequence[LedgerEntry]) -> None: ...


class Events(Protocol):
    async def add(self, *events: Event) -> None: ...


class Keys(Protocol):
    async def claim(self, request: KeyedRequest, object_id: str, *, now: datetime) -> IdempotencyKey | None:
        """Make the key point at the object; or return the key as it stands when somebody was first.

        Waits for a rival that is about to commit the same key.
        """
        ...

    async def find(self, request: KeyedRequest) -> IdempotencyKey | None: ...
    async def release(self, object_id: str) -> None:
        """Forget the keys that point at this object: nothing happened, so the client may use its key again."""
        ...

    async def delete_older_than(self, moment: datetime) -> int: ...


class Jobs(Protocol):
    async def schedule(self, kind: JobKind, subject_id: str, *, after_seconds: float) -> None:
        """Enqueue the job, or move the one that there is; on the database's clock."""
        ...

    async def cancel(self, kind: JobKind, subject_id: str) -> None: ...
    async def get(self, job_id: str) -> JobRecord | None: ...
    async def get_for_update(self, job_id: str) -> JobRecord | None: ...
    async def save(self, job: JobRecord) -> None:
        """What a person changes: when it is due, how many tries it has had, and whether it is dead."""
        ...


class Webhooks(Protocol):
    async def get(self, delivery_id: str) -> WebhookDelivery | None: ...
    async def insert_if_new(self, delivery: WebhookDelivery) -> bool:
        """False when this event of this account is stored already."""
        ...

    async def get_for_update(self, delivery_id: str) -> WebhookDelivery | None: ...
    async def save(self, delivery: WebhookDelivery) -> None: ...


class ApiKeys(Protocol):
    async def find_by_hash(self, secret_hash: str) -> ApiKey | None:
        """By the hash of its secret, or of the one before."""
        ...

    async def get(self, key_id: str) -> ApiKey | None: ...
    async def get_for_update(self, key_id: str) -> ApiKey | None: ...
    async def all(self) -> Sequence[ApiKey]: ...
    async def insert(self, key: ApiKey) -> None: ...
    async def save(self, key: ApiKey) -> None: ...
    async def mark_used(self, key_id: str, secret_hash: str, *, now: datetime) -> None:
        """Write the moments of use alone, so that a revocation at the same time is not undone.

        The first use of the present secret is kept, and only if it is still this one.
        """
        ...


class Erasure(Protocol):
    """What is known of a customer as a person, in whichever table."""

    async def lock_orders(self, customer_id: str) -> None:
        """All of them, so that no payment or refund begins or ends meanwhile; the customer is locked before."""
        ...

    async def erase(self, customer_id: str, *, principal: str | None) -> None:
        """Empty what tells who they are; `principal` is the name under which they asked, if they could.

        Their orders are locked. What an unfinished request needs stays until it is over; see `erase_charge`.
        """
        ...

    async def erase_charge(self, charge_id: str) -> None:
        """As `erase`, of one charge and its refunds, under the lock of its order."""
        ...

    async def open_payments(self, customer_id: str) -> bool:
        """Whether a charge, a refund or an attachment of theirs is still under way."""
        ...

    async def open_orders(self, customer_id: str) -> bool: ...

    async def concerns_redacted(self, account: str, ref: str) -> bool:
        """Whether the provider's object is of a customer who was redacted."""
        ...


class AuditEntries(Protocol):
    async def add(self, entry: AuditEntry) -> None: ...


class Facts(Protocol):
    """Small facts about the deployment, each under a name; e.g. which account was the default at the last start."""

    async def get(self, name: str) -> str | None: ...
    async def put(self, name: str, value: str) -> None: ...


class Transaction(Protocol):
    @property
    def customers(self) -> Customers: ...
    @property
    def accounts(self) -> ProviderAccounts: ...
    @property
    def products(self) -> Products: ...
    @property
    def prices(self) -> Prices: ...
    @property
    def payment_methods(self) -> PaymentMethods: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def charges(self) -> Charges: ...
    @property
    def operations(self) -> Operations: ...
    @property
    def refunds(self) -> Refunds: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def events(self) -> Events: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def erasure(self) -> Erasure: ...
    @property
    def audit(self) -> AuditEntries: ...
    @property
    def facts(self) -> Facts: ...


class Store(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        landed: Callable[[Transaction, T], Awaitable[bool]] | None = None,
    ) -> T:
        """The work in a transaction; all of it again, a few times, where the database chose it as a deadlock's victim.

        So it must do nothing but read and write rows. After a commit whose outcome is unknown, `landed` reads back by
        its ids whether the result is there; if not, the work is done again. Work that says how to find it therefore
        needs an identity that makes a repetition harmless: a client's key, or rows whose state tells that it was done.
        Without `landed`, CommitUnknown is raised.
        """
        ...

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """For reads alone, without locks; does not wait for a writer."""
        ...


async def to_be_repeated(_tx: Transaction, _result: object) -> bool:
    """As `landed`: for work that finds out by itself what it has done before."""
    return False


class JobQueue(Protocol):
    """How a worker takes jobs; beside the transactions, since a claim is committed before the work begins."""

    async def claim_due(
        self, *, limit: int, lease_seconds: float, places: Mapping[JobKind, int] | None = None
    ) -> Sequence[Job]:
        """Take due jobs, each for this process alone until the lease ends; what is due longest comes first.

        With `places`, only of these kinds, and of each no more than that.
        """
        ...

    async def finish(self, job: Job) -> None:
        """Remove it, unless the claim has passed to another or the job was scheduled anew meanwhile."""
        ...

    async def retry(self, job: Job, *, after_seconds: float, error: str | None) -> None: ...
    async def release(self, job: Job) -> None:
        """Give it back as it was before the claim, due at once: who had it is going, and that is no failure."""
        ...

    async def bury(self, job: Job, *, error: str) -> None:
        """Keep it as a dead letter: it runs no more until a person says so."""
        ...
