"""What the staff decides about a charge, as they ask for it."""

from tests.schema.decided import open_review, untraced_charge, untraced_refund
from tests.schema.gateway import Shop, money, new_key

DECIDED = (
    "charge { id state reviews { reason } review { reason } captured { minorUnits } "
    "decisions { nodes { id kind reviewReason found note actor decidedAt charge { id } refund { id } } } }"
)


async def test_a_review_is_closed_with_a_note(shop_on_both: Shop) -> None:
    shop = shop_on_both
    _, charge_id = await shop.paid(await shop.buyer())
    await open_review(shop, charge_id)
    finn = shop.person("finn", role="finance")

    closed = await shop.do(
        "chargeReviewClose",
        {"chargeId": charge_id, "reason": "LATE_MONEY", "note": "Delivered.", "idempotencyKey": new_key()},
        DECIDED,
        as_=finn,
    )

    assert (closed["reviews"], closed["review"]) == ([], None)
    (decision,) = closed["decisions"]["nodes"]
    assert decision.pop("decidedAt") > "2026"
    node = await shop.execute(
        "query($id: ID!) { node(id: $id) { ... on Decision { note } } }", {"id": decision.pop("id")}
    )
    assert node == {"node": {"note": "Delivered."}}
    assert decision == {
        "kind": "REVIEW_CLOSED",
        "reviewReason": "LATE_MONEY",
        "found": None,
        "note": "Delivered.",
        "actor": "staff:finn",
        "charge": {"id": charge_id},
        "refund": None,
    }
    again = {"chargeId": charge_id, "reason": "LATE_MONEY", "note": "Delivered.", "idempotencyKey": new_key()}
    assert await shop.refused("chargeReviewClose", again) == ("REVIEW_NOT_OPEN", "reason")


async def test_a_customer_reads_neither_reviews_nor_decisions(shop: Shop) -> None:
    _, charge_id = await shop.paid(await shop.buyer(externalId="ada"))
    await open_review(shop, charge_id)
    asked = {"chargeId": charge_id, "reason": "LATE_MONEY", "note": "Ada is a nuisance.", "idempotencyKey": new_key()}
    await shop.do("chargeReviewClose", asked, DECIDED)
    await open_review(shop, charge_id)

    query = "query($id: ID!) { charge(id: $id) { reviews { reason } decisions { nodes { id } } } }"
    seen = await shop.execute(query, {"id": charge_id}, as_=shop.person("ada"))

    assert seen["charge"] == {"reviews": [], "decisions": {"nodes": []}}


async def test_a_lost_charge_is_settled(shop_on_both: Shop) -> None:
    shop = shop_on_both
    charge_id = await untraced_charge(shop, await shop.order(await shop.buyer()))
    asked = {"chargeId": charge_id, "found": "MOVED", "note": "Seen there.", "idempotencyKey": new_key()}
    assert await shop.refused("chargeSettle", asked) == ("INVALID_INPUT", "captured")
    assert await shop.refused("chargeSettle", asked | {"captured": money(20_00)}) == ("INVALID_INPUT", "providerRef")
    assert await shop.refused("chargeSettle", asked | {"captured": money(20_00, "EUR"), "providerRef": "x"}) == (
        "CURRENCY_MISMATCH",
        "captured.currency",
    )
    assert await shop.refused("chargeSettle", asked | {"chargeId": "chg_none"}) == ("NOT_FOUND", "chargeId")
    whole = asked | {"captured": money(20_00), "providerRef": "fch_seen"}

    settled = await shop.do("chargeSettle", whole, DECIDED)

    assert (settled["state"], settled["captured"]) == ("SUCCEEDED", {"minorUnits": 20_00})
    assert settled["decisions"]["nodes"][0]["found"] == "MOVED"
    assert await shop.do("chargeSettle", whole, DECIDED) == settled
    assert await shop.refused("chargeSettle", whole | {"idempotencyKey": new_key()}) == (
        "NOT_TO_BE_SETTLED",
        "chargeId",
    )


async def test_a_lost_refund_is_settled(shop: Shop) -> None:
    _, charge_id = await shop.paid(await shop.buyer())
    refund_id = await untraced_refund(shop, charge_id)
    asked = {"refundId": refund_id, "found": "NOT_MOVED", "note": "The bank says so.", "idempotencyKey": new_key()}
    assert await shop.refused("refundSettle", asked | {"refundId": "ref_none"}) == ("NOT_FOUND", "refundId")

    settled = await shop.do(
        "refundSettle", asked, "refund { state failureCode charge { decisions { nodes { refund { id } } } } }"
    )

    assert (settled["state"], settled["failureCode"]) == ("FAILED", "NOT_APPLIED")
    assert settled["charge"]["decisions"]["nodes"] == [{"refund": {"id": refund_id}}]
    assert await shop.refused("refundSettle", asked | {"idempotencyKey": new_key()}) == (
        "NOT_TO_BE_SETTLED",
        "refundId",
    )
