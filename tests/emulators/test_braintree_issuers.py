"""What issuers want to know: who pays (3D Secure), and whether address and security code are right."""

from typing import Any

import pytest

from tests.emulators.braintree_shop import Shop

_NUMBER = "4111111111111111"
_DAY_SECONDS = 24 * 3600


def _typed(bt: Shop, **said: Any) -> str:
    """The nonce of a page."""
    nonce: str = bt.control("nonces", said)["nonce"]
    return nonce


def _authenticated(bt: Shop, source: str, outcome: str = "authenticate_successful", amount: str = "10.00") -> str:
    return _typed(bt, source=source, three_d_secure=outcome, amount=amount)


class TestAuthentication:
    def test_an_issuer_that_asks_declines_who_has_not_authenticated(self, bt: Shop) -> None:
        nonce = _typed(bt, number=_NUMBER)
        bt.control("issuers", {"card": _NUMBER, "asks": "always"})

        result = bt.sale(nonce=nonce)

        assert not result.is_success
        assert (result.transaction.status, result.transaction.processor_response_code) == ("processor_declined", "2099")
        assert bt.sale().is_success  # another card

    def test_whoever_has_authenticated_pays(self, bt: Shop) -> None:
        bt.control("issuers", {"card": _NUMBER, "asks": "always"})

        sold = bt.sold(nonce=_authenticated(bt, _typed(bt, number=_NUMBER)))

        assert sold.three_d_secure_info.status == "authenticate_successful"
        assert bt.control("truth")["sales"][0]["three_d_secure"] == "authenticate_successful"

    def test_whoever_failed_to_does_not(self, bt: Shop) -> None:
        bt.control("issuers", {"card": _NUMBER, "asks": "always"})

        result = bt.sale(nonce=_authenticated(bt, _typed(bt, number=_NUMBER), "authenticate_failed"))

        assert result.transaction.processor_response_code == "2099"

    @pytest.mark.parametrize("name", ["token", "nonce", "identifier"])
    def test_a_card_is_named_by_what_a_test_has(self, bt: Shop, name: str) -> None:
        nonce = _typed(bt, number=_NUMBER)
        _, token = bt.customer_with(_typed(bt, number=_NUMBER))
        identifier = bt.sdk.payment_method.find(token).unique_number_identifier
        named = {"token": token, "nonce": nonce, "identifier": identifier}[name]

        assert bt.control("issuers", {"card": named, "asks": "always"}) == {"unique_number_identifier": identifier}
        assert bt.sale(nonce=None, payment_method_token=token).transaction.processor_response_code == "2099"
        bt.control("issuers", {"card": named, "asks": "never"})
        assert bt.sale(nonce=None, payment_method_token=token).is_success

    @pytest.mark.parametrize(
        ("source", "declined"),
        [("recurring_first", True), ("installment_first", True), ("recurring", False), ("unscheduled", False)],
    )
    def test_some_ask_only_whoever_is_there(self, bt: Shop, source: str, declined: bool) -> None:
        _, token = bt.customer_with(_typed(bt, number=_NUMBER))
        bt.control("issuers", {"card": token, "asks": "on_session"})

        result = bt.sale(nonce=None, payment_method_token=token, transaction_source=source)

        assert result.is_success is not declined

    def test_the_amount_of_2099_asks_too(self, bt: Shop) -> None:
        declined = bt.sale("2099.00").transaction
        paid = bt.sold("2099.00", nonce=_authenticated(bt, "fake-valid-visa-nonce", amount="2099.00"))

        assert (declined.status, declined.processor_response_code) == ("processor_declined", "2099")
        assert paid.status == "submitted_for_settlement"

    def test_a_vaulted_card_authenticates_through_a_nonce_of_its_own(self, bt: Shop) -> None:
        _, token = bt.customer_with(_typed(bt, number=_NUMBER))
        bt.control("issuers", {"card": token, "asks": "always"})
        plain = bt.sdk.payment_method_nonce.create(token).payment_method_nonce
        upgraded = _authenticated(bt, plain.nonce)

        looked_up = bt.sdk.payment_method_nonce.find(upgraded)
        sold = bt.sold(nonce=upgraded)

        assert plain.three_d_secure_info is None
        assert looked_up.three_d_secure_info.status == "authenticate_successful"
        assert looked_up.three_d_secure_info.liability_shifted
        assert sold.credit_card_details.token == token
        assert len(bt.control("truth")["customers"][0]["payment_methods"]) == 1

    @pytest.mark.parametrize(
        ("outcome", "status"),
        [(None, "gateway_rejected"), ("authenticate_failed", "gateway_rejected"), ("authenticate_successful", None)],
    )
    def test_a_sale_can_require_it(self, bt: Shop, outcome: str | None, status: str | None) -> None:
        nonce = _typed(bt, number=_NUMBER, three_d_secure=outcome)
        options = {"three_d_secure": {"required": True}, "submit_for_settlement": True}

        result = bt.sale(nonce=nonce, options=options)

        assert result.is_success is (status is None)
        if status is not None:
            rejected = result.transaction
            assert (rejected.status, rejected.gateway_rejection_reason) == (status, "three_d_secure")


class TestChecks:
    @pytest.mark.parametrize(
        ("cvv", "code"), [("123", "M"), ("200", "N"), ("201", "U"), ("301", "S"), (None, "I"), ("2000", "N")]
    )
    def test_the_security_code_says_what_the_issuer_answers(self, bt: Shop, cvv: str | None, code: str) -> None:
        assert bt.sold(nonce=_typed(bt, number=_NUMBER, cvv=cvv)).cvv_response_code == code

    @pytest.mark.parametrize(
        ("address", "answers"),
        [
            ({"street_address": "1 Main Street", "postal_code": "60622"}, (None, "M", "M")),
            ({"street_address": "200 Main Street", "postal_code": "20000"}, (None, "N", "N")),
            ({"street_address": "201 Main Street", "postal_code": "20001"}, (None, "U", "U")),
            ({"postal_code": "30000"}, ("E", "A", "A")),
            ({"postal_code": "30001"}, ("S", "A", "A")),
            ({}, (None, "I", "I")),
        ],
    )
    def test_so_does_the_address(self, bt: Shop, address: dict[str, str], answers: tuple[str | None, str, str]) -> None:
        sold = bt.sold(billing=address)

        told = (
            sold.avs_error_response_code,
            sold.avs_postal_code_response_code,
            sold.avs_street_address_response_code,
        )
        assert told == answers

    @pytest.mark.parametrize(
        ("cvv", "postal_code", "reason"),
        [("200", "60622", "cvv"), ("123", "20000", "avs"), ("200", "20000", "avs_and_cvv"), ("123", "60622", None)],
    )
    def test_rules_reject_by_them(self, bt: Shop, cvv: str, postal_code: str, reason: str | None) -> None:
        bt.control("reset", {"cvv_rules": ["N"], "avs_rules": ["N"]})
        nonce = _typed(bt, number=_NUMBER, cvv=cvv, billing_address={"postal_code": postal_code})

        result = bt.sale(nonce=nonce)

        assert result.is_success is (reason is None)
        assert result.transaction.gateway_rejection_reason == reason
        if reason is not None:
            assert (result.transaction.status, bt.control("truth")["totals"]) == ("gateway_rejected", {})

    def test_a_verification_is_rejected_by_them_too(self, bt: Shop) -> None:
        bt.control("reset", {"cvv_rules": ["N"]})
        customer = bt.sdk.customer.create({}).customer
        asked = {"customer_id": customer.id, "payment_method_nonce": _typed(bt, number=_NUMBER, cvv="200")}

        result = bt.sdk.payment_method.create(asked | {"options": {"verify_card": True}})

        assert not result.is_success
        assert result.credit_card_verification.gateway_rejection_reason == "cvv"
        assert result.credit_card_verification.cvv_response_code == "N"

    def test_a_sale_can_do_without_them(self, bt: Shop) -> None:
        options = {"skip_cvv": True, "skip_avs": True}

        sold = bt.sold(billing={"postal_code": "20000"}, options=options)

        assert (sold.cvv_response_code, sold.avs_postal_code_response_code) == ("B", "B")


class TestSettlement:
    def test_some_amounts_are_authorized_and_never_settled(self, bt: Shop) -> None:
        sold = bt.sold("4001.00")
        bt.advance(2 * _DAY_SECONDS)

        declined = bt.sdk.transaction.find(sold.id)

        assert (declined.status, declined.processor_settlement_response_code) == ("settlement_declined", "4001")
        assert bt.control("truth")["totals"] == {}

    def test_a_refund_can_fail_late(self, bt: Shop) -> None:
        sold = bt.settled("10.00")
        refund = bt.sdk.transaction.refund(sold.id, "4.00").transaction

        bt.sdk.testing.settlement_decline_transaction(refund.id)

        assert bt.sdk.transaction.find(refund.id).status == "settlement_declined"
        assert bt.control("truth")["totals"] == {"USD": {"captured": "10.00", "refunded": "0.00"}}
        assert bt.sdk.transaction.refund(sold.id, "10.00").is_success

    def test_it_can_go_as_fast_as_a_test_wants(self, bt: Shop) -> None:
        bt.control("reset", {"pace": {"settling_seconds": 1, "settled_seconds": 2}})
        sold = bt.sold()
        bt.advance(2)

        assert bt.sdk.transaction.find(sold.id).status == "settled"


class TestWhateverATestSays:
    def test_an_issuer_declines_every_sale_of_a_card(self, bt: Shop) -> None:
        bt.control("issuers", {"card": _NUMBER, "declines": "2001"})

        results = [bt.sale(amount, nonce=_typed(bt, number=_NUMBER)) for amount in ("10.00", "11.00")]

        assert [result.transaction.processor_response_code for result in results] == ["2001", "2001"]
        assert bt.sale().is_success  # another card

    def test_one_that_asks_declines_after_the_authentication_as_well(self, bt: Shop) -> None:
        bt.control("issuers", {"card": _NUMBER, "asks": "always", "declines": "2001"})

        asked = bt.sale(nonce=_typed(bt, number=_NUMBER))
        declined = bt.sale(nonce=_authenticated(bt, _typed(bt, number=_NUMBER)))

        codes = [result.transaction.processor_response_code for result in (asked, declined)]
        assert codes == ["2099", "2001"]

    @pytest.mark.parametrize(("reason", "kind"), [("product_not_received", "chargeback"), ("retrieval", "retrieval")])
    def test_one_disputes_what_was_paid(self, bt: Shop, reason: str, kind: str) -> None:
        bt.control("issuers", {"card": _NUMBER, "disputes": reason, "kind": kind})

        sold = bt.sold(nonce=_typed(bt, number=_NUMBER))

        (dispute,) = bt.sdk.transaction.find(sold.id).disputes
        assert (dispute.reason, dispute.kind, dispute.status) == (reason, kind, "open")

    def test_one_turns_refunds_away_when_they_are_due(self, bt: Shop) -> None:
        bt.control("issuers", {"card": _NUMBER, "turns_refunds_away": True})
        sold = bt.settled(nonce=_typed(bt, number=_NUMBER))

        refund = bt.sdk.transaction.refund(sold.id, "4.00").transaction
        on_its_way = bt.control("truth")["sales"][0]["refunded"]
        bt.advance(_DAY_SECONDS)

        assert refund.status == "submitted_for_settlement"
        assert bt.sdk.transaction.find(refund.id).status == "settlement_declined"
        assert (on_its_way, bt.control("truth")["sales"][0]["refunded"]) == ("4.00", "0.00")

    def test_what_was_submitted_and_voided_is_told_apart_from_a_hold(self, bt: Shop) -> None:
        bt.sdk.transaction.void(bt.sold().id)
        bt.sdk.transaction.void(bt.sold("11.00", submit=False).id)

        told = [(sale["status"], sale["submitted"], sale["captured"]) for sale in bt.control("truth")["sales"]]

        assert told == [("voided", "10.00", "0.00"), ("voided", "0.00", "0.00")]
