"""How the explorer is served; what it does in a browser is tried in tests/browser."""

import json
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount

from schema.graphiql import ASSETS_PATH, first_steps, graphiql_assets, graphiql_page


def test_the_page_loads_what_was_built(built: Path) -> None:
    page = _text(graphiql_page(endpoint="/graphql", assets=built))

    assert f'<script type="module" src="{ASSETS_PATH}/main-abc.js"></script>' in page
    assert f'<link rel="stylesheet" href="{ASSETS_PATH}/main-def.css">' in page


def test_the_page_is_told_the_endpoint_the_token_and_the_first_steps(built: Path) -> None:
    settings = _settings(graphiql_page(endpoint="/graphql", token="eyJ.a.b", assets=built))

    assert settings == {"endpoint": "/graphql", "token": "eyJ.a.b", "tabs": first_steps()}


@pytest.mark.parametrize(("provider", "card"), [("stripe", "pm_card_visa"), ("braintree", "fake-valid-nonce")])
def test_the_first_steps_pay_with_a_test_card_of_the_provider(built: Path, provider: str, card: str) -> None:
    tabs = first_steps(provider=provider)

    assert _settings(graphiql_page(endpoint="/graphql", provider=provider, assets=built))["tabs"] == tabs
    assert json.loads(tabs[0]["variables"])["input"]["token"] == card
    assert [tab["query"] for tab in tabs] == [tab["query"] for tab in first_steps()]


def test_the_page_has_no_token_unless_one_is_given(built: Path) -> None:
    assert _settings(graphiql_page(endpoint="/graphql", assets=built))["token"] is None


def test_nothing_in_the_settings_can_end_their_block(built: Path) -> None:
    hostile = "</script><script>alert(1)</script><!--"

    response = graphiql_page(endpoint="/graphql", token=hostile, assets=built)

    assert hostile not in _text(response)
    assert _settings(response)["token"] == hostile


def test_the_page_allows_no_inline_script_and_no_foreign_host(built: Path) -> None:
    response = graphiql_page(endpoint="/graphql", assets=built)

    policy = dict(rule.split(" ", 1) for rule in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["worker-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    executable = re.findall(r"<script(?![^>]*application/json)[^>]*>", _text(response))
    assert executable
    assert all("src=" in script for script in executable)


def test_a_page_that_may_hold_a_token_is_not_stored(built: Path) -> None:
    assert graphiql_page(endpoint="/graphql", assets=built).headers["Cache-Control"] == "no-store"


def test_without_assets_the_page_names_the_command_that_makes_them(tmp_path: Path) -> None:
    response = graphiql_page(endpoint="/graphql", token="eyJ.a.b", assets=tmp_path / "nothing")

    assert response.status_code == 503
    assert "make graphiql" in _text(response)
    assert "eyJ.a.b" not in _text(response)


def test_a_new_build_is_seen_without_a_restart(built: Path) -> None:
    graphiql_page(endpoint="/graphql", assets=built)

    _build(built, module="main-new.js")

    assert "main-new.js" in _text(graphiql_page(endpoint="/graphql", assets=built))


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("main-abc.js", "text/javascript; charset=utf-8"),
        ("main-def.css", "text/css; charset=utf-8"),
        ("codicon-ghi.ttf", "font/ttf"),
    ],
)
async def test_a_hashed_file_has_its_type_and_is_kept_for_ever(built: Path, name: str, media_type: str) -> None:
    (built / name).write_bytes(b"content")

    response = await _get(built, f"{ASSETS_PATH}/{name}")

    assert response.content == b"content"
    assert response.headers["Content-Type"] == media_type
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_file_whose_name_stays_is_asked_for_again(built: Path) -> None:
    assert (await _get(built, f"{ASSETS_PATH}/manifest.json")).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["missing.js", "../__init__.py", "%2e%2e/__init__.py", "", "main%00.js"])
async def test_nothing_but_assets_is_served(built: Path, path: str) -> None:
    assert (await _get(built, f"{ASSETS_PATH}/{path}")).status_code == 404


async def test_assets_that_were_never_built_are_not_found(tmp_path: Path) -> None:
    assert (await _get(tmp_path / "nothing", f"{ASSETS_PATH}/main-abc.js")).status_code == 404


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    _build(folder, module="main-abc.js")
    return folder


def _build(folder: Path, *, module: str) -> None:
    manifest = {"src/main.jsx": {"file": module, "isEntry": True, "css": ["main-def.css"]}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


async def _get(folder: Path, path: str) -> httpx.Response:
    gateway = Starlette(routes=[Mount(ASSETS_PATH, graphiql_assets(folder))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://paydesk") as client:
        return await client.get(path)


def _text(response: Response) -> str:
    return bytes(response.body).decode()


def _settings(response: Response) -> dict[str, object]:
    block = re.search(r'<script type="application/json" id="paydesk-settings">(.*)</script>', _text(response))
    assert block
    settings: dict[str, object] = json.loads(block[1])
    return settings
