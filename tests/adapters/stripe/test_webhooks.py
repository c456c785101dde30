"""Stripe's webhooks: what is taken for one, and what it is about."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import stripe

from adapters.stripe import webhooks
from domain.provider import WebhookEvent, WebhookRejected, WebhookSubject
from tests.adapters.stripe.deliveries import event_of, signed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRETS = ("whsec_new", "whsec_old")


def verify(body: bytes, headers: Mapping[str, str], *, now: datetime = NOW) -> WebhookEvent:
    return webhooks.verify(headers, body, secrets=SECRETS, now=now)


def told(event: dict[str, Any]) -> WebhookEvent:
    body = orjson.dumps(event)
    return verify(body, signed(body, secret="whsec_new", moment=NOW))


def test_these_tests_sign_as_the_sdk_does() -> None:
    body = orjson.dumps(event_of("payment_intent.succeeded"))
    theirs = stripe.WebhookSignature.generate_signature_header(body.decode(), "whsec_new", int(NOW.timestamp()))
    assert signed(body, secret="whsec_new", moment=NOW) == {"Stripe-Signature": theirs}


def test_an_event_names_what_it_is_about() -> None:
    event = told(event_of("payment_intent.succeeded", id="pi_1", metadata={"paydesk_operation": "op_1"}))
    assert (event.key, event.kind) == ("evt_1", "payment_intent.succeeded")
    assert (event.subject, event.subject_ref, event.operation_id) == (WebhookSubject.CHARGE, "pi_1", "op_1")
    assert (event.livemode, event.occurred_at) == (False, NOW)


@pytest.mark.parametrize(
    ("kind", "about", "subject", "ref"),
    [
        (
            "charge.captured",
            {"object": "charge", "id": "ch_1", "payment_intent": "pi_1"},
            WebhookSubject.CHARGE,
            "pi_1",
        ),
        (
            "charge.succeeded",
            {"object": "charge", "id": "ch_1", "payment_intent": {"id": "pi_1"}},
            WebhookSubject.CHARGE,
            "pi_1",
        ),
        ("charge.succeeded", {"object": "charge", "id": "ch_1", "payment_intent": None}, WebhookSubject.OTHER, None),
        ("refund.failed", {"object": "refund", "id": "re_1"}, WebhookSubject.REFUND, "re_1"),
        ("charge.refund.updated", {"object": "refund", "id": "re_1"}, WebhookSubject.REFUND, "re_1"),
        (
            "setup_intent.succeeded",
            {"object": "setup_intent", "id": "seti_1"},
            WebhookSubject.PAYMENT_METHOD,
            "seti_1",
        ),
        (
            "payment_method.detached",
            {"object": "payment_method", "id": "pm_1"},
            WebhookSubject.PAYMENT_METHOD,
            "pm_1",
        ),
        ("charge.dispute.created", {"object": "dispute", "id": "dp_1"}, WebhookSubject.DISPUTE, "dp_1"),
        ("customer.created", {"object": "customer", "id": "cus_1"}, WebhookSubject.OTHER, "cus_1"),
        ("balance.available", {"object": "balance"}, WebhookSubject.OTHER, None),
    ],
)
def test_every_kind_of_object_has_its_subject(
    kind: str, about: dict[str, Any], subject: WebhookSubject, ref: str | None
) -> None:
    event = told(event_of(kind, **about))
    assert (event.subject, event.subject_ref) == (subject, ref)


def test_an_event_of_a_connected_account_is_none_of_ours() -> None:
    event = told(event_of("payment_intent.succeeded") | {"account": "acct_1"})
    assert (event.subject, event.subject_ref) == (WebhookSubject.OTHER, None)


def test_an_event_in_another_api_version_is_taken_for_its_object_is_fetched() -> None:
    assert told(event_of("payment_intent.succeeded") | {"api_version": "2019-02-19"}).subject_ref == "pi_1"


@pytest.mark.parametrize("secret", SECRETS)
def test_while_a_secret_is_replaced_both_are_good(secret: str) -> None:
    body = orjson.dumps(event_of("payment_intent.succeeded"))
    assert verify(body, signed(body, secret=secret, moment=NOW)).key == "evt_1"


def test_a_delivery_that_is_signed_with_several_secrets_needs_one_that_is_known() -> None:
    body = orjson.dumps(event_of("payment_intent.succeeded"))
    one, other = (signed(body, secret=secret, moment=NOW) for secret in ("whsec_theirs", "whsec_old"))
    both = one["Stripe-Signature"] + "," + other["Stripe-Signature"].partition(",")[2]
    assert verify(body, {"stripe-signature": both}).key == "evt_1"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_signature_is_good_for_five_minutes_on_either_side_of_now(seconds: int) -> None:
    body = orjson.dumps(event_of("payment_intent.succeeded"))
    headers = signed(body, secret="whsec_new", moment=NOW)
    assert verify(body, headers, now=NOW + timedelta(seconds=seconds)).key == "evt_1"
    too_far = NOW + timedelta(seconds=seconds + (1 if seconds > 0 else -1))
    with pytest.raises(WebhookRejected, match="too old, or from the future"):
        verify(body, headers, now=too_far)


def test_the_time_that_is_checked_is_the_one_that_was_signed() -> None:
    body = orjson.dumps(event_of("payment_intent.succeeded"))
    stale = signed(body, secret="whsec_new", moment=NOW - timedelta(hours=1))["Stripe-Signature"]
    fresh = f"t={int(NOW.timestamp())}"
    for header in (f"{fresh},{stale}", f"{stale},{fresh}", stale.replace("t=", f"{fresh}, t=")):
        with pytest.raises(WebhookRejected):
            verify(body, {"Stripe-Signature": header})


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "v1=abc",
        "t=now,v1=abc",
        "t=1",
        "t=1,v1=é",
        "garbage",
        "t=1_0,v1=a",
        "t=99999999999999,v1=a",
        "," * 5000,
    ],
)
def test_a_header_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(WebhookRejected):
        verify(b"{}", {"Stripe-Signature": header})


def test_without_the_header_or_a_secret_nothing_is_taken() -> None:
    body = orjson.dumps(event_of("payment_intent.succeeded"))
    with pytest.raises(WebhookRejected):
        verify(body, {})
    with pytest.raises(WebhookRejected):
        webhooks.verify(signed(body, secret="whsec_new", moment=NOW), body, secrets=(), now=NOW)
