"""Customers, their payment methods, and the intents that keep a card for later."""

import pytest
import stripe

from tests.emulators.stripe_shop import RETURN_URL, Shop


async def test_a_customer_is_kept_changed_and_deleted(shop: Shop) -> None:
    customers = shop.sdk.v1.customers
    made = await customers.create_async(
        {"email": "ada@example.com", "individual_name": "Ada", "metadata": {"id": "1", "a": "b"}}
    )
    changed = await customers.update_async(made.id, {"individual_name": "", "metadata": {"a": "", "c": "d"}})
    found = await customers.list_async({"email": "ada@example.com"})
    deleted = await customers.delete_async(made.id)
    gone = await customers.retrieve_async(made.id)

    assert (made.individual_name, changed.individual_name, changed.email) == ("Ada", None, "ada@example.com")
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"id": "1", "c": "d"}
    assert [customer.id for customer in found.data] == [made.id]
    assert deleted.deleted
    assert gone.deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        await customers.update_async(made.id, {"name": "Ada"})


async def test_an_attached_card_is_used_again_and_a_detached_one_never(shop: Shop) -> None:
    customer, method = await shop.customer_with()
    for _ in range(2):
        assert (await shop.pay(method, customer=customer)).status == "succeeded"

    await shop.sdk.v1.payment_methods.detach_async(method)

    with pytest.raises(stripe.InvalidRequestError):
        await shop.pay(method, customer=customer)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.sdk.v1.payment_methods.attach_async(method, {"customer": customer})


async def test_a_card_that_is_not_attached_is_used_once(shop: Shop) -> None:
    method = await shop.sdk.v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})
    await shop.pay(method.id)

    with pytest.raises(stripe.InvalidRequestError):
        await shop.pay(method.id)


async def test_somebody_elses_card_is_of_no_use(shop: Shop) -> None:
    _, method = await shop.customer_with()
    other, _ = await shop.customer_with()

    with pytest.raises(stripe.InvalidRequestError):
        await shop.pay(method, customer=other)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.pay(method)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.sdk.v1.payment_methods.attach_async(method, {"customer": other})


async def test_a_default_has_to_be_attached_and_goes_with_its_card(shop: Shop) -> None:
    customer, method = await shop.customer_with()
    _, others = await shop.customer_with()
    customers = shop.sdk.v1.customers

    chosen = await customers.update_async(customer, {"invoice_settings": {"default_payment_method": method}})
    with pytest.raises(stripe.InvalidRequestError):
        await customers.update_async(customer, {"invoice_settings": {"default_payment_method": others}})
    await shop.sdk.v1.payment_methods.detach_async(method)
    left = await customers.retrieve_async(customer)

    assert chosen.invoice_settings is not None
    assert left.invoice_settings is not None
    assert chosen.invoice_settings.default_payment_method == method
    assert left.invoice_settings.default_payment_method is None


async def test_a_setup_intent_attaches_its_card(shop: Shop) -> None:
    customer = await shop.sdk.v1.customers.create_async({})

    kept = await shop.sdk.v1.setup_intents.create_async(
        {
            "customer": customer.id,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "return_url": RETURN_URL,
            "metadata": {"operation": "o1"},
            "expand": ["payment_method", "latest_attempt"],
        }
    )

    assert (kept.status, kept.usage) == ("succeeded", "off_session")
    assert isinstance(kept.payment_method, stripe.PaymentMethod)
    assert kept.payment_method.customer == customer.id
    assert isinstance(kept.latest_attempt, stripe.SetupAttempt)
    assert kept.latest_attempt.status == "succeeded"
    assert await shop.event_types() == [
        "customer.created",
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
    ]


async def test_a_payment_attaches_its_card_when_it_is_told_to(shop: Shop) -> None:
    customer, _ = await shop.customer_with()

    paid = await shop.pay(customer=customer, setup_future_usage="off_session")

    method = await shop.sdk.v1.payment_methods.retrieve_async(str(paid.payment_method))
    assert method.customer == customer


async def test_a_setup_intent_that_is_canceled_stays_so(shop: Shop) -> None:
    intent = await shop.sdk.v1.setup_intents.create_async({"payment_method": "pm_card_visa"})
    canceled = await shop.sdk.v1.setup_intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.sdk.v1.setup_intents.confirm_async(intent.id, {"return_url": RETURN_URL})

    assert (intent.status, canceled.status) == ("requires_confirmation", "canceled")
    assert refused.value.code == "setup_intent_unexpected_state"


async def test_what_a_test_seeds_is_there(shop: Shop) -> None:
    seeded = await shop.control(
        "seed", {"customers": [{"email": "ada@example.com", "payment_methods": ["pm_card_visa"]}]}
    )

    customer = seeded["customers"][0]
    assert (await shop.pay(customer["payment_methods"][0], customer=customer["id"])).status == "succeeded"


async def test_the_truth_tells_who_has_which_cards(shop: Shop) -> None:
    customer, kept = await shop.customer_with()
    spare = await shop.sdk.v1.payment_methods.attach_async("pm_card_mastercard", {"customer": customer})
    await shop.sdk.v1.payment_methods.detach_async(spare.id)

    (told,) = (await shop.control("truth"))["customers"]

    assert told == {
        "id": customer,
        "metadata": {},
        "payment_methods": [{"id": kept, "last4": "4242", "metadata": {}}],
    }
