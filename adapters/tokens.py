"""Tokens: what an identity provider says of a person, verified.

`aud`, `exp` and `iss` are required and the algorithm is fixed by configuration, so a token can choose neither its key
nor how it is checked (RFC 8725). A token is staff only by its `paydesk_role`; any other is a customer.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from domain.texts import EXTERNAL_ID_LENGTH, is_storable

AUDIENCE = "paydesk"
ROLE_CLAIM = "paydesk_role"
_LONGEST_TOKEN = 8_192
_LEEWAY_SECONDS = 30  # between the clocks of two machines that keep time
_ASYMMETRIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class TokenRejected(Exception):
    """The token is not good; why is for the log, not for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    subject: str
    role: str | None
    expires_at: int
    """Seconds since 1970."""


class Verifier(Protocol):
    async def verify(self, token: str) -> Claims: ...


class SecretVerifier:
    """HS256 with a secret that the gateway shares with the identity provider."""

    def __init__(self, *, secret: str, issuer: str) -> None:
        self._secret = secret
        self._issuer = issuer

    async def verify(self, token: str) -> Claims:
        return _claims(token, key=self._secret, algorithms=["HS256"], issuer=self._issuer)

    def sign(self, subject: str, *, role: str | None, lifetime_seconds: int) -> str:
        """A token for development; a real one comes from the identity provider."""
        now = int(time.time())
        claims = {"sub": subject, "aud": AUDIENCE, "iss": self._issuer, "iat": now, "exp": now + lifetime_seconds}
        return jwt.encode(claims | ({ROLE_CLAIM: role} if role else {}), self._secret, algorithm="HS256")


class JwksVerifier:
    """Keys that the identity provider publishes; an unknown key id makes the set be read again."""

    def __init__(self, *, url: str, issuer: str, pause_seconds: float = 30) -> None:
        """`pause_seconds` lie between two readings for unknown key ids: anybody can invent such an id."""
        # Rate limits of identity providers are in the hundreds a minute; five minutes is also how long a withdrawn
        # key stays good.
        self._keys = jwt.PyJWKClient(url, cache_jwk_set=True, lifespan=300, timeout=5, cooldown_duration=pause_seconds)
        self._issuer = issuer

    async def verify(self, token: str) -> Claims:
        if len(token) > _LONGEST_TOKEN:
            raise TokenRejected("too long")
        try:
            # The client reads the set with a blocking call.
            key = await asyncio.to_thread(self._keys.get_signing_key_from_jwt, token)
        except (jwt.PyJWTError, ValueError, OSError) as error:
            # ValueError: a page of HTML instead of keys. OSError: the connection broke in the middle of them.
            raise TokenRejected(str(error)) from error
        return _claims(token, key=key.key, algorithms=_ASYMMETRIC, issuer=self._issuer)


def _claims(token: str, *, key: Any, algorithms: list[str], issuer: str) -> Claims:
    if len(token) > _LONGEST_TOKEN:
        raise TokenRejected("too long")
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=AUDIENCE,
            issuer=issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRejected(str(error)) from error
    role = claims.get(ROLE_CLAIM)
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject.strip() or len(subject) > EXTERNAL_ID_LENGTH:
        raise TokenRejected("sub has to be a text that an externalId could be")
    if not is_storable(subject) or not (role is None or isinstance(role, str)):
        raise TokenRejected("sub and the role have to be printable texts")
    return Claims(subject=subject, role=role, expires_at=int(claims["exp"]))
