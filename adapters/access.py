"""From an `Authorization` header to a principal."""

import hmac
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from adapters.tokens import Claims, TokenNotChecked, TokenRejected, Verifier
from domain import principals
from domain.api_keys import KEY_PREFIX
from domain.principals import Principal, StaffRole
from domain.services.api_keys import ApiKeyService
from domain.store import Store

_log = logging.getLogger("paydesk.access")


class CredentialsRejected(Exception):
    """A key or token was sent, and it is not good. Never told why: the log knows."""


class CredentialsNotChecked(Exception):
    """A token was sent that nobody can check just now. It may be good: nobody should be signed out for it."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("the token cannot be checked just now")
        self.retry_after_seconds = retry_after_seconds


class Access:
    def __init__(
        self,
        *,
        store: Store,
        api_keys: ApiKeyService,
        verifier: Verifier | None,
        admin_keys: Sequence[str] = (),
        public_catalogue: bool,
    ) -> None:
        """`admin_keys`: the present one, and the one before it while it is being replaced."""
        self._store = store
        self._api_keys = api_keys
        self._verifier = verifier
        self._admin_keys = [key.encode() for key in admin_keys]
        self._public_catalogue = public_catalogue

    async def principal_of(self, authorization: str | None) -> Principal:
        """Who asks; anonymous without a header.

        CredentialsRejected with one that is not good, CredentialsNotChecked while that cannot be found out.
        """
        if authorization is None:
            return principals.anonymous(public_catalogue=self._public_catalogue)
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise CredentialsRejected
        if (place := self._place_of_admin_key(credential)) is not None:
            return principals.admin_key(retiring=place > 0)
        if credential.startswith(KEY_PREFIX):
            return await self._server(credential)
        return await self._person(credential)

    def _place_of_admin_key(self, credential: str) -> int | None:
        """Which of the admin keys it is, if any.

        In constant time: it is compared as it is, and must not be guessed character by character.
        """
        sent = credential.encode("utf-8", "replace")
        places = [place for place, key in enumerate(self._admin_keys) if hmac.compare_digest(sent, key)]
        return places[0] if places else None

    async def _server(self, secret: str) -> Principal:
        principal = await self._api_keys.principal_of(secret)
        if principal is None:
            raise CredentialsRejected
        return principal

    async def _person(self, token: str) -> Principal:
        if self._verifier is None:
            raise CredentialsRejected
        try:
            claims = await self._verifier.verify(token)
        except TokenRejected as error:
            _log.info("token refused: %s", error)
            raise CredentialsRejected from error
        except TokenNotChecked as error:
            _log.warning("token not checked: the identity provider cannot be asked")
            raise CredentialsNotChecked(error.retry_after_seconds) from error
        return replace(await self._bearer(claims), expires_at=datetime.fromtimestamp(claims.expires_at, UTC))

    async def _bearer(self, claims: Claims) -> Principal:
        if claims.role is not None:
            if claims.role not in list(StaffRole):
                _log.info("token refused: unknown role")
                raise CredentialsRejected
            return principals.staff(claims.subject, StaffRole(claims.role))
        async with self._store.reading() as tx:
            customer = await tx.customers.find_by_external_id(claims.subject)
        return principals.customer(claims.subject, customer.id if customer else None)
