"""What a decline of Braintree's means to a customer, and what stays of it for staff."""

import pytest

from adapters.braintree import declines
from adapters.braintree.declines import decline_of, settlement_decline_of
from domain.declines import DECLINES, FORBIDS_TRIES, DeclineAdvice, DeclineCode


def told(**given: str | None) -> dict[str, str | None]:
    return {"processor_response_text": "Declined", "network_response_code": "51", **given}


def test_every_documented_code_has_a_meaning() -> None:
    """2000 to 2108 but for 2052, which there is none of, and 3000."""
    documented = {str(code) for code in range(2000, 2109)} - {"2052"} | {"3000"}
    assert documented - {"2100"} <= set(declines._PROCESSOR)
    assert set(declines._PROCESSOR) <= documented


def test_every_reason_of_the_gateway_that_the_sdk_knows_has_a_meaning() -> None:
    from braintree import Transaction

    known = {value for name, value in vars(Transaction.GatewayRejectionReason).items() if name[0].isupper()}
    assert known <= set(declines._GATEWAY)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("2000", DeclineCode.GENERIC_DECLINE),
        ("2001", DeclineCode.INSUFFICIENT_FUNDS),
        ("2004", DeclineCode.CARD_EXPIRED),
        ("2010", DeclineCode.INCORRECT_CVC),
        ("2013", DeclineCode.LOST_OR_STOLEN),
        ("2014", DeclineCode.FRAUD_SUSPECTED),
        ("2018", DeclineCode.DO_NOT_RETRY),
        ("2099", DeclineCode.AUTHENTICATION_REQUIRED),
        ("3000", DeclineCode.PROCESSING_ERROR),
    ],
)
def test_a_code_is_told_in_three_layers(code: str, meaning: DeclineCode) -> None:
    refusal = decline_of(told(processor_response_code=code))
    assert (refusal.decline_code, refusal.issuer_code, refusal.provider_code) == (meaning, "51", code)
    assert refusal.message == "Declined"


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [("hard_declined", DeclineCode.DO_NOT_RETRY), ("soft_declined", DeclineCode.GENERIC_DECLINE), (None, None)],
)
def test_a_code_of_tomorrow_is_a_plain_no_and_for_good_where_braintree_says_so(
    kind: str | None, meaning: DeclineCode | None
) -> None:
    refusal = decline_of(told(processor_response_code="2500", processor_response_type=kind))
    assert refusal.decline_code is (meaning or DeclineCode.GENERIC_DECLINE)
    assert refusal.provider_code == "2500"


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("avs", DeclineCode.GENERIC_DECLINE),
        ("cvv", DeclineCode.INCORRECT_CVC),
        ("avs_and_cvv", DeclineCode.INCORRECT_CVC),
        ("fraud", DeclineCode.FRAUD_SUSPECTED),
        ("risk_threshold", DeclineCode.FRAUD_SUSPECTED),
        ("three_d_secure", DeclineCode.AUTHENTICATION_REQUIRED),
        ("excessive_retry", DeclineCode.DO_NOT_RETRY),
        ("of_tomorrow", DeclineCode.GENERIC_DECLINE),
    ],
)
def test_what_the_gateway_rejects_is_told_by_its_reason(reason: str, meaning: DeclineCode) -> None:
    """The processor may have agreed: its code is not the reason."""
    refusal = decline_of(told(gateway_rejection_reason=reason, processor_response_code="1000"))
    assert (refusal.decline_code, refusal.provider_code) == (meaning, reason)


@pytest.mark.parametrize("advice", ["03", "21"])
def test_a_scheme_that_forbids_further_tries_is_heeded(advice: str) -> None:
    refusal = decline_of(told(processor_response_code="2001", merchant_advice_code=advice))
    assert refusal.decline_code is DeclineCode.DO_NOT_RETRY
    stolen = decline_of(told(processor_response_code="2013", merchant_advice_code=advice))
    assert stolen.decline_code is DeclineCode.LOST_OR_STOLEN
    assert {refusal.decline_code, stolen.decline_code} <= FORBIDS_TRIES


def test_a_limit_or_lack_of_money_may_pass() -> None:
    for code in ("2001", "2002", "2003", "3000"):
        meaning = decline_of(told(processor_response_code=code)).decline_code
        assert meaning is not None
        assert DECLINES[meaning].advice is DeclineAdvice.RETRY_LATER


def test_a_decline_without_words_is_a_decline() -> None:
    refusal = decline_of({})
    assert (refusal.decline_code, refusal.message) == (DeclineCode.GENERIC_DECLINE, "The payment was declined.")
    assert settlement_decline_of({}).provider_code == "settlement_declined"
