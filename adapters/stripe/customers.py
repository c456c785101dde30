"""Customers: https://docs.stripe.com/api/customers."""

import hashlib
from dataclasses import replace
from typing import Any

import orjson
import stripe

from adapters.stripe.errands import Answer, Errand, read
from adapters.stripe.reading import object_of, text
from adapters.stripe.verdicts import KEY_REUSED, UNREADABLE, Verdict, as_looked, is_missing
from domain.provider import CustomerRequest, CustomerResult, Outcome

CUSTOMER = "paydesk_customer"
_EMAIL_INVALID = "email_invalid"


class Customers:
    def __init__(self, client: stripe.StripeClient) -> None:
        self._customers = client.v1.customers

    async def ensure(self, errand: Errand, request: CustomerRequest) -> CustomerResult | Verdict:
        """Under our id as the key: asked again after a lost answer, it is the same customer.

        One who has another name by then, or was deleted since, or whose key is answered with an error for good, is
        made anew under another key. What may be left over at Stripe is a customer without cards.
        """
        key = request.customer_id
        told = await self._create(errand, request, key)
        if isinstance(told, Verdict) and told.code == KEY_REUSED:
            key = f"{key}:{_digest(request)}"
            told = await self._create(errand, request, key)
        if isinstance(told, Verdict) and told.code == _EMAIL_INVALID:
            # Stripe is stricter than we are, and an address that it dislikes is no reason not to take money.
            request, key = replace(request, email=None), f"{key}:without-email"
            told = await self._create(errand, request, key)
        if isinstance(told, Verdict) and told.refusal.is_key_spent:
            key = f"{key}:again"
            told = await self._create(errand, request, key)
        ref = read(_ref, told)
        if isinstance(told, Answer) and told.replayed and not isinstance(ref, Verdict):
            is_gone = await self._is_gone(errand, ref)
            if isinstance(is_gone, Verdict):
                return is_gone
            if is_gone:
                ref = read(_ref, await self._create(errand, request, f"{key}:after:{ref}"))
        return ref if isinstance(ref, Verdict) else CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=ref)

    async def forget(self, errand: Errand, customer_ref: str) -> CustomerResult | Verdict:
        """Their cards go with them; what they paid stays: https://docs.stripe.com/api/customers/delete."""
        told = await errand.do("forget", lambda options: self._customers.delete_async(customer_ref, {}, options))
        ref = read(_ref, told)
        if is_missing(ref) or ref == customer_ref:
            return CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=customer_ref)
        return ref if isinstance(ref, Verdict) else UNREADABLE

    async def _is_gone(self, errand: Errand, customer_ref: str) -> bool | Verdict:
        told = await errand.look(
            f"customer {customer_ref}", lambda options: self._customers.retrieve_async(customer_ref, {}, options)
        )
        if is_missing(told):
            return True
        return as_looked(told) if isinstance(told, Verdict) else told.body.get("deleted") is True

    async def _create(self, errand: Errand, request: CustomerRequest, key: str) -> Answer | Verdict:
        params: stripe.params.CustomerCreateParams = {"metadata": {CUSTOMER: request.customer_id}}
        if request.email:
            params["email"] = request.email
        if request.name:
            params["name"] = request.name
        return await errand.do("customer", lambda options: self._customers.create_async(params, options), key=key)


def _ref(body: dict[str, Any]) -> str:
    return text(object_of(body, "customer")["id"])


def _digest(request: CustomerRequest) -> str:
    said = orjson.dumps([request.email, request.name])
    return hashlib.sha256(said).hexdigest()[:16]
