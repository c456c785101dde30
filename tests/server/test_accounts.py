"""A gateway with two accounts: one that takes payments, and one of before, which cannot be reached any more."""

from pathlib import Path

from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.server.api import Api, Json, eventually
from tests.server.processes import serving, settings

DELIVERIES = "{ webhookDeliveries(first: 5) { nodes { account state } } }"


async def test_an_account_that_is_gone_keeps_nobody_from_paying(
    new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    chosen = settings(
        new_database_url(Dialect.SQLITE), tmp_path, provider="shop=fake:SHOP_", accounts="old=fake:OLD_"
    ) | {
        "SHOP_PAYDESK_FAKE_BOOKS": str(tmp_path / "shop.sqlite3"),
        "OLD_PAYDESK_FAKE_URL": "http://127.0.0.1:1",
        "OLD_PAYDESK_FAKE_API_KEY": "key-of-the-bank",
        "OLD_PAYDESK_FAKE_WEBHOOK_SECRET": "secret-of-the-webhooks",
    }
    with serving(chosen, tmp_path) as gateway:
        async with Api(gateway.address) as api:
            order_id = await api.order(await api.customer("Grace"), {await api.price("Tea", 20_00): 1})
            charge = (await api.pay(order_id))["charge"]
            account = (await api.query("query($id: ID!) { charge(id: $id) { account } }", id=charge["id"]))["charge"]

            async def heard() -> Json:
                return await api.query(DELIVERIES)

            told = await eventually(heard, lambda found: bool(found["webhookDeliveries"]["nodes"]))
            health = (await api.query("{ providerHealth { account } }"))["providerHealth"]
            refused = await api.http.post("/webhooks/old", content=b"{}")
        assert gateway.terminate() == 0

    assert (charge["state"], account) == ("SUCCEEDED", {"account": "shop"})
    assert {delivery["account"] for delivery in told["webhookDeliveries"]["nodes"]} == {"shop"}
    assert [each["account"] for each in health] == ["shop", "old"]
    assert refused.status_code == 400
    assert (tmp_path / "shop.sqlite3").exists()
