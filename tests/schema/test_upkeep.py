"""Behind the scenes, through the API: webhooks and jobs, shown to those who look after them and mended by them."""

import asyncio
import json
from typing import Any

from adapters.fake import WebhookSender
from domain.clock import SystemClock
from domain.jobs import JobKind
from domain.principals import Permission
from persistence.jobs import TortoiseJobQueue
from tests.deliveries import deliver, event
from tests.schema.gateway import ADMIN, Json, Shop, new_key

DELIVERIES = """query($filter: WebhookDeliveryFilterInput) { webhookDeliveries(filter: $filter, sort: OLDEST) { nodes {
    id account kind state livemode receivedAt occurredAt endedAt replayedAt tries lastError nextTryAt providerRef
    payload charge { id } refund { id } paymentMethod { id }
} } }"""
JOBS = """query($filter: JobFilterInput) { jobs(filter: $filter) { nodes {
    id kind state isClaimed runAt tries lastError deadAt retriedAt createdAt subjectId subject { __typename id }
} } }"""
CHECK = """query($created: TimeSpan) { ledgerCheck(created: $created) {
    ok chargeCount hasMoreDifferences
    balances { account livemode amount { minorUnits currency } }
    differences { fault account cause expected { minorUnits } found { minorUnits }
        chargeId charge { id } refund { id } }
} }"""
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"


async def receive(shop: Shop, **how: Any) -> bool:
    assert shop.running.bank
    body = event(**{"key": new_key(), **how})
    return await deliver(shop.running.webhooks, shop.running.bank, body, moment=SystemClock().now(), account="fake")


async def deliver_all(shop: Shop) -> None:
    """What the bank has to tell."""
    assert shop.running.bank
    sender = WebhookSender(shop.running.bank, url="http://gateway.test", clock=SystemClock())

    async def post(body: bytes, headers: Any) -> int:
        return (await shop.client.post("/webhooks/fake", content=body, headers=headers)).status_code

    while await sender.deliver_due(post):
        await asyncio.sleep(0)


async def deliveries(shop: Shop, *, as_: str = ADMIN, **where: Any) -> list[Json]:
    data = await shop.execute(DELIVERIES, {"filter": where}, as_=as_)
    return list(data["webhookDeliveries"]["nodes"])


async def jobs(shop: Shop, *, as_: str = ADMIN, **where: Any) -> list[Json]:
    return list((await shop.execute(JOBS, {"filter": where}, as_=as_))["jobs"]["nodes"])


async def test_finance_sees_what_came_in_and_has_it_applied_again(shop_on_both: Shop) -> None:
    shop = shop_on_both
    finance = shop.person("fin", role="finance")
    _, charge_id = await shop.paid(await shop.buyer())
    await deliver_all(shop)
    (stored,) = await deliveries(shop, as_=finance, subjectId=charge_id)
    assert (stored["kind"], stored["state"], stored["tries"]) == ("charge.succeeded", "STORED", 0)
    (job,) = await jobs(shop, as_=finance, subjectId=stored["id"])
    assert job["subject"] == {"__typename": "WebhookDelivery", "id": stored["id"]}
    await shop.running.worker.run_due()

    (applied,) = await deliveries(shop, as_=finance, states=["APPLIED"], subjectId=charge_id)
    assert (applied["charge"], applied["refund"], applied["paymentMethod"]) == ({"id": charge_id}, None, None)
    assert json.loads(applied["payload"])["data"]["ref"] == applied["providerRef"]
    assert (applied["tries"], applied["endedAt"] is not None) == (None, True)
    assert [each["paymentMethod"] is not None for each in await deliveries(shop)] == [True, False]

    input = {"webhookDeliveryId": applied["id"], "idempotencyKey": new_key()}
    replayed = await shop.do("webhookDeliveryReplay", input, "webhookDelivery { id state replayedAt }", as_=finance)
    assert (replayed["id"], replayed["state"]) == (applied["id"], "STORED")
    await shop.running.worker.run_due()
    again = await shop.do("webhookDeliveryReplay", input, "webhookDelivery { state replayedAt }", as_=finance)
    assert again == {"state": "APPLIED", "replayedAt": replayed["replayedAt"]}, "one wish is one replay"

    query = "query($id: ID!) { auditEntries(filter: { subjectId: $id }) { nodes { actor action changes { field } } } }"
    (entry,) = (await shop.execute(query, {"id": applied["id"]}))["auditEntries"]["nodes"]
    assert (entry["actor"], entry["action"]) == ("staff:fin", "webhookDeliveryReplay")
    assert {change["field"] for change in entry["changes"]} == {"state", "endedAt", "replayedAt"}


async def test_finance_retries_a_dead_letter(shop_on_both: Shop) -> None:
    shop = shop_on_both
    finance = shop.person("fin", role="finance")
    await receive(shop, kind="payout.paid", ref="po_1")
    queue = TortoiseJobQueue(shop.running.database)
    (claimed,) = await queue.claim_due(limit=1, lease_seconds=60)
    assert await shop.refused("jobRetry", {"jobId": claimed.id}, as_=finance) == ("JOB_RUNNING", "jobId")
    await queue.bury(claimed, error="LookupError: never there")

    (dead,) = await jobs(shop, as_=finance, states=["DEAD"], kinds=["APPLY_WEBHOOK"], overdue=False)
    assert (dead["id"], dead["tries"], dead["lastError"]) == (claimed.id, 1, "LookupError: never there")
    assert [each["state"] for each in await deliveries(shop, states=["FAILED"])] == ["FAILED"]
    retried = await shop.do("jobRetry", {"jobId": dead["id"]}, "job { state deadAt tries }", as_=finance)
    assert retried == {"state": "WAITING", "deadAt": None, "tries": 0}
    await shop.running.worker.run_due()

    assert [each["state"] for each in await deliveries(shop)] == ["IGNORED"]
    query = "query($id: ID!) { auditEntries(filter: { subjectId: $id }) { nodes { changes { field before after } } } }"
    (entry,) = (await shop.execute(query, {"id": dead["id"]}))["auditEntries"]["nodes"]
    changes = {change["field"]: (change["before"], change["after"]) for change in entry["changes"]}
    assert changes["state"] == ("DEAD", "WAITING")
    assert changes.keys() == {"state", "deadAt", "tries", "retriedAt"}


async def test_a_job_of_a_request_leads_to_its_charge(shop: Shop) -> None:
    shop.misbehave("charge#*=lose_answer; find_charge#*=error")
    charge = await shop.charge(await shop.order(await shop.buyer()))

    (job,) = await jobs(shop, subjectId=charge["id"], kinds=[JobKind.RESOLVE_OPERATION])

    assert job["subject"] == {"__typename": "Charge", "id": charge["id"]}
    assert job["subjectId"].startswith("op_")


async def test_what_is_wrong_with_a_replay_is_told(shop: Shop) -> None:
    await receive(shop, kind="payout.paid", ref="po_1")
    (ignored,) = await deliveries(shop)
    at = "webhookDeliveryId"

    for mutation, sent, refused in (
        ("webhookDeliveryReplay", {at: ignored["id"]}, ("WEBHOOK_NOT_REPLAYABLE", at)),
        ("webhookDeliveryReplay", {at: "whd_none"}, ("NOT_FOUND", at)),
        ("jobRetry", {"jobId": "job_none"}, ("NOT_FOUND", "jobId")),
    ):
        assert await shop.refused(mutation, sent) == refused
    # A key belongs to one request.
    await receive(shop, ref="fch_1")
    known = {each["providerRef"]: each["id"] for each in await deliveries(shop)}["fch_1"]
    key = new_key()
    await shop.do("webhookDeliveryReplay", {at: known, "idempotencyKey": key})
    refused = await shop.refused("webhookDeliveryReplay", {at: ignored["id"], "idempotencyKey": key})
    assert refused == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")


async def test_who_looks_after_webhooks_sees_no_records_by_them(shop: Shop) -> None:
    await shop.paid(await shop.buyer())
    await deliver_all(shop)
    upkeep = await shop.server(Permission.UPKEEP_READ)
    mender = await shop.server(Permission.UPKEEP_WRITE)

    told = await deliveries(shop, as_=upkeep)
    assert [(each["charge"], each["paymentMethod"]) for each in told] == [(None, None)] * 2
    assert [each["subject"]["__typename"] for each in await jobs(shop, as_=upkeep)] == ["WebhookDelivery"] * 2
    assert (await shop.execute(NODE, {"id": told[0]["id"]}, as_=upkeep))["node"]["__typename"] == "WebhookDelivery"
    job_id = (await jobs(shop))[0]["id"]
    assert (await shop.execute(NODE, {"id": job_id}, as_=upkeep))["node"] == {"__typename": "Job", "id": job_id}
    for record_id in (told[0]["id"], job_id):
        error = await shop.denied(NODE, {"id": record_id}, as_=shop.person("sam", role="support"))
        assert error["extensions"]["code"] == "PERMISSION_DENIED"
    assert await shop.do("webhookDeliveryReplay", {"webhookDeliveryId": told[0]["id"]}, as_=mender) is None
    assert await shop.do("jobRetry", {"jobId": job_id}, as_=mender) is None


async def test_finance_checks_the_ledger(shop: Shop) -> None:
    finance = shop.person("fin", role="finance")
    _, charge_id = await shop.paid(await shop.buyer())
    refund_id = await shop.refund(charge_id, 5_00)
    checked = (await shop.execute(CHECK, as_=finance))["ledgerCheck"]
    assert (checked["ok"], checked["chargeCount"], checked["differences"]) == (True, 1, [])
    assert {each["account"]: each["amount"]["minorUnits"] for each in checked["balances"]} == {
        "PROVIDER_CLEARING": 15_00,
        "PAYMENTS": -20_00,
        "REFUNDS": 5_00,
    }

    async with shop.running.database.transaction() as connection:
        await connection.execute("UPDATE refunds SET state = 'FAILED'")
    checked = (await shop.execute(CHECK, as_=finance))["ledgerCheck"]

    assert not checked["ok"]
    assert checked["differences"] == [
        {
            "fault": "REFUND",
            "account": "REFUNDS",
            "cause": None,
            "expected": {"minorUnits": 0},
            "found": {"minorUnits": 5_00},
            "chargeId": charge_id,
            "charge": {"id": charge_id},
            "refund": {"id": refund_id},
        }
    ]
    later = {"created": {"since": "2999-01-01T00:00:00Z"}}
    assert (await shop.execute(CHECK, later, as_=finance))["ledgerCheck"]["chargeCount"] == 0
    upkeep = await shop.server(Permission.UPKEEP_READ)
    assert (await shop.execute(CHECK, as_=upkeep))["ledgerCheck"]["differences"][0]["charge"] is None
