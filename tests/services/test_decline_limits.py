"""Whoever tries cards is stopped: by card, by customer and by address, also when everything comes at once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.fake.cards import CARDS_BY_NAME
from adapters.fake.customers import mint_token
from domain.charges import ChargeState
from domain.customers import CustomerChanges
from domain.decline_limits import DeclineLimit, DeclineLimits
from domain.declines import DECLINES, DeclineCode
from domain.errors import PaymentMethodForbidden, TooManyAtOnce, TooManyDeclines
from domain.payment_methods import PaymentMethodState
from domain.provider import (
    AttachRequest,
    CaptureMode,
    CustomerRequest,
    CustomerResult,
    Initiator,
    Outcome,
    PaymentMethodResult,
    Refusal,
)
from domain.services.charges import ChargeOrder
from domain.services.payment_methods import AttachPaymentMethod, CreateCustomerWithPaymentMethod
from tests.services.conftest import OpenShop
from tests.services.shop import DECIDED_SECONDS, SHOP, MovableClock, Shop, at_once
from tests.services.watching import Ask

DECLINED, STOLEN, CHALLENGED = "tok_chargeDeclined", "tok_chargeDeclinedStolenCard", "tok_threeDSecureRequired"
A_DAY = timedelta(days=1)
NO_LIMIT = DeclineLimit(0, A_DAY)
UNLIMITED = DeclineLimits(
    of_customer=NO_LIMIT,
    of_payment_method=NO_LIMIT,
    of_payment_method_in_a_month=NO_LIMIT,
    of_address=NO_LIMIT,
    of_cards=NO_LIMIT,
)
HERE, ELSEWHERE = "8.8.8.8", "9.9.9.9"

Open = Callable[..., Shop]


@pytest.fixture
def open_with(new_shop: OpenShop) -> Open:
    """With these limits alone."""

    def make(**limits: DeclineLimit) -> Shop:
        chosen = {name: getattr(UNLIMITED, name) for name in DeclineLimits.__dataclass_fields__} | limits
        return new_shop(declines=DeclineLimits(**chosen))

    return make


async def pay(
    shop: Shop,
    customer_id: str,
    *,
    network: str | None = None,
    initiator: Initiator = Initiator.CUSTOMER,
    key: str = "",
) -> ChargeState:
    order_id = await shop.order_of(customer_id)
    return await pay_order(shop, order_id, network=network, initiator=initiator, key=key)


async def pay_order(
    shop: Shop, order_id: str, *, network: str | None = None, initiator: Initiator = Initiator.CUSTOMER, key: str = ""
) -> ChargeState:
    charged = await shop.charges.charge_order(
        SHOP,
        ChargeOrder(
            order_id=order_id,
            payment_method_id=None,
            initiator=initiator,
            return_url=None,
            version=None,
            network=network,
            request=shop.request("orderCharge", key or None, {"order": order_id}),
        ),
    )
    return (await shop.charge(charged.charge_id or "")).state


async def buyer(shop: Shop, token: str = DECLINED) -> str:
    customer_id = await shop.customer()
    await shop.card(customer_id, token)
    return customer_id


async def counted(shop: Shop) -> int:
    return len(await shop.rows("SELECT 1 FROM declines"))


async def test_a_customer_is_stopped_and_may_go_on_later(open_with: Open, clock: MovableClock) -> None:
    """Before anything is written down: no charge, no order placed, no key burnt."""
    shop = open_with(of_customer=DeclineLimit(2, A_DAY))
    customer_id = await buyer(shop)
    assert await pay(shop, customer_id) is ChargeState.DECLINED
    clock.advance(hours=1)
    assert await pay(shop, customer_id) is ChargeState.DECLINED
    await shop.card(customer_id, "tok_visa", make_default=True)
    order_id = await shop.order_of(customer_id)
    asked = len(shop.provider.asked("charge"))

    with pytest.raises(TooManyDeclines) as refused:
        await pay_order(shop, order_id, key="key")
    assert refused.value.retry_after_seconds == 23 * 3600
    assert await shop.charges_of(order_id) == []
    assert (await shop.order_row(order_id)).placed_at is None
    assert len(shop.provider.asked("charge")) == asked

    assert await pay(shop, await buyer(shop, "tok_visa")) is ChargeState.SUCCEEDED, "another customer"
    clock.advance(hours=23)
    assert await pay_order(shop, order_id, key="key") is ChargeState.SUCCEEDED
    await shop.check(settled=True)


async def test_only_what_was_declined_counts(open_with: Open) -> None:
    shop = open_with(of_customer=DeclineLimit(1, A_DAY))
    customer_id = await buyer(shop, "tok_visa")
    for _ in range(3):
        assert await pay(shop, customer_id) is ChargeState.SUCCEEDED
    held = await shop.paid(await shop.order_of(customer_id), capture=CaptureMode.MANUAL)
    assert held.state is ChargeState.AUTHORIZED
    shop.misbehave("charge#1=refuse")
    assert await pay(shop, customer_id) is ChargeState.FAILED
    assert await pay(shop, customer_id) is ChargeState.SUCCEEDED
    assert await counted(shop) == 0


async def test_a_success_takes_nothing_back(open_with: Open) -> None:
    shop = open_with(of_customer=DeclineLimit(2, A_DAY))
    customer_id = await buyer(shop, "tok_visa")
    shop.misbehave("charge#1=decline; charge#3=decline")
    assert [await pay(shop, customer_id) for _ in range(3)] == [
        ChargeState.DECLINED,
        ChargeState.SUCCEEDED,
        ChargeState.DECLINED,
    ]
    with pytest.raises(TooManyDeclines):
        await pay(shop, customer_id)


async def test_what_has_no_answer_counts_until_it_is_known(open_with: Open, clock: MovableClock) -> None:
    """A lost answer may be a decline. Nobody is told to come again tomorrow for what may be none."""
    shop = open_with(of_customer=DeclineLimit(1, A_DAY))
    customer_id = await buyer(shop, "tok_visa")
    shop.misbehave("charge#1=lose_answer")
    assert await pay(shop, customer_id) is ChargeState.UNKNOWN
    with pytest.raises(TooManyAtOnce) as refused:
        await pay(shop, customer_id, key="key")
    assert refused.value.retry_after_seconds == 5

    clock.advance(minutes=2)
    await shop.run_jobs(rounds=3)
    assert await counted(shop) == 0
    assert await pay(shop, customer_id, key="key") is ChargeState.SUCCEEDED


async def test_what_the_provider_has_taken_on_is_no_decline(open_with: Open, clock: MovableClock) -> None:
    """Confirmations that are awaited, and debits that take days; until the bank says no after all."""
    shop = open_with(of_customer=DeclineLimit(1, A_DAY))
    customer_id = await buyer(shop, CHALLENGED)
    assert [await pay(shop, customer_id) for _ in range(2)] == [ChargeState.REQUIRES_ACTION] * 2
    await shop.card(customer_id, "tok_chargePendingThenDeclined", make_default=True)
    assert [await pay(shop, customer_id) for _ in range(2)] == [ChargeState.PENDING] * 2

    clock.advance(seconds=DECIDED_SECONDS)
    await shop.deliver_webhooks()
    await shop.run_jobs()
    with pytest.raises(TooManyDeclines):
        await pay(shop, customer_id)


async def test_a_shop_collects_all_that_a_customer_owes_it_at_once(open_with: Open) -> None:
    """Thirty invoices at the end of a month: nobody tries cards there, and what is declined counts all the same."""
    shop = open_with(of_customer=DeclineLimit(3, A_DAY), of_payment_method=DeclineLimit(3, A_DAY))
    customer_id = await buyer(shop, "tok_visa")
    told = await at_once(*(pay(shop, customer_id, initiator=Initiator.UNSCHEDULED) for _ in range(12)))
    assert told == [ChargeState.SUCCEEDED] * 12
    shop.misbehave("charge#*=decline")
    for _ in range(3):
        assert await pay(shop, customer_id, initiator=Initiator.UNSCHEDULED) is ChargeState.DECLINED
    with pytest.raises(TooManyDeclines):
        await pay(shop, customer_id, initiator=Initiator.UNSCHEDULED)


async def test_a_hundred_orders_at_once_are_not_tried_before_the_first_no_comes(open_with: Open) -> None:
    """From one address, each with a customer and card of its own: no more than the limit reach the bank."""
    shop = open_with(of_address=DeclineLimit(3, A_DAY))
    orders = [await shop.order_of(await buyer(shop)) for _ in range(12)]
    told = await at_once(*(pay_order(shop, order_id, network=HERE) for order_id in orders))
    assert told.count(ChargeState.DECLINED) == 3
    assert sum(isinstance(each, (TooManyAtOnce, TooManyDeclines)) for each in told) == 9
    assert len(shop.provider.asked("charge")) == 3


async def test_two_processes_count_together(open_with: Open) -> None:
    shops = [open_with(of_address=DeclineLimit(3, A_DAY)) for _ in range(2)]
    orders = [await shops[0].order_of(await buyer(shops[0])) for _ in range(8)]
    told = await at_once(*(pay_order(shops[n % 2], order_id, network=HERE) for n, order_id in enumerate(orders)))
    assert told.count(ChargeState.DECLINED) == 3


async def test_an_address_is_told_from_another(open_with: Open) -> None:
    shop = open_with(of_address=DeclineLimit(1, A_DAY))
    assert await pay(shop, await buyer(shop), network=HERE) is ChargeState.DECLINED
    with pytest.raises(TooManyDeclines):
        await pay(shop, await buyer(shop), network=HERE)
    assert await pay(shop, await buyer(shop), network=ELSEWHERE) is ChargeState.DECLINED
    assert await pay(shop, await buyer(shop)) is ChargeState.DECLINED, "nobody knows from where"
    # Without the customer, a server asks: its own address is nobody's.
    unscheduled = await pay(shop, await buyer(shop), network=HERE, initiator=Initiator.UNSCHEDULED)
    assert unscheduled is ChargeState.DECLINED


async def test_a_card_is_not_tried_more_often_than_its_scheme_allows(open_with: Open, clock: MovableClock) -> None:
    """Whoever asks, and whether the customer is there or not."""
    shop = open_with(
        of_payment_method=DeclineLimit(2, A_DAY), of_payment_method_in_a_month=DeclineLimit(3, timedelta(days=30))
    )
    customer_id = await buyer(shop)
    for initiator in (Initiator.CUSTOMER, Initiator.RECURRING):
        assert await pay(shop, customer_id, initiator=initiator) is ChargeState.DECLINED
    with pytest.raises(TooManyDeclines) as refused:
        await pay(shop, customer_id, initiator=Initiator.RECURRING)
    assert (refused.value.path, refused.value.retry_after_seconds) == (("paymentMethodId",), 24 * 3600)

    clock.advance(days=1)
    assert await pay(shop, customer_id) is ChargeState.DECLINED
    clock.advance(days=1)
    with pytest.raises(TooManyDeclines) as refused:
        await pay(shop, customer_id)
    assert refused.value.retry_after_seconds == 28 * 24 * 3600
    await shop.card(customer_id, "tok_visa", make_default=True)
    assert await pay(shop, customer_id) is ChargeState.SUCCEEDED, "with another card"


async def test_a_card_that_its_bank_forbids_is_not_tried_again(open_with: Open, clock: MovableClock) -> None:
    """Whatever the limits are: the card schemes charge for the very first further try."""
    shop = open_with()
    customer_id = await buyer(shop, STOLEN)
    assert await pay(shop, customer_id) is ChargeState.DECLINED
    asked = len(shop.provider.asked("charge"))
    with pytest.raises(PaymentMethodForbidden) as refused:
        await pay(shop, customer_id)
    assert "stolen" not in refused.value.message
    assert len(shop.provider.asked("charge")) == asked
    await shop.card(customer_id, "tok_visa", make_default=True)
    assert await pay(shop, customer_id) is ChargeState.SUCCEEDED


async def test_a_suspected_fraud_forbids_no_further_try(open_with: Open) -> None:
    """The bank asks its customer whether it was them, and takes the next one."""
    shop = open_with(of_payment_method=DeclineLimit(3, A_DAY))
    customer_id = await buyer(shop, "tok_visa")
    shop.misbehave("charge#1=decline:fraudulent; charge#3-4=decline:fraudulent")
    charge = await shop.paid(await shop.order_of(customer_id))
    assert (charge.decline_code, charge.decline) == (
        DeclineCode.FRAUD_SUSPECTED,
        DECLINES[DeclineCode.FRAUD_SUSPECTED],
    )
    assert await pay(shop, customer_id) is ChargeState.SUCCEEDED

    assert [await pay(shop, customer_id) for _ in range(2)] == [ChargeState.DECLINED] * 2
    with pytest.raises(TooManyDeclines):
        await pay(shop, customer_id)


async def detach_all(shop: Shop, customer_id: str) -> None:
    for row in await shop.rows(
        "SELECT id FROM payment_methods WHERE customer_id = $1 AND state = 'ACTIVE'", customer_id
    ):
        await shop.payment_methods.detach(SHOP, row["id"])


async def typed(shop: Shop, customer_id: str, name: str) -> str:
    """The number of this card, as a form of the provider's takes it."""
    card = CARDS_BY_NAME[name]
    token = await shop.bank.run(lambda books: mint_token(books, card=card, expiry_month=12, expiry_year=2030))
    return await shop.card(customer_id, token, make_default=True)


async def test_a_forbidden_card_is_not_tried_again_however_often_it_is_stored(open_with: Open) -> None:
    """By its customer, under another payment method, and by whoever else has its number."""
    shop = open_with()
    customer_id, accomplice = await shop.customer(), await shop.customer()
    await typed(shop, customer_id, "declined_stolen")
    assert await pay(shop, customer_id) is ChargeState.DECLINED
    await detach_all(shop, customer_id)
    for again in (customer_id, accomplice):
        method = await shop.method(await typed(shop, again, "declined_stolen"))
        assert method.state is PaymentMethodState.ACTIVE
        with pytest.raises(PaymentMethodForbidden):
            await pay(shop, again)
    assert len(shop.provider.asked("charge")) == 1

    await typed(shop, accomplice, "visa")
    assert await pay(shop, accomplice) is ChargeState.SUCCEEDED, "with another card"
    assert await pay(shop, await buyer(shop, STOLEN)) is ChargeState.DECLINED, "a card of their own"


async def test_a_card_that_is_stored_anew_was_declined_as_often_as_before(open_with: Open, clock: MovableClock) -> None:
    shop = open_with(of_payment_method=DeclineLimit(2, A_DAY))
    customer_id = await shop.customer()
    for _ in range(2):
        await shop.card(customer_id, DECLINED, make_default=True)
        assert await pay(shop, customer_id) is ChargeState.DECLINED
        await detach_all(shop, customer_id)
    await shop.card(customer_id, DECLINED, make_default=True)
    with pytest.raises(TooManyDeclines) as refused:
        await pay(shop, customer_id)
    assert refused.value.path == ("paymentMethodId",)
    clock.advance(days=1)
    assert await pay(shop, customer_id) is ChargeState.DECLINED


async def test_a_provider_that_tells_no_card_from_another_has_each_stored_one_counted(open_with: Open) -> None:
    shop = open_with()
    customer_id = await shop.customer()

    async def without(_asked: AttachRequest, ask: Ask) -> PaymentMethodResult:
        told: PaymentMethodResult = await ask()
        return replace(told, card_fingerprint=None)

    shop.provider.between["attach_payment_method"] = without
    await shop.card(customer_id, STOLEN)
    assert await pay(shop, customer_id) is ChargeState.DECLINED
    with pytest.raises(PaymentMethodForbidden):
        await pay(shop, customer_id)
    await shop.card(customer_id, STOLEN, make_default=True)
    assert await pay(shop, customer_id) is ChargeState.DECLINED


@pytest.mark.parametrize("code", ["lost_card", "do_not_try_again"])
async def test_what_the_schemes_forbid_stays_forbidden_for_a_month(
    open_with: Open, clock: MovableClock, code: str
) -> None:
    shop = open_with()
    customer_id = await buyer(shop, "tok_visa")
    shop.misbehave(f"charge#1=decline:{code}")
    assert await pay(shop, customer_id) is ChargeState.DECLINED
    clock.advance(days=29)
    with pytest.raises(PaymentMethodForbidden):
        await pay(shop, customer_id)
    clock.advance(days=2)
    assert await pay(shop, customer_id) is ChargeState.SUCCEEDED


@pytest.mark.parametrize("call", ["ensure_customer", "attach_payment_method"])
async def test_an_outage_of_the_provider_is_no_refused_card(open_with: Open, call: str) -> None:
    """Not while it lasts, and not when the attachment is given up."""
    shop = open_with(of_cards=DeclineLimit(1, A_DAY))
    customer_id = await shop.customer()
    shop.misbehave(f"{call}#1=refuse; {call}#2-9=error")
    assert (await shop.method(await shop.card(customer_id))).state is PaymentMethodState.FAILED
    assert await counted(shop) == 0

    method_id = await shop.card(customer_id)
    assert (await shop.method(method_id)).state is PaymentMethodState.PENDING
    with pytest.raises(TooManyAtOnce):
        await shop.card(customer_id)
    await shop.run_jobs(rounds=7)
    assert (await shop.method(method_id)).state is PaymentMethodState.FAILED
    assert await counted(shop) == 0

    shop.misbehave("")
    assert (await shop.method(await shop.card(customer_id))).state is PaymentMethodState.ACTIVE


@pytest.mark.parametrize("token", ["tok_visa", "tok_none"])
async def test_a_card_that_was_removed_before_the_answer_counts_as_it_turns_out(open_with: Open, token: str) -> None:
    shop = open_with(of_cards=DeclineLimit(1, A_DAY))
    customer_id = await shop.customer()
    shop.misbehave("attach_payment_method#1=error")
    await shop.payment_methods.detach(SHOP, await shop.card(customer_id, token))
    with pytest.raises(TooManyAtOnce):
        await shop.card(customer_id)
    await shop.run_jobs()
    if token == "tok_none":
        with pytest.raises(TooManyDeclines):
            await shop.card(customer_id)
    else:
        assert (await shop.method(await shop.card(customer_id))).state is PaymentMethodState.ACTIVE


async def test_a_customer_whom_the_provider_refuses_has_tried_no_card(open_with: Open) -> None:
    shop = open_with(of_cards=DeclineLimit(1, A_DAY))

    async def refuse(_asked: CustomerRequest, _ask: Ask) -> CustomerResult:
        return CustomerResult(outcome=Outcome.FAILED, refusal=Refusal("There is no such address."))

    shop.provider.between["ensure_customer"] = refuse
    refused = await shop.method(await shop.card(await shop.customer()))
    assert (refused.state, refused.failure_message) == (PaymentMethodState.FAILED, "There is no such address.")
    assert await counted(shop) == 0


async def test_a_card_that_is_stored_already_was_not_refused(open_with: Open) -> None:
    """Some providers answer the same card with the same reference."""
    shop = open_with(of_cards=DeclineLimit(1, A_DAY))
    customer_id = await shop.customer()
    first = await shop.method(await shop.card(customer_id))

    async def known(_asked: AttachRequest, ask: Ask) -> PaymentMethodResult:
        told: PaymentMethodResult = await ask()
        return replace(told, payment_method_ref=first.payment_method_ref)

    shop.provider.between["attach_payment_method"] = known
    assert (await shop.method(await shop.card(customer_id))).state is PaymentMethodState.FAILED
    assert await counted(shop) == 0


async def test_cards_that_cannot_be_stored_count(open_with: Open) -> None:
    shop = open_with(of_cards=DeclineLimit(2, A_DAY))
    customer_id = await shop.customer()
    await shop.card(customer_id)
    for _ in range(2):
        refused = await shop.method(await shop.card(customer_id, "tok_none"))
        assert refused.state is PaymentMethodState.FAILED
    asked = len(shop.provider.asked("attach_payment_method"))
    with pytest.raises(TooManyDeclines):
        await shop.card(customer_id)
    assert len(shop.provider.asked("attach_payment_method")) == asked
    assert (await shop.method(await shop.card(await shop.customer()))).state is PaymentMethodState.ACTIVE
    assert await pay(shop, customer_id) is ChargeState.SUCCEEDED, "what is stored may be used"


async def test_an_address_is_stopped_whichever_way_it_tries_cards(open_with: Open) -> None:
    """With a new customer for each card, since anybody may become one."""
    shop = open_with(of_address=DeclineLimit(2, A_DAY))

    async def register(token: str) -> None:
        await shop.payment_methods.create_customer_with(
            SHOP,
            CreateCustomerWithPaymentMethod(
                fields=CustomerChanges(), token=token, return_url=None, network=HERE, request=None
            ),
        )

    await register("tok_none")
    assert await pay(shop, await buyer(shop), network=HERE) is ChargeState.DECLINED
    customers = len(await shop.rows("SELECT 1 FROM customers"))
    with pytest.raises(TooManyDeclines):
        await register("tok_visa")
    assert len(await shop.rows("SELECT 1 FROM customers")) == customers
    with pytest.raises(TooManyDeclines):
        await shop.payment_methods.attach(
            SHOP,
            AttachPaymentMethod(
                customer_id=await shop.customer(),
                token="tok_visa",
                make_default=False,
                return_url=None,
                network=HERE,
                request=None,
            ),
        )


async def test_a_request_that_was_answered_is_answered_again(open_with: Open) -> None:
    """A repetition is no further try, however many were declined meanwhile."""
    shop = open_with(of_customer=DeclineLimit(1, A_DAY))
    customer_id = await buyer(shop)
    order_id = await shop.order_of(customer_id)
    assert await pay_order(shop, order_id, key="key") is ChargeState.DECLINED
    assert await pay_order(shop, order_id, key="key") is ChargeState.DECLINED
    assert len(shop.provider.asked("charge")) == 1


async def test_what_counts_no_more_is_deleted(open_with: Open, clock: MovableClock) -> None:
    shop = open_with(of_customer=DeclineLimit(5, A_DAY), of_address=DeclineLimit(5, timedelta(hours=1)))
    await shop.background.begin()
    assert await pay(shop, await buyer(shop), network=HERE) is ChargeState.DECLINED
    seen = []
    for advance in (timedelta(minutes=59), timedelta(minutes=2), A_DAY, timedelta(days=29)):
        clock.moment += advance
        await shop.run_jobs()
        seen.append(await counted(shop))
    assert seen == [3, 2, 1, 0]


async def test_an_erased_customer_leaves_no_address_and_no_card_behind(open_with: Open) -> None:
    shop = open_with(of_address=DeclineLimit(5, A_DAY))
    customer_id = await buyer(shop)
    order_id = await shop.order_of(customer_id)
    assert await pay_order(shop, order_id, network=HERE) is ChargeState.DECLINED
    await shop.deliver_webhooks()
    (known,) = await shop.rows("SELECT card_fingerprint FROM payment_methods")
    payloads = str(await shop.rows("SELECT payload FROM webhook_deliveries"))
    assert "fingerprint" in payloads
    assert known["card_fingerprint"] not in payloads
    await shop.orders.cancel(SHOP, order_id, version=None)
    await shop.redactions.redact(SHOP, customer_id)
    assert await shop.rows("SELECT card_fingerprint FROM payment_methods") == [{"card_fingerprint": None}]
    assert [row["subject"] for row in await shop.rows("SELECT subject FROM declines")] == [""] * 3
