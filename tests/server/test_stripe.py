"""A gateway and Stripe over real HTTP in both directions, where things go wrong or happen at Stripe alone.

The story of test_story.py has what goes well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adapters.fake.truth import ChargeTruth
from persistence.sql import Dialect
from tests.databases import temporary_database
from tests.server.api import Api, Json, eventually, new_key
from tests.server.banks import StripeBank, stripe_aside
from tests.server.processes import RETURN_URL, serving, settings
from tests.server.truths import assert_agrees

_WEEK_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Desk:
    gateway: str
    bank: StripeBank
    database_url: str

    def there(self, charge: Json) -> list[ChargeTruth]:
        """What Stripe has of it: one PaymentIntent, if all is well."""
        return list(self.bank.truth().charges_of(charge["id"]))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("desk")
    with temporary_database(Dialect.SQLITE, folder) as database_url, stripe_aside(folder) as bank:
        chosen = settings(database_url, folder) | bank.settings(bank.address)
        with serving(chosen, folder) as gateway:
            bank.listen(gateway.address)
            yield Desk(gateway.address, bank, database_url)


@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "html"])
async def test_an_answer_that_is_lost_is_found_and_the_money_taken_once(desk: Desk, fault: str) -> None:
    async with Api(desk.gateway) as api:
        order_id = await an_order(api, desk)
        rule = {"on": "payment_intents.create", "fault": fault, "last": 1}
        silent = {"on": "webhook", "fault": "never"}
        desk.bank.control("faults", {"rules": [rule, silent]})
        paid = (await api.pay(order_id, returnUrl=RETURN_URL))["charge"]
        settled = await api.charge_when(paid["id"], "SUCCEEDED")
        desk.bank.control("faults", {"rules": []})

    assert settled["order"] == {"id": order_id, "state": "COMPLETED", "paymentState": "PAID"}
    assert [charge.captured for charge in desk.there(paid)] == [20_00]
    await assert_agrees(desk.database_url, desk.bank.truth())


async def test_what_a_card_was_declined_for_cannot_be_paid_behind_our_back(desk: Desk) -> None:
    """Whoever has an intent's client secret, as every browser has that came back from 3D Secure, could confirm it."""
    async with Api(desk.gateway) as api:
        order_id = await an_order(api, desk, "threeDSecureRequired")
        waiting = (await api.pay(order_id, returnUrl=RETURN_URL))["charge"]
        async with httpx.AsyncClient(trust_env=False) as browser:
            back = await browser.post(waiting["nextAction"]["url"], data=desk.bank.pressed(confirm=False))
        declined = await api.charge_when(waiting["id"], "DECLINED")

        async def called_off() -> list[ChargeTruth]:
            return desk.there(waiting)

        (there,) = await eventually(called_off, lambda charges: charges[0].state == "voided")
        secret = httpx.URL(back.headers["location"]).params["payment_intent_client_secret"]
        confirmed = await desk.bank.confirmed_in_a_browser(there.charge_ref, secret, desk.bank.token("visa"))

    assert declined["declineCode"] == "AUTHENTICATION_FAILED"
    assert confirmed.status_code == 400
    assert desk.there(waiting)[0].captured == 0


async def test_a_hold_that_stripe_lets_go_ends_here_too(desk: Desk) -> None:
    async with Api(desk.gateway) as api:
        held = (await api.pay(await an_order(api, desk), capture="MANUAL", returnUrl=RETURN_URL))["charge"]
        desk.bank.control("clock", {"advance_seconds": _WEEK_SECONDS + 1})
        expired = await api.charge_when(held["id"], "EXPIRED")

    assert held["state"] == "AUTHORIZED"
    assert expired["captured"] == {"minorUnits": 0}
    assert [charge.state for charge in desk.there(held)] == ["voided"]


async def test_a_refund_that_fails_days_later_is_taken_back_here(desk: Desk) -> None:
    async with Api(desk.gateway) as api:
        paid = (await api.pay(await an_order(api, desk, "refundFail"), returnUrl=RETURN_URL))["charge"]
        refund = await api.do("chargeRefund", "refund", "state", chargeId=paid["id"], idempotencyKey=new_key())
        desk.bank.control("clock", {"advance_seconds": _WEEK_SECONDS})

        async def refunds() -> list[str]:
            return [each["state"] for each in (await api.charge(paid["id"]))["refunds"]["nodes"]]

        await eventually(refunds, lambda states: states == ["FAILED"])
        after = await api.charge(paid["id"])

    assert refund["state"] == "SUCCEEDED"
    assert (after["refunded"], after["refundable"]) == ({"minorUnits": 0}, {"minorUnits": 20_00})
    await assert_agrees(desk.database_url, desk.bank.truth())


async def test_webhooks_that_come_badly_change_nothing(desk: Desk) -> None:
    """Twice, in disorder, badly signed at first, and among others of live mode and of kinds that nobody knows."""
    faults = ("twice", "overtaken", "forged", "stale", "future", "reserialised", "unreadable", "other_mode", "stranger")
    async with Api(desk.gateway) as api:
        for fault in faults:
            rule = {"on": "webhook", "fault": fault, "seconds": 0.2}
            desk.bank.control("faults", {"rules": [rule]})
            paid = (await api.pay(await an_order(api, desk), returnUrl=RETURN_URL))["charge"]
            assert paid["state"] == "SUCCEEDED", fault
        desk.bank.control("faults", {"rules": []})

        async def waiting() -> list[str]:
            found: list[str] = desk.bank.control("webhooks")["waiting"]
            return found

        await eventually(waiting, lambda events: not events)

    answered = {attempt["status"] for attempt in desk.bank.control("webhooks")["attempts"]}
    assert answered == {200, 400}
    await assert_agrees(desk.database_url, desk.bank.truth())


async def an_order(api: Api, desk: Desk, card: str = "visa") -> str:
    """Worth 20 dollars, of a customer with this card."""
    customer = await api.customer("Ada", desk.bank.token(card))
    return await api.order(customer, {await api.price("Lamp", 20_00): 1})
