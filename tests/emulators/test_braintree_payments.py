"""Sales, holds, voids, refunds and settlement at the Braintree emulator, as the SDK's integration tests have them."""

from decimal import Decimal
from typing import Any

import pytest

from tests.emulators.braintree_shop import Shop, codes

_DAY_SECONDS = 24 * 3600


def _statuses(transaction: Any) -> list[str]:
    return [event.status for event in transaction.status_history]


def test_a_sale_is_submitted_for_settlement(bt: Shop) -> None:
    sold = bt.sold("12.34", order_id="op_1")

    assert (sold.status, sold.amount, sold.currency_iso_code) == ("submitted_for_settlement", Decimal("12.34"), "USD")
    assert (sold.order_id, sold.type, sold.processor_response_code) == ("op_1", "sale", "1000")
    assert _statuses(sold) == ["authorized", "submitted_for_settlement"]
    assert (sold.credit_card_details.last_4, sold.credit_card_details.card_type) == ("1881", "Visa")
    assert bt.sdk.transaction.find(sold.id).status == "submitted_for_settlement"


def test_a_hold_is_captured_in_part_or_in_whole(bt: Shop) -> None:
    whole, part = bt.sold("10.00", submit=False), bt.sold("10.00", submit=False)

    captured = bt.sdk.transaction.submit_for_settlement(whole.id).transaction
    less = bt.sdk.transaction.submit_for_settlement(part.id, "4.00").transaction

    assert (whole.status, captured.status, captured.amount) == ("authorized", "submitted_for_settlement", 10)
    assert (less.id, less.status, less.amount) == (part.id, "submitted_for_settlement", 4)
    assert codes(bt.sdk.transaction.submit_for_settlement(part.id)) == ["91507"]


def test_no_more_than_the_hold_is_captured(bt: Shop) -> None:
    held = bt.sold("10.00", submit=False)

    assert codes(bt.sdk.transaction.submit_for_settlement(held.id, "10.01")) == ["91522"]


def test_a_hold_is_captured_bit_by_bit(bt: Shop) -> None:
    held = bt.sold("10.00", submit=False)

    first = bt.sdk.transaction.submit_for_partial_settlement(held.id, "6.00").transaction
    too_much = bt.sdk.transaction.submit_for_partial_settlement(held.id, "4.01")
    of_a_part = bt.sdk.transaction.submit_for_partial_settlement(first.id, "1.00")
    second = bt.sdk.transaction.submit_for_partial_settlement(held.id, "3.00", {"final_capture": "true"}).transaction
    after_the_last = bt.sdk.transaction.submit_for_partial_settlement(held.id, "1.00")

    assert (first.authorized_transaction_id, first.amount, first.status) == (held.id, 6, "submitted_for_settlement")
    assert (codes(too_much), codes(of_a_part), codes(after_the_last)) == (["91522"], ["915103"], ["91522"])
    again = bt.sdk.transaction.find(held.id)
    assert again.status == "settlement_pending"
    assert again.partial_settlement_transaction_ids == [first.id, second.id]


@pytest.mark.parametrize("submit", [True, False])
def test_what_is_not_settled_yet_is_voided_and_not_refunded(bt: Shop, submit: bool) -> None:
    sold = bt.sold(submit=submit)

    refused = bt.sdk.transaction.refund(sold.id, "1.00")
    voided = bt.sdk.transaction.void(sold.id)

    assert codes(refused) == ["91506"]
    assert refused.errors.for_object("transaction").on("base")[0].code == "91506"
    assert voided.transaction.status == "voided"
    assert codes(bt.sdk.transaction.void(sold.id)) == ["91504"]


def test_what_is_settled_is_refunded_up_to_its_amount(bt: Shop) -> None:
    settled = bt.settled("10.00")

    part = bt.sdk.transaction.refund(settled.id, "4.00").transaction
    too_much = bt.sdk.transaction.refund(settled.id, "6.01")
    rest = bt.sdk.transaction.refund(settled.id).transaction

    assert (part.type, part.status, part.amount) == ("credit", "submitted_for_settlement", 4)
    assert (part.refunded_transaction_id, rest.amount) == (settled.id, 6)
    assert codes(too_much) == ["91521"]
    assert codes(bt.sdk.transaction.refund(settled.id, "0.01")) == ["91512"]
    assert codes(bt.sdk.transaction.refund(part.id)) == ["91505"]
    assert codes(bt.sdk.transaction.void(settled.id)) == ["91504"]
    assert bt.sdk.transaction.find(settled.id).refund_ids == [part.id, rest.id]


def test_a_voided_refund_can_be_made_again(bt: Shop) -> None:
    settled = bt.settled("10.00")
    refund = bt.sdk.transaction.refund(settled.id).transaction
    bt.sdk.transaction.void(refund.id)

    assert bt.sdk.transaction.refund(settled.id).transaction.amount == 10


def test_a_reversal_voids_what_can_be_voided_and_refunds_the_rest(bt: Shop) -> None:
    unsettled, settled = bt.sold("10.00"), bt.settled("10.00")
    bt.sdk.transaction.refund(settled.id, "3.00")

    voided = bt.sdk.transaction.reverse(unsettled.id).transaction
    refunded = bt.sdk.transaction.reverse(settled.id).transaction

    assert (voided.id, voided.status) == (unsettled.id, "voided")
    assert (refunded.type, refunded.amount, refunded.refunded_transaction_id) == ("credit", 7, settled.id)
    assert codes(bt.sdk.transaction.reverse(settled.id)) == ["91512"]
    assert codes(bt.sdk.transaction.reverse(unsettled.id)) == ["915282"]


@pytest.mark.parametrize(
    ("amount", "status", "code", "kind"),
    [
        ("2000.00", "processor_declined", "2000", "soft_declined"),
        ("2004.99", "processor_declined", "2004", "hard_declined"),
        ("2999.99", "processor_declined", "2999", "soft_declined"),
        ("3000.50", "failed", "3000", "soft_declined"),
    ],
)
def test_the_amount_decides_what_the_processor_says(bt: Shop, amount: str, status: str, code: str, kind: str) -> None:
    declined = bt.sale(amount)

    assert not declined.is_success
    assert codes(declined) == []
    refused = declined.transaction
    assert (refused.status, refused.processor_response_code, refused.processor_response_type) == (status, code, kind)
    assert refused.additional_processor_response.startswith(f"{code} : ")
    assert bt.sdk.transaction.find(refused.id).status == status
    assert codes(bt.sdk.transaction.void(refused.id)) == ["91504"]


def test_one_amount_is_rejected_by_the_gateway_itself(bt: Shop) -> None:
    rejected = bt.sale("5001.00")

    assert rejected.transaction.status == "gateway_rejected"
    assert rejected.transaction.gateway_rejection_reason == "application_incomplete"
    assert rejected.transaction.processor_response_code is None


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (None, "81502"),
        ("", "81502"),
        ("ten", "81503"),
        ("1E+1", "81503"),
        ("10.001", "81503"),
        ("-1.00", "81501"),
        ("0.00", "81531"),
        ("99999999999.00", "81528"),
    ],
)
def test_an_amount_is_a_positive_decimal(bt: Shop, amount: str | None, code: str) -> None:
    refused = bt.sdk.transaction.sale({"amount": amount, "payment_method_nonce": "fake-valid-nonce"})

    assert codes(refused) == [code]
    assert refused.errors.for_object("transaction").on("amount")[0].code == code
    assert refused.transaction is None


def test_the_merchant_account_decides_the_currency(bt: Shop) -> None:
    euros = bt.sold("5.00", merchant_account_id="eur_account")
    yen = bt.sold("3", merchant_account_id="jpy_account")

    assert (euros.currency_iso_code, yen.currency_iso_code, yen.amount) == ("EUR", "JPY", 3)
    assert codes(bt.sale("3.50", merchant_account_id="jpy_account")) == ["81503"]
    assert codes(bt.sale(merchant_account_id="nobodys")) == ["91513"]


def test_a_card_is_charged_once_for_the_same_within_the_window(bt: Shop) -> None:
    first = bt.sale(order_id="o1")
    second, other_amount, other_order = bt.sale(order_id="o1"), bt.sale("10.01", order_id="o1"), bt.sale(order_id="o2")
    bt.advance(31)
    later = bt.sale(order_id="o1")

    assert second.transaction.gateway_rejection_reason == "duplicate"
    assert second.transaction.order_id == "o1"
    assert [each.is_success for each in (first, other_amount, other_order, later)] == [True] * 4


def test_a_declined_sale_is_nobodys_first(bt: Shop) -> None:
    bt.sale("2000.00", order_id="o1")

    assert bt.sale("2000.00", order_id="o1").transaction.status == "processor_declined"


def test_the_window_can_be_shut(bt: Shop) -> None:
    bt.control("reset", {"duplicate_window_seconds": 0})

    assert [bt.sale(order_id="o1").is_success for _ in range(2)] == [True, True]


def test_settlement_comes_with_time(bt: Shop) -> None:
    sold = bt.sold()
    early = bt.sdk.transaction.find(sold.id).status
    bt.advance(7 * 3600)
    settling = bt.sdk.transaction.find(sold.id)
    refunded_while_settling = bt.sdk.transaction.refund(sold.id, "1.00")
    bt.advance(_DAY_SECONDS)
    settled = bt.sdk.transaction.find(sold.id)

    assert (early, settling.status, settled.status) == ("submitted_for_settlement", "settling", "settled")
    assert refunded_while_settling.is_success
    assert _statuses(settled) == ["authorized", "submitted_for_settlement", "settling", "settled"]
    moments = [event.timestamp for event in settled.status_history]
    assert (moments[3] - moments[1]).total_seconds() == pytest.approx(_DAY_SECONDS, abs=2)


def test_a_hold_expires(bt: Shop) -> None:
    held = bt.sold(submit=False)
    bt.advance(8 * _DAY_SECONDS)

    assert bt.sdk.transaction.find(held.id).status == "authorization_expired"
    assert codes(bt.sdk.transaction.submit_for_settlement(held.id)) == ["91507"]


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ("settle_transaction", "settled", "4000"),
        ("settlement_confirm_transaction", "settlement_confirmed", None),
        ("settlement_decline_transaction", "settlement_declined", "4001"),
        ("settlement_pending_transaction", "settlement_pending", "4002"),
    ],
)
def test_a_test_settles_at_once(bt: Shop, call: str, status: str, code: str | None) -> None:
    sold, held = bt.sold(), bt.sold(submit=False)

    done = getattr(bt.sdk.testing, call)(sold.id).transaction
    refused = getattr(bt.sdk.testing, call)(held.id)

    assert (done.status, done.processor_settlement_response_code) == (status, code)
    assert codes(refused) == ["91575"]


@pytest.mark.parametrize(
    ("amount", "status", "said"),
    [("2004.00", "processor_declined", "2004 : Expired Card"), ("2046.00", None, "2046 : Declined")],
)
def test_a_refund_is_declined_for_good_or_goes_on(bt: Shop, amount: str, status: str | None, said: str | None) -> None:
    settled = bt.settled("9000.00")

    refund = bt.sdk.transaction.refund(settled.id, amount).transaction

    assert refund.status == (status or "submitted_for_settlement")
    assert refund.additional_processor_response == said
    assert refund.id == bt.sdk.transaction.find(settled.id).refund_id
    assert bt.control("truth")["totals"]["USD"]["refunded"] == ("0.00" if status else amount)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"payment_method_nonce": "fake-consumed-nonce"}, "91564"),
        ({"payment_method_nonce": "no-nonce-at-all"}, "91565"),
        ({"payment_method_nonce": "fake-paypal-one-time-nonce"}, "emulator_unsupported"),
        ({"payment_method_token": "nobodys"}, "91518"),
        ({"customer_id": "nobody"}, "91510"),
        ({}, "91508"),
        ({"payment_method_nonce": "fake-valid-nonce", "payment_method_token": "x"}, "91515"),
        ({"payment_method_nonce": "fake-valid-nonce", "order_id": "o" * 256}, "91501"),
        ({"payment_method_nonce": "fake-valid-nonce", "transaction_source": "whim"}, "915133"),
        ({"payment_method_nonce": "fake-valid-nonce", "sca_exemption": "low_value"}, "emulator_unsupported"),
    ],
)
def test_what_cannot_be_charged_is_refused_with_its_code(bt: Shop, asked: dict[str, Any], code: str) -> None:
    refused = bt.sdk.transaction.sale({"amount": "10.00"} | asked)

    assert codes(refused) == [code]
    assert bt.control("truth")["sales"] == []


def test_a_card_number_is_checked_where_it_stands(bt: Shop) -> None:
    card = {"number": "4111111111111112", "expiration_date": "05/2035"}

    refused = bt.sdk.transaction.sale({"amount": "10.00", "credit_card": card})

    assert refused.errors.for_object("transaction").for_object("credit_card").on("number")[0].code == "81715"


@pytest.mark.parametrize("reason", ["fraud", "risk_threshold"])
def test_test_nonces_are_rejected_by_the_gateway(bt: Shop, reason: str) -> None:
    name = {"fraud": "fraud", "risk_threshold": "risk-thresholds"}[reason]

    rejected = bt.sale(nonce=f"fake-gateway-rejected-{name}-nonce").transaction

    assert (rejected.status, rejected.gateway_rejection_reason) == ("gateway_rejected", reason)


def test_an_off_session_sale_says_why(bt: Shop) -> None:
    _, token = bt.customer_with()

    recurring = bt.sold(nonce=None, payment_method_token=token, transaction_source="recurring")
    unscheduled = bt.sold(nonce=None, payment_method_token=token, transaction_source="unscheduled")

    assert (recurring.recurring, unscheduled.recurring) == (True, False)


def test_only_registered_custom_fields_are_taken(bt: Shop) -> None:
    refused = bt.sale(custom_fields={"campaign": "spring"})
    bt.control("reset", {"custom_fields": ["campaign"]})

    assert codes(refused) == ["91526"]
    assert bt.sold(custom_fields={"campaign": "spring"}).custom_fields == {"campaign": "spring"}


def test_a_refusal_repeats_what_was_asked_without_the_card_s_secrets(bt: Shop) -> None:
    card = {"number": "4111111111111111", "cvv": "123", "expiration_date": "05/2035"}

    refused = bt.sdk.transaction.sale({"amount": "-1.00", "credit_card": card, "order_id": "op_1"})

    assert refused.params == {
        "transaction": {
            "amount": "-1.00",
            "credit_card": {"expiration_date": "05/2035"},
            "order_id": "op_1",
            "type": "sale",
        }
    }
