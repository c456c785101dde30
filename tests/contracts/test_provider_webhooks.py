"""Webhooks: what is genuine is read, what is not is refused, and nothing that a stranger sends does anything else.

Duplicates, another order and lateness are the gateway's to bear (tests/services/test_webhooks.py and
test_webhook_orders.py); here it is held that each delivery stands for itself, and that one event has one key however
often it comes.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from domain.money import Money
from domain.provider import Outcome, ProviderAction, WebhookEvent, WebhookRejected, WebhookSubject
from tests.contracts.houses.house import CardKind, Delivery, Power, Trait
from tests.contracts.shop import LONG, Shop, action_of, charge_ref_of, refund_ref_of

WEBHOOKS = pytest.mark.capability(ProviderAction.WEBHOOKS, ProviderAction.DISPUTES)
OF_MONEY = pytest.mark.where(Trait.TELLS_OF_MONEY)
DATED = pytest.mark.where(Trait.DATES_SIGNATURES)
A_MOMENT = timedelta(seconds=5)

MALFORMED = {
    "nothing": b"",
    "no JSON": b"charge=1",
    "half of an object": b'{"id": "evt_1", "data"',
    "a list": b"[]",
    "a list of events": b'[{"id": "evt_1"}]',
    "a text": b'"evt_1"',
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "no text at all": b"\xff\xfe\x00\x80",
    "a lone surrogate": b'{"id": "\\ud800", "type": "a", "kind": "a", "data": {"object": {"id": "\\ud800"}}}',
    "very deep": b"[" * 100_000,
    "deep and closed": b'{"data":' * 20_000 + b"1" + b"}" * 20_000,
    "an event without its data": b'{"id": "evt_1", "object": "event", "type": "a", "kind": "a", "livemode": false}',
    "an event whose data is a list": (
        b'{"id": "evt_1", "object": "event", "type": "a", "kind": "a", "livemode": false, "created": 1,'
        b' "created_at": "2026-01-01T00:00:00+00:00", "data": []}'
    ),
    "an empty element": b"<notification/>",
    "an event that was cut": b"<notification><kind>dispute_opened</kind><subject><dispute><id>1</id></dispute></sub",
    "another element": b"<check>true</check>",
    "a notification without its subject": (
        b'<?xml version="1.0"?><notification><kind>dispute_opened</kind>'
        b'<timestamp type="datetime">2026-01-01T00:00:00Z</timestamp></notification>'
    ),
    "a notification whose subject is a word": (
        b'<notification><kind>dispute_opened</kind><timestamp type="datetime">2026-01-01T00:00:00Z</timestamp>'
        b"<subject>dispute</subject></notification>"
    ),
    "a notification of no time": (
        b"<notification><kind>dispute_opened</kind><timestamp>once</timestamp>"
        b"<subject><dispute><id>1</id></dispute></subject></notification>"
    ),
    "a document that names others": (
        b'<?xml version="1.0"?><!DOCTYPE n [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
        b'<notification><kind>&e;</kind><timestamp type="datetime">2026-01-01T00:00:00Z</timestamp>'
        b"<subject><dispute><id>&e;</id></dispute></subject></notification>"
    ),
    "very deep XML": b"<a>" * 20_000,
    "an event whose mode is a word": (
        b'{"id": "evt_1", "object": "event", "type": "a", "kind": "a", "livemode": "yes", "created": 1,'
        b' "created_at": "2026-01-01T00:00:00+00:00", "data": {"object": {"id": "a", "object": "charge"}}}'
    ),
}


def read(shop: Shop, delivery: Delivery) -> WebhookEvent:
    return shop.provider.verify_webhook(delivery.headers, delivery.body)


async def genuine(shop: Shop) -> Delivery:
    """Of a dispute that was just opened, which every provider tells of."""
    await shop.paid(CardKind.DISPUTED)
    deliveries = await shop.house.deliveries()
    return next(each for each in reversed(deliveries) if read(shop, each).subject is WebhookSubject.DISPUTE)


def about(events: Sequence[WebhookEvent], subject: WebhookSubject) -> list[WebhookEvent]:
    return [event for event in events if event.subject is subject]


# --- genuine --------------------------------------------------------------------------------------------------------


@WEBHOOKS
async def test_an_event_says_what_it_is_about_and_when_it_happened(shop: Shop) -> None:
    before = shop.house.now()
    dispute = await shop.dispute()

    told = about(await shop.heard(), WebhookSubject.DISPUTE)

    assert {event.subject_ref for event in told} == {dispute.dispute_ref}
    for event in told:
        assert event.kind
        assert event.key
        assert event.livemode is shop.provider.livemode
        assert before - A_MOMENT <= event.occurred_at <= shop.house.now() + A_MOMENT
        assert orjson.loads(orjson.dumps(event.payload)) == event.payload


@WEBHOOKS
@OF_MONEY
async def test_a_charge_is_told_of(shop: Shop) -> None:
    request = await shop.charge_request()
    before = shop.house.now()
    charged = await shop.provider.charge(request)

    told = list(about(await shop.heard(), WebhookSubject.CHARGE))

    assert {event.subject_ref for event in told} == {charged.charge_ref}
    assert {event.operation_id for event in told} <= {request.operation_id, None}
    for event in told:
        assert event.kind
        assert event.livemode is shop.provider.livemode
        assert before - A_MOMENT <= event.occurred_at <= shop.house.now() + A_MOMENT
        assert orjson.loads(orjson.dumps(event.payload)) == event.payload


@WEBHOOKS
@OF_MONEY
async def test_a_decline_is_told_of(shop: Shop) -> None:
    declined = await shop.charge(CardKind.DECLINED_LATER)

    told = about(await shop.heard(), WebhookSubject.CHARGE)

    assert {event.subject_ref for event in told} == {declined.charge_ref}


@WEBHOOKS
@OF_MONEY
@pytest.mark.needs(Power.CUSTOMER)
async def test_that_a_customer_confirmed_is_told_of(shop: Shop) -> None:
    asked = await shop.challenged()
    await shop.heard()

    await shop.house.confirm(action_of(asked))

    told = about(await shop.heard(), WebhookSubject.CHARGE)
    assert {event.subject_ref for event in told} == {asked.charge_ref}


@WEBHOOKS
@OF_MONEY
async def test_captures_and_voids_are_told_of(shop: Shop) -> None:
    held, other = await shop.held(), await shop.held()
    await shop.heard()

    await shop.capture(held)
    captured = about(await shop.heard(), WebhookSubject.CHARGE)
    await shop.void(other)
    voided = about(await shop.heard(), WebhookSubject.CHARGE)

    assert {event.subject_ref for event in captured} == {held.charge_ref}
    assert {event.subject_ref for event in voided} == {other.charge_ref}


@WEBHOOKS
@OF_MONEY
async def test_a_refund_is_told_of(shop: Shop) -> None:
    charged = await shop.paid()
    await shop.heard()

    refunded = await shop.refund(charged, Money(5_00, "USD"))

    told = await shop.heard()
    assert {event.subject_ref for event in about(told, WebhookSubject.REFUND)} == {refunded.refund_ref}
    assert {event.subject_ref for event in about(told, WebhookSubject.CHARGE)} <= {charged.charge_ref}


@WEBHOOKS
@OF_MONEY
@pytest.mark.needs(Power.TIME)
async def test_a_refund_that_came_back_is_told_of(shop: Shop) -> None:
    refunded = await shop.refund(await shop.paid(CardKind.REFUND_COMES_BACK))
    await shop.heard()

    await shop.house.advance(LONG)

    told = about(await shop.heard(), WebhookSubject.REFUND)
    assert {event.subject_ref for event in told} == {refund_ref_of(refunded)}


@WEBHOOKS
@OF_MONEY
async def test_what_others_did_is_told_of_too(shop: Shop) -> None:
    await shop.heard()

    theirs = await shop.house.stranger_charges(Money(20_00, "USD"))

    told = about(await shop.heard(), WebhookSubject.CHARGE)
    assert {event.subject_ref for event in told} == {theirs}


@WEBHOOKS
@OF_MONEY
async def test_a_card_that_was_detached_is_told_of(shop: Shop) -> None:
    card = await shop.card()
    await shop.heard()

    await shop.provider.detach_payment_method(payment_method_ref=card)

    told = about(await shop.heard(), WebhookSubject.PAYMENT_METHOD)
    assert card in {event.subject_ref for event in told}


@WEBHOOKS
async def test_nothing_secret_is_kept_of_an_event(shop: Shop) -> None:
    await shop.paid(CardKind.DISPUTED)
    await shop.charge(CardKind.DECLINED_LATER)

    kept = [repr(event.payload) for event in await shop.heard()]

    assert kept
    assert not [payload for payload in kept if "4242424242424242" in payload or "_secret_" in payload]


@WEBHOOKS
async def test_names_of_headers_may_be_written_in_any_letters(shop: Shop) -> None:
    delivery = await genuine(shop)

    small = {name.lower(): value for name, value in delivery.headers.items()}
    large = {name.upper(): value for name, value in delivery.headers.items()}

    assert read(shop, replace(delivery, headers=small)) == read(shop, replace(delivery, headers=large))


# --- twice, out of order, late --------------------------------------------------------------------------------------


@WEBHOOKS
async def test_one_event_has_one_key_however_often_it_comes(shop: Shop) -> None:
    delivery = await genuine(shop)

    again = shop.house.signed(delivery.event)

    assert read(shop, delivery) == read(shop, delivery) == read(shop, again)


@WEBHOOKS
async def test_two_events_have_two_keys(shop: Shop) -> None:
    await shop.dispute()
    await shop.accept(await shop.dispute())

    events = await shop.heard()

    assert len(events) > 2
    assert len({event.key for event in events}) == len(events)


@WEBHOOKS
async def test_in_another_order_they_say_the_same(shop: Shop) -> None:
    dispute = await shop.dispute()
    await shop.paid(CardKind.DISPUTED)
    await shop.answer(dispute, shop.house.losing_words)
    deliveries = await shop.house.deliveries()

    forwards = [read(shop, delivery) for delivery in deliveries]
    backwards = [read(shop, delivery) for delivery in reversed(deliveries)]

    assert forwards == backwards[::-1]
    assert [event.occurred_at for event in forwards] == sorted(event.occurred_at for event in forwards)


@WEBHOOKS
@pytest.mark.needs(Power.TIME)
async def test_a_delivery_may_come_days_late(shop: Shop) -> None:
    """Signed anew for each try, and still about then."""
    delivery = await genuine(shop)
    told = read(shop, delivery)
    await shop.house.advance(LONG)

    late = read(shop, shop.house.signed(delivery.event))

    assert late == told
    assert shop.house.now() - late.occurred_at > LONG / 2


# --- of other things ------------------------------------------------------------------------------------------------


@WEBHOOKS
async def test_an_event_about_a_dispute_that_nobody_knows_is_genuine(shop: Shop) -> None:
    """Whether it is ours, the gateway finds out by looking."""
    delivery = await genuine(shop)
    unknown = f"{read(shop, delivery).subject_ref}"[:-6] + "nobody"

    event = read(shop, shop.house.signed(shop.house.rewritten(delivery.event, ref=unknown)))

    assert (event.subject, event.subject_ref) == (WebhookSubject.DISPUTE, unknown)
    assert (await shop.provider.fetch_dispute(dispute_ref=unknown)).outcome in (Outcome.UNKNOWN, Outcome.FAILED)


@WEBHOOKS
@OF_MONEY
async def test_an_event_about_a_charge_that_nobody_knows_is_genuine(shop: Shop) -> None:
    await shop.paid()
    delivery = (await shop.house.deliveries())[-1]
    unknown = charge_ref_of(await shop.paid())[:-6] + "nobody"

    event = read(shop, shop.house.signed(shop.house.rewritten(delivery.event, ref=unknown)))

    assert (event.subject, event.subject_ref) == (WebhookSubject.CHARGE, unknown)
    assert (await shop.provider.fetch_charge(charge_ref=unknown)).outcome is Outcome.UNKNOWN


@WEBHOOKS
async def test_an_event_of_a_kind_that_nobody_follows_is_taken_and_left(shop: Shop) -> None:
    delivery = await genuine(shop)

    event = read(shop, shop.house.signed(shop.house.rewritten(delivery.event, object="mystery")))

    assert event.subject is WebhookSubject.OTHER
    assert event.key


@WEBHOOKS
@pytest.mark.where(Trait.MARKS_THE_MODE)
async def test_an_event_of_the_other_mode_says_so(shop: Shop) -> None:
    """It is parked: test events never touch live records, nor the other way round."""
    delivery = await genuine(shop)
    other = not shop.provider.livemode

    event = read(shop, shop.house.signed(shop.house.rewritten(delivery.event, livemode=other)))

    assert event.livemode is other


# --- secrets --------------------------------------------------------------------------------------------------------


@WEBHOOKS
async def test_while_a_secret_is_changed_both_are_right(shop: Shop) -> None:
    """That the gateway knows, or with which the provider signs."""
    delivery = await genuine(shop)
    told = read(shop, delivery)
    assert len(shop.house.webhook_secrets) > 1 or Trait.SIGNS_WITH_EACH in shop.house.traits

    for secret in shop.house.webhook_secrets:
        assert read(shop, shop.house.signed(delivery.event, secrets=[secret])) == told


@WEBHOOKS
async def test_one_right_signature_among_others_is_enough(shop: Shop) -> None:
    delivery = await genuine(shop)

    both = shop.house.signed(delivery.event, secrets=["a secret of another deployment", shop.house.webhook_secrets[0]])

    assert read(shop, both) == read(shop, delivery)


# --- refused --------------------------------------------------------------------------------------------------------


@WEBHOOKS
@pytest.mark.parametrize("secrets", [["a secret that is nobody's"], [""], ["whsec_"]])
async def test_a_forged_delivery_is_refused(shop: Shop, secrets: list[str]) -> None:
    delivery = await genuine(shop)

    with pytest.raises(WebhookRejected):
        read(shop, shop.house.signed(delivery.event, secrets=secrets))


@WEBHOOKS
@DATED
@pytest.mark.parametrize("moved", [timedelta(minutes=-6), timedelta(days=-1), timedelta(minutes=6), timedelta(days=1)])
async def test_a_signature_of_another_time_is_refused(shop: Shop, moved: timedelta) -> None:
    """Recorded once and sent again, or made ahead."""
    delivery = await genuine(shop)

    with pytest.raises(WebhookRejected):
        read(shop, shop.house.signed(delivery.event, at=shop.house.now() + moved))


@WEBHOOKS
@DATED
@pytest.mark.parametrize("moved", [timedelta(minutes=-4), timedelta(minutes=4)])
async def test_clocks_may_differ_a_little(shop: Shop, moved: timedelta) -> None:
    delivery = await genuine(shop)

    assert read(shop, shop.house.signed(delivery.event, at=shop.house.now() + moved)) == read(shop, delivery)


@WEBHOOKS
async def test_a_body_that_was_written_anew_is_refused(shop: Shop) -> None:
    """The same event in other bytes than those that were signed."""
    others = shop.house.written_anew(await genuine(shop))

    assert others
    for other in others:
        with pytest.raises(WebhookRejected):
            read(shop, other)


@WEBHOOKS
async def test_a_signature_belongs_to_one_body(shop: Shop) -> None:
    first, second = await genuine(shop), await genuine(shop)

    with pytest.raises(WebhookRejected):
        read(shop, shop.house.with_signature(second, shop.house.signature(first)))


@WEBHOOKS
async def test_a_delivery_without_its_signature_is_refused(shop: Shop) -> None:
    delivery = await genuine(shop)

    for signature in (None, "", " "):
        with pytest.raises(WebhookRejected):
            read(shop, shop.house.with_signature(delivery, signature))


@WEBHOOKS
@pytest.mark.parametrize(
    "said",
    [
        "t=",
        "t=now,v1=00",
        "t=1",
        "v1=00",
        "=",
        ",,,",
        "t=1,t=2,v1=00",
        "é",
        "t=99999999999999999999999,v1=00",
        "t=٣,v1=00",
        "t=-1,v1=00",
        "t=1e3,v1=00",
        "v1=" + "0" * 100_000,
        "|",
        "a|b|c",
        "a|b&c|d|e",
        "&&&",
        "emulated_public_key|",
        "emulated_public_key|é",
        "emulated_public_key|a|b",
        "emulated_public_key|" + "0" * 100_000,
    ],
)
async def test_a_signature_that_is_none_is_refused(shop: Shop, said: str) -> None:
    delivery = await genuine(shop)

    with pytest.raises(WebhookRejected):
        read(shop, shop.house.with_signature(delivery, said))


@WEBHOOKS
@pytest.mark.parametrize("name", MALFORMED)
async def test_a_body_that_is_no_event_is_refused_whoever_signed_it(shop: Shop, name: str) -> None:
    with pytest.raises(WebhookRejected):
        read(shop, shop.house.signed(MALFORMED[name]))


# --- asked who we are -------------------------------------------------------------------------------------------------


@WEBHOOKS
@pytest.mark.where(Trait.CHALLENGES)
async def test_a_provider_that_asks_who_receives_its_webhooks_is_answered(shop: Shop) -> None:
    query, expected = shop.house.challenge("20f9f8ed05f77439fe955c977e4c8a53")

    assert shop.provider.webhook_challenge(query) == expected
    assert shop.provider.webhook_challenge({**query, "another": "word"}) == expected


@WEBHOOKS
@pytest.mark.where(Trait.CHALLENGES)
@pytest.mark.parametrize("text", ["", " ", "no challenge", "20f9f8ed|05f77439", "é", "a" * 10_000])
async def test_what_no_provider_would_ask_is_not_signed(shop: Shop, text: str) -> None:
    """Else whoever asks could have anything signed."""
    query, _ = shop.house.challenge(text)

    with pytest.raises(WebhookRejected):
        shop.provider.webhook_challenge(query)


@WEBHOOKS
async def test_a_question_that_is_none_of_the_providers_is_not_answered(shop: Shop) -> None:
    for query in ({}, {"challenge": "20f9f8ed05f77439fe955c977e4c8a53"}, {"hub.challenge": "1"}):
        assert shop.provider.webhook_challenge(query) is None
