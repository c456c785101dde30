"""An event tells what happened to which objects, the one that changed first."""

from domain.events import EventKind, new_event
from domain.ids import IdPrefix, prefix_of
from tests.domain.examples import NOW


def test_an_event_names_all_that_it_concerns() -> None:
    event = new_event(
        EventKind.REFUND_REQUESTED, "ref_1", "chg_1", "ord_1", actor="staff:ada", livemode=True, now=NOW, data={"a": 1}
    )
    assert prefix_of(event.id) is IdPrefix.EVENT
    assert event.subject_ids == ("ref_1", "chg_1", "ord_1")
    assert (event.kind, event.actor, event.livemode, event.created_at) == (
        EventKind.REFUND_REQUESTED,
        "staff:ada",
        True,
        NOW,
    )
    assert event.data == {"a": 1}


def test_events_of_one_moment_keep_their_order() -> None:
    made = [
        new_event(EventKind.ORDER_PLACED, "ord_1", actor="staff:ada", livemode=False, now=NOW) for _ in range(1_000)
    ]
    assert [event.id for event in made] == sorted(event.id for event in made)
    assert made[0].data == {}
