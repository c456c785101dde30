from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.fake import Bank, fake_bank_app
from adapters.fake.calls import CALLS
from domain.provider import Outcome
from tests.adapters.fake.helpers import API_KEY, Shop


@pytest.fixture
async def client(bank: Bank) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=fake_bank_app(bank, api_key=API_KEY))
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bank.test", headers=headers) as client:
        yield client


async def test_the_truth_can_be_asked_for_by_whoever_has_the_key(quick_shop: Shop, client: httpx.AsyncClient) -> None:
    charge = await quick_shop.charge()

    truth = (await client.get("/control/truth")).json()

    [told] = truth["charges"]
    assert (told["charge_ref"], told["captured"], told["refunded"]) == (charge.charge_ref, 20_00, 0)
    assert truth["customers"][0]["customer_id"] == "cus_1"
    assert truth["refunds"] == []


async def test_a_script_can_be_set_while_the_bank_runs(quick_shop: Shop, client: httpx.AsyncClient) -> None:
    set_ = await client.post("/control/script", json={"script": "charge#1=decline", "seed": 4})

    assert set_.json() == {"script": "charge#1=decline", "seed": 4}
    assert (await quick_shop.charge()).outcome is Outcome.DECLINED


async def test_a_dispute_can_be_opened_and_decided_by_whoever_has_the_key(
    quick_shop: Shop, client: httpx.AsyncClient
) -> None:
    charge = await quick_shop.charge()
    wanted = {"charge_ref": charge.charge_ref, "reason": "DUPLICATE", "amount": 5_00, "is_inquiry": False}

    opened = await client.post("/control/disputes", json=wanted)

    assert opened.status_code == 201
    (truth,) = (await client.get("/control/truth")).json()["disputes"]
    assert (truth["dispute_ref"], truth["withdrawn"]) == (opened.json()["dispute_ref"], 5_00)
    again = await client.post("/control/disputes", json={"charge_ref": charge.charge_ref})
    assert (again.status_code, again.json()["error"]["code"]) == (400, "charge_disputed")
    decided = await client.post(f"/control/disputes/{truth['dispute_ref']}", json={"won": True})
    assert (decided.status_code, decided.json()["won"]) == (200, True)
    assert [dispute.state for dispute in quick_shop.bank.truth().disputes] == ["won"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", b"[]", 400),
        ("", b"\xff", 400),
        ("", b"{}", 400),
        ("", b'{"charge_ref": "fch_1", "amount": 0}', 400),
        ("", b'{"charge_ref": "fch_1", "is_inquiry": "no"}', 400),
        ("", b'{"charge_ref": "fch_1"}', 404),
        ("/fdp_1", b"{}", 400),
        ("/fdp_1", b'{"won": 1}', 400),
        ("/fdp_1", b'{"won": true}', 404),
        ("/fdp_1", b" " * 300_000, 413),
    ],
)
async def test_a_dispute_that_is_none_is_refused(
    client: httpx.AsyncClient, path: str, body: bytes, status: int
) -> None:
    assert (await client.post(f"/control/disputes{path}", content=body)).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"script": "charge#1=explode"}', 422),
        (b'{"script": 7}', 400),
        (b'{"script": "", "seed": "x"}', 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff", 400),
        (b"[" * 5000, 400),
        (b" " * 300_000, 413),
    ],
)
async def test_a_script_that_is_none_is_refused(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    assert (await client.post("/control/script", content=body)).status_code == status


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {API_KEY}", "Bearer ü"])
async def test_without_the_key_nothing_is_done_and_nothing_told(
    bank: Bank, client: httpx.AsyncClient, authorization: str
) -> None:
    headers = [(b"Authorization", authorization.encode())]
    answers = [
        await client.get("/control/truth", headers=headers),
        await client.post("/control/script", json={"script": "charge#1=decline"}, headers=headers),
        await client.post("/v1/ensure_customer", json={"customer_id": "cus_1"}, headers=headers),
        await client.post("/control/disputes", json={"charge_ref": "fch_1"}, headers=headers),
        await client.post("/control/disputes/fdp_1", json={"won": True}, headers=headers),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert bank.truth().customers == ()


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_nonsense_is_refused_by_every_call_and_keeps_nothing(client: httpx.AsyncClient, call: str) -> None:
    for body in (b"", b"null", b"[]", b"\xff", b"[" * 5000, b"{}", b'{"operation_id": 7}'):
        answer = await client.post(f"/v1/{call}", content=body)

        assert answer.status_code == 400, body[:20]
        assert answer.json()["error"]["code"] in ("body_invalid", "field_invalid", "amount_invalid"), body[:20]


async def test_a_call_that_does_not_exist_and_a_body_without_end_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/steal", json={})).status_code == 404
    assert (await client.post("/v1/charge", content=b" " * 300_000)).status_code == 413


async def test_a_bank_without_a_key_is_not_served(bank: Bank) -> None:
    with pytest.raises(ValueError, match="key"):
        fake_bank_app(bank, api_key="")
