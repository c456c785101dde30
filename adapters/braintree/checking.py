"""Whether the account can be used with these settings, in plain words for `paydesk check`."""

import asyncio
from collections.abc import Mapping
from typing import Any

from adapters.braintree.errands import Errand
from adapters.braintree.reading import text, tree
from adapters.braintree.request_keys import RequestKeys, key_of
from adapters.braintree.verdicts import Verdict, is_missing

_NOBODYS = "paydesk_check"
"""A transaction that is none: Braintree's are a few letters and digits."""


class Checking:
    """Reads each merchant account, and asks whether keys are taken by a request that can do nothing."""

    def __init__(self, merchant_accounts: Mapping[str, str], keys: RequestKeys) -> None:
        self._merchant_accounts = merchant_accounts
        self._keys = keys

    async def problem(self, errand: Errand) -> str | None:
        told = await asyncio.gather(
            *(self._wrong_with(errand, name, currency) for currency, name in self._merchant_accounts.items())
        )
        wrong = [each for each in told if each is not None]
        if wrong:
            return " ".join(dict.fromkeys(wrong))
        return await self._wrong_with_keys(errand)

    async def _wrong_with(self, errand: Errand, name: str, currency: str) -> str | None:
        told = await errand.look(
            f"merchant account {name}", lambda gateway: gateway.merchant_account.find(name), _account
        )
        if is_missing(told):
            return f"BRAINTREE_MERCHANT_ACCOUNTS names {name}, and there is no such merchant account."
        if isinstance(told, Verdict):
            return told.refusal.message
        status, its_currency = told
        if its_currency != currency:
            return f"BRAINTREE_MERCHANT_ACCOUNTS has {name} for {currency}, and it is in {its_currency}."
        return None if status == "active" else f"The merchant account {name} is {status}."

    async def _wrong_with_keys(self, errand: Errand) -> str | None:
        if self._keys.lifetime is None:
            return None
        told = await errand.look(
            "void of nothing",
            lambda gateway: gateway.transaction.void(_NOBODYS, {**key_of(_NOBODYS, is_keyed=True)}),
            lambda _: None,
        )
        if self._keys.are_refused_by(told):
            return "Braintree takes no request keys from this account: set BRAINTREE_REQUEST_KEYS=false."
        return None


def _account(body: Mapping[str, Any]) -> tuple[str, str]:
    account = tree(body["merchant_account"])
    return text(account["status"]), text(account["currency_iso_code"])
