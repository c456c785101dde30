import re
from pathlib import Path

from adapters.fake.cards import CARDS
from adapters.fake.declines import BANK_DECLINES, meaning_of
from adapters.fake.misbehaviour import Fault, parse_script
from adapters.fake.misdeliveries import DeliveryFault
from domain.declines import DeclineCode

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_every_number_is_one_that_card_forms_accept() -> None:
    for card in CARDS:
        digits = [int(digit) for digit in reversed(card.number)]
        doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
        assert (sum(digits[::2]) + doubled) % 10 == 0, card.name


def test_names_numbers_and_tokens_are_each_used_once() -> None:
    for values in ({c.name for c in CARDS}, {c.number for c in CARDS}, {c.token for c in CARDS}):
        assert len(values) == len(CARDS)


def test_every_card_declines_for_a_reason_that_the_bank_knows() -> None:
    assert {card.decline for card in CARDS} - {None} <= BANK_DECLINES.keys()


def test_a_reason_that_only_a_newer_bank_knows_is_a_decline_all_the_same() -> None:
    assert meaning_of("card_melted") is DeclineCode.GENERIC_DECLINE


def test_the_documented_cards_are_the_cards() -> None:
    documented = re.findall(r"^\| ([0-9 ]+) \| `(tok_\w+)` \|", (REFERENCE / "test-cards.md").read_text(), re.MULTILINE)

    assert [(number.replace(" ", ""), token) for number, token in documented] == [
        (card.number, card.token) for card in CARDS
    ]


def test_each_documented_decline_is_what_the_card_does() -> None:
    text = (REFERENCE / "test-cards.md").read_text()
    for card in CARDS:
        [behaviour] = re.findall(rf"^\| [0-9 ]+ \| `{card.token}` \| [^|]+ \| ([^|]+) \|", text, re.MULTILINE)
        codes = re.findall(r"`([A-Z_]+)`", behaviour)
        expected = [] if card.decline is None else [meaning_of(card.decline).value]
        first = ["REQUIRES_ACTION"] if card.challenge else ["PENDING"] if card.pending else []
        afterwards = [] if card.disputed_as is None else [card.disputed_as.value]
        assert codes == first + expected + afterwards, card.name
        assert ("asks" in behaviour) == card.inquiry, card.name


def test_every_fault_and_every_decline_of_a_script_is_documented() -> None:
    text = (REFERENCE / "fake-provider.md").read_text()

    assert re.findall(r"^\| `([a-z_]+)[`:]", text, re.MULTILINE) == [*Fault, *DeliveryFault]
    assert {code for code in BANK_DECLINES if f"`{code}`" not in text} == set()


def test_every_documented_script_can_be_followed() -> None:
    text = (REFERENCE / "fake-provider.md").read_text()
    scripts = [
        line for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for line in block.split("\n")
    ]

    assert len([parse_script(script) for script in scripts if script]) == 5
