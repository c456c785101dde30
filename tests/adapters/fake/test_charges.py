import asyncio
from pathlib import Path

import pytest

from adapters.fake import Bank, FakeProvider
from adapters.fake.declines import BANK_DECLINES
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import Initiator, Outcome, RedirectAction
from tests.adapters.fake.helpers import Shop, StandingClock, look_up


async def test_a_good_card_is_charged_in_full(shop: Shop) -> None:
    charge = await shop.charge(amount=Money(20_00, "USD"))

    assert charge.outcome is Outcome.SUCCEEDED
    assert charge.authorized == charge.captured == Money(20_00, "USD")
    assert charge.refusal is None
    [truth] = shop.bank.truth().charges
    assert (truth.captured, truth.currency, truth.customer_id) == (20_00, "USD", "cus_1")


@pytest.mark.parametrize(
    "amount", [Money(1, "JPY"), Money(1_500, "ISK"), Money(7, "UGX"), Money(1_001, "KWD"), Money(2**53 - 1, "MGA")]
)
async def test_amounts_keep_the_units_of_their_currency(quick_shop: Shop, amount: Money) -> None:
    charge = await quick_shop.charge(amount=amount)

    assert charge.outcome is Outcome.SUCCEEDED
    assert charge.captured == amount


async def test_a_bank_may_charge_no_less_than_a_least_amount(tmp_path: Path, clock: StandingClock) -> None:
    bank = Bank(tmp_path / "b.sqlite3", clock=clock, public_url="http://bank.test", least_amounts={"USD": 50})
    provider = FakeProvider.in_process(bank, clock=clock)
    shop = Shop(bank, provider, clock)
    await shop.open()

    less, least = await shop.charge(amount=Money(49, "USD")), await shop.charge(amount=Money(50, "USD"))

    assert less.refusal is not None
    assert (less.outcome, less.refusal.provider_code) == (Outcome.FAILED, "amount_too_small")
    assert least.outcome is Outcome.SUCCEEDED
    assert provider.least_amount("USD") == Money(50, "USD")
    assert provider.least_amount("EUR").is_zero
    await provider.close()
    bank.close()


@pytest.mark.parametrize(
    ("token", "code", "issuer_code"),
    [
        ("tok_chargeDeclined", DeclineCode.GENERIC_DECLINE, "05"),
        ("tok_chargeDeclinedInsufficientFunds", DeclineCode.INSUFFICIENT_FUNDS, "51"),
        ("tok_chargeDeclinedExpiredCard", DeclineCode.CARD_EXPIRED, "54"),
        ("tok_chargeDeclinedIncorrectCvc", DeclineCode.INCORRECT_CVC, "N7"),
        ("tok_chargeDeclinedProcessingError", DeclineCode.PROCESSING_ERROR, "96"),
        ("tok_chargeDeclinedFraudulent", DeclineCode.FRAUD_SUSPECTED, "59"),
        ("tok_chargeDeclinedLostCard", DeclineCode.LOST_OR_STOLEN, "41"),
        ("tok_chargeDeclinedStolenCard", DeclineCode.LOST_OR_STOLEN, "43"),
        ("tok_chargeDeclinedVelocityLimitExceeded", DeclineCode.LIMIT_EXCEEDED, "61"),
        ("tok_chargeCustomerFail", DeclineCode.GENERIC_DECLINE, "05"),
    ],
)
async def test_a_declining_card_attaches_and_then_declines(
    shop: Shop, token: str, code: DeclineCode, issuer_code: str
) -> None:
    charge = await shop.charge(token)

    assert charge.outcome is Outcome.DECLINED
    assert charge.captured == Money.zero("USD")
    assert charge.refusal is not None
    assert (charge.refusal.decline_code, charge.refusal.issuer_code) == (code, issuer_code)
    assert charge.refusal.provider_code in BANK_DECLINES
    assert shop.bank.truth().charges[0].captured == 0


@pytest.mark.fault("F11")
async def test_the_same_request_again_charges_once_and_gets_the_first_answer(shop: Shop) -> None:
    request = await shop.charge_request()

    first = await shop.provider.charge(request)
    again = await asyncio.gather(*(shop.provider.charge(request) for _ in range(5)))

    assert first.outcome is Outcome.SUCCEEDED
    assert again == [first] * 5
    assert len(shop.bank.truth().charges) == 1


async def test_a_decline_is_replayed_too(shop: Shop) -> None:
    request = await shop.charge_request("tok_chargeDeclined")

    assert await shop.provider.charge(request) == await shop.provider.charge(request)
    assert len(shop.bank.truth().charges) == 1


@pytest.mark.fault("F17")
async def test_a_key_belongs_to_one_request(shop: Shop) -> None:
    request = await shop.charge_request(amount=Money(20_00, "USD"), operation_id="op_same")
    other = await shop.charge_request(amount=Money(30_00, "USD"), operation_id="op_same")

    await shop.provider.charge(request)
    refused = await shop.provider.charge(other)

    assert refused.outcome is Outcome.UNKNOWN
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "idempotency_key_reused"
    assert [charge.amount for charge in shop.bank.truth().charges] == [20_00]


async def test_a_refused_request_is_failed_and_leaves_nothing(shop: Shop) -> None:
    request = await shop.charge_request()
    assert request.payment_method_ref is not None
    await shop.provider.detach_payment_method(payment_method_ref=request.payment_method_ref)

    charge = await shop.provider.charge(request)

    assert charge.outcome is Outcome.FAILED
    assert charge.refusal is not None
    assert charge.refusal.provider_code == "payment_method_detached"
    assert charge.refusal.decline_code is None
    assert shop.bank.truth().charges == ()


async def test_nothing_is_not_an_amount(quick_shop: Shop) -> None:
    charge = await quick_shop.charge(amount=Money.zero("USD"))

    assert charge.outcome is Outcome.FAILED
    assert charge.refusal is not None
    assert charge.refusal.provider_code == "amount_invalid"


async def test_text_that_is_no_text_fails_and_is_not_sent(quick_shop: Shop) -> None:
    request = await quick_shop.charge_request(charge_id="chg_\ud800")

    assert (await quick_shop.provider.charge(request)).outcome is Outcome.FAILED
    assert quick_shop.bank.truth().charges == ()


async def test_a_charge_is_found_by_its_operation(shop: Shop) -> None:
    request = await shop.charge_request()
    charge = await shop.provider.charge(request)
    assert charge.charge_ref is not None

    assert await shop.provider.find_charge(look_up(request.operation_id)) == charge
    assert await shop.provider.fetch_charge(charge_ref=charge.charge_ref) == charge
    assert await shop.provider.find_charge(look_up("op_never_sent")) is None


async def test_a_declined_charge_is_found_as_declined(shop: Shop) -> None:
    request = await shop.charge_request("tok_chargeDeclined")
    declined = await shop.provider.charge(request)

    assert await shop.provider.find_charge(look_up(request.operation_id)) == declined


async def test_a_charge_that_the_bank_does_not_know_is_not_called_failed(shop: Shop) -> None:
    charge = await shop.provider.fetch_charge(charge_ref="fch_of_another_bank")

    assert charge.outcome is Outcome.UNKNOWN
    assert charge.refusal is not None
    assert charge.refusal.provider_code == "charge_missing"


async def test_a_card_expires_as_time_passes(quick_shop: Shop) -> None:
    request = await quick_shop.charge_request("tok_visa")
    quick_shop.clock.advance(days=366 * 5)

    charge = await quick_shop.provider.charge(request)

    assert charge.outcome is Outcome.DECLINED
    assert charge.refusal is not None
    assert charge.refusal.decline_code is DeclineCode.CARD_EXPIRED


@pytest.mark.parametrize("initiator", [Initiator.RECURRING, Initiator.UNSCHEDULED, Initiator.INSTALMENT])
async def test_without_the_customer_a_3ds_card_asks_for_authentication(quick_shop: Shop, initiator: Initiator) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", initiator=initiator)

    assert charge.outcome is Outcome.DECLINED
    assert charge.refusal is not None
    assert charge.refusal.decline_code is DeclineCode.AUTHENTICATION_REQUIRED


async def test_with_the_customer_a_3ds_card_waits_for_the_confirmation(shop: Shop) -> None:
    charge = await shop.charge("tok_threeDSecureRequired", return_url="https://shop.test/paid")

    assert charge.outcome is Outcome.REQUIRES_ACTION
    assert charge.captured == Money.zero("USD")
    assert isinstance(charge.next_action, RedirectAction)
    assert charge.next_action.url.startswith("http://bank.test/fake/3ds/")
    assert (charge.next_action.expires_at - shop.clock.now()).total_seconds() == 3600
    assert charge.next_action.url not in str(charge.raw)
    assert (await shop.resume(charge)).outcome is Outcome.REQUIRES_ACTION


async def test_a_waiting_charge_can_be_voided(shop: Shop) -> None:
    charge = await shop.charge("tok_threeDSecureRequired")

    assert (await shop.void(charge)).outcome is Outcome.VOIDED
    assert (await shop.void(charge)).outcome is Outcome.VOIDED
    assert (await shop.resume(charge)).outcome is Outcome.VOIDED


async def test_a_void_that_comes_too_late_says_that_the_money_is_taken(shop: Shop) -> None:
    charge = await shop.charge()

    too_late = await shop.void(charge)

    assert too_late.outcome is Outcome.SUCCEEDED
    assert too_late.captured == Money(20_00, "USD")


async def test_a_charge_is_found_by_the_operation_that_voided_it(shop: Shop) -> None:
    charge = await shop.charge("tok_threeDSecureRequired")
    operation_id = f"op_{next(shop.numbers) + 1}"
    await shop.void(charge)

    found = await shop.provider.find_charge(look_up(operation_id))

    assert found is not None
    assert (found.outcome, found.charge_ref) == (Outcome.VOIDED, charge.charge_ref)


async def test_a_challenge_that_nobody_answers_ends_by_itself(shop: Shop) -> None:
    charge = await shop.charge("tok_threeDSecureRequired")
    assert charge.charge_ref is not None
    shop.clock.advance(seconds=3600)

    ended = await shop.provider.fetch_charge(charge_ref=charge.charge_ref)

    assert ended.outcome is Outcome.EXPIRED
    assert ended.refusal is not None
    assert ended.refusal.provider_code == "action_expired"
    assert (await shop.void(charge)).outcome is Outcome.EXPIRED


async def test_a_return_url_that_leads_to_a_script_is_refused(quick_shop: Shop) -> None:
    for url in ("javascript:alert(1)", "data:text/html,x", "/paid", "https://user@shop.test/", "https://a;b/"):
        charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=url)
        assert charge.outcome is Outcome.FAILED, url
