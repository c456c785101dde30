"""What the resolver does after a crash: the request as it was stored, sent again by a process that is new."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from domain.operations import Operation, OperationKind, restored, stored
from domain.provider import (
    CaptureRequest,
    ChargeRequest,
    ContinueRequest,
    PaymentProvider,
    RefundRequest,
    VoidRequest,
)

_KINDS: dict[type[Any], OperationKind] = {
    ChargeRequest: OperationKind.CHARGE,
    ContinueRequest: OperationKind.CONTINUE,
    CaptureRequest: OperationKind.CAPTURE,
    VoidRequest: OperationKind.VOID,
    RefundRequest: OperationKind.REFUND,
}


async def send_again(provider: PaymentProvider, request: Any) -> Any:
    send: dict[type[Any], Callable[[Any], Awaitable[Any]]] = {
        ChargeRequest: provider.charge,
        ContinueRequest: provider.continue_charge,
        CaptureRequest: provider.capture,
        VoidRequest: provider.void,
        RefundRequest: provider.refund,
    }
    return await send[type(request)](_as_stored(request))


def _as_stored(request: Any) -> Any:
    """Through JSON, as the database has it."""
    now = datetime.now(UTC)
    return restored(
        Operation(
            id=request.operation_id,
            kind=_KINDS[type(request)],
            charge_id="ch",
            account="any",
            request=orjson.loads(orjson.dumps(stored(request))),
            on_session=True,
            first_sent_at=now,
            created_at=now,
        )
    )
