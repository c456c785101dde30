"""A shop's webhook receiver, which keeps what arrives, answers challenges with the SDK, and the rest as it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emulators.braintree_shop import Shop, until


@dataclass(slots=True)
class Receiver:
    shop: Shop
    url: str = ""
    status: int = 200
    """What the next deliveries are answered."""
    knows_the_key: bool = True
    delivered: list[tuple[str, str]] = field(default_factory=list)
    """Signature and payload, in the order of arrival."""

    def opened(self) -> list[Any]:
        """The notifications with a good signature, in order."""
        return [self.shop.sdk.webhook_notification.parse(*each) for each in self.delivered]

    @property
    def kinds(self) -> list[str]:
        return [notification.kind for notification in self.opened()]

    def until_count(self, count: int) -> None:
        until(lambda: len(self.delivered) >= count)


@contextmanager
def receiving(shop: Shop, *kinds: str, knows_the_key: bool = True, registered: bool = True) -> Iterator[Receiver]:
    """A receiver that the emulator delivers to from now on."""
    receiver = Receiver(shop, knows_the_key=knows_the_key)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            challenge = parse_qs(urlsplit(self.path).query)["bt_challenge"][0]
            said = shop.sdk.webhook_notification.verify(challenge) if receiver.knows_the_key else "no idea"
            self._answer(200, said.encode())

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            receiver.delivered.append((form["bt_signature"][0], form["bt_payload"][0]))
            self._answer(receiver.status, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            if registered:
                shop.control("webhooks", {"endpoints": [{"url": receiver.url, "kinds": list(kinds or ("*",))}]})
            yield receiver
        finally:
            shop.control("webhooks", {"endpoints": []})
            server.shutdown()
            thread.join()
