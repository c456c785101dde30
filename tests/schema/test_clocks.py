"""Test clocks: made, lived by and advanced, over the API."""

from datetime import datetime

from domain.test_clocks import TestClock
from tests.schema.gateway import ADMIN, Shop, new_key

CLOCK = "testClock { id name now state target failure customers { nodes { id } } }"
READ = "query($id: ID!) { " + CLOCK.replace("testClock {", "testClock(id: $id) {") + " }"
START, LATER, LAST = "2027-01-31T10:00:00.000000Z", "2027-02-28T10:00:00.000000Z", "2028-01-31T10:00:00.000000Z"


async def test_customers_live_by_the_clock_that_they_were_made_with(shop_on_both: Shop) -> None:
    shop = shop_on_both
    clock = await shop.do("testClockCreate", {"now": START, "name": "a year"}, CLOCK)
    assert clock["id"].startswith("clk_")
    expected = {"id": clock["id"], "name": "a year", "now": START, "state": "READY", "target": None, "failure": None}
    assert clock == expected | {"customers": {"nodes": []}}
    customer_id = await shop.customer(testClockId=clock["id"], name="Ada")
    with_card = await shop.do(
        "customerCreateWithPaymentMethod",
        {"testClockId": clock["id"], "token": "tok_visa"},
        "customer { id testClock { id now } }",
    )
    assert with_card["testClock"] == {"id": clock["id"], "now": START}
    await shop.customer(name="Grace")
    order_id = await shop.order(customer_id, expiresAt=LATER)

    advanced = await shop.do("testClockAdvance", {"testClockId": clock["id"], "to": LAST}, CLOCK)

    theirs = {"nodes": [{"id": with_card["id"]}, {"id": customer_id}]}
    assert advanced == expected | {"now": LAST, "customers": theirs}
    assert (await shop.execute(READ, {"id": clock["id"]}))["testClock"] == advanced
    assert (await shop.kinds(order_id))[-1] == "ORDER_EXPIRED"
    listed = await shop.execute(
        "{ testClocks { nodes { id } } failed: testClocks(filter: { states: [FAILED] }) { nodes { id } } }"
    )
    assert listed == {"testClocks": {"nodes": [{"id": clock["id"]}]}, "failed": {"nodes": []}}
    node = await shop.execute("query($id: ID!) { node(id: $id) { ... on TestClock { now } } }", {"id": clock["id"]})
    assert node == {"node": {"now": LAST}}


async def test_a_customer_sees_no_clock(shop: Shop) -> None:
    clock_id = await shop.test_clock(START)
    await shop.customer(testClockId=clock_id, externalId="ada")
    ada = shop.person("ada")

    read = "query($id: ID!) { me { id testClock { id } } testClock(id: $id) { id } testClocks { nodes { id } } }"
    seen = await shop.execute(read, {"id": clock_id}, as_=ada)

    assert seen["me"]["testClock"] is None
    assert seen["testClock"] is None
    assert seen["testClocks"] == {"nodes": []}


async def test_what_cannot_be_is_refused(shop: Shop) -> None:
    clock_id = await shop.test_clock(START)

    assert await shop.refused("testClockCreate", {"now": "1999-12-31T23:59:59Z"}) == ("INVALID_INPUT", "now")
    back = {"testClockId": clock_id, "to": START}
    assert await shop.refused("testClockAdvance", back) == ("INVALID_INPUT", "to")
    nowhere = {"testClockId": "clk_nowhere", "to": LATER}
    assert await shop.refused("testClockAdvance", nowhere) == ("NOT_FOUND", "testClockId")
    assert await shop.refused("customerCreate", {"testClockId": "clk_nowhere"}) == ("NOT_FOUND", "testClockId")
    other = {"now": LATER, "idempotencyKey": new_key()}
    await shop.do("testClockCreate", other)
    assert await shop.refused("testClockCreate", other | {"now": LAST}) == ("IDEMPOTENCY_CONFLICT", "idempotencyKey")


async def test_while_a_clock_is_advanced_its_customers_cannot_be_changed(shop: Shop) -> None:
    clock_id = await shop.test_clock(START)
    customer_id = await shop.customer(testClockId=clock_id)
    order_id = await shop.order(customer_id)
    async with shop.running.store.transaction() as tx:
        clock = await tx.test_clocks.get_for_update(clock_id)
        assert isinstance(clock, TestClock)
        await tx.test_clocks.save(clock.advancing(datetime.fromisoformat(LATER), now=clock.created_at))

    refused = ("CLOCK_ADVANCING", "")
    assert await shop.refused("customerUpdate", {"customerId": customer_id, "name": "Ada"}) == refused
    assert await shop.refused("customerCreate", {"testClockId": clock_id}) == refused
    assert await shop.refused("orderPlace", {"orderId": order_id}) == refused
    assert await shop.refused("orderCharge", {"orderId": order_id, "idempotencyKey": new_key()}) == refused
    assert await shop.refused("testClockAdvance", {"testClockId": clock_id, "to": LAST}) == refused
    assert (await shop.execute(READ, {"id": clock_id}, as_=ADMIN))["testClock"]["state"] == "ADVANCING"
