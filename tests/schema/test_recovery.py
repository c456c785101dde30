"""Recovery: a restored database is read, the provider is looked at, and no money moves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.schema.gateway import CHALLENGED, VISA, Json, Shop, money, new_key, open_shop, settings_for
from tests.schema.invoiced import an_invoice
from tests.server.api import eventually


@pytest.fixture
async def shops(tmp_path: Path, new_database_url: NewDatabaseUrl) -> AsyncIterator[tuple[Shop, Shop]]:
    """The gateway as it was before, and one in recovery on the same database."""
    url = new_database_url(Dialect.SQLITE)
    async with (
        open_shop(settings_for(tmp_path, url)) as before,
        open_shop(settings_for(tmp_path, url, recovery=True)) as recovering,
    ):
        yield before, recovering


async def test_whatever_would_change_something_at_the_provider_is_refused(shops: tuple[Shop, Shop]) -> None:
    before, shop = shops
    buyer = await before.buyer()
    _, charge_id = await before.paid(buyer)
    held = (await before.charge(await before.order(buyer), capture="MANUAL"))["id"]
    card = await before.card(buyer, CHALLENGED)
    waiting = (await before.charge(await before.order(buyer), paymentMethodId=card))["id"]
    invoice = await an_invoice(before, buyer)
    by_hand = [{"name": "Tea", "unitAmount": money(5_00)}]
    draft = await before.do("invoiceCreate", {"customerId": buyer, "lines": by_hand}, "invoice { id }")
    truth = before.bank

    asked: dict[str, Json] = {
        "orderCharge": {"orderId": await before.order(buyer), "idempotencyKey": new_key()},
        "chargeContinue": {"chargeId": waiting, "idempotencyKey": new_key()},
        "chargeCapture": {"chargeId": held, "idempotencyKey": new_key()},
        "chargeVoid": {"chargeId": held, "idempotencyKey": new_key()},
        "chargeRefund": {"chargeId": charge_id, "idempotencyKey": new_key()},
        "orderCancel": {"orderId": await before.order(buyer)},
        "invoicePay": {"invoiceId": invoice.id, "idempotencyKey": new_key()},
        "invoiceVoid": {"invoiceId": invoice.id},
        "invoiceMarkUncollectible": {"invoiceId": invoice.id},
        "invoiceFinalize": {"invoiceId": draft["id"], "charge": True, "idempotencyKey": new_key()},
        "paymentMethodAttach": {"customerId": buyer, "token": VISA},
        "customerCreateWithPaymentMethod": {"token": VISA},
        "clientSessionCreate": {"customerId": buyer},
    }
    for mutation, sent in asked.items():
        assert await shop.refused(mutation, sent) == ("RECOVERY_IN_PROGRESS", ""), mutation

    assert before.bank == truth
    for mutation in (
        "orderCharge",
        "chargeCapture",
        "chargeRefund",
        "orderCancel",
        "invoicePay",
        "paymentMethodAttach",
    ):
        assert (await before.mutate(mutation, asked[mutation]))["userErrors"] == []


async def test_what_concerns_nobody_else_goes_on(shops: tuple[Shop, Shop]) -> None:
    _, shop = shops
    customer_id = await shop.customer()
    order_id = await shop.order(customer_id)
    await shop.do("orderPlace", {"orderId": order_id}, "order { state }")
    await shop.price()

    assert "ORDER_PLACED" in await shop.kinds(order_id)


async def test_a_gateway_in_recovery_is_ready_and_says_so(shops: tuple[Shop, Shop]) -> None:
    before, shop = shops
    await before.paid(await before.buyer())

    async def told(standing: str) -> Json:
        response = await eventually(
            lambda: shop.client.get("/readyz"), lambda answer: answer.json().get("reconciliation") == standing
        )
        assert response.status_code == 200
        answer: Json = response.json()
        return answer

    expected = {"status": "ok", "lacks": [], "recovering": True}
    await shop.running.background.begin()
    assert await told("PENDING") == {**expected, "reconciliation": "PENDING"}
    await shop.running.worker.run_due()
    assert await told("CLEAN") == {**expected, "reconciliation": "CLEAN"}
    await shop.discrepancy()
    assert await told("DIFFERENT") == {**expected, "reconciliation": "DIFFERENT"}
    data = await shop.execute("{ reconciliation { isRecovering standing } }")
    assert data["reconciliation"] == {"isRecovering": True, "standing": "DIFFERENT"}
    assert (await before.client.get("/readyz")).json() == {"status": "ok", "lacks": []}
