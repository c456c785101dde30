"""A charge that its provider makes only once the customer has confirmed: what clients read of it, and are refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.fake import FakeProvider
from domain.discrepancies import DiscrepancyKind
from domain.provider import ChargeResult, Outcome, Refusal, SdkAction
from tests.schema.gateway import Shop, new_key

CHARGE = (
    "charge { id state order { id } nextAction { ... on SdkAction { clientSecret token cardBin } } } "
    "userErrors { code message path }"
)


@pytest.fixture
async def waiting(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A charge that waits, at a provider that takes no confirmation."""
    action = SdkAction("client token", datetime.now(UTC) + timedelta(hours=1), token="nonce", card_bin="411111")

    async def ask(*_: Any) -> ChargeResult:
        return ChargeResult(outcome=Outcome.REQUIRES_ACTION, next_action=action)

    async def refuse(*_: Any) -> ChargeResult:
        return ChargeResult(outcome=Outcome.FAILED, refusal=Refusal("It confirms nothing.", provider_code="no"))

    order_id = await shop.order(await shop.buyer())
    with monkeypatch.context() as asked:
        asked.setattr(FakeProvider, "charge", ask)
        payload = await shop.mutate("orderCharge", {"orderId": order_id, "idempotencyKey": new_key()}, CHARGE)
    monkeypatch.setattr(FakeProvider, "continue_charge", refuse)
    charge: dict[str, Any] = payload["charge"]
    return charge


async def test_clients_read_what_the_sdk_has_to_be_told(waiting: dict[str, Any]) -> None:
    assert waiting["state"] == "REQUIRES_ACTION"
    assert waiting["nextAction"] == {"clientSecret": "client token", "token": "nonce", "cardBin": "411111"}


async def test_a_confirmation_without_a_token_or_with_a_useless_one_is_refused(
    shop: Shop, waiting: dict[str, Any]
) -> None:
    sent = {"chargeId": waiting["id"], "idempotencyKey": new_key()}
    assert await shop.refused("chargeContinue", sent) == ("INVALID_INPUT", "token")

    useless = {**sent, "idempotencyKey": new_key(), "token": "nonce_of_nothing"}
    for _ in range(2):  # the same request is told the same
        payload = await shop.mutate("chargeContinue", useless, CHARGE)
        (error,) = payload["userErrors"]
        assert (payload["charge"], error["code"], error["path"]) == (None, "PROVIDER_REFUSED", ["token"])


async def test_a_confirmation_is_not_charged_where_the_money_may_be_taken_already(
    shop: Shop, waiting: dict[str, Any]
) -> None:
    await shop.discrepancy(kind=DiscrepancyKind.LOST_CHARGE, order_id=waiting["order"]["id"])

    sent = {"chargeId": waiting["id"], "idempotencyKey": new_key(), "token": "nonce_confirmed"}
    assert await shop.refused("chargeContinue", sent) == ("DISCREPANCY_OPEN", "chargeId")
