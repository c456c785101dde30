"""Finding what an operation made in Stripe's lists: https://docs.stripe.com/api/pagination.

Not by Stripe's search, which is behind by up to a minute, and by hours when it is ill
(https://docs.stripe.com/search#data-freshness): a list has what was made before it was asked for.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

import stripe

from adapters.stripe.errands import Answer, Errand, read
from adapters.stripe.reading import Unreadable, flag, object_of, text
from adapters.stripe.verdicts import UNREADABLE, Verdict
from adapters.verdicts import as_looked

PAGE = 100
"""The largest that Stripe has."""
_MOST_PAGES = 10
"""Of one look. A customer with a thousand payments in two days is no customer."""
_SKEW = timedelta(days=1)
"""How far our clock may be ahead of Stripe's, which tells when an object was made. Generous, down to another time zone:
what is not found is taken for not done, and the lists are one customer's, or one charge's."""


class Page(TypedDict, total=False):
    limit: int
    starting_after: str


def seconds_before(moment: datetime) -> int:
    """Since when that may have been made which was asked for at this moment."""
    return max(int((moment - _SKEW).timestamp()), 0)


async def search(
    errand: Errand,
    what: str,
    ask: Callable[[Page, stripe.RequestOptions], Awaitable[Any]],
    fits: Callable[[Mapping[str, Any]], bool],
) -> dict[str, Any] | Verdict | None:
    """The first that fits; None when the whole list was seen, and no answer when it was not."""
    page: Page = {"limit": PAGE}
    for _ in range(_MOST_PAGES):
        asked: Page = {**page}
        # mypy infers no type of a lambda with a default, which binds this page and not the next one.
        told = await errand.look(f"list of {what}", lambda options, asked=asked: ask(asked, options))  # type: ignore[misc]
        listed = read(entries, told)
        if isinstance(listed, Verdict):
            return as_looked(listed)
        for entry in listed:
            if fits(entry):
                return entry
        if not listed or not has_more(told):
            return None
        page["starting_after"] = text(listed[-1]["id"])
    return UNREADABLE


def entries(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a page. Unreadable when it is none, or has something in it without an id."""
    if body.get("object") != "list":
        raise Unreadable
    flag(body["has_more"])
    found = body["data"]
    if not isinstance(found, list):
        raise Unreadable
    return [object_of(each, each["object"]) for each in found]


def has_more(told: Answer | Verdict) -> bool:
    return isinstance(told, Answer) and told.body["has_more"] is True
