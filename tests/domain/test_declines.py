"""Every reason of a bank has words for the customer and an advice for the client."""

import pytest

from domain.declines import DECLINES, DeclineAdvice, DeclineCode, told_to_customer


def test_the_table_has_every_code_once() -> None:
    assert list(DECLINES) == list(DeclineCode)


def test_every_advice_is_given_somewhere() -> None:
    assert {decline.advice for decline in DECLINES.values()} == set(DeclineAdvice)


@pytest.mark.parametrize("code", DeclineCode)
def test_the_sentence_is_for_a_person(code: DeclineCode) -> None:
    message = DECLINES[code].message
    assert message[0].isupper()
    assert message.endswith(".")
    assert code not in message


@pytest.mark.parametrize("code", [DeclineCode.FRAUD_SUSPECTED, DeclineCode.LOST_OR_STOLEN, DeclineCode.DO_NOT_RETRY])
def test_a_suspicion_is_not_told_to_the_person_who_holds_the_card(code: DeclineCode) -> None:
    assert DECLINES[code].message == DECLINES[DeclineCode.GENERIC_DECLINE].message
    assert DECLINES[code].advice is DeclineAdvice.DO_NOT_RETRY


@pytest.mark.parametrize("code", DeclineCode)
def test_nor_is_its_code(code: DeclineCode) -> None:
    suspicions = (DeclineCode.FRAUD_SUSPECTED, DeclineCode.LOST_OR_STOLEN)
    told = told_to_customer(code)
    assert told is (DeclineCode.DO_NOT_RETRY if code in suspicions else code)
    assert told not in suspicions
    assert told_to_customer(None) is None
    # The advice that goes with what is told is the one that holds: a client must not try such a card again.
    assert told is not None
    assert DECLINES[told].advice is DECLINES[code].advice


@pytest.mark.parametrize("code", [DeclineCode.AUTHENTICATION_REQUIRED, DeclineCode.AUTHENTICATION_FAILED])
def test_a_missing_confirmation_is_asked_for(code: DeclineCode) -> None:
    assert DECLINES[code].advice is DeclineAdvice.AUTHENTICATE
