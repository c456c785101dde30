"""Cards: the row first, one method at the bank whatever is lost, and one default."""

import asyncio
from typing import Any

import pytest

from domain.customers import CustomerChanges
from domain.errors import (
    CardNumberRefused,
    ExternalIdTaken,
    NotFound,
    PaymentMethodInUse,
    PaymentMethodNotUsable,
)
from domain.jobs import JobKind
from domain.payment_methods import PaymentMethodState
from domain.principals import customer
from domain.services.payment_methods import Attached, AttachPaymentMethod, CreateCustomerWithPaymentMethod
from domain.webhooks import DeliveryState
from tests.services.conftest import OpenShop
from tests.services.dying import die_after, die_before
from tests.services.shop import SHOP, Shop, at_once
from tests.services.watching import Ask


async def attach(shop: Shop, customer_id: str, token: str = "tok_visa", key: str | None = None) -> Attached:
    request = shop.request("paymentMethodAttach", key, {"customer": customer_id, "token": token})
    return await shop.payment_methods.attach(
        SHOP,
        AttachPaymentMethod(customer_id=customer_id, token=token, make_default=False, return_url=None, request=request),
    )


def methods_at_the_bank(shop: Shop) -> list[str]:
    return [method for customer in shop.bank.truth().customers for method in customer.payment_method_ids]


async def test_the_row_is_there_before_the_bank_is_asked(shop: Shop) -> None:
    customer_id = await shop.customer()
    found: list[Any] = []

    async def look(asked: Any, ask: Ask) -> Any:
        found.append(await shop.method(asked.payment_method_id))
        found.append([job["subject_id"] for job in await shop.jobs(JobKind.RESOLVE_PAYMENT_METHOD)])
        assert shop.database.idle
        return await ask()

    shop.provider.between["attach_payment_method"] = look
    method_id = await shop.card(customer_id)

    assert (found[0].state, found[0].token) == (PaymentMethodState.PENDING, "tok_visa")
    assert found[1] == [method_id]
    attached = await shop.method(method_id)
    assert (attached.state, attached.token) == (PaymentMethodState.ACTIVE, None)
    assert attached.card is not None
    assert attached.card.last4 == "4242"
    assert await shop.jobs() == []
    await shop.check()


@pytest.mark.parametrize("fault", ["lose_answer", "hang", "error", "html"])
async def test_a_lost_answer_is_asked_for_again_and_makes_one_card(shop: Shop, fault: str) -> None:
    customer_id = await shop.customer()
    shop.misbehave(f"attach_payment_method#1={fault}")

    method_id = await shop.card(customer_id)
    assert (await shop.method(method_id)).state is PaymentMethodState.PENDING
    await shop.check()
    await shop.run_jobs()

    assert (await shop.method(method_id)).state is PaymentMethodState.ACTIVE
    assert methods_at_the_bank(shop) == [method_id]
    first, second = shop.provider.asked("attach_payment_method")
    assert first == second
    assert (await shop.customer_row(customer_id)).default_payment_method_id == method_id
    assert await shop.jobs() == []
    await shop.check()


async def test_a_card_that_was_removed_before_the_bank_answered_is_forgotten_there_too(shop: Shop) -> None:
    customer_id = await shop.customer()
    shop.misbehave("attach_payment_method#1=lose_answer")
    method_id = await shop.card(customer_id)
    assert methods_at_the_bank(shop) == [method_id]

    await shop.payment_methods.detach(SHOP, method_id)
    await shop.run_jobs(rounds=3)

    gone = await shop.method(method_id)
    assert (gone.state, gone.token) == (PaymentMethodState.DETACHED, None)
    assert methods_at_the_bank(shop) == []
    assert await shop.jobs() == []


@pytest.mark.parametrize("kill", [die_before, die_after])
@pytest.mark.parametrize("call", ["ensure_customer", "attach_payment_method"])
async def test_a_death_at_the_bank_leaves_one_customer_and_one_card(shop: Shop, call: str, kill: Any) -> None:
    customer_id = await shop.customer()
    shop.provider.between[call] = kill
    method_id = (await attach(shop, customer_id, key="k")).payment_method_id
    await shop.check()
    shop.provider.between.clear()

    await shop.run_jobs()

    assert (await shop.method(method_id)).state is PaymentMethodState.ACTIVE
    assert [one.customer_id for one in shop.bank.truth().customers] == [customer_id]
    assert methods_at_the_bank(shop) == [method_id]
    assert (await attach(shop, customer_id, key="k")).payment_method_id == method_id


async def test_a_repeat_that_never_left_proves_nothing(shop: Shop) -> None:
    customer_id = await shop.customer()
    shop.misbehave("attach_payment_method#1=lose_answer; attach_payment_method#2=refuse")
    method_id = await shop.card(customer_id)

    await shop.run_jobs()
    assert (await shop.method(method_id)).state is PaymentMethodState.PENDING
    await shop.run_jobs()
    assert (await shop.method(method_id)).state is PaymentMethodState.ACTIVE
    assert methods_at_the_bank(shop) == [method_id]


async def test_a_request_that_never_left_frees_its_key(shop: Shop) -> None:
    customer_id = await shop.customer()
    shop.misbehave("attach_payment_method#1=refuse")

    failed = await attach(shop, customer_id, key="k")
    assert (await shop.method(failed.payment_method_id)).state is PaymentMethodState.FAILED

    again = await attach(shop, customer_id, key="k")
    assert again.payment_method_id != failed.payment_method_id
    assert (await shop.method(again.payment_method_id)).state is PaymentMethodState.ACTIVE


async def test_a_customer_whom_the_bank_was_not_told_of_frees_the_key_as_well(shop: Shop) -> None:
    customer_id = await shop.customer()
    shop.misbehave("ensure_customer#1=refuse")

    failed = await attach(shop, customer_id, key="k")
    assert (await shop.method(failed.payment_method_id)).state is PaymentMethodState.FAILED
    assert await shop.jobs() == []

    again = await attach(shop, customer_id, key="k")
    assert (await shop.method(again.payment_method_id)).state is PaymentMethodState.ACTIVE
    assert methods_at_the_bank(shop) == [again.payment_method_id]
    await shop.check()


async def test_an_attachment_that_is_never_answered_is_given_up(shop: Shop) -> None:
    customer_id = await shop.customer()
    shop.misbehave("attach_payment_method#*=error")
    method_id = await shop.card(customer_id)

    await shop.run_jobs(rounds=8)

    given_up = await shop.method(method_id)
    assert (given_up.state, given_up.failure_message) == (PaymentMethodState.FAILED, "the provider never answered")
    assert await shop.jobs() == []
    await shop.check()


async def test_a_refused_token_fails(shop: Shop) -> None:
    customer_id = await shop.customer()

    method = await shop.method(await shop.card(customer_id, "tok_nothing"))

    assert (method.state, method.token) == (PaymentMethodState.FAILED, None)
    assert (await shop.customer_row(customer_id)).default_payment_method_id is None
    with pytest.raises(PaymentMethodNotUsable):
        await shop.payment_methods.set_default(SHOP, method.id)
    with pytest.raises(CardNumberRefused):
        await shop.card(customer_id, "4242 4242 4242 4242")


async def test_one_key_ten_times_at_once_is_one_card(shop: Shop) -> None:
    customer_id = await shop.customer()

    attached = await at_once(*(attach(shop, customer_id, key="k") for _ in range(10)))

    assert len({one.payment_method_id for one in attached}) == 1
    assert len(methods_at_the_bank(shop)) == 1
    await shop.check()


async def test_many_cards_at_once_make_one_account_at_the_bank(new_shop: OpenShop) -> None:
    one, other = new_shop(), new_shop()
    customer_id = await one.customer()

    attached = await at_once(*(shop.card(customer_id) for _ in range(4) for shop in (one, other)))

    assert len(one.bank.truth().customers) == 1
    assert len(await one.rows("SELECT * FROM provider_accounts")) == 1
    assert sorted(methods_at_the_bank(one)) == sorted(attached)
    assert (await one.customer_row(customer_id)).default_payment_method_id in attached
    await one.check()


async def test_the_first_card_is_the_default_until_another_is_named(shop: Shop) -> None:
    customer_id = await shop.customer()
    first = await shop.card(customer_id)
    second = await shop.card(customer_id, "tok_mastercard")
    assert (await shop.customer_row(customer_id)).default_payment_method_id == first

    third = await shop.card(customer_id, "tok_amex", make_default=True)
    assert (await shop.customer_row(customer_id)).default_payment_method_id == third

    await shop.payment_methods.set_default(SHOP, second)
    assert (await shop.customer_row(customer_id)).default_payment_method_id == second
    charge = await shop.paid(await shop.order_of(customer_id))
    assert charge.payment_method_id == second

    await shop.payment_methods.detach(SHOP, second)
    assert (await shop.customer_row(customer_id)).default_payment_method_id is None
    assert (await shop.method(second)).state is PaymentMethodState.DETACHED
    assert sorted(methods_at_the_bank(shop)) == sorted([first, third])


async def test_a_card_that_a_payment_waits_for_is_not_detached(shop: Shop) -> None:
    charge = await shop.paid(await shop.order(token="tok_threeDSecureRequired"))

    with pytest.raises(PaymentMethodInUse):
        await shop.payment_methods.detach(SHOP, charge.payment_method_id)
    assert len(methods_at_the_bank(shop)) == 1

    await shop.orders.cancel(SHOP, charge.payable_id, version=None)
    await shop.payment_methods.detach(SHOP, charge.payment_method_id)
    assert methods_at_the_bank(shop) == []


@pytest.mark.parametrize("fault", ["error", "refuse", "lose_answer"])
async def test_a_detached_card_is_forgotten_by_the_bank_sooner_or_later(shop: Shop, fault: str) -> None:
    """From the commit on it cannot be charged, whatever becomes of the request."""
    customer_id = await shop.customer()
    method_id = await shop.card(customer_id)
    shop.misbehave(f"detach_payment_method#1-2={fault}")

    await shop.payment_methods.detach(SHOP, method_id)
    assert (await shop.method(method_id)).state is PaymentMethodState.DETACHED
    assert len(await shop.jobs(JobKind.FORGET_PAYMENT_METHOD)) == 1
    with pytest.raises(PaymentMethodNotUsable):
        await shop.pay(await shop.order_of(customer_id), payment_method_id=method_id)

    await shop.run_jobs(rounds=2)
    assert methods_at_the_bank(shop) == []
    assert await shop.jobs() == []
    await shop.check()


async def test_detaching_again_changes_nothing(shop: Shop) -> None:
    method_id = await shop.card(await shop.customer())

    await at_once(*(shop.payment_methods.detach(SHOP, method_id) for _ in range(5)))

    assert (await shop.method(method_id)).state is PaymentMethodState.DETACHED
    assert (await shop.events(method_id)).count("PAYMENT_METHOD_DETACHED") == 1
    await shop.check()


async def test_a_detached_card_never_becomes_the_default(new_shop: OpenShop) -> None:
    """Two processes: one detaches, the other names it the default at the same time."""
    one, other = new_shop(), new_shop()
    customer_id = await one.customer()
    for _ in range(5):
        method_id = await one.card(customer_id)
        answers = await at_once(
            one.payment_methods.detach(SHOP, method_id), other.payment_methods.set_default(SHOP, method_id)
        )
        assert all(isinstance(a, Attached | PaymentMethodNotUsable) for a in answers), answers
        assert (await one.customer_row(customer_id)).default_payment_method_id != method_id


async def test_customer_and_card_in_one_step(shop: Shop) -> None:
    def command(key: str, external_id: str = "42") -> CreateCustomerWithPaymentMethod:
        return CreateCustomerWithPaymentMethod(
            fields=CustomerChanges(external_id=external_id, name="Ada"),
            token="tok_visa",
            return_url=None,
            request=shop.request("customerCreateWithPaymentMethod", key, {"externalId": external_id}),
        )

    made = await at_once(*(shop.payment_methods.create_customer_with(SHOP, command("k")) for _ in range(5)))

    assert len({(one.customer_id, one.payment_method_id) for one in made}) == 1
    assert len(await shop.rows("SELECT id FROM customers")) == 1
    row = await shop.customer_row(made[0].customer_id)
    assert row.default_payment_method_id == made[0].payment_method_id
    with pytest.raises(ExternalIdTaken):
        await shop.payment_methods.create_customer_with(SHOP, command("another"))
    # The refused request has burnt nothing.
    assert len(await shop.rows("SELECT id FROM payment_methods")) == 1
    other = await shop.payment_methods.create_customer_with(SHOP, command("another", "43"))
    assert other.customer_id != made[0].customer_id


async def test_the_customer_stays_when_the_card_is_refused(shop: Shop) -> None:
    made = await shop.payment_methods.create_customer_with(
        SHOP,
        CreateCustomerWithPaymentMethod(
            fields=CustomerChanges(name="Ada"), token="tok_nothing", return_url=None, request=None
        ),
    )

    assert (await shop.method(made.payment_method_id)).state is PaymentMethodState.FAILED
    assert (await shop.customer_row(made.customer_id)).name == "Ada"
    assert (await shop.method(await shop.card(made.customer_id))).state is PaymentMethodState.ACTIVE


async def test_a_webhook_of_a_card_that_is_not_known_yet_waits_for_its_answer(shop: Shop) -> None:
    customer_id = await shop.customer()
    shop.misbehave("attach_payment_method#1=lose_answer")
    method_id = await shop.card(customer_id)
    await shop.deliver_webhooks()
    (delivery,) = await shop.rows("SELECT id FROM webhook_deliveries")

    again = await shop.webhooks.apply(delivery["id"], tries=1)
    assert again is not None
    await shop.payment_methods.resolve(method_id, tries=1)
    assert await shop.webhooks.apply(delivery["id"], tries=2) is None

    (state,) = await shop.rows("SELECT state FROM webhook_deliveries")
    assert state == {"state": DeliveryState.APPLIED}
    assert (await shop.method(method_id)).state is PaymentMethodState.ACTIVE
    assert (await shop.events(method_id)).count("PAYMENT_METHOD_ATTACHED") == 1


async def test_a_webhook_whose_card_cannot_be_fetched_is_applied_later(shop: Shop) -> None:
    await shop.card(await shop.customer())
    await shop.deliver_webhooks()
    shop.misbehave("fetch_payment_method#1=error")

    await shop.run_jobs()
    assert await shop.rows("SELECT state FROM webhook_deliveries") == [{"state": DeliveryState.STORED}]
    await shop.run_jobs()
    assert await shop.rows("SELECT state FROM webhook_deliveries") == [{"state": DeliveryState.APPLIED}]


async def test_a_card_that_the_bank_has_dropped_is_dropped_here(shop: Shop) -> None:
    customer_id = await shop.customer()
    method_id = await shop.card(customer_id)
    await shop.deliver_webhooks()
    await shop.run_jobs()
    ref = (await shop.method(method_id)).payment_method_ref
    await shop.provider._inner.detach_payment_method(payment_method_ref=ref or "")

    await shop.deliver_webhooks()
    await shop.run_jobs()

    assert (await shop.method(method_id)).state is PaymentMethodState.DETACHED
    assert (await shop.customer_row(customer_id)).default_payment_method_id is None
    assert (await shop.events(method_id)).count("PAYMENT_METHOD_DETACHED") == 1


async def test_a_card_that_is_detached_while_the_bank_stores_it_is_forgotten_there(shop: Shop) -> None:
    customer_id = await shop.customer()

    async def detach_meanwhile(asked: Any, ask: Ask) -> Any:
        told = await ask()
        await shop.payment_methods.detach(SHOP, asked.payment_method_id)
        return told

    shop.provider.between["attach_payment_method"] = detach_meanwhile
    method_id = await shop.card(customer_id)
    await shop.run_jobs()

    assert (await shop.method(method_id)).state is PaymentMethodState.DETACHED
    assert methods_at_the_bank(shop) == []
    assert (await shop.customer_row(customer_id)).default_payment_method_id is None
    await shop.check()


async def test_nobody_reaches_the_card_of_another(shop: Shop) -> None:
    owner, stranger = await shop.customer(), await shop.customer()
    method_id = await shop.card(owner)
    other = customer("stranger", stranger)

    for attempt in (
        shop.payment_methods.detach(other, method_id),
        shop.payment_methods.set_default(other, method_id),
        shop.accounts.client_session(other, owner),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await shop.pay(await shop.order_of(stranger), payment_method_id=method_id)
    assert (await shop.method(method_id)).state is PaymentMethodState.ACTIVE


async def test_a_card_settles_when_the_client_hangs_up(shop: Shop) -> None:
    customer_id = await shop.customer()
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(_asked: Any, ask: Ask) -> Any:
        asked.set()
        await may_answer.wait()
        return await ask()

    shop.provider.between["attach_payment_method"] = wait
    client = asyncio.create_task(shop.card(customer_id))
    await asked.wait()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client
    may_answer.set()
    await shop.idle()

    assert len(methods_at_the_bank(shop)) == 1
    assert (await shop.customer_row(customer_id)).default_payment_method_id is not None
    await shop.check()
