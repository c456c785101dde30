"""`python -m tests.emulators.braintree` is a server of its own, which needs nothing of Paydesk's."""

import sys
from pathlib import Path

import httpx

from tests.emulators.braintree.instruments import known_nonces, passes_luhn
from tests.emulators.braintree_shop import open_shop
from tests.server.processes import free_port, start, wait_until_answering

_ROOT = Path(__file__).parents[2]


def test_it_starts_with_one_command_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    port = free_port()
    command = (sys.executable, "-m", "tests.emulators.braintree", "--port", str(port), "--merchant-account", "chf=CHF")
    process = start(*command, name="braintree", settings={"PYTHONPATH": str(_ROOT)}, folder=tmp_path)
    process.address = f"http://127.0.0.1:{port}"
    try:
        wait_until_answering(process, "/healthz")
        with open_shop(process.address) as shop:
            currency = shop.sold().currency_iso_code
        stranger = httpx.get(f"{process.address}/merchants/emulated_merchant/customers/x", trust_env=False)
        process.terminate()
    finally:
        process.kill()

    assert currency == "CHF"
    assert stranger.status_code == 401


def test_it_has_the_test_nonces_by_name() -> None:
    nonces = known_nonces()

    assert len(nonces) > 40
    assert "fake-valid-nonce" in nonces
    plain = [card.number for name, (card, _) in nonces.items() if name.startswith("fake-valid-")]
    assert [number for number in plain if not number.isdigit() or len(number) < 12] == []
    assert passes_luhn("4111111111111111")
    assert not passes_luhn("4111111111111112")
