"""What the how-tos about Braintree say, held against the gateway on an emulator of Braintree.

Drop-in, Hosted Fields and the mobile SDKs are played by nonces: those for tests, of which Braintree says which card
they stand for, and those that the emulator makes of another one once a customer was asked by their bank.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from braintree import BraintreeGateway, Configuration, Environment, WebhookNotification

from adapters.braintree import BraintreeProvider
from adapters.braintree_keys import SANDBOX, wrong_with_braintree
from domain.clock import SystemClock
from domain.deployment import Providers
from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.docs.answers import fits, is_as_shown
from tests.docs.apps import OPERATIONS, App, Json
from tests.docs.pages import DOCS, blocks
from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.serving import serving_aside
from tests.schema.gateway import Shop, open_shop, settings_for

RUN, TAKE = (
    (DOCS / "how-to" / name).read_text("utf-8") for name in ("run-on-braintree.md", "take-a-card-with-braintree.md")
)
KEYS = Keys()
ACCOUNTS = {"USD": "acme_usd", "EUR": "acme_eur"}
VISA = "fake-valid-visa-nonce"
ASKS = 2_099_00
"""What a test card pays only with 3D Secure."""


@dataclass(frozen=True, slots=True)
class BraintreeApp(App):
    http: httpx.AsyncClient = field(kw_only=True)

    async def control(self, path: str, **body: Any) -> Json:
        answer = await self.http.post(f"/_control/{path}", json=body)
        assert answer.is_success, answer.text
        told: Json = answer.json()
        return told

    async def asked_by_the_bank(self, nonce: str, *, came_to: str = "authenticate_successful") -> str:
        """What `verifyCard` of Braintree's SDK gives, once the customer has answered or refused."""
        made = await self.control("nonces", source=nonce, three_d_secure=came_to, amount="2099.00")
        return str(made["nonce"])

    async def add_card(self) -> None:
        assert (await self.do("AddCard", token=VISA))["paymentMethod"]["state"] == "ACTIVE"

    async def waiting(self) -> Json:
        """A charge of the card on file, of which the bank wants to ask."""
        await self.add_card()
        waiting = await self.pay(order_id=await self.order(await self.shop.price(ASKS)))
        assert waiting["state"] == "REQUIRES_ACTION"
        return waiting


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_aside(keys=KEYS) as (address, _):
        yield address


def provider_at(address: str, **other: Any) -> BraintreeProvider:
    usual: Json = {
        "merchant_id": KEYS.merchant_id,
        "public_key": KEYS.public_key,
        "private_key": KEYS.private_key,
        "merchant_accounts": ACCOUNTS,
    }
    return BraintreeProvider(api_base=address, livemode=False, clock=SystemClock(), **(usual | other))


@pytest.fixture
async def app(address: str, tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[BraintreeApp]:
    async with (
        httpx.AsyncClient(base_url=address, trust_env=False) as http,
        on_braintree(address, tmp_path, new_database_url(Dialect.SQLITE)) as shop,
    ):
        app = BraintreeApp(shop, await shop.price(14_50), http=http)
        await app.control("reset", seed=0, merchant_accounts={name: code for code, name in ACCOUNTS.items()})
        await shop.customer(externalId="ada", name="Ada")
        yield app


@asynccontextmanager
async def on_braintree(address: str, folder: Path, database_url: str) -> AsyncIterator[Shop]:
    providers = Providers({"braintree": provider_at(address)}, default="braintree")
    async with open_shop(settings_for(folder, database_url), providers=providers) as shop:
        yield shop


# --- the card form ----------------------------------------------------------------------------------------------------


async def test_a_card_of_the_form_is_stored_and_charged(app: BraintreeApp) -> None:
    form = await app.do("OpenCardForm")
    card = await app.do("AddCard", token=VISA)
    charge = await app.pay()

    assert form["provider"] == "braintree"
    assert form["clientSession"]["secret"]
    assert form["clientSession"]["publishableKey"] is None
    assert card["paymentMethod"] == {"state": "ACTIVE", "message": None, "card": {"brand": "VISA", "last4": "1881"}}
    assert (charge["state"], charge["captured"]) == ("SUCCEEDED", {"formatted": "$14.50"})


# --- when the bank asks -----------------------------------------------------------------------------------------------


async def test_a_bank_asks_within_the_app_about_the_card_on_file(app: BraintreeApp) -> None:
    waiting = await app.waiting()
    question = waiting["nextAction"]

    nonce = await app.asked_by_the_bank(question["token"])
    settled = (await app.do("GoOn", chargeId=waiting["id"], token=nonce, key="back"))["charge"]

    assert question["__typename"] == "SdkAction"
    assert question["clientSecret"]
    assert question["cardBin"].startswith("401288")
    assert waiting["amount"] == {"decimal": "2099.00"}
    assert (settled["state"], settled["captured"]) == ("SUCCEEDED", {"formatted": "$2,099.00"})


@pytest.mark.parametrize("came_to", ["authenticate_failed", "authenticate_rejected"])
async def test_a_customer_who_was_not_confirmed_may_try_again(app: BraintreeApp, came_to: str) -> None:
    waiting = await app.waiting()

    refused = await app.asked_by_the_bank(waiting["nextAction"]["token"], came_to=came_to)
    still = await _still(app, waiting["id"], token=refused, key="first")
    nonce = await app.asked_by_the_bank(still["nextAction"]["token"])
    settled = (await app.do("GoOn", chargeId=waiting["id"], token=nonce, key="second"))["charge"]

    assert (still["state"], settled["state"]) == ("REQUIRES_ACTION", "SUCCEEDED")


async def test_another_card_pays_once_the_charge_is_called_off(app: BraintreeApp) -> None:
    waiting = await app.waiting()

    voided = await app.shop.do("chargeVoid", {"chargeId": waiting["id"], "idempotencyKey": "off"}, "charge { state }")
    card = {"token": await app.asked_by_the_bank("fake-valid-mastercard-nonce"), "store": False}
    wish = {"orderId": waiting["order"]["id"], "card": card, "key": "another card"}
    paid = (await app.do("PayWithNewCard", **wish))["charge"]

    assert (voided["state"], paid["state"]) == ("VOIDED", "SUCCEEDED")


async def test_the_nonce_of_another_card_confirms_nothing(app: BraintreeApp) -> None:
    waiting = await app.waiting()

    other = await app.asked_by_the_bank("fake-valid-mastercard-nonce")
    still = await _still(app, waiting["id"], token=other, key="back")

    assert still["state"] == "REQUIRES_ACTION"


async def _still(app: BraintreeApp, charge_id: str, **continuation: str) -> Json:
    """The charge after a continuation that is refused for its token."""
    answer = await app.ask(OPERATIONS, "GoOn", chargeId=charge_id, **continuation)
    ((_, payload),) = answer["data"].items()
    assert payload["userErrors"], payload
    question = "query($id: ID!) { charge(id: $id) { state nextAction { ... on SdkAction { token } } } }"
    charge: Json = (await app.shop.execute(question, {"id": charge_id}))["charge"]
    return charge


# --- a card that is not stored first ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("store", "state"), [(True, "ACTIVE"), (False, "DETACHED")])
async def test_a_new_card_is_charged_and_stored_if_the_customer_wants_it(
    app: BraintreeApp, store: bool, state: str
) -> None:
    card = {"token": VISA, "store": store}

    paid = await app.do("PayWithNewCard", orderId=await app.order(), card=card, key="pay")

    assert paid["charge"]["state"] == "SUCCEEDED"
    asked = await app.ask(
        "query($id: ID!) { charge(id: $id) { paymentMethod { state card { last4 } } } }", id=paid["charge"]["id"]
    )
    assert asked["data"]["charge"]["paymentMethod"] == {"state": state, "card": {"last4": "1881"}}


async def test_of_a_new_card_the_form_makes_another_nonce_for_the_bank(app: BraintreeApp) -> None:
    order_id = await app.order(await app.shop.price(ASKS))
    wish = {"orderId": order_id, "card": {"token": VISA, "store": True}, "key": "pay"}

    waiting = (await app.do("PayWithNewCard", **wish))["charge"]
    nonce = await app.asked_by_the_bank(VISA)
    settled = (await app.do("GoOn", chargeId=waiting["id"], token=nonce, key="back"))["charge"]

    assert waiting["nextAction"]["token"] is None
    assert settled["state"] == "SUCCEEDED"


async def test_a_customer_whom_the_bank_asked_before_pays_at_once(app: BraintreeApp) -> None:
    order_id = await app.order(await app.shop.price(ASKS))
    card = {"token": await app.asked_by_the_bank(VISA), "store": False}

    paid = await app.do("PayWithNewCard", orderId=order_id, card=card, key="pay")

    assert paid["charge"]["state"] == "SUCCEEDED"


# --- the pages --------------------------------------------------------------------------------------------------------


async def test_the_page_shows_what_the_gateway_answers(app: BraintreeApp) -> None:
    shown = [block for block in blocks(TAKE) if block.language in ("graphql", "json")]
    session, session_answer, attach, attach_answer, go_on, _ = shown

    opened = await app.ask(session.text)
    attached = await app.ask(attach.text)
    waiting = await app.pay(order_id=await app.order(await app.shop.price(ASKS)))
    nonce = await app.asked_by_the_bank(waiting["nextAction"]["token"])
    settled = await app.ask(go_on.text.replace("chg_…", waiting["id"]).replace('"…"', f'"{nonce}"'))

    assert is_as_shown(json.loads(session_answer.text), opened, top=True)
    assert is_as_shown(json.loads(attach_answer.text), attached, top=True)
    assert settled["data"]["chargeContinue"]["charge"]["state"] == "SUCCEEDED"


async def test_a_nonce_for_tests_needs_no_form(app: BraintreeApp) -> None:
    (first,) = (block.text for block in blocks(RUN) if block.language == "graphql")

    made = (await app.shop.execute(first))["customerCreateWithPaymentMethod"]

    assert made["userErrors"] == []
    assert made["paymentMethod"] == {"state": "ACTIVE", "card": {"brand": "VISA", "last4": "1881"}}


async def test_another_currency_than_the_accounts_have_is_refused(app: BraintreeApp) -> None:
    customer_id = await app.shop.buyer(VISA)
    wish = {"orderId": await app.shop.order(customer_id, 100, "JPY"), "idempotencyKey": "yen"}

    refused = await app.shop.refused("orderCharge", wish)
    told = await app.shop.execute("{ paymentProvider { currencies } }")

    assert refused[0] == "UNSUPPORTED_BY_PROVIDER"
    assert told == {"paymentProvider": {"currencies": ["EUR", "USD"]}}


async def test_a_whole_refund_right_after_the_charge_is_a_void_and_a_part_waits(app: BraintreeApp) -> None:
    await app.add_card()
    charge = await app.pay()
    other = await app.pay(order_id=await app.order(await app.shop.price(20_00)))

    part = await app.shop.refund(str(other["id"]), 5_00)
    whole = await app.shop.refund(str(charge["id"]), 14_50)

    told = await app.shop.execute(
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Refund { state executedAs } } }", {"ids": [part, whole]}
    )
    assert told["nodes"][0]["state"] == "PENDING"
    assert told["nodes"][1] == {"state": "SUCCEEDED", "executedAs": "VOID"}


async def test_braintree_hears_at_the_address_of_the_page_that_it_is_ours(app: BraintreeApp) -> None:
    (place,) = (urlsplit(block.text.strip()) for block in blocks(RUN) if "/webhooks/" in block.text)
    challenge = "20f9f8ed05f77439fe955c977e4c8a53"

    ours = await app.shop.client.get(place.path, params={"bt_challenge": challenge})
    others = await app.shop.client.get(place.path)

    gateway = BraintreeGateway(Configuration(Environment.Sandbox, KEYS.merchant_id, KEYS.public_key, KEYS.private_key))
    assert (ours.status_code, others.status_code) == (200, 405)
    assert ours.text == gateway.webhook_notification.verify(challenge)


def test_braintree_has_the_notifications_that_the_page_names() -> None:
    (named,) = (block.text.split() for block in blocks(RUN) if "dispute_opened" in block.text)

    assert set(named) - set(vars(WebhookNotification.Kind).values()) == set()


WRONG: dict[str, Json] = {
    "a key": {"private_key": "of somebody else"},
    "a merchant": {"merchant_id": "of_somebody_else"},
    "no such merchant account": {"merchant_accounts": {"USD": "acme_gbp"}},
    "another currency": {"merchant_accounts": {"EUR": "acme_usd"}},
    "nobody there": {"api_base": "http://127.0.0.1:9"},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_the_page_has_what_a_check_says(app: BraintreeApp, address: str, wrong: str) -> None:
    other = dict(WRONG[wrong])
    provider = provider_at(other.pop("api_base", address), **other)

    problem = await provider.check()
    await provider.close()

    assert any(fits(sentence, f"the provider: {problem}") for sentence in _said("the provider: ")), problem


@pytest.mark.parametrize("fault", ["rate_limit", "html", "hang"])
async def test_the_page_has_what_a_check_says_of_a_provider_that_is_not_well(
    app: BraintreeApp, address: str, fault: str
) -> None:
    await app.control("faults", rules=[{"on": "*", "fault": fault}])
    provider = provider_at(address, timeout_seconds=1.0)

    problem = await provider.check()
    await provider.close()
    await app.control("faults", rules=[])

    assert f"the provider: {problem}" in _said("the provider: ")


async def test_the_page_has_what_a_check_says_of_an_account_without_request_keys(app: BraintreeApp) -> None:
    merchant_accounts = {name: code for code, name in ACCOUNTS.items()}
    await app.control("reset", request_keys_allowed=False, merchant_accounts=merchant_accounts)

    problem = await app.shop.running.services.providers.default.check()

    assert f"the provider: {problem}" in _said("the provider: ")


@pytest.mark.parametrize(
    "given",
    [
        lambda usual: usual | {"merchant_id": None},
        lambda usual: usual | {"environment": None},
        lambda usual: usual | {"merchant_accounts": {}},
        lambda usual: usual | {"private_key": "private\n"},
        lambda usual: usual | {"private_key": usual["public_key"]},
        lambda usual: usual | {"base_url": "https://braintree.example"},
        lambda usual: usual | {"livemode": True},
    ],
    ids=["no merchant", "no environment", "no accounts", "a line's end", "one key twice", "two places", "a wrong mode"],
)
def test_the_page_has_what_is_wrong_with_settings(given: Callable[[Json], Json]) -> None:
    usual: Json = {
        "merchant_id": KEYS.merchant_id,
        "public_key": KEYS.public_key,
        "private_key": KEYS.private_key,
        "environment": SANDBOX,
        "base_url": None,
        "merchant_accounts": ACCOUNTS,
        "livemode": False,
    }
    (wrong,) = wrong_with_braintree(**given(usual))

    assert wrong_with_braintree(**usual) == []
    assert any(fits(f"{sentence}…", wrong) for sentence in _said("BRAINTREE_")), wrong


def _said(beginning: str) -> list[str]:
    """The sentences of the page's table that begin so."""
    cells = [line.split(" | ")[0] for line in RUN.splitlines() if line.startswith("| `")]
    return [said for cell in cells for said in cell.split("`")[1::2] if said.startswith(beginning)]
