"""How products are found: what a word is, and which words of a search are as good as which of a product.

One normaliser reads the products' texts and the searches, so every database compares the same words, whatever its own
collation, stemmer or tokenizer would make of them:

- Case, accents and widths do not count: `CAFÉ`, `café` and `cafe` are one word.
- A plural with s is found by its singular and the other way round, in English and where other languages do the same:
  a text has both words, and a search asks for either. Further stemming would want to know the language.
- Scripts without spaces (Chinese, Japanese, Thai, …) are cut into pairs of neighbouring characters: whatever is two
  characters or longer is found inside a sentence.

A typo is at most one edit (a letter too many, too few, another one, or two that changed places) in a word of four
letters, and two in one of eight. Shorter words are too close to one another, and with a digit a word is a model number.
Spellings are compared by their trigrams first: `coffee` has ` c`, ` co`, `cof`, …, and who shares enough of them is
looked at letter by letter.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

from domain.errors import InvalidInput
from domain.texts import NAME_LENGTH

LONGEST_SEARCH = NAME_LENGTH
"""In characters: whoever pastes the whole name of a product finds it."""
SHORTEST_BEGINNING = 2
"""Half a catalogue begins with any one letter."""
LONGEST_WORD = 40
"""What is longer counts by its beginning: such words are file names and keys, and no index wants them whole."""
FINGERPRINT_LENGTH = 16

_ONE_EDIT_FROM, _TWO_EDITS_FROM = 4, 8
_TRIGRAMS_OF_AN_EDIT = 3
"""So many change at most; and one more where two letters changed places, which is taken to happen once in a word."""

# Letters that are no letter with an accent to Unicode, and signs that would become letters ("Brand™" is not "brandtm").
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ħ": "h", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
    | {"\N{LATIN SMALL LETTER DOTLESS I}": "i"}
    | dict.fromkeys("™℠", " ")
)
_ACCENTS = dict.fromkeys(range(0x300, 0x370))
# Thai and Lao, Burmese, Khmer, kana, Han with its extensions.
_DENSE = (
    range(0x0E00, 0x0F00),
    range(0x1000, 0x10A0),
    range(0x1780, 0x1800),
    range(0x3005, 0x3008),
    range(0x3040, 0x3100),
    range(0x3400, 0x4DC0),
    range(0x4E00, 0xA000),
    range(0x20000, 0x40000),
)
_HISSING = ("ses", "xes", "zes", "ches", "shes", "oes")


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a search: one of its forms has to be in the product."""

    forms: tuple[str, ...]
    """As it was written, then its singulars."""
    is_part: bool = False
    """Of a longer word by nature: one character of a script that has no spaces."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was searched for. All terms have to be found, in any order; the last one may still be being typed."""

    terms: tuple[Term, ...]
    """None where the text has neither letters nor digits: that finds nothing."""

    @staticmethod
    def of(text: str, *path: str) -> "Search | None":
        """None when nothing was typed. InvalidInput when it is too long."""
        if len(text) > LONGEST_SEARCH:
            raise InvalidInput(f"A search can have {LONGEST_SEARCH} characters at most.", path=path)
        if not text.strip():
            return None
        return Search(tuple(_all_terms(text)))

    @property
    def beginning(self) -> str | None:
        """The last word where it is long enough to be taken for the beginning of others."""
        last = self.terms[-1].forms[0] if self.terms else ""
        return last if len(last) >= SHORTEST_BEGINNING else None

    @property
    def fingerprint(self) -> str:
        """The same for two texts that ask for the same; a product that is called just so has it, too."""
        words = " ".join(term.forms[0] for term in self.terms)
        return hashlib.blake2b(words.encode(), digest_size=FINGERPRINT_LENGTH // 2).hexdigest()


def title_of(name: str) -> str:
    """The fingerprint of a search for just this name."""
    return Search(tuple(_all_terms(name))).fingerprint


def words_of(text: str) -> list[str]:
    """All words by which the text is found, each once."""
    words: dict[str, None] = {}
    for run, dense in _runs(fold(text)):
        words.update(dict.fromkeys(_pairs(run) if dense else _forms(run)))
    return list(words)


def fold(text: str) -> str:
    """Without case, accents and widths. Folding twice changes nothing."""
    folded = unicodedata.normalize("NFKD", text.translate(_LETTERS)).casefold().translate(_LETTERS)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", folded).translate(_ACCENTS))


def _runs(folded: str) -> Iterator[tuple[str, bool]]:
    """Words, and whole runs of a script without spaces; and which of the two each is."""
    for kind, run in groupby(folded, _kind):
        if kind is not None:
            yield "".join(run), kind


@lru_cache(maxsize=4096)
def _kind(character: str) -> bool | None:
    """Whether the character's script has no spaces; None for what belongs to no word."""
    if not character.isalnum() and not unicodedata.category(character).startswith("M"):
        return None
    return any(ord(character) in characters for characters in _DENSE)


def _all_terms(text: str) -> Iterable[Term]:
    return dict.fromkeys(term for run, dense in _runs(fold(text)) for term in _terms(run, dense=dense))


def _terms(run: str, *, dense: bool) -> Iterable[Term]:
    if not dense:
        return [Term(tuple(_forms(run)))]
    return [Term((a + b,)) for a, b in pairwise(run)] or [Term((run,), is_part=True)]


def _pairs(run: str) -> list[str]:
    """The last character also stands alone, for one is the beginning of all others."""
    return [*(a + b for a, b in pairwise(run)), run[-1]]


def _forms(word: str) -> list[str]:
    return list(dict.fromkeys(form[:LONGEST_WORD] for form in (word, *_singulars(word))))


def _singulars(word: str) -> Iterator[str]:
    """Of some plurals there are two by their letters alone: `boxes` and `axes`, `berries` and `cookies`."""
    if len(word) < _ONE_EDIT_FROM or not word.isalpha() or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return
    yield word[:-1]
    if word.endswith("ies"):
        yield word[:-3] + "y"
    elif word.endswith(_HISSING):
        yield word[:-2]


# --- typos ----------------------------------------------------------------------------------------------------------


def may_be_meant(word: str) -> bool:
    """Whether a typo could stand for the word of a product: an edit makes four letters of its three."""
    return len(word) >= _ONE_EDIT_FROM - 1 and _is_spelled(word)


def edits_of(word: str) -> int:
    """How many are forgiven in a word of a search."""
    if len(word) < _ONE_EDIT_FROM or not _is_spelled(word):
        return 0
    return 1 if len(word) < _TWO_EDITS_FROM else 2


def _is_spelled(word: str) -> bool:
    return word.isalpha() and not _kind(word[0])


def trigrams(word: str) -> list[str]:
    """Each once. White space stands for what is before and behind the word."""
    padded = f"  {word}  "
    return list(dict.fromkeys(padded[start : start + 3] for start in range(len(word) + 2)))


def shared_trigrams(word: str) -> int:
    """How many a spelling of the word shares with it at least."""
    return max(1, len(trigrams(word)) - _TRIGRAMS_OF_AN_EDIT * edits_of(word) - 1)


def is_near(word: str, other: str) -> bool:
    """Whether the other word is the searched one with as many edits as are forgiven."""
    return 0 < _distance(word, other, most=edits_of(word)) <= edits_of(word)


def _distance(word: str, other: str, *, most: int) -> int:
    """Edits from one to the other (optimal string alignment); some number above `most` when there are more."""
    if abs(len(word) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        earlier, before, row = before, row, [i]
        for j, other_letter in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other_letter))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == other_letter:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most and min(before) > most:
            return most + 1
    return row[-1]
