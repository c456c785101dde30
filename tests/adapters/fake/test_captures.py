"""Amounts that are held first: captured once, in full or in part, or released."""

from datetime import timedelta

import pytest

from adapters.fake.charges import expire_waiting, finish_challenge
from domain.money import Money
from domain.provider import ChargeResult, Outcome, RedirectAction
from tests.adapters.fake.helpers import NOON, Shop, look_up


def usd(amount: int) -> Money:
    return Money(amount, "USD")


async def fetched(shop: Shop, charge: ChargeResult) -> ChargeResult:
    assert charge.charge_ref is not None
    return await shop.provider.fetch_charge(charge_ref=charge.charge_ref)


async def test_an_amount_is_held_for_seven_days_and_not_taken(shop: Shop) -> None:
    held = await shop.hold(amount=usd(20_00))

    assert held.outcome is Outcome.AUTHORIZED
    assert (held.authorized, held.captured) == (usd(20_00), usd(0))
    assert held.capture_before == NOON + timedelta(days=7)
    assert shop.bank.truth().charges[0].captured == 0


@pytest.mark.parametrize("amount", [20_00, 7_50, 1])
async def test_all_or_a_part_is_captured_once(shop: Shop, amount: int) -> None:
    held = await shop.hold(amount=usd(20_00))

    captured = await shop.capture(held, usd(amount))

    assert captured.outcome is Outcome.SUCCEEDED
    assert (captured.authorized, captured.captured, captured.capture_before) == (usd(20_00), usd(amount), None)
    again = await shop.capture(held, usd(1))
    assert (again.outcome, again.refusal and again.refusal.provider_code) == (Outcome.FAILED, "charge_not_capturable")
    assert shop.bank.truth().charges[0].captured == amount


async def test_the_same_capture_again_gets_the_first_answer(shop: Shop) -> None:
    held = await shop.hold()

    first = await shop.capture(held, usd(5_00), operation_id="op_capture")
    assert await shop.capture(held, usd(5_00), operation_id="op_capture") == first
    other = await shop.capture(held, usd(6_00), operation_id="op_capture")

    assert other.refusal is not None
    assert other.refusal.provider_code == "idempotency_key_reused"
    found = await shop.provider.find_charge(look_up("op_capture"))
    assert found is not None
    assert (found.charge_ref, found.captured) == (held.charge_ref, usd(5_00))


@pytest.mark.parametrize(
    ("amount", "code"),
    [(Money(20_01, "USD"), "amount_too_large"), (Money(20_00, "EUR"), "currency_mismatch")],
)
async def test_a_capture_of_what_is_not_held_is_refused(shop: Shop, amount: Money, code: str) -> None:
    held = await shop.hold(amount=usd(20_00))

    refused = await shop.capture(held, amount)

    assert (refused.outcome, refused.refusal and refused.refusal.provider_code) == (Outcome.FAILED, code)
    assert (await fetched(shop, held)).outcome is Outcome.AUTHORIZED


async def test_a_hold_is_released_by_a_void(shop: Shop) -> None:
    held = await shop.hold()

    voided = await shop.void(held)

    assert (voided.outcome, voided.captured) == (Outcome.VOIDED, usd(0))
    assert (await shop.capture(held, usd(1))).outcome is Outcome.FAILED


async def test_a_void_that_comes_after_the_capture_says_so(shop: Shop) -> None:
    held = await shop.hold()
    await shop.capture(held, usd(4_00))

    late = await shop.void(held)

    assert (late.outcome, late.captured) == (Outcome.SUCCEEDED, usd(4_00))


async def test_a_hold_that_is_not_captured_in_time_is_over(shop: Shop) -> None:
    held = await shop.hold()
    shop.clock.advance(days=7, seconds=-1)
    assert (await fetched(shop, held)).outcome is Outcome.AUTHORIZED

    shop.clock.advance(seconds=1)

    assert (await shop.capture(held, usd(1))).outcome is Outcome.FAILED
    over = await fetched(shop, held)
    assert over.outcome is Outcome.EXPIRED
    assert over.refusal is not None
    assert over.refusal.provider_code == "authorization_expired"


async def test_the_bank_tells_of_holds_that_are_over_without_being_asked(shop: Shop) -> None:
    await shop.hold()
    shop.clock.advance(days=8)

    await shop.bank.run(expire_waiting)

    with shop.bank.open() as books:
        kinds = [row["kind"] for row in books.all("SELECT json_extract(body, '$.kind') AS kind FROM events")]
    assert kinds[-2:] == ["charge.authorized", "charge.failed"]


async def test_a_confirmed_payment_is_held_too(shop: Shop) -> None:
    waiting = await shop.hold("tok_threeDSecureRequired", usd(20_00))
    assert waiting.outcome is Outcome.REQUIRES_ACTION
    assert isinstance(waiting.next_action, RedirectAction)
    challenge = waiting.next_action.url.rpartition("/")[2]

    await shop.bank.run(lambda books: finish_challenge(books, challenge, confirmed=True))

    held = await shop.resume(waiting)
    assert (held.outcome, held.authorized, held.captured) == (Outcome.AUTHORIZED, usd(20_00), usd(0))
    assert (await shop.capture(held, usd(20_00))).outcome is Outcome.SUCCEEDED


async def test_what_was_captured_can_be_refunded_and_no_more(shop: Shop) -> None:
    held = await shop.hold(amount=usd(20_00))
    captured = await shop.capture(held, usd(5_00))

    assert (await shop.refund(captured, usd(5_01))).outcome is Outcome.FAILED
    assert (await shop.refund(captured, usd(5_00))).outcome is Outcome.SUCCEEDED
