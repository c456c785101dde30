"""Customers, client tokens, nonces, cards in the vault, verification and 3D Secure at the Braintree emulator."""

import base64
import json
from typing import Any

import pytest
from braintree.exceptions.not_found_error import NotFoundError

from tests.emulators.braintree_shop import VISA, Shop, codes


def test_a_customer_is_kept_under_its_own_id(bt: Shop) -> None:
    made = bt.sdk.customer.create({"id": "cus_1", "first_name": "Ada", "email": "ada@example.com"})
    bt.sdk.customer.update("cus_1", {"last_name": "Lovelace"})

    found = bt.sdk.customer.find("cus_1")

    assert made.is_success
    assert (found.id, found.first_name, found.last_name, found.email) == ("cus_1", "Ada", "Lovelace", "ada@example.com")
    assert found.payment_methods == []
    assert codes(bt.sdk.customer.create({"id": "cus_1"})) == ["91609"]
    assert codes(bt.sdk.customer.create({"id": "cus 1"})) == ["91610"]
    assert codes(bt.sdk.customer.create({"email": "nobody"})) == ["81604"]


def test_a_deleted_customer_is_gone_with_its_cards(bt: Shop) -> None:
    customer, token = bt.customer_with()

    bt.sdk.customer.delete(customer)

    with pytest.raises(NotFoundError):
        bt.sdk.customer.find(customer)
    with pytest.raises(NotFoundError):
        bt.sdk.payment_method.find(token)


def test_a_card_is_kept_under_its_own_token(bt: Shop) -> None:
    customer, token = bt.customer_with("fake-valid-mastercard-nonce", token="pm_1")

    found = bt.sdk.payment_method.find("pm_1")

    assert (token, found.customer_id, found.card_type, found.last_4) == ("pm_1", customer, "MasterCard", "4444")
    assert (found.default, found.expired, found.masked_number) == (True, False, "555555******4444")
    again = bt.sdk.payment_method.create({"customer_id": customer, "payment_method_nonce": VISA, "token": "pm_1"})
    assert codes(again) == ["91719"]
    assert [method.token for method in bt.sdk.customer.find(customer).payment_methods] == ["pm_1"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"payment_method_nonce": VISA}, "93104"),
        ({"payment_method_nonce": VISA, "customer_id": "nobody"}, "93105"),
        ({"payment_method_nonce": "no-nonce", "customer_id": "cus_1"}, "93108"),
        ({"payment_method_nonce": "fake-consumed-nonce", "customer_id": "cus_1"}, "93107"),
        ({"payment_method_nonce": "fake-luhn-invalid-nonce", "customer_id": "cus_1"}, "81715"),
        ({"payment_method_nonce": VISA, "customer_id": "cus_1", "token": "all"}, "91718"),
    ],
)
def test_a_card_that_cannot_be_kept_is_refused(bt: Shop, asked: dict[str, Any], code: str) -> None:
    bt.sdk.customer.create({"id": "cus_1"})

    assert codes(bt.sdk.payment_method.create(asked)) == [code]
    assert bt.sdk.customer.find("cus_1").payment_methods == []


def test_a_card_is_updated_and_deleted(bt: Shop) -> None:
    customer, first = bt.customer_with()
    second = bt.sdk.payment_method.create({"customer_id": customer, "payment_method_nonce": VISA}).payment_method.token

    updated = bt.sdk.payment_method.update(second, {"expiration_date": "01/2040", "options": {"make_default": True}})
    bt.sdk.payment_method.delete(second)

    assert (updated.payment_method.expiration_date, updated.payment_method.default) == ("01/2040", True)
    with pytest.raises(NotFoundError):
        bt.sdk.payment_method.find(second)
    with pytest.raises(NotFoundError):
        bt.sdk.payment_method.delete(second)
    assert bt.sdk.payment_method.find(first).default


def test_a_duplicate_can_be_refused(bt: Shop) -> None:
    customer, _ = bt.customer_with()
    options = {"fail_on_duplicate_payment_method_for_customer": True}

    again = bt.sdk.payment_method.create({"customer_id": customer, "payment_method_nonce": VISA, "options": options})

    assert codes(again) == ["81763"]


@pytest.mark.parametrize(
    ("nonce", "status", "code"),
    [
        (VISA, "verified", "1000"),
        ("fake-processor-declined-visa-nonce", "processor_declined", "2000"),
        ("fake-processor-failure-jcb-nonce", "failed", "3000"),
        ("fake-gateway-rejected-fraud-nonce", "gateway_rejected", None),
    ],
)
def test_a_card_is_verified_before_it_is_kept(bt: Shop, nonce: str, status: str, code: str | None) -> None:
    bt.sdk.customer.create({"id": "cus_1"})

    result = bt.sdk.payment_method.create(
        {"customer_id": "cus_1", "payment_method_nonce": nonce, "options": {"verify_card": True}}
    )

    passed = status == "verified"
    verification = result.payment_method.verification if passed else result.credit_card_verification
    assert result.is_success is passed
    assert (verification.status, verification.processor_response_code) == (status, code)
    assert len(bt.sdk.customer.find("cus_1").payment_methods) == passed
    assert bt.sdk.verification.find(verification.id).status == status


def test_an_unverified_card_is_kept_whatever_it_is(bt: Shop) -> None:
    _, token = bt.customer_with("fake-processor-declined-visa-nonce")

    assert bt.sold(nonce=None, payment_method_token=token).status == "submitted_for_settlement"


def test_a_sale_keeps_the_card_when_it_succeeds(bt: Shop) -> None:
    bt.sdk.customer.create({"id": "cus_1"})
    keep = {"store_in_vault_on_success": True, "submit_for_settlement": True}
    of_customer: dict[str, Any] = {"customer_id": "cus_1", "credit_card": {"token": "pm_1"}, "options": keep}

    declined = bt.sale("2000.00", **of_customer)
    kept_after_decline = bt.sdk.customer.find("cus_1").payment_methods
    sold = bt.sold("10.00", **of_customer)
    new_customer = bt.sold("11.00", customer={"id": "cus_2", "email": "new@example.com"}, options=keep)

    assert not declined.is_success
    assert kept_after_decline == []
    assert (sold.credit_card_details.token, sold.customer_details.id) == ("pm_1", "cus_1")
    assert bt.sdk.payment_method.find("pm_1").last_4 == "1881"
    assert new_customer.customer_details.id == "cus_2"
    assert len(bt.sdk.customer.find("cus_2").payment_methods) == 1
    assert codes(bt.sale("12.00", **of_customer)) == ["91719"]


@pytest.mark.parametrize(
    ("customer", "code"), [({"id": "two words"}, "91610"), ({"id": "cus_1"}, "91609"), ({"email": "x"}, "81604")]
)
def test_a_sale_that_cannot_keep_the_card_is_not_made(bt: Shop, customer: dict[str, str], code: str) -> None:
    bt.sdk.customer.create({"id": "cus_1"})

    refused = bt.sale(customer=customer, options={"store_in_vault_on_success": True})

    assert codes(refused) == [code]
    assert bt.control("truth")["sales"] == []


def test_a_kept_card_is_charged_for_its_own_customer_only(bt: Shop) -> None:
    customer, token = bt.customer_with()
    bt.sdk.customer.create({"id": "other"})

    assert bt.sold("10.00", nonce=None, payment_method_token=token).customer_details.id == customer
    assert bt.sold("11.00", nonce=None, customer_id=customer).credit_card_details.token == token
    assert codes(bt.sale(nonce=None, payment_method_token=token, customer_id="other")) == ["91516"]
    assert codes(bt.sale(nonce=None, customer_id="other")) == ["91511"]


def test_a_client_token_is_json_in_base64(bt: Shop) -> None:
    customer, _ = bt.customer_with()

    second = json.loads(base64.b64decode(bt.sdk.client_token.generate({"customer_id": customer})))
    first = json.loads(bt.sdk.client_token.generate({"version": 1, "merchant_account_id": "eur_account"}))

    assert (second["version"], second["merchantId"]) == (2, "emulated_merchant")
    assert second["authorizationFingerprint"]
    assert (first["version"], first["merchantAccountId"]) == (1, "eur_account")
    with pytest.raises(ValueError, match="customer"):
        bt.sdk.client_token.generate({"customer_id": "nobody"})


@pytest.mark.parametrize(
    ("domains", "said"), [(["shop.example"], None), (["shop"], "format"), ([f"s{i}.example" for i in range(6)], "many")]
)
def test_a_client_token_may_be_for_some_domains(bt: Shop, domains: list[str], said: str | None) -> None:
    if said is None:
        assert bt.sdk.client_token.generate({"domains": domains})
    else:
        with pytest.raises(ValueError, match=said):
            bt.sdk.client_token.generate({"domains": domains})


def test_a_page_s_nonce_is_used_once(bt: Shop) -> None:
    nonce = bt.nonce("fake-valid-amex-nonce")

    sold = bt.sold(nonce=nonce)

    assert sold.credit_card_details.card_type == "American Express"
    assert codes(bt.sale(nonce=nonce)) == ["91564"]
    assert bt.sdk.payment_method_nonce.find(nonce).consumed


def test_a_kept_card_has_a_nonce_of_its_own(bt: Shop) -> None:
    customer, token = bt.customer_with()

    nonce = bt.sdk.payment_method_nonce.create(token).payment_method_nonce
    sold = bt.sold(nonce=nonce.nonce)

    assert (sold.credit_card_details.token, sold.customer_details.id) == (token, customer)
    with pytest.raises(NotFoundError):
        bt.sdk.payment_method_nonce.create("nobodys")
    with pytest.raises(NotFoundError):
        bt.sdk.payment_method_nonce.find("nobodys")


@pytest.mark.parametrize(
    ("name", "status", "shifted"),
    [
        ("visa-full-authentication", "authenticate_successful", True),
        ("visa-attempts-non-participating", "authenticate_attempt_successful", True),
        ("visa-failed-authentication", "authenticate_failed", False),
        ("two-visa-successful-step-up-authentication", "authenticate_successful", True),
    ],
)
def test_a_sale_tells_how_its_customer_was_authenticated(bt: Shop, name: str, status: str, shifted: bool) -> None:
    nonce = f"fake-three-d-secure-{name}-nonce"
    required = {"three_d_secure": {"required": True}}

    seen = bt.sdk.payment_method_nonce.find(nonce).three_d_secure_info
    result = bt.sale(nonce=nonce, options=required)

    info = result.transaction.three_d_secure_info
    assert (seen.status, info.status, info.liability_shifted) == (status, status, shifted)
    assert result.is_success is shifted
    assert result.transaction.gateway_rejection_reason == (None if shifted else "three_d_secure")


def test_a_sale_that_requires_authentication_is_rejected_without(bt: Shop) -> None:
    rejected = bt.sale(options={"three_d_secure": {"required": True}}).transaction

    assert (rejected.status, rejected.gateway_rejection_reason) == ("gateway_rejected", "three_d_secure")
    assert rejected.three_d_secure_info is None


def test_an_authenticated_nonce_is_good_for_its_amount(bt: Shop) -> None:
    _, token = bt.customer_with()
    nonce = bt.nonce(token, three_d_secure="authenticate_successful", amount="10.00")

    too_much = bt.sale("10.01", nonce=nonce)
    sold = bt.sold("10.00", nonce=nonce, options={"three_d_secure": {"required": True}})

    assert codes(too_much) == ["91585"]
    assert sold.three_d_secure_info.three_d_secure_version == "2.2.0"
    assert sold.credit_card_details.token == token


def test_a_sale_may_name_an_earlier_authentication(bt: Shop) -> None:
    card = {"number": "4111111111111111", "expiration_month": "05", "expiration_year": "2035"}
    other = card | {"number": "5555555555554444"}
    id = bt.sdk.testing.create_3ds_verification("usd_account", dict(card))
    required: dict[str, Any] = {
        "three_d_secure_authentication_id": id,
        "options": {"three_d_secure": {"required": True}},
    }

    assert bt.sale(nonce=None, credit_card=card, **required).is_success
    assert codes(bt.sale(nonce=None, credit_card=other, **required)) == ["915197"]
    assert codes(bt.sale(nonce=None, credit_card=card, three_d_secure_authentication_id="nobodys")) == ["915196"]
    full = "fake-three-d-secure-visa-full-authentication-nonce"
    assert codes(bt.sale(nonce=full, three_d_secure_authentication_id=id)) == ["915198"]


def test_the_numbers_of_a_kept_card_can_change(bt: Shop) -> None:
    _, token = bt.customer_with()

    updated = bt.sdk.payment_method.update(token, {"number": "5555555555554444", "cardholder_name": "Ada"})
    declined = bt.sdk.payment_method.update(token, {"number": "4000111111111115", "options": {"verify_card": True}})

    assert (updated.payment_method.last_4, updated.payment_method.cardholder_name) == ("4444", "Ada")
    assert declined.credit_card_verification.status == "processor_declined"
    assert bt.sdk.payment_method.find(token).last_4 == "4444"


def test_more_is_known_of_some_cards(bt: Shop) -> None:
    debit, unknown = bt.sold(nonce="fake-valid-debit-nonce"), bt.sold()

    assert bt.sdk.payment_method_nonce.find("fake-valid-debit-nonce").bin_data.debit == "Yes"
    assert (debit.credit_card_details.debit, debit.credit_card_details.prepaid) == ("Yes", "No")
    assert unknown.credit_card_details.debit == "Unknown"


def test_a_merchant_account_tells_its_currency(bt: Shop) -> None:
    found = bt.sdk.merchant_account.find("jpy_account")
    assert (found.id, found.currency_iso_code, found.status, found.default) == ("jpy_account", "JPY", "active", False)
    assert bt.sdk.merchant_account.find("usd_account").default
    with pytest.raises(NotFoundError):
        bt.sdk.merchant_account.find("cad_account")
