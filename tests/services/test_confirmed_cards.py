"""Cards that their owner has to confirm before they are stored."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.fake import customers as bank_customers
from domain.charges import ChargeState
from domain.errors import NotFound, PaymentMethodNotUsable
from domain.jobs import MOST_TRIES, JobKind
from domain.payment_methods import PaymentMethod, PaymentMethodState
from domain.principals import customer
from domain.provider import Outcome, PaymentMethodResult, RedirectAction
from domain.services.payment_methods import AttachPaymentMethod
from tests.services.shop import SHOP, MovableClock, Shop
from tests.services.watching import Ask

CONFIRMED_FIRST = "tok_threeDSecureWhenStored"


async def waiting(shop: Shop, customer_id: str | None = None) -> PaymentMethod:
    attached = await shop.payment_methods.attach(
        SHOP,
        AttachPaymentMethod(
            customer_id=customer_id or await shop.customer(),
            token=CONFIRMED_FIRST,
            make_default=False,
            return_url="https://shop.example/back",
            request=None,
        ),
    )
    method = await shop.method(attached.payment_method_id)
    assert method.state is PaymentMethodState.REQUIRES_ACTION
    return method


async def answer(shop: Shop, method: PaymentMethod, *, confirmed: bool = True) -> None:
    """What its owner does on the bank's page."""
    assert isinstance(method.next_action, RedirectAction)
    challenge = method.next_action.url.rpartition("/")[2]
    await shop.bank.run(lambda books: bank_customers.finish_confirmation(books, challenge, confirmed=confirmed))


async def proceed(shop: Shop, method: PaymentMethod) -> PaymentMethod:
    await shop.payment_methods.proceed(SHOP, method.id)
    return await shop.method(method.id)


async def test_it_is_no_card_to_pay_with_before_its_owner_has_confirmed_it(shop: Shop) -> None:
    method = await waiting(shop)
    order_id = await shop.order_of(method.customer_id)

    with pytest.raises(PaymentMethodNotUsable):
        await shop.pay(order_id, payment_method_id=method.id)
    assert (await proceed(shop, method)).state is PaymentMethodState.REQUIRES_ACTION

    await answer(shop, method)
    stored = await proceed(shop, method)

    assert (stored.state, stored.next_action) == (PaymentMethodState.ACTIVE, None)
    assert (await shop.customer_row(method.customer_id)).default_payment_method_id == method.id
    assert (await shop.paid(order_id)).state is ChargeState.SUCCEEDED
    assert await shop.jobs() == []
    await shop.check(settled=True)


async def test_a_refused_confirmation_stores_nothing(shop: Shop) -> None:
    method = await waiting(shop)

    await answer(shop, method, confirmed=False)
    failed = await proceed(shop, method)
    await shop.run_jobs()

    assert failed.state is PaymentMethodState.FAILED
    assert failed.decline_code is not None
    assert [known.payment_method_ids for known in shop.bank.truth().customers] == [()]
    assert await shop.jobs() == []


async def test_whoever_does_not_come_back_is_looked_after(shop: Shop) -> None:
    """No webhook came, and the app did not ask."""
    method = await waiting(shop)
    assert [job["subject_id"] for job in await shop.jobs(JobKind.RESOLVE_PAYMENT_METHOD)] == [method.id]
    await shop.run_jobs()
    assert [job["subject_id"] for job in await shop.jobs(JobKind.RESOLVE_PAYMENT_METHOD)] == [method.id]

    await answer(shop, method)
    await shop.run_jobs()

    assert (await shop.method(method.id)).state is PaymentMethodState.ACTIVE
    assert await shop.jobs() == []


async def test_a_webhook_tells_sooner(shop: Shop) -> None:
    method = await waiting(shop)

    await answer(shop, method)
    await shop.hear()

    assert (await shop.method(method.id)).state is PaymentMethodState.ACTIVE
    events = await shop.events(method.id)
    assert events[:3] == ["PAYMENT_METHOD_REQUESTED", "PAYMENT_METHOD_REQUIRES_ACTION", "PAYMENT_METHOD_ATTACHED"]


async def test_what_is_not_confirmed_in_time_is_given_up_here_and_there(shop: Shop, clock: MovableClock) -> None:
    """Here the time is over sooner than at the bank, where it could be confirmed still."""
    method = await waiting(shop)

    clock.advance(minutes=59)
    await shop.run_jobs()
    assert (await shop.method(method.id)).state is PaymentMethodState.REQUIRES_ACTION
    shop.provider.between["fetch_payment_method"] = still_waiting = Frozen(await shop.method(method.id))
    clock.advance(minutes=2)
    await shop.run_jobs(rounds=2)

    assert still_waiting.asked
    assert (await shop.method(method.id)).state is PaymentMethodState.FAILED
    assert shop.provider.asked("detach_payment_method") == [method.payment_method_ref]
    await answer(shop, method)
    assert [known.payment_method_ids for known in shop.bank.truth().customers] == [()]
    assert await shop.jobs() == []


@pytest.mark.parametrize("decided", [True, False])
async def test_a_bank_that_thinks_about_it_is_waited_for(shop: Shop, clock: MovableClock, decided: bool) -> None:
    method = await waiting(shop)

    async def thinking(_asked: Any, ask: Ask) -> Any:
        return PaymentMethodResult(outcome=Outcome.PENDING, payment_method_ref=(await ask()).payment_method_ref)

    shop.provider.between["fetch_payment_method"] = thinking
    await answer(shop, method)
    await proceed(shop, method)
    await shop.run_jobs()
    assert [job["tries"] for job in await shop.jobs(JobKind.RESOLVE_PAYMENT_METHOD)] == [1]

    if decided:
        shop.provider.between.clear()
    else:
        clock.advance(minutes=61)
    await shop.run_jobs(rounds=2)

    kept = PaymentMethodState.ACTIVE if decided else PaymentMethodState.FAILED
    assert (await shop.method(method.id)).state is kept
    assert [len(known.payment_method_ids) for known in shop.bank.truth().customers] == [decided]
    assert await shop.jobs() == []


async def test_one_that_is_stored_already_is_left_alone(shop: Shop) -> None:
    """Where a provider knows one card by one reference: to forget the one that waited would take away the other."""
    method = await waiting(shop)
    stored = await shop.method(await shop.card(method.customer_id))

    async def as_known(_asked: Any, ask: Ask) -> Any:
        return replace(await ask(), payment_method_ref=stored.payment_method_ref)

    shop.provider.between["fetch_payment_method"] = as_known
    await answer(shop, method)
    assert (await proceed(shop, method)).state is PaymentMethodState.FAILED
    await shop.run_jobs()

    assert shop.provider.asked("detach_payment_method") == []
    assert (await shop.method(stored.id)).state is PaymentMethodState.ACTIVE
    assert await shop.jobs() == []


class Frozen:
    """The bank's answer from before."""

    def __init__(self, method: PaymentMethod) -> None:
        self._method = method
        self.asked = False

    async def __call__(self, _asked: Any, ask: Ask) -> Any:
        await ask()
        self.asked = True
        return PaymentMethodResult(
            outcome=Outcome.REQUIRES_ACTION,
            payment_method_ref=self._method.payment_method_ref,
            next_action=self._method.next_action,
        )


async def test_one_that_is_removed_meanwhile_can_not_be_confirmed_any_more(shop: Shop) -> None:
    method = await waiting(shop)

    await shop.payment_methods.detach(SHOP, method.id)
    await answer(shop, method)
    await shop.hear()

    assert (await shop.method(method.id)).state is PaymentMethodState.DETACHED
    assert [known.payment_method_ids for known in shop.bank.truth().customers] == [()]


async def test_nobody_asks_about_the_card_of_another(shop: Shop) -> None:
    method = await waiting(shop)
    other = await shop.customer()

    with pytest.raises(NotFound):
        await shop.payment_methods.proceed(customer("ext", other), method.id)


async def test_a_bank_that_is_away_leaves_it_waiting(shop: Shop) -> None:
    method = await waiting(shop)
    shop.misbehave("fetch_payment_method#1=error")

    assert (await proceed(shop, method)).state is PaymentMethodState.REQUIRES_ACTION
    await answer(shop, method)
    assert (await proceed(shop, method)).state is PaymentMethodState.ACTIVE


async def test_a_bank_that_is_away_for_long_is_asked_until_it_is_back(shop: Shop, clock: MovableClock) -> None:
    method = await waiting(shop)
    await answer(shop, method)

    async def silent(_asked: Any, _ask: Ask) -> Any:
        return PaymentMethodResult(outcome=Outcome.UNKNOWN)

    shop.provider.between["fetch_payment_method"] = silent
    clock.advance(hours=2)

    await shop.run_jobs(rounds=MOST_TRIES + 1)
    assert [job["dead_at"] for job in await shop.jobs(JobKind.RESOLVE_PAYMENT_METHOD)] == [None]

    shop.provider.between.clear()
    await shop.run_jobs()
    assert (await shop.method(method.id)).state is PaymentMethodState.ACTIVE
    assert await shop.jobs() == []
