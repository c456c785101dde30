"""Changing, ending, pausing and paying a subscription through the API."""

from typing import Any

from tests.schema.gateway import CHALLENGED, Json, Shop, money, new_key
from tests.schema.test_subscribing import SUBSCRIPTION, plan, subscribe

MONEY = "{ minorUnits }"
PREVIEW = (
    "query($input: SubscriptionChangePreviewInput!) { subscriptionChangePreview(input: $input) { preview { previewedAt "
    f"appliesAt appliesOnPayment reducesOwed {MONEY} items {{ subscriptionItemId quantity price {{ id }} }} "
    f"period {{ startsAt endsAt }} waitingLines {{ amount {MONEY} }} "
    f"invoice {{ reason lines {{ kind name quantity amount {MONEY} }} total {MONEY} due {MONEY} }} }} "
    "userErrors { code path } } }"
)
INVOICE = (
    "query($id: ID!) { subscription(id: $id) { latestInvoice { state reason "
    f"lines {{ kind name quantity amount {MONEY} }} total {MONEY} due {MONEY} }} }} }}"
)


async def subscribed(shop: Shop, card: str = "tok_visa", **input: Any) -> Json:
    customer_id = await shop.buyer(card)
    return await subscribe(shop, customer_id, await plan(shop), **input)


def item_of(subscription: Json, **fields: Any) -> Json:
    return {"subscriptionItemId": subscription["items"][0]["id"], **fields}


async def do(shop: Shop, mutation: str, subscription: Json, *, as_: str | None = None, **input: Any) -> Json:
    how = {"as_": as_} if as_ else {}
    sent = {"subscriptionId": subscription["id"], **input}
    done: Json = await shop.do(mutation, sent, f"subscription {SUBSCRIPTION}", **how)
    return done


async def shown(shop: Shop, subscription: Json, *items: Json, **input: Any) -> Json:
    sent = {"subscriptionId": subscription["id"], "items": list(items), **input}
    found = (await shop.execute(PREVIEW, {"input": sent}))["subscriptionChangePreview"]
    assert found["userErrors"] == []
    preview: Json = found["preview"]
    return preview


async def test_a_customer_sees_what_an_upgrade_costs_and_pays_that(shop_on_both: Shop) -> None:
    shop = shop_on_both
    subscription, team = await subscribed(shop), await plan(shop, 50_00)
    upgrade = item_of(subscription, priceId=team)

    preview = await shown(shop, subscription, upgrade)
    changed = await do(
        shop,
        "subscriptionChange",
        subscription,
        items=[upgrade],
        previewedAt=preview["previewedAt"],
        version=subscription["version"],
        idempotencyKey=new_key(),
    )

    made = (await shop.execute(INVOICE, {"id": subscription["id"]}))["subscription"]["latestInvoice"]
    assert made == {**preview["invoice"], "state": "PAID"}
    assert (made["reason"], [line["kind"] for line in made["lines"]]) == ("CHANGE", ["CREDIT", "CHARGE"])
    assert (preview["appliesOnPayment"], preview["appliesAt"]) == (True, preview["previewedAt"])
    assert preview["period"] == changed["period"]
    assert changed["items"] == [{"id": subscription["items"][0]["id"], "quantity": 1, "price": {"id": team}}]
    assert preview["items"] == [{"subscriptionItemId": each.pop("id"), **each} for each in changed["items"]]


async def test_a_change_that_its_owner_has_to_confirm_waits_and_is_undone(shop: Shop) -> None:
    subscription, team = await subscribed(shop), await plan(shop, 50_00)
    challenged = await shop.card(subscription["customer"]["id"], CHALLENGED)

    waiting = await do(
        shop,
        "subscriptionChange",
        subscription,
        items=[item_of(subscription, priceId=team)],
        paymentMethodId=challenged,
        idempotencyKey=new_key(),
    )

    invoice = waiting["latestInvoice"]
    assert waiting["pendingUpdate"]["invoice"] == {"id": invoice["id"]}
    assert (waiting["items"], invoice["state"]) == (subscription["items"], "OPEN")
    assert invoice["nextAction"] == {"__typename": "RedirectAction"}
    undone = await do(shop, "subscriptionUndo", subscription, what="CHANGE")
    assert (undone["pendingUpdate"], undone["latestInvoice"]["state"]) == (None, "VOID")


async def test_a_change_at_the_end_of_the_period_is_shown_and_scheduled(shop: Shop) -> None:
    subscription = await subscribed(shop)
    more = item_of(subscription, quantity=3)
    preview = await shown(shop, subscription, more, when="PERIOD_END")
    assert (preview["invoice"], preview["appliesAt"]) == (None, subscription["period"]["endsAt"])
    scheduled = await do(
        shop, "subscriptionChange", subscription, items=[more], when="PERIOD_END", idempotencyKey=new_key()
    )
    assert scheduled["pendingChange"]["appliesAt"] == subscription["period"]["endsAt"]
    assert [item["quantity"] for item in scheduled["pendingChange"]["items"]] == [3]


async def test_what_waits_for_the_next_invoice_is_shown(shop: Shop) -> None:
    subscription, team = await subscribed(shop), await plan(shop, 50_00)
    upgrade = item_of(subscription, priceId=team)
    preview = await shown(shop, subscription, upgrade, proration="CREATE", policy="APPLY_NOW")
    assert preview["invoice"] is None
    assert [line["amount"]["minorUnits"] for line in preview["waitingLines"]] == [-20_00, 50_00]


async def test_an_end_is_scheduled_undone_and_made(shop: Shop) -> None:
    subscription = await subscribed(shop)
    ending = await do(shop, "subscriptionCancel", subscription, idempotencyKey=new_key())
    assert (ending["state"], ending["cancelAt"]) == ("ACTIVE", subscription["period"]["endsAt"])
    undone = await do(shop, "subscriptionUndo", subscription, what="CANCELLATION")
    assert undone["cancelAt"] is None
    ended = await do(shop, "subscriptionCancel", subscription, when="NOW", credit=True, idempotencyKey=new_key())
    assert (ended["state"], ended["access"], ended["cancelReason"]) == ("CANCELED", "REVOKED", "REQUESTED")


async def test_a_pause_begins_and_ends(shop: Shop) -> None:
    subscription = await subscribed(shop)
    paused = await do(shop, "subscriptionPause", subscription, behavior="CREDIT")
    assert (paused["state"], paused["access"], paused["pause"]["behavior"]) == ("PAUSED", "REVOKED", "CREDIT")
    resumed = await do(shop, "subscriptionResume", subscription, idempotencyKey=new_key())
    assert (resumed["state"], resumed["pause"], resumed["latestInvoice"]["state"]) == ("ACTIVE", None, "PAID")


async def test_a_new_card_is_chosen(shop: Shop) -> None:
    subscription = await subscribed(shop)
    card = await shop.card(subscription["customer"]["id"], "tok_mastercard")
    chosen = await do(shop, "subscriptionSetPaymentMethod", subscription, paymentMethodId=card)
    assert chosen["paymentMethod"] == {"id": card}


async def test_what_is_refused_is_told_where_it_was_asked(shop: Shop) -> None:
    subscription, other = await subscribed(shop), await plan(shop)
    archived = await plan(shop)
    in_euros = {"productId": await shop.product(), "amount": money(5_00, "EUR"), "interval": {"unit": "MONTH"}}
    euros = (await shop.do("priceCreate", in_euros))["id"]
    await shop.do("priceArchive", {"priceId": archived})
    once, yearly = await shop.price(), await plan(shop, interval={"unit": "YEAR"})
    gone = await shop.card(subscription["customer"]["id"], "tok_mastercard")
    await shop.do("paymentMethodDetach", {"paymentMethodId": gone})
    more = item_of(subscription, quantity=2)
    cases: list[tuple[str, Json, str, str]] = [
        ("subscriptionChange", {"items": []}, "INVALID_INPUT", "items"),
        ("subscriptionChange", {"items": [{"priceId": "price_x"}]}, "NOT_FOUND", "items.0.priceId"),
        ("subscriptionChange", {"items": [{"priceId": archived}]}, "PRICE_ARCHIVED", "items.0.priceId"),
        ("subscriptionChange", {"items": [{"priceId": euros}]}, "CURRENCY_MISMATCH", "items.0.priceId"),
        ("subscriptionChange", {"items": [more, {"priceId": once}]}, "PRICE_NOT_RECURRING", "items.1.priceId"),
        ("subscriptionChange", {"items": [{"priceId": yearly}]}, "PRICE_INTERVAL_MISMATCH", "items.0.priceId"),
        ("subscriptionChange", {"items": [{**more, "subscriptionItemId": "item_x"}]}, "NOT_FOUND", _ITEM),
        ("subscriptionChange", {"items": [more], "version": 99}, "STALE_VERSION", "version"),
        ("subscriptionChange", {"items": [more], "paymentMethodId": gone}, "PAYMENT_METHOD_NOT_USABLE", _METHOD),
        ("subscriptionChange", {"items": [more], "returnUrl": "https://evil.example"}, _RETURN_URL, "returnUrl"),
        ("subscriptionCancel", {"when": "PERIOD_END", "credit": True}, "INVALID_INPUT", "credit"),
        ("subscriptionCancel", {"version": 99}, "STALE_VERSION", "version"),
        ("subscriptionPause", {"behavior": "CREDIT", "endsAt": "2020-01-01T00:00:00Z"}, "INVALID_INPUT", "endsAt"),
        ("subscriptionPause", {"behavior": "CREDIT", "version": 99}, "STALE_VERSION", "version"),
        ("subscriptionResume", {}, "SUBSCRIPTION_NOT_CHANGEABLE", "subscriptionId"),
        ("subscriptionResume", {"version": 99}, "STALE_VERSION", "version"),
        ("subscriptionUndo", {"what": "PAUSE"}, "NOTHING_TO_UNDO", "what"),
        ("subscriptionUndo", {"what": "PAUSE", "version": 99}, "STALE_VERSION", "version"),
        ("subscriptionSetPaymentMethod", {"paymentMethodId": "pm_x"}, "NOT_FOUND", "paymentMethodId"),
        ("subscriptionSetPaymentMethod", {"paymentMethodId": gone}, "PAYMENT_METHOD_NOT_USABLE", _METHOD),
        ("subscriptionSetPaymentMethod", {"paymentMethodId": None, "version": 99}, "STALE_VERSION", "version"),
    ]
    for mutation, input, code, path in cases:
        assert await shop.refused(mutation, wish(mutation, subscription, **input)) == (code, path), (mutation, input)
    later = {"items": [{"priceId": other}], "when": "PERIOD_END"}
    await shop.do("subscriptionChange", wish("subscriptionChange", subscription, **later))
    refused = await shop.refused("subscriptionChange", wish("subscriptionChange", subscription, items=[more]))
    assert refused == ("CHANGE_PENDING", "subscriptionId")
    sent = {"input": {"subscriptionId": subscription["id"], "items": [more]}}
    shown_ = (await shop.execute(PREVIEW, sent))["subscriptionChangePreview"]
    assert (shown_["preview"], shown_["userErrors"][0]["code"]) == (None, "CHANGE_PENDING")


async def test_one_that_has_ended_stays_as_it_is(shop: Shop) -> None:
    subscription = await subscribed(shop)
    await shop.do("subscriptionCancel", wish("subscriptionCancel", subscription, when="NOW"))
    for mutation, input in _WISHES.items():
        sent = {**input, "items": [item_of(subscription, quantity=2)]} if "items" in input else input
        refused = await shop.refused(mutation, wish(mutation, subscription, **sent))
        assert refused == ("SUBSCRIPTION_NOT_CHANGEABLE", "subscriptionId")


async def test_a_key_belongs_to_one_wish(shop: Shop) -> None:
    subscription = await subscribed(shop)
    for mutation, input in _WISHES.items():
        if mutation == "subscriptionUndo":
            continue
        key = new_key()
        if mutation == "subscriptionResume":
            await shop.do("subscriptionPause", wish("subscriptionPause", subscription, behavior="CREDIT"))
        sent = {**input, "items": [item_of(subscription, quantity=2)]} if "items" in input else input
        first = await shop.do(mutation, wish(mutation, subscription, **sent, idempotencyKey=key))
        again = await shop.do(mutation, wish(mutation, subscription, **sent, idempotencyKey=key))
        assert first == again
        other = wish(mutation, subscription, **sent, idempotencyKey=key, version=1)
        assert (await shop.refused(mutation, other))[0] == "IDEMPOTENCY_CONFLICT"
        if mutation == "subscriptionChange":
            await shop.do("subscriptionUndo", wish("subscriptionUndo", subscription, what="CHANGE"))
        if mutation == "subscriptionPause":
            await shop.do("subscriptionUndo", wish("subscriptionUndo", subscription, what="PAUSE"))


_ITEM, _METHOD, _RETURN_URL = "items.0.subscriptionItemId", "paymentMethodId", "RETURN_URL_NOT_ALLOWED"
_WISHES: dict[str, Json] = {
    "subscriptionChange": {"items": [], "when": "PERIOD_END"},
    "subscriptionPause": {"behavior": "PERIOD_END"},
    "subscriptionResume": {},
    "subscriptionUndo": {"what": "CANCELLATION"},
    "subscriptionSetPaymentMethod": {"paymentMethodId": None},
    "subscriptionCancel": {},
}


def wish(mutation: str, subscription: Json, **input: Any) -> Json:
    key = {} if mutation == "subscriptionUndo" else {"idempotencyKey": new_key()}
    return {"subscriptionId": subscription["id"], **key, **input}
