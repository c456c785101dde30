"""What the bank lists, in process and over HTTP: everything that happened since a moment, page by page."""

from datetime import datetime

import pytest

from adapters.fake import changes
from domain.money import Money
from domain.provider import ChangesPage, ListedCharge, ListedRefund, Outcome
from tests.adapters.fake.helpers import Shop


async def listed(shop: Shop, since: datetime | None = None) -> tuple[list[ListedCharge], list[ListedRefund], int]:
    """All of it, and in how many pages."""
    charges: list[ListedCharge] = []
    refunds: list[ListedRefund] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = await shop.provider.changes(since=since, cursor=cursor)
        assert page.outcome is Outcome.SUCCEEDED
        charges += page.charges
        refunds += page.refunds
        cursor, pages = page.cursor, pages + 1
    return charges, refunds, pages


async def test_charges_and_refunds_are_listed_as_they_are_now(shop: Shop) -> None:
    request = await shop.charge_request()
    charge = await shop.provider.charge(request)
    refund = await shop.refund(charge, Money(5_00, "USD"), operation_id="op_refund")
    declined = await shop.charge("tok_chargeDeclined")

    charges, refunds, _ = await listed(shop)

    assert [each.charge_ref for each in charges] == [charge.charge_ref, declined.charge_ref]
    taken = charges[0]
    assert (taken.charge_id, taken.livemode) == (None, False)
    assert (taken.picture.operation_id, taken.picture.outcome) == (request.operation_id, Outcome.SUCCEEDED)
    assert (taken.picture.captured, taken.picture.refunded) == (Money(20_00, "USD"), Money(5_00, "USD"))
    assert taken.made_at == shop.clock.now()
    assert charges[1].picture.outcome is Outcome.DECLINED
    (back,) = refunds
    assert (back.refund_ref, back.charge_ref) == (refund.refund_ref, charge.charge_ref)
    assert (back.refund_id, back.picture) == ("ref_of_op_refund", refund)


async def test_a_later_change_brings_an_old_charge_back_into_the_list(shop: Shop) -> None:
    held, old = await shop.hold(), await shop.charge()
    shop.clock.advance(days=3)
    since = shop.clock.now()
    shop.clock.advance(hours=1)
    await shop.capture(held, Money(7_00, "USD"))
    new = await shop.charge()

    charges, _, _ = await listed(shop, since)

    assert [each.charge_ref for each in charges] == [held.charge_ref, new.charge_ref]
    assert charges[0].picture.captured == Money(7_00, "USD")
    everything, _, _ = await listed(shop)
    assert old.charge_ref in [each.charge_ref for each in everything]
    shop.clock.advance(seconds=1)
    assert (await listed(shop, shop.clock.now())) == ([], [], 1)


async def test_pages_lead_to_one_another_until_the_last(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAGE", 2)
    refs = [(await shop.charge()).charge_ref for _ in range(5)]

    charges, _, pages = await listed(shop)

    assert [each.charge_ref for each in charges] == refs
    assert pages > 2


async def test_what_a_customer_confirms_with_is_not_in_the_list(shop: Shop) -> None:
    charge = await shop.charge("tok_threeDSecureRequired")

    (listing,), _, _ = await listed(shop)

    assert charge.next_action is not None
    assert (listing.picture.outcome, listing.picture.next_action) == (Outcome.REQUIRES_ACTION, None)


@pytest.mark.parametrize("fault", ["refuse", "error", "rate_limit", "lose_answer", "hang", "html", "truncate", "empty"])
async def test_a_list_without_a_usable_answer_is_unknown(quick_shop: Shop, fault: str) -> None:
    await quick_shop.charge()
    quick_shop.bank.misbehave(f"changes#1={fault}")

    page = await quick_shop.provider.changes(since=None, cursor=None)

    assert (page.outcome, page.charges, page.cursor) == (Outcome.UNKNOWN, (), None)
    assert page.refusal is not None
    assert len((await quick_shop.provider.changes(since=None, cursor=None)).charges) == 1


@pytest.mark.parametrize("cursor", ["x", "-1", "1" * 30, "١"])
async def test_a_cursor_of_somebody_else_is_no_list(quick_shop: Shop, cursor: str) -> None:
    page = await quick_shop.provider.changes(since=None, cursor=cursor)

    assert page == ChangesPage(outcome=Outcome.UNKNOWN, refusal=page.refusal)
    assert page.refusal is not None
    assert page.refusal.provider_code == "field_invalid"


async def test_one_object_that_cannot_be_read_does_not_hide_the_others(quick_shop: Shop) -> None:
    odd, good = await quick_shop.charge(), await quick_shop.charge()
    await quick_shop.bank.run(
        lambda books: books.write("UPDATE charges SET currency = 'XXX' WHERE ref = ?", odd.charge_ref)
    )

    charges, _, _ = await listed(quick_shop)

    assert [each.charge_ref for each in charges] == [odd.charge_ref, good.charge_ref]
    assert [each.picture.outcome for each in charges] == [Outcome.UNKNOWN, Outcome.SUCCEEDED]
