"""`PaymentProvider`: one account at one provider, as the domain sees it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from domain.money import Money
from domain.provider.changes import (
    ChangesPage,
)
from domain.provider.disputes import (
    AcceptRequest,
    DisputeResult,
    EvidenceRequest,
)
from domain.provider.requests import (
    AttachRequest,
    CaptureRequest,
    ChargeRequest,
    ContinueRequest,
    CustomerRequest,
    LookUp,
    RefundRequest,
    VoidRequest,
)
from domain.provider.results import (
    ChargeResult,
    ClientSession,
    CustomerResult,
    PaymentMethodResult,
    RefundResult,
)
from domain.provider.webhooks import (
    WebhookEvent,
)
from domain.provider.words import (
    Capability,
    Refusal,
)


class PaymentProvider(Protocol):
    """One account at one provider.

    What a provider said may change days later, which a webhook or a look tells: what is PENDING comes to an end, and a
    refund that had SUCCEEDED fails when the customer's bank turns the money away. Money that was captured stays so, and
    a refund that was shown as failed never succeeds. A repeated request may be answered as it was at first: what became
    of it since, only looking tells.

    Methods never raise for what a provider or a network can do: that is an outcome. Each is bounded by the adapter's
    own timeout, after which the outcome is UNKNOWN. They may be cancelled at any await; what was asked may happen all
    the same.
    """

    @property
    def name(self) -> str:
        """`fake`, `stripe`, `braintree`: what clients pick their card form by."""
        ...

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        ...

    @property
    def capabilities(self) -> tuple[Capability, ...]: ...

    @property
    def currencies(self) -> frozenset[str] | None:
        """What the account is set up to charge in, as codes of ISO 4217; None where the provider decides by itself.

        Charges in any other are refused before anything is written down. Captures and refunds of what is there are not.
        """
        ...

    def least_amount(self, currency: str) -> Money:
        """The smallest amount that can be charged in it; less is FAILED. Zero where any amount can be.

        What nobody can know beforehand, since the provider converts at the rate of the day, is left to the provider:
        an amount that it refuses all the same is a charge that failed.
        """
        ...

    @property
    def key_lifetime(self) -> timedelta | None:
        """How long after it was first sent a request may be sent again under its key and surely act once.

        None where the account keeps no keys: nothing is ever sent twice there, and a lost answer is only looked for.
        """
        ...

    @property
    def look_up_lag_seconds(self) -> float | None:
        """How long after a request left an empty look-up still proves nothing; None where it never proves anything."""
        ...

    async def check(self) -> str | None:
        """What keeps the account from being used, in plain words; None when it answers to our credentials."""
        ...

    async def client_session(self, *, customer_ref: str) -> ClientSession | Refusal: ...

    async def ensure_customer(self, request: CustomerRequest) -> CustomerResult: ...

    async def forget_customer(self, *, customer_ref: str) -> CustomerResult:
        """Erase what the provider keeps of the person, their cards included; what they paid stays refundable.

        SUCCEEDED also when it no longer knows the customer, so it may be asked as often as needed.
        """
        ...

    async def attach_payment_method(self, request: AttachRequest) -> PaymentMethodResult: ...

    async def detach_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult:
        """SUCCEEDED also when the provider no longer knows the method."""
        ...

    async def fetch_payment_method(self, *, payment_method_ref: str) -> PaymentMethodResult: ...

    async def charge(self, request: ChargeRequest) -> ChargeResult: ...

    async def continue_charge(self, request: ContinueRequest) -> ChargeResult:
        """After the customer acted: the charge as it now is.

        Where REQUIRES_ACTION came without a reference nothing that could be paid exists at the provider: it is the
        customer that is confirmed, and this makes the charge, which `find_charge` finds by the id of this operation.
        FAILED says that this request was refused (a token that confirms nothing); the customer may act again.
        """
        ...

    async def capture(self, request: CaptureRequest) -> ChargeResult:
        """Take what is held, or a part of it, and release the rest: SUCCEEDED with what was taken.

        FAILED says that this request was refused, not what became of the charge; EXPIRED and VOIDED that nothing is
        held any longer.
        """
        ...

    async def void(self, request: VoidRequest) -> ChargeResult:
        """End a charge that has taken no money, and release what it holds.

        SUCCEEDED means that it was too late: the money is taken.
        """
        ...

    async def refund(self, request: RefundRequest) -> RefundResult: ...

    async def fetch_charge(self, *, charge_ref: str) -> ChargeResult: ...

    async def fetch_refund(self, *, refund_ref: str) -> RefundResult: ...

    async def fetch_dispute(self, *, dispute_ref: str) -> DisputeResult: ...

    async def submit_evidence(self, request: EvidenceRequest) -> DisputeResult:
        """Send what there is to say, for good: SUCCEEDED with the dispute as it is then.

        FAILED also when it is too late, or evidence was sent before: whoever wants to know fetches it.
        """
        ...

    async def accept_dispute(self, request: AcceptRequest) -> DisputeResult:
        """Give in: the money stays with the customer, whatever could still be said.

        SUCCEEDED also when it was accepted before.
        """
        ...

    async def find_charge(self, look_up: LookUp) -> ChargeResult | None:
        """The charge that this operation made; None only when the provider answered that there is none.

        A look-up that got no usable answer is a result with the outcome UNKNOWN, never None.
        """
        ...

    async def find_refund(self, look_up: LookUp) -> RefundResult | None:
        """As `find_charge`, for the refund that the operation made."""
        ...

    async def changes(self, *, since: datetime | None, cursor: str | None) -> ChangesPage:
        """A page of the account's charges, refunds and disputes that were made or changed since a moment; None for all.

        Also those that are none of ours. A page holds a hundred or so, whatever the account holds; the cursor of one
        leads to the next and is good for days, since a process may die between two. In no promised order, and one
        object may come more than once. What changes while the list is read may be left to the next listing, which
        overlaps; what was there before and did not change may not. A list that got no usable answer is UNKNOWN.

        Stripe: /v1/payment_intents, /v1/refunds and /v1/disputes by `created` (with `starting_after` as the cursor),
        and /v1/events for what was made before and changed since; events go back 30 days. Braintree:
        transaction.search by `created_at`, `authorized_at`, `settled_at`, `voided_at` and the other times of a status,
        one after the other, for it has no `updated_at`; the cursor names the search and a span of time small enough
        for its limit of results, and a fresh transaction may be missing for a while.
        """
        ...

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        """Check the signature on the raw bytes and read the event; WebhookRejected for anything else."""
        ...

    def webhook_challenge(self, query: Mapping[str, str]) -> str | None:
        """What the provider wants to read at our end point before it sends webhooks there, asked with this query.

        None for a query that is none of its own; WebhookRejected for one that it would not ask.
        """
        ...

    async def close(self) -> None: ...
