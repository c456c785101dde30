"""`api_request_key` at the Braintree emulator: at most once."""

import threading
from typing import Any

import pytest

from tests.emulators.braintree_shop import VISA, Shop, codes

_DAY_SECONDS = 24 * 3600


def _sale(bt: Shop, amount: str = "10.00", key: str = "op_1", **more: Any) -> Any:
    return bt.sdk.transaction.sale(
        {"amount": amount, "payment_method_nonce": VISA, "order_id": "op_1", "api_request_key": key} | more
    )


def test_a_repeated_sale_is_the_first_one_as_it_is_now(bt: Shop) -> None:
    first = _sale(bt)
    bt.sdk.transaction.void(first.transaction.id)

    again = _sale(bt)

    assert (again.is_success, again.transaction.id, again.transaction.status) == (True, first.transaction.id, "voided")
    assert len(bt.control("truth")["sales"]) == 1


def test_a_repeated_decline_stays_one(bt: Shop) -> None:
    declined, again = _sale(bt, "2001.00"), _sale(bt, "2001.00")

    assert (declined.is_success, again.is_success) == (False, False)
    assert again.transaction.id == declined.transaction.id
    assert len(bt.control("truth")["sales"]) == 1


def test_a_key_belongs_to_one_request(bt: Shop) -> None:
    _sale(bt)

    assert codes(_sale(bt, "10.01")) == ["915232"]


def test_other_keys_are_other_sales_and_no_duplicates(bt: Shop) -> None:
    sales = [_sale(bt, key=key) for key in ("op_1", "op_2")]

    assert [sale.is_success for sale in sales] == [True, True]
    assert sales[0].transaction.id != sales[1].transaction.id


def test_captures_voids_and_refunds_have_keys_too(bt: Shop) -> None:
    held, settled, parted = bt.sold(submit=False), bt.settled("10.00"), bt.sold(submit=False)
    key = {"api_request_key": "k1"}

    captures = [bt.sdk.transaction.submit_for_settlement(held.id, "4.00", dict(key)) for _ in range(2)]
    key = {"api_request_key": "k2"}
    refunds = [bt.sdk.transaction.refund(settled.id, {"amount": "3.00", **key}) for _ in range(2)]
    key = {"api_request_key": "k3"}
    parts = [bt.sdk.transaction.submit_for_partial_settlement(parted.id, "4.00", dict(key)) for _ in range(2)]
    key = {"api_request_key": "k4"}
    voids = [bt.sdk.transaction.void(held.id, dict(key)) for _ in range(2)]
    key = {"api_request_key": "k5"}
    reversals = [bt.sdk.transaction.reverse(settled.id, dict(key)) for _ in range(2)]

    for pair in (captures, refunds, parts, voids, reversals):
        assert all(result.is_success for result in pair)
        assert pair[0].transaction.id == pair[1].transaction.id
    assert bt.control("truth")["totals"]["USD"] == {"captured": "14.00", "refunded": "10.00"}


def test_a_request_that_was_refused_burns_its_key(bt: Shop) -> None:
    refused = _sale(bt, payment_method_nonce="no-nonce")

    assert codes(refused) == ["91565"]
    assert codes(_sale(bt, payment_method_nonce="no-nonce")) == ["915234"]


@pytest.mark.parametrize(("length", "expected"), [(255, None), (256, "915230")])
def test_a_key_is_not_too_long(bt: Shop, length: int, expected: str | None) -> None:
    result = _sale(bt, key="k" * length)

    assert (None if result.is_success else codes(result)[0]) == expected


def test_an_account_may_not_be_allowed_keys(bt: Shop) -> None:
    bt.control("reset", {"request_keys_allowed": False})

    assert codes(_sale(bt)) == ["915231"]
    assert bt.control("truth")["sales"] == []


def test_a_key_is_kept_for_thirty_days(bt: Shop) -> None:
    first = _sale(bt)
    bt.advance(29 * _DAY_SECONDS)
    within = _sale(bt)
    bt.advance(2 * _DAY_SECONDS)
    after = _sale(bt)

    assert within.transaction.id == first.transaction.id != after.transaction.id


def test_a_request_under_way_is_not_begun_again(bt: Shop) -> None:
    bt.misbehave({"on": "transactions.create", "fault": "slow", "seconds": 1.0, "last": 1})
    done: list[Any] = []
    slow = threading.Thread(target=lambda: done.append(_sale(bt)))
    slow.start()
    try:
        while not bt.control("faults")["happened"]:
            pass
        meanwhile = _sale(bt)
    finally:
        slow.join()

    assert codes(meanwhile) == ["915233"]
    assert done[0].is_success
    assert _sale(bt).transaction.id == done[0].transaction.id


def test_a_server_can_fail_over_a_key(bt: Shop) -> None:
    bt.misbehave({"on": "transactions.create", "fault": "key_error", "last": 1})

    failed = bt.sale(api_request_key="k1", order_id="o1")
    sold = bt.sale(api_request_key="k1", order_id="o1")

    assert [error.code for error in failed.errors.deep_errors] == ["915235"]
    assert sold.is_success
    assert [sale["api_request_key"] for sale in bt.control("truth")["sales"]] == ["k1"]
