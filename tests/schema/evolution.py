"""What became of the schema since the last release, and what of it a client may trip over.

Each commit that changed the SDL is compared with the one before it, and the file in the tree with the last commit. So a
break is found before it is committed, and is still found on main, where the tree is what was committed last.

`make schema-check` fails when a change

- takes away, renames or narrows what clients may use, or changes a default;
- adds a value to an enum (or a type to a union) that clients read and that did not say that it grows;
- deprecates a member without three months' notice.

A break that has to be is written into `tests/history/breaking_changes.toml` with its reason. From the first release on
it needs a deprecation that announced it; see there. `make schema-changes` says everything in words, for the changelog.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
)
from graphql.utilities.find_schema_changes import (
    BreakingChangeType,
    DangerousChangeType,
    SafeChangeType,
    SchemaChange,
    find_schema_changes,
)

ROOT = Path(__file__).parents[2]
SDL = "schema/schema.graphql"
ACCEPTED = "tests/history/breaking_changes.toml"

NOTICE_MONTHS = 3
"""From a deprecation to the end of what it names: as long as a mobile client takes to leave its users' phones."""

Member = GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue

_SILENT = {DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE, DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE}
"""Nothing fails, and another thing happens than before."""

_GROWTH = {DangerousChangeType.VALUE_ADDED_TO_ENUM, DangerousChangeType.TYPE_ADDED_TO_UNION}
_GROWN = re.compile(r"^Enum value (\w+)\.|to union type (\w+)\.$")


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the SDL: by a commit, or not committed yet."""

    name: str
    on: date
    before: GraphQLSchema
    after: GraphQLSchema


@dataclass(frozen=True, slots=True)
class Acceptance:
    """`change` in the words of the check; `announced` is the coordinate (`Order.total`) of what was deprecated."""

    change: str
    reason: str
    date: date
    announced: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    since: str
    """A commit, or from the first release on the tag of the last release."""
    changes: tuple[Acceptance, ...]

    @property
    def is_released(self) -> bool:
        return re.fullmatch(r"v\d+\.\d+\.\d+", self.since) is not None


class CannotCompare(Exception):
    """There is no history to compare with; the message says what to do."""


def main(arguments: Sequence[str]) -> int:
    try:
        accepted = read_accepted((ROOT / ACCEPTED).read_text(encoding="utf-8"))
        steps = steps_since(accepted.since, root=ROOT)
    except CannotCompare as error:
        sys.stderr.write(f"The schema could not be compared with what it was: {error}\n")
        return 1
    if arguments == ["--in-words"]:
        sys.stdout.write(in_words(steps))
        return 0
    found = problems(steps, accepted)
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if not found:
        sys.stdout.write(f"{len(steps)} changes of the schema since {accepted.since}: nothing breaks unannounced.\n")
    return 1 if found else 0


# --- what breaks ----------------------------------------------------------------------------------------------------


def problems(steps: Sequence[Step], accepted: Accepted) -> list[str]:
    by_change = {entry.change: entry for entry in accepted.changes}
    unused = set(by_change)
    found = []
    for step in steps:
        for change in breaks(step.before, step.after):
            unused.discard(change)
            if (entry := by_change.get(change)) is None:
                found.append(
                    f"{step.name}: {change} Clients may break: keep what was there and deprecate it, "
                    f"or say in {ACCEPTED} why it has to go."
                )
            elif accepted.is_released and (missing := _not_announced(step, entry)):
                found.append(f"{step.name}: {change} {missing}")
        found += [f"{step.name}: {problem}" for problem in hasty_deprecations(step)]
    found += [f"{ACCEPTED} accepts “{change}”, which no longer happens: take it out." for change in sorted(unused)]
    return found


def breaks(before: GraphQLSchema, after: GraphQLSchema) -> list[str]:
    return [change.description for change in find_schema_changes(before, after) if _may_break(change, before)]


def _may_break(change: SchemaChange, before: GraphQLSchema) -> bool:
    if grown := _GROWN.search(change.description) if change.type in _GROWTH else None:
        name = grown[1] or grown[2]
        return name in _read_by_clients(before) and not says_that_it_grows(before.type_map[name].description)
    if change.description.startswith("Standard scalar "):
        return False  # the last field of that type is gone, and is told of itself
    return isinstance(change.type, BreakingChangeType) or change.type in _SILENT


def says_that_it_grows(description: str | None) -> bool:
    return "list grows" in (description or "")


@cache
def _read_by_clients(schema: GraphQLSchema) -> frozenset[str]:
    """Types of answers. To what is only sent, a client may be indifferent."""
    return frozenset(
        get_named_type(field.type).name
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and not type_.name.startswith("__")
        for field in type_.fields.values()
    )


# --- what was announced ---------------------------------------------------------------------------------------------


def _not_announced(step: Step, entry: Acceptance) -> str | None:
    if entry.announced is None:
        return f"The entry in {ACCEPTED} names no deprecation that announced it."
    member = members(step.before).get(entry.announced)
    end = end_of(member.deprecation_reason) if member else None
    if end is None:
        return f"`{entry.announced}` was not deprecated with a date before."
    return f"It was announced for {end}." if end > step.on else None


def hasty_deprecations(step: Step) -> list[str]:
    """A date may be put off, but not brought forward."""
    earliest = months_after(step.on, NOTICE_MONTHS)
    old = {name: end_of(member.deprecation_reason) for name, member in members(step.before).items()}
    found = []
    for name, member in members(step.after).items():
        if member.deprecation_reason is None:
            continue
        end, promised = end_of(member.deprecation_reason), old.get(name)
        if end is None:
            found.append(f"`{name}` is deprecated without a day: “… until {earliest}.”")
        elif end < min(promised or earliest, earliest):
            found.append(f"`{name}` is deprecated until {end}: {promised or earliest} is the earliest.")
    return found


def end_of(reason: str | None) -> date | None:
    """The last day of a deprecated member, as its reason says it: “Use `total`. Works until 2027-03-01.”"""
    said = re.search(r"\buntil (\d{4}-\d{2}-\d{2})\b", reason or "")
    return date.fromisoformat(said[1]) if said else None


def months_after(day: date, months: int) -> date:
    """The same day of a later month; the 1st of the next one where that month is too short."""
    years, month = divmod(day.month - 1 + months, 12)
    try:
        return day.replace(year=day.year + years, month=month + 1)
    except ValueError:
        return months_after(day.replace(day=1), months + 1)


@cache
def members(schema: GraphQLSchema) -> Mapping[str, Member]:
    """What can be deprecated, by its coordinate: `Order.total`, `Query.orders(first:)`, `OrderState.OPEN`."""
    return dict(_members(schema))


def _members(schema: GraphQLSchema) -> Iterator[tuple[str, Member]]:
    for type_ in schema.type_map.values():
        if type_.name.startswith("__"):
            continue
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{type_.name}.{name}", value) for name, value in type_.values.items())
        if isinstance(type_, GraphQLInputObjectType):
            yield from ((f"{type_.name}.{name}", sent) for name, sent in type_.fields.items())
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                yield f"{type_.name}.{name}", field
                yield from ((f"{type_.name}.{name}({arg}:)", argument) for arg, argument in field.args.items())


# --- in words -------------------------------------------------------------------------------------------------------

_HEADINGS: Mapping[str, frozenset[Any]] = {
    "Added": frozenset(
        {
            SafeChangeType.TYPE_ADDED,
            SafeChangeType.FIELD_ADDED,
            SafeChangeType.DIRECTIVE_ADDED,
            DangerousChangeType.VALUE_ADDED_TO_ENUM,
            DangerousChangeType.TYPE_ADDED_TO_UNION,
            DangerousChangeType.OPTIONAL_ARG_ADDED,
            DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED,
            DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED,
        }
    ),
    "Removed": frozenset(
        {
            BreakingChangeType.TYPE_REMOVED,
            BreakingChangeType.FIELD_REMOVED,
            BreakingChangeType.ARG_REMOVED,
            BreakingChangeType.VALUE_REMOVED_FROM_ENUM,
            BreakingChangeType.TYPE_REMOVED_FROM_UNION,
            BreakingChangeType.IMPLEMENTED_INTERFACE_REMOVED,
            BreakingChangeType.DIRECTIVE_REMOVED,
        }
    ),
}


def in_words(steps: Sequence[Step]) -> str:
    """Since the beginning as one change, under the headings of the changelog."""
    if not steps:
        return "The schema is as it was.\n"
    before, after = steps[0].before, steps[-1].after
    lines: dict[str, list[str]] = {"Added": [], "Changed": [], "Deprecated": [], "Removed": []}
    for change in find_schema_changes(before, after):
        if change.type is SafeChangeType.DESCRIPTION_CHANGED or change.description.startswith("Standard scalar "):
            continue
        heading = next((name for name, types in _HEADINGS.items() if change.type in types), "Changed")
        lines[heading].append(change.description)
    was = members(before)
    lines["Deprecated"] = [
        f"{name}: {member.deprecation_reason}"
        for name, member in members(after).items()
        if member.deprecation_reason and (name not in was or was[name].deprecation_reason is None)
    ]
    return "\n".join(
        f"### {heading}\n\n" + "".join(f"- {line}\n" for line in sorted(found))
        for heading, found in lines.items()
        if found
    )


# --- from the repository --------------------------------------------------------------------------------------------


def read_accepted(text: str) -> Accepted:
    found = tomllib.loads(text)
    try:
        return Accepted(found["since"], tuple(Acceptance(**entry) for entry in found.get("change", [])))
    except (KeyError, TypeError) as error:
        raise CannotCompare(f"{ACCEPTED} cannot be read: {error}") from error


def steps_since(since: str, *, root: Path) -> list[Step]:
    """Raises `CannotCompare`."""
    _find(since, root)
    commits = _git(root, "rev-list", "--reverse", "--first-parent", f"{since}..HEAD", "--", SDL).split()
    texts = [_git(root, "show", f"{commit}:{SDL}") for commit in [since, *commits]]
    names = [commit[:10] for commit in commits]
    days = [date.fromisoformat(_git(root, "show", "-s", "--format=%cs", commit).strip()) for commit in commits]
    here = (root / SDL).read_text(encoding="utf-8")
    if here != texts[-1]:
        texts, names, days = [*texts, here], [*names, "not committed"], [*days, datetime.now(UTC).date()]
    schemas = [build_schema(text) for text in texts]
    return [Step(*step) for step in zip(names, days, schemas, schemas[1:], strict=False)]


def _find(since: str, root: Path) -> None:
    _git(root, "rev-parse", "--git-dir")
    try:
        _git(root, "merge-base", "--is-ancestor", since, "HEAD")
    except CannotCompare:
        if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
            raise CannotCompare(
                f"this clone is shallow and does not reach back to {since}. `git fetch --unshallow --tags` brings the "
                "rest; in CI, check out with the full history."
            ) from None
        raise CannotCompare(
            f"{since}, where {ACCEPTED} begins, is no ancestor of what is checked out. `git fetch --tags` may bring it."
        ) from None


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise CannotCompare("git is not installed, and what the schema was is in its history.") from None
    if done.returncode:
        raise CannotCompare(
            f"“git {' '.join(arguments)}” failed. This needs the repository with its history, not a copy of the files."
            f"\n{done.stderr}"
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
