"""What the clients were told, so that it can be held against what is there in the end."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

_FOR_GOOD = {
    "ord": frozenset({"COMPLETED", "CANCELED", "EXPIRED"}),
    "chg": frozenset({"SUCCEEDED"}),
    "ref": frozenset({"SUCCEEDED"}),
}
"""States that a client may rely on. What was declined or called off may turn out to have taken the money after all."""


@dataclass
class Memory:
    made: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """What each mutation has made under each key, in the order in which it was told."""
    known: set[str] = field(default_factory=set)
    """The id of every order, charge and refund that a client has seen."""
    ended: dict[str, str] = field(default_factory=dict)
    """The state of what was said to be over for good."""
    captured: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    repeats: int = 0
    """Requests sent again under their key, since no answer came."""
    refusals: Counter[str] = field(default_factory=Counter)
    longest_wait_seconds: float = 0.0
    """From the first try of a wish to its answer."""
    unanswered: list[str] = field(default_factory=list)

    def told(self, mutation: str, key: str | None, noun: str, payload: Json) -> None:
        for error in payload.get("userErrors", ()):
            self.refusals[error["code"]] += 1
        for record in (payload.get("order"), payload.get("charge"), payload.get("refund")):
            if record:
                self.seen(record)
        made = payload.get(noun)
        if key is not None and made and not payload.get("userErrors"):
            ids = self.made[mutation, key]
            if made["id"] not in ids:
                ids.append(made["id"])

    def seen(self, record: Json) -> None:
        self.known.add(record["id"])
        if record.get("state") in _FOR_GOOD[record["id"].split("_")[0]]:
            self.ended[record["id"]] = record["state"]
        if record.get("captured"):
            taken = record["captured"]["minorUnits"]
            self.captured[record["id"]] = max(taken, self.captured.get(record["id"], 0))
