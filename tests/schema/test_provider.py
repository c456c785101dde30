"""What clients have to know of the deployment's provider."""

from domain.provider import ProviderAction
from tests.schema.gateway import ADMIN, VISA, Shop, new_key

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
