"""Who asks: a merchant id in the path, and basic authentication with a public and a private key.

https://developer.paypal.com/braintree/docs/reference/general/exceptions: 401 for keys that are nobody's, 403 for a key
that may not; 426 for a client that is too old. The SDK of this version says `X-ApiVersion: 6`.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from tests.emulators.braintree.refusals import Refused

API_VERSION = "6"


@dataclass(frozen=True, slots=True)
class Keys:
    merchant_id: str = "emulated_merchant"
    public_key: str = "emulated_public_key"
    private_key: str = "emulated_private_key"

    def check(self, headers: Mapping[str, str], merchant_id: str | None) -> None:
        """Refused when the request is not from this merchant; `merchant_id` is what its path names."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(token, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        expected = f"{self.public_key}:{self.private_key}"
        if scheme != "Basic" or not secrets.compare_digest(given.encode(), expected.encode()):
            raise Refused(401)
        if merchant_id is not None and merchant_id != self.merchant_id:
            raise Refused(403)
        if headers.get("x-apiversion") != API_VERSION:
            raise Refused(426)
