"""What may go wrong with a webhook on its way to the gateway, and how a script says it (misbehaviour.py)."""

from dataclasses import dataclass
from enum import StrEnum


class DeliveryFault(StrEnum):
    TWICE = "twice"
    """Two deliveries at the same moment."""
    AGAIN = "again"
    """Once more that many seconds after it was taken: `again:60`."""
    DELAY = "delay"
    """The first try comes only after that many seconds: `delay:30`, or `delay:0-30` for a time that the seed draws."""
    OVERTAKEN = "overtaken"
    """It goes out after an event that happened later; where none comes soon, after all."""
    DROP = "drop"
    """The first try is lost on its way; the next one, a second later, arrives."""
    NEVER = "never"
    """It is not sent at all."""
    OLD_SIGNATURE = "old_signature"
    """The first try bears a signature from too long ago."""
    UNREADABLE = "unreadable"
    """The first try has a body that is signed and no event."""
    STRANGER = "stranger"
    """A genuine event goes before it, of a kind and about an object that nobody knows."""


OVERTAKEN_SECONDS = 10.0
"""How long an event waits to be overtaken: as long as a customer takes to go on, and no test waits for ever."""


@dataclass(frozen=True, slots=True)
class Misdelivery:
    """What goes wrong with one event. The books keep it as text, as a script has it."""

    fault: DeliveryFault
    seconds: float = 0.0

    @property
    def waits_seconds(self) -> float | None:
        """How long after it happened it is first sent, unless it is overtaken before; None for never."""
        if self.fault is DeliveryFault.NEVER:
            return None
        if self.fault is DeliveryFault.OVERTAKEN:
            return OVERTAKEN_SECONDS
        return self.seconds if self.fault is DeliveryFault.DELAY else 0.0

    @classmethod
    def read(cls, text: str) -> "Misdelivery":
        fault, _, seconds = text.partition(":")
        return cls(DeliveryFault(fault), float(seconds or 0))

    def __str__(self) -> str:
        return f"{self.fault}:{self.seconds}" if self.seconds else str(self.fault)
