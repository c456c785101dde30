"""After a switch of the provider: what was made before goes on where it was made, and new payments go elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from adapters.settings import PLAIN, Account, Settings, StripeSettings
from domain.clock import SystemClock
from domain.services.accounts import note_default_account, out_of_reach
from persistence.sql import Dialect
from server import _wrong_with_accounts
from tests.adapters.stripe.deliveries import event_of, signed
from tests.databases import NewDatabaseUrl
from tests.emulators.stripe.credentials import Keys
from tests.emulators.stripe.serving import serving_aside
from tests.schema.gateway import Json, Shop, money, new_key, open_shop, settings_for
from tests.schema.test_refunds import hear

KEYS = Keys()
WEBHOOK_SECRET = "whsec_of_the_emulator"
NOBODY_THERE = "http://127.0.0.1:1"
FAKE, STRIPE = Account("fake", "fake"), Account("stripe", "stripe")

CHARGE = """query($id: ID!) { charge(id: $id) {
    state account providerRef paymentMethod { account } refunds(first: 5) { nodes { state } }
    disputes { nodes { state account } }
} }"""
PROVIDERS = """{
    new: paymentProvider { name } old: paymentProvider(account: "fake") { name }
    nobodys: paymentProvider(account: "braintree") { name }
}"""
RECONCILIATION = "{ reconciliation { standing accounts { account standing } } }"


@pytest.fixture(scope="module")
def stripe_address() -> Iterator[str]:
    with serving_aside(keys=KEYS) as (address, _):
        yield address


@pytest.fixture
async def stripe(stripe_address: str) -> AsyncIterator[httpx.AsyncClient]:
    """What only the owner of the account can do there."""
    async with httpx.AsyncClient(base_url=f"{stripe_address}/_control", trust_env=False) as control:
        assert (await control.post("/reset", json={"seed": 0})).is_success
        yield control


@asynccontextmanager
async def opened(
    settings: Settings, *, default: Account, kept: tuple[Account, ...] = (), stripe_at: str
) -> AsyncIterator[Shop]:
    """A deployment after it was started with these accounts."""
    own = StripeSettings(
        secret_key=SecretStr(KEYS.secret),
        publishable_key=KEYS.publishable,
        webhook_secret=(SecretStr(WEBHOOK_SECRET),),
        api_base=stripe_at,
    )
    chosen = {"provider": default, "accounts": kept, "stripe": {PLAIN: own}}
    async with open_shop(settings.model_copy(update=chosen)) as shop:
        yield shop


async def read(shop: Shop, charge_id: str) -> Json:
    found: Json = (await shop.execute(CHARGE, {"id": charge_id}))["charge"]
    return found


async def held(shop: Shop, customer_id: str, **how: Any) -> str:
    charge = await shop.charge(await shop.order(customer_id), capture="MANUAL", **how)
    assert charge["state"] == "AUTHORIZED"
    return str(charge["id"])


async def compared(shop: Shop) -> Json:
    await shop.running.background.begin()
    while await shop.running.worker.run_due():
        pass
    found: Json = (await shop.execute(RECONCILIATION))["reconciliation"]
    return {"all": found["standing"]} | {each["account"]: each["standing"] for each in found["accounts"]}


async def test_what_was_made_before_goes_on_where_it_was_made(
    database_url: str, tmp_path: Path, stripe_address: str, stripe: httpx.AsyncClient
) -> None:
    settings = settings_for(tmp_path, database_url)
    async with opened(settings, default=FAKE, stripe_at=stripe_address) as shop:
        ada = await shop.buyer()
        _, refunded = await shop.paid(ada)
        _, disputed = await shop.paid(ada)
        captured, voided = await held(shop, ada), await held(shop, ada)

    async with opened(settings, default=STRIPE, kept=(FAKE,), stripe_at=stripe_address) as shop:
        assert await out_of_reach(shop.running.store, shop.running.services.providers) == []
        assert await shop.execute(PROVIDERS) == {"new": {"name": "stripe"}, "old": {"name": "fake"}, "nobodys": None}
        await shop.refund(refunded, 5_00)
        await shop.do("chargeCapture", {"chargeId": captured, "idempotencyKey": new_key()})
        await shop.do("chargeVoid", {"chargeId": voided, "idempotencyKey": new_key()})
        bank = shop.running.bank
        assert bank is not None
        await asyncio.to_thread(bank.open_dispute, (await read(shop, disputed))["providerRef"])
        await hear(shop)

        # A card stays where it is: it pays there, until its owner has another one with the new provider.
        _, by_old_card = await shop.paid(ada)
        await shop.card(ada, "pm_card_visa", makeDefault=True)
        _, by_new_card = await shop.paid(ada)
        told = await compared(shop)
        charges = {each: await read(shop, each) for each in (refunded, disputed, captured, voided)}
        old, new = await read(shop, by_old_card), await read(shop, by_new_card)
        at_the_bank = {each.charge_id: each for each in shop.bank.charges}

    assert {each["account"] for each in charges.values()} == {"fake"}
    assert charges[refunded]["refunds"]["nodes"] == [{"state": "SUCCEEDED"}]
    assert charges[disputed]["disputes"]["nodes"] == [{"state": "NEEDS_RESPONSE", "account": "fake"}]
    assert (charges[captured]["state"], charges[voided]["state"]) == ("SUCCEEDED", "VOIDED")
    assert (at_the_bank[refunded].refunded, at_the_bank[captured].captured) == (5_00, 20_00)
    assert at_the_bank[voided].state == "voided"
    assert (old["account"], old["paymentMethod"]["account"]) == ("fake", "fake")
    assert (new["account"], new["paymentMethod"]["account"]) == ("stripe", "stripe")
    assert by_new_card not in at_the_bank
    truth = (await stripe.get("/truth")).json()
    assert [payment["metadata"]["paydesk_charge"] for payment in truth["payments"]] == [by_new_card]
    assert told == {"all": "CLEAN", "stripe": "CLEAN", "fake": "CLEAN"}


async def test_webhooks_come_in_for_every_account_and_are_signed_with_its_own_secret(
    tmp_path: Path, new_database_url: NewDatabaseUrl, stripe_address: str, stripe: httpx.AsyncClient
) -> None:
    settings = settings_for(tmp_path, new_database_url(Dialect.SQLITE))
    async with opened(settings, default=STRIPE, stripe_at=stripe_address) as shop:
        _, charge_id = await shop.paid(await shop.buyer("pm_card_visa"))
        ref = (await read(shop, charge_id))["providerRef"]

    async with opened(settings, default=FAKE, kept=(STRIPE,), stripe_at=stripe_address) as shop:
        key = {"Authorization": f"Bearer {KEYS.secret}"}
        payment = (await stripe.get(f"{stripe_address}/v1/payment_intents/{ref}", headers=key)).json()
        complaint = {"charge": payment["latest_charge"], "reason": "fraudulent"}
        dispute = (await stripe.post("/disputes", json=complaint)).json()
        body = orjson.dumps(event_of("charge.dispute.created", object="dispute", id=dispute["id"], payment_intent=ref))
        answers = [
            await shop.client.post(f"/webhooks/{account}", content=body, headers=signed(body, secret=secret))
            for account, secret in (
                ("stripe", WEBHOOK_SECRET),
                ("stripe", "whsec_nobodys"),
                ("fake", WEBHOOK_SECRET),
                ("braintree", WEBHOOK_SECRET),
            )
        ]
        await shop.running.worker.run_due()
        charge = await read(shop, charge_id)

    assert [answer.status_code for answer in answers] == [200, 400, 400, 404]
    assert charge["disputes"]["nodes"] == [{"state": "NEEDS_RESPONSE", "account": "stripe"}]


async def test_an_account_that_is_away_stops_nothing_but_what_was_made_with_it(
    tmp_path: Path,
    new_database_url: NewDatabaseUrl,
    stripe_address: str,
    stripe: httpx.AsyncClient,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = settings_for(tmp_path, new_database_url(Dialect.SQLITE))
    async with opened(settings, default=STRIPE, stripe_at=stripe_address) as shop:
        ada = await shop.buyer("pm_card_visa")
        _, charge_id = await shop.paid(ada)

    async with opened(settings, default=FAKE, kept=(STRIPE,), stripe_at=NOBODY_THERE) as shop:
        ready = await shop.client.get("/readyz")
        back = {"chargeId": charge_id, "amount": money(5_00)}
        refund = await shop.do("chargeRefund", back | {"idempotencyKey": new_key()}, "refund { state }")
        by_old_card = await shop.charge(await shop.order(ada))
        await shop.card(ada, makeDefault=True)
        _, paid = await shop.paid(ada)
        told = await compared(shop)
        wrong = await _wrong_with_accounts(shop.running)

    async with opened(settings, default=FAKE, kept=(STRIPE,), stripe_at=stripe_address) as shop:
        again = await compared(shop)
        refunded = await shop.do("chargeRefund", back | {"idempotencyKey": new_key()}, "refund { state }")
        account = (await read(shop, paid))["account"]

    assert (ready.status_code, refund["state"], by_old_card["state"]) == (200, "FAILED", "FAILED")
    assert (told["fake"], account) == ("CLEAN", "fake")
    assert told["stripe"] != "CLEAN"
    assert wrong == ["the account stripe: Stripe cannot be reached."]
    assert capsys.readouterr().out == "provider     fake (test mode)\naccount      stripe (stripe, test mode)\n"
    assert refunded["state"] == "SUCCEEDED"
    assert again == {"all": "CLEAN", "stripe": "CLEAN", "fake": "CLEAN"}


async def test_a_switch_is_written_down_once(tmp_path: Path, database_url: str, stripe_address: str) -> None:
    async def started(default: Account, *kept: Account) -> tuple[bool, list[str]]:
        settings = settings_for(tmp_path, database_url)
        async with opened(settings, default=default, kept=kept, stripe_at=stripe_address) as shop:
            running = shop.running
            changed = await note_default_account(
                running.store, running.services.providers, clock=SystemClock(), deployment=running.services.deployment
            )
            kinds = [str(value) for row in (await shop.contents())["events"] for value in row]
        return changed, [kind for kind in kinds if kind == "DEFAULT_ACCOUNT_CHANGED"]

    assert await started(FAKE) == (False, [])
    assert await started(FAKE, STRIPE) == (False, [])
    assert await started(STRIPE, FAKE) == (True, ["DEFAULT_ACCOUNT_CHANGED"])
    assert await started(STRIPE) == (False, ["DEFAULT_ACCOUNT_CHANGED"])
