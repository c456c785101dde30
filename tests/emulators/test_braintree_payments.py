"""Sales, holds, voids and refunds at the Braintree emulator, as the SDK's integration tests have them."""

from decimal import Decimal

import pytest

from tests.emulators.braintree_shop import Shop, codes


def test_a_sale_is_submitted_for_settlement(bt: Shop) -> None:
    result = bt.sale("12.34", order_id="op_1")

    sold = result.transaction
    assert (sold.status, sold.amount, sold.currency_iso_code) == ("submitted_for_settlement", Decimal("12.34"), "USD")
    assert (sold.order_id, sold.type, sold.processor_response_code) == ("op_1", "sale", "1000")
    assert [event.status for event in sold.status_history] == ["authorized", "submitted_for_settlement"]
    assert (sold.credit_card_details.last_4, sold.credit_card_details.card_type) == ("1881", "Visa")
    assert bt.sdk.transaction.find(sold.id).status == "submitted_for_settlement"
