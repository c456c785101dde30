"""Customers: who buys, made and changed by servers and staff."""

import pytest

from tests.schema.gateway import ADMIN, CHALLENGED, DECLINED, Shop, by_hand, new_key

ALL = (
    "customer { id externalId email name metadata createdAt updatedAt "
    "billingAddress { line1 line2 city region postalCode country } shippingAddress { line1 city country } "
    "defaultPaymentMethod { id } providerAccounts { account providerRef createdAt } }"
)
HOME = {
    "line1": "1 Dorset Street",
    "line2": None,
    "city": "London",
    "region": None,
    "postalCode": "W1U",
    "country": "GB",
}
OFFICE = {"line1": "2 Mill Road", "city": "Ely", "country": "GB"}


async def test_a_customer_is_made_with_everything_that_is_known(shop_on_both: Shop) -> None:
    shop = shop_on_both
    sent = {
        "externalId": "ada",
        "email": "Ada@example.com",
        "name": "  Ada 🚀 Lovelace ",
        "metadata": {"vip": "yes", "note": "café"},
        "billingAddress": HOME,
        "shippingAddress": OFFICE,
    }
    made = await shop.do("customerCreate", sent, ALL)

    assert made["id"].startswith("cus_")
    assert made["name"] == "Ada 🚀 Lovelace"
    assert made["email"] == "Ada@example.com"
    assert made["metadata"] == {"vip": "yes", "note": "café"}
    assert made["billingAddress"] == HOME
    assert made["shippingAddress"] == OFFICE
    assert made["providerAccounts"] == []
    read = await shop.execute(
        "query($id: ID!) { customer(id: $id) { " + ALL[len("customer {") :] + " }", {"id": made["id"]}
    )
    assert read["customer"] == made
    assert await shop.kinds(made["id"]) == ["CUSTOMER_CREATED"]


async def test_a_customer_of_whom_nothing_is_known_may_be_made(shop: Shop) -> None:
    made = await shop.do("customerCreate", {}, ALL)

    assert made["name"] is None
    assert made["metadata"] == {}


async def test_an_update_changes_what_it_names_and_null_removes(shop_on_both: Shop) -> None:
    shop = shop_on_both
    customer_id = await shop.customer(name="Ada", email="ada@example.com", metadata={"a": "1"}, billingAddress=HOME)

    renamed = await shop.do("customerUpdate", {"customerId": customer_id, "name": "Countess"}, ALL)
    assert (renamed["name"], renamed["email"], renamed["metadata"]) == ("Countess", "ada@example.com", {"a": "1"})
    assert renamed["billingAddress"] == HOME

    sent = {"customerId": customer_id, "email": None, "billingAddress": None, "metadata": None, "name": " "}
    emptied = await shop.do("customerUpdate", sent, ALL)
    assert (emptied["name"], emptied["email"], emptied["metadata"], emptied["billingAddress"]) == (None, None, {}, None)
    assert await shop.kinds(customer_id) == ["CUSTOMER_CREATED", "CUSTOMER_UPDATED", "CUSTOMER_UPDATED"]


@pytest.mark.parametrize(
    ("input", "refusal"),
    [
        ({"email": "nobody"}, ("INVALID_INPUT", "email")),
        ({"email": "a@b"}, ("INVALID_INPUT", "email")),
        ({"email": "a@b.example c"}, ("INVALID_INPUT", "email")),
        ({"name": "x" * 201}, ("INVALID_INPUT", "name")),
        ({"externalId": "x" * 256}, ("INVALID_INPUT", "externalId")),
        ({"billingAddress": {**HOME, "country": "UK "}}, ("INVALID_INPUT", "billingAddress.country")),
        ({"shippingAddress": {**HOME, "city": " "}}, ("INVALID_INPUT", "shippingAddress.city")),
        ({"billingAddress": {**HOME, "postalCode": "9" * 21}}, ("INVALID_INPUT", "billingAddress.postalCode")),
        ({"name": "4242 4242 4242 4242"}, ("CARD_NUMBER_REFUSED", "name")),
        ({"externalId": "4242424242424242"}, ("CARD_NUMBER_REFUSED", "externalId")),
        ({"metadata": {"the_card": "4242-4242-4242-4242"}}, ("CARD_NUMBER_REFUSED", "metadata.the_card")),
        ({"metadata": {"4242424242424242": "x"}}, ("CARD_NUMBER_REFUSED", "metadata")),
        ({"billingAddress": {**HOME, "line1": "5555 5555 5555 4444"}}, ("CARD_NUMBER_REFUSED", "billingAddress.line1")),
        ({"metadata": {"a": "1", " a": "2"}}, ("INVALID_INPUT", "metadata")),
    ],
)  # fmt: skip
async def test_what_no_customer_can_have_is_refused(
    shop: Shop, input: dict[str, object], refusal: tuple[str, str]
) -> None:
    customer_id = await shop.customer(name="Ada")

    assert await shop.refused("customerCreate", input) == refusal
    assert await shop.refused("customerUpdate", {**input, "customerId": customer_id}) == refusal
    assert await shop.refused("customerCreateWithPaymentMethod", {**input, "token": "tok_visa"}) == refusal


async def test_an_external_id_belongs_to_one_customer(shop_on_both: Shop) -> None:
    shop = shop_on_both
    await shop.customer(externalId="ada")
    other = await shop.customer(externalId="grace")

    taken = ("EXTERNAL_ID_TAKEN", "externalId")
    assert await shop.refused("customerCreate", {"externalId": "ada"}) == taken
    assert await shop.refused("customerUpdate", {"customerId": other, "externalId": "ada"}) == taken
    with_card = {"externalId": "ada", "token": "tok_visa"}
    assert await shop.refused("customerCreateWithPaymentMethod", with_card) == taken
    assert shop.bank.customers == ()


async def test_a_missing_customer_cannot_be_changed(shop: Shop) -> None:
    assert await shop.refused("customerUpdate", {"customerId": "cus_none", "name": "x"}) == ("NOT_FOUND", "customerId")


class TestCreateWithPaymentMethod:
    async def test_customer_and_card_are_made_in_one_step(self, shop: Shop) -> None:
        payload = await shop.mutate(
            "customerCreateWithPaymentMethod",
            {"name": "Ada", "token": "tok_visa"},
            ALL + " paymentMethod { id state isDefault card { brand last4 } }",
        )

        assert payload["userErrors"] == []
        assert payload["paymentMethod"]["state"] == "ACTIVE"
        assert payload["paymentMethod"]["isDefault"] is True
        assert payload["paymentMethod"]["card"] == {"brand": "VISA", "last4": "4242"}
        assert payload["customer"]["defaultPaymentMethod"] == {"id": payload["paymentMethod"]["id"]}
        (account,) = payload["customer"]["providerAccounts"]
        (known,) = shop.bank.customers
        assert (account["account"], account["providerRef"]) == ("fake", known.customer_ref)
        assert known.customer_id == payload["customer"]["id"]

    async def test_the_customer_stays_when_the_card_is_refused(self, shop: Shop) -> None:
        payload = await shop.mutate(
            "customerCreateWithPaymentMethod",
            {"name": "Ada", "token": "tok_no_such_token"},
            "customer { id } paymentMethod { state message isDefault }",
        )

        assert payload["userErrors"] == []
        assert payload["paymentMethod"]["state"] == "FAILED"
        assert payload["paymentMethod"]["message"]
        assert payload["paymentMethod"]["isDefault"] is False
        assert await shop.kinds(payload["customer"]["id"]) == [
            "CUSTOMER_CREATED",
            "PAYMENT_METHOD_REQUESTED",
            "PAYMENT_METHOD_FAILED",
        ]

    async def test_a_card_number_is_no_token(self, shop: Shop) -> None:
        sent = {"name": "Ada", "token": "4242424242424242"}
        assert await shop.refused("customerCreateWithPaymentMethod", sent) == ("CARD_NUMBER_REFUSED", "token")

    async def test_the_return_url_has_to_be_on_the_list(self, shop: Shop) -> None:
        sent = {"token": CHALLENGED, "returnUrl": "https://elsewhere.example/"}
        refusal = await shop.refused("customerCreateWithPaymentMethod", sent)
        assert refusal == ("RETURN_URL_NOT_ALLOWED", "returnUrl")

    async def test_the_same_key_makes_them_once(self, shop: Shop) -> None:
        sent = {"name": "Ada", "token": "tok_visa", "idempotencyKey": new_key()}
        select = "customer { id } paymentMethod { id }"
        first = await shop.mutate("customerCreateWithPaymentMethod", sent, select)
        again = await shop.mutate("customerCreateWithPaymentMethod", sent, select)

        assert again == first
        assert await shop.count("customers") == 1
        refusal = await shop.refused("customerCreateWithPaymentMethod", {**sent, "token": DECLINED})
        assert refusal == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")


class TestIdempotency:
    async def test_the_same_key_gives_the_same_customer_with_whatever_fields(self, shop: Shop) -> None:
        sent = {"name": "Ada", "idempotencyKey": new_key()}
        first = await shop.do("customerCreate", sent, "customer { id }")
        await shop.do("customerUpdate", {"customerId": first["id"], "email": "ada@example.com"})

        again = await shop.do("customerCreate", sent, "customer { id name email }")

        assert again == {"id": first["id"], "name": "Ada", "email": "ada@example.com"}
        assert await shop.count("customers") == 1

    async def test_the_same_key_with_other_input_is_a_conflict(self, shop: Shop) -> None:
        key = new_key()
        await shop.do("customerCreate", {"name": "Ada", "idempotencyKey": key})

        refusal = await shop.refused("customerCreate", {"name": "Grace", "idempotencyKey": key})

        assert refusal == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")

    async def test_a_refusal_burns_no_key(self, shop: Shop) -> None:
        key = new_key()
        await shop.refused("customerCreate", {"email": "nobody", "idempotencyKey": key})
        await shop.customer(externalId="ada")
        await shop.refused("customerCreate", {"externalId": "ada", "idempotencyKey": key})

        made = await shop.do("customerCreate", {"name": "Grace", "idempotencyKey": key}, "customer { name }")

        assert made["name"] == "Grace"

    async def test_a_key_belongs_to_one_principal_and_one_mutation(self, shop: Shop) -> None:
        key = new_key()
        staff = shop.person("sam", role="admin")
        mine = await shop.do("customerCreate", {"name": "Ada", "idempotencyKey": key})
        theirs = await shop.do("customerCreate", {"name": "Ada", "idempotencyKey": key}, as_=staff)
        order = {"customerId": mine["id"], "lines": [by_hand(1)], "idempotencyKey": key}

        assert mine["id"] != theirs["id"]
        assert (await shop.do("orderCreate", order))["id"].startswith("ord_")

    @pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\nb", "a\u2028b"])
    async def test_a_key_that_cannot_be_kept_is_refused(self, shop: Shop, key: str) -> None:
        refusal = await shop.refused("customerCreate", {"name": "Ada", "idempotencyKey": key})
        assert refusal == ("INVALID_INPUT", "idempotencyKey")


class TestReading:
    async def test_me_is_the_customer_of_the_token(self, shop: Shop) -> None:
        query = "{ me { id name providerAccounts { account } } }"
        customer_id = await shop.buyer(externalId="ada", name="Ada")

        mine = await shop.execute(query, as_=shop.person("ada"))

        assert mine == {"me": {"id": customer_id, "name": "Ada", "providerAccounts": []}}
        for other in (shop.person("grace"), shop.person("ada", role="admin"), ADMIN, None):
            assert await shop.execute(query, as_=other) == {"me": None}

    async def test_customers_are_found_by_email_external_id_and_time(self, shop: Shop) -> None:
        ada = await shop.customer(email="Ada@Example.com", externalId="ada")
        grace = await shop.customer(email="grace@example.com")
        created = (await shop.execute("query($id: ID!) { customer(id: $id) { createdAt } }", {"id": grace}))["customer"]

        async def found(filter: dict[str, object]) -> list[str]:
            query = "query($filter: CustomerFilterInput) { customers(filter: $filter) { nodes { id } } }"
            data = await shop.execute(query, {"filter": filter})
            return [node["id"] for node in data["customers"]["nodes"]]

        assert await found({}) == [grace, ada]
        assert await found({"email": "aDA@example.COM"}) == [ada]
        assert await found({"externalId": "ada"}) == [ada]
        assert await found({"externalId": "ADA"}) == []
        assert await found({"created": {"since": created["createdAt"]}}) == [grace]
        assert await found({"created": {"before": created["createdAt"]}}) == [ada]
        assert await found({"email": None, "externalId": None, "created": None}) == [grace, ada]

    async def test_a_customers_lists_are_their_own(self, shop: Shop) -> None:
        ada, grace = await shop.buyer(), await shop.buyer()
        order_id, charge_id = await shop.paid(ada)
        other_order, other_charge = await shop.paid(grace)

        data = await shop.execute(
            "{ customers(sort: OLDEST) { nodes { orders { nodes { id } } charges { nodes { id } } "
            "paymentMethods { nodes { customer { id } } } } } }"
        )

        mine, theirs = data["customers"]["nodes"]
        assert mine["orders"]["nodes"] == [{"id": order_id}]
        assert mine["charges"]["nodes"] == [{"id": charge_id}]
        assert mine["paymentMethods"]["nodes"] == [{"customer": {"id": ada}}]
        assert theirs["orders"]["nodes"] == [{"id": other_order}]
        assert theirs["charges"]["nodes"] == [{"id": other_charge}]

    async def test_the_story_of_a_customer_holds_what_hangs_from_them(self, shop: Shop) -> None:
        customer_id = await shop.buyer()
        await shop.paid(customer_id)

        assert await shop.kinds(customer_id) == [
            "CUSTOMER_CREATED",
            "PAYMENT_METHOD_REQUESTED",
            "PAYMENT_METHOD_ATTACHED",
            "CUSTOMER_UPDATED",
            "ORDER_CREATED",
            "ORDER_PLACED",
            "CHARGE_CREATED",
            "CHARGE_SUCCEEDED",
            "ORDER_COMPLETED",
            "INVOICE_OPENED",
            "INVOICE_PAID",
        ]
