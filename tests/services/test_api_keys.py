"""Server keys: seen once, recognized by their hash, and dead the moment they are revoked."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.api_keys import KEY_PREFIX
from domain.errors import ApiKeyInUse, ApiKeyNotActive, InvalidInput, NotFound, PermissionDenied
from domain.principals import ALL_PERMISSIONS, Permission, PrincipalKind, StaffRole, admin_key, operator, server, staff
from domain.services.api_keys import CreateApiKey, RotateApiKey
from tests.keys import make_key
from tests.services.conftest import OpenShop
from tests.services.shop import MovableClock, Shop, at_once


async def test_a_secret_names_its_key_and_is_not_kept(shop: Shop) -> None:
    permissions = frozenset({Permission.ORDERS_WRITE, Permission.CHARGES_WRITE})

    key, secret = await make_key(shop.api_keys, "shop", permissions)

    principal = await shop.api_keys.principal_of(secret)
    assert principal is not None
    assert (principal.kind, principal.name) == (PrincipalKind.SERVER, f"key:{key.id}")
    assert principal.permissions == permissions
    (row,) = await shop.rows("SELECT * FROM api_keys")
    assert secret not in str(row)
    assert secret.removeprefix(KEY_PREFIX) not in str(row)


@pytest.mark.parametrize("secret", ["", "pdk_", "pdk_nobody", "Bearer pdk_x", "\0", "pdk_\ud800"])
async def test_an_unknown_secret_is_nobody(shop: Shop, secret: str) -> None:
    await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))

    assert await shop.api_keys.principal_of(secret) is None


async def test_a_revoked_key_is_nobody_from_then_on(shop: Shop, clock: MovableClock) -> None:
    key, secret = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))
    other, other_secret = await make_key(shop.api_keys, "other", frozenset({Permission.CATALOGUE_READ}))

    revoked = await shop.api_keys.revoke(operator(), key.id)
    clock.advance(hours=1)
    again = await shop.api_keys.revoke(operator(), key.id)

    assert revoked.revoked_at == again.revoked_at
    assert await shop.api_keys.principal_of(secret) is None
    assert await shop.api_keys.principal_of(other_secret) is not None
    assert [known.id for known in await shop.api_keys.all()] == [key.id, other.id]
    with pytest.raises(NotFound):
        await shop.api_keys.revoke(operator(), "key_00000000000000000000000000")


async def test_a_use_at_the_same_time_does_not_undo_a_revocation(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    for _ in range(5):
        key, secret = await make_key(one.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))
        await at_once(
            other.api_keys.principal_of(secret),
            one.api_keys.revoke(operator(), key.id),
            one.api_keys.principal_of(secret),
        )
        assert await one.api_keys.principal_of(secret) is None


async def test_the_last_use_is_written_to_the_minute(shop: Shop, clock: MovableClock) -> None:
    key, secret = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))

    async def last_used() -> object:
        return next(known.last_used_at for known in await shop.api_keys.all() if known.id == key.id)

    first = clock.now()
    await shop.api_keys.principal_of(secret)
    clock.advance(seconds=59)
    await shop.api_keys.principal_of(secret)
    assert await last_used() == first
    clock.advance(seconds=1)
    await shop.api_keys.principal_of(secret)
    assert await last_used() == clock.now()


# --- rotation ---------------------------------------------------------------------------------------------------------


async def bearers(shop: Shop, *secrets: str) -> list[bool]:
    """Of each secret, whether it is good now."""
    return [await shop.api_keys.principal_of(secret) is not None for secret in secrets]


async def rotated(shop: Shop, key_id: str, **how: Any) -> str:
    issued = await shop.api_keys.rotate(operator(), RotateApiKey(key_id=key_id, **how))
    assert issued.secret is not None
    return issued.secret


async def test_two_secrets_are_good_while_a_key_is_rotated(shop: Shop, clock: MovableClock) -> None:
    key, old = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))

    new = await rotated(shop, key.id, overlap=timedelta(hours=2))

    assert await bearers(shop, old, new) == [True, True]
    principals = [await shop.api_keys.principal_of(secret) for secret in (old, new)]
    assert principals[0] == principals[1], "idempotency keys belong to a principal: they outlive a rotation"
    ends = [principal.expires_at for principal in principals if principal]
    assert ends == [clock.now() + timedelta(hours=2), None], "what is subscribed to ends with the secret"
    clock.advance(hours=2)
    assert await bearers(shop, old, new) == [False, True]


async def test_a_secret_that_leaked_ends_at_once(shop: Shop) -> None:
    key, old = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))

    new = await rotated(shop, key.id, overlap=timedelta())

    assert await bearers(shop, old, new) == [False, True]


async def test_a_key_has_two_secrets_at_most(shop: Shop) -> None:
    key, first = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))

    second = await rotated(shop, key.id)
    assert await bearers(shop, second) == [True]
    third = await rotated(shop, key.id)

    assert await bearers(shop, first, second, third) == [False, True, True]


async def test_a_secret_that_nobody_received_does_not_end_the_one_in_use(shop: Shop, clock: MovableClock) -> None:
    key, deployed = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))
    lost = await rotated(shop, key.id)
    clock.advance(hours=23)
    assert await bearers(shop, deployed) == [True]

    received = await rotated(shop, key.id)

    clock.advance(hours=23)
    assert await bearers(shop, deployed, lost, received) == [True, False, True]
    clock.advance(hours=1)
    assert await bearers(shop, deployed, received) == [False, True], "the overlap counts from the last rotation"


async def test_the_first_use_of_a_secret_is_noticed_within_the_minute_of_another_use(shop: Shop) -> None:
    key, first = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))
    assert await bearers(shop, first) == [True]
    second = await rotated(shop, key.id)
    assert await bearers(shop, first, second, first) == [True] * 3

    third = await rotated(shop, key.id)

    assert await bearers(shop, first, second, third) == [False, True, True]


async def test_an_unused_secret_is_the_one_before_when_no_other_is_good(shop: Shop, clock: MovableClock) -> None:
    key, first = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))
    second = await rotated(shop, key.id)
    clock.advance(hours=24)

    third = await rotated(shop, key.id)

    assert await bearers(shop, first, second, third) == [False, True, True]


async def test_without_an_overlap_every_other_secret_ends(shop: Shop) -> None:
    key, deployed = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))
    lost = await rotated(shop, key.id)

    received = await rotated(shop, key.id, overlap=timedelta())

    assert await bearers(shop, deployed, lost, received) == [False, False, True]


async def test_a_revocation_ends_both_secrets(shop: Shop) -> None:
    key, old = await make_key(shop.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))
    new = await rotated(shop, key.id)

    await shop.api_keys.revoke(operator(), key.id)

    assert await bearers(shop, old, new) == [False, False]
    with pytest.raises(ApiKeyNotActive):
        await rotated(shop, key.id)


async def test_rotations_and_a_revocation_at_once_leave_nothing_good(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    for _ in range(5):
        key, secret = await make_key(one.api_keys, "shop", frozenset({Permission.CATALOGUE_READ}))

        done = await at_once(rotated(other, key.id), one.api_keys.revoke(operator(), key.id), rotated(one, key.id))

        secrets = [each for each in done if isinstance(each, str)]
        assert not any(await bearers(one, secret, *secrets))


async def test_a_key_ends_when_it_was_said_to(shop: Shop, clock: MovableClock) -> None:
    wanted = CreateApiKey(
        name="contractor",
        permissions=frozenset({Permission.CATALOGUE_READ}),
        expires_at=clock.now() + timedelta(days=30),
    )
    issued = await shop.api_keys.create(operator(), wanted)
    assert issued.secret

    clock.advance(days=30, seconds=-1)
    new = await rotated(shop, issued.key.id)
    assert await bearers(shop, issued.secret, new) == [True, True]
    clock.advance(seconds=1)

    assert await bearers(shop, issued.secret, new) == [False, False], "a new secret does not live longer than its key"


# --- who may give what ------------------------------------------------------------------------------------------------


async def test_nobody_gives_what_they_do_not_have(shop: Shop) -> None:
    limited = server("key_1", frozenset({Permission.KEYS_WRITE, Permission.CATALOGUE_READ}))
    strong, _ = await make_key(shop.api_keys, "strong", ALL_PERMISSIONS)

    with pytest.raises(PermissionDenied):
        await shop.api_keys.create(limited, CreateApiKey(name="x", permissions=frozenset({Permission.REFUNDS_WRITE})))
    with pytest.raises(PermissionDenied):
        await shop.api_keys.rotate(limited, RotateApiKey(key_id=strong.id))
    issued = await shop.api_keys.create(limited, CreateApiKey(name="x", permissions=limited.permissions))

    assert issued.key.permissions == limited.permissions
    assert (await shop.api_keys.revoke(limited, strong.id)).revoked_at, "taking trust away needs less"


async def test_a_key_does_not_revoke_itself(shop: Shop) -> None:
    key, secret = await make_key(shop.api_keys, "shop", ALL_PERMISSIONS)

    with pytest.raises(ApiKeyInUse):
        await shop.api_keys.revoke(server(key.id, ALL_PERMISSIONS), key.id)

    assert await bearers(shop, secret) == [True]


async def test_a_secret_that_was_replaced_neither_rotates_nor_makes_a_key(shop: Shop) -> None:
    permissions = frozenset({Permission.KEYS_WRITE, Permission.CATALOGUE_READ})
    key, leaked = await make_key(shop.api_keys, "shop", permissions)
    good = await rotated(shop, key.id)
    thief, owner = await shop.api_keys.principal_of(leaked), await shop.api_keys.principal_of(good)
    assert thief and owner  # noqa: PT018 - both secrets are good

    with pytest.raises(PermissionDenied, match="new secret"):
        await shop.api_keys.rotate(thief, RotateApiKey(key_id=key.id, overlap=timedelta()))
    with pytest.raises(PermissionDenied, match="new secret"):
        await shop.api_keys.create(thief, CreateApiKey(name="x", permissions=permissions))

    assert await bearers(shop, leaked, good) == [True, True]
    assert (await shop.api_keys.rotate(owner, RotateApiKey(key_id=key.id, overlap=timedelta()))).secret


async def test_the_admin_key_before_the_present_one_neither_rotates_nor_makes_a_key(shop: Shop) -> None:
    key, _ = await make_key(shop.api_keys, "shop", ALL_PERMISSIONS)
    wanted = CreateApiKey(name="x", permissions=ALL_PERMISSIONS)

    with pytest.raises(PermissionDenied):
        await shop.api_keys.rotate(admin_key(retiring=True), RotateApiKey(key_id=key.id))
    with pytest.raises(PermissionDenied):
        await shop.api_keys.create(admin_key(retiring=True), wanted)

    assert (await shop.api_keys.create(admin_key(), wanted)).secret


async def test_a_key_that_ends_gives_no_secret_that_ends_later(shop: Shop, clock: MovableClock) -> None:
    permissions = frozenset({Permission.KEYS_WRITE})
    end = clock.now() + timedelta(days=1)
    lasting, _ = await make_key(shop.api_keys, "lasting", permissions)
    ending = await shop.api_keys.create(
        operator(), CreateApiKey(name="ending", permissions=permissions, expires_at=end)
    )
    maker = await shop.api_keys.principal_of(ending.secret or "")
    assert maker is not None

    for later in (None, end + timedelta(seconds=1)):
        with pytest.raises(InvalidInput) as refused:
            await shop.api_keys.create(maker, CreateApiKey(name="x", permissions=permissions, expires_at=later))
        assert refused.value.path == ("expiresAt",)
    with pytest.raises(PermissionDenied, match="lives longer"):
        await shop.api_keys.rotate(maker, RotateApiKey(key_id=lasting.id))

    child = await shop.api_keys.create(maker, CreateApiKey(name="x", permissions=permissions, expires_at=end))
    assert child.key.expires_at == end
    assert (await shop.api_keys.rotate(maker, RotateApiKey(key_id=ending.key.id))).key.expires_at == end


async def test_whoever_signs_in_for_an_hour_makes_keys_that_last(shop: Shop, clock: MovableClock) -> None:
    admin = replace(staff("ada", StaffRole.ADMIN), expires_at=clock.now() + timedelta(hours=1))

    issued = await shop.api_keys.create(admin, CreateApiKey(name="x", permissions=ALL_PERMISSIONS))

    assert issued.key.expires_at is None
