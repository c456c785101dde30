"""Who asks, and what they may do.

    server    an API key with scopes
    staff     a token with the claim `paydesk_role`
    customer  any other token: sees and changes what is their own
    anonymous nobody; the public catalogue at most
    operator  whoever runs `paydesk` on the command line, beside the database

What belongs to somebody else reads as missing (`NotFound`), never as forbidden.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.errors import PermissionDenied


class SignInRequired(Exception):
    """Nobody is signed in. No user error: it is the client's program that has to send a key or token."""

    def __init__(self) -> None:
        super().__init__("Sign in first: send a key or token in the Authorization header.")


class PrincipalKind(StrEnum):
    SERVER = "SERVER"
    STAFF = "STAFF"
    CUSTOMER = "CUSTOMER"
    ANONYMOUS = "ANONYMOUS"
    OPERATOR = "OPERATOR"


class Permission(StrEnum):
    """One word for each thing that a principal may be trusted with; also the scopes of an API key."""

    CATALOGUE_READ = "CATALOGUE_READ"
    CATALOGUE_WRITE = "CATALOGUE_WRITE"
    RECORDS_READ = "RECORDS_READ"
    """Customers, orders, charges, refunds, disputes, payment methods and their timelines."""
    CUSTOMERS_WRITE = "CUSTOMERS_WRITE"
    IDENTITIES_WRITE = "IDENTITIES_WRITE"
    """Saying whose tokens open a customer's account (`externalId`). Whoever may set it can become anybody."""
    ORDERS_WRITE = "ORDERS_WRITE"
    ORDERS_BY_HAND = "ORDERS_BY_HAND"
    """Lines with a name and an amount of one's own, and the external id of an order that comes from elsewhere."""
    PAYMENT_METHODS_WRITE = "PAYMENT_METHODS_WRITE"
    CHARGES_WRITE = "CHARGES_WRITE"
    CHARGES_OFF_SESSION = "CHARGES_OFF_SESSION"
    """Charging a stored card while the customer is away."""
    CAPTURES_WRITE = "CAPTURES_WRITE"
    """Taking what a charge holds, or releasing it."""
    REFUNDS_WRITE = "REFUNDS_WRITE"
    SUBSCRIPTIONS_WRITE = "SUBSCRIPTIONS_WRITE"
    """Subscribing to what is offered, as it is offered, and changing or ending it."""
    SUBSCRIPTIONS_BY_HAND = "SUBSCRIPTIONS_BY_HAND"
    """What only the shop decides about a subscription: another trial than its price has, an earlier start, what is
    credited, pauses."""
    DISPUTES_WRITE = "DISPUTES_WRITE"
    """Answering disputes: sending evidence, or giving in. Neither can be undone."""
    INVOICES_WRITE = "INVOICES_WRITE"
    """Invoices that are made, changed, issued or called off by hand, and credit notes."""
    BALANCES_WRITE = "BALANCES_WRITE"
    """Putting into a customer's balance what nobody has paid, or taking it back."""
    ISSUERS_WRITE = "ISSUERS_WRITE"
    """What is printed on every invoice, how they are numbered, and what is done when they are not paid."""
    CUSTOMERS_REDACT = "CUSTOMERS_REDACT"
    """Erasing what is known of a customer as a person. It cannot be undone."""
    TEST_CLOCKS_WRITE = "TEST_CLOCKS_WRITE"
    """Moving the time of customers who live by a test clock; nobody does where money is real."""
    KEYS_READ = "KEYS_READ"
    KEYS_WRITE = "KEYS_WRITE"
    """Making, rotating and revoking server keys; nobody gives one a scope that they do not have."""
    AUDIT_READ = "AUDIT_READ"
    """What the staff changed, before and after."""
    UPKEEP_READ = "UPKEEP_READ"
    """What goes on behind the scenes: jobs, deliveries of providers, discrepancies, whether the books are in order."""
    UPKEEP_WRITE = "UPKEEP_WRITE"
    """Mending it by hand: trying again what was given up, and saying what became of money that nobody could trace."""


class StaffRole(StrEnum):
    ADMIN = "admin"
    FINANCE = "finance"
    SUPPORT = "support"


ALL_PERMISSIONS = frozenset(Permission)

PERMISSIONS_TO_BE_NAMED = frozenset(
    {
        Permission.ISSUERS_WRITE,
        Permission.CUSTOMERS_REDACT,
        Permission.KEYS_READ,
        Permission.KEYS_WRITE,
        Permission.AUDIT_READ,
        Permission.UPKEEP_READ,
        Permission.UPKEEP_WRITE,
    }
)
"""No program has them by default: they are about who may act, what was done, what can never be undone, and what only a
person can judge."""

ROLE_PERMISSIONS: dict[StaffRole, frozenset[Permission]] = {
    StaffRole.ADMIN: ALL_PERMISSIONS,
    StaffRole.FINANCE: frozenset(
        {
            Permission.CATALOGUE_READ,
            Permission.CATALOGUE_WRITE,
            Permission.RECORDS_READ,
            Permission.ORDERS_WRITE,
            Permission.ORDERS_BY_HAND,
            Permission.CHARGES_WRITE,
            Permission.CAPTURES_WRITE,
            Permission.REFUNDS_WRITE,
            Permission.SUBSCRIPTIONS_WRITE,
            Permission.SUBSCRIPTIONS_BY_HAND,
            Permission.DISPUTES_WRITE,
            Permission.INVOICES_WRITE,
            Permission.BALANCES_WRITE,
            Permission.UPKEEP_READ,
            Permission.UPKEEP_WRITE,
        }
    ),
    StaffRole.SUPPORT: frozenset(
        {
            Permission.CATALOGUE_READ,
            Permission.RECORDS_READ,
            Permission.CUSTOMERS_WRITE,
            Permission.ORDERS_WRITE,
            Permission.PAYMENT_METHODS_WRITE,
            Permission.REFUNDS_WRITE,
            Permission.SUBSCRIPTIONS_WRITE,
            Permission.SUBSCRIPTIONS_BY_HAND,
            # Giving in costs no more than a refund does.
            Permission.DISPUTES_WRITE,
        }
    ),
}

CUSTOMER_PERMISSIONS = frozenset(
    {
        Permission.CATALOGUE_READ,
        Permission.RECORDS_READ,
        Permission.ORDERS_WRITE,
        Permission.PAYMENT_METHODS_WRITE,
        Permission.CHARGES_WRITE,
        Permission.SUBSCRIPTIONS_WRITE,
    }
)
"""All of them for their own records only."""


_ADMIN_KEY = "key:admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    kind: PrincipalKind
    name: str
    """Stable and unique: `key:key_…`, `staff:ada`, `customer:42`, `anonymous`. Client keys and events carry it."""
    permissions: frozenset[Permission]
    role: StaffRole | None = None
    """Of a member of the staff."""
    customer_id: str | None = None
    """Of a customer whose record exists."""
    expires_at: datetime | None = field(default=None, compare=False)
    """When the credentials end by themselves; what lasts longer than a request ends with them."""
    retiring: bool = field(default=False, compare=False)
    """It came in with a secret that was replaced already, and is good for a last while."""

    @property
    def actor(self) -> str:
        """As events name it. They can never be redacted, so a customer is named by our id and not by their own."""
        return f"customer:{self.customer_id or 'unknown'}" if self.is_customer else self.name

    @property
    def is_admin_key(self) -> bool:
        return self.name == _ADMIN_KEY

    @property
    def is_customer(self) -> bool:
        return self.kind is PrincipalKind.CUSTOMER

    @property
    def sees_all(self) -> bool:
        return self.kind in (PrincipalKind.SERVER, PrincipalKind.STAFF, PrincipalKind.OPERATOR)

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        if self.may(permission):
            return
        if self.kind is PrincipalKind.ANONYMOUS:
            raise SignInRequired
        raise PermissionDenied

    def sees(self, customer_id: str) -> bool:
        return self.sees_all or (self.customer_id is not None and customer_id == self.customer_id)


def server(key_id: str, permissions: frozenset[Permission]) -> Principal:
    return Principal(kind=PrincipalKind.SERVER, name=f"key:{key_id}", permissions=permissions)


def admin_key(*, retiring: bool = False) -> Principal:
    """PAYDESK_ADMIN_KEY, or the one before it. Both have one name: idempotency keys outlive the change."""
    return Principal(kind=PrincipalKind.SERVER, name=_ADMIN_KEY, permissions=ALL_PERMISSIONS, retiring=retiring)


def staff(subject: str, role: StaffRole) -> Principal:
    return Principal(kind=PrincipalKind.STAFF, name=f"staff:{subject}", permissions=ROLE_PERMISSIONS[role], role=role)


def customer(external_id: str, customer_id: str | None) -> Principal:
    return Principal(
        kind=PrincipalKind.CUSTOMER,
        name=f"customer:{external_id}",
        permissions=CUSTOMER_PERMISSIONS,
        customer_id=customer_id,
    )


def anonymous(*, public_catalogue: bool) -> Principal:
    permissions = frozenset({Permission.CATALOGUE_READ}) if public_catalogue else frozenset[Permission]()
    return Principal(kind=PrincipalKind.ANONYMOUS, name="anonymous", permissions=permissions)


def operator() -> Principal:
    return Principal(kind=PrincipalKind.OPERATOR, name="cli", permissions=ALL_PERMISSIONS)


def system(part: str) -> Principal:
    """The gateway itself, at work without anybody asking."""
    return Principal(kind=PrincipalKind.SERVER, name=f"system:{part}", permissions=ALL_PERMISSIONS)
