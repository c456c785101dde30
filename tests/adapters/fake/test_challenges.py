import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from adapters.fake import Bank, fake_routes
from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import AttachRequest, CaptureMode, ChargeResult, Outcome, RedirectAction
from tests.adapters.fake.helpers import Shop

RETURN_URL = "https://shop.test:8443/paid?cart=7&x=%2F#bottom"


@pytest.fixture
async def browser(bank: Bank) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=Starlette(routes=fake_routes(bank)))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank.test") as client:
        yield client


def page_of(charge: ChargeResult) -> str:
    assert isinstance(charge.next_action, RedirectAction)
    return charge.next_action.url


async def answer(browser: httpx.AsyncClient, charge: ChargeResult, what: str) -> httpx.Response:
    return await browser.post(page_of(charge), data={"answer": what})


def told(response: httpx.Response) -> str:
    return parse_qs(urlsplit(response.headers["location"]).query)["redirect_status"][0]


async def test_the_page_shows_who_wants_how_much_and_two_buttons(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", Money(1_234_50, "USD"))

    page = await browser.get(page_of(charge))

    assert page.status_code == 200
    assert "1234.50 USD" in page.text
    assert "Paydesk test shop" in page.text
    assert re.findall(r'<button[^>]* value="(\w+)"', page.text) == ["confirm", "refuse"]
    assert "<script" not in page.text


async def test_a_confirmed_charge_succeeds_and_the_browser_goes_back_to_the_shop(
    quick_shop: Shop, browser: httpx.AsyncClient
) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=RETURN_URL)

    back = await answer(browser, charge, "confirm")

    assert back.status_code == 303
    [truth] = quick_shop.bank.truth().charges
    assert back.headers["location"] == (
        f"https://shop.test:8443/paid?cart=7&x=%2F&charge={truth.charge_id}&redirect_status=succeeded#bottom"
    )
    assert truth.captured == 20_00
    assert (await quick_shop.resume(charge)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("return_url", [RETURN_URL, None])
async def test_a_confirmed_hold_is_told_of_as_a_payment_is(
    quick_shop: Shop, browser: httpx.AsyncClient, return_url: str | None
) -> None:
    request = await quick_shop.charge_request(
        "tok_threeDSecureRequired", return_url=return_url, capture=CaptureMode.MANUAL
    )
    charge = await quick_shop.provider.charge(request)

    response = await answer(browser, charge, "confirm")

    assert (await quick_shop.resume(charge)).outcome is Outcome.AUTHORIZED
    if return_url is None:
        assert "The payment is confirmed." in response.text
    else:
        assert told(response) == "succeeded"
    assert "The payment is confirmed." in (await browser.get(page_of(charge))).text


async def test_a_refused_charge_is_declined(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=RETURN_URL)

    assert told(await answer(browser, charge, "refuse")) == "failed"

    resumed = await quick_shop.resume(charge)
    assert resumed.outcome is Outcome.DECLINED
    assert resumed.refusal is not None
    assert resumed.refusal.decline_code is DeclineCode.AUTHENTICATION_FAILED


async def test_only_the_first_answer_counts(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=RETURN_URL)

    answers = [told(await answer(browser, charge, what)) for what in ("confirm", "refuse", "confirm")]

    assert answers == ["succeeded"] * 3
    assert quick_shop.bank.truth().charges[0].captured == 20_00


async def test_a_card_may_be_confirmed_and_declined_all_the_same(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequiredChargeDeclined", return_url=RETURN_URL)

    assert told(await answer(browser, charge, "confirm")) == "failed"
    assert (await quick_shop.resume(charge)).outcome is Outcome.DECLINED


async def test_a_voided_charge_can_no_longer_be_confirmed(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=RETURN_URL)
    await quick_shop.void(charge)

    assert told(await answer(browser, charge, "confirm")) == "failed"
    assert "ended this payment" in (await browser.get(page_of(charge))).text
    assert quick_shop.bank.truth().charges[0].state == "voided"


async def test_a_confirmation_comes_too_late_after_the_hour(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=RETURN_URL)
    quick_shop.clock.advance(hours=1)

    assert told(await answer(browser, charge, "confirm")) == "failed"
    assert quick_shop.bank.truth().charges[0].state == "failed"


async def test_without_a_return_url_the_page_says_how_it_went(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired")

    page = await answer(browser, charge, "confirm")

    assert page.status_code == 200
    assert "The payment is confirmed." in page.text


@pytest.mark.parametrize(
    ("return_url", "target"),
    [(RETURN_URL, "https://shop.test:8443"), ("com.example.shop://paid", "com.example.shop:"), (None, "")],
)
async def test_the_form_leads_to_the_bank_and_the_shop_and_nowhere_else(
    quick_shop: Shop, browser: httpx.AsyncClient, return_url: str | None, target: str
) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=return_url)

    page = await browser.get(page_of(charge))

    policy = page.headers["content-security-policy"].split("; ")
    assert f"form-action 'self' {target}".strip() in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


async def test_a_guessed_address_and_a_made_up_answer_change_nothing(
    quick_shop: Shop, browser: httpx.AsyncClient
) -> None:
    charge = await quick_shop.charge("tok_threeDSecureRequired", return_url=RETURN_URL)

    assert (await browser.get("/fake/3ds/guessed")).status_code == 404
    assert (await browser.post("/fake/3ds/guessed", data={"answer": "confirm"})).status_code == 404
    assert (await answer(browser, charge, "perhaps")).status_code == 400
    assert (await browser.post(page_of(charge), content=b"\xff")).status_code == 400
    assert (await browser.post(page_of(charge), content=b"answer=confirm" * 1000)).status_code == 400
    assert quick_shop.bank.truth().charges[0].state == "requires_action"


async def test_names_are_shown_as_text(quick_shop: Shop, browser: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge(
        "tok_threeDSecureRequired", return_url='https://shop.test/?a="><script>alert(1)</script>'.replace(" ", "")
    )
    await quick_shop.void(charge)

    assert "<script" not in (await browser.get(page_of(charge))).text


# --- cards that are confirmed as they are stored ----------------------------------------------------------------------


async def asked_for(shop: Shop, return_url: str | None = RETURN_URL) -> tuple[AttachRequest, str]:
    """A card that waits, and its page."""
    request = AttachRequest(
        payment_method_id="pm_confirmed",
        customer_ref=shop.customer_ref,
        token="tok_threeDSecureWhenStored",
        return_url=return_url,
    )
    asked = await shop.provider.attach_payment_method(request)
    assert (asked.outcome, shop.cards()) == (Outcome.REQUIRES_ACTION, ())
    assert isinstance(asked.next_action, RedirectAction)
    assert await shop.provider.attach_payment_method(request) == asked
    return request, asked.next_action.url


@pytest.mark.parametrize(("given", "outcome"), [("confirm", Outcome.SUCCEEDED), ("refuse", Outcome.DECLINED)])
async def test_a_card_is_stored_when_its_owner_confirms_it(
    quick_shop: Shop, browser: httpx.AsyncClient, given: str, outcome: Outcome
) -> None:
    request, url = await asked_for(quick_shop)
    page = await browser.get(url)
    assert "Confirm your card" in page.text
    assert "Amount" not in page.text

    back = await browser.post(url, data={"answer": given})

    result = "succeeded" if given == "confirm" else "failed"
    assert back.headers["location"] == (
        f"https://shop.test:8443/paid?cart=7&x=%2F&payment_method=pm_confirmed&redirect_status={result}#bottom"
    )
    told = await quick_shop.provider.attach_payment_method(request)
    assert told.outcome is outcome
    assert told.payment_method_ref is not None
    fetched = await quick_shop.provider.fetch_payment_method(payment_method_ref=told.payment_method_ref)
    assert (fetched, len(quick_shop.cards())) == (told, given == "confirm")


@pytest.mark.parametrize("given_up", ["detached", "too late"])
async def test_a_card_that_nobody_waits_for_any_more_is_not_stored(
    quick_shop: Shop, browser: httpx.AsyncClient, given_up: str
) -> None:
    request, url = await asked_for(quick_shop, return_url=None)
    waiting = await quick_shop.provider.attach_payment_method(request)
    assert waiting.payment_method_ref is not None
    if given_up == "detached":
        detached = await quick_shop.provider.detach_payment_method(payment_method_ref=waiting.payment_method_ref)
        assert detached.outcome is Outcome.SUCCEEDED
    else:
        quick_shop.clock.advance(hours=2)

    page = await browser.post(url, data={"answer": "confirm"})

    assert "You can close this window." in page.text
    assert "confirmed" not in page.text
    assert quick_shop.cards() == ()
    told = await quick_shop.provider.attach_payment_method(request)
    assert told.outcome is (Outcome.FAILED if given_up == "detached" else Outcome.EXPIRED)
