"""What Hypothesis may wish to change about the items of a subscription."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from domain.changes import ItemChange
from domain.subscriptions import SubscriptionItem
from tests.model.diary import Plan
from tests.model.strategies import quantities

_either = st.sampled_from((False, True))
_once_in_a_while = st.integers(0, 4).map(lambda number: number == 0)


@st.composite
def item_changes(draw: st.DrawFn, present: Sequence[SubscriptionItem], offered: Mapping[str, Plan]) -> list[ItemChange]:
    """Other quantities and prices, items that come and that go, and now and then another rhythm for what is left.
    `offered` by the id of the price."""
    own, taken = offered[present[0].price_id].rhythm, {item.price_id for item in present}
    free = [price_id for price_id, plan in offered.items() if price_id not in taken]
    otherwise = [price_id for price_id in free if not offered[price_id].rhythm.is_as_long_as(own)]
    if draw(_once_in_a_while) and otherwise:
        first, *rest = present
        return [
            ItemChange(item_id=first.id, price_id=draw(st.sampled_from(otherwise)), quantity=draw(quantities)),
            *(ItemChange(item_id=item.id, remove=True) for item in rest),
        ]
    free = [price_id for price_id in free if price_id not in otherwise]
    changes: list[ItemChange] = []
    named: list[SubscriptionItem] = draw(st.lists(st.sampled_from(present), max_size=2, unique=True))
    for item in named:
        if len(present) > 1 and not changes and draw(_once_in_a_while):
            changes.append(ItemChange(item_id=item.id, remove=True))
        elif draw(_either) and free:
            changes.append(ItemChange(item_id=item.id, price_id=free.pop()))
        else:
            changes.append(ItemChange(item_id=item.id, quantity=draw(quantities)))
    if (not changes or draw(_either)) and free:
        changes.append(ItemChange(price_id=free.pop(), quantity=draw(quantities)))
    return changes or [ItemChange(item_id=present[0].id, quantity=draw(quantities))]
