"""Refunds: in full, in part, repeated, never beyond what was taken, and those that come back."""

from dataclasses import replace

import pytest

from domain.money import Money
from domain.provider import ChargeResult, ExecutedAs, Outcome, ProviderAction
from tests.contracts.houses.house import CardKind, Power, Trait
from tests.contracts.shop import LONG, OVER, TWENTY, Shop, charge_ref_of, refund_ref_of

pytestmark = pytest.mark.variants

REFUNDS = pytest.mark.capability(ProviderAction.REFUND)
REFUNDS_PARTS = pytest.mark.capability(ProviderAction.PARTIAL_REFUND)
KEEPS_KEYS = pytest.mark.where(Trait.KEEPS_KEYS)
TAKES_TIME = pytest.mark.needs(Power.TIME)

SEVEN = Money(7_00, "USD")


async def refunded_of(shop: Shop, charge: ChargeResult) -> str:
    return f"{(await shop.truth(charge)).refunded:.2f}"


@REFUNDS
async def test_a_charge_can_be_given_back_right_after_it_was_taken(shop: Shop) -> None:
    """Before it is settled, where a provider settles later: it may release the money instead."""
    charged = await shop.paid()
    request = shop.refund_request(charged)

    refunded = await shop.provider.refund(request)

    assert refunded.outcome is Outcome.SUCCEEDED
    assert (refunded.operation_id, refunded.amount) == (request.operation_id, TWENTY)
    assert refunded.refund_ref
    assert refunded.executed_as in ExecutedAs
    assert refunded.refusal is None
    assert await refunded_of(shop, charged) == "20.00"
    assert (await shop.fetched(charged)).refunded in (None, TWENTY)


@REFUNDS
async def test_a_refunded_charge_has_still_succeeded(shop: Shop) -> None:
    charged = await shop.paid()
    await shop.refund(charged)

    fetched = await shop.fetched(charged)

    assert (fetched.outcome, fetched.captured) == (Outcome.SUCCEEDED, TWENTY)


@REFUNDS
@TAKES_TIME
async def test_a_charge_can_be_given_back_weeks_later(shop: Shop) -> None:
    charged = await shop.paid()
    await shop.house.advance(OVER)

    assert (await shop.refund(charged)).outcome is Outcome.SUCCEEDED
    assert await refunded_of(shop, charged) == "20.00"


@REFUNDS
async def test_a_refund_is_shown_again_as_it_was(shop: Shop) -> None:
    refunded = await shop.refund(await shop.paid())

    fetched = await shop.provider.fetch_refund(refund_ref=refund_ref_of(refunded))

    assert fetched.outcome is Outcome.SUCCEEDED
    assert (fetched.refund_ref, fetched.amount) == (refunded.refund_ref, refunded.amount)
    assert fetched.executed_as is refunded.executed_as
    assert fetched.operation_id in (refunded.operation_id, None)


@REFUNDS
@TAKES_TIME
async def test_a_refund_names_its_operation(shop: Shop) -> None:
    """Where nothing is made that could name one, what was paid is called off, and only its charge tells."""
    charged = await shop.paid()
    await shop.house.advance(LONG)
    request = shop.refund_request(charged)

    refunded = await shop.provider.refund(request)

    assert refunded.executed_as is ExecutedAs.REFUND
    fetched = await shop.provider.fetch_refund(refund_ref=refund_ref_of(refunded))
    assert fetched.operation_id == refunded.operation_id == request.operation_id


@REFUNDS
async def test_what_became_of_a_refund_that_nobody_knows_is_unknown(shop: Shop) -> None:
    refunded = await shop.refund(await shop.settled())

    nobody = refund_ref_of(refunded)[:-6] + "nobody"

    assert (await shop.provider.fetch_refund(refund_ref=nobody)).outcome is Outcome.UNKNOWN


@REFUNDS_PARTS
@pytest.mark.where(Trait.PAYS_REFUNDS_AT_ONCE)
async def test_a_part_can_be_given_back_right_after_it_was_taken(shop: Shop) -> None:
    charged = await shop.paid()

    refunded = await shop.provider.refund(shop.refund_request(charged, SEVEN))

    assert (refunded.outcome, refunded.is_held_back) == (Outcome.SUCCEEDED, False)
    assert await refunded_of(shop, charged) == "7.00"


@REFUNDS_PARTS
@pytest.mark.where(Trait.HOLDS_PARTS_BACK)
async def test_a_part_is_held_back_until_the_whole_has_settled(shop: Shop) -> None:
    charged = await shop.paid()
    request = shop.refund_request(charged, SEVEN)

    early = [await shop.provider.refund(request) for _ in range(2)]
    nothing_yet = await refunded_of(shop, charged)
    await shop.house.settle(charge_ref_of(charged))
    late = await shop.provider.refund(request)

    for held_back in early:
        assert (held_back.outcome, held_back.is_held_back) == (Outcome.PENDING, True)
        assert held_back.refund_ref is None
    assert nothing_yet == "0.00"
    assert (late.outcome, late.operation_id, late.amount) == (Outcome.SUCCEEDED, request.operation_id, SEVEN)
    assert await refunded_of(shop, charged) == "7.00"


@REFUNDS_PARTS
@pytest.mark.where(Trait.HOLDS_PARTS_BACK)
async def test_what_is_held_back_is_not_found(shop: Shop) -> None:
    charged = await shop.paid()
    request = shop.refund_request(charged, SEVEN)
    await shop.provider.refund(request)
    await shop.until_found()

    assert await shop.provider.find_refund(shop.look_up(request.operation_id, charge=charged, amount=SEVEN)) is None


@REFUNDS_PARTS
@pytest.mark.where(Trait.HOLDS_PARTS_BACK)
async def test_what_was_called_off_is_no_refund_of_a_part(shop: Shop) -> None:
    charged = await shop.paid()
    part = shop.refund_request(charged, SEVEN)
    await shop.provider.refund(part)
    await shop.refund(charged)
    await shop.until_found()

    assert await shop.provider.find_refund(shop.look_up(part.operation_id, charge=charged, amount=SEVEN)) is None


@REFUNDS
@pytest.mark.where(Trait.HOLDS_PARTS_BACK)
async def test_the_whole_is_called_off_before_it_settles(shop: Shop) -> None:
    charged = await shop.paid()

    refunded = await shop.provider.refund(shop.refund_request(charged))

    assert (refunded.outcome, refunded.executed_as, refunded.amount) == (Outcome.SUCCEEDED, ExecutedAs.VOID, TWENTY)
    assert await refunded_of(shop, charged) == "20.00"


@REFUNDS_PARTS
async def test_a_part_can_be_given_back(shop: Shop) -> None:
    charged = await shop.paid()

    refunded = await shop.refund(charged, SEVEN)

    assert (refunded.outcome, refunded.amount) == (Outcome.SUCCEEDED, SEVEN)
    assert await refunded_of(shop, charged) == "7.00"
    assert (await shop.fetched(charged)).refunded in (None, SEVEN)


@REFUNDS_PARTS
async def test_parts_can_be_given_back_until_nothing_is_left(shop: Shop) -> None:
    charged = await shop.paid()

    parts = [await shop.refund(charged, SEVEN), await shop.refund(charged, SEVEN)]
    parts.append(await shop.refund(charged, Money(6_00, "USD")))
    beyond = await shop.refund(charged, Money(1_00, "USD"))

    assert [part.outcome for part in parts] == [Outcome.SUCCEEDED] * 3
    assert len({part.refund_ref for part in parts}) == 3
    assert (beyond.outcome, beyond.refund_ref) == (Outcome.FAILED, None)
    assert await refunded_of(shop, charged) == "20.00"


@REFUNDS_PARTS
async def test_more_than_is_left_is_not_given_back(shop: Shop) -> None:
    charged = await shop.paid()
    await shop.refund(charged, SEVEN)

    beyond = await shop.refund(charged, Money(13_01, "USD"))

    assert (beyond.outcome, beyond.refund_ref) == (Outcome.FAILED, None)
    assert beyond.refusal is not None
    assert not beyond.refusal.is_outage
    assert await refunded_of(shop, charged) == "7.00"


@REFUNDS
async def test_more_than_was_taken_is_not_given_back(shop: Shop) -> None:
    charged = await shop.paid()

    beyond = await shop.refund(charged, Money(20_01, "USD"))

    assert (beyond.outcome, beyond.refund_ref) == (Outcome.FAILED, None)
    assert await refunded_of(shop, charged) == "0.00"


@REFUNDS
async def test_a_charge_is_given_back_once(shop: Shop) -> None:
    charged = await shop.settled()
    await shop.refund(charged)

    again = await shop.refund(charged)

    assert (again.outcome, again.refund_ref) == (Outcome.FAILED, None)
    assert await refunded_of(shop, charged) == "20.00"


@REFUNDS
async def test_a_charge_is_given_back_once_right_after_it_was_taken(shop: Shop) -> None:
    """Of what was called off nothing says for whom: then whoever asks hears of the one refund that there is."""
    charged = await shop.paid()
    first = await shop.refund(charged)

    again = await shop.refund(charged)

    assert (again.outcome, again.refund_ref) in ((Outcome.FAILED, None), (Outcome.SUCCEEDED, first.refund_ref))
    assert await refunded_of(shop, charged) == "20.00"


@REFUNDS
@KEEPS_KEYS
async def test_a_refund_that_is_asked_for_twice_happens_once(shop: Shop) -> None:
    charged = await shop.settled()
    request = shop.refund_request(charged, SEVEN)

    first = await shop.provider.refund(request)
    again = await shop.provider.refund(request)

    assert first.outcome is again.outcome is Outcome.SUCCEEDED
    assert first.refund_ref == again.refund_ref
    assert await refunded_of(shop, charged) == "7.00"


@REFUNDS
async def test_what_a_bank_declined_cannot_be_given_back(shop: Shop) -> None:
    declined = await shop.charge(CardKind.DECLINED_LATER)

    refunded = await shop.refund(declined)

    assert (refunded.outcome, refunded.refund_ref) == (Outcome.FAILED, None)


@REFUNDS
async def test_what_is_no_charge_cannot_be_given_back(shop: Shop) -> None:
    charged = await shop.paid()
    nobodys = replace(charged, charge_ref=charge_ref_of(charged)[:-6] + "nobody")

    refunded = await shop.refund(nobodys)

    assert (refunded.outcome, refunded.refund_ref) == (Outcome.FAILED, None)


# --- what takes its time --------------------------------------------------------------------------------------------


@REFUNDS
@TAKES_TIME
@pytest.mark.where(Trait.PONDERS_REFUNDS)
async def test_a_refund_may_take_its_time(shop: Shop) -> None:
    charged = await shop.paid(CardKind.REFUND_PENDING)
    refunded = await shop.refund(charged)
    assert refunded.outcome is Outcome.PENDING
    assert refunded.refund_ref

    beyond = await shop.refund(charged, Money(1_00, "USD"))
    await shop.house.advance(LONG)

    assert (beyond.outcome, beyond.refund_ref) == (Outcome.FAILED, None), "what is on its way back is gone too"
    settled = await shop.provider.fetch_refund(refund_ref=refund_ref_of(refunded))
    assert (settled.outcome, settled.amount) == (Outcome.SUCCEEDED, TWENTY)
    assert await refunded_of(shop, charged) == "20.00"


@REFUNDS
@TAKES_TIME
async def test_a_refund_that_succeeded_may_come_back(shop: Shop) -> None:
    charged = await shop.settled(CardKind.REFUND_COMES_BACK)
    refunded = await shop.refund(charged)
    assert refunded.outcome is Outcome.SUCCEEDED

    await shop.house.advance(LONG)

    returned = await shop.provider.fetch_refund(refund_ref=refund_ref_of(refunded))
    assert (returned.outcome, returned.refund_ref) == (Outcome.FAILED, refunded.refund_ref)
    assert returned.refusal is not None
    assert returned.amount == TWENTY
    assert await refunded_of(shop, charged) == "0.00"
    assert (await shop.fetched(charged)).refunded in (None, Money.zero("USD"))


@REFUNDS
@TAKES_TIME
async def test_money_that_came_back_can_be_given_back_again(shop: Shop) -> None:
    charged = await shop.settled(CardKind.REFUND_COMES_BACK)
    await shop.refund(charged)
    await shop.house.advance(LONG)

    again = await shop.refund(charged)

    assert again.outcome is Outcome.SUCCEEDED
    assert await refunded_of(shop, charged) == "20.00"


@REFUNDS
@KEEPS_KEYS
@TAKES_TIME
async def test_a_repeated_refund_is_answered_as_it_was_at_first(shop: Shop) -> None:
    """What became of it since, only looking tells; and no second refund is made of one that came back."""
    charged = await shop.settled(CardKind.REFUND_COMES_BACK)
    request = shop.refund_request(charged)
    first = await shop.provider.refund(request)
    lifetime = shop.provider.key_lifetime
    if lifetime is not None:
        await shop.house.advance(lifetime / 2)

    again = await shop.provider.refund(request)

    assert again.refund_ref == first.refund_ref
    assert again.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
    assert await refunded_of(shop, charged) == "0.00"
