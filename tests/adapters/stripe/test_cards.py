"""Customers, and the cards that are stored for them."""

import pytest

from domain.declines import DeclineCode
from domain.provider import (
    Card,
    CardBrand,
    ClientSession,
    CustomerRequest,
    Initiator,
    Outcome,
    RedirectAction,
    SdkAction,
)
from tests.adapters.stripe.desk import PUBLISHABLE_KEY, RETURN_URL, SECRET_KEY, Desk

ANN = CustomerRequest(customer_id="cus_ann", email="ann@example.org", name="Ann")


async def named(desk: Desk, customer_id: str) -> list[tuple[str | None, str | None]]:
    """Whom Stripe has for this customer of ours, and by which name."""
    listed = (await desk.api("customers"))["data"]
    return [(each["id"], each["name"]) for each in listed if each["metadata"].get("paydesk_customer") == customer_id]


# --- customers --------------------------------------------------------------------------------------------------------


async def test_a_customer_is_one_however_often_they_are_asked_for(desk: Desk) -> None:
    first = await desk.provider.ensure_customer(ANN)
    again = await desk.provider.ensure_customer(ANN)
    assert first == again
    kept = await desk.api(f"customers/{first.customer_ref}")
    assert (kept["email"], kept["name"]) == ("ann@example.org", "Ann")
    assert kept["metadata"] == {"paydesk_customer": "cus_ann"}


async def test_a_customer_who_was_renamed_after_a_lost_answer_is_that_one(desk: Desk) -> None:
    await desk.misbehave({"on": "customers.create", "fault": "lose_answer", "last": 1})
    assert (await desk.provider.ensure_customer(ANN)).outcome is Outcome.UNKNOWN
    renamed = CustomerRequest(customer_id="cus_ann", email="ann@example.org", name="Ann Other")

    made = await desk.provider.ensure_customer(renamed)

    assert made.outcome is Outcome.SUCCEEDED
    assert await named(desk, "cus_ann") == [(made.customer_ref, "Ann Other")]


async def test_a_customer_who_was_erased_after_a_lost_answer_leaves_nothing_behind(desk: Desk) -> None:
    """Erased here, they have no name to be asked for with; and it is the one whom Stripe has who is to be forgotten."""
    await desk.misbehave({"on": "customers.create", "fault": "lose_answer", "last": 1})
    assert (await desk.provider.ensure_customer(ANN)).outcome is Outcome.UNKNOWN

    known = await desk.provider.ensure_customer(CustomerRequest(customer_id="cus_ann", email=None, name=None))
    assert known.customer_ref is not None
    await desk.provider.forget_customer(customer_ref=known.customer_ref)

    assert await named(desk, "cus_ann") == []


async def test_a_name_that_does_not_arrive_keeps_nobody_from_paying(desk: Desk) -> None:
    await desk.misbehave({"on": "customers.update", "fault": "error", "last": 1})

    made = await desk.provider.ensure_customer(ANN)

    assert made.outcome is Outcome.SUCCEEDED
    assert await named(desk, "cus_ann") == [(made.customer_ref, None)]


async def test_an_address_that_stripe_dislikes_keeps_nobody_from_paying(desk: Desk) -> None:
    odd = CustomerRequest(customer_id="cus_ann", email="not for stripe", name="Ann")
    made = await desk.provider.ensure_customer(odd)
    assert made.outcome is Outcome.SUCCEEDED
    kept = await desk.api(f"customers/{made.customer_ref}")
    assert (kept["email"], kept["name"]) == (None, "Ann")
    assert await desk.provider.ensure_customer(odd) == made


async def test_a_customer_who_was_deleted_since_is_made_anew(desk: Desk) -> None:
    first = await desk.provider.ensure_customer(ANN)
    assert first.customer_ref is not None
    await desk.provider.forget_customer(customer_ref=first.customer_ref)

    anew = await desk.provider.ensure_customer(ANN)

    assert anew.outcome is Outcome.SUCCEEDED
    assert anew.customer_ref != first.customer_ref


async def test_forgetting_a_customer_takes_their_cards_and_may_be_repeated(desk: Desk) -> None:
    card, paid = await desk.card(), await desk.paid()
    for _ in range(2):
        gone = await desk.provider.forget_customer(customer_ref=desk.customer_ref)
        assert (gone.outcome, gone.customer_ref) == (Outcome.SUCCEEDED, desk.customer_ref)
    assert (await desk.provider.forget_customer(customer_ref="cus_never")).outcome is Outcome.SUCCEEDED
    assert (await desk.provider.fetch_payment_method(payment_method_ref=card)).gone
    assert (await desk.provider.fetch_charge(charge_ref=paid)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(("fault", "outcome"), [("lose_answer", Outcome.UNKNOWN), ("rate_limit", Outcome.NOT_SENT)])
async def test_a_customer_whose_answer_is_none_has_no_name(desk: Desk, fault: str, outcome: Outcome) -> None:
    await desk.misbehave({"on": "*", "fault": fault})
    made, gone = (
        await desk.provider.ensure_customer(ANN),
        await desk.provider.forget_customer(customer_ref=desk.customer_ref),
    )
    assert (made.outcome, made.customer_ref, gone.outcome) == (outcome, None, outcome)


async def test_a_client_session_opens_the_card_form_of_this_customer(desk: Desk) -> None:
    session = await desk.provider.client_session(customer_ref=desk.customer_ref)
    assert isinstance(session, ClientSession)
    assert session.publishable_key == PUBLISHABLE_KEY
    setup = await desk.api(f"setup_intents/{session.secret.partition('_secret_')[0]}")
    assert (setup["customer"], setup["usage"]) == (desk.customer_ref, "off_session")
    assert setup["allowed_payment_method_types"] == ["card"]


# --- attaching --------------------------------------------------------------------------------------------------------


async def test_a_card_of_the_form_is_set_up_for_charges_without_its_owner(desk: Desk) -> None:
    stored = await desk.attach("pm_card_mastercard", payment_method_id="pm_ours")
    assert stored.outcome is Outcome.SUCCEEDED
    assert stored.card is not None
    assert (stored.card.brand, stored.card.last4) == (CardBrand.MASTERCARD, "4444")
    assert stored.card_fingerprint
    assert await desk.attach("pm_card_mastercard", payment_method_id="pm_ours") == stored

    paid = await desk.charge(card=stored.payment_method_ref, initiator=Initiator.UNSCHEDULED)

    assert paid.outcome is Outcome.SUCCEEDED
    setup = (await desk.requests("setup_intents.create"))[0]
    assert setup["idempotency_key"] == "pm_ours"


@pytest.mark.parametrize(
    ("token", "brand"),
    [
        ("pm_card_visa", CardBrand.VISA),
        ("pm_card_amex", CardBrand.AMERICAN_EXPRESS),
        ("pm_card_discover", CardBrand.DISCOVER),
        ("pm_card_diners", CardBrand.DINERS_CLUB),
        ("pm_card_jcb", CardBrand.JCB),
        ("pm_card_unionpay", CardBrand.UNIONPAY),
    ],
)
async def test_every_brand_has_its_name(desk: Desk, token: str, brand: CardBrand) -> None:
    card = (await desk.attach(token)).card
    assert card is not None
    assert card.brand is brand


async def test_one_number_has_one_fingerprint_whoever_stores_it(desk: Desk) -> None:
    first = await desk.attach()
    desk.customer_ref = await desk.customer("cus_2")
    assert (await desk.attach()).card_fingerprint == first.card_fingerprint


async def test_a_card_that_is_refused_while_it_is_stored_is_declined(desk: Desk) -> None:
    refused = await desk.attach("pm_card_chargeDeclinedIncorrectCvc")
    assert refused.outcome is Outcome.DECLINED
    assert refused.refusal is not None
    assert refused.refusal.decline_code is DeclineCode.INCORRECT_CVC
    assert refused.card is not None


async def test_a_token_that_is_none_is_refused(desk: Desk) -> None:
    refused = await desk.attach("pm_never")
    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "resource_missing"


@pytest.mark.parametrize(("return_url", "kind"), [(RETURN_URL, RedirectAction), (None, SdkAction)])
async def test_a_card_goes_by_its_confirmation_until_its_owner_has_confirmed_it(
    desk: Desk, return_url: str | None, kind: type
) -> None:
    waiting = await desk.attach("pm_card_authenticationRequired", return_url=return_url)
    ref = waiting.payment_method_ref
    assert waiting.outcome is Outcome.REQUIRES_ACTION
    assert isinstance(waiting.next_action, kind)
    assert ref is not None
    assert ref.startswith("seti_")
    assert (await desk.provider.fetch_payment_method(payment_method_ref=ref)).outcome is Outcome.REQUIRES_ACTION

    await desk.authenticate(ref)
    stored = await desk.provider.fetch_payment_method(payment_method_ref=ref)

    assert stored.outcome is Outcome.SUCCEEDED
    assert stored.payment_method_ref is not None
    assert stored.payment_method_ref.startswith("pm_")
    assert stored == await desk.provider.fetch_payment_method(payment_method_ref=stored.payment_method_ref)


async def test_a_replayed_attachment_is_told_as_it_is_by_now(desk: Desk) -> None:
    waiting = await desk.attach("pm_card_authenticationRequired", payment_method_id="pm_ours")
    await desk.authenticate(waiting.payment_method_ref or "")
    again = await desk.attach("pm_card_authenticationRequired", payment_method_id="pm_ours")
    assert again.outcome is Outcome.SUCCEEDED


async def test_a_card_whose_owner_fails_to_confirm_is_declined(desk: Desk) -> None:
    waiting = await desk.attach("pm_card_authenticationRequired", return_url=RETURN_URL)
    assert waiting.payment_method_ref is not None
    await desk.authenticate(waiting.payment_method_ref, succeeded=False)
    failed = await desk.provider.fetch_payment_method(payment_method_ref=waiting.payment_method_ref)
    assert failed.outcome is Outcome.DECLINED
    assert failed.refusal is not None
    assert failed.refusal.decline_code is DeclineCode.AUTHENTICATION_FAILED


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("lose_answer", Outcome.UNKNOWN), ("empty", Outcome.UNKNOWN), ("rate_limit", Outcome.NOT_SENT)],
)
async def test_an_attachment_whose_answer_is_none_is_asked_for_again(desk: Desk, fault: str, outcome: Outcome) -> None:
    await desk.misbehave({"on": "setup_intents.create", "fault": fault, "last": 1})
    assert (await desk.attach(payment_method_id="pm_ours")).outcome is outcome
    stored = await desk.attach(payment_method_id="pm_ours")
    assert stored.outcome is Outcome.SUCCEEDED
    kept = await desk.api(f"customers/{desk.customer_ref}/payment_methods")
    assert [each["id"] for each in kept["data"]] == [stored.payment_method_ref]


# --- what the app confirmed itself ------------------------------------------------------------------------------------


async def _confirmed_in_the_app(desk: Desk, card: str = "pm_card_visa") -> str:
    """The client secret of a client session whose card form was filled in."""
    session = await desk.provider.client_session(customer_ref=desk.customer_ref)
    assert isinstance(session, ClientSession)
    setup_ref = session.secret.partition("_secret_")[0]
    await desk.http.post(
        f"/v1/setup_intents/{setup_ref}/confirm",
        data={"payment_method": card, "return_url": RETURN_URL, "client_secret": session.secret},
        headers={"Authorization": f"Bearer {PUBLISHABLE_KEY}"},
    )
    return session.secret


@pytest.mark.parametrize("as_secret", [True, False])
async def test_what_the_app_confirmed_is_taken_by_its_name_or_its_client_secret(desk: Desk, as_secret: bool) -> None:
    secret = await _confirmed_in_the_app(desk)
    stored = await desk.attach(secret if as_secret else secret.partition("_secret_")[0])
    assert stored.outcome is Outcome.SUCCEEDED
    assert (await desk.charge(card=stored.payment_method_ref)).outcome is Outcome.SUCCEEDED


async def test_what_another_customer_confirmed_is_refused(desk: Desk) -> None:
    secret = await _confirmed_in_the_app(desk)
    desk.customer_ref = await desk.customer("cus_2")
    refused = await desk.attach(secret)
    assert (refused.outcome, refused.payment_method_ref, refused.card) == (Outcome.FAILED, None, None)
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "customer_mismatch"


@pytest.mark.parametrize("name", ["seti_", "seti_/../x", "seti_..", "seti_%2e", "seti_x?expand[]=customer", "seti_é"])
async def test_what_is_no_name_of_a_setup_intent_is_refused_before_it_is_asked_for(desk: Desk, name: str) -> None:
    """Asked for, it is an address that Stripe does not have: no answer to a question, to be asked again."""
    before = len(await desk.requests())
    refused = await desk.attach(f"{name}_secret_x")
    assert refused.outcome is Outcome.FAILED
    assert len(await desk.requests()) == before


async def test_a_client_secret_in_the_place_of_a_card_is_not_repeated(desk: Desk) -> None:
    secret = await _confirmed_in_the_app(desk)
    refused = await desk.charge(token=secret)
    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "resource_missing"
    assert secret.partition("_secret_")[2] not in str(refused)


async def test_a_card_of_another_customer_is_neither_stored_nor_charged(desk: Desk) -> None:
    theirs = await desk.card()
    desk.customer_ref = await desk.customer("cus_2")
    stored = await desk.attach(theirs)
    paid, charged = await desk.charge(token=theirs), await desk.charge(card=theirs)
    assert {stored.outcome, paid.outcome, charged.outcome} == {Outcome.FAILED}
    assert (await desk.control("truth"))["payments"] == []


async def test_what_the_app_has_not_confirmed_or_what_failed_there_is_no_card(desk: Desk) -> None:
    session = await desk.provider.client_session(customer_ref=desk.customer_ref)
    assert isinstance(session, ClientSession)
    unconfirmed = await desk.attach(session.secret)
    declined = await desk.attach(await _confirmed_in_the_app(desk, "pm_card_chargeDeclined"))
    unknown = await desk.attach("seti_never")
    assert [each.outcome for each in (unconfirmed, declined, unknown)] == [
        Outcome.FAILED,
        Outcome.DECLINED,
        Outcome.FAILED,
    ]


async def test_what_the_app_has_still_to_confirm_waits(desk: Desk) -> None:
    waiting = await desk.attach(await _confirmed_in_the_app(desk, "pm_card_authenticationRequired"))
    assert waiting.outcome is Outcome.REQUIRES_ACTION
    assert isinstance(waiting.next_action, RedirectAction)


async def test_an_unheard_look_at_what_the_app_confirmed_may_be_repeated(desk: Desk) -> None:
    secret = await _confirmed_in_the_app(desk)
    await desk.misbehave({"on": "setup_intents.retrieve", "fault": "unavailable", "last": 1})
    assert (await desk.attach(secret)).outcome is Outcome.UNKNOWN
    assert (await desk.attach(secret)).outcome is Outcome.SUCCEEDED


# --- detaching --------------------------------------------------------------------------------------------------------


async def test_a_detached_card_is_gone_and_may_be_detached_again(desk: Desk) -> None:
    card = await desk.card()
    for _ in range(2):
        assert (await desk.provider.detach_payment_method(payment_method_ref=card)).outcome is Outcome.SUCCEEDED
    seen = await desk.provider.fetch_payment_method(payment_method_ref=card)
    assert (seen.gone, seen.outcome) == (True, Outcome.FAILED)
    assert (await desk.provider.detach_payment_method(payment_method_ref="pm_never")).outcome is Outcome.SUCCEEDED
    assert (await desk.provider.fetch_payment_method(payment_method_ref="pm_never")).gone
    assert (await desk.charge(card=card)).outcome is Outcome.FAILED


async def test_a_confirmation_that_is_detached_is_called_off(desk: Desk) -> None:
    waiting = await desk.attach("pm_card_authenticationRequired")
    assert waiting.payment_method_ref is not None
    for _ in range(2):
        ended = await desk.provider.detach_payment_method(payment_method_ref=waiting.payment_method_ref)
        assert ended.outcome is Outcome.SUCCEEDED
    seen = await desk.provider.fetch_payment_method(payment_method_ref=waiting.payment_method_ref)
    assert seen.outcome is Outcome.FAILED


async def test_detaching_a_confirmation_that_has_become_a_card_detaches_the_card(desk: Desk) -> None:
    waiting = await desk.attach("pm_card_authenticationRequired")
    assert waiting.payment_method_ref is not None
    await desk.authenticate(waiting.payment_method_ref)

    ended = await desk.provider.detach_payment_method(payment_method_ref=waiting.payment_method_ref)

    assert ended.outcome is Outcome.SUCCEEDED
    assert (await desk.api(f"customers/{desk.customer_ref}/payment_methods"))["data"] == []


@pytest.mark.parametrize("fault", ["lose_answer", "unavailable"])
async def test_detaching_without_an_answer_is_unknown(desk: Desk, fault: str) -> None:
    card = await desk.card()
    await desk.misbehave({"on": "payment_methods.detach", "fault": fault})
    assert (await desk.provider.detach_payment_method(payment_method_ref=card)).outcome is Outcome.UNKNOWN


async def test_an_expiry_that_stripe_updated_by_itself_is_seen(desk: Desk) -> None:
    card = await desk.card()
    await desk.http.post(
        f"/v1/payment_methods/{card}",
        data={"card[exp_month]": "11", "card[exp_year]": "2039"},
        headers={"Authorization": f"Bearer {SECRET_KEY}"},
    )
    seen = await desk.provider.fetch_payment_method(payment_method_ref=card)
    assert seen.card == Card(CardBrand.VISA, "4242", 11, 2039)
