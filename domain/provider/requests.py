"""What is asked of a provider. A request that moves money carries the id of its operation, its key there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.money import Money
from domain.provider.words import CaptureMode, Initiator


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRequest:
    customer_id: str
    """Ours; the key towards the provider, so that asking twice finds one account."""
    email: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    payment_method_id: str
    """Ours; the key towards the provider."""
    customer_ref: str
    token: str
    """What the provider's card form gave to the client. Never a card number."""
    return_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    operation_id: str
    charge_id: str
    amount: Money
    customer_ref: str
    payment_method_ref: str | None
    """A card that is stored at the account; None with `token`."""
    token: str | None = None
    """What the provider's card form gave to the client for a card that is charged before it is stored."""
    store_card: bool = False
    """With `token`: the card is kept, for further charges, also without the customer; else it is charged just once."""
    initiator: Initiator
    return_url: str | None
    capture: CaptureMode = CaptureMode.AUTOMATIC
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_keyed: bool = True
    """Whether a lost answer will be solved by sending this again under its key. Without it, an account that may refuse
    keys is sent none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueRequest:
    operation_id: str
    charge_ref: str | None
    """None for a charge that was answered with REQUIRES_ACTION and without a reference: then `charge` is made."""
    token: str | None
    """What the provider's SDK gave to the client after the customer acted, where it gives something (Braintree)."""
    charge: ChargeRequest | None = None
    """Without a reference: what was asked for at first, under this operation's id, and to be paid with `token`."""
    is_keyed: bool = True
    """As of a charge."""

    @property
    def known_ref(self) -> str:
        """For providers whose first answer always names the charge; LookupError otherwise."""
        if self.charge_ref is None:
            raise LookupError(f"{self.operation_id} continues a charge that has no reference")
        return self.charge_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    operation_id: str
    charge_ref: str
    amount: Money
    """Up to what is held. One capture a charge: the rest is released."""
    is_keyed: bool = True
    """As of a charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidRequest:
    operation_id: str
    charge_ref: str
    is_keyed: bool = True
    """As of a charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    operation_id: str
    refund_id: str
    charge_ref: str
    amount: Money
    reason: str | None
    is_keyed: bool = True
    """As of a charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """How an operation is found again at a provider that may list slowly or by customer only."""

    operation_id: str
    customer_ref: str | None
    charge_ref: str | None
    not_before: datetime
    """No request of this operation left before this moment."""
    initiator: Initiator
    """Who started the charge: where nobody is there, nobody can be asked to confirm it."""
    amount: Money | None
    """What the operation asked for, of a charge, a capture or a refund."""
