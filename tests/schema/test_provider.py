"""What clients have to know of the deployment's provider."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.settings import PLAIN, Account, BraintreeSettings, StripeSettings
from domain.provider import ProviderAction
from persistence.sql import Dialect
from tests.contracts.results import PAGE, told_by_the_page
from tests.databases import NewDatabaseUrl
from tests.schema.gateway import ADMIN, VISA, Shop, new_key, open_shop, settings_for

QUERY = "{ paymentProvider { name livemode capabilities { action support note } } }"


async def test_the_provider_says_what_it_can_do(shop: Shop) -> None:
    provider = (await shop.execute(QUERY))["paymentProvider"]

    assert (provider["name"], provider["livemode"]) == ("fake", False)
    assert {capability["action"] for capability in provider["capabilities"]} == {
        action.value for action in ProviderAction
    }
    assert {capability["support"] for capability in provider["capabilities"]} == {"NATIVE"}


async def test_an_app_may_pick_its_card_form_for_any_customer(shop: Shop) -> None:
    for somebody in (ADMIN, shop.person("ada"), shop.person("sam", role="support")):
        assert (await shop.execute(QUERY, as_=somebody))["paymentProvider"]["name"] == "fake"


@pytest.mark.parametrize("name", told_by_the_page())
async def test_every_provider_says_of_itself_what_the_page_says_of_it(
    name: str, tmp_path: Path, new_database_url: NewDatabaseUrl
) -> None:
    own = {
        "stripe": StripeSettings(
            secret_key=SecretStr("sk_test_nobodys"),
            publishable_key="pk_test_nobodys",
            webhook_secret=(SecretStr("whsec_nobodys"),),
        ),
        "braintree": BraintreeSettings(
            merchant_id="nobody",
            public_key="nobodys",
            private_key=SecretStr("nobodys"),
            environment="sandbox",
            merchant_accounts={"USD": "nobodys_usd"},
        ),
    }
    settings = settings_for(tmp_path, new_database_url(Dialect.SQLITE))
    of_providers = {provider: {PLAIN: settings_of} for provider, settings_of in own.items()}
    settings = settings.model_copy(update={"provider": Account(name, name), **of_providers})

    async with open_shop(settings) as shop:
        provider = (await shop.execute(QUERY))["paymentProvider"]

    assert provider["name"] == name
    assert {each["action"]: each["support"] for each in provider["capabilities"]} == told_by_the_page()[name]
    page = PAGE.read_text(encoding="utf-8")
    assert [each["note"] for each in provider["capabilities"] if each["note"] not in page] == []


HEALTH = "{ providerHealth { account state changedAt retryAfterSeconds calls { kind most underWay waiting } } }"


async def test_staff_sees_how_the_provider_does(shop: Shop) -> None:
    (health,) = (await shop.execute(HEALTH))["providerHealth"]

    assert (health["account"], health["state"], health["retryAfterSeconds"]) == ("fake", "CLOSED", None)
    assert health["changedAt"].endswith("Z")
    assert health["calls"] == [
        {"kind": "MONEY", "most": 50, "underWay": 0, "waiting": 0},
        {"kind": "CARDS", "most": 20, "underWay": 0, "waiting": 0},
        {"kind": "LOOK_UPS", "most": 20, "underWay": 0, "waiting": 0},
    ]


async def test_an_outage_is_told_to_clients_and_shown_to_staff(shop: Shop) -> None:
    """With when to come again; nothing of the refused payment is written, and its key stays free."""
    buyer = await shop.buyer()
    _, paid = await shop.paid(buyer)
    shop.misbehave("charge#*=refuse; *#*=error")
    for _ in range(5):
        assert (await shop.charge(await shop.order(buyer)))["state"] == "FAILED"

    for mutation, sent in {
        "orderCharge": {"orderId": await shop.order(buyer), "idempotencyKey": new_key()},
        "chargeRefund": {"chargeId": paid, "idempotencyKey": new_key()},
        "paymentMethodAttach": {"customerId": buyer, "token": VISA},
        "customerCreateWithPaymentMethod": {"token": VISA},
    }.items():
        assert await shop.refused(mutation, sent) == ("PROVIDER_UNAVAILABLE", "")
        payload = await shop.mutate(mutation, sent, "userErrors { code retryAfterSeconds }")
        assert 1 <= payload["userErrors"][0]["retryAfterSeconds"] <= 10
    (health,) = (await shop.execute(HEALTH, as_=shop.person("fay", role="finance")))["providerHealth"]
    assert health["state"] == "OPEN"
    assert 1 <= health["retryAfterSeconds"] <= 10
