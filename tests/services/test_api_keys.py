"""Server keys: seen once, recognized by their hash, and dead the moment they are revoked."""

import pytest

from domain.api_keys import KEY_PREFIX
from domain.errors import NotFound
from domain.principals import Permission, PrincipalKind
from tests.services.conftest import OpenShop
from tests.services.shop import MovableClock, Shop, at_once


async def test_a_secret_names_its_key_and_is_not_kept(shop: Shop) -> None:
    permissions = frozenset({Permission.ORDERS_WRITE, Permission.CHARGES_WRITE})

    key, secret = await shop.api_keys.create("shop", permissions)

    principal = await shop.api_keys.principal_of(secret)
    assert principal is not None
    assert (principal.kind, principal.name) == (PrincipalKind.SERVER, f"key:{key.id}")
    assert principal.permissions == permissions
    (row,) = await shop.rows("SELECT * FROM api_keys")
    assert secret not in str(row)
    assert secret.removeprefix(KEY_PREFIX) not in str(row)


@pytest.mark.parametrize("secret", ["", "pdk_", "pdk_nobody", "Bearer pdk_x", "\0", "pdk_\ud800"])
async def test_an_unknown_secret_is_nobody(shop: Shop, secret: str) -> None:
    await shop.api_keys.create("shop", frozenset())

    assert await shop.api_keys.principal_of(secret) is None


async def test_a_revoked_key_is_nobody_from_then_on(shop: Shop, clock: MovableClock) -> None:
    key, secret = await shop.api_keys.create("shop", frozenset())
    other, other_secret = await shop.api_keys.create("other", frozenset())

    revoked = await shop.api_keys.revoke(key.id)
    clock.advance(hours=1)
    again = await shop.api_keys.revoke(key.id)

    assert revoked.revoked_at == again.revoked_at
    assert await shop.api_keys.principal_of(secret) is None
    assert await shop.api_keys.principal_of(other_secret) is not None
    assert [known.id for known in await shop.api_keys.all()] == [key.id, other.id]
    with pytest.raises(NotFound):
        await shop.api_keys.revoke("key_00000000000000000000000000")


async def test_a_use_at_the_same_time_does_not_undo_a_revocation(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    for _ in range(5):
        key, secret = await one.api_keys.create("shop", frozenset())
        await at_once(
            other.api_keys.principal_of(secret), one.api_keys.revoke(key.id), one.api_keys.principal_of(secret)
        )
        assert await one.api_keys.principal_of(secret) is None


async def test_the_last_use_is_written_to_the_minute(shop: Shop, clock: MovableClock) -> None:
    key, secret = await shop.api_keys.create("shop", frozenset())

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
