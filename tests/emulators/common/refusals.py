"""What an emulator says no with; each one's own says more."""


class Refusal(Exception):
    """A request that is not done."""

    status: int
    """Of the answer over HTTP."""
