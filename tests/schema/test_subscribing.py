"""Subscribing through the API, and what a subscription says of itself then."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.declines import DeclineCode
from domain.dunning import Dunning, DunningPolicy
from domain.subscriptions import (
    Pause,
    PauseBehavior,
    PendingChange,
    PendingUpdate,
    Subscription,
    SubscriptionState,
    WantedItem,
)
from tests.schema.gateway import CHALLENGED, Json, Shop, money, new_key

SUBSCRIPTION = (
    "{ id state access accessEndsAt currency interval { unit count } timeZone anchorDay { day month } startsAt "
    "trialEndsAt period { startsAt endsAt } items { id quantity price { id } } cancelAt cancelReason endedAt "
    "incompleteExpiresAt pause { behavior startsAt endsAt } "
    "pendingChange { appliesAt items { subscriptionItemId quantity price { id } } } "
    "pendingUpdate { appliesAt expiresAt items { quantity } invoice { id } } "
    "dunning { startedAt nextTryAt endsAt declineCode advice } paymentMethod { id } customer { id } metadata version "
    "latestInvoice { id state subscription { id } nextAction { __typename } } invoices { nodes { id } } }"
)
PREVIEW = (
    "query($input: SubscriptionPreviewInput!) { subscriptionPreview(input: $input) { preview { state startsAt "
    "trialEndsAt invoice { reason lines { name } total { minorUnits } balanceApplied { minorUnits } "
    "due { minorUnits } } nextBill { total { minorUnits } period { startsAt endsAt } lines { quantity } } } "
    "userErrors { code path } } }"
)
PAGE = """
query($first: Int) {
  subscriptions(first: $first) {
    nodes {
      id state items { price { product { name } } } paymentMethod { id } dunning { advice }
      customer { id entitlements { product { name } access endsAt subscription { id } } subscriptions { nodes { id } } }
      latestInvoice { number lines { name } } invoices { nodes { id charges { nodes { id } } } }
      timeline { nodes { kind } }
    }
  }
}
"""


async def plan(shop: Shop, amount: int = 20_00, *, product_id: str | None = None, **input: Any) -> str:
    sent = {"productId": product_id or await shop.product(), "amount": money(amount), "interval": {"unit": "MONTH"}}
    return str((await shop.do("priceCreate", {**sent, **input}))["id"])


async def subscribe(
    shop: Shop, customer_id: str | None, price_id: str, *, as_: str | None = None, **input: Any
) -> Json:
    sent = {"items": [{"priceId": price_id}], "idempotencyKey": new_key(), **input}
    sent |= {"customerId": customer_id} if customer_id else {}
    how = {"as_": as_} if as_ else {}
    made: Json = await shop.do("subscriptionCreate", sent, f"subscription {SUBSCRIPTION}", **how)
    return made


async def read(shop: Shop, subscription_id: str, **how: Any) -> Any:
    query = "query($id: ID!) { subscription(id: $id) " + SUBSCRIPTION + " }"
    return (await shop.execute(query, {"id": subscription_id}, **how))["subscription"]


async def change(shop: Shop, subscription_id: str, **fields: Any) -> Subscription:
    """As services do it that are none of this test."""
    async with shop.running.store.transaction() as tx:
        subscription = await tx.subscriptions.get_for_update(subscription_id)
        assert subscription is not None
        return await tx.subscriptions.save(replace(subscription, **fields))


async def test_a_customer_subscribes_with_a_card_from_the_form(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.customer(externalId="ada")
    price_id = await plan(shop)
    as_ada = shop.person("ada")
    wish = {"items": [{"priceId": price_id, "quantity": 3}], "anchorDay": {"day": 31}, "timeZone": "Europe/Berlin"}
    shown = (await shop.execute(PREVIEW, {"input": wish}, as_=as_ada))["subscriptionPreview"]["preview"]

    made = await subscribe(shop, None, price_id, as_=as_ada, **wish, newCard={"token": "tok_visa"})

    assert (made["state"], made["access"], made["currency"]) == ("ACTIVE", "GRANTED", "USD")
    assert (made["interval"], made["anchorDay"]) == ({"unit": "MONTH", "count": 1}, {"day": 31, "month": None})
    assert [(item["quantity"], item["price"]["id"]) for item in made["items"]] == [(3, price_id)]
    assert made["customer"] == {"id": ada}
    assert made["paymentMethod"] is not None
    invoice = made["latestInvoice"]
    assert (invoice["state"], invoice["subscription"], invoice["nextAction"]) == ("PAID", {"id": made["id"]}, None)
    assert made["invoices"] == {"nodes": [{"id": invoice["id"]}]}
    assert (shown["state"], shown["invoice"]["reason"]) == ("INCOMPLETE", "CREATE")
    assert shown["invoice"]["due"] == shown["invoice"]["total"]
    charged = await shop.execute("query($id: ID!) { invoice(id: $id) { total { minorUnits } } }", {"id": invoice["id"]})
    assert charged["invoice"]["total"] == shown["invoice"]["total"]
    assert shown["nextBill"]["total"] == {"minorUnits": 60_00}
    assert shown["nextBill"]["period"]["startsAt"] == made["period"]["endsAt"]
    assert await read(shop, made["id"], as_=as_ada) == made
    node = "query($id: ID!) { node(id: $id) { ... on PlanSubscription { state } } }"
    assert (await shop.execute(node, {"id": made["id"]}))["node"] == {"state": "ACTIVE"}


async def test_a_payment_that_the_bank_asks_about_waits_on_the_invoice(shop: Shop) -> None:
    ada = await shop.buyer(CHALLENGED)
    made = await subscribe(shop, ada, await plan(shop), returnUrl="https://shop.example/back")

    assert (made["state"], made["access"]) == ("INCOMPLETE", "REVOKED")
    assert made["incompleteExpiresAt"]
    assert made["latestInvoice"]["state"] == "OPEN"
    assert made["latestInvoice"]["nextAction"] == {"__typename": "RedirectAction"}


async def test_a_trial_is_shown_and_given(shop: Shop) -> None:
    ada = await shop.customer(externalId="ada")
    price_id = await plan(shop, trialDays=14)
    shown = await shop.execute(PREVIEW, {"input": {"items": [{"priceId": price_id}]}}, as_=shop.person("ada"))
    preview = shown["subscriptionPreview"]["preview"]
    assert (preview["state"], preview["invoice"]) == ("TRIALING", None)
    assert preview["nextBill"]["period"]["startsAt"] == preview["trialEndsAt"]

    made = await subscribe(shop, ada, price_id)
    assert (made["state"], made["access"], made["latestInvoice"], made["period"]) == ("TRIALING", "GRANTED", None, None)
    later = await subscribe(shop, ada, await plan(shop), startsAt="2031-01-01T00:00:00Z", metadata={"team": "blue"})
    assert (later["state"], later["metadata"]) == ("SCHEDULED", {"team": "blue"})
    assert (await read(shop, later["id"], as_=shop.person("ada")))["metadata"] == {}


async def test_what_is_refused_is_refused_to_who_looks_too(shop: Shop) -> None:
    ada = await shop.buyer()
    once = await shop.price()
    in_euro = {"productId": await shop.product(), "amount": money(1, "EUR"), "interval": {"unit": "MONTH"}}
    euro = (await shop.do("priceCreate", in_euro))["id"]
    for input, refusal in (
        ({"items": []}, ("INVALID_INPUT", "items")),
        ({"items": [{"priceId": once}]}, ("PRICE_NOT_RECURRING", "items.0.priceId")),
        ({"items": [{"priceId": await plan(shop)}], "timeZone": "Mars/Base"}, ("INVALID_INPUT", "timeZone")),
        (
            {"items": [{"priceId": await plan(shop)}, {"priceId": await plan(shop, interval={"unit": "YEAR"})}]},
            ("PRICE_INTERVAL_MISMATCH", "items.1.priceId"),
        ),
        (
            {"items": [{"priceId": await plan(shop)}, {"priceId": euro}]},
            ("CURRENCY_MISMATCH", "items.1.priceId"),
        ),
    ):
        wish = {"customerId": ada, **input}
        assert await shop.refused("subscriptionCreate", wish | {"idempotencyKey": new_key()}) == refusal
        payload = (await shop.execute(PREVIEW, {"input": wish}))["subscriptionPreview"]
        (error,) = payload["userErrors"]
        assert (payload["preview"], error["code"], ".".join(error["path"])) == (None, *refusal)
    sent: Json = {"customerId": await shop.customer(), "items": [{"priceId": await plan(shop)}]}
    code, _ = await shop.refused("subscriptionCreate", sent | {"idempotencyKey": new_key()})
    assert code == "PAYMENT_METHOD_MISSING"
    archived = await plan(shop)
    await shop.do("priceArchive", {"priceId": archived})
    sent = {"customerId": ada, "items": [{"priceId": archived}], "idempotencyKey": new_key()}
    assert await shop.refused("subscriptionCreate", sent) == ("PRICE_ARCHIVED", "items.0.priceId")
    product_id = await shop.product()
    sent["items"] = [{"priceId": await plan(shop, product_id=product_id)}]
    await shop.do("productArchive", {"productId": product_id})
    assert await shop.refused("subscriptionCreate", sent) == ("PRODUCT_ARCHIVED", "items.0.priceId")
    card = await shop.card(ada, "tok_mastercard")
    await shop.do("paymentMethodDetach", {"paymentMethodId": card})
    sent |= {"items": [{"priceId": await plan(shop)}], "paymentMethodId": card}
    assert await shop.refused("subscriptionCreate", sent) == ("PAYMENT_METHOD_NOT_USABLE", "paymentMethodId")


async def test_one_key_subscribes_once(shop: Shop) -> None:
    ada, price_id, key = await shop.buyer(), await plan(shop), new_key()
    first, again = [await subscribe(shop, ada, price_id, idempotencyKey=key) for _ in range(2)]
    assert first["id"] == again["id"]
    other = {"customerId": ada, "items": [{"priceId": await plan(shop)}], "idempotencyKey": key}
    assert (await shop.refused("subscriptionCreate", other))[0] == "IDEMPOTENCY_CONFLICT"
    assert await shop.count("subscriptions") == await shop.count("charges") == 1


# --- what it says of itself -------------------------------------------------------------------------------------------


async def test_what_is_scheduled_or_wrong_is_told(shop_on_both: Shop) -> None:
    shop = shop_on_both
    made = await subscribe(shop, await shop.buyer(externalId="ada"), await plan(shop))
    subscription = await change(shop, made["id"])
    assert subscription.period is not None
    end = subscription.period.end
    (item,) = subscription.items
    items = (WantedItem(item_id=item.id, price_id=item.price_id, quantity=9),)
    dunning = Dunning(policy=DunningPolicy(), since=subscription.starts_at, code=DeclineCode.LOST_OR_STOLEN)
    await change(
        shop,
        made["id"],
        state=SubscriptionState.PAST_DUE,
        cancel_at=end,
        pause=Pause(behavior=PauseBehavior.PERIOD_END, since=end, until=end + timedelta(days=9)),
        pending_change=PendingChange(items=items, at=end),
        pending_update=PendingUpdate(
            items=items, at=subscription.starts_at, invoice_id=made["latestInvoice"]["id"], expires_at=end
        ),
        dunning=dunning,
        last_tried_at=subscription.starts_at,
    )

    told = await read(shop, made["id"])
    ends_at = made["period"]["endsAt"]
    assert (told["state"], told["access"], told["cancelAt"]) == ("PAST_DUE", "GRACE", ends_at)
    assert told["accessEndsAt"] == told["dunning"]["endsAt"]
    assert told["pause"]["behavior"] == "PERIOD_END"
    assert told["pause"]["startsAt"] == ends_at
    assert told["pendingChange"]["appliesAt"] == ends_at
    assert told["pendingChange"]["items"] == [
        {"subscriptionItemId": item.id, "quantity": 9, "price": {"id": item.price_id}}
    ]
    assert told["pendingUpdate"]["invoice"] == {"id": made["latestInvoice"]["id"]}
    assert (told["dunning"]["declineCode"], told["dunning"]["advice"]) == ("LOST_OR_STOLEN", "DO_NOT_RETRY")
    assert told["dunning"]["nextTryAt"] is None
    # A thief is not told that the owner has noticed.
    as_ada = await read(shop, made["id"], as_=shop.person("ada"))
    assert as_ada["dunning"]["declineCode"] == "DO_NOT_RETRY"


async def test_subscriptions_are_filtered_and_sorted(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada, grace = await shop.buyer(externalId="ada"), await shop.buyer(externalId="grace")
    cheap, dear = await plan(shop, 1_00), await plan(shop, 90_00)
    first = (await subscribe(shop, ada, cheap))["id"]
    second = (await subscribe(shop, ada, dear, cancelAt="2031-01-01T00:00:00Z"))["id"]
    third = (await subscribe(shop, grace, dear, startsAt="2031-01-01T00:00:00Z"))["id"]
    await change(shop, first, items=())

    async def listed(arguments: str, **how: Any) -> list[str]:
        data = await shop.execute(f"{{ subscriptions{arguments} {{ nodes {{ id }} }} }}", **how)
        return [node["id"] for node in data["subscriptions"]["nodes"]]

    assert await listed("") == [third, second, first]
    assert await listed("(sort: OLDEST)") == [first, second, third]
    assert await listed("(filter: {states: [SCHEDULED]})") == [third]
    assert await listed(f'(filter: {{priceId: "{dear}"}})') == [third, second]
    assert await listed(f'(filter: {{priceId: "{dear}", states: [ACTIVE]}})') == [second]
    assert await listed("(filter: {ends: true})") == [second]
    assert await listed("(filter: {ends: false})") == [third, first]
    assert await listed('(filter: {periodEnds: {before: "2031-01-01T00:00:00Z"}})') == [second, first]
    assert await listed('(filter: {created: {before: "2020-01-01T00:00:00Z"}})') == []
    assert await listed("", as_=shop.person("ada")) == [second, first]
    mine = "{ me { subscriptions(filter: {ends: true}) { nodes { id } } } }"
    assert (await shop.execute(mine, as_=shop.person("ada")))["me"]["subscriptions"]["nodes"] == [{"id": second}]


# --- what a customer may use ------------------------------------------------------------------------------------------

ENTITLEMENTS = "{ me { entitlements { access endsAt product { id } subscription { id } } } }"


async def test_a_customer_may_use_what_they_have_the_best_of(shop_on_both: Shop) -> None:
    shop = shop_on_both
    ada = await shop.buyer(externalId="ada")
    tea, coffee, milk = [await shop.product(name) for name in ("Tea", "Coffee", "Milk")]
    owed = await subscribe(shop, ada, await plan(shop, product_id=tea))
    ending = await subscribe(shop, ada, await plan(shop, product_id=tea), cancelAt="2031-01-01T00:00:00Z")
    both = await subscribe(shop, ada, await plan(shop, product_id=coffee), trialDays=7)
    paused = await subscribe(shop, ada, await plan(shop, product_id=milk))
    await subscribe(shop, await shop.buyer(externalId="grace"), await plan(shop, product_id=milk))
    await change(shop, paused["id"], state=SubscriptionState.PAUSED)
    await change(shop, owed["id"], state=SubscriptionState.PAST_DUE)

    async def entitlements() -> dict[str, tuple[str, str | None, str]]:
        told = (await shop.execute(ENTITLEMENTS, as_=shop.person("ada")))["me"]["entitlements"]
        return {each["product"]["id"]: (each["access"], each["endsAt"], each["subscription"]["id"]) for each in told}

    assert await entitlements() == {
        tea: ("GRANTED", "2031-01-01T00:00:00.000000Z", ending["id"]),
        coffee: ("GRANTED", None, both["id"]),
    }
    await change(shop, ending["id"], state=SubscriptionState.UNPAID)
    assert await entitlements() == {tea: ("GRACE", None, owed["id"]), coffee: ("GRANTED", None, both["id"])}
    known = await change(shop, owed["id"])
    await change(shop, owed["id"], items=(replace(known.items[0], removed_at=known.starts_at),))
    assert await entitlements() == {coffee: ("GRANTED", None, both["id"])}


async def test_many_subscriptions_are_read_with_as_many_statements_as_few(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    prices = [await plan(shop), await plan(shop, 5_00)]
    for number in range(16):
        ada = await shop.customer(name=f"Ada {number}")
        items = [{"priceId": price_id} for price_id in prices]
        await subscribe(shop, ada, "", items=items, newCard={"token": "tok_visa"})
    await shop.execute(PAGE, {"first": 1})

    counts = {}
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        for first in (4, 16):
            caplog.clear()
            data = await shop.execute(PAGE, {"first": first})
            counts[first] = len(caplog.records)
            assert len(data["subscriptions"]["nodes"]) == first
            assert all(len(node["items"]) == 2 for node in data["subscriptions"]["nodes"])
            assert all(len(node["customer"]["entitlements"]) == 2 for node in data["subscriptions"]["nodes"])

    assert counts[4] == counts[16]
    assert 0 < counts[16] <= 16
