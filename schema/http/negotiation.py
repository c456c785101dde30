"""Media types: which one a client wants, which one it has sent."""

import re
from dataclasses import dataclass

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"
EVENT_STREAM = "text/event-stream"

# First is preferred where a client likes both the same, or says nothing.
OFFERED = (GRAPHQL_RESPONSE, JSON)

_PARAMETER = re.compile(r';\s*([\w!#$%&*+.^`|~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*')
_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_COMMA_OUTSIDE_QUOTES = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')

# A header longer than this is nobody's; it is not worth the backtracking.
LONGEST_HEADER = 2_000


@dataclass(frozen=True, slots=True)
class MediaType:
    """`type/subtype` in lower case, with its parameters."""

    name: str
    parameters: dict[str, str]

    @property
    def is_utf8(self) -> bool:
        return self.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def parse_media_type(text: str) -> MediaType:
    name, semicolon, rest = text.partition(";")
    parameters = {key.lower(): value.strip('"') for key, value in _PARAMETER.findall(semicolon + rest[:LONGEST_HEADER])}
    return MediaType(name.strip().lower(), parameters)


class Accept:
    """An `Accept` header with its q values; an absent or empty one takes everything."""

    def __init__(self, header: str | None) -> None:
        self._qualities: dict[str, float] = {}
        for part in _COMMA_OUTSIDE_QUOTES.split((header or "*/*")[:LONGEST_HEADER]):
            if (entry := parse_media_type(part)).name and entry.is_utf8:
                self._qualities[entry.name] = quality_of(entry)

    def preferred(self) -> str | None:
        """The one of our media types that the client wants most, or None if it takes neither."""
        best = max(OFFERED, key=self.quality)
        return best if self.quality(best) > 0 else None

    def takes_stream(self) -> bool:
        """Whether it names event streams. `*/*` does not: most who send it would wait for the end of the answer."""
        return self._qualities.get(EVENT_STREAM, 0.0) > 0

    def prefers_stream(self) -> bool:
        """Whether also a single answer is to be sent as an event stream, as graphql-sse's client wants it.

        urql names event streams with every query, but likes JSON as much, and can read nothing else there.
        """
        return self._qualities.get(EVENT_STREAM, 0.0) > max(map(self.quality, OFFERED))

    def prefers_html(self) -> bool:
        """Whether this is a browser's address bar: it names HTML, and likes it better than JSON.

        A mere `*/*` (curl, fetch, most HTTP libraries) is not a wish for a web page.
        """
        return HTML in self._qualities and self._qualities[HTML] > max(map(self.quality, OFFERED))

    def quality(self, name: str) -> float:
        """The most specific range that covers the type decides (RFC 9110, 12.5.1)."""
        for media_range in (name, name.partition("/")[0] + "/*", "*/*"):
            if media_range in self._qualities:
                return self._qualities[media_range]
        return 0.0


def quality_of(entry: MediaType) -> float:
    weight = entry.parameters.get("q", "1")
    return float(weight) if _QUALITY.fullmatch(weight) else 0.0
