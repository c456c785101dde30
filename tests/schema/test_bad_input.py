"""Whatever is sent: a typed and worded answer, nothing changed, nothing lost, and never a 500."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
    get_named_type,
)

from schema.masking import LONGEST_MESSAGE
from tests.schema.gateway import (
    ADMIN,
    CHALLENGED,
    GRAPHQL_SCHEMA,
    Json,
    Shop,
    assert_worded,
    by_hand,
    document_of,
    money,
    new_key,
)

CARD_NUMBERS = ("4242424242424242", "4242 4242 4242 4242", "order 5555-5555-5555-4444 please", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢")
"""The last one in Arabic digits."""

assert GRAPHQL_SCHEMA.mutation_type
assert GRAPHQL_SCHEMA.query_type
QUERY_NAMES = list(GRAPHQL_SCHEMA.query_type.fields)
MUTATION_NAMES = list(GRAPHQL_SCHEMA.mutation_type.fields)

PAY = document_of("orderCharge", "")
REFUND = document_of("chargeRefund", "")


async def answer_of(shop: Shop, content: bytes, *, as_: str | None = ADMIN) -> tuple[int, Json]:
    """Status and body of a raw request that changed nothing."""
    before = await shop.contents()
    headers = {"content-type": "application/json", "accept": "application/graphql-response+json"}
    if as_:
        headers["authorization"] = as_
    response = await shop.client.post("/graphql", content=content, headers=headers)
    assert await shop.contents() == before
    body: Json = response.json()
    assert response.status_code < 500
    for error in body["errors"]:
        assert error["extensions"]["code"] != "INTERNAL"
        assert 5 < len(error["message"]) <= LONGEST_MESSAGE + 1
    return response.status_code, body


def request(query: str, variables: str) -> bytes:
    """JSON written by hand, for what no encoder writes."""
    return f'{{"query": {json.dumps(query)}, "variables": {variables}}}'.encode()


class TestOrders:
    async def test_an_order_that_is_paid_canceled_foreign_or_missing_is_not_paid(self, shop: Shop) -> None:
        customer_id = await shop.buyer(externalId="ada")
        paid, _ = await shop.paid(customer_id)
        canceled = await shop.order(customer_id)
        await shop.do("orderCancel", {"orderId": canceled})
        foreign = await shop.order(await shop.buyer())
        cases = {
            paid: ("ORDER_ALREADY_PAID", "orderId"),
            canceled: ("ORDER_NOT_PAYABLE", "orderId"),
            foreign: ("NOT_FOUND", "orderId"),
            "ord_none": ("NOT_FOUND", "orderId"),
            "": ("NOT_FOUND", "orderId"),
        }
        for order_id, refusal in cases.items():
            sent = {"orderId": order_id, "idempotencyKey": new_key()}
            assert await shop.refused("orderCharge", sent, as_=shop.person("ada")) == refusal
        assert len(shop.bank.charges) == 1

    async def test_a_customer_sets_no_amount_of_their_own(self, shop: Shop) -> None:
        customer_id = await shop.buyer(externalId="ada")
        order_id = await shop.order(customer_id)
        ada = shop.person("ada")
        line = {"orderId": order_id, "name": "Discount", "unitAmount": money(1)}
        assert await shop.refused("orderAddLine", line, as_=ada) == ("PERMISSION_DENIED", "")
        made = {"lines": [by_hand(1)]}
        assert await shop.refused("orderCreate", made, as_=ada) == ("PERMISSION_DENIED", "lines.0")
        _, body = await answer_of(
            shop,
            request(PAY, json.dumps({"input": {"orderId": order_id, "amount": 1, "idempotencyKey": "k"}})),
            as_=ada,
        )
        assert "amount" in body["errors"][0]["message"]


class TestAmounts:
    @pytest.mark.fault("F58")
    @pytest.mark.parametrize(
        "minor_units",
        [
            "NaN",
            "1e400",
            "-1e400",
            "Infinity",
            "1.5",
            "1.0",
            '"5"',
            "null",
            "true",
            "[]",
            "{}",
            "9007199254740992",
            "1e3",
            "-9007199254740992",
            "9" * 400,
            "1" + "0" * 5000,
        ],
    )
    async def test_what_is_no_amount_is_refused_before_anything_happens(self, shop: Shop, minor_units: str) -> None:
        _, charge_id = await shop.paid(await shop.buyer())
        amount = f'{{"minorUnits": {minor_units}, "currency": "USD"}}'
        sent = f'{{"input": {{"chargeId": "{charge_id}", "amount": {amount}, "idempotencyKey": "k"}}}}'

        status, _ = await answer_of(shop, request(REFUND, sent))

        assert status in (400, 422)
        assert shop.bank.refunds == ()

    @pytest.mark.fault("F58")
    @pytest.mark.parametrize(
        "minor_units", ["1.5", "1e400", "9007199254740992", '"5"', "true", "5000000000000000000000", "NaN"]
    )
    async def test_nor_as_a_literal(self, shop: Shop, minor_units: str) -> None:
        product_id = await shop.product()
        query = (
            f'mutation {{ priceCreate(input: {{ productId: "{product_id}", amount: {{ minorUnits: {minor_units}, '
            'currency: "USD" } }) { price { id } } }'
        )

        status, _ = await answer_of(shop, request(query, "null"))

        assert status == 422

    @pytest.mark.parametrize("currency", ["usd", "US", "USDT", "", " USD", "U5D", "ＵＳＤ", "\u0000AB"])
    async def test_what_is_no_currency_code_is_refused(self, shop: Shop, currency: str) -> None:
        sent = {"input": {"productId": await shop.product(), "amount": money(1, currency)}}
        status, body = await answer_of(shop, request(document_of("priceCreate", ""), json.dumps(sent)))
        assert status in (400, 422)
        assert body["errors"]


class TestIds:
    @pytest.mark.fault("F59")
    @pytest.mark.parametrize(
        "record_id",
        [
            "",
            " ",
            "x",
            "ord_",
            "ord_none",
            "ORD_01",
            "ord_" + "z" * 26,
            "x" * 10_000,
            "ord_\u202e",
            "💥" * 20,
            "' OR 1=1 --",
            "../../etc/passwd",
            "%00",
            "ord_01%",
            "null",
            "-1",
            "1e999",
        ],
    )
    async def test_what_is_no_id_reads_as_missing_everywhere(self, shop: Shop, record_id: str) -> None:
        query = "query($id: ID!) { " + " ".join(f"{name}(id: $id) {{ id }}" for name in self.ONE) + " }"
        assert await shop.execute(query, {"id": record_id}) == dict.fromkeys(self.ONE)
        for mutation, field in {
            "customerUpdate": "customerId",
            "productArchive": "productId",
            "priceArchive": "priceId",
            "paymentMethodDetach": "paymentMethodId",
            "orderPlace": "orderId",
            "recordDelete": "id",
        }.items():
            assert await shop.refused(mutation, {field: record_id}) == ("NOT_FOUND", field)

    ONE = ("node", "customer", "product", "price", "order", "charge", "refund")

    @pytest.mark.parametrize(
        "cursor", ["", "x", "é", "W10", "WzEsIk5FV0VTVCJd", "x" * 10_000, "WzEsIk5FV0VTVCIsMV0", "bnVsbA"]
    )
    @pytest.mark.parametrize("field", ["customers", "products", "orders", "charges", "refunds"])
    async def test_what_is_no_cursor_is_told_so(self, shop: Shop, field: str, cursor: str) -> None:
        for argument in ("after", "before"):
            query = f"query($cursor: String) {{ {field}({argument}: $cursor) {{ nodes {{ id }} }} }}"
            error = await shop.denied(query, {"cursor": cursor})
            assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", argument)
            assert_worded(error["message"].lstrip("“").capitalize())

    @pytest.mark.parametrize(
        ("arguments", "argument"),
        [
            ("first: 0", "first"),
            ("first: -1", "first"),
            ("first: 101", "first"),
            ("last: 0", "last"),
            ("last: 2147483647", "last"),
            ("first: 1, last: 1", "first"),
        ],
    )
    async def test_a_page_that_no_list_has_is_refused_not_clamped(
        self, shop: Shop, arguments: str, argument: str
    ) -> None:
        for field in ("customers", "products", "orders", "charges", "refunds"):
            error = await shop.denied(f"{{ {field}({arguments}) {{ nodes {{ id }} }} }}")
            assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", argument)


class TestCardNumbers:
    @pytest.mark.parametrize("number", CARD_NUMBERS)
    async def test_a_card_number_gets_nowhere(self, shop: Shop, number: str, caplog: pytest.LogCaptureFixture) -> None:
        """Every text of every input, found from the schema; nothing of it reaches a row or a log."""
        customer_id = await shop.buyer()
        _, charge_id = await shop.paid(customer_id)
        monthly = {"productId": await shop.product(), "amount": money(1), "interval": {"unit": "MONTH"}}
        world = {
            "customerId": customer_id,
            "planId": (await shop.do("priceCreate", monthly))["id"],
            "productId": await shop.product(),
            "orderId": await shop.order(customer_id),
            "chargeId": charge_id,
        }
        caplog.clear()
        tried = []
        for mutation, input_type in inputs():
            for path, sent in with_text(input_type, number, world):
                # One random key in some 50,000 has the digits of a card by chance; refusing it would lose a payment.
                if path == "idempotencyKey":
                    continue
                payload = await shop.mutate(mutation, sent)
                codes = {error["code"] for error in payload["userErrors"]}
                assert codes, (mutation, path)
                if "CARD_NUMBER_REFUSED" not in codes:
                    continue
                tried.append(f"{mutation}.{path}")

        assert number not in json.dumps(await shop.contents(), default=str, ensure_ascii=False)
        assert number not in caplog.text
        assert {
            "customerCreate.name",
            "customerCreate.metadata",
            "customerCreate.billingAddress.line1",
            "paymentMethodAttach.token",
            "productCreate.description",
            "chargeRefund.note",
            "chargeReviewClose.note",
            "chargeSettle.note",
            "chargeSettle.providerRef",
            "orderCreate.metadata",
            "subscriptionCreate.metadata",
            "orderAddLine.name",
            "priceCreate.nickname",
            "chargeContinue.token",
        } <= set(tried)


class TestBodies:
    @pytest.mark.fault("F59")
    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (b"", 400),
            (b"null", 422),
            (b"1", 422),
            (b'"x"', 422),
            (b"[]", 422),
            (b"{}", 422),
            (b"{", 400),
            (b"\xff\xfe", 400),
            (b'{"query": "\xff"}', 400),
            (b'{"query": null}', 422),
            (b'{"query": 1}', 422),
            (b'{"query": ""}', 400),
            (b'{"query": "{ me { id } }", "variables": []}', 422),
            (b'{"query": "{ me { id } }", "variables": 1}', 422),
            (b'{"query": "{ me { id } }", "operationName": 1}', 422),
            (b'{"query": "{ me { id } }", "operationName": "Other"}', 422),
            (b'{"query": "query A { me { id } } query B { me { id } }"}', 422),
            (b'{"query": "{ me { id } }", "variables": {"x": 1' + b"0" * 5_000 + b"}}", 400),
            (b"[" * 100_000, 400),
            (b'{"a":' * 40_000, 400),
            (b'{"query": "{ nothing }"}', 422),
            (b'{"query": "subscription { me { id } }"}', 422),
            (b'{"query": "{ me { id } }", "extra": "' + b"x" * 10_000_000 + b'"}', 413),
            (b'{"query": "' + b"x" * 300_000 + b'"}', 413),
            (b'{"query": "{ ' + b" ".join(b"a%d: me { id }" % n for n in range(10_000)) + b' }"}', 422),
            (b'{"query": "{ ' + b" ".join(b"a%d:me{id}" % n for n in range(1_000)) + b' }"}', 422),
            (b'{"query": "{ ' + b"a" * 100_000 + b' }"}', 422),
            (b'{"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": "\\u0000"}}', 422),
            (b'{"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {}}', 422),
            (b'{"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": {"a": 1}}}', 422),
        ],
    )  # fmt: skip
    async def test_what_is_no_request_is_told_so(self, shop: Shop, content: bytes, status: int) -> None:
        for credentials in (ADMIN, None):
            answered, body = await answer_of(shop, content, as_=credentials)
            assert answered == status
            assert "data" not in body


# --- every input, at random -------------------------------------------------------------------------------------------

HOSTILE = (
    *(
        "",
        " ",
        "\t",
        "a\nb",
        "\ud800",
        "x\udfff",
        "é",
        "👩‍👩‍👧‍👦",
        "\u202eabc",
        "\ufeff",
        "x" * 6_000,
        "💥" * 300,
        "0",
        "null",
    ),
    *("2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2020-01-01", "https://shop.example/", "javascript:alert(1)"),
    *(
        "USD",
        "JPY",
        "XXX",
        "tok_visa",
        "tok_chargeDeclined",
        "cus_none",
        "'; DROP TABLE orders; --",
        "${7*7}",
        "\\u0000",
    ),
)
NUMBERS = (0, 1, -1, 2, 100, 2**31 - 1, 2**31, -(2**31), 2**53 - 1, 2**53, 2**63, 10**40, 1.5, -0.0, 1e308)
WRONG: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"a": None}, {"": ""}, {"\ud800": "x"}, {"k": 1})


@pytest.fixture
async def world(shop: Shop) -> dict[str, list[str]]:
    """Ids that exist, in every state that matters, by the name of the field that takes them."""
    customer_id = await shop.customer(externalId="ada")
    card, challenged = await shop.card(customer_id), await shop.card(customer_id, CHALLENGED)
    product_id = await shop.product()
    order_id, charge_id = await shop.paid(customer_id)
    waiting = await shop.order(customer_id)
    charge = await shop.charge(waiting, paymentMethodId=challenged)
    open_ = await shop.order(customer_id)
    query = "query($id: ID!) { order(id: $id) { lines { id } } }"
    (line,) = (await shop.execute(query, {"id": open_}))["order"]["lines"]
    return {
        "customerId": [customer_id],
        "orderId": [order_id, waiting, open_],
        "lineId": [line["id"]],
        "paymentMethodId": [card, challenged],
        "chargeId": [charge_id, str(charge["id"])],
        "productId": [product_id],
        "priceId": [await shop.price(product_id=product_id)],
        "id": [customer_id, order_id, charge_id],
    }


@pytest.mark.fault("F59")
@pytest.mark.parametrize("mutation", MUTATION_NAMES)
async def test_random_input_is_taken_or_refused_and_never_breaks_anything(
    shop: Shop, world: dict[str, list[str]], mutation: str
) -> None:
    rng = random.Random(mutation)
    input_type = dict(inputs())[mutation]
    somebody = (ADMIN, shop.person("ada"), shop.person("sam", role="support"), shop.person("nobody"), None)
    seen = set()
    after = await shop.contents()
    for _ in range(25):
        sent = value_of(input_type, world, rng, spoil=rng.choice((0.0, 0.1, 0.4)))
        as_ = rng.choice(somebody)
        before = after
        content = json.dumps({"query": document_of(mutation, ""), "variables": {"input": sent}}).encode()
        headers = {"content-type": "application/json"} | ({"authorization": as_} if as_ else {})
        response = await shop.client.post("/graphql", content=content, headers=headers)
        body = response.json()
        assert response.status_code in (200, 294, 400, 422), (sent, body)
        assert len(response.content) < 20_000
        errors = body.get("errors", [])
        assert all(error["extensions"]["code"] != "INTERNAL" for error in errors), (sent, body)
        payload = (body.get("data") or {}).get(mutation)
        refused = errors or (payload or {})["userErrors"]
        seen.add("refused" if refused else "taken")
        for error in payload["userErrors"] if payload else ():
            assert_worded(error["message"])
            assert len(error["path"]) <= 4
        after = await shop.contents()
        if refused and "PROVIDER" not in str(refused):
            assert after == before, (sent, body)
    assert "refused" in seen
    await assert_books_balance(shop)


@pytest.mark.parametrize("field", QUERY_NAMES)
async def test_random_arguments_of_a_query_are_answered_or_refused(
    shop: Shop, world: dict[str, list[str]], field: str
) -> None:
    rng = random.Random(field)
    definition = queries()[field]
    named = ", ".join(f"${name}: {argument.type}" for name, argument in definition.args.items())
    given = ", ".join(f"{name}: ${name}" for name in definition.args)
    select = "nodes { id }" if str(definition.type).endswith("Connection") else "__typename"
    query = f"query Q({named}) {{ {field}({given}) {{ {select} }} }}".replace("()", "")
    before = await shop.contents()
    for _ in range(25 if definition.args else 1):
        sent = {
            name: value_of(argument.type, world, rng, spoil=rng.choice((0.0, 0.3)), name=name)
            for name, argument in definition.args.items()
            if isinstance(argument.type, GraphQLNonNull) or rng.random() < 0.5
        }
        content = json.dumps({"query": query, "variables": sent}).encode()
        headers = {"content-type": "application/json", "authorization": ADMIN}
        response = await shop.client.post("/graphql", content=content, headers=headers)
        assert response.status_code in (200, 294, 400, 422), sent
        for error in response.json().get("errors", []):
            assert error["extensions"]["code"] in ("BAD_USER_INPUT", "QUERY_TOO_COSTLY", "BAD_REQUEST"), (
                sent,
                error,
            )
    assert await shop.contents() == before


async def assert_books_balance(shop: Shop) -> None:
    """What the gateway says was taken and given back is what the bank did."""
    data = await shop.execute(
        "{ charges(first: 100) { nodes { id captured { minorUnits } refunded { minorUnits } } } }"
    )
    for charge in data["charges"]["nodes"]:
        assert charge["captured"]["minorUnits"] == shop.bank.captured(charge["id"])
        assert charge["refunded"]["minorUnits"] == shop.bank.refunded(charge["id"])


def queries() -> dict[str, GraphQLField]:
    assert GRAPHQL_SCHEMA.query_type
    return dict(GRAPHQL_SCHEMA.query_type.fields)


def inputs() -> Iterator[tuple[str, GraphQLInputObjectType]]:
    assert GRAPHQL_SCHEMA.mutation_type
    for name, field in GRAPHQL_SCHEMA.mutation_type.fields.items():
        input_type = get_named_type(field.args["input"].type)
        assert isinstance(input_type, GraphQLInputObjectType)
        yield name, input_type


def value_of(
    type_: GraphQLInputType, world: dict[str, list[str]], rng: random.Random, *, spoil: float, name: str = ""
) -> Any:
    """A value of this type, or with the given chance anything else."""
    if rng.random() < spoil / 3:
        return rng.choice((*HOSTILE, *NUMBERS, *WRONG))
    if isinstance(type_, GraphQLNonNull):
        return value_of(type_.of_type, world, rng, spoil=spoil, name=name)
    if isinstance(type_, GraphQLList):
        return [value_of(type_.of_type, world, rng, spoil=spoil, name=name) for _ in range(rng.randint(0, 3))]
    if isinstance(type_, GraphQLEnumType):
        return rng.choice(list(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return {
            key: value_of(field.type, world, rng, spoil=spoil, name=key)
            for key, field in type_.fields.items()
            if isinstance(field.type, GraphQLNonNull) or rng.random() < 0.6
        }
    texts = [*HOSTILE, "Tea", "ada@example.com", "DE", "1 Dorset Street"]
    makers: dict[str, Callable[[], Any]] = {
        "ID": lambda: rng.choice([*world.get(name, ["none"]), "cus_none", rng.choice(HOSTILE)]),
        "Int": lambda: rng.choice([1, 2, 3, *NUMBERS[:6]]),
        "MinorUnits": lambda: rng.choice([1, 500, 2000, *NUMBERS[:9]]),
        "Currency": lambda: rng.choice(["USD", "USD", "EUR", "JPY", "KWD", "XXX"]),
        "Boolean": lambda: rng.random() < 0.5,
        "Metadata": lambda: {rng.choice(["a", "b", *HOSTILE]): rng.choice(texts) for _ in range(rng.randint(0, 3))},
        "DateTime": lambda: rng.choice(["2999-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]),
        "URL": lambda: rng.choice(["https://shop.example/a", "myshop://b", "https://evil.example/"]),
        "String": lambda: new_key() if name == "idempotencyKey" else rng.choice(texts),
    }
    return makers[get_named_type(type_).name]()


def with_text(input_type: GraphQLInputObjectType, text: str, world: dict[str, str]) -> Iterator[tuple[str, Json]]:
    """The smallest input with the text in one of its fields, for each of them."""
    base = smallest(input_type, world)
    for name, field in input_type.fields.items():
        inner = get_named_type(field.type)
        if inner.name == "String":
            yield name, base | {name: text}
        elif inner.name == "Metadata":
            yield name, base | {name: {"note": text}}
        elif isinstance(inner, GraphQLInputObjectType) and inner.name == "AddressInput":
            for path, value in with_text(inner, text, world):
                yield f"{name}.{path}", base | {name: value}


def smallest(input_type: GraphQLInputObjectType, world: dict[str, str]) -> Json:
    """With what its fields require, and a record that exists where one is named."""
    known: Json = {
        **world,
        "country": "GB",
        "amount": money(1),
        "String": "x",
        "Int": 1,
        "DateTime": "2027-01-31T10:00:00Z",
        "ID": "none",
        "scopes": ["CATALOGUE_READ"],
        "ReviewReason": "LATE_MONEY",
        "MoneyFound": "NOT_MOVED",
    }
    needed: Json = {
        name: known.get(name, known.get(get_named_type(field.type).name))
        for name, field in input_type.fields.items()
        if name == "customerId" or (isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined)
    }
    if input_type.name == "OrderAddLineInput":
        needed |= {"name": "Tea", "unitAmount": money(1)}
    if input_type.name == "OrderCreateInput":
        needed["lines"] = [by_hand(1)]
    if input_type.name in ("SubscriptionCreateInput", "SubscriptionChangeInput"):
        needed["items"] = [{"priceId": world["planId"]}]
    return needed
