"""`python -m tests.emulators.stripe` is a server of its own, which needs nothing of Paydesk's."""

import sys
from pathlib import Path

import httpx
import pytest

from tests.emulators.stripe.cards import known_payment_methods
from tests.emulators.stripe.credentials import Keys
from tests.server.processes import free_port, start, wait_until_answering

_ROOT = Path(__file__).parents[2]


def test_it_starts_with_one_command_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    port = free_port()
    command = (sys.executable, "-m", "tests.emulators.stripe", "--port", str(port), "--secret-key", "sk_test_mine")
    process = start(*command, name="stripe", settings={"PYTHONPATH": str(_ROOT)}, folder=tmp_path)
    process.address = f"http://127.0.0.1:{port}"
    try:
        wait_until_answering(process, "/healthz")
        customers = httpx.get(f"{process.address}/v1/customers", auth=("sk_test_mine", ""), trust_env=False)
        process.terminate()
    finally:
        process.kill()

    assert customers.json() == {"object": "list", "data": [], "has_more": False, "url": "/v1/customers"}


def test_it_has_the_test_cards_by_name() -> None:
    names = known_payment_methods()

    assert len(set(names)) == len(names)
    assert len(names) > 40
    assert "pm_card_visa" in names


@pytest.mark.parametrize(("secret", "publishable"), [("sk_live_1", "pk_test_1"), ("sk_test_1", "pk_live_1")])
def test_it_takes_no_keys_of_live_mode(secret: str, publishable: str) -> None:
    with pytest.raises(ValueError, match="begin with"):
        Keys(secret, publishable)
