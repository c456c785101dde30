"""Charges, captures and voids at Braintree."""

import asyncio
from dataclasses import replace

import pytest

from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import CaptureMode, CardBrand, Initiator, Outcome
from tests.adapters.braintree.desk import VISA, Desk

TEN, SIX, NOTHING = Money(10_00, "USD"), Money(6_00, "USD"), Money(0, "USD")


async def test_a_charge_takes_what_was_asked_and_tells_of_the_card(desk: Desk) -> None:
    charge = await desk.charge(TEN, operation_id="op_one")
    assert (charge.outcome, charge.operation_id) == (Outcome.SUCCEEDED, "op_one")
    assert (charge.authorized, charge.captured, charge.refunded) == (TEN, TEN, NOTHING)
    assert charge.payment_method is not None
    assert charge.payment_method.card is not None
    assert (charge.payment_method.card.brand, charge.payment_method.card.last4) == (CardBrand.VISA, "1881")
    assert charge.payment_method.payment_method_ref is None, "it is not kept"
    assert charge.payment_method.card_fingerprint is not None


async def test_a_card_that_is_charged_may_be_kept_and_charged_again(desk: Desk) -> None:
    first = await desk.charge(token=await desk.nonce(), store_card=True)
    assert first.payment_method is not None
    card = first.payment_method.payment_method_ref
    assert card is not None

    again = await desk.charge(card=card, initiator=Initiator.RECURRING)

    assert again.outcome is Outcome.SUCCEEDED
    assert again.payment_method is not None
    assert again.payment_method.payment_method_ref == card


async def test_a_card_that_is_declined_is_not_kept(desk: Desk) -> None:
    charge = await desk.charge(Money(2001_00, "USD"), token=await desk.nonce(), store_card=True)
    assert charge.payment_method is not None
    assert (charge.outcome, charge.payment_method.payment_method_ref) == (Outcome.DECLINED, None)
    assert [each["payment_methods"] for each in (await desk.control("truth"))["customers"]] == [[]]


async def test_anothers_card_is_not_charged(desk: Desk) -> None:
    card = await desk.card()
    desk.customer_ref = await desk.customer("cus_2")
    charge = await desk.charge(card=card)
    assert charge.outcome is Outcome.FAILED
    assert charge.refusal is not None
    assert charge.refusal.provider_code == "91516"
    assert await desk.sales() == []


@pytest.mark.parametrize(
    ("initiator", "source"),
    [
        (Initiator.CUSTOMER, None),
        (Initiator.RECURRING, "recurring"),
        (Initiator.UNSCHEDULED, "unscheduled"),
        (Initiator.INSTALMENT, "installment"),
    ],
)
async def test_who_started_a_charge_is_told_to_the_bank(desk: Desk, initiator: Initiator, source: str | None) -> None:
    await desk.charge(card=await desk.card(), initiator=initiator)
    assert [each["source"] for each in await desk.sales()] == [source]


@pytest.mark.parametrize(
    ("amount", "code", "provider_code", "issuer_code"),
    [
        (2001_00, DeclineCode.INSUFFICIENT_FUNDS, "2001", "XX"),
        (2004_00, DeclineCode.CARD_EXPIRED, "2004", "XX"),
        (2999_00, DeclineCode.GENERIC_DECLINE, "2999", "XX"),
        (3000_00, DeclineCode.PROCESSING_ERROR, "3000", "XX"),
        (5001_00, DeclineCode.PROCESSING_ERROR, "application_incomplete", None),
    ],
)
async def test_a_decline_is_told_in_three_layers(
    desk: Desk, amount: int, code: DeclineCode, provider_code: str, issuer_code: str | None
) -> None:
    charge = await desk.charge(Money(amount, "USD"))
    assert (charge.outcome, charge.captured, charge.authorized) == (Outcome.DECLINED, NOTHING, NOTHING)
    assert charge.charge_ref is not None
    assert charge.refusal is not None
    assert (charge.refusal.decline_code, charge.refusal.provider_code) == (code, provider_code)
    assert charge.refusal.issuer_code == issuer_code
    assert (await desk.provider.fetch_charge(charge_ref=charge.charge_ref)).refusal == charge.refusal


async def test_the_gateways_own_no_is_a_decline(desk: Desk) -> None:
    charge = await desk.charge(token="fake-gateway-rejected-fraud-nonce")
    assert charge.refusal is not None
    assert (charge.outcome, charge.refusal.decline_code) == (Outcome.DECLINED, DeclineCode.FRAUD_SUSPECTED)
    assert charge.refusal.provider_code == "fraud"


@pytest.mark.parametrize("token", ["fake-consumed-nonce", "tokencc_nobodys", "fake-luhn-invalid-nonce"])
async def test_a_nonce_that_is_none_is_refused(desk: Desk, token: str) -> None:
    charge = await desk.charge(token=token)
    assert (charge.outcome, charge.charge_ref) == (Outcome.FAILED, None)


@pytest.mark.parametrize("token", ["../customers/cus_1", "a b", "<nonce>", "\ud800", "n" * 300])
async def test_what_has_no_shape_of_a_nonce_is_not_sent(desk: Desk, token: str) -> None:
    before = len(await desk.requests())
    assert (await desk.charge(token=token)).outcome is Outcome.FAILED
    assert len(await desk.requests()) == before


@pytest.mark.parametrize(("card", "customer"), [("", None), (" ", None), ("../x", None), ("pm_1", ""), ("pm_1", "a\0")])
async def test_a_charge_without_a_card_or_a_customer_charges_nobodys_default_card(
    desk: Desk, card: str, customer: str | None
) -> None:
    await desk.card()
    desk.customer_ref = desk.customer_ref if customer is None else customer
    charge = await desk.provider.charge(replace(desk.charge_request(), token=None, payment_method_ref=card))
    assert charge.outcome is Outcome.FAILED
    assert await desk.requests("transactions.create") == []


async def test_a_currency_without_a_merchant_account_is_refused_before_anything_is_sent(desk: Desk) -> None:
    before = len(await desk.requests())
    charge = await desk.charge(Money(10_00, "SEK"))
    assert charge.outcome is Outcome.FAILED
    assert charge.refusal is not None
    assert charge.refusal.message == "No merchant account at Braintree takes SEK: see BRAINTREE_MERCHANT_ACCOUNTS."
    assert len(await desk.requests()) == before
    assert desk.provider.currencies == frozenset({"USD", "EUR", "GBP", "JPY", "KWD"})


@pytest.mark.parametrize(
    ("amount", "text", "account"),
    [
        (Money(12_34, "USD"), "12.34", "usd_account"),
        (Money(3, "JPY"), "3", "jpy_account"),
        (Money(1_234, "KWD"), "1.234", "kwd_account"),
        (Money(100_000_00, "EUR"), "100000.00", "eur_account"),
    ],
)
async def test_an_amount_is_written_in_the_currency_of_its_merchant_account(
    desk: Desk, amount: Money, text: str, account: str
) -> None:
    charge = await desk.charge(amount)
    assert (charge.authorized, charge.captured) == (amount, amount)
    (sent,) = await desk.requests("transactions.create")
    told = sent["body"]["transaction"]
    assert (told["amount"], told["merchant_account_id"]) == (text, account)


# --- holding ----------------------------------------------------------------------------------------------------------


async def test_a_hold_takes_nothing_and_says_until_when_it_lasts(desk: Desk) -> None:
    charge = await desk.charge(TEN, capture=CaptureMode.MANUAL)
    assert (charge.outcome, charge.authorized, charge.captured) == (Outcome.AUTHORIZED, TEN, NOTHING)
    assert charge.capture_before is not None
    assert charge.capture_before.tzinfo is not None


async def test_a_part_of_a_hold_may_be_captured_and_the_rest_is_released(desk: Desk) -> None:
    held = await desk.held(TEN)
    captured = await desk.capture(held, SIX)
    assert (captured.outcome, captured.authorized, captured.captured) == (Outcome.SUCCEEDED, TEN, SIX)
    assert captured.capture_before is None
    (sale,) = await desk.sales()
    assert (sale["captured"], sale["order_id"]) == ("6.00", f"{captured.operation_id}.ord_1.ch_1")


async def test_more_than_is_held_is_refused_and_the_hold_stays(desk: Desk) -> None:
    held = await desk.held(SIX)
    captured = await desk.capture(held, TEN)
    assert captured.outcome is Outcome.FAILED
    assert (await desk.provider.fetch_charge(charge_ref=held)).outcome is Outcome.AUTHORIZED


async def test_a_second_capture_tells_what_was_taken(desk: Desk) -> None:
    held = await desk.held(TEN)
    await desk.capture(held, SIX)
    again = await desk.capture(held, TEN)
    assert (again.outcome, again.captured) == (Outcome.SUCCEEDED, SIX)


async def test_a_hold_that_ran_out_is_told_as_that(desk: Desk) -> None:
    held = await desk.held()
    await desk.advance(days=8)
    assert (await desk.provider.fetch_charge(charge_ref=held)).outcome is Outcome.EXPIRED
    assert (await desk.capture(held, TEN)).outcome is Outcome.EXPIRED
    assert (await desk.void(held)).outcome is Outcome.EXPIRED


async def test_a_hold_may_be_released_once_or_twice(desk: Desk) -> None:
    held = await desk.held()
    first, again = await desk.void(held), await desk.void(held)
    assert (first.outcome, first.captured) == (Outcome.VOIDED, NOTHING)
    assert again == first
    assert (await desk.capture(held, TEN)).outcome is Outcome.VOIDED
    assert len(await desk.requests("transactions.void")) == 1


@pytest.mark.parametrize("days", [0, 0.3, 2])
async def test_what_is_taken_is_never_voided(desk: Desk, days: float) -> None:
    """Braintree would do it until the sale settles: that is a refund."""
    paid = await desk.paid()
    await desk.advance(days=days)
    voided = await desk.void(paid)
    assert (voided.outcome, voided.captured) == (Outcome.SUCCEEDED, TEN)
    assert await desk.requests("transactions.void") == []


async def test_what_is_voided_after_it_was_submitted_was_taken_and_given_back(desk: Desk) -> None:
    """As somebody at the Control Panel does it."""
    paid = await desk.paid()
    await desk.sdk(lambda gateway: gateway.transaction.void(paid))
    charge = await desk.provider.fetch_charge(charge_ref=paid)
    assert (charge.outcome, charge.captured, charge.refunded) == (Outcome.SUCCEEDED, TEN, TEN)


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("settle", Outcome.SUCCEEDED),
        ("settlement_confirm", Outcome.SUCCEEDED),
        ("settlement_pending", Outcome.SUCCEEDED),
        ("settlement_decline", Outcome.DECLINED),
    ],
)
async def test_every_way_to_be_settled_is_told(desk: Desk, step: str, outcome: Outcome) -> None:
    paid = await desk.paid()
    await desk.sdk(lambda gateway: getattr(gateway.testing, f"{step}_transaction")(paid))
    charge = await desk.provider.fetch_charge(charge_ref=paid)
    assert (charge.outcome, charge.captured) == (outcome, TEN if outcome is Outcome.SUCCEEDED else NOTHING)
    if outcome is Outcome.DECLINED:
        assert charge.refusal is not None
        assert charge.refusal.provider_code == "4001"


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_what_braintree_does_not_know_is_unknown_to_a_look(desk: Desk) -> None:
    assert (await desk.provider.fetch_charge(charge_ref="missing")).outcome is Outcome.UNKNOWN
    assert (await desk.provider.fetch_charge(charge_ref="../customers/cus_1")).outcome is Outcome.UNKNOWN
    assert (await desk.provider.fetch_refund(refund_ref="missing")).outcome is Outcome.UNKNOWN
    assert (await desk.provider.fetch_refund(refund_ref="missing:void")).outcome is Outcome.UNKNOWN


async def test_a_charge_is_found_by_the_operation_that_made_it(desk: Desk) -> None:
    await desk.paid(operation_id="op_other")
    paid = await desk.paid(operation_id="op_sought")
    found = await desk.provider.find_charge(desk.look_up("op_sought"))
    assert found == await desk.provider.fetch_charge(charge_ref=paid)
    assert await desk.provider.find_charge(desk.look_up("op_nobodys")) is None


async def test_two_customers_at_once_are_never_mixed(desk: Desk) -> None:
    """All requests go through one gateway of the SDK, from many threads."""
    customers = [await desk.customer(f"cus_{number}") for number in range(8)]
    requests = []
    for number, customer in enumerate(customers):
        desk.customer_ref = customer
        for step in range(5):
            amount = Money(10_00 + number * 10 + step, "USD")
            requests.append(desk.charge_request(amount, operation_id=f"op_{number}_{step}", token=VISA))

    charges = await asyncio.gather(*(desk.provider.charge(request) for request in requests))
    found = await asyncio.gather(*(desk.provider.find_charge(desk.look_up(each.operation_id)) for each in requests))

    for request, charge in zip(requests, charges, strict=True):
        assert (charge.outcome, charge.operation_id) == (Outcome.SUCCEEDED, request.operation_id)
        assert charge.captured == request.amount
    assert found == charges
    whose = {each["order_id"]: each["customer_id"] for each in await desk.sales()}
    assert whose == {f"{each.operation_id}.ord_1.{each.charge_id}": each.customer_ref for each in requests}
