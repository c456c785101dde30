"""What is known when the way to Stripe, or Stripe itself, is out of order."""

import asyncio
import logging
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.money import Money
from domain.provider import CustomerRequest, Outcome
from tests.adapters.stripe.desk import SECRET_KEY, Desk, provider_at

TEN = Money(10_00, "USD")
CREATE = "payment_intents.create"


@pytest.mark.parametrize(
    ("fault", "outcome", "is_outage"),
    [
        ("lose_request", Outcome.UNKNOWN, True),
        ("lose_answer", Outcome.UNKNOWN, True),
        ("reset", Outcome.UNKNOWN, True),
        ("truncate", Outcome.UNKNOWN, True),
        ("html", Outcome.UNKNOWN, True),
        ("empty", Outcome.UNKNOWN, True),
        ("error", Outcome.UNKNOWN, True),
        ("error_after", Outcome.UNKNOWN, True),
        ("unavailable", Outcome.UNKNOWN, True),
        ("conflict", Outcome.UNKNOWN, False),
        ("lock_timeout", Outcome.NOT_SENT, False),
        ("rate_limit", Outcome.NOT_SENT, False),
    ],
)
async def test_a_charge_whose_answer_is_none_is_unknown_unless_nothing_can_have_happened(
    desk: Desk, fault: str, outcome: Outcome, is_outage: bool
) -> None:
    await desk.misbehave({"on": CREATE, "fault": fault})
    charge = await desk.charge()
    assert (charge.outcome, charge.charge_ref) == (outcome, None)
    assert charge.refusal is not None
    assert charge.refusal.is_outage is is_outage


@pytest.mark.parametrize("fault", ["lose_answer", "html", "empty", "truncate"])
async def test_what_was_done_and_not_answered_is_found_and_told_once_more_by_its_key(desk: Desk, fault: str) -> None:
    await desk.misbehave({"on": CREATE, "fault": fault, "last": 1})
    request = desk.charge_request()
    assert (await desk.provider.charge(request)).outcome is Outcome.UNKNOWN

    found = await desk.provider.find_charge(desk.look_up(request.operation_id))
    again = await desk.provider.charge(request)

    assert found is not None
    assert (found.outcome, found.captured, found.operation_id) == (Outcome.SUCCEEDED, TEN, request.operation_id)
    assert again == found
    assert len((await desk.control("truth"))["payments"]) == 1


async def test_a_stored_500_is_looked_behind(desk: Desk) -> None:
    await desk.misbehave({"on": CREATE, "fault": "error_after", "last": 1})
    request = desk.charge_request()
    await desk.provider.charge(request)

    again = await desk.provider.charge(request)
    found = await desk.provider.find_charge(desk.look_up(request.operation_id))

    assert again.outcome is Outcome.UNKNOWN
    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("fault", ["error", "error_after"])
async def test_a_500_that_is_replayed_says_that_the_key_is_spent_and_nothing_of_today(desk: Desk, fault: str) -> None:
    await desk.misbehave({"on": CREATE, "fault": fault, "last": 1})
    request = desk.charge_request()

    first, again = [await desk.provider.charge(request) for _ in range(2)]

    assert first.refusal is not None
    assert again.refusal is not None
    assert (first.refusal.is_key_spent, first.refusal.is_outage) == (False, True)
    assert (again.refusal.is_key_spent, again.refusal.is_outage) == (True, False)


async def test_a_customer_whose_key_is_spent_is_made_under_another(desk: Desk) -> None:
    await desk.misbehave({"on": "customers.create", "fault": "error", "last": 1})
    request = CustomerRequest(customer_id="cus_unlucky", email=None, name="Ann")

    first, second, third = [await desk.provider.ensure_customer(request) for _ in range(3)]

    assert (first.outcome, second.outcome) == (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert third == second


async def test_a_replay_is_told_as_it_is_by_now(desk: Desk) -> None:
    request = desk.charge_request(token="pm_card_authenticationRequired")
    first = await desk.provider.charge(request)
    assert first.charge_ref is not None
    await desk.authenticate(first.charge_ref)

    again = await desk.provider.charge(request)

    assert (first.outcome, again.outcome) == (Outcome.REQUIRES_ACTION, Outcome.SUCCEEDED)


async def test_a_replayed_decline_is_told_as_it_is_by_now(desk: Desk) -> None:
    request = desk.charge_request(token="pm_card_chargeDeclined")
    first = await desk.provider.charge(request)
    assert first.charge_ref is not None
    await desk.void(first.charge_ref)
    assert (await desk.provider.charge(request)).outcome is Outcome.VOIDED


async def test_a_replay_that_cannot_be_looked_behind_is_unknown(desk: Desk) -> None:
    request = desk.charge_request()
    await desk.provider.charge(request)
    await desk.misbehave({"on": "payment_intents.retrieve", "fault": "error"})
    assert (await desk.provider.charge(request)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("fault", ["conflict", "lock_timeout"])
async def test_what_is_in_use_for_a_moment_is_asked_again_under_the_same_key(desk: Desk, fault: str) -> None:
    await desk.misbehave({"on": CREATE, "fault": fault, "last": 2})
    request = desk.charge_request()
    assert (await desk.provider.charge(request)).outcome is Outcome.SUCCEEDED
    keys = [each["idempotency_key"] for each in await desk.requests(CREATE)]
    assert keys == [request.operation_id] * 3


async def test_a_rate_limit_says_for_how_long(desk: Desk) -> None:
    await desk.misbehave({"on": CREATE, "fault": "rate_limit", "seconds": 7})
    charge = await desk.charge()
    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert charge.refusal.retry_after_seconds == 7
    assert len(await desk.requests(CREATE)) == 1


async def test_one_key_is_good_for_one_request(desk: Desk) -> None:
    request = desk.charge_request()
    await desk.provider.charge(request)
    other = await desk.provider.charge(replace(request, amount=Money(11_00, "USD")))
    assert other.outcome is Outcome.UNKNOWN
    assert other.refusal is not None
    assert (other.refusal.provider_code, other.refusal.is_key_spent) == ("idempotency_error", True)


async def test_no_answer_in_time_is_unknown(desk: Desk) -> None:
    await desk.misbehave({"on": CREATE, "fault": "hang"})
    async with provider_at(desk.address, timeout_seconds=0.5) as impatient, asyncio.timeout(15):
        charge = await impatient.charge(desk.charge_request())
    assert charge.outcome is Outcome.UNKNOWN
    assert charge.refusal is not None
    assert (charge.refusal.provider_code, charge.refusal.is_outage) == ("answer_late", True)


async def test_a_stripe_that_cannot_be_reached_was_certainly_not_asked(desk: Desk) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        async with provider_at(f"http://127.0.0.1:{nobody_listens.getsockname()[1]}") as away:
            charge = await away.charge(desk.charge_request())
            looked = await away.fetch_charge(charge_ref="pi_1")
            problem = await away.check()
    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert charge.refusal.is_outage
    assert looked.outcome is Outcome.UNKNOWN
    assert problem == "Stripe cannot be reached."


async def test_a_broken_handshake_was_certainly_not_asked(desk: Desk) -> None:
    # There is no TLS at the emulator, so none can be agreed on.
    async with provider_at(desk.address.replace("http://", "https://")) as encrypted:
        charge = await encrypted.charge(desk.charge_request())
    assert charge.outcome is Outcome.NOT_SENT


async def test_a_wrong_key_is_turned_away_at_the_door_and_never_in_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "sk_test_0123456789wrong"
    with caplog.at_level(logging.DEBUG):
        async with provider_at(desk.address, secret_key=wrong) as stranger:
            charge = await stranger.charge(desk.charge_request())
            problem = await stranger.check()
        await desk.charge(token="pm_card_chargeDeclined")
    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert not charge.refusal.is_outage
    assert problem == "Stripe does not take the secret key: is it the one in the Dashboard?"
    assert any(each.levelno == logging.ERROR for each in caplog.records)
    for secret in (wrong, "wrong", SECRET_KEY, "_secret_"):
        assert secret not in caplog.text
        assert secret not in str(charge)


async def test_text_that_is_no_text_is_refused_before_it_is_sent(desk: Desk) -> None:
    request = replace(desk.charge_request(), metadata={"paydesk_order": "\ud800"})
    charge = await desk.provider.charge(request)
    assert charge.outcome is Outcome.FAILED
    assert await desk.requests(CREATE) == []


# --- looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["lose_answer", "error", "html", "empty", "truncate", "rate_limit", "unavailable"])
async def test_a_look_without_a_usable_answer_is_unknown_and_never_empty(desk: Desk, fault: str) -> None:
    paid = await desk.paid(operation_id="op_sought")
    refund = await desk.refund(paid, TEN, operation_id="op_back")
    await desk.misbehave({"on": "*", "fault": fault})

    seen = await desk.provider.fetch_charge(charge_ref=paid)
    found = await desk.provider.find_charge(desk.look_up("op_sought"))
    back = await desk.provider.fetch_refund(refund_ref=refund.refund_ref or "")
    found_back = await desk.provider.find_refund(desk.look_up("op_back", charge_ref=paid))
    page = await desk.provider.changes(since=None, cursor=None)

    assert found is not None
    assert found_back is not None
    assert {each.outcome for each in (seen, found, back, found_back, page)} == {Outcome.UNKNOWN}


async def test_a_charge_is_found_by_a_gateway_whose_clock_is_of_another_time_zone(desk: Desk) -> None:
    """An empty look is what makes a charge failed that may have been paid."""
    request = desk.charge_request()
    await desk.provider.charge(request)

    found = await desk.provider.find_charge(
        replace(desk.look_up(request.operation_id), not_before=datetime.now(UTC) + timedelta(hours=14))
    )

    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED


async def test_a_look_that_ran_into_a_closed_connection_is_tried_once_more(desk: Desk) -> None:
    paid = await desk.paid()
    await desk.misbehave({"on": "payment_intents.retrieve", "fault": "lose_request", "last": 1})
    assert (await desk.provider.fetch_charge(charge_ref=paid)).outcome is Outcome.SUCCEEDED


async def test_what_stripe_does_not_know_is_unknown_to_a_look(desk: Desk) -> None:
    assert (await desk.provider.fetch_charge(charge_ref="pi_missing")).outcome is Outcome.UNKNOWN
    assert (await desk.provider.fetch_refund(refund_ref="re_missing")).outcome is Outcome.UNKNOWN


async def test_only_a_whole_list_without_it_says_that_there_is_none(desk: Desk) -> None:
    paid = await desk.paid()
    await desk.refund(paid, TEN)
    assert await desk.provider.find_charge(desk.look_up("op_nobodys")) is None
    assert await desk.provider.find_refund(desk.look_up("op_nobodys", charge_ref=paid)) is None


async def test_an_old_charge_is_found_behind_a_hundred_newer_ones(desk: Desk) -> None:
    request = desk.charge_request()
    await desk.provider.charge(request)
    for _ in range(101):
        made = await desk.http.post(
            "/v1/payment_intents",
            data={"amount": "100", "currency": "usd", "customer": desk.customer_ref},
            headers={"Authorization": f"Bearer {SECRET_KEY}"},
        )
        assert made.is_success
    found = await desk.provider.find_charge(desk.look_up(request.operation_id))
    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED
    assert len(await desk.requests("payment_intents.list")) == 2
