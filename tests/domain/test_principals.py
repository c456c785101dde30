"""Who may do what: the table of api.md, one row a principal."""

import pytest

from domain.errors import PermissionDenied
from domain.principals import (
    ALL_PERMISSIONS,
    Permission,
    Principal,
    PrincipalKind,
    SignInRequired,
    StaffRole,
    anonymous,
    customer,
    operator,
    server,
    staff,
    system,
)

PRINCIPALS: dict[str, Principal] = {
    "admin": staff("ada", StaffRole.ADMIN),
    "finance": staff("finn", StaffRole.FINANCE),
    "support": staff("sue", StaffRole.SUPPORT),
    "customer": customer("42", "cus_own"),
    "server with one scope": server("key_1", frozenset({Permission.REFUNDS_WRITE})),
    "server without scopes": server("key_2", frozenset()),
    "anonymous": anonymous(public_catalogue=False),
    "anonymous, public catalogue": anonymous(public_catalogue=True),
    "operator": operator(),
    "system": system("resolver"),
}

MAY: dict[str, str] = {
    "admin": " ".join(Permission),
    "finance": "CATALOGUE_READ CATALOGUE_WRITE RECORDS_READ ORDERS_WRITE ORDERS_BY_HAND CHARGES_WRITE CAPTURES_WRITE "
    "REFUNDS_WRITE SUBSCRIPTIONS_WRITE SUBSCRIPTIONS_BY_HAND DISPUTES_WRITE INVOICES_WRITE BALANCES_WRITE UPKEEP_READ "
    "UPKEEP_WRITE",
    "support": "CATALOGUE_READ RECORDS_READ CUSTOMERS_WRITE ORDERS_WRITE PAYMENT_METHODS_WRITE REFUNDS_WRITE "
    "SUBSCRIPTIONS_WRITE SUBSCRIPTIONS_BY_HAND DISPUTES_WRITE",
    "customer": "CATALOGUE_READ RECORDS_READ ORDERS_WRITE PAYMENT_METHODS_WRITE CHARGES_WRITE SUBSCRIPTIONS_WRITE",
    "server with one scope": "REFUNDS_WRITE",
    "server without scopes": "",
    "anonymous": "",
    "anonymous, public catalogue": "CATALOGUE_READ",
    "operator": " ".join(Permission),
    "system": " ".join(Permission),
}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("who", PRINCIPALS)
def test_who_may_do_what(who: str, permission: Permission) -> None:
    principal = PRINCIPALS[who]
    expected = permission in MAY[who].split()
    assert principal.may(permission) == expected
    if expected:
        principal.require(permission)
        return
    with pytest.raises(SignInRequired if who.startswith("anonymous") else PermissionDenied):
        principal.require(permission)


@pytest.mark.parametrize(
    "forbidden",
    [
        Permission.CAPTURES_WRITE,
        Permission.REFUNDS_WRITE,
        Permission.DISPUTES_WRITE,
        Permission.CATALOGUE_WRITE,
        Permission.CUSTOMERS_WRITE,
        Permission.IDENTITIES_WRITE,
        Permission.ORDERS_BY_HAND,
        Permission.CHARGES_OFF_SESSION,
        Permission.INVOICES_WRITE,
        Permission.BALANCES_WRITE,
        Permission.ISSUERS_WRITE,
        Permission.AUDIT_READ,
        Permission.CUSTOMERS_REDACT,
        Permission.KEYS_READ,
        Permission.KEYS_WRITE,
        Permission.UPKEEP_READ,
        Permission.UPKEEP_WRITE,
    ],
)
def test_a_customer_never_has_money_back_or_an_amount_of_their_own(forbidden: Permission) -> None:
    assert not customer("42", "cus_own").may(forbidden)


@pytest.mark.parametrize(
    ("who", "own", "others"),
    [
        ("admin", True, True),
        ("finance", True, True),
        ("support", True, True),
        ("customer", True, False),
        ("server with one scope", True, True),
        ("server without scopes", True, True),
        ("anonymous", False, False),
        ("anonymous, public catalogue", False, False),
        ("operator", True, True),
        ("system", True, True),
    ],
)
def test_who_sees_whose_records(who: str, own: bool, others: bool) -> None:
    principal = PRINCIPALS[who]
    assert (principal.sees("cus_own"), principal.sees("cus_other")) == (own, others)
    assert principal.sees_all == others


@pytest.mark.parametrize("nobody", [customer("43", None), anonymous(public_catalogue=True)])
@pytest.mark.parametrize("customer_id", ["", "None", "cus_own"])
def test_whoever_has_no_record_sees_nobodys(nobody: Principal, customer_id: str) -> None:
    assert not nobody.sees(customer_id)


def test_no_two_principals_share_a_name_whatever_they_are_called() -> None:
    made = [
        server("x", ALL_PERMISSIONS),
        staff("x", StaffRole.ADMIN),
        customer("x", None),
        system("x"),
        operator(),
        anonymous(public_catalogue=True),
        customer("anonymous", None),
        customer("key:x", None),
        customer("staff:x", None),
        staff("customer:x", StaffRole.ADMIN),
        staff("cli", StaffRole.ADMIN),
    ]
    assert len({principal.name for principal in made}) == len(made)


@pytest.mark.parametrize("role", [StaffRole.FINANCE, StaffRole.SUPPORT])
def test_only_an_admin_says_whose_tokens_open_an_account(role: StaffRole) -> None:
    """Support changes customers, but whoever sets an external id can become that customer."""
    assert staff("ada", StaffRole.ADMIN).may(Permission.IDENTITIES_WRITE)
    assert not staff("sue", role).may(Permission.IDENTITIES_WRITE)
    assert server("key_1", frozenset({Permission.IDENTITIES_WRITE})).may(Permission.IDENTITIES_WRITE)
    assert not server("key_1", frozenset({Permission.CUSTOMERS_WRITE})).may(Permission.IDENTITIES_WRITE)


@pytest.mark.parametrize(
    ("principal", "actor"),
    [
        (staff("ada", StaffRole.ADMIN), "staff:ada"),
        (server("key_1", ALL_PERMISSIONS), "key:key_1"),
        (system("resolver"), "system:resolver"),
        (anonymous(public_catalogue=True), "anonymous"),
        (customer("ada@example.org", "cus_own"), "customer:cus_own"),
        (customer("ada@example.org", None), "customer:unknown"),
    ],
)
def test_events_name_everybody_and_a_customer_by_our_id(principal: Principal, actor: str) -> None:
    assert principal.actor == actor
    assert "example.org" not in principal.actor


def test_only_a_customer_is_one() -> None:
    assert {who for who, principal in PRINCIPALS.items() if principal.is_customer} == {"customer"}
    assert {principal.kind for principal in PRINCIPALS.values()} == set(PrincipalKind)


def test_the_table_has_every_role() -> None:
    assert set(StaffRole) <= set(PRINCIPALS)
