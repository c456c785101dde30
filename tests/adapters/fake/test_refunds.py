import asyncio

from domain.money import Money
from domain.provider import ExecutedAs, Outcome
from tests.adapters.fake.helpers import Shop, look_up, refund_request


async def test_a_charge_is_refunded_in_parts_and_never_beyond(shop: Shop) -> None:
    charge = await shop.charge(amount=Money(20_00, "USD"))

    first = await shop.refund(charge, Money(5_00, "USD"))
    second = await shop.refund(charge, Money(15_00, "USD"))
    beyond = await shop.refund(charge, Money(1, "USD"))

    assert (first.outcome, first.amount, first.executed_as) == (
        Outcome.SUCCEEDED,
        Money(5_00, "USD"),
        ExecutedAs.REFUND,
    )
    assert second.outcome is Outcome.SUCCEEDED
    assert beyond.outcome is Outcome.FAILED
    assert beyond.refusal is not None
    assert beyond.refusal.provider_code == "amount_too_high"
    truth = shop.bank.truth()
    assert truth.charges[0].refunded == 20_00
    assert [refund.amount for refund in truth.refunds] == [5_00, 15_00]


async def test_the_same_refund_again_gives_the_money_back_once(shop: Shop) -> None:
    charge = await shop.charge(amount=Money(20_00, "USD"))

    refunds = await asyncio.gather(
        *(shop.refund(charge, Money(15_00, "USD"), operation_id="op_refund") for _ in range(5))
    )

    assert {refund.outcome for refund in refunds} == {Outcome.SUCCEEDED}
    assert len({refund.refund_ref for refund in refunds}) == 1
    assert shop.bank.truth().charges[0].refunded == 15_00


async def test_a_refusal_is_stored_under_its_key_too(shop: Shop) -> None:
    charge = await shop.charge(amount=Money(20_00, "USD"))
    request = refund_request(charge, Money(30_00, "USD"), "op_refund")

    assert await shop.provider.refund(request) == await shop.provider.refund(request)
    other = await shop.refund(charge, Money(5_00, "USD"), operation_id="op_refund")
    assert other.refusal is not None
    assert other.refusal.provider_code == "idempotency_key_reused"


async def test_what_was_not_captured_cannot_be_refunded(quick_shop: Shop) -> None:
    for token in ("tok_chargeDeclined", "tok_threeDSecureRequired"):
        refund = await quick_shop.refund(await quick_shop.charge(token), Money(1, "USD"))
        assert refund.outcome is Outcome.FAILED
        assert refund.refusal is not None
        assert refund.refusal.provider_code == "charge_not_captured"


async def test_a_refund_in_another_currency_is_refused(quick_shop: Shop) -> None:
    refund = await quick_shop.refund(await quick_shop.charge(), Money(1, "EUR"))

    assert refund.outcome is Outcome.FAILED
    assert refund.refusal is not None
    assert refund.refusal.provider_code == "currency_mismatch"


async def test_a_refund_is_found_by_its_operation(shop: Shop) -> None:
    refund = await shop.refund(await shop.charge(), Money(1_00, "USD"), operation_id="op_refund")
    assert refund.refund_ref is not None

    assert await shop.provider.find_refund(look_up("op_refund")) == refund
    assert await shop.provider.fetch_refund(refund_ref=refund.refund_ref) == refund
    assert await shop.provider.find_refund(look_up("op_never_sent")) is None


async def test_a_refund_that_the_cards_bank_does_not_take_is_failed_and_refundable_again(shop: Shop) -> None:
    charge = await shop.charge("tok_refundFailAtOnce")

    refund = await shop.refund(charge, Money(20_00, "USD"), operation_id="op_refund")

    assert refund.outcome is Outcome.FAILED
    assert refund.refund_ref is not None
    assert refund.refusal is not None
    assert refund.refusal.provider_code == "refund_failed"
    assert shop.bank.truth().charges[0].refunded == 0
    assert await shop.provider.find_refund(look_up("op_refund")) == refund
