"""An identity provider: it signs tokens, and publishes its keys on a port of this machine."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://id.test/"


def claims_of(**changed: Any) -> dict[str, Any]:
    """Good claims but for what is changed; None leaves a claim out."""
    now = int(time.time())
    claims = {"sub": "42", "aud": "paydesk", "iss": ISSUER, "iat": now, "exp": now + 600} | changed
    return {name: value for name, value in claims.items() if value is not None}


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """Made once a run: it takes a while."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def signed(name: str, claims: Mapping[str, Any], *, kid: str | None = None) -> str:
    return jwt.encode(dict(claims), private_key(name), algorithm="RS256", headers={"kid": kid or name})


def public_pem(name: str) -> bytes:
    return (
        private_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def by_hand(header: Mapping[str, Any], claims: Mapping[str, Any], *, secret: bytes | None = None) -> str:
    """What no library signs: without an algorithm, or with a public key as the secret."""
    parts = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.new(secret, parts.encode(), hashlib.sha256).digest() if secret else b""
    return f"{parts}.{_base64url(signature)}"


class IdentityProvider:
    """Publishes the public halves of the keys that are named."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.body: bytes | None = None
        """Sent instead of the keys."""
        self.jwks: list[dict[str, Any]] = []
        """Published beside the keys that are named."""
        self.status = 200
        self.answering = threading.Event()
        """Set: answers may go out. Cleared, the provider takes requests and does not answer them."""
        self.answering.set()
        self.readings = 0
        self.url = ""

    def published(self) -> bytes:
        if self.body is not None:
            return self.body
        return json.dumps({"keys": [*(public_jwk(name) for name in self.keys), *self.jwks]}).encode()


@contextmanager
def identity_provider(*keys: str) -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    provider.keys = list(keys)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.readings += 1
            provider.answering.wait(timeout=30)
            body = provider.published()
            self.send_response(provider.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield provider
        server.shutdown()
        thread.join()


def public_jwk(name: str) -> dict[str, Any]:
    jwk: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return jwk | {"kid": name, "use": "sig", "alg": "RS256"}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
