"""Cards that are looked at without being kept, and what is found of that."""

from typing import Any

import pytest
from braintree import CreditCardVerificationSearch, CustomerSearch, TransactionSearch

from tests.emulators.braintree_shop import Shop, codes

_CARD = {"number": "4111111111111111", "expiration_date": "12/2030", "cardholder_name": "Ada"}
_DECLINED = "4000111111111115"


def test_a_card_is_verified_without_being_kept(bt: Shop) -> None:
    passed = bt.sdk.verification.create({"credit_card": _CARD | {"cvv": "201"}, "options": {"amount": "1.00"}})
    failed = bt.sdk.verification.create({"credit_card": _CARD | {"number": _DECLINED}})

    verification = passed.verification
    assert (verification.status, verification.cvv_response_code) == ("verified", "U")
    assert (str(verification.amount), verification.processor_response_type) == ("1.00", "approved")
    assert failed.credit_card_verification.processor_response_code == "2000"
    assert bt.sdk.verification.find(verification.id).id == verification.id
    assert bt.control("truth")["customers"] == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"options": {"amount": "-1.00"}}, "94201"),
        ({"options": {"amount": "some"}}, "94202"),
        ({"options": {"merchant_account_id": "nobodys"}}, "94204"),
        ({"credit_card": _CARD | {"number": "1"}}, "81716"),
        ({"three_d_secure_pass_thru": {"eci_flag": "05", "cavv": "c"}}, "942117"),
        ({"payment_method_nonce": "fake-consumed-nonce"}, "93107"),
    ],
)
def test_one_that_cannot_be_made_is_refused_with_its_code(bt: Shop, asked: dict[str, Any], code: str) -> None:
    assert codes(bt.sdk.verification.create({"credit_card": _CARD} | asked)) == [code]


def test_verifications_are_found_by_card_status_and_customer(bt: Shop) -> None:
    customer = bt.sdk.customer.create({"email": "ada@example.com"}).customer
    options = {"verify_card": True}
    kept = bt.sdk.credit_card.create(_CARD | {"customer_id": customer.id, "options": options}).credit_card
    declined = bt.sdk.credit_card.create(
        _CARD | {"number": _DECLINED, "customer_id": customer.id, "options": options}
    ).credit_card_verification

    def found(*criteria: Any) -> list[str]:
        return [each.id for each in bt.sdk.verification.search(*criteria).items]

    assert found(CreditCardVerificationSearch.status == "processor_declined") == [declined.id]
    assert found(CreditCardVerificationSearch.payment_method_token == kept.token) == [kept.verification.id]
    assert found(CreditCardVerificationSearch.customer_email == "ada@example.com") == [
        declined.id,
        kept.verification.id,
    ]
    assert found(CreditCardVerificationSearch.credit_card_number.ends_with("1115")) == [declined.id]
    assert len(found(CreditCardVerificationSearch.credit_card_cardholder_name == "Ada")) == 2


def test_customers_are_found_by_their_cards_and_addresses(bt: Shop) -> None:
    made = [bt.sdk.customer.create({"credit_card": _CARD, "first_name": name}).customer for name in ("Ada", "Bob")]
    bt.sdk.address.create({"customer_id": made[1].id, "locality": "Berlin"})
    token = made[0].credit_cards[0].token

    def found(*criteria: Any) -> set[str]:
        return {each.id for each in bt.sdk.customer.search(*criteria).items}

    assert found(CustomerSearch.payment_method_token == token) == {made[0].id}
    assert found(CustomerSearch.payment_method_token_with_duplicates.is_equal(token)) == {each.id for each in made}
    assert found(CustomerSearch.address_locality == "Berlin") == {made[1].id}


def test_sales_are_found_by_the_day_of_their_dispute(bt: Shop) -> None:
    sold = bt.sold()
    bt.sdk.testing.settle_transaction(sold.id)
    dispute = bt.control("disputes", {"transaction": sold.id})
    bt.sold()

    day = bt.sdk.dispute.find(dispute["id"]).received_date
    found = bt.sdk.transaction.search([TransactionSearch.dispute_date.between(day, day)])

    assert [each.id for each in found.items] == [sold.id]


def test_what_is_submitted_can_still_be_described_and_made_less(bt: Shop) -> None:
    sold, held = bt.sold("10.00"), bt.sold(submit=False)

    changed = bt.sdk.transaction.update_details(sold.id, {"amount": "9.00", "order_id": "o2"}).transaction

    assert (str(changed.amount), changed.order_id, changed.status) == ("9.00", "o2", "submitted_for_settlement")
    assert codes(bt.sdk.transaction.update_details(sold.id, {"amount": "11.00", "order_id": "o" * 256})) == [
        "91522",
        "91501",
    ]
    assert codes(bt.sdk.transaction.update_details(held.id, {"order_id": "o2"})) == ["915129"]
