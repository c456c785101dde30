"""The payment state is one rule in two languages: Python, where services ask it, and SQL, where lists filter by it."""

from itertools import product as combinations
from typing import Any

from domain.charges import ChargeState
from domain.orders import PaymentState, payment_state
from domain.pages import PageRequest
from domain.queries import OrderFilter
from persistence.database import Database
from persistence.queries import TortoiseQueries
from tests.persistence.shop import EVERYBODY, NOON, new_card, new_charge, new_customer, new_order, usd, write

CHARGES: list[dict[str, Any]] = [
    {
        "state": state,
        "authorized": usd(authorized),
        "captured": usd(captured),
        "refunded": usd(refunded),
        "disputed": usd(disputed),
    }
    for state, authorized, captured, refunded, disputed in [
        (ChargeState.DECLINED, 0, 0, 0, 0),
        (ChargeState.VOIDED, 100, 0, 0, 0),
        (ChargeState.AUTHORIZED, 100, 0, 0, 0),
        (ChargeState.AUTHORIZED, 100, 40, 0, 0),
        (ChargeState.SUCCEEDED, 100, 100, 0, 0),
        (ChargeState.SUCCEEDED, 100, 40, 0, 0),
        (ChargeState.SUCCEEDED, 100, 100, 40, 0),
        (ChargeState.SUCCEEDED, 100, 100, 100, 0),
        (ChargeState.SUCCEEDED, 120, 120, 0, 0),
        # With the order paid by another charge as well, these are duplicates that went back, almost, or in part.
        (ChargeState.SUCCEEDED, 120, 120, 20, 0),
        (ChargeState.SUCCEEDED, 60, 60, 60, 0),
        (ChargeState.SUCCEEDED, 100, 100, 99, 0),
        # Taken by a bank, in part and more than was left.
        (ChargeState.SUCCEEDED, 100, 100, 0, 40),
        (ChargeState.SUCCEEDED, 100, 100, 40, 100),
    ]
]


async def test_sql_and_python_agree_on_the_payment_state(database: Database) -> None:
    queries = TortoiseQueries(database)
    customer = new_customer()
    card = new_card(customer)
    expected: dict[str, tuple[PaymentState, int, int, int]] = {}
    async with database.transaction() as connection:
        await write(connection, customer, card)
        for total, placed_at, charges in combinations((0, 100), (None, NOON), _sets_of_charges()):
            order = new_order(customer, total=total, placed_at=placed_at)
            await write(connection, order, *(new_charge(order, card, **charge) for charge in charges))
            held = [each for each in charges if each["state"] is ChargeState.AUTHORIZED]
            authorized = _sum(held, "authorized") - _sum(held, "captured")
            captured, refunded = _sum(charges, "captured"), _sum(charges, "refunded")
            state = payment_state(
                total=total,
                authorized=authorized,
                captured=captured,
                refunded=refunded,
                disputed=_sum(charges, "disputed"),
                placed=placed_at is not None,
            )
            expected[order.id] = (state, authorized, captured, refunded)

    views = await queries.orders.by_ids(list(expected), viewer=EVERYBODY)

    found = {
        view.id: (
            view.payment_state,
            view.authorized.minor_units,
            view.captured.minor_units,
            view.refunded.minor_units,
        )
        for view in views.values()
    }
    assert found == expected
    reached = {state for state, *_ in expected.values()}
    assert reached == set(PaymentState)
    for state in reached:
        page = await queries.orders.page(
            PageRequest(limit=1_000, sort="OLDEST"), OrderFilter(payment_states=[state]), viewer=EVERYBODY
        )
        assert {view.id for view in page.items} == {key for key, value in expected.items() if value[0] is state}


def _sets_of_charges() -> list[tuple[dict[str, Any], ...]]:
    """No charge, one, or two of which one at most is live."""
    pairs = [
        (one, other)
        for one, other in combinations(CHARGES, CHARGES)
        if not one["state"] is other["state"] is ChargeState.AUTHORIZED
    ]
    return [(), *((charge,) for charge in CHARGES), *pairs]


def _sum(charges: Any, amount: str) -> int:
    return sum(charge[amount].minor_units for charge in charges)
