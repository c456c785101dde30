"""Customers: one record for one request, and for one externalId."""

import pytest

from domain.customers import CustomerChanges
from domain.errors import CardNumberRefused, ExternalIdTaken, IdempotencyConflict, NotFound
from domain.principals import customer
from domain.services.customers import CreateCustomer
from tests.services.conftest import OpenShop
from tests.services.shop import SHOP, Shop, at_once


async def test_one_key_at_once_makes_one_customer(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]

    made = await at_once(*(shop.customer(CustomerChanges(name="Ada"), key="k") for _ in range(5) for shop in shops))

    assert len(set(made)) == 1
    assert len(await shops[0].rows("SELECT id FROM customers")) == 1
    assert await shops[0].events(made[0]) == ["CUSTOMER_CREATED"]


async def test_a_key_with_other_input_is_refused(shop: Shop) -> None:
    await shop.customer(CustomerChanges(name="Ada"), key="k")

    with pytest.raises(IdempotencyConflict):
        await shop.customer(CustomerChanges(name="Grace"), key="k")

    assert [row["name"] for row in await shop.rows("SELECT name FROM customers")] == ["Ada"]


async def test_one_external_id_at_once_is_one_customer(new_shop: OpenShop) -> None:
    shops = [new_shop(), new_shop()]

    made = await at_once(
        *(shop.customer(CustomerChanges(external_id="42"), key=f"k{n}") for n in range(4) for shop in shops)
    )

    ids = {one for one in made if isinstance(one, str)}
    assert all(isinstance(one, str | ExternalIdTaken) for one in made), made
    assert len(ids) == 1
    assert len(await shops[0].rows("SELECT id FROM customers")) == 1


async def test_a_taken_external_id_burns_no_key(shop: Shop) -> None:
    await shop.customer(CustomerChanges(external_id="42"))
    with pytest.raises(ExternalIdTaken):
        await shop.customer(CustomerChanges(external_id="42"), key="k")

    assert await shop.rows("SELECT key FROM idempotency_keys") == []
    assert await shop.customer(CustomerChanges(external_id="43"), key="k")


async def test_an_external_id_cannot_be_taken_over(shop: Shop) -> None:
    first = await shop.customer(CustomerChanges(external_id="42", name="Ada"))
    second = await shop.customer(CustomerChanges(external_id="43", name="Grace"))

    with pytest.raises(ExternalIdTaken):
        await shop.customers.update(SHOP, second, CustomerChanges(external_id="42", name="Eve"))

    row = await shop.customer_row(second)
    assert (row.external_id, row.name) == ("43", "Grace")
    assert await shop.events(second) == ["CUSTOMER_CREATED"]
    assert (await shop.customer_row(first)).external_id == "42"


async def test_changes_at_once_are_all_kept(new_shop: OpenShop) -> None:
    """Each writes its own field; nobody writes back what it read before."""
    one, other = new_shop(), new_shop()
    customer_id = await one.customer(CustomerChanges(name="Ada"))
    for number in range(5):
        await at_once(
            one.customers.update(SHOP, customer_id, CustomerChanges(name=f"Ada {number}")),
            other.customers.update(SHOP, customer_id, CustomerChanges(email=f"ada{number}@example.org")),
            one.card(customer_id, make_default=True),
        )
        row = await one.customer_row(customer_id)
        assert (row.name, row.email) == (f"Ada {number}", f"ada{number}@example.org")
        methods = await one.rows("SELECT id FROM payment_methods ORDER BY id DESC")
        assert row.default_payment_method_id == methods[0]["id"]


async def test_a_missing_customer_is_not_found(shop: Shop) -> None:
    customer_id = "cus_00000000000000000000000000"

    with pytest.raises(NotFound):
        await shop.customers.update(SHOP, customer_id, CustomerChanges(name="Ada"))
    with pytest.raises(NotFound):
        await shop.order_of(customer_id)
    with pytest.raises(NotFound):
        await shop.orders.place(customer("42", customer_id), await shop.order(), version=None)


async def test_a_card_number_in_a_name_is_refused_and_not_kept(shop: Shop) -> None:
    with pytest.raises(CardNumberRefused):
        await shop.customers.create(
            SHOP, CreateCustomer(fields=CustomerChanges(name="4242 4242 4242 4242"), request=None)
        )

    assert await shop.rows("SELECT id FROM customers") == []
