"""Lists and their pages: https://docs.stripe.com/api/pagination."""

from collections.abc import Sequence

from tests.emulators.stripe.refusals import Json, invalid, missing

_LARGEST_PAGE = 100
_USUAL_PAGE = 10


def page(things: Sequence[Json], asked: Json, *, url: str) -> Json:
    """The page of these (newest first) that the parameters ask for, after those that `created` leaves out."""
    limit = asked.get("limit", _USUAL_PAGE)
    if not 1 <= limit <= _LARGEST_PAGE:
        raise invalid(f"A page has from 1 to {_LARGEST_PAGE} objects.", param="limit", code="parameter_invalid_integer")
    if "starting_after" in asked and "ending_before" in asked:
        raise invalid("Give starting_after or ending_before, not both.", param="ending_before")
    chosen = [thing for thing in things if created_in(thing, asked.get("created"))]
    if "ending_before" in asked:
        chosen = chosen[: _place(things, chosen, asked, "ending_before")]
        data, more = chosen[-limit:], len(chosen) > limit
    else:
        if "starting_after" in asked:
            chosen = chosen[_place(things, chosen, asked, "starting_after") + 1 :]
        data, more = chosen[:limit], len(chosen) > limit
    return {"object": "list", "data": data, "has_more": more, "url": url}


def matching(things: Sequence[Json], asked: Json, *names: str) -> list[Json]:
    """Those that have what was asked for under these names; what was not asked for does not matter."""
    wanted = {name: asked[name] for name in names if name in asked}
    return [thing for thing in things if all(thing[name] == value for name, value in wanted.items())]


def whole(things: Sequence[Json], *, url: str) -> Json:
    """A list inside an object."""
    return {"object": "list", "data": list(things), "has_more": False, "url": url}


def created_in(thing: Json, created: Json | int | None) -> bool:
    """Whether it was made in the interval of a `created` parameter: a moment, or its bounds."""
    moment: int = thing["created"]
    if created is None:
        return True
    if isinstance(created, int):
        return moment == created
    bounds: dict[str, int] = created
    return (
        moment > bounds.get("gt", -1)
        and moment >= bounds.get("gte", 0)
        and moment < bounds.get("lt", moment + 1)
        and moment <= bounds.get("lte", moment)
    )


def _place(things: Sequence[Json], chosen: Sequence[Json], asked: Json, cursor: str) -> int:
    id = asked[cursor]
    for position, thing in enumerate(chosen):
        if thing["id"] == id:
            return position
    what = things[0]["object"] if things else "object"
    raise missing(what, id, param=cursor)
