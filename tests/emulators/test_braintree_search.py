"""Searches at the Braintree emulator: criteria, pages, and what is found late."""

from datetime import timedelta
from typing import Any

import pytest
from braintree import CustomerSearch, TransactionSearch
from braintree.exceptions.unexpected_error import UnexpectedError

from tests.emulators.braintree_shop import Shop

_HOUR = timedelta(hours=1)


def _ids(bt: Shop, *criteria: Any) -> list[str]:
    return [found.id for found in bt.sdk.transaction.search(list(criteria)).items]


def test_a_sale_is_found_by_what_it_says(bt: Shop) -> None:
    customer, token = bt.customer_with()
    mine = bt.sold("12.00", nonce=None, payment_method_token=token, order_id="op_mine")
    other = bt.sold(
        "13.00", "fake-valid-mastercard-nonce", merchant_account_id="eur_account", order_id="op_other", submit=False
    )

    for criterion in (
        TransactionSearch.order_id == "op_mine",
        TransactionSearch.order_id.starts_with("op_m"),
        TransactionSearch.order_id.contains("mine"),
        TransactionSearch.customer_id == customer,
        TransactionSearch.payment_method_token == token,
        TransactionSearch.customer_email == "ada@example.com",
        TransactionSearch.currency == "USD",
        TransactionSearch.merchant_account_id == "usd_account",
        TransactionSearch.amount <= "12.50",
        TransactionSearch.status == "submitted_for_settlement",
        TransactionSearch.id == mine.id,
        TransactionSearch.ids.in_list(mine.id),
        TransactionSearch.credit_card_number.ends_with("1881"),
    ):
        assert _ids(bt, criterion) == [mine.id]
    assert _ids(bt, TransactionSearch.type == "sale", TransactionSearch.source == "api") == [other.id, mine.id]
    of_cards = TransactionSearch.payment_instrument_type == "CreditCardDetail"
    assert _ids(bt, of_cards, TransactionSearch.credit_card_card_type == "MasterCard") == [other.id]
    assert _ids(bt, TransactionSearch.order_id == "op_mine", TransactionSearch.status == "authorized") == []
    assert _ids(bt, TransactionSearch.status.in_list("authorized", "voided")) == [other.id]


def test_refunds_are_told_apart(bt: Shop) -> None:
    sale = bt.settled()
    refund = bt.sdk.transaction.refund(sale.id, {"amount": "1.00", "order_id": "op_r"}).transaction

    assert _ids(bt, TransactionSearch.refund == True) == [refund.id]  # noqa: E712 (the SDK's operator)
    assert _ids(bt, TransactionSearch.type == "credit") == [refund.id]
    assert _ids(bt, TransactionSearch.order_id == "op_r") == [refund.id]


def test_a_sale_is_found_by_when_something_happened_to_it(bt: Shop) -> None:
    bt.sold()
    bt.advance(2 * 3600)
    late = bt.sold("11.00", submit=False)
    bt.sdk.transaction.void(late.id)
    now = late.created_at

    assert _ids(bt, TransactionSearch.created_at >= now - _HOUR) == [late.id]
    assert _ids(bt, TransactionSearch.created_at.between(now - _HOUR, now + _HOUR)) == [late.id]
    assert _ids(bt, TransactionSearch.voided_at >= now - _HOUR) == [late.id]
    assert _ids(bt, TransactionSearch.settled_at >= now - _HOUR) == []
    assert len(_ids(bt, TransactionSearch.created_at <= now + _HOUR)) == 2


def test_results_come_in_pages_newest_first(bt: Shop) -> None:
    bt.control("reset", {"page_size": 2})
    sold = [bt.sold(f"{amount}.00").id for amount in range(1, 6)]

    results = bt.sdk.transaction.search(TransactionSearch.type == "sale")
    found = [each.id for each in results.items]

    assert results.maximum_size == 5
    assert found == sold[::-1]
    pages = [request for request in bt.control("requests")["requests"] if request["call"] == "transactions.search"]
    assert [len(page["body"]["search"]["ids"]) for page in pages] == [2, 2, 1]


def test_what_changes_between_the_pages_is_left_out(bt: Shop) -> None:
    sold = [bt.sold(f"{amount}.00", submit=False).id for amount in (1, 2)]

    results = bt.sdk.transaction.search(TransactionSearch.status == "authorized")
    bt.sdk.transaction.void(sold[0])

    assert results.maximum_size == 2
    assert [each.id for each in results.items] == [sold[1]]


def test_a_new_sale_may_be_found_late(bt: Shop) -> None:
    bt.control("reset", {"search_lag_seconds": 60})
    sold = bt.sold(order_id="op_1")

    at_first = _ids(bt, TransactionSearch.order_id == "op_1")
    bt.advance(61)

    assert at_first == []
    assert _ids(bt, TransactionSearch.order_id == "op_1") == [sold.id]
    assert bt.sdk.transaction.find(sold.id).id == sold.id


def test_nothing_is_found_by_what_cannot_be_searched(bt: Shop) -> None:
    with pytest.raises(UnexpectedError, match="400"):
        bt.sdk.transaction.search(TransactionSearch.paypal_payer_email == "ada@example.com")


def test_customers_are_found_too(bt: Shop) -> None:
    bt.sdk.customer.create({"id": "cus_1", "email": "ada@example.com"})
    bt.sdk.customer.create({"id": "cus_2", "email": "bob@example.com"})

    found = bt.sdk.customer.search(CustomerSearch.email == "ada@example.com")

    assert [customer.id for customer in found.items] == ["cus_1"]
    assert [customer.id for customer in bt.sdk.customer.all().items] == ["cus_2", "cus_1"]
