"""Customers and their addresses."""

from typing import Any

import pytest

from domain.customers import Address, Customer
from domain.errors import CardNumberRefused, InvalidInput
from domain.ids import IdPrefix, new_id
from tests.domain.examples import LATER, NOW


def new_customer(**fields: Any) -> Customer:
    defaults: dict[str, Any] = {
        "id": new_id(IdPrefix.CUSTOMER),
        "external_id": "auth0|1",
        "email": "ada@example.org",
        "name": "Ada",
        "livemode": False,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Customer(**(defaults | fields))


def test_a_change_touches_what_it_names_and_may_take_away() -> None:
    changed = new_customer().changed({"name": "Ada Lovelace", "email": None}, now=LATER)
    assert (changed.name, changed.email, changed.external_id) == ("Ada Lovelace", None, "auth0|1")
    assert (changed.created_at, changed.updated_at) == (NOW, LATER)


def test_the_default_method_can_be_set_and_taken_away() -> None:
    customer = new_customer().with_default("pm_1", now=LATER)
    assert customer.default_payment_method_id == "pm_1"
    assert customer.with_default(None, now=LATER).default_payment_method_id is None


class TestAddresses:
    def test_an_address_is_tidied(self) -> None:
        sent = Address(
            line1=" 1 Rue de Rivoli ", line2=" ", city="Paris", region="", postal_code=" 75001 ", country="FR"
        )
        assert sent.cleaned() == Address(line1="1 Rue de Rivoli", city="Paris", postal_code="75001", country="FR")

    @pytest.mark.parametrize("country", ["", "F", "fr", "FRA", "F1", "FR\n", "ＦＲ", "ÄÖ"])
    def test_a_country_is_two_capital_letters(self, country: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            Address(line1="1 Rue", city="Paris", country=country).cleaned("billingAddress")
        assert refused.value.path == ("billingAddress", "country")

    @pytest.mark.parametrize(
        ("field", "name", "value"),
        [
            ("line1", "line1", " "),
            ("line1", "line1", "x" * 201),
            ("line2", "line2", "\x00"),
            ("city", "city", ""),
            ("region", "region", "\x00"),
            ("postal_code", "postalCode", "1" * 21),
        ],
    )
    def test_the_refusal_names_the_field_as_the_client_knows_it(self, field: str, name: str, value: str) -> None:
        fields = {"line1": "1 Rue", "city": "Paris", "country": "FR"} | {field: value}
        with pytest.raises(InvalidInput) as refused:
            Address(**fields).cleaned("shippingAddress")
        assert refused.value.path == ("shippingAddress", name)

    def test_a_card_number_is_no_street(self) -> None:
        with pytest.raises(CardNumberRefused):
            Address(line1="4242 4242 4242 4242", city="Paris", country="FR").cleaned()
