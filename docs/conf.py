"""How a site is made of these pages; `make docs` does it.

The pages are plain Markdown, for people read them on a git host too. What only the site needs is added here: its
navigation, which is read off the lists of links on the index pages, and the changes, which are kept at the top of the
repository.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

_ENTRY = re.compile(r"^- \[([^\]]+)\]\(((?!\.\./|https?:)[^)#]+)\.md\)", re.MULTILINE)
_CHANGES = Path(__file__).parents[1] / "CHANGELOG.md"

project = "Paydesk"
html_title = "Paydesk"
exclude_patterns = ["examples"]
extensions = ["myst_parser"]
myst_heading_anchors = 4  # links lead to headings by the anchors that a git host makes
highlight_language = "text"
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_static_path = ["_site"]
html_css_files = ["site.css"]
html_js_files = ["copy.js"]
html_copy_source = False
html_use_index = False
html_sidebars: dict[str, list[str]] = {
    name: []
    for name in (
        "index",
        "why",
        "quickstart",
        "glossary",
        "reliability",
        "performance",
        "architecture",
        "changelog",
        "search",
    )
}
html_theme_options = {
    "header_links_before_dropdown": 8,
    "search_as_you_type": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
}


def setup(app: Sphinx) -> None:
    app.connect("source-read", _bring_the_changes)
    app.connect("source-read", _add_navigation)


def _bring_the_changes(_app: Sphinx, page: str, source: list[str]) -> None:
    if page == "changelog":
        source[0] = _CHANGES.read_text(encoding="utf-8").replace("](docs/", "](")


def _add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    if page == "index" or page.endswith("/index"):
        entries = [f"{title} <{target}>" for title, target in _ENTRY.findall(source[0])]
        source[0] += "\n\n" + "\n".join(["```{toctree}", ":hidden:", "", *entries, "```", ""])
