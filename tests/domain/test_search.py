"""What a word is, and which words are as good as which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.search import (
    LONGEST_SEARCH,
    LONGEST_WORD,
    Search,
    edits_of,
    fold,
    is_near,
    may_be_meant,
    shared_trigrams,
    title_of,
    trigrams,
    words_of,
)

LETTERS = st.text(alphabet="abcdeé", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Café CRÈME", ["cafe", "creme"]),
        ("Straße, Łódź; Ærø", ["strasse", "lodz", "aero"]),
        ("İstanbul ısı", ["istanbul", "isi"]),
        ("ＦＵＬＬ ｗｉｄｔｈ ﬁne", ["full", "width", "fine"]),
        ("Ёлка Ελλάδα", ["елка", "ελλαδα"]),
        ("Brand™ Other® 500g №5 m²", ["brand", "other", "500g", "no5", "m2"]),
        ("L'eau d’or rock'n'roll", ["l", "eau", "d", "or", "rock", "n", "roll"]),
        ("tea\0pot\ud800 tea", ["tea", "pot"]),
        ("a_b-c/d.e", ["a", "b", "c", "d", "e"]),
        ("हिन्दी עִבְרִית", ["हिन्दी", "עִבְרִית"]),
        ("!? ☕ 🫖 --", []),
        ("", []),
    ],
)
def test_words_are_read_without_case_accents_and_signs(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        *[("cups", "cup"), ("boxes", "box"), ("axes", "axe"), ("cookies", "cookie"), ("berries", "berry")],
        *[("dishes", "dish"), ("caches", "cache"), ("tomatoes", "tomato"), ("houses", "house"), ("livres", "livre")],
    ],
)
def test_a_plural_and_its_singular_find_each_other(plural: str, singular: str) -> None:
    assert singular in words_of(plural)
    assert plural in words_of(plural)
    (asked,) = searched(plural).terms
    assert set(asked.forms) & set(words_of(singular))


@pytest.mark.parametrize("word", ["glass", "bus", "tennis", "gas", "x10s", "is"])
def test_what_only_ends_like_a_plural_stays_as_it_is(word: str) -> None:
    assert words_of(word) == [word]


def test_a_script_without_spaces_is_cut_into_pairs() -> None:
    assert words_of("緑茶の本 tea茶") == ["緑茶", "茶の", "の本", "本", "tea", "茶"]
    assert [term.forms for term in searched("緑茶の").terms] == [("緑茶",), ("茶の",)]
    (one,) = searched("茶").terms
    assert one.is_part


def test_a_search_has_a_length_and_may_be_empty() -> None:
    assert Search.of("") is Search.of(" \n") is None
    assert searched("!!").terms == ()
    assert searched("x" * LONGEST_SEARCH).terms[0].forms == ("x" * LONGEST_WORD,)
    with pytest.raises(InvalidInput, match="200 characters at most"):
        Search.of("x" * (LONGEST_SEARCH + 1))


def test_the_last_word_is_a_beginning_from_its_second_letter_on() -> None:
    assert searched("green te").beginning == "te"
    assert searched("green t").beginning is None
    assert searched("!").beginning is None


def test_searches_for_the_same_have_one_fingerprint() -> None:
    assert searched("Café, crème!").fingerprint == searched(" cafe creme").fingerprint == title_of("CAFÉ CRÈME")
    assert searched("creme cafe").fingerprint != title_of("café crème")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_words_are_safe_in_any_query_language(text: str) -> None:
    """Whatever is typed, no word holds a sign that FTS5, a tsquery or SQL could mean something by."""
    for word in words_of(text):
        assert 0 < len(word) <= LONGEST_WORD
        assert not set(word) & set(" \t\n\0'\"\\*:()&|!<>-^+{}[],.;=#/%_$?@`~")
        assert not any("\ud800" <= letter <= "\udfff" for letter in word)


@given(st.text(max_size=LONGEST_SEARCH))
def test_a_name_is_found_by_itself(name: str) -> None:
    search = Search.of(name)
    words = set(words_of(name))
    for term in search.terms if search else ():
        assert words & set(term.forms) or (term.is_part and any(word.startswith(term.forms[0]) for word in words))


# --- typos ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typo", "word"),
    [
        *[("cofee", "coffee"), ("cofffee", "coffee"), ("coffea", "coffee"), ("cofefe", "coffee"), ("ocffee", "coffee")],
        *[("gridner", "grinder"), ("grnder", "grinder"), ("teaa", "tea"), ("cofees", "coffee")],
        *[("ehtiopain", "ethiopian"), ("subscripton", "subscription")],
    ],
)
def test_a_typo_is_near_its_word(typo: str, word: str) -> None:
    forms = searched(typo).terms[0].forms
    assert any(is_near(form, word) for form in forms)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("tea", "ten"),
        ("x100", "x200"),
        ("grinder", "gardener"),
        ("coffee", "coffee"),
        ("茶茶茶茶", "茶茶茶酒"),
        ("teapot", "tea"),
    ],
)
def test_other_words_are_not_near(typed: str, word: str) -> None:
    assert not is_near(typed, word)


@given(LETTERS, st.integers(0, 11), st.sampled_from(["drop", "add", "change", "swap"]))
def test_one_edit_is_always_forgiven(word: str, place: int, edit: str) -> None:
    place %= len(word)
    rest = word[place + 1 :]
    typed = {
        "drop": word[:place] + rest,
        "add": word[:place] + "x" + word[place:],
        "change": word[:place] + "x" + rest,
        "swap": word[:place] + rest[:1] + word[place] + rest[1:],
    }[edit]
    if edits_of(typed) and typed != word:
        assert is_near(typed, word)
        assert may_be_meant(word)
        assert len(set(trigrams(typed)) & set(trigrams(word))) >= shared_trigrams(typed)


@given(LETTERS, LETTERS)
def test_nearness_is_the_distance_by_its_definition(word: str, other: str) -> None:
    assert is_near(word, other) is (0 < distance(word, other) <= edits_of(word))


def distance(word: str, other: str) -> int:
    """Letter by letter from the end, as it is defined."""
    table: dict[tuple[int, int], int] = {}
    for i in range(len(word) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                table[i, j] = i + j
                continue
            choices = [
                table[i - 1, j] + 1,
                table[i, j - 1] + 1,
                table[i - 1, j - 1] + (word[i - 1] != other[j - 1]),
            ]
            if i > 1 and j > 1 and word[i - 2 : i] == other[j - 1] + other[j - 2]:
                choices.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(choices)
    return table[len(word), len(other)]


def searched(text: str) -> Search:
    search = Search.of(text)
    assert search is not None
    return search
