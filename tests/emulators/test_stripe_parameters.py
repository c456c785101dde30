"""Only what Stripe takes at this version is taken."""

import inspect
import re
from typing import Any

import pytest
import stripe
from stripe import params

from tests.emulators.stripe.forms import FormUnreadable, read_form
from tests.emulators.stripe.parameters import parameters_of
from tests.emulators.stripe.routes import ROUTES
from tests.emulators.stripe_shop import KEYS, Shop

_VALID = {"amount": "1000", "currency": "usd"}


@pytest.mark.parametrize(
    ("form", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"idempotency_key": "k"}, "idempotency_key", "parameter_unknown"),
        ({"payment_method_types[0]": "card"}, "payment_method_types", "parameter_unknown"),
        (
            {"shipping[name]": "Ada", "shipping[address][planet]": "Mars"},
            "shipping[address][planet]",
            "parameter_unknown",
        ),
        (
            {"payment_method_options[card][colour]": "red"},
            "payment_method_options[card][colour]",
            "parameter_unknown",
        ),
        ({"amount": "10.00"}, "amount", "parameter_invalid_integer"),
        ({"amount": "ten"}, "amount", "parameter_invalid_integer"),
        ({"amount": "0"}, "amount", "parameter_invalid_integer"),
        ({"confirm": "yes"}, "confirm", None),
        ({"capture_method": "sometimes"}, "capture_method", None),
        ({"off_session": "sometimes"}, "off_session", None),
        ({"description": ""}, "description", "parameter_invalid_empty"),
        ({"metadata": "a"}, "metadata", None),
        ({"metadata[a][b]": "c"}, "metadata[a]", None),
        ({"metadata[" + "a" * 41 + "]": "c"}, "metadata", None),
        ({"metadata[a]": "c" * 501}, "metadata", None),
        ({"shipping": "home"}, "shipping", None),
        ({"shipping[name]": "Ada"}, "shipping[address]", "parameter_missing"),
        ({"expand": "customer"}, "expand", None),
        ({"expand[0]": "amount"}, "expand", None),
        (
            {"automatic_payment_methods[allow_redirects]": "never"},
            "automatic_payment_methods[enabled]",
            "parameter_missing",
        ),
        ({"off_session": "true"}, "off_session", None),
        ({"return_url": "https://shop.example"}, "return_url", None),
        ({"transfer_group": "G"}, "transfer_group", "emulator_unsupported"),
    ],
)
async def test_what_a_payment_intent_does_not_take_is_refused(
    shop: Shop, form: dict[str, str], param: str, code: str | None
) -> None:
    refused = await shop.post("payment_intents", _VALID | form)

    error = refused.json()["error"]
    assert (refused.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("param"), error.get("code")) == (param, code)
    assert shop.emulator.account.all("payment_intent") == []


@pytest.mark.parametrize("left_out", ["amount", "currency"])
async def test_what_a_payment_intent_needs_is_missed(shop: Shop, left_out: str) -> None:
    refused = await shop.post("payment_intents", {name: _VALID[name] for name in _VALID if name != left_out})

    assert (refused.json()["error"]["code"], refused.json()["error"]["param"]) == ("parameter_missing", left_out)


async def test_parameters_of_a_get_are_read_as_strictly(shop: Shop) -> None:
    for query, param in (("limit=101", "limit"), ("limit=x", "limit"), ("created[after]=1", "created[after]")):
        refused = await shop.http.get(f"/v1/payment_intents?{query}")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


async def test_bodies_that_are_no_forms_are_refused(shop: Shop) -> None:
    as_json = await shop.http.post("/v1/payment_intents", json={"amount": 1000, "currency": "usd"})
    broken = await shop.http.post(
        "/v1/payment_intents",
        content="amount[=1",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert [as_json.status_code, broken.status_code] == [400, 400]


def test_forms_nest_as_their_brackets_say() -> None:
    assert read_form("a=1&b[c]=2&b[d][]=3&b[d][]=4&e[0][f]=5&g=%C3%A9") == {
        "a": "1",
        "b": {"c": "2", "d": ["3", "4"]},
        "e": {"0": {"f": "5"}},
        "g": "é",
    }


@pytest.mark.parametrize("text", ["a", "a[b=1", "a]=1", "[a]=1", "a=1&a[b]=2", "a[]=1&a[b]=2", "a[][b]=1", "a=%FF"])
def test_forms_that_mean_nothing_are_unreadable(text: str) -> None:
    with pytest.raises(FormUnreadable):
        read_form(text)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk_test_wrong"},
        {"Authorization": "Bearer sk_live_emulator"},
        {"Authorization": "Basic !!"},
        {"Authorization": "Digest x"},
        {"Authorization": ""},
    ],
)
async def test_who_has_no_key_gets_nothing(shop: Shop, headers: dict[str, str]) -> None:
    refused = await shop.http.get("/v1/customers", headers=headers)

    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "invalid_request_error")


async def test_the_sdk_has_a_name_for_a_wrong_key(shop: Shop) -> None:
    with pytest.raises(stripe.AuthenticationError):
        await shop.sdk.v1.customers.list_async({}, {"api_key": "sk_test_wrong"})


async def test_another_version_is_refused(shop: Shop) -> None:
    refused = await shop.http.get("/v1/customers", headers={"Stripe-Version": "2020-08-27"})

    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("path", ["/v1/payment_intent", "/v1/payment_intents/search", "/v2/core/events", "/"])
async def test_paths_that_are_not_there_are_not_found(shop: Shop, path: str) -> None:
    assert (await shop.http.get(path)).status_code == 404


async def test_objects_that_are_not_there_are_missing(shop: Shop) -> None:
    in_url = await shop.http.get("/v1/payment_intents/pi_0")
    in_body = await shop.post("payment_intents", _VALID | {"customer": "cus_0"})

    assert (in_url.status_code, in_url.json()["error"]["code"]) == (404, "resource_missing")
    assert (in_body.status_code, in_body.json()["error"]["code"]) == (400, "resource_missing")
    assert in_body.json()["error"]["param"] == "customer"


async def test_a_browser_may_do_what_the_secret_of_an_intent_allows(shop: Shop) -> None:
    browser = {"Authorization": f"Bearer {KEYS.publishable}"}
    customer, _ = await shop.customer_with()
    intent = await shop.sdk.v1.setup_intents.create_async({"customer": customer})
    card: dict[str, Any] = {
        "type": "card",
        "card[number]": "4242424242424242",
        "card[exp_month]": 7,
        "card[exp_year]": 2040,
    }

    method = await shop.http.post("/v1/payment_methods", data=card, headers=browser)
    form = {
        "client_secret": intent.client_secret,
        "payment_method": method.json()["id"],
        "return_url": "https://x.example",
    }
    done = await shop.http.post(f"/v1/setup_intents/{intent.id}/confirm", data=form, headers=browser)
    guessed = await shop.http.get(f"/v1/setup_intents/{intent.id}?client_secret=x", headers=browser)
    listed = await shop.http.get("/v1/customers", headers=browser)
    on_the_server = await shop.post("payment_methods", card)

    assert done.json()["status"] == "succeeded"
    assert method.json()["card"]["exp_year"] == 2040
    assert [guessed.status_code, listed.status_code, on_the_server.status_code] == [404, 401, 400]


async def test_a_page_may_call_from_its_own_origin(shop: Shop) -> None:
    page = {"Origin": "https://shop.example", "Authorization": f"Bearer {KEYS.publishable}"}

    asked_first = await shop.http.request("OPTIONS", "/v1/payment_methods", headers=page)
    made = await shop.http.post("/v1/payment_methods", data={"type": "card", "card[token]": "tok_visa"}, headers=page)

    assert (asked_first.status_code, made.status_code) == (204, 200)
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in (asked_first, made)} == {"*"}


def test_every_call_takes_the_parameters_of_the_sdks_method() -> None:
    sdk = stripe.StripeClient(KEYS.secret)
    for route in ROUTES:
        *services, method = route.name.split(".")
        service: Any = sdk.v1
        for name in services:
            service = getattr(service, name)

        annotation = inspect.signature(getattr(service, method)).parameters["params"].annotation

        named = re.findall(r"\w+Params", str(annotation))
        assert [parameters_of(getattr(params, name)) for name in named] == [route.parameters], route.name
