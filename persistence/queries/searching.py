# ruff: noqa: S608 - every name in the SQL is ours, and values are parameters
"""Searching the catalogue: which words are meant (here), what they ask for (`fulltext`), a page of it (`walking`)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from domain.pages import PageRequest, Slice
from domain.products import Product
from domain.queries import FoundProduct, ProductFilter, ProductSort, Viewer
from domain.search import Search, edits_of, is_near, shared_trigrams, trigrams
from persistence.connections import Row
from persistence.mapping import product_from_row
from persistence.queries import walking
from persistence.queries.fulltext import FullText, Meant, tsquery
from persistence.queries.listing import Parameters
from persistence.queries.reads import ListingReads, fetch, slice_of
from persistence.queries.statements import Statement
from persistence.sql import Dialect, Json

MOST_SPELLINGS: Final = 200
"""Of one word. A statement has to end somewhere, and in no catalogue do so many words look alike."""


def is_found(meant: Meant, parameters: Parameters) -> str:
    """For lists in an order of their own: all products that fit are found first."""
    query = parameters.add(FullText(meant, parameters.dialect).everything())
    matches = {
        Dialect.SQLITE: f"number IN (SELECT product_words.rowid FROM product_words WHERE product_words MATCH {query})",
        Dialect.POSTGRES: f"words @@ {tsquery(query)}",
    }[parameters.dialect]
    return f"products.id IN (SELECT product_search.product_id FROM product_search WHERE {matches})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeantFilter(ProductFilter):
    meant: Meant

    @staticmethod
    def of(where: ProductFilter, meant: Meant) -> "MeantFilter":
        return MeantFilter(price=where.price, available=where.available, archived=where.archived, meant=meant)


class ProductReads(ListingReads[Product, ProductFilter]):
    """With a search, a page is two statements: one asks which words are meant, one finds the products."""

    async def page(self, request: PageRequest, where: ProductFilter, *, viewer: Viewer) -> Slice[Product]:
        if where.search is None:
            return await super().page(request, where, viewer=viewer)
        if not where.search.terms:
            return Slice(items=(), has_next=False, has_previous=False)
        meant = await self._meant(where.search)
        if request.sort == ProductSort.NAME:
            return await super().page(request, MeantFilter.of(where, meant), viewer=viewer)
        others = replace(where, search=None)
        statement = walking.page(self._listing, request, meant, others, dialect=self._database.dialect)
        return slice_of(request, await fetch(self._database, statement), _found_product)

    async def _meant(self, search: Search) -> Meant:
        words = [form for term in search.terms for form in term.forms if edits_of(form)]
        near: dict[str, set[str]] = {word: set() for word in words}
        for row in await fetch(self._database, spellings(words, self._database.dialect)):
            if is_near(row["asked"], row["known"]):
                near[row["asked"]].add(row["known"])
        of_terms = (set().union(*(near.get(form, ()) for form in term.forms)) for term in search.terms)
        return Meant(search, tuple(tuple(sorted(words)[:MOST_SPELLINGS]) for words in of_terms))


def _found_product(row: Row) -> FoundProduct:
    product = product_from_row(row)
    same = {field.name: getattr(product, field.name) for field in fields(product)}
    return FoundProduct(**same, rank=row["rank"], number=row["number"])


_KNOWN: Final = (
    "SELECT known.word AS word FROM product_spellings AS known WHERE known.trigram = asked.trigram"
    " AND known.length BETWEEN asked.shortest AND asked.longest"
)
_ASKED_AND_KNOWN: Final = {
    # OFFSET 0 keeps the trigrams from being joined to all spellings at once: the planner takes a JSON text for long.
    Dialect.POSTGRES: "json_to_recordset($1::json)"
    " AS asked (word text, trigram text, shortest int, longest int, shared int)"
    f" CROSS JOIN LATERAL ({_KNOWN} OFFSET 0) AS known",
    # SQLite has no LATERAL, and keeps to the order of a CROSS JOIN.
    Dialect.SQLITE: "(SELECT "
    + ", ".join(
        f"json_extract(value, '$.{name}') AS {name}" for name in ("word", "trigram", "shortest", "longest", "shared")
    )
    + " FROM json_each($1)) AS asked CROSS JOIN product_spellings AS known ON known.trigram = asked.trigram"
    " AND known.length BETWEEN asked.shortest AND asked.longest",
}


def spellings(words: Sequence[str], dialect: Dialect) -> Statement:
    """Words of the catalogue that share so many trigrams with one of these that they may be a spelling of it."""
    asked = [
        {
            "word": word,
            "trigram": trigram,
            "shortest": len(word) - edits_of(word),
            "longest": len(word) + edits_of(word),
            "shared": shared_trigrams(word),
        }
        for word in words
        for trigram in trigrams(word)
    ]
    text = (
        f"SELECT asked.word AS asked, known.word AS known FROM {_ASKED_AND_KNOWN[dialect]}"
        " GROUP BY asked.word, known.word HAVING COUNT(*) >= MIN(asked.shared)"
    )
    return Statement(text, (Json(asked),))
