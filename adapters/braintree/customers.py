"""Customers: https://developer.paypal.com/braintree/docs/reference/request/customer/create. Their ids are ours.

Who it is, is for people who look at the Control Panel. No payment depends on whether it arrives.
"""

from collections.abc import Mapping
from typing import Any

from adapters.braintree.errands import Errand
from adapters.braintree.reading import nothing, text, tree
from adapters.braintree.verdicts import UNREADABLE, Verdict, has_code, is_missing
from adapters.braintree.xmltext import without_noise
from domain.provider import CustomerRequest, CustomerResult, Outcome

_TAKEN = "91609"
_LONGEST = 255


class Customers:
    async def ensure(self, errand: Errand, request: CustomerRequest) -> CustomerResult | Verdict:
        """The account of this customer, made where there is none: nobody else's can have this id."""
        told = await self._create(errand, request.customer_id, _details(request))
        if isinstance(told, Verdict) and told.outcome is Outcome.FAILED and not has_code(told, _TAKEN):
            # Braintree is stricter with addresses than we are.
            told = await self._create(errand, request.customer_id, {})
        if has_code(told, _TAKEN):
            told = await self._described(errand, request)
        if isinstance(told, Verdict):
            return told
        return _made(told) if told == request.customer_id else UNREADABLE

    async def forget(self, errand: Errand, customer_ref: str) -> CustomerResult | Verdict:
        """Their cards go with them; what they paid stays: …/request/customer/delete."""
        told = await errand.do("forget", lambda gateway: gateway.customer.delete(customer_ref), nothing)
        if isinstance(told, Verdict) and not is_missing(told):
            return told
        return _made(customer_ref)

    async def _create(self, errand: Errand, customer_id: str, details: Mapping[str, str]) -> str | Verdict:
        return await errand.do(
            "customer", lambda gateway: gateway.customer.create({"id": customer_id, **details}), _ref
        )

    async def _described(self, errand: Errand, request: CustomerRequest) -> str | Verdict:
        """One that is there, as we know the person by now; at least that they are there."""
        ref, details = request.customer_id, _details(request)
        if details:
            told = await errand.do("customer's name", lambda gateway: gateway.customer.update(ref, {**details}), _ref)
            if not isinstance(told, Verdict):
                return told
        return await errand.look(f"customer {ref}", lambda gateway: gateway.customer.find(ref), _ref)


def _details(request: CustomerRequest) -> dict[str, str]:
    """The name in one piece: where it ends and the family's begins, nobody can tell."""
    told = {"first_name": request.name, "email": request.email}
    clean = {name: without_noise(value or "").strip()[:_LONGEST] for name, value in told.items()}
    return {name: value for name, value in clean.items() if value}


def _ref(body: Mapping[str, Any]) -> str:
    return text(tree(body["customer"])["id"])


def _made(customer_ref: str) -> CustomerResult:
    return CustomerResult(outcome=Outcome.SUCCEEDED, customer_ref=customer_ref)
