"""The keys that an identity provider publishes (JWKS, RFC 7517), as they come and go.

    a new key        is found by the first token that names it
    a withdrawn key  stops being good within FRESH_SECONDS
    an outage        known keys go on for KEPT_SECONDS; a token that names another one cannot be checked meanwhile

"This token is not good" and "this token cannot be checked just now" are two answers: clients sign people out on the
first. The cryptography is PyJWT's; its own client is not used, because it reads with a blocking call, lets every
request read for itself, and cannot tell those two answers apart.
"""

import asyncio
import contextvars
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import jwt

FRESH_SECONDS: Final = 300
"""Rate limits of identity providers are in the hundreds a minute, so five minutes are polite; and that is how long a
withdrawn key stays good."""
KEPT_SECONDS: Final = 3600
"""How long keys are believed without being read again. An identity provider that is down signs nothing new, and what
it signed before has mostly ended after an hour; a longer time would serve whoever cuts us off to keep a stolen key."""
PAUSE_SECONDS: Final = 10.0
"""Between two readings, whatever asks for them: anybody can invent a key id."""
_READING_SECONDS: Final = 5
_LARGEST_SET: Final = 512 * 1024  # a set has a handful of keys of about 2 kB

_ALGORITHMS: Final[Mapping[tuple[str, str | None], tuple[str, ...]]] = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""By type and curve. Symmetric keys are not among them: whoever can read the set could sign with one."""

_log = logging.getLogger("paydesk.access")

Jwk = Mapping[str, Any]


class KeyUnknown(Exception):
    """The identity provider does not publish this key, or not for this use."""


class KeysUnavailable(Exception):
    """Whether there is such a key cannot be found out just now."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__("the published keys cannot be read just now")
        self.retry_after_seconds = max(1, math.ceil(retry_after_seconds))


class PublishedKeys:
    def __init__(
        self, url: str, *, pause_seconds: float = PAUSE_SECONDS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._pause_seconds = pause_seconds
        self._now = now
        self._keys: Mapping[str, list[Jwk]] = {}
        self._read_at = self._tried_at = -math.inf
        self._failed = False
        self._wanted: set[str] = set()
        """Key ids that the reading under way looks for."""
        self._missing: set[str] = set()
        """Key ids that the last reading looked for in vain; after the pause they are looked for again.

        Anybody can name a key before it is published."""
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key_id: str, algorithm: str) -> jwt.PyJWK:
        """The key for a token that says it was signed so; KeyUnknown or KeysUnavailable."""
        if self._age() >= FRESH_SECONDS:
            reading = self._read_again(key_id)
            # In an outage nobody waits for a reading that will fail, as long as the known keys are believed.
            if reading and not (self._failed and self._is_known(key_id)):
                await asyncio.shield(reading)
        if not self._is_known(key_id) and (reading := self._read_again(key_id)):
            await asyncio.shield(reading)
        if self._is_known(key_id):
            return _usable(self._keys[key_id], algorithm)
        if self._failed or self._age() >= FRESH_SECONDS or key_id not in self._missing:
            raise KeysUnavailable(self._tried_at + self._pause_seconds - self._now())
        raise KeyUnknown(f"no key is called {key_id!r}")

    def _age(self) -> float:
        return self._now() - self._read_at

    def _is_known(self, key_id: str) -> bool:
        return key_id in self._keys and self._age() < KEPT_SECONDS

    def _read_again(self, key_id: str) -> "asyncio.Task[None] | None":
        """The one reading that everybody waits for; None in the pause after the last."""
        if self._reading is None:
            if self._now() - self._tried_at < self._pause_seconds:
                return None
            self._wanted = set()
            # Not in the context of the request that happens to be first, and not ended with it.
            self._reading = asyncio.get_running_loop().create_task(
                self._read(), name="read the published keys", context=contextvars.Context()
            )
        self._wanted.add(key_id)
        return self._reading

    async def _read(self) -> None:
        try:
            self._keys = await _published(self._url)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            self._failed = True
            _log.warning("the keys of the identity provider cannot be read: %s", type(error).__name__)
        else:
            self._failed = False
            self._read_at = self._now()
            self._missing = self._wanted - self._keys.keys()
        finally:
            self._tried_at = self._now()
            self._reading = None


async def _published(url: str) -> Mapping[str, list[Jwk]]:
    """The usable keys by id; ValueError for anything that is not a set with at least one."""
    # httpx times each read; a set that drips would hold us for ever without a limit on the whole.
    async with (
        asyncio.timeout(_READING_SECONDS),
        httpx.AsyncClient(timeout=_READING_SECONDS) as client,
        client.stream("GET", url, headers={"Accept": "application/jwk-set+json, application/json"}) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise ValueError(f"HTTP {answer.status_code}")
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST_SET:
                raise ValueError("too large")
    read = json.loads(body.decode())
    listed = read.get("keys") if isinstance(read, dict) else None
    keys: dict[str, list[Jwk]] = {}
    for jwk in listed if isinstance(listed, list) else []:
        if isinstance(jwk, dict) and isinstance(key_id := jwk.get("kid"), str) and _signs(jwk):
            keys.setdefault(key_id, []).append(jwk)
    if not keys:
        # A set without keys would sign everybody out; it is a mistake over there, and treated as an outage.
        raise ValueError("no key in it")
    return keys


def _signs(jwk: Jwk) -> bool:
    """Whether a signature can be checked with it: not for encryption, not symmetric, and not a secret told to all."""
    operations = jwk.get("key_ops")
    if (jwk.get("use") or "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return False
    if "d" in jwk:
        return False  # the private half: whoever can read the set could sign with it
    return bool(_algorithms(jwk))


def _algorithms(jwk: Jwk) -> tuple[str, ...]:
    curve = jwk.get("crv")
    kind = (str(jwk.get("kty")), curve if isinstance(curve, str) else None)
    fits = _ALGORITHMS.get(kind, ())
    return tuple(each for each in fits if (jwk.get("alg") or each) == each)


def _usable(jwks: list[Jwk], algorithm: str) -> jwt.PyJWK:
    for jwk in jwks:
        if algorithm in _algorithms(jwk):
            try:
                return jwt.PyJWK(dict(jwk), algorithm)
            except (jwt.PyJWTError, ValueError, TypeError) as error:
                raise KeyUnknown("the key cannot be read") from error
    raise KeyUnknown(f"the key is not for {algorithm!r}")
