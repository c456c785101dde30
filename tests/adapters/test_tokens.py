"""Tokens: which are believed, and that nothing else is."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from adapters.tokens import Claims, JwksVerifier, SecretVerifier, TokenRejected, Verifier
from tests.adapters.jwks import (
    ISSUER,
    IdentityProvider,
    by_hand,
    claims_of,
    identity_provider,
    public_pem,
    signed,
)

SECRET = "a-secret-that-only-tests-know-0123456789"
HS256 = {"alg": "HS256", "typ": "JWT"}


@pytest.fixture
def by_secret() -> SecretVerifier:
    return SecretVerifier(secret=SECRET, issuer=ISSUER)


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider("first") as running:
        yield running


@pytest.fixture
def by_keys(provider: IdentityProvider) -> JwksVerifier:
    return JwksVerifier(url=provider.url, issuer=ISSUER)


def with_secret(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


async def refusal(verifier: Verifier, token: str) -> str:
    with pytest.raises(TokenRejected) as raised:
        await verifier.verify(token)
    return str(raised.value)


# --- what is believed -----------------------------------------------------------------------------------------------


async def test_a_customer_is_whoever_names_no_role(by_secret: SecretVerifier) -> None:
    claims = claims_of(sub="42", admin=True, role="admin", scope="paydesk_role:admin")

    assert await by_secret.verify(with_secret(claims)) == Claims(subject="42", role=None, expires_at=claims["exp"])


async def test_a_role_makes_staff(by_secret: SecretVerifier) -> None:
    claims = claims_of(sub="ada", paydesk_role="finance")

    assert (await by_secret.verify(with_secret(claims))).role == "finance"


async def test_what_paydesk_signs_for_development_is_believed(by_secret: SecretVerifier) -> None:
    claims = await by_secret.verify(by_secret.sign("ada", role="admin", lifetime_seconds=60))

    assert (claims.subject, claims.role) == ("ada", "admin")
    assert 0 < claims.expires_at - time.time() <= 60


async def test_one_audience_of_several_is_enough(by_secret: SecretVerifier) -> None:
    assert (await by_secret.verify(with_secret(claims_of(aud=["shop", "paydesk"])))).subject == "42"


async def test_clocks_may_differ_by_seconds(by_secret: SecretVerifier) -> None:
    now = int(time.time())

    assert (await by_secret.verify(with_secret(claims_of(exp=now - 5, nbf=now + 5, iat=now + 5)))).subject == "42"


# --- what is not: claims --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sub", "aud", "iss", "exp"])
async def test_a_claim_that_is_required_cannot_be_left_out(by_secret: SecretVerifier, name: str) -> None:
    assert name in await refusal(by_secret, with_secret(claims_of(**{name: None})))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "shop"}, "Audience"),
        ({"aud": []}, "aud"),
        ({"iss": "https://id.test"}, "issuer"),
        ({"iss": "https://elsewhere.test/"}, "issuer"),
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"exp": "tomorrow"}, "exp"),
        ({"nbf": int(time.time()) + 600}, "not yet valid"),
        ({"iat": int(time.time()) + 600}, "not yet valid"),
        ({"sub": "  "}, "sub"),
        ({"sub": "4\0002"}, "printable"),
        ({"sub": "4" * 256}, "externalId"),
        ({"paydesk_role": True}, "role"),
        ({"paydesk_role": ["admin"]}, "role"),
        ({"paydesk_role": {"admin": True}}, "role"),
        ({"paydesk_role": 1}, "role"),
    ],
)
async def test_a_claim_that_is_wrong(by_secret: SecretVerifier, changed: dict[str, Any], why: str) -> None:
    assert why.lower() in (await refusal(by_secret, with_secret(claims_of(**changed)))).lower()


@pytest.mark.parametrize("subject", [42, ["42"], {"id": "42"}, True])
async def test_a_subject_has_to_be_a_text(by_secret: SecretVerifier, subject: object) -> None:
    token = by_hand(HS256, claims_of(sub=subject), secret=SECRET.encode())

    assert await refusal(by_secret, token)


@pytest.mark.parametrize("expiry", [1e400, 1e300, -1, 0, 10**30, 4_102_444_800_000, "x", None, [1]])
async def test_an_expiry_that_is_no_time(by_secret: SecretVerifier, expiry: object) -> None:
    token = by_hand(HS256, claims_of() | {"exp": expiry}, secret=SECRET.encode())

    assert await refusal(by_secret, token)


async def test_the_last_second_that_is_a_time(by_secret: SecretVerifier) -> None:
    last = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())

    assert (await by_secret.verify(with_secret(claims_of(exp=last)))).expires_at == last
    assert "1970" in await refusal(by_secret, with_secret(claims_of(exp=last + 1)))


# --- what is not: signatures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
async def test_a_token_cannot_do_without_a_signature(by_secret: SecretVerifier, algorithm: str) -> None:
    assert await refusal(by_secret, by_hand({"alg": algorithm, "typ": "JWT"}, claims_of()))


async def test_a_token_cannot_do_without_a_signature_where_keys_are_published(by_keys: JwksVerifier) -> None:
    assert await refusal(by_keys, by_hand({"alg": "none", "kid": "first"}, claims_of()))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_a_token_cannot_choose_its_algorithm(by_secret: SecretVerifier, algorithm: str) -> None:
    secret = SECRET * 2
    verifier = SecretVerifier(secret=secret, issuer=ISSUER)

    assert await refusal(verifier, with_secret(claims_of(), secret=secret, algorithm=algorithm))


async def test_a_key_pair_is_not_believed_where_a_secret_is_set(by_secret: SecretVerifier) -> None:
    assert await refusal(by_secret, signed("first", claims_of()))


async def test_the_public_key_is_no_secret(by_keys: JwksVerifier) -> None:
    """The old confusion: whoever can read the public key signs with it, and says HS256."""
    forged = by_hand(HS256 | {"kid": "first"}, claims_of(paydesk_role="admin"), secret=public_pem("first"))

    assert await refusal(by_keys, forged)


async def test_another_secret_does_not_sign(by_secret: SecretVerifier) -> None:
    assert await refusal(by_secret, with_secret(claims_of(), secret="b" * 40)) == "Signature verification failed"


async def test_a_changed_claim_breaks_the_signature(by_secret: SecretVerifier) -> None:
    header, _, signature = with_secret(claims_of()).split(".")
    _, claims, _ = with_secret(claims_of(paydesk_role="admin")).split(".")

    assert await refusal(by_secret, f"{header}.{claims}.{signature}") == "Signature verification failed"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "eyJhbGciOiJIUzI1NiJ9", "🔑.🔑.🔑", "\0.\0.\0", "a" * 100])
async def test_what_is_no_token_at_all(by_secret: SecretVerifier, by_keys: JwksVerifier, token: str) -> None:
    assert await refusal(by_secret, token)
    assert await refusal(by_keys, token)


async def test_a_huge_token_is_refused_before_it_is_read(by_secret: SecretVerifier, by_keys: JwksVerifier) -> None:
    token = with_secret(claims_of(note="x" * 10_000))

    assert await refusal(by_secret, token) == "too long"
    assert await refusal(by_keys, token) == "too long"


async def test_claims_that_are_no_object(by_secret: SecretVerifier) -> None:
    token = by_hand(HS256, [], secret=SECRET.encode())  # type: ignore[arg-type]

    assert await refusal(by_secret, token)
