"""What a request may say. The reference is the installed SDK (braintree 4.48): its signatures.

A parameter that no signature names is refused with 400 (the SDK would not have sent it); one that is valid there and
means nothing here with the code `emulator_unsupported`.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tests.emulators.braintree.refusals import UNSUPPORTED, Refused, Trouble, invalid
from tests.emulators.braintree.xmltext import Tree

_AMOUNT = re.compile(r"^-?\d+(\.\d{1,3})?$")
MOST = Decimal("9999999999.99")
_ID = re.compile(r"^[A-Za-z0-9_-]+$")
_LONGEST_ID = 36
WITHOUT_DECIMALS = frozenset({"JPY", "KRW", "CLP", "ISK", "UGX", "VND", "XAF", "XOF", "XPF", "PYG", "RWF"})
WITH_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def flattened(signature: Iterable[Any], parent: str = "") -> frozenset[str]:
    """The SDK's signature as paths: `options.submit_for_settlement`."""
    paths: set[str] = set()
    for item in signature:
        if isinstance(item, dict):
            for name, inner in item.items():
                paths |= flattened(inner, f"{parent}{name}.")
        else:
            paths.add(f"{parent}{item}")
    return frozenset(paths)


def check_names(root: str, asked: Tree, *, known: frozenset[str], supported: frozenset[str]) -> None:
    """Refused when something is asked that is nothing at Braintree, or nothing here."""
    paths = sorted(_paths(asked))
    if any(not _is_in(path, known) for path in paths):
        raise Refused(400)
    strange = [path for path in paths if not _is_in(path, supported)]
    if strange:
        raise Refused(422, *(_unsupported(root, path) for path in strange))


def _unsupported(root: str, path: str) -> Trouble:
    *where, attribute = path.split(".")
    return Trouble((root, *where), attribute, UNSUPPORTED, f"The emulator does not know {path}.")


def _paths(asked: Tree, parent: str = "") -> Iterable[str]:
    for name, value in asked.items():
        path = f"{parent}{name}"
        if isinstance(value, dict):
            yield from _paths(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from _paths(item, f"{path}.")
        elif value is not None:
            yield path


def _is_in(path: str, known: frozenset[str]) -> bool:
    head, _, _ = path.rpartition(".")
    return path in known or f"{path}.__any_key__" in known or f"{head}.__any_key__" in known


def amount(asked: Tree, currency: str, *where: str) -> Decimal:
    """The amount in major units; Refused when it is none, or none of this currency."""
    text = asked.get("amount")
    if text is None:
        raise invalid(*where, "amount", code="81502", message="An amount is required.")
    if not isinstance(text, str) or not _AMOUNT.match(text):
        raise invalid(*where, "amount", code="81503", message="The amount is in no valid format.")
    value = Decimal(text)
    if value < 0:
        raise invalid(*where, "amount", code="81501", message="An amount is not negative.")
    if value == 0:
        raise invalid(*where, "amount", code="81531", message="The amount has to be greater than zero.")
    if value > MOST:
        raise invalid(*where, "amount", code="81528", message="The amount is too large.")
    if value != value.quantize(smallest(currency)):
        raise invalid(*where, "amount", code="81503", message=f"{currency} has no such fraction.")
    return value


def smallest(currency: str) -> Decimal:
    if currency in WITHOUT_DECIMALS:
        return Decimal(1)
    return Decimal("0.001") if currency in WITH_THREE_DECIMALS else Decimal("0.01")


def shown_amount(value: Decimal) -> str:
    """Two decimals whatever the currency (`3.00` for 3 yen), three where they say something."""
    return f"{value:.2f}" if value == value.quantize(Decimal("0.01")) else f"{value:.3f}"


def flag(asked: Tree, name: str) -> bool:
    """A truth that may have come as a text: the SDK sends what it was given."""
    return asked.get(name) in (True, "true", "1")


def is_id(text: str, *, longest: int = _LONGEST_ID) -> bool:
    return len(text) <= longest and _ID.match(text) is not None and text not in ("new", "all")
