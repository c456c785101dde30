"""The emulator over HTTP: Stripe's API under /v1, the bank's page under /3d-secure, and /_control for tests."""

from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.emulators.common.application import Counter, application
from tests.emulators.stripe import authentication
from tests.emulators.stripe.control import control_routes
from tests.emulators.stripe.refusals import Json, Refused
from tests.emulators.stripe.server import Emulator, Received

_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Request-Id"}
"""Pages call the API from their own origins, with the publishable key."""
_ALLOWED = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
}


def stripe_app(emulator: Emulator) -> Starlette:
    counter, page = Counter(), _Page(emulator)

    async def api(request: Request) -> Response:
        received = Received(request.method, request.url.path, request.url.query, request.headers, await request.body())
        response = await counter.take(emulator.take(received))
        response.headers.update(_ANY_ORIGIN)
        return response

    routes = [
        *control_routes(emulator),
        Route("/3d-secure/{id}", page.show, methods=["GET"]),
        Route("/3d-secure/{id}", page.leave, methods=["POST"]),
        Route("/{path:path}", _preflight, methods=["OPTIONS"]),
        Route("/{path:path}", api, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    return application(emulator, counter, routes)


class _Page:
    """The bank's."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def show(self, request: Request) -> Response:
        try:
            return HTMLResponse(authentication.page(self._intent(request)))
        except Refused as refused:
            return HTMLResponse(str(refused), status_code=refused.status)

    async def leave(self, request: Request) -> Response:
        """303 to where the shop wanted its customer to come back."""
        account = self._emulator.account
        outcome = parse_qs((await request.body()).decode(errors="replace")).get("outcome")
        succeeded = outcome == ["succeeded"]
        try:
            intent = self._intent(request)
            if intent["status"] == "canceled":
                succeeded = False  # the shop has called it off meanwhile
            else:
                authentication.finish(account, intent, succeeded=succeeded)
        except Refused as refused:
            return HTMLResponse(str(refused), status_code=refused.status)
        url = authentication.return_url(account, intent, succeeded=succeeded)
        return HTMLResponse("You can close this page.") if url is None else RedirectResponse(url, status_code=303)

    def _intent(self, request: Request) -> Json:
        account = self._emulator.account
        account.catch_up()
        intent = authentication.intent_of(account, request.path_params["id"])
        if not authentication.has_key(account, intent, request.query_params.get("key", "")):
            raise Refused(404, "This link leads nowhere.")
        return intent


async def _preflight(_: Request) -> Response:
    return Response(status_code=204, headers=_ANY_ORIGIN | _ALLOWED)
