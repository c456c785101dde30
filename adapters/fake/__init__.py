"""The fake provider: a bank of its own that ships with Paydesk.

    Bank                        the books and the rules; `truth()`, `misbehave()`
    FakeProvider                the port, on a Bank in process or on one served elsewhere
    WebhookSender               delivers the bank's signed events
    fake_routes, fake_bank_app  the tokenizer and the 3D Secure page; the whole bank as an HTTP server

docs/reference/fake-provider.md and docs/reference/test-cards.md tell users what it does.
"""

from adapters.fake.app import fake_bank_app
from adapters.fake.bank import Bank
from adapters.fake.books import BooksUnreadable
from adapters.fake.delivery import WebhookSender
from adapters.fake.misbehaviour import ScriptUnreadable, parse_script
from adapters.fake.pages import fake_routes
from adapters.fake.provider import FakeProvider

__all__ = [
    "Bank",
    "BooksUnreadable",
    "FakeProvider",
    "ScriptUnreadable",
    "WebhookSender",
    "fake_bank_app",
    "fake_routes",
    "parse_script",
]
