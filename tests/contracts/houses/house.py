"""What the suite needs beside the port: a provider's house, seen from the sides that a gateway never sees.

A house is one account of one provider, new for each test. It makes tokens as a card form does, plays the customer and
the customer's bank, moves time, spoils the wire, and knows what was really taken. It is written from the provider's
documentation and uses nothing of the adapter, so that a mistake there meets somebody who counts otherwise.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from domain.declines import DeclineCode
from domain.money import Money
from domain.provider import Capability, NextAction, PaymentProvider


class Power(StrEnum):
    """What a house can do to a provider. An emulator can do all of it, a real sandbox only some."""

    TIME = "TIME"
    """Put the provider's time forward."""
    CUSTOMER = "CUSTOMER"
    """Answer the bank's question for the customer, without a browser."""
    BANK = "BANK"
    """Decline a charge of any card for any reason."""
    WIRE = "WIRE"
    """Lose requests and answers, and spoil them."""
    CROWD = "CROWD"
    """Make hundreds of payments at the account."""
    CURRENCIES = "CURRENCIES"
    """Charge in every currency."""
    FORM = "FORM"
    """Give tokens that can be used once, as a page does."""


class Trait(StrEnum):
    """What is so with some providers and not with others, and right either way: a test may hold for some of them."""

    KEEPS_KEYS = "KEEPS_KEYS"
    """A request that comes again under its key acts once, and is answered as the first."""
    WAITS_FOR_THE_CUSTOMER = "WAITS_FOR_THE_CUSTOMER"
    """A charge stands there while its customer has to confirm it."""
    CHARGES_THE_CONFIRMED = "CHARGES_THE_CONFIRMED"
    """There is none until the customer has been confirmed, and gave what their SDK got for that."""
    ASKS_WHEN_STORING = "ASKS_WHEN_STORING"
    """A bank may want the customer's confirmation that a card is stored."""
    OPENS_FORMS_WITH_MORE = "OPENS_FORMS_WITH_MORE"
    """A card form needs more than the secret of its session."""
    PAYS_REFUNDS_AT_ONCE = "PAYS_REFUNDS_AT_ONCE"
    """A part of a charge can be given back as soon as it is taken."""
    HOLDS_PARTS_BACK = "HOLDS_PARTS_BACK"
    """Only once it has settled; the whole can be called off before."""
    PONDERS_REFUNDS = "PONDERS_REFUNDS"
    """A refund may be PENDING."""
    TELLS_OF_MONEY = "TELLS_OF_MONEY"
    """Webhooks are about charges, refunds and cards, and not about disputes alone."""
    MARKS_THE_MODE = "MARKS_THE_MODE"
    """A webhook says whether it is of test mode."""
    DATES_SIGNATURES = "DATES_SIGNATURES"
    """A webhook's signature is of a moment."""
    SIGNS_WITH_EACH = "SIGNS_WITH_EACH"
    """While secrets are changed a webhook is signed with both, and the gateway knows one; elsewhere it is signed with
    one, and the gateway knows both."""
    CHALLENGES = "CHALLENGES"
    """Before it sends webhooks it asks who receives them."""


class CardKind(StrEnum):
    """How a card behaves. One that a provider has no test card for is a `NoSuchCard`."""

    PLAIN = "PLAIN"
    OTHER = "OTHER"
    """As PLAIN, with another number."""
    DECLINED = "DECLINED"
    """The bank says no, already when the card is stored or else to every charge."""
    DECLINED_LATER = "DECLINED_LATER"
    """It can be stored, and every charge is declined."""
    CONFIRMED_FIRST = "CONFIRMED_FIRST"
    """The bank wants the customer's confirmation that it is stored, and then charges without them."""
    CHALLENGED = "CHALLENGED"
    """The bank wants the customer's confirmation for each charge."""
    CHALLENGED_THEN_DECLINED = "CHALLENGED_THEN_DECLINED"
    REFUND_PENDING = "REFUND_PENDING"
    """A refund takes its time, and succeeds."""
    REFUND_COMES_BACK = "REFUND_COMES_BACK"
    """A refund succeeds, and fails after all when some time has passed."""
    DISPUTED = "DISPUTED"
    """A charge succeeds, and is disputed as fraudulent at once."""
    DISPUTED_NOT_RECEIVED = "DISPUTED_NOT_RECEIVED"
    INQUIRED = "INQUIRED"
    """A charge succeeds, and the bank asks about it at once."""


class NoSuchCard(Exception):
    """The provider has no card that behaves so."""


class Powerless(Exception):
    """This house cannot do it, and does not have the power in its `powers`."""


class Fault(StrEnum):
    """What goes wrong with everything that is sent, until it stops."""

    CLOSED = "CLOSED"
    """The work is done; the connection closes without an answer."""
    RESET = "RESET"
    """The work is done; the connection is reset."""
    SILENT = "SILENT"
    """The work is done; no answer ever comes."""
    ERROR_AFTER = "ERROR_AFTER"
    """500, though the work is done."""
    HTML = "HTML"
    """The work is done; a proxy's page comes instead of the answer."""
    TRUNCATED = "TRUNCATED"
    """The work is done; half of the answer comes."""
    EMPTY = "EMPTY"
    """The work is done; the answer is `200 {}`."""
    ERROR = "ERROR"
    """500, and nothing is done."""
    UNAVAILABLE = "UNAVAILABLE"
    """503, and nothing is done."""
    RATE_LIMIT = "RATE_LIMIT"
    """429, and nothing is done."""


WORK_IS_DONE = (
    Fault.CLOSED,
    Fault.RESET,
    Fault.ERROR_AFTER,
    Fault.HTML,
    Fault.TRUNCATED,
    Fault.EMPTY,
)
"""Without SILENT, which takes a second each time."""
NOTHING_IS_DONE = (Fault.ERROR, Fault.UNAVAILABLE, Fault.RATE_LIMIT)


@dataclass(frozen=True, slots=True)
class TrueCharge:
    """A payment as the provider's own books have it, in major units of its currency."""

    charge_ref: str
    currency: str
    held: Decimal
    captured: Decimal
    refunded: Decimal
    """What is on its way back counts; what came back from there does not."""
    waits_for_the_customer: bool
    """Somebody could still pay it."""


@dataclass(frozen=True, slots=True)
class Truth:
    charges: tuple[TrueCharge, ...]
    """All that the account has, refused ones included."""

    def of(self, charge_ref: str | None) -> TrueCharge:
        (found,) = [charge for charge in self.charges if charge.charge_ref == charge_ref]
        return found

    @property
    def taken(self) -> tuple[TrueCharge, ...]:
        """Those that took or hold money."""
        return tuple(charge for charge in self.charges if charge.captured or charge.held)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it reaches the gateway."""

    headers: Mapping[str, str]
    body: bytes
    event: bytes
    """What is signed in it: the whole body, or a part of it."""


class House(Protocol):
    """One account of one provider, new and empty, or as good as new."""

    name: str
    """The provider's."""
    capabilities: tuple[Capability, ...]
    """What the provider declares."""
    declines: frozenset[DeclineCode]
    """The reasons for which this provider's charges can be declined."""
    powers: frozenset[Power]
    traits: frozenset[Trait]
    last4: str
    """Of a PLAIN card's number."""
    unrepresentable: tuple[Money, ...]
    """Amounts that are money, and that this provider has no words for."""
    webhook_secrets: tuple[str, ...]
    """All that the provider was told: the old one and the new one of a rotation."""
    winning_words: str
    losing_words: str
    """Evidence, of the kind OTHER, by which the test bank is told how to decide."""

    began: datetime | None
    """From when on all that happens at the account is this test's; None for an account that is new."""
    patience_seconds: float
    """How long something may take that happens by itself; an emulator does it at once."""

    @property
    def provider(self) -> PaymentProvider: ...

    def stranded(self) -> PaymentProvider:
        """The same provider, cut off: nobody listens where it sends its requests."""
        ...

    def impatient(self) -> PaymentProvider:
        """The same provider, which waits for an answer as long as a test does."""
        ...

    # --- time -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime: ...

    async def advance(self, by: timedelta) -> None: ...

    # --- customers and their banks ----------------------------------------------------------------------------------

    async def token(self, kind: CardKind) -> str:
        """What the provider's card form gives to the client for such a card; NoSuchCard."""
        ...

    async def confirm(self, action: NextAction) -> None:
        """The customer confirms at their bank, or finds that nobody asks any more."""
        ...

    async def refuse(self, action: NextAction) -> None: ...

    def given(self, action: NextAction) -> str | None:
        """What the provider's SDK gave to the client when the customer had acted; None before, and where it gives
        nothing."""
        ...

    async def settle(self, charge_ref: str) -> None:
        """Let pass what has to pass until a part of the charge can be given back."""
        ...

    async def decline_next(self, code: DeclineCode) -> None:
        """The bank declines the next charge for this reason, whatever the card."""
        ...

    # --- others on the account --------------------------------------------------------------------------------------

    async def stranger_charges(self, amount: Money) -> str:
        """Somebody else takes money with the account's keys; the charge's ref."""
        ...

    async def stranger_refunds(self, charge_ref: str, amount: Money) -> str: ...

    # --- the wire ---------------------------------------------------------------------------------------------------

    def broken(self, fault: Fault, *, looks: bool = True) -> AbstractAsyncContextManager[None]:
        """Everything that is sent meanwhile goes wrong; without `looks`, only what changes something there, where an
        adapter looks before that."""
        ...

    async def truth(self) -> Truth: ...

    # --- webhooks ---------------------------------------------------------------------------------------------------

    async def deliveries(self) -> Sequence[Delivery]:
        """What happened since this was asked before, as it is delivered now: genuine, in order, each once."""
        ...

    def signed(self, event: bytes, *, at: datetime | None = None, secrets: Sequence[str] | None = None) -> Delivery:
        """These bytes, signed as the provider does; now and with a right secret, if not said otherwise."""
        ...

    def rewritten(self, event: bytes, **changed: Any) -> bytes:
        """An event of the provider's with other words in it: `ref`, `object`, `livemode`; not signed."""
        ...

    def signature(self, delivery: Delivery) -> str: ...

    def with_signature(self, delivery: Delivery, signature: str | None) -> Delivery:
        """The same with another signature, or with none."""
        ...

    def written_anew(self, delivery: Delivery) -> Sequence[Delivery]:
        """The same event and the same signature, in other bytes than those that were signed."""
        ...

    def challenge(self, text: str) -> tuple[Mapping[str, str], str]:
        """With CHALLENGES: the query in which the provider asks, and the only answer that it takes."""
        ...
