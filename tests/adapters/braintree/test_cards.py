"""Customers, and the cards that are stored for them, under our own ids."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import braintree
import pytest

from adapters.braintree.cards import KINDS, card_in, card_of
from adapters.braintree.nonces import digits_in, is_same_card
from domain.declines import DeclineCode
from domain.ids import IdPrefix, new_id
from domain.provider import Card, CardBrand, ClientSession, CustomerRequest, Outcome, Refusal
from tests.adapters.braintree.desk import VISA, Desk, provider_at

ANN = CustomerRequest(customer_id="cus_ann", email="ann@example.org", name="Ann Other")


async def kept(desk: Desk, customer_id: str) -> tuple[str | None, str | None]:
    """Whom Braintree has under this id."""
    found = await desk.sdk(lambda gateway: gateway.customer.find(customer_id))
    return found.email, found.first_name


# --- customers --------------------------------------------------------------------------------------------------------


async def test_a_customer_is_one_however_often_they_are_asked_for(desk: Desk) -> None:
    first, again = await desk.provider.ensure_customer(ANN), await desk.provider.ensure_customer(ANN)
    assert first == again
    assert (first.outcome, first.customer_ref) == (Outcome.SUCCEEDED, "cus_ann")
    assert await kept(desk, "cus_ann") == ("ann@example.org", "Ann Other")


async def test_a_customer_who_was_renamed_after_a_lost_answer_is_that_one(desk: Desk) -> None:
    await desk.misbehave({"on": "customers.create", "fault": "lose_answer", "last": 1})
    assert (await desk.provider.ensure_customer(ANN)).outcome is Outcome.UNKNOWN
    made = await desk.provider.ensure_customer(replace(ANN, name="Ann Else"))
    assert made.outcome is Outcome.SUCCEEDED
    assert await kept(desk, "cus_ann") == ("ann@example.org", "Ann Else")


async def test_a_customer_who_was_erased_after_a_lost_answer_leaves_nothing_behind(desk: Desk) -> None:
    await desk.misbehave({"on": "customers.create", "fault": "lose_answer", "last": 1})
    await desk.provider.ensure_customer(ANN)
    known = await desk.provider.ensure_customer(CustomerRequest(customer_id="cus_ann", email=None, name=None))
    assert known.customer_ref is not None
    await desk.provider.forget_customer(customer_ref=known.customer_ref)
    assert [each["id"] for each in (await desk.control("truth"))["customers"]] == [desk.customer_ref]


@pytest.mark.parametrize(
    ("email", "name", "told"),
    [
        ("not for braintree", "Ann", (None, None)),
        (None, "Ann \x0b\x00O\ud800ther 😀", (None, "Ann Other 😀")),
        (None, "A" * 300, (None, "A" * 255)),
        ("ann@example.org", "  ", ("ann@example.org", None)),
    ],
)
async def test_a_name_that_braintree_dislikes_keeps_nobody_from_paying(
    desk: Desk, email: str | None, name: str, told: tuple[str | None, str | None]
) -> None:
    odd = CustomerRequest(customer_id="cus_odd", email=email, name=name)
    made, again = await desk.provider.ensure_customer(odd), await desk.provider.ensure_customer(odd)
    assert made == again
    assert made.outcome is Outcome.SUCCEEDED
    assert await kept(desk, "cus_odd") == told


async def test_a_customer_who_is_known_is_found_even_if_the_name_does_not_arrive(desk: Desk) -> None:
    await desk.provider.ensure_customer(ANN)
    await desk.misbehave({"on": "customers.update", "fault": "error"})
    assert (await desk.provider.ensure_customer(replace(ANN, name="X"))).outcome is Outcome.SUCCEEDED


async def test_forgetting_a_customer_takes_their_cards_and_may_be_repeated(desk: Desk) -> None:
    card, paid = await desk.card(), await desk.paid()
    for _ in range(2):
        gone = await desk.provider.forget_customer(customer_ref=desk.customer_ref)
        assert (gone.outcome, gone.customer_ref) == (Outcome.SUCCEEDED, desk.customer_ref)
    assert (await desk.provider.fetch_payment_method(payment_method_ref=card)).gone
    assert (await desk.provider.fetch_charge(charge_ref=paid)).outcome is Outcome.SUCCEEDED
    assert (await desk.customer(desk.customer_ref)) == desk.customer_ref, "who comes back is made anew"


@pytest.mark.parametrize(("fault", "outcome"), [("lose_answer", Outcome.UNKNOWN), ("rate_limit", Outcome.NOT_SENT)])
async def test_a_customer_whose_answer_is_none_has_no_name(desk: Desk, fault: str, outcome: Outcome) -> None:
    await desk.misbehave({"on": "*", "fault": fault})
    made = await desk.provider.ensure_customer(ANN)
    gone = await desk.provider.forget_customer(customer_ref=desk.customer_ref)
    assert (made.outcome, made.customer_ref, gone.outcome) == (outcome, None, outcome)


async def test_a_client_session_opens_a_form_for_a_day_and_shows_nobodys_cards(desk: Desk) -> None:
    before = datetime.now(UTC)
    session = await desk.provider.client_session(customer_ref=desk.customer_ref)
    assert isinstance(session, ClientSession)
    assert session.expires_at is not None
    assert timedelta(hours=24) <= session.expires_at - before < timedelta(hours=25)
    told = json.loads(base64.b64decode(session.secret))
    assert told["authorizationFingerprint"].endswith("customer_id=")


async def test_a_session_that_braintree_does_not_give_is_a_refusal(desk: Desk) -> None:
    await desk.misbehave({"on": "client_token.generate", "fault": "unavailable"})
    refusal = await desk.provider.client_session(customer_ref=desk.customer_ref)
    assert isinstance(refusal, Refusal)
    assert refusal.is_outage


# --- attaching --------------------------------------------------------------------------------------------------------


async def test_a_card_is_kept_under_our_own_id(desk: Desk) -> None:
    ours = new_id(IdPrefix.PAYMENT_METHOD)
    stored = await desk.attach(await desk.nonce(), payment_method_id=ours)
    assert (stored.outcome, stored.payment_method_ref) == (Outcome.SUCCEEDED, ours)
    assert stored.card == Card(brand=CardBrand.VISA, last4="1881", expiry_month=12, expiry_year=2030)
    assert await desk.provider.fetch_payment_method(payment_method_ref=ours) == stored
    (sent,) = await desk.requests("payment_methods.create")
    assert sent["body"]["payment_method"]["options"] == {"verify_card": True}


@pytest.mark.parametrize("prefix", IdPrefix)
def test_every_id_of_ours_is_one_that_braintree_takes(prefix: IdPrefix) -> None:
    """At most 36 letters, digits, dashes and underscores; neither `all` nor `new`."""
    ours = new_id(prefix)
    assert len(ours) <= 36
    assert ours.replace("_", "").isalnum()
    assert ours.isascii()


@pytest.mark.parametrize("fault", ["lose_answer", "html", "empty", "error_after", "hang"])
async def test_a_card_whose_answer_was_lost_is_found_under_our_id(desk: Desk, fault: str) -> None:
    """Its nonce is used by then, and its token taken."""
    token = await desk.nonce()
    await desk.misbehave({"on": "payment_methods.create", "fault": fault, "last": 1})
    async with provider_at(desk.address, timeout_seconds=1) as impatient:
        mine, desk.provider = desk.provider, impatient
        lost = await desk.attach(token, payment_method_id="pm_mine")
        desk.provider = mine
    again = await desk.attach(token, payment_method_id="pm_mine")
    assert (lost.outcome, again.outcome) == (Outcome.UNKNOWN, Outcome.SUCCEEDED)
    assert again.payment_method_ref == "pm_mine"
    (customer,) = (await desk.control("truth"))["customers"]
    assert [each["token"] for each in customer["payment_methods"]] == ["pm_mine"]


async def test_anothers_card_is_not_adopted(desk: Desk) -> None:
    await desk.attach(payment_method_id="pm_mine")
    desk.customer_ref = await desk.customer("cus_2")
    other = await desk.attach(payment_method_id="pm_mine")
    assert other.outcome is Outcome.FAILED
    assert other.refusal is not None
    assert other.refusal.provider_code == "91719"


async def test_our_id_belongs_to_one_card(desk: Desk) -> None:
    """Whoever asks for another one under it has not been answered with the first."""
    await desk.attach(payment_method_id="pm_mine")
    other = await desk.attach("fake-valid-mastercard-nonce", payment_method_id="pm_mine")
    forgotten = await desk.attach("tokencc_of_yesterday", payment_method_id="pm_mine")
    assert other.refusal is not None
    assert (other.outcome, other.refusal.provider_code) == (Outcome.UNKNOWN, "other_card")
    assert forgotten.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("call", ["payment_methods.find", "nonces.find"])
async def test_a_card_that_cannot_be_looked_for_is_unknown(desk: Desk, call: str) -> None:
    await desk.attach(payment_method_id="pm_mine")
    await desk.misbehave({"on": call, "fault": "error"})
    assert (await desk.attach(payment_method_id="pm_mine")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("token", "code", "provider_code"),
    [
        ("fake-processor-declined-visa-nonce", DeclineCode.GENERIC_DECLINE, "2000"),
        ("fake-processor-failure-jcb-nonce", DeclineCode.PROCESSING_ERROR, "3000"),
        ("fake-gateway-rejected-fraud-nonce", DeclineCode.FRAUD_SUSPECTED, "fraud"),
    ],
)
async def test_a_card_that_its_bank_refuses_is_not_kept(
    desk: Desk, token: str, code: DeclineCode, provider_code: str
) -> None:
    stored = await desk.attach(token, payment_method_id="pm_mine")
    assert (stored.outcome, stored.payment_method_ref) == (Outcome.DECLINED, None)
    assert stored.refusal is not None
    assert (stored.refusal.decline_code, stored.refusal.provider_code) == (code, provider_code)
    assert stored.card is not None
    assert stored.card_fingerprint is not None
    assert (await desk.provider.fetch_payment_method(payment_method_ref="pm_mine")).gone


async def test_a_wrong_security_code_is_told_where_the_account_rejects_it(desk: Desk) -> None:
    await desk.set_up(cvv_rules=["N"])
    made = await desk.control("nonces", {"number": "4111111111111111", "cvv": "200"})
    stored = await desk.attach(made["nonce"])
    assert stored.refusal is not None
    assert (stored.outcome, stored.refusal.decline_code) == (Outcome.DECLINED, DeclineCode.INCORRECT_CVC)
    assert stored.refusal.provider_code == "cvv"


@pytest.mark.parametrize("token", ["fake-consumed-nonce", "tokencc_nobodys", "not a nonce", "../x"])
async def test_a_nonce_that_is_none_is_refused(desk: Desk, token: str) -> None:
    assert (await desk.attach(token)).outcome is Outcome.FAILED


async def test_one_number_has_one_fingerprint(desk: Desk) -> None:
    first, again, other = await desk.attach(), await desk.attach(), await desk.attach("fake-valid-mastercard-nonce")
    assert first.card_fingerprint == again.card_fingerprint != other.card_fingerprint
    assert first.payment_method_ref != again.payment_method_ref


async def test_a_card_may_be_detached_twice(desk: Desk) -> None:
    card = await desk.card()
    for _ in range(2):
        gone = await desk.provider.detach_payment_method(payment_method_ref=card)
        assert (gone.outcome, gone.payment_method_ref) == (Outcome.SUCCEEDED, card)
    seen = await desk.provider.fetch_payment_method(payment_method_ref=card)
    assert (seen.outcome, seen.gone) == (Outcome.FAILED, True)


@pytest.mark.parametrize(
    ("token", "brand"),
    [
        (VISA, CardBrand.VISA),
        ("fake-valid-mastercard-nonce", CardBrand.MASTERCARD),
        ("fake-valid-amex-nonce", CardBrand.AMERICAN_EXPRESS),
        ("fake-valid-discover-nonce", CardBrand.DISCOVER),
        ("fake-valid-dinersclub-nonce", CardBrand.DINERS_CLUB),
        ("fake-valid-jcb-nonce", CardBrand.JCB),
        ("fake-valid-maestro-nonce", CardBrand.OTHER),
    ],
)
async def test_every_brand_has_its_word(desk: Desk, token: str, brand: CardBrand) -> None:
    stored = await desk.attach(token)
    assert stored.card is not None
    assert stored.card.brand is brand


def test_the_sdks_words_for_brands_are_known() -> None:
    words = [word for name, word in vars(braintree.CreditCard.CardType).items() if not name.startswith("_")]
    known = {word: card_of({"card_type": word, "last_4": "1881", **_EXPIRY}).brand for word in words}
    others = {word for word, brand in known.items() if brand is CardBrand.OTHER}
    assert others == {
        *("Carte Blanche", "Elo", "Hiper", "Hipercard", "Laser", "Maestro", "Solo", "Switch", "UK Maestro", "Unknown"),
    }
    assert set(known.values()) == set(CardBrand)


_EXPIRY = {"expiration_month": "01", "expiration_year": "2031", "token": "t"}


@pytest.mark.parametrize(
    ("body", "card"),
    [
        (
            {"apple_pay_card": {"card_type": "Apple Pay - MasterCard", "last_4": "0005", **_EXPIRY}},
            Card(brand=CardBrand.MASTERCARD, last4="0005", expiry_month=1, expiry_year=2031),
        ),
        (
            {"android_pay_card": {"source_card_type": "Visa", "source_card_last_4": "1111", **_EXPIRY}},
            Card(brand=CardBrand.VISA, last4="1111", expiry_month=1, expiry_year=2031),
        ),
    ],
)
def test_the_card_of_a_wallet_is_a_card(body: dict[str, dict[str, str]], card: Card) -> None:
    """https://developer.paypal.com/braintree/docs/reference/response/apple-pay-card and …/android-pay-card."""
    found = card_in(body, KINDS)
    assert found is not None
    assert card_of(found) == card


def test_of_a_wallets_card_only_the_last_digits_may_be_known() -> None:
    apple = digits_in({"apple_pay_card": {"card_type": "Apple Pay - Visa", "last_4": "0005", **_EXPIRY}})
    assert is_same_card(apple, ("401288", "0005"))
    assert not is_same_card(apple, ("401288", "0006"))
    assert not is_same_card(("401288", "0005"), ("401289", "0005"))


def test_an_account_at_paypal_is_no_card() -> None:
    assert card_in({"paypal_account": {"token": "t", "email": "ann@example.org"}}, KINDS) is None
