"""From the `Authorization` header to a principal, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from adapters.access import Access, CredentialsRejected
from adapters.tokens import AUDIENCE, SecretVerifier, Verifier
from domain.customers import Customer
from domain.ids import IdPrefix, new_id
from domain.principals import (
    ALL_PERMISSIONS,
    CUSTOMER_PERMISSIONS,
    ROLE_PERMISSIONS,
    Permission,
    PrincipalKind,
    StaffRole,
    operator,
)
from domain.services.api_keys import LAST_USED_EVERY_SECONDS, ApiKeyService, RotateApiKey
from persistence.database import Database
from persistence.store import TortoiseStore
from tests.keys import make_key

ADMIN_KEY = "the-admin-key-of-these-tests-0123456789"
PREVIOUS_ADMIN_KEY = "the-admin-key-before-that-one-0123456789"
VERIFIER = SecretVerifier(secret="s" * 40, issuer="https://id.test/")


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database) -> TortoiseStore:
    return TortoiseStore(database)


@pytest.fixture
def api_keys(store: TortoiseStore, clock: Clock) -> ApiKeyService:
    return ApiKeyService(store=store, clock=clock)


MakeAccess = Callable[..., Access]


@pytest.fixture
def access_with(store: TortoiseStore, api_keys: ApiKeyService) -> MakeAccess:
    def make(
        *, verifier: Verifier | None = VERIFIER, admin_key: str | None = ADMIN_KEY, public_catalogue: bool = False
    ) -> Access:
        return Access(
            store=store,
            api_keys=api_keys,
            verifier=verifier,
            admin_keys=[key for key in (admin_key, PREVIOUS_ADMIN_KEY) if admin_key and key],
            public_catalogue=public_catalogue,
        )

    return make


@pytest.fixture
def access(access_with: MakeAccess) -> Access:
    return access_with()


def token(subject: str, role: str | None = None) -> str:
    return "Bearer " + VERIFIER.sign(subject, role=role, lifetime_seconds=60)


async def add_customer(store: TortoiseStore, external_id: str, now: datetime) -> str:
    customer = Customer(
        id=new_id(IdPrefix.CUSTOMER),
        external_id=external_id,
        email=None,
        name=None,
        livemode=False,
        created_at=now,
        updated_at=now,
    )
    async with store.transaction() as tx:
        await tx.customers.insert(customer)
    return customer.id


# --- who is who -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("public", "permissions"), [(False, set()), (True, {Permission.CATALOGUE_READ})])
async def test_nobody_sees_the_public_catalogue_at_most(
    access_with: MakeAccess, public: bool, permissions: set[Permission]
) -> None:
    principal = await access_with(public_catalogue=public).principal_of(None)

    assert principal.kind is PrincipalKind.ANONYMOUS
    assert principal.permissions == permissions
    assert not principal.sees_all


@pytest.mark.parametrize("role", StaffRole)
async def test_a_role_makes_staff_with_its_permissions(access: Access, role: StaffRole) -> None:
    principal = await access.principal_of(token("ada", role))

    assert (principal.kind, principal.name) == (PrincipalKind.STAFF, "staff:ada")
    assert principal.permissions == ROLE_PERMISSIONS[role]


async def test_a_customer_is_found_by_their_external_id(access: Access, store: TortoiseStore, clock: Clock) -> None:
    customer_id = await add_customer(store, "42", clock.now())

    principal = await access.principal_of(token("42"))

    assert (principal.kind, principal.name) == (PrincipalKind.CUSTOMER, "customer:42")
    assert principal.customer_id == customer_id
    assert principal.permissions == CUSTOMER_PERMISSIONS


async def test_a_customer_without_a_record_sees_nothing(access: Access, store: TortoiseStore, clock: Clock) -> None:
    other = await add_customer(store, "42", clock.now())

    principal = await access.principal_of(token("43"))

    assert principal.customer_id is None
    assert not principal.sees(other)


async def test_the_subject_of_a_token_is_never_our_own_id(access: Access, store: TortoiseStore, clock: Clock) -> None:
    customer_id = await add_customer(store, "42", clock.now())

    assert (await access.principal_of(token(customer_id))).customer_id is None


async def test_a_key_has_its_scopes_and_no_more(access: Access, api_keys: ApiKeyService) -> None:
    key, secret = await make_key(api_keys, "reports", frozenset({Permission.RECORDS_READ}))

    principal = await access.principal_of(f"Bearer {secret}")

    assert (principal.kind, principal.name) == (PrincipalKind.SERVER, f"key:{key.id}")
    assert principal.permissions == {Permission.RECORDS_READ}


async def test_the_admin_key_may_do_everything(access: Access) -> None:
    principal = await access.principal_of(f"Bearer {ADMIN_KEY}")

    assert principal.kind is PrincipalKind.SERVER
    assert principal.permissions == ALL_PERMISSIONS


async def test_the_admin_key_before_the_present_one_is_the_same_principal_and_retires(access: Access) -> None:
    present, previous = [await access.principal_of(f"Bearer {key}") for key in (ADMIN_KEY, PREVIOUS_ADMIN_KEY)]

    assert previous == present, "idempotency keys outlive the change"
    assert (present.retiring, previous.retiring) == (False, True)


async def test_a_replaced_secret_of_a_key_retires(access: Access, api_keys: ApiKeyService) -> None:
    key, old = await make_key(api_keys, "reports", frozenset({Permission.RECORDS_READ}))
    new = (await api_keys.rotate(operator(), RotateApiKey(key_id=key.id))).secret

    assert [(await access.principal_of(f"Bearer {secret}")).retiring for secret in (old, new)] == [True, False]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_written_in_any_case(access: Access, scheme: str) -> None:
    assert (await access.principal_of(f"{scheme}  {ADMIN_KEY} ")).kind is PrincipalKind.SERVER


# --- who is nobody --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        ADMIN_KEY,
        f"Token {ADMIN_KEY}",
        f"Bearer {ADMIN_KEY[:-1]}",
        f"Bearer {ADMIN_KEY}x",
        f"Bearer {ADMIN_KEY.upper()}",
        f"Bearer {ADMIN_KEY} {ADMIN_KEY}",
        "Bearer pdk_",
        "Bearer pdk_invented",
        "Bearer pdk_\0",
        "Bearer pdk_\udcff",
        "Bearer ÿÿÿ",
        "Bearer \udcff",
        "Bearer a.b.c",
        "Bearer " + "a" * 100_000,
    ],
)
async def test_credentials_that_are_not_good_make_nobody(access: Access, authorization: str) -> None:
    """Not even anonymous: a client whose key has ended has to hear of it."""
    with pytest.raises(CredentialsRejected):
        await access.principal_of(authorization)


@pytest.mark.parametrize("expiry", [4_102_444_800_000, 1e300])
async def test_a_token_that_ends_at_no_moment_makes_nobody(access: Access, expiry: float) -> None:
    claims = {"sub": "ada", "aud": AUDIENCE, "iss": "https://id.test/", "exp": expiry, "paydesk_role": "admin"}

    with pytest.raises(CredentialsRejected):
        await access.principal_of(f"Bearer {jwt.encode(claims, 's' * 40, algorithm='HS256')}")


async def test_a_role_that_we_do_not_know_makes_nobody(access: Access) -> None:
    for role in ("owner", "Admin", "admin ", "ADMIN", "server"):
        with pytest.raises(CredentialsRejected):
            await access.principal_of(token("ada", role))


async def test_without_a_verifier_no_token_is_good(access_with: MakeAccess) -> None:
    with pytest.raises(CredentialsRejected):
        await access_with(verifier=None).principal_of(token("ada", "admin"))


async def test_without_an_admin_key_nothing_is_one(access_with: MakeAccess) -> None:
    for credential in (ADMIN_KEY, "None", ""):
        with pytest.raises(CredentialsRejected):
            await access_with(admin_key=None).principal_of(f"Bearer {credential}")


async def test_a_revoked_key_is_good_for_nothing_at_once(access: Access, api_keys: ApiKeyService) -> None:
    key, secret = await make_key(api_keys, "shop backend", ALL_PERMISSIONS)
    await access.principal_of(f"Bearer {secret}")

    await api_keys.revoke(operator(), key.id)

    with pytest.raises(CredentialsRejected):
        await access.principal_of(f"Bearer {secret}")


async def test_why_credentials_were_refused_is_told_to_nobody(access: Access) -> None:
    with pytest.raises(CredentialsRejected) as raised:
        await access.principal_of("Bearer a.b.c")

    assert str(raised.value) == ""


# --- keys -----------------------------------------------------------------------------------------------------------


async def test_a_secret_is_kept_nowhere(api_keys: ApiKeyService) -> None:
    _, secret = await make_key(api_keys, "shop backend", ALL_PERMISSIONS)

    [kept] = await api_keys.all()

    assert secret.startswith("pdk_")
    assert secret not in repr(kept)
    assert secret.removeprefix("pdk_") not in repr(kept)


async def test_the_last_use_of_a_key_is_known_to_the_minute(
    access: Access, api_keys: ApiKeyService, clock: Clock
) -> None:
    _, secret = await make_key(api_keys, "shop backend", ALL_PERMISSIONS)
    first = clock.now()

    await access.principal_of(f"Bearer {secret}")
    clock.moment += timedelta(seconds=LAST_USED_EVERY_SECONDS - 1)
    await access.principal_of(f"Bearer {secret}")
    [within_the_minute] = await api_keys.all()
    clock.moment += timedelta(seconds=1)
    await access.principal_of(f"Bearer {secret}")
    [after_it] = await api_keys.all()

    assert within_the_minute.last_used_at == first
    assert after_it.last_used_at == clock.now()


async def test_a_key_that_was_refused_was_not_used(access: Access, api_keys: ApiKeyService) -> None:
    key, secret = await make_key(api_keys, "shop backend", ALL_PERMISSIONS)
    await api_keys.revoke(operator(), key.id)

    with pytest.raises(CredentialsRejected):
        await access.principal_of(f"Bearer {secret}")

    [kept] = await api_keys.all()
    assert kept.last_used_at is None
