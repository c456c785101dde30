"""Redaction against everything that goes on at the same time, on both databases."""

import pytest

from domain.customers import CustomerChanges, ProviderAccount
from domain.errors import CustomerRedacted, PaydeskError
from domain.jobs import JobKind
from domain.payment_methods import PaymentMethodState
from domain.principals import StaffRole, staff
from tests.services.conftest import OpenShop
from tests.services.shop import Shop, at_once

ADMIN = staff("ada", StaffRole.ADMIN)


async def someone(shop: Shop) -> str:
    return await shop.customer(CustomerChanges(email="ada@example.org", name="Ada", external_id="42"))


async def redact(shop: Shop, customer_id: str) -> str:
    return await shop.redactions.redact(ADMIN, customer_id)


async def kinds(shop: Shop) -> set[str]:
    return {str(job["kind"]) for job in await shop.jobs()}


async def test_what_a_provider_tells_later_of_somebody_erased_is_not_kept(shop: Shop) -> None:
    customer_id = await someone(shop)
    await shop.card(customer_id)
    charge = await shop.paid(await shop.order_of(customer_id))
    await redact(shop, customer_id)
    await shop.make_jobs_due()
    await shop.run_jobs(rounds=3)

    assert await shop.deliver_webhooks() > 0, "of all that happened, and of the card that was detached"
    await shop.make_jobs_due()
    await shop.run_jobs(rounds=3)

    rows = await shop.rows("SELECT kind, state, payload FROM webhook_deliveries")
    assert {row["state"] for row in rows} == {"APPLIED"}
    assert all(str(row["payload"]) == "{}" for row in rows), rows
    assert (await shop.charge(charge.id)).captured == charge.captured


async def test_a_card_and_an_erasure_at_once_leave_no_card(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    for _ in range(4):
        customer_id = await one.customer()

        await at_once(redact(one, customer_id), other.card(customer_id), redact(other, customer_id))

        customer = await one.customer_row(customer_id)
        rows = await one.rows("SELECT state, card_last4 FROM payment_methods WHERE customer_id = $1", customer_id)
        if customer.redacted_at is not None:
            assert [row for row in rows if row["state"] == PaymentMethodState.ACTIVE or row["card_last4"]] == []
        else:
            assert rows, "the card came first, and stood against it"
    await one.idle()
    await other.idle()


async def test_an_order_and_an_erasure_at_once_exclude_each_other(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    for _ in range(4):
        customer_id = await one.customer()

        done = await at_once(redact(one, customer_id), other.order_of(customer_id))

        assert sum(isinstance(each, PaydeskError) for each in done) == 1, done


async def test_an_account_that_was_made_meanwhile_is_forgotten_too(shop: Shop) -> None:
    """The provider was asked for an account before the commit, and answered after it."""
    customer_id = await someone(shop)
    before = await shop.customer_row(customer_id)
    await redact(shop, customer_id)
    await shop.run_jobs(rounds=2)
    assert JobKind.FORGET_CUSTOMER not in await kinds(shop)

    await shop.accounts.ref_of(before, "fake")
    assert JobKind.FORGET_CUSTOMER in await kinds(shop)
    await shop.run_jobs(rounds=2)

    assert "FORGET_CUSTOMER" not in await kinds(shop)


async def test_a_provider_that_does_not_answer_is_asked_again(shop: Shop) -> None:
    customer_id = await someone(shop)
    await shop.card(customer_id)
    shop.misbehave("forget_customer#1=refuse; forget_customer#2=error")
    await redact(shop, customer_id)

    for _ in range(2):
        await shop.run_jobs()
        assert "FORGET_CUSTOMER" in await kinds(shop)
        await shop.make_jobs_due()
    await shop.run_jobs()

    assert "FORGET_CUSTOMER" not in await kinds(shop)
    assert JobKind.FORGET_CUSTOMER.is_about_money, "it is never given up"


async def test_an_erased_customer_gets_nothing_new(shop: Shop) -> None:
    customer_id = await someone(shop)
    await redact(shop, customer_id)

    for attempt in (shop.card(customer_id), shop.order_of(customer_id)):
        with pytest.raises(CustomerRedacted):
            await attempt
    async with shop.store.reading() as tx:
        accounts: list[ProviderAccount] = list(await tx.accounts.of_customer(customer_id))
    assert accounts == []
