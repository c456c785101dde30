"""Stripe's reasons for a no, in our words."""

import pytest

from adapters.stripe.declines import decline_of
from domain.declines import FORBIDS_TRIES, DeclineCode
from domain.provider import Outcome
from tests.adapters.stripe.desk import Desk
from tests.emulators.stripe.declines import DECLINES

_EXPECTED = {
    "approve_with_id": DeclineCode.GENERIC_DECLINE,
    "authentication_required": DeclineCode.AUTHENTICATION_REQUIRED,
    "card_not_supported": DeclineCode.CARD_NOT_SUPPORTED,
    "card_velocity_exceeded": DeclineCode.LIMIT_EXCEEDED,
    "currency_not_supported": DeclineCode.CURRENCY_NOT_SUPPORTED,
    "do_not_honor": DeclineCode.GENERIC_DECLINE,
    "do_not_try_again": DeclineCode.DO_NOT_RETRY,
    "expired_card": DeclineCode.CARD_EXPIRED,
    "generic_decline": DeclineCode.GENERIC_DECLINE,
    "incorrect_cvc": DeclineCode.INCORRECT_CVC,
    "incorrect_number": DeclineCode.INCORRECT_NUMBER,
    "insufficient_funds": DeclineCode.INSUFFICIENT_FUNDS,
    "issuer_not_available": DeclineCode.PROCESSING_ERROR,
    "lost_card": DeclineCode.LOST_OR_STOLEN,
    "pickup_card": DeclineCode.LOST_OR_STOLEN,
    "processing_error": DeclineCode.PROCESSING_ERROR,
    "revocation_of_authorization": DeclineCode.DO_NOT_RETRY,
    "stolen_card": DeclineCode.LOST_OR_STOLEN,
    "stop_payment_order": DeclineCode.DO_NOT_RETRY,
    "transaction_not_allowed": DeclineCode.CARD_NOT_SUPPORTED,
    "withdrawal_count_limit_exceeded": DeclineCode.LIMIT_EXCEEDED,
}


@pytest.mark.parametrize(("code", "meaning"), _EXPECTED.items())
async def test_what_an_issuer_says_reaches_us_in_three_layers(desk: Desk, code: str, meaning: DeclineCode) -> None:
    await desk.misbehave({"on": "payment_intents.create", "fault": "decline", "code": code})
    charge = await desk.charge()
    assert charge.outcome is Outcome.DECLINED
    assert charge.refusal is not None
    assert (charge.refusal.decline_code, charge.refusal.provider_code) == (meaning, code)
    assert charge.refusal.issuer_code == DECLINES[code].network_decline_code


def test_every_code_that_the_emulator_has_is_known_to_the_table() -> None:
    known = {code: decline_of({"code": "card_declined", "decline_code": code}).decline_code for code in DECLINES}
    generic = {code for code, meaning in known.items() if meaning is DeclineCode.GENERIC_DECLINE}
    assert generic == {
        *("approve_with_id", "call_issuer", "do_not_honor", "duplicate_transaction", "generic_decline"),
        *("incorrect_zip", "no_action_taken", "not_permitted", "restricted_card", "security_violation"),
    }


@pytest.mark.parametrize("code", ["restricted_card", "fraudulent", "invalid_account", "generic_decline"])
def test_that_a_card_must_not_be_tried_again_counts_for_more_than_a_reason(code: str) -> None:
    told = decline_of({"decline_code": code, "advice_code": "do_not_try_again"})
    assert told.decline_code is DeclineCode.DO_NOT_RETRY
    assert told.provider_code == code


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "revocation_of_all_authorizations"])
def test_a_reason_that_forbids_tries_itself_stays(code: str) -> None:
    told = decline_of({"decline_code": code, "advice_code": "do_not_try_again"})
    assert told.decline_code in FORBIDS_TRIES
    assert told.decline_code == decline_of({"decline_code": code}).decline_code


@pytest.mark.parametrize("advice", ["try_again_later", "confirm_card_data", "advice_of_tomorrow", None, 7])
def test_other_advice_leaves_the_reason_as_it_is(advice: object) -> None:
    assert decline_of({"decline_code": "insufficient_funds", "advice_code": advice}).decline_code is (
        DeclineCode.INSUFFICIENT_FUNDS
    )


def test_a_code_of_tomorrow_is_a_decline_all_the_same() -> None:
    told = decline_of({"code": "card_declined", "decline_code": "moon_phase", "message": "No."})
    assert (told.decline_code, told.provider_code, told.message) == (DeclineCode.GENERIC_DECLINE, "moon_phase", "No.")
    assert decline_of({}).decline_code is DeclineCode.GENERIC_DECLINE


async def test_what_stripe_itself_blocks_is_a_suspected_fraud(desk: Desk) -> None:
    charge = await desk.charge(token="pm_card_radarBlock")
    assert charge.refusal is not None
    assert (charge.refusal.decline_code, charge.refusal.issuer_code) == (DeclineCode.FRAUD_SUSPECTED, None)
