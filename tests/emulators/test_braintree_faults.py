"""What goes wrong at the Braintree emulator goes wrong as in life, and the truth can be looked up afterwards."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import requests
from braintree import TransactionSearch
from braintree.exceptions.authorization_error import AuthorizationError
from braintree.exceptions.braintree_error import BraintreeError
from braintree.exceptions.gateway_timeout_error import GatewayTimeoutError
from braintree.exceptions.server_error import ServerError
from braintree.exceptions.service_unavailable_error import ServiceUnavailableError
from braintree.exceptions.too_many_requests_error import TooManyRequestsError
from braintree.exceptions.unexpected_error import UnexpectedError

from tests.emulators.braintree_shop import KEYS, Shop, codes, until

_CREATE = "transactions.create"
_PATH = f"/merchants/{KEYS.merchant_id}/transactions"
_XML = (
    "<transaction><type>sale</type><amount>10.00</amount><payment_method_nonce>fake-valid-nonce</payment_method_nonce>"
    '<options><submit_for_settlement type="boolean">true</submit_for_settlement></options></transaction>'
)


def _captured(bt: Shop) -> str:
    captured: str = bt.control("truth")["totals"].get("USD", {"captured": "0.00"})["captured"]
    return captured


def _once(bt: Shop, fault: str, **more: Any) -> None:
    bt.misbehave({"on": _CREATE, "fault": fault, "last": 1, **more})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("lose_answer", requests.ConnectionError),
        ("reset", requests.ConnectionError),
        ("error_after", ServerError),
        ("timeout_after", GatewayTimeoutError),
        ("bad_gateway", UnexpectedError),
        ("html", Exception),
        ("truncate", Exception),
        ("empty", None),
    ],
)
def test_the_answer_is_lost_and_the_money_is_taken(bt: Shop, fault: str, error: type[Exception] | None) -> None:
    _once(bt, fault)

    if error is None:
        assert bt.sale(api_request_key="k") is None
    else:
        with pytest.raises(error):
            bt.sale(api_request_key="k")

    assert _captured(bt) == "10.00"


@pytest.mark.parametrize("fault", ["lose_answer", "reset", "error_after", "html", "empty"])
def test_a_lost_answer_is_given_to_who_asks_again_with_its_key(bt: Shop, fault: str) -> None:
    _once(bt, fault)
    asked: dict[str, Any] = {"order_id": "op_1", "api_request_key": "op_1"}
    with suppress(Exception):
        bt.sale(**asked)

    again = bt.sale(**asked)

    assert again.is_success
    assert _captured(bt) == "10.00"


def test_a_lost_answer_without_a_key_is_a_duplicate_the_second_time(bt: Shop) -> None:
    _once(bt, "lose_answer")
    with pytest.raises(requests.ConnectionError):
        bt.sale(order_id="op_1")

    again = bt.sale(order_id="op_1")

    assert again.transaction.gateway_rejection_reason == "duplicate"
    assert _captured(bt) == "10.00"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("lose_request", requests.ConnectionError),
        ("error", ServerError),
        ("rate_limit", TooManyRequestsError),
        ("unavailable", ServiceUnavailableError),
        ("forbidden", AuthorizationError),
    ],
)
def test_nothing_is_done_where_nothing_arrived(bt: Shop, fault: str, error: type[Exception]) -> None:
    _once(bt, fault)

    with pytest.raises(error):
        bt.sale(order_id="op_1", api_request_key="op_1")

    assert bt.control("truth")["sales"] == []
    assert bt.sale(order_id="op_1", api_request_key="op_1").is_success


def test_a_request_can_be_said_to_be_in_flight(bt: Shop) -> None:
    _once(bt, "in_flight")

    assert codes(bt.sale(api_request_key="op_1")) == ["915233"]
    assert bt.control("truth")["sales"] == []


def test_the_processor_declines_when_it_is_told_to(bt: Shop) -> None:
    _once(bt, "decline", code="2001")

    declined, sold = bt.sale(), bt.sale()

    assert declined.transaction.processor_response_code == "2001"
    assert sold.is_success


def test_an_answer_that_never_comes_hangs_until_the_client_gives_up(bt: Shop) -> None:
    _once(bt, "hang")

    with pytest.raises(httpx.ReadTimeout):
        bt.http.post(_PATH, content=_XML, headers={"Content-Type": "application/xml"}, timeout=0.3)

    assert _captured(bt) == "10.00"


def test_a_request_is_worked_on_though_its_client_has_hung_up(bt: Shop) -> None:
    _once(bt, "slow", seconds=0.5)

    with pytest.raises(httpx.ReadTimeout):
        bt.http.post(_PATH, content=_XML, headers={"Content-Type": "application/xml"}, timeout=0.1)
    at_first = _captured(bt)
    until(lambda: _captured(bt) == "10.00")

    assert at_first == "0.00"


def test_faults_are_counted_by_call_and_happen_in_their_range(bt: Shop) -> None:
    bt.misbehave({"on": _CREATE, "fault": "rate_limit", "first": 2, "last": 3})

    statuses = [bt.post("transactions", _XML).status_code for _ in range(3)]
    other = bt.post("customers", "<customer></customer>").status_code

    assert [*statuses, other] == [201, 429, 429, 201]
    assert bt.control("faults") == {"happened": {"rate_limit": 2}}


def test_chance_follows_the_seed(bt: Shop) -> None:
    draws = []
    for seed in (1, 1, 2):
        bt.misbehave({"on": "*", "fault": "rate_limit", "probability": 0.5}, seed=seed)
        draws.append([bt.http.get(f"{_PATH}/nobodys").status_code for _ in range(20)])

    assert draws[0] == draws[1] != draws[2]
    assert set(draws[0]) == {404, 429}


@pytest.mark.parametrize(
    "rule",
    [
        {"on": "transactions.steal", "fault": "hang"},
        {"on": _CREATE, "fault": "twice"},
        {"on": "webhook", "fault": "hang"},
        {"on": "transactions.refund", "fault": "decline"},
        {"on": _CREATE, "fault": "decline", "code": "4242"},
        {"on": _CREATE, "fault": "hang", "first": 0},
        {"on": _CREATE, "fault": "hang", "often": True},
    ],
)
def test_rules_that_mean_nothing_are_refused(bt: Shop, rule: dict[str, Any]) -> None:
    assert bt.http.post("/_control/faults", json={"rules": [rule]}).status_code == 422


def test_the_truth_tells_what_became_of_each_sale(bt: Shop) -> None:
    held = bt.sold(submit=False, order_id="o1")
    bt.sdk.transaction.void(bt.sold(order_id="o2").id)
    settled = bt.settled("5", merchant_account_id="jpy_account", order_id="o3")
    bt.sdk.transaction.refund(settled.id, "2")
    bt.sale("2000.00", order_id="o4")

    truth = bt.control("truth")

    told = {sale["order_id"]: sale for sale in truth["sales"]}
    assert (told["o1"]["id"], told["o1"]["authorized"], told["o1"]["captured"]) == (held.id, "10.00", "0.00")
    assert (told["o2"]["status"], told["o2"]["captured"]) == ("voided", "0.00")
    assert (told["o3"]["captured"], told["o3"]["refunded"]) == ("5.00", "2.00")
    assert (told["o4"]["status"], told["o4"]["authorized"]) == ("processor_declined", "0.00")
    assert truth["totals"] == {"JPY": {"captured": "5.00", "refunded": "2.00"}}
    assert [refund["amount"] for refund in truth["refunds"]] == ["2.00"]


def test_what_was_asked_can_be_looked_up(bt: Shop) -> None:
    bt.sale(order_id="op_1", api_request_key="op_1")
    bt.sale(order_id="op_1", api_request_key="op_1")
    with suppress(BraintreeError):
        bt.sdk.transaction.find("nobodys")
    bt.sdk.transaction.search(TransactionSearch.created_at >= datetime(2026, 1, 2, tzinfo=UTC))

    asked = bt.control("requests")["requests"]

    assert [request["call"] for request in asked] == [_CREATE, _CREATE, "transactions.find", "transactions.search_ids"]
    assert [request["replayed"] for request in asked] == [False, True, False, False]
    assert [request["status"] for request in asked] == [201, 200, 404, 200]
    assert asked[0]["api_request_key"] == "op_1"
    assert asked[0]["body"]["transaction"]["order_id"] == "op_1"
    assert asked[3]["body"]["search"]["created_at"]["min"].startswith("2026-01-02")


def test_a_reset_forgets_everything_and_begins_with_the_same_ids(bt: Shop) -> None:
    ids = []
    for _ in range(2):
        bt.control("reset", {"seed": 7})
        assert bt.control("truth")["sales"] == []
        ids.append(bt.sold().id)

    assert ids[0] == ids[1]


def test_what_is_there_already_is_seeded(bt: Shop) -> None:
    seeded = bt.control("seed", {"customers": [{"id": "cus_1", "payment_methods": [{"token": "pm_1"}]}]})

    assert seeded == {"customers": [{"id": "cus_1", "payment_methods": ["pm_1"]}]}
    assert bt.sold(nonce=None, payment_method_token="pm_1").customer_details.id == "cus_1"


def test_the_clock_goes_forward_only(bt: Shop) -> None:
    before = bt.control("clock")
    bt.advance(3600)
    after = bt.control("clock")

    assert 3600 <= after["now"] - before["now"] < 3660
    assert bt.http.post("/_control/clock", json={"advance_seconds": -1}).status_code == 422
