"""The provider's own time, measured at the port: what is left of a charge's time is the gateway's."""

import atexit
import json
import os
import time
from pathlib import Path

from adapters.fake import FakeProvider
from domain.provider import ChargeRequest, ChargeResult

TIMES = "BENCH_CHARGE_TIMES"
"""Names the file into which a process writes, at its end, the seconds that each of its charges took at the provider."""

_seconds: dict[str, float] = {}


class TimedProvider(FakeProvider):
    async def charge(self, request: ChargeRequest) -> ChargeResult:
        began = time.perf_counter()
        try:
            return await super().charge(request)
        finally:
            _seconds[request.charge_id] = time.perf_counter() - began


@atexit.register
def _write() -> None:
    if file := os.environ.get(TIMES):
        Path(file).write_text(json.dumps(_seconds), encoding="utf-8")
