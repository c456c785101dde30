"""What `paydesk check` says of an account."""

import pytest

from domain.provider import Outcome
from tests.adapters.braintree.desk import Desk, provider_at


async def test_an_account_that_can_be_used_is_good_and_nothing_is_changed(desk: Desk) -> None:
    assert await desk.provider.check() is None
    assert await desk.sales() == []
    assert await desk.requests("transactions.create", "customers.create") == await desk.requests("customers.create")


async def test_every_merchant_account_is_looked_at(desk: Desk) -> None:
    given = {"USD": "usd_account", "EUR": "gbp_account", "SEK": "sek_account"}
    async with provider_at(desk.address, merchant_accounts=given) as provider:
        assert await provider.check() == (
            "BRAINTREE_MERCHANT_ACCOUNTS has gbp_account for EUR, and it is in GBP. "
            "BRAINTREE_MERCHANT_ACCOUNTS names sek_account, and there is no such merchant account."
        )


async def test_an_account_that_takes_no_keys_is_told_of_once_and_used_without(desk: Desk) -> None:
    await desk.set_up(request_keys_allowed=False)
    assert await desk.provider.check() == (
        "Braintree takes no request keys from this account: set BRAINTREE_REQUEST_KEYS=false."
    )
    assert desk.provider.key_lifetime is None
    async with provider_at(desk.address, request_keys=False) as provider:
        assert await provider.check() is None


@pytest.mark.parametrize("fault", ["unavailable", "html", "rate_limit", "lose_answer"])
async def test_a_braintree_that_does_not_answer_well_is_told_of(desk: Desk, fault: str) -> None:
    await desk.misbehave({"on": "*", "fault": fault})
    assert await desk.provider.check()


async def test_what_the_keys_may_not_do_is_told_and_was_certainly_not_done(desk: Desk) -> None:
    await desk.misbehave({"on": "transactions.create", "fault": "forbidden"})
    charge = await desk.charge()
    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert charge.refusal.message.startswith("These keys may not do this at Braintree")
    assert not charge.refusal.is_outage
