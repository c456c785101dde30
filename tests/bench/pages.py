"""Where the figures stand in docs/performance.md."""

from tests.databases import ROOT

_PAGE = ROOT / "docs" / "performance.md"
_END = "<!-- until here -->"


def write(subject: str, text: str) -> None:
    """In the place of those that were measured of this before."""
    begin = f"<!-- measured: {subject} -->\n"
    before, found, rest = _PAGE.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise LookupError(f"{_PAGE} has no place for {subject}.")
    _, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{begin}{text}\n{_END}{after}", encoding="utf-8")
