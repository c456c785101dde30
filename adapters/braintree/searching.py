"""Finding transactions: https://developer.paypal.com/braintree/docs/reference/request/transaction/search.

A search is answered with ids, and those are asked for page by page; what is new may be missing for a while. The SDK
does both in one go, and makes objects of what it finds; here each step is an errand's, and dictionaries come back.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import braintree
from braintree import TransactionSearch

from adapters.braintree.errands import Errand
from adapters.braintree.order_ids import named_in
from adapters.braintree.reading import listed, text, tree
from adapters.braintree.tokens import is_name
from adapters.braintree.verdicts import UNREADABLE, Verdict
from adapters.verdicts import as_looked

_Result = TypeVar("_Result")

PAGE = 50
"""The largest that Braintree has."""


async def ids_of(errand: Errand, what: str, *criteria: Any) -> list[str] | Verdict:
    """Of all that fits, newest first, as far as Braintree's limit of results goes."""
    told = await errand.look(f"search of {what}", lambda gateway: gateway.transaction.search(*criteria), _ids)
    return as_looked(told) if isinstance(told, Verdict) else told


async def page_of(
    errand: Errand, what: str, ids: Sequence[str], read: Callable[[Mapping[str, Any]], _Result]
) -> list[_Result] | Verdict:
    """Those of a page, in no promised order, each as its reader has it."""
    told = await errand.look(
        f"page of {what}", lambda gateway: _ask_for(gateway, ids), lambda body: [read(each) for each in _page(body)]
    )
    return as_looked(told) if isinstance(told, Verdict) else told


async def made_by(
    errand: Errand, operation_id: str, kind: str, read: Callable[[Mapping[str, Any]], _Result]
) -> list[_Result] | Verdict:
    """What carries the operation's id, of the type sale or credit: empty when the search has none, or none yet."""
    if not is_name(operation_id):
        # What is none of ours was given to no sale; and a search for nothing finds everything.
        return []
    what = f"{kind}s of {operation_id}"
    ids = await ids_of(
        errand, what, TransactionSearch.order_id.starts_with(operation_id), TransactionSearch.type == kind
    )
    if isinstance(ids, Verdict) or not ids:
        return ids if isinstance(ids, Verdict) else []
    page = await page_of(errand, what, ids[:PAGE], lambda found: (named_in(found).operation_id, read(found)))
    if isinstance(page, Verdict):
        return page
    if len(page) != len(ids) or any(whose != operation_id for whose, _ in page):
        # One that the search has named and does not show is none that is not there; nor is one of another operation.
        return UNREADABLE
    return [told for _, told in page]


def _ask_for(gateway: braintree.BraintreeGateway, ids: Sequence[str]) -> None:
    """What the SDK asks for a page of its own results."""
    criteria = {"ids": TransactionSearch.ids.in_list(list(ids)).to_param()}
    gateway.config.http().post(
        f"{gateway.config.base_merchant_path()}/transactions/advanced_search", {"search": criteria}
    )


def _ids(body: Mapping[str, Any]) -> list[str]:
    return [text(each) for each in listed(tree(body["search_results"])["ids"])]


def _page(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = tree(body["credit_card_transactions"])
    return [tree(each) for each in listed(found.get("transaction"))]
