"""Behind a proxy that is named, customers are told apart by what it says, and by nothing that they say themselves."""

from pathlib import Path

from adapters.tokens import SecretVerifier
from tests.server.api import Api, codes, mutation, new_key
from tests.server.processes import serving, settings

SECRET, ISSUER = "s" * 40, "https://login.test"


async def test_a_proxy_of_ours_says_where_customers_are(database_url: str, tmp_path: Path) -> None:
    chosen = settings(
        database_url,
        tmp_path,
        jwt_secret=SECRET,
        jwt_issuer=ISSUER,
        trusted_proxies="127.0.0.1, 10.0.0.0/8",
        declines_of_address="1",
        host="::",  # for IPv4 too, whose addresses it shows as IPv6
    )
    verifier = SecretVerifier(secret=SECRET, issuer=ISSUER)
    with serving(chosen, tmp_path) as gateway:
        async with Api(gateway.address) as api:
            price = await api.price("Ticket", 20_00)

            async def pay(name: str, forwarded_for: str) -> str:
                """As a new customer whose card is declined; what came of it."""
                customer = await api.do(
                    "customerCreateWithPaymentMethod", "customer", "id", externalId=name, token="tok_chargeDeclined"
                )
                order_id = await api.order(customer["id"], {price: 1})
                answer = await api.http.post(
                    "/graphql",
                    json={
                        "query": mutation("orderCharge", "charge { state }"),
                        "variables": {"input": {"orderId": order_id, "idempotencyKey": new_key()}},
                    },
                    headers={
                        "Authorization": f"Bearer {verifier.sign(name, role=None, lifetime_seconds=600)}",
                        "X-Forwarded-For": forwarded_for,
                    },
                )
                payload = answer.json()["data"]["orderCharge"]
                return str(payload["charge"]["state"] if payload["charge"] else codes(payload)[0])

            assert await pay("ada", "8.8.8.8") == "DECLINED"
            assert await pay("bob", "8.8.8.8, 10.1.2.3") == "TOO_MANY_DECLINES"
            assert await pay("cyd", "8.8.8.8, 9.9.9.9") == "DECLINED", "the first part is what the client claims"
            assert await pay("dan", "127.0.0.1") == "DECLINED", "a machine of ours is nobody's address"
            assert await pay("eve", "127.0.0.1") == "DECLINED"
