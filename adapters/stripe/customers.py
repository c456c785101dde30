"""Customers: https://docs.stripe.com/api/customers."""

from typing import Any

import stripe

from adapters.stripe.errands import Answer, Errand, read
from adapters.stripe.reading import object_of, text
from adapters.stripe.verdicts import UNREADABLE, Verdict, is_missing
from adapters.verdicts import as_looked
from domain.provider import CustomerRequest, CustomerResult, Outcome

CUSTOMER = "paydesk_customer"
_EMAIL_INVALID = "email_invalid"


class Customers:
    def __init__(self, client: stripe.StripeClient) -> None:
        self._customers = client.v1.customers

    async def ensure(self, errand: Errand, request: CustomerRequest) -> CustomerResult | Verdict:
        """Under our id as the key: asked again after a lost answer, it is the same customer.

        Who they are is written to them afterwards, for the key's request must not depend on it: whoever has another
        name by then, or none because they were erased, is still that customer. One who was deleted since, or whose key
        is answered with an error for good, is made anew under another key.
        """
        key = request.customer_id
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
        if isinstance(ref, Verdict):
            return ref
        await self._describe(errand, ref, request)
        return CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=ref)

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
        return await errand.do("customer", lambda options: self._customers.create_async(params, options), key=key)

    async def _describe(self, errand: Errand, customer_ref: str, request: CustomerRequest) -> None:
        """Who it is, for people who look at Stripe's pages. No payment depends on whether it arrives."""
        params: stripe.params.CustomerUpdateParams = {}
        if request.email:
            params["email"] = request.email
        if request.name:
            params["name"] = request.name
        if not params:
            return
        told = await self._update(errand, customer_ref, params)
        if isinstance(told, Verdict) and told.code == _EMAIL_INVALID and request.name:
            # Stripe is stricter with addresses than we are.
            await self._update(errand, customer_ref, {"name": request.name})

    async def _update(
        self, errand: Errand, customer_ref: str, params: stripe.params.CustomerUpdateParams
    ) -> Answer | Verdict:
        return await errand.do(
            "customer's name", lambda options: self._customers.update_async(customer_ref, params, options)
        )


def _ref(body: dict[str, Any]) -> str:
    return text(object_of(body, "customer")["id"])
