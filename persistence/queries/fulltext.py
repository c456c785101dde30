"""The full-text queries of a search, in the languages of FTS5 and of PostgreSQL's tsquery.

A product that fits has one of seven ranks, and each rank is a query of its own that leaves out the better ones:

| Rank | What has all the words, each whole unless it says otherwise |
|------|-------------------------------------------------------------|
| 0    | the name, which has no others, and in this order            |
| 1    | the name                                                    |
| 2    | the name, where the last may be the beginning of a word     |
| 3    | name and description together                               |
| 4    | both, where the last may be the beginning of a word         |
| 5    | the name, where any may be a typo                           |
| 6    | both, where any may be a typo                               |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.search import Search, Term
from persistence.sql import Dialect


@dataclass(frozen=True, slots=True)
class Meant:
    """A search, with the words of the catalogue that could have been meant by each term."""

    search: Search
    spellings: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class _Words:
    """What has to be found for one term: one of these, as a whole word or as the beginning of one."""

    whole: tuple[str, ...]
    beginning: str | None


class FullText:
    """The queries of the ranks, in the language of one database's full-text index.

    Words have letters, digits and marks only, so none can be an operator; they are quoted all the same.
    """

    def __init__(self, meant: Meant, dialect: Dialect) -> None:
        self._meant: Final = meant
        self._language: Final = _LANGUAGES[dialect]

    def everything(self) -> str:
        """All ranks at once."""
        return self._somewhere(near=True)

    def ranks(self) -> Mapping[int, str]:
        """Rank → query, the best first, without those that cannot have a product."""
        language = self._language
        title = language.title(self._meant.search.fingerprint)
        name, begun_name = self._in_name(begun=False), self._in_name(begun=True)
        text, begun_text = self._somewhere(begun=False), self._somewhere(begun=True)
        ranks = {0: title, 1: language.without(name, title)}
        if begun_text != text:
            ranks |= {
                2: language.without(begun_name, name),
                3: language.without(text, begun_name),
                4: language.without(begun_text, begun_name, text),
            }
        else:
            ranks |= {3: language.without(text, name)}
        if any(self._meant.spellings):
            near_name = self._in_name(near=True)
            ranks |= {
                5: language.without(near_name, begun_text),
                6: language.without(self._somewhere(near=True), near_name, begun_text),
            }
        return ranks

    def _in_name(self, *, begun: bool = True, near: bool = False) -> str:
        return self._language.all_in_name(self._terms(begun=begun, near=near))

    def _somewhere(self, *, begun: bool = True, near: bool = False) -> str:
        return self._language.all_somewhere(self._terms(begun=begun, near=near))

    def _terms(self, *, begun: bool, near: bool) -> list[_Words]:
        search = self._meant.search
        last = len(search.terms) - 1
        return [
            _Words(
                (*term.forms, *spellings) if near else term.forms,
                _beginning(term, search.beginning if begun and place == last else None),
            )
            for place, (term, spellings) in enumerate(zip(search.terms, self._meant.spellings, strict=True))
        ]


def _beginning(term: Term, begun: str | None) -> str | None:
    return term.forms[0] if term.is_part else begun


class _Fts5:
    @staticmethod
    def title(fingerprint: str) -> str:
        return f'title : "{fingerprint}"'

    @classmethod
    def all_in_name(cls, terms: Sequence[_Words]) -> str:
        return f"name : ({cls._all(terms)})"

    @classmethod
    def all_somewhere(cls, terms: Sequence[_Words]) -> str:
        return f"{{name description}} : ({cls._all(terms)})"

    @staticmethod
    def without(query: str, *others: str) -> str:
        return f"({query}) NOT ({' OR '.join(f'({other})' for other in others)})"

    @staticmethod
    def _all(terms: Sequence[_Words]) -> str:
        return " AND ".join(f"({' OR '.join(_Fts5._forms(words))})" for words in terms)

    @staticmethod
    def _forms(words: _Words) -> Iterator[str]:
        for word in words.whole:
            yield f'"{word}"'
        if words.beginning is not None:
            yield f'"{words.beginning}" *'


class _Tsquery:
    @staticmethod
    def title(fingerprint: str) -> str:
        return f"'#{fingerprint}'"

    @classmethod
    def all_in_name(cls, terms: Sequence[_Words]) -> str:
        return cls._all(terms, "=")

    @classmethod
    def all_somewhere(cls, terms: Sequence[_Words]) -> str:
        return cls._all(terms, "")

    @staticmethod
    def without(query: str, *others: str) -> str:
        return f"({query}) & !({' | '.join(f'({other})' for other in others)})"

    @staticmethod
    def _all(terms: Sequence[_Words], mark: str) -> str:
        return " & ".join(f"({' | '.join(_Tsquery._forms(words, mark))})" for words in terms)

    @staticmethod
    def _forms(words: _Words, mark: str) -> Iterator[str]:
        for word in words.whole:
            yield f"'{mark}{word}'"
        if words.beginning is not None:
            yield f"'{mark}{words.beginning}':*"


_LANGUAGES: Final[Mapping[Dialect, type[_Fts5] | type[_Tsquery]]] = {
    Dialect.SQLITE: _Fts5,
    Dialect.POSTGRES: _Tsquery,
}


def tsquery(placeholder: str) -> str:
    """In a subquery it is read once, and not for every row."""
    return f"(SELECT CAST({placeholder}::text AS tsquery))"
