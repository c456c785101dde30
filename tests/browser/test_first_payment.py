"""The web page of the how-to "Take a first payment from the web": made, checked and used as a reader would."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/examples"
ARTIFACTS = ROOT / "artifacts"

BUILD_SECONDS = 180
"""Generating and checking takes ten seconds; two busy cores make a minute of it."""
PATIENCE_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def web_page(
    gateway: str, customer_token: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the page, for a customer of a shop that sells one thing."""
    _fill_shop(gateway, customer="ada")
    folder = tmp_path_factory.mktemp("examples") / "web"
    shutil.copytree(EXAMPLES / "web", folder, ignore=shutil.ignore_patterns("node_modules", "gql"))
    for operations in EXAMPLES.glob("*.graphql"):
        shutil.copy(operations, folder.parent)
    modules = EXAMPLES / "web/node_modules"
    assert modules.is_dir(), "the page's tools are not installed: `make test-browser` installs them"
    (folder / "node_modules").symlink_to(modules)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment |= {"PAYDESK": gateway, "VITE_TOKEN": customer_token("ada")}

    _run("graphql-codegen", folder, environment)
    _run("tsc", folder, environment)
    port = _free_port()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["node_modules/.bin/vite", "--host", "127.0.0.1", "--port", str(port), "--strictPort"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_served(f"http://127.0.0.1:{port}/", process, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("4242 4242 4242 4242", "Thank you. $14.50 were paid."),
        ("4000 0000 0000 9995", "The card has insufficient funds."),
        ("4242 4242 4242 4241", "number"),
    ],
    ids=["paid", "declined", "no card"],
)
def test_a_customer_reads_what_became_of_the_payment(page: Page, web_page: str, number: str, told: str) -> None:
    page.goto(web_page)

    _pay(page, number)

    expect(page.get_by_role("status")).to_contain_text(told)
    if "Thank" in told:
        _keep_picture(page, "first-payment")


def test_a_refund_by_the_staff_reaches_the_page_by_itself(page: Page, web_page: str, gateway: str) -> None:
    page.goto(web_page)
    _pay(page, "5555 5555 5555 4444")
    expect(page.locator("#order")).to_have_text("PAID")

    latest = "{ done: charges(first: 1, filter: { states: [SUCCEEDED] }) { made: nodes { id } } }"
    (charge,) = _staff(gateway, latest)
    _staff(
        gateway,
        f'mutation {{ done: chargeRefund(input: {{ chargeId: "{charge["id"]}", idempotencyKey: "live" }}) '
        "{ made: refund { id } } }",
    )

    expect(page.locator("#order")).to_have_text("REFUNDED")


@pytest.mark.parametrize(
    ("button", "told"),
    [("Confirm", "Thank you. $14.50 were paid."), ("Refuse", "The payment could not be confirmed with your bank.")],
)
def test_a_customer_whose_bank_asks_comes_back_to_the_page(page: Page, web_page: str, button: str, told: str) -> None:
    page.goto(web_page)

    _pay(page, "4000 0025 0000 3155")
    page.get_by_role("button", name=button).click()
    page.wait_for_url(f"{web_page}?*")

    expect(page.get_by_role("status")).to_contain_text(told)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 640, "height": 480})
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    yield context.new_page()
    context.close()


def _pay(page: Page, number: str) -> None:
    expect(page.get_by_label("What").locator("option")).to_have_text(["Filter coffee, 500 g, $14.50"])
    page.get_by_label("Card number").fill(number)
    page.get_by_role("button", name="Pay").click()


def _fill_shop(gateway: str, *, customer: str) -> None:
    def do(mutation: str) -> str:
        return str(_staff(gateway, f"mutation {{ done: {mutation} }}")["id"])

    do(f'customerCreate(input: {{ externalId: "{customer}", name: "Ada" }}) {{ made: customer {{ id }} }}')
    product = do('productCreate(input: { name: "Filter coffee, 500 g" }) { made: product { id } }')
    amount = '{ minorUnits: 1450, currency: "USD" }'
    do(f'priceCreate(input: {{ productId: "{product}", amount: {amount} }}) {{ made: price {{ id }} }}')


def _staff(gateway: str, document: str) -> Any:
    """Asks with the token that the development gateway gives to whoever opens its page."""
    page = httpx.get(f"{gateway}/graphql", headers={"Accept": "text/html"}, trust_env=False).text
    token = page.partition('"token": "')[2].partition('"')[0]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{gateway}/graphql", json={"query": document}, headers=headers, trust_env=False).json()
    return answer["data"]["done"]["made"]


def _run(tool: str, folder: Path, environment: dict[str, str]) -> None:
    command = [f"node_modules/.bin/{tool}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_served(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(address, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the page was not served after {BUILD_SECONDS} s:\n{log.read_text()}")


def _keep_picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
