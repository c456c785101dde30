"""`make schema-check` in real repositories. Run by it, for it needs git; `make test` does not."""

import subprocess
from pathlib import Path

import pytest

from tests.schema.evolution import SDL, CannotCompare, breaks, steps_since

FIRST = "type Query { order: Int total: Int }\n"
BROKEN = "type Query { order: Int }\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "schema").mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, FIRST)
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@shop.example", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, sdl: str) -> str:
    (root / SDL).write_text(sdl, encoding="utf-8")
    git(root, "add", SDL)
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Change the schema")
    return git(root, "rev-parse", "HEAD")


def test_a_break_that_is_committed_is_found_on_main(repository: Path) -> None:
    since = git(repository, "rev-parse", "HEAD")
    broken = commit(repository, BROKEN)
    commit(repository, BROKEN + "\n# Later.\n")

    steps = steps_since(since, root=repository)

    assert [breaks(step.before, step.after) for step in steps] == [["Field Query.total was removed."], []]
    assert steps[0].name == broken[:10]


def test_a_break_that_is_not_committed_yet_is_found(repository: Path) -> None:
    since = git(repository, "rev-parse", "HEAD")
    (repository / SDL).write_text(BROKEN, encoding="utf-8")

    (step,) = steps_since(since, root=repository)

    assert (step.name, breaks(step.before, step.after)) == ("not committed", ["Field Query.total was removed."])


def test_what_was_before_the_beginning_is_past(repository: Path) -> None:
    commit(repository, BROKEN)

    assert steps_since("HEAD", root=repository) == []


def test_a_branch_counts_as_what_it_brought(repository: Path) -> None:
    """A branch may break and mend its own schema before it is merged."""
    since = git(repository, "rev-parse", "HEAD")
    git(repository, "switch", "--quiet", "-c", "branch")
    commit(repository, BROKEN)
    commit(repository, FIRST + "extend type Query { due: Int }\n")
    git(repository, "switch", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "-m", "Merge", "branch")

    (step,) = steps_since(since, root=repository)

    assert breaks(step.before, step.after) == []


def test_a_shallow_clone_says_how_to_get_the_rest(repository: Path, tmp_path: Path) -> None:
    since = git(repository, "rev-parse", "HEAD")
    commit(repository, BROKEN)
    git(tmp_path, "clone", "--quiet", "--depth=1", repository.as_uri(), "shallow")

    with pytest.raises(CannotCompare, match="git fetch --unshallow"):
        steps_since(since, root=tmp_path / "shallow")


def test_a_beginning_that_is_not_there_is_told(repository: Path) -> None:
    with pytest.raises(CannotCompare, match=r"v9\.9\.9, where .* begins, is no ancestor"):
        steps_since("v9.9.9", root=repository)


def test_a_copy_without_its_history_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "schema").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(CannotCompare, match="needs the repository with its history"):
        steps_since("HEAD", root=tmp_path)


def test_a_machine_without_git_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(CannotCompare, match="git is not installed"):
        steps_since("HEAD", root=repository)
