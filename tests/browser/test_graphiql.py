"""GraphiQL in a real browser on a closed network: what a newcomer sees in the first minute."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from schema.graphiql import first_steps

pytestmark = pytest.mark.browser

PATIENCE_MILLISECONDS = 60_000
"""An editor of 7 MB starts in a second; on a busy machine with two cores it has taken ten."""
expect.set_options(timeout=PATIENCE_MILLISECONDS)

ARTIFACTS = Path(__file__).parents[2] / "artifacts"

PAY = "ChargeOrder"
"""The step whose answer is the paid order."""
FOLLOW = "FollowOrder"
"""The step that stays open."""

QUERY = ".graphiql-query-editor .view-lines"
VARIABLES = ".graphiql-editor-tool .graphiql-editor:not(.hidden) .view-lines"
ANSWER = ".graphiql-response .view-lines"
DOCS = ".graphiql-doc-explorer"


def test_the_page_shows_editor_and_docs_and_asks_nobody_else(page: Page, gateway: str, complaints: list[str]) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))

    _open(page, gateway)

    expect(page.get_by_role("tab", name=PAY)).to_be_visible()
    assert hosts - {""} == {urlsplit(gateway).netloc}
    assert complaints == []


def test_the_first_steps_pay_an_order_refund_a_part_and_tell_the_story(
    page: Page, gateway: str, complaints: list[str]
) -> None:
    _open(page, gateway)
    tabs = page.locator(".graphiql-tabs").get_by_role("tab")
    expect(tabs).to_have_count(len(first_steps()))

    answers: dict[str, Any] = {}
    for step in range(tabs.count() - 1):
        tabs.nth(step).click()
        answer = _run(page)
        assert "errors" not in answer, answer
        for field, payload in answer["data"].items():
            assert payload.get("userErrors", []) == [], answer
            answers[field] = payload
        expect(page.locator(ANSWER)).to_contain_text('"data"')
        if tabs.nth(step).inner_text().startswith(PAY):
            _keep_picture(page, "graphiql-paid")

    assert answers["orderCharge"]["charge"]["state"] == "SUCCEEDED"
    assert answers["orderCharge"]["order"]["paymentState"] == "PAID"
    assert answers["chargeRefund"]["refund"]["state"] == "SUCCEEDED"
    assert answers["order"]["paymentState"] == "PARTIALLY_REFUNDED"
    assert answers["order"]["timeline"]["nodes"] != []

    expect(page.locator(QUERY)).to_be_visible()
    expect(page.locator(DOCS)).to_be_visible()
    expect(page.locator(".graphiql-doc-explorer-error")).to_have_count(0)
    _keep_picture(page, "graphiql-story")
    assert complaints == []


def test_the_last_step_shows_what_happens_elsewhere(
    page: Page, gateway: str, complaints: list[str], staff_token: str
) -> None:
    """The order is paid by somebody else, over HTTP, while the tab stays open."""
    sockets: list[str] = []
    page.on("websocket", lambda opened: sockets.append(opened.url))
    _open(page, gateway)
    answers: dict[str, Any] = {}
    for name in ("CreateCustomer", "CreateProduct", "CreatePrice", "CreateOrder"):
        page.get_by_role("tab", name=name).click()
        answers |= _run(page)["data"]

    page.get_by_role("tab", name=FOLLOW).click()
    page.get_by_role("button", name="Execute query").click()
    expect(page.locator(ANSWER)).to_contain_text('"UNPAID"')
    _pay(gateway, staff_token, answers)

    expect(page.locator(ANSWER)).to_contain_text('"PAID"')
    expect(page.locator(ANSWER)).to_contain_text("The order is complete.")
    assert [urlsplit(url).netloc for url in sockets] == [urlsplit(gateway).netloc]
    _keep_picture(page, "graphiql-live")
    page.get_by_role("button", name="Stop query").click()
    assert complaints == []


def test_a_step_that_is_run_too_early_says_which_one_comes_first(page: Page, gateway: str) -> None:
    _open(page, gateway)

    page.get_by_role("tab", name=PAY).click()
    page.get_by_role("button", name="Execute query").click()

    expect(page.locator(".graphiql-response")).to_contain_text("run the tab with orderCreate first")


def test_a_page_that_is_loaded_again_shows_the_same_tab(page: Page, gateway: str) -> None:
    _open(page, gateway)
    tabs = page.locator(".graphiql-tabs").get_by_role("tab")
    page.get_by_role("tab", name=PAY).click()
    expect(page.locator(QUERY)).to_contain_text("orderCharge")
    _wait_until_stored(page, '"activeTabIndex":5')

    page.reload()

    expect(page.get_by_role("tab", name=PAY)).to_have_attribute("aria-selected", "true")
    expect(page.locator(QUERY)).to_contain_text("orderCharge")
    expect(page.locator(VARIABLES)).to_contain_text("idempotencyKey")
    expect(tabs).to_have_count(len(first_steps()))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A visitor who has never been here: nothing stored, nothing cached."""
    context = chromium.new_context(viewport={"width": 1600, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    yield context.new_page()
    context.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser finds wrong: refused by the policy, not found, thrown."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    return found


def _open(page: Page, gateway: str) -> None:
    """Loads the page and waits, as a person does, until its editors and docs are there."""
    page.goto(f"{gateway}/graphql")
    expect(page.locator(QUERY)).to_contain_text("Welcome to Paydesk")
    expect(page.locator(VARIABLES)).to_contain_text("input")
    expect(page.locator(DOCS)).to_contain_text("mutation: Mutation")


def _run(page: Page) -> dict[str, Any]:
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button", name="Execute query").click()
    body: dict[str, Any] = answer.value.json()
    return body


def _pay(gateway: str, token: str, answers: dict[str, Any]) -> None:
    """The whole order, as a shop's backend does it."""
    order_id = answers["orderCreate"]["order"]["id"]
    steps = {
        "orderAddLine": {"orderId": order_id, "priceId": answers["priceCreate"]["price"]["id"], "quantity": 2},
        "orderCharge": {
            "orderId": order_id,
            "paymentMethodId": answers["customerCreateWithPaymentMethod"]["paymentMethod"]["id"],
            "idempotencyKey": "elsewhere",
        },
    }
    for name, values in steps.items():
        kind = f"{name[0].upper()}{name[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        answer = httpx.post(
            f"{gateway}/graphql",
            json={"query": query, "variables": {"input": values}},
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        ).json()
        assert answer["data"][name]["userErrors"] == [], answer


def _wait_until_stored(page: Page, text: str) -> None:
    """GraphiQL writes its tabs down half a second after they changed."""
    for _ in range(PATIENCE_MILLISECONDS // 100):
        if text in (page.evaluate("localStorage.getItem('graphiql:tabState')") or ""):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{text} was not stored")


def _keep_picture(page: Page, name: str) -> None:
    page.screenshot(path=ARTIFACTS / f"{name}.png")
