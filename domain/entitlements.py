"""What a customer may use: the products that they have subscribed to, and until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.subscriptions import Access, Subscription

_BETTER = (Access.REVOKED, Access.GRACE, Access.GRANTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """One for each product."""

    customer_id: str
    product_id: str
    access: Access
    """Never REVOKED: what they may not use is not told."""
    until: datetime | None
    """When that ends as things stand; None where it goes on."""
    subscription_id: str
    """From which they have it."""


def entitled(having: Iterable[tuple[Subscription, str]]) -> Sequence[Entitlement]:
    """Of subscriptions and the products of their items, in any order: of each product the best access, of equal access
    the one that lasts longest. In the order of the products' ids."""
    best: dict[str, Entitlement] = {}
    for subscription, product_id in having:
        if subscription.access is Access.REVOKED:
            continue
        offered = Entitlement(
            customer_id=subscription.customer_id,
            product_id=product_id,
            access=subscription.access,
            until=subscription.access_ends_at,
            subscription_id=subscription.id,
        )
        known = best.get(product_id)
        if known is None or _place(offered) > _place(known):
            best[product_id] = offered
    return tuple(best[product_id] for product_id in sorted(best))


def _place(entitlement: Entitlement) -> tuple[int, bool, float]:
    until = entitlement.until
    return _BETTER.index(entitlement.access), until is None, until.timestamp() if until else 0.0
