"""Money that goes back: by a void until the sale settles, by a credit afterwards."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.money import Money
from domain.provider import ExecutedAs, Outcome
from tests.adapters.braintree.desk import Desk

TEN, SIX, FOUR = Money(10_00, "USD"), Money(6_00, "USD"), Money(4_00, "USD")
REFUND, REVERSE = "transactions.refund", "transactions.reverse"


async def test_all_of_a_sale_that_has_not_settled_goes_back_by_a_void(desk: Desk) -> None:
    paid = await desk.paid(TEN)

    refund = await desk.refund(paid, TEN, operation_id="op_back")

    assert (refund.outcome, refund.executed_as, refund.amount) == (Outcome.SUCCEEDED, ExecutedAs.VOID, TEN)
    assert (refund.refund_ref, refund.operation_id) == (f"{paid}:void", "op_back")
    seen = await desk.provider.fetch_refund(refund_ref=f"{paid}:void")
    assert (seen.outcome, seen.executed_as, seen.amount) == (Outcome.SUCCEEDED, ExecutedAs.VOID, TEN)
    charge = await desk.provider.fetch_charge(charge_ref=paid)
    assert (charge.outcome, charge.captured, charge.refunded) == (Outcome.SUCCEEDED, TEN, TEN)
    assert await desk.refunds() == []


async def test_a_part_of_a_sale_that_has_not_settled_is_held_back_and_nothing_is_sent(desk: Desk) -> None:
    paid = await desk.paid(TEN)

    refund = await desk.refund(paid, SIX, operation_id="op_part")

    assert (refund.outcome, refund.is_held_back, refund.refund_ref) == (Outcome.PENDING, True, None)
    assert refund.refusal is not None
    assert not refund.refusal.is_key_spent
    assert await desk.requests(REFUND, REVERSE) == []
    await desk.advance(days=2)
    later = await desk.refund(paid, SIX, operation_id="op_part")
    assert (later.outcome, later.executed_as, later.amount) == (Outcome.SUCCEEDED, ExecutedAs.REFUND, SIX)


async def test_what_has_settled_goes_back_in_parts_under_names_of_their_own(desk: Desk) -> None:
    paid = await desk.settled(TEN)

    first, second = await desk.refund(paid, SIX), await desk.refund(paid, FOUR)
    more = await desk.refund(paid, Money(1, "USD"))

    assert [each.outcome for each in (first, second, more)] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED]
    assert (more.refund_ref, first.refund_ref == second.refund_ref) == (None, False)
    assert first.refund_ref is not None
    assert await desk.provider.fetch_refund(refund_ref=first.refund_ref) == first
    assert [each["amount"] for each in await desk.refunds()] == ["6.00", "4.00"]
    assert [each["order_id"] for each in await desk.refunds()] == [
        f"{first.operation_id}.rf_2",
        f"{second.operation_id}.rf_3",
    ]


async def test_a_captured_part_is_the_whole_of_what_can_go_back(desk: Desk) -> None:
    held = await desk.held(TEN)
    await desk.capture(held, SIX)
    refund = await desk.refund(held, SIX)
    assert (refund.outcome, refund.executed_as, refund.amount) == (Outcome.SUCCEEDED, ExecutedAs.VOID, SIX)


async def test_what_was_never_taken_is_not_given_back(desk: Desk) -> None:
    for charge_ref in (await desk.held(), "missing"):
        refund = await desk.refund(charge_ref, TEN)
        assert (refund.outcome, refund.refund_ref) == (Outcome.FAILED, None)
    assert (await desk.sales())[0]["status"] == "authorized"


async def test_a_sale_that_was_voided_for_somebody_else_is_given_back_once(desk: Desk) -> None:
    paid = await desk.paid()
    await desk.sdk(lambda gateway: gateway.transaction.void(paid))
    whole, part = await desk.refund(paid, TEN), await desk.refund(paid, SIX)
    assert (whole.outcome, whole.refund_ref) == (Outcome.SUCCEEDED, f"{paid}:void")
    assert part.outcome is Outcome.FAILED


@pytest.mark.parametrize("amount", [TEN, SIX])
async def test_a_sale_that_settles_while_it_is_looked_at_is_given_back_all_the_same(desk: Desk, amount: Money) -> None:
    """91506 and 915282 say that it is a moment too early, and that nothing was done."""
    paid = await desk.paid()
    await desk.sdk(lambda gateway: gateway.testing.settlement_pending_transaction(paid))
    early = await desk.refund(paid, amount, operation_id="op_early")
    assert (early.outcome, early.is_held_back) == (Outcome.PENDING, True)
    await desk.sdk(lambda gateway: gateway.testing.settle_transaction(paid))
    is_spent = early.refusal is not None and early.refusal.is_key_spent
    later = await desk.refund(paid, amount, operation_id="op_early", is_keyed=not is_spent)
    assert (later.outcome, later.amount) == (Outcome.SUCCEEDED, amount)


async def test_a_reversal_may_come_to_be_a_credit_and_is_known_by_its_operation(desk: Desk) -> None:
    """As when the batch leaves between the look and the deed."""
    paid = await desk.paid(operation_id="op_sale")
    before = datetime.now(UTC) - timedelta(seconds=1)
    await desk.advance(days=2)
    await desk.sdk(lambda gateway: gateway.transaction.reverse(paid))
    look_up = desk.look_up("op_back", charge_ref=paid, amount=TEN, not_before=before)

    found = await desk.provider.find_refund(look_up)
    of_a_part = await desk.provider.find_refund(desk.look_up("op_part", charge_ref=paid, amount=SIX))

    assert found is not None
    assert (found.outcome, found.executed_as, found.amount) == (Outcome.SUCCEEDED, ExecutedAs.REFUND, TEN)
    assert found.operation_id == "op_back"
    assert of_a_part is None


@pytest.mark.parametrize(
    ("kind", "won", "outcome"),
    [
        ("chargeback", None, Outcome.FAILED),
        ("chargeback", False, Outcome.FAILED),
        ("chargeback", True, Outcome.SUCCEEDED),
        ("retrieval", None, Outcome.SUCCEEDED),
    ],
)
async def test_what_a_bank_has_taken_back_is_not_given_back_as_well(
    desk: Desk, kind: str, won: bool | None, outcome: Outcome
) -> None:
    paid = await desk.settled()
    opened = await desk.control("disputes", {"transaction": paid, "kind": kind})
    if won is not None:
        await desk.control("disputes", {"dispute": opened["id"], "won": won})
    refund = await desk.refund(paid, TEN)
    assert (refund.outcome, len(await desk.refunds())) == (outcome, int(outcome is Outcome.SUCCEEDED))


async def test_a_refund_that_was_declined_is_told_with_its_name(desk: Desk) -> None:
    paid = await desk.settled(Money(4100_00, "USD"))
    refund = await desk.refund(paid, Money(2046_00, "USD"))
    hard = await desk.refund(paid, Money(2012_00, "USD"))
    assert refund.outcome is Outcome.SUCCEEDED, "a soft decline is tried again"
    assert hard.outcome is Outcome.FAILED
    assert hard.refund_ref is not None
    assert hard.refusal is not None
    assert (hard.refusal.provider_code, hard.refusal.decline_code) == ("2012", None)


async def test_a_refund_may_fail_when_it_is_to_be_settled(desk: Desk) -> None:
    paid = await desk.settled()
    refund = await desk.refund(paid, SIX)
    assert refund.refund_ref is not None
    ref = refund.refund_ref
    await desk.sdk(lambda gateway: gateway.testing.settlement_decline_transaction(ref))
    seen = await desk.provider.fetch_refund(refund_ref=ref)
    assert (refund.outcome, seen.outcome, seen.refund_ref) == (Outcome.SUCCEEDED, Outcome.FAILED, ref)
    assert seen.refusal is not None
    assert seen.refusal.provider_code == "4001"


async def test_a_refund_is_found_among_those_of_its_sale_however_late_the_search(desk: Desk) -> None:
    await desk.set_up(search_lag_seconds=3600)
    paid = await desk.settled()
    refund = await desk.refund(paid, SIX, operation_id="op_sought")
    await desk.refund(paid, FOUR, operation_id="op_other")
    assert await desk.provider.find_refund(desk.look_up("op_sought", charge_ref=paid, amount=SIX)) == refund
    assert await desk.provider.find_refund(desk.look_up("op_none", charge_ref=paid, amount=SIX)) is None


async def test_a_refund_whose_sale_is_not_known_is_searched_for(desk: Desk) -> None:
    refund = await desk.refund(await desk.settled(), SIX, operation_id="op_sought")
    assert await desk.provider.find_refund(desk.look_up("op_sought")) == refund
    assert await desk.provider.find_refund(desk.look_up("op_none")) is None


async def test_a_void_is_found_by_whoever_asked_for_the_whole(desk: Desk) -> None:
    paid = await desk.paid()
    await desk.refund(paid, TEN, operation_id="op_back")
    found = await desk.provider.find_refund(desk.look_up("op_back", charge_ref=paid, amount=TEN))
    of_a_part = await desk.provider.find_refund(desk.look_up("op_part", charge_ref=paid, amount=SIX))
    assert found is not None
    assert (found.refund_ref, found.operation_id) == (f"{paid}:void", "op_back")
    assert of_a_part is None
