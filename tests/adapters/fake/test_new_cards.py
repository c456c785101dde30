"""Charges with a card that the card form has just read: stored with the charge, or charged once."""

from dataclasses import replace

import pytest

from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import CaptureMode, Card, CardBrand, ChargeResult, Initiator, Outcome, PaymentMethodResult
from tests.adapters.fake.helpers import Gateway, Shop, answer_challenge, look_up

VISA = Card(CardBrand.VISA, "4242", 11, 2027)


def card_of(charge: ChargeResult) -> PaymentMethodResult:
    assert charge.payment_method is not None
    return charge.payment_method


def code_of(result: ChargeResult | PaymentMethodResult) -> str | None:
    assert result.refusal is not None
    return result.refusal.provider_code


async def test_a_card_is_charged_and_stored_in_one_step(shop: Shop) -> None:
    request = shop.new_card_request(await shop.mint(), store_card=True)

    charge = await shop.provider.charge(request)

    assert (charge.outcome, charge.captured) == (Outcome.SUCCEEDED, request.amount)
    card = card_of(charge)
    assert (card.outcome, card.card, card.refusal) == (Outcome.SUCCEEDED, VISA, None)
    assert card.payment_method_ref is not None
    assert shop.cards() == (card.payment_method_ref,)
    stored = await shop.provider.fetch_payment_method(payment_method_ref=card.payment_method_ref)
    assert stored == card
    again = replace(
        await shop.charge_request(), payment_method_ref=card.payment_method_ref, initiator=Initiator.RECURRING
    )
    later = await shop.provider.charge(again)
    assert (later.outcome, later.payment_method) == (Outcome.SUCCEEDED, None)


async def test_a_card_that_is_not_stored_is_charged_once_and_never_again(shop: Shop) -> None:
    token = await shop.mint()
    charge = await shop.provider.charge(shop.new_card_request(token, store_card=False))
    card = card_of(charge)

    assert (charge.outcome, card.outcome, card.card) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED, VISA)
    assert shop.cards() == ()
    for store_card in (False, True):
        other = await shop.provider.charge(shop.new_card_request(token, store_card=store_card))
        assert (other.outcome, code_of(other)) == (Outcome.FAILED, "token_used")
    attached = await shop.attach(token)
    assert (attached.outcome, code_of(attached)) == (Outcome.FAILED, "token_used")
    by_ref = replace(await shop.charge_request(), payment_method_ref=card.payment_method_ref)
    assert (await shop.provider.charge(by_ref)).outcome is Outcome.FAILED
    assert card.payment_method_ref is not None
    assert (await shop.provider.fetch_payment_method(payment_method_ref=card.payment_method_ref)).gone
    assert len(shop.bank.truth().charges) == 1


async def test_a_stored_card_and_a_new_one_of_one_number_have_one_fingerprint(quick_shop: Shop) -> None:
    stored = await quick_shop.attach(await quick_shop.mint())

    charge = await quick_shop.provider.charge(quick_shop.new_card_request(await quick_shop.mint(), store_card=False))

    assert card_of(charge).card_fingerprint == stored.card_fingerprint is not None


@pytest.mark.parametrize("store_card", [True, False])
async def test_a_declined_card_is_not_stored_and_may_be_tried_again(shop: Shop, store_card: bool) -> None:
    token = await shop.mint()
    shop.bank.misbehave("charge#1=decline:insufficient_funds")

    declined = await shop.provider.charge(shop.new_card_request(token, store_card=store_card))

    card = card_of(declined)
    assert (declined.outcome, card.outcome, card.card) == (Outcome.DECLINED, Outcome.DECLINED, VISA)
    assert card.card_fingerprint is not None
    assert card.refusal is not None
    assert card.refusal.decline_code is DeclineCode.INSUFFICIENT_FUNDS
    assert shop.cards() == ()
    paid = await shop.provider.charge(shop.new_card_request(token, store_card=store_card))
    assert paid.outcome is Outcome.SUCCEEDED
    assert card_of(paid).card_fingerprint == card.card_fingerprint
    assert len(shop.cards()) == int(store_card)


@pytest.mark.parametrize("confirmed", [True, False])
async def test_a_card_that_needs_3d_secure_is_stored_once_it_is_confirmed(shop: Shop, confirmed: bool) -> None:
    token = await shop.mint("three_d_secure")
    waiting = await shop.provider.charge(shop.new_card_request(token, store_card=True))
    assert waiting.outcome is card_of(waiting).outcome is Outcome.REQUIRES_ACTION
    assert card_of(waiting).card == replace(VISA, last4="3155")
    assert shop.cards() == ()
    meanwhile = await shop.provider.charge(shop.new_card_request(token, store_card=True))
    assert code_of(meanwhile) == "token_used"

    answer_challenge(shop, waiting, confirmed=confirmed)

    ended = await shop.resume(waiting)
    outcome = Outcome.SUCCEEDED if confirmed else Outcome.DECLINED
    assert ended.outcome is card_of(ended).outcome is outcome
    assert shop.cards() == ((card_of(ended).payment_method_ref,) if confirmed else ())
    assert (await shop.attach(token)).outcome is (Outcome.FAILED if confirmed else Outcome.SUCCEEDED)


async def test_without_the_customer_a_new_card_that_needs_3d_secure_is_declined(quick_shop: Shop) -> None:
    request = quick_shop.new_card_request(
        await quick_shop.mint("three_d_secure"), store_card=True, initiator=Initiator.UNSCHEDULED
    )

    charge = await quick_shop.provider.charge(request)

    assert (charge.outcome, code_of(charge)) == (Outcome.DECLINED, "authentication_required")
    assert quick_shop.cards() == ()


async def test_a_card_is_stored_when_the_money_is_held_and_stays_when_that_is_released(shop: Shop) -> None:
    token = await shop.mint()
    held = await shop.provider.charge(shop.new_card_request(token, store_card=True, capture=CaptureMode.MANUAL))
    once = await shop.provider.charge(
        shop.new_card_request(await shop.mint(), store_card=False, capture=CaptureMode.MANUAL)
    )
    assert [held.outcome, once.outcome] == [Outcome.AUTHORIZED] * 2

    released = await shop.void(held)
    taken = await shop.capture(once, Money(20_00, "USD"))

    assert (released.outcome, card_of(released).outcome) == (Outcome.VOIDED, Outcome.SUCCEEDED)
    assert (taken.outcome, card_of(taken).outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    assert shop.cards() == (card_of(held).payment_method_ref,)
    assert (await shop.attach(token)).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("card", "outcome", "stored"),
    [
        ("pending", Outcome.SUCCEEDED, 1),
        ("pending_then_declined", Outcome.DECLINED, 0),
        ("pending_then_failed", Outcome.FAILED, 0),
    ],
)
async def test_a_charge_that_is_decided_later_stores_its_card_then(
    quick_shop: Shop, card: str, outcome: Outcome, stored: int
) -> None:
    request = quick_shop.new_card_request(await quick_shop.mint(card), store_card=True)
    pending = await quick_shop.provider.charge(request)
    assert pending.outcome is card_of(pending).outcome is Outcome.PENDING
    assert quick_shop.cards() == ()

    quick_shop.clock.advance(seconds=10)

    settled = await quick_shop.now(pending)
    assert settled.outcome is card_of(settled).outcome is outcome
    assert len(quick_shop.cards()) == stored


@pytest.mark.parametrize("name", ["three_d_secure", "visa"])
async def test_whoever_is_forgotten_meanwhile_has_no_card_stored(quick_shop: Shop, name: str) -> None:
    charge = await quick_shop.provider.charge(quick_shop.new_card_request(await quick_shop.mint(name), store_card=True))
    await quick_shop.provider.forget_customer(customer_ref=quick_shop.customer_ref)
    if charge.outcome is Outcome.REQUIRES_ACTION:
        answer_challenge(quick_shop, charge, confirmed=True)

    assert (await quick_shop.now(charge)).outcome is Outcome.SUCCEEDED
    assert quick_shop.cards() == ()


async def test_looking_tells_of_the_card_as_the_answer_did(shop: Shop) -> None:
    request = shop.new_card_request(await shop.mint(), store_card=True)
    charge = await shop.provider.charge(request)

    assert await shop.now(charge) == charge
    assert await shop.provider.find_charge(look_up(request.operation_id)) == charge
    (listed,) = (await shop.provider.changes(since=None, cursor=None)).charges
    assert listed.picture.payment_method == charge.payment_method


async def test_the_same_request_again_charges_and_stores_once(shop: Shop) -> None:
    request = shop.new_card_request(await shop.mint(), store_card=True)
    shop.bank.misbehave("charge#1=lose_answer")
    assert (await shop.provider.charge(request)).outcome is Outcome.UNKNOWN

    replayed = await shop.provider.charge(request)

    assert replayed.outcome is Outcome.SUCCEEDED
    assert await shop.provider.charge(request) == replayed
    assert (len(shop.bank.truth().charges), len(shop.cards())) == (1, 1)


async def test_a_key_belongs_to_one_card_and_to_one_way_of_using_it(quick_shop: Shop) -> None:
    request = quick_shop.new_card_request(await quick_shop.mint(), store_card=True)
    await quick_shop.provider.charge(request)

    for other in (replace(request, token=await quick_shop.mint()), replace(request, store_card=False)):
        refused = await quick_shop.provider.charge(other)
        assert (refused.outcome, code_of(refused)) == (Outcome.UNKNOWN, "idempotency_key_reused")


async def test_a_card_of_the_table_can_be_charged_as_often_as_one_likes(quick_shop: Shop) -> None:
    charges = [
        await quick_shop.provider.charge(quick_shop.new_card_request("tok_amex", store_card=store_card))
        for store_card in (False, True, False)
    ]

    assert [charge.outcome for charge in charges] == [Outcome.SUCCEEDED] * 3
    assert card_of(charges[0]).card == Card(CardBrand.AMERICAN_EXPRESS, "0005", 12, 2030)
    assert quick_shop.cards() == (card_of(charges[1]).payment_method_ref,)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"token": "tok_of_nobody"}, "token_unknown"),
        ({"payment_method_ref": "fpm_1"}, "field_invalid"),
        ({"token": None}, "field_invalid"),
        ({"store_card": "yes"}, "field_invalid"),
    ],
)
async def test_a_request_that_does_not_say_which_card_is_refused(
    quick_shop: Shop, wrong: dict[str, str | None], code: str
) -> None:
    request = replace(quick_shop.new_card_request(await quick_shop.mint(), store_card=True), **wrong)  # type: ignore[arg-type]

    refused = await quick_shop.provider.charge(request)

    assert (refused.outcome, code_of(refused)) == (Outcome.FAILED, code)
    assert quick_shop.bank.truth().charges == ()


async def test_what_the_bank_tells_has_no_token_in_it(quick_shop: Shop, gateway: Gateway) -> None:
    token = await quick_shop.mint()

    charge = await quick_shop.provider.charge(quick_shop.new_card_request(token, store_card=True))

    assert await gateway.hear() == ["charge.succeeded", "payment_method.attached"]
    assert gateway.taken[1].subject_ref == card_of(charge).payment_method_ref
    page = await quick_shop.provider.changes(since=None, cursor=None)
    assert token not in repr((charge, gateway.taken, page, quick_shop.bank.truth()))
    assert "4242" not in repr(charge.raw)


async def test_a_card_that_is_charged_once_is_told_of_as_a_charge_alone(quick_shop: Shop, gateway: Gateway) -> None:
    charge = await quick_shop.provider.charge(quick_shop.new_card_request("tok_visa", store_card=False))
    ref = card_of(charge).payment_method_ref
    assert ref is not None

    assert (await quick_shop.provider.detach_payment_method(payment_method_ref=ref)).outcome is Outcome.SUCCEEDED

    assert await gateway.hear() == ["charge.succeeded"]


async def test_a_card_may_expire_before_it_is_charged(quick_shop: Shop) -> None:
    token = await quick_shop.mint()
    quick_shop.clock.advance(days=400)

    charge = await quick_shop.provider.charge(quick_shop.new_card_request(token, store_card=True))

    assert (charge.outcome, code_of(charge)) == (Outcome.DECLINED, "expired_card")
