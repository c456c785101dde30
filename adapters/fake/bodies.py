"""Request bodies with an end: read until a limit, before anything parses them."""

from starlette.requests import ClientDisconnect, Request


class BodyRefused(Exception):
    """Too much came, or it broke off."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


async def read_body(request: Request, *, longest: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > longest:
                raise BodyRefused(413, "body_too_large", f"The body is longer than {longest} bytes.")
    except ClientDisconnect:
        raise BodyRefused(400, "body_broken", "The body broke off.") from None
    return bytes(body)
