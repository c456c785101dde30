"""Answers that are none: whatever comes back, it is an outcome, and never one that it does not show."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.stripe import StripeProvider
from domain.money import Money
from domain.provider import (
    AcceptRequest,
    AttachRequest,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
    ClientSession,
    ContinueRequest,
    CustomerRequest,
    EvidenceKind,
    EvidenceRequest,
    Initiator,
    LookUp,
    Outcome,
    RefundRequest,
    Refusal,
    VoidRequest,
)
from tests.adapters.impostor import Impostor, impostor
from tests.adapters.stripe.desk import provider_at

TEN = Money(10_00, "USD")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
async def somebody() -> AsyncIterator[tuple[Impostor, StripeProvider]]:
    async with impostor() as made, provider_at(made.address) as provider:
        yield made, provider


_CHARGE = ChargeRequest(
    operation_id="op_1",
    charge_id="ch_1",
    amount=TEN,
    customer_ref="cus_1",
    payment_method_ref="pm_1",
    initiator=Initiator.CUSTOMER,
    return_url=None,
)
_LOOK = LookUp(
    operation_id="op_1",
    customer_ref="cus_1",
    charge_ref=None,
    not_before=NOW,
    initiator=Initiator.CUSTOMER,
    amount=None,
)
_LOOK_BACK = LookUp(
    operation_id="op_1",
    customer_ref="cus_1",
    charge_ref="pi_1",
    not_before=NOW,
    initiator=Initiator.CUSTOMER,
    amount=None,
)

_CALLS: dict[str, Callable[[StripeProvider], Awaitable[Any]]] = {
    "ensure_customer": lambda p: p.ensure_customer(CustomerRequest(customer_id="c", email=None, name=None)),
    "forget_customer": lambda p: p.forget_customer(customer_ref="cus_1"),
    "attach": lambda p: p.attach_payment_method(
        AttachRequest(payment_method_id="pm_ours", customer_ref="cus_1", token="pm_1", return_url=None)
    ),
    "adopt": lambda p: p.attach_payment_method(
        AttachRequest(payment_method_id="pm_ours", customer_ref="cus_1", token="seti_1", return_url=None)
    ),
    "detach": lambda p: p.detach_payment_method(payment_method_ref="pm_1"),
    "call off": lambda p: p.detach_payment_method(payment_method_ref="seti_1"),
    "fetch_payment_method": lambda p: p.fetch_payment_method(payment_method_ref="pm_1"),
    "fetch a confirmation": lambda p: p.fetch_payment_method(payment_method_ref="seti_1"),
    "charge": lambda p: p.charge(_CHARGE),
    "continue": lambda p: p.continue_charge(ContinueRequest(operation_id="op_1", charge_ref="pi_1", token=None)),
    "capture": lambda p: p.capture(CaptureRequest(operation_id="op_1", charge_ref="pi_1", amount=TEN)),
    "void": lambda p: p.void(VoidRequest(operation_id="op_1", charge_ref="pi_1")),
    "refund": lambda p: p.refund(
        RefundRequest(operation_id="op_1", refund_id="rf_1", charge_ref="pi_1", amount=TEN, reason=None)
    ),
    "fetch_charge": lambda p: p.fetch_charge(charge_ref="pi_1"),
    "fetch_refund": lambda p: p.fetch_refund(refund_ref="re_1"),
    "fetch_dispute": lambda p: p.fetch_dispute(dispute_ref="dp_1"),
    "evidence": lambda p: p.submit_evidence(
        EvidenceRequest(operation_id="op_1", dispute_ref="dp_1", evidence={EvidenceKind.OTHER: "x"})
    ),
    "accept": lambda p: p.accept_dispute(AcceptRequest(operation_id="op_1", dispute_ref="dp_1")),
    "find_charge": lambda p: p.find_charge(_LOOK),
    "find_refund": lambda p: p.find_refund(_LOOK_BACK),
    "changes": lambda p: p.changes(since=NOW, cursor=None),
    "changes of events": lambda p: p.changes(since=datetime.now(UTC), cursor="events"),
}

_INTENT = {
    "object": "payment_intent",
    "id": "pi_1",
    "status": "succeeded",
    "amount": 10_00,
    "amount_received": 10_00,
    "amount_capturable": 0,
    "currency": "usd",
    "metadata": {"paydesk_operation": "op_1"},
    "latest_charge": None,
    "payment_method": None,
    "client_secret": "pi_1_secret_1",
    "created": 1,
    "livemode": False,
}

_NO_ANSWERS: dict[str, tuple[int, bytes]] = {
    "nothing": (200, b""),
    "null": (200, b"null"),
    "a list": (200, b"[]"),
    "a text": (200, b'"succeeded"'),
    "a number": (200, b"7"),
    "an empty object": (200, b"{}"),
    "a page": (200, b"<html>Log in to the hotel's network</html>"),
    "a page of a proxy": (502, b"<html>Bad Gateway</html>"),
    "something else": (200, b'{"object": "mystery", "id": "mys_1"}'),
    "an object without an id": (200, b'{"object": "payment_intent", "status": "succeeded"}'),
    "a deep list": (200, b"[" * 50_000),
    "bytes": (200, b"\xff\xfe\x00"),
    "elsewhere": (302, b""),
    "a teapot": (418, b'{"error": {"message": "short and stout"}}'),
    "an error without words": (500, b'{"error": null}'),
    "an error in a text": (500, b'{"error": "oauth"}'),
    "a conflict": (409, b'{"error": {"type": "api_error"}}'),
}


@pytest.mark.parametrize("name", _NO_ANSWERS)
async def test_what_is_no_answer_of_stripe_is_unknown_to_every_call(
    somebody: tuple[Impostor, StripeProvider], name: str
) -> None:
    made, provider = somebody
    made.status, made.body = _NO_ANSWERS[name]
    told = {call: await ask(provider) for call, ask in _CALLS.items()}
    assert {call: result and result.outcome for call, result in told.items()} == dict.fromkeys(_CALLS, Outcome.UNKNOWN)
    session = await provider.client_session(customer_ref="cus_1")
    assert isinstance(session, Refusal)
    assert await provider.check() is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_page_with_the_status_of_a_refusal_refuses_nothing(
    somebody: tuple[Impostor, StripeProvider], status: int
) -> None:
    """Only Stripe's own word does."""
    made, provider = somebody
    made.status, made.body = status, b"<html>Forbidden by the firewall</html>"
    assert (await provider.charge(_CHARGE)).outcome is Outcome.UNKNOWN
    assert (await provider.fetch_payment_method(payment_method_ref="pm_1")).gone is False


async def test_a_lock_keeps_a_request_out_whatever_its_status(somebody: tuple[Impostor, StripeProvider]) -> None:
    made, provider = somebody
    made.status, made.body = 409, b'{"error": {"type": "invalid_request_error", "code": "lock_timeout"}}'
    assert (await provider.charge(_CHARGE)).outcome is Outcome.NOT_SENT


async def test_what_stripe_refuses_can_be_asked_about_there(somebody: tuple[Impostor, StripeProvider]) -> None:
    made, provider = somebody
    made.headers = "Request-Id: req_1\r\n"
    made.status, made.body = 400, b'{"error": {"type": "invalid_request_error", "code": "c", "message": "m"}}'
    charge = await provider.charge(_CHARGE)
    assert charge.outcome is Outcome.FAILED
    assert charge.raw == {"status": 400, "request": "req_1", "type": "invalid_request_error", "code": "c"}


@pytest.mark.parametrize(
    "changed",
    [
        {"metadata": {"paydesk_operation": "op_2"}},
        {"metadata": None},
        {"status": "levitating"},
        {"status": None},
        {"amount_received": "1000"},
        {"amount_received": 10.0},
        {"amount_received": 10**30},
        {"amount_received": None},
        {"currency": "xxx"},
        {"currency": "USDD"},
        {"latest_charge": {"object": "balance", "id": "ch_1"}},
        {"latest_charge": {"object": "charge", "id": "ch_1"}},
        {"status": "requires_capture", "amount_capturable": None},
        {"status": "requires_action", "client_secret": None},
        {"status": "requires_action", "next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": ""}}},
        {"payment_method": {"object": "payment_method", "id": "pm_1"}},
        {"payment_method": {"object": "customer", "id": "cus_1"}},
    ],
    ids=str,
)
async def test_an_intent_that_lacks_what_it_has_to_have_proves_nothing(
    somebody: tuple[Impostor, StripeProvider], changed: dict[str, Any]
) -> None:
    made, provider = somebody
    made.body = orjson.dumps(_INTENT)
    assert (await provider.charge(_CHARGE)).outcome is Outcome.SUCCEEDED
    intent: dict[str, Any] = {**_INTENT, **changed}
    made.body = orjson.dumps({k: v for k, v in intent.items() if v != 10**30})
    if 10**30 in intent.values():
        made.body = made.body[:-1] + b',"amount_received":' + str(10**30).encode() + b"}"
    assert (await provider.charge(_CHARGE)).outcome is Outcome.UNKNOWN


async def test_an_answer_about_another_object_proves_nothing(somebody: tuple[Impostor, StripeProvider]) -> None:
    made, provider = somebody
    made.body = orjson.dumps({**_INTENT, "id": "pi_2"})
    for call in ("capture", "void", "fetch_charge", "continue"):
        told = await _CALLS[call](provider)
        assert (told.outcome, told.charge_ref) == (Outcome.UNKNOWN, None), call


@pytest.mark.parametrize(
    ("body", "is_outage"),
    [(orjson.dumps({"id": "pi_1", "status": "levitating"}), False), (b"{}", True), (b"[]", True), (b"<html>", True)],
)
async def test_one_object_that_makes_no_sense_is_no_outage(
    somebody: tuple[Impostor, StripeProvider], body: bytes, is_outage: bool
) -> None:
    """Reconciliation and webhooks ask for it again and again, and an outage keeps everybody from paying."""
    made, provider = somebody
    made.body = body
    told: list[Any] = [
        await provider.fetch_charge(charge_ref="pi_1"),
        await provider.fetch_refund(refund_ref="re_1"),
        await provider.fetch_dispute(dispute_ref="dp_1"),
        await provider.fetch_payment_method(payment_method_ref="pm_1"),
    ]
    assert [each.outcome for each in told] == [Outcome.UNKNOWN] * 4
    assert [each.refusal.is_outage for each in told if each.refusal] == [is_outage] * 4
    charged = await provider.charge(_CHARGE)
    assert charged.refusal is not None
    assert charged.refusal.is_outage, "if every charge makes no sense, nobody should be charged"


async def test_fields_of_tomorrow_disturb_nobody(somebody: tuple[Impostor, StripeProvider]) -> None:
    made, provider = somebody
    made.body = orjson.dumps({**_INTENT, "aura": {"colour": ["octarine"]}, "next_action": None})
    charge = await provider.fetch_charge(charge_ref="pi_1")
    assert (charge.outcome, charge.captured) == (Outcome.SUCCEEDED, TEN)


async def test_an_entry_that_cannot_be_read_does_not_hide_the_others(
    somebody: tuple[Impostor, StripeProvider],
) -> None:
    made, provider = somebody
    broken = [{**_INTENT, "id": "pi_2", "status": "levitating"}, {**_INTENT, "id": "pi_3", "created": None}]
    refunds = [{"object": "refund", "id": "re_1", "status": 7, "balance_transaction": "txn_1"}]
    disputes = [{"object": "dispute", "id": "dp_1"}]
    listed = {"object": "list", "data": [_INTENT, *broken, *refunds, *disputes], "has_more": False}
    made.body = orjson.dumps(listed)
    page = await provider.changes(since=NOW, cursor=None)
    assert page.outcome is Outcome.SUCCEEDED
    assert [(each.charge_ref, each.picture.outcome) for each in page.charges] == [
        ("pi_1", Outcome.SUCCEEDED),
        ("pi_2", Outcome.UNKNOWN),
        ("pi_3", Outcome.SUCCEEDED),
    ]
    assert [(each.refund_ref, each.picture.outcome) for each in page.refunds] == [("re_1", Outcome.UNKNOWN)]
    assert [(each.dispute_ref, each.outcome) for each in page.disputes] == [("dp_1", Outcome.UNKNOWN)]


async def test_a_list_that_says_that_there_is_more_and_gives_nothing_ends(
    somebody: tuple[Impostor, StripeProvider],
) -> None:
    made, provider = somebody
    made.body = orjson.dumps({"object": "list", "data": [], "has_more": True})
    assert await provider.find_charge(_LOOK) is None
    made.body = orjson.dumps({"object": "list", "data": [{**_INTENT, "metadata": {}}], "has_more": True})
    found = await provider.find_charge(_LOOK)
    assert found is not None
    assert found.outcome is Outcome.UNKNOWN, "it never came to an end"


async def test_an_answer_without_an_end_is_cut_off(somebody: tuple[Impostor, StripeProvider]) -> None:
    made, provider = somebody
    made.body = orjson.dumps({**_INTENT, "note": "x" * (9 << 20)})
    charge = await provider.fetch_charge(charge_ref="pi_1")
    assert charge.outcome is Outcome.UNKNOWN


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=8,
)
_NAMES = (*_INTENT, "last_payment_error", "next_action", "cancellation_reason")
_BODIES = st.dictionaries(st.sampled_from(_NAMES), _JSON, min_size=1, max_size=3).map(lambda changed: _INTENT | changed)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_BODIES, status=st.sampled_from([200, 200, 402, 400]))
async def test_whatever_stands_in_an_intent_is_an_outcome(
    somebody: tuple[Impostor, StripeProvider], body: dict[str, Any], status: int
) -> None:
    made, provider = somebody
    inside = body if status == 200 else {"error": {"type": "card_error", "code": "c", "payment_intent": body}}
    made.status, made.body = status, orjson.dumps(_finite(inside), option=orjson.OPT_NON_STR_KEYS)
    for call in ("charge", "fetch_charge", "capture"):
        told = await _CALLS[call](provider)
        assert isinstance(told, ChargeResult)
        if told.outcome is Outcome.SUCCEEDED:
            assert told.captured == TEN or body["amount_received"] != 10_00 or body["currency"] != "usd"


def _finite(value: Any) -> Any:
    """What orjson writes: it has no integers beyond 64 bits."""
    match value:
        case dict():
            return {str(name): _finite(each) for name, each in value.items()}
        case list():
            return [_finite(each) for each in value]
        case int() if not isinstance(value, bool):
            return max(min(value, 2**63 - 1), -(2**63))
        case _:
            return value


async def test_a_client_session_is_none_without_its_secret(somebody: tuple[Impostor, StripeProvider]) -> None:
    made, provider = somebody
    made.body = b'{"object": "setup_intent", "id": "seti_1", "client_secret": ""}'
    assert isinstance(await provider.client_session(customer_ref="cus_1"), Refusal)
    made.body = b'{"object": "setup_intent", "id": "seti_1", "client_secret": "seti_1_secret_1"}'
    assert isinstance(await provider.client_session(customer_ref="cus_1"), ClientSession)
