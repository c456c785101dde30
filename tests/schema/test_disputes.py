"""Disputes: what banks take back, seen by the staff and answered by them, and never by customers."""

from typing import Any

import pytest

from tests.schema.decided import a_dispute
from tests.schema.gateway import ADMIN, Json, Shop, money, new_key
from tests.schema.test_refunds import hear

DISPUTE = """query($id: ID!) { dispute(id: $id) {
    id state isInquiry reason schemeCode amount { minorUnits } withdrawn { minorUnits } respondBy
    evidence { kind text } evidenceRequestedAt evidenceSentAt acceptanceRequestedAt acceptedAt nextCheckAt
    openedAt account providerRef charge { id disputed { minorUnits } refundable { minorUnits } order { paymentState } }
} }"""


async def read(shop: Shop, dispute_id: str) -> Json:
    found: Json = (await shop.execute(DISPUTE, {"id": dispute_id}))["dispute"]
    return found


async def a_disputed_charge(shop: Shop, **how: Any) -> tuple[str, str]:
    _, charge_id = await shop.paid(await shop.buyer(externalId=new_key()), 20_00)
    return charge_id, await a_dispute(shop, charge_id, **how)


def evidence(dispute_id: str, text: str = "It was delivered.", **input: Any) -> Json:
    told = [{"kind": "PRODUCT_DESCRIPTION", "text": text}]
    return {"disputeId": dispute_id, "evidence": told, "idempotencyKey": new_key(), **input}


async def test_a_dispute_is_seen_on_its_charge(shop_on_both: Shop) -> None:
    shop = shop_on_both
    charge_id, dispute_id = await a_disputed_charge(shop)

    dispute = await read(shop, dispute_id)

    assert (dispute["state"], dispute["isInquiry"], dispute["reason"]) == ("NEEDS_RESPONSE", False, "FRAUDULENT")
    assert (dispute["amount"], dispute["withdrawn"]) == ({"minorUnits": 20_00}, {"minorUnits": 20_00})
    assert (dispute["schemeCode"], dispute["account"], dispute["evidence"]) == ("10.4", "fake", [])
    assert dispute["charge"] == {
        "id": charge_id,
        "disputed": {"minorUnits": 20_00},
        "refundable": {"minorUnits": 0},
        "order": {"paymentState": "DISPUTED"},
    }
    assert (await shop.kinds(charge_id))[-1] == "DISPUTE_OPENED"
    assert await shop.kinds(dispute_id) == ["DISPUTE_OPENED"]
    refund = {"chargeId": charge_id, "amount": money(1), "idempotencyKey": new_key()}
    assert await shop.refused("chargeRefund", refund) == ("CHARGE_DISPUTED", "chargeId")
    node = await shop.execute("query($id: ID!) { node(id: $id) { __typename } }", {"id": dispute_id})
    assert node["node"]["__typename"] == "Dispute"
    assert await shop.refused("recordDelete", {"id": dispute_id}) == ("DELETE_NOT_ALLOWED", "id")


async def test_evidence_is_sent_and_read_by_colleagues(shop: Shop) -> None:
    charge_id, dispute_id = await a_disputed_charge(shop)
    sent = evidence(dispute_id)

    payload = await shop.mutate(
        "disputeSubmitEvidence",
        sent,
        "dispute { id state evidenceSentAt } charge { id } order { paymentState }",
        as_=shop.person("sue", role="support"),
    )

    assert (payload["userErrors"], payload["dispute"]["state"]) == ([], "UNDER_REVIEW")
    assert (payload["charge"]["id"], payload["order"]["paymentState"]) == (charge_id, "DISPUTED")
    dispute = await read(shop, dispute_id)
    assert dispute["evidence"] == [{"kind": "PRODUCT_DESCRIPTION", "text": "It was delivered."}]
    assert (dispute["evidenceRequestedAt"], dispute["nextCheckAt"]) == (None, None)
    assert await shop.refused("disputeSubmitEvidence", evidence(dispute_id)) == ("DISPUTE_NOT_OPEN", "disputeId")
    assert await shop.refused("disputeAccept", {"disputeId": dispute_id, "idempotencyKey": new_key()}) == (
        "DISPUTE_NOT_OPEN",
        "disputeId",
    )
    entries = (await shop.execute("{ auditEntries(first: 1) { nodes { action changes { field before after } } } }"))[
        "auditEntries"
    ]["nodes"]
    assert entries[0]["action"] == "disputeSubmitEvidence"
    assert "It was delivered" not in str(entries)


async def test_a_dispute_is_accepted(shop: Shop) -> None:
    _, dispute_id = await a_disputed_charge(shop)

    accepted = await shop.do(
        "disputeAccept", {"disputeId": dispute_id, "idempotencyKey": "k"}, "dispute { state acceptedAt }"
    )

    assert (accepted["state"], accepted["acceptedAt"] is not None) == ("ACCEPTED", True)
    again = await shop.do("disputeAccept", {"disputeId": dispute_id, "idempotencyKey": "k"}, "dispute { state }")
    assert again["state"] == "ACCEPTED"
    assert (await read(shop, dispute_id))["charge"]["order"]["paymentState"] == "DISPUTED"


async def test_an_inquiry_takes_no_money_and_is_not_given_up(shop: Shop) -> None:
    _, dispute_id = await a_disputed_charge(shop, is_inquiry=True)

    inquiry = await read(shop, dispute_id)

    assert (inquiry["isInquiry"], inquiry["withdrawn"]) == (True, {"minorUnits": 0})
    assert inquiry["charge"]["refundable"] == {"minorUnits": 20_00}
    assert await shop.refused("disputeAccept", {"disputeId": dispute_id, "idempotencyKey": new_key()}) == (
        "DISPUTE_NOT_OPEN",
        "disputeId",
    )


@pytest.mark.parametrize(
    ("input", "refusal"),
    [
        ({"evidence": []}, ("INVALID_INPUT", "evidence")),
        ({"evidence": [{"kind": "OTHER", "text": " "}]}, ("INVALID_INPUT", "evidence.0.text")),
        ({"evidence": [{"kind": "OTHER", "text": "x"}] * 2}, ("INVALID_INPUT", "evidence.1.kind")),
        ({"evidence": [{"kind": "OTHER", "text": "4242 4242 4242 4242"}]}, ("CARD_NUMBER_REFUSED", "evidence.0.text")),
        ({"disputeId": "dsp_none"}, ("NOT_FOUND", "disputeId")),
        ({"idempotencyKey": " "}, ("INVALID_INPUT", "idempotencyKey")),
    ],
)
async def test_what_cannot_be_sent_is_refused(shop: Shop, input: Json, refusal: tuple[str, str]) -> None:
    _, dispute_id = await a_disputed_charge(shop)

    assert await shop.refused("disputeSubmitEvidence", evidence(dispute_id) | input) == refusal
    accept = {"disputeId": dispute_id, "idempotencyKey": new_key()}
    if input.keys() <= accept.keys():
        assert await shop.refused("disputeAccept", accept | input) == refusal


@pytest.mark.parametrize("mutation", ["disputeSubmitEvidence", "disputeAccept"])
async def test_what_stands_between_us_and_the_provider_is_told(shop: Shop, mutation: str) -> None:
    call = {"disputeSubmitEvidence": "submit_evidence", "disputeAccept": "accept_dispute"}[mutation]
    _, dispute_id = await a_disputed_charge(shop)
    input = evidence(dispute_id, idempotencyKey="k")
    if mutation == "disputeAccept":
        del input["evidence"]
    shop.misbehave(f"{call}#1=refuse; {call}#2=lose_answer")

    async def code(**changed: Any) -> list[str]:
        payload = await shop.mutate(mutation, input | changed, "dispute { id }")
        return [error["code"] for error in payload["userErrors"]]

    assert await code() == ["PROVIDER_UNAVAILABLE"]
    assert await code() == []
    assert await code(idempotencyKey="another") == ["DISPUTE_IN_PROGRESS"]
    other = {"evidence": [{"kind": "OTHER", "text": "x"}]} if "evidence" in input else {"disputeId": "dsp_other"}
    if "evidence" in input:
        assert await code(**other) == ["IDEMPOTENCY_CONFLICT"]
    dispute = await read(shop, dispute_id)
    waiting = {"disputeSubmitEvidence": "evidenceRequestedAt", "disputeAccept": "acceptanceRequestedAt"}[mutation]
    assert dispute[waiting] is not None
    assert dispute["nextCheckAt"] is not None


async def test_what_the_provider_refuses_is_told(shop: Shop) -> None:
    """Somebody has answered on the provider's own pages, and nobody has told us."""
    for mutation in ("disputeSubmitEvidence", "disputeAccept"):
        _, dispute_id = await a_disputed_charge(shop)
        ref = (await read(shop, dispute_id))["providerRef"]
        assert shop.running.bank
        shop.running.bank.decide_dispute(ref, won=True)
        input = evidence(dispute_id)
        if mutation == "disputeAccept":
            del input["evidence"]

        payload = await shop.mutate(mutation, input, "dispute { id }")

        assert [error["code"] for error in payload["userErrors"]] == ["PROVIDER_REFUSED"]
        assert (await read(shop, dispute_id))["state"] == "WON"


async def test_customers_see_no_disputes_and_what_they_can_be_refunded(shop: Shop) -> None:
    order_id, charge_id = await shop.paid(await shop.buyer(externalId="ada"), 20_00)
    dispute_id = await a_dispute(shop, charge_id, amount=5_00)
    ada = shop.person("ada")

    seen = await shop.execute(
        """query($charge: ID!, $order: ID!, $dispute: ID!) {
            charge(id: $charge) { disputed { minorUnits } refundable { minorUnits } disputes { nodes { id } }
                timeline { nodes { kind } } }
            order(id: $order) { paymentState timeline { nodes { kind } } }
            dispute(id: $dispute) { id } node(id: $dispute) { id } disputes { nodes { id } }
        }""",
        {"charge": charge_id, "order": order_id, "dispute": dispute_id},
        as_=ada,
    )

    assert (seen["charge"]["disputed"], seen["charge"]["disputes"]["nodes"]) == (None, [])
    assert seen["charge"]["refundable"] == {"minorUnits": 15_00}
    assert seen["order"]["paymentState"] == "DISPUTED"
    assert (seen["dispute"], seen["node"], seen["disputes"]["nodes"]) == (None, None, [])
    assert "DISPUTE" not in str(seen["charge"]["timeline"]) + str(seen["order"]["timeline"])
    for mutation, input in (
        ("disputeSubmitEvidence", evidence(dispute_id)),
        ("disputeAccept", {"disputeId": dispute_id, "idempotencyKey": new_key()}),
    ):
        assert await shop.refused(mutation, input, as_=ada) == ("PERMISSION_DENIED", "")


async def test_disputes_are_listed_by_what_has_to_be_done(shop_on_both: Shop) -> None:
    shop = shop_on_both
    _, inquiry = await a_disputed_charge(shop, is_inquiry=True)
    charge_id, dispute = await a_disputed_charge(shop)
    _, accepted = await a_disputed_charge(shop)
    await shop.do("disputeAccept", {"disputeId": accepted, "idempotencyKey": new_key()}, "dispute { id }")

    async def listed(**filter: Any) -> list[str]:
        query = "query($filter: DisputeFilterInput) { disputes(filter: $filter) { nodes { id } } }"
        found = await shop.execute(query, {"filter": filter}, as_=ADMIN)
        return [each["id"] for each in found["disputes"]["nodes"]]

    assert await listed() == [accepted, dispute, inquiry]
    assert await listed(states=["NEEDS_RESPONSE"]) == [dispute, inquiry]
    assert await listed(states=["NEEDS_RESPONSE"], isInquiry=False) == [dispute]
    assert await listed(isInquiry=True) == [inquiry]
    assert await listed(account="other") == []
    assert await listed(respondBy={"before": "2000-01-01T00:00:00Z"}) == []
    assert await listed(opened={"since": "2000-01-01T00:00:00Z"}, account="fake") == [accepted, dispute, inquiry]
    of_charge = await shop.execute(
        "query($id: ID!) { charge(id: $id) { disputes(filter: { states: [NEEDS_RESPONSE] }) { nodes { id } } } }",
        {"id": charge_id},
    )
    assert of_charge["charge"]["disputes"]["nodes"] == [{"id": dispute}]


async def test_a_webhook_and_a_job_lead_to_the_dispute_that_they_are_about(shop_on_both: Shop) -> None:
    shop = shop_on_both
    _, charge_id = await shop.paid(await shop.buyer("tok_createDispute"), 20_00)
    await hear(shop)
    read_charge = "query($id: ID!) { charge(id: $id) { disputes { nodes { id } } } }"
    (dispute,) = (await shop.execute(read_charge, {"id": charge_id}))["charge"]["disputes"]["nodes"]
    shop.misbehave("accept_dispute#1=lose_answer")
    await shop.do("disputeAccept", {"disputeId": dispute["id"], "idempotencyKey": new_key()}, "dispute { id }")

    about = await shop.execute(
        "query($id: ID!) { webhookDeliveries(filter: { subjectId: $id }) { nodes { kind state dispute { id } } } "
        "jobs(filter: { subjectId: $id }) { nodes { kind subject { id } } } }",
        {"id": dispute["id"]},
    )

    (delivery,) = about["webhookDeliveries"]["nodes"]
    assert delivery == {"kind": "dispute.opened", "state": "APPLIED", "dispute": dispute}
    assert about["jobs"]["nodes"] == [{"kind": "RESOLVE_OPERATION", "subject": dispute}]
    await hear(shop)
    assert (await read(shop, dispute["id"]))["state"] == "ACCEPTED"


async def test_books_that_tell_of_a_dispute_otherwise_name_it(shop: Shop) -> None:
    _, dispute_id = await a_disputed_charge(shop)
    check = "{ ledgerCheck { ok balances { account amount { minorUnits } } differences { fault dispute { id } } } }"
    whole = (await shop.execute(check))["ledgerCheck"]
    assert whole["ok"]
    assert {"account": "DISPUTES", "amount": {"minorUnits": 20_00}} in whole["balances"]

    async with shop.running.database.transaction() as connection:
        await connection.execute("UPDATE disputes SET amount = amount - 1")

    (difference,) = (await shop.execute(check))["ledgerCheck"]["differences"]
    assert difference == {"fault": "DISPUTE", "dispute": {"id": dispute_id}}
