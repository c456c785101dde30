"""Money that is held first: captured, in full or in part, released, or left until its time is over."""

import pytest

from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.provider import CaptureMode, ChargeResult, Initiator, Outcome, ProviderAction
from tests.contracts.houses.house import CardKind, Power
from tests.contracts.shop import LONG, OVER, TWENTY, Shop, charge_ref_of

pytestmark = pytest.mark.variants

HOLDS = pytest.mark.capability(ProviderAction.AUTHORIZE)
CAPTURES = pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.CAPTURE)
CAPTURES_PARTS = pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.PARTIAL_CAPTURE)
VOIDS = pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.VOID)

NOTHING = Money.zero("USD")


@HOLDS
async def test_a_charge_may_hold_its_money_only(shop: Shop) -> None:
    held = await shop.held()

    assert (held.authorized, held.captured) == (TWENTY, NOTHING)
    assert held.capture_before is None or held.capture_before > shop.house.now()
    truth = await shop.truth(held)
    assert truth.held == 20
    assert truth.captured == 0
    assert (await shop.fetched(held)).outcome is Outcome.AUTHORIZED


@HOLDS
async def test_money_can_be_held_without_the_customer(shop: Shop) -> None:
    held = await shop.charge(capture=CaptureMode.MANUAL, initiator=Initiator.UNSCHEDULED, return_url=None)

    assert held.outcome is Outcome.AUTHORIZED
    assert (await shop.truth(held)).held == 20


@HOLDS
async def test_a_declined_hold_holds_nothing(shop: Shop) -> None:
    declined = await shop.charge(CardKind.DECLINED_LATER, capture=CaptureMode.MANUAL)

    assert declined.outcome is Outcome.DECLINED
    assert (await shop.house.truth()).taken == ()


@CAPTURES
async def test_what_is_held_can_be_captured(shop: Shop) -> None:
    held = await shop.held()

    captured = await shop.capture(held)

    assert captured.outcome is Outcome.SUCCEEDED
    assert (captured.charge_ref, captured.captured) == (held.charge_ref, TWENTY)
    truth = await shop.truth(held)
    assert truth.held == 0
    assert truth.captured == 20
    fetched = await shop.fetched(held)
    assert (fetched.outcome, fetched.captured) == (Outcome.SUCCEEDED, TWENTY)


@CAPTURES_PARTS
async def test_a_part_can_be_captured_and_the_rest_is_released(shop: Shop) -> None:
    held = await shop.held()

    captured = await shop.capture(held, Money(12_50, "USD"))

    assert captured.outcome is Outcome.SUCCEEDED
    assert captured.captured == Money(12_50, "USD")
    truth = await shop.truth(held)
    assert truth.held == 0
    assert f"{truth.captured:.2f}" == "12.50"
    fetched = await shop.fetched(held)
    assert (fetched.outcome, fetched.captured) == (Outcome.SUCCEEDED, Money(12_50, "USD"))
    assert fetched.refunded in (None, NOTHING), "what was released was never taken"


@CAPTURES_PARTS
async def test_of_a_captured_part_no_more_than_the_part_is_given_back(shop: Shop) -> None:
    held = await shop.held()
    await shop.capture(held, Money(12_50, "USD"))

    beyond = await shop.refund(held, Money(12_51, "USD"))
    whole = await shop.refund(held, Money(12_50, "USD"))

    assert (beyond.outcome, beyond.refund_ref) == (Outcome.FAILED, None)
    assert whole.outcome is Outcome.SUCCEEDED
    assert (await shop.fetched(held)).refunded in (None, Money(12_50, "USD"))


@CAPTURES
async def test_more_than_is_held_is_not_captured(shop: Shop) -> None:
    held = await shop.held()

    beyond = await shop.capture(held, Money(20_01, "USD"))

    assert beyond.outcome is Outcome.FAILED
    assert beyond.refusal is not None
    truth = await shop.truth(held)
    assert truth.held == 20
    assert truth.captured == 0
    assert (await shop.capture(held)).outcome is Outcome.SUCCEEDED


@CAPTURES_PARTS
async def test_a_charge_is_captured_once(shop: Shop) -> None:
    held = await shop.held()
    await shop.capture(held, Money(5_00, "USD"))

    again = await shop.capture(held, Money(7_00, "USD"))

    assert _is_refused_or_told_what_was_taken(again, Money(5_00, "USD"))
    assert (await shop.truth(held)).captured == 5


@CAPTURES
async def test_a_capture_that_is_asked_for_twice_happens_once(shop: Shop) -> None:
    held, operation_id = await shop.held(), new_id(IdPrefix.OPERATION)

    first = await shop.capture(held, operation_id=operation_id)
    again = await shop.capture(held, operation_id=operation_id)

    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert first.captured == again.captured == TWENTY
    assert (await shop.truth(held)).captured == 20


@CAPTURES
async def test_what_was_taken_at_once_cannot_be_captured(shop: Shop) -> None:
    charged = await shop.paid()

    assert _is_refused_or_told_what_was_taken(await shop.capture(charged), TWENTY)
    assert (await shop.truth(charged)).captured == 20


@VOIDS
async def test_what_is_held_can_be_released(shop: Shop) -> None:
    held = await shop.held()

    voided = await shop.void(held)

    assert voided.outcome is Outcome.VOIDED
    assert voided.charge_ref == held.charge_ref
    assert voided.captured in (None, NOTHING)
    truth = await shop.truth(held)
    assert truth.held == 0
    assert truth.captured == 0
    assert (await shop.fetched(held)).outcome is Outcome.VOIDED


@VOIDS
async def test_a_charge_may_be_voided_as_often_as_needed(shop: Shop) -> None:
    held, operation_id = await shop.held(), new_id(IdPrefix.OPERATION)

    results = [await shop.void(held, operation_id=operation_id) for _ in range(2)]
    results.append(await shop.void(held))

    assert [result.outcome for result in results] == [Outcome.VOIDED] * 3


@pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.VOID)
async def test_it_is_too_late_to_void_what_was_taken(shop: Shop) -> None:
    charged = await shop.paid()

    too_late = await shop.void(charged)

    assert too_late.outcome is Outcome.SUCCEEDED
    assert too_late.captured == TWENTY
    truth = await shop.truth(charged)
    assert truth.captured == 20
    assert truth.refunded == 0, "nobody has asked for that"


@pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.CAPTURE, ProviderAction.VOID)
async def test_a_released_charge_cannot_be_captured(shop: Shop) -> None:
    held = await shop.held()
    await shop.void(held)

    captured = await shop.capture(held)

    assert captured.outcome in (Outcome.FAILED, Outcome.VOIDED)
    assert (await shop.truth(held)).captured == 0
    assert (await shop.fetched(held)).outcome is Outcome.VOIDED


@pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.REFUND)
async def test_what_is_only_held_cannot_be_refunded(shop: Shop) -> None:
    held = await shop.held()

    refunded = await shop.refund(held)

    assert (refunded.outcome, refunded.refund_ref) == (Outcome.FAILED, None)
    assert (await shop.truth(held)).held == 20


@CAPTURES
@pytest.mark.needs(Power.TIME)
async def test_what_is_held_is_there_for_days(shop: Shop) -> None:
    held = await shop.held()

    await shop.house.advance(LONG)

    assert (await shop.capture(held)).outcome is Outcome.SUCCEEDED


@CAPTURES
@pytest.mark.needs(Power.TIME)
async def test_a_hold_that_nobody_captures_expires(shop: Shop) -> None:
    held = await shop.held()

    await shop.house.advance(OVER)

    assert (await shop.fetched(held)).outcome is Outcome.EXPIRED
    assert (await shop.capture(held)).outcome in (Outcome.EXPIRED, Outcome.VOIDED, Outcome.FAILED)
    truth = await shop.truth(held)
    assert truth.held == 0
    assert truth.captured == 0


@HOLDS
@pytest.mark.needs(Power.TIME)
async def test_a_hold_lasts_as_long_as_it_says(shop: Shop) -> None:
    held = await shop.held()
    until = held.capture_before or (await shop.fetched(held)).capture_before
    if until is None:
        # Not every provider tells; then it is held for as long as a card scheme promises, and no longer.
        until = shop.house.now() + LONG

    await shop.house.advance((until - shop.house.now()) / 2)

    assert (await shop.fetched(held)).outcome is Outcome.AUTHORIZED


@VOIDS
@pytest.mark.needs(Power.TIME)
async def test_an_expired_hold_can_be_voided_and_stays_ended(shop: Shop) -> None:
    held = await shop.held()
    await shop.house.advance(OVER)

    voided = await shop.void(held)

    assert voided.outcome in (Outcome.VOIDED, Outcome.EXPIRED)
    assert (await shop.provider.fetch_charge(charge_ref=charge_ref_of(held))).outcome in (
        Outcome.VOIDED,
        Outcome.EXPIRED,
    )


def _is_refused_or_told_what_was_taken(result: ChargeResult, taken: Money) -> bool:
    """A request that comes too late is refused, or hears what an earlier one took; never that it took anything."""
    if result.outcome is Outcome.SUCCEEDED:
        return result.captured == taken
    return result.outcome is Outcome.FAILED
