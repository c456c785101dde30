"""A request that is wrong in several ways is told all of it at once, each where it stands."""

from typing import Any

import pytest

from tests.emulators.braintree_shop import Shop, codes

_CARD = {"number": "4111111111111111", "expiration_date": "12/2030"}


def _where(result: Any) -> set[tuple[str, str]]:
    return {(error.attribute, error.code) for error in result.errors.deep_errors}


def test_a_sale_tells_everything_that_is_wrong_with_it(bt: Shop) -> None:
    result = bt.sdk.transaction.sale(
        {
            "amount": "ten",
            "order_id": "o" * 256,
            "merchant_account_id": "nobodys",
            "credit_card": {"number": "4111111111111112", "expiration_date": "13/2030"},
            "billing": {"country_name": "Atlantis", "postal_code": "1" * 10},
            "customer": {"email": "nowhere"},
            "line_items": [{"kind": "debit", "name": "Tea", "quantity": "1", "unit_amount": "1", "total_amount": "0"}],
        }
    )

    assert _where(result) == {
        ("amount", "81503"),
        ("order_id", "91501"),
        ("merchant_account_id", "91513"),
        ("number", "81715"),
        ("expiration_month", "81712"),
        ("country_name", "91803"),
        ("postal_code", "81809"),
        ("email", "81604"),
        ("total_amount", "95816"),
    }
    number = result.errors.for_object("transaction").for_object("credit_card").on("number")
    item = result.errors.for_object("transaction").for_object("line_items").for_object("index_0")
    assert [error.code for error in number] == ["81715"]
    assert [error.code for error in item.on("total_amount")] == ["95816"]
    assert bt.control("truth")["sales"] == []


def test_a_customer_is_refused_with_what_is_wrong_with_the_card(bt: Shop) -> None:
    asked = {"email": "nowhere", "credit_card": {"number": "12", "billing_address": {"country_code_alpha2": "ZZ"}}}

    result = bt.sdk.customer.create(asked)

    assert _where(result) == {
        ("email", "81604"),
        ("number", "81716"),
        ("expiration_date", "81709"),
        ("country_code_alpha2", "91814"),
    }
    assert bt.control("truth")["customers"] == []


def test_a_card_that_cannot_be_kept_changes_nothing(bt: Shop) -> None:
    _, token = bt.customer_with()
    asked = {"number": "4111111111111112", "expiration_date": "never", "token": "a token"}

    result = bt.sdk.payment_method.update(token, asked)

    assert _where(result) == {("number", "81715"), ("expiration_date", "81710"), ("token", "91718")}
    assert bt.sdk.payment_method.find(token).last_4 == "1881"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ({"country_code_alpha2": "ZZ"}, "91814"),
        ({"country_code_alpha3": "ZZZ"}, "91816"),
        ({"country_code_numeric": "000"}, "91817"),
        ({"country_name": "Atlantis"}, "91803"),
        ({"country_code_alpha2": "US", "country_code_alpha3": "MEX"}, "91815"),
        ({"postal_code": "60$22"}, "81813"),
        ({"street_address": "s" * 256}, "81812"),
    ],
)
def test_an_address_has_to_make_sense(bt: Shop, address: dict[str, str], code: str) -> None:
    customer = bt.sdk.customer.create().customer

    assert codes(bt.sdk.address.create({"customer_id": customer.id} | address)) == [code]
    assert codes(bt.sdk.transaction.sale({"amount": "1.00", "credit_card": _CARD, "billing": address})) == [code]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"tax_amount": "some"}, "81535"),
        ({"tax_amount": "-1.00"}, "81534"),
        ({"shipping_amount": "9999999.00"}, "915164"),
        ({"purchase_order_number": "p" * 18}, "91537"),
        ({"ships_from_postal_code": "1$345"}, "915167"),
        ({"shipping": {"shipping_method": "by owl"}}, "915203"),
        ({"external_vault": {"status": "perhaps"}}, "915175"),
        ({"external_vault": {"status": "will_vault", "previous_network_transaction_id": "1"}}, "915177"),
        ({"three_d_secure_pass_thru": {"cavv": "c", "xid": "x"}}, "915113"),
        ({"three_d_secure_pass_thru": {"cavv": "c", "eci_flag": "99"}}, "915114"),
        ({"customer": {"international_phone": {"country_code": "1181", "national_number": "312123456"}}}, "91625"),
        ({"line_items": [{"name": "Tea"}] * 250}, "915157"),
        ({"billing_address_id": "nobodys"}, "91702"),
    ],
)
def test_so_has_what_a_sale_tells_of_its_goods_and_its_past(bt: Shop, told: dict[str, Any], code: str) -> None:
    refused = codes(bt.sdk.transaction.sale({"amount": "1.00", "credit_card": _CARD} | told))

    assert code in refused
    assert len(refused) == 1 or "line_items" in told


def test_a_submission_tells_all_of_it_and_takes_nothing(bt: Shop) -> None:
    held = bt.sold(submit=False)
    more = {"order_id": "o" * 256, "descriptor": {"url": "u" * 20}, "tax_amount": "some"}

    refused = [
        bt.sdk.transaction.submit_for_settlement(held.id, "11.00", more),
        bt.sdk.transaction.submit_for_partial_settlement(held.id, "11.00", more),
    ]

    assert [_where(each) for each in refused] == [
        {("amount", "91522"), ("order_id", "91501"), ("url", "92206"), ("tax_amount", "81535")}
    ] * 2
    assert bt.sdk.transaction.find(held.id).status == "authorized"


def test_a_client_token_tells_all_of_it(bt: Shop) -> None:
    xml = "<client_token><version>4</version><customer_id>no</customer_id><merchant_account_id>no</merchant_account_id>"

    refused = bt.post("client_token", f"{xml}</client_token>")

    assert refused.status_code == 422
    assert [code for code in ("92806", "92804", "92807") if code not in refused.text] == []


def test_a_part_of_a_hold_is_told_its_own_goods(bt: Shop) -> None:
    held = bt.sold(submit=False, purchase_order_number="PO-1")

    part = bt.sdk.transaction.submit_for_partial_settlement(held.id, "4.00", {"tax_amount": "0.50"}).transaction

    assert (part.purchase_order_number, str(part.tax_amount)) == ("PO-1", "0.50")
    assert bt.sdk.transaction.find(held.id).tax_amount is None
