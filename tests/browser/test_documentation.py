"""The documentation's site as its reader has it: opened from the disk, in a real browser, on a closed network."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "artifacts"
BUILD_SECONDS = 120


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = _build(ROOT / "docs", folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.parametrize(
    ("link", "complaint"), [("nowhere.md", "nowhere"), ("why.md#nowhere", "'nowhere'")], ids=["page", "anchor"]
)
def test_a_dead_link_stops_the_build(tmp_path: Path, link: str, complaint: str) -> None:
    for name in ("docs", "schema"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("node_modules", "assets"))
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    page = tmp_path / "docs/glossary.md"
    page.write_text(page.read_text(encoding="utf-8") + f"\nSee [there]({link}).\n", encoding="utf-8")

    built = _build(tmp_path / "docs", tmp_path / "site")

    assert built.returncode != 0
    assert "glossary.md" in built.stderr
    assert complaint in built.stderr


def test_whatever_a_page_links_or_loads_is_part_of_the_site(site: Path) -> None:
    pages = {file: _Links.of(file) for file in site.rglob("*.html") if "_static" not in file.parts}

    dead = [
        f"{file.relative_to(site)}: {link}"
        for file, page in pages.items()
        for link in page.links
        if not _leads_somewhere(file, link, pages)
    ]
    loaded_from_elsewhere = [
        f"{file.relative_to(site)}: {url}" for file, page in pages.items() for url in page.loads if urlsplit(url).netloc
    ]

    assert len(pages) > 20
    assert dead == []
    assert loaded_from_elsewhere == []


def test_a_reader_searches_a_word_and_finds_the_page(page: Page, site: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("REFUND_AMOUNT_TOO_HIGH")
    page.keyboard.press("Enter")
    found = page.locator("#search-results").get_by_role("link", name="Errors", exact=True)
    expect(found).to_be_visible(timeout=30_000)
    _keep_picture(page, "docs-search")
    found.click()

    expect(page.locator("h1")).to_contain_text("Errors")
    assert [url for url in asked if urlsplit(url).scheme not in ("file", "data")] == []


def test_a_reader_goes_from_the_first_page_to_a_task_and_to_the_dark(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    _keep_picture(page, "docs-first-page")
    page.locator("header").get_by_role("link", name="How to").click()
    page.locator("article").get_by_role("link", name="Refund a charge").click()

    expect(page.locator("h1")).to_contain_text("Refund a charge")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    _keep_picture(page, "docs-how-to")


def test_a_command_is_copied_as_it_stands(page: Page, site: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto((site / "index.html").as_uri())

    page.locator("div.highlight", has_text="make serve").get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "make serve\n"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1360, "height": 850}, color_scheme="light")
    yield context.new_page()
    context.close()


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {""}

    @classmethod
    def of(cls, file: Path) -> "_Links":
        page = cls()
        page.feed(file.read_text(encoding="utf-8"))
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors.add(values.get("id") or "")
        if address := values.get("href") or values.get("src"):
            self.links.append(address)
            if tag != "a":
                self.loads.append(address)


def _leads_somewhere(file: Path, link: str, pages: dict[Path, _Links]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.exists():
        return False
    return target not in pages or unquote(parts.fragment) in pages[target].anchors


def _build(docs: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("sphinx-build")
    return subprocess.run(
        [command, "--quiet", "--fail-on-warning", "--keep-going", docs, site],
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )


def _keep_picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
