"""The few rules of the port itself."""

import pytest

from domain.provider import Initiator


@pytest.mark.parametrize("initiator", Initiator)
def test_only_a_customer_who_started_the_charge_sits_there(initiator: Initiator) -> None:
    assert initiator.on_session == (initiator is Initiator.CUSTOMER)
