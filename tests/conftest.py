"""Every test starts from a clean environment, on a laptop with provider keys in its shell as in CI."""

import os
import shutil
import tempfile
from pathlib import Path

# What `make test` clears is cleared here too, for whoever runs pytest by hand: no test may reach a real
# provider, or take its settings from the shell. PAYDESK_TEST_… is how a test run is told things.
for _name in list(os.environ):
    if _name.startswith(("STRIPE_", "BRAINTREE_", "PAYDESK_")) and not _name.startswith("PAYDESK_TEST_"):
        del os.environ[_name]

# Tests start some hundred gateways, each of which would compile all of its modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A gateway waits for the disk at each commit, which is not what most tests are about: in memory they take a fifth less.
# Whoever sets TMPDIR wants another place. Containers often give /dev/shm 64 MB, and then the disk has to do.
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 << 30
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

pytest_plugins = ["tests.contracts.results", "tests.databases", "tests.forks", "tests.schema.refusals"]
