"""What the staff changed: exactly one entry for each act, in the same commit, without personal data."""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.principals import Permission, StaffRole
from tests.schema.gateway import ADMIN, DECLINED, Json, Shop, money, new_key
from tests.schema.permissions import MUTATIONS, WHO, YES, Row, new_world
from tests.schema.test_principals import outcome_of

ENTRIES = """query($filter: AuditEntryFilterInput, $first: Int) { auditEntries(filter: $filter, first: $first) { nodes {
  id at actor actorKind role action requestId subjectIds
  changes { subjectId field before after isWithheld } } } }"""

CHANGE_NOTHING: Mapping[str, str] = {
    "recordDelete": "nothing is ever deleted",
    "clientSessionCreate": "opens a card form; what comes of it is an attachment of its own",
    "paymentMethodContinue": "asks what the owner of a card did, who is no member of the staff",
}
"""Mutations that change no record, and why."""


async def entries(shop: Shop, *, as_: str | None = ADMIN, **where: Any) -> list[Json]:
    """Without those of the admin key, under which these tests arrange things, unless it is asked for."""
    data = await shop.execute(ENTRIES, {"filter": where, "first": 100}, as_=as_)
    nodes: list[Json] = data["auditEntries"]["nodes"]
    return [entry for entry in nodes if where.get("actor") or entry["actor"] != "key:admin"]


async def changes(shop: Shop) -> dict[str, tuple[str | None, str | None]]:
    """Field → before and after, of the only entry."""
    (entry,) = await entries(shop)
    return {change["field"]: (change["before"], change["after"]) for change in entry["changes"]}


# --- nobody is forgotten ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "row"), [*MUTATIONS.items()], ids=[*MUTATIONS])
async def test_whatever_the_staff_changes_leaves_exactly_one_entry(shop: Shop, name: str, row: Row) -> None:
    field = name.partition(",")[0]
    world = await new_world(shop)
    for role in StaffRole:
        world = replace(world, product=await shop.product(), price=await shop.price())
        arguments = await row.arguments(world)
        before = {entry["id"] for entry in await entries(shop)}

        outcome = await outcome_of(shop, field, arguments, as_=shop.person("sam", role=role))

        assert outcome == row.outcomes[WHO.index(role)]
        new = [entry for entry in await entries(shop) if entry["id"] not in before]
        if outcome != YES or field in CHANGE_NOTHING:
            assert new == []
            continue
        (entry,) = new
        assert (entry["actor"], entry["actorKind"], entry["role"]) == ("staff:sam", "STAFF", role.name)
        assert entry["action"] == field
        assert entry["changes"]
        assert {change["subjectId"] for change in entry["changes"]} == set(entry["subjectIds"])
        assert all(change["isWithheld"] or change["before"] != change["after"] for change in entry["changes"])


async def test_what_is_repeated_changes_nothing_and_leaves_no_second_entry(shop: Shop) -> None:
    finance = shop.person("fin", role="finance")
    sent = {"name": "Tea", "idempotencyKey": new_key()}

    for _ in range(2):
        await shop.do("productCreate", sent, as_=finance)

    assert len(await entries(shop)) == 1


async def test_the_images_of_a_product_are_told(shop: Shop) -> None:
    images = [{"url": "https://shop.example/tea.webp", "alternativeText": "A tin"}]
    await shop.do("productCreate", {"name": "Tea", "images": images}, as_=shop.person("sue", role="admin"))

    (entry,) = await entries(shop)

    (change,) = [change for change in entry["changes"] if change["field"] == "images"]
    assert (change["before"], json.loads(change["after"])) == (None, images)


async def test_what_a_server_does_all_day_is_not_audited(shop: Shop) -> None:
    server = await shop.server(*Permission)
    customer_id = (await shop.do("customerCreate", {"name": "Ada"}, "customer { id }", as_=server))["id"]

    await shop.do("customerUpdate", {"customerId": customer_id, "email": "ada@example.org"}, as_=server)
    await shop.do("productCreate", {"name": "Tea"}, as_=server)

    assert await entries(shop) == []


async def test_whose_tokens_open_an_account_is_audited_whoever_says_so(shop: Shop) -> None:
    server = await shop.server(*Permission)
    sent = {"externalId": "ada", "name": "Ada"}
    customer_id = (await shop.do("customerCreate", sent, "customer { id }", as_=server))["id"]
    for change in ({"externalId": "ada"}, {"name": "Ada L."}, {"externalId": "mallory"}):
        await shop.do("customerUpdate", {"customerId": customer_id, **change}, as_=server)

    moved, made = await entries(shop)

    assert (made["action"], moved["action"]) == ("customerCreate", "customerUpdate")
    assert moved["actorKind"] == "SERVER"
    (change,) = moved["changes"]
    assert (change["field"], change["isWithheld"]) == ("externalId", True)


async def test_what_is_done_with_the_admin_key_is_audited_like_the_staff(shop: Shop) -> None:
    product_id = await shop.product("Tea")

    (entry,) = await entries(shop, actor="key:admin")

    assert (entry["action"], entry["actorKind"], entry["role"]) == ("productCreate", "SERVER", None)
    assert entry["subjectIds"] == [product_id]


async def test_what_the_provider_answers_is_nobodys_act(shop: Shop) -> None:
    """The entry tells what was asked for; the timeline tells what came of it."""
    order_id = await shop.order(await shop.buyer(DECLINED))
    charge = await shop.do(
        "orderCharge",
        {"orderId": order_id, "idempotencyKey": new_key()},
        "charge { id state }",
        as_=shop.person("fin", role="finance"),
    )
    assert charge["state"] == "DECLINED"

    (entry,) = await entries(shop)

    told = {(change["subjectId"], change["field"]): change["after"] for change in entry["changes"]}
    assert told[order_id, "state"] == "PLACED"
    assert told[charge["id"], "state"] == "PENDING"
    assert told[charge["id"], "amount"] == "2000 USD"


async def test_two_at_work_at_once_are_not_mixed_up(shop: Shop) -> None:
    people = [shop.person(name, role="finance") for name in ("ann", "bob", "cid")]

    await asyncio.gather(*(shop.do("productCreate", {"name": who[-8:]}, as_=who) for who in people * 3))
    await shop.product("by a server")

    found = await entries(shop)
    assert sorted(entry["actor"] for entry in found) == ["staff:ann"] * 3 + ["staff:bob"] * 3 + ["staff:cid"] * 3


async def test_several_mutations_of_one_document_are_several_acts(shop: Shop) -> None:
    product, customer = (
        'productCreate(input: { name: "A" }) { product { id } }',
        "customerCreate(input: {}) { customer { id } }",
    )
    document = f"mutation {{ a: {product} b: {customer} }}"

    await shop.execute(document, as_=shop.person("adm", role="admin"))

    assert sorted(entry["action"] for entry in await entries(shop)) == ["customerCreate", "productCreate"]


# --- before and after -------------------------------------------------------------------------------------------------


async def test_values_of_the_catalogue_are_told_before_and_after(shop_on_both: Shop) -> None:
    shop = shop_on_both
    product_id = await shop.product("Tea")
    sent = {"productId": product_id, "name": "Green tea", "metadata": {"origin": "Uji"}}

    await shop.do("productUpdate", sent, as_=shop.person("fin", role="finance"))

    assert await changes(shop) == {"name": ("Tea", "Green tea"), "metadata": (None, '{"origin": "Uji"}')}


async def test_a_new_record_was_nothing_before(shop: Shop) -> None:
    product_id = await shop.product()
    sent = {"productId": product_id, "amount": money(10_50), "interval": {"unit": "MONTH", "count": 3}}

    await shop.do("priceCreate", sent, as_=shop.person("fin", role="finance"))

    told = await changes(shop)
    assert told["unitAmount"] == (None, "1050 USD")
    assert told["interval"] == (None, "3 MONTH")
    assert told["productId"] == (None, product_id)


async def test_personal_data_is_withheld_and_its_change_is_told(shop_on_both: Shop) -> None:
    shop = shop_on_both
    customer_id = await shop.customer(name="Ada Lovelace", email="ada@example.org")
    address = {"line1": "12 St James's Square", "city": "London", "country": "GB"}
    sent = {"customerId": customer_id, "name": None, "email": "ada@example.com", "billingAddress": address}

    await shop.do("customerUpdate", sent, as_=shop.person("sam", role="support"))

    (entry,) = await entries(shop)
    assert {change["field"] for change in entry["changes"]} == {"name", "email", "billingAddress"}
    assert all(change["isWithheld"] and not change["before"] for change in entry["changes"])
    rows = json.dumps((await shop.contents())["audit_entries"], default=str)
    assert "ada@" not in rows and "Lovelace" not in rows and "James" not in rows  # noqa: PT018 - one rule


async def test_lines_by_hand_are_told_without_their_names(shop: Shop) -> None:
    customer_id = await shop.customer()
    lines = [{"name": "Lesson for Ada", "unitAmount": money(20_00), "quantity": 2}]

    await shop.do("orderCreate", {"customerId": customer_id, "lines": lines}, as_=shop.person("fin", role="finance"))

    told = await changes(shop)
    (line,) = json.loads(str(told["lines"][1]))
    assert (line["unitAmount"], line["quantity"]) == ("2000 USD", 2)
    assert "Ada" not in str(told)


async def test_a_refund_tells_its_reason_and_what_it_reserves(shop: Shop) -> None:
    _, charge_id = await shop.paid(await shop.buyer())
    sent = {"chargeId": charge_id, "amount": money(5_00), "reason": "FRAUDULENT", "idempotencyKey": new_key()}

    refund = await shop.do("chargeRefund", sent, "refund { id }", as_=shop.person("sam", role="support"))

    (entry,) = await entries(shop, subjectId=refund["id"])
    told = {(change["subjectId"], change["field"]): change["after"] for change in entry["changes"]}
    assert told[refund["id"], "reason"] == "FRAUDULENT"
    assert told[charge_id, "refundReserved"] == "500 USD"


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_entries_are_found_by_who_what_whom_and_when(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada, grace = await shop.customer(), await shop.customer()
    for who, customer_id in (("sam", ada), ("sue", grace), ("sue", ada)):
        sent = {"customerId": customer_id, "name": new_key()}
        await shop.do("customerUpdate", sent, as_=shop.person(who, role="support"))
    await shop.do("productCreate", {"name": "Tea"}, as_=shop.person("sue", role="admin"))

    newest = await entries(shop)
    assert len(newest) == 4 and newest[0]["action"] == "productCreate"  # noqa: PT018 - the order says both
    assert [entry["actor"] for entry in await entries(shop, subjectId=ada)] == ["staff:sue", "staff:sam"]
    assert len(await entries(shop, actor="staff:sue")) == 3
    assert len(await entries(shop, actor="staff:sue", action="customerUpdate", subjectId=ada)) == 1
    assert await entries(shop, created={"before": newest[-1]["at"]}) == []
    assert len(await entries(shop, created={"since": newest[0]["at"]})) == 1
    assert await entries(shop, actor="staff:nobody") == []


async def test_an_entry_names_the_request_that_the_log_knows(shop: Shop) -> None:
    document = 'mutation { productCreate(input: { name: "Tea" }) { product { id } } }'
    headers = {"authorization": shop.person("adm", role="admin"), "x-request-id": "story-42"}

    await shop.client.post("/graphql", json={"query": document}, headers=headers)

    (entry,) = await entries(shop)
    assert entry["requestId"] == "story-42"


async def test_an_entry_is_a_node_for_those_who_may_read_it(shop: Shop) -> None:
    await shop.do("productCreate", {"name": "Tea"}, as_=shop.person("adm", role="admin"))
    (entry,) = await entries(shop)
    node = "query($id: ID!) { node(id: $id) { id __typename } }"

    data = await shop.execute(node, {"id": entry["id"]}, as_=shop.person("adm", role="admin"))
    assert data["node"] == {"id": entry["id"], "__typename": "AuditEntry"}

    for who in (shop.person("sam", role="support"), await shop.server(Permission.RECORDS_READ), shop.person("ada")):
        error = await shop.denied(node, {"id": entry["id"]}, as_=who)
        assert error["extensions"]["code"] == "PERMISSION_DENIED"


async def test_who_tries_what_they_may_not_is_in_the_log(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="paydesk.access")
    sent = {"name": "Tea"}

    await shop.refused("productCreate", sent, as_=shop.person("sam", role="support"))
    await shop.refused("productCreate", sent, as_=shop.person("ada"))
    await shop.refused("productCreate", sent, as_=await shop.server(Permission.CATALOGUE_READ))

    staff, server = [record.getMessage() for record in caplog.records]
    assert staff == "staff:sam was denied productCreate"
    assert re.fullmatch(r"key:key_\w+ was denied productCreate", server)
    assert await entries(shop) == []
