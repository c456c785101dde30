"""What people send is stored tidy, short enough, printable, and never with a card number in it."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CardNumberRefused, InvalidInput
from domain.texts import (
    METADATA_ENTRIES,
    METADATA_KEY_LENGTH,
    METADATA_VALUE_LENGTH,
    NAME_LENGTH,
    URL_LENGTH,
    clean_email,
    clean_metadata,
    clean_optional,
    clean_text,
    clean_web_address,
    has_card_number,
)
from tests.domain.examples import many

CARD = "4242 4242 4242 4242"
UNPRINTABLE = [*(chr(code) for code in range(0x20) if chr(code) not in "\t\n\r"), "\x7f", "\ud800", "\udfff"]


class TestText:
    @many
    @given(st.text(max_size=300))
    def test_text_is_stored_as_it_was_sent_or_refused(self, text: str) -> None:
        tidy = text.strip()
        unprintable = any(character in tidy for character in UNPRINTABLE)
        if tidy and len(tidy) <= NAME_LENGTH and not unprintable and not has_card_number(tidy):
            assert clean_text(text, "name") == clean_text(tidy) == tidy
            return
        with pytest.raises(InvalidInput) as refused:
            clean_text(text, "name")
        assert refused.value.path == ("name",)

    @pytest.mark.parametrize("name", ["Ada", "Zoë 𝔸", "two\nlines\tand a tab", "🦄", "李小龍", "O'Brien; DROP TABLE"])
    def test_names_of_any_script_are_taken(self, name: str) -> None:
        assert clean_text(f"  {name}\n") == name

    @pytest.mark.parametrize("empty", ["", " ", "\n\t", "\u00a0\u2003"])
    def test_nothing_is_refused_where_something_is_needed(self, empty: str) -> None:
        with pytest.raises(InvalidInput, match="empty"):
            clean_text(empty)
        assert clean_optional(empty) is None

    @pytest.mark.parametrize("character", UNPRINTABLE)
    def test_what_a_database_cannot_hold_is_refused(self, character: str) -> None:
        with pytest.raises(InvalidInput, match="cannot be stored"):
            clean_text(f"a{character}b")

    def test_the_longest_text_has_exactly_the_limit(self) -> None:
        assert clean_text("ä" * 10, longest=10) == "ä" * 10
        assert clean_text(" " * 50 + "ä" * 10, longest=10) == "ä" * 10
        with pytest.raises(InvalidInput, match="10 characters"):
            clean_text("ä" * 11, longest=10)

    @pytest.mark.parametrize(
        "clean",
        [
            lambda text: clean_text(text, "field"),
            lambda text: clean_optional(text, "field"),
            lambda text: clean_email(f"{text.replace(' ', '-')}@example.org", "field"),
            lambda text: clean_metadata({"note": text}, "field"),
            lambda text: clean_metadata({text: "note"}, "field"),
        ],
    )
    def test_a_card_number_is_refused_everywhere_and_not_repeated(self, clean: Callable[[str], object]) -> None:
        with pytest.raises(CardNumberRefused) as refused:
            clean(CARD)
        assert refused.value.path[0] == "field"
        assert "4242" not in refused.value.message

    def test_nothing_stays_nothing(self) -> None:
        assert clean_optional(None) is None
        assert clean_optional(" tea ") == "tea"


class TestEmails:
    @pytest.mark.parametrize(
        "email", ["ada@example.org", "a+b@sub.example.co.uk", "zoë@müller.example", "o'brien@example.org", "x@1.2"]
    )
    def test_what_may_be_an_address_is_taken(self, email: str) -> None:
        assert clean_email(f" {email} ") == email

    @pytest.mark.parametrize(
        "slip",
        [
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "ada@example.",
            "ada@.org",
            "ada@example..org",
            "ada@@example.org",
            "ada lovelace@example.org",
            "ada@exam ple.org",
            "ada@example.org, bob@example.org",
            "a" * 65 + "@example.org",
            "a@" + "b" * 250 + ".org",
            "ada@example.org\nBcc: everybody@example.org",
        ],
    )
    def test_a_slip_is_refused(self, slip: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            clean_email(slip, "email")
        assert refused.value.path == ("email",)

    def test_an_address_may_be_missing(self) -> None:
        assert clean_email(None) is None
        assert clean_email("  ") is None


class TestMetadata:
    def test_entries_come_back_tidy_and_in_their_order(self) -> None:
        sent = {" z ": " last ", "a": "", "b": "   "}
        assert list(clean_metadata(sent).items()) == [("z", "last"), ("a", ""), ("b", "")]
        assert clean_metadata(None) == {}

    def test_the_limits_are_inclusive(self) -> None:
        full = {
            f"{number:0{METADATA_KEY_LENGTH}}x"[1:]: "v" * METADATA_VALUE_LENGTH for number in range(METADATA_ENTRIES)
        }
        assert clean_metadata(full) == full

    @pytest.mark.parametrize(
        "wrong",
        [
            {f"key{number}": "value" for number in range(METADATA_ENTRIES + 1)},
            {"k" * (METADATA_KEY_LENGTH + 1): "value"},
            {"key": "v" * (METADATA_VALUE_LENGTH + 1)},
            {"": "value"},
            {" ": "value"},
            {"key": "\x00"},
            {"\x00": "value"},
            {"key": "one", " key": "two"},
        ],
    )
    def test_too_much_or_unusable_is_refused(self, wrong: dict[str, str]) -> None:
        with pytest.raises(InvalidInput) as refused:
            clean_metadata(wrong, "metadata")
        assert refused.value.path[0] == "metadata"

    def test_the_refusal_names_the_entry(self) -> None:
        with pytest.raises(InvalidInput) as refused:
            clean_metadata({"good": "x", "note": "\x00"}, "metadata")
        assert refused.value.path == ("metadata", "note")


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.example/tea.webp",
        "https://cdn.shop.example:8443/a/b.jpg?w=200#x",
        "https://bücher.example/ä.png",
        "https://[::1]/tea.png",
    ],
)
def test_an_address_of_the_encrypted_web_is_taken(address: str) -> None:
    assert clean_web_address(f" {address} ", "url") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tea.webp",
        "//shop.example/tea.webp",
        "http://shop.example/tea.webp",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "https:///tea.webp",
        "https://user:secret@shop.example/tea.webp",
        "https://shop.example\\@evil.example/",
        "https://shop.example/a b.webp",
        "https://shop.example/\u202egnp.exe",
        "https://shop.example:99999/",
        "https://[::1/tea.webp",
        "https://shop.example/" + "x" * URL_LENGTH,
        "https://shop.example/4242424242424242.png",
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises((InvalidInput, CardNumberRefused)):
        clean_web_address(address, "url")
