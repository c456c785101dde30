"""At most once: by a key where the account takes one, and by the order id and the duplicate check where it does not."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.money import Money
from domain.provider import ChargeResult, Outcome, RefundResult
from tests.adapters.braintree.desk import LAG, Desk, provider_at

TEN = Money(10_00, "USD")
SALE = "transactions.create"


async def every_request(desk: Desk, *, is_keyed: bool) -> dict[str, ChargeResult | RefundResult]:
    """Each kind of request that moves money, by its call."""
    settled = await desk.settled(is_keyed=False)
    paid = await desk.paid(is_keyed=False)
    captured, released = [await desk.held(is_keyed=False) for _ in range(2)]
    return {
        SALE: await desk.charge(is_keyed=is_keyed),
        "transactions.submit": await desk.capture(captured, TEN, is_keyed=is_keyed),
        "transactions.void": await desk.void(released, is_keyed=is_keyed),
        "transactions.reverse": await desk.refund(paid, TEN, is_keyed=is_keyed),
        "transactions.refund": await desk.refund(settled, TEN, is_keyed=is_keyed),
    }


async def test_a_key_is_sent_where_a_lost_answer_is_solved_by_it_and_nowhere_else(desk: Desk) -> None:
    for is_keyed in (True, False):
        before = len(await desk.requests())
        told = await every_request(desk, is_keyed=is_keyed)
        sent = {each["call"]: each["api_request_key"] for each in (await desk.requests())[before:]}
        for call, result in told.items():
            assert result.outcome in (Outcome.SUCCEEDED, Outcome.VOIDED), (call, result)
            assert (sent[call] is not None) is is_keyed, call


@pytest.mark.parametrize("is_said", [True, False])
async def test_an_account_without_keys_is_sent_none_from_the_first_refusal_on(desk: Desk, is_said: bool) -> None:
    await desk.set_up(request_keys_allowed=False)
    async with provider_at(desk.address, request_keys=not is_said) as provider:
        assert provider.key_lifetime == (None if is_said else timedelta(days=29))
        desk.provider = provider
        told = await every_request(desk, is_keyed=True)
        for call, result in told.items():
            assert (result.outcome, result.is_held_back) == (Outcome.PENDING, True), call
            assert result.refusal is not None
            assert (result.refusal.provider_code, result.refusal.is_key_spent) == ("915231", True)
        assert provider.key_lifetime is None
        later = await every_request(desk, is_keyed=False)
        assert {each.outcome for each in later.values()} == {Outcome.SUCCEEDED, Outcome.VOIDED}


async def test_what_the_settings_refuse_by_now_may_have_been_sent_before(desk: Desk) -> None:
    """The request is not sent again, and what became of it is still to be looked for."""
    request = desk.charge_request(card=await desk.card())
    await desk.misbehave({"on": SALE, "fault": "lose_answer", "last": 1})
    assert (await desk.provider.charge(request)).outcome is Outcome.UNKNOWN
    async with provider_at(desk.address, merchant_accounts={"EUR": "eur_account"}) as other:
        again = await other.charge(request)
    assert again.refusal is not None
    assert (again.outcome, again.refusal.is_key_spent) == (Outcome.FAILED, True)


async def test_a_replay_tells_how_things_are_by_now(desk: Desk) -> None:
    request = desk.charge_request()
    first = await desk.provider.charge(request)
    assert first.charge_ref is not None
    await desk.refund(first.charge_ref, TEN)
    again = await desk.provider.charge(request)
    assert (again.charge_ref, again.captured, again.refunded) == (first.charge_ref, TEN, TEN)
    assert len(await desk.sales()) == 1


async def test_a_replayed_decline_is_the_same_decline(desk: Desk) -> None:
    request = desk.charge_request(Money(2001_00, "USD"))
    assert await desk.provider.charge(request) == await desk.provider.charge(request)
    assert len((await desk.control("truth"))["sales"]) == 1


async def test_one_key_is_good_for_one_request(desk: Desk) -> None:
    request = desk.charge_request()
    await desk.provider.charge(request)
    other = await desk.provider.charge(replace(request, amount=Money(11_00, "USD")))
    assert other.refusal is not None
    assert (other.outcome, other.refusal.provider_code, other.refusal.is_key_spent) == (
        Outcome.UNKNOWN,
        "915232",
        True,
    )


async def test_what_is_in_flight_is_asked_again_under_the_same_key(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "in_flight", "last": 2})
    request = desk.charge_request()
    assert (await desk.provider.charge(request)).outcome is Outcome.SUCCEEDED
    keys = [each["body"]["transaction"]["api_request_key"] for each in await desk.requests(SALE)]
    assert keys == [request.operation_id] * 3


async def test_what_stays_in_flight_is_unknown_and_its_key_is_good(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "in_flight"})
    async with provider_at(desk.address, timeout_seconds=0.6) as impatient:
        charge = await impatient.charge(desk.charge_request())
    assert charge.outcome is Outcome.UNKNOWN
    assert charge.refusal is not None
    assert (charge.refusal.provider_code, charge.refusal.is_key_spent) == ("915233", False)


async def test_without_a_key_a_nonce_that_the_same_request_has_used_is_no_refusal(desk: Desk) -> None:
    """It was doubled on its way: the first has charged, and only the second is heard."""
    request = desk.charge_request(token="fake-valid-nonce", is_keyed=False)
    nonce = (await desk.control("nonces", {"source": "fake-valid-nonce"}))["nonce"]
    request = replace(request, token=nonce)
    first = await desk.provider.charge(request)

    assert await desk.provider.charge(request) == first
    other = await desk.provider.charge(replace(request, operation_id="op_another"))
    assert other.refusal is not None
    assert (other.outcome, other.refusal.provider_code) == (Outcome.FAILED, "91564")
    assert len(await desk.sales()) == 1


async def test_two_processes_that_send_the_same_at_once_charge_once(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "slow", "seconds": 0.3, "last": 1})
    request = desk.charge_request()
    async with provider_at(desk.address) as other:
        told = await asyncio.gather(desk.provider.charge(request), other.charge(request))
    assert [each.outcome for each in told] == [Outcome.SUCCEEDED] * 2
    assert told[0].charge_ref == told[1].charge_ref
    assert len(await desk.sales()) == 1


async def test_a_request_whose_first_sending_was_refused_has_failed(desk: Desk) -> None:
    request = desk.charge_request(token="tokencc_nobodys")
    first, again = await desk.provider.charge(request), await desk.provider.charge(request)
    assert first.refusal is not None
    assert again.refusal is not None
    assert (first.outcome, first.refusal.provider_code) == (Outcome.FAILED, "91565")
    assert (again.outcome, again.refusal.provider_code) == (Outcome.FAILED, "915234")
    assert not again.refusal.is_key_spent


async def test_a_key_whose_first_request_broke_is_spent_and_says_nothing_of_it(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "key_error", "last": 1})
    charge = await desk.charge()
    assert charge.refusal is not None
    assert (charge.outcome, charge.refusal.provider_code, charge.refusal.is_key_spent) == (
        Outcome.UNKNOWN,
        "915235",
        True,
    )


# --- without a key ----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F20")
async def test_a_repetition_that_is_rejected_as_a_duplicate_is_the_first_one(desk: Desk) -> None:
    """As when a request is delivered twice: the second says that there is a first, and its order id says which."""
    request = desk.charge_request(is_keyed=False)
    first = await desk.provider.charge(request)
    again = await desk.provider.charge(request)
    assert (again.outcome, again.charge_ref) == (Outcome.SUCCEEDED, first.charge_ref)
    found = await desk.provider.find_charge(desk.look_up(request.operation_id))
    assert found is not None
    assert found.charge_ref == first.charge_ref
    assert len(await desk.sales()) == 1


@pytest.mark.fault("F20")
async def test_a_duplicate_whose_first_cannot_be_seen_yet_is_unknown(desk: Desk) -> None:
    await desk.set_up(search_lag_seconds=30)
    request = desk.charge_request(is_keyed=False)
    first = await desk.provider.charge(request)
    again = await desk.provider.charge(request)
    assert (again.outcome, again.charge_ref) == (Outcome.UNKNOWN, None)
    assert again.refusal is not None
    assert again.refusal.provider_code == "duplicate"
    await desk.advance(seconds=31)
    found = await desk.provider.find_charge(desk.look_up(request.operation_id))
    assert found is not None
    assert found.charge_ref == first.charge_ref


async def test_a_duplicate_that_cannot_be_looked_for_is_unknown(desk: Desk) -> None:
    request = desk.charge_request(is_keyed=False)
    await desk.provider.charge(request)
    await desk.misbehave({"on": "transactions.search_ids", "fault": "unavailable"})
    assert (await desk.provider.charge(request)).outcome is Outcome.UNKNOWN


@pytest.mark.fault("F20")
async def test_the_check_for_duplicates_knows_one_operation_from_another(desk: Desk) -> None:
    card = await desk.card()
    first, second = [await desk.charge(card=card, is_keyed=False) for _ in range(2)]
    assert (first.outcome, second.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    assert first.charge_ref != second.charge_ref


async def test_a_rejection_that_is_all_there_is_counts_once_the_search_has_caught_up(desk: Desk) -> None:
    """Somebody has sold the same with an order id that is ours, and gives it another one afterwards."""
    card = await desk.card()
    request = desk.charge_request(card=card, operation_id="op_1", is_keyed=False)
    ours = {"order_id": f"op_1.ord_1.{request.charge_id}", "merchant_account_id": "usd_account"}
    asked = {"amount": "10.00", "payment_method_token": card, **ours}
    theirs = await desk.sdk(lambda gateway: gateway.transaction.sale(asked))
    await desk.misbehave({"on": "transactions.search_ids", "fault": "unavailable", "last": 1})
    rejected = await desk.provider.charge(request)
    await desk.sdk(
        lambda gateway: gateway.transaction.submit_for_settlement(theirs.transaction.id, None, {"order_id": "theirs"})
    )
    soon = await desk.provider.find_charge(desk.look_up("op_1"))
    late = await desk.provider.find_charge(desk.look_up("op_1", not_before=datetime.now(UTC) - 2 * LAG))
    assert soon is not None
    assert late is not None
    assert (rejected.outcome, soon.outcome, late.outcome) == (Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.DECLINED)
    assert late.refusal is not None
    assert late.refusal.provider_code == "duplicate"
