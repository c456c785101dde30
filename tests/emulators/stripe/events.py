"""Events as they are listed, for 30 days: https://docs.stripe.com/api/events."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from tests.emulators.stripe.calls import Call
from tests.emulators.stripe.lists import page
from tests.emulators.stripe.refusals import Json, invalid

_KEPT_SECONDS = 30 * 24 * 3600


def retrieve(call: Call) -> Json:
    return call.account.get("event", call.id)


def list_all(call: Call) -> Json:
    asked = call.asked
    if "type" in asked and "types" in asked:
        raise invalid("Give type or types, not both.", param="types", code="parameters_exclusive")
    wanted = asked.get("types") or ([asked["type"]] if "type" in asked else ["*"])
    oldest = call.account.now - _KEPT_SECONDS
    events = [
        event for event in call.account.all("event") if event["created"] >= oldest and is_of(event["type"], wanted)
    ]
    if "delivery_success" in asked:
        events = [event for event in events if (event["pending_webhooks"] == 0) == asked["delivery_success"]]
    return page(events, asked, url="/v1/events")


def is_of(kind: str, wanted: Sequence[str]) -> bool:
    """Whether an event is of one of these kinds; `charge.*` are all that begin so."""
    return any(fnmatchcase(kind, pattern) for pattern in wanted)
