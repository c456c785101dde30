"""`python -m tests.emulators.stripe --port 12111`: the emulator as a server of its own, on loopback."""

import argparse

import uvicorn

from tests.emulators.common.serving import server_config
from tests.emulators.stripe.account import Endpoint
from tests.emulators.stripe.app import stripe_app
from tests.emulators.stripe.credentials import Keys
from tests.emulators.stripe.server import Emulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--public-url", help="where browsers reach it, if not on the port of this machine")
    parser.add_argument("--secret-key", default="sk_test_emulator")
    parser.add_argument("--publishable-key", default="pk_test_emulator")
    parser.add_argument("--webhook-url", help="where events go")
    parser.add_argument(
        "--webhook-secret", action="append", help="what they are signed with; several while one is rolled"
    )
    parser.add_argument("--seed", type=int, help="makes ids repeatable")
    asked = parser.parse_args()
    if bool(asked.webhook_url) != bool(asked.webhook_secret):
        parser.error("--webhook-url and --webhook-secret go together")
    emulator = Emulator(
        public_url=asked.public_url or f"http://127.0.0.1:{asked.port}",
        keys=Keys(asked.secret_key, asked.publishable_key),
        seed=asked.seed,
    )
    if asked.webhook_url:
        emulator.outbox.endpoints.append(Endpoint("we_1", asked.webhook_url, tuple(asked.webhook_secret)))
    uvicorn.Server(server_config(stripe_app(emulator), port=asked.port)).run()


if __name__ == "__main__":
    main()
