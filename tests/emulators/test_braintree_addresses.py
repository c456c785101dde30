"""Addresses in the vault, of cards and of sales."""

import pytest
from braintree.exceptions.not_found_error import NotFoundError

from tests.emulators.braintree_shop import Shop

_CARD = {"number": "4111111111111111", "expiration_date": "12/2030"}


def test_an_address_is_kept_changed_and_deleted(bt: Shop) -> None:
    customer = bt.sdk.customer.create().customer
    made = bt.sdk.address.create({"customer_id": customer.id, "locality": "Berlin", "country_code_alpha3": "DEU"})
    changed = bt.sdk.address.update(customer.id, made.address.id, {"country_name": "France"}).address
    found = bt.sdk.address.find(customer.id, made.address.id)
    bt.sdk.address.delete(customer.id, found.id)

    assert (made.address.country_code_alpha2, made.address.country_name) == ("DE", "Germany")
    assert (changed.locality, changed.country_code_alpha2) == ("Berlin", "FR")
    assert found.country_code_numeric == "250"
    with pytest.raises(NotFoundError):
        bt.sdk.address.find(customer.id, found.id)


def test_a_card_has_one_of_the_customers_or_one_of_its_own(bt: Shop) -> None:
    customer = bt.sdk.customer.create().customer
    known = bt.sdk.address.create({"customer_id": customer.id, "postal_code": "10115"}).address

    named = bt.sdk.credit_card.create(_CARD | {"customer_id": customer.id, "billing_address_id": known.id}).credit_card
    told = bt.sdk.credit_card.create(
        _CARD | {"customer_id": customer.id, "billing_address": {"postal_code": "75001"}}
    ).credit_card

    assert (named.billing_address.id, named.billing_address.postal_code) == (known.id, "10115")
    assert told.billing_address.postal_code == "75001"
    kept = {address.postal_code for address in bt.sdk.customer.find(customer.id).addresses}
    assert kept == {"10115", "75001"}


@pytest.mark.parametrize("update_existing", [True, False])
def test_another_address_takes_the_place_of_a_cards_or_changes_it(bt: Shop, update_existing: bool) -> None:
    customer = bt.sdk.customer.create().customer
    card = bt.sdk.credit_card.create(
        _CARD | {"customer_id": customer.id, "billing_address": {"locality": "Berlin"}}
    ).credit_card
    address = {"region": "BE", "options": {"update_existing": update_existing}}

    changed = bt.sdk.payment_method.update(card.token, {"billing_address": address}).payment_method.billing_address

    assert changed.region == "BE"
    assert (changed.id == card.billing_address.id) is update_existing
    assert changed.locality == ("Berlin" if update_existing else None)


def test_a_sale_that_stores_keeps_its_addresses_when_asked_to(bt: Shop) -> None:
    sold = bt.sold(
        nonce=None,
        credit_card=_CARD,
        billing={"postal_code": "10115"},
        shipping={"postal_code": "75001", "shipping_method": "ground"},
        options={
            "store_in_vault_on_success": True,
            "add_billing_address_to_payment_method": True,
            "store_shipping_address_in_vault": True,
        },
    )

    card = bt.sdk.payment_method.find(sold.credit_card_details.token)
    assert card.billing_address.id == sold.billing_details.id
    assert sold.vault_billing_address.postal_code == "10115"
    assert sold.shipping_details.shipping_method == "ground"
    assert {address.postal_code for address in sold.vault_customer.addresses} == {"10115", "75001"}


def test_a_card_keeps_the_address_that_its_page_knew(bt: Shop) -> None:
    nonce = bt.control("nonces", {"number": "4111111111111111", "billing_address": {"postal_code": "20000"}})["nonce"]

    sold = bt.sold(nonce=nonce, options={"store_in_vault_on_success": True})
    again = bt.sold(nonce=None, payment_method_token=sold.credit_card_details.token)

    assert bt.sdk.payment_method.find(again.credit_card_details.token).billing_address.postal_code == "20000"
    assert (sold.avs_postal_code_response_code, again.avs_postal_code_response_code) == ("N", "N")


def test_a_sale_names_an_address_that_its_customer_has(bt: Shop) -> None:
    customer_id, token = bt.customer_with()
    known = bt.sdk.address.create({"customer_id": customer_id, "street_address": "200 Main Street"}).address

    sold = bt.sold(nonce=None, payment_method_token=token, customer_id=customer_id, billing_address_id=known.id)

    assert (sold.billing_details.id, sold.billing_details.street_address) == (known.id, "200 Main Street")
    assert sold.avs_street_address_response_code == "N"


def test_a_sale_answers_with_what_was_told_of_the_goods(bt: Shop) -> None:
    item = {"kind": "debit", "name": "Tea", "quantity": "1.0232", "unit_amount": "45.1232", "total_amount": "45.1"}

    sold = bt.sold(tax_amount="0.7", tax_exempt=True, purchase_order_number="PO-1", channel="Desk", line_items=[item])

    assert (str(sold.tax_amount), sold.tax_exempt) == ("0.70", True)
    assert (sold.purchase_order_number, sold.channel) == ("PO-1", "Desk")
    items = sold.line_items
    assert [(each.name, each.quantity, each.unit_amount, each.total_amount) for each in items] == [
        ("Tea", "1.0232", "45.1232", "45.10")
    ]


def test_an_authentication_of_somebody_else_counts_by_its_eci(bt: Shop) -> None:
    passed = {"cavv": "c29tZQ==", "xid": "eA==", "three_d_secure_version": "2.2.0"}

    paid = bt.sale("2099.00", three_d_secure_pass_thru=passed | {"eci_flag": "05"})
    declined = bt.sale("2099.00", three_d_secure_pass_thru=passed | {"eci_flag": "07"})

    assert paid.is_success
    assert declined.transaction.processor_response_code == "2099"
