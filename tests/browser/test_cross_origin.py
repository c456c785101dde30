"""Web pages of other origins, in a real browser: which of them may ask the gateway, and what they get to read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from persistence.sql import Dialect
from tests.databases import NewDatabaseUrl
from tests.server.processes import ADMIN_KEY, serving, settings

pytestmark = pytest.mark.browser

ASK = """async ([address, key]) => {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}`, "X-Client-Name": "shop" },
    body: JSON.stringify({ query: "{ customers { nodes { id } } }" }),
  });
  return { status: response.status, id: response.headers.get("x-request-id"), body: await response.json() };
}"""

ASK_FOR_THE_PAGE = """async (address) => {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  return { status: response.status, body: await response.text() };
}"""


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A shop</title>")

    def log_message(self, *_arguments: Any) -> None:
        """Not on the test's output."""


@contextmanager
def web_page() -> Iterator[str]:
    """An origin of its own: another port is another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def test_a_page_of_a_configured_origin_asks_and_another_cannot(
    page: Page, new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    with web_page() as shop, web_page() as stranger:
        chosen = settings(new_database_url(Dialect.SQLITE), tmp_path, cors_origins=shop)
        with serving(chosen, tmp_path) as gateway:
            asked = [f"{gateway.address}/graphql", ADMIN_KEY]

            page.goto(shop)
            read = page.evaluate(ASK, asked)
            assert (read["status"], read["body"]["data"]) == (200, {"customers": {"nodes": []}})
            assert read["id"]

            page.goto(stranger)
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            with pytest.raises(Exception, match="Failed to fetch"):
                page.evaluate(ASK, asked)
            assert any("blocked by CORS policy" in complaint for complaint in complaints), complaints


def test_a_page_of_this_machine_may_ask_in_development_but_never_reads_the_token(page: Page, tmp_path: Path) -> None:
    with web_page() as mine, serving({"PAYDESK_ENVIRONMENT": "development"}, tmp_path) as gateway:
        page.goto(mine)
        read = page.evaluate(ASK, [f"{gateway.address}/graphql", "not-a-key"])
        assert (read["status"], read["body"]["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")

        refused = page.evaluate(ASK_FOR_THE_PAGE, f"{gateway.address}/graphql")
        assert refused["status"] == 406
        assert "paydesk-settings" not in refused["body"]
