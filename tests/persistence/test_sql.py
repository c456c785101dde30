import datetime as dt
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.database import Database
from persistence.sql import (
    Dialect,
    Json,
    any_of,
    boolean,
    for_sqlite,
    format_instant,
    instant,
    json_value,
    optional_instant,
    to_parameter,
)
from tests.persistence.sample.models import Box
from tests.persistence.sample.rows import NOON, add_boxes

OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
INSTANTS = st.datetimes(
    min_value=dt.datetime(1, 1, 2),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=dt.datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=OFFSETS,
)


class Colour(StrEnum):
    RED = "RED"


@given(INSTANTS, INSTANTS)
def test_texts_of_instants_sort_as_the_instants_do(one: dt.datetime, other: dt.datetime) -> None:
    assert (format_instant(one) < format_instant(other)) == (one < other)


@given(INSTANTS)
def test_an_instant_comes_back_from_its_text(value: dt.datetime) -> None:
    back = instant(format_instant(value))

    assert back == value
    assert back.tzinfo is dt.UTC


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = dt.datetime(2026, 3, 1, 12)  # noqa: DTZ001 - the point of the test

    for dialect in Dialect:
        with pytest.raises(ValueError, match="no time zone"):
            to_parameter(naive, dialect)
    with pytest.raises(ValueError, match="no time zone"):
        instant("2026-03-01T12:00:00")


def test_placeholders_are_translated_in_their_order() -> None:
    text, values = for_sqlite("SELECT $2, $1, $2 WHERE a = $10", ["one", "two", *"3456789", "ten"])

    assert text == "SELECT ?, ?, ? WHERE a = ?"
    assert values == ["two", "one", "two", "ten"]


def test_a_dollar_sign_in_a_text_is_no_placeholder() -> None:
    statement = """SELECT '$1 it''s $2', "$3" /* $4 */ -- $5\n, $1"""

    text, values = for_sqlite(statement, ["one"])

    assert text == """SELECT '$1 it''s $2', "$3" /* $4 */ -- $5\n, ?"""
    assert values == ["one"]


def test_boolean_takes_nothing_else_for_a_boolean() -> None:
    assert [boolean(value) for value in (0, 1, False, True)] == [False, True, False, True]
    with pytest.raises(ValueError, match="not a stored boolean"):
        boolean(2)


async def test_values_come_back_as_they_went_in(sample: Database) -> None:
    moment = dt.datetime(2026, 3, 1, 13, 30, 0, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    tags = {"list": [1, 2.5, None, True], "text": "naïve ✓", "big": 2**53 + 1}
    async with sample.transaction() as connection:
        await connection.execute(
            "INSERT INTO sample_boxes (id, count, note, tags, sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
            "box",
            2**62 + 1,
            Colour.RED,
            tags,
            True,
            moment,
        )
        row = await connection.fetch_one("SELECT * FROM sample_boxes WHERE created_at = $1", moment)

    assert row is not None
    assert row["count"] == 2**62 + 1
    assert row["note"] == "RED"
    assert json_value(row["tags"]) == tags
    assert boolean(row["sealed"]) is True
    assert instant(row["created_at"]) == moment
    assert optional_instant(None) is None
    assert json_value(None) is None


@pytest.mark.parametrize("value", [[1, "a"], "text", 7, None, {"a": {"b": []}}])
async def test_json_marks_what_is_no_object(sample: Database, value: object) -> None:
    await add_boxes(sample, "box")
    async with sample.transaction() as connection:
        await connection.execute("UPDATE sample_boxes SET tags = $1", Json(value))
        row = await connection.fetch_one("SELECT tags FROM sample_boxes")

    assert row is not None
    assert json_value(row["tags"]) == value


@pytest.mark.parametrize("names", [[], ["a"], ["a", "c", "nowhere"]])
async def test_any_of_takes_any_number_of_values(sample: Database, names: list[str]) -> None:
    await add_boxes(sample, "a", "b", "c")
    condition = any_of("id", "$1", sample.dialect)

    async with sample.reader() as connection:
        rows = await connection.fetch_all(f"SELECT id FROM sample_boxes WHERE {condition} ORDER BY id", names)

    assert [row["id"] for row in rows] == [name for name in names if name != "nowhere"]


async def test_models_and_statements_write_instants_alike(sample: Database) -> None:
    """SQLite compares texts; a model that wrote another format would be out of order."""
    moments = [NOON - dt.timedelta(microseconds=1), NOON, NOON + dt.timedelta(microseconds=1)]
    async with sample.transaction() as connection:
        client = connection.model_client
        await Box.create(id="first", created_at=moments[0], using_db=client)
        await connection.execute(
            "INSERT INTO sample_boxes (id, count, tags, sealed, created_at) VALUES ('second', 0, $1, $2, $3)",
            {},
            False,
            moments[1],
        )
        await Box.create(id="third", created_at=moments[2], using_db=client)
        by_statement = await connection.fetch_all(
            "SELECT id FROM sample_boxes WHERE created_at > $1 ORDER BY created_at", moments[0]
        )
        by_model = await Box.filter(created_at__gt=moments[0]).order_by("created_at").using_db(client)
        second = await Box.get(created_at=moments[1], using_db=client)

    assert [row["id"] for row in by_statement] == ["second", "third"]
    assert [box.id for box in by_model] == ["second", "third"]
    assert (second.id, second.created_at) == ("second", moments[1])
