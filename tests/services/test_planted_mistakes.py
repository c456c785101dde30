"""The gateways in which `make chaos` has to find a mistake: they are the product, but for that mistake."""

import pytest

from adapters.braintree import charges, refunds
from adapters.stripe.errands import Errand
from domain.charges import ChargeState
from domain.services.resolver import Resolver
from persistence.nouns.orders import Orders
from persistence.store import TortoiseStore
from tests.chaos.planted import STATEMENTS, Mistake, planted
from tests.services.shop import Shop


@pytest.mark.parametrize("mistake", Mistake)
async def test_an_order_can_be_paid_whatever_mistake_is_planted(shop: Shop, mistake: Mistake) -> None:
    for statement in STATEMENTS.get(mistake, ()):
        async with shop.database.transaction() as connection:
            await connection.execute(statement)

    with planted(mistake):
        charge = await shop.paid(await shop.order())
        refunded = await shop.refunded(charge.id)
        await shop.hear()

    assert charge.state is ChargeState.SUCCEEDED
    assert refunded.amount == charge.amount
    assert await shop.events(charge.id) == [
        "CHARGE_CREATED",
        "CHARGE_SUCCEEDED",
        "REFUND_REQUESTED",
        "REFUND_SUCCEEDED",
    ]
    await shop.check(settled=True)


@pytest.mark.parametrize("mistake", Mistake)
def test_nothing_of_a_mistake_is_left_behind(mistake: Mistake) -> None:
    def methods() -> list[object]:
        ours = [TortoiseStore.run, TortoiseStore.transaction, Orders.get_for_update, Resolver._take_over]
        return [*ours, Errand.do, vars(charges)["key_of"], vars(refunds)["key_of"]]

    before = methods()
    with planted(mistake):
        during = methods()

    assert methods() == before
    assert (during == before) == (mistake in (Mistake.FAILED_ON_TIMEOUT, Mistake.FAILED_WITHOUT_KEYS))
