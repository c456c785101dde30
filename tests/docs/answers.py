"""Whether an answer is the one that a page shows, where `…` stands for whatever."""

import re


def is_as_shown(shown: object, got: object, *, top: bool = False) -> bool:
    if isinstance(shown, str) and isinstance(got, str):
        return fits(shown, got)
    if isinstance(shown, dict) and isinstance(got, dict):
        if top and "extensions" not in shown:
            got = {name: value for name, value in got.items() if name != "extensions"}
        return list(shown) == list(got) and all(is_as_shown(shown[name], got[name]) for name in shown)
    if isinstance(shown, list) and isinstance(got, list):
        return len(shown) == len(got) and all(map(is_as_shown, shown, got))
    return type(shown) is type(got) and shown == got


def fits(shown: str, got: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), got, re.DOTALL) is not None
