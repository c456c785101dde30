"""The keys of an identity provider: how they come, go, and outlive an outage."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pydantic import SecretStr

from adapters.access import Access, CredentialsNotChecked
from adapters.jwks import FRESH_SECONDS, KEPT_SECONDS, KeysUnavailable, KeyUnknown, PublishedKeys
from adapters.settings import PLAIN, Environment, FakeSettings, Settings
from adapters.tokens import JwksVerifier, TokenNotChecked, TokenRejected
from domain.services.api_keys import ApiKeyService
from persistence.database import Database
from persistence.store import TortoiseStore
from tests.adapters.jwks import ISSUER, IdentityProvider, by_hand, claims_of, identity_provider, public_jwk, signed
from tests.schema.gateway import open_shop


class Time:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider("first") as running:
        yield running


@pytest.fixture
def keys(provider: IdentityProvider, time: Time) -> PublishedKeys:
    return PublishedKeys(provider.url, pause_seconds=10, now=time)


async def is_good(keys: PublishedKeys, name: str, algorithm: str = "RS256") -> bool:
    try:
        await keys.find(name, algorithm)
    except KeyUnknown:
        return False
    return True


async def retry_after(keys: PublishedKeys, name: str) -> float:
    with pytest.raises(KeysUnavailable) as raised:
        await keys.find(name, "RS256")
    return raised.value.retry_after_seconds


# --- coming and going -----------------------------------------------------------------------------------------------


async def test_a_published_key_is_believed_and_read_once(provider: IdentityProvider) -> None:
    verifier = JwksVerifier(url=provider.url, issuer=ISSUER)

    subjects = [(await verifier.verify(signed("first", claims_of()))).subject for _ in range(5)]

    assert subjects == ["42"] * 5
    assert provider.readings == 1


async def test_a_new_key_is_good_with_the_first_token_that_names_it(
    provider: IdentityProvider, keys: PublishedKeys, time: Time
) -> None:
    assert await is_good(keys, "first")
    time.seconds += 11

    provider.keys = ["first", "second"]

    assert await is_good(keys, "second")
    assert await is_good(keys, "first")
    assert provider.readings == 2


async def test_a_withdrawn_key_is_good_for_five_minutes_at_most(
    provider: IdentityProvider, keys: PublishedKeys, time: Time
) -> None:
    await keys.find("first", "RS256")
    provider.keys = ["second"]

    time.seconds += FRESH_SECONDS - 1
    assert await is_good(keys, "first")
    time.seconds += 1

    assert not await is_good(keys, "first")
    assert await is_good(keys, "second")
    assert provider.readings == 2


async def test_a_withdrawn_key_ends_with_the_first_token_of_the_new_one(provider: IdentityProvider) -> None:
    verifier = JwksVerifier(url=provider.url, issuer=ISSUER, pause_seconds=0)
    await verifier.verify(signed("first", claims_of()))
    provider.keys = ["second"]

    assert (await verifier.verify(signed("second", claims_of()))).subject == "42"
    with pytest.raises(TokenRejected, match="first"):
        await verifier.verify(signed("first", claims_of()))


async def test_concurrent_requests_read_the_keys_once(provider: IdentityProvider, keys: PublishedKeys) -> None:
    provider.answering.clear()
    asking = [asyncio.create_task(keys.find("first", "RS256")) for _ in range(20)]
    while provider.readings == 0:
        await asyncio.sleep(0.01)
    asking[0].cancel()

    provider.answering.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(isinstance(answer, jwt.PyJWK) for answer in answers[1:]), "one who left took nobody along"
    assert provider.readings == 1


# --- keys that nobody publishes -------------------------------------------------------------------------------------


async def test_a_key_that_is_not_published_is_not_believed(provider: IdentityProvider) -> None:
    verifier = JwksVerifier(url=provider.url, issuer=ISSUER)

    for _ in range(2):
        with pytest.raises(TokenRejected, match="second"):
            await verifier.verify(signed("second", claims_of()))

    assert provider.readings == 1


async def test_a_key_id_does_not_lend_its_key(provider: IdentityProvider) -> None:
    with pytest.raises(TokenRejected, match="Signature"):
        await JwksVerifier(url=provider.url, issuer=ISSUER).verify(signed("second", claims_of(), kid="first"))


async def test_a_token_has_to_name_its_key(provider: IdentityProvider) -> None:
    verifier = JwksVerifier(url=provider.url, issuer=ISSUER)

    for header in ({"alg": "RS256"}, {"alg": "RS256", "kid": 1}, {"alg": "RS256", "kid": None}):
        with pytest.raises(TokenRejected):
            await verifier.verify(by_hand(header, claims_of()))
    assert provider.readings == 0


async def test_invented_key_ids_do_not_hammer_the_identity_provider(
    provider: IdentityProvider, keys: PublishedKeys, time: Time
) -> None:
    """Whether the next of them exists is not known before the next reading, so it is not called a bad token."""
    await keys.find("first", "RS256")

    for number in range(50):
        assert await retry_after(keys, f"invented-{number}") == 10
    assert provider.readings == 1
    time.seconds += 10

    assert not await is_good(keys, "invented-0")
    assert not await is_good(keys, "invented-0")
    assert await retry_after(keys, "invented-1") == 10
    assert await is_good(keys, "first")
    assert provider.readings == 2


async def test_a_key_that_was_named_before_it_was_published_is_good_after_the_pause(
    provider: IdentityProvider, keys: PublishedKeys, time: Time
) -> None:
    """A stranger who knows its id cannot keep it out."""
    assert not await is_good(keys, "second")
    provider.keys = ["first", "second"]

    time.seconds += 9
    assert not await is_good(keys, "second")
    time.seconds += 1

    assert await is_good(keys, "second")
    assert provider.readings == 2


# --- an outage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"", b"[]", b'{"keys": []}', b'{"keys": "x"}', b"\xff", b"{" * 600_000]
)
async def test_nonsense_is_an_outage_and_no_verdict_on_a_token(
    provider: IdentityProvider, keys: PublishedKeys, body: bytes
) -> None:
    provider.body = body

    assert await retry_after(keys, "first") == 10


async def test_an_error_with_keys_in_it_is_an_outage(provider: IdentityProvider, keys: PublishedKeys) -> None:
    provider.status = 500

    assert await retry_after(keys, "first") == 10


async def test_a_token_cannot_be_checked_while_the_identity_provider_is_away() -> None:
    with identity_provider("first") as gone:
        url = gone.url
    verifier = JwksVerifier(url=url, issuer=ISSUER)

    with pytest.raises(TokenNotChecked) as raised:
        await verifier.verify(signed("first", claims_of()))
    assert 1 <= raised.value.retry_after_seconds <= 10


async def test_known_keys_outlive_an_outage_of_an_hour(
    provider: IdentityProvider, keys: PublishedKeys, time: Time
) -> None:
    await keys.find("first", "RS256")
    provider.body = b"<html>busy</html>"

    time.seconds += KEPT_SECONDS - 1
    assert await is_good(keys, "first")
    assert await retry_after(keys, "second") == 10, "it may be a new key"
    time.seconds += 1

    assert await retry_after(keys, "first") == 9, "it may be withdrawn by now"
    provider.body = None
    time.seconds += 9
    assert await is_good(keys, "first")
    assert await retry_after(keys, "second") == 10, "nobody has looked for it since"


async def test_nobody_waits_for_an_identity_provider_that_hangs_when_the_key_is_known(
    provider: IdentityProvider, keys: PublishedKeys, time: Time
) -> None:
    await keys.find("first", "RS256")
    provider.status = 503
    time.seconds += FRESH_SECONDS
    assert await is_good(keys, "first"), "the reading that failed"
    provider.answering.clear()
    time.seconds += 10

    async with asyncio.timeout(2):
        assert await is_good(keys, "first")

    while provider.readings < 3:
        await asyncio.sleep(0.01)  # it is asked all the same
    provider.answering.set()


async def test_an_outage_is_503_for_clients_and_never_401(tmp_path: Path, provider: IdentityProvider) -> None:
    settings = Settings(
        _env_file=None,
        environment=Environment.DEVELOPMENT,
        database_url=f"sqlite://{tmp_path}/gateway.sqlite3",
        fake={PLAIN: FakeSettings(books=str(tmp_path / "bank.sqlite3"))},
        admin_key=SecretStr("a" * 40),
        jwks_url=provider.url,
        jwt_issuer=ISSUER,
    )
    headers = {"authorization": f"Bearer {signed('first', claims_of())}", "host": "localhost"}
    async with open_shop(settings) as shop:
        provider.status = 503
        away = await shop.client.post("/graphql", json={"query": "{ me { id } }"}, headers=headers)
        forged = {"authorization": "Bearer a.b.c", "host": "localhost"}
        bad = await shop.client.post("/graphql", json={"query": "{ me { id } }"}, headers=forged)

    assert away.status_code == 503
    assert 1 <= int(away.headers["retry-after"]) <= 10
    assert away.json()["errors"][0]["extensions"]["code"] == "IDENTITY_PROVIDER_UNAVAILABLE"
    assert "data" not in away.json()
    assert bad.status_code == 401


async def test_what_cannot_be_checked_makes_nobody(database: Database, provider: IdentityProvider) -> None:
    store = TortoiseStore(database)
    provider.status = 503
    access = Access(
        store=store,
        api_keys=ApiKeyService(store=store, clock=None),  # type: ignore[arg-type]
        verifier=JwksVerifier(url=provider.url, issuer=ISSUER),
        public_catalogue=True,
    )

    with pytest.raises(CredentialsNotChecked):
        await access.principal_of(f"Bearer {signed('first', claims_of())}")


# --- keys that do not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": ["encrypt", "wrapKey"]},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"kty": "EC"},
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"},
        {"d": "AQAB"},
        {"n": "not base64!"},
        {"kid": None},
    ],
)
async def test_a_key_that_is_not_for_this_is_no_key(
    provider: IdentityProvider, keys: PublishedKeys, changed: dict[str, Any]
) -> None:
    provider.keys = ["second"]
    provider.jwks = [public_jwk("first") | changed]

    assert not await is_good(keys, "first")
    assert await is_good(keys, "second"), "the others in the set are not harmed"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "PS256", "ES256", "", "rs256"])
async def test_a_token_cannot_choose_another_algorithm_than_the_keys(keys: PublishedKeys, algorithm: str) -> None:
    assert not await is_good(keys, "first", algorithm)


async def test_a_symmetric_key_does_not_sign_even_where_it_is_published(provider: IdentityProvider) -> None:
    """Whoever reads the set could sign with it."""
    secret = b"a secret that everybody can read, for it is published"
    shared = jwt.algorithms.HMACAlgorithm.to_jwk(secret, as_dict=True)
    provider.jwks = [shared | {"kid": "shared", "alg": "HS256", "use": "sig"}]
    forged = jwt.encode(claims_of(paydesk_role="admin"), secret, algorithm="HS256", headers={"kid": "shared"})

    with pytest.raises(TokenRejected):
        await JwksVerifier(url=provider.url, issuer=ISSUER).verify(forged)


async def test_a_weak_key_is_not_believed(provider: IdentityProvider) -> None:
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - refused
    provider.jwks = [jwt.algorithms.RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True) | {"kid": "weak"}]
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        token = jwt.encode(claims_of(), weak, algorithm="RS256", headers={"kid": "weak"})

    with pytest.raises(TokenRejected, match="1024 bits"):
        await JwksVerifier(url=provider.url, issuer=ISSUER).verify(token)


async def test_elliptic_and_edwards_curves_sign_too(provider: IdentityProvider) -> None:
    curve, edwards = ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()
    provider.jwks = [
        jwt.algorithms.ECAlgorithm.to_jwk(curve.public_key(), as_dict=True) | {"kid": "curve"},
        jwt.algorithms.OKPAlgorithm.to_jwk(edwards.public_key(), as_dict=True) | {"kid": "edwards", "alg": "EdDSA"},
    ]
    verifier = JwksVerifier(url=provider.url, issuer=ISSUER)

    for key, algorithm, kid in ((curve, "ES384", "curve"), (edwards, "EdDSA", "edwards")):
        token = jwt.encode(claims_of(sub=kid), key, algorithm=algorithm, headers={"kid": kid})
        assert (await verifier.verify(token)).subject == kid
