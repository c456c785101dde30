"""Tokens: what an identity provider says of a person, verified.

`aud`, `exp` and `iss` are required and the algorithm is fixed by configuration, so a token can choose neither its key
nor how it is checked (RFC 8725). A token is staff only by its `paydesk_role`; any other is a customer.
"""

import time
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from adapters.jwks import PAUSE_SECONDS, KeysUnavailable, KeyUnknown, PublishedKeys
from domain.texts import EXTERNAL_ID_LENGTH, is_storable

AUDIENCE = "paydesk"
ROLE_CLAIM = "paydesk_role"
_LONGEST_TOKEN = 8_192
_LAST_SECOND = 253_402_300_799  # of the year 9999; beyond it are milliseconds, and numbers that are no moment
_LEEWAY_SECONDS = 30  # between the clocks of two machines that keep time


class TokenRejected(Exception):
    """The token is not good; why is for the log, not for the client."""


class TokenNotChecked(Exception):
    """Nobody knows whether the token is good: the identity provider cannot be asked just now."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("the token cannot be checked just now")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    subject: str
    role: str | None
    expires_at: int
    """Seconds since 1970."""


class Verifier(Protocol):
    async def verify(self, token: str) -> Claims:
        """What it says; TokenRejected, or TokenNotChecked."""
        ...


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
    """Keys that the identity provider publishes, chosen by the key id in the token."""

    def __init__(self, *, url: str, issuer: str, pause_seconds: float = PAUSE_SECONDS) -> None:
        """`pause_seconds` lie between two readings of the keys."""
        self._keys = PublishedKeys(url, pause_seconds=pause_seconds)
        self._issuer = issuer

    async def verify(self, token: str) -> Claims:
        key_id, algorithm = _header(token)
        try:
            key = await self._keys.find(key_id, algorithm)
        except KeyUnknown as error:
            raise TokenRejected(str(error)) from error
        except KeysUnavailable as error:
            raise TokenNotChecked(error.retry_after_seconds) from error
        return _claims(token, key=key, algorithms=[algorithm], issuer=self._issuer)


def _header(token: str) -> tuple[str, str]:
    """Key id and algorithm, as the token has them. The key decides which algorithms are good."""
    if len(token) > _LONGEST_TOKEN:
        raise TokenRejected("too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRejected(str(error)) from error
    key_id, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(key_id, str) or not isinstance(algorithm, str):
        raise TokenRejected("the token does not name its key")
    return key_id, algorithm


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
            options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise TokenRejected(str(error)) from error
    role = claims.get(ROLE_CLAIM)
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject.strip() or len(subject) > EXTERNAL_ID_LENGTH:
        raise TokenRejected("sub has to be a text that an externalId could be")
    if not is_storable(subject) or not (role is None or isinstance(role, str)):
        raise TokenRejected("sub and the role have to be printable texts")
    expires_at = int(claims["exp"])
    if expires_at > _LAST_SECOND:
        raise TokenRejected("exp has to be in seconds since 1970")
    return Claims(subject=subject, role=role, expires_at=expires_at)
