"""Amounts: what a customer is charged is what the request said, to the last unit of the currency, or nothing.

Minor units are ours. A provider may count a currency otherwise (Stripe has two decimals for ISK and none for MGA), so
everything here is compared in major units with the provider's own books.
"""

from decimal import Decimal

import pytest

from domain.money import Money
from domain.provider import CaptureMode, ChargeResult, Outcome, ProviderAction
from tests.contracts.houses.house import Power
from tests.contracts.shop import Shop

CHARGES = pytest.mark.capability(ProviderAction.CHARGE)
IN_ALL = pytest.mark.needs(Power.CURRENCIES)

AMOUNTS = [
    (Money(12_34, "USD"), "12.34"),
    (Money(1_999, "JPY"), "1999"),
    (Money(4_500, "ISK"), "4500"),
    (Money(25_000, "UGX"), "25000"),
    (Money(30_000_00, "MGA"), "30000"),
    (Money(1_230, "KWD"), "1.23"),
    (Money(5_500, "KRW"), "5500"),
    (Money(10_00, "EUR"), "10"),
]
"""As we write it, and in major units. Every provider has words for these."""
ODD = [Money(30_000_50, "MGA"), Money(1_234, "KWD"), Money(4_501, "ISK"), Money(25_001, "UGX"), Money(1_001, "JPY")]
"""With as many decimals as ISO 4217 gives to the currency; a provider may have fewer, or coarser ones."""


def named(value: object) -> str:
    return str(value)


def plenty(amount: Money) -> Money:
    """More than any of these in the same currency, and not more than a card takes."""
    return Money(60_000 * 10**amount.exponent, amount.currency)


async def taken(shop: Shop, charge: ChargeResult) -> Decimal:
    return (await shop.truth(charge)).captured


@CHARGES
@IN_ALL
@pytest.mark.parametrize(("amount", "major"), AMOUNTS, ids=named)
async def test_a_customer_pays_exactly_what_was_asked(shop: Shop, amount: Money, major: str) -> None:
    charged = await shop.paid(amount=amount)

    assert charged.captured == charged.authorized == amount
    assert await taken(shop, charged) == Decimal(major)
    assert (await shop.truth(charged)).currency == amount.currency
    assert (await shop.fetched(charged)).captured == amount


@pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.PARTIAL_REFUND)
@IN_ALL
@pytest.mark.parametrize(("amount", "major"), AMOUNTS, ids=named)
async def test_a_customer_gets_exactly_that_back(shop: Shop, amount: Money, major: str) -> None:
    charged = await shop.settled(amount=amount * 3)

    refunded = await shop.refund(charged, amount)

    assert (refunded.outcome, refunded.amount) == (Outcome.SUCCEEDED, amount)
    assert (await shop.truth(charged)).refunded == Decimal(major)
    assert (await shop.fetched(charged)).refunded in (None, amount)


@pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.PARTIAL_CAPTURE)
@IN_ALL
@pytest.mark.parametrize(("amount", "major"), AMOUNTS, ids=named)
async def test_exactly_that_is_captured(shop: Shop, amount: Money, major: str) -> None:
    held = await shop.held(amount * 2)

    captured = await shop.capture(held, amount)

    assert captured.captured == amount
    assert await taken(shop, held) == Decimal(major)


@IN_ALL
@pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.LIST_CHANGES)
async def test_a_list_shows_the_same_amounts(shop: Shop) -> None:
    charges = [await shop.paid(amount=amount) for amount, _ in AMOUNTS]

    listed = {each.charge_ref: each.picture.captured for each in (await shop.listed()).charges}

    assert [listed[charge.charge_ref or ""] for charge in charges] == [amount for amount, _ in AMOUNTS]


@CHARGES
@IN_ALL
@pytest.mark.parametrize("amount", ODD, ids=named)
async def test_an_amount_is_charged_exactly_or_not_at_all(shop: Shop, amount: Money) -> None:
    charged = await shop.charge(amount=amount)

    if amount in shop.house.unrepresentable:
        assert charged.outcome is Outcome.FAILED
        assert charged.refusal is not None
        assert (await shop.house.truth()).charges == ()
    else:
        assert (charged.outcome, charged.captured) == (Outcome.SUCCEEDED, amount)
        assert await taken(shop, charged) == amount.decimal


@pytest.mark.capability(ProviderAction.AUTHORIZE, ProviderAction.PARTIAL_CAPTURE)
@IN_ALL
@pytest.mark.parametrize("amount", ODD, ids=named)
async def test_an_amount_is_captured_exactly_or_not_at_all(shop: Shop, amount: Money) -> None:
    held = await shop.held(plenty(amount))

    captured = await shop.capture(held, amount)

    if amount in shop.house.unrepresentable:
        assert captured.outcome is Outcome.FAILED
        assert await taken(shop, held) == 0
    else:
        assert (captured.outcome, captured.captured) == (Outcome.SUCCEEDED, amount)
        assert await taken(shop, held) == amount.decimal


@pytest.mark.capability(ProviderAction.CHARGE, ProviderAction.PARTIAL_REFUND)
@IN_ALL
@pytest.mark.parametrize("amount", ODD, ids=named)
async def test_an_amount_is_given_back_exactly_or_not_at_all(shop: Shop, amount: Money) -> None:
    charged = await shop.settled(amount=plenty(amount))

    refunded = await shop.refund(charged, amount)

    if amount in shop.house.unrepresentable:
        assert (refunded.outcome, refunded.refund_ref) == (Outcome.FAILED, None)
        assert (await shop.truth(charged)).refunded == 0
    else:
        assert (refunded.outcome, refunded.amount) == (Outcome.SUCCEEDED, amount)
        assert (await shop.truth(charged)).refunded == amount.decimal


@CHARGES
@pytest.mark.parametrize("capture", CaptureMode)
async def test_nothing_is_no_amount(shop: Shop, capture: CaptureMode) -> None:
    charged = await shop.charge(amount=Money.zero("USD"), capture=capture)

    assert charged.outcome is Outcome.FAILED
    assert (await shop.house.truth()).taken == ()


@CHARGES
@IN_ALL
@pytest.mark.parametrize("currency", [amount.currency for amount, _ in AMOUNTS])
async def test_the_least_amount_is_charged_and_less_is_refused(shop: Shop, currency: str) -> None:
    least = shop.provider.least_amount(currency)
    least = least if least.is_positive else Money(1, currency)

    less = await shop.charge(amount=least - Money(1, currency))
    charged = await shop.charge(amount=least)

    assert (less.outcome, charged.outcome, charged.captured) == (Outcome.FAILED, Outcome.SUCCEEDED, least)
    assert [charge.captured for charge in (await shop.house.truth()).taken] == [least.decimal]


@CHARGES
async def test_more_than_a_provider_can_count_is_refused(shop: Shop) -> None:
    charged = await shop.charge(amount=Money(2**53 - 1, "JPY"))

    assert charged.outcome in (Outcome.FAILED, Outcome.SUCCEEDED)
    assert [charge.captured for charge in (await shop.house.truth()).taken] in ([], [Decimal(2**53 - 1)])
