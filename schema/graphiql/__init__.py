"""The explorer: GraphiQL, served by the gateway itself, so it works on a closed network.

The page is written here, for only the gateway knows where the endpoint is and whether there is a token to hand
out. What it loads is built from `src/` by `make graphiql` into `assets/`, which git does not have. Without the
assets the page says how to make them.
"""

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ASSETS_PATH: Final = "/graphiql/assets"
"""Where the gateway mounts `graphiql_assets()`."""

_FOLDER: Final = Path(__file__).parent
_ASSETS: Final = _FOLDER / "assets"
_FIRST_STEPS: Final = _FOLDER / "first_steps"

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the editor writes its theme into style elements
        "font-src 'self' data:",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)

_TEST_CARD: Final = "tok_visa"
_TEST_CARDS: Final = {"stripe": "pm_card_visa", "braintree": "fake-valid-nonce"}
"""By provider, where its name is not the fake provider's: https://docs.stripe.com/testing and
https://developer.paypal.com/braintree/docs/reference/general/testing."""

_PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",  # the page may hold a token
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}

# Named here: what `mimetypes` knows depends on the machine, and a browser refuses a module of a wrong type.
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_UNHASHED: Final = frozenset({"manifest.json", "LICENSES.md"})


def graphiql_page(
    *, endpoint: str, token: str | None = None, provider: str = "fake", assets: Path = _ASSETS
) -> Response:
    """The explorer for the GraphQL endpoint at that path of this host.

    With a token every request of the page carries it: for development only.
    """
    entry = _entry(assets / "manifest.json")
    if entry is None:
        return HTMLResponse(_MISSING_PAGE, status_code=503, headers=_PAGE_HEADERS)

    settings = {"endpoint": endpoint, "token": token, "tabs": first_steps(provider=provider)}
    page = _PAGE.format(
        styles="\n".join(_STYLE.format(address=_address(name)) for name in entry.get("css", ())),
        script=_address(entry["file"]),
        settings=_script_safe(json.dumps(settings)),
    )
    return HTMLResponse(page, headers=_PAGE_HEADERS)


def first_steps(*, provider: str = "fake") -> list[dict[str, str]]:
    """The default tabs, in order: what a newcomer runs from customer to refund, with a test card of the provider.

    `NAME.graphql` is the text of a tab and `NAME.json`, where there is one, its variables.
    """
    card = _TEST_CARDS.get(provider, _TEST_CARD)
    return [_step(query, card) for query in sorted(_FIRST_STEPS.glob("*.graphql"))]


def _step(query: Path, card: str) -> dict[str, str]:
    step = {"query": query.read_text(encoding="utf-8")}
    variables = query.with_suffix(".json")
    if variables.exists():
        step["variables"] = variables.read_text(encoding="utf-8").replace(f'"{_TEST_CARD}"', f'"{card}"')
    return step


def _entry(manifest: Path) -> Mapping[str, Any] | None:
    """The manifest's entry for the page's module, or None before anything was built."""
    try:
        return _read_entry(manifest, manifest.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@cache
def _read_entry(manifest: Path, changed_ns: int) -> Mapping[str, Any]:
    # `changed_ns` is part of the cache's key: a build beside a running gateway is seen by the next page.
    entry: Mapping[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))["src/main.jsx"]
    return entry


def _address(name: str) -> str:
    return escape(f"{ASSETS_PATH}/{name}")


def _script_safe(text: str) -> str:
    """JSON that cannot end the script element it stands in."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def graphiql_assets(folder: Path = _ASSETS) -> StaticFiles:
    """The application to mount at `ASSETS_PATH`."""
    return _BuiltAssets(folder)


class _BuiltAssets(StaticFiles):
    """Built files. Their names hold a hash of what is in them, so a browser asks for each of them once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)

    async def check_config(self) -> None:
        """Nothing was built yet: then nothing is found, which is no error of the configuration."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code not in {200, 304}:
            return response

        name = Path(path).name
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache" if name in _UNHASHED else "public, max-age=31536000, immutable"
        if response.status_code == 200 and (media_type := _MEDIA_TYPES.get(Path(path).suffix)):
            response.headers["Content-Type"] = media_type
        return response


_PAGE: Final = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="robots" content="noindex">
    <title>Paydesk · GraphiQL</title>
    <link rel="icon" href="data:,">
    {styles}
    <script type="application/json" id="paydesk-settings">{settings}</script>
    <script type="module" src="{script}"></script>
  </head>
  <body>
    <div id="graphiql"><noscript>GraphiQL needs JavaScript.</noscript></div>
  </body>
</html>
"""

_STYLE: Final = '<link rel="stylesheet" href="{address}">'

_MISSING_PAGE: Final = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Paydesk · GraphiQL is not built</title>
    <link rel="icon" href="data:,">
    <style>body { font: 1.1rem/1.5 sans-serif; margin: 4rem auto; max-width: 40rem; padding: 0 1rem }</style>
  </head>
  <body>
    <h1>GraphiQL is not built yet</h1>
    <p>Run <code>make graphiql</code> in Paydesk's folder, then load this page again.
    The API itself is up: send queries to this address by POST.</p>
  </body>
</html>
"""
