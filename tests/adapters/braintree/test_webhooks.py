"""Braintree's webhooks: what is taken for one, and what it is about."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import braintree
import pytest
from braintree import WebhookNotification
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.braintree import webhooks
from domain.provider import WebhookEvent, WebhookRejected, WebhookSubject
from domain.webhooks import redacted
from tests.adapters.braintree.deliveries import (
    NOON,
    PRIVATE_KEY,
    PUBLIC_KEY,
    delivery,
    form,
    mark_of,
    notification,
    payload_of,
    transaction,
)
from tests.emulators.braintree.serving import serving_aside
from tests.emulators.braintree_shop import KEYS, open_shop

_SDK = braintree.BraintreeGateway(
    braintree.Configuration(braintree.Environment.Sandbox, "a_merchant", PUBLIC_KEY, PRIVATE_KEY)
)
_KINDS = sorted(kind for name, kind in vars(WebhookNotification.Kind).items() if not name.startswith("_"))
_DISPUTES = {kind for kind in _KINDS if kind.startswith("dispute_")}
_CHARGES = {
    *("transaction_disbursed", "transaction_retried", "transaction_reviewed"),
    *("transaction_settled", "transaction_settlement_declined"),
}
_SUBJECTS = (
    dict.fromkeys(_KINDS, WebhookSubject.OTHER)
    | dict.fromkeys(_DISPUTES, WebhookSubject.DISPUTE)
    | dict.fromkeys(_CHARGES, WebhookSubject.CHARGE)
    | {"refund_failed": WebhookSubject.REFUND, "payment_method_revoked_by_customer": WebhookSubject.PAYMENT_METHOD}
)
CHECK = '<check type="boolean">true</check>'
SETTLED = notification("transaction_settled", transaction(id="4dyrjrgn", type="sale", order_id="op_1", amount="10.00"))


def verify(body: bytes, *, livemode: bool = False) -> WebhookEvent:
    return webhooks.verify(body, public_key=PUBLIC_KEY, private_key=PRIVATE_KEY, livemode=livemode)


def sample(kind: str, id: str = "an_id") -> dict[str, str]:
    """As the SDK makes them for its users' tests."""
    made = _SDK.webhook_testing.sample_notification(kind, id)
    return {"bt_signature": made["bt_signature"], "bt_payload": made["bt_payload"].decode()}


# --- what it is about -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _KINDS)
def test_every_kind_that_the_sdk_knows_has_its_subject(kind: str) -> None:
    event = verify(urlencode(sample(kind)).encode())
    assert (event.kind, event.subject) == (kind, _SUBJECTS[kind])
    assert event.subject_ref == (None if event.subject is WebhookSubject.OTHER else "an_id")
    assert abs(event.occurred_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_these_tests_sign_as_the_sdk_does() -> None:
    made = sample("check")
    assert made["bt_signature"] == f"{PUBLIC_KEY}|{mark_of(made['bt_payload'])}"


def test_an_event_names_the_operation_that_made_its_transaction() -> None:
    event = verify(delivery(SETTLED))
    assert (event.kind, event.subject, event.subject_ref) == ("transaction_settled", WebhookSubject.CHARGE, "4dyrjrgn")
    assert (event.operation_id, event.livemode) == ("op_1", False)
    assert event.occurred_at == datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("transaction_settled", {"type": "credit"}),
        ("transaction_settlement_declined", {"type": "credit"}),
        ("transaction_disbursed", {"refunded_transaction_id": "4dyrjrgn"}),
        ("refund_failed", {}),
    ],
)
def test_a_refund_is_a_transaction_that_gives_back(kind: str, fields: dict[str, str]) -> None:
    event = verify(delivery(notification(kind, transaction(id="2x8nwdv4", order_id="op_2", **fields))))
    assert (event.subject, event.subject_ref, event.operation_id) == (WebhookSubject.REFUND, "2x8nwdv4", "op_2")


def test_a_kind_that_nobody_knows_yet_is_known_by_what_it_carries() -> None:
    told = {
        kind: verify(delivery(notification(kind, subject))).subject
        for kind, subject in {
            "dispute_escalated": "<dispute><id>d1</id></dispute>",
            "transaction_pondered": transaction(id="4dyrjrgn"),
            "moon_risen": "<moon><id>m1</id></moon>",
        }.items()
    }
    assert list(told.values()) == [
        WebhookSubject.DISPUTE,
        WebhookSubject.CHARGE,
        WebhookSubject.OTHER,
    ]


def test_the_transaction_inside_of_a_subscription_is_left_to_it() -> None:
    event = verify(urlencode(sample("subscription_charged_successfully")).encode())
    assert (event.subject, event.subject_ref, event.operation_id) == (WebhookSubject.OTHER, None, None)


def test_which_mode_it_is_of_is_the_environments_to_say() -> None:
    assert verify(delivery(SETTLED), livemode=True).livemode is True


@pytest.mark.parametrize("timestamp", ["2026-11-21T12:00:00Z", "2026-11-21T06:00:00-06:00", "2026-11-21T12:00:00"])
def test_a_time_without_a_zone_is_in_utc(timestamp: str) -> None:
    event = verify(delivery(notification("check", CHECK, timestamp=timestamp)))
    assert event.occurred_at == datetime(2026, 11, 21, 12, tzinfo=UTC)


# --- one key is one event ---------------------------------------------------------------------------------------------


def test_an_event_is_known_by_what_it_says() -> None:
    again, other = delivery(SETTLED), delivery(SETTLED.replace(NOON, "2026-11-21T12:00:01Z"))
    assert verify(delivery(SETTLED)).key == verify(again).key != verify(other).key


def test_how_its_letters_are_put_into_lines_makes_no_other_event() -> None:
    payload = payload_of(SETTLED)
    in_one_line = payload.replace("\n", "")
    keys = {verify(form(each, f"{PUBLIC_KEY}|{mark_of(each)}")).key for each in (payload, in_one_line)}
    assert len(keys) == 1


def test_a_delivery_of_a_week_ago_is_taken() -> None:
    """It is sent again for a day, and what came of it is fetched."""
    assert verify(delivery(notification("check", CHECK, timestamp="2020-01-01T00:00:00Z"))).kind == "check"


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signature",
    [
        "{theirs}|{mark}",
        "another_key|0123&{theirs}|{mark}",
        "{theirs}|0123&{theirs}|{mark}",
    ],
)
def test_there_is_a_signature_for_each_key_of_the_merchant_and_ours_counts(signature: str) -> None:
    payload = payload_of(SETTLED)
    given = signature.format(theirs=PUBLIC_KEY, mark=mark_of(payload))
    assert verify(form(payload, given)).kind == "transaction_settled"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "|",
        "&",
        PUBLIC_KEY,
        f"{PUBLIC_KEY}|",
        f"{PUBLIC_KEY}|a|b",
        f"{PUBLIC_KEY}|{{mark}}|b",
        f"{PUBLIC_KEY}|{{other}}",
        "another_key|{mark}",
        "{mark}",
        f"{PUBLIC_KEY}|é",
        f"{PUBLIC_KEY}|\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "a|b&" * 2000 + f"{PUBLIC_KEY}|{{mark}}",
    ],
)
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    payload = payload_of(SETTLED)
    given = signature.format(mark=mark_of(payload), other=mark_of(payload, private_key="another_key"))
    with pytest.raises(WebhookRejected):
        verify(form(payload, given))


def test_a_payload_that_was_changed_is_refused_and_one_without_its_last_line_feed_is_not() -> None:
    payload = payload_of(SETTLED)
    signature = f"{PUBLIC_KEY}|{mark_of(payload)}"
    with pytest.raises(WebhookRejected, match="wrong"):
        verify(form(payload_of(SETTLED.replace("4dyrjrgn", "2x8nwdv4")), signature))
    assert verify(form(payload.rstrip("\n"), signature)).subject_ref == "4dyrjrgn"


_SIGNED_AND_NO_NOTIFICATION: dict[str, str | bytes] = {
    "nothing": "",
    "no XML": "neither XML nor anything else",
    "bytes": b"\xff\xfe\x00",
    "another document": "<transaction><id>1</id></transaction>",
    "no timestamp": "<notification><kind>check</kind></notification>",
    "no kind": f'<notification><timestamp type="datetime">{NOON}</timestamp></notification>',
    "an untyped timestamp": f"<notification><timestamp>{NOON}</timestamp><kind>check</kind></notification>",
    "a timestamp that is none": notification("check", CHECK, timestamp="yesterday"),
    "a kind without an end": notification("x" * 300, CHECK),
    "a kind that is a tree": notification("<a><b>c</b></a>", CHECK),
    "no subject": notification("check", ""),
    "a subject that is a word": notification("check", "true"),
    "a transaction without an id": notification("transaction_settled", transaction(type="sale")),
    "a transaction that is a text": notification("transaction_settled", "<transaction>4dyrjrgn</transaction>"),
    "a dispute without an id": notification("dispute_opened", "<dispute><kind>chargeback</kind></dispute>"),
    "a dispute that is a list": notification("dispute_opened", '<dispute type="array"><item>1</item></dispute>'),
    "a method without a token": notification("payment_method_revoked_by_customer", "<x><a>b</a></x>"),
    "something deep": "<a>" * 100_000,
    "entities": "<!DOCTYPE a [<!ENTITY b 'bbbb'>]>" + notification("check", "&b;"),
    "a file of ours": "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]>" + notification("check", "&b;"),
}  # fmt: skip


@pytest.mark.parametrize("name", _SIGNED_AND_NO_NOTIFICATION)
def test_what_was_signed_and_is_no_notification_is_refused(name: str) -> None:
    with pytest.raises(WebhookRejected):
        verify(delivery(_SIGNED_AND_NO_NOTIFICATION[name]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"bt_signature=a",
        b"bt_payload=a",
        b"bt_signature=a%7Cb&bt_payload=%FF",
        b"bt_signature=a%7Cb&bt_payload=a&bt_payload=b",
        b"bt_signature=a&bt_signature=a&bt_payload=b",
        b"&".join(b"a%d=b" % number for number in range(50)),
    ],
)
def test_a_body_that_is_no_form_of_two_fields_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        verify(body)


def test_a_signed_payload_that_is_not_in_base64_is_refused() -> None:
    for payload in ("not base64!", "YQ=", "a b", "é"):
        with pytest.raises(WebhookRejected):
            verify(form(payload, f"{PUBLIC_KEY}|{mark_of(payload)}"))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: urlencode({"bt_payload": text}).encode()))
def test_whatever_is_posted_is_refused_and_never_raises_anything_else(body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        verify(body)


# --- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _KINDS)
def test_no_card_no_person_and_no_key_is_kept(kind: str) -> None:
    kept = str(verify(urlencode(sample(kind)).encode()).payload)
    secrets = (
        "1234",
        "123456789",
        "Dan Schulman",
        "private_key",
        "cse_key",
        "hey@girl.com",
        "I reviewed",
        "John",
        "Doe",
    )
    assert not [secret for secret in secrets if secret in kept]


def test_what_is_kept_says_what_happened() -> None:
    dispute = verify(urlencode(sample("dispute_opened")).encode()).payload
    assert dispute["kind"] == "dispute_opened"
    assert dispute["dispute"]["amount_disputed"] == "100.00"
    assert dispute["dispute"]["transaction"] == {"id": "an_id", "order_id": None}
    assert verify(delivery(SETTLED)).payload["transaction"] == {
        "id": "4dyrjrgn",
        "type": "sale",
        "amount": "10.00",
        "order_id": "op_1",
    }
    assert redacted(dispute) == dispute, "nothing is left for the last line"


# --- the challenge ----------------------------------------------------------------------------------------------------


def challenge(query: dict[str, str]) -> str | None:
    return webhooks.challenge(query, public_key=PUBLIC_KEY, private_key=PRIVATE_KEY)


def test_a_challenge_is_answered_as_the_sdk_would() -> None:
    asked = "20f9f8ed05f77439fe955c977e4c8a53"
    assert challenge({"bt_challenge": asked}) == _SDK.webhook_notification.verify(asked)


def test_who_asks_for_nothing_is_told_nothing() -> None:
    assert challenge({}) is None
    assert challenge({"hub.challenge": "20f9f8ed05f77439fe955c977e4c8a53"}) is None


@pytest.mark.parametrize("asked", ["", "20f9", "x" * 24, "a" * 33, "20F9F8ED05F77439FE955C977E4C8A53", "a" * 24 + "\n"])
def test_nothing_but_a_challenge_is_signed(asked: str) -> None:
    with pytest.raises(WebhookRejected):
        challenge({"bt_challenge": asked})


# --- Braintree itself -------------------------------------------------------------------------------------------------


def test_what_the_account_delivers_is_taken_and_what_is_forged_is_not() -> None:
    def taken(kept: dict[str, str]) -> WebhookEvent:
        body = urlencode({name: kept[name] for name in ("bt_signature", "bt_payload")}).encode()
        return webhooks.verify(body, public_key=KEYS.public_key, private_key=KEYS.private_key, livemode=False)

    with serving_aside(keys=KEYS) as (address, _), open_shop(address) as shop:
        shop.control("webhooks", {"endpoints": [{"url": None}]})
        sold = shop.settled(order_id="op_1")
        ref = shop.control("disputes", {"transaction": sold.id})["id"]
        shop.misbehave({"on": "webhook", "fault": "forged"})
        shop.control("deliveries", {"number": "check"})
        opened, check = shop.control("collected", {})["deliveries"]
    event = taken(opened)
    assert (event.kind, event.subject, event.subject_ref) == ("dispute_opened", WebhookSubject.DISPUTE, ref)
    assert event.payload["dispute"]["transaction"] == {"id": sold.id, "order_id": "op_1"}
    with pytest.raises(WebhookRejected, match="wrong"):
        taken(check)
