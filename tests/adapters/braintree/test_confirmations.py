"""3D Secure: the customer is confirmed before the sale that charges, and only Braintree's own word on it counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import CaptureMode, ChargeRequest, Initiator, Outcome, SdkAction
from tests.adapters.braintree.desk import VISA, Desk, provider_at

TEN, NOTHING = Money(10_00, "USD"), Money(0, "USD")
SALE = "transactions.create"
CONFIRMED = "authenticate_successful"


async def waiting(desk: Desk, request: ChargeRequest) -> SdkAction:
    """What the client SDK is to do, of a charge that waits for its customer."""
    charge = await desk.provider.charge(request)
    assert (charge.outcome, charge.charge_ref) == (Outcome.REQUIRES_ACTION, None), charge
    assert (charge.captured, charge.authorized) == (NOTHING, NOTHING)
    assert isinstance(charge.next_action, SdkAction)
    return charge.next_action


async def asked_for(desk: Desk) -> tuple[ChargeRequest, SdkAction]:
    """A charge of a stored card whose issuer wants to see its customer."""
    card = await desk.card()
    await desk.asks(card)
    request = desk.charge_request(card=card)
    return request, await waiting(desk, request)


async def test_a_customer_is_asked_for_what_the_issuer_wants_and_then_charged_once(desk: Desk) -> None:
    request, action = await asked_for(desk)
    assert action.token is not None
    assert action.card_bin == "401288"
    assert timedelta(hours=2) < action.expires_at - datetime.now(UTC) <= timedelta(hours=3)
    upgraded = await desk.nonce(action.token, three_d_secure=CONFIRMED, amount="10.00")

    charge = await desk.proceed(request, upgraded, operation_id="op_continue")

    assert (charge.outcome, charge.captured, charge.operation_id) == (Outcome.SUCCEEDED, TEN, "op_continue")
    assert charge.charge_ref is not None
    assert charge.payment_method is not None
    assert charge.payment_method.payment_method_ref == request.payment_method_ref
    (sale,) = await desk.sales()
    assert (sale["three_d_secure"], sale["captured"]) == (CONFIRMED, "10.00")
    assert [each["body"]["transaction"]["order_id"] for each in await desk.requests(SALE)] == [
        f"{operation_id}.ord_1.{request.charge_id}" for operation_id in (request.operation_id, "op_continue")
    ]


async def test_the_card_form_reads_a_new_card_once_more(desk: Desk) -> None:
    """Its nonce is used up by the sale that was refused."""
    await desk.asks(VISA)
    request = desk.charge_request(token=await desk.nonce(), store_card=True, capture=CaptureMode.MANUAL)
    action = await waiting(desk, request)
    assert (action.token, action.card_bin) == (None, "401288")
    upgraded = await desk.nonce(three_d_secure=CONFIRMED, amount="10.00")

    charge = await desk.proceed(request, upgraded)

    assert (charge.outcome, charge.authorized, charge.captured) == (Outcome.AUTHORIZED, TEN, NOTHING)
    assert charge.payment_method is not None
    assert charge.payment_method.payment_method_ref is not None, "it is stored, as was asked at first"


async def test_without_the_customer_it_is_declined(desk: Desk) -> None:
    card = await desk.card()
    await desk.asks(card)
    charge = await desk.charge(card=card, initiator=Initiator.RECURRING)
    assert charge.refusal is not None
    assert (charge.outcome, charge.refusal.decline_code) == (Outcome.DECLINED, DeclineCode.AUTHENTICATION_REQUIRED)
    assert (charge.refusal.provider_code, charge.next_action) == ("2099", None)
    assert await desk.requests("client_token.generate", "nonces.create") == []


async def test_a_deployment_may_want_every_customer_confirmed(desk: Desk) -> None:
    card = await desk.card()
    request = desk.charge_request(card=card)
    async with provider_at(desk.address, always_authenticates=True) as strict:
        waits = await strict.charge(request)
        alone = await strict.charge(desk.charge_request(card=card, initiator=Initiator.UNSCHEDULED))
        confirmed = await desk.nonce(three_d_secure=CONFIRMED, amount="10.00")
        new = await strict.charge(desk.charge_request(token=confirmed))
    assert (waits.outcome, waits.charge_ref) == (Outcome.REQUIRES_ACTION, None)
    assert isinstance(waits.next_action, SdkAction)
    assert (alone.outcome, new.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (None, "not_authenticated"),
        ("authenticate_failed", "not_authenticated"),
        ("authenticate_rejected", "not_authenticated"),
        ("lookup_error", "not_authenticated"),
    ],
)
async def test_a_nonce_that_confirms_nobody_is_refused_and_the_customer_may_try_again(
    desk: Desk, outcome: str | None, code: str
) -> None:
    request, action = await asked_for(desk)
    given = {"three_d_secure": outcome, "amount": "10.00"} if outcome else {}
    bad = await desk.nonce(action.token or "", **given)

    refused = await desk.proceed(request, bad)
    missing, empty = [await desk.proceed(request, nothing) for nothing in (None, "")]
    none = await desk.proceed(request, "tokencc_nobodys")
    good = await desk.nonce(action.token or "", three_d_secure=CONFIRMED, amount="10.00")

    assert refused.refusal is not None
    assert (refused.outcome, refused.refusal.provider_code) == (Outcome.FAILED, code)
    assert [each.outcome for each in (missing, empty, none)] == [Outcome.FAILED] * 3
    assert (await desk.proceed(request, good)).outcome is Outcome.SUCCEEDED


async def test_the_nonce_of_another_card_does_not_charge_the_stored_one(desk: Desk) -> None:
    request, _ = await asked_for(desk)
    other = await desk.nonce("fake-valid-mastercard-nonce", three_d_secure=CONFIRMED, amount="10.00")
    refused = await desk.proceed(request, other)
    assert refused.refusal is not None
    assert (refused.outcome, refused.refusal.provider_code) == (Outcome.FAILED, "other_card")
    assert await desk.sales() == []


async def test_a_customer_who_confirmed_less_is_not_charged_more(desk: Desk) -> None:
    request, action = await asked_for(desk)
    less = await desk.nonce(action.token or "", three_d_secure=CONFIRMED, amount="9.00")
    assert (await desk.proceed(request, less)).outcome is Outcome.FAILED
    assert await desk.sales() == []


@pytest.mark.parametrize("is_keyed", [True, False])
async def test_a_lost_answer_to_the_sale_that_charges_is_found_by_its_own_operation(desk: Desk, is_keyed: bool) -> None:
    request, action = await asked_for(desk)
    request = replace(request, is_keyed=is_keyed)
    upgraded = await desk.nonce(action.token or "", three_d_secure=CONFIRMED, amount="10.00")
    await desk.misbehave({"on": SALE, "fault": "lose_answer", "last": 1})

    lost = await desk.proceed(request, upgraded, operation_id="op_continue", is_keyed=is_keyed)
    found = await desk.provider.find_charge(desk.look_up("op_continue"))

    assert lost.outcome is Outcome.UNKNOWN
    assert found is not None
    assert (found.outcome, found.captured) == (Outcome.SUCCEEDED, TEN)
    if is_keyed:
        again = await desk.proceed(request, upgraded, operation_id="op_continue")
        assert again.charge_ref == found.charge_ref
    assert len(await desk.sales()) == 1


async def test_what_was_charged_is_told_though_the_card_was_removed_meanwhile(desk: Desk) -> None:
    """As when the search has not got the sale yet, and the request is sent again under its key."""
    request, action = await asked_for(desk)
    upgraded = await desk.nonce(action.token or "", three_d_secure=CONFIRMED, amount="10.00")
    await desk.misbehave({"on": SALE, "fault": "lose_answer", "last": 1})
    lost = await desk.proceed(request, upgraded, operation_id="op_continue")
    await desk.provider.detach_payment_method(payment_method_ref=request.payment_method_ref or "")

    again = await desk.proceed(request, upgraded, operation_id="op_continue")
    another = await desk.proceed(request, upgraded, operation_id="op_another")

    assert (lost.outcome, again.outcome, again.captured) == (Outcome.UNKNOWN, Outcome.SUCCEEDED, TEN)
    assert another.outcome is Outcome.FAILED
    assert len(await desk.sales()) == 1


async def test_a_lost_answer_that_asked_for_the_customer_is_found_as_that(desk: Desk) -> None:
    card = await desk.card()
    await desk.asks(card)
    await desk.misbehave({"on": SALE, "fault": "lose_answer", "last": 1})
    lost = await desk.charge(card=card, operation_id="op_1st")

    found = await desk.provider.find_charge(desk.look_up("op_1st"))
    alone = await desk.provider.find_charge(desk.look_up("op_1st", initiator=Initiator.RECURRING))

    assert lost.outcome is Outcome.UNKNOWN
    assert found is not None
    assert (found.outcome, found.charge_ref) == (Outcome.REQUIRES_ACTION, None)
    assert isinstance(found.next_action, SdkAction)
    assert found.next_action.token is not None
    assert alone is not None
    assert alone.outcome is Outcome.DECLINED


@pytest.mark.parametrize("call", ["client_token.generate", "nonces.create"])
async def test_a_customer_who_cannot_be_asked_just_now_is_asked_later(desk: Desk, call: str) -> None:
    card = await desk.card()
    await desk.asks(card)
    await desk.misbehave({"on": call, "fault": "unavailable", "last": 1})
    request = desk.charge_request(card=card)
    assert (await desk.provider.charge(request)).outcome is Outcome.UNKNOWN
    assert (await desk.provider.charge(request)).outcome is Outcome.REQUIRES_ACTION
    assert len(await desk.requests(SALE)) == 2


async def test_an_issuer_that_declines_a_confirmed_customer_is_not_asked_again(desk: Desk) -> None:
    request, action = await asked_for(desk)
    upgraded = await desk.nonce(action.token or "", three_d_secure=CONFIRMED, amount="10.00")
    await desk.misbehave({"on": SALE, "fault": "decline", "code": "2099"})
    charge = await desk.proceed(request, upgraded)
    assert charge.refusal is not None
    assert (charge.outcome, charge.refusal.provider_code) == (Outcome.DECLINED, "2099")


@pytest.mark.parametrize("call", ["nonces.find", "payment_methods.find"])
async def test_a_nonce_that_cannot_be_looked_at_charges_nobody(desk: Desk, call: str) -> None:
    request, action = await asked_for(desk)
    upgraded = await desk.nonce(action.token or "", three_d_secure=CONFIRMED, amount="10.00")
    await desk.misbehave({"on": call, "fault": "unavailable", "last": 1})
    first, again = await desk.proceed(request, upgraded), await desk.proceed(request, upgraded)
    assert (first.outcome, again.outcome) == (Outcome.NOT_SENT, Outcome.SUCCEEDED)
