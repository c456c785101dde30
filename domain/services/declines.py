"""Counting what may turn out to be declined, and settling the count when it is known."""

from collections.abc import Sequence
from datetime import datetime

from domain.charges import Charge, ChargeState
from domain.decline_limits import LONGEST_WINDOW, Against, DeclineState
from domain.declines import FORBIDS_TRIES
from domain.services.business_time import clock_of
from domain.store import Transaction

_OPEN = (ChargeState.PENDING, ChargeState.REQUIRES_ACTION, ChargeState.UNKNOWN)


async def count(
    tx: Transaction,
    cause: str,
    against: Sequence[Against],
    *,
    customer_id: str,
    is_checked: bool = False,
    now: datetime,
) -> None:
    """Count it; TooManyDeclines, TooManyAtOnce or PaymentMethodForbidden where that would be too much.

    The last that a transaction does: whoever counts against the same subject waits here for us, and for nothing else.
    `is_checked`: `check` has allowed it in this transaction, and they wait since then. Customers on a test clock are
    counted by it, each clock for itself; `now` is the real time.
    """
    weigh = _by_the_clock if is_checked else _checked
    against, moment = await weigh(tx, against, customer_id, now=now)
    await tx.declines.add([each.count(cause, now=moment, told=now) for each in against])


async def check(tx: Transaction, against: Sequence[Against], *, customer_id: str, now: datetime) -> None:
    """Raises as `count` does, before anything is written; whoever counts against the same subject waits."""
    await _checked(tx, against, customer_id, now=now)


async def count_in_hindsight(tx: Transaction, cause: str, against: Against, *, customer_id: str, now: datetime) -> None:
    """What was declined before anybody knew that it counts against this one too."""
    [one], moment = await _by_the_clock(tx, [against], customer_id, now=now)
    await tx.declines.add([one.count(cause, now=moment, told=now)])


async def _checked(
    tx: Transaction, against: Sequence[Against], customer_id: str, *, now: datetime
) -> tuple[Sequence[Against], datetime]:
    against, moment = await _by_the_clock(tx, against, customer_id, now=now)
    declines = await tx.declines.recent([each.subject for each in against], since=moment - LONGEST_WINDOW)
    for each in against:
        each.check([decline for decline in declines if decline.subject == each.subject], now=moment)
    return against, moment


async def _by_the_clock(
    tx: Transaction, against: Sequence[Against], customer_id: str, *, now: datetime
) -> tuple[Sequence[Against], datetime]:
    clock = await clock_of(tx, customer_id)
    return (against, now) if clock is None else ([each.on_clock(clock.id) for each in against], clock.now)


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
