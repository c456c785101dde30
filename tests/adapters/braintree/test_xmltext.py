"""Braintree's XML, as its own SDK reads it; and how little everybody else has to wait meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import braintree
import pytest
from braintree import WebhookNotification
from braintree.util.http import Http
from braintree.util.parser import Parser
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.braintree import xmltext
from adapters.braintree.reading import Unreadable
from tests.emulators.braintree.serving import serving_aside
from tests.emulators.braintree_shop import KEYS, VISA, Shop, open_shop

_TRANSACTIONS_A_PAGE = 50


def as_the_sdk_reads(body: bytes) -> dict[str, Any]:
    return dict(Parser(body).parse())


# --- the same as the SDK's --------------------------------------------------------------------------------------------


def test_everything_that_an_account_answers_is_read_as_the_sdk_reads_it() -> None:
    answers = _everything_answered()
    assert len(answers) > 30
    assert {next(iter(xmltext.read(body))) for body in answers} >= {
        *("api_error_response", "client_token", "credit_card", "credit_card_transactions", "customer", "dispute"),
        *("disputes", "evidence", "payment_method_nonce", "search_results", "transaction"),
    }
    for body in answers:
        assert xmltext.read(body) == as_the_sdk_reads(body)
        in_lines = body.replace(b"><", b">\n        <")
        assert xmltext.read(in_lines) == as_the_sdk_reads(in_lines)


def _everything_answered() -> list[bytes]:
    heard: list[bytes] = []

    class Recorded(Http):  # type: ignore[misc]
        """The SDK's own transport, and what came over it."""

        def http_do(self, *asked: Any) -> Any:
            status, text = super().http_do(*asked)
            heard.extend([text.encode()] if text.strip() else [])
            return status, text

    with serving_aside(keys=KEYS) as (address, _), open_shop(address, duplicate_window_seconds=0) as shop:
        theirs = shop.sdk.config
        shop.sdk = braintree.BraintreeGateway(
            braintree.Configuration(
                theirs.environment, KEYS.merchant_id, KEYS.public_key, KEYS.private_key, http_strategy=Recorded
            )
        )
        _everything_asked(shop)
    return heard


def _everything_asked(shop: Shop) -> None:
    sdk = shop.sdk
    customer, token = shop.customer_with()
    sdk.customer.create({"id": "no good id!", "email": "nobody"})
    sdk.customer.update(customer, {"last_name": "O'Lovelace & Söhne <GmbH> "})
    sdk.customer.find(customer)
    sdk.client_token.generate({"customer_id": customer})
    sdk.payment_method.find(token)
    sdk.payment_method_nonce.find(sdk.payment_method_nonce.create(token).payment_method_nonce.nonce)
    sdk.payment_method.create({"customer_id": customer, "payment_method_nonce": "fake-processor-declined-visa-nonce"})
    for amount in ("10.00", "2000.00", "2046.00", "3000.00", "5001.00"):
        shop.sale(amount)
    shop.sale("12.34", shop.nonce(three_d_secure="authenticate_successful", amount="12.34"))
    shop.sale("-1", VISA)
    held = shop.sold(submit=False)
    sdk.transaction.submit_for_settlement(held.id, "4.00")
    sdk.transaction.void(shop.sold().id)
    settled = shop.settled(merchant_account_id="jpy_account")
    sdk.transaction.refund(settled.id, "1")
    sdk.transaction.refund(settled.id, "1000000")
    sdk.transaction.find(settled.id)
    dispute = shop.control("disputes", {"transaction": settled.id, "amount": "5"})["id"]
    sdk.dispute.add_text_evidence(dispute, {"content": " 1 <parcel>, &c. ", "category": "TRACKING_NUMBER"})
    sdk.dispute.finalize(dispute)
    sdk.dispute.accept(dispute)
    sdk.dispute.find(dispute)
    list(sdk.dispute.search([braintree.DisputeSearch.id == dispute]).disputes.items)
    list(sdk.transaction.search([braintree.TransactionSearch.customer_id == customer]).items)
    list(sdk.transaction.search([braintree.TransactionSearch.amount >= "1"]).items)


@pytest.mark.parametrize("kind", [each for name, each in vars(WebhookNotification.Kind).items() if name[0] != "_"])
def test_every_sample_of_a_notification_is_read_as_the_sdk_reads_it(kind: str) -> None:
    # By its class, for what the gateway hands out is encoded and signed.
    sdk: Any = braintree.BraintreeGateway(braintree.Configuration("sandbox", "a", "b", "c")).webhook_testing
    document = sdk._WebhookTestingGateway__sample_xml(kind, "an_id", "another_id")
    assert xmltext.read(document) == as_the_sdk_reads(document)


_WORDS = st.text(st.characters(exclude_categories=["C"], exclude_characters="\r\u00a0\u1680"), max_size=8).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
)
_LEAVES = st.one_of(
    _WORDS.map(lambda text: ("", text)),
    st.integers().map(lambda number: (' type="integer"', str(number))),
    st.sampled_from(["true", "false", "1", "0", "", "\n true "]).map(lambda text: (' type="boolean"', text)),
    st.dates().map(lambda day: (' type="date"', day.isoformat())),
    st.datetimes().map(lambda moment: (' type="datetime"', f"{moment.replace(microsecond=0).isoformat()}Z")),
    st.just((' nil="true"', "")),
    st.just((' type="array"', "")),
    st.just((' type="symbol"', "base")),
)


def _elements(inside: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    named = st.tuples(st.sampled_from(["a", "b-c", "d"]), inside).map(
        lambda each: f"<{each[0]}{each[1][0]}>{each[1][1]}</{each[0]}>"
    )
    return st.tuples(
        st.sampled_from(["", ' type="array"', ' type="collection"', ' nil="true"']),
        st.tuples(st.lists(named, min_size=1, max_size=4), st.sampled_from(["", " ", "\n  "])).map(
            lambda each: each[1].join(each[0])
        ),
    )


@settings(max_examples=100, deadline=None)
@given(st.recursive(_LEAVES, _elements, max_leaves=12))
def test_any_tree_is_read_as_the_sdk_reads_it(root: tuple[str, str]) -> None:
    body = f"<root{root[0]}>{root[1]}</root>".encode()
    assert xmltext.read(body) == as_the_sdk_reads(body)


def test_a_text_that_comes_in_several_portions_is_one() -> None:
    text = "Zwölf Boxkämpfer jagen Viktor. " * 3000
    assert xmltext.read(f"<a><b>{text}</b></a>".encode()) == {"a": {"b": text}}


def test_what_is_nil_is_none_whatever_its_type() -> None:
    """Where the SDK gives up."""
    body = b'<a><b type="integer" nil="true"/><c type="datetime" nil="true"></c><d type="date" nil="true"/></a>'
    assert xmltext.read(body) == {"a": {"b": None, "c": None, "d": None}}


# --- what is refused --------------------------------------------------------------------------------------------------

_LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
_NO_DOCUMENTS: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n",
    "a page": b"<html><br></html>",
    "JSON": b'{"transaction": {}}',
    "half a document": b"<transaction><id>1</id>",
    "two documents": b"<a/><a/>",
    "no UTF-8": b"<a>\xff\xfe</a>",
    "a NUL": b"<a>\0</a>",
    "a number that is none": b'<a type="integer">ten</a>',
    "a number without an end": b'<a type="integer">' + b"9" * 5000 + b"</a>",
    "a time that is none": b'<a type="datetime">soon</a>',
    "a date that is none": b'<a type="date">2026-13-01</a>',
    "a time beyond time": b'<a type="datetime">0001-01-01T00:00:00+01:00</a>',
    "a thousand laughs": f"<!DOCTYPE a [<!ENTITY l0 'ha'>{_LAUGHS}]><a>&l9;</a>".encode(),
    "an entity of its own": b"<!DOCTYPE a [<!ENTITY b 'bbb'>]><a>&b;</a>",
    "a file of ours": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a>&b;</a>",
    "a document type elsewhere": b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd'><a/>",
    "an entity that nobody declared": b"<a>&b;</a>",
    "a well": b"<a>" * 100_000,
    "a well with a bottom": b"<a>" * 1000 + b"</a>" * 1000,
}


@pytest.mark.parametrize("name", _NO_DOCUMENTS)
def test_what_is_no_document_of_braintree_is_unreadable(name: str) -> None:
    with pytest.raises(Unreadable):
        xmltext.read(_NO_DOCUMENTS[name])


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=80)
    | st.lists(st.sampled_from([b"<a>", b"</a>", b"<a/>", b"b", b"&amp;", b"<!--", b"-->"])).map(b"".join)
)
def test_whatever_comes_is_a_document_or_unreadable(body: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(xmltext.read(body), dict)


# --- how long others wait ---------------------------------------------------------------------------------------------


async def test_the_event_loop_hardly_waits_while_a_page_is_read() -> None:
    """Beside the SDK's parser, for a busy machine makes both late; the figures are in docs/performance.md."""
    page = _page()
    ours, theirs = [], []
    for _ in range(4):
        ours.append(await _longest_wait(lambda: xmltext.read(page)))
        theirs.append(await _longest_wait(lambda: as_the_sdk_reads(page)))
    assert min(ours) < 0.05
    assert min(ours) < min(theirs)


async def _longest_wait(work: Callable[[], object]) -> float:
    """Seconds by which the loop was late, at worst, while a thread did this."""
    worst = 0.0
    under_way = asyncio.create_task(asyncio.to_thread(work))
    while not under_way.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - began - 0.001)
    await under_way
    return worst


def _page() -> bytes:
    fields = "".join(f"<some-field-{number}>some value {number}</some-field-{number}>" for number in range(60))
    inside = '<created-at type="datetime">2026-11-21T12:00:00Z</created-at><nothing nil="true"/>' + fields * 2
    return f"<page>{f'<transaction>{inside}</transaction>' * _TRANSACTIONS_A_PAGE}</page>".encode()
