"""What a person does behind the scenes: webhooks applied again, jobs tried again; safe however often it is done."""

import logging
from typing import Any

import pytest

from domain.charges import ChargeState
from domain.errors import AccountNotConfigured, JobRunning, NotFound, PermissionDenied, WebhookNotReplayable
from domain.jobs import MOST_TRIES, JobKind, JobRecord, JobState
from domain.pages import PageRequest
from domain.principals import ALL_PERMISSIONS, Permission, StaffRole, server, staff
from domain.queries import JobFilter, Viewer, WebhookDeliveryFilter
from domain.services.jobs import JobService, RetryJob
from domain.services.webhooks import ReplayDelivery
from domain.webhooks import WITHHELD, DeliveryState, DeliveryView, redacted
from persistence.jobs import TortoiseJobQueue
from persistence.queries import TortoiseQueries
from tests.deliveries import deliver, event
from tests.services.conftest import OpenShop
from tests.services.dying import dropped_charge, dropped_refund
from tests.services.shop import ACCOUNT, Shop
from tests.services.watching import Ask

FINANCE = staff("ada", StaffRole.FINANCE)
MAY_NOT = server("key_shop", ALL_PERMISSIONS - {Permission.UPKEEP_WRITE})


async def receive(shop: Shop, body: dict[str, Any]) -> bool:
    return await deliver(shop.webhooks, shop.bank, body, moment=shop.clock.now(), account=ACCOUNT)


async def deliveries(shop: Shop, **where: Any) -> list[DeliveryView]:
    page = await TortoiseQueries(shop.database).webhook_deliveries.page(
        PageRequest(limit=50, sort="OLDEST"), WebhookDeliveryFilter(**where), viewer=Viewer(sees_all=True)
    )
    return list(page.items)


async def jobs(shop: Shop, **where: Any) -> list[JobRecord]:
    page = await TortoiseQueries(shop.database).jobs.page(
        PageRequest(limit=50, sort="OLDEST"), JobFilter(**where), viewer=Viewer(sees_all=True)
    )
    return list(page.items)


async def replay(shop: Shop, delivery_id: str) -> None:
    assert await shop.webhooks.replay(FINANCE, ReplayDelivery(delivery_id=delivery_id)) == delivery_id


async def retry(shop: Shop, job_id: str) -> None:
    assert await JobService(store=shop.store, clock=shop.clock).retry(FINANCE, RetryJob(job_id=job_id)) == job_id


async def states(shop: Shop) -> list[DeliveryState]:
    return [delivery.state for delivery in await deliveries(shop)]


# --- deliveries -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F37")
async def test_a_poisonous_webhook_is_given_up_and_applied_once_the_bug_is_gone(shop: Shop) -> None:
    """The resolver is out of the way, so nothing but the webhook could settle the charges."""
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
        await connection.execute(f"UPDATE jobs SET tries = {MOST_TRIES - 2}")
    await shop.run_jobs()
    (trying,) = await deliveries(shop, subject_id=first.id)
    assert (trying.state, trying.tries) == (DeliveryState.STORED, MOST_TRIES - 1)
    assert trying.last_error
    assert trying.next_try_at
    await shop.run_jobs()

    (given_up,) = await deliveries(shop, states=[DeliveryState.FAILED])
    assert (given_up.charge_id, given_up.tries, given_up.next_try_at) == (first.id, MOST_TRIES, None)
    assert (await shop.charge(second.id)).state is ChargeState.SUCCEEDED
    assert DeliveryState.APPLIED in await states(shop)
    (dead,) = await jobs(shop, states=[JobState.DEAD])
    assert (dead.subject_id, dead.kind, dead.about_id) == (given_up.id, JobKind.APPLY_WEBHOOK, given_up.id)

    del shop.provider.between["fetch_charge"]
    await replay(shop, given_up.id)
    await shop.worker.run_due()

    (applied,) = await deliveries(shop, subject_id=first.id)
    assert (applied.state, applied.tries, applied.last_error) == (DeliveryState.APPLIED, None, None)
    assert applied.replayed_at == shop.clock.now()
    assert (await shop.charge(first.id)).state is ChargeState.SUCCEEDED
    await shop.check()


async def test_what_is_applied_again_changes_nothing(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    refund = await shop.refunded(charge.id, 5_00)
    await shop.deliver_webhooks()
    await shop.run_jobs()
    events = await shop.rows("SELECT id FROM events")
    ledger = await shop.rows("SELECT id FROM ledger_entries")

    told = await deliveries(shop)
    for delivery in told * 2:
        await replay(shop, delivery.id)
    assert set(await states(shop)) == {DeliveryState.STORED}
    await shop.run_jobs()

    assert set(await states(shop)) == {DeliveryState.APPLIED}
    assert await shop.rows("SELECT id FROM events") == events
    assert await shop.rows("SELECT id FROM ledger_entries") == ledger
    about = [(each.charge_id, each.refund_id, each.payment_method_id) for each in told]
    assert about == [(None, None, charge.payment_method_id), (charge.id, None, None), (None, refund.id, None)]
    await shop.check(settled=True)


async def test_a_delivery_is_found_by_what_it_is_about_before_that_has_a_reference(shop: Shop) -> None:
    charge, _ = await dropped_charge(shop, await shop.order())
    paid = await shop.paid(await shop.order())
    refund, _ = await dropped_refund(shop, paid.id, 5_00)
    assert (charge.charge_ref, refund.refund_ref) == (None, None)
    await shop.deliver_webhooks()

    (of_charge,) = await deliveries(shop, subject_id=charge.id)
    (of_refund,) = await deliveries(shop, subject_id=refund.id)
    (of_paid,) = await deliveries(shop, subject_id=paid.id)

    assert (of_charge.charge_id, of_charge.refund_id) == (charge.id, None)
    assert (of_refund.charge_id, of_refund.refund_id) == (None, refund.id)
    assert of_paid.charge_id == paid.id
    assert await deliveries(shop, subject_ref=paid.charge_ref) == [of_paid]
    assert await deliveries(shop, kinds=["refund.succeeded"], accounts=[ACCOUNT]) == [of_refund]
    assert await deliveries(shop, accounts=["other"]) == []
    assert await deliveries(shop, received_from=shop.clock.now()) == await deliveries(shop)
    assert await deliveries(shop, received_before=shop.clock.now()) == []


@pytest.mark.fault("F33")
async def test_what_is_parked_is_told_and_can_be_tried_again(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    await receive(shop, event("charge.succeeded", "fch_nobody"))
    await receive(shop, event("charge.succeeded", "fch_live", key="fev_2", livemode=True))
    await shop.run_jobs(rounds=7)

    unknown, other_mode = await deliveries(shop, states=[DeliveryState.PARKED])
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"webhook {unknown.id} of fake is parked: charge.succeeded fch_nobody is none of ours" in warnings
    assert f"webhook {other_mode.id} of fake is parked: charge.succeeded fch_live is of the other mode" in warnings

    await replay(shop, unknown.id)
    await replay(shop, other_mode.id)
    await shop.run_jobs(rounds=7)

    assert await states(shop) == [DeliveryState.PARKED] * 2


async def test_what_cannot_be_applied_is_not_applied_again(new_shop: OpenShop) -> None:
    shop, other = new_shop(), new_shop(other_accounts=["other"])
    customer_id = await shop.customer()
    await shop.card(customer_id)
    await shop.paid(await shop.order_of(customer_id))
    await shop.deliver_webhooks()
    await receive(shop, event("payout.paid", "po_1", key="fev_ignored"))
    await deliver(other.webhooks, other.bank, event(key="fev_other"), moment=shop.clock.now(), account="other")
    await shop.run_jobs()
    told = {delivery.kind: delivery.id for delivery in await deliveries(shop, accounts=[ACCOUNT])}
    (of_other,) = await deliveries(shop, accounts=["other"])
    await shop.redactions.redact(staff("adm", StaffRole.ADMIN), customer_id)

    with pytest.raises(WebhookNotReplayable, match="does not follow"):
        await replay(shop, told["payout.paid"])
    with pytest.raises(WebhookNotReplayable, match="erased"):
        await replay(shop, told["charge.succeeded"])
    with pytest.raises(AccountNotConfigured):
        await replay(shop, of_other.id)
    with pytest.raises(NotFound):
        await replay(shop, "whd_none")
    with pytest.raises(PermissionDenied):
        await shop.webhooks.replay(MAY_NOT, ReplayDelivery(delivery_id=of_other.id))
    assert {delivery.replayed_at for delivery in await deliveries(shop)} == {None}


async def test_nothing_of_somebody_erased_is_kept_even_until_it_is_applied(shop: Shop) -> None:
    charge = await shop.paid(await shop.order())
    await shop.redactions.redact(staff("adm", StaffRole.ADMIN), charge.customer_id)

    await receive(shop, event("charge.disputed", charge.charge_ref or "", customer="Ada"))

    (delivery,) = await deliveries(shop, subject_ref=charge.charge_ref)
    assert (delivery.state, delivery.payload) == (DeliveryState.STORED, {})


async def test_what_is_kept_of_a_webhook_has_no_card_and_no_secret_in_it(shop: Shop) -> None:
    await shop.paid(await shop.order(token="tok_visa"))
    await shop.deliver_webhooks()
    await receive(
        shop,
        event(
            "charge.succeeded", "fch_1", receipt_email="ada@example.org", note="it was 4242 4242 4242 4242", amount=20
        ),
    )

    kept = "".join(str(row["payload"]) for row in await shop.rows("SELECT payload FROM webhook_deliveries"))
    last4 = {row["card_last4"] for row in await shop.rows("SELECT card_last4 FROM payment_methods")}
    assert last4 == {"4242"}
    for secret in ("4242", "ada@example.org", "tok_"):
        assert secret not in kept
    assert "charge.succeeded" in kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"card": {"last4": "4242"}}, {"card": WITHHELD}),
        (
            {"expMonth": 12, "expiration_year": 2030, "expires_at": "x"},
            {"expMonth": WITHHELD, "expiration_year": WITHHELD, "expires_at": "x"},
        ),
        ({"a": [{"clientSecret": "s"}, 4242424242424242]}, {"a": [{"clientSecret": WITHHELD}, WITHHELD]}),
        (
            {"billing_details": None, "livemode": True, "amount": 20_00},
            {"billing_details": None, "livemode": True, "amount": 20_00},
        ),
        ({"customer_ref": "fcu_1", "created": 1_763_726_400}, {"customer_ref": "fcu_1", "created": 1_763_726_400}),
        *(
            ({field: "somebody's"}, {field: WITHHELD})
            for field in (
                *(
                    "ip",
                    "customer_ip",
                    "clientIP",
                    "dob",
                    "ssn",
                    "tax_id",
                    "taxId",
                    "security_code",
                    "sort_code",
                    "city",
                ),
                *("zip", "postal_code", "line1", "given", "surname", "birthday", "msisdn", "bin", "pan", "routing"),
            )
        ),
        ({"account": "DE89 3704 0044 0532 0130 00", "to": "acct_1"}, {"account": WITHHELD, "to": "acct_1"}),
        ([4242424242424242.0, 20.5, 1e300, 10**400], [WITHHELD, 20.5, 1e300, 10**400]),
        ({"4242 4242 4242 4242": 1, "DE89370400440532013000": 2}, {WITHHELD: 2}),
        *(
            (kept, kept)
            for kept in (
                {"receipt_url": "https://bank.test/r", "description": "Tea", "subscription": "sub_1", "capacity": 3},
                {"account": "acct_1", "charge": "ch_1", "recipient": "re_1", "combined": True, "mandate": "man_1"},
                {"amount": 20_00, "fee": 1.5, "velocity": None, "status": "ok", "created": "2026-11-22T08:00:00Z"},
            )
        ),
    ],
)
def test_cards_secrets_and_people_are_withheld_and_all_else_is_told(sent: object, kept: object) -> None:
    assert redacted(sent) == kept


# --- jobs -----------------------------------------------------------------------------------------------------------


async def test_a_dead_letter_is_tried_again_with_all_its_tries(shop: Shop) -> None:
    await receive(shop, event())
    (job,) = await jobs(shop)
    queue = TortoiseJobQueue(shop.database)
    (claimed,) = await queue.claim_due(limit=1, lease_seconds=60)
    await queue.bury(claimed, error="LookupError: never there")
    assert await shop.worker.run_due() == 0

    (dead,) = await jobs(shop, states=[JobState.DEAD])
    assert (dead.id, dead.last_error, dead.tries) == (job.id, "LookupError: never there", 1)
    await retry(shop, dead.id)

    (alive,) = await jobs(shop)
    assert (alive.state, alive.tries, alive.dead_at, alive.retried_at) == (JobState.WAITING, 0, None, shop.clock.now())
    assert await shop.worker.run_due() == 1


async def test_a_job_that_waits_is_done_now(shop: Shop) -> None:
    order_id = await shop.order()
    charge, _ = await dropped_charge(shop, order_id)
    (waiting,) = await jobs(shop, subject_id=charge.id)
    assert (waiting.kind, waiting.about_id) == (JobKind.RESOLVE_OPERATION, charge.id)
    assert await shop.worker.run_due() == 0

    await retry(shop, waiting.id)
    await shop.worker.run_due()

    assert (await shop.charge(charge.id)).state is ChargeState.SUCCEEDED
    with pytest.raises(NotFound):
        await retry(shop, waiting.id)
    await shop.check(settled=True)


async def test_a_job_that_a_worker_has_is_left_to_it(shop: Shop) -> None:
    await receive(shop, event())
    (claimed,) = await TortoiseJobQueue(shop.database).claim_due(limit=1, lease_seconds=60)

    (job,) = await jobs(shop)
    assert job.is_claimed
    with pytest.raises(JobRunning):
        await retry(shop, claimed.id)
    with pytest.raises(PermissionDenied):
        await JobService(store=shop.store, clock=shop.clock).retry(MAY_NOT, RetryJob(job_id=claimed.id))

    await shop.make_jobs_due()
    (job,) = await jobs(shop)
    assert not job.is_claimed, "its worker died, and its lease has ended"
    await retry(shop, claimed.id)


async def test_money_that_keeps_failing_is_in_sight(shop: Shop) -> None:
    await dropped_charge(shop, await shop.order())
    await receive(shop, event())
    async with shop.database.transaction() as connection:
        await connection.execute(
            f"UPDATE jobs SET tries = {MOST_TRIES}, last_error = 'KeyError: x' WHERE kind = 'RESOLVE_OPERATION'"
        )
        # It has waited as often for an object that is not there yet, which is no failure.
        await connection.execute(f"UPDATE jobs SET tries = {MOST_TRIES} WHERE kind = 'APPLY_WEBHOOK'")

    assert [job.kind for job in await jobs(shop, states=[JobState.FAILING])] == [JobKind.RESOLVE_OPERATION]
    assert [job.kind for job in await jobs(shop, states=[JobState.WAITING])] == [JobKind.APPLY_WEBHOOK]
    assert len(await jobs(shop, kinds=[JobKind.APPLY_WEBHOOK, JobKind.RESOLVE_OPERATION])) == 2


async def test_what_nobody_does_is_overdue(shop: Shop) -> None:
    await receive(shop, event())
    assert await jobs(shop, overdue=True) == []
    assert len(await jobs(shop, overdue=False)) == 1

    await shop.make_jobs_due()
    assert len(await jobs(shop, overdue=True)) == 1

    await TortoiseJobQueue(shop.database).claim_due(limit=1, lease_seconds=60)
    assert await jobs(shop, overdue=True) == [], "a worker has it"
