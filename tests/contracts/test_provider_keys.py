"""One operation, one effect: repeated, at once, with an answer that was lost, or a request that never arrived."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import (
    CaptureMode,
    ChargeRequest,
    ChargeResult,
    CustomerRequest,
    Outcome,
    ProviderAction,
    RefundResult,
    Support,
)
from tests.contracts.houses.house import NOTHING_IS_DONE, WORK_IS_DONE, CardKind, Fault, Power, Trait
from tests.contracts.shop import TWENTY, Shop, action_of

pytestmark = pytest.mark.variants

CHARGES = pytest.mark.capability(ProviderAction.CHARGE)
REFUNDS = pytest.mark.capability(ProviderAction.REFUND)
LOOKS_UP = pytest.mark.capability(ProviderAction.LOOK_UP)
BREAKS = pytest.mark.needs(Power.WIRE)
KEEPS_KEYS = pytest.mark.where(Trait.KEEPS_KEYS)

NEVER_CERTAIN = (Outcome.SUCCEEDED, Outcome.UNKNOWN)
"""What may be said when the work was done and its answer was not heard; an adapter may find out by itself."""
FORGETFUL = (Fault.ERROR, Fault.ERROR_AFTER)
"""A provider may keep a 500 as its answer for the key, so that sending again tells nothing new."""


async def taken(shop: Shop) -> list[str]:
    return [f"{charge.captured:.2f}" for charge in (await shop.house.truth()).taken]


# --- repeated -------------------------------------------------------------------------------------------------------


@CHARGES
@KEEPS_KEYS
async def test_a_charge_that_is_sent_twice_is_taken_once(shop: Shop) -> None:
    request = await shop.charge_request()

    first = await shop.provider.charge(request)
    again = await shop.provider.charge(request)

    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert (first.charge_ref, first.captured) == (again.charge_ref, again.captured)
    assert await taken(shop) == ["20.00"]


@CHARGES
@KEEPS_KEYS
async def test_a_charge_that_is_sent_by_two_at_once_is_taken_once(shop: Shop) -> None:
    request = await shop.charge_request()

    results = await asyncio.gather(*(shop.provider.charge(request) for _ in range(3)))

    assert Outcome.SUCCEEDED in [result.outcome for result in results]
    assert {result.outcome for result in results} <= {*NEVER_CERTAIN, Outcome.PENDING}
    assert len({result.charge_ref for result in results if result.charge_ref}) == 1
    assert await taken(shop) == ["20.00"]


@CHARGES
@KEEPS_KEYS
async def test_a_declined_charge_that_is_sent_again_is_not_tried_again(shop: Shop) -> None:
    request = await shop.charge_request(CardKind.DECLINED_LATER)

    first = await shop.provider.charge(request)
    again = await shop.provider.charge(request)

    assert first.outcome is again.outcome is Outcome.DECLINED
    assert first.charge_ref == again.charge_ref
    assert first.refusal == again.refusal
    assert len((await shop.house.truth()).charges) == 1


@CHARGES
@KEEPS_KEYS
async def test_a_key_belongs_to_one_request(shop: Shop) -> None:
    await _reuse_the_key(shop, await shop.charge_request(), amount=Money(20_01, "USD"))


@KEEPS_KEYS
@pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.AUTHORIZE)
async def test_the_key_of_a_charge_is_none_of_a_hold(shop: Shop) -> None:
    await _reuse_the_key(shop, await shop.charge_request(), capture=CaptureMode.MANUAL)


async def _reuse_the_key(shop: Shop, request: ChargeRequest, **changed: Any) -> None:
    """That it was used says that something was sent under it, and nothing of what became of that."""
    await shop.provider.charge(request)

    reused = await shop.provider.charge(replace(request, **changed))

    assert reused.outcome is Outcome.UNKNOWN
    assert reused.refusal is not None
    assert reused.refusal.decline_code is None
    assert reused.refusal.is_key_spent, "that it is refused says nothing of the request which has the key"
    assert await taken(shop) == ["20.00"]


@REFUNDS
@KEEPS_KEYS
async def test_a_key_belongs_to_one_refund(shop: Shop) -> None:
    request = shop.refund_request(await shop.settled(), Money(5_00, "USD"))
    await shop.provider.refund(request)

    reused = await shop.provider.refund(replace(request, amount=Money(6_00, "USD")))

    assert reused.outcome is Outcome.UNKNOWN
    (truth,) = (await shop.house.truth()).taken
    assert truth.refunded == 5


@CHARGES
async def test_another_key_is_another_charge(shop: Shop) -> None:
    request = await shop.charge_request()

    first = await shop.provider.charge(request)
    second = await shop.provider.charge(replace(request, operation_id=new_id(IdPrefix.OPERATION)))

    assert first.charge_ref != second.charge_ref
    assert await taken(shop) == ["20.00", "20.00"]


async def test_a_provider_says_for_how_long_it_keeps_keys(shop: Shop) -> None:
    lifetime = shop.provider.key_lifetime

    assert lifetime is None or lifetime.total_seconds() > 600, "on-session charges are sent again for ten minutes"


# --- at once --------------------------------------------------------------------------------------------------------


@pytest.mark.capability(ProviderAction.PARTIAL_REFUND)
async def test_refunds_at_once_give_back_no_more_than_was_taken(shop: Shop) -> None:
    charged = await shop.settled()

    results = await asyncio.gather(*(shop.refund(charged, Money(8_00, "USD")) for _ in range(4)))

    given_back = [result for result in results if result.outcome is Outcome.SUCCEEDED]
    assert 1 <= len(given_back) <= 2
    assert {result.outcome for result in results} <= {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.NOT_SENT}
    assert (await shop.truth(charged)).refunded == 8 * len(given_back)


@pytest.mark.capability(ProviderAction.CAPTURE, ProviderAction.VOID)
async def test_of_a_capture_and_a_void_at_once_one_wins(shop: Shop) -> None:
    held = await shop.held()

    captured, voided = await asyncio.gather(shop.capture(held), shop.void(held))

    seen, truth = await shop.fetched(held), await shop.truth(held)
    assert truth.held == 0
    if truth.captured:
        assert (captured.outcome, seen.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
        assert voided.outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.NOT_SENT)
    else:
        assert (voided.outcome, seen.outcome) == (Outcome.VOIDED, Outcome.VOIDED)
        assert captured.outcome in (Outcome.VOIDED, Outcome.FAILED, Outcome.NOT_SENT)


@LOOKS_UP
@KEEPS_KEYS
@pytest.mark.parametrize("after_seconds", [0.0, 0.002, 0.01])
async def test_a_charge_that_nobody_waits_for_any_more_is_taken_once_at_most(shop: Shop, after_seconds: float) -> None:
    """A cancelled call may happen all the same: sent again under its key, or looked for, it is one charge."""
    request = await shop.charge_request()
    asking = asyncio.create_task(shop.provider.charge(request))
    await asyncio.sleep(after_seconds)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    again = await shop.provider.charge(request)
    found = await shop.provider.find_charge(shop.look_up(request.operation_id))

    assert again.outcome in NEVER_CERTAIN
    assert found is not None
    assert (found.outcome, found.captured) == (Outcome.SUCCEEDED, TWENTY)
    assert await taken(shop) == ["20.00"]


# --- the answer was lost --------------------------------------------------------------------------------------------


@LOOKS_UP
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_a_charge_whose_answer_was_lost_is_found(shop: Shop, fault: Fault) -> None:
    request = await shop.charge_request()

    async with shop.house.broken(fault):
        lost = await shop.provider.charge(request)
    found = await shop.provider.find_charge(shop.look_up(request.operation_id))

    assert lost.outcome in NEVER_CERTAIN
    assert lost.outcome is Outcome.SUCCEEDED or _is_outage(lost)
    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED
    assert (found.operation_id, found.captured) == (request.operation_id, TWENTY)
    assert await taken(shop) == ["20.00"]


@LOOKS_UP
@BREAKS
async def test_a_charge_that_was_waited_for_in_vain_is_found(shop: Shop) -> None:
    request = await shop.charge_request()

    async with shop.impatient() as impatient, shop.house.broken(Fault.SILENT):
        lost = await impatient.provider.charge(request)
    found = await _found_in_time(shop, request)

    assert lost.outcome is Outcome.UNKNOWN
    assert _is_outage(lost)
    assert (found.outcome, found.captured) == (Outcome.SUCCEEDED, TWENTY)
    assert await taken(shop) == ["20.00"]


@CHARGES
@KEEPS_KEYS
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_a_charge_whose_answer_was_lost_may_be_sent_again(shop: Shop, fault: Fault) -> None:
    request = await shop.charge_request()

    async with shop.house.broken(fault):
        lost = await shop.provider.charge(request)
    again = await shop.provider.charge(request)

    assert lost.outcome in NEVER_CERTAIN
    assert again.outcome is Outcome.SUCCEEDED or (fault in FORGETFUL and again.outcome is Outcome.UNKNOWN)
    assert await taken(shop) == ["20.00"]


@LOOKS_UP
@BREAKS
@pytest.mark.parametrize("fault", [Fault.CLOSED, Fault.ERROR_AFTER])
async def test_a_decline_whose_answer_was_lost_is_found(shop: Shop, fault: Fault) -> None:
    request = await shop.charge_request(CardKind.DECLINED_LATER)

    async with shop.house.broken(fault):
        lost = await shop.provider.charge(request)
    found = await shop.provider.find_charge(shop.look_up(request.operation_id))

    assert lost.outcome in (Outcome.UNKNOWN, Outcome.DECLINED)
    assert found is not None
    assert found.outcome is Outcome.DECLINED
    assert await taken(shop) == []


@LOOKS_UP
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_a_refund_whose_answer_was_lost_is_found(shop: Shop, fault: Fault) -> None:
    charged = await shop.settled()
    request = shop.refund_request(charged, Money(5_00, "USD"))

    async with shop.house.broken(fault, looks=False):
        lost = await shop.provider.refund(request)
    look_up = shop.look_up(request.operation_id, charge=charged, amount=request.amount)
    found = await shop.provider.find_refund(look_up)

    assert lost.outcome in NEVER_CERTAIN
    assert found is not None
    assert (found.outcome, found.operation_id) == (Outcome.SUCCEEDED, request.operation_id)
    assert found.amount == Money(5_00, "USD")
    assert (await shop.truth(charged)).refunded == 5


@LOOKS_UP
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_a_refund_of_all_whose_answer_was_lost_is_found(shop: Shop, fault: Fault) -> None:
    """Right after it was paid, when a provider may have called it off instead."""
    charged = await shop.paid()
    request = shop.refund_request(charged)

    async with shop.house.broken(fault, looks=False):
        lost = await shop.provider.refund(request)
    found = await shop.provider.find_refund(shop.look_up(request.operation_id, charge=charged))

    assert lost.outcome in NEVER_CERTAIN
    assert found is not None
    assert (found.outcome, found.amount) == (Outcome.SUCCEEDED, TWENTY)
    assert (await shop.truth(charged)).refunded == 20


@REFUNDS
@KEEPS_KEYS
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_a_refund_whose_answer_was_lost_may_be_sent_again(shop: Shop, fault: Fault) -> None:
    charged = await shop.settled()
    request = shop.refund_request(charged, Money(5_00, "USD"))

    async with shop.house.broken(fault, looks=False):
        await shop.provider.refund(request)
    again = await shop.provider.refund(request)

    assert again.outcome is Outcome.SUCCEEDED or (fault in FORGETFUL and again.outcome is Outcome.UNKNOWN)
    assert (await shop.truth(charged)).refunded == 5


@pytest.mark.capability(ProviderAction.CAPTURE)
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_a_capture_whose_answer_was_lost_shows_in_the_charge(shop: Shop, fault: Fault) -> None:
    held, operation_id = await shop.held(), new_id(IdPrefix.OPERATION)

    async with shop.house.broken(fault, looks=False):
        lost = await shop.capture(held, operation_id=operation_id)
    again = await shop.capture(held, operation_id=operation_id)
    fetched = await shop.fetched(held)

    assert lost.outcome in NEVER_CERTAIN
    assert again.outcome is Outcome.SUCCEEDED or (fault in FORGETFUL and again.outcome is Outcome.UNKNOWN)
    assert (fetched.outcome, fetched.captured) == (Outcome.SUCCEEDED, TWENTY)
    assert await taken(shop) == ["20.00"]


@pytest.mark.capability(ProviderAction.VOID)
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_a_void_whose_answer_was_lost_shows_in_the_charge(shop: Shop, fault: Fault) -> None:
    held, operation_id = await shop.held(), new_id(IdPrefix.OPERATION)

    async with shop.house.broken(fault, looks=False):
        lost = await shop.void(held, operation_id=operation_id)
    again = await shop.void(held, operation_id=operation_id)

    assert lost.outcome in (Outcome.VOIDED, Outcome.UNKNOWN)
    assert again.outcome is Outcome.VOIDED or (fault in FORGETFUL and again.outcome is Outcome.UNKNOWN)
    assert (await shop.fetched(held)).outcome is Outcome.VOIDED
    assert await taken(shop) == []


@pytest.mark.capability(ProviderAction.ATTACH_PAYMENT_METHOD)
@BREAKS
@pytest.mark.parametrize("fault", [fault for fault in WORK_IS_DONE if fault not in FORGETFUL])
async def test_a_card_whose_answer_was_lost_is_stored_once(shop: Shop, fault: Fault) -> None:
    request = await shop.attach_request(CardKind.PLAIN)

    async with shop.house.broken(fault):
        lost = await shop.provider.attach_payment_method(request)
    first = await shop.provider.attach_payment_method(request)
    again = await shop.provider.attach_payment_method(request)

    assert lost.outcome in NEVER_CERTAIN
    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert first.payment_method_ref == again.payment_method_ref


@BREAKS
@pytest.mark.parametrize("fault", [fault for fault in WORK_IS_DONE if fault not in FORGETFUL])
async def test_a_customer_whose_answer_was_lost_has_one_account(shop: Shop, fault: Fault) -> None:
    request = CustomerRequest(customer_id=new_id(IdPrefix.CUSTOMER), email="grace@example.org", name=None)

    async with shop.house.broken(fault):
        lost = await shop.provider.ensure_customer(request)
    first = await shop.provider.ensure_customer(request)
    again = await shop.provider.ensure_customer(request)

    assert lost.outcome in NEVER_CERTAIN
    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert first.customer_ref == again.customer_ref


@pytest.mark.capability(ProviderAction.DETACH_PAYMENT_METHOD, ProviderAction.FORGET_CUSTOMER)
@BREAKS
@pytest.mark.parametrize("fault", WORK_IS_DONE)
async def test_what_was_given_up_is_gone_though_its_answer_was_lost(shop: Shop, fault: Fault) -> None:
    card = await shop.card()

    async with shop.house.broken(fault):
        detached = await shop.provider.detach_payment_method(payment_method_ref=card)
        forgotten = await shop.provider.forget_customer(customer_ref=shop.customer_ref)
    detached_again = await shop.provider.detach_payment_method(payment_method_ref=card)
    forgotten_again = await shop.provider.forget_customer(customer_ref=shop.customer_ref)

    assert {detached.outcome, forgotten.outcome} <= set(NEVER_CERTAIN)
    assert detached_again.outcome is forgotten_again.outcome is Outcome.SUCCEEDED
    assert (await shop.provider.fetch_payment_method(payment_method_ref=card)).gone


# --- the request never arrived --------------------------------------------------------------------------------------


@LOOKS_UP
@BREAKS
@pytest.mark.parametrize("fault", NOTHING_IS_DONE)
async def test_a_charge_that_nobody_worked_on_is_not_there(shop: Shop, fault: Fault) -> None:
    request = await shop.charge_request()

    async with shop.house.broken(fault):
        lost = await shop.provider.charge(request)
    await shop.until_found()

    assert lost.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT)
    assert await shop.provider.find_charge(shop.look_up(request.operation_id)) is None
    assert await taken(shop) == []


@CHARGES
@KEEPS_KEYS
@BREAKS
@pytest.mark.parametrize("fault", NOTHING_IS_DONE)
async def test_a_charge_that_nobody_worked_on_may_be_sent_again(shop: Shop, fault: Fault) -> None:
    request = await shop.charge_request()

    async with shop.house.broken(fault):
        await shop.provider.charge(request)
    again = await shop.provider.charge(request)

    if fault in FORGETFUL and again.outcome is Outcome.UNKNOWN:
        assert await taken(shop) == []
    else:
        assert again.outcome is Outcome.SUCCEEDED
        assert await taken(shop) == ["20.00"]


@CHARGES
@BREAKS
async def test_a_provider_that_wants_to_be_left_alone_is_no_outage(shop: Shop) -> None:
    request = await shop.charge_request()

    async with shop.house.broken(Fault.RATE_LIMIT):
        limited = await shop.provider.charge(request)

    assert limited.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT)
    assert limited.refusal is not None
    assert not limited.refusal.is_outage


@CHARGES
@BREAKS
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HTML, Fault.CLOSED])
async def test_a_provider_that_cannot_answer_is_an_outage(shop: Shop, fault: Fault) -> None:
    request = await shop.charge_request()

    async with shop.house.broken(fault):
        lost = await shop.provider.charge(request)

    assert lost.outcome is Outcome.UNKNOWN
    assert _is_outage(lost)


@LOOKS_UP
async def test_an_operation_that_was_never_sent_is_not_found(shop: Shop) -> None:
    await shop.paid()
    await shop.until_found()

    never = new_id(IdPrefix.OPERATION)

    assert await shop.provider.find_charge(shop.look_up(never)) is None
    assert await shop.provider.find_refund(shop.look_up(never, charge=await shop.paid())) is None


@LOOKS_UP
async def test_a_charge_is_found_among_others_by_its_operation(shop: Shop) -> None:
    requests = [await shop.charge_request(amount=Money(1_00 * number, "USD")) for number in (1, 2, 3)]
    for request in requests:
        await shop.provider.charge(request)

    found = [await shop.provider.find_charge(shop.look_up(request.operation_id)) for request in requests]

    assert [each and each.captured for each in found] == [request.amount for request in requests]
    assert [each and each.operation_id for each in found] == [request.operation_id for request in requests]


@LOOKS_UP
async def test_a_refund_is_found_among_others_by_its_operation(shop: Shop) -> None:
    charged = await shop.settled()
    requests = [shop.refund_request(charged, Money(1_00 * number, "USD")) for number in (1, 2, 3)]
    for request in requests:
        await shop.provider.refund(request)

    look_ups = [shop.look_up(each.operation_id, charge=charged, amount=each.amount) for each in requests]
    found = [await shop.provider.find_refund(look_up) for look_up in look_ups]

    assert [each and each.amount for each in found] == [request.amount for request in requests]


@LOOKS_UP
@BREAKS
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HTML, Fault.EMPTY, Fault.TRUNCATED, Fault.CLOSED])
async def test_a_look_up_without_an_answer_finds_nothing_out(shop: Shop, fault: Fault) -> None:
    """None would say that there is none, and the charge would be sent again."""
    request = await shop.charge_request()
    charged = await shop.provider.charge(request)
    refund = shop.refund_request(charged)
    await shop.give_back(refund)

    async with shop.house.broken(fault):
        found = await shop.provider.find_charge(shop.look_up(request.operation_id))
    async with shop.house.broken(fault):
        found_refund = await shop.provider.find_refund(shop.look_up(refund.operation_id, charge=charged))

    assert found is not None
    assert found.outcome is Outcome.UNKNOWN
    assert found_refund is not None
    assert found_refund.outcome is Outcome.UNKNOWN


# --- cut off --------------------------------------------------------------------------------------------------------

Asks = Callable[[Shop, ChargeResult], Awaitable[ChargeResult | RefundResult]]
CUT_OFF: dict[ProviderAction, Asks] = {
    ProviderAction.CHARGE: lambda shop, paid: shop.charge(payment_method_ref="any"),
    ProviderAction.CAPTURE: lambda shop, paid: shop.capture(paid),
    ProviderAction.VOID: lambda shop, paid: shop.void(paid),
    ProviderAction.REFUND: lambda shop, paid: shop.refund(paid),
}


@CHARGES
@BREAKS
@pytest.mark.parametrize("asked", CUT_OFF)
async def test_what_never_left_was_not_sent(shop: Shop, asked: ProviderAction) -> None:
    """And what is missing is refused without being sent."""
    (declared,) = [each.support for each in shop.provider.capabilities if each.action is asked]
    paid = await shop.paid()
    async with shop.cut_off() as stranded:
        result = await CUT_OFF[asked](stranded, paid)

    if declared is Support.UNSUPPORTED:
        assert result.outcome is Outcome.FAILED
    else:
        assert result.outcome is Outcome.NOT_SENT
        assert _is_outage(result)
    assert await taken(shop) == ["20.00"]


@pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.CUSTOMER_ACTION)
@BREAKS
@pytest.mark.needs(Power.CUSTOMER)
async def test_a_confirmation_that_never_left_was_not_sent(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.house.confirm(action_of(asked))
    async with shop.cut_off() as stranded:
        result = await stranded.proceed(asked)

    assert result.outcome is Outcome.NOT_SENT
    assert _is_outage(result)


@LOOKS_UP
@BREAKS
async def test_a_question_that_never_left_answers_nothing(shop: Shop) -> None:
    paid = await shop.paid()
    async with shop.cut_off() as stranded:
        fetched = await stranded.fetched(paid)
        found = await stranded.provider.find_charge(stranded.look_up(paid.operation_id or ""))
        page = await stranded.provider.changes(since=None, cursor=None)
        wrong = await stranded.provider.check()

    assert fetched.outcome is Outcome.UNKNOWN
    assert found is not None
    assert found.outcome is Outcome.UNKNOWN
    assert page.outcome is Outcome.UNKNOWN
    assert wrong


async def _found_in_time(shop: Shop, request: ChargeRequest) -> ChargeResult:
    """On a busy machine the work may begin after whoever asked for it has given up."""
    async with asyncio.timeout(30):
        while (found := await shop.provider.find_charge(shop.look_up(request.operation_id))) is None:
            await asyncio.sleep(0.1)
    return found


def _is_outage(result: ChargeResult | RefundResult) -> bool:
    return result.refusal is not None and result.refusal.is_outage
