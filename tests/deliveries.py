"""Webhooks for tests that are about something else: what the fake bank would send, with a good signature."""

from datetime import datetime
from typing import Any

import orjson

from adapters.fake import Bank
from adapters.fake.webhooks import SIGNATURE_HEADER, sign
from domain.services.webhooks import WebhookService


def event(
    kind: str = "charge.succeeded", ref: str = "fch_nobody", *, key: str = "fev_1", livemode: bool = False, **data: Any
) -> dict[str, Any]:
    return {
        "id": key,
        "kind": kind,
        "livemode": livemode,
        "created_at": "2026-11-21T12:00:00+00:00",
        "data": {"object": kind.partition(".")[0], "ref": ref, **data},
    }


async def deliver(
    webhooks: WebhookService, bank: Bank, body: dict[str, Any] | bytes, *, moment: datetime, account: str
) -> bool:
    """Received as if the bank had sent it at this moment; the job has still to run."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    header = sign(raw, secrets=[bank.webhook_secret], moment=moment)
    return await webhooks.receive(account, {SIGNATURE_HEADER: header}, raw)
