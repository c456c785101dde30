"""What can stand where the bank should be, and what the provider makes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import create_server

import pytest

from adapters.fake import Bank, FakeProvider, fake_bank_app
from domain.money import Money
from domain.provider import (
    ChangesPage,
    ChargeRequest,
    ChargeResult,
    CustomerRequest,
    CustomerResult,
    Initiator,
    Outcome,
    PaymentMethodResult,
    RefundRequest,
    RefundResult,
    VoidRequest,
)
from tests.adapters.fake.helpers import API_KEY, SECRET, StandingClock, look_up, served

CONNECTIONS = 100
"""As many as a wire opens at once."""


def provider_at(url: str, *, api_key: str = API_KEY, timeout_seconds: float = 0.5) -> FakeProvider:
    return FakeProvider.over_http(
        url, api_key=api_key, clock=StandingClock(), webhook_secrets=[SECRET], timeout_seconds=timeout_seconds
    )


async def charge_at(url: str, *, api_key: str = API_KEY) -> ChargeResult:
    provider = provider_at(url, api_key=api_key)
    try:
        return await provider.charge(a_charge())
    finally:
        await provider.close()


def a_charge(amount: Money | None = None) -> ChargeRequest:
    return ChargeRequest(
        operation_id="op_1",
        charge_id="chg_1",
        amount=amount or Money(20_00, "USD"),
        customer_ref="fcu_1",
        payment_method_ref="fpm_1",
        initiator=Initiator.CUSTOMER,
        return_url=None,
    )


@asynccontextmanager
async def answering(reply: bytes | None) -> AsyncIterator[str]:
    """Somebody who reads a request and sends these bytes, whatever was asked; None hangs."""
    connections: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        await reader.read(65_536)
        if reply is not None:
            writer.write(reply)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in connections:
            writer.close()
        server.close()


def http(status: str, body: bytes, *, length: int | None = None, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}"
    return f"{head}\r\n\r\n".encode() + body


CHARGE = (
    b'{"charge": {"object": "charge", "ref": "fch_1", "operation_id": "%s", "currency": "USD", "authorized": 2000,'
    b' "captured": %s, "state": "%s", "refusal": null}}'
)


async def test_a_bank_that_answers_as_it_should_is_understood() -> None:
    async with answering(http("200 OK", CHARGE % (b"op_1", b"2000", b"succeeded"))) as url:
        charge = await charge_at(url)

    assert (charge.outcome, charge.captured) == (Outcome.SUCCEEDED, Money(20_00, "USD"))


@pytest.mark.fault("F7", "F9", "F12", "F13", "F14", "F16")
@pytest.mark.parametrize(
    "reply",
    [
        http("200 OK", b"{}"),
        http("200 OK", b"[]"),
        http("200 OK", b'{"charge": null}'),
        http("200 OK", b"<html>Hello</html>", kind="text/html"),
        http("200 OK", CHARGE % (b"op_of_somebody_else", b"2000", b"succeeded")),
        http("200 OK", CHARGE % (b"op_1", b"20.0", b"succeeded")),
        http("200 OK", CHARGE % (b"op_1", b"true", b"succeeded")),
        http("200 OK", CHARGE % (b"op_1", b"2000", b"excellent")),
        http("200 OK", CHARGE % (b"op_1", b"2000", b"requires_action")),
        http("200 OK", CHARGE % (b"op_1", b"2000", b"succeeded"), length=4000),
        http("200 OK", b"[" * 100_000),
        http("200 OK", b"\xff\xfe"),
        http("302 Found", b""),
        http("400 Bad Request", b"<html>Bad Request</html>", kind="text/html"),
        http("402 Payment Required", b"{}"),
        http("404 Not Found", b"nginx"),
        http("409 Conflict", b'{"error": {"code": "key_in_flight", "message": ""}}'),
        http("429 Too Many Requests", b'{"error": {"code": "rate_limited", "message": ""}}'),
        http("500 Internal Server Error", b'{"error": {"code": "server_error", "message": ""}}'),
        http("502 Bad Gateway", b"<html>Bad Gateway</html>", kind="text/html"),
        http("503 Service Unavailable", b'{"error": "busy"}'),
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        None,
    ],
)
async def test_an_answer_without_evidence_leaves_the_charge_unknown(reply: bytes | None) -> None:
    async with answering(reply) as url:
        charge = await charge_at(url)

    assert charge.outcome is Outcome.UNKNOWN
    assert charge.refusal is not None
    assert charge.captured is None


@pytest.mark.parametrize(
    ("reply", "is_outage"),
    [
        (http("200 OK", b"{}"), True),
        (http("502 Bad Gateway", b"<html>Bad Gateway</html>", kind="text/html"), True),
        (http("500 Internal Server Error", b'{"error": {"code": "server_error", "message": ""}}'), True),
        (http("503 Service Unavailable", b'{"error": {"code": "not_accepted", "message": ""}}'), True),
        (b"", True),
        (None, True),
        (http("400 Bad Request", b'{"error": {"code": "amount_invalid", "message": ""}}'), False),
        (http("401 Unauthorized", b'{"error": {"code": "configuration", "message": ""}}'), False),
        (http("404 Not Found", b'{"error": {"code": "charge_missing", "message": ""}}'), False),
        (http("409 Conflict", b'{"error": {"code": "key_in_flight", "message": ""}}'), False),
        (http("429 Too Many Requests", b'{"error": {"code": "rate_limited", "message": ""}}'), False),
    ],
)
async def test_an_outage_is_told_from_the_no_of_a_bank_that_is_there(reply: bytes | None, is_outage: bool) -> None:
    async with answering(reply) as url:
        charge = await charge_at(url)

    assert charge.refusal is not None
    assert charge.refusal.is_outage is is_outage


async def test_a_bank_that_nobody_reaches_is_an_outage() -> None:
    async with answering(None) as url:
        pass
    charge = await charge_at(url)

    assert charge.refusal is not None
    assert (charge.outcome, charge.refusal.is_outage) == (Outcome.NOT_SENT, True)


async def test_the_bank_says_when_to_ask_again(tmp_path: Path) -> None:
    """Over the wire and in process, as a script has it."""
    bank = Bank(tmp_path / "bank.sqlite3", clock=StandingClock(), public_url="http://bank.test")
    bank.misbehave("charge#1=rate_limit:90; charge#2=refuse:2.5; charge#3=rate_limit")
    in_process = FakeProvider.in_process(bank, clock=StandingClock())
    with served(fake_bank_app(bank, api_key=API_KEY)) as url:
        told = [await charge_at(url), await in_process.charge(a_charge()), await charge_at(url)]
    await in_process.close()
    bank.close()

    assert [charge.refusal and charge.refusal.retry_after_seconds for charge in told] == [90.0, 3.0, None]


async def test_the_answer_about_another_charge_says_nothing_about_this_one() -> None:
    async with answering(http("200 OK", CHARGE % (b"op_1", b"2000", b"succeeded"))) as url:
        provider = provider_at(url)
        same = await provider.fetch_charge(charge_ref="fch_1")
        other = await provider.fetch_charge(charge_ref="fch_2")
        voided = await provider.void(VoidRequest(operation_id="op_2", charge_ref="fch_2"))
        await provider.close()

    assert [result.outcome for result in (same, other, voided)] == [
        Outcome.SUCCEEDED,
        Outcome.UNKNOWN,
        Outcome.UNKNOWN,
    ]


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_a_key_that_is_not_taken_is_a_matter_of_configuration(status: str) -> None:
    async with answering(http(status, b"<html>No</html>")) as url:
        charge = await charge_at(url)

    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert charge.refusal.provider_code == "configuration"


async def test_the_banks_own_server_does_not_take_a_wrong_key(bank: Bank) -> None:
    with served(fake_bank_app(bank, api_key=API_KEY)) as url:
        charge = await charge_at(url, api_key="another key")

    assert charge.outcome is Outcome.NOT_SENT
    assert charge.refusal is not None
    assert charge.refusal.provider_code == "configuration"


@pytest.mark.fault("F15")
async def test_a_bank_that_is_not_there_got_nothing() -> None:
    with create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    for url in (f"http://127.0.0.1:{port}", "http://no-such-bank.invalid", "gopher://bank.test"):
        charge = await charge_at(url)
        assert charge.outcome is Outcome.NOT_SENT, url
        assert charge.refusal is not None
        assert charge.refusal.provider_code == "unreachable"


@pytest.mark.fault("F15")
async def test_a_bank_that_does_not_speak_tls_got_nothing() -> None:
    async with answering(b"plain words\r\n") as url:
        charge = await charge_at(url.replace("http:", "https:"))

    assert charge.outcome is Outcome.NOT_SENT


@pytest.mark.fault("F14")
async def test_no_question_ever_raises_and_none_is_answered_by_guessing() -> None:
    async with answering(b"garbage") as url:
        provider = provider_at(url)
        results: list[CustomerResult | PaymentMethodResult | ChargeResult | RefundResult | ChangesPage | None] = [
            await provider.ensure_customer(CustomerRequest(customer_id="cus_1", email=None, name=None)),
            await provider.void(VoidRequest(operation_id="op_1", charge_ref="fch_1")),
            await provider.refund(
                RefundRequest(
                    operation_id="op_1", refund_id="ref_1", charge_ref="fch_1", amount=Money(1, "USD"), reason=None
                )
            ),
            await provider.fetch_charge(charge_ref="fch_1"),
            await provider.fetch_refund(refund_ref="frf_1"),
            await provider.find_charge(look_up("op_1")),
            await provider.find_refund(look_up("op_1")),
            await provider.changes(since=None, cursor=None),
            await provider.detach_payment_method(payment_method_ref="fpm_1"),
            await provider.fetch_payment_method(payment_method_ref="fpm_1"),
        ]
        await provider.close()

    assert [result and result.outcome for result in results] == [Outcome.UNKNOWN] * len(results)


@pytest.mark.fault("F15")
async def test_a_request_that_found_no_connection_never_left() -> None:
    """All connections wait for a bank that hangs: the next request learns soon, and for certain, that it never left."""
    arrived = asyncio.Semaphore(0)
    hanging: list[asyncio.StreamWriter] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hanging.append(writer)
        arrived.release()
        await reader.read()

    async with await asyncio.start_server(hang, "127.0.0.1", 0, backlog=200) as server:
        provider = provider_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_seconds=4)
        waiting = [asyncio.create_task(provider.charge(a_charge())) for _ in range(CONNECTIONS)]
        for _ in waiting:
            await arrived.acquire()

        late = await provider.charge(a_charge())

        assert not any(task.done() for task in waiting), "none of them has run into its time-out yet"
        for writer in hanging:
            writer.close()
        outcomes = {result.outcome for result in await asyncio.gather(*waiting)}
        await provider.close()

    assert (late.outcome, late.refusal and late.refusal.provider_code) == (Outcome.NOT_SENT, "unreachable")
    assert outcomes == {Outcome.UNKNOWN}
    assert len(hanging) == CONNECTIONS


async def test_a_look_up_that_did_not_leave_is_unknown_too() -> None:
    with create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    provider = provider_at(f"http://127.0.0.1:{port}")

    found = await provider.find_charge(look_up("op_1"))
    fetched = await provider.fetch_charge(charge_ref="fch_1")
    await provider.close()

    assert found is not None
    assert (found.outcome, fetched.outcome) == (Outcome.UNKNOWN, Outcome.UNKNOWN)


@pytest.mark.fault("F10")
async def test_over_http_an_empty_look_up_proves_nothing_while_a_request_may_still_travel(bank: Bank) -> None:
    outside = provider_at("http://127.0.0.1:1", timeout_seconds=20)
    inside = FakeProvider.in_process(bank, clock=StandingClock())

    assert outside.look_up_lag_seconds is not None
    assert outside.look_up_lag_seconds > 20
    assert inside.look_up_lag_seconds == 0
    await outside.close()


async def test_books_that_cannot_be_used_leave_it_unknown(bank: Bank) -> None:
    provider = FakeProvider.in_process(bank, clock=StandingClock())
    bank.close()

    assert (await provider.charge(a_charge())).outcome is Outcome.UNKNOWN
