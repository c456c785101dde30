"""The emulator over HTTP: Braintree's API under /merchants, and /_control for tests."""

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.emulators.braintree.calls import Upload
from tests.emulators.braintree.control import control_routes
from tests.emulators.braintree.server import Emulator, Received
from tests.emulators.common.application import Counter, application

_ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Allow-Methods": "GET, POST",
}
"""Pages ask from their own origins."""


def braintree_app(emulator: Emulator) -> Starlette:
    counter = Counter()

    async def api(request: Request) -> Response:
        return await counter.take(emulator.take(await _received(request)))

    routes = [
        *control_routes(emulator),
        Route("/{path:path}", _preflight, methods=["OPTIONS"]),
        Route("/{path:path}", api, methods=["GET", "POST", "PUT", "DELETE"]),
    ]
    return application(emulator, counter, routes)


async def _preflight(_: Request) -> Response:
    return Response(status_code=204, headers=_ALLOWED)


async def _received(request: Request) -> Received:
    about = (request.method, request.url.path, request.url.query, request.headers)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return Received(*about, await request.body())
    fields, upload = {}, None
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                upload = Upload(value.filename or "", value.content_type or "", await value.read())
            else:
                fields[name] = value
    return Received(*about, b"", fields, upload)
