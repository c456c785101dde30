"""`python -m tests.emulators.braintree --port 12112`: the emulator as a server of its own, on loopback."""

import argparse

import uvicorn

from tests.emulators.braintree.account import Options
from tests.emulators.braintree.app import braintree_app
from tests.emulators.braintree.credentials import Keys
from tests.emulators.braintree.server import Emulator
from tests.emulators.braintree.webhooks import Endpoint
from tests.emulators.common.serving import server_config

_DEFAULT = Keys()


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
    parser.add_argument("--webhook-url", help="where notifications go; it is not asked to answer a challenge")
    parser.add_argument("--seed", type=int, help="makes ids repeatable")
    asked = parser.parse_args()
    options = Options(request_keys_allowed=not asked.no_request_keys)
    if asked.merchant_account:
        pairs = [pair.partition("=") for pair in asked.merchant_account]
        accounts = {id: currency for id, _, currency in pairs}
        options = Options(merchant_accounts=accounts, request_keys_allowed=not asked.no_request_keys)
    keys = Keys(asked.merchant_id, asked.public_key, asked.private_key)
    emulator = Emulator(keys=keys, seed=asked.seed, options=options)
    if asked.webhook_url:
        emulator.outbox.endpoints.append(Endpoint("endpoint_1", asked.webhook_url))
    uvicorn.Server(server_config(braintree_app(emulator), port=asked.port)).run()


if __name__ == "__main__":
    main()
