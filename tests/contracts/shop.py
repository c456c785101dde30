"""A gateway in miniature: it asks any provider in few words, with ids and metadata as the services send them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import (
    AcceptRequest,
    AttachRequest,
    CaptureMode,
    CaptureRequest,
    ChangesPage,
    ChargeRequest,
    ChargeResult,
    ContinueRequest,
    CustomerRequest,
    CustomerResult,
    DisputeResult,
    EvidenceKind,
    EvidenceRequest,
    Initiator,
    LookUp,
    NextAction,
    Outcome,
    PaymentMethodResult,
    PaymentProvider,
    RefundRequest,
    RefundResult,
    VoidRequest,
    WebhookEvent,
)
from tests.contracts.houses.house import CardKind, House, Power, TrueCharge

TWENTY = Money(20_00, "USD")
RETURN_URL = "https://shop.example/thanks?order=1"
LONG = timedelta(days=2)
"""Longer than a test provider takes for what banks take days for, and shorter than a hold."""
OVER = timedelta(days=12)
"""Longer than any hold: a week is what card schemes give to a shop on the web."""


@dataclass(slots=True)
class Shop:
    """One customer, who pays with whatever card is named."""

    house: House
    customer_ref: str
    provider: PaymentProvider
    asked: dict[str, ChargeRequest] = field(default_factory=dict)
    """By operation: a gateway remembers what it asked for."""

    @asynccontextmanager
    async def cut_off(self) -> AsyncIterator["Shop"]:
        """The same shop, with nobody at the other end of the wire."""
        async with closed(self.house.stranded()) as stranded:
            yield replace(self, provider=stranded)

    @asynccontextmanager
    async def impatient(self) -> AsyncIterator["Shop"]:
        """The same shop, which waits no longer than a test does."""
        async with closed(self.house.impatient()) as impatient:
            yield replace(self, provider=impatient)

    # --- cards ------------------------------------------------------------------------------------------------------

    async def attach(
        self, kind: CardKind = CardKind.PLAIN, *, payment_method_id: str | None = None
    ) -> PaymentMethodResult:
        return await self.provider.attach_payment_method(await self.attach_request(kind, payment_method_id))

    async def attach_request(self, kind: CardKind, payment_method_id: str | None = None) -> AttachRequest:
        return AttachRequest(
            payment_method_id=payment_method_id or new_id(IdPrefix.PAYMENT_METHOD),
            customer_ref=self.customer_ref,
            token=await self.house.token(kind),
            return_url=RETURN_URL,
        )

    async def stored(self, kind: CardKind = CardKind.PLAIN) -> PaymentMethodResult:
        """A card on file, after whatever the customer's bank wants."""
        attached = await self.attach(kind)
        if attached.outcome is Outcome.REQUIRES_ACTION:
            await self.house.confirm(action_of(attached))
            attached = await self.provider.fetch_payment_method(payment_method_ref=ref_of(attached))
        assert attached.outcome is Outcome.SUCCEEDED, attached
        return attached

    async def card(self, kind: CardKind = CardKind.PLAIN) -> str:
        return ref_of(await self.stored(kind))

    # --- money ------------------------------------------------------------------------------------------------------

    async def charge_request(
        self,
        kind: CardKind = CardKind.PLAIN,
        amount: Money = TWENTY,
        **more: Any,
    ) -> ChargeRequest:
        card = more.pop("payment_method_ref", None) or await self.card(kind)
        return self.request(amount, payment_method_ref=card, **more)

    async def new_card_request(
        self, kind: CardKind = CardKind.PLAIN, *, store_card: bool = False, amount: Money = TWENTY, **more: Any
    ) -> ChargeRequest:
        token = await self.house.token(kind)
        return self.request(amount, payment_method_ref=None, token=token, store_card=store_card, **more)

    def request(self, amount: Money = TWENTY, **more: Any) -> ChargeRequest:
        charge_id = new_id(IdPrefix.CHARGE)
        plain: dict[str, Any] = {
            "operation_id": new_id(IdPrefix.OPERATION),
            "charge_id": charge_id,
            "amount": amount,
            "customer_ref": self.customer_ref,
            "initiator": Initiator.CUSTOMER,
            "return_url": RETURN_URL,
            "metadata": {"paydesk_order": new_id(IdPrefix.ORDER), "paydesk_charge": charge_id},
        }
        request = ChargeRequest(**(plain | {"is_keyed": self.is_keyed} | more))
        self.asked[request.operation_id] = request
        return request

    @property
    def is_keyed(self) -> bool:
        """As a gateway decides how a lost answer will be solved."""
        return self.provider.key_lifetime is not None

    async def charge(self, kind: CardKind = CardKind.PLAIN, amount: Money = TWENTY, **more: Any) -> ChargeResult:
        return await self.provider.charge(await self.charge_request(kind, amount, **more))

    async def paid(self, kind: CardKind = CardKind.PLAIN, amount: Money = TWENTY) -> ChargeResult:
        charged = await self.charge(kind, amount)
        assert charged.outcome is Outcome.SUCCEEDED, charged
        return charged

    async def settled(self, kind: CardKind = CardKind.PLAIN, amount: Money = TWENTY) -> ChargeResult:
        """Paid, and so long ago that a part of it can be given back."""
        charged = await self.paid(kind, amount)
        await self.house.settle(charge_ref_of(charged))
        return charged

    async def challenged(self, kind: CardKind = CardKind.CHALLENGED, **more: Any) -> ChargeResult:
        """A charge that waits for the customer."""
        charged = await self.charge(kind, **more)
        assert charged.outcome is Outcome.REQUIRES_ACTION, charged
        return charged

    async def held(self, amount: Money = TWENTY) -> ChargeResult:
        """A charge that is to be captured by hand."""
        charged = await self.charge(amount=amount, capture=CaptureMode.MANUAL)
        assert charged.outcome is Outcome.AUTHORIZED, charged
        return charged

    async def proceed(self, charge: ChargeResult, *, operation_id: str | None = None) -> ChargeResult:
        """After the customer acted."""
        return await self.provider.continue_charge(self.continue_request(charge, operation_id=operation_id))

    def continue_request(self, charge: ChargeResult, *, operation_id: str | None = None) -> ContinueRequest:
        """As a gateway writes it: without a reference there is no charge yet, and what was asked for is made now."""
        operation_id = operation_id or new_id(IdPrefix.OPERATION)
        if charge.charge_ref is not None:
            return ContinueRequest(
                operation_id=operation_id, charge_ref=charge.charge_ref, token=None, is_keyed=self.is_keyed
            )
        return ContinueRequest(
            operation_id=operation_id,
            charge_ref=None,
            token=self.house.given(action_of(charge)),
            charge=replace(self.request_of(charge), operation_id=operation_id, token=None),
            is_keyed=self.is_keyed,
        )

    def request_of(self, charge: ChargeResult) -> ChargeRequest:
        """What was asked for, of a charge that names its operation."""
        assert charge.operation_id is not None, charge
        return self.asked[charge.operation_id]

    async def capture(
        self, charge: ChargeResult, amount: Money = TWENTY, *, operation_id: str | None = None
    ) -> ChargeResult:
        request = CaptureRequest(
            operation_id=operation_id or new_id(IdPrefix.OPERATION),
            charge_ref=charge_ref_of(charge),
            amount=amount,
            is_keyed=self.is_keyed,
        )
        return await self.provider.capture(request)

    async def void(self, charge: ChargeResult, *, operation_id: str | None = None) -> ChargeResult:
        request = VoidRequest(
            operation_id=operation_id or new_id(IdPrefix.OPERATION),
            charge_ref=charge_ref_of(charge),
            is_keyed=self.is_keyed,
        )
        return await self.provider.void(request)

    def refund_request(self, charge: ChargeResult, amount: Money = TWENTY) -> RefundRequest:
        return RefundRequest(
            operation_id=new_id(IdPrefix.OPERATION),
            refund_id=new_id(IdPrefix.REFUND),
            charge_ref=charge_ref_of(charge),
            amount=amount,
            reason=None,
            is_keyed=self.is_keyed,
        )

    async def refund(self, charge: ChargeResult, amount: Money = TWENTY) -> RefundResult:
        return await self.give_back(self.refund_request(charge, amount))

    async def give_back(self, request: RefundRequest) -> RefundResult:
        """Now, or when the provider takes the request, as a gateway waits for that."""
        refunded = await self.provider.refund(request)
        if refunded.is_held_back:
            await self.house.settle(request.charge_ref)
            refunded = await self.provider.refund(request)
        return refunded

    # --- disputes ---------------------------------------------------------------------------------------------------

    async def dispute(self, kind: CardKind = CardKind.DISPUTED) -> DisputeResult:
        """One that a customer opened, as the provider lists it."""
        return await self.dispute_of(await self.paid(kind))

    async def dispute_of(self, charge: ChargeResult) -> DisputeResult:
        """LookupError where there is none."""
        until = monotonic() + self.house.patience_seconds
        while True:
            found = {each.charge_ref: each for each in (await self.listed()).disputes}
            if charge.charge_ref in found or monotonic() >= until:
                return found[charge.charge_ref]
            await asyncio.sleep(1)

    async def answer(
        self, dispute: DisputeResult, words: str = "It was sent.", *, operation_id: str | None = None
    ) -> DisputeResult:
        request = EvidenceRequest(
            operation_id=operation_id or new_id(IdPrefix.OPERATION),
            dispute_ref=dispute_ref_of(dispute),
            evidence={
                EvidenceKind.PRODUCT_DESCRIPTION: "A year of tea",
                EvidenceKind.SHIPPING_TRACKING_NUMBER: "1Z999AA10123456784",
                EvidenceKind.OTHER: words,
            },
        )
        return await self.provider.submit_evidence(request)

    async def accept(self, dispute: DisputeResult, *, operation_id: str | None = None) -> DisputeResult:
        request = AcceptRequest(
            operation_id=operation_id or new_id(IdPrefix.OPERATION), dispute_ref=dispute_ref_of(dispute)
        )
        return await self.provider.accept_dispute(request)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def fetched(self, charge: ChargeResult) -> ChargeResult:
        return await self.provider.fetch_charge(charge_ref=charge_ref_of(charge))

    async def seen(self, charge: ChargeResult) -> ChargeResult:
        """By its reference, or by its operation where that is all there is."""
        if charge.charge_ref is not None:
            return await self.fetched(charge)
        request = self.request_of(charge)
        found = await self.provider.find_charge(self.look_up(request.operation_id, amount=request.amount))
        assert found is not None, charge
        return found

    def look_up(self, operation_id: str, *, charge: ChargeResult | None = None, amount: Money = TWENTY) -> LookUp:
        return LookUp(
            operation_id=operation_id,
            customer_ref=self.customer_ref,
            charge_ref=None if charge is None else charge.charge_ref,
            not_before=self.house.now() - timedelta(hours=1),
            initiator=Initiator.CUSTOMER,
            amount=amount,
        )

    async def until_found(self) -> None:
        """Let pass what has to pass until an empty look-up means something."""
        lag = self.provider.look_up_lag_seconds
        if lag and Power.TIME in self.house.powers:
            await self.house.advance(timedelta(seconds=lag))

    async def listed(self, *, since: datetime | None = None) -> ChangesPage:
        """Everything that changed since then, page by page."""
        since = since or self.house.began
        page = await self.provider.changes(since=since, cursor=None)
        assert page.outcome is Outcome.SUCCEEDED, page
        whole = page
        while page.cursor is not None:
            page = await self.provider.changes(since=since, cursor=page.cursor)
            assert page.outcome is Outcome.SUCCEEDED, page
            whole = replace(
                whole,
                charges=whole.charges + page.charges,
                refunds=whole.refunds + page.refunds,
                disputes=whole.disputes + page.disputes,
            )
        return whole

    async def truth(self, charge: ChargeResult) -> TrueCharge:
        return (await self.house.truth()).of(charge.charge_ref)

    async def heard(self) -> list[WebhookEvent]:
        """What the provider tells of since this was asked before."""
        return [
            self.provider.verify_webhook(delivery.headers, delivery.body) for delivery in await self.house.deliveries()
        ]


@asynccontextmanager
async def closed(provider: PaymentProvider) -> AsyncIterator[PaymentProvider]:
    try:
        yield provider
    finally:
        await provider.close()


async def open_shop(house: House) -> Shop:
    """At a provider that has just met the customer."""
    customer = CustomerRequest(customer_id=new_id(IdPrefix.CUSTOMER), email="ada@example.org", name="Ada Lovelace")
    return Shop(house, customer_ref_of(await house.provider.ensure_customer(customer)), house.provider)


# --- what an answer has to have ---------------------------------------------------------------------------------------


def customer_ref_of(customer: CustomerResult) -> str:
    assert customer.customer_ref is not None, customer
    return customer.customer_ref


def ref_of(method: PaymentMethodResult) -> str:
    assert method.payment_method_ref is not None, method
    return method.payment_method_ref


def charge_ref_of(charge: ChargeResult) -> str:
    assert charge.charge_ref is not None, charge
    return charge.charge_ref


def refund_ref_of(refund: RefundResult) -> str:
    assert refund.refund_ref is not None, refund
    return refund.refund_ref


def dispute_ref_of(dispute: DisputeResult) -> str:
    assert dispute.dispute_ref is not None, dispute
    return dispute.dispute_ref


def action_of(result: ChargeResult | PaymentMethodResult) -> NextAction:
    assert result.next_action is not None, result
    return result.next_action
