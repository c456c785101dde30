"""Counting what may turn out to be declined, and settling the count when it is known."""

from collections.abc import Sequence
from datetime import datetime

from domain.charges import Charge, ChargeState
from domain.decline_limits import LONGEST_WINDOW, Against, DeclineState
from domain.declines import FORBIDS_TRIES
from domain.store import Transaction

_OPEN = (ChargeState.PENDING, ChargeState.REQUIRES_ACTION, ChargeState.UNKNOWN)


async def count(tx: Transaction, cause: str, against: Sequence[Against], *, now: datetime) -> None:
    """Count it; TooManyDeclines, TooManyAtOnce or PaymentMethodForbidden where that would be too much.

    The last that a transaction does: whoever counts against the same subject waits here for us, and for nothing else.
    """
    await check(tx, against, now=now)
    await tx.declines.add([each.count(cause, now=now) for each in against])


async def check(tx: Transaction, against: Sequence[Against], *, now: datetime) -> None:
    """Raises as `count` does, before anything is written; whoever counts against the same subject waits."""
    declines = await tx.declines.recent([each.subject for each in against], since=now - LONGEST_WINDOW)
    for each in against:
        each.check([decline for decline in declines if decline.subject == each.subject], now=now)


async def settle(tx: Transaction, before: Charge, after: Charge) -> None:
    """What became of a charge; one that was not declined does not count any more."""
    if after.state in _OPEN:
        if _is_taken_on(after) and not _is_taken_on(before):
            await tx.declines.tell(after.id, DeclineState.TAKEN_ON)
    elif after.state is before.state:
        return
    elif after.state is ChargeState.DECLINED:
        is_final = after.decline_code in FORBIDS_TRIES
        await tx.declines.tell(after.id, DeclineState.FINAL if is_final else DeclineState.DECLINED)
    elif before.state is not ChargeState.AUTHORIZED:
        await tx.declines.forget(after.id)


def _is_taken_on(charge: Charge) -> bool:
    """The provider has answered for it."""
    return charge.charge_ref is not None or charge.is_only_asked_for
