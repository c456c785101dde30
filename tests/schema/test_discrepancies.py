"""What reconciliation found, as the staff sees it."""

from typing import Any

from domain.discrepancies import DiscrepancyKind
from domain.money import Money
from domain.principals import Permission
from domain.services.reconciliation import ReconciliationService
from tests.schema.gateway import ADMIN, Json, Shop, money, new_key

LIST = """query($filter: DiscrepancyFilterInput) { discrepancies(filter: $filter) { nodes {
  id kind state account providerRef orderId chargeId refundId hereState thereOutcome livemode note closedBy closedAt
  here { formatted } there { formatted } order { id } charge { id } refund { id }
  timeline(first: 10, sort: OLDEST) { nodes { kind summary data } } } } }"""
STANDING = """{ reconciliation { standing isRecovering accounts {
  account standing comparedUntil finishedAt startedAt openDiscrepancies } } }"""


async def listed(shop: Shop, **where: Any) -> list[Json]:
    nodes: list[Json] = (await shop.execute(LIST, {"filter": where}))["discrepancies"]["nodes"]
    return nodes


def reconciliation(shop: Shop) -> ReconciliationService:
    return shop.running.services.reconciliation


async def test_a_discrepancy_leads_to_what_it_is_about(shop: Shop) -> None:
    order_id, charge_id = await shop.paid(await shop.buyer())
    lost = await shop.discrepancy(
        kind=DiscrepancyKind.LOST_CHARGE, order_id=order_id, charge_id="chg_00000000000000000000000000"
    )
    differs = await shop.discrepancy(
        kind=DiscrepancyKind.CAPTURED_DIFFERS, order_id=order_id, charge_id=charge_id, here=Money(20_00, "USD")
    )

    newest, oldest = await listed(shop)

    assert (newest["id"], newest["here"]["formatted"], newest["charge"]) == (differs, "$20.00", {"id": charge_id})
    assert (oldest["id"], oldest["kind"], oldest["state"]) == (lost, "LOST_CHARGE", "OPEN")
    assert (oldest["order"], oldest["charge"], oldest["here"]) == ({"id": order_id}, None, None)
    assert (oldest["there"]["formatted"], oldest["thereOutcome"], oldest["providerRef"]) == (
        "$7.77",
        "SUCCEEDED",
        "fch_1",
    )
    assert oldest["timeline"]["nodes"][0]["summary"] == "A difference to the provider's books was found."
    assert (await shop.kinds(order_id)).count("DISCREPANCY_OPENED") == 2
    data = await shop.execute("query($id: ID!) { node(id: $id) { id ... on Discrepancy { kind } } }", {"id": lost})
    assert data["node"] == {"id": lost, "kind": "LOST_CHARGE"}


async def test_discrepancies_are_found_by_what_they_are(shop: Shop) -> None:
    order_id, charge_id = await shop.paid(await shop.buyer())
    one = await shop.discrepancy(subject="1", order_id=order_id, account="other")
    two = await shop.discrepancy(subject="2", charge_id=charge_id, kind=DiscrepancyKind.MISSING_CHARGE)
    await shop.do("discrepancyClose", {"discrepancyId": two, "note": "Known."})

    async def ids(**where: Any) -> list[str]:
        return [each["id"] for each in await listed(shop, **where)]

    assert await ids() == [two, one]
    assert await ids(states=["OPEN"]) == [one]
    assert await ids(kinds=["MISSING_CHARGE", "LOST_REFUND"]) == [two]
    assert await ids(account="other") == [one]
    assert await ids(orderId=order_id) == [one]
    assert await ids(chargeId=charge_id) == [two]
    assert await ids(opened={"before": "2020-01-01T00:00:00Z"}) == []


async def test_closing_says_who_and_why(shop: Shop) -> None:
    discrepancy = await shop.discrepancy()
    sent = {"discrepancyId": discrepancy, "note": " Another shop's. "}

    closed = await shop.do(
        "discrepancyClose",
        sent,
        "discrepancy { state note closedBy closedAt }",
        as_=shop.person("fin", role="finance"),
    )

    assert (closed["state"], closed["note"], closed["closedBy"]) == ("CLOSED", "Another shop's.", "staff:fin")
    assert closed["closedAt"]
    assert await shop.refused("discrepancyClose", sent) == ("DISCREPANCY_CLOSED", "discrepancyId")
    assert await shop.refused("discrepancyClose", {**sent, "note": " "}) == ("INVALID_INPUT", "note")
    unknown = {**sent, "discrepancyId": "dsc_00000000000000000000000000"}
    assert await shop.refused("discrepancyClose", unknown) == ("NOT_FOUND", "discrepancyId")
    as_support = shop.person("sam", role="support")
    assert (await shop.refused("discrepancyClose", sent, as_=as_support))[0] == "PERMISSION_DENIED"


async def test_a_key_that_may_write_and_not_read_gets_nothing_back(shop: Shop) -> None:
    discrepancy = await shop.discrepancy()
    writer = await shop.server(Permission.UPKEEP_WRITE)

    payload = await shop.mutate("discrepancyClose", {"discrepancyId": discrepancy, "note": "Done."}, as_=writer)

    assert payload == {"discrepancy": None, "userErrors": []}
    ((state,),) = [(each["state"],) for each in await listed(shop)]
    assert state == "CLOSED"


async def test_money_that_may_be_taken_already_is_not_taken_again(shop: Shop) -> None:
    """F39: the rows were lost with the database; whoever sends the same again has lost its key as well."""
    buyer = await shop.buyer()
    order_id = await shop.order(buyer)
    lost = await shop.discrepancy(kind=DiscrepancyKind.LOST_CHARGE, order_id=order_id)

    sent = {"orderId": order_id, "idempotencyKey": new_key()}
    assert await shop.refused("orderCharge", sent) == ("DISCREPANCY_OPEN", "orderId")

    closing = {"discrepancyId": lost, "note": "Given back by transfer."}
    closed = await shop.do("discrepancyClose", closing, "discrepancy { state blocks }")
    assert closed == {"state": "CLOSED", "blocks": True}
    assert await shop.refused("orderCharge", sent) == ("DISCREPANCY_OPEN", "orderId")
    assert await shop.refused("discrepancyClose", closing) == ("DISCREPANCY_CLOSED", "discrepancyId")
    closed = await shop.do("discrepancyClose", {**closing, "lift": True}, "discrepancy { blocks }")
    assert closed == {"blocks": False}
    assert (await shop.do("orderCharge", sent, "charge { state }"))["state"] == "SUCCEEDED"


async def test_money_that_may_have_gone_back_already_does_not_go_back_again(shop: Shop) -> None:
    _, charge_id = await shop.paid(await shop.buyer())
    lost = await shop.discrepancy(kind=DiscrepancyKind.LOST_REFUND, charge_id=charge_id)

    sent = {"chargeId": charge_id, "amount": money(5_00), "idempotencyKey": new_key()}
    assert await shop.refused("chargeRefund", sent) == ("DISCREPANCY_OPEN", "chargeId")

    await shop.do("discrepancyClose", {"discrepancyId": lost, "note": "Ours, and meant.", "lift": True})
    assert (await shop.do("chargeRefund", sent, "refund { state }"))["state"] == "SUCCEEDED"


async def test_the_staff_sees_how_far_the_books_were_compared(shop: Shop) -> None:
    before = (await shop.execute(STANDING))["reconciliation"]
    assert (before["standing"], before["isRecovering"]) == ("PENDING", False)
    (account,) = before["accounts"]
    assert account == {
        "account": "fake",
        "standing": "PENDING",
        "comparedUntil": None,
        "finishedAt": None,
        "startedAt": None,
        "openDiscrepancies": 0,
    }

    await shop.paid(await shop.buyer())
    await reconciliation(shop).run("fake")
    clean = (await shop.execute(STANDING))["reconciliation"]
    await shop.discrepancy()
    different = (await shop.execute(STANDING, as_=ADMIN))["reconciliation"]

    assert (clean["standing"], clean["accounts"][0]["openDiscrepancies"]) == ("CLEAN", 0)
    assert clean["accounts"][0]["comparedUntil"] <= clean["accounts"][0]["finishedAt"]
    assert (different["standing"], different["accounts"][0]["openDiscrepancies"]) == ("DIFFERENT", 1)
