import asyncio
import time

import pytest

from adapters.fake import Bank, FakeProvider, ScriptUnreadable, fake_bank_app, parse_script
from adapters.fake.misbehaviour import Fault
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import Outcome
from tests.adapters.fake.helpers import API_KEY, SECRET, Shop, StandingClock, look_up, served


async def test_the_third_charge_declines_and_no_other(shop: Shop) -> None:
    shop.bank.misbehave("charge#3=decline:insufficient_funds")

    charges = [await shop.charge() for _ in range(4)]

    assert [charge.outcome for charge in charges] == [
        Outcome.SUCCEEDED,
        Outcome.SUCCEEDED,
        Outcome.DECLINED,
        Outcome.SUCCEEDED,
    ]
    assert charges[2].refusal is not None
    assert charges[2].refusal.decline_code is DeclineCode.INSUFFICIENT_FUNDS


@pytest.mark.fault("F7", "F8", "F9", "F12", "F14")
@pytest.mark.parametrize("fault", ["lose_answer", "reset", "hang", "error_after", "html", "truncate", "empty"])
async def test_an_answer_lost_after_the_work_is_unknown_and_a_replay_finds_it(shop: Shop, fault: str) -> None:
    shop.bank.misbehave(f"charge#1={fault}")
    request = await shop.charge_request()

    lost = await shop.provider.charge(request)

    assert lost.outcome is Outcome.UNKNOWN
    assert lost.captured is None
    assert shop.bank.truth().captured(request.charge_id) == 20_00
    found = await shop.provider.find_charge(look_up(request.operation_id))
    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED
    assert await shop.provider.charge(request) == found
    assert len(shop.bank.truth().charges) == 1


@pytest.mark.fault("F12", "F13", "F15")
@pytest.mark.parametrize(
    ("fault", "outcome", "code"),
    [
        ("error", Outcome.UNKNOWN, "server_error"),
        ("rate_limit", Outcome.UNKNOWN, "rate_limited"),
        ("refuse", Outcome.NOT_SENT, "not_accepted"),
    ],
)
async def test_a_request_that_was_not_worked_on_leaves_nothing(
    shop: Shop, fault: str, outcome: Outcome, code: str
) -> None:
    shop.bank.misbehave(f"charge#1={fault}")
    request = await shop.charge_request()

    turned_away = await shop.provider.charge(request)

    assert turned_away.outcome is outcome
    assert turned_away.refusal is not None
    assert turned_away.refusal.provider_code == code
    assert shop.bank.truth().charges == ()
    assert (await shop.provider.charge(request)).outcome is Outcome.SUCCEEDED


async def test_a_lost_look_up_is_unknown_and_never_none(shop: Shop) -> None:
    shop.bank.misbehave("find_charge#1=refuse; find_charge#2=lose_answer; find_charge#3=empty")

    for _ in range(3):
        found = await shop.provider.find_charge(look_up("op_never_sent"))
        assert found is not None
        assert found.outcome is Outcome.UNKNOWN
    assert await shop.provider.find_charge(look_up("op_never_sent")) is None


@pytest.mark.fault("F10", "F16")
async def test_a_slow_request_lands_after_its_client_gave_up_and_says_so_until_then(shop: Shop) -> None:
    shop.bank.misbehave("charge#1=slow:1.3")
    request = await shop.charge_request()

    slow = asyncio.create_task(shop.provider.charge(request))
    await asyncio.sleep(0.2)
    meanwhile = await shop.provider.charge(request)
    looked_up = await shop.provider.find_charge(look_up(request.operation_id))

    assert looked_up is not None
    for result in (meanwhile, looked_up):
        assert result.outcome is Outcome.UNKNOWN
        assert result.refusal is not None
        assert result.refusal.provider_code == "key_in_flight"
    assert (await slow).outcome is Outcome.UNKNOWN
    deadline = time.monotonic() + 5
    while not shop.bank.truth().charges:
        assert time.monotonic() < deadline, "the slow request never landed"
        await asyncio.sleep(0.05)
    assert (await shop.provider.charge(request)).outcome is Outcome.SUCCEEDED
    assert len(shop.bank.truth().charges) == 1


async def test_a_cancelled_client_does_not_undo_what_the_bank_does(shop: Shop) -> None:
    shop.bank.misbehave("charge#1=slow:0.3")
    request = await shop.charge_request()

    charge = asyncio.create_task(shop.provider.charge(request))
    await asyncio.sleep(0.15)
    charge.cancel()
    with pytest.raises(asyncio.CancelledError):
        await charge

    await asyncio.sleep(0.5)
    assert shop.bank.truth().captured(request.charge_id) == 20_00


@pytest.mark.fault("F9")
async def test_a_hanging_refund_gives_the_money_back_once(shop: Shop) -> None:
    shop.bank.misbehave("refund#1=hang")
    charge = await shop.charge()

    lost = await shop.refund(charge, Money(5_00, "USD"), operation_id="op_refund")
    again = await shop.refund(charge, Money(5_00, "USD"), operation_id="op_refund")

    assert (lost.outcome, again.outcome) == (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert shop.bank.truth().charges[0].refunded == 5_00


@pytest.mark.fault("F7", "F8")
@pytest.mark.parametrize("fault", ["lose_answer", "reset"])
async def test_connections_break_on_uvloop_as_well(bank: Bank, clock: StandingClock, fault: str) -> None:
    with served(fake_bank_app(bank, api_key=API_KEY), loop="uvloop") as url:
        provider = FakeProvider.over_http(url, api_key=API_KEY, clock=clock, webhook_secrets=[SECRET])
        shop = Shop(bank, provider, clock)
        await shop.open()
        bank.misbehave(f"charge#1={fault}")
        started = time.monotonic()

        lost = await shop.charge()

        assert lost.refusal is not None
        assert lost.refusal.provider_code == "answer_lost"
        assert "broke" in lost.refusal.message
        assert time.monotonic() - started < 5
        await provider.close()


def test_the_same_seed_misbehaves_the_same_way_and_another_does_not() -> None:
    def drawn(seed: int) -> list[int]:
        behaviour = parse_script("refund#*~0.1=hang", seed)
        return [number for number in range(1, 1001) if behaviour.of("refund", number)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 60 < len(drawn(1)) < 140


def test_a_rule_names_a_call_a_number_and_a_fault() -> None:
    behaviour = parse_script("charge # 2-3 = reset;; *#1=lose_answer ;")

    assert behaviour.of("charge", 1) == behaviour.of("refund", 1)
    faults = [behaviour.of("charge", number) for number in range(1, 5)]
    assert [misdeed and misdeed.fault for misdeed in faults] == [Fault.LOSE_ANSWER, Fault.RESET, Fault.RESET, None]
    assert behaviour.of("refund", 2) is None


@pytest.mark.parametrize(
    "script",
    [
        "charge",
        "charge#0=reset",
        "charge#3-2=reset",
        "charge#1=explode",
        "pay#1=reset",
        "refund#1=decline",
        "charge#1=decline:bad_mood",
        "charge#1=slow",
        "charge#1=slow:0",
        "charge#1=slow:1e9",
        "charge#1=reset:now",
        "charge#*~2=reset",
    ],
)
def test_a_script_that_cannot_be_followed_is_refused_with_its_rule(script: str) -> None:
    with pytest.raises(ScriptUnreadable, match=script.partition("#")[0]):
        parse_script(script)


async def test_the_same_script_goes_on_counting_and_another_begins_anew(quick_shop: Shop) -> None:
    quick_shop.bank.misbehave("charge#2=decline")
    assert (await quick_shop.charge()).outcome is Outcome.SUCCEEDED

    quick_shop.bank.misbehave("charge#2=decline")
    assert (await quick_shop.charge()).outcome is Outcome.DECLINED

    quick_shop.bank.misbehave("")
    assert (await quick_shop.charge()).outcome is Outcome.SUCCEEDED
