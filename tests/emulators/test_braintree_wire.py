"""How the Braintree emulator speaks: XML and its types, gzip, who may ask, and answers without a body."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import braintree
import pytest
from braintree.exceptions.authentication_error import AuthenticationError
from braintree.exceptions.authorization_error import AuthorizationError
from braintree.exceptions.not_found_error import NotFoundError
from braintree.util.xml_util import XmlUtil

from tests.emulators.braintree import client_tokens, customers, payment_methods, refunds, sales, settling, vaulting
from tests.emulators.braintree.xmltext import Many, XmlUnreadable, read, write
from tests.emulators.braintree_shop import KEYS, Shop


def test_what_the_sdk_writes_is_read_in_its_types() -> None:
    said = {
        "transaction": {
            "amount": Decimal("10.00"),
            "nothing": None,
            "count": 3,
            "yes": True,
            "at": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 (the SDK's times are naive)
            "names": ["Ada & Bob", "<Çelik> 'x'"],
            "things": [{"a": "1"}],
        }
    }

    assert read(XmlUtil.xml_from_dict(said).encode()) == {
        "transaction": {
            "amount": "10.00",
            "nothing": None,
            "count": 3,
            "yes": True,
            "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "names": ["Ada & Bob", "<Çelik> 'x'"],
            "things": [{"a": "1"}],
        }
    }


def test_what_is_written_the_sdk_reads_in_its_types() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    said: dict[str, Any] = {
        "some_text": "Ada & <Bob>",
        "nothing": None,
        "count": 3,
        "yes": False,
        "moment": moment,
        "day": moment.date(),
        "no_things": Many("thing", []),
        "one_thing": Many("thing", [{"id": "a"}]),
        "ids": Many("item", ["a", "b"]),
        "inner": {"id": "x"},
    }

    assert XmlUtil.dict_from_xml(write("some_thing", said)) == {
        "some_thing": {
            "some_text": "Ada & <Bob>",
            "nothing": None,
            "count": 3,
            "yes": False,
            "moment": datetime(2026, 1, 2, 1, 4, 5),  # noqa: DTZ001 (the SDK's times are naive)
            "day": date(2026, 1, 2),
            "no_things": [],
            "one_thing": [{"id": "a"}],
            "ids": ["a", "b"],
            "inner": {"id": "x"},
        }
    }


@pytest.mark.parametrize("body", [b"<a", b'<a type="integer">x</a>', b'<a type="mystery">x</a>', b"{}"])
def test_what_is_no_xml_is_refused(body: bytes, bt: Shop) -> None:
    with pytest.raises(XmlUnreadable):
        read(body)
    assert bt.post("transactions", body.decode()).status_code == 400


def test_answers_are_gzipped_for_who_can_read_them(bt: Shop) -> None:
    path = f"/merchants/{KEYS.merchant_id}/transactions/{bt.sold().id}"

    with bt.http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as zipped:
        raw = b"".join(zipped.iter_raw())
    plain = bt.http.get(path, headers={"Accept-Encoding": "identity"})

    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert plain.headers["content-type"] == "application/xml; charset=utf-8"
    assert "content-encoding" not in plain.headers


def test_what_is_not_found_has_no_body(bt: Shop) -> None:
    missing = bt.http.get(f"/merchants/{KEYS.merchant_id}/transactions/nobodys")

    assert (missing.status_code, missing.content) == (404, b"")
    with pytest.raises(NotFoundError):
        bt.sdk.transaction.find("nobodys")
    assert bt.http.get(f"/merchants/{KEYS.merchant_id}/mysteries").status_code == 404


def test_only_the_merchant_may_ask(bt: Shop) -> None:
    environment = bt.sdk.config.environment
    for merchant, private_key, error in (
        (KEYS.merchant_id, "stolen", AuthenticationError),
        ("somebody_else", KEYS.private_key, AuthorizationError),
    ):
        stranger = braintree.BraintreeGateway(
            braintree.Configuration(environment, merchant, KEYS.public_key, private_key)
        )
        with pytest.raises(error):
            stranger.transaction.find("any")
        stranger.config.close()


def test_another_version_of_the_api_is_refused(bt: Shop) -> None:
    path = f"/merchants/{KEYS.merchant_id}/transactions/any"

    assert bt.http.get(path, headers={"X-ApiVersion": "5"}).status_code == 426
    assert bt.http.get(path, headers={"X-ApiVersion": "6"}).status_code == 404


def test_a_refusal_nests_its_errors_as_the_parameters_are(bt: Shop) -> None:
    result = bt.sdk.transaction.sale({"amount": "10.00", "credit_card": {"number": "4111", "expiration_date": "05/35"}})

    of_transaction = result.errors.for_object("transaction")
    assert (len(result.errors), of_transaction.size, of_transaction.deep_size) == (1, 0, 1)
    (error,) = of_transaction.for_object("credit_card").on("number")
    assert (error.code, error.attribute) == ("81716", "number")
    assert result.message == error.message


def test_what_the_sdk_would_not_send_is_a_bad_request(bt: Shop) -> None:
    assert bt.post("transactions", "<transaction><amount>1.00</amount><whim>1</whim></transaction>").status_code == 400
    assert bt.post("transactions", "<mystery><amount>1.00</amount></mystery>").status_code == 400
    assert bt.post("transactions", "a=b", **{"Content-Type": "text/plain"}).status_code == 415


def test_an_empty_answer_is_none_to_the_sdk(bt: Shop) -> None:
    """What the adapter has to know of it: nothing is raised."""
    bt.misbehave({"on": "transactions.create", "fault": "empty", "last": 1})

    assert bt.sale() is None
    assert len(bt.control("truth")["sales"]) == 1


def test_what_is_supported_is_something_that_the_sdk_can_send() -> None:
    for supported, known in (
        (sales.SUPPORTED, sales._KNOWN),
        (customers._OWN, customers._CREATE),
        (vaulting.CARD, payment_methods._CREATE),
        (payment_methods._UPDATABLE, payment_methods._UPDATE),
        (client_tokens._SUPPORTED, client_tokens._KNOWN),
        (settling._SUPPORTED, settling._SUBMIT),
        (refunds._REVERSE, refunds._REFUND),
    ):
        unknown = {name for name in supported if name not in known and not name.endswith("__any_key__")}
        assert unknown == set()


def test_several_customers_at_once_are_not_mixed_up(bt: Shop) -> None:
    amounts = range(1, 13)

    def sell(amount: int) -> Any:
        sold = bt.sold(f"{amount}.00", order_id=f"op_{amount}")
        found = bt.sdk.transaction.find(sold.id)
        bt.sdk.config.close()  # its connection is this thread's own
        return found

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(sell, amounts))

    assert [(each.order_id, each.amount) for each in found] == [(f"op_{amount}", amount) for amount in amounts]
    assert len(bt.control("truth")["sales"]) == len(amounts)
