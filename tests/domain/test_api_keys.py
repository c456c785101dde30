"""A server key: shown once, kept as a digest, revoked for good."""

import re

from domain.api_keys import KEY_PREFIX, hash_of, new_api_key
from domain.ids import IdPrefix, prefix_of
from domain.principals import Permission
from tests.domain.examples import LATER, MUCH_LATER, NOW

SCOPES = frozenset({Permission.ORDERS_WRITE})


def test_the_secret_is_kept_nowhere() -> None:
    key, secret = new_api_key("shop", SCOPES, now=NOW)
    assert secret.startswith(KEY_PREFIX)
    assert secret not in repr(key)
    assert secret.removeprefix(KEY_PREFIX) not in repr(key)
    assert key.secret_hash == hash_of(secret)
    assert re.fullmatch("[0-9a-f]{64}", key.secret_hash)


def test_a_key_has_its_name_and_scopes_and_an_id_of_its_own() -> None:
    key, _ = new_api_key("shop", SCOPES, now=NOW)
    assert prefix_of(key.id) is IdPrefix.API_KEY
    assert (key.name, key.permissions, key.created_at) == ("shop", SCOPES, NOW)
    assert (key.last_used_at, key.revoked_at) == (None, None)


def test_secrets_have_256_bits_and_never_repeat() -> None:
    secrets = {new_api_key("shop", SCOPES, now=NOW)[1] for _ in range(1_000)}
    assert len(secrets) == 1_000
    assert all(len(secret.removeprefix(KEY_PREFIX)) == 43 for secret in secrets)  # 32 bytes in base 64


def test_any_text_can_be_looked_up() -> None:
    assert hash_of("\ud800") != hash_of("\ud801")
    assert hash_of("") != hash_of(" ")


def test_the_first_revocation_is_the_one_that_counts() -> None:
    key, _ = new_api_key("shop", SCOPES, now=NOW)
    revoked = key.revoked(now=LATER)
    assert revoked.revoked_at == LATER
    assert revoked.revoked(now=MUCH_LATER) is revoked
