"""A change that clients may break on is found, and is let through only when it was announced."""

import tomllib
from datetime import date

import pytest
from graphql import GraphQLSchema, build_schema

from tests.schema.evolution import (
    ACCEPTED,
    ROOT,
    Acceptance,
    Accepted,
    Step,
    breaks,
    end_of,
    in_words,
    members,
    months_after,
    problems,
    read_accepted,
)

BEFORE = '''
type Query {
  order(id: ID!, locale: String = "en"): Order
  orders(sort: Sort! = NEWEST): [Order!]
}
type Order { total: Int! state: State! brand: Brand next: Next }
type Redirect { url: String! }
type Sdk { secret: String! }
union Next = Redirect
enum State { OPEN PAID }
"""Brands. The list grows."""
enum Brand { VISA }
enum Sort { NEWEST }
input Filter { state: State }
'''
TODAY = date(2026, 11, 22)


def changed(*replaced: tuple[str, str]) -> GraphQLSchema:
    text = BEFORE
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return build_schema(text)


def step(after: GraphQLSchema, *, before: GraphQLSchema | None = None, on: date = TODAY) -> Step:
    return Step("abc", on, before or build_schema(BEFORE), after)


@pytest.mark.parametrize(
    ("old", "new", "break_"),
    [
        ("total: Int!", "", "Field Order.total was removed."),
        ("total: Int!", "total: Int", "Field Order.total changed type from Int! to Int."),
        ("enum State { OPEN PAID }", "enum State { OPEN }", "Enum value State.PAID was removed."),
        ("state: State }", "state: State! }", "Field Filter.state changed type from State to State!."),
        ('id: ID!, locale: String = "en"', "id: ID!", "Argument Query.order(locale:) was removed."),
        (
            'locale: String = "en"',
            'locale: String = "de"',
            'Query.order(locale:) has changed defaultValue from "en" to "de".',
        ),
        ("enum State { OPEN PAID }", "enum State { OPEN PAID GONE }", "Enum value State.GONE was added."),
        ("union Next = Redirect", "union Next = Redirect | Sdk", "Sdk was added to union type Next."),
    ],
)
def test_what_a_client_may_break_on_is_found(old: str, new: str, break_: str) -> None:
    assert breaks(build_schema(BEFORE), changed((old, new))) == [break_]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("brand: Brand", "brand: Brand!"),
        ("total: Int!", "total: Int! due: Int!"),
        ("enum Brand { VISA }", "enum Brand { VISA JCB }"),
        ("enum Sort { NEWEST }", "enum Sort { NEWEST OLDEST }"),
        ("state: State }", "state: State brand: Brand }"),
        ("total: Int!", '"""In cents."""\ntotal: Int!'),
    ],
)
def test_what_a_client_need_not_notice_passes(old: str, new: str) -> None:
    assert breaks(build_schema(BEFORE), changed((old, new))) == []


class TestAcceptances:
    REMOVED = "Field Order.total was removed."

    def test_a_break_that_is_not_written_down_is_told(self) -> None:
        (problem,) = problems([step(changed(("total: Int!", "")))], Accepted("0a1b2c", ()))
        assert problem.startswith(f"abc: {self.REMOVED}")

    def test_a_break_before_the_first_release_needs_a_reason_alone(self) -> None:
        accepted = Accepted("0a1b2c", (Acceptance(self.REMOVED, "never released", TODAY),))
        assert problems([step(changed(("total: Int!", "")))], accepted) == []

    def test_an_acceptance_that_nothing_needs_is_told(self) -> None:
        accepted = Accepted("0a1b2c", (Acceptance(self.REMOVED, "never released", TODAY),))
        (problem,) = problems([step(build_schema(BEFORE))], accepted)
        assert f"accepts “{self.REMOVED}”, which no longer happens" in problem

    def test_a_break_that_a_later_change_takes_back_is_found_still(self) -> None:
        """Whoever deployed the commit in between had it."""
        gone = changed(("total: Int!", ""))
        found = problems([step(gone), step(build_schema(BEFORE), before=gone)], Accepted("0a1b2c", ()))
        assert len(found) == 1

    @pytest.mark.parametrize(
        ("announced", "deprecated", "problem"),
        [
            (None, "Works until 2026-11-01.", "names no deprecation"),
            ("Order.sum", "Works until 2026-11-01.", "`Order.sum` was not deprecated"),
            ("Order.total", None, "`Order.total` was not deprecated with a date"),
            ("Order.total", "Not for long.", "`Order.total` was not deprecated with a date"),
            ("Order.total", "Works until 2026-12-01.", "It was announced for 2026-12-01."),
            ("Order.total", "Works until 2026-11-22.", ""),
        ],
    )
    def test_after_a_release_a_break_is_announced_and_its_day_has_come(
        self, announced: str | None, deprecated: str | None, problem: str
    ) -> None:
        marked = f'total: Int! @deprecated(reason: "{deprecated}")' if deprecated else "total: Int!"
        before = changed(("total: Int!", marked))
        accepted = Accepted("v1.2.3", (Acceptance(self.REMOVED, "no one used it", TODAY, announced),))

        found = problems([step(changed(("total: Int!", "")), before=before)], accepted)

        assert len(found) == (1 if problem else 0)
        assert all(problem in told for told in found)


class TestDeprecations:
    @pytest.mark.parametrize(
        ("reason", "problem"),
        [
            ("Use sum.", "without a day"),
            ("Use sum. Works until 2027-02-21.", "2027-02-22 is the earliest"),
            ("Use sum. Works until 2027-02-22.", None),
        ],
    )
    def test_a_deprecation_gives_three_months(self, reason: str, problem: str | None) -> None:
        after = changed(("total: Int!", f'total: Int! @deprecated(reason: "{reason}")'))
        found = problems([step(after)], Accepted("0a1b2c", ()))
        assert len(found) == (1 if problem else 0)
        assert all((problem or "") in told for told in found)

    @pytest.mark.parametrize(("until", "fine"), [("2026-12-01", True), ("2026-11-30", False), ("2028-01-01", True)])
    def test_a_promised_day_is_not_brought_forward(self, until: str, *, fine: bool) -> None:
        before = changed(("total: Int!", 'total: Int! @deprecated(reason: "Works until 2026-12-01.")'))
        after = changed(("total: Int!", f'total: Int! @deprecated(reason: "Works until {until}.")'))
        assert (problems([step(after, before=before)], Accepted("0a1b2c", ())) == []) is fine

    def test_arguments_input_fields_and_enum_values_are_members_too(self) -> None:
        assert {"Order.total", "Query.order(locale:)", "Filter.state", "State.OPEN"} <= set(members(changed()))

    @pytest.mark.parametrize(
        ("reason", "day"),
        [("Use `sum`. Works until 2027-03-01.", date(2027, 3, 1)), ("until 2027-03", None), (None, None)],
    )
    def test_the_day_is_read_from_the_reason(self, reason: str | None, day: date | None) -> None:
        assert end_of(reason) == day

    @pytest.mark.parametrize(
        ("day", "later"),
        [
            (date(2026, 11, 22), date(2027, 2, 22)),
            (date(2026, 11, 30), date(2027, 3, 1)),
            (date(2026, 12, 31), date(2027, 3, 31)),
        ],
    )
    def test_three_months_later_is_the_same_day(self, day: date, later: date) -> None:
        assert months_after(day, 3) == later


def test_the_changelog_gets_one_list_since_the_beginning() -> None:
    middle = changed(("total: Int!", "total: Int! due: Int"))
    end = changed(
        ("total: Int!", 'total: Int @deprecated(reason: "Works until 2027-03-01.") sum: Int!'),
        ("enum Sort { NEWEST }", "enum Sort { OLDEST }"),
    )

    assert in_words([step(middle), step(end, before=middle)]) == (
        "### Added\n\n- Enum value Sort.OLDEST was added.\n- Field Order.sum was added.\n\n"
        "### Changed\n\n- Field Order.total changed type from Int! to Int.\n\n"
        "### Deprecated\n\n- Order.total: Works until 2027-03-01.\n\n"
        "### Removed\n\n- Enum value Sort.NEWEST was removed.\n"
    )


def test_what_is_accepted_can_be_read_and_says_why() -> None:
    text = (ROOT / ACCEPTED).read_text(encoding="utf-8")

    accepted = read_accepted(text)

    assert accepted.since == tomllib.loads(text)["since"]
    assert all(len(entry.reason) > 10 and isinstance(entry.date, date) for entry in accepted.changes)
