"""That the suite finds a provider that declares what is not true of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest

from domain.provider import (
    Capability,
    CaptureMode,
    ChangesPage,
    ChargeRequest,
    ChargeResult,
    CustomerResult,
    DisputeResult,
    Outcome,
    PaymentMethodResult,
    PaymentProvider,
    ProviderAction,
    RefundResult,
    Refusal,
    Support,
    WebhookRejected,
)
from tests.contracts.houses import EMULATED
from tests.contracts.houses.braintree import BraintreeHouse
from tests.contracts.houses.fake import FakeHouse
from tests.contracts.shop import Shop, open_shop
from tests.contracts.test_provider import test_a_declaration_is_true as holds

_NO = Refusal("It cannot be done here.")
_REFUSES: dict[ProviderAction, tuple[str, Any]] = {
    ProviderAction.CLIENT_SESSION: ("client_session", _NO),
    ProviderAction.ATTACH_PAYMENT_METHOD: ("attach_payment_method", PaymentMethodResult(outcome=Outcome.FAILED)),
    ProviderAction.DETACH_PAYMENT_METHOD: ("detach_payment_method", PaymentMethodResult(outcome=Outcome.FAILED)),
    ProviderAction.FORGET_CUSTOMER: ("forget_customer", CustomerResult(outcome=Outcome.FAILED)),
    ProviderAction.CHARGE: ("charge", ChargeResult(outcome=Outcome.FAILED)),
    ProviderAction.CUSTOMER_ACTION: ("continue_charge", ChargeResult(outcome=Outcome.FAILED)),
    ProviderAction.AUTHORIZE: ("charge", ChargeResult(outcome=Outcome.SUCCEEDED, charge_ref="taken_at_once")),
    ProviderAction.CAPTURE: ("capture", ChargeResult(outcome=Outcome.FAILED)),
    ProviderAction.PARTIAL_CAPTURE: ("capture", ChargeResult(outcome=Outcome.FAILED)),
    ProviderAction.VOID: ("void", ChargeResult(outcome=Outcome.FAILED)),
    ProviderAction.REFUND: ("refund", RefundResult(outcome=Outcome.FAILED)),
    ProviderAction.PARTIAL_REFUND: ("refund", RefundResult(outcome=Outcome.FAILED)),
    ProviderAction.LOOK_UP: ("find_charge", None),
    ProviderAction.LIST_CHANGES: ("changes", ChangesPage(outcome=Outcome.FAILED)),
    ProviderAction.CHARGE_NEW_CARD: ("charge", ChargeResult(outcome=Outcome.FAILED)),
    ProviderAction.DISPUTES: ("fetch_dispute", DisputeResult(outcome=Outcome.FAILED)),
    ProviderAction.SUBMIT_EVIDENCE: ("submit_evidence", DisputeResult(outcome=Outcome.FAILED)),
    ProviderAction.ACCEPT_DISPUTE: ("accept_dispute", DisputeResult(outcome=Outcome.FAILED)),
}


_PARTLY = (ProviderAction.AUTHORIZE, ProviderAction.CHARGE_NEW_CARD)
"""Of what one method does, these are a part."""


class Other:
    """A provider that is as another one is, but for what is given."""

    def __init__(self, provider: PaymentProvider, **changed: Any) -> None:
        self._provider = provider
        self._changed = changed

    def __getattr__(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._provider, name)


def other_than(shop: Shop, **changed: Any) -> Shop:
    return replace(shop, provider=cast("PaymentProvider", Other(shop.provider, **changed)))


def refusing(action: ProviderAction) -> dict[str, Any]:
    """The method that it needs, doing nothing."""
    method, answer = _REFUSES[action]

    async def refuse(*_: Any, **__: Any) -> Any:
        return answer

    return {method: refuse}


@pytest.fixture(params=[FakeHouse.name, BraintreeHouse.name])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """One that does everything by itself, and one that is helped with some of it."""
    _, opened = EMULATED[request.param]
    async with opened(request) as house:
        yield await open_shop(house)


def without(shop: Shop, action: ProviderAction) -> tuple[Capability, ...]:
    """What it declares, but for this."""
    return tuple(
        Capability(each.action, Support.UNSUPPORTED, "Not here.") if each.action is action else each
        for each in shop.provider.capabilities
    )


@pytest.mark.parametrize("action", ProviderAction)
async def test_what_is_declared_to_be_missing_and_works_is_found(shop: Shop, action: ProviderAction) -> None:
    with pytest.raises(AssertionError):
        await holds(other_than(shop, capabilities=without(shop, action)), action)


@pytest.mark.parametrize("action", [each for each in _REFUSES if each not in _PARTLY])
async def test_what_is_declared_to_be_missing_and_is_refused_is_true(shop: Shop, action: ProviderAction) -> None:
    await holds(other_than(shop, capabilities=without(shop, action), **refusing(action)), action)


@pytest.mark.parametrize("action", _PARTLY)
async def test_a_provider_may_refuse_some_charges_and_make_others(shop: Shop, action: ProviderAction) -> None:
    async def charge(request: ChargeRequest) -> ChargeResult:
        is_missing = (
            request.capture is CaptureMode.MANUAL if action is ProviderAction.AUTHORIZE else request.token is not None
        )
        return ChargeResult(outcome=Outcome.FAILED) if is_missing else await shop.provider.charge(request)

    some = other_than(shop, capabilities=without(shop, action), charge=charge)

    await holds(some, action)
    await holds(some, ProviderAction.CHARGE)


@pytest.mark.parametrize("action", [ProviderAction.CHARGE, ProviderAction.CAPTURE, ProviderAction.REFUND])
async def test_a_refusal_that_moves_the_money_all_the_same_is_found(shop: Shop, action: ProviderAction) -> None:
    method, answer = _REFUSES[action]

    async def do_and_refuse(request: Any) -> Any:
        await getattr(shop.provider, method)(request)
        return answer

    with pytest.raises(AssertionError):
        await holds(other_than(shop, capabilities=without(shop, action), **{method: do_and_refuse}), action)


@pytest.mark.parametrize("action", _REFUSES)
async def test_what_is_declared_to_work_and_is_refused_is_found(shop: Shop, action: ProviderAction) -> None:
    with pytest.raises(AssertionError):
        await holds(other_than(shop, **refusing(action)), action)


async def test_a_receiver_that_refuses_every_webhook_is_found(shop: Shop) -> None:
    def refuse(*_: Any) -> None:
        raise WebhookRejected

    with pytest.raises(AssertionError):
        await holds(other_than(shop, verify_webhook=refuse), ProviderAction.WEBHOOKS)


def test_every_action_is_tried() -> None:
    assert set(_REFUSES) | {ProviderAction.WEBHOOKS} == set(ProviderAction)
