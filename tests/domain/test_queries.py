"""Whose eyes read, and what places a row in its list."""

import pytest

from domain.principals import ALL_PERMISSIONS, Permission, Principal, StaffRole, anonymous, customer, server, staff
from domain.queries import (
    ChargeSort,
    OrderSort,
    ProductSort,
    Sort,
    Viewer,
    charge_sort_key,
    id_sort_key,
    product_sort_key,
)
from tests.domain.examples import new_charge, new_price, new_product


@pytest.mark.parametrize(
    ("principal", "viewer"),
    [
        (server("key_1", ALL_PERMISSIONS), Viewer(sees_all=True)),
        (server("key_1", frozenset({Permission.RECORDS_READ})), Viewer(sees_all=True)),
        (server("key_1", frozenset()), Viewer(sees_all=False)),
        (server("key_1", ALL_PERMISSIONS - {Permission.RECORDS_READ}), Viewer(sees_all=False)),
        (staff("ada", StaffRole.SUPPORT), Viewer(sees_all=True)),
        (customer("42", "cus_1"), Viewer(sees_all=False, customer_id="cus_1")),
        (customer("42", None), Viewer(sees_all=False)),
        (anonymous(public_catalogue=True), Viewer(sees_all=False)),
    ],
)
def test_a_viewer_sees_what_the_principal_sees_and_may_read(principal: Principal, viewer: Viewer) -> None:
    assert Viewer.of(principal) == viewer


@pytest.mark.parametrize("sort", ChargeSort)
def test_charges_of_one_amount_still_have_a_place_each(sort: ChargeSort) -> None:
    one, other = new_charge(100), new_charge(100)
    assert charge_sort_key(one, sort) < charge_sort_key(other, sort)
    assert charge_sort_key(one, sort)[-1] == one.id


def test_charges_are_placed_by_amount_where_that_is_asked_for() -> None:
    cheap_but_newer = [new_charge(200), new_charge(100)]
    by_amount = sorted(cheap_but_newer, key=lambda charge: charge_sort_key(charge, ChargeSort.AMOUNT_LOWEST))
    assert [charge.amount.minor_units for charge in by_amount] == [100, 200]
    by_time = sorted(cheap_but_newer, key=lambda charge: charge_sort_key(charge, ChargeSort.OLDEST))
    assert [charge.amount.minor_units for charge in by_time] == [200, 100]


@pytest.mark.parametrize("sort", ProductSort)
def test_products_of_one_name_still_have_a_place_each(sort: ProductSort) -> None:
    one, other = new_product(name="Tea"), new_product(name="Tea")
    assert product_sort_key(one, sort) < product_sort_key(other, sort)


def test_whatever_has_no_order_of_its_own_is_placed_by_time() -> None:
    first, second = new_price(), new_price()
    assert id_sort_key(first, Sort.NEWEST) < id_sort_key(second, Sort.NEWEST)
    assert set(Sort) <= set(OrderSort) & set(ChargeSort) & set(ProductSort)
