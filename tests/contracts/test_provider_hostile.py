"""What a provider can be asked by mistake or on purpose: it answers, and never raises, nor does anything else.

Refs come from the database and from webhooks, tokens and names from clients. None of them may lead a request to another
place at the provider than the one it is about.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.ids import IdPrefix, new_id
from domain.provider import (
    ChargeResult,
    CustomerRequest,
    DisputeResult,
    Outcome,
    PaymentMethodResult,
    ProviderAction,
)
from tests.contracts.houses.house import CardKind, Power, Trait
from tests.contracts.shop import Shop, open_shop, ref_of

TEXTS = {
    "nothing": "",
    "a space": " ",
    "a step up": "../customers",
    "another path": "pi_1/capture",
    "a query": "pi_1?expand[]=customer",
    "a fragment": "pi_1#",
    "an escape": "%2e%2e%2fcustomers",
    "lines": "pi_1\r\nX-Header: 1",
    "a NUL": "pi_\x00",
    "quotes": "pi_1'\"; DROP TABLE charges; --",
    "other letters": "πληρωμή-決済-💳",
    "a lone surrogate": "pi_\ud800",
    "length": "p" * 20_000,
    "brackets": "pi_1[amount]=1&amount=1",
}

CHARGES = pytest.mark.capability(ProviderAction.CHARGE)
NOT_DONE = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_SENT)

Asks = Callable[[Shop, str], Awaitable[Any]]


def charge_named(text: str) -> ChargeResult:
    return ChargeResult(outcome=Outcome.SUCCEEDED, charge_ref=text)


MOVES_MONEY: dict[str, Asks] = {
    "charge a card": lambda shop, text: shop.provider.charge(shop.request(payment_method_ref=text)),
    "charge a token": lambda shop, text: shop.provider.charge(shop.request(payment_method_ref=None, token=text)),
    "capture": lambda shop, text: shop.capture(charge_named(text)),
    "void": lambda shop, text: shop.void(charge_named(text)),
    "refund": lambda shop, text: shop.refund(charge_named(text)),
    "answer a dispute": lambda shop, text: shop.answer(DisputeResult(outcome=Outcome.SUCCEEDED, dispute_ref=text)),
    "accept a dispute": lambda shop, text: shop.accept(DisputeResult(outcome=Outcome.SUCCEEDED, dispute_ref=text)),
}
LOOKS: dict[str, Asks] = {
    "a charge": lambda shop, text: shop.provider.fetch_charge(charge_ref=text),
    "a refund": lambda shop, text: shop.provider.fetch_refund(refund_ref=text),
    "a card": lambda shop, text: shop.provider.fetch_payment_method(payment_method_ref=text),
    "a dispute": lambda shop, text: shop.provider.fetch_dispute(dispute_ref=text),
    "changes": lambda shop, text: shop.provider.changes(since=None, cursor=text or "?"),
}
STORES: dict[str, Asks] = {
    "a token": lambda shop, text: _attach(shop, token=text),
    "a customer": lambda shop, text: _attach(shop, customer_ref=text),
}
TAKES_AWAY: dict[str, Asks] = {
    "detach": lambda shop, text: shop.provider.detach_payment_method(payment_method_ref=text),
    "forget": lambda shop, text: shop.provider.forget_customer(customer_ref=text),
}


async def _attach(shop: Shop, **changed: str) -> PaymentMethodResult:
    request = await shop.attach_request(CardKind.PLAIN)
    return await shop.provider.attach_payment_method(replace(request, **changed))


@CHARGES
async def test_what_is_no_ref_moves_no_money(shop: Shop) -> None:
    charged = await shop.paid()

    outcomes = await _outcomes(shop, MOVES_MONEY)

    assert {asked: outcome for asked, outcome in outcomes.items() if outcome not in NOT_DONE} == {}
    (truth,) = (await shop.house.truth()).taken
    assert (truth.charge_ref, f"{truth.captured:.2f}", f"{truth.refunded:.2f}") == (charged.charge_ref, "20.00", "0.00")


@pytest.mark.capability(ProviderAction.CUSTOMER_ACTION)
@pytest.mark.where(Trait.WAITS_FOR_THE_CUSTOMER)
async def test_what_is_no_ref_waits_for_nobody(shop: Shop) -> None:
    outcomes = await _outcomes(shop, {"continue": lambda shop, text: shop.proceed(charge_named(text))})

    assert {asked: outcome for asked, outcome in outcomes.items() if outcome not in NOT_DONE} == {}


@pytest.mark.capability(ProviderAction.CUSTOMER_ACTION)
@pytest.mark.where(Trait.CHARGES_THE_CONFIRMED)
@pytest.mark.needs(Power.CUSTOMER)
async def test_what_is_no_confirmation_charges_nobody(shop: Shop) -> None:
    asked = await shop.challenged()

    async def proceed(shop: Shop, text: str) -> ChargeResult:
        return await shop.provider.continue_charge(replace(shop.continue_request(asked), token=text))

    outcomes = await _outcomes(shop, {"continue": proceed})

    assert {asked: outcome for asked, outcome in outcomes.items() if outcome not in NOT_DONE} == {}
    assert (await shop.house.truth()).taken == ()


@CHARGES
async def test_what_is_no_ref_shows_nothing(shop: Shop) -> None:
    await shop.paid()

    outcomes = await _outcomes(shop, LOOKS)

    assert {asked: outcome for asked, outcome in outcomes.items() if outcome not in NOT_DONE} == {}


@pytest.mark.capability(ProviderAction.LOOK_UP)
async def test_what_is_no_operation_is_not_found(shop: Shop) -> None:
    charged = await shop.paid()

    for text in TEXTS.values():
        found = await shop.provider.find_charge(shop.look_up(text))
        refund = await shop.provider.find_refund(shop.look_up(text, charge=charged))

        assert found is None or found.outcome is Outcome.UNKNOWN, text[:40]
        assert refund is None or refund.outcome is Outcome.UNKNOWN, text[:40]


@pytest.mark.capability(ProviderAction.ATTACH_PAYMENT_METHOD)
async def test_what_is_no_token_and_nobodys_ref_store_nothing(shop: Shop) -> None:
    outcomes = await _outcomes(shop, STORES)

    assert {asked: outcome for asked, outcome in outcomes.items() if outcome not in NOT_DONE} == {}


@pytest.mark.capability(ProviderAction.DETACH_PAYMENT_METHOD, ProviderAction.FORGET_CUSTOMER)
async def test_what_is_no_card_and_no_customer_takes_none_away(shop: Shop) -> None:
    """What is not there is gone; that is no harm."""
    card, other = await shop.stored(), await open_shop(shop.house)

    outcomes = await _outcomes(shop, TAKES_AWAY)

    assert set(outcomes.values()) <= {Outcome.SUCCEEDED, *NOT_DONE}
    assert (await shop.provider.fetch_payment_method(payment_method_ref=ref_of(card))).outcome is Outcome.SUCCEEDED
    assert (await other.attach()).outcome is Outcome.SUCCEEDED


async def test_a_customer_may_be_called_anything_that_is_text(shop: Shop) -> None:
    for text in TEXTS.values():
        request = CustomerRequest(customer_id=new_id(IdPrefix.CUSTOMER), email="ada@example.org", name=text)

        known = await shop.provider.ensure_customer(request)

        assert known.outcome in (Outcome.SUCCEEDED, Outcome.FAILED), text[:40]
        assert (known.customer_ref is None) == (known.outcome is Outcome.FAILED), text[:40]


async def _outcomes(shop: Shop, asks: dict[str, Asks]) -> dict[str, Outcome]:
    return {
        f"{asked} with {name}": (await ask(shop, text)).outcome
        for name, text in TEXTS.items()
        for asked, ask in asks.items()
    }
