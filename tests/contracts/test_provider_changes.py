"""What a provider lists for reconciliation: everything since a moment, page by page, also what is none of ours."""

from datetime import timedelta

import pytest

from domain.money import Money
from domain.provider import Outcome, ProviderAction
from tests.contracts.houses.house import CardKind, Fault, Power
from tests.contracts.shop import LONG, OVER, TWENTY, Shop, refund_ref_of

LISTS = pytest.mark.capability(ProviderAction.LIST_CHANGES)
A_DAY = timedelta(days=1)
A_MOMENT = timedelta(seconds=2)
CROWD = 120
"""More than a page holds."""


@LISTS
async def test_a_charge_is_listed(shop: Shop) -> None:
    since = shop.house.now() - A_MOMENT
    request = await shop.charge_request(amount=Money(12_34, "USD"))
    charged = await shop.provider.charge(request)

    (listed, *more) = (await shop.listed(since=since)).charges

    assert {each.charge_ref for each in more} <= {charged.charge_ref}, "it may come more than once"
    assert listed.charge_ref == listed.picture.charge_ref == charged.charge_ref
    assert listed.charge_id in (request.charge_id, None)
    assert listed.order_id in (request.metadata["paydesk_order"], None)
    assert listed.livemode is shop.provider.livemode
    assert since <= listed.made_at <= shop.house.now() + A_MOMENT
    assert listed.picture.outcome is Outcome.SUCCEEDED
    assert listed.picture.operation_id == request.operation_id
    assert (listed.picture.authorized, listed.picture.captured) == (request.amount, request.amount)


@LISTS
async def test_what_we_wrote_to_a_charge_is_listed_with_it(shop: Shop) -> None:
    request = await shop.charge_request()
    await shop.provider.charge(request)

    (listed, *_) = (await shop.listed()).charges

    assert (listed.charge_id, listed.order_id) == (request.charge_id, request.metadata["paydesk_order"])


@LISTS
async def test_a_refund_is_listed(shop: Shop) -> None:
    charged = await shop.settled()
    request = shop.refund_request(charged, Money(7_00, "USD"))
    refunded = await shop.provider.refund(request)

    (listed, *_) = (await shop.listed()).refunds

    assert listed.refund_ref == listed.picture.refund_ref == refunded.refund_ref
    assert listed.refund_id in (request.refund_id, None)
    assert listed.charge_ref == charged.charge_ref
    assert listed.livemode is shop.provider.livemode
    assert listed.picture.outcome is Outcome.SUCCEEDED
    assert (listed.picture.operation_id, listed.picture.amount) == (request.operation_id, request.amount)


@LISTS
async def test_what_we_wrote_to_a_refund_is_listed_with_it(shop: Shop) -> None:
    request = shop.refund_request(await shop.settled(), Money(7_00, "USD"))
    await shop.provider.refund(request)

    (listed, *_) = (await shop.listed()).refunds

    assert listed.refund_id == request.refund_id


@LISTS
async def test_a_charge_that_was_given_back_before_it_settled_is_listed_with_that(shop: Shop) -> None:
    charged = await shop.paid()
    refunded = await shop.refund(charged)

    page = await shop.listed()

    assert {each.picture.outcome for each in page.charges} == {Outcome.SUCCEEDED}
    (refund,) = {each.refund_ref: each for each in page.refunds}.values()
    assert (refund.refund_ref, refund.charge_ref) == (refunded.refund_ref, charged.charge_ref)
    assert (refund.picture.outcome, refund.picture.amount) == (Outcome.SUCCEEDED, TWENTY)


@LISTS
async def test_declined_charges_are_listed_too(shop: Shop) -> None:
    declined = await shop.charge(CardKind.DECLINED_LATER)

    outcomes = {each.charge_ref: each.picture.outcome for each in (await shop.listed()).charges}

    assert outcomes == {declined.charge_ref: Outcome.DECLINED}


@LISTS
@pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.PARTIAL_CAPTURE)
async def test_a_list_shows_how_things_are_now(shop: Shop) -> None:
    held = await shop.held()
    await shop.capture(held, Money(12_00, "USD"))
    await shop.refund(held, Money(2_00, "USD"))

    pictures = [each.picture for each in (await shop.listed()).charges if each.charge_ref == held.charge_ref]

    assert pictures
    assert {picture.outcome for picture in pictures} == {Outcome.SUCCEEDED}
    assert {picture.captured for picture in pictures} == {Money(12_00, "USD")}


@LISTS
async def test_what_others_did_at_the_account_is_listed(shop: Shop) -> None:
    theirs = await shop.house.stranger_charges(TWENTY)
    their_refund = await shop.house.stranger_refunds(theirs, Money(5_00, "USD"))
    ours = await shop.paid()

    page = await shop.listed()

    charges = {each.charge_ref: each for each in page.charges}
    assert set(charges) == {theirs, ours.charge_ref}
    assert charges[theirs].order_id is None
    assert charges[theirs].charge_id is None
    assert charges[theirs].picture.captured == TWENTY
    (refund,) = {each.refund_ref: each for each in page.refunds}.values()
    assert (refund.refund_ref, refund.charge_ref, refund.picture.amount) == (their_refund, theirs, Money(5_00, "USD"))


@LISTS
async def test_a_refund_that_others_made_of_our_charge_is_listed(shop: Shop) -> None:
    charged = await shop.paid()

    theirs = await shop.house.stranger_refunds(charged.charge_ref or "", TWENTY)

    (refund,) = {each.refund_ref: each for each in (await shop.listed()).refunds}.values()
    assert (refund.refund_ref, refund.charge_ref) == (theirs, charged.charge_ref)


@LISTS
@pytest.mark.needs(Power.TIME)
async def test_what_did_not_change_since_is_left_out(shop: Shop) -> None:
    old = await shop.paid()
    await shop.house.advance(LONG)
    since = shop.house.now() - A_MOMENT
    new = await shop.paid()

    listed = {each.charge_ref for each in (await shop.listed(since=since)).charges}

    assert listed == {new.charge_ref}
    assert old.charge_ref in {each.charge_ref for each in (await shop.listed()).charges}


@LISTS
@pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.CAPTURE, ProviderAction.VOID)
@pytest.mark.needs(Power.TIME)
async def test_what_was_made_before_and_changed_since_is_listed(shop: Shop) -> None:
    held, waiting, kept = await shop.held(), await shop.held(), await shop.held()
    await shop.house.advance(A_DAY)
    since = shop.house.now() - A_MOMENT
    await shop.capture(held)
    await shop.void(waiting)

    outcomes = {each.charge_ref: each.picture.outcome for each in (await shop.listed(since=since)).charges}

    assert outcomes == {held.charge_ref: Outcome.SUCCEEDED, waiting.charge_ref: Outcome.VOIDED}
    assert kept.charge_ref not in outcomes


@LISTS
@pytest.mark.needs(Power.TIME)
async def test_a_refund_that_came_back_since_is_listed(shop: Shop) -> None:
    refunded = await shop.refund(await shop.settled(CardKind.REFUND_COMES_BACK))
    since = shop.house.now() + A_MOMENT
    await shop.house.advance(LONG)

    outcomes = {each.refund_ref: each.picture.outcome for each in (await shop.listed(since=since)).refunds}

    assert outcomes == {refund_ref_of(refunded): Outcome.FAILED}


@LISTS
@pytest.mark.capability(ProviderAction.AUTHORIZE)
@pytest.mark.needs(Power.TIME)
async def test_a_hold_that_expired_since_is_listed(shop: Shop) -> None:
    held = await shop.held()
    await shop.house.advance(A_DAY)
    since = shop.house.now()
    await shop.house.advance(OVER)

    outcomes = {each.charge_ref: each.picture.outcome for each in (await shop.listed(since=since)).charges}

    assert outcomes == {held.charge_ref: Outcome.EXPIRED}


@LISTS
async def test_an_account_at_which_nothing_happened_lists_nothing(shop: Shop) -> None:
    page = await shop.listed(since=shop.house.began or shop.house.now() - A_DAY)

    assert page.outcome is Outcome.SUCCEEDED
    assert (page.charges, page.refunds, page.disputes) == ((), (), ())


@LISTS
@pytest.mark.needs(Power.CROWD)
async def test_a_long_list_is_read_page_by_page(shop: Shop) -> None:
    since = shop.house.now() - A_MOMENT
    made = {await shop.house.stranger_charges(Money(1_00 + number, "USD")) for number in range(CROWD)}

    first = await shop.provider.changes(since=since, cursor=None)
    whole = {each.charge_ref: each.picture.captured for each in (await shop.listed(since=since)).charges}

    assert first.cursor is not None
    assert len({each.charge_ref for each in first.charges}) < CROWD
    assert set(whole) == made
    assert set(whole.values()) == {Money(1_00 + number, "USD") for number in range(CROWD)}


@LISTS
async def test_a_cursor_that_is_none_is_answered_and_not_raised(shop: Shop) -> None:
    page = await shop.provider.changes(since=None, cursor="no cursor of this list")

    assert page.outcome is not Outcome.SUCCEEDED
    assert page.refusal is not None


@LISTS
@pytest.mark.needs(Power.WIRE)
@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HTML, Fault.TRUNCATED, Fault.EMPTY, Fault.CLOSED])
async def test_a_list_that_cannot_be_read_is_no_empty_list(shop: Shop, fault: Fault) -> None:
    await shop.paid()

    async with shop.house.broken(fault):
        page = await shop.provider.changes(since=None, cursor=None)

    assert (page.outcome, page.charges, page.cursor) == (Outcome.UNKNOWN, (), None)
    assert page.refusal is not None
    assert page.refusal.is_outage
