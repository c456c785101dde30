"""What clients have to know of the deployment's provider."""

from domain.provider import ProviderAction
from tests.schema.gateway import ADMIN, Shop

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
