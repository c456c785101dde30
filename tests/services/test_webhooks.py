"""Webhooks in: stored before they are believed, applied once, in any order, and never able to stop the others."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from adapters.fake.webhooks import SIGNATURE_HEADER, sign
from domain.charges import ChargeState
from domain.ids import IdPrefix, new_id
from domain.jobs import MOST_TRIES, JobKind
from domain.operations import restored
from domain.orders import OrderState
from domain.provider import ChargeRequest, Outcome, WebhookRejected
from domain.refunds import RefundState
from domain.services.webhooks import UnknownAccount
from domain.webhooks import DeliveryState
from tests.deliveries import deliver, event
from tests.services.conftest import OpenShop
from tests.services.dying import dropped_charge, dropped_refund
from tests.services.shop import ACCOUNT, MovableClock, Shop, at_once, usd
from tests.services.watching import Ask


async def receive(shop: Shop, body: dict[str, Any] | bytes, *, account: str = ACCOUNT) -> bool:
    return await deliver(shop.webhooks, shop.bank, body, moment=shop.clock.now(), account=account)


async def states(shop: Shop) -> list[str]:
    return [row["state"] for row in await shop.rows("SELECT state FROM webhook_deliveries ORDER BY id")]


# --- receiving ------------------------------------------------------------------------------------------------------


async def test_a_delivery_is_stored_with_its_job_before_it_is_answered(shop: Shop) -> None:
    assert await receive(shop, event())

    (delivery,) = await shop.rows("SELECT * FROM webhook_deliveries")
    (job,) = await shop.jobs(JobKind.APPLY_WEBHOOK)
    assert (delivery["state"], job["subject_id"]) == (DeliveryState.STORED, delivery["id"])
    await shop.check()


@pytest.mark.fault("F35")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda header, body: ({}, body),
        lambda header, body: ({SIGNATURE_HEADER: header}, body + b" "),
        lambda header, body: ({SIGNATURE_HEADER: header.replace("v1=", "v1=0")}, body),
        lambda header, body: ({SIGNATURE_HEADER: "t=1,v1=0"}, body),
        lambda header, body: ({SIGNATURE_HEADER: header}, orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2)),
    ],
    ids=["no signature", "another body", "another signature", "an old one", "written anew"],
)
@pytest.mark.fault("F35")
async def test_a_forged_delivery_is_refused_and_not_stored(
    shop: Shop, spoil: Callable[[str, bytes], tuple[dict[str, str], bytes]]
) -> None:
    body = orjson.dumps(event())
    headers, spoiled = spoil(sign(body, secrets=[shop.bank.webhook_secret], moment=shop.clock.now()), body)

    with pytest.raises(WebhookRejected):
        await shop.webhooks.receive(ACCOUNT, headers, spoiled)

    assert await shop.rows("SELECT id FROM webhook_deliveries") == []
    assert await shop.jobs() == []


@pytest.mark.fault("F35")
async def test_a_recorded_delivery_is_refused_when_it_is_old(shop: Shop, clock: MovableClock) -> None:
    body = orjson.dumps(event())
    header = sign(body, secrets=[shop.bank.webhook_secret], moment=clock.now() - timedelta(minutes=6))

    with pytest.raises(WebhookRejected):
        await shop.webhooks.receive(ACCOUNT, {SIGNATURE_HEADER: header}, body)


async def test_an_account_that_is_not_there_is_told_apart(shop: Shop) -> None:
    with pytest.raises(UnknownAccount):
        await receive(shop, event(), account="stripe")
    assert await states(shop) == []


@pytest.mark.fault("F30")
async def test_the_same_event_is_stored_once(new_shop: OpenShop) -> None:
    """Ten deliveries at once, to two processes."""
    shops = [new_shop(), new_shop()]

    stored = await at_once(*(receive(shop, event()) for _ in range(5) for shop in shops))

    assert sorted(stored) == [False] * 9 + [True]
    assert len(await shops[0].jobs(JobKind.APPLY_WEBHOOK)) == 1


# --- applying -------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F32")
async def test_a_webhook_settles_what_nobody_answered(shop: Shop) -> None:
    """It comes before our own answer, and knows nothing of us but the operation."""
    charge, _ = await dropped_charge(shop, await shop.order())
    assert charge.charge_ref is None

    await shop.deliver_webhooks()
    await shop.worker.run_due()

    paid = await shop.charge(charge.id)
    assert (paid.state, paid.captured) == (ChargeState.SUCCEEDED, usd(20_00))
    assert (await shop.order_row(charge.payable_id)).state is OrderState.COMPLETED
    assert set(await states(shop)) == {DeliveryState.APPLIED}
    await shop.check(settled=True)


async def test_a_webhook_settles_a_refund_that_nobody_answered(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    refund, _ = await dropped_refund(shop, charge.id, 5_00)

    await shop.deliver_webhooks()
    await shop.worker.run_due()

    assert (await shop.refund_row(refund.id)).state is RefundState.SUCCEEDED
    await shop.check(settled=True)


async def test_a_refund_is_known_by_its_own_name_where_it_bears_no_operation(shop: Shop) -> None:
    """What Braintree's `reverse` gives back has the order id of its sale."""
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 5_00)
    assert refund.refund_ref is not None

    async def fail_without_a_name(_: Any, ask: Ask) -> Any:
        return replace(await ask(), operation_id=None, outcome=Outcome.FAILED)

    shop.provider.between["fetch_refund"] = fail_without_a_name
    assert await receive(shop, event("refund.failed", refund.refund_ref, key="fev_1", operation_id=None))
    await shop.worker.run_due()

    assert (await shop.refund_row(refund.id)).state is RefundState.FAILED
    assert await states(shop) == [DeliveryState.APPLIED]


async def test_what_a_webhook_says_is_not_believed(shop: Shop) -> None:
    """The object is fetched again: a body, though signed, moves no money."""
    waiting = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    says = event("charge.succeeded", waiting.charge_ref or "", captured=20_00, amount=20_00, state="succeeded")

    assert await receive(shop, says)
    await shop.worker.run_due()

    assert (await shop.charge(waiting.id)).state is ChargeState.REQUIRES_ACTION
    assert await states(shop) == [DeliveryState.APPLIED]
    await shop.check()


@pytest.mark.fault("F30")
async def test_a_webhook_applied_twice_changes_nothing(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    await shop.deliver_webhooks()
    await shop.run_jobs()
    before = await shop.rows("SELECT id FROM events")
    deliveries = await shop.rows("SELECT id FROM webhook_deliveries")
    async with shop.store.transaction() as tx:
        for delivery in deliveries:
            await tx.jobs.schedule(JobKind.APPLY_WEBHOOK, delivery["id"], after_seconds=0)

    await shop.run_jobs()
    await receive(shop, event("charge.succeeded", charge.charge_ref or "", key="fev_again"))
    await shop.run_jobs()

    assert await shop.rows("SELECT id FROM events") == before
    await shop.check(settled=True)


@pytest.mark.fault("F33")
async def test_an_object_that_nobody_knows_is_tried_again_and_then_parked(shop: Shop) -> None:
    await receive(shop, event("charge.succeeded", "fch_nobody", operation_id="op_00000000000000000000000000"))
    await receive(shop, event("payment_method.attached", "fpm_nobody", key="fev_2"))
    for _ in range(6):
        await shop.run_jobs()
        assert await states(shop) == [DeliveryState.STORED] * 2
    await shop.run_jobs()

    # A card is stored under more names than one, and no money hangs on it.
    assert await states(shop) == [DeliveryState.PARKED, DeliveryState.IGNORED]
    assert await shop.jobs() == []
    assert await shop.rows("SELECT id FROM events") == []


@pytest.mark.fault("F33")
async def test_an_event_of_the_other_mode_is_parked(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))
    await shop.answer_challenge(charge)
    shop.provider.calls.clear()

    await receive(shop, event("charge.succeeded", charge.charge_ref or "", livemode=True))
    await shop.worker.run_due()

    assert await states(shop) == [DeliveryState.PARKED]
    assert shop.provider.calls == []
    assert (await shop.charge(charge.id)).state is ChargeState.REQUIRES_ACTION


async def test_an_event_of_something_else_is_ignored(shop: Shop) -> None:
    await receive(shop, event("payout.paid", "po_1"))
    await shop.worker.run_due()

    assert await states(shop) == [DeliveryState.IGNORED]
    assert await shop.jobs() == []


@pytest.mark.fault("F33")
async def test_an_operation_of_another_account_is_not_reached(new_shop: OpenShop) -> None:
    """An id of ours in somebody else's payload: the charge was made at another account, so it is left alone."""
    shop = new_shop(other_accounts=["other"])
    charge, answer = await dropped_charge(shop, await shop.order())
    paid = await shop.paid(await shop.order())
    refund, back = await dropped_refund(shop, paid.id, 5_00)
    charged, refunded = await shop.operation(charge.id), await shop.operation(paid.id)

    says = event("charge.succeeded", answer.charge_ref, key="fev_1", operation_id=charged.id)
    assert await receive(shop, says, account="other")
    says = event("refund.succeeded", back.refund_ref, key="fev_2", operation_id=refunded.id)
    assert await receive(shop, says, account="other")
    await shop.worker.run_due()

    assert (await shop.charge(charge.id)).state is ChargeState.PENDING
    assert (await shop.refund_row(refund.id)).state is RefundState.PENDING
    assert await states(shop) == [DeliveryState.STORED] * 2


async def test_a_bank_that_is_away_is_asked_again(shop: Shop) -> None:
    charge, _ = await dropped_charge(shop, await shop.order())
    await shop.deliver_webhooks()
    shop.misbehave("fetch_charge#1-3=error; find_charge#*=error")

    await shop.run_jobs(rounds=3)
    assert (await shop.charge(charge.id)).state is not ChargeState.SUCCEEDED
    await shop.check()
    await shop.run_jobs()

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    await shop.check(settled=True)


@pytest.mark.fault("F37")
async def test_a_poisonous_event_is_buried_and_the_others_proceed(shop: Shop) -> None:
    first, poisonous = await dropped_charge(shop, await shop.order())
    second, _ = await dropped_charge(shop, await shop.order())

    async def break_down(asked: str, ask: Ask) -> Any:
        if asked == poisonous.charge_ref:
            return None  # what the port forbids: whoever reads it breaks
        return await ask()

    shop.provider.between["fetch_charge"] = break_down
    await shop.deliver_webhooks()
    async with shop.database.transaction() as connection:
        await connection.execute("DELETE FROM jobs WHERE kind = 'RESOLVE_OPERATION'")

    await shop.run_jobs(rounds=MOST_TRIES + 1)

    assert (await shop.charge(first.id)).state is ChargeState.PENDING
    assert (await shop.charge(second.id)).state is ChargeState.SUCCEEDED
    (dead,) = await shop.jobs(JobKind.APPLY_WEBHOOK)
    assert dead["dead_at"] is not None
    assert dead["tries"] == MOST_TRIES


async def test_another_charge_that_names_a_request_of_ours_is_not_taken_for_the_one_that_it_made(shop: Shop) -> None:
    """Somebody with the account's keys copies what we wrote to a charge, as shops do with metadata."""
    ours = await shop.authorized()
    operation = await shop.operation(ours.id)
    request = restored(operation)
    assert isinstance(request, ChargeRequest)
    copied = replace(request, operation_id=new_id(IdPrefix.OPERATION), amount=usd(70_00))
    theirs = await shop.provider.charge(copied)
    assert theirs.charge_ref not in (None, ours.charge_ref)
    assert await receive(shop, event("charge.voided", theirs.charge_ref or "", operation_id=operation.id))

    await shop.worker.run_due()

    charge = await shop.charge(ours.id)
    assert (charge.charge_ref, charge.authorized, charge.reviews) == (ours.charge_ref, usd(20_00), ())
    assert await states(shop) == [DeliveryState.STORED], "what is none of ours is asked for again, and parked at last"
    assert (await shop.void(ours.id)).state is ChargeState.VOIDED
