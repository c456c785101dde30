"""Every test starts from a clean environment, on a laptop with provider keys in its shell as in CI."""

import os

# What `make test` clears is cleared here too, for whoever runs pytest by hand: no test may reach a real
# provider, or take its settings from the shell. PAYDESK_TEST_… is how a test run is told things.
for _name in list(os.environ):
    if _name.startswith(("STRIPE_", "BRAINTREE_", "PAYDESK_")) and not _name.startswith("PAYDESK_TEST_"):
        del os.environ[_name]

# Tests start some hundred gateways, each of which would compile all of its modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ["tests.contracts.results", "tests.databases", "tests.forks", "tests.schema.refusals"]
