"""Ids name their kind, rise with time, and are never mistaken for anything a stranger may send."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import IdPrefix, RisingClock, new_id, prefix_of
from tests.domain.examples import many


@pytest.mark.parametrize("prefix", IdPrefix)
def test_an_id_fits_what_braintree_takes_as_an_id(prefix: IdPrefix) -> None:
    assert re.fullmatch(r"[a-z0-9_]{1,36}", new_id(prefix))


@pytest.mark.parametrize("prefix", IdPrefix)
def test_an_id_tells_its_kind(prefix: IdPrefix) -> None:
    value = new_id(prefix)
    assert value.startswith(f"{prefix}_")
    assert prefix_of(value) is prefix


def test_the_prefixes_are_a_registry_without_doubles() -> None:
    assert len(set(IdPrefix)) == len(IdPrefix.__members__)
    assert all(re.fullmatch("[a-z]{2,5}", prefix) for prefix in IdPrefix)
    assert {"cus", "ord", "chg", "ref", "pm", "prod", "price", "evt", "op"} <= set(IdPrefix)


def test_the_ids_of_one_process_rise_strictly() -> None:
    made = [new_id(IdPrefix.EVENT) for _ in range(20_000)]
    assert all(one < next_one for one, next_one in pairwise(made))


def test_a_clock_that_is_set_back_does_not_take_the_ids_along() -> None:
    corrected = iter([1_000, 1_002, 400, 401, 1_002, 1_003])
    clock = RisingClock(lambda: next(corrected))
    assert [clock() for _ in range(6)] == [1_000, 1_002, 1_002, 1_002, 1_002, 1_003]


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id(IdPrefix.JOB), range(8_000)))
    assert len(set(made)) == len(made)


GOOD = "chg_01k9zq4m8e6w1v3c5x7b9d2f4g"


def test_a_good_id_is_one() -> None:
    assert prefix_of(GOOD) is IdPrefix.CHARGE


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "chg",
        "chg_",
        GOOD.upper(),
        GOOD + "\n",
        GOOD + "\x00",
        "\x00" + GOOD,
        " " + GOOD,
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("_", "-"),
        GOOD.replace("_", "__"),
        GOOD[:-1] + "i",  # not in Crockford's alphabet, nor are l, o and u
        GOOD[:-1] + "l",
        GOOD[:-1] + "o",
        GOOD[:-1] + "u",
        GOOD[:-1] + "٣",
        GOOD[:-1] + "%",
        "xyz" + GOOD[3:],
        "chg' or 1=1 --",
        "chg_" + "0" * 10_000,
        "\ud800" + GOOD,
        "../../etc/passwd",
    ],
)
def test_hostile_text_is_no_id(hostile: str) -> None:
    assert prefix_of(hostile) is None


@many
@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    kind = prefix_of(text)
    assert kind is None or re.fullmatch(f"{kind}_[0-9a-z]{{26}}", text, re.ASCII)


@many
@given(st.sampled_from(IdPrefix), st.integers(0, 29), st.characters())
def test_one_changed_character_never_makes_an_id_of_another_length(
    prefix: IdPrefix, place: int, character: str
) -> None:
    value = new_id(prefix)
    changed = value[:place] + character + value[place + 1 :]
    kind = prefix_of(changed)
    assert kind is None or (changed.startswith(f"{kind}_") and changed.isascii() and changed == changed.lower())
