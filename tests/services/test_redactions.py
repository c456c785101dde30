"""Redaction against everything that goes on at the same time, on both databases."""

import asyncio
from typing import Any

import pytest

from domain.charges import Charge
from domain.customers import CustomerChanges, ProviderAccount
from domain.discrepancies import Discrepancy, DiscrepancyKind, Finding
from domain.errors import (
    CustomerHasOpenPayments,
    CustomerRedacted,
    IdempotencyConflict,
    InvalidInput,
    PaydeskError,
    ProviderUnavailable,
)
from domain.ids import IdPrefix, new_id
from domain.jobs import JobKind
from domain.payment_methods import PaymentMethodState
from domain.principals import StaffRole, customer, staff
from domain.provider import CustomerRequest, CustomerResult, Outcome
from domain.refunds import Refund, RefundState
from domain.services.discrepancies import write_down
from domain.services.locking import lock_charge
from domain.services.refunds import RefundCharge
from domain.services.teller import NothingHeard
from tests.services.conftest import OpenShop
from tests.services.shop import ACCOUNT, SHOP, Shop, at_once, usd
from tests.services.watching import Ask

ADMIN = staff("ada", StaffRole.ADMIN)


async def someone(shop: Shop) -> str:
    return await shop.customer(CustomerChanges(email="ada@example.org", name="Ada", external_id="42"))


async def redact(shop: Shop, customer_id: str) -> str:
    return await shop.redactions.redact(ADMIN, customer_id)


async def known_at_the_bank(shop: Shop) -> list[tuple[Any, ...]]:
    return await shop.bank.run(lambda books: [tuple(row) for row in books.all("SELECT email, name FROM customers")])


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


@pytest.mark.parametrize("answer", ["heard", "lost"])
async def test_an_account_that_was_made_meanwhile_is_forgotten_too(shop: Shop, answer: str) -> None:
    """The provider was asked for an account before the commit, and told of the person after everybody had forgotten."""
    customer_id = await someone(shop)

    async def erased_on_the_way(asked: CustomerRequest, ask: Ask) -> CustomerResult:
        del shop.provider.between["ensure_customer"]
        await redact(shop, customer_id)
        await shop.run_jobs(rounds=2)
        assert JobKind.FORGET_CUSTOMER not in await kinds(shop)
        told: CustomerResult = await ask()
        assert (asked.name, told.outcome) == ("Ada", Outcome.SUCCEEDED)
        return told if answer == "heard" else CustomerResult(outcome=Outcome.UNKNOWN)

    shop.provider.between["ensure_customer"] = erased_on_the_way
    await shop.accounts.ensure(await shop.customer_row(customer_id), ACCOUNT)
    assert await known_at_the_bank(shop) == [("ada@example.org", "Ada")]
    assert JobKind.FORGET_CUSTOMER in await kinds(shop)
    await shop.run_jobs(rounds=2)

    assert JobKind.FORGET_CUSTOMER not in await kinds(shop)
    assert await known_at_the_bank(shop) == [(None, None)]


async def test_a_provider_whose_answer_was_lost_forgets_too(shop: Shop) -> None:
    customer_id = await someone(shop)
    shop.misbehave("ensure_customer#1=lose_answer")
    with pytest.raises(ProviderUnavailable):
        await shop.accounts.client_session(SHOP, customer_id)
    assert await known_at_the_bank(shop) == [("ada@example.org", "Ada")]

    await redact(shop, customer_id)
    await shop.run_jobs(rounds=2)

    assert await known_at_the_bank(shop) == [(None, None)]
    asked = shop.provider.asked("ensure_customer")[-1]
    assert (asked.customer_id, asked.email, asked.name) == (customer_id, None, None)


async def test_an_account_that_is_away_keeps_no_other_from_forgetting(new_shop: OpenShop) -> None:
    shop = new_shop(other_accounts=("another",))
    customer_id = await someone(shop)
    await shop.card(customer_id)
    await shop.paid(await shop.order_of(customer_id))
    await redact(shop, customer_id)
    assert await shop.deliver_webhooks() > 0
    shop.misbehave("forget_customer#1=refuse")

    with pytest.raises(NothingHeard):
        await shop.redactions.forget(customer_id)

    assert len(shop.provider.asked("forget_customer")) == 2
    assert {str(row["payload"]) for row in await shop.rows("SELECT payload FROM webhook_deliveries")} == {"{}"}
    await shop.redactions.forget(customer_id)


async def test_an_account_that_was_removed_is_named_in_the_log(
    new_shop: OpenShop, caplog: pytest.LogCaptureFixture
) -> None:
    before = new_shop(other_accounts=("another",))
    customer_id = await someone(before)
    await before.accounts.ensure(await before.customer_row(customer_id), "another")
    shop = new_shop()
    await shop.card(customer_id)
    await redact(shop, customer_id)

    await shop.run_jobs()

    assert JobKind.FORGET_CUSTOMER not in await kinds(shop)
    assert len(shop.provider.asked("forget_customer")) == 1
    told = [record.getMessage() for record in caplog.records if record.name == "paydesk.redactions"]
    assert told == [f"{customer_id} cannot be erased at another, which is not configured: erase there by hand"]


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


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_retry_after_the_erasure_gives_no_money_back_twice(shop: Shop) -> None:
    customer_id = await someone(shop)
    await shop.card(customer_id)
    charge = await shop.paid(await shop.order_of(customer_id))
    first = await shop.refund(charge.id, 5_00, "refund")
    await redact(shop, customer_id)
    await shop.run_jobs(rounds=2)

    again = await shop.refund(charge.id, 5_00, "refund")

    assert again.refund_id == first.refund_id
    assert (await shop.charge(charge.id)).refunded == usd(5_00)
    with pytest.raises(IdempotencyConflict):
        await shop.refund(charge.id, 6_00, "refund")


async def test_what_a_name_was_sent_with_cannot_be_guessed_and_makes_no_new_person(shop: Shop) -> None:
    fields = CustomerChanges(name="Ada", external_id="42")
    customer_id = await shop.customer(fields, key="made")
    await shop.card(customer_id)
    charge = await shop.paid(await shop.order_of(customer_id))
    request = shop.request("chargeRefund", "noted", {"note": "Ada"})
    noted = RefundCharge(charge_id=charge.id, amount=usd(1_00), reason=None, note="Ada", request=request)
    refund = await shop.refunds.refund_charge(SHOP, noted)
    await redact(shop, customer_id)

    assert await shop.customer(fields, key="made") == customer_id
    assert await shop.refunds.refund_charge(SHOP, noted) == refund
    assert (await shop.customer_row(customer_id)).name is None
    keys = await shop.rows("SELECT mutation, fingerprint FROM idempotency_keys")
    assert {row["mutation"] for row in keys if row["fingerprint"]} == {"orderCharge"}
    assert {row["mutation"] for row in keys if not row["fingerprint"]} == {"customerCreate", "chargeRefund"}


async def test_keys_of_their_own_go_under_every_name_they_had(shop: Shop) -> None:
    customer_id = await someone(shop)
    await shop.card(customer_id)
    await shop.pay(await shop.order_of(customer_id), principal=customer("42", customer_id))
    await shop.customers.update(SHOP, customer_id, CustomerChanges(external_id="43"))
    await shop.pay(await shop.order_of(customer_id), principal=customer("43", customer_id))
    await shop.pay(await shop.order_of(customer_id))

    await redact(shop, customer_id)

    assert [row["principal"] for row in await shop.rows("SELECT principal FROM idempotency_keys")] == [SHOP.name]


# --- money given back afterwards --------------------------------------------------------------------------------------


async def erased_after_paying(shop: Shop) -> tuple[str, Charge]:
    customer_id = await someone(shop)
    await shop.card(customer_id)
    charge = await shop.paid(await shop.order_of(customer_id))
    await redact(shop, customer_id)
    return customer_id, charge


async def test_a_refund_under_way_outlives_the_forgetting(shop: Shop) -> None:
    customer_id, charge = await erased_after_paying(shop)
    shop.misbehave("refund#1=error; find_refund#1=error")
    first = await shop.refund(charge.id, 7_00, "refund")
    before = await shop.operation(charge.id)
    assert not before.is_finished

    await shop.redactions.forget(customer_id)

    assert (await shop.operation(charge.id)).request == before.request
    await shop.run_jobs(rounds=4)
    assert (await shop.refund_row(first.refund_id)).state is RefundState.SUCCEEDED
    assert (await shop.refund(charge.id, 7_00, "refund")).refund_id == first.refund_id
    assert (await shop.charge(charge.id)).refunded == usd(7_00)
    await shop.check(settled=True)


@pytest.mark.parametrize("script", ["", "refund#1=lose_answer", "refund#1=refuse"])
async def test_what_is_settled_after_the_erasure_leaves_nothing_told(shop: Shop, script: str) -> None:
    _, charge = await erased_after_paying(shop)
    await shop.run_jobs(rounds=2)
    assert JobKind.FORGET_CUSTOMER not in await kinds(shop), "nobody erases anything after this"
    shop.misbehave(script)

    await shop.refund(charge.id, 7_00)
    await shop.run_jobs(rounds=4)

    operations = await shop.rows("SELECT request, answer, finished_at FROM operations")
    assert len(operations) == 2
    assert all(row["finished_at"] and str(row["request"]) == str(row["answer"]) == "{}" for row in operations)
    told = await shop.rows("SELECT provider_message FROM refunds UNION ALL SELECT provider_message FROM charges")
    assert {row["provider_message"] for row in told} == {None}


async def test_a_refund_of_somebody_erased_takes_no_note(shop: Shop) -> None:
    _, charge = await erased_after_paying(shop)
    request = shop.request("chargeRefund", None, {})

    with pytest.raises(InvalidInput) as refused:
        await shop.refunds.refund_charge(
            SHOP, RefundCharge(charge_id=charge.id, amount=None, reason=None, note="for Ada", request=request)
        )

    assert refused.value.path == ("note",)
    assert (await shop.refunded(charge.id)).state is RefundState.SUCCEEDED


async def test_an_erasure_waits_for_a_refund_that_begins_and_is_refused_then(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    customer_id = await someone(one)
    await one.card(customer_id)
    charge = await one.paid(await one.order_of(customer_id))
    async with other.store.transaction() as tx:
        await lock_charge(tx, SHOP, charge.id)
        erasing = asyncio.create_task(redact(one, customer_id))
        done, _ = await asyncio.wait({erasing}, timeout=0.5)
        refund = Refund(
            id=new_id(IdPrefix.REFUND),
            charge_id=charge.id,
            order_id=charge.order_id,
            customer_id=customer_id,
            account=charge.account,
            amount=usd(5_00),
            reason=None,
            note=None,
            livemode=False,
            created_at=one.clock.now(),
            updated_at=one.clock.now(),
        )
        await tx.charges.save(charge.refund_requested(refund.amount, now=one.clock.now()))
        await tx.refunds.insert(refund)

    assert not done
    with pytest.raises(CustomerHasOpenPayments):
        await erasing


@pytest.mark.parametrize("named", ["order", "charge"])
async def test_a_discrepancy_of_somebody_erased_keeps_no_note(shop: Shop, named: str) -> None:
    _, charge = await erased_after_paying(shop)
    finding = Finding(
        account=ACCOUNT,
        kind=DiscrepancyKind.CAPTURED_DIFFERS,
        subject="fch_1",
        livemode=False,
        order_id=charge.order_id if named == "order" else None,
        charge_id=charge.id if named == "charge" else None,
    )
    async with shop.store.transaction() as tx:
        await write_down(tx, finding, actor="reconciliation", now=shop.clock.now())
    ((discrepancy_id,),) = [row.values() for row in await shop.rows("SELECT id FROM discrepancies")]

    await shop.discrepancies.close(SHOP, discrepancy_id, note="Ada Lovelace called, and has paid in cash")

    assert await shop.rows("SELECT state, note FROM discrepancies") == [{"state": "CLOSED", "note": None}]


async def test_a_note_goes_with_what_is_settled_after_the_erasure(shop: Shop) -> None:
    _, charge = await erased_after_paying(shop)
    finding = Finding(
        account=ACCOUNT,
        kind=DiscrepancyKind.CAPTURED_DIFFERS,
        subject="fch_1",
        livemode=False,
        order_id=charge.order_id,
    )
    async with shop.store.transaction() as tx:
        noted = Discrepancy.of(finding, now=shop.clock.now()).closed(
            actor="x", note="Ada", lift=False, now=shop.clock.now()
        )
        await tx.discrepancies.insert_if_new(noted)

    await shop.refund(charge.id, 7_00)

    assert await shop.rows("SELECT note FROM discrepancies") == [{"note": None}]
