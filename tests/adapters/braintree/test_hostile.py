"""Answers that are none: whatever comes back, it is an outcome, and never one that it does not show."""

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.braintree import BraintreeProvider
from domain.money import Money
from domain.provider import (
    AcceptRequest,
    AttachRequest,
    CaptureRequest,
    ChargeRequest,
    ChargeResult,
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
from tests.adapters.braintree.desk import provider_at
from tests.adapters.impostor import Impostor, impostor

TEN = Money(10_00, "USD")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
async def somebody() -> AsyncIterator[tuple[Impostor, BraintreeProvider]]:
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


def _look(charge_ref: str | None) -> LookUp:
    return LookUp(
        operation_id="op_1",
        customer_ref="cus_1",
        charge_ref=charge_ref,
        not_before=NOW,
        initiator=Initiator.CUSTOMER,
        amount=TEN,
    )


_CALLS: dict[str, Callable[[BraintreeProvider], Awaitable[Any]]] = {
    "ensure_customer": lambda p: p.ensure_customer(CustomerRequest(customer_id="c", email=None, name="Ann")),
    "attach": lambda p: p.attach_payment_method(
        AttachRequest(payment_method_id="pm_ours", customer_ref="cus_1", token="nonce", return_url=None)
    ),
    "fetch_payment_method": lambda p: p.fetch_payment_method(payment_method_ref="pm_1"),
    "charge": lambda p: p.charge(_CHARGE),
    "capture": lambda p: p.capture(CaptureRequest(operation_id="op_1", charge_ref="sale1", amount=TEN)),
    "fetch_charge": lambda p: p.fetch_charge(charge_ref="sale1"),
    "fetch_refund": lambda p: p.fetch_refund(refund_ref="credit1"),
    "fetch a void": lambda p: p.fetch_refund(refund_ref="sale1:void"),
    "find_charge": lambda p: p.find_charge(_look(None)),
    "find_refund": lambda p: p.find_refund(_look("sale1")),
    "search a refund": lambda p: p.find_refund(_look(None)),
    "fetch_dispute": lambda p: p.fetch_dispute(dispute_ref="dp1"),
    "evidence": lambda p: p.submit_evidence(
        EvidenceRequest(operation_id="op_1", dispute_ref="dp1", evidence={EvidenceKind.OTHER: "x"})
    ),
    "accept": lambda p: p.accept_dispute(AcceptRequest(operation_id="op_1", dispute_ref="dp1")),
    "changes": lambda p: p.changes(since=NOW, cursor=None),
    "changes of disputes": lambda p: p.changes(since=NOW, cursor="open_disputes:1+1:"),
}
_LOOK_FIRST: dict[str, Callable[[BraintreeProvider], Awaitable[Any]]] = {
    "continue": lambda p: p.continue_charge(
        ContinueRequest(operation_id="op_1", charge_ref=None, token="nonce", charge=_CHARGE)
    ),
    "void": lambda p: p.void(VoidRequest(operation_id="op_1", charge_ref="sale1")),
    "refund": lambda p: p.refund(
        RefundRequest(operation_id="op_1", refund_id="rf_1", charge_ref="sale1", amount=TEN, reason=None)
    ),
}
"""Where nothing that can act is sent before a look is answered."""
_DELETE: dict[str, Callable[[BraintreeProvider], Awaitable[Any]]] = {
    "forget_customer": lambda p: p.forget_customer(customer_ref="cus_1"),
    "detach": lambda p: p.detach_payment_method(payment_method_ref="pm_1"),
}
"""Where Braintree itself answers without a body."""

_SALE = {
    "id": "sale1",
    "type": "sale",
    "status": "submitted_for_settlement",
    "amount": "10.00",
    "currency-iso-code": "USD",
    "merchant-account-id": "usd_account",
    "order-id": "op_1",
}
_HISTORY = (
    '<status-history type="array">'
    "<status-event><timestamp type='datetime'>2026-11-21T12:00:00Z</timestamp><status>authorized</status>"
    "<amount>10.00</amount></status-event>"
    "<status-event><timestamp type='datetime'>2026-11-21T12:00:00Z</timestamp>"
    "<status>submitted_for_settlement</status><amount>10.00</amount></status-event></status-history>"
)
_MADE = '<created-at type="datetime">2026-11-21T12:00:00Z</created-at>'


def sale(*, more: str = "", history: str = _HISTORY, made: str = _MADE, **changed: str | None) -> bytes:
    told = _SALE | {name.replace("_", "-"): value for name, value in changed.items()}
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in told.items() if value is not None)
    return f"<transaction>{inside}{made}{history}{more}</transaction>".encode()


_NO_ANSWERS: dict[str, tuple[int, bytes]] = {
    "nothing": (200, b""),
    "white space": (200, b" \n"),
    "a page": (200, b"<html>Log in to the hotel's network</html>"),
    "a page that is no XML": (200, b"<html><br>Log in</html>"),
    "a page of a proxy": (502, b"<html>Bad Gateway</html>"),
    "JSON": (200, b'{"transaction": {"status": "settled"}}'),
    "half an answer": (201, sale()[:200]),
    "something else": (200, b"<mystery><id>sale1</id></mystery>"),
    "an object that is a text": (200, b"<transaction>settled</transaction>"),
    "an empty object": (200, b"<transaction/>"),
    "a list": (200, b'<transaction type="array"><item>1</item></transaction>'),
    "an object without an id": (200, b"<transaction><status>settled</status></transaction>"),
    "a deep answer": (200, b"<a>" * 20_000 + b"</a>" * 20_000),
    "entities": (200, b'<!DOCTYPE a [<!ENTITY b "c">]><transaction>&b;</transaction>'),
    "bytes": (200, b"\xff\xfe\x00"),
    "no number": (200, b'<transaction><id type="integer">one</id></transaction>'),
    "no time": (200, b'<transaction><id type="datetime">noon</id></transaction>'),
    "a refusal that is none": (422, b""),
    "a refusal that is a page": (422, b"<html>Unprocessable</html>"),
    "a refusal of something else": (422, b"<api-error-response>no</api-error-response>"),
    "elsewhere": (302, b""),
    "a teapot": (418, b""),
    "a request that took long": (408, b""),
    "a conflict": (409, b""),
    "a bad request": (400, b""),
}


@pytest.mark.parametrize("name", _NO_ANSWERS)
async def test_what_is_no_answer_of_braintree_is_unknown_to_every_call(
    somebody: tuple[Impostor, BraintreeProvider], name: str
) -> None:
    made, provider = somebody
    made.status, made.body = _NO_ANSWERS[name]
    told = {call: await ask(provider) for call, ask in _CALLS.items()}
    assert {call: result and result.outcome for call, result in told.items()} == dict.fromkeys(_CALLS, Outcome.UNKNOWN)
    looked = {call: (await ask(provider)).outcome for call, ask in _LOOK_FIRST.items()}
    assert looked == dict.fromkeys(_LOOK_FIRST, Outcome.NOT_SENT)
    deleted = {call: (await ask(provider)).outcome for call, ask in _DELETE.items()}
    is_empty = made.status == 200 and not made.body.strip()
    assert deleted == dict.fromkeys(_DELETE, Outcome.SUCCEEDED if is_empty else Outcome.UNKNOWN)
    assert isinstance(await provider.client_session(customer_ref="cus_1"), Refusal)
    assert await provider.check() is not None


@pytest.mark.parametrize("status", [401, 403, 404, 426])
async def test_a_page_with_the_status_of_a_refusal_refuses_nothing(
    somebody: tuple[Impostor, BraintreeProvider], status: int
) -> None:
    """Only Braintree's own word does, and it says these without any."""
    made, provider = somebody
    made.status, made.body = status, b"<!DOCTYPE html><HTML>Forbidden by the firewall</html>"
    assert (await provider.charge(_CHARGE)).outcome is Outcome.UNKNOWN
    assert (await provider.fetch_payment_method(payment_method_ref="pm_1")).gone is False
    assert (await provider.detach_payment_method(payment_method_ref="pm_1")).outcome is Outcome.UNKNOWN


async def test_a_rate_limit_says_for_how_long(somebody: tuple[Impostor, BraintreeProvider]) -> None:
    made, provider = somebody
    made.status, made.body, made.headers = 429, b"", "Retry-After: 7\r\n"
    charge = await provider.charge(_CHARGE)
    assert charge.refusal is not None
    assert (charge.outcome, charge.refusal.retry_after_seconds) == (Outcome.NOT_SENT, 7)


@pytest.mark.parametrize(
    "changed",
    [
        {"order_id": "op_2"},
        {"order_id": None},
        {"status": "levitating"},
        {"status": None},
        {"type": "credit"},
        {"type": None},
        {"amount": "ten"},
        {"amount": "10.005"},
        {"amount": "NaN"},
        {"amount": None},
        {"currency_iso_code": "XXX"},
        {"currency_iso_code": None},
        {"merchant_account_id": None},
        {"history": ""},
        {"history": "<status-history>settled</status-history>"},
        {"history": '<status-history type="array"><status-event/></status-history>'},
        {"made": ""},
        {"made": "<created-at>today</created-at>"},
        {"more": '<refund-ids type="array"><item/></refund-ids>'},
        {"more": "<credit-card><expiration-year>2030</expiration-year></credit-card>"},
    ],
    ids=str,
)
async def test_a_sale_that_lacks_what_it_has_to_have_proves_nothing(
    somebody: tuple[Impostor, BraintreeProvider], changed: dict[str, Any]
) -> None:
    made, provider = somebody
    made.status, made.body = 201, sale()
    assert (await provider.charge(_CHARGE)).outcome is Outcome.SUCCEEDED
    made.body = sale(**changed)
    assert (await provider.charge(_CHARGE)).outcome is Outcome.UNKNOWN


async def test_an_answer_about_another_object_proves_nothing(somebody: tuple[Impostor, BraintreeProvider]) -> None:
    made, provider = somebody
    made.body = sale(id="sale2")
    for call in ("capture", "fetch_charge", "fetch_refund", "fetch a void", "find_refund"):
        told = await _CALLS[call](provider)
        assert told.outcome is Outcome.UNKNOWN, call


async def test_fields_of_tomorrow_disturb_nobody(somebody: tuple[Impostor, BraintreeProvider]) -> None:
    made, provider = somebody
    made.body = sale(more='<aura type="array"><colour>octarine</colour></aura><mood nil="true"/>')
    charge = await provider.fetch_charge(charge_ref="sale1")
    assert (charge.outcome, charge.captured) == (Outcome.SUCCEEDED, TEN)


@pytest.mark.parametrize(
    "errors",
    [
        "",
        "<errors/>",
        '<errors><errors type="array"/></errors>',
        "<errors>many</errors>",
        '<errors><transaction><errors type="array"><error/></errors></transaction></errors>',
    ],
)
async def test_a_refusal_without_reasons_is_a_refusal(
    somebody: tuple[Impostor, BraintreeProvider], errors: str
) -> None:
    made, provider = somebody
    made.status = 422
    made.body = f"<api-error-response>{errors}<message>No.</message></api-error-response>".encode()
    charge = await provider.charge(_CHARGE)
    assert charge.outcome in (Outcome.FAILED, Outcome.UNKNOWN)
    assert (charge.outcome is Outcome.UNKNOWN) is ("many" in errors)


async def test_all_reasons_of_a_refusal_are_kept_and_the_one_about_the_key_counts(
    somebody: tuple[Impostor, BraintreeProvider],
) -> None:
    made, provider = somebody
    made.status = 422
    made.body = (
        b'<api-error-response><errors><errors type="array"/><transaction><errors type="array">'
        b"<error><code>81502</code><attribute type='symbol'>amount</attribute><message>Amount.</message></error>"
        b"<error><code>915232</code><attribute type='symbol'>api_request_key</attribute><message>Key.</message></error>"
        b"</errors></transaction></errors><message>Both.</message></api-error-response>"
    )
    charge = await provider.charge(_CHARGE)
    assert charge.refusal is not None
    assert (charge.outcome, charge.refusal.provider_code, charge.refusal.message) == (
        Outcome.UNKNOWN,
        "915232",
        "Key.",
    )
    assert charge.raw == {"status": 422, "codes": ["81502", "915232"]}


@pytest.mark.parametrize(
    ("ids", "shown", "outcome"),
    [
        ("<item>sale1</item>", sale(), Outcome.SUCCEEDED),
        ("<item>sale1</item>", b"", Outcome.UNKNOWN),
        ("<item>sale1</item><item>sale2</item>", sale(), Outcome.UNKNOWN),
        ("<item>sale1</item>", sale(order_id="op_2"), Outcome.UNKNOWN),
        ("<item>sale1</item>" * 51, sale() * 50, Outcome.UNKNOWN),
        ("", b"", None),
    ],
)
async def test_what_a_search_names_and_does_not_show_is_not_taken_for_missing(
    somebody: tuple[Impostor, BraintreeProvider], ids: str, shown: bytes, outcome: Outcome | None
) -> None:
    made, provider = somebody
    named = f'<search-results><page-size type="integer">50</page-size><ids type="array">{ids}</ids></search-results>'
    made.bodies["search_ids"] = named.encode()
    made.body = b'<credit-card-transactions type="collection">' + shown + b"</credit-card-transactions>"
    found = await provider.find_charge(_look(None))
    assert (found and found.outcome) == outcome


@pytest.mark.parametrize("cut", [0, 20])
async def test_an_answer_may_be_compressed_and_half_of_one_is_none(
    somebody: tuple[Impostor, BraintreeProvider], cut: int
) -> None:
    made, provider = somebody
    zipped = gzip.compress(sale())
    made.body, made.headers = zipped[: len(zipped) - cut], "Content-Encoding: gzip\r\n"
    charge = await provider.fetch_charge(charge_ref="sale1")
    assert charge.outcome is (Outcome.UNKNOWN if cut else Outcome.SUCCEEDED)


async def test_what_is_compressed_has_no_end_either(somebody: tuple[Impostor, BraintreeProvider]) -> None:
    made, provider = somebody
    made.body, made.headers = gzip.compress(sale(more=" " * (64 << 20))), "Content-Encoding: gzip\r\n"
    assert (await provider.fetch_charge(charge_ref="sale1")).outcome is Outcome.UNKNOWN


async def test_an_answer_without_an_end_is_cut_off(somebody: tuple[Impostor, BraintreeProvider]) -> None:
    made, provider = somebody
    made.body = sale(more=f"<note>{'x' * (17 << 20)}</note>")
    assert (await provider.fetch_charge(charge_ref="sale1")).outcome is Outcome.UNKNOWN


_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&>"), max_size=12)
_NAMES = st.sampled_from([*_SALE, "refund-ids", "credit-card", "three-d-secure-info", "gateway-rejection-reason"])
_KINDS = st.sampled_from(["", ' type="array"', ' type="integer"', ' type="datetime"', ' type="boolean"', ' nil="true"'])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(_NAMES, _KINDS, _TEXTS), min_size=1, max_size=3), is_declined=st.booleans())
async def test_whatever_stands_in_a_sale_is_an_outcome(
    somebody: tuple[Impostor, BraintreeProvider], changes: list[tuple[str, str, str]], is_declined: bool
) -> None:
    made, provider = somebody
    changed = "".join(f"<{name}{kind}>{text}</{name}>" for name, kind, text in changes)
    body = sale(more=changed).decode()
    made.status = 422 if is_declined else 201
    made.body = (f"<api-error-response>{body}</api-error-response>" if is_declined else body).encode()
    for call in ("charge", "fetch_charge", "capture"):
        told = await _CALLS[call](provider)
        assert isinstance(told, ChargeResult)
        if told.outcome is Outcome.SUCCEEDED:
            assert told.captured == TEN or any(name in ("amount", "currency-iso-code") for name, *_ in changes)


@pytest.mark.parametrize(
    ("body", "is_outage"), [(sale(status="levitating"), False), (b"<html>Log in</html>", True), (b"", True)]
)
async def test_one_object_that_makes_no_sense_is_no_outage(
    somebody: tuple[Impostor, BraintreeProvider], body: bytes, is_outage: bool
) -> None:
    """Reconciliation and webhooks ask for it again and again, and an outage keeps everybody from paying."""
    made, provider = somebody
    made.body = body
    told: list[Any] = [
        await provider.fetch_charge(charge_ref="sale1"),
        await provider.fetch_refund(refund_ref="sale1:void"),
        await provider.fetch_dispute(dispute_ref="sale1"),
        await provider.fetch_payment_method(payment_method_ref="pm_1"),
    ]
    assert [each.outcome for each in told] == [Outcome.UNKNOWN] * 4
    assert [each.refusal.is_outage for each in told if each.refusal] == [is_outage] * 4
    charged = await provider.charge(_CHARGE)
    assert charged.refusal is not None
    assert charged.refusal.is_outage, "if every charge makes no sense, nobody should be charged"
