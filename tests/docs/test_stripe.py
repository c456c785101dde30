"""What the how-tos about Stripe say, held against the gateway on an emulator of Stripe.

Stripe.js and the mobile SDKs are played by what they send, requests with the publishable key and a client secret:
https://docs.stripe.com/js/setup_intents/confirm_setup and https://docs.stripe.com/js/payment_methods/create_payment_method.
"""

import inspect
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from graphql import parse, validate
from pydantic import SecretStr
from stripe import params

from adapters.settings import PLAIN, Account, Settings, StripeSettings
from adapters.stripe import StripeProvider
from adapters.stripe.wire import API_VERSION
from adapters.stripe_keys import wrong_with_stripe
from domain.clock import SystemClock
from domain.services.accounts import out_of_reach
from persistence.sql import Dialect
from schema.root import build_schema
from tests.databases import NewDatabaseUrl
from tests.docs.answers import fits, is_as_shown
from tests.docs.apps import OPERATIONS, App, Json
from tests.docs.pages import DOCS, blocks
from tests.emulators.stripe.credentials import Keys
from tests.emulators.stripe.serving import serving_aside
from tests.schema.gateway import Shop, open_shop, settings_for

RUN, TAKE = ((DOCS / "how-to" / name).read_text("utf-8") for name in ("run-on-stripe.md", "take-a-card-with-stripe.md"))
KEYS = Keys()
VISA, ASKS = "4242 4242 4242 4242", "4000 0027 6000 3184"


class Browser:
    """Stripe's SDK in the app of a customer."""

    def __init__(self, address: str) -> None:
        self.http = httpx.AsyncClient(
            base_url=address, headers={"Authorization": f"Bearer {KEYS.publishable}"}, trust_env=False
        )

    async def payment_method(self, number: str) -> str:
        card = {"number": number.replace(" ", ""), "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        form = {"type": "card"} | {f"card[{name}]": str(value) for name, value in card.items()}
        return str((await self._post("/v1/payment_methods", form))["id"])

    async def confirm(self, secret: str, number: str) -> str:
        """What the form does with the card, 3D Secure included where the bank asks. Gives the intent's id."""
        setup, _, _ = secret.partition("_secret_")
        form = {"client_secret": secret, "payment_method": await self.payment_method(number), "use_stripe_sdk": "true"}
        if (await self._post(f"/v1/setup_intents/{setup}/confirm", form))["status"] == "requires_action":
            await self.pass_3d_secure(secret)
        return setup

    async def pass_3d_secure(self, secret: str) -> None:
        intent, _, _ = secret.partition("_secret_")
        answer = await self.http.post("/_control/authentications", json={"intent": intent, "succeeded": True})
        assert answer.is_success, answer.text

    async def _post(self, path: str, form: dict[str, str]) -> Json:
        answer = await self.http.post(path, data=form)
        assert answer.is_success, answer.text
        body: Json = answer.json()
        return body


@dataclass(frozen=True, slots=True)
class StripeApp(App):
    browser: Browser = field(kw_only=True)

    async def add_card(self, number: str) -> None:
        token = await self.browser.confirm(await self.secret(), number)
        assert (await self.do("AddCard", token=token))["paymentMethod"]["state"] == "ACTIVE"


@pytest.fixture(scope="module")
def stripe_address() -> Iterator[str]:
    with serving_aside(keys=KEYS) as (address, _):
        yield address


@pytest.fixture
async def app(stripe_address: str, tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[StripeApp]:
    browser = Browser(stripe_address)
    settings = settings_for(tmp_path, new_database_url(Dialect.SQLITE))
    async with browser.http, on_stripe(settings, stripe_address) as shop:
        await browser.http.post("/_control/reset", json={"seed": 0})
        for name in ("ada", "grace"):
            await shop.customer(externalId=name, name=name.title())
        yield StripeApp(shop, await shop.price(14_50), browser=browser)


@asynccontextmanager
async def on_stripe(settings: Settings, address: str) -> AsyncIterator[Shop]:
    own = StripeSettings(
        secret_key=SecretStr(KEYS.secret),
        publishable_key=KEYS.publishable,
        webhook_secret=(SecretStr("whsec_emulator"),),
        api_base=address,
    )
    async with open_shop(
        settings.model_copy(update={"provider": Account("stripe", "stripe"), "stripe": {PLAIN: own}})
    ) as shop:
        yield shop


# --- the card form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["by its id", "by its secret"])
async def test_a_card_of_the_form_is_stored_and_charged(app: StripeApp, named: str) -> None:
    form = await app.do("OpenCardForm")
    secret = form["clientSession"]["secret"]
    setup = await app.browser.confirm(secret, VISA)

    card = await app.do("AddCard", token=setup if named == "by its id" else secret)
    charge = await app.pay()

    assert (form["provider"], form["clientSession"]["publishableKey"]) == ("stripe", KEYS.publishable)
    assert form["clientSession"]["tokenizerUrl"] is None
    assert card["paymentMethod"] == {"state": "ACTIVE", "message": None, "card": {"brand": "VISA", "last4": "4242"}}
    assert (charge["state"], charge["captured"]) == ("SUCCEEDED", {"formatted": "$14.50"})
    truth = (await app.browser.http.get("/_control/truth")).json()
    assert [payment["captured"] for payment in truth["payments"]] == [14_50]


async def test_the_form_of_another_customer_gives_no_card(app: StripeApp) -> None:
    setup = await app.browser.confirm(await app.secret(), VISA)

    stranger = replace(app, customer="grace")
    refused = await stranger.do("AddCard", token=setup)

    assert refused["paymentMethod"]["state"] == "FAILED"
    assert (await app.do("AddCard", token=setup))["paymentMethod"]["state"] == "ACTIVE"


async def test_a_form_that_nobody_filled_in_gives_no_card(app: StripeApp) -> None:
    refused = await app.do("AddCard", token=await app.secret())

    assert refused["paymentMethod"]["state"] == "FAILED"


# --- when the bank asks -----------------------------------------------------------------------------------------------


async def test_a_bank_asks_within_the_app_when_there_is_no_return_url(app: StripeApp) -> None:
    await app.add_card(ASKS)
    waiting = await app.pay()
    assert waiting["nextAction"]["__typename"] == "SdkAction"

    await app.browser.pass_3d_secure(waiting["nextAction"]["clientSecret"])
    settled = (await app.do("GoOn", chargeId=waiting["id"], key="back"))["charge"]

    assert (waiting["state"], settled["state"]) == ("REQUIRES_ACTION", "SUCCEEDED")


async def test_a_bank_leads_back_with_the_charge_where_there_is_a_return_url(app: StripeApp) -> None:
    await app.add_card(ASKS)
    waiting = await app.pay(returnUrl="myshop://paid")
    assert waiting["nextAction"]["__typename"] == "RedirectAction"

    left = await app.browser.http.post(waiting["nextAction"]["url"], data={"outcome": "succeeded"})
    back = left.headers["Location"]
    settled = (await app.do("GoOn", chargeId=parse_qs(urlsplit(back).query)["charge"][0], key="back"))["charge"]

    assert back.startswith("myshop://paid?")
    assert (settled["id"], settled["state"]) == (waiting["id"], "SUCCEEDED")


async def test_a_card_of_its_own_waits_for_the_bank_before_it_is_stored(app: StripeApp) -> None:
    wanted = "paymentMethod { id state nextAction { ... on SdkAction { clientSecret } } } userErrors { code }"
    token = await app.browser.payment_method(ASKS)

    told = await app.ask(f'mutation {{ paymentMethodAttach(input: {{ token: "{token}" }}) {{ {wanted} }} }}')
    waiting = told["data"]["paymentMethodAttach"]["paymentMethod"]
    await app.browser.pass_3d_secure(waiting["nextAction"]["clientSecret"])
    one = f'{{ paymentMethodId: "{waiting["id"]}" }}'
    told = await app.ask(f"mutation {{ paymentMethodContinue(input: {one}) {{ {wanted} }} }}")

    assert waiting["state"] == "REQUIRES_ACTION"
    assert told["data"]["paymentMethodContinue"]["paymentMethod"]["state"] == "ACTIVE"


# --- a card that is not stored first ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("store", "state"), [(True, "ACTIVE"), (False, "DETACHED")])
async def test_a_new_card_is_charged_and_stored_if_the_customer_wants_it(
    app: StripeApp, store: bool, state: str
) -> None:
    card = {"token": await app.browser.payment_method(VISA), "store": store}

    paid = await app.do("PayWithNewCard", orderId=await app.order(), card=card, key="pay")

    assert paid["charge"]["state"] == "SUCCEEDED"
    asked = await app.ask(
        "query($id: ID!) { charge(id: $id) { paymentMethod { state card { last4 } } } }", id=paid["charge"]["id"]
    )
    assert asked["data"]["charge"]["paymentMethod"] == {"state": state, "card": {"last4": "4242"}}


async def test_another_card_under_the_same_key_is_another_wish(app: StripeApp) -> None:
    asked = {"orderId": await app.order(), "key": "pay"}
    first, other = [{"token": await app.browser.payment_method(VISA), "store": False} for _ in range(2)]
    await app.do("PayWithNewCard", **asked, card=first)

    answer = await app.ask(OPERATIONS, "PayWithNewCard", **asked, card=other)

    assert [error["code"] for error in answer["data"]["orderCharge"]["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]


# --- another provider before ------------------------------------------------------------------------------------------


async def test_what_another_provider_has_stays_there_and_can_only_be_read(
    stripe_address: str, tmp_path: Path, new_database_url: NewDatabaseUrl
) -> None:
    settings = settings_for(tmp_path, new_database_url(Dialect.SQLITE))
    async with open_shop(settings) as shop:
        customer_id = await shop.buyer()
        _, charge_id = await shop.paid(customer_id)
        order_id = await shop.order(customer_id)

    async with on_stripe(settings, stripe_address) as shop:
        lost = await out_of_reach(shop.running.store, shop.running.services.providers)
        pay = await shop.refused("orderCharge", {"orderId": order_id, "idempotencyKey": "pay"})
        refund = await shop.refused("chargeRefund", {"chargeId": charge_id, "idempotencyKey": "back"})
        read = await shop.execute("query($id: ID!) { charge(id: $id) { state } }", {"id": charge_id})
        await shop.card(customer_id, "pm_card_visa", makeDefault=True)
        again = await shop.charge(order_id)

    assert lost == ["fake"]
    assert (pay[0], refund[0]) == ("ACCOUNT_NOT_CONFIGURED", "ACCOUNT_NOT_CONFIGURED")
    assert (read["charge"]["state"], again["state"]) == ("SUCCEEDED", "SUCCEEDED")


# --- the pages --------------------------------------------------------------------------------------------------------


async def test_the_page_shows_what_the_gateway_answers(app: StripeApp) -> None:
    shown = [block for block in blocks(TAKE) if block.language in ("graphql", "json")]
    session, session_answer, attach, attach_answer, _ = shown

    opened = await app.ask(session.text)
    setup = await app.browser.confirm(opened["data"]["clientSessionCreate"]["clientSession"]["secret"], VISA)
    attached = await app.ask(attach.text.replace("seti_…", setup))

    assert is_as_shown(json.loads(session_answer.text), opened, top=True)
    assert is_as_shown(json.loads(attach_answer.text), attached, top=True)


async def test_a_test_card_of_stripe_needs_no_form(app: StripeApp) -> None:
    (first,) = (block.text for block in blocks(RUN) if block.language == "graphql")

    made = (await app.shop.execute(first))["customerCreateWithPaymentMethod"]

    assert made["userErrors"] == []
    assert made["paymentMethod"] == {"state": "ACTIVE", "card": {"brand": "VISA", "last4": "4242"}}


def test_the_operations_fit_the_schema() -> None:
    assert validate(build_schema()._schema, parse(OPERATIONS)) == []


def test_stripe_has_the_events_and_the_version_that_the_page_names() -> None:
    endpoint = inspect.getsource(sys.modules[params.WebhookEndpointCreateParams.__module__])
    (events,) = (block.text.split() for block in blocks(RUN) if "payment_intent.succeeded" in block.text)

    assert [name for name in [*events, API_VERSION] if f'"{name}"' not in endpoint] == []
    assert f"`{API_VERSION}`" in RUN


@pytest.mark.parametrize(
    ("secret_key", "base"),
    [("sk_test_of_somebody_else", None), (KEYS.secret, "http://127.0.0.1:9")],
    ids=["key", "base"],
)
async def test_the_page_has_what_a_check_says(stripe_address: str, secret_key: str, base: str | None) -> None:
    provider = StripeProvider(
        secret_key,
        clock=SystemClock(),
        webhook_secrets=["whsec_emulator"],
        publishable_key=KEYS.publishable,
        api_base=base or stripe_address,
    )

    problem = await provider.check()
    await provider.close()

    assert f"`the provider: {problem}`" in RUN


async def test_the_page_has_what_a_check_says_of_a_key_that_lacks_a_permission(app: StripeApp) -> None:
    rules = [{"on": "events.list", "fault": "forbidden"}]
    await app.browser.http.post("/_control/faults", json={"rules": rules, "seed": 0})

    problem = await app.shop.running.services.providers.default.check()

    said = [sentence for sentence in _said("the provider: ") if "…" in sentence]
    assert any(fits(sentence, f"the provider: {problem}") for sentence in said), problem


@pytest.mark.parametrize(
    "given",
    [
        lambda usual: usual | {"secret_key": None},
        lambda usual: usual | {"publishable_key": None},
        lambda usual: usual | {"webhook_secrets": []},
        lambda usual: usual | {"secret_key": KEYS.publishable},
        lambda usual: usual | {"livemode": True},
    ],
    ids=["no secret key", "no publishable key", "no webhook secret", "a wrong place", "a wrong mode"],
)
def test_the_page_has_what_is_wrong_with_settings(given: Callable[[Json], Json]) -> None:
    usual: Json = {
        "secret_key": KEYS.secret,
        "publishable_key": KEYS.publishable,
        "webhook_secrets": ["whsec_emulator"],
        "api_base": "https://api.stripe.com",
        "livemode": False,
        "is_development": False,
    }
    (wrong,) = wrong_with_stripe(**given(usual))

    assert wrong_with_stripe(**usual) == []
    assert any(fits(f"{sentence}…", wrong) for sentence in _said("STRIPE_")), wrong


def _said(beginning: str) -> list[str]:
    """The sentences of the page's table that begin so."""
    cells = [line.partition("| `")[2].partition("`")[0] for line in RUN.splitlines()]
    return [cell for cell in cells if cell.startswith(beginning)]
