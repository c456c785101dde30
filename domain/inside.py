"""Whether a transaction is open here, for what may not happen inside of one.

The store says so of everything that runs in its blocks. A task that is given a context of its own is outside.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_INSIDE: Final = ContextVar("paydesk_inside_a_transaction", default=False)


class InsideTransaction(RuntimeError):
    """A mistake in our own code: somebody outside was to be asked while a transaction holds its locks."""


@contextmanager
def inside() -> Iterator[None]:
    before = _INSIDE.get()
    _INSIDE.set(True)
    try:
        yield
    finally:
        # Not by a token: a block may be closed in another context than it was opened in.
        _INSIDE.set(before)


def check_outside(about: str) -> None:
    if _INSIDE.get():
        raise InsideTransaction(f"a provider was to be asked about {about} inside a transaction")
