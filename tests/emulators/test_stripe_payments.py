"""The life of a PaymentIntent: held, captured, canceled, expired, listed."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe.account import Pace
from tests.emulators.stripe.serving import serving
from tests.emulators.stripe_shapes import misfits
from tests.emulators.stripe_shop import KEYS, RETURN_URL, Shop, open_shop

_WEEK_SECONDS = 7 * 24 * 3600


async def test_a_payment_is_taken_and_booked_a_moment_later(shop: Shop) -> None:
    paid = await shop.pay(capture_method="automatic_async", metadata={"operation": "o1"}, expand=["latest_charge"])
    at_first: Any = paid.latest_charge
    await shop.advance(2)
    later = await shop.sdk.v1.charges.retrieve_async(at_first.id, {"expand": ["balance_transaction"]})
    booked: Any = later.balance_transaction

    assert (paid.status, paid.amount_received) == ("succeeded", 10_00)
    assert (at_first.captured, at_first.amount_captured, at_first.balance_transaction) == (True, 10_00, None)
    assert at_first.metadata.to_dict() == {"operation": "o1"}
    assert (booked.amount, booked.fee, booked.net, booked.type) == (10_00, 59, 9_41, "charge")
    assert await shop.event_types() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.updated",
    ]


async def test_with_synchronous_capture_it_is_booked_at_once(shop: Shop) -> None:
    paid = await shop.pay(expand=["latest_charge"])
    charge: Any = paid.latest_charge

    assert charge.balance_transaction.startswith("txn_")


async def test_an_intent_waits_until_it_is_confirmed(shop: Shop) -> None:
    intents = shop.sdk.v1.payment_intents
    empty = await intents.create_async({"amount": 10_00, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await intents.confirm_async(empty.id, {"return_url": RETURN_URL})
    filled = await intents.update_async(empty.id, {"payment_method": "pm_card_visa", "amount": 12_00})
    paid = await intents.confirm_async(empty.id, {"return_url": RETURN_URL})

    assert refused.value.code == "payment_intent_unexpected_state"
    assert [empty.status, filled.status, paid.status] == [
        "requires_payment_method",
        "requires_confirmation",
        "succeeded",
    ]
    assert paid.amount_received == 12_00


async def test_what_is_held_is_captured_later(shop: Shop) -> None:
    held = await shop.authorize(expand=["latest_charge"])
    charge: Any = held.latest_charge
    captured = await shop.sdk.v1.payment_intents.capture_async(held.id)

    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 10_00, 0)
    assert (charge.paid, charge.captured, charge.status) == (True, False, "succeeded")
    assert charge.payment_method_details.card.capture_before == held.created + _WEEK_SECONDS
    assert (captured.status, captured.amount_capturable, captured.amount_received) == ("succeeded", 0, 10_00)
    assert await shop.event_types() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_what_a_partial_capture_leaves_is_given_back(shop: Shop) -> None:
    held = await shop.authorize()

    captured = await shop.sdk.v1.payment_intents.capture_async(
        held.id, {"amount_to_capture": 4_00, "expand": ["latest_charge.refunds"]}
    )

    charge: Any = captured.latest_charge
    released = charge.refunds.data[0]
    assert (captured.status, captured.amount, captured.amount_received) == ("succeeded", 10_00, 4_00)
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (4_00, 6_00, False)
    assert (released.amount, released.balance_transaction) == (6_00, None)
    assert (await shop.control("truth"))["totals"] == {"usd": {"captured": 4_00, "refunded": 0}}


@pytest.mark.parametrize(("amount", "code"), [(10_01, "amount_too_large"), (0, "parameter_invalid_integer")])
async def test_no_more_is_captured_than_is_held(shop: Shop, amount: int, code: str) -> None:
    held = await shop.authorize()

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.sdk.v1.payment_intents.capture_async(held.id, {"amount_to_capture": amount})

    assert refused.value.code == code
    assert (await shop.intent(held.id)).status == "requires_capture"


async def test_money_is_captured_once(shop: Shop) -> None:
    held = await shop.authorize()
    await shop.sdk.v1.payment_intents.capture_async(held.id)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.sdk.v1.payment_intents.capture_async(held.id)

    error: Any = refused.value.error
    assert (error.code, error.payment_intent.status) == ("payment_intent_unexpected_state", "succeeded")


async def test_what_is_held_is_given_back_when_it_is_canceled(shop: Shop) -> None:
    held = await shop.authorize()

    canceled = await shop.sdk.v1.payment_intents.cancel_async(
        held.id, {"cancellation_reason": "requested_by_customer", "expand": ["latest_charge"]}
    )

    charge: Any = canceled.latest_charge
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "requested_by_customer")
    assert (canceled.amount_capturable, canceled.amount_received) == (0, 0)
    assert (charge.captured, charge.refunded, charge.amount_refunded) == (False, True, 10_00)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.sdk.v1.payment_intents.capture_async(held.id)


async def test_what_is_not_captured_in_time_expires(shop: Shop) -> None:
    held = await shop.authorize()
    await shop.advance(_WEEK_SECONDS - 60)
    before = await shop.intent(held.id)
    await shop.advance(120)
    after = await shop.intent(held.id)

    assert before.status == "requires_capture"
    assert (after.status, after.cancellation_reason) == ("canceled", "automatic")
    assert after.canceled_at == held.created + _WEEK_SECONDS
    assert (await shop.event_types())[-2:] == ["charge.expired", "payment_intent.canceled"]


async def test_a_capture_in_time_does_not_expire() -> None:
    quick = Pace(hold_seconds=60)
    async with serving(keys=KEYS, pace=quick) as (address, emulator), open_shop(address, emulator) as shop:
        held = await shop.authorize()
        await shop.sdk.v1.payment_intents.capture_async(held.id)
        await shop.advance(120)

        assert (await shop.intent(held.id)).status == "succeeded"


async def test_what_is_paid_cannot_be_canceled_or_confirmed_again(shop: Shop) -> None:
    paid = await shop.pay()
    intents = shop.sdk.v1.payment_intents

    for again in (intents.cancel_async(paid.id), intents.confirm_async(paid.id, {"return_url": RETURN_URL})):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await again
        assert refused.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("currency", "amount"),
    [
        ("usd", 50),
        ("usd", 999_999_99),
        ("jpy", 50),
        ("isk", 500),
        ("ugx", 500),
        ("mga", 3),
        ("kwd", 1_230),
        ("huf", 175_00),
        ("afn", 1),
    ],
)
async def test_amounts_that_a_currency_has_are_taken(shop: Shop, currency: str, amount: int) -> None:
    assert (await shop.pay(amount=amount, currency=currency)).amount_received == amount


@pytest.mark.parametrize(
    ("currency", "amount", "param", "code"),
    [
        ("usd", 49, "amount", "amount_too_small"),
        ("jpy", 49, "amount", "amount_too_small"),
        ("gbp", 29, "amount", "amount_too_small"),
        ("usd", 1_000_000_00, "amount", "amount_too_large"),
        ("usd", -1, "amount", "parameter_invalid_integer"),
        ("isk", 550, "amount", None),
        ("ugx", 505, "amount", None),
        ("kwd", 1_234, "amount", None),
        ("bhd", 1_001, "amount", None),
        ("USD", 10_00, "currency", None),
        ("xxx", 10_00, "currency", None),
    ],
)
async def test_amounts_that_a_currency_has_not_are_refused(
    shop: Shop, currency: str, amount: int, param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.pay(amount=amount, currency=currency)

    assert (refused.value.param, refused.value.code) == (param, code)


async def test_payments_are_listed_by_customer_and_time_newest_first(shop: Shop) -> None:
    customer, method = await shop.customer_with()
    await shop.pay()
    paid = []
    for number in range(5):
        paid.append(await shop.pay(method, customer=customer, metadata={"operation": str(number)}))
        await shop.advance(60)
    intents = shop.sdk.v1.payment_intents

    first = await intents.list_async({"customer": customer, "limit": 2})
    second = await intents.list_async({"customer": customer, "limit": 2, "starting_after": first.data[-1].id})
    back = await intents.list_async({"customer": customer, "limit": 2, "ending_before": second.data[-1].id})
    since = await intents.list_async({"customer": customer, "created": {"gte": paid[3].created}})
    before = await intents.list_async({"customer": customer, "created": {"lt": paid[1].created}})
    everything = [
        intent.metadata["operation"]
        async for intent in (await intents.list_async({"customer": customer, "limit": 2})).auto_paging_iter()
    ]

    newest = [intent.id for intent in reversed(paid)]
    assert ([intent.id for intent in first.data], first.has_more) == (newest[:2], True)
    assert [intent.id for intent in second.data] == newest[2:4]
    assert ([intent.id for intent in back.data], back.has_more) == (newest[1:3], True)
    assert [intent.id for intent in since.data] == newest[:2]
    assert [intent.id for intent in before.data] == newest[4:]
    assert everything == ["4", "3", "2", "1", "0"]


async def test_metadata_of_a_payment_can_be_changed_afterwards(shop: Shop) -> None:
    paid = await shop.pay(metadata={"a": "1", "b": "2"})

    changed = await shop.sdk.v1.payment_intents.update_async(paid.id, {"metadata": {"a": "", "c": "3"}})

    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    with pytest.raises(stripe.InvalidRequestError):
        await shop.sdk.v1.payment_intents.update_async(paid.id, {"amount": 20_00})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("statement_descriptor", "SHOP"),
        ("statement_descriptor_suffix", "A*B"),
        ("statement_descriptor_suffix", "x" * 23),
    ],
)
async def test_descriptors_that_no_statement_shows_are_refused(shop: Shop, name: str, text: str) -> None:
    descriptor: dict[str, Any] = {name: text}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.pay(**descriptor)

    assert refused.value.param == name


async def test_a_declined_intent_can_be_paid_by_whoever_has_its_secret_until_it_is_canceled(shop: Shop) -> None:
    """Which is why a gateway that has told its order "declined" calls the intent off."""
    browser = {"authorization": f"Bearer {KEYS.publishable}"}

    async def declined() -> Any:
        with pytest.raises(stripe.CardError) as error:
            await shop.pay("pm_card_visa_chargeDeclined")
        said: Any = error.value.error
        return await shop.intent(said.payment_intent.id)

    async def confirmed_in_a_browser(intent: Any) -> Any:
        form = {"client_secret": intent.client_secret, "payment_method": "pm_card_visa", "return_url": RETURN_URL}
        return await shop.post(f"payment_intents/{intent.id}/confirm", form, **browser)

    left_open, called_off = await declined(), await declined()
    await shop.sdk.v1.payment_intents.cancel_async(called_off.id)
    paid, refused = await confirmed_in_a_browser(left_open), await confirmed_in_a_browser(called_off)

    assert (paid.status_code, paid.json()["status"]) == (200, "succeeded")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "payment_intent_unexpected_state")
    assert (await shop.control("truth"))["totals"]["usd"]["captured"] == 10_00


async def test_what_was_paid_is_pending_first_and_available_later(shop: Shop) -> None:
    await shop.pay()
    await shop.pay("pm_card_bypassPending")

    at_first = await shop.sdk.v1.balance.retrieve_async()
    await shop.advance(3 * 24 * 3600)
    later = await shop.sdk.v1.balance.retrieve_async()

    net = 10_00 - 59
    assert [(at_first.available[0].amount, at_first.pending[0].amount)] == [(net, net)]
    assert [(later.available[0].amount, later.pending[0].amount)] == [(2 * net, 0)]


async def test_the_account_says_who_it_is(shop: Shop) -> None:
    account = await shop.sdk.v1.accounts.retrieve_current_async()

    assert account.id == shop.emulator.account.id
    assert (account.charges_enabled, account.default_currency) == (True, "usd")
    assert misfits((await shop.http.get("/v1/account")).json(), stripe.Account) == []
    assert misfits((await shop.http.get("/v1/balance")).json(), stripe.Balance) == []
