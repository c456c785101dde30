"""The sandboxes that `make test-live` can go to, each with the rules that keep it off everything else.

The keys reach the run of the tests in variables that nobody sets by hand: those of the shell are hidden from it.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contracts.sandboxes import braintree, stripe

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sandbox:
    name: str
    is_asked: Callable[[Environment], bool]
    """Whether whoever runs it has given something that is for this sandbox."""
    problem: Callable[[Environment], str | None]
    """Why it is not run, in a sentence that repeats no key; None when nothing speaks against it."""
    unusable: Callable[[Environment], Coroutine[Any, Any, str | None]]
    """What the provider has against the keys, or the network against reaching it; None when they can be used."""
    told: Callable[[Environment], dict[str, str]]
    """The variables of the run."""
    doubts: Sequence[Path]
    """Tests of what the emulator takes to be so."""
    never_shown: str


SANDBOXES = (
    Sandbox(
        "stripe",
        stripe.is_asked,
        stripe.problem,
        stripe.unusable,
        stripe.told,
        stripe.DOUBTS,
        stripe.NEVER_SHOWN,
    ),
    Sandbox(
        "braintree",
        braintree.is_asked,
        braintree.problem,
        braintree.unusable,
        braintree.told,
        (),
        braintree.NEVER_SHOWN,
    ),
)
