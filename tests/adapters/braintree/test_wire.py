"""At the wire: what Braintree is really sent, under which keys, and by which way.

The emulator refuses whatever the SDK's signatures do not know.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import braintree
import httpx
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.braintree import wire, workers
from adapters.braintree.errands import Errand
from adapters.braintree.verdicts import Verdict
from adapters.braintree.wire import Merchant, gateway_of
from domain.money import Money
from domain.provider import (
    CaptureMode,
    CaptureRequest,
    ContinueRequest,
    Initiator,
    Outcome,
    RefundRequest,
    VoidRequest,
)
from tests.adapters.braintree.desk import KEYS, Desk, provider_at
from tests.adapters.replays import send_again

TEN, SIX = Money(10_00, "USD"), Money(6_00, "USD")
SALE = "transactions.create"


# --- the requests -----------------------------------------------------------------------------------------------------


async def test_what_an_operation_sends_stays_the_same_from_one_version_to_the_next(desk: Desk) -> None:
    """Changing any of this makes Braintree refuse the replays of what was under way while the gateway was upgraded."""
    card = await desk.card()
    held = await desk.held(card=card, operation_id="op_held")
    await desk.capture(held, SIX, operation_id="op_capture")
    await desk.void(await desk.held(operation_id="op_other"), operation_id="op_void")
    await desk.refund(await desk.paid(operation_id="op_paid"), TEN, operation_id="op_reverse")
    await desk.refund(await desk.settled(operation_id="op_settled"), SIX, operation_id="op_refund")
    await desk.charge(card=card, initiator=Initiator.RECURRING, operation_id="op_recurring", is_keyed=False)
    nonce, upgraded = await desk.nonce(), await desk.nonce(three_d_secure="authenticate_successful")
    await desk.charge(token=nonce, store_card=True, operation_id="op_storing")
    await desk.proceed(desk.charge_request(), upgraded, operation_id="op_continue")

    asked = [each["body"]["transaction"] for each in await desk.requests() if "transaction" in each["body"]]
    sent = {each.get("api_request_key") or each["order_id"].partition(".")[0]: each for each in asked}

    sale = {"type": "sale", "amount": "10.00", "merchant_account_id": "usd_account", "customer_id": "cus_1"}
    assert sent["op_held"] == sale | {
        "order_id": "op_held.ord_1.ch_2",
        "api_request_key": "op_held",
        "payment_method_token": card,
        "options": {"submit_for_settlement": False},
    }
    assert sent["op_recurring"] == sale | {
        "order_id": "op_recurring.ord_1.ch_8",
        "payment_method_token": card,
        "transaction_source": "recurring",
        "options": {"submit_for_settlement": True},
    }
    assert sent["op_storing"] == sale | {
        "order_id": "op_storing.ord_1.ch_9",
        "api_request_key": "op_storing",
        "payment_method_nonce": nonce,
        "options": {"submit_for_settlement": True, "store_in_vault_on_success": True},
    }
    assert sent["op_continue"] == sale | {
        "order_id": "op_continue.ord_1.ch_10",
        "api_request_key": "op_continue",
        "payment_method_nonce": upgraded,
        "options": {
            "submit_for_settlement": True,
            "store_in_vault_on_success": False,
            "three_d_secure": {"required": True},
        },
    }
    assert sent["op_capture"] == {"amount": "6.00", "api_request_key": "op_capture"}
    assert sent["op_void"] == {"api_request_key": "op_void"}
    assert sent["op_reverse"] == {"api_request_key": "op_reverse"}
    assert sent["op_refund"] == {"amount": "6.00", "order_id": "op_refund.rf_7", "api_request_key": "op_refund"}


@pytest.mark.parametrize("fault", ["in_flight", "lose_answer", "lose_request", "error_after"])
async def test_the_key_and_the_content_are_the_same_across_repetitions_and_restarts(desk: Desk, fault: str) -> None:
    """What the resolver does after a crash: the request as it was stored, sent again by a process that is new."""
    settled = await desk.settled(operation_id="charge_second")
    held, waiting = await desk.held(operation_id="charge_first"), await desk.held(operation_id="charge_third")
    paid = await desk.paid(operation_id="charge_fourth")
    charge = desk.charge_request(operation_id="op_charge")
    upgraded = await desk.nonce(three_d_secure="authenticate_successful")
    requests: list[tuple[str, Any]] = [
        (SALE, charge),
        (SALE, ContinueRequest(operation_id="op_continue", charge_ref=None, token=upgraded, charge=charge)),
        ("transactions.submit", CaptureRequest(operation_id="op_capture", charge_ref=held, amount=SIX)),
        ("transactions.void", VoidRequest(operation_id="op_void", charge_ref=waiting)),
        (
            "transactions.refund",
            RefundRequest(operation_id="op_refund", refund_id="rf", charge_ref=settled, amount=SIX, reason=None),
        ),
        (
            "transactions.reverse",
            RefundRequest(operation_id="op_reverse", refund_id="rf", charge_ref=paid, amount=TEN, reason=None),
        ),
    ]
    before = len(await desk.requests())
    calls = dict.fromkeys(call for call, _ in requests)
    await desk.misbehave(*({"on": call, "fault": fault, "last": 1} for call in calls))

    for _ in range(3):
        async with provider_at(desk.address) as provider:
            for _, request in requests:
                await send_again(provider, request)

    sent = [each for each in (await desk.requests())[before:] if each["call"] in calls]
    for call, request in requests:
        key = request.operation_id
        mine = [each["body"]["transaction"] for each in sent if each["body"]["transaction"]["api_request_key"] == key]
        assert mine, call
        assert len({orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in mine}) == 1, call
    assert [each["captured"] for each in await desk.sales()] == ["10.00", "6.00", "0.00", "0.00", "10.00", "10.00"]
    assert [(each["order_id"], each["amount"]) for each in await desk.refunds()] == [("op_refund.rf", "6.00")]


async def test_the_callers_requests_are_left_alone(desk: Desk) -> None:
    """The SDK writes into the dictionaries that it is given."""
    request = desk.charge_request(capture=CaptureMode.MANUAL)
    before = replace(request)
    await desk.provider.charge(request)
    assert request == before


def test_an_sdk_of_another_api_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Merchant, "api_version", staticmethod(lambda: "7"))
    with pytest.raises(RuntimeError, match="speaks API version 7; this needs 6"):
        gateway_of(_merchant("http://127.0.0.1:9"))


def _merchant(address: str) -> Merchant:
    return Merchant(
        api_base=address,
        merchant_id=KEYS.merchant_id,
        public_key=KEYS.public_key,
        private_key=KEYS.private_key,
        timeout_seconds=5,
    )


# --- threads ----------------------------------------------------------------------------------------------------------


async def test_a_call_that_is_cancelled_goes_on_and_can_be_sent_again(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "slow", "seconds": 0.4, "last": 1})
    request = desk.charge_request()
    task = asyncio.create_task(desk.provider.charge(request))
    while not _is_busy():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    charge = await desk.provider.charge(request)
    assert (charge.outcome, charge.captured) == (Outcome.SUCCEEDED, TEN)
    assert len(await desk.sales()) == 1


def _is_busy() -> bool:
    return any(thread.name.startswith("braintree") for thread in threading.enumerate())


async def test_a_place_is_taken_until_its_thread_ends_whoever_was_cancelled(desk: Desk) -> None:
    pool, release, ran = workers.Workers(threads=1), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    first = asyncio.create_task(pool.run(lambda: release.wait(20), until=loop.time() + 20))
    await asyncio.sleep(0.05)
    first.cancel()
    second = asyncio.create_task(pool.run(ran.set, until=loop.time() + 20))
    await asyncio.sleep(0.1)
    assert not ran.is_set()
    release.set()
    await second
    assert ran.is_set()
    pool.close()


async def test_what_found_no_place_in_time_was_certainly_not_sent(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "slow", "seconds": 1})
    async with provider_at(desk.address, threads=2) as crowded:
        others = [asyncio.create_task(crowded.charge(desk.charge_request())) for _ in range(2)]
        await asyncio.sleep(0.1)
        hasty = Errand(crowded._line, timeout_seconds=0.2)
        told = await hasty.do("charge", lambda gateway: gateway.transaction.sale({"amount": "1.00"}), dict)
        assert {each.outcome for each in await asyncio.gather(*others)} == {Outcome.SUCCEEDED}
    assert isinstance(told, Verdict)
    assert told.outcome is Outcome.NOT_SENT
    assert len(await desk.requests(SALE)) == 2


async def test_the_event_loop_goes_on_while_an_answer_is_waited_for(desk: Desk) -> None:
    await desk.misbehave({"on": SALE, "fault": "slow", "seconds": 0.4, "last": 1})
    turns = 0
    charge = asyncio.create_task(desk.charge())
    while not charge.done():
        turns += 1
        await asyncio.sleep(0.005)
    assert turns > 10


# --- the way ----------------------------------------------------------------------------------------------------------


async def test_the_environments_proxies_do_not_count(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with provider_at(desk.address) as provider:
        assert (await provider.charge(desk.charge_request())).outcome is Outcome.SUCCEEDED


async def test_a_netrc_file_does_not_count(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with provider_at(desk.address) as provider:
        assert (await provider.charge(desk.charge_request())).outcome is Outcome.SUCCEEDED


async def test_connections_are_kept_and_shared(desk: Desk) -> None:
    with _counting(desk.address) as (address, opened):
        async with provider_at(address) as provider:
            for _ in range(5):
                await provider.fetch_charge(charge_ref="x")
    assert len(opened) == 1


async def test_a_connection_that_was_closed_meanwhile_does_no_harm(desk: Desk) -> None:
    """A server may close what is idle at any time; what is noticed before anything is sent is no failure."""
    with _counting(desk.address) as (address, opened):
        async with provider_at(address) as provider:
            paid = await provider.charge(desk.charge_request())
            opened[0].shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0.05)
            again = await provider.charge(desk.charge_request())
    assert (paid.outcome, again.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    assert len(opened) == 2
    assert len(await desk.sales()) == 2


@contextmanager
def _counting(address: str) -> Iterator[tuple[str, list[socket.socket]]]:
    """A relay before the emulator; the connections that were opened to it."""
    opened: list[socket.socket] = []
    host, port = httpx.URL(address).host, httpx.URL(address).port
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_relay, args=(listener, (host, port), opened), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", opened
        listener.shutdown(socket.SHUT_RDWR)
    for each in opened:
        each.close()


def _relay(listener: socket.socket, behind: Any, opened: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            opened.append(client)
            server = socket.create_connection(behind)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
    target.close()


# --- who is asked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://api.braintreegateway.com",
        "https://API.Braintreegateway.com",
        "https://api.braintreegateway.com:443",
        "https://api.braintreegateway.com./",
        "https://user@api.braintreegateway.com/merchants",
    ],
)
async def test_production_has_to_be_meant(address: str) -> None:
    with pytest.raises(ValueError, match="production host"):
        async with provider_at(address):
            pass


@pytest.mark.parametrize("address", ["https://api.sandbox.braintreegateway.com", "http://127.0.0.1:9"])
async def test_real_money_is_moved_nowhere_else(address: str) -> None:
    async with provider_at(address) as provider:
        assert not provider.livemode
    with pytest.raises(ValueError, match="production host"):
        async with provider_at(address, livemode=True):
            pass


async def test_production_can_be_meant() -> None:
    async with provider_at("https://api.braintreegateway.com", livemode=True) as provider:
        assert provider.livemode


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(
    desk: Desk, tmp_path: Path
) -> None:
    async with _encrypted(tmp_path) as (address, heard), provider_at(address) as provider:
        charge = await provider.charge(desk.charge_request())
    assert charge.outcome is Outcome.NOT_SENT
    assert heard == []


@asynccontextmanager
async def _encrypted(folder: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Somebody with a certificate of their own making."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


def _certificate(folder: Path) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now.replace(year=now.year + 1))
    made = builder.sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "nobodys.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_braintrees_hosts_are_trusted_by_the_authorities_that_its_sdk_names() -> None:
    """And an https address of anybody else by those of everybody; its port is no matter, as it is to the SDK."""
    merchant = _merchant("https://api.sandbox.braintreegateway.com")
    assert merchant.base_url() == "https://api.sandbox.braintreegateway.com"
    assert Path(braintree.Environment.Sandbox.ssl_certificate).is_file()
    assert _merchant("https://emulator.example:8443/").base_url() == "https://emulator.example:8443"
    context = wire._trusted("https://api.sandbox.braintreegateway.com")
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert 0 < len(context.get_ca_certs()) < 100


# --- answers that have no end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("drops", [True, False])
async def test_an_answer_that_comes_in_drops_or_without_an_end_is_cut_off(
    desk: Desk, drops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_LONGEST_ANSWER", 1 << 20)
    ended = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 999999999\r\n\r\n")
        with suppress(OSError):
            while True:
                writer.write(b"<" * (1 if drops else 1 << 16))
                await writer.drain()
                await asyncio.sleep(0.05 if drops else 0)
        writer.close()
        ended.set()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    async with (
        server,
        provider_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_seconds=1) as given,
    ):
        charge = await given.charge(desk.charge_request())
        async with asyncio.timeout(15):
            await ended.wait()  # its thread has let go of the connection
    assert charge.outcome is Outcome.UNKNOWN
