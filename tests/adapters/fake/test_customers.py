import re
from pathlib import Path

from adapters.fake import Bank, FakeProvider
from adapters.fake.cards import CARDS_BY_NAME
from adapters.fake.customers import mint_token
from domain.provider import (
    Card,
    CardBrand,
    ClientSession,
    CustomerRequest,
    Outcome,
    PaymentProvider,
    ProviderAction,
    Refusal,
    Support,
)
from tests.adapters.fake.helpers import Shop


async def test_a_customer_has_one_account_however_often_it_is_asked_for(shop: Shop) -> None:
    request = CustomerRequest(customer_id="cus_1", email="new@example.org", name=None)

    again = await shop.provider.ensure_customer(request)

    assert again.customer_ref == shop.customer_ref
    assert [customer.customer_id for customer in shop.bank.truth().customers] == ["cus_1"]


async def test_a_forgotten_customer_is_nobody_and_what_they_paid_can_go_back(shop: Shop) -> None:
    attached = await shop.attach("tok_visa")
    charged = await shop.charge()

    for _ in range(2):
        forgotten = await shop.provider.forget_customer(customer_ref=shop.customer_ref)
        assert forgotten.outcome is Outcome.SUCCEEDED

    assert "example.org" not in str(shop.bank.truth())
    assert [customer.payment_method_ids for customer in shop.bank.truth().customers] == [()]
    assert attached.payment_method_ref is not None
    assert (await shop.provider.fetch_payment_method(payment_method_ref=attached.payment_method_ref)).gone
    assert charged.captured is not None
    assert (await shop.refund(charged, charged.captured)).outcome is Outcome.SUCCEEDED


async def test_a_customer_whom_the_bank_does_not_know_is_forgotten_already(shop: Shop) -> None:
    assert (await shop.provider.forget_customer(customer_ref="fcu_gone")).outcome is Outcome.SUCCEEDED


async def test_a_card_form_is_told_where_test_cards_become_tokens(shop: Shop) -> None:
    session = await shop.provider.client_session(customer_ref=shop.customer_ref)

    assert isinstance(session, ClientSession)
    assert session.tokenizer_url == "http://bank.test/fake/tokens"
    assert session.expires_at is not None
    assert session.expires_at > shop.clock.now()
    assert isinstance(await shop.provider.client_session(customer_ref="fcu_gone"), Refusal)


async def test_a_token_becomes_a_payment_method_with_what_may_be_shown(shop: Shop) -> None:
    attached = await shop.attach("tok_mastercard")

    assert attached.outcome is Outcome.SUCCEEDED
    assert attached.card == Card(CardBrand.MASTERCARD, "4444", 12, 2030)
    assert attached.payment_method_ref is not None
    fetched = await shop.provider.fetch_payment_method(payment_method_ref=attached.payment_method_ref)
    assert fetched == attached
    assert not fetched.gone


async def test_a_number_has_one_fingerprint_and_nobody_reads_the_number_from_it(shop: Shop, tmp_path: Path) -> None:
    """Whoever types it in. A name from the table is a card of the customer's own."""
    other = Bank(tmp_path / "another.sqlite3", clock=shop.clock, public_url="http://another.test")
    elsewhere = Shop(other, FakeProvider.in_process(other, clock=shop.clock), shop.clock)

    async def fingerprint(at: Shop, customer_id: str, token: str) -> str | None:
        asked = CustomerRequest(customer_id=customer_id, email=None, name=None)
        at.customer_ref = (await at.provider.ensure_customer(asked)).customer_ref or ""
        return (await at.attach(token)).card_fingerprint

    async def typed(at: Shop, customer_id: str, name: str = "visa") -> str | None:
        card = CARDS_BY_NAME[name]
        token = await at.bank.run(lambda books: mint_token(books, card=card, expiry_month=12, expiry_year=2030))
        return await fingerprint(at, customer_id, token)

    here = await typed(shop, "cus_1")
    assert re.fullmatch("[0-9a-f]{32}", here or "")
    assert here == await typed(shop, "cus_1") == await typed(shop, "cus_2")
    assert len({here, await typed(shop, "cus_1", "mastercard"), await typed(elsewhere, "cus_1")}) == 3

    own = await fingerprint(shop, "cus_1", "tok_visa")
    assert own == await fingerprint(shop, "cus_1", "tok_visa")
    assert len({here, own, await fingerprint(shop, "cus_2", "tok_visa")}) == 3
    await elsewhere.provider.close()
    other.close()


async def test_attaching_again_gives_the_same_method_and_another_token_is_refused(shop: Shop) -> None:
    first = await shop.attach("tok_visa", payment_method_id="pm_same")

    assert await shop.attach("tok_visa", payment_method_id="pm_same") == first
    other = await shop.attach("tok_amex", payment_method_id="pm_same")
    assert other.outcome is Outcome.UNKNOWN
    assert other.refusal is not None
    assert other.refusal.provider_code == "idempotency_key_reused"


async def test_a_card_number_is_no_token_and_is_not_repeated(shop: Shop) -> None:
    refused = await shop.attach("4242424242424242")

    assert refused.outcome is Outcome.FAILED
    assert refused.refusal is not None
    assert refused.refusal.provider_code == "token_unknown"
    assert "4242" not in refused.refusal.message


async def test_detaching_is_done_also_when_it_was_done_before_or_the_bank_knows_nothing(shop: Shop) -> None:
    ref = await shop.card("tok_visa")

    for gone in (ref, ref, "fpm_of_another_bank"):
        detached = await shop.provider.detach_payment_method(payment_method_ref=gone)
        assert detached.outcome is Outcome.SUCCEEDED
    fetched = await shop.provider.fetch_payment_method(payment_method_ref=ref)
    assert (fetched.outcome, fetched.gone) == (Outcome.FAILED, True)
    unheard_of = await shop.provider.fetch_payment_method(payment_method_ref="fpm_of_another_bank")
    assert (unheard_of.outcome, unheard_of.gone) == (Outcome.UNKNOWN, True)
    assert shop.bank.truth().customers[0].payment_method_ids == ()


async def test_it_is_a_provider_without_real_money_that_does_everything_natively(shop: Shop) -> None:
    provider: PaymentProvider = shop.provider

    assert (provider.name, provider.livemode) == ("fake", False)
    assert {capability.action for capability in provider.capabilities} == set(ProviderAction)
    assert {capability.support for capability in provider.capabilities} == {Support.NATIVE}
