"""`python -m tests.emulators.braintree --port 12112`: the emulator as a server of its own, on loopback."""

import argparse
from dataclasses import replace

import uvicorn

from tests.emulators.braintree.account import Options, Pace
from tests.emulators.braintree.app import braintree_app
from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.server import Emulator
from tests.emulators.braintree.webhooks import Endpoint
from tests.emulators.common.serving import server_config

_DEFAULT, _OPTIONS = Keys(), Options()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.braintree", description=__doc__)
    parser.add_argument("--port", type=int, default=12112)
    parser.add_argument("--merchant-id", default=_DEFAULT.merchant_id)
    parser.add_argument("--public-key", default=_DEFAULT.public_key)
    parser.add_argument("--private-key", default=_DEFAULT.private_key)
    parser.add_argument(
        "--merchant-account", action="append", metavar="ID=CURRENCY", help="several; the first is the default one"
    )
    parser.add_argument("--no-request-keys", action="store_true", help="refuse api_request_key, as for some accounts")
    parser.add_argument("--duplicate-window", type=float, default=_OPTIONS.duplicate_window_seconds, metavar="SECONDS")
    parser.add_argument("--search-lag", type=float, default=_OPTIONS.search_lag_seconds, metavar="SECONDS")
    parser.add_argument(
        "--settled-after", type=float, metavar="SECONDS", help="instead of a day; it is settling after half of that"
    )
    parser.add_argument("--webhook-url", help="where notifications go; it is not asked to answer a challenge")
    parser.add_argument("--seed", type=int, help="makes ids repeatable")
    asked = parser.parse_args()
    options = Options(
        request_keys_allowed=not asked.no_request_keys,
        duplicate_window_seconds=asked.duplicate_window,
        search_lag_seconds=asked.search_lag,
    )
    if asked.merchant_account:
        pairs = [pair.partition("=") for pair in asked.merchant_account]
        options = replace(options, merchant_accounts={id: currency for id, _, currency in pairs})
    pace = Pace()
    if asked.settled_after is not None:
        pace = Pace(settling_seconds=asked.settled_after / 2, settled_seconds=asked.settled_after)
    keys = Keys(asked.merchant_id, asked.public_key, asked.private_key)
    emulator = Emulator(keys=keys, seed=asked.seed, pace=pace, options=options)
    if asked.webhook_url:
        emulator.outbox.endpoints.append(Endpoint("endpoint_1", asked.webhook_url))
    uvicorn.Server(server_config(braintree_app(emulator), port=asked.port)).run()


if __name__ == "__main__":
    main()
